"""File checks of the ledger export (huvudbok, SIE).

What belongs here: what every ledger file must look like to be taken in. Not here: whether its postings make sense.
"""

from __future__ import annotations

from expectations.files import Check
from orchestration.errors import Text


def checks() -> list[Check]:
    """Return the suite for `ledger_line` and `period_balance`."""
    import great_expectations.expectations as gxe

    return [
        Check(
            "ledger_account_present",
            "ledger_line",
            "ERROR",
            Text(sv="varje rad har ett konto", en="every row has an account"),
            gxe.ExpectColumnValuesToNotBeNull,
            {"column": "account"},
        ),
        Check(
            "ledger_account_form",
            "ledger_line",
            "WARN",
            Text(sv="konton har 2 till 8 siffror", en="accounts have 2 to 8 digits"),
            gxe.ExpectColumnValuesToMatchRegex,
            {"column": "account", "regex": r"^[0-9]{2,8}$"},
            mostly=0.99,
        ),
        Check(
            "ledger_amount_present",
            "ledger_line",
            "ERROR",
            Text(sv="varje rad har ett belopp", en="every row has an amount"),
            gxe.ExpectColumnValuesToNotBeNull,
            {"column": "amount"},
        ),
        Check(
            "ledger_period_form",
            "ledger_line",
            "ERROR",
            Text(sv="varje rad har en period ÅÅÅÅ-MM", en="every row has a period YYYY-MM"),
            gxe.ExpectColumnValuesToMatchRegex,
            {"column": "period", "regex": r"^(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])$"},
        ),
        Check(
            "ledger_amount_size",
            "ledger_line",
            "WARN",
            Text(sv="inget belopp är över 10 miljarder kronor", en="no amount is above 10 billion kronor"),
            gxe.ExpectColumnValuesToBeBetween,
            {"column": "amount", "min_value": -10_000_000_000, "max_value": 10_000_000_000},
        ),
        Check(
            "ledger_unit_present",
            "ledger_line",
            "WARN",
            Text(sv="minst en tiondel av raderna har ett ansvar", en="at least a tenth of the rows have a unit (ansvar)"),
            gxe.ExpectColumnValuesToNotBeNull,
            {"column": "unit"},
            mostly=0.1,  # balance rows have none; no row at all means a wrong map
        ),
    ]


def shrinking_check() -> Check:
    """Return the check on rows per month against the export that the file would supersede (column `share_of_earlier`)."""
    import great_expectations.expectations as gxe

    return Check(
        "ledger_not_shrinking",
        "ledger_line",
        "ERROR",
        Text(
            sv="ingen månad har mindre än hälften av raderna i den export som filen skulle ersätta "
            '(halvskriven fil, eller ska källan ha covers = "delivery"?)',
            en="no month has less than half of the rows of the export that the file would replace "
            '(half-written file, or should the source have covers = "delivery"?)',
        ),
        gxe.ExpectColumnValuesToBeBetween,
        {"column": "share_of_earlier", "min_value": 0.5},
    )
