"""ATT001: an operator is set otherwise, and no probe of its own knows the setting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.diagnose.case import say
from harness.diagnose.cause import Cause, CauseProbe
from harness.diagnose.edits import set_attribute, set_constant
from harness.graphs.settings import settings_of, small_constants
from harness.graphs.units import SEEN_THROUGH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.protocols import Array
    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect
    from harness.graphs.model import Node

CAUSE = Cause(
    code="ATT001",
    slug="attribute.generic",
    line="an operator is set to something else than the reference's",
    hint="compare how both exporters write this operator, and set it explicitly where "
    "one of them leaves a default",
    rank=90,
)
# Spelled otherwise without meaning something else; probes of their own know them.
_SPELLING = frozenset({"auto_pad", "kernel_shape", "activation", "activation_params"})
_TOLERANCE = 1e-6


def look(case: Case) -> Iterator[Suspect]:
    """A suspect for each attribute and each small constant that differs."""
    for nodes in case.pairs:
        yield from _attributes(case, nodes)
        if nodes[1].op_type not in SEEN_THROUGH:
            yield from _constants(case, nodes)


def _attributes(case: Case, nodes: tuple[Node, Node]) -> Iterator[Suspect]:
    assert case.reference is not None
    assert case.candidate is not None
    ours, theirs = nodes
    mine, other = settings_of(case.reference, ours), settings_of(case.candidate, theirs)
    for name in sorted(mine.keys() - _SPELLING):
        if name not in other or _same(mine[name], other[name]):
            continue
        said = say(
            f"{theirs.op_type} '{theirs.label}' has {name} {other[name]}; the "
            f"reference has {mine[name]}",
            f"{name} {mine[name]}",
            f"{name} {other[name]}",
        )
        text = f"set {name} of '{theirs.label}' to {mine[name]}"
        edit = text, set_attribute(theirs.key, name, mine[name])
        group = (theirs.op_type, name, mine[name], other[name])
        yield case.suspect(CAUSE, nodes, said, edit, group=group)


def _same(mine: object, other: object) -> bool:
    if isinstance(mine, float) and isinstance(other, float):
        return abs(mine - other) <= _TOLERANCE * max(abs(mine), abs(other))
    return mine == other


def _constants(case: Case, nodes: tuple[Node, Node]) -> Iterator[Suspect]:
    assert case.reference is not None
    assert case.candidate is not None
    ours, theirs = nodes
    mine = small_constants(case.reference, ours)
    other = small_constants(case.candidate, theirs)
    for index in sorted(mine.keys() & other.keys()):
        if _alike(mine[index], other[index]):
            continue
        now, wanted = _shown(other[index]), _shown(mine[index])
        name = theirs.input(index)
        said = say(
            f"{theirs.op_type} '{theirs.label}' reads {now} from '{name}'; the "
            f"reference reads {wanted}",
            f"reads {wanted}",
            f"reads {now}",
        )
        value = mine[index].astype(other[index].dtype)
        text = f"feed {wanted} to '{theirs.label}' in place of '{name}'"
        edit = text, set_constant(theirs.key, index, value)
        group = (theirs.op_type, index, wanted, now)
        yield case.suspect(CAUSE, nodes, said, edit, tensor=name, group=group)


def _alike(mine: Array, other: Array) -> bool:
    if mine.size != other.size:
        return False
    first, second = mine.ravel().astype(np.float64), other.ravel().astype(np.float64)
    close = np.abs(first - second) <= _TOLERANCE * np.maximum(np.abs(first), 1e-30)
    return bool((close | (first == second)).all())


def _shown(array: Array) -> str:
    numbers = [f"{float(x):g}" for x in array.ravel()]
    return numbers[0] if array.ndim == 0 else "(" + ", ".join(numbers) + ")"


PROBE = CauseProbe(CAUSE, look)
