"""The raw layer's contract: which tables a reader may yield, their columns and types.

This is the one place where raw schemas are written. Readers yield tables of these schemas, `orchestration.ingest` writes
them to `raw/<entity>/<load_id>.parquet` with `LOAD_COLUMNS` in front, and the dbt sources are tested against them.

Amounts are in the *ledger's sign* (debit +, credit −: income negative), `decimal(18,2)` SEK, whatever the file's own sign;
staging turns the sign once. Codes are strings. Periods are 'YYYY-MM'. `source_row` is the 1-based line of a text file or row
of a sheet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

import pyarrow as pa

MONEY = pa.decimal128(18, 2)
QUANTITY = pa.decimal128(18, 4)
#: Degrees, extents and rates: 0.750000 is three quarters.
SHARE = pa.decimal128(9, 6)
TEXT = pa.string()
DATE = pa.date32()

#: The code string (kodsträng) besides the account: ansvar, verksamhet, aktivitet, projekt, objekt, motpart.
CODE_FIELDS = ("unit", "activity", "sub_activity", "project", "cost_object", "counterparty")

_CODES = [(name, TEXT) for name in CODE_FIELDS]

#: Columns that ingest puts in front of every entity.
LOAD_COLUMNS = pa.schema([("load_id", TEXT), ("source_file", TEXT)])

ENTITIES: dict[str, pa.Schema] = {
    # One row per voucher row (verifikationsrad). line_kind: TRANS is the booking; RTRANS and BTRANS are correction history
    # and never counted. period is the accounting period, from the voucher's date unless the file has a period of its own.
    "ledger_line": pa.schema(
        [
            ("source_row", pa.int64()),
            ("line_kind", TEXT),
            ("period", TEXT),
            ("voucher_series", TEXT),
            ("voucher_number", TEXT),
            ("voucher_date", DATE),
            ("transaction_date", DATE),
            ("registration_date", DATE),
            ("account", TEXT),
            ("amount", MONEY),
            *_CODES,
            ("voucher_text", TEXT),
            ("row_text", TEXT),
            ("quantity", QUANTITY),
            ("party", TEXT),  # customer or supplier code (kund, leverantör)
            ("party_name", TEXT),
            ("reference", TEXT),  # invoice or agreement number
            ("service_from", DATE),  # the period that the income or cost is for
            ("service_to", DATE),
        ]
    ),
    # One row per #PSALDO: an account's change in a period, for one combination of dimension objects.
    # dimension_set: the file's dimension numbers of the row, '' for the row without objects, '1', '1+6'.
    "period_balance": pa.schema(
        [
            ("source_row", pa.int64()),
            ("period", TEXT),
            ("account", TEXT),
            ("dimension_set", TEXT),
            *_CODES,
            ("amount", MONEY),
            ("quantity", QUANTITY),
        ]
    ),
    # One row per #IB, #UB, #RES, #OIB, #OUB. label is that word.
    "year_balance": pa.schema(
        [
            ("source_row", pa.int64()),
            ("label", TEXT),
            ("year_start", DATE),
            ("year_end", DATE),
            ("account", TEXT),
            ("dimension_set", TEXT),
            *_CODES,
            ("amount", MONEY),
            ("quantity", QUANTITY),
        ]
    ),
    # One row per budget row and month. period is null where the file states only the year: staging spreads it in twelfths and
    # says so. Either account or report_line is set. budget_type: original, supplementary (tilläggsbudget), transfer
    # (omfördelning), frame (ramjustering), carried_over (ombudgetering).
    "budget_line": pa.schema(
        [
            ("source_row", pa.int64()),
            ("fiscal_year", pa.int32()),
            ("period", TEXT),
            ("account", TEXT),
            ("report_line", TEXT),
            *_CODES,
            ("dimension_set", TEXT),
            ("amount", MONEY),
            ("budget_type", TEXT),
            ("decided_on", DATE),
            ("row_text", TEXT),
        ]
    ),
    # One row per forecast row (and month, where the file has months). The rows of a round sum to the full-year forecast.
    "forecast_line": pa.schema(
        [
            ("source_row", pa.int64()),
            ("fiscal_year", pa.int32()),
            ("forecast_round", TEXT),  # 'YYYY-MM': the follow-up that the forecast belongs to
            ("period", TEXT),
            ("account", TEXT),
            ("report_line", TEXT),
            *_CODES,
            ("amount", MONEY),
            ("row_text", TEXT),
        ]
    ),
    # One row per account (konto).
    "account": pa.schema(
        [
            ("source_row", pa.int64()),
            ("account", TEXT),
            ("name", TEXT),
            ("account_type", TEXT),  # SIE's T, S, K, I where the file says
            ("valid_from", DATE),
            ("valid_to", DATE),
        ]
    ),
    # One row per organisational unit (ansvar, enhet, kontor, nämnd) and validity span.
    "unit": pa.schema(
        [
            ("source_row", pa.int64()),
            ("unit", TEXT),
            ("name", TEXT),
            ("parent", TEXT),  # empty: directly under the municipality
            ("valid_from", DATE),
            ("valid_to", DATE),
        ]
    ),
    # One row per value of any other dimension. dimension is one of CODE_FIELDS or 'party'.
    "dimension_value": pa.schema(
        [
            ("source_row", pa.int64()),
            ("dimension", TEXT),
            ("code", TEXT),
            ("name", TEXT),
            ("parent", TEXT),
            ("valid_from", DATE),
            ("valid_to", DATE),
        ]
    ),
    # One row per account range and report line: the municipality's own map instead of the shipped Kommun-Bas one.
    # account_from/account_to are prefixes of equal length, compared with as many leading digits of the account; the longest
    # matching prefix wins. counterparty_scope: any, internal, external.
    "report_line_account": pa.schema(
        [
            ("source_row", pa.int64()),
            ("year_from", pa.int32()),
            ("year_to", pa.int32()),
            ("account_from", TEXT),
            ("account_to", TEXT),
            ("counterparty_scope", TEXT),
            ("report_line", TEXT),
        ]
    ),
    # One row per range of counterparty prefixes (motpart). counterparty_group: internal, group_company, external.
    "counterparty_group": pa.schema(
        [
            ("source_row", pa.int64()),
            ("prefix_from", TEXT),
            ("prefix_to", TEXT),
            ("counterparty_group", TEXT),
        ]
    ),
    # One row per agreement (avtal) that gives income or cost at set intervals. direction: income, cost. amount is per occasion
    # and unsigned. cadence is months between occasions (1, 3, 4, 6, 12), phase the calendar month of the first one in a year.
    # index is the yearly rise as the register states it (0.02, or 2 for two per cent).
    "agreement": pa.schema(
        [
            ("source_row", pa.int64()),
            ("agreement_id", TEXT),
            ("direction", TEXT),
            ("seller_unit", TEXT),
            ("buyer_unit", TEXT),
            ("account", TEXT),
            ("counterparty", TEXT),
            ("party", TEXT),
            ("reference", TEXT),
            ("text", TEXT),
            ("amount", MONEY),
            ("cadence", pa.int32()),
            ("phase", pa.int32()),
            ("index", SHARE),
            ("valid_from", DATE),
            ("valid_to", DATE),
        ]
    ),
    # One row per agreement between two units of the municipality. amount is per occasion and unsigned.
    "internal_agreement": pa.schema(
        [
            ("source_row", pa.int64()),
            ("agreement_id", TEXT),
            ("seller_unit", TEXT),
            ("buyer_unit", TEXT),
            ("income_account", TEXT),
            ("cost_account", TEXT),
            ("amount", MONEY),
            ("cadence", pa.int32()),
            ("phase", pa.int32()),
            ("text", TEXT),
            ("reference", TEXT),
            ("valid_from", DATE),
            ("valid_to", DATE),
        ]
    ),
    # One row per period and the day it was released (first reported).
    "period_release": pa.schema([("source_row", pa.int64()), ("period", TEXT), ("released_on", DATE)]),
    # One row per comment that a person wrote for the report. report_line is null for a comment on the whole unit.
    "comment": pa.schema(
        [
            ("source_row", pa.int64()),
            ("period", TEXT),
            ("unit", TEXT),
            ("report_line", TEXT),
            ("text", TEXT),
            ("author", TEXT),
        ]
    ),
    # One row per input row that is not in any table above. is_bad: the row should have been data; false for blank, title,
    # repeated header and total rows, which are set aside.
    "reject": pa.schema(
        [
            ("source_row", pa.int64()),
            ("reason_code", TEXT),
            ("reason", TEXT),
            ("row_content", TEXT),  # at most 200 characters, personal identity numbers masked
            ("is_bad", pa.bool_()),
        ]
    ),
    # One row per control total of the file that does not reconcile. control: RES, UB, PSALDO, VOUCHER, KSUMMA, SUM_UB_RES, TOTAL.
    "control": pa.schema(
        [
            ("control", TEXT),
            ("account", TEXT),
            ("period", TEXT),
            ("voucher", TEXT),
            ("stated", MONEY),
            ("computed", MONEY),
            ("difference", MONEY),
        ]
    ),
}

#: What HR exports fill. No entity holds a name, a free text or an identity number: `person` and `employment` are pseudonyms
#: (`orchestration.privacy`), made while the file is parsed. Amounts are in the ledger's sign (cost +), hours are hours, degrees
#: and extents are shares (1 = full time).
ENTITIES_HR: dict[str, pa.Schema] = {
    # One row per position (tjänst in personalstat) and validity span. budgeted_wage is a full-time monthly wage;
    # budgeted_po a share of the wage (0.3846), null where the export has none: then the year's PO rate is used.
    "position": pa.schema(
        [
            ("source_row", pa.int64()),
            ("position", TEXT),
            ("title_code", TEXT),  # befattningskod, AID
            *_CODES,
            ("account", TEXT),
            ("degree", SHARE),
            ("budgeted_wage", MONEY),
            ("budgeted_po", SHARE),
            ("valid_from", DATE),
            ("valid_to", DATE),
        ]
    ),
    # One row per employment and span of unchanged terms. wage_form: month, hour. wage_basis says what monthly_wage is:
    # full_time, actual (already multiplied by the degree), '' where the file does not say. birth_year and sex are kept only for
    # the statutory key figures and leave the warehouse through `privacy.suppress`.
    "employment": pa.schema(
        [
            ("source_row", pa.int64()),
            ("employment", TEXT),
            ("person", TEXT),
            ("birth_year", pa.int32()),
            ("sex", TEXT),
            ("position", TEXT),
            ("title_code", TEXT),
            *_CODES,
            ("employment_form", TEXT),
            ("wage_form", TEXT),
            ("degree", SHARE),
            ("degree_from", DATE),
            ("monthly_wage", MONEY),
            ("wage_basis", TEXT),
            ("wage_from", DATE),
            ("hourly_wage", MONEY),
            ("weekly_hours", QUANTITY),
            ("valid_from", DATE),
            ("valid_to", DATE),
            ("is_deleted", pa.bool_()),
        ]
    ),
    # One row per absence spell or absent day. cause is avvik's (see absence_causes.csv), cause_code the file's. valid_to is null
    # while the spell is open. Either extent (a share of the working time) or hours (on that one day) is set.
    "absence_spell": pa.schema(
        [
            ("source_row", pa.int64()),
            ("record_id", TEXT),
            ("employment", TEXT),
            ("person", TEXT),
            ("cause", TEXT),
            ("cause_code", TEXT),
            *_CODES,
            ("valid_from", DATE),
            ("valid_to", DATE),
            ("extent", SHARE),
            ("hours", QUANTITY),
            ("is_deleted", pa.bool_()),
        ]
    ),
    # One row per registered working time: worked, extra, overtime, unsocial hours (OB), on call. time_code is the file's.
    "time_line": pa.schema(
        [
            ("source_row", pa.int64()),
            ("record_id", TEXT),
            ("employment", TEXT),
            ("person", TEXT),
            ("time_code", TEXT),
            *_CODES,
            ("account", TEXT),
            ("valid_from", DATE),
            ("valid_to", DATE),
            ("hours", QUANTITY),
        ]
    ),
    # One row per employment and scheduled day (schema).
    "schedule_day": pa.schema(
        [
            ("source_row", pa.int64()),
            ("employment", TEXT),
            ("person", TEXT),
            ("day", DATE),
            ("hours", QUANTITY),
        ]
    ),
    # One row per payroll row. line_kind: transaction (into payroll), pay (a row of the pay slip), employer_contribution, posting
    # (the payroll's own bookkeeping, which ties it to the ledger). period is the payroll month.
    "payroll_line": pa.schema(
        [
            ("source_row", pa.int64()),
            ("record_id", TEXT),
            ("line_kind", TEXT),
            ("period", TEXT),
            ("paid_on", DATE),
            ("employment", TEXT),
            ("person", TEXT),
            ("wage_type", TEXT),  # löneart, or the standard's lönekod
            ("pay_type", TEXT),  # BRUTTO, FÖRMÅN, NETTO, SKATT …
            ("account", TEXT),
            *_CODES,
            ("quantity", QUANTITY),
            ("unit_price", MONEY),
            ("amount", MONEY),
            ("work_from", DATE),
            ("work_to", DATE),
        ]
    ),
}

ENTITIES |= ENTITIES_HR

#: Entities whose amounts sum to something: the register of loads keeps the sum as a control total.
SUMMED = ("ledger_line", "period_balance", "year_balance", "budget_line", "forecast_line", "payroll_line")

#: Entities whose rows tell, one by one, which month they are for: their loads speak for the months that they have rows in.
BY_MONTH = ("ledger_line", "payroll_line")

#: The register of loads as dbt sees it: `raw/load.parquet`, derived from the JSON files in `raw/load/`. One row per load that was
#: tried. status: accepted (it counts), rejected, withdrawn (by a person), replaced (by another file of its delivery), retired
#: (its source is gone or reads differently now). delivery is the inbox folder (YYYY-MM). sequence orders loads: delivery, the
#: file's own date of generation, the order in which they were taken in; the highest wins where two loads cover the same
#: scope. scope names what a load replaces: the source, with the part of a delivery, the delivery or the forecast round where the
#: source says so. Of two accepted loads with the same scope, the later one wins in every period that both cover, per entity.
LOAD = pa.schema(
    [
        ("load_id", TEXT),
        ("source", TEXT),
        ("kind", TEXT),
        ("file_name", TEXT),
        ("sha256", TEXT),
        ("delivery", TEXT),
        ("scope", TEXT),
        ("status", TEXT),
        ("reason_code", TEXT),
        ("reason", TEXT),
        ("sequence", pa.int64()),
        ("loaded_at", pa.timestamp("us")),  # UTC
        ("generated_on", DATE),
        ("file_format", TEXT),
        ("encoding", TEXT),
        ("rows_in", pa.int64()),
        ("rows_kept", pa.int64()),
        ("rows_set_aside", pa.int64()),
        ("rows_bad", pa.int64()),
        ("controls_checked", pa.int64()),
        ("controls_failed", pa.int64()),
        ("outcome_from", TEXT),
        ("psaldo_semantics", TEXT),
        ("psaldo_dimension_set", TEXT),
        ("pbudget_semantics", TEXT),
        ("pbudget_dimension_set", TEXT),
        ("forecast_round", TEXT),
    ]
)

#: `raw/load_entity.parquet`: one row per load that counts, entity that it filled and unbroken span of months that it speaks for
#: (period_from/period_to; null for registers). rows are output rows; amount is the sum of those that count (no RTRANS, BTRANS) in
#: the ledger's sign, null for entities without amounts.
LOAD_ENTITY = pa.schema(
    [
        ("load_id", TEXT),
        ("entity", TEXT),
        ("period_from", TEXT),
        ("period_to", TEXT),
        ("rows", pa.int64()),
        ("amount", MONEY),
    ]
)


@dataclass
class Summary:
    """What a reader knows of a file when it has read all of it. Everything here goes into the register of loads.

    `rows_in == rows_kept + rows_set_aside + rows_bad` always. `rows_kept` counts input rows, not output rows: a budget row with
    twelve months is one. `rows_set_aside` + `rows_bad` equals the rows of the reject table. `amount_in` is the sum of the kept
    rows' amounts per entity, in the ledger's sign: the control total that every later layer must reach.
    """

    file_format: str  # 'SIE 4E', 'SIE 3', 'SIE 5', 'CSV', 'Excel'
    encoding: str = ""
    rows_in: int = 0
    rows_kept: int = 0
    rows_set_aside: int = 0
    rows_bad: int = 0
    amount_in: dict[str, Decimal] = field(default_factory=dict)
    #: First and last period the file speaks for, 'YYYY-MM' (for a year-to-date export: from the year's start).
    period_from: str | None = None
    period_to: str | None = None
    #: Periods per entity where they differ from the above, e.g. {'budget_line': ('2015-01', '2015-12')}.
    entity_periods: dict[str, tuple[str, str]] = field(default_factory=dict)
    forecast_round: str | None = None
    generated_on: date | None = None
    organisation_name: str = ""
    organisation_number: str = ""
    #: Where the outcome of this load is taken from: TRANS, PSALDO, RES, or '' where the file has none.
    outcome_from: str = ""
    #: What a #PSALDO row with {} means in this file: 'total', 'remainder' or '' (no such row beside object rows).
    psaldo_semantics: str = ""
    #: The one dimension_set whose object rows split the totals; the other sets are alternative views of the same money.
    #: '*': every set counts (each row has its own combination of objects).
    psaldo_dimension_set: str = ""
    #: The same for #PBUDGET.
    pbudget_semantics: str = ""
    pbudget_dimension_set: str = ""
    controls_checked: int = 0
    controls_failed: int = 0
    #: Rows per label or row type as read, e.g. {'TRANS': 84, 'PSALDO': 73, 'unknown #FOO': 1}.
    row_counts: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)


class Reading(Protocol):
    """One pass over one file: iterate to get (entity, table) chunks; then `summary` is complete.

    Iteration raises FileRejected as soon as the file proves not to be what it claims. What was yielded before that must be
    thrown away by the caller (ingest writes to a temporary place until the end).
    """

    summary: Summary

    def __iter__(self) -> Iterator[tuple[str, pa.Table]]: ...


def empty(entity: str) -> pa.Table:
    """Return an empty table of the entity's schema."""
    return ENTITIES[entity].empty_table()
