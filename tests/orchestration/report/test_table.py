"""Rounding and sign at print; reading the table from a published file."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.errors import AvvikError
from orchestration.report.table import printed, read_table
from orchestration.settings import load_settings

NBSP = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("amount", "column", "style", "text"),
    [
        ("-10398499.99", "outcome_period", "natural", f"-10{NBSP}398"),
        ("-10398500.00", "outcome_period", "natural", f"-10{NBSP}399"),
        ("499.99", "outcome_period", "natural", "0"),
        ("-499.99", "outcome_period", "natural", "0"),
        ("500", "outcome_period", "natural", "1"),
        ("-2220000", "outcome_period", "ledger", f"2{NBSP}220"),
        ("1182000", "deviation_forecast", "ledger", f"1{NBSP}182"),
    ],
)
def test_rounding_happens_once_half_away_from_zero(amount: str, column: str, style: str, text: str) -> None:
    assert printed(Decimal(amount), column, style) == text


def test_unknown_is_blank_not_zero() -> None:
    assert printed(None, "forecast_year", "natural") == ""


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=2))
def test_the_two_sign_styles_print_opposite_amounts_and_equal_deviations(amount: Decimal) -> None:
    def number(text: str) -> int:
        return int(text.replace(NBSP, ""))

    assert number(printed(amount, "budget_year", "natural")) == -number(printed(amount, "budget_year", "ledger"))
    assert printed(amount, "deviation_period", "natural") == printed(amount, "deviation_period", "ledger")


@pytest.fixture
def published_home(home: Path) -> Path:
    (home / "published").mkdir()
    with duckdb.connect(str(home / "published" / "reporting.duckdb")) as connection:
        connection.execute(
            """
            create schema marts;
            create table marts.dim_report_line as
            select * from (values ('external_income', 'Externa intäkter', 'Ext int', true), ('net', 'Netto', 'Resultat', true))
                as t (report_line, report_line_name, report_line_short_name, in_net);
            create table marts.follow_up as
            select '2015-03' as report_period, 'KLK' as unit_code, 'Kontoret' as unit_name, 2 as unit_level,
                '2015-03' as forecast_round,
                key as report_line, report_line_order, key = 'net' as is_total, true as has_outcome,
                amount as outcome_period, amount as budget_period, 0.00 as deviation_period,
                null::decimal(18, 2) as forecast_year, amount as budget_year, null::decimal(18, 2) as deviation_forecast
            from (values ('net', 2, 100000.00), ('external_income', 1, 100000.00)) as t (key, report_line_order, amount)
            """
        )
    return home


def test_lines_come_in_order_with_the_labels_of_the_style(published_home: Path) -> None:
    table = read_table(load_settings(published_home), "KLK", None)
    assert (table.period, [line.label for line in table.lines]) == ("2015-03", ["Externa intäkter", "Netto"])
    assert table.lines[0].amounts[3] is None
    ledger = read_table(load_settings(published_home), "KLK", "2015-03", "ledger")
    assert [line.label for line in ledger.lines] == ["Ext int", "Resultat"]


def test_an_unknown_unit_or_period_says_what_there_is(published_home: Path, home: Path) -> None:
    with pytest.raises(AvvikError, match=r"units: KLK"):
        read_table(load_settings(published_home), "KKL", "2015-03")
    with pytest.raises(AvvikError, match=r"2015-03 to 2015-03"):
        read_table(load_settings(published_home), "KLK", "2016-03")


def test_nothing_published_says_what_to_do(home: Path) -> None:
    with pytest.raises(AvvikError, match="Run avvik run first"):
        read_table(load_settings(home), None, None)
