"""Weights of a model file, described and compared: frozen records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.core.comparisons import Histogram


@dataclass(frozen=True, slots=True)
class TensorStatistics:
    """Distribution of one weight tensor, after dequantization.

    Attributes:
        name: The file's name of it.
        shape: As stored.
        dtype: As stored (``int8`` for a quantized tensor).
        role: kernel, bias, scale, ...; "constant" when the form does not tell.
        op_type: Operator that consumes it, None when unknown.
        n: Elements.
        n_nonfinite: NaN or infinite elements; the rest is over finite ones.
        min: Smallest.
        max: Largest.
        smallest_nonzero: Smallest magnitude that is not 0; None when all are.
        mean: Mean.
        std: Population standard deviation.
        sparsity: Share of exact zeros.
        quantiles: Quantile in (0, 1) as text -> value.
        histogram: Linear bins from min to max.
        share_fp16_zero: Non-zero elements that float16 would flush to 0.
        share_fp16_subnormal: Elements that would become float16 subnormals.
        share_fp16_overflow: Elements beyond float16's largest number, 65504.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    role: str
    op_type: str | None
    n: int
    n_nonfinite: int
    min: float | None
    max: float | None
    smallest_nonzero: float | None
    mean: float | None
    std: float | None
    sparsity: float | None
    quantiles: Mapping[str, float]
    histogram: Histogram | None
    share_fp16_zero: float
    share_fp16_subnormal: float
    share_fp16_overflow: float


@dataclass(frozen=True, slots=True)
class TensorDrift:
    """One weight tensor of the candidate against its match in the reference.

    Attributes:
        name: The candidate's name.
        reference_name: The match's name.
        matched_by: name, exact, transposed, permuted or similar.
        max_abs_error: max |c - r| after bringing r to c's layout.
        mean_abs_error: mean |c - r|.
        sqnr_db: 10 log10(sum r^2 / sum (c - r)^2); None when equal.
        cosine_similarity: None for zero vectors.
        n_changed: Elements that differ at all.
        note: What a reader should know, None for nothing.
    """

    name: str
    reference_name: str
    matched_by: str
    max_abs_error: float
    mean_abs_error: float
    sqnr_db: float | None
    cosine_similarity: float | None
    n_changed: int
    note: str | None = None


@dataclass(frozen=True, slots=True)
class WeightComparison:
    """Weights of a candidate against those that speak for the reference.

    Attributes:
        reference: Name of that variant.
        drift: Matched tensors, worst SQNR first.
        unmatched_reference: Names only there.
        unmatched_candidate: Names only here.
    """

    reference: str
    drift: tuple[TensorDrift, ...]
    unmatched_reference: tuple[str, ...] = ()
    unmatched_candidate: tuple[str, ...] = ()
