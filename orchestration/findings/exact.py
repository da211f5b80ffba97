"""Rules that need no expectation: double rows, cut-off, internal trade, payroll, budget profile, release, vouchers, accruals.

What belongs here: the verdict on candidates that `sql/exact.sql` and `sql/internal.sql` find as sets. What does not: recurring
series
(`orchestration.findings.signals`).
"""

from __future__ import annotations

import re
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from expectations.rules import Thresholds
from orchestration.findings import matching
from orchestration.findings.cases import month_name
from orchestration.findings.draft import Draft

#: What tells alike texts apart: numbers, and letters that stand alone.
_MARKS = re.compile(r"\d+|\b[a-zåäö]\b")
#: The share of a year by which an account's years may differ where its budget leaves them, for the budget to be asked about;
#: elsewhere in the year twice as much.
_SAME_YEARS = 0.05


def duplicates(con: duckdb.DuckDBPyConnection, th: Thresholds, m: int, regular: set[str]) -> list[Draft]:
    """PER-06 on single rows. `regular` holds series that recur: for them only the same invoice number counts here."""
    pair = con.execute("select * from f_pair order by rid_b, rid_a").df()
    if pair.empty:
        return []
    habit = con.execute(
        """
        select coalesce(nullif(party, ''), 'cp:' || cp || ':' || stem) as who,
            count(distinct nullif(ref, '')) * 1.0 / greatest(1, sum(case when ref <> '' then 1 else 0 end) - 1) as fresh,
            sum(case when ref <> '' then 1 else 0 end) as numbered
        from f_line where m >= ? group by 1
        """,
        [m - 15],
    ).df()
    rows = (
        con.execute(
            "select rid, unit, account, line, cp, party, stem, voucher_series, voucher_number, coalesce(nullif(party, ''), "
            "'cp:' || cp || ':' || stem) as who from f_line where m >= ?",
            [m - 3],
        )
        .df()
        .set_index("rid")
    )
    pair["days"] = pair.days.astype("Float64").to_numpy(dtype=float, na_value=np.nan)  # without dates no rule on days holds
    # One of the two may have lost its party: the other one's habits are what there is to go by.
    named = rows.party.reindex(pair.rid_b).to_numpy() != ""
    pair["who"] = pair.rid_b.where(named, pair.rid_a).map(rows.who)
    # Numbers that are new each time are invoice numbers; of a party seen a few times only, the same number must come close in
    # time.
    pair["fresh"] = pair.who.map(habit.set_index("who").fresh).fillna(0)
    few = pair.who.map(habit.set_index("who").numbered).fillna(0) <= 4
    pair["recurs"] = pair.fine_a.isin(regular) | pair.fine_b.isin(regular)
    pair["stem_a"], pair["stem_b"] = pair.rid_a.map(rows.stem), pair.rid_b.map(rows.stem)
    delta = (pair.kr_a - pair.kr_b).abs()
    exact = delta < 0.005
    # A number that a party has written in three months or more is that of an agreement, or of the customer.
    worn = con.execute(
        "select party, ref from f_line where m >= ? and party <> '' and ref <> '' "
        "group by party, ref having count(distinct m) >= 3",
        [m - 15],
    ).df()
    pair["is_agreement_ref"] |= _among([pair.party, pair.ref_b], worn)
    same_ref = (
        (pair.ref_a == pair.ref_b)
        & (pair.ref_a != "")
        & ~pair.is_agreement_ref
        & (pair.fresh >= 0.7)
        & (~few | (pair.days <= 10))
    )
    near_ref = (
        (pair.ref_distance <= np.where(exact & (pair.ref_a.str.len() >= 6), 2, 1))
        & (pair.ref_a.str.len() >= 4)
        & (pair.ref_b.str.len() >= 4)
        & ~same_ref
        & ~pair.is_agreement_ref
    )
    same_text = pair.txt_a == pair.txt_b
    # A misspelt word is the same text; another number or letter in it ("deltagare 2", "hus b") is another thing.
    like_text = same_text.copy()
    unlike = pair[(exact | (pair.ref_distance == 0)) & ~same_text]
    like_text[unlike.index] = np.array(
        [
            matching.similar(a, b) and _MARKS.findall(x) == _MARKS.findall(y)
            for a, b, x, y in zip(unlike.stem_a, unlike.stem_b, unlike.txt_a, unlike.txt_b, strict=True)
        ],
        dtype=bool,
    )
    same_period = (pair.sf_a == pair.sf_b).fillna(False).astype(bool) & (pair.st_a == pair.st_b).fillna(False).astype(bool)
    other_period = pair.sf_a.notna() & pair.sf_b.notna() & (pair.sf_a != pair.sf_b)
    no_ref = (pair.ref_a == "") & (pair.ref_b == "")
    one_ref = (pair.ref_a == "") ^ (pair.ref_b == "")
    within = pair.days.fillna(0) <= th.duplicate_days
    soon, one_month = pair.days <= 10, pair.days.notna() & (pair.m_a == pair.m_b)
    same_place = (pair.unit_a == pair.unit_b) & (pair.account_a == pair.account_b)
    usual = con.execute(
        "select coalesce(nullif(party, ''), 'cp:' || cp || ':' || stem) as who, round(cast(amount as double), 2) as kr "
        "from f_line where m >= ? group by 1, 2 having count(*) >= 4",
        [m - 15],
    ).df()
    amount, place = [pair.who, pair.kr_b.round(2)], [pair.unit_b, pair.account_b, pair.party]
    standard = _among(amount, usual)
    # Who bills a place several times in most months sends invoices with neighbouring numbers and much the same amount.
    often = con.execute(
        "select unit, account, party from f_line where party <> '' and m >= ? and m < ? "
        "group by unit, account, party having count(*) >= 1.5 * count(distinct m)",
        [m - 15, m],
    ).df()
    bills_often = _among(place, often)
    # Who bills another amount every time (by meter, by hour) does not bill the same öre twice.
    varied = con.execute(
        "select unit, account, party from f_line where party <> '' and m >= ? and m < ? "
        "group by unit, account, party having count(*) >= 6 and count(distinct amount) >= 0.9 * count(*)",
        [m - 15, m],
    ).df()
    never_twice = _among(place, varied)
    # The same öre on the same days is no accident, however often the party bills.
    odd_amount = np.mod(pair.kr_b.abs(), 10) >= 0.005
    grade = np.select(
        [
            same_ref & exact & within & ~other_period,
            same_ref & within & ~other_period & (same_text | same_place) & (delta <= 0.03 * pair.kr_b.abs()),
            never_twice & exact & like_text & within & same_place & ~other_period & odd_amount,
            ~pair.recurs
            & near_ref
            & (delta <= 0.021 * pair.kr_b.abs())
            & like_text
            & (pair.days <= 20)
            & same_place
            & ~standard
            & ~other_period
            & (exact | (pair.ref_distance == 0)),
            exact & like_text & same_period & within & same_place & ~standard & odd_amount,
            ~pair.recurs & (no_ref | one_ref) & exact & like_text & (pair.days <= 10) & same_place & ~standard & ~other_period,
            exact & same_text & (pair.days <= 3) & same_place & ~standard & ~other_period & (pair.m_a == pair.m_b) & odd_amount,
            ~pair.recurs & exact & same_text & (soon | one_month & (no_ref | one_ref)) & same_place & ~standard & ~other_period,
            ~pair.recurs
            & near_ref
            & (delta <= 0.021 * pair.kr_b.abs())
            & like_text
            & same_place
            & (pair.days <= 45)
            & ~standard
            & (exact | ~bills_often),
            # Without any number: the same öre within some weeks, or nearly the same amount within some days.
            ~pair.recurs
            & no_ref
            & same_text
            & same_place
            & ~standard
            & ~other_period
            & exact
            & odd_amount
            & (pair.days <= th.duplicate_days),
            ~pair.recurs & no_ref & (delta <= 0.021 * pair.kr_b.abs()) & same_text & soon & same_place & ~bills_often,
        ],
        [0.97, 0.93, 0.93, 0.92, 0.92, 0.9, 0.92, 0.6, 0.6, 0.6, 0.6],
        0.0,
    )
    # Two alike each time: two machines, two places.
    twins = con.execute(
        "with paired as (select unit, account, party, m, max(n) as n from (select unit, account, party, m, count(*) as n "
        "from f_line where party <> '' and m between ? and ? group by unit, account, party, m, amount) as alike "
        "group by unit, account, party, m) "
        "select unit, account, party from paired group by unit, account, party having avg(case when n > 1 then 1.0 else 0.0 end) "
        ">= 0.5",
        [m - 25, m - 1],
    ).df()
    grade = np.where(_among(place, twins) & ~same_ref & (pair.m_a == pair.m_b), 0.0, grade)
    # The third month running of the same amount is a rhythm, however alike the numbers are.
    monthly = con.execute(
        "select coalesce(nullif(party, ''), 'cp:' || cp || ':' || stem) as who, round(cast(amount as double), 2) as kr "
        "from f_line where m > ? group by 1, 2 having count(*) = 3 and count(distinct m) = 3",
        [m - 3],
    ).df()
    grade = np.where(_among(amount, monthly) & ~same_ref & ~same_period & (pair.days > 20), 0.0, grade)
    # Round prices come back: an equal round amount with another number proves little.
    round_price = exact & (np.mod(pair.kr_b.abs(), 100) < 0.005)
    grade = np.where((grade < 0.93) & (grade > 0) & round_price & ~same_ref, np.where(pair.days <= 10, 0.6, 0.0), grade)
    grade = np.where((grade < 0.93) & (pair.kr_b.abs() < 2000), 0.0, grade)
    # Invoices that follow one another in the sender's numbering are two, unless the last figure is a slip of the pen: asked.
    number_a, number_b = _number(pair.ref_a), _number(pair.ref_b)
    # A sender's numbers rise: a later invoice with a lower number follows none, but may have been posted out of turn: asked too.
    step = (number_b - number_a) * np.where(pair.date_b < pair.date_a, -1, 1)
    follows = step.between(1, 10) | (step.between(-10, -1) & (pair.days == 0))
    grade = np.where((grade < 0.93) & (follows | step.between(-10, -1)), np.minimum(grade, 0.6), grade)
    together, later = exact & (pair.days == 0), pair.days > 20  # sent and booked together; the next month's invoice
    grade = np.where((grade < 0.93) & follows & (together | later), 0.0, grade)
    pair["grade"] = grade
    pair = pair[pair.grade > 0]
    if pair.empty:
        return []
    credits = con.execute(
        """
        select p.rid_b from f_pair as p inner join f_recent as b on p.rid_b = b.rid
        inner join f_recent as c on c.who = b.who and c.kr * p.kr_b < 0
            and abs(c.kr + p.kr_b) < 0.02 * abs(p.kr_b) and c.m <= p.m_b
        union
        -- a credit note without the party, or in other words, on the same unit and account
        select p.rid_b from f_pair as p inner join f_recent as c
        on c.unit = p.unit_b and c.account = p.account_b and abs(c.kr + p.kr_b) < 0.005 and c.m <= p.m_b
        """
    ).df()
    pair = pair[~pair.rid_b.isin(credits.rid_b)]
    pair = pair.sort_values(["grade", "days"], ascending=[False, True], kind="stable").drop_duplicates("rid_b")
    pair = pair[~pair.rid_a.isin(pair.rid_b) | (pair.rid_a < pair.rid_b)]
    out = []
    vouchers_of = rows.voucher_series + rows.voucher_number
    copies: dict[str, int] = {}
    for p in pair.itertuples():
        r = rows.loc[p.rid_b]
        # Named by what the rows say, which stays when a later export replaces the file that they came in.
        cause = f"{p.m_a}|{vouchers_of.get(p.rid_a, '')}|{p.m_b}|{vouchers_of[p.rid_b]}|{p.kr_b:.2f}"
        copies[cause] = copies.get(cause, 0) + 1
        cause += f"|{copies[cause]}" if copies[cause] > 1 else ""
        out.append(
            Draft(
                "PER-06",
                "fel" if p.grade >= th.assert_at else "fråga",
                r.who + "|" + (p.ref_b or p.txt_b),
                cause,
                r.unit,
                r.line,
                r.account,
                r.cp,
                r.party,
                [int(p.m_b)],
                float(p.kr_a),
                float(p.kr_a + p.kr_b),
                -float(p.kr_b),
                -float(p.kr_b),
                float(p.grade),
                f"Samma post som en i {month_name(int(p.m_a))}",
                other_unit="" if p.unit_a == p.unit_b else str(p.unit_a),
                evidence=[(int(p.rid_b), "double"), (int(p.rid_a), "first")],
                proposal=(r.account, "", round(abs(float(p.kr_b)), 2), 0),
            )
        )
    return out


def lone_credits(con: duckdb.DuckDBPyConnection, th: Thresholds, m: int, told: set[int]) -> list[Draft]:
    """PER-07, asked: a customer's or supplier's item of the wrong sign that no earlier invoice could be taken back by.

    told: rows that other findings speak of. An invoice is credited within some months; a debit on an income account that says
    nothing of a credit and has no such invoice behind it is as likely an invoice with its sign turned.
    """
    rows = con.execute(
        """
        select l.* from f_line as l
        where l.m = ? and not l.interim and not l.internal and not coalesce(l.is_credit, false) and l.party <> ''
            and abs(l.kr) >= ? and case when right(l.line, 7) = '_income' then -1
                when right(l.line, 5) = '_cost' then 1 end * l.kr > 0
            and not exists (
                select 1 from f_line as c where c.party = l.party and c.m between l.m - 10 and l.m and c.kr * l.kr < 0
                    and abs(c.kr) >= 0.98 * abs(l.kr)
            )
        order by l.rid
        """,
        [m, th.accrual_threshold],
    ).df()
    return [
        Draft(
            "PER-07",
            "fråga",
            f"{r.unit}|{r.account}|{r.party}|{r.ref or r.txt}",
            f"{m}",
            r.unit,
            r.line,
            r.account,
            r.cp,
            r.party,
            [m],
            -float(r.kr),
            float(r.kr),
            -2 * float(r.kr),
            -2 * float(r.kr),
            0.5,
            "Omvänt tecken för kontot, och ingen tidigare faktura som posten kan kreditera",
            evidence=[(int(r.rid), "booked")],
            proposal=(r.account, r.account, round(2 * abs(float(r.kr)), 2), 0),
        )
        for r in rows.itertuples()
        if int(r.rid) not in told
    ]


#: Rows that make what somebody without a name usually tells of its time.
_HABIT = 6


def _among(values: list[pd.Series], found: pd.DataFrame) -> np.ndarray:
    """Return for each place whether the values there, in the order of the columns, are a row of `found`."""
    rows = set(found.itertuples(index=False, name=None))
    return np.array([row in rows for row in zip(*values, strict=True)], dtype=bool)


def _number(ref: pd.Series) -> pd.Series:
    """Return the number at the end of each reference, NaN where there is none."""
    return pd.to_numeric(ref.str.extract(r"(\d{1,15})$")[0], errors="coerce")


def cut_off(
    con: duckdb.DuckDBPyConnection,
    th: Thresholds,
    m: int,
    regular: set[str],
    explained: set[int],
    taken: set[int],
    fiscal_first: int,
) -> list[Draft]:
    """PER-05 and PER-02 on rows that nothing expected: period, text or invoice date elsewhere; a prepaid cost at once.

    regular: series that recur. A row of theirs that was not this month's posting (`taken`) counts where it is told to be of an
    earlier year, and of a time that the series never told before.
    """
    rows = con.execute(
        # The rows of a voucher that say the same thing of the same time are one posting; without a voucher each is its own.
        "select * from (select *, sum(kr) over posting as posting_kr, min(rid) over posting as posting_rid from f_line "
        "where m = ? window posting as (partition by case when coalesce(voucher_number, '') = '' then rid end, voucher_series, "
        "voucher_number, unit, account, cp, party, ref, txt, sf, st, fine)) as l "
        "where not interim and line not in ('personnel', 'balance') and not internal "
        "and (abs(posting_kr) >= ? or abs(posting_kr) >= ? and st < ?) and not coalesce(is_credit, false) "
        "and not exists (select 1 from f_line as c where c.m = ? and c.unit = l.unit and c.account = l.account "
        "and (c.party = l.party or c.party = '' or l.party = '') and c.amount = -l.amount) "
        # it was accrued: the reversal of the estimate takes it back to where it belongs
        "and not exists (select 1 from f_line as c where c.m = ? and c.unit = l.unit and c.account = l.account "
        "and c.interim and (c.party = l.party or c.party = '') and c.kr * l.kr < 0 and abs(c.kr + l.kr) < 0.3 * abs(l.kr)) "
        "order by rid",
        [m, th.accrual_threshold, th.materiality, fiscal_first, m, m],
    ).df()
    rows["recurs"] = rows.fine.isin(regular) | rows.base.isin(regular)
    rows = rows[~rows.rid.isin(explained) & ~(rows.recurs & (rows.rid.isin(taken) | ~(rows.st < fiscal_first).fillna(False)))]
    of_posting: dict[str, Any] = dict.fromkeys(rows.columns, "first") | {"kr": "sum", "rid": list}
    rows = rows.groupby("posting_rid", sort=False).agg(of_posting).reset_index(drop=True)
    # A cost under the threshold is not accrued; an income that was agreed should have been.
    rows = rows[(rows.recurs & (rows.kr > 0)) | (rows.kr.abs() >= th.accrual_threshold)]
    if rows.empty:
        return []
    habit = con.execute(
        """
        select unit, account, case when party <> '' then party else fine end as who, count(*) as k,
            median(st - m) as st_usual, min(st - m) as st_least, max(st - m) as st_most,
            avg(case when extract(year from dated_on) * 12 + extract(month from dated_on) - 1 < m then 1.0 else 0.0 end)
            as early_date
        from f_line where (party <> '' or stem <> '') and m < ? and m >= ? group by all
        """,
        [m, m - 25],
    ).df()
    by_series = con.execute(
        """
        select voucher_series, avg(case when extract(year from dated_on) * 12 + extract(month from dated_on) - 1 < m
        then 1.0 else 0.0 end) as before
        from f_line where m < ? and m >= ? group by voucher_series
        """,
        [m, m - 13],
    ).df()
    # A row without a party is known by its words; unknown, it may be anybody's: where the account usually bills in arrears it
    # says nothing.
    usual = con.execute(
        "select unit, account, avg(case when st < m then 1.0 else 0.0 end) as arrears from f_line where m < ? and m "
        ">= ? and st is not null group by unit, account",
        [m, m - 13],
    ).df()
    rows = rows.merge(usual, on=["unit", "account"], how="left")
    rows["who"] = rows.party.where(rows.party != "", rows.fine)
    rows = rows.merge(habit, on=["unit", "account", "who"], how="left").merge(by_series, on="voucher_series", how="left")
    rows = rows[(rows.party != "") | (rows.arrears.fillna(0) < 0.25) | (rows.k >= _HABIT)]
    vm = rows.dated_on.map(lambda v: m if pd.isna(v) else pd.Timestamp(v).year * 12 + pd.Timestamp(v).month - 1)
    rows["date_m"] = np.where((rows.before.fillna(0) < 0.1) & (rows.early_date.fillna(0) < 0.3), vm, m)
    # It goes on where a bill of its size ended that was taken in the same way, whoever sent it: the municipality's choice.
    con.register("f_asked", rows[["unit", "account", "posting_rid", "kr"]].assign(begins=rows.sf.fillna(m)))
    chosen = con.execute(
        "select distinct a.posting_rid from f_asked as a inner join f_line as l on a.unit = l.unit and a.account = l.account "
        "where l.m < ? and l.m >= ? and l.st >= l.m + 3 and abs(l.st + 1 - a.begins) <= 1 and abs(l.kr / a.kr - 1) <= 0.3",
        [m, m - 13],
    ).df()
    con.unregister("f_asked")
    rows["as_before"] = rows.posting_rid.isin(chosen.posting_rid)
    out = []
    for r in rows.itertuples():
        amount = float(r.kr)
        common: dict[str, Any] = {"evidence": [(int(rid), "booked") for rid in r.rid]}
        key = f"{r.unit}|{r.account}|{r.party or r.cp}|{r.ref or r.txt}"
        ends = r.st_least if r.recurs else r.st_usual
        usual = 0.0 if pd.isna(ends) else min(0.0, float(ends))
        if r.recurs and r.st >= m + usual:
            continue
        if pd.notna(r.st) and r.st < m + usual and not (not r.service_stated and m - r.st > 14):
            belongs = list(range(int(max(r.sf if pd.notna(r.sf) else r.st, m - 24)), int(r.st) + 1))
            prior = sum(mm < fiscal_first for mm in belongs) / len(belongs)
            rule = "PER-02" if prior and amount > 0 else "PER-05"
            grade = 0.95 if r.service_stated else 0.92
            why = "Tjänsteperioden" if r.service_stated else "Texten"
        elif r.date_m < m:
            belongs, prior = [int(r.date_m)], float(r.date_m < fiscal_first)
            rule, grade, why = ("PER-02" if prior and amount > 0 else "PER-05"), 0.91, "Fakturadatumet"
        elif pd.notna(r.st) and r.st >= m + 3 and (pd.isna(r.st_most) or r.st_most < 3) and not r.as_before and r.st - m < 48:
            span = int(r.st) - int(r.sf if pd.notna(r.sf) else m) + 1
            later = amount * min(1.0, (int(r.st) - m) / max(1, span))
            if abs(later) < th.accrual_threshold:
                continue
            accounts = (th.prepaid_cost_account, r.account) if amount < 0 else (r.account, th.prepaid_income_account)
            out.append(
                Draft(
                    "PER-05",
                    "fråga",  # many municipalities take a year's invoice at once, by choice
                    key,
                    f"{m}",
                    r.unit,
                    r.line,
                    r.account,
                    r.cp,
                    r.party,
                    [m],
                    amount - later,
                    amount,
                    -later,
                    0.0,
                    0.7,
                    f"Avser till och med {month_name(int(r.st))} men är tagen i {month_name(m)}",
                    proposal=(*accounts, round(abs(later), 2), m + 1),
                    **common,
                )
            )
            continue
        else:
            continue
        accounts = (th.accrued_income_account, r.account) if amount > 0 else (r.account, th.accrued_cost_account)
        kronor = f"{abs(amount * prior):,.0f} kr".replace(",", " ")
        told = f", varav {kronor} hör till tidigare år" if prior else ""
        out.append(
            Draft(
                rule,
                "fel" if grade >= th.assert_at else "fråga",
                key,
                f"{m}",
                r.unit,
                r.line,
                r.account,
                r.cp,
                r.party,
                [*belongs, m],
                0.0,
                amount,
                -amount * prior,  # the year to date holds the year's own months rightly
                -amount * prior,
                grade,
                f"{why} säger {month_name(belongs[0])}–{month_name(belongs[-1])}{told}",
                expected_m=belongs[-1],
                proposal=(*accounts, round(abs(amount), 2), belongs[-1] + 1),
                **common,
            )
        )
    return out


def internal_trade(con: duckdb.DuckDBPyConnection, th: Thresholds, m: int) -> list[Draft]:
    """PER-03: rows of the month whose other side is missing or has another amount."""
    rows = con.execute("select * from f_int order by rid").df()
    if rows.empty:
        return []
    pairs = con.execute("select seller, buyer from f_int_pair").df()
    late = con.execute("select seller, buyer from f_int_late").df()
    by = rows.set_index("rid")
    partner = pd.concat(
        [pd.Series(pairs.buyer.to_numpy(), index=pairs.seller), pd.Series(pairs.seller.to_numpy(), index=pairs.buyer)]
    )
    partner = partner[~partner.index.duplicated()]
    rows["partner"] = rows.rid.map(partner)
    rows["size"] = rows.kr.abs().round(2)
    past = rows[rows.m < m]
    known = past[past.partner.notna()].copy()
    if len(past) and past.partner.notna().mean() < 0.5:
        return []  # this ledger does not book internal trade on two sides
    for name in ("fine", "unit", "account", "line", "cp"):
        known["o_" + name] = known.partner.map(by[name])
    known = known.sort_values("m")
    share = past.groupby("fine").partner.apply(lambda s: s.notna().mean())
    arrived = set(late.seller) | set(late.buyer)
    now = rows[(rows.m == m) & rows.partner.isna() & ~rows.rid.isin(arrived) & (rows["size"] >= th.materiality)]
    now = now[now.fine.map(share).fillna(1.0) >= 0.6]
    if now.empty:
        return []
    # Pair sums first: several rows against one are no error.
    exact_mirror = known.drop_duplicates(["fine", "size"], keep="last").set_index(["fine", "size"])
    only = known.groupby("fine").o_fine.nunique()
    last = known.drop_duplicates("fine", keep="last").set_index("fine")
    candidates = known.drop_duplicates(["fine", "o_fine"], keep="last")
    by_place = known.assign(place=known.unit + "|" + known.account + "|" + known.cp).drop_duplicates(
        ["place", "o_fine"], keep="last"
    )
    out: list[Draft] = []
    used: set[int] = set()
    free = now.copy()
    for r in now.itertuples():
        if r.rid in used:
            continue
        mirror = None
        if (r.fine, r.size) in exact_mirror.index:
            mirror = exact_mirror.loc[(r.fine, r.size)]
        elif only.get(r.fine, 0) == 1:
            mirror = last.loc[r.fine]
        else:
            near = candidates[candidates.fine == r.fine]
            if near.empty:
                near = by_place[by_place.place == f"{r.unit}|{r.account}|{r.cp}"]
            if len(near):
                mirror = near.loc[(near["size"] - r.size).abs().idxmin()]
        other = free[(free.side == -r.side) & ~free.rid.isin(used) & (free.unit != r.unit)]
        if mirror is not None:
            near = other[other.fine == mirror.o_fine]
            if near.empty:
                near = other[(other.unit == mirror.o_unit) & (other.account == mirror.o_account) & (other.cp == mirror.o_cp)]
        else:
            near = other.iloc[:0]
        if near.empty:
            near = other[
                ((other.voucher_series == r.voucher_series) & (other.voucher_number == r.voucher_number))
                | ((other.ref == r.ref) & (r.ref != ""))
            ]
        if len(near) > 1 and mirror is not None and len(near[near["size"] != r.size]):
            gap = (near["size"] - r.size).abs()
            elsewhere = (near.voucher_series != r.voucher_series) | (near.voucher_number != r.voucher_number)
            order = ["gap", "elsewhere", "unit", "account", "voucher_number", "rid"]
            near = near.assign(gap=gap, elsewhere=elsewhere).sort_values(order).iloc[:1]
        if len(near):
            b = near.iloc[0]
            used |= {r.rid, b.rid}
            mine_usual = past[past.fine == r.fine].sort_values("m")["size"].tail(3).median()
            their_usual = past[past.fine == b.fine].sort_values("m")["size"].tail(3).median()
            # The side that left its habit is the wrong one.
            gap_r = abs(r.size / mine_usual - 1) if mine_usual and mine_usual > 0 else 0
            gap_b = abs(b["size"] / their_usual - 1) if their_usual and their_usual > 0 else 0
            wrong = b if gap_b >= gap_r else by.loc[r.rid]
            wrong_rid = int(b.rid) if gap_b >= gap_r else int(r.rid)
            right_kr = r.kr if gap_b >= gap_r else b.kr
            right_unit = r.unit if gap_b >= gap_r else b.unit
            right_rid = int(r.rid) if gap_b >= gap_r else int(b.rid)
            should = -float(right_kr)
            out.append(
                Draft(
                    "PER-03",
                    "fel",
                    f"{wrong.fine}",
                    f"{m}",
                    wrong.unit,
                    wrong.line,
                    wrong.account,
                    wrong.cp,
                    "",
                    [m],
                    should,
                    float(wrong.kr),
                    should - float(wrong.kr),
                    should - float(wrong.kr),
                    0.95,
                    f"Motparten {right_unit} har bokfört ett annat belopp; neutralt för kommunen",
                    other_unit=str(right_unit),
                    evidence=[(wrong_rid, "booked"), (right_rid, "other side")],
                    proposal=(wrong.account, "", round(abs(should - float(wrong.kr)), 2), 0),
                )
            )
            continue
        used.add(r.rid)
        if (outside := _booked_outside(con, r)) is not None:
            out.append(
                Draft(
                    "PER-03",
                    "fel",
                    f"{outside.unit}|{outside.account}|{r.unit}|{r.account}",
                    f"{m}",
                    str(outside.unit),
                    str(outside.line),
                    str(outside.account),
                    str(outside.cp),
                    "",
                    [m],
                    float(outside.kr),
                    float(outside.kr),
                    0.0,  # the cost is there: only what the municipality eliminates is wrong
                    0.0,
                    0.95,
                    f"Motposten till {r.unit} är bokförd med extern motpart {outside.cp}; kommunens interna poster går inte ut",
                    other_unit=str(r.unit),
                    expected_m=m,
                    evidence=[(int(outside.rid), "booked"), (int(r.rid), "other side")],
                    proposal=(str(outside.account), str(outside.account), round(abs(float(outside.kr)), 2), 0),
                )
            )
            continue
        if mirror is not None:
            out.append(
                Draft(
                    "PER-03",
                    "fel",
                    str(mirror.o_fine),
                    f"{m}",
                    str(mirror.o_unit),
                    str(mirror.o_line),
                    str(mirror.o_account),
                    str(mirror.o_cp),
                    "",
                    [m],
                    -float(r.kr),
                    0.0,
                    -float(r.kr),
                    0.0,
                    0.95,
                    f"{r.unit} har bokfört sin sida, motsvarande post saknas; neutralt för kommunen",
                    other_unit=str(r.unit),
                    expected_m=m,
                    evidence=[(int(r.rid), "other side")],
                    proposal=(th.accrued_income_account, str(mirror.o_account), round(abs(float(r.kr)), 2), m + 1)
                    if r.kr < 0
                    else (str(mirror.o_account), th.accrued_cost_account, round(abs(float(r.kr)), 2), m + 1),
                )
            )
        elif len(past) and past.partner.notna().mean() > 0.85:
            out.append(
                Draft(
                    "PER-03",
                    "fråga",
                    str(r.fine),
                    f"{m}",
                    r.unit,
                    r.line,
                    r.account,
                    r.cp,
                    "",
                    [m],
                    0.0,
                    float(r.kr),
                    0.0,
                    0.0,
                    0.5,
                    "Internpost utan motbokning",
                    evidence=[(int(r.rid), "booked")],
                )
            )
    return out


def _booked_outside(con: duckdb.DuckDBPyConnection, r: Any) -> Any:
    """Return the row of the same voucher that is the other side of an internal row, booked with an external counterparty."""
    if r.voucher_number == "":
        return None
    found = con.execute(
        "select rid, unit, account, line, cp, kr from f_line where m = ? and voucher_series = ? and voucher_number = ? "
        "and not internal and not interim and line not in ('balance', '') and unit <> ? and abs(kr + ?) < 0.005 order by rid",
        [int(r.m), r.voucher_series, r.voucher_number, r.unit, float(r.kr)],
    ).df()
    return found.iloc[0] if len(found) == 1 else None


def payroll(con: duckdb.DuckDBPyConnection, th: Thresholds, m: int) -> list[Draft]:
    """PER-08: pay against the HR export per unit and month, and the on-cost against its rate. Accrual vouchers are left out."""
    con.execute("create or replace temp table f_pay_prefix (prefix varchar, kind varchar)")
    prefixes = [[p, "pay"] for p in th.pay_accounts] + [[p, "po"] for p in th.on_cost_accounts]
    con.executemany("insert into f_pay_prefix values (?, ?)", prefixes)
    ledger = con.execute(
        """
        select l.unit, l.m, -sum(case when p.kind = 'pay' then l.kr else 0 end) as pay,
            -sum(case when p.kind = 'po' then l.kr else 0 end) as po,
            max(l.rid) as rid
        from f_line as l inner join f_pay_prefix as p on starts_with(l.account, p.prefix)
        where l.m >= ? and not l.interim
        group by l.unit, l.m
        """,
        [m - 13],
    ).df()
    if ledger.empty:
        return []
    tables = {row[0] for row in con.execute("select table_name from information_schema.tables").fetchall()}
    work = ledger
    if "payroll" in tables:
        hr = con.execute("select * from payroll").df()
        hr = hr.rename(columns={"unit": "unit_code"}) if "unit_code" not in hr else hr
        hr["m"] = hr.period.str[:4].astype(int) * 12 + hr.period.str[5:7].astype(int) - 1 + th.payroll_lag
        hr = hr.rename(columns={"unit_code": "unit"})
        hr = hr.groupby(["unit", "m"], as_index=False)[["gross", "employer_contribution"]].sum()
        hr[["gross", "employer_contribution"]] = hr[["gross", "employer_contribution"]].astype(float)
        # Pay is counted as a positive amount here; the mart has it in stored sign, cost −.
        if hr.gross.sum() < 0:
            hr[["gross", "employer_contribution"]] *= -1
        work = ledger.merge(hr[hr.m >= m - 13], on=["unit", "m"], how="outer")
    else:
        work = ledger.assign(gross=np.nan, employer_contribution=np.nan)
    work[["pay", "po"]] = work[["pay", "po"]].fillna(0)
    rate = (ledger.po / ledger.pay.where(ledger.pay > 0)).groupby(ledger.m).median()
    now = work[work.m == m].set_index("unit")
    before = work[(work.m < m) & work.gross.notna() & (work.pay > 0)].assign(ratio=lambda d: d.pay / d.gross)
    usual = before.groupby("unit").ratio.median()
    # Without an HR export: the unit's own last months, moved by what the month does to all units.
    own_pay = ledger[ledger.m < m].sort_values("m").groupby("unit").pay.apply(lambda v: v.tail(4).median())
    month_factor = (now.pay / own_pay.reindex(now.index)).median()
    spread = before.groupby("unit").ratio.apply(lambda s: (s - s.median()).abs().median() * 1.4826)
    times = ledger.unit.value_counts()
    # A unit's own mix (elected officials, the young) lies as far from the rate in every month; the rate changes at new year.
    own_rate = (ledger.po / ledger.pay.where(ledger.pay > 0) - ledger.m.map(rate))[ledger.m < m].groupby(ledger.unit).median()
    out: list[Draft] = []
    found: list[tuple[str, float, float, str]] = []
    for x in now.itertuples():
        unit = str(x.Index)
        if pd.notna(x.gross):
            base = float(usual.get(unit, 1.0))
            limit = max(th.payroll_share, 5 * float(spread.get(unit, 0.0)))
            should = x.gross * base
            gap = should - x.pay
            if abs(gap) > max(limit * abs(should), th.payroll_minimum):
                # The on-cost lacks with the pay, unless it was booked on the whole of it.
                share = float(rate.get(m, 0)) + float(own_rate.get(unit, 0.0))
                lacks = abs(should * share - x.po) > 0.5 * abs(gap * share)
                found.append((unit, gap * (1 + (float(rate.get(m, 0)) if lacks else 0.0)), should, "pay"))
                continue
        elif unit in own_pay.index and own_pay[unit] > 0 and np.isfinite(month_factor):
            should = float(own_pay[unit] * month_factor)
            gap = should - x.pay
            if abs(gap) > 0.25 * should and abs(gap) > th.payroll_minimum and times[unit] >= 6:
                found.append((unit, gap * (1 + float(rate.get(m, 0))), should, "pay"))
                continue
        r = float(rate.get(m, np.nan))
        if x.pay > 0 and np.isfinite(r):
            own = float(own_rate.get(unit, np.nan))
            target = r if not np.isfinite(own) or abs(own) < 0.004 else r + own
            gap = x.pay * target - x.po
            if abs(gap) > max(0.01 * abs(x.pay), th.payroll_minimum / 2):
                found.append((unit, gap, x.pay * target, "po"))
        elif x.pay <= 0 and pd.isna(x.gross):
            continue
    # Pay moved between two units is one cause.
    done: set[str] = set()
    for unit, gap, should, kind in found:
        if unit in done:
            continue
        other = next(
            (u for u, g, _, k in found if u != unit and k == kind == "pay" and abs(g + gap) < 0.02 * abs(gap) and u not in done),
            "",
        )
        done |= {unit, other}
        rid = int(now.loc[unit].rid) if pd.notna(now.loc[unit].rid) else None
        sv = "Lönen i redovisningen avviker från lönesystemet" if kind == "pay" else "PO-pålägget följer inte satsen"
        account = (th.pay_accounts if kind == "pay" else th.on_cost_accounts)[0]
        out.append(
            Draft(
                "PER-08",
                "fel",
                f"payroll|{unit}|{kind}",
                f"{m}",
                unit,
                "personnel",
                account,
                "",
                "",
                [m],
                -float(should),
                -float(should - gap),
                -float(gap),
                -float(gap),
                0.96,
                sv + (f"; motsvarande skillnad i {other}" if other else ""),
                other_unit=other,
                evidence=[(rid, "booked")] if rid is not None else [],
            )
        )
    return out


def after_release(con: duckdb.DuckDBPyConnection, th: Thresholds, newly: tuple[object, object], fiscal_first: int) -> list[Draft]:
    """PER-10: rows that came into a released period since the last close.

    A period in which so many units book that it has plainly been opened again is one question. So is each row in the last month
    of the fiscal year before, while its accounts are made up.
    """
    late = con.execute("select * from f_after where registration_date > ? and registration_date <= ?", list(newly)).df()
    out: list[Draft] = []
    late["who"] = late.party.where(late.party != "", late.cp)
    groups = [
        (keys, g)
        for keys, g in late.groupby(["unit", "line", "m", "who"])
        if g.kr.abs().max() >= th.materiality and keys[1] not in ("balance", "")
    ]
    opened = _opened_again(con, groups)
    for m, rows in opened.items():
        g = rows.sort_values("kr", key=lambda kr: -kr.abs())
        change, units = float(g.kr.sum()), g.unit.nunique()
        out.append(
            Draft(
                "PER-10",
                "fråga",
                "öppnad",
                f"{m}|{min(g.registration_date)}",
                "",
                "",
                "",
                "",
                "",
                [m],
                0.0,
                change,
                -change,
                0.0,
                0.6,
                f"{month_name(m)} har öppnats igen efter släppet: {len(g)} rader i {units} enheter"
                + (" (bokslutet?)" if m == fiscal_first - 1 else ""),
                evidence=[(int(r), "booked") for r in g.rid],
            )
        )
    for (unit, line, m, who), g in groups:
        if m in opened:
            continue
        change = float(g.kr.sum())
        first = g.iloc[0]
        released = pd.Timestamp(first.released_on).date()
        out.append(
            Draft(
                "PER-10",
                "fråga" if m == fiscal_first - 1 else "fel",
                f"{unit}|{line}|{who}",
                f"{m}|{min(g.registration_date)}",
                str(unit),
                str(line),
                first.account,
                first.cp,
                first.party,
                [int(m)],
                0.0,
                change,
                -change,
                0.0,
                0.6 if m == fiscal_first - 1 else 0.99,
                f"Ändrar {month_name(int(m))}, som släpptes {released}",
                evidence=[(int(r), "booked") for r in g.rid],
            )
        )
    return _two_sides(out)


def _opened_again(con: duckdb.DuckDBPyConnection, groups: list[tuple[Any, pd.DataFrame]]) -> dict[int, pd.DataFrame]:
    """Return the months that at least a fifth of the units, and five of them, have booked in since the last close: their rows."""
    units = con.execute("select count(distinct unit) from f_use where unit <> ''").fetchone()
    limit = max(5, 0.2 * (units[0] if units else 0))
    by_month: dict[int, list[tuple[Any, pd.DataFrame]]] = {}
    for keys, g in groups:
        by_month.setdefault(int(keys[2]), []).append((keys, g))
    return {m: pd.concat([g for _, g in found]) for m, found in by_month.items() if len({keys[0] for keys, _ in found}) >= limit}


def _two_sides(drafts: list[Draft]) -> list[Draft]:
    """Make one draft of the two sides of an internal item: equal and opposite, in the same month."""
    out: list[Draft] = []
    waiting: dict[tuple[int, float], list[Draft]] = {}
    for d in drafts:
        if d.line in ("internal_income", "internal_rent", "other_internal_cost"):
            others = waiting.get((d.months[0], round(-d.booked, 2)), [])
            mate = next((o for o in others if o.unit != d.unit), None)
            if mate is not None:
                others.remove(mate)
                mate.other_unit = d.unit
                mate.reason += f"; motsatt i {d.unit}, neutralt för kommunen"
                mate.evidence += [(rid, "other side") for rid, _ in d.evidence]
                continue
            waiting.setdefault((d.months[0], round(d.booked, 2)), []).append(d)
        out.append(d)
    return out


def vouchers(con: duckdb.DuckDBPyConnection, th: Thresholds, m: int) -> list[Draft]:
    """PER-11: unbalanced vouchers, missing numbers, accruals not taken back as the unit's accruals usually are."""
    out: list[Draft] = []
    odd = con.execute("select avg(case when rest <> 0 then 1.0 else 0.0 end) from f_voucher").fetchone()
    if odd and odd[0] is not None and odd[0] < 0.05:
        rows = con.execute(
            """
            select v.rest, l.* from f_voucher as v inner join f_line as l
                on l.m = v.m and l.voucher_series = v.voucher_series and l.voucher_number = v.voucher_number
            where v.m = ? and v.rest <> 0 order by abs(l.kr) desc
            """,
            [m],
        ).df()
        for (series, number), g in rows.groupby(["voucher_series", "voucher_number"]):
            r = g.iloc[0]
            out.append(
                Draft(
                    "PER-11",
                    "fel",
                    f"{series}{number}",
                    f"{m}",
                    r.unit,
                    r.line,
                    r.account,
                    r.cp,
                    r.party,
                    [m],
                    0.0,
                    float(r.rest),
                    0.0,
                    0.0,
                    0.99,
                    f"Verifikation {series} {number} balanserar inte",
                    evidence=[(int(x), "booked") for x in g.rid],
                )
            )
    gaps = con.execute("select * from f_gap").df()
    if len(gaps):
        at = pd.to_datetime(gaps.registered)
        end = pd.Timestamp(year=m // 12, month=m % 12 + 1, day=1) + pd.offsets.MonthEnd(0)
        # Numbers taken after the month's end go to the next period as well, which is not in the ledger yet.
        total = gaps.missing.where(at <= end, 0).groupby([gaps.voucher_series, gaps.fiscal_year]).transform("sum")
        whole = total <= (th.gap_share * gaps["span"]).clip(lower=3)
        start = pd.Timestamp(year=m // 12, month=m % 12 + 1, day=1) - pd.offsets.MonthBegin(0)
        # A number could still come with a voucher that is being registered now; what lies before the month's end is settled.
        settled = gaps[whole & (at <= end) & (at > start - pd.DateOffset(days=1))]
        for g in settled.itertuples():
            first, last = int(g.before) + 1, int(g.number) - 1
            out.append(
                Draft(
                    "PER-11",
                    "fel",
                    f"serie {g.voucher_series} {g.fiscal_year}",
                    f"{first}",
                    "",
                    "",
                    "",
                    "",
                    "",
                    [int(g.m)],
                    0.0,
                    0.0,
                    0.0,
                    0.0,
                    0.95,
                    f"Serie {g.voucher_series}: nummer {first}–{last} saknas"
                    if last > first
                    else f"Serie {g.voucher_series}: nummer {first} saknas",
                )
            )
    acc = con.execute("select * from f_accrual").df()
    if len(acc):
        acc["lag"] = acc.back_m.astype("Float64").to_numpy(dtype=float, na_value=np.nan) - acc.m.to_numpy(dtype=float)
        done = acc[acc.m <= m - 3]
        by = done.groupby(["unit", "account"]).agg(back=("lag", lambda s: (s == 1).mean()), k=("m", "size"))
        by_account = done.groupby("account").lag.apply(lambda s: (s == 1).mean())
        overall = (done.lag == 1).mean() if len(done) else 0.0
        # What was accrued after its month was released, when the year's accounts were made up, has another month to be reversed.
        after = {
            rid
            for (rid,) in con.execute(
                "select r.rid from f_row as r inner join f_accrual as a on r.rid = a.rid inner join f_release as released "
                "on r.m = released.m where r.m >= ? and a.back_m is null and r.registration_date > released.released_on",
                [m - 2],
            ).fetchall()
        }
        open_ = acc[acc.back_m.isna() & (acc.m == np.where(acc.rid.isin(after), m - 2, m - 1))]
        for a in open_.itertuples():
            habit = by.back[a.unit, a.account] if by.k.get((a.unit, a.account), 0) >= 3 else by_account.get(a.account, overall)
            same = acc[(acc.unit == a.unit) & (acc.account == a.account) & (acc.txt == a.txt) & (acc.m < m - 1)]
            if len(same) >= 2:
                habit = (same.lag == 1).mean()
            if habit < 0.6 or abs(float(a.amount)) < th.materiality:
                continue
            rows = con.execute(
                "select * from f_line where m = ? and voucher_series = ? and voucher_number = ? order by abs(kr) desc limit 1",
                [int(a.m), a.voucher_series, a.voucher_number],
            ).df()
            if rows.empty:
                continue
            r = rows.iloc[0]
            out.append(
                Draft(
                    "PER-11",
                    "fel",
                    r.fine,
                    f"{a.m}",
                    r.unit,
                    r.line,
                    r.account,
                    r.cp,
                    r.party,
                    [int(a.m), m],
                    -float(r.kr),
                    0.0,
                    -float(r.kr),
                    -float(r.kr),
                    0.93,
                    f"Interimsposten från {month_name(int(a.m))} är inte återförd",
                    expected_m=m,
                    evidence=[(int(a.rid), "accrual"), (int(r.rid), "accrual")],
                    proposal=(r.account, a.account, round(abs(float(r.kr)), 2), 0),
                )
            )
    return out


def profile(con: duckdb.DuckDBPyConnection, th: Thresholds, m: int, fiscal_first: int) -> list[tuple[Draft, list[float]]]:
    """PER-04: the cumulative budget curve of the year against the median curve of up to three years, per unit and report line.

    Where the line as a whole follows its years, the account whose budget does so least is asked about: a heating budget in
    twelfths is lost among the unit's other costs, and its kronor are none the less profile.

    Returns the draft and the corrected twelve amounts. The curve effect of the period is `effect_period` (budget minus
    reference).
    """
    columns = {
        name
        for (name,) in con.execute(
            "select column_name from information_schema.columns where table_name = 'int_amount'"
        ).fetchall()
    }
    if not columns:
        return []
    account = "account" if "account" in columns else "cast(null as varchar)"
    budget = con.execute(
        "select unit_code as unit, report_line as line, cast(substr(period, 1, 4) as integer) * 12 + "  # noqa: S608 - a name
        f"cast(substr(period, 6, 2) as integer) - 1 as m, {account} as account, "
        "sum(cast(amount as double)) as kr from int_amount where amount_type = 'budget' and period is not null group by all"
    ).df()
    budget = budget[(budget.m >= fiscal_first) & (budget.m < fiscal_first + 12)]
    if budget.empty:
        return []
    actual = con.execute(
        "select unit, line, account, m, cast(sum(amount) as double) as kr from f_use where m < ? group by all", [fiscal_first]
    ).df()
    first = con.execute("select min(m) from f_use").fetchone()
    years = [y for y in (1, 2, 3) if first and fiscal_first - 12 * y >= first[0]]
    if len(years) < 2:
        return []
    found = _profiles(budget, actual, ["unit", "line"], th, m, fiscal_first, years)
    told = {(draft.unit, draft.line) for _, draft, _ in found}
    of_accounts = _profiles(budget[budget.account.notna()], actual, ["unit", "line", "account"], th, m, fiscal_first, years)
    for kronor, draft, corrected in sorted(of_accounts, key=lambda x: (-x[0], x[1].key)):
        if (draft.unit, draft.line) not in told:
            told.add((draft.unit, draft.line))
            found.append((kronor, draft, corrected))
    return [(draft, corrected) for _, draft, corrected in found]


def _profiles(
    budget: pd.DataFrame, actual: pd.DataFrame, by: list[str], th: Thresholds, m: int, fiscal_first: int, years: list[int]
) -> list[tuple[float, Draft, list[float]]]:
    """Return kronor, draft and corrected twelve amounts of every budget in `by` whose curve its years do not follow."""
    if budget.empty:
        return []
    plan = (
        budget.pivot_table(index=by, columns="m", values="kr", aggfunc="sum")
        .reindex(columns=range(fiscal_first, fiscal_first + 12))
        .fillna(0.0)
    )
    curves = []
    for y in years:
        a = actual[(actual.m >= fiscal_first - 12 * y) & (actual.m < fiscal_first - 12 * (y - 1))]
        grid = (
            a.pivot_table(index=by, columns="m", values="kr", aggfunc="sum")
            .reindex(index=plan.index, columns=range(fiscal_first - 12 * y, fiscal_first - 12 * (y - 1)))
            .fillna(0.0)
            .to_numpy()
        )
        total = grid.sum(axis=1)
        with np.errstate(all="ignore"):
            curve = np.cumsum(grid, axis=1) / np.where(np.abs(total) > 1, total, np.nan)[:, None]
        curves.append(curve)
    history = np.stack(curves)
    with np.errstate(all="ignore"):
        usable = (~np.isnan(history[:, :, 0])).sum(axis=0) >= 2
        reference = np.full(plan.shape, np.nan)
        spread = np.full(plan.shape, np.nan)
        if usable.any():
            reference[usable] = np.nanmedian(history[:, usable], axis=0)
            spread[usable] = np.nanmax(np.abs(history[:, usable] - reference[usable]), axis=0)
    whole = plan.to_numpy().sum(axis=1)
    with np.errstate(all="ignore"):
        curve = np.cumsum(plan.to_numpy(), axis=1) / np.where(np.abs(whole) > 1, whole, np.nan)[:, None]
    gap = curve - reference
    # A gap counts by as much as it lies outside what the years themselves differ.
    excess = np.where(np.isnan(gap), 0.0, np.abs(gap) - 1.5 * np.nan_to_num(spread))
    out = []
    for p, (unit, line, *accounts) in enumerate(plan.index):
        k = int(np.argmax(excess[p]))
        if np.isnan(gap[p, k]) or excess[p, k] < 0.5 * th.profile_distance or abs(gap[p, k]) < th.profile_distance:
            continue
        # An account is asked about where its years agree with one another and not with the budget.
        if accounts and (spread[p, k] > _SAME_YEARS or np.nanmax(spread[p]) > 2 * _SAME_YEARS):
            continue
        sure = excess[p, k] >= th.profile_distance and abs(gap[p, k]) >= th.profile_assert
        of_account = f" för konto {accounts[0]}" if accounts else ""
        money = abs(gap[p, k] * whole[p])
        size = f"{abs(gap[p, k]):.0%}"
        kronor = f"{money:,.0f} kr".replace(",", " ")
        if money < th.profile_minimum:
            continue
        now = float(gap[p, min(m - fiscal_first, 11)] * whole[p])
        steps = np.diff(np.concatenate([[0.0], reference[p]]))
        corrected = [round(float(s * whole[p]), 2) for s in steps]
        corrected[-1] = round(float(whole[p]) - sum(corrected[:-1]), 2)
        out.append(
            (
                money,
                Draft(
                    "PER-04",
                    "fel" if sure and not accounts else "fråga",
                    "|".join([unit, line, *accounts]),
                    f"{fiscal_first}",
                    str(unit),
                    str(line),
                    accounts[0] if accounts else "",
                    "",
                    "",
                    list(range(fiscal_first, fiscal_first + 12)),
                    float(reference[p, min(m - fiscal_first, 11)] * whole[p]),
                    float(curve[p, min(m - fiscal_first, 11)] * whole[p]),
                    -now,
                    0.0,
                    0.9,
                    f"Budgetens kurva{of_account} avviker som mest {size} av året ({kronor}) från tidigare års",
                ),
                corrected,
            )
        )
    return out
