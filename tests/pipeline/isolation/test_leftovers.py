"""However a run ends: no process is left, no memory and no file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

import harness
from harness.core.specs import RunOptions

PATIENCE = 5.0


class TestNothingOutlivesTheRun:
    @pytest.fixture
    def run(self, release, misdeeds, backends, tmp_path):
        """A run in a process of its own, whose worker hangs in its first batch."""
        site = tmp_path / "site"
        info = site / "misbehaving-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: misbehaving\n")
        entry = "misbehaving = misbehaving_backend:open_session"
        (info / "entry_points.txt").write_text(f"[harness.backends]\n{entry}\n")
        misdeeds("hang_in_native_code", [1])
        path = os.pathsep.join([str(site), str(backends)])
        with subprocess.Popen(
            [sys.executable, "-m", "harness", "run", str(release.suite)],
            env={**os.environ, "PYTHONPATH": path},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            yield process
            process.kill()

    @pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
    def test_when_it_is_ended(self, run, end):
        workers = wait_for(
            lambda: found if len(found := workers_of(run)) == 3 else None
        )
        files = [file for worker in workers for file in open_files(worker)]
        # Nameless memory has nobody to clean up after it.
        assert any("/memfd:harness" in file for file in files)
        named = [file for file in files if file.startswith(("/dev/shm", "/tmp"))]
        # A virtual environment may itself lie in /tmp, and be read from.
        assert not [file for file in named if not file.startswith(sys.prefix)]
        run.send_signal(end)
        run.wait(timeout=PATIENCE)
        wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))

    def test_when_it_is_over(self, release):
        # What our own process opens once and keeps, it opens here.
        harness.evaluate(release.suite, RunOptions(isolation="none"))
        # Servers and browsers of other tests of this session may be running.
        others, before = children(os.getpid()), open_files(os.getpid())
        harness.evaluate(release.suite, RunOptions(isolation="process"))
        assert open_files(os.getpid()) == before
        assert children(os.getpid()) == others

    @pytest.mark.usefixtures("misbehaving")
    def test_when_variants_crash(self, release, misdeeds):
        # What our own process opens once and keeps, it opens here.
        harness.evaluate(release.suite, RunOptions(isolation="none"))
        misdeeds("segfault")
        # Servers and browsers of other tests of this session may be running.
        others, before = children(os.getpid()), open_files(os.getpid())
        harness.evaluate(release.suite)
        assert open_files(os.getpid()) == before
        assert children(os.getpid()) == others


def wait_for(condition):
    """The first true answer of `condition`, within a few seconds."""
    deadline = time.monotonic() + 4 * PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)
    return found


def workers_of(process) -> list[int]:
    return [pid for pid in children(process.pid) if "start.py" in command_of(pid)]


def children(pid: int) -> list[int]:
    try:
        threads = sorted(Path(f"/proc/{pid}/task").iterdir())
        found = [(thread / "children").read_text().split() for thread in threads]
    except FileNotFoundError:
        return []
    return [int(child) for line in found for child in line]


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def open_files(pid: int) -> list[str]:
    """What its file descriptors stand for, but for the one that looks."""
    found = []
    for file in sorted(Path(f"/proc/{pid}/fd").iterdir()):
        with suppress(FileNotFoundError):
            found.append(str(file.readlink()))
    return sorted(found)
