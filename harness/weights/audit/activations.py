"""Do the ranges of activations fit those that the float model shows on data?"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.core.findings import QuantizationFinding, QuantizedRange
from harness.weights.sketch import stem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from harness.core.findings import Severity
    from harness.weights.audit.ranges import ActivationRange
    from harness.weights.audit.values import QuantizedModel, QuantizedValue

# Share of elements beyond the range, and of the power that clipping takes. Calibration
# by entropy or percentile clips a thousandth on purpose, and where it saw other samples
# some lie just beyond.
_CLIPPED = 0.01
_FELT = 0.01
_LOST = 0.05
# Data that go this far beyond the range, as a share of its width.
_FAR_BEYOND = 0.5
# Widths over what is needed: two bits, and four, for nothing.
_WIDE = 4.0
_FAR_TOO_WIDE = 16.0
_ENDS = re.compile(r"_(QuantizeLinear_(Input|Output)|DequantizeLinear(_Output)?)$")
_SERVING = "serving_default_"
# Their range is known beforehand, whatever the data.
_BOUNDED = frozenset(
    {
        *("HardSigmoid", "LOGISTIC", "LOG_SOFTMAX", "SOFTMAX", "Sigmoid", "SoftMax"),
        *("Softmax", "TANH", "Tanh"),
    }
)


@dataclass(frozen=True, slots=True)
class _Fit:
    """An activation against the range seen there; shares are of its elements."""

    value: QuantizedValue
    seen: ActivationRange
    bottom: float
    top: float

    @property
    def share_outside(self) -> float:
        """Beyond the range by more than a step.

        A range that begins at 0 may have a rectifier's work in it: what lies below
        is no loss then.
        """
        step = (self.top - self.bottom) / (self.value.high - self.value.low)
        above = self.seen.share_above(self.top + step)
        if self._rectifies:
            return above
        return above + self.seen.share_below(self.bottom - step)

    @property
    def share_lost(self) -> float:
        """Power that clipping takes, of that of all elements."""
        low = 0.0 if self._rectifies else -math.inf
        middle = np.maximum((self.seen.lower + self.seen.upper) / 2, low)
        power = float((self.seen.counts * middle**2).sum())
        beyond = middle - np.clip(middle, self.bottom, self.top)
        lost = float((self.seen.counts * beyond**2).sum())
        return lost / power if power > 0 else 0.0

    @property
    def _rectifies(self) -> bool:
        step = (self.top - self.bottom) / (self.value.high - self.value.low)
        return abs(self.bottom) < step

    @property
    def overshoot(self) -> float:
        """How far beyond the range the data go, as a share of its width."""
        above, below = self.seen.max - self.top, self.bottom - self.seen.min
        beyond = max(above, below if self.bottom < 0 else 0.0)
        return beyond / (self.top - self.bottom)

    @property
    def share_unused(self) -> float:
        """Of the codes, beyond what was seen."""
        used = min(self.top, self.seen.max) - max(self.bottom, self.seen.min)
        return 1 - max(used, 0.0) / (self.top - self.bottom)

    @property
    def width_ratio(self) -> float:
        """Width of the range over that of what was seen, 0 included in both."""
        low, high = min(self.seen.min, 0.0), max(self.seen.max, 0.0)
        if abs(self.bottom) < 1e-6 * self.top:
            low = 0.0
        return (self.top - self.bottom) / (high - low) if high > low else 1.0


def seen_at(
    model: QuantizedModel, ranges: Mapping[str, ActivationRange]
) -> dict[str, ActivationRange]:
    """Keys of activations -> the range of the float model's value of that name.

    Tools change names: what Q and DQ operators append is taken off, and of a fused
    LiteRT tensor ("relu;bias;conv") the part is taken whose range fits best, and of
    what is rectified next before or after that.

    Args:
        model: The quantized model.
        ranges: The float model's name of a value -> what data showed there.
    """
    by_stem: dict[str, ActivationRange] = {}
    for name, known in ranges.items():
        by_stem.setdefault(stem(name), known)
    found = {}
    for value in model.activations:
        options = [
            option
            for name in _names(value)
            if (seen := ranges.get(name) or by_stem.get(stem(name))) is not None
            for option in (seen, seen.rectified)
            if option is not None
        ]
        if options:
            best = min(options, key=lambda seen: _misfit(_fit(value, seen)))
            found[value.key] = best
    return found


def names_asked(model: QuantizedModel, names: Iterable[str]) -> tuple[str, ...]:
    """Those of a float model's values that `seen_at` looks for.

    Args:
        model: The quantized model.
        names: The float model's names of all of its values.
    """
    asked = {name for value in model.activations for name in _names(value)}
    stems = {stem(name) for name in asked}
    return tuple(name for name in names if name in asked or stem(name) in stems)


def ranges_of(
    model: QuantizedModel, seen: Mapping[str, ActivationRange]
) -> Iterator[QuantizedRange]:
    """Activations beside what was seen there.

    Args:
        model: The quantized model.
        seen: As `seen_at` gives them.
    """
    for fit in _fits(model, seen):
        yield QuantizedRange(
            tensor=fit.value.key,
            low=fit.bottom,
            high=fit.top,
            seen_min=fit.seen.min,
            seen_max=fit.seen.max,
            share_clipped=fit.share_outside,
            share_unused=fit.share_unused,
        )


def look_at_activations(
    model: QuantizedModel, seen: Mapping[str, ActivationRange]
) -> Iterator[QuantizationFinding]:
    """Activations that are clipped, or whose range is far wider than the data.

    Args:
        model: The quantized model.
        seen: As `seen_at` gives them.
    """
    for fit in _fits(model, seen):
        yield from _clipped(fit)
        yield from _wasted(fit)


def _fits(model: QuantizedModel, seen: Mapping[str, ActivationRange]) -> Iterator[_Fit]:
    for value in model.activations:
        if value.key in seen and value.top > value.bottom:
            yield _fit(value, seen[value.key])


def _names(value: QuantizedValue) -> Iterator[str]:
    for part in value.name.split(";"):
        yield part
        yield _ENDS.sub("", part)
        yield part.removeprefix(_SERVING)


def _fit(value: QuantizedValue, seen: ActivationRange) -> _Fit:
    return _Fit(value, seen, value.bottom, value.top)


def _misfit(fit: _Fit) -> tuple[float, float]:
    if fit.top <= fit.bottom:
        return 1.0, 1.0
    return fit.share_outside, fit.width_ratio


def _clipped(fit: _Fit) -> Iterator[QuantizationFinding]:
    share, lost = fit.share_outside, fit.share_lost
    is_far = fit.overshoot >= _FAR_BEYOND
    if share <= _CLIPPED or (lost <= _FELT and not is_far):
        return
    severity: Severity = "error" if lost > _LOST or is_far else "warning"
    yield QuantizationFinding(
        code="QNT801",
        severity=severity,
        cause="quant.clipping",
        tensor=fit.value.key,
        node=fit.value.node,
        explanation=f"{share:.1%} of what the float model gives at {fit.value.name} on"
        f" the data lies beyond the range: it is {_span(fit.bottom, fit.top)}, the data"
        f" go from {_span(fit.seen.min, fit.seen.max)}",
        numbers=_numbers(fit) | {"share": share, "lost": lost},
        hint="calibrate again, with data like these and the same preprocessing",
    )


def _wasted(fit: _Fit) -> Iterator[QuantizationFinding]:
    ratio = fit.width_ratio
    if ratio <= _WIDE or fit.value.made_by in _BOUNDED:
        return
    is_far = ratio > _FAR_TOO_WIDE and fit.value.made_by is not None
    severity: Severity = "error" if is_far else "warning"
    n_codes = (fit.value.high - fit.value.low + 1) / ratio
    yield QuantizationFinding(
        code="QNT802",
        severity=severity,
        cause="quant.wasted_range",
        tensor=fit.value.key,
        node=fit.value.node,
        explanation=f"the range of {fit.value.name} is {ratio:.3g} times as wide as the"
        f" data: it is {_span(fit.bottom, fit.top)}, the data go from"
        f" {_span(fit.seen.min, fit.seen.max)} and use about {n_codes:.0f} of"
        f" {fit.value.high - fit.value.low + 1} codes",
        numbers=_numbers(fit) | {"ratio": ratio},
        hint="calibrate again; one wild sample widens a range of minimum and maximum",
    )


def _span(low: float, high: float) -> str:
    return f"{low:.4g} to {high:.4g}"


def _numbers(fit: _Fit) -> dict[str, float]:
    return {
        "low": fit.bottom,
        "high": fit.top,
        "seen_min": fit.seen.min,
        "seen_max": fit.seen.max,
    }
