"""A home whose dbt build is made by hand from a small ledger, so that the findings stage is tested without dbt."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd
import yaml
from conftest import COLUMNS, Ledger

from orchestration.publish import Build, finish_build, reporting_path, warehouse_path
from orchestration.settings import Settings

_DECLARED = Path(__file__).resolve().parents[3] / "dbt_project" / "models" / "marts" / "findings.yml"


def manifest() -> dict:
    """Return what of dbt's manifest the stage reads: the declared marts."""
    [source] = yaml.safe_load(_DECLARED.read_text(encoding="utf-8"))["sources"]
    return {
        "sources": {
            table["name"]: {
                "name": table["name"],
                "schema": source["schema"],
                "description": table["description"],
                "columns": {column["name"]: column for column in table["columns"]},
            }
            for table in source["tables"]
        }
    }


def frame(ledger: Ledger) -> pd.DataFrame:
    return pd.DataFrame(ledger.rows, columns=COLUMNS)


def build(settings: Settings, deliveries: dict[str, pd.DataFrame], *, budget: pd.DataFrame | None = None, run: str = "r") -> None:
    """Write both databases as a finished build has them.

    deliveries: month of the delivery to the ledger rows of its export, which covers every month that it has rows in.
    """
    settings.warehouse.mkdir(parents=True, exist_ok=True)
    for path in (warehouse_path(settings), reporting_path(settings)):
        path.unlink(missing_ok=True)
    rows, loads, versions = [], [], []
    spoken: dict[str, str] = {}
    for delivery, part in sorted(deliveries.items()):
        load = f"load-{delivery}"
        rows.append(part.assign(load_id=load, source_file=f"{delivery}/huvudbok.csv", outcome_from="TRANS"))
        loads.append((load, "ledger", "ledger", delivery, "accepted", None, f"{delivery}-28"))
        for period in sorted(part.period.unique()):
            first = spoken.get(period) is None
            versions.append([load, period, False, period if first else delivery, None])
            spoken[period] = load
    last = {}
    for version in versions:
        if version[1] in last:
            last[version[1]][4] = version[3]
        last[version[1]] = version
    for version in versions:
        version[2] = last[version[1]] is version
    with duckdb.connect(str(warehouse_path(settings))) as con:
        con.execute(f"attach '{reporting_path(settings)}' as reporting")
        for name in ("staging", "core"):
            con.execute(f"create schema {name}")
        con.execute("create schema reporting.marts")
        con.register("incoming", pd.concat(rows, ignore_index=True))
        con.execute(
            "create table staging.stg_raw__ledger_lines as select * replace (cast(amount as decimal(18, 2)) as amount, "
            "cast(voucher_number as varchar) as voucher_number, cast(registration_date as date) as registration_date, "
            "cast(service_from as date) as service_from, cast(service_to as date) as service_to) from incoming"
        )
        con.execute(
            "create table staging.stg_raw__loads (load_id varchar, source varchar, kind varchar, delivery varchar, "
            "status varchar, generated_on date, loaded_at timestamp)"
        )
        con.executemany("insert into staging.stg_raw__loads values (?, ?, ?, ?, ?, ?, ?)", loads)
        con.execute(
            "create table core.int_ledger_version (load_id varchar, period varchar, is_active boolean, known_from varchar, "
            "known_until varchar)"
        )
        con.executemany("insert into core.int_ledger_version values (?, ?, ?, ?, ?)", versions)
        con.execute(
            "create view core.int_superseded_ledger_line as select l.* from staging.stg_raw__ledger_lines as l "
            "inner join core.int_ledger_version as v on l.load_id = v.load_id and l.period = v.period "
            "where not v.is_active and v.known_from < v.known_until"
        )
        con.execute(
            "create table reporting.marts.fct_ledger_line as select l.* from staging.stg_raw__ledger_lines as l "
            "inner join core.int_ledger_version as v on l.load_id = v.load_id and l.period = v.period where v.is_active"
        )
        con.execute(
            "create table reporting.marts.follow_up as "
            "select distinct period as report_period from reporting.marts.fct_ledger_line"
        )
        con.execute(
            "create table reporting.marts.dim_unit as select distinct unit_code, 'Enhet ' || unit_code as unit_name, "
            "true as is_current, date '1900-01-01' as valid_from, date '9999-12-31' as valid_to "
            "from reporting.marts.fct_ledger_line"
        )
        con.execute(
            "create table reporting.marts.dim_report_line as select distinct report_line, report_line as report_line_name "
            "from reporting.marts.fct_ledger_line"
        )
        con.execute(
            "create table reporting.marts.bridge_unit_ancestor as select unit_code, unit_code as ancestor_unit_code "
            "from reporting.marts.dim_unit union all select unit_code, 'KOMMUN' from reporting.marts.dim_unit"
        )
        if budget is not None:
            con.register("plan", budget)
            con.execute(
                "create table core.int_budget_line as select period, fiscal_year, unit_code, account, report_line, "
                "'' as activity, '' as project, '' as counterparty, cast(amount as decimal(18, 2)) as amount from plan"
            )
            con.execute(
                "create table core.int_amount as select 'budget' as amount_type, 'budget' as version, *, 'b' as load_id, "
                "'budget.xlsx' as source_file, 1 as source_row from core.int_budget_line"
            )
    finish_build(settings, Build(run, [], sorted(deliveries), []))


def published(settings: Settings) -> None:
    """Let `published/` show what was built, as the publication does."""
    folder = settings.home / "publications" / "one"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "reporting.duckdb").unlink(missing_ok=True)
    reporting_path(settings).rename(folder / "reporting.duckdb")
    if not settings.published.is_symlink():
        settings.published.symlink_to(Path("publications") / "one")
