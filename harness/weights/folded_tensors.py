"""What a tensor should have become when a batch norm was folded into it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from harness.core.tensors import Folding
from harness.weights.sketch import tame

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.core.protocols import FloatArray, WeightTensor
    from harness.weights.epsilon import Fit
    from harness.weights.gains import Gains
    from harness.weights.norms import Norm
    from harness.weights.sketch import Sketch

    Expected = Callable[[float], FloatArray]


def kernel_by_channel(gains: Gains, factor: FloatArray) -> WeightTensor:
    """The kept kernel times a number a channel, in the candidate's shape."""
    shape = (gains.folded if gains.forward else gains.kept).tensor.shape

    def load() -> FloatArray:
        values = gains.load()
        bare = values.reshape([n for n in shape if n != 1])
        along = [1] * bare.ndim
        along[gains.axis] = -1
        product = bare.astype(np.float64) * factor.reshape(along)
        return product.astype(np.float32).reshape(shape)

    return _made(gains.kept.tensor, gains.kept.tensor.name, shape, load)


def vector(
    source: WeightTensor, name: str, load: Callable[[], FloatArray]
) -> WeightTensor:
    """A tensor of one axis that is computed."""

    def single() -> FloatArray:
        return load().astype(np.float32)

    return _made(source, name, load().shape, single)


def _made(
    source: WeightTensor,
    name: str,
    shape: tuple[int, ...],
    load: Callable[[], FloatArray],
) -> WeightTensor:
    return replace(
        source,
        name=name,
        shape=shape,
        load=load,
        dtype="float32",
        layout=None,
        codes=None,
    )


def bias_behind(norm: Norm, before: Sketch | None, gains: Gains) -> Expected | None:
    """``beta + (bias - mean) scale``: the norm follows the kernel."""
    if gains.values.size != norm.size:
        return None
    bias = _bias(before, norm.size)
    if bias is None:
        return None
    return lambda epsilon: norm.shift(epsilon) + bias * norm.scale(epsilon)


def bias_of_next(norm: Norm, before: Sketch | None, gains: Gains) -> Expected | None:
    """``bias + sum(kernel shift)``: the kernel follows the norm.

    Exact where the kernel sees no padding.
    """
    kernel = np.moveaxis(tame(gains.load()), gains.axis, 0)
    out = _output_axis(kernel, before)
    if out is None:
        return None
    summed = kernel.sum(axis=tuple(a for a in range(1, kernel.ndim) if a != out))
    bias = _bias(before, summed.shape[1])
    if bias is None:
        return None
    return lambda epsilon: bias + gains.spread(norm.shift(epsilon)) @ summed


def _output_axis(kernel: FloatArray, before: Sketch | None) -> int | None:
    """The axis, other than the first, that counts outputs."""
    sizes = kernel.shape[1:]
    if before is not None:
        fitting = [a for a, n in enumerate(sizes, 1) if n == before.size]
        return fitting[-1] if fitting else None
    return 1 + int(np.argmax(sizes)) if sizes else None


def _bias(before: Sketch | None, size: int) -> FloatArray | None:
    if before is None:
        return np.zeros(size)
    if before.size != size:
        return None
    return tame(before.tensor.load().reshape(-1))


def record(
    norm: Norm, fit: Fit, folded_in: str, into: str, targets: tuple[str, ...]
) -> Folding:
    """The record of one norm's folding."""
    verdict = _verdict(norm.epsilon, fit)
    return Folding(
        folded_in=folded_in,
        into=into,
        norm=norm.names,
        targets=targets,
        epsilon=fit.epsilon,
        epsilon_low=fit.low,
        epsilon_high=fit.high,
        customary=fit.customary,
        declared=norm.epsilon,
        verdict=verdict,
        residual=fit.residual,
        note=_note(norm, fit, into, verdict),
    )


def _verdict(declared: float | None, fit: Fit) -> str:
    if declared is None:
        return "undecided" if len(fit.customary) > 1 else "unknown"
    if not fit.holds(declared):
        return "differs"
    others = [e for e in fit.customary if abs(e - declared) > 0.01 * declared]
    return "undecided" if others else "agrees"


def _note(norm: Norm, fit: Fit, into: str, verdict: str) -> str:
    customary = [f"{e:g}" for e in fit.customary]
    text = f"batch norm of {norm.size} channels folded into {into}"
    if len(customary) > 1:
        text += f"; too coarse to tell epsilon: {', '.join(customary)} explain it"
    elif customary:
        text += f" with epsilon {customary[0]}"
    else:
        text += f" with epsilon {fit.epsilon:.4g}"
        text += f" ({fit.low:.3g} to {fit.high:.3g})"
    if verdict == "differs":
        text += f", where {norm.epsilon:g} is declared"
    if fit.outliers:
        channels = ", ".join(map(str, fit.outliers[:4]))
        text += f"; {len(fit.outliers)} channels are not explained: {channels}"
    return text
