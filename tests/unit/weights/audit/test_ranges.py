"""Ranges of activations: taps, streams and sketches."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from onnx.reference import ReferenceEvaluator

from harness.core.errors import ModelLoadError
from harness.weights.audit import audit_quantization
from harness.weights.audit.ranges import (
    RangeSketch,
    activation_ranges,
    tapped_models,
)
from harness.weights.audit.values import QuantizedModel, QuantizedValue

MODELS = Path(__file__).parents[4] / "golden" / "digits" / "models"
FLOATS = arrays(
    np.float32,
    st.integers(1, 200),
    elements=st.floats(-1e6, 1e6, width=32, allow_subnormal=False),
)


def range_of(*pieces):
    sketch = RangeSketch()
    for piece in pieces:
        sketch.update(piece)
    return sketch.result()


@given(FLOATS)
def test_shares_are_those_of_all_elements_but_one_bucket(values):
    seen = range_of(values)
    assert (seen.min, seen.max, seen.n) == (values.min(), values.max(), values.size)
    for limit in (*np.quantile(values, [0.1, 0.5, 0.9]), 0.0):
        share = seen.share_below(limit)
        # A bucket is 1/128 wide, and tiny numbers are zeros.
        near = abs(limit) / 128 + 1e-38
        assert share >= np.mean(values < limit - near) - 1e-9
        assert share <= np.mean(values < limit + near) + 1e-9
    assert seen.share_below(seen.min) == seen.share_above(seen.max) == 0


@given(FLOATS, FLOATS)
def test_merged_is_as_seen_at_once(one, other):
    first, second = RangeSketch(), RangeSketch()
    first.update(one)
    second.update(other)
    first.merge(second)
    merged, whole = first.result(), range_of(one, other)
    assert (merged.min, merged.max) == (whole.min, whole.max)
    np.testing.assert_array_equal(merged.counts, whole.counts)


def test_what_is_not_finite_is_left_out():
    seen = range_of(np.float32([1, np.nan, np.inf, -2]))
    assert (seen.n, seen.min, seen.max) == (2, -2, 1)
    assert range_of(np.float32([np.nan])) is None


def test_taps_come_in_groups():
    model = (MODELS / "digits.onnx").read_bytes()
    groups = list(tapped_models(model, group=5))
    assert max(len(names) for names, _ in groups) == 5
    names = [name for group, _ in groups for name in group]
    assert len(set(names)) == len(names) == 12
    # Shapes and indices are no activations.
    assert not any("Shape" in name for name in names)
    outputs = [len(onnx.load_from_string(tapped).graph.output) for _, tapped in groups]
    assert max(outputs) <= 6


def _model(nodes, shapes):
    """A graph over "x", [N, 4]; shapes of what it makes."""
    infos = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    ]
    given = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", 4])
    graph = onnx.helper.make_graph(nodes, "g", [given], infos[-1:], value_info=infos)
    return onnx.helper.make_model(graph).SerializeToString()


def test_large_values_make_small_groups():
    names = [f"v{k}" for k in range(5)]
    inputs = ["x", *names]
    sizes = dict(zip(names, ((1 << 23), 4, 1 << 25, 4, 4), strict=True))
    nodes = [
        onnx.helper.make_node("Custom", [a], [b], domain="of.ours")
        for a, b in pairwise(inputs)
    ]
    model = _model(nodes, {name: ["N", size] for name, size in sizes.items()})
    groups = [group for group, _ in tapped_models(model)]
    assert groups == [("v0", "v1"), ("v2",), ("v3", "v4")]


def test_what_is_rectified_next_is_known_before_and_after():
    nodes = [
        onnx.helper.make_node("Neg", ["x"], ["n"]),
        onnx.helper.make_node("Relu", ["n"], ["r"]),
        onnx.helper.make_node("Abs", ["r"], ["y"]),
    ]
    model = _model(nodes, {name: ["N", 4] for name in "nry"})
    x = np.float32([[1, 2, 3, -4]])
    found = activation_ranges(model, _reference_run, lambda: [{"x": x}], ["n", "y"])
    assert (found["n"].min, found["n"].max) == (-3, 4)
    assert (found["n"].rectified.min, found["n"].rectified.max) == (0, 4)
    assert found["y"].rectified is None


def _reference_run(model, feeds):
    evaluator = ReferenceEvaluator(onnx.load_from_string(model))
    return dict(
        zip(evaluator.output_names, evaluator.run(None, dict(feeds)), strict=True)
    )


@pytest.mark.parametrize(
    ("top", "severity"), [(0.99, None), (0.8, None), (0.7, "warning"), (0.5, "error")]
)
def test_clipping_counts_by_the_power_that_it_takes(top, severity):
    value = QuantizedValue(
        *("a", "a", "a", "uint8"),
        scale=np.array([top / 255]),
        zero_point=np.zeros(1),
        low=0,
        high=255,
    )
    model = QuantizedModel("onnx", {"a": value}, ())
    seen = range_of(np.linspace(0, 1, 100_000, dtype=np.float32))
    audit = audit_quantization(model, ranges={"a": seen})
    told = [f.severity for f in audit.findings if f.code == "QNT801"]
    assert told == ([severity] if severity else [])
    (found,) = audit.ranges
    assert found.share_clipped == pytest.approx(max(1 - top * 256 / 255, 0), abs=2e-3)
    assert found.share_unused == 0


def test_ranges_are_those_of_the_values(digits_ranges):
    with np.load(MODELS.parent / "data" / "shard-000.npz") as shard:
        images = shard["image"] * np.float32(0.0625)
    seen = digits_ranges["image"]
    assert (seen.n, seen.min, seen.max) == (images.size, images.min(), images.max())
    assert digits_ranges["digits_1/conv1_1/Relu:0"].min == 0
    assert digits_ranges["probabilities"].n == 1800


def test_only_what_is_asked_for_is_run():
    asked = []

    def run(model, feeds):
        outputs = [output.name for output in onnx.load_from_string(model).graph.output]
        asked.append(outputs)
        return dict.fromkeys(outputs, np.ones((2, 2), np.float32))

    model = (MODELS / "digits.onnx").read_bytes()
    feeds = [{"image": np.zeros((1, 8, 8, 1), np.float32)}]
    names = ["digits_1/conv1_1/Relu:0", "of another model"]
    found = activation_ranges(model, run, lambda: feeds, names)
    assert set(found) == {"digits_1/conv1_1/Relu:0"}
    assert asked == [["probabilities", "digits_1/conv1_1/Relu:0"]]


def test_no_model():
    with pytest.raises(ModelLoadError, match="no ONNX model"):
        next(tapped_models(b"\xff\xff\xff"))
