"""A small ledger that a test fills row by row, and one close of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import duckdb
import pandas as pd
import pytest

from expectations.rules import Thresholds
from orchestration.findings import engine

COLUMNS = [
    "load_id",
    "source_file",
    "source_row",
    "period",
    "fiscal_year",
    "voucher_series",
    "voucher_number",
    "voucher_date",
    "transaction_date",
    "registration_date",
    "account",
    "amount",
    "unit_code",
    "activity",
    "sub_activity",
    "project",
    "cost_object",
    "counterparty",
    "counterparty_group",
    "report_line",
    "voucher_text",
    "row_text",
    "party",
    "party_name",
    "reference",
    "service_from",
    "service_to",
]


def periods(first: str, last: str) -> list[str]:
    return [str(p) for p in pd.period_range(first, last, freq="M")]


@dataclass
class Ledger:
    """Rows of fct_ledger_line, and the registers beside it. `row` books one voucher with its balance row."""

    rows: list[tuple] = field(default_factory=list)
    numbers: dict[tuple[str, int], int] = field(default_factory=dict)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)

    def number(self, series: str, year: int) -> int:
        self.numbers[series, year] = self.numbers.get((series, year), 0) + 1
        return self.numbers[series, year]

    def row(
        self,
        period,
        amount,
        *,
        unit="1101",
        account="6220",
        cp="87",
        party="555",
        text="Leasing kopiator",
        ref="",
        series="K",
        day=12,
        vdate=None,
        registered=None,
        service=None,
        contra="2410",
        balance=True,
        voucher=None,
    ):
        year, month = int(period[:4]), int(period[5:])
        vdate = vdate or date(year, month, day)
        registered = registered or vdate
        number = str(voucher or self.number(series, year))
        internal = cp[:1] in "1234" and cp != ""
        if account[0] == "3":
            line = "internal_income" if internal else "external_income"
        elif account[0] == "5":
            line = "personnel"
        elif internal:
            line = "internal_rent" if account.startswith("601") else "other_internal_cost"
        else:
            line = "other_external_cost"

        def add(acc, kr, u, c, p, r, ln):
            self.rows.append(
                (
                    "L" + period,
                    f"huvudbok-{period}.csv",
                    len(self.rows) + 2,
                    period,
                    year,
                    series,
                    number,
                    vdate,
                    vdate,
                    registered,
                    acc,
                    kr,
                    u,
                    "",
                    "",
                    "",
                    "",
                    c,
                    "internal" if internal else "external",
                    ln,
                    "",
                    text,
                    p,
                    "",
                    r,
                    *(service or (None, None)),
                )
            )

        add(account, amount, unit, cp, party, ref, line)
        if balance:
            add(contra, -amount, unit if contra[:2] in ("17", "29") else "", "", "", "", "balance")

    def monthly(self, first, last, amount, skip=(), **kw):
        for k, period in enumerate(periods(first, last)):
            if period not in skip:
                self.row(period, amount(k, period) if callable(amount) else amount, **kw)

    def background(self, first="2013-01", last="2015-12"):
        """Other units' steady business, so that the ledger knows what is usual."""
        for u in ("2001", "2002", "2003"):
            self.monthly(first, last, -9000.0, unit=u, party="p" + u, text="Lokalvård", account="6160")
            self.monthly(first, last, 12000.0, unit=u, party="c" + u, text="Hyresavi", account="3410", series="L", contra="1510")

    def connection(self) -> duckdb.DuckDBPyConnection:
        con = duckdb.connect(config={"threads": 1})  # small statements by the hundred: several threads only wait for each other
        frame = pd.DataFrame(self.rows, columns=COLUMNS)
        con.register("incoming", frame)
        con.execute(
            "create table fct_ledger_line as select * replace (cast(amount as decimal(18, 2)) as amount, "
            "cast(service_from as date) as service_from, cast(service_to as date) as service_to) from incoming"
        )
        for name, table in self.tables.items():
            con.register("t", table)
            con.execute(f"create table {name} as select * from t")
        return con

    def close(self, period: str, previous=None, answers=None, th: Thresholds | None = None) -> engine.Findings:
        con = self.connection()
        try:
            return engine.find(con, period, th, previous=previous, answers=answers)
        finally:
            con.close()

    def told(self, period: str) -> list[tuple[str, str, str]]:
        f = self.close(period).findings
        return list(zip(f.rule_id, f.unit_code, f.tier, strict=True))


@pytest.fixture
def ledger() -> Ledger:
    book = Ledger()
    book.background()
    return book
