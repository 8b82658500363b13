"""LAY001: a spatial activation is flattened in another order than weights expect."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

from harness.diagnose.case import say
from harness.diagnose.cause import Cause, CauseProbe, Needs
from harness.diagnose.differences import OtherLayout
from harness.diagnose.edits import transpose_features
from harness.diagnose.transpositions import moved_axes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.protocols import IntArray
    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect

CAUSE = Cause(
    code="LAY001",
    slug="layout.permutation",
    line="a spatial activation is flattened in another order",
    hint="transpose to the original's layout before flattening, or permute the rows of "
    "the dense kernel once",
    rank=20,
)
_LETTERS = {2: "CL", 3: "CHW", 4: "CDHW"}


def look(case: Case) -> Iterator[Suspect]:
    """A suspect for each dense layer that reads its features in another order.

    Also for a Transpose or Reshape that moves axes otherwise, where it can be tried.
    """
    layouts = [found for found in case.differences if isinstance(found, OtherLayout)]
    for found in layouts:
        yield _suspect(case, found)
    # Where a dense layer's weights tell the order, it is told there.
    if case.evidence is not None and not layouts:
        yield from moved_axes(case, CAUSE)


def _suspect(case: Case, found: OtherLayout) -> Suspect:
    node, flat = found.candidate.node, found.candidate.flattened
    assert flat is not None
    now, wanted = _named(flat.order, flat.shape), _named(found.order, flat.shape)
    said = say(
        f"{node.op_type} '{node.label}' is fed {flat.shape} flattened as {now}; its "
        f"weights expect {wanted}, as in the reference",
        f"flattens as {wanted}",
        f"flattens as {now}",
    )
    edit = (
        f"transpose {found.shape} by {found.axes} before '{node.label}'",
        transpose_features(node.key, found.shape, found.axes),
    )
    return case.suspect(CAUSE, (found.reference.node, node), said, edit)


def _named(order: IntArray, shape: tuple[int, ...]) -> str:
    """An order of flattening by its axes, slowest first, as in CHW."""
    letters = _LETTERS.get(len(shape), "CDEHWXYZ"[: len(shape)])
    places = np.arange(order.size).reshape(shape)
    for axes in permutations(range(len(shape))):
        if np.array_equal(places.transpose(axes).ravel(), order):
            return "".join(letters[axis] for axis in axes)
    return "another order"


PROBE = CauseProbe(CAUSE, look, Needs(evidence=False))
