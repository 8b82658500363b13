"""Weights of a model file, described and compared: frozen records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.core.comparisons import Histogram


@dataclass(frozen=True, slots=True)
class ChannelRanges:
    """Ranges of a weight's output channels, over finite elements.

    Attributes:
        axis: The axis of `TensorStatistics.shape` that the channels lie along.
        n: Channels.
        ratio: Largest over smallest max |w| of a channel, channels of zeros left out;
            None where all are. One scale for all channels leaves the smallest one
            about log2(ratio) bits less than the largest.
        median_ratio: The largest over the median instead.
        n_zero: Channels that hold nothing but zeros.
        together: Neighbouring channels that share an entry of `low` and `high`: 1, or
            more where there are more channels than a report can carry.
        low: Smallest element; None where none is finite.
        high: Largest.
    """

    axis: int
    n: int
    ratio: float | None
    median_ratio: float | None
    n_zero: int
    together: int
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class FormatRisk:
    """What storing a float tensor in a number format would do to it.

    With w the finite weights, q what they become, e = q - w:

    Attributes:
        format: A key of `harness.weights.numeric_formats.FORMATS`: "float16",
            "int8-channel", ...
        n: Finite elements.
        sqnr_db: 10 log10(sum w^2 / sum e^2); None where e or w is 0 everywhere.
        max_abs_error: max |e|.
        share_zero: Elements that become 0 and were not, as a share.
        share_subnormal: Elements that become subnormal numbers, with fewer digits.
        share_clipped: Elements beyond the format's largest number. They are taken as
            that number; a runtime may make them infinite instead.
        zero_exact: Whether 0 stays 0.
        n_codes: Codes that the format has; None for floats.
        n_codes_used: Codes that occur, over all channels.
        entropy_bits: Entropy of the codes: bits a weight that are really used.
        effective_bits: (SQNR - 1.76 dB) / 6.02 dB: the bits of an ideal converter of
            as much noise.
        step: Distance of neighbouring codes, the mean over channels; for floats that
            of a uniform grid of as much noise, sqrt(12 mean e^2), None where that is
            beyond float64.
        bias: mean e.
        bias_steps: |mean e| times the weights of an output channel, in steps: how far
            rounding alone moves an output where all inputs are 1.
        bias_over_noise: The same over the standard deviation that independent errors
            would leave there, |mean e| sqrt(fan-in) / std e: above 1, errors add up
            along the layer more than they cancel.
        channel_noise: sum e^2 / sum w^2 of an output channel, the mean over channels:
            what counts where all channels do, as before a normalization. The SQNR is
            that of the largest channels. None where w is 0 everywhere.
        worst_channel_sqnr_db: SQNR of the channel that loses most; None where e is 0.
    """

    format: str
    n: int
    sqnr_db: float | None
    max_abs_error: float
    share_zero: float
    share_subnormal: float
    share_clipped: float
    zero_exact: bool
    n_codes: int | None
    n_codes_used: int | None
    entropy_bits: float | None
    effective_bits: float | None
    step: float | None
    bias: float
    bias_steps: float | None
    bias_over_noise: float | None
    channel_noise: float | None = None
    worst_channel_sqnr_db: float | None = None


@dataclass(frozen=True, slots=True)
class FormatHarm:
    """A tensor's place among those that a number format harms.

    Attributes:
        name: The tensor.
        format: The format.
        noise_share: Its share of the noise expected of all layers, 0 to 1.
        relative_noise: Expected noise of an output channel over that output, root mean
            square.
        note: What makes it so, None where nothing stands out.
    """

    name: str
    format: str
    noise_share: float
    relative_noise: float
    note: str | None = None


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
        skewness: Third standardized moment; None where all elements are the same.
        kurtosis: Fourth one less 3, so that a normal distribution has 0; likewise.
        octaves: Counts by sign and power of two, zeros in the bin in the middle; None
            where there is nothing but zeros.
        channels: Ranges by output channel; None where there are none.
        risks: What number formats would do to it; empty where nobody asked.
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
    skewness: float | None = None
    kurtosis: float | None = None
    octaves: Histogram | None = None
    channels: ChannelRanges | None = None
    risks: tuple[FormatRisk, ...] = ()


@dataclass(frozen=True, slots=True)
class TensorDrift:
    """One weight tensor of the candidate against its match in the reference.

    Attributes:
        name: The candidate's name; "a + b" for a sum of two.
        reference_name: The match's name.
        matched_by: exact, transposed, permuted, folded, name, similar, flattened,
            gates, merged, split, summed, tied or position.
        max_abs_error: max |c - r| after bringing r to c's layout.
        mean_abs_error: mean |c - r|.
        sqnr_db: 10 log10(sum r^2 / sum (c - r)^2); None when equal, and where the
            reference is zero everywhere.
        cosine_similarity: None for zero vectors.
        n_changed: Elements that differ at all.
        note: What a reader should know, None for nothing.
        n: Elements.
        wasserstein: Area between both distribution functions, in the unit of the
            weights; None where no pair is finite.
        ks_distance: Largest gap between them, 0 to 1.
        psi: Population stability index over tenths of the reference.
        n_sign_flips: Elements with another sign, zeros aside.
        verdict: "same", "rounding" or "drifted".
        error_ratio: Largest |c - r| over what rounding to the stored types may leave;
            above 1 is drift. None where NaN or infinity leave no number.
        tolerance: What rounding may leave, and why, in words.
        cause: Slug of what was done to it, as in `WeightFault`, or "cast.rounding" for
            values that a narrower type has been through; None for nothing named.
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
    n: int = 0
    wasserstein: float | None = None
    ks_distance: float | None = None
    psi: float | None = None
    n_sign_flips: int = 0
    verdict: str = "same"
    error_ratio: float | None = None
    tolerance: str = ""
    cause: str | None = None

    @property
    def reordered(self) -> bool:
        """Whether only its order is another: its file's faults tell if that is wrong.

        Where every layer goes along with the new order the function is the same.
        """
        return self.cause == "layout.permutation"

    @property
    def share_sign_flips(self) -> float:
        """Of all elements."""
        return self.n_sign_flips / self.n if self.n else 0.0


@dataclass(frozen=True, slots=True)
class Folding:
    """A batch norm that one side keeps and the other has multiplied into its weights.

    Attributes:
        folded_in: "candidate" or "reference": the side that has no batch norm.
        into: "kernel", "scale and shift" or "next kernel".
        norm: Names of gamma, beta, mean and variance, those that there are.
        targets: Names of the tensors that it was folded into.
        epsilon: The one that explains the folded numbers best.
        epsilon_low: Smallest one that explains them as well, three standard errors.
        epsilon_high: Largest.
        customary: The values in use (1e-3, 1e-5, ...) between the two.
        declared: The epsilon that the file with the batch norm states; None if none.
        verdict: "agrees" or "differs" from the declared one, "undecided" where the
            numbers are too coarse to tell, "unknown" where none is declared.
        residual: Root mean square of what the fit leaves of the folded gains,
            relative.
        note: The same in a sentence.
    """

    folded_in: str
    into: str
    norm: tuple[str, ...]
    targets: tuple[str, ...]
    epsilon: float
    epsilon_low: float
    epsilon_high: float
    customary: tuple[float, ...]
    declared: float | None
    verdict: str
    residual: float
    note: str


@dataclass(frozen=True, slots=True)
class AccountedTensor:
    """A tensor without a partner of its own that is not missing either.

    Attributes:
        name: The file's name of it.
        side: "reference" or "candidate".
        how: folded, tied, neutral (zeros added, ones multiplied) or counter.
        note: Where it went, in words.
    """

    name: str
    side: str
    how: str
    note: str


@dataclass(frozen=True, slots=True)
class WeightFault:
    """What somebody did to the weights, named.

    Attributes:
        cause: norm.epsilon, rnn.gate_order, layout.permutation, quant.scale,
            weights.transposed, weights.bias_missing, weights.missing, weights.stale,
            weights.swapped, weights.nonfinite, weights.other_epoch, weights.changed.
        tensors: The candidate's names, or the reference's of what is missing.
        explanation: A sentence with the numbers.
    """

    cause: str
    tensors: tuple[str, ...]
    explanation: str


@dataclass(frozen=True, slots=True)
class WeightComparison:
    """Weights of a candidate against those that speak for the reference.

    Attributes:
        reference: Name of that variant.
        drift: Matched tensors, worst SQNR first.
        unmatched_reference: Names only there.
        unmatched_candidate: Names only here.
        foldings: Batch norms that only one side keeps.
        accounted: Tensors without a partner whose whereabouts are known.
        faults: What is wrong, named; empty where nothing is.
        notes: What is other but not wrong.
    """

    reference: str
    drift: tuple[TensorDrift, ...]
    unmatched_reference: tuple[str, ...] = ()
    unmatched_candidate: tuple[str, ...] = ()
    foldings: tuple[Folding, ...] = ()
    accounted: tuple[AccountedTensor, ...] = ()
    faults: tuple[WeightFault, ...] = ()
    notes: tuple[str, ...] = ()
