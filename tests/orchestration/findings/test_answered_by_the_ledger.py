"""What the ledger or the register itself answers is not asked, and not asserted; beside each case, the one that must be told."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from tests.orchestration.findings.conftest import periods
from tests.orchestration.findings.test_one_cause import closes
from tests.orchestration.findings.test_recurring import COST, INCOME, agreement, rules

AREA = {"unit": "1101", "account": "6410", "text": "Inköp material"}
SPAN = {"service": (date(2015, 1, 1), date(2015, 3, 31))}


def mine(found: pd.DataFrame) -> list[tuple[str, str]]:
    own = found[found.unit_code == "1101"]
    return list(zip(own.rule_id, own.tier, strict=True))


@pytest.mark.parametrize("billed", [True, False])
def test_the_register_says_that_billing_has_become_slower(ledger, billed):
    old = {"amount": 40000.0, "cadence": 1, "valid_to": date(2014, 12, 31)}
    new = {"amount": 120000.0, "cadence": 3, "phase": 3, "valid_from": date(2015, 1, 1)}
    ledger.tables["agreement"] = pd.concat([agreement(**old), agreement(**new)], ignore_index=True)
    ledger.monthly("2013-01", "2014-12", 40000.0, **INCOME)
    if billed:
        ledger.row("2015-03", 120000.0, **INCOME)
    told = closes(ledger, "2014-12", "2015-01", "2015-02", "2015-03")
    assert [mine(f) for f in told] == [[], [], [], [] if billed else [("PER-01", "fel")]]
    if not billed:
        assert told[-1].query("unit_code == '1101'").expected_amount.item() == 120000.0


def test_an_agreement_renewed_each_year_with_the_years_amount_is_still_due_each_month(ledger):
    years = [
        {"amount": 480000.0, "cadence": 12, "valid_from": date(y, 1, 1), "valid_to": date(y, 12, 31)} for y in (2013, 2014, 2015)
    ]
    ledger.tables["agreement"] = pd.concat([agreement(**year) for year in years], ignore_index=True)
    ledger.monthly("2013-01", "2014-12", 40000.0, **INCOME)
    assert mine(ledger.close("2015-01").findings) == [("PER-01", "fel")]


@pytest.mark.parametrize(("last", "told"), [("Slutfaktura hyra torget", []), ("Hyra torget", [("PER-01", "fråga")])])
def test_who_leaves_ends_every_agreement_and_is_asked_about_once(ledger, last, told):
    rent = {**INCOME, "account": "3410"}
    for place, amount in (("torget", 9000.0), ("skolan", 14000.0)):
        final = {**rent, "text": last if place == "torget" else "Hyra skolan"}
        ledger.monthly("2013-01", "2015-01", amount, **{**rent, "text": f"Hyra {place}"})
        ledger.row("2015-02", amount, **final)
    found = ledger.close("2015-03").findings
    assert mine(found) == told
    if told:
        assert found.query("unit_code == '1101'")[["party", "expected_amount"]].values.tolist() == [["777", 23000.0]]


@pytest.mark.parametrize(("last", "told"), [(-3600.0, []), (-8900.0, [("PER-09", "fråga")])])
def test_a_part_of_amounts_that_vary_is_a_final_invoice(ledger, last, told):
    wave = (-8100.0, -9300.0, -8700.0, -9000.0, -8300.0)
    ledger.monthly("2013-01", "2015-02", lambda k, p: last if p == "2015-02" else wave[k % 5], **COST)
    assert mine(ledger.close("2015-03").findings) == told


@pytest.mark.parametrize(("last", "tier"), [(-4000.0, "fråga"), (-8000.0, "fel")])
def test_a_register_that_goes_on_after_a_final_part_is_asked_about(ledger, last, tier):
    ledger.tables["agreement"] = agreement(account="6220", direction="cost", party="555", text="Leasing kopiator", amount=8000.0)
    ledger.monthly("2013-01", "2015-02", lambda k, p: last if p == "2015-02" else -8000.0, **COST)
    assert mine(ledger.close("2015-03").findings) == [("PER-09", tier)]


@pytest.mark.parametrize("by", ["888", "777"])
def test_what_somebody_else_billed_at_about_the_amount_accuses_nobody(ledger, by):
    ledger.tables["agreement"] = agreement()
    ledger.row("2014-01", 40000.0, **INCOME)
    for p in ("2014-03", "2014-05", "2014-06", "2014-08", "2014-11", "2015-01"):
        ledger.row(p, 40500.0, **{**INCOME, "party": by, "text": "Projektmedel"})
    told = closes(ledger, "2015-02", "2015-03")
    assert (mine(told[-1]) == []) == (by == "888")


@pytest.mark.parametrize(
    ("first", "copy", "found"),
    [
        ({"ref": "168847"}, {"ref": "168845", "period": "2015-03", "text": "Inköp materal"}, True),  # numbers rise
        ({"ref": "168845"}, {"ref": "168847", "period": "2015-03"}, False),  # the next invoice
        ({"ref": "9912"}, {"ref": "9912", "party": "", "period": "2015-02"}, True),  # the copy lost its name
        ({"ref": "9912"}, {"ref": "", "party": "", "period": "2015-03", "text": "Annat", "day": 27}, False),
        ({"ref": ""}, {"ref": "", "period": "2015-02", "amount": -25445.9, "day": 20}, True),  # one per cent less, no numbers
        ({"ref": ""}, {"ref": "", "period": "2015-02", "amount": -27700.0, "day": 20}, False),
        ({"ref": ""}, {"ref": "8871", "period": "2015-02", "day": 26}, True),  # the same month and öre
    ],
)
def test_copies_of_a_single_invoice(ledger, first, copy, found):
    ledger.row("2015-02", -25702.4, **{**AREA, "party": "444", "day": 12, **first})
    later = {**AREA, "party": "444", "day": 13, "amount": -25702.4, **copy}
    ledger.row(later.pop("period"), later.pop("amount"), **later)
    told = ledger.told("2015-02") + ledger.told("2015-03")
    assert ("PER-06" in [rule for rule, unit, _ in told if unit == "1101"]) == found


@pytest.mark.parametrize("again", [-11272.94, -11513.37])
def test_who_bills_another_amount_every_month_does_not_bill_the_same_twice(ledger, again):
    amounts = [-(11000.13 + 97.7 * ((7 * k) % 13)) for k in range(26)] + [-11272.94]
    for k, p in enumerate(periods("2013-01", "2015-03")):
        ledger.row(p, amounts[k], **{**COST, "text": "Vårdplats", "ref": f"{5578 + 30 * k}"})
    ledger.row("2015-04", -11801.44, **{**COST, "text": "Vårdplats", "ref": "6380"})
    ledger.row("2015-04", again, **{**COST, "text": "Vårdplats", "ref": "6386", "day": 14})
    assert (("PER-06", "1101", "fel") in ledger.told("2015-04")) == (again == -11272.94)


@pytest.mark.parametrize("number", ["AVT9", "99120"])
def test_a_number_that_comes_back_is_an_agreements(ledger, number):
    for k, p in enumerate(periods("2014-07", "2014-12")):
        ledger.row(p, -8000.0 - 90 * (k % 3), **{**COST, "ref": number if number == "AVT9" else str(71000 + 37 * k)})
    for p, amount in (("2015-01", -8050.0), ("2015-02", -8020.0)):  # another account since the turn of the year
        ledger.row(p, amount, **{**COST, "account": "6230", "ref": number, "day": 20})
    told = [rule for rule in rules(ledger, "2015-02") if rule == "PER-06"]
    assert told == ([] if number == "AVT9" else ["PER-06"])


@pytest.mark.parametrize(("ended", "told"), [(date(2014, 12, 31), []), (date(2014, 8, 31), ["PER-05"])])
def test_a_bill_taken_at_once_as_the_one_that_it_continues(ledger, ended, told):
    ledger.row("2014-12", -7000.0, **{**AREA, "party": "1"})
    insurance = {"unit": "1101", "account": "7310", "text": "Försäkring"}
    ledger.row("2014-01", -250000.0, **insurance, party="901", service=(date(2014, 1, 1), ended))
    ledger.row("2015-01", -260000.0, **insurance, party="902", service=(date(2015, 1, 1), date(2015, 12, 31)))
    assert rules(ledger, "2015-01") == told


def test_a_late_row_is_late_though_an_older_hole_was_booked_without_a_name(ledger):
    ledger.background("2012-01", "2012-12")
    ledger.monthly("2013-01", "2015-02", -43000.0, skip=("2014-09", "2015-01"), **COST)
    ledger.row("2014-09", -43000.0, **{**COST, "party": ""})
    ledger.monthly("2013-01", "2015-02", -5000.0, **{**COST, "party": "556"})  # so that the text alone does not say whose it is
    assert mine(closes(ledger, "2014-12", "2015-01")[-1]) == [("PER-09", "fråga")]
    ledger.row("2015-02", -43000.0, **{**COST, "vdate": date(2015, 1, 14)})
    assert rules(ledger, "2015-02") == ["PER-05"]


@pytest.mark.parametrize(("text", "told"), [("Programlicens skoln", []), ("Konferens", ["PER-09"])])
def test_a_row_without_a_name_is_the_living_series_not_the_dead_ones(ledger, text, told):
    licence = {**COST, "account": "6880", "text": "Programlicens skolan"}
    ledger.monthly("2013-01", "2014-06", -14000.0, **licence)
    ledger.monthly("2014-07", "2015-02", -14000.0, **{**licence, "party": "999"})  # the supplier's new name
    amount = -14000.0 if not told else -24000.0
    ledger.row("2015-03", amount, **{**licence, "party": "", "text": text})
    assert rules(ledger, "2015-03") == told


@pytest.mark.parametrize(("lump", "told"), [(-66900.0, []), (-42500.0, ["PER-09"])])
def test_two_agreements_that_come_in_one_row_now_and_then(ledger, lump, told):
    ledger.background("2012-01", "2012-12")
    grant = {"unit": "1101", "account": "4530", "party": "727", "cp": "85"}
    for k, p in enumerate([x for x in periods("2012-01", "2015-01") if int(x[5:]) % 3 == 1]):
        if k in (1, 6, 11):
            ledger.row(p, -66800.0, text="Samlingsfaktura trafik", **grant)
        else:
            ledger.row(p, -24300.0, text="Föreningsbidrag torget", **grant)
            ledger.row(p, -42500.0, text="Föreningsbidrag arkiv", **{**grant, "party": "" if k == 9 else "727"})
    ledger.row("2015-04", lump, text="Samlingsfaktura trafik" if not told else "Föreningsbidrag arkiv", **grant)
    assert rules(ledger, "2015-04") == told


@pytest.mark.parametrize(("text", "told"), [("Bidrag", ["PER-07"]), ("Kreditfaktura bidrag", [])])
def test_the_opposite_of_what_was_due_at_another_amount(ledger, text, told):
    for p in [x for x in periods("2013-01", "2014-12") if int(x[5:]) % 3 == 0]:
        ledger.row(p, -17300.0, **{**COST, "text": "Bidrag"})
    ledger.row("2015-03", 20100.0, **{**COST, "text": text})
    assert rules(ledger, "2015-03") == told


@pytest.mark.parametrize("both", [True, False])
def test_one_of_two_agreements_that_are_written_alike(ledger, both):
    for p in periods("2013-01", "2015-03"):
        ledger.row(p, 9873.8, **INCOME, ref=f"655{p[2:4]}{p[5:]}")
        if both or p < "2015-03":
            ledger.row(p, 16037.63, **INCOME, ref=f"656{p[2:4]}{p[5:]}")
    found = ledger.close("2015-03").findings.query("unit_code == '1101'")
    assert list(found.expected_amount) == ([] if both else [16037.63])


def test_a_name_left_out_is_found_by_text_and_counterparty(ledger):
    other = {**INCOME, "account": "3410", "text": "Lokalhyra", "party": "960", "cp": "86"}
    for k, p in enumerate(periods("2013-01", "2015-02")):
        ledger.row(p, 28000.0, **{**other, "party": "827" if k % 3 else "", "cp": "87"})
        if k % 3 == 0:
            ledger.row(p, 5900.0, **other)
    assert rules(ledger, "2015-03") == ["PER-01"]
    ledger.row("2015-03", 28000.0, **{**other, "party": "", "cp": "87"})
    assert rules(ledger, "2015-03") == []


@pytest.mark.parametrize(("said", "told"), [(SPAN, []), ({}, [("PER-02", "fråga")])])
def test_a_bill_that_says_the_quarter_that_was_asked_about(ledger, said, told):
    heat = {"unit": "1101", "account": "6210", "party": "534", "text": "Fjärrvärme"}
    ledger.monthly("2013-01", "2014-12", lambda k, p: -50000.0 - 900.0 * (k % 3), **heat)
    ledger.row("2015-03", -203600.0, **heat, **said)  # a cold quarter: four times the usual month
    asked = closes(ledger, "2014-12", "2015-01", "2015-02")
    assert mine(asked[-1]) == [("PER-09", "fråga")]
    now = ledger.close("2015-03", asked[-1]).findings
    assert mine(now[now.first_seen == "2015-03"]) == told


@pytest.mark.parametrize(("party", "told"), [("", []), ("557", ["PER-05"])])
def test_an_invoice_billed_again_without_its_name(ledger, party, told):
    last = {"service": (date(2014, 12, 1), date(2014, 12, 31))}
    ledger.monthly("2013-01", "2015-01", -28000.0, **COST)
    ledger.row("2015-01", 28000.0, **{**COST, "text": "Kredit leasing"}, **last)
    ledger.row("2015-01", -28000.0, **{**COST, "text": "Ny faktura", "party": party, "day": 23}, **last)
    assert rules(ledger, "2015-01") == told


@pytest.mark.parametrize(("said", "told"), [((date(2015, 8, 1), date(2015, 8, 31)), ["PER-05"]), (None, [])])
def test_the_row_that_says_the_next_month_is_early_where_the_others_say_nothing(ledger, said, told):
    wave = (-4153.74, -3764.9, -3958.97, -4494.24, -4371.1)
    phone = {**COST, "text": "Mobiltelefoni"}
    ledger.monthly("2013-01", "2015-06", lambda k, p: wave[k % 5], **phone, ref="")
    ledger.row("2015-07", -3454.61, **phone, ref="157843")
    ledger.row("2015-07", -4525.02, **phone, ref="157868", service=said)
    assert [rule for rule in rules(ledger, "2015-07") if rule != "PER-06"] == told
