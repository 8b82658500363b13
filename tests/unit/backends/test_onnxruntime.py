from types import MappingProxyType

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from onnx import TensorProto, helper, numpy_helper

from harness.backends.onnxruntime_ import open_bytes, open_session
from harness.core.errors import (
    InferenceError,
    ModelLoadError,
    SuiteError,
    UnsafeModelError,
)

ONE = {"x": np.ones((2, 4), np.float32)}
ROWS = slice(0, 2)


def model_of(nodes, inputs, outputs, initializers=(), **settings):
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(initializers))
    opsets = [
        helper.make_opsetid("", settings.pop("opset", 18)),
        helper.make_opsetid("ai.onnx.ml", 3),
    ]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def test_defaults_are_recorded(linear_file):
    session = open_session(linear_file(), {})
    assert session.runtime == {
        "backend": "onnxruntime",
        "version": onnxruntime.__version__,
        "providers": "CPUExecutionProvider",
        "graph_optimization_level": "all",
        "execution_mode": "sequential",
        "intra_op_num_threads": 1,
        "inter_op_num_threads": 1,
    }


def test_options_are_applied_and_recorded(linear_file, weight):
    options = {
        "providers": ["CPUExecutionProvider"],
        "enable_cpu_mem_arena": False,
        "graph_optimization_level": "basic",
        "intra_op_num_threads": 2,
        "execution_mode": "parallel",
        "config": {"session.intra_op.allow_spinning": 0},
    }
    session = open_session(linear_file(), options)
    assert session.runtime["graph_optimization_level"] == "basic"
    assert session.runtime["execution_mode"] == "parallel"
    assert session.runtime["intra_op_num_threads"] == 2
    assert session.runtime["config.session.intra_op.allow_spinning"] == "0"
    assert session.runtime["enable_cpu_mem_arena"] is False
    assert "enable_mem_pattern" not in session.runtime
    np.testing.assert_allclose(session.run(ONE, ROWS)["y"], ONE["x"] @ weight)


@pytest.mark.parametrize("level", ["disable", "basic", "extended", "layout", "all"])
def test_every_level_opens(linear_file, level):
    session = open_session(linear_file(), {"graph_optimization_level": level})
    assert session.runtime["graph_optimization_level"] == level


def test_a_disabled_optimizer_leaves_the_graph_as_it_is():
    """Zeros in front of a max pooling are folded into its padding by default."""
    fed = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 2])
    answered = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, 3])
    nodes = [
        helper.make_node("Pad", ["x", "pads"], ["p"]),
        helper.make_node("MaxPool", ["p"], ["y"], kernel_shape=[2]),
    ]
    pads = numpy_helper.from_array(np.array([0, 0, 1, 0, 0, 1]), "pads")
    model = model_of(nodes, [fed], [answered], [pads]).SerializeToString()
    options = {"disabled_optimizers": ["Pad_Fusion", "NoSuchOptimizer"]}
    session = open_bytes(model, options)
    facts = session.runtime["disabled_optimizers"]
    assert facts == "Pad_Fusion, NoSuchOptimizer"
    negative = {"x": np.array([[[-1, -2]]], np.float32)}
    answer = session.run(negative, slice(0, 1))["y"]
    np.testing.assert_array_equal(answer, [[[0, -1, 0]]])


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"provider": []}, "no option 'provider'"),
        ({"graph_optimization_level": 99}, "99"),
        ({"providers": [1]}, r"\[1\]"),
        ({"intra_op_num_threads": "2"}, "'2'"),
        ({"config": "x"}, "'x'"),
        ({"config": {"": 1}}, "config = {'': '1'}"),
        ({"enable_mem_pattern": 0}, "enable_mem_pattern = 0"),
        ({"disabled_optimizers": "Pad_Fusion"}, "'Pad_Fusion'"),
        ({"providers": [["CPUExecutionProvider", {"arena": 1}]]}, "no option 'arena'"),
    ],
)
def test_wrong_options(linear_file, options, match):
    with pytest.raises(SuiteError, match=match):
        open_session(linear_file(), options)


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("session.intra_op.allow_spining", "session.intra_op.allow_spinning"),
        ("sesion.disable_prepacking", "session.disable_prepacking"),
        ("session.Disable_Prepacking", "session.disable_prepacking"),
        ("ep.context_enabled", "ep.context_enable"),
        ("session.zzz", "leave it out"),
    ],
)
def test_misspelt_entry_of_the_session_is_told_with_the_nearest(linear_file, key, near):
    with pytest.raises(SuiteError, match=f"config has the key '{key}'") as caught:
        open_session(linear_file(), {"config": {key: 1}})
    assert near in caught.value.hint


@pytest.mark.parametrize(
    "key",
    [
        # In the runtime's library and not in our list: as a newer one's would be.
        "session.function_expansion_node_limit",
        # What a provider of somebody else reads, only that one knows.
        *("ep.theirs.cache", "theirs.flag"),
    ],
)
def test_entry_that_somebody_knows_is_passed_on(linear_file, key):
    session = open_session(linear_file(), {"config": {key: "1000"}})
    assert session.runtime[f"config.{key}"] == "1000"


def test_provider_that_is_not_there_is_told_with_those_that_are(linear_file):
    options = {"providers": ["NoSuchExecutionProvider", "CPUExecutionProvider"]}
    with pytest.raises(ModelLoadError, match=r"NoSuchExecutionProvider.*has.*CPU"):
        open_session(linear_file(), options)


def test_provider_that_is_silently_dropped_is_told(linear_file, monkeypatch):
    """The runtime itself would go on without it and print a warning."""
    monkeypatch.setattr(
        onnxruntime.InferenceSession, "get_providers", lambda _: ["OtherProvider"]
    )
    with pytest.raises(ModelLoadError, match="CPUExecutionProvider is not available"):
        open_session(linear_file(), {})


def test_bytes_answer_as_the_file_does(linear_file):
    path = linear_file()
    from_file = open_session(path, {}).run(ONE, ROWS)
    from_bytes = open_bytes(path.read_bytes(), {}).run(ONE, ROWS)
    np.testing.assert_array_equal(from_file["y"], from_bytes["y"])


def test_feeds_may_be_any_mapping(linear_file, weight):
    answer = open_session(linear_file(), {}).run(MappingProxyType(ONE), ROWS)
    np.testing.assert_allclose(answer["y"], ONE["x"] @ weight)


def test_fixed_batch_is_told_and_held(linear_file):
    session = open_session(linear_file(batch=3), {})
    assert session.batch_size == 3
    with pytest.raises(InferenceError, match=r"\(3, 4\), got \(2, 4\)"):
        session.run(ONE, ROWS)


def test_strided_views_are_read_right(linear_file, weight):
    wide = np.arange(16, dtype=np.float32).reshape(2, 8)
    answer = open_session(linear_file(), {}).run({"x": wide[:, ::2]}, ROWS)
    np.testing.assert_allclose(answer["y"], wide[:, ::2] @ weight)


def test_weights_given_as_outputs_are_the_callers_own():
    """An output that is an initializer must not open a way into the model."""
    weight = numpy_helper.from_array(np.ones(3, np.float32), "W")
    model = model_of(
        [helper.make_node("Identity", ["x"], ["y"])],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
        [
            helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4]),
            helper.make_tensor_value_info("W", TensorProto.FLOAT, [3]),
        ],
        [weight],
    )
    session = open_bytes(model.SerializeToString(), {})
    first = session.run(ONE, ROWS)
    assert not np.shares_memory(first["y"], ONE["x"])
    first["W"][:] = 7
    np.testing.assert_array_equal(session.run(ONE, ROWS)["W"], np.ones(3))


def told_options(monkeypatch, **options):
    """A session whose provider tells these options; here, none tells any."""
    monkeypatch.setattr(
        onnxruntime.InferenceSession,
        "get_provider_options",
        lambda _: {"AzureExecutionProvider": options},
    )


def test_options_that_a_provider_confirms_are_recorded_as_it_tells(
    linear_file, monkeypatch
):
    told_options(monkeypatch, device_id="0", mode="fast")
    options = {"providers": [["AzureExecutionProvider", {"device_id": 0}]]}
    session = open_session(linear_file(), options)
    assert session.runtime["AzureExecutionProvider.device_id"] == "0"
    assert "AzureExecutionProvider.mode" not in session.runtime


def test_an_option_that_no_provider_knows_is_told_with_the_known(
    linear_file, monkeypatch
):
    told_options(monkeypatch, device_id="0", mode="fast")
    options = {"providers": [["AzureExecutionProvider", {"devise_id": 0}]]}
    with pytest.raises(SuiteError, match="no option 'devise_id'") as caught:
        open_session(linear_file(), options)
    assert "device_id, mode" in caught.value.hint


# ---------------------------------------------------------------- values


def value(name, kind, *shape):
    return helper.make_tensor_value_info(name, kind, shape)


def same(kind, *shape):
    """y = x, of one element type."""
    node = helper.make_node("Identity", ["x"], ["y"])
    model = model_of([node], [value("x", kind, *shape)], [value("y", kind, *shape)])
    return open_bytes(model.SerializeToString(), {})


def zipmap(**classes):
    kind = TensorProto.STRING if "classlabels_strings" in classes else TensorProto.INT64
    scores = helper.make_tensor_type_proto(TensorProto.FLOAT, None)
    maps = helper.make_map_type_proto(kind, scores)
    node = helper.make_node("ZipMap", ["x"], ["z"], domain="ai.onnx.ml", **classes)
    return model_of(
        [node],
        [value("x", TensorProto.FLOAT, "n", 3)],
        [helper.make_value_info("z", helper.make_sequence_type_proto(maps))],
    )


@pytest.mark.parametrize(
    "classes",
    [
        {"classlabels_strings": ["b", "c", "a"]},
        {"classlabels_int64s": [30, 4, 200]},
    ],
)
def test_maps_become_columns_in_the_declared_order(classes):
    session = open_bytes(zipmap(**classes).SerializeToString(), {})
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(session.run({"x": x}, ROWS)["z"], x)
    assert session.outputs[0].shape == (None, 3)
    (names,) = classes.values()
    assert session.runtime["z.columns"] == ", ".join(map(str, names))


def test_maps_of_unknown_classes_become_columns_in_sorted_order(tmp_path):
    """An ORT file does not tell its classes."""
    path = tmp_path / "z.ort"
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(path)
    options.add_session_config_entry("session.save_model_format", "ORT")
    model = zipmap(classlabels_int64s=[30, 4, 200])
    onnxruntime.InferenceSession(model.SerializeToString(), options)
    session = open_session(path, {})
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(session.run({"x": x}, ROWS)["z"], x[:, [1, 0, 2]])


def test_text_comes_and_goes():
    words = np.array([["a", "bäh"], ["", "long enough"]])
    session = same(TensorProto.STRING, "n", 2)
    found = session.run({"x": words}, ROWS)["y"]
    assert found.dtype.kind == "U"
    np.testing.assert_array_equal(found, words)


@given(
    floats=arrays(np.float32, (4,), elements=st.floats(width=32, allow_nan=False)),
)
def test_bfloat16_is_rounded_to_the_nearest_even(floats):
    expected = floats.astype(ml_dtypes.bfloat16).astype(np.float32)
    with np.errstate(all="ignore"):
        found = same(TensorProto.BFLOAT16, "n").run({"x": floats}, ROWS)["y"]
    np.testing.assert_array_equal(found, expected)


def test_bfloat16_keeps_what_is_no_number():
    odd = np.array([np.nan, np.inf, -np.inf, -0.0], np.float32)
    odd = np.append(odd, np.array([0x7FFFFFFF, 0xFFFFFFFF], np.uint32).view(np.float32))
    session = same(TensorProto.BFLOAT16, "n")
    found = session.run({"x": odd}, ROWS)["y"]
    np.testing.assert_array_equal(found, odd)
    assert np.signbit(found[3])
    assert session.runtime["y.element"] == "bfloat16"


def test_scalars_are_told_from_unknown_ranks():
    unknown = helper.make_tensor_value_info("z", TensorProto.BFLOAT16, None)
    inputs = [value("x", TensorProto.BFLOAT16), unknown]
    cast = [
        helper.make_node("Cast", [n], [f"{n}32"], to=TensorProto.FLOAT) for n in "xz"
    ]
    node = helper.make_node("Add", ["x32", "z32"], ["y"])
    model = model_of([*cast, node], inputs, [value("y", TensorProto.FLOAT)])
    session = open_bytes(model.SerializeToString(), {})
    assert [spec.shape for spec in session.inputs] == [(), None]
    assert session.outputs[0].shape == ()
    feeds = {"x": np.float32(1).reshape(()), "z": np.float32(2).reshape(())}
    assert session.run(feeds, ROWS)["y"] == 3


def test_outputs_that_are_no_arrays_are_told_at_once():
    tensor = helper.make_tensor_type_proto(TensorProto.FLOAT, None)
    model = model_of(
        [helper.make_node("SequenceConstruct", ["x"], ["z"])],
        [value("x", TensorProto.FLOAT, "n", 2)],
        [helper.make_value_info("z", helper.make_sequence_type_proto(tensor))],
    )
    with pytest.raises(ModelLoadError, match="'z' is a seq") as caught:
        open_bytes(model.SerializeToString(), {})
    assert "ConcatFromSequence" in caught.value.hint


def test_inputs_that_are_no_tensors_are_told_at_once():
    tensor = helper.make_tensor_type_proto(TensorProto.FLOAT, None)
    model = model_of(
        [helper.make_node("SequenceLength", ["x"], ["y"])],
        [helper.make_value_info("x", helper.make_sequence_type_proto(tensor))],
        [value("y", TensorProto.INT64)],
    )
    with pytest.raises(ModelLoadError, match=r"'x' is a seq.*golden data"):
        open_bytes(model.SerializeToString(), {})


def test_elements_that_numpy_has_not_are_named():
    node = helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT8E4M3FN)
    model = model_of(
        [node],
        [value("x", TensorProto.FLOAT, "n")],
        [value("y", TensorProto.FLOAT8E4M3FN, "n")],
        opset=19,
    )
    with pytest.raises(ModelLoadError, match="numpy has no float8e4m3fn"):
        open_bytes(model.SerializeToString(), {})


# ---------------------------------------------------------------- what cannot be loaded


def test_opset_newer_than_the_runtime_names_both(linear_file):
    with pytest.raises(
        ModelLoadError, match=r"opset 999 .*newer than the \d+"
    ) as caught:
        open_session(linear_file(opset=999), {})
    assert "older opset" in caught.value.hint
    assert "linear.onnx" in caught.value.message


def test_ir_version_newer_than_the_runtime_names_both(linear_file):
    with pytest.raises(ModelLoadError, match=r"IR version 999, newer than the \d+"):
        open_session(linear_file(ir_version=999), {})


@pytest.mark.parametrize("keep", [1, 40, -30])
def test_truncated_file(linear_file, keep):
    path = linear_file()
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ModelLoadError, match="no whole ONNX model") as caught:
        open_session(path, {})
    assert f"{path.stat().st_size:,} bytes" in caught.value.message


def test_unknown_operator_is_named():
    model = model_of(
        [helper.make_node("Frobnicate", ["x"], ["y"])],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    with pytest.raises(ModelLoadError, match="no operator Frobnicate"):
        open_bytes(model.SerializeToString(), {})


def test_graph_that_does_not_type_check(linear_file):
    with pytest.raises(ModelLoadError, match="refuses the model") as caught:
        open_session(linear_file(elem_type=TensorProto.INT64), {})
    assert "\n" not in caught.value.message


def test_missing_file(tmp_path):
    with pytest.raises(ModelLoadError, match=r"nowhere\.onnx does not exist"):
        open_session(tmp_path / "nowhere.onnx", {})


# ---------------------------------------------------------------- external data


def test_external_data_are_found_beside_the_model(external_file, weight):
    answer = open_session(external_file, {}).run(ONE, ROWS)
    np.testing.assert_allclose(answer["y"], ONE["x"] @ weight)


def test_edited_bytes_find_external_data_in_the_folder_they_name(
    external_file, weight, tmp_path_factory, monkeypatch
):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    model = external_file.read_bytes()
    answer = open_bytes(model, {}, external_file.parent).run(ONE, ROWS)
    np.testing.assert_allclose(answer["y"], ONE["x"] @ weight)
    with pytest.raises(ModelLoadError, match="without a folder"):
        open_bytes(model, {})


def test_missing_external_data_are_named(external_file):
    (external_file.parent / "weights.bin").unlink()
    with pytest.raises(ModelLoadError, match=r"'W'.*weights\.bin does not exist"):
        open_session(external_file, {})


def test_external_data_that_were_cut_short(external_file):
    (external_file.parent / "weights.bin").write_bytes(b"abc")
    with pytest.raises(ModelLoadError, match="'W' is too short"):
        open_session(external_file, {})


@pytest.mark.parametrize(
    "location", ["../secret", "/etc/passwd", "a/../../secret", "..", "./../secret"]
)
def test_external_data_stay_in_the_models_folder(external_file, location):
    model = onnx.load(external_file, load_external_data=False)
    for entry in model.graph.initializer[0].external_data:
        if entry.key == "location":
            entry.value = location
    external_file.write_bytes(model.SerializeToString())
    with pytest.raises(UnsafeModelError, match=r"'W'.*outside"):
        open_session(external_file, {})


def test_external_data_deep_in_a_subgraph_are_seen(tmp_path):
    secret = TensorProto(name="secret", data_type=TensorProto.FLOAT, dims=[1])
    secret.data_location = TensorProto.EXTERNAL
    secret.external_data.add(key="location", value="../secret")
    branch = helper.make_graph(
        [helper.make_node("Constant", [], ["c"], value=secret)],
        "branch",
        [],
        [helper.make_tensor_value_info("c", TensorProto.FLOAT, [1])],
    )
    model = model_of(
        [helper.make_node("If", ["x"], ["y"], then_branch=branch, else_branch=branch)],
        [helper.make_tensor_value_info("x", TensorProto.BOOL, [])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
    )
    with pytest.raises(UnsafeModelError, match="'secret'"):
        open_bytes(model.SerializeToString(), {}, tmp_path)
