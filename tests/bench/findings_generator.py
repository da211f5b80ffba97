"""A seeded, labelled municipal ledger: what the findings engine is measured on.

What belongs here: a bookkeeping world (units, agreements, clerks' habits, registers), honest changes in it (confusers) and
errors, with
labels. What does not: anything the engine imports. The engine has never seen this file and this file knows nothing of the engine.

Amounts are income +, cost -. Months are counted from January of `START_YEAR`; labels name periods as 'YYYY-MM'.
"""

from __future__ import annotations

import calendar
import math
import random
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import pandas as pd

from orchestration.months import MONTHS as MONTH_NAMES

START_YEAR = 2012
MONTHS = 48
SHORT = ["jan", "feb", "mars", "apr", "maj", "juni", "juli", "aug", "sept", "okt", "nov", "dec"]

#: How hard each level is. Shares are probabilities per row, agreement or unit and year.
LEVELS = {
    1: {
        "register": 0.8,
        "stale": 0.0,
        "no_party": 0.0,
        "no_cp": 0.0,
        "bad_ref": 0.0,
        "typo": 0.01,
        "metered": 0.12,
        "lump": 0.0,
        "confusers": 1.0,
        "notice": 0.9,
        "service": 0.6,
        "noref": 0.2,
    },
    2: {
        "register": 0.5,
        "stale": 0.1,
        "no_party": 0.03,
        "no_cp": 0.02,
        "bad_ref": 0.03,
        "typo": 0.04,
        "metered": 0.2,
        "lump": 0.02,
        "confusers": 1.5,
        "notice": 0.7,
        "service": 0.4,
        "noref": 0.4,
    },
    3: {
        "register": 0.25,
        "stale": 0.2,
        "no_party": 0.1,
        "no_cp": 0.06,
        "bad_ref": 0.08,
        "typo": 0.1,
        "metered": 0.3,
        "lump": 0.05,
        "confusers": 2.0,
        "notice": 0.5,
        "service": 0.25,
        "noref": 0.6,
    },
}

#: account, direction, counterparty codes, words, typical amount, cadences, kind
EXTERNAL = [
    ("3510", 1, ("811", "812", "815"), ("Statsbidrag {x}", "Driftbidrag {x}", "Bidrag {x}"), 90_000, (1, 1, 3, 6), "grant"),
    ("3410", 1, ("86", "87"), ("Lokalhyra {x}", "Hyra {x}", "Hyresavi {x}"), 18_000, (1, 1, 1, 3), "rent"),
    ("3110", 1, ("86",), ("Avgift {x}", "Taxa {x}"), 45_000, (1,), "fee"),
    ("3010", 1, ("82", "84", "87"), ("Ersättning {x}", "Försäljning {x}", "Uppdrag {x}"), 35_000, (1, 1, 3, 12), "sale"),
    ("3590", 1, ("82", "81", "85"), ("Ersättning facklig tid {x}", "Ersättning säkerhet {x}"), 40_000, (1, 3), "sale"),
    ("6010", -1, ("87",), ("Lokalhyra {x}", "Hyra lokal {x}", "Hyresavi {x}"), 60_000, (1, 3, 3), "rent"),
    ("6220", -1, ("87",), ("Leasing {x}", "Leasingavgift {x}", "Billeasing {x}"), 9_000, (1, 1, 3), "lease"),
    ("6880", -1, ("87",), ("Licens {x}", "Programlicenser {x}", "Underhållsavtal {x}"), 30_000, (1, 3, 12, 12), "licence"),
    ("6160", -1, ("87",), ("Städ {x}", "Lokalvård {x}"), 22_000, (1,), "service"),
    ("6210", -1, ("87", "5"), ("El {x}", "Fjärrvärme {x}", "Energi {x}"), 40_000, (1,), "energy"),
    ("6810", -1, ("87",), ("Telefoni {x}", "Mobilabonnemang {x}"), 7_000, (1,), "metered"),
    (
        "4630",
        -1,
        ("87", "85", "82"),
        ("Köp av verksamhet {x}", "Vårdplats {x}", "Interkommunal ersättning {x}"),
        150_000,
        (1,),
        "care",
    ),
    ("7410", -1, ("87",), ("Konsult {x}", "Rådgivning {x}"), 28_000, (1, 3), "service"),
    ("7310", -1, ("87",), ("Försäkring {x}", "Försäkringspremie {x}"), 80_000, (12, 12, 6), "insurance"),
    ("4530", -1, ("85",), ("Bidrag {x}", "Föreningsbidrag {x}"), 25_000, (3, 6, 12), "grant"),
    ("7510", -1, ("87",), ("Inhyrd personal {x}", "Bemanning {x}"), 55_000, (1,), "metered"),
]
INTERNAL = [
    ("3910", "6010", ("Internhyra {x}", "Lokalhyra intern {x}"), 70_000, (1, 1, 1, 3)),
    ("3920", "7920", ("IT-tjänster {x}", "IT-avgift {x}", "Datorarbetsplats {x}"), 25_000, (1,)),
    ("3930", "7930", ("Kontaktcenter {x}", "Kontorsservice {x}", "Säkerhet {x}"), 30_000, (1, 3)),
    ("3940", "5710x", ("Måltider {x}", "Kost {x}"), 60_000, (1,)),
    ("3950", "7950", ("Städ internt {x}", "Vaktmästeri {x}"), 18_000, (1,)),
]
ONE_OFF = [
    ("6410", "Inköp material"),
    ("6440", "Förbrukning"),
    ("7010", "Resor"),
    ("7410", "Utredning"),
    ("7610", "Kurs"),
    ("6610", "Reparation"),
]
NAMES = [
    "Norr",
    "Söder",
    "Öst",
    "Väst",
    "Mälar",
    "Roslags",
    "Tall",
    "Björk",
    "Ek",
    "Alm",
    "Lind",
    "Ask",
    "Rönn",
    "Berg",
    "Dal",
    "Sjö",
    "Hav",
    "Ö",
    "Ås",
    "Holm",
]
TAILS = [
    "fastigheter",
    "service",
    "konsult",
    "energi",
    "data",
    "vård",
    "utbildning",
    "partner",
    "teknik",
    "skola",
    "bygg",
    "städ",
    "trafik",
    "media",
]
OBJECTS = [
    "centrum",
    "norra",
    "södra",
    "skolan",
    "förskolan",
    "hemtjänst",
    "park",
    "torget",
    "depån",
    "biblioteket",
    "simhallen",
    "vux",
    "kansli",
    "arkiv",
    "ateljén",
]


def period(m: int) -> str:
    """Return 'YYYY-MM' of a month number."""
    return f"{START_YEAR + m // 12}-{m % 12 + 1:02d}"


def day(m: int, d: int) -> date:
    """Return the d-th day of a month number, or the last one."""
    year, month = START_YEAR + m // 12, m % 12 + 1
    return date(year, month, min(d, calendar.monthrange(year, month)[1]))


def close_date(m: int) -> date:
    """Return the day a month is released: the tenth of the next."""
    return day(m + 1, 10)


@dataclass
class Post:
    """One posting on an income or cost account, before vouchers are numbered."""

    unit: str
    account: str
    cp: str
    party: str
    name: str
    ref: str
    amount: float
    m: int
    vdate: date
    reg: date
    text: str
    series: str
    sfrom: date | None = None
    sto: date | None = None
    contract: int = -1
    slot: int = -1
    contra: str = "2410"
    group: int | None = None  # posts with the same group share a voucher
    drop_contra: bool = False
    habit: str = ""


@dataclass
class Contract:
    """An agreement: what is due, when, and how the clerk writes it."""

    cid: int
    unit: str
    account: str
    sign: int
    cp: str
    party: str
    name: str
    words: str
    amount: float
    cadence: int
    phase: int
    start: int
    end: int = 10_000
    kind: str = "service"
    mask: tuple[int, ...] = ()
    noise: float = 0.0
    season: float = 0.0
    index: float = 0.0
    index_month: int = 0
    ref_habit: str = "invoice"
    ref: str = ""
    text_habit: int = 0
    service: bool = False
    arrears: int = 0
    accrued: bool = False
    buyer: str = ""
    buyer_account: str = ""
    buyer_cp: str = ""
    one_voucher: bool = True
    changes: list[tuple[int, float]] = field(default_factory=list)  # month, factor
    final_text: bool = False
    final_partial: float = 0.0
    switches: list[tuple[int, int]] = field(default_factory=list)  # month, new cadence
    moves: list[tuple[int, str]] = field(default_factory=list)  # month, new unit
    renames: list[tuple[int, str, str]] = field(default_factory=list)  # month, party, name
    touched: bool = False  # one story a contract, so that labels stay unambiguous
    spread: bool = False  # yearly invoice spread by month through 17xx


@dataclass
class Label:
    """One injected error. `rules` are the right answers, the first one the primary."""

    label_id: int
    kind: str
    rules: tuple[str, ...]
    units: set[str]
    lines: set[str]
    periods: set[str]
    cps: set[str]
    parties: set[str]
    amount: float
    visible: str  # first close at which the ledger shows it
    accrual: float | None = None
    marks: set[str] = field(default_factory=set)
    spread: float = 0.0  # standard deviation (log) of the amount around what could be known beforehand


@dataclass
class World:
    """Everything the engine may see, and the labels it may not."""

    lines: pd.DataFrame
    budget: pd.DataFrame
    units: pd.DataFrame
    agreements: pd.DataFrame
    internal_agreements: pd.DataFrame
    releases: pd.DataFrame
    payroll: pd.DataFrame
    labels: list[Label]
    contracts: list[Contract]


def line_of(account: str, cp: str) -> str:
    """Return the report line, as the shipped Kommun-Bas map has it."""
    internal = cp[:1] in "1234" and cp != ""
    if account[0] in "12":
        return "balance"
    if account[0] == "3":
        return "internal_income" if internal else "external_income"
    if account[0] == "5":
        return "personnel"
    if account.startswith("601") and internal:
        return "internal_rent"
    return "other_internal_cost" if internal else "other_external_cost"


class Generator:
    """Build one world. All chance comes from one `random.Random(seed)`."""

    def __init__(
        self, seed: int, level: int, errors: bool = True, units: int = 40, errors_per_year: float = 120, noise: float = 1.0
    ) -> None:
        self.r = random.Random(seed * 7919 + level * 104729)
        self.p = LEVELS[level]
        self.level, self.errors_on, self.n_units, self.errors_per_year = level, errors, units, errors_per_year
        self.noise = noise  # times the chance in the amounts; everything else is the same world
        self.posts: list[Post] = []
        self.labels: list[Label] = []
        self.contracts: list[Contract] = []
        self.group = 0
        self.invoice: dict[str, int] = {}
        self.gaps: list[tuple[str, int, int]] = []
        self.chosen: Contract | None = None

    # ---- the world -------------------------------------------------------------------------------------------------------
    def build(self) -> World:
        r = self.r
        offices = [f"{k}0" for k in range(11, 11 + max(2, self.n_units // 5))]
        # Half the worlds give each unit a counterparty code of its own, half one per office.
        own_codes = r.random() < 0.5
        self.unit_rows = [(o, "KOMMUN", date(1900, 1, 1), None) for o in offices]
        self.units: list[str] = []
        self.code: dict[str, str] = {}
        for i in range(self.n_units):
            office = offices[i % len(offices)]
            unit = f"{office[:2]}{i // len(offices) + 1:02d}"
            self.units.append(unit)
            self.unit_rows.append((unit, office, date(1900, 1, 1), None))
            self.code[unit] = f"{100 + i + 10}" if own_codes else f"1{offices.index(office) + 1:02d}"
        for unit in self.units:
            for _ in range(r.randint(11, 17)):
                self.external(unit)
        sellers = r.sample(self.units, max(2, self.n_units // 8))
        for seller in sellers:
            kind = r.choice(INTERNAL)
            for buyer in r.sample(self.units, min(len(self.units) - 1, 12)):
                if buyer != seller and self.code[buyer] != self.code[seller]:
                    self.internal(seller, buyer, kind)
        self.confuse()
        for c in self.contracts:
            self.run(c)
        self.one_offs()
        self.payroll_run()
        self.profile_run()
        if self.errors_on:
            self.inject()
        self.blur()
        lines = self.voucherise()
        return World(
            lines,
            self.budget_frame,
            pd.DataFrame(self.unit_rows, columns=["unit_code", "parent", "valid_from", "valid_to"]),
            *self.registers(),
            pd.DataFrame([(period(m), close_date(m)) for m in range(MONTHS)], columns=["period", "released_on"]),
            self.payroll_frame,
            self.labels,
            self.contracts,
        )

    def party(self) -> tuple[str, str]:
        r = self.r
        return (
            f"{r.randint(10000, 99999)}",
            f"{r.choice(NAMES)}{r.choice(TAILS)} {r.choice(['AB', 'AB', 'HB', 'Ek för', 'i Mälardalen AB'])}",
        )

    def external(self, unit: str, start: int | None = None, party: tuple[str, str] | None = None) -> Contract:
        r, p = self.r, self.p
        account, sign, cps, words, typical, cadences, kind = r.choice(EXTERNAL)
        code, name = party or self.party()
        if kind == "grant":
            name = {"811": "Skolverket", "812": "Socialstyrelsen", "815": "Försäkringskassan"}.get(cps[0], name)
        metered = kind in ("metered", "energy", "fee", "care") or (r.random() < p["metered"] and kind != "rent")
        cadence = r.choice(cadences)
        habit = r.choices(["invoice", "agreement", "none", "mixed"], [0.45, 0.35 * (1 - p["noref"]) + 0.1, p["noref"], 0.1])[0]
        c = Contract(
            len(self.contracts),
            unit,
            account,
            sign,
            r.choice(cps),
            code,
            name,
            r.choice(words).replace("{x}", "{x} " + r.choice(OBJECTS) if r.random() < 0.6 else "{x}"),
            round(typical * math.exp(r.gauss(0, 0.7)), r.choice([0, 0, 2, -2])),
            cadence,
            r.randrange(cadence),
            0 if start is None and r.random() < 0.85 else (start if start is not None else r.randint(1, 30)),
            kind=kind,
            mask=((7,), (6, 7), (7, 8))[r.randrange(3)]
            if cadence == 1 and kind in ("fee", "service", "sale") and r.random() < 0.15
            else (),
            noise=r.uniform(0.03, 0.06 + 0.03 * self.level) if metered else r.choice([0, 0, 0, 0.01, 0.02]),
            season=r.uniform(0.2, 0.45) if kind == "energy" else (r.uniform(0, 0.2) if kind == "fee" else 0.0),
            index=r.choice([0, 0.01, 0.02, 0.025, 0.03]),
            index_month=r.choice([0, 0, 0, 3, 6]),
            ref_habit=habit,
            ref=r.choice(["AVT-{n}", "A{n}", "{n}", "KS {n}/12", "Dnr {n}"]).format(n=r.randint(1000, 9999)),
            text_habit=r.randrange(7),
            service=r.random() < p["service"],
            arrears=1 if r.random() < 0.12 and cadence == 1 else 0,
            accrued=r.random() < 0.06 and cadence == 1 and not metered,
            spread=cadence == 12 and kind in ("licence", "insurance") and r.random() < 0.5,
        )
        if c.accrued:
            c.arrears = 0
        self.contracts.append(c)
        # Some customers and suppliers have several agreements with the same unit on the same account.
        if party is None and r.random() < 0.12:
            twin = replace(
                c,
                cid=len(self.contracts),
                amount=round(c.amount * r.uniform(0.5, 1.8), 0),
                ref=c.ref + r.choice("BCDE"),
                changes=[],
                switches=[],
                moves=[],
                renames=[],
            )
            twin.words = c.words.split(" {x}")[0] + " {x} " + r.choice(OBJECTS)
            self.contracts.append(twin)
        return c

    def internal(self, seller: str, buyer: str, kind: tuple) -> None:
        r = self.r
        income, cost, words, typical, cadences = kind
        cadence = r.choice(cadences)
        self.contracts.append(
            Contract(
                len(self.contracts),
                seller,
                income,
                1,
                self.code[buyer],
                "",
                "",
                r.choice(words),
                round(typical * math.exp(r.gauss(0, 0.6)), -1),
                cadence,
                r.randrange(cadence),
                0 if r.random() < 0.9 else r.randint(1, 30),
                kind="internal",
                noise=r.choice([0, 0, 0, 0.05]),
                index=r.choice([0, 0.02]),
                ref_habit=r.choice(["invoice", "invoice", "agreement", "none"]),
                ref=f"INT{r.randint(100, 999)}",
                text_habit=r.randrange(4),
                service=r.random() < self.p["service"],
                buyer=buyer,
                buyer_account="6320" if cost == "5710x" else cost,
                buyer_cp=self.code[seller],
                one_voucher=r.random() < 0.5,
            )
        )

    # ---- a contract's life -----------------------------------------------------------------------------------------------
    def price(self, c: Contract, m: int) -> float:
        years = sum(
            1
            for y in range(START_YEAR + 1, START_YEAR + 5)
            if (y - START_YEAR) * 12 + c.index_month <= m and (y - START_YEAR) * 12 + c.index_month > c.start
        )
        value = c.amount * (1 + c.index) ** years
        for when, factor in c.changes:
            if m >= when:
                value *= factor
        return value

    def slots(self, c: Contract) -> list[tuple[int, int]]:
        """Return (month, cadence) of every due posting."""
        out = []
        for m in range(c.start, min(MONTHS, c.end)):
            cadence, phase = c.cadence, c.phase
            for when, new in c.switches:
                if m >= when:
                    cadence, phase = new, c.phase % new if new < c.cadence else (new - 1 + when) % new
            if m % cadence == phase % cadence and (m % 12) + 1 not in c.mask:
                out.append((m, cadence))
        return out

    def text(self, c: Contract, m: int, cadence: int) -> str:
        y, k = START_YEAR + m // 12, m % 12
        if cadence == 1:
            when = (
                "",
                MONTH_NAMES[k],
                f"{y}-{k + 1:02d}",
                f"{SHORT[k]} {y}",
                f"avser {y}-{k + 1:02d}",
                f"{k + 1:02d}/{y % 100}",
                "",
            )[c.text_habit]
        elif cadence == 3:
            first = k - (k % 3)
            when = (
                "",
                f"kv {k // 3 + 1}",
                f"kvartal {k // 3 + 1} {y}",
                f"{SHORT[first]}-{SHORT[min(11, first + 2)]}",
                f"Q{k // 3 + 1}",
                f"kv{k // 3 + 1}/{y % 100}",
                "",
            )[c.text_habit]
        else:
            when = ("", str(y), f"år {y}", "", f"avser {y}", "", "")[c.text_habit]
        text = c.words.replace("{x}", when if self.r.random() > 0.1 * (self.level - 1) else "").replace("  ", " ").strip()
        if c.text_habit == 6:
            self.invoice["t"] = self.invoice.get("t", 4000) + self.r.randint(1, 9)
            text += f" faktura {self.invoice['t']}"
        return text

    def reference(self, c: Contract) -> str:
        r = self.r
        self.invoice[c.party] = self.invoice.get(c.party, r.randint(10_000, 900_000)) + r.randint(1, 40)
        number = str(self.invoice[c.party])
        return {"invoice": number, "agreement": c.ref, "none": "", "mixed": c.ref if r.random() < 0.6 else number}[c.ref_habit]

    def due(self, c: Contract, m: int, cadence: int) -> float:
        value = self.price(c, m)
        value *= cadence / c.cadence
        if c.season:
            value *= 1 + c.season * math.cos(2 * math.pi * (m % 12) / 12)
        if c.noise:
            value *= math.exp(self.r.gauss(0, c.noise * self.noise))
        return round(value, 2)

    def post(self, c: Contract, m: int, cadence: int, booked: int | None = None, amount: float | None = None) -> list[Post]:
        """Return the rows of one due posting as the clerk books them: one for external, two for internal."""
        r = self.r
        unit, party, name = c.unit, c.party, c.name
        for when, new in c.moves:
            if m >= when:
                unit = new
        for when, code, new_name in c.renames:
            if m >= when:
                party, name = code, new_name
        booked = m + c.arrears if booked is None else booked
        vdate = day(booked, r.randint(1, 25))
        reg = min(vdate + timedelta(days=r.randint(0, 8)), close_date(booked) - timedelta(days=1))
        value = c.sign * (self.due(c, m, cadence) if amount is None else amount)
        ref, text = self.reference(c), self.text(c, m, cadence)
        # a quarter is billed in its phase month; what it is for follows from the calendar
        first = m - (m % 3) if cadence == 3 else m
        span = (
            (day(first, 1), day(first + (cadence if cadence in (1, 3) else 12 if cadence == 12 else cadence) - 1, 31))
            if c.service
            else (None, None)
        )
        self.group += 1
        one = Post(
            unit,
            c.account,
            c.cp,
            party,
            name,
            ref,
            value,
            booked,
            vdate,
            reg,
            text,
            "",
            *span,
            contract=c.cid,
            slot=m,
            group=self.group,
        )
        if not c.buyer:
            one.series, one.contra = ("L", "1510") if c.sign > 0 else ("K", "2410")
            return [one]
        buyer_unit = c.buyer
        one.series, one.contra = "I", "1690"
        other = replace(one, unit=buyer_unit, account=c.buyer_account, cp=c.buyer_cp, amount=-value)
        if not c.one_voucher:
            self.group += 1
            other.group = self.group
        return [one, other]

    def run(self, c: Contract) -> None:
        r = self.r
        slots = self.slots(c)
        for i, (m, cadence) in enumerate(slots):
            if m + c.arrears >= MONTHS:
                continue
            if c.spread:
                self.spread(c, m)
                continue
            last = i == len(slots) - 1 and c.end < MONTHS
            amount = self.due(c, m, cadence) * c.final_partial if last and c.final_partial else None
            posts = self.post(c, m, cadence, amount=amount)
            if last and c.final_text:
                for one in posts:
                    one.text = r.choice(["Slutfaktura ", "Sista fakturan ", "Avslutat avtal "]) + one.text
            if c.accrued and m + 1 < MONTHS and m % 12 not in (5, 6):
                # The invoice comes the month after: accrual now, reversal then.
                one = posts[0]
                contra = "1790" if c.sign > 0 else "2990"
                self.group += 2
                text = (
                    r.choice(["Upplupen {0}", "Periodisering {0}", "Uppbokning {0}"]).format(
                        "intäkt" if c.sign > 0 else "kostnad"
                    )
                    + f" {c.name}"
                )
                reg = day(m + 1, 4)
                value = round(self.price(c, m) * c.sign, -2) or one.amount
                accrual = replace(
                    one,
                    party="",
                    name="",
                    ref="",
                    series="B",
                    contra=contra,
                    group=self.group,
                    text=text,
                    amount=value,
                    vdate=day(m, 31),
                    reg=reg,
                    sfrom=None,
                    sto=None,
                    habit="accrual",
                )
                back = replace(
                    accrual,
                    m=m + 1,
                    amount=-value,
                    group=self.group - 1,
                    text="Återföring " + text,
                    vdate=day(m + 1, 1),
                    reg=day(m + 1, 5),
                    habit="reversal",
                )
                moved = replace(one, m=m + 1, vdate=day(m + 1, 6), reg=day(m + 1, 9))
                self.posts += [accrual, back, moved]
                continue
            self.posts += posts

    def spread(self, c: Contract, m: int) -> None:
        """A yearly invoice taken to 17xx and spread by month: twelve rows of a twelfth."""
        total = self.due(c, m, 12)
        for k in range(12):
            if m + k < MONTHS:
                one = self.post(c, m + k, 1, amount=round(total / 12, 2))[0]
                one.series, one.contra, one.ref, one.slot = "B", "1710", "", m + k
                one.sfrom = one.sto = None
                one.text = f"Periodisering {c.words.replace('{x}', '').strip()} {c.name}"
                one.habit = "spread"
                self.posts.append(one)

    # ---- honest changes --------------------------------------------------------------------------------------------------
    def pick(self, test, first: int = 14) -> Contract | None:
        pool = [
            c for c in self.contracts if not c.touched and not c.spread and not c.accrued and c.start <= first - 14 and test(c)
        ]
        if not pool:
            return None
        c = self.r.choice(pool)
        c.touched = True
        return c

    def confuse(self) -> None:
        r, p = self.r, self.p
        n = round(self.n_units * p["confusers"] * 3)
        kinds = ["end", "left", "new", "price", "to_month", "end", "to_quarter", "credit", "alike", "rename", "account", "end"]
        self.credits: list[tuple[Contract, int]] = []
        self.alike: list[tuple[Contract, int]] = []
        for i in range(n):
            kind = kinds[i % len(kinds)]
            when = r.randint(13, MONTHS - 2)
            if kind == "end" and (c := self.pick(lambda c: not c.buyer)):
                c.end = when
                if r.random() < p["notice"]:
                    c.final_text = r.random() < 0.5
                    c.final_partial = 0.0 if c.final_text else r.uniform(0.2, 0.7)
            elif kind == "left" and (c := self.pick(lambda c: not c.buyer and c.sign > 0)):
                for other in self.contracts:
                    if other.party == c.party and other.unit == c.unit:
                        other.end, other.touched = when, True
                if r.random() < p["notice"]:
                    c.final_text = True
            elif kind == "new":
                c = self.external(r.choice(self.units), start=when)
                c.touched = True
            elif kind == "price" and (c := self.pick(lambda c: True)):
                c.changes.append((when, r.choice([0.8, 0.9, 1.08, 1.15, 1.25])))
            elif kind == "to_month" and (c := self.pick(lambda c: c.cadence == 3)):
                c.switches.append((when - when % 3, 1))
            elif kind == "to_quarter" and (c := self.pick(lambda c: c.cadence == 1 and not c.mask)):
                c.switches.append((when - when % 3, 3))
            elif kind == "credit" and (c := self.pick(lambda c: not c.buyer and c.cadence <= 3)):
                self.credits.append((c, when))
            elif kind == "alike" and (c := self.pick(lambda c: not c.buyer and c.cadence == 1)):
                self.alike.append((c, when))
            elif kind == "rename" and (c := self.pick(lambda c: not c.buyer and c.sign < 0)):
                c.renames.append((when, *self.party()))
            elif kind == "account" and (c := self.pick(lambda c: not c.buyer and c.account in ("6880", "6220", "7410"))):
                c.renames = c.renames  # the account changes at the turn of the year, below
                c.moves = []
                self.account_change = [
                    *getattr(self, "account_change", []),
                    (c.cid, 36 if when > 24 else 24, {"6880": "6890", "6220": "6230", "7410": "7420"}[c.account]),
                ]
        # A reorganisation each of the last two years: a unit gets a new code, everything in it moves.
        for when in (24, 36):
            old = r.choice([u for u in self.units if len(u) == 4])
            if any(c.buyer == old or (c.buyer and c.unit == old) for c in self.contracts):
                continue
            new = old[:2] + str(90 + when // 12)
            self.unit_rows = [(u, par, f, day(when - 1, 31) if u == old else t) for u, par, f, t in self.unit_rows]
            self.unit_rows.append((new, next(par for u, par, *_ in self.unit_rows if u == old), day(when, 1), None))
            self.code[new] = self.code[old]
            for c in self.contracts:
                if c.unit == old:
                    c.moves.append((when, new))
            self.moved = [*getattr(self, "moved", []), (old, when, new)]

    def where(self, unit: str, m: int) -> str:
        for old, when, new in getattr(self, "moved", []):
            if unit == old and m >= when:
                return new
        return unit

    def one_offs(self) -> None:
        r = self.r
        for cid, when, account in getattr(self, "account_change", []):
            for one in self.posts:
                if one.contract == cid and one.m >= when:
                    one.account = account
        for unit in self.units:
            parties = [self.party() for _ in range(12)]
            volume = r.randint(6, 16)
            for m in range(MONTHS):
                for _ in range(
                    max(0, round(volume * (1.3 if m % 12 in (10, 11) else 0.5 if m % 12 == 6 else 1) + r.gauss(0, 2)))
                ):
                    account, word = r.choice(ONE_OFF)
                    code, name = r.choice(parties) if r.random() < 0.7 else self.party()
                    vdate = day(m, r.randint(1, 28))
                    ref = str(r.randint(1000, 999_999)) if r.random() < 0.85 else ""
                    service = (vdate - timedelta(days=r.randint(0, 12)), vdate) if r.random() < 0.2 else (None, None)
                    amount = -round(math.exp(r.gauss(8.2, 1.2)), r.choice([2, 2, 0]))
                    self.group += 1
                    text = r.choice([f"{word}", f"{word} {name}", f"{name}", f"{word} {r.choice(OBJECTS)}"])
                    self.posts.append(
                        Post(
                            self.where(unit, m),
                            account,
                            "87",
                            code,
                            name,
                            ref,
                            amount,
                            m,
                            vdate,
                            min(vdate + timedelta(days=r.randint(0, 9)), day(m + 1, 8)),
                            text,
                            "K",
                            *service,
                            group=self.group,
                        )
                    )
                if r.random() < 0.04:  # a true one-off income or cost, large
                    sign = r.choice([1, -1])
                    code, name = self.party()
                    self.group += 1
                    self.posts.append(
                        Post(
                            self.where(unit, m),
                            "3590" if sign > 0 else "7410",
                            "87",
                            code,
                            name,
                            str(r.randint(1000, 99999)),
                            sign * round(r.uniform(50_000, 400_000), 0),
                            m,
                            day(m, 20),
                            day(m, 24),
                            r.choice(["Försäkringsersättning", "Evakuering flytt", "Jubileum", "Projektmedel"]),
                            "L" if sign > 0 else "K",
                            group=self.group,
                            contra="1510" if sign > 0 else "2410",
                        )
                    )
                if r.random() < 0.05:  # two alike invoices that are both right: other number, other object
                    code, name = r.choice(parties)
                    amount = -float(r.choice([1200, 2500, 4900, 7500, 12000]))
                    base = r.randint(10_000, 99_999)
                    for k in range(2):
                        self.group += 1
                        self.posts.append(
                            Post(
                                self.where(unit, m),
                                "7610",
                                "87",
                                code,
                                name,
                                str(base + k * r.randint(1, 40)),
                                amount,
                                m,
                                day(m, 10 + 3 * k),
                                day(m, 20),
                                f"Kurs {r.choice(OBJECTS)} deltagare {k + 1}",
                                "K",
                                group=self.group,
                            )
                        )
        index: dict[tuple[int, int], Post] = {(x.contract, x.slot): x for x in self.posts if x.contract >= 0 and not x.habit}
        for c, when in self.credits:
            hits = [x for (cid, m), x in index.items() if cid == c.cid and m >= when][:1]
            for one in hits:
                later = min(one.m + r.choice([0, 1]), MONTHS - 1)
                for k, factor in ((0, -1), (1, 1)):
                    self.group += 1
                    number = str(r.randint(10_000, 999_999)) if one.ref else ""
                    text = ("Kredit " if k == 0 else r.choice(["Ny faktura ", "Omfakturering ", ""])) + one.text
                    self.posts.append(
                        replace(
                            one,
                            m=later,
                            amount=factor * one.amount,
                            ref=number if c.ref_habit != "agreement" else one.ref,
                            vdate=day(later, 22 + k),
                            reg=day(later, 26),
                            text=text,
                            group=self.group,
                            habit="credit",
                        )
                    )
        for c, when in self.alike:
            hits = [x for (cid, m), x in index.items() if cid == c.cid and m >= when][:1]
            for one in hits:
                self.group += 1
                self.posts.append(
                    replace(
                        one,
                        ref=str(r.randint(10_000, 999_999)),
                        vdate=one.vdate,
                        text=f"{c.words.replace('{x}', '').strip()} tillägg {r.choice(OBJECTS)}",
                        group=self.group,
                        habit="alike",
                    )
                )

    def payroll_run(self) -> None:
        r = self.r
        rows = []
        self.pay: dict[tuple[str, int], list[Post]] = {}
        for i, unit in enumerate(self.units):
            heads = r.randint(4, 40)
            base = heads * r.uniform(27_000, 33_000)
            exported = r.random() < 0.85
            for m in range(MONTHS):
                growth = 1.027 ** sum(1 for y in range(1, 5) if y * 12 + 3 <= m)
                summer = 0.88 if m % 12 in (6, 7) else 1.0
                gross = round(base * growth * (1 + r.gauss(0, 0.012)), 2)
                absent = round(-gross * (1 - summer) - gross * abs(r.gauss(0.01, 0.006)), 2)
                po = round((gross + absent) * 0.3846, 2)
                self.group += 1
                at = self.where(unit, m)
                mine = [
                    Post(
                        at,
                        a,
                        "86" if a != "5610" else "81",
                        "",
                        "",
                        "",
                        -v,
                        m,
                        day(m, 27),
                        day(m, 28),
                        t,
                        "P",
                        group=self.group,
                        contra="1930",
                        habit="pay",
                    )
                    for a, v, t in (("5010", gross, "Löner"), ("5110", absent, "Frånvaroavdrag"), ("5610", po, "PO-pålägg"))
                ]
                self.posts += mine
                self.pay[unit, m] = mine
                if exported:
                    rows.append((at, period(m), round(gross + absent, 2), po))
                if m % 12 in (5, 11) and i % 3 == 0:  # change of the holiday liability: ledger only, not pay
                    self.group += 1
                    v = round(gross * r.uniform(-0.1, 0.1), 2)
                    self.posts.append(
                        Post(
                            at,
                            "5190",
                            "86",
                            "",
                            "",
                            "",
                            -v,
                            m,
                            day(m, 31),
                            day(m + 1, 5),
                            "Förändring semesterlöneskuld",
                            "B",
                            group=self.group,
                            contra="2910",
                            habit="liability",
                        )
                    )
        self.payroll_frame = pd.DataFrame(rows, columns=["unit_code", "period", "gross", "employer_contribution"])

    # ---- budget ----------------------------------------------------------------------------------------------------------
    def profile_run(self) -> None:
        r = self.r
        total: dict[tuple[str, str, int], float] = {}
        for x in self.posts:
            if not x.habit or x.habit in ("pay", "spread", "accrual", "reversal"):
                total[x.unit, line_of(x.account, x.cp), x.m] = total.get((x.unit, line_of(x.account, x.cp), x.m), 0.0) + x.amount
        keys = sorted({(u, line) for u, line, _ in total})
        rows = []
        for year in range(MONTHS // 12):
            for unit, line in keys:
                actual = [total.get((unit, line, year * 12 + k), 0.0) for k in range(12)]
                whole = sum(actual)
                if abs(whole) < 1:
                    continue
                whole *= 1 + r.gauss(0.0, 0.04)
                history = [[total.get((unit, line, y * 12 + k), 0.0) for k in range(12)] for y in range(year)]
                shape = (
                    [sum(h[k] / sum(h) for h in history if abs(sum(h)) > 1) for k in range(12)]
                    if history and all(abs(sum(h)) > 1 for h in history)
                    else [a / sum(actual) for a in actual]
                )
                scale = sum(shape)
                shape = [s / scale for s in shape] if abs(scale) > 1e-9 else [1 / 12] * 12
                distance = max(abs(sum(shape[: k + 1]) - (k + 1) / 12) for k in range(12))
                if distance < 0.05:
                    shape = [1 / 12] * 12  # flat because the activity is
                if self.errors_on and year == 3 and history and abs(whole) > 600_000 and r.random() < 0.08:
                    wrong = None
                    if distance > 0.16:
                        wrong = [1 / 12] * 12
                    elif distance < 0.06 and line.startswith("other_external"):
                        lean = r.choice([0.9, -0.9])
                        wrong = [max(0.005, (1 + lean * (5.5 - k) / 5.5)) / 12 for k in range(12)]
                    if wrong:
                        span = max(abs(sum(wrong[: k + 1]) - sum(shape[: k + 1])) for k in range(12))
                        shape = [w / sum(wrong) for w in wrong]
                        self.label(
                            "profile",
                            ("PER-04",),
                            {unit},
                            {line},
                            {period(year * 12 + k) for k in range(12)},
                            {""},
                            {""},
                            abs(whole) * span,
                            period(year * 12),
                        )
                rows += [("budget", period(year * 12 + k), unit, None, line, round(whole * shape[k], 2)) for k in range(12)]
        self.budget_frame = pd.DataFrame(rows, columns=["amount_type", "period", "unit_code", "account", "report_line", "amount"])

    # ---- errors ----------------------------------------------------------------------------------------------------------
    def label(self, kind, rules, units, lines, periods, cps, parties, amount, visible, accrual=None) -> None:
        # An amount that varies by nature (metered, seasonal) cannot be foreseen within five per cent: measured apart.
        spread = self.chosen.noise * self.noise if accrual and self.chosen else 0.0
        varies = {"varies"} if accrual and self.chosen and (spread > 0.025 or self.chosen.season) else set()
        self.labels.append(
            Label(
                len(self.labels),
                kind,
                rules,
                set(units),
                set(lines),
                set(periods),
                set(cps),
                set(parties),
                abs(amount),
                visible,
                accrual,
                varies,
                spread,
            )
        )

    def of(self, c: Contract) -> dict[int, list[Post]]:
        out: dict[int, list[Post]] = {}
        for x in self.by_contract.get(c.cid, []):
            if not x.habit:
                out.setdefault(x.slot, []).append(x)
        return out

    def regular(self, sign: int | None, m: int, internal: bool = False, cadence: int = 99, history: int = 4) -> Contract | None:
        """An untouched contract with enough history for a person to expect its posting in month m."""
        for _ in range(200):
            c = self.r.choice(self.contracts)
            if (
                c.touched
                or c.accrued
                or c.spread
                or bool(c.buyer) != internal
                or (sign is not None and c.sign != sign)
                or c.cadence > cadence
            ):
                continue
            due = [s for s, _ in self.slots(c)]
            booked = m - c.arrears
            if booked in due and sum(1 for s in due if s < booked) >= max(history, 3) and m < c.end:
                c.touched = True
                self.chosen = c
                return c
        return None

    def inject(self) -> None:
        r = self.r
        self.by_contract: dict[int, list[Post]] = {}
        for x in self.posts:
            if x.contract >= 0:
                self.by_contract.setdefault(x.contract, []).append(x)
        kinds = [
            ("missing_income", 16),
            ("missing_cost", 14),
            ("catch_up", 12),
            ("one_sided", 10),
            ("different_amount", 6),
            ("late", 10),
            ("early", 4),
            ("one_off_cutoff", 5),
            ("prepaid", 3),
            ("duplicate", 9),
            ("altered", 8),
            ("sign", 8),
            ("wrong_side", 4),
            ("payroll", 6),
            ("po", 4),
            ("after_release", 7),
            ("gap", 2),
            ("unbalanced", 2),
            ("unreversed", 4),
            ("prior_year", 4),
        ]
        for year in range(1, MONTHS // 12):
            share = 1.0 if year == 3 else 0.4
            n = round(self.errors_per_year * self.n_units / 40 * share)
            for kind in r.choices([k for k, _ in kinds], [w for _, w in kinds], k=n):
                m = year * 12 + r.randint(0, 11)
                getattr(self, "err_" + kind)(m)

    def drop(self, posts: list[Post]) -> None:
        gone = {id(x) for x in posts}
        self.posts = [x for x in self.posts if id(x) not in gone]
        for x in posts:
            if x.contract in self.by_contract:
                self.by_contract[x.contract] = [y for y in self.by_contract[x.contract] if id(y) not in gone]

    def err_missing_income(self, m: int, sign: int = 1) -> None:
        r = self.r
        internal = sign > 0 and r.random() < 0.15
        c = self.regular(sign, m, internal=internal)
        if not c:
            return
        have = self.of(c)
        months = [s for s, _ in self.slots(c) if s >= m - c.arrears][: r.choice([1, 1, 1, 2, 3])]
        gone = [x for s in months for x in have.get(s, [])]
        if not gone:
            return
        self.drop(gone)
        main = [x for x in gone if x.unit == gone[0].unit]
        rule = "PER-01" if sign > 0 else "PER-09"
        self.label(
            "missing_income" if sign > 0 else "missing_cost",
            (rule, "PER-03", "PER-09") if internal else (rule,),
            {x.unit for x in gone},
            {line_of(x.account, x.cp) for x in gone},
            {period(x.m) for x in gone},
            {x.cp for x in gone},
            {x.party for x in gone},
            sum(x.amount for x in main),
            period(main[0].m),
            accrual=abs(main[0].amount),
        )

    def err_missing_cost(self, m: int) -> None:
        self.err_missing_income(m, -1)

    def err_catch_up(self, m: int) -> None:
        r = self.r
        c = self.regular(None, m, cadence=3)
        if not c:
            return
        have = self.of(c)
        slots = [s for s, _ in self.slots(c) if s >= m - c.arrears]
        k = r.choice([1, 2, 3]) if c.cadence == 1 else 1
        if len(slots) < k + 1 or any(s not in have for s in slots[: k + 1]):
            return
        gone = [x for s in slots[:k] for x in have[s]]
        last = have[slots[k]][0]
        extra = sum(x.amount for x in gone)
        missed = {period(x.m) for x in gone}
        first = gone[0]
        self.drop(gone)
        style = r.random()
        if style < 0.5:
            last.amount = round(last.amount + extra, 2)
            last.text = r.choice(
                [
                    last.text,
                    last.text + " retroaktivt",
                    f"{c.words.replace('{x}', '').strip()} {SHORT[first.m % 12]}-{SHORT[last.m % 12]}",
                ]
            )
            if last.sfrom:
                last.sfrom = day(slots[0], 1)
        else:
            for x in gone:
                self.group += 1
                self.posts.append(replace(x, m=last.m, vdate=last.vdate, reg=last.reg, group=self.group))
        self.label(
            "catch_up",
            ("PER-02", "PER-05", "PER-01" if c.sign > 0 else "PER-09"),
            {last.unit},
            {line_of(last.account, last.cp)},
            missed | {period(last.m)},
            {last.cp},
            {last.party},
            extra,
            period(first.m),
            accrual=abs(first.amount),
        )

    def err_prior_year(self, m: int) -> None:
        """Income or cost of last year booked in this one, all at once: an agreement that nobody accrued."""
        r = self.r
        m = m - m % 12 + r.randint(0, 4)
        unit = self.where(r.choice(self.units), m)
        code, name = self.party()
        amount = round(r.uniform(60_000, 400_000), 0)
        y = START_YEAR + m // 12 - 1
        service = r.random() < 0.5
        self.group += 1
        text = r.choice(
            [f"Ersättning avser {y}", f"Ersättning okt-dec {y}", f"Ersättning {y}-07 - {y}-12", f"Ersättning helår {y}"]
        )
        self.posts.append(
            Post(
                unit,
                "3590",
                "81",
                code,
                name,
                str(r.randint(1000, 99999)),
                amount,
                m,
                day(m, 12),
                day(m, 14),
                text,
                "L",
                date(y, 7, 1) if service else None,
                date(y, 12, 31) if service else None,
                group=self.group,
                contra="1510",
            )
        )
        self.label(
            "prior_year", ("PER-02", "PER-05"), {unit}, {"external_income"}, {period(m)}, {"81"}, {code}, amount, period(m)
        )

    def err_one_sided(self, m: int) -> None:
        c = self.regular(1, m, internal=True)
        if not c:
            return
        have = self.of(c).get(m - c.arrears, [])
        if len(have) != 2:
            return
        gone = have[self.r.randrange(2)]
        if c.one_voucher:  # the kept side gets a balance contra of its own
            pass
        self.drop([gone])
        rules = ("PER-03", "PER-01") if gone.amount > 0 else ("PER-03", "PER-09")
        self.label(
            "one_sided",
            rules,
            {x.unit for x in have},
            {line_of(x.account, x.cp) for x in have},
            {period(m)},
            {x.cp for x in have},
            {""},
            gone.amount,
            period(m),
            accrual=abs(gone.amount),
        )

    def err_different_amount(self, m: int) -> None:
        c = self.regular(1, m, internal=True)
        if not c:
            return
        have = self.of(c).get(m - c.arrears, [])
        if len(have) != 2:
            return
        x = have[self.r.randrange(2)]
        old = x.amount
        x.amount = round(old * self.r.choice([0.5, 0.9, 1.1, 1.5, 0.1]), 2)
        self.label(
            "different_amount",
            ("PER-03",),
            {y.unit for y in have},
            {line_of(y.account, y.cp) for y in have},
            {period(m)},
            {y.cp for y in have},
            {""},
            x.amount - old,
            period(m),
        )

    def err_late(self, m: int) -> None:
        """Booked the month after: the service period, the invoice date or the text tells, sometimes nothing does."""
        c = self.regular(None, m, cadence=3)
        if not c or m + 1 >= MONTHS:
            return
        have = self.of(c).get(m - c.arrears, [])
        if not have:
            return
        for x in have:
            x.m, x.reg = m + 1, day(m + 1, self.r.randint(11, 28))
            if self.r.random() < 0.3:
                x.vdate = day(m + 1, self.r.randint(2, 20))
        x = have[0]
        self.label(
            "late",
            ("PER-05", "PER-02", "PER-01" if c.sign > 0 else "PER-09"),
            {x.unit},
            {line_of(x.account, x.cp)},
            {period(m), period(m + 1)},
            {x.cp},
            {x.party},
            x.amount,
            period(m),
            accrual=abs(x.amount),
        )

    def err_early(self, m: int) -> None:
        c = self.regular(None, m, cadence=1, history=6)
        if not c or m < 13 or (m % 12) in c.mask or m - 1 - c.arrears not in [s for s, _ in self.slots(c)]:
            return
        have = self.of(c).get(m - c.arrears, [])
        if not have:
            return
        for x in have:
            x.m, x.reg = m - 1, day(m - 1, 28)
            x.vdate = day(m - 1, 26)
            if not x.sfrom and self.r.random() < 0.7:
                x.text = f"{c.words.replace('{x}', '').strip()} avser {period(m)}"
        x = have[0]
        self.label(
            "early",
            ("PER-05", "PER-06", "PER-01" if c.sign > 0 else "PER-09"),
            {x.unit},
            {line_of(x.account, x.cp)},
            {period(m - 1), period(m)},
            {x.cp},
            {x.party},
            x.amount,
            period(m - 1),
        )

    def err_one_off_cutoff(self, m: int) -> None:
        r = self.r
        unit = self.where(r.choice(self.units), m)
        code, name = self.party()
        amount = -round(r.uniform(30_000, 250_000), 2)
        back = r.choice([1, 2, 3])
        how = r.randrange(3)
        self.group += 1
        self.posts.append(
            Post(
                unit,
                "7410",
                "87",
                code,
                name,
                str(r.randint(1000, 99999)),
                amount,
                m,
                day(m, 12) if how != 0 else day(m - back, 18),
                day(m, 14),
                "Utredning" if how != 1 else f"Utredning avser {period(m - back)}",
                "K",
                day(m - back, 1) if how == 2 else None,
                day(m - back, 31) if how == 2 else None,
                group=self.group,
            )
        )
        self.label(
            "one_off_cutoff",
            ("PER-05", "PER-02"),
            {unit},
            {"other_external_cost"},
            {period(m), period(m - back)},
            {"87"},
            {code},
            amount,
            period(m),
        )

    def err_prepaid(self, m: int) -> None:
        """A cost for the months to come, taken at once where it used to be spread, or new and for a whole year."""
        r = self.r
        unit = self.where(r.choice(self.units), m)
        code, name = self.party()
        amount = -round(r.uniform(60_000, 300_000), 0)
        y, k = START_YEAR + m // 12, m % 12
        service = r.random() < 0.6
        self.group += 1
        end = m + 11
        text = "Licens" if service else f"Licens {y}-{k + 1:02d} - {START_YEAR + end // 12}-{end % 12 + 1:02d}"
        self.posts.append(
            Post(
                unit,
                "6880",
                "87",
                code,
                name,
                str(r.randint(1000, 99999)),
                amount,
                m,
                day(m, 5),
                day(m, 9),
                text,
                "K",
                day(m, 1) if service else None,
                day(end, 31) if service else None,
                group=self.group,
            )
        )
        self.label(
            "prepaid", ("PER-05",), {unit}, {"other_external_cost"}, {period(m)}, {"87"}, {code}, amount * 11 / 12, period(m)
        )

    def target(self, m: int) -> Post | None:
        """An invoice to copy: half recurring, half one-off, of a size somebody would mind."""
        r = self.r
        for _ in range(400):
            x = r.choice(self.posts)
            if x.m == m and not x.habit and abs(x.amount) > 4000 and not x.cp.startswith("1"):
                if x.contract >= 0:
                    c = self.contracts[x.contract]
                    if c.touched:
                        continue
                    c.touched = True
                return x
        return None

    def err_duplicate(self, m: int, altered: bool = False) -> None:
        r = self.r
        x = self.target(m)
        if not x:
            return
        later = min(MONTHS - 1, m + r.choice([0, 0, 1]))
        self.group += 1
        copy = replace(
            x,
            m=later,
            group=self.group,
            habit="copy",
            vdate=x.vdate,
            reg=day(later, 28) if later > m else min(x.reg + timedelta(days=5), close_date(m) - timedelta(days=1)),
        )
        if altered:
            how = r.randrange(3)
            if how == 0:
                copy.ref = (x.ref[:-1] + r.choice("0123456789")) if x.ref else str(r.randint(1000, 99999))
                if copy.ref == x.ref:
                    copy.ref += "1"
            elif how == 1:
                copy.amount = round(x.amount * r.choice([0.99, 1.01, 1.02]), 2)
            else:
                copy.ref = "0" + x.ref if x.ref else ""
            copy.vdate = day(later, r.randint(15, 28))
        self.posts.append(copy)
        rules = ("PER-06", "PER-05", "PER-02") if later > m else ("PER-06",)
        self.label(
            "altered" if altered else "duplicate",
            rules,
            {x.unit},
            {line_of(x.account, x.cp)},
            {period(later), period(m)},
            {x.cp},
            {x.party},
            x.amount,
            period(later),
        )

    def err_altered(self, m: int) -> None:
        self.err_duplicate(m, altered=True)

    def err_sign(self, m: int) -> None:
        c = self.regular(None, m, cadence=3)
        if not c:
            return
        have = self.of(c).get(m - c.arrears, [])
        if not have:
            return
        x = have[0]
        x.amount = -x.amount
        self.label(
            "sign", ("PER-07",), {x.unit}, {line_of(x.account, x.cp)}, {period(m)}, {x.cp}, {x.party}, 2 * x.amount, period(m)
        )

    def err_wrong_side(self, m: int) -> None:
        """Income booked on a cost account, as a negative cost."""
        c = self.regular(1, m, cadence=3)
        if not c:
            return
        have = self.of(c).get(m - c.arrears, [])
        if not have:
            return
        x = have[0]
        old = line_of(x.account, x.cp)
        x.account = self.r.choice(["6410", "7410", "6880"])
        self.label(
            "wrong_side",
            ("PER-07", "PER-01"),
            {x.unit},
            {line_of(x.account, x.cp), old},
            {period(m)},
            {x.cp},
            {x.party},
            x.amount,
            period(m),
        )

    def err_payroll(self, m: int) -> None:
        r = self.r
        unit = r.choice([u for u in self.units if (self.payroll_frame.unit_code == self.where(u, m)).any()])
        rows = self.pay.pop((unit, m), None)
        if not rows:
            return
        how = r.randrange(3)
        gross = rows[0]
        if how == 0:  # part of the pay in another unit
            other = r.choice([u for u in self.units if u != unit])
            if (other, m) not in self.pay:
                return
            there = self.pay.pop((other, m))
            moved = round(gross.amount * r.uniform(0.05, 0.3), 2)
            gross.amount = round(gross.amount - moved, 2)
            there[0].amount = round(there[0].amount + moved, 2)
            units, amount = {gross.unit, there[0].unit}, moved
        elif how == 1:
            amount = gross.amount
            for x in rows:
                self.group += 1
                self.posts.append(replace(x, group=self.group))
            units = {gross.unit}
        else:
            amount = round(gross.amount * r.uniform(0.1, 0.5), 2)
            gross.amount = round(gross.amount - amount, 2)
            units = {gross.unit}
        self.label("payroll", ("PER-08", "PER-06"), units, {"personnel"}, {period(m)}, {"86", "81", ""}, {""}, amount, period(m))

    def err_po(self, m: int) -> None:
        unit = self.r.choice(self.units)
        rows = self.pay.pop((unit, m), None)
        if not rows:
            return
        old = rows[2].amount
        rows[2].amount = 0.0 if self.r.random() < 0.4 else round(old * 0.3142 / 0.3846, 2)
        if rows[2].amount == 0.0:
            self.drop([rows[2]])
        self.label(
            "po",
            ("PER-08", "PER-09"),
            {rows[0].unit},
            {"personnel"},
            {period(m)},
            {"86", "81", ""},
            {""},
            old - rows[2].amount,
            period(m),
        )

    def err_after_release(self, m: int) -> None:
        r = self.r
        if m + 1 >= MONTHS:
            return
        unit = self.where(r.choice(self.units), m)
        code, name = self.party()
        amount = -round(r.uniform(8_000, 120_000), 2)
        self.group += 1
        self.posts.append(
            Post(
                unit,
                "7410",
                "87",
                code,
                name,
                str(r.randint(1000, 99999)),
                amount,
                m,
                day(m, 28),
                close_date(m) + timedelta(days=r.randint(1, 18)),
                "Rättning konsult",
                "B",
                group=self.group,
            )
        )
        self.label(
            "after_release", ("PER-10",), {unit}, {"other_external_cost"}, {period(m)}, {"87"}, {code}, amount, period(m + 1)
        )

    def err_gap(self, m: int) -> None:
        self.gaps.append((self.r.choice("KL"), m, self.r.choice([1, 1, 2])))

    def err_unbalanced(self, m: int) -> None:
        x = self.target(m)
        if not x:
            return
        x.drop_contra = True
        self.label(
            "unbalanced", ("PER-11",), {x.unit}, {line_of(x.account, x.cp)}, {period(m)}, {x.cp}, {x.party}, x.amount, period(m)
        )

    def err_unreversed(self, m: int) -> None:
        if m + 1 >= MONTHS:
            return
        pool = [x for x in self.posts if x.habit == "reversal" and x.m == m + 1]
        if not pool:
            return
        x = self.r.choice(pool)
        if self.contracts[x.contract].touched:
            return
        self.contracts[x.contract].touched = True
        self.drop([x])
        self.label(
            "unreversed",
            ("PER-11", "PER-02", "PER-06"),
            {x.unit},
            {line_of(x.account, x.cp)},
            {period(m), period(m + 1)},
            {x.cp},
            {x.party, self.contracts[x.contract].party},
            x.amount,
            period(m + 1),
        )

    # ---- clerks ----------------------------------------------------------------------------------------------------------
    def typo(self, word: str) -> str:
        r = self.r
        if len(word) < 4:
            return word
        i = r.randrange(1, len(word) - 1)
        return r.choice(
            [word[:i] + word[i + 1 :], word[:i] + word[i + 1] + word[i] + word[i + 2 :], word[:i] + word[i] + word[i:]]
        )

    def blur(self) -> None:
        r, p = self.r, self.p
        for x in self.posts:
            if x.habit in ("pay", "accrual", "reversal", "liability"):
                continue
            if x.ref and r.random() < p["bad_ref"]:
                x.ref = "" if r.random() < 0.5 else self.typo(x.ref)
            if r.random() < p["typo"]:
                x.text = self.typo(x.text)
            if x.party and r.random() < p["no_party"]:
                x.party = x.name = ""
            if not x.cp.startswith("1") and r.random() < p["no_cp"]:
                x.cp = ""
        # Aggregated postings: two agreements of one party in one row.
        if p["lump"]:
            groups: dict[tuple, list[Post]] = {}
            for x in self.posts:
                if x.contract >= 0 and not x.habit and x.party and not x.cp.startswith("1") and not x.drop_contra:
                    groups.setdefault((x.unit, x.account, x.party, x.m, x.cp), []).append(x)
            for members in groups.values():
                touched = any(self.contracts[x.contract].touched for x in members)
                if len({x.contract for x in members}) > 1 and not touched and r.random() < 8 * p["lump"]:
                    first = members[0]
                    first.amount = round(sum(x.amount for x in members), 2)
                    first.text = "Samlingsfaktura " + first.name
                    first.ref = str(r.randint(10_000, 99_999))
                    gone = {id(x) for x in members[1:]}
                    self.posts = [x for x in self.posts if id(x) not in gone]

    def voucherise(self) -> pd.DataFrame:
        r = self.r
        vouchers: dict[int, list[Post]] = {}
        for x in self.posts:
            vouchers.setdefault(x.group or id(x), []).append(x)
        order = sorted(vouchers.values(), key=lambda v: (v[0].reg, v[0].group or 0))
        counter: dict[tuple[str, int], int] = {}
        holes = {(s, START_YEAR + m // 12, m): n for s, m, n in self.gaps}
        rows = []
        for posts in order:
            x = posts[0]
            year = START_YEAR + x.m // 12
            key = (x.series, year)
            number = counter.get(key, 0) + 1
            hole = holes.get((x.series, year, x.m))
            if hole and number > 3 and r.random() < 0.05:
                del holes[x.series, year, x.m]
                number += hole
                if self.errors_on:
                    self.label("gap", ("PER-11",), {"", "KOMMUN"}, {"", "balance"}, {period(x.m)}, {""}, {""}, 0, period(x.m))
            counter[key] = number
            voucher_text = x.text if r.random() < 0.3 else ""
            balance = -sum(y.amount for y in posts)
            for y in posts:
                rows.append(
                    (
                        y.m,
                        y.series,
                        str(number),
                        y.vdate,
                        y.reg,
                        y.account,
                        y.amount,
                        y.unit,
                        y.cp,
                        voucher_text,
                        y.text,
                        y.party,
                        y.name,
                        y.ref,
                        y.sfrom,
                        y.sto,
                    )
                )
            if abs(balance) > 0.004 and not any(y.drop_contra for y in posts):
                interim = x.contra.startswith(("17", "29"))
                rows.append(
                    (
                        x.m,
                        x.series,
                        str(number),
                        x.vdate,
                        x.reg,
                        x.contra,
                        round(balance, 2),
                        x.unit if interim else "",
                        x.cp if interim else "",
                        voucher_text,
                        x.text,
                        "",
                        "",
                        "",
                        None,
                        None,
                    )
                )
        frame = pd.DataFrame(
            rows,
            columns=[
                "m",
                "voucher_series",
                "voucher_number",
                "voucher_date",
                "registration_date",
                "account",
                "amount",
                "unit_code",
                "counterparty",
                "voucher_text",
                "row_text",
                "party",
                "party_name",
                "reference",
                "service_from",
                "service_to",
            ],
        )
        frame["period"] = frame.m.map(period)
        frame["fiscal_year"] = START_YEAR + frame.m // 12
        frame["load_id"] = "load-" + frame.period
        frame["source_file"] = "huvudbok-" + frame.period + ".csv"
        frame["source_row"] = frame.groupby("load_id").cumcount() + 2
        frame["transaction_date"] = frame.voucher_date
        for name in ("activity", "sub_activity", "project", "cost_object"):
            frame[name] = ""
        frame["counterparty_group"] = [
            ("internal" if c[:1] in "1234" else "group_company" if c[:1] in "567" else "external") if c else "external"
            for c in frame.counterparty
        ]
        frame["report_line"] = [line_of(a, c) for a, c in zip(frame.account, frame.counterparty, strict=True)]
        return frame.drop(columns="m")

    def registers(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        r, p = self.r, self.p
        rows, internal = [], []
        for c in self.contracts:
            if c.accrued and r.random() < 0.5:
                continue
            listed = r.random() < p["register"]
            if not listed or c.kind in ("fee",):
                continue
            stale = r.random() < p["stale"]
            ends = day(c.end - 1, 31) if c.end < MONTHS and not stale else None
            spans: list[tuple[str, date, date | None]] = [(c.unit, day(c.start, 1), ends)]
            for when, new in c.moves:
                spans = [*spans[:-1], (spans[-1][0], spans[-1][1], day(when - 1, 31)), (new, day(when, 1), ends)]
            cads = [(c.cadence, c.phase, day(c.start, 1), ends)]
            if c.switches and not stale:
                when, new = c.switches[0]
                phase = c.phase % new if new < c.cadence else (new - 1 + when) % new
                cads = [(c.cadence, c.phase, day(c.start, 1), day(when - 1, 31)), (new, phase, day(when, 1), ends)]
            for unit, f1, t1 in spans:
                for cadence, phase, f2, t2 in cads:
                    f, t = max(f1, f2), min((x for x in (t1, t2) if x), default=None)
                    if t and t < f:
                        continue
                    amount = round(self.price(c, max(c.start, 0)) * cadence / c.cadence, 2)
                    if c.buyer:
                        internal.append(
                            (
                                f"I{c.cid}",
                                unit,
                                c.buyer,
                                c.account,
                                c.buyer_account,
                                c.ref if c.ref_habit == "agreement" else "",
                                c.words.replace("{x}", "").strip(),
                                amount,
                                cadence,
                                (phase + c.arrears) % cadence + 1,
                                f,
                                t,
                                c.index,
                            )
                        )
                    elif not c.mask and not c.season and c.noise < 0.1 and not c.spread:
                        rows.append(
                            (
                                f"A{c.cid}",
                                unit if c.sign > 0 else "",
                                unit if c.sign < 0 else "",
                                "income" if c.sign > 0 else "cost",
                                c.account,
                                c.cp,
                                c.party,
                                c.ref if c.ref_habit in ("agreement", "mixed") else "",
                                c.words.replace("{x}", "").strip(),
                                amount,
                                cadence,
                                (phase + c.arrears) % cadence + 1,
                                f,
                                t,
                                c.index,
                            )
                        )
        common = ["reference", "text", "amount", "cadence", "phase", "valid_from", "valid_to", "index"]
        return (
            pd.DataFrame(
                rows,
                columns=["agreement_id", "seller_unit", "buyer_unit", "direction", "account", "counterparty", "party", *common],
            ),
            pd.DataFrame(
                internal, columns=["agreement_id", "seller_unit", "buyer_unit", "income_account", "cost_account", *common]
            ),
        )


def generate(
    seed: int, level: int, *, errors: bool = True, units: int = 40, errors_per_year: float = 120, noise: float = 1.0
) -> World:
    """Return one labelled world. The same arguments give the same world."""
    return Generator(seed, level, errors, units, errors_per_year, noise).build()
