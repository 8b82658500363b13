from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from harness.graphs.layers import canonical, read_layer, stored_form
from harness.graphs.layout import flattening
from harness.graphs.onnx_graph import read_graph
from harness.graphs.tensors import exactly

node = helper.make_node


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def layers_of(graph):
    """Each layer of a graph once, from its first node on."""
    layers, taken = [], set()
    for first in graph.nodes:
        layer = None if first.key in taken else read_layer(graph, first)
        if layer is not None:
            layers.append(layer)
            taken |= {step.node.key for step in layer.steps}
    return layers


NORM = {
    "gamma": normal(4, seed=1),
    "beta": normal(4, seed=2),
    "mean": normal(4, seed=3),
    "variance": np.abs(normal(4, seed=4)) + 0.1,
}
BATCH_NORM = node(
    "BatchNormalization",
    ["c", "gamma", "beta", "mean", "variance"],
    ["y"],
    epsilon=0.01,
)
CONV = node("Conv", ["x", "w", "b"], ["c"])
WEIGHTS = {"w": normal(4, 3, 2, 2), "b": normal(4, seed=5)}
PARTS = {
    "batch norm": ([CONV, BATCH_NORM], {**WEIGHTS, **NORM}),
    "mul and add": (
        [CONV, node("Mul", ["c", "g"], ["m"]), node("Add", ["m", "o"], ["y"])],
        {**WEIGHTS, "g": normal(1, 4, 1, 1, seed=6), "o": normal(4, 1, 1, seed=7)},
    ),
    "div and sub": (
        [CONV, node("Div", ["c", "g"], ["m"]), node("Sub", ["m", "o"], ["y"])],
        {**WEIGHTS, "g": normal(4, 1, 1, seed=6) + 3, "o": np.float32(0.5)},
    ),
    "nothing": ([node("Conv", ["x", "w", "b"], ["y"])], WEIGHTS),
}


@pytest.mark.parametrize("form", sorted(PARTS))
def test_a_folded_convolution_computes_what_its_parts_compute(model_of, answer, form):
    nodes, arrays = PARTS[form]
    model = model_of(nodes, arrays, ["n", 3, 5, 5])
    (layer,) = layers_of(read_graph(model))
    kernel, _, bias = layer.folded()
    folded = model_of(
        [node("Conv", ["x", "w", "b"], ["y"])],
        {"w": kernel.values.astype(np.float32), "b": bias.values.astype(np.float32)},
        ["n", 3, 5, 5],
    )
    x = normal(2, 3, 5, 5, seed=8)
    np.testing.assert_allclose(answer(folded, x), answer(model, x), atol=2e-5)


def test_gemm_and_matmul_with_add_are_one_layer(model_of):
    weight, bias = normal(6, 4), normal(4, seed=1)
    gemm = model_of(
        [node("Gemm", ["x", "w", "b"], ["y"], transB=1)],
        {"w": weight.T.copy(), "b": bias},
        ["n", 6],
    )
    parts = [node("MatMul", ["x", "w"], ["m"]), node("Add", ["m", "b"], ["y"])]
    matmul = model_of(parts, {"w": weight, "b": bias}, ["n", 6])
    (one,), (two,) = (layers_of(read_graph(m)) for m in (gemm, matmul))
    for mine, other in zip(one.folded(), two.folded(), strict=True):
        np.testing.assert_array_equal(mine.values, other.values)


def test_an_affine_map_behind_an_activation_is_a_layer_of_its_own(model_of):
    nodes = [CONV, node("Relu", ["c"], ["r"])]
    nodes.append(node("Mul", ["r", "g"], ["y"]))
    arrays = {**WEIGHTS, "g": normal(4, 1, 1, seed=6)}
    layers = layers_of(read_graph(model_of(nodes, arrays, ["n", 3, 5, 5])))
    assert [layer.kind for layer in layers] == ["conv", "affine"]


def test_a_channel_scale_used_twice_is_not_folded(model_of):
    nodes = [
        CONV,
        node("Mul", ["c", "g"], ["m"]),
        node("Add", ["m", "c"], ["y"]),
    ]
    arrays = {**WEIGHTS, "g": normal(4, 1, 1, seed=6)}
    first, *_ = layers_of(read_graph(model_of(nodes, arrays, ["n", 3, 5, 5])))
    assert first.steps == ()


def test_batch_norm_in_training_is_no_affine_map(model_of):
    nodes = [CONV, node("BatchNormalization", [*BATCH_NORM.input], ["y", "m", "v"])]
    nodes[1].attribute.append(helper.make_attribute("training_mode", 1))
    layers = layers_of(read_graph(model_of(nodes, {**WEIGHTS, **NORM}, ["n", 3, 5, 5])))
    assert [layer.steps for layer in layers] == [()]


def test_with_epsilon_is_the_batch_norm_with_that_epsilon(model_of):
    nodes, arrays = PARTS["batch norm"]
    (layer,) = layers_of(read_graph(model_of(nodes, arrays, ["n", 3, 5, 5])))
    gain = layer.with_epsilon(0.5).folded()[1].values
    np.testing.assert_allclose(gain, NORM["gamma"] / np.sqrt(NORM["variance"] + 0.5))


@pytest.mark.parametrize(
    ("op", "attributes", "shape"),
    [
        ("Conv", {}, (4, 3, 2)),
        ("ConvTranspose", {"group": 1}, (4, 3, 2)),
        ("ConvTranspose", {"group": 2}, (4, 3, 2)),
        ("Gemm", {"transB": 1, "alpha": 0.5}, (4, 6)),
        ("Gemm", {"transB": 0}, (4, 6)),
        ("MatMul", {}, (4, 6)),
    ],
)
def test_stored_form_is_the_inverse_of_canonical(model_of, op, attributes, shape):
    made = node(op, ["x", "w"], ["y"], **attributes)
    graph = read_graph(model_of([made], {"w": normal(*shape)}, ["n", 4]))
    kernel = canonical(graph.nodes[0], exactly(normal(*shape)), None)
    back = stored_form(graph.nodes[0], kernel.values, None)
    np.testing.assert_allclose(back, normal(*shape))


axes = st.permutations(range(3))


@settings(max_examples=40, deadline=None)
@given(axes=axes, flat=st.booleans(), relu=st.booleans())
def test_flattening_follows_each_element(model_of, answer, axes, flat, relu):
    perm = [0, *(axis + 1 for axis in axes)]
    nodes = [
        node("MaxPool", ["x"], ["p"], kernel_shape=[1, 1]),
        node("Transpose", ["p"], ["t"], perm=perm),
        node("Relu" if relu else "Identity", ["t"], ["r"]),
    ]
    nodes.append(
        node("Flatten", ["r"], ["y"]) if flat else node("Reshape", ["r", "to"], ["y"])
    )
    arrays = {} if flat else {"to": np.array([-1, 24])}
    model = model_of(nodes, arrays, ["n", 2, 3, 4])
    found = flattening(read_graph(model), "y")
    numbers = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4)
    assert found.shape == (2, 3, 4)
    np.testing.assert_array_equal(found.order, answer(model, numbers)[0])


def test_a_vector_that_never_was_spatial_has_no_flattening(model_of):
    model = model_of([node("Relu", ["x"], ["y"])], {}, ["n", 5])
    assert flattening(read_graph(model), "y") is None


def test_a_dense_kernel_stands_in_the_order_of_its_source(model_of):
    """Rows permuted for another flattening are the same layer."""
    kernel = normal(24, 5)
    pool = node("MaxPool", ["x"], ["p"], kernel_shape=[1, 1])
    plain = [pool, node("Flatten", ["p"], ["f"]), node("MatMul", ["f", "w"], ["y"])]
    turned = [
        pool,
        node("Transpose", ["p"], ["t"], perm=[0, 2, 3, 1]),
        node("Flatten", ["t"], ["f"]),
        node("MatMul", ["f", "w"], ["y"]),
    ]
    last = kernel.reshape(2, 3, 4, 5).transpose(1, 2, 0, 3).reshape(24, 5)
    shape = ["n", 2, 3, 4]
    (one,) = layers_of(read_graph(model_of(plain, {"w": kernel}, shape)))
    (two,) = layers_of(read_graph(model_of(turned, {"w": last.copy()}, shape)))
    np.testing.assert_array_equal(one.kernel.values, two.kernel.values)
