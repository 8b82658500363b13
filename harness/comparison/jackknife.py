"""Intervals of metrics that rank: too dear to resample a thousand times."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from harness.comparison.paired_sums import CONFIDENCE, p_of_loss

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.core.results import TaskMetric

PARTS = 20
# Fewer say nothing of a spread.
_LEAST = 10


def with_jackknife(
    metric: TaskMetric, changes: Sequence[float], *, fact: bool
) -> TaskMetric:
    """A metric with the interval of a delete-a-group jackknife.

    Samples are put into `PARTS` parts by chance, and the metric is computed as often,
    each time without one of them. Kott (2001), "The delete-a-group jackknife", Journal
    of Official Statistics 17. Student's quantiles with one degree of freedom fewer
    than there are parts.

    Args:
        metric: Both sides' values over all samples.
        changes: Candidate's less reference's without each part; NaN where there is
            none.
        fact: Whether the reference is right by definition; no p-value then.
    """
    from scipy.special import stdtrit

    found = np.asarray(changes, np.float64)
    loss = metric.loss
    if loss is None or not np.isfinite(found).all() or len(found) < _LEAST:
        return metric
    n = len(found)
    error = math.sqrt((n - 1) / n * float(((found - found.mean()) ** 2).sum()))
    half = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2)) * error
    change = -loss if metric.higher_is_better else loss
    interval = (change - half, change + half)
    if fact:
        return replace(metric, interval=interval)
    p_value = max(p_of_loss(loss, error, n - 1), 1e-300)
    return replace(metric, interval=interval, p_value=p_value)
