"""The only place that knows the stages: suite in, report out."""

from harness.pipeline.evaluation import evaluate, planned_checks
from harness.pipeline.pair import compare
from harness.pipeline.recording import record

__all__ = ["compare", "evaluate", "planned_checks", "record"]
