"""POL001: a mean counts padding that the reference leaves out, or the reverse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.diagnose.case import say
from harness.diagnose.cause import Cause, CauseProbe, Needs
from harness.diagnose.windows import filled, shown, window_suspects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Statement, Suspect
    from harness.diagnose.windows import Windows

CAUSE = Cause(
    code="POL001",
    slug="pool.count_include_pad",
    line="a mean over a window counts its padding, or leaves it out",
    hint="set count_include_pad as the original does (PyTorch counts padding unless "
    "told otherwise, TensorFlow, Keras and ONNX do not)",
    rank=20,
)
_MEANS = ("AveragePool", "QLinearAveragePool")


def look(case: Case) -> Iterator[Suspect]:
    """A suspect for each window that differs so, with an effect."""
    yield from window_suspects(case, CAUSE, _MEANS, _tell)


def _tell(pair: Windows) -> Statement:
    theirs = pair.nodes[1]
    mine, other = filled(pair.mine), filled(pair.other)
    return say(
        f"{theirs.op_type} '{theirs.label}' pads {shown(pair.other)}, which its mean "
        f"has as {other}; the reference's has it as {mine}",
        f"padding: {mine}",
        f"padding: {other}",
    )


PROBE = CauseProbe(CAUSE, look, Needs(ops=frozenset(_MEANS), evidence=False))
