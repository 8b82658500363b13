"""What the variables of a SavedModel hold.

Field numbers are those of
tensorflow/core/protobuf/{saved_object_graph,trackable_object_graph}.proto.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from harness.formats.checkpoints import OBJECTS, read_bundle
from harness.formats.malformed import Malformed
from harness.formats.numbers import stored_dtype
from harness.formats.wire import Message
from harness.graphs.translate.tf_call import TfValue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from harness.formats.checkpoints import Bundle
    from harness.graphs.translate.tf_graph import TfNode


@dataclass(frozen=True, slots=True, eq=False)
class Variables:
    """Variables by what graphs call them.

    Attributes:
        bundle: The checkpoint; None where there is none.
        names: Name of a variable -> its key in the checkpoint.
        keys: Number of an object -> key.
        captured: Function -> numbers of the objects that are its last arguments.
    """

    bundle: Bundle | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[int, str] = field(default_factory=dict)
    captured: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def handle(self, node: TfNode) -> TfValue:
        """What a node that stands for a variable holds, by its name.

        Raises:
            Malformed: The checkpoint does not have it.
        """
        name = node.text("shared_name") or node.name
        key = self.names.get(name, name)
        if self.bundle is None or key not in self.bundle.tensors:
            # A function's captures tell which variable it is, whatever its name.
            return TfValue(label=name)
        return self._value(key, name)

    def bound(self, function: str, operands: Sequence[TfValue]) -> list[TfValue]:
        """Arguments of a call, its captured variables looked up by their objects."""
        numbers = self.captured.get(function, ())
        first = len(operands) - len(numbers)
        found = list(operands)
        for at, number in enumerate(numbers, start=first):
            if number in self.keys and 0 <= at < len(found):
                found[at] = self._value(self.keys[number], operands[at].label)
        return found

    def _value(self, key: str, name: str) -> TfValue:
        assert self.bundle is not None  # keys come from it
        entry = self.bundle.tensors[key]
        dtype = stored_dtype(entry.dtype)
        if dtype is None or entry.slices:
            raise Malformed(f"variable {name!r} is of type {entry.dtype}, or in parts")
        swapped = dtype.newbyteorder(">" if self.bundle.big_endian else "<")
        stored = np.frombuffer(self.bundle.block(entry), swapped)
        return TfValue(content=stored.reshape(entry.shape).astype(dtype), label=name)


def variables_of(path: Path, meta: Message) -> Variables:
    """Those of a SavedModel's folder.

    Raises:
        Malformed: The checkpoint is damaged.
        OSError: It cannot be read.
    """
    index = path / "variables" / "variables.index"
    if not index.is_file():
        return Variables()
    bundle = read_bundle(index)
    bundle.check()
    names, keys = _objects(bundle)
    functions = meta.message(7).entries(2)
    captured = {name: function.integers(2) for name, function in functions}
    return Variables(bundle, names, keys, captured)


def _objects(bundle: Bundle) -> tuple[dict[str, str], dict[int, str]]:
    """Keys by the variables' names, where they are unique, and by their objects."""
    if OBJECTS not in bundle.tensors:
        return {}, {}
    nodes = Message(memoryview(bundle.text(OBJECTS))).messages(1)
    names: dict[str, str] = {}
    keys: dict[int, str] = {}
    for number, node in enumerate(nodes):
        for attribute in node.messages(2):
            key = attribute.text(3)
            if key in bundle.tensors:
                keys[number] = key
                names.setdefault(attribute.text(2), key)
    return names, keys
