"""One tensor that is several on the other side: end to end, or added up.

Query, key and value in one matrix, an LSTM's kernel on top of its recurrent kernel,
both its biases in one vector or as their sum, gates as tensors of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from harness.weights.gates import gate_arrangement
from harness.weights.layouts import Arrangement, arrangements
from harness.weights.likeness import likeness
from harness.weights.pool import Match
from harness.weights.sketch import sample, sketch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.core.protocols import FloatArray, StoredCodes, WeightTensor
    from harness.weights.pool import Pool, Side
    from harness.weights.sketch import Sketch

# Longer vectors than this are not laid end to end as vectors of several ranks.
_FLAT = 1 << 16
_SURE = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """Part of the whole: `start` to `stop` along `axis` of its bare shape."""

    piece: Sketch
    how: Arrangement
    axis: int
    start: int
    stop: int
    shape: tuple[int, ...]


def match_pieces(pool: Pool) -> None:
    """Find wholes of one side among the leftovers, and their pieces on the other."""
    for wholes, parts in (
        (pool.candidate, pool.reference),
        (pool.reference, pool.candidate),
    ):
        for whole in wholes.open:
            if whole.size > 1 and not whole.constant:
                _match_end_to_end(pool, whole, wholes, parts)
        for whole in wholes.open:
            if not whole.constant:
                _match_sum(pool, whole, wholes, parts)


def _match_end_to_end(pool: Pool, whole: Sketch, wholes: Side, parts: Side) -> None:
    smaller = [p for p in parts.open if p.size < whole.size and not p.zero]
    if sum(p.size for p in smaller) * 2 < whole.size:
        return
    values = whole.tensor.load()
    for shape in _bare_shapes(whole):
        bare = values.reshape(shape)
        for axis in range(bare.ndim):
            found = _pieces(bare, axis, smaller, whole)
            if found:
                wholes.take(whole)
                for piece in found:
                    parts.take(piece.piece)
                    pool.matches.append(_match(whole, wholes, piece))
                return


def _bare_shapes(whole: Sketch) -> list[tuple[int, ...]]:
    shapes = [whole.squeezed]
    if len(whole.squeezed) > 1 and whole.size <= _FLAT:
        shapes.append((whole.size,))
    return shapes


def _pieces(
    bare: FloatArray, axis: int, smaller: Sequence[Sketch], whole: Sketch
) -> list[_Piece]:
    """Pieces that cover all of an axis but for zeros; empty where they do not."""
    found: list[_Piece] = []
    left = list(smaller)
    start, size, n_zero = 0, bare.shape[axis], 0
    while start < size:
        step = _zeros_from(bare, start, left, found)
        piece = None if step else _best_piece(bare, axis, start, left, whole)
        if piece is None and not step:
            return []
        if piece is not None:
            found.append(piece)
            left.remove(piece.piece)
            start = piece.stop
        else:
            start, n_zero = start + step, n_zero + step
    return found if len(found) > 1 or n_zero else []


def _zeros_from(
    bare: FloatArray,
    start: int,
    left: Sequence[Sketch],
    found: Sequence[_Piece],
) -> int:
    """Width of a part of zeros that stands for a tensor that is not there."""
    if bare.ndim > 1 or not (left or found):
        return 0
    widths = {p.stop - p.start for p in found} or {p.size for p in left}
    part = bare[start : start + min(widths)]
    return 0 if part.any() else part.size


def _best_piece(
    bare: FloatArray, axis: int, start: int, left: Sequence[Sketch], whole: Sketch
) -> _Piece | None:
    best: tuple[float, _Piece | None] = (0.0, None)
    for candidate, width in _fitting(bare.shape, axis, start, left):
        stop = start + width
        segment = np.take(bare, range(start, stop), axis)
        score, how = _score(candidate, segment, whole)
        if score > best[0]:
            piece = _Piece(candidate, how, axis, start, stop, bare.shape)
            best = (score, piece)
    return best[1] if best[0] >= _SURE else None


def _fitting(
    shape: tuple[int, ...], axis: int, start: int, left: Sequence[Sketch]
) -> Iterator[tuple[Sketch, int]]:
    """Tensors whose other axes are those of the whole, and how wide they are there."""
    others = sorted(shape[:axis] + shape[axis + 1 :])
    for candidate in left:
        width, rest = divmod(candidate.size, int(np.prod(others)))
        lengths = sorted([*others, width]) if width > 1 else others
        bare = sorted(candidate.squeezed)
        same = bare == [n for n in lengths if n != 1]
        if not rest and same and start + width <= shape[axis]:
            yield candidate, width


def _score(
    piece: Sketch, segment: FloatArray, whole: Sketch
) -> tuple[float, Arrangement]:
    """How surely a tensor is this part of the whole, and in which layout."""
    best = (0.0, Arrangement((), ()))
    ours = sample(segment)
    shape = tuple(n for n in segment.shape if n != 1)
    for how in arrangements(piece.squeezed, shape):
        found = likeness(piece.sample.transpose(how.axes), ours)
        if found > best[0]:
            best = (found, how)
    if best[0] < _SURE:
        part = replace(whole.tensor, shape=segment.shape, load=lambda: segment)
        gates = gate_arrangement(piece, replace(whole, tensor=part))
        return (_SURE, gates) if gates else best
    return best


def _match(whole: Sketch, wholes: Side, found: _Piece) -> Match:
    merged = wholes.name == "candidate"
    part = sketch(_segment(whole.tensor, found), whole.index)
    note = f"{found.start} to {found.stop - 1} along axis {found.axis} of the whole"
    if merged:
        return Match(found.piece, part, "merged", found.how, note)
    how = _reversed(found.how, part, found.piece)
    return Match(part, found.piece, "split", how, note)


def _reversed(how: Arrangement, part: Sketch, piece: Sketch) -> Arrangement:
    """From the part to the piece, where `how` leads from the piece to the part."""
    if how.blocks:
        return gate_arrangement(part, piece) or Arrangement(
            part.squeezed, tuple(range(len(part.squeezed)))
        )
    axes = tuple(how.axes.index(a) for a in range(len(how.axes)))
    return Arrangement(part.squeezed, axes)


def _segment(tensor: WeightTensor, found: _Piece) -> WeightTensor:
    def load() -> FloatArray:
        places = (slice(None),) * found.axis + (slice(found.start, found.stop),)
        return tensor.load().reshape(found.shape)[places]

    shape = list(found.shape)
    shape[found.axis] = found.stop - found.start
    return replace(
        tensor, shape=tuple(shape), load=load, layout=None, codes=_one_scale(tensor)
    )


def _one_scale(tensor: WeightTensor) -> StoredCodes | None:
    codes = tensor.codes
    return codes if codes is not None and codes.axis is None else None


def _match_sum(pool: Pool, whole: Sketch, wholes: Side, parts: Side) -> None:
    """A bias that is the sum of two, or of both halves of one."""
    for terms, tensor in _sums(whole, parts):
        total = sketch(tensor, terms[0].index)
        pair = (total, whole) if wholes.name == "candidate" else (whole, total)
        how = _same_or_gates(*pair)
        if how is None:
            continue
        wholes.take(whole)
        for term in terms:
            parts.take(term)
        pool.matches.append(Match(*pair, "summed", how, "sum of two biases"))
        return


def _same_or_gates(reference: Sketch, candidate: Sketch) -> Arrangement | None:
    if likeness(reference.sample, candidate.sample) >= _SURE:
        return Arrangement(reference.squeezed, (0,))
    return gate_arrangement(reference, candidate)


def _sums(whole: Sketch, parts: Side) -> Iterator[tuple[list[Sketch], WeightTensor]]:
    if len(whole.squeezed) != 1:
        return
    equal = [p for p in parts.open if p.squeezed == whole.squeezed]
    for first, second in pairwise(equal):
        yield [first, second], _sum(first.tensor, second.tensor)
    for double in parts.open:
        if double.size == 2 * whole.size and double.size <= _FLAT:
            yield [double], _halves(double.tensor)


def _sum(first: WeightTensor, second: WeightTensor) -> WeightTensor:
    def load() -> FloatArray:
        return first.load().reshape(-1) + second.load().reshape(-1)

    size = int(np.prod(first.shape))
    name = f"{first.name} + {second.name}"
    return replace(first, name=name, shape=(size,), load=load, codes=None)


def _halves(double: WeightTensor) -> WeightTensor:
    def load() -> FloatArray:
        total: FloatArray = double.load().reshape(2, -1).sum(axis=0)
        return total

    size = int(np.prod(double.shape)) // 2
    return replace(double, shape=(size,), load=load, codes=None)
