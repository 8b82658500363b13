"""Weights of model files: what they hold, and how far they are from a reference's."""

from harness.weights.drift import compare_weights
from harness.weights.readers.table import READERS, reader_for
from harness.weights.statistics import describe

__all__ = ["READERS", "compare_weights", "describe", "reader_for"]
