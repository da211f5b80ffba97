"""Gallring: removing HR detail that is older than a day from everything avvik keeps, and proving it gone.

What belongs here: which HR rows lie before a day, their removal from `raw/` and from what was derived from it, the mark that
keeps them from being read in again, and the proof. What does not: the sums per unit and month, which stay as they were
(`people.costs.freeze_before`, `settle`), and the user's own files in the inbox, which are named so that the user can remove them.

A row lies before the day when its last day does: an absence or employment that went on is kept whole. A row without a last day
ends where a later delivery says so: an open absence with the later version of it, and all rows of a register (positions,
employments) that was replaced by a delivery of a month that begins on the day at the latest.

The day is remembered in `raw/retention.json`. Whatever is read later, be it a new export or an old file read anew, is put through
the same rule before it is stored (`retained`).
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from orchestration import register
from orchestration.errors import SettingsError, Text
from orchestration.files import replace_file, replacing
from orchestration.readers.contract import BY_MONTH, ENTITIES, ENTITIES_HR, SUMMED, Reading, Summary
from orchestration.register import EntityRows, Load
from orchestration.settings import PERSONAL_KINDS, Settings

MARK = "retention.json"

#: Entities whose delivery is the whole register: a later one replaces it.
_REGISTERS = ("position", "employment")
_PSEUDONYM = re.compile(rb"(?<![a-z])[bcdfghjklmnpqrst]{24}(?![a-z])")
_DATE = re.compile(r"\b(?:19|20)\d\d-\d\d-\d\d\b")
_BATCH = 200_000


@dataclass
class TableCount:
    """Rows of one raw table: all, those that lie before the day, and what is left."""

    table: str
    before: int = 0
    old: int = 0
    after: int = 0
    old_left: int = 0


@dataclass
class Purge:
    """What a gallring did, or would do. problems: what the proof found left; empty is proof."""

    before: date
    done: bool
    tables: list[TableCount] = field(default_factory=list)
    pseudonyms: int = 0  # persons and employments that are in no row any more
    rejects_emptied: int = 0
    removed: list[str] = field(default_factory=list)  # files and folders
    searched: int = 0  # files
    unsearched: list[str] = field(default_factory=list)  # files that cannot be opened here, and why
    inbox: list[str] = field(default_factory=list)  # the user's own files of deliveries before the day
    inbox_newer: list[str] = field(default_factory=list)  # the user's own later files that hold older detail too
    problems: list[str] = field(default_factory=list)


def retention_day(settings: Settings) -> date | None:
    """Return the day before which HR detail was removed, None where nothing was."""
    path = settings.raw / MARK
    return date.fromisoformat(json.loads(path.read_text(encoding="utf-8"))["before"]) if path.exists() else None


def purge(settings: Settings, before: date, *, confirmed: bool) -> Purge:
    """Remove HR detail that lies before the day; without `confirmed`, only count it. The caller holds the home's lock.

    Killed halfway, it is run again: the mark is written first, so nothing comes back meanwhile.

    Raises:
        SettingsError: the day is not the first of a month, lies in the future or before an earlier gallring, or the sums that are
            to stay were never reckoned.
    """
    _check_day(settings, before)
    loads = register.read_loads(settings)
    result = Purge(before, confirmed)
    gone: set[str] = set()
    kept: set[str] = set()
    touched: set[str] = set()
    if confirmed:
        from orchestration.people.costs import freeze_before, settle

        freeze_before(settings, f"{before:%Y-%m}")
        replace_file(settings.raw / MARK, json.dumps({"before": before.isoformat()}).encode())
    later = _later_versions(settings, loads)
    for entity in ENTITIES_HR:
        count = TableCount(entity)
        for path in _parts(settings, entity):
            rows = pl.read_parquet(path)
            old = _is_old(settings, entity, rows, before, path.stem, loads, later)
            gone |= _names(rows.filter(old))
            kept |= _names(rows.filter(~old))
            left = rows.filter(~old)
            count.before += rows.height
            count.old += rows.height - left.height
            if left.height < rows.height:
                touched.add(path.stem)
                if confirmed:
                    _rewrite(path, entity, left)
        result.tables.append(count)
    lost = gone - kept
    result.pseudonyms = len(lost)
    result.rejects_emptied = _empty_rejects(settings, loads, before, confirmed)
    if confirmed:
        _record(settings, loads, before, touched)
        settle(settings)
        result.removed = _remove_derived(settings, gone | kept)
    yours = [
        load for load in loads if (load.load_id in touched or load.purged_before) and (settings.inbox / load.file_name).exists()
    ]
    result.inbox = sorted({load.file_name for load in yours if f"{load.delivery}-01" < before.isoformat()})
    result.inbox_newer = sorted({load.file_name for load in yours} - set(result.inbox))
    _prove(settings, result, loads, later, lost, kept)
    return result


def retained(settings: Settings, reading: Reading, delivery: str, source: str, loads: Iterable[Load]) -> Reading:
    """Return the reading without the rows that a gallring has removed the like of; the reading itself where there was none."""
    before = retention_day(settings)
    if before is None:
        return reading
    replaced = any(
        load.source == source
        and load.status == "accepted"
        and load.delivery > delivery
        and f"{load.delivery}-01" <= before.isoformat()
        and set(_REGISTERS) & load.entities.keys()
        for load in loads
    )
    return _Retained(reading, before, replaced, delivery)


class _Retained:
    """A reading whose old rows are set aside, counted, and not stored."""

    def __init__(self, reading: Reading, before: date, replaced: bool, delivery: str) -> None:
        self._reading, self._before, self._replaced = reading, before, replaced
        self._delivery = delivery
        self.summary: Summary = reading.summary

    def __iter__(self) -> Iterator[tuple[str, pa.Table]]:
        dropped = 0
        amount = Decimal("0.00")
        for entity, table in self._reading:
            if entity == "reject":
                yield entity, _without_content(table, self._before, whole=self._delivery < f"{self._before:%Y-%m}")
                continue
            if entity not in ENTITIES_HR:
                yield entity, table
                continue
            rows = pl.DataFrame(pl.from_arrow(table))
            old = rows.select(_ends(entity) < self._before).to_series().fill_null(False)
            if self._replaced and entity in _REGISTERS:
                old = pl.repeat(True, rows.height, eager=True)
            out = rows.filter(old)
            yield entity, table.filter(pa.array((~old).to_list(), pa.bool_()))
            if out.height:
                dropped += out.height
                if entity in SUMMED:
                    amount += sum(out["amount"].drop_nulls().to_list(), Decimal("0.00"))
                yield "reject", _purged_rows(out["source_row"].to_list(), self._before)
        self.summary = self._reading.summary  # complete now
        self.summary.rows_kept -= dropped
        self.summary.rows_set_aside += dropped
        if amount and "payroll_line" in self.summary.amount_in:
            self.summary.amount_in["payroll_line"] -= amount


def _purged_rows(rows: list[int], before: date) -> pa.Table:
    reason = str(Text(sv=f"gallrad: tiden ligger före {before}", en=f"removed by retention: its time lies before {before}"))
    schema = ENTITIES["reject"]
    values = [{"source_row": row, "reason_code": "purged", "reason": reason, "row_content": "", "is_bad": False} for row in rows]
    return pa.Table.from_pylist(values, schema=schema)


def _without_content(table: pa.Table, before: date, *, whole: bool) -> pa.Table:
    """Return rejects without the content that tells of the time before the day (all of it, for an older delivery)."""
    contents = [("" if _tells(text, before, whole) else text) for text in table["row_content"].to_pylist()]
    place = table.schema.get_field_index("row_content")
    return table.set_column(place, table.schema.field(place), pa.array(contents, pa.string()))


def _tells(text: str | None, before: date, whole: bool) -> bool:
    return bool(text) and (whole or any(found < before.isoformat() for found in _DATE.findall(text or "")))


# ---------------------------------------------------------------- which rows


def _ends(entity: str) -> pl.Expr:
    """Return the last day that a row tells of; null where it has none."""
    if entity == "payroll_line":
        return (pl.col("period") + "-01").str.to_date().dt.month_end()
    if entity == "schedule_day":
        return pl.col("day")
    if entity == "time_line":
        return pl.coalesce("valid_to", "valid_from")
    return pl.col("valid_to")


def _is_old(
    settings: Settings, entity: str, rows: pl.DataFrame, before: date, load_id: str, loads: list[Load], later: pl.DataFrame
) -> pl.Series:
    if entity in _REGISTERS and _is_replaced(settings, entity, load_id, loads, before):
        return pl.repeat(True, rows.height, eager=True)
    ends = rows.select(_ends(entity)).to_series()
    if entity == "absence_spell":
        known = rows.select(_spell_key(), "load_id", "source_row").join(
            later, on=["key", "load_id"], how="left", maintain_order="left"
        )
        ends = ends.fill_null(known["later_end"])
    return (ends < before).fill_null(False)


def _is_replaced(settings: Settings, entity: str, load_id: str, loads: list[Load], before: date) -> bool:
    mine = next((load for load in loads if load.load_id == load_id), None)
    if mine is None or mine.source not in settings.sources:
        return True  # nobody's rows: left by a withdrawn source
    scope = register.scope_of(settings, mine)
    return any(
        other.source == mine.source
        and register.scope_of(settings, other) == scope
        and other.order > mine.order
        and other.status == "accepted"
        and entity in other.entities
        and f"{other.delivery}-01" <= before.isoformat()
        for other in loads
    )


def _spell_key() -> pl.Expr:
    """What a spell is known by in every delivery, as in `people.resolve_spells`."""
    parts = [pl.coalesce("employment", "person"), pl.col("cause_code").fill_null(""), pl.col("valid_from").cast(pl.String)]
    return pl.concat_str(parts, separator="\x1f").alias("key")


def _later_versions(settings: Settings, loads: list[Load]) -> pl.DataFrame:
    """Return per spell and load the last day that the newest load states, for the loads that are older."""
    order = {load.load_id: number for number, load in enumerate(loads)}
    frames = [pl.read_parquet(path).select(_spell_key(), "load_id", "valid_to") for path in _parts(settings, "absence_spell")]
    empty = pl.DataFrame(schema={"key": pl.String, "load_id": pl.String, "later_end": pl.Date})
    if not frames:
        return empty
    told = pl.concat(frames).with_columns(pl.col("load_id").replace_strict(order, default=-1).alias("place"))
    newest = pl.col("place") == pl.col("place").max().over("key")
    ends = told.filter(newest).group_by("key").agg(pl.col("valid_to").max().alias("later_end"))
    return told.filter(~newest).select("key", "load_id").unique().join(ends, on="key")


def _parts(settings: Settings, entity: str) -> list[Path]:
    folder = settings.raw / entity
    return sorted(path for path in folder.glob("*.parquet") if path.stem != "_schema") if folder.is_dir() else []


def _names(rows: pl.DataFrame) -> set[str]:
    found: set[str] = set()
    for name in ("person", "employment"):
        if name in rows.columns:
            found |= set(rows[name].drop_nulls().unique().to_list())
    return found


# ---------------------------------------------------------------- removal


def _check_day(settings: Settings, before: date) -> None:
    earlier = retention_day(settings)
    if before.day != 1 or before > date.today() or (earlier is not None and before < earlier):
        raise SettingsError(
            Text(
                sv=f"--before {before}: ange den första dagen i en månad som har varit"
                + (f", inte före förra gallringens {earlier}" if earlier else "")
                + ". Summorna som blir kvar är per månad.",
                en=f"--before {before}: give the first day of a month that has been"
                + (f", not before that of the last gallring, {earlier}" if earlier else "")
                + ". The sums that stay are per month.",
            )
        )


def _rewrite(path: Path, entity: str, rows: pl.DataFrame) -> None:
    """Write what is left of a load's table, or remove the file; whole or not at all."""
    if rows.is_empty():
        path.unlink()
        return
    schema = pq.read_schema(path)
    with replacing(path) as temporary:
        pq.write_table(rows.to_arrow().cast(schema), temporary, compression="zstd", compression_level=1)


def _empty_rejects(settings: Settings, loads: list[Load], before: date, confirmed: bool) -> int:
    """Empty the content of rejected HR rows that tells of the time before the day; the reasons stay."""
    emptied = 0
    for load in loads:
        path = settings.raw / "reject" / f"{load.load_id}.parquet"
        if load.kind not in PERSONAL_KINDS or not path.exists():
            continue
        table = pq.read_table(path)
        clean = _without_content(table, before, whole=load.delivery < f"{before:%Y-%m}")
        changed = sum(a != b for a, b in zip(table["row_content"].to_pylist(), clean["row_content"].to_pylist(), strict=True))
        if changed:
            emptied += changed
            if confirmed:
                with replacing(path) as temporary:
                    pq.write_table(clean, temporary, compression="zstd", compression_level=1)
    return emptied


def _record(settings: Settings, loads: list[Load], before: date, touched: set[str]) -> None:
    """Tell the register what is left of each HR load, from its files: the next gallring mends one that was killed."""
    for load in loads:
        if load.kind not in PERSONAL_KINDS:
            continue
        entities = {name: rows for name, rows in load.entities.items() if name not in ENTITIES_HR}
        for entity in load.entities.keys() & ENTITIES_HR.keys():
            path = settings.raw / entity / f"{load.load_id}.parquet"
            if path.exists():
                entities[entity] = _counted(entity, path, load.entities[entity])
        if load.load_id in touched or entities != load.entities:
            load.entities, load.purged_before = entities, before.isoformat()
            register.write_load(settings, load)
    register.derive_tables(settings, loads)


def _counted(entity: str, path: Path, was: EntityRows) -> EntityRows:
    rows = pl.read_parquet(path)
    amount = sum(rows["amount"].drop_nulls().to_list(), Decimal("0.00")) if entity in SUMMED else None
    if entity not in BY_MONTH:
        return EntityRows(rows.height, amount, was.period_from, was.period_to)
    by_month = rows.group_by("period").agg(pl.len(), pl.col("amount").sum())
    months = {period: (count, total or Decimal("0.00")) for period, count, total in by_month.iter_rows()}
    return EntityRows(rows.height, amount, min(months), max(months), months)


def _remove_derived(settings: Settings, names: set[str]) -> list[str]:
    """Remove the working databases, and older publications that name anybody."""
    from orchestration.publish import begin_build, current_publication

    removed = [f"warehouse/{path.name}" for path in sorted(settings.warehouse.glob("*.duckdb"))]
    if removed:
        begin_build(settings)
    current = current_publication(settings)
    publications = settings.home / "publications"
    for folder in sorted(publications.iterdir()) if publications.is_dir() else []:
        if current is not None and folder.name == current.publication_id:
            continue
        with suppress(_CannotOpen):  # the proof tells of it
            if any(_holds(path, names) for path in folder.rglob("*") if path.is_file()):
                _remove_folder(folder)
                removed.append(f"publications/{folder.name}")
    return removed


def _remove_folder(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:  # a publication is sealed: read-only
        path.chmod(0o700 if path.is_dir() else 0o600)
    shutil.rmtree(folder)


# ---------------------------------------------------------------- proof


def _prove(settings: Settings, result: Purge, loads: list[Load], later: pl.DataFrame, lost: set[str], kept: set[str]) -> None:
    """Count again from the files, and search everything that avvik keeps: raw/ for those who are gone, the rest for anybody."""
    loads = register.read_loads(settings)
    for count in result.tables:
        for path in _parts(settings, count.table):
            rows = pl.read_parquet(path)
            count.after += rows.height
            count.old_left += int(_is_old(settings, count.table, rows, result.before, path.stem, loads, later).sum())
        if result.done and count.old_left:
            result.problems.append(f"raw/{count.table}: {count.old_left}")
    if not result.done:
        return
    inbox, raw = settings.inbox.resolve(), settings.raw.resolve()
    for path in sorted(settings.home.rglob("*")):
        if not path.is_file() or path.is_symlink() or path.resolve().is_relative_to(inbox):
            continue
        name = str(path.relative_to(settings.home))
        try:
            found = _holds(path, lost if path.resolve().is_relative_to(raw) else lost | kept)
        except _CannotOpen as error:
            result.unsearched.append(f"{name} ({error})")
            continue
        result.searched += 1
        if found:
            result.problems.append(name)


class _CannotOpen(Exception):
    """A file whose content cannot be searched here."""


def _holds(path: Path, names: set[str]) -> bool:
    """Tell whether a file holds any of the pseudonyms, also inside what is compressed: Parquet, DuckDB, Excel and zip, PDF.

    Raises:
        _CannotOpen: the file is damaged, or a PDF and there is no pdftotext.
    """
    if not names:
        return False
    try:
        if path.suffix == ".parquet":
            return any(_in_table(pa.Table.from_batches([batch]), names) for batch in pq.ParquetFile(path).iter_batches(_BATCH))
        if path.suffix == ".duckdb":
            with duckdb.connect(str(path), read_only=True) as connection:
                for schema, table in connection.execute("select schema_name, table_name from duckdb_tables()").fetchall():
                    name = ".".join('"' + part.replace('"', '""') + '"' for part in (schema, table))
                    reader = connection.execute(f"select * from {name}").to_arrow_reader(_BATCH)  # noqa: S608
                    if any(_in_table(pa.Table.from_batches([batch]), names) for batch in reader):
                        return True
            return False
        return any(found.decode() in names for content in _contents(path) for found in _PSEUDONYM.findall(content))
    except (pa.ArrowException, duckdb.Error, sqlite3.DatabaseError, zipfile.BadZipFile, NotImplementedError) as error:
        raise _CannotOpen(type(error).__name__) from error


def _contents(path: Path) -> Iterator[bytes]:
    """Yield what is in a file: its bytes, and what an SQLite database, a zip file (Excel) or a PDF holds."""
    content = path.read_bytes()
    yield content
    if content.startswith(b"SQLite format 3\0"):
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            for (table,) in connection.execute("select name from sqlite_master where type = 'table'").fetchall():
                quoted = '"' + table.replace('"', '""') + '"'
                for row in connection.execute(f"select * from {quoted}"):  # noqa: S608
                    yield "\n".join(value for value in row if isinstance(value, str)).encode()
                    yield from (value for value in row if isinstance(value, bytes))
    elif content.startswith(b"PK"):
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                yield archive.read(member)
    elif content.startswith(b"%PDF"):
        tool = shutil.which("pdftotext")
        if tool is None:
            raise _CannotOpen("pdftotext?")
        done = subprocess.run([tool, "-q", str(path), "-"], capture_output=True, check=False, timeout=120)
        if done.returncode:
            raise _CannotOpen(f"pdftotext {done.returncode}")
        yield done.stdout


def _in_table(table: pa.Table, names: set[str]) -> bool:
    for column in table.columns:
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            text = "\n".join(filter(None, column.unique().to_pylist()))
            if any(found.decode() in names for found in _PSEUDONYM.findall(text.encode())):
                return True
    return False


def parse_day(text: str) -> date:
    """Return a day written as YYYY-MM-DD.

    Raises:
        SettingsError: it is no such day.
    """
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(Text(sv=f"--before {text}: skriv ÅÅÅÅ-MM-DD", en=f"--before {text}: write YYYY-MM-DD")) from error


def printed(result: Purge) -> list[str]:
    """Return a gallring as lines for a person: what was there, what went, the proof, and what the user must remove."""
    heads = Text("tabell rader äldre kvar äldre-kvar", "table rows older left older-left")
    first, *rest = str(heads).split()
    lines = [f"{first:<16}" + "".join(f"{head:>12}" for head in rest)]
    for count in result.tables:
        cells = (count.before, count.old, count.after, count.old_left)
        lines.append(f"{count.table:<16}" + "".join(f"{cell:>12}" for cell in cells))
    day, old = result.before, sum(count.old for count in result.tables)
    if not result.done:
        would = Text(
            sv=f"Inget är ändrat. Med --yes tas {old} rader före {day} bort, {result.pseudonyms} pseudonymer försvinner helt och "
            f"{result.rejects_emptied} avvisade rader töms. Summor per enhet och månad blir kvar.",
            en=f"Nothing was changed. With --yes {old} rows before {day} are removed, {result.pseudonyms} pseudonyms vanish and "
            f"{result.rejects_emptied} rejected rows are emptied. Sums per unit and month stay.",
        )
        lines.append(str(would))
    else:
        done = Text(
            sv=f"{result.pseudonyms} pseudonymer finns i ingen rad längre, {result.rejects_emptied} avvisade rader tömda. Sökt i "
            f"{result.searched} filer: efter dem i raw/, efter alla i övrigt. "
            f"Borttaget i övrigt: {', '.join(result.removed) or 'inget'}.",
            en=f"{result.pseudonyms} pseudonyms are in no row any more, {result.rejects_emptied} rejected rows emptied. Searched "
            f"{result.searched} files: for them in raw/, for anybody elsewhere. "
            f"Removed besides: {', '.join(result.removed) or 'nothing'}.",
        )
        proof = Text(sv=f"Bevisat: inget kvar före {day}.", en=f"Proved: nothing is left before {day}.")
        if result.unsearched:
            proof = Text(
                sv=f"Bevisat för det som kan öppnas: inget kvar före {day}.",
                en=f"Proved of what can be opened: nothing is left before {day}.",
            )
        if result.problems:
            left = ", ".join(result.problems)
            proof = Text(sv=f"INTE bevisat. Kvar i: {left}", en=f"NOT proved. Left in: {left}")
        again = Text(sv="Kör avvik run för att bygga om lagret.", en="Run avvik run to build the warehouse anew.")
        lines += [str(done), str(proof), str(again)]
    if result.unsearched:
        closed = Text(sv="Inte sökt i, går inte att öppna här:", en="Not searched, cannot be opened here:")
        lines += [str(closed), *(f"  {name}" for name in result.unsearched)]
    if result.inbox:
        yours = Text(
            sv=f"Dina egna filer från före {day}, som du själv tar bort:",
            en=f"Your own files from before {day}, for you to remove:",
        )
        lines += [str(yours), *(f"  inbox/{name}" for name in result.inbox)]
    if result.inbox_newer:
        yours = Text(
            sv=f"Dina egna senare filer, som behövs men också har rader från före {day}. Ta bort raderna "
            "eller byt mot en ny export:",
            en=f"Your own later files, which are needed but have rows from before {day} too. Remove those rows or export anew:",
        )
        lines += [str(yours), *(f"  inbox/{name}" for name in result.inbox_newer)]
    return lines
