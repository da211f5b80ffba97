"""Settings of one municipality's people: section `[people]` of `avvik.toml`.

What belongs here: names, defaults and descriptions of settings about people. What does not: rates and rules of the law and the
collective agreement, which are dated reference data (`reference/`).
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class PeopleOptions(BaseModel):
    """How HR exports are read and what may leave the warehouse."""

    model_config = ConfigDict(extra="forbid")

    key_file: Path | None = Field(
        None,
        description="The key of the personal pseudonyms; outside the home folder. Default: AVVIK_PERSON_KEY_FILE, else the "
        "user's configuration folder",
    )
    small_group_minimum: int = Field(10, ge=3, description="Groups of fewer people are not shown")
    po_rates: Path | None = Field(None, description="Own PO rates, laid on top of the shipped ones: columns as po_rates.csv")
    absence_rules: Path | None = Field(None, description="Own absence rules: columns as absence_rules.csv")
    price_base_amounts: Path | None = Field(None, description="Own price base amounts: columns as price_base_amount.csv")
    pay_types: Path | None = Field(None, description="What own wage types (lönearter) are: columns as pay_types.csv")
    personnel_accounts: Path | None = Field(
        None, description="Own accounts of on-cost and hired staff, instead of the shipped: columns as personnel_accounts.csv"
    )
    salary_review_month: int = Field(4, ge=1, le=12, description="Month of the salary review (löneöversyn), for the forecast")
    salary_review_percent: Decimal | None = Field(
        None, ge=0, le=20, description="Rise that the forecast counts with from the review; none where it is left out"
    )
