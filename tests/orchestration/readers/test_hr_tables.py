"""Tables of HR systems: every writing of a degree, a day, a cause and a person; nothing of a person in what comes out."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.errors import FileRejected
from orchestration.privacy import PersonKey, normalise, open_person_key
from orchestration.readers import numbers
from orchestration.readers.mapping import propose_map
from orchestration.readers.tables import TableReading, read_table
from orchestration.settings import DEFAULT_SOURCES, Settings, Source

PERSON = "198112289874"
ON = date(2015, 3, 31)


@pytest.fixture
def key(tmp_path: Path) -> PersonKey:
    return open_person_key(tmp_path / "home", tmp_path / "keys" / "person.key")


def read(path: Path, text: str, kind: str, key: PersonKey, **settings) -> tuple[dict[str, list[dict]], TableReading]:
    path.write_text(text, encoding="utf-8")
    return read_file(path, kind, key, **settings)


def read_file(path: Path, kind: str, key: PersonKey, **settings) -> tuple[dict[str, list[dict]], TableReading]:
    source = Source(kind=kind, files=["*"], **{"max_bad_rows": 1.0, **settings})
    reading = read_table(path, source, delivery="2015-03", key=key)
    tables: dict[str, list[dict]] = {}
    for entity, table in reading:
        tables.setdefault(entity, []).extend(table.to_pylist())
    return tables, reading


@pytest.mark.parametrize(
    ("cell", "share"),
    [
        ("75", "0.75"),
        ("75 %", "0.75"),
        ("75%", "0.75"),
        ("75,00", "0.75"),
        ("0,75", "0.75"),
        ("0.75", "0.75"),
        (".75", None),
        ("1", "1"),
        ("1,0", "1"),
        ("100 procent", "1"),
        ("1 %", "0.01"),
        ("66,6667", "0.666667"),
        ("0.7500000000000001", "0.75"),
        ("0", "0"),
        ("1,25", None),  # 125 % or 1.25 %?
        ("heltid", None),
        ("-50", None),
        ("", None),
    ],
)
def test_a_share_is_per_cent_or_a_fraction(cell: str, share: str | None) -> None:
    assert numbers.parse_share(cell) == (None if share is None else int(Decimal(share) * 1_000_000))


@given(st.integers(min_value=3, max_value=100))
def test_every_writing_of_a_percentage_is_the_same_share(percent: int) -> None:
    writings = {
        f"{percent}",
        f"{percent} %",
        f"{percent},0%",
        f"{Decimal(percent) / 100}",
        f"{percent / 100:.2f}".replace(".", ","),
    }
    assert {numbers.parse_share(text) for text in writings} == {percent * 10_000}


@pytest.mark.parametrize(
    ("cell", "rate"), [("2 %", 20_000), ("2", 2_000_000), ("0,02", 20_000), ("-1,5%", -15_000), ("KPI", None)]
)
def test_a_rate_is_taken_as_it_stands(cell: str, rate: int | None) -> None:
    assert numbers.parse_rate(cell) == rate


@pytest.mark.parametrize("cell", ["", "tv", "T.V.", "tills vidare", "Tillsvidare", "9999-12-31", "99991231", "-", "pågår"])
def test_an_open_end_is_no_day(cell: str, tmp_path: Path, key: PersonKey) -> None:
    text = f"Anst.nr;Personnr;Syss.grad;Fr.o.m.;T.o.m.\n7;{PERSON};50;2014-01-01;{cell}\n8;;50;2014-01-01;2014-12-31\n"
    tables, _ = read(tmp_path / "a.csv", text, "employment", key)
    assert [row["valid_to"] for row in tables["employment"]] == [None, date(2014, 12, 31)]
    assert "reject" not in tables


@pytest.mark.parametrize(
    "writing", ["198112289874", "19811228-9874", "811228-9874", "8112289874", "811228 9874", "811228–9874", "8112289874.0"]
)
def test_a_person_is_the_same_in_every_writing(writing: str, tmp_path: Path, key: PersonKey) -> None:
    tables, reading = read(tmp_path / "a.csv", f"Personnummer;Namn;Grad\n{writing};Ann Ek;100\n", "employment", key)
    [row] = tables["employment"]
    assert row["person"] == key.person(normalise(PERSON, on=ON))
    assert (row["birth_year"], row["sex"], row["employment"]) == (1981, "M", None)
    assert reading.summary.warnings == []


def test_a_number_that_a_workbook_stored_as_a_number_keeps_its_zeros(tmp_path: Path, key: PersonKey) -> None:
    book = openpyxl.Workbook()
    book.active.append(["Personnr", "Grad", "Anställd från"])
    book.active.append([101010008, 0.5, date(2014, 1, 1)])  # 010101-0008
    book.save(tmp_path / "a.xlsx")
    tables, _ = read_file(tmp_path / "a.xlsx", "employment", key)
    [row] = tables["employment"]
    assert row["degree"] == Decimal("0.500000")
    expected = normalise("0101010008", on=ON)
    assert expected is not None
    assert (row["person"] == key.person(expected)) is expected.is_valid


def test_a_wage_is_what_its_header_says(tmp_path: Path, key: PersonKey) -> None:
    cases = {"Heltidslön": "full_time", "Aktuell lön": "actual", "Månadslön": ""}
    for header, basis in cases.items():
        tables, _ = read(tmp_path / "a.csv", f"Anst.nr;Grad;{header}\n1;75;30 000,333333\n2;75;\n", "employment", key)
        first = tables["employment"][0]
        assert (first["monthly_wage"], first["wage_basis"], first["wage_form"]) == (Decimal("30000.33"), basis, "month")
    tables, _ = read(tmp_path / "a.csv", "Anst.nr;Löneform;Timlön\n1;T;150,50\n2;M;\n", "employment", key)
    assert [(row["wage_form"], row["hourly_wage"]) for row in tables["employment"]] == [
        ("hour", Decimal("150.50")),
        ("month", None),
    ]


ABSENCE = "Anst.nr;Frånvaroorsak;Fr.o.m.;T.o.m.;Omfattning;Timmar\n"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1;Sjuk;2015-03-09;2015-03-06;100;", "ends_before_start"),
        ("1;Sjuk;2015-03-09;2015-03-10;0;", "extent_out_of_range"),
        ("1;Sjuk;2015-03-09;2015-03-10;150 %;", "extent_out_of_range"),
        ("1;Sjuk;2015-03-09;2015-03-09;;25", "hours_out_of_range"),
        ("1;Sjuk;2015-03-09;2015-03-10;;12", "hours_without_days"),
        ("1;Sjuk;1915-03-09;1915-03-10;100;", "date_out_of_range"),
        (";Sjuk;2015-03-09;2015-03-10;100;", "no_employment"),
        ("1;Sjuk;2015-02-30;2015-03-10;100;", "valid_from_unreadable"),
        ("1;;2015-03-09;2015-03-10;100;", "cause_code_missing"),
        ("1;Sjuk;Ann Ek;2015-03-10;100;", "valid_from_unreadable"),
    ],
)
def test_an_impossible_absence_is_rejected_with_its_row_and_reason(row: str, reason: str, tmp_path: Path, key: PersonKey) -> None:
    tables, reading = read(tmp_path / "a.csv", f"{ABSENCE}2;VAB;2015-03-02;2015-03-02;;4\n{row}\n", "absence", key)
    [kept], [reject] = tables["absence_spell"], tables["reject"]
    assert (kept["cause"], kept["extent"], kept["hours"]) == ("vab", None, Decimal("4.0000"))
    assert (reject["source_row"], reject["reason_code"], reject["is_bad"]) == (3, reason, True)
    assert "Ann" not in str(reject)
    assert (reading.summary.rows_in, reading.summary.rows_kept, reading.summary.rows_bad) == (2, 1, 1)


def test_an_own_cause_is_mapped_by_the_source_and_an_unknown_one_is_told(tmp_path: Path, key: PersonKey) -> None:
    text = f"{ABSENCE}1;FR1;2015-03-02;;;\n1;Ann Ek är borta;2015-03-03;;;\n"
    tables, reading = read(tmp_path / "a.csv", text, "absence", key)
    assert [(row["cause_code"], row["cause"]) for row in tables["absence_spell"]] == [("FR1", None), ("?", None)]
    assert "2 absence rows (the first is row 2)" in reading.summary.warnings[0]
    tables, _ = read(tmp_path / "a.csv", text, "absence", key, causes={"FR1": "leave"})
    assert tables["absence_spell"][0]["cause"] == "leave"


def test_a_shifted_row_is_rejected_whole(tmp_path: Path, key: PersonKey) -> None:
    text = f"Personnr;Namn;Befattning;Ansvar;Grad\n{PERSON};Ann Ek;151010;11;100\nAnn Ek;{PERSON};Ann Ek;811228-9874;100\n"
    tables, _ = read(tmp_path / "a.csv", text, "employment", key)
    assert len(tables["employment"]) == 1
    assert tables["reject"][0]["reason_code"] == "personal_number"
    assert "9874" not in str(tables)
    assert "Ann" not in str(tables)


def test_a_file_without_headers_shows_nobody(tmp_path: Path, key: PersonKey) -> None:
    with pytest.raises(FileRejected) as refused:
        read(tmp_path / "a.csv", f"Ann Ek;{PERSON};100;Sjuk\nBo Al;670919-9530;50;Sjuk\n", "absence", key)
    assert not any(word in str(refused.value) for word in ("Ann", "Ek", "9874", "Bo"))


def test_payroll_counts_in_its_months_and_meets_its_total(tmp_path: Path, key: PersonKey) -> None:
    text = (
        "Utbetalningsdatum;Anst.nr;Radtyp;Löneart;Konto;Ansvar;Belopp\n2015-02-27;1;Lön;100 Månadslön;5010;11;20 000,50\n"
        "2015-03-27;1;PO;;5610;11;7 000,00\n2015-03-27;1;;200;5010;11;-1 000,25\nSumma;;;;;;26 000,25\n"
    )
    tables, reading = read(tmp_path / "a.csv", text, "payroll", key)
    lines = tables["payroll_line"]
    assert [(row["period"], row["line_kind"], row["amount"]) for row in lines] == [
        ("2015-02", "pay", Decimal("20000.50")),
        ("2015-03", "employer_contribution", Decimal("7000.00")),
        ("2015-03", "pay", Decimal("-1000.25")),
    ]
    assert reading.summary.amount_in == {"payroll_line": Decimal("26000.25")}
    assert (reading.summary.period_from, reading.summary.period_to, reading.summary.controls_failed) == ("2015-02", "2015-03", 0)
    assert set(tables) == {"payroll_line", "reject"}  # no names of units or accounts from an HR export


def test_agreements_without_sign_and_in_words(tmp_path: Path, key: PersonKey) -> None:
    text = (
        "Avtalsnr;Riktning;Säljare;Konto;Belopp;Intervall;Första månad;Index;T.o.m.\n"
        "A1;Intäkt;11;3411;1 000;kvartal;mars;2 %;tv\nA2;kostnad;11;7511;2000;;;;\nA3;intäkt;11;3411;-5;;;;\n"
    )
    tables, _ = read(tmp_path / "a.csv", text, "agreement", key)
    found = [(row["direction"], row["amount"], row["cadence"], row["phase"], row["index"]) for row in tables["agreement"]]
    assert found == [("income", Decimal("1000.00"), 3, 3, Decimal("0.020000")), ("cost", Decimal("2000.00"), 1, None, None)]
    assert tables["reject"][0]["reason_code"] == "amount_negative"


def test_a_comment_is_on_a_line_a_total_or_the_unit_and_is_masked(tmp_path: Path, key: PersonKey) -> None:
    text = "Period;Enhet;Rad;Kommentar\n2015-03;11;Netto;Bra\n2015-03;11;;811228-9874 slutar\n2015-03;11;Personalkostnader;x\n"
    tables, _ = read(tmp_path / "a.csv", text, "comment", key)
    assert [(row["report_line"], row["text"]) for row in tables["comment"]] == [
        ("net", "Bra"),
        (None, "******-**** slutar"),
        ("personnel", "x"),
    ]


def test_a_map_is_proposed_without_showing_anybody(tmp_path: Path) -> None:
    path = tmp_path / "frånvaro.csv"
    path.write_text(
        f"Anst.nr;Personnr;Namn;Orsak;Fr.o.m.;T.o.m.\n1;{PERSON};Ann Ek;Sjuk;2015-03-01;2015-03-02\n", encoding="utf-8"
    )
    proposal = propose_map(path)
    assert proposal.kind == "absence"
    assert "Namn" in proposal.toml
    assert not any(word in proposal.toml for word in ("Ann", "9874"))


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("avtal_2015.xlsx", "agreement"),
        ("Internavtal 2015.xlsx", "internal_agreement"),
        ("interna_avtal.csv", "internal_agreement"),
        ("Anställningar.csv", "employment"),
        ("Frånvaro 2015-03.xlsx", "absence"),  # å in two characters, as a Mac writes it
        ("franvaro.csv", "absence"),
        ("löner_201503.csv", "payroll"),
        ("lon_201503.csv", "payroll"),
        ("personalstat_2015.xlsx", "position"),
        ("export.paxml", "hr"),
        ("PAX_201503.xml", "hr"),
        ("perioder.csv", "period_release"),
        ("periodsläpp.csv", "period_release"),
        ("Kommentarer.xlsx", "comment"),
        ("ansvar.csv", "organisation"),
        ("huvudbok_201503.se", "ledger"),
    ],
)
def test_a_file_name_says_what_it_is(name: str, source: str, tmp_path: Path) -> None:
    from orchestration.register import claim

    settings = Settings(home=tmp_path)
    found = claim(settings, name)
    assert found is not None
    assert found[0] == source
    matching = [other for other in DEFAULT_SOURCES if (only := claim(_only(tmp_path, other), name)) and only[0] == other]
    assert matching == [source]


def _only(home: Path, source: str) -> Settings:
    return Settings(home=home, sources={source: DEFAULT_SOURCES[source]})
