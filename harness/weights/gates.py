"""Gates of recurrent layers: equal blocks of one axis, in an order of each tool's own.

LSTM: Keras and PyTorch i f g o, ONNX i o f g, TensorFlow 1 i g f o, OpenVINO f i g o.
GRU: Keras, ONNX and OpenVINO z r h, PyTorch r z n.
"""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

from harness.weights.layouts import Arrangement, arrangements
from harness.weights.likeness import SIMILAR, cosine
from harness.weights.sketch import tame

if TYPE_CHECKING:
    from harness.core.protocols import FloatArray
    from harness.weights.layouts import Axes
    from harness.weights.sketch import Sketch

_COUNTS = (4, 3)
_ORDERS = {"Keras": "ifgo", "ONNX": "iofg", "TensorFlow 1": "igfo", "OpenVINO": "figo"}
_GRU = (1, 0, 2)
_RECURRENT = ("LSTM", "GRU", "lstm", "gru", "Lstm", "Gru", "RNN", "rnn")
# Blocks of fewer numbers than this are alike by chance.
_MIN_BLOCK = 4


def gate_arrangement(reference: Sketch, candidate: Sketch) -> Arrangement | None:
    """The order of gates in which the reference is the candidate; None without one."""
    if not (is_recurrent(reference) or is_recurrent(candidate)):
        return None
    layouts = list(arrangements(reference.squeezed, candidate.squeezed))
    if not layouts:
        return None
    theirs, ours = reference.tensor.load(), candidate.tensor.load()
    for how in layouts:
        moved = theirs.reshape(how.split).transpose(how.axes)
        if moved.shape != candidate.squeezed:
            continue
        found = gate_order(moved, ours.reshape(candidate.squeezed))
        if found:
            return Arrangement(how.split, how.axes, *found)
    return None


def is_recurrent(sketch: Sketch) -> bool:
    """Whether a tensor may be a recurrent layer's, by its role, operator or names."""
    tensor = sketch.tensor
    if tensor.role.startswith("gate") or tensor.role == "peephole":
        return True
    text = f"{tensor.name} {tensor.op_type} {tensor.node}"
    return any(word in text for word in _RECURRENT)


def gate_order(theirs: FloatArray, ours: FloatArray) -> tuple[int, Axes] | None:
    """Axis, and for each block of ours which block of theirs it is.

    None where blocks are in order already, or where they are not alike at all.
    """
    for axis, size in enumerate(ours.shape):
        for n in _COUNTS:
            if size % n == 0 and ours.size // n >= _MIN_BLOCK:
                order = _order(theirs, ours, axis, n)
                if order and order != tuple(range(n)):
                    return axis, order
    return None


def _order(theirs: FloatArray, ours: FloatArray, axis: int, n: int) -> Axes | None:
    r = [tame(part).ravel() for part in np.split(theirs, n, axis)]
    c = [tame(part).ravel() for part in np.split(ours, n, axis)]
    alike = [[_alike(a, b) for a in r] for b in c]
    # Of equally good orders, the one as it stands comes first.
    best = max(permutations(range(n)), key=lambda order: _worst(alike, order))
    return best if _worst(alike, best) >= SIMILAR else None


def _worst(alike: list[list[float]], order: Axes) -> float:
    return min(row[source] for row, source in zip(alike, order, strict=True))


def _alike(r: FloatArray, c: FloatArray) -> float:
    # Forget gates start with a bias of 1: blocks of one number have no direction.
    if np.array_equal(r, c):
        return 1.0
    return min(cosine(r, c), cosine(r - r.mean(), c - c.mean()))


def told(order: Axes) -> tuple[str, bool]:
    """An order in words, and whether it is one that a conversion between tools makes.

    ``order[i]`` is the reference's block that is block i of the candidate.
    """
    if order == _GRU:
        return "gates 0 and 1 swapped, as between Keras's zrh and PyTorch's rzn", True
    for theirs, letters in _ORDERS.items():
        for ours, wanted in _ORDERS.items():
            if tuple(letters.index(gate) for gate in wanted) == order:
                text = f"gates from {theirs}'s order {letters} to {ours}'s {wanted}"
                return text, True
    return f"gates in the order {', '.join(map(str, order))}", False
