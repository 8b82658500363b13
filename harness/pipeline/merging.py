"""Parts of a pass, merged whoever has run them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.pipeline.comparing import Pass


class MergeTree:
    """Merges parts two by two, in their order: as a tree over all of them.

    Sums stay as precise as those of a part, whoever merges a subtree gives the same
    to the last bit, and few parts are held at a time.

    Attributes:
        roots: Of the subtrees so far, each larger than the next.
    """

    def __init__(self) -> None:
        self.roots: list[Pass] = []

    def add(self, part: Pass) -> None:
        """Take in the part that comes next, or a whole subtree of such."""
        while self.roots and self.roots[-1].doublings == part.doublings:
            before = self.roots.pop()
            before.merge(part)
            before.doublings += 1
            part = before
        self.roots.append(part)

    def merged_into(self, whole: Pass) -> Pass:
        """All of it, behind what `whole` has seen."""
        while len(self.roots) > 1:
            last = self.roots.pop()
            self.roots[-1].merge(last)
        for root in self.roots:
            whole.merge(root)
        return whole
