from __future__ import annotations

import json
import os
import string
from datetime import date
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orchestration import privacy
from orchestration.errors import SettingsError
from orchestration.privacy import (
    MASK,
    PersonKey,
    PersonKeyError,
    check_digit,
    computable,
    find_identities,
    mask,
    normalise,
    open_person_key,
    safe_code,
    suppress,
)

ON = date(2015, 3, 31)
KEY = PersonKey(Path("person.key"), b"k" * 32)

# --- personal identity numbers ---


def test_check_digit_of_a_printed_example() -> None:
    # Worked by hand with Skatteverket's weights 2 1 2 1 2 1 2 1 2: 811218-987 → 16→7,1,2,2,2,8,18→9,8,14→5: 44 → 6.
    assert check_digit("811218987") == 6


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("811218-9876", "198112189876"),
        ("8112189876", "198112189876"),
        ("19811218-9876", "198112189876"),
        ("198112189876", "198112189876"),
        (" 19811218 9876 ", "198112189876"),
        ("811218\u20139876", "198112189876"),  # en dash
        ("811218\u22129876", "198112189876"),  # minus sign
        ("8112\u00a018-9876", "198112189876"),  # no-break space
        ("\uff18\uff11\uff11\uff12\uff11\uff18\uff19\uff18\uff17\uff16", "198112189876"),  # full-width digits
        ("811218+9876", "188112189876"),  # turned 100
    ],
)
def test_every_spelling_is_one_person(written: str, normal: str) -> None:
    identity = normalise(written, on=ON)
    assert identity is not None
    assert identity.number == normal
    assert identity.is_valid


def test_plus_begins_the_year_somebody_turns_one_hundred() -> None:
    # 18 § folkbokföringslagen: '-' becomes '+' the year a person turns 100. Born 1915 or 2015, in 2015.
    assert normalise("150101+", on=ON).problem == "format"
    ten = "150101" + "123" + str(check_digit("150101123"))
    assert normalise(f"{ten[:6]}+{ten[6:]}", on=ON).number.startswith("1915")
    assert normalise(f"{ten[:6]}-{ten[6:]}", on=ON).number.startswith("2015")


def test_coordination_number() -> None:
    ten = "701063" + "239" + str(check_digit("701063239"))
    identity = normalise(ten, on=ON)
    assert identity.is_valid
    assert identity.is_coordination
    assert (identity.birth_year, identity.sex) == (1970, "M")


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("811218-9875", "check_digit"),
        ("811318-9876", "date"),
        ("810229-9876", "date"),
        ("811218-987", "format"),
        ("165566778899", "format"),  # an organisation number with its prefix
        ("556677-8899", "date"),  # an organisation number
        ("850101-T12A", "format"),
        ("20991218-9876", "date"),
    ],
)
def test_impossible_numbers_are_told_apart(written: str, problem: str) -> None:
    identity = normalise(written, on=ON)
    assert identity.problem == problem
    assert KEY.person(identity)  # they still identify somebody in the HR system


@pytest.mark.parametrize("empty", [None, "", "  ", "\u00a0"])
def test_an_empty_field_is_nobody(empty: str | None) -> None:
    assert normalise(empty, on=ON) is None
    assert KEY.person(None) is None
    assert KEY.employment(empty) is None


@st.composite
def people(draw: st.DrawFn) -> str:
    born = draw(st.dates(date(1916, 1, 1), date(2002, 12, 31)))
    day = born.day + (60 if draw(st.booleans()) else 0)
    nine = f"{born:%y%m}{day:02d}{draw(st.integers(0, 999)):03d}"
    return f"{born.year // 100}{nine}{check_digit(nine)}"


@given(people(), st.sampled_from(["{0}", "{1}", "{2}-{3}", "{4}-{3}", "{2} {3}", " {0}\n"]))
def test_normalisation_is_stable_and_hides_the_number(number: str, form: str) -> None:
    written = form.format(number, number[2:], number[:8], number[8:], number[2:8])
    identity = normalise(written, on=ON)
    assert identity.number == number
    assert identity.is_valid
    assert identity.birth_year == int(number[:4])
    assert normalise(identity.number, on=ON) == identity
    assert KEY.person(identity) == KEY.person(normalise(number, on=ON))
    assert number not in repr(identity)
    assert number[2:8] not in repr(identity)
    assert number[2:8] not in mask(f"rad 7: {written}, belopp 12,50")
    assert list(find_identities(f'{{"a": "{number[:8]}-{number[8:]}"}}', on=ON))


@given(people(), st.integers(0, 8), st.integers(1, 9))
def test_the_check_digit_finds_every_single_wrong_digit(number: str, place: int, step: int) -> None:
    ten = number[2:]
    wrong = ten[:place] + str((int(ten[place]) + step) % 10) + ten[place + 1 :]
    assert not normalise(number[:2] + wrong, on=ON).is_valid


@given(st.text(max_size=40))
def test_normalisation_never_fails(text: str) -> None:
    identity = normalise(text, on=ON)
    assert identity is None or identity.number


def test_mask_covers_what_people_write() -> None:
    text = "Anna 19811218-9876, 811218+9876, 8112 18 98 76, 850101-T123, 198112189876;12,50 öre den 2015-03-31, konto 5021"
    assert mask(text) == f"Anna {MASK}, {MASK}, {MASK}, {MASK}, {MASK};12,50 öre den 2015-03-31, konto 5021"


def test_a_code_with_a_personal_number_in_it_is_masked_and_others_are_not() -> None:
    assert safe_code("  1030 ") == "1030"
    assert safe_code("") is None
    assert safe_code("TJ-8112189876") == f"TJ-{MASK}"


# --- pseudonyms and their key ---


def test_a_pseudonym_has_no_digits_and_no_personal_number() -> None:
    pseudonym = KEY.person(normalise("198112189876", on=ON))
    assert len(pseudonym) == 24
    assert set(pseudonym) <= set(string.ascii_lowercase)
    assert KEY.employment("198112189876") != pseudonym  # an employment number is another kind of thing
    assert PersonKey(Path("x"), b"l" * 32).person(normalise("198112189876", on=ON)) != pseudonym


def test_the_key_is_made_once_private_and_known_by_its_fingerprint(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "keys" / "person.key"
    key = open_person_key(home, path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o077 == 0
    record = json.loads((home / "raw" / "person_key.json").read_text())
    assert record["fingerprint"] == key.fingerprint
    assert key.secret.hex() not in json.dumps(record)
    assert key.secret.hex() not in repr(key)
    assert open_person_key(home, path) == key


def test_a_lost_key_is_an_error_and_no_new_key_is_made(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "keys" / "person.key"
    open_person_key(home, path)
    path.unlink()
    with pytest.raises(PersonKeyError, match="missing"):
        open_person_key(home, path)
    assert not path.exists()


def test_another_key_is_an_error(home: Path, tmp_path: Path) -> None:
    open_person_key(home, tmp_path / "keys" / "person.key")
    other = tmp_path / "keys" / "other.key"
    open_person_key(tmp_path / "other_home", other)
    with pytest.raises(PersonKeyError, match="another key"):
        open_person_key(home, other)


def test_a_lost_fingerprint_beside_stored_people_is_an_error(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "keys" / "person.key"
    open_person_key(home, path)
    (home / "raw" / "employment").mkdir()
    (home / "raw" / "employment" / "abc.parquet").write_bytes(b"")
    (home / "raw" / "person_key.json").unlink()
    with pytest.raises(PersonKeyError, match=r"person_key\.json is missing"):
        open_person_key(home, path)
    path.unlink()
    with pytest.raises(PersonKeyError):
        open_person_key(home, path)
    assert not path.exists()


@pytest.mark.skipif(os.name != "posix", reason="file permissions")
def test_a_key_that_others_can_read_is_refused(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "keys" / "person.key"
    open_person_key(home, path)
    path.chmod(0o640)
    with pytest.raises(PersonKeyError, match="chmod 600"):
        open_person_key(home, path)


@pytest.mark.parametrize(
    "content", ["", "avvik-person-key-1\n", "avvik-person-key-1\nzz\n", "x" * 100, "avvik-person-key-1\n" + "a" * 63]
)
def test_a_damaged_key_is_refused(home: Path, tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys" / "person.key"
    open_person_key(home, path)
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(PersonKeyError, match="damaged"):
        open_person_key(home, path)


def test_the_key_may_not_lie_beside_the_data_or_in_the_source(home: Path) -> None:
    for path in (home / "person.key", home / "raw" / "x" / "person.key", Path(privacy.__file__).parents[1] / "person.key"):
        with pytest.raises(PersonKeyError, match="must not lie"):
            open_person_key(home, path)
        assert not path.exists()


def test_the_key_error_is_a_setting_error_in_both_languages(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError) as caught:
        open_person_key(home, home / "person.key")
    monkeypatch.setenv("AVVIK_LANGUAGE", "sv")
    assert "får inte ligga" in str(caught.value)


def test_the_default_place_is_the_users_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AVVIK_PERSON_KEY_FILE", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert privacy.default_key_file() == tmp_path / "avvik" / "person.key"
    monkeypatch.setenv("AVVIK_PERSON_KEY_FILE", str(tmp_path / "k"))
    assert privacy.default_key_file() == tmp_path / "k"


# --- small groups ---

UNITS = {"A1": "A", "A2": "A", "A3": "A", "B1": "B", "B2": "B", "A": "ALL", "B": "ALL"}
CAUSES = {"sick": "any", "vab": "any", "parental": "any"}
SEXES = {"F": "both", "M": "both"}


def table(leaves: dict[tuple[str, ...], int], hierarchies: list[dict[str, str]]) -> pl.DataFrame:
    """Return all cells with all totals, from the smallest ones. kronor is what must not get out."""
    chains = [lambda code, up=up: [code, *chain(up, code)] for up in hierarchies]
    totals: dict[tuple[str, ...], list[int]] = {}
    for key, count in leaves.items():
        for cell in product(*(climb(code) for climb, code in zip(chains, key, strict=True))):
            total = totals.setdefault(cell, [0, 0])
            total[0] += count
            total[1] += count * 1000 + sum(map(ord, "".join(key))) % 997 * count
    names = ["unit", "cause", "sex"][: len(hierarchies)]
    rows = [(*cell, *total) for cell, total in sorted(totals.items())]
    return pl.DataFrame(rows, schema=[*names, "persons", "kronor"], orient="row")


def chain(up: dict[str, str], code: str) -> list[str]:
    return [up[code], *chain(up, up[code])] if code in up else []


def attack(published: pl.DataFrame, hierarchies: dict[str, dict[str, str]]) -> dict[tuple[str, ...], Fraction]:
    """Solve all sums for the hidden cells by exact elimination: an attacker apart from the code under test."""
    names = list(hierarchies)
    known = {row[:-1]: row[-1] for row in published.select(*names, "kronor").iter_rows()}
    unknown = [key for key, value in known.items() if value is None]
    place = {key: number for number, key in enumerate(unknown)}
    rows = []
    for axis, name in enumerate(names):
        up = hierarchies[name]
        for key in known:
            parts = [
                k for k in known if up.get(k[axis]) == key[axis] and k[:axis] == key[:axis] and k[axis + 1 :] == key[axis + 1 :]
            ]
            if not parts:
                continue
            row = [Fraction(0)] * (len(unknown) + 1)
            for part, sign in [*((part, 1) for part in parts), (key, -1)]:
                if part in place:
                    row[place[part]] += sign
                else:
                    row[-1] -= sign * Fraction(known[part])
            rows.append(row)
    pivots = []
    for column in range(len(unknown)):
        found = next((r for r in range(len(pivots), len(rows)) if rows[r][column]), None)
        if found is None:
            continue
        top = len(pivots)
        rows[top], rows[found] = rows[found], rows[top]
        factor = rows[top][column]
        rows[top] = [value / factor for value in rows[top]]
        for r, row in enumerate(rows):
            if r != top and row[column]:
                factor = row[column]
                rows[r] = [a - factor * b for a, b in zip(row, rows[top], strict=True)]
        pivots.append(column)
    return {
        unknown[column]: rows[line][-1]
        for line, column in enumerate(pivots)
        if not any(value for c, value in enumerate(rows[line][:-1]) if c != column)
    }


def test_hiding_only_the_small_cell_would_give_it_away() -> None:
    cells = table({("A1", "sick"): 30, ("A2", "sick"): 4, ("A3", "sick"): 40}, [UNITS, CAUSES])
    naive = cells.with_columns(
        pl.when(pl.col("persons") < 10).then(None).otherwise(pl.col("kronor")).alias("kronor"),
        is_suppressed=pl.col("persons") < 10,
    )
    hierarchies = {"unit": UNITS, "cause": CAUSES}
    truth = {row[:2]: row[2] for row in cells.select("unit", "cause", "kronor").iter_rows()}
    assert {key: int(value) for key, value in attack(naive, hierarchies).items()} == {
        key: truth[key] for key in attack(naive, hierarchies)
    }
    assert attack(naive, hierarchies)
    assert computable(naive, dimensions=hierarchies).height  # the built-in check sees it too
    safe = suppress(cells, dimensions=hierarchies, count="persons", values=["kronor"])
    assert not attack(safe, hierarchies)
    assert computable(safe, dimensions=hierarchies).is_empty()


def test_two_small_cells_are_not_enough_if_their_sum_is_small() -> None:
    # 3 + 4 people hidden, the total and the third cell shown: the seven people's sum would be known.
    cells = table({("A1",): 3, ("A2",): 4, ("A3",): 40}, [UNITS])
    safe = suppress(cells, dimensions={"unit": UNITS}, count="persons", values=["kronor"])
    assert safe.filter(pl.col("unit") == "A3")["kronor"].to_list() == [None]


def test_large_groups_and_empty_ones_are_shown() -> None:
    cells = table({("A1",): 10, ("A2",): 11, ("A3",): 0, ("B1",): 12, ("B2",): 13}, [UNITS])
    safe = suppress(cells, dimensions={"unit": UNITS}, count="persons", values=["kronor"])
    assert not safe["is_suppressed"].any()
    assert safe.drop("is_suppressed").equals(cells)


def test_a_small_unit_hides_in_the_whole() -> None:
    cells = table({("A1",): 3}, [UNITS])
    safe = suppress(cells, dimensions={"unit": UNITS}, count="persons", values=["kronor"])
    assert safe["kronor"].null_count() == safe.height


def test_what_the_listed_parts_leave_out_is_also_a_group() -> None:
    # Only the parts that somebody chose to list: 50 − 44 leaves six people.
    cells = pl.DataFrame({"unit": ["A", "A1", "A2"], "persons": [50, 30, 14], "kronor": [50, 30, 14]})
    safe = suppress(cells, dimensions={"unit": UNITS}, count="persons", values=["kronor"])
    assert "A2" in safe.filter(pl.col("is_suppressed"))["unit"].to_list()


def test_accumulated_months_do_not_give_away_a_month() -> None:
    months = {"jan": "ack02", "feb": "ack02", "ack02": "ack03", "mar": "ack03"}
    cells = table({("jan",): 12, ("feb",): 15, ("mar",): 3}, [months]).rename({"unit": "month"})
    safe = suppress(cells, dimensions={"month": months}, count="persons", values=["kronor"])
    shown = dict(safe.select("month", "kronor").iter_rows())
    assert shown["mar"] is None
    assert shown["ack02"] is None or shown["ack03"] is None


def test_a_cell_twice_and_a_circle_are_errors() -> None:
    cells = pl.DataFrame({"unit": ["A", "A"], "persons": [1, 2]})
    with pytest.raises(ValueError, match="twice"):
        suppress(cells, dimensions={"unit": {}}, count="persons")
    with pytest.raises(ValueError, match="ancestor"):
        suppress(cells[:1], dimensions={"unit": {"A": "B", "B": "A"}}, count="persons")


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.tuples(st.sampled_from(["A1", "A2", "A3", "B1", "B2"]), st.sampled_from(list(CAUSES)), st.sampled_from(list(SEXES))),
        st.integers(0, 40),
        min_size=1,
    ),
    st.integers(2, 15),
)
@example(  # all beside the cell that the sums give away are hidden already
    {
        ("A1", "sick", "F"): 0,
        ("A3", "vab", "M"): 19,
        ("A1", "sick", "M"): 36,
        ("B1", "sick", "M"): 24,
        ("A3", "parental", "F"): 5,
    },
    11,
)
def test_no_hidden_cell_can_be_computed(leaves: dict[tuple[str, ...], int], minimum: int) -> None:
    hierarchies = {"unit": UNITS, "cause": CAUSES, "sex": SEXES}
    cells = table(leaves, list(hierarchies.values()))
    safe = suppress(cells, dimensions=hierarchies, count="persons", values=["kronor"], minimum=minimum)
    hidden = safe["is_suppressed"]
    assert hidden.to_list() == safe["kronor"].is_null().to_list() == safe["persons"].is_null().to_list()
    persons = cells["persons"]
    assert not (~hidden & (persons > 0) & (persons < minimum)).any()
    assert not attack(safe, hierarchies)
    assert computable(safe, dimensions=hierarchies).is_empty()
    # No remainder of a visible total is a small group.
    shown = {row[:3]: row[3] for row in safe.select("unit", "cause", "sex", "persons").iter_rows()}
    for key, count in shown.items():
        if not count:
            continue
        for axis, up in enumerate(hierarchies.values()):
            parts = [
                v
                for k, v in shown.items()
                if up.get(k[axis]) == key[axis] and k[:axis] == key[:axis] and k[axis + 1 :] == key[axis + 1 :]
            ]
            if any(part is None for part in parts):
                below = [
                    p
                    for k, p in shown.items()
                    if p is not None
                    and k != key
                    and key[axis] in chain(up, k[axis])
                    and k[:axis] == key[:axis]
                    and k[axis + 1 :] == key[axis + 1 :]
                    and not _covered(k, shown, up, axis, key)
                ]
                assert count - sum(below) >= minimum


def _covered(key: tuple[str, ...], shown: dict, up: dict[str, str], axis: int, top: tuple[str, ...]) -> bool:
    """Tell whether a visible cell lies under another visible cell below the top."""
    for code in chain(up, key[axis]):
        above = (*key[:axis], code, *key[axis + 1 :])
        if above == top:
            return False
        if shown.get(above) is not None:
            return True
    return False


def test_bounds_are_not_points() -> None:
    """A stronger attacker knows that counts are not negative: no hidden count may be pinned to one value."""
    linprog = pytest.importorskip("scipy.optimize").linprog
    rng = np.random.default_rng(7)
    leaves = {key: int(rng.integers(0, 25)) for key in product(["A1", "A2", "A3", "B1", "B2"], CAUSES)}
    cells = table(leaves, [UNITS, CAUSES])
    safe = suppress(cells, dimensions={"unit": UNITS, "cause": CAUSES}, count="persons", values=["kronor"])
    keys = list(safe.select("unit", "cause").iter_rows())
    place = {key: n for n, key in enumerate(keys)}
    rows = []
    for axis, up in enumerate((UNITS, CAUSES)):
        for key in keys:
            parts = [k for k in keys if up.get(k[axis]) == key[axis] and k[1 - axis] == key[1 - axis]]
            if parts:
                row = np.zeros(len(keys))
                row[[place[p] for p in parts]], row[place[key]] = 1, -1
                rows.append(row)
    bounds = [(0, None) if value is None else (value, value) for value in safe["persons"]]
    for number, hidden in enumerate(safe["is_suppressed"]):
        if hidden:
            goal = np.zeros(len(keys))
            goal[number] = 1
            low, high = (
                linprog(sign * goal, A_eq=np.array(rows), b_eq=np.zeros(len(rows)), bounds=bounds).fun for sign in (1, -1)
            )
            assert -high - low > 1


def test_a_municipality_is_quick_enough() -> None:
    rng = np.random.default_rng(1)
    up = {f"u{n}": f"o{n // 12}" for n in range(240)} | {f"o{n}": "ALL" for n in range(20)}
    leaves = {key: int(rng.poisson(4)) for key in product([f"u{n}" for n in range(240)], CAUSES)}
    cells = table(leaves, [up, CAUSES])
    hierarchies = {"unit": up, "cause": CAUSES}
    safe = suppress(cells, dimensions=hierarchies, count="persons", values=["kronor"])
    assert computable(safe, dimensions=hierarchies).is_empty()
    assert safe["kronor"].is_not_null().sum() > 20  # something is left to read
