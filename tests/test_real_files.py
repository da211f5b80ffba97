"""`avvik run` on real exports: the follow-up's totals equal what the file itself states (RES, PBUDGET).

The expected figures are read from the file by a few lines of Python that share nothing with the reader.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

AVVIK = str(Path(sys.executable).with_name("avvik"))


def stated(path: Path, pattern: str) -> Decimal:
    """Return the sum of the amounts of the records that match, income + and cost −, of result accounts."""
    total = Decimal(0)
    for line in path.read_bytes().decode("latin-1").splitlines():
        if found := re.match(pattern, line.strip()):
            account, amount = found.group("account"), found.group("amount")
            if account >= "3":
                total -= Decimal(amount)
    return total


#: The private BAS chart uses account 9999; a map of one's own covers it.
OWN_LINES = "[sources.report_lines]\nkind = 'report_lines'\nfiles = ['rapportrader*']\n"
RES = r"#RES\s+{year}\s+(?P<account>\d+)\s+(?P<amount>-?[\d.]+)"
PBUDGET = r"#PBUDGET\s+{year}\s+\d{{6}}\s+(?P<account>\d+)\s+(?:\{{\s*\}}\s+)?(?P<amount>-?[\d.]+)"


@pytest.mark.parametrize(
    ("name", "period"),
    [
        ("sie4j__blblov_sie4_utf_8_1.se", "2017-12"),  # 4E with vouchers and budget
        ("sieparser__53_objektsaldo_ovnbolag.se", "2011-03"),  # 3 with PSALDO, objects and budget
        ("sieparser__2_bl0001_typ3.se", "2010-06"),  # 3 with objects, a fiscal year from July, and budget
    ],
)
def test_the_follow_up_equals_the_files_own_totals(shared: Path, home: Path, name: str, period: str) -> None:
    export = shared / "data" / "sie" / name
    folder = home / "inbox" / period
    folder.mkdir(parents=True)
    shutil.copy(export, folder / name)
    if period.endswith("-06"):
        (home / "avvik.toml").write_text("fiscal_year_start = 7\n[sources.sie]\nkind = 'ledger'\nfiles = ['*.se']\n" + OWN_LINES)
        (folder / "rapportrader.csv").write_text(
            "Från konto;Till konto;Rapportrad\n1;2;balance\n3;3;external_income\n4;9;personnel\n"
        )
    result = subprocess.run(
        [AVVIK, "run", "--home", str(home), "--period", period], capture_output=True, text=True, timeout=300, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    with duckdb.connect(str(home / "published" / "reporting.duckdb"), read_only=True) as connection:
        totals = connection.execute(
            """
            select sum(outcome_period), sum(budget_year) from marts.follow_up
            where unit_code = 'KOMMUN' and report_period = ? and report_line in ('net', 'investment', 'closing')
            """,
            [period],
        ).fetchone()
    assert stated(export, RES.format(year=0)) != 0
    assert totals == (stated(export, RES.format(year=0)), stated(export, PBUDGET.format(year=0)))


def test_the_example_files_run(home: Path) -> None:
    """What `avvik inputs --write` shows is what `avvik run` takes."""
    folder = home / "inbox" / "2015-03"
    for arguments in (["inputs", "--write", str(folder)], ["run", "--home", str(home), "--period", "2015-03"]):
        result = subprocess.run([AVVIK, *arguments], capture_output=True, text=True, timeout=300, check=False)
        assert result.returncode == 0, result.stdout + result.stderr
    with duckdb.connect(str(home / "published" / "reporting.duckdb"), read_only=True) as connection:
        lines = dict(
            connection.execute(
                "select report_line, outcome_period from marts.follow_up where unit_code = 'KOMMUN' and report_period = '2015-03'"
            ).fetchall()
        )
    assert lines["net"] == Decimal("-348900.50")
    assert lines["internal_income"] == Decimal("12000.00")
