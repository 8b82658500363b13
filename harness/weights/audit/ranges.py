"""Ranges of a float model's activations, streamed over data.

Running models is for the caller: `activation_ranges` hands over bytes of a model with a
few values as further outputs, and takes back arrays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self, TypeAlias

import numpy as np
import onnx
from google.protobuf.message import DecodeError

from harness.core.errors import ModelLoadError
from harness.weights.magnitudes import ZERO_BUCKET, MagnitudeCounts, bucket_edges

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from harness.core.protocols import Array, FloatArray

    RunModel: TypeAlias = Callable[[bytes, Mapping[str, Array]], Mapping[str, Array]]

# Elements of one sample: 64 MB of float32.
_MOST = 1 << 24
_RECTIFIERS = frozenset({"Clip", "Relu"})
_FLOATS = frozenset(
    {
        onnx.TensorProto.BFLOAT16,
        onnx.TensorProto.DOUBLE,
        onnx.TensorProto.FLOAT,
        onnx.TensorProto.FLOAT16,
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class ActivationRange:
    """What data showed at one value.

    Attributes:
        n: Finite elements seen.
        min: Smallest; exact.
        max: Largest; exact.
        lower: Lower edges of the buckets that elements fell into, rising.
        upper: Their upper edges.
        counts: Elements of each.
        rectified: What Clip or Relu makes of it, where nothing else reads it: tools
            leave that to the range of the codes.
    """

    n: int
    min: float
    max: float
    lower: FloatArray
    upper: FloatArray
    counts: FloatArray
    rectified: ActivationRange | None = None

    def share_below(self, limit: float) -> float:
        """Share of the elements that are smaller than `limit`."""
        if not self.n or limit <= self.min:
            return 0.0
        width = self.upper - self.lower
        # A bucket of one number is below, or it is not.
        inside = np.where(
            width > 0,
            np.clip((limit - self.lower) / np.where(width > 0, width, 1), 0, 1),
            self.lower < limit,
        )
        return float((self.counts * inside).sum() / self.n)

    def share_above(self, limit: float) -> float:
        """Share of the elements that are larger than `limit`."""
        return 0.0 if limit >= self.max else 1 - self.share_below(limit)


class RangeSketch:
    """Streaming `ActivationRange` of arrays of any shape; NaN and infinity left out."""

    def __init__(self) -> None:
        self._counts = MagnitudeCounts()
        self._min, self._max = np.inf, -np.inf

    def update(self, batch: Array) -> None:
        """Take in an array of floats."""
        finite = batch[np.isfinite(batch)]
        if finite.size:
            self._min = min(self._min, float(finite.min()))
            self._max = max(self._max, float(finite.max()))
            self._counts.update(finite)

    def merge(self, other: Self) -> None:
        """Take in all that `other` has seen."""
        self._min = min(self._min, other._min)
        self._max = max(self._max, other._max)
        self._counts.merge(other._counts)

    def result(self) -> ActivationRange | None:
        """What was seen; None where no element was finite."""
        if not np.isfinite(self._min):
            return None
        counts = self._counts.result().counts
        (used,) = np.nonzero(counts)
        edges = bucket_edges()
        lower, upper = edges[used].copy(), edges[used + 1].copy()
        for side in (lower, upper):
            side[used == ZERO_BUCKET] = 0
        return ActivationRange(
            n=int(counts.sum()),
            min=self._min,
            max=self._max,
            lower=np.clip(lower, self._min, self._max),
            upper=np.clip(upper, self._min, self._max),
            counts=counts[used].astype(np.float64),
        )


def activation_ranges(
    model: bytes,
    run: RunModel,
    feeds: Callable[[], Iterable[Mapping[str, Array]]],
    names: Sequence[str] | None = None,
    group: int = 16,
) -> dict[str, ActivationRange]:
    """What the data show at inputs and values of a float ONNX model.

    Data are read once a group: memory is that of a group's outputs of one batch, and
    half a megabyte for each of all values.

    Args:
        model: The serialized model, with its weights inside.
        run: Runs a serialized model: feeds by input name -> outputs by name.
        feeds: Begins the data anew: batches by input name.
        names: Values wanted; those that the model does not have, or that are no
            floats, are left out. None for all.
        group: Values a group.

    Raises:
        ModelLoadError: `model` is no ONNX model.
        BackendError: `run` raises it.
    """
    rectified = _rectified(_parsed(model))
    if names is not None:
        names = [*names, *(rectified[name] for name in names if name in rectified)]
    sketches: dict[str, RangeSketch] = {}
    for at, (tapped, given) in enumerate(tapped_models(model, names, group)):
        for batch in feeds():
            outputs = run(given, batch)
            seen = {name: outputs[name] for name in tapped}
            if at == 0:
                seen |= {name: batch[name] for name in _wanted(batch, names)}
            for name, values in seen.items():
                if np.issubdtype(values.dtype, np.floating):
                    sketches.setdefault(name, RangeSketch()).update(values)
    results = {name: sketch.result() for name, sketch in sketches.items()}
    return {
        name: replace(found, rectified=results.get(rectified.get(name, "")))
        for name, found in results.items()
        if found is not None
    }


def tapped_models(
    model: bytes, names: Sequence[str] | None = None, group: int = 16
) -> Iterator[tuple[tuple[str, ...], bytes]]:
    """The model with some of its float values as further outputs, group by group.

    A group is smaller where its values are large, as far as shapes tell. A runtime may
    optimise a tapped model in another way: its numbers can differ in the last digits.

    Args:
        model: The serialized model.
        names: Values wanted; None for all float values.
        group: Values at a time, at most.

    Yields:
        Names of the values, and the model that gives them; at least one, without
        names where no value is wanted.

    Raises:
        ModelLoadError: `model` is no ONNX model.
    """
    parsed = _parsed(model)
    given = {output.name for output in parsed.graph.output}
    values = _float_values(parsed)
    wanted = {k: size for k, size in values.items() if k in (names or {k})}
    kept = len(parsed.graph.output)
    for some in _groups(wanted, group):
        del parsed.graph.output[kept:]
        for name in some:
            if name not in given:
                parsed.graph.output.append(onnx.ValueInfoProto(name=name))
        yield some, parsed.SerializeToString()


def float_values(model: bytes) -> tuple[str, ...]:
    """Names of all inputs and float values of a serialized model.

    Raises:
        ModelLoadError: `model` is no ONNX model.
    """
    parsed = _parsed(model)
    return (*(given.name for given in parsed.graph.input), *_float_values(parsed))


def _groups(wanted: Mapping[str, int], group: int) -> Iterator[tuple[str, ...]]:
    """Names in groups of at most `group` and, but for single ones, `_MOST` elements."""
    some: list[str] = []
    total = 0
    for name, size in wanted.items():
        if some and (len(some) == group or total + size > _MOST):
            yield tuple(some)
            some, total = [], 0
        some.append(name)
        total += size
    yield tuple(some)


def _parsed(model: bytes) -> onnx.ModelProto:
    try:
        return onnx.load_model_from_string(model)
    except DecodeError as error:
        raise ModelLoadError(
            f"the model to be tapped is no ONNX model: {error}",
            hint="hand over the bytes of a whole ONNX file",
        ) from error


def _rectified(model: onnx.ModelProto) -> dict[str, str]:
    """Value that a rectifier alone reads -> what that makes of it."""
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    for output in model.graph.output:
        readers.pop(output.name, None)
    return {
        name: nodes[0].output[0]
        for name, nodes in readers.items()
        if len(nodes) == 1
        and nodes[0].op_type in _RECTIFIERS
        and nodes[0].input[0] == name
    }


def _wanted(batch: Mapping[str, Array], names: Sequence[str] | None) -> Iterator[str]:
    return (name for name in batch if names is None or name in names)


def _float_values(model: onnx.ModelProto) -> dict[str, int]:
    """Results of nodes that are floats -> elements, unknown lengths taken as 1."""
    inferred = _inferred(model).graph
    types = {
        info.name: info.type.tensor_type
        for info in (*inferred.value_info, *inferred.output)
    }
    made = (name for node in model.graph.node for name in node.output if name)
    known = {name: types[name] for name in made if name in types}
    return {
        name: math.prod(max(d.dim_value, 1) for d in kind.shape.dim)
        for name, kind in known.items()
        if kind.elem_type in _FLOATS
    }


def _inferred(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with the types of its values; as it is, where they contradict it."""
    try:
        return onnx.shape_inference.infer_shapes(model)
    except onnx.shape_inference.InferenceError:
        return model
