"""No small group follows from the groups that are shown, whatever the organisation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.people.groups import hidden_groups

MINIMUM = 10


def decide(tree: dict[str, str | None], own: dict[str, int]) -> dict[str, bool]:
    organisation = pl.DataFrame(
        [(2015, 1, unit, parent) for unit, parent in tree.items()],
        schema={"fiscal_year": pl.Int32, "organisation_from": pl.Int64, "unit_code": pl.String, "parent_unit_code": pl.String},
        orient="row",
    )
    employees = pl.DataFrame(
        [(2015, "2015-01", unit, count) for unit, count in own.items()],
        schema={"fiscal_year": pl.Int32, "period": pl.String, "unit_code": pl.String, "employees": pl.Int64},
        orient="row",
    )
    employees = employees.with_columns(pl.col("employees").cast(pl.Float64).alias("filled_fte"))
    people = (
        employees.drop("filled_fte")
        .rename({"employees": "people"})
        .with_columns(pl.lit("F").alias("sex"), pl.lit("30-49").alias("age_group"))
    )
    rows = hidden_groups(organisation, employees, people, minimum=MINIMUM).filter(pl.col("group_code") == "all")
    return dict(rows.select("unit_code", "is_hidden").iter_rows())


def test_a_small_unit_takes_its_smallest_sibling_along() -> None:
    tree = {"K": None, "A": "K", "B": "K", "C": "K"}
    assert decide(tree, {"A": 4, "B": 12, "C": 30}) == {"K": False, "A": True, "B": True, "C": False}


def test_large_units_are_all_shown() -> None:
    assert not any(decide({"K": None, "A": "K", "B": "K"}, {"A": 10, "B": 12}).values())


def test_own_staff_of_the_unit_above_is_cover_enough() -> None:
    assert decide({"K": None, "A": "K", "B": "K"}, {"K": 20, "A": 4, "B": 12}) == {"K": False, "A": True, "B": False}


def test_an_office_is_shown_rather_than_the_committee_that_is_nearly_the_same() -> None:
    tree = {"K": None, "KS": "K", "KLK": "KS", "FIN": "KS", "BUN": "K", "SN": "K"}
    hidden = decide(tree, {"KLK": 76, "FIN": 1, "BUN": 300, "SN": 12})
    assert not hidden["KLK"]
    assert not hidden["K"]
    assert hidden["KS"]
    assert hidden["FIN"]


def test_a_unit_that_lost_a_small_part_is_hidden_in_that_year() -> None:
    organisation = pl.DataFrame(
        [(2015, state, unit, parent) for state, tree in enumerate(
            [{"K": None, "A": "K", "B": "K", "S": "A"}, {"K": None, "A": "K", "B": "K", "S": "B"}]
        ) for unit, parent in tree.items()],
        schema={"fiscal_year": pl.Int32, "organisation_from": pl.Int64, "unit_code": pl.String, "parent_unit_code": pl.String},
        orient="row",
    )  # fmt: skip
    counts = [("A", 40), ("B", 50), ("S", 3)]
    employees = pl.DataFrame(
        [(2015, "2015-01", unit, n) for unit, n in counts],
        schema={"fiscal_year": pl.Int32, "period": pl.String, "unit_code": pl.String, "employees": pl.Int64},
        orient="row",
    )
    employees = employees.with_columns(pl.col("employees").cast(pl.Float64).alias("filled_fte"))
    people = (
        employees.drop("filled_fte")
        .rename({"employees": "people"})
        .with_columns(pl.lit("F").alias("sex"), pl.lit("30-49").alias("age_group"))
    )
    rows = hidden_groups(organisation, employees, people, minimum=MINIMUM).filter(pl.col("group_code") == "all")
    hidden = dict(rows.select("unit_code", "is_hidden").iter_rows())
    assert all(hidden[unit] for unit in ("S", "A", "B"))


def frames(tree: dict[str, str | None], own: dict[str, int], order: Callable[[list], list]) -> tuple[pl.DataFrame, ...]:
    organisation = pl.DataFrame(
        order([(2015, 1, unit, parent) for unit, parent in tree.items()]),
        schema={"fiscal_year": pl.Int32, "organisation_from": pl.Int64, "unit_code": pl.String, "parent_unit_code": pl.String},
        orient="row",
    )
    employees = pl.DataFrame(
        order([(2015, "2015-01", unit, count) for unit, count in own.items()]),
        schema={"fiscal_year": pl.Int32, "period": pl.String, "unit_code": pl.String, "employees": pl.Int64},
        orient="row",
    )
    employees = employees.with_columns(pl.col("employees").cast(pl.Float64).alias("filled_fte"))
    people = (
        employees.drop("filled_fte")
        .rename({"employees": "people"})
        .with_columns(pl.lit("F").alias("sex"), pl.lit("30-49").alias("age_group"))
    )
    return organisation, employees, people


def test_the_order_of_the_rows_does_not_matter() -> None:
    """Two runs on the same data that hid different siblings would together tell what each hides."""
    tree = {"K": None, **{f"u{n}": "K" for n in range(12)}}
    own = {"u0": 3, **{f"u{n}": 12 for n in range(1, 12)}}
    first = hidden_groups(*frames(tree, own, list), minimum=MINIMUM)
    again = hidden_groups(*frames(tree, own, lambda rows: rows[::-1]), minimum=MINIMUM)
    assert first.equals(again)
    assert first.filter("is_hidden")["unit_code"].n_unique() == 2


def test_a_unit_with_a_person_who_is_counted_elsewhere_is_hidden() -> None:
    """A second employment of a few hours: the unit has no employee of its own, and all its absence is one person's."""
    tree = {"K": None, "A": "K", "B": "K"}
    organisation, employees, people = frames(tree, {"A": 0, "B": 12, "K": 20}, list)
    employees = employees.with_columns(pl.when(pl.col("unit_code") == "A").then(0.2).otherwise("filled_fte").alias("filled_fte"))
    rows = hidden_groups(organisation, employees, people, minimum=MINIMUM).filter(pl.col("group_code") == "all")
    assert dict(rows.select("unit_code", "is_hidden").iter_rows()) == {"K": False, "A": True, "B": False}


def test_what_was_hidden_in_the_last_publication_stays_hidden_that_year() -> None:
    tree = {"K": None, "A": "K", "B": "K", "C": "K"}
    before = pl.DataFrame({"fiscal_year": [2015, 2014], "unit_code": ["B", "C"], "group_code": ["all", "all"]})
    rows = hidden_groups(*frames(tree, {"A": 4, "B": 15, "C": 12}, list), minimum=MINIMUM, hidden_before=before)
    hidden = dict(rows.filter(pl.col("group_code") == "all").select("unit_code", "is_hidden").iter_rows())
    assert hidden == {"K": False, "A": True, "B": True, "C": False}  # without B it would be C, the smaller


@st.composite
def organisations(draw: st.DrawFn) -> tuple[dict[str, str | None], dict[str, int]]:
    size = draw(st.integers(2, 14))
    tree: dict[str, str | None] = {"u0": None}
    for number in range(1, size):
        tree[f"u{number}"] = f"u{draw(st.integers(0, number - 1))}"
    own = {unit: draw(st.integers(0, 25)) for unit in tree}
    return tree, own


@settings(max_examples=150, deadline=None)
@given(organisations())
def test_no_small_group_follows_from_what_is_shown(given_: tuple[dict[str, str | None], dict[str, int]]) -> None:
    tree, own = given_
    hidden = decide(tree, own)
    units = sorted(unit for unit, count in own.items() if count)
    if not units:
        return
    place = {unit: number for number, unit in enumerate(units)}

    def indicator(unit: str) -> np.ndarray:
        line = np.zeros(len(units))
        for part in units:
            above: str | None = part
            while above is not None:
                if above == unit:
                    line[place[part]] = 1.0
                above = tree[above]
        return line

    shown = np.array([indicator(unit) for unit, shut in hidden.items() if not shut]).reshape(-1, len(units))
    for unit, shut in hidden.items():
        people = sum(own[part] for part, member in zip(units, indicator(unit), strict=True) if member)
        assert shut or people >= MINIMUM
    for unit in units:
        for target in (indicator(unit), np.eye(len(units))[place[unit]]):
            people = sum(own[part] for part, member in zip(units, target, strict=True) if member)
            if people < MINIMUM and len(shown):
                solution = np.linalg.lstsq(shown.T, target, rcond=None)[0]
                assert np.abs(shown.T @ solution - target).max() > 1e-6, unit
