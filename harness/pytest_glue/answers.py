"""The answer to a check -> passed, failed or skipped."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import pytest

from harness.core.errors import HarnessError, QualityRegression
from harness.pytest_glue.messages import regression_text

if TYPE_CHECKING:
    from harness.core.results import Check, QualityReport, VariantResult
    from harness.core.specs import Suite

_BROKEN = frozenset({"crashed", "timeout", "error"})


def settle(
    suite: Suite, report: QualityReport, variant: VariantResult, name: str
) -> None:
    """Return where the check passed, or is undecided and the suite only warns.

    Args:
        suite: Says what an undecided check does.
        report: Holds the findings that explain a failure.
        variant: The variant in question.
        name: The check.

    Raises:
        QualityRegression: The model failed the check.
        HarnessError: The check could not be answered.
        pytest.skip.Exception: The variant or the check was left out, with its reason.
    """
    if variant.status == "skipped":
        _skip(f"{variant.name} not run: {variant.reason}")
    if variant.status in _BROKEN:
        raise _unanswered(variant.name, variant.reason or variant.status)
    check = find_check(variant, name)
    if check is None and name in variant.skipped_checks:
        _skip(f"{variant.name}, {name} not asked: {variant.skipped_checks[name]}")
    if check is None or check.status == "error":
        said = check.message if check else "the run gave it no answer"
        raise _unanswered(f"{variant.name}: {name}", said)
    if check.status == "failed" or _is_refused(check, suite):
        raise QualityRegression(regression_text(report, variant, check))


def facts_of(
    report: QualityReport, variant: VariantResult, name: str
) -> list[tuple[str, object]]:
    """What pytest's JUnit file says of an item; what is not known is left out."""
    check = find_check(variant, name)
    facts = (
        ("quality_suite", report.suite.name),
        ("quality_reference", report.suite.reference),
        ("quality_kind", variant.kind),
        ("quality_status", variant.status),
        ("quality_backend", variant.backend),
        ("quality_variant_sha256", variant.sha256),
        ("quality_data_sha256", report.golden.digest),
        ("quality_verdict", check.status if check else None),
        ("quality_observed", check.observed if check else None),
        ("quality_limit", check.limit if check else None),
        ("quality_waived", "; ".join(check.waived) or None if check else None),
    )
    return [(key, value) for key, value in facts if value is not None]


def find_check(variant: VariantResult, name: str) -> Check | None:
    """The check of that name, None where it was not asked."""
    return next((check for check in variant.checks if check.name == name), None)


def _is_refused(check: Check, suite: Suite) -> bool:
    return check.status == "undecided" and suite.undecided == "fail"


def _unanswered(what: str, reason: str) -> HarnessError:
    message, _, hint = reason.partition("\nHint: ")
    fallback = (
        "the reason above is all that is known; harness doctor tests the runtimes"
    )
    return HarnessError(f"{what}: {message}", hint=hint or fallback)


def _skip(reason: str) -> NoReturn:
    # The suite's line is where a reader looks, not the line of this raise.
    raise pytest.skip.Exception(
        reason.replace("\nHint: ", "; "), _use_item_location=True
    )
