"""How long one monthly run takes from raw Parquet to publication, beside the same marts by bare SQL in the same process.

    python tests/bench/bench_run.py 1_000_000 [10_000_000 …]

The run builds all models and tests with dbt, verifies, writes Parquet and publishes; the bare SQL is the models' own SQL in plain
DuckDB: no tests, contracts, comments or Parquet. Start-up (imports, parsing) is measured apart.

What belongs here: the synthetic raw layer (DuckDB range()) and the timing. What does not: the readers (bench_sie, bench_tables).
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tests" / "dbt_project")]

from raw_fixture import RawHome  # noqa: E402

MONTHS = [f"{year}-{month:02}" for year in (2013, 2014, 2015) for month in range(1, 13)]
UNITS = 500

LINES = """
select
    'ledger_' || period as load_id, 'huvudbok_' || period || '.se' as source_file,
    row_number() over () + 0 as source_row, 'TRANS' as line_kind, period,
    'A' as voucher_series, cast(i // 5 as varchar) as voucher_number,
    cast(period || '-15' as date) as voucher_date, cast(period || '-15' as date) as transaction_date,
    cast(period || '-20' as date) as registration_date,
    case when i % 5 = 0 then cast(3010 + h % 400 as varchar) when i % 5 = 1 then cast(5010 + h % 300 as varchar)
        when i % 5 = 2 then cast(6010 + h % 900 as varchar) when i % 5 = 3 then cast(7010 + h % 800 as varchar)
        else cast(1510 + h % 300 as varchar) end as account,
    cast((case when i % 5 = 0 then -1 else 1 end) * ((h // 7) % 1000000) / 100 as decimal(18, 2)) as amount,
    case when i % 5 = 4 then null else 'U' || lpad(cast((h // 11) % {units} as varchar), 4, '0') end as unit,
    cast(100 + (h // 13) % 80 as varchar) as activity, null::varchar as sub_activity,
    case when h % 4 = 0 then cast(10000 + (h // 17) % 2000 as varchar) end as project, null::varchar as cost_object,
    case when i % 5 = 4 then null when h % 6 = 0 then cast(100 + (h // 19) % 40 as varchar)
        else cast(810 + (h // 19) % 70 as varchar) end as counterparty,
    'Verifikation ' || cast(i // 5 as varchar) as voucher_text, 'Faktura ' || cast(h % 100000 as varchar) as row_text,
    null::decimal(18, 4) as quantity,
    case when h % 3 = 0 then cast(h % 5000 as varchar) end as party,
    case when h % 3 = 0 then 'Leverantör ' || cast(h % 5000 as varchar) end as party_name,
    case when h % 3 = 0 then cast(h % 1000000 as varchar) end as reference,
    null::date as service_from, null::date as service_to
from (select i, hash(i + {offset}) as h, '{period}' as period from range({rows}) as t(i))
"""


def make_home(home: Path, rows: int) -> None:
    """Write a home's raw layer: `rows` voucher rows over 36 monthly loads, and a year's budget by unit, account and month."""
    raw = RawHome(home)
    raw.load(
        "organisation",
        kind="organisation",
        delivery="2013-01",
        unit=[{"unit": f"N{n:02}", "name": f"Nämnd {n}"} for n in range(12)]
        + [{"unit": f"K{n:03}", "name": f"Kontor {n}", "parent": f"N{n % 12:02}"} for n in range(60)]
        + [{"unit": f"U{n:04}", "name": f"Enhet {n}", "parent": f"K{n % 60:03}"} for n in range(UNITS)],
    )
    for year in (2013, 2014, 2015):
        raw.load(
            f"budget_{year}",
            kind="budget",
            delivery=f"{year}-01",
            period_from=f"{year}-01",
            period_to=f"{year}-12",
            budget_line=[
                {"fiscal_year": year, "account": account, "unit": f"U{n:04}", "amount": amount, "counterparty": "870"}
                for n in range(UNITS)
                for account, amount in (("3010", -100000), ("5010", 500000), ("6010", 90000), ("7010", 70000))
            ],
        )
    for period in MONTHS:
        raw.load(f"ledger_{period}", delivery=period, period_from=period, period_to=period, ledger_line=[])
    raw.write()
    connection = duckdb.connect()
    per_month = rows // len(MONTHS)
    for number, period in enumerate(MONTHS):
        count = per_month if number < len(MONTHS) - 1 else rows - per_month * (len(MONTHS) - 1)
        path = home / "raw" / "ledger_line" / f"ledger_{period}.parquet"
        sql = LINES.format(units=UNITS, period=period, rows=count, offset=number * per_month)
        connection.execute(f"copy ({sql}) to '{path}' (format parquet, compression zstd)")
    register = home / "raw" / "load_entity.parquet"
    connection.execute(
        f"""
        create table entities as select * from read_parquet('{register}');
        update entities set rows = found.n, amount = found.a from (
            select load_id, count(*) as n, sum(amount) as a
            from read_parquet('{home}/raw/ledger_line/ledger_*.parquet') group by load_id
        ) as found where entities.load_id = found.load_id;
        copy entities to '{register}' (format parquet);
        create table loads as select * from read_parquet('{home}/raw/load.parquet');
        update loads set rows_in = entities.rows, rows_kept = entities.rows from entities where loads.load_id = entities.load_id;
        copy loads to '{home}/raw/load.parquet' (format parquet)
        """
    )


def cpu() -> float:
    """Seconds of processor that this process has used: on a shared machine the truer measure."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def run_dbt(home: Path, *args: str) -> tuple[float, float, Any]:
    """Run one dbt command in this process; return its seconds, its seconds of CPU, and its result."""
    from dbt.cli.main import dbtRunner

    os.environ.update(
        AVVIK_HOME=str(home),
        DBT_TARGET_PATH=str(home / "target"),
        DBT_LOG_PATH=str(home / "logs"),
        DBT_SEND_ANONYMOUS_USAGE_STATS="false",
    )
    project = str(REPOSITORY / "dbt_project")
    start, cpu_start = time.perf_counter(), cpu()
    result = dbtRunner().invoke(
        [*args, "--project-dir", project, "--profiles-dir", project, "--quiet", "--log-level-file", "none"]
    )
    seconds, used = time.perf_counter() - start, cpu() - cpu_start
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    DuckDBConnectionManager.close_all_connections()
    return seconds, used, result


def publication(home: Path, result: Any) -> tuple[float, float]:
    """Publish what dbt built, as the last step of a run does; return seconds and seconds of CPU."""
    from orchestration.publish import Build, finish_build, publish
    from orchestration.settings import Settings

    settings = Settings(home=home)
    marts = [r.node.name for r in result.result if r.node.resource_type == "model" and r.node.schema == "marts"]
    start, cpu_start = time.perf_counter(), cpu()
    finish_build(settings, Build("bench", [MONTHS[-1]], MONTHS, marts))
    publish(settings)
    return time.perf_counter() - start, cpu() - cpu_start


def bare_sql(home: Path, compiled: Path) -> tuple[float, float]:
    """Compute the same tables by the same SQL in one DuckDB connection, without dbt; return seconds and seconds of CPU."""
    import json

    manifest = json.loads((compiled / "manifest.json").read_text())
    results = json.loads((compiled / "run_results.json").read_text())["results"]
    order = [r["unique_id"] for r in results if r["unique_id"].startswith("model.")]
    folder = home / "bare"
    folder.mkdir()
    connection = duckdb.connect(str(folder / "warehouse.duckdb"), config={"storage_compatibility_version": "v1.3.0"})
    connection.execute(f"attach '{folder}/reporting.duckdb' as reporting; set preserve_insertion_order = false")
    connection.execute("create schema staging; create schema core; create schema reference; create schema reporting.marts")
    for seed in ("report_line", "report_line_account", "counterparty_group"):
        path = REPOSITORY / "dbt_project" / "seeds" / f"{seed}.csv"
        connection.execute(f"create table reference.{seed} as select * from read_csv('{path}', all_varchar = false)")
    seconds = used = 0.0
    code = {r["unique_id"]: r["compiled_code"] for r in results}
    for unique_id in order:
        node = manifest["nodes"][unique_id]
        kind = "view" if node["config"]["materialized"] == "view" else "table"
        start, cpu_start = time.perf_counter(), cpu()
        connection.execute(f"create {kind} {node['database']}.{node['schema']}.{node['name']} as {code[unique_id]}")
        seconds += time.perf_counter() - start
        used += cpu() - cpu_start
    connection.close()
    return seconds, used


def main() -> None:
    """Measure each size named on the command line."""
    for rows in [int(text) for text in sys.argv[1:]] or [1_000_000]:
        with tempfile.TemporaryDirectory(prefix="avvik-bench-") as name:
            home = Path(name)
            make_home(home, rows)
            raw_mb = sum(path.stat().st_size for path in (home / "raw").rglob("*.parquet")) / 2**20
            print(f"{rows:>12,} rows, {raw_mb:.0f} MB raw Parquet")
            start = time.perf_counter()
            import dbt.cli.main  # noqa: F401

            print(f"   import dbt   {time.perf_counter() - start:6.1f} s (start-up)")
            print(f"   dbt parse    {run_dbt(home, 'parse')[0]:6.1f} s (start-up, kept between runs)")
            seconds, used, result = run_dbt(home, "build", "--exclude-resource-type", "unit_test")
            failed = [r.node.name for r in result.result if str(r.status) in ("error", "fail", "skipped")]
            if failed:
                raise SystemExit(f"the build failed: {failed}")
            print(f"   dbt build    {seconds:6.1f} s ({used:.1f} s of CPU): {len(result.result)} models, seeds and tests")
            kinds: dict[str, float] = {}
            for outcome in result.result:
                kinds[str(outcome.node.resource_type)] = kinds.get(str(outcome.node.resource_type), 0) + outcome.execution_time
            print("      node seconds by kind:", {kind: round(value, 1) for kind, value in kinds.items()})
            for outcome in sorted(result.result, key=lambda item: -item.execution_time)[:8]:
                print(f"   {outcome.execution_time:10.2f} s  {outcome.node.name}")
            bare_seconds, bare_used = bare_sql(home, home / "target")
            published, published_used = publication(home, result)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
            print(f"   publication  {published:6.1f} s ({published_used:.1f} s of CPU): verify, Parquet, swap")
            print(f"   bare SQL     {bare_seconds:6.1f} s ({bare_used:.1f} s of CPU)")
            run, run_used = seconds + published, used + published_used
            print(
                f"   whole run    {run:6.1f} s = {run / bare_seconds:.2f} x bare SQL "
                f"({run_used:.1f} s of CPU = {run_used / bare_used:.2f} x), peak {peak:.0f} MB"
            )


if __name__ == "__main__":
    main()
