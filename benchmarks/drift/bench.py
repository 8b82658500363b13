"""Making pairs and asking the engine, in several processes."""

from __future__ import annotations

import multiprocessing
import tempfile
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import onnx

from benchmarks.drift.engine import Answer, ask, ask_suite
from benchmarks.drift.formats import FilePair, file_pairs, write_suite
from benchmarks.drift.pairs import Maker, Plan, plans
from benchmarks.drift.score import Record, judge
from benchmarks.drift.topologies import TOPOLOGIES, built

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_AT_ONCE = 6
Pair = TypeVar("Pair", Plan, FilePair)


@dataclass(frozen=True, slots=True)
class Wish:
    """What part of the bench is to run.

    Attributes:
        cache: Where networks and plans are kept.
        causes: Slugs, or their beginnings; empty for all. ``clean`` asks for rewrites.
        topologies: Names; empty for all.
        limit: Pairs a topology at most, spread over all there are; 0 for no limit.
    """

    cache: Path
    causes: tuple[str, ...] = ()
    topologies: tuple[str, ...] = ()
    limit: int = 0

    def wants_files(self) -> bool:
        """Whether pairs of files of different makers are asked for."""
        return not self.topologies or "formats" in self.topologies

    def names(self) -> list[str]:
        """Networks to be made."""
        fitting = [name for name, topology in TOPOLOGIES.items() if topology.fits]
        return [name for name in fitting if name in (self.topologies or fitting)]

    def chosen(self, found: Sequence[Pair]) -> list[Pair]:
        """The pairs asked for, of those of one network."""
        kept = [pair for pair in found if self._wants(pair)]
        if not self.limit or len(kept) <= self.limit:
            return kept
        return [kept[i * len(kept) // self.limit] for i in range(self.limit)]

    def _wants(self, pair: Plan | FilePair) -> bool:
        cause = pair.cause or "clean"
        return not self.causes or cause.startswith(self.causes)


def run_bench(
    wish: Wish, jobs: int, progress: Callable[[Record], None]
) -> list[Record]:
    """Make what is missing, ask every pair, and judge; in order of names."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        made = [pool.submit(_planned, name, wish.cache) for name in wish.names()]
        asked = []
        for future in as_completed(made):
            batches = _batches(wish.chosen(future.result()))
            asked += [pool.submit(answer, batch, wish.cache) for batch in batches]
        if wish.wants_files():
            asked.append(pool.submit(answer_files, wish))
        records = []
        for done in as_completed(asked):
            for record in done.result():
                progress(record)
                records.append(record)
    return sorted(records, key=lambda record: record.name)


def _batches(chosen: Sequence[Plan]) -> Iterator[Sequence[Plan]]:
    for start in range(0, len(chosen), _AT_ONCE):
        yield chosen[start : start + _AT_ONCE]


def _planned(name: str, cache: Path) -> list[Plan]:
    maker = _maker(name, cache)
    return plans(maker, maker.built.path.parent)


@lru_cache(maxsize=2)
def _maker(name: str, cache: Path) -> Maker:
    return Maker(built(name, cache))


def answer(chosen: Iterable[Plan], cache: Path) -> list[Record]:
    """Ask the engine about some pairs."""
    records = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "candidate.onnx")
        for plan in chosen:
            maker = _maker(plan.topology, cache)
            candidate = maker.make(plan)
            assert candidate is not None, plan  # it was made when planned
            onnx.save(candidate.model, path)
            answered = ask(maker.built.path, path, maker.built.inputs)
            records.append(judge(plan.name, candidate.truth, answered))
    return records


def answer_files(wish: Wish) -> list[Record]:
    """Ask the engine about files of different makers."""
    return [
        judge(pair.name, pair.truth, _answer_file(pair, wish.cache))
        for pair in wish.chosen(file_pairs(wish.cache))
    ]


def _answer_file(pair: FilePair, cache: Path) -> Answer:
    inputs = built(pair.inputs, cache).inputs if pair.inputs else None
    plain = pair.reference_level == "all" and pair.candidate.suffix == ".onnx"
    if inputs is not None and plain:
        return ask(pair.reference, pair.candidate, inputs)
    # What a runtime makes of a file is asked before the graphs, where suites are run.
    with tempfile.TemporaryDirectory() as folder:
        return ask_suite(write_suite(pair, Path(folder), inputs))
