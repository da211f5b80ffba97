"""Swedish words of follow-up tables and reports: which label means which report line, measure and scope.

What belongs here: words. What does not: numbers, and what follows from them. Labels that are not recognised are no error: their
role is then inferred from the numbers and stated.
"""

from __future__ import annotations

import re

from orchestration.months import MONTHS
from orchestration.proof.model import Column, Measure, Row, RowKind, Scope

LINE_KEYS: dict[str, RowKind] = {
    "external_income": "income",
    "internal_income": "income",
    "total_income": "income",
    "personnel": "cost",
    "internal_rent": "cost",
    "other_external_cost": "cost",
    "other_internal_cost": "cost",
    "capitalised_work": "cost",
    "total_cost": "cost",
    "financial": "other",
    "net": "net",
}
TOTALS = ("total_income", "total_cost", "net")

_DETAIL = re.compile(r"^\s*[-–•]?\s*(varav|därav|of which)\b", re.I)
_TOTAL = re.compile(r"^(summa|s:a|sa|totala?t?|sum|total)\b|\b(totalt|sammanlagt)$", re.I)
_NET = re.compile(
    r"^((verksamhetens|periodens|årets|budgeterat)\s+)?(netto(?!om)|resultat(?!räkning)|nettokostnad|nettoresultat)|^net\b", re.I
)
_INCOME = re.compile(r"intäkt|bidrag|avgift|försäljning|taxor|ersättning|income|revenue", re.I)
_COST = re.compile(
    r"kostn|hyra|hyror|avskriv|material|tjänst|köp|personal|^pers|lön|ränt|entreprenad|lämnade|utgift|cost|rent\b|expens", re.I
)
_INTERNAL = re.compile(r"intern|\bint\b|\bint\.", re.I)


def describe_row(label: str, line: int, key: str | None = None) -> Row:
    """Return what a row label says. `key` is given where the file itself carries avvik's report lines."""
    text = " ".join(label.split()).strip(" :")
    if key is None and text in LINE_KEYS:
        key = text
    detail = bool(_DETAIL.match(text))
    net = bool(_NET.match(text)) or key == "net"
    total = (net or bool(_TOTAL.search(text)) or key in TOTALS) and not detail
    income = bool(_INCOME.search(text)) and not re.search(r"lämnade|kostn", text, re.I)
    cost = bool(_COST.search(text)) and not income
    if key is None and not detail:
        key = _line_key(text, net=net, total=total, income=income, cost=cost)
    by_words: RowKind = "net" if net else "income" if income else "cost" if cost else "other"
    kind = LINE_KEYS.get(key, by_words) if key else by_words
    return Row(label=text, key=key, kind=kind, is_total=total, is_detail=detail, line=line)


def _line_key(text: str, *, net: bool, total: bool, income: bool, cost: bool) -> str | None:
    if net or (total and re.search(r"netto|resultat", text, re.I)):
        return "net"
    if total:
        return "total_income" if income else "total_cost" if cost else None
    internal = bool(_INTERNAL.search(text))
    if income:
        named = internal or re.search(r"extern|\bext\b", text, re.I)
        return ("internal_income" if internal else "external_income") if named else None
    if re.search(r"^pers|personal|lönekostn", text, re.I):
        return "personnel"
    if re.search(r"hyra|hyror", text, re.I):
        return "internal_rent"
    if cost and re.search(r"övr|extern", text, re.I):
        return "other_internal_cost" if internal else "other_external_cost"
    if cost and internal:
        return "other_internal_cost"
    return None


_MEASURES: list[tuple[Measure, re.Pattern[str]]] = [
    ("percent", re.compile(r"%|procent|andel|percent", re.I)),
    ("deviation", re.compile(r"avv(?:ik|\b)|diff|skillnad|deviation|variance", re.I)),
    ("forecast", re.compile(r"progn|forecast", re.I)),
    ("budget", re.compile(r"budg|^bu\b", re.I)),
    ("outcome", re.compile(r"utfall|bokslut|redovisat|outcome|actual", re.I)),
]
_SCOPES: list[tuple[Scope, re.Pattern[str]]] = [
    ("previous", re.compile(r"föreg|\bfg\b|fjol|i fjor|previous|prior", re.I)),
    ("year", re.compile(r"helår|\bår\b|\båret\b|årsbudget|årsprognos|year|full.?year", re.I)),
    (
        "period",
        re.compile(r"period|\bper\b|\back|kvartal|månad|t\.?\s?o\.?\s?m|delår|\b(" + "|".join(m[:3] for m in MONTHS) + ")", re.I),
    ),
]
#: A word that begins a column label in a heading line, and a word that may continue it.
MEASURE_WORD = re.compile(
    r"^(utfall|bokslut|budget\w*|årsbudget|prognos\w*|årsprognos|avvik\w*|diff\w*|skillnad|förbrukat)\W*$", re.I
)
SCOPE_WORD = re.compile(
    r"^(period\w*|helår\w*|år|året|ack\w*|per|prognos\w*|budget\w*|tkr|mkr|%|20\d\d|19\d\d|[a-zåäö]{3,9}-[a-zåäö]{3,9})\W*$", re.I
)


def describe_column(label: str) -> Column:
    """Return what a column label says; measure and scope are None where it says nothing."""
    text = " ".join(label.replace("_", " ").split())
    measure = next((name for name, pattern in _MEASURES if pattern.search(text)), None)
    scope = next((name for name, pattern in _SCOPES if pattern.search(text)), None)
    if measure == "forecast" or (measure == "deviation" and scope is None and re.search(r"progn|forecast", text, re.I)):
        scope = "year"
    return Column(label=" ".join(label.split()), measure=measure, scope=scope)


#: Words in a running text that speak of a report line, besides the line's own name. They tell what a sentence is about; they
#: never decide alone that a sentence is wrong.
TOPICS: dict[str, re.Pattern[str]] = {
    "internal_income": re.compile(r"\bintern\w* intäkt\w*", re.I),
    "external_income": re.compile(r"\bextern\w* intäkt\w*|statsbidrag|kundfakturering|försäld verksamhet", re.I),
    "personnel": re.compile(
        r"personalkostnad\w*|lönekostnad\w*|personal(?:s|ens)?\b|vakans\w*|sjukfrånvaro|korttids(?:frånvaro|sjukdom)|föräldraledighet",
        re.I,
    ),
    "internal_rent": re.compile(r"\binternhyr\w*|lokalhyr\w*|hyreskostnad\w*", re.I),
    "other_internal_cost": re.compile(r"\bintern\w* kostnad\w*|internköp", re.I),
    "other_external_cost": re.compile(
        r"\bövriga (?:externa )?kostnader|\bexterna kostnader|utredning\w*|konsult\w*|"
        r"inhyrd personal|leverantörsfaktur\w*|systemutveckling",
        re.I,
    ),
}
