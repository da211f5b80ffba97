"""The staff register: positions, employments, absence, and the payroll that follows from them.

What belongs here: who is employed where at which wage, who is away and why, and what each person costs each month. The HR exports
and the ledger's payroll vouchers are both made from this, so that they reconcile. What does not: vouchers, budget rows.

The rules of absence are those of `orchestration.people.absence`, called, not repeated: the demo's payroll system and avvik agree
on what a sick day costs, and what differs between payroll and ledger is planted. Employer contributions and pensions (PO) come on
top by rate and month (`data/po_rates.csv`), rounded person by person. Amounts are öre, cost positive.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache

from orchestration.demo.calibration import Target, apportion
from orchestration.demo.municipality import (
    ALL_MONTHS,
    OFFICE,
    Organisation,
    chance,
    first_day,
    last_day,
    months,
    table,
)
from orchestration.people.absence import Spell, Terms, absence_cost

#: Accounts of the payroll (Kommun-Bas class 5). Everything but travel claims carries PO.
WAGE, HOURLY, OVERTIME, SICK_PAY, SICK_TOP_UP, PARENTAL, TRAVEL = "5021", "5022", "5031", "5111", "5112", "5121", "5511"
FEES = "5011"
#: Wage types (lönearter): number → (name on the pay slip, account). Deductions are negative rows on the account of the wage.
MONTHLY = "1100"
WAGE_TYPES = {
    MONTHLY: ("Månadslön", WAGE),
    "1200": ("Timlön", HOURLY),
    "1310": ("Övertid och fyllnadstid", OVERTIME),
    "1400": ("Arvode", FEES),
    "2100": ("Sjukavdrag dag 1-14", WAGE),
    "2110": ("Sjuklön dag 2-14", SICK_PAY),
    "2150": ("Sjukavdrag från dag 15", WAGE),
    "2160": ("Sjuklön från dag 15", SICK_TOP_UP),
    "2200": ("Avdrag föräldraledighet", WAGE),
    "2210": ("Föräldralön", PARENTAL),
    "2300": ("Avdrag vård av barn", WAGE),
    "4100": ("Bilersättning", TRAVEL),
}
#: Wage type of the deduction and of what is paid anyway, by kind of absence.
_ABSENCE_TYPES = {
    "sick_1_14": ("2100", "2110"),
    "sick_15_on": ("2150", "2160"),
    "parental": ("2200", "2210"),
    "vab": ("2300", ""),
}
#: avvik's causes by PAXml's codes.
CAUSES = {"SJK": "sick", "FPE": "parental", "VAB": "vab"}

#: Salary review (löneöversyn) on 1 April; the wage in `data` is the one after the review of 2014.
_REVIEWS = ((date(1990, 1, 1), -2), (date(2013, 4, 1), -1), (date(2014, 4, 1), 0), (date(2015, 4, 1), 1))
REVIEW = 1.028
#: What the office's budget leaves per month for personnel cost beside positions (travel, wellness), kr.
OTHER_PER_MONTH = {2013: 24_000, 2014: 25_000, 2015: 26_000}
_SICK_SEASON = (1.4, 1.6, 1.2, 0.9, 0.8, 0.6, 0.4, 0.7, 1.0, 1.1, 1.2, 1.2)
#: Elected members' fees by unit that pays them, kr a month.
_FEES = {"20010": 92_000, "30010": 88_000, "31010": 61_000, "35010": 24_000, "36010": 29_000, "37010": 27_000}
#: Above this monthly wage parental pay follows a share without a source (`parental.topup_above`): nobody is drawn there.
_PARENTAL_CEILING = 37_000
_SPELL_DAYS = (1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 5, 8, 12)


@cache
def po_rates(period: str) -> tuple[tuple[str, int], ...]:
    """Return (account, hundredths of a percent) of each PO component in force in a period."""
    day = first_day(period).isoformat()
    return tuple(
        (r["account"], round(float(r["percent"]) * 100))
        for r in table("po_rates")
        if r["valid_from"] <= day <= (r["valid_to"] or "9999")
    )


def po_share(period: str) -> float:
    """Return the whole PO as a share of the wage (0.3846)."""
    return sum(points for _, points in po_rates(period)) / 10_000


def po_amounts(base: int, period: str) -> list[tuple[str, int]]:
    """Return (account, öre) of each PO component on a base, each rounded half up to the öre."""
    return [(account, (base * points + 5_000) // 10_000) for account, points in po_rates(period)]


@dataclass
class Position:
    """One post of the staffing plan (personalstat). wage: full-time kr a month after the review of 2014.

    budget_wage: the wage the budget of a year counts with, kr a month full-time.
    """

    id: str
    unit: str
    title: str
    degree: float
    wage: int
    valid_from: date
    valid_to: date
    budget_wage: dict[int, int] = field(default_factory=dict)

    def planned(self, period: str) -> float:
        """Return the degree that the plan has in a month, 0 outside the post's validity."""
        return self.degree if self.valid_from <= last_day(period) and first_day(period) <= self.valid_to else 0.0


@dataclass
class Person:
    """One employee. Demo people: the birth date and sex exist so that HR exports can be made."""

    id: str
    born: date
    sex: str


@dataclass
class Employment:
    """One person's holding of a position, with degree and wage (full-time kr a month) over time."""

    person: str
    position: str
    unit: str
    title: str
    degree: float
    wages: list[tuple[date, int]]
    valid_from: date
    valid_to: date

    def wage(self, period: str) -> int:
        """Return the full-time wage in force on the period's first day."""
        day = first_day(period)
        return next(amount for start, amount in reversed(self.wages) if start <= day)

    def wage_spans(self) -> list[tuple[date, date, int]]:
        """Return (first day, last day, wage) of each span of unchanged terms within the employment."""
        starts = [start for start, _ in self.wages[1:]] + [date.max]
        return [
            (max(start, self.valid_from), min(following - timedelta(days=1), self.valid_to), wage)
            for (start, wage), following in zip(self.wages, starts, strict=True)
            if start <= self.valid_to and following > self.valid_from
        ]


@dataclass
class Absence:
    """One spell: cause by PAXml's codes (SJK sickness, FPE parental leave, VAB care of child), extent 1 = whole time."""

    person: str
    cause: str
    extent: float
    valid_from: date
    valid_to: date


@dataclass
class PayrollRow:
    """One row of a pay slip (a wage type of one person and month), öre, before PO; deductions are negative."""

    period: str
    person: str
    position: str
    unit: str
    wage_type: str
    amount: int

    @property
    def account(self) -> str:
        """The account of the wage type."""
        return WAGE_TYPES[self.wage_type][1]


@dataclass
class Staff:
    """Everything HR knows. payroll is by period."""

    positions: list[Position]
    people: dict[str, Person]
    employments: list[Employment]
    absences: list[Absence]
    payroll: dict[str, list[PayrollRow]]

    def by_unit(self, period: str) -> dict[str, dict[str, int]]:
        """Return öre by unit and account of a period's payroll, PO included."""
        result: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for row in self.payroll[period]:
            result[row.unit][row.account] += row.amount
        for (_, unit), base in self.po_bases(period).items():
            for account, po in po_amounts(base, period):
                result[unit][account] += po
        return {unit: {account: amount for account, amount in accounts.items() if amount} for unit, accounts in result.items()}

    def po_bases(self, period: str) -> dict[tuple[str, str], int]:
        """Return öre that PO is counted on by person and unit: everything but travel claims."""
        result: dict[tuple[str, str], int] = defaultdict(int)
        for row in self.payroll[period]:
            if row.account != TRAVEL:
                result[row.person, row.unit] += row.amount
        return result


def round50(value: float) -> int:
    """Return an amount rounded to 50 kr, as wages are set."""
    return round(value / 50) * 50


def _positions(seed: int, organisation: Organisation, targets: dict[str, Target]) -> list[Position]:
    """Read the office's posts, draw the other offices', and scale the office's wages to its budgets."""
    far_past, far_future = date(2010, 1, 1), date(2030, 12, 31)
    office, others = [], []
    for r in table("klk_positions"):
        rng = chance(seed, "position", r["position"])
        office.append(
            Position(
                id=r["position"],
                unit=r["unit"],
                title=r["title"],
                degree=float(r["degree"]),
                wage=round50(int(r["wage"]) * rng.uniform(0.97, 1.03)),
                valid_from=date.fromisoformat(r["valid_from"]) if r["valid_from"] else far_past,
                valid_to=date.fromisoformat(r["valid_to"]) if r["valid_to"] else far_future,
            )
        )
    templates = table("office_staff")
    for unit in organisation.ansvar.values():
        number = 0
        for r in templates:
            if r["type"] != unit.type:
                continue
            count = max(1, round(int(r["count"]) * unit.size)) if int(r["count"]) > 1 else int(r["count"])
            for _ in range(count):
                number += 1
                rng = chance(seed, "position", unit.code, number)
                others.append(
                    Position(
                        id=f"{unit.code}-{number:02d}",
                        unit=unit.code,
                        title=r["title"],
                        degree=float(r["degree"]),
                        wage=round50(int(r["wage"]) * rng.uniform(0.94, 1.07)),
                        valid_from=max(unit.valid_from, far_past),
                        valid_to=unit.valid_to or far_future,
                    )
                )
    for year, report_period in ((2015, "2015-03"), (2013, "2013-08")):
        period_months = months(f"{year}-01", report_period)
        units = set(organisation.units(OFFICE, report_period))
        target = targets[report_period].kr("personnel", "budget_period") - OTHER_PER_MONTH[year] * len(period_months)
        planned = sum(p.planned(m) * p.wage * (1 + po_share(m)) for p in office if p.unit in units for m in period_months)
        for p in office:
            p.budget_wage[year] = round50(p.wage * target / planned)
    for p in office:
        p.wage = p.budget_wage[2015]
    for p in (*office, *others):
        for year, level in ((2013, -1), (2014, 0), (2015, 0)):
            # A budget year counts with three months at the old wage and nine at the new, except 2015, where the review is a pool.
            part = 1.0 if year == 2015 else (0.25 / REVIEW + 0.75)
            p.budget_wage.setdefault(year, round50(p.wage * REVIEW**level * part))
    return office + others


def _wages(position: Position, share: float, calibrated: bool) -> list[tuple[date, int]]:
    wages = [(start, round50(position.wage * share * REVIEW**level)) for start, level in _REVIEWS]
    if calibrated:  # the office's wages of 2013 follow its budget of 2013
        after = position.budget_wage[2013] / (0.25 / REVIEW + 0.75) * share
        wages[0] = (wages[0][0], round50(after / REVIEW))
        wages[1] = (wages[1][0], round50(after))
    return wages


def _employments(seed: int, positions: list[Position]) -> tuple[list[Employment], dict[str, Person]]:
    exceptions: dict[str, list[dict[str, str]]] = defaultdict(list)
    for r in table("klk_employments"):
        exceptions[r["position"]].append(r)
    office_positions = {r["position"] for r in table("klk_positions")}
    employments: list[Employment] = []
    people: dict[str, Person] = {}

    def person(key: str) -> str:
        rng = chance(seed, "person", key)
        if key not in people:
            born = date(1950, 1, 1) + timedelta(days=rng.randrange(41 * 365))
            people[key] = Person(id=f"A{10_000 + len(people)}", born=born, sex="K" if rng.random() < 0.77 else "M")
        return people[key].id

    for p in positions:
        calibrated = p.id in office_positions
        rows = exceptions.get(p.id)
        if rows:
            for r in rows:
                employments.append(
                    Employment(
                        person=person(f"{p.id}{r['person']}"),
                        position=p.id,
                        unit=p.unit,
                        title=p.title,
                        degree=round(float(r["degree"]) * p.degree, 4),
                        wages=_wages(p, float(r["wage_share"]), calibrated),
                        valid_from=max(date.fromisoformat(r["valid_from"]) if r["valid_from"] else p.valid_from, p.valid_from),
                        valid_to=min(date.fromisoformat(r["valid_to"]) if r["valid_to"] else p.valid_to, p.valid_to),
                    )
                )
            continue
        spans = [(p.valid_from, p.valid_to)]
        rng = chance(seed, "turnover", p.id)
        if not calibrated and rng.random() < 0.22:  # one change of holder in the years shown, with a vacancy between
            leaves = date(2013, 2, 1) + timedelta(days=rng.randrange(700))
            spans = [(p.valid_from, leaves), (leaves + timedelta(days=rng.randrange(5, 90)), p.valid_to)]
        for number, (start, end) in enumerate(spans):
            if start <= end:
                employments.append(
                    Employment(
                        person=person(f"{p.id}{number}"),
                        position=p.id,
                        unit=p.unit,
                        title=p.title,
                        degree=p.degree,
                        wages=_wages(p, 1.0 if number == 0 else rng.choice((0.97, 0.98, 1.0, 1.02)), calibrated),
                        valid_from=start,
                        valid_to=end,
                    )
                )
    return employments, {p.id: p for p in people.values()}


def _absences(seed: int, employments: list[Employment]) -> list[Absence]:
    planned: dict[str, list[dict[str, str]]] = defaultdict(list)
    for r in table("klk_absences"):
        planned[r["position"]].append(r)
    office_positions = {r["position"] for r in table("klk_positions")}
    result = []
    for e in employments:
        spells = []
        for r in planned.get(e.position, ()):
            start, end = date.fromisoformat(r["valid_from"]), date.fromisoformat(r["valid_to"])
            if e.valid_from <= start and end <= e.valid_to:
                spells.append(Absence(e.person, r["cause"], float(r["extent"]), start, end))
        rng = chance(seed, "absence", e.person, e.position, e.valid_from)
        office = e.position in office_positions
        long_sick, parental = (0.0, 0.0) if office else (0.0035, 0.002)
        for period in ALL_MONTHS:
            start_of, end_of = first_day(period), last_day(period)
            draws = (rng.random(), rng.random(), rng.random(), rng.random(), rng.randrange(1, 28))
            if e.valid_from > start_of or e.valid_to < end_of:
                continue
            start = start_of + timedelta(days=draws[4])
            start -= timedelta(days=max(0, start.weekday() - 4))
            if draws[0] < long_sick:
                spell = Absence(e.person, "SJK", 1.0, start, start + timedelta(days=rng.randrange(25, 120)))
            elif draws[1] < parental and e.wages[-1][1] * e.degree < _PARENTAL_CEILING:
                spell = Absence(e.person, "FPE", 1.0, start, start + timedelta(days=rng.randrange(150, 320)))
            elif draws[2] < (0.09 if office else 0.12) * _SICK_SEASON[int(period[5:]) - 1]:
                spell = Absence(e.person, "SJK", 1.0, start, start + timedelta(days=rng.choice(_SPELL_DAYS) - 1))
            elif draws[3] < 0.03:
                spell = Absence(e.person, "VAB", 1.0, start, start + timedelta(days=rng.randrange(3)))
            else:
                continue
            end = min(spell.valid_to, e.valid_to)
            if end < last_day(f"{end:%Y-%m}") and end == e.valid_to:  # nobody is ill in the month that they leave
                end = first_day(f"{end:%Y-%m}") - timedelta(days=1)
            gap = timedelta(days=6)
            if all(end + gap < other.valid_from or other.valid_to + gap < start for other in spells):
                spells.append(Absence(e.person, spell.cause, spell.extent, start, end))
        result.extend(sorted(spells, key=lambda spell: spell.valid_from))
    return result


def _ore(kronor: Decimal) -> int:
    return int((kronor * 100).quantize(Decimal(1), ROUND_HALF_UP))


def _payroll(employments: list[Employment], absences: list[Absence]) -> dict[str, list[PayrollRow]]:
    """Pay the monthly paid: the wage of the days employed, less what absence takes, plus what is paid during absence."""
    spells: dict[str, list[Spell]] = defaultdict(list)
    for a in absences:
        spells[a.person].append(Spell(CAUSES[a.cause], a.valid_from, a.valid_to, Decimal(str(a.extent))))
    held: dict[str, list[Employment]] = defaultdict(list)
    for e in employments:
        held[e.person].append(e)
    result: dict[str, list[PayrollRow]] = {period: [] for period in ALL_MONTHS}
    for person, spans in held.items():
        terms = [
            Terms(start, Decimal(wage), Decimal(str(e.degree)))
            for e in sorted(spans, key=lambda e: e.valid_from)
            for start, _, wage in e.wage_spans()
        ]
        costs = defaultdict(list)
        for cost in absence_cost(spells[person], terms, employed_from=min(e.valid_from for e in spans)):
            costs[cost.month].append(cost)
        for period in ALL_MONTHS:
            start_of, end_of = first_day(period), last_day(period)
            amounts: dict[str, int] = defaultdict(int)
            for e in spans:
                start, end = max(e.valid_from, start_of), min(e.valid_to, end_of)
                if start <= end:
                    days = Decimal((end - start).days + 1)
                    amounts[MONTHLY] += _ore(e.wage(period) * Decimal(str(e.degree)) * days / end_of.day)
            if not amounts:
                continue
            for cost in costs[period]:
                deduction, pay = _ABSENCE_TYPES[cost.kind]
                amounts[deduction] -= _ore(cost.lost)
                amounts[pay] += _ore(cost.paid)
            result[period] += [
                PayrollRow(period, person, spans[0].position, spans[0].unit, wage_type, amount)
                for wage_type, amount in amounts.items()
                if amount
            ]
    return result


def _extra(seed: int, organisation: Organisation, payroll: dict[str, list[PayrollRow]]) -> list[PayrollRow]:
    """Draw hourly staff, overtime and travel claims: a little everywhere, more where people are away."""
    result = []
    for period in ALL_MONTHS:
        members: dict[str, list[PayrollRow]] = defaultdict(list)
        away: dict[str, int] = defaultdict(int)
        for row in payroll[period]:
            if row.account == WAGE and row.wage_type != MONTHLY:
                away[row.person] -= row.amount
        for row in payroll[period]:
            if row.wage_type == MONTHLY and away[row.person] < row.amount // 2:
                members[row.unit].append(row)
        for unit, rows in members.items():
            rng = chance(seed, "extra", unit, period)
            office = organisation.ansvar[unit].type == "klk"
            wages = sum(row.amount for row in rows)
            if not office and len(rows) > 5:
                number = max(1, len(rows) // 12)
                for i in range(number):
                    amount = round(wages * 0.045 / number * rng.uniform(0.6, 1.4))
                    result.append(PayrollRow(period, f"T{unit}{i + 1}", "", unit, "1200", amount))
            if office and unit in ("0120", "0150", "0180"):
                result.append(PayrollRow(period, f"T{unit}1", "", unit, "1200", round(rng.uniform(5_000, 11_000)) * 100))
            for row in rng.sample(rows, min(len(rows), 2)):
                amount = round(row.amount * rng.uniform(0.02, 0.09))
                result.append(PayrollRow(period, row.person, row.position, unit, "1310", amount))
            if unit in _FEES:
                amount = round(_FEES[unit] * rng.uniform(0.85, 1.15)) * 100
                result.append(PayrollRow(period, f"F{unit}", "", unit, "1400", amount))
            row = rng.choice(rows)
            result.append(PayrollRow(period, row.person, row.position, unit, "4100", round(rng.uniform(300, 1900) * 100)))
    return result


def build_staff(
    seed: int, organisation: Organisation, targets: dict[str, Target], other_personnel: dict[str, int]
) -> tuple[Staff, dict[str, float]]:
    """Return the staff and, by report period, the factor on the office's extra hours that takes personnel cost to the target.

    other_personnel: öre that the office has on class 5 in the period beside payroll (wellness invoices).

    Raises:
        ArithmeticError: the facts leave no room for extra hours: the register and the printed outcome contradict each other.
    """
    positions = _positions(seed, organisation, targets)
    employments, people = _employments(seed, positions)
    absences = _absences(seed, employments)
    payroll = _payroll(employments, absences)
    extra = _extra(seed, organisation, payroll)
    for i, person in enumerate(sorted({row.person for row in extra if row.person[0] in "TF"})):
        rng = chance(seed, "person", person)
        people[person] = Person(person, date(1955, 1, 1) + timedelta(days=rng.randrange(38 * 365)), "K" if i % 4 else "M")
    for row in extra:
        payroll[row.period].append(row)
    staff = Staff(positions, people, employments, absences, payroll)
    factors = {}
    for report_period, target in targets.items():
        window = months(f"{report_period[:4]}-01", report_period)
        units = set(organisation.units(OFFICE, report_period))
        rows = [row for period in window for row in payroll[period] if row.unit in units]
        hours = [row for row in rows if row.account in (HOURLY, OVERTIME)]
        left = target.kr("personnel", "outcome_period") * 100 - other_personnel[report_period]
        for row in rows:
            if row.account not in (HOURLY, OVERTIME):
                left -= row.amount if row.account == TRAVEL else round(row.amount * (1 + po_share(row.period)))
        wanted = round(left / (1 + po_share(report_period)))
        had = sum(row.amount for row in hours)
        factors[report_period] = wanted / had
        if not 0.2 < wanted / had < 5:
            raise ArithmeticError(
                f"{report_period}: extra hours would be {wanted / 100:.0f} kr where {had / 100:.0f} is usual: "
                "change data/klk_employments.csv or klk_absences.csv"
            )
        for row, amount in zip(hours, apportion(wanted, [row.amount for row in hours]), strict=True):
            row.amount = amount
        # PO is rounded per unit and month; the last öre go to the travel claims, which are odd amounts anyway.
        total = other_personnel[report_period]
        for period in window:
            total += sum(sum(accounts.values()) for unit, accounts in staff.by_unit(period).items() if unit in units)
        claims = [row for row in rows if row.account == TRAVEL]
        had = sum(row.amount for row in claims)
        wanted = had + target.kr("personnel", "outcome_period") * 100 - total
        for row, amount in zip(claims, apportion(wanted, [row.amount for row in claims]), strict=True):
            row.amount = amount
    return staff, factors


def planned_wages(staff: Staff, units: set[str], period: str) -> dict[str, int]:
    """Return kr by unit that the staffing plan costs in a month at the budget's wages, before PO."""
    year = int(period[:4])
    result: dict[str, float] = defaultdict(float)
    for p in staff.positions:
        if p.unit in units:
            result[p.unit] += p.planned(period) * p.budget_wage[year]
    return {unit: round(amount) for unit, amount in result.items()}
