"""The Dagster UI as a data engineer meets it: the graph, a month run from it, its checks, a refused file, a backfill.

`avvik ui` starts Dagster's webserver and daemon for real on a home of four small months, and headless Chromium drives it. What
the pages say is asserted; a screenshot of each is kept in the test's temporary folder.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestration.assets.findings import check_name

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

LOCATION = "orchestration.definitions"
JOB = f"/locations/{LOCATION}/jobs/monthly"
MONTHS = ("2025-01", "2025-02", "2025-03")
REFUSED = "2025-04"
#: Seconds that a page may take to show something, and a run to end, on a busy machine.
PAGE, RUN = 150, 300

pytestmark = pytest.mark.slow


def _ledger(period: str, income: int) -> bytes:
    year, month = period.split("-")
    rows = [
        "#FLAGGA 0",
        "#FORMAT PC8",
        "#SIETYP 4",
        '#FNAMN "Ekbacka kommun"',
        f"#RAR 0 {year}0101 {year}1231",
        '#DIM 1 "Ansvar"',
    ]
    rows += ['#KONTO 3011 "Avgifter"', '#KONTO 5021 "Löner"', '#KONTO 1910 "Kassa"']
    for number, (account, amount) in enumerate((("3011", -income), ("5021", income // 2)), start=1):
        rows += [f'#VER A {int(month) * 100 + number} {year}{month}15 "Verifikation"', "{"]
        rows += [f'#TRANS {account} {{1 "1100"}} {amount}.00', f"#TRANS 1910 {{}} {-amount}.00", "}"]
    return ("\r\n".join(rows) + "\r\n").encode("cp437")


@dataclass
class Dagster:
    """A running Dagster: where it is, its page, and where pictures go."""

    address: str
    page: Page
    pictures: Path

    def open(self, path: str, *texts: str) -> None:
        """Go to a page and wait until it shows the texts."""
        self.page.goto(f"{self.address}{path}")
        for text in texts:
            # Dagster measures long names in hidden copies of them.
            self.page.get_by_text(text, exact=False).filter(visible=True).first.wait_for(timeout=PAGE * 1000)

    def picture(self, name: str) -> None:
        """Keep a screenshot."""
        self.page.screenshot(path=str(self.pictures / f"{name}.png"))

    def launch(self, partitions: str) -> None:
        """Choose months on the job's page and launch."""
        self.open(JOB)
        self.page.get_by_role("button", name="Materialize all").click()
        box = self.page.get_by_placeholder(re.compile("^ex: "))
        box.fill(partitions)
        box.press("Enter")
        box.blur()
        self.page.get_by_role("button", name=re.compile("^Launch")).click()

    def ended(self, wanted: int) -> list[dict]:
        """Wait until that many runs have ended, and return all runs, the newest first."""
        query = "{runsOrError { ... on Runs { results { runId status tags { key value } } } } }"
        for _ in range(RUN):
            answer = self.page.request.post(f"{self.address}/graphql", data={"query": query}).json()
            runs = answer["data"]["runsOrError"]["results"]
            if len([run for run in runs if run["status"] in ("SUCCESS", "FAILURE", "CANCELED")]) >= wanted:
                return runs
            time.sleep(1)
        raise AssertionError(f"{wanted} runs had not ended within {RUN} s: {runs}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def dagster(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dagster]:
    """Run `avvik ui` on a home with three good months and one with an error page instead of a ledger."""
    folder = tmp_path_factory.mktemp("dagster_ui")
    home = folder / "home"
    for number, period in enumerate((*MONTHS, REFUSED)):
        (home / "inbox" / period).mkdir(parents=True)
        error_page = b"<!DOCTYPE html><html><body>Din session har avslutats</body></html>"
        content = error_page if period == REFUSED else _ledger(period, 100_000 + 1_000 * number)
        (home / "inbox" / period / "huvudbok.se").write_bytes(content)
    port = _free_port()
    command = [str(Path(sys.executable).with_name("avvik")), "ui", "--home", str(home), "--port", str(port)]
    log = (folder / "server.log").open("wb")
    environment = {**os.environ, "AVVIK_LANGUAGE": "en"}
    server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)
    page = browser.new_page(viewport={"width": 1500, "height": 950})
    try:
        started = Dagster(f"http://127.0.0.1:{port}", page, folder)
        for _ in range(PAGE):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert server.poll() is None, (folder / "server.log").read_text()
            time.sleep(1)
        yield started
    finally:
        page.close()
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(60)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)  # none of its processes outlives the test
            log.close()


def test_a_data_engineer_gets_along(dagster: Dagster) -> None:
    """The whole session in one test: each step needs the one before, and the servers start once."""
    _graph(dagster)
    _one_month(dagster)
    _checks(dagster)
    _backfill(dagster)
    _refused_file(dagster)


def _graph(dagster: Dagster) -> None:
    dagster.open("/asset-groups", "Global asset lineage")
    for group in ("inbox", "raw", "staging", "reference", "dimensions", "core", "marts", "findings", "published", "reports"):
        dagster.page.get_by_text(group, exact=True).first.wait_for(timeout=PAGE * 1000)
    dagster.picture("graph")


def _one_month(dagster: Dagster) -> None:
    dagster.launch(MONTHS[0])
    (run,) = dagster.ended(1)
    assert run["status"] == "SUCCESS"
    assert {"key": "dagster/partition", "value": MONTHS[0]} in run["tags"]
    dagster.open(f"/runs/{run['runId']}", "Success")
    dagster.picture("run")


def _checks(dagster: Dagster) -> None:
    """The follow-up's checks, with their descriptions; what is delivered without a budget is told, and stops nothing."""
    dagster.open("/assets/marts/follow_up?view=checks&checkDetail=outcome_and_budget_meet", "outcome_and_budget_meet", "Failed")
    dagster.page.get_by_text(re.compile(r"2025-01, 1100, external_income")).first.wait_for(timeout=PAGE * 1000)
    dagster.picture("check")
    dagster.open(
        "/assets/raw/ledger_line?view=checks&checkDetail=files_accepted", "files_accepted", "blocking asset check", "Passed"
    )
    # A rule of the findings is a check that says in words what it looks for; the reports say what was written.
    rule = "/assets/marts/findings?view=checks&checkDetail=" + check_name("PER-01")
    dagster.open(rule, "Expected income is missing. A recurring", "non-blocking")
    dagster.picture("findings_check")
    dagster.open("/assets/reports?view=checks&checkDetail=proof", "proof", "passed their proof")


def _backfill(dagster: Dagster) -> None:
    """Two months chosen together are one run: everything is built once."""
    dagster.launch(f"[{MONTHS[1]}...{MONTHS[2]}]")
    runs = dagster.ended(2)
    assert [run["status"] for run in runs] == ["SUCCESS", "SUCCESS"]
    tags = {tag["key"]: tag["value"] for tag in runs[0]["tags"]}
    assert (tags["dagster/asset_partition_range_start"], tags["dagster/asset_partition_range_end"]) == MONTHS[1:]
    dagster.open("/assets/marts/follow_up?view=events", "Materialized")
    dagster.open("/assets/raw/ledger_line?view=partitions", MONTHS[1])
    dagster.picture("partitions")


def _refused_file(dagster: Dagster) -> None:
    """The run says which file and why, and so does the check of the table that the file should have filled."""
    dagster.launch(REFUSED)
    runs = dagster.ended(3)
    assert runs[0]["status"] == "FAILURE"
    dagster.open("/assets/raw/ledger_line?view=checks&checkDetail=files_accepted", "files_accepted", "Failed")
    dagster.page.get_by_text(re.compile(rf"{REFUSED}/huvudbok\.se.*")).first.wait_for(timeout=PAGE * 1000)
    dagster.picture("refused_check")
    dagster.open(f"/runs/{runs[0]['runId']}", "Failure")
    dagster.page.get_by_text(re.compile("web page|huvudbok")).first.wait_for(timeout=PAGE * 1000)
    dagster.picture("refused_run")
