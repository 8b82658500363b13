"""What a report says where models are fed other numbers than their files declare."""

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from harness.core.model_facts import InputRange
from harness.core.protocols import GoldenChunk
from harness.core.specs import Preprocess
from harness.golden.watch import SampleWatch
from harness.pipeline.fed_ranges import Fed, RangeWatch


def quantized(model, scale):
    """The model behind a QuantizeLinear and a DequantizeLinear of its input."""
    numbers = {"scale": np.float32(scale), "zero": np.int8(0)}
    model.graph.initializer.extend(
        numpy_helper.from_array(np.asarray(value), name)
        for name, value in numbers.items()
    )
    for node in model.graph.node:
        node.input[:] = ["real" if name == "x" else name for name in node.input]
    first = [
        helper.make_node("QuantizeLinear", ["x", *numbers], ["codes"], "q"),
        helper.make_node("DequantizeLinear", ["codes", *numbers], ["real"], "dq"),
    ]
    nodes = [*first, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return model


@pytest.fixture
def told(release):
    def run():
        result = release.run("--isolation", "none", "--no-diagnose")
        assert result.exit_code in (0, 1), result.output
        notices = release.record()["notices"]
        return [line for line in notices if "file declares" in line]

    return run


def test_numbers_inside_are_not_told(release, small, told):
    release.model("candidate.onnx", quantized(small.classifier(), 2 / 127))
    assert told() == []


def test_numbers_outside_are_told_with_share_and_samples(release, small, told):
    release.model("candidate.onnx", quantized(small.classifier(), 0.25 / 127))
    names = np.array([f"photo{i}" for i in range(60)])
    release.data(**small.samples(), sample_id=names)
    (line,) = told()
    assert line.startswith("candidate: 2")
    assert "input 'x'" in line
    assert "-0.252 to 0.25 (its first QuantizeLinear (int8" in line
    assert "in 60 samples (photo0, photo1, photo2, ...)" in line


def test_what_is_fed_counts_and_not_what_is_stored(release, small, told):
    release.model("candidate.onnx", quantized(small.classifier(), 2 / 127))
    release.edit('data = "golden.npz"', 'data = "golden.npz"\npreprocess = {scale = 9}')
    (line,) = told()
    assert line.startswith("candidate: ")
    assert "-2.016 to 2" in line


def test_a_corner_of_the_range_is_told(release, small, told):
    release.model("candidate.onnx", quantized(small.classifier(), 255 / 127))
    (line,) = told()
    assert "alone, and its file declares" in line


LIMITS = InputRange("x", -1.0, 1.0, "somebody said so")
FED = (
    Fed("plain", "x", Preprocess(), LIMITS),
    Fed("scaled", "x", Preprocess(scale=-0.5, offset=0.25), LIMITS),
    Fed("codes", "x", Preprocess(dtype="int8"), InputRange("x", 0, 1, "", 1, "int8")),
)


def watch_of(x, starts):
    watch, samples = RangeWatch(FED), SampleWatch(len(x))
    for start, stop in zip(starts, [*starts[1:], len(x)], strict=True):
        chunk = GoldenChunk(slice(start, stop), {"x": x[start:stop]}, None, None)
        samples.update(chunk)
        watch.update(chunk, samples.latest)
    return watch


@given(
    values=st.lists(st.floats(-4, 4, width=32) | st.just(np.nan), min_size=4),
    cuts=st.sets(st.integers(1, 20)),
)
def test_parts_merge_to_the_whole(values, cuts):
    x = np.float32(values[: len(values) // 2 * 2]).reshape(-1, 2)
    starts = [0, *sorted(cut for cut in cuts if cut < len(x))]
    whole = list(watch_of(x, [0]).notices())
    assert list(watch_of(x, starts).notices()) == whole
    parts = RangeWatch(FED)
    for start, stop in reversed(list(zip(starts, [*starts[1:], None], strict=True))):
        part, samples = RangeWatch(FED), SampleWatch(len(x))
        rows = slice(start, len(x) if stop is None else stop)
        chunk = GoldenChunk(rows, {"x": x[rows]}, None, None)
        samples.update(chunk)
        part.update(chunk, samples.latest)
        parts.merge(part)
    assert list(parts.notices()) == whole
    beyond = np.abs(x) > 1
    assert any(line.startswith("plain") for line in whole) == beyond.any()
    if beyond.any():
        assert f"plain: {beyond.mean():.2%} of the numbers" in whole[0]
        assert f"in {beyond.any(axis=1).sum()} samples" in whole[0]
    assert not any(line.startswith("codes") for line in whole)
