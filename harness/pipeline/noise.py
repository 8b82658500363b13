"""How far a model moves from its own answers when nothing but its running changes."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.comparison import pair_outputs
from harness.core.errors import HarnessError
from harness.pipeline.opening import open_variant
from harness.run import Lane, stream

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import ExitStack

    from harness.core.protocols import (
        Array,
        Arrays,
        GoldenSource,
    )
    from harness.core.specs import Suite, VariantSpec
    from harness.run import Predictor

_BATCHES = (1, 7)
_THREADS = max(2, min(4, os.cpu_count() or 1))
# "disable" sums in the order of the file; "basic" folds constants and fuses no kernels.
_LEVELS = ("disable", "basic")


@dataclass(frozen=True, slots=True, eq=False)
class Distances:
    """What one pass measured.

    Attributes:
        largest: (one lane, another) -> the reference's name of the output -> the
            largest difference of any element; infinite where only one is finite.
        scales: Output -> largest finite magnitude that the reference answered.
        lost: Lane -> why it left.
    """

    largest: dict[tuple[str, str], dict[str, float]]
    scales: dict[str, float]
    lost: dict[str, str]


REFERENCE = "reference"


def measure(
    source: GoldenSource,
    reference: Predictor,
    lanes: Mapping[str, tuple[Predictor, Mapping[str, str]]],
    wanted: tuple[tuple[str, str], ...],
) -> Distances:
    """Run everyone over the same samples, once, and hold pairs against each other.

    Args:
        source: The samples.
        reference: Gives outputs their names; called ``reference`` in `wanted`.
        lanes: Name -> who answers, and the reference's names of its outputs where
            they are declared.
        wanted: Pairs of lanes.

    Raises:
        HarnessError: The data or the reference fails.
    """
    running = {name: Lane(predictor) for name, (predictor, _) in lanes.items()}
    found = Distances({pair: {} for pair in wanted}, {}, {})
    pairs: dict[str, dict[str, str]] = {}
    for window in stream(source, reference, running):
        answers: dict[str, Arrays] = {REFERENCE: window.reference}
        for name, own in window.candidates.items():
            try:
                if name not in pairs:
                    pairs[name] = pair_outputs(window.reference, own, lanes[name][1])
            except HarnessError as error:
                found.lost[name] = error.message
                continue
            answers[name] = {ours: own[its] for ours, its in pairs[name].items()}
        _take(found, answers)
    for name, lane in running.items():
        if lane.failure is not None:
            found.lost[name] = lane.failure.error.message
    return found


def _take(found: Distances, answers: Mapping[str, Arrays]) -> None:
    for output, array in answers[REFERENCE].items():
        if array.dtype.kind not in "fiu":
            continue
        scale = _largest(array[np.isfinite(array)])
        found.scales[output] = max(found.scales.get(output, 0.0), scale)
        for (one, other), so_far in found.largest.items():
            if one in answers and other in answers:
                far = _farthest(answers[one][output], answers[other][output])
                so_far[output] = max(so_far.get(output, 0.0), far)


def _farthest(one: Array, other: Array) -> float:
    if one.shape != other.shape:
        return float("inf")
    # float64 holds both: what is not finite alike on both sides is no rounding.
    first, second = one.astype(np.float64), other.astype(np.float64)
    with np.errstate(invalid="ignore"):
        far = np.abs(first - second)
    far[(first == second) | (np.isnan(first) & np.isnan(second))] = 0.0
    return _largest(np.where(np.isnan(far), np.inf, far))


def _largest(array: Array) -> float:
    return float(np.abs(array).max()) if array.size else 0.0


def conditions(spec: VariantSpec, backend: str | None) -> dict[str, VariantSpec]:
    """The ways of running a variant that may change nothing but its last bits.

    Args:
        spec: The variant.
        backend: Of the variant; onnxruntime's threads and optimisation are varied.
    """
    varied: dict[str, dict[str, Any]] = {"run to run": {}}
    for size in _BATCHES:
        if size != spec.batch_size:
            varied[f"batch of {size}"] = {"batch_size": size}
    if backend == "onnxruntime":
        threads = {**spec.options, "intra_op_num_threads": _THREADS}
        varied[f"{_THREADS} threads"] = {"options": threads}
        for level in _LEVELS:
            options = {**spec.options, "graph_optimization_level": level}
            varied[f"optimisation {level}"] = {"options": options}
    return {name: replace(spec, **change) for name, change in varied.items()}


def open_conditions(
    suite: Suite,
    specs: Mapping[str, VariantSpec],
    source: GoldenSource,
    stack: ExitStack,
) -> tuple[dict[str, Predictor], dict[str, str]]:
    """Who answers under each condition, and why nobody does under the others."""
    running: dict[str, Predictor] = {}
    lost: dict[str, str] = {}
    for name, spec in specs.items():
        try:
            opened = open_variant(suite, spec, source, "fail")
        except HarnessError as error:
            # A fixed batch, an option that this build lacks.
            lost[name] = error.message
            continue
        if opened.predictor is None:
            lost[name] = (opened.reason or opened.status).partition("\n")[0]
            continue
        stack.callback(opened.predictor.close)
        running[name] = opened.predictor
    return running, lost
