"""The register of loads: which file was taken in (or refused), when, and what it covered.

One JSON file per load in `raw/load/`, written last: its appearance *is* the commit of a load. `raw/load.parquet` and
`raw/load_entity.parquet` are derived from them for SQL, and can be made again at any time.

What belongs here: reading, writing and ordering of load records. What does not: reading export files (`readers`), deciding
whether a file is accepted (`ingest`).
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import re
import unicodedata
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.errors import AvvikError, Text
from orchestration.files import replace_file, replacing
from orchestration.readers.contract import LOAD, LOAD_ENTITY
from orchestration.settings import Settings, Source

#: Raised when a reader changes what it makes of a file, so that files are read again after an upgrade.
READER_VERSION = 1


@dataclass
class EntityRows:
    """What a load put into one raw entity. `amount` is in the ledger's sign, None where the entity has no amounts."""

    rows: int
    amount: Decimal | None = None
    period_from: str | None = None
    period_to: str | None = None
    #: Rows and amount per month, where the load speaks only for the months that it has rows in (a ledger table).
    months: dict[str, tuple[int, Decimal]] | None = None

    def __post_init__(self) -> None:
        self.amount = None if self.amount is None else Decimal(self.amount)
        if self.months is not None:
            self.months = {month: (rows, Decimal(amount)) for month, (rows, amount) in sorted(self.months.items())}

    @property
    def spans(self) -> list[EntityRows]:
        """One item per unbroken span of months that the load speaks for; a register speaks for none and is one item."""
        if self.months is None:
            return [self]
        spans: list[EntityRows] = []
        for month, (rows, amount) in self.months.items():
            if spans and next_month(spans[-1].period_to or "") == month:
                last = spans[-1]
                last.rows, last.amount, last.period_to = last.rows + rows, (last.amount or Decimal(0)) + amount, month
            else:
                spans.append(EntityRows(rows, amount, month, month))
        return spans


@dataclass
class Load:
    """One load that was tried. Field meanings: `orchestration.readers.contract.LOAD`."""

    load_id: str
    source: str
    kind: str
    file_name: str
    sha256: str
    delivery: str
    #: accepted; rejected; withdrawn (by a person); replaced (another file took its place in the delivery).
    status: str
    reason_code: str = ""
    reason: str = ""
    loaded_at: str = ""  # ISO 8601, UTC
    #: How the source was read; a load that was read in another way than the settings say now does not count.
    settings_hash: str = ""
    generated_on: date | None = None
    file_format: str = ""
    encoding: str = ""
    period_from: str | None = None
    period_to: str | None = None
    rows_in: int = 0
    rows_kept: int = 0
    rows_set_aside: int = 0
    rows_bad: int = 0
    controls_checked: int = 0
    controls_failed: int = 0
    outcome_from: str = ""
    psaldo_semantics: str = ""
    psaldo_dimension_set: str = ""
    pbudget_semantics: str = ""
    pbudget_dimension_set: str = ""
    forecast_round: str | None = None
    row_counts: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    checks: list[dict[str, Any]] = field(default_factory=list)
    entities: dict[str, EntityRows] = field(default_factory=dict)
    #: HR loads: rows before this day were removed (gallring); `entities` tells what is left.
    purged_before: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.generated_on, str):
            self.generated_on = date.fromisoformat(self.generated_on)
        self.entities = {
            name: rows if isinstance(rows, EntityRows) else EntityRows(**rows) for name, rows in self.entities.items()
        }

    @property
    def order(self) -> tuple:
        """Later deliveries win, then later exports, then later arrivals."""
        return (self.delivery, self.generated_on or date.min, self.loaded_at, self.file_name)


def next_month(period: str) -> str:
    """Return the month after 'YYYY-MM'; '' for ''."""
    if not period:
        return ""
    year, month = int(period[:4]), int(period[5:])
    return f"{year + month // 12:04d}-{month % 12 + 1:02d}"


def settings_hash(source: Source) -> str:
    """Return what tells two ways of reading a source apart (not which files it has, nor how deliveries add up)."""
    how = source.model_dump_json(exclude={"files", "required", "covers", "parts"})
    return hashlib.sha256(f"{READER_VERSION}|{how}".encode()).hexdigest()[:16]


def claim(settings: Settings, name: str) -> tuple[str, Source] | None:
    """Return the first source, in the order of `avvik.toml`, one of whose patterns matches the file name.

    Letter case makes no difference, nor whether å is one character or two (as on a Mac).
    """
    plain = _plain(name)
    for source_name, source in settings.sources.items():
        if any(fnmatch.fnmatchcase(plain, _plain(pattern)) for pattern in source.files):
            return source_name, source
    return None


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).lower()


def counts(settings: Settings, load: Load) -> bool:
    """Tell whether a load counts under the settings as they are now.

    It does if it is accepted, its source is the one that claims its file today, and it was read as the source says today. So a
    renamed source, a corrected map or a turned sign never leaves two readings of one file in force.
    """
    found = claim(settings, Path(load.file_name).name)
    return (
        load.status == "accepted"
        and found is not None
        and found[0] == load.source
        and settings_hash(found[1]) == load.settings_hash
    )


#: A date in a file name: 2025-03-31, 2025-03, 20250331, 202503.
_DATE_IN_NAME = re.compile(r"(?<![0-9])(?:19|20)[0-9]{2}[-_.]?(?:0[1-9]|1[0-2])(?:[-_.]?(?:0[1-9]|[12][0-9]|3[01]))?(?![0-9])")


def scope_of(settings: Settings, load: Load) -> str:
    """Return what the load replaces and is replaced in: its source, with the part, delivery or forecast round if these add up."""
    source = settings.sources[load.source]
    scope = load.source
    if source.parts:
        # Parts keep their names from month to month but for the date in them.
        scope += ":" + _DATE_IN_NAME.sub("", Path(load.file_name).stem).strip("-_ .").lower()
    if source.covers == "delivery":
        scope += f":{load.delivery}"
    if load.forecast_round:
        scope += f":{load.forecast_round}"
    return scope


def now() -> str:
    """Return the present moment as the register writes it (ISO 8601, UTC, microseconds)."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def read_loads(settings: Settings) -> list[Load]:
    """Return every load that was tried, oldest first in the order in which later ones supersede earlier ones."""
    if not settings.loads.is_dir():
        return []
    known = {f.name for f in fields(Load)}
    loads = []
    for path in settings.loads.glob("*.json"):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            broken = Text(
                sv=f"{path} är skadad. Ta bort filen och kör om leveransen: då läses dess fil på nytt.",
                en=f"{path} is damaged. Remove it and run the delivery again: its file is then read anew.",
            )
            raise AvvikError(broken) from error
        loads.append(Load(**{key: value for key, value in record.items() if key in known}))
    return sorted(loads, key=lambda load: load.order)


def write_load(settings: Settings, load: Load) -> None:
    """Commit a load: after this call it counts. The file appears whole or not at all."""
    settings.loads.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asdict(load), ensure_ascii=False, indent=1, default=str)
    replace_file(settings.loads / f"{load.load_id}.json", text.encode())


def derive_tables(settings: Settings, loads: list[Load]) -> None:
    """Write `raw/load.parquet` (one row per load) and `raw/load_entity.parquet` (one row per accepted load and entity)."""
    load_rows = []
    entity_rows = []
    for sequence, load in enumerate(loads, start=1):
        row = {name: getattr(load, name, None) for name in LOAD.names if name not in ("sequence", "loaded_at", "scope", "status")}
        in_force = counts(settings, load)
        row["scope"] = scope_of(settings, load) if in_force else load.source
        # Accepted once, but its source is gone or reads differently now.
        row["status"] = "retired" if load.status == "accepted" and not in_force else load.status
        load_rows.append({**row, "sequence": sequence, "loaded_at": datetime.fromisoformat(load.loaded_at)})
        if in_force:
            entity_rows += [
                {"load_id": load.load_id, "entity": entity, **{name: getattr(span, name) for name in LOAD_ENTITY.names[2:]}}
                for entity, rows in sorted(load.entities.items())
                for span in rows.spans
            ]
    for name, rows, schema in (("load", load_rows, LOAD), ("load_entity", entity_rows, LOAD_ENTITY)):
        with replacing(settings.raw / f"{name}.parquet") as temporary:
            pq.write_table(pa.Table.from_pylist(rows, schema=schema), temporary)
