"""The published findings as the terminal lists them.

What belongs here: reading `marts.findings` and its evidence for a person at the command line. What does not: printing (`cli`).
"""

from __future__ import annotations

from typing import Any

import duckdb
import pandas as pd

from orchestration.errors import SettingsError, Text
from orchestration.findings.run import EVIDENCE, FINDINGS, RANK
from orchestration.publish import SCHEMA
from orchestration.settings import Settings


def list_findings(
    settings: Settings, period: str | None = None, unit: str | None = None, everything: bool = False
) -> tuple[str, pd.DataFrame, pd.DataFrame]:
    """Return the close, its findings ranked by kronor, and their evidence rows.

    Args:
        settings: whose home.
        period: which close, 'YYYY-MM'; default the newest.
        unit: a unit of any level: its own findings and those of the units below it; default all.
        everything: also findings that are explained or corrected.

    Raises:
        SettingsError: nothing is published, or there is no such close or unit.
    """
    path = settings.published / "reporting.duckdb"
    if not path.exists():
        raise SettingsError(Text(sv="Inget är publicerat än. Kör avvik run.", en="Nothing is published yet. Run avvik run."))
    with duckdb.connect(str(path), read_only=True) as con:
        closes = [p for (p,) in con.execute(f"select distinct report_period from {SCHEMA}.{FINDINGS} order by 1").fetchall()]  # noqa: S608
        chosen = period or (closes[-1] if closes else None)
        if chosen is None or (period and period not in closes):
            known = ", ".join(closes[-12:]) or "–"
            raise SettingsError(
                Text(
                    sv=f"Inga fynd för {period or 'någon månad'}. Det finns: {known}.", en=f"No findings of that month: {known}."
                )
            )
        below = "select unit_code from marts.bridge_unit_ancestor where ancestor_unit_code = ?"
        parameters: list[Any] = [chosen]
        condition = "report_period = ?"
        if unit:
            found = con.execute(f"select count(*) from ({below})", [unit]).fetchone()  # noqa: S608
            if not found or not found[0]:
                raise SettingsError(Text(sv=f"Enheten {unit} finns inte.", en=f"There is no unit {unit}."))
            condition += f" and (unit_code in ({below}) or other_unit in ({below}))"
            parameters += [unit, unit]
        if not everything:
            condition += " and status in ('open', 'recurring', 'acknowledged')"
        findings = con.execute(
            f"select * from {SCHEMA}.{FINDINGS} where {condition} order by {RANK}",  # noqa: S608
            parameters,
        ).df()
        evidence = con.execute(
            f"select finding_id, role, source_file, source_row, amount from {SCHEMA}.{EVIDENCE} "  # noqa: S608
            "where report_period = ? order by finding_id, source_file, source_row",
            [chosen],
        ).df()
    return chosen, findings, evidence
