"""RNN001: the gates of a recurrent layer stand in another framework's order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.diagnose.case import say
from harness.diagnose.cause import Cause, CauseProbe, Needs
from harness.diagnose.recurrent import GATES, recurrent_pairs, recurrent_restored

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect

CAUSE = Cause(
    code="RNN001",
    slug="rnn.gate_order",
    line="the gates of a recurrent layer stand in another order",
    hint="reorder the blocks when weights are copied: an LSTM has iofc in ONNX, ifgo "
    "in PyTorch and Keras; a GRU zrh in ONNX and Keras, rzn in PyTorch",
    rank=10,
)


def look(case: Case) -> Iterator[Suspect]:
    """A suspect where the candidate's gates, reordered, are the reference's."""
    for pair in recurrent_pairs(case):
        order = pair.order
        if order is None or list(order) == sorted(order):
            continue
        theirs = pair.nodes[1]
        letters = GATES[theirs.op_type]
        placed = dict(zip(order, letters, strict=True))
        now = "".join(placed[i] for i in range(len(letters)))
        said = say(
            f"{theirs.op_type} '{theirs.label}' holds its gates in the order {now}; "
            f"the operator reads {letters}",
            f"gates {letters}",
            f"gates {now}",
        )
        text = f"put the gates of '{theirs.label}' in the order {letters}"
        edit = text, recurrent_restored(pair)
        tensor = theirs.input(1)
        yield case.suspect(CAUSE, pair.nodes, said, edit, tensor=tensor, group=(now,))


PROBE = CauseProbe(CAUSE, look, Needs(ops=frozenset(GATES)))
