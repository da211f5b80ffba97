"""A publication is whole or not there; the previous one survives everything."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from orchestration.publish import (
    Build,
    PublicationError,
    begin_build,
    current_publication,
    finish_build,
    publish,
    reporting_path,
    warehouse_path,
)
from orchestration.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "kommun åäö")


def build(settings: Settings, amount: str = "1.10", *, comments: bool = True, rows: int = 3, close: bool = True) -> None:
    begin_build(settings)
    with duckdb.connect(str(reporting_path(settings))) as connection:
        connection.execute("create schema marts")
        connection.execute(
            "create table marts.follow_up as select '2015-03' as report_period, "
            f"cast({amount} as decimal(18,2)) as outcome_period from range({rows})"
        )
        connection.execute("create table marts.dim_unit as select 'KLK' as unit_code")
        if comments:
            connection.execute("comment on table marts.follow_up is 'One row per month; the ''avvik'' table'")
            connection.execute("comment on column marts.follow_up.report_period is 'Månad'")
            connection.execute("comment on column marts.follow_up.outcome_period is 'Utfall, kr'")
            connection.execute("comment on table marts.dim_unit is 'One row per unit'")
            connection.execute("comment on column marts.dim_unit.unit_code is 'Ansvar'")
    if close:
        finish_build(settings, Build("run-1", ["2015-03"], ["2015-02", "2015-03"], ["follow_up", "dim_unit"]))


def published_amount(settings: Settings) -> str:
    with duckdb.connect(str(settings.published / "reporting.duckdb"), read_only=True) as connection:
        return str(connection.execute("select any_value(outcome_period) from marts.follow_up").fetchone()[0])


def test_publishes_database_parquet_and_manifest(settings: Settings) -> None:
    build(settings)
    publication = publish(settings)

    assert settings.published.is_symlink()
    assert not os.path.isabs(os.readlink(settings.published))
    assert publication.marts == {"dim_unit": 1, "follow_up": 3}
    assert current_publication(settings) == publication
    manifest = json.loads((settings.published / "publication.json").read_text())
    assert (manifest["run_id"], manifest["periods"], manifest["deliveries"]) == ("run-1", ["2015-03"], ["2015-02", "2015-03"])
    assert published_amount(settings) == "1.10"
    table = pq.read_table(settings.published / "follow_up.parquet")
    assert str(table.schema.field("outcome_period").type) == "decimal128(18, 2)"
    assert table.num_rows == 3


def test_descriptions_are_in_the_database_and_in_the_parquet_files(settings: Settings) -> None:
    build(settings)
    publish(settings)
    metadata = pq.read_metadata(settings.published / "follow_up.parquet").metadata
    assert metadata[b"description"].decode() == "One row per month; the 'avvik' table"
    assert metadata[b"description.report_period"].decode() == "Månad"
    with duckdb.connect(str(settings.published / "reporting.duckdb"), read_only=True) as connection:
        comments = connection.execute("select comment from duckdb_columns() where table_name = 'follow_up'").fetchall()
    assert {comment for (comment,) in comments} == {"Månad", "Utfall, kr"}


def test_what_is_only_in_the_write_ahead_log_is_published(settings: Settings) -> None:
    build(settings)
    connection = duckdb.connect(str(reporting_path(settings)))
    connection.execute("pragma disable_checkpoint_on_shutdown")
    connection.execute("insert into marts.follow_up values ('2015-04', 7)")
    connection.close()
    assert reporting_path(settings).with_name("reporting.duckdb.wal").exists()
    assert publish(settings).marts["follow_up"] == 4
    assert sorted(p.name for p in settings.published.iterdir()) == [
        "dim_unit.parquet",
        "follow_up.parquet",
        "publication.json",
        "reporting.duckdb",
    ]


def test_an_open_reader_keeps_the_old_publication(settings: Settings) -> None:
    build(settings, "1.00")
    publish(settings)
    reader = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import duckdb, sys\n"
            "c = duckdb.connect(sys.argv[1], read_only=True)\n"
            "print('open', flush=True); sys.stdin.readline()\n"
            "print(c.execute('select any_value(outcome_period) from marts.follow_up').fetchone()[0], flush=True)",
            str(settings.published / "reporting.duckdb"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert reader.stdout.readline() == "open\n"
    for amount in ("2.00", "3.00", "4.00", "5.00"):
        build(settings, amount)
        publish(settings)
    out, _ = reader.communicate("\n", timeout=20)
    assert out == "1.00\n"
    assert published_amount(settings) == "5.00"


def test_keeps_three_and_removes_leftovers_but_not_what_is_shown(settings: Settings) -> None:
    build(settings, "1.00")
    first = publish(settings)
    leftover = settings.home / "publications" / ".unfinished-20150101T000000.000000Z"
    leftover.mkdir()
    (leftover / "half.parquet").write_text("half")
    for _ in range(3):
        build(settings)
        publish(settings)
    kept = sorted(p.name for p in (settings.home / "publications").iterdir())
    assert len(kept) == 3
    assert first.publication_id not in kept
    # Someone points the link back to an older publication: it must survive until the next one replaces it.
    settings.published.unlink()
    settings.published.symlink_to(Path("publications") / kept[0])
    build(settings)
    publish(settings)
    assert settings.published.resolve().name not in kept


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"comments": False}, "no description"),
        ({"rows": 0}, "has no rows"),
    ],
)
def test_a_build_that_is_not_whole_is_not_published(settings: Settings, broken: dict, said: str) -> None:
    build(settings, "1.00")
    publish(settings)
    build(settings, "2.00", **broken)
    with pytest.raises(PublicationError, match=said):
        publish(settings)
    assert published_amount(settings) == "1.00"
    assert len(list((settings.home / "publications").iterdir())) == 1


def test_missing_marts_and_views_are_named(settings: Settings) -> None:
    build(settings)
    with duckdb.connect(str(reporting_path(settings))) as connection:
        connection.execute("drop table marts.dim_unit")
        connection.execute("create view marts.dim_unit as select 1 as x")
    with pytest.raises(PublicationError, match=r"dim_unit is missing.*dim_unit is a view"):
        publish(settings)


def test_nothing_is_published_without_a_finished_build(settings: Settings) -> None:
    build(settings, close=False)
    with pytest.raises(PublicationError, match="no finished build"):
        publish(settings)
    build(settings)
    begin_build(settings)  # a build that did not come to its end
    with pytest.raises(PublicationError, match="no finished build"):
        publish(settings)
    build(settings)
    publish(settings)
    with pytest.raises(PublicationError, match="published already"):
        publish(settings)


def test_a_real_folder_in_the_way_is_refused_and_left_alone(settings: Settings) -> None:
    build(settings)
    settings.published.mkdir()
    (settings.published / "mine.txt").write_text("mine")
    with pytest.raises(PublicationError, match="must be a link"):
        publish(settings)
    assert (settings.published / "mine.txt").read_text() == "mine"


def test_a_damaged_warehouse_is_started_anew(settings: Settings) -> None:
    begin_build(settings)
    for path in (warehouse_path(settings), reporting_path(settings)):
        with duckdb.connect(str(path)) as connection:
            connection.execute("create table t as select * from range(100000)")
        os.truncate(path, path.stat().st_size // 2 + 17)
        path.with_name(path.name + ".wal").write_bytes(b"torn")
    begin_build(settings)
    assert list(settings.warehouse.iterdir()) == []
    build(settings)
    publish(settings)


def test_killed_at_any_moment_the_link_shows_a_whole_publication(settings: Settings, tmp_path: Path) -> None:
    build(settings, "0.00", rows=5)
    publish(settings)
    script = tmp_path / "publisher.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import sys
            sys.path[:0] = {[str(Path(__file__).parent), str(Path(__file__).parents[2])]!r}
            from pathlib import Path
            from test_publish import build
            from orchestration.publish import publish
            from orchestration.settings import Settings
            settings = Settings(home=Path(sys.argv[1]))
            print("ready", flush=True)
            while True:
                build(settings, "0.00", rows=5)
                publish(settings)
            """
        )
    )
    for attempt in range(6):
        process = subprocess.Popen([sys.executable, str(script), str(settings.home)], stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.02 + attempt * 0.033)
        process.send_signal(signal.SIGKILL)
        process.wait()
        publication = current_publication(settings)
        assert publication.marts == {"dim_unit": 1, "follow_up": 5}
        assert pq.read_metadata(settings.published / "follow_up.parquet").num_rows == 5
        with duckdb.connect(str(settings.published / "reporting.duckdb"), read_only=True) as connection:
            assert connection.execute("select count(*) from marts.follow_up").fetchone() == (5,)
    build(settings)
    publish(settings)
    assert len(list((settings.home / "publications").iterdir())) <= 3
