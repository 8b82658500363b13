"""What an OpenVINO model fixes by layers between constants: decompression, mostly."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from harness.graphs.translate.openvino_call import computed_in
from harness.graphs.translate.openvino_codes import begun, continued, faked

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.core.protocols import Array
    from harness.graphs.translate.openvino_call import IrCall
    from harness.graphs.translate.openvino_codes import Codes

_TWO: dict[str, Callable[[Array, Array], Array]] = {
    "Add": np.add,
    "Multiply": np.multiply,
    "Subtract": np.subtract,
}
# Those that keep all numbers.
MOVED = frozenset({"Convert", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})
FOLDED = frozenset({"FakeQuantize", *MOVED, *_TWO})


def folded(call: IrCall) -> tuple[Array, Codes | None] | None:
    """What a layer answers, and the codes it was made of; None where it is computed.

    Raises:
        ValueError: Shapes do not fit each other.
    """
    contents = [None if o is None else o.content for o in call.operands]
    known = [content for content in contents if content is not None]
    if call.layer.type not in FOLDED or not known or len(known) < len(contents):
        return None
    if call.layer.type in _TWO:
        return _two(call, known)
    if call.layer.type == "Convert":
        return _converted(call, known[0])
    if call.layer.type == "FakeQuantize":
        return _faked(call, known)
    return _moved(call, known), None


def _two(call: IrCall, known: list[Array]) -> tuple[Array, Codes | None] | None:
    left, right = known
    # A small file may not ask for a large array.
    if math.prod(np.broadcast_shapes(left.shape, right.shape)) > left.size:
        return None
    with np.errstate(all="ignore"):
        answer = _TWO[call.layer.type](left, right).astype(left.dtype)
    return answer, continued(call.operand().codes, call.layer.type, right)


def _converted(call: IrCall, x: Array) -> tuple[Array, Codes | None] | None:
    dtype = computed_in(call.text("destination_type"))
    try:
        with np.errstate(all="ignore"):
            answer = x.astype(dtype)
    except TypeError:
        # numpy has no such type; what refuses it says so.
        return None
    if answer.dtype == x.dtype:
        return answer, call.operand().codes
    return answer, begun(x) if dtype == "float32" else None


def _faked(call: IrCall, known: list[Array]) -> tuple[Array, None] | None:
    x, *ends = known
    shapes = [end.shape for end in ends]
    if np.broadcast_shapes(x.shape, *shapes) != x.shape:
        return None
    return faked(x, tuple(ends), call.integer("levels", 2)), None


def _moved(call: IrCall, known: list[Array]) -> Array:
    x = known[0]
    numbers = [int(n) for n in known[1].reshape(-1)] if len(known) > 1 else None
    kind = call.layer.type
    if kind == "Transpose":
        return x.transpose(numbers or None)
    if kind == "Unsqueeze":
        return np.expand_dims(x, tuple(numbers or ()))
    if kind == "Squeeze":
        return np.squeeze(x, None if numbers is None else tuple(numbers))
    special = call.flag("special_zero")
    told = enumerate(numbers or ())
    return x.reshape([x.shape[at] if n == 0 and special else n for at, n in told])
