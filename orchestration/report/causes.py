"""Why a line deviates, as far as the marts know: amounts that add up with the unexplained part to the deviation.

What belongs here: causes with an amount, each from data. What does not: where a deviation lies (units, accounts, vouchers: in the
model), or sentences about it (`text`). A source of causes is a function in `SOURCES`; findings and the personnel bridge are to
become two more. Causes of one line must not overlap: a source that takes a unit's whole deviation says so in `whole_units`, and
later sources leave that unit out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

import duckdb

from orchestration.report.model import ZERO, LineFacts, Report
from orchestration.report.numbers import money, percent

ONE = Decimal(1)


@dataclass(frozen=True)
class Cause:
    """One cause of one line's deviation in the period.

    `amount` is its part of the deviation, SEK, favourable +. `kind` is stable ('budget_profile', 'nothing_booked', 'late', …).
    `unit` is set where the cause concerns one unit below the report's. `basis` says how the amount was calculated.
    """

    line: str
    kind: str
    title: str
    amount: Decimal
    basis: str
    unit: str = ""
    facts: dict[str, Decimal] = field(default_factory=dict)


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
    causes: list[Cause] = field(default_factory=list)
    whole_units: set[str] = field(default_factory=set)


Source = Callable[[duckdb.DuckDBPyConnection, Report, LineFacts, _Found], None]


def explain(connection: duckdb.DuckDBPyConnection, report: Report, line: LineFacts) -> Explained:
    """Return the causes of one line's deviation in the period, as far as data knows them."""
    found = _Found()
    for source in SOURCES:
        source(connection, report, line, found)
    least = max(abs(line.deviation) * report.options.cause_share, Decimal(1000))
    causes = [cause for cause in found.causes if abs(cause.amount) >= least]
    return Explained(line, sorted(causes, key=lambda cause: -abs(cause.amount)))


def _service_dates(connection: duckdb.DuckDBPyConnection, report: Report, line: LineFacts, found: _Found) -> None:
    """Rows that say themselves which time they are for: booked after the period, or for an earlier year.

    Only rows whose service dates lie wholly on one side count; what straddles a boundary is not divided.
    """
    late, earlier, units = connection.execute(
        """
        with scope as (
            select unit_code from marts.bridge_unit_ancestor
            where
                ancestor_unit_code = $unit
                and (select first_day from marts.dim_period where period = $period) between organisation_from and organisation_to
        ),
        dated as (
            select
                fact.amount, fact.unit_code,
                fact.period > $period
                    and service_from >= (select first_day from marts.dim_period where period = $first)
                    and service_to <= (select last_day from marts.dim_period where period = $period) as is_late,
                fact.period between $first and $period
                    and service_to < (select first_day from marts.dim_period where period = $first) as is_earlier
            from marts.fct_ledger_line as fact inner join scope on fact.unit_code = scope.unit_code
            where fact.report_line = $line and fact.service_from is not null and fact.service_to is not null
        )
        select
            sum(amount) filter (where is_late), sum(amount) filter (where is_earlier),
            list(distinct unit_code) filter (where is_late or is_earlier)
        from dated
        """,
        {"unit": report.unit, "period": report.period, "first": report.first_period, "line": line.key},
    ).fetchone() or (None, None, None)
    if late:
        basis = "rader bokförda i en senare period, med tidsangivelse inom denna period"
        found.causes.append(Cause(line.key, "late", "Bokfört efter perioden", -late, basis))
    if earlier:
        basis = "rader bokförda i perioden, med tidsangivelse före räkenskapsårets början"
        found.causes.append(Cause(line.key, "earlier_year", "Avser tidigare år", earlier, basis))
    found.whole_units |= set(units or ())


def _nothing_booked(connection: duckdb.DuckDBPyConnection, report: Report, line: LineFacts, found: _Found) -> None:
    """Income that is budgeted for the period in a unit where nothing has been booked, and internal cost likewise.

    For other costs an empty line says nothing: what has not been bought has not been bought.
    """
    if line.kind != "income" and line.key not in ("internal_rent", "other_internal_cost"):
        return
    for child in report.children:
        facts = child.lines.get(line.key)
        if facts is None or child.code in found.whole_units or facts.outcome or not facts.budget:
            continue
        if abs(facts.deviation) < max(abs(line.deviation) * report.options.cause_share, Decimal(1000)):
            continue
        found.whole_units.add(child.code)
        basis = f"{child.name}: utfall 0 mot budget {money(facts.budget)} i perioden"
        found.causes.append(
            Cause(
                line.key,
                "nothing_booked",
                "Budgeterat men inget bokfört",
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
    if not report.rest or not line.budget_year:
        return
    left_out = [child.lines[line.key] for child in report.children if child.code in found.whole_units and line.key in child.lines]
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
    reference = history if by_history and history is not None else even
    least = report.options.history_threshold if by_history else report.options.profile_threshold
    if abs(share - reference) < least:
        return
    effect = (reference * year - budget).quantize(Decimal("0.01"))
    facts = {"share": share, "reference": reference, "even": even, "flat": Decimal(flat)}
    basis = f"{percent(share, 1)} av årets budget i perioden, mot {percent(reference, 1)}"
    basis += " enligt fjolårets utfall" if by_history else " vid jämn fördelning"
    if history is not None and not by_history:
        facts["history"] = history
        facts["effect_history"] = (history * year - budget).quantize(Decimal("0.01"))
        basis += f"; med fjolårets fördelning ({percent(history, 1)}) blir beloppet {money(facts['effect_history'], sign=True)}"
        if choice == "auto" and (facts["effect_history"] > 0) != (effect > 0):
            return  # twelfths and last year point in opposite directions: no cause that data can vouch for
    title = "Budgetens fördelning över året"
    found.causes.append(Cause(line.key, "budget_profile", title, effect, basis, "", facts))


#: In order: what concerns single rows or units first, what concerns the line as a whole last.
SOURCES: tuple[Source, ...] = (_service_dates, _nothing_booked, _profile)
