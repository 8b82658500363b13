"""Holds a candidate's outputs against the reference's, one batch after the other."""

from harness.comparison.aggregate import Comparison, ComparisonResult
from harness.comparison.batch import ComparisonBatch
from harness.comparison.distance import distance
from harness.comparison.pairing import pair_outputs

__all__ = [
    "Comparison",
    "ComparisonBatch",
    "ComparisonResult",
    "distance",
    "pair_outputs",
]
