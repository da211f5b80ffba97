"""From HR exports to figures per unit and month: `derived/<table>.parquet`, which dbt reads as source `derived`.

What belongs here: putting registers, spells, rules and rates together, and summing so that no person is left in what is written.
What does not: which version of a row counts (`history`, `readers.people`), the formulas (`absence`, `bridge`, `po`), the units
above a unit, the ledger, and what may be shown (dbt, `groups`).

Method. Every day of a holder falls in one span of a position's plan, or outside the plan; each month of each span goes through
`bridge.position_bridge`. A span that covers a part of a month counts with that part of the month's wage. Pay beside the position
(hours beyond the degree, fees) is taken from the payroll by what its wage type is (`reference/pay_types.csv`). Rates are needed
for the months of the ledger's outcome in which anybody is planned or employed, and for no others: what the rest of the year
costs is reckoned with the last known rate, and said so. A month of the outcome whose rate nobody found has no figures at all; it
is named in `assumption` with status missing, and a check warns of it.

Everything is per unit as the register names it (own unit, not those above it). Cost +, steps favourable +, SEK.
"""

from __future__ import annotations

import json
import os
import shutil
from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from orchestration.errors import SettingsError, Text
from orchestration.files import replace_file, replacing
from orchestration.people.absence import KINDS, AbsenceCost, Spell, Terms, absence_cost
from orchestration.people.bridge import ABSENCE_STEPS, Bridge, Holder, PositionMonth, position_bridge
from orchestration.people.history import EXCLUDED, FIRST_DAY, LAST_DAY, Staff, excluded, read_staff
from orchestration.people.options import PeopleOptions
from orchestration.people.po import po_rate
from orchestration.people.rules import MissingRate, Rules, load_rules, read_csv
from orchestration.periods import add_months, fiscal_year_first, month_range
from orchestration.readers.people import resolve_spells
from orchestration.settings import Settings

MONEY = pl.Decimal(18, 2)
FTE = pl.Decimal(18, 4)
MISSING_UNIT = "(saknas)"
#: Says which months are kept as they were written.
FROZEN = "frozen.json"
#: All sums as they were before a gallring, while it is under way.
_KEPT = "kept"
#: What removed rows mean for months after them (a quota that was used up, a relapse), added to what is reckoned from those left.
_EFFECT = "effect"

#: The tables that are written, with their columns. Those with a period are per own unit and month.
TABLES: dict[str, dict[str, Any]] = {
    "people_month": {
        "unit_code": pl.String,
        "period": pl.String,
        "planned_fte": FTE,
        "filled_fte": FTE,
        "worked_fte": FTE,
        "employees": pl.Int64,
        "planned_cost": MONEY,
        "hr_cost": MONEY,
        "filled_cost": MONEY,
        "review_cost": MONEY,
        "vacancy_open": MONEY,
        "vacancy_known": MONEY,
    },
    "people_step": {"unit_code": pl.String, "period": pl.String, "step": pl.String, "amount": MONEY},
    "people_absence": {
        "unit_code": pl.String,
        "period": pl.String,
        "cause": pl.String,
        "calendar_days": pl.Int64,
        "absent_fte": FTE,
        "lost": MONEY,
        "paid": MONEY,
        "saved": MONEY,
    },
    "people_time": {
        "unit_code": pl.String,
        "period": pl.String,
        "sex": pl.String,
        "age_group": pl.String,
        "people": pl.Int64,
        "ordinary_hours": FTE,
        "sick_hours": FTE,
        "long_sick_hours": FTE,
    },
    "payroll_month": {
        "unit_code": pl.String,
        "period": pl.String,
        "gross": MONEY,
        "employer_contribution": MONEY,
        "contribution_base": MONEY,
        "expected_contribution": MONEY,
        "unclassified": MONEY,
    },
    "people_excluded": EXCLUDED,
    "assumption": {
        "rule": pl.String,
        "value": pl.String,
        "valid_from": pl.Date,
        "valid_to": pl.Date,
        "status": pl.String,
        "source": pl.String,
        "note": pl.String,
    },
    "hidden_group": {"fiscal_year": pl.Int64, "unit_code": pl.String, "group_code": pl.String},
    "personnel_account": {"account_from": pl.String, "account_to": pl.String, "role": pl.String},
}

_ZERO = Decimal(0)
_ORE = Decimal("0.01")
_AGE_GROUPS = ((29, "-29"), (49, "30-49"), (999, "50-"))
_LONG_SICK_DAYS = 60
#: Months that a vacancy lasts where a municipality's own history has fewer than this many ended vacancies.
_ENOUGH_VACANCIES = 5
_VACANCY_MONTHS = {"p10": 1, "p50": 3, "p90": 6}


@dataclass
class Window:
    """The months to reckon. needed: those of the ledger's outcome. coming: the rest of the last fiscal year."""

    needed: list[str]
    coming: list[str]

    @property
    def months(self) -> list[str]:
        """All of them."""
        return self.needed + self.coming

    @property
    def first_day(self) -> date:
        """The first day of the first month."""
        return date.fromisoformat(self.needed[0] + "-01")

    @property
    def as_of(self) -> date:
        """The last day with outcome."""
        return last_day(self.needed[-1])

    @property
    def last_day(self) -> date:
        """The last day of the last month."""
        return last_day(self.months[-1])


@dataclass
class _Sums:
    """Sums by own unit and month on the way."""

    steps: dict[tuple[str, str, str], Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    measures: dict[tuple[str, str, str], Decimal] = field(default_factory=lambda: defaultdict(Decimal))


def derived_folder(settings: Settings) -> Path:
    """Return `derived/`: what Python reckons before dbt."""
    return settings.home / "derived"


def last_day(period: str) -> date:
    """Return the last day of a month."""
    year, month = int(period[:4]), int(period[5:])
    return date(year, month, monthrange(year, month)[1])


def people_costs(settings: Settings) -> dict[str, pl.DataFrame]:
    """Return the tables of `TABLES` for what counts now; empty but for the reference tables where there is no HR data.

    Months before `frozen_before` come from the tables as they were written last: their details are gone.

    Raises:
        SettingsError: an own reference file cannot be read, or a gallring was interrupted.
    """
    if (derived_folder(settings) / _KEPT).exists():
        raise SettingsError(
            Text(
                sv="En gallring avbröts. Kör samma avvik gallra … --yes igen; summorna från före den väntar.",
                en="A gallring was interrupted. Run the same avvik gallra … --yes again; the sums from before it wait.",
            )
        )
    tables = _reckoned(settings)
    for name, effect in _read(settings, _EFFECT).items():
        tables[name] = _added(name, tables[name], effect)
    return tables


def _reckoned(settings: Settings) -> dict[str, pl.DataFrame]:
    """Return the tables as the rows that are left give them, and the frozen months."""
    options = settings.people
    staff = read_staff(settings.raw)
    window = ledger_window(settings)
    tables = {name: pl.DataFrame(schema=schema) for name, schema in TABLES.items()}
    tables["personnel_account"] = _frame("personnel_account", personnel_accounts(settings))
    tables["hidden_group"] = _hidden_in_publication(settings)
    if window is not None and not (staff.positions.is_empty() and staff.employments.is_empty() and staff.payroll.is_empty()):
        tables |= _Reckoning(settings, options, staff, window).tables()
    before = frozen_before(settings)
    return _with_frozen(tables, read_derived(settings), before) if before else tables


def write_derived(settings: Settings, tables: dict[str, pl.DataFrame]) -> None:
    """Write the tables, each file whole or not at all."""
    folder = derived_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, table in tables.items():
        temporary = folder / f".{name}.parquet.tmp"
        table.write_parquet(temporary)
        written.append((temporary, folder / f"{name}.parquet"))
    for temporary, path in written:
        os.replace(temporary, path)


def read_derived(settings: Settings) -> dict[str, pl.DataFrame]:
    """Return the tables that were written last; those that are there and have today's columns."""
    return _read(settings, "")


def _read(settings: Settings, folder: str) -> dict[str, pl.DataFrame]:
    found = {}
    for name, schema in TABLES.items():
        path = derived_folder(settings) / folder / f"{name}.parquet"
        if path.exists():
            table = pl.read_parquet(path)
            if table.schema == pl.Schema(schema):
                found[name] = table
    return found


def ledger_window(settings: Settings) -> Window | None:
    """Return the months that the ledger's outcome covers, up to the latest delivery; None where there is none."""
    loads, entities = settings.raw / "load.parquet", settings.raw / "load_entity.parquet"
    if not loads.exists() or not entities.exists():
        return None
    accepted = pl.read_parquet(loads, columns=["load_id", "delivery", "status"]).filter(pl.col("status") == "accepted")
    outcome = pl.read_parquet(entities).filter(
        pl.col("entity").is_in(["ledger_line", "period_balance", "year_balance"]) & pl.col("period_from").is_not_null()
    )
    covered = outcome.join(accepted, on="load_id", how="semi")
    if covered.is_empty():
        return None
    first = str(covered["period_from"].min())
    last = min(str(covered["period_to"].max()), str(accepted["delivery"].max()))
    if last < first:
        return None
    year_end = add_months(fiscal_year_first(last, settings.fiscal_year_start), 11)
    return Window(month_range(first, last), month_range(add_months(last, 1), year_end))


def personnel_accounts(settings: Settings) -> list[dict[str, Any]]:
    """Return the account ranges with a role of their own: the municipality's file, else the shipped one."""
    rows = read_csv("personnel_accounts.csv", _own(settings, settings.people.personnel_accounts))
    shipped = read_csv("personnel_accounts.csv")
    chosen = rows[len(shipped) :] or shipped
    return [{name: row[name] for name in TABLES["personnel_account"]} for row in chosen]


def freeze_before(settings: Settings, period: str) -> None:
    """Keep the sums as they are now: the details of the months before `period` are being removed (gallring).

    Call it before the rows are removed, and `settle` after. Killed between the two, both are called again.

    Raises:
        SettingsError: nothing was written yet, so that removing the details would take the figures with them.
    """
    folder = derived_folder(settings) / _KEPT
    if not folder.exists():
        if not {name for name in TABLES if "period" in TABLES[name]} <= set(read_derived(settings)):
            raise SettingsError(
                Text(
                    sv="Summorna per enhet och månad är inte uträknade än. Kör avvik run först, så att siffrorna finns kvar.",
                    en="The sums per unit and month are not reckoned yet. Run avvik run first, so that the figures remain.",
                )
            )
        tables = people_costs(settings)
        write_derived(settings, tables)
        temporary = folder.with_name(f".{_KEPT}.tmp")
        temporary.mkdir(exist_ok=True)
        for name, table in tables.items():
            if "period" in TABLES[name]:
                table.write_parquet(temporary / f"{name}.parquet")
        os.replace(temporary, folder)
    before = max(period, frozen_before(settings) or period)
    replace_file(derived_folder(settings) / FROZEN, json.dumps({"before": before}).encode())


def settle(settings: Settings) -> None:
    """After the removal: keep what the removed rows meant for later months, so that every sum is as it was, and write the sums.

    What is kept is a difference per unit and month, as the sums are. Later corrections of later months count as always.
    """
    kept = derived_folder(settings) / _KEPT
    before = _read(settings, _KEPT)
    after = _reckoned(settings)
    folder = derived_folder(settings) / _EFFECT
    folder.mkdir(exist_ok=True)
    for name, table in before.items():
        numbers = _numbers(name)
        negative = after[name].with_columns(-pl.col(number) for number in numbers)
        effect = _summed(name, [table, negative]).filter(pl.any_horizontal(pl.col(number) != 0 for number in numbers))
        with replacing(folder / f"{name}.parquet") as temporary:
            effect.write_parquet(temporary)
    shutil.rmtree(kept)
    write_derived(settings, people_costs(settings))


def _numbers(name: str) -> list[str]:
    return [column for column, type_ in TABLES[name].items() if type_ != pl.String]


def _summed(name: str, parts: list[pl.DataFrame]) -> pl.DataFrame:
    """Return parts of a table added up by its keys; null where every part is."""
    keys = [column for column, type_ in TABLES[name].items() if type_ == pl.String]
    told = [pl.when(pl.col(number).is_not_null().any()).then(pl.col(number).sum()).alias(number) for number in _numbers(name)]
    return pl.concat(parts).group_by(keys, maintain_order=True).agg(told).cast(pl.Schema(TABLES[name])).select(list(TABLES[name]))


def _added(name: str, table: pl.DataFrame, effect: pl.DataFrame) -> pl.DataFrame:
    keys = [column for column, type_ in TABLES[name].items() if type_ == pl.String]
    touched = table.join(effect, on=keys, how="semi")
    added = _summed(name, [touched, effect]).filter(pl.any_horizontal(pl.col(number) != 0 for number in _numbers(name)))
    return pl.concat([table.join(effect, on=keys, how="anti"), added]).sort(keys)


def frozen_before(settings: Settings) -> str | None:
    """Return the first month whose HR details are still there, None where nothing was removed (gallring)."""
    path = derived_folder(settings) / FROZEN
    return str(json.loads(path.read_text(encoding="utf-8"))["before"]) if path.exists() else None


def _hidden_in_publication(settings: Settings) -> pl.DataFrame:
    """Return which groups the current publication hides: they stay hidden, see `groups`. None where the minimum has changed."""
    from orchestration.dbt_runner import project_dir

    paths = [settings.published / f"{mart}.parquet" for mart in ("fte", "sick_leave_kpi", "personnel_assumption")]
    nothing = pl.DataFrame(schema=TABLES["hidden_group"])
    if not all(path.exists() for path in paths):
        return nothing
    fte, kpi, assumption = (pl.read_parquet(path) for path in paths)
    minimum = assumption.filter(pl.col("rule") == "small_group_minimum")["value"].to_list()
    if minimum != [str(settings.people.small_group_minimum)]:
        return nothing
    measures = pl.read_csv(project_dir() / "seeds" / "sick_leave_measure.csv", columns=["measure", "group_code"])
    groups = pl.concat(
        [
            fte.filter("is_suppressed").select("report_period", "unit_code", pl.lit("all").alias("group_code")),
            kpi.filter("is_suppressed").join(measures, on="measure").select("report_period", "unit_code", "group_code"),
        ]
    ).unique()
    years = {
        period: int(fiscal_year_first(period, settings.fiscal_year_start)[:4]) for period in groups["report_period"].unique()
    }
    year = pl.col("report_period").replace_strict(years, default=None, return_dtype=pl.Int64).alias("fiscal_year")
    return groups.select(year, "unit_code", "group_code").unique().sort("fiscal_year", "unit_code", "group_code")


def _own(settings: Settings, path: Path | None) -> Path | None:
    return None if path is None else settings.home / path.expanduser()


def _with_frozen(tables: dict[str, pl.DataFrame], old: dict[str, pl.DataFrame], before: str) -> dict[str, pl.DataFrame]:
    result = dict(tables)
    for name, table in tables.items():
        if "period" in TABLES[name]:
            kept = table.filter(pl.col("period") >= before)
            frozen = old[name].filter(pl.col("period") < before) if name in old else table.clear()
            result[name] = pl.concat([frozen, kept])
    return result


def _frame(name: str, rows: Iterable[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=TABLES[name], orient="row")


class _Reckoning:
    """One reckoning of everything."""

    def __init__(self, settings: Settings, options: PeopleOptions, staff: Staff, window: Window) -> None:
        self.settings, self.options, self.staff, self.window = settings, options, staff, window
        self.rules: Rules = load_rules(_own(settings, options.absence_rules), _own(settings, options.price_base_amounts))
        self.po_file = _own(settings, options.po_rates)
        self.sums = _Sums()
        self.excluded: list[pl.DataFrame] = [staff.excluded]
        self.missing: dict[tuple[str, str], set[int]] = defaultdict(set)  # years that lack a value, by its name and file
        self.untold: set[str] = set()  # the months that have no figures for it
        self.assumptions: list[dict[str, Any]] = []
        self.bridges: dict[Any, Bridge] = {}
        self.po: dict[str, Decimal] = {}
        self.resolved = staff.spells.clear()

    def tables(self) -> dict[str, pl.DataFrame]:
        plan = _plan(self.staff.positions, self.window)
        held = self._held(plan)
        self.po = self._po(plan, held)
        absences = self._absences(held)
        self._bridge(plan, held, absences)
        payroll = self._payroll(held)
        self._fte(plan, held, absences)
        people_month = self._people_month(held)
        self._assume(held)
        tables = {
            "people_month": people_month,
            "people_step": _frame(
                "people_step",
                (
                    {"unit_code": unit, "period": period, "step": step, "amount": amount}
                    for (unit, period, step), amount in self.sums.steps.items()
                    if amount
                ),
            ),
            "people_absence": self._people_absence(absences),
            "people_time": self._people_time(held),
            "payroll_month": payroll,
            "people_excluded": pl.concat(self.excluded).sort("entity", "source_file", "source_row", nulls_last=True),
            "assumption": _frame("assumption", self.assumptions),
        }
        untold = sorted(self.untold)
        return {
            name: table.filter(~pl.col("period").is_in(untold)) if "period" in TABLES[name] else table
            for name, table in tables.items()
        }

    # who holds what, by month

    def _held(self, plan: pl.DataFrame) -> pl.DataFrame:
        """Return one row per span of terms, span of plan and month: who has which days of which planned position."""
        employments = self.staff.employments.with_row_index("terms")
        on_plan = employments.filter(pl.col("position").is_in(plan["position"].unique().implode()))
        others = employments.join(on_plan.select("terms"), on="terms", how="anti")
        spans = pl.concat(
            [
                on_plan.rename({"unit": "own_unit", "valid_from": "t_from", "valid_to": "t_to"})
                .join(plan.select("position", "plan_id", "unit", "plan_from", "plan_to"), on="position")
                .with_columns(
                    pl.max_horizontal("t_from", "plan_from").alias("day_from"),
                    pl.min_horizontal("t_to", "plan_to").alias("day_to"),
                )
                .filter(pl.col("day_from") <= pl.col("day_to"))
                .select(_HELD),
                others.with_columns(
                    pl.lit(None, pl.Int64).alias("plan_id"),
                    pl.col("valid_from").alias("day_from"),
                    pl.col("valid_to").alias("day_to"),
                ).select(_HELD),
            ]
        ).with_columns(pl.col("unit").fill_null(MISSING_UNIT))
        months = _by_month(spans, self.window.first_day, self.window.last_day)
        main = pl.struct(-pl.col("days"), "day_from", "terms").rank("ordinal").over("employment", "period") == 1
        return months.with_columns(main.alias("is_main"))

    def _po(self, plan: pl.DataFrame, held: pl.DataFrame) -> dict[str, Decimal]:
        """Return the PO of every month in which anybody is planned or employed."""
        in_use = set(held["period"].unique()) | set(
            _by_month(plan.filter("in_plan"), self.window.first_day, self.window.last_day, "plan_from", "plan_to")[
                "period"
            ].unique()
        )
        in_use |= set(self.staff.payroll["period"].drop_nulls().unique()) & set(self.window.needed)
        rates: dict[str, Decimal] = {}
        last_known: Decimal | None = None
        for period in (month for month in self.window.months if month in in_use):
            try:
                rates[period] = last_known = po_rate(date.fromisoformat(period + "-01"), extra=self.po_file)
            except MissingRate as error:
                if period in self.window.needed or last_known is None:
                    self.missing[error.name, error.file].add(error.on.year)
                    self.untold.add(period)
                    rates[period] = _ZERO
                    last_known = None
                else:
                    rates[period] = last_known
                    self._tell("po.coming", f"{last_known * 100:.2f}", period, "assumption", "", "PO inte känt: senast kända")
        return rates

    # absence

    def _absences(self, held: pl.DataFrame) -> list[tuple[dict[str, Any], AbsenceCost]]:
        """Return what every spell saves by month, each with the main row of its employment and month."""
        spells = self.resolved = self._spells()
        terms: dict[str, list[Terms]] = defaultdict(list)
        spans: dict[str, tuple[date, date]] = {}
        for row in self.staff.employments.filter("is_monthly").sort("employment", "valid_from").iter_rows(named=True):
            key = row["employment"]
            terms[key].append(Terms(row["valid_from"], row["wage"], row["degree"], row["weekly_hours"]))
            spans[key] = (min(row["valid_from"], spans.get(key, (LAST_DAY,))[0]), row["valid_to"])
        schedules: dict[str, dict[date, Decimal]] = defaultdict(dict)
        for employment, day, hours in self.staff.schedule.select("employment", "day", "hours").iter_rows():
            schedules[employment][day] = hours
        absent = held.filter(pl.col("is_main") & pl.col("employment").is_in(spells["owner"].unique().implode()))
        of_holder = absent.select("employment", "period", "unit", "wage")
        main = {(r["employment"], r["period"]): r for r in of_holder.iter_rows(named=True)}
        found: list[tuple[dict[str, Any], AbsenceCost]] = []
        stray: list[dict[str, Any]] = []
        history = self.window.first_day - timedelta(days=731)
        ordered = spells.sort("owner", "valid_from").iter_rows(named=True)
        for employment, rows in groupby(ordered, key=lambda row: row["owner"]):
            counted = []
            for row in rows:
                if employment not in spans or row["valid_to"] < spans[employment][0] or row["valid_from"] > spans[employment][1]:
                    stray.append(row)
                    continue
                start, end = max(row["valid_from"], spans[employment][0]), min(row["valid_to"], spans[employment][1])
                if end >= history and start <= self.window.last_day:
                    counted.append(Spell(row["cause"], max(start, history), end, row["extent"] or Decimal(1), row["hours"]))
            if not counted:
                continue
            for cost in self._cost(employment, counted, terms[employment], schedules.get(employment), spans[employment][0]):
                holder = main.get((employment, cost.month))
                if holder is not None:
                    found.append((holder, cost))
        if stray:
            rows_stray = pl.DataFrame(stray, schema=spells.schema)
            self.excluded.append(excluded(rows_stray, "absence_spell", "no_monthly_employment"))
        return found

    def _cost(
        self,
        employment: str,
        spells: list[Spell],
        terms: list[Terms],
        schedule: dict[date, Decimal] | None,
        employed_from: date,
    ) -> list[AbsenceCost]:
        start = employed_from if employed_from > FIRST_DAY else None
        try:
            return absence_cost(spells, terms, rules=self.rules, schedule=schedule, employed_from=start)
        except MissingRate:
            pass
        # Perhaps only the history or the coming months lack a value: what is needed is the months of the ledger.
        first, last = self.window.first_day, self.window.as_of
        while first <= last:
            needed = [
                Spell(s.cause, max(s.start, first), min(s.end, last), s.extent, s.hours)
                for s in spells
                if s.end >= first and s.start <= last
            ]
            try:
                return absence_cost(needed, terms, rules=self.rules, schedule=schedule, employed_from=start)
            except MissingRate as error:
                # No figures from that year on (what comes after it may go on from it), or, of the first year, until its end.
                year = error.on.year
                self.missing[error.name, error.file].add(year)
                if year > first.year:
                    last = date(year - 1, 12, 31)
                    self.untold |= {month for month in self.window.months if month[:4] >= str(year)}
                else:
                    first = date(year + 1, 1, 1)
                    self.untold |= {month for month in self.window.months if month[:4] <= str(year)}
        return []

    def _spells(self) -> pl.DataFrame:
        """Return the resolved spells with `owner`, the employment that they are of."""
        spells = resolve_spells(self.staff.spells, as_of=self.window.as_of)
        for rows, reason in ((spells.superseded, "superseded"), (spells.cut, "cut")):
            self.excluded.append(excluded(rows, "absence_spell", reason))
        self.excluded.append(excluded(spells.rejected, "absence_spell", pl.col("reason_code")))
        unknown = spells.current.filter(pl.col("cause").is_null())
        self.excluded.append(excluded(unknown, "absence_spell", "unknown_cause"))
        employments = self.staff.employments
        only = (
            employments.sort("degree", "valid_to").group_by("person", maintain_order=True).last().select("person", "employment")
        )
        return (
            spells.current.filter(pl.col("cause").is_not_null())
            .join(only.rename({"employment": "of_person"}), on="person", how="left")
            .with_columns(pl.coalesce("employment", "of_person", "person").alias("owner"))
        )

    # cost

    def _bridge(self, plan: pl.DataFrame, held: pl.DataFrame, absences: list[tuple[dict[str, Any], AbsenceCost]]) -> None:
        """Take every position and month through the bridge and add the steps to its unit."""
        unpaid: dict[tuple[str, str], dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        for holder, cost in absences:
            if cost.kind in ABSENCE_STEPS and cost.saved:
                unpaid[holder["employment"], cost.month][cost.kind] += cost.saved
        last_start = dict(self.staff.employments.group_by("position").agg(pl.col("valid_from").max()).drop_nulls().iter_rows())
        planned = _by_month(plan.filter("in_plan"), self.window.first_day, self.window.last_day, "plan_from", "plan_to")
        needed = held.select(
            "plan_id", "period", "employment", "unit", "degree", "wage", "is_monthly", "is_main", "day_from", "day_to", "days"
        )
        # Outside the plan: on a position before or after its spans, or on none.
        outside = needed.join(planned, on=["plan_id", "period"], how="anti")
        for holder in outside.iter_rows(named=True):
            self._count(holder["unit"], holder["period"], self._one(None, 0, [holder], unpaid), None)
        # Both in the same order, so that no more than one position is held in memory as rows.
        on_plan = needed.join(planned, on=["plan_id", "period"], how="semi").sort("plan_id", "period", "day_from")
        groups = groupby(on_plan.iter_rows(named=True), key=lambda row: (row["plan_id"], row["period"]))
        key, rows = next(groups, (None, iter(())))
        for row in planned.sort("plan_id", "period").iter_rows(named=True):
            holders: list[dict[str, Any]] = []
            if key == (row["plan_id"], row["period"]):
                holders = list(rows)
                key, rows = next(groups, (None, iter(())))
            bridge = self._one(row, row["days"], holders, unpaid)
            known = last_start.get(row["position"], FIRST_DAY) >= date.fromisoformat(row["period"] + "-01")
            self._count(row["unit"], row["period"], bridge, "vacancy_known" if known else "vacancy_open")

    def _one(
        self,
        plan: dict[str, Any] | None,
        span_days: int,
        rows: list[dict[str, Any]],
        unpaid: dict[tuple[str, str], dict[str, Decimal]],
    ) -> Bridge:
        period = rows[0]["period"] if plan is None else plan["period"]
        month_days = last_day(period).day
        po = self.po[period]
        base = month_days if plan is None else span_days
        holders = []
        for row in rows:
            saved = unpaid.get((row["employment"], period)) if row["is_main"] else None
            if row["is_monthly"] or saved:
                wage = row["wage"] if row["is_monthly"] else _ZERO
                holders.append((row["days"], row["degree"], wage, tuple(saved.items()) if saved else ()))
        covered = _covered(rows) if len(rows) > 1 else None
        if all(days == base for days, *_ in holders) and base == month_days and len(holders) < 2:
            month_key, base_key, holders, covered = 1, 1, [(1, *rest) for _, *rest in holders], None
        else:
            month_key, base_key = month_days, base
        terms = None if plan is None else (plan["degree"], plan["budgeted_wage"], plan["budgeted_po"])
        key = (terms, base_key, month_key, po, tuple(holders), covered)
        found = self.bridges.get(key)
        if found is None:
            part = Decimal(base_key) / month_key
            degree, wage, planned_po = terms or (_ZERO, _ZERO, po)
            found = self.bridges[key] = position_bridge(
                PositionMonth(
                    base_key,
                    degree,
                    wage * part,
                    po if planned_po is None else planned_po,
                    [Holder(days, share, full * part, po, dict(saved)) for days, share, full, saved in holders],
                    covered,
                )
            )
        return found

    def _count(self, unit: str, period: str, bridge: Bridge, vacancy: str | None) -> None:
        steps, measures = self.sums.steps, self.sums.measures
        without_absence = bridge.budget
        for name, amount in bridge.steps.items():
            if amount:
                steps[unit, period, name] += amount
                if name not in _AFTER_PO:
                    without_absence -= amount
        measures[unit, period, "planned_cost"] += bridge.budget
        measures[unit, period, "hr_cost"] += bridge.outcome
        measures[unit, period, "filled_cost"] += without_absence
        if vacancy:
            measures[unit, period, vacancy] += bridge.steps["vacancy"]

    # payroll

    def _payroll(self, held: pl.DataFrame) -> pl.DataFrame:
        """Sum the payroll by unit and month, and add pay beside the positions to the bridge."""
        lines = self.staff.payroll.filter(pl.col("period").is_in(self.window.needed))
        if lines.is_empty():
            return pl.DataFrame(schema=TABLES["payroll_month"])
        main = held.filter("is_main").select("employment", "period", pl.col("unit").alias("held_unit"))
        placed = (
            lines.with_columns(self._category().alias("category"))
            .join(main, on=["employment", "period"], how="left")
            .with_columns(pl.coalesce("unit", "held_unit", pl.lit(MISSING_UNIT)).alias("unit_code"))
        )
        sums = (
            placed.group_by("unit_code", "period", "line_kind", "category")
            .agg(pl.col("amount").sum())
            .sort("unit_code", "period")
        )
        rows = []
        for (unit, period), group in sums.group_by("unit_code", "period", maintain_order=True):
            pay: dict[str, Decimal] = defaultdict(Decimal)
            contribution: Decimal | None = None
            for line_kind, category, amount in group.select("line_kind", "category", "amount").iter_rows():
                if line_kind == "employer_contribution":
                    contribution = (contribution or _ZERO) + amount
                elif line_kind == "pay":
                    pay[category] += amount
            if not pay and contribution is None:
                continue
            rate = self.po[str(period)]
            contributing = pay["base"] + pay["extra"] + pay["other"] + pay["unclassified"]
            rows.append(
                {
                    "unit_code": unit,
                    "period": period,
                    "gross": contributing + pay["expense"],
                    "employer_contribution": contribution,
                    "contribution_base": contributing,
                    "expected_contribution": (contributing * rate).quantize(_ORE),
                    "unclassified": pay["unclassified"],
                }
            )
            self._beside(str(unit), str(period), pay, rate)
        return _frame("payroll_month", rows)

    def _beside(self, unit: str, period: str, pay: dict[str, Decimal], rate: Decimal) -> None:
        month = PositionMonth(1, _ZERO, _ZERO, rate, [Holder(1, _ZERO, _ZERO, rate, {}, pay["extra"], pay["other"])])
        bridge = position_bridge(month)
        # Reimbursements carry no on-cost.
        expense = pay["expense"]
        steps = {**bridge.steps, "other": bridge.steps["other"] - expense}
        self._count(unit, period, Bridge(bridge.budget, bridge.outcome + expense, steps), None)

    def _category(self) -> pl.Expr:
        """Return what a pay row is: by wage type, pay type, then account; a municipality's own file before the shipped one."""
        shipped = read_csv("pay_types.csv")
        rows = read_csv("pay_types.csv", _own(self.settings, self.options.pay_types))
        order = {"wage_type": 0, "pay_type": 1, "account": 2}
        wrong = sorted({row["match_on"] for row in rows} - set(order))
        if wrong:
            raise SettingsError(
                Text(
                    sv=f"people.pay_types: match_on är {', '.join(wrong)}; tillåtet är {', '.join(order)}",
                    en=f"people.pay_types: match_on is {', '.join(wrong)}; allowed are {', '.join(order)}",
                )
            )
        own_first = [*rows[len(shipped) :], *shipped]
        ranked = sorted(own_first, key=lambda row: (order[row["match_on"]], -len(row["code_from"])))
        branches = [
            pl.when(
                pl.col(row["match_on"])
                .str.slice(0, len(row["code_from"]))
                .is_between(pl.lit(row["code_from"]), pl.lit(row["code_to"]))
                if row["match_on"] == "account"
                else pl.col(row["match_on"]).is_between(pl.lit(row["code_from"]), pl.lit(row["code_to"]))
            ).then(pl.lit(row["category"]))
            for row in ranked
        ]
        return pl.coalesce([*branches, pl.lit("unclassified")])

    # people

    def _fte(self, plan: pl.DataFrame, held: pl.DataFrame, absences: list[tuple[dict[str, Any], AbsenceCost]]) -> None:
        measures = self.sums.measures
        planned = _by_month(plan.filter("in_plan"), self.window.first_day, self.window.last_day, "plan_from", "plan_to")
        for frame, name in ((planned, "planned_fte"), (held.filter("is_monthly"), "filled_fte")):
            share = pl.col("degree").cast(pl.Float64) * pl.col("days") / pl.col("month_days")
            for unit, period, fte in frame.group_by("unit", "period").agg(share.sum()).iter_rows():
                measures[unit, period, name] += Decimal(repr(fte)).quantize(Decimal("0.0001"))
        for holder, cost in absences:
            measures[holder["unit"], holder["period"], "absent_fte"] += _lost_fte(holder, cost)

    def _people_month(self, held: pl.DataFrame) -> pl.DataFrame:
        measures = self.sums.measures
        heads = held.filter("is_main").sort("person", "period", "days").group_by("person", "period", maintain_order=True).last()
        employees = {(unit, period): count for unit, period, count in heads.group_by("unit", "period").agg(pl.len()).iter_rows()}
        keys = sorted({(unit, period) for unit, period, _ in measures} | set(employees))
        percent = self.options.salary_review_percent or _ZERO
        rows = []
        for unit, period in keys:
            values = {name: measures.get((unit, period, name), _ZERO) for name in _MEASURES}
            absent = measures.get((unit, period, "absent_fte"), _ZERO)
            raised = period in self.window.coming and self._reviewed(period)
            rows.append(
                {
                    "unit_code": unit,
                    "period": period,
                    **values,
                    "worked_fte": (values["filled_fte"] - absent).quantize(Decimal("0.0001")),
                    "employees": employees.get((unit, period), 0),
                    "review_cost": (values["filled_cost"] * percent / 100).quantize(_ORE) if raised else _ZERO,
                }
            )
        return _frame("people_month", rows)

    def _reviewed(self, period: str) -> bool:
        """Tell whether a salary review lies between the last month with outcome and this one, this one included."""
        last = self.window.needed[-1]
        return any(int(m[5:]) == self.options.salary_review_month for m in month_range(add_months(last, 1), period))

    def _people_absence(self, absences: list[tuple[dict[str, Any], AbsenceCost]]) -> pl.DataFrame:
        sums: dict[tuple[str, str, str], list[Any]] = defaultdict(lambda: [0, _ZERO, _ZERO, _ZERO, _ZERO])
        for holder, cost in absences:
            row = sums[holder["unit"], cost.month, cost.kind]
            for place, value in enumerate((cost.calendar_days, _lost_fte(holder, cost), cost.lost, cost.paid, cost.saved)):
                row[place] += value
        names = list(TABLES["people_absence"])
        ordered = sorted(sums.items(), key=lambda item: (item[0][0], item[0][1], KINDS.index(item[0][2])))
        rows = (dict(zip(names, (*key, *values), strict=True)) for key, values in ordered)
        return _frame("people_absence", ({**row, "absent_fte": row["absent_fte"].quantize(Decimal("0.0001"))} for row in rows))

    def _people_time(self, held: pl.DataFrame) -> pl.DataFrame:
        """Sum ordinary and sick hours by unit, month, sex and age. Hourly staff is in neither (their time has no schedule)."""
        monthly = held.filter("is_monthly").with_columns(
            (pl.coalesce("weekly_hours", pl.col("degree") * 40).cast(pl.Float64) / 5).alias("daily")
        )
        if monthly.is_empty():
            return pl.DataFrame(schema=TABLES["people_time"])
        workdays = pl.Series(_workdays(monthly, "day_from", "day_to"))
        ordinary = monthly.with_columns((workdays * pl.col("daily")).alias("ordinary_hours"))
        spells = self._spells_of_sickness()
        joined = spells.join(monthly, left_on="owner", right_on="employment").with_columns(
            pl.max_horizontal("day_from", "sick_from").alias("from_"), pl.min_horizontal("day_to", "sick_to").alias("to_")
        )
        joined = joined.filter(pl.col("from_") <= pl.col("to_"))
        sick_hours = pl.coalesce(
            pl.col("hours").cast(pl.Float64),
            pl.Series(_workdays(joined, "from_", "to_")) * pl.col("daily") * pl.col("extent").cast(pl.Float64),
        )
        sick = joined.with_columns(sick_hours.alias("sick_hours"))
        period_year = pl.col("period").str.slice(0, 4).cast(pl.Int64)
        age = period_year - pl.col("birth_year")
        group = pl.coalesce([*(pl.when(age <= highest).then(pl.lit(name)) for highest, name in _AGE_GROUPS), pl.lit("")])
        by = [pl.col("unit").alias("unit_code"), pl.col("period"), pl.col("sex"), group.alias("age_group")]
        by_names = ["unit_code", "period", "sex", "age_group"]
        worked = ordinary.group_by(by).agg(
            pl.col("person").n_unique().alias("people").cast(pl.Int64), pl.col("ordinary_hours").sum()
        )
        ill = sick.group_by(by).agg(
            pl.col("sick_hours").sum(),
            pl.col("sick_hours").filter(pl.col("length") >= _LONG_SICK_DAYS).sum().alias("long_sick_hours"),
        )
        both = worked.join(ill, on=by_names, how="left").with_columns(pl.col("sick_hours", "long_sick_hours").fill_null(0.0))
        return (
            both.filter(pl.col("period").is_in(self.window.needed))
            .sort(by_names)
            .select(
                pl.col(name).round(4).cast(type_) if type_ == FTE else pl.col(name)
                for name, type_ in TABLES["people_time"].items()
            )
        )

    def _spells_of_sickness(self) -> pl.DataFrame:
        """Return sick spells with the length in days of the unbroken sickness that they are part of."""
        sick = self.resolved.filter(pl.col("cause") == "sick").sort("owner", "valid_from")
        reached = pl.col("valid_to").cum_max().shift(1).over("owner")
        begins = (pl.col("valid_from") > reached.dt.offset_by("1d")).fill_null(True)
        chained = sick.with_columns(begins.cum_sum().over("owner").alias("chain"))
        length = (pl.col("valid_to").max() - pl.col("valid_from").min()).dt.total_days().over("owner", "chain") + 1
        return chained.select(
            "owner",
            pl.col("valid_from").alias("sick_from"),
            pl.col("valid_to").alias("sick_to"),
            "extent",
            "hours",
            length.alias("length"),
        )

    # what was assumed

    def _tell_missing(self) -> None:
        """Name every value that is missing, by year (no days: they would be those of somebody's absence)."""
        setting = {
            "po_rates.csv": "po_rates",
            "absence_rules.csv": "absence_rules",
            "price_base_amount.csv": "price_base_amounts",
        }
        for (name, file), years in sorted(self.missing.items()):
            for year in sorted(years):
                self._tell(name, "", f"{year}-01", "missing", file, f"people.{setting[file]}")
                self.assumptions[-1]["valid_to"] = date(year, 12, 31)

    def _tell(self, rule: str, value: str, period: str, status: str, source: str, note: str) -> None:
        self.assumptions.append(
            {
                "rule": rule,
                "value": value,
                "valid_from": date.fromisoformat(period + "-01"),
                "valid_to": last_day(period),
                "status": status,
                "source": source,
                "note": note,
            }
        )

    def _assume(self, held: pl.DataFrame) -> None:
        self._tell_missing()
        first, last = self.window.first_day, self.window.as_of
        for rule in self.rules.assumptions(first, last):
            self.assumptions.append(
                {name: getattr(rule, name) for name in TABLES["assumption"] if name != "rule"} | {"rule": rule.name}
            )
        for row in read_csv("po_rates.csv", self.po_file):
            if (
                row["component"] == "total"
                and row["valid_from"] <= last.isoformat()
                and (row["valid_to"] or "9999") >= first.isoformat()
            ):
                self.assumptions.append(
                    {
                        "rule": "po.total",
                        "value": row["percent"],
                        "valid_from": date.fromisoformat(row["valid_from"]),
                        "valid_to": date.fromisoformat(row["valid_to"]) if row["valid_to"] else None,
                        "status": row["status"],
                        "source": row["source"],
                        "note": row["note"],
                    }
                )
        told = self.window.needed[-1]
        percent = self.options.salary_review_percent
        self._tell("salary_review.month", str(self.options.salary_review_month), told, "setting", "avvik.toml [people]", "")
        self._tell(
            "salary_review.percent",
            "0" if percent is None else str(percent),
            told,
            "assumption" if percent is None else "setting",
            "avvik.toml [people]",
            "ingen nivå är satt: prognosen räknar utan löneöversyn" if percent is None else "",
        )
        self._tell("small_group_minimum", str(self.options.small_group_minimum), told, "setting", "avvik.toml [people]", "")
        lengths = _vacancy_months(self.staff)
        own = len(lengths) >= _ENOUGH_VACANCIES
        for name, months in _VACANCY_MONTHS.items():
            value = int(np.ceil(np.quantile(lengths, int(name[1:]) / 100))) if own else months
            note = f"{len(lengths)} avslutade vakanser" + ("" if own else ": för få att räkna på")
            self._tell(f"vacancy_months.{name}", str(value), told, "computed" if own else "assumption", "egen historik", note)


_AFTER_PO = {*ABSENCE_STEPS, "extra", "other"}
_MEASURES = ("planned_fte", "filled_fte", "planned_cost", "hr_cost", "filled_cost", "vacancy_open", "vacancy_known")
_HELD = [
    "terms",
    "employment",
    "person",
    "birth_year",
    "sex",
    "unit",
    "plan_id",
    "degree",
    "wage",
    "weekly_hours",
    "is_monthly",
    "day_from",
    "day_to",
]


def _plan(positions: pl.DataFrame, window: Window) -> pl.DataFrame:
    """Return each position's spans from the first day to the last: those of the plan, and those between (not in_plan)."""
    rows: list[dict[str, Any]] = []
    ordered = positions.sort("position", "valid_from").iter_rows(named=True)
    for position, spans in groupby(ordered, key=lambda row: row["position"]):
        free_from, unit = FIRST_DAY, None
        for span in spans:
            unit = span["unit"] or MISSING_UNIT
            if span["valid_from"] > free_from:
                rows.append(_outside(position, unit, free_from, span["valid_from"] - timedelta(days=1)))
            rows.append(
                {
                    "position": position,
                    "unit": unit,
                    "degree": span["degree"],
                    "budgeted_wage": span["budgeted_wage"],
                    "budgeted_po": span["budgeted_po"],
                    "in_plan": True,
                    "plan_from": span["valid_from"],
                    "plan_to": span["valid_to"],
                }
            )
            free_from = min(span["valid_to"], LAST_DAY - timedelta(days=1)) + timedelta(days=1)
        if rows and rows[-1]["plan_to"] < LAST_DAY:
            rows.append(_outside(position, unit or MISSING_UNIT, free_from, LAST_DAY))
    schema: dict[str, Any] = {
        "position": pl.String,
        "unit": pl.String,
        "degree": pl.Decimal(9, 6),
        "budgeted_wage": MONEY,
        "budgeted_po": pl.Decimal(9, 6),
        "in_plan": pl.Boolean,
        "plan_from": pl.Date,
        "plan_to": pl.Date,
    }
    return pl.DataFrame(rows, schema=schema).with_row_index("plan_id").with_columns(pl.col("plan_id").cast(pl.Int64))


def _outside(position: str, unit: str, first: date, last: date) -> dict[str, Any]:
    nothing = {"degree": _ZERO, "budgeted_wage": _ZERO, "budgeted_po": None}
    return {"position": position, "unit": unit, **nothing, "in_plan": False, "plan_from": first, "plan_to": last}


def _by_month(spans: pl.DataFrame, first: date, last: date, start: str = "day_from", end: str = "day_to") -> pl.DataFrame:
    """Return the spans cut at months between two days, with period, days, month_days, and the two days of each part."""
    clipped = spans.with_columns(
        pl.max_horizontal(start, pl.lit(first)).alias(start), pl.min_horizontal(end, pl.lit(last)).alias(end)
    ).filter(pl.col(start) <= pl.col(end))
    month = pl.date_ranges(pl.col(start).dt.truncate("1mo"), pl.col(end), "1mo").alias("_month")
    parts = clipped.with_columns(month).explode("_month")
    parts = parts.with_columns(
        pl.max_horizontal(start, "_month").alias(start), pl.min_horizontal(end, pl.col("_month").dt.month_end()).alias(end)
    )
    return parts.with_columns(
        pl.col("_month").dt.strftime("%Y-%m").alias("period"),
        ((pl.col(end) - pl.col(start)).dt.total_days() + 1).alias("days"),
        pl.col("_month").dt.days_in_month().cast(pl.Int64).alias("month_days"),
    ).drop("_month")


def _covered(rows: list[dict[str, Any]]) -> int:
    """Return the days of a month with at least one holder."""
    covered, reached = 0, None
    for start, end in sorted((row["day_from"], row["day_to"]) for row in rows if row["is_monthly"]):
        begin = start if reached is None or start > reached else reached + timedelta(days=1)
        if end >= begin:
            covered += (end - begin).days + 1
        reached = end if reached is None else max(reached, end)
    return covered


def _workdays(frame: pl.DataFrame, start: str, end: str) -> np.ndarray:
    """Return the days Monday to Friday between two dates, both included."""
    first = frame[start].to_numpy().astype("datetime64[D]")
    return np.busday_count(first, frame[end].to_numpy().astype("datetime64[D]") + 1)


def _lost_fte(holder: dict[str, Any], cost: AbsenceCost) -> Decimal:
    wage = holder["wage"]
    return cost.lost / wage if wage else _ZERO


def _vacancy_months(staff: Staff) -> list[float]:
    """Return how many months each ended vacancy of the plan lasted."""
    lengths = []
    held = staff.employments.filter(pl.col("position").is_in(staff.positions["position"].unique().implode()))
    ordered: Iterator[Any] = held.sort("position", "valid_from").select("position", "valid_from", "valid_to").iter_rows()
    for _, spans in groupby(ordered, key=lambda row: row[0]):
        reached = None
        for _, start, end in spans:
            if reached is not None and start > reached + timedelta(days=1):
                lengths.append((start - reached).days / 30.44)
            reached = end if reached is None else max(reached, end)
    return lengths
