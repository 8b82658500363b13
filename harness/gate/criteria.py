"""What each kind of variant is held to unless the suite says otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness.core.specs import GateSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.core.specs import Kind, Task, VariantSpec
    from harness.core.tolerances import OutputTolerance

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

# Answers in fewer bits are rounded: ten times that for numbers around one is what
# onnxruntime's own tests allow (`DefaultTolerance` of MLFloat16 and BFloat16), absolute
# and relative. The wider of this and the kind's is taken.
_BY_DTYPE = {"float16": (0.0025, 0.001), "bfloat16": (0.02, 0.01)}

_DEFAULTS: dict[Kind, GateSpec] = {
    "original": _SAME_NUMBERS,
    "converted": _SAME_NUMBERS,
    "frozen": _SAME_NUMBERS,
    "optimized": _SAME_NUMBERS,
    "quantized": _SAME_DECISIONS,
}


# What a metric of a task may lose: the same arithmetic, and fewer bits. Shares of
# samples, labels, pixels, boxes or tokens follow the limits on decisions above: one in
# 1,000, and one in 50 (boxes and neighbours are many close decisions at once, and get
# ten times that). Averages over classes weigh a rare class as much as a frequent one,
# and get more. A point of average precision or of mean IoU is NNCF's `max_drop`, and
# about MLPerf Inference's 99 % of the float model. Errors in the unit of a target have
# no default that fits every suite: r2 has none.
_DROPS: dict[str, dict[str, tuple[float, float]]] = {
    "binary": {
        "accuracy": (0.001, 0.01),
        "f1": (0.005, 0.02),
        "agreement": (0.001, 0.02),
    },
    "detection": {"average_precision": (0.002, 0.01), "box_agreement": (0.01, 0.1)},
    "embedding": {
        "neighbour_agreement": (0.01, 0.1),
        "cosine_mean": (0.0001, 0.01),
        "recall_at_1": (0.005, 0.01),
    },
    "multilabel": {
        "macro_f1": (0.005, 0.02),
        "label_agreement": (0.001, 0.02),
        "mean_average_precision": (0.002, 0.01),
    },
    "regression": {"r2": (0.001, 0.01)},
    "segmentation": {"mean_iou": (0.002, 0.01), "pixel_agreement": (0.002, 0.03)},
    "sequence": {"token_agreement": (0.001, 0.02), "exact_match": (0.005, 0.02)},
}


def default_drops(kind: Kind, task: Task) -> dict[str, float] | None:
    """Metric of the task -> what it may lose; None where none has a default."""
    column = 1 if kind == "quantized" else 0
    drops = _DROPS.get(task, {})
    return {name: both[column] for name, both in drops.items()} or None


def default_gate(kind: Kind) -> GateSpec:
    """The limits of a kind; a second original is held to those of a converted one.

    A limit on a share is met or not met with confidence `alpha` (0.01), so that small
    golden data cannot fail a model by chance. With 360 samples of 10 classes one
    moved decision (99.7 %) is undecided at the limit of 99.9 % and the third fails;
    at 98 % eight are undecided and 15 fail; and a class of 36 fails by 10 lost
    samples with none won, which is what 36 samples can show in 10 classes.
    """
    return _DEFAULTS[kind]


def limits_for(variant: VariantSpec, task: Task = "classification") -> GateSpec:
    """The limits of a variant: those its suite declares, its kind's for the rest."""
    drops = {**(default_drops(variant.kind, task) or {}), **variant.max_drop}
    declared: dict[str, Any] = dict(variant.gate)
    return replace(default_gate(variant.kind), **declared, max_drop=drops or None)


def tolerances_for(
    variant: VariantSpec,
    output: str,
    measured: Mapping[str, OutputTolerance],
    dtypes: Iterable[str] = (),
) -> tuple[float, float]:
    """The absolute and relative tolerance of one output.

    A tolerance that the suite declares goes before a derived one, and that before the
    default of the kind and of the coarser dtype.

    Args:
        variant: As the suite declares it.
        output: The reference's name of it.
        measured: Entries of a lock that holds, by output.
        dtypes: numpy's names of what both sides answer in.
    """
    limits = limits_for(variant)
    entry = measured.get(output)
    if {"atol", "rtol"} & {*variant.gate} or limits.atol is None:
        return limits.atol or 0.0, limits.rtol or 0.0
    if entry is not None and entry.atol is not None:
        return entry.atol, entry.rtol or 0.0
    coarse = [_BY_DTYPE[dtype] for dtype in dtypes if dtype in _BY_DTYPE]
    pairs = [(limits.atol, limits.rtol or 0.0), *coarse]
    return max(atol for atol, _ in pairs), max(rtol for _, rtol in pairs)
