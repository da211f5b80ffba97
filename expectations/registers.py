"""File checks of the registers: organisation, chart, other dimensions, maps of report lines and counterparties, agreements,
released periods and comments.

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
    "agreement": ("account", Text(sv="konto", en="account")),
    "internal_agreement": ("seller_unit", Text(sv="säljande enhet", en="selling unit")),
    "period_release": ("released_on", Text(sv="släppdatum", en="day of release")),
    "comment": ("text", Text(sv="kommentar", en="comment")),
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
    ] + [
        Check(
            f"{entity}_amount_range",
            entity,
            "WARN",
            Text(
                sv="beloppet är över 0 och högst 1 miljard kronor per tillfälle",
                en="the amount is above 0, at most SEK 1 billion",
            ),
            gxe.ExpectColumnValuesToBeBetween,
            {"column": "amount", "min_value": 0.01, "max_value": 1_000_000_000},
        )
        for entity in ("agreement", "internal_agreement")
    ]
