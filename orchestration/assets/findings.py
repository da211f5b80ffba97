"""Findings as Dagster sees them: the marts that the stage writes after the build, one check per rule, and the action list.

What belongs here: keys, checks, metadata. What does not: computing findings (`findings.run`), the list itself
(`findings.actions`). A check of a rule warns and never blocks; it shows codes and kronor, never texts.
"""

import re
from collections.abc import Iterator
from typing import Any

import dagster as dg
import duckdb

from expectations.rules import RULES
from orchestration.assets.common import LOCK, OWNERS, observer, plain, table
from orchestration.dbt_runner import Project
from orchestration.errors import AvvikError, Text
from orchestration.findings.run import FINDINGS, RESTATEMENT, Computed, compute, mart_specs
from orchestration.publish import SCHEMA, reporting_path
from orchestration.settings import Settings

GROUP = "findings"
ACTION_LIST = dg.AssetKey(["reports", "action_list"])

_TOP_ROWS = 10
_COLUMNS = ("unit_code", "report_line", "account", "counterparty", "periods", "tier", "status", "effect_period")
_ANSWERS = "answers_readable"


def finding_keys(project: Project) -> list[dg.AssetKey]:
    """Return the keys of the marts that this stage writes; none where the project declares none."""
    return [dg.AssetKey([SCHEMA, spec["name"]]) for spec in mart_specs(project.manifest)]


def findings_assets(settings: Settings, project: Project, marts: list[dg.AssetKey]) -> list[dg.AssetsDefinition]:
    """Return the multi-asset of the findings' marts, which comes after every other mart; nothing where none are declared."""
    declared = mart_specs(project.manifest)
    if not declared:
        return []
    specs = [
        dg.AssetSpec(
            [SCHEMA, spec["name"]],
            deps=marts,
            description=spec["description"],
            group_name=GROUP,
            owners=OWNERS,
            kinds={"python", "duckdb"},
        )
        for spec in declared
    ]
    key = dg.AssetKey([SCHEMA, FINDINGS])
    checks = [
        dg.AssetCheckSpec(
            check_name(rule.rule_id), asset=key, description=f"{rule.title}. {rule.meaning} {rule.action}", blocking=False
        )
        for rule in RULES.values()
    ]
    unread = Text(sv="Varje svar i åtgärdslistorna kunde läsas.", en="Every answer in the action lists could be read.")
    checks.append(dg.AssetCheckSpec(_ANSWERS, asset=key, description=str(unread), blocking=False))

    @dg.multi_asset(
        name="findings",
        description="What a good controller would have noticed, with the evidence and the amount, at every close.",
        specs=specs,
        check_specs=checks,
        required_resource_keys={LOCK},
    )
    def findings(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        try:
            result = compute(settings, project.manifest, project.version, observer().progress)
        except AvvikError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        for spec in declared:
            metadata: dict[str, Any] = {"dagster/row_count": result.rows[spec["name"]]}
            if spec["name"] == FINDINGS:
                metadata |= {"closes computed": result.computed, "newest close": result.newest}
            yield dg.MaterializeResult(asset_key=[SCHEMA, spec["name"]], metadata=plain(metadata))
        with duckdb.connect(str(reporting_path(settings)), read_only=True) as connection:
            for rule_id in RULES:
                yield _rule_result(connection, key, rule_id, result)
        yield dg.AssetCheckResult(
            asset_key=key,
            check_name=_ANSWERS,
            passed=not result.problems,
            severity=dg.AssetCheckSeverity.WARN,
            description="; ".join(map(str, result.problems)) or None,
            metadata={"unreadable": len(result.problems)},
        )

    return [findings]


def action_list_asset(settings: Settings, project: Project, published: dg.AssetKey) -> list[dg.AssetsDefinition]:
    """Return the asset of the Excel action list; nothing where there are no findings."""
    if not mart_specs(project.manifest):
        return []

    @dg.asset(
        key=ACTION_LIST,
        deps=[published],
        group_name="reports",
        owners=OWNERS,
        kinds={"excel"},
        description="The action list (åtgärdslista) of the newest close, `reports/YYYY-MM/atgardslista.xlsx`: what to do, with "
        "proposed entries and room for answers, which the next run reads.",
        required_resource_keys={LOCK},
    )
    def action_list(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        from orchestration.findings.actions import write_action_list

        try:
            written = write_action_list(settings)
        except AvvikError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        if written is None:
            return dg.MaterializeResult(metadata={"findings": 0})
        for note in written.notes:
            context.log.warning(str(note))
        return dg.MaterializeResult(
            metadata=plain({"path": dg.MetadataValue.path(str(written.path)), "findings": written.rows, "notes": written.notes})
        )

    return [action_list]


def check_name(rule_id: str) -> str:
    """Return the name of a rule's check, 'PER_01_expected_income_is_missing': Dagster allows letters, digits and underscore."""
    return re.sub(r"\W+", "_", f"{rule_id} {RULES[rule_id].title.en.lower()}")


def _rule_result(con: duckdb.DuckDBPyConnection, key: dg.AssetKey, rule_id: str, result: Computed) -> dg.AssetCheckResult:
    """Return whether a rule has open findings in the newest close, and which; a rule that could not look says why."""
    columns = ", ".join(_COLUMNS)
    where = f"from {SCHEMA}.{FINDINGS} where report_period = ? and rule_id = ? and status in ('open', 'recurring')"
    count, asserted, kronor = con.execute(
        f"select count(*), count(*) filter (where tier = 'fel'), coalesce(sum(abs(effect_period)), 0) {where}",
        [result.newest, rule_id],
    ).fetchone() or (0, 0, 0)
    rows = con.execute(
        f"select {columns} {where} order by abs(effect_period) desc, finding_id limit {_TOP_ROWS}",
        [result.newest, rule_id],
    ).fetchall()
    blind = result.blind.get(rule_id)
    metadata: dict[str, Any] = {"close": result.newest, "findings": count, "fel": asserted, "kronor": kronor}
    if rows:
        metadata["largest"] = table(_COLUMNS, rows)
    if rule_id == "PER-10":
        changed, moved = con.execute(
            f"select count(*), coalesce(sum(abs(change)), 0) from {SCHEMA}.{RESTATEMENT} where report_period = ?",  # noqa: S608
            [result.newest],
        ).fetchone() or (0, 0)
        metadata |= {"published figures changed": changed, "changed by, kronor": moved}
    sentences = []
    if blind is not None:
        metadata["could not look"] = str(blind)
        sentences.append(str(Text(sv=f"{rule_id} såg inte allt: {blind.sv}.", en=f"{rule_id} did not see all: {blind.en}.")))
    if count:
        amount = f"{round(kronor):,}".replace(",", " ")
        title = RULES[rule_id].title
        found = Text(sv=f"{rule_id} {title.sv}: {count} fynd, {amount} kr.", en=f"{rule_id} {title.en}: {count}, SEK {amount}.")
        sentences.append(str(found))
        if rule_id == "PER-04":
            note = Text(
                sv="Kronorna är budget som ligger i annan månad; resultatet påverkas inte.",
                en="The kronor are budget that lies in another month; no effect on the result.",
            )
            sentences.append(str(note))
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=check_name(rule_id),
        passed=not count,
        severity=dg.AssetCheckSeverity.WARN,
        description=" ".join(sentences) or None,
        metadata=plain(metadata),
    )
