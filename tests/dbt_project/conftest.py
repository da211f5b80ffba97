"""dbt in this process for the tests of the dbt project: parsed once, then run on the homes that the tests write."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from raw_fixture import municipality

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"

#: dbt's results by node name.
Results = dict[str, Any]
Dbt = Callable[..., Results]


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from dbt.cli.main import dbtRunner

    folder = tmp_path_factory.mktemp("parse")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AVVIK_HOME", str(folder / "no-home"))
        result = dbtRunner().invoke(["parse", *_flags(folder)])
    assert result.success, result.exception
    return result.result


def _flags(folder: Path) -> list[str]:
    return [
        *("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--target-path", str(folder / "target")),
        *("--log-path", str(folder / "logs"), "--log-level-file", "none", "--quiet", "--no-use-colors"),
    ]


@pytest.fixture(scope="session")
def dbt(manifest: Any) -> Dbt:
    """Return a function that runs one dbt command on a home, with the one manifest that serves every home."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    def run(home: Path, *args: str, **environment: str) -> Results:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AVVIK_HOME", str(home))
            for name, value in environment.items():
                patch.setenv(name, value)
            result = dbtRunner(manifest=manifest.deepcopy()).invoke([args[0], *_flags(home), *args[1:]])
        DuckDBConnectionManager.close_all_connections()
        if result.exception is not None:
            raise result.exception
        return {outcome.node.name: outcome for outcome in result.result}

    return run


@pytest.fixture(scope="session")
def _build(dbt: Dbt, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Results]:
    home = municipality(tmp_path_factory.mktemp("built")).write()
    results = dbt(home, "build", "--exclude-resource-type", "unit_test")
    problems = {name: outcome.message for name, outcome in results.items() if outcome.status in ("error", "fail", "skipped")}
    assert not problems
    return home, results


@pytest.fixture(scope="session")
def built(_build: tuple[Path, Results]) -> Path:
    """Return the small municipality's home after a whole build with all tests; not to be changed."""
    return _build[0]


@pytest.fixture(scope="session")
def compiled_tests(_build: tuple[Path, Results]) -> Results:
    """Return the data tests of that build by name, with the SQL that was run."""
    return {name: outcome.node for name, outcome in _build[1].items() if outcome.node.resource_type == "test"}


@pytest.fixture
def copy(built: Path, tmp_path: Path) -> Path:
    """Return a copy of the built home that a test may spoil."""
    return Path(shutil.copytree(built, tmp_path / "copy", ignore=shutil.ignore_patterns("target", "logs")))


@pytest.fixture
def database(built: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Return the built databases, read only."""
    with open_databases(built, read_only=True) as connection:
        yield connection


def open_databases(home: Path, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """Open both databases of a home under the names that dbt uses."""
    connection = duckdb.connect()
    mode = " (read_only)" if read_only else ""
    for name in ("warehouse", "reporting"):
        connection.execute(f"attach '{home}/warehouse/{name}.duckdb' as {name}{mode}")
    return connection
