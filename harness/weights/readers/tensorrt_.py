"""Weights of a TensorRT dump: a count, then a line a tensor of numbers in hexadecimal.

``name size hex hex ...``, with a type between name and size in NVIDIA's own samples
(0 float32, 1 float16). The digits are those of the number as big-endian bytes.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from harness.core.protocols import WeightTensor
from harness.formats.numbers import as_floats
from harness.formats.wire import mapped
from harness.weights.readers.byte_order import check_byte_order
from harness.weights.readers.faults import loader, reading
from harness.weights.readers.hexadecimal import Line, lines_of
from harness.weights.readers.uses import Beside, split

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from harness.core.protocols import FloatArray

_TITLE = "TensorRT weight dump"
# Numbers a line, and lines, whose byte order is looked at before any is read whole.
_SAMPLE = 256
_SAMPLED_LINES = 64


def read_weights(path: Path) -> Iterator[WeightTensor]:
    """The tensors of a dump, each as one long axis: a dump keeps lengths only.

    Roles are told by names and lengths, as PyTorch's modules give them.

    Raises:
        ModelLoadError: The file is missing or cut short, a line has more or fewer
            numbers than it tells, or the numbers are little-endian.
    """
    with reading(path, _TITLE), mapped(path) as data:
        lines = lines_of(data)
        _check_byte_order(lines)
    shapes = _shapes({line.name: line.n for line in lines})
    beside = Beside(shapes.items())
    return (_tensor(path, line, beside) for line in lines if line.n)


def _tensor(path: Path, line: Line, beside: Beside) -> WeightTensor:
    use = beside.use(line.name)
    return WeightTensor(
        name=line.name,
        shape=(line.n,),
        dtype=line.dtype,
        role=use.role,
        op_type=None,
        load=loader(path, line.name, partial(_floats, line)),
        node=use.node,
    )


def _floats(line: Line) -> FloatArray:
    return as_floats(line.numbers(), line.dtype)


def _shapes(lengths: Mapping[str, int]) -> Mapping[str, tuple[int, ...]]:
    """Shapes of the rank that each tensor must have had, for its role to be told."""
    return {name: _shape(name, n, lengths) for name, n in lengths.items()}


def _shape(name: str, n: int, lengths: Mapping[str, int]) -> tuple[int, ...]:
    module, attribute = split(name)
    prefix = name[: len(module) + 1] if module else ""
    n_channels = lengths.get(f"{prefix}bias", lengths.get(f"{prefix}running_mean", 0))
    if attribute == "weight" and n_channels != n:
        return (max(n_channels, 1), n // max(n_channels, 1))
    return (n,)


def _check_byte_order(lines: Sequence[Line]) -> None:
    """Over several lines: a vector alone may have too few numbers to tell."""
    samples = [line.first(_SAMPLE) for line in lines[:_SAMPLED_LINES]]
    wide = [sample for sample in samples if sample.itemsize == 4]
    if wide:
        check_byte_order(np.concatenate(wide).astype(">f4"))
