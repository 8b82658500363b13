"""Of a long graph the guilty steps are kept, and what lies nearest to them."""

from __future__ import annotations

from harness.core.results import ErrorProfile, ErrorStep
from harness.pipeline.profiles import MOST_STEPS, kept


def profile(n_steps: int, *guilty: int) -> ErrorProfile:
    steps = (
        ErrorStep(str(k), str(k), "Conv", 0.0, 0.0, 1e-6, k in guilty)
        for k in range(n_steps)
    )
    return ErrorProfile("candidate", tuple(steps), 16)


def names(found: ErrorProfile) -> list[int]:
    return [int(step.candidate_node) for step in found.steps]


def test_a_short_graph_is_kept_whole():
    whole = profile(MOST_STEPS, 3)
    assert kept(whole) == whole


def test_guilty_steps_come_first_then_their_neighbours_in_order():
    found = kept(profile(1000, 500, 900), most=6)
    assert names(found) == [499, 500, 501, 899, 900, 901]
    assert found.n_left_out == 994


def test_of_too_many_guilty_steps_the_first_are_kept():
    found = kept(profile(50, *range(10, 50)), most=5)
    assert names(found) == [10, 11, 12, 13, 14]


def test_without_a_guilty_step_the_start_is_kept():
    assert names(kept(profile(50), most=3)) == [0, 1, 2]
