"""The dbt models of `models/findings/` outside dbt: the same SQL, run in one connection for any close.

What belongs here: rendering a model as dbt would (`ref`, the macros) and running the models in their order. What does not:
any SQL of a series or a signal, which has one place, `dbt_project/models/findings/`.

Model `findings_<x>` becomes the temp table or view `f_<x>`; any other reference is a table of the connection by its own name.
Models that read no parameter of a close, themselves or through others, say what the rows are: they are the same at every close,
and are built once (`build_rows`); the others once for each close (`build_close`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from typing import Any

import duckdb
import jinja2

from orchestration.dbt_runner import project_dir

_PREFIX = "findings_"
#: What the engine states itself, of the close that it is asked for.
PARAMETERS = frozenset({"findings_close", "findings_interim_prefix", "findings_release", "findings_version"})
#: Models of rows, which are read a month at a time and not written a second time.
_VIEWS = frozenset({"findings_ledger", "findings_row", "findings_line", "findings_use"})


@dataclass(frozen=True)
class Model:
    """One rendered model: its statement, and the models of this folder that it reads."""

    name: str
    sql: str
    reads: frozenset[str]


def table_name(model: str) -> str:
    """Return the engine's name of a model's table."""
    return "f_" + model.removeprefix(_PREFIX) if model.startswith(_PREFIX) else model


class _Adapter:
    """dbt's adapter, as far as the macros use it: the DuckDB form of a macro, else the default one."""

    def __init__(self, macros: dict[str, Any]) -> None:
        self.macros = macros

    def dispatch(self, name: str, package: str) -> Callable[..., str]:
        found: Callable[..., str] = self.macros.get(f"duckdb__{name}") or self.macros[f"default__{name}"]
        return found


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, loader=jinja2.FileSystemLoader(project_dir()))
    environment.globals["adapter"] = _Adapter(environment.globals)
    module = environment.get_template("macros/dialect.sql").module
    environment.globals.update({name: macro for name, macro in vars(module).items() if isinstance(macro, jinja2.runtime.Macro)})
    return environment


@cache
def _render(name: str) -> Model:
    reads: set[str] = set()

    def ref(model: str) -> str:
        if model.startswith(_PREFIX):
            reads.add(model)
        return table_name(model)

    template = _environment().get_template(f"models/findings/{name}.sql")
    return Model(name, template.render(ref=ref), frozenset(reads))


@cache
def models() -> tuple[str, ...]:
    """Return the models' names, each after what it reads, without the parameters."""
    names = {path.stem for path in (project_dir() / "models" / "findings").glob("*.sql")} - PARAMETERS
    order = TopologicalSorter({name: _render(name).reads - PARAMETERS for name in sorted(names)})
    return tuple(order.static_order())


@cache
def models_of_rows() -> frozenset[str]:
    """Return the models that are the same at every close."""
    out: set[str] = set()
    for name in models():
        if _render(name).reads <= out:
            out.add(name)
    return frozenset(out)


def build_rows(con: duckdb.DuckDBPyConnection) -> None:
    """Build the models of the rows. Needs `fct_ledger_line`."""
    _build(con, [name for name in models() if name in models_of_rows()])


def build_close(con: duckdb.DuckDBPyConnection) -> None:
    """Build the models of one close. Needs those of the rows and the tables of `PARAMETERS`."""
    _build(con, [name for name in models() if name not in models_of_rows()])


def _build(con: duckdb.DuckDBPyConnection, names: list[str]) -> None:
    for name in names:
        kind = "view" if name in _VIEWS else "table"
        con.execute(f"create or replace temp {kind} {table_name(name)} as {_render(name).sql}")
