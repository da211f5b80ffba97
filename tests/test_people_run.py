"""`avvik run` on HR exports: real PAXml files, and a year whose PO rate nobody has found."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import polars as pl
import pytest

from orchestration import register
from orchestration.settings import load_settings

AVVIK = str(Path(sys.executable).with_name("avvik"))
SETTINGS = """
[sources.hr]
kind = "hr"
files = ["*.xml"]
parts = true
"""
#: Rows that become rows of each real file, counted by eye in the file, and of those that are set aside.
REAL = {
    "demo_2022-10_bom.xml": ({"employment": 2, "absence_spell": 2, "time_line": 6, "payroll_line": 2}, 0),
    "excel_converted.xml": ({"schedule_day": 34}, 0),
    "salary.xml": ({"employment": 1, "absence_spell": 1, "time_line": 39}, 25),
    "sample_01.xml": ({"absence_spell": 7, "time_line": 18, "payroll_line": 3}, 0),
    "sample_02.xml": ({"absence_spell": 2, "schedule_day": 3, "payroll_line": 1}, 6),
}


def run(home: Path) -> subprocess.CompletedProcess[str]:
    command = [AVVIK, "run", "--home", str(home), "--period", "2024-10"]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def bridge(home: Path) -> dict[str, str]:
    with duckdb.connect(str(home / "published" / "reporting.duckdb"), read_only=True) as connection:
        rows = connection.execute(
            "select step, amount_month from marts.personnel_bridge where unit_code = 'KLK' and not is_memo and amount_month <> 0"
        ).fetchall()
    return {step: str(amount) for step, amount in rows}


def test_real_paxml_files_are_read_and_a_year_without_a_rate_can_be_got_out_of(
    shared: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVVIK_PERSON_KEY_FILE", str(home.parent / "keys" / "person.key"))
    inbox = home / "inbox" / "2024-10"
    inbox.mkdir(parents=True)
    (home / "avvik.toml").write_text(SETTINGS, encoding="utf-8")
    for name in REAL:
        shutil.copy(shared / "data" / "paxml" / name, inbox / name)
    (inbox / "huvudbok.csv").write_text(
        "Serie;Vernr;Datum;Konto;Ansvar;Text;Belopp\nA;1;2024-10-25;5010;KLK;Löner;40000,00\nA;1;2024-10-25;1930;;;-40000,00\n",
        encoding="utf-8",
    )
    (inbox / "personalstat.csv").write_text(
        "Position;Ansvar;Sysselsättningsgrad;Heltidslön;Fr.o.m.\nP1;KLK;1;40000;2024-01-01\n", encoding="utf-8"
    )
    half = (inbox / "sample_01.xml").read_bytes()
    (inbox / "half.xml").write_bytes(half[: len(half) // 2])

    # 1. A half-written file stops the run, and is named with its reason.
    stopped = run(home)
    assert stopped.returncode == 1, stopped.stdout + stopped.stderr
    assert "half.xml" in stopped.stderr + stopped.stdout
    refused = {load.file_name: load.reason for load in register.read_loads(load_settings(home)) if load.status == "rejected"}
    assert set(refused) == {"2024-10/half.xml"}
    assert refused["2024-10/half.xml"]
    (inbox / "half.xml").unlink()

    # 2. All real files are read; PO for 2024 is not known: published, without a bridge, and loudly.
    published = run(home)
    told = published.stdout + published.stderr
    assert published.returncode == 0, told
    for part in ("PO-pålägg", "2024", "po_rates.csv", "people.po_rates"):
        assert part in told
    loads = {load.file_name: load for load in register.read_loads(load_settings(home)) if load.status == "accepted"}
    for name, (rows, aside) in REAL.items():
        load = loads[f"2024-10/{name}"]
        found = {entity: known.rows for entity, known in load.entities.items() if entity != "reject" and known.rows}
        assert (found, load.rows_set_aside, load.rows_bad) == (rows, aside, 0), name
    assert bridge(home) == {"no_hr_data": "-40000.00"}

    # 3. The municipality's own rate, and the same run has its bridge.
    (home / "po.csv").write_text(
        "component,percent,valid_from,valid_to,born_from,born_to,status,source,note\ntotal,45,2024-01-01,,,,source,beslut,\n",
        encoding="utf-8",
    )
    with (home / "avvik.toml").open("a", encoding="utf-8") as file:
        file.write('\n[people]\npo_rates = "po.csv"\n')
    explained = run(home)
    assert explained.returncode == 0, explained.stdout + explained.stderr
    assert "po_rates.csv" not in explained.stdout + explained.stderr
    steps = bridge(home)
    assert steps["vacancy"] == "58000.00"  # 40 000 × 1.45: nobody holds the position
    assert "no_hr_data" not in steps
    assumption = pl.read_parquet(home / "published" / "personnel_assumption.parquet")
    assert assumption.filter(pl.col("status") == "missing").is_empty()
