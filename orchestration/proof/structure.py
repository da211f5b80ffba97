"""Which rows are totals of which, which columns are differences, and in which sign the table is printed.

What belongs here: the linear relations that the unrounded amounts must satisfy, each with its basis: the labels, or inferred from
the numbers where labels say nothing. What does not: whether the printed numbers can satisfy them (`arithmetic`).

The signs in a relation (deviation = outcome − budget or the opposite; net = income + cost, or income − cost where both are
printed positive) are always taken from the numbers, because labels do not say them. A relation that a label states but most
columns break is not used to accuse single cells: it is `unconfirmed`, and said.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from itertools import combinations, product
from math import log10
from typing import Literal

from orchestration.errors import Text
from orchestration.proof.model import CellId, PrintedTable

SignStyle = Literal["natural", "ledger", "unsigned", "unknown"]

#: Evidence (orders of magnitude against chance) that an inferred relation must have.
MIN_EVIDENCE = 6.0
_MAX_ALTERNATIVES = 100
_MAX_INFERRED = 20  # rows in a total that no label names


@dataclass(frozen=True)
class Relation:
    """target = Σ coefficient × cell, between unrounded amounts. All cells lie in one column (sum) or one row (difference)."""

    kind: Literal["sum", "difference"]
    target: CellId
    terms: tuple[tuple[int, CellId], ...]
    inferred: bool = False

    @property
    def cells(self) -> tuple[CellId, ...]:
        """Target and terms."""
        return (self.target, *(cell for _, cell in self.terms))


@dataclass(frozen=True)
class TotalRow:
    """Row `target` is Σ sign × row in every column of amounts."""

    target: int
    terms: tuple[tuple[int, int], ...]
    inferred: bool
    held: int
    of: int


@dataclass(frozen=True)
class DifferenceColumn:
    """Column `target` is sign × (plus − minus) in every row; the sign may differ between rows (`signs`, one per row)."""

    target: int
    plus: int
    minus: int
    signs: tuple[int, ...]
    inferred: bool
    held: int
    of: int


@dataclass
class Structure:
    """How a table was understood. `broken` are the relations that the printed numbers break even when rounding is allowed for.

    `misfits` counts these and the places where labelled relations that were given up (`unconfirmed`) do not hold.
    """

    totals: list[TotalRow]
    differences: list[DifferenceColumn]
    sign_style: SignStyle
    sign_basis: Literal["heading", "numbers", "none"]
    relations: list[Relation]
    broken: list[Relation]
    unconfirmed: list[Text]
    misfits: int = 0
    statements: list[Text] = field(default_factory=list)  # set by `prove` for the reading it settled on
    alternatives: list[Structure] = field(default_factory=list)


def difference(table: PrintedTable, relation: Relation) -> Decimal | None:
    """Return printed target − printed terms, in the table's unit; None where a cell was left empty."""
    if any(cell not in table.cells for cell in relation.cells):
        return None
    return table.cells[relation.target].value - sum((c * table.cells[cell].value for c, cell in relation.terms), Decimal(0))


def reach(table: PrintedTable, relation: Relation) -> Decimal:
    """Return the largest |difference| that rounding alone can make (its closed bound)."""
    return sum((table.cells[cell].half for cell in relation.cells), Decimal(0))


def recognise(table: PrintedTable, *, alternatives: bool = True) -> Structure:
    """Return the relations of a table, from its labels and, where they do not say, from its numbers.

    `alternatives`: also return the readings of signs that fit equally well or break one place more (`Structure.alternatives`).
    """
    style, basis = _sign_style(table)
    given_up: list[tuple[int, Text]] = []
    totals = _totals(table, style, given_up)
    difference_options = _differences(table, style, totals, given_up)
    unconfirmed = [text for _, text in given_up]
    structures = []
    for chosen_totals in product(*totals):
        for chosen in product(*difference_options):
            structures.append(_assemble(table, list(chosen_totals), list(chosen), style, basis, unconfirmed))
            if not alternatives or len(structures) >= _MAX_ALTERNATIVES:
                break
        if not alternatives or len(structures) >= _MAX_ALTERNATIVES:
            break
    structures.sort(key=lambda structure: len(structure.broken))  # stable: the preferred reading stays first among equals
    best = structures[0]
    best.alternatives = structures[1:]
    best.misfits = len(best.broken) + sum(misses for misses, _ in given_up)
    return best


def amount_columns(table: PrintedTable) -> list[int]:
    """Return the columns that hold amounts (not percentages)."""
    return [index for index, column in enumerate(table.columns) if column.measure != "percent"]


def _base_columns(table: PrintedTable) -> list[int]:
    return [index for index in amount_columns(table) if table.columns[index].measure != "deviation"]


def _sign_style(table: PrintedTable) -> tuple[SignStyle, Literal["heading", "numbers", "none"]]:
    def majority(kind: str) -> int:
        found = [
            table.cells[row, column].value > 0
            for row, described in enumerate(table.rows)
            for column in _base_columns(table)
            if described.kind == kind and (row, column) in table.cells and table.cells[row, column].value
        ]
        positive = sum(found)
        # Corrections turn single cells; only a clear majority tells the style.
        return (
            1
            if positive * 3 >= len(found) * 2 and positive > 2
            else -1
            if positive * 3 <= len(found) and len(found) - positive > 2
            else 0
        )

    income, cost = majority("income"), majority("cost")
    by_numbers: SignStyle = "unknown"
    if income and cost:
        by_numbers = "natural" if income > cost else "ledger" if income < cost else "unsigned"
    if table.sign_hint and by_numbers in ("unknown", table.sign_hint):
        return table.sign_hint, "heading"
    if by_numbers == "unknown" and not any(row.kind == "income" for row in table.rows) and cost < 0:
        return "natural", "numbers"
    return by_numbers, "numbers" if by_numbers != "unknown" else "none"


# Totals


def _misfit(table: PrintedTable, target: int, terms: tuple[tuple[int, int], ...], columns: list[int]) -> tuple[int, int, float]:
    """Return (columns that hold, columns that can be tested, evidence) of a total over columns of amounts."""
    held = of = 0
    evidence = 0.0
    for column in columns:
        relation = Relation("sum", (target, column), tuple((sign, (row, column)) for sign, row in terms))
        gap = difference(table, relation)
        if gap is None:
            continue
        of += 1
        allowed = reach(table, relation)
        if abs(gap) <= allowed:
            held += 1
            nonzero = sum(1 for _, row in terms if table.cells[row, column].value)
            if nonzero >= 2:
                evidence += log10(max(1.0, float(abs(table.cells[target, column].value) / (2 * allowed + 1))))
    return held, of, evidence


def _sign_patterns(table: PrintedTable, rows: tuple[int, ...], style: SignStyle) -> list[tuple[tuple[int, int], ...]]:
    plain = tuple((1, row) for row in rows)
    kinds = {table.rows[row].kind for row in rows}
    if not {"income", "cost"} <= kinds:
        return [plain]
    minus_cost = tuple((-1 if table.rows[row].kind == "cost" else 1, row) for row in rows)
    minus_income = tuple((-1 if table.rows[row].kind == "income" else 1, row) for row in rows)
    # The style only ranks: a year of negative income must not make the sums wrong.
    return [plain, minus_cost, minus_income] if style in ("natural", "ledger") else [minus_cost, minus_income, plain]


def _totals(table: PrintedTable, style: SignStyle, given_up: list[tuple[int, Text]]) -> list[list[TotalRow]]:
    """Return per total row its reading, with readings that fit as well, or nearly, after it."""
    columns = _base_columns(table) or amount_columns(table)
    stack: list[int] = []
    out: list[list[TotalRow]] = []
    for index, row in enumerate(table.rows):
        if row.is_detail or not any((index, column) in table.cells for column in columns):
            continue
        suffixes = [tuple(stack[start:]) for start in range(len(stack))]  # longest first
        options: list[tuple[int, TotalRow]] = []
        if row.is_total and suffixes:
            for rank, rows in enumerate(_by_label(table, index, suffixes)):
                patterns = []
                for terms in _sign_patterns(table, rows, style):
                    held, of, _ = _misfit(table, index, terms, columns)
                    patterns.append((of - held, TotalRow(index, terms, False, held, of)))
                patterns.sort(key=lambda pattern: pattern[0])
                # The label names the rows: it stands unless the numbers break it in more than half of the columns.
                misses, best = patterns[0]
                options += [(rank if misses * 2 <= best.of else 1000 + misses * 100 + rank, best)]
                options += [(options[-1][0], total) for missed, total in patterns[1:] if missed <= misses + 1]
            options.sort(key=lambda option: option[0])
            first = options[0]
            equals = [total for score, total in options if score == first[0]]
            best = equals[0]
            if first[0] >= 1000 and best.of >= 3:
                of = best.of
                misses = of - best.held
                text = Text(
                    sv=f"”{row.label}” är inte summan av raderna ovanför i {misses} av {of} kolumner. En rad kan saknas.",
                    en=f"“{row.label}” is not the sum of the rows above it in {misses} of {of} columns. A row may be missing.",
                )
                given_up.append((misses, text))
                stack.append(index)
                continue
            out.append(equals)
            rows = tuple(r for _, r in best.terms)
            stack = [r for r in stack if r not in rows] + [index]
            continue
        if row.key is None and not row.is_total:
            inferred = _infer_total(table, index, [s for s in suffixes if 2 <= len(s) <= _MAX_INFERRED], style, columns)
            if inferred:
                out.append([inferred])
                stack = [r for r in stack if r not in {r for _, r in inferred.terms}] + [index]
                continue
        stack.append(index)
    return out


def _by_label(table: PrintedTable, index: int, suffixes: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Return the candidate terms of a total, the reading that its label suggests first."""
    row, stack = table.rows[index], suffixes[0]
    lines = next((suffix for suffix in suffixes if not any(table.rows[r].is_total for r in suffix)), ())
    same = tuple(r for r in lines if table.rows[r].kind == row.kind)
    contiguous = same == lines[len(lines) - len(same) :]
    if row.kind == "net":
        preferred = stack
    elif row.kind in ("income", "cost") and same and contiguous and any(table.rows[r].kind in ("income", "cost") for r in lines):
        others = [r for r in lines if r not in same]
        preferred = same if any(table.rows[r].kind in ("income", "cost") for r in others) else lines
    else:
        preferred = lines or stack
    rest = [suffix for suffix in suffixes if suffix != preferred and (len(suffix) > 1 or suffix == lines)]
    return [preferred, *rest]


def _infer_total(
    table: PrintedTable, index: int, suffixes: list[tuple[int, ...]], style: SignStyle, columns: list[int]
) -> TotalRow | None:
    best: tuple[float, TotalRow] | None = None
    for rows in suffixes:
        for terms in _sign_patterns(table, rows, style):
            held, of, evidence = _misfit(table, index, terms, columns)
            if of - held <= (1 if of >= 3 else 0) and evidence >= MIN_EVIDENCE and (best is None or evidence > best[0]):
                best = (evidence, TotalRow(index, terms, True, held, of))
    return best[1] if best else None


# Differences


def _differences(
    table: PrintedTable, style: SignStyle, totals: list[list[TotalRow]], given_up: list[tuple[int, Text]]
) -> list[list[DifferenceColumn]]:
    """Return per difference column its reading, with readings of the sign that fit as well, or nearly, after it."""
    out: list[list[DifferenceColumn]] = []
    rows = range(len(table.rows))
    plain = tuple(1 for _ in rows)
    patterns = [plain, tuple(-sign for sign in plain)]
    if style == "ledger":
        patterns.reverse()
    # Favourable or not in every row alike: the sign follows income and cost, and the net line as it is added up.
    kinds = []
    for net in _net_signs(table, totals):
        by_kind = tuple({"cost": -1, "net": net}.get(table.rows[row].kind, 1) for row in rows)
        kinds += [by_kind, tuple(-sign for sign in by_kind)]
    patterns = [*kinds, *patterns] if style == "unsigned" else [*patterns, *kinds]
    patterns = list(dict.fromkeys(patterns))

    def fit(target: int, plus: int, minus: int, signs: tuple[int, ...]) -> tuple[int, int, float]:
        held = of = 0
        evidence = 0.0
        for row in rows:
            gap = difference(table, _difference_relation(row, target, plus, minus, signs[row]))
            if gap is None:
                continue
            of += 1
            if abs(gap) <= reach(table, _difference_relation(row, target, plus, minus, signs[row])):
                held += 1
                if table.cells[row, plus].value and table.cells[row, minus].value:
                    evidence += log10(max(1.0, float(abs(table.cells[row, target].value) / 4)))
        return held, of, evidence

    bases = _base_columns(table)
    for target, column in enumerate(table.columns):
        if column.measure == "percent":
            continue
        if column.measure == "deviation":
            pairs = _pairs_by_label(table, target)
            labelled = bool(pairs)
            if not pairs:
                pairs = [(a, b) for a in bases for b in bases if a < b]
            options = []
            for plus, minus in pairs:
                for rank, signs in enumerate(patterns):
                    held, of, _ = fit(target, plus, minus, signs)
                    if of:
                        options.append((of - held, rank, DifferenceColumn(target, plus, minus, signs, not labelled, held, of)))
            if not options:
                continue
            options.sort(key=lambda option: option[:2])
            misses, _, best = options[0]
            if (misses * 2 > best.of and best.of >= 3) or (not labelled and misses * 2 >= best.of):
                text = Text(
                    sv=f"”{column.label}” är inte skillnaden mellan två kolumner i {misses} av {best.of} rader.",
                    en=f"“{column.label}” is not the difference of two columns in {misses} of {best.of} rows.",
                )
                given_up.append((misses, text))
                continue
            equals = [found for missed, _, found in options if missed <= misses + 1 and (labelled or found.of == best.of)]
            out.append(equals[:8])
        elif column.measure is None:
            unlabelled = [c for c in bases if c < target and table.columns[c].measure is None]
            found: list[tuple[int, float, DifferenceColumn]] = []
            for plus, minus in combinations(unlabelled, 2):
                for signs in patterns:
                    held, of, evidence = fit(target, plus, minus, signs)
                    if of - held <= (1 if of >= 3 else 0) and evidence >= MIN_EVIDENCE:
                        found.append((held - of, evidence, DifferenceColumn(target, plus, minus, signs, True, held, of)))
            if found:
                out.append([max(found, key=lambda item: item[:2])[2]])
    return out


def _net_signs(table: PrintedTable, totals: list[list[TotalRow]]) -> list[int]:
    """Return 1 if the net line is income − cost, −1 if it is cost − income (nettokostnad), both where the table does not say."""
    for options in totals:
        if table.rows[options[0].target].kind != "net":
            continue
        found = []
        for total in options:
            if total.held < options[0].held:
                continue
            signs = {(table.rows[row].kind, sign) for sign, row in total.terms}
            if ("income", -1) in signs or (("cost", 1) in signs and not any(kind == "income" for kind, _ in signs)):
                found.append(-1)
            elif ("cost", -1) in signs:
                found.append(1)
            else:
                found += [1, -1]
        return list(dict.fromkeys(found))
    return [1, -1]


def _pairs_by_label(table: PrintedTable, target: int) -> list[tuple[int, int]]:
    """Return (actual, budget) column pairs that a deviation's label speaks of; none where it does not say."""
    scope = table.columns[target].scope
    if scope == "year":
        actual = table.column_of("forecast", "year")
        actual = table.column_of("outcome", "year") if actual is None else actual
        budget = table.column_of("budget", "year")
    elif scope == "period":
        actual, budget = table.column_of("outcome", "period"), table.column_of("budget", "period")
    else:
        actuals = [c for c, column in enumerate(table.columns) if column.measure in ("outcome", "forecast")]
        budgets = [c for c, column in enumerate(table.columns) if column.measure == "budget"]
        if len(actuals) != 1 or len(budgets) != 1:
            return []
        actual, budget = actuals[0], budgets[0]
    return [] if actual is None or budget is None else [(actual, budget)]


def _difference_relation(row: int, target: int, plus: int, minus: int, sign: int, inferred: bool = False) -> Relation:
    return Relation("difference", (row, target), ((sign, (row, plus)), (-sign, (row, minus))), inferred)


# Relations


def _assemble(
    table: PrintedTable,
    totals: list[TotalRow],
    differences: list[DifferenceColumn],
    style: SignStyle,
    basis: Literal["heading", "numbers", "none"],
    unconfirmed: list[Text],
) -> Structure:
    signs = {found.target: found.signs for found in differences}
    relations = []
    for total in totals:
        for column in amount_columns(table):
            if table.columns[column].measure == "deviation" and column not in signs:
                continue
            # d_row = s_row (a_row − b_row), so in a column of differences a total's signs are turned by s_total × s_row.
            turn = signs.get(column)
            signed = total.terms
            if turn is None and table.columns[column].measure is None and len({sign for sign, _ in signed}) > 1:
                # Nothing says whether this column holds amounts or differences, whose signs a total may add otherwise.
                patterns = [total.terms, *_sign_patterns(table, tuple(row for _, row in signed), style)]
                signed = max(patterns, key=lambda pattern: _misfit(table, total.target, pattern, [column])[0])
            terms = tuple((sign * (turn[total.target] * turn[row] if turn else 1), (row, column)) for sign, row in signed)
            relations.append(Relation("sum", (total.target, column), terms, total.inferred))
    for found in differences:
        relations += [
            _difference_relation(row, found.target, found.plus, found.minus, found.signs[row], found.inferred)
            for row in range(len(table.rows))
            if (row, found.target) in table.cells
        ]
    broken = []
    for relation in relations:
        gap = difference(table, relation)
        if gap is not None and abs(gap) > reach(table, relation):
            broken.append(relation)
    return Structure(totals, differences, style, basis, relations, broken, unconfirmed)


def describe(table: PrintedTable, structure: Structure) -> list[Text]:
    """Return in words how a table was understood."""
    out = []
    names = {
        "natural": Text(sv="intäkter +, kostnader −", en="income +, cost −"),
        "ledger": Text(sv="intäkter −, kostnader + (bokföringens tecken)", en="income −, cost + (the ledger's sign)"),
        "unsigned": Text(sv="intäkter och kostnader båda utan tecken", en="income and cost both without sign"),
        "unknown": Text(sv="okänt", en="unknown"),
    }
    source = {
        "heading": Text(sv="ur rubriken", en="from the heading"),
        "numbers": Text(sv="ur talen", en="from the numbers"),
        "none": Text(sv="inget i tabellen säger det", en="nothing in the table says it"),
    }
    style, basis = names[structure.sign_style], source[structure.sign_basis]
    out.append(Text(sv=f"Tecken: {style.sv} ({basis.sv})", en=f"Sign: {style.en} ({basis.en})"))
    for total in structure.totals:
        terms = _joined([(sign, table.rows[row].label) for sign, row in total.terms])
        out.append(
            _stated(f"{table.rows[total.target].label} = {terms}", total.inferred, total.held, total.of, "kolumner", "columns")
        )
    for found in structure.differences:
        plus, minus = (
            table.columns[found.plus].label or str(found.plus + 1),
            table.columns[found.minus].label or str(found.minus + 1),
        )
        label = table.columns[found.target].label or str(found.target + 1)
        if len(set(found.signs)) > 1:
            terms = f"± ({plus} − {minus})"
        else:
            terms = f"{plus} − {minus}" if found.signs[0] > 0 else f"{minus} − {plus}"
        out.append(_stated(f"{label} = {terms}", found.inferred, found.held, found.of, "rader", "rows"))
    percent = [column.label for column in table.columns if column.measure == "percent"]
    if percent:
        out.append(Text(sv=f"Prövas inte (procent): {', '.join(percent)}", en=f"Not proved (percentages): {', '.join(percent)}"))
    details = [row.label for row in table.rows if row.is_detail]
    if details:
        out.append(
            Text(sv=f"Ingår inte i summor (varav): {', '.join(details)}", en=f"Not in totals (of which): {', '.join(details)}")
        )
    return out


def _joined(terms: list[tuple[int, str]]) -> str:
    text = " ".join(("+ " if sign > 0 else "− ") + label for sign, label in terms)
    return text[2:] if text.startswith("+ ") else text


def _stated(text: str, inferred: bool, held: int, of: int, sv: str, en: str) -> Text:
    return Text(
        sv=f"{text} ({'slutet ur talen' if inferred else 'ur etiketterna'}; stämmer i {held} av {of} {sv})",
        en=f"{text} ({'inferred from the numbers' if inferred else 'from the labels'}; holds in {held} of {of} {en})",
    )
