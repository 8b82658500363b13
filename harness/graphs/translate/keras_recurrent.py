"""Keras' LSTM and GRU, as ONNX.

Keras' gates are input, forget, cell, output; ONNX' input, output, forget, cell. Those
of a GRU, update, reset, hidden, are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.core.protocols import Array
    from harness.graphs.translate.keras_call import KerasCall

_WORDS = ("kernel", "recurrent_kernel", "bias")
_USUAL = {"activation": "tanh", "recurrent_activation": "sigmoid"}


def _arrays(call: KerasCall) -> tuple[Array, Array, Array | None]:
    unusual = [k for k, v in _USUAL.items() if call.get(k, v) != v]
    unusual += [k for k in ("stateful", "return_state", "time_major") if call.get(k)]
    kernel, recurrent, bias = (call.array(word, _WORDS) for word in _WORDS)
    if unusual or kernel is None or recurrent is None or len(call.operands) > 1:
        raise call.refused(f"it has another {', '.join(unusual) or 'state or kernel'}")
    return kernel, recurrent, bias


def _ordered(array: Array, gates: tuple[int, ...]) -> Array:
    """(inputs, gates units) -> (1, gates units, inputs), gates in another order."""
    blocks = np.split(array, len(gates), axis=-1)
    joined = np.concatenate([blocks[at] for at in gates], axis=-1)
    return joined.T[None]


def _run(call: KerasCall, op_type: str, operands: list[Array], **more: int) -> str:
    e = call.e
    names = [call.constant("gates", np.asarray(a, np.float32)) for a in operands]
    back = bool(call.get("go_backwards"))
    every = bool(call.get("return_sequences"))
    if back and every:
        raise call.refused("it answers every step, backwards")
    x = e.emit("Transpose", call.x, perm=[1, 0, 2])
    direction = "reverse" if back else "forward"
    units = int(call.get("units"))
    steps, last = e.emit_many(
        op_type, [x, *names], 2, hidden_size=units, direction=direction, **more
    )
    if not every:
        return e.emit("Squeeze", last, e.ints([0]))
    return e.emit("Transpose", e.emit("Squeeze", steps, e.ints([1])), perm=[1, 0, 2])


def _lstm(call: KerasCall) -> str:
    kernel, recurrent, bias = _arrays(call)
    gates = (0, 3, 1, 2)
    added = np.zeros(kernel.shape[-1], np.float32) if bias is None else bias
    both = np.concatenate([_ordered(added[None], gates)[0, :, 0], np.zeros_like(added)])
    operands = [_ordered(kernel, gates), _ordered(recurrent, gates), both[None]]
    return _run(call, "LSTM", operands)


def _gru(call: KerasCall) -> str:
    kernel, recurrent, bias = _arrays(call)
    gates = (0, 1, 2)
    after = bool(call.get("reset_after", True))
    rows = np.zeros((2, kernel.shape[-1]), np.float32)
    if bias is not None:
        rows[: len(np.atleast_2d(bias))] = np.atleast_2d(bias)
    operands = [
        _ordered(kernel, gates),
        _ordered(recurrent, gates),
        rows.reshape(1, -1),
    ]
    return _run(call, "GRU", operands, linear_before_reset=int(after))


RECURRENT: dict[str, Callable[[KerasCall], str]] = {"GRU": _gru, "LSTM": _lstm}
