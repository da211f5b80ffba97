"""A second labelled ledger, made by other choices than `findings_generator`: does the engine fit bookkeeping, or a generator?

What belongs here: a municipality by kinds of unit (school, care home, library, works, office), suppliers shared by all units with
several series each, five-digit accounts and units, calendars that are no cadence (grants in February, May and October), yearly
settlements, invoices that cover many units in one voucher, and `mode`: how poor the export is. What does not: anything that the
engine is tuned on beyond seeds 1-5; 201 and up are reported.

Modes: `full` (party, name, reference, service dates), `names` (party name only, no references), `text` (the name is in the text,
no party, no counterparty), `bare` (no text either), `totals` (one row per account, unit and month, no vouchers).
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, timedelta

import pandas as pd

from tests.bench.findings_generator import Label, World, close_date, day, period

END = 48  # months from January 2012; the last twelve are measured
MODES = ("full", "names", "text", "bare", "totals")
MONTH = ["JAN", "FEB", "MARS", "APRIL", "MAJ", "JUNI", "JULI", "AUG", "SEPT", "OKT", "NOV", "DEC"]

#: kind of unit: (account, sign, supplier, what, typical amount per occasion, calendar, variation)
#: calendar: months between, or a tuple of calendar months. variation: f fixed, v metered, s seasonal, t changes with the term.
COMMON = [
    ("68210", -1, "Telia Sverige AB", "mobiltelefoni", 4_200, 1, "v"),
    ("68220", -1, "Telia Sverige AB", "datakommunikation", 2_900, 1, "f"),
    ("62230", -1, "Ricoh Sverige AB", "kopiatorer", 6_400, 3, "f"),
    ("61720", -1, "Anticimex AB", "skadedjursavtal", 1_900, 12, "f"),
    ("61610", -1, "Samhall AB", "lokalvård", 21_000, 1, "f"),
    ("73120", -1, "Protector Försäkring", "verksamhetsförsäkring", 18_000, 12, "f"),
]
KINDS = {
    "Skola": [
        ("62110", -1, "Vattenfall Kundservice AB", "elförbrukning", 38_000, 1, "s"),
        ("35120", 1, "Skolverket", "statsbidrag likvärdig skola", 210_000, (2, 5, 10), "f"),
        ("46410", -1, "Fristående Gymnasium Norra AB", "interkommunal ersättning", 160_000, 1, "t"),
        ("46420", -1, "Taxi Mälaren ekonomisk förening", "skolskjuts", 52_000, 1, "c"),
        ("68830", -1, "IST Group AB", "elevregister licens", 47_000, 12, "f"),
        ("34110", 1, "Idrottsföreningen Kamraterna", "hyra gymnastiksal", 8_500, 1, "c"),
    ],
    "Boende": [
        ("46320", -1, "Attendo Sverige AB", "köpta platser", 240_000, 1, "v"),
        ("31210", 1, "Omvårdnadsavgifter", "debitering avgifter", 96_000, 1, "v"),
        ("34210", 1, "Hyresgäster", "debitering hyror", 130_000, 1, "f"),
        ("75110", -1, "Dedicare AB", "inhyrd sjuksköterska", 61_000, 1, "v"),
        ("60110", -1, "Kommunfastigheter AB", "lokalhyra", 185_000, 1, "f"),
        ("64210", -1, "OneMed Sverige AB", "sjukvårdsmaterial", 14_000, 1, "v"),
    ],
    "Kultur": [
        ("60110", -1, "Riksbyggen", "lokalhyra", 44_000, 3, "f"),
        ("45310", -1, "Föreningen Teatern", "verksamhetsbidrag", 75_000, 6, "f"),
        ("68840", -1, "Axiell Sverige AB", "bibliotekssystem", 12_500, 3, "f"),
        ("35210", 1, "Statens kulturråd", "bidrag inköp", 60_000, 12, "f"),
    ],
    "Teknik": [
        ("62110", -1, "Vattenfall Kundservice AB", "gatubelysning", 90_000, 1, "s"),
        ("30410", 1, "Renhållningsbolaget", "arrende återvinning", 33_000, 3, "f"),
        ("63110", -1, "Mälarens Entreprenad AB", "vinterväghållning beredskap", 70_000, (1, 2, 3, 11, 12), "f"),
        ("62210", -1, "Autoplan Finans AB", "billeasing", 11_800, 1, "f"),
        ("62210", -1, "Autoplan Finans AB", "maskinleasing", 17_300, 1, "f"),
    ],
    "Kontor": [
        ("74110", -1, "KPMG AB", "revision", 64_000, 4, "f"),
        ("68810", -1, "Visma Enterprise AB", "ekonomisystem drift", 58_000, 1, "f"),
        ("35910", 1, "Grannkommunen", "ersättning gemensam jour", 84_000, 3, "f"),
        ("35920", 1, "Kommunal avdelning 12", "ersättning facklig tid", 31_000, 1, "f"),
    ],
}
INTERNAL = [
    ("39110", "60120", "internhyra", 88_000, 1),
    ("39210", "79210", "IT-plats", 27_000, 1),
    ("39410", "79410", "kost", 46_000, 1),
]
SHOPS = [
    "Clas Ohlson AB",
    "Staples Sweden AB",
    "Ahlsell Sverige AB",
    "Dustin AB",
    "Martin & Servera",
    "SJ AB",
    "Hotell Stadt",
    "Utbildarna AB",
]


@dataclass
class Row:
    """One row on an income or cost account."""

    unit: str
    account: str
    amount: float
    m: int
    vday: int
    name: str
    what: str
    number: str = ""
    cp: str = ""
    voucher: str = ""
    late_days: int = 0
    span: tuple[int, int] | None = None
    deal: int = -1
    contra: str = "24410"
    prefix: str = ""


@dataclass
class Deal:
    """What recurs."""

    ident: int
    unit: str
    account: str
    sign: int
    name: str
    what: str
    amount: float
    calendar: int | tuple[int, ...]
    kind: str
    phase: int
    begins: int
    ends: int = 999
    style: int = 0
    day: int = 10
    buyer: str = ""
    buyer_account: str = ""
    used: bool = False
    rows: dict[int, list[Row]] = field(default_factory=dict)


class Other:
    """Build one world."""

    def __init__(self, seed: int, mode: str, errors: bool, units: int, history: int) -> None:
        self.r = random.Random(f"other {seed} {units} {history}")
        self.mode, self.errors, self.count, self.begin = mode, errors, units, END - 12 - history
        self.rows: list[Row] = []
        self.deals: list[Deal] = []
        self.labels: list[Label] = []
        self.numbers: dict[str, int] = {}
        self.motpart = self.r.random() < 0.5  # whether internal trade carries counterparty codes

    def due(self, d: Deal, m: int) -> bool:
        k = m % 12 + 1
        if not d.begins <= m < d.ends or (d.kind == "c" and k == 7):
            return False
        return k in d.calendar if isinstance(d.calendar, tuple) else m % d.calendar == d.phase

    def value(self, d: Deal, m: int) -> float:
        r, years = self.r, m // 12
        x = d.amount * (1.017**years)
        if d.kind == "v":
            x *= r.uniform(0.85, 1.15)
        elif d.kind == "s":
            x *= (1.35, 1.3, 1.15, 1.0, 0.85, 0.7, 0.6, 0.7, 0.85, 1.0, 1.15, 1.3)[m % 12] * r.uniform(0.95, 1.05)
        elif d.kind == "t":
            x *= 1 + 0.06 * ((d.ident * 7 + (m + 4) // 6 * 3) % 5 - 2)
        elif r.random() < 0.3:
            x *= r.uniform(0.997, 1.003)  # mixed VAT, fees for invoicing
        return round(x, 2)

    def text(self, d: Deal | Row, m: int) -> str:
        style = d.style if isinstance(d, Deal) else 0
        y = 2012 + m // 12
        if self.mode == "text":
            return [
                f"{d.name} {d.what}",
                f"LF {d.name}",
                f"{d.name.upper()} {MONTH[m % 12]}",
                f"{y}{m % 12 + 1:02d} {d.name} {d.what}",
            ][style % 4]
        return [
            d.what,
            f"{d.what} {MONTH[m % 12].lower()}",
            d.what.upper(),
            f"{d.what} {y % 100:02d}{m % 12 + 1:02d}",
            f"Lev.fakt {d.what}",
        ][style % 5]

    def number(self, name: str) -> str:
        self.numbers[name] = self.numbers.get(name, self.r.randint(1000, 400_000)) + self.r.randint(1, 25)
        return str(self.numbers[name])

    def deal(self, unit: str, spec: tuple, begins: int | None = None) -> Deal:
        r = self.r
        account, sign, name, what, amount, calendar, kind = spec
        c = calendar if isinstance(calendar, int) else 12
        d = Deal(
            len(self.deals),
            unit,
            account,
            sign,
            name,
            what,
            amount * r.uniform(0.4, 2.2),
            calendar,
            kind,
            r.randrange(c),
            self.begin if begins is None else begins,
            style=r.randrange(20),
            day=r.randint(2, 27),
        )
        self.deals.append(d)
        return d

    def build(self) -> World:
        r = self.r
        names = list(KINDS)
        self.units = [f"{4 + i % 3}{i + 1:02d}10" for i in range(self.count)]
        self.kind = {u: names[i % len(names)] for i, u in enumerate(self.units)}
        for u in self.units:
            for spec in COMMON + KINDS[self.kind[u]]:
                if r.random() < 0.85:
                    self.deal(u, spec)
        seller = [u for u in self.units if self.kind[u] == "Kontor"] or self.units[:1]
        for k, (income, cost, what, amount, c) in enumerate(INTERNAL):
            for u in self.units:
                if u != seller[k % len(seller)] and r.random() < 0.7:
                    d = self.deal(seller[k % len(seller)], (income, 1, "", what, amount, c, "f"))
                    d.buyer, d.buyer_account, d.style = u, cost, 0
        self.changes()
        for d in self.deals:
            for m in range(self.begin, END):
                if self.due(d, m):
                    self.book(d, m)
        self.noise()
        if self.errors:
            self.wrong()
        return self.world()

    def book(self, d: Deal, m: int) -> None:
        v = self.value(d, m)
        one = Row(
            d.unit,
            d.account,
            d.sign * v,
            m,
            d.day,
            d.name,
            self.text(d, m),
            self.number(d.name) if d.name else "",
            deal=d.ident,
            contra="15110" if d.sign > 0 else "24410",
            span=(m, m) if d.ident % 3 == 0 and d.calendar == 1 else None,
        )
        one.voucher = f"{d.name}{m}" if d.what in ("mobiltelefoni", "datakommunikation") else ""  # one invoice for all units
        d.rows[m] = [one]
        if d.buyer:
            self.numbers["int"] = self.numbers.get("int", 0) + 1
            one.voucher = f"internal{d.what}{m}" if d.ident % 2 else f"internal{self.numbers['int']}"
            one.cp = "1" + d.buyer[1:3] if self.motpart else ""
            d.rows[m].append(
                Row(
                    d.buyer,
                    d.buyer_account,
                    -v,
                    m,
                    d.day,
                    "",
                    one.what,
                    cp="1" + d.unit[1:3] if self.motpart else "",
                    voucher=one.voucher,
                    deal=d.ident,
                )
            )
        self.rows += d.rows[m]

    def changes(self) -> None:
        """Honest changes: ends, new deals, prices, calendars, another supplier."""
        r = self.r
        plain = [d for d in self.deals if not d.buyer and isinstance(d.calendar, int)]
        for k, d in enumerate(r.sample(plain, len(plain) // 8)):
            m, d.used = r.randint(self.begin + 10, END - 3), True
            if k % 5 == 0:
                d.ends = m
            elif k % 5 == 1:  # another supplier takes over, the price near the old one
                d.ends = m
                self.deal(
                    d.unit, (d.account, d.sign, d.name.split()[0] + "konkurrenten AB", d.what, d.amount, d.calendar, d.kind), m
                ).amount = d.amount * r.uniform(0.9, 1.1)
                self.deals[-1].phase, self.deals[-1].used = d.phase, True
            elif k % 5 == 2:
                self.deal(d.unit, (d.account, d.sign, r.choice(SHOPS), "nytt avtal", 9_000, 1, "f"), m).used = True
            elif k % 5 == 3:  # a new price
                d.ends = m
                self.deal(d.unit, (d.account, d.sign, d.name, d.what, 1, d.calendar, d.kind), m)
                n = self.deals[-1]
                n.amount, n.phase, n.style, n.day, n.used = d.amount * r.choice([0.85, 1.1, 1.2]), d.phase, d.style, d.day, True
            elif d.calendar == 1:  # billed by the quarter from now on
                m -= m % 3
                d.ends = m
                self.deal(d.unit, (d.account, d.sign, d.name, d.what, 1, 3, d.kind), m)
                n = self.deals[-1]
                n.amount, n.phase, n.style, n.day, n.used = d.amount * 3, 2, d.style, d.day, True

    def noise(self) -> None:
        r = self.r
        for u in self.units:
            for m in range(self.begin, END):
                for _ in range(r.randint(4, 14)):
                    name = r.choice(SHOPS)
                    self.rows.append(
                        Row(
                            u,
                            r.choice(["64100", "64400", "70510", "76110", "66110"]),
                            -round(r.lognormvariate(7.8, 1.1), 2),
                            m,
                            r.randint(1, 28),
                            name,
                            r.choice(
                                [
                                    "inköp",
                                    "diverse",
                                    f"{name} order {r.randint(100, 9999)}" if self.mode == "text" else "beställning",
                                    "kursavgift",
                                    "resa",
                                ]
                            ),
                            self.number(name),
                        )
                    )
                if r.random() < 0.05:  # credit and new invoice
                    v, name = round(r.uniform(2_000, 30_000), 2), r.choice(SHOPS)
                    self.rows += [
                        Row(u, "64100", -s * v, m, 5 + 4 * k, name, "inköp" if s > 0 else "kreditfaktura", self.number(name))
                        for k, s in enumerate((1, -1, 1))
                    ]
                if r.random() < 0.06:  # the same fee for two people: both right
                    name, v = r.choice(SHOPS), float(r.choice([1_450, 2_900, 6_200]))
                    self.rows += [
                        Row(u, "76110", -v, m, 14, name, f"kursavgift deltagare {k}", self.number(name)) for k in (1, 2)
                    ]
                if r.random() < 0.03:
                    self.rows.append(
                        Row(
                            u,
                            r.choice(["35990", "74190"]),
                            round(r.uniform(40_000, 300_000), 0),
                            m,
                            20,
                            r.choice(SHOPS),
                            "försäkringsersättning vattenskada",
                            "1",
                        )
                    )
                    self.rows[-1].amount *= 1 if self.rows[-1].account[0] == "3" else -1
            for y in range(self.begin // 12, END // 12):  # yearly settlement of something metered, another amount each year
                d = next((x for x in self.deals if x.unit == u and x.kind in "sv"), None)
                if d:
                    self.rows.append(
                        Row(
                            u,
                            d.account,
                            d.sign * round(d.amount * r.uniform(0.1, 0.5), 2),
                            y * 12 + 1,
                            18,
                            d.name,
                            f"slutavräkning {2011 + y}",
                            self.number(d.name),
                        )
                    )
            if self.kind[u] in ("Boende", "Teknik"):  # an accrual each close, taken back the next month
                for m in range(self.begin, END):
                    v = -round(r.uniform(20_000, 90_000), -2)
                    for k, s in enumerate((1, -1)):
                        self.rows.append(
                            Row(
                                u,
                                "74190",
                                s * v,
                                m + k,
                                28 if not k else 2,
                                "",
                                "Uppl kostnad konsulter",
                                contra="29910",
                                voucher=f"acc{u}{m}{k}",
                                prefix="" if not k else "Återf ",
                            )
                        )

    def pick(self, m: int, test=lambda d: True) -> Deal | None:
        pool = [
            d
            for d in self.deals
            if not d.used and m in d.rows and sum(k < m for k in d.rows) >= (6 if d.calendar == 1 else 3) and test(d)
        ]
        if not pool:
            return None
        d = self.r.choice(pool)
        d.used = True
        return d

    def label(
        self,
        kind: str,
        rules: tuple[str, ...],
        rows: list[Row],
        months: set[int],
        amount: float,
        seen: int,
        accrual: float | None = None,
        varies: bool = False,
    ) -> None:
        flat = "".join
        names = {flat(c for c in x.name.lower() if c.isalnum()) for x in rows}
        self.labels.append(
            Label(
                len(self.labels),
                kind,
                rules,
                {x.unit for x in rows},
                {self.line(x) for x in rows},
                {period(k) for k in months},
                {x.cp for x in rows} | {"", "87"},
                names | {self.party(x.name) for x in rows} | {""},
                abs(amount),
                period(seen),
                accrual,
                {"varies"} if varies else set(),
            )
        )

    def wrong(self) -> None:
        r = self.r
        kinds = (
            ["missing"] * 7
            + ["late"] * 3
            + ["catch_up"] * 3
            + ["twice"] * 3
            + ["altered", "sign", "early", "one_sided", "one_sided", "other_amount", "open_accrual", "prior_year"]
        )
        for m in range(self.begin + 12, END - 1):
            for kind in r.sample(kinds, max(2, round(self.count * (0.16 if m >= END - 12 else 0.05)))):
                getattr(self, "wrong_" + kind)(m)

    def gone(self, rows: list[Row]) -> None:
        ids = {id(x) for x in rows}
        self.rows = [x for x in self.rows if id(x) not in ids]

    def wrong_missing(self, m: int) -> None:
        d = self.pick(m, lambda d: not d.buyer)
        if d:
            x = d.rows[m][0]
            self.gone([x])
            self.label("missing", ("PER-01" if d.sign > 0 else "PER-09",), [x], {m}, x.amount, m, abs(x.amount), d.kind in "sv")

    def wrong_late(self, m: int) -> None:
        d = self.pick(m, lambda d: not d.buyer)
        if d:
            x = d.rows[m][0]
            x.m, x.voucher = m + 1, ""
            self.label(
                "late",
                ("PER-05", "PER-02", "PER-01" if d.sign > 0 else "PER-09"),
                [x],
                {m, m + 1},
                x.amount,
                m,
                abs(x.amount),
                d.kind in "sv",
            )

    def wrong_catch_up(self, m: int) -> None:
        d = self.pick(m, lambda d: d.calendar == 1 and not d.buyer and all(m + k in d.rows for k in range(2)))
        if d:
            x, y = d.rows[m][0], d.rows[m + 1][0]
            self.gone([x])
            y.amount = round(y.amount + x.amount, 2)
            self.label(
                "catch_up",
                ("PER-02", "PER-05", "PER-01" if d.sign > 0 else "PER-09"),
                [y],
                {m, m + 1},
                x.amount,
                m,
                abs(x.amount),
                d.kind in "sv",
            )

    def copy(self, m: int, kind: str) -> None:
        d = self.pick(m, lambda d: not d.buyer)
        if d:
            x = d.rows[m][0]
            y = Row(**{**x.__dict__, "vday": min(28, x.vday + r_ if (r_ := self.r.randint(0, 4)) else x.vday), "voucher": ""})
            if kind == "altered":
                y.number = y.number + "1" if self.r.random() < 0.5 else "0" + y.number
                y.vday = min(28, x.vday + 6)
            self.rows.append(y)
            self.label(kind, ("PER-06",), [x], {m}, x.amount, m)

    def wrong_twice(self, m: int) -> None:
        self.copy(m, "twice")

    def wrong_altered(self, m: int) -> None:
        self.copy(m, "altered")

    def wrong_sign(self, m: int) -> None:
        d = self.pick(m, lambda d: not d.buyer)
        if d:
            d.rows[m][0].amount *= -1
            self.label("sign", ("PER-07",), d.rows[m], {m}, 2 * d.rows[m][0].amount, m)

    def wrong_early(self, m: int) -> None:
        d = self.pick(m + 1, lambda d: d.calendar == 1 and not d.buyer and m in d.rows)
        if d:
            x = d.rows[m + 1][0]
            x.m, x.span, x.voucher = m, (m + 1, m + 1), ""
            self.label("early", ("PER-05", "PER-06", "PER-01" if d.sign > 0 else "PER-09"), [x], {m, m + 1}, x.amount, m)

    def wrong_one_sided(self, m: int) -> None:
        d = self.pick(m, lambda d: d.buyer != "")
        if d:
            gone = d.rows[m][self.r.randrange(2)]
            self.gone([gone])
            self.label("one_sided", ("PER-03", "PER-01", "PER-09"), d.rows[m], {m}, gone.amount, m, abs(gone.amount))

    def wrong_other_amount(self, m: int) -> None:
        d = self.pick(m, lambda d: d.buyer != "")
        if d:
            x = d.rows[m][1]
            old, x.amount = x.amount, round(x.amount * self.r.choice([0.1, 0.5, 1.25]), 2)
            self.label("other_amount", ("PER-03",), d.rows[m], {m}, x.amount - old, m)

    def wrong_open_accrual(self, m: int) -> None:
        pool = [x for x in self.rows if x.prefix and x.m == m + 1]
        if pool:
            x = self.r.choice(pool)
            self.gone([x])
            self.label("open_accrual", ("PER-11", "PER-02", "PER-06"), [x], {m, m + 1}, x.amount, m + 1)

    def wrong_prior_year(self, m: int) -> None:
        m -= m % 12 - self.r.randint(0, 3)
        x = Row(
            self.r.choice(self.units),
            "35910",
            round(self.r.uniform(50_000, 300_000), 0),
            m,
            15,
            "Region Mitt",
            f"ersättning avser {2011 + m // 12}",
            "77",
            contra="15110",
        )
        self.rows.append(x)
        self.label("prior_year", ("PER-02", "PER-05"), [x], {m}, x.amount, m)

    def party(self, name: str) -> str:
        return f"L{sum(ord(c) * (k + 3) for k, c in enumerate(name)) % 90000 + 10000}" if name else ""

    def line(self, x: Row) -> str:
        if x.account[0] == "3":
            return "internal_income" if x.cp else "external_income"
        return ("internal_rent" if x.account.startswith("601") else "other_internal_cost") if x.cp else "other_external_cost"

    def world(self) -> World:
        out, vouchers, mode = [], {}, self.mode
        for x in self.rows:
            if x.m < END:
                vouchers.setdefault(x.voucher or str(id(x)), []).append(x)
        counter: dict[tuple[str, int], int] = {}
        for rows in sorted(vouchers.values(), key=lambda v: (v[0].m, v[0].vday)):
            x = rows[0]
            series = {"15110": "KF", "24410": "LF"}.get(x.contra, "BO")
            key = (series, x.m // 12)
            counter[key] = counter.get(key, 0) + 1
            rest = -round(sum(y.amount for y in rows), 2)
            for y in [*rows, *([Row(x.unit, x.contra, rest, x.m, x.vday, "", x.what)] if rest else [])]:
                balance = y.account[0] in "12"
                when = day(y.m, y.vday)
                named = not balance and mode in ("full", "names")
                text = "" if mode == "bare" else y.prefix + y.what
                out.append(
                    (
                        period(y.m),
                        2012 + y.m // 12,
                        series,
                        str(counter[key]),
                        when,
                        when + timedelta(days=2),
                        y.account,
                        y.amount,
                        y.unit if not balance or y.contra != x.contra or y.account[:2] in ("17", "29") else "",
                        y.cp or ("87" if mode == "full" and not balance else ""),
                        "balance" if balance else self.line(y),
                        "internal" if y.cp else "external",
                        text,
                        self.party(y.name) if mode == "full" and named else "",
                        y.name if named else "",
                        y.number if mode == "full" else "",
                        day(y.span[0], 1) if y.span and mode == "full" else None,
                        day(y.span[1], 31) if y.span and mode == "full" else None,
                    )
                )
        cols = [
            "period",
            "fiscal_year",
            "voucher_series",
            "voucher_number",
            "voucher_date",
            "registration_date",
            "account",
            "amount",
            "unit_code",
            "counterparty",
            "report_line",
            "counterparty_group",
            "row_text",
            "party",
            "party_name",
            "reference",
            "service_from",
            "service_to",
        ]
        frame = pd.DataFrame(out, columns=cols)
        if mode == "totals":
            frame = (
                frame.groupby(
                    ["period", "fiscal_year", "account", "unit_code", "counterparty", "report_line", "counterparty_group"],
                    as_index=False,
                )
                .amount.sum()
                .round(2)
            )
            frame = frame.reindex(columns=cols)
            words = ["voucher_series", "voucher_number", "row_text", "party", "party_name", "reference"]
            frame[words] = frame[words].fillna("").astype(str)
        if mode != "full":
            frame["registration_date"] = None
        frame["load_id"], frame["source_file"], frame["voucher_text"], frame["transaction_date"] = (
            "L" + frame.period,
            frame.period + ".csv",
            "",
            frame.voucher_date,
        )
        frame["source_row"] = frame.groupby("load_id").cumcount() + 2
        for name in ("voucher_date", "transaction_date", "registration_date", "service_from", "service_to"):
            frame[name] = pd.to_datetime(frame[name])
        units = pd.DataFrame(
            [(u, "HELA", date(1900, 1, 1), None) for u in self.units], columns=["unit_code", "parent", "valid_from", "valid_to"]
        )
        releases = pd.DataFrame([(period(m), close_date(m)) for m in range(self.begin, END)], columns=["period", "released_on"])
        empty = pd.DataFrame(columns=["amount_type", "period", "unit_code", "account", "report_line", "amount"])
        pay = pd.DataFrame(columns=["unit_code", "period", "gross", "employer_contribution"])
        return World(
            frame,
            empty,
            units,
            self.register(),
            pd.DataFrame(columns=["agreement_id", "seller_unit", "buyer_unit", "income_account", "cost_account", "amount"]),
            releases,
            pay,
            self.labels,
            [],
        )

    def register(self) -> pd.DataFrame:
        """A third of the agreements; every other one names the yearly amount and no cadence, every third no party."""
        rows = []
        for d in self.deals:
            if d.buyer or d.kind in "vs" or d.ident % 3 or not isinstance(d.calendar, int):
                continue
            yearly = d.ident % 2 == 0
            amount = round(d.amount * 1.017 ** (max(d.begins, 24) // 12) * (12 / d.calendar if yearly else 1), 0)
            rows.append(
                (
                    f"AV-{d.ident}",
                    d.unit if d.sign > 0 else "",
                    d.unit if d.sign < 0 else "",
                    "income" if d.sign > 0 else "cost",
                    d.account,
                    "",
                    self.party(d.name) if d.ident % 9 else "",
                    "",
                    f"{d.what} {d.name}",
                    amount,
                    None if yearly else d.calendar,
                    None if yearly else d.phase + 1,
                    day(max(d.begins, 0), 1),
                    day(d.ends - 1, 31) if d.ends < END else None,
                    None,
                )
            )
        return pd.DataFrame(
            rows,
            columns=[
                "agreement_id",
                "seller_unit",
                "buyer_unit",
                "direction",
                "account",
                "counterparty",
                "party",
                "reference",
                "text",
                "amount",
                "cadence",
                "phase",
                "valid_from",
                "valid_to",
                "index",
            ],
        )


def generate(seed: int, mode: str = "full", *, errors: bool = True, units: int = 25, history: int = 36) -> World:
    """Return one labelled world. `history` is the number of months before the measured year (12 to 36)."""
    return Other(seed, mode, errors, units, history).build()
