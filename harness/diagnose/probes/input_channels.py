"""PRE002: the channels of the input stand in another order: BGR for RGB."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.diagnose.case import say
from harness.diagnose.cause import Cause, CauseProbe, Needs
from harness.diagnose.grafts import feed_readers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect

CAUSE = Cause(
    code="PRE002",
    slug="preprocess.channel_order",
    line="the channels of the input stand in another order: BGR for RGB",
    hint="OpenCV reads BGR, Pillow and TensorFlow RGB: reverse the channels once",
    rank=18,
)
_COLOURS = 3
_REVERSED = np.array([2, 1, 0], np.int64)


def look(case: Case) -> Iterator[Suspect]:
    """Each input of three channels reversed, for the segment that starts there."""
    graph, segment = case.candidate, case.segment
    assert graph is not None
    if segment is None:
        return
    for cut in segment.inputs:
        shape = graph.static_shape(cut.candidate)
        if cut.candidate not in graph.inputs or shape is None or len(shape) < 3:
            continue
        for axis in (a for a, n in enumerate(shape) if a and n == _COLOURS):
            yield _suspect(case, cut.candidate, axis)


def _suspect(case: Case, name: str, axis: int) -> Suspect:
    first = next(n for n in case.nodes_of("candidate") if name in n.inputs)
    said = say(
        f"'{first.label}' reads the channels of '{name}' in the reverse order",
        "channels as they are fed",
        "channels reversed",
    )
    edit = (
        f"reverse axis {axis} of '{name}'",
        feed_readers(name, "Gather", [_REVERSED], axis=axis),
    )
    return case.suspect(CAUSE, (None, first), said, edit, tensor=name)


PROBE = CauseProbe(CAUSE, look, Needs(evidence=True))
