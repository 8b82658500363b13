"""QNT001: integer codes are read with another scale than they were written with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.diagnose.case import say
from harness.diagnose.cause import Cause, CauseProbe
from harness.diagnose.quantization import SCALE, other_codes, set_codes
from harness.diagnose.settings_apart import shown
from harness.diagnose.weight_codes import weight_codes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect

CAUSE = Cause(
    code="QNT001",
    slug="quant.scale",
    line="integer codes are read with another scale than they were written with",
    hint="keep scales in float32, and the axis along which there is one a channel",
    rank=30,
)


def look(case: Case) -> Iterator[Suspect]:
    """Scales of activations and of weights."""
    for found in other_codes(case, SCALE):
        theirs = found.nodes[1]
        mine, other = shown(found.mine), shown(found.other)
        said = say(
            f"{theirs.op_type} '{theirs.label}' has the scale {other}; it "
            f"should be {mine}",
            f"scale {mine}",
            f"scale {other}",
        )
        change = set_codes([theirs.key], SCALE, found.mine)
        edit = f"set the scale of '{theirs.label}' to {mine}", change
        yield case.suspect(CAUSE, found.nodes, said, edit)
    for code in weight_codes(case):
        if code.shift == 0:
            theirs = code.nodes[1]
            said = say(
                f"weights '{code.tensor}' of '{theirs.label}' are read back "
                f"times {code.gain:.4g}",
                "the numbers that were quantized",
                f"times {code.gain:.4g}",
            )
            text = f"put the reference's values into '{code.tensor}'"
            step = None if code.change is None else (text, code.change)
            yield case.suspect(CAUSE, code.nodes, said, step, tensor=code.tensor)


PROBE = CauseProbe(CAUSE, look)
