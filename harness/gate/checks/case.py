"""What a check is handed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from harness.core.tolerances import Calibrated

if TYPE_CHECKING:
    from harness.core.results import Check, Finding, VariantResult
    from harness.core.specs import GateSpec

NO_CLASSES = "the task has no classes"
NO_LABELS = "the golden data has no labels"


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a saved report says of the candidate.

    Attributes:
        variant: Its record there; None where there is none of that name.
        same_data: Whether both runs are on the same golden data, prepared alike.
        same_reference: Whether both were held against the same model.
    """

    variant: VariantResult | None
    same_data: bool
    same_reference: bool


@dataclass(frozen=True, slots=True)
class Case:
    """A candidate before its judge.

    Attributes:
        result: What the run learnt of it, classes judged.
        limits: What it is held to.
        findings: Causes of drift found in it.
        declared: Checks whose limits the suite sets itself.
        baseline: What was accepted of it before; None without a baseline.
        calibrated: What was measured of its noise.
    """

    result: VariantResult
    limits: GateSpec
    findings: tuple[Finding, ...] = ()
    declared: frozenset[str] = frozenset()
    baseline: Accepted | None = None
    calibrated: Calibrated = field(default_factory=Calibrated)


Answer: TypeAlias = "Check | str"
Question: TypeAlias = Callable[[Case], Answer]
