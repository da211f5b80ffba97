"""The documented queries: each runs on the published marts, in DuckDB and in PostgreSQL, with the same answer and true sums."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import psycopg
import pytest
import tiny_bi

from orchestration.bi.bundle import dataset_queries, missing_marts
from orchestration.bi.schema import declared_schema
from orchestration.postgres import publish_postgres
from orchestration.settings import Settings

FOLDER = Path(__file__).resolve().parents[3] / "orchestration" / "bi" / "queries"
QUERIES = {path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.sql"))}
#: Quotients: DuckDB divides in floating point, so the last öre of half of one may differ. Amounts are never divided.
QUOTIENTS = {"rate_so_far", "rate_left", "forecast_path"}
PARAMETERS = {"report_period": "2015-02", "unit_code": "KLK", "report_line": "other_external_cost", "finding_id": "F1"}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return tiny_bi.publication(tmp_path_factory.mktemp("queries"))


@pytest.fixture(scope="module")
def marts(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(settings.published / "reporting.duckdb"), read_only=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def postgres(settings: Settings, postgres_dsn: str) -> Iterator[psycopg.Connection]:
    tiny_bi.use_postgres(settings, postgres_dsn)
    publish_postgres(settings, {})
    with psycopg.connect(postgres_dsn) as connection:
        connection.execute("set role avvik_reader")
        yield connection


def used(sql: str) -> dict[str, str]:
    names = set(re.findall(r"\$(\w+)", sql.split("\n\n", 1)[1]))
    return {name: PARAMETERS[name] for name in names}


def answer(marts: duckdb.DuckDBPyConnection, name: str, **other: str) -> list[dict]:
    result = marts.execute(QUERIES[name], {key: other.get(key, value) for key, value in used(QUERIES[name]).items()})
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


@pytest.mark.parametrize("name", QUERIES)
def test_the_header_says_question_grain_and_parameters(name: str) -> None:
    header, sql = QUERIES[name].split("\n\n", 1)
    lines = header.splitlines()
    assert [line.split(":")[0] for line in lines[:3]] == ["-- Fråga", "-- En rad per", "-- Parametrar"]
    assert set(re.findall(r"\$(\w+)", sql)) == set(re.findall(r"\$(\w+)", lines[2]))


@pytest.mark.parametrize("name", QUERIES)
def test_duckdb_and_postgresql_answer_the_same(marts: duckdb.DuckDBPyConnection, postgres: psycopg.Connection, name: str) -> None:
    expected = [tuple(row.values()) for row in answer(marts, name)]
    assert expected, "the fixture has rows for every question"
    sql = re.sub(r"\$(\w+)", r"%(\1)s", QUERIES[name].split("\n\n", 1)[1])
    assert postgres.execute(sql, PARAMETERS).fetchall() == expected  # type: ignore[call-overload]


@pytest.mark.parametrize("name", dataset_queries())
def test_the_dashboards_datasets_answer_the_same(
    marts: duckdb.DuckDBPyConnection, postgres: psycopg.Connection, name: str
) -> None:
    sql = dataset_queries()[name]
    described = marts.execute(f"select * from ({sql}) as rows")
    assert described.description
    columns = ", ".join(f'"{column[0]}"' for column in described.description)
    ordered = f"select {columns} from ({sql}) as rows"
    expected, found = marts.execute(ordered).fetchall(), postgres.execute(ordered).fetchall()  # type: ignore[call-overload]
    assert expected
    names = [column[0] for column in described.description]
    quotients = [index for index, column in enumerate(names) if column in QUOTIENTS]

    def exact(row: tuple) -> tuple:
        return tuple(value for index, value in enumerate(row) if index not in quotients)

    expected, found = (sorted(rows, key=lambda row: repr(exact(row))) for rows in (expected, found))
    assert [exact(row) for row in found] == [exact(row) for row in expected]
    for one, other in zip(found, expected, strict=True):
        for index in quotients:
            assert (one[index] is None) == (other[index] is None)
            assert abs((one[index] or 0) - (other[index] or 0)) <= Decimal("0.01"), names[index]


def test_every_query_is_in_the_list_and_the_two_ways_to_run_one_work(
    marts: duckdb.DuckDBPyConnection, postgres: psycopg.Connection, postgres_dsn: str
) -> None:
    """As the README beside the queries says it: prepared in DuckDB, through sed and psql in PostgreSQL."""
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`(\w+)\.sql`", readme)) == set(QUERIES)
    expected = [tuple(map(str, row.values())) for row in answer(marts, "follow_up")]
    marts.execute(f"prepare q as {QUERIES['follow_up']}")
    prepared = marts.execute("execute q(report_period := '2015-02', unit_code := 'KLK')").fetchall()
    assert [tuple(map(str, row)) for row in prepared] == expected
    if shutil.which("psql") is None:
        pytest.skip("needs psql: `make test-all` installs it (apt-get install postgresql)")
    command = re.findall(r"^\$ (sed .*psql) -d ekonomi (.*)$", readme, re.MULTILINE)[0]
    values = command[1].replace("2015-03", "2015-02")
    shell = f"{command[0]} -d \"$DSN\" -At -F '|' {values}"
    environment = {**os.environ, "DSN": postgres_dsn}
    done = subprocess.run(shell, shell=True, cwd=FOLDER, env=environment, capture_output=True, text=True, check=True)
    assert [tuple(line.split("|")) for line in done.stdout.splitlines()] == expected


def test_accounts_and_vouchers_sum_to_the_follow_up(marts: duckdb.DuckDBPyConnection) -> None:
    line = next(row for row in answer(marts, "follow_up") if row["report_line_name"] == "Övriga externa kostnader")
    assert line["unit_code"] == "KLK"  # itself comes first
    accounts = answer(marts, "accounts_behind_a_deviation")
    assert sum(row["deviation_period"] for row in accounts) == line["deviation_period"] == Decimal("-4.04")
    vouchers = answer(marts, "largest_vouchers")
    assert sum(row["amount"] for row in vouchers) == line["outcome_period"] == Decimal("-104.04")


def test_the_units_below_sum_to_the_unit(marts: duckdb.DuckDBPyConnection) -> None:
    whole, *below = (row for row in answer(marts, "follow_up", unit_code="KOMMUN") if row["report_line_name"] == "Netto")
    assert (whole["unit_code"], {row["unit_code"] for row in below}) == ("KOMMUN", {"BUN", "KLK"})
    assert sum(row["deviation_period"] for row in below) == whole["deviation_period"]


def test_a_finding_is_shown_once_for_its_unit_and_once_for_each_above(marts: duckdb.DuckDBPyConnection) -> None:
    sql = dataset_queries()["fynd"]
    rows = marts.execute(
        f"select unit, finding_id from ({sql}) where month = '2015-02' and finding_id = 'F1' order by all"
    ).fetchall()
    assert rows == [("Ekonomi (E1)", "F1"), ("Kansliet (KLK)", "F1"), ("Kommunen (KOMMUN)", "F1")]


def test_what_changes_no_result_is_in_no_sum_of_effects(marts: duckdb.DuckDBPyConnection) -> None:
    sql = dataset_queries()["fynd"]
    rows = marts.execute(
        f"select finding_id, effect_period, effect_on_result, effect_on_year from ({sql}) "
        "where month = 'Senaste' and unit = 'Kansliet (KLK)' order by 1"
    ).fetchall()
    assert rows == [("F1", Decimal("-5.96"), Decimal("-5.96"), Decimal("0.00")), ("F2", Decimal("7000000.00"), None, None)]


def test_the_steps_of_the_bridge_sort_as_text_in_their_order(marts: duckdb.DuckDBPyConnection) -> None:
    sql = dataset_queries()["personalbrygga"]
    where = "where month = 'Senaste' and unit = 'Kansliet (KLK)'"
    by_name = marts.execute(f"select step from ({sql}) {where} order by step_name").fetchall()
    assert by_name == marts.execute(f"select step from ({sql}) {where} order by step_order").fetchall()
    assert by_name == [("vacancy",), ("unexplained",), ("hired_staff",)]


def test_the_curve_ends_where_the_follow_up_says(marts: duckdb.DuckDBPyConnection) -> None:
    """Outcome to the report month, budget to December, the way to the forecast between them: each to the öre."""
    sql = dataset_queries()["manader"]
    rows = marts.execute(
        f"select period, outcome_accumulated, budget_accumulated, forecast_path from ({sql}) "
        "where month = 'Senaste' and unit = 'Kansliet (KLK)' and report_line = 'net' order by period"
    ).fetchall()
    (expected,) = marts.execute(
        "select (outcome_period, budget_year, forecast_year) from marts.follow_up "
        "where report_period = '2015-02' and unit_code = 'KLK' and report_line = 'net'"
    ).fetchall()[0]
    assert [row[0] for row in rows] == [f"2015-{month:02d}" for month in range(1, 13)]
    assert (rows[1][1], rows[11][2], rows[11][3]) == tuple(expected)
    assert rows[2][1] is None
    assert rows[0][3] is None
    assert rows[1][3] == rows[1][1]


def test_a_mart_that_is_not_published_is_named(settings: Settings, tmp_path: Path) -> None:
    assert missing_marts(settings) == {}
    without = Settings(home=tmp_path)
    without.published.mkdir(parents=True)
    with duckdb.connect(str(without.published / "reporting.duckdb")) as connection:
        connection.execute("create schema marts")
        for mart in set(declared_schema()) - {"findings", "finding_evidence"}:
            connection.execute(f"create table marts.{mart} (n integer)")
    assert missing_marts(without) == {"fynd": ["findings"], "fynd_underlag": ["finding_evidence", "findings"]}
