"""Random true follow-up tables: unrounded amounts in öre, printed in tkr by either rounding convention."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from random import Random

from orchestration.proof.arithmetic import Mode, print_as
from orchestration.proof.model import CellId

INCOME = ["Externa intäkter", "Interna intäkter", "Statsbidrag", "Avgifter"]
COST = [
    "Personalkostnader",
    "Internhyror",
    "Övriga externa kostnader",
    "Övriga interna kostnader",
    "Kapitalkostnader",
    "Material",
]
PERIOD = ["Utfall perioden", "Budget perioden", "Avvik perioden"]
YEAR = ["Prognos helår", "Budget helår", "Avvik helår"]


@dataclass
class TrueTable:
    """Unrounded amounts and how they are printed."""

    rows: list[str]
    columns: list[str]
    amounts: dict[CellId, Fraction]
    mode: Mode
    unit: str = "tkr"
    grid: list[list[str]] = field(default_factory=list)

    def print(self) -> list[list[str]]:
        """Return the printed grid with its heading row."""
        body = [
            [label, *(str(print_as(self.amounts[r, c], 0, self.mode)) for c in range(len(self.columns)))]
            for r, label in enumerate(self.rows)
        ]
        return [[self.unit, *self.columns], *body]


def true_table(random: Random, *, size: int | None = None, labels: bool = True) -> TrueTable:
    """Return a true table of random structure: lines, totals, net; period and year with or without deviations; any sign style."""
    incomes = random.sample(INCOME, random.randint(0, len(INCOME)))
    costs = random.sample(COST, random.randint(1, len(COST)))
    period = PERIOD[: random.choice([2, 3])] if random.random() < 0.9 else []
    year = YEAR[: random.choice([2, 3])] if not period or random.random() < 0.6 else []
    style = random.choice(["natural", "ledger", "unsigned"])
    favourable = random.choice([1, -1])
    size = size or random.choice([3, 10**3, 10**7, 10**9, 10**10])
    grain = random.choice([1, 1, 100, 50_000])  # öre; the last puts many amounts at exactly half a thousand

    def amount() -> int:
        return random.randint(-size // 10, size) // grain * grain

    columns = [*period, *year]
    # natural sign: income +, cost −
    lines: dict[tuple[str, str], int] = {}
    for label in (*incomes, *costs):
        for column in columns:
            if not column.startswith("Avvik"):
                lines[label, column] = amount() * (1 if label in incomes else -1)
    table: list[tuple[str, str, dict[str, int]]] = []

    def values(labels: list[str]) -> dict[str, int]:
        return {column: sum(lines[label, column] for label in labels) for column in columns if not column.startswith("Avvik")}

    for label in incomes:
        table.append((label, "income", values([label])))
    if incomes:
        table.append(("Summa intäkter", "income", values(incomes)))
    for label in costs:
        table.append((label, "cost", values([label])))
    table.append(("Summa kostnader", "cost", values(costs)))
    table.append(("Nettokostnad" if style == "unsigned" else "Netto", "net", values([*incomes, *costs])))

    amounts: dict[CellId, Fraction] = {}
    for r, (_, kind, found) in enumerate(table):
        turn = {"natural": 1, "ledger": -1, "unsigned": 1 if kind == "income" else -1}[style]
        for c, column in enumerate(columns):
            if column.startswith("Avvik"):
                actual, budget = columns[c - 2], columns[c - 1]
                natural = found[actual] - found[budget]
                amounts[r, c] = Fraction(natural * favourable, 100_000)
            else:
                amounts[r, c] = Fraction(found[column] * turn, 100_000)
    names = [label for label, _, _ in table] if labels else [f"Rad {chr(97 + r)}" for r in range(len(table))]
    return TrueTable(names, columns, amounts, random.choice(["half_even", "half_away"]))
