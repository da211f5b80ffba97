"""The home's own Dagster instance: `DIR/.dagster`, sqlite, no telemetry, one run at a time.

What belongs here: Dagster's settings, where it keeps its records, and tidying after killed runs. What does not: assets and
jobs.
"""

from __future__ import annotations

import json
import os
import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.errors import Text
from orchestration.files import replace_file
from orchestration.lock import HomeBusy, home_lock
from orchestration.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance

#: On a run that holds the home's lock: by which process.
HOLDER_TAG = "avvik/holder"

_CONFIG = """\
# Written by avvik the first time; yours to change.
telemetry:
  enabled: false
nux:
  enabled: false
# The warehouse has one writer. The home's lock guarantees it; the queue makes runs wait in an orderly way. No pools: their slots
# outlive a killed run, and the next one would wait for ever.
concurrency:
  runs:
    max_concurrent_runs: 1
run_monitoring:
  enabled: true
  max_runtime_seconds: 86400
# Dagster's own sqlite files, with the connections kept open (orchestration/event_log.py).
event_log_storage:
  module: orchestration.event_log
  class: KeptSqliteEventLogStorage
  config:
    base_dir: ""
# What a run prints is not worth two more processes a step: everything that matters is in the event log.
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
"""

_EVENT_LOG_PLACE = re.compile(r"(class: KeptSqliteEventLogStorage\n  config:\n    base_dir: ).*")


def instance_folder(settings: Settings) -> Path:
    """Return `DIR/.dagster`, the DAGSTER_HOME of this home."""
    return settings.home / ".dagster"


def cache_folder(settings: Settings) -> Path:
    """Return where what can be made anew at any time is kept: in the home, or where `AVVIK_CACHE` says, for many homes."""
    shared = os.environ.get("AVVIK_CACHE")
    return Path(shared).resolve() if shared else instance_folder(settings) / "cache"


def prepare_instance(settings: Settings) -> Path:
    """Write `DIR/.dagster/dagster.yaml` if there is none, and see that it points into this home; return the folder.

    Also sets, for this process and those it starts, DAGSTER_HOME, and switches off the telemetry of Dagster, dbt and Great
    Expectations.
    """
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"
    os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    folder = instance_folder(settings)
    os.environ["DAGSTER_HOME"] = str(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "dagster.yaml"
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    # A home that was moved has its event log where it is now, not where it was.
    place = json.dumps(str(folder / "history" / "runs"))
    wanted = _EVENT_LOG_PLACE.sub(lambda match: match[1] + place, before or _CONFIG)
    if wanted != before:
        replace_file(path, wanted.encode(), many_writers=True)
    return folder


def home_instance(settings: Settings) -> DagsterInstance:
    """Return the home's Dagster instance: runs executed on it are seen in the UI."""
    folder = prepare_instance(settings)
    from dagster import DagsterInstance
    from dagster._core.instance.ref import InstanceRef

    return DagsterInstance.from_ref(InstanceRef.from_dir(str(folder)))


def holder_tag() -> dict[str, str]:
    """Return the tag of a run that holds the home's lock."""
    return {HOLDER_TAG: f"pid {os.getpid()}, {socket.gethostname()}"}


def close_dead_runs(settings: Settings, instance: DagsterInstance, own_run_id: str | None = None) -> list[str]:
    """Mark killed runs as failed; return their ids.

    A killed process cannot say that it was killed, and Dagster's default launcher cannot ask: without this the run would seem
    to go on for ever and hold up the queue. A run gets `HOLDER_TAG` when it has the home's lock, so that whoever has the lock now
    knows that all others with the tag are gone. Does nothing while somebody else has the lock.
    """
    from dagster import DagsterRunStatus, RunsFilter

    closed = []
    active = [DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
    try:
        with home_lock(settings, "tidy", wait=0):
            for run in instance.get_runs(RunsFilter(statuses=active)):
                holder = run.tags.get(HOLDER_TAG)
                if holder and run.run_id != own_run_id:
                    text = Text(
                        sv=f"Körningens process ({holder}) avbröts. Det som var publicerat är orört; kör igen.",
                        en=f"The run's process ({holder}) was killed. What was published is untouched; run again.",
                    )
                    instance.report_run_failed(run, str(text))
                    closed.append(run.run_id)
    except HomeBusy:
        return []
    return closed
