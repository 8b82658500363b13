"""What a variant's own model is fed: prepared, by its names, samples on its axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.backends.detect import backend_for
from harness.backends.table import BACKENDS
from harness.pipeline.opening import predictor_for

if TYPE_CHECKING:
    from harness.core.protocols import Arrays, GoldenSource, Session
    from harness.core.specs import Suite, VariantSpec
    from harness.run import Predictor


class Fed:
    """Samples -> what the model is fed for the first of them; it is run to tell.

    Args:
        suite: What was asked.
        source: The golden data.
        spec: The variant; opened when it is first asked.
        inputs: Golden inputs of a few samples.
    """

    def __init__(
        self, suite: Suite, source: GoldenSource, spec: VariantSpec, inputs: Arrays
    ) -> None:
        self._asked = (suite, spec, source)
        self._inputs = inputs
        self._heard: _Heard | None = None
        self._predictor: Predictor | None = None

    def __call__(self, n_samples: int) -> Arrays:
        """The first batch of that many samples.

        Raises:
            HarnessError: The model cannot be opened, or fails on them.
        """
        if self._heard is None or self._predictor is None:
            suite, spec, source = self._asked
            backend = BACKENDS.get(backend_for(spec.path, spec.backend))
            self._heard = _Heard(backend(spec.target, spec.options))
            self._predictor = predictor_for(suite, spec, source, self._heard)
        few = {name: array[:n_samples] for name, array in self._inputs.items()}
        self._heard.feeds = {}
        self._predictor.predict(few, slice(0, len(next(iter(few.values())))))
        return self._heard.feeds

    def close(self) -> None:
        """Close the model, where it was opened."""
        if self._heard is not None:
            self._heard.close()


class _Heard:
    """A session that keeps its first feeds; `harness.core.protocols.Session`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.inputs, self.outputs = session.inputs, session.outputs
        self.runtime, self.batch_size = session.runtime, session.batch_size
        self.close = session.close
        self.feeds: Arrays = {}

    def run(self, feeds: Arrays, rows: slice) -> Arrays:
        """Answer one batch."""
        self.feeds = self.feeds or feeds
        return self._session.run(feeds, rows)
