"""A printed table as data: what stands in each cell, with which precision, and where in the file it was read.

What belongs here: the shape of a printed table. What does not: which rows are totals (`structure`), or whether it can be true
(`arithmetic`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from orchestration.errors import Place, Text

#: (row index, column index) of a cell, both from 0.
CellId = tuple[int, int]

Measure = Literal["outcome", "budget", "forecast", "deviation", "percent"]
Scope = Literal["period", "year", "previous"]
RowKind = Literal["income", "cost", "net", "other"]

#: Kronor per unit that a table or an amount in a text may be stated in.
UNITS = {"kr": Decimal(1), "tkr": Decimal(1000), "mkr": Decimal(1_000_000)}


@dataclass(frozen=True)
class Cell:
    """One number as printed. The unrounded amount lies within half a step of `value`, where a step is 10^-`decimals`.

    `value` is in the table's own unit and sign. `exact` marks amounts printed to the öre in kronor, which were never rounded.
    """

    text: str
    value: Decimal
    decimals: int
    place: Place
    exact: bool = False

    @property
    def half(self) -> Decimal:
        """Half a printed step: how far the unrounded amount may lie from `value`."""
        return Decimal(0) if self.exact else Decimal(1).scaleb(-self.decimals) / 2


@dataclass(frozen=True)
class Row:
    """A row label and what it says. `key` is avvik's report line where the label names one."""

    label: str
    key: str | None
    kind: RowKind
    is_total: bool
    is_detail: bool
    line: int


@dataclass(frozen=True)
class Column:
    """A column label and what it says: what is measured, and for the period or the year."""

    label: str
    measure: Measure | None
    scope: Scope | None


@dataclass
class PrintedTable:
    """A printed table: rows × columns of numbers, in the order of the print.

    A cell that was left empty is missing from `cells`. `unit` is 'kr', 'tkr' or 'mkr'; `unit_assumed` where nothing in the
    file says it. `sign_hint` is what the heading says of the sign ('natural': income +, cost −; 'ledger': the opposite).
    `text` is the running text of the file with the table's lines blanked, so that line numbers still hold.
    """

    file: str
    rows: list[Row]
    columns: list[Column]
    cells: dict[CellId, Cell]
    unit: str = "tkr"
    unit_assumed: bool = False
    sign_hint: Literal["natural", "ledger"] | None = None
    text: str = ""
    notes: list[Text] = field(default_factory=list)

    def name(self, cell: CellId) -> str:
        """Return 'row label, column label'; a column without a label has its number."""
        row, column = cell
        return f"{self.rows[row].label}, {self.columns[column].label or f'({column + 1})'}"

    def row_of(self, key: str) -> int | None:
        """Return the index of the first row with this report line."""
        return next((index for index, row in enumerate(self.rows) if row.key == key), None)

    def column_of(self, measure: Measure, scope: Scope) -> int | None:
        """Return the index of the column of this measure and scope; the only column of the measure serves if it has no scope."""
        found = [index for index, column in enumerate(self.columns) if column.measure == measure]
        exact = [index for index in found if self.columns[index].scope == scope]
        if exact:
            return exact[0]
        return found[0] if len(found) == 1 and self.columns[found[0]].scope is None else None
