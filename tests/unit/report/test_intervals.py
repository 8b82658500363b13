"""Intervals of a task's metrics, in as many digits as they are wide."""

import pytest

from harness.core.results import TaskMetric
from harness.report.tasks import interval


@pytest.mark.parametrize(
    ("ends", "told"),
    [
        ((-0.066, -0.01802), "-0.066 to -0.018"),
        ((0.003976, 0.04418), "+0.004 to +0.044"),
        ((-12.0, 30.0), "-12 to +30"),
        ((0.0, 0.0), "0 to 0"),
        (None, "-"),
    ],
)
def test_both_ends_have_the_digits_of_the_width(ends, told):
    assert interval(TaskMetric("mean_iou", 1, 0.5, 0.5, interval=ends)) == told
