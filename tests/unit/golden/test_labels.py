import numpy as np
import pytest

from harness.core.errors import GoldenError


@pytest.fixture
def names(tmp_path):
    file = tmp_path / "classes.txt"
    file.write_text("zero\none\ntwo\n\n", encoding="utf-8")
    return file


def labels(source, rows=2):
    return [label for chunk in source.chunks(rows) for label in chunk.labels.tolist()]


def test_text_is_looked_up_in_the_class_names(open_npz, names):
    text = np.array(["two", "zero", "one", "two"])
    assert labels(open_npz(names, x=np.ones(4), label=text)) == [2, 0, 1, 2]


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int64", "bool"])
def test_integers_become_int64(open_npz, dtype):
    source = open_npz(x=np.ones(2), label=np.array([1, 0], dtype))
    assert next(source.chunks(2)).labels.dtype == np.int64
    assert labels(source) == [1, 0]


def test_one_column_of_labels(open_npz):
    assert labels(open_npz(x=np.ones(2), label=np.array([[1], [0]]))) == [1, 0]


@pytest.mark.parametrize("wrong", [3, -1])
def test_out_of_range_names_sample_value_and_number_of_classes(open_npz, names, wrong):
    source = open_npz(names, x=np.ones(5), label=np.array([0, 1, 2, wrong, wrong]))
    with pytest.raises(GoldenError, match=f"sample 3 has label {wrong}.*3 classes"):
        labels(source)


def test_unknown_name_is_told_with_the_first_sample(open_npz, names):
    text = np.array(["two", "eight", "nine", "eight"])
    with pytest.raises(GoldenError, match=r"sample 1 has label 'eight'.*3 classes"):
        labels(open_npz(names, x=np.ones(4), label=text), rows=4)


def test_negative_label_without_class_names(open_npz):
    with pytest.raises(GoldenError, match=r"sample 1 has label -1.*begin at 0"):
        labels(open_npz(x=np.ones(2), label=np.array([0, -1])))


def test_text_without_class_names(open_npz):
    with pytest.raises(GoldenError, match="no class names"):
        labels(open_npz(x=np.ones(1), label=np.array(["cat"])))


@pytest.mark.parametrize("bad", [np.array([0.5, 1.0]), np.zeros((2, 3), int)])
def test_what_cannot_be_labels(open_npz, bad):
    with pytest.raises(GoldenError, match="labels are"):
        open_npz(x=np.ones(2), label=bad)


def test_classes_file_overrides_the_names_of_the_data(open_npz, names):
    source = open_npz(names, x=np.ones(1), classes=np.array(["a", "b", "c"]))
    assert source.class_names == ("zero", "one", "two")


def test_classes_file_of_another_length(open_npz, names):
    with pytest.raises(GoldenError, match=r"names 3 classes.*names 2"):
        open_npz(names, x=np.ones(1), classes=np.array(["a", "b"]))


@pytest.mark.parametrize(
    ("text", "match"), [("", "no classes"), ("a\nb\na\n", "'a' 2 times")]
)
def test_classes_file_that_cannot_be_right(open_npz, names, text, match):
    names.write_text(text)
    with pytest.raises(GoldenError, match=match):
        open_npz(names, x=np.ones(1))


def test_missing_classes_file(open_npz, tmp_path):
    with pytest.raises(GoldenError, match=r"nowhere\.txt"):
        open_npz(tmp_path / "nowhere.txt", x=np.ones(1))
