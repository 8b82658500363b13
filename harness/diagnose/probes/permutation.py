"""LAY001: a spatial activation is flattened in another order than weights expect."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

from harness.core.results import Where
from harness.diagnose.catalogue import LAYOUT
from harness.diagnose.differences import OtherLayout
from harness.diagnose.edits import Edit, transpose_features
from harness.diagnose.lead import Lead, Statement, lead

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.protocols import IntArray
    from harness.diagnose.context import Context

_LETTERS = {2: "CL", 3: "CHW", 4: "CDHW"}


class Permutation:
    """Compares the order of flattening with the order that the weights expect."""

    cause = LAYOUT.slug

    def run(self, context: Context) -> Iterator[Lead]:
        """A lead for each dense layer that reads its features in another order."""
        for found in context.differences:
            if isinstance(found, OtherLayout):
                yield _lead(context, found)


def _lead(context: Context, found: OtherLayout) -> Lead:
    node, flat = found.candidate.node, found.candidate.flattened
    assert flat is not None
    now, wanted = _named(flat.order, flat.shape), _named(found.order, flat.shape)
    said = Statement(
        f"{node.op_type} '{node.label}' is fed {flat.shape} flattened as {now}; its "
        f"weights expect {wanted}, as in the reference",
        f"flattens as {wanted}",
        f"flattens as {now}",
    )
    ours = found.reference.node.label
    where = Where(node.label, ours, node.op_type, node.input(0))
    edit = Edit(
        f"transpose {found.shape} by {found.axes} before '{node.label}'",
        transpose_features(node.key, found.shape, found.axes),
    )
    return lead(context, LAYOUT, where, said, edit, node.order)


def _named(order: IntArray, shape: tuple[int, ...]) -> str:
    """An order of flattening by its axes, slowest first, as in CHW."""
    letters = _LETTERS.get(len(shape), "CDEHWXYZ"[: len(shape)])
    places = np.arange(order.size).reshape(shape)
    for axes in permutations(range(len(shape))):
        if np.array_equal(places.transpose(axes).ravel(), order):
            return "".join(letters[axis] for axis in axes)
    return "another order"
