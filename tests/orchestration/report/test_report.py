"""The report: its numbers, its proof, hostile texts, and what a parser says of the files."""

from __future__ import annotations

import io
import re
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import duckdb
import openpyxl
import pytest
import tiny_marts as marts
from lxml import etree

from orchestration.errors import AvvikError
from orchestration.proof import proof_of_file
from orchestration.report import write as write_module
from orchestration.report.causes import explain
from orchestration.report.excel import render_excel
from orchestration.report.figures import waterfall_steps
from orchestration.report.html import _css_string
from orchestration.report.model import read_report
from orchestration.report.numbers import clean, money, number, percent, tkr
from orchestration.report.options import ReportOptions
from orchestration.report.pdf import MISSING, find_browser
from orchestration.report.write import build, file_stem, prove_report, report_units, write_reports
from orchestration.settings import Settings, load_settings

X = "{http://www.w3.org/1999/xhtml}"
NO_PDF = ReportOptions(pdf=False)


@pytest.fixture
def settings(home: Path) -> Settings:
    marts.publish(home)
    return load_settings(home)


@pytest.fixture
def connection(settings: Settings) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(settings.published / "reporting.duckdb"), read_only=True)


# Numbers


def test_swedish_numbers() -> None:
    assert number(Decimal("-17104971"), 0) == "−17\u202f104\u202f971"
    assert number(Decimal("-0.4")) == "0"
    assert tkr(Decimal("2148562")) == "2\u202f149"
    assert (money(Decimal("2148562")), money(Decimal("-544559"))) == ("2,1\u00a0mkr", "545\u00a0tkr")
    assert money(Decimal("-544559"), sign=True) == "−545\u00a0tkr"
    assert percent(Decimal("0.3282"), 1) == "32,8\u00a0%"


def test_clean_takes_away_what_no_document_can_hold() -> None:
    assert clean("a\x00b\u202ec\nd  e") == "a\ufffdb\ufffdc d e"


def test_rates_and_budget_profile(connection: duckdb.DuckDBPyConnection) -> None:
    report = read_report(connection, "Provkommun", "KOMMUN", "KLK", "2015-03")
    line = report.line("other_external_cost")
    rate = report.rate(line)
    assert rate is not None
    assert (rate.so_far, rate.implied) == (Decimal("-600000.51"), (Decimal(-9_000_000) + Decimal("1800001.53")) / 9)
    explained = explain(connection, report, line)
    # 25 % of 9,0 mkr is 2,25 mkr, the budget of the period 2,85 mkr: 0,6 mkr of the deviation is the profile.
    assert [(cause.kind, cause.amount) for cause in explained.causes] == [("budget_profile", Decimal("600000.00"))]
    assert explained.unexplained == line.deviation - 600_000 == Decimal("449998.47")


@pytest.mark.parametrize(
    ("last_year", "effect"),
    [
        ("0.24", Decimal("600000.00")),  # twelfths (25 %) are nearer to the budget's 31,7 %: both vouch for that much
        ("0.30", Decimal("150000.00")),  # last year is nearer
        ("0.3166", None),  # the budget lies as last year did: nothing to say
        ("0.36", None),  # they point in opposite directions
    ],
)
def test_a_budget_profile_is_held_against_what_is_nearest(settings: Settings, last_year: str, effect: Decimal | None) -> None:
    with duckdb.connect(str(settings.published / "reporting.duckdb")) as connection:
        connection.execute(
            "update marts.follow_up set outcome_previous_year = -10000000, outcome_previous_year_period = -10000000 * ?",
            [Decimal(last_year)],
        )
        report = read_report(connection, "P", "KOMMUN", "KLK", "2015-03")
        causes = explain(connection, report, report.line("other_external_cost")).causes
    assert [cause.amount for cause in causes if cause.kind == "budget_profile"] == ([] if effect is None else [effect])


def test_a_profile_larger_than_the_surplus_is_not_a_part_of_it(settings: Settings) -> None:
    with duckdb.connect(str(settings.published / "reporting.duckdb")) as connection:
        connection.execute(
            "update marts.follow_up set outcome_period = outcome_period - 900000, deviation_period = deviation_period - 900000 "
            "where report_period = '2015-03' and report_line in ('internal_rent', 'total_cost', 'net')"
        )
        _, _, words = build(connection, settings, "KLK", "2015-03", NO_PDF)
    text = words.plain().replace("\u00a0", " ").replace("\u202f", " ")
    assert "förbättrar periodens avvikelse med 600 tkr; utan den skulle avvikelsen ha varit −420 tkr" in text
    assert "600 tkr av periodens överskott" not in text


def test_a_profile_of_more_than_twice_the_deviation_is_not_said_to_work_against_it(settings: Settings) -> None:
    with duckdb.connect(str(settings.published / "reporting.duckdb")) as connection:
        connection.execute(
            "update marts.follow_up set outcome_period = outcome_period - 900000, deviation_period = deviation_period - 900000 "
            "where report_period = '2015-03' and report_line in ('other_external_cost', 'total_cost', 'net')"
        )
        _, _, words = build(connection, settings, "KLK", "2015-03", NO_PDF)
    text = words.plain().replace("\u00a0", " ").replace("\u202f", " ")
    assert "Det förklarar mer än hela avvikelsen: med jämn fördelning hade avvikelsen varit −450 tkr." in text
    assert "eftersom det kända är mer än dubbelt så stort som avvikelsen" in text
    assert "drar åt andra hållet, som" not in text


def test_an_account_of_a_mixed_line_grows_and_shrinks_by_its_own_sign(settings: Settings) -> None:
    with duckdb.connect(str(settings.published / "reporting.duckdb")) as connection:
        connection.execute(
            """
            insert into marts.fct_ledger_line by name
            select '2014-02' as period, '7459' as account, 'other_internal_cost' as report_line, 'A1' as unit_code, 7e4 as amount
            union all select '2015-02', '7459', 'other_internal_cost', 'A1', 400000
            """
        )
        connection.execute(
            "update marts.follow_up set outcome_period = outcome_period + 400000, deviation_period = deviation_period + 400000 "
            "where report_period = '2015-03' and report_line in ('other_internal_cost', 'total_cost', 'net')"
        )
        _, _, words = build(connection, settings, "A1", "2015-03", NO_PDF)
    (paragraph,) = [paragraph for paragraph in words.deviations if paragraph.line == "other_internal_cost"]
    assert "har konto 7459 +Konsulttjänster ökat med" in paragraph.text


def test_income_that_nobody_booked_is_a_cause_and_is_not_counted_twice(connection: duckdb.DuckDBPyConnection) -> None:
    report = read_report(connection, "Provkommun", "KOMMUN", "KLK", "2015-03")
    explained = explain(connection, report, report.line("internal_income"))
    assert [(cause.kind, cause.amount) for cause in explained.causes] == [("nothing_booked", Decimal(-120_000))]
    assert explained.unexplained == 0
    assert explained.share == 1


def test_rows_that_say_which_time_they_are_for(settings: Settings) -> None:
    with duckdb.connect(str(settings.published / "reporting.duckdb")) as connection:
        connection.execute(
            """
            insert into marts.fct_ledger_line
            select 'f.se', 901, '2015-04', 'K', '901', date '2015-04-10', date '2015-04-10', '7459', 'external_income', 'A1',
                '870', 30000, 'Sent', null, null, null, date '2015-01-01', date '2015-03-31'
            union all
            select 'f.se', 902, '2015-02', 'K', '902', date '2015-02-10', date '2015-02-10', '7459', 'personnel', 'A1', '870',
                -45000, 'Fjol', null, null, null, date '2014-11-01', date '2014-12-31'
            union all
            select 'f.se', 903, '2015-02', 'K', '903', date '2015-02-10', date '2015-02-10', '7459', 'personnel', 'A1', '870',
                -99000, 'Delar sig', null, null, null, date '2014-11-01', date '2015-01-31'
            """
        )
        report = read_report(connection, "P", "KOMMUN", "KLK", "2015-03")
        late = explain(connection, report, report.line("external_income")).causes
        earlier = explain(connection, report, report.line("personnel")).causes
    assert [(cause.kind, cause.amount) for cause in late] == [("late", Decimal(-30_000))]
    assert [(cause.kind, cause.amount) for cause in earlier] == [("earlier_year", Decimal(-45_000))]


@pytest.mark.parametrize("unit", ["KOMMUN", "KLK", "A1"])
def test_the_waterfall_adds_up_to_the_ore(settings: Settings, connection: duckdb.DuckDBPyConnection, unit: str) -> None:
    report, explained, _ = build(connection, settings, unit, "2015-03", NO_PDF)
    steps = waterfall_steps(report, explained)
    assert sum(step.amount for step in steps if not step.total) == report.net.deviation == steps[-1].amount


# Text


def test_the_text_says_what_the_forecast_implies_and_what_is_unexplained(
    settings: Settings, connection: duckdb.DuckDBPyConnection
) -> None:
    _, _, words = build(connection, settings, "KLK", "2015-03", NO_PDF)
    text = words.plain().replace("\u00a0", " ").replace("\u202f", " ")
    assert "Övriga externa kostnader är 1,0 mkr lägre än budget för perioden (37 %)." in text
    assert (
        "perioden har 31,7 % av årets budget, mot 25,0 % med jämn fördelning. Det förklarar 600 tkr (57 %) av avvikelsen." in text
    )
    assert "Oförklarat återstår +450 tkr (43 %)." in text
    assert "övriga externa kostnader, från 600 tkr till 800 tkr per månad (+33 %)" in text
    assert "Data ger ingen orsak: hela avvikelsen är oförklarad." in text


def test_a_report_that_contradicts_its_table_is_not_written(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = write_module.write

    def lying(report, explained):
        words = honest(report, explained)
        if report.unit == "KLK":
            words.summary.append("Periodens nettokostnad uppgår till 99,9 mkr.")
        return words

    monkeypatch.setattr(write_module, "write", lying)
    result = write_reports(settings, "2015-03", options=NO_PDF)
    assert [unit for unit, _ in result.refused] == ["KLK"]
    assert "99,9" in str(result.refusal)
    folder = settings.home / "reports" / "2015-03"
    assert (folder / "KOMMUN.html").exists()
    assert not (folder / "KLK.html").exists()


def test_an_impossible_table_is_refused(settings: Settings) -> None:
    with duckdb.connect(str(settings.published / "reporting.duckdb")) as connection:
        connection.execute(
            "update marts.follow_up set deviation_period = deviation_period + 6000 where report_line = 'personnel'"
        )
        report, _, words = build(connection, settings, "KLK", "2015-03", NO_PDF)
        _, faults = prove_report(report, words)
    assert any("table cannot be true" in fault.en for fault in faults)


def test_without_forecast_the_report_says_so(home: Path) -> None:
    marts.publish(home, forecast=False)
    written = write_reports(load_settings(home), "2015-03", ["KLK"], options=NO_PDF).written
    text = written[0].read_text(encoding="utf-8")
    assert "Någon prognos för helåret finns inte för perioden" in text


# Files


@pytest.fixture
def html(settings: Settings) -> str:
    marts.comments(settings.home, [("KLK", "personnel", "<i>Vakans</i> =1+1", "A & B")])
    written = write_reports(settings, "2015-03", ["KLK"], options=NO_PDF).written
    return written[0].read_text(encoding="utf-8")


def test_html_is_well_formed_and_whole(html: str) -> None:
    root = etree.fromstring(html.encode(), etree.XMLParser(resolve_entities=False, no_network=True))
    assert root.get("lang") == "sv"
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    for link in root.iter(f"{X}a"):
        assert link.get("href", "").removeprefix("#") in ids
    for element in root.iter():
        for name in ("aria-labelledby",):
            assert all(target in ids for target in (element.get(name) or "").split())
    levels = [int(element.tag[-1]) for element in root.iter() if re.fullmatch(re.escape(X) + r"h[1-6]", str(element.tag))]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    for table in root.iter(f"{X}table"):
        assert table.find(f"{X}caption") is not None
        assert all(cell.get("scope") for cell in table.iter(f"{X}th"))
    for picture in root.iter("{http://www.w3.org/2000/svg}svg"):
        assert picture.get("role") == "img"
        assert picture.find("{http://www.w3.org/2000/svg}title") is not None
        assert picture.find("{http://www.w3.org/2000/svg}desc") is not None


def test_html_has_no_errors_by_the_html_standards_own_parser(html: str) -> None:
    html5lib = pytest.importorskip("html5lib")
    parser = html5lib.HTMLParser(strict=False)
    parser.parse(html)
    assert parser.errors == []


def test_html_fetches_and_runs_nothing(html: str) -> None:
    root = etree.fromstring(html.encode())
    tags = {etree.QName(element).localname for element in root.iter() if isinstance(element.tag, str)}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "form", "base", "i", "b"}
    attributes = {name for element in root.iter() for name in element.attrib}
    assert not any(name.startswith("on") or name in ("src", "style") for name in attributes)
    assert "default-src 'none'" in html
    assert marts.HOSTILE in "".join(root.itertext())  # as text
    assert "&lt;i&gt;Vakans&lt;/i&gt;" in html


def test_what_a_person_wrote_is_set_apart(html: str) -> None:
    root = etree.fromstring(html.encode())
    asides = [aside for aside in root.iter(f"{X}aside") if aside.get("class") == "person"]
    assert ["".join(aside.itertext()).strip() for aside in asides] == ["A & B: <i>Vakans</i> =1+1"]


def test_personal_texts_do_not_leave(html: str, settings: Settings, connection: duckdb.DuckDBPyConnection) -> None:
    report, explained, words = build(connection, settings, "KLK", "2015-03", NO_PDF)
    assert all(not voucher.text for voucher in report.vouchers if voucher.line == "personnel")
    assert "(visas inte: kan peka ut en person)" in html
    hidden = ReportOptions(pdf=False, hide_texts_of_counterparties=["87"])
    report, explained, words = build(connection, settings, "KLK", "2015-03", hidden)
    assert b"HYPERLINK" not in render_excel(report, words, explained)
    assert all(voucher.text_hidden for voucher in report.vouchers)


def _evaluate(formula: str, sheet: openpyxl.worksheet.worksheet.Worksheet) -> Decimal:
    """Calculate one of our formulas: sums and differences of cells."""

    def value(name: str) -> Decimal:
        found = sheet[name].value
        return _evaluate(found, sheet) if isinstance(found, str) else Decimal(str(found or 0))

    if total := re.fullmatch(r"=SUM\(([A-Z])(\d+):[A-Z](\d+)\)", formula):
        return sum((value(f"{total[1]}{row}") for row in range(int(total[2]), int(total[3]) + 1)), Decimal(0))
    assert re.fullmatch(r"=[A-Z]+\d+(?:[+-][A-Z]+\d+)*", formula), formula
    terms = re.findall(r"([+-]?)([A-Z]+\d+)", formula.removeprefix("="))
    return sum((value(name) * (-1 if sign == "-" else 1) for sign, name in terms), Decimal(0))


@pytest.mark.parametrize("style", ["natural", "ledger"])
def test_excel_formulas_give_the_amounts_of_the_marts(
    settings: Settings, connection: duckdb.DuckDBPyConnection, style: str
) -> None:
    options = ReportOptions(pdf=False, sign_style=style)
    report, explained, words = build(connection, settings, "KLK", "2015-03", options)
    content = render_excel(report, words, explained)
    formulas, values = openpyxl.load_workbook(io.BytesIO(content)), openpyxl.load_workbook(io.BytesIO(content), data_only=True)
    checked = 0
    for sheet in formulas:
        for row in sheet.iter_rows():
            for cell in row:
                if cell.data_type == "f":
                    shown = values[sheet.title][cell.coordinate].value
                    assert _evaluate(cell.value, sheet) == Decimal(str(shown)).quantize(Decimal("0.01"))
                    checked += 1
    assert checked > 40
    net = next(row for row in values["Uppföljning"].iter_rows(min_row=5) if row[0].value in ("Netto", "Resultat"))
    turn = -1 if style == "ledger" else 1
    assert Decimal(str(net[1].value)) == turn * report.net.outcome
    assert Decimal(str(net[3].value)) == report.net.deviation


def test_excel_texts_are_strings_for_ever(settings: Settings, connection: duckdb.DuckDBPyConnection) -> None:
    report, explained, words = build(connection, settings, "KLK", "2015-03", NO_PDF)
    book = openpyxl.load_workbook(io.BytesIO(render_excel(report, words, explained)))
    dangerous = [
        cell for sheet in book for row in sheet.iter_rows() for cell in row if str(cell.value or "")[:1] in "=+-@" and cell.value
    ]
    texts = [cell for cell in dangerous if not isinstance(cell.value, int | float) and cell.data_type != "f"]
    assert any(str(cell.value).startswith("=HYPERLINK") for cell in texts)
    assert any(str(cell.value).startswith("@SUM") for cell in texts)
    assert all(cell.quotePrefix for cell in texts)
    ours = re.compile(r"=(SUM\([A-Z]\d+:[A-Z]\d+\)|[A-Z]+\d+([+-][A-Z]+\d+)*)")
    assert all(ours.fullmatch(cell.value) for cell in dangerous if cell.data_type == "f")


def test_wrapped_texts_have_rows_high_enough_in_every_program(settings: Settings, connection: duckdb.DuckDBPyConnection) -> None:
    report, explained, words = build(connection, settings, "KLK", "2015-03", NO_PDF)
    sheet = openpyxl.load_workbook(io.BytesIO(render_excel(report, words, explained)))["Text"]
    heights = {len(cell.value): sheet.row_dimensions[cell.row].height for (cell,) in sheet.iter_rows()}
    assert all(height >= 15 * (size / 110) for size, height in heights.items() if size > 110)
    assert any(size > 220 for size in heights)


def test_who_gets_a_report_and_under_which_name(connection: duckdb.DuckDBPyConnection) -> None:
    assert report_units(connection, "2015-03") == ["KOMMUN", "KLK"]
    assert file_stem("KLK") == "KLK"
    assert file_stem("Å1") == "Å1"
    assert re.fullmatch(r"_.._x-[0-9a-f]{8}", file_stem("/../x"))
    assert file_stem("..") != ".."
    assert file_stem("a/b") != file_stem("a_b")


def test_files_are_replaced_whole_and_nothing_is_left_behind(settings: Settings) -> None:
    folder = settings.home / "reports" / "2015-03"
    first = write_reports(settings, "2015-03", options=NO_PDF)
    assert [path.name for path in first.written] == ["KOMMUN.html", "KOMMUN.xlsx", "KLK.html", "KLK.xlsx"]
    assert sorted(first.proved) == ["KLK", "KOMMUN"]
    assert sorted(path.name for path in folder.iterdir()) == [".avvik.json", "KLK.html", "KLK.xlsx", "KOMMUN.html", "KOMMUN.xlsx"]


def test_an_unchanged_report_is_not_written_again(settings: Settings) -> None:
    first = write_reports(settings, options=NO_PDF)  # the newest month
    stamps = {path: path.stat().st_mtime_ns for path in first.written}
    again = write_reports(settings, "2015-03", options=NO_PDF)
    assert again.written == []
    assert again.unchanged == first.written
    assert again.proved == first.proved
    assert {path: path.stat().st_mtime_ns for path in first.written} == stamps
    with duckdb.connect(str(settings.published / "reporting.duckdb")) as connection:
        connection.execute("update marts.fct_ledger_line set row_text = 'ny text' where unit_code = 'A1'")
    assert write_reports(settings, "2015-03", options=NO_PDF).written == first.written


def test_files_of_others_and_edited_reports_are_kept(settings: Settings) -> None:
    folder = settings.home / "reports" / "2015-03"
    write_reports(settings, "2015-03", ["KLK"], options=NO_PDF)
    (folder / "atgardslista.xlsx").write_bytes(b"svar")
    (folder / "KLK.html").write_text("ändrad av en controller", encoding="utf-8")
    kept = write_reports(settings, "2015-03", ["KLK"], options=NO_PDF)
    assert kept.written == []  # the numbers are the same: the edited report stands
    ledger = NO_PDF.model_copy(update={"sign_style": "ledger"})
    result = write_reports(settings, "2015-03", ["KLK"], options=ledger)
    assert [path.name for path in result.written] == ["KLK.html", "KLK.xlsx"]
    (aside,) = result.set_aside
    assert aside.name.startswith("KLK (ändrad ")
    assert aside.read_text(encoding="utf-8") == "ändrad av en controller"
    assert (folder / "atgardslista.xlsx").read_bytes() == b"svar"


def test_without_a_browser_the_missing_pdf_is_said(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_module, "find_browser", lambda: None)
    result = write_reports(settings, "2015-03", ["KLK"])
    assert [path.suffix for path in result.written] == [".html", ".xlsx"]
    assert [text.en for text in result.missing] == [MISSING.en]


def test_a_browser_that_ends_at_once_is_said_and_tried_again(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_module, "find_browser", lambda: "/bin/true")
    result = write_reports(settings, "2015-03", ["KLK"])
    assert [path.suffix for path in result.written] == [".html", ".xlsx"]
    assert "KLK.pdf" in result.missing[0].en
    assert write_reports(settings, "2015-03", ["KLK"]).missing


def test_pdf(settings: Settings) -> None:
    if find_browser() is None:
        pytest.skip("no Chromium or Chrome is installed here: no PDF")
    first = write_reports(settings, "2015-03")
    assert [path.name for path in first.written[-2:]] == ["KOMMUN.pdf", "KLK.pdf"]
    assert all(path.read_bytes().startswith(b"%PDF") for path in first.written[-2:])
    (settings.home / "reports" / "2015-03" / "KLK.pdf").unlink()
    again = write_reports(settings, "2015-03")
    assert [path.name for path in again.written] == ["KLK.pdf"]


def test_an_unpublished_period_or_unit_is_said(settings: Settings) -> None:
    with pytest.raises(AvvikError, match="No follow-up is published for 2016-01"):
        write_reports(settings, "2016-01", options=NO_PDF)
    with pytest.raises(AvvikError, match="Unit XXX"):
        write_reports(settings, "2015-03", ["XXX"], options=NO_PDF)


def test_the_excel_file_passes_the_proof_that_anybody_can_run(settings: Settings) -> None:
    written = write_reports(settings, "2015-03", ["KLK"], options=NO_PDF).written
    verdict, code = proof_of_file(written[1], sheet="Uppföljning")
    assert code == 0, verdict


def test_what_is_printed_on_every_page_cannot_leave_the_style_sheet() -> None:
    assert _css_string('a"}</style>é') == '"a\\000022\\00007d\\00003c\\00002fstyle\\00003e\\0000e9"'
