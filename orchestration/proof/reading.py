"""From a file to a printed table: CSV, Excel, or text pasted from a PDF, where the table is found in the running text.

What belongs here: finding the table, its headings and its numbers, and where each was read. What does not: judging them. Where a
line of pasted text can be cut into numbers in more than one way ('-820 439' is one number or two), the reading that agrees best
with the rest of the table is taken, and said: a doubtful reading must never become an accusation.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from orchestration.errors import FileRejected, Place, Text
from orchestration.proof.model import Cell, CellId, PrintedTable, Row
from orchestration.proof.numbers import JOINERS, MINUSES, parse_number, thousands_sign
from orchestration.proof.vocabulary import LINE_KEYS, MEASURE_WORD, SCOPE_WORD, describe_column, describe_row

MAX_BYTES = 20 * 2**20
MAX_UNPACKED = 200 * 2**20
MAX_ROWS, MAX_COLUMNS = 300, 40
_HEADER_LINES = 4
_MAX_TOKENS, _MAX_WAYS = 36, 500
#: Cells that may be looked at while ambiguous lines are weighed against each other.
_CHOICE_BUDGET = 200_000


def read_printed_table(path: Path | str, sheet: str | None = None) -> PrintedTable:
    """Read the follow-up table of a file: CSV, Excel (.xlsx, .xlsm; the numbers as their formats show them), or text.

    `sheet` names the sheet of an Excel file, or its place from 1; by default the one with the largest table.

    Raises:
        FileRejected: 'not_found', 'too_large', 'not_a_table' (no table of labels and numbers in it), 'pdf', 'legacy_excel',
            'not_excel', 'formula_without_value', 'no_such_sheet', 'no_sheets' (a sheet was asked of what is no Excel file).
    """
    path = Path(path)
    place = Place(path.name)
    if not path.is_file():
        raise FileRejected("not_found", place, Text(sv="Filen finns inte.", en="The file does not exist."))
    if path.stat().st_size > MAX_BYTES:
        raise FileRejected("too_large", place, Text(sv="Filen är större än 20 MB.", en="The file is larger than 20 MB."))
    content = path.read_bytes()
    if content.startswith(b"%PDF"):
        message = Text(
            sv="En PDF kan inte läsas direkt. Markera tabellen i PDF:en, klistra in den i en textfil och prova den.",
            en="A PDF cannot be read directly. Select the table in the PDF, paste it into a text file and prove that.",
        )
        raise FileRejected("pdf", place, message)
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise FileRejected(
            "legacy_excel",
            place,
            Text(sv="Gammalt Excelformat (.xls). Spara som .xlsx.", en="Old Excel format. Save it as .xlsx."),
        )
    if content.startswith(b"PK\x03\x04"):
        return _from_excel(content, path.name, sheet)
    if sheet is not None:
        raise FileRejected(
            "no_sheets", place, Text(sv="Bara Excelfiler har blad att välja.", en="Only Excel files have sheets to choose.")
        )
    text = decode(content)
    if path.suffix.lower() in (".csv", ".tsv", ".skv"):
        return _from_csv(text, path.name)
    return table_from_text(text, path.name)


def decode(content: bytes) -> str:
    """Return the text of a file: UTF-8 (with or without mark), UTF-16 with mark, else Windows-1252."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


# Grids: CSV, Excel, and tables that avvik itself is about to print


def table_from_grid(
    grid: Sequence[Sequence[str]], file: str, lines: Sequence[int] | None = None, text: str = "", *, trailing_zeros: bool = True
) -> PrintedTable:
    """Return the printed table in a grid of strings: heading rows, then rows of a label and numbers.

    Args:
        grid: rows of cells as printed; a first column of avvik's line keys before the labels is recognised.
        file: name for places and messages.
        lines: 1-based line or sheet row of each grid row.
        text: the running text around the table.
        trailing_zeros: the numbers show all their decimals. False for CSV and Excel, where '1' may stand for 1,0: such a cell is
            then as precise as the rest of its column.

    Raises:
        FileRejected: 'not_a_table'.
    """
    lines = list(lines) if lines is not None else list(range(1, len(grid) + 1))
    width = max((len(row) for row in grid), default=0)
    if len(grid) > MAX_ROWS or width > MAX_COLUMNS:
        raise _not_a_table(file, _too_large())
    padded = [
        [" ".join(str(cell).replace("\n", " ").split(" ")).strip() for cell in row] + [""] * (width - len(row)) for row in grid
    ]
    sign = thousands_sign([cell for row in padded for cell in row])

    def number(cell: str) -> tuple[Decimal, int] | None:
        return parse_number(cell.rstrip("% "), sign)

    first = next((i for i, row in enumerate(padded) if _is_data(row, number)), None)
    if first is None:
        raise _not_a_table(file)
    body = [i for i in range(first, len(padded)) if _is_data(padded[i], number)]
    numeric = [c for c in range(width) if sum(number(padded[i][c]) is not None for i in body) * 2 > len(body) * 0.6]
    numeric = [c for c in numeric if any(re.search(r"\d", padded[i][c]) for i in body)]
    if not numeric:
        raise _not_a_table(file)
    texts = [c for c in range(numeric[0]) if any(padded[i][c] and number(padded[i][c]) is None for i in body)]
    if not texts:
        raise _not_a_table(file)
    keyed = len(texts) > 1 and all(padded[i][texts[0]] in LINE_KEYS or not padded[i][texts[0]] for i in body)
    label_column = texts[1] if keyed else texts[0]
    rows: list[Row] = []
    cells: dict[CellId, Cell] = {}
    header = _merge_headers([row for row in padded[:first] if any(row)][-_HEADER_LINES:], numeric)
    columns = [describe_column(header[c]) for c in numeric]
    columns = [
        replace(column, measure="percent") if any(padded[i][c].endswith("%") for i in body) else column
        for column, c in zip(columns, numeric, strict=True)
    ]
    for i in body:
        label = " ".join(padded[i][c] for c in (texts[1:] if keyed else texts) if padded[i][c]) or padded[i][label_column]
        key = padded[i][texts[0]] or None if keyed else None
        for index, c in enumerate(numeric):
            found = number(padded[i][c])
            if found is not None:
                value, decimals = found
                place = Place(file, lines[i], columns[index].label or str(c + 1))
                cells[len(rows), index] = Cell(padded[i][c], value, decimals, place)
        rows.append(describe_row(label, lines[i], key))
    heading = " ".join(" ".join(row) for row in padded[:first])
    return _finish(PrintedTable(file, rows, columns, cells, text=text), heading, trailing_zeros=trailing_zeros)


def _is_data(row: Sequence[str], number: Callable[[str], tuple[Decimal, int] | None]) -> bool:
    values = [number(cell) for cell in row]
    found = [value for value, cell in zip(values, row, strict=True) if value is not None and re.search(r"\d", cell)]
    labels = [cell for cell, value in zip(row, values, strict=True) if cell and value is None]
    if not found or not labels or not re.search(r"[^\W\d_]", labels[0]):
        return False
    # A heading row of years ('tkr | 2014 | 2015') has a label and numbers too.
    years = all(decimals == 0 and 1990 <= value <= 2100 for value, decimals in found)
    return not (years and re.match(r"^\(?(tkr|mkr|kr|belopp|år)\b", labels[0], re.I))


def _merge_headers(rows: list[list[str]], numeric: list[int]) -> dict[int, str]:
    """Return one label per numeric column from up to four heading rows; a label over several columns is spread to the right."""
    labels: dict[int, list[str]] = {c: [] for c in numeric}
    for index, row in enumerate(rows):
        filled = [c for c in numeric if row[c]]
        if not filled:
            continue
        spread = index < len(rows) - 1 and len(filled) < len(numeric)
        last = ""
        for c in numeric:
            last = row[c] or (last if spread else "")
            if last:
                labels[c].append(last)
    return {c: " ".join(parts) for c, parts in labels.items()}


def _finish(table: PrintedTable, heading: str, *, trailing_zeros: bool) -> PrintedTable:
    """Set unit and sign from the heading, and the precision of cells."""
    body = sum(1 for row in range(len(table.rows)) if any((row, c) in table.cells for c in range(len(table.columns))))
    if body < 2 or len(table.cells) < 3:
        raise _not_a_table(table.file)
    for name, pattern in (
        ("tkr", r"\b(tkr|ksek|tusental)\b"),
        ("mkr", r"\b(mkr|mnkr|msek|miljoner)\b"),
        ("kr", r"\b(kr|sek|kronor)\b"),
    ):
        if re.search(pattern, heading, re.I):
            table.unit = name
            break
    else:
        table.unit_assumed = True
        table.unit = "mkr" if {cell.decimals for cell in table.cells.values()} == {1} else "tkr"
    signs = re.search(rf"intäkt\w*\s*\(?([+{MINUSES}])\)?.{{0,12}}kostnad\w*\s*\(?([+{MINUSES}])\)?", heading, re.I)
    if signs and (signs[1] == "+") != (signs[2] == "+"):
        table.sign_hint = "natural" if signs[1] == "+" else "ledger"
    for column in range(len(table.columns)):
        ids = [cell for cell in table.cells if cell[1] == column]
        finest = max((table.cells[cell].decimals for cell in ids), default=0)
        for cell in ids:
            old = table.cells[cell]
            zero = old.text in MINUSES  # a dash is as precise as its column
            decimals = finest if zero or not trailing_zeros else old.decimals
            table.cells[cell] = replace(
                old, decimals=decimals, exact=table.unit == "kr" and not table.unit_assumed and decimals == 2
            )
    return table


def _too_large() -> Text:
    return Text(
        sv=f"Tabellen är större än {MAX_ROWS} rader × {MAX_COLUMNS} kolumner; en tryckt uppföljningstabell väntades.",
        en=f"The table is larger than {MAX_ROWS} rows × {MAX_COLUMNS} columns; a printed follow-up table was expected.",
    )


def _not_a_table(file: str, text: Text | None = None) -> FileRejected:
    return FileRejected(
        "not_a_table",
        Place(file),
        text
        or Text(
            sv="Ingen tabell hittades: rader med en etikett följd av minst två tal väntades.",
            en="No table was found: lines of a label followed by at least two numbers were expected.",
        ),
    )


def _from_csv(text: str, file: str) -> PrintedTable:
    sample = [line for line in text.splitlines() if line.strip()][:50]
    if not sample:
        raise _not_a_table(file)
    best, delimiter = (0.0, "")
    for candidate in (";", "\t", "|", ","):
        counts = Counter(len(row) for row in csv.reader(sample, delimiter=candidate))
        columns, alike = max(counts.items(), key=lambda item: (item[0] > 1, item[1]))
        if columns > 1 and alike / len(sample) > best + 0.01:
            best, delimiter = alike / len(sample), candidate
    if not delimiter:
        return table_from_text(text, file)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    grid: list[list[str]] = []
    lines: list[int] = []
    start = 1
    for row in reader:
        if any(cell.strip() for cell in row):
            grid.append(row)
            lines.append(start)
        start = reader.line_num + 1
        if len(grid) > MAX_ROWS:
            break
    return table_from_grid(grid, file, lines, trailing_zeros=False)


def _from_excel(content: bytes, file: str, chosen: str | None) -> PrintedTable:
    import openpyxl

    place = Place(file)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            size = sum(info.file_size for info in archive.infolist())
            if size > MAX_UNPACKED:
                raise FileRejected(
                    "too_large",
                    place,
                    Text(sv="Excelfilen packar upp till mer än 200 MB.", en="The Excel file unpacks to over 200 MB."),
                )
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, ValueError, openpyxl.utils.exceptions.InvalidFileException) as error:
        raise FileRejected(
            "not_excel", place, Text(sv=f"Filen går inte att läsa som Excel: {error}", en=f"Cannot be read as Excel: {error}")
        ) from error
    tables: list[PrintedTable] = []
    for sheet in book.worksheets if chosen is None else [_sheet(book.worksheets, chosen, place)]:
        grid = [
            [_shown(cell.value, getattr(cell, "number_format", "General")) for cell in row]
            for row in sheet.iter_rows(max_row=MAX_ROWS + 1, max_col=MAX_COLUMNS + 1)
        ]
        width = max((c + 1 for row in grid for c, cell in enumerate(row) if cell), default=0)
        grid = [row[:width] for row in grid]
        kept = [(index, row) for index, row in enumerate(grid, 1) if any(row)]
        if kept:
            try:
                tables.append(table_from_grid([row for _, row in kept], file, [index for index, _ in kept], trailing_zeros=False))
            except FileRejected as error:
                if error.code != "not_a_table":
                    raise
    if not tables:
        if _has_formulas(content):
            raise FileRejected(
                "formula_without_value",
                place,
                Text(
                    sv="Excelfilen har formler utan beräknade värden. Öppna den i Excel, spara och prova igen.",
                    en="The Excel file has formulas without computed values. Open it in Excel, save it and try again.",
                ),
            )
        raise _not_a_table(file)
    best = max(tables, key=lambda table: len(table.cells))
    if len(tables) > 1:
        best.notes.append(
            Text(
                sv=f"Filen har {len(tables)} blad med tabeller; det största provades. Välj ett annat med --sheet.",
                en=f"The file has {len(tables)} sheets with tables; the largest was proved. Choose another with --sheet.",
            )
        )
    return best


def _sheet(sheets: Sequence[Any], chosen: str, place: Place) -> Any:
    """Return the sheet with a name (upper and lower case alike), or at a place counted from 1; a name comes first."""
    wanted = chosen.strip().casefold()
    for sheet in sheets:
        if sheet.title.strip().casefold() == wanted:
            return sheet
    if wanted.isdecimal() and 1 <= int(wanted) <= len(sheets):
        return sheets[int(wanted) - 1]
    names = ", ".join(sheet.title for sheet in sheets)
    raise FileRejected(
        "no_such_sheet",
        place,
        Text(sv=f"Filen har inget blad {chosen}. Bladen är: {names}.", en=f"The file has no sheet {chosen}. It has: {names}."),
    )


def _has_formulas(content: bytes) -> bool:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return any(re.search(rb"<f[ >]", archive.read(name)) for name in archive.namelist() if name.startswith("xl/worksheets/"))


def _shown(value: object, number_format: str) -> str:
    """Return an Excel value as its number format shows it (rounded half away from zero, as Excel does)."""
    if value is None or isinstance(value, bool):
        return ""
    if not isinstance(value, int | float | Decimal):
        return str(value)
    section = re.sub(r'"[^"]*"|\\.|\[[^\]]*\]|_.|\*.', "", number_format.split(";")[0])
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not re.search(r"[0#]", section) or number_format == "General":
        shown = number.quantize(Decimal(1).scaleb(-9)).normalize() if abs(number) < 10**12 else number
        return f"{shown:f}".replace(".", ",")
    percent = "%" in section
    scale = len(re.search(r",*$", section.rstrip("% "))[0])  # type: ignore[index]
    number = number * (100 if percent else 1) / Decimal(1000) ** scale
    fraction = re.search(r"\.([0#?]+)", section)
    number = number.quantize(Decimal(1).scaleb(-len(fraction[1]) if fraction else 0), rounding=ROUND_HALF_UP)
    return f"{number:f}".replace(".", ",") + ("%" if percent else "")


# Running text


@dataclass
class _Line:
    """A line of text that ends in numbers: its label, the pieces of the rest, and how many numbers they can be cut into."""

    number: int
    label: str
    parts: list[list[str]]
    counts: frozenset[int]

    def ways(self, count: int) -> list[list[str]]:
        """Return the ways to cut the rest into so many numbers (the first few thousand)."""
        ways: list[list[str]] = [[]]
        for position, part in enumerate(self.parts):
            after = _sums([_counts(later) for later in self.parts[position + 1 :]])
            grown = []
            for way in ways:
                for size in sorted(_counts(part)):
                    if count - len(way) - size in after:
                        grown += [way + cut for cut in _cuts(part, size)]
            ways = grown[:_MAX_WAYS]
        return ways


_JOINED = re.compile(rf"(?<=\d)[{JOINERS}](?=\d{{3}}(?!\d))")
_TOKEN = re.compile(rf"^[{MINUSES}+(]?\d[\d.,_'’]*[{MINUSES})%]*$")
_PERCENT = re.compile(rf"(?<=\d)[ {JOINERS}]+%")
#: The line of a page break inside a table: 'Sida 2 (3)'.
_PAGE = re.compile(r"^\W*(?:sid(?:a|an)?|page)\b\.?\W*\d+\W*(?:(?:av|of)?\W*\d+\W*)?$", re.I)
_DASH = re.compile(rf"^[{MINUSES}]$")


def table_from_text(text: str, file: str) -> PrintedTable:
    """Find the table in a running text and return it; `PrintedTable.text` is the text without it.

    Lines are told apart by tabs, by runs of spaces, or by nothing but single spaces, which then also stand inside numbers.

    Raises:
        FileRejected: 'not_a_table'.
    """
    source = text.split("\n")
    if len(source) > 20_000:
        raise FileRejected("too_large", Place(file), Text(sv="Texten är längre än 20 000 rader.", en="Over 20 000 lines."))
    source = [line.rstrip("\r") for line in source]
    source = _unstack(source)
    lines = {index: found for index, line in enumerate(source) if (found := _number_line(line, index)) is not None}
    blocks = _blocks(source, lines)
    if not blocks:
        raise _not_a_table(file)
    best: tuple[int, int] | None = None
    for position, block in enumerate(blocks):
        known = sum(describe_row(line.label, 0).kind != "other" for line in block)
        if best is None or (len(block) + 3 * known) > best[0]:
            best = (len(block) + 3 * known, position)
    assert best is not None
    table = _read_block(source, blocks[best[1]], file)
    others = [block for position, block in enumerate(blocks) if position != best[1]]
    if others:
        at = ", ".join(str(block[0].number + 1) for block in others)
        table.notes.append(
            Text(
                sv=f"Texten har fler tabeller (rad {at}); de provades inte.",
                en=f"More tables in the text (line {at}) were not proved.",
            )
        )
    return table


def _unstack(source: list[str]) -> list[str]:
    """Put a label and its numbers, where a paste left each cell on a line of its own, on one tabbed line (the label's)."""
    out = list(source)
    index, stacks = 0, []
    while index < len(source):
        end = index + 1
        while end < len(source) and parse_number(source[end]) is not None:
            end += 1
        if end - index > 2 and re.search(r"[^\W\d_]", source[index]) and parse_number(source[index]) is None:
            stacks.append((index, end))
        index = end
    sizes = Counter(end - start for start, end in stacks)
    for start, end in stacks:
        if sizes[end - start] >= 2:
            out[start] = "\t".join(line.strip() for line in source[start:end])
            out[start + 1 : end] = [""] * (end - start - 1)
    return out


def _number_line(line: str, number: int) -> _Line | None:
    if len(line) > 400 or not re.search(r"\d", line) or _PAGE.match(line):
        return None
    line = _PERCENT.sub("%", _JOINED.sub("_", line))
    pieces = [piece.strip() for piece in re.split(r"\t|\||;|\s{2,}", line.strip()) if piece.strip()]
    if not pieces:
        return None
    # Everything after the last word belongs to the numbers.
    tail: list[list[str]] = []
    label = ""
    for position in range(len(pieces) - 1, -1, -1):
        tokens = pieces[position].split(" ")
        tokens = [token for token in tokens if token]
        cut = len(tokens)
        while cut and (_TOKEN.match(tokens[cut - 1]) or (_DASH.match(tokens[cut - 1]))):
            cut -= 1
        if tokens[cut:]:
            tail.insert(0, tokens[cut:])
        if cut:
            label = " ".join([*pieces[:position], " ".join(tokens[:cut])])
            break
    if not any(re.search(r"\d", token) for part in tail for token in part):
        return None
    if sum(map(len, tail)) > _MAX_TOKENS:
        return None
    counts = _sums([_counts(part) for part in tail])
    if max(counts, default=0) < 2:
        return None
    return _Line(number, label.strip(" :"), tail, counts)


def _sums(sets: list[frozenset[int]]) -> frozenset[int]:
    """Return every sum of one member of each set."""
    totals = {0}
    for members in sets:
        totals = {total + member for total in totals for member in members}
    return frozenset(totals)


def _lengths(tokens: Sequence[str]) -> list[int]:
    """Return how many of the first tokens may make one number: '-1 388 -982' can begin with '-1' or with '-1 388'."""
    head = tokens[0]
    lengths = [1]
    if _DASH.match(head) and len(tokens) > 1 and re.match(r"^\d", tokens[1]):
        lengths.append(2)  # a minus sign that stands apart
    size = lengths[-1]
    if re.match(rf"^[{MINUSES}+(]?\d{{1,3}}$", tokens[size - 1]):
        while size < len(tokens) and re.match(r"^\d{3}(?:[.,]\d+)?[)%]?$", tokens[size]):
            size += 1
            lengths.append(size)
            if not tokens[size - 1].isdigit():
                break
    out = []
    for length in lengths:
        joined = _joined(tokens[:length])
        # '058' cannot stand alone: a number does not begin with a zero.
        if not re.match(rf"^[{MINUSES}+(]?\s?0\d", joined) and parse_number(joined.rstrip("%")) is not None:
            out.append(length)
    return out


def _joined(tokens: Sequence[str]) -> str:
    return " ".join(tokens).replace("_", "\u00a0")


def _counts(tokens: Sequence[str]) -> frozenset[int]:
    """Return how many numbers a run of tokens can be."""
    return _counted(tuple(tokens))


@lru_cache(maxsize=20_000)
def _counted(tokens: tuple[str, ...]) -> frozenset[int]:
    possible: list[set[int]] = [set() for _ in tokens] + [{0}]
    for start in range(len(tokens) - 1, -1, -1):
        for length in _lengths(tokens[start:]):
            possible[start] |= {count + 1 for count in possible[start + length]}
    return frozenset(possible[0])


def _cuts(tokens: list[str], count: int) -> list[list[str]]:
    """Return the ways to join a run of tokens into so many numbers."""
    if not tokens:
        return [[]] if count == 0 else []
    ways: list[list[str]] = []
    for length in _lengths(tokens):
        if count - 1 in _counts(tokens[length:]):
            ways += [[_joined(tokens[:length]), *rest] for rest in _cuts(tokens[length:], count - 1)]
        if len(ways) > _MAX_WAYS:
            break
    return ways


def _blocks(source: list[str], lines: dict[int, _Line]) -> list[list[_Line]]:
    """Return runs of at least three number lines with at most two other short lines between them.

    A page break inside a table, with its headings once more, does not part it.
    """
    blocks: list[list[_Line]] = []
    current: list[_Line] = []
    for index in sorted(lines):
        gap = source[current[-1].number + 1 : index] if current else []
        above = (
            {line.strip() for line in source[max(current[0].number - _HEADER_LINES, 0) : current[0].number]} if current else set()
        )
        if any(line.strip() in above and _words(line) for line in gap):
            gap = [line for line in gap if line.strip() and line.strip() not in above and not _PAGE.match(line)]
        words = [line for line in gap if line.strip()]
        apart = len(gap) > 4 or len(words) > 2 or any(len(line) > 60 or line.rstrip().endswith(".") for line in words)
        if current and apart:
            blocks.append(current)
            current = []
        current.append(lines[index])
    blocks.append(current)
    out = []
    for block in blocks:
        counts = Counter(count for line in block for count in line.counts)
        if counts and max(counts.values()) >= 3:
            out.append(block)
    return out


def _read_block(source: list[str], block: list[_Line], file: str) -> PrintedTable:
    headings: list[str] = []
    index = block[0].number - 1
    skipped = 0
    while index >= 0 and len(headings) < _HEADER_LINES and skipped < 3:
        line = source[index].strip()
        if not line:
            skipped += 1
        elif re.search(r"[.:!?]$", line) or not (_words(line) or (headings == [] and len(line) < 60)):
            break
        else:
            headings.insert(0, source[index])
        index -= 1
    # The first number lines may be headings themselves ('Utfall 2014 Budget 2015').
    while block and len(_words(source[block[0].number])) >= 2:
        headings.append(source[block[0].number])
        block = block[1:]
    counts = Counter(count for line in block for count in line.counts)
    if not counts:
        raise _not_a_table(file)
    most = max(counts.values())
    likely = sorted(count for count, lines in counts.items() if lines == most and count >= 2)
    by_heading = [count for count in likely if _split_headings(headings, count)[1]]
    width = (by_heading or likely)[0]
    labels, _ = _split_headings(headings, width)
    columns = [describe_column(label) for label in labels]

    usable = [line for line in block if width in line.counts]
    if len(usable) > MAX_ROWS or width > MAX_COLUMNS:
        raise _not_a_table(file, _too_large())
    first, last = block[0].number, block[-1].number
    rows = []
    for found in usable:
        label = _whole_label(source, found, headings)
        rows.append(describe_row(label or f"({found.number + 1})", found.number + 1))
    choices = [line.ways(width) for line in usable]
    sign = thousands_sign([cell for ways in choices for cell in ways[0]])

    def build(picked: list[list[str]]) -> PrintedTable:
        cells = {}
        for r, way in enumerate(picked):
            for c, printed in enumerate(way):
                found = parse_number(printed.rstrip("% "), sign)
                assert found is not None
                cells[r, c] = Cell(printed, *found, Place(file, usable[r].number + 1, columns[c].label or str(c + 1)))
        marked = [
            replace(column, measure="percent") if any(way[c].endswith("%") for way in picked) else column
            for c, column in enumerate(columns)
        ]
        return _finish(PrintedTable(file, list(rows), marked, cells), " ".join(headings), trailing_zeros=True)

    table = build(_choose(choices, build))
    if not any(column.label for column in columns):
        table.notes.append(
            Text(
                sv="Kolumnerna saknar rubriker: skillnaden mellan dem prövas bara där talen själva visar den.",
                en="The columns have no headings: their difference is proved only where the numbers show it.",
            )
        )
    ambiguous = [usable[i].number + 1 for i, ways in enumerate(choices) if len(ways) > 1]
    if ambiguous:
        at = ", ".join(map(str, ambiguous))
        table.notes.append(
            Text(
                sv=f"Mellanslag skiljer både tal och tusental på rad {at}; den läsning valdes som stämmer bäst med tabellen.",
                en=f"Spaces part both numbers and thousands on line {at}; the reading that agrees best with the table was taken.",
            )
        )
    lost = [line.number + 1 for line in block if width not in line.counts]
    if lost:
        at = ", ".join(map(str, lost))
        table.notes.append(
            Text(
                sv=f"Rad {at} har ett annat antal tal än {width} och provades inte.",
                en=f"Line {at} has another count of numbers than {width} and was not proved.",
            )
        )
    start = first
    while start and source[start - 1].strip() and source[start - 1] in headings:
        start -= 1
    blanked = set(range(start, last + 1)) | {
        i for i in range(max(0, first - 6), first) if source[i] in headings and source[i].strip()
    }
    table.text = "\n".join("" if i in blanked else line for i, line in enumerate(source))
    return table


def _whole_label(source: list[str], found: _Line, headings: list[str]) -> str:
    """Return the label of a line, with the part of it that a paste left on the line before or after."""

    def words_only(index: int) -> str:
        line = source[index].strip() if 0 <= index < len(source) else ""
        return line if line and len(line) <= 40 and not re.search(r"[\d.:;|\t]", line) and source[index] not in headings else ""

    before, after = words_only(found.number - 1), words_only(found.number + 1)
    if not found.label:
        return source[found.number - 1].strip() if found.number else ""
    if found.label[0].islower() and before and not before[0].islower():
        return f"{before} {found.label}"
    return f"{found.label} {after}" if after and after[0].islower() else found.label


def _words(line: str) -> list[str]:
    return [word for word in re.split(r"[\s\t|;]+", line) if MEASURE_WORD.match(word) or SCOPE_WORD.match(word)]


def _split_headings(headings: list[str], width: int) -> tuple[list[str], bool]:
    """Return one label per column from heading lines, and whether every line could be dealt out."""
    labels: list[list[str]] = [[] for _ in range(width)]
    dealt = False
    for line in headings:
        pieces = [piece.strip() for piece in re.split(r"\t|\||;|\s{2,}", line.strip()) if piece.strip()]
        if len(pieces) in (width, width + 1) and any(_words(piece) for piece in pieces):
            parts = pieces[-width:]
        else:
            words = re.sub(r"\([^()]*(?:\([^()]*\)[^()]*)*\)", " ", line).split()
            while words and re.match(r"^\(?(tkr|mkr|kr)\W*$", words[0], re.I):
                words = words[1:]
            parts = _deal([word for word in words if MEASURE_WORD.match(word) or SCOPE_WORD.match(word)], width)
        if parts:
            dealt = dealt or any(MEASURE_WORD.match(part.split()[0]) for part in parts)
            for label, part in zip(labels, parts, strict=True):
                label.append(part)
    return [" ".join(label) for label in labels], dealt


def _deal(words: list[str], width: int) -> list[str]:
    """Deal the words of one heading line out to the columns, or return [] if they do not go evenly."""
    if len(words) == width:
        return words
    if len(words) > width:
        parts: list[list[str]] = []
        for word in words:
            if MEASURE_WORD.match(word) or not parts:
                parts.append([word])
            else:
                parts[-1].append(word)
        for i in range(len(parts) - 2, -1, -1):  # 'Avvik prognos' is one label
            if len(parts) > width and len(parts[i + 1]) == 1 and re.match(r"avv|diff|skill", parts[i][0], re.I):
                parts[i] += parts.pop(i + 1)
        return [" ".join(part) for part in parts] if len(parts) == width else []
    if words and width % len(words) == 0 and not any(MEASURE_WORD.match(word) and not SCOPE_WORD.match(word) for word in words):
        return [word for word in words for _ in range(width // len(words))]
    return []


def _choose(choices: list[list[list[str]]], build: Callable[[list[list[str]]], PrintedTable]) -> list[list[str]]:
    """Return one reading per line: the one that breaks fewest relations, then the one whose numbers are most alike in size."""
    from orchestration.proof.structure import recognise

    def spread(way: list[str]) -> float:
        sizes = [len(re.sub(r"\D", "", number)) for number in way]
        return sum(abs(a - b) for a, b in pairwise(sizes))

    choices = [sorted(ways, key=spread)[:20] for ways in choices]
    picked = [ways[0] for ways in choices]
    open_lines = [i for i, ways in enumerate(choices) if len(ways) > 1]

    def broken(candidate: list[list[str]]) -> int:
        return recognise(build(candidate), alternatives=False).misfits

    budget = _CHOICE_BUDGET // max(1, sum(map(len, picked)))
    for _ in range(6):
        changed = False
        for i in open_lines:
            budget -= len(choices[i])
            if budget < 0:
                return picked
            scored = [(broken([*picked[:i], way, *picked[i + 1 :]]), spread(way), way != picked[i], way) for way in choices[i]]
            way = min(scored)[3]
            changed = changed or way != picked[i]
            picked[i] = way
        if not changed:
            break
    return picked
