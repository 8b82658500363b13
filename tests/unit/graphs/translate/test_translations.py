"""Translated graphs answer as TensorFlow, Keras and LiteRT themselves do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from harness.backends.litert_ import open_session
from harness.backends.onnx_pieces import run_graph
from harness.core.errors import ModelLoadError, UnsupportedFormatError
from harness.graphs.translate import is_translated, translate

DIGITS = Path(__file__).parents[4] / "golden" / "digits" / "models"
# float32 rounding of the largest answer: kernels sum in other orders.
ROUNDING = 5e-6
STEP = 1.01


def recorded(folder, name):
    """What was fed, and what TensorFlow answered."""
    with np.load(folder / f"{name}.npz") as arrays:
        answers = dict(arrays)
    return answers.pop("input"), answers


def run(translation, data):
    name = translation.model.graph.input[0].name
    fetches = [value.name for value in translation.model.graph.output]
    return run_graph(translation.model.SerializeToString(), {name: data}, fetches)


def lite(path, data):
    session = open_session(path, {})
    return session.run({session.inputs[0].name: data}, slice(0, len(data)))


def apart(answers, expected):
    """Output -> largest difference over the largest answer, where that is much."""
    assert set(answers) == set(expected)
    found = {}
    for name, theirs in expected.items():
        ours = answers[name]
        assert ours.shape == theirs.shape, name
        gap = np.abs(ours.astype(np.float64) - theirs).max()
        found[name] = float(gap / max(np.abs(theirs).max(), 1e-9))
    return {name: gap for name, gap in found.items() if gap > ROUNDING}


@pytest.mark.parametrize(
    ("file", "form", "name"),
    [
        ("image.keras", "keras", "image"),
        ("image.h5", "hdf5", "image"),
        ("sequence.keras", "keras", "sequence"),
        ("sequence.h5", "hdf5", "sequence"),
        ("attention.keras", "keras", "attention"),
        ("attention.h5", "hdf5", "attention"),
        ("first.keras", "keras", "first"),
        ("first.h5", "hdf5", "first"),
        ("image-saved", "savedmodel", "image"),
        ("raw-saved", "savedmodel", "raw"),
    ],
)
def test_each_operator_answers_as_tensorflow_does(framework_models, file, form, name):
    data, expected = recorded(framework_models, name)
    translation = translate(framework_models / file, form)
    onnx.checker.check_model(translation.model, full_check=True)
    assert apart(run(translation, data), expected) == {}


@pytest.mark.parametrize("name", ["image", "raw", "half", "dynamic"])
def test_each_operator_answers_as_litert_does(framework_models, name):
    path = framework_models / f"{name}.tflite"
    data, _ = recorded(framework_models, "image")
    translation = translate(path, "litert")
    onnx.checker.check_model(translation.model, full_check=True)
    assert apart(run(translation, data), lite(path, data)) == {}
    assert translation.rounds == (name == "dynamic")


def test_int8_answers_within_a_step(framework_models):
    path = framework_models / "int8.tflite"
    data, _ = recorded(framework_models, "image")
    answers, expected = run(translate(path, "litert"), data), lite(path, data)
    for name, theirs in expected.items():
        codes = np.unique(np.abs(theirs[theirs != 0]))
        step = codes.min() if name == "dense" else np.diff(codes).min(initial=1.0)
        assert np.abs(answers[name] - theirs).max() <= STEP * step + 1e-6, name


def test_a_frozen_graph_answers_as_the_saved_one(framework_models):
    data, expected = recorded(framework_models, "image")
    answers = run(translate(framework_models / "image.pb", "graphdef"), data)
    assert len(answers) == len(expected)
    for name, ours in answers.items():
        alike = [a for a in expected.values() if a.shape == ours.shape]
        assert any(np.allclose(ours, a, atol=1e-5) for a in alike), name


@pytest.mark.parametrize(
    ("file", "form", "convolutions"),
    [
        ("digits.keras", "keras", ["conv1", "conv2"]),
        *(
            (file, form, [f"digits_1/conv{i}_1/convolution" for i in (1, 2)])
            for file, form in (("savedmodel", "savedmodel"), ("frozen.pb", "graphdef"))
        ),
    ],
)
def test_nodes_bear_the_names_of_the_file(file, form, convolutions):
    translation = translate(DIGITS / file, form)
    nodes = translation.model.graph.node
    assert [node.name for node in nodes if node.op_type == "Conv"] == convolutions
    assert {translation.nodes[name] for name in convolutions} == set(convolutions)
    assert len(translation.nodes) == len(nodes), "no two nodes have one name"


def test_what_a_litert_operator_becomes_tells_where_it_is_from():
    translation = translate(DIGITS / "digits.tflite", "litert")
    origins = list(dict.fromkeys(translation.nodes.values()))
    assert origins[0].startswith("digits_1/conv1_1/Relu;")
    kinds = [
        node.op_type
        for node in translation.model.graph.node
        if translation.nodes[node.name] == origins[0]
    ]
    assert kinds == ["Transpose", "Conv", "Transpose", "Relu"]


def test_quantized_inputs_and_outputs_are_floats():
    translation = translate(DIGITS / "digits-int8.tflite", "litert")
    kinds = [node.op_type for node in translation.model.graph.node]
    assert kinds.count("QuantizeLinear") > 3
    assert translation.steps == {"probabilities": 1 / 256}
    kind = translation.model.graph.input[0].type.tensor_type.elem_type
    assert kind == onnx.TensorProto.FLOAT


def test_what_is_not_translated_is_named(framework_models):
    with pytest.raises(UnsupportedFormatError, match=r"TensorListStack.*While"):
        translate(framework_models / "sequence-saved", "savedmodel")
    assert not is_translated("onnx")
    with pytest.raises(UnsupportedFormatError, match="form onnx"):
        translate(DIGITS / "digits.onnx", "onnx")


@pytest.mark.parametrize(
    ("file", "form"),
    [
        ("digits.keras", "keras"),
        ("digits.tflite", "litert"),
        ("digits-int8.tflite", "litert"),
        ("frozen.pb", "graphdef"),
    ],
)
def test_a_file_that_is_cut_short_is_refused(tmp_path, file, form):
    whole = (DIGITS / file).read_bytes()
    for share in (0.1, 0.5, 0.9):
        path = tmp_path / f"{share}-{file}"
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises((ModelLoadError, UnsupportedFormatError)):
            translate(path, form)


def test_a_saved_model_without_its_variables_is_refused(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(
        (DIGITS / "savedmodel" / "saved_model.pb").read_bytes()
    )
    with pytest.raises((ModelLoadError, UnsupportedFormatError)):
        translate(tmp_path, "savedmodel")
