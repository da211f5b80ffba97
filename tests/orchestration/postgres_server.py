"""A real PostgreSQL server for tests: Debian's, in a temporary folder, on a socket of its own, never as root.

What belongs here: finding, starting and stopping it. What does not: tests.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_PLACES = ("/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql*/bin")
MISSING = "needs PostgreSQL's server: `make test-all` installs it (apt-get install postgresql)"


def _programs() -> Path:
    found = [path for place in _PLACES for path in sorted(Path("/").glob(place[1:])) if (path / "initdb").exists()]
    on_path = shutil.which("initdb")
    if not found and on_path is None:
        pytest.skip(MISSING)
    return found[-1] if found else Path(on_path or "").parent


@contextmanager
def postgres_server() -> Iterator[str]:
    """Yield the connection string of a fresh server's administrator; skip where PostgreSQL is not installed."""
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="avvik-pg-"))
    user = pwd.getpwuid(os.getuid()).pw_name
    as_user: list[str] = []
    if os.getuid() == 0:  # the server refuses to run as root
        try:
            account = pwd.getpwnam("postgres")
        except KeyError:
            account = pwd.getpwnam("nobody")
        os.chown(folder, account.pw_uid, account.pw_gid)
        user, as_user = "postgres", ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
    data = folder / "data"

    def run(*command: str) -> None:
        subprocess.run([*as_user, *command], check=True, cwd=folder, stdout=subprocess.DEVNULL, timeout=60)

    settings = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
    control = str(programs / "pg_ctl")
    try:
        run(str(programs / "initdb"), "-D", str(data), "-U", user, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        run(control, "-D", str(data), "-w", "-t", "50", "-l", str(folder / "log"), "-o", settings, "start")
        try:
            yield f"host={folder} user={user} dbname=postgres"
        finally:
            run(control, "-D", str(data), "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
