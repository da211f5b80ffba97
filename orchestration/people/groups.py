"""Which units are large enough for their absence to be told by cause, by sex and by age.

What belongs here: turning staff numbers and the organisation into one decision per fiscal year and unit. What does not: hiding
cells (`privacy.suppress` does), and what is shown instead (the marts).

One decision holds for all causes and all months of a fiscal year. Were it taken month by month, an accumulated figure less the
one before it would be a hidden month; were it taken cause by cause, a total less the shown causes would be a hidden cause. The
same staff gives the same decision whatever the order of the rows, and what a publication hid stays hidden in that year: of two
publications, one that hides A and B and one that hides A and C tell all three. What is left is the organisation: a unit less the
units below it that are shown, and the unit's own staff, is a unit too. That is what `privacy.suppress` covers, with each unit's
own staff as a part of its own. People are counted in the month with the fewest, and in one unit each. A unit whose parts changed
during the year (reorganisation) is shown in two ways; where what differs between them is a small group, the unit is hidden.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import polars as pl

from orchestration.privacy import suppress

ALL = "all"
_OWN = "\x1fown"

SCHEMA = {
    "fiscal_year": pl.Int32,
    "unit_code": pl.String,
    "group_code": pl.String,
    "employees": pl.Int64,
    "is_hidden": pl.Boolean,
}

Parents = Mapping[str, str | None]


def hidden_groups(
    organisation: pl.DataFrame,
    employees: pl.DataFrame,
    people: pl.DataFrame,
    *,
    minimum: int,
    hidden_before: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Return one row per fiscal year, unit (every level) and group of people, and whether it is too small to be shown.

    organisation: fiscal_year, organisation_from, unit_code, parent_unit_code; every state in which a month of the year is
    reported. employees: fiscal_year, period, unit_code, employees, filled_fte (own unit). people: fiscal_year, period, unit_code,
    sex, age_group, people. hidden_before: fiscal_year, unit_code, group_code as they were hidden in the last publication.
    group_code: 'all', a sex ('F', 'M', '?') or an age group; '?age' for those without a year of birth.
    """
    rows: list[dict[str, object]] = []
    # Everybody is counted in one unit: who works in another one too is a group of one there, if nobody is counted there.
    nobody = (pl.col("employees") == 0) & (pl.col("filled_fte") != 0)
    employees = employees.with_columns(pl.when(nobody).then(1).otherwise(pl.col("employees")).alias("employees"))
    before = [] if hidden_before is None else list(hidden_before.select("fiscal_year", "unit_code", "group_code").iter_rows())
    ordered = organisation.sort("fiscal_year", "organisation_from", "unit_code")
    for (year,), states in ordered.group_by("fiscal_year", maintain_order=True):
        trees: list[Parents] = [
            dict(state.select("unit_code", "parent_unit_code").iter_rows())
            for _, state in states.group_by("organisation_from", maintain_order=True)
        ]
        sticky: dict[str, set[str]] = defaultdict(set)
        for told, unit, group in before:
            if told == year:
                sticky[group].add(unit)
        own = _fewest(employees.filter(pl.col("fiscal_year") == year), [], "employees")
        in_year = people.filter(pl.col("fiscal_year") == year)
        sexes = _fewest(in_year.with_columns(pl.col("sex").replace("", "?").alias("group")), ["group"], "people")
        ages = _fewest(in_year.with_columns(pl.col("age_group").replace("", "?age").alias("group")), ["group"], "people")
        rows += _one_year(int(str(year)), trees, {unit: n for (unit,), n in own.items()}, (sexes, ages), minimum, sticky)
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _fewest(frame: pl.DataFrame, by: list[str], count: str) -> dict[tuple, int]:
    """Return the fewest people of each own unit (and group) in any month in which it has any."""
    monthly = frame.group_by("unit_code", "period", *by).agg(pl.col(count).sum())
    fewest = monthly.filter(pl.col(count) > 0).group_by("unit_code", *by).agg(pl.col(count).min())
    return {tuple(row[:-1]): row[-1] for row in fewest.iter_rows()}


def _one_year(
    year: int,
    trees: list[Parents],
    own: dict[str, int],
    groups: tuple[dict[tuple, int], ...],
    minimum: int,
    sticky: Mapping[str, set[str]],
) -> list[dict[str, object]]:
    forced = _torn(trees, own, minimum).union(*(_nearly_one_part(tree, own, minimum) for tree in trees), sticky.get(ALL, ()))
    hidden = _hidden(trees, [own], forced, minimum)
    totals = {unit: count for tree in trees for unit, count in _totals(tree, own).items()}
    rows = [_row(year, unit, ALL, count, unit in hidden) for unit, count in sorted(totals.items())]
    for parts in groups:
        # A division by sex or age is shown whole or not at all: one part more or less would follow from the whole.
        codes = sorted({code for _, code in parts})
        of_code = {code: {unit: count for (unit, group), count in parts.items() if group == code} for code in codes}
        closed = _hidden(trees, list(of_code.values()), hidden.union(*(sticky.get(code, ()) for code in codes)), minimum)
        for code, counts in of_code.items():
            people = {unit: count for tree in trees for unit, count in _totals(tree, counts).items()}
            rows += [_row(year, unit, code, count, unit in closed) for unit, count in sorted(people.items())]
    return rows


def _hidden(trees: list[Parents], counts: list[dict[str, int]], forced: set[str], minimum: int) -> set[str]:
    """Return the units to hide so that none of the counts is given away in any state of the organisation."""
    hidden = set(forced)
    while True:
        before = len(hidden)
        for tree in trees:
            for own in counts:
                cells = _cells(tree, own, hidden, minimum)
                if cells.height:
                    done = suppress(cells, dimensions=_unit_parents(tree), count="count", minimum=minimum)
                    hidden |= set(done.filter(pl.col("is_suppressed") & ~pl.col("is_own"))["unit"])
        if len(hidden) == before:
            return hidden


def _row(year: int, unit: str, group: str, count: int, hidden: bool) -> dict[str, object]:
    return {"fiscal_year": year, "unit_code": unit, "group_code": group, "employees": count, "is_hidden": hidden}


def _unit_parents(tree: Parents) -> dict[str, dict[str, str]]:
    parents = {unit: parent for unit, parent in tree.items() if parent is not None}
    return {"unit": {**parents, **{unit + _OWN: unit for unit in tree}}}


def _totals(tree: Parents, own: Mapping[str, int]) -> dict[str, int]:
    """Return the people of every unit, those of the units below included."""
    totals: dict[str, int] = defaultdict(int)
    for unit, count in own.items():
        place: str | None = unit
        while place is not None:
            totals[place] += count
            place = tree.get(place)
    return dict(totals)


def _cells(tree: Parents, own: Mapping[str, int], forced: set[str], minimum: int) -> pl.DataFrame:
    """Return the units with people as cells, and the own staff of units that have units below them as cells of their own.

    The own staff is never shown, so it is the first choice to hide a neighbour behind: it counts as just large enough.
    """
    above = {tree.get(unit) for unit in _totals(tree, own)}
    own = {unit: min(count, minimum) if unit in above else count for unit, count in own.items()}
    totals = _totals(tree, own)
    rows = [(unit, 1 if unit in forced else count, False) for unit, count in totals.items()]
    rows += [(unit + _OWN, count, True) for unit, count in own.items() if unit in above]
    schema = {"unit": pl.String, "count": pl.Int64, "is_own": pl.Boolean}
    return pl.DataFrame(sorted(rows), schema=schema, orient="row")  # of two of one size the same one is always hidden


def _nearly_one_part(tree: Parents, own: Mapping[str, int], minimum: int) -> set[str]:
    """Return the units that are one large unit below them and a small group: of the two, the large unit below is the one to show.

    A committee with one office and a few people beside it would otherwise hide the office. The top unit is always shown.
    """
    totals = _totals(tree, own)
    below = [(tree.get(unit), unit) for unit in totals]
    return {
        parent
        for parent, unit in below
        if parent is not None and tree.get(parent) is not None and 0 < totals[parent] - totals[unit] < minimum <= totals[unit]
    }


def _torn(trees: list[Parents], own: Mapping[str, int], minimum: int) -> set[str]:
    """Return the units that are made of other parts in another state of the year, where the difference is a small group."""
    made_of: list[dict[str, frozenset[str]]] = []
    for tree in trees:
        below: dict[str, set[str]] = defaultdict(set)
        for unit in own:
            place: str | None = unit
            while place is not None:
                below[place].add(unit)
                place = tree.get(place)
        made_of.append({unit: frozenset(parts) for unit, parts in below.items()})
    torn = set()
    for unit in {unit for state in made_of for unit in state}:
        shapes = {state[unit] for state in made_of if unit in state}
        for one in shapes:
            for other in shapes:
                differs = sum(own[part] for part in one ^ other)
                if 0 < differs < minimum:
                    torn.add(unit)
    return torn
