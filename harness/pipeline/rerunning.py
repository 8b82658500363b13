"""A candidate's own file, opened anew: other options, another batch, marked values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from harness.backends.onnx_optimizers import optimized_graph
from harness.backends.onnxruntime_ import open_bytes, open_session
from harness.diagnose import with_outputs
from harness.pipeline.opening import predictor_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.core.protocols import (
        Array,
        Arrays,
        GoldenSource,
        Runtime,
        Session,
        TensorSpec,
    )
    from harness.core.specs import Suite, VariantSpec
    from harness.pipeline.comparing import Candidate, Pass


@dataclass(frozen=True, slots=True, eq=False)
class FileRunner:
    """Runs an ONNX candidate on the evidence samples; `harness.core.protocols.RunFile`.

    Attributes:
        suite: What was asked.
        spec: The candidate.
        source: The golden data.
        inputs: Golden inputs of the evidence samples.
        pairs: Reference output name -> the candidate's.
    """

    suite: Suite
    spec: VariantSpec
    source: GoldenSource
    inputs: Arrays
    pairs: Mapping[str, str]

    def __call__(
        self,
        options: Mapping[str, object],
        batch_size: int | None = None,
        nudge: float = 0.0,
        taps: Sequence[str] = (),
    ) -> Arrays:
        """Answers under the reference's output names."""
        spec = replace(
            self.spec,
            options={**self.spec.options, **options},
            batch_size=batch_size or self.spec.batch_size,
        )
        session = _Nudged(self._open(spec, taps), nudge)
        try:
            predictor = predictor_for(self.suite, spec, self.source, session)
            n_samples = len(next(iter(self.inputs.values())))
            answers = predictor.predict(self.inputs, slice(0, n_samples))
        finally:
            session.close()
        return {ours: answers[theirs] for ours, theirs in self.pairs.items()}

    def optimized(self, options: Mapping[str, object]) -> bytes:
        """The graph that is run; `harness.core.protocols.OptimizedGraph`."""
        return optimized_graph(self.spec.path, {**self.spec.options, **options})

    def _open(self, spec: VariantSpec, taps: Sequence[str]) -> Session:
        if not taps:
            return open_session(spec.path, spec.options)
        model = with_outputs(spec.path.read_bytes(), taps)
        return open_bytes(model, spec.options, spec.path.parent)


def file_runner(
    suite: Suite, source: GoldenSource, state: Pass, candidate: Candidate
) -> FileRunner | None:
    """A runner for a candidate that onnxruntime runs from an ONNX file; else None."""
    spec, facts = candidate.spec, candidate.facts
    by_onnxruntime = facts.runtime.get("backend") == "onnxruntime"
    if not facts.fed or not by_onnxruntime or spec.path.suffix == ".ort":
        return None
    n_samples = min(map(len, (state.inputs, state.reference, candidate.evidence)))
    inputs = state.inputs.arrays(n_samples)
    return FileRunner(suite, spec, source, inputs, candidate.pairs)


class _Nudged:
    """A session whose float inputs move by a share of the largest of each array."""

    def __init__(self, session: Session, share: float) -> None:
        self._session = session
        self._share = share

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        return self._session.inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        return self._session.outputs

    @property
    def runtime(self) -> Runtime:
        return self._session.runtime

    @property
    def batch_size(self) -> int | None:
        return self._session.batch_size

    def run(self, feeds: Arrays, rows: slice) -> Arrays:
        if self._share:
            feeds = {name: self._moved(array, rows) for name, array in feeds.items()}
        return self._session.run(feeds, rows)

    def close(self) -> None:
        self._session.close()

    def _moved(self, array: Array, rows: slice) -> Array:
        if array.dtype.kind != "f":
            return array
        finite = np.abs(array[np.isfinite(array)])
        reach = self._share * float(finite.max(initial=0.0))
        noise = np.random.default_rng(rows.start).uniform(-reach, reach, array.shape)
        return (array + noise).astype(array.dtype)
