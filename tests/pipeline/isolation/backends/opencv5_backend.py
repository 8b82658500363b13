"""Frozen TensorFlow graphs through OpenCV's dnn, as somebody might offer them."""

from __future__ import annotations

import cv2

from harness.core.protocols import TensorSpec


def open_session(path, options):
    return Network(cv2.dnn.readNetFromTensorflow(str(path)))


class Network:
    inputs = (TensorSpec("image", "float32", (None, 1, 8, 8)),)
    outputs = (TensorSpec("probabilities", "float32", (None, 10)),)
    batch_size = None

    def __init__(self, network):
        self._network = network
        self.runtime = {"backend": "opencv5", "version": cv2.__version__}

    def run(self, feeds, _rows):
        self._network.setInput(feeds["image"])
        return {"probabilities": self._network.forward()}

    def close(self):
        self._network = None
