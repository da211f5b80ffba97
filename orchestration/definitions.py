"""The Dagster code location: everything is put together here, for the home in `AVVIK_HOME`."""

from __future__ import annotations

import dagster as dg

from orchestration.assets.common import LOCK, lock_resource
from orchestration.assets.derived import people_assets
from orchestration.assets.findings import action_list_asset, finding_keys, findings_assets
from orchestration.assets.published import KEY as PUBLISHED
from orchestration.assets.published import published_asset
from orchestration.assets.published_postgres import published_postgres_assets
from orchestration.assets.raw import raw_assets
from orchestration.assets.reports import reports_asset
from orchestration.assets.warehouse import mart_keys, warehouse_assets
from orchestration.automation import inbox_sensor, monthly_job, monthly_schedule
from orchestration.dbt_runner import load_project
from orchestration.instance import prepare_instance
from orchestration.periods import monthly_partitions
from orchestration.settings import Settings, load_settings


def build_definitions(settings: Settings) -> dg.Definitions:
    """Return the definitions of a home. All runs execute in one process, so that the lock spans the run."""
    prepare_instance(settings)
    partitions = monthly_partitions(settings)
    project = load_project(settings)
    job = monthly_job()
    return dg.Definitions(
        assets=[
            *raw_assets(settings, partitions, project.manifest),
            people_assets(settings, project.manifest),
            warehouse_assets(settings, project),
            *findings_assets(settings, project, mart_keys(project)),
            published_asset(settings, [*mart_keys(project), *finding_keys(project)]),
            *action_list_asset(settings, project, PUBLISHED),
            *published_postgres_assets(settings, project),
            *reports_asset(settings, PUBLISHED, mart_keys(project)),
        ],
        jobs=[job],
        schedules=[monthly_schedule(job, partitions)],
        sensors=[inbox_sensor(settings, job, partitions)],
        resources={LOCK: lock_resource(settings)},
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """Load the home that `AVVIK_HOME` names (default: the current folder)."""
    return build_definitions(load_settings())
