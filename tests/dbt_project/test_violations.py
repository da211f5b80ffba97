"""Every data test of the dbt project fails on data that violates it: a check that cannot fail is not a check."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from conftest import PROJECT, open_databases
from raw_fixture import line, municipality

LINES = "warehouse.staging.stg_raw__ledger_lines"
FOLLOW_UP = "reporting.marts.follow_up"
NEWEST = "report_period = '2015-03'"

#: Singular test: what spoils the built databases. A staging view is first made a table.
# ruff: noqa: E501
SPOILED: dict[str, list[str]] = {
    "staging_equals_register": [f"update {LINES} set amount = amount + 0.01 where source_row = 1 and period = '2015-02'"],
    "rejected_rows_are_kept": ["update warehouse.staging.stg_raw__loads set rows_in = rows_in + 1 where load_id = 'ledger_2014'"],
    "outcome_is_counted_once": ["update reporting.marts.fct_ledger_line set amount = amount + 0.01 where source_row = 3"],
    "budget_is_counted_once": ["delete from warehouse.core.int_budget_line where is_spread_flat and period = '2015-12'"],
    "every_account_has_a_report_line": ["update reporting.marts.fct_ledger_line set report_line = null where account = '7450'"],
    "report_line_ranges_are_unambiguous": [
        "update warehouse.core.int_account_report_line set matching_lines = 2 where account = '7450'"
    ],
    "report_line_ranges_are_whole": [
        "update warehouse.core.int_report_line_range set account_to = '9' where account_from = '601'"
    ],
    "amounts_are_on_report_lines": [
        "update warehouse.core.int_amount_monthly set report_line = 'net' where report_line = 'personnel'"
    ],
    "every_unit_reaches_the_top": ["delete from reporting.marts.bridge_unit_ancestor where unit_code = 'KC' and distance = 2"],
    "account_month_equals_the_amounts": [
        "update reporting.marts.account_month set budget_month = budget_month + 0.01 where account = '5010' and period = '2015-02'"
    ],
    "follow_up_equals_the_ledger": [
        f"update {FOLLOW_UP} set outcome_month = outcome_month + 0.01 where unit_code = 'KOMMUN' and report_line = 'net' and {NEWEST}"
    ],
    "units_sum_to_their_parent": [
        f"update {FOLLOW_UP} set budget_year = budget_year + 0.01 where unit_code = 'KS' and report_line = 'personnel' and {NEWEST}"
    ],
    "totals_equal_their_lines": [
        f"update {FOLLOW_UP} set deviation_period = deviation_period + 0.01 where unit_code = 'KLK' and report_line = 'personnel'"
    ],
    "bridge_sums_to_the_deviation": [
        "update reporting.marts.personnel_bridge set amount_month = amount_month + 0.01 where unit_code = 'KLK' and step = 'unexplained'"
    ],
    "bridge_units_sum_to_their_parent": [
        "update warehouse.core.int_personnel_step set amount = amount + 0.01 where unit_code = 'KLK' and step = 'rate'"
    ],
    "personnel_rates_are_known": [
        "insert into reporting.marts.personnel_assumption (rule, valid_from, status) values ('PO', date '2024-01-01', 'missing')"
    ],
    "payroll_is_classified": ["update warehouse.staging.stg_derived__payroll_months set unclassified = 0.01"],
    "payroll_agrees_with_the_ledger": [
        "insert into reporting.marts.payroll_reconciliation select * replace ('BUN' as unit_code) "
        "from reporting.marts.payroll_reconciliation where unit_code = 'KS'"
    ],
    "files_reconcile": [
        "insert into warehouse.staging.stg_raw__controls (load_id, control, difference) values ('ledger_2014', 'RES', 0.01)"
    ],
    "rows_have_a_counterparty": ["update reporting.marts.fct_ledger_line set counterparty = null where account = '7450'"],
    "units_are_in_the_organisation": ["update reporting.marts.dim_unit set is_in_organisation = false where unit_code = 'KLK'"],
    "outcome_and_budget_meet": [
        f"update {FOLLOW_UP} set has_budget = false where unit_code = 'KLK' and report_line = 'personnel'"
    ],
    "forecast_covers_every_unit": [
        f"update {FOLLOW_UP} set forecast_year = null where unit_code = 'BUN' and report_line = 'net' and {NEWEST}"
    ],
    "no_month_is_missing": ["update warehouse.core.int_report_period set months_covered = 2 where report_period = '2015-03'"],
}

#: Generic tests, by the start of their names.
SPOILED_KEYS: dict[str, list[str]] = {
    f"unique_key_{model}_": [f"insert into {schema}.{model} select * from {schema}.{model} limit 1"]
    for schema, models in {
        "reporting.marts": (
            "personnel_bridge fte absence_by_cause sick_leave_kpi payroll_reconciliation personnel_forecast comment account_month "
            "follow_up fct_ledger_line dim_account dim_activity dim_project dim_counterparty dim_unit bridge_unit_ancestor dim_load"
        ),
        "warehouse.core": (
            "int_load_scope int_register_span int_amount_monthly int_organisation "
            "agreement internal_agreement period_release "
            "int_payroll_month int_personnel_account int_personnel_step int_small_group"
        ),
        "warehouse.staging": "stg_raw__load_entities",
    }.items()
    for model in models.split()
} | {
    "unique_stg_raw__loads_load_id": [
        "insert into warehouse.staging.stg_raw__loads select * from warehouse.staging.stg_raw__loads"
    ],
    "not_null_stg_raw__loads_load_id": ["update warehouse.staging.stg_raw__loads set load_id = null"],
    "not_null_stg_raw__loads_sequence": ["update warehouse.staging.stg_raw__loads set sequence = null"],
    "accepted_values_stg_raw__loads_status": ["update warehouse.staging.stg_raw__loads set status = 'lost'"],
    "not_null_stg_raw__budget_lines_fiscal_year": ["update warehouse.staging.stg_raw__budget_lines set fiscal_year = null"],
    "not_null_stg_raw__forecast_lines_fiscal_year": ["update warehouse.staging.stg_raw__forecast_lines set fiscal_year = null"],
    "not_null_stg_raw__forecast_lines_forecast_round": [
        "update warehouse.staging.stg_raw__forecast_lines set forecast_round = null"
    ],
    "unique_dim_period_period": ["insert into reporting.marts.dim_period select * from reporting.marts.dim_period"],
    "unique_dim_report_line_report_line": [
        "insert into reporting.marts.dim_report_line select * from reporting.marts.dim_report_line"
    ],
    "unique_int_counterparty_group_counterparty": [
        "insert into warehouse.core.int_counterparty_group select * from warehouse.core.int_counterparty_group"
    ],
    "accepted_values_int_counterparty_group_": ["update warehouse.core.int_counterparty_group set counterparty_group = 'other'"],
    "unique_int_report_period_report_period": [
        "insert into warehouse.core.int_report_period select * from warehouse.core.int_report_period"
    ],
    "not_null_int_report_period_report_period": ["update warehouse.core.int_report_period set report_period = null"],
    "accepted_values_int_amount_monthly_": ["update warehouse.core.int_amount_monthly set amount_type = 'guess'"],
    "relationships_int_amount_monthly_unit_code": ["update warehouse.core.int_amount_monthly set unit_code = 'NOWHERE'"],
    "relationships_int_amount_monthly_period": ["update warehouse.core.int_amount_monthly set period = '1850-01'"],
}


WARNINGS = {
    "payroll_is_classified",
    "personnel_rates_are_known",
    "payroll_agrees_with_the_ledger",
    "files_reconcile",
    "rows_have_a_counterparty",
    "units_are_in_the_organisation",
    "outcome_and_budget_meet",
    "forecast_covers_every_unit",
    "no_month_is_missing",
}


def _spoils(test: str) -> list[str] | None:
    return SPOILED.get(test) or next((sql for start, sql in SPOILED_KEYS.items() if test.startswith(start)), None)


def test_every_data_test_finds_its_violation(compiled_tests: dict[str, Any], copy: Path) -> None:
    """Each test's own SQL, as dbt ran it: no row on the built home, rows once the data is spoiled (and then put back)."""
    assert {path.stem for path in (PROJECT / "tests").glob("*.sql")} == set(SPOILED)
    wrong = {}
    with open_databases(copy) as connection:
        for name, node in compiled_tests.items():
            statements = _spoils(name)
            if statements is None:
                wrong[name] = "no violation is written for it"
                continue
            query = f"select count(*) from ({node.compiled_code})"
            before = connection.execute(query).fetchone()[0]
            connection.execute("begin")
            _spoil(connection, statements)
            after = connection.execute(query).fetchone()[0]
            connection.execute("rollback")
            severity = "warn" if name in WARNINGS else "error"
            if (before > 0 and severity == "error") or after <= before or str(node.config.severity).lower() != severity:
                wrong[name] = f"{before} rows, {after} when spoiled, {node.config.severity}"
    assert wrong == {}


def _spoil(connection: Any, statements: list[str]) -> None:
    for name in {word for text in statements for word in text.split() if word.startswith("warehouse.staging.")}:
        connection.execute(f"create table {name}_spoiled as select * from {name}; drop view {name}")
        connection.execute(f"alter table {name}_spoiled rename to {name.rsplit('.', 1)[1]}")
    for statement in statements:
        assert connection.execute(statement).fetchone()[0] > 0, f"nothing spoiled: {statement}"


def _build_past(dbt: Any, home: Path, model: str, test: str) -> Any:
    """Build a model with all before it, run its test, and try to build the follow-up after it."""
    return dbt(home, "build", "--indirect-selection", "empty", "--select", f"+{model}", test, "follow_up")


def test_a_used_account_without_a_line_stops_the_build_and_is_named(dbt, tmp_path: Path) -> None:
    raw = municipality(tmp_path)
    raw.load(
        "ledger_extra",
        source="extra",
        period_from="2015-03",
        period_to="2015-03",
        ledger_line=[line("2015-03", "9120", "1.00"), line("2015-03", "5010", "1.00")],
    )
    results = _build_past(dbt, raw.write(), "int_amount", "every_account_has_a_report_line")
    assert results["every_account_has_a_report_line"].status == "fail"
    assert results["follow_up"].status == "skipped"
    with open_databases(tmp_path, read_only=True) as connection:
        rows = connection.execute("select account, row_count, amount from warehouse.failures.every_account_has_a_report_line")
        assert [(account, count, str(amount)) for account, count, amount in rows.fetchall()] == [("9120", 1, "-1.00")]


def test_a_row_of_a_period_that_its_load_does_not_cover_stops_the_build(dbt, tmp_path: Path) -> None:
    """It would otherwise be in no follow-up at all."""
    raw = municipality(tmp_path)
    raw.load(
        "ledger_stray",
        source="extra",
        period_from="2015-03",
        period_to="2015-03",
        ledger_line=[line("2015-03", "5010", "1.00"), line("2015-01", "5010", "77.00")],
    )
    results = _build_past(dbt, raw.write(), "fct_ledger_line", "outcome_is_counted_once")
    assert results["outcome_is_counted_once"].status == "fail"
    assert results["follow_up"].status == "skipped"


def test_two_equally_specific_ranges_stop_the_build(dbt, tmp_path: Path) -> None:
    raw = municipality(tmp_path)
    shipped = [("1", "2", "any", "balance"), ("3", "3", "any", "external_income"), ("4", "7", "any", "other_external_cost")]
    double = [("50", "51", "any", "personnel"), ("49", "50", "any", "other_external_cost")]
    raw.load(
        "own_map",
        kind="report_lines",
        report_line_account=[
            {"account_from": first, "account_to": last, "counterparty_scope": scope, "report_line": key}
            for first, last, scope, key in shipped + double
        ],
    )
    results = _build_past(dbt, raw.write(), "int_account_report_line", "report_line_ranges_are_unambiguous")
    assert results["report_line_ranges_are_unambiguous"].status == "fail"
    assert results["follow_up"].status == "skipped"


def test_a_circle_in_the_organisation_stops_the_build(dbt, tmp_path: Path) -> None:
    raw = municipality(tmp_path)
    raw.load(
        "organisation_new",
        kind="organisation",
        delivery="2015-02",
        unit=[{"unit": "KS", "name": "KS", "parent": "KLK"}, {"unit": "KLK", "name": "KLK", "parent": "KS"}],
    )
    results = _build_past(dbt, raw.write(), "bridge_unit_ancestor", "every_unit_reaches_the_top")
    assert results["every_unit_reaches_the_top"].status == "fail"
    assert results["follow_up"].status == "skipped"


def test_failures_speak_both_languages_and_name_an_asset(compiled_tests: dict[str, Any]) -> None:
    for name in SPOILED:
        meta = compiled_tests[name].config.meta
        assert {"message_sv", "message_en"} <= set(meta), name
        assert meta["dagster"]["ref"]["name"]
