"""A plan on paper for 10^9 samples and 20 variants, from measured costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.scaling import BLOCK_VARIANTS
from harness.run import parts

if TYPE_CHECKING:
    from benchmarks.book import Book

SAMPLES = 10**9
_WINDOW = 4_096
_MODEL_SECONDS = 1e-3
_BLOCK_PARTS = 16
_IMAGE_BYTES = 3_000, 150_000
_CLASSES = 10
_HOUR = 3_600
_DAY = 24 * _HOUR


@dataclass(frozen=True)
class Plan:
    """What such a run would take.

    Attributes:
        variants: The reference and its candidates.
        a_variant: Core seconds of inference, of one variant.
        inference: Core hours, of all.
        each: Measured microseconds of our own work a sample and candidate.
        ours: Core hours of our own work.
        efficiency: Measured share of its cores that a dask cluster puts to work.
        cores: That finish within a day, at that efficiency.
        windows: Of the data.
        parts: Of the data.
        blocks: Of parts, as workers answer for them.
        answer: Measured MB of such an answer.
        through: GB of answers, through the scheduler.
        data: TB of small and of large pictures.
        stream: GB/s of the large ones, for a day.
        recorded: GB of the reference's answers, as float32.
        memory: MB of a worker beside its models, by those measured.
        page: MB of the page, by those measured.
    """

    variants: int
    a_variant: float
    inference: float
    each: float
    ours: float
    efficiency: float
    cores: int
    windows: int
    parts: int
    blocks: int
    answer: float
    through: float
    data: tuple[float, float]
    stream: float
    recorded: float
    memory: float
    page: float


def plan(book: Book) -> Plan:
    """The plan, from what was measured."""
    figures = book.scaling
    inference = SAMPLES * BLOCK_VARIANTS * _MODEL_SECONDS
    few, many = figures.samples[-2:]
    each = (many.seconds - few.seconds) / (many.n - few.n)
    ours = each * SAMPLES * (BLOCK_VARIANTS - 1)
    dask = next(one for one in figures.shared if one.engine == "dask")
    efficiency = figures.faster(dask) / dask.workers
    n_parts = len(parts(SAMPLES, _WINDOW))
    n_blocks = -(-n_parts // _BLOCK_PARTS)
    small, large = (SAMPLES * size / 1e12 for size in _IMAGE_BYTES)
    return Plan(
        variants=BLOCK_VARIANTS,
        a_variant=SAMPLES * _MODEL_SECONDS,
        inference=inference / _HOUR,
        each=1e6 * each,
        ours=ours / _HOUR,
        efficiency=efficiency,
        cores=round((inference + ours) / _DAY / efficiency),
        windows=-(-SAMPLES // _WINDOW),
        parts=n_parts,
        blocks=n_blocks,
        answer=figures.answer,
        through=n_blocks * figures.answer / 1e3,
        data=(small, large),
        stream=large * 1e3 / _DAY,
        recorded=SAMPLES * _CLASSES * 4 / 1e9,
        memory=_on([(run.n, run.peak) for run in figures.variants]),
        page=_on([(run.n, run.page) for run in figures.variants]),
    )


def _on(known: list[tuple[int, float]]) -> float:
    """What grows with variants, drawn on to those of the plan."""
    (least, low), *_, (most, high) = known
    return high + (BLOCK_VARIANTS - most) * (high - low) / (most - least)
