import hashlib

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import quantization

from harness.core.codec import from_json, to_json
from harness.core.errors import ModelLoadError
from harness.core.model_facts import DataFile, ModelFacts, Quantization
from harness.core.protocols import TensorSpec
from harness.inspection import inspect_model

MATMUL = helper.make_node("MatMul", ["x", "w"], ["y"], "dense")
W = {"w": np.ones((8, 3), np.float32)}


def test_interface_versions_and_sizes(build, tmp_path):
    model = build([MATMUL], W, producer_version="1.2")
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    found = inspect_model(path, "onnx")
    assert found.format == "ONNX"
    assert found.producer == "test 1.2"
    assert found.ir_version == 8
    assert found.opset_imports == {"ai.onnx": 18}
    assert found.inputs == (TensorSpec("x", "float32", ("N", 2, 8, 8)),)
    assert found.outputs == (TensorSpec("y", "float32", None),)
    assert found.size_bytes == path.stat().st_size
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found.safety == found.portability == found.not_read == ()


def test_an_initializer_that_is_also_an_input_is_not_fed(build, facts):
    model = build([MATMUL], W)
    model.graph.input.append(
        helper.make_tensor_value_info("w", TensorProto.FLOAT, [8, 3])
    )
    assert [spec.name for spec in facts(model).inputs] == ["x"]


def test_operators_are_counted_in_sub_graphs_too(facts):
    body = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["b"])],
        "body",
        [],
        [helper.make_tensor_value_info("b", TensorProto.FLOAT, None)],
    )
    found = facts(
        [
            helper.make_node("If", ["c"], ["i"], then_branch=body, else_branch=body),
            helper.make_node("Relu", ["i"], ["y"]),
        ],
        {"c": np.array(True)},
    )
    assert list(found.operators.items()) == [("Relu", 3), ("If", 1)]


def test_parameters_are_weights_only(facts):
    table = numpy_helper.from_array(np.ones((5, 2), np.float16))
    found = facts(
        [
            helper.make_node("Constant", [], ["t"], value=table),
            helper.make_node("Reshape", ["x", "shape"], ["r"]),
            helper.make_node("MatMul", ["r", "w"], ["y"]),
        ],
        W | {"shape": np.array([-1, 8]), "half": np.float32(0.5)},
    )
    assert found.n_parameters == 24 + 10
    assert found.bytes_by_dtype == {"float32": 100, "float16": 20, "int64": 16}


def test_packed_types_take_half_a_byte(build, facts):
    model = build([MATMUL], W)
    model.graph.initializer.append(
        helper.make_tensor("q", TensorProto.INT4, [5], [1, 2, 3, 4, 5])
    )
    assert facts(model).bytes_by_dtype["int4"] == 3


class Calibration(quantization.CalibrationDataReader):
    def __init__(self):
        self._feeds = iter([{"x": np.ones((1, 2, 8, 8), np.float32)}])

    def get_next(self):
        return next(self._feeds, None)


@pytest.mark.parametrize(
    ("scheme", "per_channel"),
    [("QDQ", False), ("QDQ", True), ("QOperator", True), ("dynamic", False)],
)
def test_quantization_by_the_real_tool(build, tmp_path, scheme, per_channel):
    rng = np.random.default_rng(0)
    conv = helper.make_node("Conv", ["x", "w"], ["y"], "conv")
    source, target = tmp_path / "float.onnx", tmp_path / "int8.onnx"
    w = rng.standard_normal((4, 2, 3, 3)).astype(np.float32)
    onnx.save(build([conv], {"w": w}), source)
    if scheme == "dynamic":
        quantization.quantize_dynamic(source, target, per_channel=per_channel)
    else:
        quantization.quantize_static(
            source,
            target,
            Calibration(),
            quant_format=quantization.QuantFormat[scheme],
            per_channel=per_channel,
        )
    granularity = "per channel" if per_channel else "per tensor"
    assert inspect_model(source, "onnx").quantization == Quantization("none")
    assert inspect_model(target, "onnx").quantization == Quantization(
        scheme, granularity, 1
    )
    assert inspect_model(target, "onnx").n_parameters == w.size


def quantized(name, output, scale, zero):
    """A QuantizeLinear, and its constants."""
    node = helper.make_node(
        "QuantizeLinear", [name, f"{output}_s", f"{output}_z"], [output]
    )
    return node, {f"{output}_s": np.float32(scale), f"{output}_z": zero}


def test_the_range_of_a_quantized_input_is_seen_behind_what_moves_it(facts):
    turn = helper.make_node("Transpose", ["x"], ["t"], perm=[0, 2, 3, 1])
    node, constants = quantized("t", "y", 1 / 255, np.int8(-128))
    found = facts([turn, node], constants)
    assert found.input_ranges == {"x": pytest.approx((0.0, 1.0), abs=1e-6)}


def test_an_input_of_two_ranges_or_of_a_computed_one_has_none(facts):
    first, one = quantized("x", "y", 1 / 255, np.uint8(0))
    second, two = quantized("x", "q", 2 / 255, np.uint8(0))
    assert facts([first, second], one | two).input_ranges == {}
    scale = helper.make_node("ReduceMax", ["x"], ["y_s"], keepdims=0)
    del one["y_s"]
    assert facts([scale, first], one).input_ranges == {}
    assert facts([MATMUL], W).input_ranges == {}


def test_data_files_are_listed_with_their_size(build, tmp_path):
    path = tmp_path / "m.onnx"
    onnx.save(
        build([MATMUL], W),
        path,
        save_as_external_data=True,
        location="m.data",
        size_threshold=0,
    )
    assert inspect_model(path, "onnx").data_files == (DataFile("m.data", 96),)
    (tmp_path / "m.data").unlink()
    found = inspect_model(path, "onnx")
    assert found.data_files == (DataFile("m.data", None),)
    assert found.n_parameters == 24


def test_data_files_outside_of_the_folder_are_not_touched(build, facts, tmp_path):
    (tmp_path.parent / "secret").write_bytes(b"12345")
    model = build([MATMUL], W)
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret")
    found = facts(model)
    assert found.data_files == (DataFile("../secret", None),)
    (note,) = found.safety
    assert "'../secret'" in note


def test_custom_operators_need_native_code(facts):
    node = helper.make_node("Secret", ["x"], ["y"], domain="com.example")
    found = facts([node], domains=["com.example"])
    assert found.operators == {"com.example::Secret": 1}
    assert found.safety == (
        (
            "operators of the domain com.example (Secret) need a library of native code"
            " to be registered"
        ),
    )


def test_local_functions_are_no_custom_operators(build, facts):
    node = helper.make_node("Twice", ["x"], ["y"], domain="mine")
    model = build([node], domains=["mine"])
    model.functions.append(
        helper.make_function(
            "mine",
            "Twice",
            ["a"],
            ["b"],
            [helper.make_node("Add", ["a", "a"], ["b"])],
            [helper.make_opsetid("", 18)],
        )
    )
    found = facts(model)
    assert found.safety == ("1 local functions (Twice): some tools do not look inside",)
    assert found.operators == {"Add": 1, "mine::Twice": 1}


def test_versions_from_the_future(facts):
    found = facts([MATMUL], W, opset=999, ir_version=999)
    assert [note.split(" is newer")[0] for note in found.safety] == [
        "opset 999",
        "IR version 999",
    ]


def test_nodes_out_of_order(facts):
    found = facts(
        [
            helper.make_node("Relu", ["h"], ["y"], "late"),
            helper.make_node("Abs", ["x"], ["h"], "early"),
        ]
    )
    (note,) = found.safety
    assert "'late' reads 'h' before it is computed" in note


def test_a_file_cut_anywhere_is_an_error(build, tmp_path):
    whole = build([MATMUL], W).SerializeToString()
    path = tmp_path / "cut.onnx"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelLoadError, match="cut short"):
            inspect_model(path, "onnx")


@pytest.mark.parametrize(
    ("good", "bad"), [(b"dense", b"dens\xff"), (b"MatMul", b"MatM\xfe\xff")]
)
def test_a_name_that_is_no_text_is_an_error(build, tmp_path, good, bad):
    path = tmp_path / "damaged.onnx"
    path.write_bytes(build([MATMUL], W).SerializeToString().replace(good, bad))
    with pytest.raises(ModelLoadError, match="no UTF-8"):
        inspect_model(path, "onnx")


def test_facts_survive_json(facts):
    found = facts([MATMUL], W)
    assert from_json(ModelFacts, to_json(found)) == found


def functions(*bodies):
    """Local functions f0, f1, ...; each body names what it calls."""
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("mine", 1)]
    return [
        helper.make_function(
            "mine",
            f"f{index}",
            ["a"],
            ["b"],
            [
                helper.make_node(name, ["a"], ["b"], domain=domain)
                for name, domain in body
            ],
            opsets,
        )
        for index, body in enumerate(bodies)
    ]


@pytest.mark.parametrize(
    ("bodies", "says"),
    [
        ([[("Relu", "")]] + [[(f"f{i}", "mine")] * 2 for i in range(39)], "unfold to"),
        ([[("f1", "mine")], [("f0", "mine")]], "calls itself"),
        ([[("f0", "mine")]], "calls itself"),
    ],
)
def test_functions_that_unfold_without_end_are_told(build, facts, bodies, says):
    last = f"f{len(bodies) - 1}"
    call = helper.make_node(last, ["x"], ["y"], domain="mine")
    model = build([call], domains=["mine"], functions=functions(*bodies))
    assert any(says in line for line in facts(model).safety)


def test_small_functions_are_no_bomb(build, facts):
    bodies = [[("Relu", "")], [("f0", "mine")]]
    call = helper.make_node("f1", ["x"], ["y"], domain="mine")
    model = build([call], domains=["mine"], functions=functions(*bodies))
    assert not any("unfold" in line for line in facts(model).safety)


def test_metadata_of_the_writer_is_told(build, facts):
    model = build([MATMUL], W)
    helper.set_model_props(model, {"Image.NominalPixelRange": "Normalized_0_1"})
    assert facts(model).metadata == {"Image.NominalPixelRange": "Normalized_0_1"}
