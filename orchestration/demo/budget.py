"""The budget of each year by month, and the full-year forecast of each round.

What belongs here: what was decided (budget) and what managers expect (forecast), by ansvar, account, verksamhet and motpart, with
the office's calibrated to the printed tables. What does not: outcome (ledger), how an ERP prints them (exports).

Amounts are whole kr in the ledger's sign (cost +, income −). A budget cell has twelve months.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

from orchestration.demo.calibration import Target, apportion, line_of
from orchestration.demo.ledger import Ledger
from orchestration.demo.municipality import ALL_MONTHS, OFFICE, Organisation, chance, months, table
from orchestration.demo.planted import OMISSIONS
from orchestration.demo.staff import OTHER_PER_MONTH, Staff, planned_wages, po_amounts
from orchestration.demo.streams import SEASONS, Stream, counterparty_of

ROUNDS = ("2013-03", "2013-08", "2014-03", "2014-08", "2015-03")
#: The office's budget for investigations, kr a year about; what is left of the frame when everything else is budgeted.
_INVESTIGATIONS = 4_000_000
_INVESTIGATION_SHARE_2014 = 0.62  # of the year, January to August: late, as in 2013
_REVIEW_BUDGETED = 1.028


class Key(NamedTuple):
    """The code string of a budget or forecast cell."""

    unit: str
    account: str
    activity: str
    sub_activity: str
    counterparty: str


Cells = dict[Key, list[int]]


def _even(amount: int) -> list[int]:
    """Twelve months as even as whole kr allow; exactly even where the amount is a multiple of twelve."""
    return apportion(amount, [1] * 12)


def _round(value: float, step: int) -> int:
    return round(value / step) * step


class _Budget:
    def __init__(self, organisation: Organisation, year: int) -> None:
        self.organisation = organisation
        self.year = year
        self.months = months(f"{year}-01", f"{year}-12")
        self.at = f"{year}-01"  # the organisation that the budget was decided in
        self.cells: Cells = defaultdict(lambda: [0] * 12)

    def add(self, unit: str, account: str, counterparty: str, amounts: list[int], sub_activity: str = "") -> None:
        activity = self.organisation.ansvar[unit].activity
        cell = self.cells[Key(unit, account, activity, sub_activity, counterparty)]
        for i, amount in enumerate(amounts):
            cell[i] += amount

    def add_stream(self, s: Stream, amounts: list[int]) -> None:
        """Budget a stream, on both sides where it is internal."""
        if s.kind == "internal":
            buyer, seller = (self.organisation.counterparty(unit, self.at) for unit in (s.unit, s.seller))
            self.add(s.unit, s.account, seller, amounts, "")
            self.add(s.seller, s.seller_account, buyer, [-amount for amount in amounts], s.sub_activity)
        elif s.kind == "capitalised":
            self.add(s.unit, s.account, "", [-amount for amount in amounts])
            self.add(s.unit, "4012", "", amounts)
        else:
            sign = -1 if s.kind == "income" else 1
            self.add(s.unit, s.account, counterparty_of(s), [sign * amount for amount in amounts], s.sub_activity)

    def share_of_year(self, s: Stream) -> float:
        """Return how much of the budget year the stream runs. What ends with the demo's last month was budgeted to go on."""
        return sum(self.runs(s)) / 12

    def runs(self, s: Stream) -> list[int]:
        """Return 1 for each month of the budget year that the stream runs, else 0."""
        last = "9999" if s.valid_to == ALL_MONTHS[-1] else s.valid_to
        return [int(s.valid_from <= m <= last) for m in self.months]

    def office_line(self, s: Stream) -> str | None:
        """Return the office's report line that a stream falls on, None for other offices' streams."""
        if self.organisation.office(s.unit, self.at) == OFFICE:
            counterparty = self.organisation.counterparty(s.seller, self.at) if s.seller else counterparty_of(s)
            return line_of(s.account, counterparty)
        if s.seller and self.organisation.office(s.seller, self.at) == OFFICE:
            return line_of(s.seller_account, self.organisation.counterparty(s.unit, self.at))
        return None


def _other_offices(b: _Budget, seed: int, streams: list[Stream]) -> None:
    for s in streams:
        share = b.share_of_year(s)
        if not share or not s.budgeted or b.office_line(s):
            continue
        rng = chance(seed, "budget", b.year, s.id)
        amount = s.price(b.year) * share * s.budgeted * rng.uniform(0.97, 1.03)
        if s.season in ("heat", "winter"):  # the only ones that are budgeted by season
            parts = [_round(amount * weight / sum(SEASONS[s.season]), 100) for weight in SEASONS[s.season]]
            b.add_stream(s, parts)
        else:
            b.add_stream(s, apportion(_round(amount, 1_200), b.runs(s)))


def _personnel(b: _Budget, seed: int, staff: Staff, units: set[str]) -> None:
    """Budget the staffing plan of other offices, with hourly staff; the year's salary review from April."""
    for month, period in enumerate(b.months):
        review = _REVIEW_BUDGETED if b.year == 2015 and month >= 3 else 1.0
        for unit, planned in planned_wages(staff, units, period).items():
            amounts = [0] * 12
            amounts[month] = wages = _round(planned * review, 100)
            b.add(unit, "5021", "", amounts)
            amounts = [0] * 12
            amounts[month] = hourly = _round(wages * 0.035, 100)
            b.add(unit, "5022", "", amounts)
            for account, po in po_amounts(wages + hourly, period):
                amounts = [0] * 12
                amounts[month] = po
                b.add(unit, account, "", amounts)


def _finance(b: _Budget) -> None:
    for r in table("finance"):
        growth = 1.028 ** (b.year - 2014) if r["account"] < "8400" else 1
        b.add(r["unit"], r["account"], r["counterparty"], [_round(int(r["monthly"]) * growth * 0.998, 1_000)] * 12)


def _office_lines(b: _Budget, streams: list[Stream], target: Target | None, period_months: int) -> None:
    """Budget the office's lines beside personnel: agreed and habitual amounts in twelfths, the rest where the plan has it.

    With a target, each line's year and period are met: what the twelfths leave goes to the line's uneven cells
    (investigations, and small irregular streams on the other lines), spread over all of them.
    """
    by_line: dict[str, list[Stream]] = defaultdict(list)
    for s in streams:
        line = b.office_line(s)
        if line and b.share_of_year(s):
            by_line[line].append(s)
    for line, members in sorted(by_line.items()):
        if line == "personnel":  # wellness invoices: in the rest of the personnel budget
            continue
        if line == "internal_rent":
            rents = [s for s in members if b.share_of_year(s)]
            weights = [s.annual * b.share_of_year(s) for s in rents]
            year = target.kr(line, "budget_year") if target else _round(sum(weights), 1_000)
            period = target.kr(line, "budget_period") if target else round(year * period_months / 12)
            _spread(b, rents, weights, period, year, period_months)
            continue
        if line == "other_external_cost":
            uneven = [s for s in members if s.account == "7452"]
        else:
            uneven = [s for s in members if s.scalable and s.budgeted and (s.cadence == 0 or s.season == "school")]
        agreed = [s for s in members if s not in uneven and s.budgeted and (s.id in OMISSIONS or s.kind == "internal")]
        habitual = [s for s in members if s not in uneven and s not in agreed and s.budgeted]
        for s in agreed:
            b.add_stream(s, _even(round(s.annual * b.share_of_year(s) / 12) * 12))
        fixed = sum(round(s.annual * b.share_of_year(s) / 12) * 12 for s in agreed)
        usual = sum(s.price(b.year) * b.share_of_year(s) for s in habitual)
        left_for_uneven: float = _INVESTIGATIONS
        if line != "other_external_cost":
            left_for_uneven = sum(s.annual * b.share_of_year(s) for s in uneven)
        factor = (target.kr(line, "budget_year") - fixed - left_for_uneven) / usual if target and usual else 1.0
        if not 0.7 < factor < 1.4:
            raise ArithmeticError(f"{b.year} {line}: the frame is {factor:.2f} times the usual: change data/klk_streams.csv")
        for s in habitual:
            amount = _round(s.price(b.year) * b.share_of_year(s) * factor, 1_200)
            fixed += amount
            b.add_stream(s, _even(amount))
        if target:
            year = target.kr(line, "budget_year") - fixed
            period = target.kr(line, "budget_period") - fixed * period_months // 12
        else:
            year = round(left_for_uneven)
            flat = period_months / 12
            period = round(year * (_INVESTIGATION_SHARE_2014 if line == "other_external_cost" else flat))
        if not 0 < period < year:
            raise ArithmeticError(f"{b.year} {line}: {period} of {year} kr left for uneven cells: change data/klk_streams.csv")
        _spread(b, uneven, [s.annual * b.share_of_year(s) for s in uneven], period, year, period_months)


def _spread(b: _Budget, streams: list[Stream], weights: list[float], period: int, year: int, period_months: int) -> None:
    rest_months = 12 - period_months
    parts = zip(apportion(period, weights), apportion(year - period, weights), strict=True)
    for s, (early, late) in zip(streams, parts, strict=True):
        b.add_stream(s, apportion(early, [1] * period_months) + apportion(late, [1] * rest_months))


def _office_personnel(b: _Budget, staff: Staff, target: Target | None, period_months: int) -> None:
    """Budget the office's staffing plan at budget wages with PO, the salary review of 2015 as a central pool, and the rest."""
    units = set(b.organisation.units(OFFICE, b.at))
    by_month = [0] * 12
    wages_of: dict[str, int] = defaultdict(int)
    for month, period in enumerate(b.months):
        for unit, wages in sorted(planned_wages(staff, units, period).items()):
            wages_of[unit] += wages
            for account, amount in (("5021", wages), *po_amounts(wages, period)):
                amounts = [0] * 12
                amounts[month] = amount
                by_month[month] += amount
                b.add(unit, account, "", amounts)
    if target:
        early = target.kr("personnel", "budget_period") - sum(by_month[:period_months])
        rest = target.kr("personnel", "budget_year") - target.kr("personnel", "budget_period") - sum(by_month[period_months:])
    else:
        early, rest = (OTHER_PER_MONTH[b.year] * number for number in (period_months, 12 - period_months))
    if early < 0 or rest < 0:
        raise ArithmeticError(f"{b.year} personnel: {early} and {rest} kr left beside the plan: change data/klk_positions.csv")
    pool = 0
    if b.year == 2015:  # the review of April is a pool at the staff function until it is settled
        usual = round(early / period_months) * (12 - period_months)
        pool, rest = rest - usual, usual
        b.add("0110", "5029", "", [0] * period_months + apportion(pool, [1] * (12 - period_months)))
    cells = [("0130", "5811", "870", 30.0)]
    for unit, wages in sorted(wages_of.items()):
        cells += [(unit, "5031", "", wages / sum(wages_of.values()) * 14), (unit, "5511", "", 1.0)]
    weights = [weight for *_, weight in cells]
    for (unit, account, counterparty, _), first, second in zip(
        cells, apportion(early, weights), apportion(rest, weights), strict=True
    ):
        spread = apportion(first, [1] * period_months) + apportion(second, [1] * (12 - period_months))
        b.add(unit, account, counterparty, spread)


def build_budget(
    seed: int, year: int, organisation: Organisation, streams: list[Stream], staff: Staff, targets: dict[str, Target]
) -> Cells:
    """Return the budget of a year: kr by month per cell."""
    b = _Budget(organisation, year)
    target = next((t for t in targets.values() if t.report_period.startswith(str(year))), None)
    period_months = int(target.report_period[5:]) if target else 8
    office = set(organisation.units(OFFICE, b.at))
    _other_offices(b, seed, streams)
    others = {code for code in organisation.ansvar if organisation.office(code, f"{year}-01")} - office
    _personnel(b, seed, staff, others)
    _finance(b)
    _office_lines(b, streams, target, period_months)
    _office_personnel(b, staff, target, period_months)
    return {key: amounts for key, amounts in sorted(b.cells.items()) if any(amounts)}


def _outcome(ledger: Ledger, report_period: str, use: Callable[[str], bool]) -> dict[Key, int]:
    """Return öre by cell of the year to date, as the export of the report period shows it."""
    result: dict[Key, int] = defaultdict(int)
    for voucher in ledger.vouchers:
        if voucher.export <= report_period and voucher.export[:4] == report_period[:4]:
            for row in voucher.rows:
                if row.unit and use(row.account):
                    result[Key(row.unit, row.account, row.activity, "", row.counterparty)] += row.amount
    return result


def build_forecast(
    seed: int, report_period: str, organisation: Organisation, budget: Cells, ledger: Ledger, targets: dict[str, Target]
) -> dict[Key, int]:
    """Return the full-year forecast of a round: kr by cell, without sub-activity.

    Managers take the outcome and add what is left of the budget, with a judgement of their own. The office's rounds that were
    printed are then moved to the printed lines, in thousands, over all cells of the line; the planted agreements keep theirs.
    """
    done = int(report_period[5:])
    outcome = _outcome(ledger, report_period, lambda account: "3" <= account < "89")
    left: dict[Key, int] = defaultdict(int)
    for key, amounts in budget.items():
        left[key._replace(sub_activity="")] += sum(amounts[done:])
    office = set(organisation.units(OFFICE, report_period))
    result: dict[Key, int] = {}
    for key in sorted({*outcome, *left}):
        rng = chance(seed, "forecast", report_period, *key)
        amount = outcome.get(key, 0) / 100 + left.get(key, 0) * rng.uniform(0.97, 1.03)
        if thousands := round(amount / 1000):
            result[key] = thousands * 1000
    target = targets.get(report_period)
    if not target:
        return result
    known = {
        ("0190", "3511"): -480_000,  # the authority pays for the whole year
        ("0130", "3631"): -364_000,  # twelve months of 2015 and two of 2014
    }
    by_line: dict[str, list[Key]] = defaultdict(list)
    for key in result:
        if key.unit in office and (line := line_of(key.account, key.counterparty)):
            by_line[line].append(key)
    for line, keys in sorted(by_line.items()):
        sign = -1 if line.endswith("income") else 1
        wanted = sign * target.kr(line, "forecast_year")
        free = []
        for key in keys:
            if report_period == "2015-03" and (key.unit, key.account) in known:
                result[key] = known[key.unit, key.account]
                wanted -= result[key]
            elif result[key] * sign > 0:
                free.append(key)
            else:
                wanted -= result[key]
        thousands, odd = divmod(abs(wanted), 1000)
        for key, part in zip(free, apportion(thousands, [abs(result[key]) for key in free]), strict=True):
            result[key] = sign * part * 1000
        largest = max(free, key=lambda key: abs(result[key]))
        result[largest] += sign * odd
    return {key: amount for key, amount in result.items() if amount}
