from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import helper

from harness.core.errors import ModelLoadError
from harness.graphs.onnx_graph import read_graph

if TYPE_CHECKING:
    from pathlib import Path

rng = np.random.default_rng(0)
node = helper.make_node


def test_free_sample_axis_becomes_the_batch_and_shapes_follow(model_of):
    model = model_of([node("Flatten", ["x"], ["y"])], {}, ["n", 3, 4])
    assert read_graph(model).static_shape("y") == (1, 12)
    assert read_graph(model, batch=5).static_shape("y") == (5, 12)


def test_sample_shapes_fill_other_free_lengths(model_of):
    model = model_of([node("Flatten", ["x"], ["y"])], {}, ["n", 3, "w"])
    assert read_graph(model).static_shape("y") is None
    graph = read_graph(model, sample_shapes={"x": (3, 7)})
    assert graph.static_shape("y") == (1, 21)


def test_a_fixed_batch_stays(model_of):
    model = model_of([node("Relu", ["x"], ["y"])], {}, [3, 2])
    assert read_graph(model).static_shape("y") == (3, 2)


@pytest.mark.parametrize("opset", [13, 18])
def test_weights_are_seen_through_constant_nodes(model_of, opset):
    weight = rng.normal(size=(4, 3)).astype(np.float32)
    nodes = [
        node("Identity", ["stored"], ["a"]),
        node("Transpose", ["a"], ["b"], perm=[1, 0]),
        node("Cast", ["b"], ["c"], to=onnx.TensorProto.FLOAT),
        node("Reshape", ["c", "shape"], ["w"]),
        node("MatMul", ["x", "w"], ["y"]),
    ]
    arrays = {"stored": weight.astype(np.float16), "shape": np.array([3, 4])}
    graph = read_graph(model_of(nodes, arrays, ["n", 3], opset))
    assert [n.op_type for n in graph.nodes] == ["MatMul"]
    expected = weight.astype(np.float16).astype(np.float32).T
    np.testing.assert_array_equal(graph.constant("w"), expected)


@pytest.mark.parametrize("opset", [13, 18])
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_dequantized_weights_keep_half_their_step(model_of, answer, opset, axis):
    codes = rng.integers(-128, 128, (4, 3)).astype(np.int8)
    n = 1 if axis is None else codes.shape[axis]
    scale = rng.uniform(0.01, 0.1, n).astype(np.float32)
    zero = rng.integers(-5, 5, n).astype(np.int8)
    if axis is None:
        scale, zero = scale.reshape(()), zero.reshape(())
    nodes = [
        node(
            "DequantizeLinear", ["q", "s", "z"], ["w"], axis=1 if axis is None else axis
        ),
        node("MatMul", ["x", "w"], ["y"]),
    ]
    model = model_of(nodes, {"q": codes, "s": scale, "z": zero}, ["n", 4], opset)
    value = read_graph(model).values["w"]
    np.testing.assert_allclose(
        np.eye(4, dtype=np.float32) @ value.constant,
        answer(model, np.eye(4, dtype=np.float32)),
        rtol=1e-6,
    )
    along = np.moveaxis(np.broadcast_to(value.half_step, codes.shape), axis or 0, 0)
    np.testing.assert_allclose(2 * along[:, 0], np.broadcast_to(scale, len(along)))


def test_shape_arithmetic_of_exporters_is_evaluated(model_of):
    nodes = [
        node("Shape", ["x"], ["all"]),
        node("Slice", ["all", "zero", "one"], ["n"]),
        node("Concat", ["n", "rest"], ["to"], axis=0),
        node("Reshape", ["x", "to"], ["y"]),
    ]
    arrays = {"zero": np.array([0]), "one": np.array([1]), "rest": np.array([6])}
    graph = read_graph(model_of(nodes, arrays, ["n", 2, 3]))
    assert [n.op_type for n in graph.nodes] == ["Reshape"]
    assert graph.static_shape("y") == (1, 6)


def test_unsorted_nodes_are_sorted(model_of):
    nodes = [node("Relu", ["a"], ["y"]), node("Neg", ["x"], ["a"])]
    graph = read_graph(model_of(nodes, {}, ["n", 2]))
    assert [n.op_type for n in graph.nodes] == ["Neg", "Relu"]
    assert graph.producer("y").input(0) == "a"
    assert graph.only_consumer("a").op_type == "Relu"
    assert graph.only_consumer("y") is None


def test_fused_operators_go_by_the_operator_that_they_extend(model_of):
    fused = node(
        "FusedConv", ["x", "w"], ["y"], domain="com.microsoft", activation="Relu"
    )
    model = model_of([fused], {"w": np.ones((2, 1, 3, 3), np.float32)}, ["n", 1, 8, 8])
    graph = read_graph(model)
    assert graph.nodes[0].op_type == "Conv"
    assert graph.nodes[0].attributes["activation"] == "Relu"
    assert graph.static_shape("y") == (1, 2, 6, 6)


def test_missing_file_names_it(tmp_path: Path):
    with pytest.raises(ModelLoadError, match=r"gone\.onnx"):
        read_graph(tmp_path / "gone.onnx")


def test_truncated_file_is_a_load_error(tmp_path: Path, model_of):
    model = model_of([node("Relu", ["x"], ["y"])], {}, ["n", 2])
    path = tmp_path / "short.onnx"
    path.write_bytes(model.SerializeToString()[:-9])
    with pytest.raises(ModelLoadError, match=r"short\.onnx") as caught:
        read_graph(path)
    assert caught.value.hint


def test_missing_external_data_is_a_load_error(tmp_path: Path, model_of):
    weight = np.ones((64, 64), np.float32)
    model = model_of([node("MatMul", ["x", "w"], ["y"])], {"w": weight}, ["n", 64])
    path = tmp_path / "outside.onnx"
    onnx.save(model, path, save_as_external_data=True, location="outside.bin")
    (tmp_path / "outside.bin").unlink()
    with pytest.raises(ModelLoadError, match=r"outside"):
        read_graph(path)


def test_empty_bytes_are_no_model():
    with pytest.raises(ModelLoadError, match="no graph"):
        read_graph(b"")
