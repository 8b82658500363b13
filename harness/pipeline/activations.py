"""Ranges of the reference's activations, for quantized candidates to be held against.

They are those of the graph that speaks for the reference, on the first samples.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.backends.detect import detect_form
from harness.core.errors import HarnessError
from harness.pipeline.explaining import reference_graph
from harness.pipeline.graphs import GraphView
from harness.pipeline.opening import preprocess_of
from harness.weights.audit import read_quantization
from harness.weights.audit.activations import names_asked
from harness.weights.audit.ranges import activation_ranges, float_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.core.protocols import Arrays, GoldenSource, Session
    from harness.core.specs import Suite, VariantSpec
    from harness.pipeline.comparing import Pass
    from harness.weights.audit.ranges import ActivationRange
    from harness.weights.audit.values import QuantizedModel


@dataclass(frozen=True, slots=True, eq=False)
class Activations:
    """What the first samples show along the reference's graph.

    Attributes:
        ranges: Its name of a value -> what was seen there.
        n_samples: Samples that were run.
        reason: Why nothing was run; None where something was, or nobody asked.
    """

    ranges: Mapping[str, ActivationRange] = field(default_factory=dict)
    n_samples: int = 0
    reason: str | None = None

    def seen_by(self, suite: Suite, spec: VariantSpec) -> Activations:
        """What can be held against a candidate: all, if it is fed the same numbers."""
        reference = suite.variant(suite.reference)
        alike = preprocess_of(suite, spec) == preprocess_of(suite, reference)
        if alike or not self.ranges:
            return self
        reason = f"its inputs are prepared otherwise than those of {suite.reference}"
        return Activations(reason=reason)


def activations_of(
    suite: Suite,
    source: GoldenSource,
    state: Pass,
    speaker: VariantSpec | None,
    specs: Iterable[VariantSpec],
) -> Activations:
    """Run the reference's graph on the first samples and look at its values.

    Only at those that quantized candidates have a range for; without any, nothing is
    run.

    Args:
        suite: What was asked.
        source: The golden data.
        state: The pass, which kept those samples.
        speaker: The variant that speaks for the reference's graph.
        specs: Candidates.
    """
    models = [model for spec in specs if (model := _quantized(spec)) is not None]
    if not any(any(model.activations) for model in models):
        return Activations()
    try:
        view = reference_graph(suite, source, state, speaker)
        if not isinstance(view, GraphView):
            return Activations(reason=view)
        batches = [*view.single(suite, source, state.inputs.arrays())]
        if not batches:
            return Activations(reason=f"{view.spec.name} cannot be fed a few samples")
        return _seen(view, batches, models)
    except HarnessError as error:
        return Activations(reason=error.message)


def _quantized(spec: VariantSpec) -> QuantizedModel | None:
    if spec.kind != "quantized" or spec.url is not None:
        return None
    try:
        return read_quantization(spec.path, detect_form(spec.path).name)
    except HarnessError:
        # Weighing the file tells what is wrong with it.
        return None


def _seen(
    view: GraphView, batches: list[Arrays], models: list[QuantizedModel]
) -> Activations:
    model = view.model if isinstance(view.model, bytes) else view.spec.path.read_bytes()
    own = _own_names(view, float_values(model))
    asked = {own[name] for quantized in models for name in names_asked(quantized, own)}
    if not asked:
        return Activations(reason=f"none has a name that {view.spec.name} knows")
    runner = _Runner(view)
    try:
        ranges = activation_ranges(model, runner.run, lambda: batches, sorted(asked))
    finally:
        runner.close()
    n_samples = sum(len(next(iter(batch.values()))) for batch in batches)
    named = {name: ranges[value] for name, value in own.items() if value in ranges}
    return Activations(named, n_samples)


def _own_names(view: GraphView, values: Iterable[str]) -> dict[str, str]:
    """The file's own names -> values of its graph.

    Translations make several operators of one; the last of them gives its result, and
    all are called after it, with a colon and their type behind.
    """
    if view.agreement is None:
        return {name: name for name in values}
    return {name.rpartition(":")[0] or name: name for name in values}


class _Runner:
    """Runs models of the graph one after the other, each opened once."""

    def __init__(self, view: GraphView) -> None:
        self._view = view
        self._model = b""
        self._session: Session | None = None

    def run(self, model: bytes, feeds: Arrays) -> Arrays:
        if self._session is None or model is not self._model:
            self.close()
            self._model, self._session = model, self._view.open(model)
        n_samples = len(next(iter(feeds.values())))
        return self._session.run(feeds, slice(0, n_samples))

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None
