"""What the SIE readers share: dimensions → avvik's fields, and a file's reconciliation against its own control totals.

What belongs here: the map of dimensions, running sums (bounded by accounts × periods × dimension sets, never by lines), the
decision what a #PSALDO row with `{}` means, and the control rows. What does not: the syntax of SIE 1–4 (`sie`) or SIE 5 (`sie5`).

The controls, each checked exactly, to the öre:

- VOUCHER: the TRANS rows of every voucher sum to 0. (Streamed by the readers, not here.)
- RES, UB: for every account of the current year, RES + UB − IB = Σ TRANS dated in the year (#RES alone where it is not 0:
  some vendors repeat it as #UB). The control is named RES where the account has a #RES row, else UB. Not for type 4I, which
  holds only the vouchers of a pre-system.
- PSALDO: for every account and year with #PSALDO rows, RES + UB − IB = the year's PSALDO, counted as `decide` says.
- SUM_UB_RES: ΣUB + ΣRES = ΣIB of every year that has all of them. It does not hold where IB does not sum to 0: reported only.
- KSUMMA: the file's CRC-32. (Computed by `sie`.)

A failed control is a row of the `control` entity and never rejects the file: real exports fail them for harmless reasons.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pyarrow as pa

from orchestration.errors import FileRejected, Place, SettingsError, Text
from orchestration.readers.contract import CODE_FIELDS, ENTITIES, QUANTITY, Summary
from orchestration.settings import Source

#: Where a dimension of the file may go.
TARGETS = (*CODE_FIELDS, "party", "reference")

#: SIE's reserved dimension numbers, used where the file's own name for the dimension says nothing.
RESERVED = {"1": "unit", "2": "cost_object", "6": "project", "8": "party", "9": "party", "10": "reference"}

#: Employee: personal data, never read into any output.
EMPLOYEE = "7"

_NAMES = {
    "unit": (
        "ansvar",
        "resultatenhet",
        "kostnadsställe",
        "kostnadställe",
        "kostnadsstalle",
        "kst",
        "avdelning",
        "enhet",
        "department",
    ),
    "activity": ("verksamhet",),
    "sub_activity": ("aktivitet", "activity"),
    "project": ("projekt", "project"),
    "cost_object": ("objekt", "kostnadsbärare", "kostnadsbarare"),
    "counterparty": ("motpart", "counterpart"),
    "party": ("kund", "leverantör", "leverantor", "customer", "supplier"),
    "reference": ("faktura", "invoice"),
}
_PERSONAL_NAMES = ("anställ", "anstall", "medarbetar", "personnummer", "personnr", "employee")

#: Sums are kept for at most this many combinations of account, period and dimension set; a ledger has far fewer.
MAX_KEYS = 2_000_000
#: A control that fails for many accounts is listed in the summary with its largest differences.
LISTED = 20

_AMOUNT = r"^[+-]?(?:[0-9]{1,16}(?:[.,][0-9]{0,2})?|[.,][0-9]{1,2})$"
_PLAIN_AMOUNT = r"^-?[0-9]{1,16}(?:\.[0-9]{1,2})?$"
_QUANTITY = r"^[+-]?(?:[0-9]{1,14}(?:[.,][0-9]{0,12})?|[.,][0-9]{1,12})$"
AMOUNT = pl.Decimal(18, 2)
TOTAL = pl.Decimal(38, 2)
_CONTROL = dict.fromkeys(("control", "account", "period", "voucher"), pl.String) | dict.fromkeys(
    ("stated", "computed", "difference"), TOTAL
)


# ---------------------------------------------------------------------------------------------------------------- tables


def to_arrow(entity: str, frame: pl.DataFrame) -> pa.Table:
    """Return the frame as a table of the entity's raw schema; columns that the frame lacks become null."""
    schema = ENTITIES[entity]
    present = [name for name in schema.names if name in frame.columns]
    table = frame.select(present).to_arrow(compat_level=pl.CompatLevel.oldest()) if present else None
    columns = [
        table[name].cast(schema.field(name).type)
        if table is not None and name in present
        else pa.nulls(frame.height, schema.field(name).type)
        for name in schema.names
    ]
    return pa.table(columns, schema=schema)


def detached(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a copy that does not keep alive the text of the chunk that its strings were cut from."""
    return pl.DataFrame(pl.from_arrow(frame.to_arrow(compat_level=pl.CompatLevel.oldest())))


def booked_sum(entity: str, table: pa.Table) -> Decimal:
    """The sum of a chunk's amounts; of voucher rows only the bookings."""
    columns = ["amount", "line_kind"] if entity == "ledger_line" else ["amount"]
    frame = pl.DataFrame(pl.from_arrow(table.select(columns)))
    if entity == "ledger_line":
        frame = frame.filter(pl.col("line_kind") == "TRANS")
    return exact_sum(frame["amount"])


def exact_sum(amounts: pl.Series) -> Decimal:
    """Return the exact sum of decimals, 0.00 of none."""
    return Decimal(amounts.cast(TOTAL).sum() or "0.00")


# --------------------------------------------------------------------------------------------------------------- columns


def read_amounts(text: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Amounts as exact decimals, and which could be read."""
    readable = text.str.contains(_PLAIN_AMOUNT)
    if readable.all() and not readable.null_count():
        return text.cast(AMOUNT), readable
    text = text.str.strip_chars()
    readable = text.str.contains(_AMOUNT).fill_null(False)
    return _decimals(text.set(~readable, None), 2), readable


def _decimals(text: pl.Series, scale: int) -> pl.Series:
    if text.str.contains(",", literal=True).any():
        text = text.str.replace(",", ".", literal=True)
    if scale == 4:
        # More decimals than the column holds are cut: quantities are no money.
        text = text.str.replace(r"(\.[0-9]{4})[0-9]+$", "$1")
    return text.cast(pl.Decimal(QUANTITY.precision, scale))


def read_dates(text: pl.Series) -> pl.Series:
    """YYYYMMDD, YYYY-MM-DD (a time after it is ignored) or YYMMDD; null where it is no date between 1900 and 2099."""
    given = text.is_not_null() & (text != "")
    if not given.any():
        return pl.Series(text.name, [None], dtype=pl.Date).new_from_index(0, len(text))
    where = given.arg_true()
    values = text.gather(where)
    known = values.unique()
    digits = known.str.strip_chars().str.replace(r"^([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ].*)?$", "$1$2$3")
    digits = digits.str.replace(r"^([7-9][0-9]{5})$", "19$1").str.replace(r"^([0-6][0-9]{5})$", "20$1")
    digits = digits.set(~digits.str.contains(r"^(?:19|20)[0-9]{6}$"), None)
    days = digits.str.to_date("%Y%m%d", strict=False)
    result = values.replace_strict(known, days, return_dtype=pl.Date)
    return result if len(where) == len(text) else _scatter(result, where, len(text))


def _scatter(values: pl.Series, where: pl.Series, length: int) -> pl.Series:
    """The values at their places in a longer column, null elsewhere."""
    return pl.Series(values.name, [None], dtype=values.dtype).new_from_index(0, length).scatter(where, values)


def read_quantities(text: pl.Series) -> tuple[pl.Series, int]:
    """Quantities with four decimals, null where absent or unreadable; and how many were unreadable."""
    given = text.is_not_null() & (text != "")
    if not given.any():
        return pl.Series(text.name, [None], dtype=pl.Decimal(18, 4)).new_from_index(0, len(text)), 0
    where = given.arg_true()
    values = text.gather(where).str.strip_chars()
    readable = values.str.contains(_QUANTITY)
    result = _decimals(values if readable.all() else values.set(~readable, None), 4)
    return result if len(where) == len(text) else _scatter(result, where, len(text)), int((~readable).sum())


# --------------------------------------------------------------------------------------------------------------- rejects

# Personal identity numbers (also coordination numbers, day + 60) and the objects of personal dimensions.
_IDENTITY = r"\b(?:19|20)?[0-9]{2}(?:0[1-9]|1[0-2])(?:[06][1-9]|[1278][0-9]|[39][01])[-+]?[0-9]{4}\b"

_REASONS = {
    "no_voucher": Text("raden står utanför en verifikation", "the row stands outside a voucher"),
    "account": Text("konto saknas", "no account"),
    "objects": Text("objektlistan går inte att läsa", "the object list cannot be read"),
    "amount": Text(
        "beloppet går inte att läsa eller har fler än två decimaler", "the amount cannot be read or has more than two decimals"
    ),
    "voucher_date": Text("verifikationens datum går inte att läsa", "the voucher's date cannot be read"),
    "other_year": Text(
        "verifikationen är daterad utanför filens räkenskapsår (#RAR 0)",
        "the voucher is dated outside the file's fiscal year (#RAR 0)",
    ),
    "period": Text("perioden går inte att läsa", "the period cannot be read"),
    "year": Text("årsnumret går inte att läsa", "the year number cannot be read"),
    "repeated_year": Text(
        "perioden hör till ett annat räkenskapsår än radens årsnummer, och står redan i filen under rätt år",
        "the period belongs to another fiscal year than the row's number says, and stands in the file under the right one",
    ),
    "object": Text("objektet saknar dimension eller kod", "the object has no dimension or no code"),
    "mid_year": Text(
        "utgående saldo mitt i året; ett senare finns i filen", "a closing balance in mid-year; a later one is there"
    ),
    "unknown_label": Text("okänd posttyp", "unknown record type"),
    "not_a_record": Text("raden är ingen SIE-post", "the line is no SIE record"),
    "personal_data": Text("dimensionen gäller anställda och läses inte", "the dimension is about employees and is not read"),
    "no_field": Text("dimensionen har inget fält i avvik", "the dimension has no field in avvik"),
}
_SET_ASIDE = ("mid_year", "repeated_year", "unknown_label", "not_a_record", "personal_data", "no_field")


def reject_table(rows: pl.DataFrame, summary: Summary) -> pa.Table:
    """Return the reject table of rows with `row`, `line` and `reason` (a key of the reasons), and count them in the summary."""
    aside = rows["reason"].is_in(list(_SET_ASIDE))
    summary.rows_set_aside += int(aside.sum())
    summary.rows_bad += int((~aside).sum())
    texts = {code: str(text) for code, text in _REASONS.items()}
    return to_arrow(
        "reject",
        rows.select(
            pl.col("row").alias("source_row"),
            pl.col("reason").alias("reason_code"),
            pl.col("reason").replace_strict(texts, return_dtype=pl.String).alias("reason"),
            pl.col("line").str.strip_chars().str.replace_all(_IDENTITY, "******-****").str.slice(0, 200).alias("row_content"),
            (~aside).alias("is_bad"),
        ),
    )


def require_readable(summary: Summary, limit: float, place: Place) -> None:
    """Refuse a file with a larger share of bad rows than the source allows."""
    if summary.rows_bad > limit * summary.rows_in:
        raise FileRejected(
            "bad_rows",
            place,
            Text(
                sv=f"{summary.rows_bad} av {summary.rows_in} rader kan inte läsas, fler än {limit:.1%} (max_bad_rows)",
                en=f"{summary.rows_bad} of {summary.rows_in} rows cannot be read, more than {limit:.1%} (max_bad_rows)",
            ),
        )


# ------------------------------------------------------------------------------------------------------------ dimensions


@dataclass
class Dimensions:
    """Which field each dimension of the file goes to.

    `fields`: dimension number → field. `personal`: dimensions about people, never read. `seen`: numbers met in object lists.
    """

    fields: dict[str, str]
    personal: set[str]
    names: dict[str, str]
    seen: set[str] = field(default_factory=set)

    @property
    def unit_dimensions(self) -> set[str]:
        """Dimension numbers that hold the unit."""
        return {number for number, target in self.fields.items() if target == "unit"}

    @property
    def unmapped(self) -> list[str]:
        """Dimensions that the file uses or declares and no field takes, personal ones aside."""
        return sorted((self.seen | set(self.names)) - set(self.fields) - self.personal, key=_dimension_order)


def check_dimensions(source: Source) -> None:
    """Refuse a map of dimensions with an unknown target or with employees in it.

    Raises:
        SettingsError: names the dimension.
    """
    for number, target in source.dimensions.items():
        if target not in TARGETS:
            raise SettingsError(
                Text(
                    sv=f"dimensions: {number} är satt till ”{target}”, som inte finns. Välj bland {', '.join(TARGETS)}.",
                    en=f"dimensions: {number} is set to “{target}”, which does not exist. Choose among {', '.join(TARGETS)}.",
                )
            )
        if number == EMPLOYEE:
            raise SettingsError(
                Text(
                    sv=f"dimensions: dimension {EMPLOYEE} är anställd i SIE och läses aldrig. Ta bort raden.",
                    en=f"dimensions: dimension {EMPLOYEE} is the employee in SIE and is never read. Remove the line.",
                )
            )


def map_dimensions(source: Source, declared: dict[str, tuple[str, str | None]]) -> Dimensions:
    """Return the map to use: the municipality's own, else one proposed from the file's names and SIE's reserved numbers.

    Args:
        source: its `dimensions` is used alone where it is not empty.
        declared: dimension number → (name, number of the parent dimension) from #DIM and #UNDERDIM.
    """
    names = {number: name for number, (name, _) in declared.items()}
    personal = {EMPLOYEE} | {n for n, name in names.items() if name.casefold().startswith(_PERSONAL_NAMES)}
    while more := {n for n, (_, parent) in declared.items() if parent in personal} - personal:
        personal |= more
    if source.dimensions:
        return Dimensions({n: t for n, t in source.dimensions.items() if n not in personal}, personal, names)
    fields: dict[str, str] = {}
    for number in sorted(names, key=_dimension_order):
        target = next((t for t, words in _NAMES.items() if names[number].casefold().startswith(words)), None)
        if target and number not in personal and (target == "party" or target not in fields.values()):
            fields[number] = target
    for number, target in RESERVED.items():
        if number not in fields and number not in personal and (target == "party" or target not in fields.values()):
            fields[number] = target
    return Dimensions(dict(sorted(fields.items(), key=lambda item: _dimension_order(item[0]))), personal, names)


def _dimension_order(number: str) -> tuple[int, str]:
    return (int(number) if number.isdecimal() else 10**6, number)


def spread_objects(
    lists: pl.Series, pairs: pl.DataFrame, dimensions: Dimensions, *, bad: pl.Series | None = None
) -> pl.DataFrame:
    """Turn object lists into one row per list with `dimension_set` and a column per field.

    Args:
        lists: the distinct object lists, as keys.
        pairs: one row per object: `id` (index into `lists`), `dim`, `code`; objects without code are left out.
        dimensions: the map; what it meets is added to `seen`.
        bad: true for lists that cannot be read.

    Returns:
        Columns `objects` (the key), `dimension_set` ('' for none, numbers in numeric order joined by '+'), the fields of
        TARGETS, and `bad`. Where two dimensions of one field both stand on a row, the first in the map's order is used.
    """
    pairs = pairs.filter(pl.col("code").is_not_null() & (pl.col("code") != ""))
    dimensions.seen.update(pairs["dim"].unique().head(1000).to_list())
    order = pl.col("dim").cast(pl.Int32, strict=False).fill_null(10**6)
    sets = (
        pairs.select("id", "dim")
        .unique()
        .sort("id", order, "dim")
        .group_by("id", maintain_order=True)
        .agg(pl.col("dim").str.join("+").alias("dimension_set"))
    )
    targets = pl.DataFrame(
        {"dim": list(dimensions.fields), "target": list(dimensions.fields.values()), "rank": range(len(dimensions.fields))},
        schema={"dim": pl.String, "target": pl.String, "rank": pl.Int64},
    )
    known = pairs.join(targets, on="dim").sort("id", "rank")
    codes = known.group_by("id").agg(
        *(pl.col("code").filter(pl.col("target") == name).first().alias(name) for name in TARGETS),
    )
    frame = pl.DataFrame({"objects": lists, "bad": bad if bad is not None else pl.repeat(False, len(lists), eager=True)})
    return (
        frame.with_row_index("id")
        .join(sets, on="id", how="left")
        .join(codes, on="id", how="left")
        .with_columns(pl.col("dimension_set").fill_null(""))
        .drop("id")
    )


# ---------------------------------------------------------------------------------------------------------------- years


@dataclass(frozen=True)
class FiscalYear:
    """A fiscal year of the file: number 0 is the current one, −1 the one before."""

    number: int
    start: date
    end: date

    @property
    def first_period(self) -> str:
        """The year's first month, 'YYYY-MM'."""
        return f"{self.start:%Y-%m}"

    @property
    def last_period(self) -> str:
        """The year's last month, 'YYYY-MM'."""
        return f"{self.end:%Y-%m}"


def twelve_months(start: date) -> date:
    """Return the last day of the fiscal year that begins on `start`."""
    return _same_day(start, start.year + 1) - timedelta(days=1)


def _same_day(day: date, year: int) -> date:
    return day.replace(year=year, day=28) if (day.month, day.day) == (2, 29) else day.replace(year=year)


def complete_years(years: dict[int, FiscalYear], numbers: Iterable[int]) -> dict[int, FiscalYear]:
    """Add the years that balances refer to and #RAR leaves out, by stepping back twelve months at a time from year 0."""
    result = dict(years)
    if 0 in result:
        for number in sorted(set(numbers) - set(result), reverse=True):
            if -100 < number < 100:
                start = _same_day(result[0].start, result[0].start.year + number)
                result[number] = FiscalYear(number, start, twelve_months(start))
    return result


# ------------------------------------------------------------------------------------------------------------------ sums


class Sums:
    """Running exact sums of `amount` by some text columns; memory is bounded by the number of combinations."""

    def __init__(self, *keys: str) -> None:
        self.keys = keys
        self._parts: list[pl.DataFrame] = []
        self._rows = 0

    def add(self, frame: pl.DataFrame, place: Place) -> None:
        """Add the rows of a frame that has the key columns and `amount`."""
        if frame.is_empty():
            return
        part = frame.group_by(self.keys).agg(pl.col("amount").cast(TOTAL).sum(), pl.len().cast(pl.Int64).alias("rows"))
        self._parts.append(detached(part))
        self._rows += part.height
        if self._rows > 200_000 and len(self._parts) > 1:
            self._parts = [self.frame()]
            self._rows = self._parts[0].height
            if self._rows > MAX_KEYS:
                raise FileRejected(
                    "too_many_keys",
                    place,
                    Text(
                        sv=f"filen har mer än {MAX_KEYS} kombinationer av {', '.join(self.keys)}: det är ingen redovisning",
                        en=f"the file has more than {MAX_KEYS} combinations of {', '.join(self.keys)}: that is no ledger",
                    ),
                )

    def frame(self) -> pl.DataFrame:
        """Return one row per combination: the keys, `amount`, `rows`."""
        if not self._parts:
            return pl.DataFrame(schema={**dict.fromkeys(self.keys, pl.String), "amount": TOTAL, "rows": pl.Int64})
        return pl.concat(self._parts).group_by(self.keys).agg(pl.col("amount").sum(), pl.col("rows").sum())


# ------------------------------------------------------------------------------------------------- what a {} row means


@dataclass
class Meaning:
    """How a file's object rows relate to its rows with `{}`.

    `semantics`: 'total' ({} rows are the account's total, object rows split it), 'remainder' ({} rows are what no object row
    has), '' (the file has not both). `chosen`: the dimension set whose object rows count, '*' where the rows of all sets
    count, '' where there are no object rows. `decided_by`: 'totals' (RES/UB), 'rows' (the object rows add up to the {} rows),
    'default' (nothing tells; SIE's specification says total), '' (no choice to make). `evidence`: how many accounts failed.
    """

    semantics: str = ""
    chosen: str = ""
    decided_by: str = ""
    evidence: dict[str, int] = field(default_factory=dict)


def decide(sums: pl.DataFrame, stated: pl.DataFrame | None, unit_dimensions: set[str]) -> Meaning:
    """Decide what `{}` means and which dimension set counts, by reconciliation and never by vendor.

    Args:
        sums: one row per `period`, `account`, `dimension_set`, with `amount` and `year`.
        stated: one row per `year`, `account` with the stated `amount` (RES + UB − IB); None or empty where nothing is stated.
        unit_dimensions: dimension numbers that hold the unit; a set with one of them is preferred.
    """
    objects = sums.filter(pl.col("dimension_set") != "")
    if objects.is_empty():
        return Meaning()
    bare = sums.filter(pl.col("dimension_set") == "")
    sets = (
        objects.group_by("dimension_set")
        .agg(pl.len())
        .sort("len", "dimension_set", descending=[True, False])["dimension_set"]
        .to_list()[:50]
    )
    candidates = sets if len(sets) == 1 else [*sets, "*"]
    by_key = _candidates(objects, candidates, ("period", "account"))
    by_year = _candidates(objects, candidates, ("year", "account"))
    both = by_key.join(
        bare.group_by("period", "account").agg(pl.col("amount").sum().alias("bare")), on=["period", "account"], how="left"
    )
    overlap = both.filter(pl.col("bare").is_not_null() & (pl.col("bare") != 0))

    # Accounts with object rows, in years that state totals: how many does each reading get wrong?
    errors: dict[str, int] = {}
    if stated is not None and not stated.is_empty():
        years = stated.select("year").unique()
        known = (
            by_year.join(years, on="year", how="semi")
            .join(stated.select("year", "account", pl.col("amount").alias("stated")), on=["year", "account"], how="left")
            .join(bare.group_by("year", "account").agg(pl.col("amount").sum().alias("bare")), on=["year", "account"], how="left")
            .with_columns(pl.col("stated", "bare").fill_null(0))
        )
        if known.height:
            errors["total"] = known.filter(pl.col("bare") != pl.col("stated")).height
            for candidate in candidates:
                wrong = known.filter(pl.col("bare") + pl.col(_column(candidate)) != pl.col("stated")).height
                errors[f"remainder {candidate}"] = wrong

    exact = {c: overlap.filter(pl.col(_column(c)) == pl.col("bare")).height for c in candidates}
    rest = sorted(candidates, key=lambda c: (errors.get(f"remainder {c}", 0), not _has_unit(c, unit_dimensions, sets), c == "*"))
    if bare.is_empty():
        if len(candidates) == 1 or not errors:
            preferred = _preferred(candidates, exact, overlap, unit_dimensions, sets)
            return Meaning("", preferred, "" if len(candidates) == 1 else "default", errors)
        return Meaning("", rest[0], "totals", errors)
    best_rest = errors.get(f"remainder {rest[0]}", 0)
    split = _preferred(candidates, exact, overlap, unit_dimensions, sets)
    if errors and errors["total"] < best_rest:
        return Meaning("total", split, "totals", errors)
    if errors and best_rest < errors["total"]:
        return Meaning("remainder", rest[0], "totals", errors)
    if overlap.height and 2 * max(exact.values()) >= overlap.height:
        return Meaning("total", split, "rows", errors)
    return Meaning("total", split, "default", errors)


def _candidates(objects: pl.DataFrame, candidates: list[str], keys: tuple[str, str]) -> pl.DataFrame:
    """One row per key with the sum of each candidate set's object rows ('*' is all of them)."""
    return objects.group_by(keys).agg(
        *(
            (pl.col("amount") if c == "*" else pl.col("amount").filter(pl.col("dimension_set") == c)).sum().alias(_column(c))
            for c in candidates
        )
    )


def _column(candidate: str) -> str:
    return f"set {candidate}"


def _has_unit(candidate: str, unit_dimensions: set[str], sets: list[str]) -> bool:
    considered = sets if candidate == "*" else [candidate]
    return any(unit_dimensions & set(s.split("+")) for s in considered)


def _preferred(
    candidates: list[str], exact: dict[str, int], overlap: pl.DataFrame, unit_dimensions: set[str], sets: list[str]
) -> str:
    """Choose the set that splits the totals: one with the unit, then the one that most often adds up exactly.

    All sets together are chosen only where they explain more than any one does and never contradict one that adds up alone:
    otherwise they are alternative views of the same money, and adding them would count it twice.
    """
    singles = [c for c in candidates if c != "*"]
    best = min(singles, key=lambda c: (not _has_unit(c, unit_dimensions, sets), -exact[c], singles.index(c)))
    if "*" in candidates and exact["*"] > max(exact[c] for c in singles):
        alone = pl.any_horizontal(*(pl.col(_column(c)) == pl.col("bare") for c in singles))
        if overlap.filter(alone & (pl.col(_column("*")) != pl.col("bare"))).is_empty():
            return "*"
    return best


def counted(sums: pl.DataFrame, meaning: Meaning) -> pl.DataFrame:
    """Return what each (period, account) comes to under the meaning: columns period, year, account, amount.

    The rule that SQL follows too: object rows of the chosen set count; a {} row counts as it stands (remainder, or no object
    rows), or less the chosen rows of the same account and period (total). Where an account and period has no {} row the
    object rows alone are its total.
    """
    keys = ["period", "year", "account"]
    is_bare = pl.col("dimension_set") == ""
    chosen = ~is_bare if meaning.chosen == "*" else pl.col("dimension_set") == meaning.chosen
    grouped = sums.group_by(keys).agg(
        pl.col("amount").filter(is_bare).sum().alias("bare"),
        is_bare.any().alias("has_bare"),
        pl.col("amount").filter(chosen & ~is_bare).sum().alias("objects"),
    )
    if meaning.semantics == "total":
        amount = pl.when("has_bare").then("bare").otherwise("objects")
    else:
        amount = pl.col("bare") + pl.col("objects")
    return grouped.select(*keys, amount.alias("amount"))


# ------------------------------------------------------------------------------------------------------------ the books


class Books:
    """Everything a reader adds up while it reads, and the reconciliation at the end."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.lines = Sums("account", "period")
        self.psaldo = Sums("account", "period", "dimension_set")
        self.budget = Sums("account", "period", "dimension_set")
        self.stated = Sums("label", "year", "account")
        self.vouchers_checked = 0
        self.vouchers_failed = 0
        self._worst_vouchers: list[tuple[Decimal, str, str]] = []
        self.checked: dict[str, int] = {}
        self.failed: dict[str, int] = {}
        self.largest: dict[str, list[dict[str, Any]]] = {}

    def vouchers(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Take the finished vouchers (`voucher`, `period`, `amount`); return the control rows of those that are not 0."""
        self.vouchers_checked += frame.height
        wrong = frame.filter(pl.col("amount") != 0)
        self.vouchers_failed += wrong.height
        worst = wrong.with_columns(pl.col("amount").abs().alias("size")).sort("size", descending=True).head(LISTED)
        self._worst_vouchers += worst.select("amount", "voucher", "period").rows()
        self._worst_vouchers = sorted(self._worst_vouchers, key=lambda row: -abs(row[0]))[:LISTED]
        return _control_rows(
            wrong.select(
                pl.lit("VOUCHER").alias("control"),
                "period",
                "voucher",
                pl.lit(Decimal("0.00")).alias("stated"),
                pl.col("amount").alias("computed"),
            )
        )

    def single(self, control: str, stated: Decimal, computed: Decimal, *, period: str | None = None) -> pl.DataFrame:
        """Take one comparison of two totals; return its control row if they differ."""
        rows = pl.DataFrame(
            {"control": [control], "account": [None], "period": [period], "stated": [stated], "computed": [computed]},
            schema={"control": pl.String, "account": pl.String, "period": pl.String, "stated": TOTAL, "computed": TOTAL},
        )
        return self._compare(rows)

    def _compare(self, rows: pl.DataFrame) -> pl.DataFrame:
        for name, count in rows.group_by("control").len().iter_rows():
            self.checked[name] = self.checked.get(name, 0) + count
        wrong = _control_rows(rows.filter(pl.col("stated") != pl.col("computed")))
        ranked = wrong.with_columns(pl.col("difference").abs().alias("size")).sort("size", "account", descending=[True, False])
        for name, count in wrong.group_by("control").len().iter_rows():
            self.failed[name] = self.failed.get(name, 0) + count
            found = ranked.filter(pl.col("control") == name).head(LISTED)
            self.largest[name] = sorted(
                self.largest.get(name, []) + found.select("account", "period", "stated", "computed", "difference").to_dicts(),
                key=lambda row: (-abs(row["difference"]), row["account"] or "", row["period"] or ""),
            )[:LISTED]
        return wrong

    def reconcile(
        self,
        years: dict[int, FiscalYear],
        dimensions: Dimensions,
        summary: Summary,
        *,
        complete_year: bool,
        account_types: pl.DataFrame,
    ) -> pl.DataFrame:
        """Compare all totals, decide what {} means, and write both into the summary. Return the failed controls.

        Args:
            years: the file's fiscal years by number.
            dimensions: the map in use.
            summary: filled: controls, psaldo fields, extra, warnings.
            complete_year: the file claims every voucher of the current year (not type 4I).
            account_types: columns account, account_type (T, S, K, I) where the file says.
        """
        found: list[pl.DataFrame] = []
        stated = _stated(self.stated.frame())
        by_account = stated.group_by("year", "account").agg(
            pl.when(pl.col("label") == "IB").then(-pl.col("amount")).otherwise(pl.col("amount")).sum().alias("amount"),
            (pl.col("label") == "RES").any().alias("is_result"),
        )
        lines = _with_year(self.lines.frame(), years)
        psaldo = _with_year(self.psaldo.frame(), years)
        budget = _with_year(self.budget.frame(), years)

        if complete_year and 0 in years:
            this_year = (
                lines.filter(pl.col("year") == 0).group_by("account").agg(pl.col("amount").sum(), year=pl.lit(0, pl.Int64))
            )
            told = by_account.filter(pl.col("year") == 0)
            if told.height and summary.row_counts.get("TRANS"):
                found.append(self._accounts(told, this_year, years, account_types))

        meaning = decide(psaldo, by_account, dimensions.unit_dimensions)
        if psaldo.height:
            moved = counted(psaldo, meaning).group_by("year", "account").agg(pl.col("amount").sum())
            moved = moved.join(by_account.select("year").unique(), on="year", how="semi")
            told = by_account.join(moved.select("year").unique(), on="year", how="semi")
            if moved.height:
                found.append(self._accounts(told, moved, years, account_types, name="PSALDO"))
        for (number,), rows in stated.group_by("year"):
            if {"IB", "UB", "RES"} <= set(rows["label"]):
                sums = {label: exact_sum(rows.filter(pl.col("label") == label)["amount"]) for label in ("IB", "UB", "RES")}
                period = years[number].last_period if number in years else None
                found.append(self.single("SUM_UB_RES", sums["IB"], sums["UB"] + sums["RES"], period=period))

        planned = decide(budget, None, dimensions.unit_dimensions)
        if planned.decided_by == "default" and meaning.semantics:
            planned.semantics, planned.decided_by = meaning.semantics, "psaldo"
            if meaning.semantics == "remainder":
                planned.chosen = meaning.chosen
        self._report(summary, meaning, planned, dimensions)
        return pl.concat([pl.DataFrame(schema=_CONTROL), *found])

    def _accounts(
        self,
        stated: pl.DataFrame,
        computed: pl.DataFrame,
        years: dict[int, FiscalYear],
        account_types: pl.DataFrame,
        name: str | None = None,
    ) -> pl.DataFrame:
        last = pl.DataFrame(
            {"year": list(years), "period": [year.last_period for year in years.values()]},
            schema={"year": pl.Int64, "period": pl.String},
        )
        both = (
            stated.select("year", "account", "is_result", pl.col("amount").alias("stated"))
            .join(
                computed.select("year", "account", pl.col("amount").alias("computed")),
                on=["year", "account"],
                how="full",
                coalesce=True,
            )
            .join(last, on="year", how="left")
            .join(account_types.unique("account", keep="last"), on="account", how="left")
            .with_columns(pl.col("stated", "computed").fill_null(0))
        )
        # An account that the file states nothing about: a result account unless its type says balance.
        is_result = pl.col("is_result").fill_null(~pl.col("account_type").fill_null("").is_in(["T", "S"]))
        control = pl.lit(name) if name else pl.when(is_result).then(pl.lit("RES")).otherwise(pl.lit("UB"))
        return self._compare(both.select(control.alias("control"), "account", "period", "stated", "computed"))

    def _report(self, summary: Summary, meaning: Meaning, planned: Meaning, dimensions: Dimensions) -> None:
        checked = {**({"VOUCHER": self.vouchers_checked} if self.vouchers_checked else {}), **self.checked}
        failed = {**({"VOUCHER": self.vouchers_failed} if self.vouchers_failed else {}), **self.failed}
        largest = {
            **(
                {"VOUCHER": [{"voucher": v, "period": p, "difference": str(a)} for a, v, p in self._worst_vouchers]}
                if failed.get("VOUCHER")
                else {}
            ),
            **{
                name: [{k: str(v) for k, v in row.items() if v is not None} for row in rows]
                for name, rows in self.largest.items()
            },
        }
        summary.controls_checked = sum(checked.values())
        summary.controls_failed = sum(failed.values())
        summary.psaldo_semantics, summary.psaldo_dimension_set = meaning.semantics, meaning.chosen
        summary.extra["controls"] = {
            name: {"checked": count, "failed": failed.get(name, 0), "largest": largest.get(name, [])}
            for name, count in sorted(checked.items())
        }
        summary.extra["psaldo_decided_by"] = meaning.decided_by
        summary.extra["psaldo_evidence"] = meaning.evidence
        summary.pbudget_semantics, summary.pbudget_dimension_set = planned.semantics, planned.chosen
        summary.extra["pbudget_decided_by"] = planned.decided_by
        summary.extra["dimensions"] = dict(dimensions.fields)
        summary.extra["dimension_names"] = {n: name for n, name in dimensions.names.items() if n not in dimensions.personal}
        summary.extra["dimensions_unmapped"] = dimensions.unmapped
        for name, count in sorted(failed.items()):
            summary.warnings.append(str(_failed_text(name, count, checked[name], largest.get(name, []))))
        for what, outcome in (("PSALDO", meaning), ("PBUDGET", planned)):
            if outcome.decided_by == "default":
                summary.warnings.append(
                    str(
                        Text(
                            sv=f"{what}: inget visar om rader utan objekt är totalen eller resten; de läses som totalen",
                            en=f"{what}: nothing shows if rows without objects are the total or the rest; read as the total",
                        )
                    )
                )
        if dimensions.unmapped:
            listed = ", ".join(f"{n} {dimensions.names.get(n, '')}".strip() for n in dimensions.unmapped[:LISTED])
            summary.warnings.append(
                str(
                    Text(
                        sv=f"dimensioner utan fält, inte lästa: {listed}. Sätt dem i källans dimensions om de behövs",
                        en=f"dimensions without a field, not read: {listed}. Set them in the source's dimensions if needed",
                    )
                )
            )


def _stated(sums: pl.DataFrame) -> pl.DataFrame:
    """The stated balances by label, year and account, each amount once.

    Some vendors write #UB for result accounts beside #RES: where a year has a #RES that is not 0 it stands alone.
    """
    sums = sums.with_columns(pl.col("year").cast(pl.Int64))
    results = sums.filter((pl.col("label") == "RES") & (pl.col("amount") != 0)).select("year", "account")
    return pl.concat(
        [
            sums.filter(pl.col("label") == "RES"),
            sums.filter(pl.col("label") != "RES").join(results, on=["year", "account"], how="anti"),
        ]
    )


def _with_year(frame: pl.DataFrame, years: dict[int, FiscalYear]) -> pl.DataFrame:
    """Add the number of the fiscal year that the period lies in, null where none does: the row's own year is not trusted."""
    year = pl.lit(None, pl.Int64)
    for number, fiscal in sorted(years.items()):
        year = (
            pl.when(pl.col("period").is_between(pl.lit(fiscal.first_period), pl.lit(fiscal.last_period)))
            .then(number)
            .otherwise(year)
        )
    return frame.with_columns(year.cast(pl.Int64).alias("year"))


def _control_rows(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(
        *(
            pl.lit(None, kind).alias(name)
            for name, kind in _CONTROL.items()
            if name not in frame.columns and name != "difference"
        ),
        (pl.col("computed").cast(TOTAL) - pl.col("stated").cast(TOTAL)).alias("difference"),
    ).select(*(pl.col(name).cast(kind) for name, kind in _CONTROL.items()))


def _failed_text(name: str, count: int, checked: int, largest: list[dict[str, str]]) -> Text:
    examples = "; ".join(
        " ".join(filter(None, (row.get("account"), row.get("voucher"), row.get("period"), row["difference"])))
        for row in largest[:5]
    )
    sv, en = {
        "VOUCHER": ("verifikationer som inte summerar till 0", "vouchers that do not sum to 0"),
        "RES": ("resultatkonton där RES inte är summan av TRANS", "result accounts where RES is not the sum of TRANS"),
        "UB": ("balanskonton där UB − IB inte är summan av TRANS", "balance accounts where UB − IB is not the sum of TRANS"),
        "PSALDO": (
            "konton där PSALDO inte summerar till RES eller UB − IB",
            "accounts where PSALDO does not sum to RES or UB − IB",
        ),
        "SUM_UB_RES": ("år där UB + RES inte är IB", "years where UB + RES is not IB"),
        "KSUMMA": ("kontrollsumma som inte stämmer", "check sum that does not match"),
    }[name]
    return Text(sv=f"{name}: {count} av {checked} {sv} ({examples})", en=f"{name}: {count} of {checked} {en} ({examples})")


# --------------------------------------------------------------------------------------------------------------- periods


def cover(
    summary: Summary, books: Books, years: dict[int, FiscalYear], through: str | None, *, whole_year: bool, budget_months: bool
) -> None:
    """Fill in the periods that the file speaks for, and where its outcome comes from.

    A file of balances or of a whole year's vouchers covers the current year from its first month through `through`
    (#OMFATTN), else through the last month with an amount, else the whole year. A file of vouchers alone (4I) covers the
    months of its vouchers. Balances and budgets of other years, and vouchers after #OMFATTN, have spans of their own in
    `entity_periods`. Every row of an entity lies within its span (the readers refuse vouchers of other years than the file's).
    """
    lines, psaldo = books.lines.frame(), books.psaldo.frame().filter(pl.col("amount") != 0)
    summary.outcome_from = (
        "TRANS"
        if lines.height
        else "PSALDO"
        if books.psaldo.frame().height
        else "RES"
        if "RES" in set(books.stated.frame()["label"])
        else ""
    )
    current = years.get(0)
    if whole_year and current:
        inside = pl.col("period").is_between(pl.lit(current.first_period), pl.lit(current.last_period))
        months = pl.concat([lines.filter(inside)["period"], psaldo.filter(inside)["period"]])
        summary.period_from = current.first_period
        summary.period_to = through or months.max() or current.last_period  # type: ignore[assignment]
    elif lines.height:
        summary.period_from, summary.period_to = lines["period"].min(), lines["period"].max()  # type: ignore[assignment]
    elif current:
        summary.period_from, summary.period_to = current.first_period, through or current.last_period
    if lines.height and summary.period_from and summary.period_to:
        # Booked ahead of #OMFATTN: the file speaks for those months of its vouchers too.
        last = str(lines["period"].max())
        if last > summary.period_to:
            summary.entity_periods["ledger_line"] = (summary.period_from, last)
    if psaldo.height and summary.period_from and summary.period_to:
        first = min(_year_start(str(psaldo["period"].min()), years), summary.period_from)
        last = max(str(psaldo["period"].max()), summary.period_to)
        if (first, last) != (summary.period_from, summary.period_to):
            summary.entity_periods["period_balance"] = (first, last)
    stated_years = [years[n] for n in books.stated.frame()["year"].cast(pl.Int64).unique().to_list() if n in years]
    if stated_years and summary.period_from and summary.period_to:
        first = min(min(year.first_period for year in stated_years), summary.period_from)
        if first != summary.period_from:
            summary.entity_periods["year_balance"] = (first, summary.period_to)
    budget = books.budget.frame()
    if budget_months and budget.height:
        summary.entity_periods["budget_line"] = (str(budget["period"].min()), str(budget["period"].max()))


def _year_start(period: str, years: dict[int, FiscalYear]) -> str:
    return next((y.first_period for y in years.values() if y.first_period <= period <= y.last_period), period)
