"""Recurring series: what is due in a month, judged from the months before it.

What belongs here: the fit of cadence, season, price and residual to a matrix series x month. What does not: which ledger rows
form a
series (`sql/series.sql`) and what it means that something is missing (`orchestration.findings.rules`).

A series is regular when its recent slots are filled: cadence c in 1, 2, 3, 4, 6, 12 months, phase, months of the year that it
always skips.
The tested month never enters its own baseline.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

#: Cadence: (months looked back, occurrences needed, misses allowed). The first regime that fits is taken, the latest evidence
#: first.
REGIMES: tuple[tuple[int, int, int, int], ...] = (
    (1, 9, 6, 2),
    (1, 6, 4, 1),
    (1, 4, 3, 0),
    (2, 12, 4, 1),
    (3, 15, 4, 1),
    (3, 9, 3, 0),
    (4, 16, 4, 1),
    (4, 12, 3, 0),
    (6, 24, 3, 0),
    (12, 36, 2, 0),
    (1, 15, 12, 3),  # a long series with a hole of three months
)


#: Same months of two years whose growth is known: the last five say what a price has become.
_PAIRS = 5
#: Series that are fitted at once.
_BLOCK = 50_000


@dataclass
class Fit:
    """One row per series (the order of `frame`), judged at column `t` from the columns before it.

    `cadence` is 0 where the series is not regular. `due` says that column t is a slot. `expected` is the amount due, in the
    series'
    direction (positive). `scale` is the robust standard deviation of the log residual. `slots` and `hits` count the series' whole
    life. `history` holds, per column, 1 filled slot, -1 empty slot, 0 no slot; `local` what was expected there then.
    """

    frame: pd.DataFrame
    pos: np.ndarray
    neg: np.ndarray
    n: np.ndarray
    t: int
    m0: int
    cadence: np.ndarray
    phase: np.ndarray
    due: np.ndarray
    expected: np.ndarray
    scale: np.ndarray
    slots: np.ndarray
    hits: np.ndarray
    history: np.ndarray
    multiple: np.ndarray
    local: np.ndarray


def matrices(frame: pd.DataFrame, months: pd.DataFrame, m0: int, t: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return pos, neg, n and final-text flags as arrays series x month (columns m0 .. m0 + t)."""
    index = pd.Series(np.arange(len(frame)), index=frame.sid.to_numpy())
    row = index.reindex(months.sid.to_numpy()).to_numpy()
    keep = ~np.isnan(row)
    row, col = row[keep].astype(int), (months.m.to_numpy()[keep] - m0).astype(int)
    shape = (len(frame), t + 1)
    pos, neg, n, final = np.zeros(shape), np.zeros(shape), np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=bool)
    pos[row, col] = months.pos.to_numpy()[keep]
    neg[row, col] = months.neg.to_numpy()[keep]
    n[row, col] = months.n.to_numpy()[keep]
    final[row, col] = months.is_final.to_numpy()[keep]
    return pos, neg, n, final


def _median_posted(pos: np.ndarray) -> np.ndarray:
    out = np.full(len(pos), np.nan)
    for start in range(0, len(pos), _BLOCK):
        part = pos[start : start + _BLOCK]
        some = np.flatnonzero((part > 0).any(axis=1))
        with np.errstate(all="ignore"):
            out[start + some] = np.nanmedian(np.where(part[some] > 0, part[some], np.nan), axis=1)
    return out


def _calendars(posted: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Return the months of the year, counted back from the last posting, of series with a calendar of their own; none elsewhere.

    The same two to ten months two years running (grants in February, May and October; snow clearing from November to April). Of
    five months or more one inside may differ: a hole. The season's first and last month may come or not: snow keeps no calendar.
    """
    size = len(posted)
    years = []
    for year in range(2):
        at = last[:, None] - 12 * year - np.arange(12)[None, :]
        years.append(np.take_along_axis(posted, np.maximum(at, 0), axis=1) & (at >= 0))
    both, differ = years[0] & years[1], years[0] != years[1]
    count, before, after = both.sum(axis=1), np.roll(both, 1, axis=1), np.roll(both, -1, axis=1)
    hole, edge = differ & before & after, differ & (before ^ after)
    out = both | hole
    good = (count >= 2) & (out.sum(axis=1) <= 10) & (differ == hole | edge).all(axis=1)
    good &= (hole.sum(axis=1) <= (count >= 5)) & (edge.sum(axis=1) <= np.where(count >= 4, 2, 0))
    return np.where(good[:, None], out, np.zeros((size, 12), dtype=bool))


def fit(frame: pd.DataFrame, pos: np.ndarray, neg: np.ndarray, n: np.ndarray, m0: int, t: int) -> Fit:
    """Fit every series at once; loops run over months and cadences, never over series."""
    size = len(frame)
    past = slice(0, t)
    typical = _median_posted(pos[:, past])
    posted = pos > 0.2 * np.nan_to_num(typical, nan=np.inf)[:, None]
    first = np.where(posted[:, past].any(axis=1), posted[:, past].argmax(axis=1), t)
    columns = np.arange(t + 1)
    of_year = (m0 + columns) % 12
    alive = columns[None, :] >= first[:, None]
    # Months of the year that were skipped every time they came up are closed, not missing. In its first year nothing is known.
    closed = np.zeros((size, 12), dtype=bool)
    for k in range(12):
        cols = columns[(of_year == k) & (columns < t)]
        if len(cols):
            closed[:, k] = alive[:, cols].any(axis=1) & ~(posted[:, cols] & alive[:, cols]).any(axis=1)
    # Empty months seen once are a hole as likely as a season, outside the summer: they need two years.
    seen = np.stack([(alive[:, (of_year == k) & (columns < t)]).sum(axis=1) for k in range(12)], axis=1)
    sure = (seen >= 2) | np.isin(np.arange(12), (5, 6, 7))[None, :]
    # A place that is closed for more than four months of the year is not a monthly business.
    closed &= sure & (closed.sum(axis=1) <= 4)[:, None]
    is_closed = closed[:, of_year]
    usable_mask = (posted[:, past] & alive[:, past]).sum(axis=1) >= 5

    cadence = np.zeros(size, dtype=int)
    phase = np.zeros(size, dtype=int)
    # Each series is judged up to its own last posting, so that one which fell silent is still known for what it was.
    last_column = np.where(posted[:, past].any(axis=1), t - 1 - posted[:, past][:, ::-1].argmax(axis=1), -1)
    tail = t - 1 - last_column
    for c, window, needed, misses in REGIMES:
        back = np.arange(window)[None, :] + tail[:, None]
        cols = t - 1 - back
        inside = (cols >= first[:, None]) & (cols >= 0)
        safe = np.maximum(cols, 0)
        was = np.take_along_axis(posted, safe, axis=1) & inside
        month = m0 + cols
        shut = np.take_along_axis(closed, month % 12, axis=1) & usable_mask[:, None] if c == 1 else np.zeros_like(was)
        # the last posting lies in a slot: that gives the phase
        f = (m0 + last_column) % c
        on_grid = (month % c) == f[:, None]
        slot = on_grid & inside & ~shut
        hits = (was & slot).sum(axis=1)
        ok = (cadence == 0) & (hits >= needed) & (slot.sum(axis=1) - hits <= misses) & ((was & ~on_grid).sum(axis=1) == 0)
        ok &= tail < 12 + c
        cadence[ok], phase[ok] = c, f[ok]
    own = _calendars(posted[:, past] & alive[:, past], last_column)
    same = (cadence == 0) & own.any(axis=1) & (tail < 12)
    calendar = np.zeros((size, 12), dtype=bool)
    rows = np.flatnonzero(same)
    for back in range(12):
        calendar[rows, (m0 + last_column[rows] - back) % 12] = ~own[rows, back]
    cadence[same], phase[same] = 1, 0
    closed[same] = calendar[same]
    usable_mask[same] = True
    is_closed = closed[:, of_year]
    regular = cadence > 0
    c_safe = np.where(regular, cadence, 1)
    slot_all = ((m0 + columns)[None, :] % c_safe[:, None] == phase[:, None]) & alive & regular[:, None]
    slot_all &= ~((c_safe == 1)[:, None] & is_closed & usable_mask[:, None])
    history = np.where(slot_all, np.where(posted, 1, -1), 0).astype(np.int8)
    slots = (slot_all[:, past]).sum(axis=1)
    hits = (slot_all & posted)[:, past].sum(axis=1)

    # A price only where there is a rhythm: most series of a large ledger have none.
    expected, scale, local = np.full(size, np.nan), np.full(size, np.nan), np.zeros((size, t + 1))
    some = np.flatnonzero(regular)
    expected[some], scale[some], local[some] = _price(pos[some], neg[some], posted[some], typical[some], cadence[some], t)
    # Chance makes short rhythms. Either the amounts agree, or the rhythm has held for long, up to its own last posting.
    until = (slot_all[:, past] & (columns[None, past] <= last_column[:, None])).sum(axis=1)
    steady = np.where(until > 0, hits / np.maximum(until, 1), 0.0)
    weak = (hits < np.where(cadence == 1, 9, 5)) | (steady < np.where(hits >= 20, 0.75, 0.85))
    loose = (
        ((scale > 0.12) & weak)
        | (scale > 0.6)
        | ((cadence > 1) & (scale > 0.35))
        | ((cadence >= 6) & (hits <= 3) & (scale > 0.1))
    )
    cadence[loose] = 0
    due = slot_all[:, t] & (cadence > 0) & ~np.isnan(expected)
    with np.errstate(all="ignore"):
        multiple = np.nan_to_num((np.where(posted, n, 0)[:, past]).sum(axis=1) / np.maximum(1, posted[:, past].sum(axis=1)))
    return Fit(
        frame,
        pos,
        neg,
        n,
        t,
        m0,
        cadence,
        phase,
        due,
        np.nan_to_num(expected),
        np.nan_to_num(scale, nan=0.3),
        slots,
        hits,
        history,
        multiple,
        local,
    )


def _price(
    pos: np.ndarray, neg: np.ndarray, posted: np.ndarray, typical: np.ndarray, cadence: np.ndarray, t: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what regular series are expected to cost at column t, the scale of the residual, and what each column expected.

    The last, the median of the last three or of the last nine, or last years' same month times the growth since: what predicted
    best.
    """
    size = len(pos)
    value = np.where(pos - neg > 0.2 * np.nan_to_num(typical)[:, None], pos - neg, pos)
    last = np.full((size, 9), np.nan)
    flat, long, seasonal, newest = (np.full((size, t + 1), np.nan) for _ in range(4))
    with np.errstate(all="ignore"):
        logged = np.where(posted, np.log(value), np.nan)
    # The growth since k months ago, month by month: the same months are compared, so that a hole moves nothing.
    growth = {k: np.full((size, _PAIRS), np.nan) for k in (12, 24, 36)}
    for j in range(t + 1):
        count = (~np.isnan(last[:, :3])).sum(axis=1)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a series that has not begun has no median
            level = np.where(count == 3, np.sort(last[:, :3], axis=1)[:, 1], last[:, 0])
            nine = ~np.isnan(last[:, 8])
            long[nine, j] = np.median(last[nine], axis=1)
            newest[:, j] = last[:, 0]
            flat[:, j] = np.where(cadence >= 6, last[:, 0], level)
            earlier = [logged[:, j - k] + np.nan_to_num(_median(growth[k])) for k in growth if j >= k]
            if earlier:
                seasonal[:, j] = np.exp(np.nanmean(earlier, axis=0))
        hit = posted[:, j]
        last[hit] = np.column_stack([value[hit, j], last[hit, :8]])
        for k, pairs in growth.items():
            if j < k:
                break
            both = np.flatnonzero(hit & posted[:, j - k])
            pairs[both] = np.column_stack([logged[both, j] - logged[both, j - k], pairs[both, : _PAIRS - 1]])
    recent = slice(max(0, t - 18), t)
    with np.errstate(all="ignore"):
        (s_flat, k_flat), (s_long, k_long), (s_seas, k_seas), (s_last, k_last) = (
            _mad(np.where(posted[:, recent], np.log(value[:, recent] / guess[:, recent]), np.nan))
            for guess in (flat, long, seasonal, newest)
        )
    # In its second year a season must be plain to see; one that only rises and falls is best followed by its last posting.
    use_season = ((k_seas >= 6) & (s_seas < 0.7 * s_flat) | (k_seas >= 3) & (s_seas < 0.4 * np.fmin(s_flat, s_last))) & ~np.isnan(
        seasonal[:, t]
    )
    use_newest = ~use_season & (k_last >= 6) & (s_flat > 0.1) & (s_last < 0.7 * s_flat)
    use_long = ~use_season & ~use_newest & (k_long >= 9) & (s_flat > 0.03) & (s_long < s_flat) & ~np.isnan(long[:, t])
    used = [use_season, use_newest, use_long]
    expected = np.select(used, [seasonal[:, t], newest[:, t], long[:, t]], flat[:, t])
    scale = np.select(used, [s_seas, s_last, s_long], s_flat)
    local = np.select([one[:, None] for one in used], [seasonal, newest, long], flat)
    known = np.select(used, [k_seas, k_last, k_long], k_flat)
    scale = np.where(known == 0, 0.3, np.where(known == 1, 2 * scale, scale))
    return expected, scale, np.where(np.isnan(local) | (local <= 0), np.nan_to_num(expected)[:, None], local)


def fit_in_blocks(frame: pd.DataFrame, pos: np.ndarray, neg: np.ndarray, n: np.ndarray, m0: int, t: int) -> Fit:
    """Return the same as `fit`, in bounded memory: a series depends on no other."""
    if len(frame) <= _BLOCK:
        return fit(frame, pos, neg, n, m0, t)
    whole: dict[str, np.ndarray] = {}
    for start in range(0, len(frame), _BLOCK):
        part = slice(start, start + _BLOCK)
        fitted = fit(frame.iloc[part], pos[part], neg[part], n[part], m0, t)
        for name in ("cadence", "phase", "due", "expected", "scale", "slots", "hits", "history", "multiple", "local"):
            got = getattr(fitted, name)
            whole.setdefault(name, np.empty((len(frame), *got.shape[1:]), got.dtype))[part] = got
    return Fit(frame=frame, pos=pos, neg=neg, n=n, t=t, m0=m0, **whole)


def _median(some: np.ndarray) -> np.ndarray:
    """Return the median of each row's known values; NaN where none is."""
    ordered, count = np.sort(some, axis=1), (~np.isnan(some)).sum(axis=1)
    row = np.arange(len(some))
    return np.asarray((ordered[row, np.maximum(count - 1, 0) // 2] + ordered[row, np.maximum(count, 1) // 2]) / 2)


def _mad(errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    count = (~np.isnan(errors)).sum(axis=1)
    out = np.full(len(errors), np.nan)
    some = count > 0
    with np.errstate(all="ignore"):
        out[some] = 1.4826 * np.nanmedian(np.abs(errors[some]), axis=1)
    return out, count


def choose_grain(
    frame: pd.DataFrame, cadence: np.ndarray, multiple: np.ndarray, hits: np.ndarray, total: np.ndarray
) -> np.ndarray:
    """Return which series stand: for each base either the base itself or its fine parts, whichever explains more by regular
    postings.

    A base that is regular with one posting an occasion needs no parts, unless one part has had them all: what the base has beside
    it is odd purchases, which must not be taken for the next month's, and a base without a party is only an account. Otherwise
    the parts stand where the regular ones carry most of the money; else the base, if it is regular.
    """
    work = pd.DataFrame(
        {"base": frame.base, "grain": frame.grain, "regular": cadence > 0, "multiple": multiple, "hits": hits, "total": total}
    ).assign(named=frame.party != "")
    base = work[work.grain == "base"].set_index("base")
    fine = (
        work[(work.grain == "fine") & work.regular]
        .groupby("base")
        .agg(total=("total", "sum"), n=("total", "size"), hits=("hits", "max"), multiple=("multiple", "max"))
    )
    fine = fine.reindex(base.index).fillna(0)
    share = (fine.total / base.total.clip(lower=1)).clip(0, 1)
    one = (fine.n == 1) & (fine.hits >= base.hits) & ((fine.multiple < base.multiple) | ~base.named)
    take_base = base.regular & ~one & ((base.multiple <= 1.2) | (share < 0.5))
    chosen = frame.base.map(take_base).fillna(False).to_numpy(dtype=bool)
    return np.where(frame.grain == "base", chosen, ~chosen)
