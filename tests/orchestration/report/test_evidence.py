"""Comments, findings, restated months and the personnel bridge in the report; what it says when they are there."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
import tiny_marts as marts

from expectations.rules import RULES
from orchestration.demo.municipality import table
from orchestration.report.figures import finding_groups, waterfall_steps
from orchestration.report.html import render_html
from orchestration.report.options import ReportOptions
from orchestration.report.write import build, prove_report
from orchestration.settings import Settings, load_settings

NO_PDF = ReportOptions(pdf=False)
PARTY = "Kostnad & Resultat AB"
LATE, TWICE = "Väntad intäkt saknas", "Bokfört två gånger"


@pytest.fixture
def settings(home: Path) -> Settings:
    marts.publish(home)
    return load_settings(home)


def make(settings: Settings, unit: str = "KLK", options: ReportOptions = NO_PDF):
    with duckdb.connect(str(settings.published / "reporting.duckdb"), read_only=True) as connection:
        report, explained, words = build(connection, settings, unit, "2015-03", options)
    sentence, faults = prove_report(report, words)
    assert faults == []
    return report, {found.line.key: found for found in explained}, words, render_html(report, words, list(explained), sentence)


def plain(text: str) -> str:
    return text.replace("\u00a0", " ").replace("\u202f", " ")


# Findings


def test_an_open_error_is_a_cause_with_the_opposite_amount_once_for_each_unit_and_line(settings: Settings) -> None:
    marts.findings(
        settings.home,
        [
            ("2015-03", "a", "PER-06", "fel", TWICE, "A2", "other_external_cost", "Firma", "2015-02", 120_000, "open", 1),
            ("2015-03", "b", "PER-06", "fel", TWICE, "A1", "other_external_cost", "Annan", "2015-03", 40_000, "recurring", 0),
            # None of these is a cause: asked, answered, corrected, another year, the budget's profile, posted late.
            ("2015-03", "c", "PER-06", "fråga", TWICE, "A1", "other_external_cost", "", "2015-03", 990_000, "open", 0),
            ("2015-03", "d", "PER-06", "fel", TWICE, "A1", "other_external_cost", "", "2015-03", 990_000, "explained", 0),
            ("2015-03", "e", "PER-06", "fel", TWICE, "A1", "other_external_cost", "", "2015-03", 990_000, "corrected", 0),
            ("2015-03", "f", "PER-06", "fel", TWICE, "A1", "other_external_cost", "", "2014-12", 990_000, "open", 3),
            ("2015-03", "g", "PER-04", "fel", "Profil", "A1", "other_external_cost", "", "2015-03", 990_000, "open", 0),
            ("2015-03", "h", "PER-10", "fel", "Sent", "A1", "other_external_cost", "", "2015-03", 990_000, "open", 0),
        ],
    )
    _, explained, words, _ = make(settings)
    found = explained["other_external_cost"]
    assert [(cause.kind, cause.amount) for cause in found.causes] == [
        ("budget_profile", Decimal("600000.00")),
        ("finding", Decimal("-160000.00")),
    ]
    assert found.unexplained + sum(cause.amount for cause in found.causes) == found.amount
    text = plain(words.plain())
    assert "Åt andra hållet drar 2 öppna fynd i bokföringen, ”Bokfört två gånger” (−160 tkr)" in text
    assert "Bokföringen har 2 öppna fynd som inte är rättade och 1 obesvarad fråga" in text
    assert "1 av dem fanns redan i en tidigare rapport." in text
    assert "Frågan gäller 990 tkr och räknas inte som en orsak." in text


def test_a_finding_and_nothing_booked_are_not_both_counted(settings: Settings) -> None:
    marts.findings(
        settings.home,
        [("2015-03", "a", "PER-01", "fel", LATE, "A2", "internal_income", "", "2015-03", 80_000, "open", 0)],
    )
    _, explained, _, _ = make(settings)
    found = explained["internal_income"]
    assert [(cause.kind, cause.amount) for cause in found.causes] == [("finding", Decimal(-80_000))]
    assert found.unexplained == Decimal(-40_000)
    assert found.share == Decimal(2) / 3


def test_what_became_of_the_findings_of_the_last_report(settings: Settings) -> None:
    line = "other_external_cost"
    before = [
        ("2015-02", name, "PER-06", "fel", TWICE, "A1", line, "", "2015-02", 1000.0 * n, "open", 0)
        for n, name in enumerate(("fixed", "answered", "left", "gone"), 1)
    ]
    now = [
        ("2015-03", name, "PER-06", "fel", TWICE, "A1", line, "", "2015-02", 1000.0, status, 1)
        for name, status in (("fixed", "corrected"), ("answered", "explained"), ("left", "open"))
    ]
    marts.findings(settings.home, [*before, *now])
    _, _, words, html = make(settings)
    (text,) = words.followed_up
    assert text == (
        "Rapporten för februari 2015 hade 4 öppna fynd. Nu är 1 rättat i bokföringen, 1 förklarat av verksamheten, "
        "1 fortfarande öppet och 1 borta ur data utan att vara rättat."
    )
    assert "syns inte längre, ingen rättelse bokförd" in html


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.rule_id)
@pytest.mark.parametrize("effect", [-250_000.37, 35_000])
def test_no_title_of_a_rule_makes_a_sentence_that_the_proof_misreads(settings: Settings, rule, effect: float) -> None:
    lines = ("external_income", "internal_income", "other_external_cost", "personnel")
    marts.findings(
        settings.home,
        [
            (
                "2015-03",
                f"{line}{n}",
                rule.rule_id,
                tier,
                rule.title.sv,
                unit,
                line,
                "Kostnad & Resultat AB",
                "2015-03",
                effect,
                "open",
                n,
            )
            for line in lines
            for n, (tier, unit) in enumerate((("fel", "A1"), ("fråga", "A2")))
        ],
    )
    for unit in ("KOMMUN", "KLK"):
        make(settings, unit)


def test_a_question_about_the_line_is_named_beside_the_unexplained_part_and_counts_for_nothing(settings: Settings) -> None:
    line = "other_external_cost"
    marts.findings(
        settings.home,
        [
            ("2015-03", "a", "PER-09", "fråga", "Kostnad saknas", "A1", line, "", "2015-03", -200_000, "open", 0),
            # Not named: works the other way, another line, another year, answered.
            ("2015-03", "b", "PER-06", "fråga", TWICE, "A1", line, "", "2015-03", 300_000, "open", 0),
            ("2015-03", "c", "PER-09", "fråga", "Annan rad", "A1", "internal_rent", "", "2015-03", -300_000, "open", 0),
            ("2015-03", "d", "PER-09", "fråga", "Annat år", "A1", line, "", "2014-12", -300_000, "open", 0),
            ("2015-03", "e", "PER-09", "fråga", "Besvarad", "A1", line, "", "2015-03", -300_000, "explained", 0),
        ],
    )
    _, explained, words, _ = make(settings)
    assert [cause.kind for cause in explained[line].causes] == ["budget_profile"]
    (paragraph,) = [paragraph for paragraph in words.deviations if paragraph.line == line]
    text = plain(paragraph.text)
    assert "Till det oförklarade kan höra en obesvarad fråga om bokföringen på +200 tkr" in text
    assert "”Kostnad saknas”" in text
    assert "Annan rad" not in text


def test_profiles_and_late_postings_are_told_apart_from_what_changes_the_result(settings: Settings) -> None:
    line = "other_external_cost"
    rows = [
        (close, f"{n}", rule, "fel", title, "A1", line, "", "2015-02", 500_000.0, "open", 1)
        for close in ("2015-02", "2015-03")
        for n, (rule, title) in enumerate((("PER-04", "Profilen"), ("PER-04", "Profilen"), ("PER-10", "Sent"), ("PER-06", TWICE)))
    ]
    marts.findings(settings.home, rows)
    report, _, words, html = make(settings)
    assert [finding.title for finding in report.evidence.open_findings] == [TWICE]
    assert [before.title for before, _ in report.evidence.previous] == [TWICE]
    assert words.followed_up == ["Rapporten för februari 2015 hade 1 öppet fynd. Nu är 1 fortfarande öppet."]
    assert "2 budgetar vars fördelning inte följer verksamheten och 1 bokning efter att perioden släppts" in plain(html)
    assert "Profilen" not in html


def test_a_long_list_is_told_in_groups_and_only_what_has_happened_is_told_of_the_last_report(settings: Settings) -> None:
    line = "other_external_cost"
    rows = [
        (
            close,
            f"{n}",
            "PER-06",
            "fel" if n == 19 else "fråga",
            f"Fynd {n}:",
            "A1",
            line,
            "",
            month,
            1000.0 * (20 - n),
            status,
            1,
        )
        for close, month in (("2015-02", "2015-02"), ("2015-03", "2015-01,2015-02,2015-03"))
        for n in range(20)
        for status in ("corrected" if n == 18 and close == "2015-03" else "open",)
    ]
    marts.findings(settings.home, rows)
    _, _, words, html = make(settings)
    listed = html[html.index('id="tabell-fynd"') : html.index('id="tabell-bokningar"')]
    assert listed.index("Fynd 19:") < listed.index("Fynd 0:")  # what is sure comes before questions that are larger
    assert "januari–mars 2015" in listed
    followed = html[html.index('id="tabell-forra"') : html.index('id="underlag"')]
    assert "Fynd 18:" in followed
    assert "Fynd 0:" not in followed
    assert "de 10 största av 19" in html
    assert "Nu är 1 rättat i bokföringen och 19 fortfarande öppna." in words.followed_up[0]


def test_a_finding_of_an_earlier_year_that_is_gone_is_not_said_to_have_vanished(settings: Settings) -> None:
    marts.findings(
        settings.home, [("2015-02", "a", "PER-06", "fråga", TWICE, "A1", "personnel", "", "2014-11", 50_000, "open", 3)]
    )
    _, _, words, html = make(settings)
    assert words.followed_up[0].endswith("Nu är 1 inte längre aktuellt, eftersom det gällde ett tidigare år.")
    assert "inte längre aktuellt (tidigare år)" in html


def test_trade_between_units_of_the_report_does_not_change_its_net(settings: Settings) -> None:
    marts.findings(
        settings.home,
        [
            ("2015-03", "a", "PER-01", "fel", LATE, "A1", "internal_income", "", "2015-03", 60_000, "open", 0),
            ("2015-03", "b", "PER-01", "fel", LATE, "A1", "external_income", "", "2015-03", 20_000, "open", 0),
        ],
    )
    with duckdb.connect(str(settings.published / "reporting.duckdb")) as connection:
        connection.execute("update marts.findings set other_unit = 'A2', agreement = 'I-1' where finding_id = 'a'")
    _, _, words, _ = make(settings)
    text = plain(words.plain())
    assert "ändras periodens belopp med +20 tkr netto; internhandel mellan enheter i rapporten, 60 tkr" in text
    report, *_ = make(settings)
    assert next(f.who for f in report.evidence.findings).startswith("avtal I-1 med ")
    _, _, words, _ = make(settings, "KOMMUN")
    assert "+20 tkr netto; internhandel" in plain(words.plain())


def test_a_party_has_the_name_that_the_ledger_knows(settings: Settings) -> None:
    marts.findings(
        settings.home,
        [
            ("2015-03", n, "PER-01", "fel", LATE, "A1", "external_income", n, "2015-03", 60_000, "open", 0)
            for n in ("501", "502", "503")
        ],
    )
    with duckdb.connect(str(settings.published / "reporting.duckdb")) as connection:
        for party, name, texts in (("501", "Myndigheten", "xy"), ("502", None, "zz"), ("503", None, "xy")):
            for text in texts:
                connection.execute(
                    "insert into marts.fct_ledger_line (period, party, party_name, voucher_text, amount) "
                    "values ('2013-01', ?, ?, ?, 0)",
                    [party, name, text * 5],
                )
    report, *_ = make(settings)
    assert {f.finding_id: f.who for f in report.evidence.findings} == {"501": "Myndigheten", "502": "zzzzz", "503": "503"}


def test_full_time_equivalents_stand_beside_the_bridge(settings: Settings) -> None:
    marts.bridge(settings.home, "KLK", {"vacancy": 168_000, "unexplained": -18_000})
    with duckdb.connect(str(settings.published / "reporting.duckdb")) as connection:
        connection.execute(
            "create table marts.fte as select '2015-03' as report_period, 'KLK' as unit_code, "
            "75.04::decimal(18, 2) as planned_fte_average, 71.66::decimal(18, 2) as filled_fte_average"
        )
    _, _, words, _ = make(settings)
    assert "Personalstaten har i snitt 75,0 årsarbetare, varav 71,7 är tillsatta." in plain(words.plain())


def test_findings_that_may_tell_of_a_person_say_what_and_where_only(settings: Settings) -> None:
    marts.findings(
        settings.home,
        [("2015-03", "a", "PER-08", "fel", "Lön", "A1", "personnel", "Anna Andersson", "2015-03", 90_000, "open", 0)],
    )
    report, _, _, html = make(settings)
    assert report.evidence.findings[0].who == report.evidence.findings[0].reason == ""
    assert "Anna" not in html
    other = ReportOptions(pdf=False, hide_texts_of_counterparties=["87"], hide_texts_of_lines=[])
    assert "Anna" not in make(settings, options=other)[3]


def test_restated_months_show_then_and_now(settings: Settings) -> None:
    marts.findings(settings.home, [])
    with duckdb.connect(str(settings.published / "reporting.duckdb")) as connection:
        connection.execute(
            """
            create table marts.restatement as
            select '2015-03' as report_period, '2015-02' as period, 'A1' as unit_code, 'personnel' as report_line,
                -1000000.00::decimal(18, 2) as amount_before, -1012000.00::decimal(18, 2) as amount_after
            union all select '2015-03', '2015-01', 'A2', 'personnel', 5, 5
            """
        )
    report, _, _, html = make(settings)
    assert [(row.period, row.change) for row in report.evidence.restated] == [("2015-02", Decimal(-12_000))]
    assert "Siffror som ändrats sedan förra rapporten" in html


# The personnel bridge


def test_the_steps_of_the_bridge_are_the_causes_of_personnel(settings: Settings) -> None:
    # The deviation of personnel is 150 000: 3 months at 50 000 in A1.
    steps = {
        "vacancy": 200_000.25,
        "rate": -30_000,
        "sick_15_on": 4_000,
        "extra": -6_000,
        "budget_rest": 0,
        "unexplained": -18_000.25,
    }
    marts.bridge(settings.home, "KLK", steps, {"hired_staff": -90_000, "net_staffing": 60_000})
    report, explained, words, html = make(settings)
    found = explained["personnel"]
    assert [(cause.kind, cause.amount) for cause in found.causes] == [
        ("bridge_vacancy", Decimal("200000.25")),
        ("bridge_rate", Decimal(-30_000)),
        ("bridge_small", Decimal(-2_000)),
    ]
    assert found.unexplained == Decimal("-18000.25")
    text = plain(words.plain())
    assert "Enligt personalbryggan är orsakerna främst vakanser (+200 tkr)." in text
    assert "Åt andra hållet drar högre lönenivå än budgeterat (−30 tkr)." in text
    assert "Inhyrd personal, som ligger på en annan rad, står för −90 tkr mot sin budget" in text
    assert "Personalkostnader steg för steg" in html
    shown = waterfall_steps(report, list(explained.values()))
    assert sum(step.amount for step in shown if not step.total) == report.net.deviation


def test_a_bridge_that_does_not_add_up_stops_the_report(settings: Settings) -> None:
    marts.bridge(settings.home, "KLK", {"vacancy": 150_000.01})
    with duckdb.connect(str(settings.published / "reporting.duckdb"), read_only=True) as connection:
        report, _, words = build(connection, settings, "KLK", "2015-03", NO_PDF)
    _, faults = prove_report(report, words)
    assert ["bridge" in fault.en for fault in faults] == [True]


def test_a_bridge_without_positions_explains_nothing(settings: Settings) -> None:
    marts.bridge(settings.home, "KLK", {"budget_rest": 5_000_000, "unexplained": -4_850_000})
    _, explained, _, _ = make(settings)
    assert not any(cause.kind.startswith("bridge_") for cause in explained["personnel"].causes)


# Comments


def test_every_comment_is_shown_with_its_author_apart_from_what_avvik_wrote(settings: Settings) -> None:
    written = [
        ("KLK", "", f"Enheten {marts.HOSTILE}", "Chefen"),
        ("KLK", "other_external_cost", "Utredningar", "Controllern"),
        ("KLK", "internal_rent", "Rad utan stycke", "Controllern"),
        ("A1", "personnel", "<script>alert(1)</script>", ""),
        ("A1", "okänd rad", "Fel kod", ""),
    ]
    marts.comments(settings.home, written)
    marts.comments(settings.home, [("KOMMUN", "", "en annans", "")])
    _, _, _, html = make(settings)
    asides = html.count('<aside class="person" ')
    assert asides == len(written)
    assert "en annans" not in html
    assert "<script" not in html
    assert "Controllern:" in html
    assert "Verksamheten:" in html


def test_of_units_further_down_only_what_is_written_of_the_whole_unit_is_shown(settings: Settings) -> None:
    marts.comments(
        settings.home, [("A1", "personnel", "om raden", "X"), ("A1", "", "om enheten", "Y"), ("KLK", "net", "när", "Z")]
    )
    *_, html = make(settings, "KOMMUN")
    assert "om enheten" in html
    assert "när" in html
    assert "om raden" not in html


def test_findings_of_one_kind_and_unit_are_one_bar_and_earlier_years_are_only_counted(settings: Settings) -> None:
    line = "internal_income"
    rows = [
        ("2015-03", f"{n}", "PER-01", "fråga", LATE, unit, line, "", period, 30_000.0, "open", 0)
        for n, (unit, period) in enumerate((("A1", "2015-01"), ("A1", "2015-02"), ("A2", "2015-02"), ("A2", "2014-11")))
    ]
    marts.findings(settings.home, [*rows, ("2015-03", "p", "PER-06", "fel", TWICE, "A1", line, "", "2014-06", 1.0, "past", 2)])
    report, *_, html = make(settings)
    assert [(group.count, group.effect, group.periods) for group in finding_groups(report)] == [
        (2, Decimal(60_000), ["2015-01", "2015-02"]),
        (1, Decimal(30_000), ["2015-02"]),
    ]
    assert "1 öppet fynd gäller tidigare år (30 tkr utan hänsyn till tecken)." in plain(html)


def test_the_demos_comments_have_their_author_and_nothing_left_over() -> None:
    assert all(row["author"] and None not in row for row in table("comments"))


def test_a_report_says_the_same_in_every_process_so_that_an_unchanged_one_is_left_alone(settings: Settings) -> None:
    report, *_ = make(settings)
    assert len(report.cell_series) > 1
    assert list(report.cell_series) == sorted(report.cell_series)  # not in the order of a set, which differs between runs
