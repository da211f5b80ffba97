"""The demo municipality's reference data: organisation, code lists, months and seeded chance.

What belongs here: reading the small tables in `data/`, which unit lies under which office when, calendar helpers. What does not:
anything with an amount (streams, staff, budget) or a file format (exports).
"""

from __future__ import annotations

import csv
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from random import Random

MUNICIPALITY = "Ekbacka kommun"
ORGANISATION_NUMBER = "212000-9999"
#: The office whose follow-up is calibrated to the two printed reports.
OFFICE = "KLK"
FIRST, LAST = "2013-01", "2015-04"


@cache
def _read(name: str) -> tuple[tuple[tuple[str, str], ...], ...]:
    text = (files(__package__) / "data" / f"{name}.csv").read_text(encoding="utf-8")
    return tuple(tuple(row.items()) for row in csv.DictReader(text.splitlines(), delimiter=";"))


def table(name: str) -> list[dict[str, str]]:
    """Return the rows of one reference table (`data/<name>.csv`, semicolon, UTF-8)."""
    return [dict(row) for row in _read(name)]


def chance(seed: int, *names: object) -> Random:
    """Return a random generator of its own for the named thing, so that adding one thing does not move the others."""
    return Random("/".join(map(str, (seed, *names))))


def months(first: str, last: str) -> list[str]:
    """Return the periods 'YYYY-MM' from first to last, both included."""
    year, month = int(first[:4]), int(first[5:])
    result = []
    while (period := f"{year}-{month:02d}") <= last:
        result.append(period)
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return result


ALL_MONTHS = months(FIRST, LAST)


def shift(period: str, by: int) -> str:
    """Return the period `by` months later (earlier where negative)."""
    index = int(period[:4]) * 12 + int(period[5:]) - 1 + by
    return f"{index // 12}-{index % 12 + 1:02d}"


@cache
def first_day(period: str) -> date:
    """Return the first day of a period."""
    return date(int(period[:4]), int(period[5:]), 1)


@cache
def last_day(period: str) -> date:
    """Return the last day of a period."""
    year, month = int(period[:4]), int(period[5:])
    return date(year, month, monthrange(year, month)[1])


def weekday(day: date) -> date:
    """Return the day itself, or the Friday before a weekend (the Monday after, where the Friday is in the month before)."""
    late = day.weekday() - 4
    if late <= 0:
        return day
    return day - timedelta(days=late) if day.day > late else day + timedelta(days=3 - late)


@dataclass(frozen=True)
class Unit:
    """One organisational unit and validity span: a board (nämnd), an office (kontor) or an ansvar of the ledger."""

    code: str
    name: str
    parent: str
    valid_from: date
    valid_to: date | None
    type: str
    size: float
    activity: str
    counterparty: str

    def valid(self, period: str) -> bool:
        """Return whether the unit exists in this place on the period's last day."""
        day = last_day(period)
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


class Organisation:
    """The units of the municipality, with where each lies when."""

    def __init__(self) -> None:
        self.rows = [
            Unit(
                code=r["code"],
                name=r["name"],
                parent=r["parent"],
                valid_from=date.fromisoformat(r["valid_from"]),
                valid_to=date.fromisoformat(r["valid_to"]) if r["valid_to"] else None,
                type=r["type"],
                size=float(r["size"]),
                activity=r["activity"],
                counterparty=r["counterparty"],
            )
            for r in table("organisation")
        ]
        self.offices = {u.code: u for u in self.rows if u.type == "office"}
        self._parent: dict[tuple[str, str], str] = {}
        #: Ansvar codes of the ledger (the lowest level), first span first.
        self.ansvar: dict[str, Unit] = {}
        for unit in self.rows:
            if unit.type in ("board", "office"):
                continue
            self.ansvar.setdefault(unit.code, unit)
            for period in ALL_MONTHS:
                if unit.valid(period):
                    self._parent[unit.code, period] = unit.parent

    def office(self, code: str, period: str) -> str | None:
        """Return the office an ansvar lies under in a period, None where it does not exist then."""
        return self._parent.get((code, period))

    def counterparty(self, code: str, period: str) -> str:
        """Return the motpart code of the office an ansvar lies under in a period."""
        return self.offices[self._parent[code, period]].counterparty

    def units(self, office: str, period: str) -> list[str]:
        """Return the ansvar codes under an office in a period."""
        return [code for code in self.ansvar if self._parent.get((code, period)) == office]
