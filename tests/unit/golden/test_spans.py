"""Any part of golden data is what slicing the whole gives, in every form."""

import csv
import tarfile
from itertools import pairwise

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import numpy_helper
from PIL import Image

from harness.core.errors import ChecksumError
from harness.core.specs import GoldenSpec
from harness.golden.create import About, create
from harness.golden.first import FirstSamples
from harness.golden.source import open_golden
from harness.golden.write import write_manifest_folder, write_npz

COUNT = 23
ENDS = st.none() | st.integers(-COUNT - 2, COUNT + 2)


def samples():
    count = np.arange(COUNT)
    return {
        "x": (count[:, None] * 10 + np.arange(3)).astype(np.float32),
        "label": count % 3,
        "sample_id": np.array([f"s{'x' * (i % 4)}{i}" for i in count]),
        "slice_half": count // 12,
    }


def npz(folder):
    write_npz(folder / "data.npz", samples())
    return folder / "data.npz"


def packed(folder):
    np.savez_compressed(folder / "data.npz", **samples())
    return folder / "data.npz"


def npy(folder):
    np.save(folder / "x.npy", samples()["x"])
    return folder / "x.npy"


def manifest(folder):
    write_manifest_folder(folder / "set", samples(), name="set", rows_per_shard=5)
    return folder / "set"


def parquet(folder):
    arrays = samples()
    rows = {**arrays, "x": pa.array(arrays["x"].tolist())}
    pq.write_table(pa.table(rows), folder / "data.parquet", row_group_size=4)
    return folder / "data.parquet"


def table(folder):
    arrays = samples()
    columns = {f"x{i}": arrays["x"][:, i] for i in range(3)}
    columns |= {name: arrays[name] for name in ("label", "sample_id")}
    with (folder / "data.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return folder / "data.csv"


def images(folder):
    for index in range(COUNT):
        home = folder / "photos" / f"class{index % 2}"
        home.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (2, 2), (index, 0, 0)).save(home / f"{index:02}.png")
    return folder / "photos"


def onnx_sets(folder):
    whole = samples()["x"]
    for index, (start, stop) in enumerate(pairwise((0, 4, 5, 13, COUNT))):
        home = folder / "sets" / f"test_data_set_{index}"
        home.mkdir(parents=True)
        tensor = numpy_helper.from_array(whole[start:stop], "x")
        onnx.save_tensor(tensor, str(home / "input_0.pb"))
    return folder / "sets"


def shards(form):
    """A manifest folder of shards in a form."""

    def write(folder):
        about = About(name="set")
        spec, home = GoldenSpec(npz(folder)), folder / "set"
        create(spec, home, about, shard_rows=5, form=form)
        return home

    write.__name__ = f"{form}_shards"
    return write


def tar(folder):
    shards("tar")(folder)
    (folder / "set" / "manifest.json").unlink()
    return folder / "set"


def counted_tar(folder):
    return tar(folder) / "shard-{000..004}.tar"


def one_tar(folder):
    shards = tar(folder)
    whole = folder / "whole.tar"
    with tarfile.open(whole, "w") as archive:
        for shard in sorted(shards.glob("*.tar")):
            with tarfile.open(shard) as part:
                for info in part:
                    archive.addfile(info, part.extractfile(info))
    return whole


FORMS = (
    *(npz, packed, npy, manifest, parquet, table, images, onnx_sets),
    *(tar, counted_tar, one_tar),
    *map(shards, ("npz", "parquet", "tar")),
)


@pytest.fixture(scope="module", params=FORMS, ids=lambda form: form.__name__)
def source(request, tmp_path_factory):
    return open_golden(GoldenSpec(request.param(tmp_path_factory.mktemp("spans"))))


def listed(chunks):
    """Per sample: its number and all that is known of it."""
    found = []
    for chunk in chunks:
        arrays = {**chunk.inputs, **chunk.targets, **chunk.metadata}
        arrays |= {"label": chunk.labels, "sample_id": chunk.sample_ids}
        numbers = range(chunk.rows.start, chunk.rows.stop)
        for at, number in enumerate(numbers):
            told = {n: None if a is None else a[at].tolist() for n, a in arrays.items()}
            found.append((number, told))
    return found


@given(start=ENDS, stop=ENDS, rows=st.integers(1, COUNT + 2))
def test_a_span_is_what_slicing_the_whole_gives(source, start, stop, rows):
    whole = listed(source.chunks(COUNT))
    chunks = list(source.chunks(rows, slice(start, stop)))
    assert listed(chunks) == whole[start:stop]
    lengths = [chunk.rows.stop - chunk.rows.start for chunk in chunks]
    assert all(length == rows for length in lengths[:-1])
    assert all(length <= rows for length in lengths[-1:])


def test_parts_of_a_set_are_together_the_set(source):
    parts = [slice(at, at + 6) for at in range(0, COUNT, 6)]
    found = [sample for part in parts for sample in listed(source.chunks(4, part))]
    assert found == listed(source.chunks(COUNT))


def test_a_span_takes_every_sample(source):
    with pytest.raises(ValueError, match="every sample"):
        next(source.chunks(2, slice(0, 9, 3)))


def test_the_first_samples_have_spans_too(source):
    first = FirstSamples(source, 9)
    assert listed(first.chunks(4, slice(7, None))) == listed(source.chunks(4))[7:9]
    assert listed(first.chunks(50)) == listed(source.chunks(9))[:9]


def test_labels_of_another_file_follow_the_span(tmp_path):
    np.save(tmp_path / "labels.npy", np.arange(COUNT) % 5)
    spec = GoldenSpec(npy(tmp_path), labels=tmp_path / "labels.npy")
    (chunk,) = open_golden(spec).chunks(10, slice(8, 12))
    assert chunk.labels.tolist() == [3, 4, 0, 1]


@pytest.mark.parametrize("form", ["npz", "parquet", "tar"])
def test_a_damaged_shard_is_refused_where_it_is_touched_and_only_there(tmp_path, form):
    folder = shards(form)(tmp_path)
    shard = folder / f"shard-002.{form}"
    shard.write_bytes(shard.read_bytes()[:-1] + b"?")
    source = open_golden(GoldenSpec(folder))
    assert len(listed(source.chunks(3, slice(0, 10)))) == 10
    assert len(listed(source.chunks(3, slice(15, None)))) == 8
    # Verified whole: the damage may lie behind the rows that are asked for.
    with pytest.raises(ChecksumError, match="shard-002"):
        next(source.chunks(1, slice(10, 11)))
