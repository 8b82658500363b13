import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix

from harness.comparison import confusion
from harness.comparison.confusion import ConfusionMatrix

CLASSES = 7
samples = st.lists(
    st.tuples(st.integers(0, CLASSES - 1), st.integers(0, CLASSES)), max_size=60
)


def counted(batches):
    matrix = ConfusionMatrix(CLASSES)
    for batch in batches:
        pairs = np.array(batch, np.int64).reshape(-1, 2)
        matrix.update(pairs[:, 0], pairs[:, 1])
    return matrix


@pytest.mark.parametrize("most", [1 << 21, 0], ids=["dense", "sparse"])
@given(st.lists(samples, max_size=5), st.lists(samples, max_size=5))
def test_cells_are_those_of_scikit_learn(most, ones, others):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(confusion, "_MOST_DENSE", most)
        patch.setattr(confusion, "_MOST_WAITING", 20)
        merged, other = counted(ones), counted(others)
        merged.merge(other)
    pairs = np.array([p for batch in ones + others for p in batch]).reshape(-1, 2)
    true, answers = pairs.astype(int).T
    whole = np.zeros((CLASSES + 1, CLASSES + 1), int)
    if len(pairs):
        whole = confusion_matrix(true, answers, labels=range(CLASSES + 1))
    expected = whole[:CLASSES, :CLASSES]
    np.testing.assert_array_equal(merged.matrix, expected)
    np.testing.assert_array_equal(merged.n_true, whole[:CLASSES].sum(axis=1))
    np.testing.assert_array_equal(merged.n_right, expected.diagonal())
    np.testing.assert_array_equal(merged.n_answered, expected.sum(axis=0))
    keys, times = merged.cells()
    np.testing.assert_array_equal(keys, np.flatnonzero(expected))
    np.testing.assert_array_equal(times, expected.reshape(-1)[keys])


def test_many_classes_take_little_memory():
    matrix = ConfusionMatrix(100_000)
    labels = np.arange(0, 100_000, 7)
    matrix.update(labels, labels)
    matrix.update(labels, np.full(len(labels), 100_000))
    assert matrix.n_right.sum() == len(labels)
    assert matrix.n_true.sum() == 2 * len(labels)
    assert len(matrix.cells()[0]) == len(labels)
