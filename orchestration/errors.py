"""Errors and messages a user sees, in Swedish and English.

What belongs here: the exception types that carry a message for a person, and the choice of language.
What does not: the messages themselves; each stands where it is raised, in both languages, so that it can be read in context.
"""

from __future__ import annotations

import locale
import os
from dataclasses import dataclass
from typing import NamedTuple


class Text(NamedTuple):
    """One message in the two languages avvik speaks."""

    sv: str
    en: str

    def __str__(self) -> str:
        return self.sv if language() == "sv" else self.en


def language() -> str:
    """Return 'sv' or 'en': `AVVIK_LANGUAGE`, else the locale of the environment; Swedish where it says nothing.

    Swedish is the default because the finance office reads what avvik writes.
    """
    chosen = os.environ.get("AVVIK_LANGUAGE")
    if not chosen:
        names = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
        chosen = next((name for name in names if name), None) or (locale.getlocale()[0] or "")
    return "en" if chosen.lower().startswith("en") else "sv"


class AvvikError(Exception):
    """Something the user can put right. The command prints the message without a traceback.

    `exit_code` follows the promise in the README: 1 a blocking check stopped the run, 2 wrong usage or settings.
    """

    exit_code = 1

    def __init__(self, text: Text) -> None:
        super().__init__(text.en)
        self.text = text

    def __str__(self) -> str:
        return str(self.text)


class SettingsError(AvvikError):
    """A missing or broken setting or definition: nothing is started."""

    exit_code = 2


@dataclass
class Place:
    """Where in a file something is wrong. `row` is the 1-based line (text) or row (table) of the file."""

    file: str
    row: int | None = None
    column: str | None = None

    def __str__(self) -> str:
        row, column = ("rad", "kolumn") if language() == "sv" else ("row", "column")
        parts = [self.file]
        if self.row is not None:
            parts.append(f"{row} {self.row}")
        if self.column is not None:
            parts.append(f"{column} “{self.column}”")
        return ", ".join(parts)


class FileRejected(AvvikError):
    """A file is not what it claims to be and is refused whole. Nothing of it has been stored.

    `code` is a stable short name of the reason ('not_sie', 'truncated', 'wrong_period', 'column_missing', …) for tests
    and for the register of loads.
    """

    def __init__(self, code: str, place: Place, text: Text) -> None:
        super().__init__(text)
        self.code = code
        self.place = place

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"
