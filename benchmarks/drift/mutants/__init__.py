"""Mutators, one file a family; importing this package registers them all."""

from benchmarks.drift.mutants import (
    activation,
    attention,
    convolution,
    layout,
    normalization,
    numeric,
    outside,
    padding,
    pooling,
    quantization,
    recurrent,
    resizing,
    weights,
)

__all__ = [
    "activation",
    "attention",
    "convolution",
    "layout",
    "normalization",
    "numeric",
    "outside",
    "padding",
    "pooling",
    "quantization",
    "recurrent",
    "resizing",
    "weights",
]
