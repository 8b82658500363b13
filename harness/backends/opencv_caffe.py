"""Caffe's ``deploy.prototxt``, read by a small part of its schema.

Numbers and names of fields are those of caffe.proto, of NetParameter and what it
holds: https://github.com/BVLC/caffe/blob/master/src/caffe/proto/caffe.proto
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
)

from harness.backends.opencv_networks import Network, Output, read_text
from harness.backends.parts import reading
from harness.core.errors import ModelLoadError, UnsafeModelError
from harness.core.protocols import TensorSpec
from harness.formats.nesting import PROTOTEXT, check_nesting
from harness.formats.prototext import MAX_DEPTH as MAX_TEXT_DEPTH

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FIELD = descriptor_pb2.FieldDescriptorProto
_TEXT, _INT = _FIELD.TYPE_STRING, _FIELD.TYPE_INT64
# Message -> (field, number, type or message, repeated). Layers of the first version
# ("layers") tell their type by an enumeration that nothing here needs.
_SCHEMA: dict[str, list[tuple[str, int, int | str, bool]]] = {
    "BlobShape": [("dim", 1, _INT, True)],
    "InputParameter": [("shape", 1, "BlobShape", True)],
    "LayerParameter": [
        ("name", 1, _TEXT, False),
        ("type", 2, _TEXT, False),
        ("bottom", 3, _TEXT, True),
        ("top", 4, _TEXT, True),
        ("input_param", 143, "InputParameter", False),
    ],
    "V1LayerParameter": [
        ("name", 4, _TEXT, False),
        ("bottom", 2, _TEXT, True),
        ("top", 3, _TEXT, True),
    ],
    "NetParameter": [
        ("layers", 2, "V1LayerParameter", True),
        ("input", 3, _TEXT, True),
        ("input_dim", 4, _INT, True),
        ("input_shape", 8, "BlobShape", True),
        ("layer", 100, "LayerParameter", True),
    ],
}
_INPUT, _PYTHON = "Input", "Python"


def read_prototxt(path: Path) -> Network:
    """Inputs with their shapes, and outputs as Caffe names them: by their blob.

    Raises:
        ModelLoadError: The text is cut short or no network, or it is one for training.
        UnsafeModelError: It is nested too deep, or has a Python layer.
    """
    net = _parsed(path)
    layers = [*net.layers, *net.layer]
    if own := [layer.name for layer in net.layer if layer.type == _PYTHON]:
        raise UnsafeModelError(
            f"{path}: layer {own[0]!r} is a Python layer: it imports and runs code",
            hint="export the network without it, of Caffe's own layers",
        )
    inputs = [*_declared_inputs(net), *_input_layers(net)]
    if not inputs:
        raise _no_input(path, layers)
    computed = [layer for layer in layers if not _is_input(layer)]
    return Network(
        inputs=tuple(inputs),
        outputs=tuple(_outputs(computed)),
        sources={layer.name: len(layer.bottom) for layer in computed},
    )


def _parsed(path: Path) -> Any:
    net = _net_class()()
    text = read_text(path)
    with reading(path, "Caffe network"):
        # OpenCV's own reader calls itself at each, without an end.
        check_nesting(text, PROTOTEXT, "it", MAX_TEXT_DEPTH)
    try:
        return text_format.Parse(text, net, allow_unknown_field=True)
    except text_format.ParseError as error:
        raise ModelLoadError(
            f"{path} is no whole Caffe network: {' '.join(str(error).split())}",
            hint="the file was cut short or changed; copy it again",
        ) from error


def _no_input(path: Path, layers: list[Any]) -> ModelLoadError:
    sources = [layer.name for layer in layers if not layer.bottom]
    if sources:
        return ModelLoadError(
            f"{path} is a network for training: its data come from layer"
            f" {sources[0]!r}, and it has no input",
            hint="name the deploy.prototxt that belongs to the weights",
        )
    return ModelLoadError(
        f"{path} has {len(layers)} layers and no input",
        hint="name the deploy.prototxt of the network; a solver is no network",
    )


def _declared_inputs(net: Any) -> Iterator[TensorSpec]:
    """Top-level ``input``, its shape as ``input_shape`` or as four ``input_dim``."""
    flat = list(net.input_dim)
    shapes = [list(shape.dim) for shape in net.input_shape]
    shapes = shapes or [flat[i : i + 4] for i in range(0, len(flat), 4)]
    for index, name in enumerate(net.input):
        yield _spec(name, shapes[index] if index < len(shapes) else None)


def _input_layers(net: Any) -> Iterator[TensorSpec]:
    for layer in filter(_is_input, net.layer):
        shapes = [list(shape.dim) for shape in layer.input_param.shape]
        for index, name in enumerate(layer.top):
            # One shape serves all tops (caffe's InputLayer).
            yield _spec(name, shapes[min(index, len(shapes) - 1)] if shapes else None)


def _spec(name: str, sizes: list[int] | None) -> TensorSpec:
    shape = None if sizes is None else tuple(n if n > 0 else None for n in sizes)
    return TensorSpec(name, "float32", shape)


def _is_input(layer: Any) -> bool:
    return getattr(layer, "type", None) == _INPUT


def _outputs(layers: list[Any]) -> Iterator[Output]:
    """Blobs that no layer takes after they were last written."""
    open_blobs: dict[str, Output] = {}
    for layer in layers:
        for blob in layer.bottom:
            open_blobs.pop(blob, None)
        for index, blob in enumerate(layer.top):
            open_blobs[blob] = Output(blob, layer.name, index)
    yield from open_blobs.values()


@cache
def _net_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(
        name="caffe_text.proto", package="caffe_text", syntax="proto2"
    )
    for message, fields in _SCHEMA.items():
        target = file.message_type.add(name=message)
        for name, number, kind, repeated in fields:
            label = _FIELD.LABEL_REPEATED if repeated else _FIELD.LABEL_OPTIONAL
            field = target.field.add(name=name, number=number, label=label)
            if isinstance(kind, str):
                field.type = _FIELD.TYPE_MESSAGE
                field.type_name = f".caffe_text.{kind}"
            else:
                field.type = kind
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    name = "caffe_text.NetParameter"
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))
