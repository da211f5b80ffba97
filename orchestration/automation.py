"""When things run: the monthly job, its schedule, and the sensor that watches the inbox.

Both the schedule and the sensor are off until somebody turns them on in the UI: which of them fits depends on how files arrive.

What belongs here: jobs and their triggers. What does not: what a run does (`assets`).
"""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from orchestration import ingest
from orchestration.errors import Text
from orchestration.instance import close_dead_runs
from orchestration.periods import TIMEZONE, add_months, current_period, spans
from orchestration.settings import Settings

#: At 06:00 on the 6th, when the books of the month before are usually closed.
SCHEDULE = "0 6 6 * *"

JOB_NAME = "monthly"

_SENSOR_SECONDS = 60


def monthly_job() -> dg.UnresolvedAssetJobDefinition:
    """Return the monthly job: inbox to published. A run is for one month, or for an unbroken range of them."""
    return dg.define_asset_job(
        JOB_NAME,
        selection=dg.AssetSelection.all(),
        executor_def=dg.in_process_executor,
        description="From inbox to published: takes in the chosen months' deliveries, builds everything, checks, publishes.",
    )


def monthly_schedule(job: dg.UnresolvedAssetJobDefinition, partitions: dg.PartitionsDefinition) -> dg.ScheduleDefinition:
    """Return the schedule: each month, the month before."""

    @dg.schedule(
        name="monthly_schedule",
        job=job,
        cron_schedule=SCHEDULE,
        execution_timezone=TIMEZONE,
        description="06:00 on the 6th, Stockholm time: the month before.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        period = add_months(current_period(context.scheduled_execution_time), -1)
        if not partitions.has_partition_key(period):
            return dg.SkipReason(str(_unknown(period)))
        return dg.RunRequest(run_key=f"schedule:{period}", partition_key=period)

    return schedule


def inbox_sensor(
    settings: Settings, job: dg.UnresolvedAssetJobDefinition, partitions: dg.PartitionsDefinition
) -> dg.SensorDefinition:
    """Return the sensor: a run for each unbroken range of months whose inbox is complete and has files that are not taken in.

    The run key is a fingerprint of the files. The same files start a run once, also when they were refused; a corrected file has
    another fingerprint and starts a new one.
    """

    @dg.sensor(
        name="inbox_sensor",
        job=job,
        minimum_interval_seconds=_SENSOR_SECONDS,
        description="Starts a run when an inbox has every required file, nothing is still being copied, and something is new.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        close_dead_runs(settings, context.instance)
        ready: dict[str, str] = {}
        waiting: list[str] = []
        for period in ingest.deliveries(settings):
            state = ingest.pending(settings, period)
            if not partitions.has_partition_key(period):
                waiting.append(str(_unknown(period)))
            elif state.complete and state.new_files:
                ready[period] = state.fingerprint
            elif state.missing:
                names = ", ".join(state.missing)
                waiting.append(str(Text(sv=f"{period} väntar på {names}", en=f"{period} waits for {names}")))
        for start, end in spans(ready):
            prints = "-".join(ready[period] for period in sorted(ready) if start <= period <= end)
            if start == end:
                yield dg.RunRequest(run_key=f"{start}:{prints}", partition_key=start)
            else:
                tags = {"dagster/asset_partition_range_start": start, "dagster/asset_partition_range_end": end}
                yield dg.RunRequest(run_key=f"{start}:{end}:{_short(prints)}", tags=tags)
        if not ready:
            yield dg.SkipReason("; ".join(waiting) or str(Text(sv="Inget nytt i inkorgen.", en="Nothing new in the inbox.")))

    return sensor


def _unknown(period: str) -> Text:
    return Text(
        sv=f"{period} hör inte till de månader som lästes när Dagster startade: ladda om definitionerna (Reload definitions)",
        en=f"{period} is not among the months that Dagster knew when it started: choose Reload definitions",
    )


def _short(prints: str) -> str:
    import hashlib

    return hashlib.sha256(prints.encode()).hexdigest()[:16]
