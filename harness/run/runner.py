"""One pass over golden data: every window goes to the reference and all candidates."""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.core.errors import HarnessError, SuiteError
from harness.run.ahead import ahead

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from harness.core.protocols import Arrays, GoldenChunk, GoldenSource
    from harness.run.predictor import Predictor

# A window's outputs should stay in the last-level cache while they are compared, and
# be large enough that numpy's cost a call is spread over many samples.
_WINDOW_BYTES = 4 << 20
_WINDOW_ROWS = 4096
# Batch sizes without a small common multiple make a window large; past this many bytes
# of answers a candidate it is better to say so than to be killed for memory.
_MOST_BYTES = 1 << 30


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

    predictor: Predictor
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
    reference: Predictor,
    lanes: Mapping[str, Lane],
    on_window: Callable[[int, int], None] | None = None,
) -> Iterator[Window]:
    """Run everyone over the golden data, once.

    Args:
        source: The golden data.
        reference: Its failure ends the run.
        lanes: Name -> candidate; a failure is noted in the lane, the others go on.
        on_window: Told (samples done, samples in all) after each window.

    Yields:
        Windows in order. Memory holds one at a time, and the samples of the next:
        variants with a process of their own set out on those meanwhile.

    Raises:
        HarnessError: The golden data or the reference fails.
    """
    rows = _window_rows(source, reference, lanes)
    chunks = ahead(source.chunks(rows))
    chunk = _begun(next(chunks, None), reference, lanes)
    while chunk is not None:
        # Begun before this one is collected: nobody waits for us to read and prepare.
        following = _begun(next(chunks, None), reference, lanes)
        window = _collected(chunk, reference, lanes)
        yield window
        if on_window is not None:
            on_window(chunk.rows.stop, source.n_samples)
        chunk = following


def _begun(
    chunk: GoldenChunk | None, reference: Predictor, lanes: Mapping[str, Lane]
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
    chunk: GoldenChunk, reference: Predictor, lanes: Mapping[str, Lane]
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
def _leading(reference: Predictor, chunk: GoldenChunk) -> Iterator[None]:
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


def _window_rows(
    source: GoldenSource, reference: Predictor, lanes: Mapping[str, Lane]
) -> int:
    """Rows a window: whole batches of every variant, about `_WINDOW_BYTES` of answers.

    Batches never straddle windows, so that each variant sees the very batches that a
    plain loop over the data would feed it.
    """
    predictors = [reference, *(lane.predictor for lane in lanes.values())]
    sizes = sorted({p.batch_size for p in predictors if p.fed} or {1})
    step = min(math.lcm(*sizes), max(1, source.n_samples))
    widest = max(_bytes_per_sample(p) for p in predictors)
    fed = sum(_spec_bytes(spec.dtype, spec.shape) for spec in source.inputs)
    a_sample = max(1, widest, fed)
    if step > sizes[-1] and step * a_sample > _MOST_BYTES:
        raise SuiteError(
            f"batch sizes {', '.join(map(str, sizes))} meet only every {step} samples,"
            f" {step * a_sample >> 20} MiB of one variant's answers",
            hint="declare batch_size so that each one divides the largest",
        )
    target = min(_WINDOW_ROWS, _WINDOW_BYTES // a_sample)
    return min(max(1, target // step) * step, max(1, source.n_samples))


def _bytes_per_sample(predictor: Predictor) -> int:
    return sum(_spec_bytes(s.dtype, s.shape) for s in predictor.session.outputs)


def _spec_bytes(dtype: str, shape: tuple[int | str | None, ...] | None) -> int:
    """Bytes a sample, free axes counted as 1: a guess."""
    width = 8 if "64" in dtype else 4
    return width * math.prod(d for d in (shape or ())[1:] if isinstance(d, int))
