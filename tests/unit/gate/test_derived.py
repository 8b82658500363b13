import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.tolerances import OutputTolerance
from harness.gate import FACTOR, derive

DISTANCES = st.floats(0, 1e-4)


def entry(**changes):
    fields = {
        "variant": "onnx",
        "output": "y",
        "model_sha256": "",
        "scale": 1.0,
        "reference_sha256": "",
        "preprocess_sha256": "",
        "reference_rounding": 2e-6,
        "candidate_rounding": 1e-6,
    }
    return OutputTolerance(**(fields | changes))


def test_the_floor_is_the_sum_of_both_sides():
    found = derive(entry(candidate_noise={"2 threads": 3e-6}), asked=True)
    assert found.atol == pytest.approx(FACTOR * 5e-6)
    assert found.rtol == found.atol


def test_a_side_without_an_oracle_rounds_as_the_other_does():
    found = derive(entry(reference_rounding=None), asked=True)
    assert found.atol == pytest.approx(FACTOR * 2e-6)


def test_without_any_oracle_nothing_is_derived():
    found = derive(entry(reference_rounding=None, candidate_rounding=None), asked=True)
    assert (found.atol, found.rtol) == (None, None)
    assert "neither side has a float64 oracle" in found.reason


def test_who_is_held_to_decisions_gets_none():
    found = derive(entry(), asked=False)
    assert found.atol is None
    assert "decisions" in found.reason


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"candidate_noise": {"optimisation disable": 0.1}}, "optimisation disable"),
        ({"reference_noise": {"2 threads": 0.1}}, "reference, 2 threads"),
        ({"candidate_rounding": 0.1}, "own oracle"),
    ],
)
def test_what_is_no_rounding_widens_nothing_and_is_told(changes, named):
    found = derive(entry(**changes), asked=True)
    assert found.atol < 1e-4
    assert "1.0e-01 away, which is no rounding" in found.unmeasured[named]


@given(DISTANCES, DISTANCES, DISTANCES, st.floats(1e-3, 1e6))
def test_tolerances_hold_what_was_measured_whatever_the_scale(a, b, noise, scale):
    measured = entry(
        scale=scale,
        reference_rounding=a * scale,
        candidate_rounding=b * scale,
        candidate_noise={"2 threads": noise * scale},
    )
    found = derive(measured, asked=True)
    floor = (a + max(b, noise)) * scale
    assert found.atol >= FACTOR * floor * (1 - 1e-12)
    assert found.atol <= 1.1 * FACTOR * (floor + 2 * 2**-23 * scale)
    assert found.rtol == pytest.approx(found.atol / scale, rel=0.11)


def test_an_output_that_is_all_zero_has_no_relative_tolerance():
    found = derive(
        entry(scale=0.0, reference_rounding=0.0, candidate_rounding=0.0), asked=True
    )
    assert (found.atol, found.rtol) == (0.0, 0.0)
