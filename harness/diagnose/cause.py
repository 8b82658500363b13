"""What a probe is made of: the cause it looks for, and what it hands over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from harness.core.protocols import Arrays
    from harness.diagnose.case import Case
    from harness.diagnose.edits import Change
    from harness.graphs.model import Node

Scope = Literal["segment", "outside"]


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause of drift.

    Attributes:
        code: Stable short code; never given to another cause.
        slug: Its name in reports, ``family.cause``.
        line: What it is, in one line of a table.
        hint: How to mend it at the source.
        rank: Of two causes whose edits remove as much, the smaller rank is named: 10
            for what one attribute says, 50 as a rule, 90 for what fits everything.
    """

    code: str
    slug: str
    line: str
    hint: str
    rank: int = 50

    @property
    def page(self) -> str:
        """Its page in the documentation, relative to the repository."""
        return f"docs/drift/{self.code}.md"


@dataclass(frozen=True, slots=True)
class Needs:
    """When a probe is asked.

    Attributes:
        scope: ``segment``: at each guilty segment. ``outside``: once, before any graph
            is looked into, with both models' outputs.
        ops: Operators of which the segment has one, on either side; empty for any.
        evidence: Whether its suspects must be tried on values. Without a runtime only
            probes are asked whose differences are faults and no spelling.
    """

    scope: Scope = "segment"
    ops: frozenset[str] = frozenset()
    evidence: bool = True


@dataclass(frozen=True, slots=True)
class Statement:
    """What a probe says of a difference.

    Attributes:
        explanation: One sentence with both values.
        reference: What the reference does.
        candidate: What the candidate does.
    """

    explanation: str
    reference: str
    candidate: str


@dataclass(frozen=True, slots=True, eq=False)
class Edit:
    """A change of the candidate.

    Attributes:
        text: What it does, as an instruction ("set pads of 'conv2' to ...").
        change: Does it to a ModelProto in place: the whole candidate, or a piece of
            it. Raises KeyError where the piece lacks what it edits.
    """

    text: str
    change: Change


@dataclass(frozen=True, slots=True, eq=False)
class Suspect:
    """A cause that a probe suspects somewhere.

    Attributes:
        cause: Which.
        node: The candidate's node; None where it is about an output as a whole.
        partner: The reference's node.
        tensor: What is concerned, by the candidate's file.
        said: The difference in words.
        edit: Removes the suspected fault; None where the candidate cannot be edited.
        group: Suspects with one cause and one group, at different nodes, are one
            finding: the same epsilon everywhere is one mistake. None stands alone; a
            None inside of it fits anything.
        explained: For what needs no run to be proven: the candidate's outputs as they
            were without the fault, under the reference's names.
    """

    cause: Cause
    node: Node | None
    partner: Node | None
    tensor: str | None
    said: Statement
    edit: Edit | None
    group: tuple[object, ...] | None = None
    explained: Arrays | None = None

    @property
    def order(self) -> int:
        """Where its node stands in the candidate."""
        return self.node.order if self.node else 0

    @property
    def label(self) -> str:
        """What its place is called."""
        return self.node.label if self.node else self.tensor or ""


Look = Callable[["Case"], Iterator[Suspect]]


@dataclass(frozen=True, slots=True)
class CauseProbe:
    """A probe; see `harness.core.protocols.Probe`.

    Attributes:
        cause: What it looks for.
        look: Does it: yields suspects, and nothing where no number can change.
        needs: When it is asked.
    """

    cause: Cause
    look: Look
    needs: Needs = field(default_factory=Needs)

    def run(self, case: Case) -> Iterator[Suspect]:
        """Suspects in one case."""
        return self.look(case)
