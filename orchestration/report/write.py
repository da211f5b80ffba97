"""Write the reports of a period: `DIR/reports/YYYY-MM/<unit>.html`, `.xlsx`, `.pdf`.

What belongs here: which units get a report, the proof that each must pass, and putting files in place. What does not: content.

    write_reports(settings, "2015-03")

Every report is proved before it is written: its table must be possible (`avvik proof`), and no sentence of its text may disagree
with the table. One that fails is not written, the others are, and the call ends with `ReportsRefused`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb

from orchestration.errors import AvvikError, Text
from orchestration.periods import check_period
from orchestration.proof import Claim, check_claims, prove, table_from_grid
from orchestration.report.causes import Explained, explain
from orchestration.report.excel import render_excel
from orchestration.report.html import printed_grid, render_html
from orchestration.report.model import Comment, Report, read_report
from orchestration.report.options import ReportOptions
from orchestration.report.pdf import MISSING, find_renderer
from orchestration.report.table import open_published
from orchestration.report.text import Words, write
from orchestration.settings import Settings

#: Verdicts on a sentence that stop a report. A deviation without words is no disagreement.
BLOCKING = ("wrong_number", "wrong_direction", "contradicted", "unmatched_number", "not_supported")


class ReportsRefused(AvvikError):
    """One or more reports failed their own proof and were not written. The others were."""


def report_units(connection: duckdb.DuckDBPyConnection, period: str) -> list[str]:
    """Return the units that get a report: the municipality, its committees and offices that have amounts.

    These are the units of the first two levels; on the second level only those that have units below them, so that an
    organisation without committees does not get a report for each cost centre. Codes outside the organisation have none.
    """
    rows = connection.execute(
        """
        select own.unit_code
        from marts.follow_up as own
        where
            own.report_period = $period and own.report_line = 'net' and own.unit_level <= 2 and own.is_in_organisation
            and (own.has_outcome or own.has_budget)
            and (
                own.unit_level < 2
                or exists (
                    select 1 from marts.follow_up as child
                    where child.report_period = $period and child.parent_unit_code = own.unit_code
                )
            )
        order by own.unit_level, own.unit_code
        """,
        {"period": period},
    ).fetchall()
    return [code for (code,) in rows]


def file_stem(unit: str) -> str:
    """Return a file name for a unit code: the code itself where it is one, else its safe characters and a checksum."""
    safe = re.sub(r"[^\w.-]", "_", unit)[:60]
    if safe == unit and not unit.startswith(".") and unit.upper() not in ("CON", "PRN", "AUX", "NUL"):
        return unit
    return f"{safe.lstrip('.') or 'enhet'}-{hashlib.sha256(unit.encode()).hexdigest()[:8]}"


def build(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    unit: str,
    period: str,
    options: ReportOptions,
    comments: Sequence[Comment] = (),
) -> tuple[Report, list[Explained], Words]:
    """Return one unit's report: its numbers, the deviations that matter (largest first) with their causes, and its text."""
    report = read_report(connection, settings.municipality, settings.root_unit, unit, period, options, list(comments))
    explained = [explain(connection, report, line) for line in report.material_lines()]
    return report, explained, write(report, explained)


def prove_report(report: Report, words: Words) -> tuple[str, list[Text]]:
    """Prove a report's table and text. Returns a sentence for its last page, and the faults that stop it (none: it passes)."""
    table = table_from_grid(printed_grid(report), report.unit)
    proof = prove(table)
    faults: list[Text] = []
    if not proof.ok:
        faults.append(Text(sv="tabellen kan inte vara sann som den är tryckt", en="the table cannot be true as printed"))
    claims = check_claims(words.plain(), table, proof, months=report.months)
    faults += [_fault(claim) for claim in claims if claim.verdict in BLOCKING]
    for paragraph in words.units:  # about a unit below: asked of that unit's own table
        child = next(child for child in report.children if child.code == paragraph.unit)
        below = table_from_grid(printed_grid(report, list(child.lines.values())), child.code)
        faults += [
            _fault(claim) for claim in check_claims(paragraph.text, below, months=report.months) if claim.verdict in BLOCKING
        ]
    supported = sum(claim.verdict == "supported" for claim in claims)
    return f"{supported} uppgifter i texten stämmer med tabellen, ingen säger emot den.", faults


def _fault(claim: Claim) -> Text:
    return Text(
        sv=f"”{claim.sentence}”: {claim.says.sv}; tabellen: {claim.table.sv}",
        en=f"“{claim.sentence}”: {claim.says.en}; the table: {claim.table.en}",
    )


def write_reports(
    settings: Settings,
    period: str,
    units: Sequence[str] | None = None,
    progress: Callable[[Text], None] | None = None,
    *,
    options: ReportOptions | None = None,
    comments: Sequence[Comment] = (),
) -> list[Path]:
    """Write the reports of a period from what is published; return the files in place, in order.

    Args:
        settings: the home.
        period: the month, 'YYYY-MM'.
        units: unit codes; default the municipality, its committees and offices (`report_units`).
        progress: is told what happens, in both languages.
        options: how they are printed; default the settings' own, if any.
        comments: what persons wrote, set apart from what avvik wrote.

    Raises:
        AvvikError: nothing is published, or the period or a unit is not.
        ReportsRefused: some reports failed their own proof; the others are in place.
    """
    check_period(period)
    say = progress or (lambda _: None)
    options = options or ReportOptions()
    folder = settings.home / "reports" / period
    folder.mkdir(parents=True, exist_ok=True)
    renderer = find_renderer() if options.pdf else None
    if options.pdf and renderer is None:
        say(MISSING)
    written: list[Path] = []
    refused: list[tuple[str, Text]] = []
    with (
        open_published(settings) as connection,
        tempfile.TemporaryDirectory(prefix=".writing-", dir=folder.parent) as temporary,
    ):
        chosen = list(units) if units is not None else report_units(connection, period)
        if not chosen:
            raise AvvikError(
                Text(
                    sv=f"Ingen uppföljning är publicerad för {period}, så det blir inga rapporter.",
                    en=f"No follow-up is published for {period}, so there are no reports.",
                )
            )
        publication = _publication(settings)
        for unit in chosen:
            report, explained, words = build(connection, settings, unit, period, options, comments)
            report.publication = publication
            sentence, faults = prove_report(report, words)
            if faults:
                refused += [(unit, fault) for fault in faults]
                continue
            stem = file_stem(unit)
            html = render_html(report, words, explained, sentence)
            files = {f"{stem}.html": html.encode(), f"{stem}.xlsx": render_excel(report, words, explained)}
            for name, content in files.items():
                (Path(temporary) / name).write_bytes(content)
            if renderer is not None:
                renderer(html, Path(temporary) / f"{stem}.pdf")
                files[f"{stem}.pdf"] = b""
            else:
                (folder / f"{stem}.pdf").unlink(missing_ok=True)  # one of an earlier run would tell other numbers
            for name in files:
                os.replace(Path(temporary) / name, folder / name)
                written.append(folder / name)
            say(Text(sv=f"Rapport: {folder / stem}.html", en=f"Report: {folder / stem}.html"))
    if refused:
        raise ReportsRefused(
            Text(
                sv="Rapporter som inte klarade sin egen prövning och därför inte är skrivna: "
                + "; ".join(f"{unit}: {fault.sv}" for unit, fault in refused),
                en="Reports that failed their own proof and have not been written: "
                + "; ".join(f"{unit}: {fault.en}" for unit, fault in refused),
            )
        )
    return written


def _publication(settings: Settings) -> str:
    path = settings.published / "publication.json"
    return str(json.loads(path.read_text(encoding="utf-8")).get("publication_id", "")) if path.exists() else ""
