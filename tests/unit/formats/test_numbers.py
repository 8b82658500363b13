import ml_dtypes
import numpy as np
import pytest

from harness.formats.numbers import as_floats, stored_dtype

NARROW = [
    *("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz"),
    "float8_e8m0fnu",
]


@pytest.mark.parametrize("name", NARROW)
def test_every_code_of_eight_bits_means_what_it_should(name):
    codes = np.arange(256, dtype=np.uint8)
    # Its own conversion of NaN is "invalid".
    with np.errstate(invalid="ignore"):
        wanted = codes.view(getattr(ml_dtypes, name)).astype(np.float32)
    found = as_floats(codes, name)
    np.testing.assert_array_equal(found, wanted, strict=True)
    signed = ~np.isnan(wanted)
    np.testing.assert_array_equal(np.signbit(found)[signed], np.signbit(wanted)[signed])


@pytest.mark.parametrize("order", "<>")
def test_every_bfloat16_means_what_it_should(order):
    codes = np.arange(1 << 16, dtype=np.uint16)
    wanted = (codes.astype(np.uint32) << 16).view(np.float32)
    found = as_floats(codes.astype(f"{order}u2"), "bfloat16")
    np.testing.assert_array_equal(found.view(np.uint32), wanted.view(np.uint32))
    finite = np.isfinite(wanted)
    other = codes.view(ml_dtypes.bfloat16).astype(np.float32)
    np.testing.assert_array_equal(found[finite], other[finite])


@pytest.mark.parametrize(
    ("name", "wide"),
    [
        *(("int8", np.float32), ("uint16", np.float32), ("int32", np.float64)),
        *(("int64", np.float64), ("float16", np.float32), ("bool", np.float32)),
    ],
)
def test_integers_and_halves_keep_their_values(name, wide):
    stored = np.array([0, 1, 1], stored_dtype(name))
    np.testing.assert_array_equal(as_floats(stored, name), stored.astype(wide))
    assert as_floats(stored, name).dtype == wide


def test_native_floats_are_not_copied():
    stored = np.ones(3, np.float32)
    assert as_floats(stored, "float32") is stored


@pytest.mark.parametrize("name", ["complex64", "unknown", "float8", "f4"])
def test_other_names_are_not_known(name):
    assert stored_dtype(name) is None
