"""What the gate's checks measure, and so how their numbers read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from harness.report.text import MISSING, clean, decibel, number, percent, points

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.core.results import Check, VariantResult

Evidence: TypeAlias = Literal[
    "decisions", "task", "numbers", "weights", "findings", "runs"
]
Unit: TypeAlias = "Callable[[float | None], str]"


def _fall(drop: float | None) -> str:
    """A drop of a share, as the change that it is."""
    return MISSING if drop is None else f"{points(-drop)} points"


# A check that is not named here (a plugin's, a later schema's) reads as a plain
# number, and its evidence is the numbers.
_UNITS: dict[str, Unit] = {
    "outputs_close": percent,
    "top1_agreement": percent,
    "accuracy": _fall,
    "per_class_recall": _fall,
    "per_slice": _fall,
    "weight_drift": decibel,
}
_MEANINGS = {
    "finite_outputs": "non-finite",
    "outputs_close": "beyond",
    "top1_agreement": "agree",
    "quantization": "errors",
    "operator_semantics": "found",
    "task_metrics": "worse",
}
_EVIDENCE: dict[str, Evidence] = {
    "top1_agreement": "decisions",
    "accuracy": "decisions",
    "per_class_recall": "decisions",
    "task_metrics": "task",
    "per_slice": "task",
    "weight_drift": "weights",
    "quantization": "weights",
    "operator_semantics": "findings",
    "runs_alike": "runs",
}
# What a release manager cares for first.
_IMPORTANCE = (
    *("finite_outputs", "per_class_recall", "task_metrics", "per_slice", "accuracy"),
    "top1_agreement",
)
_SEVERITY = {"failed": 0, "error": 1, "undecided": 2, "passed": 3}


def label(name: str) -> str:
    """A check's name in words."""
    return clean(name).replace("_", " ")


def observed(check: Check) -> str:
    """What was measured, in the check's unit."""
    return _unit(check.name)(check.observed)


def limit(check: Check) -> str:
    """What was allowed, in the check's unit."""
    return _unit(check.name)(check.limit)


def brief(check: Check) -> str:
    """What was measured and of what, in a few characters; empty when unknown."""
    if check.observed is None:
        return ""
    return f"{observed(check)} {_MEANINGS.get(check.name, '')}".strip()


def evidence(name: str) -> Evidence:
    """The block of the report that shows what the check is about."""
    return _EVIDENCE.get(name, "numbers")


def unmet(variant: VariantResult) -> tuple[Check, ...]:
    """Checks that did not pass: failed ones first, decisions before numbers."""
    found = [check for check in variant.checks if check.status != "passed"]
    return tuple(sorted(found, key=_order))


def _order(check: Check) -> tuple[int, int]:
    known = check.name in _IMPORTANCE
    rank = _IMPORTANCE.index(check.name) if known else len(_IMPORTANCE)
    return _SEVERITY[check.status], rank


def _unit(name: str) -> Unit:
    return _UNITS.get(name, number)
