"""The SIE 5 reader on hand-made XML: the same entities as SIE 4, and hostile files refused."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestration.errors import FileRejected
from orchestration.readers import sie5
from orchestration.readers.contract import ENTITIES, Summary
from orchestration.readers.sie import read_sie
from orchestration.settings import Source

Tables = dict[str, pa.Table]

XML = """<?xml version="1.0" encoding="utf-8"?>
<Sie xmlns="http://www.sie.se/sie5">
  <FileInfo>
    <SoftwareProduct name="Ekonomi" version="1" />
    <FileCreation time="2015-04-07T12:14:44.1254202+01:00" by="KLK" />
    <Company organizationId="212000-0001" name="Åmåla kommun" />
    <FiscalYears>
      <FiscalYear start="2014-01" end="2014-12" closed="true" />
      <FiscalYear start="2015-01" end="2015-12" primary="true" />
    </FiscalYears>
    <AccountingCurrency currency="SEK" />
  </FileInfo>
  <Accounts>
    <Account id="1510" name="Kundfordringar" type="asset">
      <OpeningBalance month="2015-01" amount="100"><ObjectReference dimId="1" objectId="0110" /></OpeningBalance>
      <OpeningBalance month="2015-01" amount="100" />
      <ClosingBalance month="2015-02" amount="90" />
      <ClosingBalance month="2015-03" amount="150.50" />
    </Account>
    <Account id="3011" name="Försäljning" type="income">
      <ClosingBalance month="2014-12" amount="-7" />
      <ClosingBalance month="2015-03" amount="-50.50" />
      <Budget month="2015-02" amount="-40" quantity="2"><ObjectReference dimId="1" objectId="0110" /></Budget>
      <Budget amount="-400" />
    </Account>
  </Accounts>
  <Dimensions>
    <Dimension id="1" name="Ansvar"><Object id="0110" name="Kommunledning" /></Dimension>
    <Dimension id="7" name="Anställd"><Object id="9" name="Anna Ek" /></Dimension>
    <Dimension id="30" name="Fri"><Object id="x" name="y" /></Dimension>
  </Dimensions>
  <CustomerInvoices primaryAccountId="1510" name="Kundfordringar">
    <CustomerInvoice id="F1" invoiceNumber="F1" customerId="K7">
      <Balances accountId="1510"><ClosingBalance month="2015-03" amount="5"/></Balances>
    </CustomerInvoice>
  </CustomerInvoices>
  <Customers><Customer id="K7" name="Bolaget AB" /></Customers>
  <Journal id="KF" name="Kundfakturor">
    <JournalEntry id="0012" journalDate="2015-03-02" text="Såld tjänst">
      <EntryInfo date="2015-03-03" by="KLK" />
      <LedgerEntry accountId="3011" amount="-50.50" ledgerDate="2015-03-01" text="Rad" quantity="1.5">
        <ObjectReference dimId="1" objectId="0110" /><ObjectReference dimId="7" objectId="9" />
        <ObjectReference dimId="30" objectId="x" />
      </LedgerEntry>
      <LedgerEntry accountId="1510" amount="50.50"><SubdividedAccountObjectReference objectId="F1" /></LedgerEntry>
      <LedgerEntry accountId="1510" amount="99"><Overstrike date="2015-03-04" by="KLK" /></LedgerEntry>
      <LockingInfo date="2015-03-31" by="KLK" />
    </JournalEntry>
  </Journal>
  <Documents><EmbeddedFile id="1" fileName="a.pdf">QUJD</EmbeddedFile></Documents>
</Sie>
"""


def source(**values: object) -> Source:
    return Source(kind="ledger", files=["*"], **{"max_bad_rows": 1.0, **values})


def collect(path: Path, src: Source | None = None) -> tuple[Tables, Summary]:
    reading = read_sie(path, src or source())
    parts: dict[str, list[pa.Table]] = defaultdict(list)
    for entity, table in reading:
        assert table.schema.equals(ENTITIES[entity])
        parts[entity].append(table)
    summary = reading.summary
    tables = {entity: pa.concat_tables(tables) for entity, tables in parts.items()}
    assert summary.rows_in == summary.rows_kept + summary.rows_set_aside + summary.rows_bad
    assert summary.rows_set_aside + summary.rows_bad == (tables["reject"].num_rows if "reject" in tables else 0)
    assert sum(t.num_rows for e, t in tables.items() if e not in ("reject", "control")) == summary.rows_kept
    return tables, summary


@pytest.fixture
def sie(tmp_path: Path):
    def read(text: str, src: Source | None = None) -> tuple[Tables, Summary]:
        path = tmp_path / "fil.sie"
        path.write_text(text, encoding="utf-8")
        return collect(path, src)

    return read


def test_a_whole_file(sie) -> None:
    tables, summary = sie(XML)
    assert (summary.file_format, summary.organisation_name, summary.generated_on) == ("SIE 5", "Åmåla kommun", date(2015, 4, 7))
    assert (summary.period_from, summary.period_to, summary.outcome_from) == ("2015-01", "2015-03", "TRANS")
    assert summary.controls_failed == 0
    assert summary.controls_checked == 1 + 2 + 1  # voucher, two accounts, ΣUB + ΣRES = ΣIB
    assert summary.amount_in["ledger_line"] == 0
    income, receivable, struck = tables["ledger_line"].to_pylist()
    assert (income["line_kind"], income["period"], income["voucher_series"], income["voucher_number"]) == (
        "TRANS",
        "2015-03",
        "KF",
        "0012",
    )
    assert (income["account"], income["amount"], income["unit"], income["quantity"]) == (
        "3011",
        Decimal("-50.50"),
        "0110",
        Decimal("1.5"),
    )
    assert (income["transaction_date"], income["registration_date"]) == (date(2015, 3, 1), date(2015, 3, 3))
    assert (income["voucher_text"], income["row_text"]) == ("Såld tjänst", "Rad")
    assert (receivable["reference"], receivable["party"]) == ("F1", "K7")
    assert (struck["line_kind"], struck["amount"]) == ("BTRANS", 99)
    assert [(r["label"], r["account"], r["dimension_set"], r["amount"]) for r in tables["year_balance"].to_pylist()] == [
        ("OIB", "1510", "1", 100),
        ("IB", "1510", "", 100),
        ("UB", "1510", "", Decimal("150.50")),
        ("RES", "3011", "", -7),
        ("RES", "3011", "", Decimal("-50.50")),
    ]
    assert [(r["fiscal_year"], r["period"], r["unit"], r["amount"]) for r in tables["budget_line"].to_pylist()] == [
        (2015, "2015-02", "0110", -40),
        (2015, None, None, -400),
    ]
    assert [(r["dimension"], r["code"], r["name"]) for r in tables["dimension_value"].to_pylist()] == [
        ("unit", "0110", "Kommunledning"),
        ("party", "K7", "Bolaget AB"),
    ]
    assert [(r["account"], r["account_type"]) for r in tables["account"].to_pylist()] == [("1510", "T"), ("3011", "I")]
    rejects = [(r["reason_code"], r["row_content"], r["is_bad"]) for r in tables["reject"].to_pylist()]
    assert sorted(rejects) == [
        ("mid_year", "Balance ClosingBalance 1510 2015-02", False),
        ("no_field", "Object x 30", False),
        ("personal_data", "Object", False),
    ]
    assert summary.extra["dimensions_unmapped"] == ["30"]
    assert "Anna" not in str(tables)


def test_rows_in_small_tables_are_the_same(sie, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = sie(XML)
    monkeypatch.setattr(sie5, "ROWS", 1)
    monkeypatch.setattr(sie5, "BLOCK", 7)
    assert sie(XML) == whole


def test_bad_rows_and_unknown_elements(sie) -> None:
    text = XML.replace('amount="99"', 'amount="1.999"').replace('journalDate="2015-03-02"', 'journalDate="2016-03-02"')
    text = text.replace("<LockingInfo", "<Nytt /><LockingInfo")
    tables, summary = sie(text)
    assert sorted(r["reason_code"] for r in tables["reject"].to_pylist() if r["is_bad"]) == ["amount", "other_year", "other_year"]
    assert summary.row_counts["unknown Nytt"] == 1
    # The outcome of the year is then not what the balances state.
    assert {(r["control"], r["account"], r["difference"]) for r in tables["control"].to_pylist()} == {
        ("RES", "3011", Decimal("50.50")),
        ("UB", "1510", Decimal("-50.50")),
    }
    with pytest.raises(FileRejected) as refusal:
        sie(text, source(max_bad_rows=0.1))
    assert refusal.value.code == "bad_rows"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (XML[: len(XML) // 2], "truncated"),
        (XML.replace("</Accounts>", ""), "not_sie"),
        (XML.replace("<Sie ", "<Sie5 ").replace("</Sie>", "</Sie5>"), "not_sie"),
        (XML.replace('currency="SEK"', 'currency="EUR"'), "currency"),
        (XML.replace("<Sie ", '<!DOCTYPE Sie [<!ENTITY a "aaaa">]>\n<Sie '), "unsafe_xml"),
        (XML.replace("<Sie ", '<!DOCTYPE Sie SYSTEM "http://exempel.se/x.dtd">\n<Sie '), "unsafe_xml"),
        (XML.replace("<Documents>", "<Documents>" + "<Tag>" * 60), "not_sie"),
        (XML.replace("<Documents>", '<Dimensions><Dimension id="9"/></Dimensions><Documents>'), "not_sie"),
    ],
)
def test_refusals(sie, text: str, code: str) -> None:
    with pytest.raises(FileRejected) as refusal:
        sie(text)
    assert refusal.value.code == code
    assert refusal.value.text.sv


def test_an_endless_tag_is_refused_before_it_fills_the_memory(sie, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sie5, "BLOCK", 1024)
    with pytest.raises(FileRejected) as refusal:
        sie(XML.replace("<Documents>", '<Documents x="' + "a" * 40_000 + '">'))
    assert refusal.value.code == "line_too_long"


amounts = st.integers(-(10**15), 10**15).map(lambda ore: Decimal(ore).scaleb(-2))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.tuples(amounts, st.booleans()), max_size=4), max_size=5))
def test_what_is_written_is_read(sie, entries: list[list[tuple[Decimal, bool]]]) -> None:
    journal = "".join(
        f'<JournalEntry id="{n}" journalDate="2015-0{n + 1}-01">'
        + "".join(
            f'<LedgerEntry accountId="1" amount="{amount}">{"<Overstrike/>" if struck else ""}</LedgerEntry>'
            for amount, struck in rows
        )
        + "</JournalEntry>"
        for n, rows in enumerate(entries)
    )
    tables, summary = sie(f'<SieEntry xmlns="{sie5.NAMESPACE}"><Journal>{journal}</Journal></SieEntry>')
    found = tables["ledger_line"].to_pylist() if "ledger_line" in tables else []
    assert [(r["amount"], r["line_kind"] == "BTRANS", r["period"]) for r in found] == [
        (amount, struck, f"2015-0{n + 1}") for n, rows in enumerate(entries) for amount, struck in rows
    ]
    sums = [sum(a for a, struck in rows if not struck) for rows in entries]
    assert summary.amount_in.get("ledger_line", 0) == sum(sums)
    assert summary.controls_failed == sum(total != 0 for total in sums)
