"""Darknet through the contract, on a network that Darknet itself trained."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from harness.backends.opencv_ import open_session
from harness.core.errors import MissingDependencyError, ModelLoadError
from harness.testing import LiveBackendContract

DARKNET = Path(__file__).parents[1] / "fixtures" / "darknet"


@pytest.fixture
def darknet(tmp_path):
    """Folder with digits.cfg and digits.weights."""
    for name in ("digits.cfg", "digits.weights"):
        shutil.copy(DARKNET / name, tmp_path)
    return tmp_path


def in_colour(images):
    """Grey images as the network takes them: three channels, before the rows."""
    return np.repeat(images.transpose(0, 3, 1, 2), 3, axis=1)


class TestDarknet(LiveBackendContract):
    backend = "opencv"

    @pytest.fixture
    def model(self, darknet):
        return darknet / "digits.cfg"

    @pytest.fixture
    def feeds(self, images):
        return {"data": in_colour(images)}

    def test_answers_as_darknet_did(self, session):
        record = json.loads((DARKNET / "answers.json").read_text(encoding="utf-8"))
        pixels = np.array(record["pixels"], np.float32)[..., None] / np.float32(255)
        feeds = {"data": in_colour(pixels)}
        (found,) = session.run(feeds, slice(0, len(pixels))).values()
        # Darknet prints per cent with two decimals.
        np.testing.assert_allclose(found, record["answers"], rtol=0, atol=6e-5)

    def test_agrees_with_its_twin(self, session, golden_images):
        images = in_colour(golden_images)
        (found,) = session.run({"data": images}, slice(0, len(images))).values()
        (expected,) = darknet_twin().run(None, {"data": images})
        assert np.abs(found - expected).max() <= 2e-6


class TestDarknetByItsWeights(TestDarknet):
    @pytest.fixture
    def model(self, darknet):
        return darknet / "digits.weights"


def darknet_twin():
    """digits.cfg as an ONNX model, on the numbers of digits.weights."""
    numbers = np.frombuffer((DARKNET / "digits.weights").read_bytes()[20:], "<f4")
    tensors, nodes = {}, []

    def take(name, *shape):
        nonlocal numbers
        size = int(np.prod(shape))
        tensors[name], numbers = numbers[:size].reshape(shape), numbers[size:]
        return name

    def node(kind, inputs, output, **attributes):
        nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def convolution(source, name, filters, channels, stride, norm):
        bias = take(f"{name}_bias", filters)
        names = ("scale", "mean", "var") if norm else ()
        rest = [take(f"{name}_{kind}", filters) for kind in names]
        kernel = take(f"{name}_kernel", filters, channels, 3, 3)
        pads = {"pads": [1, 1, 1, 1], "strides": [stride, stride]}
        if not norm:
            made = node("Conv", [source, kernel, bias], name, **pads)
            return node("Relu", [made], f"{name}_relu")
        made = node("Conv", [source, kernel], name, **pads)
        scaled = [made, rest[0], bias, *rest[1:]]
        made = node("BatchNormalization", scaled, f"{name}_bn", epsilon=1e-6)
        return node("LeakyRelu", [made], f"{name}_leaky", alpha=0.1)

    first = convolution("data", "conv0", 8, 3, 1, norm=True)
    shape = {"kernel_shape": [2, 2], "strides": [2, 2]}
    pooled = node("MaxPool", [first], "pooled", **shape)
    second = convolution(pooled, "conv2", 12, 8, 1, norm=True)
    joined = node("Concat", [second, pooled], "joined", axis=1)
    third = convolution(joined, "conv4", 16, 20, 2, norm=False)
    flat = node("Flatten", [third], "flat")
    bias = take("fc_bias", 10)
    scores = node("Gemm", [flat, take("fc", 10, 64), bias], "scores", transB=1)
    node("Softmax", [scores], "probabilities", axis=1)
    assert numbers.size == 0
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "twin",
        [value("data", TensorProto.FLOAT, ["n", 3, 8, 8])],
        [value("probabilities", TensorProto.FLOAT, ["n", 10])],
        [numpy_helper.from_array(array, name) for name, array in tensors.items()],
    )
    opset = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=9)
    return onnxruntime.InferenceSession(model.SerializeToString())


@pytest.mark.parametrize("samples", [1, 3])
def test_detections_count_samples_first(tmp_path, samples):
    """OpenCV leaves the sample axis out when there is one sample."""
    (tmp_path / "yolo.cfg").write_text(
        "[net]\nheight=16\nwidth=16\nchannels=3\n"
        "[convolutional]\nfilters=14\nsize=3\nstride=2\npad=1\nactivation=linear\n"
        "[yolo]\nmask=0,1\nanchors=4,4, 8,8\nclasses=2\nnum=2\n",
        encoding="utf-8",
    )
    generator = np.random.default_rng(0)
    numbers = generator.normal(size=14 * (1 + 3 * 9)).astype("<f4")
    header = np.array([0, 2, 0, 0, 0], "<i4").tobytes()
    (tmp_path / "yolo.weights").write_bytes(header + numbers.tobytes())
    images = generator.random((samples, 3, 16, 16), dtype=np.float32)
    with open_session(tmp_path / "yolo.cfg", {}) as session:
        (spec,) = session.outputs
        (found,) = session.run({"data": images}, slice(0, samples)).values()
    assert spec.shape == (None, 128, 7)
    assert found.shape == (samples, 128, 7)


def cut(name, share):
    def spoil(folder):
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: int(len(data) * share)])

    return spoil


def deleted(name):
    return lambda folder: (folder / name).unlink()


def other_filters(folder):
    text = (folder / "digits.cfg").read_text(encoding="utf-8")
    text = text.replace("filters=12", "filters=4")
    (folder / "digits.cfg").write_text(text, encoding="utf-8")


DARKNET_FAULTS = {
    "weights-missing": (
        lambda folder: (folder / "digits.weights").unlink(),
        "no .weights lies beside it",
    ),
    # OpenCV takes zeros for what is missing, and answers.
    "weights-cut": (cut("digits.weights", 0.5), "holds 2,350.5 numbers, .* 4,706"),
    "text-cut": (cut("digits.cfg", 0.5), "opencv refuses"),
    "text-of-another-net": (other_filters, "holds 4,706 numbers, .* asks for"),
    "no-net": (
        lambda folder: (folder / "digits.cfg").write_text("classes=10\n"),
        r"does not begin with a \[net\]",
    ),
}


@pytest.mark.parametrize(("spoil", "says"), DARKNET_FAULTS.values(), ids=DARKNET_FAULTS)
def test_broken_darknet_files(darknet, spoil, says):
    spoil(darknet)
    with pytest.raises(ModelLoadError, match=says) as caught:
        open_session(darknet / "digits.cfg", {})
    assert "digits.cfg" in caught.value.message
    assert caught.value.hint


def test_opencv_5_does_not_read_darknet(darknet, monkeypatch):
    monkeypatch.delattr(cv2.dnn, "readNetFromDarknet")
    with pytest.raises(MissingDependencyError, match="OpenCV 5 dropped") as caught:
        open_session(darknet / "digits.cfg", {})
    assert "opencv-python-headless<5" in caught.value.hint
