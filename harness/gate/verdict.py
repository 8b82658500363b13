"""From what was found to a verdict: a candidate's, then the whole run's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.core.results import CHECK_NAMES, Check
from harness.core.tolerances import Calibrated
from harness.gate.checks.baseline import baseline
from harness.gate.checks.case import Case, Question
from harness.gate.checks.causes import operator_semantics, weight_drift
from harness.gate.checks.decisions import accuracy, per_class_recall, top1_agreement
from harness.gate.checks.outputs import finite_outputs, outputs_close
from harness.gate.checks.quantization import quantization
from harness.gate.checks.runs import runs_alike
from harness.gate.checks.tasks import per_slice, task_metrics
from harness.gate.classes import judge_classes
from harness.gate.task_metrics import judge_task

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from harness.core.results import Finding, VariantResult, Verdict
    from harness.core.specs import GateSpec, Undecided
    from harness.gate.checks.case import Accepted, Answer

NO_LIMIT = "no limit set"
_WORST_FIRST: tuple[Verdict, ...] = ("failed", "error", "undecided", "passed")


@dataclass(frozen=True, slots=True)
class _Criterion:
    """A question, and the limits that ask it: any of `keys`, or always without.

    With `by_suite` no limit asks it, but a table of the suite does.
    """

    question: Question
    keys: tuple[str, ...] = ()
    by_suite: bool = False

    def asked(self, limits: GateSpec) -> bool:
        if self.by_suite:
            return False
        set_ = [getattr(limits, key) is not None for key in self.keys]
        return any(set_) or not set_


_CRITERIA = {
    "finite_outputs": _Criterion(finite_outputs),
    "outputs_close": _Criterion(outputs_close, ("atol", "rtol")),
    "top1_agreement": _Criterion(top1_agreement, ("min_top1_agreement",)),
    "accuracy": _Criterion(accuracy, ("max_accuracy_drop",)),
    "per_class_recall": _Criterion(per_class_recall, ("max_recall_drop",)),
    "task_metrics": _Criterion(task_metrics, ("max_drop",)),
    "per_slice": _Criterion(per_slice),
    "baseline": _Criterion(baseline),
    "weight_drift": _Criterion(weight_drift, ("min_weight_sqnr_db",)),
    "quantization": _Criterion(quantization),
    "operator_semantics": _Criterion(operator_semantics),
    "runs_alike": _Criterion(runs_alike, by_suite=True),
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
    accepted: Accepted | None = None,
    calibrated: Calibrated | None = None,
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
        accepted: What a saved report says of it; None without a baseline.
        calibrated: What was measured of its noise; None where nothing was.
    """
    if result.status not in ("ran", "replayed"):
        return replace(result, verdict=None if result.status == "skipped" else "error")
    if result.labels is not None:
        judged = judge_classes(result.labels.per_class, limits)
        result = replace(result, labels=replace(result.labels, per_class=judged))
    if result.task is not None:
        result = replace(result, task=judge_task(result.task, limits))
    mine = tuple(finding for finding in findings if finding.variant == result.name)
    asked = declared_checks(declared)
    measured = calibrated or Calibrated()
    case = Case(result, limits, mine, asked, accepted, measured)
    checks, skipped = _ask(case)
    return replace(
        result,
        checks=checks,
        skipped_checks=skipped,
        verdict=verdict_of(checks),
    )


def verdict_of(checks: Iterable[Check]) -> Verdict:
    """That of the worst check; undecided without any."""
    return _worst(check.status for check in checks)


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


def _ask(case: Case) -> tuple[tuple[Check, ...], dict[str, str]]:
    checks = []
    skipped = {}
    for name in CHECK_NAMES:
        if _is_moot(name, case):
            continue
        answer = _answer(name, case)
        if isinstance(answer, str) and name in case.declared:
            message = f"the suite sets its limit, but {answer}"
            answer = Check(name, "undecided", None, None, message)
        if isinstance(answer, str):
            skipped[name] = answer
        else:
            checks.append(answer)
    return tuple(checks), skipped


def _is_moot(name: str, case: Case) -> bool:
    """Whether a check has no subject, so that there is nothing to say of it."""
    task, refused = case.result.task, name in case.result.skipped_checks
    moot = {
        "baseline": case.baseline is None,
        "quantization": case.result.weight_audit is None and not refused,
        "runs_alike": case.result.matrix is None and not refused,
        "task_metrics": case.limits.max_drop is None,
        "per_slice": (task is None or not task.slices) and not refused,
    }
    return moot.get(name, False)


def _answer(name: str, case: Case) -> Answer:
    criterion = _CRITERIA[name]
    if not criterion.by_suite and not criterion.asked(case.limits):
        return NO_LIMIT
    reason = case.result.skipped_checks.get(name)
    return reason or criterion.question(case)


def _worst(verdicts: Iterable[Verdict]) -> Verdict:
    return min(verdicts, key=_WORST_FIRST.index, default="undecided")
