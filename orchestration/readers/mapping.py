"""Which column of a file is which field: found in the headers, or checked against the map that the user wrote.

What belongs here: finding the header row, matching headers to fields by synonyms and content, the proposal that `avvik map FILE`
prints, and the errors of a map that does not fit. What does not: the synonyms themselves (`kinds`), reading rows (`tables`).
"""

from __future__ import annotations

import difflib
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from orchestration.errors import FileRejected, Place, SettingsError, Text
from orchestration.readers import numbers
from orchestration.readers.kinds import (
    KINDS,
    Field,
    InputKind,
    alternatives_text,
    choice,
    header_key,
    header_unit,
    report_line,
)
from orchestration.readers.paxml import is_paxml
from orchestration.readers.sheets import HeadRow, Table, open_table
from orchestration.settings import Source

_MARKS: tuple[numbers.DecimalMark, ...] = (",", ".")
ColumnMap = dict[str, str | list[str]]


@dataclass
class Match:
    """Headers matched to the fields of one kind. `notes` tell of choices that the user should look at."""

    columns: ColumnMap = field(default_factory=dict)
    unit_of_amount: str | None = None
    unused: list[str] = field(default_factory=list)
    notes: list[Text] = field(default_factory=list)


@dataclass
class Proposal:
    """A proposed source for a sample file. `toml` is what the user pastes into avvik.toml."""

    kind: str
    source: Source
    toml: str
    notes: list[Text]


# ---------------------------------------------------------------- headers


def unique_headers(cells: list[str]) -> list[str]:
    """Name every column: empty headers become `kolumn 5`, a repeated one `Benämning (2)`, so that a map can point at each."""
    seen: Counter[str] = Counter()
    headers = []
    for number, cell in enumerate(cells, start=1):
        name = " ".join(cell.split()) or f"kolumn {number}"
        seen[header_key(name)] += 1
        headers.append(name if seen[header_key(name)] == 1 else f"{name} ({seen[header_key(name)]})")
    return headers


def find_header(table: Table, kind: InputKind | None, source: Source) -> HeadRow:
    """Find the header row among the first rows: the one with most mapped headers, or most known ones.

    Raises:
        FileRejected: empty (no rows at all), header_missing (`header_row` is beyond the file).
    """
    rows = [row for row in table.head if sum(1 for cell in row.cells if cell) >= 2]
    if not rows:
        raise FileRejected("empty", Place(table.file), Text(sv="filen har inga rader", en="the file has no rows"))
    if source.header_row is not None:
        chosen = next((row for row in table.head if row.row <= source.header_row <= row.last), None)
        if chosen is None:
            raise FileRejected(
                "header_missing",
                Place(table.file, row=source.header_row),
                Text(
                    sv="det finns ingen rubrikrad där (header_row). Ta bort header_row så letar avvik själv.",
                    en="there is no header row there (header_row). Remove header_row and avvik looks for it.",
                ),
            )
    elif source.columns:
        wanted = {header_key(name) for name in _flat(source.columns)}
        chosen = max(rows, key=lambda row: (sum(header_key(cell) in wanted for cell in row.cells), _known(row, kind)))
    else:
        chosen = max(rows, key=lambda row: _known(row, kind))
    while chosen.cells and not chosen.cells[-1]:  # surplus separators at the end of the header
        chosen.cells.pop()
    return chosen


def _known(row: HeadRow, kind: InputKind | None) -> float:
    kinds = [kind] if kind else list(KINDS.values())
    known = {header_key(word) for k in kinds for f in k.fields for word in (f.name, *f.synonyms)}
    hits = sum(
        header_key(cell) in known or numbers.month_of_header(cell) is not None for cell in row.cells if cell and not _number(cell)
    )
    # among rows without known words: the widest, first one
    return hits + sum(1 for cell in row.cells if cell and not _number(cell)) / 1000


def _number(cell: str) -> bool:
    return bool(re.fullmatch(r"[-−(]?[\d\s.,]+[-)]?", cell)) and numbers.parse_period(cell) is None


def _flat(columns: ColumnMap) -> list[str]:
    return [name for value in columns.values() for name in ([value] if isinstance(value, str) else value)]


def match_headers(kind: InputKind, headers: list[str], rows: list[list[str]]) -> Match:
    """Match headers to a kind's fields by their synonyms, and check the guess against the cells below.

    Args:
        kind: the kind of input.
        headers: unique headers of the file.
        rows: some rows below the header, to look at.
    """
    result = Match()
    keys = [header_key(re.sub(r" \(\d+\)$", "", header)) for header in headers]
    taken: set[int] = set()
    doubtful: dict[str, int] = {}
    if kind.field("months") and (months := _month_columns(kind, headers)):
        result.columns["months"] = [headers[i] for i in months]
        taken.update(months)
    for f in kind.fields:
        if any(f.name in group and (set(group) - {f.name}) & result.columns.keys() for group in kind.exclusive):
            continue
        words = [header_key(word) for word in (f.name, *f.synonyms)]
        found = sorted((words.index(key), i) for i, key in enumerate(keys) if i not in taken and key in words)
        good = [i for _, i in found if _fits(f, [row[i] for row in rows if i < len(row)])]
        if found and not good:
            doubtful[f.name] = found[0][1]
        if not good:
            continue
        if len(good) > 1:
            others = ", ".join(f"“{headers[i]}”" for i in good[1:])
            result.notes.append(
                Text(
                    sv=f"{f.name}: “{headers[good[0]]}” valdes före {others}. Ändra om det är fel.",
                    en=f"{f.name}: “{headers[good[0]]}” was chosen before {others}. Change it if that is wrong.",
                )
            )
        result.columns[f.name] = headers[good[0]]
        taken.add(good[0])
    for gap in kind.missing(set(result.columns)):  # what is required is taken by its name alone: the rows will tell what is wrong
        for alternative in gap:
            if set(alternative) <= result.columns.keys() | doubtful.keys():
                again = {name: doubtful.pop(name) for name in alternative if name in doubtful and doubtful[name] not in taken}
                result.columns |= {name: headers[i] for name, i in again.items()}
                taken.update(again.values())
                break
    for name, i in doubtful.items():
        if i not in taken:
            result.notes.append(
                Text(
                    sv=f"“{headers[i]}” heter som {name} men innehåller något annat; den lämnades.",
                    en=f"“{headers[i]}” is named as {name} but holds something else; it was left out.",
                )
            )
    units = {header_unit(name) for name in _flat({k: v for k, v in result.columns.items() if k in kind.amount_fields})} - {None}
    result.unit_of_amount = units.pop() if len(units) == 1 else None
    result.unused = [header for i, header in enumerate(headers) if i not in taken]
    return result


def _month_columns(kind: InputKind, headers: list[str]) -> list[int]:
    """Return the positions of January to December; the columns named for the kind where a file has several sets."""
    sets: dict[tuple[str, int | None], dict[int, int]] = {}
    for i, header in enumerate(headers):
        if found := numbers.month_of_header(header):
            before, year, month = found
            sets.setdefault((before, year), {}).setdefault(month, i)
    whole = [(before, months) for (before, _), months in sets.items() if len(months) == 12]
    own = {"budget": ("budget", ""), "forecast": ("prognos", "forecast", "")}.get(kind.name, ("",))
    if len(whole) > 1:
        whole = sorted((entry for entry in whole if entry[0] in own), key=lambda entry: own.index(entry[0]))
    return [whole[0][1][month] for month in range(1, 13)] if whole else []


def _fits(f: Field, cells: list[str]) -> bool:
    """Tell whether a column's cells can be the field: at least half of those filled in can be read (or there are none)."""
    filled = [cell.strip() for cell in cells if cell.strip() and not numbers.is_total(cell)]
    if not filled:
        return True
    if f.type in ("amount", "quantity", "money"):
        text = pl.Series(filled)
        good = max(numbers.amounts(text, mark, scale=scale).is_not_null().sum() for mark in _MARKS for scale in (2, 8))
        # floats of a workbook may have any number of decimals in text; they are judged when they are read
        good = max(good, sum(bool(re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", cell)) for cell in filled))
    elif f.type == "date":
        good = sum(numbers.parse_date(cell) is not None for cell in filled)
    elif f.type == "until":
        good = sum(numbers.is_open_end(cell) or numbers.parse_date(cell) is not None for cell in filled)
    elif f.type == "share":
        good = sum(numbers.parse_share(cell) is not None for cell in filled)
    elif f.type == "person":
        good = sum(sum(map(str.isdigit, cell)) >= 4 for cell in filled)
    elif f.type == "employment":
        good = sum(any(map(str.isdigit, cell)) for cell in filled)
    elif f.type == "birth_year":
        good = sum(numbers.parse_birth_year(cell) is not None for cell in filled)
    elif f.type in ("number", "choice"):
        good = sum(choice(f.choices, cell) is not None for cell in filled) if f.type == "number" else len(filled)
    elif f.type == "period":
        good = sum(numbers.parse_period(cell, 2000) is not None for cell in filled)
    elif f.type == "year":
        good = sum(bool(re.fullmatch(r"(19|20)\d\d", cell)) for cell in filled)
    elif f.name == "account":
        good = sum(any(letter.isdigit() for letter in cell.split()[0]) for cell in filled)
    else:
        return True
    return good * 2 >= len(filled)


# ---------------------------------------------------------------- the map that is used


@dataclass
class Layout:
    """How one file is laid out: its header row, its headers, and the position of each field (months: twelve positions)."""

    header: HeadRow
    headers: list[str]
    positions: dict[str, int]
    months: list[tuple[int, int | None, int]] = field(default_factory=list)  # (position, year or None, month)
    unit_of_amount: str = "kr"
    notes: list[Text] = field(default_factory=list)

    @property
    def columns(self) -> list[int]:
        """Positions that are read."""
        return sorted({*self.positions.values(), *(position for position, _, _ in self.months)})

    @property
    def fields(self) -> set[str]:
        """Fields that the file fills."""
        return {*self.positions, *(["months"] if self.months else [])}


def lay_out(table: Table, kind: InputKind, source: Source) -> Layout:
    """Find the headers and apply the source's map to them, or the proposed one where the source has none.

    Raises:
        SettingsError: the map names a field that the kind does not have, or fields that exclude each other.
        FileRejected: column_missing, naming the header that is not in the file or the field that no header was found for.
    """
    check_source(kind, source)
    header = find_header(table, kind, source)
    headers = unique_headers(header.cells)
    rows = [row.cells for row in table.head if row.row > header.last]
    if source.columns:
        columns, unit, notes = source.columns, source.unit_of_amount, []
    else:
        match = match_headers(kind, headers, rows)
        columns, notes = match.columns, match.notes
        unit = source.unit_of_amount
        filled = {headers[i] for row in rows for i, cell in enumerate(row[: len(headers)]) if cell.strip()}
        if kind.name == "ledger" and (unread := [name for name in match.unused if name in filled]):
            unknown = Text(
                sv=f"kolumner som inte känns igen läses inte: {', '.join(unread)}. Skriv i columns vilken som är vilken.",
                en=f"columns that are not recognised are not read: {', '.join(unread)}. Write in columns which is which.",
            )
            notes = [*notes, unknown]
        stated = match.unit_of_amount or _title_unit(table, header)
        if "unit_of_amount" not in source.model_fields_set and stated:
            unit = stated  # type: ignore[assignment]
        places = {name: i for i, name in enumerate(headers)}
        if kind.amount_fields and "sign" not in source.model_fields_set and _is_natural(match, places, rows):
            looks = Text(
                sv='Beloppen ser ut att ha intäkt + och kostnad −, men läses med bokföringens tecken: sätt sign = "natural".',
                en='The amounts look like income + and cost −, but are read in the ledger\'s sign: set sign = "natural".',
            )
            notes = [*notes, looks]
    by_key = {header_key(name): i for i, name in reversed(list(enumerate(headers)))}
    by_name = {" ".join(name.split()).casefold(): i for i, name in reversed(list(enumerate(headers)))}

    def position(name: str, wanted: str) -> int:
        found = by_name.get(" ".join(name.split()).casefold(), by_key.get(header_key(name)))
        if found is None:
            told = shown_headers(kind, headers)
            close = difflib.get_close_matches(name, told, n=3, cutoff=0.5) or told
            raise FileRejected(
                "column_missing",
                Place(table.file, row=header.row, column=name),
                Text(
                    sv=f"kolumnen finns inte i filen (columns.{wanted}). {_listed(close, told).sv}",
                    en=f"the file has no such column (columns.{wanted}). {_listed(close, told).en}",
                ),
            )
        return found

    layout = Layout(header, headers, {}, unit_of_amount=unit, notes=notes)
    for name, value in columns.items():
        if name == "months":
            layout.months = _months(list(value), [position(each, "months") for each in value])
        else:
            layout.positions[name] = position(str(value), name)
    missing = kind.missing(layout.fields | source.constants.keys())
    if missing:
        needed = alternatives_text(missing[0])
        told = ", ".join(shown_headers(kind, headers))
        raise FileRejected(
            "column_missing",
            Place(table.file, row=header.row, column=missing[0][0][0]),
            Text(
                sv=f"hittar ingen kolumn för {needed.sv}. Filens rubriker är: {told}. "
                "Skriv i columns vilken som är vilken; avvik map ger ett förslag.",
                en=f"no column was found for {needed.en}. The file's headers are: {told}. "
                "Write in columns which is which; avvik map proposes a map.",
            ),
        )
    return layout


def shown_headers(kind: InputKind, headers: list[str]) -> list[str]:
    """Return the headers that a message may repeat.

    Of an HR export whose "headers" may be its first row of people (few known words, or long numbers), only the known ones.
    """
    known = {header_key(word) for k in KINDS.values() for f in k.fields for word in (f.name, *f.synonyms)}
    fine = [header for header in headers if header_key(header) in known]
    is_header = len(fine) >= 2 and not any(sum(map(str.isdigit, header)) >= 6 for header in headers)
    if not kind.is_personal or is_header:
        return headers
    return [*fine, "…"]


def _listed(close: list[str], headers: list[str]) -> Text:
    names = ", ".join(f"“{name}”" for name in close)
    if close is headers:
        return Text(sv=f"Filens rubriker är: {names}.", en=f"The file's headers are: {names}.")
    return Text(
        sv=f"Menas {names}? Filens rubriker är: {', '.join(headers)}.",
        en=f"Did you mean {names}? The file's headers are: {', '.join(headers)}.",
    )


def _months(headers: list[str], positions: list[int]) -> list[tuple[int, int | None, int]]:
    """Tell which month each column is: from its header where all of them say so, else January to December in order."""
    found = [numbers.month_of_header(header) for header in headers]
    if len({f[1] for f in found if f and f[1]}) > 1:
        raise SettingsError(
            Text(
                sv=f"columns.months har månader ur flera år: {', '.join(headers)}. Ange ett års månader.",
                en=f"columns.months has months of several years: {', '.join(headers)}. Give the months of one year.",
            )
        )
    if all(found) and len({f[2] for f in found if f}) == len(found):
        return [(position, f[1], f[2]) for position, f in zip(positions, found, strict=True) if f]
    if len(positions) == 12:
        return [(position, None, month) for month, position in enumerate(positions, start=1)]
    raise SettingsError(
        Text(
            sv=f"columns.months har {len(positions)} kolumner; ange de tolv i ordning från januari till december.",
            en=f"columns.months has {len(positions)} columns; give the twelve in order from January to December.",
        )
    )


def check_source(kind: InputKind, source: Source) -> None:
    """Check that a source's map names fields of the kind.

    Raises:
        SettingsError: naming the field and the closest one that exists.
    """
    names = [f.name for f in kind.fields]
    for setting, given in (("columns", source.columns), ("constants", source.constants)):
        for name in given:
            if name not in names:
                close = difflib.get_close_matches(name, names, n=3, cutoff=0.4) or names
                raise SettingsError(
                    Text(
                        sv=f"{setting}.{name}: {kind.name} har inget fält med det namnet. Menas {', '.join(close)}?",
                        en=f"{setting}.{name}: {kind.name} has no field of that name. Did you mean {', '.join(close)}?",
                    )
                )
            if (name == "months") is not isinstance(given[name], list):
                raise SettingsError(
                    Text(
                        sv=f"{setting}.{name}: months är en lista av tolv rubriker, alla andra fält en enda rubrik.",
                        en=f"{setting}.{name}: months is a list of twelve headers, every other field a single header.",
                    )
                )
    for group in kind.exclusive:
        if set(group) <= source.columns.keys():
            raise SettingsError(
                Text(
                    sv=f"columns: {' och '.join(group)} kan inte användas tillsammans; behåll den ena.",
                    en=f"columns: {' and '.join(group)} cannot be used together; keep one of them.",
                )
            )


# ---------------------------------------------------------------- the proposal


def propose_map(path: Path, kind: str | None = None) -> Proposal:
    """Propose a source for a sample file: format, kind and columns.

    Args:
        path: the sample file; the proposed file name pattern is made from its name.
        kind: the kind of input, where the user says it; guessed otherwise.

    Raises:
        FileRejected: the file is no table (or SIE), or has no rows.
        SettingsError: no such kind.
    """
    if kind is not None and kind not in KINDS:
        raise SettingsError(
            Text(
                sv=f"Det finns inget slag av indata som heter “{kind}”. Slagen är: {', '.join(KINDS)}.",
                en=f"There is no kind of input called “{kind}”. The kinds are: {', '.join(KINDS)}.",
            )
        )
    with path.open("rb") as start:
        if start.read(4096).lstrip(b"\xef\xbb\xbf \r\n").upper().startswith(b"#FLAGGA"):
            return _propose_sie(path)
    with path.open("rb") as start:
        if is_paxml(start.read(4096)):
            return _propose_paxml(path)
    blank = Source.model_validate({"kind": "ledger", "files": [path.name]})
    tables = [open_table(path, blank, path.name)]
    for sheet in getattr(tables[0], "sheets", [])[1:]:
        tables.append(open_table(path, blank.model_copy(update={"sheet": sheet}), path.name))
    candidates = []
    for number, table in enumerate(tables):
        if not any(sum(map(bool, row.cells)) > 1 for row in table.head):
            continue  # a cover sheet
        for name in [kind] if kind else [k.name for k in KINDS.values() if k.is_table]:
            header = find_header(table, KINDS[name], blank)
            headers = unique_headers(header.cells)
            rows = [row.cells for row in table.head if row.row > header.last]
            match = match_headers(KINDS[name], headers, rows)
            score = _score(KINDS[name], match, headers, path.stem)
            candidates.append((score, -number, name, table, header, headers, rows, match))
    if not candidates:
        raise FileRejected("empty", Place(path.name), Text(sv="filen har inga rader", en="the file has no rows"))
    *_, name, table, header, headers, rows, match = max(candidates, key=lambda c: c[:2])
    return _proposal(path, KINDS[name], table, header, rows, match)


def _score(kind: InputKind, match: Match, headers: list[str], stem: str) -> float:
    """Return how well a file fits a kind: all that is required, the share of its headers that are known, and its words."""
    words = {
        "ledger": "huvudbok|verifik|utfall|transaktion|ledger|reskontra",
        "budget": "budget",
        "forecast": "prognos|forecast",
        "chart": "kontoplan|konton|chart",
        "organisation": "organisation|ansvar|enhet",
        "dimension": "koddel|objekt|projekt|verksamhet|motpart|dimension",
        "report_lines": "rapportrad|rader|report_line",
        "counterparty_groups": "motpartsgrupp|counterparty_group",
        "position": "personalstat|tjänster|tjanster|position",
        "employment": "anställning|anstallning|medarbetare|employment",
        "absence": "frånvaro|franvaro|absence",
        "payroll": "^l[öo]n|löner|loner|payroll",
        "agreement": "^avtal|agreement",
        "internal_agreement": "intern.?avtal|interna.?avtal|internal.?agreement",
        "period_release": "period.?sl[äa]pp|perioder|release",
        "comment": "kommentar|comment",
    }[kind.name]
    available = set(match.columns)
    score = 3.0 * (not kind.missing(available)) + 2 * len(_flat(match.columns)) / len(headers)
    score += 1.5 * bool(re.search(words, stem, re.IGNORECASE))
    amount_like = [h for h in headers if re.search(r"belopp|budget|utfall|prognos|amount|saldo", h, re.IGNORECASE)]
    if amount_like and not kind.amount_fields and not any(f.type == "money" for f in kind.fields):
        score -= 3
    who = bool(available & {"employment", "person"})
    if kind.name == "payroll":
        named = re.search(words, stem, re.IGNORECASE) or available & {"wage_type", "line_kind"}
        score += 1.0 if who or named else -3.0
    if kind.name == "employment":
        wanted = {"degree", "employment_form", "monthly_wage", "full_time_wage", "actual_wage", "hourly_wage"}
        score += 1.0 if available & wanted else -2.0
    if kind.name == "absence":
        score += 2.0 * ("cause_code" in available)
    if kind.name == "position":
        score -= 3.0 * any(header_key(h) in ("personnummer", "anställningsnummer", "personnr", "anstnr") for h in headers)
    if kind.name in ("budget", "forecast"):
        score += 1.0 * any(re.search(words, header, re.IGNORECASE) for header in headers)
        score += 0.5 * ("months" in available) * (kind.name == "budget")
    if kind.name == "ledger":
        score += 1.0 * bool(available & {"voucher_number", "voucher_date", "voucher_series"})
    return score


def _proposal(path: Path, kind: InputKind, table: Table, header: HeadRow, rows: list[list[str]], match: Match) -> Proposal:
    headers = unique_headers(header.cells)
    position = {name: i for i, name in enumerate(headers)}
    notes = [*table.warnings, *match.notes]
    settings: dict[str, object] = {"kind": kind.name, "files": [_pattern(path.name)]}
    comments: dict[str, str] = {}
    if table.file_format == "Excel":
        settings["format"] = "excel"
        if len(table.sheets) > 1:  # type: ignore[union-attr]
            settings["sheet"] = table.sheet  # type: ignore[union-attr]
    else:
        settings |= {"format": "csv", "separator": table.separator}
        if table.encoding not in ("utf-8",):
            settings["encoding"] = table.encoding
        amounts = [cell for name in kind.amount_fields for cell in _cells(match, name, position, rows)]
        mark = numbers.decimal_mark(pl.Series(amounts, dtype=pl.String)) if amounts else None
        if mark in (",", "."):
            settings["decimal"] = mark
        elif mark == "unclear":
            notes.append(
                Text(
                    sv='Beloppens decimaltecken går inte att avgöra: sätt decimal till "," eller ".".',
                    en='The decimal mark of the amounts cannot be told: set decimal to "," or ".".',
                )
            )
    if header.row != table.head[0].row:
        settings["header_row"] = header.row
    unit = match.unit_of_amount or _title_unit(table, header)
    if kind.amount_fields and unit in ("tkr", "mkr"):
        settings["unit_of_amount"] = unit
    if kind.amount_fields:
        settings["sign"] = "natural" if _is_natural(match, position, rows) else "ledger"
        comments["sign"] = "debet/kostnad +, kredit/intäkt −; “natural” om filen har intäkt +" + _signs(match, position, rows)
    source = Source.model_validate({**settings, "columns": match.columns})
    for gap in kind.missing(set(match.columns)):
        text, told = alternatives_text(gap), ", ".join(shown_headers(kind, headers))
        notes.append(
            Text(
                sv=f"Ingen kolumn hittades för {text.sv}. Filens rubriker: {told}.",
                en=f"No column was found for {text.en}. The file's headers: {told}.",
            )
        )
    lines = [f"[sources.{_slug(path.stem, kind.name)}]"]
    lines += [f"{key} = {_toml(value)}" + (f"  # {comments[key]}" if key in comments else "") for key, value in settings.items()]
    lines += ["", f"[sources.{_slug(path.stem, kind.name)}.columns]"]
    lines += [f"{key} = {_toml(value)}" for key, value in match.columns.items()]
    for gap in kind.missing(set(match.columns)):
        lines.append(f'# SAKNAS / MISSING: {gap[0][0]} = "…"  # {alternatives_text(gap)}')
    if unused := [header for header in shown_headers(kind, headers) if header in match.unused]:
        lines.append(f"# ej använda rubriker / headers not used: {_comment(', '.join(unused))}")
    return Proposal(kind.name, source, "\n".join(lines) + "\n", notes)


def _cells(match: Match, name: str, position: dict[str, int], rows: list[list[str]]) -> list[str]:
    value = match.columns.get(name, [])
    places = [position[header] for header in ([value] if isinstance(value, str) else value)]
    return [row[i].strip() for row in rows for i in places if i < len(row) and row[i].strip()]


#: A unit of amount in running text: "Helårsprognos 2025 tkr", "belopp i tusental kronor".
_TITLE_UNIT = re.compile(r"\b(tkr|ksek|tusental(?: kronor)?|mkr|msek|miljoner(?: kronor)?)\b", re.IGNORECASE)


def _title_unit(table: Table, header: HeadRow) -> str | None:
    """Return the unit of amount that the rows above the headers state, if they state one."""
    text = " ".join(cell for row in table.head if row.row < header.row for cell in row.cells)
    words = {word.lower()[0] for word in _TITLE_UNIT.findall(text)}
    return {frozenset("t"): "tkr", frozenset("k"): "tkr", frozenset("m"): "mkr"}.get(frozenset(words))


def _is_natural(match: Match, position: dict[str, int], rows: list[list[str]]) -> bool:
    """Tell whether the sample is clearly written with income + and cost −, by account or by line of the follow-up."""
    key = next((name for name in ("account", "report_line") if name in match.columns), None)
    if key is None or not {"amount", "months"} & match.columns.keys():
        return False
    where = position[str(match.columns[key])]
    value = match.columns["amount"] if "amount" in match.columns else match.columns["months"]
    places = [position[header] for header in ([value] if isinstance(value, str) else value)]
    agree = against = costs = 0
    for row in rows:
        if where >= len(row) or not (code := row[where].strip()):
            continue
        line = report_line(code) if key == "report_line" else None
        is_income = line in ("external_income", "internal_income") if key == "report_line" else code.startswith("3")
        is_cost = (line is not None and not is_income) if key == "report_line" else code[:1] in "4567"
        for cell in (row[i].strip() for i in places if i < len(row)):
            if not any(digit in cell for digit in "123456789") or not (is_income or is_cost):
                continue
            negative = cell[0] in "-−(" or cell[-1] in "-−"
            costs += is_cost
            agree += negative is is_cost
            against += negative is not is_cost
    return costs > 0 and agree >= 4 * against and agree >= 2


def _signs(match: Match, position: dict[str, int], rows: list[list[str]]) -> str:
    """Return what signs the sample has by the account's first digit: the user sees at once which convention it is."""
    if not {"account", "amount"} <= match.columns.keys():
        return ""
    account, amount = (position[str(match.columns[name])] for name in ("account", "amount"))
    signs: dict[str, Counter[str]] = {}
    for row in rows:
        if max(account, amount) < len(row) and row[account][:1].isdigit() and (text := row[amount].strip()):
            negative = text[0] in "-−(" or text[-1] in "-−"
            signs.setdefault(row[account][0], Counter())["−" if negative else "+"] += 1
    told = ", ".join(
        f"{first}xxx: " + "/".join(f"{n}{s}" for s, n in sorted(found.items())) for first, found in sorted(signs.items())
    )
    return f". I provet: {told}" if told else ""


def _propose_sie(path: Path) -> Proposal:
    """Propose a source for a SIE file: its dimensions, matched by name to the code string."""
    raw = path.read_bytes()[: 2**20]
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("cp437")
    words = {
        header_key(word): f.name for f in reversed(KINDS["ledger"].fields) if f.type == "code" for word in (f.name, *f.synonyms)
    }
    dimensions: dict[str, str] = {}
    lines: list[str] = []
    for number, name in re.findall(
        r'^\s*#(?:UNDER)?DIM[ \t]+"?(\d+)"?[ \t]+"?([^"\r\n]*?)"?(?:[ \t]+\d+)?[ \t]*\r?$', text, re.MULTILINE
    ):
        known = words.get(header_key(name))
        if (
            known in ("unit", "activity", "sub_activity", "project", "cost_object", "counterparty", "party")
            and known not in dimensions.values()
        ):
            dimensions[number] = known
            lines.append(f"{json.dumps(number)} = {json.dumps(known)}  # {_comment(name)}")
        else:
            lines.append(f'# {json.dumps(number)} = "…"  # {_comment(name)}')
    source = Source.model_validate({"kind": "ledger", "files": [_pattern(path.name)], "format": "sie", "dimensions": dimensions})
    slug = _slug(path.stem, "ledger")
    head = [f"[sources.{slug}]", 'kind = "ledger"', f"files = {_toml(source.files)}", 'format = "sie"']
    toml = "\n".join(
        [*head, "", f"[sources.{slug}.dimensions]  # unit, activity, sub_activity, project, cost_object, counterparty", *lines]
    )
    return Proposal("ledger", source, toml + "\n", [])


def _propose_paxml(path: Path) -> Proposal:
    source = Source.model_validate({"kind": "hr", "files": [_pattern(path.name)], "parts": True, "dimensions": {"1": "unit"}})
    slug = _slug(path.stem, "hr")
    lines = [
        *(f"[sources.{slug}]", 'kind = "hr"', f"files = {_toml(source.files)}", "parts = true"),
        *(
            "",
            f"[sources.{slug}.dimensions]  # PAXml:s dimension = unit, activity, project, cost_object, counterparty",
            '"1" = "unit"',
        ),
    ]
    return Proposal("hr", source, "\n".join(lines) + "\n", [])


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, int) else json.dumps(value, ensure_ascii=False)


def _comment(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _pattern(name: str) -> str:
    """Return the file name with its dates and numbers replaced: huvudbok_2015-03.csv gives huvudbok_*.csv."""
    stem, dot, suffix = name.rpartition(".")
    return re.sub(r"\d[\d\-_. ]*\d|\d", "*", stem or suffix) + (dot + suffix if stem else "")


def _slug(stem: str, kind: str) -> str:
    plain = re.sub(r"[\d\W_]+", "_", stem.translate(str.maketrans("åäöÅÄÖ", "aaoAAO"))).strip("_").lower()
    return re.sub(r"[^a-z_]", "", plain) or kind
