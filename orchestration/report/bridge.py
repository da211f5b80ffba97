"""The personnel bridge of one unit and period, read from the published marts.

What belongs here: reading the rows of one bridge. What does not: any arithmetic; it is in the mart.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from orchestration.errors import AvvikError, Text
from orchestration.report.table import open_published
from orchestration.settings import Settings


@dataclass
class Step:
    """One step, SEK, favourable +."""

    step: str
    name: str
    amount_month: Decimal
    amount_period: Decimal
    is_memo: bool


@dataclass
class Bridge:
    """The bridge of a unit: steps in order, memo rows last. deviation: the personnel line's, month and period."""

    unit_code: str
    unit_name: str
    period: str
    steps: list[Step]
    deviation_month: Decimal
    deviation_period: Decimal
    is_suppressed: bool


def read_bridge(settings: Settings, unit: str | None, period: str | None) -> Bridge:
    """Read one unit's bridge; default the top unit and the last period.

    Raises:
        AvvikError: nothing is published, or there is no personnel line for the unit and the period.
    """
    unit = unit or settings.root_unit
    with open_published(settings) as connection:
        if period is None:
            found = connection.execute("select max(report_period) from marts.personnel_bridge").fetchone()
            period = found[0] if found else None
        head = connection.execute(
            "select unit_name, deviation_month, deviation_period from marts.follow_up "
            "where unit_code = ? and report_period = ? and report_line = 'personnel'",
            [unit, period],
        ).fetchone()
        rows = connection.execute(
            "select step, step_name, amount_month, amount_period, is_memo, is_suppressed from marts.personnel_bridge "
            "where unit_code = ? and report_period = ? order by step_order",
            [unit, period],
        ).fetchall()
    if head is None or not rows:
        raise AvvikError(
            Text(
                sv=f"Ingen personalbrygga för enhet {unit} och period {period}. Enheterna står i avvik report.",
                en=f"There is no personnel bridge for unit {unit} and period {period}. The units are in avvik report.",
            )
        )
    steps = [Step(*row[:5]) for row in rows]
    return Bridge(unit, head[0], period or "", steps, head[1], head[2], any(row[5] for row in rows))
