"""Variants whose answers are kept: what was answered once is not asked again."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.core.errors import HarnessError, InferenceError
from harness.pipeline.opening import Opening, open_variant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import ExitStack

    from harness.core.protocols import Array, Arrays, GoldenSource
    from harness.core.specs import Missing, Suite, VariantSpec
    from harness.pipeline.cache import Cache
    from harness.pipeline.opening import Opened
    from harness.run import Predictor, RunFacts


@dataclass(slots=True, eq=False)
class Answers:
    """What a variant answered to a window.

    Attributes:
        arrays: By its own output names; axis 0 counts samples.
        seconds: That it took.
    """

    arrays: dict[str, Array]
    seconds: float


class Later:
    """A variant that is opened when somebody needs it.

    Args:
        suite: What was asked.
        spec: The variant.
        source: The golden data.
        missing: What becomes of a variant whose runtime is not installed.
        stack: Closes it.
    """

    def __init__(
        self,
        suite: Suite,
        spec: VariantSpec,
        source: GoldenSource,
        missing: Missing,
        stack: ExitStack,
    ) -> None:
        self._asked = suite, spec, source, missing
        self._stack = stack
        self._opening: Opening | None = None
        self._opened: Opened | None = None

    def begin(self) -> Opening:
        """Set out; what has a process of its own loads meanwhile."""
        if self._opening is None:
            self._opening = Opening(self._asked[1])
            self._stack.callback(self._opening.close)
        return self._opening

    def opened(self) -> Opened:
        """Wait until it is open.

        Raises:
            SuiteError: The suite declares what the model or backend does not know.
        """
        if self._opened is None:
            self._opened = open_variant(*self._asked, self.begin())
            if self._opened.predictor is not None:
                self._stack.callback(self._opened.predictor.close)
        return self._opened

    def predictor(self) -> Predictor:
        """The same, where it must run.

        Raises:
            InferenceError: It does not.
        """
        opened = self.opened()
        if opened.predictor is None:
            message, _, hint = (opened.reason or "").partition("\nHint: ")
            raise InferenceError(message, hint=hint)
        return opened.predictor


class KeptPredictor:
    """Answers windows from a cache, and by the model itself where they are not there.

    Args:
        facts: What is known of the variant.
        later: Opens it.
        cache: Keeps answers.
        key: Of what it answers to some rows; None keeps nothing.

    Attributes:
        name: Of the variant.
        facts: As given.
        seconds: Time that the answers took, whenever they were given.
        n_samples: Samples answered so far.
        ran: Whether the model was asked for any of them.
    """

    def __init__(
        self,
        name: str,
        facts: RunFacts,
        later: Later,
        cache: Cache,
        key: Callable[[slice], str] | None,
    ) -> None:
        self.name = name
        self.facts = facts
        self.seconds = 0.0
        self.n_samples = 0
        self.ran = False
        self._later = later
        self._cache = cache
        self._key = key
        self._asked: deque[tuple[slice, str | None, Answers | None]] = deque()
        self._given: list[str] = []

    def warm_up(self, windows: Iterable[slice]) -> None:
        """Set out to open the model, where it will be asked for one of the windows."""
        key, holds = self._key, self._cache.store.holds
        if key is None or not all(holds(key(rows)) for rows in windows):
            self._later.begin()

    def begin(self, inputs: Arrays, rows: slice) -> None:
        """As of `Predictor`."""
        key = None if self._key is None else self._key(rows)
        kept = self._cache.recall(key, Answers)
        if kept is None:
            with self._forgetting():
                self._later.predictor().begin(inputs, rows)
        self._asked.append((rows, key, kept))

    def collect(self) -> dict[str, Array]:
        """As of `Predictor`."""
        rows, key, kept = self._asked.popleft()
        if kept is None:
            with self._forgetting():
                kept = self._answered()
            self._cache.keep(key, kept)
        if key is not None:
            self._given.append(key)
        self.seconds += kept.seconds
        self.n_samples += rows.stop - rows.start
        return kept.arrays

    def _answered(self) -> Answers:
        self.ran = True
        predictor = self._later.predictor()
        before = predictor.seconds
        arrays = predictor.collect()
        return Answers(arrays, predictor.seconds - before)

    def _forgetting(self) -> _Forgetting:
        return _Forgetting(self._cache, self._given)


@dataclass(slots=True)
class _Forgetting:
    """Where a model fails, nothing that it answered before is kept either."""

    cache: Cache
    keys: list[str]

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and issubclass(kind, HarnessError):
            for key in self.keys:
                self.cache.store.discard(key)
