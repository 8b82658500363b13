"""Integer constants that stand for floats: which scale and zero point are theirs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from harness.core.errors import ModelLoadError
from harness.core.protocols import StoredCodes
from harness.weights.readers.onnx_graph import attribute

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from onnx import NodeProto

    from harness.core.protocols import Array, FloatArray, IntArray
    from harness.weights.readers.onnx_graph import Graph
    from harness.weights.readers.onnx_storage import Storage


@dataclass(frozen=True, slots=True)
class Quantization:
    """``float = (stored - zero_point) * scale``.

    Attributes:
        scales: Constants whose product is the scale.
        zero_point: A constant; "" for 0.
        axis: The axis that scales by channel run along.
        block_size: Elements along the axis that share a scale; 0 for channels.
    """

    scales: tuple[str, ...]
    zero_point: str
    axis: int
    block_size: int = 0


@dataclass(frozen=True, slots=True)
class _Wiring:
    """Inputs of an operator that hold scales and zero point of one of its inputs."""

    scales: tuple[int, ...]
    zero_point: int | None
    axis: int = -1


# (operator, input) -> where its scale is. Biases have the product of both scales.
_WIRING: Mapping[tuple[str, int], _Wiring] = {
    ("DynamicQuantizeLSTM", 1): _Wiring((8,), 9, axis=0),
    ("DynamicQuantizeLSTM", 2): _Wiring((10,), 11, axis=0),
    ("DynamicQuantizeMatMul", 1): _Wiring((2,), 3),
    ("MatMulIntegerToFloat", 1): _Wiring((3,), 5),
    ("QGemm", 3): _Wiring((4,), 5),
    ("QGemm", 6): _Wiring((1, 4), None),
    ("QLinearAdd", 0): _Wiring((1,), 2),
    ("QLinearAdd", 3): _Wiring((4,), 5),
    ("QLinearConv", 3): _Wiring((4,), 5, axis=0),
    ("QLinearConv", 8): _Wiring((1, 4), None, axis=0),
    ("QLinearMatMul", 0): _Wiring((1,), 2, axis=-2),
    ("QLinearMatMul", 3): _Wiring((4,), 5),
    ("QLinearMul", 0): _Wiring((1,), 2),
    ("QLinearMul", 3): _Wiring((4,), 5),
}
_LIMITS = re.compile(r"(u?)int(\d+)$")
_INTEGER_PRODUCTS = {("MatMulInteger", 1): -1, ("ConvInteger", 1): 0}


def quantization_of(name: str, graph: Graph) -> Quantization | None:
    """How a constant is quantized; None where it is not, or not by constants."""
    for node, index in graph.consumers(name):
        found = _at_reader(node, index, graph)
        if found is None or not graph.constants.keys() >= set(found.scales):
            continue
        if not found.zero_point or found.zero_point in graph.constants:
            return found
    return None


def dequantized(name: str, how: Quantization, storage: Storage) -> FloatArray:
    """The floats, as float32, in the stored shape.

    The zero point is subtracted in float: in the stored type, 100 - 128 of uint8
    would be 228.

    Raises:
        ModelLoadError: The bytes of the tensor, its scale or zero point are broken,
            or do not fit each other.
    """
    stored = storage.load(name)
    # float32 is exact for the integers of 16 bits and less.
    narrow = stored.dtype.itemsize <= 2
    values: FloatArray = stored.astype(np.float32 if narrow else np.float64)
    try:
        if how.zero_point:
            _apply(np.subtract, values, storage.load(how.zero_point), how)
        for scale in how.scales:
            _apply(np.multiply, values, storage.load(scale), how)
    except (ValueError, IndexError) as error:
        raise ModelLoadError(
            f"tensor {name!r} of shape {list(stored.shape)} does not fit its scale or"
            f" zero point: {error}",
            hint="quantize the model again",
        ) from error
    return values.astype(np.float32, copy=False)


def codes_of(name: str, how: Quantization, storage: Storage) -> StoredCodes | None:
    """The integers themselves and what they mean; None where that is no affine code.

    None also for scales of blocks, and for scales that do not fit: reading the floats
    tells of those.

    Raises:
        ModelLoadError: The bytes of a scale or zero point are broken.
    """
    shape, dtype = storage.shape(name), storage.dtype(name)
    limits = _LIMITS.match(dtype.name) if dtype is not None else None
    scales = [storage.load(scale).astype(np.float64) for scale in how.scales]
    if limits is None or how.block_size or not -len(shape) <= how.axis < len(shape):
        return None
    sizes = {scale.size for scale in scales} - {1}
    if sizes - {shape[how.axis]} or any(scale.ndim > 1 for scale in scales):
        return None
    scale = np.ones(1)
    for factor in scales:
        scale = scale * factor.reshape(-1)
    zero = storage.load(how.zero_point) if how.zero_point else np.zeros(1, np.int64)
    if zero.size not in (1, scale.size):
        return None
    bits, signed = int(limits[2]), not limits[1]
    return StoredCodes(
        scale=scale,
        zero_point=np.broadcast_to(zero.reshape(-1).astype(np.int64), scale.shape),
        axis=how.axis % len(shape) if sizes else None,
        low=-(1 << (bits - 1)) if signed else 0,
        high=(1 << (bits - signed)) - 1,
        codes=partial(_codes, name, storage),
    )


def _codes(name: str, storage: Storage) -> IntArray:
    stored = storage.load(name)
    # Types of less than a byte are numpy's only by extension.
    narrow = stored.dtype.kind not in "iu"
    codes: IntArray = stored.astype(np.int8) if narrow else stored
    return codes


def _apply(
    operation: np.ufunc, values: FloatArray, parameter: Array, how: Quantization
) -> None:
    fitted = _along(parameter.astype(values.dtype), how, values.shape)
    operation(values, fitted, out=values)


def _along(parameter: Array, how: Quantization, shape: tuple[int, ...]) -> Array:
    """Scale or zero point in a shape that broadcasts over the tensor's."""
    if parameter.size == 1:
        return parameter.reshape(())
    if how.block_size:
        spread = np.repeat(parameter, how.block_size, axis=how.axis)
        return spread[tuple(slice(n) for n in shape)]
    if parameter.ndim > 1:
        # Of recurrent kernels, a row of channels for each direction.
        between = [1] * (len(shape) - parameter.ndim)
        return parameter.reshape(parameter.shape[0], *between, *parameter.shape[1:])
    ones = [1] * len(shape)
    ones[how.axis] = parameter.size
    return parameter.reshape(ones)


def _at_reader(node: NodeProto, index: int, graph: Graph) -> Quantization | None:
    kind = (node.op_type, index)
    if kind == ("DequantizeLinear", 0):
        axis, block = attribute(node, "axis", 1), attribute(node, "block_size", 0)
        return Quantization((_input(node, 1),), _input(node, 2), axis, block)
    if wiring := _WIRING.get(kind):
        scales = tuple(_input(node, i) for i in wiring.scales)
        zero_point = (
            "" if wiring.zero_point is None else _input(node, wiring.zero_point)
        )
        return Quantization(scales, zero_point, wiring.axis)
    if kind in _INTEGER_PRODUCTS:
        scale = next(_scales_after(node, graph), "")
        return Quantization((scale,), _input(node, 3), _INTEGER_PRODUCTS[kind])
    if kind == ("Gather", 0):
        # A quantized embedding is looked up first and turned to floats after.
        for reader, at in _readers(node, graph):
            if (reader.op_type, at) == ("DequantizeLinear", 0):
                return _at_reader(reader, at, graph)
    return None


def _scales_after(product: NodeProto, graph: Graph) -> Iterator[str]:
    """The weight's scale behind an integer product: Cast, then Mul by both scales."""
    for node, _ in _readers(product, graph):
        if node.op_type != "Mul":
            continue
        for name in node.input:
            factor = graph.producer(name)
            names = [name]
            if factor is not None and factor.op_type == "Mul":
                names = list(factor.input)
            yield from (str(n) for n in names if n in graph.constants)


def _readers(node: NodeProto, graph: Graph) -> Iterator[tuple[NodeProto, int]]:
    for name in node.output:
        yield from graph.final_consumers(name)


def _input(node: NodeProto, index: int) -> str:
    """Name of an input, "" where it is left out."""
    return str(node.input[index]) if index < len(node.input) else ""
