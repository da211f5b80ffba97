"""Recurring series: what is due in a month, judged from the months before it.

What belongs here: the fit of cadence, season, price and residual to a matrix series x month. What does not: which ledger rows
form a
series (`sql/series.sql`) and what it means that something is missing (`orchestration.findings.rules`).

A series is regular when its recent slots are filled: cadence c in 1, 2, 3, 4, 6, 12 months, phase, months of the year that it
always skips.
The tested month never enters its own baseline.
"""

from __future__ import annotations

from collections.abc import Callable
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
    (3, 24, 6, 2),  # and a quarterly one with a hole of two quarters
)


#: Series that are fitted at once.
_BLOCK = 50_000

#: Months before the close in which the ways to know an amount are judged, and occasions that each may look back on.
_JUDGED, _OCCASIONS = 24, 12
#: What an occasion weighs against the one after it, so that the two newest just outweigh all the others; and what a month
#: weighs against the one after it.
_TWO_OUTWEIGH, _FADE = 0.7, 0.9
#: Log differences: the same price; a rise or cut that follows an index (more is an exception until it is seen twice); the
#: most that siblings move in a month; a miss that is no worse for being larger.
_SAME, _RISE, _MOVE, _FAR = 0.003, 0.1, 0.5, 0.15
#: Times the usual distance from the middle beyond which an occasion stands out (2.5 standard deviations).
_OUTLIER = 3.7
#: The month of the year, and the last posting by itself, must do this much better than what is simpler.
_SEASON_MUST, _LAST_MUST = 1.05, 1.25


@dataclass
class Fit:
    """One row per series (the order of `frame`), judged at column `t` from the columns before it.

    `cadence` is 0 where the series is not regular. `due` says that column t is a slot. `expected` is the amount due, in the
    series' direction (positive). `scale` is the robust standard deviation of the log residual, `width` the half-width that held
    nine of ten. `slots` and `hits` count the series' whole life. `history` holds, per column, 1 filled slot, -1 empty slot, 0 no
    slot; `local` what was expected there then.
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
    width: np.ndarray
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
    good &= ~(differ & (at < posted.argmax(axis=1)[:, None])).any(axis=1)  # before its first posting no month was closed
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
    same = (cadence <= 1) & own.any(axis=1) & (tail < 12)  # six months running may be a season
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
    expected, scale, width, local = (np.full(shape, np.nan) for shape in (size, size, size, (size, t + 1)))
    some = np.flatnonzero(regular)
    expected[some], scale[some], width[some], local[some] = _price(
        frame.iloc[some], pos[some], neg[some], posted[some], typical[some], cadence[some], t
    )
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
        np.nan_to_num(width, nan=0.5),
        slots,
        hits,
        history,
        multiple,
        np.nan_to_num(local),
    )


def _price(
    frame: pd.DataFrame, pos: np.ndarray, neg: np.ndarray, posted: np.ndarray, typical: np.ndarray, cadence: np.ndarray, t: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return what regular series are expected to cost at column t, the scale of the residual, the half-width (log) that holds
    nine residuals of ten, and what each of the last columns expected.

    Six ways to know an amount compete, each judged by how near it would have come in the last two years, the simplest first: the
    newest price, the usual level, both of them moved as the siblings moved in the month, the last posting, and the month of the
    year. Siblings are the other series of the account: what all of them do is the price or the weather, and no matter of one
    agreement.
    """
    value = np.where(pos - neg > 0.2 * np.nan_to_num(typical)[:, None], pos - neg, pos)
    log = np.full(value.shape, np.nan)
    log[posted] = np.log(value[posted])
    first = max(0, t - _JUDGED)
    yearly = cadence >= 6
    siblings = frame.groupby(["account", "dir", "grain", "interim"], sort=False).ngroup().to_numpy()
    newest = _ahead(log, lambda last: np.where(yearly, last[:, 0], _newest(last)), first)
    occasions = np.arange(_OCCASIONS)
    weight = _FADE ** (cadence[:, None] * occasions)
    age = cadence * (weight @ (occasions + 1)) / weight.sum(axis=1)  # months since the usual level, which prices have risen since
    risen = _growth(log, siblings, first) * age[:, None] / 12
    level = _ahead(log, lambda last: _level(last, weight), first) + risen
    season = _season(log, siblings)
    ways = [newest, level]
    for way in (newest, level):
        move = _of_siblings(log[:, first:] - way[:, first:], siblings)
        move = np.where(np.abs(move) <= _MOVE, move, 0.0)  # nothing, or more than a price moves
        ways.append(np.concatenate([way[:, :first], way[:, first:] + move], axis=1))
    ways.append(_ahead(log, lambda last: last[:, 0], first))
    ways.append(_ahead(log - season, lambda last: _level(last, weight), first) + risen + season)

    past = slice(first, t)
    error = np.stack([np.abs(log[:, past] - way[:, past]) for way in ways])
    error[:, np.isnan(error).any(axis=0)] = np.nan
    known = (~np.isnan(error[0])).sum(axis=1)
    far = np.nansum(np.minimum(error, _FAR), axis=2)
    wild = np.flatnonzero(far.min(axis=0) > 0.5 * _FAR * np.maximum(known, 1))  # where all are far off, how far still matters
    usual = np.min([_median(way[wild]) for way in error], axis=0)
    far[:, wild] = np.nansum(np.minimum(error[:, wild], 2 * np.nan_to_num(usual, nan=_FAR)[:, None]), axis=2)
    far[-2] *= _LAST_MUST  # what only rises and falls (heating in its second year) is best followed by its last posting
    far[-1] *= _SEASON_MUST  # a calendar of its own must show itself
    best = far.argmin(axis=0)
    which = np.arange(len(best))
    own = error[best, which]
    local = np.exp(np.stack(ways)[best, which]).round(2)
    expected = local[:, t]
    scale, _ = _mad(own)
    scale = np.where(known == 0, 0.3, np.where(known == 1, 2 * scale, scale))
    return expected, scale, _nine_of_ten(own, scale), np.where(np.isnan(local), np.nan_to_num(expected)[:, None], local)


def _ahead(log: np.ndarray, level: Callable[[np.ndarray], np.ndarray], first: int) -> np.ndarray:
    """Return, from column `first` on, what `level` makes of the occasions before the column, the newest first."""
    last = np.full((len(log), _OCCASIONS), np.nan)
    out = np.full(log.shape, np.nan)
    for j in range(log.shape[1]):
        if j >= first:
            out[:, j] = level(last)
        hit = ~np.isnan(log[:, j])
        last[hit] = np.column_stack([log[hit, j], last[hit, :-1]])
    return out


def _weighted_median(last: np.ndarray, weight: np.ndarray) -> np.ndarray:
    found = np.where(np.isnan(last), np.inf, last)
    order = np.argsort(found, axis=1, kind="stable")
    found = np.take_along_axis(found, order, axis=1)
    ordered = np.take_along_axis(np.broadcast_to(weight, last.shape), order, axis=1)
    below = np.where(np.isinf(found), 0.0, ordered).cumsum(axis=1)
    middle = np.take_along_axis(found, (below >= below[:, -1:] / 2).argmax(axis=1)[:, None], axis=1)[:, 0]
    return np.where(np.isinf(middle), np.nan, middle)


def _newest(last: np.ndarray) -> np.ndarray:
    """The price as last known: a price seen twice is the price, and so is a small change of one that has stood still."""
    still = (np.abs(last[:, 1:3] - last[:, 2:4]) < _SAME).all(axis=1)
    usual = _weighted_median(last, _TWO_OUTWEIGH ** np.arange(_OCCASIONS))
    return np.where(still & (np.abs(last[:, 0] - last[:, 1]) <= _RISE), last[:, 0], usual)


def _level(last: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The weighted mean of the last twelve occasions without those that stand far out."""
    away = np.abs(last - _weighted_median(last, weight)[:, None])
    usual = _median(away)[:, None]
    weight = np.where(away <= np.maximum(_OUTLIER * usual, _SAME), weight, 0.0)
    total = weight.sum(axis=1)
    return np.where(total > 0, (weight * np.nan_to_num(last)).sum(axis=1) / np.where(total > 0, total, 1.0), np.nan)


def _growth(log: np.ndarray, siblings: np.ndarray, first: int) -> np.ndarray:
    """Return how much the siblings' prices rose in the year before each column, from `first` on; 0 where nobody knows.

    Prices follow the same index; what one series says of its own growth is mostly chance.
    """
    rise = np.full(log.shape, np.nan)
    rise[:, 12:] = log[:, 12:] - log[:, :-12]
    own = np.full(log.shape, np.nan)
    for j in range(max(first, 16), log.shape[1]):
        own[:, j] = _median(rise[:, j - 12 : j])
    return np.nan_to_num(np.clip(_of_siblings(own, siblings), -_RISE, _RISE))


def _season(log: np.ndarray, siblings: np.ndarray) -> np.ndarray:
    """Return how far each column's month lies from its year, as known before the column; 0 where nobody knows.

    What the series' own earlier years say and what the siblings say meet halfway: heating, schools and fees follow the same
    calendar everywhere, each with its own swing, and two years of one series are thin evidence.
    """
    size, columns = log.shape
    was = ~np.isnan(log)
    zero = np.zeros((size, 1))
    total, count = (np.concatenate([zero, np.cumsum(x, axis=1)], axis=1) for x in (np.nan_to_num(log), was))
    born = np.where(was.any(axis=1), was.argmax(axis=1), columns)
    row = np.arange(size)
    own = np.full(log.shape, np.nan)
    for j in range(12, columns):
        away = []
        for back in range(j - 12, -1, -12):
            start = np.clip(np.maximum(born, back - 6), 0, j - 12)  # of the year around the month, or the nearest that is known
            n = count[row, start + 12] - count[row, start]
            year = (total[row, start + 12] - total[row, start]) / np.maximum(n, 1)
            away.append(np.where((start >= born) & was[:, back], log[:, back] - year, np.nan))
        own[:, j] = _mean(np.stack(away))
    shared = _of_siblings(own, siblings)
    both = np.where(np.isnan(own) | np.isnan(shared), 0.0, own * shared), np.where(np.isnan(own), 0.0, np.nan_to_num(shared) ** 2)
    swing = np.clip(*((both[0].cumsum(axis=1) + 0.05) / (both[1].cumsum(axis=1) + 0.05), 0, 2))
    shared = swing * shared
    return np.nan_to_num(np.where(np.isnan(own), shared, np.where(np.isnan(shared), own, (own + shared) / 2)))


def _of_siblings(values: np.ndarray, siblings: np.ndarray) -> np.ndarray:
    """Return for each series and column the median of the other series with the same number; NaN where they are under three."""
    out = np.full(values.shape, np.nan)
    order = np.argsort(siblings, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(siblings[order])) + 1):
        if len(rows) <= 3:
            continue
        group = np.where(np.isnan(values[rows]), np.inf, values[rows])
        rank = np.argsort(np.argsort(group, axis=0, kind="stable"), axis=0, kind="stable")
        ordered = np.sort(group, axis=0)
        others = np.isfinite(group).sum(axis=0)[None, :] - np.isfinite(group)
        middle = np.zeros(group.shape)
        for place in ((others - 1) // 2, others // 2):
            place = np.maximum(place, 0)
            place = np.minimum(place + (rank <= place), len(rows) - 1)  # past the series itself
            middle += np.take_along_axis(ordered, place, axis=0) / 2
        out[rows] = np.where((others >= 3) & np.isfinite(middle), middle, np.nan)
    return out


def _nine_of_ten(own: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return the half-width that held nine of ten residuals, counting the one to come; with few of them, the widest
    and more: nine tenths of two is a guess.

    A bill of several months, or a part of one, says nothing of what one costs, as long as it is the exception.
    """
    one = own <= _MOVE
    wild = one.sum(axis=1) < 0.8 * (~np.isnan(own)).sum(axis=1)
    one |= wild[:, None] & ~np.isnan(own)
    count = one.sum(axis=1)
    ordered = np.sort(np.where(one, own, np.inf), axis=1)
    place = np.minimum(np.ceil(0.9 * (count + 1)).astype(int), count).clip(min=1) - 1
    width = np.take_along_axis(ordered, place[:, None], axis=1)[:, 0]
    return np.where(count == 0, 1.645 * scale, width * (1 + np.maximum(9 - count, 0) / 9))


def _median(values: np.ndarray) -> np.ndarray:
    """Return the lower median of each row; NaN where there is nothing."""
    count = (~np.isnan(values)).sum(axis=1)
    return np.take_along_axis(np.sort(values, axis=1), np.maximum(count - 1, 0)[:, None] // 2, axis=1)[:, 0]


def _mean(values: np.ndarray) -> np.ndarray:
    count = (~np.isnan(values)).sum(axis=0)
    return np.where(count > 0, np.nansum(values, axis=0) / np.maximum(count, 1), np.nan)


def fit_in_blocks(frame: pd.DataFrame, pos: np.ndarray, neg: np.ndarray, n: np.ndarray, m0: int, t: int) -> Fit:
    """Return the same as `fit`, in bounded memory; the series of an account stay together, as they are each other's siblings."""
    if len(frame) <= _BLOCK:
        return fit(frame, pos, neg, n, m0, t)
    whole: dict[str, np.ndarray] = {}
    order = np.argsort(frame.account.to_numpy(dtype=str), kind="stable")
    for start in range(0, len(frame), _BLOCK):
        part = order[start : start + _BLOCK]
        fitted = fit(frame.iloc[part], pos[part], neg[part], n[part], m0, t)
        for name in ("cadence", "phase", "due", "expected", "scale", "width", "slots", "hits", "history", "multiple", "local"):
            got = getattr(fitted, name)
            whole.setdefault(name, np.empty((len(frame), *got.shape[1:]), got.dtype))[part] = got
    return Fit(frame=frame, pos=pos, neg=neg, n=n, t=t, m0=m0, **whole)


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
