"""What the assets of all stages share: owners, the lock around a run, who is told of progress, tables in metadata.

Previews never show free text or personal data: they are kept in the event log long after the data has changed.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import dagster as dg
import pyarrow as pa

from orchestration.ingest import DeliveryResult, Progress
from orchestration.instance import close_dead_runs, holder_tag
from orchestration.lock import WAIT_SECONDS, home_lock
from orchestration.periods import month_range
from orchestration.settings import Settings

OWNERS = ["team:finance"]

#: Resource key of the lock. Every asset requires it, so that any run of anything has the home to itself from start to end.
LOCK = "home_lock"

#: The months that a command asked for, where they are more than the run's own partitions.
PERIODS_TAG = "avvik/periods"

PREVIEW_ROWS = 5

# Dagster warns of every blocking check without a result. Here it means that a kind of file was never delivered, which is no news;
# what is wrong stops the step itself, with a reason.
logging.getLogger("dagster._core.execution.plan.active").addFilter(lambda record: "emitted no result" not in record.getMessage())

_PRIVATE = re.compile(r"(^|_)(text|party|reference|content|person|employee|load_id)(_|$)")
#: Tables whose names may be those of people (sole traders among customers and suppliers).
_PRIVATE_NAMES = re.compile(r"dimension_value|party")
_MAX_CELL = 200


@dataclass
class Observer:
    """Whoever started the run in this process: told of progress, and handed what became of the deliveries."""

    progress: Progress | None = None
    deliveries: list[DeliveryResult] = field(default_factory=list)
    lock_wait: float = WAIT_SECONDS


OBSERVER: ContextVar[Observer | None] = ContextVar("observer", default=None)


def observer() -> Observer:
    """Return the observer of this run; in a run that Dagster started itself, one that nobody looks at."""
    return OBSERVER.get() or Observer()


def lock_resource(settings: Settings) -> dg.ResourceDefinition:
    """Return the resource that holds the home's lock for as long as a run lasts.

    All jobs use the in-process executor, which makes its resources once, before the first step, and closes them after the last.
    """

    @dg.resource(description="The home's lock: one run at a time (orchestration/lock.py)")
    def home(context: dg.InitResourceContext) -> Iterator[None]:
        run, instance = context.run, context.instance
        doing = f"dagster {run.run_id[:8]}" if run else "dagster"
        log = context.log
        with home_lock(settings, doing, observer().lock_wait, on_wait=log.info if log else None):
            if instance and run:
                close_dead_runs(settings, instance, run.run_id)
                instance.add_run_tags(run.run_id, holder_tag())
            yield None

    return home


def periods_of(run: dg.DagsterRun) -> list[str]:
    """Return the months that a run is for; none for a run without partitions."""
    tags = run.tags
    if PERIODS_TAG in tags:
        return tags[PERIODS_TAG].split(",")
    if "dagster/asset_partition_range_start" in tags:
        return month_range(tags["dagster/asset_partition_range_start"], tags["dagster/asset_partition_range_end"])
    return [tags["dagster/partition"]] if "dagster/partition" in tags else []


def table(headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> dg.MarkdownMetadataValue:
    """Return rows as a Markdown table; numbers to the right, in the Swedish manner."""
    body = [list(row) for row in rows]
    numeric = [bool(body) and all(_is_number(row[i]) for row in body) for i in range(len(headers))]
    lines = [
        "| " + " | ".join(headers) + " |",
        "|" + "|".join("---:" if number else "---" for number in numeric) + "|",
        *("| " + " | ".join(_cell(value) for value in row) + " |" for row in body),
    ]
    return dg.MetadataValue.md("\n".join(lines))


def preview(name: str, data: pa.Table, rows: int = PREVIEW_ROWS) -> dg.MarkdownMetadataValue:
    """Return the first rows of a table without the columns that may hold free text or personal data."""
    columns = public_columns(name, data.column_names)
    shown = data.select(columns).slice(0, rows)
    return table(columns, (row.values() for row in shown.to_pylist()) if columns else [])


def public_columns(table_name: str, columns: Iterable[str]) -> list[str]:
    """Return the columns of a table that may be shown outside the warehouse."""
    private_names = bool(_PRIVATE_NAMES.search(table_name))
    return [c for c in columns if not _PRIVATE.search(c) and not (private_names and c in ("name", "code"))]


def column_schema(schema: pa.Schema, described: Mapping[str, Mapping[str, Any]]) -> dg.TableSchema:
    """Return an Arrow schema as Dagster shows it. described: dbt's columns of the table, by name."""
    return dg.TableSchema(
        [
            dg.TableColumn(column.name, str(column.type), described.get(column.name, {}).get("description") or None)
            for column in schema
        ]
    )


def plain(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata with values that Dagster can store: decimals as text, what it does not know as JSON."""
    known = {}
    for name, value in metadata.items():
        if value is None or isinstance(value, str | int | float | bool | dg.MetadataValue):
            known[name] = value
        elif isinstance(value, dg.TableSchema):
            known[name] = dg.MetadataValue.table_schema(value)
        elif isinstance(value, dict | list | tuple):
            known[name] = dg.MetadataValue.json(_jsonable(value))
        else:
            known[name] = str(value)
    return known


def _jsonable(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float | Decimal) and not isinstance(value, bool))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | Decimal):
        return f"{value:,}".replace(",", " ")
    text = str(value).replace("|", "\\|").replace("\n", " ")
    return text if len(text) <= _MAX_CELL else f"{text[:_MAX_CELL]}…"
