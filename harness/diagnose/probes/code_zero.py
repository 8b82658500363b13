"""QNT002: integer codes are read from another zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.diagnose.cause import Cause, CauseProbe
from harness.diagnose.other_codes import code_suspects
from harness.diagnose.quantization import ZERO

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
    return code_suspects(case, CAUSE, ZERO)


PROBE = CauseProbe(CAUSE, look)
