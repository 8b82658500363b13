"""Arrays through shared memory, and who may do what with it."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from harness.core.errors import InferenceError
from harness.run.isolation.blocks import Block, Slot, read_arrays, write_arrays

SHAPES = arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)
DTYPES = st.one_of(
    arrays.boolean_dtypes(),
    arrays.integer_dtypes(),
    arrays.unsigned_integer_dtypes(),
    arrays.floating_dtypes(),
    arrays.complex_number_dtypes(),
    arrays.unicode_string_dtypes(max_len=4),
)


@pytest.fixture
def block():
    block = Block.create()
    yield block
    block.close()


def through(block, written, *, owned=True):
    """What the other side reads: it has a file descriptor of its own."""
    slots = write_arrays(block, written, "input")
    other = Block(os.dup(block.fd))
    try:
        return read_arrays(other, slots, owned=owned)
    finally:
        other.close()


@given(
    st.dictionaries(
        st.text(max_size=5), arrays.arrays(DTYPES, SHAPES), min_size=1, max_size=4
    )
)
def test_arrays_come_out_as_they_went_in(written):
    block = Block.create()
    try:
        read = through(block, written)
    finally:
        block.close()
    assert list(read) == list(written)
    for name, array in written.items():
        assert read[name].dtype == array.dtype
        assert read[name].shape == array.shape
        assert read[name].tobytes() == array.tobytes()


@given(st.lists(st.text()), st.booleans())
def test_text_of_any_length_goes_through(words, column):
    array = np.array(words, object).reshape((-1, 1) if column else (-1,))
    block = Block.create()
    try:
        read = through(block, {"words": array})["words"]
    finally:
        block.close()
    assert read.dtype == object
    assert read.shape == array.shape
    assert read.tolist() == array.tolist()


def test_the_order_in_memory_does_not_matter(block):
    x = np.arange(24.0).reshape(2, 3, 4)
    written = {"t": x.T, "s": x[:, ::-2], "f": np.asfortranarray(x), "0": np.float32(3)}
    for name, array in through(block, written).items():
        np.testing.assert_array_equal(array, written[name])


def test_owned_arrays_do_not_change_with_the_next_write(block):
    first = through(block, {"x": np.zeros(3)})["x"]
    view = through(block, {"x": np.zeros(3)}, owned=False)["x"]
    write_arrays(block, {"x": np.ones(3)}, "input")
    assert first.tolist() == [0, 0, 0]
    assert view.tolist() == [1, 1, 1]
    first += 1  # and may be written to


def test_it_grows_and_arrays_that_still_look_at_it_live_on(block):
    small = through(block, {"x": np.arange(4)}, owned=False)["x"]
    large = np.arange(1 << 20, dtype=np.uint8)
    np.testing.assert_array_equal(through(block, {"x": large})["x"], large)
    assert small.shape == (4,)
    assert os.fstat(block.fd).st_size >= 1 << 20


def test_every_array_starts_on_a_line_of_the_cache(block):
    slots = write_arrays(block, {"a": np.zeros(3, np.int8), "b": np.zeros(2)}, "input")
    assert [slot.offset for slot in slots] == [0, 64]


def test_it_has_no_name_and_is_gone_with_its_last_holder(block):
    write_arrays(block, {"x": np.zeros(3)}, "input")
    shown = Path(f"/proc/self/fd/{block.fd}").readlink()
    assert str(shown) == "/memfd:harness (deleted)"


def test_the_other_side_cannot_cut_it_short(block):
    block.grow(1 << 16)
    with pytest.raises(PermissionError):
        os.ftruncate(block.fd, 0)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ([1.0, 2.0], "output 'x' takes an array, got list"),
        (np.array([b"", None], object), "'x' is of dtype object"),
        (np.array(["2020-01-01"], "datetime64[D]"), "is of dtype datetime64"),
    ],
)
def test_what_cannot_be_handed_over_is_told(block, value, says):
    with pytest.raises(InferenceError) as caught:
        write_arrays(block, {"fine": np.zeros(2), "x": value}, "output")
    assert says in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    "slot",
    [
        Slot("x", "<f4", (4,), 0, 17),
        Slot("x", "<f4", (1 << 20,), 0, 4 << 20),
        Slot("x", "<f4", (4,), mmap.PAGESIZE * 64, 16),
        Slot("x", "<f4", (4,), -16, 16),
        Slot("x", "<f4", (-1, -4), 0, 16),
        Slot("x", "|O", (2,), 0, 16),
        Slot("x", "no dtype", (2,), 0, 16),
    ],
)
def test_a_slot_that_lies_is_refused(block, slot):
    write_arrays(block, {"x": np.zeros(4, np.float32)}, "input")
    with pytest.raises((ValueError, TypeError)):
        read_arrays(block, [slot], owned=True)
