from pathlib import Path

import pytest

from orchestration.errors import SettingsError
from orchestration.settings import DEFAULT_SOURCES, load_settings


def test_a_home_without_a_file_expects_the_default_sources(home: Path) -> None:
    settings = load_settings(home)
    assert settings.sources == DEFAULT_SOURCES
    assert settings.inbox == home / "inbox"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[sources.x]\nkind = 'ledger'\nfiles = ['*']\ncolums = {}\n", "sources.x.colums"),
        ("[sources.x]\nkind = 'huvudbok'\nfiles = ['*']\n", "sources.x.kind"),
        ("fiscal_year_start = 13\n", "fiscal_year_start"),
        ("this is not toml", "TOML"),
    ],
)
def test_a_broken_setting_is_named(home: Path, text: str, named: str) -> None:
    (home / "avvik.toml").write_text(text)
    with pytest.raises(SettingsError, match=named):
        load_settings(home)


def test_the_environment_wins(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVVIK_HOME", str(home))
    monkeypatch.setenv("AVVIK_MUNICIPALITY", "Ekbacka")
    assert load_settings().municipality == "Ekbacka"
    assert load_settings().home == home


def test_a_source_of_ones_own_replaces_the_default_of_its_kind_only(home: Path) -> None:
    (home / "avvik.toml").write_text("[sources.internbudget]\nkind = 'budget'\nfiles = ['internbudget*']\n")
    sources = load_settings(home).sources
    assert next(iter(sources)) == "internbudget"
    assert "budget" not in sources
    assert sources["ledger"] == DEFAULT_SOURCES["ledger"]
