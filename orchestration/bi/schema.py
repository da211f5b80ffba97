"""What is promised to BI: the columns of every published mart, as the models declare them, and the file that remembers them.

`dbt_project/published_schema.json` is the promise, `dbt_project/CHANGELOG.md` tells people how it has changed; the newest entry
there names the fingerprint of the schema, and a test compares. After a change: `python -m orchestration.bi.schema` rewrites the
file and prints the fingerprint for the entry.

What belongs here: reading declarations. What does not: what is inside a publication (`orchestration.publish.describe_marts`).
"""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from orchestration.publish import SCHEMA

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"
SNAPSHOT = PROJECT / "published_schema.json"

Schema = dict[str, dict[str, str]]


@functools.cache
def declared_schema(project: Path = PROJECT) -> Schema:
    """Return mart → column → type, from the models that are published and the tables that Python adds to them (sources)."""
    schema: Schema = {}
    for path in sorted((project / "models").rglob("*.yml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        for model in content.get("models", []):
            sql = path.with_name(f"{model['name']}.sql")
            if sql.exists() and "published()" in sql.read_text(encoding="utf-8"):
                schema[model["name"]] = _columns(model)
        for source in content.get("sources", []):
            if source.get("schema", source["name"]) == SCHEMA:
                schema |= {table["name"]: _columns(table) for table in source["tables"]}
    return dict(sorted(schema.items()))


def fingerprint(schema: Schema) -> str:
    """Return a short name of exactly these marts, columns (in order) and types."""
    return hashlib.sha256(json.dumps(schema).encode()).hexdigest()[:12]


def differences(old: Schema, new: Schema) -> list[str]:
    """Return what has changed, one line each: 'follow_up.unit_code: string → integer'."""
    before = {f"{mart}.{column}": kind for mart, columns in old.items() for column, kind in columns.items()}
    after = {f"{mart}.{column}": kind for mart, columns in new.items() for column, kind in columns.items()}
    names = sorted(before.keys() | after.keys())
    return [f"{name}: {before.get(name, '–')} → {after.get(name, '–')}" for name in names if before.get(name) != after.get(name)]


def _columns(node: dict) -> dict[str, str]:
    return {column["name"]: str(column.get("data_type", "")) for column in node.get("columns", [])}


def main() -> None:
    """Rewrite the file and print what changed."""
    old = json.loads(SNAPSHOT.read_text(encoding="utf-8")) if SNAPSHOT.exists() else {}
    new = declared_schema()
    SNAPSHOT.write_text(json.dumps(new, indent=1) + "\n", encoding="utf-8")
    print("\n".join(differences(old, new)))
    print(f"CHANGELOG.md: `{fingerprint(new)}`")


if __name__ == "__main__":
    main()
