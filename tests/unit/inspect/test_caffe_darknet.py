from pathlib import Path

import pytest

from harness.core.errors import ModelLoadError, UnsafeModelError
from harness.core.protocols import TensorSpec
from harness.inspection import inspect_model

DARKNET = Path(__file__).parents[2] / "fixtures" / "darknet"
DEPLOY = """
name: "small"  # a comment
input: "data"
input_shape { dim: 1 dim: 3 dim: 8 dim: 8 }
layer { name: "c" type: "Convolution" bottom: "data" top: "c" }
layer { name: "r" type: "ReLU" bottom: "c" top: "c" }
layer { name: "p" type: "Softmax" bottom: "c" top: "p" }
"""


@pytest.fixture
def prototxt(tmp_path):
    def inspect(text):
        path = tmp_path / "m.prototxt"
        path.write_text(text)
        return inspect_model(path, "caffe")

    return inspect


def test_a_network_for_running(prototxt):
    found = prototxt(DEPLOY)
    assert found.inputs == (TensorSpec("data", "float32", (1, 3, 8, 8)),)
    assert [spec.name for spec in found.outputs] == ["p"]
    assert found.operators == {"Convolution": 1, "ReLU": 1, "Softmax": 1}
    assert found.metadata == {"name": "small"}
    assert len(found.not_read) == 1


@pytest.mark.parametrize(
    "text",
    [
        DEPLOY.replace(
            "input_shape { dim: 1 dim: 3 dim: 8 dim: 8 }",
            "input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 8",
        ),
        DEPLOY.replace(
            'input: "data"\ninput_shape { dim: 1 dim: 3 dim: 8 dim: 8 }',
            'layer { name: "d" type: "Input" top: "data"'
            " input_param { shape: { dim: [1, 3, 8, 8] } } }",
        ),
    ],
)
def test_inputs_in_the_other_ways_of_writing(prototxt, text):
    assert prototxt(text).inputs == (TensorSpec("data", "float32", (1, 3, 8, 8)),)


def test_a_network_for_training_is_told_apart(prototxt):
    found = prototxt('layer { name: "d" type: "Data" top: "data" }' + DEPLOY)
    assert "for training" in found.not_read[1]


def test_python_layers_are_told(prototxt):
    layer = 'type: "Python" python_param { module: "mine" layer: "L" }'
    found = prototxt(f"layer {{ {layer} }}")
    assert found.safety == ("Python layers import and run code: mine.L",)


@pytest.mark.parametrize(
    "text",
    ["layer {", "layer }", 'layer { type: "', "a: [1", "a:", "["],
)
def test_damaged_text_is_an_error(prototxt, text):
    with pytest.raises(ModelLoadError, match="no whole Caffe network"):
        prototxt(text)


def test_text_nested_too_deep_is_not_read(prototxt):
    with pytest.raises(UnsafeModelError, match="more than 64 deep"):
        prototxt("layer {" * 99)


def test_weights_of_both_versions(tmp_path, message):
    blob = message((7, message((1, b"\x04\x03"))), (5, bytes(48)))
    old = message((1, 1), (2, 1), (3, 1), (4, 3), (5, bytes(12)))
    for name, layer, kind in (
        (
            "new",
            (100, message((1, "c"), (2, "Convolution"), (7, blob), (7, old))),
            None,
        ),
        ("old", (2, message((4, "c"), (5, 4), (6, blob), (6, old))), "type 4"),
    ):
        path = tmp_path / f"{name}.caffemodel"
        path.write_bytes(message((1, "net"), layer))
        found = inspect_model(path, "caffemodel")
        assert found.n_parameters == 12 + 3
        assert found.operators == {kind or "Convolution": 1}
        assert found.metadata == {"name": "net"}


def test_darknet_as_the_real_tool_writes_it():
    found = inspect_model(DARKNET / "digits.cfg", "darknet")
    assert found.inputs == (TensorSpec("data", "float32", (None, 3, 8, 8)),)
    assert found.operators["convolutional"] == 3
    weights = inspect_model(DARKNET / "digits.weights", "darknet-weights")
    assert weights.version == "0.2.0"
    assert (
        weights.n_parameters == ((DARKNET / "digits.weights").stat().st_size - 20) / 4
    )
    assert weights.metadata == {"images seen": "25600"}


@pytest.mark.parametrize(
    "content", [b"", bytes(15), bytes(17), b"\0\0\0\0\2\0\0\0" * 2]
)
def test_darknet_weights_cut_short_are_an_error(tmp_path, content):
    path = tmp_path / "m.weights"
    path.write_bytes(content)
    with pytest.raises(ModelLoadError, match="cut short"):
        inspect_model(path, "darknet-weights")


def test_a_darknet_text_without_layers_is_an_error(tmp_path):
    path = tmp_path / "m.cfg"
    path.write_text("[net]\nbatch=1\n")
    with pytest.raises(ModelLoadError, match="no layers"):
        inspect_model(path, "darknet")
