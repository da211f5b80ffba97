"""What the learnt-series rules say about a real ledger: 143 months of Calderdale council's payments, by unit and account.

Read critically: nobody has labelled it, and it has no suppliers, texts, references or vouchers, so that a series is a whole unit
and account. Prints findings per close, per rule and tier, and a seeded sample with the months around each finding, to be judged
by a person. The open findings are those first seen at the close, which is what a controller would have to read that month.

    python tests/bench/bench_calderdale.py [FILE] [--first 2011-10] [--last 2022-12] [--sample 30] [--seed 1]

With --amounts: how near the amount that the engine expects of each learnt series, before it is booked, comes to the one that was,
beside what a person would say; and how often it lies within the limits that a finding states.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from expectations.rules import Thresholds
from orchestration.findings import cases, engine, matching

FILE = Path(__file__).resolve().parents[3] / "shared" / "data" / "municipal" / "calderdale_supplier_spend_monthly.csv.gz"


def ledger(path: Path) -> pd.DataFrame:
    """Return the payments as ledger rows: one per month, unit and account; a payment is a cost, so negative."""
    rows = pd.read_csv(path, dtype={"acct": str, "file_month": str})
    units = {name: f"{number:03d}" for number, name in enumerate(sorted(rows.unit.fillna("").unique()), 1)}
    number = rows.groupby("file_month").cumcount() + 1
    return pd.DataFrame(
        {
            "load_id": "calderdale-" + rows.file_month,
            "source_file": "calderdale.csv",
            "source_row": rows.index + 2,
            "period": rows.file_month,
            "fiscal_year": rows.file_month.str[:4].astype(int),
            "voucher_series": "L",
            "voucher_number": number.astype(str),
            "voucher_date": pd.to_datetime(rows.file_month + "-15").dt.date,
            "transaction_date": pd.to_datetime(rows.file_month + "-15").dt.date,
            "registration_date": pd.to_datetime(rows.file_month + "-15").dt.date,
            "account": rows.acct.fillna(""),
            "amount": -rows.amount.round(2),
            "unit_code": rows.unit.fillna("").map(units),
            "counterparty": "870",
            "counterparty_group": "external",
            "report_line": "other_external_cost",
            "voucher_text": "",
            "row_text": "",
            "party": "",
            "party_name": "",
            "reference": "",
            "unit_name": rows.unit.fillna(""),
        }
    )


def connect(rows: pd.DataFrame) -> duckdb.DuckDBPyConnection:
    """Return a connection with `fct_ledger_line`."""
    con = duckdb.connect()
    con.register("incoming", rows)
    con.execute(
        "create table fct_ledger_line as select * replace (cast(amount as decimal(18, 2)) as amount), 'TRANS' as outcome_from, "
        "'' as activity, '' as sub_activity, '' as project, '' as cost_object, cast(null as decimal(18, 4)) as quantity, "
        "cast(null as date) as service_from, cast(null as date) as service_to from incoming"
    )
    return con


def foreseen(con: duckdb.DuckDBPyConnection, period: str) -> pd.DataFrame:
    """Return the occasions of one close that were booked, and what the months before it said of them."""
    m = cases.month_number(period)
    engine.stage(con, m, Thresholds(), None, 1)
    close = matching.prepare(con, Thresholds(), m)
    fit, t = close.fit, close.t
    due = close.due[close.due.due]
    out = []
    for x in due.itertuples():
        booked = float(x.pos - x.neg)
        if not 0.5 * x.expected < booked < 1.6 * x.expected:
            continue  # not this one occasion: nothing, a part, or several months at once
        before = np.flatnonzero(fit.history[x.i, :t] == 1)
        amounts = (fit.pos - fit.neg)[x.i, before]
        level = float(np.median(amounts[-3:]))
        last_year = float(amounts[before == t - 12].sum()) if t >= 12 else 0.0
        then = np.median(amounts[before < t - 12][-3:]) if (before < t - 12).any() else np.nan
        seasonal = last_year * level / then if last_year > 0 and then > 0 else level
        out.append((booked, x.width, x.expected, float(amounts[-1]), level, seasonal))
    return pd.DataFrame(
        out, columns=["booked", "width", "engine", "last value", "median of 3", "same month last year"], dtype=float
    )


def print_amounts(rows: pd.DataFrame, closes: list[str]) -> None:
    """Print the share of occasions within five per cent, by how sure the engine says that it is."""
    # The last four characters of an account say what was bought, those before them for which part of the unit.
    parts = rows.assign(unit_code=rows.unit_code + rows.account.str[:-4], account=rows.account.str[-4:])
    con = connect(parts)
    engine.stage_rows(con)
    all_ = pd.concat([foreseen(con, period) for period in closes], ignore_index=True)
    inside = np.abs(np.log(all_.booked / all_.engine)) <= all_.width + 0.0005  # to the öre of small amounts
    near = all_[all_.columns[2:]].sub(all_.booked, axis=0).abs().div(all_.booked, axis=0).le(0.05)
    said = pd.cut(all_.width.round(4), [-1, 0, 0.025, 0.05, 0.1, 0.2, 0.4, np.inf]).rename("half-width")
    table = near.assign(**{"within the limits": inside, "occasions": 1.0})
    by = table.groupby(said, observed=True)
    shown = by.mean().assign(occasions=by.occasions.sum())
    shown.loc["all"] = table.mean()
    shown.loc["all", "occasions"] = len(table)
    print(shown.round(3).astype({"occasions": int}).to_string())


def main() -> None:
    """Run every close with only what was known then, and print."""
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("file", nargs="?", type=Path, default=FILE)
    parse.add_argument("--first", default="2011-10")
    parse.add_argument("--last", default="9999-12")
    parse.add_argument("--sample", type=int, default=30)
    parse.add_argument("--seed", type=int, default=1)
    parse.add_argument("--amounts", action="store_true", help="instead: how near the expected amounts come")
    args = parse.parse_args()
    rows = ledger(args.file)
    closes = [p for p in sorted(rows.period.unique()) if args.first <= p <= args.last]
    if args.amounts:
        print_amounts(rows, closes)
        return
    con = connect(rows)
    by_place = rows.groupby(["unit_code", "account", "period"]).amount.sum()
    names = dict(zip(rows.unit_code, rows.unit_name, strict=True))
    units = rows.groupby("period").unit_code.nunique()
    previous, new, seconds = None, [], []
    for period in closes:
        start = time.perf_counter()
        found = engine.find(con, period, previous=previous).findings
        seconds.append(time.perf_counter() - start)
        previous = found
        first = found[found.first_seen == period]
        new.append(first)
        counts = first.groupby(["rule_id", "tier"]).size()
        said = ", ".join(f"{rule} {tier} {n}" for (rule, tier), n in counts.items())
        print(f"{period}  {int((rows.period == period).sum()):5d} rows  {len(first):3d} new  {said}", flush=True)
    told = pd.concat(new, ignore_index=True)
    unit_years = float(units.reindex(closes).fillna(0).sum()) / 12
    print(f"\n{len(closes)} closes, {len(told)} findings, {sum(seconds) / len(seconds):.2f} s per close (max {max(seconds):.2f})")
    for (rule, tier), part in told.groupby(["rule_id", "tier"]):
        kr = part.effect_period.abs().sum()
        print(f"  {rule} {tier:6s} {len(part):5d}  {len(part) / unit_years:6.3f} per unit and year  {kr:14,.0f}")
    print("\nstatus at the last close:", previous.status.value_counts().to_dict() if previous is not None else {})
    print(f"\nsample (seed {args.seed}): amounts of the eighteen months before the finding, its month last, and two after")
    for row in told.sample(min(args.sample, len(told)), random_state=args.seed).itertuples():
        months = [str(p) for p in pd.period_range(pd.Period(row.first_seen) - 17, pd.Period(row.first_seen) + 2, freq="M")]
        amounts = [float(by_place.get((row.unit_code, row.account, p), 0)) for p in months]
        print(
            f"\n{row.first_seen} {row.rule_id} {row.tier} {names.get(row.unit_code, '')[:40]} {row.account} "
            f"effect {row.effect_period:,.0f} expected {row.expected_amount:,.0f} booked {row.booked_amount:,.0f} "
            f"conf {row.confidence}\n  {row.reason}\n  "
            + " ".join(f"{a:,.0f}" if a else "." for a in amounts[:-2])
            + " | "
            + " ".join(f"{a:,.0f}" if a else "." for a in amounts[-2:])
        )


if __name__ == "__main__":
    main()
