"""Publication to reports: the asset `reports`, which writes the documents of the newest month after every publication.

What belongs here: the reports as Dagster sees them. What does not: writing and proving them (`orchestration.report`).
"""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from orchestration.assets.common import LOCK, OWNERS, observer, plain, table
from orchestration.errors import AvvikError, Text
from orchestration.report.write import Reports, write_reports
from orchestration.settings import Settings

KEY = dg.AssetKey(["reports"])

#: The marts without which there is no report.
NEEDED = {"follow_up", "fct_ledger_line", "bridge_unit_ancestor", "dim_report_line", "dim_period"}

#: A report that fails it is not written. The publication stands, so it does not block: `avvik run` ends with code 3.
PROOF = "proof"

#: What could not be made although nothing is wrong with the reports: PDF where no browser is installed.
COMPLETE = "complete"


def reports_asset(settings: Settings, published: dg.AssetKey, marts: Sequence[dg.AssetKey]) -> list[dg.AssetsDefinition]:
    """Return the asset `reports`: `DIR/reports/YYYY-MM/` for the municipality, its committees and offices.

    None for a dbt project without the marts that a report is made of.
    """
    if not {key.path[-1] for key in marts} >= NEEDED:
        return []

    @dg.asset(
        key=KEY,
        deps=[published],
        group_name="reports",
        owners=OWNERS,
        kinds={"html", "excel"},
        description="What people read: `reports/YYYY-MM/<unit>.html`, `.xlsx` and `.pdf` for the newest month with outcome, "
        "for the municipality, its committees and offices. A report whose content is unchanged is left as it is. Other "
        "months: `avvik report --write --period`.",
        metadata={"path": dg.MetadataValue.path(str(settings.home / "reports"))},
        check_specs=[
            dg.AssetCheckSpec(
                PROOF,
                asset=KEY,
                description="Every report passes its own proof: its table is possible as printed, no sentence disagrees with it, "
                "and what explains a deviation adds up to it. One that does not is not written.",
            ),
            dg.AssetCheckSpec(COMPLETE, asset=KEY, description="Every format that is asked for could be made."),
        ],
        required_resource_keys={LOCK},
    )
    def reports(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        progress = observer().progress
        try:
            result = write_reports(
                settings, progress=(lambda step, done, total: progress(str(step), done, total)) if progress else None
            )
        except AvvikError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        return dg.MaterializeResult(metadata=plain(_metadata(result)), check_results=_checks(result))

    return [reports]


def _metadata(result: Reports) -> dict[str, Any]:
    missing = {"missing": "; ".join(str(text) for text in result.missing)} if result.missing else {}
    return missing | {
        "path": dg.MetadataValue.path(str(result.folder)),
        "period": result.period,
        "written": len(result.written),
        "unchanged": len(result.unchanged),
        "files": table(("file", "what"), _files(result)),
        "proof": table(("unit", "proof"), [*result.proved.items(), *((unit, str(why)) for unit, why in result.refused)]),
    }


def _files(result: Reports) -> list[tuple[str, str]]:
    kinds = (("written", result.written), ("unchanged", result.unchanged), ("edited by a person, set aside", result.set_aside))
    return [(path.name, what) for what, paths in kinds for path in paths]


def _checks(result: Reports) -> list[dg.AssetCheckResult]:
    passed = Text(
        sv=f"{len(result.proved)} rapporter klarade sin prövning.", en=f"{len(result.proved)} reports passed their proof."
    )
    whole = Text(sv="Alla format är skrivna.", en="Every format is written.")
    return [
        dg.AssetCheckResult(
            check_name=PROOF,
            passed=not result.refused,
            severity=dg.AssetCheckSeverity.ERROR,
            description=str(result.refusal or passed),
        ),
        dg.AssetCheckResult(
            check_name=COMPLETE,
            passed=not result.missing,
            severity=dg.AssetCheckSeverity.WARN,
            description=" ".join(str(text) for text in result.missing) or str(whole),
        ),
    ]
