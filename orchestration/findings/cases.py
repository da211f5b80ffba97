"""One cause, one finding: drafts of a close are merged, named, and continued from the close before.

What belongs here: merging, ids, life cycle, answers. What does not: rules.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import pandas as pd

from expectations.rules import RULES
from orchestration.findings.draft import Draft

#: Which rule speaks when several saw the same thing, the most telling first.
ORDER = ("PER-08", "PER-11", "PER-07", "PER-03", "PER-10", "PER-06", "PER-02", "PER-05", "PER-01", "PER-09", "PER-04")

FINDING_COLUMNS = [
    "finding_id",
    "rule_id",
    "rules",
    "tier",
    "title",
    "reason",
    "unit_code",
    "other_unit",
    "report_line",
    "account",
    "counterparty",
    "party",
    "agreement",
    "series",
    "period",
    "periods",
    "expected_amount",
    "booked_amount",
    "expected_date",
    "effect_period",
    "effect_year_forecast",
    "confidence",
    "debit_account",
    "credit_account",
    "entry_amount",
    "reversal_period",
    "corrected_profile",
    "first_seen",
    "last_seen",
    "age",
    "status",
    "escalated",
    "answer",
    "fingerprint",
]


def month_name(m: int) -> str:
    """Return 'YYYY-MM' of a month number."""
    return f"{m // 12}-{m % 12 + 1:02d}"


def month_number(period: str) -> int:
    """Return the month number of 'YYYY-MM'."""
    return int(period[:4]) * 12 + int(period[5:7]) - 1


def finding_id(rule_id: str, key: str, cause: str) -> str:
    """Return the permanent id of a finding: the same cause has the same id at every close."""
    return hashlib.sha256(f"{rule_id}|{key}|{cause}".encode()).hexdigest()[:16]


def merge(drafts: list[Draft], code_of_unit: Mapping[str, str] | None = None) -> list[tuple[Draft, set[str]]]:
    """Keep one draft for each cause, with the ids of all rules that saw it.

    Two drafts are one cause when they rest on the same booked row, or one says that a posting is missing where the other has
    found it
    (same unit, account and month), or they are the two sides of one internal item. `code_of_unit` gives the counterparty code by
    which the others name a unit, where it is known.
    """
    codes = code_of_unit or {}

    def between(a: Draft, b: Draft) -> bool:
        """Return whether nothing says that one of the two trades with somebody else than the other."""
        return all(not x.cp or codes.get(y.unit, x.cp) == x.cp for x, y in ((a, b), (b, a)))

    ranked = sorted(drafts, key=lambda d: (ORDER.index(d.rule_id), d.tier != "fel", -abs(d.effect_period)))
    kept: list[tuple[Draft, set[str]]] = []
    by_row: dict[int, int] = {}
    by_place: dict[tuple[str, str, int], list[int]] = {}
    by_other: dict[tuple[str, int], list[int]] = {}
    both_sides: dict[int, list[int]] = {}
    by_agreement: dict[tuple[str, str], int] = {}
    for d in ranked:
        home: int | None = None
        if d.rule_id in ("PER-01", "PER-09") and d.agreement and d.other_unit:
            home = by_agreement.get((d.agreement, d.unit))
            if home is not None:  # the other side of the same internal agreement
                seller = kept[home][0]
                seller.reason += f"; {d.unit} saknar samma belopp, neutralt för kommunen"
        booked = [rid for rid, role in d.evidence if role in ("booked", "double") and rid > 0]
        if home is None and d.rule_id not in ("PER-08", "PER-10", "PER-04"):
            home = next((by_row[rid] for rid in booked if rid in by_row), None)
        if home is None and d.rule_id in ("PER-01", "PER-09", "PER-03"):
            month = d.months[-1]
            for k in by_place.get((d.unit, d.account, month), []):
                other = kept[k][0]
                if d.cp and other.cp and d.cp != other.cp:
                    continue  # another buyer of the same
                near = abs(abs(other.expected) - abs(d.expected)) <= 0.3 * max(abs(d.expected), 1.0) or abs(
                    abs(other.booked) - abs(d.expected)
                ) <= 0.3 * max(abs(d.expected), 1.0)
                if other.rule_id in ("PER-07", "PER-03", "PER-11") and near:
                    home = k
                    break
        if (
            home is None
            and d.rule_id in ("PER-01", "PER-09")
            and d.line in ("internal_income", "internal_rent", "other_internal_cost")
        ):
            size = abs(d.expected) / len(d.months)
            for k in by_other.get((d.unit, d.months[-1]), []):
                other = kept[k][0]
                if between(d, other) and min(abs(abs(other.expected) - size), abs(abs(other.booked) - size)) <= 0.1 * size:
                    home = k
                    break
        if home is None and d.rule_id == "PER-09" and d.line in ("internal_rent", "other_internal_cost"):
            for k in both_sides.get(d.months[-1], []):
                other = kept[k][0]
                near = abs(abs(other.expected) / len(other.months) - abs(d.expected) / len(d.months)) <= 0.12 * abs(
                    d.expected
                ) / len(d.months)
                named = (not d.other_unit or d.other_unit == other.unit) and between(d, other)
                if near and named and (not other.other_unit or other.other_unit == d.unit) and other.unit != d.unit:
                    other.other_unit = d.unit
                    home = k
                    break
        if home is not None:
            kept[home][1].add(d.rule_id)
            if d.agreement and not kept[home][0].agreement:
                kept[home][0].agreement = d.agreement
            continue
        kept.append((d, {d.rule_id}))
        at = len(kept) - 1
        if d.agreement and d.other_unit:
            by_agreement.setdefault((d.agreement, d.other_unit), at)
        for rid in booked:
            by_row.setdefault(rid, at)
        if d.rule_id == "PER-03" and d.other_unit:
            by_other.setdefault((d.other_unit, d.months[-1]), []).append(at)
        for month in d.months:
            by_place.setdefault((d.unit, d.account, month), []).append(at)
        if d.rule_id == "PER-01" and d.line == "internal_income":
            both_sides.setdefault(d.months[-1], []).append(at)
    return kept


def rows_of(kept: list[tuple[Draft, set[str]]], as_of: int, profiles: dict[str, list[float]]) -> pd.DataFrame:
    """Return this close's findings in FINDING_COLUMNS."""
    out = []
    for d, rules in kept:
        ident = finding_id(d.rule_id, d.key, d.cause)
        months = sorted(set(d.months))
        debit, credit, amount, reversal = d.proposal or ("", "", None, 0)
        facts = f"{d.rule_id}|{','.join(map(str, months))}|{d.expected:.0f}|{d.booked:.0f}"
        profile = profiles.get(f"{d.key}|{d.cause}") if d.rule_id == "PER-04" else None
        out.append(
            (
                ident,
                d.rule_id,
                ",".join(sorted(rules)),
                d.tier,
                RULES[d.rule_id].title.sv,
                d.reason,
                d.unit,
                d.other_unit,
                d.line,
                d.account,
                d.cp,
                d.party,
                d.agreement,
                d.key,
                month_name(months[-1] if d.rule_id != "PER-04" else as_of),
                ",".join(month_name(m) for m in months),
                round(d.expected, 2),
                round(d.booked, 2),
                month_name(d.expected_m) if d.expected_m is not None else None,
                round(d.effect_period, 2),
                round(d.effect_year, 2),
                d.confidence,
                debit,
                credit,
                amount,
                month_name(reversal) if reversal else None,
                json.dumps(profile) if profile else None,
                month_name(as_of),
                month_name(as_of),
                0,
                "open",
                False,
                None,
                hashlib.sha256(facts.encode()).hexdigest()[:12],
            )
        )
    return pd.DataFrame(out, columns=FINDING_COLUMNS)


def continue_from(
    previous: pd.DataFrame | None, now: pd.DataFrame, as_of: int, corrected: set[str], answers: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Carry findings from the close before: first seen, age, status.

    A finding seen again is the same finding with new facts. One not seen again stays open until the ledger has corrected it
    (`corrected`) or the user has answered (`answers`: finding_id, answer in acknowledged, explained, and a reason); an answer
    holds until
    the facts change. A question left unanswered at the next close is escalated.
    """
    out = now.copy()
    if previous is not None and len(previous):
        before = previous.set_index("finding_id")
        again = out.finding_id.isin(before.index)
        out.loc[again, "first_seen"] = out.finding_id[again].map(before.first_seen)
        same_facts = again & (out.finding_id.map(before.fingerprint) == out.fingerprint)
        out.loc[same_facts, "status"] = out.finding_id[same_facts].map(before.status)
        out.loc[same_facts, "answer"] = out.finding_id[same_facts].map(before.answer)
        was_closed = again & out.finding_id.map(before.status).isin(["corrected"])
        out.loc[was_closed, "status"] = "recurring"
        rest = previous[~previous.finding_id.isin(out.finding_id)].copy()
        rest.loc[rest.finding_id.isin(corrected) & (rest.status != "corrected"), ["status", "last_seen"]] = [
            "corrected",
            month_name(as_of),
        ]
        out = pd.concat([out, rest], ignore_index=True) if len(out) else rest
    if answers is not None and len(answers):
        given = answers.drop_duplicates("finding_id", keep="last").set_index("finding_id")
        hit = out.finding_id.isin(given.index) & out.status.isin(["open", "recurring"])
        out.loc[hit, "status"] = out.finding_id[hit].map(given.answer)
        out.loc[hit, "answer"] = out.finding_id[hit].map(given.reason)
    out["age"] = [as_of - month_number(p) for p in out.first_seen]
    out["escalated"] = (out.tier == "fråga") & (out.status == "open") & (out.age >= 1)
    rank = out.effect_period.abs()
    return (
        out.assign(_rank=rank)
        .sort_values(["_rank", "finding_id"], ascending=[False, True])
        .drop(columns="_rank")
        .reset_index(drop=True)
    )
