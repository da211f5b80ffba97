"""dbt in this process: the project parsed once and kept, builds on the kept manifest, results handed back as plain records.

Why not `DbtCliResource`: it starts dbt three times a run (version, adapter, build), six seconds on a month that takes two. What
is used of dbt here is its public programmatic interface (`dbtRunner`, its results) with three exceptions, all in this module and
tested, which is why dbt is pinned exactly: reading the kept manifest back (`_load_manifest`), closing DuckDB afterwards
(`_let_go`, dbt-core 11980), and the fields of result events (progress). Should one of them break, leave out `manifest=` in
`build` (dbt then parses by itself, 2 s more), or use `DbtCliResource(project_dir=…).cli(["build"], context=context).stream()` in
`orchestration.assets.warehouse`.

What belongs here: starting dbt and reading its results. What does not: Dagster, and what is built (dbt_project/).
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.errors import AvvikError, Text
from orchestration.files import replace_file
from orchestration.instance import cache_folder, instance_folder
from orchestration.settings import Settings

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult
    from dbt.contracts.graph.manifest import Manifest

#: The folder of models that a run does not build: the findings compute them themselves, from the same files, close by close
#: (`findings.models`). They are built by dbt for looking at, and on engines that have no such run.
ON_DEMAND = "findings"

#: Folders and files that dbt writes into a project and that do not change what it means.
_NOT_SOURCE = {"target", "logs", "dbt_packages", ".user.yml"}

#: Beside a kept parse: the environment variables that it read, with their values.
_ENVIRONMENT = "environment.json"

Progress = Callable[[str, int, int], None]


class DbtFailed(AvvikError):
    """dbt could not run at all: the project does not parse, or an SQL engine is missing. Failed nodes are results, not this."""


@dataclass(frozen=True)
class Project:
    """A parsed dbt project.

    manifest: the content of manifest.json, to be read only. folder: where the parse is kept. version: a hash of its sources.
    """

    manifest: Mapping[str, Any]
    folder: Path
    version: str


@dataclass(frozen=True)
class Node:
    """What became of one model, seed, snapshot, data test or unit test.

    status: success, pass, warn, fail, error, skipped, as dbt names them. failures: failing rows of a test. sql: as it was run.
    """

    unique_id: str
    status: str
    message: str
    failures: int | None
    seconds: float
    sql: str

    @property
    def failed(self) -> bool:
        """True if it stops the build: an error, or a failing test of severity error."""
        return self.status in ("error", "fail", "runtime error")


def project_dir() -> Path:
    """Return the dbt project: beside the package, or where `AVVIK_DBT_PROJECT` says."""
    chosen = os.environ.get("AVVIK_DBT_PROJECT")
    return Path(chosen).resolve() if chosen else Path(__file__).resolve().parents[1] / "dbt_project"


def dbt_environment(settings: Settings) -> dict[str, str]:
    """Return what dbt_project knows of a home: each plain setting as `AVVIK_<NAME>`."""
    values = settings.model_dump(exclude={"sources", "findings", "report", "people", "postgres"})
    return {f"AVVIK_{name.upper()}": str(value) for name, value in sorted(values.items())}


def load_project(settings: Settings) -> Project:
    """Return the parsed project, parsing only if the project, dbt or what the parse read of the settings changed.

    The parse is kept in the cache (`instance.cache_folder`), as the project may be installed read-only.

    Raises:
        DbtFailed: the project does not parse.
    """
    cache = cache_folder(settings)
    cache.mkdir(parents=True, exist_ok=True)
    wanted = _content_hash()
    folder = cache / f"dbt-{wanted[:16]}"
    read = folder / _ENVIRONMENT
    with (cache / ".dbt.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the UI and a command may both be the first
        now = {**os.environ, **dbt_environment(settings)}
        if not read.exists() or any(now.get(name) != value for name, value in json.loads(read.read_text()).items()):
            replace_file(read, json.dumps(_parse(settings, folder)).encode())
        os.utime(folder)
        _forget_unused(cache)
        manifest = json.loads((folder / "manifest.json").read_bytes())
    return Project(manifest, folder, wanted)


def _forget_unused(cache: Path) -> None:
    """Remove the parses of projects that have not been used for a month."""
    for folder in cache.glob("dbt-*"):
        if folder.stat().st_mtime < time.time() - 30 * 86400:
            shutil.rmtree(folder)


def build(settings: Settings, project: Project, progress: Progress | None = None) -> list[Node]:
    """Run `dbt build` and return what became of every node, in the order in which they finished.

    Unit tests test the models' formulas on made-up rows, whatever the data. They are a third of a small build, and run only after
    the project has changed, until they pass; after that they are returned as passed with the message 'unchanged'.

    Args:
        settings: whose home.
        project: the parsed project.
        progress: called as (node, done, total) when a node is done.

    Raises:
        DbtFailed: dbt could not run. (A failing node is not an exception: see `Node.failed`.)
    """
    tested = project.folder / "unit_tested"
    unchanged = tested.exists()
    without = ["--exclude", f"path:models/{ON_DEMAND}", *(["--exclude-resource-type", "unit_test"] if unchanged else [])]
    nodes = _run(settings, project, "build", without, progress)
    unit_tests = list(project.manifest["unit_tests"])
    if unchanged:
        nodes += [Node(unique_id, "pass", "unchanged", None, 0.0, "") for unique_id in unit_tests]
    elif {node.unique_id for node in nodes if node.status == "pass"} >= set(unit_tests):
        tested.touch()
    return nodes


def run_tests(settings: Settings, project: Project, names: list[str], progress: Progress | None = None) -> list[Node]:
    """Run the named data tests and nothing else; arguments and errors as `build`."""
    return _run(settings, project, "test", ["--indirect-selection", "empty", "--select", *names], progress)


def _run(settings: Settings, project: Project, command: str, selection: list[str], progress: Progress | None) -> list[Node]:
    target = instance_folder(settings) / "dbt" / "target"
    shutil.rmtree(target, ignore_errors=True)
    args = [command, *_common(settings, target), "--no-write-json", *selection]
    result = _invoke(settings, args, _load_manifest(project), progress)
    if result.exception is not None or result.result is None:
        raise _failed(result)
    return [
        Node(
            unique_id=outcome.node.unique_id,
            status=str(outcome.status.value),
            message=(outcome.message or "").strip(),
            failures=outcome.failures,
            seconds=outcome.execution_time,
            sql=getattr(outcome.node, "compiled_code", None) or "",
        )
        for outcome in result.result.results  # type: ignore[union-attr]
    ]


def _content_hash() -> str:
    digest = hashlib.sha256()
    for package in ("dbt-core", "dbt-adapters", "dbt-duckdb"):
        digest.update(f"{package}={version(package)};".encode())
    root = project_dir()
    digest.update(str(root).encode())
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if relative.parts[0] not in _NOT_SOURCE and path.is_file():
            content = path.read_bytes()
            digest.update(f"{relative.as_posix()}:{len(content)}:".encode())
            digest.update(content)
    return digest.hexdigest()


def _parse(settings: Settings, folder: Path) -> dict[str, str]:
    """Parse the whole project into `folder`; return the environment variables that were read.

    dbt's own partial parse is not trusted with the changes it cannot see.
    """
    shutil.rmtree(folder, ignore_errors=True)
    result = _invoke(settings, ["parse", *_common(settings, folder)])
    if not result.success:
        raise _failed(result)
    return dict(result.result.env_vars)  # type: ignore[union-attr]


def _load_manifest(project: Project) -> Manifest:
    """Read back what dbt keeps for its own partial parse: the same manifest, 20 times faster than parsing."""
    from dbt.contracts.graph.manifest import Manifest
    from dbt.parser.manifest import extended_mashumuro_decoder

    content = (project.folder / "partial_parse.msgpack").read_bytes()
    manifest = Manifest.from_msgpack(content, decoder=extended_mashumuro_decoder)
    manifest.build_parent_and_child_maps()
    return manifest


def _common(settings: Settings, target: Path) -> list[str]:
    folder = str(project_dir())
    return [
        *("--project-dir", folder, "--profiles-dir", folder, "--target-path", str(target)),
        *("--log-path", str(instance_folder(settings) / "dbt" / "logs"), "--log-level", "none", "--log-level-file", "warn"),
        *("--no-use-colors", "--no-use-colors-file", "--no-version-check"),
    ]


def _invoke(
    settings: Settings, args: list[str], manifest: Manifest | None = None, progress: Progress | None = None
) -> dbtRunnerResult:
    from dbt.cli.main import dbtRunner

    callbacks = [_Counter(progress)] if progress else []
    with _surroundings({**dbt_environment(settings), "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}):
        try:
            result = dbtRunner(manifest=manifest, callbacks=callbacks).invoke(args)  # type: ignore[arg-type]
        finally:
            _let_go()
    if result.exception is not None and not isinstance(result.exception, Exception):
        raise result.exception  # Ctrl-C or a termination, which dbt catches like any other
    return result


class _Counter:
    """Turns dbt's result events into progress. dbt calls it from its worker threads."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.done = 0
        self.guard = threading.Lock()

    def __call__(self, event: Any) -> None:
        if event.info.name not in ("LogModelResult", "LogSeedResult", "LogTestResult", "LogSnapshotResult"):
            return
        total = event.data.num_models if event.info.name == "LogTestResult" else event.data.total
        with self.guard:
            self.done += 1
            self.progress(event.data.node_info.node_name, self.done, total)


@contextmanager
def _surroundings(variables: dict[str, str]) -> Iterator[None]:
    """Set environment variables, and put them and the current folder back afterwards."""
    before = {name: os.environ.get(name) for name in variables}
    folder = os.getcwd()
    os.environ.update(variables)
    try:
        yield
    finally:
        os.chdir(folder)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _let_go() -> None:
    """Close the databases: dbt leaves them open for the life of the process, and the next home gets another adapter."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.adapters.factory import reset_adapters

    DuckDBConnectionManager.close_all_connections()
    reset_adapters()


def _failed(result: dbtRunnerResult) -> DbtFailed:
    error = str(result.exception or "").strip()
    return DbtFailed(
        Text(sv=f"dbt kunde inte köras ({project_dir()}): {error}", en=f"dbt could not run ({project_dir()}): {error}")
    )
