"""Weights of a frozen GraphDef, as bytes or as text: its constants."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from harness.core.protocols import WeightTensor
from harness.formats.numbers import as_floats, is_float
from harness.formats.prototext import parse_prototext, read_text
from harness.formats.tensorflow_nodes import bodies_of, bodies_of_text
from harness.formats.wire import Message, mapped
from harness.weights.readers.affine import dequantized
from harness.weights.readers.byte_order import check_byte_order
from harness.weights.readers.faults import loader, reading
from harness.weights.readers.graphdef_quantized import Quantization, quantization_of
from harness.weights.readers.tensorflow_flow import Flow
from harness.weights.readers.tensorflow_roles import use_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from harness.core.protocols import Array, FloatArray
    from harness.formats.tensorflow_protos import TensorValue
    from harness.weights.readers.tensorflow_flow import Value

_TITLE = "GraphDef"


def read_weights(path: Path) -> Iterator[WeightTensor]:
    """Float constants of a ``.pb`` file, and quantized ones as the floats they mean.

    Scalars and integers without a range are left out, and so are the ranges.

    Raises:
        ModelLoadError: It is missing, cut short or damaged.
    """
    with reading(path, _TITLE), mapped(path) as data:
        return iter(list(constants(path, Flow(bodies_of(Message(data))))))


def read_text_weights(path: Path) -> Iterator[WeightTensor]:
    """The same of a ``.pbtxt`` file, which is held in memory as a whole.

    Raises:
        ModelLoadError: It is missing, cut short, damaged or larger than 256 MiB.
    """
    with reading(path, _TITLE):
        graph = bodies_of_text(parse_prototext(read_text(path)))
        return iter(list(constants(path, Flow(graph))))


def constants(path: Path, flow: Flow) -> Iterator[WeightTensor]:
    """Weights among the Const nodes of all bodies.

    Args:
        path: The file, for messages.
        flow: Its graph.

    Raises:
        ModelLoadError: A constant is damaged.
    """
    found = [
        (value, node.attributes.tensor("value"))
        for value, node in flow.values()
        if node.op == "Const"
    ]
    ranges: set[Value] = set()
    quantized = {}
    for value, tensor in found:
        quantization = quantization_of(value, tensor, flow)
        if quantization is not None:
            quantized[value] = quantization
            ranges.update(quantization.ends)
    for value, tensor in found:
        if value not in ranges:
            made = _weight(path, value, tensor, quantized.get(value), flow)
            if made is not None:
                yield made


def _weight(
    path: Path,
    value: Value,
    tensor: TensorValue,
    quantization: Quantization | None,
    flow: Flow,
) -> WeightTensor | None:
    shape, dtype = tensor.shape, tensor.dtype
    if not shape or 0 in shape or not (is_float(dtype) or quantization):
        return None
    name = f"{value.body}/{value.name}" if value.body else value.name
    stored: Callable[[], Array] = loader(path, name, partial(_stored, tensor))
    stored()
    use = use_of(value, shape, flow)
    codes = quantization.codes(stored) if quantization else None
    load: Callable[[], FloatArray] = partial(_floats, stored, dtype)
    if quantization:
        load = loader(path, name, partial(quantization.floats, stored))
    if codes is not None:
        load = loader(path, name, partial(dequantized, codes))
    return WeightTensor(
        name,
        shape,
        dtype,
        use.role,
        use.op_type,
        load,
        layout=use.layout,
        node=use.node,
        codes=codes,
        epsilon=use.epsilon,
    )


def _floats(stored: Callable[[], Array], dtype: str) -> FloatArray:
    return as_floats(stored(), dtype)


def _stored(tensor: TensorValue) -> Array:
    values = tensor.numbers()
    check_byte_order(values)
    return values
