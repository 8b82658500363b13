"""Holds a candidate's outputs against the reference's, one batch after the other."""

from harness.comparison.aggregate import Comparison, ComparisonResult, Scoring
from harness.comparison.batch import ComparisonBatch
from harness.comparison.distance import distance
from harness.comparison.pairing import pair_outputs
from harness.comparison.slicing.slices import Slicing
from harness.comparison.tasks.table import NOTICES as TASK_NOTICES

__all__ = [
    "TASK_NOTICES",
    "Comparison",
    "ComparisonBatch",
    "ComparisonResult",
    "Scoring",
    "Slicing",
    "distance",
    "pair_outputs",
]
