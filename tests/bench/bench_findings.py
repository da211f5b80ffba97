"""Measure the findings engine on labelled ledgers, month by month, beside the methods in use today: `make bench-findings`.

Tuned on seeds below 100, reported on 101 and up. A finding counts when unit, report line, a period, rule and counterparty are
right;
'located' asks only for unit, line and period.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections import defaultdict
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from expectations.rules import Thresholds
from orchestration.findings.engine import find
from tests.bench.findings_generator import Label, World, generate

FIRST, LAST = "2015-01", "2015-12"
WARM = ("2014-12", "2014-12")


def load(world: World) -> duckdb.DuckDBPyConnection:
    """Return a connection with the world's tables in the marts' shape."""
    con = duckdb.connect()
    con.execute("set threads = 2")
    tables = {
        "fct_ledger_line": world.lines,
        "int_amount": world.budget,
        "dim_unit": world.units,
        "agreement": world.agreements,
        "internal_agreement": world.internal_agreements,
        "period_release": world.releases,
        "payroll": world.payroll,
    }
    for name, frame in tables.items():
        con.register("incoming", frame)
        money = "amount" in frame
        con.execute(
            f"create table {name} as select * "
            f"{'replace (cast(amount as decimal(18, 2)) as amount)' if money else ''} from incoming"
        )
        con.unregister("incoming")
    return con


def months(first: str, last: str) -> list[str]:
    """Return the periods from first to last."""
    return [str(p) for p in pd.period_range(first, last, freq="M")]


def run(world: World, th: Thresholds | None = None) -> tuple[pd.DataFrame, pd.DataFrame, float]:
    """Return all findings at the last close, each finding as first told, and seconds per close."""
    con = load(world)
    previous, told, took = None, {}, []
    for period in months(WARM[0], LAST):
        began = time.perf_counter()
        previous = find(con, period, th, previous=previous).findings
        took.append(time.perf_counter() - began)
        for row in previous[previous.first_seen == period].itertuples():
            told.setdefault(row.finding_id, row)
    con.close()
    first = pd.DataFrame(list(told.values()))
    return previous, first, float(np.median(took))


def matches(f: object, label: Label, typed: bool) -> bool:
    """Return whether a finding is this label."""
    if (
        not ({f.unit_code, f.other_unit} & label.units)
        or f.report_line not in label.lines
        or not (set(f.periods.split(",")) & label.periods)
    ):
        return False
    if not typed:
        return True
    return f.rule_id in label.rules and (f.counterparty in label.cps or (f.party != "" and f.party in label.parties))


def score(world: World, final: pd.DataFrame, first: pd.DataFrame) -> dict:
    """Return the measures of one run."""
    final = final[final.first_seen >= FIRST]
    first = first[first.first_seen >= FIRST]
    labels = [x for x in world.labels if FIRST <= x.visible <= LAST]
    units = world.units[world.units.parent != "KOMMUN"].unit_code.nunique()
    hit, located, by_label = {}, {}, defaultdict(list)
    final_rows = {f.finding_id: f for f in final.itertuples()}
    for f in first.itertuples():
        versions = [f, final_rows.get(f.finding_id, f)]
        mine = [x for x in world.labels if any(matches(v, x, True) for v in versions)]
        near = [x for x in world.labels if any(matches(v, x, False) for v in versions)]
        hit[f.finding_id], located[f.finding_id] = bool(mine), bool(near)
        for x in mine:
            by_label[x.label_id].append(f)
    near_label = {
        x.label_id: any(matches(v, x, False) for f in first.itertuples() for v in (f, final_rows.get(f.finding_id, f)))
        for x in labels
    }
    found = [x for x in labels if by_label[x.label_id]]
    fel, ask = first[first.tier == "fel"], first[first.tier == "fråga"]
    share = lambda a, b: a / b if b else float("nan")  # noqa: E731
    accruals = [
        (x, by_label[x.label_id][0])
        for x in found
        if x.accrual and any(f.rule_id in ("PER-01", "PER-09", "PER-03") for f in by_label[x.label_id])
    ]
    accrual_ok = [
        abs(
            (next(f for f in by_label[x.label_id] if f.rule_id in ("PER-01", "PER-09", "PER-03")).entry_amount or 0) / x.accrual
            - 1
        )
        <= 0.05
        for x, _ in accruals
    ]
    steady = [ok for ok, (x, _) in zip(accrual_ok, accruals, strict=True) if "varies" not in x.marks]
    delay = [(pd.Period(min(f.first_seen for f in by_label[x.label_id])) - pd.Period(x.visible)).n for x in found]
    kinds = {}
    for kind in sorted({x.kind for x in labels}):
        of = [x for x in labels if x.kind == kind]
        kinds[kind] = (sum(bool(by_label[x.label_id]) for x in of), len(of))
    precision = share(sum(hit[i] for i in fel.finding_id), len(fel))
    p_all = share(sum(located[i] for i in first.finding_id), len(first))
    p_typed = share(sum(hit[i] for i in first.finding_id), len(first))
    r_loc, r_typed = share(sum(near_label.values()), len(labels)), share(len(found), len(labels))
    f1 = lambda p, r: 2 * p * r / (p + r) if p + r else 0.0  # noqa: E731
    return {
        "labels": len(labels),
        "fel": len(fel),
        "fråga": len(ask),
        "recall located": r_loc,
        "recall typed": r_typed,
        "recall kronor": share(sum(x.amount for x in found), sum(x.amount for x in labels)),
        "precision fel": precision,
        "precision fel located": share(sum(located[i] for i in fel.finding_id), len(fel)),
        "precision located": p_all,
        "precision typed": p_typed,
        "F1 located": f1(p_all, r_loc),
        "F1 typed": f1(p_typed, r_typed),
        "precision fråga": share(sum(hit[i] for i in ask.finding_id), len(ask)),
        "fråga per unit-year": len(ask) / units,
        "false fel per unit-year": sum(not hit[i] for i in fel.finding_id) / units,
        "first close": share(sum(d <= 0 for d in delay), len(delay)),
        "accrual ±5 %": share(sum(accrual_ok), len(accrual_ok)),
        "accrual ±5 % (fixed amounts)": share(sum(steady), len(steady)),
        "kinds": kinds,
    }


# ---- methods in use today ----------------------------------------------------------------------------------------------------
def cells(world: World) -> pd.DataFrame:
    """Return monthly totals per unit and report line."""
    a = (
        world.lines[world.lines.report_line != "balance"]
        .groupby(["unit_code", "report_line", "period"])
        .amount.sum()
        .reset_index()
    )
    return (
        a.pivot_table(index=["unit_code", "report_line"], columns="period", values="amount")
        .fillna(0.0)
        .reindex(columns=months("2012-01", LAST), fill_value=0.0)
    )


def baseline(world: World, method: str) -> dict:
    """Return located precision, recall, F1 and flags per unit and year of one of the methods in use today."""
    grid = cells(world)
    flags: set[tuple[str, str, str]] = set()
    values, columns = grid.to_numpy(), list(grid.columns)
    if method == "budget > 10 %":
        plan = world.budget.groupby(["unit_code", "report_line", "period"]).amount.sum()
        for (u, line), row in zip(grid.index, values, strict=True):
            for k, p in enumerate(columns):
                b = plan.get((u, line, p), 0.0)
                if p >= FIRST and abs(row[k] - b) > 0.1 * abs(b) and abs(row[k] - b) > 1000:
                    flags.add((u, line, p))
    elif method == "z > 3":
        for (u, line), row in zip(grid.index, values, strict=True):
            for k, p in enumerate(columns):
                past = row[max(0, k - 24) : k]
                if p >= FIRST and past.std() > 0 and abs(row[k] - past.mean()) > 3 * past.std():
                    flags.add((u, line, p))
    elif method == "AutoETS 99 %":
        from statsforecast import StatsForecast
        from statsforecast.models import AutoETS

        long = grid.reset_index().melt(id_vars=["unit_code", "report_line"], var_name="ds", value_name="y")
        long["unique_id"] = long.unit_code + "|" + long.report_line
        long["ds"] = pd.to_datetime(long.ds + "-01")
        alive = long[(long.ds < FIRST + "-01")].groupby("unique_id").y.apply(lambda s: (s != 0).sum() >= 24)
        long = long[long.unique_id.isin(alive[alive].index)]
        model = StatsForecast(models=[AutoETS(season_length=12)], freq="MS")
        cross = model.cross_validation(df=long[["unique_id", "ds", "y"]], h=1, n_windows=12, step_size=1, level=[99], refit=False)
        out = cross[(cross.y < cross["AutoETS-lo-99"]) | (cross.y > cross["AutoETS-hi-99"])]
        flags = {(*i.split("|"), str(d)[:7]) for i, d in zip(out.unique_id, out.ds, strict=True)}
    else:  # audit rules: the same supplier, number and amount twice; numbers missing; registered after release
        lines = world.lines[(world.lines.report_line != "balance")]
        keyed = lines[(lines.reference != "") & (lines.party != "")]
        twice = keyed[keyed.duplicated(["party", "reference", "amount"], keep="first")]
        released = dict(zip(world.releases.period, world.releases.released_on, strict=True))
        late = lines[[r > released[p] for r, p in zip(lines.registration_date, lines.period, strict=True)]]
        odd = lines[
            ((lines.account.str[0] == "3") & (lines.amount < 0))
            | (~lines.account.str[0].isin(["3"]) & (lines.amount > 0) & (lines.account.str[:2] != "51"))
        ]
        for part in (twice, late, odd):
            flags |= {
                (u, line, p) for u, line, p in zip(part.unit_code, part.report_line, part.period, strict=True) if p >= FIRST
            }
    labels = [x for x in world.labels if FIRST <= x.visible <= LAST]
    places = {(u, line, p) for x in world.labels for u in x.units for line in x.lines for p in x.periods}
    tp = len(flags & places)
    r = sum(any((u, line, p) in flags for u in x.units for line in x.lines for p in x.periods) for x in labels) / max(
        1, len(labels)
    )
    p = tp / max(1, len(flags))
    units = world.units[world.units.parent != "KOMMUN"].unit_code.nunique()
    return {
        "precision": p,
        "recall": r,
        "F1": 2 * p * r / (p + r) if p + r else 0.0,
        "false per unit-year": (len(flags) - tp) / units,
    }


def main() -> None:
    """Print one table per level, and per kind of error; JSON beside it with --json."""
    warnings.filterwarnings("ignore")
    parse = argparse.ArgumentParser(description=__doc__)
    parse.add_argument("--seeds", default="101,102,103")
    parse.add_argument("--levels", default="1,2,3")
    parse.add_argument("--clean", action="store_true", help="also error-free ledgers")
    parse.add_argument("--baselines", action="store_true")
    parse.add_argument("--json", default="")
    args = parse.parse_args()
    result: dict = {}
    for level in map(int, args.levels.split(",")):
        scores, kinds, clean, base = [], defaultdict(lambda: [0, 0]), [], defaultdict(list)
        for seed in map(int, args.seeds.split(",")):
            world = generate(seed, level)
            final, first, seconds = run(world)
            one = score(world, final, first)
            one["s per close"] = seconds
            for kind, (a, b) in one.pop("kinds").items():
                kinds[kind][0] += a
                kinds[kind][1] += b
            scores.append(one)
            if args.clean:
                quiet = generate(seed, level, errors=False)
                _, told, _ = run(quiet)
                told = told[told.first_seen >= FIRST]
                n = quiet.units[quiet.units.parent != "KOMMUN"].unit_code.nunique()
                clean.append(((told.tier == "fel").sum() / n, (told.tier == "fråga").sum() / n))
            if args.baselines:
                for method in ("budget > 10 %", "z > 3", "AutoETS 99 %", "audit rules"):
                    try:
                        base[method].append(baseline(world, method))
                    except ImportError:
                        continue
        table = pd.DataFrame(scores)
        print(f"\n== level {level}: mean (min-max) over seeds {args.seeds}")
        for name in table:
            print(f"  {name:28s} {table[name].mean():8.3f}  ({table[name].min():.3f}-{table[name].max():.3f})")
        if clean:
            a = np.array(clean)
            print(f"  clean ledger: fel {a[:, 0].mean():.3f}, fråga {a[:, 1].mean():.3f} per unit and year")
        print("  recall per kind: " + ", ".join(f"{k} {a}/{b}" for k, (a, b) in sorted(kinds.items())))
        for method, runs in base.items():
            mean = pd.DataFrame(runs).mean()
            print(
                f"  {method:16s} P {mean.precision:.2f} R {mean.recall:.2f} F1 {mean.F1:.2f} false per unit-year "
                f"{mean['false per unit-year']:.2f}"
            )
        result[level] = {"scores": scores, "kinds": dict(kinds), "clean": clean, "base": base}
    if args.json:
        Path(args.json).write_text(json.dumps(result, default=float, indent=1))


if __name__ == "__main__":
    main()
