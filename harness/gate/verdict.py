"""From what was found to a verdict: a candidate's, then the whole run's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.core.results import CHECK_NAMES, Check
from harness.gate.checks.case import Case, Question
from harness.gate.checks.causes import operator_semantics, weight_drift
from harness.gate.checks.decisions import accuracy, per_class_recall, top1_agreement
from harness.gate.checks.outputs import finite_outputs, outputs_close
from harness.gate.classes import judge_classes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from harness.core.results import Finding, VariantResult, Verdict
    from harness.core.specs import GateSpec, Undecided
    from harness.gate.checks.case import Answer

NO_LIMIT = "no limit set"
_WORST_FIRST: tuple[Verdict, ...] = ("failed", "error", "undecided", "passed")


@dataclass(frozen=True, slots=True)
class _Criterion:
    """A question, and the limits that ask it: any of `keys`, or always without."""

    question: Question
    keys: tuple[str, ...] = ()

    def asked(self, limits: GateSpec) -> bool:
        set_ = [getattr(limits, key) is not None for key in self.keys]
        return any(set_) or not set_


_CRITERIA = {
    "finite_outputs": _Criterion(finite_outputs),
    "outputs_close": _Criterion(outputs_close, ("atol", "rtol")),
    "top1_agreement": _Criterion(top1_agreement, ("min_top1_agreement",)),
    "accuracy": _Criterion(accuracy, ("max_accuracy_drop",)),
    "per_class_recall": _Criterion(per_class_recall, ("max_recall_drop",)),
    "weight_drift": _Criterion(weight_drift, ("min_weight_sqnr_db",)),
    "operator_semantics": _Criterion(operator_semantics),
}


def asked_checks(limits: GateSpec) -> frozenset[str]:
    """Names of the checks that these limits ask, whatever the data can answer."""
    return frozenset(name for name in CHECK_NAMES if _CRITERIA[name].asked(limits))


def declared_checks(gate: Collection[str]) -> frozenset[str]:
    """Names of the checks that a suite asks for by setting their limits itself."""
    return frozenset(name for name in CHECK_NAMES if {*_CRITERIA[name].keys} & {*gate})


def judge(
    result: VariantResult,
    limits: GateSpec,
    findings: Sequence[Finding],
    declared: Collection[str] = (),
) -> VariantResult:
    """A candidate's result with its classes judged, its checks and its verdict.

    Checks that `result.skipped_checks` names already are not asked. One that cannot
    be asked although the suite itself sets its limit is undecided. A candidate that
    did not run is asked nothing: its verdict is None when it was skipped, ``error``
    when it crashed, failed to run or ran out of time.

    Args:
        result: What the run learnt of it.
        limits: What it is held to.
        findings: Causes of drift; those of other variants are passed over.
        declared: The limits that the suite sets itself.
    """
    if result.status not in ("ran", "replayed"):
        return replace(result, verdict=None if result.status == "skipped" else "error")
    if result.labels is not None:
        judged = judge_classes(result.labels.per_class, limits)
        result = replace(result, labels=replace(result.labels, per_class=judged))
    mine = tuple(finding for finding in findings if finding.variant == result.name)
    checks, skipped = _ask(Case(result, limits, mine), declared_checks(declared))
    return replace(
        result,
        checks=checks,
        skipped_checks=skipped,
        verdict=_worst(check.status for check in checks),
    )


def overall(variants: Iterable[VariantResult], undecided: Undecided) -> Verdict:
    """The verdict of a run: that of its worst candidate.

    ``failed`` goes before ``error``, since a model that failed fails whatever the
    others do. Skipped variants do not count, nor does the reference; where nobody is
    left nothing was judged, which is an ``error``.

    Args:
        variants: All of the run, judged.
        undecided: ``fail`` turns an undecided run into a failed one.
    """
    verdicts = [v.verdict for v in variants if v.verdict is not None]
    found: Verdict = _worst(verdicts) if verdicts else "error"
    return "failed" if found == "undecided" and undecided == "fail" else found


def _ask(
    case: Case, declared: Collection[str]
) -> tuple[tuple[Check, ...], dict[str, str]]:
    checks = []
    skipped = {}
    for name in CHECK_NAMES:
        answer = _answer(name, case)
        if isinstance(answer, str) and name in declared:
            message = f"the suite sets its limit, but {answer}"
            answer = Check(name, "undecided", None, None, message)
        if isinstance(answer, str):
            skipped[name] = answer
        else:
            checks.append(answer)
    return tuple(checks), skipped


def _answer(name: str, case: Case) -> Answer:
    criterion = _CRITERIA[name]
    if not criterion.asked(case.limits):
        return NO_LIMIT
    reason = case.result.skipped_checks.get(name)
    return reason or criterion.question(case)


def _worst(verdicts: Iterable[Verdict]) -> Verdict:
    return min(verdicts, key=_WORST_FIRST.index, default="undecided")
