"""One cause is one finding: agreements that the register alone expects, both sides of internal trade, what is carried along."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from orchestration.findings.run import _still_matters
from tests.orchestration.findings.conftest import Ledger

SALE = {"account": "3920", "party": "", "series": "I", "contra": "2410", "balance": False}


def agreement(**changes) -> pd.DataFrame:
    row = {
        "agreement_id": "AVT-1",
        "direction": "income",
        "seller_unit": "1101",
        "buyer_unit": "",
        "account": "3590",
        "counterparty": "87",
        "party": "777",
        "reference": "",
        "text": "Facklig representant",
        "amount": 26000.0,
        "cadence": 1,
        "phase": 1,
        "index": 0.0,
        "valid_from": date(2014, 11, 1),
        "valid_to": None,
    }
    return pd.DataFrame([{**row, **changes}])


def internal_agreement(name: str, amount: float, buyer: str = "1301", seller: str = "1501") -> dict:
    return {
        "agreement_id": name,
        "seller_unit": seller,
        "buyer_unit": buyer,
        "income_account": "3920",
        "cost_account": "7920",
        "amount": amount,
        "cadence": 1,
        "phase": None,
        "text": "Tjänster",
        "reference": "",
        "valid_from": date(2015, 1, 1),
        "valid_to": None,
    }


def trade(ledger: Ledger, period: str, amount: float, seller: tuple[str, str], buyer: tuple[str, str], text: str = "IT") -> None:
    """Book one internal item on both sides in one voucher; each side is (unit, the code by which the other side names it)."""
    number = str(ledger.number("I", int(period[:4])))
    common = {"text": text, "voucher": number, "day": 28}
    ledger.row(period, amount, unit=seller[0], cp=buyer[1], **SALE, **common)
    ledger.row(period, -amount, unit=buyer[0], cp=seller[1], **{**SALE, "account": "7920"}, **common)


def closes(ledger: Ledger, *periods: str) -> list[pd.DataFrame]:
    previous, out = None, []
    for period in periods:
        previous = ledger.close(period, previous).findings
        out.append(previous)
    return out


def test_an_agreement_never_booked_is_one_finding_that_grows_into_an_error_and_is_corrected_by_its_catch_up(ledger):
    ledger.tables["agreement"] = agreement()
    ledger.row("2015-04", 130000.0, account="3590", party="777", text="Facklig representant", series="L", contra="1510")
    ledger.row("2015-04", 26000.0, account="3590", party="777", text="Facklig representant april", series="L", contra="1510")
    told = closes(ledger, "2014-10", "2014-11", "2014-12", "2015-01", "2015-02", "2015-03", "2015-04")
    assert told[0].empty
    mine = [frame[frame.rule_id == "PER-01"] for frame in told[1:]]
    assert [len(frame) for frame in mine] == [1] * 6
    assert len({frame.finding_id.item() for frame in mine}) == 1
    assert [frame.tier.item() for frame in mine] == ["fråga", "fel", "fel", "fel", "fel", "fel"]
    march = mine[4].iloc[0]
    assert march.periods == "2014-11,2014-12,2015-01,2015-02,2015-03"
    # the result of the year lacks three months; what is to be booked, and what then is last year's among this year's: all, two
    assert (march.effect_period, march.entry_amount, march.effect_year_forecast) == (78000.0, 130000.0, 52000.0)
    assert [frame.status.item() for frame in mine] == ["open"] * 5 + ["corrected"]


def test_an_agreement_that_is_booked_again_without_the_months_that_lack_stays_open(ledger):
    ledger.tables["agreement"] = agreement(valid_from=date(2015, 1, 1))
    ledger.row("2015-04", 26000.0, account="3590", party="777", text="Facklig representant april", series="L", contra="1510")
    told = closes(ledger, "2014-12", "2015-01", "2015-02", "2015-03", "2015-04")
    [f] = told[-1][told[-1].rule_id == "PER-01"].itertuples()
    assert (f.status, f.periods, f.effect_period) == ("open", "2015-01,2015-02,2015-03", 78000.0)


def test_a_new_unit_with_many_unbooked_agreements_has_not_closed(ledger):
    ledger.monthly("2013-01", "2014-12", 40000.0, account="3590", party="777", text="Ersättning", series="L", contra="1510")
    ledger.tables["agreement"] = agreement(amount=40000.0, valid_from=date(2013, 1, 1), text="Ersättning")
    ledger.tables["internal_agreement"] = pd.DataFrame(
        [internal_agreement(f"I-{k}", 10000.0 * k, buyer=f"130{k}", seller="1101") for k in (1, 2, 3, 4)]
    )
    told = closes(ledger, "2014-12", "2015-01", "2015-02")
    f = told[-1][told[-1].agreement == "AVT-1"].iloc[0]
    assert (f.tier, f.periods) == ("fel", "2015-01,2015-02")


def test_both_sides_of_an_internal_agreement_are_one_finding_with_the_buyers_code(ledger):
    for period in pd.period_range("2014-01", "2015-03", freq="M").astype(str):
        trade(ledger, period, 12500.0, ("1501", "110"), ("1302", "130"))  # so that 1302 is known as 130
        trade(ledger, period, 9000.0, ("1502", "150"), ("1301", "131"))  # and 1301 as 131
    ledger.tables["internal_agreement"] = pd.DataFrame(
        [internal_agreement("I-0", 12500.0, buyer="1302"), internal_agreement("I-1", 14000.0)]
    )
    told = closes(ledger, "2014-12", "2015-01", "2015-02")
    # what is sold to 1302 at about the same amount is another agreement
    [f] = told[-1][told[-1].agreement == "I-1"].itertuples()
    assert (f.rule_id, f.rules, f.unit_code, f.other_unit, f.counterparty) == ("PER-01", "PER-01,PER-09", "1501", "1301", "131")
    assert (f.periods, f.effect_period, f.tier) == ("2015-01,2015-02", 28000.0, "fel")
    assert "neutralt för kommunen" in f.reason
    assert not (told[-1].unit_code == "1301").any()


def test_internal_trade_goes_on_when_a_reorganisation_gives_one_side_another_code(ledger):
    for period in pd.period_range("2013-01", "2014-12", freq="M").astype(str):
        trade(ledger, period, 22400.0, ("1501", "150"), ("1301", "310"), "Internhyra")
    for period in ("2015-01", "2015-02"):
        trade(ledger, period, 37500.0, ("1501", "150"), ("1301", "110"), "Internhyra")
    assert [f for f in ledger.told("2015-01") if f[1] in ("1501", "1301")] == []


def test_what_the_years_budget_no_longer_has_is_not_asked_about(ledger):
    ledger.monthly("2013-01", "2014-12", 40000.0, account="3590", party="777", text="EU-projekt", series="L", contra="1510")

    def budget(year: int, account: str, cp: str) -> dict:
        return {
            "amount_type": "budget",
            "period": f"{year}-01",
            "unit_code": "1101",
            "account": account,
            "report_line": "external_income",
            "counterparty": cp,
            "amount": 480000.0,
        }

    def asked() -> list[str]:
        return [f[0] for f in ledger.told("2015-01") if f[1] == "1101" and f[0] != "PER-04"]

    assert asked() == ["PER-01"]
    rows = [budget(2014, "3590", "87"), budget(2014, "3010", "82"), budget(2015, "3010", "82")]
    ledger.tables["int_amount"] = pd.DataFrame(rows)
    assert asked() == []
    ledger.tables["int_amount"] = pd.DataFrame([*rows, budget(2015, "3590", "87")])
    assert asked() == ["PER-01"]
    ledger.tables["int_amount"] = pd.DataFrame(rows[:2])  # no budget of the year at all: it says nothing
    assert asked() == ["PER-01"]


@pytest.mark.parametrize("accrued", [True, False])
def test_an_invoice_of_december_is_right_in_january_when_it_was_accrued(ledger, accrued):
    text = "Reparation avser 2014-12"
    if accrued:
        ledger.row("2014-12", -56000.0, account="6610", party="444", text=text, series="M", contra="2990", day=31)
        ledger.row("2015-01", 56000.0, account="6610", party="444", text="Vändning " + text, series="M", contra="2990", day=1)
    ledger.row("2015-01", -55904.42, account="6610", party="444", text=text, ref="5193428")
    assert [f[0] for f in ledger.told("2015-01") if f[1] == "1101"] == ([] if accrued else ["PER-05"])


def test_an_extra_row_that_says_its_own_month_is_no_catch_up(ledger):
    service = {p: (date(int(p[:4]), int(p[5:]), 1), date(int(p[:4]), int(p[5:]), 28)) for p in ("2015-03",)}
    ledger.monthly("2013-01", "2015-03", -12000.0, skip=("2014-11",), account="6410", party="333", text="Material")
    ledger.row("2015-03", -12500.0, account="6410", party="333", text="Material", ref="99", service=service["2015-03"])
    assert "PER-02" not in [f[0] for f in ledger.told("2015-03") if f[1] == "1101"]


def test_who_bills_several_times_a_month_is_no_duplicate_of_itself(ledger):
    for k, period in enumerate(pd.period_range("2014-01", "2015-03", freq="M").astype(str)):
        for n in range(3):
            amount = -(90000 + 1300 * n + 7000 * (k % 5))
            ledger.row(
                period, amount + 0.37 * n, account="6211", party="888", text="Fastighetsel", ref=f"{42000 + 60 * k + 10 * n}"
            )
    assert [f for f in ledger.told("2015-03") if f[0] == "PER-06"] == []


def test_the_id_of_a_duplicate_does_not_depend_on_which_file_its_rows_came_in(ledger):
    for day, number in ((10, "K1"), (16, "K2")):
        ledger.row("2015-03", -41234.56, account="7410", party="321", text="Utredning", ref="8812", day=day, voucher=number)
    [before] = ledger.close("2015-03").findings.query("rule_id == 'PER-06'").finding_id
    ledger.rows = [("A" + row[0], *row[1:2], row[2] + 500, *row[3:]) for row in ledger.rows]
    ledger.row("2012-12", -9000.0, unit="2001", party="p2001", text="Lokalvård", account="6160")
    [after] = ledger.close("2015-03").findings.query("rule_id == 'PER-06'").finding_id
    assert after == before


def test_the_other_side_booked_with_an_external_counterparty_is_named(ledger):
    for period in pd.period_range("2014-01", "2015-02", freq="M").astype(str):
        trade(ledger, period, 9000.0, ("1501", "110"), ("1301", "130"))
    ledger.row("2015-02", 84000.0, unit="1501", cp="137", text="Tilläggshyra", voucher="M7", **SALE)
    ledger.row("2015-02", -84000.0, unit="1399", cp="87", text="Tilläggshyra", voucher="M7", **{**SALE, "account": "6010"})
    [f] = ledger.close("2015-02").findings.query("rule_id == 'PER-03'").itertuples()
    assert (f.unit_code, f.other_unit, f.account, f.counterparty, f.entry_amount) == ("1399", "1501", "6010", "87", 84000.0)
    assert f.effect_period == 0  # the cost is there


def carried(**changes) -> dict:
    row = {
        "finding_id": "a" * 16,
        "rule_id": "PER-09",
        "tier": "fråga",
        "periods": "2014-07",
        "last_seen": "2014-07",
        "status": "open",
        "expected_date": "2014-07",
        "effect_period": -8000.0,
    }
    return {**row, **changes}


@pytest.mark.parametrize(
    ("finding", "stays"),
    [
        (carried(), False),  # a question about a year whose accounts are closed
        (carried(periods="2015-01", last_seen="2015-01"), True),
        (carried(last_seen="2015-03"), True),  # seen again
        (carried(tier="fel", rule_id="PER-01"), True),  # asserted to be missing: still somebody's money
        (carried(status="corrected", last_seen="2014-09", tier="fel"), False),
        (carried(status="corrected", last_seen="2015-01", tier="fel"), True),
        (carried(rule_id="PER-05", tier="fel", periods="2015-02,2015-03", last_seen="2015-02", expected_date="2015-03"), False),
        (carried(rule_id="PER-02", tier="fel", periods="2015-01,2015-02", last_seen="2015-02", effect_period=0.0), False),
        (carried(rule_id="PER-02", tier="fel", periods="2014-12,2015-02", last_seen="2015-02"), True),
    ],
)
def test_what_nobody_can_act_on_any_more_is_not_carried_along(finding, stays):
    assert len(_still_matters(pd.DataFrame([finding]), "2015-03", 1)) == int(stays)


def test_questions_of_the_year_stay_while_its_accounts_are_made_up():
    assert len(_still_matters(pd.DataFrame([carried()]), "2015-02", 1)) == 1


def test_an_old_agreement_that_falls_silent_is_one_finding_however_long(ledger):
    ledger.tables["agreement"] = agreement(valid_from=date(2013, 1, 1))
    ledger.monthly("2013-01", "2013-12", 26000.0, account="3590", party="777", text="Ersättning", series="L", contra="1510")
    told = closes(ledger, *pd.period_range("2013-12", "2015-06", freq="M").astype(str))
    assert told[-1][told[-1].rule_id == "PER-01"].finding_id.nunique() == 1
