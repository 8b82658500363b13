"""All canaries, by what they are about."""

from __future__ import annotations

from harness.canaries.codes import CODES
from harness.canaries.numbers import NUMBERS
from harness.canaries.recurrent import RECURRENT
from harness.canaries.sampling import SAMPLING
from harness.canaries.windows import WINDOWS

SPECIMENS = (*WINDOWS, *SAMPLING, *NUMBERS, *RECURRENT, *CODES)
