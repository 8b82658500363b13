"""ACT001: an activation has another slope, for negatives mostly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.diagnose.case import say
from harness.diagnose.cause import Cause, CauseProbe
from harness.diagnose.edits import set_constant
from harness.diagnose.function_faults import function_faults
from harness.diagnose.settings_apart import other_constants

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect

CAUSE = Cause(
    code="ACT001",
    slug="activation.alpha",
    line="an activation has another slope",
    hint="pass the original's slope: LeakyRelu has 0.3 in Keras, 0.2 in TensorFlow and "
    "0.01 in ONNX and PyTorch; HardSigmoid 0.2 or 1/6",
    rank=20,
)


def look(case: Case) -> Iterator[Suspect]:
    """Slopes read off what either side computes, and those of PRelu from the file."""
    for fault in function_faults(case, "alpha"):
        yield fault.suspect(case, CAUSE)
    for found in other_constants(case, "PRelu"):
        theirs = found.nodes[1]
        mine, other = found.texts
        said = say(
            f"PRelu '{theirs.label}' has the slopes {other}; the reference {mine}",
            f"slopes {mine}",
            f"slopes {other}",
        )
        change = set_constant(theirs.key, found.index, found.mine)
        edit = f"put the reference's slopes into '{theirs.label}'", change
        yield case.suspect(CAUSE, found.nodes, said, edit)


PROBE = CauseProbe(CAUSE, look)
