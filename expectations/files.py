"""File checks: is this the export we agreed to receive? Run before a load is committed; an ERROR refuses the file.

What belongs here: running a suite with Great Expectations on the rows of one load. The suites themselves stand in one module per
kind of export (`ledger`, `plan`, `registers`). What does not belong: reading files (`orchestration.readers`), whether the
warehouse is true (dbt tests), whether a controller would want to look (the periodisation rules).

Great Expectations runs on pandas frames with Arrow types (decimals stay decimals), in batches, so that memory does not grow with
the file. An exception inside an expectation is an error of avvik's, never a finding about the data: it is raised.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow.parquet as pq

from orchestration import register
from orchestration.errors import Text
from orchestration.ingest import FileCheck
from orchestration.readers.contract import ENTITIES_HR
from orchestration.register import Load
from orchestration.settings import PERSONAL_KINDS, Settings

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

BATCH_ROWS = 500_000


@dataclass(frozen=True)
class Check:
    """One expectation on one entity's rows.

    `mostly` is the share of rows that must meet it (1.0: every row), judged over the whole file and not batch by batch.
    """

    name: str
    entity: str
    severity: str  # ERROR, WARN
    description: Text
    expectation: type[Expectation]
    arguments: dict[str, Any]
    mostly: float = 1.0


def check_file(settings: Settings, load: Load, folder: Path) -> list[FileCheck]:
    """Run the suite of the load's kind on the tables in `folder` (`<entity>.parquet`); return one result per check."""
    suite = [check for check in suite_for(load.kind) if (folder / f"{check.entity}.parquet").exists()]
    results = [_run(check, _batches(folder / f"{check.entity}.parquet", check)) for check in suite]
    rivals = _rivals(settings, load)
    return [*results, *_shrinking(settings, load, rivals, folder), *_shrinking_register(load, rivals)]


def suite_for(kind: str) -> list[Check]:
    """Return the checks of a kind of export."""
    from expectations import ledger, people, plan, registers

    suites = {"ledger": ledger.checks, "budget": plan.budget_checks, "forecast": plan.forecast_checks}
    suites |= dict.fromkeys(PERSONAL_KINDS, people.checks)
    return suites.get(kind, registers.checks)()


def _batches(path: Path, check: Check) -> Iterator[pd.DataFrame]:
    column = check.arguments.get("column")
    for batch in pq.ParquetFile(path).iter_batches(BATCH_ROWS, columns=[column] if column else None):
        yield batch.to_pandas(types_mapper=pd.ArrowDtype)


def _run(check: Check, batches: Iterator[pd.DataFrame]) -> FileCheck:
    elements = unexpected = 0
    examples: list[str] = []
    for frame in batches:
        outcome = _validate(check.expectation(**check.arguments), frame)
        elements += outcome["element_count"]
        unexpected += outcome["unexpected_count"]
        examples += [str(value) for value in outcome.get("partial_unexpected_list", [])][: 5 - len(examples)]
    share = 1 - unexpected / elements if elements else 1.0
    if check.entity in ENTITIES_HR:  # a value of an HR export may tell who somebody is
        examples = []
    metadata = {"rows": elements, "unexpected": unexpected, "examples": examples}
    return FileCheck(check.name, check.entity, share >= check.mostly, check.severity, str(check.description), metadata)


def _validate(expectation: Expectation, frame: pd.DataFrame) -> dict[str, Any]:
    """Validate one frame. Raises RuntimeError where Great Expectations itself failed."""
    result = _batch_definition().get_batch(batch_parameters={"dataframe": frame}).validate(expectation, result_format="BASIC")
    exceptions = [info for info in _exception_infos(result.exception_info) if info.get("raised_exception")]
    if exceptions:
        raise RuntimeError(f"{expectation.expectation_type}: {exceptions[0].get('exception_message')}")
    return result.result


def _exception_infos(info: dict[str, Any] | None) -> list[dict[str, Any]]:
    if not info:
        return []
    return [info] if "raised_exception" in info else [value for value in info.values() if isinstance(value, dict)]


_DEFINITION: list[Any] = []


def _batch_definition() -> Any:
    """Return one in-memory definition for all frames. Great Expectations takes seconds to import: only when needed."""
    if not _DEFINITION:
        import os

        os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
        import great_expectations as gx
        from great_expectations.data_context.types.base import ProgressBarsConfig

        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        source = context.data_sources.add_pandas("avvik")
        _DEFINITION.append(source.add_dataframe_asset("rows").add_batch_definition_whole_dataframe("all"))
    return _DEFINITION[0]


def _rivals(settings: Settings, load: Load) -> list[Load]:
    """Return the loads that count and that the file would supersede, or that supersede it: those of its scope, oldest first."""
    scope = register.scope_of(settings, load)
    return [
        other
        for other in register.read_loads(settings)
        if other.load_id != load.load_id and register.counts(settings, other) and register.scope_of(settings, other) == scope
    ]


def _shrinking(settings: Settings, load: Load, rivals: list[Load], folder: Path) -> list[FileCheck]:
    """Compare rows per month with the exports that the file would supersede, or that supersede it.

    An export cut short must not replace a whole one, and a late correction must not stand for a whole month.
    """
    import duckdb

    from expectations import ledger

    path = folder / "ledger_line.parquet"
    others = [other for other in rivals if "ledger_line" in other.entities]
    if not path.exists() or not others:
        return []
    counts = "select period, count(*) as line_count from read_parquet(?) where line_kind = 'TRANS' group by period"
    earlier: dict[str, int] = {}
    later: dict[str, int] = {}
    with duckdb.connect() as connection:
        present = dict(connection.execute(counts, [str(path)]).fetchall())
        for other in others:
            rows = dict(connection.execute(counts, [str(settings.raw / "ledger_line" / f"{other.load_id}.parquet")]).fetchall())
            if other.delivery > load.delivery:
                later.update({month: rows.get(month, 0) for month in present if _covers(other, month)})
            else:
                earlier.update(rows)
    # (what supersedes, what is superseded) for every month that both cover
    pairs = {month: (present.get(month, 0), rows) for month, rows in earlier.items() if _covers(load, month)}
    pairs |= {month: (rows, present[month]) for month, rows in later.items()}
    if not pairs:
        return []
    frame = pd.DataFrame(
        {"period": sorted(pairs), "share_of_earlier": [pairs[month][0] / pairs[month][1] for month in sorted(pairs)]}
    ).convert_dtypes(dtype_backend="pyarrow")
    check = ledger.shrinking_check()
    result = _run(check, iter([frame]))
    short = [month for month in sorted(pairs) if pairs[month][0] < check.arguments["min_value"] * pairs[month][1]]
    result.metadata["months"] = {month: f"{pairs[month][0]} ({pairs[month][1]})" for month in short}
    if not result.passed:
        result.description += ": " + ", ".join(f"{month} {rows}" for month, rows in result.metadata["months"].items())
    return [result]


def _shrinking_register(load: Load, rivals: list[Load]) -> list[FileCheck]:
    """Compare the rows of a file that replaces another one whole with the other's: an export cut short must not hide it."""
    from expectations import people, plan

    found = {"budget": plan.shrinking_check(), **{check.entity: check for check in people.shrinking_checks()}}.get(load.kind)
    if found is None or found.entity not in load.entities:
        return []
    entity = found.entity
    earlier = [
        other.entities[entity].rows
        for other in rivals
        if other.kind == load.kind
        and entity in other.entities
        and other.delivery <= load.delivery
        and (other.period_from, other.period_to) == (load.period_from, load.period_to)
    ]
    if not earlier:
        return []
    rows = load.entities[entity].rows
    frame = pd.DataFrame({"share_of_earlier": [rows / earlier[-1]]}).convert_dtypes(dtype_backend="pyarrow")
    result = _run(found, iter([frame]))
    if not result.passed:
        result.description += f": {rows} ({earlier[-1]})"
    return [result]


def _covers(load: Load, month: str) -> bool:
    spans = load.entities["ledger_line"].spans
    return any((span.period_from or "") <= month <= (span.period_to or "") for span in spans)
