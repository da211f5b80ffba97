"""What is promised to BI: no column changes without an entry in the changelog, and every column and reader is described."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from orchestration.bi.bundle import ASSETS, dataset_queries
from orchestration.bi.schema import PROJECT, SNAPSHOT, declared_schema, differences, fingerprint

CHANGELOG = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
DESCRIBED = sorted((PROJECT / "models").rglob("*.yml"))


def test_a_changed_column_has_an_entry_in_the_changelog() -> None:
    schema = declared_schema()
    hint = "run `python -m orchestration.bi.schema` and write an entry in dbt_project/CHANGELOG.md"
    assert differences(json.loads(SNAPSHOT.read_text(encoding="utf-8")), schema) == [], hint
    newest = re.findall(r"^Schema: `(\w+)`$", CHANGELOG, re.MULTILINE)[0]
    assert newest == fingerprint(schema), hint


@pytest.mark.parametrize(
    "changed",
    [{"m": {"a": "string"}}, {"m": {"b": "integer", "a": "string"}}, {"m": {"a": "string", "b": "bigint"}}, {}],
    ids=["removed", "reordered", "retyped", "mart removed"],
)
def test_any_change_changes_the_fingerprint(changed: dict) -> None:
    before = {"m": {"a": "string", "b": "integer"}}
    assert fingerprint(changed) != fingerprint(before)
    assert differences(before, {"m": {"a": "string", "b": "bigint"}}) == ["m.b: integer → bigint"]


def test_every_mart_is_in_the_changelog() -> None:
    assert [mart for mart in declared_schema() if f"`{mart}`" not in CHANGELOG] == []


def test_every_published_mart_and_column_is_described() -> None:
    marts = declared_schema()
    undescribed = []
    for path in DESCRIBED:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        tables = content.get("models", []) + [t for s in content.get("sources", []) for t in s["tables"]]
        for table in tables:
            if table["name"] in marts:
                described = [(table["name"], table), *((f"{table['name']}.{c['name']}", c) for c in table.get("columns", []))]
                undescribed += [name for name, item in described if not item.get("description", "").strip()]
                undescribed += [name for name, item in described[1:] if not item.get("data_type")]
    assert undescribed == []


def test_exposures_name_what_each_dashboard_reads() -> None:
    exposures = yaml.safe_load((PROJECT / "models" / "exposures.yml").read_text(encoding="utf-8"))["exposures"]
    named = {e["name"]: set(re.findall(r"'(\w+)'\)", " ".join(e["depends_on"]))) for e in exposures}
    sql = {
        yaml.safe_load(path.read_text(encoding="utf-8"))["uuid"]: yaml.safe_load(path.read_text(encoding="utf-8"))["sql"]
        for path in (ASSETS / "datasets").rglob("*.yaml")
    }
    charts = {}
    for path in (ASSETS / "charts").glob("*.yaml"):
        chart = yaml.safe_load(path.read_text(encoding="utf-8"))
        charts[chart["uuid"]] = set(re.findall(r"marts\.(\w+)", sql[chart["dataset_uuid"]]))
    for path in (ASSETS / "dashboards").glob("*.yaml"):
        position = yaml.safe_load(path.read_text(encoding="utf-8"))["position"]
        shown = [item["meta"]["uuid"] for item in position.values() if isinstance(item, dict) and item["type"] == "CHART"]
        read = set().union(*(charts[uuid] for uuid in shown))
        assert named[f"bi_{path.stem}"] == read, path.stem


def test_the_dashboards_files_hold_no_account_of_this_computer() -> None:
    for path in ASSETS.rglob("*.yaml"):
        assert not re.search(r"/(home|tmp|work|Users)/|password", path.read_text(encoding="utf-8")), path.name


def test_datasets_read_the_marts_only() -> None:
    marts = set(declared_schema())
    for name, sql in dataset_queries().items():
        assert set(re.findall(r"\bmarts\.(\w+)", sql)) <= marts, name
        assert not re.search(r"\b(insert|update|delete|create|copy|attach|read_\w+)\b", sql, re.IGNORECASE), name
