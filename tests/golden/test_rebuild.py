"""The committed suites can be made again, and are what they say they are."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from filelock import FileLock
from onnx import numpy_helper

GOLDEN = Path(__file__).parents[2] / "golden"
DIGITS = GOLDEN / "digits"
REGRESSED = GOLDEN / "digits-regressed"
FP32_NOISE = 2e-6
SAME_NUMBERS = ["savedmodel", "frozen.pb", "digits.tflite", "digits.onnx"]
SAME_NUMBERS += ["digits-optimized.onnx"]
INT8 = ["digits-int8.tflite", "digits-int8-dynamic.onnx", "digits-int8-static.onnx"]


@dataclass(frozen=True)
class Rebuilt:
    """Folders of a fresh build, and what TensorFlow's forms answer."""

    digits: Path
    again: Path
    regressed: Path
    answers: Path


@dataclass(frozen=True)
class Data:
    image: np.ndarray
    label: np.ndarray


@pytest.fixture(scope="module")
def data() -> Data:
    manifest = json.loads((DIGITS / "data" / "manifest.json").read_text())
    shards = [
        np.load(DIGITS / "data" / shard["path"], allow_pickle=False)
        for shard in manifest["shards"]
    ]
    image = np.concatenate([shard["image"] for shard in shards])
    label = np.concatenate([shard["label"] for shard in shards])
    return Data(image * np.float32(0.0625), label)


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory, data) -> Rebuilt:
    """One build for the whole test run, also where several workers share it."""
    root = tmp_path_factory.getbasetemp()
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    folder = root.parent / f"rebuilt-{run}" if run else root / "rebuilt"
    paths = Rebuilt(*(folder / name for name in ("a", "b", "regressed", "answers.npz")))
    with FileLock(folder.with_suffix(".lock")):
        if not paths.answers.exists():
            folder.mkdir(exist_ok=True)
            _build(paths, data, folder)
    return paths


def _build(paths: Rebuilt, data: Data, folder: Path) -> None:
    build = DIGITS / "build.py"
    _run_at_once(
        [build, "--no-record", "--out", paths.digits],
        [build, "--no-record", "--out", paths.again],
    )
    np.save(folder / "image.npy", data.image)
    models = paths.digits / "models"
    forms = Path(__file__).with_name("tensorflow_forms.py")
    _run_at_once(
        [REGRESSED / "build.py", "--digits", paths.digits, "--out", paths.regressed],
        [forms, folder / "image.npy", paths.answers, models, DIGITS / "models"],
    )


def _run_at_once(*commands) -> None:
    running = [
        subprocess.Popen(
            [sys.executable, *map(str, command)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for command in commands
    ]
    outputs = [process.communicate()[0] for process in running]
    for process, output in zip(running, outputs, strict=True):
        assert process.returncode == 0, output


@pytest.fixture
def answer(rebuilt, data):
    """The probabilities of a form, by source ("fresh" or "committed") and file name."""

    def of(source: str, name: str) -> np.ndarray:
        if name.endswith(".onnx"):
            folder = rebuilt.digits if source == "fresh" else DIGITS
            return _run(folder / "models" / name, data.image)
        with np.load(rebuilt.answers, allow_pickle=False) as answers:
            return answers[f"{['fresh', 'committed'].index(source)}/{name}"]

    return of


def _run(model: Path | bytes, image: np.ndarray, batch: int = 360) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model, options, providers=["CPUExecutionProvider"]
    )
    starts = range(0, len(image), batch)
    parts = [session.run(None, {"image": image[s : s + batch]})[0] for s in starts]
    return np.concatenate(parts)


def _flips(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.sum(one.argmax(1) != other.argmax(1)))


def _recalls(answer: np.ndarray, label: np.ndarray) -> np.ndarray:
    right = answer.argmax(1) == label
    return np.array([right[label == digit].mean() for digit in range(10)])


@pytest.mark.parametrize("suite", [DIGITS, REGRESSED], ids=lambda suite: suite.name)
def test_committed_models_match_their_sums(suite):
    models = suite / "models"
    lines = (models / "SHA256SUMS").read_text().splitlines()
    recorded = {name: digest for digest, name in (line.split("  ") for line in lines)}
    found = {
        path.relative_to(models).as_posix(): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in models.rglob("*")
        if path.is_file() and path.name != "SHA256SUMS"
    }
    assert found == recorded


def test_committed_files_are_small():
    files = [path for path in GOLDEN.rglob("*") if path.is_file()]
    assert max(path.stat().st_size for path in files) < 200_000


def test_golden_data_comes_out_byte_for_byte(rebuilt):
    names = ["split.json", "classes.txt", "data/manifest.json"]
    names += ["data/shard-000.npz", "data/shard-001.npz"]
    for name in names:
        assert (rebuilt.digits / name).read_bytes() == (DIGITS / name).read_bytes()


def test_golden_data_is_balanced_and_kept_from_training(data):
    split = json.loads((DIGITS / "split.json").read_text())
    assert np.bincount(data.label).tolist() == [36] * 10
    assert sorted(split["golden"] + split["training"]) == list(range(1797))


def test_two_builds_are_byte_for_byte_the_same(rebuilt):
    first = (rebuilt.digits / "models" / "SHA256SUMS").read_text()
    second = (rebuilt.again / "models" / "SHA256SUMS").read_text()
    assert first == second


def test_fresh_original_answers_as_the_committed_one(answer):
    fresh = answer("fresh", "digits.keras")
    committed = answer("committed", "digits.keras")
    np.testing.assert_allclose(fresh, committed, rtol=0, atol=FP32_NOISE)


def test_fresh_original_answers_as_recorded(answer):
    folder = DIGITS / "recorded" / "keras"
    recording = json.loads((folder / "recording.json").read_text())
    (output,) = recording["outputs"]
    shards = [
        np.load(folder / shard["path"], allow_pickle=False)[output["name"]]
        for shard in recording["shards"]
    ]
    fresh = answer("fresh", "digits.keras")
    np.testing.assert_allclose(fresh, np.concatenate(shards), rtol=0, atol=FP32_NOISE)


def test_original_is_good_but_not_perfect(answer, data):
    accuracy = np.mean(answer("committed", "digits.keras").argmax(1) == data.label)
    assert 0.96 < accuracy < 0.98


@pytest.mark.parametrize("source", ["fresh", "committed"])
@pytest.mark.parametrize(
    ("form", "atol", "max_flips"),
    [
        *((form, FP32_NOISE, 0) for form in SAME_NUMBERS),
        ("digits-fp16.onnx", 2e-3, 0),
        *((form, 5e-2, 2) for form in INT8),
    ],
)
def test_form_agrees_with_the_original(answer, source, form, atol, max_flips):
    original, candidate = answer(source, "digits.keras"), answer(source, form)
    np.testing.assert_allclose(candidate, original, rtol=0, atol=atol)
    assert _flips(candidate, original) <= max_flips


def test_dynamic_int8_depends_on_the_batch(data):
    path = DIGITS / "models" / "digits-int8-dynamic.onnx"
    whole, one_by_one = _run(path, data.image), _run(path, data.image, batch=1)
    assert np.abs(whole - one_by_one).max() > 1e-3


class TestRegressed:
    """Every planted mistake does what it is there for, and nothing else."""

    @pytest.fixture
    def original(self, data) -> np.ndarray:
        return _run(DIGITS / "models" / "digits.onnx", data.image)

    @pytest.fixture(params=["fresh", "committed"])
    def models(self, request, rebuilt) -> Path:
        suite = rebuilt.regressed if request.param == "fresh" else REGRESSED
        return suite / "models"

    @pytest.fixture
    def channels_first(self, data) -> np.ndarray:
        return np.ascontiguousarray(data.image.transpose(0, 3, 1, 2))

    def test_port_without_slip_is_right(self, models, channels_first, original):
        port = _run(models / "torch.onnx", channels_first)
        np.testing.assert_allclose(port, original, rtol=0, atol=FP32_NOISE)

    def test_symmetric_padding_is_all_that_is_wrong(
        self, models, channels_first, original, data
    ):
        model = onnx.load(models / "torch-symmetric-padding.onnx")
        broken = _run(model.SerializeToString(), channels_first)
        assert np.mean(broken.argmax(1) == data.label) < 0.2
        _set_attribute(model, "conv2", "pads", [0, 0, 1, 1])
        mended = _run(model.SerializeToString(), channels_first)
        np.testing.assert_allclose(mended, original, rtol=0, atol=FP32_NOISE)

    def test_flatten_order_breaks_every_class(self, models, channels_first, data):
        broken = _run(models / "torch-flatten-order.onnx", channels_first)
        assert np.mean(broken.argmax(1) == data.label) < 0.2

    def test_epsilon_changes_numbers_but_no_decision(
        self, models, channels_first, original
    ):
        model = onnx.load(models / "torch-bn-epsilon.onnx")
        broken = _run(model.SerializeToString(), channels_first)
        assert 1e-3 < np.abs(broken - original).max() < 5e-2
        assert _flips(broken, original) == 0
        _set_attribute(model, "bn1", "epsilon", 1e-3)
        mended = _run(model.SerializeToString(), channels_first)
        np.testing.assert_allclose(mended, original, rtol=0, atol=FP32_NOISE)

    def test_lowered_bias_is_borne_by_one_class(self, models, original, data):
        broken = _run(models / "bias-lowered.onnx", data.image)
        lost = _recalls(original, data.label) - _recalls(broken, data.label)
        assert lost[8] * 36 >= 10
        assert np.delete(lost, 8).max() <= 0
        assert 0 < lost.mean() < 0.05

    def test_swapped_labels_are_a_permutation(self, models, original, data):
        broken = _run(models / "labels-swapped.onnx", data.image)
        assert _recalls(broken, data.label)[[3, 5]].max() < 0.1
        mended = broken[:, [0, 1, 2, 5, 4, 3, 6, 7, 8, 9]]
        np.testing.assert_allclose(mended, original, rtol=0, atol=FP32_NOISE)

    def test_three_bits_are_eight_levels_and_much_noise(self, models):
        rounded = _kernels(models / "weights-3bit.onnx")
        exact = _kernels(DIGITS / "models" / "digits.onnx")
        assert rounded.keys() == exact.keys()
        assert len(rounded) == 3
        for name, kernel in rounded.items():
            noise = np.sum((kernel - exact[name]) ** 2)
            assert len(np.unique(kernel)) <= 8
            assert 10 * np.log10(np.sum(exact[name] ** 2) / noise) < 15


def _set_attribute(model: onnx.ModelProto, node_name: str, name: str, value) -> None:
    (node,) = (node for node in model.graph.node if node.name == node_name)
    (attribute,) = (a for a in node.attribute if a.name == name)
    attribute.CopyFrom(onnx.helper.make_attribute(name, value))


def _kernels(path: Path) -> dict[str, np.ndarray]:
    model = onnx.load(path)
    wanted = {n.input[1] for n in model.graph.node if n.op_type in {"Conv", "MatMul"}}
    return {
        initializer.name: numpy_helper.to_array(initializer)
        for initializer in model.graph.initializer
        if initializer.name in wanted
    }
