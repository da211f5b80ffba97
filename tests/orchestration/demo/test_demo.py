"""The demo's files, read by a parser of the test's own: true to the öre, the same bytes every time, and as published."""

import csv
import hashlib
import os
import re
import subprocess
import sys
import time
import zlib
from collections import defaultdict
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import NamedTuple

import openpyxl
import pytest

from orchestration.demo import build_demo, write_demo
from orchestration.demo.planted import ON_COST_RATE, ONE_SIDED_RENT, PAYROLL_VOUCHER, PLANTED
from orchestration.errors import SettingsError
from orchestration.readers.sie import read_sie
from orchestration.readers.tables import read_table
from orchestration.settings import load_settings

MONTHS = [f"{y}-{m:02d}" for y in (2013, 2014, 2015) for m in range(1, 13) if f"{y}-{m:02d}" <= "2015-04"]
LINES = ["external_income", "internal_income", "personnel", "internal_rent", "other_external_cost", "other_internal_cost"]
TOTALS = {"total_income": LINES[:2], "total_cost": LINES[2:], "net": LINES}

# Printed in the reports; the three deviations of March 2015 that do not follow from the table are what they should have been.
PUBLISHED_2015_03 = {
    "external_income": (302, 494, -192, 2022, 1970, 52),
    "internal_income": (248, 601, -353, 2413, 2333, 80),
    "total_income": (550, 1094, -545, 4435, 4303, 132),
    "personnel": (-10398, -10983, 585, -44733, -45394, 661),
    "internal_rent": (-2219, -2219, 1, -8877, -8877, 0),
    "other_external_cost": (-4827, -6980, 2153, -21550, -21266, -284),
    "other_internal_cost": (-211, -165, -47, -745, -736, -9),
    "total_cost": (-17655, -20348, 2693, -75905, -76273, 368),
    "net": (-17105, -19254, 2149, -71470, -71970, 500),
}
# In the ledger's sign, as printed: outcome, budget, forecast, budget of the year, budget − forecast.
PUBLISHED_2013_08 = {
    "external_income": (-1388, -982, -1811, -1473, 338),
    "internal_income": (-832, -547, -1259, -820, 439),
    "total_income": (-2220, -1528, -3070, -2293, 777),
    "personnel": (21683, 23304, 33500, 34681, 1182),
    "internal_rent": (5748, 5787, 8623, 8680, 57),
    "other_external_cost": (10291, 12436, 18389, 19987, 1598),
    "other_internal_cost": (798, 532, 1179, 745, -434),
    "total_cost": (38522, 42058, 61690, 64093, 2403),
    "net": (36302, 40530, 58620, 61800, 3180),
}


class Trans(NamedTuple):
    period: str
    voucher: tuple[str, str]
    account: str
    amount: Decimal
    unit: str
    counterparty: str
    text: str


class Sie(NamedTuple):
    trans: list[Trans]
    balances: dict[tuple[str, str, str], Decimal]  # label, year, account
    voucher_lines: dict[tuple[str, str], list[str]]


TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|([{}])|([^\s{}"]+)')


@cache
def sie(path: Path) -> Sie:
    """Parse a file in the plainest way there is: one line, one record."""
    trans, balances, vouchers = [], {}, defaultdict(list)
    voucher, period = ("", ""), ""
    for line in path.read_bytes().decode("cp437").split("\r\n"):
        fields = [quoted or brace or plain for quoted, brace, plain in TOKEN.findall(line)]
        if not fields:
            continue
        if fields[0] == "#VER":
            voucher, period = (fields[1], fields[2]), f"{fields[3][:4]}-{fields[3][4:6]}"
        elif fields[0] == "#TRANS":
            end = fields.index("}")
            codes = dict(zip(fields[3:end:2], fields[4:end:2], strict=True))
            amount = Decimal(fields[end + 1])
            trans.append(Trans(period, voucher, fields[1], amount, codes.get("1", ""), codes.get("22", ""), fields[-1]))
        elif fields[0] in ("#IB", "#UB", "#RES"):
            balances[fields[0], fields[1], fields[2]] = Decimal(fields[3])
        if voucher[0] and line.startswith((" ", "#VER")):
            vouchers[voucher].append(line)
    return Sie(trans, balances, vouchers)


class Built(NamedTuple):
    home: Path
    seconds: float


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Built:
    home = tmp_path_factory.mktemp("demo")
    started = time.process_time()
    write_demo(home)
    return Built(home, time.process_time() - started)


def export(built: Built, period: str) -> Sie:
    return sie(built.home / "inbox" / period / f"huvudbok_{period.replace('-', '')}.se")


@cache
def sheet(path: Path, header: str) -> list[dict]:
    rows = list(openpyxl.load_workbook(path, read_only=True).active.iter_rows(values_only=True))
    at = next(i for i, row in enumerate(rows) if row and row[0] == header)
    return [dict(zip(rows[at], row, strict=True)) for row in rows[at + 1 :] if row[1]]


def units_of(built: Built, office: str, period: str) -> set[str]:
    path = sorted((built.home / "inbox").glob("*/organisation_*.csv"))[-1]
    day = date.fromisoformat(f"{period}-28").isoformat()
    with path.open(encoding="latin-1", newline="") as file:
        return {
            row["Ansvar"]
            for row in csv.DictReader(file, delimiter=";")
            if row["Överordnad"] == office and row["Giltig från"] <= day and (row["Giltig till"] or "9999") >= day
        }


def report_line(account: str, counterparty: str) -> str:
    """domain.md 2.1, written once more."""
    internal = counterparty[:1] in tuple("1234") and counterparty != ""
    if account[0] == "3":
        return "internal_income" if internal else "external_income"
    if account[0] == "5":
        return "capitalised_work" if account.startswith("591") else "personnel"
    if account.startswith("40"):
        return "investment"
    if account[0] in "467":
        if not internal:
            return "other_external_cost"
        return "internal_rent" if account.startswith("601") else "other_internal_cost"
    return "other"


def with_totals(lines: dict[str, Decimal]) -> dict[str, Decimal]:
    return lines | {total: sum((lines[line] for line in parts), Decimal()) for total, parts in TOTALS.items()}


def tkr(kr: Decimal) -> int:
    return int((kr / 1000).quantize(Decimal(1), ROUND_HALF_UP))


def follow_up(built: Built, report_period: str, delivery: str) -> dict[str, list[Decimal]]:
    """KLK's outcome, budget (period), forecast, budget (year) per line, kr, income +, from the files alone."""
    year, units = report_period[:4], units_of(built, "KLK", report_period)
    columns = [defaultdict(Decimal) for _ in range(4)]
    for t in export(built, delivery).trans:
        if t.unit in units and year <= t.period[:4] and t.period <= report_period:
            columns[0][report_line(t.account, t.counterparty)] -= t.amount
    names = ["Jan", "Feb", "Mar", "Apr", "Maj", "Jun", "Jul", "Aug", "Sep", "Okt", "Nov", "Dec"]
    for row in sheet(built.home / "inbox" / f"{year}-01" / f"budget_{year}.xlsx", "År"):
        if row["Ansvar"] in units:
            line = report_line(row["Konto"], row["Motpart"] or "")
            columns[1][line] -= sum(row[name] for name in names[: int(report_period[5:])])
            columns[3][line] -= sum(row[name] for name in names)
    for row in sheet(built.home / "inbox" / report_period / f"prognos_{report_period}.xlsx", "År"):
        if row["Ansvar"] in units:
            columns[2][report_line(row["Konto"], row["Motpart"] or "")] += row["Prognos helår"]
    for column in columns:
        assert not set(column) - set(LINES)
    totals = [with_totals({line: Decimal(column[line]) for line in LINES}) for column in columns]
    return {line: [column[line] for column in totals] for line in totals[0]}


@pytest.mark.parametrize("delivery", ["2015-03", "2015-04"])
def test_march_2015_prints_as_published_whether_or_not_april_is_known(built, delivery):
    for line, (outcome, budget, forecast, year) in follow_up(built, "2015-03", delivery).items():
        row = (tkr(outcome), tkr(budget), tkr(outcome - budget), tkr(forecast), tkr(year), tkr(forecast - year))
        assert row == PUBLISHED_2015_03[line], line


@pytest.mark.parametrize("delivery", ["2013-08", "2013-12"])
def test_august_2013_prints_as_published_in_the_ledgers_sign(built, delivery):
    for line, columns in follow_up(built, "2013-08", delivery).items():
        outcome, budget, forecast, year = (-column for column in columns)
        row = (tkr(outcome), tkr(budget), tkr(forecast), tkr(year), tkr(year - forecast))
        assert row == PUBLISHED_2013_08[line], line


def test_the_expected_tables_are_the_published_files():
    folder = Path(__file__).resolve().parents[4] / "shared" / "published"
    if not folder.is_dir():
        pytest.skip("no ../shared/published beside the repository")
    corrected = {"other_external_cost": (2159, 2153), "total_cost": (2698, 2693), "net": (2153, 2149)}
    for name, expected in (("ekero_klk_2015-03", PUBLISHED_2015_03), ("ekero_klk_aug", PUBLISHED_2013_08)):
        with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                line, printed = row.pop("line_key"), [int(value) for key, value in row.items() if key != "label"]
                if name.endswith("2015-03") and line in corrected:
                    assert printed[2] == corrected[line][0]
                    printed[2] = corrected[line][1]
                assert tuple(printed) == expected[line]


def test_the_same_seed_gives_the_same_bytes_in_another_process(built, tmp_path):
    code = "import sys; from pathlib import Path; from orchestration.demo import write_demo; write_demo(Path(sys.argv[1]))"
    environment = os.environ | {"PYTHONHASHSEED": "12345"}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, env=environment)

    def digests(home: Path) -> dict[str, str]:
        files = sorted(path for path in home.rglob("*") if path.is_file())
        return {path.relative_to(home).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    assert digests(built.home) == digests(tmp_path)


def test_it_takes_less_than_fifteen_seconds_of_one_core(built):
    assert built.seconds < 15


def test_every_month_has_its_files_and_every_file_one_source(built):
    inbox = built.home / "inbox"
    assert sorted(path.name for path in inbox.iterdir()) == MONTHS
    names = {path.relative_to(inbox).as_posix() for path in inbox.rglob("*") if path.is_file()}
    assert {f"{m}/huvudbok_{m.replace('-', '')}.se" for m in MONTHS} <= names
    assert {f"{y}-01/budget_{y}.xlsx" for y in (2013, 2014, 2015)} <= names
    assert {f"{m}/prognos_{m}.xlsx" for m in ("2013-03", "2013-08", "2014-03", "2014-08", "2015-03")} <= names
    sources = load_settings(built.home).sources
    for name in names:
        matching = [
            key for key, source in sources.items() if any(fnmatch(name.split("/")[1], pattern) for pattern in source.files)
        ]
        assert len(matching) == 1, name


@pytest.mark.parametrize("period", ["2013-01", "2013-12", "2014-12", "2015-03", "2015-04"])
def test_vouchers_balance_and_the_files_own_totals_agree(built, period):
    books = export(built, period)
    vouchers, moved = defaultdict(Decimal), defaultdict(Decimal)
    for t in books.trans:
        vouchers[t.voucher] += t.amount
        moved[t.account] += t.amount
    assert not {voucher: total for voucher, total in vouchers.items() if total}
    accounts = {account for _, year, account in books.balances if year == "0"} | set(moved)
    for account in accounts:
        stated = {label: books.balances.get((label, "0", account), Decimal()) for label in ("#IB", "#UB", "#RES")}
        assert moved[account] == (stated["#UB"] - stated["#IB"] if account < "3" else stated["#RES"]), account
    this_year = {key: amount for key, amount in books.balances.items() if key[1] == "0"}
    total = {label: sum(amount for key, amount in this_year.items() if key[0] == label) for label in ("#IB", "#UB", "#RES")}
    assert total["#UB"] + total["#RES"] == total["#IB"] == 0


@pytest.mark.parametrize(("last", "first"), [("2013-12", "2014-01"), ("2014-12", "2015-01")])
def test_a_year_opens_with_what_the_year_before_closed_with(built, last, first):
    closed = {a: v for (label, year, a), v in export(built, last).balances.items() if (label, year) == ("#UB", "0") and v}
    balances = export(built, first).balances
    assert {a: v for (label, year, a), v in balances.items() if (label, year) == ("#IB", "0") and v} == closed
    assert {a: v for (label, year, a), v in balances.items() if (label, year) == ("#UB", "-1") and v} == closed


def test_the_checksum_is_right_and_the_lines_end_as_they_should(built):
    content = (built.home / "inbox" / "2015-02" / "huvudbok_201502.se").read_bytes()
    assert content.count(b"\n") == content.count(b"\r\n")
    lines = content.decode("cp437").split("\r\n")
    first, last = lines.index("#KSUMMA"), len(lines) - 2
    summed = "".join("".join(q or p for q, _, p in TOKEN.findall(line)) for line in lines[first + 1 : last])
    assert lines[last] == f"#KSUMMA {zlib.crc32(summed.encode('cp437'))}"
    assert any("å" in line and "ö" in line for line in lines)


def test_a_later_export_repeats_the_earlier_one_and_adds_late_postings(built):
    early, late = export(built, "2015-02").voucher_lines, export(built, "2015-03").voucher_lines
    assert all(late[voucher] == lines for voucher, lines in early.items())
    office = units_of(built, "KLK", "2015-03")
    added = {t for t in export(built, "2015-03").trans if t.voucher not in early and t.period <= "2015-02"}
    assert added
    assert not {t.unit for t in added} & office


def test_voucher_numbers_have_no_gaps(built):
    numbers = defaultdict(list)
    for series, number in export(built, "2015-04").voucher_lines:
        numbers[series].append(int(number))
    assert set(numbers) == set("LKIPBM")
    assert all(sorted(found) == list(range(1, len(found) + 1)) for found in numbers.values())


def test_corrections_and_credit_notes_are_there(built):
    lines = [line for voucher in export(built, "2014-12").voucher_lines.values() for line in voucher]
    kinds = {
        label: [line.split(" ", 4)[-1] for line in lines if line.startswith(f"   {label} ")] for label in ("#BTRANS", "#RTRANS")
    }
    assert len(kinds["#BTRANS"]) == len(kinds["#RTRANS"]) > 50
    assert sum("kredit faktura" in line for line in lines if line.startswith("#VER")) > 20


def test_every_result_row_outside_payroll_has_a_unit_and_a_counterparty(built):
    for t in export(built, "2014-12").trans:
        if "3" <= t.account < "8" and t.account[0] != "5" and t.account != "4098" and t.voucher[0] != "P":
            assert (bool(t.unit), bool(t.counterparty)) == (True, True) or (t.account == "4012" and "Eget arbete" in t.text), t


def test_internal_trade_is_zero_but_for_the_planted_rent(built):
    for year, delivery in (("2013", "2013-12"), ("2014", "2014-12"), ("2015", "2015-04")):
        by_period = defaultdict(Decimal)
        for t in export(built, delivery).trans:
            if t.account >= "3" and t.counterparty and t.counterparty[0] in "1234":
                by_period[t.period] += t.amount
        assert len(by_period) == (4 if year == "2015" else 12)
        wrong = {period: -total for period, total in by_period.items() if total}
        planted = Decimal(ONE_SIDED_RENT.amount)
        assert wrong == ({"2015-02": planted, "2015-04": -planted} if year == "2015" else {})


@pytest.mark.parametrize("item", [p for p in PLANTED if p.stream and p.promised], ids=lambda p: p.id)
def test_a_planted_omission_is_missing_and_then_caught_up_if_it_was(built, item):
    def booked(delivery: str, first: str, last: str) -> Decimal:
        rows = export(built, delivery).trans
        key = (item.unit, item.account, item.counterparty)
        return -sum(t.amount for t in rows if (t.unit, t.account, t.counterparty) == key and first <= t.period <= last)

    first, last = item.months_missing
    assert booked("2015-03", max(first, "2015-01"), last) == 0
    missing = 5 if first == "2014-11" else 3
    assert booked("2014-12", "2014-11", "2014-12") == (
        0 if first == "2014-11" or item.id.startswith("internal") else 2 * item.monthly
    )
    assert booked("2015-04", "2015-04", "2015-04") == (missing * bool(item.corrected_in) + 1) * item.monthly
    if not item.corrected_in:
        return
    texts = [
        t.text
        for t in export(built, "2015-04").trans
        if (t.unit, t.account, t.counterparty) == (item.unit, item.account, item.counterparty)
    ]
    assert any("avser 2015-01" in text or f"avser {first} - 2015-03" in text for text in texts)


def test_one_correction_was_promised_and_did_not_come():
    assert [item.id for item in PLANTED if item.promised and not item.corrected_in] == ["internal-income-4"]


def test_a_prior_years_income_lies_among_the_years(built):
    [item] = [p for p in PLANTED if p.id == "late-income-2014"]
    key = (item.unit, item.account, item.counterparty)
    rows = [t for t in export(built, "2015-03").trans if (t.unit, t.account, t.counterparty) == key and "2014" in t.text]
    assert [(t.period, -t.amount) for t in rows] == [("2015-01", item.amount)]
    assert not [t for t in export(built, "2014-12").trans if (t.unit, t.account, t.counterparty) == key and t.period > "2014-09"]


def test_the_planted_causes_make_up_the_missing_income(built):
    lines = follow_up(built, "2015-03", "2015-03")
    for line in ("external_income", "internal_income"):
        missing = sum(p.amount for p in PLANTED if p.report_line == line)
        assert abs(lines[line][0] - lines[line][1] - missing) < 10_000


def test_the_budget_is_flat_but_for_investigations(built):
    rows = [
        r
        for r in sheet(built.home / "inbox" / "2015-01" / "budget_2015.xlsx", "År")
        if r["Ansvar"] in units_of(built, "KLK", "2015-03")
    ]
    other = [r for r in rows if report_line(r["Konto"], r["Motpart"] or "") == "other_external_cost"]
    uneven = {r["Konto"] for r in other if len({r[name] for name in ("Jan", "Mar", "Jul", "Dec")}) > 1}
    assert uneven == {"7452"}
    curve = sum(r["Jan"] + r["Feb"] + r["Mar"] - r["Helår"] / 4 for r in other)
    assert curve == pytest.approx(1_663_500, abs=1_500)


def test_payroll_in_the_ledger_is_the_staffs(built):
    staff = build_demo().staff
    booked = defaultdict(Decimal)
    for delivery in ("2013-12", "2014-12", "2015-04"):
        for t in export(built, delivery).trans:
            if t.voucher[0] == "P" and t.account.startswith("5"):
                booked[t.period, t.unit, t.account] += t.amount
    expected = {
        (period, unit, account): Decimal(amount) / 100
        for period in MONTHS
        for unit, accounts in staff.by_unit(period).items()
        for account, amount in accounts.items()
    }
    differences = {key: booked[key] - amount for key, amount in expected.items() if booked[key] != amount}
    voucher, rate = PAYROLL_VOUCHER, ON_COST_RATE
    wrong_fee = differences.pop(("2014-10", rate.unit, rate.account))
    share = wrong_fee / expected["2014-10", rate.unit, rate.account]
    assert share == pytest.approx(Decimal(-3) / Decimal("31.42"), abs=Decimal("1e-6"))
    assert abs(-wrong_fee - rate.amount) < 500
    assert differences == {("2015-02", voucher.unit, voucher.account): -voucher.amount}
    assert set(booked) == set(expected)


def test_avviks_own_readers_take_the_files_without_a_remark(built):
    sources = load_settings(built.home).sources
    inbox = built.home / "inbox"
    for reading in (
        read_sie(inbox / "2014-12" / "huvudbok_201412.se", sources["ledger"]),
        read_table(inbox / "2015-01" / "budget_2015.xlsx", sources["budget"], delivery="2015-01"),
        read_table(inbox / "2015-03" / "prognos_2015-03.xlsx", sources["forecast"], delivery="2015-03"),
        read_table(inbox / "2015-01" / "organisation_2015-01.csv", sources["organisation"], delivery="2015-01"),
        read_table(inbox / "2013-01" / "motparter.csv", sources["counterparties"], delivery="2013-01"),
    ):
        for _ in reading:
            pass
        assert (reading.summary.rows_bad, reading.summary.controls_failed) == (0, 0)
        assert reading.summary.rows_kept > 20


def test_somebody_elses_home_is_not_written_into(tmp_path):
    (tmp_path / "avvik.toml").write_text('municipality = "Min kommun"\n', encoding="utf-8")
    with pytest.raises(SettingsError):
        write_demo(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["avvik.toml"]
