"""Who of a suite runs, opened: its cast."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.errors import InferenceError, SuiteError
from harness.pipeline.explaining import may_speak
from harness.pipeline.opening import Opened, Opening, open_variant
from harness.pipeline.weighing import may_be_standard

if TYPE_CHECKING:
    from contextlib import ExitStack

    from harness.core.protocols import GoldenSource
    from harness.core.specs import RunOptions, Suite


def open_all(
    suite: Suite, source: GoldenSource, options: RunOptions, stack: ExitStack
) -> dict[str, Opened]:
    """Open everyone who is to run; `stack` closes them.

    Raises:
        BackendError: The reference cannot be run.
        SuiteError: The suite declares what a model or a backend does not know.
    """
    names = wanted(suite, options)
    cast = {}
    openings = {}
    for spec in suite.variants:
        if spec.name in names:
            openings[spec.name] = Opening(spec)
            stack.callback(openings[spec.name].close)
    for name, opening in openings.items():
        spec = suite.variant(name)
        opened = open_variant(suite, spec, source, options.missing, opening)
        if opened.predictor is not None:
            stack.callback(opened.predictor.close)
        cast[name] = opened
    require_reference(cast[suite.reference])
    return cast


def wanted(suite: Suite, options: RunOptions) -> set[str]:
    """Names to run: those asked for, the reference, and who may speak for it.

    Raises:
        SuiteError: A name is asked for that the suite does not have.
    """
    names = {spec.name for spec in suite.variants}
    if unknown := sorted(set(options.only) - names):
        raise SuiteError(
            f"{suite.path}: no variant {unknown[0]!r}",
            hint=f"variants are {', '.join(v.name for v in suite.variants)}",
        )
    if not options.only:
        return names
    speakers = (*may_speak(suite)[:1], *may_be_standard(suite)[:1])
    return {*options.only, suite.reference, *(v.name for v in speakers)}


def require_reference(opened: Opened) -> None:
    """Refuse a reference that does not answer.

    Raises:
        InferenceError: It does not.
    """
    if opened.predictor is None:
        message, _, hint = (opened.reason or "").partition("\nHint: ")
        # A recording helps where the runtime is missing, not where the file is broken.
        if opened.status == "skipped":
            hint += ", or record its outputs where it runs: harness record"
        raise InferenceError(
            f"the reference {opened.spec.name!r} cannot be run: {message}", hint=hint
        )
