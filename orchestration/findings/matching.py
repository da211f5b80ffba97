"""Expected postings against the ledger of one close: what is missing, what is too much, and the innocent explanations.

What belongs here: the comparison of regular series and register agreements with the rows of the month, in widening circles (the
series,
its party, its account, the unit, another unit). What does not: rules that need no expectation (`orchestration.findings.exact`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import duckdb
import numpy as np
import pandas as pd

from expectations.rules import Thresholds
from orchestration.findings import series as fitting

#: Months in which the same words, once each, tell that somebody without a name is one and the same.
_OWN_WORDS = 10


@dataclass
class Close:
    """Everything about one close that the rules share. `rows` are the month's rows with the series that they belong to."""

    con: duckdb.DuckDBPyConnection
    th: Thresholds
    m0: int
    t: int
    fit: fitting.Fit
    chosen: np.ndarray
    rows: pd.DataFrame
    due: pd.DataFrame
    final: np.ndarray
    deficits: pd.DataFrame
    is_first: bool = True  # nobody has looked at an earlier one
    explained: set[int] = field(default_factory=set)
    taken: set[int] = field(default_factory=set)  # rows of the month that were expected, or that another one takes back
    agreement_of: dict[int, str] = field(default_factory=dict)  # series index: the agreement that it surely is

    @property
    def m(self) -> int:
        """Month number of the close."""
        return self.m0 + self.t


def prepare(con: duckdb.DuckDBPyConnection, th: Thresholds, m: int) -> Close:
    """Fit the series known at month `m` and place the month's rows.

    Needs the temp tables of `sql/lines.sql` and `sql/series.sql`.
    """
    frame = con.execute("select * from f_series order by sid").df()
    months = con.execute("select sid, m, pos, neg, n, is_final from f_series_month").df()
    m0 = min(int(months.m.min()) if len(months) else m, m - 1)  # a ledger of one month has a past without rows
    t = m - m0
    pos, neg, n, final = fitting.matrices(frame, months, m0, t)
    del months  # millions of rows in a large ledger
    fit = fitting.fit_in_blocks(frame, pos, neg, n, m0, t)
    chosen = fitting.choose_grain(frame, fit.cadence, fit.multiple, fit.hits, pos.sum(axis=1))
    rows = con.execute("select * from f_line where m = ? order by rid", [m]).df()
    base = frame[(frame.grain == "base") & chosen].set_index("base").sid
    fine = frame[(frame.grain == "fine") & chosen].set_index("series").sid
    rows["sid"] = rows.base.map(base)
    rows["sid"] = rows.sid.where(rows.sid.notna() & ~rows.interim, rows.fine.map(fine))
    order = pd.Series(np.arange(len(frame)), index=frame.sid)
    due = frame.copy()
    due["i"] = np.arange(len(frame))
    for name in ("cadence", "phase", "due", "expected", "scale", "width", "slots", "hits", "multiple"):
        due[name] = getattr(fit, name)
    due["pos"], due["neg"], due["n"] = pos[:, t], neg[:, t], n[:, t]
    # Pay is judged by unit and month against HR (PER-08), not as series.
    pay = (due.line == "personnel").to_numpy(dtype=bool) & due.account.str.startswith(
        tuple(th.pay_accounts + th.on_cost_accounts)
    ).to_numpy(dtype=bool)
    # An accrual and its reversal are no business of their own: they stand for a posting that another series expects.
    turned = due.interim.to_numpy(dtype=bool) & (neg.sum(axis=1) > 0.5 * pos.sum(axis=1))
    # A supplier that is mostly bought from at odd times has no yearly or half-yearly agreement by two or three chance likenesses.
    spread_out = con.execute(
        "select unit, party, cast(sum(n) as bigint) as k from f_use where party <> '' and not interim group by unit, party"
    ).df()
    rows_of = due[["unit", "party"]].merge(spread_out, on=["unit", "party"], how="left").k.fillna(0).to_numpy()
    chance = (fit.cadence >= 3) & (fit.hits <= 3) & (due.party != "").to_numpy(dtype=bool) & (fit.hits < 0.6 * rows_of)
    # Where accruals and reversals have texts of their own, they cancel over the unit and account.
    net = pd.Series(due.dir.to_numpy() * (pos.sum(axis=1) - neg.sum(axis=1)), index=due.index)
    place = [due.unit, due.account, due.interim]
    turned |= due.interim.to_numpy(dtype=bool) & (
        net.groupby(place).transform("sum").abs() < 0.5 * net.abs().groupby(place).transform("sum")
    ).to_numpy(dtype=bool)
    # Nobody's purchases add up to something every month: without party, number or steady amount there is no agreement.
    nobody = ((due.party == "") & ~due.internal & ~due.series.str.contains("|R", regex=False)).to_numpy(dtype=bool)
    # One row a month with the same words, more than one of them, is somebody: exports without a party have it in the text.
    own_words = (due.grain == "fine").to_numpy(dtype=bool) & due.series.str.contains(r"\|T\S+ \S", regex=True).to_numpy(
        dtype=bool
    )
    own_words &= (fit.hits >= _OWN_WORDS) & (fit.multiple <= 1.1)
    turned |= nobody & ~own_words & (fit.scale > 0.25)
    due = due[chosen & (fit.cadence > 0) & ~pay & ~turned & ~chance]
    rows["i"] = rows.sid.map(order)
    return Close(con, th, m0, t, fit, chosen, rows, due, final, _deficits(fit, due))


def _deficits(fit: fitting.Fit, due: pd.DataFrame) -> pd.DataFrame:
    """Return, per regular series, occasions not yet booked in the twelve months before the close, and the first such slot."""
    i = due.i.to_numpy()
    t, a = fit.t, max(0, fit.t - 12)
    history = fit.history[i, a:t]
    occasions = (fit.pos[i, a:t] - fit.neg[i, a:t]) / np.maximum(fit.local[i, a:t], 1.0)
    # A posting is one occasion whatever its price, unless it is nearly two or more; what goes the other way takes occasions back.
    whole = np.where((occasions > 0.2) & (occasions < 1.7), 1.0, np.round(occasions))
    open_slots = history == -1
    # What comes in a closed month (the season's edge) stands for a slot only where one was open before it.
    monthly = (fit.cadence[i] == 1)[:, None]
    whole = np.where(monthly & (history == 0) & ~np.logical_or.accumulate(open_slots, axis=1), 0.0, whole)
    lacking = ((history != 0) - whole).sum(axis=1)
    first = np.where(open_slots.any(axis=1), a + open_slots.argmax(axis=1), -1)
    return pd.DataFrame({"i": i, "lacking": lacking, "open": open_slots.sum(axis=1), "first_open": first}).set_index("i")


def consume(close: Close) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Take each due series' own posting off the month's rows.

    Returns (expected, left): the due series with `state` in present, missing, flipped, partial, small (not worth asking);
    and the rows that no expectation took.
    """
    th, due, rows = close.th, close.due, close.rows
    # Two occurrences are weak evidence: they must be worth asking about.
    floor = np.where(due.hits <= 2, 10 * th.materiality, th.materiality)
    expected = due[due.due].copy()
    expected["floor"] = floor[due.due.to_numpy(dtype=bool)]
    posted = close.fit.history[:, : close.t] == 1
    last = np.where(posted.any(axis=1), close.t - 1 - posted[:, ::-1].argmax(axis=1), 0) + close.m0
    expected["last_m"] = last[expected.i.to_numpy()]
    direction = expected.set_index("i").dir
    amount = expected.set_index("i").expected
    rows = rows.copy()
    rows["dir"] = rows.i.map(direction)
    rows["want"] = rows.i.map(amount)
    rows["along"] = rows.kr * rows.dir
    mine = rows[rows.want.notna() & (rows.along > 0)].copy()
    mine["gap"] = (mine.along - mine.want).abs()
    total = mine.groupby("i").along.sum()
    # Of rows about as large, the one that says this month is this month's.
    dated = mine.voucher_date.map(lambda v: close.m if pd.isna(v) else pd.Timestamp(v).year * 12 + pd.Timestamp(v).month - 1)
    mine["other_month"] = (mine.sf.fillna(close.m) != close.m).astype(int) + (dated != close.m).astype(int)
    mine["size"] = (mine.gap / mine.want).round(1)
    # A row that another one of the month takes back to the öre is a credited and re-billed invoice: the other rows come first.
    back = set(zip(rows.unit, rows.account, (-rows.kr).round(2), strict=True))
    mine["undone"] = [(u, a, k) in back for u, a, k in zip(mine.unit, mine.account, mine.kr.round(2), strict=True)]
    best = mine.sort_values(["i", "undone", "size", "other_month", "gap", "rid"]).groupby("i").first()
    many = pd.DataFrame({"total": total, "best": best.along, "want": amount}).dropna()
    # The sum is the occasion where it is nearer than the best single row (two half invoices), or where the series always has
    # several rows.
    several = close.due.set_index("i").multiple.reindex(many.index) > 1.5
    as_sum = ((many.total - many.want).abs() < 0.8 * (many.best - many.want).abs()) & (many.total < 1.6 * many.want) | (
        several & (many.total < 1.6 * many.want)
    )
    taken = set(mine[mine.i.isin(as_sum[as_sum].index)].rid) | set(best.rid[~best.index.isin(as_sum[as_sum].index)])
    left = rows[~rows.rid.isin(taken)].copy()
    booked = total.where(as_sum, many.best).reindex(expected.i).to_numpy()
    expected["booked"] = np.nan_to_num(booked)
    expected["against"] = expected.neg
    # Of several fixed amounts an occasion (two agreements that are written alike) one is missing.
    less = (expected.multiple > 1.5) & (expected.scale < 0.05) & (expected.n >= 1) & (expected.n < expected.multiple.round())
    less &= expected.booked.between(0.2 * expected.expected, 0.8 * expected.expected)
    expected.loc[less, "expected"] -= expected.booked[less]
    expected.loc[less, "booked"] = 0.0
    ratio = expected.booked / expected.expected
    expected["state"] = np.select(
        [
            expected.expected < expected.floor,
            (ratio < th.absent_share) & (expected.against > 0.5 * expected.expected),
            ratio < th.absent_share,
            ratio < 0.5,
        ],
        ["small", "flipped", "missing", "partial"],
        "present",
    )
    return expected, left


def cancel_pairs(left: pd.DataFrame) -> pd.DataFrame:
    """Take away rows that cancel each other: credit and re-billing, accrual and reversal."""
    if left.empty:
        return left
    work = left.copy()
    work["who"] = work.party.where(work.party != "", work.cp)
    work["size"] = work.kr.abs().round(2)
    gone: set[int] = set()
    for who in (["unit", "account", "who"], ["unit", "account", "cp"]):
        now = work[~work.rid.isin(gone)]
        now = now.assign(side=np.sign(now.kr))
        now = now.assign(k=now.groupby([*who, "size", "side"]).cumcount())
        plus, minus = now[now.side > 0], now[now.side < 0]
        pair = plus.merge(minus, on=[*who, "size", "k"], suffixes=("", "_b"))
        gone |= set(pair.rid) | set(pair.rid_b)
    # An accrual is an estimate: its reversal may differ from the invoice that replaces it.
    now = work[~work.rid.isin(gone)]
    back = now[now.interim]
    if len(back):
        near = back.merge(now[~now.interim], on=["unit", "account"], suffixes=("", "_b"))
        near = near[(near.kr * near.kr_b < 0) & ((near.kr + near.kr_b).abs() < 0.3 * near.kr.abs())]
        near["gap"] = (near.kr + near.kr_b).abs() + 1e6 * (near.cp != near.cp_b)
        near = near.sort_values(["gap", "rid", "rid_b"]).drop_duplicates("rid").drop_duplicates("rid_b")
        gone |= set(near.rid) | set(near.rid_b)
    return left[~left.rid.isin(gone)]


def explain(close: Close, wanted: pd.DataFrame, left: pd.DataFrame) -> pd.DataFrame:
    """Find the innocent explanation of each missing expectation among the rows that nothing expected.

    Returns `wanted` with `why` ('' where nothing explains it: same_party, lump, same_account, renamed, other_account, moved) and
    `row_id` of the row that explains. A row explains one expectation, lump rows several.
    """
    out = wanted.copy()
    out["why"], out["row_id"] = "", -1
    if out.empty or left.empty:
        return out
    free = left[["rid", "unit", "account", "line", "cp", "party", "ref", "aref", "stem", "kr", "interim", "sid"]].copy()
    known = close.con.execute(
        "select unit, account, party, min(m) as since from f_use where party <> '' group by unit, account, party"
    ).df()
    free = free.merge(known, on=["unit", "account", "party"], how="left")
    out["last_m"] = (out.last_m if "last_m" in out else pd.Series(close.m - 1, index=out.index)).fillna(close.m - 1)
    # What was posted lately is the likelier to go on than what has been silent for long.
    out["silent"] = out.last_m < close.m - 2 * out.cadence
    free["since"] = free.since.fillna(close.m).astype(float)
    out["stem_of"] = out.stem_of.fillna("").astype(str)
    out["word_of"] = [w.split(" ")[0] for w in out.stem_of]
    free["stem"] = free.stem.fillna("").astype(str)
    free["word"] = [w.split(" ")[0] for w in free.stem]
    out["aref_of"] = out.aref_of.fillna("") if "aref_of" in out else ""

    # 1. several agreements of one party in one row
    for who in ("party", "cp"):
        need = (
            out[(out.why == "") & (out[who] != "") & ~out.silent]
            .groupby(["unit", "account", who])
            .agg(total=("expected", "sum"), dir=("dir", "first"), k=("expected", "size"), scale=("scale", "mean"))
            .reset_index()
        )
        have = free[free[who] != ""].groupby(["unit", "account", who]).kr.sum().reset_index()
        both = need[need.k > 1].merge(have, on=["unit", "account", who])
        both = both[(both.kr * both.dir - both.total).abs() <= (3 * both.scale).clip(0.15, 0.35) * both.total]
        keys = set(zip(both.unit, both.account, both[who], strict=True))
        hit = [(why == "" and (u, a, w) in keys) for why, u, a, w in zip(out.why, out.unit, out.account, out[who], strict=True)]
        out.loc[hit, "why"] = "lump"
        used = [(u, a, w) in keys for u, a, w in zip(free.unit, free.account, free[who], strict=True)]
        close.explained |= set(free.rid[np.array(used, dtype=bool)])
        free = free[~np.array(used, dtype=bool)]
    # 1b. the party's other agreement took this one along: its row is larger by just this amount
    over = close.due[close.due.due].copy()
    over["extra"] = over.pos - over.neg - over.expected
    over = over[over.extra > 0.3 * over.expected]
    for who in ("party", "cp"):
        open_now = out[(out.why == "") & (out[who] != "")]
        pair = open_now.reset_index().merge(over[over[who] != ""], on=["unit", "account", who, "dir"], suffixes=("", "_o"))
        pair = pair[
            (pair.sid != pair.sid_o)
            & ((pair.extra - pair.expected).abs() <= 0.08 * pair.expected + 3 * pair.scale_o * pair.expected_o)
        ]
        if who == "cp":
            pair = pair[(pair.extra - pair.expected).abs() <= 0.01 * pair.expected]
        pair = pair.drop_duplicates("index").drop_duplicates("sid_o")
        out.loc[pair["index"], "why"] = "lump"

    def like(a: pd.Series, b: pd.Series) -> np.ndarray:
        return np.array(
            [x == y or (min(len(x), len(y)) >= 5 and similar(x, y)) for x, y in zip(map(str, a), map(str, b), strict=True)],
            dtype=bool,
        )

    steps = (
        (
            "same_party",
            ["unit", "account"],
            lambda p: (
                ((p.party == p.party_r) & (p.party != ""))
                | ((p.aref_of != "") & (p.aref_of == p.aref))
                | ((p.party_r == "") & (p.cp == p.cp_r) & (p.stem != "") & like(p.stem_of, p.stem))  # it left its name out
            ),
            0.4,
        ),
        (
            "same_account",
            ["unit", "account"],
            lambda p: (
                (p.stem_of == p.stem) & (p.stem != "") & ((p.party_r == "") | (p.party == "") | (p.cp == p.cp_r)) & p.is_new
            ),
            0.25,
        ),
        (
            "accrued",
            ["unit", "account"],
            lambda p: p.interim_r & p.interim.ne(True) & ((p.cp == p.cp_r) | (p.cp_r == "") | (p.cp == "")),
            0.3,
        ),
        (
            "same_account",
            ["unit", "account"],
            lambda p: (p.party_r == "") & (p.party != "") & ((p.cp == p.cp_r) | (p.cp_r == "")),
            0.12,
        ),
        ("same_account", ["unit", "account"], lambda p: p.is_new, 0.02),
        (
            "renamed",
            ["unit", "account"],
            lambda p: p.is_new & ((p.cp == p.cp_r) | (p.cp_r == "")) & like(p.word_of, p.word),
            0.12,
        ),
        (
            "other_account",
            ["unit"],
            lambda p: (p.party == p.party_r) & (p.party != "") & (p.account.str[0] == p.account_r.str[0]),
            0.3,
        ),
        (
            "other_account",
            ["unit"],
            lambda p: (p.stem_of == p.stem) & (p.stem != p.word) & (p.account.str[:2] == p.account_r.str[:2]) & p.is_new,
            0.1,
        ),
        ("moved", ["account"], lambda p: (p.unit != p.unit_r) & (p.party == p.party_r) & (p.party != "") & p.is_new, 0.35),
        (
            "moved",
            ["account"],
            lambda p: (p.unit != p.unit_r) & (p.party == p.party_r) & (p.party != "") & (p.sid_r.isna()),
            0.03,
        ),
        (
            "moved",
            ["account"],
            lambda p: (
                (p.unit != p.unit_r)
                & (p.party == "")
                & (p.stem_of == p.stem)
                & (p.stem != "")
                & (p.cp == p.cp_r)
                & p.is_new
                & p.new_unit
            ),
            0.2,
        ),
    )
    first_seen = close.con.execute("select unit, min(m) as born from f_use group by unit").df().set_index("unit").born
    free["new_unit"] = free.unit.map(first_seen) >= close.m - 2
    for why, on, test, tolerance in steps:
        need = out[out.why == ""].reset_index()
        if need.empty or free.empty:
            break
        pair = need.merge(free, on=on, suffixes=("", "_r"))
        # new there: not in this unit and account before the missing series fell silent
        pair["is_new"] = (pair.party_r == "") | (pair.since >= pair.last_m)
        for name in ("unit", "account", "sid"):
            if name + "_r" not in pair:
                pair[name + "_r"] = pair[name]
        ratio = pair.kr * pair.dir / pair.expected
        limit = np.maximum(tolerance, np.minimum(3 * pair.scale, 0.35)) if tolerance >= 0.1 else np.full(len(pair), tolerance)
        pair = pair[((ratio - 1).abs() <= limit)].assign(gap=(ratio - 1).abs())
        if pair.empty:
            continue
        pair = pair[test(pair).fillna(False).astype(bool)]
        pair = pair.sort_values(["silent", "gap", "index", "rid"]).drop_duplicates("index").drop_duplicates("rid")
        out.loc[pair["index"], "why"] = why
        out.loc[pair["index"], "row_id"] = pair.rid.to_numpy()
        free = free[~free.rid.isin(pair.rid)]
    return out


def similar(a: str, b: str) -> bool:
    """Return whether two words differ by one or two letters (a sixth of the shorter; words under four letters must be equal)."""
    if a == b:
        return True
    if min(len(a), len(b)) < 4 or abs(len(a) - len(b)) > 2:
        return False
    before = list(range(len(b) + 1))
    for p, ca in enumerate(a, 1):
        now = [p]
        for q, cb in enumerate(b, 1):
            now.append(min(before[q] + 1, now[-1] + 1, before[q - 1] + (ca != cb)))
        before = now
    return before[-1] <= max(2 if min(len(a), len(b)) >= 6 else 1, min(len(a), len(b)) // 6)


def base_rate(close: Close) -> float:
    """Return how often, in this ledger so far and in such a month, a posting that fails to come was a hole and not an ending.

    Holes and endings of monthly series in the last eighteen months, with a prior of two to one, less half a
    standard error: a quiet ledger tells little.
    """
    fit = close.fit
    t = fit.t
    if t < 12:
        return 0.67
    i = np.flatnonzero(close.chosen & ~close.fit.frame.interim.to_numpy(dtype=bool))
    unit, account = fit.frame.unit.to_numpy()[i], fit.frame.account.to_numpy()[i]
    typical = np.nan_to_num(fitting._median_posted(fit.pos[i, :t]), nan=np.inf)
    posted = fit.pos[i, :t] > 0.2 * typical[:, None]
    a = max(6, t - 18)
    holes = stops = 0
    for j in range(a, t - 2):
        steady = posted[:, j - 6 : j].sum(axis=1) >= 6
        gone = steady & ~posted[:, j]
        ever_closed = (j >= 12) & ~posted[:, j - 12] if j >= 12 else np.zeros(len(i), dtype=bool)
        gone &= ~ever_closed
        back = posted[:, j + 1 : min(t, j + 4)].any(axis=1)
        told = close.final[i, max(0, j - 1) : j].any(axis=1)
        starts = posted[:, j] & ~posted[:, :j].any(axis=1)
        keys = set(zip(unit[starts], account[starts], strict=True))
        stopped = np.flatnonzero(gone & ~back & ~told)
        renamed = sum((unit[s], account[s]) in keys for s in stopped)
        holes += int((gone & back).sum())
        stops += len(stopped) - renamed
    mean, n = (holes + 2) / (holes + stops + 3), holes + stops + 3
    rate = mean - 0.5 * float(np.sqrt(mean * (1 - mean) / (n + 1)))  # a few cases do not make a certainty
    # Agreements end and are billed in another way from the first of a quarter: two changes of three, in a third of the months.
    # Holes come in any month.
    ended = (1 - rate) * (2.0 if close.m % 3 == 0 else 0.5)
    return rate / (rate + ended)
