"""Double entry: the vouchers (verifikationer) of every month, from events, payroll and the finance office's own entries.

What belongs here: which accounts an event touches on both sides, voucher series and numbers, payments, corrections, late
postings, year-end closing. What does not: amounts and days of business (streams), wages (staff), file formats (exports).

Amounts are öre in the ledger's sign (debit +, credit −). Every voucher sums to 0. `export` is the month whose export shows the
voucher first: its own month, or for a late posting the month after.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta

from orchestration.demo.calibration import apportion
from orchestration.demo.municipality import (
    ALL_MONTHS,
    FIRST,
    LAST,
    OFFICE,
    Organisation,
    chance,
    first_day,
    last_day,
    shift,
    table,
    weekday,
)
from orchestration.demo.planted import ON_COST_RATE, ONE_SIDED_RENT, PAYROLL_VOUCHER, WRONG_FEE
from orchestration.demo.staff import HOURLY, Staff, po_rates
from orchestration.demo.streams import Event, counterparty_of, parties, party_counterparty

BANK, RECEIVABLES, VAT_IN, PREPAID = "1941", "1510", "1640", "1710"
PAYABLES, VAT_OUT, TAX, CONTRIBUTIONS, PENSIONS, ACCRUED = "2510", "2611", "2710", "2730", "2980", "2990"
EQUITY, RESULT, CLOSING = "2010", "2011", "8990"

#: Series: supplier invoices, customer invoices, internal invoices, payroll, payments, journal entries (bokföringsorder).
SUPPLIER, CUSTOMER, INTERNAL, PAYROLL, PAYMENT, JOURNAL = "L", "K", "I", "P", "B", "M"
_SIGNATURE = {SUPPLIER: "LEVRES", CUSTOMER: "KUNDRES", INTERNAL: "INTFAKT", PAYROLL: "LON", PAYMENT: "BETAL", JOURNAL: "EKO"}
_FIXED_ASSETS = {"water": ("1168", "1161"), "property": ("1138", "1131"), "street": ("1168", "1161")}
_EQUIPMENT = ("1218", "1211")


@dataclass(slots=True)
class Row:
    """One row of a voucher. Empty strings where a part of the code string is not used."""

    account: str
    amount: int
    unit: str = ""
    activity: str = ""
    sub_activity: str = ""
    project: str = ""
    counterparty: str = ""
    cost_object: str = ""
    customer: str = ""
    supplier: str = ""
    invoice: str = ""
    text: str = ""


@dataclass(slots=True)
class Voucher:
    """One voucher. replaced: (index of a row, the row as it was first booked) for a correction inside the voucher."""

    series: str
    day: date
    text: str
    rows: list[Row]
    registered: date
    export: str
    replaced: tuple[int, Row] | None = None
    number: int = 0

    @property
    def period(self) -> str:
        """The accounting period: the month of the voucher's day."""
        return f"{self.day:%Y-%m}"

    @property
    def signature(self) -> str:
        """The routine that booked it."""
        return _SIGNATURE[self.series]


@dataclass
class Ledger:
    """All vouchers, and the balances that each fiscal year opens with (öre by account)."""

    vouchers: list[Voucher]
    opening: dict[int, dict[str, int]] = field(default_factory=dict)


class _Books:
    """Collects vouchers and numbers invoices; one per ledger."""

    def __init__(self, seed: int, organisation: Organisation) -> None:
        self.seed = seed
        self.organisation = organisation
        self.vouchers: list[Voucher] = []
        self.rng = chance(seed, "books")
        self._customer_invoice = 310_000
        self._internal_invoice = 7_000
        self._supplier_invoice: dict[str, int] = {}

    def add(self, series: str, day: date, text: str, rows: list[Row], late: bool = False) -> Voucher:
        """Book one voucher. late: it is registered after its month's export, and shows first in the next one."""
        if sum(row.amount for row in rows):
            raise ArithmeticError(f"the voucher does not balance: {series} {day} {text}")
        period = f"{day:%Y-%m}"
        latest = first_day(shift(period, 1)) + timedelta(days=6)
        registered = weekday(min(day + timedelta(days=self.rng.randint(0, 5)), latest))
        export = period
        if late:
            export = shift(period, 1)
            registered = weekday(first_day(export) + timedelta(days=self.rng.randint(10, 24)))
        while registered < day:  # booked on a weekend's last day of the month, entered the Monday after
            registered += timedelta(days=1)
        voucher = Voucher(series, day, text, rows, registered, export)
        self.vouchers.append(voucher)
        return voucher

    def customer_invoice(self) -> str:
        self._customer_invoice += 1
        return str(self._customer_invoice)

    def internal_invoice(self) -> str:
        self._internal_invoice += 1
        return str(self._internal_invoice)

    def supplier_invoice(self, supplier: str) -> str:
        """Return the supplier's next invoice number; each supplier numbers in its own way."""
        rng = self.rng
        number = self._supplier_invoice.get(supplier)
        if number is None:
            number = rng.choice((rng.randint(1_000, 9_000), rng.randint(20_000, 90_000), rng.randint(1_000_000, 8_000_000)))
        number += rng.randint(1, 37)
        self._supplier_invoice[supplier] = number
        return str(number)


def _avser(event: Event) -> str:
    first, last = event.service
    return f"{event.text or event.stream.text} avser {first}" + (f" - {last}" if last != first else "")


def _result_row(books: _Books, event: Event, unit: str, account: str, amount: int, **codes: str) -> Row:
    s = event.stream
    return Row(
        account,
        amount,
        unit=unit,
        activity=books.organisation.ansvar[unit].activity,
        sub_activity=s.sub_activity,
        project=s.project,
        cost_object=s.cost_object,
        text=_avser(event),
        **codes,
    )


def _is_office(books: _Books, unit: str, period: str) -> bool:
    return books.organisation.office(unit, period) == OFFICE


def _late(books: _Books, event: Event) -> bool:
    s = event.stream
    if event.period[5:] == "12" or event.period == LAST:  # a closed year is closed; the last month has no later export
        return False
    if books.rng.random() > 0.006 or _is_office(books, s.unit, event.period):
        return False
    return not (s.seller and _is_office(books, s.seller, event.period))


def _supplier_invoice(books: _Books, event: Event) -> None:
    s, rng = event.stream, books.rng
    counterparty = party_counterparty(event.party)
    name = parties("suppliers")[event.party]["name"]
    late = _late(books, event)

    def invoice(net: int, day: date, text: str) -> Voucher:
        number = books.supplier_invoice(event.party)
        codes = {"supplier": event.party, "invoice": number}
        if event.kind == "prepaid":
            cost = [Row(PREPAID, net, text=_avser(event), **codes)]
        else:
            parts = [net]
            if s.cadence == 0 and net > 800_000 and rng.random() < 0.3:  # an invoice of several lines
                first = round(net * rng.uniform(0.3, 0.7) / 100) * 100
                parts = [first, net - first]
            cost = [_result_row(books, event, s.unit, s.account, part, counterparty=counterparty, **codes) for part in parts]
        vat = (abs(net) * s.vat + 50) // 100 * (1 if net > 0 else -1)
        rows = [*cost]
        if vat:
            rows.append(Row(VAT_IN, vat, text="Ingående moms", **codes))
        rows.append(Row(PAYABLES, -net - vat, text=name, **codes))
        return books.add(SUPPLIER, day, text, rows, late)

    voucher = invoice(event.amount, event.day, name)
    chosen = rng.random()
    if event.kind != "cost":
        return
    if chosen < 0.01 and event.day.day < 22:  # wrong invoice: credited and billed again in the same month
        later = weekday(event.day + timedelta(days=rng.randint(2, 6)))
        original = voucher.rows[-1].invoice
        invoice(-event.amount, later, f"{name}, kredit faktura {original}")
        invoice(event.amount, later, name)
    elif chosen < 0.022:
        row = voucher.rows[0]
        others = [r["account"] for r in table("accounts") if r["account"][:2] == row.account[:2] and r["account"] != row.account]
        wrong = Row(**{name: getattr(row, name) for name in Row.__slots__})
        if others and not row.account.startswith("40"):
            wrong.account = rng.choice(others)
            voucher.replaced = (0, wrong)


def _customer_invoice(books: _Books, event: Event) -> None:
    s = event.stream
    register = parties("customers")[event.party]
    codes = {"customer": event.party, "invoice": books.customer_invoice()}
    vat = (event.amount * s.vat + 50) // 100
    income = _result_row(books, event, s.unit, s.account, -event.amount, counterparty=register["counterparty"], **codes)
    rows = [Row(RECEIVABLES, event.amount + vat, text=register["name"], **codes), income]
    if vat:
        rows.append(Row(VAT_OUT, -vat, text="Utgående moms", **codes))
    books.add(CUSTOMER, event.day, register["name"], rows, _late(books, event))


def _internal_invoices(books: _Books, events: list[Event]) -> None:
    """Book internal trade: one internal invoice per seller, buying office and day, both sides in the same voucher."""
    organisation = books.organisation
    groups: dict[tuple, list[Event]] = defaultdict(list)
    for event in events:
        s = event.stream
        day = weekday(last_day(event.period) - timedelta(days=sum(map(ord, s.seller)) % 6))
        late = _late(books, event)
        groups[event.period, s.seller, organisation.office(s.unit, event.period), day, late].append(event)
    for (period, seller, _, day, late), members in sorted(groups.items()):
        invoice = books.internal_invoice()
        rows = []
        for event in members:
            s = event.stream
            buyer, sold = organisation.counterparty(s.unit, period), organisation.counterparty(seller, period)
            rows.append(_result_row(books, event, s.unit, s.account, event.amount, counterparty=sold, invoice=invoice))
            rows.append(_result_row(books, event, seller, s.seller_account, -event.amount, counterparty=buyer, invoice=invoice))
        books.add(INTERNAL, day, f"Internfaktura {organisation.ansvar[seller].name}", rows, late)


def _journals(books: _Books, period: str, events: list[Event]) -> None:
    """Book what the finance office enters by hand at the close: releases, depreciation, accruals and their reversals."""
    organisation = books.organisation
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for event in events:
        s = event.stream
        office = str(organisation.office(s.unit, period))
        counterparty = counterparty_of(s, event.party)
        if event.kind == "release":
            row = _result_row(books, event, s.unit, s.account, event.amount, counterparty=counterparty, supplier=event.party)
            groups[office, "release"] += [row, Row(PREPAID, -event.amount, text=row.text)]
        elif event.kind == "depreciation":
            row = _result_row(books, event, s.unit, s.account, event.amount, counterparty=counterparty)
            asset = _FIXED_ASSETS.get(organisation.ansvar[s.unit].type, _EQUIPMENT)[0]
            groups[office, "depreciation"] += [row, Row(asset, -event.amount, text=row.text)]
        elif event.kind == "capitalised":
            row = _result_row(books, event, s.unit, s.account, -event.amount)
            groups[office, "capitalised"] += [_result_row(books, event, s.unit, "4012", event.amount), row]
        else:
            amount = event.amount if event.kind == "accrual" else -event.amount
            row = _result_row(books, event, s.unit, s.account, amount, counterparty=counterparty, supplier=event.party)
            if event.kind == "reversal":
                row.text = f"Vändning {row.text}"
            groups[office, event.kind] += [row, Row(ACCRUED, -amount, text=row.text)]
    texts = {
        "release": "Periodisering förutbetalda kostnader",
        "depreciation": "Avskrivningar",
        "capitalised": "Aktiverat eget arbete",
        "accrual": "Upplupna kostnader bokslut",
        "reversal": "Vändning upplupna kostnader bokslut",
    }
    for (office, kind), rows in sorted(groups.items()):
        day = first_day(period) if kind == "reversal" else last_day(period)
        books.add(JOURNAL, day, f"{texts[kind]} {office} {period}", rows)


def _as_booked(unit: str, period: str, payroll: dict[str, int]) -> dict[str, int]:
    """Return a unit's payroll by account as its voucher has it: the HR system's, but for the planted differences."""
    booked = dict(payroll)
    if (unit, (period, period)) == (PAYROLL_VOUCHER.unit, PAYROLL_VOUCHER.months_missing):
        booked[HOURLY] -= PAYROLL_VOUCHER.amount * 100
    if (unit, (period, period)) == (ON_COST_RATE.unit, ON_COST_RATE.months_missing):
        booked[ON_COST_RATE.account] = booked[ON_COST_RATE.account] * WRONG_FEE // dict(po_rates(period))[ON_COST_RATE.account]
    return booked


def _payroll(books: _Books, staff: Staff, period: str) -> dict[str, int]:
    """Book the month's payroll, one voucher an office; return what it left to pay (öre by balance account)."""
    organisation = books.organisation
    names = {r["account"]: r["name"] for r in table("accounts")}
    day = weekday(first_day(period) + timedelta(days=26))
    owed: dict[str, int] = defaultdict(int)
    offices: dict[str, list[Row]] = defaultdict(list)
    for unit, accounts in sorted(staff.by_unit(period).items()):
        for account, amount in sorted(_as_booked(unit, period, accounts).items()):
            text = f"{names[account]} avser {period}"
            offices[str(organisation.office(unit, period))].append(
                Row(account, amount, unit=unit, activity=organisation.ansvar[unit].activity, text=text)
            )
    for office, rows in sorted(offices.items()):
        gross = sum(row.amount for row in rows if row.account < "5500")
        total = sum(row.amount for row in rows)
        credit = {
            TAX: (gross * 30 + 50) // 100,
            CONTRIBUTIONS: sum(row.amount for row in rows if row.account == "5611"),
            PENSIONS: sum(row.amount for row in rows if row.account in ("5621", "5711")),
        }
        for account, amount in credit.items():
            owed[account] += amount
        paid = total - sum(credit.values())
        balance = [Row(account, -amount, text=f"Löner {period}") for account, amount in (*credit.items(), (BANK, paid))]
        books.add(PAYROLL, day, f"Löner {office} {period}", [*rows, *balance])
    return owed


def _finance(books: _Books, period: str) -> None:
    for r in table("finance"):
        year = int(period[:4])
        amount = round(int(r["monthly"]) * (1.028 ** (year - 2014) if r["account"] < "8400" else 1)) * 100
        row = Row(
            r["account"],
            amount,
            unit=r["unit"],
            activity=books.organisation.ansvar[r["unit"]].activity,
            counterparty=r["counterparty"],
            text=f"{r['text']} avser {period}",
        )
        day = weekday(first_day(period) + timedelta(days=18))
        books.add(JOURNAL, day, f"{r['text']} {period}", [row, Row(BANK, -amount, text=r["text"])])


def _pay(books: _Books, period: str, balances: dict[str, int], paid_pensions: int) -> None:
    """Settle in a month what was left at the end of the month before: suppliers, customers, VAT, taxes; pensions in March."""
    debt, due = balances[PAYABLES], balances[RECEIVABLES]
    for part, amount in enumerate(apportion(-debt, [3, 2, 3, 2])):
        day = weekday(first_day(period) + timedelta(days=(4, 11, 19, 26)[part]))
        books.add(PAYMENT, day, "Leverantörsbetalning", [Row(PAYABLES, amount), Row(BANK, -amount)])
    for part, amount in enumerate(apportion(due, [2, 3, 4, 1])):
        day = weekday(first_day(period) + timedelta(days=(2, 9, 16, 29)[part] if period[5:] != "02" else (2, 9, 16, 24)[part]))
        books.add(PAYMENT, day, "Kundinbetalningar", [Row(BANK, amount), Row(RECEIVABLES, -amount)])
    vat = balances[VAT_IN] + balances[VAT_OUT]
    rows = [Row(BANK, vat), Row(VAT_IN, -balances[VAT_IN]), Row(VAT_OUT, -balances[VAT_OUT])]
    books.add(PAYMENT, weekday(first_day(period) + timedelta(days=25)), "Momsavräkning", [r for r in rows if r.amount])
    tax = [Row(account, -balances[account]) for account in (TAX, CONTRIBUTIONS)]
    tax.append(Row(BANK, -sum(row.amount for row in tax)))
    books.add(PAYMENT, weekday(first_day(period) + timedelta(days=11)), "Skattekonto, avdragen skatt och avgifter", tax)
    if paid_pensions:
        rows = [Row(PENSIONS, paid_pensions), Row(BANK, -paid_pensions)]
        books.add(PAYMENT, weekday(first_day(period) + timedelta(days=29)), "Pensionspremier föregående år", rows)


def _one_sided_rent(books: _Books, period: str) -> None:
    item = ONE_SIDED_RENT
    first = item.months_missing[0] if item.months_missing else ""
    amount, activity = item.amount * 100, books.organisation.ansvar
    text = f"Tilläggshyra simhall avser {first}"
    buyer = {"unit": item.unit, "activity": activity[item.unit].activity, "text": text, "cost_object": "1005"}
    if period == first:
        seller = Row("3411", -amount, unit="32130", activity=activity["32130"].activity, counterparty="370", text=text)
        rows = [Row(item.account, amount, counterparty="870", **buyer), seller]
        books.add(JOURNAL, last_day(period), text, rows)
    elif period == item.corrected_in:
        rows = [
            Row(item.account, -amount, counterparty="870", **buyer),
            Row(item.account, amount, counterparty="320", **buyer),
        ]
        books.add(JOURNAL, weekday(first_day(period) + timedelta(days=20)), f"Rättelse motpart, {text.lower()}", rows)


def _close_year(books: _Books, year: int, movements: dict[tuple[str, str, str], int], result: int) -> int:
    """Capitalise the year's investments and book its result; return the result moved to the balance (öre)."""
    day = date(year, 12, 31)
    for (unit, project, account), amount in sorted(movements.items()):
        kind = books.organisation.ansvar[unit].type
        asset = _EQUIPMENT[1] if account == "4011" else _FIXED_ASSETS.get(kind, _EQUIPMENT)[1]
        text = f"Aktivering {project or 'inventarier'} {year}"
        credit = Row("4098", -amount, unit=unit, activity=books.organisation.ansvar[unit].activity, project=project, text=text)
        books.add(JOURNAL, day, text, [Row(asset, amount, text=text), credit])
    rows = [Row(CLOSING, -result, unit="09010", activity="93010", text=f"Årets resultat {year}"), Row(RESULT, result)]
    books.add(JOURNAL, day, f"Årets resultat {year}", rows)
    return result


def build_ledger(seed: int, organisation: Organisation, events: list[Event], staff: Staff) -> Ledger:
    """Book everything, month by month, and number the vouchers.

    Numbers run per series and fiscal year in the order of the exports that show them, then of registration.
    """
    books = _Books(seed, organisation)
    by_month: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        by_month[event.period].append(event)
    balances: dict[str, int] = defaultdict(int)
    for r in table("opening_balances"):
        balances[r["account"]] = int(r["amount"]) * 100
    opening = {int(FIRST[:4]): dict(balances)}
    result = 0
    investments: dict[tuple[str, str, str], int] = defaultdict(int)
    counted = 0
    pensions_due = -balances[PENSIONS]

    def count() -> None:
        nonlocal counted, result
        for voucher in books.vouchers[counted:]:
            for row in voucher.rows:
                if row.account < "3":
                    balances[row.account] += row.amount
                else:
                    result += row.amount
                    if row.account.startswith("40"):
                        investments[row.unit, row.project, row.account] += row.amount
        counted = len(books.vouchers)

    for period in ALL_MONTHS:
        year, month = int(period[:4]), period[5:]
        if month == "01" and year > int(FIRST[:4]):
            opening[year] = dict(balances)
            books.add(
                JOURNAL,
                date(year, 1, 2),
                f"Omföring resultat {year - 1}",
                [Row(EQUITY, balances[RESULT]), Row(RESULT, -balances[RESULT])],
            )
            pensions_due = -balances[PENSIONS]
        _pay(books, period, balances, pensions_due if month == "03" else 0)
        todo = by_month[period]
        for event in sorted(todo, key=lambda e: (e.day, e.stream.id)):
            if event.kind in ("cost", "prepaid", "capex"):
                _supplier_invoice(books, event)
            elif event.kind == "income":
                _customer_invoice(books, event)
        _internal_invoices(books, [e for e in todo if e.kind == "internal"])
        manual = ("release", "depreciation", "capitalised", "accrual", "reversal")
        _journals(books, period, [e for e in todo if e.kind in manual])
        _payroll(books, staff, period)
        _finance(books, period)
        _one_sided_rent(books, period)
        count()
        if month == "12":
            moved = {key: amount for key, amount in investments.items() if amount}
            _close_year(books, year, moved, result - sum(moved.values()))
            count()
            result = 0
            investments.clear()
    numbers: dict[tuple[str, int], int] = defaultdict(int)
    books.vouchers.sort(key=lambda v: (v.export[:4], v.series, v.export, v.registered, v.day))
    for voucher in books.vouchers:
        key = (voucher.series, voucher.day.year)
        numbers[key] += 1
        voucher.number = numbers[key]
    return Ledger(books.vouchers, opening)
