"""Small real models and golden data on disk, and the command line to judge them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result
from onnx import TensorProto, helper, numpy_helper

from harness.cli import main
from harness.core.registry import LazyEntry

if TYPE_CHECKING:
    from collections.abc import Iterator

GOLDEN = Path(__file__).parents[2] / "golden"
N, FEATURES, CLASSES = 60, 4, 3
OPSET, IR = 18, 9


def weights() -> np.ndarray:
    """Each class likes a feature of its own; the last feature says little."""
    kernel = np.zeros((FEATURES, CLASSES), np.float32)
    kernel[:CLASSES] = 4 * np.eye(CLASSES, dtype=np.float32)
    kernel[CLASSES] = [0.3, -0.2, 0.1]
    return kernel


def classifier(
    kernel: np.ndarray | None = None,
    bias: tuple[float, ...] = (0.1, -0.1, 0.2),
    *,
    shape: tuple[int | str, ...] = ("n", FEATURES),
    dtype: int = TensorProto.FLOAT,
    fed: str = "x",
    opset: int = OPSET,
    flatten: bool = False,
) -> onnx.ModelProto:
    """Dense and softmax: ``fed`` (n, 4) -> ``scores`` (n, 3)."""
    kernel = weights() if kernel is None else kernel
    element = helper.tensor_dtype_to_np_dtype(dtype)
    first = [helper.make_node("Flatten", [fed], ["flat"], "flatten")]
    graph = helper.make_graph(
        [
            *(first if flatten else ()),
            helper.make_node(
                "MatMul", ["flat" if flatten else fed, "kernel"], ["product"], "dense"
            ),
            helper.make_node("Add", ["product", "bias"], ["logits"], "add_bias"),
            helper.make_node("Softmax", ["logits"], ["scores"], "softmax"),
        ],
        "classifier",
        [helper.make_tensor_value_info(fed, dtype, shape)],
        [helper.make_tensor_value_info("scores", dtype, [shape[0], CLASSES])],
        [
            numpy_helper.from_array(kernel.astype(element), "kernel"),
            numpy_helper.from_array(np.asarray(bias, element), "bias"),
        ],
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=IR
    )


def rounded(by: float) -> onnx.ModelProto:
    """The classifier, with logits that lose digits: ``by`` is added and taken off."""
    model = classifier()
    graph = model.graph
    softmax = graph.node.pop()
    graph.initializer.append(numpy_helper.from_array(np.float32([by]), "by"))
    graph.node.append(helper.make_node("Add", ["logits", "by"], ["raised"], "raise"))
    graph.node.append(helper.make_node("Sub", ["raised", "by"], ["lowered"], "lower"))
    softmax.input[0] = "lowered"
    graph.node.append(softmax)
    return model


def samples() -> dict[str, np.ndarray]:
    """60 samples, 20 a class, that the classifier gets right by a wide margin."""
    rng = np.random.default_rng(0)
    label = np.arange(N) % CLASSES
    x = rng.normal(0, 0.1, (N, FEATURES)).astype(np.float32)
    x[np.arange(N), label] += 1
    return {"x": x, "label": label}


class Release:
    """A folder with a suite: a reference, a candidate and golden data.

    Args:
        folder: Where it is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out = folder / "out"
        self.suite = folder / "quality.toml"
        self.model("reference.onnx", classifier())
        self.model("candidate.onnx", classifier())
        self.data(**samples())
        self.write(
            """\
[suite]
name = "small"
task = "classification"
reference = "reference"

[golden]
data = "golden.npz"

[[variant]]
name = "reference"
kind = "original"
path = "reference.onnx"

[[variant]]
name = "candidate"
kind = "converted"
path = "candidate.onnx"
"""
        )

    def model(self, name: str, model: onnx.ModelProto) -> Path:
        path = self.folder / name
        path.write_bytes(model.SerializeToString())
        return path

    def data(self, **arrays: np.ndarray) -> Path:
        path = self.folder / "golden.npz"
        np.savez(path, **arrays)
        return path

    def write(self, text: str) -> None:
        self.suite.write_text(text, encoding="utf-8")

    def edit(self, old: str, new: str) -> None:
        """Put one passage of the suite in another's place."""
        text = self.suite.read_text(encoding="utf-8")
        assert text.count(old) == 1, old
        self.write(text.replace(old, new))

    def add(self, lines: str) -> None:
        """Add lines to the last table: the candidate's."""
        self.write(self.suite.read_text(encoding="utf-8") + lines + "\n")

    def run(self, *arguments: str) -> Result:
        """``harness run`` with every report format asked for."""
        return invoke("run", self.suite, *self.reports(), *arguments)

    def reports(self) -> list[str]:
        formats = {"json": "json", "html": "html", "junit": "xml", "markdown": "md"}
        return [
            word
            for name, suffix in formats.items()
            for word in (f"--{name}", str(self.out / f"report.{suffix}"))
        ]

    def written(self) -> list[str]:
        """Names of the report files, and of anything left beside them."""
        if not self.out.exists():
            return []
        return sorted(path.name for path in self.out.iterdir())

    def record(self) -> dict:
        """The saved report."""
        return json.loads((self.out / "report.json").read_text(encoding="utf-8"))

    def candidate(self) -> dict:
        return next(v for v in self.record()["variants"] if v["name"] == "candidate")


ALL_REPORTS = ["report.html", "report.json", "report.md", "report.xml"]


def invoke(*arguments: object) -> Result:
    """The command line, in this process; it may never end in a traceback."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert "Traceback" not in result.output
    return result


@pytest.fixture
def release(tmp_path) -> Release:
    return Release(tmp_path)


@pytest.fixture
def releases(tmp_path) -> list[Release]:
    """Two, side by side."""
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    return [Release(folder) for folder in folders]


@pytest.fixture(scope="session")
def small() -> SimpleNamespace:
    """How small models and data are made, and what reports a run writes."""
    return SimpleNamespace(
        classifier=classifier,
        rounded=rounded,
        weights=weights,
        samples=samples,
        invoke=invoke,
        all_reports=ALL_REPORTS,
        opset=OPSET,
    )


@pytest.fixture(scope="module")
def core_install() -> Iterator[None]:
    """A machine where nothing but the base install is there, whatever this one has."""
    installed = LazyEntry.missing

    def missing(entry: LazyEntry) -> tuple[str, ...]:
        return entry.requires if entry.extra else installed(entry)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LazyEntry, "missing", missing)
        yield


@pytest.fixture
def digits(tmp_path, core_install) -> Path:
    """A copy of the digits suite that a test may break."""
    return Path(shutil.copytree(GOLDEN / "digits", tmp_path / "digits"))
