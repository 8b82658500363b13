"""Checks of the numbers that a candidate answers with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.results import Check
from harness.gate.wording import counted, percent, scientific

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.core.results import OutputComparison, Verdict
    from harness.core.tolerances import Calibrated
    from harness.gate.checks.case import Answer, Case

_NO_OUTPUTS = "no output was compared"


def finite_outputs(case: Case) -> Answer:
    """No NaN and no infinity where the reference has a number."""
    outputs = case.result.outputs
    if not outputs:
        return _NO_OUTPUTS
    worst = max(outputs, key=lambda output: output.n_nonfinite_new)
    found = sum(output.n_nonfinite_new for output in outputs)
    if not found:
        message = "every element is finite where the reference's is"
        return Check("finite_outputs", "passed", 0.0, 0.0, message)
    message = (
        f"output {worst.name!r} has {counted(worst.n_nonfinite_new, 'element')} NaN "
        f"or infinite where the reference is finite, first at sample "
        f"{worst.first_nonfinite}"
    )
    parts = tuple(output.name for output in outputs if output.n_nonfinite_new)
    return Check("finite_outputs", "failed", float(found), 0.0, message, parts)


def outputs_close(case: Case) -> Answer:
    """Elements within ``atol + rtol * |reference|``, but for an allowed share."""
    outputs, limit = case.result.outputs, case.limits.max_mismatched or 0.0
    if not outputs:
        return _NO_OUTPUTS
    worst = max(outputs, key=lambda output: (_mismatched(output), _error(output)))
    observed = _mismatched(worst)
    if observed > limit:
        found = f"{_broken(worst, limit)}. {_remedy(worst)}"
        parts = tuple(o.name for o in outputs if _mismatched(o) > limit)
        status, told = _excused(case.calibrated, parts)
        message = f"{found}{told}{_stale(case.calibrated)}"
        parts = parts if status == "failed" else ()
        return Check("outputs_close", status, observed, limit, message, parts)
    held = f"{_held(outputs, worst)}{_stale(case.calibrated)}"
    return Check("outputs_close", "passed", observed, limit, held)


def _excused(calibrated: Calibrated, parts: Sequence[str]) -> tuple[Verdict, str]:
    """Distance to the reference alone fails nobody who is closer to the oracle.

    What was measured on some samples only says nothing of the others: undecided.
    """
    entries = [calibrated.outputs.get(part) for part in parts]
    closer = [entry for entry in entries if entry is not None and entry.closer]
    if len(closer) < len(parts):
        return "failed", ""
    worst = max(closer, key=lambda entry: entry.candidate_oracle or 0.0)
    ours, theirs = worst.candidate_oracle or 0.0, worst.reference_rounding or 0.0
    told = (
        f". Yet {worst.output!r} lies no farther from the float64 oracle"
        f" ({scientific(ours)}) than the reference does ({scientific(theirs)})"
    )
    if calibrated.whole:
        return "passed", told
    measured = "the lock measured a part of the samples: calibrate on all to decide"
    return "undecided", f"{told}; {measured}"


def _stale(calibrated: Calibrated) -> str:
    if calibrated.stale is None:
        return ""
    return f"; not by measured tolerances: {calibrated.stale}"


def _mismatched(output: OutputComparison) -> float:
    return output.n_mismatched / output.n_elements if output.n_elements else 0.0


def _error(output: OutputComparison) -> float:
    return output.max_abs_error or 0.0


def _held(outputs: Sequence[OutputComparison], worst: OutputComparison) -> str:
    """The largest error of all outputs, and what was allowed to break the rule."""
    largest = max(outputs, key=_error)
    if not _error(largest) and not worst.n_mismatched:
        return "every element equals the reference's"
    message = f"{_largest(largest)} of {largest.name!r}, within {_rule(largest)}"
    if worst.n_mismatched:
        message += f" but for {percent(_mismatched(worst))} of {worst.name!r}"
    return message


def _largest(output: OutputComparison) -> str:
    text = f"largest error {scientific(_error(output))}"
    return f"{text} at sample {output.worst[0].sample}" if output.worst else text


def _rule(output: OutputComparison) -> str:
    if output.rtol == 0:
        return scientific(output.atol)
    return f"{scientific(output.atol)} + {scientific(output.rtol)} |reference|"


def _broken(output: OutputComparison, limit: float) -> str:
    allowed = f" ({percent(limit)} may)" if limit else ""
    return (
        f"{output.n_mismatched:,} of {counted(output.n_elements, 'element')} of "
        f"{output.name!r} ({percent(_mismatched(output))}) break "
        f"{_rule(output)}{allowed}"
    )


def _remedy(output: OutputComparison) -> str:
    """The largest error, and which atol would hold it."""
    if output.required_atol is None or output.max_abs_error is None:
        return output.unscored.get("max_abs_error", "no error could be measured")
    largest = _largest(output)
    if output.required_atol <= output.atol:
        return f"All of them are finite on one side only; {largest}"
    needed = scientific(output.required_atol)
    return f"{largest.capitalize()}; atol {needed} would hold it"
