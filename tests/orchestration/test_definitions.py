"""The code location over the real dbt project: a data engineer must find their way in it."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
from tiny import tiny_settings, write_project

from expectations.rules import RULES
from orchestration import dbt_runner
from orchestration.assets.findings import check_name
from orchestration.assets.warehouse import attach_tests
from orchestration.dbt_runner import load_project
from orchestration.definitions import build_definitions
from orchestration.readers.contract import ENTITIES
from orchestration.settings import Settings

PUBLISHED = dg.AssetKey("published")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("home")
    (home / "inbox" / "2015-03").mkdir(parents=True)
    return Settings(home=home)


@pytest.fixture(scope="module")
def definitions(settings: Settings) -> dg.Definitions:
    return build_definitions(settings)


@pytest.fixture(scope="module")
def graph(definitions: dg.Definitions):
    return definitions.resolve_asset_graph()


def test_it_loads_and_has_the_job_the_schedule_and_the_sensor(definitions: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(definitions)
    assert definitions.resolve_job_def("monthly").partitions_def.fmt == "%Y-%m"
    assert definitions.resolve_schedule_def("monthly_schedule").execution_timezone == "Europe/Stockholm"
    assert definitions.resolve_sensor_def("inbox_sensor").job_name == "monthly"


def test_every_raw_table_is_an_asset_of_the_month(graph) -> None:
    raw = {key.path[-1] for key in graph.get_all_asset_keys() if key.path[0] == "raw"}
    assert raw == {*ENTITIES, "load", "load_entity"}
    for name in raw:
        node = graph.get(dg.AssetKey(["raw", name]))
        assert node.partitions_def.timezone == "Europe/Stockholm"
        assert node.partitions_def.get_first_partition_key() == "2015-03"
        assert node.parent_keys == {dg.AssetKey("inbox")}


def test_every_source_of_dbt_is_a_raw_asset(settings: Settings, graph) -> None:
    sources = {dg.AssetKey([s["source_name"], s["name"]]) for s in load_project(settings).manifest["sources"].values()}
    assert sources
    assert sources <= set(graph.materializable_asset_keys)


def test_published_depends_on_every_mart_and_so_on_everything(settings: Settings, graph) -> None:
    nodes = load_project(settings).manifest["nodes"].values()
    marts = {dg.AssetKey([n["fqn"][1], n["name"]]) for n in nodes if n["resource_type"] == "model" and n["schema"] == "marts"}
    assert dg.AssetKey(["marts", "follow_up"]) in marts
    findings = {dg.AssetKey(["marts", name]) for name in ("findings", "finding_evidence", "restatement")}
    assert all(graph.get(key).parent_keys == marts for key in findings)
    marts |= findings
    assert graph.get(PUBLISHED).parent_keys == marts
    assert dg.AssetKey(["raw", "ledger_line"]) in graph.get_ancestor_asset_keys(PUBLISHED)


def test_every_rule_is_a_check_of_the_findings_that_never_blocks(graph) -> None:
    key = dg.AssetKey(["marts", "findings"])
    checks = {check for check in graph.asset_check_keys if check.asset_key == key}
    assert {check.name for check in checks} == {"answers_readable", *map(check_name, RULES)}
    assert check_name("PER-01") == "PER_01_expected_income_is_missing"
    assert not any(graph.get(check).blocking for check in checks)


def test_groups_are_the_stages_and_every_asset_says_what_it_is(graph) -> None:
    groups = {graph.get(key).group_name for key in graph.get_all_asset_keys()}
    stages = {"inbox", "raw", "people", "reference", "staging", "dimensions", "core", "marts", "findings", "published", "reports"}
    assert groups == stages
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.description, key
        assert node.owners, key
        assert node.kinds, key


def test_every_dbt_test_is_a_check_on_an_asset(settings: Settings, graph) -> None:
    manifest = load_project(settings).manifest
    names = {node["name"] for node in manifest["nodes"].values() if node["resource_type"] == "test"}
    names |= {node["name"] for node in manifest["unit_tests"].values()}
    checks = {key.name for key in graph.asset_check_keys}
    assert names
    assert names <= checks
    assert dg.AssetCheckKey(dg.AssetKey(["raw", "ledger_line"]), "ledger_account_present") in graph.asset_check_keys
    assert dg.AssetCheckKey(dg.AssetKey(["raw", "budget_line"]), "files_accepted") in graph.asset_check_keys


def test_file_checks_of_severity_error_are_blocking(graph) -> None:
    blocking = {key.name for key in graph.asset_check_keys if graph.get(key).blocking}
    assert {"ledger_account_present", "files_accepted", "required_files_delivered"} <= blocking
    assert not {"ledger_amount_size", "control_totals", "rows_readable"} & blocking


def test_a_test_of_several_models_is_on_the_one_furthest_downstream() -> None:
    def test(**more) -> dict:
        return {
            "resource_type": "test",
            "config": {},
            "depends_on": {"nodes": ["source.t.raw.x", "model.t.b", "model.t.a"]},
            **more,
        }

    manifest = {
        "nodes": {
            "test.t.compare": test(),
            "test.t.told": test(config={"meta": {"dagster": {"ref": {"name": "a"}}}}),
            "test.t.generic": test(attached_node="model.t.a"),
        },
        "parent_map": {"model.t.a": ["source.t.raw.x"], "model.t.b": ["model.t.a"]},
    }
    nodes = attach_tests(manifest)["nodes"]
    assert [nodes[f"test.t.{n}"]["attached_node"] for n in ("compare", "told", "generic")] == [
        "model.t.b",
        "model.t.a",
        "model.t.a",
    ]


def test_the_parse_is_kept_until_the_project_or_what_it_read_changes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    project = write_project(tmp_path / "dbt_project")
    monkeypatch.setenv("AVVIK_DBT_PROJECT", str(project))
    monkeypatch.setenv("AVVIK_CACHE", str(tmp_path / "cache"))
    parsed: list[Path] = []
    parse = dbt_runner._parse
    monkeypatch.setattr(dbt_runner, "_parse", lambda settings, folder: parsed.append(folder) or parse(settings, folder))
    settings = tiny_settings(tmp_path / "home")
    first = load_project(settings)
    assert load_project(settings.model_copy(update={"municipality": "Ekerö"})) == first
    assert len(parsed) == 1
    load_project(tiny_settings(tmp_path / "other"))  # the little project reads the home's place while it is parsed
    assert len(parsed) == 2
    (project / "models" / "marts" / "follow_up.sql").open("a").write("-- changed")
    assert load_project(settings).version != first.version
    assert len(parsed) == 3
