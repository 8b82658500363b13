"""TensorFlow's arithmetic on fixed whole numbers: axes and orders of axes.

ONNX has those as attributes, so that they must be known and not computed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.core.protocols import Array

_MOST = 64

_FOLDED: dict[str, Callable[[Sequence[Array]], Array]] = {
    "AddV2": lambda a: a[0] + a[1],
    "ConcatV2": lambda a: np.concatenate(a[:-1], axis=int(a[-1])),
    "Mul": lambda a: a[0] * a[1],
    # Of what has no axes, whatever the axis of the answer is called.
    "Pack": np.stack,
    "Range": lambda a: np.arange(*(int(n) for n in a)).astype(a[0].dtype),
    "Sub": lambda a: a[0] - a[1],
}
FOLDED = frozenset(_FOLDED)


def folded(op: str, contents: Sequence[Array | None]) -> Array | None:
    """What an operator answers to fixed whole numbers; None where it is not one."""
    known = [c for c in contents if c is not None and c.dtype.kind == "i"]
    if op not in FOLDED or len(known) < len(contents):
        return None
    few = all(content.size <= _MOST for content in known)
    return np.asarray(_FOLDED[op](known)) if few else None
