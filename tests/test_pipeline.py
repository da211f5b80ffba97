"""The whole pipeline as the user meets it: the demo municipality's exports in, the printed tables out.

One run serves all tests of this module (and one worker runs them all).
"""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from orchestration.demo.planted import PLANTED, STEPS, Planted
from orchestration.findings.answers import follow_up_on
from orchestration.report.table import COLUMNS, printed, read_table
from orchestration.settings import Settings, load_settings

AVVIK = str(Path(sys.executable).with_name("avvik"))


def avvik(*arguments: str, language: str = "en") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "AVVIK_LANGUAGE": language}
    return subprocess.run([AVVIK, *arguments], capture_output=True, text=True, timeout=500, check=False, env=environment)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, str]:
    home = tmp_path_factory.mktemp("demo") / "demo"
    result = avvik("demo", "--home", str(home), language="sv")
    assert result.returncode == 0, result.stdout + result.stderr
    return load_settings(home), result.stdout


@pytest.fixture
def marts(demo: tuple[Settings, str]):
    with duckdb.connect(str(demo[0].published / "reporting.duckdb"), read_only=True) as connection:
        yield connection


def whole(text: str) -> int | None:
    return int(text.replace("\N{NO-BREAK SPACE}", "")) if text else None


@pytest.mark.parametrize(
    ("report", "period", "style", "should_have_been"),
    [
        (
            "ekero_klk_2015-03.csv",
            "2015-03",
            "natural",
            {"other_external_cost": 2153, "total_cost": 2693, "net": 2149},
        ),
        ("ekero_klk_aug.csv", "2013-08", "ledger", {}),
    ],
)
def test_the_office_prints_as_the_published_report(
    demo: tuple[Settings, str], shared: Path, report: str, period: str, style: str, should_have_been: dict[str, int]
) -> None:
    with (shared / "published" / report).open(encoding="utf-8") as file:
        published = {row["line_key"]: row for row in csv.DictReader(file)}
    table = read_table(demo[0], "KLK", period, style)
    assert [line.key for line in table.lines] == list(published)
    for line in table.lines:
        for column, amount in zip(COLUMNS, line.amounts, strict=True):
            if column not in published[line.key]:
                continue
            expected = int(published[line.key][column])
            if column == "deviation_period":
                expected = should_have_been.get(line.key, expected)
            assert whole(printed(amount, column, style)) == expected, f"{line.key}, {column}"


def test_the_command_prints_both_tables(demo: tuple[Settings, str]) -> None:
    output = demo[1].replace("\N{NO-BREAK SPACE}", " ")
    assert re.search(r"Netto +-17 105 +-19 254 +2 149 +-71 470 +-71 970 +500", output)
    assert re.search(r"Resultat +36 302 +40 530 +4 228 +58 620 +61 800 +3 180", output)


def test_a_row_of_the_mart_is_found_again_in_its_file(demo: tuple[Settings, str], marts: duckdb.DuckDBPyConnection) -> None:
    rows = marts.execute(
        """
        select source_file, source_row, account, amount from marts.fct_ledger_line
        where unit_code = '0130' and period = '2015-03' and report_line = 'personnel' order by source_row limit 20
        """
    ).fetchall()
    assert rows
    for file, row, account, amount in rows:
        line = (demo[0].inbox / file).read_bytes().decode("cp437").split("\r\n")[row - 1]
        assert line.split()[:2] == ["#TRANS", account]
        assert re.search(rf"\}} {re.escape(str(-amount))}( |$)", line), line


def test_totals_out_equal_totals_in(demo: tuple[Settings, str], marts: duckdb.DuckDBPyConnection) -> None:
    """The newest year-to-date file of each year states RES per account; the ledger in the mart has the same, to the öre."""
    for year, last in (("2013", "2013-12"), ("2014", "2014-12"), ("2015", "2015-04")):
        [path] = (demo[0].inbox / last).glob("huvudbok*.se")
        text = path.read_bytes().decode("cp437")
        stated = {account: -Decimal(amount) for account, amount in re.findall(r"#RES 0 (\d+) (-?[\d.]+)", text)}
        found = marts.execute(
            "select account, sum(amount) from marts.fct_ledger_line where fiscal_year = ? and account >= '3' group by account",
            [year],
        ).fetchall()
        assert {account: amount for account, amount in found if amount} == {a: v for a, v in stated.items() if v}


def test_every_table_and_column_is_described_inside_the_published_file(marts: duckdb.DuckDBPyConnection) -> None:
    undescribed = marts.execute(
        """
        select table_name, column_name from duckdb_columns() where schema_name = 'marts' and coalesce(comment, '') = ''
        union all
        select table_name, null from duckdb_tables() where schema_name = 'marts' and coalesce(comment, '') = ''
        """
    ).fetchall()
    assert undescribed == []


def test_no_personal_identity_number_and_no_path_is_published(
    demo: tuple[Settings, str], marts: duckdb.DuckDBPyConnection
) -> None:
    for (table,) in marts.execute("select table_name from duckdb_tables() where schema_name = 'marts'").fetchall():
        hits = marts.execute(
            f"select count(*) from marts.{table} t "
            r"where regexp_matches(cast(t as varchar), '\b(19|20)?\d{2}(0[1-9]|1[0-2])([0-2]\d|3[01])[-+]\d{4}\b') "
            f"or contains(cast(t as varchar), '{demo[0].home}')"
        ).fetchone()
        assert hits == (0,), table


def test_a_second_run_changes_nothing(demo: tuple[Settings, str]) -> None:
    settings = demo[0]

    def content() -> dict[str, tuple[int, int]]:
        with duckdb.connect(str(settings.published / "reporting.duckdb"), read_only=True) as connection:
            tables = connection.execute("select table_name from duckdb_tables() where schema_name = 'marts'").fetchall()
            return {
                table: connection.execute(f"select count(*), bit_xor(hash(t)) from marts.{table} t").fetchone()
                for (table,) in tables
            }

    before = content()
    result = avvik("run", "--home", str(settings.home), "--period", "2015-01..2015-04")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 files taken in" in result.stdout
    assert content() == before


def test_a_refused_file_stops_the_run_and_the_publication_stays(demo: tuple[Settings, str]) -> None:
    settings = demo[0]
    before = os.readlink(settings.published)
    bad = settings.inbox / "2015-04" / "huvudbok_201504_ny.se"
    bad.write_bytes(b"<html><body>Sessionen har g\xe5tt ut</body></html>")
    try:
        result = avvik("run", "--home", str(settings.home), "--period", "2015-04")
    finally:
        bad.unlink()
    assert result.returncode == 1
    assert "2015-04/huvudbok_201504_ny.se" in result.stderr
    assert os.readlink(settings.published) == before


def test_the_register_of_loads_lists_what_counts(demo: tuple[Settings, str]) -> None:
    result = avvik("loads", "--home", str(demo[0].home))
    assert result.returncode == 0
    assert "2015-04/huvudbok_201504.se" in result.stdout
    assert "2015-02/huvudbok_201502.se" not in result.stdout  # superseded by the later year-to-date file
    assert "2015-02/huvudbok_201502.se" in avvik("loads", "--home", str(demo[0].home), "--all").stdout


def test_wrong_usage_is_exit_code_2(demo: tuple[Settings, str], home: Path) -> None:
    assert avvik("run", "--home", str(home), "--period", "mars").returncode == 2
    assert avvik("run", "--home", str(home)).returncode == 2
    assert avvik("inputs", "nonsense").returncode == 2


def test_the_publication_says_what_it_is(demo: tuple[Settings, str]) -> None:
    manifest = json.loads((demo[0].published / "publication.json").read_text(encoding="utf-8"))
    assert manifest["marts"]["follow_up"]


# ---- findings: the causes that the report of March 2015 names, from the exports alone ----------------------------------------
#: Omissions that are there at the close of March 2015, and what the findings may call them.
IN_MARCH = [p for p in PLANTED if p.months_missing and p.months_missing[1] == "2015-03" and "PER-01" in p.rule]


def close_of(marts: duckdb.DuckDBPyConnection, period: str):
    return marts.execute("select * from marts.findings where report_period = ?", [period]).df()


def findings_of(found, cause: Planted):
    where = ["account", "counterparty", "report_line", "unit_code"]
    same = (found[where] == [cause.account, cause.counterparty, cause.report_line, cause.unit]).all(axis=1)
    return found[same & found.rule_id.isin(cause.rule.split(", "))]


@pytest.mark.parametrize("cause", IN_MARCH, ids=lambda p: p.id)
def test_an_omission_of_march_is_one_finding_with_its_amount(marts: duckdb.DuckDBPyConnection, cause: Planted) -> None:
    found = findings_of(close_of(marts, "2015-03"), cause)
    assert len(found) == 1, found[["rule_id", "periods", "effect_period"]]
    [row] = found.itertuples()
    assert row.status == "open"
    assert row.effect_period == pytest.approx(-cause.amount, rel=0.05)
    evidence = marts.execute(
        "select count(*) from marts.finding_evidence where report_period = '2015-03' and finding_id = ?", [row.finding_id]
    ).fetchone()
    assert evidence[0] > 0 or row.agreement, "neither a row nor an agreement behind it"


def test_every_row_of_evidence_is_a_row_of_a_file(demo: tuple[Settings, str], marts: duckdb.DuckDBPyConnection) -> None:
    """Also of the year-to-date files that a later one has replaced."""
    rows = str(demo[0].raw / "ledger_line" / "*.parquet")
    told, lost = marts.execute(
        "select count(*), count(*) filter (where l.load_id is null) from marts.finding_evidence as e "
        "left join read_parquet(?) as l on e.load_id = l.load_id and e.source_file = l.source_file "
        "and e.source_row = l.source_row and e.account = l.account and abs(e.amount) = abs(l.amount)",
        [rows],
    ).fetchone()
    assert (told > 0, lost) == (True, 0)


def test_the_profile_effect_of_the_office_is_found_in_its_units(marts: duckdb.DuckDBPyConnection) -> None:
    cause = next(p for p in PLANTED if p.id == "investigation-profile-2015")
    below = {u for (u,) in marts.execute(
        "select unit_code from marts.bridge_unit_ancestor where ancestor_unit_code = ?", [cause.unit]).fetchall()}  # fmt: skip
    found = close_of(marts, "2015-03")
    profile = found[(found.rule_id == "PER-04") & found.unit_code.isin(below) & (found.report_line == cause.report_line)]
    profile = profile[profile.account.fillna("") == ""]  # an account's curve that its line evens out is no part of the line's
    assert float(profile.effect_period.abs().max()) > 0
    assert abs(float(profile.effect_period.sum())) == pytest.approx(abs(cause.amount), rel=0.15)


def test_the_one_sided_rent_is_told_to_both_units(marts: duckdb.DuckDBPyConnection) -> None:
    cause = next(p for p in PLANTED if p.id == "one-sided-rent")
    found = close_of(marts, "2015-03")
    told = found[(found.rule_id == "PER-03") & (found.unit_code == cause.unit)]
    [row] = told.itertuples()
    assert (row.other_unit, row.account, row.entry_amount) == ("32130", cause.account, cause.amount)
    # the buyer has its cost, with the wrong counterparty: only what the municipality eliminates is wrong
    assert (row.counterparty, row.effect_period) == ("870", 0)


@pytest.mark.parametrize("cause", [p for p in IN_MARCH if p.promised], ids=lambda p: p.id)
def test_april_says_whether_what_was_promised_was_done(marts: duckdb.DuckDBPyConnection, cause: Planted) -> None:
    march, april = close_of(marts, "2015-03"), close_of(marts, "2015-04")
    ident = findings_of(march, cause).finding_id.item()
    [item] = [item for item in follow_up_on(march, april) if item.finding_id == ident]
    if cause.corrected_in == "2015-04":
        assert (item.status, item.remaining) == ("corrected", 0)
    else:
        assert item.status != "corrected"
        assert item.remaining == item.told


def test_the_action_list_is_written(demo: tuple[Settings, str]) -> None:
    assert (demo[0].home / "reports" / "2015-04" / "atgardslista.xlsx").is_file()


# ---- people: what the HR exports explain -------------------------------------------------------------------------------------
@pytest.mark.parametrize("report_period", ["2015-03", "2013-08"])
def test_the_bridge_of_the_office_tells_the_planted_causes(marts: duckdb.DuckDBPyConnection, report_period: str) -> None:
    where = "where unit_code = 'KLK' and report_period = ?"
    steps = f"select step, amount_period from marts.personnel_bridge {where} and not is_memo"
    told = dict(marts.execute(steps, [report_period]).fetchall())
    [(deviation,)] = marts.execute(
        f"select deviation_period from marts.follow_up {where} and report_line = 'personnel'", [report_period]
    ).fetchall()
    assert sum(told.values()) == deviation
    for item in STEPS:
        if item.report_period == report_period:
            assert abs(told[item.step] - item.amount) < 1_000, item.step
    assert abs(told["unexplained"]) < deviation / 10


def test_payroll_and_ledger_agree_but_for_what_is_planted(marts: duckdb.DuckDBPyConnection) -> None:
    """Per unit and month, to the öre; the HR unit has wellness invoices on class 5 that no payroll knows."""
    rows = marts.execute(
        """
        select unit_code, report_period, abs(difference_pay), abs(difference_on_cost) from marts.payroll_reconciliation
        where has_hr_data and regexp_full_match(unit_code, '\\d+') and unit_code <> '0130'
        """
    ).fetchall()
    assert len(rows) > 1_000
    planted = {item.id: item for item in PLANTED}
    voucher, rate = planted["payroll-voucher"], planted["on-cost-rate"]
    assert {(u, p): pay for u, p, pay, _ in rows if pay} == {(voucher.unit, "2015-02"): Decimal(voucher.amount)}
    wrong = {(u, p): po for u, p, _, po in rows if po}
    assert set(wrong) == {(rate.unit, "2014-10")}
    assert float(wrong[rate.unit, "2014-10"]) == pytest.approx(rate.amount, abs=500)
