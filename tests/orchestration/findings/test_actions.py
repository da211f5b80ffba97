"""The action list: what is in it, that it survives LibreOffice, and that no answer is ever lost."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path

import duckdb
import openpyxl
import pandas as pd
import pytest
from conftest import Ledger, periods
from home_fixture import build, frame, manifest, published

from orchestration.findings import actions, answers
from orchestration.findings.actions import EARLIER_SHEET, EVIDENCE_SHEET, PROFILE_SHEET, write_action_list
from orchestration.findings.run import compute
from orchestration.settings import Settings

HEAD = 3


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "kommun åäö")


@pytest.fixture
def deliveries(ledger: Ledger) -> dict[str, pd.DataFrame]:
    """A missing monthly income in 2015-02 and -03, with a text that would be a formula, caught up in April."""
    income = {"account": "3511", "cp": "819", "party": "77", "series": "L", "contra": "1510", "unit": "0190"}
    ledger.monthly("2014-01", "2015-01", 40000.0, text="=1+1 Ersättning", **income)
    ledger.row("2015-04", 120000.0, text="=1+1 Ersättning februari-april 2015", **income)
    rows = frame(ledger)
    out = {"2015-01": rows[(rows.period >= "2014-01") & (rows.period <= "2015-01")]}
    return out | {p: rows[(rows.period >= "2015-01") & (rows.period <= p)] for p in periods("2015-02", "2015-04")}


def month(settings: Settings, deliveries: dict[str, pd.DataFrame], last: str, **more) -> Path:
    """Run the stage with the deliveries until a month, publish, and write the list."""
    build(settings, {p: d for p, d in deliveries.items() if p <= last}, **more)
    compute(settings, manifest(), "v")
    published(settings)
    written = write_action_list(settings)
    assert written is not None
    return written.path


def cells(path: Path, sheet: str = answers.SHEET, head: int = HEAD) -> list[dict]:
    rows = list(openpyxl.load_workbook(path)[sheet].iter_rows(min_row=head, values_only=True))
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def say(path: Path, finding_id: str, said: str, reason: str = "", who: str = "Eva", until: object = None) -> None:
    book = openpyxl.load_workbook(path)
    sheet = book[answers.SHEET]
    heads = [cell.value for cell in sheet[HEAD]]
    for row in range(HEAD + 1, sheet.max_row + 1):
        if sheet.cell(row, heads.index(answers.KEY) + 1).value == finding_id:
            given = zip((answers.ANSWER, answers.REASON, answers.WHO, answers.UNTIL), (said, reason, who, until), strict=True)
            for name, value in given:
                sheet.cell(row, heads.index(name) + 1).value = value
    book.save(path)


def status(settings: Settings, period: str) -> dict[str, str]:
    with duckdb.connect(str(settings.published / "reporting.duckdb"), read_only=True) as con:
        return dict(con.execute("select finding_id, status from marts.findings where report_period = ?", [period]).fetchall())


def missing(path: Path) -> dict:
    return next(row for row in cells(path) if row["Regel"] == "PER-01")


def test_the_list_says_what_to_book_and_where_the_rows_are(deliveries: dict, settings: Settings) -> None:
    path = month(settings, deliveries, "2015-03")
    assert path == settings.home / "reports" / "2015-03" / "atgardslista.xlsx"
    row = missing(path)
    assert (row["Enhet"], row["Konto"], row["Motpart"], row["Månader"]) == ("0190", "3511", "819", "2015-02–2015-03")
    assert (row["Väntat, kr"], row["Belopp, kr"], row["Debet"], row["Status"]) == (80000, 80000, "1790", "Öppet")
    evidence = [item for item in cells(path, EVIDENCE_SHEET, 1) if item["Nr"] == row["Nr"]]
    assert evidence
    assert all(item["Fil"].endswith("/huvudbok.csv") and item["Rad i filen"] for item in evidence)
    amounts = [abs(item["Effekt perioden, kr"] or 0) for item in cells(path)]
    assert amounts == sorted(amounts, reverse=True)


def test_only_the_answers_can_be_written_and_nothing_is_a_formula(deliveries: dict, settings: Settings) -> None:
    path = month(settings, deliveries, "2015-03")
    book = openpyxl.load_workbook(path)
    sheet = book[answers.SHEET]
    heads = [cell.value for cell in sheet[HEAD]]
    open_columns = {heads[c.column - 1] for row in sheet.iter_rows(min_row=HEAD + 1) for c in row if not c.protection.locked}
    assert sheet.protection.sheet
    assert open_columns == {answers.ANSWER, answers.REASON, answers.WHO, answers.UNTIL}
    assert [v.formula1 for v in sheet.data_validations.dataValidation] == ['"Bekräftat,Förklarat"']
    assert sheet.freeze_panes
    assert sheet.auto_filter.ref
    assert not any(cell.data_type == "f" for page in book for row in page.iter_rows() for cell in row)


def test_an_answer_silences_the_finding_in_the_next_run_and_the_next_report_tells_what_became_of_it(
    deliveries: dict, settings: Settings
) -> None:
    path = month(settings, deliveries, "2015-03")
    ident = missing(path)[answers.KEY]
    say(path, ident, "Bekräftat", "faktureras i april", until="2015-12")
    path = month(settings, deliveries, "2015-03")  # the same month again
    assert status(settings, "2015-03")[ident] == "acknowledged"
    assert (missing(path)[answers.ANSWER], missing(path)["Status"]) == ("Bekräftat", "Bekräftat")
    path = month(settings, deliveries, "2015-04")
    assert status(settings, "2015-04")[ident] == "corrected"
    row = next(r for r in cells(path, EARLIER_SHEET, 2) if r["Regel"] == "PER-01")
    assert (row["Sades då"], row["Motivering då"], row["Nu"]) == ("Bekräftat", "faktureras i april", "Rättat")
    assert (row["Effekt då, kr"], row["Rättat, kr"], row["Kvar, kr"]) == (80000, 80000, 0)


def test_an_answer_that_was_written_while_the_run_went_on_is_not_lost(deliveries: dict, settings: Settings) -> None:
    path = month(settings, deliveries, "2015-03")
    ident = missing(path)[answers.KEY]
    say(path, ident, "Förklarat", "avtalet upphörde")
    written = write_action_list(settings)  # without a stage before it: nobody has read the list
    assert written is not None
    assert written.path == path
    assert [a.reason for a in answers.remembered(settings)] == ["avtalet upphörde"]
    assert missing(path)[answers.REASON] == "avtalet upphörde"


@pytest.mark.parametrize("lock", ["~$atgardslista.xlsx", ".~lock.atgardslista.xlsx#"])
def test_an_open_list_is_left_alone(deliveries: dict, settings: Settings, lock: str) -> None:
    path = month(settings, deliveries, "2015-03")
    path.with_name(lock).write_bytes(b"Eva")
    before = path.read_bytes()
    written = write_action_list(settings)
    assert written is not None
    assert written.path.name == "atgardslista (2).xlsx"
    assert path.read_bytes() == before
    assert written.notes


def test_a_list_with_an_unreadable_answer_is_left_alone_until_it_is_put_right(deliveries: dict, settings: Settings) -> None:
    path = month(settings, deliveries, "2015-03")
    ident = missing(path)[answers.KEY]
    say(path, ident, "Kanske", "vet inte")
    before = path.read_bytes()
    other = month(settings, deliveries, "2015-03")
    assert other != path
    assert path.read_bytes() == before
    say(path, ident, "Bekräftat", "vet nu")
    assert month(settings, deliveries, "2015-03") == path
    assert status(settings, "2015-03")[ident] == "acknowledged"


def test_the_corrected_profile_keeps_the_year_of_every_budget_row(deliveries: dict, settings: Settings) -> None:
    """Two rows of one unit and line, all in January; history lies even over the year: the changes spread them, sums zero."""
    budget = pd.DataFrame(
        [
            ("2015-01", 2015, "2001", "6160", "other_external_cost", -100000.01),
            ("2015-01", 2015, "2001", "6220", "other_external_cost", -8000.0),
        ],
        columns=["period", "fiscal_year", "unit_code", "account", "report_line", "amount"],
    )
    month(settings, deliveries, "2015-03", budget=budget)
    found = pd.DataFrame(
        [{"rule_id": "PER-04", "unit_code": "2001", "report_line": "other_external_cost", "periods": "2015-01", "status": "open",
          "corrected_profile": str([-9000.67] * 11 + [-8992.64])}]
    )  # fmt: skip
    with duckdb.connect() as con:
        actions._attach(con, "reporting", settings.published / "reporting.duckdb")
        actions._attach(con, "warehouse", settings.warehouse / "warehouse.duckdb")
        changes = actions.profile_changes(con, settings, "2015-03", found)
    assert [codes[:3] for codes, _ in changes] == [("2015", "2001", "6160"), ("2015", "2001", "6220")]
    for _, row in changes:
        assert len(row) == 12
        assert sum(row) == 0
    # The ledger's sign: a cost is +. 100 000.01 × 9 000.67 / 108 000.01 = 8 333.95 a month.
    assert changes[0][1][0] == Decimal("-91666.06")
    assert changes[0][1][1] == Decimal("8333.95")
    with duckdb.connect() as con:
        actions._attach(con, "warehouse", settings.warehouse / "warehouse.duckdb")
        of_account = actions.profile_changes(con, settings, "2015-03", found.assign(account="6220"))
    assert [codes[2] for codes, _ in of_account] == ["6220"]


def test_opened_and_saved_by_libreoffice_answered_and_read_back(
    deliveries: dict, settings: Settings, tmp_path: Path, libreoffice
) -> None:
    path = month(settings, deliveries, "2015-03")
    ident = missing(path)[answers.KEY]
    count = len(cells(path))
    saved = libreoffice(path, tmp_path / "out")
    sheet = openpyxl.load_workbook(saved)[answers.SHEET]
    assert sheet.protection.sheet
    assert len(cells(saved)) == count
    [choice] = sheet.data_validations.dataValidation
    assert "Förklarat" in str(choice.formula1)
    shutil.copy(saved, path)
    assert answers.take_in(settings) == []
    assert answers.remembered(settings) == [], "opening and saving is no answer"
    say(path, ident, "Förklarat", "avtalet upphörde", until="2015-12-31")
    shutil.copy(libreoffice(path, tmp_path / "out"), path)
    assert answers.take_in(settings) == []
    [said] = answers.remembered(settings)
    assert (said.finding_id, said.status, said.reason, said.until) == (ident, "explained", "avtalet upphörde", "2015-12")
    month(settings, deliveries, "2015-03")
    assert status(settings, "2015-03")[ident] == "explained"


def test_the_profile_sheet_has_the_headings_of_a_budget_file(deliveries: dict, settings: Settings) -> None:
    path = month(settings, deliveries, "2015-02")
    heads = [cell.value for cell in openpyxl.load_workbook(path)[PROFILE_SHEET][1]]
    assert heads[:3] == ["År", "Ansvar", "Konto"]
    assert len(heads) == 18
