"""What a check is handed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from harness.core.results import Check, Finding, VariantResult
    from harness.core.specs import GateSpec

NO_CLASSES = "the task has no classes"
NO_LABELS = "the golden data has no labels"


@dataclass(frozen=True, slots=True)
class Case:
    """A candidate before its judge.

    Attributes:
        result: What the run learnt of it, classes judged.
        limits: What it is held to.
        findings: Causes of drift found in it.
    """

    result: VariantResult
    limits: GateSpec
    findings: tuple[Finding, ...] = ()


Answer: TypeAlias = "Check | str"
Question: TypeAlias = Callable[[Case], Answer]
