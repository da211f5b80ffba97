"""A whole monthly run on a tiny home: published when everything passes, stopped with a reason when not, never in between."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tiny
from test_lock import HOLDER
from tiny import deliver, follow_up, tiny_settings, use_tiny_reader, write_project

from orchestration import ingest
from orchestration.errors import SettingsError
from orchestration.instance import home_instance
from orchestration.lock import HomeBusy, home_lock
from orchestration.run import run_periods
from orchestration.settings import Settings


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("tiny") / "dbt_project")


@pytest.fixture(scope="module")
def module_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def settings(module_home: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An empty home. Only what dbt has parsed is kept from test to test."""
    for path in module_home.iterdir():
        if path.name == ".dagster":
            shutil.rmtree(path / "history", ignore_errors=True)
        elif path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    monkeypatch.setenv("AVVIK_DBT_PROJECT", str(project))
    monkeypatch.setattr(ingest, "open_reading", ingest.open_reading)  # put back afterwards
    use_tiny_reader()
    return tiny_settings(module_home)


def test_a_month_is_published_and_the_same_again_changes_nothing(settings: Settings) -> None:
    deliver(settings, "2015-03")
    told: list[tuple[str, int, int]] = []
    first = run_periods(settings, ["2015-03"], lambda *step: told.append(step))
    assert (first.ok, first.published, first.errors, first.rejected) == (True, True, [], [])
    assert first.publication.periods == ["2015-03"]
    assert [file.status for delivery in first.deliveries for file in delivery.files] == ["accepted"]
    assert ("2015-03/ledger.csv", 0, 1) in told
    assert {"stg_ledger", "follow_up", "the_amount_is_kept"} <= {name for name, _, _ in told}
    rows = follow_up(settings)

    told.clear()
    second = run_periods(settings, ["2015-03"], lambda *step: told.append(step))
    assert second.ok
    assert "the_amount_is_kept" not in {name for name, _, _ in told}  # the formulas have not changed: not tested again
    assert [file.status for delivery in second.deliveries for file in delivery.files] == ["unchanged"]
    assert follow_up(settings) == rows
    assert [str(row[3]) for row in rows] == ["-100.50", "100.50"]


def test_many_months_are_one_run_and_gaps_are_shown(settings: Settings) -> None:
    for period in ("2014-11", "2014-12", "2015-02"):
        deliver(settings, period)
    result = run_periods(settings, ["2014-11", "2014-12", "2015-01", "2015-02"])
    assert result.ok
    assert len(result.run_ids) == 1
    assert result.publication.deliveries == ["2014-11", "2014-12", "2015-02"]
    assert [check.message for check in result.failed_checks if check.check == "months_delivered"] == ["2015-01"]
    with home_instance(settings) as instance:
        from dagster import AssetKey

        done = instance.get_materialized_partitions(AssetKey(["raw", "ledger_line"]))
        assert done == {"2014-11", "2014-12", "2015-01", "2015-02"}
        record = instance.fetch_materializations(AssetKey(["raw", "ledger_line"]), limit=10).records
        counts = {r.partition_key: r.asset_materialization.metadata["dagster/partition_row_count"].value for r in record}
        assert counts == {"2014-11": 2, "2014-12": 2, "2015-01": 0, "2015-02": 2}


def test_months_apart_are_published_once(settings: Settings) -> None:
    for period in ("2014-11", "2015-02"):
        deliver(settings, period)
    result = run_periods(settings, ["2015-02", "2014-11"])
    assert result.ok
    assert len(result.run_ids) == 2
    assert result.publication.periods == ["2014-11", "2015-02"]
    assert len(list((settings.home / "publications").iterdir())) == 1


def test_a_refused_file_stops_the_run_and_is_named(settings: Settings) -> None:
    deliver(settings, "2015-03")
    assert run_periods(settings, ["2015-03"]).ok
    before = follow_up(settings)
    bad = deliver(settings, "2015-04", "<html>502 Bad Gateway</html>")
    result = run_periods(settings, ["2015-04"])
    assert (result.ok, result.published) == (False, False)
    assert [(file.file_name, file.reason_code) for file in result.rejected] == [("2015-04/ledger.csv", "not_csv")]
    assert "2015-04/ledger.csv, row 2: an error page" in result.errors[0]
    assert [(c.asset, c.check, c.severity) for c in result.failed_checks] == [("raw/ledger_line", "files_accepted", "ERROR")]
    assert follow_up(settings) == before
    # Nothing else is red in the UI: a check that had nothing to check is not "failed".
    with home_instance(settings) as instance:
        from dagster import AssetCheckKey, AssetKey

        keys = [AssetCheckKey(AssetKey(["raw", "ledger_line"]), name) for name in ("ledger_not_shrinking", "files_accepted")]
        keys.append(AssetCheckKey(AssetKey(["raw", "payroll_line"]), "files_accepted"))
        latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
        assert [latest[key].status.value for key in keys] == ["SUCCEEDED", "FAILED", "SUCCEEDED"]
    deliver(settings, "2015-04")
    assert bad.exists()
    assert run_periods(settings, ["2015-04"]).ok
    assert len(follow_up(settings)) == 4


def test_a_failed_dbt_test_stops_the_run_and_names_what_is_wrong(settings: Settings) -> None:
    deliver(settings, "2015-03")
    assert run_periods(settings, ["2015-03"]).ok
    before = follow_up(settings)
    deliver(settings, "2015-04", "2015-04-01;9123;KLK;-1.00", "2015-04-01;4001;;1.00")
    result = run_periods(settings, ["2015-04"])
    assert not result.ok
    assert "every_account_has_a_line" in result.errors[0]
    assert "Account 9123 has no report line (SEK 1.00)." in result.errors[0]
    found = {(check.asset, check.check): check.severity for check in result.failed_checks}
    # The test reads a model and a seed: it is shown on the model.
    assert found == {("core/fct_line", "every_account_has_a_line"): "ERROR", ("core/fct_line", "not_null_fct_line_unit"): "WARN"}
    assert follow_up(settings) == before


def test_warnings_do_not_stop_and_show_no_free_text(settings: Settings) -> None:
    deliver(settings, "2015-03", "2015-03-01;3001;;-1.00", "2015-03-01;3002;;-1.00")
    result = run_periods(settings, ["2015-03"])
    assert result.ok
    [check] = [check for check in result.failed_checks if check.asset == "core/fct_line"]
    assert check.severity == "WARN"
    assert check.message == "not_null_fct_line_unit (2): unit –"
    with home_instance(settings) as instance:
        events = "".join(str(record.event_log_entry) for record in instance.get_records_for_run(result.run_ids[0]).records)
    assert "3001" in events
    assert "Andersson" not in events
    assert "hemligt" not in events


def test_a_damaged_warehouse_heals(settings: Settings) -> None:
    deliver(settings, "2015-03")
    assert run_periods(settings, ["2015-03"]).ok
    path = settings.warehouse / "warehouse.duckdb"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    (settings.warehouse / "reporting.duckdb").write_bytes(b"half a mart")
    assert run_periods(settings, ["2015-03"]).ok


def test_nothing_delivered_is_said_plainly(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="lies in the future"):
        run_periods(settings, ["2098-01"])
    with pytest.raises(SettingsError, match="does not exist"):
        run_periods(settings, ["2001-01"])
    with pytest.raises(SettingsError, match="YYYY-MM"):
        run_periods(settings, ["mars"])
    deliver(settings, "2015-03")
    deliver(settings, "2015-05")
    result = run_periods(settings, ["2015-04"])
    assert not result.ok
    assert "Nothing has been delivered for 2015-04" in result.errors[0]


def test_a_busy_home_is_refused(settings: Settings, project: Path, tmp_path: Path) -> None:
    deliver(settings, "2015-03")
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(settings.home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=tiny.environment(project, tmp_path / "user"),
    )
    assert process.stdout.readline() == "held\n"
    try:
        with pytest.raises(HomeBusy, match="run 2015-03"):
            run_periods(settings, ["2015-03"], wait=0)
    finally:
        process.communicate("\n")


@pytest.mark.slow
def test_two_processes_wait_for_each_other_and_touch_nobodys_home(settings: Settings, project: Path, tmp_path: Path) -> None:
    deliver(settings, "2015-03")
    deliver(settings, "2015-04")
    user_home = tmp_path / "user"
    processes = [
        subprocess.Popen(
            [sys.executable, tiny.__file__, str(settings.home), period],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=tiny.environment(project, user_home),
        )
        for period in ("2015-03", "2015-04")
    ]
    outputs = [process.communicate(timeout=120) for process in processes]
    assert [json.loads(out.splitlines()[-1])["ok"] for out, _ in outputs] == [True, True], outputs
    assert [err for _, err in outputs] == ["", ""]
    assert len(follow_up(settings)) == 4
    assert len(list((settings.home / "publications").iterdir())) == 2
    assert list(user_home.iterdir()) == []


def changed(path: Path) -> int:
    """Return when a file was changed, 0 for one that is not there."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


@pytest.mark.slow
def test_killed_runs_leave_the_publication_whole_and_are_closed(settings: Settings, project: Path, tmp_path: Path) -> None:
    deliver(settings, "2015-03")
    assert run_periods(settings, ["2015-03"]).ok
    before = follow_up(settings)
    deliver(settings, "2015-04")
    for stage in ("raw/load.parquet", "warehouse/warehouse.duckdb", "publications"):
        process = subprocess.Popen(
            [sys.executable, tiny.__file__, str(settings.home), "2015-03", "2015-04"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=tiny.environment(project, tmp_path / "user"),
        )
        started, first = time.time(), changed(settings.home / stage)
        while process.poll() is None and changed(settings.home / stage) == first and time.time() - started < 60:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        process.wait()
        # A kill that came too late finds the new publication, whole; one before it, the old one.
        assert follow_up(settings)[:2] == before
        assert len(follow_up(settings)) in (2, 4)
    with home_lock(settings, "look", wait=0):
        pass
    result = run_periods(settings, ["2015-03", "2015-04"])
    assert result.ok
    assert len(follow_up(settings)) == 4
    with home_instance(settings) as instance:
        statuses = [run.status.value for run in instance.get_runs()]
    assert {"SUCCESS", "FAILURE"} >= set(statuses)
