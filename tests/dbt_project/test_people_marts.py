"""The people's marts of a small municipality: the bridge reaches the ledger, and nothing hidden follows from what is shown."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import combinations, product
from pathlib import Path

import duckdb
import numpy as np
import pytest
from conftest import Dbt, open_databases
from people_fixture import staffed
from scipy.optimize import linprog

from orchestration.people.bridge import ABSENCE_STEPS

MARTS = (
    "personnel_bridge",
    "fte",
    "absence_by_cause",
    "sick_leave_kpi",
    "payroll_reconciliation",
    "personnel_forecast",
    "personnel_assumption",
)
BRIDGE = "reporting.marts.personnel_bridge"
MERGED = ("vacancy", "overlap", "degree", "rate", "po", *ABSENCE_STEPS)


@pytest.fixture(scope="module")
def home(dbt: Dbt, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = staffed(tmp_path_factory.mktemp("staffed")).write()
    options = ("--exclude-resource-type", "unit_test", "--indirect-selection", "cautious")
    results = dbt(folder, "build", *options, "--select", *(f"+{name}" for name in MARTS))
    assert not {name: r.message for name, r in results.items() if r.status in ("error", "fail", "skipped")}
    return folder


@pytest.fixture(scope="module")
def database(home: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_databases(home, read_only=True) as connection:
        yield connection


def bridge(database: duckdb.DuckDBPyConnection, unit: str, period: str = "2015-03") -> dict[str, tuple[Decimal, Decimal]]:
    rows = database.execute(
        f"select step, amount_month, amount_period from {BRIDGE} where unit_code = ? and report_period = ?", [unit, period]
    ).fetchall()
    return {step: (month, year) for step, month, year in rows}


def test_the_office_is_readable_by_cause_and_the_small_unit_is_merged(database) -> None:
    office, small, sibling = bridge(database, "KLK"), bridge(database, "HR"), bridge(database, "ST")
    assert office["sick_15_on"][0] > 0
    assert office["vacancy"][0] == Decimal("41538.00")  # 30 000 × 1.3846
    assert office["hired_staff"] == (Decimal("-9000.00"), Decimal("-9000.00"))
    for unit in (small, sibling):
        assert "staffing" in unit
        assert not set(unit) & set(MERGED)
    flags = database.execute(
        f"select distinct unit_code from {BRIDGE} where is_suppressed and report_period = '2015-03'"
    ).fetchall()
    assert {unit for (unit,) in flags} == {"HR", "ST"}


def test_the_sum_holds_and_net_staffing_holds_the_hired(database) -> None:
    for unit in ("KLK", "HR", "KOMMUN"):
        steps = bridge(database, unit)
        memo = ("hired_staff", "net_staffing")
        for place in (0, 1):
            total = sum(amounts[place] for step, amounts in steps.items() if step not in memo)
            assert total + steps["hired_staff"][place] == steps["net_staffing"][place]


def test_what_hr_data_cannot_tell_is_named(database) -> None:
    committee = bridge(database, "KS")
    assert committee["no_hr_data"] == (Decimal("-77.00"), Decimal("-77.00"))
    assert committee["unexplained"][0] == bridge(database, "KLK")["unexplained"][0] + bridge(database, "KC")["unexplained"][0]
    assert "no_hr_data" not in bridge(database, "KLK")


def published(database: duckdb.DuckDBPyConnection, hidden: set[str] | None = None) -> list[tuple[str, str, str, float, float]]:
    """Return the published steps (period, unit, step, month, accumulated), or what would be were only `hidden` merged."""
    if hidden is None:
        return database.execute(
            f"select report_period, unit_code, step, amount_month, amount_period from {BRIDGE} "
            "where substr(report_period, 1, 4) = '2015' and not is_memo"
        ).fetchall()
    rows = database.execute("""
        select p.report_period, u.ancestor_unit_code, s.step,
            sum(case when s.period = p.report_period then s.amount else 0 end), sum(s.amount)
        from warehouse.core.int_report_period as p
        inner join warehouse.core.int_personnel_step as s on substr(s.period, 1, 4) = '2015' and s.period <= p.report_period
        inner join reporting.marts.bridge_unit_ancestor as u
            on s.unit_code = u.unit_code and p.organisation_from = u.organisation_from
        where p.fiscal_year = 2015 group by all
    """).fetchall()
    return [row for row in rows if row[1] not in hidden]


def attack(database: duckdb.DuckDBPyConnection, rows: list[tuple[str, str, str, float, float]]) -> dict[str, list[tuple]]:
    """Try to compute what absence saved in small units, one by one and taken together, from everything that is published.

    Linear algebra; unknown is every step of every own unit and month. Returns the cells that are determined, and those that sign
    alone (absence saves money, a vacancy is no cost) bounds to within a fifth of their value.
    """
    tree = database.execute(
        "select distinct unit_code, ancestor_unit_code from reporting.marts.bridge_unit_ancestor as u "
        "inner join warehouse.core.int_report_period as p on u.organisation_from = p.organisation_from "
        "where p.report_period = '2015-03'"
    ).fetchall()
    true = {
        (unit, step, period): float(amount)
        for unit, step, period, amount in database.execute(
            "select unit_code, step, period, amount from warehouse.core.int_personnel_step where substr(period, 1, 4) = '2015'"
        ).fetchall()
    }
    units = sorted({unit for unit, _, _ in true})
    months = ("2015-01", "2015-02", "2015-03")
    cells = [(unit, step, month) for unit in units for step in MERGED for month in months]
    place = {cell: number for number, cell in enumerate(cells)}
    lines, values = [], []
    for period, unit, step, month_amount, year_amount in rows:
        steps = MERGED if step == "staffing" else (step,)
        if not set(steps) <= set(MERGED):
            continue
        below = [own for own, above in tree if above == unit and own in units]
        for span, amount in (((period,), month_amount), ([m for m in months if m <= period], year_amount)):
            line = np.zeros(len(cells))
            for own in below:
                for one in steps:
                    for month in span:
                        line[place[own, one, month]] = 1.0
            lines.append(line)
            values.append(float(amount))
    matrix, right = np.array(lines), np.array(values)
    small = {row[0] for row in database.execute(
        "select unit_code from warehouse.staging.stg_derived__people_months "
        "where employees between 1 and 9 and period like '2015%'"
    ).fetchall()}  # fmt: skip
    found: dict[str, list[tuple]] = {"determined": [], "bounded": []}
    bounds = [
        (None, 0) if step == "overlap" else (None, None) if step in ("degree", "rate", "po") else (0, None)
        for _, step, _ in cells
    ]
    groups = [group for size in range(1, len(small) + 1) for group in combinations(sorted(small), size)]
    for cell in product(groups, ABSENCE_STEPS, months):
        group, step, month = cell
        target = np.zeros(len(cells))
        target[[place[unit, step, month] for unit in group]] = 1.0
        solution = np.linalg.lstsq(matrix.T, target, rcond=None)[0]
        value = sum(true.get((unit, step, month), 0.0) for unit in group)
        if np.abs(matrix.T @ solution - target).max() < 1e-6:
            found["determined"].append(cell)
        elif value > 100:
            ends = [linprog(sign * target, A_eq=matrix, b_eq=right, bounds=bounds, method="highs").fun for sign in (1.0, -1.0)]
            low, high = (ends[0], -ends[1]) if None not in ends else (0.0, 0.0)
            if high - low < 0.2 * value:
                found["bounded"].append(cell)
    return found


def test_no_hidden_figure_follows_from_the_published_ones(database) -> None:
    assert attack(database, published(database)) == {"determined": [], "bounded": []}


@pytest.mark.parametrize("hidden", [set(), {"HR"}])
def test_the_attack_succeeds_where_nothing_or_only_the_small_unit_is_hidden(database, hidden: set[str]) -> None:
    found = attack(database, published(database, hidden))
    determined = {group for group, _, _ in found["determined"]}
    assert ("HR", "KLK") in determined
    assert (("HR",) in determined) == (not hidden)


def test_the_other_marts_hide_the_same_units(database) -> None:
    for mart, column in (("fte", "worked_fte"), ("absence_by_cause", "saved"), ("personnel_forecast", "rest_absence")):
        shown = database.execute(
            f"select count(*) from reporting.marts.{mart} where unit_code in ('HR', 'ST') and {column} is not null "
            "and report_period >= '2015'"
        ).fetchone()
        assert shown == (0,), mart
    kpi = "from reporting.marts.sick_leave_kpi where report_period = '2015-03'"
    assert database.execute(f"select count(*) {kpi} and unit_code in ('HR', 'ST') and percent is not null").fetchone() == (0,)
    assert database.execute(f"select count(*) {kpi} and unit_code = 'KLK'").fetchone() == (7,)


def test_a_small_units_forecast_tells_none_of_its_parts(database) -> None:
    """The forecast less the other parts would be the absence; so would a month's pay less its cost."""
    parts = ("rest_staff", "rest_absence", "rest_vacancy", "rest_other")
    told = " or ".join(f"{part} is not null" for part in parts)
    mart = "from reporting.marts.personnel_forecast where report_period >= '2015'"
    assert database.execute(f"select count(*) {mart} and is_suppressed and ({told})").fetchone() == (0,)
    assert database.execute(f"select count(*) {mart} and unit_code = 'HR' and is_suppressed").fetchone() == (3,)
    assert database.execute(f"select count(*) {mart} and unit_code = 'KLK' and rest_absence is not null").fetchone() == (3,)


def test_a_small_units_on_cost_step_does_not_tell_its_pay_before_absence(database) -> None:
    """PO's step by the difference between the planned and the real rate is what the holders cost before anybody was absent."""
    assert "po" not in bridge(database, "HR")
    assert "po" in bridge(database, "KLK")


def test_key_figure_one_by_hand(database) -> None:
    # BUN, 14 people of 40 hours: one sick 9 and 10 each month (5 work days), one from 12 January to 20 March (50 work days);
    # the one on parental leave has ordinary time too. Work days January to March 2015: 22 + 20 + 22 = 64.
    (percent,) = database.execute(
        "select percent from reporting.marts.sick_leave_kpi "
        "where unit_code = 'BUN' and report_period = '2015-03' and measure = 'sick_share'"
    ).fetchone()  # type: ignore[misc]
    assert percent == Decimal("6.14")  # (5 + 50) / (14 × 64)


def test_payroll_and_ledger_are_reconciled(database) -> None:
    row = database.execute(
        "select payroll_gross, ledger_pay, difference_pay, difference_on_cost, unexplained "
        "from reporting.marts.payroll_reconciliation where unit_code = 'HR' and report_period = '2015-03'"
    ).fetchone()
    # three at 33 000 and 5 000 of hourly pay that is not booked yet: 5 000 × 1.3846 is the difference
    assert [str(value) for value in row] == ["-104000.00", "-99000.00", "5000.00", "1923.00", "6923.00"]


def test_the_forecast_adds_up_and_stands_beside_the_entered_one(database) -> None:
    rows = database.execute(
        "select outcome_period, rest_staff, rest_absence, rest_vacancy, rest_other, forecast_staffing_low, forecast_staffing, "
        "forecast_staffing_high, forecast_run_rate, forecast_entered, forecast_judgement "
        "from reporting.marts.personnel_forecast where unit_code = 'KOMMUN' and report_period = '2015-03'"
    ).fetchall()
    (outcome, staff, absence, vacancy, other, low, middle, high, run_rate, entered, judgement) = rows[0]
    assert middle == outcome + staff + absence + vacancy + other
    assert high < middle < low < 0  # cost −: the vacancy filled fast costs most
    assert run_rate == outcome * 4
    assert judgement == entered - middle
    rules = {rule for (rule,) in database.execute("select rule from reporting.marts.personnel_assumption").fetchall()}
    assert {"po.total", "salary_review.percent", "vacancy_months.p50", "parental.topup_days", "small_group_minimum"} <= rules
