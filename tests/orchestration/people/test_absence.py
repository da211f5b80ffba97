"""Sick pay, parental top-up and care of child, each case calculated by hand from the source named in the test."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.people.absence import KINDS, AbsenceCost, Spell, Terms, absence_cost
from orchestration.people.rules import Dated, MissingRate, Rules, load_rules

START = date(2010, 1, 1)
MONDAY_2015, MONDAY_2019 = date(2015, 3, 2), date(2019, 3, 4)


def terms(wage: str, degree: str = "1", weekly_hours: str | None = None) -> list[Terms]:
    return [Terms(START, Decimal(wage), Decimal(degree), Decimal(weekly_hours) if weekly_hours else None)]


def sick(start: date, days: int, extent: str = "1") -> Spell:
    return Spell("sick", start, start + timedelta(days=days - 1), Decimal(extent))


def total(costs: list[AbsenceCost], spell: int | None = None) -> tuple[Decimal, Decimal, Decimal]:
    chosen = [cost for cost in costs if spell is None or cost.spell == spell]
    return tuple(sum((getattr(cost, name) for cost in chosen), Decimal(0)) for name in ("lost", "paid", "saved"))


@pytest.mark.parametrize("monday", [MONDAY_2015, MONDAY_2019])
@pytest.mark.parametrize(
    ("calendar_days", "lost", "paid"),
    [(1, "1615.38", "0"), (2, "3230.77", "1292.31"), (5, "8076.92", "5169.23"), (12, "16153.85", "11630.77")],
)
def test_a_full_timer_of_35000(monday: date, calendar_days: int, lost: str, paid: str) -> None:
    # 35 000 × 12 / 52 / 5 = 1 615.38 a day; paid 80 % less 0.2 × 0.8 × a week = 1 292.31. For whole eight-hour days the rules
    # before and after 2019 give the same (arbetet.se 2018-12-12, "Bertil").
    assert total(absence_cost([sick(monday, calendar_days)], terms("35000"))) == (
        Decimal(lost),
        Decimal(paid),
        Decimal(lost) - Decimal(paid),
    )


def test_waiting_goes_on_until_eight_hours_are_deducted() -> None:
    # revideco.se 2018-11-29, example 2: 40 hours a week, sick 4 hours on day 1, 8 on days 2 and 3. Deducted: 4 h; 4 h and 20 %
    # of 4 h; 20 % of 8 h = 10.4 h. With 26 000 kr an hour is 26 000 × 12 / (52 × 40) = 150 kr. The karensavdrag is 960 kr
    # (saljarnas.se: 150 kr/h, 8 hours a day, 0.2 × 4 800).
    spells = [
        Spell("sick", MONDAY_2019, MONDAY_2019, hours=Decimal(4)),
        Spell("sick", MONDAY_2019 + timedelta(days=1), MONDAY_2019 + timedelta(days=2)),
    ]
    costs = absence_cost(spells, terms("26000"))
    assert total(costs) == (Decimal("3000.00"), Decimal("1440.00"), Decimal("1560.00"))
    assert sum(cost.waiting for cost in costs) == Decimal("960.00")


def test_a_karensdag_was_what_was_left_of_the_day() -> None:
    # rattvalredovisning.se 2018-03-14, "Niklas": 4 800 kr a week, 40 hours, goes home an hour early: 120 kr.
    day = date(2018, 3, 5)
    costs = absence_cost([Spell("sick", day, day, hours=Decimal(1))], terms("20800"))
    assert total(costs) == (Decimal("120.00"), Decimal("0.00"), Decimal("120.00"))


def test_long_shifts_gain_from_the_karensavdrag() -> None:
    # arbetet.se 2018-12-12, "Berit": nights, ten hours Monday to Wednesday, 30 hours a week, sick one shift. Before: all ten
    # hours. After: karens is the sick pay of six hours (20 % of 30), and the other four hours are paid with 80 %.
    # Wage 19 500 for 30 hours: 19 500 × 12 / (52 × 30) = 150 kr an hour.
    def berit(monday: date) -> list[AbsenceCost]:
        schedule = {monday + timedelta(days=n): Decimal(10 if n < 3 else 0) for n in range(7)}
        return absence_cost([Spell("sick", monday, monday)], terms("26000", "0.75", "30"), schedule=schedule)

    assert total(berit(MONDAY_2015))[2] == Decimal("1500.00")
    after = berit(MONDAY_2019)
    assert after[0].waiting == Decimal("0.8") * 6 * 150
    assert total(after)[1:] == (Decimal("0.8") * 4 * 150, Decimal(1500) - 480)


def test_going_home_at_lunch_costs_a_whole_day_from_2019() -> None:
    # arbetet.se 2018-12-12, "Bari": 40 hours, ill at lunch on Monday and still on Tuesday. Before: four hours.
    # After: eight hours, if he goes on being ill the next day.
    def bari(monday: date) -> list[AbsenceCost]:
        tuesday = monday + timedelta(days=1)
        spells = [Spell("sick", monday, monday, hours=Decimal(4)), Spell("sick", tuesday, tuesday)]
        return absence_cost(spells, terms("26000"))

    assert sum(cost.waiting for cost in bari(MONDAY_2015)) == Decimal("0.8") * 4 * 150
    assert sum(cost.waiting for cost in bari(MONDAY_2019)) == Decimal("0.8") * 8 * 150


def test_part_time() -> None:
    # Half time at 35 000: a day is 807.69, and so is the first day's loss. Two days: 1 615.38 lost, 646.15 paid.
    assert total(absence_cost([sick(MONDAY_2019, 1)], terms("35000", "0.5"))) == (
        Decimal("807.69"),
        Decimal("0.00"),
        Decimal("807.69"),
    )
    assert total(absence_cost([sick(MONDAY_2019, 2)], terms("35000", "0.5")))[:2] == (Decimal("1615.38"), Decimal("646.15"))


def test_half_sick_pays_the_whole_karensavdrag() -> None:
    # 2019: the karensavdrag is 20 % of an average week whatever the extent (visma.se: it is taken until the whole is made).
    # Two half days are 1 615.38 lost, 1 292.31 sick pay, all of it karens. 2015: only the first half day is unpaid.
    assert total(absence_cost([sick(MONDAY_2019, 2, "0.5")], terms("35000")))[1] == Decimal("0.00")
    assert total(absence_cost([sick(MONDAY_2015, 2, "0.5")], terms("35000")))[1] == Decimal("646.15")


@pytest.mark.parametrize("monday", [MONDAY_2015, MONDAY_2019])
def test_relapse_within_five_days_is_the_same_period(monday: date) -> None:
    # faronline.se, Återinsjuknanderegel: ill Monday to Thursday, back on Friday, ill again on Tuesday: no new karens, and the
    # Tuesday is day five.
    spells = [sick(monday, 4), sick(monday + timedelta(days=8), 1)]
    costs = absence_cost(spells, terms("35000"))
    assert total(costs, 1)[1] == Decimal("1292.31")
    assert [cost.waiting for cost in costs] == [Decimal("1292.31"), Decimal("0.00")]


def test_the_fifth_day_is_within_and_the_sixth_is_not() -> None:
    # Sjuklönelagen 7 §: begins within five days from the end of the earlier one. Ill 16–19 September 2019.
    first = Spell("sick", date(2019, 9, 16), date(2019, 9, 19))
    within, after = (absence_cost([first, sick(date(2019, 9, day), 1)], terms("35000")) for day in (24, 25))
    assert total(within, 1)[1] == Decimal("1292.31")
    assert total(after, 1)[1] == Decimal("0.00")


def test_a_week_of_work_between_is_a_new_period() -> None:
    # lawline.se 2020-06-30: ill Monday to Friday, works Monday to Thursday, ill on Friday: six days between, two karensavdrag.
    spells = [sick(date(2020, 6, 1), 5), sick(date(2020, 6, 12), 1)]
    assert sum(cost.waiting > 0 for cost in absence_cost(spells, terms("35000"))) == 2


def test_the_fourteen_days_are_counted_over_relapses() -> None:
    # ka.se 2017-11-15: ill two days, then within five days ill two weeks: one period, the social insurance takes over for the
    # last two days. Monday–Tuesday 6–7 November 2017, then Thursday 9 to Wednesday 22.
    spells = [sick(date(2017, 11, 6), 2), sick(date(2017, 11, 9), 14)]
    costs = absence_cost(spells, terms("25000"))
    assert {cost.kind: cost.calendar_days for cost in costs if cost.spell == 1} == {"sick_1_14": 12, "sick_15_on": 2}
    assert sum(cost.waiting > 0 for cost in costs) == 1


def test_at_most_ten_waitings_in_twelve_months() -> None:
    # faronline.se, Högriskskydd: at most ten in twelve months, counted back from the first day of the new period; afterwards
    # there may be room again. One sick Monday every third week from January 2019: the eleventh to the eighteenth lie within
    # twelve months of the first ten.
    mondays = [date(2019, 1, 7) + timedelta(weeks=3 * n) for n in range(19)]
    costs = absence_cost([sick(day, 1) for day in mondays], terms("35000"))
    waited = [cost.waiting > 0 for cost in costs]
    assert waited[:10] == [True] * 10
    assert waited[10:18] == [False] * 8  # until 2019-12-30
    assert mondays[18] == date(2020, 1, 20)
    assert waited[18]  # 2019-01-07 is more than twelve months ago
    assert costs[10].paid == Decimal("1292.31")


def test_special_protection_has_no_waiting() -> None:
    assert absence_cost([sick(MONDAY_2019, 1)], terms("35000"), exempt_from_waiting=True)[0].paid == Decimal("1292.31")


def test_a_period_begins_on_the_first_scheduled_day() -> None:
    # Sjuklönelagen 7 §: a period does not begin unless the employee stays away from work. Saturday to Monday: Monday is day 1.
    costs = absence_cost([sick(date(2015, 3, 7), 3)], terms("35000"))
    assert (costs[0].calendar_days, costs[0].paid) == (1, Decimal("0.00"))


def test_the_rule_of_the_day_it_began_holds_over_the_new_year() -> None:
    # revideco.se: the karensavdrag is for sick periods from 1 January 2019. Half a day on 31 December 2018 was the karensdag.
    eve = date(2018, 12, 31)
    spells = [Spell("sick", eve, eve, hours=Decimal(4)), Spell("sick", date(2019, 1, 2), date(2019, 1, 2))]
    costs = absence_cost(spells, terms("26000"))
    assert [cost.waiting for cost in costs] == [Decimal("480.00"), Decimal("0.00")]


def test_day_fifteen_on() -> None:
    # From Monday 2 March 2015: days 1–14 are 2–15 March, ten work days of 30 000 × 12 / 260 = 1 384.615…: lost 13 846.15, nine
    # paid with 80 % = 9 969.23. From 16 March by the calendar: 16 / 31 of 30 000 = 15 483.87. The ceiling is 7.5 × 44 500 / 12 =
    # 27 812.50, so 92.7083 % lies below: 14 354.84 × 10 % + 1 129.03 × 90 % = 2 451.61. April: 30 000 lost,
    # 2 781.25 + 1 968.75 = 4 750.00 paid. (sverigeslarare.se: 10 per cent, and 90 above the ceiling, days 15–90.)
    costs = {(cost.month, cost.kind): cost for cost in absence_cost([sick(MONDAY_2015, 60)], terms("30000"))}
    march = costs["2015-03", "sick_1_14"]
    assert (march.lost, march.paid, march.saved) == (Decimal("13846.15"), Decimal("9969.23"), Decimal("3876.92"))
    late = costs["2015-03", "sick_15_on"]
    assert (late.lost, late.paid, late.saved) == (Decimal("15483.87"), Decimal("2451.61"), Decimal("13032.26"))
    april = costs["2015-04", "sick_15_on"]
    assert (april.lost, april.paid, april.saved) == (Decimal("30000.00"), Decimal("4750.00"), Decimal("25250.00"))


def test_from_day_91_an_insurance_pays() -> None:
    costs = {(c.month, c.kind): c for c in absence_cost([Spell("sick", date(2015, 1, 1), date(2015, 4, 30))], terms("25000"))}
    # Thursday 1 January is day 1, so day 90 is 31 March.
    assert costs["2015-03", "sick_15_on"].paid == Decimal("2500.00")
    assert costs["2015-04", "sick_15_on"].saved == Decimal("25000.00")


@pytest.mark.parametrize(
    ("month", "ceiling"),
    [
        (date(2018, 6, 1), Decimal("7.5") * 45500 / 12),  # lifestylecapital.se: 7.5 base amounts since 1991
        (date(2018, 7, 1), Decimal(8) * 45500 / 12),  # wiklands.se: 30 333 kr a month
        (date(2022, 1, 1), Decimal(10) * 48300 / 12),  # lifestylecapital.se: 40 250 kr a month
    ],
)
def test_the_ceiling_by_date(month: date, ceiling: Decimal) -> None:
    spells = [sick(month - timedelta(days=31), 31 + 28)]
    cost = next(c for c in absence_cost(spells, terms("50000")) if c.month == f"{month:%Y-%m}" and c.kind == "sick_15_on")
    above = cost.lost * (50000 - ceiling) / 50000
    expected = (cost.lost - above) / 10 + above * 9 / 10
    assert abs(cost.paid - expected) <= Decimal("0.02")


def test_parental_leave_and_its_top_up() -> None:
    # sverigesingenjorer.se (SKR), harnosand.se: 10 % for 180 days. 30 000 is below 10 × 44 500 / 12 = 37 083. From 1 January 2015
    # the 180th day is 29 June.
    leave = Spell("parental", date(2015, 1, 1), date(2015, 7, 31))
    costs = {cost.month: cost for cost in absence_cost([leave], terms("30000"), employed_from=START)}
    assert (costs["2015-05"].lost, costs["2015-05"].paid) == (Decimal("30000.00"), Decimal("3000.00"))
    assert costs["2015-06"].paid == Decimal("2900.00")  # 29 of 30 days
    assert costs["2015-07"].saved == Decimal("30000.00")


def test_the_top_up_takes_180_days_of_employment() -> None:
    leave = Spell("parental", date(2015, 3, 1), date(2015, 3, 31))
    for employed_from, paid in ((date(2014, 9, 2), "3000.00"), (date(2014, 9, 3), "0.00")):
        assert absence_cost([leave], terms("30000"), employed_from=employed_from)[0].paid == Decimal(paid)


def test_the_parental_days_are_counted_over_spells_and_begin_again_after_two_years() -> None:
    first = Spell("parental", date(2015, 1, 1), date(2015, 6, 29))
    again = Spell("parental", date(2015, 9, 1), date(2015, 9, 30))
    next_child = Spell("parental", date(2017, 2, 1), date(2017, 2, 28))
    costs = {cost.month: cost.paid for cost in absence_cost([first, again, next_child], terms("30000"))}
    assert costs["2015-09"] == Decimal("0.00")
    assert costs["2017-02"] == Decimal("3000.00")


def test_parental_pay_above_the_ceiling() -> None:
    """Ten base amounts a year are 37 083.33 a month (2015); above them 90 per cent (DN, May 2018; assumed for AB)."""
    leave = Spell("parental", date(2015, 3, 1), date(2015, 3, 31))
    # 10 % of 40 000 and 80 % of the 2 916.67 above.
    assert absence_cost([leave], terms("40000"))[0].paid == Decimal("6333.33")
    own = Rules(
        [*_all_rules(), Dated("parental.topup_above", "0.5", START, None, "source", "the municipality's own agreement")],
        {2015: "44500"},
    )
    # 40 000 − 37 083.33 = 2 916.67 above: 4 000 + 1 458.33.
    assert absence_cost([leave], terms("40000"), rules=own)[0].paid == Decimal("5458.33")


def _all_rules() -> list[Dated]:
    return [rule for rules in load_rules()._rules.values() for rule in rules]


def test_care_of_child_is_unpaid() -> None:
    # teko.se, VAB: every absent hour is deducted with wage × 12 / (52 × hours a week). Two days and half a day of 26 000.
    spells = [
        Spell("vab", MONDAY_2015, MONDAY_2015 + timedelta(days=1)),
        Spell("vab", MONDAY_2015 + timedelta(days=7), MONDAY_2015 + timedelta(days=7), hours=Decimal(4)),
    ]
    assert total(absence_cost(spells, terms("26000"))) == (Decimal("3000.00"), Decimal("0.00"), Decimal("3000.00"))


@pytest.mark.parametrize("month", [2, 7])
def test_a_month_wholly_away_costs_the_months_wage(month: int) -> None:
    # teko.se, VAB: absence a whole calendar month deducts the whole monthly wage. February 2015 has 20 work days, July 23.
    last = {2: 28, 7: 31}[month]
    spell = Spell("vab", date(2015, month, 1), date(2015, month, last))
    assert total(absence_cost([spell], terms("26000")))[0] == Decimal("26000.00")


def test_no_month_loses_more_than_its_wage() -> None:
    # January 2018 begins on a Monday: ten work days are 10 × 12 / 260 and days 15–31 are 17 / 31: 100.99 % together.
    costs = absence_cost([sick(date(2018, 1, 1), 31)], terms("26000"))
    assert total(costs)[0] == Decimal("26000.00")
    # The 23 work days of July 2015 as two spells of care: 23 × 1 200 = 27 600 without the limit.
    weeks = [Spell("vab", date(2015, 7, 1), date(2015, 7, 15)), Spell("vab", date(2015, 7, 16), date(2015, 7, 31))]
    assert total(absence_cost(weeks, terms("26000")))[0] == Decimal("26000.00")


def test_leave_is_by_the_hour_up_to_five_work_days_and_by_the_calendar_beyond() -> None:
    # faronline.se, Graviditetspenning: at most five work days by the work day, longer leave by the calendar day.
    short = Spell("leave", MONDAY_2015, MONDAY_2015 + timedelta(days=4))
    long = Spell("leave", MONDAY_2015, MONDAY_2015 + timedelta(days=7))
    assert total(absence_cost([short], terms("26000")))[2] == Decimal("6000.00")
    assert total(absence_cost([long], terms("31000")))[2] == Decimal("8000.00")


def test_vacation_and_paid_leave_save_nothing() -> None:
    spells = [Spell("vacation", MONDAY_2015, MONDAY_2015 + timedelta(days=4)), sick(MONDAY_2015 + timedelta(days=7), 1)]
    costs = absence_cost(spells, terms("35000"))
    assert (costs[0].kind, costs[0].saved) == ("paid_leave", Decimal("0.00"))
    assert costs[1].saved == Decimal("1615.38")


def test_a_new_wage_counts_from_its_day() -> None:
    # Salary review on 1 April: 31 March at 26 000 (1 200 a day), 1 April at 27 300 (1 260). The second day is paid with 80 %.
    raised = [Terms(START, Decimal(26000)), Terms(date(2015, 4, 1), Decimal(27300))]
    costs = absence_cost([sick(date(2015, 3, 31), 2)], raised)
    assert [(cost.month, cost.lost, cost.paid) for cost in costs] == [
        ("2015-03", Decimal("1200.00"), Decimal("0.00")),
        ("2015-04", Decimal("1260.00"), Decimal("1008.00")),
    ]


def test_no_terms_is_an_error() -> None:
    with pytest.raises(ValueError, match="no terms"):
        absence_cost([sick(date(2009, 1, 5), 1)], terms("35000"))


def test_a_year_without_a_base_amount_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(MissingRate, match=r"price_base_amount\.csv"):
        absence_cost([sick(date(2025, 3, 3), 40)], terms("35000"))


def test_every_rule_has_its_source_and_the_assumptions_are_told() -> None:
    assert all(rule.source for rule in _all_rules())
    assert {rule.name for rule in load_rules().assumptions(MONDAY_2015, MONDAY_2015)} >= {
        "sick.topup_below",
        "parental.topup_days",
    }
    assert "sick.pay_share" not in {rule.name for rule in load_rules().assumptions(MONDAY_2015, MONDAY_2015)}


@st.composite
def histories(draw: st.DrawFn) -> list[Spell]:
    day, spells = draw(st.dates(date(2013, 1, 1), date(2023, 1, 1))), []
    for _ in range(draw(st.integers(1, 8))):
        length = draw(st.integers(1, 40))
        cause = draw(st.sampled_from(["sick", "sick", "parental", "vab", "leave", "vacation"]))
        extent = Decimal(draw(st.sampled_from(["1", "0.5", "0.25", "0.75"])))
        spells.append(Spell(cause, day, day + timedelta(days=length - 1), extent))
        day += timedelta(days=length + draw(st.integers(0, 20)))
    return [spell for spell in spells if spell.end < date(2024, 12, 1)]


@settings(max_examples=150, deadline=None)
@given(histories(), st.integers(18000, 36000), st.sampled_from(["1", "0.75", "0.5"]))
def test_what_always_holds(spells: list[Spell], wage: int, degree: str) -> None:
    costs = absence_cost(spells, terms(str(wage), degree))
    months: dict[str, Decimal] = {}
    for cost in costs:
        assert cost.kind in KINDS
        assert Decimal(0) <= cost.paid <= cost.lost
        assert cost.saved == cost.lost - cost.paid
        months[cost.month] = months.get(cost.month, Decimal(0)) + cost.lost
    for lost in months.values():
        assert lost <= wage * Decimal(degree) + Decimal("0.05")  # the öre of the roundings
    causes = {spell.cause for spell in spells}
    if "sick" not in causes:
        assert not any(cost.kind.startswith("sick") for cost in costs)
    assert absence_cost([], terms("30000")) == []
