"""Every real SIE file in ../shared/data/sie: accepted or refused as it should be, and reconciled or reported.

The expectations were worked out file by file; the counts and sums are checked against a plain line-by-line reading that shares
no code with the reader.
"""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from orchestration.errors import FileRejected
from orchestration.readers.contract import ENTITIES, Summary
from orchestration.readers.sie import read_sie
from orchestration.settings import Source

SOURCE = Source(kind="ledger", files=["*"])

# file: format, encoding, outcome from, first and last period, bad rows, failed controls by kind.
#
# Failures that are the files' own: jsisie__sie4 is SoftOne's export with an account FEL for what did not import; e-conomic leaves
# salaries out; SmallOffice's training files (29, 30) book 9010 and do not state it; SoftOne XE states UB of result accounts too
# and PSALDO of one month only; Edison's type 2 gives last year's PSALDO for result accounts only; IB of Visma Eget Aktiebolag and
# Enskild Firma do not sum to 0; the sie4j and sie files were spoilt by hand to try parsers; pysie's vouchers lie before its year.
ACCEPTED = {
    "gnucash-sie4-export__company_header.se": ("SIE 4E", "ascii", "", "2020-05", "2021-04", 0, {}),
    "jsisie__magenta_bokföring_sie1.se": ("SIE 1", "cp437", "RES", "2011-01", "2011-12", 0, {}),
    "jsisie__magenta_bokföring_sie2.se": ("SIE 2", "cp437", "PSALDO", "2011-01", "2011-01", 0, {}),
    "jsisie__magenta_bokföring_sie4e.se": ("SIE 4E", "cp437", "TRANS", "2011-01", "2011-01", 0, {}),
    "jsisie__magenta_bokföring_sie4i.se": ("SIE 4I", "cp437", "TRANS", "2011-01", "2011-01", 0, {}),
    "jsisie__si.si": ("SIE 4I", "cp437", "TRANS", "2010-01", "2010-08", 0, {}),
    "jsisie__sie4.se": ("SIE 4E", "cp437", "TRANS", "2014-01", "2014-01", 0, {"RES": 2, "SUM_UB_RES": 1, "UB": 2}),
    "jsisie__sie4_exempelfil_med_underdim.se": ("SIE 4E", "utf-8", "TRANS", "2021-01", "2021-12", 0, {}),
    "jsisie__sie_1.se": ("SIE 1", "cp437", "RES", "2010-01", "2010-12", 0, {}),
    "jsisie__sie_2.se": ("SIE 2", "cp437", "PSALDO", "2010-01", "2010-02", 0, {}),
    "jsisie__sie_3.se": ("SIE 3", "cp437", "PSALDO", "2011-01", "2011-03", 0, {}),
    "jsisie__sie_exempelfil.se": ("SIE 4E", "cp437", "TRANS", "2011-01", "2011-07", 0, {}),
    "jsisie__testwrite.se": ("SIE 4E", "cp437", "TRANS", "2015-09", "2015-11", 0, {"PSALDO": 37, "SUM_UB_RES": 2, "VOUCHER": 1}),
    "jsisie__xe_sie_2_20151125094903.se": ("SIE 2", "cp437", "PSALDO", "2015-09", "2015-09", 0, {"PSALDO": 37, "SUM_UB_RES": 2}),
    "jsisie__xe_sie_3_20151125094952.se": ("SIE 3", "cp437", "PSALDO", "2015-09", "2015-09", 0, {"PSALDO": 37, "SUM_UB_RES": 2}),
    "php-sie__sie2.se": ("SIE 2", "cp437", "PSALDO", "2010-01", "2010-12", 0, {}),
    "php-sie__sie3.se": ("SIE 3", "cp437", "PSALDO", "2010-01", "2010-12", 0, {}),
    "php-sie__sie4.se": ("SIE 4E", "cp437", "TRANS", "2010-01", "2010-12", 0, {}),
    "php-sie__sie4.si": ("SIE 4I", "cp437", "TRANS", "2010-01", "2010-12", 0, {}),
    "pysie-accounting__data-utf.se": ("SIE 4E", "utf-8", "RES", "2020-05", "2020-12", 4, {"RES": 1}),
    "sie-converter__sie4_exempelfil.se": ("SIE 4E", "cp437", "TRANS", "2021-01", "2021-12", 0, {}),
    "sie-parser__sie4_exempelfil.se": ("SIE 4E", "cp437", "TRANS", "2021-01", "2021-12", 0, {}),
    "sie-parser__test_sie4.se": ("SIE 4I", "cp437", "TRANS", "2024-03", "2024-03", 0, {}),
    "sie4ito5__sie4i1ksumma.si": ("SIE 4I", "utf-8", "TRANS", "2008-01", "2008-12", 0, {"KSUMMA": 1}),
    "sie4j__balanserad_förlust.se": ("SIE 1", "cp437", "RES", "2016-01", "2016-12", 0, {}),
    "sie4j__blblov_sie1.se": ("SIE 1", "cp437", "RES", "2017-01", "2017-12", 0, {}),
    "sie4j__blblov_sie1_copy.se": ("SIE 1", "cp437", "RES", "2017-01", "2017-12", 0, {}),
    "sie4j__blblov_sie1_erroneous_leap_year.se": ("SIE 1", "utf-8", "RES", "2021-03", "2022-02", 0, {}),
    "sie4j__blblov_sie1_file_is_read.se": ("SIE 1", "cp437", "RES", "2017-01", "2017-12", 0, {}),
    "sie4j__blblov_sie2_utf_8_with_errors.se": ("SIE 2", "utf-8", "RES", "2017-01", "2017-12", 0, {}),
    "sie4j__blblov_sie3.se": ("SIE 3", "cp437", "PSALDO", "2017-01", "2017-12", 0, {}),
    "sie4j__blblov_sie3_utf_8_with_vouchers.se": ("SIE 3", "utf-8", "TRANS", "2017-01", "2017-12", 0, {}),
    "sie4j__blblov_sie4_iso_8859_15.se": ("SIE 4E", "cp1252", "TRANS", "2017-01", "2017-12", 0, {}),
    "sie4j__blblov_sie4_iso_8859_15.si": ("SIE 4I", "cp1252", "TRANS", "2018-05", "2018-05", 0, {}),
    "sie4j__blblov_sie4_utf_8_1.se": ("SIE 4E", "utf-8", "TRANS", "2017-01", "2017-12", 0, {}),
    "sie4j__blblov_sie4_utf_8_imbalanced.si": ("SIE 4I", "utf-8", "TRANS", "2018-05", "2018-05", 0, {"VOUCHER": 2}),
    "sie4j__blblov_sie4_utf_8_missing_accounts.se": ("SIE 4E", "utf-8", "TRANS", "2017-01", "2017-12", 0, {}),
    "sie4j__blblov_sie4_utf_8_with_12_digit_cid.si": ("SIE 4I", "utf-8", "TRANS", "2018-05", "2018-05", 0, {}),
    "sie4j__blblov_sie4_utf_8_with_8-4_digit_cid.si": ("SIE 4I", "utf-8", "TRANS", "2018-05", "2018-05", 0, {}),
    "sie4j__blblov_sie4_utf_8_with_8_digit_account_number.se": ("SIE 4E", "utf-8", "TRANS", "2017-01", "2017-12", 0, {}),
    "sie4j__blblov_sie4_utf_8_with_empty_voucher.se": ("SIE 4E", "utf-8", "TRANS", "2017-01", "2017-12", 0, {"RES": 1, "UB": 2}),
    "sie4j__blblov_sie4_utf_8_with_erroneous_voucher_date.si": ("SIE 4I", "utf-8", "TRANS", "2018-05", "2018-05", 0, {}),
    "sie4j__blblov_sie4_utf_8_with_errors.se": ("SIE 4E", "utf-8", "TRANS", "2017-01", "2017-12", 0, {}),
    "sie4j__blblov_sie4_utf_8_with_missing_account_numbers.se": ("SIE 4E", "utf-8", "TRANS", "2017-01", "2017-12", 3, {}),
    "sie4j__blblov_sie4_utf_8_with_missing_company_name.si": ("SIE 4I", "utf-8", "TRANS", "2018-05", "2018-05", 0, {}),
    "sie4j__blblov_sie4_utf_8_with_missing_sru_code.se": ("SIE 4E", "utf-8", "TRANS", "2017-01", "2017-12", 0, {}),
    "sie4j__blblov_sie4_utf_8_with_non_numeric_account_number.se": ("SIE 4E", "utf-8", "TRANS", "2017-01", "2017-12", 0, {}),
    "sie4j__cc2-foretaget.se": ("SIE 4E", "cp437", "TRANS", "2020-01", "2020-04", 0, {}),
    "sie4j__sie_test_av_kst_projekt_testbolaget_e_-_kopia_ny.se": ("SIE 4E", "cp437", "TRANS", "2021-01", "2021-01", 0, {}),
    "sie4j__sie_with_missing_program_version.se": ("SIE 4I", "cp437", "TRANS", "2021-04", "2021-04", 0, {}),
    "sie4j__testbolaget_enskild_firma.se": ("SIE 4E", "cp437", "TRANS", "2021-01", "2021-01", 0, {}),
    "sie4j__transaktioner_per_z-rapport.se": ("SIE 4I", "cp437", "TRANS", "2021-05", "2021-05", 0, {}),
    "sie4sdk__sie4i1ksumma.si": ("SIE 4I", "utf-8", "TRANS", "2008-01", "2008-12", 0, {}),
    "sie5sdk__sample.sie": ("SIE 5", "utf-8", "TRANS", "2014-01", "2014-12", 0, {}),
    "sie5sdk__sampleentry3.sie": ("SIE 5 entry", "utf-8", "TRANS", "2014-01", "2014-07", 0, {}),
    "sie5sdk__sampleentryextension.sie": ("SIE 5 entry", "utf-8", "TRANS", "2014-01", "2014-01", 0, {}),
    "sie5sdk__sampleextension.sie": ("SIE 5", "utf-8", "TRANS", "2014-01", "2014-12", 0, {}),
    "sie__sie_file.se": ("SIE 4I", "ascii", "TRANS", "2013-01", "2013-01", 0, {"VOUCHER": 1}),
    "siefile__20170101-20171231.se": ("SIE 4E", "cp437", "RES", "2017-01", "2017-12", 0, {}),
    "siefile__sie4_exempelfil.se": ("SIE 4E", "cp437", "TRANS", "2021-01", "2021-12", 0, {}),
    "sieparser__11_typ2.se": ("SIE 2", "cp437", "PSALDO", "2012-01", "2012-12", 0, {"PSALDO": 24}),
    "sieparser__12_typ4.se": ("SIE 4E", "cp437", "TRANS", "2012-01", "2012-08", 0, {}),
    "sieparser__13_typ4si.si": ("SIE 4I", "cp437", "TRANS", "2012-01", "2012-08", 0, {}),
    "sieparser__1_bl0001_typ2.se": ("SIE 2", "cp437", "PSALDO", "2009-07", "2010-06", 0, {}),
    "sieparser__23_sie4.si": ("SIE 4I", "cp437", "TRANS", "2010-01", "2010-12", 0, {}),
    "sieparser__29_sie_1_2.se": ("SIE 2", "cp437", "PSALDO", "2014-01", "2014-12", 0, {"PSALDO": 1}),
    "sieparser__2_bl0001_typ3.se": ("SIE 3", "cp437", "PSALDO", "2009-07", "2010-06", 0, {}),
    "sieparser__30_sie_3_4.se": ("SIE 4E", "cp437", "TRANS", "2014-01", "2014-12", 0, {"PSALDO": 1, "RES": 1}),
    "sieparser__31_lon_lönekörning.si": ("SIE 4I", "cp437", "TRANS", "2011-02", "2011-02", 0, {}),
    "sieparser__32_mamut_sie1_export.se": ("SIE 1", "cp437", "RES", "2010-01", "2010-12", 0, {}),
    "sieparser__33_mamut_sie2_export.se": ("SIE 2", "cp437", "PSALDO", "2010-01", "2010-12", 0, {}),
    "sieparser__35_mamut_sie4_export.se": ("SIE 4E", "cp437", "TRANS", "2010-01", "2010-12", 0, {}),
    "sieparser__39_norstedts_bokslut_sie_4i.si": ("SIE 4I", "cp437", "TRANS", "2010-06", "2010-06", 0, {}),
    "sieparser__40_norstedts_revision_sie_1.se": ("SIE 1", "cp437", "RES", "2009-07", "2010-06", 0, {}),
    "sieparser__44_sie4.se": ("SIE 4E", "cp437", "TRANS", "2010-01", "2010-12", 0, {}),
    "sieparser__45_exempelbolaget_sie_110322_b_33.si": ("SIE 4I", "cp437", "TRANS", "2009-12", "2010-12", 0, {}),
    "sieparser__51_arsaldo_ovnbolag.se": ("SIE 1", "cp437", "RES", "2011-01", "2011-12", 0, {}),
    "sieparser__52_periodsaldo_ovnbolag.se": ("SIE 2", "cp437", "PSALDO", "2011-01", "2011-03", 0, {}),
    "sieparser__53_objektsaldo_ovnbolag.se": ("SIE 3", "cp437", "PSALDO", "2011-01", "2011-03", 0, {}),
    "sieparser__56_bokslutsie1.se": ("SIE 1", "cp437", "RES", "2010-01", "2010-12", 0, {}),
    "sieparser__57_bokorder.si": ("SIE 4I", "cp437", "TRANS", "2009-12", "2009-12", 0, {}),
    "sieparser__64_sie-fil_från_visma_eget_aktiebolag_2010.se": (
        "SIE 1",
        "cp437",
        "RES",
        "2010-01",
        "2010-12",
        0,
        {"SUM_UB_RES": 1},
    ),
    "sieparser__65_sie-fil_från_visma_enskild_firma_2010.se": (
        "SIE 1",
        "cp437",
        "RES",
        "2010-01",
        "2010-12",
        0,
        {"SUM_UB_RES": 1},
    ),
    "sieparser__66_lön.si": ("SIE 4I", "cp437", "TRANS", "2012-04", "2012-04", 0, {}),
    "sieparser__6_test2.se": ("SIE 2", "cp437", "PSALDO", "2008-01", "2008-12", 0, {}),
    "sieparser__9_sie-gruppen-e-conomic.se": ("SIE 4E", "cp437", "TRANS", "2010-01", "2010-12", 0, {"RES": 4, "UB": 4}),
}

# file: why it is refused.
REFUSED = {
    "jsisie__boksald.se": "not_sie",
    "jsisie__has1_1412.se": "not_sie",
    "jsisie__has2_1412.se": "not_sie",
    "jsisie__has3_1412.se": "not_sie",
    "jsisie__has4i_1412.si": "not_sie",
    "jsisie__transak.se": "not_sie",
    "sie4j__blblov_sie4_utf_8_with_critical_voucher_date_error.si": "bad_rows",
    "sie4j__blblov_sie4_utf_8_with_empty_voucher_date.si": "bad_rows",
    "sie4j__blblov_sie4_utf_8_with_faulty_transaction.si": "bad_rows",
    "sie5sdk__sampleentry2.sie": "bad_rows",
}

# file: what a {} row of PSALDO means, which set splits the totals, what decided it.
SEMANTICS = {
    "jsisie__sie_3.se": ("remainder", "1+7", "totals"),
    "jsisie__testwrite.se": ("", "1+2+6", ""),
    "jsisie__xe_sie_3_20151125094952.se": ("total", "1+2+6", "rows"),
    "php-sie__sie3.se": ("total", "1", "totals"),
    "php-sie__sie4.se": ("total", "1", "totals"),
    "sieparser__2_bl0001_typ3.se": ("total", "1", "totals"),
    "sieparser__30_sie_3_4.se": ("total", "1", "totals"),
    "sieparser__53_objektsaldo_ovnbolag.se": ("remainder", "*", "totals"),
}

ENTITY_OF = {"TRANS": "ledger_line", "PSALDO": "period_balance", "PBUDGET": "budget_line"}


@functools.cache
def read(path: Path, max_bad_rows: float = 0.01) -> tuple[dict[str, pa.Table], Summary]:
    reading = read_sie(path, SOURCE.model_copy(update={"max_bad_rows": max_bad_rows}))
    parts: dict[str, list[pa.Table]] = defaultdict(list)
    for entity, table in reading:
        assert table.schema.equals(ENTITIES[entity]), entity
        parts[entity].append(table)
    return {entity: pa.concat_tables(tables) for entity, tables in parts.items()}, reading.summary


def plain(path: Path) -> tuple[dict[str, int], dict[str, Decimal]]:
    """Count records and add up amounts line by line, knowing only where a record's amount stands."""
    counts: dict[str, int] = defaultdict(int)
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for line in path.read_bytes().decode("latin-1").splitlines():
        label, _, rest = line.strip().partition("#")[2].replace("\t", " ").partition(" ")
        counts[label] += 1
        if label in ENTITY_OF:
            before = 1 if label == "TRANS" else 3
            words = re.sub(r"\{[^}]*\}", " ", rest).split()
            if len(words) > before and re.fullmatch(r"-?[0-9]*\.?[0-9]*", words[before]):
                sums[label] += Decimal(words[before])
    return counts, sums


def samples(shared: Path) -> list[Path]:
    return [p for p in sorted((shared / "data" / "sie").iterdir()) if p.suffix != ".csv"]


def test_every_sample_has_an_expectation(shared: Path) -> None:
    assert {p.name for p in samples(shared)} == set(ACCEPTED) | set(REFUSED)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_refused(shared: Path, name: str) -> None:
    with pytest.raises(FileRejected) as refusal:
        read(shared / "data" / "sie" / name)
    assert refusal.value.code == REFUSED[name]
    assert str(refusal.value).startswith(name)


@pytest.mark.parametrize("name", sorted(ACCEPTED))
def test_accepted(shared: Path, name: str) -> None:
    tables, summary = read(shared / "data" / "sie" / name)
    failed = {control: found["failed"] for control, found in summary.extra["controls"].items() if found["failed"]}
    assert ACCEPTED[name] == (
        summary.file_format,
        summary.encoding,
        summary.outcome_from,
        summary.period_from,
        summary.period_to,
        summary.rows_bad,
        failed,
    )
    assert sum(failed.values()) == summary.controls_failed == (tables["control"].num_rows if "control" in tables else 0)
    assert SEMANTICS.get(name, ("", "", "")) == (
        summary.psaldo_semantics,
        summary.psaldo_dimension_set,
        summary.extra["psaldo_decided_by"],
    )


@pytest.mark.parametrize("name", sorted([*ACCEPTED, *(n for n, why in REFUSED.items() if why == "bad_rows")]))
def test_every_row_is_accounted_for(shared: Path, name: str) -> None:
    path = shared / "data" / "sie" / name
    tables, summary = read(path, 1.0 if name in REFUSED else 0.01)
    rejects = tables.get("reject", ENTITIES["reject"].empty_table())
    assert summary.rows_in == summary.rows_kept + summary.rows_set_aside + summary.rows_bad
    assert rejects.num_rows == summary.rows_set_aside + summary.rows_bad
    kept = sum(t.num_rows for e, t in tables.items() if e not in ("reject", "control"))
    assert kept == summary.rows_kept
    for entity, amount in summary.amount_in.items():
        table = tables[entity]
        if entity == "ledger_line":
            table = table.filter(pc.equal(table["line_kind"], "TRANS"))
        assert (pc.sum(table["amount"]).as_py() or 0) == amount
    if name.startswith("sie5"):
        return
    counts, sums = plain(path)
    lines = rejects["row_content"].to_pylist()
    for label, entity in ENTITY_OF.items():
        refused = sum(line.startswith(f"#{label}") for line in lines)
        rows = tables[entity].num_rows if entity in tables else 0
        assert rows + refused == counts[label] == summary.row_counts.get(label, 0), label
        if not refused:
            assert sums[label] == summary.amount_in.get(entity, 0), label


@pytest.mark.parametrize("name", sorted(n for n, e in ACCEPTED.items() if e[0] == "SIE 4E" and e[2] == "TRANS"))
def test_vouchers_reconcile_or_the_account_is_reported(shared: Path, name: str) -> None:
    """RES and UB − IB of year 0 against TRANS, added up line by line, fail for exactly the accounts in the control table."""
    path = shared / "data" / "sie" / name
    stated: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    booked: dict[str, Decimal] = defaultdict(Decimal)
    for line in path.read_bytes().decode("latin-1").splitlines():
        words = re.sub(r"\{[^}]*\}", " ", line).split()
        if words[:1] == ["#TRANS"]:
            booked[words[1]] += Decimal(words[2])
        elif words[:1] and words[0] in ("#IB", "#UB", "#RES") and words[1] == "0":
            stated[words[2]][words[0]] += Decimal(words[3])
    wrong = set()
    for account in set(stated) | set(booked):
        has = stated[account]
        told = has["#RES"] if has.get("#RES") else has["#UB"] - has["#IB"]
        if told != booked[account]:
            wrong.add(account)
    tables, _ = read(path)
    control = tables.get("control", ENTITIES["control"].empty_table())
    reported = control.filter(pc.is_in(control["control"], pa.array(["RES", "UB"])))
    assert set(reported["account"].to_pylist()) == wrong


def test_check_sums_of_real_files_match(shared: Path) -> None:
    folder = shared / "data" / "sie"
    for name in ("sie4sdk__sie4i1ksumma.si", "sieparser__39_norstedts_bokslut_sie_4i.si", "sieparser__44_sie4.se"):
        _, summary = read(folder / name)
        assert summary.extra["controls"]["KSUMMA"] == {"checked": 1, "failed": 0, "largest": []}
    # A placeholder, 123456789: reported, not refused.
    _, summary = read(folder / "sie4ito5__sie4i1ksumma.si")
    assert summary.extra["controls"]["KSUMMA"]["failed"] == 1


def test_swedish_letters_survive(shared: Path) -> None:
    folder = shared / "data" / "sie"
    for name in (
        "sie-parser__sie4_exempelfil.se",  # CP437
        "sie4j__blblov_sie4_utf_8_1.se",  # UTF-8 tagged PC8
        "sie4j__blblov_sie4_iso_8859_15.se",  # Latin-1
        "sie5sdk__sample.sie",
    ):
        _, summary = read(folder / name)
        assert summary.organisation_name.startswith("Övnings"), name


def test_raw_quotes_in_names(shared: Path) -> None:
    tables, _ = read(shared / "data" / "sie" / "jsisie__xe_sie_2_20151125094903.se")
    names = dict(zip(tables["account"]["account"].to_pylist(), tables["account"]["name"].to_pylist(), strict=True))
    assert names["1684"] == 'Fordringar hos leverant"r'
    assert names["1288"] == 'F"rskott till Lind" Park'


def test_text_cut_at_its_width(shared: Path) -> None:
    tables, _ = read(shared / "data" / "sie" / "jsisie__sie4.se")
    rows = {row["source_row"]: row for row in tables["ledger_line"].to_pylist()}
    assert rows[1043]["row_text"] == "260    aaaaaaaaaaaaaaaa"
    assert (rows[1043]["unit"], rows[1043]["project"], rows[1043]["amount"]) == ("654321", "665829", Decimal("-41000.00"))


def test_employees_are_never_read(shared: Path) -> None:
    """Dimension 7 of these files holds initials; no table has a code or a name of it."""
    for name in ("jsisie__sie_3.se", "sieparser__53_objektsaldo_ovnbolag.se"):
        tables, _ = read(shared / "data" / "sie" / name)
        people = tables["reject"].filter(pc.equal(tables["reject"]["reason_code"], "personal_data"))
        assert people.num_rows in (5, 6)
        assert all(re.fullmatch(r'#OBJEKT "?7"? \*', content) for content in people["row_content"].to_pylist())
        assert set(tables["dimension_value"]["dimension"].to_pylist()) <= {"unit", "project"}
