"""The proposed map: what a user pastes reads the file that it was proposed for."""

from __future__ import annotations

import tomllib
from pathlib import Path

import openpyxl
import pytest

from orchestration.errors import FileRejected
from orchestration.privacy import open_person_key
from orchestration.readers.kinds import KINDS, example_file
from orchestration.readers.mapping import Proposal, lay_out, propose_map, unique_headers
from orchestration.readers.sheets import open_table
from orchestration.readers.tables import read_table
from orchestration.settings import PERSONAL_KINDS, Source


def pasted(proposal: Proposal) -> Source:
    """Read the proposal as avvik.toml would be read."""
    [source] = tomllib.loads(proposal.toml)["sources"].values()
    found = Source.model_validate(source)
    assert found == proposal.source
    return found


def rows_of(path: Path, source: Source, delivery: str | None = None) -> list[dict]:
    key = open_person_key(path.parent / "home", path.parent / "person.key") if source.kind in PERSONAL_KINDS else None
    return [
        row
        for entity, table in read_table(path, source, delivery=delivery, key=key)
        if entity == KINDS[source.kind].entity
        for row in table.to_pylist()
    ]


@pytest.mark.parametrize("name", list(KINDS))
def test_every_example_is_recognised(name: str, tmp_path: Path) -> None:
    proposal = propose_map(example_file(name, tmp_path).rename(tmp_path / "export.csv"))
    assert proposal.kind == name
    if not KINDS[name].is_table:
        assert pasted(proposal).dimensions == {"1": "unit"}
        return
    assert len(rows_of(tmp_path / "export.csv", pasted(proposal), "2015-03")) >= len(KINDS[name].example)


@pytest.mark.parametrize(
    ("header", "row", "fields"),
    [
        (
            "Verserie;Vernr;Verdatum;Kontonr;Ansv;Vht;Mp;Text;Debet;Kredit",
            "A;1;2015-03-02;4010;11;020;871;x;10,50;",
            {
                "voucher_date": "Verdatum",
                "unit": "Ansv",
                "activity": "Vht",
                "counterparty": "Mp",
                "debit": "Debet",
                "credit": "Kredit",
            },
        ),
        (
            "Kostnadsställe;Konto;Kontonamn;Period;Redovisat (tkr);Leverantör;Fakturanr",
            "11;4010;Konsulter;201503;10,5;AB X;77",
            {"unit": "Kostnadsställe", "amount": "Redovisat (tkr)", "party_name": "Leverantör", "reference": "Fakturanr"},
        ),
        (
            "Account;Cost centre;Posting date;Amount",
            "4010;11;2015-03-02;10.50",
            {"unit": "Cost centre", "voucher_date": "Posting date"},
        ),
        (
            "Serie;Verifikat;Bokföringsdag;Period;Konto;Ansvar;Motpart;Kundnr/Levnr;Kund/Leverantör;Tjänsteperiod från;"
            "Tjänsteperiod t.o.m.;Registrerad;Belopp",
            "L;1;2015-03-02;201503;6210;11;87;1001;Ekservice AB;2015-03-01;2015-03-31;2015-03-04;10,50",
            {
                "voucher_number": "Verifikat",
                "voucher_date": "Bokföringsdag",
                "party": "Kundnr/Levnr",
                "party_name": "Kund/Leverantör",
                "service_from": "Tjänsteperiod från",
                "service_to": "Tjänsteperiod t.o.m.",
                "registration_date": "Registrerad",
            },
        ),
    ],
)
def test_ledgers_of_different_systems(tmp_path: Path, header: str, row: str, fields: dict[str, str]) -> None:
    path = tmp_path / "huvudbok_2015-03.csv"
    path.write_bytes(f"{header}\n{row}\n".encode("cp1252"))
    proposal = propose_map(path)
    source = pasted(proposal)
    assert (proposal.kind, source.files) == ("ledger", ["huvudbok_*.csv"])
    assert fields.items() <= source.columns.items()
    assert source.unit_of_amount == ("tkr" if "tkr" in header else "kr")
    [line] = rows_of(path, source, "2015-03")
    assert line["amount"] == (10500 if "tkr" in header else 10.5)


@pytest.mark.parametrize(
    "months",
    [
        ["jan", "feb", "mar", "apr", "maj", "jun", "jul", "aug", "sep", "okt", "nov", "dec"],
        [f"2015{m:02d}" for m in range(1, 13)],
        [f"2015-{m:02d}" for m in range(1, 13)],
        [f"Budget {m}" for m in ("januari", "februari", "mars", "april", "maj", "juni", "juli", "augusti")]
        + ["Budget sept", "Budget oktober", "Budget november", "Budget december"],
        [f"P{m:02d}" for m in range(1, 13)],
    ],
)
def test_month_columns_are_found_beside_the_year(tmp_path: Path, months: list[str]) -> None:
    path = tmp_path / "plan.csv"
    path.write_text(f"Konto;Ansvar;{';'.join(months)};Helår\n4010;11;{';'.join(['1'] * 12)};12\n", encoding="utf-8")
    proposal = propose_map(path)
    source = pasted(proposal)
    assert (proposal.kind, source.columns["months"]) == ("budget", months)
    assert "Helår" in proposal.toml  # told as not used
    assert [row["period"] for row in rows_of(path, source, "2015-01")] == [f"2015-{m:02d}" for m in range(1, 13)]


def test_the_sheet_the_title_rows_and_the_separator_are_found(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["Läs mig"])
    sheet = book.create_sheet("Utfall")
    for row in (["Ekerö kommun"], [], ["Konto", "Ansvar", "Period", "Utfall"], [4010, 11, 201503, 5], [3010, 11, 201503, -7]):
        sheet.append(row)
    book.save(tmp_path / "rapport.xlsx")
    proposal = propose_map(tmp_path / "rapport.xlsx")
    source = pasted(proposal)
    assert (source.format, source.sheet, source.header_row) == ("excel", "Utfall", 3)
    assert "3xxx: 1−, 4xxx: 1+" in proposal.toml
    assert len(rows_of(tmp_path / "rapport.xlsx", source)) == 2


def test_what_is_missing_is_said_in_the_proposal(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("Konto;Klumpsumma;Nyckel\n4010;1,00;a\n", encoding="utf-8")
    proposal = propose_map(path, "ledger")
    assert "SAKNAS / MISSING: amount" in proposal.toml
    assert "Klumpsumma" in proposal.toml
    assert any("amount or debit + credit" in note.en for note in proposal.notes)
    tomllib.loads(proposal.toml)


def test_hostile_headers_stay_inside_their_strings(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text('Konto;Period;Belopp;"An""nat\\\n]";"x\n[sources.evil]"\n4010;201503;1,00;a;b\n', encoding="utf-8")
    assert set(pasted(propose_map(path, "ledger")).columns) == {"account", "period", "amount"}


def test_two_headers_for_one_field_are_told(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("Konto;Förvaltning;Ansvar;Period;Belopp\n4010;A;11;201503;1,00\n", encoding="utf-8")
    proposal = propose_map(path, "ledger")
    assert proposal.source.columns["unit"] == "Ansvar"
    assert any("Förvaltning" in note.en for note in proposal.notes)


def test_a_column_that_only_sounds_right_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("Konto;Period;Datum;Belopp\n4010;201503;snart;1,00\n4010;201503;sedan;1,00\n", encoding="utf-8")
    assert "voucher_date" not in propose_map(path, "ledger").source.columns


def test_repeated_and_empty_headers_get_names() -> None:
    assert unique_headers(["Konto", "Text", "", "text"]) == ["Konto", "Text", "kolumn 3", "text (2)"]


def test_a_sie_file_gets_its_dimensions(shared: Path) -> None:
    path = shared / "data/sie/sie4j__sie_test_av_kst_projekt_testbolaget_e_-_kopia_ny.se"
    proposal = propose_map(path)
    assert pasted(proposal).format == "sie"
    assert proposal.source.dimensions.get("6") == "project"


def test_what_is_no_table_gets_no_map(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("<html>fel</html>")
    with pytest.raises(FileRejected):
        propose_map(tmp_path / "x.csv")


def test_sign_and_unit_are_proposed_from_what_the_file_shows(tmp_path: Path) -> None:
    path = tmp_path / "prognos_2025-03.csv"
    path.write_text(
        "Helårsprognos 2025, belopp i tkr;;\n\nEnhet;Rad;Prognos\nKLK;Externa intäkter;2 022\n"
        "KLK;Personalkostnader inkl PO;-44 733\nKLK;Internhyror;-8 877\n",
        encoding="utf-8",
    )
    proposal = propose_map(path, "forecast")
    assert proposal.source.sign == "natural"
    assert proposal.source.unit_of_amount == "tkr"
    ledger = tmp_path / "huvudbok.csv"
    ledger.write_text("Ansvar;Konto;Datum;Belopp\n1;3010;2025-01-01;-10,00\n1;5010;2025-01-01;20,00\n1;7010;2025-01-02;5,00\n")
    assert propose_map(ledger, "ledger").source.sign == "ledger"


def test_payroll_per_unit_and_month_is_no_budget(tmp_path: Path) -> None:
    path = tmp_path / "lon_2015.csv"
    path.write_text("Löneperiod;Radtyp;Konto;Ansvar;Belopp\n201503;lönerad;5020;1100;350000,00\n", encoding="utf-8")
    assert propose_map(path).kind == "payroll"


def test_an_agreement_with_one_unit_has_it(tmp_path: Path) -> None:
    path = tmp_path / "avtal.csv"
    path.write_text("Avtalsnr;Typ;Enhet;Konto;Belopp;Intervall\nA1;kostnad;1100;6210;12000;1\n", encoding="utf-8")
    assert propose_map(path).source.columns["seller_unit"] == "Enhet"


def test_a_ledgers_columns_that_are_not_recognised_are_told(tmp_path: Path) -> None:
    path = tmp_path / "huvudbok.csv"
    path.write_text("Period;Konto;Belopp;Vem det var;Tom\n201503;6210;12,00;Ekservice;\n", encoding="utf-8")
    source = Source.model_validate({"kind": "ledger", "files": ["huvudbok*"]})
    [note] = lay_out(open_table(path, source, path.name), KINDS["ledger"], source).notes
    assert "Vem det var" in note.sv
    assert "Tom" not in note.sv
