"""The names of the months in Swedish, for what is printed and what is recognised in a text.

What belongs here: the names. What does not: reading a month in whatever way a file writes it (`readers.numbers`).
"""

from __future__ import annotations

MONTHS = (
    "januari",
    "februari",
    "mars",
    "april",
    "maj",
    "juni",
    "juli",
    "augusti",
    "september",
    "oktober",
    "november",
    "december",
)
