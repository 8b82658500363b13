"""What rounding to the stored types may leave between a tensor and its copy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.weights.layouts import arranged

if TYPE_CHECKING:
    from harness.core.protocols import FloatArray, WeightTensor
    from harness.weights.pool import Match

# Half a unit in the last place, relative, of what each type keeps: float16 has 11
# bits, bfloat16 8 (a whole unit: many tools cut instead of rounding). float32 gets
# four units: what a few operations in another order leave.
_RELATIVE = {
    "float32": (4 * 2.0**-23, "float32 keeps 24 bits; 4 units in the last place"),
    "float64": (4 * 2.0**-23, "float64, held as float32"),
    "float16": (2.0**-11, "float16 keeps 11 bits; half a unit in the last place"),
    "bfloat16": (2.0**-8, "bfloat16 keeps 8 bits; one unit, as some tools cut"),
    "float8_e4m3fn": (2.0**-4, "float8 E4M3 keeps 4 bits; half a unit"),
    "float8_e5m2": (2.0**-3, "float8 E5M2 keeps 3 bits; half a unit"),
}
# Half the smallest subnormal.
_ABSOLUTE = {"float16": 2.0**-25, "float8_e4m3fn": 2.0**-10, "float8_e5m2": 2.0**-17}
# Half a step, and what float32 scales and products add to it.
_HALF_STEP = 0.505
# Sums and products in float32, relative to the largest number of the tensor.
_ARITHMETIC = 16 * 2.0**-24
_SAMPLE = 1 << 16
_BYTE = 8


@dataclass(frozen=True, slots=True, eq=False)
class Tolerance:
    """``|c - r| <= relative max(|r|, |c|) + absolute`` is rounding.

    Attributes:
        relative: Of the larger magnitude.
        absolute: One number, or an array that broadcasts over the candidate.
        source: Where the numbers come from, in words.
    """

    relative: float
    absolute: FloatArray
    source: str

    def ratio(self, reference: FloatArray, candidate: FloatArray) -> float | None:
        """Largest |c - r| over what is allowed; None where NaN leaves no number."""
        absolute = np.broadcast_to(self.absolute, candidate.shape)
        worst = 0.0
        iterator = np.nditer(
            [reference, candidate, absolute],
            flags=["external_loop", "buffered", "zerosize_ok"],
            order="C",
            buffersize=_SAMPLE,
        )
        for r, c, a in iterator:
            with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
                # Equal infinities are equal.
                error = np.where(r == c, 0, np.abs(c - r))
                allowed = self.relative * np.maximum(np.abs(r), np.abs(c)) + a
                ratio = np.where(error == 0, 0, error / allowed)
            worst = max(worst, float(ratio.max(initial=0)))
            if np.isnan(ratio).any():
                return None
        return worst if np.isfinite(worst) else None


def tolerance(pair: Match, candidate_values: FloatArray, computed: bool) -> Tolerance:
    """What rounding may leave between this pair.

    Args:
        pair: With the types and codes of both.
        candidate_values: Loaded.
        computed: Whether one side was computed by us (folded, summed), in float32
            arithmetic of an order of its own.
    """
    reference, candidate = pair.reference.tensor, pair.candidate.tensor
    relative, why = 0.0, []
    absolute = np.zeros(())
    for tensor in (candidate, reference):
        of_type, source = _RELATIVE.get(tensor.dtype, _RELATIVE["float32"])
        if tensor.dtype not in _RELATIVE:
            steps = step(tensor, candidate_values)
            if tensor is reference and steps.ndim:
                full = np.broadcast_to(steps, reference.shape)
                steps = arranged(full, pair.how, candidate.shape)
            absolute = absolute + _HALF_STEP * steps
            source = _step_text(tensor, steps)
        relative = max(relative, of_type)
        absolute = absolute + _ABSOLUTE.get(tensor.dtype, 0.0)
        why.append(source)
    if computed:
        finite = np.abs(candidate_values[np.isfinite(candidate_values)])
        absolute = absolute + _ARITHMETIC * finite.max(initial=0)
        why.append("sums and products in float32")
    kept = [text for text in dict.fromkeys(why) if len(set(why)) == 1 or _news(text)]
    if pair.slack:
        kept.append(f"{pair.slack:.1%} for an epsilon that is not certain")
    return Tolerance(relative + pair.slack, absolute, "; ".join(kept))


def _news(text: str) -> bool:
    return not text.startswith(("float32", "float64"))


def _step_text(tensor: WeightTensor, steps: FloatArray) -> str:
    low, high = float(np.min(steps)), float(np.max(steps))
    sizes = f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}, by channel"
    return f"half a step of {tensor.dtype} codes; steps of {sizes}"


def step(tensor: WeightTensor, values: FloatArray) -> FloatArray:
    """Width of a code, to broadcast over the stored shape; a guess without codes."""
    codes = tensor.codes
    if codes is None:
        return np.asarray(_guess(tensor.dtype, values))
    scale = np.abs(np.asarray(codes.scale, np.float64))
    if codes.axis is None or scale.size == 1:
        return np.asarray(scale.max())
    shape = [1] * len(tensor.shape)
    shape[codes.axis] = -1
    return scale.reshape(shape) if scale.ndim == 1 else np.asarray(scale.max())


def _guess(dtype: str, values: FloatArray) -> float:
    """Without codes: the widest step that a symmetric type of 8 bits or less needs."""
    bits = int(dtype.lstrip("uint") or 32) if dtype.lstrip("u")[:3] == "int" else 32
    if bits > _BYTE:
        return _gap(values)
    largest = np.abs(values[np.isfinite(values)]).max(initial=0)
    return float(largest) / ((1 << (bits - 1)) - 1 or 1)


def _gap(values: FloatArray) -> float:
    """The usual gap between neighbouring values in use."""
    levels = np.unique(values.reshape(-1)[:_SAMPLE].astype(np.float64))
    levels = levels[np.isfinite(levels)]
    gaps = np.diff(levels)
    gaps = gaps[gaps > 1e-6 * np.abs(levels).max(initial=0)]
    return float(np.median(gaps)) if gaps.size else 0.0


def sigma(tensor: WeightTensor, values: FloatArray) -> FloatArray:
    """Standard error of each value by its stored type, uniform in its rounding."""
    relative = _RELATIVE.get(tensor.dtype, (2.0**-23, ""))[0]
    error = np.abs(values) * (2.0**-24 if relative > 0.1 else relative / 3)
    if tensor.dtype in ("float32", "float64"):
        error = np.abs(values) * 2.0**-24
    if tensor.dtype not in _RELATIVE:
        error = error + np.ravel(step(tensor, values)) / np.sqrt(12)
    error = error + _ABSOLUTE.get(tensor.dtype, 0.0)
    floor = np.abs(values).max(initial=0) * 2.0**-24
    result: FloatArray = np.maximum(error, floor or 1e-30)
    return result
