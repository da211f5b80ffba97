"""The `avvik` command: thin over functions that tests call too.

What belongs here: arguments, progress, printing, exit codes (0 done, 1 a blocking check stopped the run, 2 wrong usage or
settings, 3 published, but a step after it failed or a report did not pass its own proof). What does not: any work. Dagster, dbt
and Great Expectations are imported only by the commands that need them, so that the others start at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from orchestration.errors import AvvikError, FileRejected, SettingsError, Text, language
from orchestration.settings import PERIOD, Settings, load_settings

if TYPE_CHECKING:
    from orchestration.readers.kinds import Description
    from orchestration.report.options import SignStyle

#: Warnings that a run prints; the rest are in the UI.
_SHOWN_WARNINGS = 12

console = Console(highlight=False, emoji=False)
if not console.is_terminal:
    console.width = 200  # a file or a pipe has no edge to fold at
problems = Console(stderr=True, highlight=False, emoji=False)

_FOLDER = click.Path(file_okay=False, path_type=Path)
#: Findings that `avvik findings` lists unless it is asked for all.
_LISTED = 15
_HOME = click.option(
    "--home",
    type=_FOLDER,
    envvar="AVVIK_HOME",
    default=".",
    show_default=True,
    help="Home folder with avvik.toml and inbox/ (hemkatalog)",
)


class _Group(click.Group):
    """Prints what the user can put right without a traceback, with the promised exit code."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except AvvikError as error:
            problems.print(str(error), style="red", markup=False)
            ctx.exit(error.exit_code)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="avvik")
@click.option("--language", "chosen", type=click.Choice(["sv", "en"]), help="Default: AVVIK_LANGUAGE, else the locale, else sv")
def main(chosen: str | None) -> None:
    """Budget follow-up for a Swedish municipality: budget, utfall, prognos, avvikelse."""
    if chosen:
        os.environ["AVVIK_LANGUAGE"] = chosen


def parse_periods(text: str | None, settings: Settings) -> list[str]:
    """Turn '2015-03', '2013-01..2015-04' or nothing (the newest delivery) into a list of months.

    Raises:
        SettingsError: not a month, or the inbox is empty and no month was given.
    """
    from orchestration.ingest import deliveries

    if text is None:
        found = deliveries(settings)
        if not found:
            raise SettingsError(
                Text(
                    sv=f"{settings.inbox} har inga månadsmappar. Skapa en mapp ÅÅÅÅ-MM där med månadens exporter.",
                    en=f"{settings.inbox} has no month folders. Create a folder YYYY-MM there with the month's exports.",
                )
            )
        return found[-1:]
    first, _, last = text.partition("..")
    last = last or first
    if not (PERIOD.match(first) and PERIOD.match(last)) or last < first:
        raise SettingsError(
            Text(
                sv=f"--period {text}: skriv en månad som 2015-03 eller ett intervall som 2015-01..2015-03",
                en=f"--period {text}: write a month like 2015-03 or a range like 2015-01..2015-03",
            )
        )
    start, end = (int(p[:4]) * 12 + int(p[5:]) - 1 for p in (first, last))
    return [f"{n // 12:04d}-{n % 12 + 1:02d}" for n in range(start, end + 1)]


@main.command()
@_HOME
@click.option("--period", help="Month (2015-03) or range (2013-01..2015-04); default the newest month in the inbox")
def run(home: Path, period: str | None) -> None:
    """Take in what is new in inbox/, build, check and publish."""
    settings = load_settings(home)
    sys.exit(_run(settings, parse_periods(period, settings)))


@contextmanager
def _progress(first_step: Text) -> Iterator[Callable[[str, int, int], None]]:
    """Show one bar on stderr and yield the function that moves it: (step, done, total)."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=problems, transient=True) as bar:
        task = bar.add_task(str(first_step), total=None)
        yield lambda step, done, total: bar.update(task, description=step, completed=done, total=total or None)


def _run(settings: Settings, periods: list[str]) -> int:
    with _progress(Text(sv="startar", en="starting")) as progress:
        from orchestration.run import run_periods

        result = run_periods(settings, periods, progress, on_wait=lambda text: problems.print(text, markup=False))
    files = [file for delivery in result.deliveries for file in delivery.files]
    rows = sum(file.rows_kept for file in files if file.status == "accepted")
    new, same, refused = (
        sum(file.status in statuses for file in files) for statuses in (("accepted",), ("unchanged",), ("rejected",))
    )
    console.print(
        str(
            Text(
                sv=f"{new} filer inlästa ({rows} rader), {same} oförändrade, {refused} avvisade",
                en=f"{new} files taken in ({rows} rows), {same} unchanged, {refused} refused",
            )
        ),
        markup=False,
    )
    unclaimed = [f"{file.file_name}: {file.reason}" for file in files if file.status == "unclaimed"]
    notes = [note for delivery in result.deliveries for note in delivery.notes]
    warnings = [*notes, *unclaimed, *result.warnings]
    for line in warnings[:_SHOWN_WARNINGS]:
        console.print(f"  ! {line}", style="yellow", markup=False, soft_wrap=True)
    if len(warnings) > _SHOWN_WARNINGS:
        more = len(warnings) - _SHOWN_WARNINGS
        console.print(str(Text(sv=f"  ! och {more} till (avvik ui visar alla)", en=f"  ! and {more} more (avvik ui shows all)")))
    if not result.ok:
        for line in result.errors:
            problems.print(line, style="red", markup=False, soft_wrap=True)
        if not result.published:
            problems.print(
                str(Text(sv="Inget nytt är publicerat; den förra publiceringen är orörd.", en="Nothing new is published."))
            )
        return 3 if result.published else 1
    console.print(
        f"{Text(sv='Publicerat', en='Published')}: {settings.published / 'reporting.duckdb'}", markup=False, soft_wrap=True
    )
    for line in result.refused_reports:
        problems.print(line, style="red", markup=False, soft_wrap=True)
    return 3 if result.refused_reports else 0


@main.command()
@click.option("--home", type=_FOLDER, default="demo", show_default=True)
@click.option("--seed", default=2015, show_default=True)
@click.pass_context
def demo(context: click.Context, home: Path, seed: int) -> None:
    """Write the exports of a whole demo municipality, run on them, and print two follow-ups, a personnel bridge and findings."""
    from orchestration.demo import write_demo

    with _progress(Text(sv="skriver exportfiler", en="writing export files")) as progress:
        write_demo(home, seed, progress)
    settings = load_settings(home)
    code = _run(settings, parse_periods("2013-01..2015-04", settings))
    if code == 0:
        _print_table(settings, "KLK", "2015-03", "natural", True)
        _print_table(settings, "KLK", "2013-08", "ledger", True)
        context.invoke(bridge, home=home, unit="KLK", period="2015-03", kr=False)
        console.print()
        context.invoke(findings, home=home, period="2015-03", unit="KLK", everything=False, evidence=False)
        console.print(f"\n{Text(sv='Mer', en='More')}: avvik report --help, avvik ui --home {home}", markup=False)
    sys.exit(code)


@main.command()
@_HOME
@click.option("--unit", help="Unit code; default the whole municipality")
@click.option("--period", help="Report period, YYYY-MM; default the last with outcome")
@click.option("--sign", "style", type=click.Choice(["natural", "ledger"]),
              help="natural: income +, cost −; ledger: income −, cost +. A positive deviation is favourable in both. "
              "Default: report.sign_style in avvik.toml, else natural")  # fmt: skip
@click.option("--kr", is_flag=True, help="Whole kronor instead of tkr")
@click.option("--write", is_flag=True, help="Write reports/YYYY-MM/ as HTML, Excel and PDF, for --unit or all offices")
def report(home: Path, unit: str | None, period: str | None, style: str | None, kr: bool, write: bool) -> None:
    """Print the follow-up table of a unit from the published marts, or write the report documents."""
    settings = load_settings(home)
    style = style or settings.report.sign_style
    if not write:
        _print_table(settings, unit, period, style, not kr)
        return
    from orchestration.report.table import read_table
    from orchestration.report.write import write_reports

    month = read_table(settings, unit, period).period
    with _progress(Text(sv="skriver rapporter", en="writing reports")) as progress:
        result = write_reports(
            settings,
            month,
            [unit] if unit else None,
            lambda step, done, total: progress(str(step), done, total),
            options=settings.report.model_copy(update={"sign_style": style}),
        )
    for text in result.missing:
        console.print(f"  ! {text}", style="yellow", markup=False, soft_wrap=True)
    for path in result.set_aside:
        kept = Text(sv="ändrad av en person, behållen som", en="edited by a person, kept as")
        console.print(f"  ! {kept} {path.name}", style="yellow", markup=False, soft_wrap=True)
    written, same = len(result.written), len(result.unchanged)
    done = Text(sv=f"{written} filer skrivna, {same} oförändrade", en=f"{written} files written, {same} unchanged")
    console.print(f"{done}: {result.folder}", markup=False, soft_wrap=True)
    if result.refusal:
        problems.print(str(result.refusal), style="red", markup=False, soft_wrap=True)
        sys.exit(3)


def _shown(text: object) -> str:
    """Return a text from a file as it may stand in a table of the terminal: no control characters, no markup."""
    from orchestration.report.numbers import clean

    return escape(clean(str(text or "")))


def _print_table(settings: Settings, unit: str | None, period: str | None, sign: str, thousands: bool) -> None:
    from orchestration.report.table import COLUMNS, printed, read_table

    style: SignStyle = "ledger" if sign == "ledger" else "natural"
    table = read_table(settings, unit, period, style)
    if style == "natural":
        meaning = Text(sv="intäkter (+), kostnader (-)", en="income (+), cost (-)")
    else:
        meaning = Text(sv="intäkter (-), kostnader (+)", en="income (-), cost (+)")
    unit_label = f"{_shown(table.unit_name)} ({_shown(table.unit_code)})"
    console.print(f"\n[bold]{unit_label}, {table.period}[/]  {'tkr' if thousands else 'kr'}, {meaning}")
    view = Table(box=None, pad_edge=False)
    view.add_column("", no_wrap=True)
    for heading in COLUMNS.values():
        first, _, second = str(heading).partition(" ")
        view.add_column(f"{first}\n{second}", justify="right", no_wrap=True)
    for line in table.lines:
        cells = [printed(amount, column, style, thousands) for column, amount in zip(COLUMNS, line.amounts, strict=True)]
        view.add_row(_shown(line.label), *cells, style="bold" if line.is_total else None)
    console.print(view)


@main.command()
@_HOME
@click.option("--period", help="Close, YYYY-MM; default the newest")
@click.option("--unit", help="Unit code: its findings and those of the units below it; default all")
@click.option("--all", "everything", is_flag=True, help="All of them, also those that are explained or corrected")
@click.option("--evidence", is_flag=True, help="Also the rows of the files that each finding rests on")
def findings(home: Path, period: str | None, unit: str | None, everything: bool, evidence: bool) -> None:
    """List what a good controller would have noticed (fynd), ranked by kronor."""
    from orchestration.findings.actions import STATUS
    from orchestration.findings.listing import list_findings

    close, found, rows = list_findings(load_settings(home), period, unit, everything)
    heads = ("kr", "regel", "slag", "fynd", "enhet", "konto", "motpart", "månader", "status") if language() == "sv" else (
        "SEK", "rule", "tier", "finding", "unit", "account", "counterparty", "months", "status")  # fmt: skip
    view = Table(*heads, box=None, pad_edge=False)
    view.columns[0].justify = "right"
    places = dict(iter(rows.groupby("finding_id"))) if evidence else {}
    # Each kind has its own first rows: kronor of a result and kronor of a budget's profile do not compare.
    shown = found if everything else found.groupby(found.rule_id == "PER-04").head(_LISTED)
    for row in shown.itertuples():
        months = str(row.periods).split(",")
        span = months[0] if len(months) == 1 else f"{months[0]}–{months[-1]}"
        amount = f"{row.effect_period:,.0f}".replace(",", " ").replace("-", "−")
        status = STATUS.get(str(row.status), str(row.status)) if language() == "sv" else str(row.status)
        cells = (amount, row.rule_id, row.tier, row.title, row.unit_code, row.account, row.counterparty, span, status)
        view.add_row(*(_shown(cell) for cell in cells))
        part = places.get(row.finding_id)
        for at in part.itertuples() if part is not None else ():
            kr = f"{at.amount:,.2f}".replace(",", " ").replace("-", "−")
            view.add_row(kr, "", "", "  " + _shown(f"{at.source_file}:{at.source_row} ({at.role})"), style="dim")
    console.print(f"[bold]{Text(sv='Fynd', en='Findings')} {close}[/]: {len(found)}")
    console.print(view)
    if len(found) > len(shown):
        rest = len(found) - len(shown)
        console.print(str(Text(sv=f"… och {rest} till (--all)", en=f"… and {rest} more (--all)")))
    if (shown.rule_id == "PER-04").any():
        note = Text(
            sv="PER-04: kronor av avvikelsen som bara är budgetens fördelning över året; resultatet påverkas inte.",
            en="PER-04: kronor of the deviation that are only how the budget lies over the year; no effect on the result.",
        )
        console.print(str(note), style="dim")


@main.command()
@_HOME
@click.option("--unit", help="Unit code; default the whole municipality")
@click.option("--period", help="Report period, YYYY-MM; default the last with outcome")
@click.option("--kr", is_flag=True, help="Whole kronor instead of tkr")
def bridge(home: Path, unit: str | None, period: str | None, kr: bool) -> None:
    """Print the personnel bridge of a unit: from budget to outcome, step by step (personalbrygga)."""
    from orchestration.report.bridge import read_bridge
    from orchestration.report.table import printed

    told = read_bridge(load_settings(home), unit, period)
    console.print(f"\n[bold]{_shown(told.unit_name)} ({_shown(told.unit_code)}), {told.period}[/]  {'kr' if kr else 'tkr'}")
    heads = ("månaden", "perioden") if language() == "sv" else ("month", "period")
    view = Table("", box=None, pad_edge=False)
    for head in heads:
        view.add_column(head, justify="right", no_wrap=True)

    def row(name: str, month: Decimal, period: Decimal, style: str | None = None) -> None:
        cells = [printed(amount, "deviation_period", "natural", not kr) for amount in (month, period)]
        view.add_row(_shown(name), *cells, style=style)

    for step in told.steps:
        if not step.is_memo:
            row(step.name, step.amount_month, step.amount_period)
    total = Text(sv="Avvikelse personalkostnader", en="Deviation, personnel costs")
    row(str(total), told.deviation_month, told.deviation_period, "bold")
    for step in told.steps:
        if step.is_memo:
            row(step.name, step.amount_month, step.amount_period, "dim")
    console.print(view)


@main.command()
@_HOME
@click.option("--all", "everything", is_flag=True, help="Also superseded and withdrawn loads")
@click.option("--withdraw", metavar="LOAD", help="Take a load out of the follow-up")
@click.option("--reason", default="", help="Why it is withdrawn")
def loads(home: Path, everything: bool, withdraw: str | None, reason: str) -> None:
    """List the register of loads: what was taken in or refused, when, and what it covered."""
    from orchestration import ingest, register

    settings = load_settings(home)
    if withdraw:
        load = ingest.withdraw(settings, withdraw, reason)
        done = Text(sv="räknas inte längre. Kör avvik run.", en="no longer counts. Run avvik run.")
        console.print(f"{load.file_name} {done}", markup=False)
        return
    heads = ("id", "fil", "slag", "period", "rader", "avvisade", "kontroller", "status", "inläst") if language() == "sv" else (
        "id", "file", "kind", "period", "rows", "refused", "controls", "status", "loaded")  # fmt: skip
    view = Table(*heads, box=None, pad_edge=False)
    records = register.read_loads(settings)
    newest = ingest.superseded_ids(settings, records)
    for load in records:
        if not everything and (load.load_id in newest or load.status == "withdrawn"):
            continue
        controls = f"{load.controls_checked - load.controls_failed}/{load.controls_checked}"
        span = f"{load.period_from or ''}–{load.period_to or ''}" if load.period_from else ""
        status = "superseded" if load.load_id in newest else load.status
        colour = {"accepted": "green", "rejected": "red"}.get(load.status)
        view.add_row(load.load_id[:8], load.file_name, load.kind, span, str(load.rows_kept), str(load.rows_bad), controls,
                     f"[{colour}]{status}[/]" if colour else status, load.loaded_at[:16].replace("T", " "))  # fmt: skip
    console.print(view)
    for load in records:
        if load.status == "rejected":
            console.print(f"{load.load_id[:8]} {load.reason}", style="red", markup=False)


@main.command()
@_HOME
@click.option("--before", required=True, help="First day of a month (2015-01-01): HR detail that ended before it is removed")
@click.option("--yes", is_flag=True, help="Do it; without, only tell what would be removed")
def gallra(home: Path, before: str, yes: bool) -> None:
    """Remove HR detail older than a day (gallring) from everything but your inbox, and prove it gone; sums stay."""
    from orchestration.lock import home_lock
    from orchestration.retention import parse_day, printed, purge

    settings = load_settings(home)
    with home_lock(settings, f"avvik gallra {before}"):
        result = purge(settings, parse_day(before), confirmed=yes)
    for line in printed(result):
        console.print(line, markup=False, soft_wrap=True)
    sys.exit(1 if result.problems else 0)


@main.command()
@click.argument("kind", required=False)
@click.option("--write", "folder", type=_FOLDER, help="Write a small example file of each kind there")
def inputs(kind: str | None, folder: Path | None) -> None:
    """Describe every kind of input: fields, units, sign, and a small example file."""
    from orchestration.readers.kinds import KINDS, describe, example_file

    for name in [kind] if kind else KINDS:
        _print_kind(describe(name), brief=kind is None)
        if folder is not None:
            console.print(f"  → {example_file(name, folder)}\n", markup=False)


def _print_kind(item: Description, brief: bool) -> None:
    console.print(f"[bold]{item.name}[/]  {item.title}")
    console.print(f"  {item.description}", markup=False, soft_wrap=True)
    required = [str(field.name) for field in item.fields if field.needed == "required"]
    needed = ", ".join([*required, *(str(text) for text in item.alternatives)])
    optional = ", ".join(field.name for field in item.fields if field.needed == "optional")
    if brief:
        console.print(f"  {Text(sv='krävs', en='required')}: {needed}", markup=False, soft_wrap=True)
        console.print(f"  {Text(sv='valfria', en='optional')}: {optional}\n", markup=False, soft_wrap=True)
        return
    console.print(f"  {item.sign}", markup=False, soft_wrap=True)
    console.print(f"  {Text(sv='krävs', en='required')}: {needed}\n", markup=False, soft_wrap=True)
    heads = ("fält", "krävs", "typ", "enhet", "beskrivning", "rubriker som känns igen") if language() == "sv" else (
        "field", "required", "type", "unit", "description", "headers it is known by")  # fmt: skip
    marks = {"required": "●", "one of": "○"}
    view = Table(*heads, box=None, pad_edge=False)
    for field in item.fields:
        view.add_row(
            field.name, marks.get(field.needed, ""), field.type, field.unit, str(field.description), ", ".join(field.headers)
        )
    console.print(view)
    console.print(f"\n{Text(sv='exempel', en='example')} (avvik inputs {item.name} --write DIR)")
    for row in item.example:
        console.print("  " + ";".join(row), markup=False, soft_wrap=True)
    console.print()


@main.command("map")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--kind", help="ledger, budget, forecast, …; guessed from the headers if left out")
def map_command(file: Path, kind: str | None) -> None:
    """Propose a column map for FILE: the lines to put in avvik.toml."""
    from orchestration.readers.mapping import propose_map

    proposal = propose_map(file, kind)
    click.echo(proposal.toml)
    for note in proposal.notes:
        problems.print(str(note), markup=False)


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--text", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A text whose claims are checked too")
@click.option("--sheet", help="Excel: name or number of the sheet (blad); default the one with the largest table")
def proof(file: Path, text: Path | None, sheet: str | None) -> None:
    """Say which cells of a printed table cannot be true together (CSV, Excel, or text pasted from a PDF)."""
    from orchestration.proof import proof_of_file

    try:
        verdict, code = proof_of_file(file, text, sheet=sheet)
    except FileRejected as rejection:
        problems.print(str(rejection), style="red", markup=False)
        sys.exit(2)
    click.echo(verdict)
    sys.exit(code)


@main.command()
@_HOME
@click.option("--port", default=3000, show_default=True)
def ui(home: Path, port: int) -> None:
    """Open the Dagster UI of a home folder on localhost."""
    import signal

    from orchestration.instance import prepare_instance

    settings = load_settings(home)
    prepare_instance(settings)
    console.print(f"Dagster: http://127.0.0.1:{port}", markup=False)
    dagster = str(Path(sys.executable).with_name("dagster"))
    os.environ["AVVIK_HOME"] = str(settings.home)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # started in the background it is ignored, and Dagster then ignores SIGTERM, too
    os.execv(dagster, [dagster, "dev", "-m", "orchestration.definitions", "-h", "127.0.0.1", "-p", str(port)])


@main.command()
@_HOME
@click.option("--port", default=8088, show_default=True)
def bi(home: Path, port: int) -> None:
    """Open the dashboards of a home folder in Superset on localhost (make bi installs it)."""
    import signal

    from orchestration.bi.bundle import missing_marts
    from orchestration.bi.server import serving

    settings = load_settings(home)
    for dataset, marts in missing_marts(settings).items():
        names = ", ".join(marts)
        text = Text(sv=f"{dataset}: {names} är inte publicerad; dess diagram är tomma", en=f"{dataset}: {names} is not published")
        problems.print(str(text), markup=False)
    with serving(settings, port, lambda text: problems.print(str(text), markup=False)) as superset:
        console.print(f"Superset: {superset.address}/superset/dashboard/avvik-uppfoljning/", markup=False, soft_wrap=True)
        who = Text(
            sv=f"Användare {superset.user}, lösenordet ligger i {superset.password_file}",
            en=f"User {superset.user}, the password is in {superset.password_file}",
        )
        console.print(str(who), markup=False, soft_wrap=True)
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # stopped by a service manager: stop Superset too
        with suppress(KeyboardInterrupt):
            superset.wait()


if __name__ == "__main__":
    main()
