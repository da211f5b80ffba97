"""Months and fiscal years: the one monthly partitions definition, and arithmetic on periods 'YYYY-MM'.

What belongs here: which months there are. What does not: which months a file covers (readers), validity dates (dbt).
Dagster is imported only where the partitions are built, so that the plain arithmetic stays cheap.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from orchestration.errors import SettingsError, Text
from orchestration.settings import PERIOD, Settings

if TYPE_CHECKING:
    from dagster import TimeWindowPartitionsDefinition

TIMEZONE = "Europe/Stockholm"
FORMAT = "%Y-%m"

#: How far back the partitions go in a home that has received nothing yet.
_YEARS_WITHOUT_DELIVERY = 2


def check_period(period: str) -> str:
    """Return the period if it is a month 'YYYY-MM'.

    Raises:
        SettingsError: it is not.
    """
    if not PERIOD.match(period):
        raise SettingsError(
            Text(
                sv=f"{period} är ingen månad. Skriv den som ÅÅÅÅ-MM, till exempel 2015-03.",
                en=f"{period} is not a month. Write it as YYYY-MM, for example 2015-03.",
            )
        )
    return period


def add_months(period: str, months: int) -> str:
    """Return the period that many months later (earlier if negative)."""
    year, month = divmod(int(period[:4]) * 12 + int(period[5:]) - 1 + months, 12)
    return f"{year:04d}-{month + 1:02d}"


def month_range(first: str, last: str) -> list[str]:
    """Return every month from `first` to `last`, both included; empty if `last` lies before `first`."""
    months = []
    while first <= last:
        months.append(first)
        first = add_months(first, 1)
    return months


def spans(periods: Iterable[str]) -> list[tuple[str, str]]:
    """Return the unbroken spans of months, oldest first: {01, 02, 04} becomes [(01, 02), (04, 04)]."""
    found: list[tuple[str, str]] = []
    for period in sorted(set(periods)):
        if found and add_months(found[-1][1], 1) == period:
            found[-1] = (found[-1][0], period)
        else:
            found.append((period, period))
    return found


def current_period(now: datetime | None = None) -> str:
    """Return the month it is in Stockholm (`now`: an aware moment, default the present one)."""
    return (now or datetime.now(ZoneInfo(TIMEZONE))).astimezone(ZoneInfo(TIMEZONE)).strftime(FORMAT)


def fiscal_year_first(period: str, start_month: int = 1) -> str:
    """Return the first month of the fiscal year (räkenskapsår) that the period lies in."""
    year, month = int(period[:4]), int(period[5:])
    return f"{year if month >= start_month else year - 1:04d}-{start_month:02d}"


def fiscal_year(period: str, start_month: int = 1) -> int:
    """Return the fiscal year of a period, named after the calendar year in which it starts."""
    return int(fiscal_year_first(period, start_month)[:4])


def first_and_last_period(settings: Settings) -> tuple[str, str]:
    """Return the first and the last month that a home is about.

    From the earliest month with an inbox folder to the current month; to the newest folder where that is more than a year ago (an
    archive, the demo), so that the UI does not show years of months that nobody will deliver.
    """
    folders = settings.inbox.iterdir() if settings.inbox.is_dir() else []
    months = [folder.name for folder in folders if PERIOD.match(folder.name) and folder.is_dir()]
    now = current_period()
    past = [month for month in months if month <= now]
    if not past:
        return f"{int(now[:4]) - _YEARS_WITHOUT_DELIVERY}-01", now
    return min(past), now if max(past) >= add_months(now, -12) else max(past)


def monthly_partitions(settings: Settings) -> TimeWindowPartitionsDefinition:
    """Return the months of a home as Dagster partitions: `first_and_last_period`, both included."""
    from dagster import MonthlyPartitionsDefinition

    first, last = first_and_last_period(settings)
    if last == current_period():
        return MonthlyPartitionsDefinition(start_date=first, fmt=FORMAT, timezone=TIMEZONE, end_offset=1)
    return MonthlyPartitionsDefinition(start_date=first, end_date=add_months(last, 1), fmt=FORMAT, timezone=TIMEZONE)
