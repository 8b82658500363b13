"""Whole reports, one for each way in which a release can end."""

from dataclasses import replace

from harness.core.results import (
    Finding,
    GoldenFacts,
    Proof,
    QualityReport,
    SuiteFacts,
    Where,
)

from .labels import DIGITS, answers, labels, truth
from .numbers import LAYERS, drift, harm, output, tensors
from .variants import (
    check,
    close_variant,
    good_checks,
    int8_variant,
    pads_variant,
    reference,
    sha,
    skipped,
    variant,
)

FORTY = (
    *LAYERS,
    *((f"block{k}/kernel", (3, 3, 8, 8), 0.05, 576, "Conv") for k in range(40)),
)
PROVENANCE = {
    "started": "2026-03-02T09:14:55+00:00",
    "seconds": 4.318,
    "python": "3.11.9",
    "platform": "Linux-6.8.0-x86_64-with-glibc2.39",
    "machine": "x86_64",
    "cpu_count": 8,
    "cpu_flags": ["avx2", "avx512_vnni", "avx512f", "f16c", "fma"],
    "packages": {
        "model-quality-harness": "0.1.0",
        "numpy": "2.4.6",
        "onnx": "1.23.2",
        "onnxruntime": "1.31.1",
    },
    "git_commit": "9f2c1d7a63b0e4d1c7f5a2b9e8d0c3f4a5b6c7d8",
}
PADS = Finding(
    code="PAD001",
    severity="error",
    cause="padding.same_split",
    variant="onnx-pads",
    where=Where("conv1", "StatefulPartitionedCall/cnn/conv1/Conv2D", "Conv", None),
    explanation="Pads (1, 1, 1, 1) sample the image one pixel off; the reference pads "
    "(0, 0, 1, 1) at stride 2.",
    reference_semantics="pads (0, 0, 1, 1): SAME_UPPER at stride 2, kernel 3",
    candidate_semantics="pads (1, 1, 1, 1): symmetric",
    hint='re-export with padding="same", or pad by hand with (0, 1, 0, 1) before it',
    proof=Proof("pads = [0, 0, 1, 1]", 0.99, 4.2e-7, 1.0, 64, 57, 0),
)
EPSILON = Finding(
    code="NRM001",
    severity="warning",
    cause="norm.epsilon",
    variant="onnx-pads",
    where=Where("bn", None, "BatchNormalization", "bn/gamma"),
    explanation="epsilon is 1e-05 and the reference's 0.001; the gain of channel 3 "
    "differs by 0.4 %.",
    reference_semantics="epsilon 0.001",
    candidate_semantics="epsilon 1e-05",
    hint="set epsilon=1e-3 when the layer is built",
    proof=Proof("epsilon = 0.001", 0.99, 0.981, 0.004, 64, 57, 57),
)


def report(variants, verdict: str, findings=(), notices=(), **golden) -> QualityReport:
    facts = {
        "n_samples": 360,
        "digest": sha("data"),
        "preprocess_digest": sha("preprocess"),
        "class_names": DIGITS,
        "class_counts": (36,) * 10,
    }
    return QualityReport(
        suite=SuiteFacts("digits-cnn", "classification", "quality.toml", "keras"),
        golden=GoldenFacts(**{**facts, **golden}),
        verdict=verdict,
        variants=tuple(variants),
        findings=tuple(findings),
        notices=tuple(notices),
        provenance=PROVENANCE,
    )


def passing() -> QualityReport:
    return report(
        (
            reference(),
            close_variant("onnx", "converted"),
            close_variant("onnx-frozen", "frozen"),
            int8_variant(),
        ),
        "passed",
    )


def slipped() -> QualityReport:
    """Weights with named faults, held against those of the reference itself."""
    original = replace(
        reference(), weights=tensors("", 0.0, FORTY), weight_harm=harm(FORTY)
    )
    drifted = replace(
        pads_variant(),
        name="onnx-slip",
        weights=tensors("", 0.2, FORTY),
        weight_drift=drift("", 0.2, "keras", FORTY),
    )
    return report((original, drifted), "failed")


def failing() -> QualityReport:
    return report(
        (
            reference(),
            close_variant("onnx", "converted"),
            close_variant("onnx-frozen", "frozen"),
            int8_variant(),
            pads_variant(),
            skipped("tflite", "litert"),
        ),
        "failed",
        findings=(PADS, EPSILON),
        notices=("golden key 'writer' is used by nothing",),
    )


def undecided() -> QualityReport:
    few = truth(10, 12)
    before = answers(few, 10, 0.03, seed=4)
    after = [
        (p + 1) % 10 if t == 7 and i < 50 else p
        for i, (t, p) in enumerate(zip(few, before, strict=True))
    ]
    checks = (
        *good_checks()[:4],
        check(
            "per_class_recall",
            "undecided",
            0.42,
            0.02,
            "Class 7 loses 5 of 12 samples; n = 12 cannot show a drop under 72 points.",
        ),
    )
    unsure = variant(
        "onnx-int8",
        "quantized",
        checks,
        outputs=(output(3e-2, n=1200, atol=5e-2),),
        labels=labels(few, before, after),
    )
    return report((reference(), unsure), "undecided", n_samples=120)


def no_labels() -> QualityReport:
    outputs = (
        output(3e-6, n=1_440_000, name="boxes"),
        output(4.1e-3, n=96_000, atol=1e-3, name="scores"),
    )
    checks = (
        check(
            "finite_outputs", "passed", 0.0, 0.0, "All 1,536,000 elements are finite."
        ),
        check("outputs_close", "failed", 0.021, 0.0, "2.1 % of 'scores' is off."),
    )
    plain = report(
        (reference(), variant("onnx-opt", "optimized", checks, outputs=outputs)),
        "failed",
        class_names=None,
        class_counts=None,
    )
    suite = SuiteFacts("detector", "tensor", "quality.toml", "keras")
    return QualityReport(
        suite, plain.golden, plain.verdict, plain.variants, provenance=PROVENANCE
    )


def broken() -> QualityReport:
    """A candidate whose worker crashed, and one that was skipped."""
    crashed = variant(
        "onnx-opt",
        "optimized",
        (),
        status="crashed",
        verdict=None,
        reason="at sample 64: the worker ended with SIGSEGV\nHint: run it alone",
    )
    return report((reference(), crashed, skipped("tflite", "litert")), "error")
