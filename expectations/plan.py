"""File checks of the budget and forecast exports.

What belongs here: what a plan file must look like to be taken in. Not here: whether the plan is wise (profiles, plausibility).
"""

from __future__ import annotations

from expectations.files import Check
from orchestration.errors import Text


def budget_checks() -> list[Check]:
    """Return the suite for `budget_line`."""
    return _plan_checks("budget_line")


def forecast_checks() -> list[Check]:
    """Return the suite for `forecast_line`."""
    import great_expectations.expectations as gxe

    return [
        *_plan_checks("forecast_line"),
        Check(
            "forecast_round_form",
            "forecast_line",
            "ERROR",
            Text(sv="varje rad har en prognosomgång ÅÅÅÅ-MM", en="every row has a forecast round YYYY-MM"),
            gxe.ExpectColumnValuesToMatchRegex,
            {"column": "forecast_round", "regex": r"^(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])$"},
        ),
    ]


def _plan_checks(entity: str) -> list[Check]:
    import great_expectations.expectations as gxe

    prefix = entity.removesuffix("_line")
    return [
        Check(
            f"{prefix}_amount_present",
            entity,
            "ERROR",
            Text(sv="varje rad har ett belopp", en="every row has an amount"),
            gxe.ExpectColumnValuesToNotBeNull,
            {"column": "amount"},
        ),
        Check(
            f"{prefix}_year_sensible",
            entity,
            "ERROR",
            Text(sv="varje rad har ett budgetår mellan 1990 och 2100", en="every row has a fiscal year between 1990 and 2100"),
            gxe.ExpectColumnValuesToBeBetween,
            {"column": "fiscal_year", "min_value": 1990, "max_value": 2100},
        ),
        Check(
            f"{prefix}_amount_size",
            entity,
            "WARN",
            Text(sv="inget belopp är över 10 miljarder kronor", en="no amount is above 10 billion kronor"),
            gxe.ExpectColumnValuesToBeBetween,
            {"column": "amount", "min_value": -10_000_000_000, "max_value": 10_000_000_000},
        ),
        Check(
            f"{prefix}_unit_present",
            entity,
            "WARN",
            Text(sv="minst en tiondel av raderna har ett ansvar", en="at least a tenth of the rows have a unit (ansvar)"),
            gxe.ExpectColumnValuesToNotBeNull,
            {"column": "unit"},
            mostly=0.1,  # balance rows have none; no row at all means a wrong map
        ),
    ]


def shrinking_check() -> Check:
    """Return the check on a budget's rows against the budget that the file would replace (column `share_of_earlier`)."""
    import great_expectations.expectations as gxe

    return Check(
        "budget_not_shrinking",
        "budget_line",
        "ERROR",
        Text(
            sv="budgeten har minst hälften av raderna i den budget som filen skulle ersätta (är det en ändringsfil, ge den en "
            "egen källa så att den läggs till)",
            en="the budget has at least half of the rows of the budget that the file would replace (if it holds changes only, "
            "give it a source of its own so that it is added)",
        ),
        gxe.ExpectColumnValuesToBeBetween,
        {"column": "share_of_earlier", "min_value": 0.5},
    )
