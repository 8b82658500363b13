"""What a weight is to the operator that reads it: one vocabulary for every form."""

from __future__ import annotations

from typing import Final

ROLES: Final = (
    "beta",
    "bias",
    "constant",
    "depthwise_kernel",
    "embedding",
    "gamma",
    "gate_bias",
    "gate_kernel",
    "gate_recurrent_kernel",
    "kernel",
    "n_batches",
    "peephole",
    "running_mean",
    "running_variance",
    "scale",
    "slope",
    "zero_point",
)
"""Words for `WeightTensor.role`; a "gate" tensor holds all gates of a layer."""
