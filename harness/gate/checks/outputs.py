"""Checks of the numbers that a candidate answers with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.results import Check
from harness.gate.wording import counted, percent, scientific

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.core.results import OutputComparison
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
    return Check("finite_outputs", "failed", float(found), 0.0, message)


def outputs_close(case: Case) -> Answer:
    """Elements within ``atol + rtol * |reference|``, but for an allowed share."""
    outputs, limit = case.result.outputs, case.limits.max_mismatched or 0.0
    if not outputs:
        return _NO_OUTPUTS
    worst = max(outputs, key=lambda output: (_mismatched(output), _error(output)))
    observed = _mismatched(worst)
    if observed > limit:
        message = f"{_broken(worst, limit)}. {_remedy(worst)}"
        return Check("outputs_close", "failed", observed, limit, message)
    return Check("outputs_close", "passed", observed, limit, _held(outputs, worst))


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
