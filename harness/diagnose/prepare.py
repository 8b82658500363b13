"""Both models ready to be run in pieces, on as many samples as the budget allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.diagnose.cuts import Cut, placed
from harness.diagnose.layouts import layouts
from harness.diagnose.stream import Side, bytes_of
from harness.diagnose.traces import Trace, trace
from harness.graphs.onnx_graph import read_graph
from harness.graphs.slices import Slicer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import onnx

    from harness.core.protocols import Array, Arrays, IntArray, RunGraph
    from harness.diagnose.question import DriftQuestion
    from harness.graphs.model import Graph

_MOST_SAMPLES = 16
# Values of one run that are looked at; more samples tell no more.
_MOST_BYTES = 192 << 20
_UNKNOWN = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class File:
    """One model that was read.

    Attributes:
        model: The file.
        graph: Read with a batch of the samples that are looked at.
        feeds: Those samples; empty where the model is not run.
    """

    model: onnx.ModelProto
    graph: Graph
    feeds: Arrays

    def side(self, run: RunGraph, piece_bytes: int) -> Side:
        """The model, ready to be run in pieces."""
        return Side(Slicer(self.model, self.graph), self.feeds, run, piece_bytes)


def read_file(
    model: onnx.ModelProto,
    feeds: Arrays | None,
    rows: IntArray,
    shapes: Mapping[str, tuple[int, ...]] | None,
    twin: Graph | None = None,
) -> File:
    """Read a model's graph, its shapes inferred for the samples that it is fed.

    Args:
        model: The file.
        feeds: All samples that there are; None feeds nothing.
        rows: Those to feed.
        shapes: Input name -> shape of one sample, where nothing is fed.
        twin: The same file, read for other samples: its weights are shared.
    """
    known = {k: tuple(a.shape[1:]) for k, a in (feeds or {}).items()} or shapes
    chosen = {k: a[rows] for k, a in (feeds or {}).items()}
    graph = read_graph(model, batch=len(rows), sample_shapes=known, twin=twin)
    return File(model, graph, chosen)


def worst_rows(question: DriftQuestion, n: int) -> IntArray:
    """The `n` samples whose outputs are farthest apart, in their order.

    A fault may show in few of them: a bound that is seldom reached.
    """
    feeds = question.candidate_feeds or question.reference_feeds or {}
    available = min(map(len, feeds.values()), default=n)
    away = np.zeros(available)
    for name, mine in question.reference_outputs.items():
        other = question.candidate_outputs.get(name)
        if other is None or other.shape != mine.shape or len(mine) < available:
            continue
        if mine.dtype.kind not in "fiub":
            continue
        away += [_away(*pair) for pair in zip(mine, other, strict=True)][:available]
    return np.sort(np.argsort(-away, kind="stable")[:n])


def _away(reference: Array, candidate: Array) -> float:
    gap = np.abs(np.asarray(candidate, np.float64) - reference)
    return float(np.nan_to_num(gap, nan=1e30, posinf=1e30).sum())


def samples_for(question: DriftQuestion, *files: File) -> tuple[int, int]:
    """Samples to look at, and how many there are at most.

    Few where activations are large, never less than one. A model whose batch is fixed
    is fed that many.
    """
    feeds = [f for f in (question.reference_feeds, question.candidate_feeds) if f]
    available = min(len(a) for f in feeds for a in f.values())
    fixed = [n for file in files if (n := _fixed_batch(file.model))]
    if fixed:
        return max(fixed), max(fixed)
    most = min(_MOST_BYTES, question.budget.n_bytes // 3)
    each = max(1, *(_bytes(file.graph) for file in files))
    fit = max(1, most // each)
    return min(available, _MOST_SAMPLES, fit), min(available, 4 * fit)


def _fixed_batch(model: onnx.ModelProto) -> int | None:
    constants = {t.name for t in model.graph.initializer}
    for item in model.graph.input:
        dims = item.type.tensor_type.shape.dim
        if item.name not in constants and dims and dims[0].dim_value > 0:
            return int(dims[0].dim_value)
    return None


def _bytes(graph: Graph) -> int:
    """Size of all values; those of unknown shape count like the others on average."""
    names = [k for node in graph.nodes for k in node.outputs if k]
    known = [bytes_of(graph, k) for k in names if graph.static_shape(k) is not None]
    mean = sum(known) // len(known) if known else _UNKNOWN
    return sum(known) + mean * (len(names) - len(known))


def input_cuts(reference: File, candidate: File) -> Iterator[Cut]:
    """Cuts at the graphs' inputs; by name, else by value, else by order."""
    ours = {k: trace(k, a) for k, a in reference.feeds.items()}
    theirs = {k: trace(k, a) for k, a in candidate.feeds.items()}
    for place, (name, other) in enumerate(theirs.items()):
        mine = ours.get(name) or _nearest(ours, other, place)
        cut = placed(mine, other, {}, "input") if mine else None
        if cut is not None:
            yield cut


def _nearest(ours: Mapping[str, Trace], other: Trace, place: int) -> Trace | None:
    same = [t for t in ours.values() if (t.size, t.kind) == (other.size, other.kind)]
    if len(same) < 2:
        return same[0] if same else None
    gaps = [abs(t.statistics - other.statistics).max() for t in same]
    if min(gaps) <= 1e-3 * (other.scale or 1.0):
        return same[gaps.index(min(gaps))]
    return same[min(place, len(same) - 1)]


def output_cuts(
    question: DriftQuestion, reference: Graph, candidate: Graph
) -> Iterator[Cut]:
    """Cuts at the graphs' outputs, in the layout that their shapes allow."""
    for name in question.reference_outputs:
        mine, other = question.output_names.get(name, (name, name))
        ours, theirs = _output(reference, mine), _output(candidate, other)
        cut = shaped_cut(reference, candidate, (ours, theirs), "output")
        if cut is not None:
            yield cut


def shaped_cut(
    reference: Graph, candidate: Graph, names: tuple[str | None, str | None], by: str
) -> Cut | None:
    """A cut between two values of which only shapes are known."""
    ours, theirs = names
    if not ours or not theirs:
        return None
    mine, other = reference.static_shape(ours), candidate.static_shape(theirs)
    if mine is None or other is None:
        return None
    option = next(layouts(mine, other), None)
    return None if option is None else Cut(theirs, ours, option, by)


def _output(graph: Graph, name: str) -> str | None:
    """A model's own name of an output, where there is no doubt about it."""
    if name in graph.outputs:
        return name
    return graph.outputs[0] if len(graph.outputs) == 1 else None
