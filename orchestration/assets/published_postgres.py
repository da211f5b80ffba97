"""Publication to PostgreSQL: a step after `published`, in the homes whose settings have a `[postgres]` section.

What belongs here: the step as Dagster sees it. What does not: copying (`orchestration.postgres`).
"""

import dagster as dg

from orchestration.assets import published
from orchestration.assets.common import LOCK, OWNERS, plain, table
from orchestration.dbt_runner import Project
from orchestration.errors import AvvikError
from orchestration.postgres import primary_keys, publish_postgres
from orchestration.settings import Settings

KEY = dg.AssetKey(["published_postgres"])


def published_postgres_assets(settings: Settings, project: Project) -> list[dg.AssetsDefinition]:
    """Return the asset `published_postgres`, or nothing where PostgreSQL is not set up."""
    options = settings.postgres
    if options is None:
        return []

    @dg.asset(
        key=KEY,
        deps=[published.KEY],
        group_name="published",
        owners=OWNERS,
        kinds={"postgres"},
        description=f"The same marts in PostgreSQL, schema `{options.schema_name}`, replaced in one transaction; "
        f"readable by the role `{options.reader}`.",
        required_resource_keys={LOCK},
    )
    def published_postgres(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        try:
            done = publish_postgres(settings, primary_keys(project.manifest))
        except AvvikError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        for schema, reason in done.waiting.items():
            context.log.warning(f"{schema}: {reason}")
        metadata = {
            "publication": done.publication_id,
            "marts": table(("mart", "rows"), done.marts.items()),
            "schemas_to_drop": table(("schema", "reason"), done.waiting.items()),
        }
        return dg.MaterializeResult(metadata=plain(metadata))

    return [published_postgres]
