"""What avvik writes is searched for people: after runs on HR files with identity numbers in the wrong places, and gallring.

The inbox is the user's own and is not searched.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import duckdb
import openpyxl
import polars as pl
import pyarrow.parquet as pq
import pytest

from orchestration import register
from orchestration.errors import SettingsError
from orchestration.ingest import ingest_delivery
from orchestration.privacy import find_identities
from orchestration.readers.contract import ENTITIES_HR
from orchestration.retention import printed, purge, retention_day
from orchestration.settings import Settings, load_settings

PDFTOTEXT = shutil.which("pdftotext")

#: Skatteverket's and the standard's own examples: nobody's.
NUMBERS = ("198112289874", "196709199530", "191212121212")
NAMES = ("Zebulon", "Hemligsson", "Qvintina", "Privatström")

SETTINGS = """
municipality = "Provköping"
[sources.employment]
kind = "employment"
files = ["anställning*"]
max_bad_rows = 0.9
[sources.absence]
kind = "absence"
files = ["frånvaro*", "franvaro*"]
max_bad_rows = 0.9
[sources.payroll]
kind = "payroll"
files = ["lon_*"]
max_bad_rows = 0.9
"""

PAXML = """<?xml version="1.0" encoding="utf-8"?>
<paxml xmlns="http://www.paxml.se/2.0/paxml.xsd"><header><format>LÖNIN</format><version>2.0</version>
<foretagorgnr>811228-9874</foretagorgnr></header>
<tidtransaktioner>
<tidtrans anstid="811228-9874" persnr="811228-9874"><tidkod>SJK</tidkod><datumfrom>2015-01-05</datumfrom>
<datumtom>2015-01-09</datumtom><info>Zebulon Hemligsson 811228-9874 mår dåligt</info></tidtrans>
<tidtrans anstid="2" persnr="670919-9530"><tidkod>670919-9530</tidkod><datum>2015-03-41</datum></tidtrans>
<tidtrans anstid="2" persnr="6709199530"><tidkod>VAB</tidkod><datum>2015-03-17</datum><timmar>8</timmar></tidtrans>
</tidtransaktioner>
<personal><person anstid="2" persnr="19670919-9530"><namn>Qvintina Privatström</namn><anstdatum>2012-01-01</anstdatum></person>
</personal></paxml>
"""


def ledger(month: str) -> str:
    rows = [
        f"A;1;{month}-25;5010;KLK;Löner;20000,00",
        f"A;1;{month}-25;3110;KLK;Avgifter;-1500,50",
        f"A;1;{month}-25;1930;;;-18499,50",
    ]
    return "\n".join(["Serie;Vernr;Datum;Konto;Ansvar;Text;Belopp", *rows]) + "\n"


def write_inbox(home: Path) -> None:
    january, march = home / "inbox" / "2015-01", home / "inbox" / "2015-03"
    for folder in (january, march):
        folder.mkdir(parents=True)
        (folder / "huvudbok.csv").write_text(ledger(folder.name), encoding="utf-8")
    (home / "avvik.toml").write_text(SETTINGS, encoding="utf-8")
    heads = "Personnummer;Namn;Anst.nr;Befattning;Ansvar;Syss.grad;Heltidslön;Fr.o.m.;T.o.m.;Anmärkning"
    (january / "anställningar.csv").write_text(
        f"""{heads}
198112289874;Zebulon Hemligsson;8112289874;151010;KLK;100 %;34000;2012-01-01;2015-01-31;slutar, 811228-9874
670919-9530;Qvintina Privatström;2;151010;KLK;75;33000;2012-01-01;tills vidare;
""",
        encoding="utf-8",
    )
    (march / "anställningar.csv").write_text(
        f"""{heads}
670919-9530;Qvintina Privatström;2;151010;KLK;75;9999999;2012-01-01;tv;ring 19121212-1212
Qvintina Privatström;670919-9530;2;670919-9530;KLK;75;33000;2012-01-01;;
19121212-1212;Zebulon Hemligsson;3;151010;KLK;Zebulon Hemligsson;33000;2012-01-01;;
""",
        encoding="utf-8",
    )
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "811228-9874"
    for row in (
        ["Frånvaro för Zebulon Hemligsson 811228-9874"],
        ["Personnummer", "Namn", "Frånvaroorsak", "Fr.o.m.", "T.o.m.", "Omfattning"],
        [8112289874, "Zebulon Hemligsson", "Sjuk", date(2015, 1, 12), date(2015, 1, 16), 1],
        ["6709199530", "Qvintina Privatström", "Vård av barn", date(2015, 3, 2), date(2015, 3, 3), 0.5],
        ["6709199530", "Qvintina Privatström", "Qvintina Privatström 670919-9530", date(2015, 3, 4), date(2015, 3, 5), "50 %"],
        ["670919-9530", "Qvintina Privatström", "Sjuk", date(2015, 3, 9), date(2015, 3, 6), "100 %"],
        ["670919-9530", "Qvintina Privatström", "Sjuk", "Zebulon Hemligsson", "670919-9530", "670919-9530"],
    ):
        sheet.append(row)
    book.save(march / "Frånvaro.xlsx")
    (january / "hr.xml").write_text(PAXML, encoding="utf-8")
    (march / "lon_mars.csv").write_text(
        "Löneperiod;Personnr;Namn;Löneart;Konto;Ansvar;Belopp\n"
        "2015-01;8112289874;Zebulon Hemligsson;100;5010;KLK;20000\n2015-03;6709199530;Q;100;5010;670919-9530;20000\n"
        "2015-03;6709199530;Qvintina Privatström;100;5010;KLK;20000\n",
        encoding="utf-8",
    )
    (march / "kommentar.csv").write_text("Period;Enhet;Rad;Kommentar\n2015-03;KLK;;811228-9874 är sjuk\n", encoding="utf-8")


#: Files that are refused whole: a number in the name, no headers, a page instead of a table.
REFUSED = {
    "franvaro_8112289874.csv": "Anst.nr;Orsak;Fr.o.m.;T.o.m.\n1;Sjuk;2015-03-01;2015-03-02\n",
    "lon_utan_rubrik.csv": "2015-03;811228-9874;Zebulon Hemligsson;100;20000\n2015-03;670919-9530;Qvintina Privatström;100;1\n",
    "personalstat.csv": "Zebulon Hemligsson;811228-9874\nQvintina Privatström;670919-9530\n",
}


def avvik(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "orchestration.cli", *arguments, "--home", str(home)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"COLUMNS": "400"})


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a home after a refused run and a published one on HR files; what they printed lies in it."""
    home = tmp_path_factory.mktemp("used") / "home"
    write_inbox(home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AVVIK_PERSON_KEY_FILE", str(home.parent / "keys" / "person.key"))
        patch.setenv("AVVIK_LANGUAGE", "sv")
        for name, content in REFUSED.items():
            (home / "inbox" / "2015-03" / name).write_text(content, encoding="utf-8")
        (home / "inbox" / "2015-03" / "8112289874.dat").write_text("x", encoding="utf-8")
        refused = avvik(home, "run", "--period", "2015-01..2015-03")
        for name in REFUSED:
            (home / "inbox" / "2015-03" / name).unlink()
        published = avvik(home, "run", "--period", "2015-01..2015-03")
        for name, done in (("refused", refused), ("published", published)):
            (home / f"{name}.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
        assert refused.returncode == 1, refused.stderr
        assert published.returncode in (0, 3), published.stdout + published.stderr
        yield home


def wanted() -> list[str]:
    """Return every writing of the numbers that is searched for, and the names."""
    found = list(NAMES)
    for number in NUMBERS:
        for text in (number, number[2:]):
            found += [text[:-4] + separator + text[-4:] for separator in ("", "-", "+", " ", "–")]
    return found


def write_pdf(path: Path, text: str) -> None:
    """Write a page whose text lies compressed, as a browser does."""
    shown = text.replace("(", r"\(").replace(")", r"\)")
    stream = zlib.compress(f"BT /F1 12 Tf 50 700 Td ({shown}) Tj ET".encode("latin-1"))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d /Filter /FlateDecode >>\nstream\n%b\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    content, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(content))
        content += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"xref\n0 6\n0000000000 65535 f \n%btrailer << /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF"
    path.write_bytes(content + end % (table, len(content)))


def texts(path: Path) -> Iterator[bytes]:
    """Yield a file's content as it can be searched: its bytes, and what compressed formats hold."""
    yield path.read_bytes()
    if path.suffix == ".parquet":
        file = pq.ParquetFile(path)
        yield str(file.schema_arrow.metadata).encode()
        yield file.read().to_pandas().to_csv().encode()
    elif path.suffix == ".duckdb":
        with duckdb.connect(str(path), read_only=True) as connection:
            for schema, table in connection.execute("select schema_name, table_name from duckdb_tables()").fetchall():
                yield connection.execute(f'select * from "{schema}"."{table}"').df().to_csv().encode()
    elif path.suffix == ".db":
        with closing(sqlite3.connect(path)) as connection:
            for (name,) in connection.execute("select name from sqlite_master where type = 'table'").fetchall():
                yield repr(connection.execute(f'select * from "{name}"').fetchall()).encode()
    elif path.suffix == ".pdf":
        yield subprocess.run([PDFTOTEXT or "pdftotext", path, "-"], capture_output=True, check=True).stdout
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                yield archive.read(name)


def traces(home: Path) -> list[tuple[str, str]]:
    """Return (file, what) for every trace of a person in what avvik wrote."""
    found = []
    needles = {form: {form.encode(code) for code in ("utf-8", "utf-16-le", "cp1252")} for form in wanted()}
    for path in sorted(home.rglob("*")):
        if not path.is_file() or path.is_symlink() or path.is_relative_to(home / "inbox"):
            continue
        if path.suffix == ".pdf" and PDFTOTEXT is None:
            continue
        for content in texts(path):
            found += [
                (str(path.relative_to(home)), form) for form, ways in needles.items() if any(way in content for way in ways)
            ]
        found += [(str(path.relative_to(home)), form) for form in wanted() if form in path.name]
    return found


def test_no_person_is_found_in_what_avvik_wrote(used: Path) -> None:
    """The reports are text on HR figures, comments and findings; the comment of write_inbox names a number."""
    folders = {
        "raw": ".parquet",
        "derived": ".parquet",
        "warehouse": ".duckdb",
        "publications": ".duckdb",
        "reports": ".xlsx",
        ".dagster": ".db",
        "published.txt": ".txt",
    }
    for folder, suffix in folders.items():
        at = used / folder
        assert [path for path in ([at] if at.is_file() else at.rglob("*")) if path.suffix == suffix], folder
    assert traces(used) == []


def test_no_person_is_found_in_the_pdf_reports(used: Path) -> None:
    reports = list((used / "reports").rglob("*.pdf"))
    if not reports or PDFTOTEXT is None:
        pytest.skip("no PDF was searched: needs Chromium to write one and pdftotext (poppler) to read it")
    assert all(b"".join(texts(path)).count(b"Personalkostnader") for path in reports)
    assert traces(used / "reports") == []


@pytest.mark.parametrize("kind", ["text", "parquet", "duckdb", "zip", "sqlite", "pdf"])
def test_the_search_finds_what_is_planted(kind: str, tmp_path: Path) -> None:
    text = "Anmärkning: 19811228-9874 (Zebulon)" * 50
    if kind == "text":
        (tmp_path / "log.txt").write_text(text, encoding="utf-16")
    elif kind == "parquet":
        pl.DataFrame({"reason": [text]}).write_parquet(tmp_path / "x.parquet", compression="zstd")
    elif kind == "duckdb":
        with duckdb.connect(str(tmp_path / "x.duckdb")) as connection:
            connection.execute("create table t as select ? as reason", [text])
    elif kind == "zip":
        with zipfile.ZipFile(tmp_path / "x.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("sheet1.xml", text)
    elif kind == "pdf":
        if PDFTOTEXT is None:
            pytest.skip("needs pdftotext (poppler)")
        write_pdf(tmp_path / "x.pdf", "Anm: 19811228-9874 (Zebulon)")
    else:
        with sqlite3.connect(tmp_path / "x.db") as connection:
            connection.execute("create table t (event text)")
            connection.execute("insert into t values (?)", [text])
    assert {form for _, form in traces(tmp_path)} >= {"19811228-9874", "811228-9874", "Zebulon"}


def test_the_rows_arrived_and_the_bad_ones_have_their_reasons(used: Path) -> None:
    raw = used / "raw"
    rows = {entity: pl.read_parquet(raw / entity / "*.parquet", glob=True) for entity in ENTITIES_HR}
    assert {entity: rows[entity].height for entity in ("employment", "absence_spell", "payroll_line")} == {
        "employment": 4,
        "absence_spell": 5,
        "payroll_line": 2,
    }
    people = rows["absence_spell"]["person"].unique()
    assert len(people) == 2  # the same two under five writings, in CSV, Excel and PAXml
    assert set(people) <= set(rows["employment"]["person"])
    assert rows["employment"].filter(pl.col("person") == pl.col("person").first())["sex"].unique().to_list() == ["M"]
    rejects = pl.read_parquet(raw / "reject" / "*.parquet").filter("is_bad")
    codes = set(rejects["reason_code"])
    assert {"personal_number", "degree_unreadable", "ends_before_start", "valid_from_unreadable", "date_invalid"} <= codes
    refused = (used / "refused.txt").read_text(encoding="utf-8")
    assert "personnummer" in refused
    assert "franvaro_******-****.csv" in refused
    assert not list(find_identities(refused))


# ---------------------------------------------------------------- gallring


SUMS = ("people_month", "people_step", "people_absence", "people_time", "payroll_month")


@pytest.fixture
def settings(used: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("AVVIK_PERSON_KEY_FILE", str(used.parent / "keys" / "person.key"))
    copy = shutil.copytree(used, tmp_path / "home", symlinks=True)
    return load_settings(copy)


def rows_of(settings: Settings, entity: str) -> pl.DataFrame:
    return pl.read_parquet(settings.raw / entity / "*.parquet")


def test_a_dry_run_changes_nothing(settings: Settings) -> None:
    before = {path: path.stat().st_mtime_ns for path in settings.home.rglob("*") if path.is_file()}
    result = purge(settings, date(2015, 3, 1), confirmed=False)
    assert {path: path.stat().st_mtime_ns for path in settings.home.rglob("*") if path.is_file()} == before
    assert (result.done, retention_day(settings)) == (False, None)
    assert sum(count.old for count in result.tables) > 0


def test_gallring_removes_old_detail_and_proves_it(settings: Settings) -> None:
    gone = rows_of(settings, "payroll_line").filter(pl.col("period") == "2015-01")["person"].to_list()
    sums = {name: pl.read_parquet(settings.home / "derived" / f"{name}.parquet") for name in SUMS}
    result = purge(settings, date(2015, 3, 1), confirmed=True)
    assert result.problems == []
    assert {count.table: (count.before, count.after) for count in result.tables if count.old} == {
        "employment": (4, 2),  # the January register was replaced in March, the PAXml one was not
        "absence_spell": (5, 3),
        "payroll_line": (2, 1),
    }
    assert result.pseudonyms == 3  # one person, whose employment number is written in two ways
    for path in settings.raw.rglob("*.parquet"):
        assert gone[0] not in path.read_bytes().decode("latin-1")
        assert gone[0] not in str(pq.read_table(path).to_pydict())
    assert result.inbox == ["2015-01/anställningar.csv", "2015-01/hr.xml"]
    assert result.inbox_newer == ["2015-03/Frånvaro.xlsx", "2015-03/lon_mars.csv"]
    assert result.unsearched == ([] if PDFTOTEXT else sorted(result.unsearched))
    now = {name: pl.read_parquet(settings.home / "derived" / f"{name}.parquet") for name in SUMS}
    assert all(now[name].sort(pl.all()).equals(sums[name].sort(pl.all())) for name in SUMS)
    assert not (settings.home / "derived" / "kept").exists()
    loads = {load.file_name: load for load in register.read_loads(settings)}
    payroll = loads["2015-03/lon_mars.csv"]
    assert (payroll.purged_before, payroll.entities["payroll_line"].rows) == ("2015-03-01", 1)
    assert str(payroll.entities["payroll_line"].amount) == "20000.00"


def test_what_was_removed_does_not_come_back(settings: Settings) -> None:
    purge(settings, date(2015, 3, 1), confirmed=True)
    left = {entity: rows_of(settings, entity).height for entity in ENTITIES_HR}
    for delivery in ("2015-01", "2015-03"):
        ingest_delivery(settings, delivery)
    assert {entity: rows_of(settings, entity).height for entity in ENTITIES_HR} == left
    # another way of reading reads every file anew
    for name in ("employment", "absence", "payroll", "hr"):
        settings.sources[name].header_row = settings.sources[name].header_row
        settings.sources[name].causes = {"egen": "leave"}
    for delivery in ("2015-01", "2015-03"):
        ingest_delivery(settings, delivery)
    again = {load.load_id for load in register.read_loads(settings) if register.counts(settings, load)}
    for entity in ENTITIES_HR:
        now = rows_of(settings, entity).filter(pl.col("load_id").is_in(again))
        assert now.height == left[entity], entity
    purged = pl.read_parquet(settings.raw / "reject" / "*.parquet").filter(pl.col("reason_code") == "purged")
    assert purged.height > 0
    assert purge(settings, date(2015, 3, 1), confirmed=True).problems == []


@pytest.mark.parametrize("name", ["notes.log", "reports/x.xlsx", "reports/x.pdf", "publications/old/x.parquet", "x.db"])
def test_the_proof_can_fail(settings: Settings, name: str) -> None:
    gone = rows_of(settings, "payroll_line").filter(pl.col("period") == "2015-01")["person"].item()
    place = settings.home / name
    place.parent.mkdir(exist_ok=True)
    if place.suffix == ".xlsx":
        book = openpyxl.Workbook()
        book.active.append([f"… {gone} …"])
        book.save(place)
    elif place.suffix == ".pdf":
        if PDFTOTEXT is None:
            pytest.skip("needs pdftotext (poppler)")
        write_pdf(place, gone)
    elif place.suffix == ".parquet":
        pl.DataFrame({"person": [gone]}).write_parquet(place)
    elif place.suffix == ".db":
        with closing(sqlite3.connect(place)) as connection:
            connection.execute("create table event (body text)")
            connection.execute("insert into event values (?)", ["0" * 475 + gone + "0" * 4000])
            connection.commit()
        assert gone.encode() not in place.read_bytes()  # SQLite broke it at the edge of a page
    else:
        place.write_text(f"… {gone} …", encoding="utf-8")
    result = purge(settings, date(2015, 3, 1), confirmed=True)
    if name.startswith("publications"):  # an older publication is removed rather than complained of
        assert (result.problems, result.removed[-1]) == ([], "publications/old")
    else:
        assert result.problems == [name]


def test_what_cannot_be_opened_is_named(settings: Settings) -> None:
    (settings.home / "reports" / "x.xlsx").write_bytes(b"PK\x03\x04 not a zip file")
    result = purge(settings, date(2015, 3, 1), confirmed=True)
    assert [name.split()[0] for name in result.unsearched if "pdf" not in name] == ["reports/x.xlsx"]
    assert any("what can be opened" in line for line in printed(result))


def test_the_users_own_files_are_named_as_long_as_they_are_there(settings: Settings) -> None:
    first = purge(settings, date(2015, 3, 1), confirmed=True)
    (settings.inbox / "2015-01" / "hr.xml").unlink()
    again = purge(settings, date(2015, 3, 1), confirmed=True)
    assert again.inbox == [name for name in first.inbox if name != "2015-01/hr.xml"]
    assert again.inbox_newer == first.inbox_newer


@pytest.mark.parametrize("day", [date(2015, 3, 2), date(2999, 1, 1)])
def test_the_day_is_the_first_of_a_month_that_has_been(settings: Settings, day: date) -> None:
    with pytest.raises(SettingsError, match="first day of a month"):
        purge(settings, day, confirmed=False)


def test_the_command_tells_what_it_does(settings: Settings) -> None:
    dry = avvik(settings.home, "gallra", "--before", "2015-03-01")
    assert (dry.returncode, "Nothing was changed" in dry.stdout) == (0, True)
    done = avvik(settings.home, "gallra", "--before", "2015-03-01", "--yes")
    assert (done.returncode, "Proved" in done.stdout, "inbox/2015-01/hr.xml" in done.stdout) == (0, True, True), done.stdout
    assert avvik(settings.home, "gallra", "--before", "igår").returncode == 2
