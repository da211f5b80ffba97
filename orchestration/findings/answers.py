"""What controllers say of findings: read from action lists, remembered, and applied to the findings of a close.

A saved action list is read once: its content is known by its hash, and what it said is remembered in `raw/answer/<hash>.json`,
one file per version of a list, written last and never changed. So an answer survives whatever happens to the list. An answer
holds for the facts that it was given for: it silences exactly that finding until these change.

What belongs here: reading lists back, remembering, the status that answers give, and what became of an earlier report's findings.
What does not: writing lists (`actions`), what the ledger itself corrects (`cases`).
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import python_calamine

from orchestration.errors import AvvikError, FileRejected, Place, Text
from orchestration.files import replace_file
from orchestration.readers.sheets import Workbook
from orchestration.register import now
from orchestration.settings import PERIOD, Settings, Source

SHEET = "Åtgärdslista"
#: How the name of a list begins, also as "Åtgärdslista"; and the file type that avvik writes and reads.
_NAME, _SUFFIX = "atgardslista", ".xlsx"
_OTHER_SUFFIXES = (".xls", ".xlsm", ".xlsb", ".ods", ".csv")

#: Headings of the columns that are read back. The first four are locked and say which finding, and what the list itself wrote.
KEY, FACTS, REPORT, KNOWN = "Nyckel", "Fakta", "Rapport", "Känt svar"
ANSWER, REASON, WHO, UNTIL = "Svar", "Motivering", "Vem", "Gäller till och med"

#: What the drop-down offers, and the status that it gives.
CHOICES = {"Bekräftat": "acknowledged", "Förklarat": "explained"}

_OPEN = ("open", "recurring")
_ANSWERED = tuple(CHOICES.values())
_HEAD_ROWS = 20
_MAX_REASON = 2_000


@dataclass(frozen=True)
class Answer:
    """One answer to one finding. status: acknowledged, explained, or open where an earlier answer was taken back.

    facts: those that it was given for (`facts_of`). report_period: the report whose list it stands in. until: the last close at
    which it holds, '' for as long as the facts do. file, row: where it stands. read_at: when avvik read it (ISO 8601, UTC).
    """

    finding_id: str
    facts: str
    report_period: str
    status: str
    reason: str
    who: str
    until: str
    file: str
    row: int
    read_at: str


@dataclass(frozen=True)
class Problem:
    """An answer that could not be read, and where."""

    file: str
    row: int | None
    column: str
    text: Text

    def __str__(self) -> str:
        sheet = Text(sv=f"bladet “{SHEET}”", en=f"sheet “{SHEET}”")
        return f"{self.file}, {sheet}, {Place('', self.row, self.column or None)}".replace(", , ", ", ") + f": {self.text}"


@dataclass
class ListRead:
    """What one version of an action list said. problems: rows that could not be read; the others count."""

    file: str
    sha256: str
    answers: list[Answer] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True)
class FollowedUp:
    """What became of a finding of an earlier report ("har åtgärdats": was it?). Amounts are SEK, effect on the period.

    said: its status and answer in the earlier report. status: now. corrected + remaining = what was told then.
    """

    finding_id: str
    rule_id: str
    title: str
    unit_code: str
    report_line: str
    account: str
    counterparty: str
    periods: str
    said: str
    said_answer: str
    status: str
    told: Decimal
    corrected: Decimal
    remaining: Decimal


def facts_of(finding: Any) -> str:
    """Return the facts of a finding that an answer is given for, as text.

    A missing recurring posting that goes on missing at the same amount is the same fact; so is a budget profile until the budget
    or the reference changes. Everything else changes with the finding's fingerprint.
    """
    goes_on = ""
    months = str(finding.periods).split(",")
    if finding.rule_id in ("PER-01", "PER-09") and not float(finding.booked_amount or 0):
        goes_on = f"{months[0]}:{float(finding.expected_amount) / len(months):.2f}"
    elif finding.rule_id == "PER-04" and isinstance(finding.corrected_profile, str):
        goes_on = f"{months[0]}:{hashlib.sha256(finding.corrected_profile.encode()).hexdigest()[:12]}"
    return f"{finding.fingerprint};{goes_on}"


def same_facts(given: str, now_: str, status: str) -> bool:
    """Tell whether an answer given for some facts holds for the facts of now.

    Explained holds while the same thing goes on. Acknowledged means that it will be put right: another month without the posting
    is a new fact.
    """
    if given.split(";")[0] == now_.split(";")[0]:
        return True
    start, _, amount = given.partition(";")[2].partition(":")
    start_now, _, amount_now = now_.partition(";")[2].partition(":")
    if status != "explained" or not amount or start != start_now:
        return False
    try:
        return abs(float(amount) - float(amount_now)) <= 0.1 * abs(float(amount))
    except ValueError:
        return amount == amount_now


def signature(answer: str, reason: str, who: str, until: str) -> str:
    """Return what the list writes beside the answers that it fills in itself, to tell them from those that a person changed."""
    return hashlib.sha256("|".join((answer, reason, who, until)).encode()).hexdigest()[:12] if answer else ""


def memory(settings: Settings) -> Path:
    """Return the folder of what has been read: one JSON file per version of a list."""
    return settings.raw / "answer"


def remembered(settings: Settings) -> list[Answer]:
    """Return every answer that has been read, oldest first."""
    found: list[Answer] = []
    for path in sorted(memory(settings).glob("*.json")):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            found += [Answer(**item) for item in record["answers"]]
        except (ValueError, KeyError, TypeError) as error:
            raise AvvikError(
                Text(
                    sv=f"{path} är skadad. Ta bort filen: då läses åtgärdslistan på nytt.",
                    en=f"{path} is damaged. Remove it: the action list is then read anew.",
                )
            ) from error
    return sorted(found, key=lambda answer: (answer.read_at, answer.file, answer.row))


def is_remembered(settings: Settings, content: bytes) -> bool:
    """Tell whether this version of a list has been read, or was written by avvik."""
    return (memory(settings) / f"{_hash(content)}.json").exists()


def remember(settings: Settings, read: ListRead) -> None:
    """Keep what a list said. A list with rows that could not be read is kept too, but read again until it is put right."""
    memory(settings).mkdir(parents=True, exist_ok=True)
    record = {"file": read.file, "read_at": now(), "answers": [asdict(answer) for answer in read.answers]}
    replace_file(_memory_of(settings, read), json.dumps(record, ensure_ascii=False, indent=1).encode("utf-8"))


def _memory_of(settings: Settings, read: ListRead) -> Path:
    return memory(settings) / f"{read.sha256}{'.unread' if read.problems else ''}.json"


def remember_written(settings: Settings, file: str, content: bytes) -> None:
    """Keep that avvik wrote this version of a list, so that it is not read as anybody's answers."""
    remember(settings, ListRead(file, _hash(content)))


def lists(settings: Settings) -> list[Path]:
    """Return every action list in `reports/*/` and `inbox/*/`, in the order of their months; not the lock files of open ones.

    Also those that somebody has saved as another kind of file, which `read_list` refuses: an answer must not be lost silently.
    """
    found = [path for folder in ("reports", "inbox") for path in (settings.home / folder).glob("*/*") if _is_list(path)]
    return sorted(found, key=lambda p: (p.parent.name, str(p.parent), p.name))


def _is_list(path: Path) -> bool:
    plain = "".join(c for c in unicodedata.normalize("NFD", path.name.casefold()) if not unicodedata.combining(c))
    return plain.startswith(_NAME) and Path(plain).suffix in (_SUFFIX, *_OTHER_SUFFIXES) and path.is_file()


def take_in(settings: Settings) -> list[Problem]:
    """Read every action list that has been saved since the last time, remember its answers, and return what is unreadable."""
    problems: list[Problem] = []
    for path in lists(settings):
        content = path.read_bytes()
        if not is_remembered(settings, content):
            read = read_list(settings, path, content)
            if not (read.problems and _memory_of(settings, read).exists()):  # read before, and still not put right
                remember(settings, read)
            problems += read.problems
    return problems


def read_list(settings: Settings, path: Path, content: bytes) -> ListRead:
    """Return what a saved action list says. A file that is no action list is one problem, never an exception."""
    label = path.relative_to(settings.home).as_posix() if path.is_relative_to(settings.home) else path.name
    read = ListRead(label, _hash(content))
    if len(content) > settings.max_file_mb * 2**20:
        read.problems.append(Problem(label, None, "", Text(sv="filen är för stor", en="the file is too large")))
        return read
    if path.suffix.casefold() != _SUFFIX:
        text = Text(sv="spara listan som Excel (.xlsx): så läses den inte", en="save the list as Excel (.xlsx): it is not read")
        read.problems.append(Problem(label, None, "", text))
        return read
    try:
        Workbook(
            path, Source(kind="budget", files=[], sheet=SHEET), label, settings.max_unpacked_mb
        )  # refuses what is no workbook
        rows = python_calamine.CalamineWorkbook.from_path(str(path)).get_sheet_by_name(SHEET).to_python(skip_empty_area=False)
    except FileRejected as rejected:
        read.problems.append(Problem(label, rejected.place.row, rejected.place.column or "", rejected.text))
        return read
    needed = (KEY, FACTS, REPORT, KNOWN, ANSWER, REASON, WHO, UNTIL)
    heads = next((n for n, row in enumerate(rows[:_HEAD_ROWS]) if KEY in [_text(cell) for cell in row]), None)
    names = [_text(cell) for cell in rows[heads]] if heads is not None else []
    lacking = [name for name in needed if name not in names]
    if heads is None or lacking:
        missing = ", ".join(lacking or needed)
        text = Text(sv=f"kolumnerna {missing} saknas", en=f"the columns {missing} are missing")
        read.problems.append(Problem(label, (heads + 1) if heads is not None else None, "", text))
        return read
    twice = [name for name in needed if names.count(name) > 1]
    if twice:
        text = Text(
            sv=f"flera kolumner heter {', '.join(twice)}: döp om din egen",
            en=f"several columns are called {', '.join(twice)}: rename your own",
        )
        read.problems.append(Problem(label, heads + 1, "", text))
        return read
    at = {name: names.index(name) for name in needed}
    for number, row in enumerate(rows[heads + 1 :], start=heads + 2):
        cells = {name: row[column] if column < len(row) else "" for name, column in at.items()}
        if any(_text(cell) for cell in cells.values()):
            _read_row(read, label, number, cells)
    return read


def _read_row(read: ListRead, label: str, number: int, cells: dict[str, Any]) -> None:
    said, reason, who = (_text(cells[name]) for name in (ANSWER, REASON, WHO))
    said = {choice.casefold(): choice for choice in CHOICES}.get(unicodedata.normalize("NFC", said).casefold(), said)
    until = _month(cells[UNTIL])

    def problem(column: str, sv: str, en: str) -> None:
        read.problems.append(Problem(label, number, column, Text(sv=sv, en=en)))

    if signature(said, reason, who, until or "") == _text(cells[KNOWN]) and (said or not (reason or who or until)):
        return  # as the list was written
    if not re.fullmatch(r"[0-9a-f]{16}", _text(cells[KEY])) or ";" not in _text(cells[FACTS]):
        problem(KEY, "raden säger inte vilket fynd svaret gäller", "the row does not say which finding the answer is for")
    elif not PERIOD.match(_text(cells[REPORT])):
        problem(REPORT, "raden säger inte vilken rapport svaret gäller", "the row does not say which report the answer is for")
    elif said and said not in CHOICES:
        known = ", ".join(CHOICES)
        problem(ANSWER, f"“{said[:40]}” är inget av svaren {known}", f"“{said[:40]}” is none of the answers {known}")
    elif not said and not _text(cells[KNOWN]):
        problem(ANSWER, "motivering utan svar: välj ett svar", "a reason without an answer: choose an answer")
    elif said == "Förklarat" and not reason:
        problem(REASON, "ett förklarat fynd behöver en motivering", "an explained finding needs a reason")
    elif until is None:
        problem(UNTIL, "skriv en månad som ÅÅÅÅ-MM, eller ett datum", "write a month as YYYY-MM, or a date")
    elif until and until < _text(cells[REPORT]):
        problem(UNTIL, "månaden är före rapportens: svaret gäller aldrig", "the month is before the report's: it never holds")
    elif any(other.finding_id == _text(cells[KEY]) for other in read.answers):
        problem(KEY, "fyndet är besvarat på en rad ovanför", "the finding is answered in a row above")
    else:
        read.answers.append(
            Answer(
                _text(cells[KEY]),
                _text(cells[FACTS]),
                _text(cells[REPORT]),
                CHOICES.get(said, "open"),
                reason[:_MAX_REASON],
                who[:200],
                until,
                label,
                number,
                now(),
            )
        )


def apply(findings: pd.DataFrame, answers: list[Answer], period: str) -> pd.DataFrame:
    """Return the findings of a close with the status that the answers give; an answer of a later report does not count yet.

    Status acknowledged and explained come from answers alone: without one that holds, the finding is open (again).
    """
    out = findings.copy()
    latest: dict[str, list[Answer]] = {}
    for answer in answers:
        if answer.report_period <= period:
            latest.setdefault(answer.finding_id, []).append(answer)
    status, reasons, who, until = [], [], [], []
    for row in out.itertuples():
        holding = None
        for answer in latest.get(str(row.finding_id), []):
            if same_facts(answer.facts, facts_of(row), answer.status):
                holding = answer
        if holding is not None and (holding.status == "open" or (holding.until and holding.until < period)):
            holding = None
        answered = holding is not None and row.status != "corrected"
        own = "open" if row.status in _ANSWERED else str(row.status)
        status.append(holding.status if answered and holding else own)
        reasons.append(holding.reason if holding else None)
        who.append(holding.who if holding else None)
        until.append(holding.until or None if holding else None)
    out["status"], out["answer"], out["answered_by"], out["answer_until"] = status, reasons, who, until
    out["escalated"] = (out.tier == "fråga") & out.status.isin(_OPEN) & (out.age >= 1)
    return out


def follow_up_on(earlier: pd.DataFrame, later: pd.DataFrame) -> list[FollowedUp]:
    """Return what became of the findings that an earlier report told as not yet corrected, largest first.

    earlier, later: `marts.findings` of two closes. News that was told once (PER-10) has no afterwards. A finding that has gone on
    growing is not partly corrected: what was told then remains until it is less. One that is no longer followed, since its
    fiscal year is over, has the status 'past' and is not corrected.
    """
    after = {row.finding_id: row for row in later.itertuples()}
    out = []
    for row in earlier[(earlier.status != "corrected") & (earlier.rule_id != "PER-10")].itertuples():
        is_now = after.get(row.finding_id)
        told = _kronor(row.effect_period)
        status = str(is_now.status) if is_now is not None else "past"
        left = told if is_now is None else Decimal(0) if status == "corrected" else _kronor(is_now.effect_period)
        same_way = left * told > 0
        remaining = (min(abs(left), abs(told)) * (1 if told > 0 else -1)) if same_way else Decimal(0)
        out.append(
            FollowedUp(
                str(row.finding_id),
                str(row.rule_id),
                str(row.title),
                str(row.unit_code),
                str(row.report_line),
                _text(row.account),
                _text(row.counterparty),
                str(row.periods),
                str(row.status),
                _text(row.answer),
                status,
                told,
                told - remaining,
                remaining,
            )
        )
    return sorted(out, key=lambda f: (-abs(f.told), f.finding_id))


def _kronor(value: Any) -> Decimal:
    return Decimal(0) if value is None or pd.isna(value) else Decimal(str(round(Decimal(value), 2)))


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _text(value: Any) -> str:
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _month(value: Any) -> str | None:
    """Return 'YYYY-MM' of a cell, '' for an empty one, None where it is no month."""
    if isinstance(value, (date, datetime)):
        return f"{value:%Y-%m}"
    text = _text(value)
    found = re.fullmatch(r"((?:19|20)\d\d-?(?:0[1-9]|1[0-2]))(?:-?\d\d)?", text)
    if not text:
        return ""
    return None if found is None else f"{found[1][:4]}-{found[1][-2:]}"
