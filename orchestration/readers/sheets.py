"""Files to rows of text cells: CSV in any encoding, separator and line end, and Excel workbooks. In bounded batches.

What belongs here: telling a table from what only claims to be one, encodings, separators, quotes, sheets, row numbers. What does
not: headers' meaning (`mapping`), values of cells (`numbers`), what a row becomes (`tables`).

Every row of the file comes out once, under the number that a person sees: the physical line of a CSV, the row of a sheet.
Formulas are not evaluated and macros not run: a workbook's stored values are read. The CSV path holds a few blocks of `BLOCK`
bytes.
"""

from __future__ import annotations

import codecs
import csv
import datetime
import io
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from xml.etree.ElementTree import ParseError

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.csv as pacsv
import python_calamine
from defusedxml import DefusedXmlException, ElementTree

from orchestration.errors import FileRejected, Place, SettingsError, Text
from orchestration.settings import PERSONAL_KINDS, Source

BLOCK = 8 * 2**20
HEAD_ROWS = 200
_HEAD_BYTES = 2**20
_SHEET_ROWS = 20_000
_LONGEST_LINE = 16 * 2**20
_MULTILINE = 100
#: å ä ö Å Ä Ö in CP437, and in cp1252 (with é); bytes without a meaning in cp1252; the byte that begins them in UTF-8.
_DOS, _WINDOWS = b"\x86\x84\x94\x8f\x8e\x99", b"\xe5\xe4\xf6\xc5\xc4\xd6\xe9"
_UNDEFINED, _UTF8_LEAD = b"\x81\x8d\x8f\x90\x9d", 0xC3
_LETTERS_ENOUGH = 100_000
_SEPARATORS = (";", "\t", "|", ",")
_SEPARATOR_NAMES = {"tab": "\t", "\\t": "\t", "semicolon": ";", "comma": ","}


@dataclass
class Batch:
    """Some rows of the table below the header, as strings.

    `cells` has a column `c<i>` for each requested column i, '' where empty, stripped. `source_row` numbers the rows. `numbers`
    holds, for Excel, the floats of requested columns (NaN where the cell is no number). `content(k)` gives all cells of row k.
    `faults` names rows that cannot be data whatever their cells say: position → (reason code, column or None).
    """

    cells: pl.DataFrame
    source_row: np.ndarray
    content: Callable[[int], list[str]]
    numbers: dict[int, np.ndarray] = field(default_factory=dict)
    faults: dict[int, tuple[str, int | None]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.source_row)


@dataclass
class HeadRow:
    """One of the first rows of a file: first and last physical line, and its cells."""

    row: int
    last: int
    cells: list[str]


class TextTable:
    """A delimited text file. Construction reads it once to establish encoding and completeness (not its rows).

    Raises:
        FileRejected: not_a_table, truncated, encoding.
        SettingsError: an unknown encoding or separator in the settings.
    """

    file_format = "CSV"

    def __init__(self, path: Path, source: Source, file: str) -> None:
        self.path, self.file = path, file
        self.surplus = 0  # rows with cells under no header, counted while they are read
        self._examine(source)
        self.head_text = self._head_text()
        self.separator = self._find_separator(source)
        self._quoted = True
        self.head = self._head()
        if len(self.head) < 2 and self.head_text.count("\n") > _MULTILINE:  # a quote that never closes has swallowed the file
            self._quoted = False
            self.head = self._head()
        self.warnings: list[Text] = []
        if self._mixed:
            self.warnings.append(
                Text(
                    sv="Filen är UTF-8 men har enstaka tecken i en annan kodning; de har lästs som cp1252.",
                    en="The file is UTF-8 but has some characters in another encoding; they were read as cp1252.",
                )
            )

    # ------------------------------------------------------------ what kind of file it is

    def _examine(self, source: Source) -> None:
        with self.path.open("rb") as file:
            start = file.read(8192)
        reject_other_formats(start, self.file)
        utf16 = _utf16(start)
        if utf16 is None and _looks_binary(start):
            raise not_a_table(self.file, Text(sv="filen är binär", en="the file is binary"))
        decoder = codecs.getincrementaldecoder("utf-8")()
        is_utf8, nul, self._has_lf = utf16 is None, 0, False
        seen: Counter[int] = Counter()
        with self.path.open("rb") as file:
            while block := file.read(BLOCK):
                self._has_lf = self._has_lf or b"\n" in block
                if utf16 is None and b"\0" in block:
                    if b"\0" * 64 in block:
                        raise FileRejected(
                            "truncated",
                            Place(self.file),
                            Text(
                                sv="filen är halvskriven: den innehåller block av nolltecken. Exportera den igen.",
                                en="the file is half-written: it holds blocks of NUL characters. Export it again.",
                            ),
                        )
                    nul += block.count(b"\0")
                if block.isascii():
                    continue
                if is_utf8:
                    try:
                        decoder.decode(block)
                    except UnicodeDecodeError:
                        is_utf8 = False
                if seen.total() < _LETTERS_ENOUGH:
                    seen.update({byte: block.count(byte) for byte in (_UTF8_LEAD, *_DOS, *_WINDOWS, *_UNDEFINED)})
            if is_utf8:
                try:
                    decoder.decode(b"", final=True)
                except UnicodeDecodeError:
                    is_utf8 = False
        self._mixed, self._valid_utf8 = False, is_utf8
        if source.encoding != "auto":
            try:
                self.encoding = codecs.lookup(source.encoding).name
            except LookupError as error:
                raise SettingsError(
                    Text(
                        sv=f"encoding = “{source.encoding}” är ingen känd teckenkodning; välj utf-8, cp1252 eller cp437.",
                        en=f"encoding = “{source.encoding}” is no known encoding; choose utf-8, cp1252 or cp437.",
                    )
                ) from error
        elif utf16 is not None:
            self.encoding = utf16
        elif is_utf8:
            self.encoding = "utf-8"
        else:
            # C3 begins å ä ö in UTF-8, and is hardly ever a letter of its own in the others
            pairs = seen[_UTF8_LEAD]
            dos = sum(seen[byte] for byte in _DOS) - pairs
            windows, undefined = (sum(seen[byte] for byte in group) for group in (_WINDOWS, _UNDEFINED))
            self._mixed = pairs > 10 * windows + 10 * max(dos, 0)
            self.encoding = "utf-8" if self._mixed else "cp437" if dos > windows else "latin-1" if undefined else "cp1252"
        self._nul = nul > 0

    def _blocks(self) -> Iterator[tuple[bytes, bool]]:
        """Yield the file as UTF-8 with `\\n` line ends, cut at line ends, and whether it is the last block."""
        decoder = codecs.getincrementaldecoder(self.encoding)(errors="avvik-cp1252" if self._mixed else "strict")
        plain = self.encoding == "utf-8" and self._valid_utf8
        carry, held, first = b"", b"", True
        with self.path.open("rb") as file:
            while True:
                raw = file.read(BLOCK)
                last = not raw
                if plain:
                    block = raw
                else:
                    try:
                        block = decoder.decode(raw, final=last).encode("utf-8", errors="replace")
                    except UnicodeDecodeError as error:
                        raise FileRejected(
                            "encoding",
                            Place(self.file),
                            Text(
                                sv=f"filen kan inte läsas som {self.encoding}. Ändra eller ta bort encoding.",
                                en=f"the file cannot be read as {self.encoding}. Change or remove encoding.",
                            ),
                        ) from error
                if first:
                    block = block.removeprefix(codecs.BOM_UTF8)
                    first = False
                block = held + block
                held = b""
                if b"\r" in block:
                    if block.endswith(b"\r") and not last:
                        block, held = block[:-1], b"\r"
                    block = block.replace(b"\r\n", b"\n").replace(b"\r", b" " if self._has_lf else b"\n")
                if last:
                    yield (carry + block).rstrip(b"\x1a"), True
                    return
                cut = block.rfind(b"\n") + 1
                if cut:
                    whole, carry = carry + block[:cut], block[cut:]
                    yield whole, False
                else:
                    carry += block
                    if len(carry) > _LONGEST_LINE:
                        raise not_a_table(self.file, Text(sv="en rad är orimligt lång", en="a line is unreasonably long"))

    def _head_text(self) -> str:
        blocks = self._blocks()
        head, last = next(blocks)
        if not last and len(head) < _HEAD_BYTES:
            head += next(blocks)[0]
        return head[:_HEAD_BYTES].decode("utf-8", errors="ignore")

    def _find_separator(self, source: Source) -> str:
        if source.separator != "auto":
            separator = _SEPARATOR_NAMES.get(source.separator.lower(), source.separator)
            if len(separator) != 1:
                raise SettingsError(
                    Text(
                        sv=f"separator = “{source.separator}” ska vara ett enda tecken.",
                        en=f"separator = “{source.separator}” must be a single character.",
                    )
                )
            return separator
        lines = [line for line in self.head_text.split("\n")[:HEAD_ROWS] if line.strip()]
        if lines and (match := re.fullmatch(r"\W*sep=(.)\W*", lines[0], re.IGNORECASE)):
            return match[1]
        best, best_score = "", 0.0
        for separator in _SEPARATORS:
            counts = _widths(lines, separator)
            if not (wide := [count for count in counts if count > 1]):
                continue
            usual = max(set(wide), key=wide.count)
            score = wide.count(usual) / len(counts) * np.log(usual)
            if score > best_score:
                best, best_score = separator, score
        if not best:
            raise not_a_table(
                self.file,
                Text(sv="det finns inga kolumner i den (varken semikolon, tabb, komma eller |)", en="it has no columns"),
            )
        return best

    def _head(self) -> list[HeadRow]:
        lines = self.head_text.split("\n")
        if len(self.head_text) >= _HEAD_BYTES - 4:
            lines.pop()  # cut off
        quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if self._quoted else csv.QUOTE_NONE
        reader = csv.reader((line + "\n" for line in lines), delimiter=self.separator, quoting=quoting)
        rows, line = [], 1
        try:
            for cells in reader:
                rows.append(HeadRow(line, reader.line_num, [" ".join(cell.split()) for cell in cells]))
                line = reader.line_num + 1
                if len(rows) == HEAD_ROWS:
                    break
        except csv.Error:  # a field longer than csv accepts: a quote that never closes
            if self._quoted:
                self._quoted = False
                return self._head()
            raise not_a_table(self.file, Text(sv="en cell är orimligt lång", en="a cell is unreasonably long")) from None
        while rows and not any(rows[-1].cells):
            rows.pop()
        return rows

    # ------------------------------------------------------------ rows

    def batches(self, header: HeadRow, columns: list[int]) -> Iterator[Batch]:
        """Yield every row below the header.

        Raises:
            FileRejected: truncated, where the last line has no line end and too few columns.
        """
        width = len(header.cells)
        line, skip, left = 1, header.last, b""
        for block, last in self._blocks():
            block = left + block
            ended = block.endswith(b"\n") or not block
            if not ended:
                block += b"\n"
            if skip:
                lines = block.count(b"\n")
                if lines <= skip:
                    skip, line = skip - lines, line + lines
                    continue
                offset = 0
                for _ in range(skip):
                    offset = block.index(b"\n", offset) + 1
                block, line, skip = block[offset:], line + skip, 0
            lines = block.count(b"\n")
            block, first_lines, left = self._settle_quotes(block, last, width)
            if block:
                batch = self._parse(block, first_lines, line, width, columns)
                if last and not ended and 0 < len(batch.content(len(batch) - 1)) < width:
                    raise FileRejected(
                        "truncated",
                        Place(self.file, row=line + lines - 1),
                        Text(
                            sv="filen är avhuggen: sista raden saknar radslut och har för få kolumner. Exportera den igen.",
                            en="the file is cut off: the last line has no line end and too few columns. Export it again.",
                        ),
                    )
                yield batch
            line += lines - left.count(b"\n")

    def _settle_quotes(self, block: bytes, last: bool, width: int) -> tuple[bytes, np.ndarray, bytes]:
        """Make sure that every quoted cell ends where it should.

        A cell may hold line breaks; a quotation mark that never closes (an inch mark, a text cut at its field width) must not
        swallow the rows that follow it. Only lines with an odd number of quotation marks can be either, and only they are
        looked at one by one.

        Returns:
            the block with stray marks made literal, the line (0-based) at which each of its records begins, and what must wait
            for the next block because its cell is still open.
        """
        ends = np.flatnonzero(np.frombuffer(block, dtype=np.uint8) == 10)
        first_lines = np.arange(len(ends))
        if not self._quoted or b'"' not in block:
            return block, first_lines, b""
        marks = np.flatnonzero(np.frombuffer(block, dtype=np.uint8) == 34)
        odd = np.flatnonzero(np.bincount(np.searchsorted(ends, marks), minlength=len(ends)) & 1)
        if not len(odd):
            return block, first_lines, b""
        starts = np.concatenate(([0], ends[:-1] + 1))
        literal: list[int] = []
        continued: list[int] = []
        left = b""
        at = 0
        while at < len(odd):
            opening = int(odd[at])
            at += 1
            if self._strict(block[starts[opening] : ends[opening]]) != "open":
                continue  # a mark inside an unquoted cell is just a mark
            closing = self._closing(block, starts, ends, odd[at:], opening, width)
            if closing is None:
                if not last and len(ends) - opening <= _MULTILINE:
                    left, block = block[starts[opening] :], block[: starts[opening]]
                    first_lines = first_lines[:opening]
                    break
                literal.append(opening)
            elif closing == opening:
                literal.append(opening)
            else:
                continued.extend(range(opening + 1, closing + 1))
                at += int(np.searchsorted(odd[at:], closing, side="right"))
        if literal:
            block = self._with_literal_quotes(block, starts, ends, literal)
        return block, np.delete(first_lines, continued), left

    def _closing(
        self, block: bytes, starts: np.ndarray, ends: np.ndarray, odd: np.ndarray, opening: int, width: int
    ) -> int | None:
        """Return the line on which the cell opened on `opening` closes, `opening` if it is no cell, None if not found."""
        for line in map(int, odd):
            if line - opening > _MULTILINE:
                return opening
            cells = self._strict(block[starts[opening] : ends[line]])
            if cells == "open":
                continue
            inner = (self._strict(block[starts[i] : ends[i]]) for i in range(opening + 1, line))
            if (
                isinstance(cells, list)
                and len(cells) == width
                and not any(isinstance(row, list) and len(row) == width for row in inner)
            ):
                return line
            return opening
        return None

    def _strict(self, text: bytes) -> list[str] | str:
        """Return the cells of one record, 'open' where a quoted cell does not close, 'broken' where it closes in mid-cell."""
        try:
            rows = list(csv.reader(io.StringIO(text.decode(), newline=""), delimiter=self.separator, strict=True))
        except csv.Error as error:
            return "open" if "unexpected end" in str(error) else "broken"
        return rows[0] if len(rows) == 1 else "broken"

    def _with_literal_quotes(self, block: bytes, starts: np.ndarray, ends: np.ndarray, lines: list[int]) -> bytes:
        pieces, done = [], 0
        separator = self.separator.encode()
        for line in lines:
            cells = block[starts[line] : ends[line]].split(separator)
            pieces += [block[done : starts[line]], separator.join(b'"' + cell.replace(b'"', b'""') + b'"' for cell in cells)]
            done = ends[line]
        return b"".join([*pieces, block[done:]])

    def _parse(self, block: bytes, first_lines: np.ndarray, line: int, width: int, columns: list[int]) -> Batch:
        names = [f"c{i}" for i in range(width)]
        ragged: list[int] = []

        def set_aside(row: pacsv.InvalidRow) -> str:
            ragged.append(row.number - 1)
            return "skip"

        table = pacsv.read_csv(
            pa.BufferReader(block),
            read_options=pacsv.ReadOptions(column_names=names, use_threads=False, block_size=len(block) + 1),
            parse_options=pacsv.ParseOptions(
                delimiter=self.separator,
                quote_char='"' if self._quoted else False,
                ignore_empty_lines=False,
                invalid_row_handler=set_aside,
            ),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), include_columns=[names[i] for i in columns]
            ),
        )
        line_ends = np.flatnonzero(np.frombuffer(block, dtype=np.uint8) == 10) + 1
        begins = np.concatenate(([0], line_ends))[first_lines]
        stops = np.append(begins[1:], len(block))

        def record(k: int) -> list[str]:
            return _split(block[begins[k] : stops[k]].decode().rstrip("\n"), self.separator, self._quoted)

        cells = pl.from_arrow(table)
        assert isinstance(cells, pl.DataFrame)
        records = np.delete(np.arange(len(first_lines)), ragged)
        if len(records) != table.num_rows:  # the parser and the line count must agree, or row numbers would lie
            end = line + int(first_lines[-1])
            raise FileRejected(
                "quotes",
                Place(self.file, row=line),
                Text(
                    sv=f"citattecknen mellan rad {line} och {end} går inte ihop. Exportera utan citattecken.",
                    en=f"the quotation marks between lines {line} and {end} do not match. Export without them.",
                ),
            )
        faults: dict[int, tuple[str, int | None]] = {}
        if ragged:
            repaired, bad = self._mend([record(k) for k in ragged], ragged, width)
            extra = pl.DataFrame({f"c{i}": [row[i] for row in repaired] for i in columns}, schema=cells.schema)
            order = np.argsort(np.concatenate((records, ragged)), kind="stable")
            cells = pl.concat([cells, extra])[order]
            records = np.arange(len(first_lines))
            faults = dict.fromkeys(bad, ("ragged", None))
        if self._nul and b"\0" in block:
            zeros = np.flatnonzero(np.frombuffer(block, dtype=np.uint8) == 0)
            for k in np.unique(np.searchsorted(begins, zeros, side="right") - 1):
                faults[int(k)] = ("nul", None)
        return Batch(
            cells.select(pl.all().str.strip_chars()),
            first_lines[records] + line,
            lambda k: record(int(records[k])),
            faults=faults,
        )

    def _mend(self, rows: list[list[str]], positions: list[int], width: int) -> tuple[list[list[str]], list[int]]:
        """Give every row the table's width. Returns the rows and the positions of those that are broken.

        Cells missing at the end are taken as empty (Excel leaves them out when it saves text), unless the row and the next one
        are the two halves of a row that a line break has cut. Cells after an empty one beyond the last header belong to no
        column and are left out; where the first of them is filled, a separator in a text has moved the cells: the row is broken.
        """
        bad = []
        for i, (row, position) in enumerate(zip(rows, positions, strict=True)):
            if len(row) > width:
                if row[width].strip():
                    bad.append(position)
                elif any(cell.strip() for cell in row[width:]):
                    self.surplus += 1
            elif i + 1 < len(rows) and positions[i + 1] == position + 1 and len(row) + len(rows[i + 1]) == width + 1:
                bad += [position, position + 1]
        return [(row + [""] * width)[:width] for row in rows], bad


class Workbook:
    """One sheet of an Excel workbook (.xlsx, .xlsm, .xls).

    Raises:
        FileRejected: not_a_table, truncated, too_large, sheet_missing.
    """

    file_format = "Excel"
    encoding = ""
    separator = ""
    surplus = 0

    def __init__(self, path: Path, source: Source, file: str, max_unpacked_mb: int) -> None:
        self.path, self.file = path, file
        self.warnings: list[Text] = []
        with path.open("rb") as start:
            zipped = start.read(2) == b"PK"
        if zipped:
            self._check_zip(max_unpacked_mb)
        try:
            book = python_calamine.CalamineWorkbook.from_path(str(path))
            visible = [
                sheet.name
                for sheet in book.sheets_metadata
                if sheet.typ == python_calamine.SheetTypeEnum.WorkSheet
                and sheet.visible == python_calamine.SheetVisibleEnum.Visible
            ]
            self.sheets = visible or book.sheet_names
            self.sheet = source.sheet or (self.sheets[0] if self.sheets else "")
            if self.sheet not in book.sheet_names:
                # the sheets of an HR export may be named by persons
                names = str(len(book.sheet_names)) if source.kind in PERSONAL_KINDS else ", ".join(book.sheet_names)
                raise FileRejected(
                    "sheet_missing",
                    Place(self.file),
                    Text(
                        sv=f"bladet “{self.sheet}” finns inte. Bladen är: {names}.",
                        en=f"there is no sheet “{self.sheet}”. The sheets are: {names}.",
                    ),
                )
            self._errors = self._scan_sheet() if zipped else {}
            self._sheet = book.get_sheet_by_name(self.sheet)
        except python_calamine.PasswordError as error:
            raise not_a_table(file, Text(sv="den är lösenordsskyddad", en="it is password protected")) from error
        except python_calamine.CalamineError as error:
            raise _broken_workbook(file, str(error)) from error
        except BaseException as error:
            if type(error).__name__ == "PanicException":  # pyo3's, which is no Exception: the Rust reader gave up on the file
                raise _broken_workbook(file, str(error)) from error
            raise
        self._left = (self._sheet.start or (0, 0))[1]
        self.head = self._head()

    def _check_zip(self, max_unpacked_mb: int) -> None:
        """Refuse what is no workbook or unpacks to more than is allowed, by unpacking it: the sizes that a zip states may lie."""
        if not zipfile.is_zipfile(self.path):
            raise FileRejected(
                "truncated",
                Place(self.file),
                Text(
                    sv="arbetsboken är avhuggen (slutet på filen saknas). Spara eller exportera den igen.",
                    en="the workbook is cut off (the end of the file is missing). Save or export it again.",
                ),
            )
        limit = max_unpacked_mb * 2**20
        unpacked = 0
        try:
            with zipfile.ZipFile(self.path) as archive:
                names = set(archive.namelist())
                if "xl/workbook.xml" not in names:
                    raise not_a_table(
                        self.file,
                        Text(
                            sv="den är en zip-fil utan Excel-arbetsbok. Spara som .xlsx eller .csv",
                            en="it is a zip file without an Excel workbook. Save as .xlsx or .csv",
                        ),
                    )
                for info in archive.infolist():
                    with archive.open(info) as entry:
                        while chunk := entry.read(2**20):
                            unpacked += len(chunk)
                            if unpacked > limit:
                                raise FileRejected(
                                    "too_large",
                                    Place(self.file),
                                    Text(
                                        sv=f"den blir över {max_unpacked_mb} MB uppackad (max_unpacked_mb). Exportera till CSV.",
                                        en=f"it unpacks to more than {max_unpacked_mb} MB (max_unpacked_mb). Export to CSV.",
                                    ),
                                )
        except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError, zlib.error) as error:
            raise _broken_workbook(self.file, str(error)) from error

    def _scan_sheet(self) -> dict[int, list[int]]:
        """Return the error cells of the sheet (row → columns): the reader shows #REF! and its like as empty.

        Raises:
            FileRejected: too_large, where the outermost cells span more than memory should hold, however few they are.
        """
        errors: dict[int, list[int]] = {}
        rows, columns = 0, 26
        with zipfile.ZipFile(self.path) as archive, archive.open(self._sheet_entry(archive)) as entry:
            tail = b""
            while chunk := entry.read(2**20):
                text = tail + chunk
                cut = text.rfind(b"<") if len(text) < 2**22 else len(text)
                text, tail = text[:cut], text[cut:]
                rows = max(rows, *map(int, _ROW_NUMBER.findall(text)), 0)
                for letters, digits in set(_FAR_CELL.findall(text)):
                    rows, columns = max(rows, int(digits)), max(columns, _column_number(letters))
                for attributes in _ERROR_CELL.findall(text) if b't="e"' in text or b"t='e'" in text else ():
                    place = _CELL_NAME.search(attributes)
                    if place is None:
                        raise _broken_workbook(self.file, "an error cell without a name")
                    errors.setdefault(int(place[2]), []).append(_column_number(place[1]) - 1)
        if rows * columns > _MOST_CELLS:
            raise FileRejected(
                "too_large",
                Place(self.file),
                Text(
                    sv=f"bladet “{self.sheet}” spänner över {rows} rader och {columns} kolumner. Ta bort det som ligger utanför "
                    "tabellen, eller exportera till CSV.",
                    en=f"the sheet “{self.sheet}” spans {rows} rows and {columns} columns. Remove what lies outside the table, "
                    "or export to CSV.",
                ),
            )
        return errors

    def _sheet_entry(self, archive: zipfile.ZipFile) -> str:
        try:
            book = ElementTree.fromstring(archive.read("xl/workbook.xml"))
            links = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
        except (KeyError, ParseError, DefusedXmlException) as error:
            raise _broken_workbook(self.file, str(error)) from error
        targets = {link.get("Id"): link.get("Target", "") for link in links}
        for sheet in book.iter():
            if sheet.tag.rpartition("}")[2] == "sheet" and sheet.get("name") == self.sheet:
                target = next((targets.get(value, "") for name, value in sheet.attrib.items() if name.endswith("}id")), "")
                entry = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
                if entry in archive.namelist():
                    return entry
        raise _broken_workbook(self.file, "the sheet's file is not found")

    def _rows(self) -> Iterator[tuple[int, list]]:
        """Yield (row number, cells) without the blank rows at the end."""
        blank: list[tuple[int, list]] = []
        for number, cells in enumerate(self._sheet.iter_rows() if self._sheet.start else (), start=1):
            if any(cell != "" for cell in cells):
                yield from blank
                blank.clear()
                yield number, cells
            else:
                blank.append((number, cells))

    def _head(self) -> list[HeadRow]:
        head = []
        for number, cells in self._rows():
            texts = [" ".join(cell_text(cell).split()) for cell in cells]
            head.append(HeadRow(number, number, texts))
            if len(head) == HEAD_ROWS:
                break
        return head

    def batches(self, header: HeadRow, columns: list[int]) -> Iterator[Batch]:
        """Yield every row below the header."""
        chunk: list[tuple[int, list]] = []
        for number, cells in self._rows():
            if number > header.last:
                chunk.append((number, cells))
                if len(chunk) == _SHEET_ROWS:
                    yield self._batch(chunk, columns)
                    chunk = []
        if chunk:
            yield self._batch(chunk, columns)

    def _batch(self, chunk: list[tuple[int, list]], columns: list[int]) -> Batch:
        source_row = np.array([number for number, _ in chunk], dtype=np.int64)
        cells, numbers = {}, {}
        for i in columns:
            values = [row[i] for _, row in chunk]
            cells[f"c{i}"] = pl.Series([cell_text(value) for value in values], dtype=pl.String).str.strip_chars()
            numbers[i] = np.array([value if type(value) in (float, int) else np.nan for value in values], dtype=float)
        faults: dict[int, tuple[str, int | None]] = {}
        if self._errors:
            for k, number in enumerate(source_row):
                wrong = [c - self._left for c in self._errors.get(int(number), ()) if c - self._left in columns]
                if wrong:
                    faults[k] = ("error_cell", wrong[0])
        return Batch(pl.DataFrame(cells), source_row, lambda k: [cell_text(value) for value in chunk[k][1]], numbers, faults)


Table = TextTable | Workbook


def open_table(path: Path, source: Source, file: str, max_unpacked_mb: int = 1024) -> Table:
    """Open a file as what it is (not as what its name says).

    Args:
        path: the file.
        source: its settings; `format` 'csv' or 'excel' insists on that format.
        file: its name in messages.
        max_unpacked_mb: largest unpacked size of a workbook.

    Raises:
        FileRejected: not_a_table, truncated, too_large, encoding, sheet_missing.
        SettingsError: unknown encoding or separator.
    """
    with path.open("rb") as start:
        magic = start.read(8)
    if not magic:
        raise FileRejected("empty", Place(file), Text(sv="filen är tom", en="the file is empty"))
    excel = magic.startswith((b"PK", b"\xd0\xcf\x11\xe0"))
    if source.format == "excel" and not excel:
        reject_other_formats(magic, file)
        raise not_a_table(
            file, Text(sv='den är ingen Excel-arbetsbok (format = "excel")', en='it is no workbook (format = "excel")')
        )
    if source.format == "csv" and excel:
        raise not_a_table(file, Text(sv='den är en Excel-arbetsbok (format = "csv")', en='it is a workbook (format = "csv")'))
    return Workbook(path, source, file, max_unpacked_mb) if excel else TextTable(path, source, file)


# ---------------------------------------------------------------- helpers

_ROW_NUMBER = re.compile(rb"<(?:\w+:)?row\b[^>]*?\br=[\"'](\d{1,7})[\"']")
_FAR_CELL = re.compile(rb"\br=[\"'](?=[A-Z]{2}|[A-Z]\d{7})([A-Z]{1,9})(\d{1,9})[\"']")  # beyond column Z or row 999 999
_ERROR_CELL = re.compile(rb"<(?:\w+:)?c\b([^>]*?\bt=[\"']e[\"'][^>]*)>")
_CELL_NAME = re.compile(rb"\br=[\"']([A-Z]{1,3})(\d{1,7})[\"']")
_MOST_CELLS = 32 * 2**20


def cell_text(value: object) -> str:
    """Return a workbook cell as text: 4010.0 as 4010, dates as ISO, text verbatim."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat(" ")
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    return "" if value is None else str(value)


def not_a_table(file: str, why: Text) -> FileRejected:
    """Return the rejection of a file that is no table at all."""
    return FileRejected(
        "not_a_table",
        Place(file),
        Text(sv=f"filen är ingen tabell: {why.sv}.", en=f"the file is not a table: {why.en}."),
    )


def _broken_workbook(file: str, detail: str) -> FileRejected:
    return FileRejected(
        "truncated",
        Place(file),
        Text(
            sv=f"arbetsboken är trasig eller avhuggen och kan inte läsas ({detail[:100]}). Spara eller exportera den igen.",
            en=f"the workbook is broken or cut off and cannot be read ({detail[:100]}). Save or export it again.",
        ),
    )


def reject_other_formats(start: bytes, file: str) -> None:
    """Raise FileRejected('not_a_table') where the first bytes are of a known other format, saying which."""
    text = start.removeprefix(codecs.BOM_UTF8).lstrip()
    if text.startswith(b"<"):
        lower = text[:500].lower()
        page = b"<html" in lower or b"<!doctype html" in lower
        raise not_a_table(
            file,
            Text(
                sv="den är en webbsida (HTML), kanske ett felmeddelande i stället för exporten" if page else "den är XML",
                en="it is a web page (HTML), perhaps an error message instead of the export" if page else "it is XML",
            ),
        )
    if text.startswith(b"%PDF"):
        raise not_a_table(file, Text(sv="den är en PDF", en="it is a PDF"))
    if text.upper().startswith(b"#FLAGGA"):
        raise not_a_table(
            file,
            Text(sv='den är en SIE-fil; sätt format = "sie" på källan', en='it is a SIE file; set format = "sie" on the source'),
        )
    if start.startswith((b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"PAR1", b"{\\rtf")):
        raise not_a_table(file, Text(sv="den är packad eller i ett binärt format", en="it is compressed or in a binary format"))


def _looks_binary(start: bytes) -> bool:
    start = start.rstrip(b"\0")  # NULs at the end are of a half-written text
    control = sum(start.count(bytes([c])) for c in range(32) if c not in b"\t\n\r\f\x1a\0")
    return not start or control * 50 > len(start) or start.count(b"\0") * 10 > len(start)


def _utf16(start: bytes) -> str | None:
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    even, odd = start[0::2].count(0), start[1::2].count(0)
    if odd * 2 > len(start) * 0.8 and even * 20 < odd:
        return "utf-16-le"
    if even * 2 > len(start) * 0.8 and odd * 20 < even:
        return "utf-16-be"
    return None


def _cp1252_for_stray_bytes(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return error.object[error.start : error.end].decode("cp1252", errors="replace"), error.end


codecs.register_error("avvik-cp1252", _cp1252_for_stray_bytes)


def _split(text: str, separator: str, quoted: bool = True) -> list[str]:
    try:
        rows = list(
            csv.reader(
                io.StringIO(text, newline=""), delimiter=separator, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
            )
        )
    except csv.Error:
        return text.split(separator)
    return rows[0] if len(rows) == 1 else text.split(separator) if text else []


def _widths(lines: list[str], separator: str) -> list[int]:
    """Return the number of cells of each record that is not blank."""
    try:
        return [len(cells) for cells in csv.reader((line + "\n" for line in lines), delimiter=separator) if cells]
    except csv.Error:  # a quote that never closes
        return [line.count(separator) + 1 for line in lines]


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number
