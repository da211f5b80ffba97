"""Every setting, typed, from one file (`avvik.toml` in the home folder) and the environment (`AVVIK_…`).

What belongs here: names, defaults and descriptions of settings, and the paths of a home folder. What does not: reference data
(account ranges, counterparties, rates), which are input files or dbt seeds.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from expectations.rules import thresholds
from orchestration.errors import SettingsError, Text
from orchestration.people.options import PeopleOptions
from orchestration.postgres_options import PostgresOptions
from orchestration.report.options import ReportOptions

PERIOD = re.compile(r"^(19|20)\d\d-(0[1-9]|1[0-2])$")

#: Kinds of input. Their fields are described in `orchestration.readers.kinds`.
Kind = Literal[
    "ledger",
    "budget",
    "forecast",
    "chart",
    "organisation",
    "dimension",
    "report_lines",
    "counterparty_groups",
    "position",
    "employment",
    "absence",
    "payroll",
    "hr",
    "agreement",
    "internal_agreement",
    "period_release",
    "comment",
]

#: The kinds that hold personal data: nothing of their rows that tells who a person is leaves the reader.
PERSONAL_KINDS = ("position", "employment", "absence", "payroll", "hr")


class Source(BaseModel):
    """One kind of export file that arrives in the inbox: what it is called and how to read it."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    files: list[str] = Field(description="File name patterns in the month's inbox folder, e.g. ['huvudbok*.csv']")
    required: bool = Field(False, description="The inbox of a month is complete only with this file")
    format: Literal["auto", "sie", "csv", "excel"] = "auto"
    encoding: str = Field("auto", description="auto, or a Python codec name such as cp437")
    separator: str = Field("auto", description="CSV: auto, ';', ',', tab or '|'")
    decimal: Literal["auto", ",", "."] = "auto"
    sheet: str | None = Field(None, description="Excel: sheet name; the first sheet if empty")
    header_row: int | None = Field(None, description="1-based row of the headers; found by itself if empty")
    sign: Literal["ledger", "natural"] = Field("ledger", description="ledger: debit +, income −. natural: income +, cost −")
    unit_of_amount: Literal["kr", "tkr", "mkr"] = "kr"
    columns: dict[str, str | list[str]] = Field(
        default_factory=dict,
        description="avvik's field = the file's header (or a list, for the twelve months)",
    )
    constants: dict[str, str] = Field(
        default_factory=dict, description="Fields that have the same value on every row, e.g. forecast_round"
    )
    dimensions: dict[str, str] = Field(
        default_factory=dict,
        description="SIE and PAXml: the file's dimension number = avvik's field, e.g. '1' = 'unit'",
    )
    causes: dict[str, Literal["sick", "parental", "vab", "leave", "vacation", "paid_leave"]] = Field(
        default_factory=dict,
        description="HR: the file's own absence code or word = sick, parental, vab, leave, vacation or paid_leave",
    )
    covers: Literal["periods", "delivery"] = Field(
        "periods",
        description="periods: each file is complete for the months it covers and replaces earlier files there. "
        "delivery: each file holds what was posted since the last one, in any month, and replaces nothing",
    )
    parts: bool = Field(
        False, description="true: files of one delivery are parts that add up (by office, say), told apart by their names"
    )
    max_bad_rows: float = Field(0.01, ge=0, le=1, description="Share of unreadable rows above which the whole file is rejected")


#: What a home expects of the kinds that `avvik.toml` says nothing of: SIE files, and tables whose names say what they are.
DEFAULT_SOURCES: dict[str, Source] = {
    "ledger": Source(kind="ledger", files=["*.se", "*.si", "*.sie", "ledger*", "huvudbok*", "transaktioner*"]),
    "budget": Source(kind="budget", files=["budget*"]),
    "forecast": Source(kind="forecast", files=["forecast*", "prognos*"]),
    "organisation": Source(kind="organisation", files=["organisation*", "ansvar*"]),
    "chart": Source(kind="chart", files=["chart*", "kontoplan*"]),
    "dimension": Source(kind="dimension", files=["dimension*", "koder*"]),
    "report_lines": Source(kind="report_lines", files=["report_lines*", "rapportrader*"]),
    "counterparty_groups": Source(kind="counterparty_groups", files=["counterparty_groups*", "motpartsgrupper*"]),
    "position": Source(kind="position", files=["personalstat*", "positions*"]),
    "employment": Source(kind="employment", files=["anstallning*", "anställning*", "employment*"]),
    "absence": Source(kind="absence", files=["franvaro*", "frånvaro*", "absence*"]),
    "payroll": Source(kind="payroll", files=["lon_*", "lön_*", "loner*", "löner*", "payroll*"]),
    "hr": Source(kind="hr", files=["*.paxml", "pax*.xml", "hr*.xml"], parts=True),
    "agreement": Source(kind="agreement", files=["avtal*", "agreement*"]),
    "internal_agreement": Source(kind="internal_agreement", files=["internavtal*", "interna_avtal*", "internal_agreement*"]),
    "period_release": Source(kind="period_release", files=["period_slapp*", "periodsläpp*", "perioder*", "period_release*"]),
    "comment": Source(kind="comment", files=["kommentar*", "comment*"], parts=True),
}


class Settings(BaseModel):
    """The settings of one home folder."""

    model_config = ConfigDict(extra="forbid")

    home: Path
    municipality: str = Field("Kommunen", description="Name of the top unit")
    root_unit: str = Field("KOMMUN", description="Code of the top unit that every other unit lies under")
    fiscal_year_start: int = Field(1, ge=1, le=12, description="First month of the fiscal year")
    max_file_mb: int = Field(2048, description="Largest input file that is read")
    max_unpacked_mb: int = Field(1024, description="Largest unpacked size of an Excel file")
    people: PeopleOptions = Field(default_factory=PeopleOptions, description="HR exports and personal data")
    postgres: PostgresOptions | None = Field(None, description="PostgreSQL to publish to as well")
    report: ReportOptions = Field(default_factory=ReportOptions, description="How reports are printed, and what deserves words")
    findings: dict[str, Any] = Field(default_factory=dict, description="Thresholds of the findings: expectations/rules.py")
    sources: dict[str, Source] = Field(default_factory=lambda: dict(DEFAULT_SOURCES))

    @field_validator("home")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().resolve()

    @field_validator("findings")
    @classmethod
    def _known_thresholds(cls, value: dict[str, Any]) -> dict[str, Any]:
        thresholds(value)
        return value

    @property
    def inbox(self) -> Path:
        """`inbox/YYYY-MM/`: the user's files, never changed or moved by avvik."""
        return self.home / "inbox"

    @property
    def raw(self) -> Path:
        """`raw/<entity>/<load_id>.parquet`: accepted exports, typed."""
        return self.home / "raw"

    @property
    def loads(self) -> Path:
        """`raw/load/<load_id>.json`: the register of loads, one file per load, written last."""
        return self.raw / "load"

    @property
    def warehouse(self) -> Path:
        """The folder of the working databases; nobody but the pipeline opens them."""
        return self.home / "warehouse"

    @property
    def published(self) -> Path:
        """What BI tools read: a link to the newest complete publication."""
        return self.home / "published"


def load_settings(home: Path | str | None = None) -> Settings:
    """Read `avvik.toml` of a home folder (default: `AVVIK_HOME`, else the current folder).

    Raises:
        SettingsError: the file is not TOML or a setting is unknown or out of range; the message names the setting.
    """
    folder = Path(home or os.environ.get("AVVIK_HOME") or ".").expanduser().resolve()
    path = folder / "avvik.toml"
    values: dict = {}
    if path.exists():
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(
                Text(sv=f"{path} är inte giltig TOML: {error}", en=f"{path} is not valid TOML: {error}")
            ) from error
    for name in ("municipality", "root_unit"):
        if override := os.environ.get(f"AVVIK_{name.upper()}"):
            values[name] = override
    try:
        settings = Settings(home=folder, **values)
    except ValidationError as error:
        lines = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise SettingsError(
            Text(
                sv=f"{path}: {lines}. Rätta inställningen och kör igen.",
                en=f"{path}: {lines}. Correct the setting and run again.",
            )
        ) from error
    # A source of one's own takes the place of the default one of its kind; the other kinds stay as they are.
    own = {source.kind for source in settings.sources.values()}
    settings.sources |= {
        name: source for name, source in DEFAULT_SOURCES.items() if source.kind not in own and name not in settings.sources
    }
    return settings
