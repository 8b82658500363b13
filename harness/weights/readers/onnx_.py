"""Weights of an ONNX file: initializers and Constant nodes of its main graph."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from harness.core.protocols import WeightTensor
from harness.weights.readers.onnx_graph import Graph
from harness.weights.readers.onnx_quantized import (
    codes_of,
    dequantized,
    quantization_of,
)
from harness.weights.readers.onnx_roles import use_of
from harness.weights.readers.onnx_storage import Storage, open_model

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.core.protocols import FloatArray
    from harness.weights.readers.onnx_quantized import Quantization


def read_weights(path: Path) -> Iterator[WeightTensor]:
    """The float tensors of a model, and its quantized ones as the floats they mean.

    Scalars and integer constants (shapes, axes) are left out, and so are single
    scales and all zero points; scales by channel are listed with the role "scale".
    Weights inside the bodies of If, Loop and functions are not read.

    Raises:
        ModelLoadError: The file is missing, cut short or no ONNX model, or a data
            file of its tensors is missing or too short.
        UnsafeModelError: A tensor points to a file outside of the model's folder.
    """
    model = open_model(path)
    graph = Graph(model.graph)
    storage = Storage(path, graph.constants)
    for name in graph.constants:
        storage.check(name)
    return weights_of(graph, storage)


def weights_of(graph: Graph, storage: Storage) -> Iterator[WeightTensor]:
    """The weights among a graph's constants, whatever file they lie in."""
    quantized = {name: quantization_of(name, graph) for name in graph.constants}
    scales = {name for q in quantized.values() if q for name in q.scales}
    for name in graph.constants:
        tensor = _tensor(name, graph, storage, quantized[name])
        if tensor is None:
            continue
        if name not in scales and tensor.role != "scale":
            yield tensor
        elif math.prod(tensor.shape) > 1:
            yield replace(tensor, role="scale", layout=None, codes=None)


def _tensor(
    name: str, graph: Graph, storage: Storage, quantization: Quantization | None
) -> WeightTensor | None:
    shape, dtype = storage.shape(name), storage.dtype(name)
    if not shape or 0 in shape or dtype is None:
        return None
    if quantization is not None:
        load = partial(dequantized, name, quantization, storage)
    elif storage.is_float(name):
        load = partial(_as_float, name, storage)
    else:
        return None
    use = use_of(name, shape, graph)
    codes = codes_of(name, quantization, storage) if quantization else None
    return WeightTensor(
        name=name,
        shape=shape,
        dtype=dtype.name,
        role=use.role,
        op_type=use.op_type,
        load=load,
        layout=use.layout,
        node=use.node,
        codes=codes,
        epsilon=use.epsilon,
    )


def _as_float(name: str, storage: Storage) -> FloatArray:
    values = storage.load(name)
    wide = values.dtype in (np.float32, np.float64)
    # Widening a signalling NaN is "invalid".
    with np.errstate(invalid="ignore"):
        return values if wide else values.astype(np.float32)
