"""Which entries of a lock hold for the models and data at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.tolerances import Calibrated
from harness.golden.preprocess import preprocess_digest
from harness.pipeline.opening import digest_of_model, preprocess_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.core.protocols import GoldenSource
    from harness.core.specs import Suite, VariantSpec
    from harness.core.tolerances import OutputTolerance, ToleranceLock


def calibrated(
    suite: Suite, lock: ToleranceLock | None, source: GoldenSource
) -> dict[str, Calibrated]:
    """What a lock says of each candidate; of one that it does not name, nothing.

    Args:
        suite: What is run.
        lock: Its lock; None where there is none.
        source: The golden data.
    """
    if lock is None:
        return {}
    return {spec.name: _of(suite, spec, lock, source) for spec in suite.candidates}


def stale_notices(suite: Suite, found: Mapping[str, Calibrated]) -> tuple[str, ...]:
    """One notice a lock that no longer fits, with the command that mends it."""
    stale = [f"{name}: {said.stale}" for name, said in found.items() if said.stale]
    if not stale:
        return ()
    notice = (
        f"Measured tolerances do not hold, and are not used: {'; '.join(stale)}."
        f" Measure again: harness calibrate {suite.path.name} --write"
    )
    return (notice,)


def _of(
    suite: Suite, spec: VariantSpec, lock: ToleranceLock, source: GoldenSource
) -> Calibrated:
    entries = [entry for entry in lock.outputs if entry.variant == spec.name]
    if not entries:
        return Calibrated()
    stale = _stale(suite, lock, source) or _moved(suite, spec, entries)
    if stale:
        return Calibrated(stale=stale)
    whole = lock.samples >= source.n_samples
    return Calibrated({entry.output: entry for entry in entries}, whole)


def _stale(suite: Suite, lock: ToleranceLock, source: GoldenSource) -> str | None:
    if lock.data_sha256 != source.digest:
        return "the lock was measured on other golden data"
    if lock.preprocess_sha256 != preprocess_digest(suite.golden.preprocess):
        return "the lock was measured with other preprocessing"
    return None


def _moved(
    suite: Suite, spec: VariantSpec, entries: Sequence[OutputTolerance]
) -> str | None:
    """What of the entries is no longer what it was."""
    reference = suite.variant(suite.reference)
    current = (
        (preprocess_digest(preprocess_of(suite, spec)), "with other preprocessing"),
        (_digest(spec), "on another model"),
        (_digest(reference), "against another reference"),
    )
    for entry in entries:
        models = (entry.model_sha256, entry.reference_sha256)
        measured = (entry.preprocess_sha256, *models)
        for (now, how), then in zip(current, measured, strict=True):
            if now != then:
                return f"the lock was measured {how}"
    return None


def _digest(spec: VariantSpec) -> str | None:
    """None where the file cannot be read, as the variant's status tells."""
    try:
        return digest_of_model(spec)
    except OSError:
        return None
