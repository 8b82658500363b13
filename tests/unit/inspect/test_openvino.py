from pathlib import Path

import numpy as np
import pytest

from harness.core.errors import ModelLoadError, UnsafeModelError
from harness.core.model_facts import DataFile, Quantization
from harness.core.protocols import TensorSpec
from harness.inspection import inspect_model

MODELS = Path(__file__).parents[3] / "golden" / "digits" / "models"
NET = '<net name="n" version="11"><layers>{}</layers></net>'


def inspect(path):
    return inspect_model(path, "openvino")


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    import openvino

    folder = tmp_path_factory.mktemp("openvino")
    model = openvino.convert_model(MODELS / "digits.onnx")
    openvino.save_model(model, folder / "half.xml")
    openvino.save_model(model, folder / "single.xml", compress_to_fp16=False)
    return folder


@pytest.fixture
def write(tmp_path):
    def make(text):
        path = tmp_path / "m.xml"
        path.write_text(text)
        return path

    return make


def test_the_digits_model(digits):
    found = inspect(digits / "single.xml")
    assert found.inputs == (TensorSpec("image", "float32", (None, 8, 8, 1)),)
    assert found.outputs == (TensorSpec("probabilities", "float32", (None, 10)),)
    assert found.operators["Convolution"] == 2
    assert found.n_parameters == 7522
    assert found.version == "IR 11"
    assert found.producer.startswith("openvino 20")
    assert found.quantization == Quantization("none")
    size = (digits / "single.bin").stat().st_size
    assert found.data_files == (DataFile("single.bin", size),)
    assert found.safety == ()


def test_narrow_weights_are_told(digits):
    found = inspect(digits / "half.xml")
    assert found.quantization == Quantization("float16 weights")
    assert found.bytes_by_dtype["float16"] == 2 * 7522


def test_weights_that_are_missing_and_extensions_are_told(write):
    layer = '<layer id="0" name="a" type="Mine" version="extension"/>'
    found = inspect(write(NET.format(layer)))
    assert found.data_files == (DataFile("m.bin", None),)
    assert "layers of extension (Mine)" in found.safety[0]


def test_layers_of_bodies_are_counted_and_their_ends_are_not(write):
    inner = '<layer id="1" name="b" type="Parameter" version="opset1"/>'
    outer = f'<layer id="0" name="a" type="Loop" version="opset5">{inner}</layer>'
    found = inspect(write(NET.format(outer)))
    assert found.operators == {"Loop": 1, "Parameter": 1}
    assert found.inputs == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (NET.format("")[:-9], "cut short"),
        (NET.format(""), "no layers"),
        (NET.format("<layer><output><port><dim>x</dim></port></output>"), "damaged"),
    ],
)
def test_other_xml_is_an_error(write, text, says):
    with pytest.raises(ModelLoadError, match=says):
        inspect(write(text))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('<!DOCTYPE net [<!ENTITY a "b">]>' + NET.format("&a;"), "document type"),
        ('<!DOCTYPE net SYSTEM "file:///etc/passwd">' + NET, "document type"),
        (NET.format("<layer>" * 100), "nested too deep"),
    ],
)
def test_xml_out_of_bounds_is_not_read(write, text, says):
    with pytest.raises(UnsafeModelError, match=says):
        inspect(write(text))


def test_weights_of_four_bits(write):
    data = '<data element_type="u4" shape="3, 5" offset="0" size="8"/>'
    layer = f'<layer id="0" name="w" type="Const" version="opset1">{data}</layer>'
    found = inspect(write(NET.format(layer)))
    assert found.bytes_by_dtype == {"uint4": 8}
    assert found.n_parameters == np.prod((3, 5))
    assert found.quantization == Quantization("weights only", None, 1)
