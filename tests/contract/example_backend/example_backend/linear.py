"""``y = x W``, with W in a text file: one row a line, numbers parted by spaces."""

import numpy as np

from harness.backends.options import Options
from harness.backends.sessions import (
    LiveSession,
    LoadedModel,
    batch_error,
    load_failure,
    require_file,
)
from harness.core.protocols import TensorSpec


def open_session(path, options):
    """Open a ``.linear`` file."""
    Options("linear", options, ())
    require_file(path)
    try:
        weights = np.loadtxt(path, dtype=np.float32, ndmin=2)
    except ValueError as error:
        raise load_failure("linear", path, error) from error
    rows, columns = weights.shape
    return LiveSession(
        LoadedModel(
            inputs=(TensorSpec("x", "float32", (None, rows)),),
            outputs=(TensorSpec("y", "float32", (None, columns)),),
            runtime={"backend": "linear", "version": "0.1.0"},
            call=lambda feeds: {"y": feeds["x"] @ weights},
            errors=(ValueError,),
            translate=lambda error: batch_error("linear", str(path), error),
        )
    )
