"""Tensors on the wire: what goes out comes back, and nothing is made to fit."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from harness.backends.kserve_tensors import DTYPES, from_raw, spec_of, to_raw
from harness.backends.remote import EndpointError
from harness.backends.remote_json import from_json, to_json
from harness.core.protocols import TensorSpec

NUMBERS = sorted(set(DTYPES.values()) - {"str"})
SHAPES = arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)


@st.composite
def numbers(draw):
    dtype = draw(st.sampled_from(NUMBERS))
    return draw(arrays.arrays(dtype, draw(SHAPES)))


@given(numbers())
def test_raw_numbers_come_back_bit_for_bit(array):
    spec = TensorSpec("y", array.dtype.name, None)
    found = from_raw(to_raw(array), spec, array.shape)
    assert found.dtype == array.dtype
    assert found.tobytes() == array.tobytes()
    assert found.flags.owndata or found.base.flags.owndata
    assert found.flags.writeable


@given(numbers())
def test_raw_numbers_do_not_depend_on_memory(array):
    other = np.asfortranarray(array).astype(array.dtype.newbyteorder(">"))
    assert to_raw(other) == to_raw(array)


@given(st.lists(TEXTS, max_size=5))
def test_raw_texts_come_back(texts):
    array = np.array(texts, dtype=object)
    found = from_raw(to_raw(array), TensorSpec("y", "str", None), (len(texts),))
    assert found.tolist() == texts


def test_bytes_that_are_no_text_stay_bytes():
    raw = to_raw(np.array([b"\xff", "a"], dtype=object))
    found = from_raw(raw, TensorSpec("y", "str", None), (2,))
    assert found.tolist() == [b"\xff", "a"]


@pytest.mark.parametrize("raw", [b"\x01", b"\x05\0\0\0ab", b"\xff\xff\xff\xffab"])
def test_texts_cut_short_are_told(raw):
    with pytest.raises(EndpointError, match="longer than the answer"):
        from_raw(raw, TensorSpec("y", "str", None), (1,))


@given(numbers())
def test_json_numbers_come_back_bit_for_bit(array):
    text = json.dumps(to_json(array))
    found = from_json(json.loads(text), array.dtype.name, "y").reshape(array.shape)
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype


@given(st.lists(st.one_of(TEXTS, st.binary(max_size=5)), max_size=5))
def test_json_texts_and_bytes_come_back(items):
    text = json.dumps(to_json(np.array(items, dtype=object)))
    assert from_json(json.loads(text), "str", "y").tolist() == items


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        ([1.5], "int32"),
        ([300], "int8"),
        ([-1], "uint8"),
        ([2**70], "int64"),
        ([True], "int32"),
        ([1], "bool"),
        (["1"], "float32"),
        ([None], "float32"),
        ([{"a": 1}], "float32"),
        ([[1, 2], [3]], "float32"),
        ([1], "str"),
        ([["a"], "b"], "str"),
        ([{"b64": "?"}], "str"),
        ([{"b64": 1}], "str"),
    ],
)
def test_nothing_is_made_to_fit(value, dtype):
    with pytest.raises(EndpointError, match="'y' cannot be read as"):
        from_json(value, dtype, "y")


def test_whole_numbers_of_64_bits_stay_whole():
    values = [0, 1, 2**64 - 1]
    assert from_json(values, "uint64", "y").tolist() == values


def test_a_number_too_large_is_infinite():
    assert from_json([1e300, -1e300], "float32", "y").tolist() == [np.inf, -np.inf]


@pytest.mark.parametrize(
    ("shape", "expected"), [((-1, 2), (None, 2)), ((), ()), (("?", 3), (None, 3))]
)
def test_described_shapes(shape, expected):
    assert spec_of("x", "FP32", shape) == TensorSpec("x", "float32", expected)


@pytest.mark.parametrize("told", [("", "FP32"), (None, "FP32"), ("x", "BF16")])
def test_described_types_that_nobody_has(told):
    described = SimpleNamespace(name=told[0], datatype=told[1])
    with pytest.raises(EndpointError, match="describes a tensor"):
        spec_of(described.name, described.datatype, ())
