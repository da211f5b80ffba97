"""The publication to PostgreSQL, on a real server: the same to the öre, swapped under readers, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import psycopg
import pytest
import tiny
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from expectations import files
from orchestration import cli, ingest, postgres
from orchestration.errors import SettingsError
from orchestration.postgres import PostgresError, primary_keys, publish_postgres
from orchestration.postgres_options import PostgresOptions
from orchestration.publish import Build, begin_build, finish_build, publish, reporting_path
from orchestration.settings import Settings, load_settings

KEYS = {"follow_up": ["report_period", "unit_code"]}
HOSTILE = [
    "",
    " ",
    "NULL",
    "\\N",
    "\\.",
    '"',
    "a,b;c\td",
    "rad 1\r\nrad 2",
    "'; drop schema marts cascade; --",
    "åäö €",
    "a\x00b",
]


@pytest.fixture
def dsn(postgres_dsn: str) -> Iterator[str]:
    """Yield an empty database's connection string."""
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute("drop database if exists ekonomi with (force)")
        connection.execute("create database ekonomi")
        yield postgres_dsn.replace("dbname=postgres", "dbname=ekonomi")
        connection.execute("drop database ekonomi with (force)")


@pytest.fixture
def settings(tmp_path: Path, dsn: str) -> Settings:
    home = tmp_path / "kommun åäö"
    home.mkdir()
    (home / "avvik.toml").write_text(f"[postgres]\ndsn = {json.dumps(dsn)}\n", encoding="utf-8")
    return load_settings(home)


def publication(settings: Settings, *, amounts: list[str] = ["1.10", "-2.20"], texts: list[str] = HOSTILE) -> None:  # noqa: B006
    begin_build(settings)
    with duckdb.connect(str(reporting_path(settings))) as connection:
        connection.execute("create schema marts")
        connection.execute(
            "create table marts.follow_up (report_period varchar, unit_code varchar, amount decimal(18,2), day date, "
            "moment timestamp, flag boolean, n bigint)"
        )
        for number, amount in enumerate(amounts):
            connection.execute(
                "insert into marts.follow_up values ('2015-03', ?, ?, '2015-03-31', '2015-03-31 12:34:56.789', ?, ?)",
                [f"u{number}", Decimal(amount), None if number else True, 2**62 + number],
            )
        connection.execute('create table marts."order; drop" ("select" varchar, "å ""q""" varchar)')
        connection.executemany('insert into marts."order; drop" values (?, null)', [[text] for text in texts])
        for table in ("follow_up", '"order; drop"'):
            connection.execute(f"comment on table marts.{table} is 'One row per ''thing''; drop table x'")
        for table, column in connection.execute(
            "select table_name, column_name from duckdb_columns() where schema_name='marts'"
        ).fetchall():
            quoted = column.replace('"', '""')
            connection.execute(f"comment on column marts.\"{table}\".\"{quoted}\" is 'Vad %s är: ''{{}}'' \\'")
    finish_build(settings, Build("run", ["2015-03"], ["2015-03"], ["follow_up", "order; drop"]))
    publish(settings)


def rows(dsn: str, query: str) -> list[tuple]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query).fetchall()  # type: ignore[call-overload]


def test_everything_arrives_to_the_ore_with_types_and_descriptions(settings: Settings, dsn: str) -> None:
    amounts = ["9999999999999999.99", "-9999999999999999.99", "0.01", "-0.01", "0.10"]
    publication(settings, amounts=amounts)
    result = publish_postgres(settings, KEYS)
    assert result.marts == {"follow_up": 5, "order; drop": len(HOSTILE)}
    assert result.waiting == {}
    assert sorted(str(row[0]) for row in rows(dsn, "select amount from marts.follow_up")) == sorted(amounts)
    with duckdb.connect(str(settings.published / "reporting.duckdb"), read_only=True) as connection:
        order = "select * from marts.follow_up order by unit_code"
        assert rows(dsn, order) == connection.execute(order).fetchall()
    numeric = "select numeric_precision, numeric_scale from information_schema.columns where column_name = 'amount'"
    assert rows(dsn, numeric) == [(18, 2)]
    described = rows(dsn, "select obj_description('marts.follow_up'::regclass), col_description('marts.follow_up'::regclass, 3)")
    assert described == [("One row per 'thing'; drop table x", "Vad %s är: '{}' \\")]
    assert rows(dsn, "select indexdef from pg_indexes where indexname = 'follow_up_pkey'") != []


def test_texts_arrive_as_they_are(settings: Settings, dsn: str) -> None:
    """Empty is not null, nothing is executed, and the one character that PostgreSQL cannot hold is shown, not lost."""
    publication(settings)
    publish_postgres(settings, KEYS)
    found = rows(dsn, 'select "select", "å ""q""" from marts."order; drop"')
    assert sorted(text for text, _ in found) == sorted(text.replace("\x00", "\ufffd") for text in HOSTILE)
    assert {nothing for _, nothing in found} == {None}


@hypothesis_settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00")), min_size=1, max_size=30))
def test_any_text_arrives(settings: Settings, dsn: str, texts: list[str]) -> None:
    publication(settings, texts=texts)
    publish_postgres(settings, {})
    assert sorted(text for (text,) in rows(dsn, 'select "select" from marts."order; drop"')) == sorted(texts)


def test_a_second_publication_replaces_the_first_under_an_open_reader(settings: Settings, dsn: str) -> None:
    publication(settings, amounts=["1.00"])
    publish_postgres(settings, KEYS)
    with psycopg.connect(dsn) as reader:
        assert reader.execute("select amount from marts.follow_up").fetchall() == [(Decimal("1.00"),)]
        publication(settings, amounts=["2.00", "3.00"])
        result = publish_postgres(settings, KEYS)  # neither waits for the reader nor fails
        assert list(result.waiting) == ["marts__old_1"]
        assert "lock timeout" in result.waiting["marts__old_1"]
        assert sorted(rows(dsn, "select amount from marts.follow_up")) == [(Decimal("2.00"),), (Decimal("3.00"),)]
    publication(settings, amounts=["4.00"])
    assert publish_postgres(settings, KEYS).waiting == {}
    assert rows(dsn, "select nspname from pg_namespace where nspname like 'marts%'") == [("marts",)]


def test_a_failure_half_way_leaves_the_old_schema_whole(settings: Settings, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    publication(settings, amounts=["1.00"])
    publish_postgres(settings, KEYS)
    before = rows(dsn, "select oid, relname from pg_class where relnamespace = 'marts'::regnamespace order by 1")
    publication(settings, amounts=["2.00"])
    copy = postgres._copy

    def failing(connection, source, schema, mart, key) -> None:
        copy(connection, source, schema, mart, key)
        if mart.name == "order; drop":
            connection.execute("select 1 / 0")

    monkeypatch.setattr(postgres, "_copy", failing)
    with pytest.raises(PostgresError, match="division by zero"):
        publish_postgres(settings, KEYS)
    assert rows(dsn, "select oid, relname from pg_class where relnamespace = 'marts'::regnamespace order by 1") == before
    assert rows(dsn, "select amount from marts.follow_up") == [(Decimal("1.00"),)]
    assert rows(dsn, "select nspname from pg_namespace where nspname like 'marts%'") == [("marts",)]
    monkeypatch.undo()
    publish_postgres(settings, KEYS)
    assert rows(dsn, "select amount from marts.follow_up") == [(Decimal("2.00"),)]


def test_a_key_that_does_not_hold_stops_it_without_telling_the_data(settings: Settings, dsn: str) -> None:
    publication(settings, texts=["hemligt", "hemligt"])
    with pytest.raises(PostgresError) as error:
        publish_postgres(settings, {"order; drop": ["select"]})
    assert "hemligt" not in str(error.value)
    assert rows(dsn, "select nspname from pg_namespace where nspname like 'marts%'") == []


def test_the_reader_reads_and_does_nothing_else(settings: Settings, dsn: str) -> None:
    for _ in range(2):  # rights are those of the newest publication too
        publication(settings)
        publish_postgres(settings, KEYS)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("set role avvik_reader")
        assert connection.execute("select sum(amount) from marts.follow_up").fetchone() == (Decimal("-1.10"),)
        for statement in (
            "insert into marts.follow_up (unit_code) values ('x')",
            "update marts.follow_up set amount = 0",
            "delete from marts.follow_up",
            "truncate marts.follow_up",
            "drop table marts.follow_up",
            "alter table marts.follow_up add x int",
            "create table marts.x (n int)",
            "create table public.x (n int)",
            "alter schema marts rename to mine",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
    assert rows(dsn, "select rolcanlogin, rolsuper, rolcreatedb from pg_roles where rolname = 'avvik_reader'") == [
        (False, False, False)
    ]


def test_somebody_elses_schema_is_left_alone(settings: Settings, dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("create schema marts create table mine (n int)")
    publication(settings)
    with pytest.raises(PostgresError, match="did not put there"):
        publish_postgres(settings, KEYS)
    assert rows(dsn, "select relname from pg_class where relnamespace = 'marts'::regnamespace") == [("mine",)]


def test_a_view_of_ones_own_is_not_taken_away(settings: Settings, dsn: str) -> None:
    publication(settings)
    publish_postgres(settings, KEYS)
    with psycopg.connect(dsn) as connection:
        connection.execute("create view public.mine as select sum(amount) as total from marts.follow_up")
    publication(settings)
    result = publish_postgres(settings, KEYS)
    assert "depend" in result.waiting["marts__old_1"]
    assert rows(dsn, "select total from public.mine") == [(Decimal("-1.10"),)]
    assert rows(dsn, "select count(*) from marts.follow_up") == [(2,)]


def test_an_unknown_type_is_named(settings: Settings) -> None:
    begin_build(settings)
    with duckdb.connect(str(reporting_path(settings))) as connection:
        connection.execute("create schema marts; create table marts.t as select [1] as liste")
        connection.execute("comment on table marts.t is 'One row per x'; comment on column marts.t.liste is 'x'")
    finish_build(settings, Build("run", [], [], ["t"]))
    publish(settings)
    with pytest.raises(PostgresError, match=r"t\.liste has type INTEGER\[\]"):
        publish_postgres(settings, {})


def test_no_server_is_said_and_the_files_stay(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "avvik.toml").write_text("[postgres]\ndsn = 'host=/nowhere'\n")
    settings = load_settings(home)
    publication(settings)
    with pytest.raises(PostgresError, match="files in published/ are published"):
        publish_postgres(settings, {})


@pytest.mark.parametrize("dsn", ["password=hemligt host=x", "postgresql://avvik:hemligt@x/y"])
def test_a_password_in_the_settings_is_refused(tmp_path: Path, dsn: str) -> None:
    (tmp_path / "avvik.toml").write_text(f"[postgres]\ndsn = '{dsn}'\n")
    with pytest.raises(SettingsError, match="pgpass") as error:
        load_settings(tmp_path)
    assert "hemligt" not in str(error.value)


def test_primary_keys_are_the_unique_keys_that_cannot_be_null() -> None:
    def model(**columns: bool) -> dict:
        return {
            "resource_type": "model", "schema": "marts", "alias": "m",
            "columns": {name: {"constraints": [{"type": "not_null"}] if needed else []} for name, needed in columns.items()},
        }  # fmt: skip

    def test_of(name: str) -> dict:
        return {"test_metadata": {"name": "unique_key", "kwargs": {"columns": ["a", "b"]}}, "attached_node": name, "schema": "f"}

    whole = {"nodes": {"m": model(a=True, b=True, c=False), "t": test_of("m")}}
    assert primary_keys(whole) == {"m": ["a", "b"]}
    assert primary_keys({"nodes": {"m": model(a=True, b=False), "t": test_of("m")}}) == {}


def test_the_step_is_in_the_job_only_where_it_is_set_up(tmp_path: Path) -> None:
    from orchestration.assets.published_postgres import published_postgres_assets

    project = type("Project", (), {"manifest": {"nodes": {}}})()
    plain = Settings(home=tmp_path)
    assert published_postgres_assets(plain, project) == []
    plain.postgres = PostgresOptions(dsn="host=x")
    (asset,) = published_postgres_assets(plain, project)
    assert asset.key.path == ["published_postgres"]
    assert [key.path for key in asset.dependency_keys] == [["published"]]


def test_a_run_copies_to_the_server_and_its_publication_stands_without_it(
    settings: Settings, dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The server down: the month is published all the same, exit code 3 and what to do; the next run makes up for it."""
    monkeypatch.setenv("AVVIK_DBT_PROJECT", str(tiny.write_project(tmp_path / "dbt_project")))
    monkeypatch.setattr(ingest, "open_reading", ingest.open_reading)  # put back afterwards
    tiny.use_tiny_reader()
    monkeypatch.setattr(files, "check_file", lambda *_: [])  # Great Expectations takes seconds to import, and is tested elsewhere
    settings.sources = tiny.tiny_settings(settings.home).sources
    tiny.deliver(settings, "2015-03")

    settings.postgres = PostgresOptions(dsn="host=/nowhere")
    assert cli._run(settings, ["2015-03"]) == 3
    said = capsys.readouterr().err
    assert "files in published/ are published. Run avvik run again" in said
    assert "Traceback" not in said
    published = tiny.follow_up(settings)
    assert len(published) == 2

    settings.postgres = PostgresOptions(dsn=dsn)
    assert cli._run(settings, ["2015-03"]) == 0
    assert tiny.follow_up(settings) == published
    columns = "report_period, unit_code, report_line, outcome_period"
    assert rows(dsn, f"select {columns} from marts.follow_up order by {columns}") == published
