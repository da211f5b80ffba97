"""Ingest: what is accepted, refused, superseded and remembered. Real readers on small hand-made exports."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orchestration import ingest, register
from orchestration.errors import AvvikError
from orchestration.readers.contract import ENTITIES, Summary
from orchestration.settings import Settings, Source, load_settings


def sie(vouchers: dict[str, list[tuple[str, str]]], *, until: str, generated: str | None = None, year: str = "2015") -> bytes:
    """Return a SIE 4E file: voucher date -> rows (account, amount); RES and UB agree with the rows."""
    lines = ["#FLAGGA 0", "#FORMAT PC8", "#SIETYP 4", '#FNAMN "Ekbacka å"', f"#GEN {generated or until}", f"#OMFATTN {until}"]
    lines += [f"#RAR 0 {year}0101 {year}1231"]
    sums: dict[str, Decimal] = {}
    for rows in vouchers.values():
        for account, amount in rows:
            sums[account] = sums.get(account, Decimal(0)) + Decimal(amount)
    for account, total in sums.items():
        lines.append(f'#KONTO {account} "Konto {account}"')
        lines.append(f"#{'UB' if account < '3' else 'RES'} 0 {account} {total}")
    for number, (day, rows) in enumerate(vouchers.items(), start=1):
        lines += [f'#VER A {number} {day} "Räkning"', "{", *(f"#TRANS {a} {{1 101}} {b}" for a, b in rows), "}"]
    return ("\r\n".join(lines) + "\r\n").encode("cp437")


def month(day: str, amount: str, rows: int = 1) -> dict[str, list[tuple[str, str]]]:
    """Return one voucher of `rows` cost rows against the bank."""
    total = str(-Decimal(amount) * rows)
    return {day: [*[("7410", amount)] * rows, ("1930", total)]}


@pytest.fixture
def settings(home: Path) -> Settings:
    return load_settings(home)


def deliver(settings: Settings, delivery: str, name: str, content: bytes) -> Path:
    folder = settings.inbox / delivery
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(content)
    return path


def raw_files(settings: Settings) -> dict[str, int]:
    return {str(p.relative_to(settings.raw)): p.stat().st_mtime_ns for p in settings.raw.rglob("*") if p.is_file()}


def test_an_accepted_file_is_in_raw_and_in_the_register(settings: Settings) -> None:
    deliver(settings, "2015-01", "ledger.se", sie(month("20150115", "100.25"), until="20150131"))
    result = ingest.ingest_delivery(settings, "2015-01")
    assert result.ok
    [file] = result.files
    assert (file.status, file.source, file.rows_bad) == ("accepted", "ledger", 0)
    [load] = register.read_loads(settings)
    assert (load.period_from, load.period_to, load.status) == ("2015-01", "2015-01", "accepted")
    lines = pq.read_table(settings.raw / "ledger_line" / f"{load.load_id}.parquet")
    assert lines["amount"].to_pylist() == [Decimal("100.25"), Decimal("-100.25")]
    assert lines["source_file"].to_pylist() == ["2015-01/ledger.se"] * 2
    assert lines["source_row"].to_pylist() == sorted(lines["source_row"].to_pylist())
    table = pq.read_table(settings.raw / "load.parquet").to_pylist()
    assert [(row["load_id"], row["sequence"], row["outcome_from"]) for row in table] == [(load.load_id, 1, "TRANS")]
    entities = {row["entity"]: row for row in pq.read_table(settings.raw / "load_entity.parquet").to_pylist()}
    assert entities["ledger_line"]["rows"] == 2
    assert entities["ledger_line"]["amount"] == 0


def test_the_same_file_twice_changes_nothing(settings: Settings) -> None:
    content = sie(month("20150115", "100"), until="20150131")
    deliver(settings, "2015-01", "ledger.se", content)
    ingest.ingest_delivery(settings, "2015-01")
    before = {name: stamp for name, stamp in raw_files(settings).items() if "load" not in name}
    records = register.read_loads(settings)
    deliver(settings, "2015-01", "another name.se", content)
    result = ingest.ingest_delivery(settings, "2015-01")
    assert [file.status for file in result.files] == ["unchanged", "unchanged"]
    assert {name: stamp for name, stamp in raw_files(settings).items() if "load" not in name} == before
    assert register.read_loads(settings) == records


def test_a_newer_export_of_the_same_scope_supersedes_and_both_are_remembered(settings: Settings) -> None:
    january = month("20150115", "100")
    deliver(settings, "2015-01", "ledger.se", sie(january, until="20150131"))
    ingest.ingest_delivery(settings, "2015-01")
    deliver(settings, "2015-02", "ledger.se", sie({**january, **month("20150220", "50")}, until="20150228"))
    ingest.ingest_delivery(settings, "2015-02")
    first, second = register.read_loads(settings)
    assert ingest.superseded_ids(settings, [first, second]) == {first.load_id}


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("ledger.se", b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>", "not_sie"),
        ("ledger.se", sie(month("20150115", "100"), until="20150131")[:-30], "truncated"),
        ("ledger.se", sie(month("20140115", "100"), until="20141231", year="2014"), "wrong_period"),
        ("budget.xlsx", b"PK\x03\x04 not really a workbook", None),
        ("ledger.se", b"", None),
    ],
)
def test_a_file_that_is_not_what_it_claims_is_refused_whole_and_stays_where_it_is(
    settings: Settings, name: str, content: bytes, code: str | None
) -> None:
    path = deliver(settings, "2015-01", name, content)
    result = ingest.ingest_delivery(settings, "2015-01")
    assert not result.ok
    [file] = result.files
    assert file.status == "rejected"
    assert code in (None, file.reason_code)
    assert f"2015-01/{name}" in result.problems[0]
    assert path.read_bytes() == content
    [load] = register.read_loads(settings)
    assert (load.status, load.reason) == ("rejected", file.reason)
    for entity in ENTITIES:
        assert [p.name for p in (settings.raw / entity).iterdir()] == ["_schema.parquet"]


def test_a_refused_file_leaves_the_earlier_load_in_force(settings: Settings) -> None:
    deliver(settings, "2015-01", "ledger.se", sie(month("20150115", "100"), until="20150131"))
    ingest.ingest_delivery(settings, "2015-01")
    deliver(settings, "2015-02", "ledger.se", b"<html>Login</html>")
    assert not ingest.ingest_delivery(settings, "2015-02").ok
    accepted = [load for load in register.read_loads(settings) if load.status == "accepted"]
    assert [load.delivery for load in accepted] == ["2015-01"]


def test_a_copy_of_last_months_file_is_the_wrong_period_even_though_it_is_known(settings: Settings) -> None:
    content = sie(month("20150115", "100"), until="20150131")
    deliver(settings, "2015-01", "ledger.se", content)
    ingest.ingest_delivery(settings, "2015-01")
    deliver(settings, "2015-02", "ledger.se", content)
    result = ingest.ingest_delivery(settings, "2015-02")
    assert [file.reason_code for file in result.files] == ["wrong_period"]
    assert sorted(load.status for load in register.read_loads(settings)) == ["accepted", "rejected"]


LEDGER = "Konto;Ansvar;Period;Ver;Belopp\n"


def table(*months: str) -> bytes:
    return (LEDGER + "".join(f"4010;11;{m};{n};1\n2440;11;{m};{n};-1\n" for n, m in enumerate(months))).encode()


def statuses(result: ingest.DeliveryResult) -> dict[str, str]:
    return {file.file_name.split("/")[1]: file.reason_code or file.status for file in result.files}


def test_a_table_without_the_delivered_month_is_the_wrong_period(settings: Settings) -> None:
    deliver(settings, "2015-03", "huvudbok.csv", table("201501", "201502"))
    result = ingest.ingest_delivery(settings, "2015-03")
    assert statuses(result) == {"huvudbok.csv": "wrong_period"}
    assert "2015-01" in result.problems[0]
    assert "2015-02" in result.problems[0]


@pytest.mark.parametrize(
    ("year", "status"), [(2013, "wrong_period"), (2014, "accepted"), (2015, "accepted"), (2016, "wrong_period")]
)
def test_a_budget_is_for_the_deliverys_year_or_the_next(settings: Settings, year: int, status: str) -> None:
    deliver(settings, "2014-12", "budget.csv", f"År;Konto;Budget\n{year};4010;1\n".encode())
    assert statuses(ingest.ingest_delivery(settings, "2014-12")) == {"budget.csv": status}


def test_a_first_delivery_may_hold_a_file_for_each_closed_year(settings: Settings) -> None:
    for year in (2013, 2014, 2015):
        months = [f"{year}{m:02d}" for m in range(1, 4 if year == 2015 else 13)]
        deliver(settings, "2015-03", f"huvudbok_{year}.csv", table(*months))
        deliver(settings, "2015-03", f"budget_{year}.csv", f"År;Konto;Budget\n{year};4010;1\n".encode())
    for _ in range(2):
        result = ingest.ingest_delivery(settings, "2015-03")
        assert result.ok
        assert {load.period_from for load in register.read_loads(settings) if load.status == "accepted"} == {
            "2013-01",
            "2014-01",
            "2015-01",
        }
    assert set(statuses(result).values()) == {"unchanged"}


def test_history_without_the_months_own_file_is_the_wrong_period(settings: Settings) -> None:
    for year in (2013, 2014):
        deliver(settings, "2015-03", f"huvudbok_{year}.csv", table(f"{year}01", f"{year}12"))
    result = ingest.ingest_delivery(settings, "2015-03")
    assert set(statuses(result).values()) == {"wrong_period"}
    assert [path.name for path in (settings.raw / "ledger_line").iterdir()] == ["_schema.parquet"]


def test_another_file_of_last_month_beside_this_months_is_the_wrong_period(settings: Settings) -> None:
    deliver(settings, "2015-02", "huvudbok_feb.csv", table("201501", "201502"))
    assert ingest.ingest_delivery(settings, "2015-02").ok
    deliver(settings, "2015-03", "huvudbok_feb.csv", table("201502"))
    deliver(settings, "2015-03", "huvudbok_mar.csv", table("201503"))
    assert statuses(ingest.ingest_delivery(settings, "2015-03")) == {
        "huvudbok_feb.csv": "wrong_period",
        "huvudbok_mar.csv": "accepted",
    }


def test_an_export_cut_short_does_not_replace_a_whole_one(settings: Settings) -> None:
    january = month("20150115", "10", rows=40)
    deliver(settings, "2015-01", "ledger.se", sie(january, until="20150131"))
    ingest.ingest_delivery(settings, "2015-01")
    short = {**month("20150115", "10", rows=3), **month("20150220", "50")}
    deliver(settings, "2015-02", "ledger.se", sie(short, until="20150228"))
    result = ingest.ingest_delivery(settings, "2015-02")
    [file] = result.files
    assert (file.status, file.reason_code) == ("rejected", "file_check")
    assert "2015-01 4 (41)" in file.reason
    assert [check.name for check in file.checks if not check.passed] == ["ledger_not_shrinking"]


def test_a_corrected_file_is_accepted_after_a_refusal(settings: Settings) -> None:
    deliver(settings, "2015-01", "ledger.se", b"<html></html>")
    assert not ingest.ingest_delivery(settings, "2015-01").ok
    deliver(settings, "2015-01", "ledger.se", sie(month("20150115", "100"), until="20150131"))
    assert ingest.ingest_delivery(settings, "2015-01").ok


def test_files_that_no_source_claims_are_told_and_do_not_stop_the_run(settings: Settings) -> None:
    deliver(settings, "2015-01", "ledger.se", sie(month("20150115", "100"), until="20150131"))
    deliver(settings, "2015-01", "semesterbild.jpg", b"\xff\xd8")
    result = ingest.ingest_delivery(settings, "2015-01")
    assert result.ok
    assert {file.file_name: file.status for file in result.files}["2015-01/semesterbild.jpg"] == "unclaimed"


def test_a_missing_required_source_stops_the_run_and_is_named(home: Path) -> None:
    (home / "avvik.toml").write_text('[sources.huvudbok]\nkind = "ledger"\nfiles = ["*.se"]\nrequired = true\n')
    settings = load_settings(home)
    deliver(settings, "2015-01", "other.txt", b"x")
    result = ingest.ingest_delivery(settings, "2015-01")
    assert not result.ok
    assert "huvudbok" in result.problems[0]


def test_an_empty_inbox_and_no_history_is_an_error(settings: Settings) -> None:
    with pytest.raises(AvvikError, match="no files to read"):
        ingest.ingest_delivery(settings, "2015-01")


def test_a_run_killed_before_the_commit_leaves_nothing_that_counts(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(settings, "2015-01", "ledger.se", sie(month("20150115", "100"), until="20150131"))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(register, "write_load", killed)
    with pytest.raises(KeyboardInterrupt):
        ingest.ingest_delivery(settings, "2015-01")
    assert register.read_loads(settings) == []
    monkeypatch.undo()
    monkeypatch.setenv("AVVIK_LANGUAGE", "en")
    assert ingest.ingest_delivery(settings, "2015-01").ok
    assert pq.read_table(settings.raw / "load.parquet").num_rows == 1


def test_a_changed_map_reads_the_file_again(home: Path) -> None:
    settings = load_settings(home)
    deliver(settings, "2015-01", "ledger.se", sie(month("20150115", "100"), until="20150131"))
    ingest.ingest_delivery(settings, "2015-01")
    (home / "avvik.toml").write_text('[sources.ledger]\nkind = "ledger"\nfiles = ["*.se"]\ndimensions = {1 = "project"}\n')
    settings = load_settings(home)
    assert [file.status for file in ingest.ingest_delivery(settings, "2015-01").files] == ["accepted"]
    first, second = register.read_loads(settings)
    assert (first.status, second.status) == ("replaced", "accepted")
    lines = pq.read_table(settings.raw / "ledger_line" / f"{second.load_id}.parquet")
    assert set(lines["project"].to_pylist()) == {"101"}


def test_a_withdrawn_load_no_longer_counts_and_is_not_read_again(settings: Settings) -> None:
    deliver(settings, "2015-01", "ledger.se", sie(month("20150115", "100"), until="20150131"))
    ingest.ingest_delivery(settings, "2015-01")
    [load] = register.read_loads(settings)
    ingest.withdraw(settings, load.load_id[:6], "testdata")
    assert pq.read_table(settings.raw / "load.parquet").to_pylist()[0]["status"] == "withdrawn"
    assert pq.read_table(settings.raw / "load_entity.parquet").num_rows == 0
    assert [file.status for file in ingest.ingest_delivery(settings, "2015-01").files] == ["unchanged"]
    with pytest.raises(AvvikError, match="0 accepted loads"):
        ingest.withdraw(settings, load.load_id, "again")


class _Lossy:
    """A reader that loses a row, or money."""

    def __init__(self, rows_in: int, amount: Decimal) -> None:
        self.summary = Summary("CSV", rows_in=rows_in, rows_kept=1, amount_in={"ledger_line": amount})

    def __iter__(self):
        schema = ENTITIES["ledger_line"]
        values = {"line_kind": "TRANS", "amount": Decimal("5.00"), "account": "4010", "period": "2015-01", "source_row": 1}
        yield "ledger_line", pa.Table.from_pylist([{name: values.get(name) for name in schema.names}], schema=schema)


@pytest.mark.parametrize(("rows_in", "amount", "what"), [(2, "5.00", "lost rows"), (1, "6.00", "lost money")])
def test_a_reader_that_loses_rows_or_money_stops_everything(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, rows_in: int, amount: str, what: str
) -> None:
    deliver(settings, "2015-01", "ledger.csv", b"anything")
    monkeypatch.setattr(ingest, "open_reading", lambda *_: _Lossy(rows_in, Decimal(amount)))
    with pytest.raises(RuntimeError, match=what):
        ingest.ingest_delivery(settings, "2015-01")


def test_pending_waits_for_required_sources_and_for_files_being_written(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "avvik.toml").write_text(
        '[sources.huvudbok]\nkind = "ledger"\nfiles = ["*.se"]\nrequired = true\n'
        '[sources.budget]\nkind = "budget"\nfiles = ["budget*"]\n'
    )
    settings = load_settings(home)
    deliver(settings, "2015-01", "budget.csv", b"x")
    monkeypatch.setattr(ingest, "SETTLE_SECONDS", 0)
    assert ingest.pending(settings, "2015-01").missing == ["huvudbok"]
    deliver(settings, "2015-01", "ledger.se", sie(month("20150115", "100"), until="20150131"))
    state = ingest.pending(settings, "2015-01")
    assert (state.complete, state.new_files) == (True, ["budget.csv", "ledger.se"])
    deliver(settings, "2015-01", "ledger2.se.part", b"x")
    assert not ingest.pending(settings, "2015-01").complete
    monkeypatch.setattr(ingest, "SETTLE_SECONDS", 3600)
    (settings.inbox / "2015-01" / "ledger2.se.part").unlink()
    assert not ingest.pending(settings, "2015-01").complete


def test_parts_of_a_delivery_have_scopes_of_their_own(home: Path) -> None:
    source = Source(kind="ledger", files=["*.se"], parts=True)
    settings = Settings(home=home, sources={"huvudbok": source})
    deliver(settings, "2015-01", "skola_201501.se", sie(month("20150115", "100"), until="20150131"))
    deliver(settings, "2015-01", "vård_201501.se", sie(month("20150116", "70"), until="20150131"))
    ingest.ingest_delivery(settings, "2015-01")
    scopes = {register.scope_of(settings, load) for load in register.read_loads(settings)}
    assert scopes == {"huvudbok:skola", "huvudbok:vård"}
    assert ingest.superseded_ids(settings, register.read_loads(settings)) == set()
