"""The content of a report as plain data, read with SQL from the published marts.

What belongs here: one unit's numbers at one report period, and what they are made of (months, units, accounts, vouchers). What
does not: why they deviate (`causes`), sentences (`text`), and anything printed. Amounts are SEK, `Decimal`, income +, cost −;
deviations are favourable when positive. Deviations and sums come from the marts; what is computed here are comparisons that no
mart holds: monthly rates, budget profiles.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

import duckdb

from orchestration.errors import AvvikError, Text
from orchestration.periods import add_months
from orchestration.report.evidence import Comment, Evidence, read_evidence
from orchestration.report.numbers import clean, month_name, month_year
from orchestration.report.options import ReportOptions

ZERO = Decimal(0)
Kind = Literal["income", "cost", "net", "other"]
_KINDS: dict[str, Kind] = {"external_income": "income", "internal_income": "income", "total_income": "income"}


@dataclass(frozen=True)
class LineFacts:
    """One report line of one unit: the row of `follow_up`. None where the marts do not know."""

    key: str
    label: str
    short_label: str
    is_total: bool
    outcome: Decimal
    budget: Decimal
    deviation: Decimal
    forecast: Decimal | None
    budget_year: Decimal
    deviation_forecast: Decimal | None
    previous: Decimal | None
    previous_year: Decimal | None

    @property
    def kind(self) -> Kind:
        """Whether the line is income, cost, the net, or other (taxes, grants and financial items)."""
        if self.key in ("net", "financial"):
            return "net" if self.key == "net" else "other"
        return _KINDS.get(self.key, "cost")


@dataclass(frozen=True)
class Month:
    """One line in one month. `budget_to_date` and `outcome_to_date` are accumulated over the fiscal year."""

    period: str
    outcome: Decimal
    budget: Decimal
    deviation: Decimal
    outcome_to_date: Decimal
    budget_to_date: Decimal


@dataclass(frozen=True)
class UnitFacts:
    """One unit directly below the report's unit, with its lines by key."""

    code: str
    name: str
    is_in_organisation: bool
    lines: dict[str, LineFacts]


@dataclass(frozen=True)
class AccountFacts:
    """One account on one line: outcome of the period, and of the same months last year (None where there is no such year)."""

    line: str
    account: str
    name: str
    outcome: Decimal
    previous: Decimal | None


@dataclass(frozen=True)
class CounterpartyFacts:
    """One counterparty (motpart) on one line, as `AccountFacts`."""

    line: str
    counterparty: str
    name: str
    outcome: Decimal
    previous: Decimal | None


@dataclass(frozen=True)
class Voucher:
    """The rows of one voucher (verifikation) on one line, unit and account. `text` is empty where it is not to be shown."""

    line: str
    child: str
    unit: str
    period: str
    date: str
    voucher: str
    account: str
    account_name: str
    text: str
    text_hidden: bool
    counterparty: str
    amount: Decimal
    source: str


@dataclass(frozen=True)
class Rate:
    """Amount per month: so far, what the forecast implies for the rest of the year, and what is left of the budget."""

    line: LineFacts
    so_far: Decimal
    implied: Decimal
    budget_rest: Decimal

    @property
    def change(self) -> Decimal | None:
        """Implied against so far: 0.57 is +57 %. None where a share says nothing (no amount so far, or turned sign)."""
        if self.so_far == 0 or (self.so_far > 0) != (self.implied > 0):
            return None
        return self.implied / self.so_far - 1


@dataclass
class Report:
    """One unit's report at one period. `lines` are the rows of the printed table, in order."""

    municipality: str
    unit: str
    name: str
    parent_name: str
    is_root: bool
    level: int
    period: str
    first_period: str
    months: int
    forecast_round: str | None
    lines: list[LineFacts]
    series: dict[str, list[Month]]
    children: list[UnitFacts]
    accounts: list[AccountFacts]
    counterparties: list[CounterpartyFacts]
    vouchers: list[Voucher]
    cell_vouchers: list[Voucher]
    cell_series: dict[tuple[str, str], list[Month]]
    without_forecast: list[str]
    publication: str
    options: ReportOptions
    evidence: Evidence = field(default_factory=Evidence)

    @property
    def rest(self) -> int:
        """Months of the fiscal year after the period."""
        return 12 - self.months

    @property
    def net(self) -> LineFacts:
        """The net line."""
        return self.line("net")

    @property
    def period_name(self) -> str:
        """'januari–mars 2015', or 'januari 2015' for a single month."""
        if self.first_period == self.period:
            return month_year(self.period)
        first = month_name(self.first_period) if self.first_period[:4] == self.period[:4] else month_year(self.first_period)
        return f"{first}–{month_year(self.period)}"

    def line(self, key: str) -> LineFacts:
        """Return a line that is on the table."""
        return next(line for line in self.lines if line.key == key)

    def has(self, key: str) -> bool:
        """Whether a line is on the table."""
        return any(line.key == key for line in self.lines)

    def detail_lines(self) -> list[LineFacts]:
        """Return the lines that are not totals."""
        return [line for line in self.lines if not line.is_total]

    def rate(self, line: LineFacts) -> Rate | None:
        """Return the monthly rates of a line; None without a forecast or in the last month of the year."""
        if line.forecast is None or not self.rest:
            return None
        return Rate(
            line,
            line.outcome / self.months,
            (line.forecast - line.outcome) / self.rest,
            (line.budget_year - line.budget) / self.rest,
        )

    def material(self, deviation: Decimal | None, budget: Decimal, whole: Decimal | None = None) -> bool:
        """Whether a deviation deserves words: a share of the net budget, and of the line's own budget or of `whole`.

        `whole` is the deviation of the net in the same scope.
        """
        if deviation is None:
            return False
        net, size = abs(self.net.budget_year) or abs(self.net.budget), abs(deviation)
        if size < max(net * self.options.of_net, Decimal(1000)):
            return False
        return size >= abs(budget) * self.options.of_line or (
            bool(whole) and size >= abs(whole or ZERO) * self.options.of_deviation
        )

    def material_lines(self) -> list[LineFacts]:
        """Return the lines whose deviation in the period deserves words, largest first; the very largest is always there."""
        lines = sorted(self.detail_lines(), key=lambda line: -abs(line.deviation))
        found = [line for line in lines if self.material(line.deviation, line.budget, self.net.deviation)]
        if found and lines[0] not in found:
            found.insert(0, lines[0])
        return found

    def comment(self, line: str = "") -> list[Comment]:
        """Return what persons wrote about a line of this unit, or about the unit."""
        return [comment for comment in self.evidence.comments if comment.unit == self.unit and comment.line == line]


_LINE_COLUMNS = """
    fu.report_line, line.report_line_name, line.report_line_short_name, fu.is_total, fu.outcome_period, fu.budget_period,
    fu.deviation_period, fu.forecast_year, fu.budget_year, fu.deviation_forecast, fu.outcome_previous_year_period,
    fu.outcome_previous_year
"""
_MONTH_COLUMNS = "report_period, outcome_month, budget_month, deviation_month, outcome_period, budget_period"

#: Every unit below the report's unit in the organisation of the period, with the unit just below the report's that it belongs to.
_SCOPE = """
    with below as (
        select unit_code, ancestor_unit_code, distance
        from marts.bridge_unit_ancestor
        where (select first_day from marts.dim_period where period = $period) between organisation_from and organisation_to
    ),

    scope as (
        select own.unit_code, coalesce(child.ancestor_unit_code, own.unit_code) as child_code
        from below as own
        left join below as child
            on own.unit_code = child.unit_code and own.distance - 1 = child.distance
        where own.ancestor_unit_code = $unit
    ),
"""


def read_report(
    connection: duckdb.DuckDBPyConnection,
    municipality: str,
    root_unit: str,
    unit: str,
    period: str,
    options: ReportOptions | None = None,
) -> Report:
    """Read one unit's report from the published marts (schema `marts`).

    Raises:
        AvvikError: the unit has no follow-up at the period.
    """
    options = options or ReportOptions()
    head = connection.execute(
        """
        select fu.unit_name, parent.unit_name, fu.forecast_round, periods.fiscal_month, fu.unit_level
        from marts.follow_up as fu
        inner join marts.dim_period as periods on fu.report_period = periods.period
        left join marts.follow_up as parent
            on fu.parent_unit_code = parent.unit_code and fu.report_period = parent.report_period and parent.report_line = 'net'
        where fu.report_period = ? and fu.unit_code = ? and fu.report_line = 'net'
        """,
        [period, unit],
    ).fetchone()
    if head is None:
        raise AvvikError(
            Text(
                sv=f"Enhet {unit} har ingen uppföljning för {period}, så det blir ingen rapport.",
                en=f"Unit {unit} has no follow-up for {period}, so there is no report.",
            )
        )
    name, parent_name, forecast_round, months, level = head
    first = add_months(period, 1 - months)
    lines = [
        _line(row)
        for row in connection.execute(
            f"""
            select {_LINE_COLUMNS}
            from marts.follow_up as fu inner join marts.dim_report_line as line on fu.report_line = line.report_line
            where fu.report_period = ? and fu.unit_code = ? and line.in_net
            order by fu.report_line_order
            """,  # noqa: S608 - constants of this module
            [period, unit],
        ).fetchall()
    ]
    children = _children(connection, unit, period)
    series = _series(connection, [unit], first, period)
    cells = _largest_cells(children, options.cells)
    cell_series = _series(connection, sorted({code for code, _ in cells}), first, period)
    scope = {"unit": unit, "period": period, "first": first}
    without = connection.execute(
        """
        select own.unit_name
        from marts.follow_up as own
        inner join marts.follow_up as parent
            on own.parent_unit_code = parent.unit_code and own.report_period = parent.report_period and parent.report_line = 'net'
        where
            own.report_period = $period and own.report_line = 'net' and own.forecast_year is null and own.has_budget
            and parent.forecast_year is not null
            and (parent.unit_code = $unit or (parent.parent_unit_code = $unit and $root))
            and exists (
                select 1 from marts.follow_up as sibling
                where
                    sibling.report_period = own.report_period and sibling.parent_unit_code = own.parent_unit_code
                    and sibling.report_line = 'net' and sibling.forecast_year is not null
            )
        order by own.unit_code
        """,
        {"unit": unit, "period": period, "root": unit == root_unit},
    ).fetchall()
    return Report(
        municipality=clean(municipality),
        unit=unit,
        name=clean(name),
        parent_name=clean(parent_name),
        is_root=unit == root_unit,
        level=level,
        period=period,
        first_period=first,
        months=months,
        forecast_round=forecast_round,
        lines=lines,
        series={key: found for (_, key), found in series.items()},
        children=children,
        accounts=_accounts(connection, scope),
        counterparties=_counterparties(connection, scope),
        vouchers=_vouchers(connection, scope, options, by_child=False),
        cell_vouchers=[
            voucher for voucher in _vouchers(connection, scope, options, by_child=True) if (voucher.child, voucher.line) in cells
        ],
        cell_series={cell: cell_series[cell] for cell in sorted(cells) if cell in cell_series},
        without_forecast=[clean(found) for (found,) in without],
        publication="",
        options=options,
        evidence=read_evidence(connection, _SCOPE, scope, options),
    )


def _line(row: tuple) -> LineFacts:
    key, label, short, *rest = row
    return LineFacts(key, clean(label), clean(short), *rest)


def _children(connection: duckdb.DuckDBPyConnection, unit: str, period: str) -> list[UnitFacts]:
    rows = connection.execute(
        f"""
        select fu.unit_code, fu.unit_name, fu.is_in_organisation, {_LINE_COLUMNS}
        from marts.follow_up as fu inner join marts.dim_report_line as line on fu.report_line = line.report_line
        where fu.report_period = ? and fu.parent_unit_code = ? and line.in_net
        order by not fu.is_in_organisation, fu.unit_code, fu.report_line_order
        """,  # noqa: S608 - constants of this module
        [period, unit],
    ).fetchall()
    found: dict[str, UnitFacts] = {}
    for code, name, known, *line in rows:
        unit_facts = found.setdefault(code, UnitFacts(code, clean(name), known, {}))
        unit_facts.lines[line[0]] = _line(tuple(line))
    return [child for child in found.values() if any(_used(line) for line in child.lines.values())]


def _used(line: LineFacts) -> bool:
    return any((line.outcome, line.budget, line.budget_year, line.forecast))


def _series(connection: duckdb.DuckDBPyConnection, units: list[str], first: str, last: str) -> dict[tuple[str, str], list[Month]]:
    found: dict[tuple[str, str], list[Month]] = defaultdict(list)
    rows = connection.execute(
        f"""
        select unit_code, report_line, {_MONTH_COLUMNS} from marts.follow_up
        where list_contains($units, unit_code) and report_period between $first and $last
        order by report_period
        """,  # noqa: S608 - constants of this module
        {"units": units, "first": first, "last": last},
    ).fetchall()
    for unit, line, *month in rows:
        found[unit, line].append(Month(*month))
    return dict(found)


def _largest_cells(children: list[UnitFacts], count: int) -> set[tuple[str, str]]:
    cells = [
        (abs(line.deviation), child.code, line.key)
        for child in children
        for line in child.lines.values()
        if not line.is_total and abs(line.deviation) >= 1000
    ]
    return {(code, key) for _, code, key in sorted(cells, reverse=True)[:count]}


#: The fact rows of the period ('this') and of the same months of the year before ('previous').
_ROWS = f"""
    {_SCOPE}
    rows_in_scope as (
        select fact.*, scope.child_code, fact.period >= $first as this_year
        from marts.fct_ledger_line as fact
        inner join scope on fact.unit_code = scope.unit_code
        inner join marts.dim_report_line as line on fact.report_line = line.report_line
        where
            line.in_net
            and (
                fact.period between $first and $period
                or fact.period between
                    (select previous_year_period from marts.dim_period where period = $first)
                    and (select previous_year_period from marts.dim_period where period = $period)
            )
    )
"""  # noqa: S608 - constants of this module
_AS_OF = "(select last_day from marts.dim_period where period = $period) between"


def _accounts(connection: duckdb.DuckDBPyConnection, scope: dict) -> list[AccountFacts]:
    return [AccountFacts(*row) for row in _by_code(connection, scope, "account")]


def _counterparties(connection: duckdb.DuckDBPyConnection, scope: dict) -> list[CounterpartyFacts]:
    return [CounterpartyFacts(*row) for row in _by_code(connection, scope, "counterparty")]


def _by_code(connection: duckdb.DuckDBPyConnection, scope: dict, code: str) -> list[tuple]:
    """Return (line, code, name, outcome, previous) by line and account or counterparty, largest outcome first."""
    rows = connection.execute(
        f"""
        {_ROWS}
        select
            rows_in_scope.report_line, coalesce(rows_in_scope.{code}, ''), any_value(named.{code}_name),
            coalesce(sum(amount) filter (where this_year), 0)::decimal(18, 2),
            case when bool_or(not this_year) then coalesce(sum(amount) filter (where not this_year), 0)::decimal(18, 2) end
        from rows_in_scope
        left join marts.dim_{code} as named
            on rows_in_scope.{code} = named.{code} and {_AS_OF} named.valid_from and named.valid_to
        group by 1, 2
        having bool_or(this_year) or sum(amount) <> 0
        order by 1, abs(coalesce(sum(amount) filter (where this_year), 0)) desc, 2
        """,  # noqa: S608 - constants of this module
        scope,
    ).fetchall()
    return [(line, found, clean(name), *rest) for line, found, name, *rest in rows]


def _vouchers(connection: duckdb.DuckDBPyConnection, scope: dict, options: ReportOptions, *, by_child: bool) -> list[Voucher]:
    groups = "rows_in_scope.child_code, rows_in_scope.report_line" if by_child else "rows_in_scope.report_line"
    rows = connection.execute(
        f"""
        {_ROWS}
        select
            rows_in_scope.report_line, rows_in_scope.child_code, rows_in_scope.unit_code, rows_in_scope.period,
            min(coalesce(voucher_date, transaction_date))::varchar,
            concat_ws(' ', voucher_series, voucher_number),
            rows_in_scope.account, any_value(account.account_name),
            min(concat_ws(' · ', voucher_text, nullif(row_text, voucher_text))),
            rows_in_scope.report_line in (select unnest($lines))
                or bool_or(len(list_filter($parties, p -> starts_with(coalesce(rows_in_scope.counterparty, ''), p))) > 0)
                as hidden,
            min(coalesce(other.counterparty_name, rows_in_scope.counterparty)),
            sum(amount)::decimal(18, 2) as total,
            min(concat(source_file, ', rad ', source_row))
        from rows_in_scope
        left join marts.dim_account as account
            on rows_in_scope.account = account.account and {_AS_OF} account.valid_from and account.valid_to
        left join marts.dim_counterparty as other
            on rows_in_scope.counterparty = other.counterparty and {_AS_OF} other.valid_from and other.valid_to
        where this_year and voucher_number is not null
        group by
            rows_in_scope.report_line, rows_in_scope.child_code, rows_in_scope.unit_code, rows_in_scope.period, voucher_series,
            voucher_number, rows_in_scope.account
        having sum(amount) <> 0
        qualify row_number() over (
            partition by {groups} order by
                abs(sum(amount)) desc, rows_in_scope.period, voucher_series, voucher_number, rows_in_scope.unit_code,
                rows_in_scope.account
        ) <= $count
        order by 1, abs(sum(amount)) desc, rows_in_scope.period, 6, 3, 7, 2
        """,  # noqa: S608 - constants of this module
        {
            **scope,
            "count": options.vouchers,
            "lines": options.hide_texts_of_lines,
            "parties": options.hide_texts_of_counterparties,
        },
    ).fetchall()
    return [
        Voucher(
            line,
            child,
            unit,
            period,
            date or "",
            clean(voucher),
            account,
            clean(account_name),
            "" if hidden else clean(text),
            hidden,
            clean(party),
            amount,
            clean(source),
        )
        for line, child, unit, period, date, voucher, account, account_name, text, hidden, party, amount, source in rows
    ]
