"""What `harness weights` tells of one model file, or of two: frozen records."""

from __future__ import annotations

from dataclasses import dataclass

from harness.core.findings import (
    QuantizationAudit,  # noqa: TC001 the codec resolves field types
)
from harness.core.tensors import (  # noqa: TC001 likewise
    FormatHarm,
    TensorStatistics,
    WeightComparison,
)

WEIGHTS_SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class FileWeights:
    """Weights of one file.

    Attributes:
        path: As it was given.
        form: What it is, as detection names it.
        tensors: In the file's order.
        formats: Number formats that were tried.
        harm: Layers that they harm, format after format, worst first.
    """

    path: str
    form: str
    tensors: tuple[TensorStatistics, ...]
    formats: tuple[str, ...] = ()
    harm: tuple[FormatHarm, ...] = ()

    @property
    def nonfinite(self) -> tuple[TensorStatistics, ...]:
        """Tensors that hold NaN or infinity."""
        return tuple(t for t in self.tensors if t.n_nonfinite)


@dataclass(frozen=True, slots=True)
class WeightsReport:
    """One file, or one held against another.

    Attributes:
        model: The file; the reference where there are two.
        other: The file that is held against it.
        comparison: Of `other` with `model`; None for one file.
        audit: Of the scales and codes of the file that is judged; None where it is
            not quantized, or its form keeps none.
        schema_version: Of this record.
    """

    model: FileWeights
    other: FileWeights | None = None
    comparison: WeightComparison | None = None
    audit: QuantizationAudit | None = None
    schema_version: int = WEIGHTS_SCHEMA_VERSION

    @property
    def wrong(self) -> tuple[str, ...]:
        """What is wrong, in short; empty where nothing is.

        That is NaN or infinity among weights, an error that the audit found, a tensor
        that moved further than the rounding of its types allows, a fault with a name,
        and two files of which no tensor matches. Tensors without a match alone are
        not.
        """
        judged = self.other or self.model
        found = [f"{t.name}: {t.n_nonfinite} NaN or infinite" for t in judged.nonfinite]
        audited = self.audit.findings if self.audit else ()
        errors = (a for a in audited if a.severity == "error")
        found += [f"{a.code} {a.cause}: {a.explanation}" for a in errors]
        if self.comparison is None:
            return tuple(found)
        drifted = [t for t in self.comparison.drift if t.verdict == "drifted"]
        # What is a fault of these stands among the faults.
        noted = [t for t in drifted if t.reordered or t.cause == "cast.rounding"]
        found += [f"{t.name}: drifted" for t in drifted if t not in noted]
        found += [f"{f.cause}: {f.explanation}" for f in self.comparison.faults]
        if not self.comparison.drift:
            found.append("no tensor of the one is in the other")
        return tuple(found)
