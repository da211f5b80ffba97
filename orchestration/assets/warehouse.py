"""Raw to marts: the dbt project as assets, its data tests and unit tests as checks on the assets that they concern.

What belongs here: dbt's nodes and results as Dagster sees them. What does not: running dbt (`dbt_runner`), models (dbt_project/).
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import dagster as dg
import duckdb
from dagster_dbt import DagsterDbtTranslator

from orchestration import dbt_runner, register
from orchestration.assets.common import LOCK, OWNERS, PREVIEW_ROWS, observer, periods_of, plain, preview, public_columns
from orchestration.dbt_runner import Node, Project
from orchestration.errors import Text, language
from orchestration.findings.run import mart_specs
from orchestration.publish import SCHEMA, Build, begin_build, finish_build, reporting_path, warehouse_path
from orchestration.settings import Settings

_RAW = "raw"
#: What every build comes after, also that of a seed.
_TAKEN_IN = dg.AssetKey([_RAW, "load"])
_BUILT = ("model", "seed", "snapshot")
#: Failing rows that a check shows: enough to see what is wrong.
_FAILING_ROWS = 10
#: Of those, how many are told in the message.
_SAID_ROWS = 3


class Translator(DagsterDbtTranslator):
    """Keys and groups by folder: `models/marts/follow_up.sql` is `marts/follow_up` in group `marts`."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """Return [layer, name]; a source is [source, table], the key of the raw asset."""
        if dbt_resource_props["resource_type"] == "source":
            return dg.AssetKey([dbt_resource_props["source_name"], dbt_resource_props["name"]])
        return dg.AssetKey([_layer(dbt_resource_props), dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """Return the layer; the dimensions apart from core, as what everything hangs on would cover what flows through."""
        return "dimensions" if "dimensions" in dbt_resource_props["fqn"] else _layer(dbt_resource_props)

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """Return the model's own description; its SQL is in the repository, not in every event."""
        return dbt_resource_props.get("description") or ""

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: Any) -> dg.AssetSpec:
        """Add what it is in the database (table, view, seed), and an owner where the project names none."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        props = self.get_resource_props(manifest, unique_id)
        kind = props["config"].get("materialized") if props["resource_type"] == "model" else props["resource_type"]
        return spec.replace_attributes(owners=spec.owners or OWNERS, kinds={"dbt", "duckdb", *([kind] if kind else [])})


def warehouse_assets(settings: Settings, project: Project) -> dg.AssetsDefinition:
    """Return one multi-asset with every model and seed of the project.

    It is built whole or not at all, whichever models are chosen: what is published always comes from one build of everything on
    the same raw tables. Only tests of raw tables run without a build.
    """
    manifest = attach_tests(project.manifest)
    translator = Translator()
    specs = {
        unique_id: _after_raw(manifest, unique_id, translator.get_asset_spec(manifest, unique_id, None))
        for unique_id, node in manifest["nodes"].items()
        if node["resource_type"] in _BUILT
        and node["config"].get("materialized") != "ephemeral"
        and _layer(node) != dbt_runner.ON_DEMAND
    }
    checks = _check_specs(manifest, translator)

    @dg.multi_asset(
        name="build_warehouse",
        description="dbt build: staging, core, marts and their tests. A failed test of severity error stops the run.",
        specs=list(specs.values()),
        check_specs=list(checks.values()),
        can_subset=True,
        required_resource_keys={LOCK},
        op_tags={"kind": "dbt"},
        allow_arbitrary_check_specs=True,  # tests on sources are checks on raw assets
    )
    def build_warehouse(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        wanted: set[dg.AssetKey | dg.AssetCheckKey] = {*context.selected_asset_keys, *context.selected_asset_check_keys}
        whole = bool(context.selected_asset_keys) or any(
            key.asset_key.path[0] != _RAW for key in context.selected_asset_check_keys
        )
        if whole:
            begin_build(settings)
            nodes = dbt_runner.build(settings, project, observer().progress)
        else:
            settings.warehouse.mkdir(parents=True, exist_ok=True)
            names = [_node(manifest, unique_id)["name"] for unique_id, check in checks.items() if check.key in wanted]
            nodes = dbt_runner.run_tests(settings, project, names, observer().progress)
        reasons: dict[str, str] = {}
        for unique_id, event in _events(settings, manifest, nodes, specs, checks):
            if (specs[unique_id] if unique_id in specs else checks[unique_id]).key in wanted:
                yield event
            if isinstance(event, dg.AssetCheckResult) and event.description:
                reasons[unique_id] = event.description

        failed = [node for node in nodes if node.failed]
        if failed:
            raise dg.Failure(str(_failure(manifest, failed, reasons, len(nodes))), allow_retries=False)
        if whole:
            accepted = {load.delivery for load in register.read_loads(settings) if load.status == "accepted"}
            finish_build(settings, Build(context.run.run_id, periods_of(context.run), sorted(accepted), mart_names(manifest)))

    return build_warehouse


def mart_keys(project: Project) -> list[dg.AssetKey]:
    """Return the keys of what is published: the models of the marts schema."""
    translator = Translator()
    return [translator.get_asset_key(node) for node in _marts(project.manifest)]


def mart_names(manifest: Mapping[str, Any]) -> list[str]:
    """Return the table names of what is published: dbt's, and those that the findings stage writes afterwards."""
    return sorted([*(node["alias"] for node in _marts(manifest)), *(spec["name"] for spec in mart_specs(manifest))])


def attach_tests(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest with every test attached to one node.

    A test of one model, or one that the project attaches by itself, stays where it is. A test that compares several concerns the
    one furthest downstream: that is what is wrong if they disagree.
    """
    depths: dict[str, int] = {}

    def depth(unique_id: str) -> int:
        if unique_id not in depths:
            depths[unique_id] = 1 + max((depth(parent) for parent in manifest["parent_map"].get(unique_id, [])), default=0)
        return depths[unique_id]

    nodes = dict(manifest["nodes"])
    for unique_id, node in nodes.items():
        if node["resource_type"] != "test" or node.get("attached_node"):
            continue
        parents = [p for p in node["depends_on"]["nodes"] if p.split(".")[0] in (*_BUILT, "source")]
        chosen = (node["config"].get("meta") or {}).get("dagster", {}).get("ref", {}).get("name")
        named = [p for p in parents if p.split(".")[-1] == chosen]
        if parents:
            nodes[unique_id] = {**node, "attached_node": (named or sorted(parents, key=lambda p: (-depth(p), p)))[0]}
    return {**manifest, "nodes": nodes}


def _after_raw(manifest: Mapping[str, Any], unique_id: str, spec: dg.AssetSpec) -> dg.AssetSpec:
    """Let what reads nothing (seeds) come after the deliveries: a build is one step, which must not start before them."""
    return spec if manifest["parent_map"].get(unique_id) else spec.replace_attributes(deps=[*spec.deps, dg.AssetDep(_TAKEN_IN)])


def _layer(props: Mapping[str, Any]) -> str:
    if props["resource_type"] == "source":
        return props["source_name"]
    if props["resource_type"] == "seed":
        return "reference"
    return props["fqn"][1] if len(props["fqn"]) > 2 else "models"


def _marts(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] in _BUILT and node["schema"] == SCHEMA]


def _node(manifest: Mapping[str, Any], unique_id: str) -> Mapping[str, Any]:
    kind = unique_id.split(".")[0]
    return manifest[{"unit_test": "unit_tests", "source": "sources"}.get(kind, "nodes")][unique_id]


def _check_specs(manifest: Mapping[str, Any], translator: Translator) -> dict[str, dg.AssetCheckSpec]:
    """Return one check per data test and unit test, by dbt's unique id."""
    specs = {}
    tests = [(i, node, node.get("attached_node")) for i, node in manifest["nodes"].items() if node["resource_type"] == "test"]
    # A unit test depends on its model first, then on the inputs that it replaces.
    units = [(i, node, node["depends_on"]["nodes"][0]) for i, node in manifest.get("unit_tests", {}).items()]
    for unique_id, node, attached in [*tests, *units]:
        if attached is None or _layer(_node(manifest, attached)) == dbt_runner.ON_DEMAND:
            continue
        meta = (node.get("config") or {}).get("meta") or {}
        severity = (node["config"].get("severity") or "error").lower() if node["resource_type"] == "test" else "error"
        specs[unique_id] = dg.AssetCheckSpec(
            node["name"],
            asset=translator.get_asset_key(_node(manifest, attached)),
            description=node.get("description") or meta.get("description") or _says(node, meta),
            blocking=severity == "error",
            metadata={"dbt": unique_id},
        )
    return specs


def _says(node: Mapping[str, Any], meta: Mapping[str, Any]) -> str | None:
    """Return what a check without a description looks for: the sentence that it tells of a failing row, or its arguments."""
    if sentence := meta.get(f"message_{language()}"):
        return str(Text(sv=f"Säger om varje rad som inte håller: {sentence}", en=f"Tells of each row that fails: {sentence}"))
    test = node.get("test_metadata") or {}
    about = {name: value for name, value in (test.get("kwargs") or {}).items() if name != "model"}
    return f"{test['name']}: {', '.join(f'{name} {value}' for name, value in about.items())}" if test and about else None


def _events(
    settings: Settings,
    manifest: Mapping[str, Any],
    nodes: list[Node],
    specs: Mapping[str, dg.AssetSpec],
    checks: Mapping[str, dg.AssetCheckSpec],
) -> Iterator[tuple[str, dg.MaterializeResult | dg.AssetCheckResult]]:
    """Yield what dbt did, by dbt's unique id: materialisations with rows and a preview, check results with the rows that fail."""
    with duckdb.connect() as connection:
        for name, path in (("warehouse", warehouse_path(settings)), ("reporting", reporting_path(settings))):
            if path.exists():
                quoted = str(path).replace("'", "''")
                connection.execute(f"attach '{quoted}' as {name} (read_only)")
        for node in nodes:
            if node.unique_id in specs and node.status == "success":
                metadata = {"seconds": round(node.seconds, 3), **_table_metadata(connection, manifest["nodes"][node.unique_id])}
                yield node.unique_id, dg.MaterializeResult(asset_key=specs[node.unique_id].key, metadata=plain(metadata))
            elif node.unique_id in checks and node.status != "skipped":
                yield node.unique_id, _check_result(connection, _node(manifest, node.unique_id), node, checks[node.unique_id])


def _table_metadata(connection: duckdb.DuckDBPyConnection, props: Mapping[str, Any]) -> dict[str, Any]:
    if props["config"].get("materialized") == "view":
        return {}  # counting a view is computing it
    relation = connection.sql(f"from {props['relation_name']}")
    columns = public_columns(props["name"], relation.columns)
    (rows,) = relation.count("*").fetchone() or (0,)
    shown = relation.limit(PREVIEW_ROWS).to_arrow_table().select(columns)
    return {"dagster/row_count": rows, "preview": preview(props["name"], shown)}


def _check_result(
    connection: duckdb.DuckDBPyConnection, props: Mapping[str, Any], node: Node, spec: dg.AssetCheckSpec
) -> dg.AssetCheckResult:
    passed = node.status == "pass"
    metadata: dict[str, Any] = {"seconds": round(node.seconds, 3)}
    description = node.message or None
    if not passed:
        if node.failures:
            metadata["failing rows"] = node.failures
        if node.sql and node.status in ("fail", "warn") and node.unique_id.startswith("test."):
            stored = props["config"].get("store_failures")
            relation = connection.sql(f"from {props['relation_name']}" if stored else node.sql)
            failing = relation.limit(_FAILING_ROWS).to_arrow_table()
            metadata["examples"] = preview(spec.name, failing, _FAILING_ROWS)
            description = _said(spec.name, props["config"].get("meta") or {}, failing.to_pylist(), node.failures or 0)
    return dg.AssetCheckResult(
        asset_key=spec.asset_key,
        check_name=spec.name,
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN if node.status == "warn" else dg.AssetCheckSeverity.ERROR,
        description=description,
        metadata=plain(metadata),
    )


def _said(name: str, meta: Mapping[str, Any], rows: list[dict[str, Any]], count: int) -> str:
    """Return what a failed test tells the user: its own sentence for each row (meta `message_sv`, `_en`), else the rows."""
    shown = rows[:_SAID_ROWS]
    template = meta.get(f"message_{language()}")
    if template:
        rest = count - len(shown)
        more = Text(sv=f" (och {rest} till)", en=f" (and {rest} more)") if rest > 0 else ""
        sentences = [template.format_map({column: _value(value) for column, value in row.items()}) for row in shown]
        return " ".join(sentences) + str(more)
    columns = public_columns(name, rows[0] if rows else [])
    told = dict.fromkeys(", ".join(f"{column} {_value(row[column])}" for column in columns) for row in shown)
    return f"{name} ({count}): " + "; ".join(told)


def _value(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, Decimal):
        text = f"{value:,.2f}"
        return text.replace(",", " ").replace(".", ",") if language() == "sv" else text
    return str(value)


def _failure(manifest: Mapping[str, Any], failed: list[Node], reasons: Mapping[str, str], total: int) -> Text:
    lines = []
    for node in failed:
        text = reasons.get(node.unique_id) or node.message
        reason = " ".join(word for line in text.splitlines() if not line.strip().startswith(">") for word in line.split())
        lines.append(f"{_node(manifest, node.unique_id)['name']}: {reason}")
    return Text(
        sv=f"Bygget stoppades av {len(failed)} av {total} steg; det som är publicerat är orört. " + " • ".join(lines),
        en=f"The build was stopped by {len(failed)} of {total} steps; what is published is untouched. " + " • ".join(lines),
    )
