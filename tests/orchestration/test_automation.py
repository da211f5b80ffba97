"""What starts a run: the schedule for the month before, the sensor for complete inboxes, once for the same files."""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from tiny import deliver, tiny_settings, write_project

from orchestration import periods
from orchestration.definitions import build_definitions
from orchestration.instance import HOLDER_TAG, close_dead_runs, home_instance, prepare_instance
from orchestration.lock import home_lock
from orchestration.settings import Settings


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return tiny_settings(tmp_path_factory.mktemp("home"), required=True)


@pytest.fixture(scope="module")
def repository(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> dg.RepositoryDefinition:
    os.environ["AVVIK_DBT_PROJECT"] = str(write_project(tmp_path_factory.mktemp("tiny")))
    try:
        for period in ("2014-12", "2015-07"):
            (settings.inbox / period).mkdir(parents=True)
        return build_definitions(settings).get_repository_def()
    finally:
        del os.environ["AVVIK_DBT_PROJECT"]


def age(path: Path) -> None:
    """Make a file look as if its copying ended a minute ago."""
    os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 60))


def test_the_schedule_runs_the_month_before(repository: dg.RepositoryDefinition) -> None:
    schedule = repository.get_schedule_def("monthly_schedule")
    assert (schedule.cron_schedule, schedule.default_status.value) == ("0 6 6 * *", "STOPPED")
    moment = datetime(2015, 3, 6, 6, 0, tzinfo=ZoneInfo("Europe/Stockholm"))
    context = dg.build_schedule_context(scheduled_execution_time=moment.astimezone(UTC), repository_def=repository)
    [request] = schedule.evaluate_tick(context).run_requests
    assert request.partition_key == "2015-02"


def test_the_sensor_starts_complete_inboxes_once(settings: Settings, repository: dg.RepositoryDefinition) -> None:
    sensor = repository.get_sensor_def("inbox_sensor")

    def tick() -> tuple[list[tuple[str | None, str | None]], str]:
        with dg.DagsterInstance.ephemeral() as instance:
            data = sensor.evaluate_tick(dg.build_sensor_context(instance=instance, repository_def=repository))
        keys = [(r.tags.get("dagster/partition"), r.tags.get("dagster/asset_partition_range_end")) for r in data.run_requests]
        seen.append([request.run_key for request in data.run_requests])
        return keys, data.skip_message or ""

    seen: list[list[str]] = []
    assert tick()[0] == []
    path = deliver(settings, "2015-03")
    assert tick()[0] == []  # still being copied
    age(path)
    assert tick()[0] == [("2015-03", None)]
    assert tick()[0] == [("2015-03", None)]
    assert seen[-1] == seen[-2]  # the same run key: Dagster starts it once
    path.write_text("date;account;unit;amount\n2015-03-01;3001;KLK;-5.00\n", encoding="utf-8")
    age(path)
    tick()
    assert seen[-1] != seen[-2]  # a corrected file starts a new one
    for period in ("2015-04", "2015-06"):
        age(deliver(settings, period))
    assert tick()[0] == [(None, "2015-04"), ("2015-06", None)]
    age(deliver(settings, "2015-08"))
    assert len(tick()[0]) == 2  # not known when Dagster started: it is told what to do


def test_dead_runs_are_closed_only_when_nobody_works(settings: Settings) -> None:
    with home_instance(settings) as instance:
        started = dg.DagsterRunStatus.STARTED
        run = instance.add_run(dg.DagsterRun("monthly", run_id="killed", status=started, tags={HOLDER_TAG: "pid 1"}))
        instance.add_run(dg.DagsterRun("monthly", run_id="waiting for the lock", status=started))
        with home_lock(settings, "somebody"):
            closed: list[str] = []
            thread = threading.Thread(target=lambda: closed.extend(close_dead_runs(settings, instance)))
            thread.start()
            thread.join()
        assert closed == []
        assert close_dead_runs(settings, instance) == [run.run_id]
        assert instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.FAILURE
        assert instance.get_run_by_id("waiting for the lock").status == started
        assert close_dead_runs(settings, instance) == []


def test_a_moved_home_keeps_its_own_event_log(tmp_path: Path) -> None:
    config = prepare_instance(Settings(home=tmp_path / "a")) / "dagster.yaml"
    config.write_text(config.read_text() + "# mine\n")
    (tmp_path / "a").rename(tmp_path / "b")
    text = (prepare_instance(Settings(home=tmp_path / "b")) / "dagster.yaml").read_text()
    assert str(tmp_path / "b" / ".dagster") in text
    assert str(tmp_path / "a") not in text
    assert text.endswith("# mine\n")
    with home_instance(Settings(home=tmp_path / "b")) as instance:
        assert not instance.telemetry_enabled
        assert type(instance.event_log_storage).__name__ == "KeptSqliteEventLogStorage"


def test_the_months_of_a_home_end_with_today_or_with_its_last_delivery(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    now = periods.current_period()
    assert periods.first_and_last_period(settings)[1] == now
    (settings.inbox / "2013-01").mkdir(parents=True)
    (settings.inbox / "2015-04").mkdir()
    (settings.inbox / "2098-01").mkdir()
    assert periods.first_and_last_period(settings) == ("2013-01", "2015-04")
    keys = periods.monthly_partitions(settings).get_partition_keys()
    assert (keys[0], keys[-1], len(keys)) == ("2013-01", "2015-04", 28)
    (settings.inbox / periods.add_months(now, -2)).mkdir()
    assert periods.monthly_partitions(settings).get_partition_keys()[-1] == now


def test_months() -> None:
    assert periods.month_range("2014-11", "2015-02") == ["2014-11", "2014-12", "2015-01", "2015-02"]
    assert periods.month_range("2015-02", "2015-01") == []
    assert periods.spans(["2015-02", "2014-12", "2014-11", "2015-02"]) == [("2014-11", "2014-12"), ("2015-02", "2015-02")]
    assert periods.add_months("2015-01", -13) == "2013-12"
    assert periods.fiscal_year_first("2015-03", 9) == "2014-09"
    assert periods.fiscal_year("2015-09", 9) == 2015
    assert periods.current_period(datetime(2015, 3, 31, 22, 30, tzinfo=UTC)) == "2015-04"  # past midnight in Stockholm
