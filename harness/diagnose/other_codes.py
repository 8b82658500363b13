"""Suspects where integer codes are read otherwise than they were written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.diagnose.case import say
from harness.diagnose.quantization import SCALE, other_codes, set_codes
from harness.diagnose.settings_apart import shown
from harness.diagnose.weight_codes import weight_codes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Cause, Suspect
    from harness.diagnose.quantization import OtherCode
    from harness.diagnose.weight_codes import WeightCode

_WORDS = ("", "scale", "zero point")


def code_suspects(case: Case, cause: Cause, place: int) -> Iterator[Suspect]:
    """Of activations and of weights.

    Args:
        case: The segment.
        cause: Whose suspects these are.
        place: SCALE or ZERO, what is other.
    """
    for found in other_codes(case, place):
        yield _of_node(case, cause, found)
    for code in weight_codes(case):
        if (code.shift == 0) is (place == SCALE):
            yield _of_weights(case, cause, code)


def _of_node(case: Case, cause: Cause, found: OtherCode) -> Suspect:
    theirs, word = found.nodes[1], _WORDS[found.place]
    mine, other = shown(found.mine), shown(found.other)
    said = say(
        f"{theirs.op_type} '{theirs.label}' has the {word} {other}; it "
        f"should be {mine}",
        f"{word} {mine}",
        f"{word} {other}",
    )
    change = set_codes([theirs.key], found.place, found.mine)
    edit = f"set the {word} of '{theirs.label}' to {mine}", change
    return case.suspect(cause, found.nodes, said, edit)


def _of_weights(case: Case, cause: Cause, code: WeightCode) -> Suspect:
    theirs = code.nodes[1]
    how = f"shifted by {code.shift:.4g}" if code.shift else f"times {code.gain:.4g}"
    said = say(
        f"weights '{code.tensor}' of '{theirs.label}' are read back {how}",
        "the numbers that were quantized",
        how,
    )
    text = f"put the reference's values into '{code.tensor}'"
    step = None if code.change is None else (text, code.change)
    return case.suspect(cause, code.nodes, said, step, tensor=code.tensor)
