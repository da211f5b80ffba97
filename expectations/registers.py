"""File checks of the registers: organisation, chart, other dimensions, maps of report lines and counterparties.

What belongs here: that a register row has the code it is a register of. Not here: hierarchies and overlaps, which dbt tests.
"""

from __future__ import annotations

from expectations.files import Check
from orchestration.errors import Text

#: The column that identifies a row, and what it is called, per entity.
_CODES = {
    "unit": ("unit", Text(sv="ansvar", en="unit")),
    "account": ("account", Text(sv="konto", en="account")),
    "dimension_value": ("code", Text(sv="kod", en="code")),
    "report_line_account": ("account_from", Text(sv="konto från", en="first account")),
    "counterparty_group": ("prefix_from", Text(sv="motpart från", en="first counterparty")),
}


def checks() -> list[Check]:
    """Return the suites of all registers; a load runs those of the entities that it filled."""
    import great_expectations.expectations as gxe

    return [
        Check(
            f"{entity}_code_present",
            entity,
            "ERROR",
            Text(sv=f"varje rad har {name.sv}", en=f"every row has a {name.en}"),
            gxe.ExpectColumnValuesToNotBeNull,
            {"column": column},
        )
        for entity, (column, name) in _CODES.items()
    ]
