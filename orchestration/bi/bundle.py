"""The dashboards' files made into the bundle that Superset imports, for one home: connected to its marts, its own top unit.

The files in `superset/assets/` are in Superset's own export format: a dashboard that was improved in Superset is exported there
(Dashboards, Export) and its files laid over these. What differs between homes is put in here: the connection, and the words
AVVIK_ROOT_UNIT where a filter starts on the municipality.

What belongs here: files. What does not: Superset's process (`server`), PostgreSQL's content (`orchestration.postgres`).
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import duckdb
import yaml  # type: ignore[import-untyped]

from orchestration.errors import AvvikError, Text
from orchestration.publish import SCHEMA
from orchestration.settings import Settings

ASSETS = Path(__file__).parent / "superset" / "assets"

#: Where the filter on units starts; replaced by the label of the municipality.
_ROOT_UNIT = "AVVIK_ROOT_UNIT"
_MART = re.compile(rf"\b{SCHEMA}\.(\w+)")


class NothingPublished(AvvikError):
    """There are no marts to show yet."""


def published_file(settings: Settings) -> Path:
    """Return the database that BI reads.

    Raises:
        NothingPublished: there is none.
    """
    path = settings.published / "reporting.duckdb"
    if not path.exists():
        raise NothingPublished(
            Text(sv=f"Inget är publicerat i {settings.home}. Kör avvik run.", en=f"Nothing is published in {settings.home}.")
        )
    return path


def connection(settings: Settings) -> tuple[str, dict]:
    """Return the SQLAlchemy address of the marts and what is passed to the driver.

    Always the published file, read-only, and no other file can be reached through it. PostgreSQL is for other tools, which log in
    with a reader's account of their own.
    """
    arguments = {"read_only": True, "config": {"enable_external_access": "false", "lock_configuration": "true"}}
    return f"duckdb:///{published_file(settings)}", arguments  # SQLAlchemy takes a file's path as it stands


def dataset_queries() -> dict[str, str]:
    """Return the SQL of every dataset by name."""
    files = sorted((ASSETS / "datasets").rglob("*.yaml"))
    content = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in files]
    return {dataset["table_name"]: dataset["sql"] for dataset in content}


def missing_marts(settings: Settings) -> dict[str, list[str]]:
    """Return the datasets that need a mart which the publication does not have, with those marts."""
    with duckdb.connect(str(published_file(settings)), read_only=True) as database:
        rows = database.execute("select table_name from duckdb_tables() where schema_name = ?", [SCHEMA]).fetchall()
    published = {name for (name,) in rows}
    needed = {name: sorted(set(_MART.findall(sql)) - published) for name, sql in dataset_queries().items()}
    return {name: marts for name, marts in needed.items() if marts}


def write_bundle(settings: Settings, path: Path) -> None:
    """Write the bundle. The same home and publication give the same bytes."""
    address, arguments = connection(settings)
    root = json.dumps(_root_label(settings), ensure_ascii=False)[1:-1]
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for file in sorted(ASSETS.rglob("*.yaml")):
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
            folder = file.relative_to(ASSETS).parts[0]
            if folder == "databases":
                content["sqlalchemy_uri"] = address
                content["extra"]["engine_params"] = {"connect_args": arguments}
            elif folder == "datasets":
                content["sql"] = _MART.sub(lambda found: f'"{SCHEMA}".{found[1]}', content["sql"])
            # JSON is YAML too, and what a unit is called cannot break out of its quotes.
            text = json.dumps(content, ensure_ascii=False).replace(_ROOT_UNIT, root)
            archive.writestr(ZipInfo(f"avvik/{file.relative_to(ASSETS).as_posix()}"), text)


def _root_label(settings: Settings) -> str:
    """Return the municipality as the datasets' column `unit` has it."""
    with duckdb.connect(str(published_file(settings)), read_only=True) as database:
        row = database.execute(
            "select unit_name || ' (' || unit_code || ')' from marts.follow_up where unit_level = 0 "
            "order by report_period desc limit 1"
        ).fetchone()
    return str(row[0]) if row else f"{settings.municipality} ({settings.root_unit})"
