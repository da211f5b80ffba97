"""The findings stage: what was known then, kept closes, the marts, and what late postings changed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from conftest import Ledger, periods
from home_fixture import build, frame, manifest

from orchestration.assets.warehouse import mart_names
from orchestration.errors import SettingsError
from orchestration.findings import known
from orchestration.findings.cases import FINDING_COLUMNS
from orchestration.findings.run import Computed, compute
from orchestration.publish import Build, PublicationError, describe_marts, finish_build, publish, reporting_path, warehouse_path
from orchestration.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "kommun åäö")


def monthly(ledger: Ledger, first: str, last: str, since: str = "2014-01") -> dict[str, pd.DataFrame]:
    """Return year-to-date exports, one a month; the first holds all history from `since`."""
    rows = frame(ledger)
    out = {}
    for period in periods(first, last):
        start = since if period == first else f"{period[:4]}-01"
        out[period] = rows[(rows.period >= start) & (rows.period <= period)]
    return out


def stage(settings: Settings, deliveries: dict[str, pd.DataFrame], **more) -> Computed:
    build(settings, deliveries, **more)
    return compute(settings, manifest(), "v")


def told(settings: Settings, period: str, rule: str | None = None) -> pd.DataFrame:
    with duckdb.connect(str(reporting_path(settings)), read_only=True) as con:
        out = con.execute("select * from marts.findings where report_period = ?", [period]).df()
    return out if rule is None else out[out.rule_id == rule]


def with_missing_invoice(ledger: Ledger) -> Ledger:
    """A monthly income of 40 000 that is not booked in February and March 2015; April has all three months."""
    income = {"account": "3511", "cp": "819", "party": "77", "text": "Ersättning säkerhet", "series": "L", "contra": "1510"}
    ledger.monthly("2013-01", "2015-01", 40000.0, unit="0190", **income)
    ledger.row("2015-04", 120000.0, unit="0190", **{**income, "text": "Ersättning säkerhet februari-april 2015"})
    return ledger


def test_the_declared_marts_are_the_engines_columns() -> None:
    declared = manifest()["sources"]["findings"]["columns"]
    assert set(declared) == {"report_period", "answered_by", "answer_until", *FINDING_COLUMNS}


def test_a_missing_income_is_found_at_its_close_and_corrected_by_the_ledger(ledger: Ledger, settings: Settings) -> None:
    deliveries = monthly(with_missing_invoice(ledger), "2014-12", "2015-04")
    result = stage(settings, deliveries)
    assert result.newest == "2015-04"
    february = told(settings, "2015-02", "PER-01")
    assert list(zip(february.unit_code, february.account, february.expected_amount, strict=True)) == [("0190", "3511", 40000.0)]
    march = told(settings, "2015-03", "PER-01")
    assert march.finding_id.tolist() == february.finding_id.tolist()
    assert march.first_seen.tolist() == ["2015-02"]
    assert told(settings, "2015-04", "PER-01").status.tolist() == ["corrected"]


def test_the_marts_have_their_types_and_descriptions_and_every_finding_its_evidence(ledger: Ledger, settings: Settings) -> None:
    stage(settings, monthly(with_missing_invoice(ledger), "2014-12", "2015-04"))
    with duckdb.connect(str(reporting_path(settings)), read_only=True) as con:
        marts = {mart.name: mart for mart in describe_marts(con, "reporting")}
        types = dict(con.execute("select column_name, data_type from duckdb_columns() where table_name = 'findings'").fetchall())
        bare = con.execute(
            "select count(*) from marts.findings as f where rule_id <> 'PER-04' and not exists ("
            "select 1 from marts.finding_evidence as e where e.finding_id = f.finding_id and e.report_period = f.report_period)"
        ).fetchone()
    for name in ("findings", "finding_evidence", "restatement"):
        assert marts[name].description
        assert all(marts[name].columns.values()), name
    assert {types[c] for c in ("expected_amount", "booked_amount", "effect_period", "entry_amount")} == {"DECIMAL(18,2)"}
    assert bare == (0,)


def test_every_row_of_evidence_is_a_row_of_a_file_with_its_facts(ledger: Ledger, settings: Settings) -> None:
    """Also where a later year-to-date file has replaced the file that the finding was made from."""
    stage(settings, monthly(with_missing_invoice(ledger), "2014-12", "2015-04"))
    with duckdb.connect(str(warehouse_path(settings)), read_only=True) as con:
        con.execute(f"attach '{reporting_path(settings)}' as reporting (read_only)")
        facts = "load_id, source_file, source_row, period, unit_code, account, voucher_series, voucher_number, voucher_date"
        evidence = f"select distinct {facts}, amount, text from reporting.marts.finding_evidence"
        lost = con.execute(
            f"{evidence} except select {facts}, amount, lower(row_text) from staging.stg_raw__ledger_lines"
        ).fetchall()
        replaced = con.execute(
            f"select count(*) from ({evidence}) as e anti join reporting.marts.fct_ledger_line using (load_id, source_row)"
        ).fetchone()
    assert lost == []
    assert replaced != (0,)


def test_a_second_run_computes_nothing_and_changes_nothing(ledger: Ledger, settings: Settings) -> None:
    deliveries = monthly(with_missing_invoice(ledger), "2014-12", "2015-03")
    first = stage(settings, deliveries)
    assert first.computed == first.closes
    before = told(settings, "2015-03")
    again = stage(settings, deliveries)
    assert again.computed == []
    pd.testing.assert_frame_equal(told(settings, "2015-03"), before)


def test_a_new_month_computes_one_close_and_a_late_correction_those_from_its_delivery_on(
    ledger: Ledger, settings: Settings
) -> None:
    everything = monthly(with_missing_invoice(ledger), "2014-12", "2015-04")
    stage(settings, {p: d for p, d in everything.items() if p <= "2015-03"})
    assert stage(settings, everything).computed == ["2015-04"]
    assert stage(settings, {p: d for p, d in everything.items() if p != "2015-03"}).computed == ["2015-03", "2015-04"]


def test_other_thresholds_or_another_warehouse_recompute_everything(ledger: Ledger, settings: Settings) -> None:
    deliveries = monthly(ledger, "2014-12", "2015-01")
    closes = stage(settings, deliveries).closes
    other = settings.model_copy(update={"findings": {"materiality": 5000}})
    assert stage(other, deliveries).computed == closes
    build(other, deliveries)
    assert compute(other, manifest(), "another").computed == closes


def test_what_came_later_is_not_known_at_an_earlier_close(ledger: Ledger, settings: Settings) -> None:
    """The February export lacks a row of January that the March export has, and has one that March has taken back."""
    gone = frame(ledger).query("account == '6160'").iloc[-1:].assign(period="2015-01", amount=-555.0, source_row=9001)
    late = gone.assign(amount=-777.0, source_row=9002)
    d = monthly(ledger, "2014-12", "2015-03")
    d["2015-01"], d["2015-02"] = (pd.concat([d[p], gone]) for p in ("2015-01", "2015-02"))
    d["2015-03"] = pd.concat([d["2015-03"], late])
    stage(settings, d)
    with known.open_build(warehouse_path(settings), reporting_path(settings)) as con:
        known.prepare(con)
        for close, expected in (("2015-01", {-555}), ("2015-02", {-555}), ("2015-03", {-777})):
            then = known.ledger_as_of(con, close)
            odd = con.execute(f"select amount from ({then}) where source_row > 9000").fetchall()
            assert {amount for (amount,) in odd} == expected, close
            newest = con.execute(f"select max(period) from ({then})").fetchone()
            assert newest == (close,)
    with duckdb.connect(str(reporting_path(settings)), read_only=True) as con:
        changed = con.execute(
            "select report_period, period, unit_code, amount_before, amount_after, change from marts.restatement"
        ).fetchall()
        total = con.execute(
            "select sum(amount) from marts.fct_ledger_line where period = '2015-01' and unit_code = '2003' "
            "and report_line = 'other_external_cost'"
        ).fetchone()
    [(close, period, unit, before, after, change)] = changed
    assert (close, period, unit, change) == ("2015-03", "2015-01", "2003", Decimal("-222"))
    assert after - before == change
    assert (after,) == total


def test_history_in_one_delivery_is_known_by_registration_date(ledger: Ledger, settings: Settings) -> None:
    ledger.row("2015-01", -33333.0, text="Sent bokförd", registered=date(2015, 4, 15))
    rows = frame(ledger)
    stage(settings, {"2015-06": rows[(rows.period >= "2014-01") & (rows.period <= "2015-04")]})
    with known.open_build(warehouse_path(settings), reporting_path(settings)) as con:
        known.prepare(con)
        # All are registered within the month here: a month is taken to have been released ten days after its end.
        assert known.known_on(con, "2015-03") == date(2015, 4, 10)
        for close, expected in (("2015-01", 0), ("2015-03", 0), ("2015-04", 1)):
            then = known.ledger_as_of(con, close)
            assert con.execute(f"select count(*) from ({then}) where amount = -33333").fetchone() == (expected,), close
    with duckdb.connect(str(reporting_path(settings)), read_only=True) as con:
        late = con.execute("select report_period, period, booked_amount from marts.findings where rule_id = 'PER-10'").fetchall()
        moved = con.execute("select report_period, period, change from marts.restatement order by all").fetchall()
    assert late == [("2015-04", "2015-01", Decimal("-33333.00"))]
    assert moved == [("2015-04", "2015-01", Decimal("-33333.00"))]


def test_history_without_registration_dates_has_no_release_of_its_own(ledger: Ledger, settings: Settings) -> None:
    rows = frame(ledger).assign(registration_date=pd.NaT)
    build(settings, {"2015-06": rows[(rows.period >= "2014-01") & (rows.period <= "2015-04")]})
    with known.open_build(warehouse_path(settings), reporting_path(settings)) as con:
        known.prepare(con)
        assert known.known_on(con, "2015-03") == date(2015, 4, 30)
        assert con.execute("select min(released_on) >= date '2015-06-01' from period_release").fetchone() == (True,)


def test_a_young_ledger_is_looked_at_from_its_second_month_and_an_older_from_its_second_year(
    ledger: Ledger, settings: Settings
) -> None:
    rows = frame(ledger)
    young = {p: rows[(rows.period >= "2015-01") & (rows.period <= p)] for p in periods("2015-01", "2015-03")}
    assert stage(settings, young).closes == ["2015-02", "2015-03"]
    older = Settings(home=settings.home.parent / "older")
    assert stage(older, monthly(ledger, "2014-12", "2015-02")).closes == ["2015-01", "2015-02"]


def test_rules_that_cannot_look_say_so(ledger: Ledger, settings: Settings) -> None:
    rows = frame(ledger).assign(registration_date=pd.NaT, voucher_number=None)
    blind = stage(settings, {"2015-01": rows[(rows.period >= "2014-01") & (rows.period <= "2015-01")]}).blind
    assert {"PER-04", "PER-08", "PER-10", "PER-11", "PER-01"} <= set(blind)


def test_a_build_without_its_findings_is_not_published(ledger: Ledger, settings: Settings) -> None:
    marts = mart_names({"nodes": {}, **manifest()})
    assert marts == ["finding_evidence", "findings", "restatement"]
    build(settings, monthly(ledger, "2014-12", "2015-01"))
    finish_build(settings, Build("r", [], [], marts))
    with pytest.raises(PublicationError, match="findings is missing"):
        publish(settings)


def test_nothing_is_computed_on_an_unfinished_build(settings: Settings) -> None:
    with pytest.raises(PublicationError):
        compute(settings, manifest(), "v")


@pytest.mark.parametrize(
    ("section", "name"),
    [("materialty = 5", "materialty"), ('materiality = "stor"', "materiality"), ("payroll_lag = true", "payroll_lag")],
)
def test_a_wrong_threshold_is_named_when_settings_are_read(tmp_path: Path, section: str, name: str) -> None:
    (tmp_path / "avvik.toml").write_text(f"[findings]\n{section}\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=name):
        load_settings(tmp_path)


def test_thresholds_of_the_municipality_hold(tmp_path: Path) -> None:
    (tmp_path / "avvik.toml").write_text('[findings]\nmateriality = 5000\ndisabled = ["PER-11"]\n', encoding="utf-8")
    assert load_settings(tmp_path).findings == {"materiality": 5000, "disabled": ["PER-11"]}
