"""What one process has verified, the next one does not hash again."""

import os
import pickle

import numpy as np
import pytest

from harness.core.errors import ChecksumError
from harness.core.specs import GoldenSpec
from harness.core.vouched import Vouched
from harness.golden import labelled, rows, stored
from harness.golden.source import open_golden
from harness.golden.write import write_manifest_folder, write_npz


@pytest.fixture
def folder(tmp_path, arrays):
    write_manifest_folder(tmp_path / "set", arrays, name="set", rows_per_shard=3)
    return tmp_path / "set"


@pytest.fixture
def hashed(monkeypatch):
    """Names of the files that are digested from now on."""
    names = []

    def watched(digest):
        def look(path):
            names.append(path.name)
            return digest(path)

        return look

    for module in (rows, stored, labelled):
        monkeypatch.setattr(module, "sha256_of", watched(module.sha256_of))
    return names


def test_what_was_read_is_not_hashed_again(folder, hashed):
    spec = GoldenSpec(folder)
    source = open_golden(spec)
    next(source.chunks(2, slice(0, 2)))
    told = pickle.loads(pickle.dumps(source.vouch()))
    hashed.clear()
    again = open_golden(spec, told)
    list(again.chunks(2))
    # The first was vouched for, the others had not been read.
    assert hashed == ["shard-001.npz", "shard-002.npz"]
    assert again.digest == source.digest


def test_a_whole_set_can_be_vouched_for(folder, hashed):
    source = open_golden(GoldenSpec(folder))
    told = source.vouch(whole=True)
    assert sorted(told.shards) == sorted(map(str, folder.glob("*.npz")))
    hashed.clear()
    again = open_golden(GoldenSpec(folder), told)
    list(again.chunks(2))
    assert hashed == []
    assert again.vouch() == told


def test_a_shard_that_changed_since_is_verified(folder):
    told = open_golden(GoldenSpec(folder)).vouch(whole=True)
    shard = folder / "shard-001.npz"
    before = shard.stat()
    shard.write_bytes(shard.read_bytes()[:-1] + b"?")
    os.utime(shard, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    with pytest.raises(ChecksumError, match="shard-001"):
        list(open_golden(GoldenSpec(folder), told).chunks(2))


def test_a_single_file_is_hashed_by_the_first_process_alone(tmp_path, arrays, hashed):
    write_npz(tmp_path / "data.npz", arrays)
    np.save(tmp_path / "labels.npy", np.zeros(7, int))
    spec = GoldenSpec(tmp_path / "data.npz", labels=tmp_path / "labels.npy")
    source = open_golden(spec)
    told = source.vouch()
    assert sorted(hashed) == ["data.npz", "labels.npy"]
    hashed.clear()
    again = open_golden(spec, told)
    assert again.digest == source.digest
    assert again.vouch() == told == Vouched(source.digest)
    assert hashed == []


def test_a_copy_from_a_url_is_opened_where_it_lies(folder):
    spec = GoldenSpec(folder, url=folder.as_uri())
    source = open_golden(spec)
    told = source.vouch(whole=True)
    again = open_golden(spec, told)
    assert again.vouch().copy == told.copy
    assert [c.rows for c in again.chunks(2)] == [c.rows for c in source.chunks(2)]
    del again
    # It is not theirs to remove.
    assert told.copy.exists()
    del source
    assert not told.copy.exists()
