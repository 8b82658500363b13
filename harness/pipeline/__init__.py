"""The only place that knows the stages: suite in, report out.

Each name is imported when it is first used: a report that is kept is told without
what runs models.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.pipeline.answered import evaluate
    from harness.pipeline.calibration import calibrate
    from harness.pipeline.evaluation import planned_checks
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

_HOMES = {
    "calibrate": "calibration",
    "compare": "pair",
    "evaluate": "answered",
    "planned_checks": "evaluation",
    "record": "recording",
    "survey": "recordings",
    "update": "recordings",
}


def __getattr__(name: str) -> object:
    """Import a public name from its home, once."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
