"""Inbox to raw: one multi-asset that takes in the deliveries of a run's months and yields every raw table.

A refused file fails a blocking check on the raw table that it should have filled, and the run, which names the file; dbt does
not run.

What belongs here: deliveries as Dagster sees them. What does not: reading and refusing files (`ingest`), what is agreed
(`expectations`).
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, get_args

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq

from orchestration import ingest, register
from orchestration.assets.common import LOCK, OWNERS, PREVIEW_ROWS, column_schema, observer, plain, preview, table
from orchestration.errors import AvvikError, Text, language
from orchestration.files import replace_file
from orchestration.ingest import DeliveryResult, FileCheck, FileResult
from orchestration.instance import cache_folder
from orchestration.readers.contract import ENTITIES, ENTITIES_HR, LOAD, LOAD_COLUMNS, LOAD_ENTITY
from orchestration.settings import Kind, Settings

GROUP = "raw"

#: The table that a kind of export is for: where a file of that kind that was refused shows as a failed check.
MAIN_ENTITY: dict[str, str] = {
    "ledger": "ledger_line",
    "budget": "budget_line",
    "forecast": "forecast_line",
    "chart": "account",
    "organisation": "unit",
    "dimension": "dimension_value",
    "report_lines": "report_line_account",
    "counterparty_groups": "counterparty_group",
    "position": "position",
    "employment": "employment",
    "absence": "absence_spell",
    "payroll": "payroll_line",
    "hr": "time_line",
    "agreement": "agreement",
    "internal_agreement": "internal_agreement",
    "period_release": "period_release",
    "comment": "comment",
}


class CheckEntry(NamedTuple):
    """One file check (Great Expectations) as Dagster declares it."""

    name: str
    entity: str
    severity: str
    description: str


@dataclass
class _Taken:
    """What one table got from one month's delivery. amount: the ledger's sign; None for tables without amounts."""

    rows: int = 0
    amount: Decimal | None = None


def raw_assets(
    settings: Settings, partitions: dg.PartitionsDefinition, manifest: Mapping[str, Any]
) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """Return the inbox (which others fill) and the multi-asset that takes it in. Descriptions are those of dbt's sources."""
    missing = set(get_args(Kind)) - set(MAIN_ENTITY)
    if missing:
        raise RuntimeError(
            f"MAIN_ENTITY in orchestration/assets/raw.py lacks the kinds {sorted(missing)}: which table are they for?"
        )
    described = {source["name"]: source for source in manifest["sources"].values() if source["source_name"] == GROUP}
    inbox = dg.AssetSpec(
        "inbox",
        description="The month's export files as they were delivered: `inbox/YYYY-MM/`. Never changed or moved by avvik.",
        group_name="inbox",
        owners=OWNERS,
        kinds={"file", "excel"},
        partitions_def=partitions,
        metadata={"path": dg.MetadataValue.path(str(settings.inbox))},
    )
    catalogue = check_catalogue(settings)
    schemas = {
        **{name: pa.schema([*LOAD_COLUMNS, *schema]) for name, schema in ENTITIES.items()},
        "load": LOAD,
        "load_entity": LOAD_ENTITY,
    }
    specs = [
        dg.AssetSpec(
            [GROUP, name],
            deps=[inbox],
            description=described.get(name, {}).get("description") or None,
            group_name=GROUP,
            owners=OWNERS,
            kinds={"python", "parquet"},
            metadata={
                "dagster/column_schema": column_schema(schema, described.get(name, {}).get("columns", {})),
                "path": dg.MetadataValue.path(str(settings.raw / name) + (".parquet" if name.startswith("load") else "/")),
            },
        )
        for name, schema in schemas.items()
    ]

    @dg.multi_asset(
        name="take_in_deliveries",
        description="Reads, checks and stores the files of the run's months. The same file twice changes nothing.",
        specs=specs,
        check_specs=_check_specs(catalogue),
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        can_subset=True,  # makes results optional: a kind of file that was not delivered has no result of its checks
        required_resource_keys={LOCK},
    )
    def take_in_deliveries(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        results = _take_in(settings, list(context.partition_keys), context)
        files = [file for result in results for file in result.files]
        for result in (result for result in results if result.files):
            listed = [file.file_name for file in result.files]
            seen = dg.AssetMaterialization(inbox.key, "Files found", plain({"files": listed}), partition=result.delivery)
            context.log_event(seen)
        for spec in (spec for spec in specs if spec.key in context.selected_asset_keys):
            name = spec.key.path[-1]
            for result in results:
                context.add_asset_metadata(plain(_month_metadata(name, result)), spec.key, result.delivery)
            yield dg.MaterializeResult(asset_key=spec.key, metadata=plain(_metadata(settings, name, results)))
        wanted = {(key.asset_key, key.name) for key in context.selected_asset_check_keys}
        given = set()
        for check in _check_results(catalogue, results, files, _standing(settings, files)):
            if (check.asset_key, check.check_name) in wanted:
                given.add((check.asset_key, check.check_name))
                yield check
        problems = [problem for result in results for problem in result.problems]
        if problems:
            # In a run that fails Dagster shows a check without a result as failed: they would hide the one that did fail.
            idle = Text(sv="Inget att pröva i leveransen.", en="Nothing to check in this delivery.")
            for asset_key, name in sorted(wanted - given, key=str):
                yield dg.AssetCheckResult(asset_key=asset_key, check_name=name, passed=True, description=str(idle))
            text = Text(
                sv="Leveransen stoppades; det som är publicerat är orört. " + " • ".join(problems),
                en="The delivery was stopped; what is published is untouched. " + " • ".join(problems),
            )
            raise dg.Failure(str(text), metadata={"problems": dg.MetadataValue.json(problems)}, allow_retries=False)

    return [inbox, take_in_deliveries]


def check_catalogue(settings: Settings) -> list[CheckEntry]:
    """Return every file check there is.

    The suites refer to Great Expectations' classes, whose import takes three seconds. The list is kept in the cache and made anew
    when the suites or the language change, so that definitions load quickly.
    """
    folder = Path(__file__).resolve().parents[2] / "expectations"
    digest = hashlib.sha256(language().encode())
    for path in sorted(folder.glob("*.py")):
        digest.update(path.read_bytes())
    kept = cache_folder(settings) / f"file_checks-{language()}.json"
    if kept.exists():
        content = json.loads(kept.read_text(encoding="utf-8"))
        if content["of"] == digest.hexdigest():
            return [CheckEntry(*entry) for entry in content["checks"]]
    from expectations import ledger, people, plan
    from expectations.files import suite_for

    found = {}
    for check in [
        *(check for kind in get_args(Kind) for check in suite_for(kind)),
        ledger.shrinking_check(),
        plan.shrinking_check(),
        *people.shrinking_checks(),
    ]:
        found[check.name, check.entity] = CheckEntry(check.name, check.entity, check.severity, str(check.description))
    kept.parent.mkdir(parents=True, exist_ok=True)
    replace_file(kept, json.dumps({"of": digest.hexdigest(), "checks": list(found.values())}).encode(), many_writers=True)
    return list(found.values())


def _check_specs(catalogue: list[CheckEntry]) -> list[dg.AssetCheckSpec]:
    def spec(name: str, entity: str, description: str, *, blocking: bool) -> dg.AssetCheckSpec:
        return dg.AssetCheckSpec(name, asset=[GROUP, entity], description=description, blocking=blocking)

    specs = [spec(c.name, c.entity, f"File check: {c.description}", blocking=c.severity == "ERROR") for c in catalogue]
    for entity in MAIN_ENTITY.values():
        specs.append(spec("files_accepted", entity, "Every file of this kind was accepted.", blocking=True))
        specs.append(
            spec("rows_readable", entity, "No row of the files of this kind had to be put aside as unreadable.", blocking=False)
        )
    specs.append(
        spec(
            "control_totals", "control", "The files agree with their own control totals (UB, RES, vouchers = 0).", blocking=False
        )
    )
    specs.append(
        spec("required_files_delivered", "load", "Every required source has a file in the month's inbox.", blocking=True)
    )
    specs.append(spec("files_recognised", "load", "Every file in the inbox belongs to a source in avvik.toml.", blocking=False))
    specs.append(spec("months_delivered", "load", "Every month of the run has a folder in the inbox.", blocking=False))
    return specs


def _take_in(settings: Settings, periods: list[str], context: dg.AssetExecutionContext) -> list[DeliveryResult]:
    """Take in each month. In a run of several, months that nothing was delivered for are passed over, and a check shows them."""
    loads = register.read_loads(settings)
    known = set(ingest.deliveries(settings)) | {load.delivery for load in loads if load.status == "accepted"}
    if not known & set(periods):
        months = periods[0] if len(periods) == 1 else f"{periods[0]}–{periods[-1]}"
        text = Text(
            sv=f"Inget är levererat för {months}: lägg exporterna i {settings.inbox}/{periods[0]}/ och kör igen.",
            en=f"Nothing has been delivered for {months}: put the exports in {settings.inbox}/{periods[0]}/ and run again.",
        )
        raise dg.Failure(str(text), allow_retries=False)
    watcher = observer()
    results = []
    for period in periods:
        try:
            result = ingest.ingest_delivery(settings, period, watcher.progress) if period in known else DeliveryResult(period)
        except AvvikError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        for file in result.files:
            context.log.info(f"{file.file_name}: {file.status}{': ' + file.reason if file.reason else ''}")
        watcher.deliveries.append(result)
        results.append(result)
    return results


def _taken(name: str, results: list[DeliveryResult]) -> _Taken:
    taken = _Taken()
    for file in (file for result in results for file in result.files if file.status in ("accepted", "unchanged")):
        rows = file.entities.get(name)
        if rows:
            taken.rows += rows.rows
            if rows.amount is not None:
                taken.amount = (taken.amount or Decimal(0)) + rows.amount
    return taken


def _month_metadata(name: str, result: DeliveryResult) -> dict[str, Any]:
    if name.startswith("load"):
        return {"dagster/partition_row_count": len(result.files)}
    taken = _taken(name, [result])
    files = [file.file_name for file in result.files if name in file.entities]
    return {"dagster/partition_row_count": taken.rows, "amount (ledger's sign, SEK)": taken.amount, "source files": files}


def _metadata(settings: Settings, name: str, results: list[DeliveryResult]) -> dict[str, Any]:
    files = [file for result in results for file in result.files]
    if name.startswith("load"):
        headers = ("file", "source", "status", "rows in", "kept", "set aside", "bad", "controls", "failed", "reason")
        return {
            "files": table(
                headers,
                (
                    (
                        *(f.file_name, f.source, f.status, f.rows_in, f.rows_kept, f.rows_set_aside, f.rows_bad),
                        *(f.controls_checked, f.controls_failed, f.reason),
                    )
                    for f in files
                ),
            )
        }
    taken = _taken(name, results)
    mine = [file for file in files if name in file.entities and file.status in ("accepted", "unchanged")]
    metadata: dict[str, Any] = {"rows of the run": taken.rows}
    if taken.amount is not None:
        metadata["amount of the run (ledger's sign, SEK)"] = taken.amount
    if mine:
        metadata["files of the run"] = table(
            ("file", "status", "rows", "amount"),
            ((f.file_name, f.status, f.entities[name].rows, f.entities[name].amount) for f in mine),
        )
        path = settings.raw / name / f"{mine[-1].load_id}.parquet"
        if path.exists() and name not in ENTITIES_HR:  # one person's absence is not for the event log
            batch = next(pq.ParquetFile(path).iter_batches(PREVIEW_ROWS), None)
            if batch is not None:
                metadata["preview"] = preview(name, pa.Table.from_batches([batch]))
    return metadata


def _standing(settings: Settings, files: list[FileResult]) -> list[FileResult]:
    """Return, of each kind of export that is not among the files that were accepted, the newest one that counts.

    A budget comes once a year: in the other months its checks tell how that file fared, not nothing. Where a file was refused,
    what the table holds is still the file before it; why the new one was refused, `files_accepted` says.
    """
    delivered = {file.kind for file in files if file.status != "rejected"}
    newest = {
        load.kind: load for load in register.read_loads(settings) if load.status == "accepted" and load.kind not in delivered
    }
    shared = {f.name for f in fields(FileResult)} - {"status", "checks"}
    return [
        FileResult(
            **{name: getattr(load, name) for name in shared},
            status="unchanged",
            checks=[FileCheck(**check) for check in load.checks],
        )
        for load in newest.values()
    ]


def _check_results(
    catalogue: list[CheckEntry], results: list[DeliveryResult], files: list[FileResult], standing: list[FileResult]
) -> Iterator[dg.AssetCheckResult]:
    """Yield the results of the checks that have something to check. A kind of export that never came has none."""

    def result(
        name: str, entity: str, failed: list[str], metadata: dict[str, Any], *, severity: str = "ERROR"
    ) -> dg.AssetCheckResult:
        return dg.AssetCheckResult(
            asset_key=dg.AssetKey([GROUP, entity]),
            check_name=name,
            passed=not failed,
            severity=dg.AssetCheckSeverity[severity],
            description="; ".join(failed) or None,
            metadata=plain(metadata),
        )

    judged = [*files, *standing]
    declared = {(entry.name, entry.entity) for entry in catalogue}
    found = defaultdict(list)
    for file in judged:
        for check in file.checks:
            if (check.name, check.entity) in declared:
                found[check.name, check.entity].append((file, check))
    for (name, entity), pairs in found.items():
        failed = [f"{file.file_name}: {check.description}" for file, check in pairs if not check.passed]
        rows = [
            (file.file_name, check.passed, json.dumps(check.metadata, ensure_ascii=False, default=str)) for file, check in pairs
        ]
        yield result(name, entity, failed, {"files": table(("file", "passed", "found"), rows)}, severity=pairs[0][1].severity)

    by_kind = defaultdict(list)
    for file in judged:
        if file.kind:
            by_kind[file.kind].append(file)
    for kind, mine in by_kind.items():
        refused = [
            f.reason if f.reason.startswith(f.file_name) else f"{f.file_name}: {f.reason}" for f in mine if f.status == "rejected"
        ]
        statuses = [(f.file_name, f.status, f.reason) for f in mine]
        yield result("files_accepted", MAIN_ENTITY[kind], refused, {"files": table(("file", "status", "reason"), statuses)})
        bad = [f"{f.file_name}: {f.rows_bad}" for f in mine if f.rows_bad]
        counts = [(f.file_name, f.rows_in, f.rows_kept, f.rows_set_aside, f.rows_bad) for f in mine]
        headers = ("file", "rows in", "kept", "set aside", "bad")
        yield result("rows_readable", MAIN_ENTITY[kind], bad, {"files": table(headers, counts)}, severity="WARN")
    checked = [f for f in judged if f.controls_checked]
    if checked:
        failing = [f"{f.file_name}: {f.controls_failed} / {f.controls_checked}" for f in checked if f.controls_failed]
        controls = [(f.file_name, f.controls_checked, f.controls_failed) for f in checked]
        yield result(
            "control_totals", "control", failing, {"files": table(("file", "checked", "failed"), controls)}, severity="WARN"
        )
    missing = [sentence for r in results for sentence in r.missing]
    yield result("required_files_delivered", "load", missing, {})
    unclaimed = [f"{f.file_name}: {f.reason}" for f in files if f.status == "unclaimed"]
    yield result("files_recognised", "load", unclaimed, {"files": len(files)}, severity="WARN")
    empty = [r.delivery for r in results if not r.files]
    yield result("months_delivered", "load", empty, {"months": len(results)}, severity="WARN")
