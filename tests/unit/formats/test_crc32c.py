import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.formats.crc32c import crc32c, unmasked


def bit_by_bit(data):
    """The definition: RFC 3720, appendix B.4."""
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


@pytest.mark.parametrize(
    ("data", "crc"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
    ],
)
def test_known_checksums(data, crc):
    assert crc32c(memoryview(data)) == crc


@given(st.binary(max_size=200))
def test_it_is_what_the_definition_says(data):
    assert crc32c(memoryview(data)) == bit_by_bit(data)


@pytest.mark.parametrize("n", [1 << 18, (1 << 18) - 3, (1 << 18) + 1, (1 << 19) - 2])
def test_blocks_are_joined(n):
    data = np.random.default_rng(n).bytes(n)
    assert crc32c(memoryview(data)) == bit_by_bit(data)


def masked(crc):
    """A checksum as TensorFlow stores it (tensorflow/core/lib/hash/crc32c.h)."""
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


@given(st.integers(0, 0xFFFFFFFF))
def test_masks_are_undone(value):
    assert unmasked(masked(value)) == value
