"""PAXml as payroll systems write it, as the standard allows it, and as it must be refused."""

from __future__ import annotations

import tracemalloc
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestration.errors import FileRejected
from orchestration.privacy import PersonKey, find_identities, normalise
from orchestration.readers import paxml
from orchestration.readers.contract import ENTITIES_HR
from orchestration.readers.paxml import PaxmlReading, is_paxml, read_paxml
from orchestration.settings import Source

KEY = PersonKey(Path("person.key"), b"k" * 32)
#: Two people who do not exist. The fixtures hold them, their names and their addresses; nothing that comes out may.
ANNA, BO = "198112189876", "197001032395"

FIXTURES = Path(__file__).with_name("paxml")
REGISTER = (FIXTURES / "register.xml").read_text(encoding="utf-8")
PAYROLL = (FIXTURES / "payroll.xml").read_text(encoding="utf-8")
TIME = (FIXTURES / "time.xml").read_text(encoding="iso-8859-1")


ALL = {"register": REGISTER, "payroll": PAYROLL, "time": TIME}


def source(**dimensions: str) -> Source:
    return Source(kind="ledger", files=["*.xml"], dimensions={key.lstrip("d"): value for key, value in dimensions.items()})


def reading(folder: Path, text: str | bytes, encoding: str = "utf-8", **dimensions: str) -> PaxmlReading:
    path = folder / "export.xml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return read_paxml(path, source(**dimensions), key=KEY, delivery="2015-03")


def tables(found: PaxmlReading) -> dict[str, list[dict]]:
    rows: dict[str, list[dict]] = {}
    for entity, table in found:
        rows.setdefault(entity, []).extend(table.to_pylist())
    summary = found.summary
    assert summary.rows_in == summary.rows_kept + summary.rows_set_aside + summary.rows_bad
    rejects = rows.get("reject", [])
    assert len(rejects) == summary.rows_set_aside + summary.rows_bad
    assert sum(row["is_bad"] for row in rejects) == summary.rows_bad
    return rows


def refusal(found: PaxmlReading) -> FileRejected:
    with pytest.raises(FileRejected) as caught:
        list(found)
    return caught.value


def test_master_data(tmp_path: Path) -> None:
    found = reading(tmp_path, REGISTER)
    rows = tables(found)
    anna, hourly = rows["employment"]
    assert anna["person"] == KEY.person(normalise(ANNA, on=date(2015, 3, 31)))
    assert anna["employment"] == KEY.employment("001")
    assert (anna["birth_year"], anna["sex"], anna["title_code"], anna["unit"]) == (1981, "M", "151012", "1030")
    assert (anna["degree"], anna["monthly_wage"], anna["wage_form"]) == (Decimal("0.75"), Decimal("35000.00"), "month")
    assert (anna["wage_from"], anna["valid_from"], anna["valid_to"]) == (date(2014, 4, 1), date(2012, 8, 1), None)
    assert (hourly["hourly_wage"], hourly["wage_form"], hourly["person"]) == (Decimal("165.50"), "hour", None)
    assert [row["reason_code"] for row in rows["reject"]] == ["ends_before_start"]
    assert rows["reject"][0]["source_row"] == 12
    summary = found.summary
    assert (summary.file_format, summary.generated_on, summary.organisation_number) == (
        "PAXml 2.2 REGISTER",
        date(2015, 3, 31),
        "212000-0001",
    )
    assert summary.extra == {"dimension": 1}


def test_pay_slips_tie_payroll_to_the_ledger(tmp_path: Path) -> None:
    found = reading(tmp_path, PAYROLL)
    rows = tables(found)
    lines = [(r["line_kind"], r["wage_type"], r["account"], r["unit"], r["amount"], r["period"]) for r in rows["payroll_line"]]
    assert lines == [
        ("employer_contribution", None, None, None, Decimal("8248.75"), "2015-03"),
        ("pay", "100", None, None, Decimal("26250.00"), "2015-03"),
        ("pay", "510", None, None, Decimal("-1211.54"), "2015-03"),
        ("posting", None, "5021", "1030", Decimal("26250.00"), "2015-03"),
        ("posting", None, "5111", "1030", Decimal("-1211.54"), "2015-03"),
    ]
    assert found.summary.amount_in == {"payroll_line": Decimal("58325.67")}
    deduction = rows["payroll_line"][2]
    assert (deduction["work_from"], deduction["paid_on"], deduction["unit_price"]) == (
        date(2015, 2, 9),
        date(2015, 3, 27),
        Decimal("201.92"),
    )
    assert [(r["reason_code"], r["is_bad"]) for r in rows["reject"]] == [("number_invalid", True), ("not_used", False)]


def test_time_and_absence(tmp_path: Path) -> None:
    found = reading(tmp_path, TIME, "iso-8859-1")
    rows = tables(found)
    spells = [
        (r["cause"], r["cause_code"], r["valid_from"].day, r["valid_to"], r["extent"], r["hours"]) for r in rows["absence_spell"]
    ]
    assert spells == [
        ("sick", "SJK", 2, date(2015, 3, 5), Decimal("0.500000"), None),
        ("vab", "VAB", 10, date(2015, 3, 10), None, Decimal("6.0167")),
        ("parental", "FPE", 20, None, Decimal("1.000000"), None),
        (None, "FR3", 12, date(2015, 3, 12), Decimal("1.000000"), None),
    ]
    # A ten-digit number is the same person as a twelve-digit one.
    assert rows["absence_spell"][1]["person"] == tables(reading(tmp_path, REGISTER))["employment"][0]["person"]
    assert [(r["time_code"], r["account"], r["hours"]) for r in rows["time_line"]] == [("ÖT1", "5031", Decimal("2.0000"))]
    assert [(r["day"].day, r["hours"]) for r in rows["schedule_day"]] == [(2, Decimal("8.0000"))]
    reasons = [(row["reason_code"], row["source_row"]) for row in rows["reject"]]
    assert reasons == [
        ("not_used", 4),
        ("ends_before_start", 10),
        ("date_invalid", 11),
        ("extent_out_of_range", 12),
        ("hours_out_of_range", 13),
        ("date_missing", 14),
        ("employment_missing", 15),
        ("code_missing", 16),
        ("number_invalid", 17),
        ("number_too_large", 18),
        ("hours_out_of_range", 20),
        ("not_used", 21),
        ("unknown_element", 22),
    ]
    assert rows["reject"][1]["row_content"] == "tidtrans tidkod=SJK datumfrom=2015-03-09 datumtom=2015-03-06"
    assert found.summary.file_format == "PAXml 2.3 LÖNIN"
    assert (found.summary.period_from, found.summary.period_to) == ("2015-03", "2015-03")


@pytest.mark.parametrize("name", list(ALL))
def test_no_person_is_readable_in_what_comes_out(tmp_path: Path, name: str) -> None:
    found = reading(tmp_path, ALL[name].replace("ISO-8859-1", "UTF-8"), d1="unit", d7="cost_object")
    text = "".join(f"{entity}{table.to_pylist()}" for entity, table in found) + repr(found.summary)
    assert not list(find_identities(text))
    for secret in (
        ANNA,
        BO,
        ANNA[2:],
        BO[2:],
        BO[2:8],
        "Anna",
        "Åkesson",
        "Storgatan",
        "sjuk, barn",
        "123456",
        "1898765",
        "Handläggare",
    ):
        assert secret not in text
    if name == "register":
        assert "******-****" in text  # the personal number in dimension 7, which this source maps


def test_wrong_and_reserve_numbers_are_kept_and_counted(tmp_path: Path) -> None:
    rows = "".join(
        f'<tidtrans persnr="{number}"><tidkod>SJK</tidkod><datum>2015-03-02</datum></tidtrans>'
        for number in ("198112189875", "850101-T123", "198112189876")
    )
    found = reading(
        tmp_path, f"<paxml><header><version>2.0</version></header><tidtransaktioner>{rows}</tidtransaktioner></paxml>"
    )
    people = {row["person"] for row in tables(found)["absence_spell"]}
    assert len(people) == 3
    assert found.summary.extra == {"identity": 2}
    assert "2 rows have identity numbers" in found.summary.warnings[0]


def test_rows_without_a_date_get_the_exports_month_or_the_deliverys(tmp_path: Path) -> None:
    row = '<lonetransaktioner><lonetrans anstid="1"><lonart>145</lonart><belopp>10.005</belopp></lonetrans></lonetransaktioner>'
    plain = reading(tmp_path, f"<paxml><header><version>2.0</version></header>{row}</paxml>")
    assert [(r["period"], r["amount"]) for r in tables(plain)["payroll_line"]] == [("2015-03", Decimal("10.00"))]
    exported = (
        '<header><version>2.0</version><nyexport datum="2015-03-05" datumfrom="2015-02-01" datumtom="2015-02-28"/></header>'
    )
    dated = reading(tmp_path, f"<paxml>{row}{exported}</paxml>")
    assert [r["period"] for r in tables(dated)["payroll_line"]] == ["2015-02"]
    assert "1 payroll rows have no date" in dated.summary.warnings[0]


HEADER = "<header><version>2.0</version><format>LÖNIN</format></header>"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "not_xml"),
        (b"<html><body>Sidan finns inte</body></html>", "not_paxml"),
        (b'<paxml xmlns="http://example.org/paxml"/>', "not_paxml"),
        (f"<paxml>{HEADER}".encode(), "truncated"),
        (f"<paxml>{HEADER}<tidtransaktioner><tidtrans anstid='1'><tidk".encode(), "truncated"),
        (f"<paxml>{HEADER}<tidtransaktioner></tidtrans></paxml>".encode(), "not_xml"),
        (
            "<?xml version='1.0' encoding='UTF-8'?><paxml><header><format>LÖNIN</format></header></paxml>".encode("latin-1"),
            "not_xml",
        ),
        (b"<paxml/>", "version_unknown"),
        (b"<paxml><header><version>1.0</version></header></paxml>", "version_unknown"),
        (b"<paxml><header><version>3.0</version></header></paxml>", "version_unknown"),
        (b"<paxml><header><version>2.0</version><format>LONETRANS</format></header></paxml>", "format_unknown"),
        (b"<!DOCTYPE paxml><paxml><header><version>2.0</version></header></paxml>", "document_type"),
        (
            b'<!DOCTYPE p [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;">]>'
            b"<paxml><header><version>&c;</version></header></paxml>",
            "document_type",
        ),
        (
            b'<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/passwd">]><paxml><header><version>2.0</version></header>'
            b'<tidtransaktioner><tidtrans anstid="&x;"/></tidtransaktioner></paxml>',
            "document_type",
        ),
        (b"<paxml>" + b"<a>" * 30 + b"</a>" * 30 + b"</paxml>", "too_deep"),
        (b"\x00\x01\x02PK", "not_xml"),
    ],
)
def test_what_is_refused_and_why(tmp_path: Path, content: bytes, code: str) -> None:
    error = refusal(reading(tmp_path, content))
    assert error.code == code
    assert error.text.sv != error.text.en
    assert str(error).startswith("export.xml")


def test_a_refusal_masks_personal_numbers(tmp_path: Path) -> None:
    for content in (f"<p{ANNA}/>", f"<paxml><header><version>{ANNA}</version></header></paxml>", f"<paxml><x></p{ANNA}></paxml>"):
        error = refusal(reading(tmp_path, content))
        assert ANNA not in str(error)
        assert ANNA[2:8] not in str(error)


def test_the_largest_size(tmp_path: Path) -> None:
    path = tmp_path / "big.xml"
    path.write_text(REGISTER, encoding="utf-8")
    assert refusal(read_paxml(path, source(), key=KEY, delivery="2015-03", max_bytes=100)).code == "too_large"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "windows-1252"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    declared = encoding.removesuffix("-sig")
    found = reading(tmp_path, TIME.replace("ISO-8859-1", declared), encoding)
    assert [row["time_code"] for row in tables(found)["time_line"]] == ["ÖT1"]
    assert is_paxml((tmp_path / "export.xml").read_bytes())


def test_what_is_not_paxml_is_not_taken_for_it() -> None:
    assert not is_paxml(b"#FLAGGA 0\r\n")
    assert not is_paxml(b"<?xml version='1.0'?><Sie xmlns='http://www.sie.se/sie5'/>")


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_are_read_or_refused_never_more(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(TIME.encode("iso-8859-1"))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        kind = data.draw(st.sampled_from(["change", "cut", "insert"]))
        if kind == "change":
            content[place] = data.draw(st.integers(0, 255))
        elif kind == "insert":
            content[place:place] = data.draw(st.binary(max_size=6))
        else:
            del content[place : place + data.draw(st.integers(1, 300))]
    found = reading(tmp_path, bytes(content))
    try:
        told = str(tables(found))
    except FileRejected as error:
        told = f"{error.code} {error}"
    assert told
    assert ANNA not in told


def test_every_chunk_has_the_entitys_schema(tmp_path: Path) -> None:
    for text in (REGISTER, PAYROLL, TIME.replace("ISO-8859-1", "UTF-8")):
        for entity, table in reading(tmp_path, text):
            if entity in ENTITIES_HR:
                assert table.schema.equals(ENTITIES_HR[entity])
            assert isinstance(table, pa.Table)


def test_memory_is_bounded_by_the_chunk_and_not_by_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paxml, "_CHUNK", 1000)
    row = '<tidtrans anstid="{n}"><tidkod>ARB</tidkod><datum>2015-03-02</datum><timmar>8</timmar></tidtrans>\n'

    def peak(rows: int) -> int:
        body = "".join(row.format(n=n % 500) for n in range(rows))
        found = reading(tmp_path, f"<paxml>{HEADER}<tidtransaktioner>{body}</tidtransaktioner></paxml>")
        del body
        tracemalloc.start()
        assert {table.num_rows for _, table in found} == {1000}
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    assert peak(8000) < 1.5 * peak(2000)


# --- other people's files, where they lie beside the project ---

REAL = {
    # file: (rows in, kept, set aside), rows per entity
    "demo_2022-10_bom.xml": ((12, 12, 0), {"employment": 2, "absence_spell": 2, "time_line": 6, "payroll_line": 2}),
    "excel_converted.xml": ((34, 34, 0), {"schedule_day": 34}),
    "salary.xml": ((66, 41, 25), {"employment": 1, "absence_spell": 1, "time_line": 39, "reject": 25}),
    "sample_01.xml": ((28, 28, 0), {"absence_spell": 7, "time_line": 18, "payroll_line": 3}),
    "sample_02.xml": ((12, 6, 6), {"absence_spell": 2, "schedule_day": 3, "payroll_line": 1, "reject": 6}),
}


def test_every_real_file_is_expected(shared: Path) -> None:
    assert {path.name for path in (shared / "data" / "paxml").glob("*.xml")} == set(REAL)


@pytest.mark.parametrize("name", list(REAL))
def test_real_files_are_read_whole(shared: Path, name: str) -> None:
    path = shared / "data" / "paxml" / name
    found = read_paxml(path, source(d1="unit", d6="project"), key=KEY, delivery="2022-10")
    rows = tables(found)
    summary = found.summary
    assert ((summary.rows_in, summary.rows_kept, summary.rows_set_aside), {e: len(r) for e, r in rows.items()}) == REAL[name]
    raw = path.read_bytes()
    for tag, count in summary.row_counts.items():
        tags = raw.count(f"<{tag} ".encode()) + raw.count(f"<{tag}>".encode())
        assert tags == count, tag
    text = str(rows) + repr(summary)
    assert not list(find_identities(text))
    for name_in_file in ("Arvid", "Lundgren", "Mårten", "Mattias", "Pettersson", "john", "palm", "Diesel", "Mamma"):
        assert name_in_file not in text
