"""Numbers as Swedish reports print them, and how avvik prints them.

What belongs here: one printed number to a decimal and back. What does not: finding numbers in a line (`reading`).
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal

#: Spaces that stand inside a number: no-break, figure, thin, narrow no-break.
JOINERS = "\u00a0\u2007\u2009\u202f"
#: Signs that are printed for minus: hyphens, dashes, the minus sign, and their full-width form.
MINUSES = "-\u2010\u2011\u2012\u2013\u2014\u2212\ufe63\uff0d"

_NUMBER = re.compile(rf"^([{MINUSES}+]?)\s*(\d+|\d{{1,3}}(?:[ .,'’{JOINERS}]\d{{3}})+)(?:([.,])(\d+))?([{MINUSES}]?)$")
_BRACKETED = re.compile(r"^\((.*)\)$")


def parse_number(text: str, thousands: str = "") -> tuple[Decimal, int] | None:
    """Return (value, decimals) of one printed number, or None if the text is not a number.

    Understands spaces of every kind as thousands separators, every minus sign, a trailing minus, accounting brackets and a
    decimal comma or point. '1,094' and '1.094' are read as decimals unless `thousands` holds that sign. A lone dash is a
    printed zero.
    """
    text = text.strip(" \t\r\n" + JOINERS)
    if len(text) > 40:
        return None
    if len(text) == 1 and text in MINUSES:
        return Decimal(0), 0
    bracketed = _BRACKETED.match(text)
    if bracketed:
        text = bracketed[1].strip()
    text = re.sub(r"\s*(kr|tkr|mkr)$", "", text, flags=re.I)
    for sign in thousands:
        text = re.sub(rf"(?<=\d){re.escape(sign)}(?=\d{{3}}(?!\d))", " ", text)
    match = _NUMBER.match(text)
    if not match:
        return None
    sign, whole, _, fraction, trailing = match.groups()
    digits = re.sub(r"\D", "", whole)
    value = Decimal(digits + ("." + fraction if fraction else ""))
    negative = (sign and sign in MINUSES) or (trailing and trailing in MINUSES) or bracketed
    return (-value if negative else value), len(fraction or "")


def thousands_sign(fields: list[str]) -> str:
    """Return ',' or '.' if the fields as a whole use that sign between thousands, else ''.

    A sign is a thousands separator if every use of it stands before exactly three digits, and it is used twice in some number or
    beside another decimal sign. Three decimals everywhere are otherwise believed.
    """
    for sign, other in ((",", "."), (".", ",")):
        used = [field for field in fields if sign in field and re.search(r"\d", field)]
        if not used or any(re.search(rf"{re.escape(sign)}\d{{1,2}}(?!\d)|{re.escape(sign)}\d{{4,}}", field) for field in used):
            continue
        if any(field.count(sign) > 1 or other in field for field in used) or len(used) >= 3:
            return sign
    return ""


def format_number(value: Decimal, lang: str, decimals: int | None = None) -> str:
    """Return the number as people in that language print it: '−2 153,5' (no-break space) or '−2,153.5'."""
    if decimals is not None:
        value = value.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)
    text = f"{abs(value):,f}"
    if lang == "sv":
        text = text.replace(",", "\u00a0").replace(".", ",")
    return ("−" if value < 0 and any(digit in text for digit in "123456789") else "") + text
