"""Tables of resizes against what a runtime computes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from harness.backends.onnx_pieces import run_graph
from harness.graphs.onnx_graph import read_graph
from harness.graphs.resizing import resizing_of

COORDINATES = (
    *("half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel"),
    "half_pixel_symmetric",
)


def resized(before, after, scale=None, **attributes):
    """A Resize of one axis, by its length or by a scale."""
    arrays = {"sizes": np.array([1, 1, 1, after], np.int64)}
    inputs = ["x", "", "", "sizes"]
    if scale is not None:
        arrays = {"scales": np.array([1, 1, 1, scale], np.float32)}
        inputs = ["x", "", "scales"]
    node = helper.make_node("Resize", inputs, ["y"], **attributes)
    graph = helper.make_graph(
        [node],
        "resize",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 1, before])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(a, k) for k, a in arrays.items()],
    )
    opsets = [helper.make_opsetid("", 19)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def read(model):
    graph = read_graph(model)
    return resizing_of(graph, graph.nodes[-1])


def by_table(found, line):
    """What the table of the last axis makes of a line of numbers."""
    table = found.tables()[-1]
    if found.mode == "nearest":
        return line[table[0].astype(int)]
    if found.mode == "linear":
        return np.interp(table[0], np.arange(len(line)), line)
    places, weights = np.split(table, 2)
    return (line[places.astype(int)] * weights).sum(axis=0)


@settings(max_examples=60, deadline=None)
@given(
    before=st.integers(2, 9),
    after=st.integers(2, 20),
    coordinates=st.sampled_from(COORDINATES),
    mode=st.sampled_from(["nearest", "linear", "cubic"]),
    outside=st.booleans(),
    coefficient=st.sampled_from([-0.5, -0.75]),
)
def test_tables_say_what_a_runtime_does(
    before, after, coordinates, mode, outside, coefficient
):
    attributes = {"coordinate_transformation_mode": coordinates, "mode": mode}
    if mode == "cubic":
        attributes |= {"exclude_outside": int(outside), "cubic_coeff_a": coefficient}
    model = resized(before, after, **attributes)
    line = np.random.default_rng(before).normal(size=before).astype(np.float32)
    feeds = {"x": line[None, None, None]}
    answer = run_graph(model.SerializeToString(), feeds, ["y"])["y"].ravel()
    made = by_table(read(model), line)
    # Places that lie between two elements to the last bit may round either way.
    off = np.abs(made - answer) > 1e-4
    assert off.mean() <= (0.2 if mode == "nearest" else 0)


@pytest.mark.parametrize(("factor", "same"), [(2, True), (1.25, False), (0.375, False)])
def test_roundings_matter_where_samples_move(factor, same):
    old = {"nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
    first = read(resized(8, int(8 * factor)))
    second = read(resized(8, int(8 * factor), **old))
    assert first.same(second) is same


def test_a_scale_that_does_not_come_out_moves_samples():
    by_scale = read(resized(11, 18, 1.7, mode="linear"))
    assert by_scale.axes[-1][:2] == (11, 18)
    assert not by_scale.same(read(resized(11, 18, mode="linear")))
    assert by_scale.same(read(resized(11, 18, 1.7, mode="linear", antialias=1)))
