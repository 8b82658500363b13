"""A candidate before the gate: what it is held to, at whichever look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.gate import judge, limits_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.core.results import Finding, VariantResult
    from harness.core.specs import Suite
    from harness.core.tolerances import Calibrated
    from harness.gate import Accepted, Look


def verdict_on(
    suite: Suite,
    result: VariantResult,
    look: Look | None,
    measured: Calibrated | None,
    findings: Sequence[Finding] = (),
    accepted: Accepted | None = None,
) -> VariantResult:
    """A candidate's result, judged.

    Args:
        suite: What was asked.
        result: What the run learnt of it.
        look: How much of the golden data it is of, where a run may stop early.
        measured: What a lock says of its noise.
        findings: Causes of its drift.
        accepted: What a saved report says of it; None without a baseline.
    """
    spec = suite.variant(result.name)
    limits = limits_for(spec, suite.task)
    limits = limits if look is None else look.limits(limits)
    declared = {*spec.gate, "max_drop"} if spec.max_drop else spec.gate
    judged = judge(result, limits, findings, declared, accepted, measured)
    return judged if look is None else look.doubted(judged, limits)
