"""The task that docs/tasks.md shows is one."""

import re
from pathlib import Path

import numpy as np
import pytest

from harness.comparison.batch import ComparisonBatch
from harness.comparison.tasks.foreign import ForeignTask
from harness.core.errors import SuiteError

PAGE = Path(__file__).parents[2] / "docs" / "tasks.md"


@pytest.fixture(scope="module")
def factory():
    text = PAGE.read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names = {}
    exec(compile(code, str(PAGE), "exec"), names)
    return names["CountingTask"]


def made(factory, options=None):
    return ForeignTask("counting", "page", factory, options or {}, None)


def batch(start, stop):
    truth = np.arange(start, stop) % 5
    return ComparisonBatch(
        slice(start, stop),
        {"count": truth.astype(np.float32)},
        {"count": truth + (truth == 0)},
        targets={"target": truth},
    )


def test_it_counts_whatever_the_parts(factory):
    whole, one, other = (made(factory) for _ in range(3))
    whole.update(batch(0, 100))
    one.update(batch(0, 30))
    other.update(batch(30, 100))
    one.merge(other)
    assert one.result() == whole.result()
    found = {m.name: m for m in whole.result().metrics}
    assert found["exact"].candidate == pytest.approx(0.8)
    assert found["mean_count_error"].candidate == pytest.approx(0.2)
    assert found["exact"].interval is not None


def test_it_refuses_other_options(factory):
    with pytest.raises(SuiteError, match="slack"):
        made(factory, {"slack": 1})
