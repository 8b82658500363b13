"""Where decisions went, counted over all flips."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.comparison.decided import DecisionCounts
from harness.comparison.flows import MOST_FLOWS, FlowCounts, collapse_index
from harness.core.results import ClassComparison

NAMES = ("ant", "bee", "cat")


@given(seed=st.integers(0, 2**32 - 1), labelled=st.booleans())
@settings(max_examples=30, deadline=None)
def test_flows_are_a_count_of_flips_in_any_order_and_split(seed, labelled):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 80))
    old, new, true = (rng.integers(0, 3, n) for _ in range(3))
    margins = rng.random(n)
    parts = [FlowCounts(NAMES) for _ in range(3)]
    for part, chosen in zip(parts, np.array_split(rng.permutation(n), 3), strict=True):
        told = true[chosen] if labelled else None
        part.update((old[chosen], new[chosen], told), margins[chosen])
    parts[1].merge(parts[0])
    parts[1].merge(parts[2])
    found = parts[1].result()
    names = [
        (NAMES[t] if labelled else None, NAMES[o], NAMES[w])
        for t, o, w in zip(true, old, new, strict=True)
    ]
    assert {(f.true, f.old, f.new): f.n for f in found} == Counter(names)
    assert [f.n for f in found] == sorted((f.n for f in found), reverse=True)
    first = found[0]
    same = [
        i for i, key in enumerate(names) if key == (first.true, first.old, first.new)
    ]
    assert first.mean_margin == pytest.approx(margins[same].mean())


def test_the_largest_flows_are_kept():
    names = [str(i) for i in range(100)]
    flows = FlowCounts(names)
    old = np.repeat(np.arange(99), np.arange(99) + 1)
    flows.update((old, old + 1, None), np.zeros(len(old)))
    found = flows.result()
    assert len(found) == MOST_FLOWS
    assert (found[0].old, found[0].new, found[0].n) == ("98", "99", 99)


@pytest.mark.parametrize(
    ("counts", "index"),
    [
        ([5, 5, 5, 5], 0.0),
        ([20, 0, 0, 0], 0.75),
        ([10, 10, 0, 0], 0.5),
        ([0, 0], None),
    ],
)
def test_the_collapse_index(counts, index):
    found = collapse_index(np.array(counts))
    assert found is None if index is None else found == pytest.approx(index)


def test_equal_accuracy_with_opposite_flips_names_who_loses():
    labels = np.repeat([0, 1], 50)
    old, new = labels.copy(), labels.copy()
    old[50:70], new[:20] = 2, 2
    counts = DecisionCounts(NAMES)
    counts.update(old, new, labels, np.ones(40))
    found = counts.result()
    assert found.accuracy == found.accuracy_reference == 0.8
    assert [(c.n_regressed, c.n_improved) for c in found.per_class] == [
        (20, 0),
        (0, 20),
        (0, 0),
    ]
    assert {(f.true, f.old, f.new, f.n) for f in found.flows} == {
        ("ant", "ant", "cat", 20),
        ("bee", "cat", "bee", 20),
    }
    assert found.collapse == pytest.approx(found.collapse_reference)


def test_changes_of_precision_and_f1_are_differences():
    one = ClassComparison("a", 9, 1.0, 0.5, None, 0.5, 0.75, 0.6, 0.5, 4, 0)
    assert one.precision_change == 0.25
    assert one.f1_change == pytest.approx(-0.1)
    none = ClassComparison("a", 9, 1.0, 0.5, None, None, 0.75, None, 0.5, 4, 0)
    assert none.precision_change is None
    assert none.f1_change is None
