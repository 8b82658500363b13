"""A translation that does not answer as the file does is never used."""

from __future__ import annotations

import numpy as np
import pytest

from harness.core.errors import InferenceError
from harness.graphs.translate.emitter import Emitter
from harness.graphs.translate.verify import verify

THEIRS = {"y": np.array([[1.0, -2.0], [0.5, 0.0]], np.float32)}


def translation(step=0.0, *, rounds=False):
    e = Emitter()
    e.reserve(["x", "y"])
    with e.node("half"):
        half = e.emit("Mul", e.input("x", "float32", ["batch", 2]), e.scalar(0.5))
        e.output("y", half, "float32", 2)
    return e.finish({"x": "x"}, {"y": "y"}, {"y": step}, rounds=rounds)


def checked(moved, made):
    return verify(made, lambda: {"y": THEIRS["y"] + np.float32(moved)}, THEIRS)


def test_what_answers_alike_says_how_closely():
    found = checked(1e-6, translation())
    assert not found.reason
    assert found.error == pytest.approx(0.5e-6, rel=0.2)


@pytest.mark.parametrize(
    ("moved", "step", "rounds", "used"),
    [
        (1e-4, 0.0, False, False),
        (0.125, 0.125, False, True),
        (0.25, 0.125, False, False),
        (0.005, 0.0, True, True),
        (0.02, 0.0, True, False),
        (np.nan, 0.0, False, False),
    ],
)
def test_what_is_allowed_is_rounding(moved, step, rounds, used):
    found = checked(moved, translation(step, rounds=rounds))
    assert bool(found.reason) != used
    if not used:
        assert "'y'" in found.reason


@pytest.mark.parametrize(("sways", "used"), [(4e-5, True), (1e-6, False)])
def test_a_network_that_magnifies_rounding_may_do_so(sways, used):
    moved = THEIRS["y"] * np.float32(1 + 1e-4)
    found = verify(
        translation(),
        lambda: {"y": moved},
        THEIRS,
        lambda: {"y": moved * np.float32(1 + sways)},
    )
    assert bool(found.reason) != used


def test_rounding_that_cannot_be_told_allows_nothing():
    def fail():
        raise InferenceError("it fails", hint="none")

    moved = {"y": THEIRS["y"] * np.float32(1 + 1e-4)}
    assert verify(translation(), lambda: moved, THEIRS, fail).reason


def test_another_shape_and_a_failure_are_told():
    def fail():
        raise InferenceError("it fails", hint="none")

    short = verify(translation(), lambda: {"y": THEIRS["y"][:1]}, THEIRS)
    assert "another shape" in short.reason
    assert "it fails" in verify(translation(), fail, THEIRS).reason
