"""The SIE 1–4 reader on hand-made files: the grammar, the tolerance, the refusals, the reconciliation."""

from __future__ import annotations

import zlib
from collections import defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestration.errors import FileRejected, SettingsError
from orchestration.readers.contract import ENTITIES, Summary
from orchestration.readers.sie import CHUNK, is_sie, read_sie
from orchestration.readers.sie_shared import decide
from orchestration.settings import Source

DATA = Path(__file__).parent / "data"

HEAD = """#FLAGGA 0
#PROGRAM "Ekonomi" 1.0
#FORMAT PC8
#GEN 20150420 KLK
#SIETYP 4
#ORGNR 212000-0001
#FNAMN "Åäö kommun"
#RAR 0 20150101 20151231
#RAR -1 20140101 20141231
"""

Tables = dict[str, pa.Table]


def source(**settings: object) -> Source:
    return Source(kind="ledger", files=["*"], **{"max_bad_rows": 1.0, **settings})


def collect(path: Path, src: Source, chunk_bytes: int = CHUNK) -> tuple[Tables, Summary]:
    reading = read_sie(path, src, chunk_bytes=chunk_bytes)
    parts: dict[str, list[pa.Table]] = defaultdict(list)
    for entity, table in reading:
        assert table.schema.equals(ENTITIES[entity])
        parts[entity].append(table)
    summary = reading.summary
    tables = {entity: pa.concat_tables(tables) for entity, tables in parts.items()}
    rejects = tables["reject"].num_rows if "reject" in tables else 0
    assert summary.rows_in == summary.rows_kept + summary.rows_set_aside + summary.rows_bad
    assert rejects == summary.rows_set_aside + summary.rows_bad
    assert sum(t.num_rows for e, t in tables.items() if e not in ("reject", "control")) == summary.rows_kept
    return tables, summary


@pytest.fixture
def sie(tmp_path: Path):
    def read(text: str, *, written_in: str = "cp437", name: str = "fil.se", chunk_bytes: int = CHUNK, **settings: object):
        path = tmp_path / name
        path.write_bytes(text.encode(written_in))
        return collect(path, source(**settings), chunk_bytes)

    return read


def voucher(*rows: str, head: str = '#VER A 1 20150315 "Inköp"') -> str:
    return head + "\n{\n" + "\n".join(rows) + "\n}\n"


def rows(tables: Tables, entity: str = "ledger_line") -> list[dict]:
    return tables[entity].to_pylist() if entity in tables else []


def warned(summary: Summary, part: str) -> bool:
    return any(part in warning for warning in summary.warnings)


# ------------------------------------------------------------------------------------------------------------ a whole file


def test_a_municipality_s_export() -> None:
    """CP437, the code string in five dimensions, corrections, a check sum, budget: everything at once."""
    dimensions = {"1": "unit", "20": "activity", "21": "sub_activity", "6": "project", "22": "counterparty"}
    tables, summary = collect(DATA / "sie_kommun_4e.se", source(dimensions=dimensions))
    assert summary.file_format == "SIE 4E"
    assert summary.encoding == "cp437"
    assert (summary.organisation_name, summary.organisation_number) == ("Åmåla kommun", "212000-0001")
    assert summary.generated_on == date(2015, 4, 7)
    assert (summary.period_from, summary.period_to, summary.outcome_from) == ("2015-01", "2015-03", "TRANS")
    assert summary.entity_periods["budget_line"] == ("2015-01", "2015-02")
    assert summary.controls_failed == 0
    assert summary.controls_checked == 1 + 3 + 4 + 1  # KSUMMA, vouchers, accounts, ΣUB + ΣRES = ΣIB
    assert summary.amount_in["ledger_line"] == 0
    first = rows(tables)[0]
    assert first == {
        "source_row": 33,
        "line_kind": "TRANS",
        "period": "2015-01",
        "voucher_series": "LF",
        "voucher_number": "000123",
        "voucher_date": date(2015, 1, 30),
        "transaction_date": None,
        "registration_date": date(2015, 2, 2),
        "account": "5011",
        "amount": Decimal("12500.00"),
        "unit": "0110",
        "activity": "9200",
        "sub_activity": "A1",
        "project": None,
        "cost_object": None,
        "counterparty": "871",
        "voucher_text": 'Hyra "Stora huset"',
        "row_text": None,
        "quantity": None,
        "party": None,
        "party_name": None,
        "reference": None,
        "service_from": None,
        "service_to": None,
    }
    kinds = [(row["line_kind"], row["account"], row["amount"]) for row in rows(tables) if row["voucher_number"] == "000125"]
    assert kinds == [
        ("TRANS", "6110", Decimal("100.00")),
        ("TRANS", "1930", Decimal("-150.00")),
        ("BTRANS", "6110", Decimal("50.00")),
        ("RTRANS", "5011", Decimal("50.00")),
        ("TRANS", "5011", Decimal("50.00")),
    ]
    assert summary.row_counts["RTRANS"] == summary.row_counts["BTRANS"] == 1
    assert [(r["fiscal_year"], r["period"], r["account"], r["unit"], r["amount"]) for r in rows(tables, "budget_line")] == [
        (2015, "2015-01", "5011", "0110", Decimal("12000.00")),
        (2015, "2015-02", "5011", "0110", Decimal("12000.00")),
    ]
    assert [(r["dimension"], r["code"], r["name"]) for r in rows(tables, "dimension_value")] == [
        ("unit", "0110", "Kommunledningskontoret"),
        ("activity", "9200", "Gemensam administration"),
    ]
    assert [(r["account"], r["name"], r["account_type"]) for r in rows(tables, "account")] == [
        ("1930", "Bank", "T"),
        ("3011", "Försäljning", "I"),
        ("5011", "Hyra", "K"),
        ("6110", "Kontorsmateriel", "K"),
    ]


def test_the_result_does_not_depend_on_the_chunk() -> None:
    whole = collect(DATA / "sie_kommun_4e.se", source())
    for size in (1, 40, 500, 4096):
        tables, summary = collect(DATA / "sie_kommun_4e.se", source(), chunk_bytes=size)
        assert tables == whole[0]
        assert summary == whole[1]


# ------------------------------------------------------------------------------------------------------------ the grammar


@pytest.mark.parametrize(
    "line",
    [
        '#TRANS 4010 {"1" "0110"} 99.50 20150316 "Köp av papper" 3',
        "#TRANS 4010 {1 0110} 99.50 20150316 Köp\u00a0av\u00a0papper 3".replace("\u00a0", "_"),
        '\t#TRANS\t4010\t{1\t"0110"}\t99.50\t2015-03-16\t"Köp av papper"\t3',
        '   #TRANS   4010   { 1  "0110" }   99,50   20150316   "Köp av papper"   3.0000   KLK   extra',
        '#trans "4010" {"1" "0110"} "99.50" "20150316" "Köp av papper" "3"',
        '#TRANS 4010 {"1" "0110"}99.5 150316 "Köp av papper" +3',
    ],
)
def test_forms_of_one_row(sie, line: str) -> None:
    tables, _ = sie(HEAD + voucher(line), dimensions={"1": "unit"})
    (row,) = rows(tables)
    assert (row["account"], row["amount"], row["unit"]) == ("4010", Decimal("99.50"), "0110")
    assert row["transaction_date"] == date(2015, 3, 16)
    assert row["row_text"].replace("_", " ") == "Köp av papper"
    assert row["quantity"] == Decimal("3")
    assert (row["period"], row["voucher_series"], row["voucher_number"]) == ("2015-03", "A", "1")


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (r'"C:\ProgramData\Mapp"', r"C:\ProgramData\Mapp"),
        (r'"sade \"hej\" till"', 'sade "hej" till'),
        ('"Fordringar hos leverant"r"', 'Fordringar hos leverant"r'),
        ('"Avbruten text', "Avbruten text"),
        ('"med {klammer} i"', "med {klammer} i"),
        ('"#inte en post"', "#inte en post"),
        ('"två  mellanslag\toch tabb"', "två  mellanslag\toch tabb"),
        ("utan_citat", "utan_citat"),
        ('""', None),
    ],
)
def test_texts(sie, written: str, text: str | None) -> None:
    tables, _ = sie(HEAD + voucher(f"#TRANS 4010 {{}} 1 20150316 {written}"))
    assert rows(tables)[0]["row_text"] == text


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("0", "0.00"),
        ("-1", "-1.00"),
        (".20", "0.20"),
        ("-.5", "-0.50"),
        ("+5", "5.00"),
        ("5.", "5.00"),
        ("9999999999999999.99",) * 2,
    ],
)
def test_amounts(sie, written: str, amount: str) -> None:
    tables, summary = sie(HEAD + voucher(f"#TRANS 4010 {{}} {written}"))
    assert rows(tables)[0]["amount"] == Decimal(amount) == summary.amount_in["ledger_line"]


@pytest.mark.parametrize("written", ["1.005", "1 000.00", "12,345", "1e3", "abc", '""', "", "99999999999999999.00", "--1", "1-"])
def test_an_unreadable_amount_is_a_bad_row(sie, written: str) -> None:
    tables, summary = sie(HEAD + voucher(f"#TRANS 4010 {{}} {written}", "#TRANS 1930 {} 5"))
    if written == "1 000.00":  # the thousand's space ends the amount: a krona and a text that is no date
        assert [row["amount"] for row in rows(tables)] == [1, 5]
        return
    (reject,) = rows(tables, "reject")
    assert (reject["reason_code"], reject["source_row"], reject["is_bad"]) == ("amount", 12, True)
    assert reject["row_content"].startswith("#TRANS 4010")
    assert [row["account"] for row in rows(tables)] == ["1930"]
    assert summary.rows_bad == 1


def test_accounts_and_codes_are_strings(sie) -> None:
    tables, _ = sie(
        HEAD
        + voucher(*(f'#TRANS {account} {{1 "{code}"}} 1' for account, code in (("01", "007"), ("12345678", "A-1"), ("FEL", "å"))))
    )
    assert [(row["account"], row["unit"]) for row in rows(tables)] == [("01", "007"), ("12345678", "A-1"), ("FEL", "å")]


def test_several_objects_and_odd_lists(sie) -> None:
    tables, summary = sie(
        HEAD
        + voucher(
            '#TRANS 1 {"6" "1" "1" "6"} 1',  # codes that look like dimensions
            '#TRANS 2 {1 ""} 2',  # no object
            '#TRANS 3 {6 "a b" 8 "K1" 10 "F 9"} 3',
            '#TRANS 4 {"1" "x}y"} 4',  # a brace inside quotes
            "#TRANS 5 20",  # no list at all
            '#TRANS 6 {"1"} 6',  # half a pair
            '#TRANS 7 {1 "A" 7',  # never closed
        )
    )
    found = {row["account"]: (row["unit"], row["project"], row["party"], row["reference"], row["amount"]) for row in rows(tables)}
    assert found == {
        "1": ("6", "1", None, None, 1),
        "2": (None, None, None, None, 2),
        "3": (None, "a b", "K1", "F 9", 3),
        "4": ("x}y", None, None, None, 4),
        "5": (None, None, None, None, 20),
    }
    assert [r["reason_code"] for r in rows(tables, "reject")] == ["objects", "objects"]
    assert summary.rows_bad == 2


def test_empty_quantity_series_and_number(sie) -> None:
    tables, _ = sie(HEAD + voucher('#TRANS 4010 {} 1 "" "" ""', head='#VER "#" "" 20150301'))
    (row,) = rows(tables)
    assert (row["voucher_series"], row["voucher_number"], row["voucher_text"], row["quantity"]) == ("#", None, None, None)


def test_text_in_the_date_s_place(sie) -> None:
    tables, _ = sie(HEAD + voucher('#TRANS 1930 {} -1000.00 "Kontantbetalning" 2'))
    (row,) = rows(tables)
    assert (row["transaction_date"], row["row_text"], row["quantity"]) == (None, "Kontantbetalning", 2)


def test_unreadable_transaction_date_and_quantity_are_told(sie) -> None:
    tables, summary = sie(HEAD + voucher('#TRANS 1930 {} 1 20150231 "x" många'))
    (row,) = rows(tables)
    assert (row["transaction_date"], row["row_text"], row["quantity"], row["period"]) == (None, "x", None, "2015-03")
    assert warned(summary, "1 dates of rows could not be read")
    assert warned(summary, "1 quantities could not be read")


def test_unknown_labels_and_stray_lines_are_set_aside(sie) -> None:
    tables, summary = sie(HEAD + "#FOO 1 2\n#FOO\n#BAR\nfri text\n\n\x1a\n" + voucher("#TRANS 1930 {} 0"))
    assert [(r["reason_code"], r["row_content"], r["is_bad"]) for r in rows(tables, "reject")] == [
        ("unknown_label", "#FOO 1 2", False),
        ("unknown_label", "#FOO", False),
        ("unknown_label", "#BAR", False),
        ("not_a_record", "fri text", False),
    ]
    assert summary.row_counts["unknown #FOO"] == 2
    assert summary.row_counts["no record"] == 1
    assert (summary.rows_in, summary.rows_kept, summary.rows_set_aside) == (5, 1, 4)


def test_line_ends(sie) -> None:
    text = HEAD + voucher('#TRANS 4010 {} 1 20150316 "x"', "#TRANS 1930 {} -1")
    expected, _ = sie(text)
    for end in ("\r\n", "\r"):
        for chunk in (50, CHUNK):
            tables, summary = sie(text.replace("\n", end), chunk_bytes=chunk)
            assert tables == expected
            assert summary.organisation_name == "Åäö kommun"
    tables, _ = sie(text.removesuffix("\n"))
    assert tables == expected


# ------------------------------------------------------------------------------------------------------------ vouchers


def test_voucher_dates(sie) -> None:
    vouchers = [
        voucher("#TRANS 1 {} 0", head=f"#VER A {n} {day}")
        for n, day in enumerate(["20150315", "2015-03-16", "150317", "rappakalja", '""', "20150231"])
    ]
    tables, summary = sie(HEAD + "".join(vouchers))
    assert [row["voucher_date"] for row in rows(tables)] == [date(2015, 3, 15), date(2015, 3, 16), date(2015, 3, 17)]
    assert [r["reason_code"] for r in rows(tables, "reject")] == ["voucher_date"] * 3
    assert warned(summary, "1 voucher dates of six digits")


def test_vouchers_without_rows_or_braces(sie) -> None:
    text = (
        HEAD
        + "#VER A 1 20150101\n{\n}\n#VER A 2 20150102\n{ }\n#VER A 3 20150103\n#VER A 4 20150104\n\n#TRANS 1 {} 0\n}\n"
        + "#VER A 5 20150105 text {\n#TRANS 2 {} 0\n}\n"
        + voucher("#BTRANS 3 {} 7", head="#VER A 6 20141231")
    )
    tables, summary = sie(text + "#RES 0 9 0\n")
    assert [(row["voucher_number"], row["line_kind"]) for row in rows(tables)] == [
        ("4", "TRANS"),
        ("5", "TRANS"),
        ("6", "BTRANS"),
    ]
    assert rows(tables)[1]["voucher_text"] == "text"
    assert summary.row_counts["VER"] == 6
    assert summary.extra["controls"]["VOUCHER"]["checked"] == 2
    assert (summary.period_from, summary.period_to) == ("2015-01", "2015-01")


def test_rows_outside_vouchers_are_bad(sie) -> None:
    tables, _ = sie(HEAD + "#TRANS 1 {} 5\n" + voucher("#TRANS 2 {} 0") + "#TRANS 3 {} 5\n" + voucher("#TRANS 4 {} 0"))
    assert [(r["source_row"], r["reason_code"]) for r in rows(tables, "reject")] == [(10, "no_voucher"), (15, "no_voucher")]
    assert [row["account"] for row in rows(tables)] == ["2", "4"]


def test_vouchers_of_another_year_are_bad_but_not_in_a_pre_system_s_file(sie) -> None:
    text = HEAD + voucher("#TRANS 1 {} 0", head="#VER A 1 20050315") + voucher("#TRANS 2 {} 0")
    tables, summary = sie("".join((text, "#RES 0 2 0\n")))
    assert [r["reason_code"] for r in rows(tables, "reject")] == ["other_year"]
    assert (summary.file_format, summary.period_from, summary.period_to) == ("SIE 4E", "2015-01", "2015-03")
    tables, summary = sie(text, name="kassa.si")
    assert (summary.file_format, summary.period_from, summary.period_to) == ("SIE 4I", "2005-03", "2015-03")
    assert len(rows(tables)) == 2


def test_an_unbalanced_voucher_is_told_by_its_number_and_amount(sie) -> None:
    text = (
        HEAD
        + voucher("#TRANS 1 {} 5", "#TRANS 2 {} -4.99")
        + voucher("#TRANS 1 {} 5", "#RTRANS 2 {} -5", "#TRANS 2 {} -5", head="#VER A 2 20150316")
    )
    for chunk in (30, CHUNK):
        tables, summary = sie(text, chunk_bytes=chunk)
        (control,) = rows(tables, "control")
        assert (control["control"], control["voucher"], control["period"]) == ("VOUCHER", "A 1", "2015-03")
        assert (control["stated"], control["computed"], control["difference"]) == (0, Decimal("0.01"), Decimal("0.01"))
        assert (summary.controls_checked, summary.controls_failed) == (2, 1)
        assert warned(summary, "VOUCHER: 1 of 2 vouchers that do not sum to 0 (A 1 2015-03 0.01)")


# ------------------------------------------------------------------------------------------------------------ encodings


@pytest.mark.parametrize("encoding", ["cp437", "utf-8", "utf-8-sig", "cp1252", "iso8859-1"])
def test_encodings(sie, encoding: str) -> None:
    text = HEAD + voucher('#TRANS 4010 {} 1 20150316 "Räksmörgås på båten, Öster"')
    tables, summary = sie(text, written_in=encoding)
    assert rows(tables)[0]["row_text"] == "Räksmörgås på båten, Öster"
    assert summary.organisation_name == "Åäö kommun"
    assert summary.encoding == {"utf-8-sig": "utf-8", "iso8859-1": "cp1252"}.get(encoding, encoding)


def test_a_letter_cut_by_the_chunk_is_whole(sie) -> None:
    text = HEAD + voucher(*(f'#TRANS 4010 {{}} 1 20150316 "ååååååååå{n}"' for n in range(30)))
    for chunk in (33, 64, 100):
        tables, summary = sie(text, written_in="utf-8", chunk_bytes=chunk)
        assert summary.encoding == "utf-8"
        assert rows(tables)[29]["row_text"] == "ååååååååå29"


def test_a_chosen_encoding_rules(sie) -> None:
    # One é alone does not tell CP437 from cp1252.
    text = HEAD.replace("Åäö", "Linné")
    assert sie(text, written_in="cp1252")[1].organisation_name == "LinnΘ kommun"
    assert sie(text, written_in="cp1252", encoding="cp1252")[1].organisation_name == "Linné kommun"


def test_wrong_encodings_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "fil.se"
    path.write_bytes(b"\xef\xbb\xbf#FLAGGA 0\n#FNAMN \xe5\n")
    with pytest.raises(FileRejected) as refusal:
        collect(path, source())
    assert refusal.value.code == "encoding"
    with pytest.raises(SettingsError, match="finns-inte"):
        read_sie(path, source(encoding="finns-inte"))


def test_lost_letters_are_told(sie) -> None:
    _, summary = sie(HEAD.replace("Åäö", "\ufffd"), written_in="utf-8")
    assert warned(summary, "1 characters (å, ä, ö) were lost")


# ------------------------------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "not_sie"),
        ("<!DOCTYPE HTML><html><body>404 Not Found</body></html>", "not_sie"),
        ("konto;belopp\n1930;100\n", "not_sie"),
        ("#FLAGGA 0\n#SIETYP 5\n", "sie_type"),
        ("#FLAGGA 0\n#SIETYP 4\n#VALUTA EUR\n", "currency"),
        ("#FLAGGA 0\n#KSUMMA\n#SIETYP 1\n#RES 0 3010 5\n", "truncated"),
        ("#FLAGGA 0\n#SIETYP 4\n#VER A 1 20150101\n{\n#TRANS 1930 {} 5\n", "truncated"),
        ("#FLAGGA 0\n#SIETYP 4\n#VER A 1 20150101\n{\n#TRANS 1930 {} 5\n#TRANS 19", "truncated"),
        ("#FLAGGA 0\n#SIETYP 4\n#VER A 1 20150101\n{\n}\n#VER A 2 20150101\n", "truncated"),
        ("#FLAGGA 0\n#SIETYP 4\n#VER A 1 20150101 x {\n#TRANS 1930 {} 5\n", "truncated"),
        ("#FLAGGA 0\n#FNAMN " + "x" * 2**21 + "\n", "line_too_long"),
        ("#FLAGGA 0\n" + "#DIM 1 x\n" * 10_001, "too_many_keys"),
    ],
)
@pytest.mark.parametrize("chunk", [1 << 10, CHUNK])
def test_refusals(tmp_path: Path, text: str, code: str, chunk: int) -> None:
    path = tmp_path / "fil.se"
    path.write_text(text, encoding="cp437")
    with pytest.raises(FileRejected) as refusal:
        collect(path, source(), chunk)
    assert refusal.value.code == code
    assert refusal.value.text.sv
    assert refusal.value.text.en


def test_too_many_bad_rows_refuse_the_file(sie) -> None:
    text = HEAD + voucher(*["#TRANS 1 {} 0"] * 99, "#TRANS 2 {} x")
    assert sie(text, max_bad_rows=0.01)[1].rows_bad == 1
    with pytest.raises(FileRejected) as refusal:
        sie(text, max_bad_rows=0.009)
    assert refusal.value.code == "bad_rows"


def test_is_sie() -> None:
    assert is_sie(HEAD.encode("cp437"))
    assert is_sie(b"\xef\xbb\xbf\r\n #FLAGGA\t0\r\n")
    assert is_sie(b'<?xml version="1.0"?><Sie xmlns="http://www.sie.se/sie5">')
    assert not is_sie(b"<html>#FLAGGAN</html>")
    assert not is_sie(b"text om #FLAGGA 0")


# ------------------------------------------------------------------------------------------------------------ dimensions


def test_the_map_is_proposed_from_the_file_s_names(sie) -> None:
    declared = "\n".join(
        [
            '#DIM 1 "Ansvar"',
            '#DIM 6 "Projekt"',
            '#DIM 20 "Verksamhet"',
            '#DIM 21 "Aktivitet"',
            '#DIM 22 "Motpart"',
            '#DIM 23 "Objekt"',
            '#DIM 24 "Fri kod"',
            '#DIM 25 "Anställningsnr"',
            '#UNDERDIM 26 "Undergrupp" 7',
        ]
    )
    everything = '{1 "a" 6 "b" 20 "c" 21 "d" 22 "e" 23 "f" 24 "g" 25 "h" 26 "i" 7 "j" 9 "k"}'
    # Declared after it is used, and still known.
    tables, summary = sie(HEAD + voucher(f"#TRANS 1 {everything} 0") + declared + "\n")
    (row,) = rows(tables)
    assert [
        row[f] for f in ("unit", "project", "activity", "sub_activity", "counterparty", "cost_object", "party", "reference")
    ] == [
        *"abcdef",
        "k",
        None,
    ]
    assert summary.extra["dimensions"]["20"] == "activity"
    assert summary.extra["dimensions_unmapped"] == ["24"]
    assert warned(summary, "24 Fri kod")
    assert not any(code in str(rows(tables)) for code in ("'h'", "'i'", "'j'"))


def test_the_municipality_s_map_rules(sie) -> None:
    text = HEAD + '#DIM 1 "Verksamhet"\n#OBJEKT 1 A "Ett"\n#OBJEKT 6 B "Två"\n' + voucher('#TRANS 1 {1 "A" 6 "B"} 0')
    tables, summary = sie(text, dimensions={"1": "unit"})
    assert (rows(tables)[0]["unit"], rows(tables)[0]["project"]) == ("A", None)
    assert summary.extra["dimensions"] == {"1": "unit"}
    assert [(r["reason_code"], r["is_bad"]) for r in rows(tables, "reject")] == [("no_field", False)]
    assert summary.extra["dimensions_unmapped"] == ["6"]


@pytest.mark.parametrize("wrong", [{"1": "ansvar"}, {"7": "unit"}])
def test_a_wrong_map_is_a_settings_error_that_names_it(tmp_path: Path, wrong: dict[str, str]) -> None:
    path = tmp_path / "fil.se"
    path.write_text(HEAD, encoding="cp437")
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        read_sie(path, source(dimensions=wrong))


def test_people_stay_out_of_the_reject_table(sie) -> None:
    text = (
        HEAD
        + '#OBJEKT 7 "19750101-1234" "Anna Ek"\n#OBJEKT 7 "" "Bo Al"\n'
        + voucher('#TRANS 7010 {1 "A" 7 "8001011234"} x', "#FOO 6505151234")
    )
    tables, _ = sie(text)
    content = " ".join(r["row_content"] for r in rows(tables, "reject"))
    for secret in ("Anna", "Bo", "1234", "8001"):
        assert secret not in content
    assert '#TRANS 7010 {1 "A" 7 *} x' in content


# ------------------------------------------------------------------------------------------------------------ balances


def test_balances_and_years(sie) -> None:
    text = HEAD.replace("#SIETYP 4", "#SIETYP 1") + (
        "#IB 0 1510 100.00 5\n#UB 0 1510 40\n#RES 0 3010 -60\n#RES -1 3010 -10\n#UB -2 1510 7\n"
        '#OIB 0 1510 {8 "K1"} 100\n#IB x 1510 1\n#UB 0 "" 1\n'
    )
    tables, summary = sie(text)
    found = [(r["label"], r["year_start"], r["account"], r["dimension_set"], r["amount"]) for r in rows(tables, "year_balance")]
    assert found == [
        ("IB", date(2015, 1, 1), "1510", "", 100),
        ("UB", date(2015, 1, 1), "1510", "", 40),
        ("RES", date(2015, 1, 1), "3010", "", -60),
        ("RES", date(2014, 1, 1), "3010", "", -10),
        ("UB", date(2013, 1, 1), "1510", "", 7),
        ("OIB", date(2015, 1, 1), "1510", "8", 100),
    ]
    assert [r["reason_code"] for r in rows(tables, "reject")] == ["year", "account"]
    assert (summary.file_format, summary.outcome_from) == ("SIE 1", "RES")
    assert (summary.period_from, summary.period_to) == ("2015-01", "2015-12")
    assert summary.entity_periods == {"year_balance": ("2013-01", "2015-12")}
    (control,) = rows(tables, "control")
    assert (control["control"], control["stated"], control["computed"]) == ("SUM_UB_RES", 100, -20)


def test_no_type_means_1_and_omfattn_ends_the_period(sie) -> None:
    text = HEAD.replace("#SIETYP 4\n", "") + "#OMFATTN 20150331\n#RES 0 3010 -60\n"
    _, summary = sie(text)
    assert (summary.file_format, summary.period_to) == ("SIE 1", "2015-03")
    _, summary = sie(text.replace("20150331", "19800101"))
    assert summary.period_to == "2015-12"
    assert warned(summary, "#OMFATTN 19800101 lies outside")


def test_a_broken_fiscal_year(sie) -> None:
    text = "#FLAGGA 0\n#SIETYP 2\n#RAR 0 20150701 20160630\n#RAR -1 20140701 20130630\n"
    text += "#PBUDGET 0 201507 3010 {} -1\n#PBUDGET 0 201606 3010 {} -2\n#PBUDGET 0 201607 3010 {} -3\n#RES -1 3010 5\n"
    tables, summary = sie(text)
    assert [(r["fiscal_year"], r["period"]) for r in rows(tables, "budget_line")] == [
        (2015, "2015-07"),
        (2015, "2016-06"),
        (2016, "2016-07"),
    ]
    assert rows(tables, "year_balance")[0]["year_end"] == date(2015, 6, 30)
    assert warned(summary, "read as twelve months")
    assert summary.entity_periods["budget_line"] == ("2015-07", "2016-07")


def test_periods_in_the_wrong_order_or_of_the_wrong_year(sie) -> None:
    text = HEAD.replace("#SIETYP 4", "#SIETYP 2")
    text += "#PSALDO 0 201412 3010 {} -5\n#PSALDO 0 3010 201501 -6\n#PSALDO 0 2015 3010 {} 1\n"
    text += "#PSALDO 0 201513 3010 {} 1\n#RES -1 3010 -5\n#RES 0 3010 -6\n"
    tables, summary = sie(text)
    assert [(r["period"], r["account"], r["amount"]) for r in rows(tables, "period_balance")] == [
        ("2014-12", "3010", -5),
        ("2015-01", "3010", -6),
    ]
    assert [r["reason_code"] for r in rows(tables, "reject")] == ["period", "period"]
    assert warned(summary, "1 period rows have account and period in the wrong order")
    assert summary.controls_failed == 0
    assert summary.entity_periods["period_balance"] == ("2014-01", "2015-01")


def test_accounts_that_do_not_reconcile_are_told_with_amounts(sie) -> None:
    text = (
        HEAD
        + "#IB 0 1930 1000\n#UB 0 1930 900\n#RES 0 4010 80\n#UB 0 4010 80\n#RES 0 5010 1\n"  # UB beside RES: some vendors
        + voucher("#TRANS 1930 {} -100", "#TRANS 4010 {} 80", "#TRANS 6010 {} 20")
    )
    tables, summary = sie(text)
    found = {
        (r["control"], r["account"]): (r["stated"], r["computed"], r["difference"], r["period"]) for r in rows(tables, "control")
    }
    assert found == {
        ("RES", "5010"): (1, 0, -1, "2015-12"),
        ("RES", "6010"): (0, 20, 20, "2015-12"),
        ("SUM_UB_RES", None): (1000, 981, -19, "2015-12"),
    }
    assert summary.extra["controls"]["RES"]["largest"][0] == {
        "account": "6010",
        "period": "2015-12",
        "stated": "0.00",
        "computed": "20.00",
        "difference": "20.00",
    }
    assert warned(summary, "RES: 2 of 3 result accounts")


# ------------------------------------------------------------------------------------------------------------ KSUMMA


def ksumma(body: str, encoding: str = "cp437") -> str:
    inside = body.replace('"', "").translate(str.maketrans("", "", " \t\n{}"))
    return f"#FLAGGA 0\n#KSUMMA\n{body}#KSUMMA {zlib.crc32(inside.encode(encoding))}\n"


def test_the_check_sum(sie) -> None:
    body = '#SIETYP 1\n#FNAMN "Åmål"\n#RES 0 3010 -5\n'
    for chunk in (8, CHUNK):
        for encoding in ("cp437", "utf-8"):
            _, summary = sie(ksumma(body), written_in=encoding, chunk_bytes=chunk)
            assert summary.extra["controls"]["KSUMMA"]["failed"] == 0
    tables, summary = sie(ksumma(body).replace("-5", "-6"))
    assert rows(tables, "control")[0]["control"] == "KSUMMA"
    assert warned(summary, "KSUMMA: 1 of 1 check sum")


# ------------------------------------------------------------------------------------------------------------ {} of PSALDO

TYPE_3 = HEAD.replace("#SIETYP 4", "#SIETYP 3") + "#DIM 1 Ansvar\n#DIM 6 Projekt\n"


def meaning(sie, text: str) -> tuple[str, str, str]:
    _, summary = sie(TYPE_3 + text)
    return summary.psaldo_semantics, summary.psaldo_dimension_set, summary.extra["psaldo_decided_by"]


def test_total(sie) -> None:
    text = "#RES 0 3010 -100\n#PSALDO 0 201501 3010 {} -100\n#PSALDO 0 201501 3010 {1 A} -60\n#PSALDO 0 201501 3010 {6 P} -100\n"
    # By project it adds up exactly and by unit not; the unit is preferred all the same.
    assert meaning(sie, text) == ("total", "1", "totals")


def test_remainder(sie) -> None:
    text = "#RES 0 3010 -100\n#PSALDO 0 201501 3010 {} -40\n#PSALDO 0 201501 3010 {1 A} -60\n"
    assert meaning(sie, text) == ("remainder", "1", "totals")


def test_remainder_of_rows_with_different_objects(sie) -> None:
    text = (
        "#RES 0 3010 -100\n#PSALDO 0 201501 3010 {} -40\n#PSALDO 0 201501 3010 {1 A} -50\n#PSALDO 0 201501 3010 {6 P 1 A} -10\n"
    )
    assert meaning(sie, text) == ("remainder", "*", "totals")


def test_the_rows_decide_where_no_total_is_stated(sie) -> None:
    text = "#PSALDO 0 201501 3010 {} -100\n#PSALDO 0 201501 3010 {1 A} -60\n#PSALDO 0 201501 3010 {1 B} -40\n"
    assert meaning(sie, text) == ("total", "1", "rows")


def test_nothing_tells(sie) -> None:
    text = "#PSALDO 0 201501 3010 {} -100\n#PSALDO 0 201501 3010 {1 A} -70\n"
    assert meaning(sie, text) == ("total", "1", "default")
    _, summary = sie(TYPE_3 + text)
    assert warned(summary, "PSALDO: nothing shows")


def test_only_one_kind_of_rows(sie) -> None:
    assert meaning(sie, "#PSALDO 0 201501 3010 {} -100\n") == ("", "", "")
    assert meaning(sie, "#PSALDO 0 201501 3010 {1 A} -100\n") == ("", "1", "")
    several = "#RES 0 3010 -100\n#PSALDO 0 201501 3010 {1 A} -90\n#PSALDO 0 201501 3010 {1 A 6 P} -10\n"
    assert meaning(sie, several) == ("", "*", "totals")
    views = "#RES 0 3010 -100\n#PSALDO 0 201501 3010 {1 A} -100\n#PSALDO 0 201501 3010 {6 P} -100\n"
    assert meaning(sie, views) == ("", "1", "totals")


def test_the_same_money_along_two_dimensions_is_counted_once(sie) -> None:
    text = "#RES 0 3010 -100\n#PSALDO 0 201501 3010 {} -100\n#PSALDO 0 201501 3010 {1 A} -100\n#PSALDO 0 201501 3010 {6 P} -100\n"
    _, summary = sie(TYPE_3 + text)
    assert (summary.psaldo_semantics, summary.psaldo_dimension_set) == ("total", "1")
    assert summary.controls_failed == 0


def test_budgets_have_their_own_meaning(sie) -> None:
    text = "#PBUDGET 0 201501 3010 {} -100\n#PBUDGET 0 201501 3010 {1 A} -60\n#PBUDGET 0 201501 3010 {1 B} -40\n"
    _, summary = sie(TYPE_3 + text)
    assert (summary.pbudget_semantics, summary.pbudget_dimension_set) == ("total", "1")


def test_a_budget_repeated_under_last_years_number_is_counted_once(sie) -> None:
    years = "#RAR 0 20150101 20151231\n#RAR -1 20140101 20141231\n"
    twice = "#PBUDGET 0 201501 3010 {} -100\n#PBUDGET -1 201501 3010 {} -100\n"
    wrong_number_only = "#PBUDGET -1 201502 3010 {} -7\n#PBUDGET -1 201412 3010 {} -8\n"
    tables, summary = sie(TYPE_3 + years + twice + wrong_number_only)
    assert summary.amount_in["budget_line"] == Decimal("-115.00")
    assert [row["reason_code"] for row in tables["reject"].to_pylist()] == ["repeated_year"]
    assert (summary.rows_set_aside, summary.rows_bad) == (1, 0)


def test_decide_prefers_the_set_with_the_unit_also_when_it_is_not_first() -> None:
    sums = pl.DataFrame(
        {
            "account": ["1", "1", "1", "1"],
            "period": ["2015-01"] * 4,
            "dimension_set": ["", "6", "1+6", "20"],
            "amount": [Decimal(10), Decimal(10), Decimal(8), Decimal(10)],
            "year": [0] * 4,
        },
        schema_overrides={"amount": pl.Decimal(38, 2), "year": pl.Int64},
    )
    assert decide(sums, None, {"1"}).chosen == "1+6"
    assert decide(sums, None, set()).chosen in ("6", "20")


# ------------------------------------------------------------------------------------------------------------ properties

LETTERS = "abcXYZ 019åäöÅÄÖéüÉ.,;:-+/#{}()"
texts = st.text(LETTERS + '"', max_size=12).map(str.strip).filter(lambda t: t != "{" and not t.startswith("\x1a"))
codes = st.text("abc019åäöÅ-/", min_size=1, max_size=6)
amounts = st.integers(-(10**17), 10**17).map(lambda ore: Decimal(ore).scaleb(-2))
line_rows = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["TRANS", "TRANS", "TRANS", "RTRANS", "BTRANS"]),
        "account": st.from_regex(r"[0-9]{2,8}", fullmatch=True),
        "unit": st.none() | codes,
        "activity": st.none() | codes,
        "amount": amounts,
        "day": st.none() | st.dates(date(2015, 1, 1), date(2015, 12, 31)),
        "text": texts,
        "quantity": st.none() | st.integers(-(10**6), 10**6),
    }
)
voucher_rows = st.fixed_dictionaries(
    {
        "series": st.none() | codes,
        "number": st.none() | codes,
        "day": st.dates(date(2015, 1, 1), date(2015, 12, 31)),
        "text": texts,
        "rows": st.lists(line_rows, max_size=4),
    }
)


def quoted(text: str | None) -> str:
    return '"' + (text or "").replace('"', '\\"') + '"'


def written(vouchers: list[dict], bare: bool) -> str:
    """Write vouchers as a vendor would, with quotes everywhere or only where a field needs them."""

    def field(text: str | None) -> str:
        needs = not text or any(ch in ' \t"{}' for ch in text) or text.startswith("#")
        return quoted(text) if needs or not bare else text

    lines = []
    for ver in vouchers:
        lines.append(f"#VER {field(ver['series'])} {field(ver['number'])} {ver['day']:%Y%m%d} {field(ver['text'])}")
        lines.append("{")
        for row in ver["rows"]:
            pairs = [
                f"{number} {field(row[name])}" for number, name in (("1", "unit"), ("20", "activity")) if row[name] is not None
            ]
            day = f"{row['day']:%Y%m%d}" if row["day"] else '""'
            quantity = "" if row["quantity"] is None else str(row["quantity"])
            lines.append(
                f"  #{row['kind']} {row['account']} {{{' '.join(pairs)}}} {row['amount']} {day} "
                f"{field(row['text'])} {field(quantity)}"
            )
        lines.append("}")
    return HEAD + "\n".join(lines) + "\n"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.lists(voucher_rows, max_size=5),
    st.booleans(),
    st.sampled_from(["cp437", "utf-8", "cp1252"]),
    st.sampled_from([16, 200, CHUNK]),
)
def test_what_is_written_is_read(tmp_path: Path, vouchers: list[dict], bare: bool, encoding: str, chunk: int) -> None:
    path = tmp_path / "fil.si"
    path.write_bytes(written(vouchers, bare).encode(encoding))
    tables, summary = collect(path, source(dimensions={"1": "unit", "20": "activity"}), chunk)
    expected = [
        {
            "line_kind": row["kind"],
            "account": row["account"],
            "unit": row["unit"],
            "activity": row["activity"],
            "amount": row["amount"],
            "transaction_date": row["day"],
            "row_text": row["text"] or None,
            "quantity": None if row["quantity"] is None else Decimal(row["quantity"]),
            "voucher_series": ver["series"],
            "voucher_number": ver["number"],
            "voucher_date": ver["day"],
            "voucher_text": ver["text"] or None,
            "period": f"{ver['day']:%Y-%m}",
        }
        for ver in vouchers
        for row in ver["rows"]
    ]
    assert [{name: row[name] for name in (expected[0] if expected else {})} for row in rows(tables)] == expected
    counted = [row["amount"] for row in expected if row["line_kind"] == "TRANS"]
    assert summary.amount_in.get("ledger_line", 0) == sum(counted)
    sums = [
        sum(r["amount"] for r in v["rows"] if r["kind"] == "TRANS")
        for v in vouchers
        if any(r["kind"] == "TRANS" for r in v["rows"])
    ]
    assert (summary.extra["controls"].get("VOUCHER", {}).get("failed", 0)) == sum(total != 0 for total in sums)
    assert sorted(r["computed"] for r in rows(tables, "control")) == sorted(total for total in sums if total)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300), st.sampled_from([40, CHUNK]))
def test_any_bytes_are_read_or_refused(tmp_path: Path, junk: bytes, chunk: int) -> None:
    """Rows add up (`collect` asserts it) or the file is refused with a reason; nothing else happens."""
    path = tmp_path / "fil.se"
    path.write_bytes(
        HEAD.encode("cp437")
        + b"#VER A 1 20150101\n{\n#TRANS 1 {} "
        + junk
        + b"\n#TRANS 2 "
        + junk
        + b"\n#OBJEKT "
        + junk
        + b"\n}\n#FOO "
        + junk
    )
    codes_seen = set()
    try:
        collect(path, source(), chunk)
    except FileRejected as refusal:
        codes_seen.add(refusal.code)
    assert codes_seen <= {"encoding", "truncated", "currency", "sie_type"}
