"""Fixtures for the whole suite: the shared reference material, and a clean, quiet environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings as hypothesis_settings

from orchestration.report.pdf import find_browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser

REPOSITORY = Path(__file__).resolve().parents[1]

os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"
os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
os.environ["GX_ANALYTICS_ENABLED"] = "false"
# How long one example takes says how busy the machine is, not whether the code is right.
hypothesis_settings.register_profile("avvik", deadline=None)
hypothesis_settings.load_profile("avvik")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of reference material beside the project, or skip: a user's clone does not have it."""
    folder = REPOSITORY.parent / "shared"
    if not folder.is_dir():
        pytest.skip("needs ../shared (real export files and the printed reports), which is not part of the project")
    return folder


@pytest.fixture(autouse=True)
def _language(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages are in English in tests unless a test chooses."""
    monkeypatch.setenv("AVVIK_LANGUAGE", "en")


@pytest.fixture(scope="session", autouse=True)
def _session_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the key of the pseudonyms out of the user's own configuration folder; parse the dbt project once for all homes."""
    own = tmp_path_factory.getbasetemp()
    common = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AVVIK_PERSON_KEY_FILE", str(own / "keys" / "person.key"))
        patch.setenv("AVVIK_CACHE", str(common / "cache"))
        yield


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return an empty home folder."""
    folder = tmp_path / "home"
    (folder / "inbox").mkdir(parents=True)
    return folder


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Yield Debian's Chromium, headless, driven by Playwright; skip where there is none."""
    chromium = find_browser()
    if chromium is None:
        pytest.skip("needs Chromium: `make test-all` installs it (apt-get install chromium)")
    sync_playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright: `make setup`").sync_playwright
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        instance = playwright.chromium.launch(executable_path=chromium, args=flags)
        yield instance
        instance.close()


#: The files that take longest, longest first, so that no worker is left alone with one at the end.
LONGEST = (
    "test_pipeline.py",
    "test_superset.py",
    "test_dagster_ui.py",
    "test_kill.py",
    "test_real_files.py",
    "test_run.py",
    "test_people_run.py",
    "test_personal_data.py",
)


@pytest.fixture(scope="session")
def libreoffice(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path, Path], Path]:
    """Return a function that opens a workbook in LibreOffice, saves it in a folder and returns that file; skip without it."""
    program = shutil.which("soffice") or shutil.which("libreoffice")
    if program is None:
        warnings.warn("LibreOffice is not installed: no workbook was opened in it", stacklevel=2)
        pytest.skip("needs LibreOffice: `make test-all` installs it (apt-get install libreoffice-calc)")
    profile = (tmp_path_factory.mktemp("libreoffice") / "profile").as_uri()  # one for all: the first start makes it

    def convert(workbook: Path, folder: Path) -> Path:
        command = [program, f"-env:UserInstallation={profile}", "--headless", "--convert-to", "xlsx:Calc MS Excel 2007 XML"]
        done = subprocess.run([*command, "--outdir", str(folder), str(workbook)], check=True, capture_output=True, timeout=180)
        assert b"repair" not in (done.stdout + done.stderr).lower()
        return folder / workbook.name

    return convert


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the longest files first."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))
