"""AutoETS 99 % intervals of monthly totals: `python autoets.py TOTALS.parquet BREACHES.parquet`, in `.venv-bench`.

statsforecast needs an older pandas than avvik: `bench_findings` runs this file in an environment of its own (`make bench-setup`).
What belongs here: the forecast. What does not: which breaches are right.
"""

from __future__ import annotations

import sys

import pandas as pd
from statsforecast import StatsForecast  # type: ignore[import-not-found]
from statsforecast.models import AutoETS  # type: ignore[import-not-found]


def breaches(totals: pd.DataFrame) -> pd.DataFrame:
    """Return (unique_id, ds) of the twelve last months that lie outside the interval made the month before.

    totals: unique_id, ds (first of the month), y. Fitted once, at the last month before the year, and brought forward by month:
    a refit each month costs twelve times.
    """
    model = StatsForecast(models=[AutoETS(season_length=12)], freq="MS")
    out = model.cross_validation(df=totals, h=1, n_windows=12, step_size=1, level=[99], refit=False)
    return out[(out.y < out["AutoETS-lo-99"]) | (out.y > out["AutoETS-hi-99"])][["unique_id", "ds"]]


if __name__ == "__main__":
    breaches(pd.read_parquet(sys.argv[1])).to_parquet(sys.argv[2], index=False)
