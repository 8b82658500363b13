"""Graphs that stand for variants: ONNX files as they are, other forms translated.

A translation is used only where it answers as the file's own runtime does.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from harness.backends.detect import detect_form
from harness.backends.onnxruntime_ import open_bytes
from harness.backends.table import EXPORTERS
from harness.core.errors import HarnessError
from harness.graphs.translate import as_exported, is_translated, translate
from harness.graphs.translate.verify import verify
from harness.pipeline.fed import Fed
from harness.pipeline.opening import predictor_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from harness.core.protocols import Array, Arrays, GoldenSource, Session
    from harness.core.results import Finding
    from harness.core.specs import Suite, VariantSpec
    from harness.graphs.translate import Translation

# Forms that are weights alone: the suite names what builds the rest.
_WEIGHTS = frozenset({"safetensors", "state-dict", "state-dict-old"})
# What a file means, and nothing that a runtime makes of it.
_AS_WRITTEN = {"graph_optimization_level": "disable"}


@dataclass(frozen=True, slots=True, eq=False)
class GraphView:
    """An ONNX model that says what a variant computes.

    Attributes:
        spec: The variant.
        model: Its own file, or its translation's bytes.
        options: What onnxruntime runs it with in the variant's place.
        nodes: Node name in the model -> the file's name, where it is a translation.
        agreement: How far a translation is from the file's own answers, over the
            largest of them; None where the model is the file.
    """

    spec: VariantSpec
    model: Path | bytes
    options: Mapping[str, object]
    nodes: Mapping[str, str] = field(default_factory=dict)
    agreement: float | None = None

    def open(self, model: bytes | None = None) -> Session:
        """A session for it, or for an edited one.

        Raises:
            BackendError: onnxruntime does not take it.
        """
        known = self.model if isinstance(self.model, bytes) else None
        serialized = model or known or self.spec.path.read_bytes()
        folder = self.spec.path.parent if known is None else None
        return open_bytes(serialized, self.options, folder)

    def predict(
        self, suite: Suite, source: GoldenSource, inputs: Arrays, model: bytes | None
    ) -> dict[str, Array]:
        """What it, or an edited one, answers to golden inputs.

        Raises:
            BackendError: It does not run.
        """
        session = self.open(model)
        try:
            predictor = predictor_for(suite, self._told, source, session)
            n_samples = len(next(iter(inputs.values())))
            return predictor.predict(inputs, slice(0, n_samples))
        finally:
            session.close()

    def feeds(
        self, suite: Suite, source: GoldenSource, inputs: Arrays
    ) -> dict[str, Array]:
        """What it is fed for golden inputs.

        Raises:
            BackendError: onnxruntime does not take it.
        """
        # Only its inputs matter: nothing of it is run.
        session = replace(self, options={**self.options, **_AS_WRITTEN}).open()
        try:
            return predictor_for(suite, self._told, source, session).feeds(inputs)
        finally:
            session.close()

    def single(
        self, suite: Suite, source: GoldenSource, inputs: Arrays
    ) -> Iterator[Arrays]:
        """What it is fed for golden inputs, a sample at a time or as many as it takes.

        Nothing where its samples do not come first.

        Raises:
            BackendError: onnxruntime does not take it.
        """
        session = replace(self, options={**self.options, **_AS_WRITTEN}).open()
        try:
            predictor = predictor_for(suite, self._told, source, session)
            if predictor.session is not session:
                return
            feeds, size = predictor.feeds(inputs), session.batch_size or 1
        finally:
            session.close()
        n_samples = min(map(len, feeds.values()))
        for start in range(0, n_samples - size + 1, size):
            yield {name: array[start : start + size] for name, array in feeds.items()}

    def said(self, finding: Finding) -> Finding:
        """A finding, its proof telling that it was made on a translation."""
        if self.agreement is None or finding.proof is None:
            return finding
        told = (
            f"{finding.proof.edit} (on its translation to ONNX, which answers as the"
            f" file does to {self.agreement:.0e})"
        )
        return replace(finding, proof=replace(finding.proof, edit=told))

    @property
    def _told(self) -> VariantSpec:
        return replace(self.spec, options=self.options)


def graph_is_seen(spec: VariantSpec) -> bool:
    """Whether there is a way to a variant's graph: its file's, or a translation."""
    if spec.url is not None:
        return False
    try:
        form = detect_form(spec.path).name
    except HarnessError:
        # Opening the variant says what is wrong with the file.
        return False
    if form in _WEIGHTS and "factory" not in spec.options:
        return False
    if form in EXPORTERS:
        return not EXPORTERS.entry(form).missing()
    return form == "onnx" or is_translated(form)


def graph_of(
    suite: Suite,
    source: GoldenSource,
    spec: VariantSpec,
    inputs: Arrays,
    answers: Arrays,
) -> GraphView | str:
    """The graph of a variant.

    Args:
        suite: What was asked.
        source: The golden data.
        spec: The variant; its file is read.
        inputs: Golden inputs of a few samples.
        answers: What its own runtime answered to them, by its own names.

    Returns:
        The graph, or why there is none that can be trusted.
    """
    if spec.url is not None:
        return "an endpoint shows no graph"
    try:
        form = detect_form(spec.path).name
        if form == "onnx":
            return GraphView(spec, spec.path, spec.options)
        return _translated(suite, source, spec, (inputs, answers), form)
    except HarnessError as error:
        return error.message


def _translated(
    suite: Suite,
    source: GoldenSource,
    spec: VariantSpec,
    samples: tuple[Arrays, Arrays],
    form: str,
) -> GraphView | str:
    inputs, answers = samples
    if form in EXPORTERS:
        feeds = Fed(suite, source, spec, inputs)
        with closing(feeds):
            exported = EXPORTERS.get(form)(spec.path, spec.options, feeds)
        translation = as_exported(exported)
    else:
        translation = translate(spec.path, form)
    view = _view(spec, translation)
    optimized = replace(view, options={})
    found = verify(
        translation,
        lambda: view.predict(suite, source, inputs, None),
        answers,
        lambda: optimized.predict(suite, source, inputs, None),
    )
    if found.reason:
        return (
            f"its translation to ONNX is not used, as it does not answer as the file"
            f" does: {found.reason}"
        )
    return replace(view, agreement=found.error)


def _view(spec: VariantSpec, translation: Translation) -> GraphView:
    model = bytes(translation.model.SerializeToString())
    return GraphView(spec, model, _AS_WRITTEN, translation.nodes)
