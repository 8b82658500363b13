"""Audit of an already quantized model: scales, zero points, codes, observers."""

from harness.weights.audit.auditing import audit_quantization
from harness.weights.audit.table import QUANTIZATION_READERS, read_quantization

__all__ = ["QUANTIZATION_READERS", "audit_quantization", "read_quantization"]
