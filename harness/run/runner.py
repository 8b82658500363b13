"""One pass over golden data: every window goes to the reference and all candidates."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from harness.core.errors import HarnessError
from harness.run.ahead import ahead
from harness.run.windows import window_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from harness.core.protocols import Array, Arrays, GoldenChunk, GoldenSource
    from harness.run.windows import RunFacts

# Samples that may wait to be used: two blocks of what is read at once (2 MiB each).
_AHEAD_BYTES = 4 << 20


class Answering(Protocol):
    """Who answers for a variant: a `Predictor`, or what stands for one.

    Attributes:
        name: Of the variant.
        facts: What is known of it.
        seconds: Time that its answers took so far.
        n_samples: Samples answered so far.
    """

    name: str
    seconds: float
    n_samples: int

    @property
    def facts(self) -> RunFacts:
        """See the attributes."""
        ...

    def begin(self, inputs: Arrays, rows: slice) -> None:
        """As of `Predictor`."""
        ...

    def collect(self) -> dict[str, Array]:
        """As of `Predictor`."""
        ...


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a candidate stopped answering.

    Attributes:
        error: What was raised, message and hint.
        sample: First golden sample of the window that failed.
    """

    error: HarnessError
    sample: int


@dataclass(slots=True, eq=False)
class Lane:
    """A candidate on its way through the golden data; it leaves at its first failure.

    Attributes:
        predictor: Answers for it.
        failure: Set when it has left.
    """

    predictor: Answering
    failure: Failure | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Consecutive samples with everyone's answers.

    Attributes:
        chunk: The golden samples.
        reference: The reference's answers.
        candidates: Name -> answers, of those that still answer.
    """

    chunk: GoldenChunk
    reference: Arrays
    candidates: Mapping[str, Arrays] = field(default_factory=dict)


def stream(
    source: GoldenSource,
    reference: Answering,
    lanes: Mapping[str, Lane],
    on_window: Callable[[int, int], None] | None = None,
    span: slice | None = None,
    rows: int | None = None,
) -> Iterator[Window]:
    """Run everyone over the golden data, once.

    Args:
        source: The golden data.
        reference: Its failure ends the run.
        lanes: Name -> candidate; a failure is noted in the lane, the others go on.
        on_window: Told (samples done, samples in all) after each window.
        span: Samples to run on, whole windows; None runs on all.
        rows: Samples a window; None goes by those who run.

    Yields:
        Windows in order. Memory holds one at a time, the samples of the next, on
        which variants with a process of their own set out meanwhile, and 4 MiB of
        samples that are read ahead, or one window of them.

    Raises:
        HarnessError: The golden data or the reference fails.
    """
    everyone = (reference, *(lane.predictor for lane in lanes.values()))
    rows = rows or window_rows(source, (one.facts for one in everyone))
    chunks = ahead(source.chunks(rows, span), _weight, _AHEAD_BYTES)
    chunk = _begun(next(chunks, None), reference, lanes)
    while chunk is not None:
        # Begun before this one is collected: nobody waits for us to read and prepare.
        following = _begun(next(chunks, None), reference, lanes)
        window = _collected(chunk, reference, lanes)
        yield window
        if on_window is not None:
            on_window(chunk.rows.stop, source.n_samples)
        chunk = following


def _weight(chunk: GoldenChunk) -> int:
    """Bytes of all that it holds: of small samples, labels and names are the most."""
    named = (chunk.inputs, chunk.targets, chunk.metadata)
    arrays = [array for one in named for array in one.values()]
    arrays += [one for one in (chunk.labels, chunk.sample_ids) if one is not None]
    return sum(array.nbytes for array in arrays)


def _begun(
    chunk: GoldenChunk | None, reference: Answering, lanes: Mapping[str, Lane]
) -> GoldenChunk | None:
    """Set everyone to a chunk, so that those who can work at the same time do."""
    if chunk is None:
        return None
    with _leading(reference, chunk):
        reference.begin(chunk.inputs, chunk.rows)
    for lane in lanes.values():
        with _noting(lane, chunk):
            if lane.failure is None:
                lane.predictor.begin(chunk.inputs, chunk.rows)
    return chunk


def _collected(
    chunk: GoldenChunk, reference: Answering, lanes: Mapping[str, Lane]
) -> Window:
    with _leading(reference, chunk):
        answers = reference.collect()
    candidates = {}
    for name, lane in lanes.items():
        with _noting(lane, chunk):
            if lane.failure is None:
                candidates[name] = lane.predictor.collect()
    return Window(chunk, answers, candidates)


@contextmanager
def _leading(reference: Answering, chunk: GoldenChunk) -> Iterator[None]:
    """A failure of the reference says whose it is and where."""
    try:
        yield
    except HarnessError as error:
        raise type(error)(
            f"variant {reference.name!r}, from sample {chunk.rows.start} on:"
            f" {error.message}",
            hint=error.hint,
        ) from error


@contextmanager
def _noting(lane: Lane, chunk: GoldenChunk) -> Iterator[None]:
    """A failure of a candidate takes it out; the others go on."""
    try:
        yield
    except HarnessError as error:
        lane.failure = Failure(error, chunk.rows.start)
