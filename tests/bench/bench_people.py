"""Ten thousand employees over 60 months: time and memory of the readers, of what Python reckons before dbt, and of the marts.

    python tests/bench/bench_people.py [employees] [months]

Prints seconds, seconds beside a bare read of the same files, and the highest memory. Each reader and the marts run in a process
of their own, so that the memory is theirs.
"""

from __future__ import annotations

import csv
import random
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.people.costs import people_costs, write_derived
from orchestration.people.options import PeopleOptions
from orchestration.periods import add_months, month_range
from orchestration.privacy import PersonKey, check_digit
from orchestration.readers.contract import ENTITIES, LOAD, LOAD_COLUMNS, LOAD_ENTITY
from orchestration.readers.tables import read_table
from orchestration.settings import Settings, Source

#: Parental pay above the ceiling, whose share is not shipped.
RULES = "rule,value,unit,valid_from,valid_to,status,source,note\nparental.topup_above,0.8,share,2010-01-01,,assumption,bench,\n"
FIRST = "2019-01"  # five years with every rate


def _write(home: Path, entity: str, rows: list[dict]) -> None:
    schema = pa.schema([*LOAD_COLUMNS, *ENTITIES[entity]])
    folder = home / "raw" / entity
    folder.mkdir(parents=True, exist_ok=True)
    numbered = [{"load_id": entity, "source_file": entity, "source_row": n, **row} for n, row in enumerate(rows, start=1)]
    pq.write_table(pa.Table.from_pylist(numbered, schema=schema), folder / f"{entity}.parquet")


def write_home(home: Path, employees: int, months: int) -> None:
    """Write raw HR tables of a municipality: yearly wage rises, turnover, sickness, parental leave, payroll."""
    rng = random.Random(2019)
    last = add_months(FIRST, months - 1)
    start, end = date.fromisoformat(FIRST + "-01"), date.fromisoformat(last + "-28")
    positions, employments, spells, payroll = [], [], [], []
    for n in range(employees):
        unit, wage = f"{n // 25:04d}", Decimal(rng.randrange(26000, 48000, 50))
        degree = Decimal(rng.choice(["1", "1", "1", "0.75", "0.8", "0.5"])).quantize(Decimal("0.000001"))
        positions.append(
            {"position": f"p{n}", "unit": unit, "degree": degree, "budgeted_wage": wage, "valid_from": date(2010, 1, 1)}
        )
        leaves = start + timedelta(days=rng.randrange(30 * months)) if rng.random() < 0.3 else None
        holders = [(date(2010, 1, 1), leaves)] + ([(leaves + timedelta(days=rng.randrange(1, 120)), None)] if leaves else [])
        for h, (first, gone) in enumerate(holders):
            employment = f"e{n}.{h}"
            for year in range(int(FIRST[:4]) - 1, int(last[:4]) + 1):
                since, until = max(first, date(year, 4, 1)), gone
                if (gone is None or since <= gone) and (since > first or year == int(FIRST[:4]) - 1 or since == first):
                    raised = (wage * Decimal("1.025") ** (year - 2018)).quantize(Decimal(1)).quantize(Decimal("0.01"))
                    terms = {"degree": degree, "monthly_wage": raised, "wage_basis": "full_time", "wage_form": "month"}
                    employments.append(
                        {"employment": employment, "person": employment, "birth_year": 1960 + n % 40, "sex": "FM"[n % 4 == 0],
                         "position": f"p{n}", "unit": unit, **terms, "valid_from": since, "valid_to": until}
                    )  # fmt: skip
            day = max(first, start) + timedelta(days=rng.randrange(60))
            while day < min(gone or end, end):
                length = rng.choice([1, 1, 2, 2, 3, 3, 4, 5, 8, 20]) if rng.random() < 0.95 else rng.randrange(60, 240)
                cause = "parental" if length > 60 and rng.random() < 0.5 else rng.choice(["sick", "sick", "sick", "vab"])
                cause = "sick" if cause == "vab" and length > 5 else cause
                spells.append(
                    {"employment": employment, "person": employment, "cause": cause, "cause_code": cause, "valid_from": day,
                     "valid_to": day + timedelta(days=length - 1), "extent": Decimal("1.000000")}
                )  # fmt: skip
                day += timedelta(days=length + rng.randrange(20, 200))
        for period in month_range(FIRST, last):
            payroll.append(
                {"line_kind": "pay", "period": period, "employment": f"e{n}.0", "person": f"e{n}.0", "wage_type": "100",
                 "account": "5021", "unit": unit, "amount": (wage * degree).quantize(Decimal("0.01"))}
            )  # fmt: skip
    for entity, rows in (
        ("position", positions),
        ("employment", employments),
        ("absence_spell", spells),
        ("payroll_line", payroll),
        ("ledger_line", _ledger(payroll)),
    ):
        _write(home, entity, rows)
    for entity in ENTITIES:
        if not (home / "raw" / entity).exists():
            _write(home, entity, [])
    names = ["position", "employment", "absence_spell", "payroll_line", "ledger_line"]
    common = {"delivery": last, "status": "accepted", "loaded_at": datetime(2024, 1, 1, tzinfo=UTC)}
    loads = [
        common | {"load_id": name, "source": name, "file_name": name, "scope": name, "kind": name, "sequence": n}
        for n, name in enumerate(names)
    ]
    pq.write_table(pa.Table.from_pylist(loads, schema=LOAD), home / "raw" / "load.parquet")
    entities = [{"load_id": "ledger_line", "entity": "ledger_line", "period_from": FIRST, "period_to": last, "rows": 1}]
    pq.write_table(pa.Table.from_pylist(entities, schema=LOAD_ENTITY), home / "raw" / "load_entity.parquet")


def _ledger(payroll: list[dict]) -> list[dict]:
    """Return the payroll as the ledger has it: one row per unit and month."""
    sums: dict[tuple[str, str], Decimal] = {}
    for row in payroll:
        place = row["unit"], row["period"]
        sums[place] = sums.get(place, Decimal(0)) + row["amount"]
    common = {"line_kind": "TRANS", "voucher_series": "L", "voucher_number": "1", "account": "5021"}
    return [common | {"unit": unit, "period": period, "amount": amount} for (unit, period), amount in sums.items()]


def write_exports(home: Path, folder: Path) -> dict[str, Path]:
    """Write the same people as an HR system's CSV files, with identity numbers; return the files by kind."""

    def identity(employment: str) -> str:
        n = int(employment[1:].split(".")[0])
        nine = f"{60 + n % 40:02d}{1 + n % 12:02d}{1 + n % 28:02d}98{n % 10}"
        return f"19{nine[:6]}-{nine[6:]}{check_digit(nine)}"

    layouts = {
        "employment": ("employment", {"Befattning": "position", "Enhet": "unit", "Sysselsättningsgrad": "degree",
                                      "Månadslön heltid": "monthly_wage", "From": "valid_from", "Tom": "valid_to"}),
        "absence": ("absence_spell", {"Frånvaroorsak": "cause_code", "From": "valid_from", "Tom": "valid_to",
                                      "Omfattning": "extent"}),
        "payroll": ("payroll_line", {"Period": "period", "Löneart": "wage_type", "Konto": "account", "Enhet": "unit",
                                     "Belopp": "amount"}),
    }  # fmt: skip
    codes = {"sick": "SJK", "parental": "FPE", "vab": "VAB"}
    files = {}
    for kind, (entity, columns) in layouts.items():
        files[kind] = folder / f"{kind}.csv"
        rows = pl.read_parquet(home / "raw" / entity / f"{entity}.parquet").select("employment", *columns.values())
        with files[kind].open("w", encoding="cp1252", newline="") as file:
            writer = csv.writer(file, delimiter=";")
            writer.writerow(["Personnummer", "Anställningsnummer", *columns])
            for employment, *values in rows.iter_rows():
                told = ["" if v is None else codes.get(str(v), str(v)).replace(".", ",") for v in values]
                writer.writerow([identity(employment), employment, *told])
    return files


def _peak() -> float:
    """Highest memory of this program, MB. Not `getrusage`, which after a fork remembers the parent's."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def measure_reader(kind: str, path: Path) -> None:
    """Read one export in this process and print what it took."""
    clock = time.perf_counter()
    bare_rows = pl.scan_csv(path, separator=";", encoding="utf8-lossy", infer_schema=False).collect().height
    bare = time.perf_counter() - clock
    clock = time.perf_counter()
    reading = read_table(path, Source(kind=kind, files=["*"]), delivery="2023-12", key=PersonKey(Path("bench.key"), b"k" * 32))
    for _ in reading:
        pass
    seconds, peak = time.perf_counter() - clock, _peak()
    kept = reading.summary.rows_kept
    assert kept == bare_rows, f"{kind}: {kept} rows kept of {bare_rows}"
    size = path.stat().st_size / 1e6
    speed = f"{seconds:.1f} s ({size / seconds:.0f} MB/s, {seconds / bare:.0f} × a bare read)"
    print(f"reader {kind}: {kept} rows, {size:.0f} MB in {speed}, memory {peak:.0f} MB")


def measure_marts(home: Path) -> None:
    """Build everything from these raw tables with dbt, without tests, and print what it took."""
    from bench_run import run_dbt

    (home / "warehouse").mkdir()
    run_dbt(home, "seed")
    seconds, used, result = run_dbt(home, "run", "--exclude", "path:models/findings")
    assert result.success, [node.message for node in result.result if str(node.status) == "error"]
    people = ("personnel", "fte", "absence", "sick", "payroll", "int_small", "int_personnel", "int_payroll")
    own = sum(node.execution_time for node in result.result if node.node.name.startswith(people))
    peak = _peak()
    print(f"dbt run: {seconds:.1f} s, {used:.1f} s of CPU, of which people's models {own:.1f} s; memory {peak:.0f} MB")


def main() -> None:
    if sys.argv[1:2] == ["--reader"]:
        measure_reader(sys.argv[2], Path(sys.argv[3]))
        return
    if sys.argv[1:2] == ["--marts"]:
        measure_marts(Path(sys.argv[2]))
        return
    given = sys.argv[1:3] if len(sys.argv) > 2 else ["10_000", "60"]
    employees, months = (int(text.replace("_", "")) for text in given)
    if len(sys.argv) > 3:
        write_home(Path(sys.argv[3]), employees, months)
        return
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        subprocess.run([sys.executable, __file__, str(employees), str(months), folder], check=True)  # memory of its own
        (home / "rules.csv").write_text(RULES, encoding="utf-8")
        settings = Settings(home=home, people=PeopleOptions(absence_rules=Path("rules.csv")))
        before = _peak()
        clock = time.perf_counter()
        scanned = sum(pl.read_parquet(path).height for path in home.glob("raw/*/*.parquet"))
        bare = time.perf_counter() - clock
        clock, cpu = time.perf_counter(), time.process_time()
        tables = people_costs(settings)
        write_derived(settings, tables)
        seconds, cpu = time.perf_counter() - clock, time.process_time() - cpu
        peak = _peak()
        for kind, path in write_exports(home, home).items():
            subprocess.run([sys.executable, __file__, "--reader", kind, str(path)], check=True)
        subprocess.run([sys.executable, __file__, "--marts", str(home)], check=True)
    cost = tables["people_month"]["hr_cost"].sum()
    speed = f"{seconds:.1f} s, {cpu:.1f} s of CPU ({seconds / bare:.0f} × a bare read)"
    print(f"{employees} employees × {months} months, {scanned} rows: {speed}")
    print(f"memory {peak:.0f} MB (before {before:.0f} MB); {tables['people_step'].height} step rows, {cost} SEK")


if __name__ == "__main__":
    main()
