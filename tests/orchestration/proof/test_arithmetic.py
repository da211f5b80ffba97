"""The proof: true tables are never called wrong, one wrong cell is found where that is possible at all."""

from __future__ import annotations

import time
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_tables import true_table

from orchestration.proof import prove, read_printed_table, table_from_grid
from orchestration.proof.arithmetic import _prints_like, tail_probability

FAST = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def names(proof, cells):
    return {proof.table.name(cell) for cell in cells}


# The two printed reports (domain.md 6)


@pytest.mark.parametrize("suffix", ["csv", "txt"])
def test_march_2015_has_three_wrong_cells_with_one_root(shared, suffix):
    proof = prove(read_printed_table(shared / "published" / f"ekero_klk_2015-03.{suffix}"))
    column = proof.table.columns[2].label
    assert not proof.possible
    assert proof.exit_code == 1
    assert [str(check.gap) for check in proof.errors] == ["6", "5", "4"]
    assert proof.complete
    assert proof.decided
    best = proof.wrong_sets[0]
    found = {proof.table.name(wrong.cell): wrong for wrong in best.cells}
    assert set(found) == {f"{label}, {column}" for label in ("Övriga externa kostnader", "Summa kostnader", "Netto")}
    root, total, net = (found[f"{label}, {column}"] for label in ("Övriga externa kostnader", "Summa kostnader", "Netto"))
    assert (root.root, total.root, net.root) == (True, False, False)
    assert total.follows == root.cell
    assert net.follows == total.cell
    assert [str(wrong.value) for wrong in (root, total, net)] == ["2153", "2693", "2149"]
    # By its own row the cell could be 2 152 to 2 154; what the whole budget column must have been rounded from leaves less.
    assert [tuple(map(str, wrong.values)) for wrong in (root, total, net)] == [
        ("2153", "2154"),
        ("2693", "2694"),
        ("2148", "2149"),
    ]
    assert (net.low, net.high) == (Decimal("2148"), Decimal("2149.5"))
    assert [(str(h.printed), *map(str, h.corrected)) for h in proof.headlines] == [("2.2", "2.1", "2.1")]
    assert sum(abs(check.gap) == 1 for check in proof.checks) == 5
    assert not proof.warnings
    # Arithmetic alone leaves two more explanations, in the other two columns; they rank lower and are not kept quiet.
    assert {frozenset(cell[1] for cell in other.ids) for other in proof.wrong_sets[1:]} == {frozenset({0}), frozenset({1})}


@pytest.mark.parametrize("suffix", ["csv", "txt"])
def test_august_is_possible_with_one_warning(shared, suffix):
    proof = prove(read_printed_table(shared / "published" / f"ekero_klk_aug.{suffix}"))
    assert proof.possible
    assert proof.exit_code == 0
    assert not proof.errors
    assert [(proof.table.rows[c.relation.target[0]].label, c.relation.target[1], str(c.gap)) for c in proof.warnings] == [
        ("Summa kostnader", 0, "2")
    ]
    assert proof.warnings[0].probability == pytest.approx(0.0052, abs=1e-4)
    rounding = [(proof.table.rows[c.relation.target[0]].label, str(c.gap)) for c in proof.checks if c.verdict == "rounding"]
    assert rounding == [("Summa intäkter", "1"), ("Summa kostnader", "-1"), ("Summa kostnader", "-1"), ("Pers.kostn ink po", "1")]


def test_a_table_of_nine_by_six_is_proved_in_well_under_a_second(shared):
    table = read_printed_table(shared / "published" / "ekero_klk_2015-03.csv")
    prove(table)  # imports
    start = time.perf_counter()
    prove(table)
    assert time.perf_counter() - start < 1.0


# Probabilities


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        (2, [0.25, 0, 0]),
        (3, [1 / 3, 0, 0]),
        (4, [0.401, 0.0052, 0]),
        (5, [0.45, 0.017, 0]),
        (6, [0.49, 0.032, 0.00003]),
        (8, [0.55, 0.066, 0.001]),
        (12, [0.62, 0.135, 0.011]),
    ],
)
def test_residuals_follow_irwin_hall(terms, expected):
    assert [tail_probability(terms, gap) for gap in (1, 2, 3)] == pytest.approx(expected, abs=0.007)


# True tables


def assert_true(proof):
    assert proof.possible, [(proof.table.name(c.relation.target), c.gap) for c in proof.errors]
    assert proof.ok, proof.structure.unconfirmed
    assert _prints_like(proof.table, proof.structure, proof.witness, proof.mode)


@FAST
@given(st.integers(0, 10**9))
def test_a_true_table_is_never_called_wrong(seed):
    assert_true(prove(table_from_grid(true_table(Random(seed)).print(), "t")))


@FAST
@given(st.integers(0, 10**9))
def test_a_true_table_without_telling_labels_is_never_called_wrong(seed):
    random = Random(seed)
    truth = true_table(random, labels=False)
    grid = truth.print()
    grid[0] = ["tkr", *(f"Kolumn {c}" for c in range(len(truth.columns)))]
    assert prove(table_from_grid(grid, "t")).possible


# One wrong cell


@FAST
@given(st.integers(0, 10**9), st.integers(-3, 3).filter(bool) | st.integers(-10_000, 10_000).filter(bool))
def test_one_wrong_cell_is_found_or_the_table_is_truly_consistent(seed, change):
    random = Random(seed)
    truth = true_table(random, size=10**10)
    grid = truth.print()
    row, column = random.randrange(len(truth.rows)), random.randrange(len(truth.columns))
    grid[row + 1][column + 1] = str(int(grid[row + 1][column + 1]) + change)
    proof = prove(table_from_grid(grid, "t"))
    if proof.possible:  # then here are unrounded amounts that print exactly like the corrupted table
        assert _prints_like(proof.table, proof.structure, proof.witness, proof.mode)
        assert all(isinstance(amount, Fraction) for amount in proof.witness.values())
        return
    assert proof.complete
    assert frozenset({(row, column)}) in [found.ids for found in proof.wrong_sets]
    wrong = next(found for found in proof.wrong_sets if found.ids == {(row, column)}).cells[0]
    true = truth.amounts[row, column]
    assert wrong.low is None or Fraction(wrong.low) <= true <= Fraction(wrong.high)


def locate(columns: int, change: int, count: int, seed: int) -> tuple[int, int, int]:
    """Return (found, located exactly, consistent) over tables of the two printed reports' layouts with one wrong cell."""
    random = Random(seed)
    found = exact = consistent = 0
    labels = [
        "Externa intäkter",
        "Interna intäkter",
        "Summa intäkter",
        "Personalkostnader",
        "Internhyror",
        "Övriga externa kostnader",
    ]
    labels += ["Övriga interna kostnader", "Summa kostnader", "Netto"]
    heads = ["Utfall perioden", "Budget perioden", "Avvik perioden", "Prognos helår", "Budget helår", "Avvik prognos"]
    heads = heads if columns == 6 else [*heads[:2], *heads[3:]]
    for _ in range(count):
        lines = [[random.uniform(100, 20_000) * (1 if r < 2 else -1) for _ in range(4)] for r in range(6)]
        income = [sum(column) for column in zip(*lines[:2], strict=True)]
        cost = [sum(column) for column in zip(*lines[2:], strict=True)]
        rows = [*lines[:2], income, *lines[2:], cost, [a + b for a, b in zip(income, cost, strict=True)]]
        full = [[u, b, u - b, p, y, p - y] if columns == 6 else [u, b, p, y, p - y] for u, b, p, y in rows]
        grid = [["tkr", *heads], *([label, *(str(round(x)) for x in row)] for label, row in zip(labels, full, strict=True))]
        row, column = random.randrange(9), random.randrange(columns)
        grid[row + 1][column + 1] = str(int(grid[row + 1][column + 1]) + random.choice([-1, 1]) * change)
        proof = prove(table_from_grid(grid, "t"))
        consistent += proof.possible
        found += not proof.possible
        exact += [set(s.ids) for s in proof.wrong_sets] == [{(row, column)}]
    return found, exact, consistent


def test_share_of_single_errors_that_are_located_exactly():
    """Of 400 tables in each layout (`locate(columns, change, 400, 1)`), with the error in a random cell:

    | layout | error | consistent | found | located exactly |
    |--------|-------|------------|-------|-----------------|
    | 9 × 6 (March 2015) | ±1 | 71 % | 29 % | 9 % |
    | 9 × 6 | ±2 | 8 % | 92 % | 72 % |
    | 9 × 6 | ±3 | 0 | 100 % | 99 % |
    | 9 × 6 | ±10 and more | 0 | 100 % | 100 % |
    | 9 × 5 (August) | ±1 | 82 % | 19 % | 7 % |
    | 9 × 5 | ±2 | 19 % | 81 % | 45 % |
    | 9 × 5 | ±3 | 3 % | 97 % | 66 % |
    | 9 × 5 | ±10 and more | 0 | 100 % | 71 % |

    'Consistent' tables print the same as some true table does, so nothing can find them. The August layout has no deviation for
    the period, so a wrong line there cannot be told from its sister lines.
    """
    # columns, change: found and located exactly, of 40
    for columns, change, least_found, least_exact in [(6, 10, 40, 40), (6, 3, 39, 37), (6, 2, 33, 23), (5, 10, 40, 22)]:
        found, exact, consistent = locate(columns, change, 40, seed=7)
        assert found + consistent == 40
        assert (found >= least_found, exact >= least_exact) == (True, True), (columns, change, found, exact)


# Corners


def test_ties_are_possible_but_a_warning():
    grid = [["tkr", "Budget"], ["Statsbidrag", "2"], ["Avgifter", "2"], ["Externa intäkter", "2"], ["Summa intäkter", "8"]]
    grid = [[*row, row[1] if row[0] != "tkr" else "Utfall"] for row in grid]
    proof = prove(table_from_grid(grid, "t"))  # 2,5 + 2,5 + 2,5 = 7,5 rounded half to even
    assert proof.possible
    assert proof.mode == "half_even"
    assert {check.verdict for check in proof.checks} == {"tie"}
    odd = [[cell.replace("2", "1").replace("8", "5") for cell in row] for row in grid]
    assert not prove(table_from_grid(odd, "t")).possible  # 1,5 prints as 2 by every convention


def test_a_contradiction_that_no_single_relation_shows():
    # Every relation is within rounding by itself. But 10 + 10 = 21 leaves the outcome at most 21, 10 + 10 = 19 the budget at
    # least 19, and their difference then cannot reach the 2,5 that prints as 3.
    grid = [
        ["tkr", "Utfall perioden", "Budget perioden", "Avvik perioden"],
        ["Externa intäkter", "10", "10", "1"],
        ["Interna intäkter", "10", "10", "1"],
        ["Summa intäkter", "21", "19", "3"],
    ]
    proof = prove(table_from_grid(grid, "t"))
    assert not proof.errors
    assert not proof.possible
    assert {len(found.cells) for found in proof.wrong_sets} == {1}
    assert frozenset({(2, 2)}) in [found.ids for found in proof.wrong_sets]


def test_two_independent_errors_are_both_found():
    grid = true_table(Random(5), size=10**9).print()
    truth = true_table(Random(5), size=10**9)
    columns = [c for c, label in enumerate(truth.columns) if label.startswith("Avvik")] or [0]
    cells = {(0, columns[0]), (len(truth.rows) - 1, 0)}
    for row, column in cells:
        grid[row + 1][column + 1] = str(int(grid[row + 1][column + 1]) + 500)
    proof = prove(table_from_grid(grid, "t"))
    assert frozenset(cells) in [found.ids for found in proof.wrong_sets] or all(len(s.cells) < 2 for s in proof.wrong_sets)
    assert not proof.possible


def test_a_missing_row_is_said_without_accusing_cells():
    grid = [["tkr", "Utfall perioden", "Budget perioden", "Prognos helår", "Budget helår"]]
    grid += [["Personalkostnader", "-100", "-110", "-400", "-420"], ["Internhyror", "-20", "-20", "-80", "-80"]]
    grid += [["Summa kostnader", "-150", "-161", "-530", "-555"]]
    proof = prove(table_from_grid(grid, "t"))
    assert not proof.wrong_sets
    assert len(proof.structure.unconfirmed) == 1
    assert proof.exit_code == 1


def test_kronor_with_ore_were_never_rounded():
    grid = [
        ["kr", "Utfall", "Budget"],
        ["Avgifter", "10,10", "5,00"],
        ["Statsbidrag", "10,10", "5,00"],
        ["Summa intäkter", "20,21", "10,00"],
    ]
    proof = prove(table_from_grid(grid, "t"))
    assert not proof.possible
    assert all(wrong.low == wrong.high for found in proof.wrong_sets for wrong in found.cells)


def test_an_empty_cell_is_unknown_not_zero():
    grid = [["tkr", "Utfall", "Budget"], ["Avgifter", "10", "5"], ["Statsbidrag", "", "5"], ["Summa intäkter", "25", "10"]]
    assert prove(table_from_grid(grid, "t")).possible


def test_a_transposed_figure_is_recognised():
    random = Random(3)
    truth = true_table(random, size=10**9)
    while not any(label == "Avvik perioden" for label in truth.columns):
        truth = true_table(random, size=10**9)
    grid = truth.print()
    for row in range(1, len(grid)):
        text = grid[row][1]
        swapped = text[:-2] + text[-1] + text[-2]
        if abs(int(swapped) - int(text)) > 9:
            grid[row][1] = swapped
            break
    proof = prove(table_from_grid(grid, "t"))
    assert [wrong.slip.en for wrong in proof.wrong_sets[0].cells] == ["two digits changed places"]
