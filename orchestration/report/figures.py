"""Pictures of a report as inline SVG: waterfall of the deviation, and the year accumulated.

What belongs here: geometry. What does not: numbers that are not in the model. Colours come twice: as attributes, for printers and
viewers without the page's style sheet, and as classes, which the style sheet overrides for dark screens. Blue and orange can be
told apart by the colour-blind; the sign and the side of the bar say the same as the colour. Each picture has a title and a
description for those who do not see it, and the same numbers stand in a table nearby.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from xml.sax.saxutils import escape, quoteattr

from orchestration.report.causes import Explained
from orchestration.report.evidence import Finding
from orchestration.report.model import ZERO, Report
from orchestration.report.numbers import money, month_name, month_span, month_year, number, tkr
from orchestration.report.text import cost_form

_FILL = {"good": "#1b66ab", "bad": "#b8500c", "known": "url(#known)", "total": "#4a4a4a", "muted": "#767676"}
_WIDTH = 700
_FONT = "Source Sans 3, Segoe UI, Calibri, Helvetica Neue, Liberation Sans, Arial, sans-serif"


@dataclass(frozen=True)
class Step:
    """One bar of a waterfall: an amount, or (`total`) the sum so far. `known`: the part has a cause in data.

    `group`: the line that it is a part of; empty where it is a line.
    """

    label: str
    amount: Decimal
    total: bool = False
    known: bool = False
    group: str = ""


def waterfall_steps(report: Report, explained: Sequence[Explained]) -> list[Step]:
    """Return the steps from budget to outcome: each line's deviation, largest first, divided by cause where causes are known.

    The steps add up to the deviation of the net exactly. Lines that deviate by less than a per cent of the largest are one step,
    and so are the causes of a line that are smaller than a twentieth of the largest deviation.
    """
    known = {found.line.key: found for found in explained}
    steps: list[Step] = []
    small = ZERO
    lines = sorted(report.detail_lines(), key=lambda line: -abs(line.deviation))
    sizes = [line.deviation for line in lines] + [cause.amount for found in explained for cause in found.causes]
    largest = max((abs(size) for size in sizes), default=ZERO)
    for line in lines:
        found = known.get(line.key)
        if found and found.causes:
            minor = [cause for cause in found.causes if abs(cause.amount) * 20 < largest]
            minor = minor if len(minor) > 1 else []
            for cause in found.causes:
                if cause not in minor:
                    where = f" ({cause.unit})" if cause.unit else ""
                    steps.append(Step(f"{cause.title}{where}", cause.amount, known=True, group=line.label))
            if minor:
                amount = sum((cause.amount for cause in minor), ZERO)
                steps.append(Step(f"Övriga {len(minor)} orsaker", amount, known=True, group=line.label))
            if found.unexplained:
                steps.append(Step("Oförklarat", found.unexplained, group=line.label))
        elif abs(line.deviation) * 100 < largest:
            small += line.deviation
        else:
            steps.append(Step(line.label, line.deviation))
    if small:
        steps.append(Step("Övriga rader", small))
    return [*steps, Step("Avvikelse netto", report.net.deviation, total=True)]


def waterfall(report: Report, explained: Sequence[Explained]) -> str:
    """Return the waterfall (vattenfall) from budget to outcome of the period as SVG."""
    steps = waterfall_steps(report, explained)
    if not any(step.amount for step in steps):
        return ""
    label_width, value_width, row, top = 285, 74, 20, 4
    running, spans = ZERO, []
    for step in steps:
        start = ZERO if step.total else running
        end = step.amount if step.total else running + step.amount
        spans.append((start, end))
        running = end
    low, high = min(ZERO, *(min(pair) for pair in spans)), max(ZERO, *(max(pair) for pair in spans))
    scale = Decimal(_WIDTH - label_width - value_width) / ((high - low) or Decimal(1))

    def x(amount: Decimal) -> float:
        return float(label_width + (amount - low) * scale)

    def said(label: str, amount: Decimal, y: float, *, indent: int = 0, tone: str = "ink", strong: bool = False) -> str:
        fill = f'class="{tone}" fill="{"#1a1a1a" if tone == "ink" else "#595959"}"' + (' font-weight="600"' if strong else "")
        text = escape(_short(label, 50 - indent // 6))
        plus = tone == "ink"
        return (
            f'<text {fill} x="{indent}" y="{y + 14:.1f}">{text}</text>'
            f'<text {fill} x="{_WIDTH}" y="{y + 14:.1f}" text-anchor="end">{tkr(amount, plus=plus)}</text>'
        )

    deviations = {line.label: line.deviation for line in report.detail_lines()}
    parts = [said("Budget", report.net.budget, top, tone="soft")]
    y, group, previous = top + row, "", None
    for step, (start, end) in zip(steps, spans, strict=True):
        if step.group and step.group != group:
            parts.append(said(step.group, deviations[step.group], y, strong=True))
            y += row
        group = step.group
        if previous is not None and not step.total:
            parts.append(
                f'<line class="link" stroke="#9a9a9a" x1="{x(start):.1f}" x2="{x(start):.1f}" y1="{previous}" y2="{y + 3}" />'
            )
        left, width = x(min(start, end)), max(abs(x(end) - x(start)), 1.0)
        tone = "total" if step.total else "good" if step.amount > 0 else "bad"
        box = f'x="{left:.1f}" y="{y + 3}" width="{width:.1f}" height="{row - 7}"'
        parts.append(said(step.label, step.amount, y, indent=14 if step.group else 0, strong=not step.group))
        parts.append(f'<rect class="{tone}" fill="{_FILL[tone]}" {box} />')
        if step.known:
            parts.append(f'<rect class="known" fill="url(#known)" {box} />')
        previous = y + row - 4
        y += row
    parts.append(said("Utfall", report.net.outcome, y, tone="soft"))
    height = y + row + top
    axis = f'<line class="axis" stroke="#767676" x1="{x(ZERO):.1f}" x2="{x(ZERO):.1f}" y1="{top + row - 3}" y2="{y + 3}" />'
    pattern = (
        '<defs><pattern id="known" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<line x1="0" x2="0" y1="0" y2="6" stroke="#ffffff" stroke-width="2.4" /></pattern></defs>'
    )
    told = "; ".join(
        f"{step.group + ', ' + step.label.lower() if step.group else step.label} {tkr(step.amount, plus=True)}" for step in steps
    )
    title = f"Från budget till utfall, {report.period_name}, tkr"
    told = f"Vattenfall. Budget {tkr(report.net.budget)}; {told}; utfall {tkr(report.net.outcome)}."
    return _svg("waterfall", title, told, height, pattern + axis + "".join(parts))


@dataclass(frozen=True)
class FindingGroup:
    """Open findings of one kind in one unit and line. `effect`: what the period's result changes by when they are put right."""

    title: str
    is_asked: bool
    unit_name: str
    who: list[str]
    periods: list[str]
    count: int
    effect: Decimal


def finding_groups(report: Report) -> list[FindingGroup]:
    """Return the open findings that concern the fiscal year, by kind, unit and line: largest effect first."""
    groups: dict[tuple[bool, str, str, str], list[Finding]] = {}
    for finding in report.evidence.open_findings:
        if finding.effect and finding.period >= report.first_period:
            groups.setdefault((finding.tier != "fel", finding.title, finding.unit_name, finding.line), []).append(finding)
    found = [
        FindingGroup(
            title,
            asked,
            unit,
            list(dict.fromkeys(f.who for f in members if f.who)),
            sorted({period for f in members for period in f.periods}),
            len(members),
            sum((f.effect for f in members), ZERO),
        )
        for (asked, title, unit, _), members in groups.items()
    ]
    return sorted(found, key=lambda group: (-abs(group.effect), group.title, group.unit_name))


def findings_figure(groups: Sequence[FindingGroup]) -> str:
    """Return groups of open findings by what the result of the period changes by when they are put right, as SVG."""
    if not groups:
        return ""
    label_width, value_width, row, top = 370, 74, 32, 4
    height = top * 2 + row * len(groups)
    low, high = min(ZERO, *(group.effect for group in groups)), max(ZERO, *(group.effect for group in groups))
    scale = Decimal(_WIDTH - label_width - value_width) / ((high - low) or Decimal(1))

    def x(amount: Decimal) -> float:
        return float(label_width + (amount - low) * scale)

    parts = [f'<line class="axis" stroke="#767676" x1="{x(ZERO):.1f}" x2="{x(ZERO):.1f}" y1="2" y2="{height - 2}" />']
    for index, group in enumerate(groups):
        y = top + index * row
        tone = "good" if group.effect > 0 else "bad"
        left, width = x(min(ZERO, group.effect)), max(abs(x(group.effect) - x(ZERO)), 1.0)
        who = f": {group.who[0]}{' m.fl.' if len(group.who) > 1 else ''}" if group.who else ""
        kind = "fråga" if group.is_asked else "fel"
        kind = kind if group.count == 1 else f"{group.count} {'frågor' if group.is_asked else 'fel'}"
        dashes = ' stroke-dasharray="4 3"' if group.is_asked else ""
        parts += [
            f'<text class="ink" fill="#1a1a1a" x="0" y="{y + 13}">{escape(_short(f"{group.title} ({kind})", 60))}</text>',
            f'<text class="soft" fill="#595959" x="0" y="{y + 26}" font-size="11">'
            f"{escape(_short(f'{group.unit_name}, {month_span(group.periods)}{who}', 68))}</text>",
            f'<rect class="{"hollow" + tone if group.is_asked else tone}" fill="{"none" if group.is_asked else _FILL[tone]}" '
            f'stroke="{_FILL[tone]}" stroke-width="1.5"{dashes} '
            f'x="{left:.1f}" y="{y + 6}" width="{width:.1f}" height="{row - 16}" />',
            f'<text class="ink" fill="#1a1a1a" x="{_WIDTH}" y="{y + 18}" text-anchor="end">{tkr(group.effect, plus=True)}</text>',
        ]
    told = "; ".join(f"{group.title}, {group.unit_name} {tkr(group.effect, plus=True)}" for group in groups)
    return _svg("findings", "Öppna fynd efter belopp, tkr", f"Stapeldiagram. {told}.", height, "".join(parts))


def _short(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1].rstrip()}…"


class _Year:
    """The frame of a picture of the year: months below, amounts in mkr at the left."""

    width, height, left, right, top, bottom = 380, 210, 40, 72, 12, 24

    def __init__(self, report: Report, values: Sequence[Decimal]) -> None:
        self.first = int(report.first_period[5:])
        self.ticks = _ticks(min(values), max(values))
        self.low, self.high = self.ticks[0], self.ticks[-1]
        self.end = self.width - self.right
        self.step = (self.end - self.left) / 12

    def x(self, month: float) -> float:
        """Return where a month ends (12: the year)."""
        return self.left + month * self.step

    def y(self, value: Decimal) -> float:
        """Return the height of an amount."""
        share = (self.high - value) / ((self.high - self.low) or Decimal(1))
        return float(self.top + share * (self.height - self.top - self.bottom))

    def axes(self, offset: float) -> list[str]:
        """Return lines and numbers of the amounts, and the months; `offset` is where in its month a name stands, 0 to 1."""
        parts = []
        for tick in self.ticks:
            tone, stroke = ("axis", "#767676") if tick == 0 else ("grid", "#dcdcdc")
            parts.append(
                f'<line class="{tone}" stroke="{stroke}" '
                f'x1="{self.left}" x2="{self.end}" y1="{self.y(tick):.1f}" y2="{self.y(tick):.1f}" />'
                f'<text class="soft" fill="#595959" x="{self.left - 6}" y="{self.y(tick) + 4:.1f}" text-anchor="end">'
                f"{_mkr(tick, self.ticks)}</text>"
            )
        for index in range(12):
            name = month_name(f"2000-{(self.first + index - 1) % 12 + 1:02d}")[:3]
            parts.append(
                f'<text class="soft" fill="#595959" x="{self.x(index + offset):.1f}" y="{self.height - 8}" '
                f'font-size="10.5" text-anchor="middle">{name}</text>'
            )
        return parts


def accumulated(report: Report) -> str:
    """Return outcome, budget and forecast accumulated over the year as SVG; net cost is drawn upwards."""
    months = report.series.get("net", [])
    if not months:
        return ""
    turn = -1 if cost_form(report) else 1
    net = report.net
    outcome = [(index + 1, turn * month.outcome_to_date) for index, month in enumerate(months)]
    budget = [(index + 1, turn * month.budget_to_date) for index, month in enumerate(months)]
    rest = [(report.months, turn * net.budget), (12, turn * net.budget_year)]
    forecast = [(report.months, turn * net.outcome), (12, turn * net.forecast)] if net.forecast is not None else []
    year = _Year(report, [ZERO, *(value for line in (outcome, budget, rest, forecast) for _, value in line)])
    x, y = year.x, year.y

    def path(points: Sequence[tuple[int, Decimal]]) -> str:
        return "M" + " L".join(f"{x(month):.1f},{y(value):.1f}" for month, value in points)

    parts = year.axes(1)
    start = [(0, ZERO)]
    parts.append(f'<path class="budget" fill="none" stroke="#767676" stroke-width="2" d="{path(start + budget)}" />')
    if report.rest:
        parts.append(
            f'<path class="budget" fill="none" stroke="#767676" stroke-width="2" stroke-dasharray="2 4" d="{path(rest)}" />'
        )
    if forecast and report.rest:
        parts.append(
            f'<path class="forecast" fill="none" stroke="#b8500c" stroke-width="2.5" stroke-dasharray="7 4" '
            f'd="{path(forecast)}" />'
        )
    parts.append(f'<path class="outcome" fill="none" stroke="#1b66ab" stroke-width="3" d="{path(start + outcome)}" />')
    parts += [
        f'<circle class="good" fill="#1b66ab" cx="{x(month):.1f}" cy="{y(value):.1f}" r="3.2" />' for month, value in outcome
    ]
    word = "Nettokostnad" if turn < 0 else "Resultat"
    ends = [("Budget", turn * net.budget_year, "soft", "#595959")]
    if net.forecast is not None:
        ends.append(("Prognos", turn * net.forecast, "badtext", "#9a430a"))
    else:
        ends.append(("Utfall", turn * net.outcome, "goodtext", "#1b66ab"))
    parts += _end_labels([(label, value, y(value), tone, fill) for label, value, tone, fill in ends], year.end + 8)
    title = f"{word} ackumulerat över året, mkr"
    told = f"Linjediagram. Utfall till och med {month_year(report.period)} {_amount(turn * net.outcome)}, "
    told += f"budget {_amount(turn * net.budget)}. Budget helår {_amount(turn * net.budget_year)}"
    told += f", prognos helår {_amount(turn * net.forecast)}." if net.forecast is not None else ", ingen prognos."
    return _svg("accumulated", title, told, year.height, "".join(parts), year.width)


def monthly(report: Report) -> str:
    """Return the net by month as SVG: outcome so far as bars, the rest of the year as the forecast implies on average."""
    months = report.series.get("net", [])
    if not months:
        return ""
    turn = -1 if cost_form(report) else 1
    rate = report.rate(report.net)
    budget = turn * report.net.budget / report.months
    values = [turn * month.outcome for month in months]
    implied = turn * rate.implied if rate else None
    rest = turn * (report.net.budget_year - report.net.budget) / report.rest if report.rest else None
    year = _Year(report, [ZERO, budget, *values, *(value for value in (implied, rest) if value is not None)])
    x, y = year.x, year.y

    def bar(index: int, value: Decimal, attributes: str) -> str:
        upper, size = min(y(value), y(ZERO)), max(abs(y(value) - y(ZERO)), 0.5)
        return f'<rect {attributes} x="{x(index) + 3:.1f}" y="{upper:.1f}" width="{year.step - 6:.1f}" height="{size:.1f}" />'

    parts = year.axes(0.5)
    parts += [bar(index, value, 'class="good" fill="#1b66ab"') for index, value in enumerate(values)]
    if implied is not None:
        outline = 'class="hollow" fill="none" stroke="#b8500c" stroke-width="1.5" stroke-dasharray="4 3"'
        parts += [bar(index, implied, outline) for index in range(report.months, 12)]
    for begin, end, value in ((0, report.months, budget), (report.months, 12, rest)):
        if value is not None:
            parts.append(
                f'<line class="budget" stroke="#767676" stroke-width="2" stroke-dasharray="2 3" x1="{x(begin):.1f}" '
                f'x2="{x(end):.1f}" y1="{y(value):.1f}" y2="{y(value):.1f}" />'
            )
    ends = []
    if rest is not None:
        ends.append(("Budget", rest, y(rest), "soft", "#595959"))
    if implied is not None:
        ends.append(("Prognos", implied, y(implied), "badtext", "#9a430a"))
    parts += _end_labels(ends, year.end + 8)
    told = (
        "Stapeldiagram. " + "; ".join(f"{month_name(m.period)} {_amount(v)}" for m, v in zip(months, values, strict=True)) + "."
    )
    if implied is not None:
        told += f" Prognosen innebär {_amount(implied)} per månad under resten av året."
    if rest is not None:
        told += f" Budget {_amount(rest)} per månad under resten av året."
    word = "Nettokostnad" if turn < 0 else "Resultat"
    return _svg("monthly", f"{word} per månad, mkr", told, year.height, "".join(parts), year.width)


def _amount(value: Decimal) -> str:
    return money(value, sign=value < 0)


def _end_labels(labels: list[tuple[str, Decimal, float, str, str]], x: float) -> list[str]:
    """Return labels beside the ends of the lines, pushed apart where they would overlap."""
    labels = sorted(labels, key=lambda label: label[2])
    heights = [label[2] for label in labels]
    for index in range(1, len(heights)):
        if heights[index] - heights[index - 1] < 32:
            middle = (heights[index] + heights[index - 1]) / 2
            heights[index - 1], heights[index] = middle - 16, middle + 16
    return [
        f'<text class="{tone}" fill="{fill}" x="{x}" y="{y - 2:.1f}">{label}</text>'
        f'<text class="{tone}" fill="{fill}" x="{x}" y="{y + 12:.1f}" font-weight="600">{_amount(value)}</text>'
        for (label, value, _, tone, fill), y in zip(labels, heights, strict=True)
    ]


def _ticks(low: Decimal, high: Decimal) -> list[Decimal]:
    """Return four to seven round values that enclose low and high."""
    span = (high - low) or Decimal(1000)
    step = Decimal(10) ** (span.adjusted() - 1)
    for factor in (1, 2, 5, 10, 20, 50):
        if span / (step * factor) <= 6:
            step *= factor
            break
    first = (low / step).to_integral_value(rounding="ROUND_FLOOR")
    last = (high / step).to_integral_value(rounding="ROUND_CEILING")
    return [step * k for k in range(int(first), int(last) + 1)]


def _mkr(value: Decimal, ticks: Sequence[Decimal]) -> str:
    step = abs(ticks[1] - ticks[0]) if len(ticks) > 1 else abs(value)
    decimals = 0 if step >= 1_000_000 else 1 if step >= 100_000 else 2 if step >= 10_000 else 3
    return number(value / 1_000_000, decimals)


def _svg(name: str, title: str, description: str, height: int, body: str, width: int = _WIDTH) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="figure" role="img" viewBox="0 0 {width} {height}" '
        f'aria-labelledby={quoteattr(f"{name}-title {name}-description")} font-size="12" font-family="{_FONT}">'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-description">{escape(description)}</desc>{body}</svg>'
    )
