"""Reports at the edge: many classes, many variants, hostile names."""

from dataclasses import replace

from harness.core.results import (
    AccountedTensor,
    ErrorProfile,
    ErrorStep,
    Finding,
    FormatHarm,
    GoldenFacts,
    MatrixCell,
    Proof,
    QualityReport,
    RunMatrix,
    SuiteFacts,
    WeightFault,
    Where,
)

from .labels import answers, labels, truth
from .numbers import drift, output, tensors
from .reports import PROVENANCE, report
from .variants import check, good_checks, pads_variant, reference, variant


def huge(n_classes: int = 1000, n_variants: int = 12) -> QualityReport:
    names = tuple(f"n{k:08d} {'long-' * (k % 5)}class {k}" for k in range(n_classes))
    true = truth(n_classes, 5)
    before = answers(true, n_classes, 0.22, seed=6)
    layers = tuple(
        (f"block{k // 3}/layer{k}/kernel", (3, 3, 64, 64), 0.05, 600, "Conv")
        for k in range(160)
    )
    variants = [reference()]
    for k in range(n_variants):
        after = answers(true, n_classes, 0.22 + 0.02 * k, seed=6)
        failed = k >= 9
        checks = pads_variant().checks if failed else good_checks()
        variants.append(
            variant(
                f"onnx-{k:02d}",
                "quantized",
                checks,
                outputs=(output(1e-3 * 2**k, n=5_000_000),),
                labels=labels(true, before, after, names),
                weights=tensors("", 0.01, layers),
                weight_drift=drift("", 0.001 * (k + 1), "onnx-00", layers),
            )
        )
    return report(
        variants, "failed", n_samples=len(true), class_names=names, class_counts=None
    )


def many_classes(n_classes: int = 33) -> QualityReport:
    """More classes than heatmaps have room to number."""
    names = tuple(f"class {k}" for k in range(n_classes))
    true = truth(n_classes, 30)
    before = answers(true, n_classes, 0.05, seed=6)
    after = answers(true, n_classes, 0.25, seed=6)
    checks = pads_variant().checks
    found = labels(true, before, after, names)
    wrong = variant(
        "onnx-int4", "quantized", checks, outputs=(output(0.3),), labels=found
    )
    return report(
        (reference(), wrong),
        "failed",
        n_samples=len(true),
        class_names=names,
        class_counts=(30,) * n_classes,
    )


EVIL = "<script>alert(1)</script>\"'&`|*_[x](javascript:alert(2))\x1b[31m\x00\u202e@all"


def hostile() -> QualityReport:
    """Every text that a model, its data or its runtime can choose is an attack."""
    names = (EVIL, "</style><style>*{display:none}", "x" * 300, "a\nb\r\n# c")
    true = truth(4, 20)
    before = answers(true, 4, 0.1, seed=1)
    after = answers(true, 4, 0.6, seed=2)
    evil = variant(
        EVIL,
        "converted",
        (
            check("outputs_close", "failed", 0.5, 0.0, EVIL),
            check(EVIL, "error", None, None, EVIL),
            check("per_class_recall", "undecided", 0.5, 0.0, EVIL * 30),
        ),
        outputs=(output(0.5, name=EVIL),),
        labels=labels(true, before, after, names),
        weights=tensors(EVIL),
        weight_drift=replace(
            drift(EVIL, 0.2, of=EVIL),
            faults=(WeightFault(EVIL, (EVIL,), EVIL),),
            accounted=(AccountedTensor(EVIL, EVIL, EVIL, EVIL),),
            notes=(EVIL,),
        ),
        weight_harm=(FormatHarm(EVIL, "int8", 0.5, 0.1, EVIL),),
        path=EVIL,
        backend=EVIL,
        runtime={EVIL: EVIL},
        skipped_checks={EVIL: EVIL},
        profile=ErrorProfile(
            EVIL, (ErrorStep(EVIL, EVIL, EVIL, 1e30, None, 1e-6, True),), 3
        ),
        matrix=RunMatrix(
            EVIL,
            3,
            (
                MatrixCell("deployed", "", 0.0, 0.0),
                MatrixCell(EVIL, EVIL, None, 0.0, reason=EVIL),
            ),
        ),
    )
    finding = Finding(
        code=EVIL,
        severity="error",
        cause=EVIL,
        variant=EVIL,
        where=Where(EVIL, EVIL, EVIL, EVIL),
        explanation=EVIL,
        reference_semantics=EVIL,
        candidate_semantics=EVIL,
        hint=EVIL,
        proof=Proof(EVIL, 1.0, 0.1, 0.9, 3, 3, 1),
    )
    lost = variant(
        EVIL[::-1], "frozen", (), status="skipped", reason=EVIL, verdict=None
    )
    base = report((reference(EVIL * 2), evil, lost), "failed", (finding,), (EVIL,))
    return QualityReport(
        SuiteFacts(EVIL, "classification", EVIL, EVIL * 2),
        GoldenFacts(80, EVIL, EVIL, names, (20,) * 4),
        base.verdict,
        base.variants,
        base.findings,
        base.notices,
        provenance={**PROVENANCE, EVIL: EVIL, "packages": {EVIL: EVIL}},
    )
