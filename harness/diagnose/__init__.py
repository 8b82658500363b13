"""Where two models part, why, and the edit that proves it."""

from harness.diagnose.diagnosis import DriftQuestion, diagnose

__all__ = ["DriftQuestion", "diagnose"]
