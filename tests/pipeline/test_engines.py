"""Whoever runs the parts of a suite, the report is the same."""

import json
import os
import signal
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from harness.core.errors import BackendError
from harness.core.specs import RunOptions
from harness.pipeline import crews, evaluate, growing
from harness.pipeline.opening import Standing
from harness.report.json_ import render_json
from harness.run import RunFacts
from harness.suite import load_suite

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


def ran(suite, progress=None, **options):
    """The whole report."""
    options = RunOptions(diagnose=False, isolation="none", **options)
    return json.loads(render_json(evaluate(suite, options, progress)))


def plain(report):
    """A report without what may differ."""
    variants = [
        dict(variant, seconds_per_sample=None) for variant in report["variants"]
    ]
    return dict(report, provenance=None, variants=variants)


def found(suite, progress=None, **options):
    return plain(ran(suite, progress, **options))


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


@pytest.fixture
def hired(monkeypatch):
    """Two workers join after the second part; tells what was measured until then."""
    seen = []

    def two(load, left):
        seen.append(left)
        return 2 if len(seen) == 2 else 1

    monkeypatch.setattr(growing, "_LEAST_SECONDS", 0.0)
    monkeypatch.setattr(growing, "workers_worth", two)
    return seen


def test_workers_that_join_on_the_way_change_nothing(many, alone, hired):
    told = []
    report = ran(many, lambda *done: told.append(done))
    assert plain(report) == alone
    assert report["provenance"]["workers"] == 2
    assert [left.spans for left in hired] == [7, 5]
    assert all(left.seconds > 0 and left.opening > 0 for left in hired)
    assert told == sorted(told)
    assert told[-1] == (30_000, 30_000)


def test_they_join_in_a_run_with_a_budget(many, hired):
    early = found(many, budget_seconds=600)
    assert len(hired) == 2
    assert early == found(many, budget_seconds=600, workers=1)


def test_what_they_keep_is_found_by_who_runs_alone(many, alone, hired, tmp_path):
    assert found(many, cache=tmp_path) == alone
    # Other options: the report as a whole is not known.
    again = ran(many, cache=tmp_path, workers=1, missing="fail")
    assert plain(again) == alone
    assert again["provenance"]["cache"] == "answers of onnx, int8"


def test_where_they_cannot_start_we_go_on_alone(many, alone, hired, monkeypatch):
    @contextmanager
    def refused(work, settings):
        raise BackendError("no room", hint="none")
        yield

    monkeypatch.setattr(crews, "ENGINES", {"local": refused})
    report = ran(many)
    assert plain(report) == alone
    assert "workers" not in report["provenance"]


def test_as_many_as_asked_for_are_there_from_the_start(many, alone, hired):
    assert found(many, workers=1) == alone
    assert not hired


@pytest.mark.parametrize(
    ("runtime", "grows"),
    [
        ({"providers": "CPUExecutionProvider"}, True),
        ({"device": "CPU"}, True),
        ({}, True),
        ({"providers": "CUDAExecutionProvider, CPUExecutionProvider"}, False),
        ({"device": "GPU"}, False),
    ],
)
def test_who_asks_another_device_stays_alone(many, runtime, grows):
    suite = load_suite(many / "quality.toml")
    facts = RunFacts((), runtime, 1, None, fed=True)
    standings = {
        "onnx": Standing("onnx", "onnxruntime", "ran", facts=facts),
        "int8": Standing("int8", "litert", "skipped", "is not installed"),
    }
    assert growing.may_grow(suite, standings) == grows
