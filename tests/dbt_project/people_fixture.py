"""The small municipality with HR exports: units large and small, several kinds of cause, and a ledger that the staff explains."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

from raw_fixture import RawHome, Row, line, municipality

#: People by unit. HR and the one person of KLK itself are too few to be told by cause: the sibling ST has to be merged too.
STAFF = {"KC": 13, "BUN": 14, "HR": 3, "ST": 11, "EK": 15}
WAGES = {"KC": 30000, "BUN": 32000, "HR": 33000, "ST": 31000, "EK": 34000}
PO = Decimal("0.3846")


def staffed(home: Path, staff: dict[str, int] | None = None) -> RawHome:
    """Return the municipality with KLK divided into HR, ST and EK, and staff in 2015. One of KLK's own positions is vacant."""
    raw = municipality(home)
    raw.load(
        "organisation_2015",
        kind="organisation",
        delivery="2015-01",
        unit=[
            {"unit": "KS", "name": "Kommunstyrelsen"},
            {"unit": "KLK", "name": "Kommunledningskontoret", "parent": "KS"},
            *({"unit": code, "name": code, "parent": "KLK"} for code in ("HR", "ST", "EK")),
            {"unit": "KC", "name": "Kontaktcenter", "parent": "KS"},
            {"unit": "BUN", "name": "Barn- och utbildningsnämnden"},
        ],
    )
    positions: list[Row] = []
    employments: list[Row] = []
    spells: list[Row] = []
    payroll: list[Row] = []
    ledger: list[Row] = []
    months = ("2015-01", "2015-02", "2015-03")
    for unit, count in (staff or STAFF).items():
        for number in range(count):
            name, wage = f"{unit}{number}", WAGES[unit]
            positions.append({"position": name, "unit": unit, "degree": 1, "budgeted_wage": wage, "valid_from": "2013-01-01"})
            employments.append(
                {
                    "employment": f"e{name}",
                    "person": f"p{name}",
                    "birth_year": 1950 + number * 3,
                    "sex": "M" if number % 4 == 0 else "F",
                    "position": name,
                    "unit": unit,
                    "wage_form": "month",
                    "wage_basis": "full_time",
                    "degree": 1,
                    "monthly_wage": wage + 100 * number,
                    "valid_from": "2013-01-01",
                }
            )
            payroll += [
                {"line_kind": "pay", "period": m, "employment": f"e{name}", "account": "5021", "unit": unit, "amount": wage}
                for m in months
            ]
        # one sick two days each month, one ill for long, one on parental leave
        for month in months:
            spells.append(_spell(f"e{unit}0", "sick", f"{month}-09", f"{month}-10"))
        spells.append(_spell(f"e{unit}1", "sick", "2015-01-12", "2015-03-20"))
        spells.append(_spell(f"e{unit}2", "parental", "2014-12-01", None))
        payroll.append({"line_kind": "pay", "period": "2015-03", "account": "5022", "unit": unit, "amount": "5000.00"})
        ledger += [line(m, "5021", WAGES[unit] * count, unit=unit) for m in months]
        ledger += [line(m, "5611", (WAGES[unit] * count * PO).quantize(Decimal("0.01")), unit=unit) for m in months]
    ledger += [line("2015-03", "7510", "9000.00"), line("2015-03", "5021", "77.00", unit="KS")]  # KS has no staff of its own
    positions.append({"position": "KLKv", "unit": "KLK", "degree": 1, "budgeted_wage": 30000, "valid_from": "2013-01-01"})
    raw.load("ledger_staff", source="staff", period_from="2015-01", period_to="2015-03", ledger_line=ledger)
    raw.load("personalstat_staff", source="staff_plan", kind="position", delivery="2015-01", position=positions)
    raw.load("anstallning_staff", source="staff_register", kind="employment", delivery="2015-03", employment=employments)
    raw.load("franvaro_staff", source="staff_absence", kind="absence", delivery="2015-03", absence_spell=spells)
    raw.load(
        "lon_staff",
        source="staff_pay",
        kind="payroll",
        delivery="2015-03",
        period_from="2015-01",
        period_to="2015-03",
        payroll_line=payroll,
    )
    return raw


def _spell(employment: str, cause: str, start: str, end: str | None) -> Row:
    row: Row = {"employment": employment, "cause": cause, "cause_code": cause, "valid_from": start, "valid_to": end, "extent": 1}
    assert end is None or date.fromisoformat(start) <= date.fromisoformat(end)
    return row
