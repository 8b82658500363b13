"""Tasks of other people's packages, by the entry points that they declare."""

import json
from pathlib import Path

import numpy as np
import pytest

EXAMPLE = Path(__file__).with_name("example_task")
N = 80
SUITE = """
[suite]
name = "cells"
task = "counting"
reference = "original"

[golden]
data = "golden.npz"

[[variant]]
name = "original"
kind = "original"
path = "original.npz"
backend = "replay"

[[variant]]
name = "copy"
kind = "converted"
path = "copy.npz"
backend = "replay"

[variant.gate]
atol = 9

[variant.gate.max_drop]
exact = 0.05
"""


@pytest.fixture
def suite(tmp_path):
    """A suite of counts: the reference is right, the copy as far off as asked."""

    def write(off=0, text=SUITE):
        truth = np.arange(N) % 7
        np.savez(
            tmp_path / "golden.npz",
            x=np.zeros((N, 1), np.float32),
            target=truth,
            slice_half=np.arange(N) // (N // 2),
        )
        counts = truth.astype(np.float32)
        np.savez(tmp_path / "original.npz", count=counts)
        np.savez(tmp_path / "copy.npz", count=counts + off * (np.arange(N) % 2))
        (tmp_path / "quality.toml").write_text(text)
        return tmp_path

    return write


@pytest.fixture
def told(run):
    """Runs the suite; exit code, and what was said on either stream."""

    def start(folder, *arguments):
        done = run("harness", "run", "quality.toml", *arguments, cwd=folder)
        return done.returncode, done.stdout + done.stderr

    return start


def test_a_suite_of_an_installed_task(site, told, suite):
    site.install(EXAMPLE)
    folder = suite()
    code, said = told(folder, "--json", "report.json", "--html", "report.html")
    assert code == 0, said
    record = json.loads((folder / "report.json").read_text())
    task = record["variants"][1]["task"]
    assert task["task"] == "counting"
    found = {m["name"]: (m["reference"], m["candidate"]) for m in task["metrics"]}
    assert found == {"exact": (1.0, 1.0), "mean_count_error": (0.0, 0.0)}
    assert [part["name"] for part in task["slices"]] == ["half=0", "half=1"]
    page = (folder / "report.html").read_text()
    assert "Metrics of counting over 80 samples" in page
    assert "mean count error" in page


def test_its_options_are_read(site, told, suite):
    site.install(EXAMPLE)
    code, said = told(suite(off=1, text=SUITE + "\n[task]\nslack = 1\n"))
    assert code == 0, said
    code, said = told(suite(text=SUITE + "\n[task]\nslacks = 1\n"))
    assert code == 2
    assert "slacks" in said


def test_pytest_judges_it_too(site, run, suite):
    site.install(EXAMPLE)
    done = run("pytest", "-q", "-p", "no:cacheprovider", cwd=suite(off=1))
    assert done.returncode == 1, done.stdout
    assert "copy::task_metrics" in done.stdout
    assert "exact 1 -> 0.5" in done.stdout


@pytest.fixture
def offered(site, told, suite):
    """A package of one module, and what a run with its task says."""

    def start(code, target="their_task:Counting"):
        site.declare("their-task", {"harness.tasks": {"counting": target}})
        (site.folder / "their_task.py").write_text(code)
        status, said = told(suite())
        assert "Traceback" not in said
        return status, " ".join(said.split())

    return start


def test_a_package_that_does_not_load_is_named(offered):
    status, said = offered("1 / 0")
    assert status == 3
    assert "task 'counting' cannot be imported: division by zero" in said
    assert "pip install 'their-task'" in said


def test_an_answer_that_is_none_is_the_packages_mistake(offered):
    status, said = offered(
        "class Counting:\n"
        "    def __init__(self, options, names): pass\n"
        "    def update(self, batch): pass\n"
        "    def merge(self, other): pass\n"
        "    def result(self): return 7\n"
    )
    assert status == 3
    assert "task 'counting' of the package their-task answers a int" in said


def test_what_is_left_out_is_told(offered, site, run, tmp_path):
    site.declare("evil", {"harness.tasks": {"detection": "evil:make"}})
    status, said = offered("", target="no.function")
    assert status == 2
    assert "'suite.task' is 'counting'" in said
    said = run("harness", "doctor", cwd=tmp_path).stdout
    assert "evil offers a task 'detection', which is left out: the harness" in said
    assert "'no.function' is not package.module:function" in said
