"""Ranges that a LiteRT file declares: its metadata's, and those of its quantization.

Slots are those of schema.fbs and of metadata_schema.fbs (TFLite Support).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.model_facts import InputRange
from harness.formats.flat import root
from harness.formats.litert_names import DTYPES, OPERATORS
from harness.formats.wire import mapped
from harness.inspection.ranges.pixels import normalized

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.formats.flat import Table

_CODES = {
    "int8": (-128, 127),
    "uint8": (0, 255),
    "int16": (-32768, 32767),
}
_QUANTIZE = OPERATORS.index("QUANTIZE")
_NORMALIZATION = 1
_IMAGE = 2


def read_litert(path: Path) -> tuple[InputRange, ...]:
    """Ranges of the first graph's inputs.

    Raises:
        Malformed: The file is cut short or damaged.
        OSError: It cannot be read.
    """
    with mapped(path) as data:
        return tuple(_ranges(root(data)))


def _ranges(model: Table) -> Iterator[InputRange]:
    graph = next(model.tables(2), None)
    if graph is None:
        return
    tensors = list(graph.tables(0))
    described = _described(model)
    aliases = _aliases(model)
    for position, index in enumerate(graph.integers(1, "i")):
        if not 0 <= index < len(tensors):
            continue
        tensor, about = tensors[index], None
        if position < len(described):
            about = described[position]
        name, names = tensor.text(3), aliases.get(index, ())
        found = (
            _quantized(tensor, name, names, "its quantization", coded=True)
            or (about and _stated(about, name, names))
            or _soon_quantized(model, graph, tensors, index, names)
        )
        if found is not None:
            yield found


def _quantized(
    tensor: Table, name: str, aliases: tuple[str, ...], origin: str, *, coded: bool
) -> InputRange | None:
    """The numbers that a quantized tensor can hold; None where it is not one."""
    kind = tensor.integer(1, "b")
    dtype = DTYPES[kind] if 0 <= kind < len(DTYPES) else ""
    rule = tensor.table(4)
    scales = [] if rule is None else rule.numbers(2, "f")
    if rule is None or len(scales) != 1 or dtype not in _CODES or scales[0] <= 0:
        return None
    scale, zero = float(scales[0]), (*rule.integers(3, "q"), 0)[0]
    low, high = (scale * (end - zero) for end in _CODES[dtype])
    told = f"{origin} ({dtype}, scale {scale:.6g}, zero point {zero})"
    codes = dtype if coded else None
    return InputRange(name, low, high, told, scale, codes, aliases)


def _soon_quantized(
    model: Table,
    graph: Table,
    tensors: list[Table],
    index: int,
    aliases: tuple[str, ...],
) -> InputRange | None:
    """Of floats that the first operator quantizes."""
    codes = [max(c.integer(0, "b"), c.integer(3, "i")) for c in model.tables(1)]
    name = tensors[index].text(3)
    for node in graph.tables(3):
        kind = node.integer(0, "I")
        outputs = node.integers(2, "i")
        quantizes = kind < len(codes) and codes[kind] == _QUANTIZE
        if quantizes and node.integers(1, "i")[:1] == [index] and outputs:
            made = outputs[0]
            if 0 <= made < len(tensors):
                origin = "its first operator, QUANTIZE"
                return _quantized(tensors[made], name, aliases, origin, coded=False)
    return None


def _stated(about: Table, name: str, aliases: tuple[str, ...]) -> InputRange | None:
    """Least and largest, or a mean and a deviation of images, as the author noted."""
    stats = about.table(5)
    if stats is not None:
        high, low = stats.numbers(0, "f"), stats.numbers(1, "f")
        if high and low:
            ends = (float(min(low)), float(max(high)))
            return InputRange(name, *ends, "its metadata's statistics", aliases=aliases)
    content = about.table(3)
    if content is None or content.integer(0, "B") != _IMAGE:
        return None
    for unit in about.tables(4):
        options = unit.table(1)
        if unit.integer(0, "B") == _NORMALIZATION and options is not None:
            ends_ = normalized(options.numbers(0, "f"), options.numbers(1, "f"))
            if ends_ is not None:
                origin = "bytes of an image behind its metadata's mean and std"
                return InputRange(name, *ends_, origin, aliases=aliases)
    return None


def _described(model: Table) -> list[Table]:
    """What the metadata tell of the first graph's inputs, in their order."""
    found = {m.text(0): m.integer(1, "I") for m in model.tables(6)}
    wanted = found.get("TFLITE_METADATA")
    for number, buffer in enumerate(model.tables(4)):
        if number == wanted and len(block := buffer.block(0)):
            graph = next(root(block).tables(3), None)
            return [] if graph is None else list(graph.tables(2))
    return []


def _aliases(model: Table) -> dict[int, tuple[str, ...]]:
    """Index of a tensor -> names of the signature's arguments for it."""
    names: dict[int, tuple[str, ...]] = {}
    for signature in model.tables(7):
        if signature.integer(4, "I") == 0:
            for pair in signature.tables(0):
                index = pair.integer(1, "I")
                names[index] = (*names.get(index, ()), pair.text(0))
    return names
