"""Speed and memory of the SIE reader: `python tests/bench/bench_sie.py [MB …]`, each file in a process of its own.

Two files: a real 4E export whose vouchers are repeated (`visma`: about 45 bytes a row; only where ../shared exists) and what a
municipal ledger looks like (`kommun`: five dimensions, a date and a text on every row, CP437). RES, UB and IB are multiplied
with the vouchers, so the whole reconciliation runs and must succeed: a fast reader that loses a row fails here.
"""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path

SHARED = Path(__file__).resolve().parents[2].parent / "shared"


def write_visma(path: Path, megabytes: int) -> None:
    """Write the real file's vouchers as often as it takes, and its balances of the year as many times larger."""
    content = (SHARED / "data/sie/sie-parser__sie4_exempelfil.se").read_bytes()
    start = content.index(b"#VER")
    head, vouchers = content[:start], content[start:]
    times = max(1, round((megabytes * 10**6 - len(head)) / len(vouchers)))

    def larger(match: re.Match[bytes]) -> bytes:
        return match[1] + str(Decimal(match[2].decode()) * times).encode()

    with path.open("wb") as file:
        file.write(re.sub(rb"(?m)^(#(?:IB|UB|RES) 0 \d+ )(-?[\d.]+)", larger, head))
        for _ in range(times):
            file.write(vouchers)


def write_kommun(path: Path, megabytes: int) -> None:
    """Write vouchers of a municipality: 2 000 different ones, repeated."""
    vouchers = []
    for i in range(2000):
        amount = f"{i * 7919 % 90000}.{i % 100:02d}"
        objects = (
            f'{{"1" "{1100 + i % 40}" "20" "0{200 + i % 50}" "21" "A{i % 9}" "6" "P{i % 70:03d}" "22" "{871 if i % 5 else 1}"}}'
        )
        month = i % 3 + 1
        vouchers.append(
            f'#VER L {100000 + i} 2015{month:02d}17 "Hyra för lokal på Åsvägen {i}" 20150401\r\n{{\r\n'
            f'#TRANS {4000 + i % 900} {objects} {amount} 2015{month:02d}17 "Rad från leverantör {i % 300} \\"Ö\\""\r\n'
            f'#TRANS 1930 {{}} -{amount} 2015{month:02d}17 "Rad från leverantör {i % 300}"\r\n}}\r\n'
        )
    head = "#FLAGGA 0\r\n#SIETYP 4\r\n#FNAMN Kommunen\r\n#RAR 0 20150101 20151231\r\n#DIM 1 Ansvar\r\n#DIM 20 Verksamhet\r\n"
    head += "#DIM 21 Aktivitet\r\n#DIM 6 Projekt\r\n#DIM 22 Motpart\r\n"
    block = "".join(vouchers).encode("cp437")
    with path.open("wb") as file:
        file.write(head.encode("cp437"))
        for _ in range(megabytes * 10**6 // len(block) + 1):
            file.write(block)


WRITERS = {"visma": write_visma, "kommun": write_kommun}


def measure(path: Path) -> None:
    """Read one file in this process and print what it took as JSON."""
    from orchestration.readers.sie import read_sie
    from orchestration.settings import Source

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started, used = time.perf_counter(), time.process_time()
    reading = read_sie(path, Source(kind="ledger", files=["*"]))
    rows = sum(table.num_rows for entity, table in reading if entity == "ledger_line")
    seconds, cpu = time.perf_counter() - started, time.process_time() - used
    summary = reading.summary
    written = sum(line.lstrip().startswith(b"#TRANS") for line in path.open("rb"))
    assert rows == written == summary.row_counts["TRANS"], (rows, written)
    assert summary.rows_bad == summary.controls_failed == 0, summary.warnings
    megabytes = path.stat().st_size / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps([megabytes, rows, seconds, cpu, peak / 1024, before / 1024]))


def main(sizes: list[int]) -> None:
    """Write the files, read each in a fresh process, print a table."""
    print(f"{'file':8}{'MB':>7}{'TRANS':>12}{'s':>8}{'MB/s':>8}{'cpu s':>8}{'MB/cpu s':>10}{'peak MB':>9}{'imports MB':>12}")
    with tempfile.TemporaryDirectory() as folder:
        for name in [name for name in WRITERS if name != "visma" or SHARED.is_dir()]:
            for size in sizes:
                path = Path(folder) / f"{name}.se"
                WRITERS[name](path, size)
                done = subprocess.run(
                    [sys.executable, __file__, "--measure", str(path)], check=True, capture_output=True, text=True
                )
                megabytes, rows, seconds, cpu, peak, before = json.loads(done.stdout)
                print(
                    f"{name:8}{megabytes:7.0f}{rows:12}{seconds:8.2f}{megabytes / seconds:8.1f}{cpu:8.2f}{megabytes / cpu:10.1f}"
                    f"{peak:9.0f}{before:12.0f}",
                    flush=True,
                )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(Path(sys.argv[2]))
    else:
        main([int(size) for size in sys.argv[1:]] or [10, 100])
