"""Variants that another Python runs, in an environment of its own."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

import harness

DIGITS = Path(__file__).parents[3] / "golden" / "digits"
# The line whose reader of raw TensorFlow 2 graphs segfaults.
OPENCV = "5.0.0.93"


@pytest.fixture(scope="module")
def lean(tmp_path_factory, make_environment):
    """A Python that has numpy and onnxruntime, and nothing else."""
    return make_environment(tmp_path_factory.mktemp("lean"), "numpy", "onnxruntime")


@pytest.fixture(scope="module")
def opencv5(pytestconfig, backends):
    """A Python that has OpenCV 5 and a backend for it; kept between sessions."""
    name = f"opencv-{OPENCV}-python-{platform.python_version()}"
    folder = pytestconfig.cache.mkdir("environments") / name
    python = folder / "bin" / "python"
    with FileLock(f"{folder}.lock"):
        if not (folder / "complete").exists():
            venv.create(folder, symlinks=True, clear=True)
            packages = [f"opencv-python-headless=={OPENCV}", f"numpy=={np.__version__}"]
            pip = [sys.executable, "-m", "pip", "--python", python, "install", "-q"]
            subprocess.run([*pip, "--no-deps", *packages], check=True)
            (folder / "complete").touch()
        (site,) = folder.glob("lib/python*/site-packages")
        shutil.copy(backends / "opencv5_backend.py", site)
    return python


class TestAnotherInterpreter:
    def test_needs_numpy_and_the_runtime_alone(self, release, lean):
        probe = "import importlib.util as u; print(u.find_spec('pandas'))"
        assert subprocess.check_output([lean, "-c", probe], text=True) == "None\n"
        release.add(f'interpreter = "{os.path.relpath(lean, release.folder)}"')
        assert release.run().exit_code == 0
        candidate = release.candidate()
        assert candidate["status"] == "ran"
        assert candidate["runtime"]["isolation"] == "process"
        assert candidate["runtime"]["python"] == platform.python_version()
        assert candidate["runtime"]["numpy"] == np.__version__

    def test_sees_nothing_of_our_packages(self, release, lean, offered):
        """Nor of our path: the backend is on it, the interpreter has it not."""
        offered("misbehaving")
        release.add('backend = "misbehaving"\noptions = { deed = "hang", moment = 9 }')
        release.add(f'interpreter = "{lean}"')
        assert release.run().exit_code == 3
        candidate = release.candidate()
        assert candidate["status"] == "skipped"
        assert f"in the environment of {lean}: " in candidate["reason"]
        assert "No module named 'misbehaving_backend'" in candidate["reason"]
        assert f"{lean} -m pip install" in candidate["reason"]

    def test_keeps_its_own_process_when_nobody_else_has_one(self, release, lean):
        release.add(f'interpreter = "{lean}"')
        assert release.run("--isolation", "none").exit_code == 0
        assert release.candidate()["runtime"]["isolation"] == "process"

    def test_without_the_runtime_is_skipped(self, release, tmp_path, make_environment):
        python = make_environment(tmp_path / "bare", "numpy")
        release.add(f'interpreter = "{python}"')
        assert release.run().exit_code == 3
        reason = release.candidate()["reason"]
        assert "backend 'onnxruntime' needs onnxruntime, not installed" in reason

    def test_without_numpy_says_so(self, release, tmp_path, make_environment):
        python = make_environment(tmp_path / "empty")
        release.add(f'interpreter = "{python}"')
        assert release.run("--missing", "fail").exit_code == 3
        candidate = release.candidate()
        assert candidate["status"] == "error"
        assert f"the interpreter {python} has no numpy" in candidate["reason"]

    def test_that_is_not_there_says_so(self, release):
        release.add('interpreter = "venv/bin/python"')
        assert release.run().exit_code == 3
        candidate = release.candidate()
        assert candidate["status"] == "skipped"
        expected = release.folder / "venv" / "bin" / "python"
        assert f"there is no interpreter {expected}" in candidate["reason"]

    def test_that_is_no_python_says_what_it_said(self, release):
        release.add('interpreter = "/bin/echo"')
        assert release.run().exit_code == 3
        candidate = release.candidate()
        assert candidate["status"] == "crashed"
        assert "ended with exit code 0 while it loaded the model" in candidate["reason"]
        assert "start.py" in candidate["reason"]


def test_opencv_5_segfaults_on_a_raw_frozen_graph(tmp_path, opencv5, offered):
    """A real crash, of a real runtime, on a real model."""
    offered("opencv5")
    suite = tmp_path / "quality.toml"
    suite.write_text(
        f"""
[suite]
name = "digits"
task = "classification"
reference = "onnx"
allow_outside = true

[golden]
data = "{DIGITS / "data"}"
preprocess = {{ scale = 0.0625 }}

[[variant]]
name = "onnx"
kind = "original"
path = "{DIGITS / "models/digits.onnx"}"

[[variant]]
name = "tflite"
kind = "converted"
path = "{DIGITS / "models/digits.tflite"}"

[[variant]]
name = "frozen"
kind = "frozen"
path = "{DIGITS / "models/frozen.pb"}"
backend = "opencv5"
interpreter = "{opencv5}"
preprocess = {{ scale = 0.0625, transpose = [0, 3, 1, 2] }}
"""
    )
    report = harness.evaluate(suite)
    frozen = report.variant("frozen")
    assert frozen.status == "crashed"
    assert frozen.verdict == "error"
    assert frozen.reason.startswith(
        "its process was ended by SIGSEGV, segmentation fault while it loaded the model"
    )
    assert report.variant("tflite").verdict == "passed"
