"""The published marts copied to PostgreSQL, which most BI tools connect to: a new schema takes the old one's place in one step.

Everything happens in one transaction: a schema is made beside the old one, filled, described, indexed and granted, and at the end
the two change names. PostgreSQL takes it all back if anything fails on the way, so there is no half-written state to clean up.
Renaming a schema waits for nobody: whoever reads the old tables goes on reading them. The old schema is dropped afterwards when
nobody holds it (`lock_timeout`), otherwise by a later publication.

Rights: the reader role gets USAGE on the schema and SELECT on its tables, nothing else. It is made without login if it does not
exist; a person or a BI tool is given it (`grant avvik_reader to …`). Grants of other kinds do not survive a publication.

What belongs here: copying and the swap. What does not: settings (`postgres_options`), what is published (`publish`), Dagster.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb

from orchestration.errors import AvvikError, Text
from orchestration.publish import SCHEMA, Mart, current_publication, describe_marts
from orchestration.settings import Settings

if TYPE_CHECKING:
    import psycopg
    from psycopg import sql

    from orchestration.postgres_options import PostgresOptions

#: How the comment of a schema that avvik made begins. A schema without it that holds anything is somebody else's.
_MARK = "avvik publication "

_ROWS_AT_A_TIME = 50_000

#: Milliseconds that dropping the old schema waits for its last reader.
_DROP_TIMEOUT_MS = 2_000

#: What BI filters on, beside the primary keys; columns that a mart does not have are left out.
INDEXES: Mapping[str, Sequence[Sequence[str]]] = {
    "fct_ledger_line": (("unit_code", "period"), ("report_line", "period"), ("account", "period")),
    "follow_up": (("unit_code", "report_period"),),
    "account_month": (("unit_code", "period"),),
    "personnel_bridge": (("unit_code", "report_period"),),
    "findings": (("report_period", "unit_code"),),
    "finding_evidence": (("report_period", "finding_id"),),
}

_TYPES = {
    "VARCHAR": "text",
    "BOOLEAN": "boolean",
    "TINYINT": "smallint",
    "SMALLINT": "smallint",
    "INTEGER": "integer",
    "BIGINT": "bigint",
    "HUGEINT": "numeric(38,0)",
    "DOUBLE": "double precision",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
}


class PostgresError(AvvikError):
    """PostgreSQL could not be published to. What was there before is untouched."""


@dataclass(frozen=True)
class PostgresPublication:
    """What was done. marts: rows per table. waiting: earlier schemas that could not be dropped yet, with the reason."""

    publication_id: str
    marts: dict[str, int]
    waiting: dict[str, str]


def primary_keys(manifest: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return what tells the rows of each mart apart: the columns of its `unique_key` test, where none of them may be null."""
    keys: dict[str, list[str]] = {}
    for node in manifest["nodes"].values():
        metadata = node.get("test_metadata") or {}
        model = manifest["nodes"].get(node.get("attached_node") or "")
        if metadata.get("name") == "unique_key" and model and model["schema"] == SCHEMA:
            columns = list(metadata["kwargs"]["columns"])
            required = {
                name
                for name, column in model["columns"].items()
                if any(constraint["type"] == "not_null" for constraint in column.get("constraints", []))
            }
            if required >= set(columns):
                keys[model["alias"]] = columns
    return keys


def publish_postgres(settings: Settings, keys: Mapping[str, Sequence[str]]) -> PostgresPublication:
    """Copy the current publication to PostgreSQL and let it take the place of what is there.

    Args:
        settings: whose home; its `postgres` section says where to.
        keys: primary key columns by mart (`primary_keys`).

    Raises:
        PostgresError: nothing is published yet, no connection, missing rights, the schema is somebody else's, or the copy failed.
    """
    import psycopg

    options = settings.postgres
    publication = current_publication(settings)
    if options is None or publication is None:
        raise PostgresError(
            Text(
                sv="Inget att föra över till PostgreSQL: avsnittet [postgres] saknas i avvik.toml, eller så är inget publicerat.",
                en="Nothing to copy to PostgreSQL: avvik.toml has no [postgres] section, or nothing is published.",
            )
        )
    try:
        with psycopg.connect(options.dsn, autocommit=True, application_name="avvik", connect_timeout=15) as connection:
            with duckdb.connect(str(settings.published / "reporting.duckdb"), read_only=True) as source:
                marts = describe_marts(source, "reporting")
                with connection.transaction():
                    _replace(connection, source, marts, options, keys, publication.publication_id)
            waiting = _drop_old(connection, options)
    except (psycopg.Error, OSError) as error:
        reason = _reason(error)
        raise PostgresError(
            Text(
                sv=f"Publiceringen till PostgreSQL misslyckades: {reason}. Schemat {options.schema_name} är som det var; "
                "filerna i published/ är publicerade. Kör avvik run igen när det är avhjälpt.",
                en=f"The publication to PostgreSQL failed: {reason}. The schema {options.schema_name} is as it was; "
                "the files in published/ are published. Run avvik run again when it has been put right.",
            )
        ) from error
    return PostgresPublication(publication.publication_id, {mart.name: mart.rows for mart in marts}, waiting)


def _reason(error: Exception) -> str:
    """Return what went wrong without the data: the server's details may quote a row."""
    diagnosis = getattr(error, "diag", None)
    message = getattr(diagnosis, "message_primary", None) or str(error)
    return " ".join(message.split())


def _replace(
    connection: psycopg.Connection,
    source: duckdb.DuckDBPyConnection,
    marts: Iterable[Mart],
    options: PostgresOptions,
    keys: Mapping[str, Sequence[str]],
    publication_id: str,
) -> None:
    """Fill a new schema and swap it in. The caller's transaction makes it one step."""
    from psycopg import sql

    connection.execute("select pg_advisory_xact_lock(hashtext('avvik'), hashtext(%s))", [options.schema_name])
    exists = _require_ours(connection, options.schema_name)
    _prepare_reader(connection, options.reader)
    new, current = (sql.Identifier(_beside(options.schema_name, "new")), sql.Identifier(options.schema_name))
    reader = sql.Identifier(options.reader)
    connection.execute(sql.SQL("create schema {}").format(new))
    for mart in marts:
        _copy(connection, source, new, mart, keys.get(mart.name, ()))
    connection.execute(
        sql.SQL("comment on schema {} is {}").format(new, sql.Literal(f"{_MARK}{publication_id}. Replaced at every publication."))
    )
    connection.execute(sql.SQL("grant usage on schema {} to {}").format(new, reader))
    connection.execute(sql.SQL("grant select on all tables in schema {} to {}").format(new, reader))
    if exists:
        old = sql.Identifier(_beside(options.schema_name, f"old_{_free_number(connection, options.schema_name)}"))
        connection.execute(sql.SQL("alter schema {} rename to {}").format(current, old))
    connection.execute(sql.SQL("alter schema {} rename to {}").format(new, current))


def _copy(
    connection: psycopg.Connection,
    source: duckdb.DuckDBPyConnection,
    schema: sql.Identifier,
    mart: Mart,
    key: Sequence[str],
) -> None:
    """Make one table and fill it: types and comments as in the published file, rows streamed."""
    import pyarrow as pa
    import pyarrow.csv
    from psycopg import sql

    table = sql.SQL("{}.{}").format(schema, sql.Identifier(mart.name))
    relation = source.table(f'"{SCHEMA}"."{mart.name}"')
    types = {name: str(kind) for name, kind in zip(relation.columns, relation.types, strict=True)}
    columns = [
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(_type(mart.name, name, kind))) for name, kind in types.items()
    ]
    connection.execute(sql.SQL("create table {} ({})").format(table, sql.SQL(", ").join(columns)))
    # PostgreSQL cannot hold the NUL character in text: it is shown as the replacement character rather than lost.
    wanted = [
        f"replace({_quoted(name)}, chr(0), chr(65533)) as {_quoted(name)}" if kind == "VARCHAR" else _quoted(name)
        for name, kind in types.items()
    ]
    reader = relation.select(", ".join(wanted)).to_arrow_reader(_ROWS_AT_A_TIME)
    # Every value is quoted and a null is not, which is how COPY tells an empty text from none.
    options = pa.csv.WriteOptions(include_header=False, quoting_style="all_valid")
    with connection.cursor().copy(sql.SQL("copy {} from stdin (format csv)").format(table)) as copy:
        for batch in reader:
            buffer = io.BytesIO()
            pa.csv.write_csv(batch, buffer, options)
            copy.write(buffer.getbuffer())
    (rows,) = connection.execute(sql.SQL("select count(*) from {}").format(table)).fetchone() or (None,)
    if rows != mart.rows:
        raise PostgresError(
            Text(
                sv=f"{mart.name} har {mart.rows} rader men {rows} kom fram till PostgreSQL. Inget är bytt.",
                en=f"{mart.name} has {mart.rows} rows but {rows} arrived in PostgreSQL. Nothing was swapped.",
            )
        )
    if key:
        connection.execute(sql.SQL("alter table {} add primary key ({})").format(table, _names(key)))
    for index in INDEXES.get(mart.name, ()):
        if set(index) <= set(types):
            connection.execute(sql.SQL("create index on {} ({})").format(table, _names(index)))
    connection.execute(sql.SQL("comment on table {} is {}").format(table, sql.Literal(mart.description)))
    for name, text in mart.columns.items():
        connection.execute(
            sql.SQL("comment on column {}.{} is {}").format(table, sql.Identifier(name), sql.Literal(text)),
        )
    connection.execute(sql.SQL("analyze {}").format(table))


def _type(mart: str, column: str, kind: str) -> str:
    if re.fullmatch(r"DECIMAL\(\d+,\d+\)", kind):
        return kind.replace("DECIMAL", "numeric")
    if kind not in _TYPES:
        raise PostgresError(
            Text(
                sv=f"{mart}.{column} har typen {kind}, som inte kan föras över till PostgreSQL. Inget är bytt.",
                en=f"{mart}.{column} has type {kind}, which cannot be copied to PostgreSQL. Nothing was swapped.",
            )
        )
    return _TYPES[kind]


def _require_ours(connection: psycopg.Connection, schema: str) -> bool:
    """Return whether the schema exists; refuse one that holds what avvik did not put there."""
    row = connection.execute(
        "select coalesce(obj_description(oid, 'pg_namespace'), ''), exists (select from pg_class where relnamespace = n.oid) "
        "from pg_namespace as n where nspname = %s",
        [schema],
    ).fetchone()
    if row is None:
        return False
    comment, has_tables = row
    if has_tables and not comment.startswith(_MARK):
        raise PostgresError(
            Text(
                sv=f"Schemat {schema} i PostgreSQL innehåller något som avvik inte har lagt där. "
                "Välj ett annat namn (schema under [postgres] i avvik.toml).",
                en=f"The schema {schema} in PostgreSQL holds something that avvik did not put there. "
                "Choose another name (schema under [postgres] in avvik.toml).",
            )
        )
    return True


def _prepare_reader(connection: psycopg.Connection, reader: str) -> None:
    """Make the reader role where it is missing."""
    import psycopg
    from psycopg import sql

    if connection.execute("select 1 from pg_roles where rolname = %s", [reader]).fetchone():
        return
    try:
        connection.execute(sql.SQL("create role {} nologin").format(sql.Identifier(reader)))
    except psycopg.errors.InsufficientPrivilege as error:
        raise PostgresError(
            Text(
                sv=f"Rollen {reader} finns inte i PostgreSQL och kontot får inte skapa den. Be databasansvarig köra: "
                f'create role "{reader}" nologin;',
                en=f"The role {reader} does not exist in PostgreSQL and the account may not make it. Ask the administrator "
                f'to run: create role "{reader}" nologin;',
            )
        ) from error


def _drop_old(connection: psycopg.Connection, options: PostgresOptions) -> dict[str, str]:
    """Drop schemas of earlier publications that nobody holds; return those that stay, with the reason.

    Without CASCADE: a view that somebody built on an old table is not taken away behind their back.
    """
    import psycopg
    from psycopg import sql

    waiting = {}
    for name in _old_schemas(connection, options.schema_name):
        tables = connection.execute(
            "select relname from pg_class where relnamespace = %s::regnamespace and relkind = 'r'", [_quoted(name)]
        ).fetchall()
        try:
            with connection.transaction():
                connection.execute(sql.SQL("set local lock_timeout = {}").format(sql.Literal(_DROP_TIMEOUT_MS)))
                for (table,) in tables:
                    connection.execute(sql.SQL("drop table {}.{}").format(sql.Identifier(name), sql.Identifier(table)))
                connection.execute(sql.SQL("drop schema {}").format(sql.Identifier(name)))
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DependentObjectsStillExist) as error:
            waiting[name] = _reason(error)
    return waiting


def _old_schemas(connection: psycopg.Connection, schema: str) -> list[str]:
    rows = connection.execute(
        "select nspname from pg_namespace where starts_with(nspname, %s) "
        "and starts_with(coalesce(obj_description(oid, 'pg_namespace'), ''), %s) order by 1",
        [_beside(schema, "old_"), _MARK],
    ).fetchall()
    return [name for (name,) in rows]


def _free_number(connection: psycopg.Connection, schema: str) -> int:
    prefix = _beside(schema, "old_")
    rows = connection.execute("select nspname from pg_namespace where starts_with(nspname, %s)", [prefix]).fetchall()
    taken = {name.removeprefix(prefix) for (name,) in rows}
    return next(number for number in range(1, len(taken) + 2) if str(number) not in taken)


def _beside(schema: str, suffix: str) -> str:
    return f"{schema}__{suffix}"


def _names(columns: Iterable[str]) -> sql.Composed:
    from psycopg import sql

    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
