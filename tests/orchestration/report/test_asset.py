"""The asset `reports`: what a run says of reports that were written, refused, or could not be made."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
import tiny_marts as marts

from orchestration.assets.common import LOCK
from orchestration.assets.reports import NEEDED, reports_asset
from orchestration.report import write as write_module
from orchestration.run import FailedCheck, RunResult
from orchestration.settings import load_settings

PUBLISHED = dg.AssetKey(["published"])
MARTS = [dg.AssetKey(["marts", name]) for name in NEEDED]


@pytest.fixture(autouse=True)
def _no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_module, "find_browser", lambda: None)


def run(home: Path) -> dg.ExecuteInProcessResult:
    marts.publish(home)
    (asset,) = reports_asset(load_settings(home), PUBLISHED, MARTS)
    lock = dg.ResourceDefinition.hardcoded_resource(None)
    return dg.materialize([asset], resources={LOCK: lock}, instance=dg.DagsterInstance.ephemeral())


def checks(result: dg.ExecuteInProcessResult) -> dict[str, tuple[bool, str]]:
    return {check.check_name: (check.passed, check.severity.value) for check in result.get_asset_check_evaluations()}


def test_the_reports_of_the_newest_month_are_written_and_told(home: Path) -> None:
    result = run(home)
    assert checks(result) == {"proof": (True, "ERROR"), "complete": (False, "WARN")}
    (made,) = result.asset_materializations_for_node("reports")
    told = {name: value.value for name, value in made.metadata.items()}
    assert (told["period"], told["written"], told["unchanged"]) == ("2015-03", 4, 0)
    assert "KLK.html" in told["files"]
    assert "No PDF" in told["missing"]
    assert (home / "reports" / "2015-03" / "KLK.xlsx").exists()


def test_a_refused_report_is_a_failed_check_and_the_run_goes_on(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = write_module.write

    def lying(report, explained):
        words = honest(report, explained)
        words.summary.append("Periodens nettokostnad uppgår till 99,9 mkr.")
        return words

    monkeypatch.setattr(write_module, "write", lying)
    result = run(home)
    assert result.success
    assert checks(result)["proof"] == (False, "ERROR")
    assert not (home / "reports" / "2015-03" / "KLK.html").exists()
    told = RunResult(ok=True, published=True)
    told.failed_checks.append(FailedCheck("reports", "proof", "ERROR", "KLK: 99,9"))
    told.failed_checks.append(FailedCheck("reports", "complete", "WARN", "No PDF"))
    assert told.refused_reports == ["KLK: 99,9"]
    assert told.warnings == ["reports: No PDF"]


def test_a_project_without_the_marts_of_a_report_has_no_such_asset(home: Path) -> None:
    assert reports_asset(load_settings(home), PUBLISHED, MARTS[1:]) == []
