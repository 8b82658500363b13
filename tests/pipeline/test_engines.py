"""Whoever runs the parts of a suite, the report is the same."""

import json
import os
import signal
from pathlib import Path
from threading import Thread
from time import monotonic, sleep

import numpy as np
import pytest

from harness.core.specs import RunOptions
from harness.pipeline import evaluate
from harness.report.json_ import render_json

GOLDEN = Path(__file__).parents[2] / "golden" / "digits"
SUITE = """
[suite]
name = "many"
task = "classification"
reference = "onnx"
[golden]
data = "many.npz"
[golden.preprocess]
scale = 0.0625
[[variant]]
name = "onnx"
kind = "original"
path = "digits.onnx"
[[variant]]
name = "int8"
kind = "quantized"
path = "digits-int8-static.onnx"
"""


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A suite of parts enough for several workers."""
    folder = tmp_path_factory.mktemp("many")
    for name in ("digits.onnx", "digits-int8-static.onnx"):
        (folder / name).write_bytes((GOLDEN / "models" / name).read_bytes())
    generator = np.random.default_rng(0)
    x = generator.integers(0, 17, (30_000, 8, 8, 1)).astype(np.float32)
    slices = generator.integers(0, 3, 30_000).astype(str)
    labels = generator.integers(0, 10, 30_000)
    np.savez(folder / "many.npz", image=x, label=labels, slice_where=slices)
    (folder / "quality.toml").write_text(SUITE)
    return folder


@pytest.fixture(scope="module")
def alone(many):
    return found(many)


def found(suite, **options):
    """The report, without what may differ."""
    options = RunOptions(diagnose=False, isolation="none", **options)
    report = json.loads(render_json(evaluate(suite, options)))
    del report["provenance"]
    for variant in report["variants"]:
        del variant["seconds_per_sample"]
    return report


@pytest.mark.parametrize("engine", ["local", "dask"])
def test_workers_find_what_one_process_finds(many, alone, engine):
    assert alone["golden"]["n_samples"] == 30_000
    assert found(many, engine=engine, workers=2) == alone


def test_a_worker_that_is_killed_changes_nothing(many, alone):
    killed = []

    def kill():
        deadline = monotonic() + 60
        while not killed and monotonic() < deadline:
            killed.extend(_workers()[:1])
            sleep(0.01)
        sleep(0.5)
        os.kill(killed[0], signal.SIGKILL)

    killer = Thread(target=kill)
    killer.start()
    report = found(many, workers=2)
    killer.join()
    assert killed
    assert report == alone


def _workers():
    """Worker processes of ours, by their command line."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    lines = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children}
    return [int(pid) for pid, line in lines.items() if b"engines.worker" in line]
