"""QNT003: a quantized range is too narrow; what lies beyond is cut off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.core.errors import BackendError
from harness.diagnose.case import say
from harness.diagnose.cause import Cause, CauseProbe, Needs
from harness.diagnose.quantization import (
    SCALE,
    ZERO,
    code_readers,
    constant_of,
    other_codes,
    set_codes,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.protocols import Array
    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect
    from harness.graphs.model import Node

CAUSE = Cause(
    code="QNT003",
    slug="quant.saturation",
    line="a quantized range is too narrow: values beyond it are cut off",
    hint="calibrate on samples that cover what the model will see, or widen the range",
    rank=20,
)
_MUCH = 0.005
_HALF = 0.5
_FAR = 1.5
_NARROWER = 1.1


def look(case: Case) -> Iterator[Suspect]:
    """Ranges narrower than the reference's, or than what the samples reach."""
    known = set()
    for found in other_codes(case, SCALE):
        theirs = found.nodes[1]
        narrower = found.mine.size == 1 and found.mine > _NARROWER * found.other
        if theirs.op_type == "QuantizeLinear" and narrower:
            known.add(theirs.key)
            yield _suspect(case, found.nodes, found.mine, found.other)
    for node in case.nodes_of("candidate", "QuantizeLinear"):
        wanted = None if node.key in known else _wanted(case, node)
        if wanted is not None:
            yield from _if_it_helps(case, _suspect(case, (None, node), *wanted))


def _if_it_helps(case: Case, suspect: Suspect) -> Iterator[Suspect]:
    """Every calibration cuts something off: only what costs most is a fault."""
    before = case.error
    after = case.left_after(suspect.edit) if suspect.edit else None
    if before and after and after.relative <= _HALF * before.relative:
        yield suspect


def _suspect(
    case: Case, nodes: tuple[Node | None, Node], mine: Array, other: Array
) -> Suspect:
    theirs = nodes[1]
    now, wanted = float(other.ravel()[0]), float(mine.ravel()[0])
    said = say(
        f"QuantizeLinear '{theirs.label}' covers {100 * now / wanted:.3g} % of the "
        f"range that it needs (scale {now:g}; {wanted:g} would do)",
        f"scale {wanted:g}",
        f"scale {now:g}",
    )
    change = set_codes(code_readers(case, theirs), SCALE, mine)
    edit = f"widen the range of '{theirs.label}'", change
    return case.suspect(CAUSE, nodes, said, edit)


def _wanted(case: Case, node: Node) -> tuple[Array, Array] | None:
    """(scale that holds what the samples reach, scale as it is)."""
    graph = case.candidate
    assert graph is not None
    scale, zero = constant_of(graph, node, SCALE), constant_of(graph, node, ZERO)
    if scale is None or zero is None or scale.size != 1 or zero.dtype.itemsize != 1:
        return None
    value = _read(case, node.input(0))
    if value is None or not np.isfinite(value).all():
        return None
    limits = np.iinfo(zero.dtype)
    span = limits.max - int(zero.ravel()[0]), int(zero.ravel()[0]) - limits.min
    step = float(scale.ravel()[0])
    beyond = (value > span[0] * step + step) | (value < -span[1] * step - step)
    if beyond.mean() < _MUCH:
        return None
    reached = [
        a / n for a, n in zip((value.max(), -value.min()), span, strict=True) if n
    ]
    # Every calibration leaves out some extremes.
    far = max(reached) >= _FAR * step
    return (np.full_like(scale, max(reached)), scale) if far else None


def _read(case: Case, name: str) -> Array | None:
    if case.evidence is None:
        return None
    if name in case.evidence.feeds:
        return case.evidence.feeds[name]
    try:
        return case.inside("candidate", [name]).get(name)
    except BackendError:
        # The piece cannot be cut there.
        return None


PROBE = CauseProbe(CAUSE, look, Needs(ops=frozenset({"QuantizeLinear"})))
