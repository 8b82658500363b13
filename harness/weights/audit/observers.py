"""Did calibration see data at every activation?

What observers leave without data: scale 1 and zero point 0 in PyTorch and onnxruntime,
float32's epsilon in PyTorch where minimum and maximum are the same, one range for all
activations by the converter option `default_ranges_stats` of TensorFlow Lite.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from harness.core.findings import QuantizationFinding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.weights.audit.ranges import ActivationRange
    from harness.weights.audit.values import QuantizedModel, QuantizedValue

# float32's epsilon times 8 bits: no range that a network computes on purpose.
_NO_RANGE = 1.2e-7 * 256
# Results whose range is known beforehand: all of them have the same one.
_BOUNDED = frozenset(
    {
        *("Clip", "HardSigmoid", "LOGISTIC", "LOG_SOFTMAX", "RELU6", "SOFTMAX"),
        *("Sigmoid", "SoftMax", "Softmax", "TANH", "Tanh"),
    }
)
_KEEPING = frozenset(
    {
        *("CONCATENATION", "Concat", "GATHER", "MAX_POOL_2D", "MaxPool", "PACK", "PAD"),
        *("Pad", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "Resize", "SLICE"),
        *("SPLIT", "STRIDED_SLICE", "Slice", "Split"),
    }
)
_FEW = 4
# A range that the data fill to this share, and do not exceed by as much, is right
# however odd it looks.
_FILLED = 0.25


def look_at_observers(
    model: QuantizedModel, ranges: dict[str, ActivationRange]
) -> Iterator[QuantizationFinding]:
    """Activations whose scale is a default.

    Args:
        model: The quantized model.
        ranges: Key of an activation -> what data showed there, where that is known.
    """
    for value in model.activations:
        if _fills(value, ranges.get(value.key)):
            continue
        if _is_default(value):
            yield _default(value)
        elif 0 < value.top - value.bottom <= _NO_RANGE:
            yield _constant(value)
    yield from _one_for_all(model)


def _is_default(value: QuantizedValue) -> bool:
    """Scale 1, and 0 or the middle code for zero; of inputs it is meant."""
    if value.made_by is None or value.scale is None or value.scale.size != 1:
        return False
    middle = (value.low + value.high + 1) // 2
    return value.scale[0] == 1 and float(value.zero_point[0]) in {0, middle}


def _fills(value: QuantizedValue, seen: ActivationRange | None) -> bool:
    if seen is None:
        return False
    width, data = value.top - value.bottom, seen.max - seen.min
    return _FILLED * width < data < width / _FILLED


def _default(value: QuantizedValue) -> QuantizationFinding:
    return QuantizationFinding(
        code="QNT201",
        severity="error",
        cause="quant.observer",
        tensor=value.key,
        node=value.node,
        explanation=f"{value.name} has scale 1 and zero point"
        f" {value.zero_point[0]:.0f}, which is what an observer holds that saw no data:"
        f" its range is {value.bottom:.4g} to {value.top:.4g} in steps of 1",
        numbers={"scale": 1.0, "low": value.bottom, "high": value.top},
        hint="run calibration through this layer, and convert after it",
    )


def _constant(value: QuantizedValue) -> QuantizationFinding:
    assert value.scale is not None
    scale = float(value.scale.min())
    return QuantizationFinding(
        code="QNT202",
        severity="error",
        cause="quant.observer",
        tensor=value.key,
        node=value.node,
        explanation=f"{value.name} has the scale {scale:.3g} and the range"
        f" {value.bottom:.3g} to {value.top:.3g}: its observer saw one number alone,"
        " or none, and all others are clipped",
        numbers={"scale": scale, "low": value.bottom, "high": value.top},
        hint="calibrate with samples that make this layer answer differently",
    )


def _one_for_all(model: QuantizedModel) -> Iterator[QuantizationFinding]:
    """The same range at operators that have nothing to do with each other."""
    groups: dict[tuple[float, float], list[QuantizedValue]] = defaultdict(list)
    computed = [v for v in model.activations if _is_computed(v)]
    for value in computed:
        assert value.scale is not None
        groups[float(value.scale[0]), float(value.zero_point[0])].append(value)
    same = max(groups.values(), key=len, default=[])
    if len(same) < _FEW or len(same) * 2 < len(computed):
        return
    first = same[0]
    rectified = abs(first.bottom) < 1e-6 and abs(first.top - 6) < 0.05
    yield QuantizationFinding(
        code="QNT203",
        severity="info" if rectified else "warning",
        cause="quant.observer",
        tensor=first.key,
        node=first.node,
        explanation=f"{len(same)} of {len(computed)} activations have the very same"
        f" range, {first.bottom:.4g} to {first.top:.4g}: a default rather than data"
        + ("; rectifiers that end at 6 have it too" if rectified else ""),
        numbers={"n": len(same), "low": first.bottom, "high": first.top},
        hint="calibrate with data instead of default ranges",
    )


def _is_computed(value: QuantizedValue) -> bool:
    made_by = value.made_by
    alone = value.scale is not None and value.scale.size == 1
    return alone and made_by is not None and made_by not in _BOUNDED | _KEEPING
