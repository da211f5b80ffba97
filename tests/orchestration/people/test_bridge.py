from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from orchestration.people.bridge import (
    ABSENCE_STEPS,
    EMPTY,
    STEPS,
    Holder,
    PositionMonth,
    position_bridge,
    reconcile,
    total,
)

ORE = Decimal("0.01")


def d(text: str) -> Decimal:
    return Decimal(text)


PLAN = PositionMonth(30, d("1"), d("30000"), d("0.3846"), [Holder(30, d("1"), d("30000"), d("0.3846"))])


def steps(month: PositionMonth) -> dict[str, Decimal]:
    return {name: value for name, value in position_bridge(month).steps.items() if value}


def test_as_planned_every_step_is_zero() -> None:
    bridge = position_bridge(PLAN)
    assert bridge.budget == bridge.outcome == d("41538.00")
    assert steps(PLAN) == {}


def test_vacant_a_third_of_the_month() -> None:
    # 10 of 30 days of 30 000 × 1.3846.
    assert steps(replace(PLAN, holders=[Holder(20, d("1"), d("30000"), d("0.3846"))])) == {"vacancy": d("13846.00")}


def test_each_cause_lands_in_its_step() -> None:
    holder = PLAN.holders[0]
    cases = {
        "degree": (replace(holder, degree=d("0.75")), d("10384.50")),  # a quarter of 41 538
        "rate": (replace(holder, wage=d("31000")), d("-1384.60")),  # 1 000 × 1.3846
        "po": (replace(holder, po=d("0.3915")), d("-207.00")),  # 30 000 × 0.0069
        "sick_1_14": (replace(holder, unpaid={"sick_1_14": d("1615.38")}), d("2236.66")),  # 1 615.38 × 1.3846 = 2 236.655…
        "extra": (replace(holder, extra=d("500")), d("-692.30")),
        "other": (replace(holder, other=d("1000")), d("-1384.60")),
    }
    for name, (changed, expected) in cases.items():
        assert steps(replace(PLAN, holders=[changed])) == {name: expected}


def test_two_holders_at_once_are_overlap_and_not_negative_vacancy() -> None:
    successor = replace(PLAN.holders[0], days=6)
    assert steps(replace(PLAN, holders=[PLAN.holders[0], successor])) == {"overlap": d("-8307.60")}  # 6/30 of 41 538


def test_a_gap_and_an_overlap_in_one_month_are_both_told() -> None:
    # One leaves on the 20th, two come on the 26th, one of them for a handover: five days without, five days double.
    holder = PLAN.holders[0]
    month = replace(PLAN, holders=[replace(holder, days=20), replace(holder, days=5), replace(holder, days=5)], covered_days=25)
    assert steps(month) == {"vacancy": d("6923.00"), "overlap": d("-6923.00")}
    with pytest.raises(ValueError, match="covered"):
        position_bridge(replace(month, covered_days=31))


def test_a_change_of_holder_without_a_gap_is_no_vacancy() -> None:
    month = replace(PLAN, days_in_month=31, holders=[replace(PLAN.holders[0], days=10), replace(PLAN.holders[0], days=21)])
    assert steps(month) == {}


def test_a_position_outside_the_plan_is_negative_vacancy() -> None:
    month = PositionMonth(30, d("0"), d("0"), d("0.3846"), [Holder(30, d("0.5"), d("30000"), d("0.3846"))])
    assert steps(month) == {"vacancy": d("-20769.00")}


def test_interactions_land_where_the_documentation_says() -> None:
    # Half the month vacant, degree 0.8 instead of 1, wage 33 000 instead of 30 000, PO 40 % instead of 38.46 %.
    month = replace(PLAN, holders=[Holder(15, d("0.8"), d("33000"), d("0.40"))])
    assert steps(month) == {
        "vacancy": d("20769.00"),  # half of 30 000 × 1.3846, at the budgeted degree
        "degree": d("4153.80"),  # 0.5 × 0.2 × 41 538: only the filled half
        "rate": d("-1661.52"),  # 0.5 × 0.8 × 3 000 × 1.3846
        "po": d("-203.28"),  # 0.5 × 0.8 × 33 000 × 0.0154
    }


def test_wrong_input_is_an_error() -> None:
    with pytest.raises(ValueError, match="31 days of 30"):
        position_bridge(replace(PLAN, holders=[Holder(31, d("1"), d("30000"), d("0.3846"))]))
    with pytest.raises(ValueError, match="no step for strike"):
        position_bridge(replace(PLAN, holders=[replace(PLAN.holders[0], unpaid={"strike": d("1")})]))


def random_month(rng: random.Random, causes: set[str]) -> PositionMonth:
    """Return a position whose outcome differs from its plan by the given causes only."""
    days = rng.choice([28, 29, 30, 31])
    degree = d(str(rng.choice([25, 40, 50, 75, 80, 100]))) / 100
    wage, po = d(str(rng.randrange(20000, 60000))), d(str(rng.randrange(3800, 4500))) / 10000
    spans = [days]
    if rng.random() < 0.3:  # a change of holder
        first = rng.randrange(1, days)
        spans = [first, days - first]
    if "vacancy" in causes:
        spans[-1] = rng.randrange(0, spans[-1])
    if "overlap" in causes:
        spans.append(rng.randrange(1, 10))
        if "vacancy" in causes:
            spans[0] = days
    holders = []
    for span in spans:
        its_wage = wage + (rng.randrange(-300000, 300000) * ORE if "rate" in causes else 0)
        holders.append(
            Holder(
                span,
                degree - d(str(rng.choice([1, 5, 10, 20]))) / 100 if "degree" in causes else degree,
                its_wage,
                po + (d(str(rng.randrange(-300, 300))) / 10000 if "po" in causes else 0),
                {kind: rng.randrange(1, 900000) * ORE for kind in ABSENCE_STEPS if kind in causes},
                rng.randrange(1, 500000) * ORE if "extra" in causes else d("0"),
                rng.randrange(1, 5000000) * ORE if "other" in causes else d("0"),
            )
        )
    return PositionMonth(days, degree, wage, po, holders)


def exact_cost(month: PositionMonth) -> tuple[Fraction, Fraction]:
    """Budget and outcome by the formulas of the definition, in exact fractions: B = E·S·(1+π), A = (f·g·S − Σw + x + k)(1+π)."""
    budget = Fraction(month.planned_degree) * Fraction(month.planned_wage) * (1 + Fraction(month.planned_po))
    outcome = Fraction(0)
    for h in month.holders:
        pay = Fraction(h.days, month.days_in_month) * Fraction(h.degree) * Fraction(h.wage)
        pay += Fraction(h.extra) + Fraction(h.other) - sum(map(Fraction, h.unpaid.values()))
        outcome += pay * (1 + Fraction(h.po))
    return budget, outcome


def test_over_thousands_of_random_staffs_the_steps_sum_exactly() -> None:
    rng = random.Random(20150331)
    for _ in range(3000):
        causes = {name for name in STEPS if rng.random() < 0.4}
        staff = [random_month(rng, causes) for _ in range(rng.randrange(1, 5))]
        bridges = [position_bridge(month) for month in staff]
        for month, bridge in zip(staff, bridges, strict=True):
            budget, outcome = exact_cost(month)
            assert abs(Fraction(bridge.budget) - budget) <= Fraction(1, 200)
            assert abs(Fraction(bridge.outcome) - outcome) <= Fraction(1, 200)
            assert sum(bridge.steps.values()) == bridge.deviation
            assert all(value == value.quantize(ORE) for value in bridge.steps.values())
        office = total(bridges)
        assert sum(office.steps.values()) == office.deviation == office.budget - office.outcome


@pytest.mark.parametrize("absent", STEPS)
def test_a_step_is_zero_when_its_cause_is_absent(absent: str) -> None:
    rng = random.Random(absent)
    for _ in range(300):
        month = random_month(rng, {name for name in STEPS if name != absent})
        if absent == "vacancy":  # an overlap may not hide a gap
            month = replace(month, holders=[replace(month.holders[0], days=month.days_in_month), *month.holders[1:]])
        if absent == "overlap":
            assert sum(h.days for h in month.holders) <= month.days_in_month
        assert position_bridge(month).steps[absent] == 0


@pytest.mark.parametrize("only", STEPS)
def test_a_cause_alone_moves_its_own_step_alone(only: str) -> None:
    rng = random.Random(only)
    for _ in range(200):
        bridge = position_bridge(random_month(rng, {only}))
        assert {name for name, value in bridge.steps.items() if value} <= {only}


def test_the_ledger_is_reached_and_the_rests_are_shown() -> None:
    bridge = position_bridge(replace(PLAN, holders=[Holder(20, d("1"), d("30000"), d("0.3846"))]))
    told = reconcile(
        bridge,
        ledger_budget=d("45000.00"),
        ledger_outcome=d("28500.00"),
        hired_budget=d("0.00"),
        hired_outcome=d("9000.00"),
    )
    assert told.deviation == d("16500.00")
    assert told.budget_rest == d("3462.00")  # 45 000 − 41 538
    assert told.unexplained == d("-808.00")  # 27 692 − 28 500
    assert sum(told.steps.values()) + told.budget_rest + told.unexplained == told.deviation
    assert told.hired_staff == d("-9000.00")
    assert told.net_staffing == d("7500.00")


def test_nothing_is_an_empty_bridge() -> None:
    assert total([]) == EMPTY
    assert position_bridge(PositionMonth(30, d("0"), d("0"), d("0.3846"))).deviation == 0
