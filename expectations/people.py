"""File checks of HR exports: positions, employments, absence, payroll, PAXml.

What belongs here: that an export is what it claims and in plausible ranges. Not here: single impossible rows, which the readers
reject with a reason, and what payroll and ledger say of each other. No check keeps a value: the values are about people.
"""

from __future__ import annotations

from expectations.files import Check
from orchestration.errors import Text


def checks() -> list[Check]:
    """Return the suites of all HR entities; a load runs those of the entities that it filled."""
    import great_expectations.expectations as gxe

    def between(
        name: str, entity: str, severity: str, text: Text, column: str, low: float, high: float, mostly: float = 1.0
    ) -> Check:
        arguments = {"column": column, "min_value": low, "max_value": high}
        return Check(name, entity, severity, text, gxe.ExpectColumnValuesToBeBetween, arguments, mostly)

    def present(name: str, entity: str, severity: str, text: Text, column: str, mostly: float = 1.0) -> Check:
        return Check(name, entity, severity, text, gxe.ExpectColumnValuesToNotBeNull, {"column": column}, mostly)

    return [
        present(
            "position_code_present", "position", "ERROR", Text("varje rad har en tjänst", "every row has a position"), "position"
        ),
        between(
            "position_degree_range",
            "position",
            "ERROR",
            Text("sysselsättningsgraden är 0 till 100 procent", "the degree is 0 to 100 %"),
            "degree",
            0,
            1,
        ),
        between(
            "position_wage_range",
            "position",
            "WARN",
            Text("budgeterad lön är 10 000 till 250 000 kr i månaden", "the budgeted wage is SEK 10 000 to 250 000 a month"),
            "budgeted_wage",
            10_000,
            250_000,
            0.99,
        ),
        between(
            "position_po_range",
            "position",
            "WARN",
            Text("budgeterat PO är 10 till 80 procent", "the budgeted on-cost is 10 to 80 %"),
            "budgeted_po",
            0.1,
            0.8,
        ),
        present(
            "position_unit_present",
            "position",
            "WARN",
            Text("minst nio av tio tjänster har ett ansvar", "at least nine in ten positions have a unit"),
            "unit",
            0.9,
        ),
        between(
            "employment_degree_range",
            "employment",
            "ERROR",
            Text("sysselsättningsgraden är 0 till 100 procent", "the degree is 0 to 100 %"),
            "degree",
            0,
            1,
        ),
        between(
            "employment_wage_range",
            "employment",
            "WARN",
            Text("månadslönen är 1 000 till 250 000 kr", "the monthly wage is SEK 1 000 to 250 000"),
            "monthly_wage",
            1_000,
            250_000,
            0.99,
        ),
        between(
            "employment_hourly_wage_range",
            "employment",
            "WARN",
            Text("timlönen är 50 till 2 000 kr", "the hourly wage is SEK 50 to 2 000"),
            "hourly_wage",
            50,
            2_000,
            0.99,
        ),
        present(
            "employment_start_present",
            "employment",
            "WARN",
            Text("minst nio av tio anställningar har en första dag", "at least nine in ten employments have a first day"),
            "valid_from",
            0.9,
        ),
        present(
            "employment_unit_present",
            "employment",
            "WARN",
            Text("minst hälften av anställningarna har ett ansvar", "at least half of the employments have a unit"),
            "unit",
            0.5,
        ),
        present(
            "absence_start_present",
            "absence_spell",
            "ERROR",
            Text("varje frånvaro har en första dag", "every absence has a first day"),
            "valid_from",
        ),
        between(
            "absence_extent_range",
            "absence_spell",
            "ERROR",
            Text("omfattningen är över 0 och högst 100 procent", "the extent is above 0 and at most 100 %"),
            "extent",
            0.000001,
            1,
        ),
        present(
            "absence_cause_known",
            "absence_spell",
            "WARN",
            Text("minst 95 procent av frånvaron har en känd orsak", "at least 95 % of the absence has a known cause"),
            "cause",
            0.95,
        ),
        Check(
            "payroll_period_form",
            "payroll_line",
            "ERROR",
            Text("varje lönerad har en period ÅÅÅÅ-MM", "every payroll row has a period YYYY-MM"),
            gxe.ExpectColumnValuesToMatchRegex,
            {"column": "period", "regex": r"^(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])$"},
        ),
        between(
            "payroll_amount_size",
            "payroll_line",
            "WARN",
            Text("ingen lönerad är över 100 miljoner kronor", "no payroll row is above SEK 100 million"),
            "amount",
            -100_000_000,
            100_000_000,
        ),
        between(
            "time_hours_range",
            "time_line",
            "WARN",
            Text("arbetad tid är högst 400 timmar per rad", "time worked is at most 400 hours a row"),
            "hours",
            -400,
            400,
        ),
        between(
            "schedule_hours_range",
            "schedule_day",
            "ERROR",
            Text("schemat har 0 till 24 timmar per dag", "the schedule has 0 to 24 hours a day"),
            "hours",
            0,
            24,
        ),
    ]


def shrinking_checks() -> list[Check]:
    """Return the checks on a register's rows against the one that the file would replace (column `share_of_earlier`)."""
    import great_expectations.expectations as gxe

    names = {
        "position": Text("personalstaten", "the staffing plan"),
        "employment": Text("filen med anställningar", "the employments"),
    }
    return [
        Check(
            f"{entity}_not_shrinking",
            entity,
            "ERROR",
            Text(
                sv=f"{name.sv} har minst hälften av raderna i den som filen skulle ersätta "
                "(halvskriven export, eller bara ändringar?)",
                en=f"{name.en} has at least half of the rows of what the file would replace (cut short, or changes only?)",
            ),
            gxe.ExpectColumnValuesToBeBetween,
            {"column": "share_of_earlier", "min_value": 0.5},
        )
        for entity, name in names.items()
    ]
