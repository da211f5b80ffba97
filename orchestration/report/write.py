"""Write the reports of a period: `DIR/reports/YYYY-MM/<unit>.html`, `.xlsx`, `.pdf`.

What belongs here: which units get a report, the proof that each must pass, and putting files in place. What does not: content.

    write_reports(settings, "2015-03")

Every report is proved before it is written: its table must be possible (`avvik proof`), no sentence of its text may disagree with
the table, and what explains a deviation must add up to it. One that fails is not written; the others are, and `Reports.refused`
says which and why. A report whose content is what was written last time is left alone, and so are files that avvik did not write:
one that a person has edited is set aside under another name before it is replaced.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import duckdb

from orchestration.errors import AvvikError, Text
from orchestration.periods import check_period
from orchestration.proof import Claim, check_claims, prove, table_from_grid
from orchestration.report.causes import Explained, explain
from orchestration.report.excel import render_excel
from orchestration.report.html import printed_grid, render_html
from orchestration.report.model import ZERO, Report, read_report
from orchestration.report.options import ReportOptions
from orchestration.report.pdf import MISSING, PdfFailed, find_browser, printer
from orchestration.report.table import open_published
from orchestration.report.text import Words, write
from orchestration.settings import Settings

#: Verdicts on a sentence that stop a report. A deviation without words is no disagreement.
BLOCKING = ("wrong_number", "wrong_direction", "contradicted", "unmatched_number", "not_supported")


#: What was written, by file name: `content` is a checksum of what the report says, `file` of the file itself.
_MANIFEST = ".avvik.json"


@dataclass
class Reports:
    """What became of the reports of a period. `proved`: by unit, the sentence about its proof.

    `missing`: what could not be made, and why. `set_aside`: files that a person had edited, under the names they have now.
    """

    period: str
    folder: Path
    written: list[Path] = field(default_factory=list)
    unchanged: list[Path] = field(default_factory=list)
    set_aside: list[Path] = field(default_factory=list)
    proved: dict[str, str] = field(default_factory=dict)
    refused: list[tuple[str, Text]] = field(default_factory=list)
    missing: list[Text] = field(default_factory=list)

    @property
    def refusal(self) -> Text | None:
        """One sentence about the reports that failed their own proof; None where all passed."""
        if not self.refused:
            return None
        return Text(
            sv="Rapporter som inte klarade sin egen prövning och därför inte är skrivna: "
            + "; ".join(f"{unit}: {fault.sv}" for unit, fault in self.refused),
            en="Reports that failed their own proof and have not been written: "
            + "; ".join(f"{unit}: {fault.en}" for unit, fault in self.refused),
        )


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
) -> tuple[Report, list[Explained], Words]:
    """Return one unit's report: its numbers, the deviations that matter (largest first) with their causes, and its text."""
    report = read_report(connection, settings.municipality, settings.root_unit, unit, period, options)
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
    steps = report.evidence.steps
    if steps and report.has("personnel") and sum((step.amount for step in steps), ZERO) != report.line("personnel").deviation:
        faults.append(
            Text(
                sv="personalbryggans steg ger inte personalkostnadernas avvikelse",
                en="the steps of the personnel bridge do not add up to the deviation of personnel",
            )
        )
    supported = sum(claim.verdict == "supported" for claim in claims)
    return f"{supported} uppgifter i texten stämmer med tabellen, ingen säger emot den.", faults


def _fault(claim: Claim) -> Text:
    return Text(
        sv=f"”{claim.sentence}”: {claim.says.sv}; tabellen: {claim.table.sv}",
        en=f"“{claim.sentence}”: {claim.says.en}; the table: {claim.table.en}",
    )


def write_reports(
    settings: Settings,
    period: str | None = None,
    units: Sequence[str] | None = None,
    progress: Callable[[Text, int, int], None] | None = None,
    *,
    options: ReportOptions | None = None,
) -> Reports:
    """Write the reports of a period from what is published.

    Args:
        settings: the home.
        period: the month, 'YYYY-MM'; default the newest with outcome.
        units: unit codes; default the municipality, its committees and offices (`report_units`).
        progress: is told what happens: (step, done, total).
        options: how they are printed; default the settings' own.

    Raises:
        AvvikError: nothing is published, or the period or a unit is not.
    """
    say = progress or (lambda *_: None)
    options = options or settings.report
    with open_published(settings) as connection:
        if period is None:
            newest = connection.execute("select max(report_period) from marts.follow_up where has_outcome").fetchone()
            period = newest[0] if newest and newest[0] else ""
        check_period(period)
        chosen = list(units) if units is not None else report_units(connection, period)
        if not chosen:
            raise AvvikError(
                Text(
                    sv=f"Ingen uppföljning är publicerad för {period}, så det blir inga rapporter.",
                    en=f"No follow-up is published for {period}, so there are no reports.",
                )
            )
        shelf = _Shelf(settings.home / "reports" / period)
        result = Reports(period, shelf.folder, set_aside=shelf.set_aside)
        publication = _publication(settings)
        pages: list[tuple[str, str]] = []
        for number, unit in enumerate(chosen):
            say(Text(sv=f"rapport {unit}", en=f"report {unit}"), number, len(chosen))
            report, explained, words = build(connection, settings, unit, period, options)
            content = _checksum(repr((_program(), report, explained, words)).encode())
            stem = file_stem(unit)
            if options.pdf:
                pages.append((stem, content))
            if shelf.has(f"{stem}.html", content) and shelf.has(f"{stem}.xlsx", content):
                result.unchanged += [shelf.folder / f"{stem}.html", shelf.folder / f"{stem}.xlsx"]
                result.proved[unit] = shelf.proof(f"{stem}.html")
                continue
            report.publication = publication
            sentence, faults = prove_report(report, words)
            if faults:
                result.refused += [(unit, fault) for fault in faults]
                pages = [page for page in pages if page[0] != stem]
                continue
            html = render_html(report, words, explained, sentence)
            result.proved[unit] = sentence
            result.written.append(shelf.put(f"{stem}.html", html.encode(), content, sentence))
            result.written.append(shelf.put(f"{stem}.xlsx", render_excel(report, words, explained), content))
            shelf.drop(f"{stem}.pdf")  # one of an earlier report would tell other numbers
    _print(shelf, result, pages, say)
    return result


def _print(shelf: _Shelf, result: Reports, pages: list[tuple[str, str]], say: Callable[[Text, int, int], None]) -> None:
    """Make the PDF of each page (name, content) that has none yet. What cannot be made is said in `result.missing`."""
    wanted = []
    for stem, content in pages:
        if shelf.has(f"{stem}.pdf", content):
            result.unchanged.append(shelf.folder / f"{stem}.pdf")
        else:
            wanted.append((stem, content))
    if not wanted:
        return
    program = find_browser()
    if program is None:
        result.missing.append(MISSING)
        return
    try:
        with printer(program) as running:
            for number, (stem, content) in enumerate(wanted):
                say(Text(sv=f"PDF {stem}", en=f"PDF {stem}"), number, len(wanted))
                result.written.append(shelf.put(f"{stem}.pdf", running.print_page(shelf.folder / f"{stem}.html"), content))
    except PdfFailed as error:  # HTML and Excel stand; what is missing is told, and tried again next time
        left = ", ".join(f"{stem}.pdf" for stem, content in wanted if not shelf.has(f"{stem}.pdf", content))
        result.missing.append(Text(sv=f"{error.text.sv} Saknas: {left}.", en=f"{error.text.en} Missing: {left}."))


class _Shelf:
    """The folder of a period, and what avvik has written there. Files of others are never touched."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.set_aside: list[Path] = []
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / _MANIFEST
        self._written: dict[str, dict[str, str]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def has(self, name: str, content: str) -> bool:
        """Whether the file is there and says this, possibly with what a person has added."""
        return self._written.get(name, {}).get("content") == content and (self.folder / name).exists()

    def proof(self, name: str) -> str:
        """Return the sentence about the proof of a report that is on the shelf."""
        return self._written[name]["proof"]

    def put(self, name: str, data: bytes, content: str, proof: str = "") -> Path:
        """Put a file in place, whole."""
        path = self.folder / name
        self._keep_edited(name)
        with tempfile.NamedTemporaryFile(dir=self.folder, prefix=".writing-", delete=False) as temporary:
            temporary.write(data)
        os.chmod(temporary.name, 0o644)
        os.replace(temporary.name, path)
        self._written[name] = {"content": content, "file": _checksum(data), "proof": proof}
        self._save()
        return path

    def drop(self, name: str) -> None:
        """Take away a file that avvik wrote; one that a person has edited is set aside."""
        self._keep_edited(name)
        if self._written.pop(name, None):
            (self.folder / name).unlink(missing_ok=True)
            self._save()

    def _save(self) -> None:
        path = self.folder / _MANIFEST
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(self._written, indent=1, sort_keys=True, ensure_ascii=False), encoding="utf-8")
        os.replace(temporary, path)

    def _keep_edited(self, name: str) -> None:
        path = self.folder / name
        if not path.exists() or _checksum(path.read_bytes()) == self._written.get(name, {}).get("file"):
            return
        moment = datetime.fromtimestamp(path.stat().st_mtime).strftime("%Y-%m-%d %H%M%S")
        aside = path.with_name(f"{path.stem} (ändrad {moment}){path.suffix}")
        os.replace(path, aside)
        self.set_aside.append(aside)


def _checksum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@lru_cache(maxsize=1)
def _program() -> str:
    """Return a checksum of what makes reports: another version of avvik writes them anew."""
    here = Path(__file__).parent
    files = sorted(path for path in here.iterdir() if path.suffix in (".py", ".jinja", ".css"))
    return _checksum(b"".join(path.read_bytes() for path in files))


def _publication(settings: Settings) -> str:
    path = settings.published / "publication.json"
    return str(json.loads(path.read_text(encoding="utf-8")).get("publication_id", "")) if path.exists() else ""
