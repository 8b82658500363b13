"""Variants as runs leave them: close, quantized, broken, skipped."""

import random
from collections.abc import Sequence

from harness.core.results import (
    Check,
    QuantizationAudit,
    QuantizationFinding,
    QuantizedRange,
    VariantResult,
)

from .labels import BEFORE, TRUE, answers, labels
from .numbers import drift, output, tensors
from .runs import matrix, profile

BIAS = QuantizationFinding(
    "QNT301", "error", "quant.bias", "conv1/bias", "conv1", "its scale is 8 times off"
)
RANGES = (
    QuantizedRange("conv1/relu", 0.0, 6.0, 0.0, 5.9, 0.0, 1 / 60),
    QuantizedRange("conv2/relu", 0.0, 2.5, 0.0, 8.25, 0.125, 0.0),
)
RUNTIME = {
    "backend": "onnxruntime",
    "version": "1.31.1",
    "providers": "CPUExecutionProvider",
    "graph_optimization_level": "all",
    "intra_op_num_threads": 1,
}


def sha(seed: object) -> str:
    return random.Random(str(seed)).randbytes(32).hex()


def reference(name: str = "keras", status: str = "replayed") -> VariantResult:
    return VariantResult(
        name=name,
        kind="original",
        status=status,
        reason="tensorflow is not installed; its recorded outputs speak for it",
        verdict=None,
        path="models/digits.keras",
        line=14,
        sha256=sha(name),
        size_bytes=122_304,
        backend="replay",
        batch_size=32,
        runtime={"backend": "replay", "recorded_with": "keras 3.15.1"},
        seconds_per_sample=None,
    )


def variant(name: str, kind: str, checks: Sequence[Check], **facts) -> VariantResult:
    statuses = {check.status for check in checks}
    order = ("failed", "error", "undecided", "passed")
    base = {
        "status": "ran",
        "reason": None,
        "verdict": next((s for s in order if s in statuses), None),
        "path": f"models/{name}.onnx",
        "line": 20,
        "sha256": sha(name),
        "size_bytes": 48_112,
        "backend": "onnxruntime",
        "batch_size": 32,
        "runtime": RUNTIME,
        "seconds_per_sample": 1.94e-05,
        "skipped_checks": {"operator_semantics": "both sides are one graph"},
    }
    return VariantResult(
        name=name, kind=kind, checks=tuple(checks), **{**base, **facts}
    )


def check(name: str, status: str, observed, limit, message: str) -> Check:
    return Check(name, status, observed, limit, message)


def good_checks(close: float = 0.0) -> tuple[Check, ...]:
    return (
        check(
            "finite_outputs",
            "passed",
            0.0,
            0.0,
            "every element is finite where the reference's is",
        ),
        check(
            "outputs_close", "passed", close, 0.0, "Every element is within 1.0e-04."
        ),
        check("top1_agreement", "passed", 1.0, 0.999, "360 of 360 samples agree."),
        check("accuracy", "passed", 0.0, 0.001, "96.7 % before and after."),
        check("per_class_recall", "passed", 0.0, 0.01, "No class loses recall."),
        check("weight_drift", "passed", 61.0, 40.0, "13 tensors within 40 dB."),
    )


def skipped(name: str, extra: str) -> VariantResult:
    return variant(
        name,
        "converted",
        (),
        status="skipped",
        reason=f"backend {name!r} needs ai_edge_litert, not installed\n"
        f"Hint: pip install 'model-quality-harness[{extra}]'",
        verdict=None,
        backend=None,
        seconds_per_sample=None,
        runtime={},
        path=f"models/{name}.tflite",
    )


def close_variant(name: str, kind: str, worst: float = 4.2e-7) -> VariantResult:
    return variant(
        name,
        kind,
        good_checks(),
        outputs=(output(worst),),
        labels=labels(TRUE, BEFORE, BEFORE),
        weights=tensors(),
        weight_drift=drift("", 0.0, of="onnx") if name != "onnx" else None,
    )


def int8_variant() -> VariantResult:
    after = list(BEFORE)
    after[17] = (after[17] + 1) % 10
    checks = [c for c in good_checks() if c.name != "outputs_close"]
    return variant(
        "onnx-int8",
        "quantized",
        checks,
        outputs=(output(2e-2, atol=5e-2),),
        labels=labels(TRUE, BEFORE, after),
        weights=tensors("quant/", 0.06),
        weight_drift=drift("quant/", 0.012),
        weight_audit=QuantizationAudit(7, 7, 7, 2, (BIAS,), RANGES, 64),
    )


def pads_variant() -> VariantResult:
    after = answers(TRUE, 10, 0.93, seed=3)
    found = labels(TRUE, BEFORE, after)
    worst = max(found.per_class, key=lambda row: row.n_regressed)
    n_failed = sum(row.verdict == "fail" for row in found.per_class)
    drop = found.accuracy_reference - found.accuracy
    checks = (
        check(
            "finite_outputs",
            "passed",
            0.0,
            0.0,
            "every element is finite where the reference's is",
        ),
        check(
            "outputs_close",
            "failed",
            0.883,
            0.0,
            "3,179 of 3,600 elements of 'probabilities' break |c - r| <= 1.0e-04 + "
            "1.0e-03 |r|; the largest error is 9.9e-01.",
        ),
        check(
            "top1_agreement",
            "failed",
            found.top1_agreement,
            0.999,
            f"{found.n_flipped} of 360 samples change their top class.",
        ),
        check("accuracy", "failed", drop, 0.001, f"Accuracy falls by {drop:.1%}."),
        check(
            "per_class_recall",
            "failed",
            1.0,
            0.01,
            f"{n_failed} of 10 classes lose recall (worst: {worst.class_name}, "
            f"{worst.n_regressed} of {worst.n} lost).",
        ),
        check("weight_drift", "passed", None, 40.0, "7 matched tensors are equal."),
    )
    return variant(
        "onnx-pads",
        "converted",
        checks,
        outputs=(output(0.99),),
        labels=found,
        weights=tensors(),
        weight_drift=drift("", 0.0),
        skipped_checks={},
        profile=profile(),
        matrix=matrix(),
    )
