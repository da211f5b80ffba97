"""The reader of tables (CSV, Excel): rows of text cells to the raw layer's entities, by a column map.

What belongs here: what each row of a file becomes, the rule for bad rows, control totals, scope and period. What does not: file
formats and encodings (`sheets`), single values (`numbers`), finding the columns (`mapping`), what fields there are (`kinds`).

The rule for rows. Every row below the header is one of three:

* kept: it became data;
* set aside (`is_bad` false): blank, a repeated header, a total, a text without an amount, a row without amounts in its twelve
  months, an opening balance (period 00), and whatever stands above the header;
* bad: it should have been data and a cell of it cannot be read.

HR exports (`InputKind.is_personal`): identity and employment numbers become pseudonyms cell by cell, columns that are no field
are never looked at, and neither a reason nor a rejected row repeats a cell that could not be read: it may be somebody's name in
the wrong column. A rejected row keeps the dates, shares and amounts that could be read.

A file is refused when its bad rows are more than `max_bad_rows` of kept + bad. The header row itself is in no count. Codes and
texts in one cell (`4010 Konsulter`) are split; the texts become rows of `account` and `dimension_value`.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa

from orchestration.errors import FileRejected, Place, SettingsError, Text
from orchestration.privacy import Identity, PersonKey, find_identities, mask, normalise
from orchestration.readers import numbers
from orchestration.readers.contract import CODE_FIELDS, ENTITIES, Reading, Summary
from orchestration.readers.kinds import (
    IDENTITY_TYPES,
    KINDS,
    Field,
    any_line,
    choice,
    header_key,
    is_total_line,
    report_line,
)
from orchestration.readers.mapping import lay_out
from orchestration.readers.people import IMPOSSIBLE, absence_of, impossible
from orchestration.readers.sheets import Batch, open_table
from orchestration.settings import Source

_SHIFT = {"kr": 0, "tkr": 3, "mkr": 6}
_ACCOUNT = re.compile(r"(?=.*\d)[0-9A-Za-zÅÄÖåäö][0-9A-Za-zÅÄÖåäö._/-]{0,19}")
_YEAR = re.compile(r"((?:19|20)\d\d)(?:\.0+)?")
_LONGEST_CODE = 100
#: What an error page looks like that a web server appended to an export.
_MARKUP = re.compile(r"<(?:!doctype|html|head|body|script|title)\b", re.IGNORECASE)
#: Codes that have no text beside them; most rows have one of their own, so they are not read value by value.
_PLAIN = ("voucher_series", "voucher_number", "reference")
_SHOWN = 200
_MOST_NAMES = 100_000

_TYPES: dict[str, pl.DataType | type[pl.DataType]] = {
    "code": pl.String,
    "text": pl.String,
    "date": pl.Date,
    "period": pl.String,
    "year": pl.Int32,
    "choice": pl.String,
    "report_line": pl.String,
    "any_line": pl.String,
    "money": pl.Int64,
    "share": pl.Int64,
    "rate": pl.Int64,
    "until": pl.Date,
    "birth_year": pl.Int32,
    "number": pl.Int32,
    "cause": pl.String,
    "person": pl.String,
    "employment": pl.String,
}
#: Types whose readable cells may stand in a rejected row of an HR export.
_SHOWABLE = ("date", "until", "period", "share", "amount", "money", "quantity", "choice")
_LONGEST_HR_CODE = 60
#: Decimals of the integers that money is read into before it is rounded to öre: wages are often calculated.
_FINE = 6
_IDENTITIES = 200_000

_FORMS = {
    "code": Text(sv="en kod", en="a code"),
    "months": Text(sv="kronor och högst två decimaler", en="kronor with at most two decimals"),
    "amount": Text(sv="kronor och högst två decimaler", en="kronor with at most two decimals"),
    "quantity": Text(sv="ett antal med högst fyra decimaler", en="a quantity with at most four decimals"),
    "date": Text(sv="ett datum som finns", en="a date that exists"),
    "period": Text(sv="en månad", en="a month"),
    "year": Text(sv="ett år", en="a year"),
    "choice": Text(sv="ett av de tillåtna värdena", en="one of the allowed values"),
    "report_line": Text(sv="en rad i uppföljningen", en="a line of the follow-up"),
    "any_line": Text(sv="en rad i uppföljningen", en="a line of the follow-up"),
    "money": Text(sv="ett belopp", en="an amount"),
    "share": Text(
        sv="en andel (75 %, 75 eller 0,75; mellan 1 och 2 är det oklart vad som menas)",
        en="a share (75 %, 75 or 0,75; between 1 and 2 it is unclear what is meant)",
    ),
    "rate": Text(sv="en procentsats", en="a percentage"),
    "until": Text(sv="ett datum som finns eller “tills vidare”", en="a date that exists or “until further notice”"),
    "birth_year": Text(sv="ett födelseår", en="a year of birth"),
    "number": Text(sv="ett av de tillåtna värdena", en="one of the allowed values"),
    "cause": Text(sv="en frånvaroorsak", en="a cause of absence"),
    "person": Text(sv="ett personnummer", en="a personal identity number"),
    "employment": Text(sv="ett anställningsnummer", en="an employment number"),
}


def read_table(
    path: Path,
    source: Source,
    *,
    delivery: str | None = None,
    max_unpacked_mb: int = 1024,
    label: str | None = None,
    key: PersonKey | None = None,
) -> Reading:
    """Read one CSV or Excel file into raw tables.

    Args:
        path: the file. Nothing is read before the iteration begins.
        source: its settings: kind, columns, sign, unit and so on. Without columns, the headers are matched by their names.
        delivery: month of the delivery, 'YYYY-MM': what a file says nothing of its time is taken from it.
        max_unpacked_mb: largest unpacked size of a workbook.
        label: the file's name in messages; its own name if left out.
        key: the key of the pseudonyms; needed for kinds with identity or employment numbers.

    Returns:
        A reading that yields the kind's entity, `account` and `dimension_value` for texts that stand with codes, `reject` and
        `control`.
        Amounts are in the ledger's sign, kronor and öre.

    Raises (when iterated):
        FileRejected: not_a_table, truncated, empty, encoding, too_large, sheet_missing, header_missing, column_missing,
            decimal_unclear, too_many_bad_rows, several_rounds, quotes.
        SettingsError: the source names fields, constants, an encoding or a separator that do not exist.
    """
    return TableReading(path, source, delivery, max_unpacked_mb, label or path.name, key)


class _Problem(NamedTuple):
    """Rows of a batch that cannot be kept: a code, the field and its column, and which rows."""

    code: str
    field: str
    position: int | None
    rows: np.ndarray


@dataclass
class _Columns:
    """One batch, typed: a column per field that is filled, the rows' amounts in öre, and what is wrong with which rows.

    `blank` marks rows without any amount cell filled (all rows, for kinds without amounts).
    """

    values: dict[str, pl.Series]
    units: pl.Series
    blank: np.ndarray
    months: list[tuple[pl.Series, int | None, int]] = field(default_factory=list)
    problems: list[_Problem] = field(default_factory=list)


@dataclass
class _Totals:
    """Running sums, in öre, that total rows are compared with."""

    kept: int = 0
    opening: int = 0
    kept_at_last_total: int = 0
    #: The last total row if no data follows it: (row, stated, the sums that it may rightly state).
    last: tuple[int, int, set[int]] | None = None


class TableReading:
    """One pass over one table. See `read_table`."""

    def __init__(
        self, path: Path, source: Source, delivery: str | None, max_unpacked_mb: int, label: str, key: PersonKey | None = None
    ) -> None:
        self.path, self.source, self.delivery, self.label, self.key = path, source, delivery, label, key
        self.max_unpacked_mb = max_unpacked_mb
        self.kind = KINDS[source.kind]
        # The century of a ten-digit number follows from the delivery, so that reading a file again gives the same people.
        year, month = map(int, (delivery or f"{date.today():%Y-%m}").split("-"))
        self._on = date(year, month, monthrange(year, month)[1])
        self._identity = lru_cache(_IDENTITIES)(self._identified)
        self._start()

    def _start(self) -> None:
        self.summary = Summary(file_format="")
        self.decimal: numbers.DecimalMark | None = None if self.source.decimal == "auto" else self.source.decimal
        self.totals = _Totals()
        self.periods: Counter[str] = Counter()
        self.years: set[int] = set()
        self.rounds: set[str] = set()
        self.splits: dict[str, bool] = {}
        self.names: dict[tuple[str, str], tuple[int, str]] = {}
        self.first_bad: list[Text] = []
        self._showable: list[str] | None = None
        self.rounded = 0
        self.people: Counter[str] = Counter()
        self.constants = self._parsed_constants()

    def __iter__(self) -> Iterator[tuple[str, pa.Table]]:
        self._start()
        table = open_table(self.path, self.source, self.label, self.max_unpacked_mb)
        self.layout = lay_out(table, self.kind, self.source)
        self.summary.file_format, self.summary.encoding = table.file_format, table.encoding
        self.summary.warnings += [str(text) for text in (*table.warnings, *self.layout.notes)]
        rejects = [self._above(row.row, row.cells) for row in table.head if row.row < self.layout.header.row]
        if rejects:
            self.summary.rows_in += len(rejects)
            yield "reject", _reject_table(rejects)
        for batch in table.batches(self.layout.header, self.layout.columns):
            if len(batch):
                yield from self._read(batch)
        self._finish()
        if table.surplus:
            text = Text(
                sv=f"{table.surplus} rader har celler till höger om sista rubriken; de cellerna har inte lästs.",
                en=f"{table.surplus} rows have cells to the right of the last header; those cells were not read.",
            )
            self.summary.warnings.append(str(text))
        yield from self._name_tables()
        yield from self._control_table()

    # ------------------------------------------------------------ one batch

    def _read(self, batch: Batch) -> Iterator[tuple[str, pa.Table]]:
        columns = self._typed(batch)
        self._derive(columns, batch)
        first = np.full(len(batch), -1)
        for number, problem in enumerate(columns.problems):
            first[(first < 0) & problem.rows] = number
        kept = first < 0
        kept[list(batch.faults)] = False
        rejects, totals = [], []
        for k in map(int, np.flatnonzero(~kept)):
            code, position = batch.faults.get(k) or (columns.problems[first[k]].code, columns.problems[first[k]].position)
            reject, total_label = self._classify(batch, columns, k, code, position)
            rejects.append(reject)
            if total_label:
                totals.append((k, total_label))
        self._follow_totals(batch, columns, kept, totals)
        self.summary.rows_in += len(batch)
        self.summary.rows_kept += int(kept.sum())
        frame = self._output(batch, columns, kept)
        if len(frame):
            yield self.kind.entity, _to_arrow(self.kind.entity, frame)
        if rejects:
            yield "reject", _reject_table(rejects)

    def _typed(self, batch: Batch) -> _Columns:
        """Read every mapped cell. A cell that is filled and cannot be read is a problem of its row."""
        self._settle_decimal(batch)
        rows = len(batch)
        columns = _Columns({}, pl.Series([None], dtype=pl.Int64).new_from_index(0, rows), np.ones(rows, dtype=bool))
        for f in self.kind.fields:
            position = self.layout.positions.get(f.name)
            if position is None:
                if f.name in self.constants:
                    columns.values[f.name] = self._constant(f, rows)
                continue
            text = batch.cells[f"c{position}"]
            filled = (text != "").to_numpy()
            if f.type == "until":
                filled &= ~numbers.per_value(text, numbers.is_open_end, pl.Boolean).to_numpy()
            if f.type in ("amount", "quantity"):
                value = self._amounts("quantity" if f.type == "quantity" else f.name, batch, position)
                columns.blank &= ~filled | (f.type == "quantity")
            elif f.type == "money":
                value = _round_units(self._amounts(f.name, batch, position, scale=self._fine_scale()), self._fine_scale() - 2)
            else:
                value = self._values(f, text, batch)
            if f.name != "report_line" or self.kind.field("report_line").required:  # type: ignore[union-attr]
                columns.problems.append(_Problem(f"{f.name}_unreadable", f.name, position, filled & value.is_null().to_numpy()))
            if f.name in self.constants:
                value = value.fill_null(self._constant(f, rows))
            elif f.required:
                columns.problems.append(_Problem(f"{f.name}_missing", f.name, position, ~filled))
            columns.values[f.name] = value
        for (position, year, month), value in zip(self.layout.months, self._month_amounts(batch), strict=True):
            filled = (batch.cells[f"c{position}"] != "").to_numpy()
            columns.months.append((value, year, month))
            columns.problems.append(_Problem("months_unreadable", "months", position, filled & value.is_null().to_numpy()))
            columns.blank &= ~filled
        return columns

    def _settle_decimal(self, batch: Batch) -> None:
        """Decide the file's decimal mark by the first batch in which an amount has one."""
        fields = [f.name for f in self.kind.fields if f.type in ("amount", "quantity", "money")]
        positions = [self.layout.positions[name] for name in fields if name in self.layout.positions]
        positions += [position for position, _, _ in self.layout.months]
        if self.decimal or not positions:
            return
        mark = numbers.decimal_mark(pl.concat([_text_only(batch, position) for position in positions]))
        if mark == "unclear":
            raise FileRejected(
                "decimal_unclear",
                Place(self.label, column=self.layout.headers[positions[0]]),
                Text(
                    sv='beloppen kan läsas på två sätt (är 1,234 tusental eller decimaler?). Sätt decimal till "," eller ".".',
                    en='the amounts can be read in two ways (1,234 may be thousands or decimals). Set decimal to "," or ".".',
                ),
            )
        self.decimal = mark

    def _fine_scale(self) -> int:
        """Decimals in which the calculated amounts of a plan are read before they are rounded to öre."""
        return min(6, numbers.PLACES - _SHIFT[self.layout.unit_of_amount])

    def _month_amounts(self, batch: Batch) -> list[pl.Series]:
        """Read a row's month columns in öre.

        A plan is often calculated (a twelfth of the year): months with more than two decimals are rounded so that the row's sum
        is the rounded sum of its unrounded months, by rounding the running total.
        """
        fine = [self._amounts("months", batch, position, scale=self._fine_scale()) for position, _, _ in self.layout.months]
        running = pl.zeros(len(batch), dtype=pl.Int64, eager=True)
        before = running
        months = []
        for value in fine:
            running = running + value.fill_null(0)
            rounded = _round_units(running, self._fine_scale() - 2)
            months.append((rounded - before).set(value.is_null(), None))
            before = rounded
        if fine:
            step = 10 ** (self._fine_scale() - 2)
            self.rounded += int(pl.select(pl.any_horizontal([value % step != 0 for value in fine])).to_series().sum() or 0)
        return months

    def _amounts(self, name: str, batch: Batch, position: int, scale: int | None = None) -> pl.Series:
        if name == "amount" and self.kind.name in ("budget", "forecast"):
            fine = self._amounts("months", batch, position, scale=self._fine_scale())
            self.rounded += int((fine % 10 ** (self._fine_scale() - 2) != 0).sum() or 0)
            return _round_units(fine, self._fine_scale() - 2)
        shift = 0 if name == "quantity" else _SHIFT[self.layout.unit_of_amount]
        if scale is None:
            scale = 4 if name == "quantity" else 2
        value = numbers.amounts(_text_only(batch, position), self.decimal, shift=shift, scale=scale)
        if position in batch.numbers:
            value = numbers.native_amounts(batch.numbers[position], shift=shift, scale=scale).fill_null(value)
        # debit and credit have no sign to turn
        return -value if self.source.sign == "natural" and name in ("amount", "months") else value

    def _values(self, f: Field, text: pl.Series, batch: Batch) -> pl.Series:
        if f.type == "text":
            return text.replace("", None)
        if f.type == "code":
            return self._codes(f, text, batch)
        if f.type == "person":
            return numbers.per_value(text, lambda cell: self._key.person(self._identity(cell)) if cell else None, pl.String)
        if f.name == "period" and (year := self.layout.positions.get("fiscal_year")) is not None:
            both = pl.select(pl.concat_str([text, batch.cells[f"c{year}"]], separator="\x1f")).to_series()
            return numbers.per_value(both, _period_of_year, pl.String)
        return numbers.per_value(text, self._parser(f), _TYPES[f.type])

    def _parser(self, f: Field) -> Callable[[str], Any]:
        """Return the function that reads one cell of the field; it returns None for what it cannot read and for ''."""
        if f.type == "period":
            year = self.constants.get("fiscal_year")
            return lambda cell: numbers.parse_period(cell, year)
        if f.type == "choice":
            return lambda cell: choice(f.choices, cell) if cell else None
        if f.type == "number":
            return lambda cell: int(value) if cell and (value := choice(f.choices, _whole(cell))) else None
        if f.type == "cause":
            return lambda cell: absence_of(cell, self.source.causes)[0] if cell else None
        if f.type == "employment":
            return lambda cell: self._key.employment(_whole(cell)) if cell else None
        if f.type == "code":
            return lambda cell: _code(f, cell, split=False)
        parsers: dict[str, Callable[[str], Any]] = {
            "date": numbers.parse_date,
            "until": lambda cell: None if numbers.is_open_end(cell) else numbers.parse_date(cell),
            "year": _year,
            "birth_year": numbers.parse_birth_year,
            "share": numbers.parse_share,
            "rate": numbers.parse_rate,
            "report_line": report_line,
            "any_line": any_line,
            "text": lambda cell: cell or None,
        }
        return parsers[f.type]

    @property
    def _key(self) -> PersonKey:
        if self.key is None:
            raise RuntimeError(f"{self.kind.name}: the key of the pseudonyms was not opened")
        return self.key

    def _identified(self, cell: str) -> Identity | None:
        """Return the person of a cell. A number that a spreadsheet stored as a number has lost its leading zeros."""
        text = _whole(cell)
        if text.isdigit() and 7 <= len(text) <= 9:
            padded = normalise(text.zfill(10), on=self._on)
            if padded is not None and padded.is_valid:
                return padded
        return normalise(text, on=self._on)

    def _codes(self, f: Field, text: pl.Series, batch: Batch) -> pl.Series:
        """Read codes. Where a column's cells are code and text, keep the code and remember the text."""
        if self.kind.is_personal and f.name == "record_id":
            return numbers.per_value(text, self._record, pl.String)
        if f.name in _PLAIN:
            return pl.select(pl.when((text != "") & (text.str.len_chars() <= _LONGEST_CODE)).then(text)).to_series()
        if f.name not in self.splits:
            sample = [cell for cell in text.filter(text != "").head(2000) if not numbers.is_total(cell)]
            split = sum(numbers.split_code(cell) is not None for cell in sample)
            if sample:
                self.splits[f.name] = f.name == "account" or split >= 0.8 * len(sample)
        splits = self.splits.get(f.name, f.name == "account")
        if splits and self.kind.amount_fields and not self.kind.is_personal and len(self.names) < _MOST_NAMES:
            cells = pl.DataFrame({"cell": text, "row": batch.source_row}).unique("cell", keep="first", maintain_order=True)
            for cell, row in cells.iter_rows():
                if (found := numbers.split_code(cell)) and not numbers.is_total(cell):
                    self.names.setdefault((f.name, found[0]), (row, found[1]))
        longest = _LONGEST_HR_CODE if self.kind.is_personal else _LONGEST_CODE
        return numbers.per_value(text, lambda cell: _code(f, cell, splits, longest), pl.String)

    def _record(self, cell: str) -> str | None:
        """Return a row's own number, as a pseudonym where it is long enough to hold a personal identity number."""
        text = _whole(cell)
        return (self._key.record(text) if sum(map(str.isdigit, text)) >= 9 or len(text) > 20 else text) or None

    def _parsed_constants(self) -> dict[str, Any]:
        """Read the source's constants as their fields' values."""
        self.constants = {}
        fields = [f for f in self.kind.fields if f.name in self.source.constants]
        for f in sorted(fields, key=lambda f: f.type == "period"):  # the year first: a month alone needs it
            given = self.source.constants[f.name]
            value = None if f.type in ("amount", "quantity", "months") else self._parser(f)(given.strip())
            if value is None:
                raise SettingsError(
                    Text(
                        sv=f"constants.{f.name} = “{given}” går inte att läsa som {_FORMS[f.type].sv}.",
                        en=f"constants.{f.name} = “{given}” cannot be read as {_FORMS[f.type].en}.",
                    )
                )
            self.constants[f.name] = value
        return self.constants

    def _constant(self, f: Field, rows: int) -> pl.Series:
        return pl.Series([self.constants[f.name]], dtype=_TYPES[f.type]).new_from_index(0, rows)

    # ------------------------------------------------------------ what a kind needs beside its cells

    def _derive(self, columns: _Columns, batch: Batch) -> None:
        if self.kind.amount_fields:
            self._derive_amount(columns)
        if self.kind.name == "ledger":
            self._derive_period(columns)
        elif self.kind.name in ("budget", "forecast"):
            self._derive_line(columns)
            self._derive_year(columns)
        else:
            self._derive_register(columns, batch)
        if self.kind.is_personal:
            self._derive_people(columns, batch)
        elif self.kind.name == "comment":
            columns.values["text"] = numbers.per_value(
                columns.values["text"].fill_null(""), lambda cell: mask(cell) or None, pl.String
            )
        elif self.kind.name in ("agreement", "internal_agreement"):
            self._derive_agreement(columns)

    def _derive_amount(self, columns: _Columns) -> None:
        values = columns.values
        if columns.months:
            frame = pl.DataFrame({str(i): value for i, (value, _, _) in enumerate(columns.months)})
            columns.units = frame.select(
                pl.when(~pl.all_horizontal(pl.all().is_null())).then(pl.sum_horizontal(pl.all()))
            ).to_series()
            columns.problems.append(_Problem("no_amount", "months", None, columns.blank))
        elif "amount" in values:
            columns.units = values["amount"]
        else:
            debit, credit = values["debit"], values["credit"]
            columns.units = pl.select(
                pl.when(debit.is_not_null() | credit.is_not_null()).then(debit.fill_null(0) - credit.fill_null(0))
            ).to_series()
        name = "amount" if "amount" in values else "debit"
        columns.problems.append(
            _Problem("amount_missing", name, self.layout.positions.get(name), columns.units.is_null().to_numpy())
        )

    def _derive_period(self, columns: _Columns) -> None:
        """Give a ledger row the period that the file states, else that of the voucher's date."""
        values = columns.values
        on = values.get("voucher_date", values.get("date"))
        if on is not None:
            values["voucher_date"] = on
            of_date = on.dt.strftime("%Y-%m")
            values["period"] = values["period"].fill_null(of_date) if "period" in values else of_date
        period, position = values["period"], self.layout.positions.get("period", self.layout.positions.get("voucher_date"))
        columns.problems += [
            _Problem("opening_balance", "period", position, period.str.ends_with("-00").fill_null(False).to_numpy()),
            _Problem("period_unreadable", "period", position, (period.str.len_bytes() == 4).fill_null(False).to_numpy()),
            _Problem("period_missing", "period", position, period.is_null().to_numpy()),
        ]

    def _derive_line(self, columns: _Columns) -> None:
        """A budget or forecast row is for an account or, without one, for a line of the follow-up."""
        values = columns.values
        rows = len(columns.blank)
        account, line = _or_null(values.get("account"), rows), _or_null(values.get("report_line"), rows)
        values["report_line"] = pl.select(pl.when(account.is_null()).then(line)).to_series()
        name = "report_line" if "report_line" in self.layout.positions else "account"
        nothing = (account.is_null() & line.is_null()).to_numpy()
        columns.problems.append(_Problem(f"{name}_missing", name, self.layout.positions.get(name), nothing))

    def _derive_year(self, columns: _Columns) -> None:
        """Give a budget or forecast row its fiscal year: stated, else the period's, else the round's or the delivery's."""
        values = columns.values
        rows = len(columns.blank)
        period = _or_null(values.get("period"), rows)
        if "date" in values:
            period = period.fill_null(values["date"].dt.strftime("%Y-%m"))
        stated = _or_null(values.get("fiscal_year"), rows, pl.Int32)
        if self.kind.name == "forecast":
            rounds = _or_null(values.get("forecast_round"), rows).fill_null(self.delivery or "")
            whole = rounds.str.contains(r"^\d{4}-(0[1-9]|1[0-2])$")
            position = self.layout.positions.get("forecast_round")
            columns.problems.append(_Problem("forecast_round_missing", "forecast_round", position, (~whole).to_numpy()))
            values["forecast_round"] = rounds
            default_year = rounds.str.slice(0, 4).cast(pl.Int32, strict=False)
        else:
            default_year = pl.Series([int(self.delivery[:4]) if self.delivery else None], dtype=pl.Int32).new_from_index(0, rows)
        of_period = period.str.slice(0, 4).cast(pl.Int32, strict=False)
        header_years = {year for _, year, _ in columns.months if year is not None}
        if header_years:  # they are all of one year: `mapping` sees to that
            of_period = of_period.fill_null(pl.Series([header_years.pop()], dtype=pl.Int32).new_from_index(0, rows))
        year = stated.fill_null(of_period).fill_null(default_year)
        position = self.layout.positions.get("fiscal_year", self.layout.positions.get("period"))
        wrong = (of_period != year).fill_null(False)
        if self.kind.name == "forecast":
            wrong |= (year != default_year).fill_null(False)
        columns.problems += [
            _Problem("period_unreadable", "period", position, period.str.ends_with("-00").fill_null(False).to_numpy()),
            _Problem("wrong_year", "fiscal_year", position, wrong.to_numpy()),
            _Problem("fiscal_year_missing", "fiscal_year", position, year.is_null().to_numpy()),
        ]
        values["fiscal_year"] = year
        values["period"] = pl.select(pl.when(period.str.len_bytes() == 7).then(period)).to_series()

    def _derive_register(self, columns: _Columns, batch: Batch) -> None:
        """Fill what a register leaves out: names that stand with the codes, ranges of a single value."""
        values = columns.values
        rows = len(batch)
        if self.kind.field("name") and (position := self.layout.positions.get(self.kind.key[0])) is not None:
            beside = numbers.per_value(
                batch.cells[f"c{position}"], lambda cell: found[1] if (found := numbers.split_code(cell)) else None, pl.String
            )
            values["name"] = _or_null(values.get("name"), rows).fill_null(beside)
        for start, stop in (("account_from", "account_to"), ("prefix_from", "prefix_to")):
            if start in values:
                values[stop] = _or_null(values.get(stop), rows).fill_null(values[start])
                uneven = (values[stop].str.len_chars() != values[start].str.len_chars()).fill_null(False)
                columns.problems.append(_Problem("range_uneven", stop, self.layout.positions.get(stop), uneven.to_numpy()))
        if self.kind.name == "report_lines":
            values["counterparty_scope"] = _or_null(values.get("counterparty_scope"), rows).fill_null("any")

    def _derive_agreement(self, columns: _Columns) -> None:
        """An agreement is per month unless it says otherwise, has an amount without sign and does not end before it begins."""
        values = columns.values
        rows = len(columns.blank)
        values["cadence"] = _or_null(values.get("cadence"), rows, pl.Int32).fill_null(1)
        negative = (values["amount"] < 0).fill_null(False).to_numpy()
        columns.problems.append(_Problem("amount_negative", "amount", self.layout.positions.get("amount"), negative))
        self._require_order(columns)

    def _require_order(self, columns: _Columns, start: str = "valid_from", end: str = "valid_to") -> None:
        if start in columns.values and end in columns.values:
            backwards = (columns.values[end] < columns.values[start]).fill_null(False).to_numpy()
            columns.problems.append(_Problem("ends_before_start", end, self.layout.positions.get(end), backwards))

    def _derive_people(self, columns: _Columns, batch: Batch) -> None:
        """Fill what the identity number, the headers and the standard say, and judge what is impossible."""
        values = columns.values
        rows = len(batch)
        self._derive_identity(columns, batch)
        for f in self.kind.fields:
            position = self.layout.positions.get(f.name)
            if f.type != "code" or f.name == "record_id" or position is None:
                continue
            misplaced = numbers.per_value(batch.cells[f"c{position}"], _holds_identity, pl.Boolean).fill_null(False).to_numpy()
            columns.problems.insert(0, _Problem("personal_number", f.name, position, misplaced))
        if self.kind.name == "payroll":
            month = values["paid_on"].dt.strftime("%Y-%m") if "paid_on" in values else None
            values["period"] = _or_null(values.get("period"), rows).fill_null(_or_null(month, rows))
            values["line_kind"] = _or_null(values.get("line_kind"), rows).fill_null("pay")
            position = self.layout.positions.get("period", self.layout.positions.get("paid_on"))
            no_month = ~values["period"].str.contains(r"^\d{4}-(?:0[1-9]|1[0-2])$").fill_null(False)
            columns.problems.append(_Problem("period_missing", "period", position, no_month.to_numpy()))
            self._require_order(columns, "work_from", "work_to")
            return
        if self.kind.name == "employment":
            self._derive_wage(values, rows)
        if self.kind.name == "absence":
            self._derive_absence(columns, batch)
        else:
            self._require_order(columns)
            degree = _or_null(values.get("degree"), rows, pl.Int64)
            wrong = ((degree < 0) | (degree > 1_000_000)).fill_null(False).to_numpy()
            columns.problems.append(_Problem("degree_out_of_range", "degree", self.layout.positions.get("degree"), wrong))
            if self.kind.name == "employment":
                nobody = (_or_null(values.get("employment"), rows).is_null() & values["person"].is_null()).to_numpy()
                columns.problems.append(_Problem("no_employment", "employment", None, nobody))

    def _derive_identity(self, columns: _Columns, batch: Batch) -> None:
        """Take year of birth and sex from the identity number, and count the numbers that cannot be right."""
        values = columns.values
        rows = len(batch)
        if self.kind.field("person") is None:
            return
        position = self.layout.positions.get("person")
        if position is None:
            values["person"] = _or_null(None, rows)
            return
        text = batch.cells[f"c{position}"]
        wrong = numbers.per_value(text, lambda cell: bool((found := self._identity(cell)) and found.problem), pl.Boolean)
        self.people["identity"] += int(wrong.sum() or 0)
        if self.kind.name == "employment":
            year = numbers.per_value(text, lambda cell: found.birth_year if (found := self._identity(cell)) else None, pl.Int32)
            sex = numbers.per_value(text, lambda cell: found.sex or None if (found := self._identity(cell)) else None, pl.String)
            values["birth_year"] = year.fill_null(_or_null(values.get("birth_year"), rows, pl.Int32))
            values["sex"] = sex.fill_null(_or_null(values.get("sex"), rows))

    @staticmethod
    def _derive_wage(values: dict[str, pl.Series], rows: int) -> None:
        """Take the monthly wage from the column whose header says what it is, and its form from which wage there is."""
        names = ("full_time_wage", "actual_wage", "monthly_wage", "hourly_wage")
        full_time, actual, plain, hourly = (_or_null(values.get(name), rows, pl.Int64) for name in names)
        basis, form = _or_null(values.get("wage_basis"), rows), _or_null(values.get("wage_form"), rows)
        values["monthly_wage"] = full_time.fill_null(plain).fill_null(actual)
        values["wage_basis"] = pl.select(
            pl.when(full_time.is_not_null())
            .then(pl.lit("full_time"))
            .when(plain.is_not_null())
            .then(basis.fill_null(""))
            .when(actual.is_not_null())
            .then(pl.lit("actual"))
            .otherwise(basis.fill_null(""))
        ).to_series()
        values["wage_form"] = pl.select(
            pl.when(form.is_not_null())
            .then(form)
            .when(values["monthly_wage"].is_not_null())
            .then(pl.lit("month"))
            .when(hourly.is_not_null())
            .then(pl.lit("hour"))
        ).to_series()

    def _derive_absence(self, columns: _Columns, batch: Batch) -> None:
        """Name the cause, fill the extent, and judge each spell by the rules that all HR exports share."""
        values = columns.values
        rows = len(batch)
        position = self.layout.positions.get("cause_code")
        stated = self.constants.get("cause_code") or "" if position is None else None
        cells = pl.Series([stated]).new_from_index(0, rows) if stated is not None else batch.cells[f"c{position}"]
        values["cause"] = numbers.per_value(cells, lambda cell: absence_of(cell, self.source.causes)[1], pl.String)
        extent = _or_null(values.get("extent"), rows, pl.Int64)
        hours = _or_null(values.get("hours"), rows, pl.Int64)
        end = _or_null(values.get("valid_to"), rows, pl.Date)
        several = (end.is_null() | (end > values["valid_from"]).fill_null(False)).to_numpy()
        without_days = pl.Series(several) & hours.is_not_null() & extent.is_null()
        # For a spell of several days the extent tells; the hours of the whole spell would be taken for one day's.
        values["hours"] = pl.select(pl.when(~pl.Series(several)).then(hours)).to_series()
        whole_day = extent.is_null() & hours.is_null()
        values["extent"] = pl.select(pl.when(whole_day).then(pl.lit(1_000_000)).otherwise(extent)).to_series()
        owner = {"employment": _or_null(values.get("employment"), rows), "person": values["person"]}
        names = ("cause", "cause_code", "valid_from")
        spells = pl.DataFrame({**owner, **{name: values[name] for name in names}, "valid_to": end}).with_columns(
            (values["extent"] / 1e6).alias("extent"), (values["hours"] / 1e4).alias("hours")
        )
        reason = impossible(spells)["reason_code"]
        places = {
            "no_employment": "employment",
            "no_cause": "cause_code",
            "no_date": "valid_from",
            "ends_before_start": "valid_to",
        }
        places |= {"date_out_of_range": "valid_from", "extent_out_of_range": "extent", "hours_out_of_range": "hours"}
        for code in reason.drop_nulls().unique().sort():
            name = places[code]
            columns.problems.append(
                _Problem(code, name, self.layout.positions.get(name), (reason == code).fill_null(False).to_numpy())
            )
        hours_at = self.layout.positions.get("hours")
        columns.problems.append(_Problem("hours_without_days", "hours", hours_at, without_days.to_numpy()))
        unmapped = values["cause"].is_null() & values["cause_code"].is_not_null()
        if unmapped.any():
            self.people["unmapped_cause"] += int(unmapped.sum())
            self.people.setdefault("unmapped_row", int(batch.source_row[unmapped.arg_true()[0]]))

    # ------------------------------------------------------------ output

    def _output(self, batch: Batch, columns: _Columns, kept: np.ndarray) -> pl.DataFrame:
        """Return the kept rows as the entity's columns; amounts and quantities as integers."""
        columns_here = {name: value for name, value in columns.values.items() if name in ENTITIES[self.kind.entity].names}
        frame = pl.DataFrame({"source_row": pl.Series(batch.source_row, dtype=pl.Int64), **columns_here})
        if self.kind.amount_fields:
            frame = frame.with_columns(columns.units.alias("amount"))
        chosen = pl.Series(kept)
        if self.kind.name == "ledger":
            frame = frame.with_columns(pl.lit("TRANS").alias("line_kind")).filter(chosen)
            for period, count in frame.group_by("period").len().iter_rows():
                self.periods[period] += count
        elif self.kind.name == "payroll":
            frame = frame.filter(chosen)
            self.periods.update(dict(frame.group_by("period").len().iter_rows()))
        elif self.kind.name in ("budget", "forecast"):
            if self.kind.name == "budget":
                budget_type = frame["budget_type"] if "budget_type" in frame.columns else _or_null(None, len(frame))
                frame = frame.with_columns(budget_type.fill_null("original").alias("budget_type"))
            else:
                self.rounds |= set(frame.filter(chosen)["forecast_round"].unique())
            self.years |= set(frame.filter(chosen)["fiscal_year"].unique())
            if columns.months:
                return pl.concat(
                    [
                        frame.with_columns(
                            value.alias("amount"),
                            pl.format("{}-{}", "fiscal_year", pl.lit(f"{month:02d}")).alias("period"),
                        ).filter(chosen & (value != 0).fill_null(False))
                        for value, _, month in columns.months
                    ]
                )
            frame = frame.filter(chosen)
        else:
            frame = frame.filter(chosen)
        return frame

    # ------------------------------------------------------------ rows that are not data

    def _above(self, row: int, cells: list[str]) -> tuple:
        if any(cells):
            return self._reject(row, "title_row", Text(sv="rad ovanför rubriken", en="row above the header"), cells, False)
        return self._reject(row, "blank", Text(sv="tom rad", en="blank row"), cells, False)

    def _classify(self, batch: Batch, columns: _Columns, k: int, code: str, position: int | None) -> tuple[tuple, str]:
        """Tell what a row that was not kept is. Returns its reject row, and the label where it is a total row."""
        cells = [cell.strip() for cell in batch.content(k)]
        row = int(batch.source_row[k])
        self._showable = self._readable(columns, k) if self.kind.is_personal else None
        filled = [cell for cell in cells if cell]
        if not filled:
            return self._reject(row, "blank", Text(sv="tom rad", en="blank row"), cells, False), ""
        if self._repeats_header(cells):
            return self._reject(row, "repeated_header", Text(sv="rubriken upprepad", en="repeated header"), cells, False), ""
        if label := self._total_label(cells, position):
            return self._reject(row, "total", Text(sv="summarad", en="total row"), cells, False), label
        if code == "opening_balance":
            text = Text(sv="ingående balans (period 00)", en="opening balance (period 00)")
            return self._reject(row, code, text, cells, False), ""
        if columns.blank[k] and code not in ("ragged", "nul", "error_cell"):
            key = any(self._cell(cells, name) for name in self.kind.key)
            if _MARKUP.search(" ".join(filled)):
                raise FileRejected(
                    "not_a_table",
                    Place(self.label, row=row),
                    Text(
                        sv="här övergår filen i en webbsida, troligen ett felmeddelande: exporten avbröts. Exportera igen",
                        en="here the file turns into a web page, probably an error message: the export was cut off. Export again",
                    ),
                )
            if len(filled) == 1 or (self.kind.amount_fields and not key):
                return self._reject(row, "text_row", Text(sv="text utan belopp", en="text without an amount"), cells, False), ""
            if code == "no_amount":
                return self._reject(
                    row, code, Text(sv="inga belopp i månaderna", en="no amounts in the months"), cells, False
                ), ""
        reason = self._reason(code, cells, position)
        if len(self.first_bad) < 3:
            self.first_bad.append(Text(sv=mask(f"rad {row}: {reason.sv}"), en=mask(f"row {row}: {reason.en}")))
        return self._reject(row, code, reason, cells, True), ""

    def _readable(self, columns: _Columns, k: int) -> list[str]:
        """Return what may be told of a row of an HR export: fields with the values that were read, and nothing of its text."""
        found = []
        for f in self.kind.fields:
            value = columns.values[f.name][k] if f.name in columns.values else None
            if value is None or f.type in IDENTITY_TYPES:
                continue
            if f.type in ("share", "money", "quantity"):
                value = Decimal(value).scaleb({"share": -6, "money": -2, "quantity": -4}[f.type]).normalize()
                found.append(f"{f.name}={value:f}")
            elif f.type in _SHOWABLE:
                found.append(f"{f.name}={value}")
        return found

    def _repeats_header(self, cells: list[str]) -> bool:
        pairs = [
            (header_key(cell), header_key(head)) for cell, head in zip(cells, self.layout.header.cells, strict=False) if cell
        ]
        return len(pairs) > 1 and sum(cell == head for cell, head in pairs) * 2 > len(pairs)

    def _total_label(self, cells: list[str], position: int | None) -> str:
        """Return the label of a total row: it stands where the key or the unreadable code should be, or the key is empty."""
        keys = [cell for name in self.kind.key if (cell := self._cell(cells, name))]
        here = [*keys, cells[position]] if position is not None and position < len(cells) else keys
        line = self._cell(cells, "report_line")
        if line and is_total_line(line):
            return line
        for cell in here:
            if numbers.is_total(cell):
                return cell
        return "" if keys else next((cell for cell in cells if numbers.is_total(cell)), "")

    def _cell(self, cells: list[str], name: str) -> str:
        position = self.layout.positions.get(name)
        return cells[position] if position is not None and position < len(cells) else ""

    def _reason(self, code: str, cells: list[str], position: int | None) -> Text:
        header = self.layout.headers[position] if position is not None else ""
        cell = cells[position] if position is not None and position < len(cells) else ""
        if code == "ragged":
            n, m = len(cells), len(self.layout.headers)
            return Text(sv=f"raden har {n} celler, rubriken {m}", en=f"the row has {n} cells, the header {m}")
        if code == "nul":
            return Text(sv="raden innehåller nolltecken", en="the row holds NUL characters")
        if code == "error_cell":
            return Text(
                sv=f"“{header}” är ett Excel-fel (#REF! eller liknande)", en=f"“{header}” is an Excel error (#REF! or the like)"
            )
        if code == "range_uneven":
            return Text(
                sv=f"“{header}” är inte lika lång som början på intervallet", en=f"“{header}” is not as long as the range's start"
            )
        if code == "wrong_year":
            return Text(
                sv=f"året stämmer inte med perioden eller prognosomgången (“{header}”: “{cell}”)",
                en=f"the year does not agree with the period or the forecast round (“{header}”: “{cell}”)",
            )
        if code in IMPOSSIBLE:
            return Text(*(f"{text}{f' (“{header}”)' if header else ''}" for text in IMPOSSIBLE[code]))
        if code == "personal_number":
            return Text(
                sv=f"“{header}” innehåller ett personnummer: kolumnerna är förskjutna eller fel mappade",
                en=f"“{header}” holds a personal identity number: the columns are shifted or wrongly mapped",
            )
        if code == "amount_negative":
            return Text(sv=f"“{header}” har tecken; belopp anges utan", en=f"“{header}” has a sign; state amounts without")
        name = code.rpartition("_")[0]
        if code.endswith("_missing") and not cell:
            return Text(sv=f"“{header or name}” är tom", en=f"“{header or name}” is empty")
        form = _FORMS[next((f.type for f in self.kind.fields if f.name == name), "amount")]
        if self.kind.is_personal:  # the cell may be a name in the wrong column
            return Text(sv=f"“{header}” går inte att läsa som {form.sv}", en=f"“{header}” cannot be read as {form.en}")
        return Text(
            sv=f"“{header}” är “{cell[:60]}” och går inte att läsa som {form.sv}",
            en=f"“{header}” is “{cell[:60]}” and cannot be read as {form.en}",
        )

    def _reject(self, row: int, code: str, reason: Text, cells: list[str], is_bad: bool) -> tuple:
        self.summary.row_counts[code] = self.summary.row_counts.get(code, 0) + 1
        if is_bad:
            self.summary.rows_bad += 1
        else:
            self.summary.rows_set_aside += 1
        shown = (self._showable or []) if self.kind.is_personal else cells
        return row, code, mask(reason), mask("; ".join(shown)[: 2 * _SHOWN])[:_SHOWN], is_bad

    # ------------------------------------------------------------ totals and the end

    def _follow_totals(self, batch: Batch, columns: _Columns, kept: np.ndarray, totals: list[tuple[int, str]]) -> None:
        """Add the kept amounts, and remember the last total row if it can be compared with them."""
        if not self.kind.amount_fields:
            return
        t = self.totals
        amounts = pl.select(pl.when(pl.Series(kept)).then(columns.units).otherwise(0).cast(pl.Int128)).to_series().fill_null(0)
        opening = next((p.rows for p in columns.problems if p.code == "opening_balance"), None)
        if opening is not None and opening.any():
            t.opening += numbers.total(columns.units.filter(pl.Series(opening)))
        if len(kept) and kept.any():
            t.last = None
        running = amounts.cum_sum() if totals else amounts
        for k, label in totals:
            until = t.kept + int(running[k])
            stated = columns.units[k]
            if stated is not None and numbers.is_grand_total(label) and not kept[k:].any():
                t.last = (int(batch.source_row[k]), stated, {until, until + t.opening, until - t.kept_at_last_total})
            t.kept_at_last_total = until
        t.kept += int(amounts.sum() or 0)

    def _finish(self) -> None:
        """Complete the summary, and refuse the file if it is empty, has too many bad rows, or is for another time."""
        summary = self.summary
        summary.row_counts["kept"] = summary.rows_kept
        if summary.rows_kept + summary.rows_bad == 0:
            raise FileRejected(
                "empty",
                Place(self.label, row=self.layout.header.row),
                Text(sv="filen har en rubrik men inga datarader.", en="the file has a header but no rows of data."),
            )
        if not summary.rows_kept or summary.rows_bad > self.source.max_bad_rows * (summary.rows_kept + summary.rows_bad):
            data = summary.rows_kept + summary.rows_bad
            shown = Text(sv="; ".join(bad.sv for bad in self.first_bad), en="; ".join(bad.en for bad in self.first_bad))
            limit = f"{self.source.max_bad_rows * 100:g}"
            raise FileRejected(
                "too_many_bad_rows",
                Place(self.label),
                Text(
                    sv=f"{summary.rows_bad} av {data} rader går inte att läsa (högst {limit} % godtas, "
                    f"max_bad_rows). De första: {shown.sv}.",
                    en=f"{summary.rows_bad} of {data} rows cannot be read (at most {limit} % are accepted, "
                    f"max_bad_rows). The first: {shown.en}.",
                ),
            )
        if self.kind.amount_fields:
            summary.amount_in[self.kind.entity] = Decimal(self.totals.kept).scaleb(-2)
        if self.rounded:
            calculated = Text(
                sv=f"{self.rounded} rader har beräknade belopp med fler än två decimaler; avrundade till öre så att radens "
                "summa stämmer.",
                en=f"{self.rounded} rows have calculated amounts with more than two decimals; rounded to öre so that each row's "
                "sum holds.",
            )
            summary.warnings.append(str(calculated))
        if self.kind.name == "ledger":
            self._finish_ledger()
        elif self.kind.name in ("budget", "forecast"):
            self._finish_year()
        elif self.kind.name == "payroll":
            summary.period_from, summary.period_to = min(self.periods), max(self.periods)
        self._finish_people()
        summary.extra |= {
            "columns": {name: self.layout.headers[i] for name, i in self.layout.positions.items()}
            | ({"months": [self.layout.headers[i] for i, _, _ in self.layout.months]} if self.layout.months else {}),
            "header_row": self.layout.header.row,
            "decimal": self.decimal or "",
            "unit_of_amount": self.layout.unit_of_amount,
        }

    def _finish_people(self) -> None:
        """Tell of identity numbers and causes that the user should look at, without repeating any."""
        count, unmapped = self.people["identity"], self.people["unmapped_cause"]
        if count:
            odd = Text(
                sv=f"{count} rader har personnummer med fel datum eller kontrollsiffra, eller reservnummer; de är kvar, men "
                "samma "
                "person under ett annat nummer räknas som en annan",
                en=f"{count} rows have identity numbers with a wrong date or check digit, or reserve numbers; they are kept, but "
                "the same person under another number counts as somebody else",
            )
            self.summary.warnings.append(str(odd))
        if unmapped:
            first = self.people["unmapped_row"]
            unknown = Text(
                sv=f"{unmapped} frånvarorader (den första rad {first}) har en orsak som avvik inte känner; de räknas inte som "
                "sjuk, "
                "föräldraledig eller annat förrän källans causes säger vad den är",
                en=f"{unmapped} absence rows (the first is row {first}) have a cause that avvik does not know; they do not "
                "count as "
                "sick, parental or other until the source's causes say what it is",
            )
            self.summary.warnings.append(str(unknown))

    def _finish_ledger(self) -> None:
        summary = self.summary
        summary.outcome_from = "TRANS"
        summary.period_from, summary.period_to = min(self.periods), max(self.periods)
        later = sum(count for period, count in self.periods.items() if self.delivery and period > self.delivery)
        if later:
            text = Text(
                sv=f"{later} rader har en period efter {self.delivery}, som längst {summary.period_to}.",
                en=f"{later} rows have a period after {self.delivery}, at the latest {summary.period_to}.",
            )
            summary.warnings.append(str(text))

    def _finish_year(self) -> None:
        summary = self.summary
        first, last = min(self.years), max(self.years)
        summary.period_from, summary.period_to = f"{first}-01", f"{last}-12"
        summary.entity_periods[self.kind.entity] = (summary.period_from, summary.period_to)
        if self.kind.name == "forecast":
            if len(self.rounds) > 1:
                raise FileRejected(
                    "several_rounds",
                    Place(self.label),
                    Text(
                        sv=f"filen har flera prognosomgångar: {', '.join(sorted(self.rounds))}. Lämna en fil per omgång.",
                        en=f"the file has several forecast rounds: {', '.join(sorted(self.rounds))}. Deliver one file per round.",
                    ),
                )
            summary.forecast_round = next(iter(self.rounds))
        named = {"fiscal_year", "period", "date", "forecast_round"} & (self.layout.positions.keys() | self.constants.keys())
        if not named and not any(year for _, year, _ in self.layout.months):
            text = Text(
                sv=f"Filen säger inte vilket år den gäller; {first} har tagits från leveransens månad.",
                en=f"The file does not say its year; {first} was taken from the delivery's month.",
            )
            summary.warnings.append(str(text))

    def _name_tables(self) -> Iterator[tuple[str, pa.Table]]:
        """Yield the texts that stood with codes: account names as accounts, the others as dimension values."""
        found = [(row, name, code, text) for (name, code), (row, text) in self.names.items()]
        accounts = [(row, code, text) for row, name, code, text in found if name == "account"]
        others = [entry for entry in found if entry[1] in (*CODE_FIELDS, "party")]
        if accounts:
            frame = pl.DataFrame(accounts, schema=["source_row", "account", "name"], orient="row")
            yield "account", _to_arrow("account", frame)
        if others:
            frame = pl.DataFrame(others, schema=["source_row", "dimension", "code", "name"], orient="row")
            yield "dimension_value", _to_arrow("dimension_value", frame)

    def _control_table(self) -> Iterator[tuple[str, pa.Table]]:
        """Compare the file's grand total, where its last total row is one, with the rows above it."""
        if self.totals.last is None:
            return
        row, stated, right = self.totals.last
        self.summary.controls_checked = 1
        if stated in right:
            return
        self.summary.controls_failed = 1
        says, sums = Decimal(stated).scaleb(-2), Decimal(self.totals.kept).scaleb(-2)
        text = Text(
            sv=f"Summaraden (rad {row}) säger {says}, raderna summerar till {sums}.",
            en=f"The total row (row {row}) states {says}, the rows sum to {sums}.",
        )
        self.summary.warnings.append(str(text))
        units = pl.Series([stated, self.totals.kept, stated - self.totals.kept], dtype=pl.Int64)
        money = numbers.money_array(units)
        schema = ENTITIES["control"]
        values = {"control": "TOTAL", "stated": money[0], "computed": money[1], "difference": money[2]}
        yield "control", pa.table([pa.array([values.get(f.name)], type=f.type) for f in schema], schema=schema)


# ---------------------------------------------------------------- helpers


def _round_units(value: pl.Series, digits: int) -> pl.Series:
    """Round integers by so many digits, half away from zero, and drop them."""
    step = 10**digits
    return pl.select((value.abs() + step // 2) // step * value.sign()).to_series().cast(pl.Int64)


def _text_only(batch: Batch, position: int) -> pl.Series:
    """Return a column's text cells, '' where the cell is a number of the workbook."""
    text = batch.cells[f"c{position}"]
    if position not in batch.numbers:
        return text
    return text.set(pl.Series(~np.isnan(batch.numbers[position])), "")


def _whole(cell: str) -> str:
    """Return a whole number as a spreadsheet's text has it without its decimals."""
    return re.sub(r"^(\d+)[.,]0+$", r"\1", cell.strip())


def _holds_identity(cell: str) -> bool:
    return sum(map(str.isdigit, cell)) >= 10 and next(find_identities(cell), None) is not None


def _code(f: Field, cell: str, split: bool, longest: int = _LONGEST_CODE) -> str | None:
    if not cell or len(cell) > 4 * _LONGEST_CODE:
        return None
    is_key = f.name in ("account", *CODE_FIELDS)
    if is_key and numbers.is_total(cell):
        return None
    if split and (found := numbers.split_code(cell)):
        cell = found[0]
    if is_key:
        cell = re.sub(r"^(\d+)\.0+$", r"\1", cell)
    if f.name == "account" and not _ACCOUNT.fullmatch(cell):
        return None
    return cell if len(cell) <= longest else None


def _year(cell: str) -> int | None:
    match = _YEAR.fullmatch(cell)
    return int(match[1]) if match else None


def _period_of_year(both: str) -> str | None:
    period, _, year = both.partition("\x1f")
    return numbers.parse_period(period, _year(year))


def _or_null(value: pl.Series | None, rows: int, dtype: Any = pl.String) -> pl.Series:
    return pl.Series([None], dtype=dtype).new_from_index(0, rows) if value is None else value


def _reject_table(rejects: list[tuple]) -> pa.Table:
    schema = ENTITIES["reject"]
    return pa.table(
        [pa.array(values, type=f.type) for values, f in zip(zip(*rejects, strict=True), schema, strict=True)], schema=schema
    )


def _to_arrow(entity: str, frame: pl.DataFrame) -> pa.Table:
    """Return a frame in the entity's schema: money and quantities from integers, absent columns null."""
    arrays = []
    for f in ENTITIES[entity]:
        if f.name not in frame.columns:
            arrays.append(pa.nulls(len(frame), f.type))
        elif pa.types.is_decimal(f.type):
            arrays.append(numbers.money_array(frame[f.name], precision=f.type.precision, scale=f.type.scale))
        else:
            arrays.append(frame[f.name].to_arrow().cast(f.type))
    return pa.table(arrays, schema=ENTITIES[entity])
