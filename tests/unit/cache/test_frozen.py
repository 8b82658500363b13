"""What was frozen thaws to the same thing, and to nothing else."""

import gc
import json
import struct
import weakref
from collections import Counter, OrderedDict, defaultdict, deque
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from harness.cache import freeze, thaw
from harness.comparison import Comparison, ComparisonBatch, Scoring, Slicing
from harness.core.errors import InferenceError, ReportError
from harness.core.protocols import TensorSpec
from harness.core.specs import TASKS, SliceSpec

N = 40


def binary(rng):
    return rng.random(N), rng.random(N), rng.integers(0, 2, N), {}, {}


def classification(rng):
    one, other = rng.normal(size=(2, N, 4)).astype(np.float32)
    return one, other, rng.integers(0, 4, N), {}, {}


def detection(rng):
    sides = []
    for _ in range(2):
        corner = rng.random((N, 5, 2)) * 50
        boxes = np.concatenate([corner, corner + 1 + rng.random((N, 5, 2)) * 40], 2)
        classes = rng.integers(0, 3, (N, 5)).astype(float)
        scores = rng.random((N, 5))
        sides.append({"boxes": boxes, "classes": classes, "scores": scores})
    targets = {"boxes": sides[0]["boxes"][:, :3], "classes": sides[0]["classes"][:, :3]}
    return sides[0], sides[1], None, targets, {}


def embedding(rng):
    ours = rng.normal(size=(N, 6))
    return ours, ours + rng.normal(size=(N, 6)), None, {}, {"k": 4}


def multilabel(rng):
    truth = {"labels": rng.integers(0, 2, (N, 3))}
    return rng.random((N, 3)), rng.random((N, 3)), None, truth, {}


def regression(rng):
    truth = rng.normal(size=(N, 2)) + 1e4
    ours, theirs = truth + rng.normal(size=(2, N, 2))
    return ours, theirs, None, {"target": truth}, {}


def segmentation(rng):
    maps = rng.integers(0, 3, (3, N, 4, 5))
    return maps[0], maps[1], None, {"mask": maps[2]}, {"classes": 3}


def sequence(rng):
    tokens = rng.integers(0, 4, (3, N, 6))
    options = {"eos": 1, "pad": 0}
    return tokens[0], tokens[1], None, {"target": tokens[2]}, options


def tensor(rng):
    ours = rng.normal(size=(N, 7))
    ours[3, 2] = np.nan
    return ours, ours + 1e-3, None, {}, {}


MAKERS = {maker.__name__: maker for maker in (
    *(binary, classification, detection, embedding, multilabel),
    *(regression, segmentation, sequence, tensor),
)}  # fmt: skip


def batches(task, seed):
    """A scoring, pairs of outputs, and batches of unequal length."""
    rng = np.random.default_rng(seed)
    ours, theirs, labels, targets, options = MAKERS[task](rng)
    sides = [s if isinstance(s, dict) else {"out": s} for s in (ours, theirs)]
    metadata = {"hour": rng.integers(0, 24, N), "group": rng.integers(0, 9, N)}
    whole = ComparisonBatch(slice(0, N), *sides, labels, None, targets, metadata)
    cuts = np.split(np.arange(N), sorted(rng.integers(1, N, 3).tolist()))
    slicing = Slicing((SliceSpec("night", "hour < 8"),))
    pairs = {name: name for name in sides[0]}
    found = [whole.where(cut) for cut in cuts if len(cut)]
    return Scoring(task, options, slicing), pairs, found


def same(one, other):
    """NaN is NaN: two results say the same, to the last bit."""
    assert repr(one) == repr(other)


def test_every_task_is_here():
    assert sorted(MAKERS) == sorted(TASKS)


@pytest.mark.parametrize("task", TASKS)
@settings(max_examples=2, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32 - 1))
def test_a_thawed_comparison_goes_on_as_if_nothing_had_been(task, seed):
    scoring, pairs, found = batches(task, seed)
    plain, frozen, rest = (Comparison(scoring, pairs, 0.01) for _ in range(3))
    for comparison in (plain, frozen):
        comparison.update(found[0])
    frozen = thaw(freeze(frozen), Comparison)
    same(frozen.result(), plain.result())
    for batch in found[1:]:
        rest.update(batch)
    if len(found) > 1:
        plain.merge(rest)
        frozen.merge(thaw(freeze(rest), Comparison))
    same(frozen.result(), plain.result())
    assert freeze(frozen) == freeze(plain)


@pytest.mark.parametrize("task", TASKS)
def test_a_comparison_that_has_seen_nothing_can_be_frozen(task):
    scoring, pairs, found = batches(task, 1)
    frozen = thaw(freeze(Comparison(scoring, pairs)), Comparison)
    plain = Comparison(scoring, pairs)
    for comparison in (plain, frozen):
        comparison.update(found[0])
    same(frozen.result(), plain.result())


@given(
    hnp.arrays(
        st.one_of(
            hnp.boolean_dtypes(),
            hnp.integer_dtypes(endianness="?"),
            hnp.floating_dtypes(endianness="?"),
            hnp.unicode_string_dtypes(),
        ),
        hnp.array_shapes(min_dims=0, min_side=0),
    )
)
def test_an_array_keeps_its_bytes_its_dtype_and_its_shape(array):
    found = thaw(freeze([array]), list)[0]
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    assert found.tobytes() == array.tobytes()
    assert found.flags.writeable


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(values)
def test_plain_values_keep_their_types(value):
    assert repr(thaw(freeze([value]), list)) == repr([value])


def test_what_states_are_made_of():
    shared = np.arange(3)
    state = {
        "count": Counter("aab"),
        "ordered": OrderedDict(b=1, a=2),
        "default": defaultdict(list, {1: [2]}),
        "deque": deque([1, 2], maxlen=3),
        "sets": ({3, 1}, frozenset("ab")),
        "slice": slice(1, None, 2),
        "dtype": np.dtype("<f4"),
        "path": Path("a/b"),
        "scalar": np.float32(0.1),
        "record": TensorSpec("x", "float32", ("n", 3)),
        "words": np.array(["a", "longer"], object),
        "fortran": np.asfortranarray(np.arange(6).reshape(2, 3)),
        "twice": (shared, shared),
    }
    found = thaw(freeze(state), dict)
    assert repr(found) == repr(state)
    assert found["twice"][0] is found["twice"][1]
    assert found["default"][7] == []
    assert found["deque"].maxlen == 3


def test_an_error_keeps_its_class_message_and_hint():
    error = thaw(freeze([InferenceError("no", hint="try")]), list)[0]
    assert (type(error), error.message, error.hint) == (InferenceError, "no", "try")


@pytest.mark.parametrize("value", [print, int, lambda: 0, np.array([object()]), np.add])
def test_code_and_objects_without_a_form_are_refused(value):
    with pytest.raises(TypeError, match="cannot be frozen"):
        freeze([value])


FROZEN = freeze({"a": np.arange(9), "b": [TensorSpec("x", "f", None)], "c": 1.5})


@given(st.data())
def test_what_was_cut_short_is_told(data):
    cut = data.draw(st.integers(0, len(FROZEN) - 1))
    with pytest.raises(ReportError, match="cannot be read"):
        thaw(FROZEN[:cut], dict)


@given(st.data())
def test_damaged_bytes_are_told_or_are_another_state_but_never_a_crash(data):
    damaged = bytearray(FROZEN)
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(FROZEN) - 1))
        damaged[at] = data.draw(st.integers(0, 255))
    with suppress(ReportError):
        assert isinstance(thaw(bytes(damaged), dict), dict)


def forged(tree, tail=b""):
    text = json.dumps(tree).encode()
    return b"MQH1" + len(text).to_bytes(8, "little") + text + tail


def npy(dtype, shape):
    header = repr({"descr": dtype, "fortran_order": False, "shape": shape}).encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header


def holding(tail, size=None):
    tree = {"k": "list", "l": [{"a": len(tail) if size is None else size}]}
    return forged(tree, tail)


@pytest.mark.parametrize(
    "frozen",
    [
        forged({"o": "os:system", "v": {}}),
        forged({"o": "subprocess:Popen", "v": {"args": ["true"]}}),
        forged({"o": "harness.core.provenance:subprocess", "v": {}}),
        forged({"o": "harness.core.provenance:subprocess.Popen", "v": {}}),
        forged({"o": "harness.core.files:write_text", "v": {}}),
        forged({"o": "harness.no_such_module:Thing", "v": {}}),
        forged({"o": "harness.core.protocols:TensorSpec", "v": {"__class__": 1}}),
        forged({"e": ["harness.core.protocols:TensorSpec", "a", "b"]}),
        forged({"k": "list", "l": [{"o": "harness.core.provenance:Path", "v": {}}]}),
        forged({"e": ["builtins:SystemExit", "a", "b"]}),
        forged({"k": "list", "l": [{"&": 7}]}),
        forged({"k": "map", "l": []}),
        forged({}),
        forged({"z": 1}),
        forged("text"),
        forged({"k": "list", "l": [{"a": 1 << 60}]}),
        forged({"k": "list", "l": [{"a": -5}]}),
        holding(npy("<f8", (1 << 40,))),
        holding(npy("<f8", (1 << 62, 1 << 62))),
        holding(npy("<f8", (-1,)), 1 << 50),
        holding(npy("|O", (1,)) + b"cos\nsystem\n(S'true'\ntR."),
        holding(npy("<f8", "no shape")),
        b"MQH1" + (1 << 62).to_bytes(8, "little") + b"[]",
        b"MQH1" + b"\xff" * 8,
        b"\x80\x04\x95",
        b"",
        b"MQH1" + (400_000).to_bytes(8, "little") + b"[" * 200_000 + b"]" * 200_000,
    ],
)
def test_hostile_bytes_are_refused(frozen):
    with pytest.raises(ReportError, match="cannot be read") as caught:
        thaw(frozen, list)
    assert "remove it" in caught.value.hint


def test_what_was_frozen_is_let_go_at_once():
    """Not when Python next looks for circles: answers are large."""
    state = np.zeros(8)
    gone = weakref.ref(state)
    gc.disable()
    try:
        freeze({"answers": state})
        del state
        assert gone() is None
    finally:
        gc.enable()
