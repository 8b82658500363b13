"""The audit of an already quantized model: every question, asked in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.core.findings import QuantizationAudit
from harness.weights.audit.activations import (
    look_at_activations,
    ranges_of,
    seen_at,
)
from harness.weights.audit.agreement import look_at_agreement
from harness.weights.audit.biases import look_at_biases
from harness.weights.audit.codes import look_at_codes
from harness.weights.audit.floats import look_at_floats
from harness.weights.audit.observers import look_at_observers
from harness.weights.audit.overflow import Overflow, overflow_of, told, weights_at_risk
from harness.weights.audit.scales import look_at_scales
from harness.weights.audit.symmetry import look_at_lowest_code, look_at_symmetry
from harness.weights.channels import channel_axis

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from harness.core.findings import QuantizationFinding
    from harness.core.protocols import IntArray, WeightTensor
    from harness.weights.audit.ranges import ActivationRange
    from harness.weights.audit.values import QuantizedModel, QuantizedValue

_ORDER = {"error": 0, "warning": 1, "info": 2}


def audit_quantization(
    model: QuantizedModel,
    reference: Iterable[WeightTensor] | None = None,
    ranges: Mapping[str, ActivationRange] | None = None,
) -> QuantizationAudit:
    """What is wrong with the scales and codes of a quantized model.

    Nothing is run. Codes are read a tensor at a time.

    Args:
        model: What `read_quantization` gives.
        reference: Weights of the float model, of any form; None where it is not there.
        ranges: The float model's name of a value -> its range on data, as
            `activation_ranges` gives them; None where there are none.

    Raises:
        ModelLoadError: A tensor's bytes cannot be read.
    """
    seen = seen_at(model, ranges or {})
    found = [
        *look_at_scales(model),
        *look_at_observers(model, seen),
        *look_at_biases(model),
        *look_at_symmetry(model),
        *look_at_agreement(model),
        *look_at_activations(model, seen),
        *_look_at_weights(model),
    ]
    n_compared = 0
    if reference is not None:
        more, n_compared = look_at_floats(model, reference)
        found += more
    return QuantizationAudit(
        n_activations=sum(not value.is_constant for value in model.values.values()),
        n_weights=sum(value.is_constant for value in model.values.values()),
        n_compared=n_compared,
        n_ranged=len(seen),
        findings=tuple(sorted(found, key=_worst_first)),
        ranges=tuple(ranges_of(model, seen)),
    )


def _worst_first(finding: QuantizationFinding) -> tuple[int, str, str]:
    return _ORDER[finding.severity], finding.code, finding.tensor


def _look_at_weights(model: QuantizedModel) -> Iterator[QuantizationFinding]:
    at_risk = weights_at_risk(model)
    overflows: list[Overflow] = []
    for value in model.weights:
        channels = _channels(value)
        yield from look_at_codes(value, channels)
        yield from look_at_lowest_code(value, channels, model.form)
        overflow = overflow_of(value, channels) if value.key in at_risk else None
        overflows += [overflow] if overflow is not None else []
    yield from told(overflows)


def _channels(value: QuantizedValue) -> IntArray:
    """A weight's codes, shape (output channels, weights of a channel)."""
    tensor = value.weight
    assert tensor is not None
    assert tensor.codes is not None
    codes = tensor.codes.codes()
    axis = channel_axis(tensor)
    if axis is None:
        # A vector may have a scale an element.
        return codes.reshape(value.zero_point.size, -1)
    return np.moveaxis(codes, axis, 0).reshape(codes.shape[axis], -1)
