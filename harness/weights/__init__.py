"""Weights of model files: what they hold, and how far they are from a reference's."""

from harness.weights.drift import compare_sketches, compare_weights
from harness.weights.frame import weights_frame
from harness.weights.ranking import rank_harm
from harness.weights.readers.table import READERS, reader_for
from harness.weights.sketch import Sketch, sketches
from harness.weights.statistics import describe, describe_all

__all__ = [
    "READERS",
    "Sketch",
    "compare_sketches",
    "compare_weights",
    "describe",
    "describe_all",
    "rank_harm",
    "reader_for",
    "sketches",
    "weights_frame",
]
