"""What model files say of the numbers that they are meant to be fed."""

import json
from pathlib import Path

import flatbuffers
import numpy as np
import onnx
import pytest
from ai_edge_litert import schema_py_generated as schema
from onnx import helper

from harness.inspection import inspect_model
from harness.inspection.ranges.table import declared_ranges
from harness.inspection.rendering import render_facts

MODELS = Path(__file__).parents[3] / "golden" / "digits" / "models"
COREML = Path(__file__).parents[2] / "fixtures" / "coreml"


def ends(path, form):
    return [(r.input, round(r.low, 3), round(r.high, 3)) for r in found(path, form)]


def found(path, form):
    return declared_ranges(path, form)


class TestOnnx:
    @pytest.fixture
    def saved(self, build, tmp_path):
        def make(nodes, initializers=(), change=None, **options):
            model = build(nodes, initializers, **options)
            if change is not None:
                change(model)
            path = tmp_path / "m.onnx"
            path.write_bytes(model.SerializeToString())
            return path

        return make

    @pytest.mark.parametrize(
        ("zero", "expected"),
        [
            (np.uint8(0), (0, 127.5)),
            (np.int8(-128), (0, 127.5)),
            (np.uint8(128), (-64, 63.5)),
            (np.int16(0), (-16384, 16383.5)),
            (None, (0, 127.5)),
        ],
    )
    def test_a_first_quantizer(self, saved, zero, expected):
        numbers = {"s": np.float32(0.5)} | ({} if zero is None else {"z": zero})
        nodes = [
            helper.make_node("Transpose", ["x"], ["t"], perm=[0, 2, 3, 1]),
            helper.make_node("QuantizeLinear", ["t", *numbers], ["q"]),
            helper.make_node("DequantizeLinear", ["q", *numbers], ["y"]),
        ]
        path = saved(nodes, numbers, opset=21)
        (one,) = found(path, "onnx")
        assert (one.low, one.high) == expected
        assert one.step == 0.5
        assert one.codes is None
        assert "QuantizeLinear" in one.origin

    def test_a_scale_that_is_a_node(self, saved):
        scale = onnx.numpy_helper.from_array(np.float32(0.25))
        nodes = [
            helper.make_node("Constant", [], ["s"], value=scale),
            helper.make_node("QuantizeLinear", ["x", "s"], ["y"]),
        ]
        assert ends(saved(nodes), "onnx") == [("x", 0, 63.75)]

    def test_a_quantizer_behind_arithmetic_tells_nothing(self, saved):
        nodes = [
            helper.make_node("Relu", ["x"], ["r"]),
            helper.make_node("QuantizeLinear", ["r", "s"], ["y"]),
        ]
        assert ends(saved(nodes, {"s": np.float32(1)}), "onnx") == []

    @pytest.mark.parametrize("numbers", [np.float32([1, 2]), np.float32(0)])
    def test_scales_a_channel_and_none_tell_nothing(self, saved, numbers):
        nodes = [helper.make_node("QuantizeLinear", ["x", "s"], ["y"], axis=1)]
        assert ends(saved(nodes, {"s": numbers}), "onnx") == []

    @pytest.mark.parametrize(
        ("said", "expected"),
        [
            ("NominalRange_0_255", (0, 255)),
            ("NominalRange_16_235", (16, 235)),
            ("Normalized_0_1", (0, 1)),
            ("Normalized_1_1", (-1, 1)),
        ],
    )
    @pytest.mark.parametrize("denoted", [True, False])
    def test_images_with_a_pixel_range(self, saved, said, expected, denoted):
        def change(model):
            entry = model.metadata_props.add()
            entry.key, entry.value = "Image.NominalPixelRange", said
            if denoted:
                model.graph.input[0].type.denotation = "IMAGE"

        path = saved([helper.make_node("Relu", ["x"], ["y"])], change=change)
        assert ends(path, "onnx") == [("x", *expected)]
        shown = render_facts(inspect_model(path, "onnx"))
        assert f"x: {expected[0]} to {expected[1]}, its metadata" in shown

    def test_another_range_tells_nothing(self, saved):
        def change(model):
            entry = model.metadata_props.add()
            entry.key, entry.value = "Image.NominalPixelRange", "Loud"

        path = saved([helper.make_node("Relu", ["x"], ["y"])], change=change)
        assert ends(path, "onnx") == []


def slots(builder, values):
    """A table of (slot, kind, value); kinds: offset, byte."""
    builder.StartObject(12)
    for slot, kind, value in values:
        if kind == "offset":
            builder.PrependUOffsetTRelativeSlot(slot, value, 0)
        else:
            builder.PrependUint8Slot(slot, value, 0)
    return builder.EndObject()


def vector(builder, offsets):
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return builder.EndVector()


def metadata(mean=None, std=None, low=None, high=None, content=2):
    """TFLITE_METADATA of one graph with one input."""
    builder = flatbuffers.Builder(256)
    tensor = []
    if mean is not None:
        numbers = [builder.CreateNumpyVector(np.float32(a)) for a in (mean, std)]
        options = slots(builder, [(i, "offset", n) for i, n in enumerate(numbers)])
        unit = slots(builder, [(0, "byte", 1), (1, "offset", options)])
        tensor.append((4, "offset", vector(builder, [unit])))
    if low is not None:
        numbers = [builder.CreateNumpyVector(np.float32(a)) for a in (high, low)]
        stats = slots(builder, [(i, "offset", n) for i, n in enumerate(numbers)])
        tensor.append((5, "offset", stats))
    kind = slots(builder, [(0, "byte", content)])
    tensor.append((3, "offset", kind))
    fed = vector(builder, [slots(builder, tensor)])
    graph = slots(builder, [(2, "offset", fed)])
    builder.Finish(slots(builder, [(3, "offset", vector(builder, [graph]))]))
    return np.frombuffer(builder.Output(), np.uint8)


class TestLiteRT:
    @pytest.fixture
    def described(self, tmp_path):
        def make(block, name="digits.tflite"):
            data = (MODELS / name).read_bytes()
            model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data))
            entry, buffer = schema.MetadataT(), schema.BufferT()
            entry.name, entry.buffer = b"TFLITE_METADATA", len(model.buffers)
            buffer.data = block
            model.metadata = [*model.metadata, entry]
            model.buffers = [*model.buffers, buffer]
            builder = flatbuffers.Builder(1024)
            builder.Finish(model.Pack(builder), b"TFL3")
            path = tmp_path / "m.tflite"
            path.write_bytes(builder.Output())
            return path

        return make

    def test_a_quantized_input(self):
        (one,) = found(MODELS / "digits-int8.tflite", "litert")
        assert (one.low, one.high) == pytest.approx((0, 1))
        assert one.step == pytest.approx(1 / 255)
        assert one.codes == "int8"
        assert one.aliases == ("image",)

    def test_floats_without_a_word_tell_nothing(self):
        assert ends(MODELS / "digits.tflite", "litert") == []

    def test_statistics(self, described):
        path = described(metadata(low=[-1, -0.5], high=[1, 2]))
        assert [(r.low, r.high) for r in found(path, "litert")] == [(-1, 2)]

    def test_a_mean_and_a_deviation_of_an_image(self, described):
        path = described(metadata(mean=[127.5], std=[127.5]))
        assert [(r.low, r.high) for r in found(path, "litert")] == [(-1, 1)]

    @pytest.mark.parametrize(
        "block",
        [metadata(mean=[1.0], std=[0.0]), metadata(mean=[1.0], std=[2.0], content=1)],
    )
    def test_no_image_and_no_division_by_zero(self, described, block):
        assert ends(described(block), "litert") == []

    def test_codes_come_before_statistics(self, described):
        path = described(metadata(low=[0], high=[255]), "digits-int8.tflite")
        (one,) = found(path, "litert")
        assert one.high == pytest.approx(1)

    def test_floats_that_the_first_operator_quantizes(self, tmp_path):
        data = (MODELS / "digits-int8.tflite").read_bytes()
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data))
        graph = model.subgraphs[0]
        quantized = int(graph.inputs[0])
        fed, node = schema.TensorT(), schema.OperatorT()
        fed.name, fed.type, fed.shape = b"real", 0, graph.tensors[quantized].shape
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = 114
        model.operatorCodes.append(code)
        node.opcodeIndex = len(model.operatorCodes) - 1
        node.inputs, node.outputs = [len(graph.tensors)], [quantized]
        graph.inputs = [len(graph.tensors)]
        graph.tensors.append(fed)
        graph.operators = [node, *graph.operators]
        model.signatureDefs = []
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        path = tmp_path / "m.tflite"
        path.write_bytes(builder.Output())
        (one,) = found(path, "litert")
        assert one.input == "real"
        assert (one.low, one.high) == pytest.approx((0, 1))
        assert one.codes is None
        assert "QUANTIZE" in one.origin


class TestKeras:
    @staticmethod
    def config(*entries):
        layers = [
            {"class_name": kind, "config": {"name": name, **config}}
            for kind, name, config in entries
        ]
        return {"class_name": "Functional", "config": {"layers": layers}}

    @pytest.mark.parametrize(
        ("scale", "offset", "expected"),
        [
            (1 / 255, 0.0, [("x", 0, 255)]),
            (1 / 127.5, -1.0, [("x", 0, 255)]),
            (1 / 127.5, 0.0, []),
            (0.0625, 0.0, []),
            ([1 / 255], 0.0, []),
        ],
    )
    def test_a_first_rescaling(self, tmp_path, scale, offset, expected):
        config = self.config(
            ("InputLayer", "x", {"batch_shape": [None, 4]}),
            ("Rescaling", "r", {"scale": scale, "offset": offset}),
        )
        (tmp_path / "m.json").write_text(json.dumps(config))
        assert ends(tmp_path / "m.json", "keras-json") == expected

    def test_in_an_archive(self, archive):
        config = self.config(
            ("InputLayer", "x", {}), ("Rescaling", "r", {"scale": 1 / 255})
        )
        path = archive("m.keras", config__json=config, metadata__json={})
        assert ends(path, "keras") == [("x", 0, 255)]

    def test_a_later_rescaling_tells_nothing(self, tmp_path):
        config = self.config(
            ("InputLayer", "x", {}),
            ("Dense", "d", {}),
            ("Rescaling", "r", {"scale": 1 / 255}),
        )
        (tmp_path / "m.json").write_text(json.dumps(config))
        assert ends(tmp_path / "m.json", "keras-json") == []


class TestCoreML:
    @pytest.fixture
    def photo(self, tmp_path, message):
        image = message((4, message((1, 32), (2, 16))))
        feature = message((1, "photo"), (3, image))
        scaler = message((10, 0.5), (20, -1.0), (22, -2.0))
        network = message((2, message((1, "photo"), (10, scaler))))
        path = tmp_path / "m.mlmodel"
        path.write_bytes(message((1, 4), (2, message((1, feature))), (500, network)))
        return path

    def test_images_are_bytes(self, photo):
        (one,) = found(photo, "coreml")
        assert (one.input, one.low, one.high) == ("photo", 0, 255)
        assert "x 0.5 (blue -1, red -2) inside" in one.origin

    def test_arrays_tell_nothing(self):
        assert ends(COREML / "dense.mlmodel", "coreml") == []
        assert ends(COREML / "dense.mlpackage", "coreml-package") == []


class TestOpenVINO:
    @pytest.mark.parametrize("half", [True, False])
    def test_a_first_fake_quantizer(self, tmp_path, half):
        import openvino
        from openvino import opset13 as ops

        fed = ops.parameter([-1, 3, 4, 4], np.float32)
        fed.output(0).get_tensor().set_names({"x"})
        low, high = np.float32(-1.25), np.float32(2.5)
        moved = ops.transpose(fed, np.int64([0, 2, 3, 1]))
        out = ops.fake_quantize(moved, low, high, low, high, 256)
        model = openvino.Model([ops.relu(out)], [fed])
        openvino.save_model(model, tmp_path / "m.xml", compress_to_fp16=half)
        assert ends(tmp_path / "m.xml", "openvino") == [("x", -1.25, 2.5)]

    @pytest.mark.parametrize(
        ("section", "noted", "expected"),
        [
            ("model_info", {"mean_values": "0 0 0"}, (0, 255)),
            ("model_info", {"mean_values": "127.5", "scale_values": "127.5"}, (-1, 1)),
            ("conversion_parameters", {"mean_values": "[1.5,2,3]"}, (0, 255)),
            (
                "model_info",
                {"embedded_processing": "YES", "scale_values": "255"},
                (0, 255),
            ),
            ("model_info", {"scale_values": "0"}, None),
            ("model_info", {"labels": "1 2"}, None),
        ],
    )
    def test_preprocessing_that_is_noted(self, tmp_path, section, noted, expected):
        values = "".join(f"<{key} value='{text}'/>" for key, text in noted.items())
        info = f"<{section}>{values}</{section}>"
        dims = "".join(f"<dim>{n}</dim>" for n in (1, 3, 8, 8))
        layer = (
            "<layer id='0' name='x' type='Parameter' version='opset1'>"
            f"<output><port id='0' precision='FP32'>{dims}</port></output></layer>"
        )
        path = tmp_path / "m.xml"
        path.write_text(
            f"<net version='11'><layers>{layer}</layers><rt_info>{info}</rt_info></net>"
        )
        wanted = [] if expected is None else [("x", *expected)]
        assert ends(path, "openvino") == wanted


@pytest.mark.parametrize(
    "form", ["onnx", "litert", "coreml", "openvino", "keras", "keras-json", "hdf5"]
)
def test_a_damaged_file_says_nothing_here(tmp_path, form):
    (tmp_path / "m").write_bytes(b"\xff\xfe\x08\x01 no model")
    assert found(tmp_path / "m", form) == ()
    assert found(tmp_path / "gone", form) == ()


def test_a_form_that_tells_nothing():
    assert found(MODELS / "frozen.pb", "graphdef") == ()
