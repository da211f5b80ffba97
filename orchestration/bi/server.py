"""Superset for a home folder: set up and started from its own environment, on this computer only.

Everything that Superset keeps lies in the home's folder `bi/`: its database, a secret key and the administrator's password, both
made at the first start and readable by the owner alone. The shipped dashboards are imported again whenever they or the connection
have changed, over what was changed in them by hand: save a dashboard under another name to keep it.

What belongs here: files, secrets, processes. What does not: what is shown (`bundle`, `superset/`).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestration.bi.bundle import write_bundle
from orchestration.errors import AvvikError, Text
from orchestration.settings import Settings

PORT = 8088
ADMINISTRATOR = "admin"

_SUPERSET = Path(__file__).parent / "superset"
_REPOSITORY = Path(__file__).resolve().parents[2]
_VENV = _REPOSITORY / ".venv-bi"
#: Seconds that a start may take on a busy computer, the first time with the set-up.
_START = 600

Say = Callable[[Text], None]


class BiError(AvvikError):
    """Superset is not installed, could not be set up or did not start."""


@dataclass(frozen=True)
class Superset:
    """A running Superset. password_file: where the administrator's password is."""

    address: str
    user: str
    password_file: Path
    process: subprocess.Popen

    def wait(self) -> int:
        """Wait until it is stopped."""
        return self.process.wait()


def python() -> Path:
    """Return the interpreter of Superset's environment: `AVVIK_BI_PYTHON`, else `.venv-bi` in the repository.

    Raises:
        BiError: it is not installed.
    """
    chosen = os.environ.get("AVVIK_BI_PYTHON")
    path = Path(chosen) if chosen else _VENV / "bin" / "python"
    if not (path if chosen else _VENV / ".installed").exists():  # make bi-setup writes that file last
        raise BiError(
            Text(
                sv=f"Superset är inte installerat ({path} saknas). Kör make bi, som installerar det i en egen miljö.",
                en=f"Superset is not installed ({path} is missing). Run make bi, which installs it in an environment of its own.",
            )
        )
    return path


def bi_folder(settings: Settings) -> Path:
    """Return the folder in the home where Superset keeps its own things."""
    return settings.home / "bi"


def prepare(settings: Settings, say: Say = lambda text: None) -> None:
    """Write what Superset needs when it starts: secrets, the bundle of dashboards and the state that it is to come to.

    Raises:
        NothingPublished: the home has no marts yet.
    """
    folder = bi_folder(settings)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in ("secret_key", "admin_password"):
        _make_secret(folder / name)
    write_bundle(settings, folder / "dashboards.zip")
    state, done = _state(folder / "dashboards.zip"), folder / "imported"
    (folder / "wanted").write_text(state, encoding="utf-8")
    if not done.exists() or done.read_text(encoding="utf-8") != state:
        say(Text(sv="Ställer i ordning Superset (tar en halv minut första gången)", en="Setting up Superset (half a minute)"))


@contextlib.contextmanager
def serving(settings: Settings, port: int = PORT, say: Say = lambda text: None) -> Iterator[Superset]:
    """Set Superset up, start it on 127.0.0.1, yield it when it answers, and stop it afterwards.

    Raises:
        BiError: Superset is not installed, the port is taken, or it does not come to answer (the log says why).
        NothingPublished: the home has no marts yet.
    """
    command = [str(python()), "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", "1", "--worker-class", "gthread"]
    command += ["--threads", "8", "--timeout", str(_START), "--graceful-timeout", "2", "--no-control-socket"]
    command += ["--pythonpath", str(_SUPERSET), "avvik_superset:create()"]
    prepare(settings, say)
    with contextlib.closing(socket.socket()) as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise BiError(
                Text(
                    sv=f"Port {port} är upptagen: kör Superset redan? Välj en annan med --port.",
                    en=f"Port {port} is taken: is Superset running already? Choose another with --port.",
                )
            )
    folder = bi_folder(settings)
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=_environment(settings), cwd=folder, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_for(address, process, folder / "server.log")
            yield Superset(address, ADMINISTRATOR, folder / "admin_password", process)
        finally:
            _stop(process)


def _environment(settings: Settings) -> Mapping[str, str]:
    folder = str(bi_folder(settings))
    return {
        **os.environ,
        "AVVIK_BI_FOLDER": folder,
        "SUPERSET_HOME": folder,
        "SUPERSET_CONFIG_PATH": str(_SUPERSET / "superset_config.py"),
        "SCARF_ANALYTICS": "false",
        "PYTHONWARNINGS": "ignore",
    }


def _make_secret(path: Path) -> None:
    """Write a secret that nobody else can read, unless there is one."""
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(32))


def _state(bundle: Path) -> str:
    """Return what decides whether the set-up must be done again: the bundle, the configuration and Superset itself."""
    digest = hashlib.sha256()
    for path in (bundle, *sorted(_SUPERSET.glob("*.py")), _REPOSITORY / "requirements-bi.txt"):
        if path.exists():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _wait_for(address: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + _START
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise BiError(Text(sv=f"Superset startade inte. Loggen: {log}", en=f"Superset did not start. The log: {log}"))


def _stop(process: subprocess.Popen) -> None:
    """Stop the server and its workers, which are a process group of their own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
