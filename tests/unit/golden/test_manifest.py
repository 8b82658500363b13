import json

import numpy as np
import pytest

from harness.core.errors import (
    ChecksumError,
    GoldenError,
    ManifestError,
    MissingGoldenError,
)
from harness.core.specs import GoldenSpec
from harness.golden.source import open_golden
from harness.golden.write import write_manifest_folder, write_npz


@pytest.fixture
def folder(tmp_path, arrays):
    facts = {"class_names": ("a", "b", "c"), "license": "CC0-1.0"}
    path = tmp_path / "set"
    write_manifest_folder(path, arrays, name="set", rows_per_shard=3, facts=facts)
    return path


@pytest.fixture
def edit(folder):
    """Changes keys of the manifest on disk."""

    def change(**keys):
        file = folder / "manifest.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **keys}))

    return change


def opened(folder):
    return open_golden(GoldenSpec(folder))


def read_all(folder):
    return list(opened(folder).chunks(2))


def test_labels_names_and_classes_come_from_the_manifest(folder):
    source = opened(folder)
    assert source.class_names == ("a", "b", "c")
    chunk = next(source.chunks(4))
    assert chunk.labels.tolist() == [0, 1, 2, 0]
    assert chunk.sample_ids.tolist() == ["s0", "s1", "s2", "s3"]


def test_changed_shard_names_file_and_both_digests(folder):
    shard = folder / "shard-001.npz"
    recorded = json.loads((folder / "manifest.json").read_text())["shards"][1]["sha256"]
    shard.write_bytes(shard.read_bytes().replace(b"\x05", b"\x06"))
    with pytest.raises(ChecksumError, match=r"shard-001\.npz") as caught:
        read_all(folder)
    assert recorded in caught.value.message
    assert caught.value.hint


def test_rows_before_the_changed_shard_are_served(folder, monkeypatch):
    monkeypatch.setattr("harness.golden.source._BLOCK_BYTES", 1)
    (folder / "shard-002.npz").write_bytes(b"")
    chunks = opened(folder).chunks(3)
    assert next(chunks).rows == slice(0, 3)
    assert next(chunks).rows == slice(3, 6)
    with pytest.raises(ChecksumError, match="shard-002"):
        next(chunks)


def test_missing_shard_is_told_before_anything_runs(folder):
    (folder / "shard-002.npz").unlink()
    with pytest.raises(MissingGoldenError, match=r"shard-002\.npz"):
        opened(folder)


def test_missing_manifest(tmp_path):
    with pytest.raises(MissingGoldenError, match=r"manifest\.json"):
        opened(tmp_path)


@pytest.mark.parametrize(
    ("keys", "match"),
    [
        ({"format": "other"}, "format"),
        ({"version": 2}, "version"),
        ({"n_samples": 8}, "n_samples is 8.*7"),
        ({"n_samples": "seven"}, r"n_samples.*seven"),
        ({"shards": [{"path": "shard-000.npz", "rows": 3}]}, "sha256"),
        ({"shards": [{"path": "../x.npz", "rows": 7, "sha256": ""}]}, r"\.\./x.npz"),
        ({"shards": [{"path": "/x.npz", "rows": 7, "sha256": ""}]}, "/x.npz"),
        ({"shards": [{"path": "x.npz", "rows": -7, "sha256": ""}]}, "-7 rows"),
        ({"inputs": [{"name": "image", "dtype": "O", "shape": [2, 3]}]}, "image"),
        ({"inputs": [{"name": "image", "dtype": "zz", "shape": [2, 3]}]}, "zz"),
        ({"label": "klass"}, "klass"),
    ],
)
def test_wrong_manifest_names_file_and_key(folder, edit, keys, match):
    edit(**keys)
    with pytest.raises(ManifestError, match=match) as caught:
        opened(folder)
    assert str(folder) in caught.value.message
    assert caught.value.hint


def test_manifest_that_is_no_json(folder):
    (folder / "manifest.json").write_text("{")
    with pytest.raises(ManifestError, match="no JSON"):
        opened(folder)


def test_empty_set(folder, edit):
    edit(n_samples=0, shards=[])
    with pytest.raises(MissingGoldenError, match="no samples"):
        opened(folder)


@pytest.mark.parametrize(
    "declared",
    [
        {"name": "image", "dtype": "float32", "shape": [2, 3]},
        {"name": "image", "dtype": "uint8", "shape": [3, 2]},
        {"name": "picture", "dtype": "uint8", "shape": [2, 3]},
    ],
)
def test_shards_that_hold_something_else_than_declared(folder, edit, declared):
    edit(inputs=[declared])
    with pytest.raises(GoldenError, match=declared["name"]):
        read_all(folder)


def test_array_that_the_manifest_leaves_out_is_told(folder, edit):
    edit(inputs=[{"name": "image", "dtype": "uint8", "shape": [2, 3]}])
    source = opened(folder)
    assert len(source.notices) == 1
    assert "'weight'" in source.notices[0]


def test_digest_follows_data_and_schema_not_the_words_around(folder, edit, arrays):
    before = opened(folder).digest
    edit(license="other", name="other", source="elsewhere")
    assert opened(folder).digest == before
    edit(class_names=["a", "b", "d"])
    assert opened(folder).digest != before
    edit(class_names=["a", "b", "c"])
    arrays["weight"] = arrays["weight"] + 1
    write_manifest_folder(folder, arrays, name="set", rows_per_shard=3)
    edit(class_names=["a", "b", "c"])
    assert opened(folder).digest != before


def test_text_may_be_wider_in_a_later_shard(tmp_path):
    ids = np.array(["a", "b", "a much longer name"])
    arrays = {"x": np.ones((3, 1)), "sample_id": ids}
    for i in range(3):
        part = {name: array[i : i + 1] for name, array in arrays.items()}
        part["sample_id"] = part["sample_id"].astype(f"<U{len(ids[i])}")
        write_npz(tmp_path / f"{i}.npz", part)
    manifest = write_manifest_folder(tmp_path, arrays, name="set", rows_per_shard=1)
    assert len(manifest.shards) == 3
    chunk = next(opened(tmp_path).chunks(3))
    assert chunk.sample_ids.tolist() == ids.tolist()
