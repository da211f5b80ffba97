"""Settings of the report: how it is printed, and from when on something deserves words.

What belongs here: choices a finance office may make. What does not: reference data (report lines, accounts); the marts have them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

#: How amounts are shown; what is stored is always natural. Deviations are favourable when positive in both.
SignStyle = Literal["natural", "ledger"]


class ReportOptions(BaseModel):
    """Choices of one municipality. Shares are of 1: 0.01 is one per cent."""

    model_config = ConfigDict(extra="forbid")

    sign_style: SignStyle = Field(
        "natural", description="natural: income +, cost −. ledger: the opposite. Deviations: + is favourable"
    )
    labels: Literal["auto", "long", "short"] = Field(
        "auto", description="Labels of the table: auto is long in natural, short in ledger"
    )
    of_net: Decimal = Field(Decimal("0.001"), ge=0, description="A deviation matters from this share of the year's net budget …")
    of_line: Decimal = Field(Decimal("0.01"), ge=0, description="… and this share of the line's own budget; both must be reached")
    max_deviations: int = Field(8, ge=1, description="Paragraphs of deviations; the rest are in the table")
    of_deviation: Decimal = Field(
        Decimal("0.25"),
        ge=0,
        description="… except that this share of the net's deviation always matters, however large the line",
    )
    profile_reference: Literal["auto", "even", "previous_year"] = Field(
        "auto",
        description="What a budget's profile is held against: even is twelfths, previous_year last year's outcome; "
        "auto is the one of them that is nearer to the budget, and none where they point in opposite directions",
    )
    profile_threshold: Decimal = Field(
        Decimal("0.01"),
        ge=0,
        description="Share of the year by which a profile must differ from the reference to be named a cause",
    )
    history_threshold: Decimal = Field(
        Decimal("0.05"), ge=0, description="The same where the reference is last year's outcome: one year is weak evidence"
    )
    cause_share: Decimal = Field(Decimal("0.1"), ge=0, description="Share of a deviation below which a cause is not named")
    forecast_jump: Decimal = Field(
        Decimal("0.05"), ge=0, description="Change of the monthly rate that the forecast implies from which it is named a risk"
    )
    vouchers: int = Field(6, ge=0, le=50, description="Largest vouchers shown for each line")
    cells: int = Field(12, ge=0, le=100, description="Cells of the table of units that can be opened, largest deviations first")
    hide_texts_of_lines: list[str] = Field(
        ["personnel"], description="Report lines whose voucher texts are left out, since they may point at a person"
    )
    hide_texts_of_counterparties: list[str] = Field(
        ["86"], description="First digits of counterparties (motpart) whose voucher texts are left out: 86 is private persons"
    )
    comment_places: bool = Field(True, description="Show, on screen, where a comment may stand")
    pdf: bool = Field(True, description="Also write PDF, where a browser is installed")
