"""Why a line deviates, as far as the marts know: amounts that add up with the unexplained part to the deviation.

What belongs here: causes with an amount, each from data. What does not: where a deviation lies (units, accounts, vouchers: in the
model), or sentences about it (`text`). A source of causes is a function in `SOURCES`. Causes of one line must not overlap:

- findings and rows with service dates say what the *outcome* would have been, the budget's profile what the *budget* would have
  been, so those two kinds add up; the personnel bridge takes the whole deviation of its line, except what it leaves unexplained;
- a finding and a row with service dates may be the same thing, and 'nothing booked' takes a unit's whole deviation: such a source
  leaves out the units that an earlier one has spoken of (`_Found.units`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

import duckdb

from orchestration.report.evidence import UNKNOWN_STEPS, Finding
from orchestration.report.model import ZERO, LineFacts, Report
from orchestration.report.numbers import money, month_name, month_year, percent

ONE = Decimal(1)


@dataclass(frozen=True)
class Cause:
    """One cause of one line's deviation in the period.

    `amount` is its part of the deviation, SEK, favourable +. `kind` is stable ('budget_profile', 'nothing_booked', 'late', …).
    `unit` is set where the cause concerns one unit below the report's. `basis` says how the amount was calculated. `step`: it is
    one of several that add up exactly, so it is kept however small it is.
    """

    line: str
    kind: str
    title: str
    amount: Decimal
    basis: str
    unit: str = ""
    facts: dict[str, Decimal] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    step: bool = False


@dataclass(frozen=True)
class Explained:
    """One line's deviation, its causes (largest first), and what is left: `amount` = Σ causes + `unexplained`."""

    line: LineFacts
    causes: list[Cause]

    @property
    def amount(self) -> Decimal:
        """The deviation of the period."""
        return self.line.deviation

    @property
    def unexplained(self) -> Decimal:
        """What no cause accounts for. Larger than the deviation where causes work the other way."""
        return self.amount - sum((cause.amount for cause in self.causes), ZERO)

    @property
    def share(self) -> Decimal:
        """How much of the deviation is explained, 0 to 1."""
        if not self.amount:
            return ONE
        return max(ZERO, ONE - abs(self.unexplained) / abs(self.amount))


@dataclass
class _Found:
    """What sources have said so far. `units`: units below the report's whose outcome one has spoken of; `whole`: all of it.

    `complete`: only what is wrong in the books is left to be said.
    """

    causes: list[Cause] = field(default_factory=list)
    units: set[str] = field(default_factory=set)
    whole: set[str] = field(default_factory=set)
    complete: bool = False


Source = Callable[[duckdb.DuckDBPyConnection, Report, LineFacts, _Found], None]


def explain(connection: duckdb.DuckDBPyConnection, report: Report, line: LineFacts) -> Explained:
    """Return the causes of one line's deviation in the period, as far as data knows them."""
    found = _Found()
    for source in SOURCES:
        source(connection, report, line, found)
    least = _least(report, line)
    causes = [cause for cause in found.causes if cause.step or abs(cause.amount) >= least]
    return Explained(line, sorted(causes, key=lambda cause: -abs(cause.amount)))


def _least(report: Report, line: LineFacts) -> Decimal:
    return max(abs(line.deviation) * report.options.cause_share, Decimal(1000))


def _bridge(connection: duckdb.DuckDBPyConnection, report: Report, line: LineFacts, found: _Found) -> None:
    """The steps of the personnel bridge (marts.personnel_bridge), which add up to the deviation of personnel.

    Steps too small to be named are one; the step `unexplained` is left to be unexplained. A bridge where no position stands
    between budget and outcome says nothing.
    """
    known = [step for step in report.evidence.steps if step.step not in UNKNOWN_STEPS and step.amount]
    if line.key != "personnel" or all(step.step == "budget_rest" for step in known):
        return
    found.complete = True
    least = _least(report, line)
    small = [step for step in known if abs(step.amount) < least and not step.is_suppressed]
    if len(small) < 2:
        small = []
    for step in known:
        if step not in small:
            hidden = "; små grupper visas sammanslagna" if step.is_suppressed else ""
            basis = f"personalbryggan: {money(step.month, sign=True)} i {month_name(report.period)}{hidden}"
            found.causes.append(Cause(line.key, f"bridge_{step.step}", step.name, step.amount, basis, step=True))
    if small:
        basis = "personalbryggan: " + ", ".join(f"{step.name.lower()} {money(step.amount, sign=True)}" for step in small)
        amount = sum((step.amount for step in small), ZERO)
        found.causes.append(Cause(line.key, "bridge_small", "Övriga steg i personalbryggan", amount, basis, step=True))


def _findings(connection: duckdb.DuckDBPyConnection, report: Report, line: LineFacts, found: _Found) -> None:
    """Asserted errors in the books that are still there (marts.findings): one cause for each kind.

    Putting it right changes the result by `effect`, so the error's part of the deviation is the opposite. Findings about months
    outside the period have no part in it. A finding is one cause with one unit and line: none is counted twice.
    """
    here = [
        finding
        for finding in report.evidence.findings
        if finding.is_cause and finding.line == line.key and report.first_period <= finding.period <= report.period
    ]
    by_title: dict[str, list[Finding]] = {}
    for finding in here:
        by_title.setdefault(finding.title, []).append(finding)
    for title, group in by_title.items():
        amount = -sum((finding.effect for finding in group), ZERO)
        count = "1 fynd" if len(group) == 1 else f"{len(group)} fynd"
        basis = f"{count}, störst {group[0].unit_name} {month_year(group[0].period)} ({money(-group[0].effect, sign=True)})"
        found.causes.append(Cause(line.key, "finding", title, amount, basis, findings=tuple(group)))
    found.units |= {finding.child for finding in here}


def _service_dates(connection: duckdb.DuckDBPyConnection, report: Report, line: LineFacts, found: _Found) -> None:
    """Rows that say themselves which time they are for: booked after the period, or for an earlier year.

    Only rows whose service dates lie wholly on one side count; what straddles a boundary is not divided.
    """
    if found.complete:
        return
    late, earlier, units = connection.execute(
        """
        with scope as (
            select own.unit_code, coalesce(child.ancestor_unit_code, own.unit_code) as child_code
            from marts.bridge_unit_ancestor as own
            left join marts.bridge_unit_ancestor as child
                on
                    own.unit_code = child.unit_code and own.distance - 1 = child.distance
                    and own.organisation_from = child.organisation_from
            where
                own.ancestor_unit_code = $unit
                and (select first_day from marts.dim_period where period = $period)
                    between own.organisation_from and own.organisation_to
        ),
        dated as (
            select
                fact.amount, scope.child_code,
                fact.period > $period
                    and service_from >= (select first_day from marts.dim_period where period = $first)
                    and service_to <= (select last_day from marts.dim_period where period = $period) as is_late,
                fact.period between $first and $period
                    and service_to < (select first_day from marts.dim_period where period = $first) as is_earlier
            from marts.fct_ledger_line as fact inner join scope on fact.unit_code = scope.unit_code
            where
                fact.report_line = $line and fact.service_from is not null and fact.service_to is not null
                and not list_contains($spoken_of, scope.child_code)
        )
        select
            sum(amount) filter (where is_late), sum(amount) filter (where is_earlier),
            list(distinct child_code) filter (where is_late or is_earlier)
        from dated
        """,
        {
            "unit": report.unit,
            "period": report.period,
            "first": report.first_period,
            "line": line.key,
            "spoken_of": sorted(found.units),
        },
    ).fetchone() or (None, None, None)
    if late:
        basis = "rader bokförda i en senare period, med tidsangivelse inom denna period"
        found.causes.append(Cause(line.key, "late", "Bokfört efter perioden", -late, basis))
    if earlier:
        basis = "rader bokförda i perioden, med tidsangivelse före räkenskapsårets början"
        found.causes.append(Cause(line.key, "earlier_year", "Avser tidigare år", earlier, basis))
    found.units |= set(units or ())


def _nothing_booked(connection: duckdb.DuckDBPyConnection, report: Report, line: LineFacts, found: _Found) -> None:
    """Income that is budgeted for the period in a unit where nothing has been booked, and internal cost likewise.

    For other costs an empty line says nothing: what has not been bought has not been bought.
    """
    if found.complete or (line.kind != "income" and line.key not in ("internal_rent", "other_internal_cost")):
        return
    for child in report.children:
        facts = child.lines.get(line.key)
        if facts is None or child.code in found.units or facts.outcome or not facts.budget:
            continue
        if abs(facts.deviation) < max(abs(line.deviation) * report.options.cause_share, Decimal(1000)):
            continue
        found.units.add(child.code)
        found.whole.add(child.code)
        basis = f"{child.name}: utfall 0 mot budget {money(facts.budget)} i perioden"
        found.causes.append(
            Cause(
                line.key,
                "nothing_booked",
                "Inget bokfört",
                facts.deviation,
                basis,
                child.name,
                {"budget": facts.budget},
            )
        )


def _profile(connection: duckdb.DuckDBPyConnection, report: Report, line: LineFacts, found: _Found) -> None:
    """The budget's profile (curve effect): what the deviation owes to the budget lying earlier or later than the reference.

    effect = reference share × budget of the year − budget of the period; in stored sign, so favourable is +. Units whose
    deviation is already accounted for are left out on both sides.
    """
    if found.complete or not report.rest or not line.budget_year:
        return
    left_out = [child.lines[line.key] for child in report.children if child.code in found.whole and line.key in child.lines]
    budget = line.budget - sum((facts.budget for facts in left_out), ZERO)
    year = line.budget_year - sum((facts.budget_year for facts in left_out), ZERO)
    if not year:
        return
    even = Decimal(report.months) / 12
    history = line.previous / line.previous_year if line.previous is not None and line.previous_year else None
    share = budget / year
    choice = report.options.profile_reference
    flat = abs(share - even) < report.options.profile_threshold
    by_history = history is not None and (choice == "previous_year" or (choice == "auto" and flat))
    if choice == "auto" and not flat and history is not None:
        if (history > share) == (even > share):
            by_history = abs(history - share) < abs(even - share)  # the cautious of the two: both vouch for that much
        else:
            return  # twelfths and last year point in opposite directions: no cause that data can vouch for
    reference = history if by_history and history is not None else even
    least = report.options.history_threshold if by_history and flat else report.options.profile_threshold
    if abs(share - reference) < least:
        return
    effect = (reference * year - budget).quantize(Decimal("0.01"))
    facts = {"share": share, "reference": reference, "even": even, "flat": Decimal(flat)}
    basis = f"{percent(share, 1)} av årets budget i perioden, mot {percent(reference, 1)}"
    basis += " enligt fjolårets utfall" if by_history else " vid jämn fördelning"
    other = even if by_history else history
    if other is not None and not flat:
        amount = money((other * year - budget).quantize(Decimal("0.01")), sign=True)
        basis += f"; med {'jämn' if by_history else 'fjolårets'} fördelning ({percent(other, 1)}) blir beloppet {amount}"
    title = "Budgetens periodisering"
    found.causes.append(Cause(line.key, "budget_profile", title, effect, basis, "", facts))


#: In order: what concerns single rows or units first, what concerns the line as a whole last.
SOURCES: tuple[Source, ...] = (_bridge, _findings, _service_dates, _nothing_booked, _profile)
