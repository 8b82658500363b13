import tracemalloc
from itertools import pairwise
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.errors import GoldenError, MissingGoldenError
from harness.core.specs import GoldenSpec
from harness.golden.source import open_golden
from harness.golden.write import write_manifest_folder, write_npz


@given(count=st.integers(1, 40), per_shard=st.integers(1, 15), rows=st.integers(1, 50))
def test_chunks_put_together_are_the_data_whatever_the_shards(
    tmp_path_factory, count, per_shard, rows
):
    folder = tmp_path_factory.mktemp("golden")
    arrays = {
        "x": np.arange(count * 6, dtype=np.float32).reshape(count, 2, 3),
        "label": np.arange(count) % 4,
        "sample_id": np.array([str(10**i % 9973) for i in range(count)]),
    }
    write_manifest_folder(folder, arrays, name="set", rows_per_shard=per_shard)
    chunks = list(open_golden(GoldenSpec(folder)).chunks(rows))
    starts = [*range(0, count, rows), count]
    assert [(c.rows.start, c.rows.stop) for c in chunks] == [*pairwise(starts)]
    for chunk in chunks:
        np.testing.assert_array_equal(chunk.inputs["x"], arrays["x"][chunk.rows])
        np.testing.assert_array_equal(chunk.labels, arrays["label"][chunk.rows])
        np.testing.assert_array_equal(chunk.sample_ids, arrays["sample_id"][chunk.rows])


def test_npz_tells_what_it_holds(open_npz, arrays):
    source = open_npz(**arrays, label_names=np.array(["a", "b", "c"]))
    assert source.n_samples == 7
    assert [(s.name, s.dtype, s.shape) for s in source.inputs] == [
        ("image", "uint8", (7, 2, 3)),
        ("weight", "float32", (7,)),
    ]
    assert source.class_names == ("a", "b", "c")
    assert source.has_labels
    assert source.notices == ()


def test_npz_and_folder_give_the_same_samples(open_npz, arrays, tmp_path, joined):
    write_manifest_folder(tmp_path / "set", arrays, name="set", rows_per_shard=3)
    _, from_file = joined(open_npz(**arrays), 2)
    _, from_folder = joined(open_golden(GoldenSpec(tmp_path / "set")), 5)
    for name in ("image", "weight"):
        np.testing.assert_array_equal(from_file[name], arrays[name])
        np.testing.assert_array_equal(from_folder[name], arrays[name])


def test_single_npy_is_one_input_named_by_its_file(tmp_path):
    np.save(tmp_path / "image.npy", np.ones((3, 2)))
    source = open_golden(GoldenSpec(tmp_path / "image.npy"))
    assert [s.name for s in source.inputs] == ["image"]
    chunk = next(source.chunks(5))
    assert chunk.labels is None
    assert chunk.sample_ids is None
    assert not source.has_labels


@pytest.mark.parametrize("key", ["label", "labels", "y"])
def test_labels_go_by_three_names(open_npz, key):
    source = open_npz(x=np.ones((2, 1)), **{key: np.array([1, 0])})
    assert next(source.chunks(9)).labels.tolist() == [1, 0]


def test_what_nothing_uses_is_told(open_npz):
    source = open_npz(
        x=np.ones((4, 2)),
        label=np.zeros(4, int),
        y=np.zeros(4, int),
        mean=np.ones(2),
        slice_age=np.ones(4),
        group=np.ones(4),
    )
    assert [s.name for s in source.inputs] == ["x"]
    assert [notice.split("'")[1] for notice in source.notices] == ["mean", "y"]


def test_big_endian_data_arrive_in_native_order(open_npz):
    source = open_npz(x=np.array([[1.5], [2.5]], ">f4"))
    chunk = next(source.chunks(2))
    assert chunk.inputs["x"].dtype == np.dtype("=f4")
    assert chunk.inputs["x"].dtype.isnative
    assert chunk.inputs["x"].ravel().tolist() == [1.5, 2.5]


def test_chunks_can_be_written_to_without_harm(open_npz):
    source = open_npz(x=np.ones((4, 2)))
    next(source.chunks(4)).inputs["x"][:] = 9
    assert next(source.chunks(4)).inputs["x"].max() == 1


def test_a_chunk_has_at_least_one_row(open_npz):
    with pytest.raises(ValueError, match="0"):
        next(open_npz(x=np.ones(3)).chunks(0))


def test_fewer_labels_than_samples(open_npz):
    with pytest.raises(GoldenError, match=r"unequal.*x 5.*label 4"):
        open_npz(x=np.ones((5, 2)), label=np.zeros(4, int))


class TestWholeSample:
    """Arrays whose first axes differ, with nothing to count samples by."""

    ARRAYS = MappingProxyType(
        {
            "x": np.arange(10.0).reshape(5, 2),
            "state": np.arange(8, dtype=">i4").reshape(4, 1, 2),
            "rate": np.array(16_000),
        }
    )

    def test_is_one_sample_as_it_stands(self, open_npz):
        source = open_npz(**self.ARRAYS)
        assert source.n_samples == 1
        shapes = {spec.name: spec.shape for spec in source.inputs}
        assert shapes == {"x": (1, 5, 2), "state": (1, 4, 1, 2), "rate": (1,)}
        (chunk,) = source.chunks(32)
        assert chunk.rows == slice(0, 1)
        for name, array in self.ARRAYS.items():
            np.testing.assert_array_equal(chunk.inputs[name][0], array)
            assert chunk.inputs[name].dtype.isnative

    def test_says_so(self, open_npz):
        (notice,) = open_npz(**self.ARRAYS).notices
        assert "x (5, 2), state (4, 1, 2)" in notice
        assert "one sample" in notice

    def test_holds_something(self, open_npz):
        with pytest.raises(MissingGoldenError, match="no samples"):
            open_npz(x=np.ones((5, 2)), state=np.ones((0, 2)))

    def test_labels_count_samples(self, open_npz):
        source = open_npz(label=np.zeros(5, int), **self.ARRAYS)
        assert source.n_samples == 5
        assert [spec.name for spec in source.inputs] == ["x"]

    def test_a_chunk_has_at_least_one_row(self, open_npz):
        with pytest.raises(ValueError, match="0"):
            next(open_npz(**self.ARRAYS).chunks(0))


def test_sample_ids_of_another_length_than_the_labels(open_npz):
    with pytest.raises(GoldenError, match="unequal"):
        open_npz(x=np.ones(3), label=np.zeros(3, int), sample_id=np.array(["a"]))


def test_no_inputs(open_npz):
    with pytest.raises(GoldenError, match=r"no input arrays.*label"):
        open_npz(label=np.zeros(4, int))


def test_no_samples(open_npz):
    with pytest.raises(MissingGoldenError, match="no samples"):
        open_npz(x=np.ones((0, 4)))


def test_missing_data(tmp_path):
    with pytest.raises(MissingGoldenError, match="nowhere"):
        open_golden(GoldenSpec(tmp_path / "nowhere.npz"))


def test_unknown_form_of_data(tmp_path):
    (tmp_path / "data.xls").write_text("a,b\n1,2\n")
    with pytest.raises(GoldenError, match=r"data\.xls.*neither"):
        open_golden(GoldenSpec(tmp_path / "data.xls"))


def test_digest_follows_the_bytes(tmp_path):
    digests = set()
    for value in (1.0, 2.0, 1.0):
        write_npz(tmp_path / "data.npz", {"x": np.full((3, 2), value)})
        digests.add(open_golden(GoldenSpec(tmp_path / "data.npz")).digest)
    assert len(digests) == 2


def test_memory_does_not_grow_with_the_samples(open_npz):
    source = open_npz(x=np.zeros((400_000, 64), np.uint8))
    tracemalloc.start()
    for _ in source.chunks(50):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 << 20
