"""Gates that were copied as they lay into a tool that reads another order.

The numbers are equal to the last bit, and yet the layers compute something else. Told
of recurrent kernels alone: their shape says how many gates there are, and their role,
layout and operator who reads them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from harness.core.tensors import WeightFault

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.core.protocols import WeightTensor
    from harness.weights.measuring import Measured

_LSTM = {"Keras": "ifgo", "ONNX": "iofg", "OpenVINO": "figo", "PyTorch": "ifgo"}
_GRU = {"Keras": "zrh", "ONNX": "zrh", "OpenVINO": "zrh", "PyTorch": "rzn"}
_LETTERS = {4: _LSTM, 3: _GRU}
_SAME = str.maketrans("n", "h")
_CELLS = {"LSTM": 4, "GRU": 3}
_OPENVINO = re.compile(r"(LSTM|GRU)(Cell|Sequence)")
_TORCH = re.compile(r"(^|[./])weight_hh_l\d+(_reverse)?$")


def misread_gates(pairs: Sequence[Measured]) -> Iterator[WeightFault]:
    """Recurrent kernels that are equal as they lie, for tools of different orders."""
    for pair in pairs:
        match = pair.match
        if match.matched_by not in {"exact", "transposed"} or match.how.blocks:
            continue
        theirs, ours = match.reference.tensor, match.candidate.tensor
        mine, other = reading_of(theirs), reading_of(ours)
        if mine is None or other is None or not _differ(mine[1], other[1]):
            continue
        if _is_told_by_order(ours, mine[1], other[1]):
            text = (
                f"{pair.drift.name}: gates as they lie in {mine[0]}'s order {mine[1]},"
                f" and {other[0]}'s {ours.op_type or 'layer'} reads {other[1]}"
            )
            yield WeightFault("rnn.gate_order", (pair.drift.name,), text)


def reading_of(tensor: WeightTensor) -> tuple[str, str] | None:
    """Who reads a recurrent kernel, and in which order; None where that is not sure."""
    n = _n_gates(tensor)
    tool = _tool(tensor, n)
    return None if tool is None or n is None else (tool, _LETTERS[n][tool])


def _tool(tensor: WeightTensor, n: int | None) -> str | None:
    op_type, rank = tensor.op_type or "", len(tensor.shape)
    if tensor.role != "gate_recurrent_kernel" or n is None:
        return None
    if _TORCH.search(tensor.name) and rank == 2:
        return "PyTorch"
    if found := _OPENVINO.fullmatch(op_type):
        return "OpenVINO" if _CELLS[found[1]] == n else None
    if _CELLS.get(op_type) != n:
        return None
    # ONNX has an axis of directions; what has none is not read by the operator itself.
    return {(3, "DGI"): "ONNX", (2, "IG"): "Keras"}.get((rank, tensor.layout or ""))


def _n_gates(tensor: WeightTensor) -> int | None:
    """Blocks of a kernel from units to gates of units."""
    short, long = sorted(tensor.shape[-2:]) if len(tensor.shape) > 1 else (0, 0)
    n = long // short if short else 0
    return n if n in _LETTERS and n * short == long else None


def _differ(mine: str, other: str) -> bool:
    same = sorted(mine.translate(_SAME)) == sorted(other.translate(_SAME))
    return same and mine.translate(_SAME) != other.translate(_SAME)


def _is_told_by_order(tensor: WeightTensor, mine: str, other: str) -> bool:
    """Whether the order of its blocks matters: gates of one number have none."""
    array = tensor.load()
    axis = int(np.argmax(array.shape[-2:])) + array.ndim - 2
    blocks = np.split(array, len(mine), axis)
    order = [mine.translate(_SAME).index(gate) for gate in other.translate(_SAME)]
    return not np.array_equal(np.concatenate([blocks[i] for i in order], axis), array)
