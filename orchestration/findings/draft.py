"""The draft of a finding: what a rule says before cases are merged and remembered.

What belongs here: the record and its vocabulary. What does not: rules and life cycle.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Draft:
    """One suspicion of one rule at one close. Amounts are income +, cost -.

    `key` names the agreement or series, `cause` what started it; rule, key and cause make the finding's id. `months` are month
    numbers
    (year * 12 + month - 1). `effect_period` is what the result of the period changes by when the error is put right,
    `effect_year` the
    same for the year. `evidence` rows are (rid of a ledger row, role).
    """

    rule_id: str
    tier: str
    key: str
    cause: str
    unit: str
    line: str
    account: str
    cp: str
    party: str
    months: list[int]
    expected: float
    booked: float
    effect_period: float
    effect_year: float
    confidence: float
    reason: str
    other_unit: str = ""
    agreement: str = ""
    expected_m: int | None = None
    proposal: tuple[str, str, float, int] | None = None  # debit account, credit account, amount, month of reversal
    evidence: list[tuple[int, str]] = field(default_factory=list)
    i: int = -1
    mirror: str = ""
