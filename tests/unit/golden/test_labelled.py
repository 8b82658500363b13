"""Labels that lie in a file of their own."""

import numpy as np
import pytest

from harness.core.errors import GoldenError
from harness.core.specs import GoldenSpec
from harness.golden.source import open_golden

N = 7


@pytest.fixture
def opened(tmp_path):
    """Opens seven samples of their own labels with labels from elsewhere."""

    def open_with(name, classes=("a", "b", "c"), **arrays):
        data, labels = tmp_path / "data.npz", tmp_path / name
        np.savez(data, x=np.arange(N), label=np.zeros(N, int), classes=list(classes))
        if labels.suffix == ".npy":
            np.save(labels, arrays["label"])
        else:
            np.savez(labels, **arrays)
        return open_golden(GoldenSpec(data, labels=labels))

    return open_with


@pytest.mark.parametrize("name", ["labels.npy", "labels.npz"])
def test_they_replace_those_of_the_data(opened, name):
    expected = np.array([2, 1, 0, 2, 1, 0, 2])
    source = opened(name, label=expected)
    assert source.has_labels
    chunks = list(source.chunks(3))
    assert [len(chunk.labels) for chunk in chunks] == [3, 3, 1]
    np.testing.assert_array_equal(np.concatenate([c.labels for c in chunks]), expected)


def test_one_array_needs_no_name(opened):
    chunk = next(opened("l.npz", truth=np.ones(N, int)).chunks(N))
    np.testing.assert_array_equal(chunk.labels, np.ones(N))


def test_names_of_classes_are_looked_up(opened):
    chunk = next(opened("l.npy", label=np.array(list("abcabca"))).chunks(N))
    np.testing.assert_array_equal(chunk.labels, [0, 1, 2, 0, 1, 2, 0])


def test_other_labels_are_other_data(opened):
    first = opened("a.npy", label=np.zeros(N, int)).digest
    assert opened("b.npy", label=np.ones(N, int)).digest != first


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"label": np.zeros(N - 1, int)}, r"label has shape \(6,\) for 7 samples"),
        ({"label": np.zeros(N)}, "labels are float64"),
        ({"p": np.zeros(N, int), "q": np.zeros(N, int)}, "which of p, q are labels"),
    ],
)
def test_what_cannot_be_labels_is_refused(opened, arrays, said):
    with pytest.raises(GoldenError, match=rf"(?s)l\.npz.*{said}.*Hint: "):
        opened("l.npz", **arrays)


def test_a_label_out_of_range_names_the_sample(opened):
    source = opened("l.npy", label=np.array([0, 1, 2, 3, 0, 0, 0]))
    with pytest.raises(GoldenError, match=r"l\.npy: sample 3 has label 3"):
        list(source.chunks(2))
