"""From the HR loads that count to the staff as it was: which version of a register row, and which payroll row, stands.

What belongs here: reading raw HR tables, choosing between deliveries, closing spans. What does not: absence spells
(`readers.people` resolves them), kronor (`costs`).

A register (positions, employments) is delivered again and again. For each of its keys the newest delivery that names it says
what holds from the first day that it speaks of, the delivery before it says what held until then, and so on: so a full history in
every export and a snapshot of today in every export both give the right history. A key that a newer delivery no longer names ends
with the month before that delivery. Within one delivery a later row of a key ends the one before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import polars as pl

FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(9999, 12, 31)
_DAY = timedelta(days=1)


@dataclass
class Staff:
    """What the HR exports say, after deliveries were chosen between.

    positions: position, unit, degree, budgeted_wage, budgeted_po, valid_from, valid_to. employments: employment, person,
    birth_year, sex, position, unit, degree, wage (full-time), weekly_hours, is_monthly, valid_from, valid_to; one row per span of
    unchanged terms, spans of one employment never overlapping. spells: rows of `absence_spell` with `sequence`, unresolved.
    payroll, schedule: the rows that count. excluded: rows that do not count, with a reason.
    """

    positions: pl.DataFrame
    employments: pl.DataFrame
    spells: pl.DataFrame
    payroll: pl.DataFrame
    schedule: pl.DataFrame
    excluded: pl.DataFrame


EXCLUDED = {
    "entity": pl.String,
    "load_id": pl.String,
    "source_file": pl.String,
    "source_row": pl.Int64,
    "reason": pl.String,
    "valid_from": pl.Date,
    "valid_to": pl.Date,
}


def read_staff(raw: Path) -> Staff:
    """Read the HR tables of a home's raw layer; empty frames where there are none."""
    loads = _loads(raw)
    positions, gone_positions = _positions(_rows(raw, "position", loads), loads)
    employments, gone_employments = _employments(_rows(raw, "employment", loads), loads)
    schedule = _rows(raw, "schedule_day", loads).sort("sequence").unique(["employment", "day"], keep="last")
    return Staff(
        positions=positions,
        employments=employments,
        spells=_rows(raw, "absence_spell", loads),
        payroll=_payroll(_rows(raw, "payroll_line", loads)),
        schedule=schedule,
        excluded=pl.concat([gone_positions, gone_employments]),
    )


def excluded(rows: pl.DataFrame, entity: str, reason: pl.Expr | str) -> pl.DataFrame:
    """Return rows in the shape of the table of rows that do not count."""
    why = pl.lit(reason) if isinstance(reason, str) else reason
    named = rows.with_columns(pl.lit(entity).alias("entity"), why.alias("reason"))
    return named.select(pl.col(name).cast(type_) for name, type_ in EXCLUDED.items())


def _loads(raw: Path) -> pl.DataFrame:
    path = raw / "load.parquet"
    columns = ["load_id", "scope", "sequence", "delivery", "status"]
    if not path.exists():
        return pl.DataFrame(schema={"load_id": pl.String, "scope": pl.String, "sequence": pl.Int64, "delivered": pl.Date})
    loads = pl.read_parquet(path, columns=columns).filter(pl.col("status") == "accepted")
    delivered = (pl.col("delivery") + "-01").str.to_date("%Y-%m-%d")
    return loads.select("load_id", "scope", pl.col("sequence").cast(pl.Int64), delivered.alias("delivered"))


def _rows(raw: Path, entity: str, loads: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of an entity from the loads that count, with scope, sequence and delivered."""
    from orchestration.readers.contract import ENTITIES_HR, LOAD_COLUMNS

    files = sorted((raw / entity).glob("*.parquet"))
    schema = pl.from_arrow(LOAD_COLUMNS.empty_table()).schema | pl.from_arrow(ENTITIES_HR[entity].empty_table()).schema  # type: ignore[union-attr]
    rows = pl.concat([pl.read_parquet(path) for path in files]) if files else pl.DataFrame(schema=schema)
    return rows.join(loads, on="load_id", how="inner")


def _positions(rows: pl.DataFrame, loads: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    broken = (
        pl.col("position").is_null() | pl.col("degree").is_null() | (pl.col("valid_to") < pl.col("valid_from")).fill_null(False)
    )
    lacking = excluded(rows.filter(broken), "position", "incomplete")
    no_wage = pl.col("budgeted_wage").is_null() & ~broken
    unpriced = excluded(rows.filter(no_wage), "position", "no_wage")
    spans, ended = _as_it_was(rows.filter(~broken & ~no_wage), loads, "position", pl.col("valid_from"))
    kept = spans.select("position", "unit", "degree", "budgeted_wage", "budgeted_po", "valid_from", "valid_to")
    return kept, pl.concat([lacking, unpriced, excluded(ended, "position", "superseded")])


def _employments(rows: pl.DataFrame, loads: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    key = pl.coalesce("employment", "person")
    broken = key.is_null() | (pl.col("valid_to") < pl.col("valid_from")).fill_null(False)
    lacking = excluded(rows.filter(broken), "employment", "incomplete")
    # A snapshot says since when today's degree and wage hold; the terms before are in earlier deliveries.
    since = pl.max_horizontal("valid_from", "degree_from", "wage_from")
    sound = rows.filter(~broken).with_columns(key.alias("employment"))
    spans, ended = _as_it_was(sound, loads, "employment", since)
    is_removed = pl.col("is_deleted").fill_null(False)
    removed = excluded(spans.filter(is_removed), "employment", "deleted")
    spans = spans.filter(~is_removed)
    degree = pl.coalesce(pl.col("degree"), (pl.col("weekly_hours") / 40).cast(pl.Decimal(9, 6)), pl.lit(1).cast(pl.Decimal(9, 6)))
    is_monthly = (pl.col("wage_form").fill_null("month") != "hour") & pl.col("monthly_wage").is_not_null()
    actual = (pl.col("wage_basis") == "actual") & (degree > 0)
    full_time = pl.when(actual).then((pl.col("monthly_wage") / degree).round(2)).otherwise(pl.col("monthly_wage"))
    terms = spans.select(
        "employment",
        pl.coalesce("person", "employment").alias("person"),
        "birth_year",
        pl.col("sex").fill_null(""),
        "position",
        "unit",
        degree.alias("degree"),
        full_time.cast(pl.Decimal(18, 2)).alias("wage"),
        "weekly_hours",
        is_monthly.alias("is_monthly"),
        "valid_from",
        "valid_to",
    )
    no_wage = ~is_monthly & (pl.col("wage_form").fill_null("month") != "hour")
    unpaid = excluded(spans.filter(no_wage), "employment", "no_wage")
    return terms, pl.concat([lacking, removed, unpaid, excluded(ended, "employment", "superseded")])


def _as_it_was(rows: pl.DataFrame, loads: pl.DataFrame, key: str, since: pl.Expr) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the spans that stand, `valid_from` and `valid_to` set, and the rows of which nothing is left."""
    by_key = [pl.col("scope"), pl.col(key)]
    first_load = pl.col("sequence") == pl.col("sequence").min().over(by_key)
    undated = pl.when(first_load).then(pl.lit(FIRST_DAY)).otherwise(pl.col("delivered"))
    dated = rows.with_columns(pl.coalesce(since, undated).alias("_from"), pl.coalesce("valid_to", pl.lit(LAST_DAY)).alias("_to"))
    # 1. Within a load, a later row of the key ends the one before it; of rows from the same day the last one stands.
    in_load = [pl.col("load_id"), pl.col(key)]
    ordered = dated.sort("scope", key, "sequence", "_from", "source_row")
    next_from = pl.col("_from").shift(-1).over(in_load)
    ordered = ordered.with_columns(pl.min_horizontal("_to", next_from.dt.offset_by("-1d")).alias("_to"))
    # 2. What a later load of the scope says holds from its first word on; if it does not name the key, from its month.
    spoken = dated.group_by("scope", key, "load_id").agg(pl.col("_from").min().alias("speaks_from"))
    carriers = rows.select("load_id").unique()
    scope_loads = loads.join(carriers, on="load_id")
    pairs = spoken.select("scope", key).unique().join(scope_loads, on="scope")
    pairs = pairs.join(spoken, on=["scope", key, "load_id"], how="left").with_columns(
        pl.coalesce("speaks_from", "delivered").alias("speaks_from")
    )
    later = (
        pairs.sort("scope", key, "sequence", descending=[False, False, True])
        .with_columns(pl.col("speaks_from").cum_min().shift(1).over("scope", key).alias("overtaken_from"))
        .select(key, "load_id", "overtaken_from")
    )
    cut = ordered.join(later, on=[key, "load_id"], how="left").with_columns(
        pl.min_horizontal("_to", pl.col("overtaken_from").dt.offset_by("-1d")).alias("_to")
    )
    stands = pl.col("_from") <= pl.col("_to")
    result = cut.filter(stands).with_columns(pl.col("_from").alias("valid_from"), pl.col("_to").alias("valid_to"))
    return result.sort(key, "valid_from"), cut.filter(~stands)


def _payroll(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the payroll rows that count: of a scope and payroll month, those of the newest load that has the month."""
    newest = pl.col("sequence") == pl.col("sequence").max().over("scope", "period")
    return rows.filter(newest & (pl.col("line_kind") != "transaction"))
