"""Where in an image an error lies."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from harness.diagnose.error_map import error_map, places_of
from harness.graphs.onnx_graph import read_graph

RNG = np.random.default_rng(5)


def graph_of(*nodes, shape=(2, 3, 6, 5)):
    """Nodes after a convolution of one place, which keeps the shape."""
    kernel = np.ones((3, 3, *[1] * (len(shape) - 2)), np.float32)
    first = helper.make_node("Conv", ["x", "w"], ["y"])
    made = helper.make_graph(
        [first, *nodes],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info((nodes or [first])[-1].output[0], 1, None)],
        [onnx.numpy_helper.from_array(kernel, "w")],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)])
    return read_graph(model, batch=shape[0])


@pytest.mark.parametrize(
    ("nodes", "name", "axes"),
    [
        ((), "y", (2, 3)),
        ((helper.make_node("Relu", ["y"], ["z"]),), "z", (2, 3)),
        (
            (helper.make_node("Transpose", ["y"], ["z"], perm=[0, 2, 3, 1]),),
            *("z", (1, 2)),
        ),
        ((helper.make_node("Flatten", ["y"], ["z"]),), "z", ()),
        ((), "x", ()),
    ],
)
def test_which_axes_are_places(nodes, name, axes):
    assert places_of(graph_of(*nodes), name) == axes


def test_the_map_is_the_mean_over_samples_and_channels():
    expected = RNG.normal(size=(2, 3, 6, 5))
    got = expected + RNG.normal(size=expected.shape)
    found = error_map(graph_of(), "y", expected, got)
    wanted = np.abs(got - expected).mean(axis=(0, 1))
    assert (found.height, found.width) == (6, 5)
    np.testing.assert_allclose(found.rows, wanted, rtol=5e-3)
    inner = wanted[1:-1, 1:-1].sum() / wanted.sum()
    assert found.border_share == pytest.approx(1 - inner)


def test_channels_last_show_the_same_map():
    node = helper.make_node("Transpose", ["y"], ["z"], perm=[0, 2, 3, 1])
    expected = RNG.normal(size=(2, 3, 6, 5))
    got = expected + RNG.normal(size=expected.shape)
    first = error_map(graph_of(), "y", expected, got)
    moved = (a.transpose(0, 2, 3, 1) for a in (expected, got))
    assert error_map(graph_of(node), "z", *moved) == first


def test_a_large_image_is_averaged_by_area():
    shape = (1, 3, 160, 96)
    got = RNG.random(shape)
    found = error_map(graph_of(shape=shape), "y", np.zeros(shape), got)
    rows = np.array(found.rows)
    assert (found.height, found.width) == (160, 96)
    assert rows.shape == (64, 64)
    assert rows.mean() == pytest.approx(got.mean(), rel=1e-3)
    # Five rows become two: the first holds half of the third.
    thin = got.mean(axis=(0, 1))
    top = thin[:3, :2] * np.array([[1], [1], [0.5]]) * np.array([1, 0.5])
    assert rows[0, 0] == pytest.approx(top.sum() / 2.5 / 1.5, rel=5e-3)


def test_a_signal_is_one_row():
    shape = (2, 3, 7)
    expected = RNG.normal(size=shape)
    found = error_map(graph_of(shape=shape), "y", expected, 2 * expected)
    assert (found.height, found.width) == (1, 7)
    np.testing.assert_allclose(found.rows[0], np.abs(expected).mean((0, 1)), rtol=5e-3)


def test_without_error_or_with_another_shape_there_is_no_map():
    zeros = np.zeros((2, 3, 6, 5))
    assert error_map(graph_of(), "y", zeros, zeros) is None
    assert error_map(graph_of(), "y", zeros, zeros[:, :, 1:]) is None


def test_numbers_that_are_not_finite_are_left_out():
    got = np.zeros((2, 3, 6, 5))
    got[0, 0, 2, 2], got[1, 1, 3, 3] = np.nan, 6.0
    found = error_map(graph_of(), "y", np.zeros_like(got), got)
    assert found.rows[2][2] == 0
    assert found.rows[3][3] == pytest.approx(1.0)
