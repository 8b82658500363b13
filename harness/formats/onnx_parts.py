"""The structure of an ONNX model: its nodes and where its data lie, without numbers.

Read field by field, since it is looked at before a parser of a runtime is let near it;
field numbers are those of onnx.proto.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TypeAlias

from harness.formats.malformed import OutOfBounds
from harness.formats.wire import Message, fields

MAX_DEPTH = 16
"""Graphs inside of graphs (If, Loop, Scan); exporters write two or three."""
# Parts and fields of a model with a million nodes.
_MAX_FIELDS = 30_000_000
_EXTERNAL = 1
# Part -> field of a message -> what part that is. What else there is holds no part.
_PARTS = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {
        **dict.fromkeys((5, 10), "tensor"),
        **dict.fromkeys((6, 11), "graph"),
        **dict.fromkeys((22, 23), "sparse"),
    },
    "sparse": {1: "tensor", 2: "tensor"},
}

Operator: TypeAlias = tuple[str, str, str]
"""Domain ("" is ONNX's own), name and overload, of a node or of a function."""


@dataclass(slots=True)
class OnnxParts:
    """What a model is made of.

    Attributes:
        main: Operators of the nodes, those of inner graphs too -> how many.
        functions: Local function -> operators of its nodes, likewise.
        locations: Where tensors lie outside of the file -> one that lies there.
    """

    main: Counter[Operator] = field(default_factory=Counter)
    functions: dict[Operator, Counter[Operator]] = field(default_factory=dict)
    locations: dict[str, str] = field(default_factory=dict)


def onnx_parts(data: memoryview) -> OnnxParts:
    """Look through a whole model.

    Raises:
        OutOfBounds: Its graphs are nested more than `MAX_DEPTH` deep, or it has more
            than 30 million parts.
        Malformed: It is cut short or damaged.
    """
    found = OnnxParts()
    left = _MAX_FIELDS
    waiting = [("model", data, 0, found.main)]
    while waiting:
        part, block, depth, nodes = waiting.pop()
        if part == "node":
            nodes[_operator(block, 4, 7, 8)] += 1
        elif part == "function":
            key = _operator(block, 1, 10, 13)
            nodes = found.functions.setdefault(key, Counter())
        elif part == "graph" and (depth := depth + 1) > MAX_DEPTH + 1:
            raise OutOfBounds(f"its graphs are nested more than {MAX_DEPTH} deep")
        for number, value in fields(block):
            left -= 1
            kind = _PARTS[part].get(number)
            if kind is None or isinstance(value, int):
                continue
            if kind == "tensor":
                left -= _locate(value, found.locations)
            else:
                waiting.append((kind, value, depth, nodes))
        if left < 0:
            raise OutOfBounds(f"it has more than {_MAX_FIELDS:,} parts")
    return found


def _operator(block: memoryview, name: int, domain: int, overload: int) -> Operator:
    found = {
        number: value
        for number, value in fields(block)
        if number in {name, domain, overload} and not isinstance(value, int)
    }
    space = _text(found.get(domain))
    return (
        "" if space == "ai.onnx" else space,
        _text(found.get(name)),
        _text(found.get(overload)),
    )


def _locate(tensor: memoryview, locations: dict[str, str]) -> int:
    """Note where a tensor lies; how many fields that took."""
    count = place = 0
    name, entries = "", []
    for number, value in fields(tensor):
        count += 1
        if isinstance(value, int):
            place = value if number == 14 else place
        elif number == 8:
            name = _text(value)
        elif number == 13:
            entries.append(Message(value))
    if place == _EXTERNAL:
        for entry in entries:
            if entry.text(1) == "location":
                locations[entry.text(2)] = name
    return count + len(entries)


def _text(block: memoryview | None) -> str:
    return "" if block is None else bytes(block).decode(errors="replace")
