"""Golden sets are made, checked and held against each other."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.errors import GoldenError
from harness.core.provenance import sha256_of
from harness.core.specs import GoldenSpec, Preprocess
from harness.golden.create import About, create
from harness.golden.diff import LabelChange, diff
from harness.golden.fingerprints import row_hashes
from harness.golden.source import open_golden
from harness.golden.verify import verify
from harness.golden.writers import WRITERS

N = 7
ABOUT = About("set", license="CC0-1.0", provenance={"created_from": "data.npz"})


@pytest.fixture
def data(tmp_path):
    """Seven samples with everything that golden data can have."""
    arrays = {
        "x": np.arange(N * 2, dtype=np.float32).reshape(N, 2),
        "label": np.arange(N) % 3,
        "sample_id": np.array([f"s{i}" for i in range(N)]),
        "group": np.arange(N) // 2,
        "slice_city": np.array(["Bonn", "Ulm"] * 3 + ["Rom"]),
        "target_size": np.arange(N, dtype=np.float64),
        "label_names": np.array(["a", "b", "c"]),
    }

    def write(name="data.npz", **other):
        np.savez(tmp_path / name, **{**arrays, **other})
        return GoldenSpec(tmp_path / name)

    write.arrays = arrays
    return write


@pytest.fixture
def made(tmp_path, data):
    create(data(), tmp_path / "set", ABOUT, shard_rows=3)
    return tmp_path / "set"


def everything(spec):
    (chunk,) = open_golden(spec).chunks(1000)
    return chunk


def test_a_set_holds_what_it_was_made_of(made, data):
    mine, theirs = everything(GoldenSpec(made)), everything(data())
    for one, other in (
        (mine.inputs, theirs.inputs),
        (mine.targets, theirs.targets),
        (mine.metadata, theirs.metadata),
    ):
        assert [*one] == [*other]
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])
    np.testing.assert_array_equal(mine.labels, theirs.labels)
    np.testing.assert_array_equal(mine.sample_ids, theirs.sample_ids)
    assert open_golden(GoldenSpec(made)).class_names == ("a", "b", "c")
    assert open_golden(GoldenSpec(made)).notices == ()


def test_the_manifest_tells_where_it_comes_from(made, data):
    manifest = json.loads((made / "manifest.json").read_text())
    assert manifest["license"] == "CC0-1.0"
    assert manifest["provenance"]["created_from"] == "data.npz"
    assert manifest["provenance"]["source_digest"] == open_golden(data()).digest
    assert [shard["rows"] for shard in manifest["shards"]] == [3, 3, 1]


def test_same_data_same_bytes(made, data, tmp_path):
    create(data(), tmp_path / "again", ABOUT, shard_rows=3)
    assert sha256_of(made) == sha256_of(tmp_path / "again")


def test_a_set_that_is_there_is_not_replaced_unasked(made, data):
    with pytest.raises(GoldenError, match="exists already"):
        create(data(), made, ABOUT)
    create(data(), made, ABOUT, overwrite=True)
    assert len(list(made.iterdir())) == 2


def test_nothing_is_left_of_a_set_that_cannot_be_made(tmp_path, data):
    with pytest.raises(GoldenError, match="label 9"):
        create(data(label=np.full(N, 9)), tmp_path / "set", ABOUT)
    assert [path.name for path in tmp_path.iterdir()] == ["data.npz"]


def test_other_preprocessing_than_declared_is_told(tmp_path, data):
    spec = GoldenSpec(data().data, preprocess=Preprocess(scale=0.5))
    create(spec, tmp_path / "set", ABOUT)
    same = GoldenSpec(tmp_path / "set", preprocess=Preprocess(scale=0.5))
    assert open_golden(same).notices == ()
    (notice,) = open_golden(GoldenSpec(tmp_path / "set")).notices
    assert "golden.preprocess is not what it was" in notice


def test_shards_may_be_parquet(made):
    manifest = json.loads((made / "manifest.json").read_text())
    for shard in manifest["shards"]:
        with np.load(made / shard["path"]) as arrays:
            columns = {
                name: pa.array(array.tolist())
                if array.dtype.kind == "U"
                else pa.FixedShapeTensorArray.from_numpy_ndarray(array)
                if array.ndim > 1
                else pa.array(array)
                for name, array in arrays.items()
            }
        file = (made / shard["path"]).with_suffix(".parquet")
        pq.write_table(pa.table(columns), file)
        (made / shard["path"]).unlink()
        shard |= {"path": file.name, "sha256": sha256_of(file)}
    before = np.arange(N * 2, dtype=np.float32).reshape(N, 2)
    (made / "manifest.json").write_text(json.dumps(manifest))
    chunk = everything(GoldenSpec(made))
    np.testing.assert_array_equal(chunk.inputs["x"], before)
    assert chunk.metadata["city"].tolist()[-1] == "Rom"
    assert verify(GoldenSpec(made)).problems == ()
    file.write_bytes(file.read_bytes()[:-9])
    assert len(verify(GoldenSpec(made)).problems) == 1


@pytest.mark.parametrize("form", [*WRITERS])
class TestForms:
    """Whatever form the shards have, the set is the same."""

    @pytest.fixture
    def shards(self, tmp_path, data, form):
        def make(name="formed", **arrays):
            create(data(**arrays), tmp_path / name, ABOUT, shard_rows=3, form=form)
            return tmp_path / name

        return make

    def test_the_set_is_what_it_was_made_of(self, shards, data, form):
        folder = shards()
        names = [path.name for path in sorted(folder.glob("shard*"))]
        assert names == [f"shard-00{index}.{form}" for index in range(3)]
        assert open_golden(GoldenSpec(folder)).notices == ()
        assert diff(data(), GoldenSpec(folder)).same
        mine, theirs = everything(GoldenSpec(folder)), everything(data())
        assert {*mine.targets} == {*theirs.targets}
        for name in theirs.targets:
            np.testing.assert_array_equal(mine.targets[name], theirs.targets[name])
        for name in theirs.metadata:
            np.testing.assert_array_equal(mine.metadata[name], theirs.metadata[name])

    def test_same_data_same_bytes(self, shards):
        assert sha256_of(shards()) == sha256_of(shards("again"))

    def test_a_set_without_names_gets_none(self, tmp_path, form):
        np.savez(tmp_path / "bare.npz", x=np.ones((N, 2)))
        create(GoldenSpec(tmp_path / "bare.npz"), tmp_path / "set", ABOUT, form=form)
        source = open_golden(GoldenSpec(tmp_path / "set"))
        assert next(source.chunks(1)).sample_ids is None
        assert source.notices == ()

    def test_a_shard_that_is_wrong_is_told_with_what_mends_it(self, shards, form):
        folder = shards()
        assert verify(GoldenSpec(folder)).problems == ()
        shard = folder / f"shard-001.{form}"
        shard.write_bytes(shard.read_bytes()[:-3])
        (problem,) = verify(GoldenSpec(folder)).problems
        assert "shard-001" in problem.message
        again = "" if form == "npz" else f" --format {form}"
        assert f" --replace{again} --license CC0-1.0" in problem.mend

    def test_numbers_of_every_kind_come_back_as_they_were(self, shards):
        dtypes = ["bool", "int8", "uint16", "int64", "float16", "float32", "float64"]
        odd = {f"in_{dtype}": np.ones((N, 2), dtype) for dtype in dtypes}
        flat = {f"one_{dtype}": np.ones(N, dtype) for dtype in dtypes}
        texts = {"words": np.array([["a", "bé"]] * N), "word": np.array(["c"] * N)}
        nan = {"nan": np.full(N, np.nan)}
        folder = shards(**odd, **flat, **texts, **nan)
        found = everything(GoldenSpec(folder)).inputs
        for name, array in {**odd, **flat, **texts, **nan}.items():
            assert found[name].dtype.kind == array.dtype.kind
            assert array.dtype.kind == "U" or found[name].dtype == array.dtype
            np.testing.assert_array_equal(found[name], array)


def test_a_form_that_nobody_writes(data, tmp_path):
    with pytest.raises(GoldenError, match="'zarr'") as caught:
        create(data(), tmp_path / "set", ABOUT, form="zarr")
    assert "npz, parquet, tar" in caught.value.hint


def test_parquet_refuses_what_it_cannot_hold(data, tmp_path):
    for odd in (np.ones((N, 0), np.float32), np.ones((N, 2), np.complex64)):
        with pytest.raises(GoldenError, match="array 'odd'"):
            create(data(odd=odd), tmp_path / "set", ABOUT, form="parquet")


class TestVerify:
    def test_a_sound_set(self, made):
        found = verify(GoldenSpec(made))
        assert (found.n_samples, found.n_shards, found.problems) == (N, 3, ())

    def test_every_shard_that_is_wrong_with_the_command_that_mends_it(self, made):
        (made / "shard-000.npz").write_bytes(b"")
        (made / "shard-002.npz").unlink()
        problems = verify(GoldenSpec(made)).problems
        assert len(problems) == 2
        assert "shard-000.npz: sha256 is" in problems[0].message
        assert "shard-002.npz does not exist" in problems[1].message
        mend = f"harness golden create data.npz {made} --replace --license CC0-1.0"
        assert problems[0].mend == mend

    def test_labels_out_of_range(self, data):
        spec = data(label=np.array([0, 1, 2, 3, 0, 0, 0]))
        (problem,) = verify(spec).problems
        assert "sample 3 has label 3" in problem.message

    def test_names_that_are_there_twice(self, data):
        (problem,) = verify(data(sample_id=np.array(["s"] * N))).problems
        assert "1 sample_ids are there more than once" in problem.message

    @pytest.mark.parametrize("text", ["{", "[]", '{"format": "golden-manifest"}'])
    def test_a_manifest_that_is_none(self, made, text):
        (made / "manifest.json").write_text(text)
        (problem,) = verify(GoldenSpec(made)).problems
        assert "manifest.json" in problem.message

    def test_a_manifest_that_leads_elsewhere(self, made):
        file = made / "manifest.json"
        file.write_text(file.read_text().replace("shard-001.npz", "../data.npz"))
        (problem,) = verify(GoldenSpec(made)).problems
        assert "'../data.npz'" in problem.message


class TestDiff:
    def test_the_same_in_another_order(self, data):
        order = np.arange(N)[::-1]
        other = {
            name: array[order] if len(array) == N else array
            for name, array in data.arrays.items()
        }
        assert diff(data(), data("other.npz", **other)).same

    def test_what_changed_by_name(self, data):
        x = data.arrays["x"].copy()
        x[1] += 1
        label = data.arrays["label"].copy()
        label[2] = 0
        names = data.arrays["sample_id"].astype("U9")
        names[6] = "new"
        found = diff(data(), data("o.npz", x=x, label=label, sample_id=names))
        assert found.changed == ("s1",)
        assert found.relabelled == (LabelChange("s2", "c", "a"),)
        assert (found.added, found.removed) == (("new",), ("s6",))
        assert found.classes == (("a", 3, 4), ("c", 2, 1))
        assert not found.same

    def test_classes_in_another_order_are_the_same(self, data):
        names = np.array(["c", "b", "a"])
        label = 2 - data.arrays["label"]
        assert diff(data(), data("o.npz", label=label, label_names=names)).same

    def test_without_names_samples_go_by_their_values(self, tmp_path):
        np.savez(tmp_path / "a.npz", x=np.array([1.0, 1.0, 2.0]))
        np.savez(tmp_path / "b.npz", x=np.array([2.0, 1.0, 3.0, 3.0]))
        found = diff(GoldenSpec(tmp_path / "a.npz"), GoldenSpec(tmp_path / "b.npz"))
        assert (found.n_added, found.n_removed, found.n_changed) == (2, 1, 0)
        assert found.added == ("#2", "#3")


@given(rows=st.lists(st.tuples(st.integers(0, 2), st.sampled_from("ab")), min_size=1))
def test_equal_samples_and_no_others_have_equal_hashes(rows):
    arrays = {
        "number": np.array([row[0] for row in rows], np.int8),
        "word": np.array([row[1] for row in rows]),
    }
    hashes = row_hashes(arrays)
    for i, one in enumerate(rows):
        for j, other in enumerate(rows):
            assert (hashes[i] == hashes[j]) == (one == other)
    # Neither their chunk nor how wide its text is matters.
    alone = {name: array[-1:] for name, array in arrays.items()}
    alone["word"] = alone["word"].astype("U9")
    assert row_hashes(alone)[0] == hashes[-1]
