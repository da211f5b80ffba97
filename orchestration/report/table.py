"""The follow-up table (ekonomiskt utfall och prognos) of one unit and period, read from the published marts.

What belongs here: reading the rows of one table, sign style, rounding to the printed unit. What does not: deviations, sums or any
other arithmetic; they are in the mart.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import duckdb

from orchestration.errors import AvvikError, Text
from orchestration.report.options import SignStyle
from orchestration.settings import Settings

#: The amount columns of the printed table, in order. Deviations are favourable when positive in either sign style.
COLUMNS: dict[str, Text] = {
    "outcome_period": Text(sv="Utfall perioden", en="Outcome period"),
    "budget_period": Text(sv="Budget perioden", en="Budget period"),
    "deviation_period": Text(sv="Avvik perioden", en="Deviation period"),
    "forecast_year": Text(sv="Prognos helår", en="Forecast year"),
    "budget_year": Text(sv="Budget helår", en="Budget year"),
    "deviation_forecast": Text(sv="Avvik prognos", en="Deviation forecast"),
}
_DEVIATIONS = ("deviation_period", "deviation_forecast")

_NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"


@dataclass
class Line:
    """One row of the table. `amounts` in SEK, stored sign (income +, cost −), in the order of COLUMNS; None where unknown."""

    key: str
    label: str
    is_total: bool
    amounts: list[Decimal | None]


@dataclass
class FollowUpTable:
    """The follow-up of one unit at one report period."""

    unit_code: str
    unit_name: str
    period: str
    forecast_round: str | None
    lines: list[Line]


def open_published(settings: Settings) -> duckdb.DuckDBPyConnection:
    """Open the published marts for reading.

    Raises:
        AvvikError: nothing has been published yet.
    """
    path: Path = settings.published / "reporting.duckdb"
    if not path.exists():
        raise AvvikError(
            Text(
                sv=f"Inget är publicerat i {settings.home}. Kör avvik run först.",
                en=f"Nothing has been published in {settings.home}. Run avvik run first.",
            )
        )
    return duckdb.connect(str(path), read_only=True)


def read_table(settings: Settings, unit: str | None, period: str | None, style: SignStyle = "natural") -> FollowUpTable:
    """Read one unit's table; default the top unit and the last period with outcome.

    Raises:
        AvvikError: nothing is published, or the unit or the period is not in the follow-up.
    """
    with open_published(settings) as connection:
        if period is None:
            found = connection.execute("select max(report_period) from marts.follow_up where has_outcome").fetchone()
            period = found[0] if found else None
        unit = unit or settings.root_unit
        name = "line.report_line_short_name" if style == "ledger" else "line.report_line_name"
        rows = connection.execute(
            f"""
            select fu.unit_name, fu.forecast_round, fu.report_line, {name}, fu.is_total, {", ".join(f"fu.{c}" for c in COLUMNS)}
            from marts.follow_up as fu
            inner join marts.dim_report_line as line on fu.report_line = line.report_line
            where fu.report_period = ? and fu.unit_code = ? and line.in_net
            order by fu.report_line_order
            """,  # noqa: S608 - column names are constants of this module
            [period, unit],
        ).fetchall()
        if not rows:
            raise AvvikError(_not_found(connection, unit, period))
    lines = [Line(row[2], row[3], row[4], list(row[5:])) for row in rows]
    return FollowUpTable(unit, rows[0][0], period or "", rows[0][1], lines)


def _not_found(connection: duckdb.DuckDBPyConnection, unit: str, period: str | None) -> Text:
    periods = connection.execute("select min(report_period), max(report_period) from marts.follow_up").fetchone()
    units = connection.execute(
        "select distinct unit_code, unit_level from marts.follow_up where unit_level <= 2 order by unit_level, unit_code limit 40"
    ).fetchall()
    first, last = periods or (None, None)
    codes = ", ".join(code for code, _ in units)
    return Text(
        sv=f"Ingen uppföljning för enhet {unit} och period {period}. Publicerat: {first} till {last}; enheter: {codes}.",
        en=f"No follow-up for unit {unit} and period {period}. Published: {first} to {last}; units: {codes}.",
    )


def printed(amount: Decimal | None, column: str, style: SignStyle, thousands: bool = True) -> str:
    """Round one amount for print: half away from zero, once, from the unrounded amount.

    In the ledger's sign the amounts turn (cost +), while deviations stay as they are: positive is favourable in both styles.
    """
    if amount is None:
        return ""
    if style == "ledger" and column not in _DEVIATIONS:
        amount = -amount
    rounded = (amount / 1000 if thousands else amount).quantize(Decimal(1), rounding=ROUND_HALF_UP)
    return f"{int(rounded):,}".replace(",", _NO_BREAK_SPACE)
