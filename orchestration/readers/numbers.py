"""Cells to values: amounts, dates, periods and codes in the forms that export files use, whole columns at a time.

What belongs here: pure functions from a column of strings to a column of typed values, with null where a value cannot be read.
What does not: which column is which (`mapping`), what a field means (`kinds`), what becomes of unreadable rows (`tables`).

Amounts never pass through a float, except where the file itself stores floats (Excel), and then only when they are exact to
the öre. Columns with few distinct values (dates, periods, codes) are parsed once for every distinct value.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal

import numpy as np
import polars as pl
import pyarrow as pa

DecimalMark = Literal[",", "."]

#: Digits after the point that an amount may have in the file before it is scaled (tkr and mkr give kronor by six more places).
PLACES = 8
_MINUS = "[\u2212\u2012\u2013\u2014\ufe63\uff0d]"
_SPACE = "[\\s\u00a0\u2007\u2009\u202f]"

_GAP = "[ \u00a0\u2009\u202f]"

MONTH_NAMES = {
    name: number
    for number, names in enumerate(
        (
            "jan januari january",
            "feb febr februari february",
            "mar mars march",
            "apr april",
            "maj may",
            "jun juni june",
            "jul juli july",
            "aug augusti august",
            "sep sept september",
            "okt oct oktober october",
            "nov november",
            "dec december",
        ),
        start=1,
    )
    for name in names.split()
}


# ---------------------------------------------------------------- amounts


def amounts(text: pl.Series, decimal: DecimalMark | None, *, shift: int = 0, scale: int = 2) -> pl.Series:
    """Read amounts exactly.

    Accepts `1234,56`, `1 234,56` (any space, or `.` or `'` as thousand separator), trailing minus, `(1 234)`, U+2212, `kr`,
    `SEK` and `:-`; a lone minus is zero, as accounting formats write it. Thousand groups must be of three digits. Nine decimals
    or more are a printed float (`11730.570000000002`), read by the rule of `native_amounts`.

    Args:
        text: stripped strings, '' where empty.
        decimal: the file's decimal mark; the other one is its thousand separator. None: neither is accepted.
        shift: powers of ten to multiply by (tkr 3, mkr 6).
        scale: decimals of the result.

    Returns:
        Int64 in units of 10**-scale (öre), null where empty, unreadable, out of range or with more decimals than `scale`.
    """
    mark = decimal or ","
    whole = rf"^-?(?:[0-9]{{1,15}}|[0-9]{{1,3}}(?:{_GAP}[0-9]{{3}}){{1,4}})"
    simple = text.str.contains(rf"{whole}(?:{re.escape(mark)}[0-9]{{1,2}})?$" if decimal else f"{whole}$")
    plain = text.str.replace_all(_GAP, "")
    if mark == ",":
        plain = plain.str.replace(",", ".", literal=True)
    hard = (~simple).arg_true()
    if len(hard):
        plain = plain.scatter(hard, _canonical(text.gather(hard), decimal))
    exact = plain.cast(pl.Decimal(38, PLACES), strict=False).to_physical()
    step, limit = (pl.lit(number, dtype=pl.Int128) for number in (10 ** (PLACES - scale - shift), 10**18))
    value = pl.col("v")
    units = (
        pl.DataFrame({"v": exact})
        .select(pl.when(value % step == 0).then(value // step))
        .select(pl.when(value.abs() < limit).then(value).cast(pl.Int64))
        .to_series()
    )
    if decimal and len(hard):
        printed_floats = text.str.contains(rf"^-?[0-9]+{re.escape(mark)}[0-9]{{9,}}(?:e-[0-9]{{1,3}})?$")
        if printed_floats.any():
            where = printed_floats.arg_true()
            floats = text.gather(where).str.replace(",", ".", literal=True).cast(pl.Float64)
            units = units.scatter(where, native_amounts(floats.to_numpy(), shift=shift, scale=scale))
    return units


def _canonical(text: pl.Series, decimal: DecimalMark | None) -> pl.Series:
    """Return `-1234.56` for every accepted form, null for the rest."""
    thousands = {",": "[ .']", ".": "[ ,']", None: "[ ']"}[decimal]
    fraction = rf"(?:{re.escape(decimal)}(?P<fraction>[0-9]+))?" if decimal else r"(?P<fraction>\b\B)?"
    tidy = text.str.replace_all(_SPACE, " ").str.replace_all(_MINUS, "-").str.to_lowercase()
    tidy = pl.select(pl.when(tidy.str.contains(r"^-{1,2}(?: ?kr)?$")).then(pl.lit("0")).otherwise(tidy)).to_series()
    parts = tidy.str.extract_groups(
        rf"^(?P<opening>\()? ?(?:kr|sek)? ?(?P<lead>[-+])? ?(?:kr|sek)? ?(?P<whole>[0-9]{{1,3}}(?:{thousands}[0-9]{{3}})+|[0-9]*)"
        rf"{fraction} ?(?P<trail>[-+])? ?(?:kr\.?|sek|:-)? ?(?P<closing>\))?$"
    ).struct.unnest()
    opening, closing = (pl.col(name).is_not_null().cast(pl.Int8) for name in ("opening", "closing"))
    lead, trail = (pl.col(name).is_not_null().cast(pl.Int8) for name in ("lead", "trail"))
    whole = pl.col("whole").str.replace_all("[^0-9]", "")
    fraction_digits = pl.col("fraction").fill_null("").str.strip_chars_end("0")
    negative = (opening == 1) | (pl.col("lead") == "-").fill_null(False) | (pl.col("trail") == "-").fill_null(False)
    good = (
        (opening == closing)
        & (opening + lead + trail <= 1)
        & ((whole != "") | pl.col("fraction").is_not_null())
        & (whole.str.len_bytes() <= 18)
        & (fraction_digits.str.len_bytes() <= PLACES)
    )
    number = pl.concat_str(
        pl.when(negative).then(pl.lit("-")).otherwise(pl.lit("")),
        pl.when(whole == "").then(pl.lit("0")).otherwise(whole),
        pl.lit("."),
        pl.when(fraction_digits == "").then(pl.lit("0")).otherwise(fraction_digits),
    )
    return parts.select(pl.when(good).then(number)).to_series()


def native_amounts(values: np.ndarray, *, shift: int = 0, scale: int = 2) -> pl.Series:
    """Read amounts that the file stores as floats (Excel cells): exact or not at all.

    A float counts as an amount of whole öre when it is within 0.000001 kr of one (a sum such as 0.1 + 0.2 is; a third is not).

    Args:
        values: float64, NaN where the cell holds no number.
        shift: powers of ten to multiply by (tkr 3, mkr 6).
        scale: decimals of the result.

    Returns:
        Int64 in units of 10**-scale, null for NaN, too many decimals, or beyond what a float holds exactly.
    """
    scaled = values * float(10 ** (shift + scale))
    whole = np.round(scaled)
    with np.errstate(invalid="ignore"):
        tolerance = np.maximum(1e-6 * 10**scale, 4 * np.spacing(np.abs(scaled)))
        good = (np.abs(scaled - whole) <= tolerance) & (np.abs(scaled) < 2**53)
    return pl.Series(np.where(good, whole, 0).astype(np.int64)).set(pl.Series(~good), None)


def decimal_mark(text: pl.Series) -> DecimalMark | Literal["unclear"] | None:
    """Tell the decimal mark of a column of amounts from what is written in it.

    Returns:
        ',' or '.' when the evidence is one-sided (up to one contrary value in a hundred is a bad row, not evidence), 'unclear'
        when values such as `1,234` could be either or the evidence is mixed, None when there is no mark at all.
    """
    marked = text.filter(text.str.contains(r"^[^A-Za-zÅÄÖåäö]*[0-9][^A-Za-zÅÄÖåäö]*(?i:kr\.?|sek|:-)?[^A-Za-zÅÄÖåäö]*$"))
    marked = marked.filter(marked.str.contains("[.,]")).str.replace("(?i)kr\\.?", "").str.replace_all("[^0-9.,]", "")
    counts = {mark: int(marked.str.contains(_evidence(mark, other)).sum()) for mark, other in ((",", "."), (".", ","))}
    more, less = sorted(counts, key=lambda mark: -counts[mark])
    if not counts[more]:
        return "unclear" if len(marked) else None
    return "unclear" if counts[less] * 100 > counts[more] else more  # type: ignore[return-value]


def _evidence(mark: str, other: str) -> str:
    """Return the pattern of amounts in which `mark` can only be the decimal mark."""
    m, o = re.escape(mark), re.escape(other)
    return rf"{o}[0-9]{{3}}{m}[0-9]|^[0-9]*{m}[0-9]{{1,2}}$|{m}[0-9]{{4,}}$|^[0-9]{{4,}}{m}|^0{m}|^{m}|{o}[0-9]{{3}}{o}"


def money_array(units: pl.Series, *, precision: int = 18, scale: int = 2) -> pa.Array:
    """Return Int64 öre as Arrow decimal128(precision, scale), exactly: the integer is the decimal's own representation."""
    low = units.fill_null(0).to_numpy()
    pairs = np.empty((len(low), 2), dtype=np.int64)
    pairs[:, 0] = low
    pairs[:, 1] = low >> 63
    validity = pa.array(units.is_not_null().to_numpy()).buffers()[1] if units.null_count() else None
    return pa.Array.from_buffers(pa.decimal128(precision, scale), len(low), [validity, pa.py_buffer(pairs)])


def total(units: pl.Series) -> int:
    """Return the exact sum of Int64 öre, without overflow."""
    return int(units.cast(pl.Int128).sum() or 0)


# ---------------------------------------------------------------- dates and periods


def per_value(text: pl.Series, parse: Callable[[str], Any], dtype: pl.DataType | type[pl.DataType]) -> pl.Series:
    """Apply `parse` once to every distinct string. Returns a column of `dtype`, null where `parse` returns None."""
    distinct = text.unique()
    if len(distinct) * 2 > len(text):
        return pl.Series([parse(value) for value in text], dtype=dtype)
    return text.replace_strict(distinct, pl.Series([parse(value) for value in distinct], dtype=dtype), return_dtype=dtype)


_YMD = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})")
_YMD_SOLID = re.compile(r"(\d{4})(\d{2})(\d{2})")
_YMD_SHORT = re.compile(r"(\d{2})-?(\d{2})-?(\d{2})")
_DMY = re.compile(r"(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4})")
_TIME = re.compile(r"(?<=\d)[T ]\d{1,2}[:.]\d{2}.*$")
_ZERO_FRACTION = re.compile(r"\.0+$")


def parse_date(text: str) -> date | None:
    """Read a date: ISO, YYYYMMDD, YYYY/MM/DD, DD/MM/YYYY (day first), DD.MM.YYYY, YYMMDD, YY-MM-DD, with or without a time.

    Returns None for anything else and for dates that do not exist.
    """
    text = _ZERO_FRACTION.sub("", _TIME.sub("", text.strip()))
    if match := _YMD.fullmatch(text):
        return _date(match[1], match[3], match[4])
    if match := _YMD_SOLID.fullmatch(text):
        return _date(match[1], match[2], match[3])
    if match := _DMY.fullmatch(text):
        return _date(match[3], match[2], match[1])
    if match := _YMD_SHORT.fullmatch(text):
        return _date(_century(match[1]), match[2], match[3])
    return None


def _date(year: str, month: str, day: str) -> date | None:
    try:
        found = date(int(year), int(month), int(day))
    except ValueError:
        return None
    return found if 1900 <= found.year < 2100 else None


def _century(year: str) -> str:
    return ("20" if int(year) < 70 else "19") + year


_YEAR_MONTH = re.compile(r"((?:19|20)\d\d)\s?[-/:.Pp ]?\s?(\d{1,2})")
_MONTH_YEAR = re.compile(r"(\d{1,2})[-/.](\d{4})")
_NAME_YEAR = re.compile(r"([a-zå]+)\.?[\s'’.-]*(\d{4}|\d{2})")
_YEAR_NAME = re.compile(r"(\d{4})[\s.-]*([a-zå]+)\.?")
_PER_MONTH = re.compile(r"(?:p|per|period|m|mån|månad)?\.?\s*(\d{1,2})")


def parse_period(text: str, year: int | None = None) -> str | None:
    """Read an accounting period.

    Accepts YYYYMM, YYYY-MM, YYYY/MM, MM/YYYY, YYMM, `mars 2015`, `jan-15`, every form of `parse_date`, and, where `year` is
    known, a month alone. Periods 13 to 15 (bokslutsperioder) belong to December.

    Returns:
        'YYYY-MM'; 'YYYY-00' for period 00 (ingående balans); 'YYYY' for a year alone; None for anything else.
    """
    text = _ZERO_FRACTION.sub("", text.strip().lower())
    if match := _YEAR_MONTH.fullmatch(text):
        if len(match[2]) == 2 or not text.isdigit():
            return _period(int(match[1]), int(match[2]))
    elif match := _MONTH_YEAR.fullmatch(text):
        return _period(int(match[2]), int(match[1]))
    if re.fullmatch(r"(?:19|20)\d\d", text):
        return text
    if re.fullmatch(r"\d{4}", text):  # YYMM; years 2019 and 2020 are ambiguous in that form and taken as a year above
        return _period(int(_century(text[:2])), int(text[2:]))
    if (match := _NAME_YEAR.fullmatch(text)) and match[1] in MONTH_NAMES:
        return _period(int(match[2] if len(match[2]) == 4 else _century(match[2])), MONTH_NAMES[match[1]])
    if (match := _YEAR_NAME.fullmatch(text)) and match[2] in MONTH_NAMES:
        return _period(int(match[1]), MONTH_NAMES[match[2]])
    if year is not None:
        if text.rstrip(".") in MONTH_NAMES:
            return _period(year, MONTH_NAMES[text.rstrip(".")])
        if match := _PER_MONTH.fullmatch(text):
            return _period(year, int(match[1]))
    found = parse_date(text)
    return f"{found:%Y-%m}" if found else None


def _period(year: int, month: int) -> str | None:
    if 12 < month <= 15:
        month = 12
    return f"{year:04d}-{month:02d}" if 0 <= month <= 12 and 1900 <= year < 2100 else None


def month_of_header(header: str) -> tuple[str, int | None, int] | None:
    """Read a month column's header: `Jan`, `Budget mars`, `201503`, `2015-03`, `jan-15`, `P03`.

    Returns:
        (what stands before the month, year or None, month), or None when the header is no month.
    """
    text = " ".join(header.lower().replace("_", " ").split())
    match = re.fullmatch(r"(budget|utfall|prognos|belopp|outcome|forecast|amount)?[\s:.-]*(.+)", text)
    before, rest = (match[1] or "", match[2]) if match else ("", text)
    found = parse_period(rest)
    if found and len(found) == 7 and found[5:] != "00":
        return before, int(found[:4]), int(found[5:])
    name = rest.rstrip(".")
    if name in MONTH_NAMES:
        return before, None, MONTH_NAMES[name]
    match = _PER_MONTH.fullmatch(rest)
    if match and 1 <= int(match[1]) <= 12:
        return before, None, int(match[1])
    return None


# ---------------------------------------------------------------- codes and text

_CODE_AND_TEXT = re.compile(r"(\S*\d\S*?)\s*[:–-]?\s+(?=.*[^\W\d_]{2})(.+)", re.DOTALL)
_SUM = "(?:summa|sum|summor|totalt|total|totalsumma|s:a)"
_TOTAL = re.compile(
    rf"(?:del|slut|års|sub|grand )?{_SUM}:?|(?:del|slut|års)?(?:summa|summor|totalt|s:a)\b.*|\S+\s+{_SUM}", re.I | re.S
)
_GRAND_TOTAL = re.compile(rf"(?:slut|grand )?{_SUM}(?:\s+(?:totalt?|summa|kr|tkr))?\s*:?", re.I)


def split_code(text: str) -> tuple[str, str] | None:
    """Split `4010 Konsulter` into code and text. None where the cell is not a code with a digit in it, followed by words."""
    match = _CODE_AND_TEXT.fullmatch(text)
    return (match[1], match[2].strip()) if match else None


def is_total(text: str) -> bool:
    """Tell whether a cell labels a total row: `Summa …`, `Totalt`, `S:a`, `4010 Summa`."""
    return bool(_TOTAL.fullmatch(text.strip()))


def is_grand_total(text: str) -> bool:
    """Tell whether the label names nothing but the total itself, as a grand total's does."""
    return bool(_GRAND_TOTAL.fullmatch(text.strip()))


# ---------------------------------------------------------------- shares and open ends

_SHARE = re.compile(r"([0-9]{1,4}(?:[.,][0-9]{1,17})?) ?(%|procent)?", re.IGNORECASE)
_OPEN_ENDS = frozenset(
    ("tv", "t.v.", "t.v", "tills vidare", "tillsvidare", "pågår", "pågående", "löpande", "-", "–", "until further notice", "open")
)


def parse_share(cell: str) -> int | None:
    """Read a share of full time in millionths: `75 %`, `75` and `0,75` are 750000; None where it cannot be told.

    Up to 1 it is a share, above 2 per cent. Between the two it might be either and is not guessed.
    """
    match = _SHARE.fullmatch(cell.strip().replace("\u00a0", " "))
    if not match:
        return None
    number = Decimal(match[1].replace(",", "."))
    if match[2] or number > 2:
        number /= 100
    elif number > 1:
        return None
    return int((number * 1_000_000).quantize(Decimal(1), ROUND_HALF_UP))


def parse_rate(cell: str) -> int | None:
    """Read a yearly rate in millionths: `2 %` is 20000; without the sign the number as it stands."""
    text = cell.strip().replace("\u00a0", " ")
    sign = -1 if text[:1] in ("-", "−") else 1
    match = _SHARE.fullmatch(text.lstrip("-−+ "))
    if not match or len(match[1].split(",")[0].split(".")[0]) > 3:
        return None
    number = Decimal(match[1].replace(",", ".")) / (100 if match[2] else 1)
    return sign * int((number * 1_000_000).quantize(Decimal(1), ROUND_HALF_UP))


def is_open_end(cell: str) -> bool:
    """Tell whether a last day means that there is none: empty, `tills vidare`, 9999-12-31."""
    text = cell.strip().casefold()
    return not text or text in _OPEN_ENDS or text.startswith(("9999", "31.12.9999", "31/12/9999"))


def parse_birth_year(cell: str) -> int | None:
    """Read a year of birth from a year or a date with its century."""
    match = re.match(r"((?:19|20)\d\d)(?:\.0+$|$|[-./]?(?:0[1-9]|1[0-2])[-./]?(?:0[1-9]|[12]\d|3[01]))", cell.strip())
    return int(match[1]) if match else None
