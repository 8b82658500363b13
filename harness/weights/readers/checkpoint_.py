"""Weights of a TensorFlow checkpoint, and of the MetaGraph beside one."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from harness.core.protocols import WeightTensor
from harness.formats.checkpoints import index_of, read_bundle
from harness.formats.malformed import Malformed
from harness.formats.numbers import as_floats, is_float, stored_dtype
from harness.formats.tensorflow_nodes import bodies_of
from harness.formats.wire import Message, mapped
from harness.weights.readers.byte_order import check_byte_order
from harness.weights.readers.checkpoint_objects import variables_of
from harness.weights.readers.elements import n_bytes
from harness.weights.readers.faults import loader, reading
from harness.weights.readers.keras_layers import ROLE_WORDS, Layer, use_in_layer
from harness.weights.readers.tensorflow_flow import Flow
from harness.weights.readers.tensorflow_roles import use_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from harness.core.protocols import Array, FloatArray
    from harness.formats.checkpoints import Bundle, Entry
    from harness.weights.readers.checkpoint_objects import Variable
    from harness.weights.readers.tensorflow_flow import Value
    from harness.weights.readers.tensorflow_roles import Use

_TITLE = "TensorFlow checkpoint"
_VARIABLES = frozenset({"VarHandleOp", "Variable", "VariableV2"})
# Slots of optimizers, which a Saver stores under the variable's name.
_SLOTS = re.compile(
    r"/(Adadelta|Adagrad|Adam|AdamW|Ftrl|LAMB|Momentum|RMSProp)(_\d+)?$"
)
_OBJECT_KEY = "/.ATTRIBUTES/"
_SLOT_KEY = "/.OPTIMIZER_SLOT/"
# Parts of a partitioned variable go by numbers.
_PART = re.compile(r"/part_\d+$")


def read_weights(path: Path) -> Iterator[WeightTensor]:
    """Float tensors of a checkpoint: its prefix, ``.index`` file or folder.

    What the optimizer keeps is left out, and so are scalars and integers. Operators
    come from the ``.meta`` file beside it, where there is one.

    Raises:
        ModelLoadError: It is missing, cut short or damaged.
    """
    with reading(path, _TITLE):
        bundle = read_bundle(index_of(path))
        meta = bundle.prefix.with_name(f"{bundle.prefix.name}.meta")
        flow = flow_of(meta) if meta.is_file() else None
        values = variable_values(flow) if flow else {}
        return iter(list(variables(bundle, flow, values)))


def read_metagraph_weights(path: Path) -> Iterator[WeightTensor]:
    """Weights of the checkpoint that lies beside a ``.meta`` file.

    Raises:
        ModelLoadError: One of them is missing, cut short or damaged.
    """
    with reading(path, "TensorFlow MetaGraph"):
        index = path.with_suffix(".index")
        if not index.is_file():
            raise Malformed(
                f"its weights are in a checkpoint, and {index.name} is not beside it"
            )
        flow_of(path)
    return read_weights(path.with_suffix(""))


def flow_of(meta: Path) -> Flow:
    """The graph of a ``.meta`` file.

    Raises:
        Malformed: It is cut short or damaged.
        OSError: It cannot be read.
    """
    with mapped(meta) as data:
        return Flow(bodies_of(Message(data).message(2)))


def variable_values(flow: Flow) -> dict[str, Value]:
    """Name of a variable of TensorFlow 1 -> where the graph has it."""
    found = {}
    for value, node in flow.values():
        if node.op in _VARIABLES and not value.body:
            name = node.attributes.text("shared_name") or node.name
            found[_PART.sub("", name)] = value
    return found


def variables(
    bundle: Bundle, flow: Flow | None, values: Mapping[str, Value]
) -> Iterator[WeightTensor]:
    """Weights of a checkpoint.

    Args:
        bundle: It.
        flow: The graph that computes with them, None where there is none.
        values: Key in the checkpoint -> where that graph has it.

    Raises:
        Malformed: A data file is missing or too short.
        OSError: It cannot be read.
    """
    bundle.check()
    objects = variables_of(bundle)
    weights = {
        key: entry
        for key, entry in bundle.tensors.items()
        if _is_weight(key, entry, bundle, objects)
    }
    names = {key: _name_of(key, objects) for key in weights}
    layers = _layers({names[key]: entry.shape for key, entry in weights.items()})
    for key, entry in weights.items():
        _check_size(key, entry)
        layer, word = layers[names[key]]
        use = use_in_layer(word, entry.shape, layer)
        if flow is not None and key in values:
            use = _better(use_of(values[key], entry.shape, flow), use)
        yield WeightTensor(
            key,
            entry.shape,
            entry.dtype,
            use.role,
            use.op_type,
            loader(bundle.prefix, key, partial(_floats, bundle, entry)),
            layout=use.layout,
            node=use.node or layer.name,
            epsilon=use.epsilon,
        )


def _better(by_graph: Use, by_name: Use) -> Use:
    """What the graph says, with what only the name says."""
    if by_graph.role == "constant":
        return replace(by_graph, role=by_name.role, layout=by_name.layout)
    return by_graph


def _is_weight(
    key: str, entry: Entry, bundle: Bundle, objects: Mapping[str, Variable]
) -> bool:
    if not entry.shape or 0 in entry.shape or not is_float(entry.dtype):
        return False
    if stored_dtype(entry.dtype) is None or _SLOT_KEY in key:
        return False
    if key in objects:
        return not objects[key].training
    slot = _SLOTS.search(key)
    return slot is None or key[: slot.start()] not in bundle.tensors


def _name_of(key: str, objects: Mapping[str, Variable]) -> str:
    """The name that tells most: "dense/kernel"."""
    known = objects.get(key)
    if known is None:
        return key.partition(_OBJECT_KEY)[0]
    called = (word.lstrip("_") for word in known.words)
    word = next((w for w in called if w in ROLE_WORDS), "")
    outer, _, last = known.name.partition(":")[0].rpartition("/")
    # A variable that Keras did not name is told by what its layer calls it.
    if last in ROLE_WORDS or not word:
        return f"{outer}/{last}" if outer else last
    return f"{known.name}/{word}"


def _layers(
    shapes: Mapping[str, tuple[int, ...]],
) -> dict[str, tuple[Layer, str]]:
    """Name of a variable -> its layer, and its name inside of that."""
    members: dict[str, dict[str, tuple[int, ...]]] = defaultdict(dict)
    for name, shape in shapes.items():
        outer, _, word = name.rpartition("/")
        members[outer][word] = shape
    found = {}
    for name in shapes:
        outer, _, word = name.rpartition("/")
        found[name] = Layer(outer or None, None, shapes=members[outer]), word
    return found


def _check_size(key: str, entry: Entry) -> None:
    if not entry.slices and entry.size != n_bytes(entry.dtype, entry.shape):
        raise Malformed(
            f"tensor {key!r} of shape {list(entry.shape)} has {entry.size:,} bytes"
        )


def _floats(bundle: Bundle, entry: Entry) -> FloatArray:
    if not entry.slices:
        return as_floats(_stored(bundle, entry), entry.dtype)
    whole: FloatArray | None = None
    for part in entry.slices:
        stored = bundle.parts.get(part.key)
        if stored is None or stored.shape != part.lengths:
            raise Malformed(f"its part from {list(part.starts)} on is not there")
        values = as_floats(_stored(bundle, stored), stored.dtype)
        if whole is None:
            whole = np.empty(entry.shape, values.dtype)
        ends = zip(part.starts, part.lengths, strict=True)
        whole[tuple(slice(start, start + n) for start, n in ends)] = values
    assert whole is not None  # an entry has slices, or none at all
    return whole


def _stored(bundle: Bundle, entry: Entry) -> Array:
    dtype = stored_dtype(entry.dtype)
    assert dtype is not None  # others are no weights
    block = bundle.block(entry)
    if len(block) != n_bytes(entry.dtype, entry.shape):
        raise Malformed(f"it has {len(block):,} bytes for {list(entry.shape)}")
    values = np.frombuffer(block, dtype.newbyteorder(">" if bundle.big_endian else "<"))
    aligned = np.require(values, requirements="A")
    check_byte_order(aligned)
    native = aligned.astype(dtype, copy=False)
    return native.reshape(entry.shape)
