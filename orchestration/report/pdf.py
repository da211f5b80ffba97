"""A report as PDF, from its HTML, without network.

What belongs here: the choice of renderer. WeasyPrint (a Python package on the system's Pango) is used where it can be imported:
in process, tagged PDF, and nothing can be fetched. Otherwise a Chromium or Chrome that is installed prints the page. Where there
is neither, no PDF is made, and the caller says so.
"""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orchestration.errors import AvvikError, Text

Renderer = Callable[[str, Path], None]

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_SECONDS = 120

MISSING = Text(
    sv="Ingen PDF: varken WeasyPrint (med Pango) eller Chromium finns här. HTML och Excel är skrivna.",
    en="No PDF: neither WeasyPrint (with Pango) nor Chromium is here. HTML and Excel are written.",
)


def find_renderer() -> Renderer | None:
    """Return what can make a PDF here, or None."""
    return _weasyprint() or _browser()


def _weasyprint() -> Renderer | None:
    try:
        module: Any = importlib.import_module("weasyprint")
    except (ImportError, OSError):  # OSError: the package is here but Pango is not
        return None

    def refuse(url: str, *_: object, **__: object) -> dict:
        raise ValueError(f"nothing is fetched: {url}")

    def render(html: str, target: Path) -> None:
        module.HTML(string=html, url_fetcher=refuse).write_pdf(target, pdf_variant="pdf/ua-1")

    return render


def _browser() -> Renderer | None:
    program = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    if program is None:
        return None

    def render(html: str, target: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="avvik-pdf-") as folder:
            page = Path(folder) / "report.html"
            page.write_text(html, encoding="utf-8")
            command = [
                program,
                "--headless=new",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-extensions",
                "--disable-background-networking",
                "--proxy-server=127.0.0.1:9",  # nowhere: the page needs nothing, and the browser is not to look around
                "--no-first-run",
                "--no-pdf-header-footer",
                f"--user-data-dir={folder}/profile",
                f"--print-to-pdf={target}",
            ]
            if hasattr(os, "geteuid") and os.geteuid() == 0:
                command.append("--no-sandbox")  # Chromium refuses to run as root with one; the page has no scripts
            done = subprocess.run([*command, page.as_uri()], capture_output=True, timeout=_SECONDS, check=False)
        if done.returncode or not target.exists() or not target.read_bytes().startswith(b"%PDF"):
            said = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or [""]
            raise AvvikError(
                Text(
                    sv=f"{program} kunde inte skriva PDF (kod {done.returncode}): {said[0]}",
                    en=f"{program} could not write the PDF (code {done.returncode}): {said[0]}",
                )
            )

    return render
