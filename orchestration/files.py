"""Writing files so that nobody ever sees half of one.

What belongs here: putting a file in place. What does not: what is in it, and swapping whole publications (`publish`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path, *, many_writers: bool = False) -> Iterator[Path]:
    """Yield a temporary path; what is written there takes the place of `path` when the block ends without an error.

    Readers see the old content or the new one, also after a power cut. What a killed process leaves has the same name next time
    and so is overwritten, unless there are many_writers: processes that may write the same file at once, without a lock.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp" if many_writers else f".{path.name}.tmp")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def replace_file(path: Path, content: bytes, *, many_writers: bool = False) -> None:
    """Write a file in one step, as `replacing` does."""
    with replacing(path, many_writers=many_writers) as temporary:
        temporary.write_bytes(content)
