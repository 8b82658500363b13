"""A LiteRT model as plain records: tensors, operators, signatures.

Slots are those of tensorflow/compiler/mlir/lite/schema/schema.fbs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.formats.flat import root
from harness.formats.litert_names import DTYPES, OPERATORS
from harness.formats.malformed import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.core.protocols import Array, FloatArray, IntArray
    from harness.formats.flat import Table

_DEFAULT = "serving_default"
_BLOCKWISE = 2
_NUMBERS = frozenset(
    {
        *("float32", "float16", "float64", "int8", "uint8", "int16", "int32"),
        *("int64", "uint32", "bool"),
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class Scales:
    """How integers stand for floats, (code - zero_point) scale.

    Attributes:
        scale: One, or one an index of `axis`; float32.
        zero_point: Of the shape of `scale`.
        axis: Axis of the tensor.
    """

    scale: FloatArray
    zero_point: IntArray
    axis: int


@dataclass(frozen=True, slots=True, eq=False)
class LiteTensor:
    """A tensor.

    Attributes:
        name: The file's.
        dtype: numpy's name.
        shape: As the converter left it, free lengths as 1.
        free: Which lengths are free.
        scales: None for what is not quantized.
        content: Its values where the file holds them.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    free: tuple[bool, ...]
    scales: Scales | None
    content: Array | None

    @property
    def lengths(self) -> tuple[int | None, ...]:
        """The shape, None where a length is free."""
        pairs = zip(self.shape, self.free, strict=True)
        return tuple(None if free else n for n, free in pairs)


@dataclass(frozen=True, slots=True, eq=False)
class LiteOperator:
    """An operator.

    Attributes:
        kind: Its name, of a custom one its own.
        inputs: Indices of tensors, -1 where one is left out.
        outputs: Likewise.
        options: Its table of options.
    """

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Table | None


@dataclass(frozen=True, slots=True, eq=False)
class LiteModel:
    """The graph that a session would run.

    Attributes:
        tensors: By their indices.
        operators: In the order in which they run.
        inputs: Name by which a session calls it -> index of the tensor.
        outputs: Likewise.
    """

    tensors: tuple[LiteTensor, ...]
    operators: tuple[LiteOperator, ...]
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]


def read_lite(data: memoryview) -> LiteModel:
    """Read a model's bytes; nothing of the weights is copied.

    Raises:
        Malformed: They are cut short or damaged.
    """
    model = root(data)
    graphs = list(model.tables(2))
    kinds = [_kind(code) for code in model.tables(1)]
    blocks = [_block(buffer, data) for buffer in model.tables(4)]
    signature = _signature(list(model.tables(7)))
    at = signature.integer(4, "I") if signature else 0
    if at >= len(graphs):
        raise Malformed(f"it has no graph {at}")
    tensors = tuple(_tensor(table, blocks) for table in graphs[at].tables(0))
    inputs, outputs = (_ends(graphs[at], signature, tensors, slot) for slot in (1, 2))
    operators = tuple(_operators(graphs[at], kinds, len(tensors)))
    return LiteModel(tensors, operators, inputs, outputs)


def _kind(code: Table) -> str:
    number = max(code.integer(0, "b"), code.integer(3, "i"))
    kind = OPERATORS[number] if 0 <= number < len(OPERATORS) else f"operator {number}"
    return code.text(1) if kind == "CUSTOM" else kind


def _block(buffer: Table, data: memoryview) -> memoryview:
    """A buffer's bytes: beyond 2 GiB they lie after the FlatBuffer."""
    offset, size = buffer.integer(1, "Q"), buffer.integer(2, "Q")
    if offset <= 1:
        return buffer.block(0)
    if offset + size > len(data):
        raise Malformed(f"a buffer at byte {offset:,} goes beyond the end")
    return data[offset : offset + size]


def _signature(signatures: list[Table]) -> Table | None:
    """The one that a session runs where the suite asks for none."""
    if len(signatures) == 1:
        return signatures[0]
    return next((s for s in signatures if s.text(2) == _DEFAULT), None)


def _ends(
    graph: Table, signature: Table | None, tensors: tuple[LiteTensor, ...], slot: int
) -> dict[str, int]:
    """What is fed or answered, in the graph's order, by the signature's names."""
    order = graph.integers(slot, "i")
    if any(not 0 <= at < len(tensors) for at in order):
        raise Malformed("the graph is fed or answers a tensor that is not there")
    if signature is None:
        return {tensors[at].name: at for at in order}
    named = {m.text(0): m.integer(1, "I") for m in signature.tables(slot - 1)}
    if any(at >= len(tensors) for at in named.values()):
        raise Malformed("a signature names a tensor that is not there")
    places = {at: place for place, at in enumerate(order)}
    return dict(sorted(named.items(), key=lambda pair: places.get(pair[1], 0)))


def _operators(
    graph: Table, kinds: list[str], n_tensors: int
) -> Iterator[LiteOperator]:
    for node in graph.tables(3):
        kind = node.integer(0, "I")
        inputs, outputs = (tuple(node.integers(slot, "i")) for slot in (1, 2))
        if kind >= len(kinds) or any(at >= n_tensors for at in (*inputs, *outputs)):
            raise Malformed("a node names an operator or a tensor that is not there")
        yield LiteOperator(kinds[kind], inputs, outputs, node.table(4))


def _tensor(table: Table, blocks: list[memoryview]) -> LiteTensor:
    kind, buffer = table.integer(1, "b"), table.integer(2, "I")
    dtype = DTYPES[kind] if 0 <= kind < len(DTYPES) else f"type {kind}"
    shape = tuple(table.integers(0, "i"))
    signature = tuple(table.integers(7, "i")) or shape
    if len(signature) != len(shape) or any(n < 0 for n in shape):
        raise Malformed(f"tensor {table.text(3)!r} has the shape {list(shape)}")
    block = blocks[buffer] if buffer < len(blocks) else memoryview(b"")
    content = None
    if len(block):
        if table.table(6) is not None:
            raise Malformed(f"tensor {table.text(3)!r} is sparse, which is not read")
        content = _numbers(block, dtype, shape, table.text(3))
    return LiteTensor(
        name=table.text(3),
        dtype="int8" if dtype in {"int4", "int2"} else dtype,
        shape=shape,
        free=tuple(n < 0 for n in signature),
        scales=_scales(table.table(4)),
        content=content,
    )


def _numbers(block: memoryview, dtype: str, shape: tuple[int, ...], name: str) -> Array:
    if dtype == "int4":
        return _nibbles(block, shape)
    if dtype not in _NUMBERS:
        raise Malformed(f"tensor {name!r} is of type {dtype}, which is not read")
    try:
        stored = np.dtype(dtype).newbyteorder("<")
        return np.frombuffer(block, stored).reshape(shape).astype(dtype, copy=False)
    except ValueError as error:
        raise Malformed(f"tensor {name!r} has another number of bytes") from error


def _nibbles(block: memoryview, shape: tuple[int, ...]) -> Array:
    """Two codes a byte, the first one in the low half."""
    packed = np.frombuffer(block, np.uint8)
    pairs = np.stack([packed & 15, packed >> 4], axis=-1).reshape(-1)
    codes = ((pairs.astype(np.int8) ^ 8) - 8)[: int(np.prod(shape))]
    return codes.reshape(shape)


def _scales(table: Table | None) -> Scales | None:
    if table is None or table.integer(4, "B") == _BLOCKWISE:
        return None
    scale = np.array(table.numbers(2, "f"), np.float32)
    if not scale.size:
        return None
    points = np.array(table.integers(3, "q") or [0], np.int64)
    if points.size not in {1, scale.size}:
        raise Malformed(f"{scale.size:,} scales have {points.size:,} zero points")
    return Scales(scale, np.broadcast_to(points, scale.shape), table.integer(6, "i"))
