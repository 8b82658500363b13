"""Blocks of spans, which whoever runs them may merge before they are brought back."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

Block: TypeAlias = "tuple[slice, ...]"

# A block is this part of what is left for a worker: the last ones end together.
_SHARE = 4


def next_block(spans: Sequence[slice], start: int, n_workers: int, most: int) -> Block:
    """The spans to hand out next: many at first, one by one at the end.

    As many as a power of two, after a multiple of as many; see
    `harness.engines.protocol.Hands.block`.

    Args:
        spans: All of them.
        start: How many have been handed out.
        n_workers: Who shares in what is left.
        most: Spans a block, a power of two.
    """
    fair = (len(spans) - start) // (_SHARE * n_workers)
    size = min(most, 1 << max(0, fair.bit_length() - 1))
    while start % size:
        size //= 2
    return tuple(spans[start : start + size])
