"""Weights of a SavedModel: its variables, and the constants of its graph.

Field numbers are those of
tensorflow/core/protobuf/{saved_model,meta_graph,saved_object_graph}.proto.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from harness.formats.checkpoints import read_bundle
from harness.formats.malformed import Malformed
from harness.formats.tensorflow_nodes import bodies_of
from harness.formats.wire import Message, mapped
from harness.weights.readers.checkpoint_ import variable_values, variables
from harness.weights.readers.checkpoint_objects import variables_of
from harness.weights.readers.faults import reading
from harness.weights.readers.graphdef_ import constants
from harness.weights.readers.tensorflow_flow import Flow, Value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from harness.core.protocols import WeightTensor
    from harness.formats.checkpoints import Bundle
    from harness.formats.tensorflow_nodes import Bodies
    from harness.weights.readers.checkpoint_objects import Variable

# Readers of what variables begin with, which their values have replaced.
_ASSIGNING = frozenset({"Assign", "AssignVariableOp"})


def read_weights(path: Path) -> Iterator[WeightTensor]:
    """Float variables of a SavedModel's folder, then the constants of its first graph.

    A variable that Keras stores a second time under the same name, and that no
    function reads, is given once; so is a constant that several functions hold.

    Raises:
        ModelLoadError: A file of it is missing, cut short or damaged, or it is saved
            as text.
    """
    with reading(path, "SavedModel"), mapped(_graph_file(path)) as data:
        metas = list(Message(data).messages(2))
        if not metas:
            raise Malformed("saved_model.pb holds no graph")
        bodies = bodies_of(metas[0].message(2))
        flow = Flow(bodies)
        found = list(_variables(path, metas[0], bodies, flow))
        return iter([*found, *_once(constants(path, flow))])


def _graph_file(path: Path) -> Path:
    file = path / "saved_model.pb"
    if not file.is_file() and (path / "saved_model.pbtxt").is_file():
        raise Malformed("it is saved as text, which is not read: save it as bytes")
    return file


def _variables(
    path: Path, meta: Message, bodies: Bodies, flow: Flow
) -> Iterator[WeightTensor]:
    index = path / "variables" / "variables.index"
    if not index.is_file():
        return
    bundle = read_bundle(index)
    bundle.check()
    objects = variables_of(bundle)
    bound = _bound(meta.message(7), bodies)
    values = {
        key: bound[variable.number]
        for key, variable in objects.items()
        if variable.number in bound
    }
    values |= variable_values(flow)
    repeated = _repeated(objects, values, bundle)
    for weight in variables(bundle, flow, values):
        if weight.name not in repeated:
            yield weight


def _bound(objects: Message, bodies: Bodies) -> dict[int, Value]:
    """Number of an object -> the argument of a function that it is bound to.

    A function takes what it has captured as its last arguments.
    """
    found: dict[int, Value] = {}
    for name, function in objects.entries(2):
        numbers = function.integers(2)
        body = bodies.functions.get(name)
        if body is None or not 0 < len(numbers) <= len(body.arguments):
            continue
        last = body.arguments[-len(numbers) :]
        for number, argument in zip(numbers, last, strict=True):
            found.setdefault(number, Value(name, argument))
    return found


def _repeated(
    objects: Mapping[str, Variable], values: Mapping[str, Value], bundle: Bundle
) -> set[str]:
    """Keys of variables that repeat the name of one that functions read."""
    read = {
        (objects[key].name, bundle.tensors[key].shape)
        for key in values
        if key in objects and key in bundle.tensors
    }
    return {
        key
        for key, variable in objects.items()
        if key not in values
        and key in bundle.tensors
        and (variable.name, bundle.tensors[key].shape) in read
    }


def _once(found: Iterator[WeightTensor]) -> Iterator[WeightTensor]:
    """Each constant's numbers once: functions are stored in several variants."""
    seen: set[tuple[tuple[int, ...], str, bytes]] = set()
    for weight in found:
        if weight.op_type in _ASSIGNING:
            continue
        digest = hashlib.sha256(weight.load().tobytes()).digest()
        key = (weight.shape, weight.dtype, digest)
        if key not in seen:
            seen.add(key)
            yield weight
