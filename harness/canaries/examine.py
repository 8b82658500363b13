"""Runs the canaries: sound, drifting, or not supported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from harness.canaries.table import SPECIMENS
from harness.core.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.canaries.specimen import Specimen, Trial
    from harness.core.protocols import Array, Arrays

State = Literal["sound", "drifts", "not supported"]
RunModel: TypeAlias = "Callable[[bytes, Arrays, Mapping[str, object]], Arrays]"
"""``run(model, feeds, options)``: raises BackendError."""

_PLAIN = {"graph_optimization_level": "disable"}
_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Canary:
    """What the runtime makes of one specimen.

    Attributes:
        name: Of the specimen.
        tells: What a wrong answer means.
        state: What came.
        max_abs_error: Largest error, infinite where finiteness differs; None where it
            cannot be told: not supported, or another shape.
        detail: What was expected and what came, where it drifts; the reason where it
            is not supported; else empty.
        by_optimization: Whether it drifts, and is right when nothing is optimized.
    """

    name: str
    tells: str
    state: State
    max_abs_error: float | None
    detail: str = ""
    by_optimization: bool = False

    @property
    def drifts(self) -> bool:
        """Whether the runtime answers wrongly by default."""
        return self.state == "drifts"


def examine(run: RunModel) -> tuple[Canary, ...]:
    """Run all specimens with the runtime's defaults.

    Args:
        run: Runs a serialized ONNX model with options of the onnxruntime backend.
    """
    return tuple(_one(specimen, run) for specimen in SPECIMENS)


def _one(specimen: Specimen, run: RunModel) -> Canary:
    trial = specimen.build()
    try:
        got = run(trial.model, trial.feeds, {})["y"]
    except BackendError as error:
        why = error.message.splitlines()[0]
        return Canary(specimen.name, specimen.tells, "not supported", None, why)
    error_ = _error(trial.expected, got)
    if error_ is not None and error_ <= specimen.tolerance:
        return Canary(specimen.name, specimen.tells, "sound", error_)
    plain = _sound_unoptimized(specimen, trial, run)
    when = "right" if plain else "wrong"
    detail = f"expected {_shown(trial.expected)}, got {_shown(got)};"
    detail += f" {when} when unoptimized"
    return Canary(specimen.name, specimen.tells, "drifts", error_, detail, plain)


def _sound_unoptimized(specimen: Specimen, trial: Trial, run: RunModel) -> bool:
    try:
        plain = _error(trial.expected, run(trial.model, trial.feeds, _PLAIN)["y"])
    except BackendError:
        # An optimizer may be what makes a model run at all.
        return False
    return plain is not None and plain <= specimen.tolerance


def _error(expected: Array, got: Array) -> float | None:
    """Largest |got - expected|; None for other shapes."""
    if expected.shape != got.shape:
        return None
    mine, other = expected.astype(np.float64), got.astype(np.float64)
    alike = (mine == other) | (np.isnan(mine) & np.isnan(other))
    with np.errstate(invalid="ignore"):
        apart = np.where(alike, 0.0, np.abs(other - mine))
    return float(np.nan_to_num(apart, nan=np.inf, posinf=np.inf).max(initial=0.0))


def _shown(array: Array) -> str:
    values = array.ravel()
    text = ", ".join(f"{float(value):.4g}" for value in values[:_SHOWN])
    return f"[{text}{', ...' if values.size > _SHOWN else ''}]"
