"""Where two models part, why, and the edit that proves it."""

from harness.diagnose.diagnosis import diagnose
from harness.diagnose.fusion import Fusion, FusionQuestion, find_fusion
from harness.diagnose.matrix import MatrixQuestion, Ways, run_matrix
from harness.diagnose.question import BUDGET, Budget, Diagnosis, DriftQuestion
from harness.diagnose.rewrites import with_outputs
from harness.diagnose.steadiness import outputs_agree

__all__ = [
    "BUDGET",
    "Budget",
    "Diagnosis",
    "DriftQuestion",
    "Fusion",
    "FusionQuestion",
    "MatrixQuestion",
    "Ways",
    "diagnose",
    "find_fusion",
    "outputs_agree",
    "run_matrix",
    "with_outputs",
]
