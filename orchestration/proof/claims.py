"""What a Swedish text says about a table, checked against the table: amounts, directions, and deviations left without a word.

What belongs here: sentences, the figures and directions in them, and what the table says. What does not: whether the table
itself is true (`arithmetic`); its corrected values are used where a printed cell is impossible.

The rule above all others: a sentence is called wrong only where the table decides. A figure for a part of a line ('intäkter
från statsbidrag'), for another unit ('hos kontoren'), or in a sentence about risks and intentions is left alone or answered
with 'cannot tell'; where words are ambiguous, every reading is tried and one that agrees is enough.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from orchestration.errors import Text
from orchestration.months import MONTHS
from orchestration.proof.arithmetic import Proof, prove
from orchestration.proof.model import UNITS, Measure, PrintedTable, Scope
from orchestration.proof.numbers import JOINERS, MINUSES, format_number
from orchestration.proof.vocabulary import LINE_KEYS, TOPICS, TOTALS

Verdict = Literal[
    "supported",
    "wrong_number",
    "wrong_direction",
    "contradicted",
    "unmatched_number",
    "not_supported",
    "unexplained",
    "cannot_tell",
]
Kind = Literal["amount", "direction", "equality", "curve", "largest", "timing", "unexplained"]

#: Verdicts that ask for a correction. The others are agreement or silence.
FAULTS = ("wrong_number", "wrong_direction", "contradicted", "unmatched_number", "not_supported", "unexplained")


@dataclass(frozen=True)
class Materiality:
    """From when on a deviation deserves words: both shares must be reached. Starting values; a municipality sets its own.

    `of_net` is a share of the year's net budget, `of_line` of the line's own budget. `equal` is how far 'the same as budget'
    may be from the budget; `curve` how many percentage points of the year a budget called even may lie from twelfths.
    """

    of_net: Decimal = Decimal("0.001")
    of_line: Decimal = Decimal("0.01")
    equal: Decimal = Decimal("0.01")
    curve: Decimal = Decimal("0.01")


@dataclass(frozen=True)
class Claim:
    """One statement of the text and what the table says of it.

    `line` is the 1-based line of the text where the sentence begins (None for what the text leaves out). `lines` and `scopes`
    are the report lines and scopes it was read as. `stated` is in the table's unit; `actual` is the table's favourable
    deviation or amount.
    """

    kind: Kind
    verdict: Verdict
    sentence: str
    line: int | None
    says: Text
    table: Text
    lines: tuple[str, ...] = ()
    scopes: tuple[Scope, ...] = ()
    stated: Decimal | None = None
    actual: Decimal | None = None

    @property
    def fault(self) -> bool:
        """Whether the verdict asks for a correction."""
        return self.verdict in FAULTS


def check_claims(
    text: str, table: PrintedTable, proof: Proof | None = None, materiality: Materiality | None = None, months: int | None = None
) -> list[Claim]:
    """Check what a Swedish text says against a table.

    Args: text: the running text, without the table. table: the table it speaks of. proof: the table's proof, made if not
        given; impossible cells are replaced by their corrected values. materiality: from when on an unmentioned deviation is
        reported. months: months of the year that the period covers; read from the text or, failing that, from the even budgets
        in the table.

    Returns:
        Claims in the order of the text, then the material deviations that it does not mention.
    """
    proof = proof or prove(table)
    materiality = materiality or Materiality()
    sentences = list(_sentences(text))
    units = [table.unit] if not table.unit_assumed else [table.unit, *(unit for unit in UNITS if unit != table.unit)]
    best: list[Claim] = []
    for unit in units:
        facts = _Facts(table, proof, unit)
        claims = _Reader(facts, materiality, months or _months(text) or facts.months()).read(sentences)
        if not best or _agreement(claims) > _agreement(best):
            best = claims
    return best


def _agreement(claims: list[Claim]) -> int:
    return sum(claim.kind == "amount" and claim.verdict == "supported" for claim in claims)


# What the table says


@dataclass(frozen=True)
class _Fact:
    """An amount in natural sign (income +, cost −; deviations favourable +), with the interval of the unrounded amount.

    `printed` is the interval of a printed cell that cannot be true, when `low` and `high` are corrected
    and `best` is what the neighbours give.
    """

    low: Decimal
    high: Decimal
    name: str
    printed: tuple[Decimal, Decimal] | None = None
    best: Decimal | None = None

    @property
    def middle(self) -> Decimal:
        return (self.low + self.high) / 2 if self.best is None else self.best


#: low, high, the impossible printed interval, the best corrected value; in the table's own sign.
_Found = tuple[Decimal, Decimal, tuple[Decimal, Decimal] | None, Decimal | None]


class _Facts:
    """The table's amounts by report line, measure and scope, in natural sign."""

    def __init__(self, table: PrintedTable, proof: Proof, unit: str) -> None:
        self.table, self.proof, self.unit = table, proof, unit
        self.lines = {row.key or f"row:{index}": index for index, row in reversed(list(enumerate(table.rows)))}
        self.style = proof.structure.sign_style
        self.wrong = proof.wrong_sets[0] if proof.decided else None
        self.disputed = {cell for found in proof.wrong_sets for cell in found.ids} if not proof.decided else set()

    def _sign(self, row: int) -> int:
        """Return what turns a printed amount of this row to income + and cost −."""
        kind = self.table.rows[row].kind
        if self.style == "ledger":
            return -1
        if self.style == "unsigned":
            if kind == "net":
                total = next((found for found in self.proof.structure.totals if found.target == row), None)
                costs = [sign for sign, term in total.terms if self.table.rows[term].kind == "cost"] if total else []
                return -1 if costs and costs[0] > 0 else 1
            return -1 if kind == "cost" else 1
        return 1

    def _cell(self, row: int, column: int) -> _Found | None:
        cell = self.table.cells.get((row, column))
        if cell is None or (row, column) in self.disputed:
            return None
        printed = (cell.value - cell.half, cell.value + cell.half)
        wrong = self.wrong.find((row, column)) if self.wrong else None
        if wrong is None:
            return *printed, None, None
        if wrong.low is None or wrong.high is None:
            return None
        return wrong.low, wrong.high, printed, wrong.value

    def level(self, line: str, measure: Measure, scope: Scope) -> _Fact | None:
        """Return an amount of a line; None where the table does not have it or leaves it open."""
        row, column = self.lines.get(line), self.table.column_of(measure, scope)
        if row is None or column is None:
            return None
        found = self._cell(row, column)
        if found is None:
            return None
        return _turned(found, self._sign(row), self.table.name((row, column)))

    def deviation(self, line: str, scope: Scope) -> _Fact | None:
        """Return a line's favourable deviation from budget: as printed, or computed where it is not printed."""
        row = self.lines.get(line)
        if row is None:
            return None
        actual: Measure = "outcome" if scope == "period" else "forecast"
        for found in self.proof.structure.differences:
            plus, minus = self.table.columns[found.plus], self.table.columns[found.minus]
            if (plus.scope or scope) == scope and plus.measure in ("outcome", "forecast") and minus.measure == "budget":
                if self.table.column_of(plus.measure, scope) != found.plus:
                    continue
                cell = self._cell(row, found.target)
                if cell is None:
                    return None
                return _turned(cell, self._sign(row) * found.signs[row], self.table.name((row, found.target)))
        outcome, budget = self.level(line, actual, scope), self.level(line, "budget", scope)
        if outcome is None or budget is None:
            return None
        name = f"{self.table.rows[row].label}, {outcome.name.rpartition(', ')[2]} − {budget.name.rpartition(', ')[2]}"
        return _Fact(outcome.low - budget.high, outcome.high - budget.low, name)

    def months(self) -> int | None:
        """Return the months that even budgets point at: a k such that two lines or more have k/12 of the year's budget."""
        shares = []
        for line in self.lines:
            period, year = self.level(line, "budget", "period"), self.level(line, "budget", "year")
            if period and year and line not in TOTALS and abs(year.middle) > 100:
                shares.append(period.middle / year.middle)
        votes = {k: sum(abs(share - Decimal(k) / 12) < Decimal("0.008") for share in shares) for k in range(1, 13)}
        best = max(votes, key=lambda k: votes[k])
        return best if votes[best] >= 2 else None


def _turned(found: _Found, sign: int, name: str) -> _Fact:
    low, high, printed, best = found
    low, high = sorted((sign * low, sign * high))
    if printed:
        printed = (min(sign * printed[0], sign * printed[1]), max(sign * printed[0], sign * printed[1]))
    return _Fact(low, high, name, printed, None if best is None else sign * best)


# Sentences


@dataclass(frozen=True)
class _Sentence:
    text: str
    line: int
    first: bool  # of its paragraph


_ABBREVIATION = re.compile(
    r"\b(?:s\.k|t\.ex|bl\.a|resp|ca|kl|m\.m|dvs|d\.v\.s|t\.o\.m|fr\.o\.m|milj|inkl|exkl|p\.g\.a|o\.s\.v|etc)\.$", re.I
)


def _sentences(text: str) -> Iterator[_Sentence]:
    """Yield the sentences of a text, with hard-wrapped lines joined and bullets as paragraphs of their own."""
    paragraph: list[tuple[int, str]] = []

    def flush() -> Iterator[_Sentence]:
        if not paragraph:
            return
        joined, starts = "", []
        for number, part in paragraph:
            starts.append((len(joined), number))
            joined += part.strip() + " "
        begin, first = 0, True
        for end in [*(match.end() for match in re.finditer(r"[.!?](?=\s+[A-ZÅÄÖ–-])|:(?=\s*$)", joined)), len(joined)]:
            sentence = joined[begin:end]
            if end < len(joined) and _ABBREVIATION.search(sentence):
                continue
            lead = len(sentence) - len(sentence.lstrip())
            if sentence.strip():
                line = next(number for start, number in reversed(starts) if start <= begin + lead)
                yield _Sentence(" ".join(sentence.split()), line, first)
                first = False
            begin = end
        paragraph.clear()

    for number, line in enumerate(text.split("\n"), 1):
        line = line[:5000]
        stripped = line.strip()
        bullet = re.match(r"^\s*(?:[\uf0b7•·▪■*]|[-–]\s|\d+\.\s)\s*", line)
        if not stripped:
            yield from flush()
            continue
        if bullet:
            yield from flush()
            stripped = line[bullet.end() :].strip()
        paragraph.append((number, stripped))
    yield from flush()


_SPAN = "|".join(MONTHS)
_NUMERALS = ["en", "två", "tre", "fyra", "fem", "sex", "sju", "åtta", "nio", "tio", "elva", "tolv"]
_ORDINALS = {word: n for n, word in enumerate(_NUMERALS, 1)}


def _months(text: str) -> int | None:
    """Return how many months of the year the text says that its period covers; None if it does not say."""
    low = " ".join(text.lower().split())
    found = re.search(rf"första ({'|'.join(_ORDINALS)}|\d+) månader", low)
    if found:
        return _ORDINALS.get(found[1]) or int(found[1])
    found = re.search(
        rf"\b(?:per|t\.?\s?o\.?\s?m\.?|till och med|januari\s?[{MINUSES}]\s?|januari till)\s*(?:den )?(?:\d+ )?({_SPAN})\b", low
    )
    if found:
        return MONTHS.index(found[1]) + 1
    found = re.search(rf"\bjan(?:uari)?\.?\s?[{MINUSES}]\s?({'|'.join(name[:3] for name in MONTHS)})", low)
    if found:
        return next(n for n, name in enumerate(MONTHS, 1) if name.startswith(found[1]))
    if "första kvartalet" in low:
        return 3
    return 6 if re.search(r"första halvåret", low) else None


# Claims


_NUMBER = rf"(?P<number>[{MINUSES}+]?\d{{1,3}}(?:[ {JOINERS}]\d{{3}})+(?:,\d+)?|[{MINUSES}+]?\d+(?:[,.]\d+)?)"
_AMOUNT = re.compile(
    rf"(?P<about>\b(?:ca|cirka|omkring|ungefär|runt|drygt|knappt|nästan|närmare|minst|över|under)\.?\s+)?"
    rf"(?<![\w,.]){_NUMBER}[ {JOINERS}]?"
    r"(?P<unit>mkr|mnkr|msek|milj\.? ?(?:kr|kronor)?|miljoner(?: kronor)?|tkr|ksek|tusen kronor|kronor|kr)\b",
    re.I,
)
_BREAK = re.compile(r"[,;:]\s|\s(?=(?:som|vilket|vilken|och|samt|då|men|medan)\s)")
_DEVIATES = re.compile(
    r"överskott|underskott|avvik|lägre|högre|understig|överstig|underskrid|överskrid|bättre|sämre|avsaknad|sakna|utebliv|"
    r"mindre än|mer än|besparing|överdrag|jämfört|plus|minus|över budget|under budget",
    re.I,
)
_LINES: list[tuple[str, re.Pattern[str]]] = [
    ("internal_income", re.compile(r"\bintern\w* intäkt", re.I)),
    ("external_income", re.compile(r"\bextern\w* intäkt", re.I)),
    ("other_internal_cost", re.compile(r"\b(?:övriga )?interna kostnad", re.I)),
    ("other_external_cost", re.compile(r"\bövriga (?:externa )?kostnad|\bexterna kostnad", re.I)),
    ("personnel", re.compile(r"\b(?:personal|löne)kostnad", re.I)),
    ("internal_rent", re.compile(r"\b(?:intern|lokal)hyr", re.I)),
    ("net", re.compile(r"\bnettokostnad|\bnetto\b|\bresultat(?:et)?\b|\butfall(?:et)?\b|överskott|underskott", re.I)),
    ("total_cost", re.compile(r"\bbruttokostnad|(?<!övriga )(?<!externa )(?<!interna )\bkostnad(?:er(?:na)?)?\b", re.I)),
    ("total_income", re.compile(r"(?<!interna )(?<!externa )\bintäkt(?:er(?:na)?)?\b", re.I)),
]
_YEAR = re.compile(
    r"prognos|helår|för året|års? ?budget|årets (?:slut|budget)|året slut|på året|beräknas|bedöms|förväntas|årsbasis", re.I
)
_PERIOD = re.compile(
    rf"\bperiod(?:en|ens)?\b|kvartal|hittills|delår|(?:per|till och med|t\.o\.m\.?) (?:\d+ )?(?:{_SPAN})|månader", re.I
)
#: After the line's name: only a part of it, or another unit's.
_PART = re.compile(
    r"^\w*\s+(?:\w+\s+)??(?:från|för|avseende|enligt|hos|inom|genom|på grund av|till följd|som följd|vid|i samband|avser)"
    r"\b(?! (?:perioden|året|helåret|kvartalet))",
    re.I,
)
#: The comparison or the movement is with something that the table does not show.
_ELSEWHERE = re.compile(
    r"föregående|förra|\bfjol|motsvarande period|jämfört med (?!(?:\w+\s+)?(?:års)?budget)|"
    r"\bän (?:tidigare|prognos|planerat|väntat)|"
    r"\b(?:ök|minsk|höj|sänk|förbättr|försämr|stig|sjunk|steg\b|sjönk)\w*|"
    r"\bvarav\b|\bdel av\b|projekt|engångs|\bper (?:invånare|brukare|elev|månad)",
    re.I,
)
_UNIT = re.compile(r"\b\w*(?:kontoret|nämnden|förvaltningen|enheten|enheterna|avdelningen|bolaget|skolan|roteln)s?\b", re.I)
_DEFINITE = re.compile(r"(?:na|en|et)$|^(?:brutto|netto)|överskott|underskott|^netto|^resultat|^utfall|^övriga", re.I)
_NEGATED = re.compile(r"\b(?:inte|ej|inget|ingen|inga|utan)\s+(?:\w+\s+){0,2}$", re.I)
_HYPOTHETICAL = re.compile(
    r"\brisk|målsättning|\bska\b|skulle|\bbehöver\b|\bkan\b|\bom\b [^.]{3,60}\b(?:måste|behöver|ökar|minskar)", re.I
)
_SCOPE_NAMES = {"period": Text(sv="perioden", en="the period"), "year": Text(sv="helåret", en="the year")}


@dataclass
class _Context:
    """What earlier sentences spoke of, for sentences that only go on ('Det är 0,5 mkr lägre än budget')."""

    lines: list[str] = field(default_factory=lambda: ["net"])
    scope: Scope | None = None
    form: str = "cost"


class _Reader:
    """Reads sentences in order and gathers claims."""

    def __init__(self, facts: _Facts, materiality: Materiality, months: int | None) -> None:
        self.facts, self.materiality, self.months = facts, materiality, months
        self.claims: list[Claim] = []
        self.context = _Context()
        self.mentioned: set[tuple[str, Scope, int]] = set()  # (line, scope, sign of the natural-sign movement; 0 any)
        self.declared_even: set[tuple[str, Scope]] = set()
        self.last_topic: str | None = None
        self.own_unit = self.own_year = ""

    def read(self, sentences: list[_Sentence]) -> list[Claim]:
        whole = " ".join(sentence.text for sentence in sentences)
        units = Counter(found.lower().rstrip("s") for found in _UNIT.findall(whole))
        years = Counter(re.findall(r"\b20\d\d\b", whole))
        self.own_unit = next((unit for unit, count in units.most_common(1) if count > 1), "")
        self.own_year = max(years, key=lambda year: (years[year], year)) if years else ""
        for sentence in sentences:
            self._sentence(sentence)
        self._unexplained()
        return self.claims

    def _sentence(self, sentence: _Sentence) -> None:
        text = sentence.text
        year, period = bool(_YEAR.search(text)), bool(_PERIOD.search(text))
        if year != period:
            self.context.scope = "year" if year else "period"
        elif year and re.search(r"prognos", text, re.I):
            self.context.scope = "year"
        hypothetical = bool(_HYPOTHETICAL.search(text))
        self._curve(sentence)
        if not hypothetical:
            self._directions(sentence)
        self._amounts(sentence)
        self._largest(sentence)
        self._timing(sentence)
        self._mentions(sentence)

    # Reading a clause

    def _scopes(self, clause: str, sentence: str) -> tuple[list[Scope], bool]:
        """Return the scopes a clause may speak of, and whether it is said (here or just before)."""
        for part in (clause, sentence):
            year, period = bool(_YEAR.search(part)), bool(_PERIOD.search(part))
            if year and period:
                return ["year", "period"], False
            if year or period:
                return ["year" if year else "period"], True
        if self.context.scope:
            return [self.context.scope], True
        return ["period", "year"], False

    def _lines_in(self, clause: str) -> list[tuple[str, re.Match[str]]]:
        found: list[tuple[str, re.Match[str]]] = []
        for key, pattern in _LINES:
            match = pattern.search(clause)
            if match and key in self.facts.lines:
                found.append((key, match))
        for key, row in self.facts.lines.items():
            if key not in LINE_KEYS:
                label = self.facts.table.rows[row].label
                match = re.search(rf"\b{re.escape(label[: max(5, len(label) - 3)])}", clause, re.I)
                if match and len(label) > 4:
                    found.append((key, match))
        # 'övriga kostnader' is not also 'kostnader'.
        return [item for item in found if not any(o is not item and _covers(o[1], item[1]) for o in found)]

    def _form(self, clause: str) -> str | None:
        """Return how the net line is spoken of: as a cost (lower is better) or as a result (higher is better)."""
        if re.search(r"\bresultat", clause, re.I):
            return "result"
        return "cost" if re.search(r"kostnad|\bnetto\b|\butfall", clause, re.I) else None

    def _kind(self, line: str) -> str:
        return self.facts.table.rows[self.facts.lines[line]].kind

    def _elsewhere(self, clause: str) -> bool:
        """Whether a clause speaks of a part, another unit, another year or a change over time: the table then decides nothing."""
        if _ELSEWHERE.search(clause):
            return True
        if any(found.lower().rstrip("s") != self.own_unit for found in _UNIT.findall(clause)):
            return True
        return any(year != self.own_year for year in re.findall(r"\b20\d\d\b", clause))

    # Amounts

    def _amounts(self, sentence: _Sentence) -> None:
        text = sentence.text
        breaks = [0, *(match.start() for match in _BREAK.finditer(text)), len(text)]
        matches = list(_AMOUNT.finditer(text))
        previous_end = -10
        group: list[tuple[re.Match[str], str]] = []
        groups = []
        for match in matches:
            start = max(b for b in breaks if b <= match.start())
            end = min(b for b in breaks if b >= match.end())
            clause = text[start:end]
            adjacent = bool(group) and not text[previous_end : match.start()].strip()
            if not adjacent and group:
                groups.append(group)
                group = []
            group.append((match, clause))
            previous_end = match.end()
        if group:
            groups.append(group)
        for group in groups:
            self._amount_group(sentence, group, hypothetical=bool(_HYPOTHETICAL.search(text)))

    def _amount_group(self, sentence: _Sentence, group: list[tuple[re.Match[str], str]], *, hypothetical: bool) -> None:
        judged = [(match, *self._amount(sentence, match, clause, hypothetical=hypothetical)) for match, clause in group]
        matched = [verdict == "supported" for _, verdict, _, _ in judged]
        for (match, verdict, facts, stated), fits in zip(judged, matched, strict=True):
            # Two figures beside each other with no word between: one of them was left over when the text was edited.
            if len(group) == 2 and not fits and any(matched):
                verdict = "unmatched_number"
            self._add_amount(sentence, match, verdict, facts, stated, leftover=verdict == "unmatched_number")

    def _amount(
        self, sentence: _Sentence, match: re.Match[str], clause: str, *, hypothetical: bool
    ) -> tuple[Verdict, list[tuple[str, Scope, _Fact]], tuple[Decimal, Decimal]]:
        low, high = self._stated(match)
        inside = clause.replace(match[0], " ")
        before = sentence.text[: match.start()]
        named = self._lines_in(clause)
        explicit = bool(named)
        if not named:
            # The subject of the sentence, or of the one before.
            named = [(key, found) for key, found in self._lines_in(before)][:2]
            explicit = bool(named)
        lines = [key for key, _ in named] or list(self.context.lines)
        form = self._form(clause) or self._form(before)
        scopes, said = self._scopes(clause, sentence.text)
        deviates = bool(_DEVIATES.search(inside))
        budget_level = not deviates and bool(re.search(r"budget\w*\s+(?:är|på|om|uppgår till|omfattar|var)\b", inside, re.I))
        facts: list[tuple[str, Scope, _Fact]] = []
        for line in lines:
            for scope in scopes:
                if deviates:
                    fact = self.facts.deviation(line, scope)
                elif budget_level:
                    fact = self.facts.level(line, "budget", scope)
                else:
                    fact = self.facts.level(line, "outcome" if scope == "period" else "forecast", scope)
                if fact:
                    facts.append((line, scope, fact))
        part = any(_PART.search(clause[found.end() :]) for key, found in named if clause[found.start() : found.end()] == found[0])
        part = part or self._elsewhere(clause) or not all(_DEFINITE.search(_word(found)) for _, found in named)
        self.context.lines = lines
        if form:
            self.context.form = form
        if not facts:
            return "cannot_tell", [], (low, high)
        for _, _, fact in facts:
            size_low, size_high = _sizes(fact.low, fact.high)
            if size_high >= low and size_low <= high and not (size_low == high or size_high == low):
                return "supported", [item for item in facts if item[2] is fact], (low, high)
        if part or hypothetical:
            return "cannot_tell", facts, (low, high)
        wrong_cell = [
            item
            for item in facts
            if item[2].printed and _sizes(*item[2].printed)[1] >= low and _sizes(*item[2].printed)[0] <= high
        ]
        if wrong_cell:
            return "wrong_number", wrong_cell, (low, high)
        states = r"uppgår till|uppgick till|beräknas (?:bli|till)|beräknas|bedöms|blev|blir|\\bär\\b|visar"
        about_table = deviates or budget_level or bool(re.search(states.replace("\\\\", "\\"), inside, re.I))
        if explicit and said and about_table:
            return "wrong_number", facts, (low, high)
        return "cannot_tell", facts, (low, high)

    def _stated(self, match: re.Match[str]) -> tuple[Decimal, Decimal]:
        """Return the interval, in the table's unit, that a stated amount is a rounding of."""
        digits = re.sub(rf"[{MINUSES} {JOINERS}+]", "", match["number"]).replace(",", ".")
        unit = match["unit"].lower()
        factor = (
            UNITS["mkr" if unit.startswith("m") else "tkr" if unit.startswith(("tk", "ks", "tu")) else "kr"]
            / UNITS[self.facts.unit]
        )
        value = Decimal(digits)
        step = Decimal(1).scaleb(-len(digits.partition(".")[2]))
        low, high = value - step / 2, value + step / 2
        about = (match["about"] or "").strip(". ").lower()
        if about in ("ca", "cirka", "omkring", "ungefär", "runt", "närmare"):
            low, high = min(low, value * Decimal("0.9")), max(high, value * Decimal("1.1"))
        elif about in ("drygt", "minst", "över"):
            high = value + max(step, value / 10)
        elif about in ("knappt", "nästan", "under"):
            low = value - max(step, value / 10)
        return low * factor, high * factor

    def _add_amount(
        self,
        sentence: _Sentence,
        match: re.Match[str],
        verdict: Verdict,
        facts: list[tuple[str, Scope, _Fact]],
        stated: tuple[Decimal, Decimal],
        *,
        leftover: bool,
    ) -> None:
        said = " ".join(match[0].split())
        if leftover:
            table = Text(
                sv="inget i tabellen svarar mot talet; det står intill ett annat tal och kan vara kvar från en tidigare version",
                en="nothing in the table answers to it; it stands beside another figure and may be left over from an edit",
            )
        elif not facts:
            table = Text(sv="tabellen har ingen sådan uppgift", en="the table has no such figure")
        else:
            table = _both(self._shown(fact, corrected=verdict == "wrong_number") for _, _, fact in facts[:3])
        names = sorted({line for line, _, _ in facts})
        about = ", ".join(self.facts.table.rows[self.facts.lines[name]].label for name in names)
        says = Text(sv=f"{said} ({about})" if about else said, en=f"{said} ({about})" if about else said)
        self.claims.append(
            Claim(
                "amount",
                verdict,
                sentence.text,
                sentence.line,
                says,
                table,
                tuple(line for line, _, _ in facts),
                tuple(dict.fromkeys(scope for _, scope, _ in facts)),
                (stated[0] + stated[1]) / 2,
                facts[0][2].middle if facts else None,
            )
        )

    def _shown(self, fact: _Fact, *, corrected: bool = False) -> Text:
        out = []
        for lang in ("sv", "en"):
            size = _sizes(fact.low, fact.high)
            text = f"{fact.name}: {_number(fact.middle, lang)} {self.facts.unit}"
            if fact.printed and corrected:
                mkr = UNITS[self.facts.unit] / UNITS["mkr"]
                nudge = (size[1] - size[0]) / 1000
                ends = [format_number(end * mkr, lang, 1) for end in (size[0] + nudge, size[1] - nudge)]
                millions = ends[0] if ends[0] == ends[1] else f"{ends[0]}–{ends[1]}"
                printed = _number((fact.printed[0] + fact.printed[1]) / 2, lang)
                text = (
                    f"{fact.name}: tryckt {printed}, men cellen är omöjlig; rätt värde "
                    f"{_number(fact.low, lang)} till {_number(fact.high, lang)} {self.facts.unit}, alltså {millions} mkr"
                    if lang == "sv"
                    else f"{fact.name}: printed {printed}, but the cell is impossible; correct "
                    f"{_number(fact.low, lang)} to {_number(fact.high, lang)} {self.facts.unit}, that is {millions} mkr"
                )
            out.append(text)
        return Text(sv=out[0], en=out[1])

    # Directions

    def _directions(self, sentence: _Sentence) -> None:
        text = sentence.text
        for found in _directions_in(text):
            clause = found.clause
            named = self._lines_in(clause)
            if _NEGATED.search(clause[: found.at]) or re.search(r"över- (?:och|eller) underskott", clause, re.I):
                continue
            if found.adjective:
                named = [(key, match) for key, match in named if match.start() >= found.at] or named
                if not named:
                    continue
                named = [min(named, key=lambda item: item[1].start())]
            lines = [key for key, _ in named]
            before = text[: found.start]
            explicit = bool(lines)
            if not lines and found.needs_line:
                earlier = self._lines_in(before)
                lines = [key for key, _ in earlier] or list(self.context.lines)
                # 'Det är lägre än budget' goes on; 'Antalet ärenden är lägre än budget' is about something else.
                explicit = bool(earlier) or bool(re.match(r"(?:det|detta|den|vilket|som)\b", clause.strip(), re.I))
            if found.word in ("surplus", "deficit", "favourable", "unfavourable"):
                explicit = bool(lines)
                if not lines or "net" in lines:
                    lines = ["net"]
            part = any(_PART.search(clause[match.end() :]) for _, match in named)
            part = part or self._elsewhere(clause) or not explicit
            # 'högre kostnader' may be some of them; 'kostnaderna' are all.
            part = part or (found.adjective and any(key in TOTALS and not _DEFINITE.search(_word(match)) for key, match in named))
            form = self._form(clause) or self._form(before) or self.context.form
            if re.search(r"\bresultat", clause, re.I):
                form = "result"
            scopes, said = self._scopes(clause, text)
            if found.word == "same":
                if not explicit:
                    continue
                self._equality(
                    sentence, lines, scopes, part=part or bool(re.search(r"\benligt överenskommelse", clause)), before=before
                )
                continue
            self._direction(sentence, found, lines, scopes, form, part=part, said=said)

    def _wanted(self, word: str, line: str, form: str) -> int:
        """Return the sign of the favourable deviation that the words claim."""
        if word in ("surplus", "favourable"):
            return 1
        if word in ("deficit", "unfavourable"):
            return -1
        higher_is_better = self._kind(line) == "income" or (self._kind(line) == "net" and form == "result")
        return (1 if word == "higher" else -1) * (1 if higher_is_better else -1)

    def _direction(
        self, sentence: _Sentence, found: _Direction, lines: list[str], scopes: list[Scope], form: str, *, part: bool, said: bool
    ) -> None:
        tried: list[tuple[str, Scope, _Fact, int]] = []
        for line in lines:
            if line not in self.facts.lines:
                continue
            for scope in scopes:
                fact = self.facts.deviation(line, scope)
                if fact:
                    tried.append((line, scope, fact, self._wanted(found.word, line, form)))
                    if not part or self._kind(line) != "net":
                        moved = self._wanted(found.word, line, form)
                        self.mentioned.add((line, scope, moved))
        if not tried:
            return
        agrees = [item for item in tried if (item[2].low > 0) == (item[3] > 0) and (item[2].high > 0) == (item[3] > 0)]
        open_ended = [item for item in tried if item[2].low <= 0 <= item[2].high]
        verdict: Verdict
        if agrees:
            verdict, tried = "supported", agrees
        elif open_ended or part or (not said and len(scopes) > 1):
            verdict = "cannot_tell"
        elif any(line == "net" for line, *_ in tried) and form == "result" and self.facts.style == "ledger":
            # In the ledger's sign the line 'Resultat' is printed as a cost, and 'lower than budget' may speak of that number.
            verdict = "cannot_tell"
        else:
            verdict = "wrong_direction"
        table = _both(self._direction_shown(line, scope, fact) for line, scope, fact, _ in tried[:2])
        if verdict == "wrong_direction" and tried[0][0] == "net" and form == "result":
            low = tried[0][2].low > 0
            table = Text(
                sv=table.sv + (": resultatet är bättre än budget, det är nettokostnaden som understiger" if low else ""),
                en=table.en + (": the result is better than budget, it is the net cost that is below" if low else ""),
            )
        self.claims.append(
            Claim(
                "direction",
                verdict,
                sentence.text,
                sentence.line,
                Text(sv=f"”{found.said}”", en=f"“{found.said}”"),
                table,
                tuple(line for line, *_ in tried),
                tuple(dict.fromkeys(scope for _, scope, *_ in tried)),
                None,
                tried[0][2].middle,
            )
        )

    def _direction_shown(self, line: str, scope: Scope, fact: _Fact) -> Text:
        label = self.facts.table.rows[self.facts.lines[line]].label
        plus = "+" if fact.middle > 0 else ""
        sv, en = (f"{plus}{_number(fact.middle, lang)} {self.facts.unit}" for lang in ("sv", "en"))
        return Text(
            sv=f"{label}, avvikelse {_SCOPE_NAMES[scope].sv} {sv} (+ är bättre än budget)",
            en=f"{label}, deviation for {_SCOPE_NAMES[scope].en} {en} (+ is favourable)",
        )

    def _equality(self, sentence: _Sentence, lines: list[str], scopes: list[Scope], *, part: bool, before: str) -> None:
        candidates = list(dict.fromkeys([*lines, *(key for key, _ in self._lines_in(before))]))
        tried: list[tuple[str, Scope, _Fact, bool]] = []
        for line in candidates:
            for scope in scopes:
                fact = self.facts.deviation(line, scope)
                budget = self.facts.level(line, "budget", scope)
                if fact and budget:
                    allowed = abs(budget.middle) * self.materiality.equal
                    tried.append((line, scope, fact, min(_sizes(fact.low, fact.high)) <= allowed))
        if not tried:
            return
        specific = [item for item in tried if item[0] not in TOTALS] or tried
        agrees = [item for item in tried if item[3]]
        verdict: Verdict = "supported" if agrees else "cannot_tell" if part else "contradicted"
        shown = agrees or specific
        if verdict == "contradicted" and len(scopes) > 1:
            verdict = "cannot_tell"
        if verdict != "contradicted":
            self.declared_even |= {(line, scope) for line, scope, *_ in tried if line not in TOTALS}
        words = re.search(_SAME, sentence.text, re.I)
        table = _both(self._direction_shown(line, scope, fact) for line, scope, fact, _ in shown[:2])
        if verdict == "cannot_tell" and part:
            table = Text(
                sv=table.sv + "; utsagan gäller en del av raden, som tabellen inte visar",
                en=table.en + "; the statement is about a part of the line, which the table does not show",
            )
        said = words[0] if words else ""
        self.claims.append(
            Claim(
                "equality",
                verdict,
                sentence.text,
                sentence.line,
                Text(sv=f"”{said}”", en=f"“{said}”"),
                table,
                tuple(line for line, *_ in shown),
                tuple(dict.fromkeys(scope for _, scope, *_ in shown)),
                None,
                shown[0][2].middle,
            )
        )

    # Statements of other kinds

    def _curve(self, sentence: _Sentence) -> None:
        """'Budget för övriga kostnader är periodiserad för lika ianspråktagande': is the budget's share of the year k/12?"""
        match = re.search(
            r"lika ianspråktag\w*|jämnt (?:fördela|periodisera)\w*|\btolftedel\w*|\blinjärt\b|\brakt över året",
            sentence.text,
            re.I,
        )
        if not match or not re.search(r"budget", sentence.text, re.I):
            return
        named = self._lines_in(sentence.text[: match.start()])
        budgets = [
            (key, found)
            for key, found in named
            if re.search(r"budget\w*\s+(?:för|på|avseende)\s+(?:\w+\s+)?$", sentence.text[: found.start()], re.I)
        ]
        lines = [key for key, _ in budgets or named if key not in ("net",)]
        says = Text(sv=f"”{match[0]}” över året", en=f"“{match[0]}”: even over the year")
        for line in lines[:1]:
            period, year = self.facts.level(line, "budget", "period"), self.facts.level(line, "budget", "year")
            if period is None or year is None or not year.middle or self.months is None:
                table = Text(
                    sv="tabellen visar inte både periodens och årets budget, eller perioden är okänd",
                    en="the table does not show both budgets, or the period is unknown",
                )
                self._add_other("curve", "cannot_tell", sentence, says, table, (line,))
                continue
            flat = Decimal(self.months) / 12
            share = period.middle / year.middle
            effect = abs(period.middle) - flat * abs(year.middle)
            verdict: Verdict = "supported" if abs(share - flat) <= self.materiality.curve else "not_supported"
            label = self.facts.table.rows[self.facts.lines[line]].label
            out = []
            for lang in ("sv", "en"):
                shown = [format_number(100 * number, lang, 1) for number in (share, flat)]
                size = ("+" if effect > 0 else "") + format_number(effect, lang, 1)
                out.append(
                    f"{label}: perioden har {shown[0]} % av årets budget, "
                    f"jämn fördelning över {self.months} månader ger {shown[1]} %; "
                    f"budgetkurvan ensam gör {size} {self.facts.unit} av periodens budget"
                    if lang == "sv"
                    else f"{label}: the period has {shown[0]} % of the year's budget, "
                    f"an even spread over {self.months} months gives "
                    f"{shown[1]} %; the curve alone makes {size} {self.facts.unit} of the period's budget"
                )
            self._add_other("curve", verdict, sentence, says, Text(sv=out[0], en=out[1]), (line,), actual=effect)

    def _largest(self, sentence: _Sentence) -> None:
        """'Den främsta orsaken är …': is the deviation of the line spoken of the largest in its direction?"""
        match = re.search(
            r"(?:främsta|huvudsakliga|största|viktigaste) (?:orsak|anledning|förklaring)\w*|framför ?allt|huvudsakligen",
            sentence.text,
            re.I,
        )
        if not match or _HYPOTHETICAL.search(sentence.text):
            return
        after = sentence.text[match.end() :]
        topics = [key for key, pattern in TOPICS.items() if key in self.facts.lines and pattern.search(after)]
        scopes, said = self._scopes(sentence.text[: match.end()], sentence.text)
        if len(topics) != 1 or not said:
            return
        scope = scopes[0]
        net = self.facts.deviation("net", scope)
        sizes = {
            key: fact.middle
            for key in self.facts.lines
            if key not in TOTALS and (fact := self.facts.deviation(key, scope)) is not None
        }
        if net is None or topics[0] not in sizes or not net.middle:
            return
        sign = 1 if net.middle > 0 else -1
        largest = max(sizes, key=lambda key: sizes[key] * sign)
        verdict: Verdict = "supported" if largest == topics[0] else "not_supported"
        fact = self.facts.deviation(largest, scope)
        assert fact is not None
        shown = self._direction_shown(largest, scope, fact)
        table = Text(sv=f"störst är {shown.sv}", en=f"the largest is {shown.en}")
        self._add_other("largest", verdict, sentence, Text(sv=f"”{match[0]}”", en=f"“{match[0]}”"), table, (topics[0],), (scope,))

    def _timing(self, sentence: _Sentence) -> None:
        """What is to be used, or not used, of the budget in the rest of the year."""
        text = sentence.text
        topics = [key for key, pattern in TOPICS.items() if key in self.facts.lines and pattern.search(text)]
        rest = re.search(r"kommer [^.]{0,40}ianspråkta\w*\s+(?:\w+\s+)?resterande del av året", text, re.I)
        line = topics[0] if len(topics) == 1 else self.last_topic
        if rest and line:
            wanted: tuple[tuple[Measure, Scope], ...] = (
                ("forecast", "year"),
                ("outcome", "period"),
                ("budget", "year"),
                ("budget", "period"),
            )
            amounts = [self.facts.level(line, measure, scope) for measure, scope in wanted]
            if all(amounts):
                forecast, outcome, year, period = (abs(fact.middle) for fact in amounts if fact)
                left, budget = forecast - outcome, year - period
                verdict: Verdict = "supported" if left >= budget * Decimal("0.95") else "not_supported"
                label = self.facts.table.rows[self.facts.lines[line]].label
                table = Text(
                    sv=f"{label}: kvar i prognosen {_number(left, 'sv')} {self.facts.unit}, i budgeten {_number(budget, 'sv')}",
                    en=f"{label}: left in forecast {_number(left, 'en')} {self.facts.unit}, in budget {_number(budget, 'en')}",
                )
                self._add_other(
                    "timing", verdict, sentence, Text(sv=f"”{rest[0]}”", en=f"“{rest[0]}”"), table, (line,), ("year",)
                )
        unused = re.search(
            r"(?:[\wåäö-]+\s+){1,4}?inte kommer (?:att )?(?:ianspråkta|användas|genomföras|utnyttjas)\w*", text, re.I
        )
        if unused:
            about = [key for key, pattern in TOPICS.items() if key in self.facts.lines and pattern.search(unused[0])]
            fact = self.facts.deviation(about[0], "year") if len(about) == 1 and self._scopes(text, text)[0] == ["year"] else None
            if fact and self._kind(about[0]) == "cost":
                shown = self._direction_shown(about[0], "year", fact)
                if fact.high < 0:
                    table = Text(
                        sv=f"{shown.sv}: raden beräknas överskrida budget; något större väger över, och texten säger inte vad",
                        en=f"{shown.en}: the line is forecast above budget; something larger outweighs it and is not named",
                    )
                    self._add_other(
                        "direction",
                        "not_supported",
                        sentence,
                        Text(sv=f"”{unused[0]}”", en=f"“{unused[0]}”"),
                        table,
                        (about[0],),
                        ("year",),
                        fact.middle,
                    )
        if len(topics) == 1:
            self.last_topic = topics[0]

    def _add_other(
        self,
        kind: Kind,
        verdict: Verdict,
        sentence: _Sentence,
        says: Text,
        table: Text,
        lines: tuple[str, ...],
        scopes: tuple[Scope, ...] = (),
        actual: Decimal | None = None,
    ) -> None:
        self.claims.append(Claim(kind, verdict, sentence.text, sentence.line, says, table, lines, scopes, None, actual))

    # What is left out

    def _mentions(self, sentence: _Sentence) -> None:
        text = sentence.text
        year, period = bool(_YEAR.search(text)), bool(_PERIOD.search(text))
        scopes: list[Scope] = ["year"] if year and not period else ["period"] if period and not year else ["period", "year"]
        for key, pattern in TOPICS.items():
            if key in self.facts.lines and pattern.search(text):
                self.mentioned |= {(key, scope, 0) for scope in scopes}
        for key in self.facts.lines:
            if key not in LINE_KEYS and any(line == key for line, _ in self._lines_in(text)):
                self.mentioned |= {(key, scope, 0) for scope in scopes}

    def _unexplained(self) -> None:
        """Report material deviations of lines that no sentence speaks of, or that the text calls equal to budget."""
        net = self.facts.level("net", "budget", "year") or self.facts.level("net", "budget", "period")
        for line, row in sorted(self.facts.lines.items(), key=lambda item: item[1]):
            described = self.facts.table.rows[row]
            if described.is_total or described.is_detail or net is None:
                continue
            silent: list[tuple[Scope, _Fact]] = []
            scopes: tuple[Scope, ...] = ("year", "period")
            for scope in scopes:
                fact, budget = self.facts.deviation(line, scope), self.facts.level(line, "budget", scope)
                if fact is None or budget is None:
                    continue
                least = min(_sizes(fact.low, fact.high))
                if least < abs(net.middle) * self.materiality.of_net or least < abs(budget.middle) * self.materiality.of_line:
                    continue
                if not self._is_mentioned(line, scope, 1 if fact.middle > 0 else -1):
                    silent.append((scope, fact))
            if silent:
                shown = _both(self._direction_shown(line, scope, fact) for scope, fact in silent)
                even = any((line, scope) in self.declared_even for scope, _ in silent)
                says = (
                    Text(sv="texten säger ”i linje med budget”", en="the text says ‘in line with budget’")
                    if even
                    else Text(sv="texten nämner den inte", en="the text does not mention it")
                )
                self.claims.append(
                    Claim(
                        "unexplained",
                        "unexplained",
                        "",
                        None,
                        says,
                        shown,
                        (line,),
                        tuple(s for s, _ in silent),
                        None,
                        silent[0][1].middle,
                    )
                )

    def _is_mentioned(self, line: str, scope: Scope, sign: int) -> bool:
        if (line, scope) in self.declared_even:
            return False
        if any(found[:2] == (line, scope) and found[2] in (0, sign) for found in self.mentioned):
            return True
        # What is said of income or cost as a whole covers the lines that move the same way.
        total = {"income": "total_income", "cost": "total_cost"}.get(self._kind(line))
        return total is not None and (total, scope, sign) in self.mentioned


_SAME = (
    r"samma som budget\w*|i linje med (?:\w+\s+)?budget\w*|i nivå med (?:\w+\s+)?budget\w*|enligt budget|följer budget\w*|"
    r"motsvarar budget\w*|ingen avvikelse|budget i balans|oförändrad\w* (?:mot|jämfört med) budget\w*"
)


@dataclass(frozen=True)
class _Direction:
    """A direction found in a sentence: the clause around it, and what the words claim."""

    word: str  # lower, higher, surplus, deficit, favourable, unfavourable, same
    said: str
    clause: str
    start: int  # of the clause in the sentence
    at: int  # of the words in the clause
    adjective: bool = False
    needs_line: bool = False


_DIRECTIONS: list[tuple[str, re.Pattern[str], bool, bool]] = [
    ("same", re.compile(_SAME, re.I), False, True),
    (
        "lower",
        re.compile(
            r"lägre än (?:\w+\s+){0,2}budget\w*|mindre än (?:\w+\s+)?budget\w*|"
            r"(?:understig|underskrid)er\b(?=[^.]*budget)|under budget",
            re.I,
        ),
        False,
        True,
    ),
    (
        "higher",
        re.compile(r"högre än (?:\w+\s+){0,2}budget\w*|(?:överstig|överskrid)er\b(?=[^.]*budget)|över budget", re.I),
        False,
        True,
    ),
    ("lower", re.compile(r"\b(?:lägre|minskade) (?=(?:\w+\s+)?\w*(?:kostnad|intäkt|hyr))", re.I), True, False),
    ("higher", re.compile(r"\b(?:högre|ökade) (?=(?:\w+\s+)?\w*(?:kostnad|intäkt|hyr))", re.I), True, False),
    ("lower", re.compile(r"\b(?:avsaknad (?:av|ev)|uteblivna|saknade) (?=(?:\w+\s+)?intäkt)", re.I), True, False),
    ("surplus", re.compile(r"\böverskott\w*", re.I), False, False),
    ("deficit", re.compile(r"\bunderskott\w*", re.I), False, False),
    ("favourable", re.compile(r"\bpositiv avvikelse", re.I), False, False),
    ("unfavourable", re.compile(r"\bnegativ avvikelse", re.I), False, False),
]


def _directions_in(text: str) -> Iterator[_Direction]:
    breaks = [0, *(match.start() for match in _BREAK.finditer(text)), len(text)]
    taken: list[tuple[int, int]] = []
    for word, pattern, adjective, needs_line in _DIRECTIONS:
        for match in pattern.finditer(text):
            if any(start < match.end() and match.start() < end for start, end in taken):
                continue
            taken.append(match.span())
            start = max(b for b in breaks if b <= match.start())
            end = min(b for b in breaks if b >= match.end())
            clause = text[start:end]
            said = match[0].strip()
            if adjective:
                said += " " + " ".join(re.findall(r"\w+", text[match.end() :])[:1])
            yield _Direction(word, said, clause, start, match.start() - start, adjective, needs_line)


def _word(match: re.Match[str]) -> str:
    """Return the matched words up to the end of the last one."""
    rest = re.match(r"\w*", match.string[match.end() :])
    return match[0] + (rest[0] if rest else "")


def _covers(outer: re.Match[str], inner: re.Match[str]) -> bool:
    return outer.start() <= inner.start() and inner.end() <= outer.end() and outer.span() != inner.span()


def _sizes(low: Decimal, high: Decimal) -> tuple[Decimal, Decimal]:
    """Return the interval of the absolute value."""
    if low <= 0 <= high:
        return Decimal(0), max(-low, high)
    return min(abs(low), abs(high)), max(abs(low), abs(high))


def _number(value: Decimal, lang: str) -> str:
    """Return an amount with the decimals that it needs, at most one."""
    value = value.quantize(Decimal("0.1"))
    return format_number(value, lang, 0 if value == value.to_integral_value() else 1)


def _both(texts: Iterable[Text]) -> Text:
    texts = list(texts)
    return Text(sv="; ".join(text.sv for text in texts), en="; ".join(text.en for text in texts))
