"""The register of loads: which file was taken in (or refused), when, and what it covered.

One JSON file per load in `raw/load/`, written last: its appearance *is* the commit of a load. `raw/load.parquet` and
`raw/load_entity.parquet` are derived from them for SQL, and can be made again at any time.

What belongs here: reading, writing and ordering of load records. What does not: reading export files (`readers`), deciding
whether a file is accepted (`ingest`).
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.readers.contract import LOAD, LOAD_ENTITY
from orchestration.settings import Settings


@dataclass
class EntityRows:
    """What a load put into one raw entity. `amount` is in the ledger's sign, None where the entity has no amounts."""

    rows: int
    amount: Decimal | None = None
    period_from: str | None = None
    period_to: str | None = None


@dataclass
class Load:
    """One load that was tried. Field meanings: `orchestration.readers.contract.LOAD`."""

    load_id: str
    source: str
    kind: str
    file_name: str
    sha256: str
    delivery: str
    scope: str
    status: str  # accepted, rejected, withdrawn
    reason_code: str = ""
    reason: str = ""
    loaded_at: str = ""  # ISO 8601, UTC
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

    def __post_init__(self) -> None:
        if isinstance(self.generated_on, str):
            self.generated_on = date.fromisoformat(self.generated_on)
        self.entities = {
            name: rows
            if isinstance(rows, EntityRows)
            else EntityRows(**{**rows, "amount": None if rows["amount"] is None else Decimal(rows["amount"])})
            for name, rows in self.entities.items()
        }

    @property
    def order(self) -> tuple:
        """Later deliveries win, then later exports, then later arrivals."""
        return (self.delivery, self.generated_on or date.min, self.loaded_at, self.file_name)


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
        record = json.loads(path.read_text(encoding="utf-8"))
        loads.append(Load(**{key: value for key, value in record.items() if key in known}))
    return sorted(loads, key=lambda load: load.order)


def write_load(settings: Settings, load: Load) -> None:
    """Commit a load: after this call it counts. The file appears whole or not at all."""
    settings.loads.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asdict(load), ensure_ascii=False, indent=1, default=str)
    replace_file(settings.loads / f"{load.load_id}.json", text.encode())


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that readers see the old content or the new one, also after a power cut."""
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def derive_tables(settings: Settings, loads: list[Load]) -> None:
    """Write `raw/load.parquet` (one row per load) and `raw/load_entity.parquet` (one row per accepted load and entity)."""
    load_rows = []
    entity_rows = []
    for sequence, load in enumerate(loads, start=1):
        row = {name: getattr(load, name, None) for name in LOAD.names if name not in ("sequence", "loaded_at")}
        load_rows.append({**row, "sequence": sequence, "loaded_at": datetime.fromisoformat(load.loaded_at)})
        if load.status == "accepted":
            entity_rows += [
                {"load_id": load.load_id, "entity": entity, **asdict(rows)} for entity, rows in sorted(load.entities.items())
            ]
    for name, rows, schema in (("load", load_rows, LOAD), ("load_entity", entity_rows, LOAD_ENTITY)):
        path = settings.raw / f"{name}.parquet"
        temporary = path.with_name(f".{path.name}.tmp")
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), temporary)
        os.replace(temporary, path)
