"""One writer per home folder: whoever ingests, builds or publishes holds `DIR/.avvik.lock`.

The lock is the kernel's (`flock`): it is let go when the process ends, however it ends, so that a killed run never has to be
cleaned up after. The file's content only tells people who has it.

What belongs here: taking and waiting for the lock. What does not: deciding what needs it.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from orchestration.errors import AvvikError, Text
from orchestration.settings import Settings

LOCK_NAME = ".avvik.lock"

#: How long a run waits for another one by default. A month takes seconds, the first build of a long history minutes.
WAIT_SECONDS = 600.0

_RETRY_SECONDS = 0.2


class HomeBusy(AvvikError):
    """Another process works in the home folder and did not finish within the time to wait."""


@dataclass
class _Held:
    """The lock as this process has it: once from the kernel, any number of times within one thread."""

    thread_lock: threading.RLock = field(default_factory=threading.RLock)
    depth: int = 0
    descriptor: int = -1


_HELD: dict[Path, _Held] = {}
_HELD_GUARD = threading.Lock()


@contextmanager
def home_lock(
    settings: Settings, doing: str, wait: float = WAIT_SECONDS, on_wait: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Hold the home's lock. Within one thread it may be taken again; another thread or process waits.

    Args:
        settings: whose home.
        doing: what the holder does, shown to whoever has to wait ('run 2015-03').
        wait: seconds to wait before giving up; 0 refuses at once.
        on_wait: called once, with a sentence, when the lock is taken by somebody else.

    Raises:
        HomeBusy: still taken after `wait` seconds; the message names the holder.
    """
    path = settings.home / LOCK_NAME
    with _HELD_GUARD:
        held = _HELD.setdefault(path, _Held())
    deadline = time.monotonic() + wait
    if not held.thread_lock.acquire(timeout=max(wait, 0)):
        raise HomeBusy(_busy(path, wait))
    try:
        if held.depth == 0:
            held.descriptor = _take(path, doing, deadline, wait, on_wait)
        held.depth += 1
        try:
            yield
        finally:
            held.depth -= 1
            if held.depth == 0:
                os.close(held.descriptor)
    finally:
        held.thread_lock.release()


def _take(path: Path, doing: str, deadline: float, wait: float, on_wait: Callable[[str], None] | None) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    raise
            if time.monotonic() >= deadline:
                raise HomeBusy(_busy(path, wait))
            if on_wait:
                on_wait(str(_waiting(path)))
                on_wait = None
            time.sleep(_RETRY_SECONDS)
        content = json.dumps({"pid": os.getpid(), "doing": doing, "since": datetime.now(UTC).isoformat(timespec="seconds")})
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, content.encode(), 0)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _holder(path: Path) -> str:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return f"{record['doing']}, pid {record['pid']}, {record['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        # The holder is just writing it. Who it is does not matter for whether the lock is taken.
        return "?"


def _waiting(path: Path) -> Text:
    holder = _holder(path)
    return Text(
        sv=f"En annan körning arbetar i {path.parent} ({holder}); väntar på den.",
        en=f"Another run is working in {path.parent} ({holder}); waiting for it.",
    )


def _busy(path: Path, wait: float) -> Text:
    holder = _holder(path)
    return Text(
        sv=f"En annan körning arbetar i {path.parent} ({holder}) och blev inte klar inom {wait:.0f} s. "
        "Ingenting har ändrats; kör igen när den är klar.",
        en=f"Another run is working in {path.parent} ({holder}) and was not done within {wait:.0f} s. "
        "Nothing has been changed; run again when it is done.",
    )
