"""The demo municipality: a small fictitious Swedish municipality whose systems export files every month.

What belongs here: a generator. From a seed it makes the export files of January 2013 to April 2015 (`write_demo`), the same bytes
for the same seed. The kommunledningskontor (unit KLK) is calibrated, voucher by voucher, so that its follow-up prints as the two
published reports; what is planted in it is listed in `planted`. What does not: anything that reads these files back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from orchestration.demo.budget import ROUNDS, Cells, Key, build_budget, build_forecast
from orchestration.demo.calibration import Target, solve
from orchestration.demo.exports import (
    SETTINGS,
    SieWriter,
    budget_workbook,
    counterparties_csv,
    forecast_workbook,
    organisation_csv,
)
from orchestration.demo.hr import EXCEL_FROM, PAXML_FROM, HrSystem
from orchestration.demo.ledger import Ledger, build_ledger
from orchestration.demo.municipality import ALL_MONTHS, Organisation
from orchestration.demo.planted import PLANTED, Planted
from orchestration.demo.registers import (
    agreements_csv,
    comment_periods,
    comments_workbook,
    internal_agreements_workbook,
    period_releases_csv,
)
from orchestration.demo.staff import Staff, build_staff
from orchestration.demo.streams import Event, Stream, build_events, build_streams, calibrate, rent_streams
from orchestration.errors import SettingsError, Text

__all__ = ["Demo", "DemoResult", "build_demo", "write_demo"]

Progress = Callable[[str, int, int], None]


@dataclass
class Demo:
    """Everything the demo's files are made from. factors: how far calibration moved irregular amounts, by period and line."""

    seed: int
    organisation: Organisation
    targets: dict[str, Target]
    streams: list[Stream]
    events: list[Event]
    staff: Staff
    ledger: Ledger
    budgets: dict[int, Cells]
    forecasts: dict[str, dict[Key, int]]
    factors: dict[tuple[str, str], float]


@dataclass(frozen=True)
class DemoResult:
    """What was written. rows: voucher rows, each counted once however many exports show it."""

    home: Path
    files: tuple[Path, ...]
    months: tuple[str, ...]
    vouchers: int
    rows: int
    planted: tuple[Planted, ...]


def build_demo(seed: int = 2015) -> Demo:
    """Return the municipality of a seed.

    Raises:
        ArithmeticError: with this seed the ordinary postings cannot be brought to the printed figures.
    """
    organisation = Organisation()
    targets = solve(seed)
    streams = build_streams(seed, organisation) + rent_streams(targets, organisation)
    events = build_events(seed, streams)
    class_five, factors = calibrate(events, targets, organisation)
    staff, extra = build_staff(seed, organisation, targets, class_five)
    ledger = build_ledger(seed, organisation, events, staff)
    years = sorted({int(period[:4]) for period in ALL_MONTHS})
    budgets = {year: build_budget(seed, year, organisation, streams, staff, targets) for year in years}
    forecasts = {r: build_forecast(seed, r, organisation, budgets[int(r[:4])], ledger, targets) for r in ROUNDS}
    factors |= {(period, "personnel"): factor for period, factor in extra.items()}
    return Demo(seed, organisation, targets, streams, events, staff, ledger, budgets, forecasts, factors)


def write_demo(home: Path, seed: int = 2015, progress: Progress | None = None) -> DemoResult:
    """Write `home/avvik.toml` and `home/inbox/2013-01` … `2015-04`; the same bytes for the same seed.

    progress: called with a Swedish step name, files done and files in all.

    Raises:
        SettingsError: the folder has an avvik.toml that is not the demo's: somebody's own home is not written into.
    """
    home = Path(home)
    settings = home / "avvik.toml"
    if settings.exists() and settings.read_text(encoding="utf-8") != SETTINGS:
        raise SettingsError(
            Text(
                sv=f"{settings} är inte demons. Välj en tom mapp för demon.",
                en=f"{settings} is not the demo's. Choose an empty folder for the demo.",
            )
        )
    tell = progress or (lambda step, done, total: None)
    tell("bygger kommunen", 0, len(ALL_MONTHS))
    demo = build_demo(seed)
    writer = SieWriter(demo.ledger, demo.organisation)
    hr = HrSystem(seed, demo.staff, demo.organisation)
    written = []

    def put(path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        written.append(path)

    put(settings, SETTINGS.encode("utf-8"))
    for done, period in enumerate(ALL_MONTHS):
        folder, year = home / "inbox" / period, int(period[:4])
        put(folder / f"huvudbok_{period.replace('-', '')}.se", writer.write(period))
        if period.endswith("-01"):
            put(folder / f"budget_{year}.xlsx", budget_workbook(year, demo.budgets[year], demo.organisation))
        if period in demo.forecasts:
            put(folder / f"prognos_{period}.xlsx", forecast_workbook(period, demo.forecasts[period], demo.organisation))
        if period in ("2013-01", "2015-01"):
            put(folder / f"organisation_{period}.csv", organisation_csv(period, demo.organisation))
        if period == "2013-01":
            put(folder / "motparter.csv", counterparties_csv())
        if period.endswith("-01"):
            put(folder / f"personalstat_{year}.xlsx", hr.positions(year))
            put(folder / f"period_slapp_{year}.csv", period_releases_csv(year))
        put(folder / f"anstallningar_{period}.csv", hr.employments(period))
        put(folder / f"franvaro_{period}.{'csv' if period < EXCEL_FROM else 'xlsx'}", hr.absence(period))
        put(folder / f"lon_{period}.csv", hr.payroll(period))
        if period >= PAXML_FROM:
            put(folder / f"pax_lon_{period}.xml", hr.paxml(period))
        if period in ("2013-01", "2015-01"):
            put(folder / f"avtal_{year}.csv", agreements_csv(year, demo.streams))
            put(folder / f"internavtal_{year}.xlsx", internal_agreements_workbook(year, demo.streams))
        if period in comment_periods():
            put(folder / f"kommentarer_{period}.xlsx", comments_workbook(period))
        tell(f"skriver {period}", done + 1, len(ALL_MONTHS))
    rows = sum(len(voucher.rows) for voucher in demo.ledger.vouchers)
    return DemoResult(home, tuple(written), tuple(ALL_MONTHS), len(demo.ledger.vouchers), rows, PLANTED)
