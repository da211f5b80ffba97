"""The description of inputs agrees with the contract, and every example file reads as what it is an example of."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from orchestration.errors import SettingsError
from orchestration.privacy import open_person_key
from orchestration.readers import kinds
from orchestration.readers.contract import ENTITIES
from orchestration.readers.kinds import KINDS, READER_ONLY, describe, example_file, example_text, header_key
from orchestration.readers.paxml import read_paxml
from orchestration.readers.tables import read_table
from orchestration.settings import Kind, Source


def test_every_kind_of_the_settings_is_described() -> None:
    assert set(KINDS) == set(get_args(Kind))


TABLES = {name: kind for name, kind in KINDS.items() if kind.is_table}


@pytest.mark.parametrize("kind", TABLES.values(), ids=list(TABLES))
def test_every_field_is_a_column_of_the_entity(kind: kinds.InputKind) -> None:
    columns = set(ENTITIES[kind.entity].names)
    has_money = any(f.type in ("amount", "months", "money") for f in kind.fields)
    assert {f.name for f in kind.fields} <= columns | (set(READER_ONLY) if has_money else set())
    made_by_the_reader = {"source_row", "line_kind", "dimension_set", "cause"}
    assert columns - made_by_the_reader <= {f.name for f in kind.fields}


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_every_text_is_in_both_languages_and_every_rule_names_fields(kind: kinds.InputKind) -> None:
    assert kind.title.sv
    assert kind.title.en
    texts = [kind.description, kind.sign, *(f.description for f in kind.fields)]
    assert [text for text in texts if not text.sv or not text.en or text.sv == text.en] == []
    names = {f.name for f in kind.fields}
    assert {name for group in kind.one_of for alternative in group for name in alternative} <= names
    assert {name for group in kind.exclusive for name in group} <= names
    assert set(kind.key) <= names


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_no_header_means_two_fields(kind: kinds.InputKind) -> None:
    first: dict[str, str] = {}
    for f in kind.fields:
        for word in {header_key(word) for word in f.synonyms}:
            assert first.setdefault(word, f.name) == f.name, word


@pytest.mark.parametrize("name", list(TABLES))
def test_the_example_file_is_read_by_its_headers_alone(name: str, tmp_path: Path) -> None:
    path = example_file(name, tmp_path / "new")
    key = open_person_key(tmp_path / "home", tmp_path / "person.key")
    reading = read_table(path, Source(kind=name, files=[path.name]), delivery="2015-03", key=key)
    entities = {entity for entity, _ in reading}
    assert entities == {KINDS[name].entity}
    assert reading.summary.rows_kept == len(KINDS[name].example) == example_text(name).count("\n") - 1
    assert reading.summary.warnings == []


def test_the_example_of_a_format_that_is_no_table_is_read(tmp_path: Path) -> None:
    path = example_file("hr", tmp_path / "new")
    key = open_person_key(tmp_path / "home", tmp_path / "person.key")
    reading = read_paxml(path, Source(kind="hr", files=[path.name]), key=key, delivery="2015-03")
    assert {entity for entity, _ in reading} == {"absence_spell"}
    assert (reading.summary.rows_kept, reading.summary.rows_bad, reading.summary.warnings) == (2, 0, [])


def test_the_description_is_plain_data_with_its_alternatives() -> None:
    found = describe("ledger")
    needed = {row.name: row.needed for row in found.fields}
    assert (needed["account"], needed["debit"], needed["unit"]) == ("required", "one of", "optional")
    assert found.alternatives[0].sv == "amount eller debit + credit"
    assert all(len(row) == len(found.example[0]) for row in found.example)
    with pytest.raises(SettingsError, match="ledger"):
        describe("huvudbok")


@pytest.mark.parametrize(
    ("header", "key", "unit"),
    [
        ("Belopp (tkr)", "belopp", "tkr"),
        ("Budget, mkr", "budget", "mkr"),
        ("Bokf.datum", "bokfdatum", None),
        ("Utfall i kr", "utfall", "kr"),
    ],
)
def test_headers_are_compared_without_case_punctuation_and_unit(header: str, key: str, unit: str | None) -> None:
    assert (header_key(header), kinds.header_unit(header)) == (key, unit)
