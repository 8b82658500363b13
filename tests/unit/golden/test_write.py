import numpy as np
import pytest

from harness.core.errors import GoldenError
from harness.golden.write import write_manifest_folder, write_npz
from harness.testing import make_golden


def test_same_arrays_same_bytes_and_numpy_reads_them(tmp_path, arrays):
    for name in ("a.npz", "b.npz"):
        write_npz(tmp_path / name, arrays)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with np.load(tmp_path / "a.npz", allow_pickle=False) as loaded:
        assert loaded.files == list(arrays)
        for name, array in arrays.items():
            np.testing.assert_array_equal(loaded[name], array)


def test_objects_are_not_written(tmp_path):
    with pytest.raises(GoldenError, match="'a'"):
        write_npz(tmp_path / "a.npz", {"a": np.array([{}])})
    assert not (tmp_path / "a.npz").exists()


def test_columns_of_unequal_length_are_not_a_set(tmp_path):
    arrays = {"x": np.ones(3), "label": np.ones(2, int)}
    with pytest.raises(GoldenError, match="unequal"):
        write_manifest_folder(tmp_path, arrays, name="set")


def test_made_golden_sets_are_the_same_each_time(tmp_path):
    for name in ("a", "b"):
        make_golden(tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert len(files) == 4
    for name in files:
        one, other = tmp_path / "a" / name, tmp_path / "b" / name
        assert one.read_bytes() == other.read_bytes()


def test_truth_and_metadata_are_in_the_manifest(tmp_path):
    arrays = {
        "x": np.ones((2, 1)),
        "labels": np.eye(2, dtype=int),
        "target_size": np.ones(2),
        "slice_hour": np.ones(2),
        "group": np.ones(2),
    }
    manifest = write_manifest_folder(tmp_path, arrays, name="set")
    assert [record.name for record in manifest.inputs] == ["x"]
    assert [record.name for record in manifest.targets] == ["labels", "target_size"]
    assert [record.name for record in manifest.metadata] == ["slice_hour", "group"]
