"""Whoever runs the parts of a suite, the report is the same."""

import json
import os
import signal
from pathlib import Path

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


def found(suite, progress=None, **options):
    """The report, without what may differ."""
    options = RunOptions(diagnose=False, isolation="none", **options)
    report = json.loads(render_json(evaluate(suite, options, progress)))
    del report["provenance"]
    for variant in report["variants"]:
        del variant["seconds_per_sample"]
    return report


@pytest.mark.parametrize("engine", ["local", "dask"])
def test_workers_find_what_one_process_finds(many, alone, engine):
    assert alone["golden"]["n_samples"] == 30_000
    assert found(many, engine=engine, workers=2) == alone


@pytest.mark.parametrize("engine", ["local", "dask"])
def test_a_worker_that_is_killed_changes_nothing(many, alone, engine):
    killed = []

    def kill(_done, _total):
        if not killed:
            killed.extend(_workers(engine)[:1])
            os.kill(killed[0], signal.SIGKILL)

    assert found(many, kill, engine=engine, workers=2) == alone
    assert killed


def _workers(engine):
    """Worker processes of ours, by their command line."""
    known = b"engines.worker" if engine == "local" else b"spawn_main"
    threads = Path("/proc/self/task").iterdir()
    children = " ".join((one / "children").read_text() for one in threads).split()
    lines = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children}
    return [int(pid) for pid, line in lines.items() if known in line]
