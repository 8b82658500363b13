"""OUT002: an output is scaled or shifted as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.diagnose.case import say
from harness.diagnose.cause import Cause, CauseProbe, Needs, Suspect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.protocols import FloatArray
    from harness.diagnose.case import Case

CAUSE = Cause(
    code="OUT002",
    slug="outputs.affine",
    line="an output is scaled or shifted as a whole",
    hint="look for a temperature, a unit or a postprocessing that one side applies",
    rank=15,
)
_LEFT = 1e-4
_FEWEST = 8


def look(case: Case) -> Iterator[Suspect]:
    """One factor and one offset for a whole output, where no graph tells more."""
    if case.candidate is not None and case.reference is not None:
        return
    for name in sorted(case.reference_outputs.keys()):
        mine = case.reference_outputs[name]
        other = case.candidate_outputs.get(name)
        if other is None or mine.shape != other.shape or mine.dtype.kind != "f":
            continue
        fitted = fitted_line(mine, other)
        if fitted is not None:
            yield _suspect(case, name, *fitted)


def fitted_line(mine: FloatArray, other: FloatArray) -> tuple[float, float] | None:
    """(gain, offset) with ``other = gain * mine + offset``; None where none fits."""
    if mine.size < _FEWEST or not (np.isfinite(mine) & np.isfinite(other)).all():
        return None
    x, y = mine.astype(np.float64).ravel(), other.astype(np.float64).ravel()
    spread = float(x.std())
    if not spread:
        return None
    gain = float(np.mean((x - x.mean()) * (y - y.mean())) / spread**2)
    offset = float(y.mean() - gain * x.mean())
    left = np.abs(y - gain * x - offset).max()
    if not gain or left > _LEFT * np.abs(y - x).max():
        return None
    return gain, offset


def _suspect(case: Case, name: str, gain: float, offset: float) -> Suspect:
    told = f"{gain:.6g} times the reference's plus {offset:.6g}"
    said = say(f"output '{name}' is {told}", "as it is", told)
    values = (case.candidate_outputs[name].astype(np.float64) - offset) / gain
    explained = {**case.candidate_outputs, name: values.astype(np.float32)}
    return Suspect(CAUSE, None, None, name, said, None, explained=explained)


PROBE = CauseProbe(CAUSE, look, Needs(scope="outside"))
