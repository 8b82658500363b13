"""QNT002: integer codes are read from another zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.diagnose.case import say
from harness.diagnose.cause import Cause, CauseProbe
from harness.diagnose.quantization import ZERO, other_codes, set_codes
from harness.diagnose.settings_apart import shown
from harness.diagnose.weight_codes import weight_codes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect

CAUSE = Cause(
    code="QNT002",
    slug="quant.zero_point",
    line="integer codes are read from another zero",
    hint="move the zero point with the type: 128 for uint8 is 0 for int8",
    rank=30,
)


def look(case: Case) -> Iterator[Suspect]:
    """Zero points of activations and of weights."""
    for found in other_codes(case, ZERO):
        theirs = found.nodes[1]
        mine, other = shown(found.mine), shown(found.other)
        said = say(
            f"{theirs.op_type} '{theirs.label}' has the zero point {other}; it "
            f"should be {mine}",
            f"zero point {mine}",
            f"zero point {other}",
        )
        change = set_codes([theirs.key], ZERO, found.mine)
        edit = f"set the zero point of '{theirs.label}' to {mine}", change
        yield case.suspect(CAUSE, found.nodes, said, edit)
    for code in weight_codes(case):
        if code.shift != 0:
            theirs = code.nodes[1]
            said = say(
                f"weights '{code.tensor}' of '{theirs.label}' are read back "
                f"shifted by {code.shift:.4g}",
                "the numbers that were quantized",
                f"shifted by {code.shift:.4g}",
            )
            text = f"put the reference's values into '{code.tensor}'"
            step = None if code.change is None else (text, code.change)
            yield case.suspect(CAUSE, code.nodes, said, step, tensor=code.tensor)


PROBE = CauseProbe(CAUSE, look)
