"""Feeds golden samples to sessions, window by window, and times them."""

from harness.run.axes import find_axes, sample_first
from harness.run.binding import bind_inputs
from harness.run.predictor import Predictor
from harness.run.runner import Answering, Failure, Lane, Window, stream
from harness.run.stages import Deck
from harness.run.windows import RunFacts, parts, whole_batches, window_rows

__all__ = [
    "Answering",
    "Deck",
    "Failure",
    "Lane",
    "Predictor",
    "RunFacts",
    "Window",
    "bind_inputs",
    "find_axes",
    "parts",
    "sample_first",
    "stream",
    "whole_batches",
    "window_rows",
]
