"""A tiny home: a dbt project of a handful of models and a reader of three columns, so that tests of Dagster test Dagster.

Run as a script it is a process of its own: `python tiny.py HOME MONTH…` runs the months and prints the result as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

from orchestration import ingest
from orchestration.errors import FileRejected, Place, Text
from orchestration.readers.contract import ENTITIES, Summary
from orchestration.settings import Settings, Source

REPOSITORY = Path(__file__).resolve().parents[2]

_PROFILE = """
avvik:
  target: duckdb
  outputs:
    duckdb:
      type: duckdb
      path: "{{ env_var('AVVIK_HOME') }}/warehouse/warehouse.duckdb"
      schema: core
      attach: [{path: "{{ env_var('AVVIK_HOME') }}/warehouse/reporting.duckdb", alias: reporting}]
"""
_PROJECT = """
name: tiny
version: "1.0.0"
profile: avvik
models:
  tiny:
    +persist_docs: {relation: true, columns: true}
    staging: {+schema: staging, +materialized: view}
    core: {+schema: core, +materialized: table}
    marts: {+schema: marts, +database: reporting, +materialized: table}
seeds:
  tiny: {+schema: reference}
"""
_SOURCES = """
sources:
  - name: raw
    config:
      meta: {external_location: "read_parquet('{{ env_var('AVVIK_HOME') }}/raw/{name}/*.parquet', union_by_name = true)"}
    tables:
      - name: ledger_line
        columns: [{name: account, data_tests: [not_null]}]
"""
_CORE = """
models:
  - name: fct_line
    description: One row per ledger line.
    columns:
      - {name: amount, data_tests: [{not_null: {config: {severity: warn}}}]}
      - {name: unit, data_tests: [{not_null: {config: {severity: warn}}}]}
unit_tests:
  - name: the_amount_is_kept
    model: fct_line
    given: [{input: ref('stg_ledger'), rows: [{account: "3", amount: 5}]}]
    expect: {rows: [{account: "3", amount: 5}]}
"""
_MARTS = """
models:
  - name: follow_up
    description: One row per month and line.
    columns:
      - {name: report_period, description: Month}
      - {name: unit_code, description: Unit}
      - {name: report_line, description: Line}
      - {name: outcome_period, description: "Utfall, kr", data_tests: [not_null]}
  - name: dim_unit
    description: One row per unit.
    columns: [{name: unit_code, description: Unit, data_tests: [unique]}]
"""
_FILES = {
    "profiles.yml": _PROFILE,
    "dbt_project.yml": _PROJECT,
    "models/staging/sources.yml": _SOURCES,
    "models/staging/stg_ledger.sql": (
        "select load_id, period, account, unit, row_text, cast(-amount as decimal(18,2)) as amount "
        "from {{ source('raw', 'ledger_line') }}"
    ),
    "models/core/core.yml": _CORE,
    "models/core/fct_line.sql": "select * from {{ ref('stg_ledger') }}",
    "models/marts/marts.yml": _MARTS,
    "models/marts/follow_up.sql": (
        "select l.period as report_period, 'KOMMUN' as unit_code, g.line as report_line, "
        "cast(sum(l.amount) as decimal(18,2)) as outcome_period from {{ ref('fct_line') }} l "
        "left join {{ ref('lines') }} g on g.first_digit = left(l.account, 1) group by all"
    ),
    "models/marts/dim_unit.sql": "select distinct coalesce(unit, '(saknas)') as unit_code from {{ ref('fct_line') }}",
    "seeds/lines.csv": "first_digit,line\n3,income\n4,cost\n",
    "tests/totals_in_equal_totals_out.sql": (
        "select * from (select sum(amount) as ledger from {{ source('raw', 'ledger_line') }}), "
        "(select sum(outcome_period) as shown from {{ ref('follow_up') }}) where ledger + shown <> 0"
    ),
    "tests/every_account_has_a_line.sql": (
        "{{ config(store_failures=true, meta={'message_sv': 'Kontot {account} saknar rapportrad ({amount} kr).', "
        "'message_en': 'Account {account} has no report line (SEK {amount}).'}) }} "
        "select account, sum(amount) as amount from {{ ref('fct_line') }} "
        "left join {{ ref('lines') }} on first_digit = left(account, 1) "
        "where line is null group by all"
    ),
    "macros/generate_schema_name.sql": (
        "{% macro generate_schema_name(custom_schema_name, node) -%}{{ custom_schema_name or target.schema }}{%- endmacro %}"
    ),
}


class TinyReading:
    """Reads `date;account;unit;amount` with a header row; a line that begins with '<' is an error page."""

    def __init__(self, path: Path, delivery: str, label: str) -> None:
        self.path, self.delivery, self.label = path, delivery, label
        self.summary = Summary("CSV")

    def __iter__(self):
        rows = []
        for number, line in enumerate(self.path.read_text(encoding="utf-8").splitlines()[1:], start=2):
            if line.startswith("<"):
                raise FileRejected("not_csv", Place(self.label, number), Text(sv="en felsida", en="an error page"))
            day, account, unit, amount = line.split(";")
            rows.append(
                {
                    "source_row": number,
                    "line_kind": "TRANS",
                    "period": day[:7],
                    "voucher_date": date.fromisoformat(day),
                    "account": account,
                    "unit": unit or None,
                    "amount": Decimal(amount),
                    "row_text": "Anna Andersson, hemligt",
                    "party_name": "Anna Andersson",
                }
            )
        self.summary.rows_in = self.summary.rows_kept = len(rows)
        self.summary.amount_in = {"ledger_line": sum((row["amount"] for row in rows), Decimal(0))}
        self.summary.period_from = self.summary.period_to = self.delivery
        self.summary.controls_checked = 1
        yield "ledger_line", pa.Table.from_pylist(rows, schema=ENTITIES["ledger_line"])


def use_tiny_reader() -> None:
    """Read every file with `TinyReading` from now on."""
    ingest.open_reading = lambda settings, path, source, delivery, label, *_: TinyReading(path, delivery, label)


def write_project(folder: Path) -> Path:
    """Write the tiny dbt project."""
    for name, content in _FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return folder


def tiny_settings(home: Path, *, required: bool = False) -> Settings:
    """Return settings with one source."""
    return Settings(home=home, sources={"ledger": Source(kind="ledger", files=["ledger*.csv"], required=required)})


def deliver(settings: Settings, period: str, *rows: str, name: str = "ledger.csv") -> Path:
    """Put a ledger export in a month's inbox."""
    path = settings.inbox / period / name
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = rows or (f"{period}-01;3001;KLK;-100.50", f"{period}-02;4001;KLK;100.50")
    path.write_text("\n".join(["date;account;unit;amount", *lines]) + "\n", encoding="utf-8")
    return path


def follow_up(settings: Settings) -> list[tuple]:
    """Return what is published, read as BI would."""
    import duckdb

    with duckdb.connect(str(settings.published / "reporting.duckdb"), read_only=True) as connection:
        return connection.execute("from marts.follow_up order by all").fetchall()


def environment(project: Path, user_home: Path) -> dict[str, str]:
    """Return the environment of a process that runs this module, with a home directory of its own."""
    user_home.mkdir(exist_ok=True)
    return {**os.environ, "AVVIK_DBT_PROJECT": str(project), "HOME": str(user_home), "PYTHONPATH": str(REPOSITORY)}


if __name__ == "__main__":
    from expectations import files
    from orchestration.errors import AvvikError
    from orchestration.run import run_periods

    use_tiny_reader()
    # Great Expectations takes seconds to import, and is tested where nobody waits for five processes.
    files.check_file = lambda settings, load, folder: []
    wait = float(os.environ.get("TINY_WAIT", "60"))
    try:
        outcome = run_periods(tiny_settings(Path(sys.argv[1])), sys.argv[2:], wait=wait)
        print(json.dumps({"ok": outcome.ok, "errors": outcome.errors, "publication": asdict(outcome.publication or object())}))
    except AvvikError as error:
        print(json.dumps({"ok": False, "errors": [error.text.en]}))
