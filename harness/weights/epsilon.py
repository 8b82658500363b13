"""Which epsilon a batch norm was folded with, and how surely that can be told."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.core.protocols import FloatArray

# Keras; Caffe and TensorFlow; PyTorch and ONNX; Darknet; and neighbours in use.
CUSTOMARY = (1e-2, 1e-3, 1e-4, 2e-5, 1e-5, 1e-6, 1e-7, 1e-8, 1e-12, 0.0)
_GRID = np.concatenate([[0.0], np.logspace(-12, 0, 121)])
_FEW = np.array([0.0, 1e-4, 1e-2])
_STEPS = 30
# 1e-3 is 0.0010000000475 where it is kept as float32.
_SINGLE = 1e-6
# Standard errors that still count as the same.
_ERRORS = 3.0
# Residuals beyond this many median ones are another fault, not the epsilon's.
_OUTLIER = 12.0


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """Numbers that should be ``factor / sqrt(variance + epsilon)``, one a channel.

    Attributes:
        values: What the folded file holds.
        factor: What they are the multiples of.
        variance: Of the batch norm.
        sigma: Standard error of each value: rounding, or quantization.
    """

    values: FloatArray
    factor: FloatArray
    variance: FloatArray
    sigma: FloatArray

    def at(self, epsilon: float) -> FloatArray:
        """What the values should be."""
        expected: FloatArray = self.factor * _root(self.variance + epsilon)
        return expected

    def joined(self, other: Observed) -> Observed:
        """Both in one."""
        return Observed(
            np.concatenate([self.values, other.values]),
            np.concatenate([self.factor, other.factor]),
            np.concatenate([self.variance, other.variance]),
            np.concatenate([self.sigma, other.sigma]),
        )

    def only(self, where: NDArray[np.bool_]) -> Observed:
        """Some of the channels."""
        return Observed(
            self.values[where],
            self.factor[where],
            self.variance[where],
            self.sigma[where],
        )


@dataclass(frozen=True, slots=True)
class Fit:
    """The epsilon that leaves the least.

    Attributes:
        epsilon: That one.
        low: Smallest within three standard errors.
        high: Largest.
        residual: Median |left| over the root mean square of the values: 0 for a
            perfect fit, about 1 where nothing is explained.
        outliers: Channels that no epsilon explains while it explains the others.
    """

    epsilon: float
    low: float
    high: float
    residual: float
    outliers: tuple[int, ...]

    @property
    def customary(self) -> tuple[float, ...]:
        """Values in use that explain the numbers as well."""
        return tuple(e for e in CUSTOMARY if self.holds(e))

    def holds(self, epsilon: float) -> bool:
        """Whether the numbers may have been made with this epsilon."""
        return self.low * (1 - _SINGLE) <= epsilon <= self.high * (1 + _SINGLE)

    def rounded(self, declared: float | None) -> float:
        """The declared or the only customary value where it may be that, or the fit."""
        if declared is not None and self.holds(declared):
            return declared
        return self.customary[0] if len(self.customary) == 1 else self.epsilon


def may_fit(observed: Observed) -> bool:
    """Whether any epsilon leaves less than half: a quick look before the fit."""
    expected = observed.factor * _root(observed.variance + _FEW[:, None])
    left = np.median(np.abs(observed.values - expected), axis=1).min()
    return bool(left <= 0.5 * np.sqrt(np.mean(observed.values**2)))


def fit_epsilon(observed: Observed) -> Fit:
    """Weighted least squares over epsilon, outliers left out.

    The standard error is that of the linearised model, widened where the residuals
    are larger than their `sigma` says.
    """
    epsilon = _solve(observed)
    residuals = np.abs(observed.values - observed.at(epsilon)) / observed.sigma
    limit = _OUTLIER * max(float(np.median(residuals)), 1.0)
    inliers = residuals <= limit
    kept = observed.only(inliers)
    if not inliers.all():
        epsilon = _solve(kept)
    error = _standard_error(kept, epsilon)
    left = np.abs(observed.values - observed.at(epsilon))
    size = math.sqrt(float(np.mean(observed.values**2))) or 1.0
    return Fit(
        epsilon,
        max(epsilon - _ERRORS * error, 0.0),
        epsilon + _ERRORS * error,
        float(np.median(left)) / size,
        tuple(np.flatnonzero(~inliers).tolist()),
    )


def _solve(observed: Observed) -> float:
    epsilon = float(_GRID[int(np.argmin(_costs(observed, _GRID)))])
    cost = _cost(observed, epsilon)
    for _ in range(_STEPS):
        slope = _slope(observed, epsilon)
        left = (observed.values - observed.at(epsilon)) / observed.sigma
        norm = float(np.dot(slope, slope))
        step = float(np.dot(slope, left)) / norm if norm > 0 else 0.0
        there = max(epsilon + step, 0.0)
        next_cost = _cost(observed, there)
        if not next_cost < cost:
            break
        epsilon, cost = there, next_cost
    return epsilon


def _cost(observed: Observed, epsilon: float) -> float:
    return float(_costs(observed, np.array([epsilon]))[0])


def _costs(observed: Observed, epsilons: FloatArray) -> FloatArray:
    """Of each epsilon: squares, but linear beyond a few sigma.

    One wrong channel does not decide.
    """
    expected = observed.factor * _root(observed.variance + epsilons[:, None])
    size = np.abs(observed.values - expected) / observed.sigma
    cost = np.where(size <= _ERRORS, 0.5 * size**2, _ERRORS * (size - _ERRORS / 2))
    total: FloatArray = cost.sum(axis=1)
    return total


def _slope(observed: Observed, epsilon: float) -> FloatArray:
    root = _root(observed.variance + epsilon)
    slope: FloatArray = -0.5 * observed.factor * root**3 / observed.sigma
    return slope


def _standard_error(observed: Observed, epsilon: float) -> float:
    slope = _slope(observed, epsilon)
    left = (observed.values - observed.at(epsilon)) / observed.sigma
    information = float(np.dot(slope, slope))
    if information == 0:
        return math.inf
    excess = float(np.dot(left, left)) / max(left.size - 1, 1)
    return math.sqrt(max(excess, 1.0) / information)


def _root(variance: FloatArray) -> FloatArray:
    root: FloatArray = 1 / np.sqrt(np.maximum(variance, 1e-30))
    return root
