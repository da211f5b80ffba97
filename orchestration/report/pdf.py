"""Reports as PDF, from their HTML, without network: one headless Chromium (or Chrome, or Edge) prints them all.

The browser is started once and told what to do over a pipe, in its DevTools protocol: starting it costs ten times as much as
printing a page. Where no browser is installed no PDF is made, and the caller says so.

What belongs here: finding the browser and printing a page. What does not: the page (`html`).
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orchestration.errors import AvvikError, Text

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
_SECONDS = 60

#: The browser reads commands on descriptor 3 and answers on 4: that is fixed. A small process puts them there and becomes it.
_BECOME = """
import fcntl, os, sys
above = [fcntl.fcntl(int(pipe), fcntl.F_DUPFD, 10) for pipe in sys.argv[1:3]]
os.dup2(above[0], 3)
os.dup2(above[1], 4)
os.closerange(5, max(above) + 1)
os.execv(sys.argv[3], sys.argv[3:])
"""

MISSING = Text(
    sv="Ingen PDF: här finns varken Chromium eller Chrome. HTML och Excel är skrivna.",
    en="No PDF: neither Chromium nor Chrome is installed here. HTML and Excel are written.",
)


class PdfFailed(AvvikError):
    """The browser is there but did not print; the sentence says what it answered."""


def find_browser() -> str | None:
    """Return the program that can print here, or None."""
    return next((found for name in _BROWSERS if (found := shutil.which(name))), None) if os.name == "posix" else None


class Printer:
    """A running browser. `print_page` may be called any number of times, one page at a time."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers = commands, answers
        self._unread = b""
        self._number = 0

    def print_page(self, page: Path) -> bytes:
        """Return a page of this computer as a tagged PDF with bookmarks, on the paper that its style sheet asks for.

        Raises:
            PdfFailed: the browser answered with an error, or not at all.
        """
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._call("Page.enable", session)
        self._call("Page.navigate", session, url=page.as_uri())
        self._wait_for("Page.loadEventFired", session)
        printed = self._call(
            "Page.printToPDF",
            session,
            printBackground=True,
            preferCSSPageSize=True,
            generateTaggedPDF=True,
            generateDocumentOutline=True,
        )
        self._call("Target.closeTarget", targetId=target)
        content = base64.b64decode(printed["data"])
        if not content.startswith(b"%PDF"):
            raise _failed("what it printed is no PDF")
        return content

    def close(self) -> None:
        """Ask the browser to end."""
        self._call("Browser.close")

    def _call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters} | ({"sessionId": session} if session else {})
        rest = json.dumps(message).encode() + b"\0"
        while rest:
            try:
                rest = rest[os.write(self._commands, rest) :]
            except BrokenPipeError as error:
                raise _failed("it ended") from error
        while (answer := self._next()).get("id") != self._number:
            pass
        if "error" in answer:
            raise _failed(f"{method}: {answer['error'].get('message', '')}")
        return answer.get("result", {})

    def _wait_for(self, event: str, session: str) -> None:
        while not ((message := self._next()).get("method") == event and message.get("sessionId") == session):
            pass

    def _next(self) -> dict[str, Any]:
        deadline = time.monotonic() + _SECONDS
        while b"\0" not in self._unread:
            ready, _, _ = select.select([self._answers], [], [], max(deadline - time.monotonic(), 0))
            if not ready:
                raise _failed(f"no answer in {_SECONDS} s")
            read = os.read(self._answers, 1 << 20)
            if not read:
                raise _failed("it ended")
            self._unread += read
        message, _, self._unread = self._unread.partition(b"\0")
        return json.loads(message)


@contextmanager
def printer(program: str) -> Iterator[Printer]:
    """Start a browser to print with, and end it afterwards whatever happens.

    Raises:
        PdfFailed: it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="avvik-pdf-", ignore_cleanup_errors=True) as folder:
        command = [
            program,
            "--headless=new",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-extensions",
            "--disable-background-networking",
            "--proxy-server=127.0.0.1:9",  # nowhere: the page needs nothing, and the browser is not to look around
            "--no-first-run",
            f"--user-data-dir={folder}",
            "--remote-debugging-pipe",
        ]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.append("--no-sandbox")  # Chromium refuses to run as root with one; the page has no scripts
        (read_commands, commands), (answers, write_answers) = os.pipe(), os.pipe()
        process = subprocess.Popen(
            [sys.executable, "-ISc", _BECOME, str(read_commands), str(write_answers), *command],
            pass_fds=(read_commands, write_answers),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read_commands)
        os.close(write_answers)
        try:
            running = Printer(commands, answers)
            yield running
            running.close()
            process.wait(_SECONDS)
        finally:
            os.close(commands)
            os.close(answers)
            process.kill()  # does nothing where it has ended
            process.wait()


def _failed(what: str) -> PdfFailed:
    return PdfFailed(Text(sv=f"Webbläsaren kunde inte skriva PDF ({what}).", en=f"The browser could not print the PDF ({what})."))
