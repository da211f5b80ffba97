"""Marts to publication: the last asset, which depends on every mart.

What belongs here: the publication as Dagster sees it. What does not: publishing (`publish`).
"""

from typing import Any

import dagster as dg
import duckdb

from orchestration.assets.common import LOCK, OWNERS, plain, preview, table
from orchestration.errors import AvvikError
from orchestration.publish import NEVER_EMPTY, publish
from orchestration.settings import Settings

KEY = dg.AssetKey(["published"])

#: Rows of the follow-up that the preview shows: the top unit's lines of the newest month.
_PREVIEW_ROWS = 20


def published_asset(settings: Settings, marts: list[dg.AssetKey]) -> dg.AssetsDefinition:
    """Return the asset `published`: the folder that BI tools read."""

    @dg.asset(
        key=KEY,
        deps=marts,
        group_name="published",
        owners=OWNERS,
        kinds={"duckdb", "parquet"},
        description="What BI reads: `published/reporting.duckdb` (schema `marts`) and `published/<mart>.parquet`, "
        "replaced in one step after every blocking check has passed.",
        metadata={"path": dg.MetadataValue.path(str(settings.published))},
        required_resource_keys={LOCK},
    )
    def published(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        try:
            publication = publish(settings)
        except AvvikError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        metadata: dict[str, Any] = {
            "publication": publication.publication_id,
            "marts": table(("mart", "rows"), publication.marts.items()),
            "dagster/row_count": publication.marts.get(NEVER_EMPTY),
            "deliveries": publication.deliveries,
        }
        if NEVER_EMPTY in publication.marts:
            with duckdb.connect(str(settings.published / "reporting.duckdb"), read_only=True) as connection:
                shown = connection.sql(f"from marts.{NEVER_EMPTY}")
                if {"report_period", "unit_code"} <= set(shown.columns):
                    newest = f"report_period = (select max(report_period) from marts.{NEVER_EMPTY})"  # noqa: S608 a constant
                    shown = shown.filter(newest).filter(
                        duckdb.ColumnExpression("unit_code") == duckdb.ConstantExpression(settings.root_unit)
                    )
                metadata["preview"] = preview(NEVER_EMPTY, shown.limit(_PREVIEW_ROWS).to_arrow_table(), _PREVIEW_ROWS)
        return dg.MaterializeResult(metadata=plain(metadata))

    return published
