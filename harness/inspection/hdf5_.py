"""What an HDF5 file holds, counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.inspection.tally import Weights

if TYPE_CHECKING:
    from harness.formats.hdf5 import Hdf5

NOT_INSTALLED = (
    "weights: h5py is not installed (pip install 'model-quality-harness[h5]')"
)


def weights_of(file: Hdf5) -> Weights:
    """All of its arrays."""
    weights = Weights()
    for array in file.arrays:
        # Momentum and the like of the training are no parameters of the model.
        counts = not array.name.startswith("/optimizer")
        weights.add(array.dtype, list(array.shape), is_parameter=counts)
    return weights
