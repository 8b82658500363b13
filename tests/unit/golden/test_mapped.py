"""Arrays that are mapped where they lie, and those that cannot be."""

import tracemalloc
import zipfile
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.errors import GoldenError
from harness.golden.mapped import MappedRows
from harness.golden.npz import ArrayFile, ArrayStream

X = np.arange(700, dtype=np.float64).reshape(100, 7)


def stored(folder):
    np.savez(folder / "a.npz", b=np.arange(3, dtype=np.int8), x=X)
    return folder / "a.npz"


def single(folder):
    np.save(folder / "x.npy", X)
    return folder / "x.npy"


def packed(folder):
    np.savez_compressed(folder / "a.npz", x=X)
    return folder / "a.npz"


@pytest.mark.parametrize(
    ("write", "kind"),
    [(stored, MappedRows), (single, MappedRows), (packed, ArrayStream)],
)
@given(cuts=st.lists(st.tuples(st.booleans(), st.integers(0, 40)), max_size=8))
def test_reading_and_passing_over_is_slicing(tmp_path_factory, write, kind, cuts):
    folder = tmp_path_factory.mktemp("mapped")
    with ArrayFile(write(folder)) as file, closing(file.open("x")) as rows:
        assert type(rows) is kind
        at = 0
        for read, count in cuts:
            count = min(count, len(X) - at)  # noqa: PLW2901 - no further than the end
            if read:
                found = rows.read(count)
                np.testing.assert_array_equal(found, X[at : at + count])
                assert found.flags.aligned
                assert found.flags.writeable
            else:
                rows.skip(count)
            at += count


def test_writing_to_a_block_leaves_the_file_as_it_is(tmp_path):
    path = single(tmp_path)
    before = path.read_bytes()
    with ArrayFile(path) as file:
        block = file.open("x").read(100)
        block[:] = -1
        np.testing.assert_array_equal(file.open("x").read(100), X)
    assert path.read_bytes() == before


def test_a_file_that_is_cut_while_it_is_read(tmp_path):
    path = single(tmp_path)
    with ArrayFile(path) as file:
        rows = file.open("x")
        rows.read(10)
        with path.open("r+b") as stream:
            stream.truncate(1000)
        with pytest.raises(GoldenError, match="ends early"):
            rows.read(50)


def test_the_checksum_is_of_the_whole_array_and_not_of_a_part(tmp_path):
    path = stored(tmp_path)
    raw = bytearray(path.read_bytes())
    raw[raw.index(X[50].tobytes())] ^= 1
    path.write_bytes(raw)
    with ArrayFile(path) as file:
        rows = file.open("x")
        np.testing.assert_array_equal(rows.read(50), X[:50])
        with pytest.raises(GoldenError, match="CRC"):
            rows.read(50)
        part = file.open("x")
        part.skip(60)
        np.testing.assert_array_equal(part.read(40), X[60:])


def test_a_member_whose_local_header_is_another(tmp_path):
    path = stored(tmp_path)
    with zipfile.ZipFile(path) as archive:
        at = archive.getinfo("x.npy").header_offset
    raw = bytearray(path.read_bytes())
    raw[at : at + 4] = b"PK\x07\x08"
    path.write_bytes(raw)
    with ArrayFile(path) as file, pytest.raises(GoldenError, match="cannot be read"):
        file.open("x")


def test_arrays_of_nothing_and_of_one_number(tmp_path):
    np.savez(tmp_path / "a.npz", none=np.ones((0, 3)), one=np.array(4.5))
    with ArrayFile(tmp_path / "a.npz") as file:
        assert file.read("none").shape == (0, 3)
        assert file.read("one") == 4.5


def test_what_is_mapped_takes_no_memory_of_its_own(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((64, 1 << 17)))
    with ArrayFile(tmp_path / "x.npy") as file:
        rows = file.open("x")
        tracemalloc.start()
        for _ in range(64):
            rows.read(1)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 1 << 20
