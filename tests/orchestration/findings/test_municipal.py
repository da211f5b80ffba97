"""What a municipality that nobody had seen booked, and the engine took wrong: each bug that its files showed."""

from __future__ import annotations

from datetime import date

import pandas as pd

from tests.orchestration.findings.conftest import periods
from tests.orchestration.findings.test_exact import ONE
from tests.orchestration.findings.test_one_cause import closes, trade
from tests.orchestration.findings.test_recurring import COST, INCOME, agreement, rules


def test_consecutive_invoice_numbers_are_asked_about_and_not_asserted(ledger):
    ledger.row("2015-03", -7432.51, ref="88120", day=5, **ONE)
    ledger.row("2015-03", -7432.51, ref="88123", day=7, **ONE)
    assert ledger.told("2015-03") == [("PER-06", "1101", "fråga")]


def test_consecutive_invoice_numbers_booked_the_same_day_are_two(ledger):
    ledger.row("2015-03", -7432.51, ref="88120", day=5, **ONE)
    ledger.row("2015-03", -7432.51, ref="88121", day=5, **ONE)
    assert rules(ledger, "2015-03") == []


def test_another_digit_in_the_middle_of_the_number_is_still_a_double(ledger):
    ledger.row("2015-03", -7432.51, ref="88120", day=5, **ONE)
    ledger.row("2015-03", -7432.51, ref="89120", day=7, **ONE)
    assert ledger.told("2015-03") == [("PER-06", "1101", "fel")]


def test_last_years_income_among_this_years_of_a_customer_that_is_billed_every_month(ledger):
    ledger.monthly("2013-01", "2015-03", 40000.0, **INCOME)
    ledger.row("2015-03", 61000.0, **{**INCOME, "text": "Ersättning facklig tid okt-dec 2014"})
    f = ledger.close("2015-03").findings.query("unit_code == '1101'")
    assert list(zip(f.rule_id, f.booked_amount, strict=True)) == [("PER-02", 61000.0)]


def spread_licence(ledger, at_once: tuple[str, ...]) -> None:
    """A licence paid each February and spread over twelve months by 1710, but for the years in `at_once`."""
    for year in (2012, 2013, 2014, 2015):
        paid = f"{year}-02"
        common = {"account": "6821", "party": "321", "text": "Licens"}
        if paid in at_once:
            ledger.row(paid, -120000.0, ref="1", **common)
            continue
        for p in periods(paid, f"{year + 1}-01"):
            ledger.row(p, -10000.0, contra="1710", **{**common, "text": "Periodisering licens"})


def test_a_year_taken_at_once_where_it_used_to_be_spread_is_one_error(ledger):
    spread_licence(ledger, at_once=("2015-02",))
    february, march, april = closes(ledger, "2015-02", "2015-03", "2015-04")
    mine = february[february.account == "6821"]
    assert list(zip(mine.rule_id, mine.tier, strict=True)) == [("PER-05", "fel")]
    assert (mine.debit_account.item(), mine.credit_account.item(), mine.entry_amount.item()) == ("1710", "6821", 110000.0)
    assert (mine.effect_period.item(), mine.effect_year_forecast.item()) == (110000.0, 10000.0)
    assert set(march.rule_id) | set(april.rule_id) == {"PER-05"}


def test_a_licence_that_is_spread_is_silent(ledger):
    spread_licence(ledger, at_once=())
    assert rules(ledger, "2015-02") == [] == rules(ledger, "2015-03")


def test_a_seller_that_misses_one_buyer_and_has_a_one_sided_item_with_another(ledger):
    ledger.background()
    for p in periods("2013-01", "2015-03"):
        if p < "2015-03":
            trade(ledger, p, 32000.0, ("1501", "105"), ("1301", "113"))
        trade(ledger, p, 30000.0, ("1501", "105"), ("1401", "114"))
    ledger.rows = [r for r in ledger.rows if not (r[3] == "2015-03" and r[12] == "1501" and r[17] == "114")]
    f = ledger.close("2015-03").findings
    told = {(r.unit_code, r.other_unit, abs(r.expected_amount)) for r in f.itertuples() if r.rule_id in ("PER-01", "PER-03")}
    assert ("1501", "1401", 30000.0) in told
    assert any(unit == "1501" and kr == 32000.0 for unit, _, kr in told)
    assert len(f[f.rule_id != "PER-11"]) == 2


def test_a_hole_after_a_catch_up_is_told(ledger):
    ledger.monthly("2013-01", "2015-04", 40000.0, skip=("2015-02",), **INCOME)
    ledger.row("2015-03", 40000.0, **{**INCOME, "text": "Ersättning facklig tid februari"}, day=20)
    ledger.rows = [r for r in ledger.rows if not (r[3] == "2015-04" and r[12] == "1101")]
    assert rules(ledger, "2015-04") == ["PER-01"]


def test_billing_that_became_quarterly_is_asked_about_once(ledger):
    ledger.monthly("2013-01", "2014-12", -8000.0, **COST)
    for p in ("2015-01", "2015-04", "2015-07"):
        ledger.row(p, -24000.0, **COST)
    frames = closes(ledger, *periods("2014-12", "2015-09"))
    asked = {(r.finding_id, r.first_seen) for f in frames for r in f[f.unit_code == "1101"].itertuples()}
    assert [first for _, first in asked] == ["2015-01"]


def released(first: str, last: str) -> pd.DataFrame:
    return pd.DataFrame(
        [(p, (pd.Period(p) + 1).start_time.date().replace(day=10)) for p in periods(first, last)],
        columns=["period", "released_on"],
    )


def test_the_years_accounts_are_one_question_however_many_units_book(ledger):
    ledger.tables["period_release"] = released("2013-01", "2015-04")
    for n in range(6):
        ledger.row("2014-12", -40000.0, unit=f"30{n}1", registered=date(2015, 1, 20), day=27, **ONE)
    f = ledger.close("2015-01").findings
    assert list(zip(f.rule_id, f.tier, f.unit_code, f.booked_amount, strict=True)) == [("PER-10", "fråga", "", -240000.0)]


def test_a_row_in_december_while_the_accounts_are_made_up_is_a_question(ledger):
    ledger.tables["period_release"] = released("2013-01", "2015-04")
    ledger.row("2014-12", -40000.0, registered=date(2015, 1, 20), day=27, **ONE)
    assert ledger.told("2015-01") == [("PER-10", "1101", "fråga")]


def test_a_ledger_without_parties_knows_the_agreement_by_its_words_and_tells_it_once(ledger):
    nobody = {**INCOME, "party": "", "cp": "", "text": "Fackförbundet ersättning facklig tid"}
    ledger.tables["agreement"] = agreement()
    ledger.monthly("2013-01", "2015-02", 40000.0, **nobody)
    found = ledger.close("2015-03")
    f = found.findings.query("unit_code == '1101'")
    assert list(zip(f.rule_id, f.agreement, f.counterparty, f.party, strict=True)) == [("PER-01", "AVT-1", "87", "777")]
    assert "earlier" in set(found.evidence[found.evidence.finding_id == f.finding_id.item()].role)
    late = {**nobody, "text": "Fackförbundet ersättning facklig tid mars"}
    ledger.row("2015-04", 40000.0, **late)
    ledger.row("2015-04", 40000.0, **nobody)
    frames = closes(ledger, "2015-03", "2015-04")
    assert list(frames[1][frames[1].rule_id == "PER-01"].status) == ["corrected"]


def test_an_accrual_of_the_years_accounts_has_a_month_more_to_be_reversed(ledger):
    ledger.tables["period_release"] = released("2013-01", "2015-04")
    cost = {"account": "7410", "party": "", "text": "Upplupen kostnad", "contra": "2990"}
    for p in periods("2014-03", "2014-11"):
        ledger.row(p, -50000.0, **cost)
        ledger.row(str(pd.Period(p) + 1), 50000.0, **{**cost, "text": "Återföring upplupen kostnad"})
    ledger.row("2014-12", -77000.0, registered=date(2015, 1, 20), **{**cost, "text": "Bokslut upplupen kostnad"})
    assert "PER-11" not in rules(ledger, "2015-01")
    assert "PER-11" in rules(ledger, "2015-02")
    ledger.row("2015-02", 77000.0, **{**cost, "text": "Återföring bokslut upplupen kostnad"})
    assert "PER-11" not in rules(ledger, "2015-02")


def several(ledger, unit: str, count: int, until: str) -> None:
    for n in range(count):
        ledger.monthly(
            "2013-01", until, -5000.0 - 1000 * n, unit=unit, party=f"9{n}", text=f"Avtal {'abcdefgh'[n]}", account="6160"
        )


def test_a_unit_that_falls_silent_is_one_question_asked_once(ledger):
    several(ledger, "1101", 6, "2015-01")
    several(ledger, "1102", 6, "2015-03")
    february, march = closes(ledger, "2015-02", "2015-03")
    assert list(zip(february.rule_id, february.tier, february.unit_code, february.expected_amount, strict=True)) == [
        ("PER-09", "fråga", "1101", -45000.0)
    ]
    assert len(march) == 1


def test_a_month_where_everything_is_missing_asks_whether_the_delivery_is_whole(ledger):
    for unit in ("1101", "1102", "1103"):
        several(ledger, unit, 5, "2015-02")
    f = ledger.close("2015-03").findings
    assert list(zip(f.tier, f.unit_code, strict=True)) == [("fråga", "")]
    assert "leveransen" in f.reason.item()
