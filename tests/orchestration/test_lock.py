"""One writer per home, across processes and threads; a killed holder leaves nothing behind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from orchestration.lock import LOCK_NAME, HomeBusy, home_lock
from orchestration.settings import Settings

HOLDER = """
import sys
from pathlib import Path
from orchestration.lock import home_lock
from orchestration.settings import Settings
with home_lock(Settings(home=Path(sys.argv[1])), "run 2015-03"):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def holder(settings: Settings):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(settings.home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_the_second_process_is_refused_with_the_holder_named(settings: Settings, holder: subprocess.Popen) -> None:
    with pytest.raises(HomeBusy) as refusal, home_lock(settings, "run", wait=0):
        pass
    assert "run 2015-03" in refusal.value.text.en
    assert f"pid {holder.pid}" in refusal.value.text.sv


def test_the_second_process_waits_and_is_told_why(settings: Settings, holder: subprocess.Popen) -> None:
    told: list[str] = []
    threading.Timer(0.5, lambda: holder.communicate("\n")).start()
    started = time.monotonic()
    with home_lock(settings, "run 2015-04", wait=20, on_wait=told.append):
        waited = time.monotonic() - started
        assert json.loads((settings.home / LOCK_NAME).read_text())["doing"] == "run 2015-04"
    assert waited > 0.3
    assert len(told) == 1
    assert "run 2015-03" in told[0]


def test_a_killed_holder_holds_nothing(settings: Settings, holder: subprocess.Popen) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with home_lock(settings, "run", wait=0):
        pass


def test_the_same_thread_may_take_it_again_but_not_another_thread(settings: Settings) -> None:
    refused: list[str] = []

    def other() -> None:
        try:
            with home_lock(settings, "other", wait=0):
                pass
        except HomeBusy as error:
            refused.append(error.text.en)

    with home_lock(settings, "outer"), home_lock(settings, "inner", wait=0):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert "outer" in refused[0]
    with home_lock(settings, "again", wait=0):
        pass


def test_it_is_let_go_when_the_work_fails(settings: Settings) -> None:
    with pytest.raises(ValueError, match="broken"), home_lock(settings, "run"):
        raise ValueError("broken")
    with home_lock(settings, "run", wait=0):
        pass
