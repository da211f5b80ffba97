"""Rules that compare with an expectation: missing (PER-01, PER-09), catch-up (PER-02), cut-off (PER-05), double (PER-06),
sign (PER-07).

What belongs here: the verdict on what `orchestration.findings.matching` could not explain. What does not: the matching itself.
"""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pandas as pd

from orchestration.findings import matching, register
from orchestration.findings.cases import month_name
from orchestration.findings.draft import Draft

#: Half-width (logarithm) under which an amount is fixed, and the proposed entry exact.
_FIXED = 0.025
#: Log difference within which an agreed price and the last invoices can be the same agreement's; the invoices that the usual
#: amount is as good as the mean of.
_OF_SIZE, _MEAN_OF = 0.25, 8
#: A month with less than this share of the usual number of rows looks like a part of a delivery.
_FEW_ROWS = 0.65


def recurring(
    close: matching.Close,
    con: duckdb.DuckDBPyConnection,
    agreements: pd.DataFrame,
    ended_units: set[str],
    fiscal_first: int,
    told: dict[str, int],
) -> list[Draft]:
    """Return the drafts of one close for every regular series and agreement.

    told: the series and agreements that an open finding says are missing, and the first month of it.
    """
    m = close.m
    refs = con.execute("select * from f_words").df()
    pairs = register.match(agreements, close.due, refs, m)
    pairs = _new_terms(close, agreements, pairs)
    agreement_of = dict(zip(pairs.i[pairs.sure], pairs.a[pairs.sure], strict=True))
    close.agreement_of = {int(i): str(agreements.agreement_id[a]) for i, a in agreement_of.items()}
    expected, left = matching.consume(close)
    expected = expected.merge(refs, on="sid", how="left")
    left = matching.cancel_pairs(left)
    close.taken = set(close.rows.rid) - set(left.rid)

    out: list[Draft] = []
    wanted = expected[expected.state.isin(["missing", "flipped"])].copy()
    wanted["agreement_row"] = wanted.i.map(agreement_of)
    wanted, left, sign_drafts = _signs(close, wanted, left)
    out += sign_drafts
    wanted = wanted[wanted.state == "missing"]
    wanted = _register_only(close, agreements, set(pairs.a), wanted, told)
    wanted = matching.explain(close, wanted, left)
    used = set(wanted.row_id[wanted.row_id >= 0])
    close.explained |= used
    wanted, at_once = _taken_at_once(close, wanted, left, fiscal_first)
    out += at_once
    open_ = wanted[wanted.why == ""]
    open_ = open_[~_took_leave(close, open_)]
    asked, silent = _fell_silent(close, open_[~open_.unit.isin(ended_units)])
    out += asked
    open_ = open_[~open_.i.isin(silent)]
    out += _missing(close, open_, agreements, ended_units, told, fiscal_first, base=matching.base_rate(close))
    out += _over(close, expected, left[~left.rid.isin(close.explained)], fiscal_first, told)
    return out


def _new_terms(close: matching.Close, agreements: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs with each agreement's row in force, without series that the register says are billed at another pace now.

    What such a series taught is past: the row in force alone says what is due (`_register_only`), and a bill of its size is no
    catch-up.
    """
    if pairs.empty:
        return pairs
    now = pairs.a.map(register.successors(agreements, close.m))
    pace, pace_now = (agreements.cadence.reindex(of).to_numpy() for of in (pairs.a, now))
    changed = now.notna() & (pace == close.due.cadence.reindex(pairs.i).to_numpy()) & (pace_now != pace)
    close.due = close.due[~close.due.i.isin(pairs.i[changed])]
    return pairs.assign(a=now.fillna(pairs.a).astype(int))[~changed]


def _is_income(line: pd.Series) -> pd.Series:
    """Return whether the report line is one of income: the map of accounts decides, not the account's first digit."""
    return line.fillna("").str.endswith("_income")


def _rule_for(direction: int) -> str:
    return "PER-01" if direction > 0 else "PER-09"


def _register_only(
    close: matching.Close, agreements: pd.DataFrame, matched: set[int], wanted: pd.DataFrame, told: dict[str, int]
) -> pd.DataFrame:
    """Add agreements due in the month that no learnt series carries and no row of the last cadence could be."""
    m, con = close.m, close.con
    due = register.due_now(agreements, matched, m)
    if due.empty:
        return wanted
    if (due.other_unit != "").any():
        code = code_of_unit(con).to_dict()
        named = pd.Series([code.get(unit, "") for unit in due.other_unit], index=due.index)
        due["cp"] = due.cp.where(due.other_unit == "", named)
    rows = con.execute(
        "select unit, account, line, cp, party, ref, aref, stem, m, kr, is_final from f_line where m > ? and not interim",
        [m - 14],
    ).df()
    pair = due.reset_index(names="a").merge(rows, on=["unit"], suffixes=("", "_r"))
    pair = pair[_is_income(pair.line) == (pair.dir > 0)]
    along = pair.kr * pair.dir
    same = ((pair.party != "") & (pair.party == pair.party_r)) | (
        (pair.ref != "") & ((pair.ref == pair.ref_r) | (pair.ref == pair.aref))
    )
    # A party that the ledger does not know here any more has another name now: then the amount is all there is.
    own = pair[same].groupby("a").m.max()
    gone = (pair.party == "") & (pair.ref == "") | (pair.a.map(own).fillna(0) < m - 12)
    tolerance = np.where(gone, 0.3, 0.12)
    near = ((along / pair.expected - 1).abs() < tolerance) & (pair.account == pair.account_r)
    # What is sold to another unit is another agreement.
    near &= (pair.other_unit == "") | (pair.cp == "") | (pair.cp_r == "") | (pair.cp == pair.cp_r)
    cadence = pair.cadence.fillna(1)
    hit = (along > 0) & (same | near)
    # A row of two, three, four or six occasions covers as many: the billing has become slower than the register says.
    times = along / pair.expected
    whole = times.round().where(((times / times.round().clip(lower=1)) - 1).abs() < 0.15, 1.0).clip(1, 12 / cadence)
    covers = np.where(same | ((pair.cp == pair.cp_r) & (pair.cp != "") & (pair.account == pair.account_r)), whole, 1.0)
    present = set(pair.a[(hit | ((along > 0) & (covers > 1))) & (pair.m > m - cadence * covers)])
    # A clerk whose habit differs from the register (other month, other account) has booked it within the last year at another
    # time.
    # Only rows that are surely its own accuse: what somebody else booked at about the amount excuses, and no more.
    its_own = hit & (same | ((pair.party == "") & (pair.ref == "")))
    habit = pair[its_own & (pair.m <= m - cadence)].groupby("a").m.nunique()
    newest = pair[its_own].sort_values("m").drop_duplicates("a", keep="last").set_index("a")
    ended = newest.index[newest.is_final.fillna(False).astype(bool)]  # the last invoice said so, whatever the register says
    # Closed in this month last year, and open before and after: a kitchen in July.
    booked = rows.assign(income=_is_income(rows.line)).groupby(["unit", "account", "income"]).m.agg(set)
    closed = [
        int(c) == 1 and m - 12 not in (at := booked.get((u, acc, d > 0), set())) and {m - 13, m - 11} <= at
        for c, u, acc, d in zip(due.cadence.fillna(0), due.unit, due.account, due.dir, strict=True)
    ]
    need = due[~due.index.isin(present) & ~due.index.isin(ended) & ~np.array(closed, dtype=bool)]
    seen = habit.reindex(need.index).fillna(0)
    life = (m - need.from_m).clip(upper=12) / need.cadence.fillna(1)
    # Never booked though due many times: the register is as likely wrong as the ledger, unless the agreement is young or was
    # when it was first asked about.
    asked = pd.Series([told.get(str(name), np.nan) for name in need.agreement_id], index=need.index, dtype=float)
    asked_young = (asked - need.from_m) / need.cadence.fillna(1) <= 3
    need = need[(seen >= 0.5 * life.clip(lower=1)) | (life <= 3) | asked_young]
    if need.empty:
        return wanted
    extra = pd.DataFrame(
        {
            "sid": -1,
            "i": -1,
            "unit": need.unit,
            "account": need.account,
            "cp": need.cp,
            "party": need.party,
            "dir": need.dir,
            "expected": need.expected,
            "scale": 0.03,
            "width": 0.05,
            "slots": 0,
            "hits": seen[need.index].to_numpy(),
            "cadence": need.cadence.fillna(1).astype(int),
            "booked": 0.0,
            "state": "missing",
            "stem_of": "",
            "aref_of": need.ref,
            "agreement_row": need.index,
            "internal": need.other_unit != "",
            "series": "",
            # Never booked: due since it began.
            "last_m": newest.m.reindex(need.index).fillna(need.from_m - need.cadence.fillna(1)).to_numpy(),
        }
    )
    blank = (extra.cp == "") & ~extra.internal
    if blank.any():
        usual = (
            con.execute(
                "select unit, account, cp from (select unit, account, cp, row_number() over (partition by unit, "
                "account order by sum(n) desc, cp) as k "
                "from f_use where cp <> '' group by unit, account, cp) as c where k = 1"
            )
            .df()
            .set_index(["unit", "account"])
            .cp
        )
        extra.loc[blank, "cp"] = [usual.get((u, a), "") for u, a in zip(extra.unit[blank], extra.account[blank], strict=True)]
    extra["line"] = [_line_like(close, u, a, d) for u, a, d in zip(extra.unit, extra.account, extra.dir, strict=True)]
    return pd.concat([wanted, extra], ignore_index=True)


def code_of_unit(con: duckdb.DuckDBPyConnection) -> pd.Series:
    """Return the counterparty code by which the others name each unit, as internal trade has it in the last month they did."""
    return (
        con.execute(
            """
            with named as (
                select b.unit, s.cp, s.m from f_int_pair as p
                inner join f_int as s on p.seller = s.rid inner join f_int as b on p.buyer = b.rid
                union all
                select s.unit, b.cp, b.m from f_int_pair as p
                inner join f_int as s on p.seller = s.rid inner join f_int as b on p.buyer = b.rid
            ), ranked as (
                select unit, cp, row_number() over (partition by unit order by m desc, count(*) desc, cp) as place
                from named where cp <> '' group by unit, cp, m
            )
            select unit, cp from ranked where place = 1
            """
        )
        .df()
        .set_index("unit")
        .cp
    )


def _line_like(close: matching.Close, unit: str, account: str, direction: int) -> str:
    frame = close.fit.frame
    same = frame[(frame.account == account)]
    here = same[same.unit == unit]
    pick = here if len(here) else same
    return str(pick.line.iloc[0]) if len(pick) else ("external_income" if direction > 0 else "other_external_cost")


def _signs(close: matching.Close, wanted: pd.DataFrame, left: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, list[Draft]]:
    """PER-07: the expected posting is there, with the opposite sign or on the other side of the chart."""
    m = close.m
    drafts: list[Draft] = []
    if wanted.empty or left.empty:
        return wanted, left, drafts
    # Opposite sign: in the same series, or the same unit, account and who, of about the size that was due.
    need = wanted.reset_index(names="w")
    pair = need.merge(left, on=["unit", "account"], suffixes=("", "_r"))
    ratio = -pair.kr * pair["dir"] / pair.expected
    same = (
        (pair.i == pair.i_r)
        | ((pair.party != "") & (pair.party == pair.party_r))
        | ((pair.cp == pair.cp_r) & (pair.stem_of == pair.stem))
    )
    # Where the series itself has this instead of what was due, the amount need not agree closely, unless it says to be a credit.
    instead = (pair.i == pair.i_r) & ~pair.is_credit.fillna(False).astype(bool)
    limit = np.maximum(0.1, np.minimum(3 * pair.scale, 0.5)).where(~instead, 0.5)
    pair = pair[same & ((ratio - 1).abs() <= limit) & ~pair.interim_r.astype(bool)].assign(kind="sign")
    # Other side: same unit, the sign of the amount as expected, an account of the other class.
    cross = need.merge(left, on=["unit"], suffixes=("", "_r"))
    side = _is_income(cross.line) != _is_income(cross.line_r)
    ratio = cross.kr * cross["dir"] / cross.expected
    same = (
        ((cross.party != "") & (cross.party == cross.party_r))
        | ((cross.aref_of.fillna("") != "") & (cross.aref_of == cross.ref))
        | ((cross.stem_of == cross.stem) & (cross.stem != ""))
    )
    limit = np.maximum(0.1, np.minimum(3 * cross.scale, 0.5))
    cross = cross[side & same & ((ratio - 1).abs() <= limit)].assign(kind="side")
    both = pd.concat([pair, cross], ignore_index=True)
    if both.empty:
        return wanted, left, drafts
    both = both.drop_duplicates("w").drop_duplicates("rid")
    lagging = close.deficits
    for x in both.itertuples():
        if x.kind == "sign" and x.scale < 0.1 and x.i in lagging.index and lagging.lacking[x.i] < -0.7:
            booked = (close.fit.pos - close.fit.neg)[int(x.i), max(0, close.t - 5) : close.t].sum() / x.expected
            if booked > (close.fit.history[int(x.i), max(0, close.t - 5) : close.t] != 0).sum() + 0.7:
                continue  # a credit of something booked twice in the last months
        amount = float(x.expected * x.dir)
        cp_r = x.cp or x.cp_r
        drafts.append(
            Draft(
                "PER-07",
                "fel",
                x.series,
                f"{m}",
                x.unit,
                x.line if x.kind == "sign" else x.line_r,
                x.account,
                cp_r,
                x.party or x.party_r,
                [m],
                amount,
                float(x.kr),
                amount - float(x.kr) if x.kind == "sign" else 0.0,
                amount - float(x.kr) if x.kind == "sign" else 0.0,
                0.95,
                "Posten har omvänt tecken mot det som brukar bokföras"
                if x.kind == "sign"
                else f"Posten hör hemma på konto {x.account}, inte {x.account_r}",
                other_unit="",
                expected_m=m,
                evidence=[(int(x.rid), "booked")],
                i=int(x.i),
                proposal=(x.account, x.account_r, round(abs(float(x.kr)), 2), 0),
            )
        )
    done = set(both.w)
    return wanted[~wanted.index.isin(done)], left[~left.rid.isin(set(both.rid))], drafts


def _taken_at_once(
    close: matching.Close, wanted: pd.DataFrame, left: pd.DataFrame, fiscal_first: int
) -> tuple[pd.DataFrame, list[Draft]]:
    """PER-05: what the unit has spread over the months by an interim account is booked whole, and its month's share is missing.

    Returns what is still wanted, and the drafts. The months after the one that was told are explained by the same posting.
    """
    m, th = close.m, close.th
    drafts: list[Draft] = []
    spread = wanted[(wanted.why == "") & (wanted.i >= 0)]
    spread = spread[close.fit.frame.interim.to_numpy(dtype=bool)[spread.i.to_numpy(dtype=int)]]
    if spread.empty:
        return wanted, drafts
    asked = spread[["i", "unit", "account", "party", "stem_of", "dir", "expected", "last_m"]].reset_index(names="w")
    close.con.register("f_asked", asked)
    whole = close.con.execute(
        """
        select a.w, l.rid, l.m, l.kr, l.cp, l.party from f_asked as a
        inner join f_line as l on a.unit = l.unit and a.account = l.account and l.m > a.last_m and not l.interim
            and ((a.party <> '' and l.party = a.party) or (l.stem <> '' and l.stem = a.stem_of))
        where l.kr * a.dir between 2.5 * a.expected and 13.5 * a.expected
        order by a.w, l.m, l.rid
        """
    ).df()
    close.con.unregister("f_asked")
    for x in whole.drop_duplicates("w").itertuples():
        s = wanted.loc[x.w]
        wanted.loc[x.w, "why"] = "taken at once"
        if x.m < m or x.rid not in set(left.rid):
            continue
        close.explained.add(int(x.rid))
        k = round(float(x.kr) * s["dir"] / s.expected)
        later = float(x.kr) * (k - 1) / k
        next_year = float(x.kr) * max(0, k - (fiscal_first + 12 - m)) / k
        accounts = (th.prepaid_cost_account, s.account) if s["dir"] < 0 else (s.account, th.prepaid_income_account)
        drafts.append(
            Draft(
                "PER-05",
                "fel",
                str(s.series),
                f"{m}",
                s.unit,
                s.line,
                s.account,
                x.cp or s.cp,
                x.party or s.party,
                [m],
                float(x.kr) - later,
                float(x.kr),
                -later,
                -next_year,
                0.93,
                f"Ungefär {k} månader är tagna på en gång i {month_name(m)}; tidigare fördelades de över månaderna",
                expected_m=m,
                evidence=[(int(x.rid), "booked")],
                i=int(s.i),
                proposal=(*accounts, round(abs(later), 2), m + 1),
            )
        )
    return wanted, drafts


def _missing(
    close: matching.Close,
    open_: pd.DataFrame,
    agreements: pd.DataFrame,
    ended_units: set[str],
    told: dict[str, int],
    fiscal_first: int,
    base: float,
) -> list[Draft]:
    """PER-01 and PER-09 after the innocent explanations that need no other row: end, final invoice, other cadence, early."""
    th, m, t, fit = close.th, close.m, close.t, close.fit
    out: list[Draft] = []
    if open_.empty:
        return out
    out_of_budget = _out_of_budget(con=close.con, fiscal_first=fiscal_first)
    traded_on = _traded_on(close.con, m)
    together = open_[open_.party != ""].groupby(["unit", "party"]).size()
    by_unit = open_[open_.i >= 0].groupby("unit").size()  # what is new in the register says nothing about what the unit did
    due_by_unit = close.due[close.due.due].groupby("unit").size()
    coarse = np.flatnonzero(fit.frame.grain == "base")
    base_rows = dict(zip(fit.frame.base.iloc[coarse], coarse, strict=True))
    fine = np.flatnonzero((fit.frame.grain == "fine").to_numpy() & close.chosen & (fit.cadence > 0))
    of_base = np.flatnonzero((fit.frame.grain == "fine") & fit.frame.base.isin(fit.frame.base.iloc[open_.i[open_.i >= 0]]))
    siblings = pd.Series(of_base).groupby(fit.frame.base.iloc[of_base].to_numpy()).apply(list)
    mates = pd.Series(fine).groupby(fit.frame.base.iloc[fine].to_numpy()).apply(list)
    for x in open_.itertuples():
        i = int(x.i)
        agreement = agreements.loc[int(x.agreement_row)] if pd.notna(x.agreement_row) else None
        sign = int(x.dir)
        expected = float(x.expected)
        agreed = expected if agreement is None else _agreed(close, x, agreements.loc[[int(x.agreement_row)]])
        run, last_j, known, in_part = 1, None, False, False
        if x.unit in ended_units:
            continue  # the unit has closed
        if by_unit.get(x.unit, 0) >= max(4, 0.6 * due_by_unit.get(x.unit, 0)):
            continue  # the unit has closed or moved whole: `_fell_silent` asks once
        if agreement is not None and agreement.to_m < m:
            continue  # the register says that it has ended
        if (
            agreement is not None
            and pd.notna(agreement.cadence)
            and int(agreement.cadence) != int(x.cadence)
            and agreement.to_m >= m
            and not 0.8 < x.expected * agreement.cadence / (x.cadence * max(agreement.amount, 1.0)) < 1.25  # billed in parts
        ):
            phase = agreement.phase - 1 if pd.notna(agreement.phase) and agreement.phase >= 1 else m
            if (m - phase) % int(agreement.cadence) != 0:
                continue  # the register says another cadence from now on
        if i >= 0:
            posted = np.flatnonzero(fit.history[i, :t] == 1)
            empty = fit.history[i, :t]
            j = t - 1
            first_missing = t
            while j >= 0 and empty[j] != 1:
                if empty[j] == -1:
                    run += 1
                    first_missing = j
                j -= 1
            last_j = int(posted[-1]) if len(posted) else None
            young = t - int(np.argmax(fit.pos[i, :t] > 0)) < 12
            if agreement is None and young and m % 12 in (5, 6, 7):
                continue  # its first summer: nobody knows yet whether it closes
            if last_j is not None:
                ratio_last = (fit.pos[i, last_j] - fit.neg[i, last_j]) / max(fit.local[i, last_j], 1)  # of what was due then
                in_part = 0.08 < ratio_last < 1 - max(0.12, 4 * x.scale)
                if in_part and agreement is None:
                    continue  # a part of the usual amount: a final invoice
                # Bills of their own filled the hole before; one bill of several months may be the new way of billing.
                before = int(posted[-2]) if len(posted) > 1 and fit.n[i, last_j] > 1 else last_j
                caught_up = int((fit.history[i, before:last_j] == -1).sum())
                if ratio_last - caught_up >= run + 0.7 and x.cadence <= 2:
                    continue  # the last posting covered this month as well: quarterly in advance, or booked early
                if x.cadence == 1 and agreement is None and t - last_j < _slower(fit.pos[i, :t] - fit.neg[i, :t], posted):
                    continue  # billing has become slower, and the last bill is not used up
            known = x.series in told or (agreement is not None and str(agreement.agreement_id) in told)
            if agreement is None and not known and (x.unit, x.account, x.cp) in out_of_budget:
                continue  # the year's budget says that it has ended
            if last_j is not None and (x.series, close.m0 + last_j) in traded_on:
                continue  # a reorganisation has given one of the two another code
            if agreement is None and young and all((close.m0 + j) % 12 in (5, 6, 7) for j in range(t - run + 1, t)):
                run, first_missing = 1, t  # nobody knew in its first summer whether it closes
            if run > 1 and not known and (not close.is_first or (agreement is None and run > (3 if x.cadence == 1 else 1))):
                continue  # explained when it first failed to come, or silent for long before anybody looked
            window = slice(max(0, t - int(x.cadence) + 1), t + 1)
            if x.cadence > 1 and fit.pos[i, window].sum() / expected >= 0.6:
                continue  # paid in smaller parts since
            base_row = base_rows.get(fit.frame.base.iloc[i])
            if base_row is not None and fit.frame.grain.iloc[i] == "fine":
                others = siblings.get(fit.frame.base.iloc[i], [])
                stands_in = (fit.pos[others, t] > 1.2 * expected) & (fit.pos[others, :t] > 0).any(axis=1)
                if (stands_in & ~((fit.pos[others, :t] > 0) & (fit.pos[i, :t] > 0)).any(axis=1)).any():
                    continue  # the party's larger row, which has always come instead of this one: the agreements in one invoice
            if x.cadence > 1 and base_row is not None and fit.frame.grain.iloc[i] == "fine":
                # what the party's other agreements explain is not this one's parts
                rest = fit.pos[base_row, window].sum() - fit.pos[mates[fit.frame.base.iloc[i]], window].sum()
                if 0.6 <= rest / expected <= 1.5:
                    continue
        else:
            name = str(agreement.agreement_id) if agreement is not None else ""
            known = name in told
            run = max(1, int((m - x.last_m) // max(1, x.cadence)))
            if known:  # an open finding goes on from its own first month
                run = min(run, max(1, (m - told[name]) // int(x.cadence) + 1))
            else:  # earlier months were explained when they were closed, or lie before the first close
                run = min(run, max(1, 12 // int(x.cadence))) if close.is_first else 1
            first_missing = t - (run - 1) * int(x.cadence)
        rule = _rule_for(sign)
        hits = int(x.hits)
        chance = base
        if agreement is not None:
            # An agreement that failed before without anybody telling may have ended outside the register.
            chance = 0.97 if (run == 1 or known or m - agreement.from_m <= 3) and not in_part else 0.6
            if i < 0 and hits == 0:
                # A new agreement may start later than it says; due twice and asked about once, it is late.
                chance = 0.92 if known and run >= 2 else 0.7
        else:
            if x.party and together.get((x.unit, x.party), 1) > 1:
                chance *= 0.6
            if hits < 6 and x.cadence == 1:
                chance *= 0.9
            if x.cadence >= 3:
                chance *= 0.97 if hits >= 6 else 0.85
            if x.slots and hits / x.slots < 0.8:
                chance *= 0.8
            if run >= 3:
                chance *= 0.8
            if x.scale > 0.25:
                chance *= 0.8
        tier = "fel" if chance >= th.assert_at else "fråga"
        expected = agreed
        amount = sign * expected
        accrual = (th.accrued_income_account, x.account) if sign > 0 else (x.account, th.accrued_cost_account)
        months = [
            close.m0 + j
            for j in range(first_missing, t + 1)
            if (i < 0 and (t - j) % int(x.cadence) == 0) or (i >= 0 and fit.history[i, j] == -1) or j == t
        ]
        key = str(agreement.agreement_id) if agreement is not None else x.series
        other = str(agreement.other_unit) if agreement is not None else ""
        source = "avtalet" if agreement is not None else f"{hits} tidigare bokningar"
        learnt = agreed == float(x.expected)
        # What each month would have cost by its own season and price; what is agreed is the same every time.
        each = [float(fit.local[i, mm - close.m0]) if learnt and i >= 0 and mm < m else expected for mm in months]
        this_year = sum(kr for kr, mm in zip(each, months, strict=True) if mm >= fiscal_first)
        estimate = _estimate(sum(each), float(x.width)) if learnt else ""
        evidence = []
        if i >= 0 and last_j is not None:
            evidence = [(-(close.m0 + last_j), "earlier")]  # resolved to rows by the engine
        out.append(
            Draft(
                rule,
                tier,
                key,
                f"{close.m0 + first_missing}",
                x.unit,
                x.line,
                x.account,
                x.cp or (agreement.cp if agreement is not None else ""),
                x.party or (agreement.party if agreement is not None else ""),
                months,
                sign * sum(each),
                0.0,
                sign * this_year,
                # Asserted: it will come, and what it holds of earlier years is this year's one-off.
                sign * (sum(each) - this_year) if tier == "fel" else amount,
                round(float(chance), 2),
                f"{month_name(m)}: väntat belopp enligt {source} är varken bokfört eller upplupet{estimate}",
                other_unit=other,
                agreement=str(agreement.agreement_id) if agreement is not None else "",
                expected_m=m,
                proposal=(*accrual, round(sum(each), 2), m + 1),
                evidence=evidence,
                i=i,
            )
        )
    return out


def _took_leave(close: matching.Close, open_: pd.DataFrame) -> np.ndarray:
    """Return which expectations have had their final invoice, or are of a party of which nothing has come since one.

    Who leaves ends every agreement with the unit at once.
    """
    frame, t = close.fit.frame, close.t
    named = frame.party.isin(set(open_.party) - {""}).to_numpy()
    rows = np.flatnonzero(named | np.isin(np.arange(len(frame)), open_.i))
    who = (frame.unit + "|" + frame.party).iloc[rows].to_numpy()
    posted = close.fit.pos[rows] > 0
    last = np.where(posted.any(axis=1), t - posted[:, ::-1].argmax(axis=1), -1)
    said = close.final[rows, np.maximum(last, 0)] & (last < t)
    of_all = pd.Series(last).groupby(who).transform("max").to_numpy()
    left = set(who[said & (last == of_all) & named[rows]])
    return np.asarray(open_.i.isin(rows[said]) | (open_.unit + "|" + open_.party).isin(left), dtype=bool)


def _agreed(close: matching.Close, x: Any, agreement: pd.DataFrame) -> float:
    """Return the amount of a missing posting as its agreement has it (a frame of one row), or as the series has it.

    Where amounts vary, what was agreed says more than the last invoices as long as they may be chance around it: a register that
    was not kept up, or the agreed price of another month, lies further off than their mean can. Where the amount is fixed, the
    register knows of an index that steps this month, if it had the last posting's price to the krona.
    """
    i, m, expected = int(x.i), close.m, float(x.expected)
    cadence = agreement.cadence.iloc[0]
    share = float(int(x.cadence) / (cadence if pd.notna(cadence) else 12))
    price = float(register.indexed(agreement, m).iloc[0])
    if x.scale > 0.03:
        apart = min(3 * float(x.scale) / float(np.sqrt(min(max(int(x.hits), 1), _MEAN_OF))), _OF_SIZE)
        # A register may hold the amount of the start, or the one that the index has made of it: the nearer one is meant.
        stated = float(agreement.amount.iloc[0])
        near = [p for p in (price, price * share, stated, stated * share) if p > 0 and abs(np.log(p / expected)) < apart]
        return min(near, key=lambda p: abs(np.log(p / expected)), default=expected)
    posted = np.flatnonzero(close.fit.history[max(i, 0), : close.t] == 1)
    if i < 0 or not len(posted):
        return expected
    last = float(close.fit.pos[i, posted[-1]] - close.fit.neg[i, posted[-1]])
    before = float(register.indexed(agreement, close.m0 + int(posted[-1])).iloc[0])
    exact = [price * k for k in (1.0, share) if price > 0 and abs(before * k - last) < 1]
    return round(exact[0], 2) if exact else expected


def _fell_silent(close: matching.Close, open_: pd.DataFrame) -> tuple[list[Draft], set[int]]:
    """Ask once where so much falls silent in one month that it has one cause: a unit that ended or moved, a delivery with holes.

    Returns the drafts, and the series that they speak for.
    """
    m, t, fit = close.m, close.t, close.fit
    i = open_.i.to_numpy(dtype=int)
    due = close.due[close.due.due]

    def fell_silent(at: int, of: np.ndarray) -> np.ndarray:
        """Return whether the last slot of each series before a column was filled."""
        before = fit.history[of, :at]
        last = at - 1 - (before[:, ::-1] != 0).argmax(axis=1)
        return before[np.arange(len(of)), last] == 1

    fresh = open_[(i >= 0) & fell_silent(t, i) & (fit.hits[i] >= 3)] if t else open_.iloc[:0]
    regular = close.due.i.to_numpy(dtype=int)
    holes = [int((fell_silent(at, regular) & (fit.history[regular, at] == -1)).sum()) for at in range(max(1, t - 12), t)]
    usual = float(np.median(holes)) if holes else 0.0
    rows = (
        close.con.execute("select m, sum(n) as n from f_use where m >= ? - 12 group by m", [m])
        .df()
        .set_index("m")
        .n.astype(float)
    )
    few = rows.get(m, 0.0) < _FEW_ROWS * rows[rows.index < m].median()
    if len(fresh) >= (max(5, 0.05 * len(due)) if few else max(10, 0.08 * len(due), 3 * usual + 3)):
        asked = f"{len(fresh)} av {len(due)} väntade poster saknas, är leveransen fullständig?"
        return [_silence(close, fresh, "", f"{month_name(m)}: {asked}")], set(fresh.i)
    drafts: list[Draft] = []
    silent: set[int] = set()
    size = due.groupby("unit").size()
    for unit, part in fresh.groupby("unit"):
        if len(part) >= max(4, 0.6 * size.get(unit, 0)):
            asked = (
                f"{len(part)} av {size.get(unit, 0)} väntade poster upphörde samtidigt: har verksamheten upphört eller flyttat?"
            )
            drafts.append(_silence(close, part, str(unit), f"{month_name(m)}: {asked}"))
            silent |= set(part.i)
    of_party = due[due.party != ""].groupby(["unit", "party"]).size()
    learnt = fresh[(fresh.party != "") & fresh.agreement_row.isna() & ~fresh.i.isin(silent)]
    for (unit, party), part in learnt.groupby(["unit", "party"]):
        if len(part) >= 2 and len(part) == of_party.get((unit, party), 0):
            asked = f"alla {len(part)} väntade poster från samma motpart saknas: har den slutat?"
            drafts.append(_silence(close, part, str(unit), f"{month_name(m)}: {asked}"))
            silent |= set(part.i)
    return drafts, silent


def _silence(close: matching.Close, part: pd.DataFrame, unit: str, why: str) -> Draft:
    """Return the one question about all of the series in `part`, with what they have in common."""
    m = close.m

    def common(name: str) -> str:
        values = part[name].unique()
        return str(values[0]) if len(values) == 1 else ""

    amount = float((part.expected * part["dir"]).sum())
    close.con.register("f_asked", part[["unit", "series"]])
    rows = close.con.execute(
        "select max(l.rid) from f_asked as a inner join f_line as l on a.unit = l.unit and a.series in (l.fine, l.base) "
        "where l.m < ? and l.m >= ? - 12 group by a.unit, a.series",
        [m, m],
    ).fetchall()
    close.con.unregister("f_asked")
    return Draft(
        _rule_for(1 if amount > 0 else -1),
        "fråga",
        f"{unit}|{common('party') or 'alla'}",
        f"{m}",
        unit,
        common("line"),
        common("account"),
        common("cp"),
        common("party"),
        [m],
        amount,
        0.0,
        amount,
        0.0,
        0.5,
        why,
        expected_m=m,
        evidence=[(int(rid), "earlier") for (rid,) in rows],
    )


def _estimate(amount: float, width: float) -> str:
    """Return what to say of an amount that varies: nine times of ten it has been within these limits. Nothing of a fixed one."""
    if width < _FIXED:
        return ""
    low, high = (f"{amount * float(np.exp(side * width)):,.0f}".replace(",", " ") for side in (-1, 1))
    return f"; beloppet är uppskattat, {low}–{high} kr"


def _out_of_budget(con: duckdb.DuckDBPyConnection, fiscal_first: int) -> set[tuple[str, str, str]]:
    """Return unit, account and counterparty that last year's budget had and this year's, which is as detailed, has not."""
    columns = {
        name
        for (name,) in con.execute(
            "select column_name from information_schema.columns where table_name = 'int_amount'"
        ).fetchall()
    }
    if not {"account", "counterparty", "unit_code"} <= columns:
        return set()
    year = "cast(substr(period, 1, 4) as integer) * 12 + cast(substr(period, 6, 2) as integer) - 1"
    rows = con.execute(
        f"""
        with budget as (
            select unit_code, account, counterparty, {year} >= ? as is_now, sum(abs(amount)) as kr
            from int_amount
            where amount_type = 'budget' and account is not null and counterparty is not null and counterparty <> ''
                and {year} >= ? - 12 and {year} < ? + 12
            group by all having sum(abs(amount)) > 0
        )
        select b.unit_code, b.account, b.counterparty from budget as b
        where not b.is_now
            and not exists (
                select 1 from budget as n where n.is_now and n.unit_code = b.unit_code and n.account = b.account
                    and n.counterparty = b.counterparty
            )
            and exists (select 1 from budget as n where n.is_now and n.unit_code = b.unit_code)
        """,  # noqa: S608 - an expression of this module
        [fiscal_first, fiscal_first, fiscal_first],
    ).fetchall()
    ended = {(unit, account, cp) for unit, account, cp in rows}
    sides: dict[tuple[str, str, str], set[tuple[str, str, str]]] = {}
    for mine, theirs in _trades(con):
        sides.setdefault(mine, set()).add(theirs)
    return ended | {mine for mine, theirs in sides.items() if theirs <= ended}  # the other side of it has ended as well


def _trades(con: duckdb.DuckDBPyConnection) -> list[tuple[tuple[str, str, str], tuple[str, str, str]]]:
    """Return the places (unit, account, counterparty) that have traded with each other, both ways."""
    pairs = con.execute(
        "select distinct s.unit, s.account, s.cp, b.unit, b.account, b.cp from f_int_pair as p "
        "inner join f_int as s on p.seller = s.rid inner join f_int as b on p.buyer = b.rid"
    ).fetchall()
    both = [((row[0], row[1], row[2]), (row[3], row[4], row[5])) for row in pairs]
    return both + [(theirs, mine) for mine, theirs in both]


def _traded_on(con: duckdb.DuckDBPyConnection, m: int) -> set[tuple[str, int]]:
    """Return series and last month of internal trade that goes on under another code.

    The same two units' accounts have as many matching items in month `m` as in that month: one of them is named by another
    code since (a reorganisation), perhaps at another price.
    """
    rows = con.execute(
        """
        with item as (
            select s.m, s.unit, s.account, s.fine, s.base, b.unit as o_unit, b.account as o_account
            from f_int_pair as p inner join f_int as s on p.seller = s.rid inner join f_int as b on p.buyer = b.rid
            union all
            select b.m, b.unit, b.account, b.fine, b.base, s.unit, s.account
            from f_int_pair as p inner join f_int as s on p.seller = s.rid inner join f_int as b on p.buyer = b.rid
        ), total as (
            select unit, account, o_unit, o_account, m, count(*) as n from item group by all
        ), place as (
            select fine as series, unit, account, o_unit, o_account, m from item
            union
            select base, unit, account, o_unit, o_account, m from item
        )
        select place.series, place.m
        from place
        inner join total as then_ on place.unit = then_.unit and place.account = then_.account
            and place.o_unit = then_.o_unit and place.o_account = then_.o_account and place.m = then_.m
        left join total as now_ on place.unit = now_.unit and place.account = now_.account
            and place.o_unit = now_.o_unit and place.o_account = now_.o_account and now_.m = ?
        group by place.series, place.m having min(coalesce(now_.n, 0) - then_.n) >= 0
        """,
        [m],
    ).fetchall()
    return {(series, last) for series, last in rows}


def _over(
    close: matching.Close, expected: pd.DataFrame, left: pd.DataFrame, fiscal_first: int, told: dict[str, int]
) -> list[Draft]:
    """More than was due: earlier months in one go (PER-02), a late or early row (PER-05), or a double (PER-06)."""
    th, m, t, fit = close.th, close.m, close.t, close.fit
    out: list[Draft] = []
    due = close.due.set_index("i")
    present = expected.set_index("i")
    extra_rows = left[left.i.isin(due.index)].copy()
    direction = extra_rows.i.map(due.dir)
    extra_rows["along"] = extra_rows.kr * direction
    extra_rows["want"] = extra_rows.i.map(due.expected)
    extra_rows = extra_rows[extra_rows.along > 0.4 * extra_rows.want]
    groups = dict(list(extra_rows.groupby("i")))
    big = present[(present.state == "present") & (present.booked > th.over_share * present.expected)]
    candidates = sorted({int(i) for i in set(groups) | set(big.index)})
    month_rows = dict(list(close.rows[close.rows.i.isin(candidates)].groupby("i")))
    offsets = _usual_offset(close, candidates)
    behind = close.deficits[close.deficits.index.isin(candidates)]
    behind = behind[(behind.lacking >= 0.65) & (behind.first_open >= 0)]
    booked_unnamed = _booked_unnamed(close, due, behind)
    for i in candidates:
        x = due.loc[i]
        if not bool(x.due) and int(x.cadence) == 1:
            continue  # open in a month that used to be closed
        want = float(x.expected)
        if want < th.materiality:
            continue
        rows = groups.get(i)
        single = float(present.booked[i]) - want if i in big.index else 0.0
        extra = (float(rows.along.sum()) if rows is not None else 0.0) + single
        k = extra / want
        if rows is not None and not single and (rows.along / want).between(0.5, 1.7).all():
            k = float(len(rows))  # as many occasions as rows, whatever each of them costs
        lacking = float(close.deficits.lacking.get(i, 0.0)) - len(booked_unnamed.get(i, ()))
        open_slots = [j for j in range(max(0, t - 12), t) if fit.history[i, j] == -1 and j not in booked_unnamed.get(i, ())]
        first_open = open_slots[0] if open_slots else -1
        tolerance = max(0.15, min(3 * float(x.scale), 0.6))
        mine = month_rows.get(i, close.rows.iloc[:0])
        own = present.booked.get(i, 0.0)
        ids = [(int(r), "booked") for r in (rows.rid if rows is not None else mine.rid)]
        sign = int(x.dir)
        slot_now = bool(x.due)
        said = mine if rows is None else rows
        sf = said.sf.min() if said.sf.notna().any() else None
        st = said.st.max() if said.st.notna().any() else None
        common: dict[str, Any] = {"i": int(i), "evidence": ids, "expected_m": m}
        silent = t - 1 - int(np.flatnonzero(fit.history[i, :t] == 1)[-1]) if (fit.history[i, :t] == 1).any() else 0
        covers = rows is None and sf is not None and st is not None and st - sf == silent > 0 and st >= m - 1
        of_hole = rows is not None and any(_m(v) - close.m0 in open_slots for v in rows.voucher_date.dropna())
        if lacking >= 0.65 and rows is not None and len(rows) == 1 and not of_hole and _twin(rows.iloc[0], mine, float(x.scale)):
            lacking = 0.0
        alone = said.service_stated.astype(bool).all() and said.sf.notna().all() and said.sf.min() >= m
        if alone or (rows is not None and rows.sf.notna().all() and rows.sf.min() >= m and t - first_open > 3):
            lacking = 0.0  # each row says itself that it is for this month: by its service period, or in words of an old hole
        if lacking >= 0.65 and first_open >= 0 and k <= lacking + max(tolerance, 0.35) and k >= (0.75 if rows is None else 0.6):
            months = [close.m0 + j for j in open_slots][-max(1, round(k)) :]
            prior = [mm for mm in months if mm < fiscal_first]
            if _same_rhythm(close, i, k):
                continue  # the second time: billing has become slower, nothing was forgotten
            late = len(months) == 1 and rows is not None and m - months[0] <= max(2, int(x.cadence))
            dated = rows is not None and (
                (sf is not None and sf <= months[-1]) or (rows.voucher_date.notna().any() and _m(rows.voucher_date.min()) < m)
            )
            rule = "PER-05" if late and dated and not prior else "PER-02"
            # Three months in one bill may be a new way of billing: asked the first time, known the second.
            three = rows is None and x.cadence == 1 and silent == 2 and (round(k) == 2 or x.scale > 0.1)
            quarterly = three and not prior and m % 3 == 2
            if covers and mine.txt.str.contains(r"\b(?:kv|kvartal|q|tertial|halvår) ?[.]?[1-4]?\b", regex=True).any():
                quarterly = True  # it says that it is the bill of a quarter, and just as long was it silent
            asked = quarterly or three
            if quarterly and (x.series in told or close.agreement_of.get(i) in told):
                continue  # the question has been put already, and this closes it
            out.append(
                Draft(
                    rule,
                    "fråga" if asked else "fel",
                    x.series,
                    f"{months[0]}",
                    x.unit,
                    x.line,
                    x.account,
                    x.cp,
                    x.party,
                    [*months, m],
                    sign * want,
                    sign * (own or 0.0) + (sign * float(rows.along.sum()) if rows is not None else 0.0),
                    -sign * extra * len(prior) / max(1, len(months)),  # the year to date holds the year's own months rightly
                    -sign * extra * len(prior) / max(1, len(months)),
                    0.5 if asked else 0.95,
                    f"{len(months)} tidigare månad(er) bokförd(a) i {month_name(m)}" + (", därav föregående år" if prior else ""),
                    **common,
                )
            )
            continue
        if rows is None:
            if not slot_now or k < 0.8:
                continue
            near_whole = abs(k - round(k)) < 0.12 and round(k) >= 1
            if x.scale > 0.1 or not near_whole:
                continue
            if _same_advance(close, i, k):
                continue  # the second bill in advance of as many months: asked about the first time
            if st is not None and st >= m + round(k) - 1:
                continue  # it says that it covers the months to come
            if covers and (x.series in told or close.agreement_of.get(i) in told):
                continue  # or those that were asked about, at whatever price
            if round(k) + 1 in (2, 3, 4, 6, 12) and sf is not None and st is not None and st - sf + 1 == round(k) + 1 and st >= m:
                continue
            earlier = sf is not None and sf < m
            out.append(
                Draft(
                    "PER-02",
                    "fel" if earlier else "fråga",
                    x.series,
                    f"{m}",
                    x.unit,
                    x.line,
                    x.account,
                    x.cp,
                    x.party,
                    [m],
                    sign * want,
                    sign * float(own),
                    -sign * extra,
                    -sign * extra,
                    0.9 if earlier else 0.5,
                    f"{round(k) + 1} gånger det vanliga beloppet i {month_name(m)}",
                    **common,
                )
            )
            continue
        # An extra row of about the usual amount and nothing lacking.
        if float(x.multiple) > 1.25:
            continue
        for r in rows.itertuples():
            ratio = r.along / want
            if not slot_now:
                # off its month: late and early are told elsewhere, a third of the amount is a new cadence
                if abs(ratio - 1) > min(tolerance, 0.2):
                    continue
                offset = offsets.get(i, 0.0)
                if offset is not None and pd.notna(r.sf) and r.sf - m > offset and abs(r.kr) >= th.accrual_threshold:
                    # the bill of the quarter to come, booked before its quarter has begun
                    out.append(_early(close, x, r, sign, int(i), int(r.sf - offset)))
                    continue
                prev = fit.pos[i, max(0, t - 2) : t].sum()
                if prev < 0.8 * want:
                    continue
            if abs(ratio - 1) > max(0.06, tolerance if x.scale > 0.02 else 0.06):
                continue
            twin = mine[(mine.rid != r.rid)]
            twin = twin.iloc[(twin.kr - r.kr).abs().argsort()[:1]] if len(twin) else twin
            if len(twin) == 0:
                last = close.con.execute(
                    "select * from f_line where (fine = ? or base = ?) and m < ? order by m desc, rid desc limit 1",
                    [x.series, x.series, m],
                ).df()
                twin = last
            if len(twin) == 0:
                continue
            b = twin.iloc[0]
            said_r = r.sf if pd.notna(r.sf) else None
            said_b = b.sf if pd.notna(b.sf) else None
            offset = offsets.get(i, 0.0 if m + 1 in (said_r, said_b) else None)
            if x.cadence <= 2 and said_r is not None and offset is not None and said_r - m > offset:
                out.append(_early(close, x, r, sign, int(i), int(said_r - offset)))
                continue
            if x.cadence <= 2 and said_b is not None and offset is not None and said_b - m > offset and int(b.m) == m:
                out.append(_early(close, x, b, sign, int(i), int(said_b - offset)))
                continue
            if said_r is not None and said_b is not None and said_r != said_b:
                if said_r < said_b or said_r < m:
                    out.append(
                        Draft(
                            "PER-05",
                            "fråga",
                            x.series,
                            f"{m}",
                            x.unit,
                            x.line,
                            x.account,
                            x.cp,
                            x.party,
                            [int(said_r), m],
                            0.0,
                            float(r.kr),
                            -float(r.kr),
                            0.0,
                            0.6,
                            f"Avser {month_name(int(said_r))}",
                            **{**common, "evidence": [(int(r.rid), "booked")]},
                        )
                    )
                continue
            same_text = r.stem == b.stem or matching.similar(r.stem, b.stem)
            same_ref = r.ref != "" and r.ref == b.ref
            no_ref = r.ref == "" and b.ref == ""
            exact = abs(r.kr - b.kr) < 0.005
            if not same_text and not same_ref:
                continue  # another thing from the same supplier
            if not (exact or same_ref or no_ref) and r.ref and b.ref and abs(r.kr - b.kr) > 0.05 * abs(b.kr):
                continue  # another number and another amount: another invoice
            sure = same_ref or exact or (no_ref and same_text)
            tier = "fel" if sure and (x.scale < 0.3 or exact) else "fråga"
            if x.scale > 0.08 and not exact and not same_ref:
                tier = "fråga"
            out.append(
                Draft(
                    "PER-06",
                    tier,
                    x.series,
                    f"{m}",
                    x.unit,
                    x.line,
                    x.account,
                    x.cp,
                    x.party,
                    [m],
                    sign * want,
                    sign * want + float(r.kr),
                    -float(r.kr),
                    -float(r.kr),
                    0.95 if tier == "fel" else 0.6,
                    f"Två bokningar i {month_name(m)} där det brukar vara en",
                    **{**common, "evidence": [(int(r.rid), "double"), (int(b.rid), "first")]},
                    proposal=(x.account, "", round(abs(float(r.kr)), 2), 0),
                )
            )
    return out


def _twin(r: pd.Series, mine: pd.DataFrame, scale: float) -> bool:
    """Return whether the extra row is the month's own row again: same number or month said, or same amount where amounts vary."""
    others = mine[mine.rid != r.rid]
    if others.empty:
        return False
    b = others.iloc[(others.kr - r.kr).abs().argsort()[:1]].iloc[0]
    close_by = abs(b.kr - r.kr) <= 0.021 * abs(r.kr)
    same_number = r.ref != "" and r.ref == b.ref and not r.aref
    same_month = pd.notna(r.sf) and pd.notna(b.sf) and r.sf == b.sf
    varied = scale > 0.04 and pd.isna(r.sf) and pd.isna(b.sf) and r.txt == b.txt
    return bool(close_by and (same_number or same_month or varied))


def _same_rhythm(close: matching.Close, i: int, k: float) -> bool:
    """Return whether this posting and the one before it both hold about as many occasions as this one's silence was long."""
    fit, t = close.fit, close.t
    posted = np.flatnonzero(fit.pos[i, :t] > 0.2 * fit.expected[i])
    if len(posted) < 3:
        return False
    gap, gap_before = t - posted[-1], posted[-1] - posted[-2]
    before = (fit.pos[i, posted[-1]] - fit.neg[i, posted[-1]]) / max(fit.expected[i], 1.0)
    return bool(fit.cadence[i] < gap <= gap_before and all(abs(size / gap - 1) < 0.4 for size in (before, k + 1)))


def _same_advance(close: matching.Close, i: int, k: float) -> bool:
    """Return whether the posting before this one was as large, and has been used up by the months of silence since."""
    fit, t = close.fit, close.t
    posted = np.flatnonzero(fit.pos[i, :t] > 0.2 * fit.expected[i])
    if not len(posted):
        return False
    gap = t - int(posted[-1])
    size = (fit.pos[i, posted[-1]] - fit.neg[i, posted[-1]]) / max(fit.expected[i], 1.0)
    return bool(gap > fit.cadence[i] and abs(size - gap) < 0.3 * gap and abs(k + 1 - gap) < 0.3 * gap)


def _slower(amount: np.ndarray, posted: np.ndarray) -> int:
    """Return the months that a bill of a series has come to cover: its last two postings lie far apart and are as much larger.

    1 where nothing says that billing has become slower than monthly.
    """
    if len(posted) < 8:
        return 1
    gap = int(posted[-1] - posted[-2])
    steps = np.diff(posted[:-1])
    before = posted[:-1][np.concatenate([[True], steps == 1])][-8:]
    usual = float(np.median(amount[before]))
    size = amount[posted[-2:]] / usual if usual > 0 else np.zeros(2)
    return gap if gap > 1 and (np.abs(size - gap) < 0.3 * gap).all() else 1


def _booked_unnamed(close: matching.Close, due: pd.DataFrame, lacking: pd.DataFrame) -> dict[int, set[int]]:
    """Return, by series, the empty slots of the last twelve months that had a row without a name which was the posting after all
    (party or counterparty left out).
    """
    t = close.t
    at, back = np.nonzero(close.fit.history[lacking.index, max(0, t - 12) : t] == -1)
    slot, i = back + max(0, t - 12), lacking.index.to_numpy()[at]
    asked = due.loc[i, ["unit", "account", "base", "series", "party", "dir", "scale"]].rename_axis("i").reset_index()
    asked["expected"] = close.fit.local[i, slot]  # what was due then
    asked["m"] = close.m0 + slot
    asked["spread"] = (3 * asked.scale).clip(upper=0.5).clip(lower=0.1)
    close.con.register("f_asked", asked)
    got = close.con.execute(
        """
        select distinct a.i, a.m from f_asked as a
        inner join f_key as k on a.unit = k.unit and a.account = k.account and not k.interim
            and k.base <> a.base and k.fine <> a.series and (k.party = '' or k.party = a.party) and k.aref = ''
        inner join f_row_keyed as l on l.key_id = k.key_id and l.m = a.m
        where abs(cast(l.amount as double) * a.dir / a.expected - 1) <= a.spread
        """
    ).fetchall()
    close.con.unregister("f_asked")
    out: dict[int, set[int]] = {}
    for series, month in got:
        out.setdefault(int(series), set()).add(int(month) - close.m0)
    return out


def _early(close: matching.Close, x: pd.Series, r: Any, sign: int, i: int, belongs: int) -> Draft:
    m, th = close.m, close.th
    belongs = max(belongs, m + 1)
    accounts = (x.account, th.prepaid_income_account) if sign > 0 else (th.prepaid_cost_account, x.account)
    return Draft(
        "PER-05",
        "fel",
        x.series,
        f"{m}",
        x.unit,
        x.line,
        x.account,
        x.cp,
        x.party,
        [m, belongs],
        0.0,
        float(r.kr),
        -float(r.kr),
        0.0,
        0.9,
        f"Hör till {month_name(belongs)} men är bokförd i {month_name(m)}",
        expected_m=belongs,
        evidence=[(int(r.rid), "booked")],
        i=i,
        proposal=(*accounts, round(abs(float(r.kr)), 2), belongs),
    )


def _usual_offset(close: matching.Close, candidates: list[int]) -> dict[int, float | None]:
    """Return the months between booking and told period that the last four rows of a series agree on, None where they do not.

    A series is absent where no row tells its period: what then tells another month than its own is out of the ordinary.
    """
    asked = close.fit.frame.iloc[candidates][["grain", "series_id"]].assign(i=candidates)
    close.con.register("f_asked", asked)
    got = close.con.execute(
        """
        with last as (
            select a.i, l.sf - l.m as months, row_number() over (partition by a.i order by l.m desc, l.rid desc) as place
            from f_asked as a
            inner join f_key as k on case when a.grain = 'fine' then k.fine_id else k.base_id end = a.series_id
            inner join f_row_keyed as l on l.key_id = k.key_id
            where l.sf is not null and l.m < ? and l.m >= ?
        )
        select i, case when min(months) = max(months) and (count(*) >= 3 or max(months) = 0) then max(months) end
        from last where place <= 4 group by i
        """,
        [close.m, close.m - 13],
    ).fetchall()
    close.con.unregister("f_asked")
    return {int(i): None if months is None else float(months) for i, months in got}


def _m(value: object) -> int:
    stamp = pd.Timestamp(value)
    return stamp.year * 12 + stamp.month - 1
