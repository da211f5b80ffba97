"""PER-01, PER-02, PER-05, PER-06, PER-07, PER-09 on recurring postings: violating and clean cases, and confusers."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from tests.orchestration.findings.conftest import Ledger

INCOME = {"unit": "1101", "account": "3590", "party": "777", "text": "Ersättning facklig tid", "series": "L", "contra": "1510"}
COST = {"unit": "1101", "account": "6220", "party": "555", "text": "Leasing kopiator"}


def agreement(**kw) -> pd.DataFrame:
    row = {
        "agreement_id": "AVT-1",
        "seller_unit": "1101",
        "buyer_unit": "",
        "direction": "income",
        "account": "3590",
        "counterparty": "87",
        "party": "777",
        "reference": "",
        "text": "Ersättning facklig tid",
        "amount": 40000.0,
        "cadence": 1,
        "phase": 1,
        "valid_from": date(2013, 1, 1),
        "valid_to": None,
        "index": 0.0,
    }
    return pd.DataFrame([{**row, **kw}])


def rules(book: Ledger, period: str) -> list[str]:
    return [r for r, unit, _ in book.told(period) if unit == "1101"]


def test_per01_learnt_income_missing_is_told_with_accrual(ledger):
    ledger.monthly("2013-01", "2015-02", 40000.0, **INCOME)
    found = ledger.close("2015-03")
    f = found.findings[found.findings.unit_code == "1101"].iloc[0]
    assert (f.rule_id, f.report_line, f.counterparty, f.party, f.periods) == ("PER-01", "external_income", "87", "777", "2015-03")
    assert (f.expected_amount, f.booked_amount, f.effect_period) == (40000.0, 0.0, 40000.0)
    assert (f.debit_account, f.credit_account, f.entry_amount, f.reversal_period) == ("1790", "3590", 40000.0, "2015-04")
    rows = found.evidence[found.evidence.finding_id == f.finding_id]
    assert list(rows.role) == ["earlier"]
    assert float(rows.amount.iloc[0]) == 40000.0


def test_per01_register_makes_it_an_error_and_names_the_agreement(ledger):
    ledger.tables["agreement"] = agreement()
    ledger.monthly("2013-01", "2015-02", 40000.0, **INCOME)
    f = ledger.close("2015-03").findings.query("unit_code == '1101'").iloc[0]
    assert (f.rule_id, f.tier, f.agreement) == ("PER-01", "fel", "AVT-1")


def test_per01_agreement_never_booked_is_told_from_the_register_alone(ledger):
    ledger.tables["agreement"] = agreement(valid_from=date(2015, 2, 1))
    f = ledger.close("2015-03").findings.query("unit_code == '1101'").iloc[0]
    assert (f.rule_id, f.agreement, f.entry_amount) == ("PER-01", "AVT-1", 40000.0 * len(f.periods.split(",")))


def test_per01_accrued_income_is_not_missing(ledger):
    ledger.monthly("2013-01", "2015-02", 40000.0, **INCOME)
    ledger.row("2015-03", 40000.0, **{**INCOME, "party": "", "text": "Upplupen intäkt mars", "contra": "1790", "series": "B"})
    assert rules(ledger, "2015-03") == []


def test_per09_missing_cost_and_clean(ledger):
    ledger.monthly("2013-01", "2015-04", -8000.0, skip=("2015-03",), **COST)
    assert rules(ledger, "2015-03") == ["PER-09"]
    assert rules(ledger, "2015-02") == []


@pytest.mark.parametrize("cadence", [3, 6, 12])
def test_slow_cadences_are_learnt(ledger, cadence):
    months = [p for k, p in enumerate(pd.period_range("2012-03", "2015-03", freq="M").astype(str)) if k % cadence == 0]
    ledger.background("2012-01", "2012-12")
    for p in months[:-1]:
        ledger.row(p, -30000.0, **COST)
    assert rules(ledger, months[-1]) == ["PER-09"]
    month_before = str(pd.Period(months[-1]) - 1)
    assert rules(ledger, month_before) == []


def test_per02_catch_up_over_the_turn_of_the_year(ledger):
    ledger.monthly(
        "2013-01",
        "2015-03",
        lambda k, p: 160000.0 if p == "2015-03" else 40000.0,
        skip=("2014-12", "2015-01", "2015-02"),
        **INCOME,
    )
    f = ledger.close("2015-03").findings.query("unit_code == '1101'").iloc[0]
    assert f.rule_id == "PER-02"
    assert f.periods == "2014-12,2015-01,2015-02,2015-03"
    assert f.effect_period == f.effect_year_forecast == pytest.approx(-40000)  # the year to date holds January and February


def test_corrected_by_the_ledger_itself(ledger):
    ledger.monthly("2013-01", "2015-02", 40000.0, **INCOME)
    march = ledger.close("2015-03").findings
    case = march.query("unit_code == '1101'").iloc[0].finding_id
    ledger.row("2015-04", 40000.0, **{**INCOME, "day": 3})
    ledger.row("2015-04", 40000.0, **{**INCOME, "day": 20})
    april = ledger.close("2015-04", previous=march).findings.set_index("finding_id")
    assert april.status[case] == "corrected"
    assert april.first_seen[case] == "2015-03"
    assert april.age[case] == 1


def test_one_case_over_many_months_with_the_same_id(ledger):
    ledger.monthly("2013-01", "2015-02", 40000.0, **INCOME)
    march = ledger.close("2015-03").findings
    april = ledger.close("2015-04", previous=march).findings
    a, b = (x.query("unit_code == '1101'") for x in (march, april))
    assert list(a.finding_id) == list(b.finding_id)
    assert b.iloc[0].periods == "2015-03,2015-04"
    assert b.iloc[0].expected_amount == 80000.0


def test_an_answer_silences_until_the_facts_change(ledger):
    ledger.monthly("2013-01", "2015-02", 40000.0, **INCOME)
    march = ledger.close("2015-03").findings
    case = march.query("unit_code == '1101'").iloc[0].finding_id
    answers = pd.DataFrame([{"finding_id": case, "answer": "explained", "reason": "Kommer i april"}])
    answered = ledger.close("2015-03", previous=march, answers=answers).findings.set_index("finding_id")
    assert answered.status[case] == "explained"
    again = ledger.close("2015-03", previous=answered.reset_index()).findings.set_index("finding_id")
    assert again.status[case] == "explained"
    april = ledger.close("2015-04", previous=answered.reset_index()).findings.set_index("finding_id")
    assert april.status[case] == "open"


def test_per05_late_row_with_its_service_period(ledger):
    for p in pd.period_range("2013-01", "2015-04", freq="M").astype(str):
        booked = "2015-04" if p == "2015-03" else p
        ledger.row(
            booked,
            -8000.0,
            service=(date(int(p[:4]), int(p[5:]), 1), date(int(p[:4]), int(p[5:]), 28)),
            vdate=date(int(p[:4]), int(p[5:]), 20),
            **COST,
        )
    assert rules(ledger, "2015-03") == ["PER-09"]
    assert rules(ledger, "2015-04") == ["PER-05"]


def test_per05_next_months_rent_booked_early(ledger):
    for p in pd.period_range("2013-01", "2015-04", freq="M").astype(str):
        ledger.row("2015-03" if p == "2015-04" else p, -8000.0, **{**COST, "text": f"Leasing kopiator avser {p}"})
    assert rules(ledger, "2015-03") == ["PER-05"]
    assert rules(ledger, "2015-04") == []


def test_per06_regular_posting_twice(ledger):
    ledger.monthly("2013-01", "2015-03", -8000.0, ref="", **COST)
    ledger.row("2015-03", -8000.0, day=25, **COST)
    f = ledger.close("2015-03").findings.query("unit_code == '1101'").iloc[0]
    assert (f.rule_id, f.tier, f.effect_period) == ("PER-06", "fel", 8000.0)


def test_per07_sign_turned(ledger):
    ledger.monthly("2013-01", "2015-03", lambda k, p: 8000.0 if p == "2015-03" else -8000.0, **COST)
    f = ledger.close("2015-03").findings.query("unit_code == '1101'").iloc[0]
    assert (f.rule_id, f.effect_period) == ("PER-07", -16000.0)


def test_per07_income_on_a_cost_account(ledger):
    ledger.monthly("2013-01", "2015-02", 40000.0, **INCOME)
    ledger.row("2015-03", 40000.0, **{**INCOME, "account": "7410"})
    assert rules(ledger, "2015-03") == ["PER-07"]


# ---- what must stay silent ---------------------------------------------------------------------------------------------------
def test_silent_contract_that_ended_by_the_register(ledger):
    ledger.tables["agreement"] = agreement(valid_to=date(2015, 2, 28))
    ledger.monthly("2013-01", "2015-02", 40000.0, **INCOME)
    assert rules(ledger, "2015-03") == []


def test_silent_final_invoice(ledger):
    ledger.monthly("2013-01", "2015-01", 40000.0, **INCOME)
    ledger.row("2015-02", 40000.0, **{**INCOME, "text": "Slutfaktura ersättning facklig tid"})
    assert rules(ledger, "2015-03") == []


def test_ending_without_notice_is_asked_not_asserted_where_endings_are_usual(ledger):
    for k in range(8):
        ledger.monthly(
            "2013-01",
            f"2014-{k % 6 + 3:02d}",
            5000.0,
            unit="2001",
            account="3410",
            party=f"left{k}",
            text=f"Hyra lokal {'abcdefgh'[k] * 3}",
            series="L",
        )
    ledger.monthly("2013-01", "2015-02", 40000.0, **INCOME)
    assert [(r, t) for r, u, t in ledger.told("2015-03") if u == "1101"] == [("PER-01", "fråga")]


def test_silent_new_contract(ledger):
    ledger.monthly("2015-01", "2015-03", -8000.0, **COST)
    assert rules(ledger, "2015-03") == []


def test_silent_closed_in_summer(ledger):
    ledger.monthly("2012-01", "2015-06", 40000.0, skip=("2012-07", "2013-07", "2014-07"), **INCOME)
    assert rules(ledger, "2015-07") == []


def test_silent_price_change(ledger):
    ledger.monthly("2013-01", "2015-03", lambda k, p: -8000.0 if p < "2015-02" else -9600.0, **COST)
    assert rules(ledger, "2015-02") == []
    assert rules(ledger, "2015-03") == []


def test_silent_quarterly_that_became_monthly(ledger):
    for p in pd.period_range("2013-03", "2014-12", freq="M").astype(str):
        if int(p[5:]) % 3 == 0:
            ledger.row(p, -30000.0, **COST)
    ledger.monthly("2015-01", "2015-06", -10000.0, **COST)
    assert [rules(ledger, f"2015-0{k}") for k in (1, 2, 3, 4, 6)] == [[], [], [], [], []]


def test_silent_credited_and_billed_again(ledger):
    ledger.monthly("2013-01", "2015-03", -8000.0, **COST)
    ledger.row("2015-03", 8000.0, **{**COST, "text": "Kredit leasing kopiator"})
    ledger.row("2015-03", -8000.0, **{**COST, "text": "Ny faktura leasing kopiator"})
    assert rules(ledger, "2015-03") == []


def test_silent_series_moved_to_another_unit(ledger):
    ledger.monthly("2013-01", "2015-02", -8000.0, **COST)
    ledger.monthly("2015-03", "2015-04", -8000.0, **{**COST, "unit": "1190"})
    assert ledger.told("2015-03") == []
    assert ledger.told("2015-04") == []


def test_silent_supplier_with_a_new_name(ledger):
    ledger.monthly("2013-01", "2015-02", -8000.0, **COST)
    ledger.monthly("2015-03", "2015-04", -8000.0, **{**COST, "party": "999"})
    assert rules(ledger, "2015-03") == []
    assert rules(ledger, "2015-04") == []


def test_silent_two_agreements_in_one_row(ledger):
    ledger.monthly("2013-01", "2015-02", -8000.0, ref="AVT-8001", **COST)
    ledger.monthly("2013-01", "2015-02", -5000.0, ref="AVT-9442", **{**COST, "text": "Leasing bil"})
    ledger.row("2015-03", -13000.0, ref="77123", **{**COST, "text": "Samlingsfaktura"})
    assert rules(ledger, "2015-03") == []


def test_silent_true_one_off(ledger):
    ledger.row("2015-03", 250000.0, **{**INCOME, "party": "4711", "text": "Försäkringsersättning"})
    assert rules(ledger, "2015-03") == []
    assert rules(ledger, "2015-04") == []


def test_misspelt_reference_and_missing_party_are_still_the_posting(ledger):
    ledger.monthly("2013-01", "2015-01", -8000.0, ref="AVT-8001", **COST)
    ledger.row("2015-02", -8000.0, ref="AVT-801", **{**COST, "text": "Leasng kopiator"})
    ledger.row("2015-03", -8000.0, ref="", **{**COST, "party": "", "cp": ""})
    assert rules(ledger, "2015-02") == []
    assert rules(ledger, "2015-03") == []


def test_the_first_month_of_a_ledger_is_silent():
    book = Ledger()
    book.row("2015-01", -1000.0, **COST)
    assert book.told("2015-01") == []
