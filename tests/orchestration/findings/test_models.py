"""The models of `models/findings/` outside dbt: order, nothing lost, and the same again at a second close."""

from __future__ import annotations

import jinja2
import pandas as pd
import pytest

from expectations.rules import Thresholds
from orchestration.dbt_runner import project_dir
from orchestration.findings import engine, models
from orchestration.findings.cases import month_number

CLOSE = "2015-06"


@pytest.fixture
def staged(ledger):
    ledger.background()
    ledger.monthly("2013-01", "2015-12", -7000.0, text="Leasing kopiator mars 2015", ref="AVT-1001")
    ledger.row(CLOSE, -500.0, party="", text="", cp="", unit="")
    with ledger.connection() as con:
        engine.stage_rows(con)
        engine.stage(con, month_number(CLOSE), Thresholds(), None, 1)
        yield con


def value(con, sql):
    return con.execute(sql).fetchone()[0]


def test_every_model_comes_after_what_it_reads():
    names = models.models()
    for place, name in enumerate(names):
        assert models._render(name).reads - models.PARAMETERS <= set(names[:place])


def test_the_models_are_spark_sql_but_for_the_dialect_macros():
    sqlglot = pytest.importorskip("sqlglot")
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, loader=jinja2.FileSystemLoader(project_dir()))

    class Adapter:
        def dispatch(self, name, package):
            return environment.globals[f"default__{name}"]

    environment.globals |= {"adapter": Adapter(), "ref": str, "fiscal_year_start": lambda: "1"}
    macros = vars(environment.get_template("macros/dialect.sql").module)
    environment.globals |= {name: macro for name, macro in macros.items() if isinstance(macro, jinja2.runtime.Macro)}
    for name in sorted({*models.models(), *models.PARAMETERS}):
        sql = environment.get_template(f"models/findings/{name}.sql").render()
        unknown = [function.name for function in sqlglot.parse_one(sql, read="spark").find_all(sqlglot.exp.Anonymous)]
        assert not unknown, (name, unknown)


def test_no_row_and_no_krona_is_lost(staged):
    totals = "count(*), sum(amount)"
    assert value(staged, f"select ({totals}) = (select ({totals}) from fct_ledger_line) from f_ledger_row")
    known = "from fct_ledger_line where period <= '2015-06' and report_line <> 'balance'"
    assert value(staged, f"select ({totals}) = (select ({totals}) {known}) from f_line")
    assert value(staged, f"select (sum(n), sum(amount)) = (select ({totals}) {known}) from f_use")
    assert value(staged, "select count(*) = count(distinct rid) from f_line")


def test_the_row_number_leads_back_to_the_file(staged):
    assert value(
        staged,
        "select bool_and(l.amount = r.amount) from f_ledger_row as r inner join f_load as o on r.rid // 4294967296 = o.load_no "
        "inner join fct_ledger_line as l on l.load_id = o.load_id and l.source_row = r.rid % 4294967296",
    )


def test_rows_are_staged_once_for_all_closes(ledger):
    """What says what a row is depends on no close: several closes in one connection give what each would alone."""
    assert models.models_of_rows() == {
        "findings_load", "findings_party_number", "findings_party_name", "findings_ledger", "findings_text", "findings_item",
        "findings_ledger_row",
    }  # fmt: skip
    ledger.monthly("2013-01", "2015-12", 40000.0, skip=("2015-05",), unit="0190", account="3511", cp="819", party="77")
    with ledger.connection() as con:
        engine.stage_rows(con)
        together = [engine.find(con, period, rows_staged=True) for period in ("2015-04", "2015-05", "2015-06")]
    assert [len(one.findings) > 0 for one in together] == [False, True, False]
    for period, one in zip(("2015-04", "2015-05", "2015-06"), together, strict=True):
        alone = ledger.close(period)
        pd.testing.assert_frame_equal(one.findings, alone.findings)
        pd.testing.assert_frame_equal(one.evidence, alone.evidence)


def test_only_the_files_in_force_at_the_close_count(staged):
    """Two exports of a month in one ledger: the close says which of them was its ledger."""
    again = "select * replace ('L-new' as load_id) from fct_ledger_line where period = '2015-03'"
    staged.execute(f"insert into fct_ledger_line {again}")
    staged.execute("create table ledger_version as select distinct load_id, period from fct_ledger_line where load_id <> 'L-new'")
    engine.stage_rows(staged)
    before = "select (count(*), sum(amount)) = (select (count(*), sum(amount)) from fct_ledger_line where period <= '2015-06' "
    for gone in ("L-new", "L2015-03"):
        staged.execute("create or replace table ledger_version as select distinct load_id, period from fct_ledger_line "
                       f"where load_id <> '{gone}'")  # fmt: skip
        engine.stage(staged, month_number(CLOSE), Thresholds(), None, 1)
        assert value(staged, f"{before} and load_id <> '{gone}') from f_row")


@pytest.mark.parametrize(
    ("text", "stem", "said"),
    [
        ("Hyra 2015-03", "hyra", (2015, 3, 3)),
        ("Hyra jan-mars 2015", "hyra", (2015, 1, 3)),
        ("Bidrag kv 2", "bidrag", (None, 4, 6)),
        ("Marsvin till skolan", "marsvin till skolan", (None, None, None)),
        ("Licens 05/14", "licens", (2014, 5, 5)),
    ],
)
def test_stem_and_told_period(ledger, text, stem, said):
    ledger.row(CLOSE, -100.0, text=text)
    with ledger.connection() as con:
        engine.stage_rows(con)
        engine.stage(con, month_number(CLOSE), Thresholds(), None, 1)
        row = con.execute("select stem, said_year, said_from, said_to from f_text where txt = lower(?)", [text]).fetchone()
    assert row == (stem, *said)
