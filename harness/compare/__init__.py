"""Holds a candidate's outputs against the reference's, one batch after the other."""

from harness.compare.batch import ComparisonBatch
from harness.compare.comparison import Comparison, ComparisonResult
from harness.compare.distance import distance
from harness.compare.pairing import pair_outputs

__all__ = [
    "Comparison",
    "ComparisonBatch",
    "ComparisonResult",
    "distance",
    "pair_outputs",
]
