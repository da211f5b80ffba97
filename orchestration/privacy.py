"""Personal data: keyed pseudonyms instead of personal identity numbers, masking of text, suppression of small groups.

What belongs here: everything that keeps a person from being pointed at. What does not: which fields a reader reads (`readers`),
and which tables leave the warehouse (the marts).

Three rules:

1. A personal identity number (personnummer) or an employment number is replaced by a keyed hash while the file is parsed. The
   key lies outside the home folder and outside the source tree; the home only knows the key's fingerprint, so a lost or
   exchanged key is an error and never a set of silently new people. A pseudonym holds no digits: a search for personal identity
   numbers in whatever avvik writes has no false alarms from it.
2. Every text that is built from file content (rejected rows, error messages) goes through `mask`.
3. Counts and amounts of people leave the warehouse through `suppress`.

With the key, every personal identity number can be tried in minutes: the key is as secret as the HR system itself.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
import stat
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl

from orchestration.errors import SettingsError, Text

KEY_FILE_VARIABLE = "AVVIK_PERSON_KEY_FILE"
KEY_HEADER = "avvik-person-key-1"
FINGERPRINT_FILE = "person_key.json"

#: Sixteen consonants, one per hexadecimal digit: no digits, and no words by chance.
_LETTERS = str.maketrans("0123456789abcdef", "bcdfghjklmnpqrst")
_PSEUDONYM_LENGTH = 24  # 96 bits: among ten million people the chance of one collision is below 1e-15

_DASHES = dict.fromkeys(map(ord, "‐‑‒–—−⁃﹣－"), "-")
#: A digit, then nine or more digits with at most one separator between each: anything that could hold ten digits of a person.
_LONG_NUMBER = re.compile(r"\d(?:[\s\-+./‐‑‒–—−]?\d){9,}")
_RESERVE_NUMBER = re.compile(r"(?<!\d)(?:\d{2})?\d{6}[\s\-+‐‑‒–—−]?[A-Za-zÅÄÖåäö]\d{3}(?!\d)")
_CANDIDATE = re.compile(r"(?<![0-9A-Za-z])(?:18|19|20)?\d{6}[-+‐‑‒–—− ]?\d{4}(?![0-9A-Za-z])")
MASK = "******-****"


class PersonKeyError(SettingsError):
    """The key of the pseudonyms is missing, changed, or not safely stored. Nothing of the HR file has been read."""


# --- personal identity numbers ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Identity:
    """A personal identity number in its normal form. Neither `repr` nor an error message shows the number.

    number: twelve digits where the birth date could be read, else '?' and the characters of the file. problem: '' or why the
    number cannot be right ('format', 'date', 'check_digit'); such a number still identifies somebody in the HR system (reserve
    numbers of newly arrived, typing errors) and gets a pseudonym of its own, and the reader counts it.
    """

    number: str = field(repr=False)
    problem: str = ""
    birth_year: int | None = None
    sex: str = ""  # 'F', 'M', '' unknown: from the ninth digit, odd for men
    is_coordination: bool = False

    @property
    def is_valid(self) -> bool:
        """True if date and check digit are right."""
        return not self.problem


def check_digit(nine: str) -> int:
    """Return the tenth digit of a personal identity number from its first nine (modulus 10, weights 2 and 1).

    Source: Skatteverket, Rättslig vägledning, "Personnummer" (18 § folkbokföringslagen).
    """
    total = 0
    for place, character in enumerate(nine):
        product = int(character) * (2 - place % 2)
        total += product // 10 + product % 10
    return -total % 10


def normalise(text: str | None, *, on: date) -> Identity | None:
    """Return the normal form of a personal identity number, or None where the field is empty.

    Accepts ten or twelve digits, with or without '-', spaces and dashes of any kind, and coordination numbers
    (samordningsnummer: the day of birth plus 60). With ten digits the century follows from `on` (the delivery): '+' stands for
    somebody who turns 100 that year or earlier, everything else for a younger person (18 § folkbokföringslagen).
    """
    cleaned = "".join(unicodedata.normalize("NFKC", text or "").translate(_DASHES).split()).upper()
    if not cleaned:
        return None
    digits = cleaned.replace("-", "").replace("+", "")
    if not (digits.isascii() and digits.isdigit()) or len(digits) not in (10, 12):
        return Identity("?" + cleaned, "format")
    if len(digits) == 12:
        year, ten = int(digits[:4]), digits[2:]
        if digits[:2] not in ("18", "19", "20"):
            return Identity("?" + digits, "format")
    else:
        year, ten = on.year - (on.year - int(digits[:2])) % 100, digits
        if "+" in cleaned:
            year -= 100
    month, day = int(ten[2:4]), int(ten[4:6])
    is_coordination = day > 60
    try:
        born = date(year, month, day - 60 if is_coordination else day)
    except ValueError:
        return Identity("?" + digits, "date")
    sex = "M" if int(ten[8]) % 2 else "F"
    problem = "date" if born > on else "" if check_digit(ten[:9]) == int(ten[9]) else "check_digit"
    return Identity(f"{year:04d}{ten[2:]}", problem, year, sex, is_coordination)


def mask(text: object) -> str:
    """Return the text with everything that may hold a personal identity number replaced by asterisks.

    Masks more than needed (any run of ten digits, also an order number): an error message loses little by it.
    """
    return _RESERVE_NUMBER.sub(MASK, _LONG_NUMBER.sub(MASK, str(text)))


def find_identities(text: str, *, on: date | None = None) -> Iterator[str]:
    """Yield every substring that is a valid personal identity number (date and check digit): for searching what avvik wrote."""
    today = on or date.today()
    for match in _CANDIDATE.finditer(text):
        identity = normalise(match.group(), on=today)
        if identity is not None and identity.is_valid:
            yield match.group()


def safe_name(name: str) -> str:
    """Return a file name as it is, or masked where it holds a valid personal identity number."""
    return mask(name) if next(find_identities(name), None) else name


def safe_code(text: str | None) -> str | None:
    """Return a code as it is, or masked where it holds a personal identity number; None for empty."""
    value = (text or "").strip()
    if not value:
        return None
    return mask(value) if sum(map(str.isdigit, value)) >= 9 else value


# --- the key ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PersonKey:
    """The secret behind the pseudonyms of one home."""

    path: Path
    secret: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """A short name of the key that tells nothing of it."""
        return hmac.new(self.secret, b"avvik:fingerprint", hashlib.sha256).hexdigest()[:16]

    def person(self, identity: Identity | None) -> str | None:
        """Return the pseudonym of a person: 24 letters, the same for every spelling of the number."""
        return None if identity is None else self._hash(b"person", identity.number)

    def employment(self, number: str | None) -> str | None:
        """Return the pseudonym of an employment number (anställningsnummer), which in some systems is a personal number."""
        cleaned = unicodedata.normalize("NFKC", number or "").strip()
        return self._hash(b"employment", cleaned) if cleaned else None

    def record(self, number: str) -> str:
        """Return the pseudonym of a row's own number where that might hold a personal identity number."""
        return self._hash(b"record", number)

    def _hash(self, domain: bytes, value: str) -> str:
        digest = hmac.new(self.secret, domain + b"\0" + value.encode(), hashlib.sha256).hexdigest()
        return digest[:_PSEUDONYM_LENGTH].translate(_LETTERS)


def default_key_file() -> Path:
    """Return where the key lies: `AVVIK_PERSON_KEY_FILE`, else `avvik/person.key` in the user's configuration folder."""
    named = os.environ.get(KEY_FILE_VARIABLE)
    if named:
        return Path(named).expanduser().absolute()
    configured = os.environ.get("XDG_CONFIG_HOME")
    return (Path(configured) if configured else Path.home() / ".config") / "avvik" / "person.key"


def open_person_key(home: Path, key_file: Path | None = None) -> PersonKey:
    """Return the key of a home folder; create it the first time, readable by its owner alone.

    The fingerprint is remembered in `home/raw/person_key.json` before the first HR row is stored.

    Raises:
        PersonKeyError: the key is lost or another one than before, lies inside the home or the source tree, or can be read by
            others. The message says what to do.
    """
    path = key_file or default_key_file()
    _require_outside(path, home)
    remembered = _remembered_fingerprint(home)
    note = f"raw/{FINGERPRINT_FILE}"
    if remembered is None and _has_people(home):
        raise PersonKeyError(
            Text(
                sv=f"hemmet har HR-data men {note} saknas: ingen kan veta att nyckeln {path} är den rätta. "
                f"Återställ {note} (och vid behov nyckeln) från säkerhetskopian.",
                en=f"the home holds HR data but {note} is missing: nobody can tell that the key {path} is the right one. "
                f"Restore {note} (and if need be the key) from the backup.",
            )
        )
    if remembered is not None and not path.exists():
        raise PersonKeyError(
            Text(
                sv=f"nyckeln till personpseudonymerna saknas: {path}. Hemmet skapades med nyckeln {remembered}; utan den blir "
                f"alla medarbetare nya personer. Återställ filen från säkerhetskopian eller peka ut den med "
                f"{KEY_FILE_VARIABLE}. Är den borta för gott: gallra HR-data, ta bort {note} och läs in HR-filerna på nytt.",
                en=f"the key of the personal pseudonyms is missing: {path}. The home was made with key {remembered}; without it "
                f"every employee becomes a new person. Restore the file from the backup or point to it with "
                f"{KEY_FILE_VARIABLE}. If it is gone for good: purge the HR data, remove {note} and take the HR files in again.",
            )
        )
    if not path.exists():
        _create(path, f"{KEY_HEADER}\n{secrets.token_hex(32)}\n", private=True)
    key = PersonKey(path, _read_secret(path))
    if remembered is None:
        record = {"fingerprint": key.fingerprint, "algorithm": "HMAC-SHA256", "created": datetime.now(UTC).date().isoformat()}
        _create(home / "raw" / FINGERPRINT_FILE, json.dumps(record) + "\n", private=False)
        remembered = _remembered_fingerprint(home)
    if remembered != key.fingerprint:
        raise PersonKeyError(
            Text(
                sv=f"{path} är en annan nyckel ({key.fingerprint}) än den som hemmet skapades med ({remembered}): alla "
                f"medarbetare skulle bli nya personer. Återställ den rätta, eller peka ut den med {KEY_FILE_VARIABLE}.",
                en=f"{path} is another key ({key.fingerprint}) than the one the home was made with ({remembered}): every "
                f"employee would become a new person. Restore the right one, or point to it with {KEY_FILE_VARIABLE}.",
            )
        )
    return key


def _require_outside(path: Path, home: Path) -> None:
    resolved = path.resolve()
    source_tree = Path(__file__).resolve().parents[1]
    for folder in (home.resolve(), source_tree):
        if resolved.is_relative_to(folder):
            raise PersonKeyError(
                Text(
                    sv=f"nyckeln {path} får inte ligga i {folder}: den som har både nyckel och data kan räkna fram "
                    f"personnumren. Flytta den och peka ut den med {KEY_FILE_VARIABLE}.",
                    en=f"the key {path} must not lie in {folder}: whoever has both key and data can compute the personal "
                    f"identity numbers. Move it and point to it with {KEY_FILE_VARIABLE}.",
                )
            )


def _read_secret(path: Path) -> bytes:
    status = path.stat()
    if os.name == "posix" and (status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077):
        raise PersonKeyError(
            Text(
                sv=f"nyckeln {path} kan läsas av andra än du eller ägs av någon annan. Kör chmod 600 på den.",
                en=f"the key {path} can be read by others than you, or belongs to somebody else. Run chmod 600 on it.",
            )
        )
    lines = path.read_text(encoding="ascii", errors="replace").split()
    if len(lines) != 2 or lines[0] != KEY_HEADER or not re.fullmatch(r"[0-9a-f]{64}", lines[1]):
        raise PersonKeyError(
            Text(
                sv=f"{path} är inte en nyckel som avvik har skapat, eller är skadad. Återställ den från säkerhetskopian.",
                en=f"{path} is not a key that avvik made, or is damaged. Restore it from its backup.",
            )
        )
    return bytes.fromhex(lines[1])


def _remembered_fingerprint(home: Path) -> str | None:
    path = home / "raw" / FINGERPRINT_FILE
    if not path.exists():
        return None
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["fingerprint"])
    except (ValueError, KeyError, TypeError) as error:
        raise PersonKeyError(
            Text(
                sv=f"{path} är skadad. Återställ den från säkerhetskopian.",
                en=f"{path} is damaged. Restore it from its backup.",
            )
        ) from error


def _has_people(home: Path) -> bool:
    from orchestration.readers.contract import ENTITIES_HR

    folders = (home / "raw" / entity for entity in ENTITIES_HR)
    return any(path.name != "_schema.parquet" for folder in folders if folder.is_dir() for path in folder.glob("*.parquet"))


def _create(path: Path, content: str, *, private: bool) -> None:
    """Write a new file whole or not at all; if another process was first, its file stands."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700 if private else 0o777)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o644)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    except FileExistsError:
        pass  # made by another process at the same time: that one counts
    finally:
        temporary.unlink(missing_ok=True)


# --- small groups -------------------------------------------------------------------------------------------------------


def suppress(
    cells: pl.DataFrame,
    *,
    dimensions: Mapping[str, Mapping[str, str]],
    count: str,
    values: Sequence[str] = (),
    minimum: int = 10,
) -> pl.DataFrame:
    """Hide small groups in a table with totals, and enough others that no hidden cell can be computed.

    cells: one row per cell, totals included, unique over the dimensions. dimensions: for each dimension column its hierarchy,
    child code → parent code; a total is the parent of its parts ({'F': 'all', 'M': 'all'}), an empty hierarchy makes separate
    tables. Accumulated months are a hierarchy too: {'2015-02 month': '2015-02 acc', '2015-01 acc': '2015-02 acc'}; whoever
    publishes two accumulated figures publishes their difference, so the months must be among the cells even if they are
    dropped afterwards. count: the column with the number of people in the cell. values: columns hidden with it.

    Returns the frame with `count` and `values` null in hidden cells and a column `is_suppressed`. Hidden are

    - primary: cells of 1 to minimum − 1 people (0 people point at nobody);
    - secondary: so many further cells that (a) what remains when the visible parts are subtracted from a visible total is
      never a group of fewer than `minimum` people, and (b) no hidden cell is determined by all sums taken together.

    Not promised: that a hidden value cannot be *estimated* within bounds (the values are not negative), nor protection when
    the same people are published in another table with other groups; one table per topic.

    Raises:
        ValueError: a cell occurs twice, or a code is its own ancestor.
    """
    table = _Cells(cells, dimensions, count, minimum)
    hidden = table.protect()
    shown = ~pl.Series("is_suppressed", hidden)
    return cells.with_columns(
        [pl.when(shown).then(pl.col(name)).otherwise(None).alias(name) for name in [count, *values]]
    ).with_columns(pl.Series("is_suppressed", hidden))


def computable(
    cells: pl.DataFrame, *, dimensions: Mapping[str, Mapping[str, str]], hidden: str = "is_suppressed"
) -> pl.DataFrame:
    """Return the hidden cells that the published ones give away: the attack, as a check on a finished table. Empty is right."""
    table = _Cells(cells, dimensions, None, 0)
    table.hidden = cells[hidden].to_numpy().astype(bool)
    return cells[sorted(table.determined())] if table.hidden.any() else cells.clear()


class _Cells:
    """A table as a system of sums: each total and the parts one step below it along one dimension."""

    def __init__(self, cells: pl.DataFrame, dimensions: Mapping[str, Mapping[str, str]], count: str | None, minimum: int) -> None:
        names = list(dimensions)
        keys = list(cells.select(names).iter_rows())
        index = {key: number for number, key in enumerate(keys)}
        if len(index) != len(keys):
            raise ValueError("a cell occurs twice: " + ", ".join(names))
        self.minimum = minimum
        self.counts = cells[count].fill_null(0).to_numpy().astype(np.int64) if count else np.ones(len(keys), np.int64)
        self.hidden = (self.counts > 0) & (self.counts < minimum)
        #: per dimension: total → parts
        self.parts: list[dict[int, list[int]]] = []
        for place, name in enumerate(names):
            parents = dimensions[name]
            family: dict[int, list[int]] = {}
            for key, number in index.items():
                code, seen = key[place], {key[place]}
                while (code := parents.get(code)) is not None:
                    if code in seen:
                        raise ValueError(f"{name}: {code} is its own ancestor")
                    seen.add(code)
                    total = index.get((*key[:place], code, *key[place + 1 :]))
                    if total is not None:
                        family.setdefault(total, []).append(number)
                        break
            self.parts.append(family)
        self.sums = [(total, parts) for family in self.parts for total, parts in family.items()]
        self.of_cell: dict[int, list[int]] = {}
        for number, (total, parts) in enumerate(self.sums):
            for cell in (total, *parts):
                self.of_cell.setdefault(cell, []).append(number)

    def protect(self) -> np.ndarray:
        while True:
            again = self._cover_remainders()
            for cell in self.determined():
                again |= self._hide_beside(cell)
            if not again:
                return self.hidden

    def _cover_remainders(self) -> bool:
        """Hide the smallest visible part wherever total − visible parts would be a small group."""
        changed = False
        for family in self.parts:
            for total in family:
                if self.hidden[total] or not self.counts[total]:
                    continue
                while True:
                    visible, any_hidden = self._below(family, total)
                    remainder = self.counts[total] - self.counts[visible].sum()
                    small = remainder < self.minimum and (any_hidden or remainder > 0)
                    choice = visible[self.counts[visible] > 0]
                    if not small or not len(choice):
                        break
                    self.hidden[choice[np.argmin(self.counts[choice])]] = changed = True
        return changed

    def _below(self, family: dict[int, list[int]], total: int) -> tuple[np.ndarray, bool]:
        """Return the nearest visible cells below a total along one dimension, and whether any cell between is hidden."""
        visible: list[int] = []
        any_hidden, stack = False, list(family[total])
        while stack:
            cell = stack.pop()
            if not self.hidden[cell]:
                visible.append(cell)
            else:
                any_hidden = True
                stack.extend(family.get(cell, ()))
        return np.array(visible, dtype=np.int64), any_hidden

    def determined(self) -> set[int]:
        """Return the hidden cells that follow from the visible ones, by all sums taken together."""
        unknown = [[c for c in (total, *parts) if self.hidden[c]] for total, parts in self.sums]
        at_once = {cells[0] for cells in unknown if len(cells) == 1}
        if at_once:
            return at_once
        found: set[int] = set()
        for rows in self._components(unknown):
            cells = sorted({c for row in rows for c in unknown[row]})
            place = {cell: column for column, cell in enumerate(cells)}
            matrix = np.zeros((len(rows), len(cells)))
            for line, row in enumerate(rows):
                total = self.sums[row][0]
                for cell in unknown[row]:
                    matrix[line, place[cell]] = -1.0 if cell == total else 1.0
            # A cell is free to vary if some solution of "all sums unchanged" moves it: project random moves on the null space.
            moves = np.random.default_rng(20150331).standard_normal((len(cells), 3))
            moves -= matrix.T @ np.linalg.lstsq(matrix.T, moves, rcond=None)[0]
            found.update(cell for cell, move in zip(cells, np.abs(moves).max(axis=1), strict=True) if move < 1e-7)
        return found

    def _components(self, unknown: list[list[int]]) -> list[list[int]]:
        """Group the sums that share hidden cells, so that each system stays small."""
        left = {row for row, cells in enumerate(unknown) if cells}
        groups = []
        while left:
            stack, group = [left.pop()], []
            while stack:
                row = stack.pop()
                group.append(row)
                for cell in unknown[row]:
                    near = left.intersection(self.of_cell[cell])
                    left -= near
                    stack.extend(near)
            groups.append(sorted(group))
        return groups

    def _hide_beside(self, cell: int) -> bool:
        """Hide the smallest visible part of a sum that the cell is in, or else a total of one; False if all are hidden.

        Where all beside it are hidden already, the sums of those are searched, and so on: the sums that give a cell away need
        not be its own.
        """
        reached, edge = {cell}, {cell}
        while edge:
            sums = [self.sums[number] for near in edge for number in self.of_cell.get(near, ())]
            around = {c for total, parts in sums for c in (total, *parts)}
            visible = {c for c in around if not self.hidden[c]}
            beside = {c for _, parts in sums for c in parts if c in visible and self.counts[c]}
            above = {total for total, _ in sums if total in visible}
            # Only zero cells may stand beside it: then one of those is hidden, else the totals would give the cell away.
            choice = beside or above or visible
            if choice:
                self.hidden[min(choice, key=lambda c: (self.counts[c], c))] = True
                return True
            edge = around - reached
            reached |= around
        return False
