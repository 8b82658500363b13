"""Facts of Caffe networks: the text that says what they do, and their weights.

Fields are those of caffe/proto/caffe.proto.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.core.protocols import TensorSpec
from harness.formats.prototext import parse_prototext, read_text
from harness.formats.wire import Message, mapped
from harness.inspection.tally import Weights, counted
from harness.inspection.traps import traps_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from harness.core.model_facts import ModelFacts
    from harness.formats.prototext import TextMessage

_DATA_LAYERS = frozenset(
    {"data", "hdf5data", "hdf5_data", "imagedata", "image_data", "memorydata"}
)
_TRAINING = "it is for training (data layers, losses): deploy.prototxt is for running"
_WEIGHTS = "weights: they are in the .caffemodel"
_GRAPH = "inputs and outputs: they are in the .prototxt"
_PYTHON = "Python layers import and run code: {}"


def inspect_prototxt(path: Path, facts: ModelFacts) -> ModelFacts:
    """Facts of a ``.prototxt`` file.

    Raises:
        Malformed: It is cut short or damaged, or larger than 256 MiB.
        OSError: It cannot be read.
    """
    network = parse_prototext(read_text(path))
    layers = network.messages("layer") or network.messages("layers")
    kinds = [layer.text("type", "unknown") for layer in layers]
    for_training = any(kind.lower().replace("_", "") in _DATA_LAYERS for kind in kinds)
    python = [_module(layer) for layer in layers if layer.text("type") == "Python"]
    operators = counted(kinds)
    return replace(
        facts,
        inputs=tuple(_inputs(network, layers)),
        outputs=tuple(_outputs(layers)),
        operators=operators,
        safety=(_PYTHON.format(", ".join(sorted(set(python)))),) if python else (),
        portability=traps_in(operators),
        not_read=(_WEIGHTS, _TRAINING) if for_training else (_WEIGHTS,),
        metadata={"name": network.text("name")} if network.text("name") else {},
    )


def inspect_caffemodel(path: Path, facts: ModelFacts) -> ModelFacts:
    """Facts of a ``.caffemodel`` file.

    Raises:
        Malformed: It is cut short or damaged.
        OSError: It cannot be read.
    """
    weights = Weights()
    kinds = []
    with mapped(path) as data:
        network = Message(data)
        for layer in network.messages(100):
            kinds.append(layer.text(2))
            _weigh(layer.messages(7), weights)
        # Layers of the first version have a number for their type.
        for layer in network.messages(2):
            kinds.append(f"type {layer.integer(5)}")
            _weigh(layer.messages(6), weights)
        name = network.text(1)
    operators = counted(kinds)
    return replace(
        facts,
        operators=operators,
        n_parameters=weights.n_parameters,
        bytes_by_dtype=weights.bytes_by_dtype,
        portability=traps_in(operators),
        metadata={"name": name} if name else {},
        not_read=(_GRAPH,),
    )


def _weigh(blobs: Iterable[Message], weights: Weights) -> None:
    """BlobProto: a shape (7), or four lengths (1 to 4) in older files."""
    for blob in blobs:
        shape = blob.message(7).integers(1)
        old = [blob.integer(field, 1) for field in (1, 2, 3, 4)]
        is_double = blob.has(8)
        weights.add(
            "float64" if is_double else "float32", shape if blob.has(7) else old
        )


def _module(layer: TextMessage) -> str:
    parameters = layer.message("python_param")
    return f"{parameters.text('module')}.{parameters.text('layer')}"


def _inputs(
    network: TextMessage, layers: Sequence[TextMessage]
) -> Iterator[TensorSpec]:
    names = network.texts("input")
    shapes = [shape.integers("dim") for shape in network.messages("input_shape")]
    lengths = network.integers("input_dim")
    shapes = shapes or [lengths[at : at + 4] for at in range(0, len(lengths), 4)]
    for index, name in enumerate(names):
        shape = tuple(shapes[index]) if index < len(shapes) else None
        yield TensorSpec(name, "float32", shape)
    for layer in layers:
        if layer.text("type") == "Input":
            shape = tuple(layer.message("input_param").message("shape").integers("dim"))
            for name in layer.texts("top"):
                yield TensorSpec(name, "float32", shape or None)


def _outputs(layers: Sequence[TextMessage]) -> Iterator[TensorSpec]:
    """Blobs that no layer takes; one that is written in place is taken by itself."""
    taken: dict[str, int] = {}
    for index, layer in enumerate(layers):
        taken.update(dict.fromkeys(layer.texts("bottom"), index))
    made: dict[str, int] = {}
    for index, layer in enumerate(layers):
        made.update(dict.fromkeys(layer.texts("top"), index))
    for name, index in made.items():
        if taken.get(name, -1) <= index:
            yield TensorSpec(name, "float32", None)
