"""PER-03, PER-04, PER-05, PER-06, PER-08, PER-10, PER-11 on single rows: violating and clean cases, and confusers."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from expectations.rules import RULES, Thresholds, thresholds
from orchestration.errors import SettingsError
from tests.orchestration.findings.conftest import periods


def rules(book, period, *units):
    return [r for r, unit, _ in book.told(period) if not units or unit in units]


def internal(book, first, last, *, seller_skip=(), buyer_skip=(), buyer=lambda p: -30000.0, one_voucher=False):
    for p in periods(first, last):
        number = book.number("I", int(p[:4]))
        if p not in seller_skip:
            book.row(
                p,
                30000.0,
                unit="1501",
                account="3930",
                cp="101",
                party="",
                text="Kontaktcenter",
                series="I",
                voucher=number,
                contra="1690",
            )
        if p not in buyer_skip:
            number = number if one_voucher else None
            book.row(
                p,
                buyer(p),
                unit="1101",
                account="7930",
                cp="105",
                party="",
                text="Kontaktcenter",
                series="I",
                voucher=number,
                contra="1690",
            )


def test_per03_seller_missing_is_neutral_for_the_municipality(ledger):
    internal(ledger, "2013-01", "2015-03", seller_skip=("2015-03",))
    found = ledger.close("2015-03").findings
    f = found[found.unit_code == "1501"].iloc[0]
    assert (f.rule_id, f.tier, f.other_unit, f.report_line, f.counterparty) == ("PER-03", "fel", "1101", "internal_income", "101")
    assert (f.expected_amount, f.booked_amount, f.effect_year_forecast) == (30000.0, 0.0, 0.0)
    # the omitted voucher leaves its number behind
    assert set(found.rule_id) == {"PER-03", "PER-11"}


def test_per03_different_amount_names_the_side_that_left_its_habit(ledger):
    internal(ledger, "2013-01", "2015-03", buyer=lambda p: -3000.0 if p == "2015-03" else -30000.0)
    found = ledger.close("2015-03").findings
    assert list(zip(found.rule_id, found.unit_code, found.booked_amount, strict=True)) == [("PER-03", "1101", -3000.0)]


def test_per03_both_sides_missing_is_one_finding(ledger):
    internal(ledger, "2013-01", "2015-03", seller_skip=("2015-03",), buyer_skip=("2015-03",))
    found = ledger.close("2015-03").findings
    assert list(zip(found.rule_id, found.unit_code, found.other_unit, strict=True)) == [("PER-01", "1501", "1101")]


@pytest.mark.parametrize("one_voucher", [True, False])
def test_per03_clean(ledger, one_voucher):
    internal(ledger, "2013-01", "2015-03", one_voucher=one_voucher)
    assert rules(ledger, "2015-03") == []


def budget(shape, unit="1101", line="other_external_cost", year=2015, total=-1_200_000.0):
    return pd.DataFrame(
        [("budget", f"{year}-{k + 1:02d}", unit, None, line, total * shape[k]) for k in range(12)],
        columns=["amount_type", "period", "unit_code", "account", "report_line", "amount"],
    )


def test_per04_front_loaded_budget_for_a_flat_activity(ledger):
    ledger.background("2012-01", "2012-12")
    ledger.monthly("2012-01", "2015-03", -100_000.0)
    shape = [0.14, 0.13, 0.12, 0.1, 0.09, 0.08, 0.07, 0.07, 0.06, 0.05, 0.05, 0.04]
    ledger.tables["int_amount"] = budget(shape)
    f = ledger.close("2015-01").findings.iloc[0]
    assert (f.rule_id, f.unit_code, f.report_line) == ("PER-04", "1101", "other_external_cost")
    profile = pd.read_json(__import__("io").StringIO(f.corrected_profile)).iloc[:, 0]
    assert profile.sum() == pytest.approx(-1_200_000)
    assert profile.min() == pytest.approx(profile.max())
    march = ledger.close("2015-03").findings.iloc[0]
    # the part of the deviation that is nothing but profile: 39 % budgeted, 25 % usual
    assert march.effect_period == pytest.approx(0.14 * 1_200_000)
    assert march.finding_id == f.finding_id


def test_per04_flat_budget_for_a_flat_activity_is_silent(ledger):
    ledger.background("2012-01", "2012-12")
    ledger.monthly("2012-01", "2015-03", -100_000.0)
    ledger.tables["int_amount"] = budget([1 / 12] * 12)
    assert rules(ledger, "2015-03") == []


ONE = {"account": "7410", "party": "321", "text": "Utredning"}


def test_per05_service_period_in_an_earlier_month(ledger):
    ledger.row("2015-03", -90000.0, service=(date(2015, 2, 1), date(2015, 2, 28)), ref="8812", **ONE)
    f = ledger.close("2015-03").findings.iloc[0]
    assert (f.rule_id, f.periods, f.entry_amount) == ("PER-05", "2015-02,2015-03", 90000.0)


def test_per05_the_rows_of_one_invoice_are_one_amount(ledger):
    february = (date(2015, 2, 1), date(2015, 2, 28))
    for amount in (-90000.0, -4000.0, -36000.0):
        ledger.row("2015-03", amount, service=february, ref="8812", voucher="777", **ONE)
    close = ledger.close("2015-03")
    (f,) = close.findings.itertuples()
    assert (f.rule_id, f.booked_amount, f.entry_amount) == ("PER-05", -130000.0, 130000.0)
    assert sorted(close.evidence.amount.astype(float)) == [-90000.0, -36000.0, -4000.0]


@pytest.mark.parametrize("text", ["Utredning avser 2015-02", "Utredning februari 2015", "Utredning feb", "Utredning 02/15"])
def test_per05_text_says_an_earlier_month(ledger, text):
    ledger.row("2015-03", -90000.0, ref="8812", **{**ONE, "text": text})
    assert rules(ledger, "2015-03") == ["PER-05"]


@pytest.mark.parametrize(
    "text", ["Utredning mars 2015", "Utredning jan-mars", "Utredning kv 1", "Utredning 2015-03", "Utredning"]
)
def test_per05_text_of_the_month_or_its_quarter_is_silent(ledger, text):
    ledger.row("2015-03", -90000.0, ref="8812", **{**ONE, "text": text})
    assert rules(ledger, "2015-03") == []


def test_per05_invoice_date_where_the_series_has_its_date_in_the_month(ledger):
    ledger.row("2015-03", -90000.0, ref="8812", vdate=date(2015, 1, 20), registered=date(2015, 3, 5), **ONE)
    assert rules(ledger, "2015-03") == ["PER-05"]


def test_per02_prior_year_income(ledger):
    ledger.row("2015-03", 300000.0, account="3590", cp="81", party="9", text="Ersättning avser 2014", series="L", contra="1510")
    assert rules(ledger, "2015-03") == ["PER-02"]


def test_per05_prepaid_cost_taken_at_once_and_under_the_threshold(ledger):
    ledger.row(
        "2015-03",
        -120000.0,
        service=(date(2015, 3, 1), date(2016, 2, 28)),
        ref="1",
        **{**ONE, "account": "6880", "text": "Licens"},
    )
    ledger.row(
        "2015-03",
        -20000.0,
        service=(date(2015, 3, 1), date(2016, 2, 28)),
        ref="2",
        **{**ONE, "account": "6880", "text": "Licens liten", "party": "322"},
    )
    f = ledger.close("2015-03").findings
    assert list(f.rule_id) == ["PER-05"]
    assert (f.debit_account[0], f.entry_amount[0]) == ("1710", 110000.0)


def test_per06_same_invoice_twice(ledger):
    ledger.row("2015-03", -7432.5, ref="F-00812", **ONE)
    ledger.row("2015-03", -7432.5, ref="F00812", day=22, **ONE)
    found = ledger.close("2015-03")
    assert list(found.findings.rule_id) == ["PER-06"]
    assert set(found.evidence.role) == {"double", "first"}


def test_per06_two_alike_invoices_are_not_asserted(ledger):
    ledger.row("2015-03", -2500.0, ref="5001", **{**ONE, "account": "7610", "text": "Kurs deltagare 1"})
    ledger.row("2015-03", -2500.0, ref="5002", **{**ONE, "account": "7610", "text": "Kurs deltagare 2"})
    assert rules(ledger, "2015-03") == []


def test_per06_credited_copy_is_silent(ledger):
    for amount, day in ((-7432.5, 5), (-7432.5, 8), (7432.5, 9)):
        ledger.row("2015-03", amount, ref="812", day=day, **ONE)
    assert rules(ledger, "2015-03") == []


def pay(book, first, last, change=None, export=True, rate=lambda p: 0.3846):
    rows = []
    for u, base in (("1101", 400_000.0), ("2001", 300_000.0), ("2002", 500_000.0), ("2003", 350_000.0)):
        for p in periods(first, last):
            gross = base + 1000.0 * int(p[5:])
            kr = {"5010": gross, "5610": round(gross * rate(p), 2)}
            if export:
                rows.append((u, p, gross, kr["5610"]))
            if change and (u, p) in change:
                kr.update(change[u, p])
            for account, amount in kr.items():
                book.row(p, -amount, unit=u, account=account, cp="86", party="", text="Löner", series="P", contra="1930")
    if export:
        book.tables["payroll"] = pd.DataFrame(rows, columns=["unit_code", "period", "gross", "employer_contribution"])


def test_per08_pay_differs_from_the_hr_export(ledger):
    pay(ledger, "2014-01", "2015-03", {("1101", "2015-03"): {"5010": 350_000.0, "5610": 134_610.0}})
    f = ledger.close("2015-03").findings
    assert list(zip(f.rule_id, f.unit_code, strict=True)) == [("PER-08", "1101")]


def test_per08_on_cost_off_its_rate_without_an_export(ledger):
    pay(ledger, "2014-01", "2015-03", {("1101", "2015-03"): {"5610": 120_000.0}}, export=False)
    f = ledger.close("2015-03").findings
    assert list(zip(f.rule_id, f.unit_code, strict=True)) == [("PER-08", "1101")]


def test_per08_clean(ledger):
    pay(ledger, "2014-01", "2015-03")
    assert rules(ledger, "2015-03") == []


def test_per08_a_new_rate_at_new_year_is_silent(ledger):
    pay(ledger, "2014-01", "2015-03", rate=lambda p: 0.3846 if p < "2015" else 0.3946)
    assert rules(ledger, "2015-01") == [] == rules(ledger, "2015-03")


def test_per10_row_in_a_released_period_and_replay_of_what_was_known(ledger):
    ledger.tables["period_release"] = pd.DataFrame(
        [(p, (pd.Period(p) + 1).start_time.date().replace(day=10)) for p in periods("2013-01", "2015-04")],
        columns=["period", "released_on"],
    )
    ledger.row("2015-02", -40000.0, ref="1", registered=date(2015, 3, 20), day=27, **ONE)
    assert rules(ledger, "2015-02") == []
    f = ledger.close("2015-03").findings
    assert list(zip(f.rule_id, f.unit_code, f.periods, f.booked_amount, strict=True)) == [("PER-10", "1101", "2015-02", -40000.0)]


def test_per11_unbalanced_voucher(ledger):
    ledger.row("2015-03", -7432.5, ref="1", balance=False, **ONE)
    assert rules(ledger, "2015-03") == ["PER-11"]


def test_per11_missing_number(ledger):
    ledger.number("K", 2015)
    ledger.row("2015-03", -999.0, ref="1", voucher=901, **ONE)
    ledger.row("2015-03", -998.0, ref="2", voucher=903, **ONE)
    f = ledger.close("2015-03", th=Thresholds(gap_share=0.99)).findings
    assert "PER-11" in set(f.rule_id)
    assert any("902" in r for r in f.reason)


def accruals(book, back_skip=()):
    for p in periods("2014-01", "2015-03"):
        common = {"unit": "1101", "account": "6210", "party": "", "series": "B", "contra": "2990"}
        book.row(p, -15000.0, text="Upplupen kostnad el", day=28, **common)
        after = str(pd.Period(p) + 1)
        if after <= "2015-03" and after not in back_skip:
            book.row(after, 15000.0, text="Återföring upplupen kostnad el", day=1, **common)
            book.row(after, -15100.0, **{**common, "party": "5", "series": "K", "contra": "2410", "text": "El"})


def test_per11_accrual_never_reversed(ledger):
    accruals(ledger, back_skip=("2015-03",))
    f = ledger.close("2015-03").findings
    f = f[f.rule_id == "PER-11"]
    assert list(zip(f.unit_code, f.periods, f.entry_amount, strict=True)) == [("1101", "2015-02,2015-03", 15000.0)]


def test_per11_accruals_taken_back_are_silent(ledger):
    accruals(ledger)
    assert rules(ledger, "2015-03", "1101") == []


def test_catalogue_and_thresholds():
    assert list(RULES) == [f"PER-{k:02d}" for k in range(1, 12)]
    assert thresholds({"materiality": 5000, "interim_liabilities": ["29"]}).materiality == 5000.0
    with pytest.raises(SettingsError):
        thresholds({"materialty": 5000})
    with pytest.raises(SettingsError):
        thresholds({"materiality": "much"})


def test_disabled_rule_and_every_finding_has_evidence_or_a_reason(ledger):
    ledger.row("2015-03", -90000.0, service=(date(2015, 2, 1), date(2015, 2, 28)), ref="8812", **ONE)
    assert ledger.close("2015-03", th=Thresholds(disabled=("PER-05",))).findings.empty
    found = ledger.close("2015-03")
    assert set(found.evidence.finding_id) == set(found.findings.finding_id)
