"""LiteRT's fused LSTM, as ONNX.

Its gates are tensors of their own, input, forget, cell, output
(tensorflow/lite/kernels/unidirectional_sequence_lstm.cc); ONNX' are blocks of one,
input, output, forget, cell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.graphs.translate.lite_call import is_coded

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.core.protocols import Array
    from harness.graphs.translate.lite_call import Call

# First inputs of each kind; ONNX' gates in this order among LiteRT's.
_KERNELS, _STATES, _PEEPHOLES, _BIASES = 1, 5, 9, 12
_PROJECTION, _ACTIVATION, _CELL, _NORMS = 16, 18, 19, 20
_GATES = (0, 3, 1, 2)
_TANH = 4


def _lstm(call: Call) -> str:
    _require_plain(call)
    e = call.e
    kernel, state = (_stacked(call, first) for first in (_KERNELS, _STATES))
    bias = np.concatenate([_biases(call), np.zeros(len(kernel), np.float32)])
    operands = [
        call.floats() if call.integer(3, "?") else _turned(call, call.floats()),
        e.constant(kernel[None], call.tensor(_KERNELS).name),
        e.constant(state[None], call.tensor(_STATES).name),
        e.constant(bias[None], call.tensor(_BIASES).name),
    ]
    (steps,) = e.emit_many("LSTM", operands, 1, hidden_size=state.shape[1])
    steps = e.emit("Squeeze", steps, e.ints([1]))
    return steps if call.integer(3, "?") else _turned(call, steps)


def _turned(call: Call, x: str) -> str:
    return call.e.emit("Transpose", x, perm=[1, 0, 2])


def _require_plain(call: Call) -> None:
    more = [*range(_PEEPHOLES, _BIASES), _PROJECTION, *range(_NORMS, _NORMS + 4)]
    if any(call.has(at) for at in more) or not call.has(_KERNELS):
        raise call.refused("it has peepholes, a projection, norms or joined gates")
    if call.number(1) or call.number(2) or call.integer(0) != _TANH:
        raise call.refused("it clips its cell, or has another activation")
    states = (call.tensor(at) for at in (_ACTIVATION, _CELL))
    if any(t.content is not None and np.any(t.content) for t in states):
        raise call.refused("its state begins with numbers")


def _stacked(call: Call, first: int) -> Array:
    """(gates units, columns), in ONNX' order."""
    gates = [first + gate for gate in _GATES]
    if any(is_coded(call.tensor(at)) for at in gates):
        raise call.refused("its weights are codes")
    return np.concatenate([_floats(call, at) for at in gates])


def _biases(call: Call) -> Array:
    gates = [_BIASES + gate for gate in _GATES]
    return np.concatenate([_floats(call, at) for at in gates])


def _floats(call: Call, at: int) -> Array:
    return np.asarray(call.content(at), np.float32)


RECURRENT: dict[str, Callable[[Call], str]] = {"UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm}
