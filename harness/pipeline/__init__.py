"""The only place that knows the stages: suite in, report out."""

from harness.pipeline.calibration import calibrate
from harness.pipeline.evaluation import evaluate, planned_checks
from harness.pipeline.pair import compare
from harness.pipeline.recording import record
from harness.pipeline.recordings import survey, update

__all__ = [
    "calibrate",
    "compare",
    "evaluate",
    "planned_checks",
    "record",
    "survey",
    "update",
]
