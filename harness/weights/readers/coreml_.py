"""Weights of a Core ML model or package: of its networks' layers, or its program.

Field numbers are those of coremltools/mlmodel/format/Model.proto.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.containment import path_inside
from harness.core.errors import ModelLoadError
from harness.formats.coreml_package import items_of
from harness.formats.malformed import Malformed
from harness.formats.wire import Message, mapped
from harness.weights.readers.coreml_network import network_weights
from harness.weights.readers.coreml_program import program_weights
from harness.weights.readers.faults import reading

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.core.protocols import WeightTensor

_NETWORKS = (303, 403, 500)
_PIPELINES = {200: 1, 201: 1, 202: None}
_PROGRAM = 502
_MAX_DEPTH = 8


def read_package(path: Path) -> Iterator[WeightTensor]:
    """Weights of a ``.mlpackage``.

    Raises:
        ModelLoadError: Its manifest names no model that is there, or a file is damaged.
        UnsafeModelError: It names a file outside of it.
    """
    with reading(path, "Core ML package"):
        names = [name for name in items_of(path) if name.endswith(".mlmodel")]
        if not names:
            raise Malformed("its Manifest.json names no model")
    model = path_inside(path / "Data", names[0], f"{path}: Manifest.json")
    return read_weights(model)


def read_weights(path: Path) -> Iterator[WeightTensor]:
    """Weights of a ``.mlmodel``, those of all parts of a pipeline.

    Quantized ones come as the floats they mean. Of tables of floats there are no codes
    to be judged: their numbers have no scale.

    Raises:
        ModelLoadError: A file is missing, cut short or damaged, or the model is no
            network, program or pipeline.
        UnsafeModelError: It names a file outside of its folder.
    """
    with reading(path, "Core ML model"), mapped(path) as data:
        return iter(list(_weights(Message(data), path, "", 0)))


def _weights(
    model: Message, path: Path, prefix: str, depth: int
) -> Iterator[WeightTensor]:
    kind = next((n for n in model.numbered(200) if n in _KNOWN), None)
    if kind is None or depth > _MAX_DEPTH:
        raise ModelLoadError(
            f"{path} holds no network, program or pipeline of them",
            hint="name a neural network: trees, tables and the like have no tensors",
        )
    if kind in _NETWORKS:
        yield from network_weights(model.message(kind), path, prefix)
    elif kind == _PROGRAM:
        yield from program_weights(model.message(kind), path, prefix)
    else:
        # Classifiers and regressors wrap the pipeline once more.
        pipeline = model.message(kind)
        inner = _PIPELINES[kind]
        pipeline = pipeline if inner is None else pipeline.message(inner)
        for index, part in enumerate(pipeline.messages(1)):
            yield from _weights(part, path, f"{prefix}{index}.", depth + 1)


_KNOWN = frozenset({*_NETWORKS, *_PIPELINES, _PROGRAM})
