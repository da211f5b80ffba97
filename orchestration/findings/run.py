"""The findings of every close of a finished build: computed once, kept, and written as marts.

Each report period is one close, run with what was known then (`known`) and continued from the close before. Its result is kept in
`derived/findings/<period>.*.parquet` under a hash of everything that it rests on: the loads, the thresholds, the answers, the
code, and the close before. A monthly run computes the new close; a late correction of an old month the closes from that month on.

What belongs here: which closes to compute, the kept results, the marts. What does not: rules (`engine` and its modules), answers
(`answers`), Dagster.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from expectations.rules import Thresholds, thresholds
from orchestration.errors import Text
from orchestration.files import replacing
from orchestration.findings import answers as said
from orchestration.findings import engine, known
from orchestration.periods import add_months
from orchestration.publish import SCHEMA, Mart, finished_build, reporting_path, warehouse_path, write_table
from orchestration.settings import Settings

FINDINGS, EVIDENCE, RESTATEMENT = "findings", "finding_evidence", "restatement"
TABLES = (FINDINGS, EVIDENCE, RESTATEMENT)
#: The order of every list: what changes a result before what only changes how the budget lies over the year, then kronor.
RANK = "rule_id = 'PER-04', abs(effect_period) desc, abs(booked_amount - expected_amount) desc, finding_id"

Progress = Callable[[str, int, int], None]
_HASH = b"avvik.close"
#: Rules whose findings are news of one close, and those whose findings matter within their fiscal year only.
_TOLD_ONCE = ("PER-10",)
_WITHIN_YEAR = ("PER-02", "PER-04", "PER-05")
#: Closes of the new fiscal year in which the old year's accounts are still being made up.
_YEAR_END_MONTHS = 2


@dataclass
class Computed:
    """What a run of the stage did. computed: the closes that were not kept from before. blind: rules that could not look.

    rows: rows per mart. problems: answers that could not be read.
    """

    closes: list[str]
    computed: list[str]
    blind: dict[str, Text] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    problems: list[said.Problem] = field(default_factory=list)

    @property
    def newest(self) -> str | None:
        """The close that is looked at."""
        return self.closes[-1] if self.closes else None


def mart_specs(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the declarations of this stage's marts, dbt's source tables in the marts schema; none if it has no findings."""
    return sorted(
        (source for source in manifest["sources"].values() if source["schema"] == SCHEMA and source["name"] in TABLES),
        key=lambda source: TABLES.index(source["name"]),
    )


def compute(settings: Settings, manifest: Mapping[str, Any], version: str, progress: Progress | None = None) -> Computed:
    """Read what controllers have answered, compute the closes that have changed, and write the marts.

    Args:
        settings: whose home; its dbt build is finished and not published yet.
        manifest: of the dbt project, which declares the marts.
        version: of the dbt project: another one makes another warehouse.
        progress: called as (close, done, total).

    Raises:
        PublicationError: there is no finished build.
    """
    finished_build(settings)
    specs = {spec["name"]: spec for spec in mart_specs(manifest)}
    th = thresholds(settings.findings)
    problems = said.take_in(settings)
    answers = said.remembered(settings)
    with known.open_build(warehouse_path(settings), reporting_path(settings)) as con:
        known.prepare(con)
        closes = known.closes(con, _oldest_kept(settings))
        result = Computed(closes, [], problems=problems)
        rests_on = hashlib.sha256(f"{_code()}|{version}|{asdict(th)}|{settings.fiscal_year_start}".encode()).hexdigest()
        previous: dict[str, pd.DataFrame] | None = None
        for number, period in enumerate(closes):
            rests_on = _key(con, rests_on, period, answers)
            kept = _kept(settings, period, rests_on)
            if kept is None:
                if progress:
                    progress(str(Text(sv=f"fynd {period}", en=f"findings {period}")), number, len(closes))
                before = closes[number - 1] if number else None
                if not result.computed:
                    known.stage_rows(con, closes[max(0, number - 1) :])
                frames = _close(con, settings, th, period, before, previous, answers)
                _keep(con, settings, period, rests_on, frames, specs)
                result.computed.append(period)
                kept = _kept(settings, period, rests_on)
                if kept is None:
                    raise RuntimeError(f"the close of {period} was written and cannot be read back")
            previous = kept
        if progress:
            progress(str(Text(sv="fynd", en="findings")), len(closes), len(closes))
        if closes:
            result.blind = known.blind_rules(con, closes[-1])
    _forget(settings, closes)
    with duckdb.connect(str(reporting_path(settings))) as con:
        for name in TABLES:
            write_table(con, _mart(specs[name]), _select(settings, closes, specs[name]), _types(specs[name]))
            counted = con.execute(f"select count(*) from {SCHEMA}.{name}").fetchone()  # noqa: S608
            result.rows[name] = int(counted[0]) if counted else 0
    return result


def _close(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    th: Thresholds,
    period: str,
    before: str | None,
    previous: dict[str, pd.DataFrame] | None,
    answers: list[said.Answer],
) -> dict[str, pd.DataFrame]:
    """Run one close and return its three tables without `report_period`."""
    known.set_close(con, period)
    found = engine.find(
        con,
        period,
        th,
        previous=previous[FINDINGS] if previous else None,
        known_on=known.known_on(con, period),
        fiscal_year_start=settings.fiscal_year_start,
        rows_staged=True,
    )
    findings = _still_matters(found.findings, period, settings.fiscal_year_start)
    evidence = found.evidence
    if previous is not None:
        # A finding that is carried along keeps the rows that it was found by.
        earlier = previous[EVIDENCE]
        carried = earlier.finding_id.isin(findings.finding_id) & ~earlier.finding_id.isin(evidence.finding_id)
        evidence = (
            pd.concat([evidence, earlier.loc[carried, engine.EVIDENCE_COLUMNS]], ignore_index=True) if carried.any() else evidence
        )
    if before:
        restated = known.restated(con, before, period).df()
    else:
        restated = pd.DataFrame(
            columns=["report_period", "period", "unit_code", "report_line", "amount_before", "amount_after", "change"]
        )
    return {FINDINGS: said.apply(findings, answers, period), EVIDENCE: evidence, RESTATEMENT: restated}


def _still_matters(findings: pd.DataFrame, period: str, fiscal_year_start: int) -> pd.DataFrame:
    """Leave out what is carried along and nobody can do anything about any more; it stands in the closes that told it.

    News of what changed in published figures is told once. Errors of period and profile (PER-02, PER-04, PER-05) matter in their
    fiscal year, while they move its year to date; a question until its year's accounts are closed; what has been corrected is
    told to the end of the year in which it was. What is asserted to be missing, doubled, one-sided or wrong stays until it is
    corrected or answered.
    """
    year = f"{int(period[:4]) - (int(period[5:]) < fiscal_year_start)}-{fiscal_year_start:02d}"
    carried = findings.last_seen < period
    told = findings.rule_id.isin(_TOLD_ONCE)
    before = findings.periods.str.split(",").str[-1] < year
    closed = (findings.tier == "fråga") & (period >= add_months(year, _YEAR_END_MONTHS))
    past = before & (findings.rule_id.isin(_WITHIN_YEAR) | closed)
    done = (findings.status == "corrected") & (findings.last_seen < year)
    # Booked too early: right when its month is there. Booked late within the year: right in the year to date already.
    moved = findings.rule_id.isin(("PER-02", "PER-05"))
    reached = (findings.expected_date.fillna("9999-12") > findings.last_seen) & (
        findings.expected_date.fillna("9999-12") <= period
    )
    in_time = moved & (reached | (findings.effect_period == 0))
    return findings[~(carried & (told | past | done | in_time))].reset_index(drop=True)


def _code() -> str:
    """Return a hash of the code that finds: another version of it may find something else."""
    digest = hashlib.sha256()
    for package, pattern in (
        ("orchestration.findings", "*.py"),
        ("expectations", "rules.py"),
    ):
        root = Path(str(resources.files(package)))
        for path in sorted(root.glob(pattern)):
            digest.update(f"{path.name}:".encode() + path.read_bytes())
    return digest.hexdigest()


def _key(con: duckdb.DuckDBPyConnection, before: str, period: str, answers: list[said.Answer]) -> str:
    """Return the hash of what a close rests on; `before` is that of the close before, so that a change reaches all later ones."""
    what = {
        "before": before,
        "period": period,
        "ledger": known.versions(con, period),
        "loads": known.loads_until(con, period),
        "known_on": str(known.known_on(con, period)),
        "answers": sorted(
            str([a.finding_id, a.facts, a.status, a.reason, a.who, a.until]) for a in answers if a.report_period <= period
        ),
    }
    return hashlib.sha256(json.dumps(what, default=str).encode()).hexdigest()


def _folder(settings: Settings) -> Path:
    return settings.home / "derived" / "findings"


def _path(settings: Settings, period: str, name: str) -> Path:
    return _folder(settings) / f"{period}.{name}.parquet"


def _oldest_kept(settings: Settings) -> str | None:
    return min((path.name.split(".")[0] for path in _folder(settings).glob(f"[12]*.{FINDINGS}.parquet")), default=None)


def _kept(settings: Settings, period: str, key: str) -> dict[str, pd.DataFrame] | None:
    """Return the kept result of a close, None if there is none that rests on the same."""
    frames = {}
    for name in TABLES:
        path = _path(settings, period, name)
        if not path.exists() or (pq.read_metadata(path).metadata or {}).get(_HASH) != key.encode():
            return None
        if name != RESTATEMENT:
            table = pq.read_table(path)
            for k, column in enumerate(table.schema):
                if pa.types.is_decimal(column.type):  # the engine counts in floats; amounts of two decimals survive both ways
                    table = table.set_column(k, column.name, table.column(k).cast(pa.float64()))
            frames[name] = table.to_pandas()
    return frames


def _keep(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    period: str,
    key: str,
    frames: dict[str, pd.DataFrame],
    specs: Mapping[str, Mapping[str, Any]],
) -> None:
    """Write the result of a close in the marts' columns and types. Each file appears whole or not at all."""
    _folder(settings).mkdir(parents=True, exist_ok=True)
    for name in TABLES:
        frame = frames[name].assign(report_period=period)
        types = _types(specs[name])
        lacking = sorted(set(types) - set(frame.columns))
        if lacking:
            raise RuntimeError(f"{name}: the engine gave no {', '.join(lacking)}, which findings.yml declares")
        con.register("known_result", frame[list(types)].astype(object).where(frame[list(types)].notna(), None))
        columns = ", ".join(f"cast({column} as {kind}) as {column}" for column, kind in types.items())
        table = con.sql(f"select {columns} from known_result order by all").to_arrow_table()  # noqa: S608
        con.unregister("known_result")
        with replacing(_path(settings, period, name)) as temporary:
            pq.write_table(table.replace_schema_metadata({_HASH: key.encode()}), temporary)


def _forget(settings: Settings, closes: list[str]) -> None:
    """Remove kept closes of months that are reported no more."""
    for path in _folder(settings).glob("*.parquet"):
        if path.name.split(".")[0] not in closes:
            path.unlink()


def _select(settings: Settings, closes: list[str], spec: Mapping[str, Any]) -> str:
    files = ", ".join("'" + str(_path(settings, period, spec["name"])).replace("'", "''") + "'" for period in closes)
    if not files:
        return f"select {', '.join(f'cast(null as {kind}) as {name}' for name, kind in _types(spec).items())} where false"
    return f"select {', '.join(_types(spec))} from read_parquet([{files}])"  # noqa: S608


def _types(spec: Mapping[str, Any]) -> dict[str, str]:
    return {name: column["data_type"] for name, column in spec["columns"].items()}


def _mart(spec: Mapping[str, Any]) -> Mart:
    return Mart(spec["name"], spec["description"], {name: column["description"] for name, column in spec["columns"].items()}, 0)
