from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx import helper

from harness.graphs.onnx_graph import read_graph
from harness.graphs.semantics import same_pads, window_of

node = helper.make_node
rng = np.random.default_rng(0)


def window(model):
    graph = read_graph(model)
    return window_of(graph, graph.nodes[-1])


def conv(model_of, length, kernel, **attributes):
    weight = rng.normal(size=(1, 1, kernel)).astype(np.float32)
    made = node("Conv", ["x", "w"], ["y"], **attributes)
    return model_of([made], {"w": weight}, ["n", 1, length])


@settings(max_examples=60, deadline=None)
@given(
    length=st.integers(1, 12),
    kernel=st.integers(1, 4),
    steps=st.tuples(st.integers(1, 3), st.integers(1, 2)),
    auto=st.sampled_from(["SAME_UPPER", "SAME_LOWER", "VALID"]),
)
def test_effective_pads_compute_what_auto_pad_computes(
    model_of, answer, length, kernel, steps, auto
):
    stride, dilation = steps
    assume(auto != "VALID" or length >= (kernel - 1) * dilation + 1)
    # onnxruntime refuses dilations together with SAME.
    dilation = dilation if auto == "VALID" else 1
    steps = {"strides": [stride], "dilations": [dilation]}
    automatic = conv(model_of, length, kernel, auto_pad=auto, **steps)
    explicit = conv(model_of, length, kernel, pads=window(automatic).pads, **steps)
    explicit.graph.initializer[0].CopyFrom(automatic.graph.initializer[0])
    x = rng.normal(size=(2, 1, length)).astype(np.float32)
    np.testing.assert_array_equal(answer(automatic, x), answer(explicit, x))


@settings(max_examples=100, deadline=None)
@given(
    length=st.integers(3, 9),
    kernel=st.integers(1, 3),
    stride=st.integers(1, 3),
    pads=st.tuples(*[st.integers(0, 2)] * 4),
)
def test_same_padding_says_whether_numbers_can_differ(
    model_of, answer, length, kernel, stride, pads
):
    one = conv(model_of, length, kernel, strides=[stride], pads=pads[:2])
    two = conv(model_of, length, kernel, strides=[stride], pads=pads[2:])
    two.graph.initializer[0].CopyFrom(one.graph.initializer[0])
    x = rng.normal(size=(1, 1, length)).astype(np.float32)
    equal = np.array_equal(answer(one, x), answer(two, x))
    assert window(one).same_padding(window(two)) == equal


@settings(max_examples=40, deadline=None)
@given(
    length=st.integers(3, 9),
    before=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    own=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    stride=st.integers(1, 3),
)
def test_pad_and_convolution_are_a_padded_convolution(
    model_of, length, before, own, stride
):
    amounts = np.array([0, 0, before[0], 0, 0, before[1]])
    weight = np.ones((1, 1, 3), np.float32)
    parts = [
        node("Pad", ["x", "amounts"], ["padded"]),
        node("Conv", ["padded", "w"], ["y"], strides=[stride], pads=own),
    ]
    apart = window(model_of(parts, {"amounts": amounts, "w": weight}, ["n", 1, length]))
    total = [before[0] + own[0], before[1] + own[1]]
    together = window(conv(model_of, length, 3, strides=[stride], pads=total))
    assert apart.pads == tuple(total)
    assert apart.same_padding(together)
    assert apart.axes[0].used_end == together.axes[0].used_end


@pytest.mark.parametrize(
    ("attributes", "extra"),
    [({"mode": "reflect"}, []), ({}, [np.float32(1.0)])],
    ids=["reflect", "constant one"],
)
def test_other_padding_than_zeros_is_not_taken_in(model_of, attributes, extra):
    amounts = np.array([0, 0, 1, 0, 0, 1])
    names = ["x", "amounts", *(["value"] if extra else [])]
    arrays = {"amounts": amounts, "w": np.ones((1, 1, 3), np.float32)}
    if extra:
        arrays["value"] = extra[0]
    parts = [
        node("Pad", names, ["padded"], **attributes),
        node("Conv", ["padded", "w"], ["y"]),
    ]
    assert window(model_of(parts, arrays, ["n", 1, 8])).pads == (0, 0)


def test_symmetric_padding_of_an_even_input_leaves_its_end_unused(model_of):
    made = window(conv(model_of, 8, 3, strides=[2], pads=[1, 1]))
    assert made.axes[0].used_end == 0
    assert made.pads == (1, 1)


def test_same_splits_the_odd_element_by_its_name():
    assert same_pads(8, 3, 2, upper=True) == (0, 1)
    assert same_pads(8, 3, 2, upper=False) == (1, 0)
    assert same_pads(7, 3, 2, upper=True) == same_pads(7, 3, 2, upper=False) == (1, 1)


def test_same_without_a_known_length_is_unknown(model_of):
    made = node("Conv", ["x", "w"], ["y"], auto_pad="SAME_UPPER")
    model = model_of([made], {"w": np.ones((1, 1, 3), np.float32)}, ["n", 1, "w"])
    assert window(model) is None


@pytest.mark.parametrize("auto", ["SAME_UPPER", "SAME_LOWER"])
@pytest.mark.parametrize("kernel", [2, 3, 4])
def test_cropping_of_a_transposed_convolution(model_of, answer, auto, kernel):
    weight = rng.normal(size=(1, 1, kernel)).astype(np.float32)

    def deconv(**attributes):
        made = node("ConvTranspose", ["x", "w"], ["y"], strides=[2], **attributes)
        return model_of([made], {"w": weight}, ["n", 1, 5])

    automatic = deconv(auto_pad=auto)
    found = window(automatic)
    assert window(deconv(pads=found.pads)).same_padding(found)
    if min(found.pads) >= 0:
        x = rng.normal(size=(1, 1, 5)).astype(np.float32)
        explicit = answer(deconv(pads=found.pads), x)
        np.testing.assert_allclose(answer(automatic, x), explicit, rtol=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    length=st.integers(3, 9),
    kernel=st.integers(1, 3),
    stride=st.integers(1, 3),
    ceil=st.integers(0, 1),
)
def test_reach_of_pooling_gives_its_output_length(
    model_of, answer, length, kernel, stride, ceil
):
    made = node(
        "MaxPool", ["x"], ["y"], kernel_shape=[kernel], strides=[stride], ceil_mode=ceil
    )
    model = model_of([made], {}, ["n", 1, length])
    (axis,) = window(model).axes
    covered = length + axis.used_end
    windows = (covered - kernel) // stride + 1
    x = rng.normal(size=(1, 1, length)).astype(np.float32)
    assert answer(model, x).shape[-1] == windows
