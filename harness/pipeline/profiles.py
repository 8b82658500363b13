"""Which steps of a long graph a report keeps."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.core.results import ErrorProfile

MOST_STEPS = 200


def kept(profile: ErrorProfile, most: int = MOST_STEPS) -> ErrorProfile:
    """The profile with its guilty steps and what lies nearest to them, in order.

    Args:
        profile: Errors along a graph.
        most: Steps to keep at most; of as many as that nothing is left out.
    """
    guilty = [place for place, step in enumerate(profile.steps) if step.guilty]

    def far(place: int) -> int:
        return min((abs(place - other) for other in guilty), default=place)

    chosen = sorted(sorted(range(len(profile.steps)), key=far)[:most])
    steps = tuple(profile.steps[place] for place in chosen)
    left_out = profile.n_left_out + len(profile.steps) - len(steps)
    return replace(profile, steps=steps, n_left_out=left_out)
