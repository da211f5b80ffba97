"""Taking in a delivery: the files of one month's inbox become raw tables and entries in the register of loads.

A load is the unit of idempotence. The same file twice changes nothing; a newer export of the same scope supersedes the older one
in the months that both cover, and both are remembered. A file is read to a temporary place, checked, moved to
`raw/<entity>/<load_id>.parquet`, and counts only when its record is in the register. A killed run leaves nothing that counts.

What belongs here: which file belongs to which source, acceptance and refusal, storing. What does not: file formats (`readers`),
file checks (`expectations`), Dagster.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from orchestration import register
from orchestration.errors import AvvikError, FileRejected, Place, Text
from orchestration.files import replacing
from orchestration.privacy import PersonKey, open_person_key, safe_name
from orchestration.readers.contract import BY_MONTH, ENTITIES, LOAD_COLUMNS, SUMMED, Reading, Summary
from orchestration.register import EntityRows, Load, counts, settings_hash
from orchestration.retention import retained
from orchestration.settings import PERIOD, PERSONAL_KINDS, Settings, Source

Progress = Callable[[str, int, int], None]

#: A file still being copied changes within this many seconds.
SETTLE_SECONDS = 5

#: Kinds of which a delivery's file is the whole register: two of them would hide each other's rows.
_WHOLE_REGISTERS = ("position", "employment", "agreement", "internal_agreement")

_UNFINISHED = (".part", ".tmp", ".crdownload", ".filepart", ".partial")


@dataclass
class FileCheck:
    """The result of one file check (Great Expectations). A failed check of severity ERROR refuses the file."""

    name: str
    entity: str
    passed: bool
    severity: str  # ERROR, WARN
    description: str
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass
class FileResult:
    """What became of one file of a delivery. status: accepted, unchanged, rejected, unclaimed."""

    file_name: str
    source: str = ""
    kind: str = ""
    status: str = "unclaimed"
    load_id: str = ""
    reason_code: str = ""
    reason: str = ""
    rows_in: int = 0
    rows_kept: int = 0
    rows_set_aside: int = 0
    rows_bad: int = 0
    controls_checked: int = 0
    controls_failed: int = 0
    warnings: list[str] = field(default_factory=list)
    entities: dict[str, EntityRows] = field(default_factory=dict)
    checks: list[FileCheck] = field(default_factory=list)


@dataclass
class DeliveryResult:
    """What became of a month's delivery. missing: what else stops the build. notes: what a person should know."""

    delivery: str
    files: list[FileResult] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """True if nothing was refused and nothing required is missing: the build may go on."""
        return not self.missing and all(file.status != "rejected" for file in self.files)

    @property
    def problems(self) -> list[str]:
        """One sentence per refused file and missing source."""
        refused = [file.reason for file in self.files if file.status == "rejected"]
        return refused + self.missing


@dataclass
class InboxState:
    """Whether a month's inbox may be taken in. fingerprint changes with any file in it."""

    complete: bool
    missing: list[str]
    new_files: list[str]
    fingerprint: str


def deliveries(settings: Settings) -> list[str]:
    """Return the months that have a folder in the inbox, oldest first."""
    if not settings.inbox.is_dir():
        return []
    return sorted(p.name for p in settings.inbox.iterdir() if p.is_dir() and PERIOD.match(p.name))


def inbox_files(settings: Settings, delivery: str) -> list[Path]:
    """Return the files of a month's inbox by name.

    Hidden files and Office lock files are not deliveries, and an action list (åtgärdslista) is answers, which the findings read.
    """
    folder = settings.inbox / delivery
    if not folder.is_dir():
        return []
    aside = (".", "~$", "atgardslista", "åtgärdslista")
    return sorted(p for p in folder.iterdir() if p.is_file() and not p.name.casefold().startswith(aside))


def pending(settings: Settings, delivery: str) -> InboxState:
    """Tell whether a month's inbox is complete (every required source there, no file still being written) and new."""
    files = inbox_files(settings, delivery)
    known = {
        (load.delivery, load.sha256)
        for load in register.read_loads(settings)
        if load.status in ("rejected", "withdrawn") or counts(settings, load)
    }
    claimed = {found[0] for path in files if (found := register.claim(settings, path.name))}
    missing = [name for name, source in settings.sources.items() if source.required and name not in claimed]
    digest = hashlib.sha256()
    new_files, settled = [], True
    for path in files:
        stat = path.stat()
        digest.update(f"{path.name}:{stat.st_size}:{stat.st_mtime_ns};".encode())
        if path.suffix.lower() in _UNFINISHED or time.time() - stat.st_mtime < SETTLE_SECONDS:
            settled = False
        elif register.claim(settings, path.name) and (delivery, sha256_of(path)) not in known:
            new_files.append(safe_name(path.name))
    return InboxState(bool(files) and settled and not missing, missing, new_files, digest.hexdigest()[:16])


def ingest_delivery(settings: Settings, delivery: str, progress: Progress | None = None) -> DeliveryResult:
    """Take in every file of `inbox/<delivery>/`.

    Files that were taken in before are left alone. A refused file is remembered in the register with its reason, and does
    not hinder the others; `DeliveryResult.ok` is then false and the build must not go on.

    Raises:
        AvvikError: there is neither a delivery nor an earlier load for the month.
        PersonKeyError: the delivery holds HR data and the key of the pseudonyms is lost or another one. Nothing was read.
    """
    prepare_raw(settings)
    loads = register.read_loads(settings)
    by_id = {load.load_id: load for load in loads}
    result = DeliveryResult(delivery)
    files = inbox_files(settings, delivery)
    # Files of other months that the settings read differently now are read again: one publication, one way of reading.
    stale = _stale(settings, loads, delivery)
    key = _open_key(settings, [*files, *stale])
    folders = {path.parent.name for path in [*files, *stale]}
    claimed = ((folder, register.claim(settings, path.name)) for folder in folders for path in inbox_files(settings, folder))
    files_of = Counter((folder, found[0]) for folder, found in claimed if found)
    for number, path in enumerate([*files, *stale]):
        if progress:
            progress(f"{path.parent.name}/{safe_name(path.name)}", number, len(files) + len(stale))
        found = register.claim(settings, path.name)
        if found is None:
            result.files.append(_unclaimed(settings, delivery, path))
            continue
        alone = files_of[path.parent.name, found[0]] == 1
        file_result, load = _take_in(settings, path.parent.name, path, *found, by_id, key, alone)
        if load is not None:
            by_id[load.load_id] = load
        result.files.append(file_result)
    if progress and files:
        progress(delivery, len(files) + len(stale), len(files) + len(stale))
    _refuse_strays(settings, delivery, result, by_id)
    _replace_missing(settings, delivery, result, by_id)
    loads = sorted(by_id.values(), key=lambda load: load.order)
    seen = {load.source for load in loads if load.delivery == delivery and counts(settings, load)}
    seen |= {file.source for file in result.files if file.status == "rejected"}
    result.missing += _conflicts(settings, loads) + _unreadable_now(settings, loads)
    for name, source in settings.sources.items():
        if source.required and name not in seen:
            like = ", ".join(source.files)
            lacking = Text(
                sv=f"inbox/{delivery} saknar {name} (filer som {like}). Lägg dit exporten och kör igen.",
                en=f"inbox/{delivery} lacks {name} (files like {like}). Put the export there and run again.",
            )
            result.missing.append(str(lacking))
    nothing_read = all(file.status == "unclaimed" for file in result.files) and not result.missing
    if nothing_read and not any(load.status == "accepted" for load in loads):
        raise AvvikError(
            Text(
                sv=f"{settings.inbox / delivery} har inga filer att läsa. Lägg månadens exporter där (avvik inputs visar vilka).",
                en=f"{settings.inbox / delivery} has no files to read. Put the month's exports there (avvik inputs lists them).",
            )
        )
    register.derive_tables(settings, loads)
    return result


def _open_key(settings: Settings, files: list[Path]) -> PersonKey | None:
    """Open the key of the pseudonyms, once, if there is any HR file: before anything is read."""
    found = (register.claim(settings, path.name) for path in files)
    if any(claimed and claimed[1].kind in PERSONAL_KINDS for claimed in found):
        return open_person_key(settings.home, settings.people.key_file)
    return None


def _stale(settings: Settings, loads: list[Load], delivery: str) -> list[Path]:
    """Return the files of other deliveries that were read in another way, or by another source, than the settings say now."""
    paths = set()
    for load in loads:
        path = settings.inbox / load.file_name
        if load.delivery != delivery and load.status == "accepted" and not counts(settings, load) and path.exists():
            paths.add(path)
    return sorted(paths)


def _unreadable_now(settings: Settings, loads: list[Load]) -> list[str]:
    """Say which loads were read in another way than the settings say now and cannot be read again: their file is gone."""
    problems = []
    for load in loads:
        found = register.claim(settings, Path(load.file_name).name)
        if load.status != "accepted" or found is None or counts(settings, load) or (settings.inbox / load.file_name).exists():
            continue
        again = any(other.sha256 == load.sha256 and counts(settings, other) for other in loads)
        if not again:
            lost = Text(
                sv=f"{load.file_name} lästes med andra inställningar än {found[0]} har nu och ligger inte kvar i inkorgen. "
                f"Lägg tillbaka filen, eller ta bort laddningen med avvik loads --withdraw {load.load_id[:8]}.",
                en=f"{load.file_name} was read with other settings than {found[0]} has now and is no longer in the inbox. "
                f"Put the file back, or withdraw the load with avvik loads --withdraw {load.load_id[:8]}.",
            )
            problems.append(str(lost))
    return problems


def _replace_missing(settings: Settings, delivery: str, result: DeliveryResult, by_id: dict[str, Load]) -> None:
    """Let the files that lie in the month's inbox now replace those that lay there before, source by source.

    An inbox that was emptied keeps what it delivered; a file taken away while others of its source remain no longer counts.
    """
    present = {(file.source, file.load_id) for file in result.files if file.status in ("accepted", "unchanged")}
    sources = {source for source, _ in present}
    for load in list(by_id.values()):
        if load.delivery != delivery or load.status != "accepted" or (load.source, load.load_id) in present:
            continue
        if load.source in sources:
            load.status, load.reason_code = "replaced", "replaced"
            load.reason = str(Text(sv="ersatt av en annan fil i leveransen", en="replaced by another file of the delivery"))
            register.write_load(settings, load)
        elif inbox_files(settings, delivery) and counts(settings, load):
            gone = Text(
                sv=f"{load.file_name} ligger inte kvar i inkorgen men räknas fortfarande; avvik loads --withdraw "
                f"{load.load_id[:8]} tar bort den",
                en=f"{load.file_name} is no longer in the inbox but still counts; avvik loads --withdraw {load.load_id[:8]} "
                "takes it out",
            )
            result.notes.append(str(gone))


def _conflicts(settings: Settings, loads: list[Load]) -> list[str]:
    """Say which files of one delivery speak for the same months, or are the same register: which one counts?"""
    by_slot: dict[tuple[str, str, str], list[Load]] = {}
    for load in loads:
        if counts(settings, load):
            by_slot.setdefault((load.source, load.delivery, register.scope_of(settings, load)), []).append(load)
    problems = []
    for (source, delivery, _), slot in by_slot.items():
        for number, one in enumerate(slot):
            for other in slot[number + 1 :]:
                if one.kind in _WHOLE_REGISTERS:
                    twice = Text(
                        sv=f"inbox/{delivery}: både {Path(one.file_name).name} och {Path(other.file_name).name} är {source}, "
                        "och en "
                        "ny fil ersätter hela registret. Ta bort den som inte ska räknas, eller sätt parts = true för "
                        f"{source} om de ska läggas ihop.",
                        en=f"inbox/{delivery}: both {Path(one.file_name).name} and {Path(other.file_name).name} are {source}, "
                        "and a "
                        f"new file replaces the whole register. Remove the one that should not count, or set parts = true for "
                        f"{source} if they add up.",
                    )
                    problems.append(str(twice))
                elif month := _common_month(one, other):
                    unclear = Text(
                        sv=f"inbox/{delivery}: både {Path(one.file_name).name} och {Path(other.file_name).name} gäller {month}. "
                        f"Ta bort den som inte ska räknas, eller sätt parts = true för {source} om de ska läggas ihop (och "
                        "låt namnen skilja delarna åt).",
                        en=f"inbox/{delivery}: both {Path(one.file_name).name} and {Path(other.file_name).name} are for {month}. "
                        f"Remove the one that should not count, or set parts = true for {source} if they add up (and let the "
                        "names tell the parts apart).",
                    )
                    problems.append(str(unclear))
    return problems


def _common_month(one: Load, other: Load) -> str | None:
    """Return the first month that two loads both speak for in the same entity."""
    for entity, rows in one.entities.items():
        if entity not in other.entities or entity == "year_balance":
            continue
        for span in rows.spans:
            for there in other.entities[entity].spans:
                first = max(span.period_from or "", there.period_from or "")
                last = min(span.period_to or "", there.period_to or "")
                if first and first <= last:
                    return first
    return None


def withdraw(settings: Settings, load_id: str, reason: str) -> Load:
    """Take a load out of the follow-up. The record stays, with the reason; earlier loads of the scope count again.

    Raises:
        AvvikError: no accepted load has that id.
    """
    matches = [load for load in register.read_loads(settings) if load.load_id.startswith(load_id) and load.status == "accepted"]
    if len(matches) != 1:
        raise AvvikError(
            Text(
                sv=f"{len(matches)} gällande laddningar har ett id som börjar på {load_id}; avvik loads visar dem.",
                en=f"{len(matches)} accepted loads have an id that begins with {load_id}; avvik loads lists them.",
            )
        )
    load = matches[0]
    load.status, load.reason_code, load.reason = "withdrawn", "withdrawn", reason
    register.write_load(settings, load)
    register.derive_tables(settings, register.read_loads(settings))
    return load


def prepare_raw(settings: Settings) -> None:
    """Create the raw folders, one empty table per entity so that every source exists; remove a killed run's leftovers."""
    shutil.rmtree(settings.raw / ".incoming", ignore_errors=True)
    for entity, schema in ENTITIES.items():
        folder = settings.raw / entity
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "_schema.parquet"
        full = _stored_schema(schema)
        if not path.exists() or not pq.read_schema(path).equals(full):
            with replacing(path) as temporary:
                pq.write_table(full.empty_table(), temporary)


def sha256_of(path: Path) -> str:
    """Return the file's SHA-256 in hexadecimal, reading it in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _stored_schema(schema: pa.Schema) -> pa.Schema:
    return pa.schema([*LOAD_COLUMNS, *schema])


def _unclaimed(settings: Settings, delivery: str, path: Path) -> FileResult:
    patterns = ", ".join(pattern for source in settings.sources.values() for pattern in source.files)
    reason = Text(
        sv=f"ingen källa i avvik.toml känner igen filen (mönster: {patterns}); avvik map föreslår en",
        en=f"no source in avvik.toml claims the file (patterns: {patterns}); avvik map proposes one",
    )
    return FileResult(f"{delivery}/{safe_name(path.name)}", reason_code="unclaimed", reason=str(reason))


def _take_in(
    settings: Settings,
    delivery: str,
    path: Path,
    name: str,
    source: Source,
    by_id: dict[str, Load],
    key: PersonKey | None,
    alone: bool,
) -> tuple[FileResult, Load | None]:
    """Take one file in. alone: it is the delivery's only file of its source, so it must be of the delivery's month."""
    label = f"{delivery}/{safe_name(path.name) if source.kind in PERSONAL_KINDS else path.name}"
    before = path.stat()
    sha256 = sha256_of(path)
    how = settings_hash(source)
    load_id = hashlib.sha256(f"{sha256}|{name}|{how}".encode()).hexdigest()[:16]
    known = by_id.get(load_id)
    if known is not None and known.status == "withdrawn":
        return FileResult(label, name, source.kind, "unchanged", load_id, "withdrawn", known.reason), None
    try:
        if not label.endswith(path.name):
            raise FileRejected(
                "personal_number_in_name",
                Place(label),
                Text(
                    sv="filens namn innehåller ett personnummer; döp om den, för namnet visas och sparas",
                    en="the file's name holds a personal identity number; rename it, as names are shown and kept",
                ),
            )
        if known is not None and known.status in ("accepted", "replaced") and _is_stored(settings, known):
            if known.delivery != delivery and (refusal := _out_of_place(source, delivery, known)):
                raise refusal
            if known.status == "replaced" and known.delivery == delivery:
                # Put back: what replaced it is replaced in its turn.
                known.status, known.reason_code, known.reason = "accepted", "", ""
                register.write_load(settings, known)
                return _result(known, "accepted", label), known
            return _result(known, "unchanged", label), None
        load, checks = _read_and_store(settings, delivery, path, label, name, source, load_id, sha256, key, alone)
    except FileRejected as rejection:
        load = Load(
            # A refusal is remembered beside an accepted load of the same content, not instead of it.
            load_id=load_id if known is None or known.status == "rejected" else f"{load_id}-{delivery}",
            settings_hash=how,
            source=name,
            kind=source.kind,
            file_name=label,
            sha256=sha256,
            delivery=delivery,
            status="rejected",
            reason_code=rejection.code,
            reason=str(rejection),
            loaded_at=register.now(),
        )
        register.write_load(settings, load)
        result = _result(load, "rejected", label)
        result.checks = getattr(rejection, "checks", [])
        return result, load
    after = path.stat()
    if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        changed = FileRejected(
            "changing",
            Place(label),
            Text(
                sv="filen ändrades medan den lästes; vänta tills exporten är klar och kör igen",
                en="the file changed while it was read; wait until the export is done and run again",
            ),
        )
        return FileResult(label, name, source.kind, "rejected", load_id, changed.code, str(changed)), None
    register.write_load(settings, load)
    result = _result(load, "accepted", label)
    result.checks = checks
    return result, load


def _result(load: Load, status: str, label: str) -> FileResult:
    return FileResult(
        file_name=label,
        source=load.source,
        kind=load.kind,
        status=status,
        load_id=load.load_id,
        reason_code=load.reason_code,
        reason=load.reason,
        rows_in=load.rows_in,
        rows_kept=load.rows_kept,
        rows_set_aside=load.rows_set_aside,
        rows_bad=load.rows_bad,
        controls_checked=load.controls_checked,
        controls_failed=load.controls_failed,
        warnings=load.warnings,
        entities=load.entities,
        checks=[FileCheck(**check) for check in load.checks],
    )


def _out_of_place(source: Source, delivery: str, load: Load) -> FileRejected | None:
    """Return the refusal of a file that is not of the delivery's month (ledger), or of its year or the next one (budget)."""
    first, last, wanted = load.period_from, load.period_to, Text(sv=delivery, en=delivery)
    if first is None or last is None:
        return None
    if source.kind == "budget":
        year = int(delivery[:4])
        first, last, wanted = first[:4], last[:4], Text(sv=f"{year} eller {year + 1}", en=f"{year} or {year + 1}")
        fits = first <= str(year + 1) and last >= str(year)
    else:
        # A file of new postings may hold nothing but corrections of earlier months. A table speaks for the months it has rows in.
        lines = load.entities.get("ledger_line")
        months = lines.months if lines is not None else None
        fits = source.kind != "ledger" or source.covers == "delivery"
        fits = fits or (delivery in months if months else first <= delivery <= last)
    if fits:
        return None
    covered = Text(sv=first, en=first) if first == last else Text(sv=f"{first} till {last}", en=f"{first} to {last}")
    return FileRejected(
        "wrong_period",
        Place(load.file_name),
        Text(
            sv=f"filen täcker {covered.sv}, inte {wanted.sv}. Exportera rätt period, eller lägg filen i rätt mapp",
            en=f"the file covers {covered.en}, not {wanted.en}. Export that period, or move the file to its folder",
        ),
    )


def _refuse_strays(settings: Settings, delivery: str, result: DeliveryResult, by_id: dict[str, Load]) -> None:
    """Refuse files of earlier months that were taken in beside the month's own, unless they are history that is new.

    A first delivery may hold a file for each closed year or month. What an earlier delivery has told already is a file in the
    wrong folder.
    """
    for number, file in enumerate(result.files):
        load = by_id.get(file.load_id or "")
        if file.status != "accepted" or load is None or load.delivery != delivery:
            continue
        source = settings.sources[load.source]
        refusal = _out_of_place(source, delivery, load)
        if refusal is None:
            continue
        others = [
            other for other in by_id.values() if other.source == load.source and other is not load and counts(settings, other)
        ]
        beside = any(other.delivery == delivery and _out_of_place(source, delivery, other) is None for other in others)
        known = any(other.delivery != delivery and _common_month(load, other) for other in others)
        if beside and not known and (load.period_to or "") < delivery:
            continue
        load.status, load.reason_code, load.reason = "rejected", refusal.code, str(refusal)
        register.write_load(settings, load)
        for entity in load.entities:
            (settings.raw / entity / f"{load.load_id}.parquet").unlink(missing_ok=True)
        result.files[number] = _result(load, "rejected", load.file_name)


def open_reading(
    settings: Settings, path: Path, source: Source, delivery: str, label: str, key: PersonKey | None = None
) -> Reading:
    """Choose the reader: PAXml and SIE where the source says so or the file's first bytes do, else the table reader."""
    from orchestration.readers.paxml import is_paxml, read_paxml
    from orchestration.readers.sie import is_sie, read_sie
    from orchestration.readers.tables import read_table

    if path.stat().st_size > settings.max_file_mb * 2**20:
        raise FileRejected(
            "too_large",
            Place(label),
            Text(
                sv=f"filen är större än {settings.max_file_mb} MB; höj max_file_mb i avvik.toml om det är rätt fil",
                en=f"the file is larger than {settings.max_file_mb} MB; raise max_file_mb in avvik.toml if it is the right file",
            ),
        )
    with path.open("rb") as file:
        head = file.read(65536)
    if source.kind == "hr" and key is not None:
        return read_paxml(path, source, key=key, delivery=delivery, label=label, max_bytes=settings.max_file_mb * 2**20)
    if is_paxml(head):
        raise FileRejected(
            "wrong_kind",
            Place(label),
            Text(
                sv=f"filen är PAXml ur ett personalsystem men källan som tar emot den är {source.kind}. Ge den en källa med "
                'kind = "hr"',
                en=f"the file is PAXml of an HR system but the source that claims it is {source.kind}. Give it a source of "
                'kind = "hr"',
            ),
        )
    named_sie = path.suffix.lower() in (".se", ".si", ".sie")
    if source.format == "sie" or (source.format == "auto" and source.kind == "ledger" and (named_sie or is_sie(head))):
        return read_sie(path, source, label=label)
    return read_table(path, source, delivery=delivery, max_unpacked_mb=settings.max_unpacked_mb, label=label, key=key)


def _read_and_store(
    settings: Settings,
    delivery: str,
    path: Path,
    label: str,
    name: str,
    source: Source,
    load_id: str,
    sha256: str,
    key: PersonKey | None,
    alone: bool,
) -> tuple[Load, list[FileCheck]]:
    from expectations.files import check_file

    incoming = settings.raw / ".incoming" / load_id
    shutil.rmtree(incoming, ignore_errors=True)
    incoming.mkdir(parents=True)
    try:
        reading = open_reading(settings, path, source, delivery, label, key)
        if source.kind in PERSONAL_KINDS:
            reading = retained(settings, reading, delivery, name, register.read_loads(settings))
        entities = _write_entities(incoming, reading, load_id, label)
        summary = reading.summary
        _require_rows_add_up(label, summary, entities)
        load = _record(label, delivery, name, source, load_id, sha256, summary, entities)
        if alone and (refusal := _out_of_place(source, delivery, load)):
            raise refusal
        load.warnings += _bad_rows(incoming / "reject.parquet")
        checks = check_file(settings, load, incoming)
        load.checks = [vars(check) for check in checks]
        failed = [check for check in checks if not check.passed and check.severity == "ERROR"]
        if failed:
            rejection = FileRejected(
                "file_check",
                Place(label),
                Text(
                    sv="filkontroll underkänd: " + "; ".join(check.description for check in failed),
                    en="file check failed: " + "; ".join(check.description for check in failed),
                ),
            )
            rejection.checks = checks  # type: ignore[attr-defined]
            raise rejection
        for entity in entities:
            os.replace(incoming / f"{entity}.parquet", settings.raw / entity / f"{load_id}.parquet")
        return load, checks
    finally:
        shutil.rmtree(incoming, ignore_errors=True)


def _write_entities(folder: Path, reading: Reading, load_id: str, label: str) -> dict[str, EntityRows]:
    """Stream a reading to one Parquet file per entity; return rows and the exact sum of amounts of each."""
    writers: dict[str, pq.ParquetWriter] = {}
    entities: dict[str, EntityRows] = {}
    try:
        for entity, table in reading:
            if table.num_rows == 0:
                continue
            schema = ENTITIES[entity]
            if entity not in writers:
                writers[entity] = pq.ParquetWriter(
                    folder / f"{entity}.parquet", _stored_schema(schema), compression="zstd", compression_level=1
                )
                entities[entity] = EntityRows(0, Decimal(0) if entity in SUMMED else None)
            columns = [_constant(load_id, table.num_rows), _constant(label, table.num_rows), *table.select(schema.names).columns]
            writers[entity].write_table(pa.table(columns, schema=_stored_schema(schema)))
            rows = entities[entity]
            rows.rows += table.num_rows
            if rows.amount is not None:
                rows.amount += _counted_amount(entity, table)
            if entity in BY_MONTH:
                _count_months(rows, table)
    finally:
        for writer in writers.values():
            writer.close()
    return entities


def _bad_rows(path: Path) -> list[str]:
    """Say which rows could not be read and so do not count: the first three, and how many more."""
    if not path.exists():
        return []
    bad = pq.read_table(path, columns=["source_row", "reason"], filters=[("is_bad", "==", True)])
    told = []
    for row in bad.slice(0, 3).to_pylist():
        number, reason = row["source_row"], row["reason"]
        told.append(str(Text(sv=f"rad {number} räknas inte: {reason}", en=f"row {number} does not count: {reason}")))
    if bad.num_rows > len(told):
        told.append(str(Text(sv=f"och {bad.num_rows - 3} rader till", en=f"and {bad.num_rows - 3} more rows")))
    return told


def _is_stored(settings: Settings, load: Load) -> bool:
    """Tell whether the load's tables are still there; if somebody deleted one, the file is read again."""
    return all((settings.raw / entity / f"{load.load_id}.parquet").exists() for entity in load.entities)


def _constant(value: str, rows: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, pa.string()), rows)


def _count_months(rows: EntityRows, table: pa.Table) -> None:
    """Add a chunk's rows and amounts to those of their months."""
    is_history = pc.is_in(table["line_kind"], pa.array(["RTRANS", "BTRANS"]))
    nothing = pa.scalar(Decimal("0.00"), table.schema.field("amount").type)
    amounts = pc.if_else(is_history, nothing, pc.fill_null(table["amount"], nothing))
    lines = pa.table({"period": table["period"], "amount": amounts})
    by_month = lines.group_by("period").aggregate([("amount", "sum"), ("period", "count")])
    months = rows.months if rows.months is not None else {}
    for row in by_month.to_pylist():
        before, amount = months.get(row["period"], (0, Decimal(0)))
        months[row["period"]] = (before + row["period_count"], amount + row["amount_sum"])
    rows.months = months


def _counted_amount(entity: str, table: pa.Table) -> Decimal:
    """Sum the amounts that count: correction history (RTRANS, BTRANS) stands beside the bookings, not among them."""
    if entity == "ledger_line":
        table = table.filter(pc.equal(table["line_kind"], "TRANS"))
    return pc.sum(table["amount"]).as_py() or Decimal(0)


def _require_rows_add_up(label: str, summary: Summary, entities: dict[str, EntityRows]) -> None:
    """Rows in = kept + set aside + bad, and the last two are in the reject table. Otherwise avvik itself is wrong."""
    rejected = entities["reject"].rows if "reject" in entities else 0
    if summary.rows_in != summary.rows_kept + summary.rows_set_aside + summary.rows_bad or (
        rejected != summary.rows_set_aside + summary.rows_bad
    ):
        raise RuntimeError(
            f"{label}: {summary.rows_in} rows in, {summary.rows_kept} kept, {summary.rows_set_aside} set aside, "
            f"{summary.rows_bad} bad, {rejected} in the reject table: the reader lost rows"
        )
    for entity, amount in summary.amount_in.items():
        stored = entities[entity].amount if entity in entities else Decimal(0)
        if amount != stored:
            raise RuntimeError(f"{label}: {entity} sums to {stored} but the reader read {amount}: the reader lost money")


def _record(
    label: str,
    delivery: str,
    name: str,
    source: Source,
    load_id: str,
    sha256: str,
    summary: Summary,
    entities: dict[str, EntityRows],
) -> Load:
    for entity, rows in entities.items():
        if rows.amount is not None or entity == "ledger_line":
            rows.period_from, rows.period_to = summary.entity_periods.get(entity, (summary.period_from, summary.period_to))
    if "ledger_line" in entities and summary.file_format.startswith("SIE"):
        # A SIE file states the whole year so far, a month without vouchers too; a table speaks for the months it has rows in.
        entities["ledger_line"].months = None
    return Load(
        load_id=load_id,
        source=name,
        kind=source.kind,
        file_name=label,
        sha256=sha256,
        delivery=delivery,
        settings_hash=settings_hash(source),
        status="accepted",
        loaded_at=register.now(),
        generated_on=summary.generated_on,
        file_format=summary.file_format,
        encoding=summary.encoding,
        period_from=summary.period_from,
        period_to=summary.period_to,
        rows_in=summary.rows_in,
        rows_kept=summary.rows_kept,
        rows_set_aside=summary.rows_set_aside,
        rows_bad=summary.rows_bad,
        controls_checked=summary.controls_checked,
        controls_failed=summary.controls_failed,
        outcome_from=summary.outcome_from,
        psaldo_semantics=summary.psaldo_semantics,
        psaldo_dimension_set=summary.psaldo_dimension_set,
        pbudget_semantics=summary.pbudget_semantics,
        pbudget_dimension_set=summary.pbudget_dimension_set,
        forecast_round=summary.forecast_round,
        row_counts=summary.row_counts,
        warnings=list(summary.warnings),
        entities=entities,
    )


def superseded_ids(settings: Settings, loads: Iterable[Load]) -> set[str]:
    """Return the loads that no longer count in any month: replaced, retired, or covered by later ones of their scope."""
    superseded: set[str] = set()
    later: dict[tuple[str, str], list[EntityRows]] = {}
    for load in sorted(loads, key=lambda load: load.order, reverse=True):
        if load.status not in ("accepted", "replaced"):
            continue
        if not counts(settings, load):
            superseded.add(load.load_id)
            continue
        spans = [(entity, span) for entity, rows in load.entities.items() for span in rows.spans if span.period_from]
        covered = [
            any((there.period_from or "") <= (span.period_from or "") and (span.period_to or "") <= (there.period_to or "")
                for there in later.get((register.scope_of(settings, load), entity), []))
            for entity, span in spans
        ]  # fmt: skip
        if spans and all(covered):
            superseded.add(load.load_id)
        for entity, span in spans:
            later.setdefault((register.scope_of(settings, load), entity), []).append(span)
    return superseded
