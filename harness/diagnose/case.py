"""What a probe may look at: one guilty segment, and everything known about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from harness.core.errors import BackendError, ComparisonError
from harness.diagnose.cause import Edit, Statement, Suspect
from harness.diagnose.differences import LayerPair, compare_layers
from harness.diagnose.edits import edited
from harness.diagnose.forcing import Apart, apart
from harness.diagnose.pairing import pair_layers, pair_nodes
from harness.diagnose.segments import run_nodes
from harness.graphs.settings import settings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import onnx

    from harness.core.protocols import Array, Arrays, Rerun
    from harness.diagnose.cause import Cause
    from harness.diagnose.differences import Difference
    from harness.diagnose.segments import Evidence, Segment
    from harness.diagnose.stream import Side
    from harness.graphs.model import Graph, Node


@dataclass(frozen=True, eq=False)
class Case:
    """One place where the candidate parts from the reference.

    Outside of any graph (`Needs.scope` "outside") there is no segment and no evidence,
    and there may be no graphs.

    Attributes:
        reference: Graph that speaks for the reference; None where none is read.
        candidate: The candidate's graph; None where it is not read.
        model: The candidate's file; None where it is not read. Never change it.
        reference_outputs: Output name -> array over all evidence samples.
        candidate_outputs: Likewise, under the reference's names.
        class_names: None where the task has no classes.
        segment: The guilty piece; None outside.
        evidence: Values at the segment's ends; None without a runtime.
        floor: Error of the segment that is rounding.
        rerun: Runs an edited candidate; None where that is not possible.
        sides: Both models, to be run in pieces; None without a runtime.
    """

    reference: Graph | None
    candidate: Graph | None
    model: onnx.ModelProto | None
    reference_outputs: Arrays
    candidate_outputs: Arrays
    class_names: tuple[str, ...] | None = None
    segment: Segment | None = None
    evidence: Evidence | None = None
    floor: Apart = field(default_factory=lambda: Apart(0.0, 0.0))
    rerun: Rerun | None = None
    sides: tuple[Side, Side] | None = None

    @cached_property
    def pairs(self) -> tuple[tuple[Node, Node], ...]:
        """(reference, candidate) nodes of one operator that do the same thing."""
        if self.segment is None:
            return ()
        return pair_nodes(self.segment.reference, self.segment.candidate)

    def pairs_of(self, *ops: str) -> Iterator[tuple[Node, Node]]:
        """Pairs of these operators."""
        return (pair for pair in self.pairs if pair[1].op_type in ops)

    def nodes_of(self, side: str, *ops: str) -> tuple[Node, ...]:
        """Nodes of these operators in the segment; side: reference or candidate."""
        if self.segment is None:
            return ()
        nodes = getattr(self.segment, side)
        return tuple(n for n in nodes if not ops or n.op_type in ops)

    @cached_property
    def layers(self) -> tuple[LayerPair, ...]:
        """Layers with weights that stand for each other in the segment."""
        if self.segment is None or not self.reference or not self.candidate:
            return ()
        ours, theirs = self.segment.reference, self.segment.candidate
        return pair_layers(self.reference, self.candidate, ours, theirs)

    @cached_property
    def differences(self) -> tuple[Difference, ...]:
        """Where those layers differ, told by cause."""
        return tuple(d for pair in self.layers for d in compare_layers(pair))

    def settings(self, nodes: tuple[Node, Node], name: str) -> tuple[Any, Any]:
        """An attribute of a (reference, candidate) pair, defaults filled in."""
        assert self.reference is not None
        assert self.candidate is not None
        mine = settings_of(self.reference, nodes[0]).get(name)
        return mine, settings_of(self.candidate, nodes[1]).get(name)

    @property
    def error(self) -> Apart | None:
        """The segment's error as it is."""
        seen = self.evidence
        return None if seen is None else apart(seen.expected, seen.got)

    def try_edits(self, *edits: Edit) -> Array | None:
        """The segment's output on the evidence after these edits.

        Returns:
            None where there is no evidence, the segment lacks what is edited, or the
            edited segment does not run or answers in another shape.
        """
        if self.segment is None or self.evidence is None or self.sides is None:
            return None
        side, name = self.sides[1], self.segment.output.candidate
        feeds = self.evidence.feeds
        piece = side.slicer.excerpt(self.segment.candidate, feeds, [name])
        try:
            changes = [edit.change for edit in edits]
            model = edited(piece.model, changes)
            fed = {k: feeds[k] for k in (i.name for i in model.graph.input)}
            return side.run(model.SerializeToString(), fed, [name])[name]
        except (BackendError, ComparisonError, KeyError):
            # An edit may break shapes, or belong to nodes outside of this piece.
            return None

    def left_after(self, *edits: Edit) -> Apart | None:
        """The segment's error after these edits; None where they cannot be tried."""
        answer = self.try_edits(*edits)
        if answer is None or self.evidence is None:
            return None
        return apart(self.evidence.expected, answer)

    def inside(self, side: str, names: Iterable[str]) -> Mapping[str, Array]:
        """Values inside the segment, each graph fed with the reference's values.

        Args:
            side: reference or candidate.
            names: Values that the segment's nodes compute on that side.

        Raises:
            BackendError: The piece does not run.
        """
        if self.segment is None or self.evidence is None or self.sides is None:
            return {}
        if side == "candidate":
            nodes, feeds = self.segment.candidate, self.evidence.feeds
            return run_nodes(self.sides[1], nodes, feeds, names)
        nodes, feeds = self.segment.reference, self.evidence.reference_feeds
        feeds = {**self.sides[0].feeds, **feeds}
        return run_nodes(self.sides[0], nodes, feeds, names)

    def suspect(
        self,
        cause: Cause,
        nodes: tuple[Node | None, Node],
        said: Statement,
        edit: tuple[str, Callable[[onnx.ModelProto], None]] | None,
        *,
        tensor: str | None = None,
        group: tuple[object, ...] | None = None,
    ) -> Suspect:
        """A suspect at a pair of nodes.

        Args:
            cause: Which.
            nodes: (reference, candidate).
            said: The difference.
            edit: Its words, and what it does; None where it cannot be edited.
            tensor: What is concerned; the node's data input otherwise.
            group: See `Suspect.group`.
        """
        made = None if edit is None else Edit(*edit)
        where = tensor if tensor is not None else nodes[1].input(0)
        return Suspect(cause, nodes[1], nodes[0], where, said, made, group)


def say(explanation: str, reference: str, candidate: str) -> Statement:
    """What a probe says: one sentence, and what either side does."""
    return Statement(explanation, reference, candidate)
