"""Shapes of a network's inputs and outputs, where OpenCV is asked for them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.backends.shapes import Shape, check_shape_names
from harness.core.protocols import TensorSpec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.backends.opencv_networks import Output
    from harness.core.protocols import Array

_FREE_SIZE = 64


def declared_inputs(
    inputs: tuple[TensorSpec, ...], shapes: Mapping[str, Shape]
) -> tuple[TensorSpec, ...]:
    """The network's inputs, with the shapes that the suite asks for.

    Raises:
        SuiteError: It names what is no input.
    """
    check_shape_names(shapes, [spec.name for spec in inputs])
    return tuple(
        replace(spec, shape=shapes.get(spec.name, spec.shape)) for spec in inputs
    )


def output_specs(
    net: Any, inputs: Sequence[TensorSpec], outputs: Sequence[Output]
) -> tuple[TensorSpec, ...]:
    """What the outputs will be: computed for two sizes of what is free.

    What differs between the two is free. A rank that differs is that of a detection
    layer, which leaves out the sample axis when there is one sample.
    """
    if any(spec.shape is None for spec in inputs):
        return tuple(TensorSpec(o.name, "float32", None) for o in outputs)
    few, more = (_shapes(net, inputs, outputs, size) for size in (1, 2))
    return tuple(
        TensorSpec(output.name, "float32", _merged(one, two))
        for output, one, two in zip(outputs, few, more, strict=True)
    )


def blank_feeds(inputs: Sequence[TensorSpec]) -> dict[str, Array]:
    """Zeros for every input, one sample where that is free; empty without shapes."""
    if any(spec.shape is None for spec in inputs):
        return {}
    return {
        spec.name: np.zeros(_sized(spec.shape or (), 1), np.float32) for spec in inputs
    }


def _shapes(
    net: Any, inputs: Sequence[TensorSpec], outputs: Sequence[Output], size: int
) -> list[tuple[int, ...]]:
    wanted = [_sized(spec.shape or (), size) for spec in inputs]
    layers, _, found = net.getLayersShapes(wanted)
    of = {int(layer): shapes for layer, shapes in zip(layers, found, strict=True)}
    answers = [of[net.getLayerId(o.layer)][o.index] for o in outputs]
    return [tuple(int(n) for n in answer) for answer in answers]


def _sized(shape: tuple[int | str | None, ...], size: int) -> list[int]:
    """Free axes sized: samples by `size`, others large enough for most networks."""
    free = [size, *([_FREE_SIZE * size] * (len(shape) - 1))]
    return [n if isinstance(n, int) else m for n, m in zip(shape, free, strict=True)]


def _merged(one: tuple[int, ...], two: tuple[int, ...]) -> Shape:
    if len(two) > len(one):
        one = (1, *one)
    return tuple(a if a == b else None for a, b in zip(one, two, strict=True))
