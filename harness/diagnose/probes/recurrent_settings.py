"""RNN003: a recurrent layer runs the other way, or with other activations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.diagnose.cause import Cause, CauseProbe, Needs
from harness.diagnose.settings_apart import other_attributes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect

CAUSE = Cause(
    code="RNN003",
    slug="rnn.direction",
    line="a recurrent layer runs the other way, or with other activations",
    hint="set direction and activations as the original has them (Keras: go_backwards, "
    "and recurrent_activation, which is hard_sigmoid in old files)",
    rank=10,
)
_OPS = (
    "LSTM",
    "GRU",
    "RNN",
)


def look(case: Case) -> Iterator[Suspect]:
    """Which way a recurrent layer runs, and by which functions."""
    for name in (
        "direction",
        "activations",
        "activation_alpha",
        "clip",
    ):
        yield from other_attributes(case, CAUSE, name, *_OPS)


PROBE = CauseProbe(CAUSE, look, Needs(ops=frozenset(_OPS)))
