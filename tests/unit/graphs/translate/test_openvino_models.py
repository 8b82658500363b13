"""Models that OpenVINO's own tool wrote, translated; and files that are none."""

from __future__ import annotations

import contextlib
import re
import shutil

import numpy as np
import onnx
import pytest

from harness.backends.onnx_pieces import run_graph
from harness.backends.openvino_ import open_session
from harness.core.errors import HarnessError, ModelLoadError, UnsupportedFormatError
from harness.graphs.translate import is_translated, translate

# float32 rounding of the largest answer: kernels sum in other orders.
ROUNDING = 5e-6
DIGITS = ("digits", "digits-half", "digits-int8", "digits-tf", "port-epsilon")


def data_of(folder, name):
    if name in DIGITS:
        rng = np.random.default_rng(6)
        return rng.random((5, 8, 8, 1), dtype=np.float32)
    with np.load(folder / f"{name}.npz") as arrays:
        return arrays["x"]


def kinds(translation):
    return [node.op_type for node in translation.model.graph.node]


@pytest.mark.parametrize("name", [*DIGITS, "encoder", "image", "recurrent", "signal"])
def test_a_converted_model_answers_as_openvino_does(openvino_models, name):
    path, data = openvino_models / f"{name}.xml", data_of(openvino_models, name)
    assert is_translated("openvino")
    translation = translate(path, "openvino")
    onnx.checker.check_model(translation.model, full_check=True)
    session = open_session(path, {})
    expected = session.run({session.inputs[0].name: data}, slice(0, len(data)))
    fed = {translation.model.graph.input[0].name: data}
    assert list(fed) == [session.inputs[0].name]
    answers = run_graph(translation.model.SerializeToString(), fed, list(expected))
    for key, theirs in expected.items():
        gap = np.abs(answers[key] - theirs).max()
        assert gap <= ROUNDING * np.abs(theirs).max(), key
    assert translation.rounds == (name == "digits-int8")


def test_nodes_bear_the_names_of_layers(openvino_models):
    translation = translate(openvino_models / "digits.xml", "openvino")
    convs = [n.name for n in translation.model.graph.node if n.op_type == "Conv"]
    assert convs == [f"digits_1/conv{i}_1/BiasAdd/WithoutBiases" for i in (1, 2)]
    assert {translation.nodes[name] for name in convs} == set(convs)
    assert len(translation.nodes) == len(translation.model.graph.node)


def test_halves_stay_halves(openvino_models):
    model = translate(openvino_models / "digits-half.xml", "openvino").model
    stored = {
        item.data_type for item in model.graph.initializer if np.prod(item.dims) > 9
    }
    assert stored == {onnx.TensorProto.FLOAT16}


def test_codes_stay_codes(openvino_models):
    translation = translate(openvino_models / "digits-int8.xml", "openvino")
    stored = [i for i in translation.model.graph.initializer if i.data_type == 3]
    assert max(len(item.raw_data) for item in stored) > 3000
    assert kinds(translation).count("QuantizeLinear") == 9
    assert kinds(translation).count("DequantizeLinear") > 12
    assert "Round" not in kinds(translation)


def test_norms_are_those_that_onnx_has(openvino_models):
    found = kinds(translate(openvino_models / "encoder.xml", "openvino"))
    assert found.count("LayerNormalization") == 4
    assert found.count("Softmax") == 3
    found = kinds(translate(openvino_models / "recurrent.xml", "openvino"))
    assert [k for k in found if k in {"LSTM", "GRU", "RNN"}] == [
        *("LSTM", "LSTM", "GRU", "RNN")
    ]


@pytest.fixture
def edited(openvino_models, tmp_path):
    """A model whose XML is changed."""

    def edit(name, change):
        path = tmp_path / f"{name}.xml"
        text = (openvino_models / f"{name}.xml").read_text()
        changed = change(text)
        assert changed != text
        path.write_text(changed)
        shutil.copy(openvino_models / f"{name}.bin", tmp_path)
        return path

    return edit


def replacing(old, new, count=1):
    return lambda text: re.sub(old, new, text, count=count)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (replacing('type="SoftMax"', 'type="Softsoft"'), r"Softsoft \(1\)\n"),
        (replacing('type="ReLU" version="opset1"', 'type="ReLU" version="mine"', 2),
         r"ReLU \(2\)\n"),
        (replacing('auto_broadcast="numpy"', 'auto_broadcast="pdpd"', 9),
         r"\w+ 'digits_1/.*' is not translated: it broadcasts as pdpd does"),
    ],
)  # fmt: skip
def test_what_is_not_translated_is_named(edited, change, says):
    with pytest.raises(UnsupportedFormatError, match=says):
        translate(edited("digits", change), "openvino")


def looped(text):
    """The first Reshape reads what comes of it."""
    layer = re.search(r'<layer id="(\d+)" name="[^"]*" type="Reshape"', text).group(1)
    relu = re.search(r'<layer id="(\d+)" name="[^"]*" type="ReLU"', text).group(1)
    edge = rf'from-layer="0" from-port="0" to-layer="{layer}"'
    return text.replace(edge, f'from-layer="{relu}" from-port="1" to-layer="{layer}"')


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text[: len(text) // 2], "cut short"),
        (lambda text: text[:-9], "cut short"),
        (looped, "reads what comes of itself"),
        (replacing('from-layer="0"', 'from-layer="999"'), "ends nowhere"),
        (replacing('to-layer="2"', 'to-layer="2999"'), "ends nowhere"),
        (replacing('to-port="1"', 'to-port="100000000"'), "an edge to an input"),
        (replacing('<layer id="1"', '<layer id="2"'), "two layers have one number"),
        (replacing('type="Result"', 'type="ReLU"'), "no result"),
        (replacing('offset="\\d+"', 'offset="99999999999"', 40), "lies at bytes"),
        (replacing('offset="\\d+"', 'offset="-8"', 40), "its offset is"),
        (replacing('size="\\d+"', f'size="{10**30}"', 40), "its size is"),
        (replacing('shape="16, 1, 3, 3"', 'shape="99999999, 99999999"'), "constant"),
        (replacing('element_type="f32"', 'element_type="f128"', 40), "f128 is"),
        (replacing('strides="1, 1"', 'strides="1, x"'), "invalid literal"),
        (replacing('strides="1, 1"', f'strides="1, {10**30}"'), "cannot read"),
        (replacing("<dim>16</dim>", "<dim>many</dim>"), "damaged"),
        (replacing('version="11"', 'version="7"'), "IR 7"),
        (replacing(r"<net", '<!DOCTYPE n SYSTEM "file:///etc/hostname"><net'),
         "document type"),
        (replacing(r"<net", '<!DOCTYPE n [<!ENTITY a "b">]><net'), "document type"),
        (replacing("<layers>", "<layers>" + "<layer>" * 99), "nested too deep"),
    ],
)  # fmt: skip
def test_a_damaged_model_is_one_clear_error(edited, change, says):
    with pytest.raises(ModelLoadError, match=says) as told:
        translate(edited("digits", change), "openvino")
    assert "digits.xml" in told.value.message
    assert told.value.hint


def test_weights_that_are_cut_short_or_missing_are_told(edited, tmp_path):
    path = edited("digits", lambda text: text + "\n")
    weights = tmp_path / "digits.bin"
    weights.write_bytes(weights.read_bytes()[:500])
    with pytest.raises(ModelLoadError, match="of a file of 500"):
        translate(path, "openvino")
    weights.unlink()
    with pytest.raises(ModelLoadError, match=r"digits\.bin"):
        translate(path, "openvino")


def test_bytes_that_flip_never_crash(edited, tmp_path):
    path = edited("digits-int8", lambda text: text + "\n")
    whole = path.read_bytes()
    rng = np.random.default_rng(8)
    refused = 0
    for _ in range(60):
        changed = bytearray(whole)
        for at in rng.integers(0, len(whole), 3):
            changed[at] = rng.integers(32, 127)
        path.write_bytes(changed)
        with contextlib.suppress(HarnessError):
            translate(path, "openvino")
            continue
        refused += 1
    assert refused > 10
