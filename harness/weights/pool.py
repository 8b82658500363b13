"""Tensors of two files that are still to be matched, and what was found of others."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.core.tensors import AccountedTensor

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from harness.core.tensors import Folding
    from harness.weights.layouts import Arrangement
    from harness.weights.sketch import Sketch


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """A tensor of the candidate and the one of the reference that it comes from.

    Either may be a part, a sum or a product of what lies in the file; `tensor.load`
    then makes it.

    Attributes:
        reference: Of the reference.
        candidate: Of the candidate.
        matched_by: Which rule found them; see `TensorDrift.matched_by`.
        how: Brings the reference to the candidate's layout.
        note: What a reader should know of the match itself, None for nothing.
        slack: Relative error that the making of either side may have.
    """

    reference: Sketch
    candidate: Sketch
    matched_by: str
    how: Arrangement
    note: str | None = None
    slack: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Matching:
    """All matches, and what is left on either side in the order of the files."""

    matches: tuple[Match, ...]
    unmatched_reference: tuple[Sketch, ...]
    unmatched_candidate: tuple[Sketch, ...]
    foldings: tuple[Folding, ...]
    accounted: tuple[AccountedTensor, ...]


class Side:
    """One file's tensors.

    Attributes:
        name: "reference" or "candidate".
        all: Every tensor, in the file's order.
    """

    def __init__(self, name: str, sketches: Iterable[Sketch]) -> None:
        self.name = name
        self.all = tuple(sketches)
        self._open = {sketch.index: sketch for sketch in self.all}

    @property
    def open(self) -> tuple[Sketch, ...]:
        """Those without a match yet."""
        return tuple(self._open.values())

    def has(self, sketch: Sketch) -> bool:
        """Whether a tensor is still without a match."""
        return self._open.get(sketch.index) is sketch

    def take(self, sketch: Sketch) -> None:
        """It has its match."""
        del self._open[sketch.index]


class Pool:
    """Both sides, and the matches in the order in which they were found."""

    def __init__(
        self, references: Iterable[Sketch], candidates: Iterable[Sketch]
    ) -> None:
        self.reference = Side("reference", references)
        self.candidate = Side("candidate", candidates)
        self.matches: list[Match] = []
        self.foldings: list[Folding] = []
        self._accounted: list[AccountedTensor] = []

    def pair(
        self,
        matched_by: str,
        key: Callable[[Sketch], Hashable],
        confirm: Callable[[Sketch, Sketch], Arrangement | None],
        at_most: int | None = None,
    ) -> None:
        """Take the pairs that have the same key and that `confirm` agrees to.

        Pairs of the same name go before others, and then the order of files decides.

        Args:
            matched_by: The rule's name.
            key: What both of a pair must share.
            confirm: How the one is the other; None where it is not.
            at_most: Of more references than this with one key, only those of the
                same name are tried: for a `confirm` that reads both.
        """
        for same_stem in (True, False):
            groups = grouped(self.reference.open, key)
            for candidate in self.candidate.open:
                theirs = groups.get(key(candidate), [])
                if not same_stem and at_most is not None and len(theirs) > at_most:
                    continue
                for reference in theirs:
                    if (reference.stem == candidate.stem) is not same_stem:
                        continue
                    how = confirm(reference, candidate)
                    if how is not None:
                        self.match(Match(reference, candidate, matched_by, how))
                        theirs.remove(reference)
                        break

    def match(self, found: Match) -> None:
        """Note a match of two whole tensors."""
        self.matches.append(found)
        self.reference.take(found.reference)
        self.candidate.take(found.candidate)

    def account(self, side: Side, sketch: Sketch, how: str, note: str) -> None:
        """Note where a tensor went that has no partner of its own."""
        side.take(sketch)
        found = AccountedTensor(sketch.tensor.name, side.name, how, note)
        self._accounted.append(found)

    def result(self) -> Matching:
        """What was found."""
        return Matching(
            tuple(self.matches),
            self.reference.open,
            self.candidate.open,
            tuple(self.foldings),
            tuple(self._accounted),
        )


def grouped(
    sketches: Iterable[Sketch], key: Callable[[Sketch], Hashable]
) -> dict[Hashable, list[Sketch]]:
    """Tensors by a key, each list in the order of the file."""
    groups: dict[Hashable, list[Sketch]] = defaultdict(list)
    for sketch in sketches:
        groups[key(sketch)].append(sketch)
    return groups
