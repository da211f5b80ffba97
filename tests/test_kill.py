"""A run killed at any moment leaves the last publication whole, and a plain rerun ends where an undisturbed run would have.

`AVVIK_KILLS` sets how many moments are tried (`make bench` tries twenty), `AVVIK_KILL_SEED` which.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

KILLS = int(os.environ.get("AVVIK_KILLS", "2"))
SEED = int(os.environ.get("AVVIK_KILL_SEED", "1"))
AVVIK = str(Path(sys.executable).with_name("avvik"))


def delivery(home: Path, last_month: int, rows: int = 400) -> None:
    """Write a year-to-date SIE export with `rows` vouchers a month, and nothing else."""
    lines = ["#FLAGGA 0", "#FORMAT PC8", "#SIETYP 4", f"#GEN 2015{last_month:02d}28", f"#OMFATTN 2015{last_month:02d}28"]
    lines += ["#RAR 0 20150101 20151231", '#DIM 1 "Ansvar"', '#KONTO 7410 "Konsulter"', '#KONTO 1930 "Bank"']
    for month in range(1, last_month + 1):
        for number in range(rows):
            amount = 100 + number + month / 100
            lines += [f'#VER A {month}{number:04d} 2015{month:02d}{number % 28 + 1:02d} "Faktura"', "{"]
            lines += [f'#TRANS 7410 {{1 "{10 + number % 5}"}} {amount:.2f}', f"#TRANS 1930 {{}} {-amount:.2f}", "}"]
    folder = home / "inbox" / f"2015-{last_month:02d}"
    folder.mkdir(parents=True)
    (folder / "ledger.se").write_bytes(("\r\n".join(lines) + "\r\n").encode("cp437"))


def run(home: Path, period: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [AVVIK, "run", "--home", str(home), "--period", period],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(home: Path, period: str) -> None:
    process = run(home, period)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output


def content(home: Path) -> dict[str, tuple[int, int]]:
    """Return rows and an order-free fingerprint of every published mart; fails where the publication is not whole."""
    with duckdb.connect(str(home / "published" / "reporting.duckdb"), read_only=True) as connection:
        tables = connection.execute("select table_name from duckdb_tables() where schema_name = 'marts'").fetchall()
        found = {}
        for (mart,) in tables:
            columns = connection.execute("select column_name from duckdb_columns() where table_name = ?", [mart]).fetchall()
            kept = ", ".join(f'"{name}"' for (name,) in columns if name != "loaded_at")
            query = f"select count(*), coalesce(bit_xor(hash(row({kept}))), 0) from "
            found[mart] = connection.execute(f"{query} marts.{mart}").fetchone()
            in_parquet = connection.execute(f"{query} read_parquet('{home}/published/{mart}.parquet')").fetchone()
            assert in_parquet == found[mart], f"{mart}: Parquet and DuckDB differ"
    assert found["follow_up"][0] > 0
    return found


def test_a_killed_run_never_harms_what_is_published(tmp_path: Path) -> None:
    before = tmp_path / "before"
    delivery(before, 1)
    finish(before, "2015-01")
    delivery(before, 2)

    undisturbed = tmp_path / "undisturbed"
    shutil.copytree(before, undisturbed, symlinks=True)
    started = time.monotonic()
    finish(undisturbed, "2015-02")
    duration = time.monotonic() - started
    old, new = content(before), content(undisturbed)
    assert old != new

    moments = random.Random(SEED)
    killed_at_work = 0
    for number in range(KILLS):
        home = tmp_path / f"killed_{number}"
        shutil.copytree(before, home, symlinks=True)
        moment = moments.uniform(0.05, 1.0) * duration
        process = run(home, "2015-02")
        try:
            process.wait(timeout=moment)
        except subprocess.TimeoutExpired:
            killed_at_work += 1
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        after_kill = content(home)
        assert after_kill in (old, new), f"killed after {moment:.2f} s: the publication is neither the old nor the new one"
        finish(home, "2015-02")
        assert content(home) == new, f"killed after {moment:.2f} s: the rerun's result differs"
        left = "new" if after_kill == new else "old"
        print(f"killed after {moment:5.2f} of {duration:.2f} s: the {left} publication whole, the rerun equal")
        shutil.rmtree(home)
    if not killed_at_work:
        pytest.fail("no run was killed before it ended: the test shows nothing")
