"""SIE 1, 2, 3, 4E and 4I files (SIE-Gruppen, edition 4B) as the raw layer's tables; SIE 5 is handed to `sie5`.

What belongs here: the grammar of SIE's text format and the tolerance that real files need. What does not: what dimensions mean
and how a file is reconciled (`sie_shared`), which rows of which load count (`dbt_project`).

How it reads. One pass finds the encoding and the records that later rows depend on (#RAR, #DIM); a second pass takes the file
in chunks cut at a line end, splits every line into fields with one regular expression over the whole chunk, and yields tables.
Memory depends on the chunk, on the number of accounts, and on accounts × periods × dimension sets; never on the file's length.

What counts as a row. `rows_in` counts the records #TRANS #RTRANS #BTRANS #PSALDO #PBUDGET #IB #UB #RES #OIB #OUB #KONTO #OBJEKT,
records with a label that SIE does not know, and lines that are no record at all. Kept rows are in an entity; the others are in
`reject`: set aside (`is_bad` false: unknown labels, objects of dimensions without a field, stray lines) or bad (should have been
data). Everything else (#GEN, #DIM, #VER, #SRU, braces …) is metadata, counted in `row_counts` under its label.

Rules where the format or real files leave room:

- The period of a voucher row is the month of the *voucher's* date; a row's own date is kept as `transaction_date`.
- Voucher dates may be YYYYMMDD, ISO or YYMMDD. Rows of a voucher whose date cannot be read are bad; the others stand.
- A file with balances (all but 4I) holds the vouchers of one year: a TRANS dated outside #RAR 0 is bad. A typing error must not
  make the file speak for, and so replace, another year's books.
- #PSALDO and #PBUDGET: the period is trusted, not the year number. Where a period stands under two year numbers, the rows under
  the number whose #RAR does not hold it are a copy (one vendor repeats the budget under year -1) and set aside. Account and
  period in the wrong order are turned back where only one of the fields is a period. Rows without `{}` are read as `{}`.
- `fiscal_year` of a budget row is the calendar year in which its fiscal year begins.
- Amounts have at most two decimals; a decimal comma is read. Anything else is a bad row.
- RTRANS and BTRANS are history beside the TRANS rows and never added to anything.
- Accounts are any text without spaces: 2 to 8 digits as a rule, letters in some files.
- A voucher without braces is read; a file that ends inside one is truncated.
- #KSUMMA: an opening one without a closing one is a truncated file and refused. A sum that does not match is a failed control and
  no more: one real file carries a placeholder, and what a changed amount does shows in the other controls.
- More unreadable rows than `max_bad_rows` of the source refuse the file (`bad_rows`).
- Signatures (#GEN, #VER, #TRANS) and dimension 7 (employee) are personal data and never read into anything.
"""

from __future__ import annotations

import codecs
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from orchestration.errors import FileRejected, Place, SettingsError, Text
from orchestration.readers.contract import Reading, Summary
from orchestration.readers.sie_shared import (
    AMOUNT,
    TARGETS,
    TOTAL,
    Books,
    Dimensions,
    FiscalYear,
    booked_sum,
    check_dimensions,
    complete_years,
    cover,
    detached,
    map_dimensions,
    read_amounts,
    read_dates,
    read_quantities,
    reject_table,
    require_readable,
    spread_objects,
    to_arrow,
    twelve_months,
)
from orchestration.settings import Source

#: Bytes read at a time. Larger chunks are not faster and take memory: with this the process peaks near 400 MB, imports included.
CHUNK = 4 * 2**20
#: A line longer than this is not SIE.
MAX_LINE = 2**20
#: More records of a header label than this are not a header.
MAX_HEADER = 10_000
#: More accounts than this are no chart of accounts.
MAX_ACCOUNTS = 1_000_000

LINES = ("#TRANS", "#RTRANS", "#BTRANS")
PERIODS = ("#PSALDO", "#PBUDGET")
YEARS = ("#IB", "#UB", "#RES", "#OIB", "#OUB")
REGISTERS = ("#KONTO", "#OBJEKT")
RECORDS = (*LINES, *PERIODS, *YEARS, *REGISTERS)
_HEADER = ("#FLAGGA", "#FORMAT", "#SIETYP", "#PROGRAM", "#GEN", "#FNAMN", "#ORGNR", "#OMFATTN", "#VALUTA", "#KPTYP")
_METADATA = (
    *_HEADER,
    "#PROSA",
    "#FNR",
    "#BKOD",
    "#ADRESS",
    "#RAR",
    "#TAXAR",
    "#FTYP",
    "#KTYP",
    "#SRU",
    "#ENHET",
    "#DIM",
    "#UNDERDIM",
)
_KNOWN = (*RECORDS, *_METADATA, "#VER", "#KSUMMA")

# The fields of a line. In order: an object list; a quoted field, where \" is an escaped quote and a quote not followed by a
# separator is part of the text; a quoted field that never ends; a bare field; a lone brace.
_WS = r" \t\r\n"
_FIELD = (
    rf'\{{(?:[^{{}}"]|"(?:\\"|[^"])*")*\}}'
    rf'|"(?:\\"|[^"]|"[^{_WS}}}"])*"'
    rf'|"[^\r\n]*'
    rf"|[^{_WS}{{}}\"][^{_WS}{{}}]*"
    rf"|[{{}}]"
)
#: Label, year number and period of a #PSALDO or #PBUDGET.
_STATED_PERIOD = re.compile(rb'^[ \t]*(#PSALDO|#PBUDGET)[ \t]+"?(-?[0-9]{1,2})"?[ \t]+"?([0-9]{6})', re.MULTILINE)
_PERIOD = r"^(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])$"


def is_sie(head: bytes) -> bool:
    """Tell whether a file that begins with these bytes is SIE: a #FLAGGA record, or XML in SIE 5's namespace."""
    from orchestration.readers.sie5 import is_sie5

    return is_sie5(head) or re.search(rb"(?:^|[\r\n])[ \t]*#FLAGGA\b", head.removeprefix(codecs.BOM_UTF8)) is not None


def read_sie(path: Path, source: Source, *, label: str | None = None, chunk_bytes: int = CHUNK) -> Reading:
    """Return a reading of a SIE file of any type: iterate for (entity, table) chunks, then take `.summary`.

    Entities: ledger_line, period_balance, year_balance, budget_line, account, dimension_value, reject, control. Amounts are in
    the ledger's sign (debit +), SEK.

    Args:
        path: the file; it is only read.
        source: `dimensions`, `encoding` and `max_bad_rows` are used.
        label: what to call the file in messages; its name if not given.
        chunk_bytes: how much is read at a time. The result does not depend on it.

    Raises:
        SettingsError: at once, for a map of dimensions or an encoding that cannot be.
        FileRejected: while iterating, with code not_sie, sie_type, currency, encoding, truncated, line_too_long, too_many_keys,
            bad_rows.
    """
    from orchestration.readers.sie5 import Sie5Reading, is_sie5

    check_dimensions(source)
    if source.encoding != "auto":
        try:
            codecs.lookup(source.encoding)
        except LookupError as error:
            raise SettingsError(
                Text(
                    sv=f"encoding: ”{source.encoding}” är ingen känd kodning",
                    en=f"encoding: “{source.encoding}” is no known encoding",
                )
            ) from error
    place = Place(label or path.name)
    with path.open("rb") as file:
        head = file.read(2**16)
    if is_sie5(head):
        return Sie5Reading(path, source, place)
    return SieReading(path, source, place, chunk_bytes)


@dataclass
class _Scan:
    """What the first pass finds: the encoding, how lines end, and the records that later rows depend on."""

    encoding: str = "ascii"
    bom: bool = False
    only_cr: bool = False
    has_balances: bool = False
    lost_characters: int = 0
    years: list[list[str]] = field(default_factory=list)
    dimensions: list[list[str]] = field(default_factory=list)
    #: (#PSALDO or #PBUDGET, year number, period YYYYMM) that the file states.
    stated_periods: set[tuple[bytes, bytes, bytes]] = field(default_factory=set)


@dataclass
class _Voucher:
    """The voucher that the last chunk ended in."""

    row: pl.DataFrame | None = None
    is_open: bool = False
    total: Decimal = Decimal("0.00")
    rows: int = 0


@dataclass
class _Piece:
    """Some whole lines of the file, as far as they can be read without knowing what came before.

    `labels`: rows per label. `lines`: the voucher rows of `frame`, in its order. `odd`: what could not be read in them.
    """

    block: bytes
    frame: pl.DataFrame
    labels: dict[str, int]
    escapes: bool
    lines: pl.DataFrame | None = None
    odd: Counter[str] = field(default_factory=Counter)


class SieReading:
    """One pass over one SIE 1–4 file. See `read_sie`."""

    def __init__(self, path: Path, source: Source, place: Place, chunk_bytes: int) -> None:
        self.summary = Summary("SIE")
        self._path, self._source, self._place, self._chunk_bytes = path, source, place, chunk_bytes

    def __iter__(self) -> Iterator[tuple[str, pa.Table]]:
        self.summary = Summary("SIE")
        scan = self._scan()
        years = self._years(scan)
        declared = {row[1]: (row[2], row[3] if row[0] == "#UNDERDIM" else None) for row in scan.dimensions}
        state = _State(
            place=self._place,
            summary=self.summary,
            encoding=scan.encoding,
            years=years,
            dimensions=map_dimensions(self._source, declared),
            books=Books(self._place),
            ksumma=_Ksumma(scan.encoding),
            vouchers_only=self._path.suffix.lower() == ".si" or not scan.has_balances,
            repeated=_repeated(scan, years),
        )
        for piece in self._pieces(scan):
            for entity, table in state.take(piece):
                if "amount" in table.schema.names:
                    self.summary.amount_in[entity] = self.summary.amount_in.get(entity, Decimal(0)) + booked_sum(entity, table)
                yield entity, table
            del piece
        yield from state.finish(self._source)

    def _pieces(self, scan: _Scan) -> Iterator[_Piece]:
        """Yield the file in pieces with the lines split into fields; the next piece is split while this one is used."""
        line = 1

        def prepare(raw: bytes) -> _Piece:
            nonlocal line
            block = _unix(raw)
            utf8 = self._utf8(block, scan.encoding)
            ends = np.flatnonzero(np.frombuffer(utf8, np.uint8) == 10)
            if np.diff(ends, prepend=-1).max() > MAX_LINE:
                raise self._too_long()
            frame, labels = _canonical_labels(_split(utf8, ends, line))
            line += len(ends)
            piece = _Piece(block, frame, labels, escapes=b'\\"' in block)
            if labels.keys() & set(LINES):
                piece.lines = _line_fields(frame.filter(_is_line(labels)), piece.escapes, piece.odd)
            return piece

        with ThreadPoolExecutor(max_workers=1) as pool:
            waiting: Future[_Piece] | None = None
            for raw in self._blocks(scan.only_cr):
                ready, waiting = waiting, pool.submit(prepare, raw)
                if ready is not None:
                    yield ready.result()
            if waiting is not None:
                yield waiting.result()

    def _too_long(self) -> FileRejected:
        text = Text(
            sv="en rad är längre än en megabyte: det är ingen SIE-fil",
            en="a line is longer than one megabyte: this is no SIE file",
        )
        return FileRejected("line_too_long", self._place, text)

    def _utf8(self, block: bytes, encoding: str) -> bytes:
        if block.isascii():
            return block
        codec = "utf-8" if encoding == "ascii" else encoding
        try:
            return block.decode(codec).encode("utf-8")
        except UnicodeDecodeError as error:
            raise FileRejected(
                "encoding",
                self._place,
                Text(sv=f"filen är inte skriven i {codec}", en=f"the file is not written in {codec}"),
            ) from error

    # ------------------------------------------------------------------------------------------------ first pass

    def _blocks(self, only_cr: bool) -> Iterator[bytes]:
        """Yield the file in pieces that end with a line end; a last line without one gets it."""
        carry = b""
        with self._path.open("rb") as file:
            if file.read(3) != codecs.BOM_UTF8:
                file.seek(0)
            while data := file.read(self._chunk_bytes):
                block = carry + data
                cut = block.rfind(b"\r" if only_cr else b"\n") + 1
                carry = block[cut:]
                if len(carry) > MAX_LINE:
                    raise self._too_long()
                if cut:
                    yield block[:cut]
        if carry:
            yield carry + b"\n"

    def _scan(self) -> _Scan:
        scan = _Scan()
        with self._path.open("rb") as file:
            head = file.read(2**16)
        scan.bom = head.startswith(codecs.BOM_UTF8)
        scan.only_cr = b"\n" not in head and b"\r" in head
        if not is_sie(head):
            self._refuse_head(head)
        utf8: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder("utf-8")()
        counts: Counter[int] = Counter()
        seen_other = 0
        records: list[bytes] = []
        for block in self._blocks(scan.only_cr):
            if scan.only_cr:
                block = _unix(block)
            records += [*_records(block, b"#RAR"), *_records(block, b"DIM", b"#DIM", b"#UNDERDIM")]
            if b"#PSALDO" in block or b"#PBUDGET" in block:
                scan.stated_periods.update(_STATED_PERIOD.findall(block))
            if not scan.has_balances:
                scan.has_balances = any(next(_records(block, word), None) for word in (b"#UB", b"#RES", b"#IB"))
            if len(records) > MAX_HEADER:
                raise FileRejected(
                    "too_many_keys",
                    self._place,
                    Text(sv="filen har för många #DIM eller #RAR", en="the file has too many #DIM or #RAR"),
                )
            if block.isascii():
                continue
            if utf8 is not None:
                try:
                    utf8.decode(block)
                    scan.lost_characters += block.count("\ufffd".encode())
                except UnicodeDecodeError:
                    utf8 = None
            other = block.translate(None, bytes(range(128)))
            seen_other += len(other)
            counts.update({byte: other.count(byte) for byte in _SWEDISH_437 + _SWEDISH_1252 + _UNDEFINED_1252})
        scan.encoding = self._encoding(scan, utf8 is not None, seen_other, counts)
        for record in records:
            fields = _fields(record.decode(scan.encoding, errors="replace"))
            (scan.years if fields[0] == "#RAR" else scan.dimensions).append([*fields, "", "", ""][:4])
        return scan

    def _encoding(self, scan: _Scan, valid_utf8: bool, other: int, counts: Counter[int]) -> str:
        """BOM, then strict UTF-8, then CP437 against cp1252 by their bytes for å ä ö; CP437 if nothing tells."""
        if self._source.encoding != "auto":
            return codecs.lookup(self._source.encoding).name
        if scan.bom and not valid_utf8:
            raise FileRejected(
                "encoding",
                self._place,
                Text(sv="filen säger sig vara UTF-8 men är det inte", en="the file claims to be UTF-8 and is not"),
            )
        if not other:
            return "ascii"
        if valid_utf8:
            return "utf-8"
        if sum(counts[b] for b in _SWEDISH_1252) > sum(counts[b] for b in _SWEDISH_437):
            # Latin-1 reads any byte; cp1252 has holes.
            return "iso8859-1" if any(counts[b] for b in _UNDEFINED_1252) else "cp1252"
        return "cp437"

    def _refuse_head(self, head: bytes) -> None:
        start = head.lstrip()[:200].lower()
        if start.startswith((b"<!doctype html", b"<html")):
            what = Text(
                sv="filen är en webbsida, troligen ett felmeddelande, och ingen SIE-fil",
                en="the file is a web page, probably an error message, not a SIE file",
            )
        elif not start:
            what = Text(sv="filen är tom", en="the file is empty")
        else:
            what = Text(sv="filen är ingen SIE-fil: #FLAGGA saknas", en="the file is not SIE: there is no #FLAGGA")
        raise FileRejected("not_sie", Place(self._place.file, 1), what)

    def _years(self, scan: _Scan) -> dict[int, FiscalYear]:
        years: dict[int, FiscalYear] = {}
        for _, number, start, end in scan.years:
            first, last = _date(start), _date(end)
            if not re.fullmatch(r"-?[0-9]{1,2}", number) or first is None:
                self._warn(sv=f"#RAR {number} {start} {end} går inte att läsa", en=f"#RAR {number} {start} {end} cannot be read")
                continue
            if last is None or last < first:
                self._warn(
                    sv=f"#RAR {number}: slutet {end} ligger före början {start}; året läses som tolv månader",
                    en=f"#RAR {number}: the end {end} lies before the start {start}; the year is read as twelve months",
                )
                last = twelve_months(first)
            years[int(number)] = FiscalYear(int(number), first, last)
        if scan.lost_characters:
            self._warn(
                sv=f"{scan.lost_characters} tecken (å, ä, ö) gick förlorade innan filen skrevs; beloppen berörs inte",
                en=f"{scan.lost_characters} characters (å, ä, ö) were lost before the file was written; amounts are not affected",
            )
        return years

    def _warn(self, sv: str, en: str) -> None:
        self.summary.warnings.append(str(Text(sv=sv, en=en)))


@dataclass
class _State:
    """The second pass: what is carried from chunk to chunk, and what a chunk becomes."""

    place: Place
    summary: Summary
    encoding: str
    years: dict[int, FiscalYear]
    dimensions: Dimensions
    books: Books
    ksumma: _Ksumma
    vouchers_only: bool
    #: 'label year period' of the rows that repeat a period under the wrong year number.
    repeated: list[str] = field(default_factory=list)
    voucher: _Voucher = field(default_factory=_Voucher)
    header: dict[str, list[str]] = field(default_factory=dict)
    header_rows: int = 0
    accounts: list[pl.DataFrame] = field(default_factory=list)
    account_types: list[pl.DataFrame] = field(default_factory=list)
    account_rows: int = 0
    has_brace: bool = False
    brace_open: bool = False
    ends_with_voucher: bool = False
    odd: Counter[str] = field(default_factory=Counter)
    escapes: bool = False

    def take(self, piece: _Piece) -> Iterator[tuple[str, pa.Table]]:
        """Turn the next piece of the file into tables."""
        self.ksumma.feed(piece.block)
        self.escapes = piece.escapes
        self.odd += piece.odd
        frame, labels = piece.frame, set(piece.labels)
        self._tally(piece.labels)
        rejects: list[pl.DataFrame] = []
        if labels & set(_HEADER):
            self._read_header(frame.filter(pl.col("label").is_in(_HEADER)))
        if labels - set(_KNOWN) - {"{", "}"}:
            self._unknown(frame, rejects)
        if labels & set(YEARS):
            yield from self._year_balances(frame.filter(pl.col("label").is_in(YEARS)), rejects)
        if labels & set(PERIODS):
            yield from self._periods(frame.filter(pl.col("label").is_in(PERIODS)), rejects)
        yield from self._lines(piece, rejects)
        if labels & {"#KONTO", "#KTYP"}:
            self._accounts(frame, rejects)
        if "#OBJEKT" in labels:
            yield from self._objects(frame.filter(pl.col("label") == "#OBJEKT"), rejects)
        if rejects:
            yield from self._rejected(rejects)

    def _tally(self, labels: dict[str, int]) -> None:
        """Count the records by label."""
        counts = self.summary.row_counts
        for label, rows in labels.items():
            if label in ("{", "}"):
                continue
            if label in _KNOWN:
                name = label[1:]
            else:
                name = f"unknown {label[:30]}" if label.startswith("#") else "no record"
                if name not in counts and sum(key.startswith("unknown") for key in counts) >= 50:
                    name = "unknown"
            counts[name] = counts.get(name, 0) + rows
            if label in RECORDS or label not in _KNOWN:
                self.summary.rows_in += rows

    def _read_header(self, rows: pl.DataFrame) -> None:
        self.header_rows += rows.height
        if self.header_rows > MAX_HEADER:
            raise FileRejected(
                "too_many_keys", self.place, Text(sv="filen har för många huvudposter", en="the file has too many header records")
            )
        for label, line, *fields in rows.select("label", "row", "f1", "f2").iter_rows():
            values = [_unquote(value or "") for value in fields]
            self.header[label] = values
            first = values[0].strip()
            if label == "#VALUTA" and first and first.upper() != "SEK":
                raise FileRejected(
                    "currency",
                    Place(self.place.file, line),
                    Text(
                        sv=f"bokföringen är i {first}; avvik läser kronor. Exportera i SEK",
                        en=f"the books are in {first}; avvik reads kronor. Export in SEK",
                    ),
                )
            if label == "#SIETYP" and first not in ("1", "2", "3", "4"):
                raise FileRejected(
                    "sie_type",
                    Place(self.place.file, line),
                    Text(
                        sv=f"SIE-typen ”{first}” finns inte; avvik läser 1, 2, 3 och 4",
                        en=f"SIE type “{first}” does not exist; avvik reads 1, 2, 3 and 4",
                    ),
                )

    def _unknown(self, frame: pl.DataFrame, rejects: list[pl.DataFrame]) -> None:
        """Set aside rows with an unknown label, and lines that are no record."""
        label = pl.col("label")
        rows = frame.filter(label.is_not_null() & ~label.is_in([*_KNOWN, "{", "}"]))
        reason = pl.when(label.str.starts_with("#")).then(pl.lit("unknown_label")).otherwise(pl.lit("not_a_record"))
        rejects.append(rows.select("row", "line", reason.alias("reason")))

    # ------------------------------------------------------------------------------------------------ vouchers

    def _lines(self, piece: _Piece, rejects: list[pl.DataFrame]) -> Iterator[tuple[str, pa.Table]]:
        frame, label = piece.frame, pl.col("label")
        is_voucher, closes, opens = label == "#VER", label == "}", label == "{"
        headings = frame.filter(is_voucher)
        at_end = pl.any_horizontal(*(pl.col(f"f{n}") == "{" for n in range(1, 7)))
        if headings.select(at_end.any()).item():
            opens |= is_voucher & at_end
        vouchers = self._vouchers(headings)
        events = frame.select(
            is_voucher.cum_sum().cast(pl.UInt32).alias("voucher"),
            pl.when(is_voucher)
            .then(True)
            .when(closes)
            .then(False)
            .forward_fill()
            .fill_null(self.voucher.is_open)
            .alias("inside"),
            pl.when(opens).then(True).when(closes).then(False).alias("brace"),
        )
        self._remember_end(frame, events)
        amounts = pl.DataFrame(schema={"voucher": pl.UInt32, "amount": TOTAL, "rows": pl.UInt32})
        if piece.lines is not None:
            of_lines = events.select("voucher", "inside").filter(frame.select(_is_line(piece.labels)).to_series())
            table, amounts = self._voucher_rows(piece.lines, of_lines, vouchers, rejects)
            if table.num_rows:
                yield "ledger_line", table
        yield from self._balance_vouchers(vouchers, amounts)
        self.voucher.is_open = events["inside"][-1]
        self.voucher.row = detached(vouchers[-1:])

    def _remember_end(self, frame: pl.DataFrame, events: pl.DataFrame) -> None:
        """Remember whether a brace is open, and whether the last record is #VER, in case the file ends here."""
        braces = events["brace"].drop_nulls()
        if braces.len():
            self.has_brace, self.brace_open = True, braces[-1]
        filled = frame["label"].drop_nulls()
        if filled.len():
            self.ends_with_voucher = filled[-1] == "#VER"

    def _vouchers(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The chunk's vouchers, after the one that the chunk before ended in (a row of nulls at the start of the file)."""
        fields = _texts(rows, 5, self.escapes)
        known = fields["f3"].unique()
        days = pl.DataFrame([known, read_dates(known).alias("voucher_date")])
        days = days.with_columns(pl.col("voucher_date").dt.strftime("%Y-%m").alias("period"))
        frame = fields.join(days, on="f3", how="left", maintain_order="left", nulls_equal=True).select(
            _or_null("f1").alias("voucher_series"),
            _or_null("f2").alias("voucher_number"),
            _or_null("f4").alias("voucher_text"),
            "voucher_date",
            read_dates(fields["f5"]).alias("registration_date"),
            "period",
        )
        self.odd["short_date"] += int((fields["f3"].str.len_bytes() == 6).sum())
        carried = self.voucher.row if self.voucher.row is not None else frame.clear(1)
        return pl.concat([carried, frame])

    def _voucher_rows(
        self, lines: pl.DataFrame, events: pl.DataFrame, vouchers: pl.DataFrame, rejects: list[pl.DataFrame]
    ) -> tuple[pa.Table, pl.DataFrame]:
        """Put rows and vouchers together. Return the table, and the sum of the TRANS rows of each voucher."""
        frame = pl.DataFrame([*lines.drop("objects", "line"), *events, *vouchers[events["voucher"]]])
        frame = self._add_objects(frame, lines["objects"])
        reason = (
            pl.when(~pl.col("inside")).then(pl.lit("no_voucher"))
            .when(pl.col("account").fill_null("") == "").then(pl.lit("account"))
            .when("bad").then(pl.lit("objects"))
            .when(~pl.col("readable")).then(pl.lit("amount"))
            .when(pl.col("period").is_null()).then(pl.lit("voucher_date"))
            .when((pl.col("line_kind") == "TRANS") & self._outside_year()).then(pl.lit("other_year"))
        )  # fmt: skip
        frame = self._split_off(frame, reason, lines.select(pl.col("source_row").alias("row"), "line"), rejects)
        only_trans = (frame["line_kind"] == "TRANS").all()
        booked = frame if only_trans else frame.filter(pl.col("line_kind") == "TRANS")
        self.books.lines.add(booked.select("account", "period", "amount"), self.place)
        sums = booked.group_by("voucher").agg(pl.col("amount").cast(TOTAL).sum(), pl.len().alias("rows"))
        return to_arrow("ledger_line", frame), sums

    def _outside_year(self) -> pl.Expr:
        if self.vouchers_only or 0 not in self.years:
            return pl.lit(False)
        return ~pl.col("period").is_between(pl.lit(self.years[0].first_period), pl.lit(self.years[0].last_period))

    def _balance_vouchers(self, vouchers: pl.DataFrame, amounts: pl.DataFrame) -> Iterator[tuple[str, pa.Table]]:
        """Check the vouchers that end in this chunk; carry the sum of the last one."""
        last = vouchers.height - 1
        frame = (
            pl.DataFrame({"voucher": pl.Series(range(vouchers.height), dtype=pl.UInt32)})
            .join(amounts, on="voucher", how="left", maintain_order="left")
            .with_columns(pl.col("amount").fill_null(0).cast(TOTAL), pl.col("rows").fill_null(0))
        )
        carried = pl.when(pl.col("voucher") == 0)
        frame = frame.with_columns(
            (pl.col("amount") + carried.then(pl.lit(self.voucher.total, TOTAL)).otherwise(pl.lit(0, TOTAL))).alias("amount"),
            (pl.col("rows") + carried.then(self.voucher.rows).otherwise(0)).alias("rows"),
            pl.concat_str([vouchers["voucher_series"], vouchers["voucher_number"]], separator=" ", ignore_nulls=True).alias(
                "name"
            ),
            vouchers["period"],
        )
        self.voucher.total, self.voucher.rows = frame["amount"][last], frame["rows"][last]
        yield from self._voucher_controls(frame[:last])

    def _voucher_controls(self, frame: pl.DataFrame) -> Iterator[tuple[str, pa.Table]]:
        done = frame.filter(pl.col("rows") > 0).select(pl.col("name").alias("voucher"), "period", "amount")
        wrong = self.books.vouchers(done)
        if wrong.height:
            yield "control", to_arrow("control", wrong.cast({"stated": AMOUNT, "computed": AMOUNT, "difference": AMOUNT}))

    # ------------------------------------------------------------------------------------------------ balances and budgets

    def _periods(self, rows: pl.DataFrame, rejects: list[pl.DataFrame]) -> Iterator[tuple[str, pa.Table]]:
        fields = _with_objects(rows, 4, 6, self.escapes)
        amounts, readable = read_amounts(fields["f5"])
        period, account = fields["f2"].str.replace(r"^((?:19|20)[0-9]{2})-([0-9]{2})$", "$1$2"), fields["f3"].str.strip_chars()
        swapped = (~period.str.contains(_PERIOD) & account.str.contains(_PERIOD)).fill_null(False)
        if swapped.any():
            self.odd["swapped"] += int(swapped.sum())
            period, account = period.zip_with(~swapped, account), account.zip_with(~swapped, period)
        valid = period.str.contains(_PERIOD)
        data = pl.DataFrame(
            [
                rows["row"].alias("source_row"),
                rows["label"],
                (period.str.slice(0, 4) + "-" + period.str.slice(4, 2)).alias("period"),
                account.alias("account"),
                amounts.alias("amount"),
                self._quantities(fields["f6"]).alias("quantity"),
            ]
        )
        data = self._add_objects(data, fields["objects"])
        reason: pl.Expr = (
            pl.when(~valid.fill_null(False)).then(pl.lit("period"))
            .when(pl.col("account").fill_null("") == "").then(pl.lit("account"))
            .when("bad").then(pl.lit("objects"))
            .when(~readable).then(pl.lit("amount"))
        )  # fmt: skip
        if self.repeated:
            stated = pl.concat_str([rows["label"], fields["f1"].str.strip_chars(), period], separator=" ")
            reason = pl.when(stated.is_in(self.repeated)).then(pl.lit("repeated_year")).otherwise(reason)
        data = self._split_off(data, reason, rows, rejects)
        balances, budget = data.filter(pl.col("label") == "#PSALDO"), data.filter(pl.col("label") == "#PBUDGET")
        self.books.psaldo.add(balances, self.place)
        self.books.budget.add(budget, self.place)
        if balances.height:
            yield "period_balance", to_arrow("period_balance", balances)
        if budget.height:
            yield "budget_line", to_arrow("budget_line", budget.with_columns(self._fiscal_year().alias("fiscal_year")))

    def _fiscal_year(self) -> pl.Expr:
        """The calendar year in which the period's fiscal year begins."""
        year, month = pl.col("period").str.slice(0, 4).cast(pl.Int32), pl.col("period").str.slice(5, 2).cast(pl.Int32)
        first = self.years[0].start.month if 0 in self.years else 1
        result = year - (month < first).cast(pl.Int32)
        for fiscal in self.years.values():
            inside = pl.col("period").is_between(pl.lit(fiscal.first_period), pl.lit(fiscal.last_period))
            result = pl.when(inside).then(pl.lit(fiscal.start.year, pl.Int32)).otherwise(result)
        return result

    def _year_balances(self, rows: pl.DataFrame, rejects: list[pl.DataFrame]) -> Iterator[tuple[str, pa.Table]]:
        fields = _with_objects(rows, 3, 5, self.escapes)
        amounts, readable = read_amounts(fields["f4"])
        year = fields["f1"].str.strip_chars().str.extract(r"^(-?[0-9]{1,2})$").cast(pl.Int64)
        years = complete_years(self.years, year.drop_nulls().unique().to_list())
        self.years = years
        spans = pl.DataFrame(
            {"year": list(years), "year_start": [y.start for y in years.values()], "year_end": [y.end for y in years.values()]},
            schema={"year": pl.Int64, "year_start": pl.Date, "year_end": pl.Date},
        )
        data = pl.DataFrame(
            [
                rows["row"].alias("source_row"),
                rows["label"].str.strip_prefix("#").alias("label"),
                year.alias("year"),
                fields["f2"].str.strip_chars().alias("account"),
                amounts.alias("amount"),
                self._quantities(fields["f5"]).alias("quantity"),
            ]
        ).join(spans, on="year", how="left", maintain_order="left")
        data = self._add_objects(data, fields["objects"])
        reason = (
            pl.when(pl.col("year").is_null()).then(pl.lit("year"))
            .when(pl.col("account").fill_null("") == "").then(pl.lit("account"))
            .when("bad").then(pl.lit("objects"))
            .when(~readable).then(pl.lit("amount"))
        )  # fmt: skip
        data = self._split_off(data, reason, rows, rejects)
        whole = data.filter(pl.col("label").is_in(["IB", "UB", "RES"]))
        self.books.stated.add(whole.with_columns(pl.col("year").cast(pl.String)), self.place)
        if data.height:
            yield "year_balance", to_arrow("year_balance", data)

    # ------------------------------------------------------------------------------------------------ registers

    def _accounts(self, frame: pl.DataFrame, rejects: list[pl.DataFrame]) -> None:
        rows = frame.filter(pl.col("label") == "#KONTO")
        if rows.height:
            fields = _texts(rows, 1, self.escapes)
            data = pl.DataFrame(
                [
                    rows["row"].alias("source_row"),
                    fields["f1"].str.strip_chars().alias("account"),
                    _last_text(rows["line"], 1).alias("name"),
                ]
            )
            reason = pl.when(pl.col("account").fill_null("") == "").then(pl.lit("account"))
            self.accounts.append(detached(self._split_off(data, reason, rows, rejects)))
        types = frame.filter(pl.col("label") == "#KTYP")
        if types.height:
            fields = _texts(types, 2, self.escapes)
            kinds = pl.col("f2").str.strip_chars().str.to_uppercase().alias("account_type")
            self.account_types.append(detached(fields.select(pl.col("f1").str.strip_chars().alias("account"), kinds)))
        self.account_rows += rows.height + types.height
        if self.account_rows > 2 * MAX_ACCOUNTS:
            raise FileRejected(
                "too_many_keys",
                self.place,
                Text(sv=f"filen har mer än {MAX_ACCOUNTS} konton", en=f"the file has more than {MAX_ACCOUNTS} accounts"),
            )

    def _objects(self, rows: pl.DataFrame, rejects: list[pl.DataFrame]) -> Iterator[tuple[str, pa.Table]]:
        fields = _texts(rows, 2, self.escapes)
        number = fields["f1"].str.strip_chars()
        self.dimensions.seen.update(number.drop_nulls().unique().head(1000).to_list())
        targets = {n: t for n, t in self.dimensions.fields.items() if t != "reference"}
        data = pl.DataFrame(
            [
                rows["row"].alias("source_row"),
                number.alias("number"),
                number.replace_strict(targets, default=None, return_dtype=pl.String).alias("dimension"),
                fields["f2"].str.strip_chars().alias("code"),
                _last_text(rows["line"], 2).alias("name"),
            ]
        )
        reason = (
            pl.when(pl.col("number").is_in(list(self.dimensions.personal))).then(pl.lit("personal_data"))
            .when((pl.col("number").fill_null("") == "") | (pl.col("code").fill_null("") == "")).then(pl.lit("object"))
            .when(pl.col("dimension").is_null()).then(pl.lit("no_field"))
        )  # fmt: skip
        data = self._split_off(data, reason, rows, rejects)
        if data.height:
            yield "dimension_value", to_arrow("dimension_value", data)

    # ------------------------------------------------------------------------------------------------ shared by the record types

    def _add_objects(self, frame: pl.DataFrame, objects: pl.Series) -> pl.DataFrame:
        """Add `dimension_set`, the fields of TARGETS and `bad` (the list cannot be read) from the object lists."""
        lists = objects.unique()
        inner = lists.str.extract(r"^\{(.*)\}$").str.extract_all(_FIELD)
        count = inner.list.len().fill_null(1)
        # An odd number of words, a brace inside, or no end: not pairs of dimension and object.
        bad = (count % 2 == 1) | inner.list.contains("{") | inner.list.contains("}")
        readable = pl.when(~bad).then(inner)
        long = pl.select(id=pl.int_range(len(lists), dtype=pl.UInt32), words=readable).with_columns(
            dim=pl.col("words").list.gather_every(2), code=pl.col("words").list.gather_every(2, 1)
        )
        long = long.select("id", "dim", "code").explode("dim", "code").drop_nulls()
        pairs = long.with_columns(
            _clean(long["dim"], self.escapes).str.strip_chars(), _clean(long["code"], self.escapes).str.strip_chars()
        )
        spread = spread_objects(lists, pairs, self.dimensions, bad=bad.fill_null(True))
        spread = spread.drop(name for name in TARGETS if spread[name].null_count() == spread.height)
        if spread.height == 1:
            values = spread.drop("objects").row(0, named=True)
            return frame.with_columns(pl.lit(value, spread.schema[name]).alias(name) for name, value in values.items())
        return frame.with_columns(objects).join(spread, on="objects", how="left", maintain_order="left").drop("objects")

    def _quantities(self, text: pl.Series) -> pl.Series:
        """Quantities with four decimals; null where absent or unreadable (counted)."""
        values, unreadable = read_quantities(text)
        self.odd["quantity"] += unreadable
        return values

    def _split_off(self, data: pl.DataFrame, reason: pl.Expr, rows: pl.DataFrame, rejects: list[pl.DataFrame]) -> pl.DataFrame:
        """Return the rows without a reason; put the others among the rejects."""
        reasons = data.select(reason.alias("reason"))["reason"]
        wrong = reasons.is_not_null()
        if not wrong.any():
            return data
        rejects.append(rows.select("row", "line").with_columns(reasons).filter(wrong))
        return data.filter(~wrong)

    def _rejected(self, rejects: list[pl.DataFrame]) -> Iterator[tuple[str, pa.Table]]:
        rows = pl.concat([part.select("row", "line", "reason") for part in rejects]).sort("row")
        if rows.height:
            yield "reject", reject_table(rows.with_columns(self._masked(rows["line"])), self.summary)

    def _masked(self, lines: pl.Series) -> pl.Series:
        """The lines without objects of personal dimensions."""
        personal = "|".join(re.escape(number) for number in self.dimensions.personal)
        return lines.str.replace(rf'^([ \t]*#OBJEKT[ \t]+"?(?:{personal})"?)[ \t].*', "$1 *").str.replace_all(
            rf'([{{ \t]"?(?:{personal})"?[ \t]+)(?:"[^"]*"|[^ \t"}}]+)', "$1*"
        )

    # ------------------------------------------------------------------------------------------------ the end

    def finish(self, source: Source) -> Iterator[tuple[str, pa.Table]]:
        """Check that the file is whole, yield what waited for its end, reconcile, and complete the summary."""
        self._require_whole()
        if self.voucher.row is not None:
            last = self.voucher.row.select(
                pl.concat_str("voucher_series", "voucher_number", separator=" ", ignore_nulls=True).alias("name"),
                "period",
                pl.lit(self.voucher.total, TOTAL).alias("amount"),
                pl.lit(self.voucher.rows).alias("rows"),
            )
            yield from self._voucher_controls(last)
        types = pl.concat([pl.DataFrame(schema={"account": pl.String, "account_type": pl.String}), *self.account_types])
        yield from self._chart(types)
        summary = self.summary
        summary.rows_kept = summary.rows_in - summary.rows_set_aside - summary.rows_bad
        require_readable(summary, source.max_bad_rows, self.place)
        kind = self._value("#SIETYP") or "1"
        imported = kind == "4" and self.vouchers_only and "VER" in summary.row_counts
        summary.file_format = f"SIE {kind}" + ("" if kind != "4" else "I" if imported else "E")
        self._describe()
        controls = []
        if (check := self.ksumma.result()) is not None:
            controls.append(self.books.single("KSUMMA", *check))
        controls.append(
            self.books.reconcile(self.years, self.dimensions, summary, complete_year=not imported, account_types=types)
        )
        failed = pl.concat(controls)
        if failed.height:
            yield "control", to_arrow("control", failed.cast({"stated": AMOUNT, "computed": AMOUNT, "difference": AMOUNT}))
        cover(summary, self.books, self.years, self._through(), whole_year=not imported, budget_months=True)
        self._report_odd()

    def _require_whole(self) -> None:
        if self.ksumma.is_open:
            raise FileRejected(
                "truncated",
                self.place,
                Text(
                    sv="filen är avhuggen: den börjar med #KSUMMA men slutar utan. Exportera den igen",
                    en="the file is cut off: it begins with #KSUMMA and ends without. Export it again",
                ),
            )
        if self.brace_open or (self.has_brace and self.ends_with_voucher):
            raise FileRejected(
                "truncated",
                self.place,
                Text(
                    sv="filen är avhuggen: den slutar mitt i en verifikation. Exportera den igen",
                    en="the file is cut off: it ends inside a voucher. Export it again",
                ),
            )

    def _chart(self, types: pl.DataFrame) -> Iterator[tuple[str, pa.Table]]:
        if self.accounts:
            accounts = pl.concat(self.accounts).join(
                types.unique("account", keep="last"), on="account", how="left", maintain_order="left"
            )
            if accounts.height:
                yield "account", to_arrow("account", accounts)

    def _value(self, label: str, position: int = 0) -> str:
        return self.header.get(label, ["", ""])[position].strip()

    def _describe(self) -> None:
        summary = self.summary
        summary.encoding = self.encoding
        summary.organisation_name = self._value("#FNAMN")
        summary.organisation_number = self._value("#ORGNR")
        summary.generated_on = _date(self._value("#GEN"))
        summary.extra["program"] = " ".join(filter(None, (self._value("#PROGRAM"), self._value("#PROGRAM", 1))))
        summary.extra["chart_type"] = self._value("#KPTYP")
        summary.extra["already_imported_flag"] = self._value("#FLAGGA") == "1"
        summary.extra["years"] = {str(n): [str(y.start), str(y.end)] for n, y in sorted(self.years.items())}

    def _through(self) -> str | None:
        """The month of #OMFATTN, where it lies in the current year."""
        text = self._value("#OMFATTN")
        day = _date(text)
        if not text:
            return None
        if day is None or 0 not in self.years or not self.years[0].start <= day <= self.years[0].end:
            self._warn(
                f"#OMFATTN {text} ligger utanför räkenskapsåret och används inte",
                f"#OMFATTN {text} lies outside the fiscal year and is not used",
            )
            return None
        return f"{day:%Y-%m}"

    def _report_odd(self) -> None:
        odd = self.odd
        for name, sv, en in (
            (
                "short_date",
                "verifikationsdatum med sex siffror läses som ÅÅMMDD",
                "voucher dates of six digits are read as YYMMDD",
            ),
            (
                "transaction_date",
                "radernas datum gick inte att läsa; verifikationens gäller",
                "dates of rows could not be read; the voucher's counts",
            ),
            ("quantity", "kvantiteter gick inte att läsa", "quantities could not be read"),
            (
                "swapped",
                "periodrader har konto och period i omvänd ordning",
                "period rows have account and period in the wrong order",
            ),
        ):
            if odd[name]:
                self._warn(f"{odd[name]} {sv}", f"{odd[name]} {en}")

    def _warn(self, sv: str, en: str) -> None:
        self.summary.warnings.append(str(Text(sv=sv, en=en)))


class _Ksumma:
    """The file's check sum, computed over the raw bytes as they pass."""

    def __init__(self, encoding: str) -> None:
        self.encoding = encoding
        self.is_open = False
        self.crc = 0
        self.stated: int | None = None

    def feed(self, block: bytes) -> None:
        """Take the next whole lines of the file."""
        if self.stated is not None:
            return
        if b"#KSUMMA" not in block:
            if self.is_open:
                self._add(block)
            return
        start = 0
        for match in re.finditer(rb'^[ \t]*#KSUMMA[ \t]*"?([0-9]*)"?[^\n]*\n', block, re.MULTILINE):
            if not self.is_open:
                # A sum without an opening record covers nothing that can be known.
                self.is_open, start = not match[1], match.end()
            else:
                self._add(block[start : match.start()])
                self.is_open, self.stated = False, int(match[1][:18] or 0)
                return
        if self.is_open:
            self._add(block[start:])

    def _add(self, body: bytes) -> None:
        if self.encoding not in ("cp437", "ascii"):
            body = body.decode(self.encoding, errors="replace").encode("cp437", errors="replace")
        escaped = body.replace(b'\\"', b"\x00")
        if any(b"\n" in part for part in escaped.split(b'"')[1::2]):
            # A quote that never ends: it ends with its line.
            lines = escaped.split(b"\n")
            escaped = b"\n".join(line + b'"' if line.count(b'"') % 2 else line for line in lines)
        parts = escaped.split(b'"')
        outside = b"\x01".join(parts[::2]).translate(None, b" \t\r\n{}").split(b"\x01")
        parts[::2] = outside
        self.crc = zlib.crc32(b"".join(parts).replace(b"\x00", b'"'), self.crc)

    def result(self) -> tuple[Decimal, Decimal] | None:
        """Stated and computed sum, or None where the file has none."""
        return None if self.stated is None else (Decimal(self.stated), Decimal(self.crc))


# ---------------------------------------------------------------------------------------------------------------- columns

_SWEDISH_437 = (0x86, 0x84, 0x94, 0x8F, 0x8E, 0x99)
_SWEDISH_1252 = (0xE5, 0xE4, 0xF6, 0xC5, 0xC4, 0xD6)
_UNDEFINED_1252 = (0x81, 0x8D, 0x90, 0x9D)


def _split(utf8: bytes, ends: np.ndarray, first_line: int) -> pl.DataFrame:
    """One row per line: `row` (its number), `line`, `label`, and the fields f1 … f6 as written, with quotes and braces."""
    offsets = np.concatenate([np.zeros(1, np.int64), ends + 1])
    lines = pl.from_arrow(pa.LargeStringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(utf8)))
    numbers = np.arange(first_line, first_line + len(ends), dtype=np.int64)
    fields = pl.col("fields").list
    return (
        pl.DataFrame({"row": numbers, "line": lines})
        .with_columns(pl.col("line").str.extract_all(_FIELD).alias("fields"))
        .select(
            "row",
            "line",
            fields.get(0, null_on_oob=True).alias("label"),
            *(fields.get(n, null_on_oob=True).alias(f"f{n}") for n in range(1, 7)),
        )
    )


def _canonical_labels(frame: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """Return the frame with labels in capitals where SIE knows them so, and the rows of each label."""
    counted = {label: rows for label, rows in frame["label"].value_counts().iter_rows() if label is not None}
    meant = {label: _canonical(label) for label in counted}
    odd = {label: other for label, other in meant.items() if label != other}
    if odd:
        frame = frame.with_columns(pl.col("label").replace(odd))
    labels: dict[str, int] = {}
    for label, rows in counted.items():
        if (other := meant[label]) is not None:
            labels[other] = labels.get(other, 0) + rows
    return frame, labels


def _canonical(label: str) -> str | None:
    """The label as SIE writes it; `{ }` on one line is an empty voucher; a control-Z, which ends files of DOS, is nothing."""
    if label.upper() in _KNOWN:
        return label.upper()
    if label.startswith("{") and label != "{" and not label.strip("{} \t"):
        return "}"
    return None if label == "\x1a" else label


def _is_line(labels: dict[str, int]) -> pl.Expr:
    present = [label for label in LINES if label in labels]
    return pl.col("label") == present[0] if len(present) == 1 else pl.col("label").is_in(present)


def _line_fields(rows: pl.DataFrame, escapes: bool, odd: Counter[str]) -> pl.DataFrame:
    """The fields of voucher rows, read; what belongs to their voucher and their objects is added later."""
    fields = _with_objects(rows, 2, 6, escapes)
    amounts, readable = read_amounts(fields["f3"])
    kinds = rows["label"]
    only_trans = (kinds == "#TRANS").all()
    kind = pl.Series(["TRANS"]).new_from_index(0, rows.height) if only_trans else kinds.str.strip_prefix("#")
    return pl.DataFrame(
        [
            rows["row"].alias("source_row"),
            rows["line"],
            kind.alias("line_kind"),
            fields["f1"].alias("account"),
            amounts.alias("amount"),
            readable.alias("readable"),
            *_row_texts(fields, odd),
            fields["objects"],
        ]
    )


def _row_texts(fields: pl.DataFrame, odd: Counter[str]) -> pl.DataFrame:
    """Transaction date, text and quantity. Where a vendor leaves the date out without a placeholder, the text comes first."""
    given, text, quantity = fields["f4"], fields["f5"], fields["f6"]
    dates = read_dates(given)
    unread = (dates.is_null() & given.is_not_null() & (given != "")) if dates.null_count() else pl.Series([False])
    if unread.any():
        moved = unread & ~given.str.contains(r"^[0-9-]+$")
        odd["transaction_date"] += int((unread & ~moved).sum())
        text, quantity = given.zip_with(moved, text), text.zip_with(moved, quantity)
    quantities, unreadable = read_quantities(quantity)
    odd["quantity"] += unreadable
    return pl.DataFrame([dates.alias("transaction_date"), _no_empty(text).alias("row_text"), quantities.alias("quantity")])


def _texts(rows: pl.DataFrame, count: int, escapes: bool) -> pl.DataFrame:
    """The fields f1 … f`count` of every row, without quotes; null where the row ends before."""
    return pl.DataFrame([_clean(rows[f"f{n}"], escapes) for n in range(1, count + 1)])


def _with_objects(rows: pl.DataFrame, at: int, count: int, escapes: bool) -> pl.DataFrame:
    """The fields f1 … f`count` of every row, with field `at`, the object list, as `objects`.

    A row without object list is read as if it had `{}`.
    """
    objects = rows[f"f{at}"]
    given = objects.str.starts_with("{").fill_null(False)
    complete = given.all()
    columns = []
    for number in (n for n in range(1, count + 1) if n != at):
        values = rows[f"f{number}"]
        if number > at and not complete:
            values = values.zip_with(given, rows[f"f{number - 1}"]).alias(f"f{number}")
        columns.append(_clean(values, escapes))
    if not complete:
        objects = objects.zip_with(given, pl.Series(["{}"]).new_from_index(0, len(objects)))
    return pl.DataFrame([*columns, objects.alias("objects")])


def _clean(text: pl.Series, escapes: bool) -> pl.Series:
    """Take away the quotes around a field and, where the chunk has any, the backslash of an escaped quote."""
    quoted = text.str.starts_with('"')
    if quoted.any():
        bare = text.str.strip_prefix('"').str.strip_suffix('"')
        text = bare if quoted.all() else bare.zip_with(quoted.fill_null(False), text)
        if escapes:
            text = text.str.replace_all('\\"', '"', literal=True)
    return text


def _last_text(lines: pl.Series, after: int) -> pl.Series:
    """The text after a label and `after` fields: a whole quoted field, else everything to the last quote, else one bare word.

    Names in the chart are the last field, so a quote inside them can be told from their end even where a space follows it.
    """
    field = r'(?:"[^"]*"|[^ \t"]+)'
    rest = lines.str.extract(rf"^[ \t]*#[A-Za-z]+(?:[ \t]+{field}){{{after}}}[ \t]+(.*?)[ \t\r\n]*$")
    strict = rest.str.extract(rf'^"((?:\\"|[^"])*)"(?:[ \t]+{field})*$')
    greedy = rest.str.extract(r'^"(.*?)"?$')
    bare = rest.str.extract(r'^([^ \t"][^ \t]*)')
    name = pl.select(pl.coalesce(strict, greedy, bare)).to_series()
    return name.str.replace_all('\\"', '"', literal=True).str.strip_chars().replace("", None)


def _no_empty(text: pl.Series) -> pl.Series:
    empty = text == ""
    return text.set(empty, None) if empty.any() else text


def _or_null(name: str) -> pl.Expr:
    """The column without spaces around it, null where empty. A brace on the voucher's own line is no field."""
    text = pl.col(name).str.strip_chars()
    return pl.when((text != "") & (text != "{")).then(text)


def _fields(line: str) -> list[str]:
    return [_unquote(field) for field in re.findall(_FIELD, line)]


def _unquote(text: str) -> str:
    return text.removeprefix('"').removesuffix('"').replace('\\"', '"').strip() if text.startswith('"') else text


def _date(text: str) -> date | None:
    return read_dates(pl.Series([text], dtype=pl.String))[0]


def _records(block: bytes, word: bytes, *labels: bytes) -> Iterator[bytes]:
    """The lines of a block whose first field is one of the labels (or the word). Fast where the word is rare."""
    at = block.find(word)
    while at >= 0:
        start, end = block.rfind(b"\n", 0, at) + 1, block.find(b"\n", at)
        if block[start:end].split(None, 1)[0] in (labels or (word,)):
            yield block[start:end]
        at = block.find(word, end)


def _repeated(scan: _Scan, years: dict[int, FiscalYear]) -> list[str]:
    """Find the periods that stand under two year numbers: all but the number whose #RAR holds the period (else the highest)."""
    numbers: dict[tuple[str, str], set[int]] = {}
    for stated_label, number, stated_period in scan.stated_periods:
        numbers.setdefault((stated_label.decode(), stated_period.decode()), set()).add(int(number))
    repeated = []
    for (label, period), found in numbers.items():
        if len(found) > 1:
            month = f"{period[:4]}-{period[4:]}"
            right = [n for n in found if n in years and years[n].first_period <= month <= years[n].last_period]
            repeated += [f"{label} {n} {period}" for n in found - {max(right or found)}]
    return repeated


def _unix(block: bytes) -> bytes:
    """Make a CR that ends a line by itself an LF; CR LF stays, the CR is a space among others."""
    if block.count(b"\r") == block.count(b"\r\n"):
        return block
    return block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
