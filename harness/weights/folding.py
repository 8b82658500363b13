"""Batch norms that one file keeps and the other has multiplied into its weights.

A convolution before the norm becomes ``kernel' = kernel gamma / sqrt(var + eps)`` and
``bias' = beta + (bias - mean) gamma / sqrt(var + eps)``; a product after it takes
the scale on its input channels and adds the shift, summed over its kernel, to its
bias; a norm between other operators becomes a multiplication and an addition.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.weights.epsilon import Observed, fit_epsilon, may_fit
from harness.weights.folded_tensors import (
    bias_behind,
    bias_of_next,
    kernel_by_channel,
    record,
    vector,
)
from harness.weights.gains import Gains, gain_pairs
from harness.weights.layouts import as_it_is
from harness.weights.likeness import likeness
from harness.weights.norms import norms
from harness.weights.pool import Match
from harness.weights.sketch import sketch, tame
from harness.weights.tolerance import sigma

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from harness.core.protocols import FloatArray, WeightTensor
    from harness.weights.epsilon import Fit
    from harness.weights.layouts import Arrangement
    from harness.weights.norms import Norm
    from harness.weights.pool import Pool, Side
    from harness.weights.sketch import Sketch

# Of the size of the folded gains: what quantization to 8 bits may leave of a fit.
_EXPLAINED = 0.05
_CERTAIN = 1e-3
_ALIKE = 0.98
_NOTE = "compared with what folding the batch norm makes of it"


def match_folded(pool: Pool) -> None:
    """Recognise the norms that are left on one side only."""
    for kept, folded in (
        (pool.reference, pool.candidate),
        (pool.candidate, pool.reference),
    ):
        found = norms(kept.open)
        if not found:
            continue
        matcher = _Matcher(pool, kept, folded, found)
        matcher.match_kernels()
        matcher.match_vectors()


@dataclass(frozen=True, slots=True, eq=False)
class _Bias:
    """Folded bias: what was there before (None for nothing), what it should be."""

    before: Sketch | None
    after: Sketch
    expected: Callable[[float], FloatArray]
    alike: float


class _Matcher:
    """One direction: `kept` has norms that `folded` lacks."""

    def __init__(
        self, pool: Pool, kept: Side, folded: Side, found: Sequence[Norm]
    ) -> None:
        self._pool = pool
        self._kept, self._folded = kept, folded
        self._norms = list(found)
        self._slack = 0.0

    def match_kernels(self) -> None:
        """Kernels with a gain a channel that a norm explains, each norm once."""
        sizes = {norm.size for norm in self._norms}
        forward = self._kept is self._pool.reference
        for gains in gain_pairs(self._kept, self._folded, sizes, forward):
            best = self._explaining(gains)
            if best is not None and best[1].residual <= _EXPLAINED:
                self._take_kernel(gains, *best)

    def _explaining(self, gains: Gains) -> tuple[Norm, Fit, Observed] | None:
        """The norm that leaves the least; the first that leaves as good as nothing."""
        best: tuple[Norm, Fit, Observed] | None = None
        for norm in self._norms:
            for observed in _readings(norm, gains):
                if not may_fit(observed):
                    continue
                fit = fit_epsilon(observed)
                if best is None or fit.residual < best[1].residual:
                    best = norm, fit, observed
                if fit.residual <= _CERTAIN:
                    return best
        return best

    def match_vectors(self) -> None:
        """Norms that became a scale and a shift."""
        for norm in list(self._norms):
            scale = self._scale_of(norm)
            if scale is None:
                continue
            _, after, observed = scale
            fit = fit_epsilon(observed)
            shift = self._vector_like(norm.shift(fit.epsilon), (after,))
            if shift is not None:
                observed = observed.joined(_shift_observed(norm, shift, observed))
                fit = fit_epsilon(observed)
            epsilon = self._settled(norm, fit)
            self._pair_vector(norm, "gamma", after, norm.scale(epsilon), "scale")
            targets = [after]
            if shift is not None:
                self._pair_vector(norm, "beta", shift, norm.shift(epsilon), "shift")
                targets.append(shift)
            self._finish(norm, fit, "scale and shift", targets)

    def _scale_of(self, norm: Norm) -> tuple[float, Sketch, Observed] | None:
        found = []
        for after in self._vectors(norm.size):
            values = _flat(after)
            observed = Observed(
                values,
                norm.load("gamma"),
                norm.load("running_variance"),
                sigma(after.tensor, values),
            )
            if not may_fit(observed):
                continue
            fit = fit_epsilon(observed)
            if fit.residual <= _EXPLAINED:
                found.append((fit.residual, after, observed))
        return min(found, key=lambda item: (item[0], item[1].index), default=None)

    def _take_kernel(
        self, gains: Gains, norm: Norm, fit: Fit, observed: Observed
    ) -> None:
        bias = self._bias(gains, norm, fit.epsilon)
        if bias is not None and bias.alike >= _ALIKE and not gains.on_input(norm.size):
            observed = observed.joined(_bias_observed(norm, bias))
            fit = fit_epsilon(observed)
        epsilon = self._settled(norm, fit)
        factor = gains.spread(norm.scale(epsilon))
        into = "kernel" if bias is None or bias.after.size == norm.size else None
        self._pair_kernel(gains, factor)
        targets = [gains.folded]
        if bias is not None:
            self._pair_bias(norm, bias, epsilon)
            targets.append(bias.after)
        if gains.on_input(norm.size) or (bias and gains.next_layer(bias.after.size)):
            into = "next kernel"
        self._finish(norm, fit, into or "kernel", targets)

    def _settled(self, norm: Norm, fit: Fit) -> float:
        """The epsilon to compare with; where it is not certain, leave some slack."""
        certain = len(fit.customary) == 1
        self._slack = 0.0 if certain else norm.spread(fit.low, fit.high)
        return fit.rounded(norm.epsilon)

    def _bias(self, gains: Gains, norm: Norm, epsilon: float) -> _Bias | None:
        """The folded bias: likest to what it should be, or else of the same layer."""
        found = []
        for before in (*self._biases_before(gains), None):
            for expected in (
                bias_behind(norm, before, gains),
                bias_of_next(norm, before, gains),
            ):
                if expected is None:
                    continue
                wanted = expected(epsilon)
                for after in self._vectors(wanted.size):
                    alike = likeness(wanted, _flat(after))
                    found.append(_Bias(before, after, expected, alike))
        best = max(found, key=lambda b: (b.alike, -b.after.index), default=None)
        if best is not None and best.alike >= _ALIKE:
            return best
        same = [b for b in found if b.after.beside(gains.folded)]
        return max(same, key=lambda b: b.alike, default=None)

    def _biases_before(self, gains: Gains) -> Iterator[Sketch]:
        for before in self._kept.open:
            if len(before.squeezed) == 1 and before.beside(gains.kept):
                yield before

    def _vectors(self, size: int) -> Iterator[Sketch]:
        return (s for s in self._folded.open if s.squeezed == (size,) and not s.zero)

    def _vector_like(
        self, wanted: FloatArray, but: tuple[Sketch, ...]
    ) -> Sketch | None:
        found = [
            (likeness(wanted, _flat(after)), -after.index, after)
            for after in self._vectors(wanted.size)
            if after not in but
        ]
        alike, _, best = max(found, key=lambda f: f[:2], default=(0.0, 0, None))
        return best if alike >= _ALIKE else None

    def _pair_kernel(self, gains: Gains, factor: FloatArray) -> None:
        made = kernel_by_channel(gains, factor)
        self._pair(gains.kept, made, gains.folded, gains.how)

    def _pair_bias(self, norm: Norm, bias: _Bias, epsilon: float) -> None:
        source = bias.before or norm.parts.get("beta") or norm.parts["running_variance"]
        name = source.tensor.name if bias.before else f"{source.tensor.name}, folded"
        made = vector(source.tensor, name, lambda: bias.expected(epsilon))
        self._pair(bias.before, made, bias.after)

    def _pair_vector(
        self, norm: Norm, role: str, after: Sketch, values: FloatArray, what: str
    ) -> None:
        source = norm.parts.get(role) or norm.parts["running_variance"]
        name = f"{source.tensor.name}, folded to a {what}"
        self._pair(None, vector(source.tensor, name, lambda: values), after)

    def _pair(
        self,
        before: Sketch | None,
        made: WeightTensor,
        after: Sketch,
        how_back: Arrangement | None = None,
    ) -> None:
        """Match what a tensor should have become with what there is."""
        if before is not None:
            self._kept.take(before)
        self._folded.take(after)
        expected = sketch(made, before.index if before else -1)
        pair, how = (expected, after), as_it_is(made.shape)
        if self._kept is not self._pool.reference:
            pair, how = (after, expected), how_back or as_it_is(after.tensor.shape)
        found = Match(*pair, "folded", how, _NOTE, self._slack)
        self._pool.matches.append(found)

    def _finish(
        self, norm: Norm, fit: Fit, into: str, targets: Sequence[Sketch]
    ) -> None:
        names = tuple(target.tensor.name for target in targets)
        found = record(norm, fit, self._folded.name, into, names)
        self._pool.foldings.append(found)
        for part in norm.parts.values():
            note = f"folded into {' and '.join(names)}"
            self._pool.account(self._kept, part, "folded", note)
        self._norms.remove(norm)


def _flat(found: Sketch) -> FloatArray:
    return tame(found.tensor.load().reshape(-1))


def _readings(norm: Norm, gains: Gains) -> Iterator[Observed]:
    """Gains of a kernel against one norm; each channel's once where rows repeat it."""
    if gains.values.size % norm.size:
        return
    for values, errors in gains.by_channel(norm.size):
        yield Observed(
            values, norm.load("gamma"), norm.load("running_variance"), errors
        )


def _bias_observed(norm: Norm, bias: _Bias) -> Observed:
    before = _flat(bias.before) if bias.before else 0.0
    values = _flat(bias.after)
    factor = (before - norm.load("running_mean")) * norm.load("gamma")
    beta = norm.load("beta")
    # Rounding of the sum is that of its largest term.
    error = sigma(bias.after.tensor, values) + np.abs(beta) * 2.0**-24
    return Observed(values - beta, factor, norm.load("running_variance"), error)


def _shift_observed(norm: Norm, shift: Sketch, scale: Observed) -> Observed:
    values, beta = _flat(shift), norm.load("beta")
    factor = -norm.load("running_mean") * norm.load("gamma")
    error = sigma(shift.tensor, values) + np.abs(beta) * 2.0**-24
    return Observed(values - beta, factor, scale.variance[: norm.size], error)
