"""Can the printed numbers of a table be true together? If not, which cells must be wrong, and what should stand there?

What belongs here: the proof. What does not: reading a table, or understanding its labels.

A printed number is a rounding of an unrounded amount. Whether any set of unrounded amounts satisfies every relation of the table
and prints like this is a linear feasibility problem in the rounding errors e, |e| ≤ half a step: for each relation
Σ a·e = −(printed target − printed terms). All data are small integers after scaling, so the solver's answer is safe.

* *Possible* is never only the solver's word: the amounts it found are put through every relation and rounded again in exact
  arithmetic (`Proof.witness`).
* Amounts exactly at half a step round by a convention that the table does not tell (half away from zero, half to even, half
  up). A table that only such amounts can explain is possible, with a warning.
* *Impossible*: the smallest sets of cells whose release makes the rest possible, all of them. Every contradiction (a broken
  relation, or a Farkas certificate from the solver's duals when several relations contradict each other together) must be hit
  by one of its cells; the minimum hitting sets are found by depth-first search with new contradictions on demand (Reiter's
  HS-tree), so no big-M constant blurs the answer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any, Literal

from orchestration.errors import Text
from orchestration.proof.model import UNITS, CellId, PrintedTable
from orchestration.proof.numbers import format_number
from orchestration.proof.structure import Relation, Structure, describe, difference, reach, recognise

Verdict = Literal["exact", "rounding", "improbable", "tie", "impossible"]
Mode = Literal["half_even", "half_away", "half_up"]
MODES: tuple[Mode, ...] = ("half_even", "half_away", "half_up")

#: A residual less probable than this is a warning (domain rule: p < 1 %).
IMPROBABLE = 0.01
MAX_WRONG = 8
MAX_SETS = 60
MAX_PROGRAMS = 1000
MAX_STEPS = 50_000
_READINGS = 8
_EPS = 1e-6
_OTHER_SIGNS = Text(
    sv="läser tecknen i tabellen på ett annat sätt, som passar lika bra",
    en="reads the table's signs in another way that fits as well",
)


@dataclass(frozen=True)
class Check:
    """One relation against the print: `gap` is printed target − printed terms, `probability` that of such a |gap| by rounding."""

    relation: Relation
    gap: Decimal
    verdict: Verdict
    probability: float


@dataclass(frozen=True)
class WrongCell:
    """A cell of one set of wrong cells.

    `low` and `high` bound the unrounded amount if only the cells of this set are wrong (None: nothing in the table bounds it);
    `values` are the numbers that could be printed there, (lowest, highest); `value` is the one that the neighbours give. A
    cell that is no `root` repeats an error: it agrees with `follows`, the wrong cell that it was calculated from. `slip` names
    a usual slip of the pen that leads from a possible value to the printed one.
    """

    cell: CellId
    printed: Decimal
    low: Decimal | None
    high: Decimal | None
    values: tuple[Decimal, Decimal] | None
    value: Decimal | None
    root: bool
    follows: CellId | None = None
    slip: Text | None = None


@dataclass(frozen=True)
class WrongSet:
    """One smallest set of cells that must be wrong together. `reasons` say why it ranks where it does."""

    cells: tuple[WrongCell, ...]
    reasons: tuple[Text, ...] = ()
    rank: tuple[int, ...] = ()

    @property
    def ids(self) -> frozenset[CellId]:
        """The cells' positions."""
        return frozenset(wrong.cell for wrong in self.cells)

    def find(self, cell: CellId) -> WrongCell | None:
        """Return the wrong cell at this position, if the set has it."""
        return next((wrong for wrong in self.cells if wrong.cell == cell), None)


@dataclass(frozen=True)
class Headline:
    """What a wrong cell does to the figure people quote: the net line in millions, one decimal."""

    cell: CellId
    printed: Decimal
    corrected: tuple[Decimal, Decimal]


@dataclass
class Proof:
    """The verdict on a table.

    `possible`: some set of unrounded amounts prints like this. `wrong_sets`: all smallest sets of wrong cells, the likeliest
    first (empty when possible); `complete` is False when there were more than could be listed. `witness`: unrounded amounts,
    in the table's unit, that print like this. `mode` is the rounding convention they need (None: any).
    """

    table: PrintedTable
    structure: Structure
    checks: list[Check]
    possible: bool
    wrong_sets: list[WrongSet] = field(default_factory=list)
    complete: bool = True
    witness: dict[CellId, Fraction] = field(default_factory=dict)
    mode: Mode | None = None
    headlines: list[Headline] = field(default_factory=list)

    @property
    def warnings(self) -> list[Check]:
        """Residuals that are possible but improbable."""
        return [check for check in self.checks if check.verdict in ("improbable", "tie")]

    @property
    def errors(self) -> list[Check]:
        """Relations that no rounding explains."""
        return [check for check in self.checks if check.verdict == "impossible"]

    @property
    def decided(self) -> bool:
        """Whether one set of wrong cells stands before all others."""
        return bool(self.wrong_sets) and (len(self.wrong_sets) == 1 or self.wrong_sets[0].rank[:3] < self.wrong_sets[1].rank[:3])

    @property
    def ok(self) -> bool:
        """Possible, and nothing that the labels say is contradicted by the numbers."""
        return self.possible and not self.structure.unconfirmed

    @property
    def exit_code(self) -> int:
        """0 no cell is impossible; 1 some is, or a labelled total contradicts the whole table; 2 nothing could be proved."""
        if not self.ok:
            return 1
        return 0 if self.checks else 2


def prove(table: PrintedTable) -> Proof:
    """Prove a printed table. A 9 × 6 table takes well under a second."""
    structure = recognise(table)
    proof, system, relaxation = _try(table, structure)
    # Signs that the numbers leave open (rows of zeros) must not make a table wrong: any equally good reading may explain it.
    for alternative in structure.alternatives:
        if proof.possible or len(alternative.broken) > len(structure.broken):
            break
        other, other_system, other_relaxation = _try(table, alternative)
        if other.possible:
            proof, system, relaxation = other, other_system, other_relaxation
    if not proof.possible:
        sets, proof.complete = _minimum_sets(system, relaxation)
        readings = [(proof, system, sets)]
        # A wrong cell can also mislead the choice of signs: of two readings, the one that needs fewer wrong cells is believed.
        for alternative in structure.alternatives[:_READINGS]:
            if len(alternative.broken) > len(structure.broken) + 1:
                break
            other, other_system, other_relaxation = _try(table, alternative)
            other_sets, other.complete = _minimum_sets(other_system, other_relaxation)
            if other.complete:
                readings.append((other, other_system, other_sets))
        size = min(len(found[0]) for _, _, found in readings)
        readings = [reading for reading in readings if len(reading[2][0]) == size]
        proof = readings[0][0]
        for other, other_system, other_sets in readings:
            seen = {found.ids for found in proof.wrong_sets}
            ranked = _ranked(table, other.structure, other_system, [found for found in other_sets if found not in seen])
            proof.wrong_sets += ranked if other is proof else [replace(found, reasons=(_OTHER_SIGNS,)) for found in ranked]
        proof.headlines = _headlines(table, proof)
    proof.structure.statements = describe(table, proof.structure)
    return proof


def _try(table: PrintedTable, structure: Structure) -> tuple[Proof, _System, _Relaxed]:
    system = _System(table, structure.relations)
    relaxed = system.relax(frozenset())
    proof = Proof(table, structure, _checks(table, structure), relaxed.feasible)
    if relaxed.feasible:
        proof.mode = relaxed.mode
        proof.witness = _witness(table, structure, system, relaxed)
    return proof, system, relaxed


# One relation at a time


@lru_cache(maxsize=4096)
def tail_probability(terms: int, gap: int) -> float:
    """Return P(|D| ≥ gap) for D = round(Σ of `terms` errors uniform on (−½, ½)): the Irwin–Hall distribution, exact."""
    if gap <= 0:
        return 1.0
    x = Fraction(terms, 2) - gap + Fraction(1, 2)  # P(Σe ≥ gap − ½) = P(IrwinHall ≤ n/2 − gap + ½)
    if x <= 0:
        return 0.0
    total = sum((-1) ** k * math.comb(terms, k) * (x - k) ** terms for k in range(math.floor(x) + 1))
    return float(2 * total / math.factorial(terms))


def _checks(table: PrintedTable, structure: Structure) -> list[Check]:
    checks = []
    for relation in structure.relations:
        gap = difference(table, relation)
        if gap is None:
            continue
        allowed = reach(table, relation)
        halves = {table.cells[cell].half for cell in relation.cells}
        probability = 1.0
        verdict: Verdict = "exact" if gap == 0 else "rounding"
        if abs(gap) > allowed:
            verdict, probability = "impossible", 0.0
        elif gap and len(halves) == 1:
            step = 2 * halves.pop()
            probability = tail_probability(len(relation.terms), int(abs(gap) / step))
            verdict = "tie" if probability == 0 else "improbable" if probability < IMPROBABLE else "rounding"
        checks.append(Check(relation, gap, verdict, probability))
    return checks


# The whole table at once


@dataclass
class _Relaxed:
    """The table with some cells released: can the rest be true? If not, one more of the cells in `conflict` must be wrong."""

    feasible: bool
    mode: Mode | None
    errors: Any
    conflict: frozenset[CellId]


class _System:
    """Σ a·e = −gap for every relation, in steps of the finest printed decimal. Blank cells are free."""

    def __init__(self, table: PrintedTable, relations: list[Relation]) -> None:
        import numpy
        from scipy.sparse import csr_array

        self.table = table
        self.relations = relations
        self.cells: list[CellId] = sorted({cell for relation in relations for cell in relation.cells})
        self.index = {cell: i for i, cell in enumerate(self.cells)}
        self.decimals = max((cell.decimals for cell in table.cells.values()), default=0)
        self.programs = 0
        entries: dict[tuple[int, int], int] = {}
        for r, relation in enumerate(relations):
            for sign, cell in ((1, relation.target), *((-sign, term) for sign, term in relation.terms)):
                entries[r, self.index[cell]] = entries.get((r, self.index[cell]), 0) + sign
        self.matrix = csr_array(
            (list(entries.values()), ([r for r, _ in entries], [i for _, i in entries])), shape=(len(relations), len(self.cells))
        )
        self.printed = [int(table.cells[cell].value.scaleb(self.decimals)) if cell in table.cells else 0 for cell in self.cells]
        self.half = [
            float(table.cells[cell].half.scaleb(self.decimals)) if cell in table.cells else math.inf for cell in self.cells
        ]
        self.gap = self.matrix @ numpy.array(self.printed, dtype=float)

    def _solve(self, objective: Any, upper: Any, limits: Any, bounds: Sequence[tuple[float | None, float | None]]) -> Any:
        from scipy.optimize import linprog
        from scipy.sparse import csr_array, hstack

        self.programs += 1
        equal = hstack([self.matrix, csr_array((len(self.relations), 1))])
        return linprog(objective, A_ub=upper, b_ub=limits, A_eq=equal, b_eq=-self.gap, bounds=bounds, method="highs")

    def relax(self, released: frozenset[CellId]) -> _Relaxed:
        """Release some cells and see whether the others can be true together under one rounding convention."""
        import numpy

        n = len(self.cells)
        if not n:
            return _Relaxed(True, None, [], frozenset())
        bounded = [i for i, cell in enumerate(self.cells) if cell not in released and math.isfinite(self.half[i])]
        if not bounded:
            return _Relaxed(True, None, self._any(), frozenset())
        # Maximise the margin t that every |e| keeps to its half step: t > 0 possible, t < 0 impossible, t = 0 only at the ties.
        upper = self._ends([(i, sign, True) for i in bounded for sign in (1, -1)])
        limits = numpy.repeat([self.half[i] for i in bounded], 2)
        objective = numpy.zeros(n + 1)
        objective[n] = -1
        result = self._solve(objective, upper, limits, [(None, None)] * n + [(None, None)])
        if result.status != 0:
            raise RuntimeError(f"The margin program did not solve: {result.message}")
        margin = result.x[n]
        if margin > _EPS:
            return _Relaxed(True, None, result.x[:n], frozenset())
        if margin > -_EPS:
            for mode in MODES:
                errors = self._ties(bounded, mode)
                if errors is not None:
                    return _Relaxed(True, mode, errors, frozenset())
            # Which tie cannot be is not in the duals: any of the cells may be wrong.
            conflict = self._tie_conflict(released) or frozenset(self.cells[i] for i in bounded)
            return _Relaxed(False, None, None, conflict)
        weights = self.matrix.T @ result.eqlin.marginals
        support = frozenset(self.cells[i] for i in bounded if abs(weights[i]) > 1e-9)
        return _Relaxed(False, None, None, support)

    def _ends(self, ends: list[tuple[int, int, bool]]) -> Any:
        """Return rows sign × e + t (the margin only where it counts) for (cell, sign, counts)."""
        from scipy.sparse import csr_array

        n = len(self.cells)
        rows = [row for row, (_, _, counts) in enumerate(ends) for _ in range(1 + counts)]
        columns = [column for i, _, counts in ends for column in ([i, n] if counts else [i])]
        data = [value for _, sign, counts in ends for value in ([sign, 1] if counts else [sign])]
        return csr_array((data, (rows, columns)), shape=(len(ends), n + 1))

    def _any(self) -> Any:
        import numpy

        n = len(self.cells)
        return self._solve(numpy.zeros(n + 1), None, None, [(None, None)] * n + [(0, 0)]).x[:n]

    def _closed(self, i: int, mode: Mode) -> tuple[bool, bool]:
        """Whether the lower and the upper end of a cell's interval still print as the cell does."""
        cell = self.table.cells[self.cells[i]]
        if cell.exact:
            return True, True
        if mode == "half_even":
            even = int(cell.value.scaleb(cell.decimals)) % 2 == 0
            return even, even
        if mode == "half_up":
            return True, False
        return cell.value > 0, cell.value < 0

    def _ties(self, bounded: list[int], mode: Mode) -> Any:
        """Return errors that satisfy everything with ends open or closed as the convention has them, or None."""
        import numpy

        n = len(self.cells)
        ends = [(i, sign, not closed) for i in bounded for sign, closed in zip((-1, 1), self._closed(i, mode), strict=True)]
        limits = [self.half[i] for i, _, _ in ends]
        objective = numpy.zeros(n + 1)
        objective[n] = -1
        result = self._solve(objective, self._ends(ends), limits, [(None, None)] * n + [(None, 1)])
        return result.x[:n] if result.status == 0 and result.x[n] > _EPS else None

    def _tie_conflict(self, released: frozenset[CellId]) -> frozenset[CellId] | None:
        """Return the cells of a relation that no convention allows by itself although its gap is just at the bound."""
        for r, relation in enumerate(self.relations):
            cells = [self.index[cell] for cell in relation.cells]
            if any(self.cells[i] in released or not math.isfinite(self.half[i]) for i in cells):
                continue
            gap = self.gap[r]
            if abs(abs(gap) - sum(self.half[i] for i in cells)) > _EPS:
                continue
            needs_upper = {i: (self.matrix[r, i] > 0) == (gap < 0) for i in cells}
            if not any(all(self._closed(i, mode)[1 if needs_upper[i] else 0] for i in cells) for mode in MODES):
                return frozenset(relation.cells)
        return None

    def interval(self, released: frozenset[CellId], cell: CellId) -> tuple[Decimal | None, Decimal | None]:
        """Return the bounds of a released cell's unrounded amount, in the table's unit."""
        import numpy

        n, i = len(self.cells), self.index[cell]
        bounds: list[tuple[float | None, float | None]] = [
            (None, None) if other in released or not math.isfinite(self.half[k]) else (-self.half[k], self.half[k])
            for k, other in enumerate(self.cells)
        ]
        ends: list[Decimal | None] = []
        for sign in (1, -1):
            objective = numpy.zeros(n + 1)
            objective[i] = sign
            result = self._solve(objective, None, None, [*bounds, (0, 0)])
            if result.status == 0:
                exact = Fraction(result.x[i]).limit_denominator(1000) + self.printed[i]
                ends.append((Decimal(exact.numerator) / Decimal(exact.denominator)).scaleb(-self.decimals))
            else:
                ends.append(None)
        return ends[0], ends[1]


def _minimum_sets(system: _System, empty: _Relaxed) -> tuple[list[frozenset[CellId]], bool]:
    """Return all smallest sets of cells whose release makes the rest possible, and whether the list is complete."""
    conflicts: list[frozenset[CellId]] = []
    for relation in system.relations:
        gap = difference(system.table, relation)
        if gap is not None and abs(gap) > reach(system.table, relation):
            conflicts.append(frozenset(relation.cells))
    conflicts.append(empty.conflict)
    found: list[frozenset[CellId]] = []
    complete = True
    steps = 0
    known: dict[frozenset[CellId], bool] = {}

    def search(chosen: frozenset[CellId], size: int, seen: set[frozenset[CellId]]) -> None:
        nonlocal complete, steps
        steps += 1
        if steps > MAX_STEPS:
            complete = False
        if chosen in seen or not complete:
            return
        seen.add(chosen)
        missed = [conflict for conflict in conflicts if not conflict & chosen]
        if missed and len(chosen) + _disjoint(missed) > size:
            return
        if not missed:
            if chosen not in known:
                if system.programs > MAX_PROGRAMS:
                    complete = False
                    return
                relaxed = system.relax(chosen)
                known[chosen] = relaxed.feasible
                if not relaxed.feasible:
                    conflicts.append(relaxed.conflict)
                    missed = [relaxed.conflict]
            if known[chosen]:
                found.append(chosen)
                if len(found) >= MAX_SETS:
                    complete = False
                return
        if len(chosen) < size and missed:
            for cell in sorted(min(missed, key=lambda cells: len(list(cells)))):
                search(chosen | {cell}, size, seen)

    for size in range(1, MAX_WRONG + 1):
        search(frozenset(), size, set())
        if found or not complete:
            break
    if found:
        return found, complete
    # More cells are wrong than are worth listing: one sufficient set, without the claim that it is smallest.
    chosen: frozenset[CellId] = frozenset()
    while True:
        relaxed = system.relax(chosen)
        if relaxed.feasible:
            return [chosen], False
        count = {cell: sum(cell in conflict for conflict in conflicts) for cell in relaxed.conflict}
        chosen |= {max(sorted(count), key=lambda cell: count[cell])}


def _disjoint(conflicts: Iterable[frozenset[CellId]]) -> int:
    """Return how many of the contradictions share no cell: at least so many more cells are wrong."""
    used: set[CellId] = set()
    count = 0
    for conflict in sorted(conflicts, key=len):
        if not conflict & used:
            used |= conflict
            count += 1
    return count


# What was wrong, and what should stand there


def _ranked(table: PrintedTable, structure: Structure, system: _System, sets: list[frozenset[CellId]]) -> list[WrongSet]:
    sums = {relation.target: relation for relation in structure.relations if relation.kind == "sum"}
    computed = {found.target for found in structure.differences}
    out = []
    for cells in sets:
        wrong: list[WrongCell] = []
        rounded_sums = 0
        for cell in sorted(cells):
            low, high = system.interval(cells, cell)
            values = _printable(table, cell, low, high)
            value = _recomputed(table, structure, cells, cell, values)
            follows = None
            if cell in sums:
                relation = sums[cell]
                gap = difference(table, relation)
                sources = [term for _, term in relation.terms if term in cells]
                if gap is not None and abs(gap) <= reach(table, relation) and sources:
                    follows = sources[0]
                    rounded_sums += gap != 0
            slip = _slip(table.cells[cell].value, values, table.cells[cell].decimals)
            wrong.append(WrongCell(cell, table.cells[cell].value, low, high, values, value, follows is None, follows, slip))
        roots = [found for found in wrong if found.root]
        sources_wrong = sum(found.cell[1] not in computed for found in roots) if computed else 0
        slips = sum(found.slip is not None for found in roots)
        reasons = []
        if len(roots) < len(wrong):
            reasons.append(
                Text(
                    sv="en enda grundorsak: totalerna är summerade nedåt från den felaktiga cellen"
                    if len(roots) == 1
                    else f"{len(roots)} grundorsaker: övriga celler är summerade från dem",
                    en="one root cause: the totals were summed down from the wrong cell"
                    if len(roots) == 1
                    else f"{len(roots)} root causes: the other cells were summed from them",
                )
            )
        if computed and not sources_wrong:
            reasons.append(
                Text(
                    sv="en avvikelse räknas fram ur två andra kolumner, som går ihop var för sig",
                    en="a deviation is calculated from two other columns, which add up by themselves",
                )
            )
        if follows is not None and not rounded_sums and len(roots) < len(wrong):
            reasons.append(
                Text(
                    sv="totalerna stämmer på enheten med de tryckta raderna, som när man summerar det tryckta",
                    en="the totals equal the printed lines to the unit, as when printed numbers are added",
                )
            )
        rank = (len(roots), sources_wrong, rounded_sums, -slips)
        out.append(WrongSet(tuple(sorted(wrong, key=lambda found: (not found.root, found.cell))), tuple(reasons), rank))
    return sorted(out, key=lambda found: (found.rank, sorted(found.ids)))


def _printable(table: PrintedTable, cell: CellId, low: Decimal | None, high: Decimal | None) -> tuple[Decimal, Decimal] | None:
    if low is None or high is None:
        return None
    decimals = table.cells[cell].decimals
    low, high = low.scaleb(decimals), high.scaleb(decimals)
    half = Decimal("0.5")
    if table.cells[cell].exact:
        half = Decimal(0)
        first, last = math.ceil(low), math.floor(high)
    else:
        first, last = math.floor(low - half) + 1, math.ceil(high + half) - 1
    if first > last:
        first = last = math.floor(low + half)
    return Decimal(first).scaleb(-decimals), Decimal(last).scaleb(-decimals)


def _recomputed(
    table: PrintedTable, structure: Structure, wrong: frozenset[CellId], cell: CellId, values: tuple[Decimal, Decimal] | None
) -> Decimal | None:
    """Return what the right neighbours give for a cell: by the relation with fewest terms that holds no other wrong cell."""
    usable = [
        relation
        for relation in structure.relations
        if cell in relation.cells
        and all(other in table.cells and (other == cell or other not in wrong) for other in relation.cells)
    ]
    if usable:
        relation = min(usable, key=lambda found: len(found.terms))
        gap = difference(table, relation)
        assert gap is not None
        own = 1 if cell == relation.target else -next(sign for sign, term in relation.terms if term == cell)
        value = table.cells[cell].value - gap * own
        if values is None or values[0] <= value <= values[1]:
            return value
    if values is None:
        return None
    return values[0] if values[0] == values[1] else ((values[0] + values[1]) / 2).quantize(values[0], rounding=ROUND_HALF_EVEN)


def _slip(printed: Decimal, values: tuple[Decimal, Decimal] | None, decimals: int) -> Text | None:
    """Return the usual slip that turns a possible value into the printed one, if there is one."""
    if values is None:
        return None
    step = Decimal(1).scaleb(-decimals)
    if (values[1] - values[0]) / step > 20:
        return None
    old = str(abs(int(printed.scaleb(decimals))))
    value = values[0]
    found: list[tuple[int, Text]] = []
    while value <= values[1]:
        new = str(abs(int(value.scaleb(decimals))))
        same_sign = (value < 0) == (printed < 0)
        if value == -printed and value:
            found.append((0, Text(sv="fel tecken", en="wrong sign")))
        elif same_sign and len(new) == len(old):
            differing = [i for i in range(len(new)) if new[i] != old[i]]
            if len(differing) == 2 and differing[1] == differing[0] + 1 and new[differing[0]] == old[differing[1]]:
                if new[differing[1]] == old[differing[0]]:
                    found.append((1, Text(sv="två siffror har bytt plats", en="two digits changed places")))
            elif len(differing) == 1 and len(new) > 1:
                found.append((3, Text(sv="en siffra skiljer", en="one digit differs")))
        elif same_sign and abs(len(new) - len(old)) == 1:
            longer, shorter = (new, old) if len(new) > len(old) else (old, new)
            if any(longer[:i] + longer[i + 1 :] == shorter for i in range(len(longer))):
                found.append((2, Text(sv="en siffra för mycket eller för lite", en="a digit too many or too few")))
        value += step
    return min(found, key=lambda item: item[0])[1] if found else None


def _headlines(table: PrintedTable, proof: Proof) -> list[Headline]:
    """Return what the likeliest wrong cells do to the net line's figures in millions."""
    if not proof.wrong_sets:
        return []
    out = []
    for wrong in proof.wrong_sets[0].cells:
        if table.rows[wrong.cell[0]].kind != "net" or wrong.low is None or wrong.high is None:
            continue
        printed = in_millions(wrong.printed, table.unit)
        # The ends of the interval are open: an amount just inside them rounds as it does.
        low, high = sorted((wrong.low, wrong.high))
        nudge = (high - low) / 1000
        ends = sorted((in_millions(low + nudge, table.unit), in_millions(high - nudge, table.unit)))
        out.append(Headline(wrong.cell, printed, (ends[0], ends[1])))
    return out


def in_millions(value: Decimal, unit: str) -> Decimal:
    """Return an amount in a table's unit as millions with one decimal, rounded half away from zero."""
    return (value * UNITS[unit] / UNITS["mkr"]).quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)


# The witness


def _witness(table: PrintedTable, structure: Structure, system: _System, relaxed: _Relaxed) -> dict[CellId, Fraction]:
    """Return unrounded amounts that print like the table, checked in exact arithmetic.

    Raises:
        RuntimeError: the solver's amounts do not survive the check; the table then has no verdict at all.
    """
    by_target: dict[CellId, Relation] = {}
    for relation in sorted(structure.relations, key=lambda found: found.kind == "difference"):
        by_target.setdefault(relation.target, relation)
    scale = Fraction(10) ** -system.decimals
    for denominator in (1000, 10**6, 60):
        amounts: dict[CellId, Fraction] = {}

        def amount(cell: CellId, amounts: dict[CellId, Fraction] = amounts, denominator: int = denominator) -> Fraction:
            if cell not in amounts:
                if cell in by_target:
                    amounts[cell] = sum((sign * amount(term) for sign, term in by_target[cell].terms), Fraction(0))
                else:
                    i = system.index[cell]
                    exact = Fraction(round(float(relaxed.errors[i]) * denominator), denominator)
                    amounts[cell] = (exact + system.printed[i]) * scale
            return amounts[cell]

        for cell in system.cells:
            amount(cell)
        if _prints_like(table, structure, amounts, relaxed.mode):
            return amounts
    raise RuntimeError("The amounts found do not print like the table; no verdict is given.")


def _prints_like(table: PrintedTable, structure: Structure, amounts: dict[CellId, Fraction], mode: Mode | None) -> bool:
    for relation in structure.relations:
        if amounts[relation.target] != sum((sign * amounts[term] for sign, term in relation.terms), Fraction(0)):
            return False
    return all(
        cell not in table.cells or print_as(amount, table.cells[cell].decimals, mode or "half_even") == table.cells[cell].value
        for cell, amount in amounts.items()
    )


def print_as(amount: Fraction, decimals: int, mode: Mode) -> Decimal:
    """Return an exact amount rounded to so many decimals by a convention."""
    scaled = amount * 10**decimals
    floor = math.floor(scaled)
    rest = scaled - floor
    if rest == Fraction(1, 2):
        up = {"half_even": floor % 2 == 1, "half_away": scaled > 0, "half_up": True}[mode]
        floor += up
    elif rest > Fraction(1, 2):
        floor += 1
    return Decimal(floor).scaleb(-decimals)


def show(table: PrintedTable, cell: CellId, value: Decimal, lang: str) -> str:
    """Return a value as the cell would print it."""
    return format_number(value, lang, table.cells[cell].decimals if cell in table.cells else None)


__all__ = ["Check", "Headline", "Proof", "WrongCell", "WrongSet", "in_millions", "print_as", "prove", "show", "tail_probability"]
