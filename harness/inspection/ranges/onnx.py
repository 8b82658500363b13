"""Ranges that an ONNX file declares: a first QuantizeLinear, or images' denotations.

Field numbers are those of onnx.proto; keys and values of the metadata those of ONNX's
MetadataProps and TypeDenotation pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.core.model_facts import InputRange
from harness.formats.wire import Message, mapped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_QUANTIZE = "QuantizeLinear"
# Operators that hand numbers on as they are.
_MOVERS = frozenset(
    {"Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"}
)
# TensorProto.DataType of a zero point -> name, least and largest code, numpy's name.
_CODES = {
    2: ("uint8", 0, 255, "<u1"),
    3: ("int8", -128, 127, "<i1"),
    4: ("uint16", 0, 65535, "<u2"),
    5: ("int16", -32768, 32767, "<i2"),
}
_UINT8 = 2
_FLOATS = {1: "<f4", 10: "<f2", 11: "<f8"}
_PIXELS = {
    "nominalrange_0_255": (0.0, 255.0),
    "nominalrange_16_235": (16.0, 235.0),
    "normalized_0_1": (0.0, 1.0),
    "normalized_1_1": (-1.0, 1.0),
}
_KEYS = ("image.nominalpixelrange", "imagenominalpixelrange")
_IMAGE = "IMAGE"


def read_onnx(path: Path) -> tuple[InputRange, ...]:
    """Ranges of the graph's inputs; data files are not opened.

    Raises:
        Malformed: The file is cut short or damaged.
        OSError: It cannot be read.
    """
    with mapped(path) as data:
        model = Message(data)
        graph = model.message(7)
        fed = _fed(graph)
        found = {one.input: one for one in _images(model, fed)}
        found |= {one.input: one for one in _quantized(graph, set(fed))}
        return tuple(found[name] for name in fed if name in found)


@dataclass(frozen=True, slots=True)
class _Input:
    """What is fed: its type's denotation, and how many axes it has."""

    denotation: str
    rank: int


def _fed(graph: Message) -> dict[str, _Input]:
    constants = {tensor.text(8) for tensor in graph.messages(5)}
    fed = {}
    for value in graph.messages(11):
        kind = value.message(2)
        rank = len(kind.message(1).message(2).blocks(1))
        if (name := value.text(1)) not in constants:
            fed[name] = _Input(kind.text(6), rank)
    return fed


def _images(model: Message, fed: dict[str, _Input]) -> Iterator[InputRange]:
    """Inputs that are said to be images, and the range that is said of images."""
    noted = {e.text(1).lower(): e.text(2) for e in model.messages(14)}
    said = next((noted[key] for key in _KEYS if key in noted), "")
    ends = _PIXELS.get(said.lower().removeprefix("image."))
    if ends is None:
        return
    images = [name for name, it in fed.items() if it.denotation == _IMAGE]
    for name in images or [name for name, it in fed.items() if it.rank == 4]:
        yield InputRange(name, *ends, f"its metadata's pixel range {said}")


def _quantized(graph: Message, names: set[str]) -> Iterator[InputRange]:
    """Inputs that nothing but movers lies between and a QuantizeLinear."""
    origin = {name: name for name in names}
    wanted: dict[str, tuple[str, str]] = {}
    made: dict[str, Message] = {}
    for node in graph.messages(1):
        kind, taken, given = node.text(4), node.texts(1), node.texts(2)
        if kind == "Constant" and given:
            made.update((given[0], a.message(5)) for a in node.messages(5) if a.has(5))
        source = origin.get(taken[0]) if taken else None
        if source is None or not given:
            continue
        if kind in _MOVERS:
            origin[given[0]] = source
        elif kind == _QUANTIZE and len(taken) > 1:
            wanted.setdefault(source, (taken[1], taken[2] if len(taken) > 2 else ""))
    numbers = {tensor.text(8): tensor for tensor in graph.messages(5)} | made
    for source, (scale, zero) in wanted.items():
        found = _held(source, numbers.get(scale), numbers.get(zero))
        if found is not None:
            yield found


def _held(name: str, scale: Message | None, zero: Message | None) -> InputRange | None:
    """The numbers that codes of one scale and zero point stand for."""
    kind = _UINT8 if zero is None else zero.integer(2)
    step = _single(scale, _FLOATS.get(scale.integer(2), "")) if scale else None
    if step is None or step <= 0 or kind not in _CODES:
        return None
    dtype, least, largest, stored = _CODES[kind]
    at = 0.0 if zero is None else _single(zero, stored)
    if at is None:
        return None
    low, high = (step * (end - at) for end in (least, largest))
    told = f"its first QuantizeLinear ({dtype}, scale {step:.6g}, zero point {at:g})"
    return InputRange(name, low, high, told, step)


def _single(tensor: Message, dtype: str) -> float | None:
    """The one number of a tensor; None where there are more, or they lie elsewhere."""
    if not dtype:
        return None
    # Numbers of a few bits are kept as int32 where they are not raw.
    for block, kind in ((tensor.blocks(9), dtype), (tensor.blocks(4), "<f4")):
        held = b"".join(map(bytes, block))
        if len(held) == np.dtype(kind).itemsize:
            return float(np.frombuffer(held, kind)[0])
    whole = tensor.integers(5)
    return float(whole[0]) if len(whole) == 1 else None
