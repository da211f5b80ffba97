"""The demo's files, written as real systems write them: SIE 4E, ERP spreadsheets, registers, settings.

What belongs here: bytes and layout. What does not: what the amounts are (ledger, budget). The same content gives the same bytes:
no clock is read, and the spreadsheets' zip entries and properties carry the export's own date.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
import zlib
from collections import defaultdict
from datetime import date, datetime, time, timedelta
from functools import cache
from itertools import groupby

from openpyxl import Workbook

from orchestration.demo.budget import Cells, Key
from orchestration.demo.ledger import Ledger, Row, Voucher
from orchestration.demo.municipality import (
    FIRST,
    MUNICIPALITY,
    ORGANISATION_NUMBER,
    Organisation,
    first_day,
    last_day,
    shift,
    table,
    weekday,
)

MONTH_HEADERS = ("Jan", "Feb", "Mar", "Apr", "Maj", "Jun", "Jul", "Aug", "Sep", "Okt", "Nov", "Dec")
_DIMENSIONS = (
    ("1", "Ansvar", "unit"),
    ("20", "Verksamhet", "activity"),
    ("21", "Aktivitet", "sub_activity"),
    ("6", "Projekt", "project"),
    ("22", "Motpart", "counterparty"),
    ("23", "Objekt", "cost_object"),
    ("8", "Kund", "customer"),
    ("9", "Leverantör", "supplier"),
    ("10", "Faktura", "invoice"),
)
_PLAIN = re.compile(r"[0-9A-Za-zÅÄÖåäö.,&_/+-]+")

SETTINGS = f"""\
# Demokommunens inställningar. Samma form gäller för en riktig kommun: se README.
municipality = "{MUNICIPALITY}"
root_unit = "KOMMUN"

# Huvudbok: SIE 4E ur ekonomisystemet, en fil i månaden med året hittills.
[sources.ledger]
kind = "ledger"
files = ["huvudbok_*.se"]
format = "sie"
required = true

[sources.ledger.dimensions]
"1" = "unit"            # Ansvar
"20" = "activity"       # Verksamhet
"21" = "sub_activity"   # Aktivitet
"6" = "project"         # Projekt
"22" = "counterparty"   # Motpart
"23" = "cost_object"    # Objekt
"8" = "party"           # Kund
"9" = "party"           # Leverantör
"10" = "reference"      # Faktura

# Budget: Excel, en fil om året, tolv månadskolumner, bokföringens tecken.
[sources.budget]
kind = "budget"
files = ["budget_*.xlsx"]
format = "excel"
sign = "ledger"

[sources.budget.columns]
fiscal_year = "År"
unit = "Ansvar"
account = "Konto"
activity = "Verksamhet"
sub_activity = "Aktivitet"
counterparty = "Motpart"
months = [{", ".join(f'"{name}"' for name in MONTH_HEADERS)}]

# Prognos: Excel från controllergruppen, helår per ansvar och konto, intäkter + och kostnader -.
[sources.forecast]
kind = "forecast"
files = ["prognos_*.xlsx"]
format = "excel"
sign = "natural"

[sources.forecast.columns]
fiscal_year = "År"
forecast_round = "Prognosomgång"
unit = "Ansvar"
account = "Konto"
activity = "Verksamhet"
counterparty = "Motpart"
amount = "Prognos helår"

# Organisation med giltighetstider; ny fil vid omorganisationen 2015.
[sources.organisation]
kind = "organisation"
files = ["organisation_*.csv"]
encoding = "latin-1"
separator = ";"

[sources.organisation.columns]
unit = "Ansvar"
name = "Benämning"
parent = "Överordnad"
valid_from = "Giltig från"
valid_to = "Giltig till"

# Motpartsregister.
[sources.counterparties]
kind = "dimension"
files = ["motparter*.csv"]
encoding = "latin-1"
separator = ";"
constants = {{ dimension = "counterparty" }}

[sources.counterparties.columns]
code = "Motpart"
name = "Benämning"
"""


def export_day(period: str) -> date:
    """Return the day a month's export is made: the eighth of the next month, after the annual accounts for December."""
    return weekday(first_day(shift(period, 1)) + timedelta(days=24 if period.endswith("12") else 7))


def _money(amount: int) -> str:
    whole, ore = divmod(abs(amount), 100)
    return f"{'-' if amount < 0 else ''}{whole}.{ore:02d}"


@cache
def _quoted(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else '"' + text.replace('"', '\\"') + '"'


class SieWriter:
    """Write a year's vouchers to date as SIE 4E: CP437, CRLF, with balances and checksum.

    Each voucher is rendered once and reused in every later export of its year.
    """

    def __init__(self, ledger: Ledger, organisation: Organisation) -> None:
        self._organisation = organisation
        self._ledger = ledger
        self._years: dict[int, list[tuple[Voucher, bytes, bytes]]] = defaultdict(list)
        #: What the vouchers of each export moved, öre by account, by year and export.
        self._moved: dict[int, dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
        for voucher in sorted(ledger.vouchers, key=lambda v: (v.day.year, v.series, v.number)):
            self._years[voucher.day.year].append((voucher, *self._voucher(voucher)))
            moved = self._moved[voucher.day.year][voucher.export]
            for row in voucher.rows:
                moved[row.account] += row.amount
        self._accounts = {r["account"]: r for r in table("accounts")}

    @staticmethod
    def _voucher(voucher: Voucher) -> tuple[bytes, bytes]:
        """Return the voucher's lines, and its bytes as the checksum counts them (without separators, quotes and braces)."""
        day = f"{voucher.day:%Y%m%d}"
        fields = [
            "#VER",
            voucher.series,
            str(voucher.number),
            day,
            voucher.text,
            f"{voucher.registered:%Y%m%d}",
            voucher.signature,
        ]
        lines = [" ".join([fields[0], *map(_quoted, fields[1:])]), "{"]
        summed = ["".join(fields)]

        def put(label: str, row: Row) -> None:
            codes = [x for number, _, name in _DIMENSIONS if (value := getattr(row, name)) for x in (number, value)]
            rest = [_money(row.amount), day, row.text]
            lines.append(f"   {label} {row.account} {{{' '.join(map(_quoted, codes))}}} {' '.join(_quoted(f) for f in rest)}")
            summed.append("".join([label, row.account, *codes, *rest]))

        for number, row in enumerate(voucher.rows):
            if voucher.replaced and voucher.replaced[0] == number:
                put("#BTRANS", voucher.replaced[1])
                put("#RTRANS", row)
            put("#TRANS", row)
        lines.append("}\r\n")
        return "\r\n".join(lines).encode("cp437"), "".join(summed).encode("cp437")

    def _balances(self, year: int, period: str) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
        """Return opening and closing balances and results (öre by account) of a year, as known in a period's export."""
        opening = {a: v for a, v in sorted(self._ledger.opening[year].items()) if v}
        moved: dict[str, int] = defaultdict(int)
        for export, amounts in self._moved[year].items():
            if export <= period:
                for account, amount in amounts.items():
                    moved[account] += amount
        closing = {a: opening.get(a, 0) + moved.get(a, 0) for a in sorted({*opening, *moved}) if a < "3"}
        return opening, closing, {a: v for a, v in sorted(moved.items()) if a >= "3"}

    def _objects(self, period: str) -> list[list[str]]:
        year = period[:4]
        units = [u for code, u in self._organisation.ansvar.items() if any(k[:4] == year for k in self._spans(code))]
        rows = [["#OBJEKT", "1", u.code, u.name] for u in units]
        rows += [["#OBJEKT", "20", r["code"], r["name"]] for r in table("activities")]
        rows += [["#OBJEKT", "21", r["code"], r["name"]] for r in table("sub_activities")]
        rows += [["#OBJEKT", "6", r["code"], r["name"]] for r in table("projects") if f"20{r['code'][1:3]}" <= year]
        rows += [["#OBJEKT", "22", r["code"], r["name"]] for r in table("counterparties")]
        rows += [["#OBJEKT", "23", r["code"], r["name"]] for r in table("cost_objects")]
        rows += [["#OBJEKT", "8", r["code"], r["name"]] for r in table("customers")]
        rows += [["#OBJEKT", "9", r["code"], r["name"]] for r in table("suppliers")]
        return rows

    def _spans(self, code: str) -> list[str]:
        return [p for year in self._ledger.opening for p in (f"{year}-01", f"{year}-04") if self._organisation.office(code, p)]

    def write(self, period: str) -> bytes:
        """Return the export made after a period's close: the fiscal year to date."""
        year = int(period[:4])
        records = [
            ["#PROGRAM", "Kommunekonomi", "7.4"],
            ["#FORMAT", "PC8"],
            ["#GEN", f"{export_day(period):%Y%m%d}", "EKO"],
            ["#SIETYP", "4"],
            ["#PROSA", f"Huvudbok {year} till och med {period}"],
            ["#FNR", "EKB01"],
            ["#ORGNR", ORGANISATION_NUMBER],
            ["#FNAMN", MUNICIPALITY],
            ["#RAR", "0", f"{year}0101", f"{year}1231"],
        ]
        if year > int(FIRST[:4]):
            records.append(["#RAR", "-1", f"{year - 1}0101", f"{year - 1}1231"])
        records += [["#OMFATTN", f"{last_day(period):%Y%m%d}"], ["#KPTYP", "KOMMUNBAS13"], ["#VALUTA", "SEK"]]
        for account, r in self._accounts.items():
            records += [["#KONTO", account, r["name"]], ["#KTYP", account, r["type"]]]
        for number, name, _ in _DIMENSIONS:
            records.append(["#UNDERDIM", "21", name, "20"] if number == "21" else ["#DIM", number, name])
        records += self._objects(period)
        for label_year in (0, -1) if year > int(FIRST[:4]) else (0,):
            opening, closing, results = self._balances(year + label_year, period)
            for label, amounts in (("#IB", opening), ("#UB", closing), ("#RES", results)):
                records += [[label, str(label_year), account, _money(amount)] for account, amount in amounts.items()]
        head = "".join(" ".join([fields[0], *map(_quoted, fields[1:])]) + "\r\n" for fields in records).encode("cp437")
        known = [item for item in self._years[year] if item[0].export <= period]
        checksum = zlib.crc32("".join("".join(fields) for fields in records).encode("cp437"))
        checksum = zlib.crc32(b"".join(summed for _, _, summed in known), checksum)
        body = b"".join(lines for _, lines, _ in known)
        return b"#FLAGGA 0\r\n#KSUMMA\r\n" + head + body + f"#KSUMMA {checksum}\r\n".encode()


def workbook(title: str, rows: list[list], widths: list[int], made: date) -> bytes:
    """Return an xlsx of one sheet. The bytes depend on the content alone."""
    book = Workbook(write_only=True)
    stamp = datetime.combine(made, time(9, 30))
    book.properties.creator = "Kommunekonomi"
    book.properties.created = stamp
    sheet = book.create_sheet(title)
    for i, width in enumerate(widths):
        sheet.column_dimensions["ABCDEFGHIJKLMNOPQRSTUVWXYZ"[i]].width = width
    for row in rows:
        sheet.append(row)
    raw = io.BytesIO()
    book.save(raw)
    fixed = io.BytesIO()
    # openpyxl stamps the time of saving into the properties and into every zip entry.
    with zipfile.ZipFile(raw) as source, zipfile.ZipFile(fixed, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as target:
        for name in sorted(source.namelist(), key=lambda n: (n != "[Content_Types].xml", n)):
            content = source.read(name)
            if name == "docProps/core.xml":
                content = re.sub(
                    rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>" + stamp.strftime("%Y-%m-%dT%H:%M:%SZ").encode(), content
                )
            entry = zipfile.ZipInfo(name, date_time=stamp.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(entry, content)
    return fixed.getvalue()


def _names(organisation: Organisation) -> tuple[dict[str, str], dict[str, str]]:
    return {code: unit.name for code, unit in organisation.ansvar.items()}, {r["account"]: r["name"] for r in table("accounts")}


def budget_workbook(year: int, budget: Cells, organisation: Organisation) -> bytes:
    """Return a year's budget as the ERP prints it: title, headers, a row a cell with twelve months, a sum."""
    units, accounts = _names(organisation)
    made = date(year - 1, 12, 18)
    headers = ["År", "Ansvar", "Ansvarsnamn", "Konto", "Kontonamn", "Verksamhet", "Aktivitet", "Motpart", *MONTH_HEADERS, "Helår"]
    rows: list[list] = [
        [MUNICIPALITY],
        [f"Internbudget {year} per ansvar, konto, verksamhet och motpart"],
        [f"Utskriven {made}. Belopp i kr, kostnader utan tecken, intäkter med minus."],
        [],
        headers,
    ]
    for key, amounts in budget.items():
        codes = [key.unit, units[key.unit], key.account, accounts[key.account], key.activity, key.sub_activity, key.counterparty]
        rows.append([year, *(code or None for code in codes), *amounts, sum(amounts)])
    sums = [sum(amounts[month] for amounts in budget.values()) for month in range(12)]
    rows.append(["Summa", *[None] * 7, *sums, sum(sums)])
    return workbook(f"Budget {year}", rows, [8, 9, 30, 8, 30, 11, 9, 9, *[12] * 13], made)


def forecast_workbook(report_period: str, forecast: dict[Key, int], organisation: Organisation) -> bytes:
    """Return a round's forecast as the controllers collect it: full year, income + and cost −, sums by ansvar."""
    units, accounts = _names(organisation)
    made = export_day(report_period)
    headers = ["År", "Prognosomgång", "Ansvar", "Ansvarsnamn", "Konto", "Kontonamn", "Verksamhet", "Motpart", "Prognos helår"]
    rows: list[list] = [
        [f"{MUNICIPALITY}, helårsprognos per {report_period}"],
        ["Belopp i kr. Intäkter (+), kostnader (-)"],
        [],
        headers,
    ]
    for unit, cells in groupby(forecast.items(), key=lambda item: item[0].unit):
        total = 0
        for key, amount in cells:
            total -= amount
            codes = [key.unit, units[unit], key.account, accounts[key.account], key.activity, key.counterparty]
            rows.append([int(report_period[:4]), report_period, *(code or None for code in codes), -amount])
        rows.append([f"Summa {unit} {units[unit]}", *[None] * 7, total])
    rows.append(["Totalsumma", *[None] * 7, -sum(forecast.values())])
    return workbook(f"Prognos {report_period}", rows, [8, 14, 9, 30, 8, 30, 11, 9, 15], made)


def semicolons(rows: list[list[str]]) -> bytes:
    """Return rows as a semicolon separated file, CRLF, cp1252."""
    out = io.StringIO()
    csv.writer(out, delimiter=";", lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode("cp1252")


def organisation_csv(period: str, organisation: Organisation) -> bytes:
    """Return the register of units as known in a period: ends and moves that lie ahead are not in it yet."""
    rows = [["Ansvar", "Benämning", "Överordnad", "Giltig från", "Giltig till"]]
    for unit in organisation.rows:
        if unit.valid_from <= last_day(period):
            ends = unit.valid_to if unit.valid_to and unit.valid_to < first_day(period) else None
            rows.append([unit.code, unit.name, unit.parent, unit.valid_from.isoformat(), ends.isoformat() if ends else ""])
    return semicolons(rows)


def counterparties_csv() -> bytes:
    """Return the register of motpart codes."""
    return semicolons([["Motpart", "Benämning", "Slag"], *([r["code"], r["name"], r["group"]] for r in table("counterparties"))])
