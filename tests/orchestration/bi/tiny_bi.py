"""A publication small enough to check by hand, with every mart in its declared columns: KOMMUN over KLK (E1, B1) and BUN (S1).

Two months, two findings of which one changes no result, a bridge with a memo, hostile texts.

What belongs here: data. What does not: tests.
"""

from __future__ import annotations

import calendar
from collections import defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb

from orchestration.bi.schema import declared_schema
from orchestration.postgres_options import PostgresOptions
from orchestration.publish import Build, begin_build, finish_build, publish, reporting_path
from orchestration.settings import Settings

NAMES = {
    "KOMMUN": "Kommunen",
    "KLK": "Kansliet",
    "BUN": "Barn & 'ung'",
    "E1": "Ekonomi",
    "B1": "Bibliotek",
    "S1": "Skola <b>x</b>",
}
PARENTS = {"KOMMUN": None, "KLK": "KOMMUN", "BUN": "KOMMUN", "E1": "KLK", "B1": "KLK", "S1": "BUN"}
LINES = {
    "external_income": ("Externa intäkter", "total_income"),
    "total_income": ("Summa intäkter", "net"),
    "personnel": ("Personalkostnader inkl PO", "total_cost"),
    "other_external_cost": ("Övriga externa kostnader", "total_cost"),
    "total_cost": ("Summa kostnader", "net"),
    "net": ("Netto", None),
}
MONTHS = ("2015-01", "2015-02")
#: Step of the bridge: its place and name. 90 comes before 140, also as text.
STEPS = {"vacancy": (90, "Vakanser"), "unexplained": (140, "Oförklarat"), "hired_staff": (160, "Inhyrd personal")}
HOSTILE = "<script>alert('x')</script> =1+1 %s {{ 1/0 }}"

#: unit, account, line: outcome of January and February, budget a month, forecast of the year.
FACTS = {
    ("E1", "3011", "external_income"): ("100.00", "0.10", "60.00", "800.00"),
    ("E1", "5011", "personnel"): ("-1000.00", "-1000.50", "-1010.00", "-12100.00"),
    ("E1", "7410", "other_external_cost"): ("-60.00", "-44.04", "-50.00", "-700.00"),
    ("S1", "5011", "personnel"): ("-2000000.00", "-2000000.01", "-1900000.00", "-24500000.00"),
}


def above(code: str | None, parents: dict[str, str | None]) -> list[str]:
    """Return a code and those above it."""
    found = []
    while code:
        found.append(code)
        code = parents[code]
    return found


def publication(folder: Path, empty: tuple[str, ...] = ()) -> Settings:
    """Publish the small municipality in a home in the folder; with some marts empty."""
    settings = Settings(home=folder / "kommun åäö")
    begin_build(settings)
    schema = declared_schema()
    with duckdb.connect(str(reporting_path(settings))) as connection:
        connection.execute("create schema marts")
        for mart, columns in schema.items():
            listed = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
            connection.execute(f'create table marts."{mart}" ({listed})')
            connection.execute(f"comment on table marts.\"{mart}\" is 'One row per {mart}'")
            for name in columns:
                connection.execute(f'comment on column marts."{mart}"."{name}" is \'{name}\'')
        for mart, rows in _rows().items():
            for row in rows if mart not in empty else ():
                names = ", ".join(f'"{name}"' for name in row)
                marks = ", ".join("?" for _ in row)
                connection.execute(f'insert into marts."{mart}" ({names}) values ({marks})', list(row.values()))
    finish_build(settings, Build("run", list(MONTHS), list(MONTHS), list(schema)))
    publish(settings)
    return settings


def use_postgres(settings: Settings, dsn: str) -> None:
    """Let the home publish to a server too."""
    settings.postgres = PostgresOptions(dsn=dsn)


def _rows() -> dict[str, list[dict]]:
    rows: dict[str, list[dict]] = defaultdict(list)
    lines = {line: parent for line, (_, parent) in LINES.items()}
    for month in range(1, 13):
        last = calendar.monthrange(2015, month)[1]
        days = {"first_day": date(2015, month, 1), "last_day": date(2015, month, last)}
        rows["dim_period"].append({"period": f"2015-{month:02d}", "fiscal_year": 2015, "fiscal_month": month, **days})
    for order, (line, (name, parent)) in enumerate(LINES.items(), start=1):
        rows["dim_report_line"].append(
            {
                "report_line": line,
                "report_line_name": name,
                "report_line_short_name": name,
                "report_line_order": order * 10,
                "parent_report_line": parent,
                "is_total": line in ("total_income", "total_cost", "net"),
                "in_net": True,
            }
        )
    for unit in NAMES:
        for distance, ancestor in enumerate(above(unit, PARENTS)):
            span = {"organisation_from": date(1900, 1, 1), "organisation_to": date(9999, 12, 31)}
            rows["bridge_unit_ancestor"].append({**span, "unit_code": unit, "ancestor_unit_code": ancestor, "distance": distance})
    sums: dict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 4)
    number = 0
    for (unit, account, line), values in FACTS.items():
        amounts = [Decimal(value) for value in values]
        for month in range(1, 13):
            outcome = amounts[month - 1] if month <= len(MONTHS) else Decimal(0)
            place = {
                "fiscal_year": 2015,
                "period": f"2015-{month:02d}",
                "unit_code": unit,
                "account": account,
                "report_line": line,
            }
            rows["account_month"].append({**place, "outcome_month": outcome, "budget_month": amounts[2]})
            if outcome:
                number += 1
                voucher = {"voucher_series": "A", "voucher_number": str(number), "voucher_text": HOSTILE}
                source = {"load_id": "load", "source_file": "2015-02/huvudbok.se", "source_row": number}
                rows["fct_ledger_line"].append({**source, **place, **voucher, "amount": outcome})
        for ancestor in above(unit, PARENTS):
            for shown in above(line, lines):
                sums[ancestor, shown] = [a + b for a, b in zip(sums[ancestor, shown], amounts, strict=True)]
    for (unit, line), (january, february, budget, forecast) in sums.items():
        for count, period in enumerate(MONTHS, start=1):
            outcome = january + (february if count == 2 else 0)
            month = february if count == 2 else january
            rows["follow_up"].append(
                {
                    "report_period": period,
                    "fiscal_year": 2015,
                    "unit_code": unit,
                    "unit_name": NAMES[unit],
                    "unit_level": len(above(unit, PARENTS)) - 1,
                    "parent_unit_code": PARENTS[unit],
                    "report_line": line,
                    "report_line_name": LINES[line][0],
                    "report_line_order": (list(LINES).index(line) + 1) * 10,
                    "is_total": line in ("total_income", "total_cost", "net"),
                    "outcome_month": month,
                    "budget_month": budget,
                    "deviation_month": month - budget,
                    "outcome_period": outcome,
                    "budget_period": budget * count,
                    "deviation_period": outcome - budget * count,
                    "forecast_round": period,
                    "forecast_year": forecast,
                    "budget_year": budget * 12,
                    "deviation_forecast": forecast - budget * 12,
                }
            )
            if line == "personnel":
                parts = {"vacancy": (outcome - budget * count) - Decimal("0.01"), "unexplained": Decimal("0.01")}
                parts["hired_staff"] = Decimal("-7.00")  # a memo, in no sum
                for step, amount in parts.items():
                    rows["personnel_bridge"].append(
                        {
                            "report_period": period,
                            "unit_code": unit,
                            "step_order": STEPS[step][0],
                            "step": step,
                            "step_name": STEPS[step][1],
                            "amount_month": amount,
                            "amount_period": amount,
                            "is_memo": step == "hired_staff",
                            "is_suppressed": False,
                        }
                    )
    for period in MONTHS:
        finding = {"report_period": period, "finding_id": "F1"}
        amounts = {
            "expected_amount": "-50.00",
            "booked_amount": "-44.04",
            "effect_period": "-5.96",
            "effect_year_forecast": "0.00",
        }
        text = {"rule_id": "PER-01", "tier": "fel", "title": "Faktura saknas", "reason": HOSTILE, "status": "open", "age": 0}
        place = {"unit_code": "E1", "report_line": "other_external_cost", "account": "7410", "period": period}
        rows["findings"].append({**finding, **text, **place, **{name: Decimal(value) for name, value in amounts.items()}})
        # A budget's profile: part of the deviation, but nothing that a correction changes.
        profile = {"report_period": period, "finding_id": "F2", "rule_id": "PER-04", "title": "Fel profil", "account": None}
        effects = {"effect_period": Decimal("7000000.00"), "effect_year_forecast": Decimal("0.00")}
        rows["findings"].append({**text, **place, **profile, **effects})
        origin = {"load_id": "load", "source_file": "2015-02/huvudbok.se", "source_row": 6}
        row = {"role": "booked", "amount": Decimal("-44.04"), "period": "2015-02", "unit_code": "E1", "account": "7410"}
        # The voucher is of no series, as in some ledgers.
        rows["finding_evidence"].append({**finding, **origin, **row, "voucher_number": "6", "text": HOSTILE})
    return rows
