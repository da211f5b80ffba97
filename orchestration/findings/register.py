"""The register of agreements beside the learnt series.

What belongs here: which agreement a series is, whether it still runs, and what the register alone expects. What does not: the
verdict.
"""

from __future__ import annotations

import re

import duckdb
import numpy as np
import pandas as pd

COLUMNS = [
    "agreement_id",
    "unit",
    "account",
    "cp",
    "party",
    "ref",
    "text",
    "amount",
    "cadence",
    "phase",
    "from_m",
    "to_m",
    "index",
    "dir",
    "other_unit",
]


def _month(value: object, default: int) -> int:
    if value is None or pd.isna(value):
        return default
    stamp = pd.Timestamp(value)
    return stamp.year * 12 + stamp.month - 1


def _norm(value: object) -> str:
    return re.sub(r"[^0-9A-ZÅÄÖ]", "", str(value or "").upper()).lstrip("0")


def _plain(value: object) -> str:
    return re.sub(r"[^0-9a-zåäöé]", "", str(value or "").lower())


def _words(text: str) -> list[str]:
    return re.sub(r"[^a-zåäöé ]", " ", str(text).lower()).split()


def _first_word(text: str) -> str:
    return next(iter(_words(text)), "")


def read(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Return the agreements of both registers, one row per side that books (COLUMNS); empty where there is no register."""
    tables = {row[0] for row in con.execute("select table_name from information_schema.tables").fetchall()}
    parts = []
    if "agreement" in tables:
        a = con.execute("select * from agreement").df()
        if len(a):
            income = a.direction.astype(str).str.lower().str.startswith(("i", "intäkt"))
            a["unit"] = np.where(income, a.seller_unit.fillna(""), a.buyer_unit.fillna(""))
            other = np.where(income, a.buyer_unit.fillna(""), a.seller_unit.fillna(""))
            a["unit"] = np.where(a.unit == "", other, a.unit)
            a["dir"] = np.where(income, 1, -1)
            a["other_unit"] = ""
            parts.append(a)
    if "internal_agreement" in tables:
        b = con.execute("select * from internal_agreement").df()
        for unit, other, account, sign in (
            ("seller_unit", "buyer_unit", "income_account", 1),
            ("buyer_unit", "seller_unit", "cost_account", -1),
        ):
            if len(b):
                c = b.copy()
                c["unit"], c["other_unit"], c["account"], c["dir"] = (
                    c[unit].fillna(""),
                    c[other].fillna(""),
                    c[account].fillna(""),
                    sign,
                )
                c["counterparty"], c["party"] = "", ""
                parts.append(c)
    if not parts:
        return pd.DataFrame(columns=COLUMNS)
    out = pd.concat(parts, ignore_index=True)
    for name in ("counterparty", "party", "reference", "text", "index", "phase", "cadence", "valid_from", "valid_to"):
        if name not in out:
            out[name] = None
    out["cp"], out["party"], out["text"] = out.counterparty.fillna(""), out.party.fillna("").astype(str), out.text.fillna("")
    if "f_party_number" in tables:  # a register that names its parties, and a ledger that numbers them
        number = con.execute("select name, party from f_party_number").df().set_index("name").party
        known = out.party.map(_plain)
        out["party"] = known.map(number).where(known.isin(number.index), out.party)
    out["ref"] = out.reference.map(_norm)
    out["from_m"] = out.valid_from.map(lambda v: _month(v, 0))
    out["to_m"] = out.valid_to.map(lambda v: _month(v, 10**6))
    out["amount"] = pd.to_numeric(out.amount, errors="coerce").astype(float).abs()
    out["cadence"] = pd.to_numeric(out.cadence, errors="coerce").astype(float)
    out["phase"] = pd.to_numeric(out.phase, errors="coerce").astype(float)
    out["index"] = pd.to_numeric(out["index"], errors="coerce").astype(float)
    return out[COLUMNS]


def match(agreements: pd.DataFrame, due: pd.DataFrame, refs: pd.DataFrame, m: int) -> pd.DataFrame:
    """Return series index `i` and agreement row `a` of the best pairs, each used once, and whether the pair is `sure`.

    A pair shares unit, account and side; party or reference decides, then the amount (within a third, price changes and
    indexation
    considered). `refs` gives the agreement number and words of each series.
    """
    if agreements.empty or due.empty:
        return pd.DataFrame({"i": pd.Series(dtype=int), "a": pd.Series(dtype=int), "sure": pd.Series(dtype=bool)})
    left = agreements.reset_index(names="a")
    right = due.merge(refs, on="sid", how="left")
    pair = left.merge(right, on=["unit", "account", "dir"], suffixes=("", "_s"))
    pair = pair[pair.from_m <= m]
    # A register may name the amount of the year, or of its own cadence, where the ledger is billed in parts.
    parts = pair.cadence.fillna(12) / pair.cadence_s.clip(lower=1)
    ratio = (pair.expected / pair.amount).replace([np.inf], np.nan)
    in_parts = (parts > 1) & ((ratio * parts - 1).abs() < 0.2) & ((ratio - 1).abs() > 0.2)
    ratio = ratio * np.where(in_parts, parts, 1.0)
    near = (np.log(ratio).abs() < 0.3).fillna(False)
    same_ref = (pair.ref != "") & (pair.ref == pair.aref_of.fillna(""))
    named = pair.party.map(_plain)
    same_party = (named != "") & (named == pair.party_s.map(_plain))
    # Another party is told from a register with other identities than the ledger by being known to the ledger.
    other_party = (pair.party_s != "") & ~same_party & named.isin(set(due.party.map(_plain)) - {""})
    stem = pair.stem_of.fillna("")
    # A ledger without a field for the party writes its name before what it is for.
    words = np.array(
        [_first_word(t) != "" and _first_word(t) in _words(s) for t, s in zip(pair.text, stem, strict=True)], dtype=bool
    )
    nameless = (pair.party_s == "") & ((pair.cp_s == "") | (pair.cp == pair.cp_s)) & words
    # Internal agreements name no party: unit, account and amount must do.
    alone = (pair.party == "") & (pair.ref == "") & near
    score = (
        4 * same_ref
        + 3 * same_party
        + 2 * near
        + 1 * words
        + 1 * (pair.cadence == pair.cadence_s)
        + 1 * (pair.cp == pair.cp_s)
        + 1 * alone
        - 5 * other_party
    )
    # The same words, amount and cadence under another name: carried by a successor, but not known to be this agreement.
    sure = (score >= 4) & (same_ref | same_party | near) & ((named == "") | same_party | same_ref | (nameless & near))
    carried = near & (words | in_parts | (score >= 4)) & (pair.from_m <= m)
    pair = pair.assign(score=score, sure=sure, gap=np.log(ratio).abs(), live=(pair.to_m >= m).astype(int))
    pair = pair[sure | carried]
    pair = pair.sort_values(["sure", "score", "live", "gap", "i"], ascending=[False, False, False, True, True])
    taken_i: set[int] = set()
    taken_a: set[int] = set()
    out = []
    for i, a, known in zip(pair.i, pair.a, pair.sure, strict=True):
        if i not in taken_i and a not in taken_a:
            taken_i.add(i)
            taken_a.add(a)
            out.append((i, a, bool(known)))
    return pd.DataFrame(out, columns=["i", "a", "sure"])


def successors(agreements: pd.DataFrame, m: int) -> pd.Series:
    """Return, by row that has ended before month `m`, the row that carries the same agreement on: same side, party and words."""
    same = ["unit", "account", "dir", "other_unit", "party", "ref", "text"]
    rows = agreements[[*same, "agreement_id"]].assign(a=agreements.index)
    now = rows[(agreements.from_m <= m) & (agreements.to_m >= m)]
    both = rows[agreements.to_m < m].merge(now, on=same, suffixes=("", "_now"))
    both = both.assign(renamed=both.agreement_id != both.agreement_id_now).sort_values(["a", "renamed", "a_now"])
    return both.drop_duplicates("a").set_index("a").a_now


def due_now(agreements: pd.DataFrame, matched: set[int], m: int) -> pd.DataFrame:
    """Return agreements that run and fall due in month `m` and that no learnt series carries.

    `phase` is the calendar month of the first occasion (1-12, or 1..cadence); without it, the month of `valid_from`.
    """
    if agreements.empty:
        return agreements.assign(expected=[])
    a = agreements[~agreements.index.isin(matched)].copy()
    cadence = a.cadence.fillna(1).clip(lower=1).astype(int)
    phase = np.where(a.phase.fillna(0) >= 1, a.phase.fillna(1) - 1, a.from_m % 12)
    due = ((m - phase) % cadence == 0) & (a.from_m <= m) & (a.to_m >= m) & (a.amount > 0)
    due &= a.cadence.notna()  # an amount without its cadence may be that of the year: the register alone says nothing
    a["expected"] = indexed(a, m)
    return a[due]


def indexed(agreements: pd.DataFrame, m: int) -> pd.Series:
    """Return the agreements' amounts at month `m`: moved by their index (share or per cent) once a year from their start."""
    years = ((m - agreements.from_m) // 12).clip(lower=0, upper=10)
    index = agreements["index"].fillna(0.0)
    return agreements.amount * (1 + index.where(index.abs() <= 0.5, index / 100)) ** years
