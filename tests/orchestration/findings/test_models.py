"""The models of `models/findings/` outside dbt: order, nothing lost, and the same again at a second close."""

from __future__ import annotations

import pytest

from expectations.rules import Thresholds
from orchestration.findings import engine, models
from orchestration.findings.cases import month_number

CLOSE = "2015-06"


@pytest.fixture
def staged(ledger):
    ledger.background()
    ledger.monthly("2013-01", "2015-12", -7000.0, text="Leasing kopiator mars 2015", ref="AVT-1001")
    ledger.row(CLOSE, -500.0, party="", text="", cp="", unit="")
    with ledger.connection() as con:
        engine.stage(con, month_number(CLOSE), Thresholds(), None, 1)
        yield con


def value(con, sql):
    return con.execute(sql).fetchone()[0]


def test_every_model_comes_after_what_it_reads():
    names = models.models()
    for place, name in enumerate(names):
        assert models._render(name, False).reads <= set(names[:place])


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


def test_texts_are_kept_and_new_ones_added(staged):
    before = staged.execute("from f_text order by all").fetchall()
    staged.execute("update fct_ledger_line set row_text = 'Städning augusti' where source_row = 2")
    engine.stage(staged, month_number(CLOSE), Thresholds(), None, 1)
    after = staged.execute("from f_text order by all").fetchall()
    assert set(before) < set(after)
    assert [row[1] for row in set(after) - set(before)] == ["städning"]
    assert value(staged, "select count(*) = count(distinct txt) from f_text")


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
        engine.stage(con, month_number(CLOSE), Thresholds(), None, 1)
        row = con.execute("select stem, said_year, said_from, said_to from f_text where txt = lower(?)", [text]).fetchone()
    assert row == (stem, *said)
