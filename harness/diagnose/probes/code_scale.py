"""QNT001: integer codes are read with another scale than they were written with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.diagnose.cause import Cause, CauseProbe
from harness.diagnose.other_codes import code_suspects
from harness.diagnose.quantization import SCALE

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
    return code_suspects(case, CAUSE, SCALE)


PROBE = CauseProbe(CAUSE, look)
