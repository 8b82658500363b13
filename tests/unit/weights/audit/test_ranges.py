"""Ranges of activations: taps, streams and sketches."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from harness.core.errors import ModelLoadError
from harness.weights.audit.ranges import (
    RangeSketch,
    activation_ranges,
    tapped_models,
)

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
