"""The staff register: the facts that the personnel deviation comes from."""

from collections import defaultdict
from datetime import date
from decimal import Decimal

import pytest

from orchestration.demo import build_demo
from orchestration.demo.municipality import ALL_MONTHS, first_day, last_day, months, weekday
from orchestration.demo.planted import STEPS
from orchestration.demo.staff import CAUSES, HOURLY, OVERTIME, TRAVEL, po_amounts, po_share
from orchestration.people.absence import Spell, Terms, absence_cost
from orchestration.people.bridge import EMPTY, Bridge, Holder, PositionMonth, position_bridge

QUARTER = months("2015-01", "2015-03")
#: Positions with two holders at once for a while.
HANDOVERS = ("0130-06", "0140-09")


@pytest.fixture(scope="module")
def demo():
    return build_demo()


@pytest.fixture(scope="module")
def office(demo):
    return set(demo.organisation.units("KLK", "2015-03"))


def test_po_is_the_published_rate_and_each_part_rounds_by_itself():
    assert round(po_share("2014-07"), 6) == 0.3846
    assert po_amounts(3_500_000, "2015-01") == [("5611", 1_099_700), ("5621", 7_350), ("5711", 239_050)]


def test_nobody_holds_more_than_the_position_and_spans_do_not_overlap(demo):
    degree = {p.id: p.degree for p in demo.staff.positions}
    held: dict[str, list] = {}
    for e in demo.staff.employments:
        assert e.degree <= degree[e.position]
        assert e.valid_from <= e.valid_to
        for other in held.setdefault(e.position, []):
            together = (min(e.valid_to, other.valid_to) - max(e.valid_from, other.valid_from)).days + 1
            assert together <= (20 if e.position in HANDOVERS else 0)
        held[e.position].append(e)
    assert all(len(held[position]) == 2 for position in HANDOVERS)


def test_spells_lie_inside_employments_and_never_overlap(demo):
    spans: dict[str, list] = {}
    for e in demo.staff.employments:
        spans.setdefault(e.person, []).append((e.valid_from, e.valid_to))
    seen: dict[str, list] = {}
    for a in demo.staff.absences:
        assert any(start <= a.valid_from and a.valid_to <= end for start, end in spans[a.person])
        assert all(a.valid_to < b.valid_from or b.valid_to < a.valid_from for b in seen.setdefault(a.person, []))
        seen[a.person].append(a)


def test_every_paid_person_exists_and_nobody_pays_to_work(demo):
    for period in ALL_MONTHS:
        by_account = defaultdict(int)
        for row in demo.staff.payroll[period]:
            assert row.person in demo.staff.people
            assert row.amount > 0 or row.wage_type in ("2100", "2150", "2200", "2300")
            by_account[row.person, row.account] += row.amount
        assert min(by_account.values()) >= 0


def step_sums(demo, report_period: str) -> tuple[Bridge, dict[str, Decimal]]:
    """The office's bridge from January, put together from the staff once more, without avvik's own derivation."""
    staff, units = demo.staff, set(demo.organisation.units("KLK", report_period))
    total, unpaid = EMPTY, defaultdict(lambda: defaultdict(Decimal))
    holders = [e for e in staff.employments if e.unit in units]
    for e in holders:
        spells = [
            Spell(CAUSES[a.cause], a.valid_from, a.valid_to, Decimal(str(a.extent)))
            for a in staff.absences
            if a.person == e.person and e.valid_from <= a.valid_from <= e.valid_to
        ]
        terms = [Terms(first, Decimal(wage), Decimal(str(e.degree))) for first, _, wage in e.wage_spans()]
        for cost in absence_cost(spells, terms, employed_from=e.valid_from):
            unpaid[id(e), cost.month][cost.kind] += cost.saved
    po = Decimal("0.3846")
    window = months(f"{report_period[:4]}-01", report_period)
    for p in (p for p in staff.positions if p.unit in units):
        for period in window:
            month, days_held = [], set()
            for e in (e for e in holders if e.position == p.id):
                days = range(max(e.valid_from, first_day(period)).toordinal(), min(e.valid_to, last_day(period)).toordinal() + 1)
                if days:
                    days_held |= set(days)
                    degree, wage = Decimal(str(e.degree)), Decimal(e.wage(period))
                    month.append(Holder(len(days), degree, wage, po, unpaid[id(e), period]))
            plan, wage = Decimal(str(p.planned(period))), Decimal(p.budget_wage[int(period[:4])])
            if plan or month:
                total += position_bridge(PositionMonth(last_day(period).day, plan, wage, po, month, len(days_held)))
    beside = defaultdict(Decimal)
    for row in (row for period in window for row in staff.payroll[period] if row.unit in units):
        if row.account in (HOURLY, OVERTIME):
            beside["extra"] -= Decimal(row.amount) / 100 * (1 + po)
        elif row.account == TRAVEL:
            beside["travel"] -= Decimal(row.amount) / 100
    return total, beside


@pytest.mark.parametrize("report_period", ["2015-03", "2013-08"])
def test_the_personnel_deviation_is_told_by_named_steps(demo, report_period):
    bridge, beside = step_sums(demo, report_period)
    planted = {item.step: item.amount for item in STEPS if item.report_period == report_period}
    found = {**bridge.steps, "extra": beside["extra"]}
    assert {step: round(amount, -3) for step, amount in found.items() if abs(amount) >= 500} == planted
    target = demo.targets[report_period]
    budget, outcome = (target.kr("personnel", f"{kind}_period") for kind in ("budget", "outcome"))
    rest = bridge.outcome - beside["extra"] - outcome  # what is left: travel and wellness, which the budget has beside positions
    assert rest < beside["travel"] < 0
    assert abs(rest) < 0.12 * (budget - outcome)
    assert abs(budget - bridge.budget + rest) < 0.05 * (budget - outcome)


def test_march_2015_has_the_causes_that_the_report_names(demo, office):
    staff = demo.staff
    held = {
        (e.position, m) for e in staff.employments for m in QUARTER if e.valid_from <= date.fromisoformat(f"{m}-28") <= e.valid_to
    }
    planned = {p.id for p in staff.positions if p.unit in office and p.planned("2015-02")}
    vacant = [(p, m) for p in planned for m in QUARTER if (p, m) not in held]
    assert len(vacant) >= 4  # vacancies
    degree = {p.id: p.degree for p in staff.positions}
    assert any(e.degree < degree[e.position] for e in staff.employments if e.unit in office and e.valid_to > date(2015, 3, 31))
    people = {e.person for e in staff.employments if e.unit in office}
    spells = [
        a for a in staff.absences if a.person in people and a.valid_from <= date(2015, 3, 31) and a.valid_to >= date(2015, 1, 1)
    ]
    assert any(a.cause == "FPE" for a in spells)
    assert sum(a.cause == "SJK" and (a.valid_to - a.valid_from).days < 14 for a in spells) >= 5


def test_days():
    assert weekday(date(2015, 3, 1)) == date(2015, 3, 2)  # a Sunday on the first goes forward, not into February
    assert weekday(date(2015, 3, 29)) == date(2015, 3, 27)
