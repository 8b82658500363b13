"""A backend of a few lines: ``y = 2 x``, and what its options ask for besides."""

from __future__ import annotations

import os
import sys
import time

from harness.core.errors import InferenceError, ModelLoadError
from harness.core.protocols import TensorSpec


def open_session(path, options):
    if not path.exists():
        raise ModelLoadError(f"{path} does not exist", hint="check the path")
    return Plain(options)


class Plain:
    def __init__(self, options):
        self._slow = options.get("seconds_a_batch", 0.0)
        self._refused = options.get("refused")
        axes = tuple(options.get("shape", (None, 2)))
        self.inputs = (TensorSpec("x", "float32", axes),)
        self.outputs = (TensorSpec("y", "float32", axes),)
        self.batch_size = options.get("batch_size")
        self.runtime = {
            "backend": "plain",
            "greeting": os.environ.get("GREETING"),
            "path": os.pathsep.join(sys.path),
            "umlaut": "ä",
        }

    def run(self, feeds, rows):
        time.sleep(self._slow)
        if rows.start == self._refused:
            raise InferenceError("refused", hint="ask for others")
        return {"y": 2 * feeds["x"]}

    def close(self):
        print("closed")
