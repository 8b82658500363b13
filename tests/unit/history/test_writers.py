"""Writers beside each other, and one that is killed: no finished run is lost."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.history.database import History

RUNS = 50
WRITER = """
import importlib.util, sys
from pathlib import Path
import numpy as np
from harness.history.database import History

spec = importlib.util.spec_from_file_location("history_nights", sys.argv[1])
nights = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = nights
spec.loader.exec_module(nights)
rng = np.random.default_rng(0)
made = [nights.report(nights.Night(), index, rng) for index in range(int(sys.argv[3]))]
print("ready", flush=True)
for report in made:
    with History(Path(sys.argv[2]), create=True) as history:
        run = history.add(report)
    print(run, flush=True)
"""


@pytest.fixture
def writer(tmp_path):
    """Starts a process that adds runs, one opening of the file each."""
    started = []

    def start(file):
        command = [sys.executable, "-c", WRITER]
        module = str(Path(__file__).with_name("nights.py"))
        process = subprocess.Popen(
            [*command, module, str(file), str(RUNS)],
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def told(process):
    """Numbers of the runs that a writer said were finished."""
    return [int(line) for line in process.stdout.read().split() if line.isdigit()]


def kept(file):
    """Runs in the file; each must be whole."""
    with History(file) as history:
        stored = history.runs("digits", 10_000)
    assert all(len(run.variants) == 2 for run in stored)
    assert all(len(run.variants["onnx-int8"].metrics) == 8 for run in stored)
    connection = sqlite3.connect(file)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    return {run.run.id for run in stored}


def test_two_writers_lose_nothing(writer, tmp_path):
    file = tmp_path / "history.sqlite"
    both = [writer(file), writer(file)]
    finished = [told(process) for process in both]
    assert [process.wait() for process in both] == [0, 0]
    assert [len(runs) for runs in finished] == [RUNS, RUNS]
    assert kept(file) == {*finished[0], *finished[1]}
    assert len(kept(file)) == 2 * RUNS


@pytest.mark.parametrize("seed", range(4))
def test_a_killed_writer_loses_no_finished_run(writer, tmp_path, seed):
    file = tmp_path / "history.sqlite"
    doomed, other = writer(file), writer(file)
    assert doomed.stdout.readline() == "ready\n"
    time.sleep(random.Random(seed).uniform(0.0, 0.25))
    os.kill(doomed.pid, signal.SIGKILL)
    finished = told(doomed)
    rest = told(other)
    assert other.wait() == 0
    assert len(rest) == RUNS
    runs = kept(file)
    assert runs >= {*finished, *rest}
    # At most the run that was on its way when the writer could not say so any more.
    assert len(runs) - len({*finished, *rest}) <= 1
    with History(file, create=True):
        pass
