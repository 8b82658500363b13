"""What each kind of variant is held to unless the suite says otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.core.specs import GateSpec

if TYPE_CHECKING:
    from harness.core.specs import Kind, VariantSpec

# The same arithmetic in another file. Tolerances are those of others: atol of onnx2tf
# (1e-4), rtol of the ONNX backend tests (1e-3); rounding of float32 stays one to three
# decades below, a wrong epsilon in a batch norm is 7e-3. No element is exempt.
# Decisions: at most one in 1,000 may move, and accuracy cannot fall by more than that.
# A class may lose a point of recall. Weights keep 60 dB: storing them as float16 leaves
# 70 dB or more, so less means that they were changed, not stored otherwise.
_SAME_NUMBERS = GateSpec(
    atol=1e-4,
    rtol=1e-3,
    max_mismatched=0.0,
    min_top1_agreement=0.999,
    max_accuracy_drop=0.001,
    max_recall_drop=0.01,
    min_weight_sqnr_db=60.0,
)

# Fewer bits: other numbers, the same decisions. One sample in 50 may move either way
# (an int8 network moves 1 to 2 %), accuracy may fall by a point, NNCF's `max_drop`, and
# a class's recall by two. There is no numeric tolerance that fits every network; a
# suite that sets `atol` gets it for all elements. Weights keep 20 dB: int8 per tensor
# leaves 30 to 45 dB, 3 bits less than 15 dB.
_SAME_DECISIONS = GateSpec(
    max_mismatched=0.0,
    min_top1_agreement=0.98,
    max_accuracy_drop=0.01,
    max_recall_drop=0.02,
    min_weight_sqnr_db=20.0,
)

_DEFAULTS: dict[Kind, GateSpec] = {
    "original": _SAME_NUMBERS,
    "converted": _SAME_NUMBERS,
    "frozen": _SAME_NUMBERS,
    "optimized": _SAME_NUMBERS,
    "quantized": _SAME_DECISIONS,
}


def default_gate(kind: Kind) -> GateSpec:
    """The limits of a kind; a second original is held to those of a converted one.

    A limit on a share is met or not met with confidence `alpha` (0.01), so that small
    golden data cannot fail a model by chance. With 360 samples of 10 classes one
    moved decision (99.7 %) is undecided at the limit of 99.9 % and the third fails;
    at 98 % eight are undecided and 15 fail; and a class of 36 fails by 10 lost
    samples with none won, which is what 36 samples can show in 10 classes.
    """
    return _DEFAULTS[kind]


def limits_for(variant: VariantSpec) -> GateSpec:
    """The limits of a variant: those its suite declares, its kind's for the rest."""
    return replace(default_gate(variant.kind), **variant.gate)
