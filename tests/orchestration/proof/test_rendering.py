"""The printed verdict in both languages, and its exit code."""

from __future__ import annotations

import pytest

from orchestration.proof import proof_of_file


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        (
            "sv",
            [
                "OMÖJLIG: minst 3 celler",
                "tryckt 2\u00a0159, ska vara 2\u00a0153",
                "2,2 mkr ska vara 2,1 mkr",
                "FEL RIKTNING",
                "grundorsak",
            ],
        ),
        (
            "en",
            [
                "IMPOSSIBLE: at least 3 cells",
                "printed 2,159, should be 2,153",
                "2.2 mkr should be 2.1 mkr",
                "WRONG DIRECTION",
                "root cause",
            ],
        ),
    ],
)
def test_march_2015(shared, lang, words):
    text, code = proof_of_file(shared / "published" / "ekero_klk_2015-03.txt", lang=lang)
    assert code == 1
    assert [word for word in words if word not in text] == []


def test_august_by_csv_and_separate_text(shared):
    folder = shared / "published"
    text, code = proof_of_file(folder / "ekero_klk_aug.csv", folder / "ekero_klk_aug.txt", lang="sv")
    assert code == 0
    assert "MÖJLIG" in text
    assert "MOTSÄGS" in text
    assert text.count("  ! ") == 1


def test_both_languages_say_as_much(shared):
    path = shared / "published" / "ekero_klk_2015-03.txt"
    assert len(proof_of_file(path, lang="sv")[0].splitlines()) == len(proof_of_file(path, lang="en")[0].splitlines())
