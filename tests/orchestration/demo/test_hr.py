"""The HR exports and registers, read by avvik's readers and by plain parsing: who, how much, and what was corrected."""

import csv
import re
from collections import defaultdict
from datetime import date
from decimal import Decimal
from fnmatch import fnmatch
from pathlib import Path

import polars as pl
import pytest

from orchestration.demo import build_demo, write_demo
from orchestration.demo.hr import PAXML_UNIT, REMARK, SURNAMES, HrSystem, identity_numbers
from orchestration.demo.municipality import ALL_MONTHS, ORGANISATION_NUMBER
from orchestration.demo.planted import IMPOSSIBLE_ABSENCE
from orchestration.demo.staff import CAUSES
from orchestration.ingest import open_reading
from orchestration.privacy import PersonKey, normalise
from orchestration.readers.people import resolve_spells
from orchestration.settings import load_settings

KEY = PersonKey(Path("nowhere"), b"a key of the test's own, 32 byte")


@pytest.fixture(scope="module")
def demo():
    return build_demo()


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("hr")
    write_demo(folder)
    return folder


def read(home: Path, path: Path) -> tuple[dict[str, pl.DataFrame], object]:
    settings = load_settings(home)
    [source] = [s for s in settings.sources.values() if any(fnmatch(path.name, pattern) for pattern in s.files)]
    reading = open_reading(settings, path, source, path.parent.name, path.name, KEY)
    tables = defaultdict(list)
    for entity, table in reading:
        tables[entity].append(pl.from_arrow(table))
    return {entity: pl.concat(parts) for entity, parts in tables.items()}, reading.summary


def test_the_numbers_are_valid_unique_and_nobodys(demo):
    numbers = identity_numbers(demo.staff.people)
    assert len(set(numbers.values())) == len(numbers) > 1000
    for person, number in numbers.items():
        identity = normalise(number, on=date(2015, 4, 30))
        assert identity is not None
        assert identity.is_valid, person
        assert 980 <= int(number[9:12]) <= 999
        assert identity.sex == {"K": "F", "M": "M"}[demo.staff.people[person].sex]


def test_every_export_is_taken_and_nothing_personal_passes_the_reader(home):
    patterns = ("2013-01/*", "2014-12/[afl]*", "2015-01/*", "2015-02/fr*", "2015-03/[ak]*")
    kinds, numbers = set(), re.compile(r"\d{6}-?9[89]\d\d")
    for path in (path for pattern in patterns for path in (home / "inbox").glob(pattern) if not path.name.startswith("huvudbok")):
        tables, summary = read(home, path)
        assert summary.controls_failed == 0, path.name
        assert summary.rows_bad == (IMPOSSIBLE_ABSENCE.get(path.parent.name, 0) if path.name.startswith("franvaro") else 0), (
            path.name
        )
        kinds |= set(tables) - {"reject"}
        if re.match("anst|fran|lon|pax", path.name):
            said = "".join(table.write_csv() for table in tables.values()) + repr(summary)
            said = said.replace(ORGANISATION_NUMBER, "")  # the municipality's own
            assert not numbers.search(said), path.name
            assert not any(word in said for word in (*SURNAMES, REMARK)), path.name
    assert kinds >= {"position", "employment", "absence_spell", "payroll_line", "agreement", "internal_agreement"}
    assert kinds >= {"period_release", "comment"}


def test_the_spells_that_stand_in_the_end_are_the_true_ones(home, demo):
    """Corrections, double rows, overlaps and rows taken back leave nothing behind once the later exports are known."""
    deliveries = ["2013-03", "2013-04", "2014-09", "2014-10", "2014-11", "2014-12", "2015-02", "2015-04"]
    parts = []
    for sequence, delivery in enumerate(deliveries):
        [path] = (home / "inbox" / delivery).glob("franvaro*")
        parts.append(read(home, path)[0]["absence_spell"].with_columns(pl.lit(sequence).alias("sequence")))
    last_day = date(2015, 4, 30)
    spells = resolve_spells(pl.concat(parts), as_of=last_day)
    assert min(len(spells.superseded), len(spells.cut)) > 20
    found = {
        (row["employment"], row["cause"], row["valid_from"], row["valid_to"], row["extent"])
        for row in spells.current.iter_rows(named=True)
        if row["valid_from"] <= last_day
    }
    expected = {
        (KEY.employment(a.person), CAUSES[a.cause], a.valid_from, min(a.valid_to, last_day), Decimal(str(a.extent)))
        for a in demo.staff.absences
        if a.valid_from <= last_day
    }
    open_or_over = {row for row in expected if row[3] < last_day or row in found}
    assert open_or_over - found == set()
    assert {row[:3] for row in found} == {row[:3] for row in expected}


def test_payroll_as_exported_is_the_staffs_per_unit_month_and_account(home, demo):
    for period in ("2013-01", "2014-10", "2015-03"):
        found = defaultdict(Decimal)
        [path] = (home / "inbox" / period).glob("lon_*.csv")
        with path.open(encoding="cp1252", newline="") as file:
            *rows, summed = csv.DictReader(file, delimiter=";")
        for row in rows:
            found[row["Ansvar"], row["Konto"]] += Decimal(row["Belopp"].replace(",", "."))
        assert Decimal(summed["Belopp"].replace(",", ".")) == sum(found.values())
        for pax in (home / "inbox" / period).glob("pax_*.xml"):
            text = pax.read_text(encoding="latin-1")
            assert PAXML_UNIT not in {unit for unit, _ in found}
            posted = re.findall(
                r'<transaktion kontonr="(\d+)" belopp="(-?[\d.]+)"><resenheter><resenhet dim="1" id="(\d+)"', text
            )
            for account, amount, unit in posted:
                found[unit, account] += Decimal(amount)
            slips = re.findall(r"<arbavgiftbel>([\d.]+)<|<belopp>(-?[\d.]+)<", text)
            assert sum(Decimal(a or b) for a, b in slips) == sum(Decimal(amount) for _, amount, _ in posted)
        expected = {
            (unit, account): Decimal(amount) / 100
            for unit, accounts in demo.staff.by_unit(period).items()
            for account, amount in accounts.items()
        }
        assert {key: amount for key, amount in found.items() if amount} == expected


def test_an_export_does_not_know_what_came_later(home, demo):
    system = HrSystem(demo.seed, demo.staff, demo.organisation)
    early = system.absence("2013-06").decode("cp1252")
    assert "2013-08" not in early
    assert ";;100 %;;" in early  # a spell that still runs has no last day
    assert all("2014" not in line.split(";")[-2] for line in system.employments("2013-02").decode("cp1252").splitlines())


def test_the_calendar_of_closes_has_every_month_after_its_end(home):
    [path] = (home / "inbox" / "2015-01").glob("period_slapp*")
    with path.open(encoding="cp1252", newline="") as file:
        released = {row["Period"]: row["Släppt"] for row in csv.DictReader(file, delimiter=";")}
    assert set(released) >= set(ALL_MONTHS)
    assert all(day[:7] > period for period, day in released.items())
