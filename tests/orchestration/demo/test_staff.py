"""The staff register: the facts that the personnel deviation comes from."""

from datetime import date

import pytest

from orchestration.demo import build_demo
from orchestration.demo.municipality import ALL_MONTHS, months, weekday, workdays
from orchestration.demo.staff import po_amounts, po_share

QUARTER = months("2015-01", "2015-03")


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
            assert e.valid_to < other.valid_from or other.valid_to < e.valid_from
        held[e.position].append(e)


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
        for row in demo.staff.payroll[period]:
            assert row.person in demo.staff.people
            assert row.amount > 0


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
    assert workdays(date(2015, 3, 2), date(2015, 3, 8)) == 5
    assert workdays(date(2015, 2, 28), date(2015, 3, 1)) == 0
    assert weekday(date(2015, 3, 1)) == date(2015, 3, 2)  # a Sunday on the first goes forward, not into February
    assert weekday(date(2015, 3, 29)) == date(2015, 3, 27)
