"""From a finished build to what BI reads: verify, lay out as a new publication, and swap `DIR/published` to it in one step.

A publication is a folder that is never changed once it has its name: `reporting.duckdb` (schema `marts`), one Parquet file per
mart and `publication.json`. `DIR/published` is a link to the newest one. Whoever has the old files open goes on reading them; a
run that fails or is killed at any point leaves the link where it was.

Marts are built in `warehouse/reporting.duckdb`. Only a build of everything that passed every blocking check leaves the marker
`warehouse/build.json`, and nothing is published without it.

What belongs here: pure functions on a home folder. What does not: Dagster, dbt, who may run when (`lock`).
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from orchestration.errors import AvvikError, Text
from orchestration.files import replace_file
from orchestration.settings import Settings

#: The schema of the marts in `reporting.duckdb`; part of what is promised to BI.
SCHEMA = "marts"

#: Publications that are kept, the newest included: to look back at, and so that slow readers find their files.
KEEP = 3

#: A mart that says nothing when it is empty: its rows are the follow-up itself.
NEVER_EMPTY = "follow_up"

_UNFINISHED = ".unfinished-"


class PublicationError(AvvikError):
    """The marts may not be published, or the place to publish to is taken. The previous publication is untouched."""


@dataclass
class Build:
    """A complete build that passed: what `warehouse/build.json` says. marts: every table that must be there."""

    run_id: str
    periods: list[str]
    deliveries: list[str]
    marts: list[str]
    built_at: str = ""


@dataclass
class Publication:
    """One publication: what `publication.json` says. marts: rows per table."""

    publication_id: str
    run_id: str
    published_at: str
    periods: list[str] = field(default_factory=list)
    deliveries: list[str] = field(default_factory=list)
    marts: dict[str, int] = field(default_factory=dict)


@dataclass
class Mart:
    """One table of the marts as it is in the database. columns: name to description."""

    name: str
    description: str
    columns: dict[str, str]
    rows: int


def warehouse_path(settings: Settings) -> Path:
    """Return the working database: staging and core."""
    return settings.warehouse / "warehouse.duckdb"


def reporting_path(settings: Settings) -> Path:
    """Return the database that the marts are built in, before they are published."""
    return settings.warehouse / "reporting.duckdb"


def begin_build(settings: Settings) -> None:
    """Make ready for a dbt build: from here on nothing can be published until a whole build has passed.

    Both databases are derived from `raw/` by models that are all rebuilt, so a build starts on empty files: what a killed run
    left half done, or a damaged file, cannot reach the result.
    """
    settings.warehouse.mkdir(parents=True, exist_ok=True)
    _marker(settings).unlink(missing_ok=True)
    for path in (warehouse_path(settings), reporting_path(settings)):
        path.unlink(missing_ok=True)
        path.with_name(f"{path.name}.wal").unlink(missing_ok=True)


def finish_build(settings: Settings, build: Build) -> None:
    """Record that everything was built and passed; call it only then. Allows `publish`."""
    build.built_at = datetime.now(UTC).isoformat(timespec="seconds")
    _write_json(_marker(settings), asdict(build))


def publish(settings: Settings) -> Publication:
    """Publish the finished build.

    The reporting database is moved, not copied: the next build makes a new one. The caller holds the home's lock, and has no
    connection to the reporting database open.

    Raises:
        PublicationError: there is no finished build, a mart is missing, empty or undescribed, or `published` is a real folder.
    """
    _require_link_or_nothing(settings)
    build = finished_build(settings)
    remove_leftovers(settings)
    moment = datetime.now(UTC)
    name = moment.strftime("%Y%m%dT%H%M%S.%fZ")
    folder = _publications(settings) / f"{_UNFINISHED}{name}"
    folder.mkdir(parents=True)
    try:
        marts = _verify_and_export(reporting_path(settings), build, folder)
        os.replace(reporting_path(settings), folder / "reporting.duckdb")
        publication = Publication(
            publication_id=name,
            run_id=build.run_id,
            published_at=moment.isoformat(timespec="seconds"),
            periods=build.periods,
            deliveries=build.deliveries,
            marts={mart.name: mart.rows for mart in marts},
        )
        _write_json(folder / "publication.json", asdict(publication))
        _seal(folder)
        final = folder.with_name(name)
        os.rename(folder, final)
        _sync(final.parent)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    _swap(settings.published, Path("publications") / name)
    _marker(settings).unlink(missing_ok=True)
    remove_leftovers(settings)
    return publication


def finished_build(settings: Settings) -> Build:
    """Return the build that may be published: all of it passed, and it is not published yet.

    Raises:
        PublicationError: there is none.
    """
    if not _marker(settings).exists() or not reporting_path(settings).exists():
        raise PublicationError(
            Text(
                sv="Det finns inget färdigt bygge att publicera: antingen är det redan publicerat, eller så stoppades det. "
                "Kör hela månadskörningen (avvik run).",
                en="There is no finished build to publish: either it is published already, or it was stopped. "
                "Run the whole monthly job (avvik run).",
            )
        )
    return Build(**json.loads(_marker(settings).read_text(encoding="utf-8")))


def write_table(connection: duckdb.DuckDBPyConnection, mart: Mart, select: str, types: dict[str, str]) -> None:
    """Write a mart that another stage than dbt computes into the reporting database, with its descriptions.

    select: SQL that gives its rows; types: the column types that are promised, in order.
    """
    relation = f"{_identifier(SCHEMA)}.{_identifier(mart.name)}"
    columns = ", ".join(f"{_identifier(name)} {kind}" for name, kind in types.items())
    connection.execute(f"create schema if not exists {_identifier(SCHEMA)}")
    connection.execute(f"create or replace table {relation} ({columns})")
    connection.execute(f"insert into {relation} by name {select}")
    connection.execute(f"comment on table {relation} is {_literal(mart.description)}")
    for name, text in mart.columns.items():
        connection.execute(f"comment on column {relation}.{_identifier(name)} is {_literal(text)}")


def current_publication(settings: Settings) -> Publication | None:
    """Return what is published now, None if nothing is."""
    path = settings.published / "publication.json"
    if not path.exists():
        return None
    return Publication(**json.loads(path.read_text(encoding="utf-8")))


def remove_leftovers(settings: Settings) -> None:
    """Remove what killed runs left behind and all but the newest publications; never the one that `published` shows."""
    folder = _publications(settings)
    if not folder.is_dir():
        return
    shown = settings.published.resolve() if settings.published.is_symlink() else None
    finished = sorted((path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")), reverse=True)
    unfinished = [path for path in folder.iterdir() if path.name.startswith(_UNFINISHED)]
    for path in [*finished[KEEP:], *unfinished]:
        if path.resolve() != shown:
            shutil.rmtree(path)


def describe_marts(connection: duckdb.DuckDBPyConnection, database: str) -> list[Mart]:
    """Return the tables of the marts schema of an attached database with their descriptions and row counts."""
    tables = connection.execute(
        "select table_name, coalesce(comment, '') from duckdb_tables() "
        "where database_name = ? and schema_name = ? order by table_name",
        [database, SCHEMA],
    ).fetchall()
    columns: dict[str, dict[str, str]] = {name: {} for name, _ in tables}
    for table, column, comment in connection.execute(
        "select table_name, column_name, coalesce(comment, '') from duckdb_columns() "
        "where database_name = ? and schema_name = ? order by table_name, column_index",
        [database, SCHEMA],
    ).fetchall():
        if table in columns:
            columns[table][column] = comment
    marts = []
    for name, description in tables:
        relation = f"{_identifier(database)}.{_identifier(SCHEMA)}.{_identifier(name)}"
        (rows,) = connection.execute(f"select count(*) from {relation}").fetchone() or (0,)  # noqa: S608 quoted identifiers
        marts.append(Mart(name, description, columns[name], rows))
    return marts


def _marker(settings: Settings) -> Path:
    return settings.warehouse / "build.json"


def _publications(settings: Settings) -> Path:
    return settings.home / "publications"


def _verify_and_export(database: Path, build: Build, folder: Path) -> list[Mart]:
    """Empty the write-ahead log into the file, verify what is in it, and write one Parquet file per mart."""
    with duckdb.connect(str(database)) as connection:
        connection.execute("checkpoint")
        marts = describe_marts(connection, database.stem)
        _verify(connection, marts, build)
        for mart in marts:
            _export(connection, mart, folder / f"{mart.name}.parquet")
    if database.with_name(f"{database.name}.wal").exists():
        raise RuntimeError(f"{database}.wal is left after a checkpoint: another connection is open in this process")
    return marts


def _verify(connection: duckdb.DuckDBPyConnection, marts: list[Mart], build: Build) -> None:
    found = {mart.name: mart for mart in marts}
    views = connection.execute(
        "select view_name from duckdb_views() where schema_name = ? and not internal order by 1", [SCHEMA]
    ).fetchall()
    problems: list[Text] = []
    for name in sorted(set(build.marts) - set(found)):
        problems.append(Text(sv=f"{name} saknas", en=f"{name} is missing"))
    for (name,) in views:
        problems.append(
            Text(
                sv=f"{name} är en vy, som inte går att läsa utanför lagret",
                en=f"{name} is a view, which cannot be read outside the warehouse",
            )
        )
    if NEVER_EMPTY in found and found[NEVER_EMPTY].rows == 0:
        problems.append(
            Text(
                sv=f"{NEVER_EMPTY} har inga rader: inget utfall lästes in för någon månad",
                en=f"{NEVER_EMPTY} has no rows: no outcome was taken in for any month",
            )
        )
    for mart in marts:
        undescribed = [column for column, text in mart.columns.items() if not text.strip()]
        if not mart.description.strip():
            problems.append(Text(sv=f"{mart.name} saknar beskrivning", en=f"{mart.name} has no description"))
        if undescribed:
            names = ", ".join(undescribed)
            problems.append(
                Text(sv=f"{mart.name}: kolumner utan beskrivning: {names}", en=f"{mart.name}: undescribed columns: {names}")
            )
    if problems:
        raise PublicationError(
            Text(
                sv="Bygget publicerades inte: " + "; ".join(problem.sv for problem in problems) + ". Det förra ligger kvar.",
                en="The build was not published: " + "; ".join(problem.en for problem in problems) + ". The previous one stays.",
            )
        )


def _export(connection: duckdb.DuckDBPyConnection, mart: Mart, path: Path) -> None:
    """Write a mart as Parquet. Descriptions go into the file's key-value metadata: `description`, `description.<column>`."""
    described = {"description": mart.description, **{f"description.{name}": text for name, text in mart.columns.items()}}
    metadata = ", ".join(f"{_literal(key)}: {_literal(value)}" for key, value in described.items())
    connection.execute(
        f"copy {_identifier(SCHEMA)}.{_identifier(mart.name)} to {_literal(str(path))} "
        f"(format parquet, compression snappy, kv_metadata {{{metadata}}})"
    )


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _seal(folder: Path) -> None:
    """Make the files read-only (a tool that opens them for writing is told so at once) and put them on disk."""
    for path in folder.iterdir():
        path.chmod(0o444)
        _sync(path)
    _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_json(path: Path, content: dict) -> None:
    replace_file(path, json.dumps(content, ensure_ascii=False, indent=1).encode())


def _require_link_or_nothing(settings: Settings) -> None:
    if settings.published.exists() and not settings.published.is_symlink():
        raise PublicationError(
            Text(
                sv=f"{settings.published} är en riktig mapp eller fil, men ska vara en länk till den senaste publiceringen. "
                "Flytta undan den och kör igen.",
                en=f"{settings.published} is a real folder or file, but must be a link to the newest publication. "
                "Move it out of the way and run again.",
            )
        )


def _swap(link: Path, target: Path) -> None:
    """Point the link to the target in one step: at no moment is there no link."""
    temporary = link.with_name(f".{link.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target, target_is_directory=True)
    os.replace(temporary, link)
    _sync(link.parent)
