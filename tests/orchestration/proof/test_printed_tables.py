"""Reading printed tables: CSV, Excel, and text pasted from a PDF, with the number formats that people use."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from random import Random

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_tables import true_table

from orchestration.errors import FileRejected
from orchestration.proof import proof_of_file, prove, read_printed_table, table_from_grid, table_from_text
from orchestration.proof.numbers import format_number, parse_number

DATA = __file__.rpartition("/")[0] + "/data"


def values(table):
    return [
        [str(table.cells[r, c].value) if (r, c) in table.cells else "" for c in range(len(table.columns))]
        for r in range(len(table.rows))
    ]


@pytest.mark.parametrize(
    ("text", "value", "decimals"),
    [
        ("1 094", "1094", 0),
        ("1\u00a0094", "1094", 0),
        ("1\u2009094,5", "1094.5", 1),
        ("1\u202f094\u202f000", "1094000", 0),
        ("\u22122 219", "-2219", 0),
        ("–2 219", "-2219", 0),
        ("- 192", "-192", 0),
        ("192-", "-192", 0),
        ("(192)", "-192", 0),
        ("0,5", "0.5", 1),
        ("+3", "3", 0),
        ("–", "0", 0),
        ("1.094", "1.094", 3),
        ("1.094,50", "1094.50", 2),
        ("1094", "1094", 0),
    ],
)
def test_numbers(text, value, decimals):
    assert parse_number(text) == (Decimal(value), decimals)


@pytest.mark.parametrize("text", ["", "2015-03", "KS15/9", "1 09", "12:30", "1 2345", "ett", "1,2,3", "9" * 50])
def test_not_numbers(text):
    assert parse_number(text) is None


def test_printed_numbers():
    assert format_number(Decimal("-2153.45"), "sv", 1) == "−2\u00a0153,5"
    assert format_number(Decimal("-2153.45"), "en", 1) == "−2,153.5"
    assert format_number(Decimal("-0.04"), "sv", 1) == "0,0"


def test_csv_and_text_of_the_printed_reports_are_the_same_tables(shared):
    for name in ("2015-03", "aug"):
        comma = read_printed_table(shared / "published" / f"ekero_klk_{name}.csv")
        text = read_printed_table(shared / "published" / f"ekero_klk_{name}.txt")
        assert values(comma) == values(text)
        assert [row.key for row in comma.rows] == [row.key for row in text.rows]
        assert [(c.measure, c.scope) for c in comma.columns] == [(c.measure, c.scope) for c in text.columns]
        assert text.unit == "tkr"
        assert not text.unit_assumed
        assert "Externa intäkter\t" not in text.text
        assert len(text.text.split("\n")) == (shared / "published" / f"ekero_klk_{name}.txt").read_text().count("\n") + 1


@pytest.mark.parametrize("name", ["vinter.txt", "vinter_justerad.txt", "vinter_staplad.txt", "vinter.csv"])
def test_the_same_table_in_four_clothes(name):
    """Single and thin spaces and U+2212; aligned columns with two heading rows; a cell per line; semicolons and cp1252."""
    table = read_printed_table(f"{DATA}/{name}")
    assert values(table) == [
        ["1250", "1300", "-50"],
        ["1250", "1300", "-50"],
        ["-10400", "-11050", "650"],
        ["-820", "-439", "-381"],
        ["-11220", "-11489", "269"],
        ["-9970", "-10189", "219"],
    ]
    assert [(c.measure, c.scope) for c in table.columns] == [("outcome", "period"), ("budget", "period"), ("deviation", "period")]
    assert [row.key for row in table.rows] == [
        "external_income",
        "total_income",
        "personnel",
        "other_external_cost",
        "total_cost",
        "net",
    ]
    proof = prove(table)
    assert proof.possible
    assert len(proof.checks) == 15


HEADING = "(tkr)\tUtfall perioden\tBudget perioden\tAvvik perioden"
LINES = [
    ("Externa intäkter", 1250, 1300, -50),
    ("Summa intäkter", 1250, 1300, -50),
    ("Personalkostnader", -10400, -11050, 650),
    ("Övriga externa kostnader", -820, -439, -381),
    ("Summa kostnader", -11220, -11489, 269),
    ("Netto", -9970, -10189, 219),
]


def pasted(thousands: str = " ", minus: str = "-", wrap: str = "Övriga externa kostnader", more=lambda row: "") -> list[str]:
    """Return the lines of one table as a paste from a PDF leaves them."""
    out = []
    for label, *amounts in LINES:
        cells = [(minus if amount < 0 else "") + f"{abs(amount):,}".replace(",", thousands) for amount in amounts]
        out.append("\t".join([wrap if label.startswith("Övriga") else label, *cells]) + more(amounts))
    return out


@pytest.mark.parametrize(
    "text",
    [
        "\n".join([HEADING + "\tAvvik %", *pasted(more=lambda row: f"\t{100 * row[2] / abs(row[1]):.1f} %".replace(".", ","))]),
        "\n".join([HEADING, *pasted(thousands="'")]),
        "\n".join([HEADING, *pasted(thousands=".", minus="–")]),
        "\n".join([HEADING, *pasted(wrap="Övriga externa\nkostnader")]),
        "\n".join([HEADING, *pasted()[:3], "", "Sida 2 (3)", HEADING, *pasted()[3:], "* inklusive tolv vakanser"]),
        "\n".join(
            [HEADING, *(line.replace("externa kostnader", "externa") for line in pasted()[:4]), "kostnader", *pasted()[4:]]
        ),
    ],
    ids=["percent", "apostrophe", "dots", "wrapped before", "page break", "wrapped after"],
)
def test_what_a_paste_does_to_a_table(text):
    table = table_from_text(text, "klistrad.txt")
    assert [row[:3] for row in values(table)] == [[str(amount) for amount in amounts] for _, *amounts in LINES]
    assert [row.label for row in table.rows] == [label for label, *_ in LINES]
    proof = prove(table)
    assert proof.possible
    assert len(proof.checks) == 15
    wrong = table_from_text(text.replace("381", "387"), "klistrad.txt")
    assert [wrong.name(cell) for cell in prove(wrong).wrong_sets[0].ids] == ["Övriga externa kostnader, Avvik perioden"]


def test_a_column_without_a_heading_has_its_number():
    table = table_from_text("\n".join(pasted()), "utan.txt")
    assert table.name((0, 2)) == "Externa intäkter, (3)"
    assert any("no headings" in note.en for note in table.notes)


def test_places_say_line_and_column():
    table = read_printed_table(f"{DATA}/vinter.csv")
    place = table.cells[2, 1].place
    assert (place.file, place.row, place.column) == ("vinter.csv", 5, "Budget perioden")


def excel(path, rows, number_format="#,##0"):
    book = openpyxl.Workbook()
    sheet = book.active
    for row in rows:
        sheet.append(row)
    for row in sheet.iter_rows(min_row=2, min_col=2):
        for cell in row:
            cell.number_format = number_format
    book.save(path)
    return path


def test_excel_is_read_as_its_formats_show_it(tmp_path):
    rows = [["tkr", "Utfall", "Budget", "Avvik"], ["Avgifter", 10.4, 20.4, -10.0], ["Bidrag", 10.4, 20.4, -10.0]]
    rows += [["Summa intäkter", 20.8, 40.8, -20.0]]
    table = read_printed_table(excel(tmp_path / "a.xlsx", rows))
    assert values(table) == [["10", "20", "-10"], ["10", "20", "-10"], ["21", "41", "-20"]]
    assert prove(table).possible
    thousands = [[*row[:1], *(cell if isinstance(cell, str) else cell * 1000 for cell in row[1:])] for row in rows]
    assert values(read_printed_table(excel(tmp_path / "b.xlsx", thousands, "# ##0,"))) == values(table)


def test_excel_with_a_spread_heading_and_percentages(tmp_path):
    rows = [["tkr", "Perioden", None, None, None], [None, "Utfall", "Budget", "Avvik", "Avvik %"]]
    rows += [["Avgifter", 10, 20, -10, "-50%"], ["Bidrag", 10, 20, -10, "-50%"], ["Summa intäkter", 20, 40, -20, "-50%"]]
    table = read_printed_table(excel(tmp_path / "a.xlsx", rows))
    assert [(c.measure, c.scope) for c in table.columns[:3]] == [
        ("outcome", "period"),
        ("budget", "period"),
        ("deviation", "period"),
    ]
    assert table.columns[3].measure == "percent"
    assert prove(table).possible


def test_formulas_without_values_are_refused(tmp_path):
    rows = [["tkr", "Utfall", "Budget"], ["Avgifter", "=1+1", "=2+1"], ["Bidrag", "=1+1", "=2+1"]]
    with pytest.raises(FileRejected) as error:
        read_printed_table(excel(tmp_path / "a.xlsx", rows))
    assert error.value.code == "formula_without_value"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"%PDF-1.4", "pdf"),
        (b"", "not_a_table"),
        (b"Bara text utan tal.\n", "not_a_table"),
        (b"PK\x03\x04trasig", "not_excel"),
        (b"\xd0\xcf\x11\xe0", "legacy_excel"),
        (b"a,b\n1,2\n", "not_a_table"),
        (b"Avgifter 1 2\nBidrag 3 4\n", "not_a_table"),
    ],
)
def test_unusable_files(tmp_path, content, code):
    path = tmp_path / "fil.txt"
    path.write_bytes(content)
    with pytest.raises(FileRejected) as error:
        read_printed_table(path)
    assert error.value.code == code


def test_a_file_that_does_not_exist(tmp_path):
    with pytest.raises(FileRejected):
        read_printed_table(tmp_path / "finns_inte.csv")


def test_a_table_without_relations_is_nothing_to_prove(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Rad;Utfall;Budget\nA-nämnd;7;3\nB-nämnd;5;9\nC-nämnd;4;4\n", encoding="utf-8")
    with pytest.raises(FileRejected) as error:
        proof_of_file(path)
    assert error.value.code == "nothing_to_prove"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 10**9))
def test_a_true_table_pasted_with_plain_spaces_is_read_back_and_never_called_wrong(seed):
    truth = true_table(Random(seed), size=10**9)
    grid = truth.print()
    lines = [" ".join(grid[0]), *(" ".join([row[0], *(f"{int(x):,}".replace(",", " ") for x in row[1:])]) for row in grid[1:])]
    table = table_from_text("Rubrik\n\n" + "\n".join(lines) + "\n\nText efter 5 mkr.", "t")
    assert prove(table).possible
    assert values(table) == [row[1:] for row in grid[1:]]


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="aå 0123456789-–,.\t\n()%;|", max_size=300))
def test_any_text_is_a_table_or_refused(text):
    with suppress(FileRejected):
        prove(table_from_text(text, "t"))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.text(alphabet="abSumma 0123456789-,.%", max_size=8), min_size=1, max_size=6), max_size=8))
def test_any_grid_is_a_table_or_refused(grid):
    with suppress(FileRejected):
        prove(table_from_grid(grid, "t"))


def test_a_sheet_is_chosen_by_name_or_number(tmp_path):
    book = openpyxl.Workbook()
    for title, wrong in (("Stor", 0), ("Liten tabell", 5)):
        sheet = book.create_sheet(title)
        for row in [["tkr", "Utfall", "Budget", "Avvik"], ["Intäkter", 10, 8, 2 + wrong], ["Kostnader", -4, -5, 1]]:
            sheet.append(row)
        if title == "Stor":
            sheet.append(["Netto", 6, 3, 3])
    book.remove(book.worksheets[0])
    path = tmp_path / "a.xlsx"
    book.save(path)
    assert [proof_of_file(path, sheet=name)[1] for name in (None, "stor", "1", "Liten tabell", "2")] == [0, 0, 0, 1, 1]
    with pytest.raises(FileRejected, match="Stor, Liten tabell"):
        proof_of_file(path, sheet="3")
    text = tmp_path / "a.csv"
    text.write_text("tkr;Utfall\nIntäkter;1\n", encoding="utf-8")
    with pytest.raises(FileRejected, match="Only Excel files"):
        proof_of_file(text, sheet="1")
