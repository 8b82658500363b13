"""Holds forms of one model against each other on golden data.

The public face; each name is imported when it is first used, so that ``import
harness`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.core.errors import HarnessError, QualityRegression
    from harness.core.results import QualityReport
    from harness.core.specs import RunOptions, Suite
    from harness.pipeline import compare, evaluate, record
    from harness.report.json_ import read_report
    from harness.suite import load_suite
    from harness.verdicts import raise_for_status

__all__ = [
    "HarnessError",
    "QualityRegression",
    "QualityReport",
    "RunOptions",
    "Suite",
    "compare",
    "evaluate",
    "load_suite",
    "raise_for_status",
    "read_report",
    "record",
]

_HOMES = {
    "HarnessError": "harness.core.errors",
    "QualityRegression": "harness.core.errors",
    "QualityReport": "harness.core.results",
    "RunOptions": "harness.core.specs",
    "Suite": "harness.core.specs",
    "compare": "harness.pipeline",
    "evaluate": "harness.pipeline",
    "load_suite": "harness.suite",
    "raise_for_status": "harness.verdicts",
    "read_report": "harness.report.json_",
    "record": "harness.pipeline",
}


def __getattr__(name: str) -> object:
    """Import a public name from its home, once."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
