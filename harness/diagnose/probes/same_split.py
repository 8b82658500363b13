"""PAD001: a window pads otherwise than the reference's (SAME read as symmetric)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.results import Where
from harness.diagnose.catalogue import PADDING
from harness.diagnose.edits import Edit, set_pads
from harness.diagnose.lead import Lead, Statement, lead
from harness.graphs.semantics import window_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.context import Context
    from harness.graphs.model import Node
    from harness.graphs.semantics import Window

_SIDES = {1: "[begin, end]", 2: "[top, left, bottom, right]"}


class SameSplit:
    """Compares effective pads; silent where no window would see a difference."""

    cause = PADDING.slug

    def run(self, context: Context) -> Iterator[Lead]:
        """A lead for each aligned convolution or pooling node that pads otherwise."""
        if context.reference is None or context.candidate is None:
            return
        for ours, theirs in _windowed(context):
            mine = window_of(context.reference, ours)
            other = window_of(context.candidate, theirs)
            if mine is None or other is None or not mine.same_steps(other):
                continue
            if not mine.same_padding(other):
                yield _lead(context, (ours, theirs), mine, other)


def _windowed(context: Context) -> Iterator[tuple[Node, Node]]:
    if context.alignment is None:
        return
    for pair in context.alignment.layers:
        yield pair.reference.node, pair.candidate.node
    yield from context.alignment.nodes


def _lead(
    context: Context, nodes: tuple[Node, Node], mine: Window, other: Window
) -> Lead:
    ours, theirs = nodes
    sides = _SIDES.get(len(mine.axes), "[begins, ends]")
    said = Statement(
        f"{theirs.op_type} '{theirs.label}' pads {_shown(other)} {sides}; "
        f"the reference pads {_shown(mine)}",
        f"pads {_shown(mine)} {sides}",
        f"pads {_shown(other)} {sides}",
    )
    where = Where(theirs.label, ours.label, theirs.op_type, theirs.input(0))
    past = other.padding.input(0) if other.padding else None
    edit = Edit(
        f"set pads of '{theirs.label}' to {_shown(mine)}",
        set_pads(theirs.key, mine.pads, past),
    )
    return lead(context, PADDING, where, said, edit, theirs.order)


def _shown(window: Window) -> str:
    return "(" + ",".join(str(n) for n in window.pads) + ")"
