"""Ranges that an OpenVINO model declares: FakeQuantize, or preprocessing in rt_info."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from harness.core.model_facts import InputRange
from harness.formats.openvino_xml import Network, dtype_name
from harness.inspection.ranges.pixels import BYTE, normalized

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.formats.openvino_xml import Layer

    Key: TypeAlias = tuple[int, str]
    Taken: TypeAlias = dict[tuple[Key, int], Key]

_MOVERS = frozenset({"Convert", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})
_NUMBER = re.compile(r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?")
_MEAN, _SCALE = "mean_values", "scale_values"
# The converter's own arguments: what they ask for is part of the graph.
_CONVERTED = "conversion_parameters"
_NOWHERE = (0, "")


def read_openvino(path: Path) -> tuple[InputRange, ...]:
    """Ranges of an ``.xml`` file's parameters.

    Raises:
        Malformed: It is cut short, damaged or out of all bounds.
        OSError: It, or the ``.bin`` beside it, cannot be read.
    """
    network = Network(path)
    layers = {layer.key: layer for layer in network.layers if not layer.depth}
    fed = [layer for layer in layers.values() if layer.type == "Parameter"]
    found = {_name(layer): one for layer, one in _images(network, fed)}
    found |= {one.input: one for one in _quantized(network, layers, fed, path)}
    return tuple(found.values())


def _name(layer: Layer) -> str:
    return layer.port_name.split(",")[0] or layer.name


def _images(network: Network, fed: list[Layer]) -> Iterator[tuple[Layer, InputRange]]:
    """A single image, where a mean or a scale of its bytes is noted."""
    images = [layer for layer in fed if len(layer.lengths) == 4]
    means, scales = (
        [float(number) for number in _NUMBER.findall(network.facts.get(key, ""))]
        for key in (_MEAN, _SCALE)
    )
    if len(images) != 1 or not (means or scales):
        return
    (layer,) = images
    inside = _CONVERTED in {network.sections.get(key) for key in (_MEAN, _SCALE)}
    inside |= network.facts.get("embedded_processing", "").upper() in {"YES", "TRUE"}
    ends = BYTE if inside else normalized(means, scales)
    if ends is not None:
        where = "inside" if inside else "before it"
        origin = f"bytes of an image, its rt_info's mean and scale applied {where}"
        yield layer, InputRange(_name(layer), *ends, origin)


def _quantized(
    network: Network, layers: dict[Key, Layer], fed: list[Layer], path: Path
) -> Iterator[InputRange]:
    """Parameters that nothing but movers lies between and a FakeQuantize."""
    taken = {(edge.target, edge.port): edge.source for edge in network.edges}
    origin = {layer.key: layer for layer in fed}
    for layer in layers.values():
        source = origin.get(taken.get((layer.key, 0), _NOWHERE))
        if source is None:
            continue
        if layer.type in _MOVERS:
            origin[layer.key] = source
        elif layer.type == "FakeQuantize":
            ends = [_behind((layer.key, port), layers, taken) for port in (1, 2)]
            low, high = (_constant(end, path.with_suffix(".bin")) for end in ends)
            levels = int(layer.data.get("levels", "256") or 256)
            if low is not None and high is not None and low < high and levels > 1:
                told = f"its first FakeQuantize, {levels} levels"
                step = (high - low) / (levels - 1)
                yield InputRange(_name(source), low, high, told, step)


def _behind(
    end: tuple[Key, int], layers: dict[Key, Layer], taken: Taken
) -> Layer | None:
    """What feeds a port; constants of half precision are widened first."""
    layer = layers.get(taken.get(end, _NOWHERE))
    if layer is not None and layer.type == "Convert":
        layer = layers.get(taken.get((layer.key, 0), _NOWHERE))
    return layer


def _constant(layer: Layer | None, weights: Path) -> float | None:
    """The one number of a Const; None where it is no single number."""
    if layer is None or layer.type != "Const":
        return None
    dtype = dtype_name(layer.data.get("element_type", ""))
    size = int(layer.data.get("size", "0") or 0)
    if dtype not in {"float16", "float32", "float64"}:
        return None
    if size != np.dtype(dtype).itemsize:
        return None
    with weights.open("rb") as stream:
        stream.seek(int(layer.data.get("offset", "0") or 0))
        held = stream.read(size)
    return float(np.frombuffer(held, dtype)[0]) if len(held) == size else None
