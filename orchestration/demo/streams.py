"""Recurring and irregular business: who buys what from whom, and the events that come of it month by month.

What belongs here: streams (agreements, habits, fees, rents, internal trade) read from `data/`, the events they give with amount
and day, and the calibration of the office's irregular events to the printed outcome. What does not: double entry, payroll.

Amounts of events are öre, positive in the stream's own direction (a cost's cost, an income's income); credits are negative.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from typing import Any

from orchestration.demo.calibration import Target, apportion, line_of
from orchestration.demo.municipality import (
    ALL_MONTHS,
    FIRST,
    LAST,
    OFFICE,
    Organisation,
    chance,
    first_day,
    last_day,
    months,
    shift,
    table,
    weekday,
)
from orchestration.demo.planted import OMISSIONS

SEASONS: dict[str, tuple[float, ...]] = {
    "flat": (1,) * 12,
    "heat": (1.65, 1.5, 1.3, 1.0, 0.7, 0.45, 0.4, 0.45, 0.7, 1.0, 1.3, 1.55),
    "winter": (3.2, 3.0, 1.8, 0.4, 0, 0, 0, 0, 0, 0.3, 1.2, 2.1),
    "school": (1.05, 1.05, 1.1, 1.05, 1.1, 0.8, 0.3, 0.9, 1.2, 1.15, 1.15, 1.15),
    "summer": (0.5, 0.6, 0.8, 1.0, 1.4, 1.6, 1.5, 1.4, 1.1, 0.9, 0.7, 0.5),
    "late": (0.6, 0.7, 0.8, 0.9, 1.0, 1.0, 0.5, 0.8, 1.2, 1.4, 1.6, 1.5),
    "inv": (0.25, 0.35, 0.45, 0.6, 0.7, 0.7, 0.2, 0.5, 1.4, 1.9, 2.4, 2.55),
}
_INDEX = 1.012
#: Motpart is mandatory on the municipality's result rows outside payroll; this one is for entries without a party.
NO_PARTY = "890"
#: What the invoices of the most general streams say.
_VARIANTS: dict[str, tuple[str, ...]] = {
    "Reparation och underhåll": (
        "Akut läcka",
        "Byte armaturer",
        "Byte låscylindrar",
        "Glasmästeri",
        "Målning korridor",
        "Rensning avlopp",
        "Service hiss",
        "Service ventilation",
        "Takreparation",
        "Reparation dörrautomatik",
    ),
    "Livsmedel": ("Kolonialvaror", "Kött och chark", "Mejerivaror", "Frukt och grönt", "Bröd", "Djupfryst"),
    "Läromedel": ("Läroböcker matematik", "Läroböcker svenska", "Digitala läromedel", "Slöjdmaterial", "Skrivmaterial"),
    "Kontorsmaterial": ("Papper och pärmar", "Toner", "Kontorsmaterial", "Block och pennor"),
    "Kurser och konferenser": ("Kursavgift", "Konferensavgift", "Temadag", "Handledning"),
    "Gatuunderhåll och beläggning": ("Potthål", "Beläggningsarbete", "Trottoar och kantsten", "Linjemålning", "Dikning"),
    "Datorer och tillbehör": ("Bärbara datorer", "Dockningsstationer", "Läsplattor", "Tangentbord och möss"),
    "Konsult nätverk och AD": ("Konsult AD-design", "Konsult trådlöst nät", "Konsult brandvägg"),
}


@dataclass(frozen=True)
class Stream:
    """One agreement or habit.

    kind: cost, income, internal, depreciation, capex, capitalised. For internal trade `unit`/`account` are the buyer's and
    `seller`/`seller_account` the seller's. annual: kr a year at the prices of 2014. cadence: months between invoices, 0 irregular
    with about per_month invoices a month. parties: possible suppliers or customers.
    """

    id: str
    kind: str
    unit: str
    account: str
    text: str
    annual: int
    cadence: int = 1
    per_month: float = 1
    season: str = "flat"
    noise: float = 0.0
    scalable: bool = False
    vat: int = 0
    parties: tuple[str, ...] = ()
    seller: str = ""
    seller_account: str = ""
    sub_activity: str = ""
    project: str = ""
    cost_object: str = ""
    valid_from: str = FIRST
    valid_to: str = LAST
    budgeted: float = 1.0
    prepaid: bool = False

    def price(self, year: int) -> float:
        """Return the yearly amount in kr at a year's prices. Costs are indexed; agreed and planted amounts are not."""
        return self.annual * (_INDEX ** (year - 2014) if self.kind == "cost" and self.id not in OMISSIONS else 1.0)

    def active(self, period: str) -> bool:
        """Return whether the stream runs in a period."""
        return self.valid_from <= period <= self.valid_to


@dataclass
class Event:
    """One business event of a stream: an invoice, a release, a depreciation.

    kind: as the stream's, or prepaid (an invoice taken to the balance), release, accrual, reversal. service: first and last
    period that the amount is for. text: what it is for, where the stream's text is too general.
    """

    stream: Stream
    kind: str
    period: str
    day: date
    amount: int
    party: str
    service: tuple[str, str]
    scalable: bool
    text: str = ""


@cache
def parties(kind: str) -> dict[str, dict[str, str]]:
    """Return the suppliers or customers by code."""
    return {r["code"]: r for r in table(kind)}


@cache
def _category(kind: str, name: str) -> tuple[str, ...]:
    register = parties(kind)
    if name in register:
        return (name,)
    return tuple(code for code, r in register.items() if r["category"] == name)


def party_counterparty(code: str) -> str:
    """Return the motpart code of a supplier or customer."""
    return (parties("suppliers").get(code) or parties("customers")[code])["counterparty"]


def counterparty_of(s: Stream, party: str = "") -> str:
    """Return the external motpart of a stream: its party's, or the one for entries that have no other party."""
    if s.kind == "depreciation":
        return NO_PARTY
    party = party or (s.parties[0] if s.parties else "")
    return party_counterparty(party) if party else ""


def _common(r: dict[str, str]) -> dict[str, Any]:
    register = "customers" if r["kind"] == "income" else "suppliers"
    return {
        "text": r["text"],
        "cadence": int(r["cadence"]),
        "per_month": float(r["per_month"]),
        "season": r["season"],
        "noise": float(r["noise"]),
        "vat": int(r["vat"]),
        "parties": _category(register, r["party"]) if r["party"] else (),
        "prepaid": r["prepaid"] == "1",
        "project": r["project"],
    }


def _office_streams(rows: list[dict[str, str]]) -> list[Stream]:
    result = []
    for r in rows:
        common = _common(r)
        own: dict[str, Any] = {"unit": r["unit"], "account": r["account"]}
        if r["kind"] == "sale":
            own = {
                "unit": r["other_unit"],
                "account": r["other_account"],
                "seller": r["unit"],
                "seller_account": r["account"],
            }
        elif r["kind"] == "buy":
            own |= {"seller": r["other_unit"], "seller_account": r["other_account"]}
        result.append(
            Stream(
                id=r["id"],
                kind="internal" if r["kind"] in ("sale", "buy") else r["kind"],
                annual=int(r["annual"]),
                scalable=r["scalable"] == "1",
                sub_activity=r["sub_activity"],
                valid_from=r["valid_from"] or FIRST,
                valid_to=r["valid_to"] or LAST,
                budgeted=float(r["budget"]),
                **own,
                **common,
            )
        )
    return result


def build_streams(seed: int, organisation: Organisation) -> list[Stream]:
    """Return every stream but the office's rent, which `rent_streams` makes from the targets."""
    result = _office_streams(table("klk_streams"))
    templates, internal = table("office_streams"), table("internal_streams")
    for unit in organisation.ansvar.values():
        end = f"{unit.valid_to:%Y-%m}" if unit.valid_to and unit.type != "klk" else LAST
        for number, r in enumerate(templates):
            if r["type"] != unit.type and (r["type"] != "all" or unit.type in ("klk", "finance", "pension", "purchase")):
                continue
            rng = chance(seed, "stream", unit.code, number)
            common = _common(r)
            options = common["parties"]
            if len(options) > 1 and common["cadence"]:
                common["parties"] = (rng.choice(options),)
            kind = "capex" if r["kind"] == "capex_small" else r["kind"]
            result.append(
                Stream(
                    id=f"{unit.code}-{number:03d}",
                    kind=kind,
                    unit=unit.code,
                    account=r["account"],
                    annual=round(int(r["annual"]) * (unit.size or 1) * rng.uniform(0.85, 1.15) / 1200) * 1200,
                    valid_to=end,
                    **common,
                )
            )
        for number, r in enumerate(internal):
            if r["type"] == unit.type and r["seller"] != unit.code:
                rng = chance(seed, "internal", unit.code, number)
                result.append(
                    Stream(
                        id=f"I{unit.code}-{number:03d}",
                        kind="internal",
                        unit=unit.code,
                        account=r["account"],
                        text=r["text"],
                        annual=round(int(r["annual"]) * unit.size * rng.uniform(0.92, 1.08) / 1200) * 1200,
                        season=r["season"],
                        noise=float(r["noise"]),
                        seller=r["seller"],
                        seller_account=r["seller_account"],
                        valid_to=end,
                    )
                )
    return result


def rent_streams(targets: dict[str, Target], organisation: Organisation) -> list[Stream]:
    """Return the rent that the fastighetskontor charges the office's units: by area, the same every month of a stretch."""
    early, late = targets["2013-08"], targets["2015-03"]
    monthly = {
        ("2013-01", "2013-08"): early.kr("internal_rent", "outcome_period") // 8,
        ("2013-09", "2013-12"): (early.kr("internal_rent", "forecast_year") - early.kr("internal_rent", "outcome_period")) // 4,
        ("2014-01", "2014-12"): early.kr("internal_rent", "forecast_year") * 101 // 1200,
        ("2015-01", LAST): late.kr("internal_rent", "outcome_period") // 3,
    }
    result: list[Stream] = []
    for (start, end), amount in monthly.items():
        areas = [r for r in table("klk_rent_areas") if organisation.office(r["unit"], end) == OFFICE]
        shares = dict(zip((r["unit"] for r in areas), apportion(amount, [int(r["square_metres"]) for r in areas]), strict=True))
        if start < "2015":  # the units that join the office in 2015 pay their own rent before
            shares |= {"0180": 22_400, "0190": 6_100}
        result.extend(
            Stream(
                id=f"R{unit}-{start}",
                kind="internal",
                unit=unit,
                account="6011",
                text="Internhyra kommunhuset",
                annual=share * 12,
                seller="32130",
                seller_account="3411",
                cost_object="1001",
                valid_from=start,
                valid_to=end,
            )
            for unit, share in shares.items()
        )
    return result


def _day(period: str, low: int, high: int, rng) -> date:
    return weekday(first_day(period) + timedelta(days=rng.randint(low, high) - 1))


def build_events(seed: int, streams: list[Stream]) -> list[Event]:
    """Return every event of every stream from the first month to the last, before calibration."""
    events: list[Event] = []
    for s in streams:
        rng = chance(seed, "event", s.id)
        season = SEASONS[s.season]
        omission = OMISSIONS.get(s.id)
        phase = int(s.valid_from[5:]) - 1 if s.cadence == 12 else 0
        for period in ALL_MONTHS:
            if not s.active(period):
                continue
            year, month = int(period[:4]), int(period[5:])
            amounts: list[int] = []
            price = s.price(year)
            if s.cadence:
                if (month - 1 - phase) % s.cadence == 0:
                    number = max(1, int(s.per_month))
                    for _ in range(number):
                        kr = price * s.cadence / 12 / number * (season[month - 1] if s.cadence == 1 else 1)
                        kr *= rng.uniform(1 - s.noise, 1 + s.noise) if s.noise else 1
                        amounts.append(round(kr * 100) if s.noise else round(kr) * 100)
            else:
                for _ in range(int(s.per_month + rng.random())):
                    kr = price / 12 / s.per_month * season[month - 1] * rng.lognormvariate(-(s.noise**2) / 2, s.noise)
                    if kr >= 60:
                        amounts.append(round(kr * 100))
            service = (period, shift(period, s.cadence - 1)) if s.cadence > 1 else (period, period)
            for amount in amounts:
                if omission and omission.months_missing and omission.months_missing[0] <= period <= omission.months_missing[1]:
                    continue
                party = rng.choice(s.parties) if s.parties else ""
                day = _day(period, 3, 27, rng)
                text = rng.choice(_VARIANTS[s.text]) if s.text in _VARIANTS else ""
                event = Event(s, s.kind, period, day, amount, party, service, s.scalable, text)
                if s.prepaid:
                    events.append(replace(event, kind="prepaid"))
                    parts = apportion(amount, [1] * 12)
                    events.extend(
                        Event(s, "release", p, last_day(p), part, party, (p, p), False)
                        for p, part in zip(months(period, shift(period, 11)), parts, strict=True)
                        if p <= LAST
                    )
                elif s.kind == "cost" and month == 12 and rng.random() < 0.12:
                    estimate = max(round(amount, -5), 100_000)
                    later = shift(period, 1)
                    events.append(replace(event, kind="accrual", day=last_day(period), amount=estimate, scalable=False))
                    events.append(
                        replace(event, kind="reversal", period=later, day=first_day(later), amount=estimate, scalable=False)
                    )
                    events.append(replace(event, period=later, day=_day(later, 5, 20, rng), scalable=False))
                else:
                    events.append(event)
            if omission and period == omission.corrected_in and omission.months_missing:
                first, last = omission.months_missing
                missing = months(max(first, s.valid_from), last)
                party = s.parties[0] if s.parties else ""
                day = _day(period, 13, 21, rng)
                if omission.catch_up == "one":
                    amount = omission.monthly * 100 * len(missing)
                    events.append(Event(s, s.kind, period, day, amount, party, (missing[0], missing[-1]), False))
                else:
                    events.extend(Event(s, s.kind, period, day, omission.monthly * 100, party, (p, p), False) for p in missing)
    return events


def effects(event: Event, organisation: Organisation) -> list[tuple[str, str, str, int]]:
    """Return (unit, account, counterparty, öre in the ledger's sign) of an event on result accounts."""
    s = event.stream
    if event.kind == "prepaid":
        return []
    if event.kind == "internal":
        buyer, seller = (organisation.counterparty(unit, event.period) for unit in (s.unit, s.seller))
        return [(s.unit, s.account, seller, event.amount), (s.seller, s.seller_account, buyer, -event.amount)]
    if event.kind == "capitalised":
        return [(s.unit, s.account, "", -event.amount), (s.unit, "4012", "", event.amount)]
    counterparty = counterparty_of(s, event.party)
    sign = -1 if s.kind == "income" or event.kind == "reversal" else 1
    return [(s.unit, s.account, counterparty, sign * event.amount)]


def calibrate(
    events: list[Event], targets: dict[str, Target], organisation: Organisation
) -> tuple[dict[str, int], dict[tuple[str, str], float]]:
    """Scale the office's irregular events so that each line's outcome is its target, in öre; agreed amounts stay as agreed.

    Returns the öre on class 5 (wellness invoices) by report period, for the staff register's calibration, and the factor by
    report period and line.

    Raises:
        ArithmeticError: a line would need its irregular events more than halved or doubled: the streams are wrong.
    """
    class_five, factors = {}, {}
    for report_period, target in targets.items():
        window = set(months(f"{report_period[:4]}-01", report_period))
        fixed: dict[str, int] = defaultdict(int)
        movable: dict[str, list[Event]] = defaultdict(list)
        for event in events:
            if event.period not in window:
                continue
            for unit, account, counterparty, amount in effects(event, organisation):
                line = line_of(account, counterparty)
                if line and organisation.office(unit, event.period) == OFFICE:
                    if event.scalable:
                        movable[line].append(event)
                    else:
                        fixed[line] += abs(amount) if event.kind != "reversal" else -abs(amount)
        class_five[report_period] = fixed["personnel"]
        for line in ("external_income", "internal_income", "other_external_cost", "other_internal_cost"):
            wanted = target.kr(line, "outcome_period") * 100 - fixed[line]
            had = sum(event.amount for event in movable[line])
            factors[report_period, line] = wanted / had
            if not 0.5 < wanted / had < 2:
                raise ArithmeticError(
                    f"{report_period} {line}: agreed amounts are {fixed[line] / 100:.0f} kr, irregular {had / 100:.0f}, "
                    f"wanted {target.kr(line, 'outcome_period')}: change data/klk_streams.csv"
                )
            for event, amount in zip(movable[line], apportion(wanted, [e.amount for e in movable[line]]), strict=True):
                event.amount = amount
    return class_five, factors
