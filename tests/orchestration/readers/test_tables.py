"""The table reader: what each ugly row and file becomes, and that nothing disappears."""

from __future__ import annotations

import csv
import datetime
import gzip
import io
import zipfile
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import duckdb
import openpyxl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestration.errors import FileRejected, SettingsError
from orchestration.readers import sheets
from orchestration.readers.contract import ENTITIES, Summary
from orchestration.readers.tables import read_table
from orchestration.settings import Source

HEAD = "Konto;Ansvar;Motpart;Period;Text;Belopp\n"
Read = Callable[..., "Result"]


class Result:
    """All that one reading gave."""

    def __init__(self, path: Path, source: Source, **rest: object) -> None:
        reading = read_table(path, source, **rest)  # type: ignore[arg-type]
        tables: dict[str, list[pa.Table]] = {}
        for entity, table in reading:
            assert table.schema.equals(ENTITIES[entity]), entity
            tables.setdefault(entity, []).append(table)
        self.tables = {entity: pa.concat_tables(found).to_pylist() for entity, found in tables.items()}
        self.summary: Summary = reading.summary
        s = self.summary
        assert s.rows_in == s.rows_kept + s.rows_set_aside + s.rows_bad
        rejects = self.tables.get("reject", [])
        assert len(rejects) == s.rows_set_aside + s.rows_bad
        assert sum(row["is_bad"] for row in rejects) == s.rows_bad
        for entity, amount in s.amount_in.items():
            assert sum((row["amount"] for row in self.tables.get(entity, [])), Decimal(0)) == amount

    def column(self, name: str, entity: str = "ledger_line") -> list:
        return [row[name] for row in self.tables.get(entity, [])]

    @property
    def rejects(self) -> list[tuple[int, str, bool]]:
        return [(row["source_row"], row["reason_code"], row["is_bad"]) for row in self.tables.get("reject", [])]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Return a function that writes content to a file and reads it."""

    def run(
        content: str | bytes, kind: str = "ledger", *, name: str = "fil.csv", delivery: str | None = None, **source: object
    ) -> Result:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return Result(
            path, Source.model_validate({"kind": kind, "files": ["*"], "max_bad_rows": 1.0, **source}), delivery=delivery
        )

    return run


def workbook(path: Path, rows: list[list], **sheets_: list[list]) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for title, content in sheets_.items():
        sheet = book.create_sheet(title)
        for row in content:
            sheet.append(row)
    book.save(path)
    return path


def rejected(code: str) -> pytest.RaisesExc:
    return pytest.raises(FileRejected, check=lambda error: error.code == code)


# ---------------------------------------------------------------- rows


def test_a_ledger_row_keeps_its_codes_text_and_place(read: Read) -> None:
    result = read(HEAD + '0410;007;871;201503; =HYPERLINK("x") åäö ;-1 234,50\n')
    [row] = result.tables["ledger_line"]
    assert (row["account"], row["unit"], row["counterparty"], row["period"]) == ("0410", "007", "871", "2015-03")
    assert (row["row_text"], row["amount"], row["line_kind"], row["source_row"]) == (
        '=HYPERLINK("x") åäö',
        Decimal("-1234.50"),
        "TRANS",
        2,
    )
    assert result.summary.amount_in == {"ledger_line": Decimal("-1234.50")}
    assert (result.summary.period_from, result.summary.period_to) == ("2015-03", "2015-03")


def test_every_row_is_kept_set_aside_or_bad_under_its_own_line_number(read: Read) -> None:
    result = read(
        "Huvudbok;;;;;\n\n" + HEAD + "4010;11;;201503;a;1,00\n;;;;;\n\n"
        "Konto;Ansvar;Motpart;Period;Text;Belopp\nKansliet;;;;;\n4010;11;;201503;b;\n4010;11;;201513;c;2,00\n"
        "4010;11;;201502;d;x\n;11;;201502;e;5,00\nS:a 4010;;;;;3,00\n4010;11;;20150231;f;1,00\n"
        "1510;11;;201500;IB;100,00\n4010;11;;201503;a;b;1,00\nSumma;;;;;3,00\n"
    )
    assert [(row["source_row"], row["period"]) for row in result.tables["ledger_line"]] == [(4, "2015-03"), (10, "2015-12")]
    assert result.rejects == [
        (1, "title_row", False), (2, "blank", False), (5, "blank", False), (6, "blank", False), (7, "repeated_header", False),
        (8, "text_row", False), (9, "amount_missing", True), (11, "amount_unreadable", True), (12, "account_missing", True),
        (13, "total", False), (14, "period_unreadable", True), (15, "opening_balance", False), (16, "ragged", True),
        (17, "total", False),
    ]  # fmt: skip
    assert result.summary.rows_in == 16  # 17 lines but the header
    reasons = {row["source_row"]: row["reason"] for row in result.tables["reject"]}
    assert reasons[14] == "“Period” is “20150231” and cannot be read as a month"
    assert (result.summary.controls_checked, result.summary.controls_failed) == (1, 0)


def test_a_grand_total_that_differs_is_a_failed_control(read: Read) -> None:
    result = read(HEAD + "4010;11;;201503;a;1,00\n4010;11;;201503;b;2,50\nTotalt;;;;;3,60\n")
    [control] = result.tables["control"]
    assert (control["control"], control["stated"], control["computed"], control["difference"]) == (
        "TOTAL", Decimal("3.60"), Decimal("3.50"), Decimal("0.10"),
    )  # fmt: skip
    assert result.summary.controls_failed == 1


def test_a_last_subtotal_is_no_grand_total(read: Read) -> None:
    result = read(HEAD + "4010;11;;201503;a;1,00\nSumma;;;;;1,00\n5010;11;;201503;b;2,00\nSumma;;;;;2,00\n")
    assert (result.summary.controls_checked, result.summary.controls_failed) == (1, 0)


def test_a_total_in_any_code_column_never_counts_twice(read: Read) -> None:
    result = read("Konto;Ansvar;Period;Belopp\n4010;11;201503;1,00\n4010;Summa;201503;1,00\n4010 Summa;;201503;1,00\n")
    assert result.summary.amount_in["ledger_line"] == Decimal("1.00")
    assert result.rejects == [(3, "total", False), (4, "total", False)]


def test_bad_rows_above_the_limit_refuse_the_file(read: Read) -> None:
    rows = HEAD + "4010;11;;201503;a;1,00\n" * 99
    assert read(rows + "4010;11;;201503;811218-9876;x\n", max_bad_rows=0.01).summary.rows_bad == 1
    with rejected("too_many_bad_rows") as caught:
        read(rows + "4010;11;;201503;a;811218-9876\n" * 2, max_bad_rows=0.01)
    assert "2 of 101 rows" in str(caught.value)
    assert "row 101: “Belopp” is" in str(caught.value)
    assert "811218" not in str(caught.value)


def test_personal_numbers_are_masked_in_rejects(read: Read) -> None:
    result = read(HEAD + "4010;11;;201503;Lön 811218-9876;x\n4010;11;;201503;ok;1\n")
    assert "811218" not in result.tables["reject"][0]["row_content"]
    assert "Lön ******-****" in result.tables["reject"][0]["row_content"]


def test_code_and_text_in_one_cell(read: Read) -> None:
    result = read(
        "Konto;Ansvar;Projekt;Period;Belopp\n4010 Konsulter;1100 Kansliet;Simhall 2;201503;1\n4010.0;1200 Ekonomi;P1;201503;2\n"
    )
    assert result.column("account") == ["4010", "4010"]
    assert result.column("unit") == ["1100", "1200"]
    assert result.column("project") == ["Simhall 2", "P1"]
    assert [(r["account"], r["name"], r["source_row"]) for r in result.tables["account"]] == [("4010", "Konsulter", 2)]
    assert [(r["dimension"], r["code"], r["name"]) for r in result.tables["dimension_value"]] == [
        ("unit", "1100", "Kansliet"), ("unit", "1200", "Ekonomi"),
    ]  # fmt: skip


def test_debit_and_credit(read: Read) -> None:
    result = read("Konto;Datum;Debet;Kredit\n4010;2015-03-17;100,50;\n3010;2015-03-17;;20\n3010;2015-03-17;;\n")
    assert result.column("amount") == [Decimal("100.50"), Decimal("-20.00")]
    assert result.column("period") == ["2015-03", "2015-03"]
    assert result.column("voucher_date") == [datetime.date(2015, 3, 17)] * 2
    assert result.rejects == [(4, "amount_missing", True)]


def test_sign_and_unit_of_amount(read: Read) -> None:
    text = "Konto;Period;Belopp\n3010;201503;1,2345\n5010;201503;-2\n"
    result = read(text, sign="natural", unit_of_amount="tkr")
    assert result.column("amount") == [Decimal("-1234.50"), Decimal("2000.00")]
    assert read("Konto;Period;Belopp (mkr)\n5010;201503;1,000001\n").column("amount") == [Decimal("1000001.00")]


def test_a_header_that_states_thousands_is_believed_only_without_a_setting(read: Read) -> None:
    text = "Konto;Period;Belopp (tkr)\n5010;201503;2\n"
    assert read(text).column("amount") == [Decimal("2000.00")]
    assert read(text, unit_of_amount="kr").column("amount") == [Decimal("2.00")]


def test_the_decimal_mark_is_asked_for_when_it_cannot_be_told(read: Read) -> None:
    text = "Konto;Period;Belopp\n4010;201503;1,234\n"
    with rejected("decimal_unclear"):
        read(text)
    assert read(text, decimal=".").column("amount") == [Decimal("1234.00")]
    assert read(text.replace("1,234", "1,230"), decimal=",").column("amount") == [Decimal("1.23")]


def test_optional_cells_that_cannot_be_read_are_bad_rows_too(read: Read) -> None:
    result = read(
        "Konto;Period;Belopp;Bokföringsdatum;Antal\n4010;201503;1;2015-02-30;1\n4010;201503;1;;1,12345\n"
        "4010;201503;1;;2,5\n4010;201503;1;;\n4010;201503;1;2015-03-01;\n"
    )
    assert result.rejects == [(2, "voucher_date_unreadable", True), (3, "quantity_unreadable", True)]
    assert result.column("quantity") == [Decimal("2.5000"), None, None]


def test_constants_fill_a_field(read: Read) -> None:
    result = read("Konto;Ansvar;Belopp\n4010;;1\n4010;12;1\n", constants={"period": "201503", "unit": "99"})
    assert result.column("unit") == ["99", "12"]
    assert result.column("period") == ["2015-03"] * 2
    with pytest.raises(SettingsError, match=r"constants\.period"):
        read("Konto;Belopp\n4010;1\n", constants={"period": "våren"})


def test_year_and_month_in_two_columns(read: Read) -> None:
    assert read("Konto;År;Månad;Belopp\n4010;2015;3;1\n4010;2015;mars;1\n").column("period") == ["2015-03"] * 2


# ---------------------------------------------------------------- text files


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "cp437", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", [";", ",", "\t", "|"])
def test_encodings_line_ends_and_separators(read: Read, encoding: str, newline: str, separator: str) -> None:
    text = "Konto;Period;Text;Utfall\n4010;201503;Räksmörgås på Åland;1.50\n4011;201503;Ärtor, Öl;-2.50\n"
    rows = [line.split(";") for line in text.splitlines()]
    out = io.StringIO()
    csv.writer(out, delimiter=separator, lineterminator=newline).writerows(rows)
    result = read(out.getvalue().encode(encoding))
    assert result.column("row_text") == ["Räksmörgås på Åland", "Ärtor, Öl"]
    assert result.summary.amount_in["ledger_line"] == Decimal("-1.00")
    assert result.column("source_row") == [2, 3]


def test_utf8_with_a_stray_byte_keeps_the_rest(read: Read) -> None:
    rows = "".join(f"4010;201503;Räksmörgås {i};1\n" for i in range(10))
    result = read(("Konto;Period;Text;Belopp\n" + rows).encode() + "4010;201503;Kött;1\n".encode("cp1252"))
    assert result.column("row_text")[-1] == "Kött"
    assert result.column("row_text")[0] == "Räksmörgås 0"
    assert result.summary.warnings


def test_a_stated_encoding_that_does_not_fit(read: Read) -> None:
    with rejected("encoding"):
        read("Konto;Period;Text;Belopp\n4010;201503;Kött;1\n".encode("cp1252"), encoding="utf-8")
    with pytest.raises(SettingsError, match="klingon"):
        read(HEAD + "4010;11;;201503;a;1\n", encoding="klingon")


def test_a_cell_with_line_breaks_is_one_row(read: Read) -> None:
    result = read(HEAD + '4010;11;;201503;"två\nrader; ""citat""";1,00\n4010;11;;201503;efter;2,00\n')
    assert result.column("row_text") == ['två\nrader; "citat"', "efter"]
    assert result.column("source_row") == [2, 4]
    assert result.summary.rows_in == 2


@pytest.mark.parametrize("where", [2, 5])
def test_a_quote_that_never_closes_swallows_no_rows(read: Read, where: int) -> None:
    lines = [f"4010;11;;201503;rad {i};1,00" for i in range(8)]
    lines[where] = '4010;11;;201503;"Rör 2 tum;1,00'
    lines[where + 1] = '4010;11;;201503;"Mutter;1,00'
    result = read(HEAD + "\n".join(lines) + "\n")
    assert len(result.column("amount")) == 8
    assert result.column("row_text")[where : where + 2] == ['"Rör 2 tum', '"Mutter']


def test_an_inch_mark_is_just_a_mark(read: Read) -> None:
    result = read(HEAD + '4010;11;;201503;Rör 2" svart;1,00\n4010;11;;201503;b;2,00\n')
    assert result.column("row_text") == ['Rör 2" svart', "b"]


def test_short_rows_are_filled_and_cut_rows_are_bad(read: Read) -> None:
    text = "Konto;Period;Belopp;Text;Motpart\n"
    result = read(
        text + "4010;201503;1\n4010;201503;2;kort\n4010;201503;3;bruten\ntext;871\n4010;201503;4;a;871;;;\n4010;201503;5;a;871\n"
    )
    assert result.column("amount") == [Decimal(1), Decimal(2), Decimal(4), Decimal(5)]
    assert result.rejects == [(4, "ragged", True), (5, "ragged", True)]
    beyond = read(text + "4010;201503;1;a;871;;77\n4010;201503;1;a;b;871\n")
    assert beyond.rejects == [(3, "ragged", True)]
    assert "1 rows have cells to the right" in beyond.summary.warnings[0]


def test_nul_characters(read: Read) -> None:
    result = read(HEAD.encode() + b"4010;11;;201503;a;1,00\n4010;11;;201503;a\0b;2,00\n")
    assert result.rejects == [(3, "nul", True)]
    with rejected("truncated"):
        read(HEAD.encode() + b"4010;11;;201503;a;1,00\n" + b"\0" * 4096)


@pytest.mark.parametrize(
    "content",
    [
        b"<!DOCTYPE html><html><body>Fel 500</body></html>",
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3",
        b"\x1f\x8b\x08\x00abc",
        bytes(range(256)) * 20,
        b"bara text utan kolumner\nen rad till\n",
        b"#FLAGGA 0\n#SIETYP 4\n",
    ],
)
def test_what_is_no_table_is_refused(read: Read, content: bytes) -> None:
    with rejected("not_a_table"):
        read(content)


def test_a_cut_off_text_file_is_refused(read: Read) -> None:
    whole = HEAD + "4010;11;;201503;a;1,00\n" * 3
    with rejected("truncated") as caught:
        read(whole + "4010;11;;2015")
    assert caught.value.place.row == 5
    assert len(read(whole + "4010;11;;201503;utan radslut;1,00").column("amount")) == 4
    with rejected("truncated"):
        read(whole + '4010;11;;201503;"öppen')


@pytest.mark.parametrize("content", ["", HEAD, HEAD + ";;;;;\n", "\n\n"])
def test_a_file_without_data_is_refused(read: Read, content: str) -> None:
    with rejected("empty" if content != "\n\n" else "not_a_table"):
        read(content)


def test_blocks_join_where_rows_do(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        f'{4000 + i % 9};11;{"" if i % 3 else "871"};201503;"text {i} {"ö" * (i % 7)}{chr(10) if i % 11 == 0 else ""}";'
        f"{i},{i % 100:02d}"
        for i in range(150)
    ]
    text = HEAD + "\r\n".join(lines) + "\r\n"
    whole = read(text)
    monkeypatch.setattr(sheets, "BLOCK", 97)
    for encoding in ("utf-8", "utf-16", "cp1252"):
        blocks = read(text.encode(encoding))
        assert blocks.tables == whole.tables
    assert len(whole.column("amount")) == 150


# ---------------------------------------------------------------- the column map


def test_a_wrong_map_names_the_column_and_the_closest_ones(read: Read) -> None:
    with rejected("column_missing") as caught:
        read(HEAD + "4010;11;;201503;a;1\n", columns={"account": "Konto", "amount": "Belop", "period": "Period"})
    assert caught.value.place.column == "Belop"
    assert "columns.amount" in caught.value.text.en
    assert "“Belopp”" in caught.value.text.en


def test_a_missing_field_is_named_with_the_files_headers(read: Read) -> None:
    with rejected("column_missing") as caught:
        read("Konto;Klass;Belopp\n4010;x;1\n")
    assert "period or voucher_date or date" in caught.value.text.en
    assert "Konto, Klass, Belopp" in caught.value.text.en


def test_a_map_with_an_unknown_field_is_a_settings_error(read: Read) -> None:
    with pytest.raises(SettingsError, match="account"):
        read(HEAD + "4010;11;;201503;a;1\n", columns={"acount": "Konto"})
    with pytest.raises(SettingsError, match="amount and months"):
        read("a;b\n1;2\n", "budget", columns={"amount": "a", "months": ["b"] * 12})


def test_month_columns_of_several_years_are_a_settings_error(read: Read) -> None:
    months = [f"2015{m:02d}" for m in range(4, 13)] + ["201601", "201602", "201603"]
    with pytest.raises(SettingsError, match="several years"):
        read(f"Konto;{';'.join(months)}\n4010{';1' * 12}\n", "budget", columns={"account": "Konto", "months": months})


def test_a_repeated_header_can_be_pointed_at(read: Read) -> None:
    text = "Konto;Text;Ansvar;Text;Period;Belopp\n4010;Konsulter;11;Kansliet;201503;1\n"
    columns = {"account": "Konto", "period": "Period", "amount": "Belopp", "row_text": "Text (2)"}
    assert read(text, columns=columns).column("row_text") == ["Kansliet"]


def test_the_header_row_can_be_stated(read: Read) -> None:
    text = "Konto;Period;Belopp\nKonto;Period;Belopp\n4010;201503;1\n"
    assert read(text, header_row=2).column("source_row") == [3]
    with rejected("header_missing"):
        read(text, header_row=9)


# ---------------------------------------------------------------- period and scope


def test_a_ledger_tells_its_months_and_those_after_the_delivered_one(read: Read) -> None:
    text = HEAD + "4010;11;;201501;a;1\n4010;11;;201502;a;1\n"
    assert read(text, delivery="2015-02").summary.period_from == "2015-01"
    assert "after 2015-01" in read(text, delivery="2015-01").summary.warnings[0]


def test_a_budget_is_for_the_year_it_says(read: Read) -> None:
    text = "År;Konto;Budget\n2016;4010;1\n"
    assert read(text, "budget", delivery="2015-12").summary.entity_periods == {"budget_line": ("2016-01", "2016-12")}


def test_the_year_of_a_budget(read: Read) -> None:
    assert read("Konto;Budget\n4010;1\n", "budget", delivery="2015-01").column("fiscal_year", "budget_line") == [2015]
    assert read("Konto;Period;Budget\n4010;201602;1\n", "budget").column("fiscal_year", "budget_line") == [2016]
    assert read("Konto;Budget\n4010;1\n", "budget", constants={"fiscal_year": "2014"}).column("fiscal_year", "budget_line") == [
        2014
    ]
    assert read("År;Konto;Budget\n;4010;1\n2015;4010;1\n", "budget").rejects == [(2, "fiscal_year_missing", True)]
    wrong = read("År;Konto;Period;Budget\n2015;4010;201602;1\n2015;4010;201502;1\n", "budget")
    assert wrong.rejects == [(2, "wrong_year", True)]


def test_month_columns(read: Read) -> None:
    months = [f"2015{month:02d}" for month in range(1, 13)]
    text = (
        f"Konto;Ansvar;{';'.join(months)}\n"
        + "4010;11;"
        + ";".join(["1,5", "0", ""] + ["2"] * 9)
        + "\n"
        + "4011;11"
        + ";" * 12
        + "\n"
    )
    result = read(text, "budget")
    assert result.column("period", "budget_line") == ["2015-01", *[f"2015-{m:02d}" for m in range(4, 13)]]
    assert set(result.column("fiscal_year", "budget_line")) == {2015}
    assert result.summary.amount_in == {"budget_line": Decimal("19.50")}
    assert result.rejects == [(3, "no_amount", False)]
    assert result.summary.rows_kept == 1


def test_an_unreadable_month_is_a_bad_row_and_none_of_it_is_kept(read: Read) -> None:
    names = ["jan", "feb", "mars", "april", "maj", "juni", "juli", "aug", "sept", "okt", "nov", "dec"]
    text = f"Konto;{';'.join(names)}\n4010;{';'.join(['1'] * 11 + ['x'])}\n4011;{';'.join(['1'] * 12)}\n"
    result = read(text, "budget", delivery="2015-01")
    assert result.column("account", "budget_line") == ["4011"] * 12
    assert "“dec” is “x”" in result.tables["reject"][0]["reason"]


def test_report_lines_instead_of_accounts(read: Read) -> None:
    text = "Rad;Ansvar;Prognos helår (tkr)\nExterna intäkter;KLK;2 022\nPers.kostn ink po;KLK;-44 733\n"
    text += "Summa kostnader;KLK;-75 905\nNetto;KLK;1\nKlirr;KLK;5\n"
    result = read(text, "forecast", delivery="2015-03", sign="natural")
    assert result.column("report_line", "forecast_line") == ["external_income", "personnel"]
    assert result.column("amount", "forecast_line") == [Decimal("-2022000.00"), Decimal("44733000.00")]
    assert result.rejects == [(4, "total", False), (5, "total", False), (6, "report_line_missing", True)]
    assert "Klirr" in result.tables["reject"][-1]["reason"]
    assert result.summary.forecast_round == "2015-03"


def test_every_label_of_the_printed_reports_is_known(read: Read, shared: Path) -> None:
    for file in sorted((shared / "published").glob("*.csv")):
        with file.open(encoding="utf-8") as rows:
            printed = list(csv.DictReader(rows))
        text = "Rad;Budget\n" + "".join(f"{row['label']};{row['budget_year']}\n{row['line_key'].upper()};0\n" for row in printed)
        result = read(text, "budget", delivery="2015-03")
        totals = {"total_income", "total_cost", "net"}
        assert result.column("report_line", "budget_line")[::2] == [
            row["line_key"] for row in printed if row["line_key"] not in totals
        ]
        assert result.summary.rows_bad == 0


def test_forecast_rounds(read: Read) -> None:
    text = "Omgång;Konto;Prognos\n{0};4010;1\n{1};4010;1\n"
    assert read(text.format("201503", "mars 2015"), "forecast", delivery="2015-04").summary.forecast_round == "2015-03"
    with rejected("several_rounds"):
        read(text.format("201503", "201508"), "forecast")
    constant = read("Konto;Prognos\n4010;1\n", "forecast", constants={"forecast_round": "2015-08"}, delivery="2015-09")
    assert constant.column("forecast_round", "forecast_line") == ["2015-08"]
    wrong = read("År;Konto;Prognos\n2014;4010;1\n2015;4010;1\n", "forecast", delivery="2015-03")
    assert wrong.rejects == [(2, "wrong_year", True)]


# ---------------------------------------------------------------- Excel


def test_a_workbook(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "bok.xlsx",
        [
            ["Huvudbok mars", None, None, None, None],
            [None] * 5,
            ["Konto", "Ansvar", "Bokföringsdatum", "Text", "Belopp"],
            [4010, "0011", datetime.date(2015, 3, 17), "=1+1", 0.1 + 0.2],
            ["4010", 11, datetime.datetime(2015, 3, 18), "b", "1 234,50-"],
            [4010, 11, "2015-03-19", "tredjedel", 1 / 3],
            [4010.0, 11, "20150319", None, -7],
            [None] * 5,
            ["Summa", None, None, None, -1241.2],
            [None] * 5,
        ],
    )
    result = Result(path, Source(kind="ledger", files=["*"], max_bad_rows=1), delivery="2015-03")
    assert result.column("amount") == [Decimal("0.30"), Decimal("-1234.50"), Decimal("-7.00")]
    assert result.column("account") == ["4010"] * 3
    assert result.column("unit") == ["0011", "11", "11"]
    assert result.column("source_row") == [4, 5, 7]
    assert result.rejects == [
        (1, "title_row", False), (2, "blank", False), (6, "amount_unreadable", True), (8, "blank", False), (9, "total", False),
    ]  # fmt: skip
    assert (result.summary.controls_checked, result.summary.controls_failed) == (1, 0)
    assert result.summary.file_format == "Excel"


def test_excel_error_cells_are_bad_rows(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (
        ["Konto", "Motpart", "Övrigt", "Period", "Belopp"],
        [4010, "#N/A", 1, 201503, 5],
        [4010, None, "#REF!", 201503, 6],
    ):
        book.active.append(row)
    for name in ("B2", "C3"):
        book.active[name].data_type = "e"
    book.save(tmp_path / "fel.xlsx")
    result = Result(tmp_path / "fel.xlsx", Source(kind="ledger", files=["*"], max_bad_rows=1))
    assert result.rejects == [(2, "error_cell", True)]
    assert "Motpart" in result.tables["reject"][0]["reason"]
    assert result.column("amount") == [Decimal(6)]  # an error in a column that nobody reads harms nobody


def test_a_table_that_does_not_begin_in_the_corner(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for i, row in enumerate((["Konto", "Period", "Belopp"], [4010, 201503, 5]), start=4):
        for j, value in enumerate(row, start=3):
            book.active.cell(i, j, value)
    book.active["C6"], book.active["D6"], book.active["E6"] = 4010, 201503, "#DIV/0!"
    book.active["E6"].data_type = "e"
    book.save(tmp_path / "hörn.xlsx")
    result = Result(tmp_path / "hörn.xlsx", Source(kind="ledger", files=["*"], max_bad_rows=1))
    assert result.column("source_row") == [5]
    assert (6, "error_cell", True) in result.rejects


def test_sheets(tmp_path: Path) -> None:
    path = workbook(tmp_path / "blad.xlsx", [["Omslag"]], Data=[["Konto", "Period", "Belopp"], [4010, "201503", 5]])
    assert Result(path, Source(kind="ledger", files=["*"], sheet="Data")).column("amount") == [Decimal(5)]
    with rejected("sheet_missing") as caught:
        Result(path, Source(kind="ledger", files=["*"], sheet="Dta"))
    assert "Data" in caught.value.text.en


def test_hostile_and_broken_workbooks_are_refused(tmp_path: Path) -> None:
    source = Source(kind="ledger", files=["*"])
    good = workbook(tmp_path / "bra.xlsx", [["Konto", "Period", "Belopp"], [4010, "201503", 5]]).read_bytes()
    (tmp_path / "kort.xlsx").write_bytes(good[: len(good) // 2])
    with rejected("truncated"):
        Result(tmp_path / "kort.xlsx", source)
    with zipfile.ZipFile(tmp_path / "annat.zip", "w") as archive:
        archive.writestr("a.txt", "hej")
    with rejected("not_a_table"):
        Result(tmp_path / "annat.zip", source)
    with zipfile.ZipFile(tmp_path / "bomb.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "x")
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 3 * 2**20)
    with rejected("too_large"):
        Result(tmp_path / "bomb.xlsx", source, max_unpacked_mb=2)
    wide = openpyxl.Workbook()
    wide.active["A1"], wide.active["XFD1048576"] = "Konto", 1
    wide.save(tmp_path / "vid.xlsx")
    with rejected("too_large"):
        Result(tmp_path / "vid.xlsx", source)
    flipped = bytearray(good)
    flipped[len(good) // 3] ^= 0xFF
    (tmp_path / "skadad.xlsx").write_bytes(flipped)
    with pytest.raises(FileRejected):
        Result(tmp_path / "skadad.xlsx", source)


def test_the_name_of_a_file_does_not_decide_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "text.xlsx").write_text("Konto;Period;Belopp\n4010;201503;1\n")
    assert Result(tmp_path / "text.xlsx", Source(kind="ledger", files=["*"])).summary.file_format == "CSV"
    with rejected("not_a_table"):
        Result(tmp_path / "text.xlsx", Source(kind="ledger", files=["*"], format="excel"))


# ---------------------------------------------------------------- registers


def test_registers(read: Read) -> None:
    chart = read("Konto;Typ;Giltig från\n4010 Konsulter;kostnad;2015-01-01\n30 Intäkter;I;\nRubrik;;\n", "chart")
    assert [(r["account"], r["name"], r["account_type"]) for r in chart.tables["account"]] == [
        ("4010", "Konsulter", "K"),
        ("30", "Intäkter", "I"),
    ]
    projects = read("Kod;Benämning\nP1;Simhall\n", "dimension", constants={"dimension": "projekt"})
    assert projects.column("dimension", "dimension_value") == ["project"]
    lines = read(
        "Från konto;Till konto;Motpart;Rad\n30;36;intern;Interna intäkter\n50;;;personnel\n50;599;;personnel\n", "report_lines"
    )
    assert [(r["account_to"], r["counterparty_scope"]) for r in lines.tables["report_line_account"]] == [
        ("36", "internal"),
        ("50", "any"),
    ]
    assert lines.rejects == [(4, "range_uneven", True)]
    groups = read("Från;Till;Grupp\n87;88;intern\n5;7;koncernbolag\n9;;annat\n", "counterparty_groups")
    assert groups.column("counterparty_group", "counterparty_group") == ["internal", "group_company"]
    assert groups.rejects == [(4, "counterparty_group_unreadable", True)]


# ---------------------------------------------------------------- properties


cell = st.text(alphabet=st.sampled_from('ab åÖ;,"\n\t=-0'), max_size=8)
ledger_rows = st.lists(
    st.tuples(
        st.integers(1000, 9999), st.integers(1, 12), cell, st.integers(-(10**12), 10**12), st.sampled_from(["", "871", "0"])
    ),
    min_size=1,
    max_size=30,
)


@given(rows=ledger_rows, encoding=st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16"]), block=st.sampled_from([64, 2**20]))
@settings(max_examples=40, deadline=None)
def test_a_random_table_comes_back_whole(tmp_path_factory: pytest.TempPathFactory, rows: list, encoding: str, block: int) -> None:
    path = tmp_path_factory.mktemp("t") / "t.csv"
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n", quoting=csv.QUOTE_ALL)
    writer.writerow(["Konto", "Period", "Text", "Belopp", "Motpart"])
    for account, month, text, units, counterparty in rows:
        writer.writerow([account, f"2015{month:02d}", text, f"{Decimal(units).scaleb(-2):f}".replace(".", ","), counterparty])
    path.write_bytes(out.getvalue().encode(encoding))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sheets, "BLOCK", block)
        result = Result(path, Source(kind="ledger", files=["*"], decimal=","))
    assert result.column("amount") == [Decimal(units).scaleb(-2) for *_, units, _ in rows]
    assert result.column("row_text") == [text.strip() or None for _, _, text, _, _ in rows]
    assert result.column("counterparty") == [counterparty or None for *_, counterparty in rows]
    assert result.summary.rows_kept == len(rows)


@given(
    lines=st.lists(st.text(alphabet='0123;,"abSuma \tåÖ.-\x00\r', max_size=30), max_size=20), ending=st.sampled_from(["", "\n"])
)
@settings(max_examples=80, deadline=None)
def test_whatever_a_file_holds_its_rows_add_up_or_it_is_refused(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], ending: str
) -> None:
    path = tmp_path_factory.mktemp("t") / "t.csv"
    path.write_bytes((HEAD + "4010;11;;201503;a;1,00\n" + "\n".join(lines) + ending).encode())
    try:
        result = Result(path, Source(kind="ledger", files=["*"], max_bad_rows=1, separator=";"))
    except FileRejected as refusal:
        assert refusal.code in {"truncated", "quotes", "not_a_table", "decimal_unclear", "too_many_bad_rows"}  # noqa: PT017
    else:
        content = path.read_bytes()
        if b'"' not in content:  # then every line is a row
            assert result.summary.rows_in == content.count(b"\n") + (not content.endswith(b"\n")) - 1


# ---------------------------------------------------------------- real files


def test_a_real_spending_file_sums_to_the_ore(shared: Path, tmp_path: Path) -> None:
    raw = gzip.decompress((shared / "data/municipal/calderdale_supplier_spend_monthly.csv.gz").read_bytes())
    path = tmp_path / "spend.csv"
    path.write_bytes(raw)
    columns = {"period": "file_month", "unit": "unit", "account": "acct", "amount": "amount"}
    result = read_table(path, Source(kind="ledger", files=["*"], columns=columns))
    total, rows, periods = Decimal(0), 0, set()
    for entity, table in result:
        if entity == "ledger_line":
            total += sum(table["amount"].to_pylist())
            rows += table.num_rows
            periods |= set(table["period"].to_pylist())
    # 52 accounts have been turned into powers of ten by Excel (5.75E+11): which ones they were, nobody can tell
    with_duckdb = duckdb.sql(
        "select count(*), sum(cast(amount as decimal(18,2))), count(distinct file_month)"
        f" from read_csv('{path}', all_varchar=true) where acct not like '%E+%'"
    ).fetchone()
    assert with_duckdb is not None
    assert result.summary.rows_in == raw.count(b"\n") - 1
    assert result.summary.rows_bad == result.summary.rows_in - rows
    assert (rows, total, len(periods)) == with_duckdb


def test_a_real_budget_sums_to_the_ore(shared: Path, tmp_path: Path) -> None:
    path = shared / "data/municipal/stavanger_budget_2016.csv"
    columns = {
        "account": "art",
        "unit": "ansvar",
        "activity": "tjeneste_nr",
        "project": "prosjekt",
        "amount": "beloep",
        "row_text": "art_tekst",
    }
    result = Result(
        path,
        Source.model_validate({"kind": "budget", "files": ["*"], "columns": columns, "constants": {"fiscal_year": "2016"}}),
        delivery="2016-01",
    )
    expected = duckdb.sql(
        f"select count(*), sum(cast(cells[12] as decimal(18,2))) from (select string_split(line, ';') cells"
        f" from read_csv('{path}', columns={{'line': 'varchar'}}, delim='\\x01', quote='', header=false, skip=1))"
    ).fetchone()
    assert (result.summary.rows_kept, result.summary.amount_in["budget_line"]) == expected
    assert result.summary.amount_in["budget_line"] == 0  # the budget balances
    assert result.summary.rows_bad == 0
    assert result.summary.warnings == ["347 rows have cells to the right of the last header; those cells were not read."]


@given(
    st.lists(
        st.lists(st.decimals(min_value=-(10**7), max_value=10**7, places=6), min_size=12, max_size=12), min_size=1, max_size=5
    )
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_calculated_months_are_rounded_so_that_the_rows_sum_holds(tmp_path: Path, rows: list[list[Decimal]]) -> None:
    months = "Jan;Feb;Mar;Apr;Maj;Jun;Jul;Aug;Sep;Okt;Nov;Dec"
    lines = [f"{4000 + n};0101;" + ";".join(str(value).replace(".", ",") for value in row) for n, row in enumerate(rows)]
    path = tmp_path / "budget.csv"
    path.write_text("\n".join([f"Konto;Ansvar;{months}", *lines]) + "\n")
    source = Source(kind="budget", files=["*"], decimal=",", constants={"fiscal_year": "2015"})
    found: dict[str, Decimal] = {}
    for entity, table in read_table(path, source, delivery="2015-01"):
        if entity == "budget_line":
            for account, amount in zip(table["account"].to_pylist(), table["amount"].to_pylist(), strict=True):
                found[account] = found.get(account, Decimal(0)) + amount
    for n, row in enumerate(rows):
        exact = sum(row).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
        assert found.get(str(4000 + n), Decimal(0)) == exact
