"""The warehouse of a small municipality: the follow-up's numbers by hand, and what the published tables promise."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
import yaml
from conftest import PROJECT, open_databases
from raw_fixture import line, municipality

from orchestration.readers.contract import ENTITIES, LOAD, LOAD_COLUMNS, LOAD_ENTITY, MONEY, QUANTITY, SHARE

MEASURES = "outcome_month, outcome_period, budget_period, deviation_period, forecast_year, budget_year, deviation_forecast"


def problems(results: dict) -> dict[str, str]:
    return {name: outcome.message for name, outcome in results.items() if outcome.status in ("error", "fail", "skipped")}


def follow_up(database: duckdb.DuckDBPyConnection, unit: str, line_key: str, period: str = "2015-03") -> tuple[str | None, ...]:
    row = database.execute(
        f"select {MEASURES} from reporting.marts.follow_up where unit_code = ? and report_line = ? and report_period = ?",
        [unit, line_key, period],
    ).fetchone()
    assert row is not None, f"no row for {unit}, {line_key}, {period}"
    return tuple(None if value is None else str(value) for value in row)


@pytest.mark.parametrize(
    ("unit", "report_line", "expected"),
    [
        ("KLK", "external_income", ("50.10", "150.30", "120.00", "30.30", "500.00", "480.00", "20.00")),
        ("KLK", "internal_income", ("20.00", "60.00", "0.00", "60.00", "0.00", "0.00", "0.00")),
        ("KLK", "internal_rent", ("-30.00", "-90.00", "0.00", "-90.00", "0.00", "0.00", "0.00")),
        ("KC", "other_external_cost", ("-3.05", "-6.15", "0.00", "-6.15", None, "0.00", None)),
        ("BUN", "other_internal_cost", ("-10.00", "-30.00", "-24.99", "-5.01", "-120.00", "-100.00", "-20.00")),
        ("KS", "net", ("-62.95", "-185.85", "-165.00", "-20.85", "-650.00", "-660.00", "10.00")),
        ("KOMMUN", "total_cost", ("-143.05", "-426.15", "-309.99", "-116.16", "-1270.00", "-1240.00", "-30.00")),
        ("KOMMUN", "net", ("-72.95", "-215.85", "-189.99", "-25.86", "-770.00", "-760.00", "-10.00")),
        ("(saknas)", "balance", ("60.00", "180.00", "0.00", "180.00", None, "0.00", None)),
    ],
)
def test_follow_up_by_hand(database: duckdb.DuckDBPyConnection, unit: str, report_line: str, expected: tuple) -> None:
    assert follow_up(database, unit, report_line) == expected


def test_every_row_of_the_fact_leads_back_to_its_file(database: duckdb.DuckDBPyConnection) -> None:
    """The ledger row behind a cell is found by load and source row, with the file's own amount."""
    found = database.execute(
        """
        select fct.load_id, fct.source_row, raw.amount from reporting.marts.fct_ledger_line as fct
        inner join warehouse.staging.stg_raw__ledger_lines as raw using (load_id, source_row)
        where fct.unit_code = 'KC' and fct.report_line = 'other_external_cost' and fct.period = '2015-02'
        """
    ).fetchall()
    assert found == [("ledger_2015-02", 5, Decimal("-2.05"))]


def test_a_later_export_supersedes_and_a_removed_one_is_remembered(dbt, tmp_path: Path) -> None:
    raw = municipality(tmp_path)
    raw.load("ledger_q1", period_from="2015-01", period_to="2015-03", ledger_line=[line("2015-02", "5010", "7.00")])
    results = dbt(raw.write(), "build", "--exclude-resource-type", "unit_test")
    assert problems(results) == {}
    with open_databases(tmp_path, read_only=True) as database:
        assert follow_up(database, "KLK", "personnel")[:2] == ("0.00", "-7.00")
        superseded = database.execute(
            "select load_id, period, superseded_by_load_id from warehouse.core.int_load_scope where not is_active order by 2"
        ).fetchall()
        assert superseded == [(f"ledger_2015-0{month}", f"2015-0{month}", "ledger_q1") for month in (1, 2, 3)]
        assert database.execute("select count(*) from warehouse.staging.stg_raw__ledger_lines").fetchone() == (12 + 3 * 8 + 1,)


def test_psaldo_file_gives_outcome_and_budget(dbt, tmp_path: Path) -> None:
    """A SIE 3 file alone: this year's and last year's period balances, its own budget, RES of a year without anything finer."""
    from raw_fixture import RawHome

    raw = RawHome(tmp_path)
    raw.load(
        "sie3",
        delivery="2015-02",
        psaldo_dimension_set="1",
        psaldo_semantics="total",
        pbudget_dimension_set="1",
        pbudget_semantics="total",
        periods={
            "period_balance": ("2014-01", "2015-02"),
            "budget_line": ("2015-01", "2015-12"),
            "year_balance": ("2013-01", "2015-02"),
            "account": (None, None),
        },
        period_balance=[
            {"period": "2015-02", "account": "5010", "dimension_set": "", "amount": "100.00"},
            {"period": "2015-02", "account": "5010", "dimension_set": "1", "unit": "A", "amount": "60.01"},
            {"period": "2015-02", "account": "5010", "dimension_set": "6", "project": "P", "amount": "100.00"},
            {"period": "2014-02", "account": "5010", "dimension_set": "", "amount": "80.00"},
        ],
        budget_line=[
            {"fiscal_year": 2015, "period": "2015-02", "account": "5010", "dimension_set": "", "amount": "90.00"},
            {"fiscal_year": 2015, "period": "2015-02", "account": "5010", "dimension_set": "1", "unit": "A", "amount": "50.00"},
        ],
        year_balance=[
            {"label": "RES", "year_start": "2015-01-01", "year_end": "2015-12-31", "account": "5010", "amount": "100.00"},
            {"label": "RES", "year_start": "2013-01-01", "year_end": "2013-12-31", "account": "5010", "amount": "700.00"},
            {"label": "UB", "year_start": "2015-01-01", "year_end": "2015-12-31", "account": "1930", "amount": "-5.00"},
        ],
        account=[{"account": "5010", "name": "Löner"}],
    )
    results = dbt(raw.write(), "build", "--exclude-resource-type", "unit_test")
    assert problems(results) == {}
    with open_databases(tmp_path, read_only=True) as database:
        assert follow_up(database, "KOMMUN", "net", "2015-02")[:4] == ("-100.00", "-100.00", "-90.00", "-10.00")
        assert follow_up(database, "A", "personnel", "2015-02")[:4] == ("-60.01", "-60.01", "-50.00", "-10.01")
        assert follow_up(database, "(saknas)", "personnel", "2015-02")[:3] == ("-39.99", "-39.99", "-40.00")
        assert follow_up(database, "KOMMUN", "personnel", "2014-02")[:2] == ("-80.00", "-80.00")
        assert follow_up(database, "KOMMUN", "personnel", "2013-12")[:2] == ("-700.00", "-700.00")


def test_an_unfinished_or_withdrawn_load_does_not_count(dbt, tmp_path: Path) -> None:
    """Parquet files without an accepted row in the register: a killed ingest, a withdrawn load."""
    raw = municipality(tmp_path)
    raw.load(
        "withdrawn", status="withdrawn", period_from="2015-03", period_to="2015-03", ledger_line=[line("2015-03", "5010", "9")]
    )
    raw.load("killed", period_from="2015-03", period_to="2015-03", ledger_line=[line("2015-03", "5010", "9")])
    raw.loads.pop()
    raw.load_entities.pop()
    dbt(raw.write(), "build", "--exclude-resource-types", "test", "unit_test")
    with open_databases(tmp_path, read_only=True) as database:
        assert follow_up(database, "KLK", "personnel")[0] == "-100.00"


def test_a_home_without_loads_builds(dbt, tmp_path: Path) -> None:
    from raw_fixture import RawHome

    results = dbt(RawHome(tmp_path).write(), "build", "--exclude-resource-type", "unit_test")
    assert problems(results) == {}


def test_top_unit_is_named_by_the_settings(dbt, tmp_path: Path) -> None:
    """The manifest was parsed without them: settings are read when the models run."""
    home = municipality(tmp_path).write()
    dbt(
        home,
        "build",
        "--exclude-resource-types",
        "test",
        "unit_test",
        AVVIK_ROOT_UNIT="0000",
        AVVIK_MUNICIPALITY="S:t Olofs kommun'",
    )
    with open_databases(tmp_path, read_only=True) as database:
        rows = database.execute(
            "select distinct unit_code, unit_name, parent_unit_code from reporting.marts.follow_up where unit_level = 0"
        ).fetchall()
    assert rows == [("0000", "S:t Olofs kommun'", None)]


def test_unit_tests_of_the_formulas(dbt, built: Path) -> None:
    results = dbt(built, "test", "--select", "test_type:unit")
    assert len(results) >= 14
    assert {name: outcome.message for name, outcome in results.items() if outcome.status != "pass"} == {}


def test_descriptions_are_inside_the_published_file(database: duckdb.DuckDBPyConnection) -> None:
    tables = database.execute("select table_name, comment from duckdb_tables() where database_name = 'reporting'").fetchall()
    columns = database.execute(
        "select table_name, column_name, comment from duckdb_columns() where database_name = 'reporting'"
    ).fetchall()
    assert len(tables) >= 10
    assert [name for name, comment in tables if not (comment or "").startswith("One row per ")] == []
    assert [(table, column) for table, column, comment in columns if not comment] == []


def test_money_is_decimal_and_never_float(database: duckdb.DuckDBPyConnection) -> None:
    """The statistics of the schema `findings` are estimates and never leave it; everything else is money or a count."""
    types = database.execute(
        "select distinct data_type from duckdb_columns() "
        "where database_name in ('reporting', 'warehouse') and schema_name <> 'findings'"
    ).fetchall()
    assert not {"DOUBLE", "FLOAT"} & {name for (name,) in types}
    wrong = database.execute(
        "select table_name, column_name from duckdb_columns() where database_name = 'reporting' "
        "and regexp_matches(column_name, '^(amount|(outcome|budget|forecast|deviation)_(month|period|year|forecast))$') "
        "and data_type <> 'DECIMAL(18,2)'"
    ).fetchall()
    assert wrong == []


def test_sources_are_the_raw_contract() -> None:
    """The one place of raw schemas is the contract; the sources' YAML only describes its columns."""
    names = {
        pa.string(): "string",
        pa.int64(): "bigint",
        pa.int32(): "integer",
        pa.date32(): "date",
        pa.bool_(): "boolean",
        MONEY: "decimal(18,2)",
        QUANTITY: "decimal(18,4)",
        SHARE: "decimal(9,6)",
        pa.timestamp("us"): "timestamp",
    }
    described = yaml.safe_load((PROJECT / "models" / "staging" / "raw" / "_sources.yml").read_text(encoding="utf-8"))
    tables = {table["name"]: {c["name"]: c["data_type"] for c in table["columns"]} for table in described["sources"][0]["tables"]}
    expected = {"load": LOAD, "load_entity": LOAD_ENTITY} | {
        entity: pa.schema([*LOAD_COLUMNS, *schema]) for entity, schema in ENTITIES.items()
    }
    assert tables == {name: {f.name: names[f.type] for f in schema} for name, schema in expected.items()}


def test_every_model_says_what_a_row_is() -> None:
    for path in sorted((PROJECT / "models").rglob("*.sql")):
        described = yaml.safe_load(path.with_suffix(".yml").read_text(encoding="utf-8"))["models"][0]
        assert described["name"] == path.stem
        assert described["description"].startswith("One row per "), path.stem


def test_no_account_number_stands_in_sql() -> None:
    import re

    for path in [*(PROJECT / "models").rglob("*.sql"), *(PROJECT / "macros").rglob("*.sql"), *(PROJECT / "tests").rglob("*.sql")]:
        text = path.read_text(encoding="utf-8").replace("trim(leading '0' from", "")
        assert re.findall(r"'\d{1,8}'", text) == [], path.name
