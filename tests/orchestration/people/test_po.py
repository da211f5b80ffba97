from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from orchestration.errors import SettingsError
from orchestration.people.po import po_components, po_rate
from orchestration.people.rules import MissingRate, read_csv


@pytest.mark.parametrize(
    ("year", "percent"),
    [  # the source of each stands in po_rates.csv: SKL and SKR, "Arbetsgivaravgifter"
        (2013, "38.46"),
        (2014, "38.46"),
        (2015, "38.46"),
        (2019, "39.15"),
        (2020, "40.15"),
        (2021, "40.15"),
        (2022, "39.25"),
        (2023, "44.53"),
    ],
)
def test_the_rate_by_year_and_the_sum_of_its_parts(year: int, percent: str) -> None:
    for day in (date(year, 1, 1), date(year, 12, 31)):
        assert po_rate(day) == Decimal(percent) / 100
        assert sum(po_components(day).values()) == Decimal(percent) / 100


@pytest.mark.parametrize("year", [2012, 2016, 2017, 2018, 2024, 2025, 2026])
def test_a_year_that_nobody_found_is_an_error_that_says_where_to_add_it(year: int) -> None:
    with pytest.raises(MissingRate, match=r"po_rates\.csv"):
        po_rate(date(year, 6, 1))


@pytest.mark.parametrize(
    ("day", "born", "statutory"),
    [
        (date(2015, 6, 1), 1991, "15.49"),
        (date(2015, 6, 1), 1992, "10.21"),
        (date(2015, 9, 1), 1990, "25.46"),
        (date(2015, 9, 1), 1989, "31.42"),
        (date(2019, 9, 1), 2000, "31.42"),
    ],
)
def test_the_young_in_2015(day: date, born: int, statutory: str) -> None:
    others = po_rate(day) - po_components(day)["statutory"]
    assert po_rate(day, born=born) == others + Decimal(statutory) / 100


def test_the_young_before_may_2015_are_not_guessed() -> None:
    assert po_rate(date(2015, 3, 1)) == Decimal("0.3846")
    assert po_rate(date(2015, 3, 1), born=1980) == Decimal("0.3846")
    with pytest.raises(MissingRate, match=r"young|unga"):
        po_rate(date(2015, 3, 1), born=1991)


def test_a_municipality_adds_its_own_rate(tmp_path: Path) -> None:
    own = tmp_path / "po.csv"
    own.write_text(
        "component,percent,valid_from,valid_to,born_from,born_to,status,source,note\n"
        "total,45.10,2024-01-01,2024-12-31,,,source,budget decision,\n",
        encoding="utf-8",
    )
    assert po_rate(date(2024, 5, 1), extra=own) == Decimal("0.4510")
    assert po_rate(date(2015, 5, 1), extra=own) == Decimal("0.3846")


def test_an_own_file_without_a_column_is_an_error(tmp_path: Path) -> None:
    own = tmp_path / "po.csv"
    own.write_text("component,percent\ntotal,45.10\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="lacks the columns"):
        po_rate(date(2024, 5, 1), extra=own)
    with pytest.raises(SettingsError, match="cannot be read"):
        po_rate(date(2024, 5, 1), extra=tmp_path / "none.csv")


def test_every_value_has_a_source() -> None:
    assert all(row["source"] and row["status"] for row in read_csv("po_rates.csv"))
    assert all(row["source"] for row in read_csv("price_base_amount.csv"))
