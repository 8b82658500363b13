"""Ranges of a float model's activations, streamed over data.

Running models is for the caller: `activation_ranges` hands over bytes of a model with a
few values as further outputs, and takes back arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
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
    """

    n: int
    min: float
    max: float
    lower: FloatArray
    upper: FloatArray
    counts: FloatArray

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
    half a megabyte for each of its values.

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
    return {name: found for name, found in results.items() if found is not None}


def tapped_models(
    model: bytes, names: Sequence[str] | None = None, group: int = 16
) -> Iterator[tuple[tuple[str, ...], bytes]]:
    """The model with some of its float values as further outputs, group by group.

    A runtime may optimise a tapped model in another way: its numbers can differ in
    the last digits.

    Args:
        model: The serialized model.
        names: Values wanted; None for all float values.
        group: Values at a time.

    Yields:
        Names of the values, and the model that gives them; at least one, without
        names where no value is wanted.

    Raises:
        ModelLoadError: `model` is no ONNX model.
    """
    try:
        parsed = onnx.load_model_from_string(model)
    except DecodeError as error:
        raise ModelLoadError(
            f"the model to be tapped is no ONNX model: {error}",
            hint="hand over the bytes of a whole ONNX file",
        ) from error
    given = {output.name for output in parsed.graph.output}
    wanted = [name for name in _float_values(parsed) if name in (names or {name})]
    kept = len(parsed.graph.output)
    for start in range(0, max(len(wanted), 1), group):
        some = tuple(wanted[start : start + group])
        del parsed.graph.output[kept:]
        for name in some:
            if name not in given:
                parsed.graph.output.append(onnx.ValueInfoProto(name=name))
        yield some, parsed.SerializeToString()


def _wanted(batch: Mapping[str, Array], names: Sequence[str] | None) -> Iterator[str]:
    return (name for name in batch if names is None or name in names)


def _float_values(model: onnx.ModelProto) -> list[str]:
    """Results of nodes that are floats, or whose type is not known."""
    inferred = onnx.shape_inference.infer_shapes(model).graph
    types = {
        info.name: info.type.tensor_type.elem_type
        for info in (*inferred.value_info, *inferred.output)
    }
    made = (name for node in model.graph.node for name in node.output if name)
    return [name for name in made if types.get(name) in _FLOATS]
