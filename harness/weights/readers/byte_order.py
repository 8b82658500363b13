"""Floats in the wrong byte order: told by magnitudes that no weights have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.formats.malformed import Malformed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.core.protocols import Array

_SAMPLE = 1024
# Fewer numbers than this may look wrong by chance.
_ENOUGH = 8
# Magnitudes that weights have, zero aside: variances of dead channels and scores that
# mask are beyond, and are few.
_PLAUSIBLE = (1e-12, 1e8)
_OTHER = {"<": "big", "=": "big", ">": "little", "|": "other"}


def check_byte_order(values: Array) -> None:
    """Refuse floats that make sense in the other byte order only.

    Args:
        values: Any shape; other types than float32 and float64 pass.

    Raises:
        Malformed: At most half of a sample are numbers that weights have, and nine
            tenths of it are, read in the other order.
    """
    if is_swapped(values):
        order = _OTHER[values.dtype.byteorder]
        raise Malformed(f"its numbers look {order}-endian: {_shown(values)}")


def is_swapped(values: Array) -> bool:
    """Whether floats make sense in the other byte order only."""
    if values.dtype.kind != "f" or values.dtype.itemsize < 4:
        return False
    flat = values.reshape(-1)
    sample = flat[:: max(flat.size // _SAMPLE, 1)][:_SAMPLE]
    sample = sample[sample.view(f"u{sample.itemsize}") != 0]
    if sample.size < _ENOUGH:
        return False
    return _share(sample) <= 0.5 and _share(sample.byteswap()) >= 0.9


def _share(sample: NDArray[np.floating]) -> float:
    """Share of numbers that weights have."""
    # A signalling NaN in a comparison is "invalid".
    with np.errstate(invalid="ignore"):
        size = np.abs(sample)
        plausible = (size >= _PLAUSIBLE[0]) & (size <= _PLAUSIBLE[1])
    return float(np.mean(plausible))


def _shown(values: Array) -> str:
    first = values.reshape(-1)[:3]
    read = ", ".join(f"{value:.3g}" for value in first.tolist())
    other = ", ".join(f"{value:.3g}" for value in first.byteswap().tolist())
    return f"{read} would be {other}"
