"""The employer's on-cost on wages (PO, personalomkostnadspålägg) by date: statutory fees, agreed insurances, agreed pensions.

What belongs here: which rate applies on a day. What does not: the rates themselves, which are `reference/po_rates.csv`.

SKR's PO is a standard rate for budgets and internal accounting. The statutory part has been lower for the young in some
periods; it is used only when a birth year is given. Pension cost above 7.5 income base amounts is higher than the standard rate
says, and elected officials have another one from 2023: neither is here.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

from orchestration.people.rules import MissingRate, missing_rate, read_csv

COMPONENTS = ("statutory", "insurance", "pension")


@cache
def _rates(extra: Path | None) -> list[dict[str, str]]:
    return read_csv("po_rates.csv", extra)


@cache
def po_rate(on: date, *, born: int | None = None, extra: Path | None = None) -> Decimal:
    """Return the PO on a day as a share of the wage, 0.3846 for 38.46 per cent.

    born: year of birth, where the municipality counts with the lower fees of the young; None for the standard rate.

    Raises:
        MissingRate: no source was found for the year (2016–2018, 2024 and later) or for the young in that month.
    """
    total = _find("total", on, None, extra)
    if total is None:
        raise missing_rate("PO-pålägg", on, "po_rates.csv", "")
    young = _find("statutory", on, born, extra) if born is not None else None
    if young is None:
        return Decimal(total["percent"]) / 100
    if not young["percent"]:
        raise missing_rate("PO-pålägg, unga", on, "po_rates.csv", young["note"])
    standard = po_components(on, extra=extra)["statutory"]
    return Decimal(total["percent"]) / 100 - standard + Decimal(young["percent"]) / 100


def po_components(on: date, *, extra: Path | None = None) -> dict[str, Decimal]:
    """Return the parts of the standard rate on a day, as shares: statutory, insurance, pension.

    Raises:
        MissingRate: a part was not found.
    """
    parts = {}
    for component in COMPONENTS:
        row = _find(component, on, None, extra)
        if row is None or not row["percent"]:
            raise missing_rate(f"PO-pålägg, {component}", on, "po_rates.csv", "")
        parts[component] = Decimal(row["percent"]) / 100
    return parts


def _find(component: str, on: date, born: int | None, extra: Path | None) -> dict[str, str] | None:
    """Return the last row that applies: the standard row without a birth year, the band's row with one."""
    found = None
    for row in _rates(extra):
        has_band = bool(row["born_from"] or row["born_to"])
        in_band = born is not None and int(row["born_from"] or 0) <= born <= int(row["born_to"] or 9999)
        in_time = row["valid_from"] <= on.isoformat() <= (row["valid_to"] or "9999")
        if row["component"] == component and in_time and has_band == (born is not None) and (in_band or born is None):
            found = row
    return found


__all__ = ["COMPONENTS", "MissingRate", "po_components", "po_rate"]
