"""A published database small enough to check by hand: municipality KOMMUN, office KLK with units A1 and A2, March 2015.

KLK: other external costs follow the office in the March report in shape (budget early in the year), internal income has nothing
booked in A2, and every text that comes from a file is hostile.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb

LINES = [
    ("external_income", "Externa intäkter", "Externa intäkter", 10, "total_income"),
    ("internal_income", "Interna intäkter", "Interna intäkter", 20, "total_income"),
    ("total_income", "Summa intäkter", "Summa intäkter", 30, "net"),
    ("personnel", "Personalkostnader inkl PO", "Pers.kostn ink po", 40, "total_cost"),
    ("internal_rent", "Internhyror", "Lokalhyra intern", 50, "total_cost"),
    ("other_external_cost", "Övriga externa kostnader", "Övr kostnader", 60, "total_cost"),
    ("other_internal_cost", "Övriga interna kostnader", "Övr int kostnader", 70, "total_cost"),
    ("total_cost", "Summa kostnader", "Summa kostnader", 90, "net"),
    ("net", "Netto", "Resultat", 110, None),
]
PARENTS = {"KOMMUN": None, "KLK": "KOMMUN", "A1": "KLK", "A2": "KLK"}
NAMES = {"KOMMUN": "Provkommun", "KLK": "Kontoret <b>&", "A1": "=1+1 enheten", "A2": '@SUM("x") <script>alert(1)</script>'}
MONTHS = ["2015-01", "2015-02", "2015-03"]
HOSTILE = '=HYPERLINK("http://example.org","klicka")'
SCRIPT = "<script>alert('x')</script>\x00\u202eabc & <img src=x onerror=alert(1)>"

#: (unit, line): outcome a month, budget a month, budget of the year, forecast of the year; kronor, income +, cost −.
FACTS = {
    ("A1", "external_income"): (100_000, 100_000, 1_200_000, 1_200_000),
    ("A1", "internal_income"): (50_000, 50_000, 600_000, 600_000),
    ("A2", "internal_income"): (0, 40_000, 480_000, 480_000),
    ("A1", "personnel"): (-1_000_000, -1_050_000, -12_600_000, -12_300_000),
    ("A2", "personnel"): (-500_000, -500_000, -6_000_000, -6_000_000),
    ("A1", "internal_rent"): (-100_000, -100_000, -1_200_000, -1_200_000),
    ("A1", "other_external_cost"): (-400_000, -800_000, -7_200_000, -7_200_000),
    ("A2", "other_external_cost"): (-200_000.51, -150_000, -1_800_000, -1_800_000),
    ("A1", "other_internal_cost"): (-20_000, -20_000, -240_000, -240_000),
}

_DDL = """
create schema marts;
create table marts.dim_report_line (report_line varchar, report_line_name varchar, report_line_short_name varchar,
    report_line_order integer, parent_report_line varchar, is_total boolean, is_optional boolean, in_net boolean);
create table marts.dim_period (period varchar, fiscal_year integer, fiscal_month integer, previous_year_period varchar,
    first_day date, last_day date);
create table marts.dim_account (account varchar, valid_from date, valid_to date, account_name varchar);
create table marts.dim_counterparty (counterparty varchar, valid_from date, valid_to date, counterparty_name varchar);
create table marts.bridge_unit_ancestor (organisation_from date, organisation_to date, unit_code varchar,
    ancestor_unit_code varchar, distance integer);
create table marts.fct_ledger_line (source_file varchar, source_row bigint, period varchar, voucher_series varchar,
    voucher_number varchar, voucher_date date, transaction_date date, account varchar, report_line varchar, unit_code varchar,
    counterparty varchar, amount decimal(18, 2), voucher_text varchar, row_text varchar, party varchar,
    party_name varchar, service_from date, service_to date);
create table marts.follow_up (report_period varchar, fiscal_year integer, unit_code varchar, unit_name varchar,
    unit_level integer, parent_unit_code varchar, is_in_organisation boolean, report_line varchar, report_line_order integer,
    is_total boolean, outcome_month decimal(18, 2), budget_month decimal(18, 2), deviation_month decimal(18, 2),
    outcome_period decimal(18, 2), budget_period decimal(18, 2), deviation_period decimal(18, 2), forecast_round varchar,
    forecast_year decimal(18, 2), budget_year decimal(18, 2), deviation_forecast decimal(18, 2),
    outcome_previous_year_period decimal(18, 2), outcome_previous_year decimal(18, 2), has_outcome boolean, has_budget boolean);
"""


def ancestors(unit: str) -> list[str]:
    """Return the unit and the units above it."""
    found = [unit]
    while parent := PARENTS[found[-1]]:
        found.append(parent)
    return found


_MADE: dict[bool, bytes] = {}


def publish(home: Path, *, forecast: bool = True) -> None:
    """Write `published/reporting.duckdb` of a home; made once in a session, then copied."""
    (home / "published").mkdir(parents=True, exist_ok=True)
    path = home / "published" / "reporting.duckdb"
    if forecast not in _MADE:
        _make(path, forecast=forecast)
        _MADE[forecast] = path.read_bytes()
    path.write_bytes(_MADE[forecast])


def _make(path: Path, *, forecast: bool) -> None:
    orders = {key: order for key, _, _, order, _ in LINES}
    above = {key: parent for key, _, _, _, parent in LINES}
    always = (date(1900, 1, 1), date(9999, 12, 31))
    with duckdb.connect(str(path)) as connection:
        connection.execute(_DDL)
        for key, name, short, order, parent in LINES:
            total = key in ("total_income", "total_cost", "net")
            row = [key, name, short, order, parent, total, False, True]
            connection.execute("insert into marts.dim_report_line values (?, ?, ?, ?, ?, ?, ?, ?)", row)
        for year in (2014, 2015):
            for month in range(1, 13):
                connection.execute(
                    "insert into marts.dim_period values (?, ?, ?, ?, make_date(?, ?, 1), last_day(make_date(?, ?, 1)))",
                    [f"{year}-{month:02d}", year, month, f"{year - 1}-{month:02d}", year, month, year, month],
                )
        for unit in PARENTS:
            for distance, ancestor in enumerate(ancestors(unit)):
                connection.execute(
                    "insert into marts.bridge_unit_ancestor values (?, ?, ?, ?, ?)", [*always, unit, ancestor, distance]
                )
        connection.execute("insert into marts.dim_account values ('7459', ?, ?, ?)", [*always, "+Konsulttjänster"])
        connection.execute("insert into marts.dim_counterparty values ('870', ?, ?, ?)", [*always, "-Företag"])
        _ledger(connection)
        rows: list[list] = []
        for period_index, period in enumerate(MONTHS):
            cells: dict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 6)
            for (unit, key), (outcome, budget, year, forecast_year) in FACTS.items():
                months = period_index + 1
                out, bud = Decimal(str(outcome)), Decimal(budget)
                amounts = [out, bud, out * months, bud * months, Decimal(year), Decimal(forecast_year)]
                line: str | None = key
                while line:
                    for ancestor in ancestors(unit):
                        cells[ancestor, line] = [a + b for a, b in zip(cells[ancestor, line], amounts, strict=True)]
                    line = above[line]
            for unit, parent in PARENTS.items():
                for key, order in orders.items():
                    om, bm, op, bp, by, fy = cells[unit, key]
                    total = key in ("total_income", "total_cost", "net")
                    prognosis = [period, fy, by, fy - by] if forecast else [None, None, by, None]
                    rows.append(
                        [
                            *[period, 2015, unit, NAMES[unit], len(ancestors(unit)) - 1, parent, True, key, order, total],
                            *[om, bm, om - bm, op, bp, op - bp, *prognosis, None, None, True, True],
                        ]
                    )
        connection.executemany(f"insert into marts.follow_up values ({', '.join('?' * 24)})", rows)


def _ledger(connection: duckdb.DuckDBPyConnection) -> None:
    number = 0
    for (unit, key), (outcome, *_) in FACTS.items():
        for period in MONTHS:
            if not outcome:
                continue
            number += 1
            day = date(int(period[:4]), int(period[5:]), 15)
            text = HOSTILE if number % 2 else SCRIPT
            connection.execute(
                "insert into marts.fct_ledger_line values "
                "('f.se', ?, ?, 'L', ?, ?, ?, '7459', ?, ?, '870', ?, ?, ?, null, null, null, null)",
                [number, period, str(number), day, day, key, unit, Decimal(str(outcome)), text, "@rad" if number % 3 else None],
            )


def comments(home: Path, rows: list[tuple[str, str, str, str]]) -> None:
    """Add comments of March 2015 (unit, line, text, author) to a publication."""
    with _open(home) as connection:
        connection.execute(
            "create table if not exists marts.comment (period varchar, unit_code varchar, report_line varchar, text varchar, "
            "author varchar, source_file varchar, source_row bigint)"
        )
        for number, row in enumerate(rows):
            connection.execute("insert into marts.comment values ('2015-03', ?, ?, ?, ?, 'kommentarer.xlsx', ?)", [*row, number])


#: report_period, finding_id, rule, tier, title, unit, line, party, period, effect of the period, status, age
Finding = tuple[str, str, str, str, str, str, str, str, str, float, str, int]


def findings(home: Path, rows: list[Finding]) -> None:
    """Add findings to a publication; each proposes an entry of its effect."""
    with _open(home) as connection:
        connection.execute(
            "create table if not exists marts.findings (report_period varchar, finding_id varchar, rule_id varchar, "
            "tier varchar, title varchar, reason varchar, unit_code varchar, report_line varchar, account varchar, "
            "counterparty varchar, other_unit varchar, "
            "party varchar, agreement varchar, period varchar, periods varchar, effect_period decimal(18, 2), "
            "effect_year_forecast decimal(18, 2), debit_account varchar, credit_account varchar, entry_amount decimal(18, 2), "
            "reversal_period varchar, first_seen varchar, age integer, status varchar, answer varchar)"
        )
        for close, finding, rule, tier, title, unit, line, party, period, effect, status, age in rows:
            amount = Decimal(str(effect))
            connection.execute(
                f"insert into marts.findings values ({', '.join('?' * 25)})",
                [
                    *[close, finding, rule, tier, title, f"Skäl: {HOSTILE}", unit, line, "7459", "870", "", party, ""],
                    *[period.split(",")[-1], period],
                    *[amount, Decimal(0), "1790", "7459", abs(amount), "2015-04", period.split(",")[0], age, status, None],
                ],
            )


def bridge(home: Path, unit: str, steps: dict[str, float], memo: dict[str, float] | None = None) -> None:
    """Add the personnel bridge of a unit for March 2015: steps and memo rows with the period's amounts."""
    with _open(home) as connection:
        connection.execute(
            "create table if not exists marts.personnel_bridge (report_period varchar, unit_code varchar, step_order integer, "
            "step varchar, step_name varchar, amount_month decimal(18, 2), amount_period decimal(18, 2), is_memo boolean, "
            "is_suppressed boolean)"
        )
        rows = [(name, amount, False) for name, amount in steps.items()]
        rows += [(name, amount, True) for name, amount in (memo or {}).items()]
        for order, (name, amount, is_memo) in enumerate(rows):
            connection.execute(
                "insert into marts.personnel_bridge values ('2015-03', ?, ?, ?, ?, ?, ?, ?, false)",
                [unit, order, name, STEPS[name], Decimal(str(amount)) / 3, Decimal(str(amount)), is_memo],
            )


STEPS = {
    "vacancy": "Vakanser",
    "rate": "Lön mot budgeterad lön",
    "sick_15_on": "Sjukfrånvaro från dag 15",
    "extra": "Timlön, övertid och ob",
    "budget_rest": "Budget utan tjänst i personalstaten",
    "unexplained": "Oförklarat mot bokföringen",
    "hired_staff": "Inhyrd personal",
    "net_staffing": "Bemanning netto",
}


def _open(home: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(home / "published" / "reporting.duckdb"))
