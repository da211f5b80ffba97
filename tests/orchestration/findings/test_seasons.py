"""Business that follows the year: heating, snow clearing; and what hides in an account with odd purchases or without parties."""

from __future__ import annotations

import pytest

from tests.orchestration.findings.conftest import periods
from tests.orchestration.findings.test_recurring import rules

HEATING = {"unit": "1101", "account": "6221", "party": "512", "text": "Fjärrvärme"}
SNOW = {"unit": "1101", "account": "4611", "party": "875", "text": "Vinterväghållning"}
#: Shares of a normal month, January first; the heat of one year differs a little from that of another.
HEAT = (1.7, 1.6, 1.4, 1.0, 0.7, 0.5, 0.4, 0.45, 0.65, 0.95, 1.25, 1.4)
CHANCE = (1.01, 0.99, 1.02, 0.98)


def heat(period: str) -> float:
    """Return what heating cost in a month, nearly."""
    year, month = int(period[:4]), int(period[5:])
    return round(-100_000 * HEAT[month - 1] * 1.02 ** (year - 2012) * CHANCE[(year + month) % 4], 2)


def snow(period: str) -> float:
    """Return what snow clearing cost in a month: nothing from May to September, and in October only where it snowed."""
    year, month = int(period[:4]), int(period[5:])
    share = {10: 0.3 if year == 2014 else 0.0, 11: 0.9, 12: 1.1, 1: 1.3, 2: 1.3, 3: 1.0, 4: 0.35}.get(month, 0.0)
    return round(-300_000 * share * CHANCE[(year + month) % 4], 2)


def book(ledger, amount, first: str, last: str, skip: tuple[str, ...], **kw) -> None:
    for p in periods(first, last):
        if p not in skip and amount(p):
            ledger.row(p, amount(p), **kw)


def test_winter_in_one_go_after_three_silent_months_is_three_months(ledger):
    silent = ("2014-11", "2014-12", "2015-01")
    book(ledger, heat, "2012-01", "2015-01", silent, **HEATING)
    ledger.row("2015-02", sum(map(heat, (*silent, "2015-02"))), **HEATING)
    f = ledger.close("2015-02").findings.query("unit_code == '1101'")
    assert list(f.rule_id) == ["PER-02"]
    assert f.periods.item() == "2014-11,2014-12,2015-01,2015-02"


def test_a_missing_month_is_expected_at_what_the_season_says(ledger):
    book(ledger, heat, "2012-01", "2015-01", ("2014-10",), **HEATING)
    f = ledger.close("2015-02").findings.query("unit_code == '1101' and periods == '2015-02'")
    assert f.entry_amount.item() == pytest.approx(-heat("2015-02"), rel=0.05)


def test_heat_in_its_second_year_is_asked_about(ledger):
    book(ledger, heat, "2014-01", "2015-01", (), **HEATING)
    assert rules(ledger, "2015-02") == ["PER-09"]


def test_heat_that_wavers_in_its_second_year_is_asked_about(ledger):
    wavers = (1.0, 0.95, 1.0, 0.94, 1.04, 1.07, 0.99, 1.04, 1.1, 1.03, 0.97, 1.0, 1.03)
    for p, waver in zip(periods("2014-01", "2015-01"), wavers, strict=True):
        ledger.row(p, round(-600_000 * HEAT[int(p[5:]) - 1] * waver, 2), **HEATING)
    assert rules(ledger, "2015-02") == ["PER-09"]


@pytest.mark.parametrize("hole", ["2013-02", ""])
def test_snow_clearing_is_expected_in_winter_only(ledger, hole):
    book(ledger, snow, "2012-01", "2014-11", (hole,), **SNOW)
    assert rules(ledger, "2014-12") == ["PER-09"]


def test_snow_clearing_is_silent_in_summer_and_whether_october_has_snow_or_not(ledger):
    book(ledger, snow, "2012-01", "2015-12", (), **SNOW)
    assert [rules(ledger, p) for p in ("2014-10", "2014-12", "2015-05", "2015-10")] == [[]] * 4


def test_what_began_less_than_two_years_ago_was_not_closed_before_that(ledger):
    ledger.monthly("2013-01", "2014-10", -8000.0, **SNOW)
    assert rules(ledger, "2014-11") == ["PER-09"]


def test_winter_in_one_bill_is_told_though_october_had_snow(ledger):
    silent = ("2014-12", "2015-01")
    book(ledger, snow, "2012-01", "2014-11", (), **SNOW)
    ledger.row("2015-02", sum(map(snow, (*silent, "2015-02"))), **SNOW)
    assert "PER-02" in rules(ledger, "2015-02")


def test_an_odd_purchase_from_the_same_supplier_is_not_the_next_month(ledger):
    ledger.monthly("2013-01", "2015-02", -8000.0, **{**SNOW, "text": "Telefoni"})
    ledger.row("2015-02", -9000.0, **{**SNOW, "text": "Inköp headset"})
    assert rules(ledger, "2015-03") == ["PER-09"]


def test_of_two_rows_the_one_that_says_this_month_is_this_months(ledger):
    fee = {"unit": "1101", "account": "3611", "party": "853", "series": "L", "contra": "1510"}
    due = [p for k, p in enumerate(periods("2013-01", "2015-01")) if k % 4 == 0]
    for k, p in enumerate(due):
        if p != "2014-09":
            ledger.row(p, 109_000.0 + 1000 * (k % 3), text=f"Ersättning enligt avtal {p.replace('-', '')}", **fee)
    ledger.row("2015-01", 107_400.0, text="Ersättning enligt avtal 201409", **fee)
    f = ledger.close("2015-01").findings.query("unit_code == '1101'")
    assert list(f.rule_id) == ["PER-02"]
    assert "2014-09" in f.periods.item()


def nameless(text: str) -> dict[str, str]:
    return {"unit": "1101", "account": "6821", "party": "", "cp": "", "text": text}


def test_a_season_of_somebody_who_is_named_in_the_text_alone(ledger):
    book(ledger, heat, "2014-01", "2015-01", (), **nameless("Sjövik Energi AB fjärrvärme"))
    assert rules(ledger, "2015-02") == ["PER-09"]


def test_everybodys_purchases_without_a_name_are_nobodys_agreement(ledger):
    for k, p in enumerate(periods("2013-01", "2015-01")):
        ledger.row(p, -(4000.0 + 2900 * (k * 7 % 5)), **nameless(f"Inköp {'abcdefghijklmnopqrstuvwxyz'[k % 26] * 3}a"))
    assert rules(ledger, "2015-02") == []


def test_another_invoice_on_the_account_does_not_stand_for_a_share_that_is_missing(ledger):
    ledger.monthly("2013-01", "2015-01", -100_000.0, **nameless("Tieto drift"))
    for p in periods("2013-01", "2014-12"):
        ledger.row(p, -121_380.0, contra="1710", **nameless("Atea periodisering licenser"))
    ledger.row("2015-01", -1_456_560.0, ref="38581", **nameless("Atea licenser"))
    assert rules(ledger, "2015-01") == ["PER-05"]


def test_last_years_income_of_a_customer_named_in_the_text_who_is_billed_in_arrears(ledger):
    def text(month: str) -> dict[str, str]:
        words = nameless(f"Försäkringskassan assistansersättning {month}")
        return {**words, "account": "3611", "series": "L", "contra": "1510"}

    for p, before in zip(periods("2013-02", "2015-02"), periods("2013-01", "2015-01"), strict=True):
        ledger.row(p, 550_000.0, **text(before.replace("-", "")))
    ledger.row("2015-02", 439_481.99, **text("okt-dec 2014"))
    f = ledger.close("2015-02").findings.query("unit_code == '1101'")
    assert list(zip(f.rule_id, f.booked_amount, strict=True)) == [("PER-02", 439_481.99)]
