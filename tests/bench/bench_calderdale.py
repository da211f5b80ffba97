"""What the learnt-series rules say about a real ledger: 143 months of Calderdale council's payments, by unit and account.

Read critically: nobody has labelled it, and it has no suppliers, texts, references or vouchers, so that a series is a whole unit
and account. Prints findings per close, per rule and tier, and a seeded sample with the months around each finding, to be judged
by a person. The open findings are those first seen at the close, which is what a controller would have to read that month.

    python tests/bench/bench_calderdale.py [FILE] [--first 2011-10] [--last 2022-12] [--sample 30] [--seed 1] [--step 1]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import duckdb
import pandas as pd

from orchestration.findings import engine

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


def main() -> None:
    """Run every close with only what was known then, and print."""
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("file", nargs="?", type=Path, default=FILE)
    parse.add_argument("--first", default="2011-10")
    parse.add_argument("--last", default="9999-12")
    parse.add_argument("--sample", type=int, default=30)
    parse.add_argument("--seed", type=int, default=1)
    args = parse.parse_args()
    rows = ledger(args.file)
    con = connect(rows)
    by_place = rows.groupby(["unit_code", "account", "period"]).amount.sum()
    names = dict(zip(rows.unit_code, rows.unit_name, strict=True))
    units = rows.groupby("period").unit_code.nunique()
    closes = [p for p in sorted(rows.period.unique()) if args.first <= p <= args.last]
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
