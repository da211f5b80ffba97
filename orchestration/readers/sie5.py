"""SIE 5 files (XML, namespace http://www.sie.se/sie5, roots Sie and SieEntry) as the raw layer's tables.

What belongs here: the elements of SIE 5. What does not: SIE 1–4 (`sie`), dimensions and reconciliation (`sie_shared`).

The file is parsed as a stream of events, and rows are handed on in chunks, so memory depends on the number of accounts, not on
the file; an embedded document passes by unread. Document types, entities and external references are refused.

How SIE 5 becomes the same entities as SIE 4:

- LedgerEntry → ledger_line, TRANS; BTRANS where it has an Overstrike (a struck row: history, not counted). Series is the
  Journal's id. A SubdividedAccountObjectReference on the primary account of customer or supplier invoices is `reference`.
- Account → account (type asset T, liability and equity S, cost K, income I).
- OpeningBalance → IB, or OIB with objects; ClosingBalance → RES for cost and income, else UB, or OUB with objects. A closing
  balance before the last month that the file closes in that year is set aside (`mid_year`): it is contained in the later one.
- Budget → budget_line, per month where it has one, else for the year (period null).
- Object → dimension_value; Customer and Supplier → dimension_value `party`.

Rows as in `sie`: LedgerEntry, Account, the balances and budgets of accounts, Object, Customer, Supplier, and elements that
SIE 5 does not have. Everything else is counted in `row_counts` only.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler, feature_namespaces

import polars as pl
import pyarrow as pa
from defusedxml.common import DefusedXmlException
from defusedxml.expatreader import DefusedExpatParser

from orchestration.errors import FileRejected, Place, Text
from orchestration.readers.contract import Summary
from orchestration.readers.sie_shared import (
    AMOUNT,
    TOTAL,
    Books,
    Dimensions,
    FiscalYear,
    booked_sum,
    cover,
    map_dimensions,
    read_amounts,
    read_dates,
    read_quantities,
    reject_table,
    require_readable,
    spread_objects,
    to_arrow,
)
from orchestration.settings import Source

NAMESPACE = "http://www.sie.se/sie5"

#: Bytes given to the parser at a time, and rows per table.
BLOCK = 2**20
ROWS = 50_000
#: Blocks without any event: one tag or comment of this many megabytes is no SIE.
MAX_SILENT_BLOCKS = 16
#: SIE 5 has some six levels.
MAX_DEPTH = 50
#: Accounts, objects and invoices kept in memory.
MAX_REGISTER = 1_000_000

_TYPES = {"asset": "T", "liability": "S", "equity": "S", "cost": "K", "income": "I"}
_BALANCES = {
    "OpeningBalance": "opening",
    "OpeningBalanceMultidim": "opening",
    "ClosingBalance": "closing",
    "ClosingBalanceMultidim": "closing",
    "Budget": "budget",
    "BudgetMultidim": "budget",
}
_OTHER = frozenset(
    """Sie SieEntry FileInfo SoftwareProduct FileCreation Company FiscalYears FiscalYear AccountingCurrency Accounts Tag
    AccountAggregations AccountAggregation AccountRef Dimensions Dimension CustomerInvoices CustomerInvoice SupplierInvoices
    SupplierInvoice FixedAssets FixedAsset GeneralSubdividedAccount GeneralObject Balances OriginalAmount ForeignCurrencyAmount
    Customers Suppliers Journal JournalEntry EntryInfo OriginalEntryInfo LockingInfo CorrectedBy VoucherReference Overstrike
    ObjectReference SubdividedAccountObjectReference Documents EmbeddedFile FileReference""".split()  # noqa: SIM905
)
_LINE = ("source_row", "line_kind", "account", "amount", "row_text", "quantity", "transaction_date", "reference", "party")
_ENTRY = ("voucher_series", "voucher_number", "voucher_date", "voucher_text", "registration_date", "entry")


def is_sie5(head: bytes) -> bool:
    """Tell whether a file that begins with these bytes is XML in SIE 5's namespace."""
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") and NAMESPACE.encode() in head


class Sie5Reading:
    """One pass over one SIE 5 file. See `orchestration.readers.sie.read_sie`."""

    def __init__(self, path: Path, source: Source, place: Place) -> None:
        self.summary = Summary("SIE 5")
        self._path, self._source, self._place = path, source, place

    def __iter__(self) -> Iterator[tuple[str, pa.Table]]:
        self.summary = summary = Summary("SIE 5", encoding="utf-8")
        handler = _Handler(self._source, self._place, summary)
        parser = DefusedExpatParser(1, forbid_dtd=True)
        parser.setFeature(feature_namespaces, True)
        parser.setContentHandler(handler)
        handler.locator = parser
        for _ in self._events(parser, handler):
            yield from self._summed(handler.take(ROWS))
        yield from self._summed(handler.finish())

    def _events(self, parser: DefusedExpatParser, handler: _Handler) -> Iterator[None]:
        silent, seen = 0, 0
        closing = False
        try:
            with self._path.open("rb") as file:
                while block := file.read(BLOCK):
                    parser.feed(block)
                    silent, seen = (silent + 1, seen) if handler.events == seen else (0, handler.events)
                    if silent > MAX_SILENT_BLOCKS:
                        raise FileRejected(
                            "line_too_long",
                            self._place,
                            Text(sv="ett element är större än 16 megabyte", en="an element is larger than 16 megabytes"),
                        )
                    yield
            closing = True
            parser.close()
        except DefusedXmlException as error:
            raise FileRejected(
                "unsafe_xml",
                self._place,
                Text(
                    sv="filen innehåller en dokumenttyp eller entiteter, som SIE 5 inte har; den läses inte",
                    en="the file has a document type or entities, which SIE 5 does not have; it is not read",
                ),
            ) from error
        except SAXParseException as error:
            where = Place(self._place.file, error.getLineNumber())
            if closing:
                text = Text(sv="filen är avhuggen. Exportera den igen", en="the file is cut off. Export it again")
                raise FileRejected("truncated", where, text) from error
            text = Text(sv=f"filen är inte hel XML: {error.getMessage()}", en=f"the file is not whole XML: {error.getMessage()}")
            raise FileRejected("not_sie", where, text) from error

    def _summed(self, tables: Iterator[tuple[str, pa.Table]]) -> Iterator[tuple[str, pa.Table]]:
        for entity, table in tables:
            if "amount" in table.schema.names:
                self.summary.amount_in[entity] = self.summary.amount_in.get(entity, Decimal(0)) + booked_sum(entity, table)
            yield entity, table


class _Handler(ContentHandler):
    """Collects rows from elements. All of SIE 5's data stand in attributes."""

    def __init__(self, source: Source, place: Place, summary: Summary) -> None:
        super().__init__()
        self.source, self.place, self.summary = source, place, summary
        self.locator: Any = None
        self.events = 0
        self.books = Books(place)
        self.path: list[str] = []
        self.root = ""
        self.years: dict[int, FiscalYear] = {}
        self.year_rows: list[tuple[str, str, bool]] = []
        self.declared: dict[str, tuple[str, str | None]] = {}
        self.dimensions: Dimensions | None = None
        self.accounts: list[dict[str, Any]] = []
        self.balances: list[dict[str, Any]] = []
        self.objects: list[dict[str, Any]] = []
        self.invoice_accounts: set[str] = set()
        self.invoice_party: dict[tuple[str, str], str] = {}
        self.primary_account = ""
        self.series = ""
        self.entry: dict[str, Any] = {}
        self.entries = 0
        self.lines: list[dict[str, Any]] = []
        self.pairs: list[tuple[int, str, str]] = []
        self.current: dict[str, Any] | None = None
        self.rejects: list[tuple[int, str, str]] = []
        self._done = 0  # lines before this index belong to finished entries

    # ------------------------------------------------------------------------------------------------ events

    def characters(self, content: str) -> None:
        """Text between elements, and embedded documents: nothing that is read."""
        self.events += 1

    def startElementNS(self, name: tuple[str | None, str], qname: str | None, attrs: Any) -> None:
        """Take an element with its attributes."""
        self.events += 1
        uri, tag = name
        if not self.path:
            if uri != NAMESPACE or tag not in ("Sie", "SieEntry"):
                self._refuse("not_sie", sv="filen är XML men inte SIE 5", en="the file is XML but not SIE 5")
            self.root = tag
        self.path.append(tag)
        if len(self.path) > MAX_DEPTH:
            self._refuse("not_sie", sv="elementen är nästlade för djupt", en="the elements are nested too deeply")
        if uri != NAMESPACE:
            return
        values = {key: value for (space, key), value in attrs.items() if space is None}
        self._count(tag)
        if tag in _TAKEN:
            getattr(self, f"_on_{tag}")(values)
        elif tag in _BALANCES and self.path[-2] == "Account":
            self._take_balance(tag, values)
        elif tag not in _OTHER and tag not in _BALANCES:
            self.summary.rows_in += 1
            self.rejects.append((self._line(), f"<{tag}>", "unknown_label"))

    def endElementNS(self, name: tuple[str | None, str], qname: str | None) -> None:
        """Leave an element."""
        self.events += 1
        tag = self.path.pop()
        if tag == "JournalEntry":
            for line in self.lines[self._done :]:
                line.update(self.entry)
            self._done = len(self.lines)
            self.entries += 1
        elif tag in ("LedgerEntry", *_BALANCES):
            self.current = None

    def _count(self, tag: str) -> None:
        counts = self.summary.row_counts
        known = tag in _OTHER or tag in _BALANCES or tag in _TAKEN
        name = tag if known else f"unknown {tag[:30]}"
        if not known and name not in counts and len(counts) > 150:
            name = "unknown"
        counts[name] = counts.get(name, 0) + 1

    def _line(self) -> int:
        return int(self.locator.getLineNumber())

    def _refuse(self, code: str, sv: str, en: str) -> None:
        raise FileRejected(code, Place(self.place.file, self._line()), Text(sv=sv, en=en))

    # ------------------------------------------------------------------------------------------------ elements

    def _on_FileCreation(self, values: dict[str, str]) -> None:
        self.summary.generated_on = read_dates(pl.Series([values.get("time", "")]))[0]

    def _on_Company(self, values: dict[str, str]) -> None:
        self.summary.organisation_name = values.get("name", "")
        self.summary.organisation_number = values.get("organizationId", "")

    def _on_SoftwareProduct(self, values: dict[str, str]) -> None:
        self.summary.extra["program"] = f"{values.get('name', '')} {values.get('version', '')}".strip()

    def _on_FiscalYear(self, values: dict[str, str]) -> None:
        if len(self.year_rows) < 200:
            self.year_rows.append((values.get("start", ""), values.get("end", ""), values.get("primary") in ("true", "1")))

    def _on_AccountingCurrency(self, values: dict[str, str]) -> None:
        currency = values.get("currency", "SEK")
        if currency.upper() != "SEK":
            self._refuse(
                "currency",
                sv=f"bokföringen är i {currency}; avvik läser kronor. Exportera i SEK",
                en=f"the books are in {currency}; avvik reads kronor. Export in SEK",
            )

    def _on_Account(self, values: dict[str, str]) -> None:
        self._keep(
            self.accounts,
            {
                "source_row": self._line(),
                "account": values.get("id", "").strip(),
                "name": values.get("name"),
                "account_type": _TYPES.get(values.get("type", "")),
            },
        )

    def _take_balance(self, tag: str, values: dict[str, str]) -> None:
        account = self.accounts[-1]
        self.current = {
            "source_row": self._line(),
            "kind": _BALANCES[tag],
            "tag": tag,
            "account": account["account"],
            "account_type": account["account_type"],
            "month": values.get("month", ""),
            "text": values.get("amount", ""),
            "quantity": values.get("quantity"),
            "pairs": [],
        }
        self._keep(self.balances, self.current)

    def _on_Dimension(self, values: dict[str, str]) -> None:
        if self.dimensions is not None:
            self._refuse(
                "not_sie",
                sv="dimensioner efter verifikationer följer inte SIE 5",
                en="dimensions after vouchers do not follow SIE 5",
            )
        self.declared[values.get("id", "")] = (values.get("name", ""), None)
        self.series = values.get("id", "")

    def _on_Object(self, values: dict[str, str]) -> None:
        self._register(self.series, values)

    def _register(self, number: str, values: dict[str, str]) -> None:
        row = {"source_row": self._line(), "number": number, "code": values.get("id", "").strip(), "name": values.get("name")}
        self._keep(self.objects, row)

    def _on_CustomerInvoices(self, values: dict[str, str]) -> None:
        self.primary_account = values.get("primaryAccountId", "")
        self.invoice_accounts.add(self.primary_account)

    _on_SupplierInvoices = _on_CustomerInvoices

    def _on_CustomerInvoice(self, values: dict[str, str]) -> None:
        party = values.get("customerId") or values.get("supplierId")
        if party:
            if len(self.invoice_party) >= MAX_REGISTER:
                self._refuse("too_many_keys", sv="filen har för många fakturor", en="the file has too many invoices")
            self.invoice_party[self.primary_account, values.get("id", "")] = party

    _on_SupplierInvoice = _on_CustomerInvoice

    def _on_Customer(self, values: dict[str, str]) -> None:
        self._register("party", values)

    _on_Supplier = _on_Customer

    def _keep(self, rows: list[dict[str, Any]], row: dict[str, Any]) -> None:
        self.summary.rows_in += 1
        if len(rows) >= MAX_REGISTER:
            self._refuse("too_many_keys", sv="för många konton eller objekt", en="too many accounts or objects")
        rows.append(row)

    def _on_Journal(self, values: dict[str, str]) -> None:
        self._start_lines()
        self.series = values.get("id", "")

    def _on_JournalEntry(self, values: dict[str, str]) -> None:
        self.entry = {
            "voucher_series": self.series or None,
            "voucher_number": values.get("id") or None,
            "voucher_date": values.get("journalDate"),
            "voucher_text": values.get("text") or None,
            "registration_date": None,
            "entry": self.entries,
        }

    def _on_EntryInfo(self, values: dict[str, str]) -> None:
        self.entry["registration_date"] = values.get("date")

    _on_OriginalEntryInfo = _on_EntryInfo

    def _on_LedgerEntry(self, values: dict[str, str]) -> None:
        self.summary.rows_in += 1
        self.current = {
            "source_row": self._line(),
            "line_kind": "TRANS",
            "account": values.get("accountId", "").strip(),
            "amount": values.get("amount", ""),
            "row_text": values.get("text") or None,
            "quantity": values.get("quantity"),
            "transaction_date": values.get("ledgerDate"),
            "reference": None,
            "party": None,
        }
        self.lines.append(self.current)

    def _on_Overstrike(self, values: dict[str, str]) -> None:
        if self.current is not None and "line_kind" in self.current:
            self.current["line_kind"] = "BTRANS"

    def _on_ObjectReference(self, values: dict[str, str]) -> None:
        if self.current is None:
            return
        pair = (values.get("dimId", "").strip(), values.get("objectId", "").strip())
        if "pairs" in self.current:
            self.current["pairs"].append(pair)
        else:
            self.pairs.append((len(self.lines) - 1, *pair))

    def _on_SubdividedAccountObjectReference(self, values: dict[str, str]) -> None:
        if self.current is not None and self.current.get("account") in self.invoice_accounts:
            number = values.get("objectId", "")
            self.current["reference"] = number
            self.current["party"] = self.invoice_party.get((self.current["account"], number))

    # ------------------------------------------------------------------------------------------------ tables

    def _start_lines(self) -> None:
        """Fix the years and the map of dimensions: the schema puts them before the vouchers."""
        if self.dimensions is not None:
            return
        self.dimensions = map_dimensions(self.source, self.declared)
        spans = []
        for start, end, primary in self.year_rows:
            days = read_dates(pl.Series([f"{start}-01", f"{end}-01"]))
            if days[0] is not None and days[1] is not None and days[1] >= days[0]:
                spans.append((days[0], pl.Series([days[1]]).dt.month_end()[0], primary))
        spans.sort()
        current = next((i for i, span in enumerate(spans) if span[2]), len(spans) - 1)
        self.years = {i - current: FiscalYear(i - current, span[0], span[1]) for i, span in enumerate(spans)}

    def take(self, least: int) -> Iterator[tuple[str, pa.Table]]:
        """Yield the lines of finished entries when there are enough of them."""
        if self._done < max(least, 1):
            return
        assert self.dimensions is not None
        rows, self.lines = self.lines[: self._done], self.lines[self._done :]
        pairs = [pair for pair in self.pairs if pair[0] < self._done]
        self.pairs = [(index - self._done, dim, code) for index, dim, code in self.pairs if index >= self._done]
        self._done = 0
        raw = pl.DataFrame(rows, schema=dict.fromkeys((*_LINE, *_ENTRY), pl.String) | {"source_row": pl.Int64, "entry": pl.Int64})
        amounts, readable = read_amounts(raw["amount"])
        quantities, _ = read_quantities(raw["quantity"])
        frame = raw.with_columns(
            amounts.alias("amount"),
            quantities.alias("quantity"),
            *(read_dates(raw[name]).alias(name) for name in ("voucher_date", "registration_date", "transaction_date")),
        ).with_columns(pl.col("voucher_date").dt.strftime("%Y-%m").alias("period"))
        frame = self._with_objects(frame, pairs)
        outside = pl.lit(False)
        if self.root == "Sie" and 0 in self.years:
            outside = ~pl.col("period").is_between(pl.lit(self.years[0].first_period), pl.lit(self.years[0].last_period))
        reason = (
            pl.when(pl.col("account") == "").then(pl.lit("account"))
            .when(~readable).then(pl.lit("amount"))
            .when(pl.col("period").is_null()).then(pl.lit("voucher_date"))
            .when((pl.col("line_kind") == "TRANS") & outside).then(pl.lit("other_year"))
        )  # fmt: skip
        frame = self._split_off(frame, reason, "LedgerEntry")
        booked = frame.filter(pl.col("line_kind") == "TRANS")
        self.books.lines.add(booked.select("account", "period", "amount"), self.place)
        sums = booked.group_by("entry", maintain_order=True).agg(
            pl.col("amount").cast(TOTAL).sum(),
            pl.concat_str("voucher_series", "voucher_number", separator=" ", ignore_nulls=True).first().alias("voucher"),
            pl.col("period").first(),
        )
        if frame.height:
            yield "ledger_line", to_arrow("ledger_line", frame)
        if (wrong := self.books.vouchers(sums)).height:
            yield "control", _controls(wrong)
        yield from self._rejected()

    def finish(self) -> Iterator[tuple[str, pa.Table]]:
        """Yield the rest, reconcile, and complete the summary."""
        self._start_lines()
        assert self.dimensions is not None
        yield from self.take(1)
        summary = self.summary
        accounts = pl.DataFrame(self.accounts, schema=_schema("account", "name", "account_type"))
        accounts = self._split_off(accounts, pl.when(pl.col("account") == "").then(pl.lit("account")), "Account")
        if accounts.height:
            yield "account", to_arrow("account", accounts)
        yield from self._objects()
        yield from self._balances()
        yield from self._rejected()
        summary.rows_kept = summary.rows_in - summary.rows_set_aside - summary.rows_bad
        require_readable(summary, self.source.max_bad_rows, self.place)
        summary.file_format = "SIE 5" if self.root == "Sie" else "SIE 5 entry"
        summary.extra["years"] = {str(n): [str(y.start), str(y.end)] for n, y in sorted(self.years.items())}
        # The reconciliation asks for vouchers by SIE 4's name.
        summary.row_counts.setdefault("TRANS", summary.row_counts.get("LedgerEntry", 0))
        types = accounts.select("account", "account_type")
        failed = self.books.reconcile(self.years, self.dimensions, summary, complete_year=self.root == "Sie", account_types=types)
        if failed.height:
            yield "control", _controls(failed)
        through = max((row["month"] for row in self.balances if row.get("counts_in") == 0), default=None)
        cover(summary, self.books, self.years, through, whole_year=self.root == "Sie", budget_months=True)

    def _with_objects(self, frame: pl.DataFrame, pairs: list[tuple[int, str, str]]) -> pl.DataFrame:
        assert self.dimensions is not None
        long = pl.DataFrame(pairs, schema={"id": pl.UInt32, "dim": pl.String, "code": pl.String}, orient="row")
        spread = spread_objects(pl.Series(range(frame.height), dtype=pl.UInt32), long, self.dimensions)
        known = [name for name in ("reference", "party") if name in frame.columns]
        merged = frame.hstack(spread.drop("objects", "bad").rename({name: f"{name}_object" for name in known}))
        return merged.with_columns(pl.coalesce(name, f"{name}_object").alias(name) for name in known)

    def _objects(self) -> Iterator[tuple[str, pa.Table]]:
        assert self.dimensions is not None
        self.dimensions.seen.update({row["number"] for row in self.objects} - {"party"})
        targets = {n: t for n, t in self.dimensions.fields.items() if t != "reference"} | {"party": "party"}
        data = pl.DataFrame(self.objects, schema=_schema("number", "code", "name"))
        data = data.with_columns(
            pl.col("number").replace_strict(targets, default=None, return_dtype=pl.String).alias("dimension")
        )
        reason = (
            pl.when(pl.col("number").is_in(list(self.dimensions.personal))).then(pl.lit("personal_data"))
            .when((pl.col("number") == "") | (pl.col("code") == "")).then(pl.lit("object"))
            .when(pl.col("dimension").is_null()).then(pl.lit("no_field"))
        )  # fmt: skip
        data = self._split_off(data, reason, "Object")
        if data.height:
            yield "dimension_value", to_arrow("dimension_value", data)

    def _balances(self) -> Iterator[tuple[str, pa.Table]]:
        if not self.balances:
            return
        year_of = {row["month"]: self._year(row["month"]) for row in self.balances}
        last: dict[int | None, str] = {}
        for row in self.balances:
            row["year"] = year_of[row["month"]]
            if row["kind"] == "closing":
                last[row["year"]] = max(last.get(row["year"], ""), row["month"])
        for row in self.balances:
            row["late"] = row["kind"] != "closing" or row["month"] == last[row["year"]]
            if row["kind"] == "closing" and row["late"] and row["year"] is not None:
                row["counts_in"] = row["year"]
        kinds = {"source_row": pl.Int64, "year": pl.Int64, "late": pl.Boolean}
        texts = ("kind", "tag", "account", "account_type", "month", "text", "quantity")
        rows = [{name: row[name] for name in (*kinds, *texts)} for row in self.balances]
        raw = pl.DataFrame(rows, schema={**kinds, **dict.fromkeys(texts, pl.String)})
        amounts, readable = read_amounts(raw["text"])
        quantities, _ = read_quantities(raw["quantity"])
        spans = pl.DataFrame(
            [(number, year.start, year.end) for number, year in self.years.items()],
            schema={"year": pl.Int64, "year_start": pl.Date, "year_end": pl.Date},
            orient="row",
        )
        frame = raw.with_columns(amounts.alias("amount"), quantities.alias("quantity")).join(
            spans, on="year", how="left", maintain_order="left"
        )
        pairs = [(index, *pair) for index, row in enumerate(self.balances) for pair in row["pairs"]]
        frame = self._with_objects(frame, pairs)
        is_budget = pl.col("kind") == "budget"
        month = pl.col("month").str.contains(r"^(19|20)[0-9]{2}-(0[1-9]|1[0-2])$")
        reason = (
            pl.when(pl.col("account") == "").then(pl.lit("account"))
            .when(~readable).then(pl.lit("amount"))
            .when(~is_budget & pl.col("year").is_null()).then(pl.lit("year"))
            .when(is_budget & ~month & ((pl.col("month") != "") | pl.lit(0 not in self.years))).then(pl.lit("period"))
            .when(~pl.col("late")).then(pl.lit("mid_year"))
        )  # fmt: skip
        frame = self._split_off(frame, reason, "Balance")
        has_objects = pl.col("dimension_set") != ""
        closing = pl.when(has_objects).then(pl.lit("OUB")).when(pl.col("account_type").is_in(["K", "I"])).then(pl.lit("RES"))
        opening = pl.when(has_objects).then(pl.lit("OIB")).otherwise(pl.lit("IB"))
        label = pl.when(pl.col("kind") == "closing").then(closing.otherwise(pl.lit("UB"))).otherwise(opening)
        stated = frame.filter(~is_budget).with_columns(label.alias("label"))
        if stated.height:
            whole = stated.filter(pl.col("label").is_in(["IB", "UB", "RES"]))
            self.books.stated.add(whole.with_columns(pl.col("year").cast(pl.String)), self.place)
            yield "year_balance", to_arrow("year_balance", stated)
        budget = frame.filter(is_budget)
        if budget.height:
            this_year = self.years[0].start.year if 0 in self.years else None
            calendar = pl.col("month").str.slice(0, 4).cast(pl.Int32, strict=False)
            fiscal = pl.coalesce(pl.col("year_start").dt.year(), calendar, pl.lit(this_year, pl.Int32))
            budget = budget.with_columns(
                pl.when(pl.col("month") != "").then("month").alias("period"), fiscal.cast(pl.Int32).alias("fiscal_year")
            )
            self.books.budget.add(budget.filter(pl.col("period").is_not_null()), self.place)
            yield "budget_line", to_arrow("budget_line", budget)

    def _year(self, month: str) -> int | None:
        return next((n for n, year in self.years.items() if year.first_period <= month <= year.last_period), None)

    def _split_off(self, data: pl.DataFrame, reason: pl.Expr, tag: str) -> pl.DataFrame:
        reasons = data.select(reason.alias("reason"))["reason"]
        wrong = reasons.is_not_null()
        if wrong.any():
            shown = [name for name in ("tag", "account", "month", "code", "number") if name in data.columns]
            for row, why in zip(data.filter(wrong).select("source_row", *shown).rows(), reasons.filter(wrong), strict=True):
                words = [] if why == "personal_data" else [str(value) for value in row[1:] if value]
                self.rejects.append((row[0], " ".join([tag, *words]), why))
        return data.filter(~wrong)

    def _rejected(self) -> Iterator[tuple[str, pa.Table]]:
        if self.rejects:
            rows = pl.DataFrame(self.rejects, schema={"row": pl.Int64, "line": pl.String, "reason": pl.String}, orient="row")
            self.rejects = []
            yield "reject", reject_table(rows.sort("row"), self.summary)


#: Elements with a method of their own.
_TAKEN = frozenset(name.removeprefix("_on_") for name in vars(_Handler) if name.startswith("_on_"))


def _schema(*texts: str) -> dict[str, Any]:
    return {"source_row": pl.Int64, **dict.fromkeys(texts, pl.String)}


def _controls(frame: pl.DataFrame) -> pa.Table:
    return to_arrow("control", frame.cast({"stated": AMOUNT, "computed": AMOUNT, "difference": AMOUNT}))
