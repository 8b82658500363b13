"""Feeds golden samples to sessions, window by window, and times them."""

from harness.run.axes import find_axes, sample_first
from harness.run.binding import bind_inputs
from harness.run.predictor import Predictor
from harness.run.runner import Failure, Lane, Window, stream

__all__ = [
    "Failure",
    "Lane",
    "Predictor",
    "Window",
    "bind_inputs",
    "find_axes",
    "sample_first",
    "stream",
]
