"""Operators that runtimes are known to read in different ways, whatever the form."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# What differs -> names of operators, letters only and in lower case.
_TRAPS = {
    "sampling grid and rounding differ": r"resize|upsampl|interpolate",
    "padding is split in different ways": (
        r"transposeconv|convtranspose|conv\w*backprop|deconv"
    ),
    "whether padding counts in a mean differs": r"^(avgpool|averagepool|pooling)",
    "exact and tanh forms differ by up to 5e-4": r"gelu",
    "order of gates, and where a GRU resets, differ": r"lstm|gru|rnn(?!t)",
    "epsilon, and whether it is in training mode, differ": r"batchnorm",
    "alpha is divided by the size in some forms": r"^lrn|localresponsenorm|^norm$",
    "halves go to even in some runtimes, away from 0 in others": r"^round",
    "ties are broken in different ways": r"topk|argmax|argmin",
    "boxes of one score come in different orders": (
        r"nonmaxsuppression|detectionoutput|detectionpostprocess"
    ),
    "scales are rounded again in each conversion": r"fakequant",
    "channels are ordered in one of two modes": (
        r"depthtospace|spacetodepth|pixelshuffle"
    ),
    "answers are random where it is active": r"random|multinomial|^dropout",
}
_LETTERS = re.compile(r"[^a-z]")
_SHOWN = 4


def traps_in(operators: Iterable[str]) -> tuple[str, ...]:
    """One line for each trap that some of these operators are known for."""
    plain = {name: _plain(name) for name in sorted(set(operators))}
    lines = []
    for what, pattern in _TRAPS.items():
        found = [name for name, letters in plain.items() if re.search(pattern, letters)]
        if found:
            lines.append(f"{', '.join(found[:_SHOWN])}: {what}")
    return tuple(lines)


def _plain(name: str) -> str:
    """Letters of the name, without a namespace or domain."""
    return _LETTERS.sub("", re.split(r"::|\.", name.lower())[-1])
