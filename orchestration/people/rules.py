"""The dated rules and rates of personnel cost: CSV files with a source on every value.

What belongs here: reading them, laying a municipality's own values on top, and the error when a value is needed that nobody
found. What does not: what the rules mean (`absence`, `po`).

`status` tells how far a value can be trusted: source (the cited page says it), computed (a sum of sourced parts), assumption
(the page describes another time; see `note`), missing (the value exists but was not found: using it is an error).
"""

from __future__ import annotations

import csv
from bisect import bisect_right
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path

from orchestration.errors import SettingsError, Text

FOLDER = Path(__file__).parent / "reference"


class MissingRate(SettingsError):
    """A rule or rate is needed for a date for which no source was found. The message says where to add it.

    name, on, file: what is missing, for which day, and the reference file that it would stand in.
    """

    name: str = ""
    on: date = date.min
    file: str = ""


@dataclass(frozen=True)
class Dated:
    """One value of one rule from its first to its last day (None: still in force)."""

    name: str
    value: str
    valid_from: date
    valid_to: date | None
    status: str
    source: str
    note: str = ""


def read_csv(name: str, extra: Path | None = None) -> list[dict[str, str]]:
    """Return the rows of a shipped reference file, then those of the municipality's own file of the same columns.

    Raises:
        SettingsError: the own file lacks a column or cannot be read.
    """
    rows: list[dict[str, str]] = []
    for path in (FOLDER / name, extra):
        if path is None:
            continue
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.DictReader(file)
                found = list(reader)
                columns = reader.fieldnames or []
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise SettingsError(Text(sv=f"{path} kan inte läsas: {error}", en=f"{path} cannot be read: {error}")) from error
        lacking = set(rows[0]) - set(columns) if rows else set()
        if lacking:
            names = ", ".join(sorted(lacking))
            raise SettingsError(Text(sv=f"{path} saknar kolumnerna {names}", en=f"{path} lacks the columns {names}"))
        rows += found
    return rows


class Rules:
    """The absence rules and price base amounts (prisbasbelopp), by date. Later rows win over earlier ones."""

    def __init__(self, rules: list[Dated], base_amounts: dict[int, str]) -> None:
        self._rules: dict[str, list[Dated]] = {}
        for rule in rules:
            self._rules.setdefault(rule.name, []).append(rule)
        self._base_amounts = base_amounts
        self._cuts: dict[str, tuple[list[date], list[Dated | None]]] = {}
        self._numbers: dict[tuple[str, date], Decimal] = {}

    def at(self, name: str, on: date) -> Dated:
        """Return the value of a rule on a date.

        Raises:
            MissingRate: no source was found for it.
        """
        starts, values = self._cuts.get(name) or self._cut(name)
        place = bisect_right(starts, on) - 1
        found = values[place] if place >= 0 else None
        if found is None or not found.value:
            raise missing_rate(name, on, "absence_rules.csv", found.note if found else "")
        return found

    def number(self, name: str, on: date) -> Decimal:
        """Return the value of a rule on a date as a number."""
        known = self._numbers.get((name, on))
        if known is None:
            known = self._numbers[name, on] = _decimal(name, self.at(name, on).value)
        return known

    def base_amount(self, year: int) -> Decimal:
        """Return the price base amount of a year, kronor."""
        value = self._base_amounts.get(year, "")
        if not value:
            raise missing_rate("prisbasbelopp", date(year, 1, 1), "price_base_amount.csv", "")
        return _decimal("prisbasbelopp", value)

    def assumptions(self, first: date, last: date) -> list[Dated]:
        """Return the values in force between two dates that are assumptions rather than sourced: to be told in the report."""
        return [
            rule
            for rules in self._rules.values()
            for rule in rules
            if rule.status == "assumption" and rule.valid_from <= last and (rule.valid_to is None or rule.valid_to >= first)
        ]

    def _cut(self, name: str) -> tuple[list[date], list[Dated | None]]:
        rules = self._rules.get(name, [])
        edges = {rule.valid_from for rule in rules} | {rule.valid_to + date.resolution for rule in rules if rule.valid_to}
        starts = sorted(edges)
        values = []
        for start in starts:
            in_force = [r for r in rules if r.valid_from <= start and (r.valid_to is None or start <= r.valid_to)]
            values.append(in_force[-1] if in_force else None)
        self._cuts[name] = (starts, values)
        return self._cuts[name]


@cache
def load_rules(extra_rules: Path | None = None, extra_base_amounts: Path | None = None) -> Rules:
    """Return the shipped rules, with a municipality's own on top."""
    rules = [
        Dated(
            row["rule"],
            row["value"],
            date.fromisoformat(row["valid_from"]),
            date.fromisoformat(row["valid_to"]) if row["valid_to"] else None,
            row["status"],
            row["source"],
            row["note"],
        )
        for row in read_csv("absence_rules.csv", extra_rules)
    ]
    amounts = {int(row["year"]): row["amount"] for row in read_csv("price_base_amount.csv", extra_base_amounts)}
    return Rules(rules, amounts)


def missing_rate(name: str, on: date, file: str, note: str) -> MissingRate:
    """Return the error for a value that nobody found, with where to add it."""
    because = f" ({note})" if note else ""
    error = MissingRate(
        Text(
            sv=f"{name} för {on} finns inte: ingen källa hittades{because}. Lägg värdet med källa i en egen fil med samma "
            f"kolumner som {file} och peka ut den i avvik.toml.",
            en=f"there is no {name} for {on}: no source was found{because}. Add the value with its source to a file of your "
            f"own with the columns of {file} and name it in avvik.toml.",
        )
    )
    error.name, error.on, error.file = name, on, file
    return error


def _decimal(name: str, text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise SettingsError(Text(sv=f"{name}: ”{text}” är inte ett tal", en=f"{name}: “{text}” is not a number")) from error
