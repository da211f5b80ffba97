"""What a recurring posting is expected to cost: prices, levels, seasons, siblings, and how sure it is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.findings import series

YEAR = 1 + 0.4 * np.cos(2 * np.pi * np.arange(12) / 12)  # heating
M0 = 2012 * 12


def fitted(*amounts: list[float], account: str | list[str] = "6210") -> series.Fit:
    """Fit monthly series that end in the same month; the last amount is the month of the close, 0 where nothing is booked."""
    t = max(len(a) for a in amounts) - 1
    pos = np.array([[0.0] * (t + 1 - len(a)) + list(a) for a in amounts])
    frame = pd.DataFrame({"account": account, "dir": -1, "grain": "fine", "interim": False}, index=range(len(amounts)))
    return series.fit_in_blocks(frame, pos, np.zeros_like(pos), (pos > 0).astype(int), M0, t)


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ([1000, 1040], 1040),  # an index or a new price list: a small change of a price that stood still
        ([1000, 1300], 1000),  # something else in the bill
        ([1300, 1300], 1300),  # seen twice it is the price
        ([1300, 1000], 1000),
        ([2000, 1040], 1040),  # of two new amounts the nearer one
    ],
)
def test_newest_price(last, expected):
    assert fitted([1000] * 12 + last + [0]).expected[0] == pytest.approx(expected)


def test_yearly_bill_costs_what_it_cost_last():
    bills = [0.0] * 37
    bills[0], bills[12], bills[24] = 1000, 1030, 1060
    fit = fitted(bills)
    assert (fit.cadence[0], fit.due[0], fit.expected[0]) == (12, True, pytest.approx(1060))


def test_level_of_an_amount_that_varies_is_no_single_bill():
    rng = np.random.default_rng(1)
    amounts = np.exp(rng.normal(np.log(1000), 0.08, (200, 37)))
    amounts[:, -1] = 0
    fit = fitted(*amounts, account=[f"{k}" for k in range(200)])
    miss = np.abs(np.log(fit.expected / 1000))
    assert np.median(miss) < 0.03
    assert np.median(np.abs(np.log(amounts[:, -2] / 1000))) > 0.04


def test_siblings_that_rose_in_the_month_tell_of_the_price_that_is_missing():
    def rising(base: float, now: float) -> list[float]:
        return [base * (1 if k < 12 else 1.04 if k < 24 else 1.1) for k in range(36)] + [now]

    others = [rising(base, base * 1.1 * 1.08) for base in (900, 2000, 500, 12000)]
    assert fitted(rising(1000, 0), *others).expected[0] == pytest.approx(1188)
    assert fitted(rising(1000, 0), *others[:2]).expected[0] == pytest.approx(1100)  # two are no proof
    elsewhere = ["6010"] + ["6210"] * 4
    assert fitted(rising(1000, 0), *others, account=elsewhere).expected[0] == pytest.approx(1100)


def test_what_happens_to_all_but_is_no_price_does_not_move_the_amount():
    doubled = [[base] * 36 + [2 * base] for base in (900.0, 2000.0, 500.0, 12000.0)]
    assert fitted([1000] * 36 + [0], *doubled).expected[0] == pytest.approx(1000)


def test_month_of_the_year():
    heating = [1000 * YEAR[k % 12] for k in range(36)]
    fit = fitted([*heating, 0])
    assert fit.expected[0] == pytest.approx(1400, rel=0.02)
    assert fit.local[0, 30] == pytest.approx(heating[30], rel=0.02)  # what was due then


def test_a_short_history_has_its_calendar_from_its_siblings():
    others = [[base * YEAR[k % 12] for k in range(43)] for base in (900, 2000, 500, 12000)]
    young = [1000 * YEAR[k % 12] for k in range(33, 42)] + [0]
    fit = fitted(young, *others)
    assert fit.cadence[0] == 1
    assert fit.expected[0] == pytest.approx(1000 * YEAR[42 % 12], rel=0.05)


def test_nine_of_ten_lie_within_the_width():
    rng = np.random.default_rng(2)
    amounts = np.exp(rng.normal(np.log(1000), 0.1, (300, 37)))
    fit = fitted(*amounts, account=[f"{k}" for k in range(300)])
    inside = np.abs(np.log(amounts[:, -1] / fit.expected)) <= fit.width
    assert 0.86 < inside[fit.due].mean() < 0.97
    assert fitted([1000] * 30 + [0]).width[0] == 0


@settings(max_examples=20, deadline=None)
@given(factor=st.floats(1, 1000), seed=st.integers(0, 99))
def test_the_unit_of_money_does_not_matter(factor, seed):
    amounts = np.exp(np.random.default_rng(seed).normal(7, 0.1, (5, 30)))
    one, other = fitted(*amounts), fitted(*(amounts * factor))
    np.testing.assert_allclose(other.expected, one.expected * factor, rtol=1e-4)  # whole öre
    np.testing.assert_allclose(other.width, one.width, atol=1e-9)


def test_blocks_keep_the_series_of_an_account_together(monkeypatch):
    rng = np.random.default_rng(3)
    amounts = np.exp(rng.normal(7, 0.1, (12, 30)) + 0.3 * np.cos(np.arange(30) / 2))
    account = ["6210", "6010", "6880"] * 4
    whole = fitted(*amounts, account=account)
    monkeypatch.setattr(series, "_BLOCK", 4)
    parts = fitted(*amounts, account=account)
    np.testing.assert_array_equal(parts.expected, whole.expected)
    np.testing.assert_array_equal(parts.local, whole.local)


@pytest.mark.parametrize("months", [2, 3, 4, 13])
def test_a_ledger_that_has_just_begun(months):
    fit = fitted([1000.0] * months, [5.0] + [0.0] * (months - 1))
    assert fit.expected.shape == fit.width.shape == (2,)
    assert (fit.cadence[0] == 1) == (months > 3)


def test_a_ledger_without_series():
    empty = np.zeros((0, 5))
    frame = pd.DataFrame({"account": [], "dir": [], "grain": [], "interim": []})
    assert len(series.fit_in_blocks(frame, empty, empty, empty.astype(int), M0, 4).expected) == 0
