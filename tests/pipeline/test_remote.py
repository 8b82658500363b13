"""Endpoints beside files in one suite, from quality.toml to every report."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parents[2] / "golden" / "digits"
SUITE = """\
[suite]
name = "served"
task = "classification"
reference = "onnx"

[golden]
data = "data"
classes = "classes.txt"
recorded = "recorded"

[golden.preprocess]
scale = 0.0625

[[variant]]
name = "onnx"
kind = "original"
path = "models/digits.onnx"

[[variant]]
name = "int8"
kind = "quantized"
path = "models/digits-int8-static.onnx"
"""
SERVED = """
[[variant]]
name = "served"
kind = "converted"
url = "{url}"
backend = "{backend}"
options = {{ retries = 0 }}
"""


@pytest.fixture(scope="module")
def url(servers):
    return f"{servers.tf_serving(digits=GOLDEN / 'models' / 'savedmodel')}/digits"


@pytest.fixture
def suite(tmp_path):
    """Writes a suite of two files and one endpoint."""

    def written(url, backend="tfserving"):
        for name in ("data", "models"):
            shutil.copytree(GOLDEN / name, tmp_path / name)
        shutil.copy(GOLDEN / "classes.txt", tmp_path)
        file = tmp_path / "quality.toml"
        file.write_text(SUITE + SERVED.format(url=url, backend=backend))
        return file

    return written


@pytest.fixture
def run(small, tmp_path):
    """Runs a suite; gives the result, and the text of each report by its suffix."""

    def ran(file):
        formats = {"json": "json", "html": "html", "junit": "xml", "markdown": "md"}
        paths = {s: tmp_path / "out" / f"report.{s}" for s in formats.values()}
        words = [
            word
            for name, suffix in formats.items()
            for word in (f"--{name}", paths[suffix])
        ]
        result = small.invoke("run", file, *words)
        texts = {s: p.read_text() for s, p in paths.items() if p.exists()}
        return result, texts

    return ran


def test_an_endpoint_beside_files(suite, run, url):
    result, texts = run(suite(url))
    assert result.exit_code == 0, result.output
    variants = {v["name"]: v for v in json.loads(texts["json"])["variants"]}
    served = variants["served"]
    assert served["status"] == "ran"
    assert served["verdict"] == "passed"
    assert served["path"] == url
    assert served["sha256"] is None
    assert served["size_bytes"] is None
    assert served["runtime"]["model_version"] == "7"
    assert served["seconds_per_sample"] > 0
    assert served["skipped_checks"] == {
        "weight_drift": "an endpoint shows no weights",
        "operator_semantics": "an endpoint shows no graph",
    }
    (output,) = served["outputs"]
    assert output["max_abs_error"] <= 2e-6
    assert served["labels"]["n_flipped"] == 0
    assert {check["status"] for check in served["checks"]} == {"passed"}
    assert variants["int8"]["verdict"] == "passed"
    assert url in texts["html"]
    assert url in texts["xml"]


def test_an_endpoint_can_be_recorded(suite, run, small, url):
    file = suite(url)
    assert small.invoke("record", file, "--variant", "served").exit_code == 0
    assert (file.parent / "recorded" / "served" / "recording.json").is_file()


def test_an_endpoint_that_is_gone_fails_alone(suite, run):
    result, texts = run(suite("http://127.0.0.1:1/v1/models/digits"))
    assert result.exit_code == 3
    variants = {v["name"]: v for v in json.loads(texts["json"])["variants"]}
    assert variants["served"]["status"] == "error"
    assert "cannot be reached" in variants["served"]["reason"]
    assert variants["int8"]["verdict"] == "passed"


def test_a_password_stops_the_run_and_is_not_shown(suite, run):
    result, texts = run(suite("http://me:s3cret@127.0.0.1/v1/models/digits"))
    assert result.exit_code == 2
    assert "s3cret" not in result.output
    assert not texts


def test_a_backend_that_takes_another_url(suite, run):
    result, _ = run(suite("http://127.0.0.1:1/v1/models/digits", "kserve"))
    assert result.exit_code == 2
    assert "no URL of this backend" in result.output
    assert "/v2/models/NAME" in result.output
