"""What absence saves: the wage that is not paid, by spell, month and kind, under the rules in force that day.

What belongs here: sick pay (karensdag, karensavdrag, relapse, the limit of ten), days 15 and on, parental leave with its top-up,
care of child, other leave. What does not: on-cost (sick pay carries it too, so the bridge puts it on top), which spells count
(`readers.people`), the rules' values (`rules`).

Method. For every absent day: *lost* is the pay that the employee would have had, *paid* what the employer pays anyway, *saved*
the difference, at least 0.

- Sick, days 1–14 of a sick period (sjukperiod), by working time: lost = wage × 12 / 52 × absent hours / weekly hours;
  paid = 80 % of lost. Until 2018 nothing is paid for day 1 (karensdag). From 2019 all days are paid and 20 % of an average
  week's sick pay is deducted once, never more than the sick pay so far (karensavdrag). Which of the two is decided by the day
  the sick period begins.
- The period begins on the first day with scheduled time. A spell that begins within five days of the end of the one before
  continues its period: no new waiting, and the sick days (only those) are counted on. After ten waitings in twelve months
  there is no more.
- Sick, day 15 and on, by the calendar: lost = wage × extent × 1 / days of the month; paid = the employer's top-up: one share
  below the ceiling of the social insurance, a higher one above it, up to day 90.
- Parental leave: by the calendar; the top-up during the first 180 days within 24 months, after 180 days of employment. The file
  does not say which child a leave is for: the days are counted per employment from the first day of leave, and a new count
  begins 24 months after it.
- Care of child (vab): by working time, a whole month by the calendar; nothing paid. Other leave: nothing paid. Parental and
  other leave of at most five work days are lost by working time, longer ones by the calendar.
- Vacation and paid leave: nothing is saved.

What is lost in a month is never more than the month's wage. Public holidays are working days unless a schedule says otherwise.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from orchestration.people.rules import Rules, load_rules

ORE = Decimal("0.01")
FULL_TIME_HOURS = Decimal(40)

#: The kinds the bridge shows, in its order.
KINDS = ("sick_1_14", "sick_15_on", "parental", "vab", "leave", "paid_leave")

_ZERO = Decimal(0)
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Spell:
    """One resolved absence spell of one employment. Either extent (share of the working time) or hours (a single day)."""

    cause: str
    start: date
    end: date
    extent: Decimal = Decimal(1)
    hours: Decimal | None = None


@dataclass(frozen=True)
class Terms:
    """Wage and degree from a day on. wage: full-time monthly wage. weekly_hours: the employee's own, default 40 × degree."""

    valid_from: date
    wage: Decimal
    degree: Decimal = Decimal(1)
    weekly_hours: Decimal | None = None

    @property
    def monthly(self) -> Decimal:
        """The month's wage at this degree."""
        return self.wage * self.degree

    @property
    def hours(self) -> Decimal:
        """Hours in an average week."""
        return self.weekly_hours if self.weekly_hours is not None else FULL_TIME_HOURS * self.degree


@dataclass
class AbsenceCost:
    """What one spell saves in one month, one kind. Kronor, rounded to the öre; saved = lost − paid exactly.

    waiting is the part of the sick pay that karens took. calendar_days and hours describe the absence, hours only where it is
    counted by working time.
    """

    spell: int
    month: str
    kind: str
    calendar_days: int = 0
    hours: Decimal = _ZERO
    lost: Decimal = _ZERO
    paid: Decimal = _ZERO
    waiting: Decimal = _ZERO

    @property
    def saved(self) -> Decimal:
        """The wage that is not paid: w in the bridge."""
        return self.lost - self.paid


@dataclass
class _SickPeriod:
    begins: date
    ends: date
    waits: bool
    by_day: bool
    days: int = 0
    left: Decimal | None = None  # of the karensavdrag


def absence_cost(
    spells: Sequence[Spell],
    terms: Sequence[Terms],
    *,
    rules: Rules | None = None,
    schedule: Mapping[date, Decimal] | None = None,
    employed_from: date | None = None,
    exempt_from_waiting: bool = False,
) -> list[AbsenceCost]:
    """Return what the spells of one employment save, by spell, month and kind.

    spells: resolved (no overlaps beyond full time), with enough history before the months of interest: relapses reach five
    days back, the limit of ten waitings twelve months, the parental days 24 months. terms: sorted by `valid_from`, the first at
    or before the first spell. schedule: hours by day where it is known; for every other day the week's hours are spread over
    Monday to Friday. exempt_from_waiting: special protection (särskilt högriskskydd).

    Raises:
        MissingRate: a rule or rate is needed for a date that no source covers.
        ValueError: no terms apply on a day of absence.
    """
    run = _Run(terms, rules or load_rules(), schedule or {}, employed_from, exempt_from_waiting)
    for number, spell in sorted(enumerate(spells), key=lambda item: (item[1].start, item[1].end, item[0])):
        run.take(number, spell)
    return run.result()


class _Run:
    def __init__(
        self,
        terms: Sequence[Terms],
        rules: Rules,
        schedule: Mapping[date, Decimal],
        employed_from: date | None,
        exempt: bool,
    ) -> None:
        self.terms = sorted(terms, key=lambda t: t.valid_from)
        self.rules, self.schedule, self.employed_from, self.exempt = rules, schedule, employed_from, exempt
        self.costs: dict[tuple[int, str, str], AbsenceCost] = {}
        self.lost_in_month: dict[str, Decimal] = {}
        self.period: _SickPeriod | None = None
        self.waited: list[date] = []
        self.parental_from: date | None = None
        self.parental_days = 0

    def take(self, number: int, spell: Spell) -> None:
        """Add one spell, in order of its first day."""
        if spell.cause == "sick":
            self._sick(number, spell)
        elif spell.cause in ("parental", "leave"):
            self._leave(number, spell)
        else:
            kind = "vab" if spell.cause == "vab" else "paid_leave"
            for day in _days(spell):
                by_hours = not _covers_month(spell, day)
                lost = self._lost_by_hours(day, spell) if by_hours else self._lost_by_calendar(day, spell)
                self._add(number, kind, day, spell, lost, _ZERO if kind == "vab" else lost, by_hours=by_hours)

    def result(self) -> list[AbsenceCost]:
        """Return the months in order, rounded to the öre."""
        costs = sorted(self.costs.values(), key=lambda c: (c.month, c.spell, KINDS.index(c.kind)))
        for cost in costs:
            cost.lost, cost.paid, cost.waiting = (_ore(value) for value in (cost.lost, cost.paid, cost.waiting))
        return costs

    # sickness

    def _sick(self, number: int, spell: Spell) -> None:
        relapse = int(self.rules.number("sick.relapse_days", spell.start))
        if self.period is not None and (spell.start - self.period.ends).days > relapse:
            self.period = None
        for day in _days(spell):
            if self.period is None:
                if not self._scheduled(day):
                    continue  # the sick period begins when the employee stays away from work
                self.period = self._new_period(day)
            self.period.days += 1
            self.period.ends = day
            if self.period.days <= int(self.rules.number("sick.employer_days", self.period.begins)):
                self._sick_pay_day(number, day, spell, self.period)
            else:
                lost = self._lost_by_calendar(day, spell)
                below, above = self._split("sick.ceiling", day, lost)
                paid = _ZERO
                if self.period.days <= int(self.rules.number("sick.topup_last_day", day)):
                    paid = below * self.rules.number("sick.topup_below", day)
                    if above:
                        paid += above * self.rules.number("sick.topup_above", day)
                self._add(number, "sick_15_on", day, spell, lost, paid)

    def _new_period(self, day: date) -> _SickPeriod:
        months = int(self.rules.number("sick.max_waiting_months", day))
        recent = [begun for begun in self.waited if begun >= _months_before(day, months)]
        waits = not self.exempt and len(recent) < int(self.rules.number("sick.max_waiting", day))
        if waits:
            self.waited.append(day)
        by_day = self.rules.at("sick.waiting_method", day).value == "day"
        period = _SickPeriod(day, day, waits, by_day)
        if waits and not by_day:
            week = self._terms(day).monthly * 12 / 52
            share = self.rules.number("sick.waiting_share_of_week", day) * self.rules.number("sick.pay_share", day)
            period.left = week * share
        return period

    def _sick_pay_day(self, number: int, day: date, spell: Spell, period: _SickPeriod) -> None:
        lost = self._lost_by_hours(day, spell)
        pay = lost * self.rules.number("sick.pay_share", period.begins)
        waiting = _ZERO
        if period.waits and period.by_day and period.days == 1:
            waiting = pay
        elif period.left:
            waiting = min(period.left, pay)
            period.left -= waiting
        self._add(number, "sick_1_14", day, spell, lost, pay - waiting, waiting, by_hours=True)

    # leave

    def _leave(self, number: int, spell: Spell) -> None:
        limit = int(self.rules.number("leave.work_day_limit", spell.start))
        work_days = 0
        for day in _days(spell):
            work_days += bool(self._scheduled(day))
            if work_days > limit:
                break
        by_hours = spell.hours is not None or work_days <= limit
        qualified = self._qualified(spell.start) if spell.cause == "parental" else False
        for day in _days(spell):
            lost = self._lost_by_hours(day, spell) if by_hours else self._lost_by_calendar(day, spell)
            paid = self._parental_topup(day, lost) if qualified else _ZERO
            self._add(number, spell.cause, day, spell, lost, paid, by_hours=by_hours)

    def _qualified(self, start: date) -> bool:
        if self.employed_from is None:
            return True
        return (start - self.employed_from).days >= int(self.rules.number("parental.qualifying_days", start))

    def _parental_topup(self, day: date, lost: Decimal) -> Decimal:
        months = int(self.rules.number("parental.topup_months", day))
        if self.parental_from is None or _months_before(day, months) >= self.parental_from:
            self.parental_from, self.parental_days = day, 0
        self.parental_days += 1
        if self.parental_days > int(self.rules.number("parental.topup_days", day)) or not lost:
            return _ZERO
        _, above = self._split("parental.ceiling", day, lost)
        paid = lost * self.rules.number("parental.topup_share", day)
        return paid + above * self.rules.number("parental.topup_above", day) if above else paid

    # pay of a day

    def _terms(self, day: date) -> Terms:
        found = None
        for terms in self.terms:
            if terms.valid_from > day:
                break
            found = terms
        if found is None:
            raise ValueError(f"no terms of employment on {day}")
        return found

    def _scheduled(self, day: date) -> Decimal:
        known = self.schedule.get(day)
        if known is not None:
            return known
        return self._terms(day).hours / 5 if day.weekday() < 5 else _ZERO

    def _absent_hours(self, day: date, spell: Spell) -> Decimal:
        scheduled = self._scheduled(day)
        if spell.hours is None:
            return scheduled * spell.extent
        return min(spell.hours, scheduled) if scheduled else spell.hours

    def _lost_by_hours(self, day: date, spell: Spell) -> Decimal:
        terms = self._terms(day)
        if not terms.hours:
            return _ZERO
        return terms.monthly * 12 * self._absent_hours(day, spell) / (52 * terms.hours)

    def _lost_by_calendar(self, day: date, spell: Spell) -> Decimal:
        extent = spell.extent
        if spell.hours is not None:
            scheduled = self._scheduled(day)
            extent = min(Decimal(1), spell.hours / scheduled) if scheduled else _ZERO
        return self._terms(day).monthly * extent / monthrange(day.year, day.month)[1]

    def _split(self, ceiling: str, day: date, lost: Decimal) -> tuple[Decimal, Decimal]:
        """Split lost pay at the ceiling of the social insurance, in the proportion of the month's wage."""
        monthly = self._terms(day).monthly
        limit = self.rules.number(ceiling, day) * self.rules.base_amount(day.year) / 12
        if monthly <= limit:
            return lost, _ZERO
        above = lost * (monthly - limit) / monthly
        return lost - above, above

    def _add(
        self,
        number: int,
        kind: str,
        day: date,
        spell: Spell,
        lost: Decimal,
        paid: Decimal,
        waiting: Decimal = _ZERO,
        *,
        by_hours: bool = False,
    ) -> None:
        month = f"{day:%Y-%m}"
        room = self._terms(day).monthly - self.lost_in_month.get(month, _ZERO)
        if lost > room:  # the last days of a wholly absent month: hours and calendar days do not add up to the month
            paid, waiting, lost = (value * max(room, _ZERO) / lost for value in (paid, waiting, lost))
        self.lost_in_month[month] = self.lost_in_month.get(month, _ZERO) + lost
        key = (number, month, kind)
        cost = self.costs.get(key)
        if cost is None:
            cost = self.costs[key] = AbsenceCost(number, month, kind)
        cost.calendar_days += 1
        cost.hours += self._absent_hours(day, spell) if by_hours else _ZERO
        cost.lost += lost
        cost.paid += paid
        cost.waiting += waiting


def _days(spell: Spell) -> Iterable[date]:
    day = spell.start
    while day <= spell.end:
        yield day
        day += _ONE_DAY


def _covers_month(spell: Spell, day: date) -> bool:
    last = monthrange(day.year, day.month)[1]
    return spell.hours is None and spell.start <= day.replace(day=1) and day.replace(day=last) <= spell.end


def _months_before(day: date, months: int) -> date:
    number = day.year * 12 + day.month - 1 - months
    year, month = divmod(number, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _ore(value: Decimal) -> Decimal:
    return value.quantize(ORE, ROUND_HALF_UP)
