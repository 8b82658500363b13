"""Judges what a comparison found: limits, statistics, checks, verdicts."""

from harness.gate.criteria import default_gate, limits_for
from harness.gate.verdict import asked_checks, declared_checks, judge, overall

__all__ = [
    "asked_checks",
    "declared_checks",
    "default_gate",
    "judge",
    "limits_for",
    "overall",
]
