"""Names that the object graph of a checkpoint gives to its variables.

Field numbers are those of
tensorflow/core/protobuf/{trackable_object_graph,saved_object_graph}.proto.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.formats.checkpoints import OBJECTS
from harness.formats.wire import Message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.formats.checkpoints import Bundle

# What an optimizer keeps that no layer does, and where its variables are.
_OPTIMIZER = frozenset({"_iterations", "iter"})
_ITS_VARIABLES = frozenset({"_momentums", "_variables", "_velocities"})


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of the object graph.

    Attributes:
        number: Its place among the objects.
        name: The one that it was made with ("dense/kernel").
        words: What objects call it ("kernel", "0").
        training: Whether it belongs to an optimizer.
    """

    number: int
    name: str
    words: tuple[str, ...]
    training: bool


def variables_of(bundle: Bundle) -> dict[str, Variable]:
    """Key in the checkpoint -> variable; nothing for one without objects.

    Raises:
        Malformed: The object graph is damaged.
        OSError: It cannot be read.
    """
    if OBJECTS not in bundle.tensors:
        return {}
    nodes = list(Message(memoryview(bundle.text(OBJECTS))).messages(1))
    words: dict[int, list[str]] = defaultdict(list)
    training: set[int] = set()
    for node in nodes:
        children = _children(node)
        training.update(slot.integer(3) for slot in node.messages(3))
        if _OPTIMIZER & {word for _, word in children}:
            training.update(_of_optimizer(children, nodes))
        for number, word in children:
            words[number].append(word)
    return {
        attribute.text(3): Variable(
            number, attribute.text(2), tuple(words[number]), number in training
        )
        for number, node in enumerate(nodes)
        for attribute in node.messages(2)
    }


def _children(node: Message) -> list[tuple[int, str]]:
    return [(child.integer(1), child.text(2)) for child in node.messages(1)]


def _of_optimizer(
    children: list[tuple[int, str]], nodes: list[Message]
) -> Iterator[int]:
    for number, word in children:
        if word in _OPTIMIZER:
            yield number
        if word in _ITS_VARIABLES and 0 <= number < len(nodes):
            yield from (child for child, _ in _children(nodes[number]))
