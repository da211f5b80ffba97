"""Which load counts: no row twice, none lost, whatever order files, corrections and settings come in.

Each case is a wrong total that a reviewer once got. `outcome` sums what dbt is told to count, month by month.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from orchestration import ingest
from orchestration.errors import AvvikError
from orchestration.settings import Settings, load_settings

HEAD = "Ansvar;Konto;Datum;Belopp"


def write(home: Path, delivery: str, name: str, rows: list[tuple[str, str]]) -> Path:
    """Write a ledger table: rows of (date, amount)."""
    folder = home / "inbox" / delivery
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text("\n".join([HEAD, *(f"1100;5010;{day};{amount}" for day, amount in rows)]) + "\n")
    return path


def month(period: str, amount: str = "100,00", rows: int = 10) -> list[tuple[str, str]]:
    return [(f"{period}-15", amount)] * rows


def settings_of(home: Path, extra: str = "", name: str = "huvudbok") -> Settings:
    (home / "avvik.toml").write_text(f'[sources.{name}]\nkind = "ledger"\nfiles = ["huvudbok*"]\n{extra}')
    return load_settings(home)


def run(settings: Settings, *deliveries: str) -> list[str]:
    """Take in deliveries; return what stopped any of them."""
    return [problem for delivery in deliveries for problem in ingest.ingest_delivery(settings, delivery).problems]


def outcome(settings: Settings) -> Decimal:
    """Sum what counts: per scope and month, the load with the highest sequence of those that cover it."""
    loads = {
        row["load_id"]: row for row in pq.read_table(settings.raw / "load.parquet").to_pylist() if row["status"] == "accepted"
    }
    best: dict[tuple[str, str], tuple[int, str]] = {}
    for span in pq.read_table(settings.raw / "load_entity.parquet").to_pylist():
        if span["entity"] != "ledger_line":
            continue
        load = loads[span["load_id"]]
        for number in range(1, 13):
            period = f"2025-{number:02d}"
            if span["period_from"] <= period <= span["period_to"]:
                key = (load["scope"], period)
                best[key] = max(best.get(key, (0, "")), (load["sequence"], load["load_id"]))
    total: dict[str, Decimal] = defaultdict(Decimal)
    for (_, period), (_, load_id) in best.items():
        table = pq.read_table(settings.raw / "ledger_line" / f"{load_id}.parquet", columns=["period", "amount"])
        total[period] += sum(row["amount"] for row in table.to_pylist() if row["period"] == period)
    return sum(total.values(), Decimal(0))


def test_turning_on_additions_does_not_count_months_twice(home: Path) -> None:
    settings = settings_of(home)
    for period in ("2025-01", "2025-02", "2025-03"):
        write(home, period, f"huvudbok_{period}.csv", month(period))
    write(home, "2025-03", "huvudbok_2025-03.csv", [*month("2025-03"), ("2025-01-20", "777,00")])
    problems = run(settings, "2025-01", "2025-02", "2025-03")
    assert 'covers = "delivery"' in problems[0]
    settings = settings_of(home, 'covers = "delivery"\n')
    assert run(settings, "2025-01", "2025-02", "2025-03") == []
    assert outcome(settings) == Decimal("3777.00")
    # the next export of March takes the correction back
    write(home, "2025-03", "huvudbok_2025-03.csv", month("2025-03"))
    assert run(settings, "2025-03") == []
    assert outcome(settings) == Decimal("3000.00")


def test_a_renamed_source_reads_the_file_again_and_counts_it_once(home: Path) -> None:
    write(home, "2025-01", "huvudbok_202501.csv", month("2025-01"))
    assert run(load_settings(home), "2025-01") == []
    settings = settings_of(home, name="ekonomisystem")
    assert run(settings, "2025-01") == []
    assert outcome(settings) == Decimal("1000.00")


def test_one_correction_row_does_not_stand_for_a_month_that_comes_later(home: Path) -> None:
    settings = settings_of(home)
    write(home, "2025-03", "huvudbok_2025-03.csv", [*month("2025-03"), ("2025-01-20", "7,00")])
    assert run(settings, "2025-03") == []
    write(home, "2025-02", "huvudbok_2025-02.csv", month("2025-02"))
    assert run(settings, "2025-02") == []
    assert outcome(settings) == Decimal("2007.00")  # February has no row in the March file, so its own file speaks for it
    write(home, "2025-01", "huvudbok_2025-01.csv", month("2025-01"))
    assert "2025-01 1 (10)" in run(settings, "2025-01")[0]


def test_two_files_for_one_month_are_refused_until_the_user_says_which(home: Path) -> None:
    settings = settings_of(home)
    write(home, "2025-01", "huvudbok_BUN.csv", month("2025-01", "200,00"))
    corrected = write(home, "2025-01", "huvudbok_BUN (1).csv", month("2025-01", "300,00"))
    [problem] = run(settings, "2025-01")
    assert "huvudbok_BUN (1).csv" in problem
    assert "parts = true" in problem
    with_parts = settings_of(home, "parts = true\n")
    assert run(with_parts, "2025-01") == []
    assert outcome(with_parts) == Decimal("5000.00")
    settings = settings_of(home)
    (home / "inbox" / "2025-01" / "huvudbok_BUN.csv").unlink()
    assert run(settings, "2025-01") == []
    assert outcome(settings) == Decimal("3000.00")
    assert corrected.exists()


def test_parts_are_told_apart_by_more_than_letters(home: Path) -> None:
    settings = settings_of(home, "parts = true\n")
    write(home, "2025-01", "huvudbok_1100_202501.csv", month("2025-01", "200,00"))
    write(home, "2025-01", "huvudbok_1200_202501.csv", month("2025-01", "100,00"))
    assert run(settings, "2025-01") == []
    assert outcome(settings) == Decimal("3000.00")
    write(home, "2025-02", "huvudbok_1100_202502.csv", [*month("2025-01", "205,00"), *month("2025-02", "1,00")])
    assert run(settings, "2025-02") == []
    assert outcome(settings) == Decimal("3060.00")  # the part's year to date replaces its own January, not the other's


def test_what_lies_in_the_inbox_is_what_counts_also_when_an_old_file_is_put_back(home: Path) -> None:
    settings = settings_of(home)
    path = write(home, "2025-01", "huvudbok.csv", month("2025-01", "100,00"))
    first = path.read_bytes()
    run(settings, "2025-01")
    write(home, "2025-01", "huvudbok.csv", month("2025-01", "105,00"))
    run(settings, "2025-01")
    assert outcome(settings) == Decimal("1050.00")
    path.write_bytes(first)
    assert run(settings, "2025-01") == []
    assert outcome(settings) == Decimal("1000.00")


def test_a_file_taken_away_is_told(home: Path) -> None:
    settings = settings_of(home)
    path = write(home, "2025-01", "huvudbok.csv", month("2025-01"))
    run(settings, "2025-01")
    path.unlink()
    (path.parent / "annat.txt").write_text("x")
    [note] = ingest.ingest_delivery(settings, "2025-01").notes
    assert "huvudbok.csv" in note
    assert "--withdraw" in note
    assert outcome(settings) == Decimal("1000.00")


def test_a_corrected_sign_reads_every_month_again(home: Path) -> None:
    settings = settings_of(home)
    periods = ("2025-01", "2025-02", "2025-03")
    for period in periods:
        write(home, period, f"huvudbok_{period}.csv", month(period, "-100,00"))
    run(settings, *periods)
    assert outcome(settings) == Decimal("-3000.00")
    settings = settings_of(home, 'sign = "natural"\n')
    assert run(settings, "2025-03") == []
    assert outcome(settings) == Decimal("3000.00")


def test_a_month_that_cannot_be_read_again_stops_the_run(home: Path) -> None:
    settings = settings_of(home)
    for period in ("2025-01", "2025-02"):
        write(home, period, f"huvudbok_{period}.csv", month(period, "-100,00"))
    run(settings, "2025-01", "2025-02")
    (home / "inbox" / "2025-01" / "huvudbok_2025-01.csv").unlink()
    settings = settings_of(home, 'sign = "natural"\n')
    [problem] = run(settings, "2025-02")
    assert "2025-01/huvudbok_2025-01.csv" in problem


def test_a_deleted_raw_table_is_read_again(home: Path) -> None:
    settings = settings_of(home)
    write(home, "2025-01", "huvudbok.csv", month("2025-01"))
    run(settings, "2025-01")
    for path in (settings.raw / "ledger_line").glob("[0-9a-f]*.parquet"):
        path.unlink()
    assert run(settings, "2025-01") == []
    assert outcome(settings) == Decimal("1000.00")


def test_an_unreadable_row_is_told_with_its_place(home: Path) -> None:
    settings = settings_of(home)
    write(home, "2025-01", "huvudbok.csv", [*month("2025-01", rows=200), ("2025-01-15", "10 000 000,0O")])
    [file] = ingest.ingest_delivery(settings, "2025-01").files
    assert file.rows_bad == 1
    assert any("row 202" in warning for warning in file.warnings)


@pytest.mark.parametrize("covers", ["periods", "delivery"])
def test_the_same_history_in_any_order_gives_the_same_total(home: Path, covers: str) -> None:
    extra = f'covers = "{covers}"\n'
    for period in ("2025-01", "2025-02", "2025-03"):
        write(home, period, f"huvudbok_{period}.csv", month(period))
    forwards = settings_of(home, extra)
    run(forwards, "2025-01", "2025-02", "2025-03")
    backwards = Settings(home=home.parent / "other", sources=forwards.sources)
    (home.parent / "other").mkdir()
    (home.parent / "other" / "inbox").symlink_to(home / "inbox")
    run(backwards, "2025-03", "2025-02", "2025-01")
    assert outcome(forwards) == outcome(backwards) == Decimal("3000.00")


def test_an_export_that_turns_into_an_error_page_is_refused(home: Path) -> None:
    settings = settings_of(home)
    path = write(home, "2025-01", "huvudbok.csv", month("2025-01"))
    path.write_text(path.read_text() + "<html><body>Session expired</body></html>\n")
    [problem] = run(settings, "2025-01")
    assert "web page" in problem
    assert "row 12" in problem


def test_a_damaged_register_file_is_named(home: Path) -> None:
    settings = settings_of(home)
    write(home, "2025-01", "huvudbok.csv", month("2025-01"))
    run(settings, "2025-01")
    [record] = settings.loads.glob("*.json")
    record.write_text(record.read_text()[:40])
    with pytest.raises(AvvikError, match=record.name):
        run(settings, "2025-01")


def test_a_file_of_budget_changes_does_not_replace_the_budget(home: Path) -> None:
    (home / "avvik.toml").write_text('[sources.budget]\nkind = "budget"\nfiles = ["budget*"]\n')
    settings = load_settings(home)
    for delivery, lines in (("2025-01", 20), ("2025-04", 1)):
        folder = home / "inbox" / delivery
        folder.mkdir(parents=True)
        rows = [f"2025;1100;{5010 + n};1000,00" for n in range(lines)]
        (folder / f"budget_{delivery}.csv").write_text("\n".join(["År;Ansvar;Konto;Årsbudget", *rows]) + "\n")
    assert run(settings, "2025-01") == []
    [problem] = run(settings, "2025-04")
    assert "1 (20)" in problem
