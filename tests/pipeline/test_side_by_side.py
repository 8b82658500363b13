"""One suite, every family at once: files of six frameworks and an endpoint."""

import importlib.util
import json
import shutil
import sys
from pathlib import Path

import pytest

import harness

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "golden" / "digits"
HEAD = """\
[suite]
name = "side by side"
task = "classification"
reference = "keras"
isolation = "{isolation}"

[golden]
data = "data"
classes = "classes.txt"

[golden.preprocess]
scale = 0.0625
"""
VARIANT = '[[variant]]\nname = "{name}"\nkind = "{kind}"\n{where}\n'
CHANNELS_FIRST = "preprocess = { scale = 0.0625, transpose = [0, 3, 1, 2] }"
FILES = {
    "keras": ("original", "digits.keras"),
    "savedmodel": ("converted", "savedmodel"),
    "frozen": ("frozen", "frozen.pb"),
    "tflite": ("converted", "digits.tflite"),
    "onnx": ("converted", "digits.onnx"),
    "onnx-int8": ("quantized", "digits-int8-static.onnx"),
    "openvino": ("converted", "digits.xml"),
    "torchscript": ("converted", "digits.pt"),
}


@pytest.fixture(scope="module")
def makers():
    """Makers of the digits network in other forms, shared with docs/backends.md."""
    spec = importlib.util.spec_from_file_location(
        "backend_forms", ROOT / "docs" / "backend_forms.py"
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(spec.name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(makers, servers, tmp_path_factory):
    """A suite's folder but for the suite, and the endpoint's URL beside it."""
    place = tmp_path_factory.mktemp("side-by-side")
    for name in ("data", "models"):
        shutil.copytree(GOLDEN / name, place / name)
    shutil.copy(GOLDEN / "classes.txt", place)
    for maker, target in (
        (makers.openvino_ir, "digits.xml"),
        (makers.torchscript, "digits.pt"),
    ):
        made = maker(tmp_path_factory.mktemp("made"))
        for file in made.parent.glob(f"{made.stem}.*"):
            shutil.copy(file, place / "models" / f"digits{file.suffix}")
        assert (place / "models" / target).exists()
    url = servers.tf_serving(digits=GOLDEN / "models" / "savedmodel")
    return place, f"{url}/digits"


@pytest.mark.parametrize("isolation", ["none", "process"])
def test_everything_runs_in_one_suite(folder, isolation):
    place, url = folder
    lines = [HEAD.format(isolation=isolation)]
    for name, (kind, file) in FILES.items():
        where = f'path = "models/{file}"'
        if name == "torchscript":
            where += f"\n{CHANNELS_FIRST}"
        lines.append(VARIANT.format(name=name, kind=kind, where=where))
    where = f"url = {json.dumps(url)}\nbackend = 'tfserving'"
    lines.append(VARIANT.format(name="endpoint", kind="converted", where=where))
    suite = place / f"{isolation}.quality.toml"
    suite.write_text("\n".join(lines))
    report = harness.evaluate(suite)
    assert report.verdict == "passed", [v.reason for v in report.variants]
    assert {v.name: v.status for v in report.variants} == dict.fromkeys(
        [*FILES, "endpoint"], "ran"
    )
    for candidate in report.candidates:
        assert candidate.labels.n_flipped <= (2 if candidate.kind == "quantized" else 0)
        limit = 5e-2 if candidate.kind == "quantized" else 2e-6
        assert candidate.outputs[0].max_abs_error <= limit, candidate.name
