"""Make the office's unrounded amounts print as the two published tables, in every cell at once.

What belongs here: the printed figures as targets (`data/published.csv`), the search for öre that fit them, the report line of
an account, and the spreading of a total over parts. What does not: the ordinary postings that carry the amounts.

The printed figures are whole tkr, each rounded from an exact amount. `solve` finds exact amounts for the six lines and four
columns so that the lines, their totals and the deviations (from unrounded amounts) all round to what was printed: a system of
intervals, solved by projecting onto one broken interval at a time, which converges because the printed tables have room inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestration.demo.municipality import chance, table

LINES = ("external_income", "internal_income", "personnel", "internal_rent", "other_external_cost", "other_internal_cost")
TOTALS = {
    "total_income": LINES[:2],
    "total_cost": LINES[2:],
    "net": LINES,
}
COLUMNS = ("outcome_period", "budget_period", "forecast_year", "budget_year")
DEVIATIONS = {
    "deviation_period": ("outcome_period", "budget_period"),
    "deviation_forecast": ("forecast_year", "budget_year"),
}
#: The internal rent of the period is the same each month, so its target is a whole number of kr for three and eight months.
_RENT_STEP = 24
_MARGIN = 30

Cell = tuple[str, str]  # line, column


def line_of(account: str, counterparty: str) -> str | None:
    """Return the report line of a result account (Kommun-Bas), None outside the follow-up's net (class 1, 2, 40, 591, 8)."""
    internal = counterparty[:1] in ("1", "2", "3", "4")
    first = account[:1]
    if first == "3":
        return "internal_income" if internal else "external_income"
    if first == "5" and not account.startswith("591"):
        return "personnel"
    if account.startswith("601") and internal:
        return "internal_rent"
    if first in "467" and not account.startswith("40"):
        return "other_internal_cost" if internal else "other_external_cost"
    return None


@dataclass(frozen=True)
class Target:
    """One printed table: the follow-up of the office in one report period.

    printed: tkr, income +, cost −, by (line, column), totals and deviations included. exact: kr by (line, column) for the six
    lines, chosen so that everything in `printed` follows by rounding.
    """

    report_period: str
    printed: dict[Cell, int]
    exact: dict[Cell, int]

    def kr(self, line: str, column: str) -> int:
        """Return a line's exact amount as a positive number of kr."""
        return abs(self.exact[line, column])


def printed_tables() -> dict[str, dict[Cell, int]]:
    """Return the printed figures by report period: tkr, income +, cost −."""
    result: dict[str, dict[Cell, int]] = {}
    for row in table("published"):
        cells = result.setdefault(row["report_period"], {})
        for column in (*COLUMNS, *DEVIATIONS):
            if row[column]:
                cells[row["line"], column] = int(row[column])
    return result


def _constraints(printed: dict[Cell, int]) -> list[tuple[list[tuple[Cell, int]], int, int]]:
    """Return (cells with weights, low, high): the sum must lie from low to high, in kr."""
    result = []
    for (line, column), tkr in printed.items():
        lines = TOTALS.get(line, (line,))
        if column in DEVIATIONS:
            plus, minus = DEVIATIONS[column]
            cells = [((name, plus), 1) for name in lines] + [((name, minus), -1) for name in lines]
        else:
            cells = [((name, column), 1) for name in lines]
        result.append((cells, tkr * 1000 - 500 + _MARGIN, tkr * 1000 + 500 - _MARGIN))
    return result


def solve(seed: int) -> dict[str, Target]:
    """Return the targets of every printed table, by report period.

    Raises:
        ArithmeticError: the printed cells cannot all be roundings of one set of amounts.
    """
    result = {}
    for report_period, printed in printed_tables().items():
        rng = chance(seed, "calibration", report_period)
        # Outcomes start anywhere inside the rounding; budget and forecast are decided in whole tkr unless that is impossible.
        amounts: dict[Cell, float] = {
            (line, column): printed[line, column] * 1000.0 + (rng.uniform(-300, 300) if column == "outcome_period" else 0)
            for line in LINES
            for column in COLUMNS
        }
        constraints = _constraints(printed)
        for _ in range(20_000):
            broken = False
            for cells, low, high in constraints:
                total = sum(amounts[cell] * weight for cell, weight in cells)
                move = (low + _MARGIN if total < low else high - _MARGIN if total > high else total) - total
                if move:
                    broken = True
                    for cell, weight in cells:
                        amounts[cell] += weight * move / len(cells)
            if not broken:
                break
        exact = {cell: round(value) for cell, value in amounts.items()}
        rent = exact["internal_rent", "outcome_period"]
        exact["internal_rent", "outcome_period"] = round(rent / _RENT_STEP) * _RENT_STEP
        for cells, low, high in constraints:
            if not low - _MARGIN < sum(exact[cell] * weight for cell, weight in cells) < high + _MARGIN:
                raise ArithmeticError(f"{report_period}: no amounts print as {cells}")
        result[report_period] = Target(report_period, printed, exact)
    return result


def apportion(total: int, weights: Sequence[float]) -> list[int]:
    """Split a whole number by weights into whole numbers that sum to it exactly (largest remainder)."""
    whole = sum(weights)
    if not weights or whole <= 0:
        raise ArithmeticError(f"nothing to spread {total} over")
    shares = [total * weight / whole for weight in weights]
    parts = [int(share // 1) for share in shares]
    left = total - sum(parts)
    order = sorted(range(len(parts)), key=lambda i: (parts[i] - shares[i], i))
    for i in order[:left]:
        parts[i] += 1
    return parts
