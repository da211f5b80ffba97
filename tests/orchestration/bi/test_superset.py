"""The dashboards in a real Superset, seen in headless Chromium: what stands on screen is what stands in the marts.

One server for the module, on a small publication whose figures are in `tiny_bi`. A picture of each dashboard is kept in the
test's temporary folder, or in `AVVIK_PICTURES`.
"""

from __future__ import annotations

import os
import re
import socket
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
import tiny_bi

from orchestration.bi import server
from orchestration.bi.bundle import ASSETS
from orchestration.settings import Settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Response

pytestmark = pytest.mark.slow

#: Seconds that a page may take on a busy machine.
PAGE = 120


@dataclass
class Opened:
    """A dashboard as it was shown: the page, and every chart's data by its column names."""

    page: Page
    data: dict[tuple[str, ...], list[dict[str, Any]]] = field(default_factory=dict)
    questions: list[Any] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def rows(self, *columns: str) -> list[dict[str, Any]]:
        """Return the data of the one chart that has these columns."""
        (found,) = (rows for names, rows in self.data.items() if set(columns) <= set(names))
        return found


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return tiny_bi.publication(tmp_path_factory.mktemp("superset"))


@pytest.fixture(scope="module")
def superset(settings: Settings) -> Iterator[server.Superset]:
    try:
        server.python()
    except server.BiError:
        pytest.skip("needs Superset: `make test-all` installs it (make bi-setup)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with server.serving(settings, port) as running:
        yield running


@pytest.fixture(scope="module")
def page(superset: server.Superset, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1500, "height": 1000}, locale="sv-SE")
    opened = context.new_page()
    opened.goto(f"{superset.address}/login/", timeout=PAGE * 1000)
    opened.locator("input[name=username], input#username").first.fill(superset.user, timeout=PAGE * 1000)
    opened.locator("input[name=password], input#password").first.fill(superset.password_file.read_text())
    opened.keyboard.press("Enter")
    opened.wait_for_url("**/welcome/**", timeout=PAGE * 1000, wait_until="commit")
    yield opened
    context.close()


@pytest.fixture
def marts(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(settings.published / "reporting.duckdb"), read_only=True) as connection:
        yield connection


def show(superset: server.Superset, page: Page, slug: str, charts: int) -> Opened:
    """Open a dashboard and wait until all its charts have got their data and are drawn."""
    opened = Opened(page)

    def got(response: Response) -> None:
        if "/api/v1/chart/data" not in response.url:
            return
        if response.status != 200:
            opened.errors.append(f"{response.status} {response.text()[:300]}")
            return
        for result in response.json()["result"]:
            opened.data[tuple(result["colnames"])] = result["data"]
        opened.questions.append(response.request.post_data_json)

    def went_out(response: Response) -> None:
        if not response.url.startswith((superset.address, "data:", "blob:")):
            opened.elsewhere.append(response.url)

    def alarm(dialog: Any) -> None:
        opened.errors.append(dialog.message)
        dialog.dismiss()

    listeners = {"response": got, "dialog": alarm}
    page.on("response", went_out)
    for event, listener in listeners.items():
        page.on(event, listener)  # type: ignore[call-overload]
    page.set_viewport_size({"width": 1500, "height": 2600})  # charts are loaded when they come into view
    page.goto(f"{superset.address}/superset/dashboard/avvik-{slug}/", timeout=PAGE * 1000)
    page.locator(".dashboard-component-chart-holder").nth(charts - 1).wait_for(timeout=PAGE * 1000)
    page.wait_for_function(
        "n => document.querySelectorAll('.slice_container').length >= n && !document.querySelector('.loading')",
        arg=charts,
        timeout=PAGE * 1000,
    )
    for _ in range(PAGE * 2):
        if len(opened.data) + len(opened.errors) >= charts and page.locator(".loading").count() == 0:
            break
        page.wait_for_timeout(500)
    page.wait_for_timeout(1500)  # drawn
    page.remove_listener("response", went_out)
    for event, listener in listeners.items():
        page.remove_listener(event, listener)
    folder = Path(os.environ.get("AVVIK_PICTURES") or superset.password_file.parent)
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(folder / f"bi-{slug}.png"))
    assert opened.errors == []
    assert opened.elsewhere == []
    return opened


def post(superset: server.Superset, page: Page, path: str, body: Any) -> Any:
    """Ask Superset's interface as the page that is logged in."""
    token = page.request.get(f"{superset.address}/api/v1/security/csrf_token/").json()["result"]
    headers = {"X-CSRFToken": token, "Referer": superset.address}
    return page.request.post(f"{superset.address}/api/v1/{path}", data=body, headers=headers, timeout=PAGE * 1000)


def printed(amount: Decimal) -> str:
    """Return kronor as the dashboards show them: whole tkr, no-break space."""
    shown = f"{float(amount) / 1000:,.0f}".replace(",", "\N{NO-BREAK SPACE}")
    return "0" if shown == "-0" else shown


def text(page: Page) -> str:
    return page.locator("body").inner_text().replace("\N{MINUS SIGN}", "-")


def charts_of(slug: str) -> int:
    """Return how many charts a dashboard has."""
    return len(re.findall(r"type: CHART", (ASSETS / "dashboards" / f"{slug}.yaml").read_text(encoding="utf-8")))


def test_follow_up(superset: server.Superset, page: Page, marts: duckdb.DuckDBPyConnection) -> None:
    opened = show(superset, page, "uppfoljning", charts_of("uppfoljning"))
    shown = text(page)
    expected = marts.execute(
        "select report_line_name, outcome_period, budget_period, deviation_period, forecast_year, budget_year, "
        "deviation_forecast from marts.follow_up where report_period = '2015-02' "
        "and unit_code = 'KOMMUN' order by report_line_order"
    ).fetchall()
    rows = opened.rows("report_line_name", "Utfall perioden", "Avvikelse prognos")
    names = ("Utfall perioden", "Budget perioden", "Avvikelse perioden", "Prognos helår", "Budget helår", "Avvikelse prognos")
    assert [row["report_line_name"] for row in rows] == [line for line, *_ in expected]
    for row, (_, *amounts) in zip(rows, expected, strict=True):
        assert [round(Decimal(row[name]) * 1000, 2) for name in names] == amounts
        for amount in amounts:
            assert printed(amount) in shown
    # The heat table: the units right below, line by line, and their sum is the deviation of the whole.
    below = opened.rows("Underenhet", "Rad", "Avvikelse")
    assert {row["Underenhet"] for row in below} == {"Kansliet", "Barn & 'ung'"}
    net = sum(round(Decimal(row["Avvikelse"]) * 1000, 2) for row in below if row["Rad"].endswith("Netto"))
    assert net == expected[-1][3]
    # The year's course: twelve months, outcome up to the report's.
    curve = opened.rows("period", "Budget")
    assert len(curve) == 12
    assert [row["period"] for row in curve if row["Utfall"] is not None] == ["2015-01", "2015-02"]
    assert round(Decimal(curve[1]["Utfall"]) * 1000, 2) == expected[-1][1]
    assert "Publicerad" in shown  # Superset's own words are Swedish


def test_findings(superset: server.Superset, page: Page, settings: Settings) -> None:
    opened = show(superset, page, "fynd", charts_of("fynd"))
    row, profile = opened.rows("finding_id", "effect_on_result", "status_name")  # what changes the result first
    assert (row["finding_id"], row["tier"], row["status_name"]) == ("F1", "fel", "öppet")
    assert Decimal(str(row["effect_on_result"])) == Decimal("-5.96")
    assert opened.rows("Fynd att åtgärda") == [{"Fynd att åtgärda": 2}]
    # A budget's profile is told, but no correction of it changes the result: it is in no sum.
    assert (profile["finding_id"], profile["effect_period"], profile["effect_on_result"]) == ("F2", 7000000, None)
    assert [round(total * 1000, 2) for total in opened.rows("Verkan perioden, tkr")[0].values()] == [-5.96]
    (unit,) = opened.rows("own_unit", "Fel", "Frågor")
    assert (unit["own_unit"], unit["Fel"], round(unit["Ändrar resultatet, tkr"] * 1000, 2)) == ("Ekonomi (E1)", 2, -5.96)
    (evidence,) = opened.rows("source_file", "source_row", "role")
    assert (evidence["source_file"], evidence["source_row"], evidence["voucher"]) == ("2015-02/huvudbok.se", 6, "6")
    assert "Faktura saknas" in text(page)
    # A new publication is seen at the next question, and a mart without rows gives no rows, not an error.
    tiny_bi.publication(settings.home.parent, empty=("findings",))
    answers = {}
    for question in opened.questions:
        answer = post(superset, page, "chart/data", question)
        assert answer.ok, answer.text()
        answers |= {tuple(result["colnames"]): result["data"] for result in answer.json()["result"]}
    assert answers["Fynd att åtgärda",] == [{"Fynd att åtgärda": 0}]


def test_personnel_bridge(superset: server.Superset, page: Page, marts: duckdb.DuckDBPyConnection) -> None:
    opened = show(superset, page, "personalbrygga", charts_of("personalbrygga"))
    ((deviation,),) = marts.execute(
        "select deviation_period from marts.follow_up where report_period = '2015-02' and unit_code = 'KOMMUN' "
        "and report_line = 'personnel'"
    ).fetchall()
    (row,) = opened.rows("Personalavvikelse perioden, tkr")
    assert round(Decimal(row["Personalavvikelse perioden, tkr"]) * 1000, 2) == deviation
    steps = opened.rows("step_name", "Avvikelse")
    assert sum(round(Decimal(step["Avvikelse"]) * 1000, 2) for step in steps) == deviation  # without the memo
    for shown in (steps, opened.rows("step_name", "Månaden", "note")):
        assert [step["step_name"] for step in shown] == ["090 Vakanser", "140 Oförklarat"]
    assert printed(deviation) in text(page)


def test_forecast_against_outcome(superset: server.Superset, page: Page, marts: duckdb.DuckDBPyConnection) -> None:
    opened = show(superset, page, "prognos", charts_of("prognos"))
    rows = {row["report_line_name"]: row for row in opened.rows("report_line_name", "Takt kvar/mån")}
    for line, outcome, forecast in marts.execute(
        "select report_line_name, outcome_period, forecast_year from marts.follow_up "
        "where report_period = '2015-02' and unit_code = 'KOMMUN'"
    ).fetchall():
        assert float(rows[line]["Takt hittills/mån"]) * 1000 == pytest.approx(float(outcome) / 2, abs=0.01)
        assert float(rows[line]["Takt kvar/mån"]) * 1000 == pytest.approx(float(forecast - outcome) / 10, abs=0.01)


def test_vouchers_behind_a_deviation_and_texts_are_text(superset: server.Superset, page: Page) -> None:
    opened = show(superset, page, "verifikationer", charts_of("verifikationer"))
    rows = opened.rows("voucher", "Belopp", "source_file")
    assert [(row["voucher"], round(Decimal(str(row["Belopp"])), 2)) for row in rows] == [
        ("A 5", Decimal("-60.00")),
        ("A 6", Decimal("-44.04")),
    ]
    assert tiny_bi.HOSTILE in text(page)
    assert "-44,04" in text(page)


def test_without_a_choice_of_month_and_unit_no_sum_is_shown(superset: server.Superset, page: Page) -> None:
    """Sums over all months and levels of the organisation would be nonsense: the charts give nothing instead."""
    found = page.request.get(f"{superset.address}/api/v1/chart/?q=(page_size:100)").json()["result"]
    (chart,) = (chart for chart in found if chart["slice_name"] == "Nettoavvikelse perioden, tkr")
    page.goto(f"{superset.address}/explore/?slice_id={chart['id']}", timeout=PAGE * 1000)
    with page.expect_response(lambda response: "/api/v1/chart/data" in response.url, timeout=PAGE * 1000) as got:
        pass
    assert got.value.json()["result"][0]["data"] == [{"Nettoavvikelse perioden, tkr": None}]


def test_the_connection_reads_the_marts_and_nothing_else(superset: server.Superset, page: Page) -> None:
    database = page.request.get(f"{superset.address}/api/v1/database/").json()["result"][0]["id"]

    def ask(sql: str) -> Any:
        question = {"database_id": database, "sql": sql, "runAsync": False, "schema": "marts", "client_id": os.urandom(5).hex()}
        return post(superset, page, "sqllab/execute/", question)

    answer = ask("select count(*) as n from marts.follow_up")
    assert answer.json()["data"][0]["n"] > 0
    for sql in (
        f"select * from read_text('{superset.password_file}')",
        "create table marts.x as select 1 as n",
        "delete from marts.follow_up",
        "set enable_external_access = true",
    ):
        assert not ask(sql).ok, sql


def test_nobody_gets_in_without_the_password(superset: server.Superset, browser: Browser) -> None:
    context = browser.new_context()
    try:
        assert context.request.get(f"{superset.address}/api/v1/dashboard/").status == 401
        login = {"username": "admin", "password": "admin", "provider": "db"}
        assert context.request.post(f"{superset.address}/api/v1/security/login", data=login).status == 401
    finally:
        context.close()
    for name in ("admin_password", "secret_key"):
        path = superset.password_file.with_name(name)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert len(path.read_text()) >= 40
