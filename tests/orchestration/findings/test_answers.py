"""Answers: read back, remembered, applied while the facts hold, and what became of an earlier report's findings."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.findings import answers
from orchestration.findings.answers import Answer, apply, facts_of, follow_up_on, same_facts
from orchestration.settings import Settings

ID = "0123456789abcdef"
HEADS = (answers.KEY, answers.FACTS, answers.REPORT, answers.KNOWN, answers.ANSWER, answers.REASON, answers.WHO, answers.UNTIL)


def finding(**more) -> dict:
    row = {
        "finding_id": ID,
        "rule_id": "PER-01",
        "title": "Väntad intäkt saknas",
        "tier": "fråga",
        "unit_code": "0190",
        "report_line": "external_income",
        "account": "3511",
        "counterparty": "819",
        "periods": "2015-02,2015-03",
        "expected_amount": 80000.0,
        "booked_amount": 0.0,
        "effect_period": 80000.0,
        "corrected_profile": None,
        "status": "open",
        "answer": None,
        "age": 1,
        "fingerprint": "aaaa",
    }
    return {**row, **more}


def frame(*rows: dict) -> pd.DataFrame:
    return pd.DataFrame(list(rows))


def facts(**more) -> str:
    return facts_of(next(frame(finding(**more)).itertuples()))


def answer(
    status: str = "explained", *, until: str = "", given_for: str | None = None, report: str = "2015-03", at: str = "1"
) -> Answer:
    return Answer(ID, given_for or facts(), report, status, "avtalet upphörde", "Eva", until, "f.xlsx", 4, at)


def one(found: pd.DataFrame, said: list[Answer], period: str = "2015-03") -> tuple:
    row = next(apply(found, said, period).itertuples())
    return row.status, row.answer


def test_an_answer_silences_exactly_its_finding() -> None:
    both = frame(finding(), finding(finding_id="f" * 16, fingerprint="bbbb"))
    assert apply(both, [answer()], "2015-03").status.tolist() == ["explained", "open"]


def test_an_answer_of_a_later_report_does_not_count_yet() -> None:
    assert one(frame(finding()), [answer(report="2015-04")]) == ("open", None)


def test_an_answer_holds_until_the_month_that_it_says() -> None:
    said = [answer(until="2015-04")]
    assert one(frame(finding()), said, "2015-04") == ("explained", "avtalet upphörde")
    assert one(frame(finding(status="explained")), said, "2015-05") == ("open", None)


def test_explained_holds_while_the_same_thing_goes_on_and_acknowledged_does_not() -> None:
    longer = frame(finding(fingerprint="cccc", periods="2015-02,2015-03,2015-04", expected_amount=120000.0))
    assert one(longer, [answer()], "2015-04")[0] == "explained"
    assert one(longer, [answer("acknowledged")], "2015-04")[0] == "open"


@pytest.mark.parametrize(
    "changed",
    [
        {"expected_amount": 160000.0, "periods": "2015-02,2015-03"},
        {"booked_amount": 20000.0},
        {"periods": "2015-04"},
        {"rule_id": "PER-06"},
    ],
)
def test_other_facts_wake_the_finding(changed: dict) -> None:
    assert one(frame(finding(fingerprint="dddd", **changed)), [answer()]) == ("open", None)


def test_a_budget_profile_is_the_same_fact_until_the_profile_changes() -> None:
    profile = {"rule_id": "PER-04", "corrected_profile": "[1, 2]", "periods": "2015-01,2015-12"}
    said = [answer(given_for=facts(**profile))]
    assert one(frame(finding(fingerprint="eeee", **profile)), said)[0] == "explained"
    assert one(frame(finding(fingerprint="eeee", **{**profile, "corrected_profile": "[2, 1]"})), said)[0] == "open"


def test_the_last_answer_counts_and_can_be_taken_back() -> None:
    assert one(frame(finding()), [answer(), answer("acknowledged", at="2")])[0] == "acknowledged"
    assert one(frame(finding(status="explained")), [answer(), answer("open", at="2")]) == ("open", None)


def test_what_the_ledger_corrected_stays_corrected() -> None:
    assert one(frame(finding(status="corrected")), [answer()])[0] == "corrected"


@given(st.text(max_size=30), st.text(max_size=30), st.sampled_from(["explained", "acknowledged"]))
def test_facts_are_the_same_as_themselves_and_never_raise(a: str, b: str, status: str) -> None:
    assert same_facts(a, a, status)
    same_facts(a, b, status)


@given(st.decimals(-1_000_000, 1_000_000, places=2), st.decimals(-1_000_000, 1_000_000, places=2))
def test_corrected_and_remaining_add_up_to_what_was_told(told: Decimal, left: Decimal) -> None:
    [item] = follow_up_on(frame(finding(effect_period=told)), frame(finding(effect_period=left)))
    assert item.corrected + item.remaining == item.told == told
    assert abs(item.remaining) <= abs(told)


def test_what_became_of_the_findings_of_the_earlier_report() -> None:
    earlier = frame(
        finding(status="acknowledged", answer="faktureras i april"),
        finding(finding_id="b" * 16, effect_period=50000.0),
        finding(finding_id="c" * 16, effect_period=7000.0),
        finding(finding_id="d" * 16, status="corrected"),
        finding(finding_id="e" * 16, rule_id="PER-10"),
        finding(finding_id="a" * 16, rule_id="PER-05", effect_period=-300.0),
    )
    later = frame(
        finding(status="corrected"),
        finding(finding_id="b" * 16, effect_period=30000.0),
        finding(finding_id="c" * 16, effect_period=9000.0),
    )
    found = [
        (i.finding_id[0], i.said, i.said_answer, i.status, i.told, i.corrected, i.remaining) for i in follow_up_on(earlier, later)
    ]
    assert found == [
        ("0", "acknowledged", "faktureras i april", "corrected", 80000, 80000, 0),
        ("b", "open", "", "open", 50000, 20000, 30000),
        ("c", "open", "", "open", 7000, 0, 7000),
        ("a", "open", "", "past", -300, 0, -300),
    ]


# ---- reading lists back ------------------------------------------------------------------------------------------------------
@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "kommun åäö")


def write(
    settings: Settings, *rows: tuple, folder: str = "reports/2015-03", name: str = "atgardslista.xlsx", heads: tuple = HEADS
) -> Path:
    path = settings.home / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = answers.SHEET
    sheet.append(["Åtgärdslista"])
    sheet.append([])
    sheet.append(list(heads))
    for row in rows:
        sheet.append(list(row))
    book.save(path)
    return path


def row(said: object = "", reason: object = "", who: object = "", until: object = "", known: str = "", key: str = ID) -> tuple:
    return (key, facts(), "2015-03", known, said, reason, who, until)


def test_an_answer_is_read_with_who_until_file_and_row(settings: Settings) -> None:
    write(settings, row(), row("Förklarat", "avtalet upphörde", "Eva Ö", "2015-06"))
    assert answers.take_in(settings) == []
    [said] = answers.remembered(settings)
    assert (said.finding_id, said.status, said.reason, said.who, said.until) == (
        ID,
        "explained",
        "avtalet upphörde",
        "Eva Ö",
        "2015-06",
    )
    assert (said.file, said.row, said.report_period) == ("reports/2015-03/atgardslista.xlsx", 5, "2015-03")


def test_a_list_is_read_once_and_its_answers_survive_it(settings: Settings) -> None:
    path = write(settings, row("Bekräftat"))
    answers.take_in(settings)
    before = answers.remembered(settings)
    answers.take_in(settings)
    path.unlink()
    answers.take_in(settings)
    assert answers.remembered(settings) == before
    assert len(before) == 1


def test_lists_in_the_inbox_count_and_lock_files_do_not(settings: Settings) -> None:
    path = write(settings, row("Bekräftat"), folder="inbox/2015-04", name="atgardslista_klk.xlsx")
    path.with_name("~$atgardslista_klk.xlsx").write_bytes(b"\x04Eva")
    path.with_name(".~lock.atgardslista_klk.xlsx#").write_bytes(b",eva,")
    assert answers.take_in(settings) == []
    assert [a.file for a in answers.remembered(settings)] == ["inbox/2015-04/atgardslista_klk.xlsx"]


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        (row("Kanske"), answers.ANSWER),
        (row("", "glömde välja"), answers.ANSWER),
        (row("Förklarat"), answers.REASON),
        (row("Bekräftat", until="snart"), answers.UNTIL),
        (row("Bekräftat", until="2015-13"), answers.UNTIL),
        (row("Bekräftat", key="=1+1"), answers.KEY),
        (row("Bekräftat", until="2015-02"), answers.UNTIL),
    ],
)
def test_a_row_that_cannot_be_read_is_told_with_its_place_and_the_others_count(
    settings: Settings, cells: tuple, column: str
) -> None:
    path = write(settings, cells, row("Bekräftat", key="f" * 16))
    [problem] = answers.take_in(settings)
    assert (problem.row, problem.column) == (4, column)
    assert "reports/2015-03/atgardslista.xlsx" in str(problem)
    assert answers.SHEET in str(problem)
    assert [a.finding_id for a in answers.remembered(settings)] == ["f" * 16]
    before = answers.remembered(settings)
    assert len(answers.take_in(settings)) == 1, "told until it is put right"
    assert answers.remembered(settings) == before
    assert path.exists()


def test_two_answers_to_one_finding_in_a_list_are_told(settings: Settings) -> None:
    write(settings, row("Bekräftat"), row("Förklarat", "upphört"))
    [problem] = answers.take_in(settings)
    assert (problem.row, problem.column) == (5, answers.KEY)
    assert [a.status for a in answers.remembered(settings)] == ["acknowledged"]


def test_rows_sorted_or_removed_columns_moved_and_own_ones_added_change_nothing(settings: Settings) -> None:
    order = (*reversed(HEADS), "Min anteckning")
    cells = [dict(zip(HEADS, row("förklarat ", "upphört", key=key), strict=True)) for key in ("f" * 16, ID)]
    write(settings, *(tuple(each.get(name, "=HYPERLINK(1)") for name in order) for each in cells), heads=order)
    assert answers.take_in(settings) == []
    assert [(a.finding_id, a.status) for a in answers.remembered(settings)] == [("f" * 16, "explained"), (ID, "explained")]


def test_an_own_column_with_the_name_of_an_answers_is_told(settings: Settings) -> None:
    write(settings, (*row("Bekräftat"), "mitt"), heads=(*HEADS, answers.REASON))
    [problem] = answers.take_in(settings)
    assert answers.REASON in str(problem)
    assert answers.remembered(settings) == []


@pytest.mark.parametrize("name", ["Åtgärdslista klk.xlsx", "A\u030atga\u0308rdslista.xlsx", "ATGARDSLISTA.XLSX"])
def test_a_list_is_known_by_its_name_as_people_write_it(settings: Settings, name: str) -> None:
    write(settings, row("Bekräftat"), folder="inbox/2015-04", name=name)
    assert answers.take_in(settings) == []
    assert len(answers.remembered(settings)) == 1


@pytest.mark.parametrize("suffix", [".ods", ".xlsm", ".csv"])
def test_a_list_saved_as_another_kind_of_file_is_told(settings: Settings, suffix: str) -> None:
    path = write(settings, row("Bekräftat"))
    path.rename(path.with_suffix(suffix))
    [problem] = answers.take_in(settings)
    assert ".xlsx" in str(problem)


def test_an_older_list_takes_back_nothing_that_a_newer_one_says(settings: Settings) -> None:
    """A copy that somebody saves again without changing it says nothing, although it shows the answer of then."""
    write(settings, row("Bekräftat", "på gång"))
    answers.take_in(settings)
    write(settings, row("Förklarat", "upphört", known=answers.signature("Bekräftat", "på gång", "", "")))
    answers.take_in(settings)
    known = answers.signature("Bekräftat", "på gång", "", "")
    write(settings, row("Bekräftat", "på gång", known=known), folder="inbox/2015-04", name="atgardslista gammal.xlsx")
    assert answers.take_in(settings) == []
    assert apply(frame(finding()), answers.remembered(settings), "2015-03").answer.tolist() == ["upphört"]


@pytest.mark.parametrize("content", [b"", b"<html>", b"PK\x03\x04", os.urandom(2000)])
def test_what_is_no_list_is_told_and_not_an_error(settings: Settings, content: bytes) -> None:
    path = settings.home / "reports" / "2015-03" / "atgardslista.xlsx"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert len(answers.take_in(settings)) == 1


def test_a_list_without_its_columns_is_told(settings: Settings) -> None:
    write(settings, row("Bekräftat"), heads=(*HEADS[:-1], "Till"))
    [problem] = answers.take_in(settings)
    assert answers.UNTIL in str(problem)


def test_what_the_list_itself_filled_in_is_nobodys_answer_and_clearing_it_takes_it_back(settings: Settings) -> None:
    known = answers.signature("Förklarat", "upphört", "Eva", "")
    write(settings, row("Förklarat", "upphört", "Eva", known=known), row("", "upphört", "Eva", known=known, key="f" * 16))
    answers.take_in(settings)
    assert [(a.finding_id, a.status) for a in answers.remembered(settings)] == [("f" * 16, "open")]
