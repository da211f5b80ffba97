"""Writes a home's `raw/` from Python rows, with the contract's schemas: the dbt project's input without the readers.

Amounts are given in the ledger's sign (debit +, income negative) as text or int, dates as ISO text; what a row leaves
out is null.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.people.costs import people_costs, write_derived
from orchestration.readers.contract import DATE, ENTITIES, LOAD, LOAD_COLUMNS, LOAD_ENTITY, MONEY, QUANTITY, SHARE, SUMMED
from orchestration.settings import Settings

Row = dict[str, Any]


@dataclass
class RawHome:
    """A home folder's raw layer in the making: add loads, then `write()`."""

    home: Path
    loads: list[Row] = field(default_factory=list)
    load_entities: list[Row] = field(default_factory=list)
    rows: dict[str, list[Row]] = field(default_factory=lambda: {entity: [] for entity in ENTITIES})

    def load(
        self,
        load_id: str,
        kind: str = "ledger",
        source: str | None = None,
        delivery: str = "2015-03",
        period_from: str | None = None,
        period_to: str | None = None,
        periods: dict[str, tuple[str, str]] | None = None,
        status: str = "accepted",
        register: dict[str, Row] | None = None,
        **entities: Any,
    ) -> None:
        """Add a load. Keyword arguments named as raw tables hold their rows, any other is a column of the register.

        `register` overrides what load_entity says of a table, to plant a violation.
        """
        tables = {name: entities.pop(name) for name in list(entities) if name in ENTITIES}
        rejects = tables.get("reject", [])
        kept = sum(len(rows) for name, rows in tables.items() if name not in ("reject", "control"))
        outcome = "TRANS" if "ledger_line" in tables else "PSALDO" if "period_balance" in tables else ""
        self.loads.append(
            {
                "load_id": load_id,
                "source": source or kind,
                "kind": kind,
                "file_name": f"{load_id}.csv",
                "sha256": load_id,
                "delivery": delivery,
                "scope": source or kind,
                "status": status,
                "sequence": len(self.loads) + 1,
                "loaded_at": datetime(2015, 4, 1, tzinfo=UTC),
                "rows_in": kept + len(rejects),
                "rows_kept": kept,
                "rows_set_aside": sum(not row.get("is_bad") for row in rejects),
                "rows_bad": sum(bool(row.get("is_bad")) for row in rejects),
                "controls_checked": 0,
                "controls_failed": len(tables.get("control", [])),
                "outcome_from": outcome,
                "psaldo_semantics": "",
                "psaldo_dimension_set": "",
                "pbudget_semantics": "",
                "pbudget_dimension_set": "",
                **entities,
            }
        )
        number = count(1)  # of the file's rows, whatever table they end up in
        for name, rows in tables.items():
            numbered = rows if name == "control" else [{"source_row": next(number), **row} for row in rows]
            table = _table(name, numbered, load_id)
            self.rows[name] += table.to_pylist()
            first, last = (periods or {}).get(name, (period_from, period_to))
            # not correction history
            counted = [row for row in table.to_pylist() if row.get("line_kind", "TRANS") not in ("RTRANS", "BTRANS")]
            amounts = [row["amount"] or Decimal(0) for row in counted] if name in SUMMED else None
            if status == "accepted":
                self.load_entities.append(
                    {
                        "load_id": load_id,
                        "entity": name,
                        "period_from": first,
                        "period_to": last,
                        "rows": len(rows),
                        "amount": None if amounts is None else sum(amounts, Decimal(0)),
                        **(register or {}).get(name, {}),
                    }
                )

    def write(self) -> Path:
        """Write everything as ingest would and return the home folder."""
        (self.home / "warehouse").mkdir(parents=True, exist_ok=True)
        for entity, schema in ENTITIES.items():
            folder = self.home / "raw" / entity
            folder.mkdir(parents=True, exist_ok=True)
            full = pa.schema([*LOAD_COLUMNS, *schema])
            pq.write_table(full.empty_table(), folder / "_schema.parquet")
            for load_id in {row["load_id"] for row in self.rows[entity]}:
                rows = [row for row in self.rows[entity] if row["load_id"] == load_id]
                pq.write_table(pa.Table.from_pylist(rows, schema=full), folder / f"{load_id}.parquet")
        pq.write_table(pa.Table.from_pylist(self.loads, schema=LOAD), self.home / "raw" / "load.parquet")
        pq.write_table(pa.Table.from_pylist(self.load_entities, schema=LOAD_ENTITY), self.home / "raw" / "load_entity.parquet")
        settings = Settings(home=self.home)
        write_derived(settings, people_costs(settings))
        return self.home


def _table(entity: str, rows: list[Row], load_id: str) -> pa.Table:
    schema = pa.schema([*LOAD_COLUMNS, *ENTITIES[entity]])
    unknown = {name for row in rows for name in row} - set(schema.names)
    if unknown:
        raise ValueError(f"{entity} has no column {', '.join(sorted(unknown))}")
    return pa.Table.from_pylist(
        [
            {
                "load_id": load_id,
                "source_file": f"{load_id}.csv",
                **{name: _value(value, schema.field(name).type) for name, value in row.items()},
            }
            for row in rows
        ],
        schema=schema,
    )


def _value(value: Any, type_: pa.DataType) -> Any:
    if value is None:
        return None
    if type_ in (MONEY, QUANTITY, SHARE):
        return Decimal(str(value)).quantize(Decimal(1).scaleb(-type_.scale))
    if type_ == DATE and isinstance(value, str):
        return date.fromisoformat(value)
    return value


def line(period: str, account: str, amount: Any, unit: str | None = "KLK", counterparty: str | None = "870", **rest: Any) -> Row:
    """Return a counted voucher row."""
    return {
        "line_kind": "TRANS",
        "period": period,
        "account": account,
        "amount": amount,
        "unit": unit,
        "counterparty": counterparty,
        "voucher_date": f"{period}-15",
        **rest,
    }


def municipality(home: Path) -> RawHome:
    """Return a small whole municipality for 2014 and January to March 2015; nothing in it violates a blocking test.

    KS over KLK and KC, BUN beside it. Income, payroll, internal rent, consultants, internal services; budget by month and, for
    BUN, by year; a forecast round in March; a chart and an organisation register.
    """
    raw = RawHome(home)
    raw.load(
        "chart",
        kind="chart",
        delivery="2014-01",
        account=[
            {"account": "3110", "name": "Avgifter"},
            {"account": "5010", "name": "Löner"},
            {"account": "6010", "name": "Lokalhyra"},
            {"account": "7450", "name": "Konsulter"},
        ],
    )
    raw.load(
        "organisation",
        kind="organisation",
        delivery="2014-01",
        unit=[
            {"unit": "KS", "name": "Kommunstyrelsen"},
            {"unit": "KLK", "name": "Kommunledningskontoret", "parent": "KS"},
            {"unit": "KC", "name": "Kontaktcenter", "parent": "KS"},
            {"unit": "BUN", "name": "Barn- och utbildningsnämnden"},
        ],
    )
    raw.load(
        "agreements",
        kind="agreement",
        delivery="2015-01",
        agreement=[{"agreement_id": "A1", "direction": "income", "seller_unit": "KLK", "account": "3110", "amount": "50.10"}],
    )
    raw.load(
        "internal_agreements",
        kind="internal_agreement",
        delivery="2015-01",
        internal_agreement=[{"agreement_id": "I1", "seller_unit": "KLK", "buyer_unit": "BUN", "amount": "10.00", "cadence": 1}],
    )
    raw.load(
        "releases", kind="period_release", delivery="2015-03", period_release=[{"period": "2015-02", "released_on": "2015-03-12"}]
    )
    raw.load("comments", kind="comment", delivery="2015-03", comment=[{"period": "2015-03", "unit": "KLK", "text": "Vakanser."}])
    raw.load(
        "personalstat",
        kind="position",
        delivery="2015-01",
        position=[{"position": "P1", "unit": "KLK", "degree": 1, "budgeted_wage": 60, "valid_from": "2015-01-01"}],
    )
    raw.load(
        "anstallningar",
        kind="employment",
        delivery="2015-03",
        employment=[
            {"employment": "e1", "person": "p1", "birth_year": 1970, "sex": "F", "position": "P1", "unit": "KLK", "degree": 1}
            | {"wage_form": "month", "wage_basis": "full_time", "monthly_wage": 65, "valid_from": "2015-01-01"}
        ],
    )
    raw.load(
        "franvaro",
        kind="absence",
        delivery="2015-03",
        absence_spell=[
            {"employment": "e1", "cause": "sick", "cause_code": "SJK", "valid_from": "2015-03-09", "valid_to": "2015-03-10"}
        ],
    )
    wage = {"line_kind": "pay", "employment": "e1", "account": "5010", "unit": "KLK", "amount": "100.00"}
    pay = [wage | {"period": f"2015-{month:02}"} for month in (1, 2, 3)]
    raw.load("lon", kind="payroll", delivery="2015-03", period_from="2015-01", period_to="2015-03", payroll_line=pay)
    months_2014 = [f"2014-{month:02}" for month in range(1, 13)]
    raw.load(
        "ledger_2014",
        period_from="2014-01",
        period_to="2014-12",
        delivery="2014-12",
        ledger_line=[line(month, "5010", "90.00") for month in months_2014],
    )
    for number, month in enumerate(("2015-01", "2015-02", "2015-03"), start=1):
        raw.load(
            f"ledger_{month}",
            delivery=month,
            period_from=month,
            period_to=month,
            ledger_line=[
                line(month, "3110", "-50.10"),
                line(month, "3110", "-20.00", counterparty="120"),
                line(month, "5010", "100.00"),
                line(month, "6010", "30.00", counterparty="130"),
                line(month, "7450", f"{number}.05", unit="KC", activity="0920", project="00012"),
                line(month, "7450", "10.00", unit="BUN", counterparty="110"),
                line(month, "2440", "-60.00", unit=None, counterparty=None),
                line(month, "5010", "999.00", line_kind="RTRANS"),
            ],
        )
    months = [f"2015-{month:02}" for month in range(1, 13)]
    raw.load(
        "budget_2015",
        kind="budget",
        delivery="2015-01",
        period_from="2015-01",
        period_to="2015-12",
        budget_line=[
            *({"fiscal_year": 2015, "period": month, "account": "5010", "unit": "KLK", "amount": "95.00"} for month in months),
            *(
                {"fiscal_year": 2015, "period": month, "report_line": "external_income", "unit": "KLK", "amount": "-40"}
                for month in months
            ),
            {"fiscal_year": 2015, "account": "7450", "unit": "BUN", "counterparty": "110", "amount": "100.00"},
        ],
    )
    raw.load(
        "forecast_2015-03",
        kind="forecast",
        delivery="2015-03",
        period_from="2015-01",
        period_to="2015-12",
        forecast_round="2015-03",
        forecast_line=[
            {"fiscal_year": 2015, "forecast_round": "2015-03", "account": "5010", "unit": "KLK", "amount": "1150.00"},
            {"fiscal_year": 2015, "forecast_round": "2015-03", "report_line": "external_income", "unit": "KLK", "amount": "-500"},
            {
                "fiscal_year": 2015,
                "forecast_round": "2015-03",
                "account": "7450",
                "unit": "BUN",
                "amount": "120.00",
                "counterparty": "110",
            },
        ],
    )
    return raw
