"""The search for exact amounts behind printed tables, and the spreading of totals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.demo import build_demo
from orchestration.demo.calibration import DEVIATIONS, LINES, TOTALS, apportion, line_of, printed_tables, solve


def half_away(kr: int) -> int:
    return (abs(kr) + 500) // 1000 * (1 if kr >= 0 else -1)


@pytest.mark.parametrize("seed", [2015, 1, 2, 3, 99])
def test_every_printed_cell_is_the_rounding_of_the_exact_amounts(seed):
    for target in solve(seed).values():
        for (line, column), printed in target.printed.items():
            names = TOTALS.get(line, (line,))
            if column in DEVIATIONS:
                plus, minus = DEVIATIONS[column]
                kr = sum(target.exact[name, plus] - target.exact[name, minus] for name in names)
            else:
                kr = sum(target.exact[name, column] for name in names)
            assert half_away(kr) == printed, (line, column)


def test_the_rounded_lines_need_not_sum_to_the_rounded_total():
    printed = printed_tables()["2013-08"]
    assert sum(printed[line, "outcome_period"] for line in LINES[2:]) == -38520
    assert printed["total_cost", "outcome_period"] == -38522


def test_a_table_that_cannot_be_a_rounding_is_refused(monkeypatch):
    tables = printed_tables()
    tables["2015-03"]["net", "outcome_period"] += 40
    monkeypatch.setattr("orchestration.demo.calibration.printed_tables", lambda: tables)
    with pytest.raises(ArithmeticError, match="2015-03"):
        solve(2015)


@given(total=st.integers(-(10**9), 10**9), weights=st.lists(st.integers(0, 10**6), min_size=1, max_size=30))
def test_apportion_loses_nothing(total, weights):
    if sum(weights) == 0:
        with pytest.raises(ArithmeticError):
            apportion(total, weights)
        return
    parts = apportion(total, weights)
    assert sum(parts) == total
    assert all(abs(part - total * weight / sum(weights)) < 1.001 for part, weight in zip(parts, weights, strict=True))


@pytest.mark.parametrize(
    ("account", "counterparty", "line"),
    [
        ("3621", "870", "external_income"),
        ("3621", "510", "external_income"),
        ("3621", "310", "internal_income"),
        ("5021", "", "personnel"),
        ("5910", "", None),
        ("6011", "320", "internal_rent"),
        ("6011", "870", "other_external_cost"),
        ("7491", "110", "other_internal_cost"),
        ("7911", "", "other_external_cost"),
        ("4012", "870", None),
        ("4531", "850", "other_external_cost"),
        ("8011", "819", None),
        ("1941", "", None),
    ],
)
def test_the_line_of_an_account(account, counterparty, line):
    assert line_of(account, counterparty) == line


@pytest.mark.parametrize("seed", [2015, 7])
def test_ordinary_postings_are_moved_only_a_little(seed):
    factors = build_demo(seed).factors
    assert len(factors) == 10
    assert all(0.4 < factor < 1.7 for factor in factors.values()), factors
