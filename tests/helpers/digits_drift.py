"""Diagnoses of forms of the golden digits."""

from pathlib import Path

from harness.core.specs import Preprocess
from harness.pipeline.drift import DiagnoseOptions, diagnose_pair

DIGITS = Path(__file__).parents[2] / "golden" / "digits"


def diagnosed(reference, candidate):
    """What a diagnosis on 24 golden digits says."""
    options = DiagnoseOptions(n_samples=24)
    preprocess = Preprocess(scale=0.0625)
    data = DIGITS / "data"
    return diagnose_pair(reference, candidate, data, options, preprocess=preprocess)[0]
