"""Swedish numbers and words for the report.

Narrow no-break space between thousands, no-break space before units, decimal comma, U+2212 for minus.

What belongs here: one value to one string, rounded once (half away from zero). What does not: sentences (`text`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from orchestration.months import MONTHS

THIN = "\N{NARROW NO-BREAK SPACE}"
SPACE = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
_MILLION = Decimal(1_000_000)

#: Control characters (also in XML) and those that turn the direction of text around.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff\ud800-\udfff]")


def clean(text: str | None) -> str:
    """Return a text from a file without control characters, on one line. Escaping is done where it is written."""
    return " ".join(_UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text or "").split())


def number(value: Decimal | int, decimals: int = 0, *, plus: bool = False) -> str:
    """Return a rounded number: '−17 105', '+2,1'. Zero has no sign."""
    rounded = Decimal(value).quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)
    text = f"{abs(rounded):,.{decimals}f}".replace(",", THIN).replace(".", ",")
    return (MINUS if rounded < 0 else "+" if plus and rounded > 0 else "") + text


def tkr(amount: Decimal | None, *, plus: bool = False) -> str:
    """Return SEK as whole thousands (tkr) without the unit; empty where unknown."""
    return "" if amount is None else number(amount / 1000, plus=plus)


def kronor(amount: Decimal | None) -> str:
    """Return SEK with two decimals; empty where unknown."""
    return "" if amount is None else number(amount, 2)


def money(amount: Decimal, *, sign: bool = False) -> str:
    """Return an amount for running text: '2,1 mkr' from one million, else '545 tkr'. Without sign unless asked for."""
    value = amount if sign else abs(amount)
    if abs(amount) >= _MILLION:
        return f"{number(value / _MILLION, 1, plus=sign)}{SPACE}mkr"
    return f"{number(value / 1000, plus=sign)}{SPACE}tkr"


def percent(share: Decimal, decimals: int = 0, *, plus: bool = False) -> str:
    """Return a share of 1 as per cent: '77 %'."""
    return f"{number(share * 100, decimals, plus=plus)}{SPACE}%"


def listed(words: Sequence[str]) -> str:
    """Return 'a, b och c'."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} och {words[-1]}" if words else ""


def month_name(period: str) -> str:
    """Return 'mars' of '2015-03'."""
    return MONTHS[int(period[5:]) - 1]


def month_year(period: str) -> str:
    """Return 'mars 2015' of '2015-03'."""
    return f"{month_name(period)} {period[:4]}"


def month_span(periods: Sequence[str]) -> str:
    """Return 'mars 2015', 'januari–mars 2015', or 'november 2014–januari 2015 (2 månader)' where months between are not meant."""
    months = sorted({period for period in periods if period})
    if len(months) < 2:
        return month_year(months[0]) if months else ""
    first, last = months[0], months[-1]
    span = f"{month_name(first) if first[:4] == last[:4] else month_year(first)}–{month_year(last)}"
    between = (int(last[:4]) - int(first[:4])) * 12 + int(last[5:]) - int(first[5:]) + 1
    return span if between == len(months) else f"{span} ({len(months)} månader)"
