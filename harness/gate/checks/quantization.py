"""The check of a quantized model's scales and codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.results import Check
from harness.gate.wording import counted, listed, shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.core.results import QuantizationAudit, QuantizationFinding
    from harness.gate.checks.case import Answer, Case

# Ranges that do not fit the float weights or the data, but not by so much that nobody
# could mean it: for somebody to look at.
_DOUBTFUL = frozenset({"QNT703", "QNT704", "QNT801", "QNT802"})


def quantization(case: Case) -> Answer:
    """Whether scales, zero points and codes fit each other, the weights and the data.

    What is wrong whatever was meant fails. A range that is far from what the float
    weights or the data need is undecided: more data, or somebody who knows, can tell.
    Other warnings and notes are told and pass.
    """
    audit = case.result.weight_audit
    if audit is None:
        return "it holds no quantized values"
    errors = [one for one in audit.findings if one.severity == "error"]
    doubts = [one for one in audit.findings if _is_doubtful(one)]
    observed = float(len(errors))
    if errors:
        message, parts = _told(errors), _parts(errors)
        return Check("quantization", "failed", observed, 0.0, message, parts)
    if doubts:
        message, parts = _told(doubts), _parts(doubts)
        return Check("quantization", "undecided", observed, 0.0, message, parts)
    return Check("quantization", "passed", observed, 0.0, _sound(audit))


def _is_doubtful(one: QuantizationFinding) -> bool:
    return one.severity == "warning" and one.code in _DOUBTFUL


def _parts(found: Sequence[QuantizationFinding]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(f"{one.code}@{one.tensor}" for one in found))


def _told(found: Sequence[QuantizationFinding]) -> str:
    """The first finding in full, the others by their codes."""
    first, rest = found[0], found[1:]
    explanation = shortened(first.explanation.rstrip("."))
    text = f"{first.code} {first.cause} at {first.tensor!r}: {explanation}"
    if rest:
        codes = list(dict.fromkeys(f"{one.code} {one.cause}" for one in rest))
        text += f". {counted(len(rest), 'more finding')}: {listed(codes)}"
    return text


def _sound(audit: QuantizationAudit) -> str:
    weights = counted(audit.n_weights, "quantized weight")
    activations = counted(audit.n_activations, "activation")
    held = [
        f"{audit.n_compared} held against the float model's" * bool(audit.n_compared),
        f"{audit.n_ranged} against what {counted(audit.n_samples, 'sample')} show"
        * bool(audit.n_ranged),
    ]
    told = " and ".join(filter(None, held))
    message = f"{weights} and {activations} fit" + f" ({told})" * bool(told)
    if audit.unranged:
        message += f"; activations were not held against data: {audit.unranged}"
    if audit.findings:
        message += f"; {counted(len(audit.findings), 'note')}"
    return message
