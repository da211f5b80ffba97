"""Run the rules on one close: what a good controller would have noticed with the ledger that was there then.

What belongs here: the order of the stages, and the interface that Dagster, the command line and the benchmark call. What does
not: any
rule. Input tables (or views) in the connection: `fct_ledger_line`; optional `int_amount`, `dim_unit`, `agreement`,
`internal_agreement`,
`period_release`, `payroll`, `ledger_version` (load_id, period: whose rows are the ledger at the close, where
`fct_ledger_line` holds those of other closes as well). Temp tables of the engine start with `f_`.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb
import pandas as pd

from expectations.rules import Thresholds
from orchestration.findings import cases, exact, matching, models, register, signals
from orchestration.findings.draft import Draft

EVIDENCE_COLUMNS = [
    "finding_id",
    "load_id",
    "source_file",
    "source_row",
    "role",
    "amount",
    "period",
    "unit_code",
    "account",
    "voucher_series",
    "voucher_number",
    "voucher_date",
    "text",
]


@dataclass
class Findings:
    """The result of one close: `findings` (cases.FINDING_COLUMNS) and `evidence` (EVIDENCE_COLUMNS), amounts income +, cost -."""

    findings: pd.DataFrame
    evidence: pd.DataFrame


def _release(con: duckdb.DuckDBPyConnection, tables: set[str], m: int) -> date | None:
    if "period_release" not in tables:
        return None
    got = con.execute("select max(released_on) from period_release where period = ?", [cases.month_name(m)]).fetchone()
    return pd.Timestamp(got[0]).date() if got and got[0] is not None else None


def stage_rows(con: duckdb.DuckDBPyConnection) -> None:
    """Build the engine's temp tables of the ledger rows, which are the same at every close."""
    models.build_rows(con)


def stage(con: duckdb.DuckDBPyConnection, as_of: int, th: Thresholds, known_on: date | None, fiscal_year_start: int) -> None:
    """Build the engine's temp tables for one close. Needs `stage_rows`."""
    con.execute(
        "create or replace temp table f_close as select cast(? as integer) as as_of_m, cast(? as integer) as first_m, "
        "cast(? as date) as known_on, cast(? as double) as duplicate_minimum, cast(? as integer) as fiscal_start",
        [as_of, as_of - th.history_months, known_on, th.duplicate_minimum, fiscal_year_start - 1],
    )
    con.execute("create or replace temp table f_interim_prefix (prefix varchar, open_side integer)")
    # A receivable is opened by a debit, a liability by a credit; stored amounts are credit +.
    sides = [[p, -1] for p in th.interim_receivables] + [[p, 1] for p in th.interim_liabilities]
    con.executemany("insert into f_interim_prefix values (?, ?)", sides)
    con.execute("create or replace temp table f_release (m integer, released_on date)")
    tables = {row[0] for row in con.execute("select table_name from information_schema.tables").fetchall()}
    if "period_release" in tables:
        con.execute(
            "insert into f_release select cast(substr(period, 1, 4) as integer) * 12 + cast(substr(period, 6, 2) as "
            "integer) - 1, max(cast(released_on as date)) from period_release group by 1"
        )
    # Without versions every row counts.
    con.execute(
        "create or replace temp table f_version as "
        "select o.load_no, cast(substr(v.period, 1, 4) as integer) * 12 + cast(substr(v.period, 6, 2) as integer) - 1 as m "
        "from ledger_version as v inner join f_load as o on v.load_id = o.load_id"
        if "ledger_version" in tables
        else "create or replace temp table f_version as select distinct load_no, m from f_ledger_row"
    )
    models.build_close(con)


def find(
    con: duckdb.DuckDBPyConnection,
    as_of_period: str,
    th: Thresholds | None = None,
    *,
    previous: pd.DataFrame | None = None,
    answers: pd.DataFrame | None = None,
    known_on: date | None = None,
    fiscal_year_start: int = 1,
    rows_staged: bool = False,
) -> Findings:
    """Return every finding known at the close of `as_of_period` ('YYYY-MM').

    `previous` is `findings` of the close before: it gives first seen, age and status. `known_on` leaves out rows registered
    later; without
    it the day that the period was released is used where `period_release` has one, so that history can be replayed.
    `rows_staged` says that `stage_rows` has been called since the ledger last changed: several closes share it.
    """
    th = th or Thresholds()
    m = cases.month_number(as_of_period)
    tables = {row[0] for row in con.execute("select table_name from information_schema.tables").fetchall()}
    released = _release(con, tables, m)
    known_on = known_on or released
    if not rows_staged:
        stage_rows(con)
    stage(con, m, th, known_on, fiscal_year_start)
    fiscal_first = m - (m - (fiscal_year_start - 1)) % 12

    close = matching.prepare(con, th, m)
    close.is_first = previous is None
    agreements = register.read(con)
    ended: set[str] = set()
    if "dim_unit" in tables:
        start = date(m // 12, m % 12 + 1, 1)
        ended = {
            r[0]
            for r in con.execute(
                "select unit_code from dim_unit group by unit_code having max(coalesce(cast(valid_to as date), date "
                "'9999-12-31')) < ?",
                [start],
            ).fetchall()
        }
    told: dict[str, int] = {}
    if previous is not None and len(previous):
        for f in previous[previous.rule_id.isin(["PER-01", "PER-09"]) & (previous.status != "corrected")].itertuples():
            began = cases.month_number(f.periods.split(",")[0])
            told[f.series] = max(told.get(f.series, 0), began)
    regular_i = close.due.index
    regular = set(close.fit.frame.series[regular_i]) if len(regular_i) else set()
    regular |= set(close.fit.frame.series[close.fit.frame.base.isin(regular)])

    drafts: list[Draft] = signals.recurring(close, con, agreements, ended, fiscal_first, told)
    drafts += exact.duplicates(con, th, m, regular)
    drafts += exact.cut_off(con, th, m, regular, close.explained, close.taken, fiscal_first)
    drafts += exact.lone_credits(con, th, m, {rid for d in drafts for rid, _ in d.evidence})
    drafts += exact.internal_trade(con, th, m)
    pay = exact.payroll(con, th, m)
    drafts += pay
    last = _release(con, tables, m - 1)
    until = known_on or date(m // 12, m % 12 + 1, calendar.monthrange(m // 12, m % 12 + 1)[1]) + timedelta(days=31)
    drafts += exact.after_release(con, th, (last or date(1900, 1, 1), until), fiscal_first)
    drafts += exact.vouchers(con, th, m)
    profiles = {}
    for draft, corrected_profile in exact.profile(con, th, m, fiscal_first):
        drafts.append(draft)
        profiles[f"{draft.key}|{draft.cause}"] = corrected_profile
    # Pay is judged against HR where there is pay: the series on the same line say the same thing with less.
    drafts = [
        d
        for d in drafts
        if not (
            d.line == "personnel"
            and d.rule_id not in ("PER-08", "PER-10", "PER-11", "PER-04")
            and any(p.unit == d.unit or p.other_unit == d.unit for p in pay)
        )
    ]
    drafts = [d for d in drafts if d.rule_id not in th.disabled]
    kept = cases.merge(drafts, signals.code_of_unit(con).to_dict())
    now = cases.rows_of(kept, m, profiles)
    now = now.drop_duplicates("finding_id")
    corrected = _corrected(con, previous, kept, close, agreements)
    result = cases.continue_from(previous, now, m, corrected, answers)
    return Findings(result, _evidence(con, kept, close))


def _corrected(
    con: duckdb.DuckDBPyConnection,
    previous: pd.DataFrame | None,
    kept: list[tuple[Draft, set[str]]],
    close: matching.Close,
    agreements: pd.DataFrame,
) -> set[str]:
    """Return the open findings that the ledger itself has put right: the missing posting came, the double was taken back."""
    if previous is None or previous.empty:
        return set()
    came_late = [d for d, _ in kept if d.rule_id in ("PER-02", "PER-05")]
    arrived = {(d.key, mm) for d in came_late for mm in d.months}
    arrived |= {(close.agreement_of[d.i], mm) for d in came_late if d.i in close.agreement_of for mm in d.months}
    lacking = pd.Series(close.deficits.lacking.to_numpy(), index=close.fit.frame.series.to_numpy()[close.deficits.index])
    by_name = {close.agreement_of[i]: kr for i, kr in close.deficits.lacking.items() if i in close.agreement_of}
    lacking = pd.concat([lacking, pd.Series(by_name, dtype=float)])
    lacking = lacking[~lacking.index.duplicated()]
    extra = pd.Series(
        (close.due.pos - close.due.neg - close.due.expected * close.due.due).to_numpy()
        / close.due.expected.clip(lower=1).to_numpy(),
        index=close.due.series.to_numpy(),
    )
    of_agreement = {a: extra.get(close.fit.frame.series.iloc[i], 0.0) for i, a in close.agreement_of.items()}
    extra = pd.concat([extra[~extra.index.duplicated()], pd.Series(of_agreement, dtype=float)])
    extra = extra[~extra.index.duplicated()]
    again = {(d.agreement or d.key) for d, _ in kept if d.rule_id in ("PER-01", "PER-09")}
    out = _agreed_arrived(con, previous[~previous.series.isin(again)], agreements, close.m)
    for f in previous[previous.status.isin(["open", "acknowledged", "recurring"])].itertuples():
        months = [cases.month_number(p) for p in f.periods.split(",")]
        if f.rule_id in ("PER-01", "PER-09", "PER-03"):
            came = any((f.series, mm) in arrived for mm in months)
            if came or (f.series in lacking.index and lacking[f.series] - max(0.0, extra.get(f.series, 0.0)) < 0.5):
                out.add(f.finding_id)
        if f.rule_id in ("PER-06", "PER-02") and f.series in extra.index and extra[f.series] <= -0.8:
            out.add(f.finding_id)
    return out


def _agreed_arrived(con: duckdb.DuckDBPyConnection, previous: pd.DataFrame, agreements: pd.DataFrame, m: int) -> set[str]:
    """Return the open findings on agreements of which as many occasions have been booked by now as have fallen due since.

    A row of the agreement's account and party (or counterparty) counts as many occasions as it holds whole amounts.
    """
    open_ = previous[
        previous.status.isin(["open", "acknowledged", "recurring"])
        & previous.rule_id.isin(["PER-01", "PER-09"])
        & previous.agreement.astype(bool)
    ]
    if open_.empty or agreements.empty:
        return set()
    first = open_.periods.str.split(",").str[0].map(cases.month_number)
    one = open_.expected_amount.astype(float) / open_.periods.str.count(",").add(1)
    cadence = open_.agreement.map(agreements.assign(name=agreements.agreement_id.astype(str)).groupby("name").cadence.first())
    asked = pd.DataFrame(
        {
            "finding_id": open_.finding_id,
            "unit": open_.unit_code,
            "account": open_.account,
            "party": open_.party.fillna(""),
            "cp": open_.counterparty.fillna(""),
            "first_m": first,
            "kr": one,
            "due": (m - first) // cadence.fillna(1).clip(lower=1).astype(int) + 1,
        }
    )
    con.register("f_asked", asked[asked.kr != 0])
    got = con.execute(
        """
        select a.finding_id from f_asked as a
        inner join f_line as l on l.unit = a.unit and l.account = a.account and l.m >= a.first_m and not l.interim
            and case when a.party <> '' and l.party <> '' then l.party = a.party
                when a.cp <> '' and l.cp <> '' then l.cp = a.cp else true end
        where round(l.kr / a.kr) <> 0 and abs(l.kr / a.kr / round(l.kr / a.kr) - 1) <= 0.12
        group by a.finding_id, a.due having sum(round(l.kr / a.kr)) >= a.due - 0.5
        """
    ).fetchall()
    con.unregister("f_asked")
    return {ident for (ident,) in got}


def _evidence(con: duckdb.DuckDBPyConnection, kept: list[tuple[Draft, set[str]]], close: matching.Close) -> pd.DataFrame:
    """Return the ledger rows behind each finding of this close. For what is missing: the last posting of the series."""
    direct, earlier = [], []
    for d, _ in kept:
        ident = cases.finding_id(d.rule_id, d.key, d.cause)
        for rid, role in d.evidence:
            if rid > 0:
                direct.append((ident, rid, role))
            else:
                series = str(close.fit.frame.series.iloc[d.i]) if d.i >= 0 else d.key
                earlier.append((ident, d.unit, d.account, series, d.party, d.cp, -rid))
    con.register("f_direct", pd.DataFrame(direct, columns=["finding_id", "rid", "role"]).astype({"rid": "int64"}))
    con.register(
        "f_earlier",
        pd.DataFrame(earlier, columns=["finding_id", "unit", "account", "series", "party", "cp", "m"]).astype({"m": "int64"}),
    )
    out = con.execute(
        """
        with found as (
            select finding_id, rid, role from f_direct
            union
            select e.finding_id, l.rid, 'earlier'
            from f_earlier as e inner join f_line as l
                on e.unit = l.unit and e.account = l.account and e.m = l.m
                and (l.fine = e.series or l.base = e.series or (e.party <> '' and l.party = e.party)
                    or (e.party = '' and l.cp = e.cp))
        )
        select f.finding_id, o.load_id, o.source_file, l.rid % 4294967296 as source_row, f.role, l.amount,
            cast(l.m // 12 as varchar) || '-' || lpad(cast(l.m % 12 + 1 as varchar), 2, '0') as period, i.unit as unit_code,
            i.account, l.voucher_series, l.voucher_number, l.voucher_date, l.txt as text
        from found as f
        inner join f_ledger_row as l on f.rid = l.rid
        inner join f_load as o on l.load_no = o.load_no
        inner join f_item as i on l.item_id = i.item_id
        order by 1, 5, 2, 4
        """
    ).df()
    con.unregister("f_direct")
    con.unregister("f_earlier")
    return out[EVIDENCE_COLUMNS]


def replay(con: duckdb.DuckDBPyConnection, first: str, last: str, th: Thresholds | None = None, **kwargs: object) -> Findings:
    """Run every close from `first` to `last` as it would have been run then, each continuing the one before."""
    previous: pd.DataFrame | None = None
    evidence: list[pd.DataFrame] = []
    stage_rows(con)
    for m in range(cases.month_number(first), cases.month_number(last) + 1):
        result = find(con, cases.month_name(m), th, previous=previous, rows_staged=True, **kwargs)  # type: ignore[arg-type]
        previous = result.findings
        evidence.append(result.evidence)
    rows = pd.concat(evidence, ignore_index=True).drop_duplicates() if evidence else pd.DataFrame(columns=EVIDENCE_COLUMNS)
    return Findings(previous if previous is not None else pd.DataFrame(columns=cases.FINDING_COLUMNS), rows)
