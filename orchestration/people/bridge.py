"""The personnel bridge: from a position's budgeted cost to its outcome in exact steps.

What belongs here: the arithmetic of the steps for one position and month, their sum, and the reconciliation with the ledger.
What does not: where the numbers come from (`absence`, `po`, the warehouse).

Method: one thing at a time is changed from budget to outcome; each step is the cost before minus the cost after, so a positive
step lowers the cost (favourable), and the steps sum to budget − outcome whatever they are. Every cost on the way is rounded to
the öre *before* the difference is taken: the sum is exact to the öre, no step carries a rounding rest, and a step whose cause
is absent is exactly 0.00.

The order decides where the interaction between two causes lands, and is fixed:

| step | from → to | valued at | so it also holds |
|---|---|---|---|
| vacancy | all days → the days with a holder | budgeted degree, wage, PO | – |
| overlap | → every holder's days (two at once: handover) | budgeted degree, wage, PO | – |
| degree | budgeted degree → the holder's | budgeted wage, PO; filled days | degree × vacancy |
| rate | budgeted wage → the holder's | budgeted PO; filled days at the holder's degree | rate × vacancy, rate × degree |
| po | budgeted PO → the month's | the holder's wage | PO × everything above |
| sick_1_14 … leave | less the wage that is not paid | the month's PO | absence × PO |
| extra | plus hours beyond the degree, hourly paid, overtime, OB | the month's PO | extra × PO |
| other | plus severance and the like | the month's PO | – |

A position that is not in the plan has no budget: its whole cost at budgeted PO is (negative) vacancy; its wage and degree have
nothing to be compared with.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from itertools import pairwise

ABSENCE_STEPS = ("sick_1_14", "sick_15_on", "parental", "vab", "leave")

#: Every step, in order.
STEPS = ("vacancy", "overlap", "degree", "rate", "po", *ABSENCE_STEPS, "extra", "other")

ORE = Decimal("0.01")
_ZERO = Decimal(0)
_EXACT = Context(prec=60)


@dataclass(frozen=True)
class Holder:
    """One employment on a position in a month.

    days: calendar days of the month that it covers. wage: full-time monthly wage. po: a share (0.3846). unpaid: wage not paid by
    kind of absence (`absence.AbsenceCost.saved`). extra: pay for hours beyond the degree. other: other pay. Kronor, cost +.
    """

    days: int
    degree: Decimal
    wage: Decimal
    po: Decimal
    unpaid: Mapping[str, Decimal] = field(default_factory=dict)
    extra: Decimal = _ZERO
    other: Decimal = _ZERO


@dataclass(frozen=True)
class PositionMonth:
    """One position in one month. planned_degree 0: not in the plan. planned_wage: full-time monthly wage.

    covered_days: days with at least one holder; by default the holders' days, at most the month's. It matters only where a
    month has both a gap and an overlap, which would cancel out.
    """

    days_in_month: int
    planned_degree: Decimal
    planned_wage: Decimal
    planned_po: Decimal
    holders: Sequence[Holder] = ()
    covered_days: int | None = None


@dataclass(frozen=True)
class Bridge:
    """Budget, outcome (both as cost, +) and the steps between; sum(steps) == budget − outcome, to the öre."""

    budget: Decimal
    outcome: Decimal
    steps: Mapping[str, Decimal]

    @property
    def deviation(self) -> Decimal:
        """Favourable +."""
        return self.budget - self.outcome

    def __add__(self, other: Bridge) -> Bridge:
        steps = {name: self.steps[name] + other.steps[name] for name in STEPS}
        return Bridge(self.budget + other.budget, self.outcome + other.outcome, steps)


EMPTY = Bridge(Decimal("0.00"), Decimal("0.00"), dict.fromkeys(STEPS, Decimal("0.00")))


def position_bridge(month: PositionMonth) -> Bridge:
    """Return the bridge of one position and month.

    Raises:
        ValueError: a holder has more days than the month, or a kind of absence that the bridge has no step for, or the
            covered days cannot be.
    """
    days = month.days_in_month
    for holder in month.holders:
        if not 0 <= holder.days <= days:
            raise ValueError(f"a holder has {holder.days} days of {days}")
        if unknown := set(holder.unpaid) - set(ABSENCE_STEPS):
            raise ValueError(f"no step for {', '.join(sorted(unknown))}")
    covered = month.covered_days
    if covered is not None and not 0 <= covered <= min(days, sum(holder.days for holder in month.holders)):
        raise ValueError(f"{covered} covered days do not fit the holders' days")
    with localcontext(_EXACT):
        return _bridge(month, days)


def _bridge(month: PositionMonth, days: int) -> Bridge:
    holders = month.holders
    filled = sum(holder.days for holder in holders)
    covered = min(filled, days) if month.covered_days is None else month.covered_days
    at_plan = month.planned_wage * (1 + month.planned_po)

    def by_days(sum_over_days: Decimal) -> Decimal:
        return (sum_over_days / days).quantize(ORE, ROUND_HALF_UP)

    by_degree = sum((h.days * h.degree for h in holders), _ZERO)
    by_wage = sum((h.days * h.degree * h.wage for h in holders), _ZERO) * (1 + month.planned_po)
    by_po = sum((h.days * h.degree * h.wage * (1 + h.po) for h in holders), _ZERO)
    budget = by_days(days * month.planned_degree * at_plan)
    costs = [budget]
    if month.planned_degree:
        costs.append(by_days(covered * month.planned_degree * at_plan))
        costs.append(by_days(filled * month.planned_degree * at_plan))
        costs.append(by_days(by_degree * at_plan))
    else:
        costs += [by_days(by_wage)] * 3
    costs.append(by_days(by_wage))
    costs.append(by_days(by_po))
    so_far = by_po
    for kind in ABSENCE_STEPS:
        so_far -= sum((h.unpaid.get(kind, _ZERO) * (1 + h.po) for h in holders), _ZERO) * days
        costs.append(by_days(so_far))
    for pay in ("extra", "other"):
        so_far += sum((getattr(h, pay) * (1 + h.po) for h in holders), _ZERO) * days
        costs.append(by_days(so_far))
    steps = {name: before - after for name, (before, after) in zip(STEPS, pairwise(costs), strict=True)}
    return Bridge(budget, costs[-1], steps)


def total(bridges: Iterable[Bridge]) -> Bridge:
    """Return the sum over positions and months."""
    return sum(bridges, EMPTY)


@dataclass(frozen=True)
class Reconciled:
    """A unit's bridge tied to the ledger. Everything favourable +; the parts sum to `deviation` to the öre.

    budget_rest: personnel budget that no position explains (or positions beyond the budget). unexplained: what the ledger has
    beyond what HR explains: accruals, vacation liability, corrections. hired_staff: the deviation of hired temporary staff on
    the line of other external costs; it is outside `deviation`, and `net_staffing` is the two together.
    """

    deviation: Decimal
    steps: Mapping[str, Decimal]
    budget_rest: Decimal
    unexplained: Decimal
    hired_staff: Decimal

    @property
    def net_staffing(self) -> Decimal:
        """What staffing did to the result: the personnel line and the hired staff that stood in."""
        return self.deviation + self.hired_staff


def reconcile(
    bridge: Bridge,
    *,
    ledger_budget: Decimal,
    ledger_outcome: Decimal,
    hired_budget: Decimal = _ZERO,
    hired_outcome: Decimal = _ZERO,
) -> Reconciled:
    """Tie a bridge to the ledger's personnel line (class 5) and its hired staff (class 75). Costs +, kronor and öre."""
    return Reconciled(
        deviation=ledger_budget - ledger_outcome,
        steps=bridge.steps,
        budget_rest=ledger_budget - bridge.budget,
        unexplained=bridge.outcome - ledger_outcome,
        hired_staff=hired_budget - hired_outcome,
    )
