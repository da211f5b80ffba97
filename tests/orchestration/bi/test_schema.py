"""What is promised to BI: no column changes without an entry in the changelog, and every column and reader is described."""

from __future__ import annotations

import ast
import importlib
import json
import re
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

from orchestration.bi.bundle import ASSETS, dataset_queries
from orchestration.bi.schema import PROJECT, SNAPSHOT, declared_schema, differences, fingerprint
from orchestration.publish import SCHEMA

REPOSITORY = PROJECT.parent
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


def marts_in(text: str) -> set[str]:
    return set(re.findall(rf"\b{SCHEMA}\.(\w+)", text))


def marts_read_by(modules: Iterable[Path]) -> set[str]:
    """Return the marts that the SQL in Python modules names, constants of a module put in.

    Where a function puts in an argument, like `dim_{code}`: with every text that the module calls it with.
    """
    read = set()
    for path in modules:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = vars(importlib.import_module(".".join(path.relative_to(REPOSITORY).with_suffix("").parts)))
        documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        plain = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in documentation)
        read |= marts_in(" ".join(node.value for node in plain if isinstance(node.value, str)))
        for function in [tree, *(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))]:
            formatted = [node for node in ast.walk(function) if isinstance(node, ast.JoinedStr)]
            text = " ".join("".join(_piece(part, names) for part in node.values) for node in formatted)
            read |= marts_in(text)
            if isinstance(function, ast.FunctionDef):
                starts = re.findall(rf"\b{SCHEMA}\.(\w*)\0", text)
                read |= {start + word for start in starts for word in _texts_given_to(function.name, tree)}
    return read & declared_schema().keys()


def _texts_given_to(function: str, tree: ast.AST) -> set[str]:
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name))
    given = [value for call in calls if call.func.id == function for value in [*call.args, *(k.value for k in call.keywords)]]
    return {value.value for value in given if isinstance(value, ast.Constant) and isinstance(value.value, str)}


def _piece(part: ast.expr, names: dict) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    known = names.get(part.value.id) if isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.Name) else None
    return known if isinstance(known, str) else "\0"


def test_marts_are_found_in_the_sql_of_modules() -> None:
    """Plain, by a constant, by an argument; not in a docstring."""
    assert "bridge_unit_ancestor" in marts_read_by([REPOSITORY / "orchestration" / "report" / "model.py"])
    assert "dim_counterparty" in marts_read_by([REPOSITORY / "orchestration" / "report" / "model.py"])
    assert "finding_evidence" in marts_read_by([REPOSITORY / "orchestration" / "findings" / "listing.py"])
    assert marts_read_by([REPOSITORY / "orchestration" / "findings" / "answers.py"]) == set()


def test_exposures_name_what_is_read() -> None:
    exposures = yaml.safe_load((PROJECT / "models" / "exposures.yml").read_text(encoding="utf-8"))["exposures"]
    named = {e["name"]: set(re.findall(r"'(\w+)'\)", " ".join(e["depends_on"]))) for e in exposures}
    report = (REPOSITORY / "orchestration" / "report").glob("*.py")
    read = {"manadsrapport": marts_read_by(report), "sql_fragor": set()}
    read["atgardslista"] = marts_read_by([REPOSITORY / "orchestration" / "findings" / "actions.py"])
    for path in ASSETS.parents[1].glob("queries/*.sql"):
        read["sql_fragor"] |= marts_in(path.read_text(encoding="utf-8"))
    datasets = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in (ASSETS / "datasets").rglob("*.yaml")]
    sql = {dataset["uuid"]: marts_in(dataset["sql"]) for dataset in datasets}
    charts = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in (ASSETS / "charts").glob("*.yaml")]
    dataset_of = {chart["uuid"]: chart["dataset_uuid"] for chart in charts}
    for path in (ASSETS / "dashboards").glob("*.yaml"):
        position = yaml.safe_load(path.read_text(encoding="utf-8"))["position"]
        shown = [item["meta"]["uuid"] for item in position.values() if isinstance(item, dict) and item["type"] == "CHART"]
        read[f"bi_{path.stem}"] = set().union(*(sql[dataset_of[uuid]] for uuid in shown))
    assert named.keys() == read.keys()
    for name, marts in read.items():
        assert named[name] == marts, name


def test_the_dashboards_files_hold_no_account_of_this_computer() -> None:
    for path in ASSETS.rglob("*.yaml"):
        assert not re.search(r"/(home|tmp|work|Users)/|password", path.read_text(encoding="utf-8")), path.name


def test_datasets_read_the_marts_only() -> None:
    marts = set(declared_schema())
    for name, sql in dataset_queries().items():
        assert set(re.findall(r"\bmarts\.(\w+)", sql)) <= marts, name
        assert not re.search(r"\b(insert|update|delete|create|copy|attach|read_\w+)\b", sql, re.IGNORECASE), name
