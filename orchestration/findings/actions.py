"""The action list (åtgärdslista): the findings of the newest published close as an Excel file that controllers answer in.

What belongs here: the sheets and their cells, and putting the file in place without losing an answer. What does not: reading
answers back (`answers`), the findings. Every text is a string with the quote prefix: nothing that stands in an export becomes a
formula. Only the answer cells can be written in; the ids beside them are locked, so that an answer stays with its finding.
"""

from __future__ import annotations

import io
import json
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill, Protection
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from expectations.rules import RULES
from orchestration.errors import AvvikError, Text
from orchestration.files import replace_file
from orchestration.findings import answers as said
from orchestration.findings.run import EVIDENCE, FINDINGS, RANK
from orchestration.periods import month_range
from orchestration.publish import SCHEMA, warehouse_path
from orchestration.report.excel import fit_rows
from orchestration.report.numbers import clean
from orchestration.settings import Settings

FILE = "atgardslista.xlsx"
#: Sheets beside `answers.SHEET`. The last can be imported as a budget file that adds to the budget.
EVIDENCE_SHEET, EARLIER_SHEET, PROFILE_SHEET = "Underlag", "Förra rapportens fynd", "Budgetändringar"

STATUS = {
    "open": "Öppet",
    "acknowledged": "Bekräftat",
    "explained": "Förklarat",
    "corrected": "Rättat",
    "recurring": "Återkommer",
    "past": "Året är slut",
}
_SAID = {status: answer for answer, status in said.CHOICES.items()}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "Maj", "Jun", "Jul", "Aug", "Sep", "Okt", "Nov", "Dec")
_KR = "#,##0.00;\N{MINUS SIGN}#,##0.00;0.00"
_HEAD = PatternFill("solid", fgColor="1B4F72")
_INPUT = PatternFill("solid", fgColor="FFF8D9")
_MAX_TEXT = 32_000
_SPARE_ROWS = 200
_EVIDENCE_ROWS = 20_000

#: Heading and width of the list's columns, in order; width 0 is hidden.
_COLUMNS: tuple[tuple[str, int], ...] = (
    ("Nr", 5),
    ("Regel", 8),
    ("Slag", 7),
    ("Fynd", 34),
    ("Enhet", 9),
    ("Enhetens namn", 26),
    ("Andra sidan", 10),
    ("Rapportrad", 24),
    ("Konto", 8),
    ("Motpart", 8),
    ("Avtal", 12),
    ("Månader", 18),
    ("Väntat, kr", 15),
    ("Bokfört, kr", 15),
    ("Effekt perioden, kr", 16),
    ("Effekt helår, kr", 16),
    ("Varför", 46),
    ("Gör så här", 46),
    ("Debet", 8),
    ("Kredit", 8),
    ("Belopp, kr", 15),
    ("Återförs", 9),
    ("Status", 12),
    ("Sedd första gången", 10),
    (said.ANSWER, 14),
    (said.REASON, 40),
    (said.WHO, 18),
    (said.UNTIL, 12),
    (said.KEY, 18),
    (said.FACTS, 0),
    (said.REPORT, 0),
    (said.KNOWN, 0),
)
_ANSWER_COLUMNS = (said.ANSWER, said.REASON, said.WHO, said.UNTIL)
_HEAD_ROW = 3


@dataclass
class Written:
    """An action list that was written: where, how many findings it has, and what the user should know."""

    path: Path
    rows: int
    notes: list[Text] = field(default_factory=list)


def write_action_list(settings: Settings) -> Written | None:
    """Write the action list of the newest published close; None if no close is published.

    A list that holds answers is read before another takes its place. One that is open in Excel or LibreOffice, or that holds
    something that cannot be read, is left alone: the new list is then written beside it.

    Raises:
        AvvikError: nothing is published.
    """
    reporting = settings.published / "reporting.duckdb"
    if not reporting.exists():
        raise AvvikError(Text(sv="Inget är publicerat än. Kör avvik run.", en="Nothing is published yet. Run avvik run."))
    with duckdb.connect() as con:
        _attach(con, "reporting", reporting)
        if warehouse_path(settings).exists():
            _attach(con, "warehouse", warehouse_path(settings))
        closes = [
            p
            for (p,) in con.execute(f"select distinct report_period from reporting.{SCHEMA}.{FINDINGS} order by 1").fetchall()  # noqa: S608
        ]
        if not closes:
            return None
        period = closes[-1]
        folder = settings.home / "reports" / period
        folder.mkdir(parents=True, exist_ok=True)
        notes: list[Text] = []
        target = _free(settings, folder / FILE, notes)
        now = read(con, period)
        earlier = read(con, closes[-2]) if len(closes) > 1 else now.iloc[:0]
        if any(answer.report_period == period for answer in said.remembered(settings)):
            now = said.apply(now, said.remembered(settings), period)  # answers read just now are in the list, too
        content, rows = _workbook(con, settings, period, now, earlier)
        said.remember_written(settings, target.relative_to(settings.home).as_posix(), content)
        replace_file(target, content)
    return Written(target, rows, notes)


def read(con: duckdb.DuckDBPyConnection, period: str) -> pd.DataFrame:
    """Return `marts.findings` of one close, ranked by kronor."""
    return con.execute(
        f"select * from reporting.{SCHEMA}.{FINDINGS} where report_period = ? order by {RANK}",  # noqa: S608
        [period],
    ).df()


def _free(settings: Settings, wanted: Path, notes: list[Text]) -> Path:
    """Return where the list can be written without an answer being lost; the list there is read first, and moved out of the way.

    What is moved is kept as a hidden copy, and is read once more there if somebody saved it in the meantime.
    """
    for number in range(1, 100):
        path = wanted if number == 1 else wanted.with_name(f"{wanted.stem} ({number}){wanted.suffix}")
        if not path.exists():
            return path
        label = path.relative_to(settings.home).as_posix()
        locks = [path.with_name(f"~${path.name}"), path.with_name(f".~lock.{path.name}#")]
        if any(lock.exists() for lock in locks):
            notes.append(
                Text(
                    sv=f"{label} är öppen i ett kalkylprogram; den nya listan skrivs bredvid.",
                    en=f"{label} is open in a spreadsheet program; the new list is written beside it.",
                )
            )
            continue
        if _read_whole(settings, path, notes):
            aside = path.with_name(f".{path.name}.before")
            os.replace(path, aside)
            if _read_whole(settings, aside, notes):
                return path
            os.replace(aside, path)
    raise AvvikError(Text(sv=f"Flytta bort listorna i {wanted.parent}.", en=f"Move the lists in {wanted.parent} out of the way."))


def _read_whole(settings: Settings, path: Path, notes: list[Text]) -> bool:
    """Read a list unless that has been done, and tell whether all of it could be read."""
    content = path.read_bytes()
    if said.is_remembered(settings, content):
        return True
    found = said.read_list(settings, path, content)
    if found.problems:
        told = "; ".join(str(problem) for problem in found.problems)
        notes.append(
            Text(
                sv=f"{told}. Listan får ligga kvar; den nya skrivs bredvid.", en=f"{told}. It is left; the new one is beside it."
            )
        )
        return False
    said.remember(settings, found)
    return True


def _workbook(
    con: duckdb.DuckDBPyConnection, settings: Settings, period: str, now: pd.DataFrame, earlier: pd.DataFrame
) -> tuple[bytes, int]:
    book = Workbook()
    listed = now[now.status != "corrected"]
    listed = listed.assign(_last=listed.status == "explained").sort_values("_last", kind="stable")
    units = dict(
        con.execute(f"select unit_code, unit_name from reporting.{SCHEMA}.dim_unit where is_current").fetchall()  # noqa: S608
    )
    lines = dict(
        con.execute(f"select report_line, report_line_name from reporting.{SCHEMA}.dim_report_line").fetchall()  # noqa: S608
    )
    numbers = _list_sheet(book, settings, period, listed, units, lines)
    _evidence_sheet(book, con, period, numbers)
    _earlier_sheet(book, earlier, now, units, lines)
    _profile_sheet(book, con, settings, period, listed)
    for sheet in book:
        fit_rows(sheet)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue(), len(listed)


def _list_sheet(
    book: Workbook, settings: Settings, period: str, listed: pd.DataFrame, units: dict[str, str], lines: dict[str, str]
) -> dict[str, int]:
    sheet: Any = book.active
    sheet.title = said.SHEET
    _text(sheet, 1, 1, f"Åtgärdslista {settings.municipality} {period}", bold=True)
    _text(
        sheet,
        2,
        1,
        "Svara i de gula kolumnerna och spara; nästa körning läser svaren. Bekräftat: vi åtgärdar. Förklarat: inget fel, "
        "motivera; fyndet är tyst tills underlaget ändras. Effekt: så ändras resultatet när felet rättas (intäkt +, kostnad −); "
        "för PER-04, sist i listan, den del av avvikelsen som bara är budgetens fördelning över året.",
    )
    _heads(sheet, _HEAD_ROW, _COLUMNS)
    at = {name: number for number, (name, _) in enumerate(_COLUMNS, 1)}
    numbers: dict[str, int] = {}
    for number, row in enumerate(listed.itertuples(), 1):
        numbers[str(row.finding_id)] = number
        line = _HEAD_ROW + number
        rule = RULES[str(row.rule_id)]
        answer = _SAID.get(str(row.status), "")
        given = (answer, _string(row.answer), _string(row.answered_by), _string(row.answer_until)) if answer else ("", "", "", "")
        texts = {
            "Regel": row.rule_id,
            "Slag": row.tier,
            "Fynd": row.title,
            "Enhet": row.unit_code,
            "Enhetens namn": units.get(str(row.unit_code), ""),
            "Andra sidan": row.other_unit,
            "Rapportrad": lines.get(str(row.report_line), row.report_line),
            "Konto": row.account,
            "Motpart": row.counterparty,
            "Avtal": row.agreement,
            "Månader": _span(str(row.periods)),
            "Varför": row.reason,
            "Gör så här": rule.action.sv,
            "Debet": row.debit_account,
            "Kredit": row.credit_account,
            "Återförs": row.reversal_period,
            "Status": STATUS.get(str(row.status), row.status),
            "Sedd första gången": row.first_seen,
            said.KEY: row.finding_id,
            said.FACTS: said.facts_of(row),
            said.REPORT: period,
            said.KNOWN: said.signature(*given),
            **dict(zip(_ANSWER_COLUMNS, given, strict=True)),
        }
        sheet.cell(line, at["Nr"]).value = number
        for name, value in texts.items():
            cell = _text(sheet, line, at[name], _string(value), wrap=name in ("Varför", "Gör så här", said.REASON))
            if name in _ANSWER_COLUMNS:
                cell.protection = Protection(locked=False)
                cell.fill = _INPUT
                # A cell that people write in must take what they write: the quote prefix would keep a date as text.
                cell.quotePrefix = False
                cell.number_format = "@"
        for name, amount in (
            ("Väntat, kr", row.expected_amount),
            ("Bokfört, kr", row.booked_amount),
            ("Effekt perioden, kr", row.effect_period),
            ("Effekt helår, kr", row.effect_year_forecast),
            ("Belopp, kr", row.entry_amount),
        ):
            _amount(sheet, line, at[name], amount)
    last = _HEAD_ROW + max(1, len(listed))
    choice = DataValidation(type="list", formula1='"' + ",".join(said.CHOICES) + '"', allow_blank=True, showErrorMessage=True)
    choice.errorTitle, choice.error = "Svar", "Välj Bekräftat eller Förklarat."
    sheet.add_data_validation(choice)
    column = get_column_letter(at[said.ANSWER])
    choice.add(f"{column}{_HEAD_ROW + 1}:{column}{last}")
    sheet.freeze_panes = sheet.cell(_HEAD_ROW + 1, at["Enhet"] + 1)
    sheet.auto_filter.ref = f"A{_HEAD_ROW}:{get_column_letter(len(_COLUMNS))}{last}"
    _protect(sheet)
    return numbers


def _evidence_sheet(book: Workbook, con: duckdb.DuckDBPyConnection, period: str, numbers: dict[str, int]) -> None:
    sheet = book.create_sheet(EVIDENCE_SHEET)
    places = (("Fil", 44), ("Rad i filen", 11), ("Belopp, kr", 16), ("Konto", 8), ("Period", 9), ("Verifikation", 16))
    _heads(sheet, 1, (("Nr", 5), ("Vad raden är", 14), *places))
    roles = {"booked": "bokförd", "double": "dubblett", "first": "den första", "earlier": "förra gången", "late": "sen"}
    roles |= {"other side": "andra sidan"}
    rows = con.execute(
        "select finding_id, role, source_file, source_row, amount, account, period, "  # noqa: S608
        "trim(concat_ws(' ', voucher_series, voucher_number)) "
        f"from reporting.{SCHEMA}.{EVIDENCE} where report_period = ? order by source_file, source_row",
        [period],
    ).fetchall()
    by_number = sorted(((numbers[row[0]], *row[1:]) for row in rows if row[0] in numbers), key=lambda row: row[0])
    for line, (number, role, file, source_row, amount, *rest) in enumerate(by_number[:_EVIDENCE_ROWS], 2):
        sheet.cell(line, 1).value = number
        _text(sheet, line, 2, roles.get(role, role))
        _text(sheet, line, 3, _string(file))
        sheet.cell(line, 4).value = source_row
        _amount(sheet, line, 5, amount)
        for column, value in enumerate(rest, 6):
            _text(sheet, line, column, _string(value))
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = f"A1:H{max(2, len(by_number) + 1)}"


def _earlier_sheet(
    book: Workbook, earlier: pd.DataFrame, now: pd.DataFrame, units: dict[str, str], lines: dict[str, str]
) -> None:
    sheet = book.create_sheet(EARLIER_SHEET)
    _text(sheet, 1, 1, "Vad blev det av förra rapportens fynd", bold=True)
    heads = (("Regel", 8), ("Fynd", 34), ("Enhet", 9), ("Enhetens namn", 26), ("Rapportrad", 24), ("Konto", 8), ("Motpart", 8),
             ("Månader", 18), ("Sades då", 12), ("Motivering då", 30), ("Nu", 12),
             ("Effekt då, kr", 16), ("Rättat, kr", 16), ("Kvar, kr", 16))  # fmt: skip
    _heads(sheet, 2, heads)
    found = said.follow_up_on(earlier, now)
    for line, item in enumerate(found, 3):
        texts = (
            item.rule_id,
            item.title,
            item.unit_code,
            units.get(item.unit_code, ""),
            lines.get(item.report_line, item.report_line),
            item.account,
            item.counterparty,
            _span(item.periods),
            STATUS.get(item.said, item.said),
            item.said_answer,
            STATUS.get(item.status, item.status),
        )
        for column, value in enumerate(texts, 1):
            _text(sheet, line, column, value)
        for column, amount in enumerate((item.told, item.corrected, item.remaining), len(texts) + 1):
            _amount(sheet, line, column, amount)
    sheet.freeze_panes = "C3"
    sheet.auto_filter.ref = f"A2:{get_column_letter(len(heads))}{max(3, len(found) + 2)}"


def _profile_sheet(book: Workbook, con: duckdb.DuckDBPyConnection, settings: Settings, period: str, listed: pd.DataFrame) -> None:
    """Write the budget changes that give PER-04's corrected profiles: ledger sign, the year's sum of every row is zero."""
    sheet = book.create_sheet(PROFILE_SHEET)
    codes_heads = (("År", 6), ("Ansvar", 10), ("Konto", 8), ("Verksamhet", 11), ("Projekt", 10), ("Motpart", 9))
    _heads(sheet, 1, (*codes_heads, *((month, 13) for month in _MONTHS)))
    for line, (codes, changes) in enumerate(profile_changes(con, settings, period, listed), 2):
        for column, code in enumerate(codes, 1):
            _text(sheet, line, column, code)
        for column, change in enumerate(changes, len(codes) + 1):
            _amount(sheet, line, column, change)
    sheet.freeze_panes = "D2"


def profile_changes(
    con: duckdb.DuckDBPyConnection, settings: Settings, period: str, findings: pd.DataFrame
) -> list[tuple[tuple[str, ...], list[Decimal]]]:
    """Return the change of each budget row of the year that PER-04 is about, by calendar month, in the ledger's sign.

    Codes are year, unit, account, activity, project, counterparty. The year of every row stays what it is, to the öre. Needs the
    databases `warehouse` and `reporting`; without the warehouse there are none.
    """
    wanted = {
        (str(row.unit_code), str(row.report_line), str(getattr(row, "account", "") or "")): json.loads(row.corrected_profile)
        for row in findings.itertuples()
        if row.rule_id == "PER-04" and isinstance(row.corrected_profile, str) and row.status != "explained"
    }
    attached = con.execute("select count(*) from duckdb_databases() where database_name = 'warehouse'").fetchone()
    if not wanted or not (attached and attached[0]):
        return []
    start = settings.fiscal_year_start
    year = int(period[:4]) - (int(period[5:]) < start)
    months = month_range(f"{year}-{start:02d}", f"{year + (start > 1)}-{(start - 2) % 12 + 1:02d}")
    rows = con.execute(
        "select unit_code, report_line, coalesce(account, ''), coalesce(activity, ''), coalesce(project, ''), "
        "coalesce(counterparty, ''), period, sum(amount) from warehouse.core.int_amount "
        "where amount_type = 'budget' and period between ? and ? group by all order by all",
        [months[0], months[-1]],
    ).fetchall()
    plan: dict[tuple[str, ...], dict[str, Decimal]] = defaultdict(dict)
    profiles: dict[tuple[str, ...], list[float]] = {}
    for unit, line, account, activity, project, counterparty, month, amount in rows:
        profile = wanted.get((unit, line, account), wanted.get((unit, line, "")))  # of the account, or of the whole line
        if profile and account:
            codes: tuple[str, ...] = (str(year), unit, account, activity, project, counterparty)
            plan[codes][month] = plan[codes].get(month, Decimal(0)) + amount
            profiles[codes] = profile
    out = []
    for codes, by_month in plan.items():
        profile = profiles[codes]
        total, whole = sum(by_month.values(), Decimal(0)), sum(map(Decimal, map(str, profile)), Decimal(0))
        if not whole or len(profile) != len(months):
            continue
        new = [(total * Decimal(str(share)) / whole).quantize(Decimal("0.01"), ROUND_HALF_UP) for share in profile]
        new[-1] += total - sum(new)
        change = dict(zip(months, (by_month.get(m, Decimal(0)) - n for m, n in zip(months, new, strict=True)), strict=True))
        ordered = sorted(months, key=lambda month: month[5:])
        out.append((codes, [change[month] for month in ordered]))
    return [(codes, changes) for codes, changes in out if any(changes)]


def _attach(con: duckdb.DuckDBPyConnection, name: str, path: Path) -> None:
    quoted = str(path.resolve()).replace("'", "''")
    con.execute(f"attach '{quoted}' as {name} (read_only)")


def _text(sheet: Worksheet, row: int, column: int, text: str, *, bold: bool = False, wrap: bool = False) -> Any:
    """Write a string that stays a string."""
    cell: Any = sheet.cell(row, column)
    cell.value = clean(text)[:_MAX_TEXT]
    cell.data_type = "s"
    cell.quotePrefix = True
    if bold:
        cell.font = Font(bold=True)
    if wrap:
        cell.alignment = Alignment(wrap_text=True, vertical="top")
    return cell


def _amount(sheet: Worksheet, row: int, column: int, amount: Any) -> None:
    if amount is None or pd.isna(amount):
        return
    cell: Any = sheet.cell(row, column)
    cell.value = Decimal(str(round(Decimal(amount), 2)))
    cell.number_format = _KR


def _heads(sheet: Worksheet, row: int, columns: Sequence[tuple[str, int]]) -> None:
    for number, (name, width) in enumerate(columns, 1):
        cell = _text(sheet, row, number, name)
        cell.quotePrefix = False
        cell.fill, cell.font = _HEAD, Font(bold=True, color="FFFFFF")
        cell.alignment = Alignment(wrap_text=True, vertical="center")
        dimension = sheet.column_dimensions[get_column_letter(number)]
        dimension.width, dimension.hidden = width or 10, width == 0
    sheet.print_title_rows = f"{row}:{row}"
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True


def _protect(sheet: Worksheet) -> None:
    """Lock everything but the answer cells, without a password; sorting, filtering and widths stay free."""
    protection = sheet.protection
    protection.sheet = True
    protection.autoFilter = protection.sort = protection.formatColumns = protection.formatRows = False


def _string(value: Any) -> str:
    return "" if value is None or (not isinstance(value, str) and pd.isna(value)) else str(value)


def _span(periods: str) -> str:
    months = periods.split(",")
    return months[0] if len(months) == 1 else f"{months[0]}–{months[-1]}"
