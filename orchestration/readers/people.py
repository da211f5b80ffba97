"""The rules that all HR exports share.

What belongs here: which PAXml code or Swedish word means which kind of absence, and what to do with spells that are impossible,
corrected, overlapping or open. What does not: the entities themselves (`contract.ENTITIES_HR`), file formats (`paxml`, `tables`),
kronor (`orchestration.people`).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from itertools import pairwise
from pathlib import Path

import polars as pl

from orchestration.errors import Text

#: The absence causes that avvik distinguishes, in the order in which the bridge takes them.
CAUSES = ("sick", "parental", "vab", "leave", "vacation", "paid_leave")

REFERENCE = Path(__file__).parents[1] / "people" / "reference"


#: Why a spell or an employment is impossible (`impossible`), in words.
IMPOSSIBLE: dict[str, Text] = {
    "no_employment": Text("varken anställningsnummer eller personnummer", "neither employment number nor identity number"),
    "no_cause": Text("orsak saknas", "no cause"),
    "no_date": Text("första dag saknas", "no first day"),
    "ends_before_start": Text("slutar före start", "ends before it starts"),
    "date_out_of_range": Text("datumet är före 1950 eller efter 2100", "the date is before 1950 or after 2100"),
    "extent_out_of_range": Text(
        "omfattningen ska vara över 0 och högst 100 procent", "the extent must be above 0 and at most 100 %"
    ),
    "hours_out_of_range": Text("timmarna ska vara 0 till 24 på en dag", "hours must be 0 to 24 on one day"),
    "degree_out_of_range": Text("sysselsättningsgraden ska vara 0 till 100 procent", "the degree must be 0 to 100 %"),
    "hours_without_days": Text(
        "timmar för flera dagar utan omfattning: ange omfattning, eller en rad per dag",
        "hours for several days without an extent: state the extent, or one row a day",
    ),
}


@cache
def absence_causes() -> dict[str, str]:
    """Return PAXml time code → avvik's cause, for the codes that mean absence."""
    return {row["code"]: row["cause"] for row in _cause_rows()}


@cache
def absence_codes() -> dict[str, str]:
    """Return every word for an absence (without case, spaces and punctuation) → the PAXml time code that it stands for."""
    found: dict[str, str] = {}
    for row in _cause_rows():
        for word in (row["code"], row["name"], *filter(None, row["synonyms"].split("|"))):
            found.setdefault(_word(word), row["code"])
    return found


def absence_of(text: str, own: Mapping[str, str] | None = None) -> tuple[str, str | None]:
    """Return (code, cause) of an absence as a file writes it: PAXml's code, a Swedish word, or a code of the employer's own.

    own: the source's `causes`. A text that is neither known nor a short code is not kept, as it may name somebody: its code is
    '?'. cause is None where it is not known.
    """
    wanted = _word(text)
    for name, cause in (own or {}).items():
        if _word(name) == wanted:
            return absence_codes().get(wanted) or name.strip()[:20], cause
    code = absence_codes().get(wanted) or absence_codes().get(_word(text.split()[0] if text.split() else ""))
    if code:
        return code, absence_causes()[code] or None
    number = re.match(r"[A-ZÅÄÖ]{0,4}[0-9]{1,6}(?![0-9])", text.strip())
    return (number.group() if number else "?"), None


def _word(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


@cache
def _cause_rows() -> list[dict[str, str]]:
    with (REFERENCE / "absence_causes.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@dataclass
class Spells:
    """What the shared rules made of absence spells.

    current: the spells that count, with `valid_from`, `valid_to`, `extent` after overlaps were resolved, and `is_open`.
    superseded: replaced by a later version. cut: pieces that a later spell pushed out (`valid_from`, `valid_to`, `extent`,
    `because_of_row`). rejected: impossible, with `reason_code`. Each row keeps `source_row` and `sequence` of its source.
    """

    current: pl.DataFrame
    superseded: pl.DataFrame
    cut: pl.DataFrame
    rejected: pl.DataFrame


def impossible(spells: pl.DataFrame) -> pl.DataFrame:
    """Return the spells with a column `reason_code`, null where the spell is possible.

    Reasons: no_employment, no_cause, no_date, ends_before_start, extent_out_of_range (0 < extent ≤ 1), hours_out_of_range
    (0 ≤ hours ≤ 24, on one day), date_out_of_range (before 1950 or after 2100).
    """
    start, end = pl.col("valid_from"), pl.col("valid_to")
    last = pl.coalesce(end, start)
    several_days = end.is_null() | (end > start)
    reason = (
        pl.when(pl.col("employment").is_null() & pl.col("person").is_null())
        .then(pl.lit("no_employment"))
        .when(pl.col("cause").is_null() & pl.col("cause_code").is_null())
        .then(pl.lit("no_cause"))
        .when(start.is_null())
        .then(pl.lit("no_date"))
        .when(end < start)
        .then(pl.lit("ends_before_start"))
        .when((start < date(1950, 1, 1)) | (last > date(2100, 12, 31)))
        .then(pl.lit("date_out_of_range"))
        .when((pl.col("extent") <= 0) | (pl.col("extent") > 1))
        .then(pl.lit("extent_out_of_range"))
        .when((pl.col("hours") < 0) | (~several_days & (pl.col("hours") > 24)))
        .then(pl.lit("hours_out_of_range"))
    )
    return spells.with_columns(reason.alias("reason_code"))


def resolve_spells(spells: pl.DataFrame, *, as_of: date, stable_ids: bool = False) -> Spells:
    """Decide which absence spells count.

    spells: rows of `absence_spell` with a column `sequence` (the load's order in the register; higher is later).

    1. Impossible spells are rejected.
    2. The last version wins: of the loads that tell of a spell, the rows of the latest one count. A spell is known by its
       employment, cause code and first day, or by `record_id` where the source's ids are the same in every export.
       A row marked as deleted removes the spell.
    3. Open spells end on `as_of` for now.
    4. Where spells of one employment overlap, the later version (sequence, then row) stands and the earlier one is cut: wholly
       where both have the same cause, down to what is left of full time where the causes differ. Days given in hours are kept
       as they are.
    """
    judged = impossible(spells)
    rejected = judged.filter(pl.col("reason_code").is_not_null())
    possible = judged.filter(pl.col("reason_code").is_null()).drop("reason_code")
    owner = pl.coalesce("employment", "person")
    by_date = pl.concat_str([owner, pl.col("cause_code").fill_null(""), pl.col("valid_from").cast(pl.String)], separator="\x1f")
    by_id = pl.concat_str([owner, pl.lit("id"), pl.col("record_id")], separator="\x1f")
    key = pl.when(pl.col("record_id").is_not_null()).then(by_id).otherwise(by_date) if stable_ids else by_date
    keyed = possible.with_columns(key.alias("_key"), owner.alias("_owner"))
    is_latest = pl.col("sequence") == pl.col("sequence").max().over("_key")
    latest = keyed.filter(is_latest & ~pl.col("is_deleted").fill_null(False))
    superseded = keyed.filter(~is_latest).drop("_key", "_owner")
    opened = latest.with_columns(
        pl.col("valid_to").is_null().alias("is_open"),
        pl.coalesce("valid_to", pl.max_horizontal(pl.col("valid_from"), pl.lit(as_of))).alias("valid_to"),
        pl.when(pl.col("hours").is_null())
        .then(pl.coalesce("extent", pl.lit(1)))
        .otherwise("extent")
        .cast(pl.Decimal(9, 6))
        .alias("extent"),
    ).drop("_key")
    current, cut = _without_overlaps(opened)
    return Spells(current, superseded, cut, rejected)


def _without_overlaps(spells: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    whole_days = spells.filter(pl.col("hours").is_null()).sort("_owner", "valid_from", "valid_to")
    reached = pl.col("valid_to").cum_max().shift(1).over("_owner")
    crowded = whole_days.filter(pl.col("valid_from") <= reached)["_owner"].unique()
    is_crowded = pl.col("_owner").is_in(crowded.implode()) & pl.col("hours").is_null()
    calm = spells.filter(~is_crowded)
    pieces, cuts = [], []
    for rows in spells.filter(is_crowded).partition_by("_owner"):
        kept, lost = _sweep(rows.to_dicts())
        pieces += kept
        cuts += lost
    schema = spells.schema
    cut_schema = pl.Schema([*schema.items(), ("because_of_row", pl.Int64())])
    current = pl.concat([calm, pl.DataFrame(pieces, schema=schema)]) if pieces else calm
    return (
        current.drop("_owner").sort("employment", "person", "valid_from", "source_row", nulls_last=True),
        pl.DataFrame(cuts, schema=cut_schema).drop("_owner"),
    )


def _sweep(rows: list[dict]) -> tuple[list[dict], list[dict]]:
    """Resolve the overlaps of one employment: between two dates where something starts or ends, decide who stands."""
    one_day = date.resolution
    edges = sorted({row["valid_from"] for row in rows} | {row["valid_to"] + one_day for row in rows})
    newest_first = sorted(rows, key=lambda row: (row["sequence"], row["source_row"]), reverse=True)
    kept: list[dict] = []
    lost: list[dict] = []
    for start, end in pairwise(edges):
        left, causes, newest = Decimal(1), set(), None
        for row in newest_first:
            if not (row["valid_from"] <= start and row["valid_to"] >= end - one_day):
                continue
            cause = row["cause"] or row["cause_code"]
            stands = Decimal(0) if cause in causes else min(row["extent"], left)
            left -= stands
            causes.add(cause)
            span = {"valid_from": start, "valid_to": end - one_day}
            if stands:
                _append(kept, {**row, **span, "extent": stands})
            if stands < row["extent"]:
                _append(lost, {**row, **span, "extent": row["extent"] - stands, "because_of_row": newest})
            newest = newest or row["source_row"]
    return kept, lost


def _append(pieces: list[dict], piece: dict) -> None:
    """Add a piece, or lengthen the last piece of the same spell if nothing but the date differs."""
    for earlier in reversed(pieces):
        if (earlier["source_row"], earlier["sequence"]) != (piece["source_row"], piece["sequence"]):
            continue
        same = all(earlier[name] == piece[name] for name in piece if name not in ("valid_from", "valid_to"))
        if same and earlier["valid_to"] + date.resolution == piece["valid_from"]:
            earlier["valid_to"] = piece["valid_to"]
            return
        break
    pieces.append(piece)
