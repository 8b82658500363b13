"""Checks of what the files themselves say: weights and operators."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from harness.core.results import Check
from harness.gate.wording import counted, listed, percent, shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.core.results import (
        Finding,
        TensorDrift,
        WeightComparison,
        WeightFault,
    )
    from harness.gate.checks.case import Answer, Case

_PLAIN = "weights.changed"

# Faults that are a matter of degree: judged by how far the numbers moved. Training
# with quantization and corrected biases move them on purpose; the others are slips.
_BY_DEGREE = frozenset({_PLAIN, "weights.other_epoch", "weights.stale"})

# How a file is run is asked by `runs_alike`.
_RUNS = frozenset({"runtime.batch", "runtime.provider", "runtime.threads"})


def weight_drift(case: Case) -> Answer:
    """Each weight tensor against its match in the reference, and what was done to it.

    What rounding to the stored types explains is no drift, however few dB it leaves,
    unless the suite sets the limit itself. What is beyond that keeps the limit. A
    slip with a name fails whatever its size: a wrong epsilon may show in no tensor.
    """
    compared, limit = case.result.weight_drift, case.limits.min_weight_sqnr_db
    assert limit is not None  # or it is not asked
    if compared is None:
        return "there are no weights to hold against each other"
    if not compared.drift:
        return f"no weight tensor matches one of {compared.reference}"
    declared = "weight_drift" in case.declared
    judged = [t for t in compared.drift if declared or t.verdict == "drifted"]
    # All of it is error where the reference is zero everywhere: no ratio says so.
    below = [t for t in judged if t.n_changed and not _keeps(t, limit)]
    below = [t for t in below if not t.reordered]
    slips = [f for f in compared.faults if f.cause not in _BY_DEGREE]
    if not below and not slips:
        message = _held(compared) + _alone(compared)
        return Check("weight_drift", "passed", _worst(compared, limit), limit, message)
    told = [_named(slips)] if slips else []
    # Slips are told with their numbers: tensors that they explain are not told twice.
    explained = {name for slip in slips for name in slip.tensors}
    left = [t for t in below if t.name not in explained]
    if left:
        told.append(_lost(left, compared, limit))
    worst = min((t.sqnr_db for t in below if t.sqnr_db is not None), default=None)
    parts = tuple(dict.fromkeys([*(s.cause for s in slips), *(t.name for t in left)]))
    return Check("weight_drift", "failed", worst, limit, ". ".join(told), parts)


def _keeps(tensor: TensorDrift, limit: float) -> bool:
    return tensor.sqnr_db is not None and tensor.sqnr_db >= limit


def _worst(compared: WeightComparison, limit: float) -> float | None:
    """The least SQNR that the limit was asked of; None where it was asked of none."""
    drifted = [t for t in compared.drift if not t.reordered]
    kept = [t for t in drifted if t.verdict == "drifted" or _keeps(t, limit)]
    return min((t.sqnr_db for t in kept if t.sqnr_db is not None), default=None)


def _held(compared: WeightComparison) -> str:
    matched = counted(len(compared.drift), "matched tensor")
    told = [t for t in compared.drift if t.n_changed and not t.reordered]
    beyond = [t for t in told if t.verdict == "drifted"]
    if beyond:
        worst = min(beyond, key=_sqnr)
        return (
            f"{matched}: {len(beyond)} changed beyond the rounding of their types and"
            f" keep {_sqnr(worst):.1f} dB or more ({worst.name} has least)"
        )
    rounded = [t for t in told if t.sqnr_db is not None]
    if not rounded:
        order = " but for their order" if len(told) < _n_changed(compared) else ""
        return f"{matched}: equal to those of {compared.reference}{order}"
    worst = min(rounded, key=_sqnr)
    return (
        f"{matched}: within the rounding of their types, {_sqnr(worst):.1f} dB or more"
        f" ({worst.name} has least)"
    )


def _n_changed(compared: WeightComparison) -> int:
    return sum(1 for tensor in compared.drift if tensor.n_changed)


def _alone(compared: WeightComparison) -> str:
    """What has no match, for a reader to judge: a head that was replaced, say."""
    sides = (
        (compared.unmatched_reference, f"of {compared.reference}'s"),
        (compared.unmatched_candidate, "here"),
    )
    told = [f"{len(names)} {where}" for names, where in sides if names]
    return f"; without a match are {' and '.join(told)}" if told else ""


def _sqnr(tensor: TensorDrift) -> float:
    return -math.inf if tensor.sqnr_db is None else tensor.sqnr_db


def _named(slips: Sequence[WeightFault]) -> str:
    """The first slip in full, the others by their names."""
    first, rest = slips[0], slips[1:]
    text = f"{first.cause}: {shortened(first.explanation.rstrip('.'))}"
    if rest:
        text += f". {counted(len(rest), 'more slip')}: "
        text += listed(list(dict.fromkeys(slip.cause for slip in rest)))
    return text


def _lost(
    below: Sequence[TensorDrift], compared: WeightComparison, limit: float
) -> str:
    """The tensors that keep too little, and what is known of how they came to it."""
    shown = [f"{t.name} ({_decibel(t)})" for t in sorted(below, key=_sqnr)]
    verb = "keeps" if len(below) == 1 else "keep"
    text = (
        f"{len(below)} of {counted(len(compared.drift), 'matched tensor')} {verb} less "
        f"than {limit:.1f} dB of {compared.reference}'s: {listed(shown)}"
    )
    names = {t.name for t in below}
    degrees = [f for f in compared.faults if f.cause in _BY_DEGREE - {_PLAIN}]
    causes = [f.cause for f in degrees if names & {*f.tensors}]
    return f"{text}; {listed(list(dict.fromkeys(causes)))}" if causes else text


def _decibel(tensor: TensorDrift) -> str:
    return (
        "all of it is error" if tensor.sqnr_db is None else f"{tensor.sqnr_db:.1f} dB"
    )


def operator_semantics(case: Case) -> Answer:
    """Whether an operator means something else than in the reference."""
    errors = [f for f in case.findings if f.severity == "error"]
    errors = [f for f in errors if f.cause not in _RUNS]
    observed = float(len(errors))
    if errors:
        message = _told(errors[0])
        if len(errors) > 1:
            message += f". {counted(len(errors) - 1, 'more finding')}"
        parts = tuple(map(_part, errors))
        return Check("operator_semantics", "failed", observed, 0.0, message, parts)
    message = "no operator was found that means something else than in the reference"
    if case.findings:
        message += f" ({counted(len(case.findings), 'note')})"
    return Check("operator_semantics", "passed", observed, 0.0, message)


def _part(finding: Finding) -> str:
    return f"{finding.code}@{_node(finding)}"


def _node(finding: Finding) -> str:
    where = finding.where
    return where.candidate_node or where.tensor or where.reference_node or "the model"


def _told(finding: Finding) -> str:
    where, node = finding.where, _node(finding)
    operator = f"{where.op_type} " if where.op_type else ""
    head = f"{finding.code} {finding.cause} at {operator}{node!r}: "
    if finding.candidate_semantics and finding.reference_semantics:
        head += f"{finding.candidate_semantics}; the reference has "
        head += finding.reference_semantics
    else:
        head += finding.explanation.rstrip(".")
    if finding.proof is None:
        return head
    proof = finding.proof
    return (
        f"{head}. Tried on {counted(proof.n_samples, 'sample')}: {proof.edit}; this "
        f"removes {percent(proof.error_removed)} of the error"
    )
