"""The report as people meet it: in a browser (light, dark, narrow, printed, by keyboard) and in a spreadsheet program."""

from __future__ import annotations

import re
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
import tiny_marts as marts

from orchestration.report.options import ReportOptions
from orchestration.report.pdf import find_browser, printer
from orchestration.report.write import write_reports
from orchestration.settings import load_settings

LINE, TITLE = "other_external_cost", "Bokfört två gånger"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of March 2015's reports, with everything that a report can have in it, all of it hostile."""
    home = tmp_path_factory.mktemp("home")
    marts.publish(home)
    marts.comments(home, [("KLK", "", marts.SCRIPT, marts.HOSTILE), ("A1", "personnel", marts.HOSTILE, "")])
    rows = [
        (close, f"{n}", "PER-06", tier, TITLE, unit, LINE, marts.SCRIPT, "2015-02", 40_000.0 * (n - 2), "open", 1)
        for close in ("2015-02", "2015-03")
        for n, (tier, unit) in enumerate((("fel", "A1"), ("fråga", "A2"), ("fel", "A2"), ("fråga", "A1")))
    ]
    marts.findings(home, rows)
    marts.bridge(home, "KLK", {"vacancy": 200_000, "rate": -30_000, "unexplained": -20_000}, {"hired_staff": -90_000})
    return write_reports(load_settings(home), "2015-03", options=ReportOptions(pdf=False)).folder


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("unit", ["KLK", "KOMMUN"])
def test_axe_finds_nothing_to_complain_of(folder: Path, browser, scheme: str, unit: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed here").Axe()
    page = browser.new_page(color_scheme=scheme, bypass_csp=True)
    page.goto((folder / f"{unit}.html").as_uri())
    page.eval_on_selector_all("details", "all => all.forEach(one => one.open = true)")
    results = axe.run(page, options={"resultTypes": ["violations", "incomplete"]})
    page.close()
    assert [(item["id"], item["nodes"][0]["html"][:200]) for item in results.response["violations"]] == []
    unsure = [item for item in results.response["incomplete"] if item["id"] == "color-contrast"]
    nodes = [node["html"] for item in unsure for node in item["nodes"]]
    assert [html[:200] for html in nodes if not html.startswith("<text ")] == []  # axe cannot see through a picture: below


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_in_pictures_can_be_read(folder: Path, browser, scheme: str) -> None:
    page = browser.new_page(color_scheme=scheme)
    page.goto((folder / "KLK.html").as_uri())
    fills = page.eval_on_selector_all("svg text", "all => [...new Set(all.map(one => getComputedStyle(one).fill))]")
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.close()
    assert len(fills) > 2
    assert [fill for fill in fills if _contrast(fill, paper) < 4.5] == []


def _contrast(one: str, other: str) -> float:
    """Return the contrast of two colours 'rgb(r, g, b)' by WCAG 2."""

    def luminance(colour: str) -> float:
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_nothing_runs_and_nothing_is_fetched(folder: Path, browser) -> None:
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: asked.append(dialog.message))
    page.goto((folder / "KLK.html").as_uri())
    page.eval_on_selector_all("details", "all => all.forEach(one => one.open = true)")
    assert asked == [(folder / "KLK.html").as_uri()]
    assert page.locator("script").count() == 0
    assert "<script>alert('x')</script>" in page.inner_text("body")
    page.close()


def test_the_keyboard_reaches_and_opens_everything(folder: Path, browser) -> None:
    page = browser.new_page()
    page.goto((folder / "KLK.html").as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0  # it shows when it has the focus
    page.keyboard.press("Enter")
    seen = set()
    for _ in range(200):
        page.keyboard.press("Tab")
        name, line = page.evaluate("[document.activeElement.tagName, document.activeElement.parentElement?.id || '']")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        if name == "BODY":
            break
        assert outline != "none", name
        seen.add(name)
        if name == "SUMMARY" and line == f"rad-{LINE}":
            page.keyboard.press("Enter")
            assert page.evaluate(f"document.getElementById('rad-{LINE}').open")
    assert {"A", "DIV", "SUMMARY"} <= seen
    assert page.evaluate(f"document.getElementById('rad-{LINE}').open")
    # A link in the table opens the line that it names.
    page.evaluate("document.querySelector('a[href=\"#rad-personnel\"]').focus()")
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#rad-personnel"
    page.close()


@pytest.mark.parametrize("width", [320, 768, 1400])
def test_no_width_makes_the_page_scroll_sideways(folder: Path, browser, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    for unit in ("KLK", "KOMMUN"):
        page.goto((folder / f"{unit}.html").as_uri())
        page.eval_on_selector_all("details", "all => all.forEach(one => one.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_on_paper_there_is_no_drill_down_and_all_is_dark_on_light(folder: Path, browser) -> None:
    page = browser.new_page(color_scheme="dark")
    page.goto((folder / "KLK.html").as_uri())
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.emulate_media(media="print")
    assert page.is_hidden(".drill")
    assert page.is_hidden(".skip")
    assert page.is_visible(".print-only")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)" != dark
    page.close()


@pytest.mark.parametrize("style", ["natural", "ledger"])
def test_a_spreadsheet_program_opens_the_file_and_calculates_the_amounts_of_the_marts(
    folder: Path, tmp_path: Path, style: str, libreoffice
) -> None:
    """LibreOffice calculates everything anew; its values must be those that the marts gave, and no text may have become one."""
    home = folder.parents[1]
    options = ReportOptions(pdf=False, sign_style=style)
    write_reports(load_settings(home), "2015-03", ["KLK"], options=options)
    ours = folder / "KLK.xlsx"
    saved = libreoffice(ours, tmp_path)
    said, theirs = openpyxl.load_workbook(ours, data_only=True), openpyxl.load_workbook(saved, data_only=True)
    formulas = openpyxl.load_workbook(saved)
    assert theirs.sheetnames == said.sheetnames
    compared = 0
    for sheet in said:
        for row in sheet.iter_rows():
            for cell in row:
                value = theirs[sheet.title][cell.coordinate].value
                if isinstance(cell.value, int | float):
                    assert Decimal(str(value)).quantize(Decimal("0.01")) == Decimal(str(cell.value)).quantize(Decimal("0.01"))
                    compared += 1
                elif cell.value is not None:
                    assert value == cell.value
                    assert formulas[sheet.title][cell.coordinate].data_type == "s"
    assert compared > 100
    assert any(cell.value == marts.HOSTILE for row in theirs["Kommentarer"].iter_rows() for cell in row)


def test_captions_are_read_whole_on_a_narrow_screen(folder: Path, browser) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto((folder / "KLK.html").as_uri())
    page.eval_on_selector_all("details", "all => all.forEach(one => one.open = true)")
    wide = "all => all.filter(one => one.getBoundingClientRect().right > innerWidth).map(one => one.textContent)"
    assert page.locator("caption span").count() > 5
    assert page.eval_on_selector_all("caption span", wide) == []
    page.close()


def test_hostile_text_is_only_text_in_the_pdf(folder: Path) -> None:
    program = find_browser()
    if program is None or shutil.which("pdftotext") is None:
        pytest.skip("Chromium and pdftotext are needed: the text of a PDF is not read here")
    with printer(program) as running:
        data = running.print_page(folder / "KLK.html")
    for word in (b"/JavaScript", b"/JS", b"/Launch", b"/EmbeddedFile"):
        assert word not in data
    found = subprocess.run(["pdftotext", "-layout", "-", "-"], input=data, capture_output=True, check=True, timeout=60)
    text = " ".join(found.stdout.decode().split())
    assert "<script>alert('x')</script>" in text
    assert not re.search(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
