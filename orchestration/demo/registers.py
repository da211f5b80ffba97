"""The registers beside the ledger: agreements, internal agreements, released periods, comments for the report.

What belongs here: bytes and layout, and how complete each register is (real ones are not). What does not: the agreements'
postings (`streams`), what is left out of them on purpose (`planted`).
"""

from __future__ import annotations

from datetime import date, timedelta

from orchestration.demo.exports import export_day, semicolons, workbook
from orchestration.demo.municipality import ALL_MONTHS, FIRST, LAST, first_day, last_day, months, table, weekday
from orchestration.demo.streams import Stream, party_counterparty

#: What the register of agreements knows of the office's streams, by year; the others (wage subsidies, leases …) nobody entered.
_REGISTERED = {
    2013: ("K001", "K002", "K100", "K101", "K108"),
    2015: ("K001", "K002", "K100", "K101", "K108", "K109", "K110"),
}
#: How somebody wrote a customer's number and the text of one agreement.
_MISSPELT = {"K101": ("5055", "Redovisningstjänst gemensam nämd")}
_UNTIL_FURTHER = "tills vidare"


def _span(s: Stream) -> list[str]:
    start = "2010-01-01" if s.valid_from == FIRST else first_day(s.valid_from).isoformat()
    return [start, _UNTIL_FURTHER if s.valid_to == LAST else last_day(s.valid_to).isoformat()]


def agreements_csv(year: int, streams: list[Stream]) -> bytes:
    """Return the register of agreements as of January of a year: partial, one customer's number misspelt."""
    headers = ["Avtalsnr", "Riktning", "Säljande enhet", "Köpande enhet", "Konto", "Motpart", "Kund/lev", "Avser"]
    rows = [[*headers, "Belopp per tillfälle", "Intervall", "Första månad", "Index", "Fr.o.m.", "T.o.m."]]
    words = {1: "månad", 3: "kvartal", 6: "halvår", 12: "år"}
    known = {s.id: s for s in streams}
    for number, name in enumerate(_REGISTERED[year], start=1):
        s = known[name]
        is_income = s.kind == "income"
        party, text = _MISSPELT.get(name, (s.parties[0], s.text))
        amount = f"{round(s.price(year) * s.cadence / 12)},00"
        first_month = int(s.valid_from[5:]) if s.cadence == 12 else 1
        units = [s.unit, ""] if is_income else ["", s.unit]
        kind = ["intäkt" if is_income else "kostnad", *units, s.account, party_counterparty(s.parties[0]), party, text]
        start, end = _span(s)
        terms = ["", start, end] if is_income else ["1,2 %", f"{year}-01-01", end]  # costs are indexed from the year's price
        rows.append([f"A-{number:03d}", *kind, amount, words[s.cadence], str(first_month), *terms])
    return semicolons(rows)


def internal_agreements_workbook(year: int, streams: list[Stream]) -> bytes:
    """Return the year's agreements between units: services at fixed monthly amounts, and the office's rent."""
    headers = [
        "Avtalsnr",
        "Säljande enhet",
        "Köpande enhet",
        "Intäktskonto",
        "Kostnadskonto",
        "Belopp per tillfälle",
        "Intervall",
    ]
    rows: list[list] = [[f"Interna överenskommelser {year}"], [], [*headers, "Avser", "Fr.o.m.", "T.o.m."]]
    period = f"{year}-01"
    fixed = [
        s for s in streams if s.kind == "internal" and not s.noise and s.cadence == 1 and s.id[0] in "KR" and s.active(period)
    ]
    for number, s in enumerate(sorted(fixed, key=lambda s: s.id), start=1):
        amount = round(s.annual / 12)
        if s.season == "flat" and amount * 12 == s.annual:
            units = [f"I-{number:03d}", s.seller, s.unit, s.seller_account, s.account, amount, "månad", s.text]
            rows.append([*units, *_span(s)])
    return workbook("Internavtal", rows, [10, 9, 9, 10, 10, 14, 10, 34, 12, 14], date(year - 1, 12, 18))


def period_releases_csv(year: int) -> bytes:
    """Return the calendar of closes to the end of a year: the day each month's follow-up is released."""
    rows = [["Period", "Släppt"]]
    for period in months(FIRST, f"{year}-12"):
        rows.append([period, weekday(export_day(period) + timedelta(days=4)).isoformat()])
    return semicolons(rows)


def comments_workbook(period: str) -> bytes:
    """Return what the controllers wrote for the report of a month (`data/comments.csv`)."""
    rows: list[list] = [["Period", "Enhet", "Rad", "Kommentar", "Skriven av"]]
    rows += [
        [r["period"], r["unit"], r["report_line"] or None, r["text"], r["author"]]
        for r in table("comments")
        if r["period"] == period
    ]
    return workbook("Kommentarer", rows, [10, 10, 28, 90, 20], export_day(period))


def comment_periods() -> set[str]:
    """Return the months that somebody wrote comments for."""
    return {r["period"] for r in table("comments")} & set(ALL_MONTHS)
