"""One monthly run, executed in this process on the home's own Dagster instance: what `avvik run` calls.

What belongs here: starting a run and telling in plain terms how it went. What does not: what a run does (`assets`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestration.errors import SettingsError, Text
from orchestration.ingest import DeliveryResult, FileResult, Progress
from orchestration.lock import WAIT_SECONDS, home_lock
from orchestration.periods import check_period, current_period, first_and_last_period, month_range, spans
from orchestration.publish import Publication, current_publication
from orchestration.settings import Settings

if TYPE_CHECKING:
    from dagster import ExecuteInProcessResult


#: What Dagster logs goes to the home's event log, not to the terminal.
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class FailedCheck:
    """A check that did not pass. asset: 'raw/ledger_line'. severity: ERROR (stopped the run) or WARN."""

    asset: str
    check: str
    severity: str
    message: str


@dataclass
class RunResult:
    """How a run went. ok: everything was done. published: there is a new publication, though a later step may have failed."""

    ok: bool = False
    run_ids: list[str] = field(default_factory=list)
    published: bool = False
    publication: Publication | None = None
    failed_checks: list[FailedCheck] = field(default_factory=list)
    deliveries: list[DeliveryResult] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def refused_reports(self) -> list[str]:
        """One sentence where reports failed their own proof and were not written; the publication stands."""
        return [check.message for check in self.failed_checks if check.asset == "reports" and check.severity == "ERROR"]

    @property
    def rejected(self) -> list[FileResult]:
        """The files that were refused."""
        return [file for delivery in self.deliveries for file in delivery.files if file.status == "rejected"]

    @property
    def warnings(self) -> list[str]:
        """One sentence per check of severity WARN that did not pass, and per warning of a reader."""
        checks = [f"{check.asset}: {check.message or check.check}" for check in self.failed_checks if check.severity == "WARN"]
        readers = [
            f"{file.file_name}: {text}" for delivery in self.deliveries for file in delivery.files for text in file.warnings
        ]
        return checks + readers


def run_periods(
    settings: Settings,
    periods: Sequence[str],
    progress: Progress | None = None,
    *,
    wait: float = WAIT_SECONDS,
    on_wait: Callable[[str], None] | None = None,
) -> RunResult:
    """Take in the deliveries of the months, build everything, check and publish, as one run.

    Months need not be adjacent: each unbroken span before the last is taken in by a run of its own, and the last one builds and
    publishes for all.

    Args:
        settings: whose home.
        periods: months 'YYYY-MM'.
        progress: called as (what, done, total) within each stage.
        wait: seconds to wait for another run in the same home.
        on_wait: called with a sentence when there is one.

    Raises:
        SettingsError: no month, not a month, or a month outside the partitions (future).
        HomeBusy: another run was not done in time.
        DbtFailed: the dbt project does not parse.
    """
    months = spans(_checked(settings, periods))
    with home_lock(settings, f"avvik run {months[0][0]}–{months[-1][1]}", wait, on_wait):
        return _run(settings, months, progress, wait)


def _checked(settings: Settings, periods: Sequence[str]) -> list[str]:
    if not periods:
        raise SettingsError(Text(sv="Ange minst en månad (ÅÅÅÅ-MM).", en="Give at least one month (YYYY-MM)."))
    first, last = first_and_last_period(settings)
    for period in map(check_period, periods):
        if period > current_period():
            raise SettingsError(Text(sv=f"{period} ligger i framtiden.", en=f"{period} lies in the future."))
        if not first <= period <= last:
            folder = settings.inbox / period
            raise SettingsError(
                Text(
                    sv=f"{folder} finns inte. Lägg månadens exporter där och kör igen.",
                    en=f"{folder} does not exist. Put the month's exports there and run again.",
                )
            )
    return list(periods)


def _run(settings: Settings, months: list[tuple[str, str]], progress: Progress | None, wait: float) -> RunResult:
    from orchestration.assets.common import OBSERVER, PERIODS_TAG, Observer
    from orchestration.automation import JOB_NAME
    from orchestration.definitions import build_definitions
    from orchestration.instance import close_dead_runs, holder_tag, home_instance

    wanted = [period for start, end in months for period in month_range(start, end)]
    asked = {PERIODS_TAG: ",".join(wanted)} if len(months) > 1 else {}
    observer = Observer(progress, lock_wait=wait)
    result = RunResult(deliveries=observer.deliveries)
    definitions = build_definitions(settings)
    job = definitions.resolve_job_def(JOB_NAME)
    taking_in = [key for key in job.asset_layer.asset_graph.get_all_asset_keys() if key.path[0] == "raw"]
    token = OBSERVER.set(observer)
    try:
        with home_instance(settings) as instance:
            close_dead_runs(settings, instance)
            for number, (start, end) in enumerate(months, start=1):
                partitions = (
                    {"dagster/partition": start}
                    if start == end
                    else {"dagster/asset_partition_range_start": start, "dagster/asset_partition_range_end": end}
                )
                outcome = job.execute_in_process(
                    instance=instance,
                    tags={**partitions, **holder_tag(), **asked},
                    asset_selection=None if number == len(months) else taking_in,
                    run_config=_QUIET,
                    raise_on_error=False,
                )
                _collect(result, outcome)
                if not outcome.success:
                    break
            publication = current_publication(settings)
            if publication is not None and publication.run_id == outcome.run_id:
                result.publication, result.published = publication, True
            result.ok = result.published and outcome.success
    finally:
        OBSERVER.reset(token)
    return result


def _collect(result: RunResult, outcome: ExecuteInProcessResult) -> None:
    """Read checks and failures from the run's own events: what the command says is what the UI shows."""
    result.run_ids.append(outcome.run_id)
    for evaluation in outcome.get_asset_check_evaluations():
        if not evaluation.passed:
            result.failed_checks.append(
                FailedCheck(
                    asset=evaluation.asset_key.to_user_string(),
                    check=evaluation.check_name,
                    severity=evaluation.severity.value,
                    message=evaluation.description or "",
                )
            )
    for event in outcome.all_events:
        if event.is_step_failure:
            failure = event.step_failure_data
            said = failure.user_failure_data.description if failure.user_failure_data else None
            error = failure.error
            while error and error.cause:
                error = error.cause
            result.errors.append(said or (error.message.strip() if error else event.message or ""))
        elif event.is_failure and not any(e.is_step_failure for e in outcome.all_events):
            result.errors.append(event.message or "")
