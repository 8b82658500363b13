"""Judges what a comparison found: limits, statistics, checks, verdicts."""

from harness.gate.checks.case import Accepted
from harness.gate.criteria import default_gate, limits_for, tolerances_for
from harness.gate.derived import FACTOR, derive
from harness.gate.sequential import Look, Spending, is_decided, needed
from harness.gate.verdict import asked_checks, declared_checks, judge, overall
from harness.gate.waivers import stale, waive

__all__ = [
    "FACTOR",
    "Accepted",
    "Look",
    "Spending",
    "asked_checks",
    "declared_checks",
    "default_gate",
    "derive",
    "is_decided",
    "judge",
    "limits_for",
    "needed",
    "overall",
    "stale",
    "tolerances_for",
    "waive",
]
