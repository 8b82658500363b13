"""Tensors that no number matched: tied, without effect, counters, known by place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.weights.gates import is_recurrent
from harness.weights.layouts import as_it_is
from harness.weights.likeness import best_layout
from harness.weights.pool import Match, grouped

if TYPE_CHECKING:
    from harness.weights.layouts import Arrangement
    from harness.weights.pool import Pool, Side
    from harness.weights.sketch import Sketch

_COUNTERS = frozenset({"n_batches"})
_ADDED = frozenset({"beta", "bias", "gate_bias", "running_mean"})
_FACTORS = frozenset({"gamma", "running_variance"})


def account_for_leftovers(pool: Pool) -> None:
    """Say where tensors went that have no partner left."""
    for side, other in (
        (pool.reference, pool.candidate),
        (pool.candidate, pool.reference),
    ):
        stems = {s.stem for s in other.open}
        twins = {s.multiset: s for s in _matched(other)}
        for sketch in side.open:
            twin = twins.get(sketch.multiset)
            if sketch.tensor.role in _COUNTERS:
                pool.account(side, sketch, "counter", "counts batches, no weight")
            elif sketch.stem in stems:
                continue
            elif twin is not None and not sketch.constant:
                note = f"the numbers of {twin.tensor.name!r}, which is there once"
                pool.account(side, sketch, "tied", note)
            elif _neutral(sketch):
                pool.account(side, sketch, "neutral", _neutral_note(sketch))


def _matched(side: Side) -> list[Sketch]:
    return [sketch for sketch in side.all if not side.has(sketch)]


def _neutral(sketch: Sketch) -> bool:
    """Whether leaving it out changes no answer."""
    if sketch.zero:
        # States that recurrent layers start from, and buffers of loops.
        is_state = sketch.tensor.role == "constant" or is_recurrent(sketch)
        return is_state or sketch.tensor.role in _ADDED
    ones = sketch.constant and bool(np.all(sketch.sample == 1))
    return ones and sketch.tensor.role in _FACTORS


def _neutral_note(sketch: Sketch) -> str:
    return "all zeros, adds nothing" if sketch.zero else "all ones, scales nothing"


def match_by_place(pool: Pool) -> None:
    """Pair leftovers of one size and role that stand between the same neighbours."""
    partner = {m.candidate.index: m.reference.index for m in pool.matches}
    for candidate in pool.candidate.open:
        before = partner.get(candidate.index - 1)
        after = partner.get(candidate.index + 1)
        places = {
            *([before + 1] if before is not None else []),
            *([after - 1] if after is not None else []),
        }
        if len(places) != 1:
            continue
        place = places.pop()
        for reference in pool.reference.open:
            if reference.index == place and _same_kind(reference, candidate):
                partner[candidate.index] = place
                how = _layout(reference, candidate)
                pool.match(Match(reference, candidate, "position", how))


def match_the_last(pool: Pool) -> None:
    """Pair what is the only one left of its size and role on either side.

    The bias of a layer whose numbers are all others and whose name is another tool's.
    Where nothing else matched, being alone says nothing.
    """
    if not pool.matches:
        return
    theirs = grouped(pool.reference.open, _kind)
    ours = grouped(pool.candidate.open, _kind)
    for kind, candidates in ours.items():
        references = theirs.get(kind, [])
        if not len(candidates) == len(references) == 1:
            continue
        (reference,), (candidate,) = references, candidates
        if candidate.tensor.role != "constant":
            how = _layout(reference, candidate)
            pool.match(Match(reference, candidate, "position", how))


def _kind(sketch: Sketch) -> tuple[str, tuple[int, ...]]:
    return sketch.tensor.role, tuple(sorted(sketch.squeezed))


def _same_kind(reference: Sketch, candidate: Sketch) -> bool:
    same_role = reference.tensor.role == candidate.tensor.role != "constant"
    return same_role and best_layout(reference, candidate)[0] > -1


def _layout(reference: Sketch, candidate: Sketch) -> Arrangement:
    if reference.squeezed == candidate.squeezed:
        return as_it_is(reference.tensor.shape)
    return best_layout(reference, candidate)[1]
