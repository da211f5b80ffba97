"""Speed and memory of the table reader: `python tests/bench/bench_tables.py [MB …]`, each file in a process of its own.

Two files: a real one repeated (`calderdale`: commas, decimal point, UTF-8; only where ../shared exists) and what a municipal
ledger looks like (`ledger`: semicolons, `1 234,56`, cp1252, 13 columns, quotes in every tenth row).
"""

from __future__ import annotations

import gzip
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SHARED = Path(__file__).resolve().parents[2].parent / "shared"


def write_ledger(path: Path, megabytes: int) -> None:
    """Write a ledger of the given size: 2 000 different rows, repeated."""
    head = "Verserie;Vernr;Bokföringsdatum;Period;Konto;Ansvar;Verksamhet;Projekt;Motpart;Text;Leverantör;Fakturanr;Belopp\r\n"
    rows = []
    for i in range(2000):
        text = f'"Köp av tjänst, ""ordinarie"" {i}"' if i % 10 == 0 else f"Hyra för lokal på Åsvägen {i}"
        amount = f"{i * 7919 % 90000:,}".replace(",", " ") + f",{i % 100:02d}"
        sign = "-" if i % 3 == 0 else ""
        rows.append(
            f"L;{100000 + i};2015-{i % 12 + 1:02d}-17;2015{i % 12 + 1:02d};{4000 + i % 900};{1100 + i % 40};0{200 + i % 50};"
            f"{'P12' if i % 7 == 0 else ''};{'871' if i % 5 == 0 else ''};{text};Leverantör {i % 300} AB;F-{i};{sign}{amount}\r\n"
        )
    block = "".join(rows).encode("cp1252")
    with path.open("wb") as file:
        file.write(head.encode("cp1252"))
        for _ in range(megabytes * 10**6 // len(block) + 1):
            file.write(block)


def write_calderdale(path: Path, megabytes: int) -> None:
    """Write the real file's rows as often as it takes."""
    head, _, rows = gzip.decompress((SHARED / "data/municipal/calderdale_supplier_spend_monthly.csv.gz").read_bytes()).partition(
        b"\n"
    )
    with path.open("wb") as file:
        file.write(head + b"\n")
        for _ in range(megabytes * 10**6 // len(rows) + 1):
            file.write(rows)


COLUMNS = {"ledger": {}, "calderdale": {"period": "file_month", "unit": "unit", "account": "acct", "amount": "amount"}}


def measure(name: str, path: Path) -> None:
    """Read one file in this process and print what it took as JSON."""
    from orchestration.readers.tables import read_table
    from orchestration.settings import Source

    started, used = time.perf_counter(), time.process_time()
    reading = read_table(path, Source(kind="ledger", files=["*"], columns=COLUMNS[name]))
    for _ in reading:
        pass
    seconds = time.perf_counter() - started
    processor = time.process_time() - used
    size = path.stat().st_size / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps(
            {
                "file": name, "MB": round(size), "s": round(seconds, 2), "cpu s": round(processor, 2),
                "MB/s": round(size / seconds, 1),
                "rows/s": round(reading.summary.rows_in / seconds), "peak MB": round(peak), "rows": reading.summary.rows_in,
            }
        )
    )  # fmt: skip


def main() -> None:
    """Write the files, and measure each in a fresh process."""
    if len(sys.argv) == 4 and sys.argv[1] == "--measure":
        measure(sys.argv[2], Path(sys.argv[3]))
        return
    writers = {"ledger": write_ledger} | ({"calderdale": write_calderdale} if SHARED.is_dir() else {})
    for megabytes in map(int, sys.argv[1:] or ["10", "100"]):
        for name, write in writers.items():
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"{name}.csv"
                write(path, megabytes)
                subprocess.run([sys.executable, __file__, "--measure", name, str(path)], check=True)


if __name__ == "__main__":
    main()
