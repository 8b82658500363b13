"""Weights in the layers of a Core ML neural network.

Field numbers and shapes are those of coremltools/mlmodel/format/NeuralNetwork.proto.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from harness.core.protocols import WeightTensor
from harness.formats.malformed import Malformed
from harness.weights.readers.coreml_params import Params
from harness.weights.readers.faults import loader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from harness.formats.wire import Message

    PartsOf = Callable[[Message], Iterator["Part"]]

_MAX_DEPTH = 16
_BRANCH, _LOOP, _CUSTOM = 605, 615, 500


@dataclass(frozen=True, slots=True)
class Part:
    """One set of parameters of a layer.

    Attributes:
        message: Its WeightParams.
        word: The schema's name of it.
        shape: What it is read as.
        role: One of `core.roles.ROLES`.
        layout: A letter an axis.
        axis: Along which scales by channel run.
    """

    message: Message
    word: str
    shape: tuple[int, ...]
    role: str
    layout: str | None = None
    axis: int = 0


def network_weights(
    network: Message, path: Path, prefix: str, depth: int = 0
) -> Iterator[WeightTensor]:
    """Weights of all layers, those of branches and loops too.

    Args:
        network: Its message.
        path: The file, for messages.
        prefix: Of all names.
        depth: How many networks it lies in.

    Raises:
        Malformed: A message is damaged.
        ModelLoadError: Parameters are more or fewer than their shape takes.
    """
    if depth > _MAX_DEPTH:
        raise Malformed(f"networks are nested more than {_MAX_DEPTH} deep")
    for layer in network.messages(1):
        name = f"{prefix}{layer.text(1)}"
        kind = next(iter(layer.numbered(100)), 0)
        for inner in _inner(layer, kind):
            yield from network_weights(inner, path, f"{name}.", depth + 1)
        if kind in _LAYERS:
            word, parts_of = _LAYERS[kind]
            for part in parts_of(layer.message(kind)):
                yield from _tensor(part, path, name, word)


def _inner(layer: Message, kind: int) -> Iterator[Message]:
    fields = {_BRANCH: (1, 2), _LOOP: (3, 4)}.get(kind, ())
    for field in fields:
        yield layer.message(kind).message(field)


def _tensor(part: Part, path: Path, layer: str, kind: str) -> Iterator[WeightTensor]:
    name = f"{layer}.{part.word}"
    read = partial(Params.of, part.message, part.shape, part.axis)
    params = loader(path, name, read)()
    if params is None or not math.prod(part.shape):
        return
    yield WeightTensor(
        name=name,
        shape=part.shape,
        dtype=params.dtype,
        role=part.role,
        op_type=kind,
        load=loader(path, name, params.floats),
        layout=part.layout,
        node=layer,
        codes=params.stored_codes(),
    )


def _convolution(layer: Message) -> Iterator[Part]:
    outputs, inputs = layer.integer(1), layer.integer(2)
    groups = max(layer.integer(10, 1), 1)
    # Left out, kernels are 3 x 3.
    space = (layer.integers(20) or [3, 3])[:2]
    kernel = layer.message(90)
    if layer.integer(60):
        shape = (inputs, outputs // groups, *space)
        yield Part(kernel, "weights", shape, "kernel", "IOHW", axis=1)
    else:
        role = "depthwise_kernel" if inputs == 1 and groups > 1 else "kernel"
        yield Part(kernel, "weights", (outputs, inputs, *space), role, "OIHW")
    yield Part(layer.message(91), "bias", (outputs,), "bias", "O")


def _product(outputs: int, inputs: int, kernel: int, role: str) -> PartsOf:
    """Of a matrix stored outputs first; arguments are field numbers."""

    def parts(layer: Message) -> Iterator[Part]:
        n = layer.integer(outputs)
        shape = (n, layer.integer(inputs))
        yield Part(layer.message(kernel), "weights", shape, role, "OI")
        yield Part(layer.message(kernel + 1), "bias", (n,), "bias", "O")

    return parts


def _batched_product(layer: Message) -> Iterator[Part]:
    rows, columns = layer.integer(5), layer.integer(6)
    yield Part(layer.message(8), "weights", (rows, columns), "kernel", "IO", axis=1)
    yield Part(layer.message(9), "bias", (columns,), "bias", "O")


def _batch_norm(layer: Message) -> Iterator[Part]:
    shape = (layer.integer(1),)
    words = ("gamma", "beta", "mean", "variance")
    roles = ("gamma", "beta", "running_mean", "running_variance")
    for field, (word, role) in enumerate(zip(words, roles, strict=True), 15):
        yield Part(layer.message(field), word, shape, role, "O")


def _layer_norm(layer: Message) -> Iterator[Part]:
    shape = tuple(layer.integers(1))
    yield Part(layer.message(3), "gamma", shape, "gamma")
    yield Part(layer.message(4), "beta", shape, "beta")


def _shaped(words: Mapping[str, tuple[int, int, str]]) -> PartsOf:
    """Of parameters that tell their own shapes: word -> shape, field, role."""

    def parts(layer: Message) -> Iterator[Part]:
        for word, (shape, field, role) in words.items():
            yield Part(layer.message(field), word, tuple(layer.integers(shape)), role)

    return parts


def _activation(layer: Message) -> Iterator[Part]:
    rectifier = layer.message(25).message(1)
    n = Params.length(rectifier)
    yield Part(rectifier, "alpha", (n,), "slope", "O")


def _recurrent(
    gates: Mapping[str, tuple[int, ...]], inner: int | None = None
) -> PartsOf:
    """Of a layer with a matrix a gate.

    Args:
        gates: Gate -> fields of its kernel, recurrent kernel, bias, peephole.
        inner: Field of the message that holds them; None for the layer's own.
    """

    def parts(layer: Message) -> Iterator[Part]:
        inputs, n = layer.integer(1), layer.integer(2)
        holders = [layer] if inner is None else list(layer.messages(inner))
        shapes = ((n, inputs), (n, n), (n,), (n,))
        for index, holder in enumerate(holders):
            suffix = f"_{index}" if len(holders) > 1 else ""
            for gate, fields in gates.items():
                for field, shape, (word, role) in zip(
                    fields, shapes, _GATE, strict=False
                ):
                    layout = "GI"[: len(shape)]
                    name = f"{gate}{word}{suffix}"
                    yield Part(holder.message(field), name, shape, role, layout)

    return parts


_GATE = (
    ("WeightMatrix", "gate_kernel"),
    ("RecursionMatrix", "gate_recurrent_kernel"),
    ("BiasVector", "gate_bias"),
    ("PeepholeVector", "peephole"),
)
_LSTM = {
    "inputGate": (1, 20, 40, 60),
    "forgetGate": (2, 21, 41, 61),
    "blockInput": (3, 22, 42),
    "outputGate": (4, 23, 43, 62),
}
_GRU = {
    "updateGate": (30, 50, 70),
    "resetGate": (31, 51, 71),
    "outputGate": (32, 52, 72),
}


def _custom(layer: Message) -> Iterator[Part]:
    for index, message in enumerate(layer.messages(20)):
        shape = (Params.length(message),)
        yield Part(message, f"weights_{index}", shape, "constant")


_LAYERS: Mapping[int, tuple[str, PartsOf]] = {
    100: ("convolution", _convolution),
    130: ("activation", _activation),
    140: ("innerProduct", _product(2, 1, 20, "kernel")),
    150: ("embedding", _product(2, 1, 20, "embedding")),
    160: ("batchnorm", _batch_norm),
    245: ("scale", _shaped({"scale": (1, 2, "gamma"), "bias": (4, 5, "beta")})),
    250: ("bias", _shaped({"bias": (1, 2, "bias")})),
    290: ("loadConstant", _shaped({"data": (1, 2, "constant")})),
    400: ("simpleRecurrent", _recurrent({"": (30, 31, 32)})),
    410: ("gru", _recurrent(_GRU)),
    420: ("uniDirectionalLSTM", _recurrent(_LSTM, 20)),
    430: ("biDirectionalLSTM", _recurrent(_LSTM, 20)),
    _CUSTOM: ("custom", _custom),
    1040: ("embeddingND", _product(2, 1, 20, "embedding")),
    1045: ("batchedMatmul", _batched_product),
    1070: ("loadConstantND", _shaped({"data": (1, 2, "constant")})),
    1350: ("layerNormalization", _layer_norm),
}
