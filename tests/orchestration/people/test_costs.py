"""From raw HR rows to figures per unit and month: versions, spans, rates, what is frozen, each by hand."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orchestration.errors import SettingsError
from orchestration.people.costs import freeze_before, people_costs, read_derived, settle, write_derived
from orchestration.people.history import read_staff
from orchestration.people.options import PeopleOptions
from orchestration.readers.contract import ENTITIES_HR, LOAD, LOAD_COLUMNS, LOAD_ENTITY
from orchestration.settings import Settings

Row = dict[str, Any]


class Home:
    """A home's raw HR tables in the making. The ledger covers `first` to `last`."""

    def __init__(self, folder: Path, first: str = "2015-01", last: str = "2015-03") -> None:
        self.settings = Settings(home=folder)
        self.loads: list[Row] = []
        self.last = last
        self.load("ledger", "ledger_line", [], delivery=last)
        entities = [{"load_id": "ledger", "entity": "ledger_line", "period_from": first, "period_to": last, "rows": 1}]
        pq.write_table(pa.Table.from_pylist(entities, schema=LOAD_ENTITY), self.settings.raw / "load_entity.parquet")

    def load(self, load_id: str, entity: str, rows: list[Row], delivery: str = "2015-03", status: str = "accepted") -> None:
        known = {"load_id": load_id, "source": entity, "scope": entity, "kind": entity, "sequence": len(self.loads) + 1}
        self.loads.append({**known, "delivery": delivery, "status": status, "loaded_at": datetime(2015, 4, 1, tzinfo=UTC)})
        self.settings.raw.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(self.loads, schema=LOAD), self.settings.raw / "load.parquet")
        if entity in ENTITIES_HR:
            schema = pa.schema([*LOAD_COLUMNS, *ENTITIES_HR[entity]])
            folder = self.settings.raw / entity
            folder.mkdir(exist_ok=True)
            numbered = [
                {"load_id": load_id, "source_file": load_id, "source_row": n, **_typed(row, schema)}
                for n, row in enumerate(rows, start=2)
            ]
            pq.write_table(pa.Table.from_pylist(numbered, schema=schema), folder / f"{load_id}.parquet")

    def month(self, period: str = "2015-03", unit: str = "U") -> Row:
        return people_costs(self.settings)["people_month"].row(
            by_predicate=(pl.col("unit_code") == unit) & (pl.col("period") == period), named=True
        )

    def steps(self, period: str = "2015-03") -> dict[str, str]:
        steps = people_costs(self.settings)["people_step"].filter(pl.col("period") == period)
        return {step: str(amount) for step, amount in steps.select("step", "amount").iter_rows()}


def _typed(row: Row, schema: pa.Schema) -> Row:
    typed = {}
    for name, value in row.items():
        kind = schema.field(name).type
        if pa.types.is_decimal(kind) and value is not None:
            value = Decimal(str(value)).quantize(Decimal(1).scaleb(-kind.scale))
        elif pa.types.is_date(kind) and isinstance(value, str):
            value = date.fromisoformat(value)
        typed[name] = value
    return typed


def position(**rest: Any) -> Row:
    return {"position": "P", "unit": "U", "degree": 1, "budgeted_wage": 30000, "valid_from": "2014-01-01", **rest}


def employment(**rest: Any) -> Row:
    terms = {"wage_form": "month", "wage_basis": "full_time", "degree": 1, "monthly_wage": 30000, "valid_from": "2014-01-01"}
    return {"employment": "e", "person": "p", "position": "P", "unit": "U", **terms, **rest}


def spell(start: str, end: str | None, cause: str = "sick", **rest: Any) -> Row:
    return {"employment": "e", "cause": cause, "cause_code": cause, "valid_from": start, "valid_to": end, "extent": 1, **rest}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    made.load("plan", "position", [position()])
    made.load("staff", "employment", [employment()])
    return made


def test_as_planned_there_is_no_step(home: Home) -> None:
    assert home.steps() == {}
    month = home.month()
    assert (month["planned_cost"], month["hr_cost"], month["employees"]) == (Decimal("41538.00"), Decimal("41538.00"), 1)


def test_absence_by_the_rules_of_the_month(home: Home) -> None:
    # One day of 30 000 × 12 / 52 / 5 = 1 384.62, a karensdag: saved 1 384.62 × 1.3846 = 1 917.14.
    home.load("absence", "absence_spell", [spell("2015-03-09", "2015-03-09")])
    assert home.steps() == {"sick_1_14": "1917.14"}
    absence = people_costs(home.settings)["people_absence"].row(0, named=True)
    assert (absence["cause"], absence["calendar_days"], absence["paid"]) == ("sick_1_14", 1, Decimal("0.00"))


def test_a_later_export_corrects_and_takes_back(home: Home) -> None:
    home.load("first", "absence_spell", [spell("2015-03-09", "2015-03-13"), spell("2015-02-02", "2015-02-02", "vab")])
    home.load(
        "second",
        "absence_spell",
        [
            spell("2015-03-09", "2015-03-09"),
            spell("2015-02-02", "2015-02-02", "vab", is_deleted=True),
            spell("2015-03-20", "2015-03-19"),
        ],
    )
    assert home.steps("2015-03") == {"sick_1_14": "1917.14"}
    assert home.steps("2015-02") == {}
    excluded = people_costs(home.settings)["people_excluded"]
    assert sorted(excluded["reason"]) == ["ends_before_start", "superseded", "superseded"]
    assert excluded.filter(pl.col("reason") == "ends_before_start")["source_row"].to_list() == [4]


def test_a_load_that_does_not_count_is_not_read(home: Home) -> None:
    home.load("withdrawn", "absence_spell", [spell("2015-03-09", "2015-03-13")], status="withdrawn")
    assert home.steps() == {}


def test_a_plan_that_begins_in_the_month_counts_with_its_days(tmp_path: Path) -> None:
    # From the 17th: 15 of 31 days of 41 538 are planned and held. The holder's first sixteen days are outside the plan.
    home = Home(tmp_path)
    home.load("plan", "position", [position(valid_from="2015-03-17")])
    home.load("staff", "employment", [employment()])
    assert home.month()["planned_cost"] == Decimal("20099.03")
    assert home.steps() == {"vacancy": "-21438.97"}


def test_a_vacancy_with_and_without_a_known_successor(home: Home) -> None:
    home.load("staff2", "employment", [employment(valid_to="2015-02-28")])
    assert home.month()["vacancy_open"] == Decimal("41538.00")
    home.load("staff3", "employment", [employment(valid_to="2015-02-28"), employment(employment="f", valid_from="2015-05-01")])
    month = home.month()
    assert (month["vacancy_open"], month["vacancy_known"]) == (Decimal("0.00"), Decimal("41538.00"))


def test_snapshots_keep_the_terms_before_them(home: Home) -> None:
    home.load("next", "employment", [employment(monthly_wage=31000, wage_from="2015-03-01")], delivery="2015-03")
    assert home.steps("2015-02") == {}
    assert home.steps("2015-03") == {"rate": "-1384.60"}  # 1 000 × 1.3846


def test_a_register_row_that_a_newer_delivery_does_not_name_ends(home: Home) -> None:
    home.load("next", "position", [position(position="Q")], delivery="2015-03")
    staff = read_staff(home.settings.raw)
    ends = dict(staff.positions.select("position", "valid_to").iter_rows())
    assert ends["P"] == date(2015, 2, 28)


def test_an_actual_wage_is_made_full_time(home: Home) -> None:
    home.load("half", "employment", [employment(degree="0.5", monthly_wage=15000, wage_basis="actual")])
    assert home.steps() == {"degree": "20769.00"}


def test_pay_beside_the_position_is_extra_other_or_without_on_cost(home: Home) -> None:
    pay = {"line_kind": "pay", "period": "2015-03", "employment": "e", "unit": "U"}
    home.load(
        "pay",
        "payroll_line",
        [
            {**pay, "account": "5021", "amount": 30000},
            {**pay, "account": "5022", "amount": 1000},
            {**pay, "account": "5011", "amount": 2000},
            {**pay, "account": "5511", "amount": 300},
            {**pay, "pay_type": "SKATT", "amount": -9000},
            {**pay, "account": "5611", "line_kind": "employer_contribution", "amount": 12691},
        ],
    )
    assert home.steps() == {"extra": "-1384.60", "other": "-3069.20"}  # 2 000 × 1.3846 + 300
    month = people_costs(home.settings)["payroll_month"].row(0, named=True)
    assert (month["gross"], month["employer_contribution"]) == (Decimal("33300.00"), Decimal("12691.00"))
    assert month["expected_contribution"] == Decimal("12691.80")  # 33 000 × 0.3846


def test_pay_of_a_month_is_that_of_the_newest_file(home: Home) -> None:
    pay = {"line_kind": "pay", "period": "2015-03", "employment": "e", "unit": "U", "account": "5022"}
    home.load("pay1", "payroll_line", [{**pay, "amount": 1000}])
    home.load("pay2", "payroll_line", [{**pay, "amount": 400}])
    assert people_costs(home.settings)["payroll_month"]["gross"].to_list() == [Decimal("400.00")]


def test_a_month_without_a_rate_has_no_figures_and_is_named_with_year_file_and_setting(tmp_path: Path) -> None:
    home = Home(tmp_path, "2015-11", "2017-02")
    home.load("plan", "position", [position()])
    home.load("staff", "employment", [employment()])
    home.load("absence", "absence_spell", [spell("2015-12-01", "2015-12-02"), spell("2016-03-01", "2016-03-02")])
    tables = people_costs(home.settings)
    for name, table in tables.items():
        if "period" in table.columns and table.height:
            assert set(table["period"]) <= {"2015-11", "2015-12"}, name
    assert home.steps("2015-12").keys() == {"sick_1_14"}
    missing = tables["assumption"].filter(pl.col("status") == "missing")
    assert missing.select("rule", pl.col("valid_from").dt.year(), "source", "note").rows() == [
        ("PO-pålägg", 2016, "po_rates.csv", "people.po_rates"),
        ("PO-pålägg", 2017, "po_rates.csv", "people.po_rates"),
    ]


def test_what_absence_needs_is_missing_from_its_year_on(tmp_path: Path) -> None:
    home = Home(tmp_path, "2024-12", "2025-02")
    home.load("plan", "position", [position()])
    home.load("staff", "employment", [employment(monthly_wage=60000)])
    home.load("absence", "absence_spell", [spell("2024-12-01", "2024-12-31"), spell("2025-01-10", "2025-02-28")])
    (tmp_path / "po.csv").write_text(
        "component,percent,valid_from,valid_to,born_from,born_to,status,source,note\ntotal,40,2024-01-01,,,,source,beslut,\n",
        encoding="utf-8",
    )
    settings = Settings(home=tmp_path, people=PeopleOptions(po_rates=Path("po.csv")))
    tables = people_costs(settings)
    assert set(tables["people_absence"]["period"]) == {"2024-12"}
    assert set(tables["people_month"]["period"]) == {"2024-12"}
    missing = tables["assumption"].filter(pl.col("status") == "missing")
    assert missing.select("rule", pl.col("valid_from").dt.year(), "note").rows() == [
        ("prisbasbelopp", 2025, "people.price_base_amounts")
    ]


def test_a_rate_that_no_month_needs_may_be_missing(tmp_path: Path) -> None:
    home = Home(tmp_path, "2014-12", "2015-01")
    home.load("plan", "position", [position(valid_from="2014-12-01", valid_to="2018-12-31")])
    assert home.month("2015-01")["planned_cost"] == Decimal("41538.00")


def test_an_own_file_fills_a_missing_rate(tmp_path: Path) -> None:
    home = Home(tmp_path, "2016-01", "2016-02")
    home.load("plan", "position", [position()])
    (tmp_path / "po.csv").write_text(
        "component,percent,valid_from,valid_to,born_from,born_to,status,source,note\ntotal,40,2016-01-01,,,,source,beslut,\n",
        encoding="utf-8",
    )
    settings = Settings(home=tmp_path, people=PeopleOptions(po_rates=Path("po.csv")))
    tables = people_costs(settings)
    assert tables["people_month"]["planned_cost"][0] == Decimal("42000.00")
    told = tables["assumption"].filter(pl.col("rule") == "po.total")
    assert ("40", "beslut") in told.select("value", "source").rows()


def test_the_salary_review_raises_the_months_after_it(home: Home) -> None:
    options = PeopleOptions(salary_review_month=6, salary_review_percent=Decimal(3))
    months = people_costs(Settings(home=home.settings.home, people=options))["people_month"]
    raised = dict(months.select("period", "review_cost").iter_rows())
    assert raised["2015-05"] == 0
    assert raised["2015-06"] == raised["2015-12"] == Decimal("1246.14")  # 3 % of 41 538


def test_without_hr_data_the_tables_are_empty(tmp_path: Path) -> None:
    tables = people_costs(Home(tmp_path).settings)
    assert {name for name, table in tables.items() if table.height} == {"personnel_account"}
    assert people_costs(Settings(home=tmp_path / "nothing"))["people_month"].is_empty()


SUMS = ("people_month", "people_step", "people_absence", "people_time", "payroll_month")
LONG = spell("2015-01-12", "2015-01-30"), spell("2015-02-02", "2015-02-20"), spell("2015-03-09", "2015-03-09")


def same_sums(one: dict[str, pl.DataFrame], other: dict[str, pl.DataFrame]) -> bool:
    return all(one[name].sort(pl.all()).equals(other[name].sort(pl.all())) for name in SUMS)


def test_every_sum_is_as_it_was_though_details_are_removed(home: Home) -> None:
    """The spell of February goes on from that of January: without it, it would begin with a waiting day of its own."""
    home.load("absence", "absence_spell", list(LONG))
    before = people_costs(home.settings)
    write_derived(home.settings, before)
    freeze_before(home.settings, "2015-02")
    home.load("absence", "absence_spell", list(LONG[1:]))  # what is left of the file
    settle(home.settings)
    assert same_sums(people_costs(home.settings), before)
    assert read_derived(home.settings).keys() == before.keys()
    # the effect is there: without it February differs
    shutil.rmtree(home.settings.home / "derived" / "effect")
    assert not same_sums(people_costs(home.settings), before)


def test_a_later_correction_counts_after_a_removal(home: Home) -> None:
    home.load("absence", "absence_spell", list(LONG))
    write_derived(home.settings, people_costs(home.settings))
    freeze_before(home.settings, "2015-02")
    home.load("absence", "absence_spell", list(LONG[1:]))
    settle(home.settings)
    january, march = home.steps("2015-01"), home.steps("2015-03")
    home.load("absence", "absence_spell", list(LONG[1:2]))  # the day in March was none
    assert (home.steps("2015-01"), home.steps("2015-03")) == (january, {})
    assert march.keys() == {"sick_1_14"}


def test_a_removal_that_was_interrupted_says_so_and_is_finished_by_the_next(home: Home) -> None:
    home.load("absence", "absence_spell", list(LONG))
    before = people_costs(home.settings)
    write_derived(home.settings, before)
    freeze_before(home.settings, "2015-02")
    home.load("absence", "absence_spell", list(LONG[1:]))
    with pytest.raises(SettingsError, match="gallring was interrupted"):
        people_costs(home.settings)
    freeze_before(home.settings, "2015-02")
    settle(home.settings)
    assert same_sums(people_costs(home.settings), before)


def test_nothing_that_is_written_names_a_person(home: Home) -> None:
    home.load("absence", "absence_spell", [spell("2015-03-09", "2015-03-09")])
    for name, table in people_costs(home.settings).items():
        assert not {"person", "employment", "position", "birth_year"} & set(table.columns), name
