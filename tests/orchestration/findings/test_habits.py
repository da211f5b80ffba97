"""Bookkeeping habits that differ between municipalities: the engine must follow each, and not take one for an error."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from tests.orchestration.findings.test_recurring import COST, INCOME, agreement, rules

PERIODS = pd.period_range("2012-01", "2015-12", freq="M").astype(str)


def test_calendar_of_its_own_is_learnt_from_two_years(ledger):
    ledger.background("2012-01", "2012-12")
    for p in PERIODS:
        if p[5:] in ("02", "05", "10") and p < "2015-05":
            ledger.row(p, 60000.0, **{**INCOME, "account": "3510", "text": "Statsbidrag"})
    assert rules(ledger, "2015-03") == []
    assert rules(ledger, "2015-05") == ["PER-01"]


def test_a_party_with_two_quarterly_agreements_misses_one(ledger):
    ledger.background("2012-01", "2012-12")
    for p in PERIODS[PERIODS <= "2015-06"]:
        if int(p[5:]) % 3 == 0:
            ledger.row(p, -26900.0, **{**COST, "text": "Bidrag torget", "ref": "", "account": "4530"})
            if p != "2015-06":
                ledger.row(p, -30800.0, **{**COST, "text": "Bidrag kansliet", "ref": "", "account": "4530"})
    found = ledger.close("2015-06").findings.query("unit_code == '1101'")
    assert list(found.rule_id) == ["PER-09"]
    assert found.iloc[0].expected_amount == -30800.0


def test_silent_last_months_invoice_credited_and_billed_again(ledger):
    amounts = {"2015-02": -8100.0, "2015-03": -8000.0}
    ledger.monthly("2013-01", "2015-03", lambda k, p: amounts.get(p, -8050.0), **COST)
    ledger.row("2015-03", 8100.0, **{**COST, "text": "Kredit leasing kopiator"})
    ledger.row("2015-03", -8100.0, **{**COST, "text": "Ny faktura leasing kopiator"})
    assert rules(ledger, "2015-03") == []


def test_two_first_empty_months_are_no_season(ledger):
    ledger.monthly("2014-03", "2015-03", -8000.0, skip=("2015-01", "2015-02"), **COST)
    ledger.row("2015-03", -8000.0, **{**COST, "day": 20})
    ledger.row("2015-03", -8000.0, **{**COST, "day": 21})
    assert rules(ledger, "2015-03") == ["PER-02"]


def test_silent_register_that_still_has_the_old_name(ledger):
    ledger.tables["agreement"] = agreement(account="6220", direction="cost", party="555", text="Leasing kopiator", amount=8000.0)
    ledger.monthly("2013-01", "2014-01", -8000.0, **COST)
    ledger.monthly("2014-02", "2015-06", lambda k, p: -8000.0 - 900.0 * (k % 3), **{**COST, "party": "999"})
    assert rules(ledger, "2015-05") == []
    assert rules(ledger, "2015-06") == []


@pytest.mark.parametrize("cadence", [None, 12])
def test_register_with_the_yearly_amount_of_what_is_billed_by_month(ledger, cadence):
    ledger.tables["agreement"] = agreement(amount=480000.0, cadence=cadence, phase=None)
    ledger.monthly("2013-01", "2015-02", 40000.0, **INCOME)
    assert rules(ledger, "2015-02") == []
    f = ledger.close("2015-03").findings.query("unit_code == '1101'").iloc[0]
    assert (f.rule_id, f.agreement, f.expected_amount) == ("PER-01", "AVT-1", 40000.0)


def test_register_without_cadence_alone_says_nothing(ledger):
    ledger.tables["agreement"] = agreement(amount=480000.0, cadence=None, phase=None)
    assert rules(ledger, "2015-03") == []


def test_the_agreed_price_is_proposed_where_amounts_vary(ledger):
    ledger.tables["agreement"] = agreement(amount=40000.0)
    wave = (0.9, 1.0, 1.1, 1.12, 0.95, 0.93, 1.08)
    ledger.monthly("2013-01", "2015-02", lambda k, p: round(40000.0 * wave[k % 7], 2), **INCOME)
    f = ledger.close("2015-03").findings.query("unit_code == '1101'").iloc[0]
    assert f.entry_amount == 40000.0


def test_a_register_that_was_not_kept_up_does_not_set_the_amount(ledger):
    ledger.tables["agreement"] = agreement(amount=40000.0)
    wave = (0.9, 1.0, 1.1, 1.12, 0.95, 0.93, 1.08)
    ledger.monthly("2013-01", "2015-02", lambda k, p: round(50000.0 * wave[k % 7], 2), **INCOME)
    f = ledger.close("2015-03").findings.query("unit_code == '1101'").iloc[0]
    assert f.agreement == "AVT-1"
    assert abs(f.entry_amount / 50000.0 - 1) < 0.05


def test_the_register_knows_of_the_index_that_steps_this_month(ledger):
    ledger.tables["agreement"] = agreement(amount=40000.0, index=0.08, valid_from=date(2013, 3, 1))
    price = lambda p: 40000.0 * 1.08 ** ((int(p[:4]) - 2013) - (p[5:] < "03"))  # noqa: E731
    ledger.monthly("2013-03", "2015-02", lambda k, p: round(price(p), 2), **INCOME)
    f = ledger.close("2015-03").findings.query("unit_code == '1101'").iloc[0]
    assert f.entry_amount == 46656.0


def test_a_summer_bill_is_no_part_of_an_autumn_one(ledger):
    year = (1.5, 1.4, 1.3, 1.0, 0.8, 0.6, 0.5, 0.55, 0.75, 1.0, 1.2, 1.4)
    ledger.monthly("2012-01", "2014-08", lambda k, p: -round(60000.0 * year[int(p[5:]) - 1], 2), **{**COST, "text": "Fjärrvärme"})
    first = ledger.close("2014-09").findings
    f = first.query("unit_code == '1101'").iloc[0]
    assert f.rule_id == "PER-09"
    assert abs(f.entry_amount / 45000.0 - 1) < 0.05
    f = ledger.close("2014-10", previous=first).findings.query("unit_code == '1101'").iloc[0]
    assert f.periods == "2014-09,2014-10"
    assert abs(f.entry_amount / (45000.0 + 60000.0) - 1) < 0.05  # each month at its own price


def test_silent_purchases_of_nobody_in_a_month_without_any(ledger):
    sizes = (900.0, 7000.0, 2500.0, 15000.0, 4100.0)
    ledger.monthly("2013-01", "2015-02", lambda k, p: -sizes[k % 5], **{**COST, "party": "", "text": "Inköp", "account": "6410"})
    assert rules(ledger, "2015-03") == []


def test_same_invoice_period_billed_twice_with_another_number(ledger):
    for p in PERIODS[(PERIODS >= "2013-01") & (PERIODS <= "2015-03")]:
        said = (date(int(p[:4]), int(p[5:]), 1), date(int(p[:4]), int(p[5:]), 28))
        amount = -8000.0 - (int(p[5:]) * 37 + int(p[:4]) * 11) % 700 - 0.35
        ledger.row(p, amount, **{**COST, "ref": f"7{p[2:4]}{p[5:]}"}, service=said)
        if p == "2015-02":
            again = (amount, said)
    ledger.row("2015-03", again[0], **{**COST, "ref": "99321", "day": 20}, service=again[1])
    found = ledger.close("2015-03").findings.query("unit_code == '1101'")
    assert "PER-06" in set(",".join(found.rules).split(","))


def test_monthly_totals_without_vouchers_are_no_accruals(ledger):
    for p in PERIODS[(PERIODS >= "2013-01") & (PERIODS <= "2015-03")]:
        if p != "2015-03":
            ledger.row(p, -8000.0, **{**COST, "party": "", "cp": "", "text": ""}, balance=False)
        ledger.row(p, -500.0, unit="1101", account="1790", party="", cp="", text="", balance=False)
    at = [name for name in range(len(ledger.rows)) if ledger.rows[name][12] == "1101"]
    for k in at:  # voucher series and number are unknown; interim accounts are balance accounts
        row = list(ledger.rows[k])
        row[5] = row[6] = ""
        row[19] = "balance" if row[10] == "1790" else row[19]
        ledger.rows[k] = tuple(row)
    assert rules(ledger, "2015-03") == ["PER-09"]
    assert rules(ledger, "2015-02") == []


def test_rows_without_dates_are_judged_without_them(ledger):
    for amount in (-4321.5, -4321.5):
        ledger.row("2015-03", amount, unit="1101", account="6410", party="p9", text="Inköp")
    for k in (-1, -2, -3, -4):
        row = list(ledger.rows[k])
        row[7] = row[8] = row[9] = None
        ledger.rows[k] = tuple(row)
    assert "PER-06" not in rules(ledger, "2015-03")
