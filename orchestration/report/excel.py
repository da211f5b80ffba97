"""A report as an Excel file with live numbers: amounts to the öre, totals and deviations as formulas, displayed in tkr.

What belongs here: sheets and cell types. What does not: numbers that are not in the model. Texts are always strings with the
quote prefix, so that nothing that begins with = + - @ becomes a formula, now or when the cell is edited. The only formulas
are those of `_Book.formula`; each also carries its value from the marts, for viewers that do not calculate.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Sequence
from decimal import Decimal
from math import ceil
from typing import Any

from lxml import etree
from openpyxl import Workbook
from openpyxl.cell.cell import Cell
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from orchestration.report.causes import Explained
from orchestration.report.html import STATUS, label_of
from orchestration.report.model import ZERO, LineFacts, Report
from orchestration.report.numbers import clean, month_year
from orchestration.report.table import COLUMNS
from orchestration.report.text import Words

#: Shown in thousands, stored in kronor. The comma after the digits divides by a thousand in every language version of Excel.
_TKR = "#,##0,;\N{MINUS SIGN}#,##0,;0"
_KR = "#,##0.00;\N{MINUS SIGN}#,##0.00;0.00"
_PERCENT = "0 %"
_PLAIN, _BOLD = Font(), Font(bold=True)  # openpyxl looks up each new style object among all others
_HEAD_FONT, _WRAP = Font(bold=True, color="FFFFFF"), Alignment(wrap_text=True, vertical="top")
_AT_TOP = Alignment(vertical="top")
_HEAD = PatternFill("solid", fgColor="1B4F72")
_PERSON = PatternFill("solid", fgColor="FFF8D9")
_TOP = Border(top=Side(style="thin"))
_NAMESPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_MAX_TEXT = 32_767


def _text(sheet: Worksheet, row: int, column: int, text: str, *, bold: bool = False, wrap: bool = False) -> Cell:
    """Write a string that stays a string."""
    cell: Any = sheet.cell(row, column)
    cell.value = clean(text)[:_MAX_TEXT]
    cell.data_type = "s"
    cell.quotePrefix = True
    cell.font = _BOLD if bold else _PLAIN
    if wrap:
        cell.alignment = _WRAP
    return cell


def _amount(sheet: Worksheet, row: int, column: int, amount: Decimal | None, style: str = _TKR, *, bold: bool = False) -> None:
    if amount is None:
        return
    cell: Any = sheet.cell(row, column)
    cell.value = amount
    cell.number_format = style
    cell.font = _BOLD if bold else _PLAIN


def _head(sheet: Worksheet, row: int, names: Sequence[str], widths: Sequence[int]) -> None:
    for column, (name, width) in enumerate(zip(names, widths, strict=True), 1):
        cell = _text(sheet, row, column, name, bold=True)
        cell.fill = _HEAD
        cell.font = _HEAD_FONT
        cell.alignment = Alignment(horizontal="left" if width > 16 else "right", wrap_text=True, vertical="center")
        sheet.column_dimensions[get_column_letter(column)].width = width
    sheet.freeze_panes = sheet.cell(row + 1, 2)
    sheet.print_title_rows = f"{row}:{row}"


def _page(sheet: Worksheet) -> None:
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = sheet.PAPERSIZE_A4
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.sheet_view.showGridLines = False


def fit_rows(sheet: Worksheet) -> None:
    """Make each row as high as its wrapped texts need at their columns' widths: LibreOffice does not do it for a file of ours."""
    for row in sheet.iter_rows():
        lines = 1
        for cell in row:
            if isinstance(cell.value, str) and cell.alignment.wrap_text:
                width = max(sheet.column_dimensions[cell.column_letter].width * 0.95, 1)
                bold = 1.15 if cell.font.bold else 1
                lines = max(lines, sum(ceil(max(len(part), 1) * bold / width) for part in cell.value.split("\n")))
        if lines > 1:
            sheet.row_dimensions[row[0].row].height = min(15 * lines, 409)
            for cell in row:
                if cell.alignment.vertical is None:
                    cell.alignment = _AT_TOP


class _Book:
    """A workbook and the values of the formulas that were written into it."""

    def __init__(self) -> None:
        self.book = Workbook()
        self.book.remove(self.book.active)
        self.values: dict[tuple[str, str], Decimal] = {}

    def sheet(self, title: str) -> Worksheet:
        """Return a new sheet, set up for print."""
        sheet = self.book.create_sheet(title)
        _page(sheet)
        return sheet

    def formula(
        self, sheet: Worksheet, row: int, column: int, formula: str, value: Decimal, style: str = _TKR, *, bold: bool = False
    ) -> None:
        """Write one of our own formulas, with the value that the marts have for it."""
        cell: Any = sheet.cell(row, column)
        cell.value = "=" + formula
        cell.number_format = style
        cell.font = _BOLD if bold else _PLAIN
        self.values[sheet.title, cell.coordinate] = value

    def save(self) -> bytes:
        """Return the file."""
        for sheet in self.book:
            fit_rows(sheet)
        buffer = io.BytesIO()
        self.book.save(buffer)
        return _values_of_formulas(buffer.getvalue(), self.book.sheetnames, self.values)


def _values_of_formulas(content: bytes, sheets: Sequence[str], values: dict[tuple[str, str], Decimal]) -> bytes:
    """Write the values beside the formulas. Every formula in the file must be one of ours: anything else is an error."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for item in source.infolist():
            data = source.read(item)
            name = item.filename
            if name.startswith("xl/worksheets/sheet"):
                title = sheets[int(name.removeprefix("xl/worksheets/sheet").removesuffix(".xml")) - 1]
                root = etree.fromstring(data)
                for cell in root.iter(f"{_NAMESPACE}c"):
                    formula = cell.find(f"{_NAMESPACE}f")
                    if formula is None:
                        continue
                    value = cell.find(f"{_NAMESPACE}v")
                    if value is None:
                        value = etree.SubElement(cell, f"{_NAMESPACE}v")
                    value.text = str(values[title, cell.get("r", "")])
                    cell.attrib.pop("t", None)
                data = etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
            target.writestr(item, data)
    return out.getvalue()


def render_excel(report: Report, words: Words, explained: Sequence[Explained]) -> bytes:
    """Return the report as an .xlsx file."""
    book = _Book()
    book.book.properties.title = clean(words.title)
    book.book.properties.creator = "avvik"
    _follow_up(book, report, words)
    _causes(book, report, explained)
    _text_sheet(book, report, words)
    if report.evidence.has_findings:
        _findings(book, report)
    if report.evidence.comments:
        _comments(book, report)
    _months(book, report)
    if len(report.children) > 1:
        _units(book, report)
    _accounts(book, report)
    _vouchers(book, report)
    return book.save()


def _follow_up(book: _Book, report: Report, words: Words) -> None:
    sheet = book.sheet("Uppföljning")
    ledger = report.options.sign_style == "ledger"
    _text(sheet, 1, 1, words.title, bold=True).font = Font(bold=True, size=14)
    signs = "intäkter (−), kostnader (+)" if ledger else "intäkter (+), kostnader (−)"
    note = f"Visas i tkr, lagras i kronor och ören; {signs}; avvikelser: positivt är bättre än budget. {report.period_name}."
    _text(sheet, 2, 1, note)
    start = 4
    _head(sheet, start, ["Rad", *(column.sv for column in COLUMNS.values())], [34, 14, 14, 14, 14, 14, 14])
    rows = {line.key: start + 1 + index for index, line in enumerate(report.lines)}
    turn = -1 if ledger else 1
    for line in report.lines:
        row = rows[line.key]
        _text(sheet, row, 1, label_of(report, line), bold=line.is_total)
        for column, amount in ((2, line.outcome), (3, line.budget), (5, line.forecast), (6, line.budget_year)):
            if amount is None:
                continue
            parts = _parts(report, line, column)
            if line.is_total and parts is not None:
                cells = "+".join(f"{get_column_letter(column)}{rows[key]}" for key in parts)
                book.formula(sheet, row, column, cells, turn * amount, bold=True)
            else:
                _amount(sheet, row, column, turn * amount, bold=line.is_total)
        first, second = ("C", "B") if ledger else ("B", "C")
        book.formula(sheet, row, 4, f"{first}{row}-{second}{row}", line.deviation, bold=line.is_total)
        if line.deviation_forecast is not None:
            first, second = ("F", "E") if ledger else ("E", "F")
            book.formula(sheet, row, 7, f"{first}{row}-{second}{row}", line.deviation_forecast, bold=line.is_total)
        if line.is_total:
            for column in range(1, 8):
                sheet.cell(row, column).border = _TOP


_COLUMN_OF = {2: "outcome", 3: "budget", 5: "forecast", 6: "budget_year"}


def _parts(report: Report, total: LineFacts, column: int) -> list[str] | None:
    """Return the lines that a total is the sum of in a column; None: they do not give it, write the amount itself."""
    keys = [line.key for line in report.lines]
    if total.key == "net":
        parts = [key for key in ("total_income", "total_cost", "financial") if key in keys]
    elif total.key == "total_income":
        parts = [key for key in ("external_income", "internal_income") if key in keys]
    else:
        parts = [line.key for line in report.detail_lines() if line.kind == "cost"]
    amounts = [getattr(report.line(key), _COLUMN_OF[column]) for key in parts]
    if any(amount is None for amount in amounts) or sum(amounts, ZERO) != getattr(total, _COLUMN_OF[column]):
        return None
    return parts


def _causes(book: _Book, report: Report, explained: Sequence[Explained]) -> None:
    sheet = book.sheet("Orsaker")
    _head(
        sheet, 1, ["Rad", "Orsak", "Belopp (tkr)", "Så är beloppet beräknat", "Kommentar från verksamheten"], [32, 36, 14, 70, 60]
    )
    row = 2
    for found in explained:
        first = row
        for cause in found.causes:
            _text(sheet, row, 1, label_of(report, found.line))
            _text(sheet, row, 2, cause.title)
            _amount(sheet, row, 3, cause.amount)
            _text(sheet, row, 4, cause.basis, wrap=True)
            row += 1
        _text(sheet, row, 1, label_of(report, found.line))
        _text(sheet, row, 2, "Oförklarat")
        _amount(sheet, row, 3, found.unexplained)
        row += 1
        _text(sheet, row, 1, label_of(report, found.line), bold=True)
        _text(sheet, row, 2, "Avvikelse perioden", bold=True)
        book.formula(sheet, row, 3, f"SUM(C{first}:C{row - 1})", found.amount, bold=True)
        comment = " ".join(item.text for item in report.comment(found.line.key))
        _text(sheet, row, 5, comment, wrap=True).fill = _PERSON
        for column in range(1, 6):
            sheet.cell(row, column).border = _TOP
        row += 1


def _text_sheet(book: _Book, report: Report, words: Words) -> None:
    sheet = book.sheet("Text")
    sheet.column_dimensions["A"].width = 110
    for row, paragraph in enumerate([*words.plain().split("\n\n"), *(p.text for p in words.units)], 1):
        heading = len(paragraph) < 60 and not paragraph.endswith((".", ":"))
        _text(sheet, row, 1, paragraph.removeprefix("- "), wrap=True, bold=heading)


def _findings(book: _Book, report: Report) -> None:
    """All findings of the period, whatever their status, with proposed entries, and those of the last report that are gone."""
    sheet = book.sheet("Fynd")
    names = ["Fynd", "Fel/fråga", "Enhet", "Benämning", "Rad", "Konto", "Motpart/avtal", "Månad", "Effekt perioden (kr)"]
    names += ["Effekt helår (kr)", "Skäl", "Läge", "Först sett", "Svar", "Debet", "Kredit", "Belopp (kr)", "Återförs", "Id"]
    _head(sheet, 1, names, [34, 10, 12, 28, 28, 10, 28, 10, 16, 16, 60, 18, 10, 30, 10, 10, 14, 10, 18])
    gone = [before for before, now in report.evidence.previous if now is None]
    row = 2
    for finding, status in [
        *((finding, STATUS.get(finding.status, finding.status)) for finding in report.evidence.findings),
        *((finding, "syns inte längre") for finding in gone),
    ]:
        texts = {1: finding.title, 2: finding.tier, 3: finding.unit, 4: finding.unit_name, 5: _label(report, finding.line)}
        texts |= {6: finding.account, 7: finding.who, 8: finding.period, 11: finding.reason, 12: status, 13: finding.first_seen}
        texts |= {14: finding.answer, 15: finding.debit, 16: finding.credit, 18: finding.reversal, 19: finding.finding_id}
        for column, value in texts.items():
            _text(sheet, row, column, value, wrap=column in (11, 14))
        _amount(sheet, row, 9, finding.effect, _KR)
        _amount(sheet, row, 10, finding.effect_year, _KR)
        _amount(sheet, row, 17, finding.entry, _KR)
        row += 1
    sheet.auto_filter.ref = f"A1:S{max(row - 1, 1)}"


def _comments(book: _Book, report: Report) -> None:
    sheet = book.sheet("Kommentarer")
    _head(sheet, 1, ["Enhet", "Benämning", "Rad", "Kommentar", "Av"], [12, 30, 30, 90, 24])
    for row, comment in enumerate(report.evidence.comments, 2):
        texts = [comment.unit, comment.unit_name, _label(report, comment.line) if comment.line else "(hela enheten)"]
        for column, value in enumerate([*texts, comment.text, comment.author], 1):
            _text(sheet, row, column, value, wrap=column == 4).fill = _PERSON


def _months(book: _Book, report: Report) -> None:
    sheet = book.sheet("Månader")
    _head(sheet, 1, ["Rad", "Månad", "Utfall", "Budget", "Avvikelse"], [34, 18, 14, 14, 14])
    row = 2
    for line in report.lines:
        for month in report.series.get(line.key, []):
            _text(sheet, row, 1, label_of(report, line), bold=line.is_total)
            _text(sheet, row, 2, month_year(month.period))
            _amount(sheet, row, 3, month.outcome, bold=line.is_total)
            _amount(sheet, row, 4, month.budget, bold=line.is_total)
            book.formula(sheet, row, 5, f"C{row}-D{row}", month.deviation, bold=line.is_total)
            row += 1
    sheet.auto_filter.ref = f"A1:E{max(row - 1, 1)}"


def _units(book: _Book, report: Report) -> None:
    sheet = book.sheet("Enheter")
    names = ["Enhet", "Benämning", "Rad", "Utfall", "Budget", "Avvikelse", "Prognos helår", "Budget helår", "Avvik prognos"]
    _head(sheet, 1, names, [12, 34, 34, 14, 14, 14, 14, 14, 14])
    row = 2
    for child in report.children:
        for line in child.lines.values():
            _text(sheet, row, 1, child.code, bold=line.is_total)
            _text(sheet, row, 2, child.name, bold=line.is_total)
            _text(sheet, row, 3, label_of(report, line), bold=line.is_total)
            _amount(sheet, row, 4, line.outcome, bold=line.is_total)
            _amount(sheet, row, 5, line.budget, bold=line.is_total)
            book.formula(sheet, row, 6, f"D{row}-E{row}", line.deviation, bold=line.is_total)
            _amount(sheet, row, 7, line.forecast, bold=line.is_total)
            _amount(sheet, row, 8, line.budget_year, bold=line.is_total)
            if line.deviation_forecast is not None:
                book.formula(sheet, row, 9, f"G{row}-H{row}", line.deviation_forecast, bold=line.is_total)
            row += 1
    sheet.auto_filter.ref = f"A1:I{max(row - 1, 1)}"


def _label(report: Report, key: str) -> str:
    return label_of(report, report.line(key)) if report.has(key) else key


def _accounts(book: _Book, report: Report) -> None:
    sheet = book.sheet("Konton")
    _head(sheet, 1, ["Rad", "Konto", "Benämning", "Utfall", "Samma månader i fjol", "Ändring"], [34, 10, 44, 14, 14, 14])
    row = 2
    for account in report.accounts:
        _text(sheet, row, 1, _label(report, account.line))
        _text(sheet, row, 2, account.account)
        _text(sheet, row, 3, account.name)
        _amount(sheet, row, 4, account.outcome)
        if account.previous is not None:
            _amount(sheet, row, 5, account.previous)
            book.formula(sheet, row, 6, f"D{row}-E{row}", account.outcome - account.previous)
        row += 1
    sheet.auto_filter.ref = f"A1:F{max(row - 1, 1)}"


def _vouchers(book: _Book, report: Report) -> None:
    sheet = book.sheet("Verifikationer")
    names = ["Rad", "Enhet", "Verifikation", "Datum", "Konto", "Kontonamn", "Text", "Motpart", "Belopp (kr)", "Fil och rad"]
    _head(sheet, 1, names, [30, 12, 12, 12, 10, 32, 60, 28, 16, 40])
    rows: Iterable = report.vouchers
    row = 2
    for voucher in rows:
        text = "(visas inte: kan peka ut en person)" if voucher.text_hidden else voucher.text
        texts = [_label(report, voucher.line), voucher.unit, voucher.voucher, voucher.date, voucher.account, voucher.account_name]
        for column, value in enumerate([*texts, text, voucher.counterparty], 1):
            _text(sheet, row, column, value)
        _amount(sheet, row, 9, voucher.amount, _KR)
        _text(sheet, row, 10, voucher.source)
        row += 1
    sheet.auto_filter.ref = f"A1:J{max(row - 1, 1)}"
