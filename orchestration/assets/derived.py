"""Raw HR tables to figures per unit and month, before dbt: asset `people_costs`.

What belongs here: the calculation as Dagster sees it. What does not: the calculation (`people.costs`).
"""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from orchestration.assets.common import LOCK, OWNERS, column_schema, plain, preview
from orchestration.errors import AvvikError
from orchestration.people.costs import TABLES, derived_folder, people_costs, write_derived
from orchestration.readers.contract import ENTITIES_HR
from orchestration.settings import Settings

GROUP = "people"

#: The tables whose first rows may be shown: rules and accounts, no figures of small groups.
_SHOWN = ("assumption", "personnel_account")


def people_assets(settings: Settings, manifest: Mapping[str, Any]) -> dg.AssetsDefinition:
    """Return the multi-asset that writes `derived/`. Descriptions are those of dbt's sources."""
    described = {source["name"]: source for source in manifest["sources"].values() if source["source_name"] == "derived"}
    specs = {
        name: dg.AssetSpec(
            ["derived", name],
            deps=[dg.AssetKey(["raw", entity]) for entity in (*ENTITIES_HR, "load", "load_entity")],
            description=described.get(name, {}).get("description") or None,
            group_name=GROUP,
            owners=OWNERS,
            kinds={"python", "polars", "parquet"},
            metadata={"path": dg.MetadataValue.path(str(derived_folder(settings) / f"{name}.parquet"))},
        )
        for name in TABLES
    }

    @dg.multi_asset(
        name="people_costs",
        description="Personnel cost, full-time equivalents and absence per unit and month from the HR exports that count, "
        "under the rules and rates in force. Empty without HR exports.",
        specs=list(specs.values()),
        required_resource_keys={LOCK},
    )
    def people_costs_asset(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        try:
            tables = people_costs(settings)
        except AvvikError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        write_derived(settings, tables)
        for name, table in tables.items():
            arrow = table.to_arrow()
            metadata: dict[str, Any] = {"dagster/row_count": table.height}
            if name in _SHOWN:
                metadata["preview"] = preview(name, arrow)
            columns = column_schema(arrow.schema, described.get(name, {}).get("columns", {}))
            yield dg.MaterializeResult(asset_key=specs[name].key, metadata={**plain(metadata), "dagster/column_schema": columns})

    return people_costs_asset
