"""OpenVINO's LSTM, GRU and RNN, as sequences and as single cells, as ONNX.

OpenVINO's gates of an LSTM are forget, input, cell, output; ONNX' input, output,
forget, cell. Those of a GRU are the same. Batches come first in OpenVINO.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.core.protocols import Array
    from harness.graphs.translate.openvino_call import IrCall

_TIME_FIRST = [1, 0, 2]


@dataclass(frozen=True, slots=True)
class _Kind:
    """What is told of an operator.

    Attributes:
        op_type: In ONNX.
        order: Its gates in the file, in ONNX' order.
        usual: Its activations where none are told.
        n_states: States that it keeps.
    """

    op_type: str
    order: tuple[int, ...]
    usual: tuple[str, ...]
    n_states: int = 1


_LSTM = _Kind("LSTM", (1, 3, 0, 2), ("sigmoid", "tanh", "tanh"), 2)
_GRU = _Kind("GRU", (0, 1, 2), ("sigmoid", "tanh"))
_RNN = _Kind("RNN", (0,), ("tanh",))


def _sequence(kind: _Kind) -> Callable[[IrCall], tuple[str, ...]]:
    def translate(call: IrCall) -> tuple[str, ...]:
        e, n = call.e, kind.n_states
        x = e.emit("Transpose", call.x, perm=_TIME_FIRST)
        states = [
            e.emit("Transpose", call.name(at), perm=_TIME_FIRST)
            for at in range(1, n + 1)
        ]
        direction = call.text("direction", "forward").casefold()
        weights = _weights(call, kind, n + 2)
        lengths = _lengths(call, n + 1)
        told = {"direction": direction}
        steps, *last = _run(call, kind, (x, lengths, states), weights, told)
        return (
            e.emit("Transpose", steps, perm=[2, 1, 0, 3]),
            *(e.emit("Transpose", state, perm=_TIME_FIRST) for state in last),
        )

    return translate


def _cell(kind: _Kind) -> Callable[[IrCall], tuple[str, ...]]:
    """One step, of a sequence of one."""

    def translate(call: IrCall) -> tuple[str, ...]:
        e, n, first = call.e, kind.n_states, call.e.ints([0])
        x, *states = (e.emit("Unsqueeze", call.name(at), first) for at in range(n + 1))
        weights = _weights(call, kind, n + 1)
        _, *last = _run(call, kind, (x, "", states), weights, {})
        return tuple(e.emit("Squeeze", state, first) for state in last)

    return translate


def _lengths(call: IrCall, at: int) -> str:
    """Lengths of the sequences; nothing where all are whole."""
    content = call.operand(at).content
    if content is not None and np.all(content == call.lengths()[1]):
        return ""
    return call.e.emit("Cast", call.name(at), to=6)


def _run(
    call: IrCall,
    kind: _Kind,
    operands: tuple[str, str, list[str]],
    weights: list[str],
    told: dict[str, Any],
) -> tuple[str, ...]:
    x, lengths, states = operands
    told = {**told, **_activations(call, kind)}
    told["hidden_size"] = call.integer("hidden_size")
    if call.real("clip"):
        told["clip"] = call.real("clip")
    if call.flag("linear_before_reset"):
        told["linear_before_reset"] = 1
    inputs = [x, *weights, *[""] * (3 - len(weights)), lengths, *states]
    return call.e.emit_many(kind.op_type, inputs, kind.n_states + 1, **told)


def _weights(call: IrCall, kind: _Kind, first: int) -> list[str]:
    """Of the input, of the state, and biases; a cell has no axis of directions."""
    names = []
    for at in (first, first + 1):
        array = call.content(at)
        whole = array if array.ndim > 2 else array[None]
        names.append(call.moved(at, _ordered(whole, kind.order)))
    if not call.has(first + 2):
        return names
    bias = call.content(first + 2)
    whole = bias if bias.ndim > 1 else bias[None]
    return [*names, call.moved(first + 2, _bias(call, kind, whole))]


def _activations(call: IrCall, kind: _Kind) -> dict[str, Any]:
    told = call.text("activations").replace(" ", "").casefold()
    names = tuple(filter(None, told.split(","))) or kind.usual
    if call.text("activations_alpha") or call.text("activations_beta"):
        raise call.refused("its activations have factors of their own")
    if names == kind.usual:
        return {}
    both = call.text("direction").casefold() == "bidirectional"
    known = [name.capitalize() for name in names]
    return {"activations": known * (2 if both else 1)}


def _ordered(array: Array, order: tuple[int, ...]) -> Array:
    """(directions, gates units, ...), gates in another order."""
    blocks = np.split(array, len(order), axis=1)
    return np.concatenate([blocks[at] for at in order], axis=1)


def _bias(call: IrCall, kind: _Kind, bias: Array) -> Array:
    """ONNX has one for the input and one for the state."""
    n, size = len(kind.order), call.integer("hidden_size")
    gates = bias[:, : n * size]
    other = np.zeros_like(gates)
    if call.flag("linear_before_reset"):
        other[:, (n - 1) * size :] = bias[:, n * size :]
    return np.concatenate([_ordered(gates, kind.order), other], axis=1)


RECURRENT: dict[str, Callable[[IrCall], str | tuple[str, ...]]] = {
    "GRUCell": _cell(_GRU),
    "GRUSequence": _sequence(_GRU),
    "LSTMCell": _cell(_LSTM),
    "LSTMSequence": _sequence(_LSTM),
    "RNNCell": _cell(_RNN),
    "RNNSequence": _sequence(_RNN),
}
