"""What a publication may hold beside the follow-up: comments, findings, restated months and the personnel bridge.

What belongs here: reading those marts for one unit and period; each is empty where the publication does not have it. What does
not: what they mean for a deviation (`causes`), and sentences (`text`). Amounts are SEK, income +, cost −, effects favourable +.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import duckdb

from orchestration.report.numbers import clean
from orchestration.report.options import ReportOptions

#: A finding in one of these is still to be dealt with: 'acknowledged' is agreed on, but not yet put right.
OPEN = ("open", "recurring", "acknowledged")

#: Rules that say nothing of why an amount deviates: the budget's profile is a cause of its own, and a late posting is right.
_NO_CAUSE = ("PER-04", "PER-10")

#: Steps of the bridge that are no causes: what the ledger has beyond what HR data explains, and units without HR data.
UNKNOWN_STEPS = ("unexplained", "no_hr_data")


@dataclass(frozen=True)
class Comment:
    """What a person wrote about a unit, or a line of it (`line` empty: the unit as a whole)."""

    unit: str
    line: str
    text: str
    author: str = ""
    unit_name: str = ""


@dataclass(frozen=True)
class Finding:
    """One finding (fynd) as it stood at a close. `tier`: 'fel' is asserted, 'fråga' asked. `child`: the unit below the report's.

    `effect`: what the result of the period changes by when it is put right. `is_internal`: both sides are missing in units of the
    report, so that its net does not change. `who` and `reason` are empty where they might tell
    of a person.
    """

    finding_id: str
    rule: str
    tier: str
    title: str
    reason: str
    unit: str
    unit_name: str
    child: str
    line: str
    account: str
    who: str
    period: str
    periods: tuple[str, ...]
    effect: Decimal
    effect_year: Decimal
    debit: str
    credit: str
    entry: Decimal | None
    reversal: str
    first_seen: str
    age: int
    status: str
    answer: str
    is_internal: bool

    @property
    def is_open(self) -> bool:
        """Whether it is still to be dealt with."""
        return self.status in OPEN

    @property
    def is_to_correct(self) -> bool:
        """Whether putting it right changes the result; a budget's profile and a late posting do not."""
        return self.rule not in _NO_CAUSE

    @property
    def is_cause(self) -> bool:
        """Whether it says why an amount deviates: an asserted error that is still in the books."""
        return self.is_open and self.tier == "fel" and self.is_to_correct and bool(self.effect)


@dataclass(frozen=True)
class BridgeStep:
    """One step of the personnel bridge (personalbryggan). Steps that are not memo add up to the deviation of personnel."""

    step: str
    name: str
    month: Decimal
    amount: Decimal
    is_memo: bool
    is_suppressed: bool


@dataclass(frozen=True)
class Restated:
    """One line of one earlier month whose outcome was another in the report before."""

    period: str
    line: str
    before: Decimal
    after: Decimal

    @property
    def change(self) -> Decimal:
        """Now less then."""
        return self.after - self.before


@dataclass
class Evidence:
    """All of it for one report. `previous`: last report's open findings, each with what it is now (None: no longer seen)."""

    comments: list[Comment] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    has_findings: bool = False
    previous_period: str = ""
    previous: list[tuple[Finding, Finding | None]] = field(default_factory=list)
    bridge: list[BridgeStep] = field(default_factory=list)
    restated: list[Restated] = field(default_factory=list)
    full_time: tuple[Decimal, Decimal] | None = None  # årsarbetare by the plan, and filled: averages of the period

    @property
    def open_findings(self) -> list[Finding]:
        """The findings that are still to be dealt with: what is asserted first, then questions; largest effect first."""
        found = [finding for finding in self.findings if finding.is_open and finding.is_to_correct]
        return sorted(found, key=lambda finding: (finding.tier != "fel", -abs(finding.effect)))

    def told_apart(self, rule: str) -> int:
        """Return how many findings of a rule there are that change no result: 'PER-04' profiles, 'PER-10' late postings."""
        return sum(finding.rule == rule and finding.is_open for finding in self.findings)

    @property
    def steps(self) -> list[BridgeStep]:
        """The steps that add up to the deviation of personnel."""
        return [step for step in self.bridge if not step.is_memo]

    def memo(self, step: str) -> BridgeStep | None:
        """Return a memo row of the bridge: `hired_staff` or `net_staffing`."""
        return next((row for row in self.bridge if row.is_memo and row.step == step), None)


def read_evidence(
    connection: duckdb.DuckDBPyConnection, scope_sql: str, scope: dict[str, str], options: ReportOptions
) -> Evidence:
    """Read what the publication has for the unit and period of `scope` (unit, period, first).

    `scope_sql` begins a statement with a table `scope` (unit_code, child_code) of all units of the report.
    """
    tables = {
        name
        for (name,) in connection.execute(
            "select table_name from information_schema.tables where table_schema = 'marts'"
        ).fetchall()
    }

    def rows(table: str, sql: str, parameters: Sequence[str] = ("unit", "period")) -> list[tuple[Any, ...]]:
        if table not in tables:
            return []
        return connection.execute(f"{scope_sql} {sql}", {name: scope[name] for name in parameters}).fetchall()

    found = Evidence(
        comments=[
            Comment(unit, line or "", clean(text), clean(author), clean(name))
            for unit, line, text, author, name in rows("comment", _COMMENTS)
        ],
        has_findings="findings" in tables,
        bridge=[
            BridgeStep(step, clean(name), month, amount, memo, hidden)
            for step, name, month, amount, memo, hidden in rows("personnel_bridge", _BRIDGE)
        ],
        restated=[Restated(*row) for row in rows("restatement", _RESTATED)],
        full_time=next(((planned, filled) for planned, filled in rows("fte", _FULL_TIME)), None),
    )
    if not found.has_findings:
        return found
    make = _finding_of(options)
    found.findings = [make(row) for row in rows("findings", _FINDINGS.format(at="$period"))]
    before = connection.execute(
        "select max(report_period) from marts.findings where report_period < ?", [scope["period"]]
    ).fetchone()
    if before and before[0]:
        found.previous_period = before[0]
        now = {finding.finding_id: finding for finding in found.findings}
        at_previous = "(select max(report_period) from marts.findings where report_period < $period)"
        earlier = [make(row) for row in rows("findings", _FINDINGS.format(at=at_previous))]
        found.previous = [
            (finding, now.get(finding.finding_id)) for finding in earlier if finding.is_open and finding.is_to_correct
        ]
    return found


def _finding_of(options: ReportOptions) -> Callable[[tuple[Any, ...]], Finding]:
    def make(row: tuple[Any, ...]) -> Finding:
        (finding_id, rule, tier, title, reason, unit, name, child, line, account, who, party, period, periods, effect, year,
         debit, credit, entry, reversal, first, age, status, answer,
         internal) = row  # fmt: skip
        hidden = line in options.hide_texts_of_lines or any(
            str(party or "").startswith(start) for start in options.hide_texts_of_counterparties
        )
        return Finding(
            finding_id,
            rule,
            tier,
            clean(title),
            "" if hidden else clean(reason),
            unit or "",
            clean(name),
            child,
            line or "",
            account or "",
            "" if hidden else clean(who),
            period or "",
            tuple(part for part in (periods or period or "").split(",") if part),
            effect or Decimal(0),
            year or Decimal(0),
            clean(debit),
            clean(credit),
            entry,
            reversal or "",
            first or "",
            age or 0,
            status,
            clean(answer),
            bool(internal),
        )

    return make


_NAMES = """
    names as (
        select unit_code, any_value(unit_name) as unit_name from marts.follow_up where report_period = $period group by unit_code
    )
"""
_COMMENTS = f"""
    {_NAMES}
    select remark.unit_code, remark.report_line, remark.text, remark.author, coalesce(names.unit_name, remark.unit_code)
    from marts.comment as remark
    inner join scope on remark.unit_code = scope.unit_code
    left join names on remark.unit_code = names.unit_code
    where remark.period = $period and trim(coalesce(remark.text, '')) <> ''
    order by remark.unit_code, remark.report_line, remark.source_file, remark.source_row
"""  # noqa: S608 - constants of this module
_FINDINGS = f"""
    {_NAMES},

    -- the name of a customer or supplier: the ledger's own, or the voucher text that nine in ten of its rows have
    party_rows as (
        select
            party, party_name, voucher_text, count(*) over (partition by party, voucher_text) as same_text,
            count(*) over (partition by party) as all_rows
        from marts.fct_ledger_line
        where party in (select party from marts.findings where report_period = {{at}})
    ),

    named as (
        select
            party,
            coalesce(
                max(party_name), max(case when all_rows > 1 and same_text >= all_rows * 0.9 then voucher_text end)
            ) as party_name
        from party_rows
        group by party
    )

    select
        f.finding_id, f.rule_id, f.tier, f.title, f.reason, f.unit_code, coalesce(names.unit_name, f.unit_code),
        scope.child_code, f.report_line, f.account,
        coalesce(
            named.party_name, nullif(f.party, ''),
            'avtal ' || nullif(f.agreement, '') || coalesce(' med ' || coalesce(other.unit_name, nullif(f.other_unit, '')), '')
        ),
        f.counterparty, f.period, f.periods, f.effect_period::decimal(18, 2), f.effect_year_forecast::decimal(18, 2),
        f.debit_account, f.credit_account,
        f.entry_amount::decimal(18, 2), f.reversal_period, f.first_seen, f.age, f.status, f.answer,
        f.rule_id in ('PER-01', 'PER-09') and f.other_unit in (select unit_code from scope)
    from marts.findings as f
    inner join scope on f.unit_code = scope.unit_code
    left join names on f.unit_code = names.unit_code
    left join names as other on f.other_unit = other.unit_code
    left join named on f.party = named.party
    where f.report_period = {{at}}
    order by abs(f.effect_period) desc, f.finding_id
"""  # noqa: S608 - constants of this module
_BRIDGE = """
    own as (select * from marts.personnel_bridge where unit_code = $unit and report_period = $period)
    select step, step_name, amount_month, amount_period, is_memo, is_suppressed from own order by is_memo, step_order, step
"""
_FULL_TIME = """
    own as (select * from marts.fte where unit_code = $unit and report_period = $period)
    select planned_fte_average, filled_fte_average from own where planned_fte_average > 0
"""
_RESTATED = """
    changed as (
        select r.period, r.report_line, r.amount_before, r.amount_after
        from marts.restatement as r inner join scope on r.unit_code = scope.unit_code
        where r.report_period = $period
    )
    select period, report_line, sum(amount_before)::decimal(18, 2), sum(amount_after)::decimal(18, 2)
    from changed
    group by period, report_line
    having sum(amount_before) <> sum(amount_after)
    order by period, report_line
"""
