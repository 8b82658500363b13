"""calibrate(suite) -> ToleranceLock: what is measured, and what is derived from it."""

from __future__ import annotations

import math
import platform
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from harness.core.errors import InferenceError
from harness.core.progress import enter
from harness.core.provenance import cpu_flags, package_versions
from harness.core.specs import Suite
from harness.core.tolerances import OutputTolerance, ToleranceLock
from harness.gate import FACTOR, derive, limits_for
from harness.golden.first import FirstSamples
from harness.golden.preprocess import preprocess_digest
from harness.golden.source import open_golden
from harness.pipeline.noise import (
    REFERENCE,
    Distances,
    conditions,
    measure,
    open_conditions,
)
from harness.pipeline.opening import digest_of_model, open_variant, preprocess_of
from harness.pipeline.oracles import Oracle, open_oracle
from harness.suite import load_suite

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from harness.core.protocols import GoldenSource
    from harness.core.specs import VariantSpec
    from harness.pipeline.opening import Opened
    from harness.run import Predictor

SAMPLES = 64
_OWN, _ORACLE, _CANDIDATE = "own oracle", "oracle", "candidate"


def calibrate(
    suite: Suite | Path | str,
    samples: int = SAMPLES,
    *,
    today: date | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ToleranceLock:
    """Measure the noise floor of each candidate and its reference, output by output.

    Args:
        suite: A suite, or where its file lies.
        samples: Golden samples to measure on, the first ones.
        today: Kept in the lock; None is today, UTC.
        progress: Told (candidates done, candidates in all).

    Raises:
        HarnessError: The suite or its data are wrong, or the reference cannot be run.
    """
    suite = suite if isinstance(suite, Suite) else load_suite(suite)
    golden = open_golden(suite.golden)
    source = FirstSamples(golden, samples)
    outputs: list[OutputTolerance] = []
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        enter(progress, "measuring the reference")
        bench = _Bench(suite, source, stack, Path(folder))
        for done, spec in enumerate(suite.candidates, 1):
            outputs += bench.candidate(spec)
            if progress is not None:
                progress(done, len(suite.candidates))
        # Windows forbids removing a file that a session still holds open.
        stack.close()
    return ToleranceLock(
        data_sha256=golden.digest,
        preprocess_sha256=preprocess_digest(suite.golden.preprocess),
        samples=source.n_samples,
        of_samples=golden.n_samples,
        factor=FACTOR,
        day=(today or datetime.now(UTC).date()).isoformat(),
        machine=platform.machine(),
        cpu_flags=tuple(cpu_flags()),
        packages=package_versions(),
        outputs=tuple(outputs),
    )


class _Bench:
    """The reference with its noise and its oracle, and each candidate in turn."""

    def __init__(
        self, suite: Suite, source: GoldenSource, stack: ExitStack, folder: Path
    ) -> None:
        self._suite, self._source, self._folder = suite, source, folder
        spec = suite.variant(suite.reference)
        opened = open_variant(suite, spec, source, "fail")
        if opened.predictor is None:
            raise InferenceError(
                f"the reference {spec.name!r} cannot be run: {opened.reason}",
                hint="calibrate where its runtime is installed, or record its outputs",
            )
        stack.callback(opened.predictor.close)
        self._reference, self._digest = opened.predictor, digest_of_model(spec)
        self._oracle = open_oracle(suite, spec, source, folder)
        if self._oracle.predictor is not None:
            stack.callback(self._oracle.predictor.close)
        self._noise, self._missed = self._own_noise(opened)

    def _own_noise(
        self, opened: Opened
    ) -> tuple[Mapping[str, Mapping[str, float]], dict[str, str]]:
        """Condition -> output -> how far the reference moved; and what was missed."""
        with ExitStack() as stack:
            running, missed = self._vary(opened, stack)
            lanes: dict[str, tuple[Predictor, Mapping[str, str]]] = {
                name: (predictor, {}) for name, predictor in running.items()
            }
            wanted = tuple((REFERENCE, name) for name in running)
            found = measure(self._source, self._reference, lanes, wanted)
        noise = {name: found.largest[REFERENCE, name] for name in running}
        told = {f"reference, {k}": v for k, v in {**missed, **found.lost}.items()}
        if self._oracle.reason:
            told[_ORACLE] = self._oracle.reason
        return noise, told

    def _vary(
        self, opened: Opened, stack: ExitStack
    ) -> tuple[dict[str, Predictor], dict[str, str]]:
        if opened.status != "ran":
            return {}, {"noise": "its outputs are replayed"}
        specs = conditions(opened.spec, opened.backend)
        return open_conditions(self._suite, specs, self._source, stack)

    def candidate(self, spec: VariantSpec) -> list[OutputTolerance]:
        """One entry an output; none of a candidate that does not run."""
        opened = open_variant(self._suite, spec, self._source, "skip")
        if opened.predictor is None:
            return []
        with ExitStack() as stack:
            stack.callback(opened.predictor.close)
            running, missed = self._vary(opened, stack)
            own = open_oracle(self._suite, spec, self._source, self._folder)
            if own.predictor is not None:
                stack.callback(own.predictor.close)
            lanes = self._lanes(opened.predictor, running, own, spec)
            wanted = _wanted(running, lanes)
            found = measure(self._source, self._reference, lanes, wanted)
        told = {**self._missed, **missed, **found.lost}
        if own.reason:
            told[_OWN] = own.reason
        return [self._entry(spec, output, found, told) for output in found.scales]

    def _lanes(
        self,
        candidate: Predictor,
        running: Mapping[str, Predictor],
        own: Oracle,
        spec: VariantSpec,
    ) -> dict[str, tuple[Predictor, Mapping[str, str]]]:
        everyone = {_CANDIDATE: candidate, **running}
        if own.predictor is not None:
            everyone[_OWN] = own.predictor
        lanes: dict[str, tuple[Predictor, Mapping[str, str]]] = {
            name: (predictor, spec.outputs) for name, predictor in everyone.items()
        }
        if self._oracle.predictor is not None:
            lanes[_ORACLE] = (self._oracle.predictor, {})
        return lanes

    def _entry(
        self,
        spec: VariantSpec,
        output: str,
        found: Distances,
        told: Mapping[str, str],
    ) -> OutputTolerance:
        distances = {k: v[output] for k, v in found.largest.items() if output in v}
        noise = {name: far[output] for name, far in self._noise.items()}
        moved = {
            other: far
            for (one, other), far in distances.items()
            if one == _CANDIDATE and other not in (_OWN, _ORACLE)
        }
        entry = OutputTolerance(
            variant=spec.name,
            output=output,
            model_sha256=digest_of_model(spec),
            reference_sha256=self._digest,
            preprocess_sha256=preprocess_digest(preprocess_of(self._suite, spec)),
            scale=found.scales[output],
            reference_noise=_finite(noise),
            candidate_noise=_finite(moved),
            reference_rounding=_known(distances.get((REFERENCE, _ORACLE))),
            candidate_rounding=_known(distances.get((_CANDIDATE, _OWN))),
            candidate_oracle=_known(distances.get((_CANDIDATE, _ORACLE))),
            unmeasured={**told, **_infinite(moved)},
        )
        return derive(entry, asked=limits_for(spec).atol is not None)


def _wanted(
    running: Mapping[str, Predictor], lanes: Mapping[str, object]
) -> tuple[tuple[str, str], ...]:
    """Who is held against whom in the pass of a candidate."""
    others = (*running, *(name for name in (_OWN, _ORACLE) if name in lanes))
    pairs = [(_CANDIDATE, name) for name in others]
    return (*pairs, *([(REFERENCE, _ORACLE)] if _ORACLE in lanes else ()))


def _finite(distances: Mapping[str, float]) -> dict[str, float]:
    return {name: far for name, far in distances.items() if math.isfinite(far)}


def _infinite(distances: Mapping[str, float]) -> dict[str, str]:
    """What TOML could tell as a number, and nobody could use."""
    said = "an answer is finite in one run only, or has another shape"
    return {name: said for name, far in distances.items() if math.isinf(far)}


def _known(distance: float | None) -> float | None:
    return distance if distance is not None and math.isfinite(distance) else None
