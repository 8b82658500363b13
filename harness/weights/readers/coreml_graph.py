"""Operations of a Core ML program by what they make, and who reads it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.formats.malformed import Malformed
from harness.weights.readers.coreml_values import Value, tensor_type

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.formats.wire import Message
    from harness.weights.readers.coreml_values import Blobs

_MAX_DEPTH = 16
_CONSTANT = "constexpr_"
# Operations that hand on the order of their input's numbers, or move them.
_KEEPING = frozenset({"cast", "identity"})
_MOVING = frozenset({"expand_dims", "reshape", "squeeze", "transpose"})


@dataclass(slots=True, eq=False)
class Operation:
    """One operation.

    Attributes:
        type: Its name: "conv", "const".
        output: Name of the first thing it makes.
        dtype: Of that.
        shape: Of that.
        inputs: Parameter -> names of what it is given.
        values: Parameter -> tensor that is written in the operation itself.
    """

    type: str
    output: str
    dtype: str
    shape: tuple[int, ...]
    inputs: dict[str, list[str]] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)

    @property
    def is_constant(self) -> bool:
        """Whether it is a constant, or one that is decompressed."""
        return self.type == "const" or self.type.startswith(_CONSTANT)


@dataclass(frozen=True, slots=True)
class Use:
    """An input that a constant ends in.

    Attributes:
        operation: Who reads it.
        parameter: As what.
        moved: Whether its axes were reordered or joined on the way.
    """

    operation: Operation
    parameter: str
    moved: bool


class Graph:
    """Operations of a block, and of the blocks inside of them.

    Attributes:
        constants: Name -> operation that makes it from nothing.
    """

    def __init__(self, block: Message, blobs: Blobs) -> None:
        self._blobs = blobs
        self._makers: dict[str, Operation] = {}
        self._takers: dict[str, list[tuple[Operation, str]]] = defaultdict(list)
        self._add(block, 0)
        makers = self._makers.items()
        self.constants = {name: op for name, op in makers if op.is_constant}

    def maker(self, name: str) -> Operation | None:
        """The operation that makes a thing; None for inputs."""
        return self._makers.get(name)

    def parameter(self, operation: Operation, name: str) -> Operation | Value | None:
        """What a parameter is given, where that is a constant."""
        if name in operation.values:
            return operation.values[name]
        given = operation.inputs.get(name, [])
        return self.constants.get(given[0]) if given else None

    def integer(self, operation: Operation, name: str, default: int) -> int:
        """A parameter that is one whole number."""
        found = self.parameter(operation, name)
        value = found.values.get("val") if isinstance(found, Operation) else found
        if value is None or "float" in value.dtype:
            return default
        numbers = value.numbers().reshape(-1)
        return int(numbers[0]) if numbers.size else default

    def uses(self, name: str) -> Iterator[Use]:
        """Where a constant ends, seen through what hands it on."""
        waiting, seen = [(name, False)], {name}
        for given, moved in waiting:
            for operation, parameter in self._takers.get(given, ()):
                hands_on = operation.type in _KEEPING | _MOVING and parameter == "x"
                if not hands_on:
                    yield Use(operation, parameter, moved)
                elif operation.output not in seen:
                    seen.add(operation.output)
                    moves = moved or operation.type in _MOVING
                    waiting.append((operation.output, moves))

    def _add(self, block: Message, depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise Malformed(f"blocks are nested more than {_MAX_DEPTH} deep")
        for message in block.messages(3):
            operation = self._operation(message)
            self._makers[operation.output] = operation
            for parameter, names in operation.inputs.items():
                for name in names:
                    self._takers[name].append((operation, parameter))
            for inner in message.messages(4):
                self._add(inner, depth + 1)

    def _operation(self, message: Message) -> Operation:
        outputs = list(message.messages(3))
        name = outputs[0].text(1) if outputs else ""
        kind = outputs[0].message(2) if outputs else message.message(2)
        operation = Operation(message.text(1), name, *tensor_type(kind))
        for parameter, argument in message.entries(2):
            bindings = list(argument.messages(1))
            operation.inputs[parameter] = [b.text(1) for b in bindings if b.has(1)]
            for binding in bindings:
                if binding.has(2):
                    written = Value.of(binding.message(2), self._blobs)
                    operation.values[parameter] = written
        for attribute, value in message.entries(5):
            operation.values.setdefault(attribute, Value.of(value, self._blobs))
        return operation
