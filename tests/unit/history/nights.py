"""One report a night: numbers with the noise that such numbers have."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from harness.core.results import (
    Check,
    ClassComparison,
    GoldenFacts,
    Histogram,
    LabelComparison,
    OutputComparison,
    QualityReport,
    SuiteFacts,
    VariantResult,
)

START = datetime(2026, 3, 1, 2, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Night:
    """What a night's run is made of, and the levels of its numbers."""

    model: str = "model 1"
    runtime: str = "1.30.0"
    flags: tuple[str, ...] = ("avx2", "avx512f", "fma")
    data: str = "data 1"
    commit: str | None = None
    accuracy: float = 0.967
    worst_recall: float = 0.944
    agreement: float = 0.997
    max_error: float = 4.2e-7
    sqnr: float = 120.0
    seconds: float = 2e-4
    verdict: str = "passed"
    status: str = "ran"
    wobble: dict[str, float] = field(
        default_factory=lambda: {"seconds": 0.03, "max_error": 0.02}
    )


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def report(night: Night, index: int, rng: np.random.Generator) -> QualityReport:
    """The report of one night; times and errors vary, decisions repeat."""
    spread = {name: rng.normal(0, share) for name, share in night.wobble.items()}
    started = START + timedelta(days=index, minutes=int(rng.integers(0, 90)))
    candidate = VariantResult(
        **_common("onnx-int8", "quantized", night.model),
        status=night.status,
        reason=None,
        verdict=night.verdict if night.status == "ran" else None,
        backend="onnxruntime",
        batch_size=32,
        runtime={"version": night.runtime, "threads": 4},
        seconds_per_sample=night.seconds * np.exp(spread["seconds"]),
        outputs=(_output(night, np.exp(spread["max_error"])),),
        labels=_labels(night),
        checks=(Check("accuracy", "passed", 0.0, 0.01, "fell by nothing"),),
    )
    reference = VariantResult(
        **_common("keras", "original", "original 1"),
        status="replayed",
        reason="recorded",
        verdict=None,
        backend="replay",
        batch_size=32,
        runtime={},
        seconds_per_sample=None,
    )
    return QualityReport(
        suite=SuiteFacts("digits", "classification", "quality.toml", "keras"),
        golden=GoldenFacts(360, digest(night.data), digest("preprocess")),
        verdict=night.verdict,
        variants=(reference, candidate),
        provenance={
            "started": started.isoformat(timespec="seconds"),
            "python": "3.11.9",
            "platform": "Linux-6.1",
            "machine": "x86_64",
            "cpu_count": 8,
            "cpu_flags": list(night.flags),
            "packages": {"onnxruntime": night.runtime, "numpy": "2.4.6"},
            "git_commit": night.commit or digest(f"commit {index}")[:40],
        },
    )


def _common(name: str, kind: str, model: str) -> dict[str, object]:
    return {
        "name": name,
        "kind": kind,
        "path": f"models/{name}",
        "line": 10,
        "sha256": digest(model),
        "size_bytes": 9_000 + len(model),
    }


def _labels(night: Night) -> LabelComparison:
    recalls = (0.99, night.worst_recall)
    classes = tuple(
        ClassComparison(
            *(f"class {i}", 36, 0.95, recall, None, None, None, None, None, 0, 0)
        )
        for i, recall in enumerate(recalls)
    )
    return LabelComparison(
        360, 0.967, night.accuracy, night.agreement, 0, 0, 0, per_class=classes
    )


def _output(night: Night, factor: float) -> OutputComparison:
    none = dict.fromkeys(
        (
            *("mean_abs_error", "rmse", "required_atol", "cosine_similarity"),
            *("best_gain", "gain_residual", "sorted_max_abs_error", "border_share"),
            "best_shift",
        )
    )
    return OutputComparison(
        name="probabilities",
        candidate_name="probabilities",
        n_elements=3600,
        n_mismatched=0,
        n_nonfinite=0,
        max_abs_error=night.max_error * factor,
        sqnr_db=night.sqnr - 20 * np.log10(factor),
        atol=1e-4,
        rtol=1e-3,
        error_histogram=Histogram((0.0, 1e-12, 1.0), (0, 3600)),
        **none,
    )
