from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from harness.core.errors import ModelLoadError
from harness.core.model_facts import Quantization
from harness.core.protocols import TensorSpec
from harness.formats.litert_names import DTYPES, OPERATORS
from harness.inspection import inspect_model

MODELS = Path(__file__).parents[3] / "golden" / "digits" / "models"


def inspect(path):
    return inspect_model(path, "litert")


@pytest.fixture
def changed(tmp_path):
    """The digits model, changed by a function of the schema's object form."""

    def make(change):
        data = (MODELS / "digits.tflite").read_bytes()
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data))
        change(model)
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        path = tmp_path / "m.tflite"
        path.write_bytes(builder.Output())
        return path

    return make


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    """The digits SavedModel, converted again with narrow weights."""
    import tensorflow as tf

    folder = tmp_path_factory.mktemp("litert")

    def convert(name, types=()):
        converter = tf.lite.TFLiteConverter.from_saved_model(str(MODELS / "savedmodel"))
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = list(types)
        (folder / name).write_bytes(converter.convert())

    convert("float16.tflite", [tf.float16])
    convert("dynamic.tflite")
    return folder


def test_the_digits_model():
    found = inspect(MODELS / "digits.tflite")
    assert found.version == "schema 3"
    assert found.producer.startswith("tensorflow 2.")
    assert [(s.dtype, s.shape) for s in found.inputs] == [("float32", (None, 8, 8, 1))]
    (signature,) = found.signatures
    assert signature.name == "serving_default"
    assert signature.inputs == (TensorSpec("image", "float32", (None, 8, 8, 1)),)
    assert signature.outputs == (TensorSpec("probabilities", "float32", (None, 10)),)
    assert found.operators["CONV_2D"] == 2
    # The frozen graph has 32 more: batch normalization is not folded there.
    assert found.n_parameters == 7522
    assert found.quantization == Quantization("none")
    assert found.safety == found.value_hints == found.not_read == ()
    assert "min_runtime_version" in found.metadata


def test_the_digits_model_in_integers():
    found = inspect(MODELS / "digits-int8.tflite")
    assert found.inputs[0].dtype == found.outputs[0].dtype == "int8"
    assert found.quantization == Quantization("full integer", "mixed", 5)
    assert found.bytes_by_dtype["int8"] > 7000
    assert found.n_parameters == 7522
    name = found.inputs[0].name
    hint = f"{name}: 0 to 1, scale 0.00392157, zero point -128"
    assert found.value_hints[0] == hint
    assert found.input_ranges == {name: pytest.approx((0.0, 1.0), abs=1e-6)}
    assert inspect(MODELS / "digits.tflite").input_ranges == {}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("float16.tflite", Quantization("float16 weights")),
        ("dynamic.tflite", Quantization("dynamic", "per channel", 2)),
    ],
)
def test_narrow_weights_by_the_real_converter(converted, name, expected):
    found = inspect(converted / name)
    assert found.quantization == expected
    assert found.n_parameters == 7522


def test_custom_and_flex_operators_are_told(changed):
    def change(model):
        for code, name in zip(model.operatorCodes, ("FlexErf", "Mine"), strict=False):
            code.deprecatedBuiltinCode = code.builtinCode = OPERATORS.index("CUSTOM")
            code.customCode = name

    found = inspect(changed(change))
    assert {"CUSTOM::FlexErf", "CUSTOM::Mine"} <= set(found.operators)
    assert "TensorFlow operators (Erf)" in found.safety[0]
    assert "custom operators (Mine)" in found.safety[1]


@pytest.mark.parametrize(
    "change",
    [
        lambda model: setattr(model, "subgraphs", []),
        lambda model: setattr(model, "operatorCodes", []),
        lambda model: setattr(model.subgraphs[0], "inputs", np.array([99], np.int32)),
        lambda model: setattr(model.signatureDefs[0], "subgraphIndex", 7),
    ],
)
def test_references_to_nothing_are_errors(changed, change):
    with pytest.raises(ModelLoadError, match="no whole LiteRT"):
        inspect(changed(change))


def test_preprocessing_of_the_metadata_writer_is_told(changed):
    def change(model):
        model.buffers.append(schema.BufferT())
        model.buffers[-1].data = np.frombuffer(metadata(), np.uint8)
        model.metadata.append(schema.MetadataT())
        model.metadata[-1].name = "TFLITE_METADATA"
        model.metadata[-1].buffer = len(model.buffers) - 1

    assert inspect(changed(change)).value_hints == (
        "photo: (x - 127.5) / 64 is fed",
        "photo: from -1 to 1",
    )


def metadata():
    """ModelMetadata of one graph with one input, normalized and bounded."""
    builder = flatbuffers.Builder(256)

    def table(n_slots, *fields):
        builder.StartObject(n_slots)
        for slot, value in fields:
            builder.PrependUOffsetTRelativeSlot(slot, value, 0)
        return builder.EndObject()

    def vector(items):
        builder.StartVector(4, len(items), 4)
        for item in reversed(items):
            builder.PrependUOffsetTRelative(item)
        return builder.EndVector()

    mean, std, high, low = (
        builder.CreateNumpyVector(np.array([value], np.float32))
        for value in (127.5, 64, 1, -1)
    )
    options = table(2, (0, mean), (1, std))
    builder.StartObject(2)
    builder.PrependUint8Slot(0, 1, 0)
    builder.PrependUOffsetTRelativeSlot(1, options, 0)
    units = vector([builder.EndObject()])
    stats = table(2, (0, high), (1, low))
    name = builder.CreateString("photo")
    tensor = table(7, (0, name), (4, units), (5, stats))
    graph = table(6, (2, vector([tensor])))
    builder.Finish(table(8, (3, vector([graph]))), b"M001")
    return bytes(builder.Output())


def test_names_are_those_of_the_schema():
    operators = {v: k for k, v in vars(schema.BuiltinOperator).items() if k.isupper()}
    types = {v: k for k, v in vars(schema.TensorType).items() if k.isupper()}
    assert [operators[i] for i in range(len(OPERATORS))] == list(OPERATORS)
    shown = [types[i].lower().replace("string", "str") for i in range(len(DTYPES))]
    assert shown == list(DTYPES)
