"""A report as one HTML file that works offline: no scripts, no links out, print and dark screens in its own style sheet.

What belongs here: which number stands in which cell of the page, and escaping (Jinja's, always on). What does not: sentences
(`text`), pictures (`figures`), the look (`style.css`, `template.html.jinja`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from orchestration.report.causes import Explained
from orchestration.report.figures import accumulated, finding_groups, findings_figure, monthly, waterfall
from orchestration.report.model import ZERO, LineFacts, Month, Report, Voucher
from orchestration.report.numbers import kronor, listed, money, month_name, month_span, month_year, percent, tkr
from orchestration.report.table import COLUMNS
from orchestration.report.text import Words, cost_form, findings_apart, needs_comment

_HERE = Path(__file__).parent
_AMOUNTS = ("outcome", "budget", "deviation", "forecast", "budget_year", "deviation_forecast")
_DEVIATIONS = ("deviation", "deviation_forecast")
_MAX_ROWS = 12
_MAX_FINDINGS = 50
_MAX_GROUPS = 10

#: What a finding is now, in words.
STATUS = {
    "open": "öppet",
    "acknowledged": "bekräftat, inte rättat",
    "explained": "förklarat",
    "corrected": "rättat",
    "recurring": "återkommet",
    "past": "inte längre aktuellt (tidigare år)",
}


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("template.html.jinja")


def label_of(report: Report, line: LineFacts) -> str:
    """Return the line's label in the table, by the report's options."""
    long = report.options.labels == "long" or (report.options.labels == "auto" and report.options.sign_style == "natural")
    return line.label if long else line.short_label


def printed_amount(report: Report, line: LineFacts, column: str) -> str:
    """Return one cell of the table as printed: tkr, in the report's sign style; deviations are favourable + in either."""
    amount: Decimal | None = getattr(line, column)
    if amount is not None and report.options.sign_style == "ledger" and column not in _DEVIATIONS:
        amount = -amount
    return tkr(amount)


def printed_grid(report: Report, lines: Sequence[LineFacts] | None = None) -> list[list[str]]:
    """Return the table (or one of other lines) as it is printed, with avvik's keys in the first column: for the proof."""
    heading = (
        "(tkr, intäkter (+), kostnader (-))" if report.options.sign_style == "natural" else "(tkr, intäkter (-), kostnader (+))"
    )
    rows = [["", heading, *(column.sv for column in COLUMNS.values())]]
    return rows + [
        [line.key, label_of(report, line), *(printed_amount(report, line, column) for column in _AMOUNTS)]
        for line in lines or report.lines
    ]


def render_html(report: Report, words: Words, explained: Sequence[Explained], proof_text: str) -> str:
    """Return the report as one HTML document, which is also well-formed XML."""
    signs = "intäkter (+), kostnader (−)" if report.options.sign_style == "natural" else "intäkter (−), kostnader (+)"
    material = {found.line.key for found in explained}
    groups, entries, findings = finding_groups(report), _entries(report), report.evidence.open_findings
    return _template().render(
        report=report,
        words=words,
        style=Markup((_HERE / "style.css").read_text(encoding="utf-8")),
        running_title=Markup(_css_string(_running_title(report))),
        period_name=month_year(report.period),
        round_name=month_year(report.forecast_round) if report.forecast_round else "",
        caption=f"tkr, {signs}; avvikelser: positivt är bättre än budget",
        columns=[{"head": column.sv} for column in COLUMNS.values()],
        kicker=" · ".join(
            dict.fromkeys(name for name in (report.municipality, report.parent_name) if name not in ("", report.name))
        ),
        key_figures=_key_figures(report),
        rows=[
            {
                "key": line.key,
                "label": label_of(report, line),
                "total": line.is_total,
                "anchor": not line.is_total,
                "cells": [
                    {"text": printed_amount(report, line, column), "tone": _cell_tone(report, line, column, material)}
                    for column in _AMOUNTS
                ],
            }
            for line in report.lines
        ],
        waterfall=Markup(waterfall(report, explained)),
        monthly=Markup(monthly(report)),
        monthly_caption=_monthly_caption(report),
        accumulated=Markup(accumulated(report)),
        accumulated_caption=_accumulated_caption(report),
        heat=_heat(report),
        rates=_rates(report),
        shares=[_share(report, found) for found in explained],
        needs_comment=needs_comment,
        drill=[_drill(report, line, explained) for line in report.detail_lines()],
        cells=_cells(report),
        bridge=_bridge_rows(report),
        comments=_comments(report, words),
        findings=_findings(report),
        findings_count=len(findings),
        findings_more=max(len(findings) - _MAX_FINDINGS, 0),
        findings_figure=Markup(findings_figure(groups[:_MAX_GROUPS])),
        groups_shown=_MAX_GROUPS,
        groups_all=len(groups),
        findings_apart=findings_apart(report),
        entries=entries[:_MAX_FINDINGS],
        entries_count=len(entries),
        entries_more=max(len(entries) - _MAX_FINDINGS, 0),
        followed_up=_followed_up(report),
        restated=_restated(report),
        proof_text=proof_text,
        material_text=_material_text(report),
    )


def _running_title(report: Report) -> str:
    names = list(dict.fromkeys((report.municipality, report.name)))
    return " · ".join([*names, month_year(report.period)])


def _css_string(text: str) -> str:
    """Return a text as a string of a style sheet: everything but letters and digits of ASCII is escaped."""
    return '"' + re.sub(r"[^A-Za-z0-9]", lambda found: f"\\{ord(found[0]):06x}", text) + '"'


def _tone(amount: Decimal | None) -> str:
    return "" if not amount else "good" if amount > 0 else "bad"


def _cell_tone(report: Report, line: LineFacts, column: str, material: set[str]) -> str:
    if column == "deviation" and (line.key in material or (line.is_total and report.material(line.deviation, line.budget))):
        return _tone(line.deviation)
    if column == "deviation_forecast" and report.material(
        line.deviation_forecast, line.budget_year, report.net.deviation_forecast
    ):
        return _tone(line.deviation_forecast)
    return ""


def _key_figures(report: Report) -> list[dict[str, str]]:
    net, cost = report.net, cost_form(report)
    word = "nettokostnad" if cost else "resultat"

    def note(deviation: Decimal | None) -> tuple[str, str]:
        if deviation is None:
            return "", ""
        if abs(deviation) < 500:
            return "i linje med budget", ""
        return f"{money(deviation)} {'bättre' if deviation > 0 else 'sämre'} än budget", _tone(deviation)

    def amount(value: Decimal) -> str:
        return money(value) if cost else money(value, sign=True)

    found = []
    text, tone = note(net.deviation)
    found.append({"label": f"Periodens {word}", "value": amount(net.outcome), "note": text, "tone": tone})
    if net.forecast is not None:
        text, tone = note(net.deviation_forecast)
        found.append({"label": f"Prognos helår, {word}", "value": amount(net.forecast), "note": text, "tone": tone})
    else:
        found.append({"label": f"Budget helår, {word}", "value": amount(net.budget_year), "note": "ingen prognos", "tone": ""})
    rate = report.rate(net)
    if rate:
        value = percent(rate.change, plus=True) if rate.change is not None else money(rate.implied, sign=True)
        note_text = f"{word} per månad mot hittills" if rate.change is not None else f"i {word} per månad resten av året"
        found.append({"label": "Prognosen förutsätter", "value": value, "note": note_text, "tone": "soft"})
    return found


def _heat(report: Report) -> dict[str, Any] | None:
    if len(report.children) < 2:
        return None
    keys = [line for line in report.detail_lines() if any(line.key in child.lines for child in report.children)]
    columns = [*keys, report.net]
    largest = max(
        (abs(line.deviation) for child in report.children for line in child.lines.values() if not line.is_total),
        default=Decimal(0),
    )
    opened = set(report.cell_series)

    def cell(child_code: str, line: LineFacts | None, *, flat: bool = False) -> dict[str, str]:
        if line is None:
            return {"text": "", "tone": "", "anchor": ""}
        anchor = _cell_anchor(child_code, line.key) if (child_code, line.key) in opened else ""
        tone = _tone(line.deviation) if line.is_total else "" if flat else _level(line.deviation, largest)
        return {"text": tkr(line.deviation), "tone": tone, "anchor": anchor}

    rows = [
        {
            "label": child.name if child.is_in_organisation else f"{child.name} (utanför organisationen)",
            "total": False,
            "cells": [cell(child.code, child.lines.get(line.key)) for line in columns],
        }
        for child in report.children
    ]
    sums = [
        line.deviation - sum((c.lines[line.key].deviation for c in report.children if line.key in c.lines), Decimal(0))
        for line in columns
    ]
    if any(sums):
        direct = [{"text": tkr(amount), "tone": "", "anchor": ""} for amount in sums]
        rows.append({"label": f"Direkt på {report.name}", "total": False, "cells": direct})
    rows.append({"label": report.name, "total": True, "cells": [cell("", line, flat=True) for line in columns]})
    short = len(columns) > 7
    return {
        "columns": [line.short_label if short and not line.is_total else label_of(report, line) for line in columns],
        "rows": rows,
    }


def _level(amount: Decimal, largest: Decimal) -> str:
    """Return the shade of a cell: g1 to g3 favourable, b1 to b3 unfavourable, none below 5 % of the largest."""
    if not largest:
        return ""
    share = abs(amount) / largest
    step = 3 if share >= Decimal("0.5") else 2 if share >= Decimal("0.2") else 1 if share >= Decimal("0.05") else 0
    return f"{'g' if amount > 0 else 'b'}{step}" if step else ""


def _cell_anchor(unit: str, line: str) -> str:
    return "cell-" + re.sub(r"[^A-Za-z0-9]", lambda found: f"_{ord(found[0]):x}_", unit) + "-" + line


def _rates(report: Report) -> list[dict[str, Any]]:
    sign = -1 if report.options.sign_style == "ledger" else 1
    rows = []
    for line in report.lines:
        rate = report.rate(line)
        if rate is None or not any((rate.so_far, rate.implied, rate.budget_rest)):
            continue
        change = percent(rate.change, plus=True) if rate.change is not None else "–"
        cells = [tkr(sign * rate.so_far), tkr(sign * rate.implied), change, tkr(sign * rate.budget_rest)]
        rows.append({"label": label_of(report, line), "total": line.is_total, "cells": cells})
    return rows


def _share(report: Report, found: Explained) -> dict[str, Any]:
    amounts = (found.amount, found.amount - found.unexplained, found.unexplained)
    cells = [*(tkr(amount, plus=True) for amount in amounts), percent(found.share)]
    return {"key": found.line.key, "label": label_of(report, found.line), "cells": cells}


def _causes(line: LineFacts, explained: Sequence[Explained]) -> list[dict[str, str]]:
    """What a line's deviation consists of, with what is unexplained last; empty for a line that does not deviate."""
    for found in explained:
        if found.line.key == line.key and found.causes:
            parts = [(cause.title, cause.amount, cause.basis) for cause in found.causes]
            parts.append(("Oförklarat", found.unexplained, "det som återstår av avvikelsen"))
            return [{"title": title, "amount": tkr(amount, plus=True), "basis": basis} for title, amount, basis in parts]
    return []


def _bridge_rows(report: Report) -> list[dict[str, Any]]:
    """The personnel bridge as a table: every step, their sum, and the memo rows below it."""
    evidence = report.evidence
    if not any(step.amount for step in evidence.steps):
        return []

    def row(name: str, month: Decimal, amount: Decimal, *, total: bool = False, memo: bool = False) -> dict[str, Any]:
        return {"name": name, "cells": [tkr(month, plus=True), tkr(amount, plus=True)], "total": total, "memo": memo}

    rows = [row(step.name, step.month, step.amount) for step in evidence.steps if step.month or step.amount]
    sums = [sum((getattr(step, name) for step in evidence.steps), ZERO) for name in ("month", "amount")]
    rows.append(row("Avvikelse personalkostnader", sums[0], sums[1], total=True))
    return rows + [row(step.name, step.month, step.amount, memo=True) for step in evidence.bridge if step.is_memo]


def _comments(report: Report, words: Words) -> list[dict[str, Any]]:
    """What persons wrote that has no place of its own in the text: on lines without a paragraph, and on units below.

    Of units further down than the next level only what was written about the unit as a whole: the rest is in their own report.
    """
    own = {"", *(paragraph.line for paragraph in words.deviations)}
    near = {report.unit, *(child.code for child in report.children)}
    found = []
    for comment in report.evidence.comments:
        if (comment.unit == report.unit and comment.line in own) or (comment.unit not in near and comment.line):
            continue
        line = report.line(comment.line).label if report.has(comment.line) else comment.line
        unit = "" if comment.unit == report.unit else comment.unit_name
        about = ", ".join(part for part in (unit, line) if part) or "enheten som helhet"
        found.append({"about": about, "author": comment.author, "text": comment.text})
    return found


def _findings(report: Report) -> list[dict[str, Any]]:
    return [
        {
            "title": finding.title,
            "tier": "" if finding.tier == "fel" else "fråga",
            "who": finding.who,
            "unit": finding.unit_name,
            "line": report.line(finding.line).label if report.has(finding.line) else finding.line,
            "period": month_span(finding.periods),
            "effect": tkr(finding.effect, plus=True),
            "reason": finding.reason,
            "status": STATUS.get(finding.status, finding.status),
            "since": month_year(finding.first_seen) if finding.first_seen else "",
            "answer": finding.answer,
        }
        for finding in report.evidence.open_findings[:_MAX_FINDINGS]
    ]


def _entries(report: Report) -> list[list[str]]:
    """The entries that findings propose: unit, what, debit, credit, amount, month of reversal."""
    return [
        [
            finding.title,
            finding.unit_name,
            finding.debit,
            finding.credit,
            kronor(finding.entry),
            month_year(finding.reversal) if finding.reversal else "–",
        ]
        for finding in report.evidence.open_findings
        if finding.entry
    ]


def _followed_up(report: Report) -> list[list[str]]:
    """What has happened to the open findings of the last report; those that are as they were stand among the open ones."""
    rows = []
    for before, now in report.evidence.previous:
        if now is not None and now.is_open:
            continue
        gone = "syns inte längre, ingen rättelse bokförd" if before.period >= report.first_period else STATUS["past"]
        status = STATUS.get(now.status, now.status) if now else gone
        rows.append([before.title, before.unit_name, month_span(before.periods), tkr(before.effect, plus=True), "–", status])
    return rows[:_MAX_FINDINGS]


def _restated(report: Report) -> list[list[str]]:
    """Months that were reported with other figures in the report before."""
    return [
        [
            month_year(row.period),
            report.line(row.line).label if report.has(row.line) else row.line,
            tkr(row.before),
            tkr(row.after),
            tkr(row.change, plus=True),
        ]
        for row in report.evidence.restated
    ]


def _month_rows(months: Sequence[Month]) -> list[list[str]]:
    return [
        [
            month_year(month.period),
            tkr(month.outcome),
            tkr(month.budget),
            tkr(month.deviation, plus=True),
            tkr(month.outcome_to_date - month.budget_to_date, plus=True),
        ]
        for month in months
    ]


def _drill(report: Report, line: LineFacts, explained: Sequence[Explained]) -> dict[str, Any]:
    units = [(child.name, child.lines[line.key]) for child in report.children if line.key in child.lines]
    units = [(name, facts) for name, facts in units if facts.outcome or facts.budget]
    units.sort(key=lambda item: -abs(item[1].deviation))

    def compared(name: str, outcome: Decimal, previous: Decimal | None) -> list[str]:
        change = "" if previous is None else tkr(outcome - previous, plus=True)
        return [name, tkr(outcome), tkr(previous) if previous is not None else "–", change]

    accounts = [item for item in report.accounts if item.line == line.key]
    parties = [item for item in report.counterparties if item.line == line.key]
    return {
        "key": line.key,
        "label": line.label,
        "deviation": tkr(line.deviation, plus=True),
        "causes": _causes(line, explained),
        "months": _month_rows(report.series.get(line.key, [])),
        "units": [[name, tkr(f.outcome), tkr(f.budget), tkr(f.deviation, plus=True)] for name, f in units]
        if len(units) > 1
        else [],
        "accounts": [compared(f"{item.account} {item.name}", item.outcome, item.previous) for item in accounts[:_MAX_ROWS]],
        "counterparties": [
            compared(f"{item.counterparty} {item.name}".strip() or "(saknas)", item.outcome, item.previous)
            for item in parties[:_MAX_ROWS]
        ],
        "vouchers": [_voucher(voucher) for voucher in report.vouchers if voucher.line == line.key],
    }


def _cells(report: Report) -> list[dict[str, Any]]:
    names = {child.code: child for child in report.children}
    cells = sorted(report.cell_series, key=lambda cell: -abs(names[cell[0]].lines[cell[1]].deviation))
    return [
        {
            "anchor": _cell_anchor(unit, key),
            "label": f"{names[unit].name}: {names[unit].lines[key].label}",
            "deviation": tkr(names[unit].lines[key].deviation, plus=True),
            "months": _month_rows(report.cell_series[unit, key]),
            "vouchers": [_voucher(v) for v in report.cell_vouchers if v.child == unit and v.line == key],
        }
        for unit, key in cells
    ]


def _voucher(voucher: Voucher) -> dict[str, str]:
    text = "(visas inte: kan peka ut en person)" if voucher.text_hidden else voucher.text
    return {
        "voucher": voucher.voucher,
        "date": voucher.date,
        "unit": voucher.unit,
        "account": f"{voucher.account} {voucher.account_name}",
        "text": text,
        "amount": kronor(voucher.amount),
    }


def _monthly_caption(report: Report) -> str:
    what = "Nettokostnad" if cost_form(report) else "Resultat"
    if not report.rest:
        return f"{what} per månad (mkr). Prickad linje: budget i genomsnitt."
    implied = "; streckade staplar: vad prognosen innebär per månad" if report.rate(report.net) else ""
    return f"{what} per månad (mkr): utfall{implied}. Prickad linje: budget per månad, hittills och resten av året."


def _accumulated_caption(report: Report) -> str:
    what = "Nettokostnad" if cost_form(report) else "Resultat"
    if not report.rest:
        return f"{what} ackumulerat över året (mkr): utfall i blått, budget i grått."
    forecast = ", prognos streckad" if report.net.forecast is not None else ""
    last = month_name(report.period)
    return f"{what} ackumulerat (mkr): utfall i blått, budget i grått{forecast}; efter {last} raka linjer till helåret."


def _material_text(report: Report) -> str:
    net = abs(report.net.budget_year) or abs(report.net.budget)
    least = max(net * report.options.of_net, Decimal(1000))
    parts = [
        f"{money(least)} ({percent(report.options.of_net, 1)} av årets nettobudget)",
        f"{percent(report.options.of_line, 1)} av radens budget",
    ]
    whole = f"; en avvikelse på minst {percent(report.options.of_deviation)} av nettots räknas alltid"
    return listed(parts) + whole
