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
from orchestration.report.model import ZERO, Report
from orchestration.report.numbers import money, month_name, month_span, month_year, number, tkr
from orchestration.report.text import cost_form

_FILL = {"good": "#1b66ab", "bad": "#b8500c", "known": "url(#known)", "total": "#4a4a4a", "muted": "#767676"}
_WIDTH = 700
_FONT = "Source Sans 3, Segoe UI, Calibri, Helvetica Neue, Liberation Sans, Arial, sans-serif"


@dataclass(frozen=True)
class Step:
    """One bar of a waterfall: an amount, or (`total`) the sum so far. `known`: the part has a cause in data."""

    label: str
    amount: Decimal
    total: bool = False
    known: bool = False


def waterfall_steps(report: Report, explained: Sequence[Explained]) -> list[Step]:
    """Return the steps from budget to outcome: each line's deviation, divided by cause where causes are known.

    The steps add up to the deviation of the net exactly. Lines that deviate by less than a per cent of the largest are one step.
    """
    known = {found.line.key: found for found in explained}
    steps: list[Step] = []
    small = ZERO
    lines = report.detail_lines()
    largest = max((abs(line.deviation) for line in lines), default=ZERO)
    for line in lines:
        found = known.get(line.key)
        if found and found.causes:
            for cause in found.causes:
                where = f" ({cause.unit})" if cause.unit else ""
                steps.append(Step(f"{line.label}: {cause.title.lower()}{where}", cause.amount, known=True))
            if found.unexplained:
                steps.append(Step(f"{line.label}: oförklarat", found.unexplained))
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
    label_width, value_width, row, top = 270, 74, 25, 6
    height = top * 2 + row * len(steps)
    running, spans = ZERO, []
    for step in steps:
        start = ZERO if step.total else running
        end = step.amount if step.total else running + step.amount
        spans.append((start, end))
        running = end
    low = min(min(pair) for pair in spans)
    high = max(max(pair) for pair in spans)
    low, high = min(low, ZERO), max(high, ZERO)
    scale = Decimal(_WIDTH - label_width - value_width) / ((high - low) or Decimal(1))

    def x(amount: Decimal) -> float:
        return float(label_width + (amount - low) * scale)

    parts = [
        f'<line class="axis" stroke="#767676" x1="{x(ZERO):.1f}" x2="{x(ZERO):.1f}" y1="{top - 4}" y2="{height - top + 4}" />'
    ]
    for index, (step, (start, end)) in enumerate(zip(steps, spans, strict=True)):
        y = top + index * row
        left, width = x(min(start, end)), max(abs(x(end) - x(start)), 1.0)
        tone = "total" if step.total else "good" if step.amount > 0 else "bad"
        weight = ' font-weight="600"' if step.total else ""
        lines = _fold(step.label)
        for k, text in enumerate(lines):
            offset = 16 + (k - (len(lines) - 1) / 2) * 11
            size = ' font-size="10.5"' if len(lines) > 1 else ""
            parts.append(f'<text class="ink" fill="#1a1a1a" x="0" y="{y + offset:.1f}"{size}{weight}>{escape(text)}</text>')
        parts.append(
            f'<rect class="{tone}" fill="{_FILL[tone]}" x="{left:.1f}" y="{y + 4}" width="{width:.1f}" height="{row - 9}" />'
        )
        if step.known:
            parts.append(
                f'<rect class="known" fill="url(#known)" x="{left:.1f}" y="{y + 4}" width="{width:.1f}" height="{row - 9}" />'
            )
        if index + 1 < len(steps) and not steps[index + 1].total:
            parts.append(
                f'<line class="link" stroke="#9a9a9a" x1="{x(end):.1f}" x2="{x(end):.1f}" '
                f'y1="{y + row - 5}" y2="{y + row + 4}" />'
            )
        parts.append(
            f'<text class="ink" fill="#1a1a1a" x="{_WIDTH}" y="{y + 16}" text-anchor="end"{weight}>'
            f"{tkr(step.amount, plus=True)}</text>"
        )
    pattern = (
        '<defs><pattern id="known" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<line x1="0" x2="0" y1="0" y2="6" stroke="#ffffff" stroke-width="2.4" /></pattern></defs>'
    )
    told = "; ".join(f"{step.label} {tkr(step.amount, plus=True)}" for step in steps)
    title = f"Från budget till utfall, {report.period_name}, tkr"
    return _svg("waterfall", title, f"Vattenfall. {told}.", height, pattern + "".join(parts))


def findings_figure(report: Report, count: int = 10) -> str:
    """Return the largest open findings by what the result of the period changes by when they are put right, as SVG."""
    shown = sorted((f for f in report.evidence.open_findings if f.effect), key=lambda f: -abs(f.effect))[:count]
    if len(shown) < 2:
        return ""
    label_width, value_width, row, top = 330, 74, 30, 6
    height = top * 2 + row * len(shown)
    low = min(ZERO, *(finding.effect for finding in shown))
    high = max(ZERO, *(finding.effect for finding in shown))
    scale = Decimal(_WIDTH - label_width - value_width) / ((high - low) or Decimal(1))

    def x(amount: Decimal) -> float:
        return float(label_width + (amount - low) * scale)

    parts = [f'<line class="axis" stroke="#767676" x1="{x(ZERO):.1f}" x2="{x(ZERO):.1f}" y1="2" y2="{height - 2}" />']
    for index, finding in enumerate(shown):
        y = top + index * row
        tone = "good" if finding.effect > 0 else "bad"
        left, width = x(min(ZERO, finding.effect)), max(abs(x(finding.effect) - x(ZERO)), 1.0)
        where = f"{finding.unit_name}, {month_span(finding.periods)}"
        hollow = finding.tier != "fel"
        dashes = ' stroke-dasharray="4 3"' if hollow else ""
        parts += [
            f'<text class="ink" fill="#1a1a1a" x="0" y="{y + 12}">{escape(_short(finding.title, 52))}</text>',
            f'<text class="soft" fill="#595959" x="0" y="{y + 24}" font-size="10.5">{escape(_short(where, 60))}</text>',
            f'<rect class="{"hollow" + tone if hollow else tone}" fill="{"none" if hollow else _FILL[tone]}" '
            f'stroke="{_FILL[tone]}" stroke-width="1.5"{dashes} '
            f'x="{left:.1f}" y="{y + 5}" width="{width:.1f}" height="{row - 13}" />',
            f'<text class="ink" fill="#1a1a1a" x="{_WIDTH}" y="{y + 18}" text-anchor="end">'
            f"{tkr(finding.effect, plus=True)}</text>",
        ]
    told = "; ".join(f"{finding.title}, {finding.unit_name} {tkr(finding.effect, plus=True)}" for finding in shown)
    return _svg("findings", "Öppna fynd efter belopp, tkr", f"Stapeldiagram. {told}.", height, "".join(parts))


def _short(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1].rstrip()}…"


def _fold(label: str, width: int = 42) -> list[str]:
    """Return the label on at most two lines."""
    if len(label) <= width:
        return [label]
    cut = label.rfind(" ", 0, width)
    rest = label[cut + 1 :]
    return [label[:cut], rest if len(rest) <= width + 4 else rest[: width + 3] + "…"]


def accumulated(report: Report) -> str:
    """Return outcome, budget and forecast accumulated over the year as SVG; net cost is drawn upwards."""
    months = report.series.get("net", [])
    if not months:
        return ""
    turn = -1 if cost_form(report) else 1
    net = report.net
    left, right, top, bottom, height = 62, 150, 14, 30, 300
    outcome = [(index + 1, turn * month.outcome_to_date) for index, month in enumerate(months)]
    budget = [(index + 1, turn * month.budget_to_date) for index, month in enumerate(months)]
    rest = [(report.months, turn * net.budget), (12, turn * net.budget_year)]
    forecast = [(report.months, turn * net.outcome), (12, turn * net.forecast)] if net.forecast is not None else []
    values = [ZERO, *(value for line in (outcome, budget, rest, forecast) for _, value in line)]
    ticks = _ticks(min(values), max(values))
    low, high = ticks[0], ticks[-1]

    def x(month: int) -> float:
        return left + month / 12 * (_WIDTH - left - right)

    def y(value: Decimal) -> float:
        return float(top + (high - value) / ((high - low) or Decimal(1)) * (height - top - bottom))

    def path(points: Sequence[tuple[int, Decimal]]) -> str:
        return "M" + " L".join(f"{x(month):.1f},{y(value):.1f}" for month, value in points)

    parts = []
    for tick in ticks:
        strong = tick == 0
        parts.append(
            f'<line class="{"axis" if strong else "grid"}" stroke="{"#767676" if strong else "#dcdcdc"}" '
            f'x1="{left}" x2="{_WIDTH - right}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" />'
            f'<text class="soft" fill="#595959" x="{left - 8}" y="{y(tick) + 4:.1f}" text-anchor="end">{_mkr(tick, ticks)}</text>'
        )
    first = int(report.first_period[5:])
    for month in range(1, 13):
        name = month_name(f"2000-{(first + month - 2) % 12 + 1:02d}")[:3]
        parts.append(f'<text class="soft" fill="#595959" x="{x(month):.1f}" y="{height - 10}" text-anchor="middle">{name}</text>')
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
    ends = [("Budget helår", turn * net.budget_year, "soft", "#595959")]
    if net.forecast is not None:
        ends.append(("Prognos helår", turn * net.forecast, "badtext", "#9a430a"))
    else:
        ends.append(("Utfall", turn * net.outcome, "goodtext", "#1b66ab"))
    parts += _end_labels([(label, value, y(value), tone, fill) for label, value, tone, fill in ends], _WIDTH - right + 8)
    reached = f"Utfall {_amount(turn * net.outcome)}, budget {_amount(turn * net.budget)}"
    legend = (
        f'<text class="goodtext" fill="#1b66ab" x="{x(report.months) + 10:.1f}" y="{y(turn * net.outcome) + 16:.1f}">'
        f"{reached}</text>"
    )
    if net.forecast is not None and report.months <= 8:
        parts.append(legend)
    title = f"{word} ackumulerat över året, mkr"
    told = f"Linjediagram. Utfall till och med {month_year(report.period)} {_amount(turn * net.outcome)}, "
    told += f"budget {_amount(turn * net.budget)}. Budget helår {_amount(turn * net.budget_year)}"
    told += f", prognos helår {_amount(turn * net.forecast)}." if net.forecast is not None else ", ingen prognos."
    return _svg("accumulated", title, told, height, "".join(parts))


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
    left, right, top, bottom, height = 62, 150, 14, 30, 220
    everything = [ZERO, budget, *values, *(value for value in (implied, rest) if value is not None)]
    ticks = _ticks(min(everything), max(everything))
    low, high = ticks[0], ticks[-1]
    step = (_WIDTH - left - right) / 12

    def y(value: Decimal) -> float:
        return float(top + (high - value) / ((high - low) or Decimal(1)) * (height - top - bottom))

    def bar(index: int, value: Decimal, attributes: str) -> str:
        upper, size = min(y(value), y(ZERO)), max(abs(y(value) - y(ZERO)), 0.5)
        return (
            f'<rect {attributes} x="{left + index * step + 5:.1f}" y="{upper:.1f}" width="{step - 10:.1f}" height="{size:.1f}" />'
        )

    parts = []
    for tick in ticks:
        strong = tick == 0
        parts.append(
            f'<line class="{"axis" if strong else "grid"}" stroke="{"#767676" if strong else "#dcdcdc"}" '
            f'x1="{left}" x2="{_WIDTH - right}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" />'
            f'<text class="soft" fill="#595959" x="{left - 8}" y="{y(tick) + 4:.1f}" text-anchor="end">{_mkr(tick, ticks)}</text>'
        )
    first = int(report.first_period[5:])
    for index in range(12):
        name = month_name(f"2000-{(first + index - 1) % 12 + 1:02d}")[:3]
        middle = left + (index + 0.5) * step
        parts.append(f'<text class="soft" fill="#595959" x="{middle:.1f}" y="{height - 10}" text-anchor="middle">{name}</text>')
    parts += [bar(index, value, 'class="good" fill="#1b66ab"') for index, value in enumerate(values)]
    if implied is not None:
        outline = 'class="hollow" fill="none" stroke="#b8500c" stroke-width="1.5" stroke-dasharray="4 3"'
        parts += [bar(index, implied, outline) for index in range(report.months, 12)]
    for begin, end, value in ((0, report.months, budget), (report.months, 12, rest)):
        if value is not None:
            parts.append(
                f'<line class="budget" stroke="#767676" stroke-width="2" stroke-dasharray="2 3" x1="{left + begin * step:.1f}" '
                f'x2="{left + end * step:.1f}" y1="{y(value):.1f}" y2="{y(value):.1f}" />'
            )
    ends = []
    if rest is not None:
        ends.append(("Budget, resten", rest, y(rest), "soft", "#595959"))
    if implied is not None:
        ends.append(("Prognos, resten", implied, y(implied), "badtext", "#9a430a"))
    parts += _end_labels(ends, _WIDTH - right + 8)
    told = (
        "Stapeldiagram. " + "; ".join(f"{month_name(m.period)} {_amount(v)}" for m, v in zip(months, values, strict=True)) + "."
    )
    if implied is not None:
        told += f" Prognosen innebär {_amount(implied)} per månad under resten av året."
    if rest is not None:
        told += f" Budget {_amount(rest)} per månad under resten av året."
    word = "Nettokostnad" if turn < 0 else "Resultat"
    return _svg("monthly", f"{word} per månad, mkr", told, height, "".join(parts))


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


def _svg(name: str, title: str, description: str, height: int, body: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="figure" role="img" viewBox="0 0 {_WIDTH} {height}" '
        f'aria-labelledby={quoteattr(f"{name}-title {name}-description")} font-size="12" font-family="{_FONT}">'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-description">{escape(description)}</desc>{body}</svg>'
    )
