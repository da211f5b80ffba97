"""PAXml 2.0 to 2.3: time, absence, payroll and master data from payroll systems and the systems before them.

What belongs here: the XML file and what it says. What does not: which spells count (`people`), kronor of absence
(`orchestration.people.absence`).

One pass, element by element, in bounded memory. A document type declaration is refused, entities are never resolved, nothing is
fetched. Identity and employment numbers become pseudonyms on the way in; names, addresses, bank accounts, tax and every free
text are not looked at: the reader takes the fields it knows and no others.

Sections that are not used (trips, balances, code lists, organisation names) are set aside, counted, and named in the reject
table without their content.
"""

from __future__ import annotations

import io
import re
from calendar import monthrange
from collections import Counter
from collections.abc import Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
from lxml import etree

from orchestration.errors import FileRejected, Place, Text
from orchestration.privacy import PersonKey, mask, normalise, safe_code
from orchestration.readers.contract import ENTITIES, ENTITIES_HR, Summary
from orchestration.readers.people import absence_causes
from orchestration.settings import Source

VERSIONS = ("2.0", "2.1", "2.2", "2.3")
FORMATS = ("LÖNIN", "LÖNUT", "REGISTER")

#: SIE's and PAXml's dimension 1 is the cost centre; the source's settings say the rest.
DEFAULT_DIMENSIONS = {"1": "unit"}

#: Elements that are one input row each, by the section they stand in.
_ROWS = {
    "tidtrans": "tidtransaktioner",
    "lonetrans": "lonetransaktioner",
    "schema": "schematransaktioner",
    "person": "personal",
    "lonebesked": "loneutbetalning",
}
_UNUSED = {
    "dimension": "dimensioner",
    "resultatenhet": "resultatenheter",
    "kod": "koder",
    "resetrans": "resetransaktioner",
    "saldo": "saldon",
    "klar": "tidtransaktioner",
    "attesterat": "tidtransaktioner",
}
_SECTIONS = {*_ROWS.values(), *_UNUSED.values()}

_CHUNK = 50_000
_CACHE = 200_000
_HEAD = 65_536
_MAX_DEPTH = 12
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:$|[TZ+\-\s])")
_PERIOD = re.compile(r"(20\d\d)-?(0[1-9]|1[0-2])(?:$|\D|[0-3]\d$)")
_NAMESPACE = re.compile(r"https?://(www\.)?paxml\.se/2\.[0-3](/.*)?", re.IGNORECASE)

_REASONS = {
    "date_missing": Text("datum saknas", "no date"),
    "date_invalid": Text("datumet finns inte", "no such date"),
    "ends_before_start": Text("slutar före start", "ends before it starts"),
    "extent_out_of_range": Text(
        "omfattningen ska vara över 0 och högst 100 procent", "the extent must be above 0 and at most 100 %"
    ),
    "hours_out_of_range": Text("timmarna ska vara 0 till 24 på en dag", "hours must be 0 to 24 on one day"),
    "number_invalid": Text("inte ett tal", "not a number"),
    "number_too_large": Text("talet är för stort", "the number is too large"),
    "code_missing": Text("kod saknas", "no code"),
    "employment_missing": Text("varken anställningsnummer eller personnummer", "neither employment number nor identity number"),
    "degree_out_of_range": Text("sysselsättningsgraden ska vara 0 till 100 procent", "the degree must be 0 to 100 %"),
    "not_used": Text("används inte av avvik", "not used by avvik"),
    "unknown_element": Text("okänt element", "unknown element"),
}


class _BadRow(Exception):
    def __init__(self, code: str, where: str = "") -> None:
        super().__init__(code)
        self.code, self.where = code, where


def is_paxml(head: bytes) -> bool:
    """Tell from a file's first bytes whether it is PAXml."""
    for encoding in ("utf-16", "utf-8") if head[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8",):
        if re.search(r"<(\w+:)?paxml[\s>]", head[:4096].decode(encoding, errors="replace")):
            return True
    return False


def read_paxml(
    path: Path, source: Source, *, key: PersonKey, delivery: str, label: str | None = None, max_bytes: int = 2**30
) -> PaxmlReading:
    """Open a PAXml file: iterate over (entity, table) chunks of `people.ENTITIES_HR` and `reject`; then `summary` is complete.

    delivery ('YYYY-MM') dates rows that have no date of their own. max_bytes is the largest file that is read.
    Iteration raises FileRejected: not_paxml, not_xml, document_type, too_large, too_deep, version_unknown, format_unknown,
    truncated.
    """
    return PaxmlReading(path, source, key, delivery, label or path.name, max_bytes)


class PaxmlReading:
    """One pass over one PAXml file; see `read_paxml`."""

    def __init__(self, path: Path, source: Source, key: PersonKey, delivery: str, label: str, max_bytes: int) -> None:
        self.summary = Summary("PAXml")
        self._path, self._key, self._delivery, self._label, self._max_bytes = path, key, delivery, label, max_bytes
        self._dimensions = source.dimensions or DEFAULT_DIMENSIONS
        self._rows: dict[str, list[dict[str, Any]]] = {name: [] for name in (*ENTITIES_HR, "reject")}
        self._periods: dict[str, set[str]] = {}
        self._header: dict[str, str] = {}
        #: The century of a ten-digit number follows from the delivery, so that reading a file again gives the same people.
        year, month = map(int, delivery.split("-"))
        self._on = date(year, month, monthrange(year, month)[1])
        # The same people and codes come back row after row; bounded, since a hostile file may hold a new one on every row.
        self._identity = lru_cache(_CACHE)(lambda number: normalise(number, on=self._on))
        self._person_of = lru_cache(_CACHE)(lambda number: key.person(self._identity(number)))
        self._employment = lru_cache(_CACHE)(key.employment)
        self._code = lru_cache(_CACHE)(lambda text: safe_code(text[:60]) if text else None)
        self._notes: Counter[str] = Counter()

    def __iter__(self) -> Iterator[tuple[str, pa.Table]]:
        if self._path.stat().st_size > self._max_bytes:
            raise self._refuse(
                "too_large",
                Text(f"filen är större än {self._max_bytes} byte", f"the file is larger than {self._max_bytes} bytes"),
            )
        with self._path.open("rb") as file:
            self._read_header(file)
            file.seek(0)
            for element in self._elements(file):
                self._take(element)
                if sum(map(len, self._rows.values())) >= _CHUNK:
                    yield from self._flush()
        self._finish()
        yield from self._flush()

    # the file

    def _elements(self, file: io.BufferedReader) -> Iterator[etree._Element]:
        """Yield every row element of a known section, and each unknown one, with its subtree; then let it go."""
        depth, section, seen_root = 0, "", False
        try:
            events = etree.iterparse(
                file,
                events=("start", "end"),
                resolve_entities=False,
                no_network=True,
                load_dtd=False,
                huge_tree=False,
                remove_comments=True,
                remove_pis=True,
            )
            for event, element in events:
                if event == "start":
                    depth += 1
                    if not seen_root:
                        self._check_root(element)
                        seen_root = True
                    if depth > _MAX_DEPTH:
                        raise self._refuse(
                            "too_deep", Text("för djupt nästlad för PAXml", "nested too deeply for PAXml"), element.sourceline
                        )
                    if depth == 2:
                        section = _name(element)
                    continue
                depth -= 1
                if depth == 2 and section != "header":
                    yield element
                if depth in (1, 2) and section != "header":
                    element.clear()
                    while element.getprevious() is not None:
                        del element.getparent()[0]
        except etree.XMLSyntaxError as error:
            raise self._syntax(error) from error
        if not seen_root:
            raise self._refuse("not_xml", Text("filen är tom", "the file is empty"))

    def _check_root(self, root: etree._Element) -> None:
        if root.getroottree().docinfo.doctype:
            raise self._refuse(
                "document_type",
                Text(
                    "filen har en dokumenttypsdeklaration (DOCTYPE); sådana läses inte",
                    "the file has a document type declaration (DOCTYPE); such files are not read",
                ),
            )
        name = etree.QName(root)
        if name.localname != "paxml" or (name.namespace and not _NAMESPACE.fullmatch(name.namespace)):
            shown = mask(name.localname)[:40]
            raise self._refuse(
                "not_paxml",
                Text(f"inte PAXml: rotelementet är {shown}", f"not PAXml: the root element is {shown}"),
            )

    def _syntax(self, error: etree.XMLSyntaxError) -> FileRejected:
        line = error.lineno or None
        if self._ends_early():
            return self._refuse("truncated", Text("filen slutar mitt i", "the file ends in the middle"), line)
        said = mask(error.msg or "")[:120]
        return self._refuse("not_xml", Text(f"inte giltig XML: {said}", f"not valid XML: {said}"), line)

    def _ends_early(self) -> bool:
        """A file that begins as PAXml and lacks its closing tag was cut off."""
        with self._path.open("rb") as file:
            head = file.read(_HEAD)
            file.seek(max(0, self._path.stat().st_size - 64))
            tail = file.read().rstrip(b"\0 \t\r\n").replace(b"\0", b"")
        return is_paxml(head) and not re.search(rb"</(\w+:)?paxml\s*>$", tail)

    def _read_header(self, file: io.BufferedReader) -> None:
        """Find the header, which may stand anywhere in the file, for the dates that rows without one need."""
        options = {"resolve_entities": False, "no_network": True, "load_dtd": False, "huge_tree": False}
        try:
            for event, element in etree.iterparse(file, events=("start", "end"), **options):
                parent = element.getparent()
                if parent is None:
                    if event == "start":
                        self._check_root(element)
                        self._header["location"] = " ".join(element.attrib.values())
                    continue
                if event == "start" or parent.getparent() is not None:
                    continue
                if _name(element) == "header":
                    self._take_header(element)
                    return
                element.clear()
        except etree.XMLSyntaxError:
            pass  # the pass over the rows says what is wrong, with its line

    def _take_header(self, element: etree._Element) -> None:
        header = _Row(element)
        for name in ("version", "format", "datum", "foretagorgnr"):
            self._header[name] = _text(header, name) or ""
        export = _child(header, "nyexport")
        self._header.update(exported=export.get("datum", ""), first=export.get("datumfrom", ""), last=export.get("datumtom", ""))

    # rows

    def _take(self, element: etree._Element) -> None:
        name, parent = _name(element), element.getparent()
        section = _name(parent) if parent is not None else ""
        counts = self.summary.row_counts
        if _ROWS.get(name) == section:
            owner = _Row(element)
            for kind, row in self._parts(name, owner):
                self.summary.rows_in += 1
                counts[kind] = counts.get(kind, 0) + 1
                try:
                    getattr(self, f"_{kind}")(row, owner)
                    self.summary.rows_kept += 1
                except _BadRow as bad:
                    self._reject(row, kind, bad.code, bad.where)
            return
        self.summary.rows_in += 1
        known = _UNUSED.get(name) == section
        kind = name if known else f"unknown {mask(section)[:30]}/{mask(name)[:30]}"
        if kind in counts or len(counts) < 100:
            counts[kind] = counts.get(kind, 0) + 1
        self._reject(_Row(element), kind, "not_used" if known else "unknown_element")

    def _parts(self, name: str, owner: _Row) -> Iterator[tuple[str, _Row]]:
        """Split a row element into the input rows that it holds: days of a schedule, rows and postings of a pay slip."""
        if name == "schema":
            for part in owner.element:
                yield "dag", _Row(part)
        elif name == "lonebesked":
            if _text(owner, "arbavgiftbel"):
                yield "arbavgift", owner
            for group, kind in (("lonerader", "lonrad"), ("kontering", "transaktion")):
                for part in _child(owner, group):
                    yield kind, _Row(part)
        else:
            yield name, owner

    def _tidtrans(self, row: _Row, _: _Row) -> None:
        code = self._code(_text(row, "tidkod"))
        if code is None:
            raise _BadRow("code_missing", "tidkod")
        start, end = self._span(row)
        hours = _number(row, "timmar", "0.0001")
        single_day = end is not None and end == start
        if hours is not None and (hours < 0 or (single_day and hours > 24)):
            raise _BadRow("hours_out_of_range", "timmar")
        common = {
            "source_row": row.line,
            "record_id": self._code(row.get("postid")),
            **self._who(row),
            **self._units(row),
            "valid_from": start,
            "valid_to": end,
            "hours": hours,
        }
        causes = absence_causes()
        if code not in causes:
            line = {"time_code": code, "account": self._code(_text(row, "kontonr"))}
            self._add("time_line", {**common, **line}, start)
            return
        percent = _number(row, "omfattning", "0.0001")
        if percent is not None and not 0 < percent <= 100:
            raise _BadRow("extent_out_of_range", "omfattning")
        extent = percent / 100 if percent is not None else Decimal(1) if hours is None else None
        if not causes[code]:
            self._notes["unmapped_cause"] += 1
        spell = {"cause": causes[code] or None, "cause_code": code, "extent": extent, "is_deleted": False}
        self._add("absence_spell", {**common, **spell}, start)

    def _dag(self, row: _Row, schema: _Row) -> None:
        day = _date(row.get("datum"), "datum")
        if day is None:
            raise _BadRow("date_missing", "datum")
        hours = _decimal(row.get("timmar"), "timmar", "0.0001")
        if hours is None or not 0 <= hours <= 24:
            raise _BadRow("hours_out_of_range", "timmar")
        self._add("schedule_day", {"source_row": row.line, **self._who(schema), "day": day, "hours": hours}, day)

    def _lonetrans(self, row: _Row, _: _Row) -> None:
        wage_type = self._code(_text(row, "lonart")) or self._code(_text(row, "lonkod"))
        if wage_type is None:
            raise _BadRow("code_missing", "lonart")
        start, end = self._span(row, required=False)
        paid_on = end or start
        self._payroll(row, row, "transaction", paid_on, start, end, wage_type, _number(row, "belopp", "0.01"))

    def _lonrad(self, row: _Row, slip: _Row) -> None:
        start = _date(_text(row, "datumfrom"), "datumfrom")
        end = _date(_text(row, "datumtom"), "datumtom")
        amount = _number(row, "belopp", "0.01")
        self._payroll(row, slip, "pay", None, start, end, self._code(_text(row, "lonart")), amount)

    def _arbavgift(self, slip: _Row, _: _Row) -> None:
        amount = _number(slip, "arbavgiftbel", "0.01")
        self._payroll(slip, slip, "employer_contribution", None, None, None, None, amount)

    def _transaktion(self, row: _Row, slip: _Row) -> None:
        amount = _decimal(row.get("belopp"), "belopp", "0.01")
        if amount is None or not row.get("kontonr"):
            raise _BadRow("code_missing", "kontonr" if amount is not None else "belopp")
        self._payroll(row, slip, "posting", None, None, None, None, amount)

    def _payroll(
        self,
        row: _Row,
        owner: _Row,
        kind: str,
        day: date | None,
        start: date | None,
        end: date | None,
        wage_type: str | None,
        amount: Decimal | None,
    ) -> None:
        """Add a payroll line; its month is the slip's, else the row's own, else the export's, else the delivery's."""
        paid_on = _date(_text(owner, "betaldatum"), "betaldatum") if kind != "transaction" else None
        stated = _PERIOD.match(_text(owner, "periodid") or "")
        dated = paid_on or day
        if stated:
            period = f"{stated.group(1)}-{stated.group(2)}"
        elif dated:
            period = f"{dated:%Y-%m}"
        else:
            exported = _date_or_none(self._header.get("last")) or _date_or_none(self._header.get("first"))
            period = f"{exported:%Y-%m}" if exported else self._delivery
            self._notes["undated"] += 1
        is_row = row is not owner or kind == "transaction"
        line = {
            "source_row": row.line,
            "record_id": self._code(row.get("postid") or row.get("radnr")),
            "line_kind": kind,
            "period": period,
            "paid_on": paid_on,
            **self._who(owner),
            "wage_type": wage_type,
            "pay_type": self._code(_text(row, "lonetyp")) if is_row else None,
            "account": self._code(row.get("kontonr") or _text(row, "kontonr")) if is_row else None,
            **(self._units(row) if is_row else {}),
            "quantity": _number(row, "antal", "0.0001") if is_row else None,
            "unit_price": _number(row, "apris", "0.01") if is_row else None,
            "amount": amount,
            "work_from": start,
            "work_to": end,
        }
        self._add("payroll_line", line, None, period)
        if amount is not None:
            sums = self.summary.amount_in
            sums["payroll_line"] = sums.get("payroll_line", Decimal("0.00")) + amount

    def _person(self, row: _Row, _: _Row) -> None:
        start = _date(_text(row, "anstdatum"), "anstdatum")
        end = _date(_text(row, "avgdatum"), "avgdatum")
        if start and end and end < start:
            raise _BadRow("ends_before_start", "avgdatum")
        degree = _number(row, "sysgrad", "0.0001")
        if degree is not None and not 0 <= degree <= 100:
            raise _BadRow("degree_out_of_range", "sysgrad")
        identity = self._identity(row.get("persnr"))
        form = _text(row, "lonform")
        employment = {
            "source_row": row.line,
            **self._who(row),
            "birth_year": identity.birth_year if identity else None,
            "sex": (identity.sex or None) if identity else None,
            "title_code": self._code(_text(row, "befattningskod")),
            **self._units(row),
            "employment_form": self._code(_text(row, "anstform")),
            "wage_form": {"TIM": "hour", "MÅN": "month"}.get((form or "").upper()),
            "degree": degree / 100 if degree is not None else None,
            "degree_from": _date(_child(row, "sysgrad").get("datum"), "sysgrad"),
            "monthly_wage": _number(row, "manlon", "0.01"),
            "wage_basis": "",
            "wage_from": _date(_child(row, "manlon").get("datum"), "manlon"),
            "hourly_wage": _number(row, "timlon", "0.01"),
            "valid_from": start,
            "valid_to": end,
            "is_deleted": row.get("delete") in ("true", "1"),
        }
        self._add("employment", employment, None)

    # fields

    def _span(self, row: _Row, *, required: bool = True) -> tuple[date | None, date | None]:
        """Return first and last day: one date, or an interval whose end may be open."""
        day = _date(_text(row, "datum"), "datum")
        if day is not None:
            return day, day
        start, end = _date(_text(row, "datumfrom"), "datumfrom"), _date(_text(row, "datumtom"), "datumtom")
        if start is None and required:
            raise _BadRow("date_missing", "datum")
        if start and end and end < start:
            raise _BadRow("ends_before_start", "datumtom")
        return start, end

    def _who(self, row: _Row) -> dict[str, str | None]:
        number = row.get("persnr")
        who = {"employment": self._employment(row.get("anstid")), "person": self._person_of(number)}
        if who["employment"] is None and who["person"] is None:
            raise _BadRow("employment_missing", "anstid")
        identity = self._identity(number)
        if identity is not None and not identity.is_valid:
            self._notes["identity"] += 1
        return who

    def _units(self, row: _Row) -> dict[str, str | None]:
        units = {}
        for unit in _child(row, "resenheter"):
            field = self._dimensions.get((unit.get("dim") or "").strip())
            if field:
                units[field] = self._code(unit.get("id"))
            else:
                self._notes["dimension"] += 1
        return units

    def _add(self, entity: str, row: dict[str, Any], day: date | None, period: str | None = None) -> None:
        self._rows[entity].append(row)
        month = period or (f"{day:%Y-%m}" if day else None)
        if month:
            self._periods.setdefault(entity, set()).add(month)

    def _reject(self, row: _Row, kind: str, code: str, where: str = "") -> None:
        is_bad = code not in ("not_used", "unknown_element")
        if is_bad:
            self.summary.rows_bad += 1
        else:
            self.summary.rows_set_aside += 1
        shown = "" if not is_bad else self._shown(row)
        reason = f"{_REASONS[code]}{f' ({where})' if where else ''}"
        self._rows["reject"].append(
            {
                "source_row": row.line,
                "reason_code": code,
                "reason": reason,
                "row_content": mask(f"{kind} {shown}".strip())[:200],
                "is_bad": is_bad,
            }
        )

    @staticmethod
    def _shown(row: _Row) -> str:
        """The fields that tell what is wrong and nobody's identity: codes, dates, numbers."""
        fields = (
            "tidkod",
            "lonart",
            "datum",
            "datumfrom",
            "datumtom",
            "timmar",
            "omfattning",
            "anstdatum",
            "avgdatum",
            "sysgrad",
        )
        found = [f"{name}={(_text(row, name) or '')[:30]}" for name in fields if _text(row, name)]
        found += [f"{name}={row.get(name)[:30]}" for name in ("datum", "timmar", "kontonr") if row.get(name)]
        return " ".join(found)

    # the end

    def _flush(self) -> Iterator[tuple[str, pa.Table]]:
        for entity, rows in self._rows.items():
            if rows:
                self._rows[entity] = []
                yield entity, pa.Table.from_pylist(rows, schema=ENTITIES[entity])

    def _finish(self) -> None:
        summary, header = self.summary, self._header
        version = header.get("version") or ""
        if not version and (stated := re.search(r"paxml\.se/(2\.\d)|^(2\.\d)\b", header.get("location", ""))):
            version = stated.group(1) or stated.group(2)
        if version not in VERSIONS:
            shown = mask(version)[:20] or "–"
            raise self._refuse(
                "version_unknown",
                Text(f"version {shown}; avvik läser PAXml 2.0 till 2.3", f"version {shown}; avvik reads PAXml 2.0 to 2.3"),
            )
        file_format = header.get("format", "").upper()
        if file_format and file_format not in FORMATS:
            shown = mask(file_format)[:20]
            raise self._refuse(
                "format_unknown",
                Text(f"formatet {shown} är inte LÖNIN, LÖNUT eller REGISTER", f"format {shown} is not LÖNIN, LÖNUT or REGISTER"),
            )
        summary.file_format = f"PAXml {version} {file_format}".strip()
        summary.encoding = "XML"
        summary.generated_on = _date_or_none(header.get("datum")) or _date_or_none(header.get("exported"))
        summary.organisation_number = safe_organisation(header.get("foretagorgnr", ""))
        summary.entity_periods = {entity: (min(months), max(months)) for entity, months in self._periods.items()}
        months = [month for span in summary.entity_periods.values() for month in span]
        if months:
            summary.period_from, summary.period_to = min(months), max(months)
        for note, count in self._notes.items():
            summary.extra[note] = count
            summary.warnings.append(str(_note(note, count, self._delivery)))

    def _refuse(self, code: str, text: Text, line: int | None = None) -> FileRejected:
        return FileRejected(code, Place(self._label, line), text)


def safe_organisation(number: str) -> str:
    """Return an organisation number, masked if it is a person's (a sole trader's is)."""
    digits = re.sub(r"\D", "", number)[-10:]
    is_organisation = len(digits) == 10 and int(digits[2:4]) >= 20
    return number if is_organisation else mask(number)


def _note(note: str, count: int, delivery: str) -> Text:
    if note == "identity":
        return Text(
            f"{count} rader har personnummer med fel datum eller kontrollsiffra, eller reservnummer; de är kvar, men samma "
            "person under ett annat nummer räknas som en annan",
            f"{count} rows have identity numbers with a wrong date or check digit, or reserve numbers; they are kept, but the "
            "same person under another number counts as somebody else",
        )
    if note == "unmapped_cause":
        return Text(
            f"{count} frånvarorader har en egen kod (FR1–FR9) som inte är mappad till en orsak",
            f"{count} absence rows have a code of the employer's own (FR1–FR9) that is not mapped to a cause",
        )
    if note == "dimension":
        return Text(
            f"{count} konteringar har dimensioner som källan inte mappar i avvik.toml",
            f"{count} codings have dimensions that the source does not map in avvik.toml",
        )
    return Text(
        f"{count} lönerader saknar datum och har fått exportens eller leveransens månad ({delivery})",
        f"{count} payroll rows have no date and were given the month of the export or the delivery ({delivery})",
    )


_LOCAL: dict[str, str] = {}


def _name(element: etree._Element) -> str:
    """Return the tag without its namespace."""
    tag = element.tag
    if not isinstance(tag, str):
        return ""
    if tag not in _LOCAL and len(_LOCAL) < 1000:  # hostile files do not fill the memory with names
        _LOCAL[tag] = tag.rpartition("}")[2]
    return _LOCAL.get(tag) or tag.rpartition("}")[2]


class _Row:
    """One element with its children by name, looked up once."""

    __slots__ = ("children", "element", "get", "line")

    def __init__(self, element: etree._Element) -> None:
        self.element, self.get, self.line = element, element.get, element.sourceline
        self.children = {_name(child): child for child in element}


_NOTHING = etree.Element("nothing")


def _child(row: _Row, name: str) -> etree._Element:
    return row.children.get(name, _NOTHING)


def _text(row: _Row, name: str) -> str | None:
    child = row.children.get(name)
    if child is None or not child.text:
        return None
    return child.text.strip() or None


def _number(row: _Row, name: str, unit: str) -> Decimal | None:
    return _decimal(_text(row, name), name, unit)


def _decimal(text: str | None, name: str, unit: str) -> Decimal | None:
    if text is None or not text.strip():
        return None
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        raise _BadRow("number_invalid", name) from None
    if not number.is_finite() or len(text) > 40:
        raise _BadRow("number_invalid", name)
    if abs(number) >= 10**12:
        raise _BadRow("number_too_large", name)
    return number.quantize(Decimal(unit))


def _date(text: str | None, name: str) -> date | None:
    if text is None or not text.strip():
        return None
    match = _DATE.match(text.strip())
    try:
        if match is None:
            raise ValueError
        found = date(*map(int, match.groups()))
    except ValueError:
        raise _BadRow("date_invalid", name) from None
    if not 1900 <= found.year <= 2100:
        raise _BadRow("date_invalid", name)
    return found


def _date_or_none(text: str | None) -> date | None:
    try:
        return _date(text, "")
    except _BadRow:
        return None
