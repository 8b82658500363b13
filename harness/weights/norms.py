"""Batch norms of a file: which gamma, beta, mean and variance belong together."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.weights.sketch import tame

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.core.protocols import FloatArray
    from harness.weights.sketch import Sketch

_ROLES = ("gamma", "beta", "running_mean", "running_variance")
# For forms that do not tell roles: what the frameworks call them.
_NAMED = (
    ("running_variance", re.compile(r"(running|moving)_?var(iance)?", re.IGNORECASE)),
    ("running_mean", re.compile(r"(running|moving)_?mean", re.IGNORECASE)),
    ("gamma", re.compile(r"\bgamma|_gamma", re.IGNORECASE)),
    ("beta", re.compile(r"\bbeta|_beta", re.IGNORECASE)),
)


@dataclass(frozen=True, slots=True, eq=False)
class Norm:
    """One batch norm: ``gamma (x - mean) / sqrt(variance + epsilon) + beta``.

    Attributes:
        parts: Role -> tensor. The variance is always there; without a gamma it is 1,
            without beta or mean they are 0.
    """

    parts: dict[str, Sketch]

    @property
    def size(self) -> int:
        """Channels."""
        return self.parts["running_variance"].size

    @property
    def epsilon(self) -> float | None:
        """As the file states it; None where it does not."""
        stated = (part.tensor.epsilon for part in self.parts.values())
        return next((e for e in stated if e is not None), None)

    @property
    def names(self) -> tuple[str, ...]:
        """Of its tensors."""
        return tuple(part.tensor.name for part in self.parts.values())

    def load(self, role: str) -> FloatArray:
        """One of its vectors as float64, shape (size,)."""
        part = self.parts.get(role)
        if part is None:
            return np.full(self.size, 1.0 if role == "gamma" else 0.0)
        return tame(part.tensor.load().reshape(-1))

    def scale(self, epsilon: float) -> FloatArray:
        """What it multiplies by."""
        variance = self.load("running_variance") + epsilon
        # A variance below 0 has no root; its channel explains nothing.
        with np.errstate(invalid="ignore", divide="ignore"):
            root: FloatArray = self.load("gamma") / np.sqrt(variance)
        return root

    def spread(self, low: float, high: float) -> float:
        """Largest relative difference between the scales of two epsilons."""
        one, other = self.scale(low), self.scale(high)
        known = (one != 0) & np.isfinite(one)
        if not known.any():
            return 0.0
        return float(np.abs(other[known] / one[known] - 1).max())

    def shift(self, epsilon: float) -> FloatArray:
        """What it adds after multiplying."""
        mean = self.load("running_mean")
        shift: FloatArray = self.load("beta") - mean * self.scale(epsilon)
        return shift


def norms(sketches: Iterable[Sketch]) -> list[Norm]:
    """The batch norms among some tensors of a file, in its order.

    Tensors belong together that share a layer; where neither node nor name tells,
    those that stand together and differ in role.
    """
    vectors = [(role, s) for s in sketches if (role := _role(s))]
    groups: dict[tuple[str, int], dict[str, Sketch]] = {}
    for role, sketch in vectors:
        groups.setdefault((sketch.group, sketch.size), {}).setdefault(role, sketch)
    found = [g for g in groups.values() if {"running_variance", "running_mean"} <= {*g}]
    if not found:
        found = [g for g in _runs(vectors) if "running_variance" in g]
    return [Norm(_in_order(group)) for group in found]


def _role(sketch: Sketch) -> str | None:
    if len(sketch.squeezed) > 1:
        return None
    if sketch.tensor.role in _ROLES:
        return sketch.tensor.role
    if sketch.tensor.role != "constant":
        return None
    return next((r for r, word in _NAMED if word.search(sketch.stem)), None)


def _runs(vectors: Iterable[tuple[str, Sketch]]) -> list[dict[str, Sketch]]:
    runs: list[dict[str, Sketch]] = [{}]
    for role, sketch in vectors:
        size = next((s.size for s in runs[-1].values()), sketch.size)
        if role in runs[-1] or size != sketch.size:
            runs.append({})
        runs[-1][role] = sketch
    return runs


def _in_order(group: dict[str, Sketch]) -> dict[str, Sketch]:
    return {role: group[role] for role in _ROLES if role in group}
