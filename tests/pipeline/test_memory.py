"""A run's memory does not grow with the samples."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.core.provenance import digest_of
from harness.golden.record import RecordingWriter
from harness.golden.schema import Recording

FEW, MANY = 50_000, 1_000_000
BLOCK = 50_000
# 5 as this is written: hashes of samples, what is read ahead, and states that wait to
# be merged are most of it.
MOST_MEGABYTES = 15
STATUS = Path("/proc/self/status")
PROGRAM = """
import sys
from pathlib import Path

from harness.core.specs import RunOptions
from harness.pipeline import evaluate
from harness.report.html import render_html

report = evaluate(Path(sys.argv[1]), RunOptions(isolation="none", diagnose=False))
assert report.golden.n_samples == int(sys.argv[2])
render_html(report)
# Not getrusage: its figure survives exec, so a child starts with its parent's peak.
status = Path("/proc/self/status").read_text()
print(next(line for line in status.splitlines() if line.startswith("VmHWM")))
"""


def record(folder: Path, n: int, seed: int) -> None:
    """Made-up scores of ten classes."""
    folder.mkdir(parents=True)
    known = Recording(folder.name, digest_of(folder.name), "", "", 32)
    with RecordingWriter(folder, known) as writer:
        for start in range(0, n, BLOCK):
            scores = np.random.default_rng(start).random((BLOCK, 10), np.float32)
            writer.append({"scores": scores + np.float32(1e-6 * seed)})


def suite(folder: Path, n: int) -> Path:
    """Recordings of a reference and a candidate over n samples."""
    folder.mkdir()
    x = np.arange(n, dtype=np.float32)[:, None]
    np.savez(folder / "data.npz", x=x, label=np.arange(n) % 10)
    text = '[suite]\nname = "s"\ntask = "classification"\nreference = "v0"\n'
    text += '[golden]\ndata = "data.npz"\n'
    for seed, kind in enumerate(("original", "converted")):
        record(folder / f"v{seed}", n, seed)
        text += f'[[variant]]\nname = "v{seed}"\nkind = "{kind}"\npath = "v{seed}"\n'
        text += 'backend = "replay"\n'
    (folder / "quality.toml").write_text(text)
    return folder / "quality.toml"


def peak(file: Path, n: int) -> float:
    """Megabytes that a process of its own had at most."""
    command = [sys.executable, "-c", PROGRAM, str(file), str(n)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-2]) / 1024


@pytest.mark.skipif(not STATUS.exists(), reason="peak memory is read from /proc")
def test_twenty_times_the_samples_take_no_more_memory(tmp_path):
    peaks = [peak(suite(tmp_path / str(n), n), n) for n in (FEW, MANY)]
    assert peaks[1] - peaks[0] < MOST_MEGABYTES, peaks
