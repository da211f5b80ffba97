"""What `avvik report` and `avvik bridge` print: the numbers of the marts, and nothing that a text from a file can do."""

from __future__ import annotations

from pathlib import Path

import duckdb
import tiny_marts as marts
from click.testing import CliRunner

from orchestration.cli import main

EVIL = "\x1b[31mRöd [bold]x[/] [/] \x1b]0;titel\x07"


def printed(home: Path, *command: str) -> str:
    result = CliRunner().invoke(main, [*command, "--home", str(home)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_bridge_is_printed_with_its_sum_and_its_memo_rows(home: Path) -> None:
    marts.publish(home)
    marts.bridge(home, "KLK", {"vacancy": 200_000, "rate": -30_000, "unexplained": -20_000}, {"hired_staff": -90_000})
    text = printed(home, "bridge", "--unit", "KLK", "--period", "2015-03")
    lines = {line[:24].strip(): line.split()[-1] for line in text.splitlines() if line.strip()}
    assert lines["Vakanser"] == "200"
    assert lines["Inhyrd personal"] in ("-90", "−90")
    assert any(name.startswith(("Avvikelse", "Deviation")) and amount == "150" for name, amount in lines.items())


def test_hostile_names_are_only_text_in_the_terminal(home: Path) -> None:
    marts.publish(home)
    marts.bridge(home, "KLK", {"vacancy": 150_000})
    with duckdb.connect(str(home / "published" / "reporting.duckdb")) as connection:
        connection.execute("update marts.follow_up set unit_name = ? where unit_code = 'KLK'", [EVIL])
        connection.execute("update marts.personnel_bridge set step_name = ?", [EVIL])
    for command in ("report", "bridge"):
        text = printed(home, command, "--unit", "KLK", "--period", "2015-03")
        assert "\x1b" not in text
        assert "\x07" not in text
        assert "[bold]x[/] [/]" in text
