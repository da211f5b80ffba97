"""A third municipality, written from bookkeeping alone, exported as files and run as a user runs them.

What belongs here: vouchers of a made-up municipality with labelled errors, their export in the styles of Swedish systems, and
what `marts.findings` says of them. What does not: the engine's own tables; nothing but files goes in. Written without a look at
the other two worlds, so that what one takes for granted another need not.

    python tests/bench/findings_files.py [--seeds 301] [--styles rich,sie,poor,once] [--months 42]
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
import zlib
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from orchestration.months import MONTHS
from orchestration.run import run_periods
from orchestration.settings import load_settings

START = 2019 * 12


def name_of(m: int) -> str:
    return f"{m // 12}-{m % 12 + 1:02d}"


def first_day(m: int) -> date:
    return date(m // 12, m % 12 + 1, 1)


def last_day(m: int) -> date:
    return first_day(m + 1) - timedelta(days=1)


@dataclass
class Row:
    account: str
    unit: str
    cp: str
    kr: float  # debit +
    text: str = ""
    party: str = ""
    ref: str = ""
    sf: date | None = None
    st: date | None = None


@dataclass
class Voucher:
    series: str
    m: int  # period
    vdate: date
    rdate: date
    text: str
    rows: list[Row]
    number: int = 0
    invoice_date: date | None = None


@dataclass
class Deal:
    """One recurring business. amount: per occasion, positive; sign +1 income, -1 cost."""

    id: str
    sign: int
    unit: str
    account: str
    party: str
    party_id: str
    cp: str
    what: str
    amount: float
    cadence: int = 1
    phase: int = 0
    index: float = 0.02
    index_month: int = 0
    noise: float = 0.0
    season: tuple[float, ...] | None = None
    start: int = 0
    end: int = 10**6
    lag: int = 0  # invoice in arrears of the service, in months (period follows service unless cash habit)
    text_style: int = 0
    service: bool = True
    accrue: bool = False  # quarter invoiced afterwards, accrued monthly
    prepaid: bool = False  # year paid in advance, spread by 1710
    final_text: bool = False
    buyer: str = ""
    cost_account: str = ""
    register: bool = False
    parts: int = 1
    frame: str = ""


@dataclass
class Occasion:
    deal: Deal
    m: int  # service month (last)
    kr: float
    booked: int  # period
    ref: str = ""
    text: str = ""
    kind: str = ""  # error or confuser
    unit: str = ""
    party: str = ""
    one_side: str = ""
    other_kr: float | None = None
    flip: bool = False
    rdate: date | None = None
    sf: int | None = None
    st: int | None = None
    skip: bool = False


@dataclass
class Label:
    kind: str
    rules: tuple[str, ...]
    unit: str
    account: str
    months: tuple[int, ...]
    party: str
    cp: str
    kr: float
    seen: int  # first close that can see it
    other_unit: str = ""
    text: str = ""


@dataclass
class World:
    units: dict[str, tuple[str, str]]
    vouchers: list[Voucher] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    budget: dict[tuple[str, str, str], dict[int, float]] = field(default_factory=dict)
    payroll: list[tuple[str, int, str, str, float, float]] = field(default_factory=list)
    deals: list[Deal] = field(default_factory=list)
    first: int = START
    last: int = START


OFFICES = {
    "10": ("Kommunledningskontoret", ["Ekonomi", "HR", "IT-avdelningen", "Kansli"]),
    "20": (
        "Barn- och utbildningsförvaltningen",
        ["Åsskolan", "Björkskolan", "Centralskolan", "Lyckans förskola", "Ängens förskola", "Musikskolan"],
    ),
    "30": (
        "Socialförvaltningen",
        ["Hemtjänst norr", "Hemtjänst söder", "Ekens äldreboende", "Individ och familj", "Bostäder LSS"],
    ),
    "40": ("Tekniska förvaltningen", ["Fastighet", "Gata och park", "VA och avfall", "Kostenheten"]),
    "50": ("Kultur- och fritidsförvaltningen", ["Biblioteket", "Simhallen", "Ishallen", "Fritidsgårdar"]),
}
SEASON_HEAT = (1.7, 1.6, 1.4, 1.0, 0.7, 0.5, 0.4, 0.45, 0.65, 0.95, 1.25, 1.4)
SEASON_SCHOOL = (1, 1, 1, 1, 1, 0.6, 0, 0.6, 1, 1, 1, 0.8)
SEASON_SUMMER_SHUT = (1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1)
SEASON_JULY_SHUT = (1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1)
PO = {2019: 0.3915, 2020: 0.4015, 2021: 0.4015, 2022: 0.3925}
SUPPLIERS = [
    name.strip()
    for name in """
Telia Sverige AB; Vattenfall Försäljning AB; Ricoh Sverige AB; Securitas Sverige AB; Nordlo Syd AB; Atea Sverige AB;
Tieto Sweden AB; CGI Sverige AB; Samhall AB; Coor Service AB; Anticimex AB; Lyreco Sverige AB; Kone AB; Otis AB;
Volkswagen Finans AB; Autoplan AB; Elis Textil AB; Berendsen AB; Pitney Bowes AB; Visma Commerce AB;
Försäkringsbolaget Svea; Länsförsäkringar; PostNord AB; Swedol AB; Ahlsell AB; Skolplattform AB; Gleerups AB;
IST Sverige AB; Procapita AB; Phoniro AB; Tunstall AB; Attendo Sverige AB; Humana AB; Frösunda Omsorg AB; Nobina AB;
Taxi Kurir; Renova AB; Ragn-Sells AB; Martin & Servera AB; Menigo Foodservice AB; Dagab AB; Jojka AB; Quicknet AB;
Axiell AB; BTJ AB; Kyla i Norr AB; Badservice AB; Ismaskiner AB; Park & Miljö AB; Skanska Drift AB; Peab Drift AB;
Bravida AB; Assemblin AB; Caverion AB; Infomedia AB; Kommentus AB; Retriever AB; Svenska Brandtjänst
""".replace("\n", " ").split(";")
]
CUSTOMERS = [
    name.strip()
    for name in """
Migrationsverket|813; Skolverket|811; Försäkringskassan|815; Arbetsförmedlingen|814; Socialstyrelsen|812;
Region Mitt|841; Grannby kommun|821; Lindby kommun|822; Storstads kommun|823; IK Kamraterna|851;
Simklubben Delfin|852; Hockeyföreningen|853; Fackförbundet Vision|854; Kommunal avd 12|855; Polismyndigheten|816;
Bostads AB Sjövik|511; Sjövik Energi AB|512; Restaurang Torget HB|871; Café Lyktan AB|872; Gymkedjan AB|873;
Advokat Berg AB|874; Tandläkarna AB|875; Telenor Mast AB|876; Tele2 Mast AB|877; Kyrkliga samfälligheten|856
""".replace("\n", " ").split(";")
]


class Builder:
    """Builds one world. errors=False gives the same municipality with everything booked right."""

    def __init__(self, seed: int, months: int = 42, errors: bool = True, noise: float = 1.0) -> None:
        self.rng = np.random.default_rng(seed)
        self.months, self.errors, self.level = months, errors, noise
        self.first, self.last = START, START + months - 1
        self.units: dict[str, tuple[str, str]] = {"KOMMUN": ("Sjöviks kommun", "")}
        self.leaf: list[str] = []
        self.mp: dict[str, str] = {}
        for office, (label, names) in OFFICES.items():
            self.units[office] = (label, "KOMMUN")
            for k, name in enumerate(names):
                code = f"{office}{k + 1}0"
                self.units[code] = (name, office)
                self.leaf.append(code)
                self.mp[code] = f"{100 + int(office) + k}"
        self.world = World(self.units, first=self.first, last=self.last)
        self.deals: list[Deal] = self.world.deals
        self.refs = {s: int(self.rng.integers(1000, 99999)) for s in SUPPLIERS}
        self.party_no = {s: f"{20000 + k * 7}" for k, s in enumerate(SUPPLIERS)}
        self.customer_no = {c.split("|")[0]: f"{70000 + k * 3}" for k, c in enumerate(CUSTOMERS)}
        self.occasions: list[Occasion] = []
        self.extra: list[Voucher] = []
        self.invoice = 400000
        self.late: list[Voucher] = []

    # ---------------------------------------------------------------- the municipality's business
    def code(self, name: str) -> str:
        return next(c for c, (n, _) in self.units.items() if n == name)

    def deal(self, sign: int, unit: str, account: str, party: str, what: str, amount: float, **rest) -> Deal:
        if sign > 0 and "|" in party:
            party, cp = party.split("|")
            pid = self.customer_no[party]
        else:
            cp = rest.pop("cp", f"87{1 + zlib.crc32(party.encode()) % 8}")
            pid = self.party_no.get(party, "")
        rest.setdefault("text_style", int(self.rng.integers(0, 5)))
        d = Deal(f"D{len(self.deals):04d}", sign, unit, account, party, pid, cp, what, float(round(amount)), **rest)
        self.deals.append(d)
        return d

    def business(self) -> None:
        r = self.rng
        cust = list(CUSTOMERS)

        def kr(low: float, high: float) -> float:
            return float(np.exp(r.uniform(np.log(low), np.log(high))))

        small = 0.01 * self.level
        for u in self.leaf:
            office = u[:2]
            supp = list(r.permutation(SUPPLIERS))
            # telephony, copiers, leasing, licences, cleaning, alarm
            self.deal(-1, u, "6811", supp.pop(), "telefoni", kr(4e3, 3e4), noise=0.03 * self.level)
            self.deal(
                -1, u, "6941", supp.pop(), "leasing kopiatorer", kr(6e3, 25e3), cadence=3, phase=int(r.integers(0, 3)), index=0
            )
            if r.random() < 0.6:
                self.deal(-1, u, "6942", supp.pop(), "billeasing", kr(5e3, 4e4), index=0, register=r.random() < 0.5)
            if r.random() < 0.7:
                self.deal(-1, u, "7461", supp.pop(), "bevakning", kr(5e3, 3e4), noise=small, register=r.random() < 0.4)
            if r.random() < 0.6:
                self.deal(
                    -1,
                    u,
                    "6821",
                    supp.pop(),
                    "licens verksamhetssystem",
                    kr(4e4, 3e5),
                    cadence=12,
                    phase=int(r.integers(0, 4)),
                    prepaid=r.random() < 0.6,
                    index=0.03,
                )
            if r.random() < 0.5:
                self.deal(-1, u, "7311", supp.pop(), "försäkring", kr(2e4, 9e4), cadence=12, phase=0, prepaid=True)
            if r.random() < 0.5:
                self.deal(
                    -1,
                    u,
                    "7411",
                    supp.pop(),
                    "serviceavtal",
                    kr(8e3, 5e4),
                    cadence=int(r.choice([3, 4, 6])),
                    phase=int(r.integers(0, 3)),
                )
            if r.random() < 0.5:
                self.deal(-1, u, "6162", supp.pop(), "avfall", kr(3e3, 2e4), noise=0.05 * self.level)
            if r.random() < 0.35:
                self.deal(-1, u, "6012", supp.pop(), "lokalhyra", kr(3e4, 2e5), cadence=3, phase=0, index=0.022, register=True)
            if office in ("20", "30") and r.random() < 0.7:
                self.deal(-1, u, "6421", supp.pop(), "förbrukningsmaterial", kr(8e3, 4e4), noise=0.25, parts=3, index=0.01)
            # income of customers
            if r.random() < 0.75:
                c = cust[int(r.integers(0, len(cust)))]
                self.deal(
                    1,
                    u,
                    "3411",
                    c,
                    "lokalhyra",
                    kr(5e3, 6e4),
                    cadence=int(r.choice([1, 1, 3])),
                    phase=0,
                    register=r.random() < 0.6,
                )
            if r.random() < 0.5:
                c = cust[int(r.integers(0, len(cust)))]
                self.deal(
                    1,
                    u,
                    "3611",
                    c,
                    "ersättning enligt avtal",
                    kr(1e4, 1.2e5),
                    noise=0.02 * self.level,
                    cadence=int(r.choice([1, 3, 4])),
                    register=r.random() < 0.5,
                    lag=int(r.choice([0, 0, 1])),
                )
        f, it, kost, va = map(self.code, ("Fastighet", "IT-avdelningen", "Kostenheten", "VA och avfall"))
        self.deal(
            -1, f, "6211", "Vattenfall Försäljning AB", "el", 420e3, season=SEASON_HEAT, noise=0.04 * self.level, index=0.04
        )
        self.deal(-1, f, "6221", "Sjövik Energi AB", "fjärrvärme", 600e3, season=SEASON_HEAT, noise=0.05 * self.level, cp="512")
        self.deal(-1, f, "7461", "Kone AB", "hisservice", 60e3, cadence=3, phase=0)
        self.deal(
            -1, kost, "4011", "Martin & Servera AB", "livsmedel", 310e3, season=SEASON_SCHOOL, noise=0.05, parts=8, text_style=4
        )
        self.deal(
            -1, kost, "4011", "Menigo Foodservice AB", "livsmedel", 140e3, season=SEASON_SCHOOL, noise=0.05, parts=4, text_style=4
        )
        self.deal(-1, it, "6821", "Atea Sverige AB", "Microsoft-licenser", 1.4e6, cadence=12, phase=0, prepaid=True)
        self.deal(-1, it, "6821", "Tieto Sweden AB", "drift verksamhetssystem", 96e3, register=True)
        self.deal(-1, it, "6812", "Quicknet AB", "dataförbindelser", 44e3)
        for unit, what, amount, noise in ((va, "avgifter VA", 1.9e6, 0.02), (va, "avgifter renhållning", 9e5, 0.015)):
            self.fee(unit, "3111", what, amount, noise)
        for unit in map(self.code, ("Lyckans förskola", "Ängens förskola")):
            self.fee(unit, "3112", "barnomsorgsavgifter", kr(1.5e5, 3e5), 0.015, SEASON_JULY_SHUT if r.random() < 0.5 else None)
        for unit in map(self.code, ("Hemtjänst norr", "Hemtjänst söder", "Ekens äldreboende")):
            self.fee(unit, "3113", "avgifter äldreomsorg", kr(1.2e5, 3e5), 0.02)
        self.fee(self.code("Musikskolan"), "3114", "terminsavgifter", 260e3, 0.02, cadence=6, phase=1)
        self.fee(self.code("Simhallen"), "3011", "entréer dagskassa", 210e3, 0.06, SEASON_SUMMER_SHUT)
        self.fee(self.code("Ishallen"), "3411", "istider", 90e3, 0.05, (1, 1, 1, 0.5, 0, 0, 0, 0.6, 1, 1, 1, 1))
        self.deal(
            1,
            self.code("Individ och familj"),
            "3511",
            "Migrationsverket|813",
            "schablonersättning",
            640e3,
            cadence=3,
            phase=2,
            noise=0.04,
            register=True,
        )
        self.deal(
            1, self.code("Centralskolan"), "3511", "Skolverket|811", "statsbidrag fritidshem", 420e3, cadence=6, phase=3, index=0
        )
        self.deal(1, self.code("HR"), "3611", "Fackförbundet Vision|854", "facklig tid", 41e3, register=True)
        self.deal(
            1,
            self.code("Kansli"),
            "3511",
            "Polismyndigheten|816",
            "ersättning säkerhetsarbete",
            125e3,
            cadence=3,
            phase=2,
            register=True,
        )
        self.deal(1, self.code("Bostäder LSS"), "3611", "Försäkringskassan|815", "assistansersättning", 480e3, noise=0.02, lag=1)
        self.deal(-1, self.code("Hemtjänst norr"), "4631", "Attendo Sverige AB", "hemtjänst utförare", 410e3, noise=0.03)
        self.deal(-1, self.code("Hemtjänst söder"), "4631", "Humana AB", "hemtjänst utförare", 380e3, noise=0.03)
        self.deal(
            -1,
            self.code("Individ och familj"),
            "4631",
            "Frösunda Omsorg AB",
            "placering",
            95e3,
            noise=0.02,
            end=START + 31,
            final_text=True,
        )
        self.deal(
            -1,
            self.code("Gata och park"),
            "4611",
            "Peab Drift AB",
            "vinterväghållning",
            240e3,
            season=(2, 2, 1.5, 0.5, 0, 0, 0, 0, 0, 0.3, 1.2, 1.8),
            noise=0.1,
        )
        self.deal(
            -1,
            self.code("Gata och park"),
            "6211",
            "Vattenfall Försäljning AB",
            "el gatubelysning",
            95e3,
            season=SEASON_HEAT,
            noise=0.04,
        )
        # internal trade
        for u in self.leaf:
            if u != f:
                self.internal(f, u, "6011", "internhyra", kr(2e4, 4e5), register=r.random() < 0.7)
            if u != it:
                self.internal(it, u, "6822", "IT-tjänster", kr(6e3, 5e4), register=r.random() < 0.4)
            if u[:2] in ("20",) and u != self.code("Musikskolan"):
                self.internal(kost, u, "4012", "skolmåltider", kr(5e4, 2e5), season=SEASON_SCHOOL, noise=0.04)
            if r.random() < 0.4 and u != f:
                self.internal(f, u, "6161", "lokalvård", kr(1e4, 6e4))
        # innocent changes
        live = [d for d in self.deals if not d.buyer and d.cadence == 1 and not d.season and d.party]
        for k, d in enumerate(r.permutation(np.array(live, dtype=object))[: max(10, len(live) // 6)]):
            at = START + int(r.integers(16, self.months - 3))
            if k % 4 == 0:
                d.end, d.final_text = at, r.random() < 0.6
            elif k % 4 == 1:
                d.start = at
            elif k % 4 == 2:
                d.frame = f"price:{at}:{r.choice([0.9, 1.08, 1.12])}"
            else:
                d.frame = f"quarterly:{at}"

    def fee(
        self, unit: str, account: str, what: str, amount: float, noise: float, season=None, cadence: int = 1, phase: int = 0
    ) -> None:
        d = Deal(
            f"D{len(self.deals):04d}",
            1,
            unit,
            account,
            "",
            "",
            "860",
            what,
            amount,
            noise=noise * self.level,
            season=season,
            cadence=cadence,
            phase=phase,
            index=0.02,
            service=False,
        )
        self.deals.append(d)

    def internal(self, seller: str, buyer: str, account: str, what: str, amount: float, **rest) -> None:
        d = Deal(
            f"D{len(self.deals):04d}",
            1,
            seller,
            "3921" if account != "6011" else "3911",
            "",
            "",
            self.mp[buyer],
            what,
            float(round(amount, -2)),
            buyer=buyer,
            cost_account=account,
            **rest,
        )
        self.deals.append(d)

    # ---------------------------------------------------------------- occasions
    def amount_of(self, d: Deal, m: int) -> float:
        years = (m - START - d.index_month) // 12
        kr = d.amount * (1 + d.index) ** max(0, years)
        if d.season:
            kr *= d.season[m % 12]
        if d.frame.startswith("price"):
            _, at, factor = d.frame.split(":")
            if m >= int(at):
                kr *= float(factor)
        if d.noise:
            kr *= float(np.exp(self.rng.normal(0, d.noise)))
        return round(kr, 2 if d.noise or d.season else 0)

    def plan(self) -> None:
        for d in self.deals:
            cadence = d.cadence
            for m in range(max(self.first, d.start), min(self.last, d.end) + 1):
                quarterly = d.frame.startswith("quarterly") and m >= int(d.frame.split(":")[1])
                c = 3 if quarterly else cadence
                if c > 1 and m % c != d.phase % c:
                    continue
                kr = self.amount_of(d, m) * (3 if quarterly else 1)
                if kr < 1:
                    continue
                o = Occasion(d, m, kr, m)
                if (c > 1 and d.sign < 0 and d.account in ("6012", "6941")) or d.prepaid:
                    o.sf, o.st = m, m + c - 1  # in advance
                else:
                    o.sf, o.st = m - c + 1, m
                if d.lag:
                    o.booked, o.sf, o.st = m, m - d.lag - c + 1, m - d.lag  # invoiced a month behind, always
                self.occasions.append(o)
                if c == 1 and d.final_text and m == d.end:
                    o.kind = "final"

    def label(self, kind: str, rules: str, o: Occasion, months: tuple[int, ...], kr: float, seen: int, other: str = "") -> None:
        d = o.deal
        self.world.labels.append(
            Label(kind, tuple(rules.split()), d.unit, d.account, months, d.party, d.cp, round(kr, 2), seen, other, d.what)
        )

    def inject(self) -> None:
        """Errors at occasions of deals with at least 13 months behind them; one a deal and year at most."""
        r = self.rng
        by: dict[str, list[Occasion]] = defaultdict(list)
        for o in self.occasions:
            by[o.deal.id].append(o)
        used: dict[str, int] = {}
        pool = []
        for d in self.deals:
            occ = by[d.id]
            for k, o in enumerate(occ):
                behind = o.m - occ[0].m
                steady = behind >= (13 if d.cadence < 6 else 24) and k >= 3 and o.m <= self.last - 1 and o.m < d.end - 1
                changed = d.frame and abs(o.m - int(d.frame.split(":")[1])) < 7
                if steady and not changed and o.kr > 4000 and d.parts == 1:
                    pool.append((o, k))
        pool = [pool[i] for i in r.permutation(len(pool))]

        def take(test) -> tuple[Occasion, int] | None:
            for o, k in pool:
                if abs(used.get(o.deal.id, -99) - o.m) > 12 and not o.kind and test(o, k):
                    used[o.deal.id] = o.m
                    return o, k
            return None

        years = max(1, (self.months - 13) / 12)

        def times(per_year: float) -> range:
            return range(round(per_year * years))

        external = lambda o: not o.deal.buyer  # noqa: E731
        for i in times(8):  # income never invoiced, or caught up later
            if hit := take(lambda o, k: o.deal.sign > 0 and external(o) and o.deal.cadence < 12):
                o, k = hit
                o.skip, o.kind = True, "missing_income"
                self.label("missing_income", "PER-01 PER-02", o, (o.m,), o.kr, o.m)
                later = [x for x in by[o.deal.id][k + 1 : k + 4] if not x.kind]
                if i % 2 and later:
                    x = later[0]
                    x.kind = "catch_up"
                    self.occasions.append(Occasion(o.deal, o.m, o.kr, x.booked, kind="caught", sf=o.sf, st=o.st))
                    self.label("catch_up", "PER-02 PER-05 PER-01", o, (x.booked,), o.kr, x.booked)
        for _ in times(5):  # several months in one
            if hit := take(lambda o, k: external(o) and o.deal.cadence == 1 and o.deal.party and k + 3 < len(by[o.deal.id])):
                o, k = hit
                n = int(r.integers(2, 4))
                late = by[o.deal.id][k + n] if k + n < len(by[o.deal.id]) else None
                if late is None or late.kind:
                    continue
                for x in by[o.deal.id][k : k + n]:
                    x.skip, x.kind = True, "missing"
                whole = sum(x.kr for x in by[o.deal.id][k : k + n])
                self.label("missing_run", "PER-01 PER-09 PER-02", o, tuple(x.m for x in by[o.deal.id][k : k + n]), o.kr, o.m)
                late.kr, late.kind, late.sf = late.kr + whole, "catch_up", o.sf
                self.label("catch_up", "PER-02 PER-05 PER-01 PER-09", late, (late.m,), whole, late.m)
                used[o.deal.id] = late.m
        for _ in times(3):  # last year's income this year
            if hit := take(lambda o, k: o.deal.sign > 0 and external(o) and o.m % 12 in (1, 2) and o.deal.party and o.kr > 25e3):
                o, k = hit
                y = o.m // 12 - 1
                extra = Occasion(
                    o.deal,
                    o.m,
                    round(o.kr * 0.8, 2),
                    o.booked,
                    kind="prior",
                    sf=y * 12 + 9,
                    st=y * 12 + 11,
                    text=f"{o.deal.what} okt-dec {y}",
                )
                self.occasions.append(extra)
                self.label("prior_year", "PER-02 PER-05 PER-06", o, (o.booked,), extra.kr, o.booked)
        for i in times(9):
            if hit := take(lambda o, k: bool(o.deal.buyer)):
                o, k = hit
                if i % 3 == 2:
                    o.kind, o.other_kr = "internal_amount", round(o.kr * float(r.choice([0.8, 0.9, 1.15])), 2)
                    self.label("internal_amount", "PER-03", o, (o.m,), abs(o.kr - o.other_kr), o.m, o.deal.buyer)
                else:
                    o.kind, o.one_side = "one_sided", ("buyer", "seller")[i % 2]
                    self.label("one_sided", "PER-03 PER-01 PER-09", o, (o.m,), o.kr, o.m, o.deal.buyer)
        for _ in times(4):  # internal item not booked at all
            if hit := take(lambda o, k: bool(o.deal.buyer)):
                o, k = hit
                o.skip, o.kind = True, "missing_internal"
                self.label("missing_internal", "PER-01 PER-09 PER-03", o, (o.m,), o.kr, o.m, o.deal.buyer)
        for i in times(8):  # cut-off: booked a month late or early, with the service period on the invoice
            if hit := take(
                lambda o, k: (
                    external(o)
                    and o.deal.cadence in (1, 3)
                    and o.kr > 30e3
                    and o.deal.party
                    and o.booked < self.last - 1
                    and not o.deal.lag
                )
            ):
                o, k = hit
                o.kind, o.booked = "cutoff", o.booked + (1 if i % 4 else 2)
                self.label("cutoff", "PER-05 PER-02 PER-01 PER-09", o, (o.m, o.booked), o.kr, o.m)
        for _ in times(3):  # a year's prepaid cost taken at once
            if hit := take(lambda o, k: o.deal.prepaid):
                o, k = hit
                o.kind = "prepaid_at_once"
                self.label("prepaid", "PER-05 PER-02", o, (o.m,), o.kr * 11 / 12, o.m)
        for i in times(10):  # duplicates, exact and altered
            if hit := take(lambda o, k: external(o) and o.deal.party and o.booked <= self.last - 1):
                o, k = hit
                o.kind = "double"
                how = i % 4
                twin = Occasion(o.deal, o.m, o.kr, o.booked + (1 if how == 3 else 0), kind=f"dup{how}", sf=o.sf, st=o.st)
                if how == 2:
                    twin.kr = round(o.kr * 1.004, 2)
                self.occasions.append(twin)
                o.ref = twin.ref = self.next_ref(o.deal)
                if how in (1, 2):
                    twin.ref = (o.ref[:-1] + str((int(o.ref[-1]) + 3) % 10)) if how == 1 else o.ref
                self.label("duplicate" if how in (0, 3) else "altered_duplicate", "PER-06", o, (twin.booked,), o.kr, twin.booked)
        for _ in times(5):
            if hit := take(lambda o, k: external(o) and not o.deal.prepaid):
                o, k = hit
                o.kind, o.flip = "sign", True
                self.label("wrong_sign", "PER-07", o, (o.m,), 2 * o.kr, o.m)
        for _ in times(9):
            if hit := take(lambda o, k: o.deal.sign < 0 and o.deal.cadence < 12 and external(o)):
                o, k = hit
                o.skip, o.kind = True, "missing_cost"
                self.label("missing_cost", "PER-09", o, (o.m,), o.kr, o.m)
        for _ in times(5):  # into a released period
            if hit := take(
                lambda o, k: external(o) and o.kr > 20e3 and o.m <= self.last - 3 and o.m % 12 < 10 and not o.deal.prepaid
            ):
                o, k = hit
                days = int(r.integers(25, 60))
                o.kind, o.rdate = "late", last_day(o.m) + timedelta(days=days)
                seen = o.rdate.year * 12 + o.rdate.month - 1
                if o.rdate.day <= 11:
                    seen -= 1
                self.label("late_posting", "PER-10", o, (o.m,), o.kr, seen)

    def confuse(self) -> None:
        """What looks odd and is right: no labels."""
        r = self.rng
        plain = [
            o
            for o in self.occasions
            if not o.kind and not o.deal.buyer and o.deal.party and o.kr > 5000 and o.m > self.first + 12
        ]
        pick = [plain[i] for i in r.permutation(len(plain))[: self.months]]
        for i, o in enumerate(pick):
            d = o.deal
            if i % 3 == 0:  # credited and billed again
                o.ref = self.next_ref(d)
                wrong = round(o.kr * 1.1, 2)
                a = Occasion(d, o.m, wrong, o.booked, ref=self.next_ref(d), kind="rebill", sf=o.sf, st=o.st)
                b = Occasion(d, o.m, -wrong, o.booked, ref=a.ref, kind="rebill", text=f"Kredit faktura {a.ref}", sf=o.sf, st=o.st)
                self.occasions += [a, b]
                o.kind = "rebilled"
            elif i % 3 == 1 and d.sign < 0:  # a true one-off of the same supplier
                self.occasions.append(
                    Occasion(
                        d,
                        o.m,
                        round(o.kr * float(r.uniform(0.3, 2.5)), 2),
                        o.booked,
                        kind="oneoff",
                        text=f"{r.choice(['reparation', 'installation', 'utbildning', 'extra uppdrag'])}",
                    )
                )
        # one-off purchases, travel, courses; some alike
        for m in range(self.first, self.last + 1):
            for u in self.leaf:
                for _ in range(int(r.poisson(5))):
                    s = SUPPLIERS[int(r.integers(0, len(SUPPLIERS)))]
                    account, what = (
                        ("6411", "inventarier"),
                        ("7011", "resa"),
                        ("6421", "material"),
                        ("7411", "konsultuppdrag"),
                        ("7621", "kurs"),
                        ("7521", "bemanning"),
                        ("6431", "böcker"),
                    )[int(r.integers(0, 7))]
                    kr = round(float(np.exp(r.normal(8.2, 1.1))), 2)
                    n = 2 if r.random() < 0.01 else 1
                    for _ in range(n):
                        self.refs[s] += int(r.integers(1, 9))
                        self.purchase(m, u, account, s, what, kr, str(self.refs[s]))

    def next_ref(self, d: Deal) -> str:
        if d.sign > 0:
            self.invoice += 1
            return str(self.invoice)
        self.refs[d.party] = self.refs.get(d.party, 5000) + int(self.rng.integers(1, 30))
        return str(self.refs[d.party])

    # ---------------------------------------------------------------- vouchers
    def purchase(self, m: int, unit: str, account: str, party: str, what: str, kr: float, ref: str) -> None:
        day = first_day(m) + timedelta(days=int(self.rng.integers(0, 28)))
        rdate = min(day + timedelta(days=int(self.rng.integers(0, 8))), last_day(m) + timedelta(days=7))
        row = Row(account, unit, f"87{1 + zlib.crc32(party.encode()) % 8}", kr, what, party, ref)
        self.book("L", m, day, rdate, f"{party} {ref}", [row, Row("2511", "", "", -kr)], day)

    def book(
        self, series: str, m: int, vdate: date, rdate: date, text: str, rows: list[Row], invoice: date | None = None
    ) -> Voucher:
        v = Voucher(series, m, vdate, rdate, text, rows, invoice_date=invoice)
        self.world.vouchers.append(v)
        return v

    def text_of(self, o: Occasion) -> str:
        d, m = o.deal, o.st if o.st is not None else o.m
        if o.text:
            return o.text
        months = f"{MONTHS[m % 12]} {m // 12}"
        if o.sf is not None and o.st is not None and o.st - o.sf == 2:
            months = (
                f"kv {o.sf % 12 // 3 + 1} {o.sf // 12}"
                if o.sf % 3 == 0
                else f"{MONTHS[o.sf % 12][:3]}-{MONTHS[o.st % 12][:3]} {o.st // 12}"
            )
        elif o.sf is not None and o.st is not None and o.st != o.sf:
            months = f"{o.sf // 12}{o.sf % 12 + 1:02d}-{o.st // 12}{o.st % 12 + 1:02d}"
        final = " slutfaktura" if o.kind == "final" and d.final_text else ""
        return {
            0: f"{d.what} {months}",
            1: d.what,
            2: f"{d.what.capitalize()} {m // 12}{m % 12 + 1:02d}",
            3: f"Avtal {d.id[1:]} {d.what}",
            4: d.what,
        }[d.text_style] + final

    def realise(self) -> None:
        r = self.rng
        for o in self.occasions:
            if o.skip:
                continue
            d, m = o.deal, o.booked
            unit = o.unit or d.unit
            text = self.text_of(o)
            sign = d.sign * (-1 if o.flip else 1)
            day = first_day(m) + timedelta(days=int(r.integers(1, 27)))
            rdate = o.rdate or min(day + timedelta(days=int(r.integers(0, 9))), last_day(m) + timedelta(days=8))
            sf = first_day(o.sf) if d.service and o.sf is not None and d.text_style in (1, 3) else None
            st = last_day(o.st) if sf and o.st is not None else None
            if d.buyer:
                seller = [Row(d.account, d.unit, self.mp[d.buyer], -o.kr, text)]
                buyer = [Row(d.cost_account, d.buyer, self.mp[d.unit], o.other_kr or o.kr, text)]
                if o.one_side == "seller":
                    buyer = [Row("1990", "", "", o.kr, text)]
                elif o.one_side == "buyer":
                    seller = [Row("1990", "", "", -o.kr, text)]
                elif o.other_kr:
                    buyer.append(Row("1990", "", "", round(o.kr - o.other_kr, 2), text))
                self.book("I", m, last_day(m), last_day(m) + timedelta(days=int(r.integers(-3, 3))), text, seller + buyer)
                continue
            if not d.party:  # feeder system, one aggregated posting
                self.book(
                    "D",
                    m,
                    last_day(m),
                    rdate,
                    f"Debitering {text}",
                    [Row(d.account, unit, d.cp, -sign * o.kr, text, sf=sf, st=st), Row("1511", "", "", sign * o.kr)],
                )
                continue
            ref = o.ref or self.next_ref(d)
            if d.prepaid and o.kind != "prepaid_at_once":
                month = round(o.kr / 12, 2)
                base = Row(d.account, unit, d.cp, 0, text, d.party, ref)
                self.book(
                    "L",
                    m,
                    day,
                    rdate,
                    f"{d.party} {ref}",
                    [Row("1710", "", "", o.kr, text, d.party, ref), Row("2511", "", "", -o.kr)],
                    day,
                )
                for k in range(12):
                    if m + k > self.last:
                        break
                    part = month if k < 11 else round(o.kr - 11 * month, 2)
                    self.book(
                        "P",
                        m + k,
                        last_day(m + k),
                        last_day(m + k) + timedelta(days=2),
                        f"Periodisering {d.what}",
                        [Row(base.account, unit, d.cp, part, f"Periodisering {d.what}", d.party), Row("1710", "", "", -part)],
                    )
                continue
            parts = np.ones(d.parts) if d.parts == 1 else r.dirichlet(np.full(d.parts, 6.0))
            left = o.kr
            for k in range(d.parts):
                kr = round(left if k == d.parts - 1 else o.kr * float(parts[k]), 2)
                left = round(left - kr, 2)
                counter, series = ("1511", "K") if d.sign > 0 else ("2511", "L")
                self.book(
                    series,
                    m,
                    day,
                    rdate,
                    f"{d.party} {ref}",
                    [Row(d.account, unit, d.cp, -sign * kr, text, d.party, ref, sf, st), Row(counter, "", "", sign * kr)],
                    day,
                )
                if k < d.parts - 1:
                    ref = self.next_ref(d)
                    day = first_day(m) + timedelta(days=int(r.integers(1, 27)))
                    rdate = day + timedelta(days=5)

    def accruals(self) -> None:
        """Consultants' unbilled work accrued at each quarter's end and taken back the month after; one in a while is not."""
        r = self.rng
        for u in self.leaf[::3]:
            for m in range(self.first + 2, self.last, 3):
                kr = float(round(np.exp(r.normal(10.5, 0.5)), -2))
                text = f"Upplupen kostnad konsulter {MONTHS[m % 12]}"
                self.book(
                    "P",
                    m,
                    last_day(m),
                    last_day(m) + timedelta(days=4),
                    text,
                    [Row("7411", u, "871", kr, text), Row("2990", "", "", -kr, text)],
                )
                forget = self.errors and m > self.first + 14 and r.random() < 0.08
                if forget:
                    self.world.labels.append(Label("not_reversed", ("PER-11",), u, "7411", (m, m + 1), "", "871", kr, m + 1))
                else:
                    self.book(
                        "P",
                        m + 1,
                        first_day(m + 1),
                        first_day(m + 1) + timedelta(days=3),
                        f"Återföring {text}",
                        [Row("7411", u, "871", -kr, f"Återföring {text}"), Row("2990", "", "", kr, text)],
                    )

    def year_end(self) -> None:
        """The year's accounts are made up in January and February: period 12 is open until then, and everybody knows."""
        r = self.rng
        for y in range(self.first // 12, self.last // 12):
            for u in self.leaf:
                for _ in range(int(r.integers(0, 4))):
                    m, kr = 12 * y + 11, float(round(np.exp(r.normal(10.3, 0.8)), -2))
                    day = date(y + 1, 1, 14) + timedelta(days=int(r.integers(0, 32)))
                    account, what = (
                        ("7461", "köpta tjänster"),
                        ("7411", "konsulter"),
                        ("4631", "köp av verksamhet"),
                        ("6211", "el"),
                    )[int(r.integers(0, 4))]
                    text = f"Bokslut upplupen kostnad {what}"
                    self.book("P", m, last_day(m), day, text, [Row(account, u, "871", kr, text), Row("2990", "", "", -kr, text)])
                    back = day.year * 12 + day.month - 1
                    self.book(
                        "P",
                        back,
                        day,
                        day,
                        f"Återföring {text}",
                        [Row(account, u, "871", -kr, f"Återföring {text}"), Row("2990", "", "", kr, text)],
                    )

    def pay(self) -> None:
        r = self.rng
        heads = {u: int(r.integers(6, 40)) for u in self.leaf}
        wrong: set[tuple[str, int]] = set()
        if self.errors:
            for _ in range(round(4 * (self.months - 13) / 12)):
                wrong.add((self.leaf[int(r.integers(0, len(self.leaf)))], int(r.integers(self.first + 13, self.last))))
        for u in self.leaf:
            wages = r.normal(31000, 4500, heads[u])
            for m in range(self.first, self.last + 1):
                if m % 12 == 3:
                    wages = wages * (1 + r.normal(0.025, 0.004))
                extra = 0.0
                gross = 0.0
                for k, w in enumerate(wages):
                    kr = round(float(w) * (1 - (0.1 if r.random() < 0.06 else 0)), 2)
                    self.world.payroll.append((f"{u}{k:03d}", m, u, "5021", kr, round(kr * PO[m // 12], 2)))
                    gross += kr
                ob = round(float(gross * r.uniform(0.01, 0.03)), 2)
                self.world.payroll.append((f"{u}000", m, u, "5031", ob, round(ob * PO[m // 12], 2)))
                extra += ob
                factor = 1.0
                if (u, m) in wrong:
                    factor = float(r.choice([0.9, 1.1, 0.0]))
                    self.world.labels.append(Label("payroll", ("PER-08",), u, "5021", (m,), "", "", abs(gross * (1 - factor)), m))
                gross, extra = round(gross * factor, 2), round(extra * factor, 2)
                po = round((gross + extra) * PO[m // 12], 2)
                if gross:
                    self.book(
                        "N",
                        m,
                        first_day(m) + timedelta(days=26),
                        first_day(m) + timedelta(days=27),
                        f"Löner {MONTHS[m % 12]}",
                        [
                            Row("5021", u, "", gross, "Månadslön"),
                            Row("5031", u, "", extra, "OB"),
                            Row("5611", u, "", po, "PO-pålägg"),
                            Row("2710", "", "", -round(gross + extra + po, 2)),
                        ],
                    )

    def number(self) -> None:
        """Numbers follow the day of registration, per series and fiscal year; a lost number is an error."""
        r = self.rng
        self.world.vouchers.sort(key=lambda v: (v.series, v.m // 12, v.rdate, v.m, v.text))
        counters: dict[tuple[str, int], int] = defaultdict(int)
        years = list(range(self.first // 12 + 1, self.last // 12 + 1))
        lost = (
            {("L", y, int(r.integers(200, 900))) for y in years} | {("K", y, int(r.integers(20, 120))) for y in years}
            if self.errors
            else set()
        )
        for v in self.world.vouchers:
            key = (v.series, v.m // 12)
            counters[key] += 1
            if (v.series, v.m // 12, counters[key]) in lost:
                rdate = v.rdate.year * 12 + v.rdate.month - 1
                self.world.labels.append(
                    Label("gap", ("PER-11",), "", "", (v.m,), "", "", 0.0, rdate, text=f"{v.series} {counters[key]}")
                )
                counters[key] += 1
            v.number = counters[key]

    def make_budget(self) -> None:
        """Next year's budget: the plan of each account and unit with its own curve; a few flat where the activity is not."""
        r = self.rng
        plan: dict[tuple[str, str, str], dict[int, float]] = defaultdict(lambda: defaultdict(float))
        for o in self.occasions:
            d = o.deal
            quarterly = d.frame.startswith("quarterly") and o.m >= int(d.frame.split(":")[1])
            if quarterly:
                for k in range(3):  # the budget does not know how it is billed
                    plan[d.unit, d.account, d.cp][o.m - k] += d.sign * d.amount * (1 + d.index) ** max(0, (o.m - START) // 12)
            elif o.kind in (
                "",
                "final",
                "missing_income",
                "missing",
                "missing_cost",
                "cutoff",
                "sign",
                "late",
                "double",
                "rebilled",
                "one_sided",
                "missing_internal",
            ):
                expected = d.amount * (1 + d.index) ** max(0, (o.m - START) // 12) * (d.season[o.m % 12] if d.season else 1)
                if d.prepaid:
                    for k in range(12):
                        plan[d.unit, d.account, d.cp][o.m + k] += d.sign * expected / 12
                else:
                    plan[d.unit, d.account, d.cp][o.m] += d.sign * expected
                    if d.buyer:
                        plan[d.buyer, d.cost_account, self.mp[d.unit]][o.m] -= expected
        pay = defaultdict(float)
        for _, m, u, account, kr, po in self.world.payroll:
            pay[u, account, m] += kr
            pay[u, "5611", m] += po
        for (u, account, m), kr in pay.items():
            plan[u, account, ""][m] -= kr * 1.01
        flat_at: dict[tuple[str, str, int], bool] = {}
        for key, months in plan.items():
            for y in range(self.first // 12, self.last // 12 + 1):
                year = {m: months.get(m, 0.0) for m in range(12 * y, 12 * y + 12)}
                # the plan knows whole years: a year that the ledger does not reach to the end repeats the year before
                for m in year:
                    if m > self.last:
                        year[m] = months.get(m - 12, 0.0) * 1.02
                total = sum(year.values())
                place = (key[0], line_of(key[1], key[2]), y)
                if place not in flat_at:
                    whole = np.zeros(12)
                    for k2, months2 in plan.items():
                        if (k2[0], line_of(k2[1], k2[2])) == place[:2]:
                            whole += [
                                months2.get(12 * y + j if 12 * y + j <= self.last else 12 * y + j - 12, 0.0) for j in range(12)
                            ]
                    size = abs(whole.sum())
                    curve = np.cumsum(whole) / whole.sum() - np.arange(1, 13) / 12 if size > 1 else np.zeros(12)
                    seasonal_line = np.abs(curve).max() > 0.13 and size > 5e5
                    flat_at[place] = bool(self.errors and y >= self.first // 12 + 2 and seasonal_line and r.random() < 0.4)
                    if flat_at[place]:
                        self.world.labels.append(
                            Label("flat_budget", ("PER-04",), key[0], key[1], tuple(year), "", key[2], 0.0, 12 * y)
                        )
                if flat_at[place]:
                    year = dict.fromkeys(year, total / 12)
                self.world.budget.setdefault(key, {}).update({m: round(kr, 0) for m, kr in year.items()})

    def build(self) -> World:
        self.business()
        self.plan()
        if self.errors:
            self.inject()
        self.confuse()
        self.realise()
        self.accruals()
        self.year_end()
        self.pay()
        self.number()
        self.make_budget()
        for d in self.deals:
            d.register = d.register and not d.frame
        return self.world


def line_of(account: str, cp: str) -> str:
    internal = cp[:1] in ("1", "2", "3", "4") and cp != ""
    if account[0] == "3":
        return "internal_income" if internal else "external_income"
    if account[0] == "5":
        return "personnel"
    if account.startswith("601") and internal:
        return "internal_rent"
    return "other_internal_cost" if internal else "other_external_cost"


# -------------------------------------------------------------------- export
def released(m: int) -> date:
    """The day the period was reported: the eleventh of the month after."""
    return first_day(m + 1) + timedelta(days=10)


def money(kr: float) -> str:
    text = f"{kr:,.2f}".replace(",", " ").replace(".", ",")
    return text


RICH = (
    "Verserie",
    "Vernr",
    "Bokföringsdatum",
    "Registreringsdatum",
    "Fakturadatum",
    "Period",
    "Konto",
    "Ansvar",
    "Motpart",
    "Text",
    "Leverantörsnr",
    "Leverantör",
    "Fakturanr",
    "Avser fr o m",
    "Avser t o m",
    "Belopp",
)
POOR = ("Konto", "Ansvar", "Motpart", "Period", "Ver", "Text", "Belopp")


def rows_rich(world: World, number: dict[str, str]) -> list[tuple[Voucher, tuple[str, ...]]]:
    out = []
    for v in world.vouchers:
        for row in v.rows:
            cells = (
                *(v.series, str(v.number), v.vdate.isoformat(), v.rdate.isoformat()),
                *(v.invoice_date.isoformat() if v.invoice_date else "", name_of(v.m).replace("-", "")),
                *(row.account, row.unit, row.cp, row.text, number.get(row.party, ""), row.party, row.ref),
                *(day.isoformat() if day else "" for day in (row.sf, row.st)),
                money(row.kr),
            )
            out.append((v, cells))
    return out


def write_csv(path: Path, header, rows, encoding: str = "cp1252") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding=encoding, newline="", errors="replace") as file:
        w = csv.writer(file, delimiter=";")
        w.writerow(header)
        w.writerows(rows)


def sie_text(world: World, m: int) -> str:
    """Return the year to date at the close of m: no counterparty and no party but in the texts."""
    y = m // 12
    out = ["#FLAGGA 0", "#FORMAT PC8", "#SIETYP 4", '#PROGRAM "Ekonomisystem" 1.0', f"#GEN {released(m):%Y%m%d}"]
    out += ['#FNAMN "Sjöviks kommun"', f"#RAR 0 {y}0101 {y}1231", f"#OMFATTN {last_day(m):%Y%m%d}", '#DIM 1 "Ansvar"']
    out += [f'#KONTO {a} "Konto {a}"' for a in sorted({row.account for v in world.vouchers for row in v.rows})]
    out += [f'#OBJEKT 1 "{u}" "{n}"' for u, (n, parent) in world.units.items() if parent]
    for v in world.vouchers:
        if v.m // 12 == y and v.m <= m and v.rdate <= released(m):
            out += [f'#VER {v.series} {v.number} {v.vdate:%Y%m%d} "{v.text}" {v.rdate:%Y%m%d}', "{"]
            for row in v.rows:
                text = f"{row.party} {row.text} {row.ref}".strip()
                unit = f'{{1 "{row.unit}"}}' if row.unit else "{}"
                out.append(f'#TRANS {row.account} {unit} {row.kr:.2f} {v.vdate:%Y%m%d} "{text}"')
            out.append("}")
    return "\n".join(out) + "\n"


#: How the files come: rich and poor tables and SIE each month with the year to date (poor: the month), or all in one delivery.
STYLES = ("rich", "sie", "poor", "once")
SIE_SETTINGS = '[sources.ledger]\nkind = "ledger"\nfiles = ["*.se"]\nformat = "sie"\n[sources.ledger.dimensions]\n"1" = "unit"\n'


def export(builder: Builder, home: Path, style: str, register: bool = True, releases: bool = False) -> list[str]:
    """Write a home folder with its inbox; return the months to run."""
    world, once = builder.world, style == "once"
    months = list(range(world.first, world.last + 1))

    def box(m: int) -> Path:
        return home / "inbox" / name_of(world.last if once else m)

    home.mkdir(parents=True)
    toml = 'municipality = "Sjöviks kommun"\nroot_unit = "KOMMUN"\n' + (SIE_SETTINGS if style == "sie" else "")
    (home / "avvik.toml").write_text(toml, encoding="utf-8")
    rich = rows_rich(world, {**builder.party_no, **builder.customer_no})
    for m in [world.last] if once else months:
        sent = [(v, r) for v, r in rich if v.rdate <= released(m) and v.m <= m]
        path = box(m) / f"huvudbok_{name_of(m)}"
        if style == "sie":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_suffix(".se").write_bytes(sie_text(world, m).encode("cp437", errors="replace"))
        elif style == "poor":
            rows = [(*r[6:9], r[5], r[0] + r[1], f"{r[11]} {r[9]}".strip(), r[15]) for v, r in sent if v.m == m]
            write_csv(path.with_suffix(".csv"), POOR, rows)
        else:
            write_csv(path.with_suffix(".csv"), RICH, [r for v, r in sent if once or v.m // 12 == m // 12])
    write_csv(
        box(world.first) / "organisation.csv",
        ("Ansvar", "Benämning", "Överordnad"),
        [(u, n, p) for u, (n, p) in world.units.items()],
    )
    years = range(world.first // 12, world.last // 12 + 1)
    plans = {
        y: [
            (str(y), u, a, cp, *(money(-plan.get(12 * y + k, 0.0)) for k in range(12)))
            for (u, a, cp), plan in world.budget.items()
            if any(plan.get(12 * y + k, 0) for k in range(12))
        ]
        for y in years
    }
    header = ("År", "Ansvar", "Konto", "Motpart", *(name[:3].capitalize() for name in MONTHS))
    for y in [world.last // 12] if once else years:
        rows = [row for one in plans.values() for row in one] if once else plans[y]
        write_csv(box(12 * y) / f"budget_{y}.csv", header, rows)
    pay: dict[int, list[tuple[str, ...]]] = defaultdict(list)
    for who, m, u, account, kr, po in world.payroll:
        pay[world.last if once else m] += [
            (name_of(m), who, "lönerad", account, u, money(kr)),
            (name_of(m), who, "arbetsgivaravgift", "5611", u, money(po)),
        ]
    for m, rows in pay.items():
        head = ("Löneperiod", "Anställningsnummer", "Radtyp", "Konto", "Ansvar", "Belopp")
        write_csv(box(m) / f"lon_{name_of(m)}.csv", head, rows)
    if register:
        registers(world, box(world.first))
    if releases:
        write_csv(
            box(world.last) / "period_slapp.csv", ("Period", "Släppt"), [(name_of(m), released(m).isoformat()) for m in months]
        )
    return [name_of(world.last)] if once else [name_of(m) for m in months]


def registers(world: World, folder: Path) -> None:
    """Write the agreements that somebody has registered."""
    rows, internal = [], []
    for d in world.deals:
        if not d.register:
            continue
        begins, ends = (
            first_day(max(d.start, world.first)).isoformat(),
            last_day(d.end).isoformat() if d.end <= world.last else "",
        )
        if d.buyer:
            internal.append(
                (d.id, d.unit, d.buyer, d.account, d.cost_account, money(d.amount), str(d.cadence), d.what, begins, ends)
            )
            continue
        sides = ("intäkt", d.unit, "") if d.sign > 0 else ("kostnad", "", d.unit)
        index = f"{d.index * 100:.1f} %".replace(".", ",") if d.index else ""
        what = (d.account, d.cp, d.party_id, d.what, money(d.amount), str(d.cadence), str(d.phase % d.cadence + 1), index)
        rows.append((d.id, *sides, *what, begins, ends))
    occasions = ("Belopp per tillfälle", "Intervall")
    write_csv(
        folder / "avtal.csv",
        (
            "Avtalsnr",
            "Riktning",
            "Säljande enhet",
            "Köpande enhet",
            "Konto",
            "Motpart",
            "Kundnr",
            "Text",
            *occasions,
            "Första månad",
            "Index",
            "Fr.o.m.",
            "T.o.m.",
        ),
        rows,
    )
    write_csv(
        folder / "internavtal.csv",
        ("Avtalsnr", "Säljande enhet", "Köpande enhet", "Intäktskonto", "Kostnadskonto", *occasions, "Text", "Fr.o.m.", "T.o.m."),
        internal,
    )


# -------------------------------------------------------------------- what came out
def told(home: Path, periods: list[str]) -> pd.DataFrame:
    """Run the files; return each finding of `marts.findings` as first told, with `months`.

    Raises:
        RuntimeError: nothing was published.
    """
    settings = load_settings(home)
    result = run_periods(settings, periods)
    if not result.published:
        raise RuntimeError("; ".join(result.errors) or "nothing was published")
    with duckdb.connect(str(settings.published / "reporting.duckdb"), read_only=True) as con:
        found = con.execute(
            "select * from marts.findings qualify row_number() over (partition by finding_id order by report_period) = 1"
        ).df()
    found["months"] = found.periods.map(lambda text: {int(p[:4]) * 12 + int(p[5:]) - 1 for p in text.split(",")})
    return found


def is_label(f: Any, label: Label, named: bool) -> bool:
    """Return whether a finding is this label. named: the file says who the counterparty is."""
    if not set(f.rules.split(",")) & set(label.rules):
        return False
    if label.kind == "gap":
        series, number = label.text.split()
        return f.unit_code == "" and series in f.reason and number in f.reason
    if not f.months & set(label.months) or label.unit not in (f.unit_code, f.other_unit):
        return False
    if label.kind in ("payroll", "flat_budget"):
        return label.kind == "payroll" or f.report_line == line_of(label.account, label.cp)
    if label.other_unit:
        return label.other_unit in (f.unit_code, f.other_unit) or not named or f.counterparty == label.cp
    return f.account == label.account and (not named or f.counterparty == label.cp)


def score(builder: Builder, style: str, found: pd.DataFrame) -> dict[str, float]:
    """Return the measures of one run; labels of the first year, before the first close, do not count."""
    named = style != "sie"
    lacking = {"sie": {"internal_amount", "one_sided"}, "poor": {"gap", "late_posting"}}.get(style, set())
    labels = [x for x in builder.world.labels if x.seen >= START + 12 and x.kind not in lacking]
    rows = list(found.itertuples())
    hits = [[f for f in rows if is_label(f, x, named)] for x in labels]
    said = {f.finding_id for some in hits for f in some}
    good = [some for some in hits if some]
    # The same cause seen from another side, or told again when it changed, is no false alarm.
    near = {
        f.finding_id
        for f in rows
        for x in builder.world.labels
        if {f.unit_code, f.other_unit} & ({x.unit, x.other_unit} - {""})
        and (f.account in ("", x.account) or x.other_unit)
        and (f.months | {int(f.report_period[:4]) * 12 + int(f.report_period[5:]) - 1}) & {*x.months, x.seen}
    }
    asserted, asked = found[found.tier == "fel"], found[found.tier == "fråga"]
    years = len(builder.leaf) * (builder.months - 12) / 12
    first = sum(min(f.report_period for f in some) <= name_of(x.seen) for x, some in zip(labels, hits, strict=True) if some)
    entries = [
        abs((some[0].entry_amount or 0) / (x.kr * len(some[0].months)) - 1) <= 0.05
        for x, some in zip(labels, hits, strict=True)
        if some and x.kind in ("missing_income", "missing_cost", "missing_internal")
    ]
    return {
        "labels": len(labels),
        "recall": len(good) / max(1, len(labels)),
        "recall kronor": sum(x.kr for x, some in zip(labels, hits, strict=True) if some) / max(1.0, sum(x.kr for x in labels)),
        "first close": first / max(1, len(good)),
        "precision fel": float(asserted.finding_id.isin(said | near).mean()) if len(asserted) else 1.0,
        "precision fel, typed": float(asserted.finding_id.isin(said).mean()) if len(asserted) else 1.0,
        "false fel per unit-year": float((~asserted.finding_id.isin(said | near)).sum()) / years,
        "fråga per unit-year": len(asked) / years,
        "false fråga per unit-year": float((~asked.finding_id.isin(said | near)).sum()) / years,
        "accrual ±5 %": sum(entries) / len(entries) if entries else float("nan"),
    }


def measure(seeds: list[int], styles: list[str], months: int = 42) -> pd.DataFrame:
    """Return one row per style, seed and kind of ledger (with errors, error-free)."""
    out = []
    for style in styles:
        for seed in seeds:
            for errors in (True, False):
                builder = Builder(seed, months, errors)
                builder.build()
                with tempfile.TemporaryDirectory() as folder:
                    home = Path(folder) / "home"
                    found = told(home, export(builder, home, style))
                out.append({"style": style, "seed": seed, "errors": errors, **score(builder, style, found)})
                print(pd.DataFrame(out[-1:]).round(3).to_string(index=False, header=len(out) == 1), flush=True)
    return pd.DataFrame(out)


def main() -> None:
    """Print the measures of each style."""
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--seeds", default="301")
    parse.add_argument("--styles", default=",".join(STYLES))
    parse.add_argument("--months", type=int, default=42)
    args = parse.parse_args()
    measure([int(x) for x in args.seeds.split(",")], args.styles.split(","), args.months)


if __name__ == "__main__":
    main()
