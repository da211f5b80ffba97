"""The HR system's exports: staffing plan, employments, absence and payroll, month by month.

What belongs here: bytes and layout of HR files, what an export knew when it was made (later ends and corrections are not in it
yet), and the mess that real exports hold: spells registered twice, corrected, taken back, overlapping, open or impossible. What
does not: who is employed and what they cost (`staff`).

The people are invented. Their personal identity numbers have a right check digit and a serial number (födelsenummer) of 980 to
999, where Skatteverket's published test numbers (testpersonnummer) lie; two of them are quoted in
github.com/kolplattformen/embedded-api, issue 51. Names are invented too (`SURNAMES`), so that a
search for them shows whether anything personal got further than the reader.

Payroll adds up to the ledger's payroll vouchers to the öre, per unit, month and account, but for what `planted` names.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from xml.sax.saxutils import escape

from orchestration.demo.exports import export_day, semicolons, workbook
from orchestration.demo.municipality import (
    FIRST,
    LAST,
    MUNICIPALITY,
    OFFICE,
    ORGANISATION_NUMBER,
    Organisation,
    chance,
    first_day,
    weekday,
)
from orchestration.demo.planted import IMPOSSIBLE_ABSENCE
from orchestration.demo.staff import HOURLY, REVIEW, TRAVEL, WAGE_TYPES, Absence, Person, Position, Staff, po_amounts, round50
from orchestration.privacy import check_digit

#: The unit whose payroll a bureau runs from 2015 on: its pay slips come as PAXml, everybody else's in the table.
PAXML_UNIT, PAXML_FROM = "33120", "2015-01"
#: The absence export changes from CSV to Excel with the HR system's new version.
EXCEL_FROM = "2015-01"

SURNAMES = ("Demoberg", "Exempelgren", "Fiktivsson", "Låtsaslund", "Påhittén", "Provkvist", "Testenius", "Övningsson")
_FIRST_NAMES = {"K": ("Alva", "Britt", "Cajsa", "Doris", "Elsy"), "M": ("Algot", "Birger", "Curt", "Douglas", "Egon")}
#: Free text of the absence export, which no reader may keep.
REMARK = "Läkarintyg inlämnat"

_CAUSES = {"SJK": "Sjukdom", "FPE": "Föräldraledighet", "VAB": "Vård av barn"}
_HOURLY_WAGE = Decimal("145.00")
_STILL_OPEN = 60  # days ahead that an export knows of an ending employment


def identity_numbers(people: dict[str, Person]) -> dict[str, str]:
    """Return an invented personal identity number (YYYYMMDD-NNNN) by person, unique, from the test range."""
    taken: set[str] = set()
    result = {}
    for person in sorted(people):
        born, serial = people[person].born, 980 + (people[person].sex == "M")
        while (nine := f"{born:%y%m%d}{serial}") in taken:
            born, serial = (born, serial + 2) if serial < 998 else (born + timedelta(days=1), serial - 18)
        taken.add(nine)
        result[person] = f"{born:%Y%m%d}-{serial}{check_digit(nine)}"
    return result


class HrSystem:
    """The HR system of one municipality: one method an export; the same content gives the same bytes."""

    def __init__(self, seed: int, staff: Staff, organisation: Organisation) -> None:
        self._seed, self._staff, self._organisation = seed, staff, organisation
        self._numbers = identity_numbers(staff.people)
        self._name = {}
        for person, facts in staff.people.items():
            rng = chance(seed, "name", person)
            self._name[person] = f"{rng.choice(SURNAMES)}, {rng.choice(_FIRST_NAMES[facts.sex])}"
        self._unit: dict[str, str] = {}
        self._first_pay: dict[str, str] = {}
        for period, rows in staff.payroll.items():
            for row in rows:
                self._unit.setdefault(row.person, row.unit)
                self._first_pay.setdefault(row.person, period)
        self._aid = {title: f"{151_000 + 10 * i}" for i, title in enumerate(sorted({p.title for p in staff.positions}))}

    # registers

    def positions(self, year: int) -> bytes:
        """Return the staffing plan (personalstat) as decided for a year, with the years before: one row per position and year."""
        headers = ["Tjänstnr", "AID-kod", "Ansvar", "Ansvarsnamn", "Sysselsättningsgrad", "Budgeterad lön", "PO-pålägg"]
        rows: list[list] = [[f"{MUNICIPALITY}, personalstat {year}"], [], [*headers, "Fr.o.m.", "T.o.m."]]
        office = set(self._organisation.units(OFFICE, f"{year}-01"))
        for p in sorted(self._staff.positions, key=lambda p: (p.unit, p.id)):
            for first, last, wage in self._budgeted(p, year, p.unit in office):
                name = self._organisation.ansvar[p.unit].name
                codes = [p.id, self._aid[p.title], p.unit, name]
                rows.append([*codes, round(p.degree * 100, 2), wage, 38.46, first.isoformat(), last.isoformat()])
        return workbook(f"Personalstat {year}", rows, [11, 10, 9, 30, 12, 12, 10, 12, 12], date(year - 1, 12, 18))

    @staticmethod
    def _budgeted(p: Position, year: int, in_office: bool) -> Iterator[tuple[date, date, int]]:
        for each in range(int(FIRST[:4]), year + 1):
            spans = [(date(each, 1, 1), date(each, 12, 31), p.budget_wage[each])]
            if each == 2015 and not in_office:  # the office has the review of 2015 in a pool, the others in the positions
                middle = date(each, 4, 1)
                spans = [
                    (spans[0][0], middle - timedelta(days=1), p.budget_wage[each]),
                    (middle, spans[0][1], round50(p.budget_wage[each] * REVIEW)),
                ]
            for first, last, wage in spans:
                if max(first, p.valid_from) <= min(last, p.valid_to):
                    yield max(first, p.valid_from), min(last, p.valid_to), wage

    def employments(self, period: str) -> bytes:
        """Return the employments known when a month's export is made, with their history: one row per span of unchanged terms."""
        known = export_day(period)
        headers = ["Anst.nr", "Personnr", "Namn", "Ansvar", "Tjänstnr", "AID-kod", "Anst.form", "Löneform", "Syss.grad"]
        rows = [[*headers, "Heltidslön", "Timlön", "Fr.o.m.", "T.o.m."]]
        for e in sorted(self._staff.employments, key=lambda e: (e.unit, e.person, e.valid_from)):
            for first, last, wage in e.wage_spans():
                if first <= known:
                    until = last.isoformat() if last <= known + timedelta(days=_STILL_OPEN) else ""
                    terms = ["TV", "M", _comma(Decimal(str(e.degree)) * 100), _comma(Decimal(wage)), "", first.isoformat(), until]
                    rows.append([*self._who(e.person), e.unit, e.position, self._aid[e.title], *terms])
        for person in sorted(self._unit):
            if person.startswith("T") and self._first_pay[person] <= period:
                start = first_day(self._first_pay[person]).isoformat()
                terms = ["", "", "TIM", "T", "", "", _comma(_HOURLY_WAGE), start, ""]
                rows.append([*self._who(person), self._unit[person], *terms])
        return semicolons(rows)

    def _who(self, person: str) -> list[str]:
        return [person, self._numbers[person], self._name[person]]

    # absence

    def absence(self, period: str) -> bytes:
        """Return every spell known when a month's export is made. Later exports correct what earlier ones had wrong."""
        known = export_day(period)
        headers = ["Anst.nr", "Personnr", "Namn", "Ansvar", "Frånvaroorsak", "Fr.o.m.", "T.o.m."]
        rows = [[*headers, "Omfattning", "Makulerad", "Anmärkning"]]
        for a in sorted(self._staff.absences, key=lambda a: (a.person, a.valid_from)):
            if a.valid_from <= known:
                for cause, first, last, extent, taken_back in self._registered(a, period):
                    until = last.isoformat() if last <= known else ""
                    share = f"{extent:.0%}".replace("%", " %")
                    remark = REMARK if (a.valid_to - a.valid_from).days > 7 and a.cause == "SJK" else ""
                    spell = [_CAUSES[cause], first.isoformat(), until, share, "Ja" if taken_back else "", remark]
                    rows.append([*self._who(a.person), self._unit[a.person], *spell])
        rows += self._impossible(period)
        if period < EXCEL_FROM:
            return semicolons(rows)
        return workbook("Frånvaro", [list(row) for row in rows], [10, 15, 24, 9, 18, 12, 12, 12, 10, 20], known)

    def _registered(self, a: Absence, period: str) -> Iterator[tuple[str, date, date, float, bool]]:
        """Yield the rows that an export has for a spell; the last one is the spell, what stands before it gives way to it.

        A few spells are wrong in the first export that has them (end, extent or start), are there twice, have care of a child
        registered inside a sick leave, or are followed by one that somebody registered by mistake and took back later.
        """
        rng = chance(self._seed, "registered", a.person, a.valid_from)
        draw, is_first = rng.random(), f"{a.valid_from:%Y-%m}" == period != LAST
        day = timedelta(days=1)
        several_days = a.valid_to > a.valid_from
        true = (a.cause, a.valid_from, a.valid_to, a.extent, False)
        if draw < 0.04 and is_first:
            wrong = rng.randrange(3)
            if wrong == 0 or (wrong == 2 and not several_days):
                yield a.cause, a.valid_from, a.valid_to + day, a.extent, False
            elif wrong == 1:
                yield a.cause, a.valid_from, a.valid_to, 0.25, False
            else:
                yield a.cause, a.valid_from + day, a.valid_to, a.extent, False
            return
        if 0.04 <= draw < 0.06 and several_days:
            yield a.cause, a.valid_from, a.valid_to - day, a.extent, False
        elif 0.06 <= draw < 0.09 and several_days and a.cause == "SJK" and a.extent == 1:
            yield "VAB", a.valid_from + day, a.valid_from + day, 1.0, False
        elif 0.09 <= draw < 0.11 and f"{a.valid_to + 3 * day:%Y-%m}" < LAST and a.valid_to + 3 * day <= export_day(period):
            mistake = a.valid_to + 3 * day
            yield "SJK", mistake, mistake, 1.0, f"{mistake:%Y-%m}" < period
        yield true

    def _impossible(self, period: str) -> list[list[str]]:
        person = self._staff.absences[0].person
        first = first_day(period)
        spells = (
            ["Sjukdom", (first + timedelta(days=9)).isoformat(), (first + timedelta(days=6)).isoformat(), "100 %"],
            ["Sjukdom", (first + timedelta(days=2)).isoformat(), (first + timedelta(days=3)).isoformat(), "150 %"],
            ["Vård av barn", f"{period}-31", f"{period}-31", "100 %"],  # neither November nor February has one
            ["", (first + timedelta(days=4)).isoformat(), (first + timedelta(days=4)).isoformat(), "100 %"],
        )
        number = IMPOSSIBLE_ABSENCE.get(period, 0)
        return [[*self._who(person), self._unit[person], *spell, "", ""] for spell in spells[:number]]

    # payroll

    def payroll(self, period: str) -> bytes:
        """Return a month's payroll: one row per pay slip row and per part of the PO, with account and ansvar."""
        paid_on = weekday(first_day(period) + timedelta(days=26)).isoformat()
        headers = ["Löneperiod", "Utbetalningsdatum", "Anst.nr", "Personnr", "Namn", "Radtyp", "Löneart", "Löneartstext"]
        rows = [[*headers, "Konto", "Ansvar", "Antal", "Belopp"]]
        total = 0
        for (unit, person), slip in self._slips(period):
            if self.is_paxml(unit, period):
                continue
            who = [period.replace("-", ""), paid_on, *self._who(person)]
            for wage_type, amount in slip:
                name, account = WAGE_TYPES[wage_type]
                hours = _comma(Decimal(amount) / 100 / _HOURLY_WAGE) if account == HOURLY else ""
                rows.append([*who, "Lön", wage_type, name, account, unit, hours, _comma(Decimal(amount) / 100)])
                total += amount
            for account, amount in self._po(slip, period):
                rows.append([*who, "PO", "", "Personalomkostnadspålägg", account, unit, "", _comma(Decimal(amount) / 100)])
                total += amount
        rows.append(["Summa", *[""] * 10, _comma(Decimal(total) / 100)])
        return semicolons(rows)

    @staticmethod
    def is_paxml(unit: str, period: str) -> bool:
        """Return whether a unit's payroll of a month comes as PAXml."""
        return unit == PAXML_UNIT and period >= PAXML_FROM

    def paxml(self, period: str) -> bytes:
        """Return the pay slips of the bureau's unit: PAXml 2.1, LÖNUT."""
        paid_on = weekday(first_day(period) + timedelta(days=26)).isoformat()
        lines = [
            '<?xml version="1.0" encoding="ISO-8859-1"?>',
            "<paxml>",
            f"<header><version>2.1</version><format>LÖNUT</format><datum>{export_day(period)}T07:00:00</datum>"
            f"<foretagorgnr>{ORGANISATION_NUMBER}</foretagorgnr><programnamn>Lönebyrån</programnamn></header>",
            "<loneutbetalning>",
        ]
        for (unit, person), slip in self._slips(period):
            if not self.is_paxml(unit, period):
                continue
            last, first = self._name[person].split(", ")
            po = self._po(slip, period)
            where = f'<resenheter><resenhet dim="1" id="{unit}"/></resenheter>'
            number = self._numbers[person].replace("-", "")
            lines += [
                f'<lonebesked anstid="{person}" persnr="{number}"><periodid>{period.replace("-", "")}</periodid>',
                f"<betaldatum>{paid_on}</betaldatum><fornamn>{escape(first)}</fornamn><efternamn>{escape(last)}</efternamn>",
                f"<arbavgiftbel>{_point(sum(amount for _, amount in po))}</arbavgiftbel><lonerader>",
            ]
            postings: dict[str, int] = defaultdict(int)
            for number_of_row, (wage_type, amount) in enumerate(slip, start=1):
                name, account = WAGE_TYPES[wage_type]
                postings[account] += amount
                lines.append(
                    f'<lonrad radnr="{number_of_row}"><lonart>{wage_type}</lonart><benamning>{escape(name)}</benamning>'
                    f"<kontonr>{account}</kontonr>{where}<belopp>{_point(amount)}</belopp><lonetyp>BRUTTO</lonetyp></lonrad>"
                )
            lines.append("</lonerader><kontering>")
            lines += [
                f'<transaktion kontonr="{account}" belopp="{_point(amount)}">{where}</transaktion>'
                for account, amount in (*postings.items(), *po)
                if amount
            ]
            lines.append("</kontering></lonebesked>")
        lines += ["</loneutbetalning>", "</paxml>", ""]
        return "\r\n".join(lines).encode("latin-1")

    def _slips(self, period: str) -> list[tuple[tuple[str, str], list[tuple[str, int]]]]:
        slips: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for row in self._staff.payroll[period]:
            slips[row.unit, row.person][row.wage_type] += row.amount
        return [(key, sorted((kind, amount) for kind, amount in rows.items() if amount)) for key, rows in sorted(slips.items())]

    @staticmethod
    def _po(slip: list[tuple[str, int]], period: str) -> list[tuple[str, int]]:
        base = sum(amount for wage_type, amount in slip if WAGE_TYPES[wage_type][1] != TRAVEL)
        return [(account, amount) for account, amount in po_amounts(base, period) if amount]


def _point(amount: int) -> str:
    return f"{Decimal(amount) / 100:.2f}"


def _comma(amount: Decimal) -> str:
    return f"{amount:.2f}".replace(".", ",")
