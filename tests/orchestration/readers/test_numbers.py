"""Values of cells: every printed form of an amount reads back as the same öre, and nothing else is taken for one."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.readers import numbers

ore = st.integers(min_value=-(10**15), max_value=10**15)


def one(text: str, decimal: str | None = ",", **rest: int) -> int | None:
    return numbers.amounts(pl.Series([text]), decimal, **rest)[0]  # type: ignore[arg-type]


def forms(units: int, decimal: str) -> list[str]:
    """Write an amount of öre in every form that exports use."""
    whole, fraction = divmod(abs(units), 100)
    sign = "-" if units < 0 else ""
    plain, tail = str(whole), f"{decimal}{fraction:02d}"
    grouped = f"{whole:,}"
    other = "." if decimal == "," else ","
    bodies = [plain + tail] + [grouped.replace(",", space) + tail for space in (" ", "\u00a0", "\u2009", "\u202f", other, "'")]
    written = [sign + body for body in bodies]
    written += [body + sign for body in bodies]
    written += [sign.replace("-", "\u2212") + body for body in bodies]
    written += [f"({body})" if sign else body for body in bodies]
    written += [f"{sign}{body} kr" for body in bodies] + [f"{sign}{plain}{tail}0"]
    if fraction == 0:
        written += [sign + plain, f"{sign}{plain}:-"]
    return written


@given(ore, st.sampled_from([",", "."]))
@settings(max_examples=150, deadline=None)
def test_every_form_of_an_amount_reads_back(units: int, decimal: str) -> None:
    written = forms(units, decimal)
    assert numbers.amounts(pl.Series(written), decimal).to_list() == [units] * len(written)  # type: ignore[arg-type]


@given(ore)
@settings(max_examples=50, deadline=None)
def test_thousands_and_millions_are_exact(units: int) -> None:
    amount = Decimal(units).scaleb(-2)
    for shift in (3, 6):
        text = f"{amount.scaleb(-shift):f}".replace(".", ",")
        assert one(text, shift=shift) == units


@given(st.lists(st.one_of(st.none(), st.integers(min_value=-(10**17), max_value=10**17)), max_size=20))
@settings(max_examples=50, deadline=None)
def test_integers_become_decimals_exactly(units: list[int | None]) -> None:
    array = numbers.money_array(pl.Series(units, dtype=pl.Int64))
    assert array.to_pylist() == [None if u is None else Decimal(u).scaleb(-2) for u in units]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "12.34",
        "1,234",
        "1 2345",
        "12 34",
        "--5",
        "-5-",
        "(5",
        "(-5)",
        "5,",
        "1e3",
        "1,5E+03",
        "99999999999999999",
        "#REF!",
        "2015-03-01",
    ],
)
def test_what_is_no_amount_is_null(text: str) -> None:
    assert one(text) is None


def test_a_printed_float_is_read_as_the_float_it_was() -> None:
    texts = ["11730.570000000002", "235268.16999999998", "1.1368683772161603e-13", "0.333333333333333", "1.123456789"]
    assert numbers.amounts(pl.Series(texts), ".").to_list() == [1173057, 23526817, 0, None, None]


def test_a_lone_minus_is_zero() -> None:
    assert [one("-"), one("–"), one("- kr")] == [0, 0, 0]


@pytest.mark.parametrize(
    ("texts", "mark"),
    [
        (["1,234"], "unclear"),
        (["1,5", "1.5"], "unclear"),
        (["1,234", "12,50"], ","),
        (["1,234", "12.50"], "."),
        (["1.234,5"], ","),
        (["1.234.567"], ","),
        (["1 234,567"], ","),
        (["5", "1 000"], None),
        (["5,00 kr."], ","),
        (["text, med komma"], None),
        (["2,50"] * 200 + ["2.50"], ","),
    ],
)
def test_the_decimal_mark_is_told_by_evidence(texts: list[str], mark: str | None) -> None:
    assert numbers.decimal_mark(pl.Series(texts)) == mark


def test_floats_are_amounts_only_when_they_are_whole_ore() -> None:
    values = np.array([1.5, 0.1 + 0.2, 1 / 3, np.nan, 1e17, 2.675, 123456789.12, -0.0])
    assert numbers.native_amounts(values).to_list() == [150, 30, None, None, None, None, 12345678912, 0]
    assert numbers.native_amounts(np.array([1.2345, 1.234567]), shift=3).to_list() == [123450, None]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2015-03-17", date(2015, 3, 17)),
        ("20150317", date(2015, 3, 17)),
        ("2015/03/17", date(2015, 3, 17)),
        ("17/03/2015", date(2015, 3, 17)),
        ("17.3.2015", date(2015, 3, 17)),
        ("150317", date(2015, 3, 17)),
        ("15-03-17", date(2015, 3, 17)),
        ("2015-03-17 12:30:00", date(2015, 3, 17)),
        ("2015-02-30", None),
        ("20150230", None),
        ("03/17/2015", None),
        ("201503", None),
        ("2015-31", None),
        ("42080", None),
        ("", None),
    ],
)
def test_dates(text: str, found: date | None) -> None:
    assert numbers.parse_date(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("201503", "2015-03"),
        ("2015-03", "2015-03"),
        ("2015/3", "2015-03"),
        ("03/2015", "2015-03"),
        ("1503", "2015-03"),
        ("mars 2015", "2015-03"),
        ("Mars-15", "2015-03"),
        ("jan-15", "2015-01"),
        ("2015 okt", "2015-10"),
        ("2015P03", "2015-03"),
        ("2015-03-01", "2015-03"),
        ("2015-03-01 00:00:00", "2015-03"),
        ("201503.0", "2015-03"),
        ("201513", "2015-12"),
        ("201500", "2015-00"),
        ("2015", "2015"),
        ("201516", None),
        ("20150230", None),
        ("3", None),
        ("", None),
    ],
)
def test_periods(text: str, found: str | None) -> None:
    assert numbers.parse_period(text) == found


def test_a_month_alone_needs_a_year() -> None:
    assert [numbers.parse_period(text, 2015) for text in ("3", "03", "P3", "mars", "13", "16")] == ["2015-03"] * 4 + [
        "2015-12",
        None,
    ]


@pytest.mark.parametrize(
    "text", ["Summa", "Totalt", "Summa kostnader", "S:a", "S:a 4010", "Delsumma", "Totalsumma", "4010 Summa", "TOTAL"]
)
def test_labels_of_totals(text: str) -> None:
    assert numbers.is_total(text)


@pytest.mark.parametrize(
    "text", ["Totalentreprenad", "4010 Totalentreprenad", "Total Facilities Management", "Summering", "Konsulter", ""]
)
def test_other_labels_are_no_totals(text: str) -> None:
    assert not numbers.is_total(text)


def test_code_and_text_are_split_only_with_a_digit_and_words() -> None:
    cells = ["4010 Konsulter", "4010: Konsulter", "A1 - IT-enheten", "4010", "Löner", "4 010", "2015 03"]
    assert [numbers.split_code(cell) for cell in cells] == [
        ("4010", "Konsulter"), ("4010", "Konsulter"), ("A1", "IT-enheten"), None, None, None, None,
    ]  # fmt: skip
