"""Errors of outputs, and weights with their drift."""

import math
import random

from harness.core.results import (
    AccountedTensor,
    ChannelRanges,
    Folding,
    FormatHarm,
    Histogram,
    OutputComparison,
    TensorDrift,
    TensorStatistics,
    WeightComparison,
    WeightFault,
    WorstSample,
)


def decades(
    worst: float, n: int, seed: int = 0, floor: float | None = None
) -> Histogram:
    """Counts of |e| by decade that fall off towards `worst`."""
    rng = random.Random(seed)
    edges = (0.0, *(10.0**e for e in range(-12, 3)))
    counts = [0] * (len(edges) - 1)
    spread = math.log10(worst) if worst else -13.0
    low = spread - 5 if floor is None else math.log10(floor)
    for _ in range(min(n, 4000)):
        e = max(low, min(spread, rng.gauss((low + spread) / 2, 1.1)))
        k = max((i for i, edge in enumerate(edges[:-1]) if edge <= 10.0**e), default=0)
        counts[k if worst else 0] += 1
    return Histogram(edges, tuple(c * max(n // 4000, 1) for c in counts))


def output(
    worst: float, *, n: int = 3600, atol: float = 1e-4, name: str = "probabilities"
) -> OutputComparison:
    histogram = decades(worst, n)
    beyond = sum(
        c for c, e in zip(histogram.counts, histogram.edges, strict=False) if e >= atol
    )
    rng = random.Random(8)
    return OutputComparison(
        name=name,
        candidate_name=f"StatefulPartitionedCall:0/{name}",
        n_elements=n,
        n_mismatched=beyond,
        n_nonfinite=0,
        max_abs_error=worst,
        mean_abs_error=worst / 60,
        rmse=worst / 25,
        required_atol=worst,
        sqnr_db=None if worst == 0 else -20 * math.log10(worst / 8),
        cosine_similarity=1 - min(worst, 0.9) ** 2 / 3,
        best_gain=1 - worst / 100,
        gain_residual=worst / 26,
        sorted_max_abs_error=worst / 1.3,
        border_share=None,
        best_shift=None,
        atol=atol,
        rtol=1e-3,
        error_histogram=histogram,
        worst=tuple(
            WorstSample(rng.randrange(360), worst * f, f"digits/{rng.randrange(1797)}")
            for f in (1.0, 0.93, 0.71, 0.66, 0.42)
        ),
        unscored={
            "border_share": "the output has no rows and columns",
            "best_shift": "the output has no rows and columns",
        },
    )


def bell(seed: int, scale: float, n: int, step: float = 0.0) -> Histogram:
    rng = random.Random(seed)
    values = [rng.gauss(0, scale) for _ in range(n)]
    if step:
        values = [round(v / step) * step for v in values]
    low, high = min(values), max(values)
    bins = 48
    counts = [0] * bins
    for v in values:
        counts[min(int((v - low) / (high - low) * bins), bins - 1)] += 1
    edges = tuple(low + (high - low) * i / bins for i in range(bins + 1))
    return Histogram(edges, tuple(counts))


LAYERS = (
    ("conv1/kernel", (3, 3, 1, 16), 0.31, 144, "Conv"),
    ("conv1/bias", (16,), 0.05, 16, "Conv"),
    ("bn/gamma", (16,), 0.2, 16, "BatchNormalization"),
    ("conv2/kernel", (3, 3, 16, 32), 0.12, 4608, "Conv"),
    ("conv2/bias", (32,), 0.04, 32, "Conv"),
    ("dense/kernel", (512, 10), 0.08, 5120, "MatMul"),
    ("dense/bias", (10,), 0.02, 10, "MatMul"),
)


def powers(n: int, scale: float) -> Histogram:
    """Counts by power of two, most of them near `scale`."""
    top = math.ceil(math.log2(4 * scale))
    edges = tuple(2.0 ** (top - k) for k in range(12, -1, -1))
    counts = tuple(n >> (2 + abs(9 - k)) for k in range(12))
    mirrored = tuple(-edge for edge in reversed(edges))
    return Histogram((*mirrored, *edges), (*reversed(counts), n // 50, *counts))


def channels(shape: tuple[int, ...], scale: float) -> ChannelRanges | None:
    if len(shape) < 2:
        return None
    high = tuple(scale * (2 + k % 3) for k in range(min(shape[-1], 64)))
    low = tuple(-value for value in high)
    return ChannelRanges(len(shape) - 1, shape[-1], 2.0, 1.5, 0, 1, low, high)


def tensors(prefix: str = "", step: float = 0.0, layers=LAYERS):
    return tuple(
        TensorStatistics(
            name=f"{prefix}{name}",
            shape=shape,
            dtype="int8" if step and len(shape) > 1 else "float32",
            role=name.partition("/")[2],
            op_type=op,
            n=n,
            n_nonfinite=0,
            min=-3.1 * scale,
            max=3.2 * scale,
            smallest_nonzero=scale / 4000,
            mean=scale / 90,
            std=scale,
            sparsity=0.02 if step else 0.0,
            quantiles={"0.01": -2.3 * scale, "0.5": 0.0, "0.99": 2.3 * scale},
            histogram=bell(n, scale, n, step * scale if len(shape) > 1 else 0.0),
            share_fp16_zero=0.0,
            share_fp16_subnormal=0.0021 if name == "conv2/kernel" else 0.0,
            share_fp16_overflow=0.0,
            octaves=powers(n, scale),
            channels=channels(shape, scale),
        )
        for name, shape, scale, n, op in layers
    )


def verdict(noise: float) -> str:
    if noise == 0:
        return "same"
    return "rounding" if noise <= 0.0125 else "drifted"


def harm(layers=LAYERS):
    """What int8 would do, the first layers worst."""
    kernels = [name for name, shape, *_ in layers if len(shape) > 1]
    return tuple(
        FormatHarm(name, "int8", 0.5**k, 0.02 * 0.7**k, "scales differ" if k else None)
        for k, name in enumerate(kernels, 1)
    )


def slips():
    """A fault of each weight, and what became of a batch norm."""
    return {
        "faults": (
            WeightFault("norm.epsilon", ("bn/gamma",), "epsilon 1e-05, not 0.001"),
            WeightFault(
                "quant.scale", ("conv1/kernel",), "index 3 is 8 times as large"
            ),
        ),
        "foldings": (
            Folding(
                *("candidate", "kernel", ("bn/gamma",), ("conv1/kernel",)),
                *(1e-5, 9e-6, 1.1e-5, (1e-5,), 1e-3, "differs", 1e-7),
                "batch norm of 16 channels folded into conv1/kernel",
            ),
        ),
        "accounted": (
            AccountedTensor("bn/gamma", "reference", "folded", "into conv1/kernel"),
            AccountedTensor("bn/beta", "reference", "folded", "into conv1/kernel"),
        ),
        "notes": ("channels in another order, undone by the next layer",),
    }


def drift(prefix: str, noise: float, of: str = "onnx", layers=LAYERS):
    return WeightComparison(
        reference=of,
        drift=tuple(
            TensorDrift(
                name=f"{prefix}{name}",
                reference_name=name,
                matched_by="transposed" if len(shape) == 4 and prefix else "name",
                max_abs_error=noise * scale,
                mean_abs_error=noise * scale / 4,
                sqnr_db=-20 * math.log10(noise) + 9 if noise else None,
                cosine_similarity=1 - noise**2 / 2,
                n_changed=n if noise else 0,
                note="one scale for 32 channels" if noise > 0.01 else None,
                n=n,
                verdict=verdict(noise),
                error_ratio=noise * 80 if noise else None,
                tolerance="half a step of int8 codes" if noise else "",
            )
            for name, shape, scale, n, op in layers
            if noise == 0 or len(shape) > 1
        ),
        unmatched_reference=("bn/moving_variance",) if noise else (),
        unmatched_candidate=("dense/kernel_zero_point",) if noise else (),
        **(slips() if noise > 0.1 else {}),
    )
