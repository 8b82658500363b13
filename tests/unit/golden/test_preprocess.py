import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.errors import SuiteError
from harness.core.specs import Preprocess
from harness.golden.preprocess import prepare, preprocess_digest

PIXELS = np.array([[0, 1], [15, 16]], np.uint8)


def test_nothing_declared_gives_the_array_itself():
    assert prepare(PIXELS, Preprocess()) is PIXELS


@pytest.mark.parametrize(
    ("stored", "asked", "expected"),
    [
        ("uint8", None, "float32"),
        ("int64", None, "float32"),
        ("bool", None, "float32"),
        ("float16", None, "float16"),
        ("float32", None, "float32"),
        ("float64", None, "float64"),
        ("float64", "float32", "float32"),
        ("uint8", "float64", "float64"),
        ("uint8", "float16", "float16"),
    ],
)
def test_float64_is_there_only_where_somebody_asks(stored, asked, expected):
    declared = Preprocess(scale=0.0625, offset=-0.5, dtype=asked)
    assert prepare(PIXELS.astype(stored), declared).dtype == expected


def test_order_is_transpose_scale_offset_dtype():
    array = np.arange(6, dtype=np.uint8).reshape(1, 2, 3)
    declared = Preprocess(scale=2, offset=1, transpose=(0, 2, 1), dtype="int32")
    expected = array.transpose(0, 2, 1).astype(np.int32) * 2 + 1
    found = prepare(array, declared)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.int32
    assert found.flags.c_contiguous


def test_a_sample_is_flattened_after_it_is_transposed():
    array = np.arange(12).reshape(2, 2, 3)
    declared = Preprocess(transpose=(0, 2, 1), flatten=True)
    assert prepare(array, declared)[1].tolist() == [6, 9, 7, 10, 8, 11]
    assert prepare(array, Preprocess(flatten=True)).shape == (2, 6)
    assert prepare(array[:0], Preprocess(flatten=True)).shape == (0, 6)
    assert prepare(np.arange(3), Preprocess(flatten=True)).shape == (3, 1)


def test_digest_of_what_was_recorded_before_there_was_flatten():
    known = "156233c2f866ade94290864fbb2f238b13e5796db347c3031084d11fda918b71"
    assert preprocess_digest(Preprocess(scale=0.0625)) == known


def test_the_golden_array_stays_as_it_was():
    array = np.ones((2, 2), np.float32)
    prepare(array, Preprocess(scale=3, offset=1))
    assert array.max() == 1


def test_integers_are_rounded_half_to_even_and_saturate():
    array = np.array([-300, -1.5, 0.5, 1.5, 300], np.float32)
    found = prepare(array, Preprocess(dtype="int8"))
    assert found.tolist() == [-128, -2, 0, 2, 127]


@pytest.mark.parametrize("axes", [(1, 0), (0, 0), (0,), (0, 1, 2)])
def test_axes_that_do_not_fit(axes):
    with pytest.raises(SuiteError, match=r"transpose.*\(2, 2\)"):
        prepare(PIXELS, Preprocess(transpose=axes))


def test_unknown_dtype():
    with pytest.raises(SuiteError, match="floaty"):
        prepare(PIXELS, Preprocess(dtype="floaty"))


def test_text_cannot_be_scaled():
    with pytest.raises(SuiteError, match="text"):
        prepare(np.array(["a"]), Preprocess(scale=2))


def test_digest_tells_declarations_apart():
    declared = [
        Preprocess(),
        Preprocess(scale=1.0),
        Preprocess(offset=1.0),
        Preprocess(transpose=(0, 2, 1)),
        Preprocess(dtype="float32"),
        Preprocess(flatten=True),
    ]
    assert len({preprocess_digest(p) for p in declared}) == len(declared)


@given(scale=st.floats(-8, 8, width=32), offset=st.floats(-8, 8, width=32))
def test_affine_is_numpys_in_float32(scale, offset):
    found = prepare(PIXELS, Preprocess(scale=scale, offset=offset))
    expected = PIXELS.astype(np.float32) * np.float32(scale) + np.float32(offset)
    np.testing.assert_array_equal(found, expected)
