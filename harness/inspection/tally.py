"""Counts of operators and weights, in the order that facts give them."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_BITS = {
    **dict.fromkeys(("int2", "uint2"), 2),
    **dict.fromkeys(("int4", "uint4", "float4_e2m1fn"), 4),
    **dict.fromkeys(("bool", "int8", "uint8"), 8),
    **dict.fromkeys(("float8_e4m3fn", "float8_e5m2"), 8),
    **dict.fromkeys(("int16", "uint16", "float16", "bfloat16"), 16),
    **dict.fromkeys(("int32", "uint32", "float32"), 32),
    **dict.fromkeys(("int64", "uint64", "float64", "complex64"), 64),
    "complex128": 128,
}


def counted(names: Iterable[str]) -> dict[str, int]:
    """Name -> how often it comes, most frequent first."""
    return _largest_first(Counter(names))


class Weights:
    """Weights seen so far.

    Attributes:
        n_parameters: Elements of all of them; flags and texts are none.
    """

    def __init__(self) -> None:
        self._elements: Counter[str] = Counter()
        self.n_parameters = 0

    def add(
        self, dtype: str, shape: Sequence[int], *, is_parameter: bool = True
    ) -> None:
        """One tensor; lengths below 0 count as nothing.

        Args:
            dtype: numpy's name of it.
            shape: Its lengths.
            is_parameter: False for shapes, axes and the like: bytes, no parameters.
        """
        n_elements = math.prod(max(0, length) for length in shape)
        self._elements[dtype] += n_elements
        if is_parameter and dtype not in {"bool", "str"}:
            self.n_parameters += n_elements

    @property
    def bytes_by_dtype(self) -> dict[str, int]:
        """Bytes by dtype, largest first; of a dtype without a fixed width, none."""
        sizes = {
            d: -(-n * _BITS[d] // 8) for d, n in self._elements.items() if d in _BITS
        }
        return _largest_first({dtype: size for dtype, size in sizes.items() if size})


def _largest_first(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
