"""Weights of a LiteRT (TensorFlow Lite) model: the constant tensors of its graphs.

Slots are those of tensorflow/compiler/mlir/lite/schema/schema.fbs.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from harness.core.errors import ModelLoadError
from harness.core.protocols import StoredCodes, WeightTensor
from harness.formats.flat import root
from harness.formats.litert_names import DTYPES, OPERATORS
from harness.formats.malformed import Malformed
from harness.formats.numbers import is_float
from harness.formats.wire import mapped
from harness.weights.readers.affine import dequantized, spread
from harness.weights.readers.elements import code_range, floats, n_bytes, numbers
from harness.weights.readers.faults import loader, reading
from harness.weights.readers.litert_roles import LiteGraph, LiteNode, use_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from harness.core.protocols import Array, FloatArray
    from harness.formats.flat import Table

_QUANTIZED = frozenset(
    {
        *("int2", "int4", "int8", "int16", "int32", "int64"),
        *("uint4", "uint8", "uint16"),
    }
)
_BLOCKWISE = 2


@dataclass(frozen=True, slots=True, eq=False)
class _Tensor:
    """A tensor of a graph whose values the file holds.

    Attributes:
        name: Its name.
        shape: Its lengths.
        dtype: Name of its type.
        block: Its bytes.
        is_sparse: Whether zeros are left out of them.
        scales: QuantizationParameters; None where there are none.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    block: memoryview
    is_sparse: bool
    scales: Scales | None


@dataclass(frozen=True, slots=True, eq=False)
class Scales:
    """What QuantizationParameters say.

    Attributes:
        scale: One, or one an index of `axis`; float32.
        zero_point: Of the shape of `scale`.
        axis: Axis of the tensor; None for one scale.
        is_blockwise: Whether blocks of elements have a scale each, kept elsewhere.
    """

    scale: FloatArray
    zero_point: Array
    axis: int | None
    is_blockwise: bool


def read_weights(path: Path) -> Iterator[WeightTensor]:
    """Float tensors of a ``.tflite`` file, and quantized ones as the floats they mean.

    Scalars and integers without a scale are left out. Sparse tensors and those with a
    scale a block are listed, and refused when their numbers are asked for.

    Raises:
        ModelLoadError: It is missing, cut short or damaged.
    """
    with reading(path, "LiteRT model"), mapped(path) as data:
        model = root(data)
        operators = [operator_name(code) for code in model.tables(1)]
        blocks = [_block(buffer, data) for buffer in model.tables(4)]
        graphs = list(model.tables(2))
        if not graphs:
            raise Malformed("it has no graph")
        found = [w for g in graphs for w in _weights(path, g, operators, blocks)]
        return iter(_named_apart(found))


def operator_name(code: Table) -> str:
    """Name of an OperatorCode."""
    # The first byte is what files had before there were more than 127 operators.
    number = max(code.integer(0, "b"), code.integer(3, "i"))
    name = OPERATORS[number] if 0 <= number < len(OPERATORS) else f"operator {number}"
    return code.text(1) if name == "CUSTOM" else name


def _block(buffer: Table, data: memoryview) -> memoryview:
    """A buffer's bytes: beyond 2 GiB they lie after the FlatBuffer."""
    offset, size = buffer.integer(1, "Q"), buffer.integer(2, "Q")
    if offset <= 1:
        return buffer.block(0)
    if offset + size > len(data):
        raise Malformed(
            f"a buffer of {size:,} bytes at byte {offset:,} goes beyond the end"
        )
    return data[offset : offset + size]


def _weights(
    path: Path, table: Table, operators: list[str], blocks: list[memoryview]
) -> Iterator[WeightTensor]:
    tables = list(table.tables(0))
    names = [t.text(3) for t in tables]
    graph = LiteGraph(tuple(nodes_of(table, operators, names)))
    for index, tensor_table in enumerate(tables):
        tensor = _tensor(tensor_table, blocks)
        if tensor is not None and tensor.shape and 0 not in tensor.shape:
            yield _weight(path, tensor, index, graph)


def nodes_of(
    table: Table, operators: list[str], names: list[str]
) -> Iterator[LiteNode]:
    """The nodes of a SubGraph.

    Raises:
        Malformed: A node has an operator or a tensor that is not there.
    """
    for node in table.tables(3):
        index = node.integer(0, "I")
        if index >= len(operators):
            raise Malformed(f"a node has the operator {index}, which is not there")
        inputs, outputs = node.integers(1, "i"), node.integers(2, "i")
        if any(at >= len(names) for at in (*inputs, *outputs)):
            raise Malformed("a node reads or gives a tensor that is not there")
        options = node.table(4)
        flags = tuple(bool(options.integer(s, "b")) for s in (0, 1)) if options else ()
        # Operators have no names: what they give has.
        name = next((names[at] for at in outputs if at >= 0), "")
        yield LiteNode(operators[index], name, tuple(inputs), tuple(outputs), flags)


def _tensor(table: Table, blocks: list[memoryview]) -> _Tensor | None:
    """A tensor with values that are floats, or stand for floats."""
    kind, buffer = table.integer(1, "b"), table.integer(2, "I")
    dtype = DTYPES[kind] if 0 <= kind < len(DTYPES) else f"type {kind}"
    if buffer >= len(blocks) or not len(blocks[buffer]):
        return None
    scales = scales_of(table.table(4)) if dtype in _QUANTIZED else None
    if not is_float(dtype) and scales is None:
        return None
    return _Tensor(
        name=table.text(3),
        shape=tuple(table.integers(0, "i")),
        dtype=dtype,
        block=blocks[buffer],
        is_sparse=table.table(6) is not None,
        scales=scales,
    )


def scales_of(table: Table | None) -> Scales | None:
    """The scales of a QuantizationParameters; None where there are none.

    Raises:
        Malformed: There are other numbers of scales and zero points.
    """
    if table is None:
        return None
    blockwise = table.integer(4, "B") == _BLOCKWISE
    scale = np.array(table.numbers(2, "f"), np.float32)
    if not scale.size:
        return None if not blockwise else Scales(scale, scale, None, blockwise)
    points = np.array(table.integers(3, "q") or [0], np.int64)
    if points.size not in {1, scale.size}:
        raise Malformed(f"{scale.size:,} scales have {points.size:,} zero points")
    axis = table.integer(6, "i") if scale.size > 1 else None
    return Scales(scale, np.broadcast_to(points, scale.shape), axis, blockwise)


def _weight(path: Path, tensor: _Tensor, index: int, graph: LiteGraph) -> WeightTensor:
    use = use_of(index, tensor.shape, graph)
    load: Callable[[], FloatArray] = partial(_floats, tensor)
    codes = None
    why = _unreadable(tensor)
    if why:
        load = partial(_refuse, path, tensor.name, why)
    else:
        _check(tensor)
    if tensor.scales is not None and not why:
        codes = StoredCodes(
            tensor.scales.scale,
            tensor.scales.zero_point,
            tensor.scales.axis,
            *code_range(tensor.dtype),
            codes=loader(path, tensor.name, partial(_numbers, tensor)),
        )
        load = partial(dequantized, codes)
    return WeightTensor(
        tensor.name,
        tensor.shape,
        tensor.dtype,
        use.role,
        use.op_type,
        loader(path, tensor.name, load),
        layout=use.layout,
        node=use.node,
        codes=codes,
    )


def _unreadable(tensor: _Tensor) -> str:
    """Why a whole tensor is not read; nothing where it is."""
    if tensor.is_sparse:
        return "it is sparse, and sparse tensors are not read"
    if tensor.scales and tensor.scales.is_blockwise:
        return "it has a scale a block, and such tensors are not read"
    return ""


def _refuse(path: Path, name: str, why: str) -> FloatArray:
    raise ModelLoadError(
        f"{path}: tensor {name!r}: {why}",
        hint="convert the model again without that option",
    )


def _check(tensor: _Tensor) -> None:
    """See that bytes and scales are as many as the shape needs."""
    wanted = n_bytes(tensor.dtype, tensor.shape)
    if len(tensor.block) != wanted:
        raise Malformed(
            f"tensor {tensor.name!r} of shape {list(tensor.shape)} and type"
            f" {tensor.dtype} has {len(tensor.block):,} bytes instead of {wanted:,}"
        )
    if tensor.scales is not None:
        spread(tensor.scales.scale, tensor.shape, tensor.scales.axis)


def _floats(tensor: _Tensor) -> FloatArray:
    return floats(tensor.block, tensor.dtype, tensor.shape)


def _numbers(tensor: _Tensor) -> Array:
    return numbers(tensor.block, tensor.dtype, tensor.shape)


def _named_apart(weights: list[WeightTensor]) -> list[WeightTensor]:
    """Weights whose names are no two alike: graphs may use a name again."""
    counts: Counter[str] = Counter()
    apart = []
    for weight in weights:
        counts[weight.name] += 1
        again = counts[weight.name]
        name = f"{weight.name}#{again}" if again > 1 else weight.name
        apart.append(replace(weight, name=name))
    return apart
