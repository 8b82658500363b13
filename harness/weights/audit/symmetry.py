"""Are weights symmetric where their operator takes them to be?

The 8-bit specification of LiteRT gives weights the zero point 0 and the codes -127 to
127, and 16-bit activations the zero point 0. onnxruntime takes others, at a price.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.core.findings import QuantizationFinding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.findings import Severity
    from harness.core.protocols import IntArray
    from harness.weights.audit.values import QuantizedModel, QuantizedValue

_KERNELS = frozenset(
    {"depthwise_kernel", "gate_kernel", "gate_recurrent_kernel", "kernel"}
)
_STRICT = "litert"
_TOLERANT: dict[str, Severity] = {"onnx": "warning"}


def is_kernel(value: QuantizedValue) -> bool:
    """Whether a constant is a factor of products."""
    return value.weight is not None and value.weight.role in _KERNELS


def look_at_symmetry(model: QuantizedModel) -> Iterator[QuantizationFinding]:
    """Signed weights, and 16-bit activations, with a zero point that is not 0."""
    for value in model.weights:
        if is_kernel(value) and value.is_signed and np.any(value.zero_point):
            if model.form == _STRICT:
                yield _asymmetric(value, "error", "kernels take 0 in its place")
            elif model.form in _TOLERANT:
                text = "every product has one more term to subtract"
                yield _asymmetric(value, _TOLERANT[model.form], text)
    for value in model.activations:
        is_wide = value.dtype == "int16" and model.form == _STRICT
        if is_wide and np.any(value.zero_point):
            yield _asymmetric(value, "error", "16-bit kernels take 0 in its place")


def look_at_lowest_code(
    value: QuantizedValue, codes: IntArray, form: str
) -> Iterator[QuantizationFinding]:
    """The code -128, which symmetric weights of LiteRT do without.

    Args:
        value: The weight.
        codes: Its codes, of any shape.
        form: Of the model.
    """
    if form != _STRICT or value.dtype != "int8" or not is_kernel(value):
        return
    n = int(np.count_nonzero(codes == value.low))
    if n:
        yield QuantizationFinding(
            code="QNT402",
            severity="warning",
            cause="quant.asymmetric",
            tensor=value.key,
            node=value.node,
            explanation=f"{n} of {codes.size} weights have the code {value.low}, where"
            " the specification ends at -127: fast kernels overflow on it",
            numbers={"n": n, "code": value.low},
            hint="clip codes of weights to -127 to 127",
        )


def _asymmetric(
    value: QuantizedValue, severity: Severity, text: str
) -> QuantizationFinding:
    at = int(np.argmax(np.abs(value.zero_point)))
    zero = float(value.zero_point[at])
    n = int(np.count_nonzero(value.zero_point))
    return QuantizationFinding(
        code="QNT401" if value.is_constant else "QNT403",
        severity=severity,
        cause="quant.asymmetric",
        tensor=value.key,
        node=value.node,
        explanation=f"{value.dtype} with the zero point {zero:.0f} (channel {at}; {n}"
        f" of {value.zero_point.size} are not 0), where symmetric codes are meant:"
        f" {text}",
        numbers={"zero_point": zero, "channel": at, "n": n},
        hint="quantize it symmetrically",
    )
