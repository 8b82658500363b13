"""How golden data is cut: into windows that are answered, and parts that are merged."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.core.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from harness.core.protocols import GoldenSource, Runtime, TensorSpec

# A window's outputs should stay in the last-level cache while they are compared, and
# be large enough that numpy's cost a call is spread over many samples.
_WINDOW_BYTES = 4 << 20
_WINDOW_ROWS = 4096
# Batch sizes without a small common multiple make a window large; past this many bytes
# of answers a candidate it is better to say so than to be killed for memory.
_MOST_BYTES = 1 << 30
# Parts enough to keep many processes busy to the end, and so large that merging them
# costs little beside answering.
_PARTS = 32
_MOST_WINDOWS = 8


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What is known of a variant that is ready to run, wherever it does.

    Attributes:
        outputs: What it answers, in the file's order.
        runtime: As of `Session`.
        batch_size: Samples a call.
        fixed: The number of samples that it must be fed, None where it is free.
        fed: Whether it is fed; a recording is not.
        bound: Golden input name -> model input name.
    """

    outputs: tuple[TensorSpec, ...]
    runtime: Runtime
    batch_size: int
    fixed: int | None
    fed: bool
    bound: Mapping[str, str] = field(default_factory=dict)


def window_rows(source: GoldenSource, everyone: Iterable[RunFacts]) -> int:
    """Rows a window: whole batches of every variant, about `_WINDOW_BYTES` of answers.

    Batches never straddle windows, so that each variant sees the very batches that a
    plain loop over the data would feed it.

    Raises:
        SuiteError: Batch sizes meet only in windows too large to hold.
    """
    known = tuple(everyone)
    sizes = _batch_sizes(known)
    step = whole_batches(source, known)
    widest = max(_bytes_a_sample(facts.outputs) for facts in known)
    a_sample = max(1, widest, _bytes_a_sample(source.inputs))
    if step > sizes[-1] and step * a_sample > _MOST_BYTES:
        raise SuiteError(
            f"batch sizes {', '.join(map(str, sizes))} meet only every {step} samples,"
            f" {step * a_sample >> 20} MiB of one variant's answers",
            hint="declare batch_size so that each one divides the largest",
        )
    target = min(_WINDOW_ROWS, _WINDOW_BYTES // a_sample)
    return min(max(1, target // step) * step, max(1, source.n_samples))


def whole_batches(source: GoldenSource, everyone: Iterable[RunFacts]) -> int:
    """Samples after which batches of all variants begin together."""
    return min(math.lcm(*_batch_sizes(everyone)), max(1, source.n_samples))


def parts(n_samples: int, rows: int) -> tuple[slice, ...]:
    """The parts of golden data: whole windows each, whoever works on them.

    What a run finds is merged part by part, in their order: it is the same to the last
    bit for any number of workers. More samples leave the parts before them as they are
    until there are twice as many.

    Args:
        n_samples: Samples in all.
        rows: Samples a window.
    """
    n_windows = -(-n_samples // rows)
    doubled = max(1, n_windows // _PARTS).bit_length() - 1
    step = rows * min(_MOST_WINDOWS, 1 << doubled)
    starts = range(0, n_samples, step)
    return tuple(slice(start, min(start + step, n_samples)) for start in starts)


def _batch_sizes(everyone: Iterable[RunFacts]) -> list[int]:
    return sorted({facts.batch_size for facts in everyone if facts.fed} or {1})


def _bytes_a_sample(specs: Sequence[TensorSpec]) -> int:
    """Bytes a sample, free axes counted as 1: a guess."""
    return sum(_bytes(spec.dtype, spec.shape) for spec in specs)


def _bytes(dtype: str, shape: tuple[int | str | None, ...] | None) -> int:
    width = 8 if "64" in dtype else 4
    return width * math.prod(d for d in (shape or ())[1:] if isinstance(d, int))
