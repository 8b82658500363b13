import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.lib import format as npy

from harness.core.errors import GoldenError, MissingGoldenError
from harness.golden.npz import ArrayFile
from harness.golden.write import write_npz

DTYPES = hnp.boolean_dtypes() | hnp.integer_dtypes() | hnp.floating_dtypes()


def member(array, **save):
    buffer = io.BytesIO()
    npy.write_array(buffer, array, **save)
    return buffer.getvalue()


def write_zip(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def refuses(path, name, match):
    with ArrayFile(path) as file, pytest.raises(GoldenError, match=match) as caught:
        file.open(name)
    assert str(path) in str(caught.value)


@given(
    array=hnp.arrays(DTYPES, hnp.array_shapes(min_dims=1, max_dims=4)),
    packed=st.booleans(),
    cut=st.integers(0, 6),
)
def test_rows_read_in_parts_are_those_that_numpy_saved(
    tmp_path_factory, array, packed, cut
):
    path = tmp_path_factory.mktemp("npz") / "a.npz"
    (np.savez_compressed if packed else np.savez)(path, a=array)
    cut = min(cut, len(array))
    with ArrayFile(path) as file:
        stream = file.open("a")
        parts = [stream.read(cut), stream.read(len(array) - cut)]
    expected = np.ascontiguousarray(array)
    np.testing.assert_array_equal(np.concatenate(parts), expected)


def test_skipped_rows_are_not_given(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.arange(10))
    with ArrayFile(tmp_path / "a.npz") as file:
        stream = file.open("a")
        stream.skip(7)
        assert stream.read(3).tolist() == [7, 8, 9]


def test_npy_is_an_archive_of_one_array_named_by_its_stem(tmp_path):
    np.save(tmp_path / "scores.npy", np.arange(3.0))
    with ArrayFile(tmp_path / "scores.npy") as file:
        assert file.names == ("scores",)
        assert file.read("scores").tolist() == [0, 1, 2]


def test_fortran_order_is_refused_with_the_way_out(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.ones((4, 3)).T)
    refuses(tmp_path / "a.npz", "a", "(?s)Fortran.*ascontiguousarray")


def test_objects_are_never_unpickled(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.array([{"evil": 1}], object))
    refuses(tmp_path / "a.npz", "a", "unpickling")


def test_structured_arrays_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.zeros(3, [("x", "f4")]))
    refuses(tmp_path / "a.npz", "a", "neither numbers nor text")


@pytest.mark.parametrize("shape", [(10**12,), (10**6, 10**6, 10**6), (2, 3)])
def test_header_that_promises_other_bytes_than_there_are(tmp_path, shape):
    lie = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    npy.write_array_header_1_0(lie, header)
    write_zip(tmp_path / "a.npz", {"a.npy": lie.getvalue() + bytes(12)})
    refuses(tmp_path / "a.npz", "a", "promises")


def test_negative_sizes_that_multiply_to_the_right_number(tmp_path):
    lie = io.BytesIO()
    header = {"descr": "|u1", "fortran_order": False, "shape": (-2, -3)}
    npy.write_array_header_1_0(lie, header)
    write_zip(tmp_path / "a.npz", {"a.npy": lie.getvalue() + bytes(6)})
    refuses(tmp_path / "a.npz", "a", "neither numbers")


def test_decompression_bomb_is_refused_before_a_byte_is_unpacked(tmp_path):
    zeros = np.zeros(80 << 20, np.uint8)
    path = write_zip(tmp_path / "a.npz", {"a.npy": member(zeros)}, zipfile.ZIP_DEFLATED)
    refuses(path, "a", "decompression bomb")


def test_other_compressions_are_refused(tmp_path):
    path = write_zip(
        tmp_path / "a.npz", {"a.npy": member(np.ones(9))}, zipfile.ZIP_LZMA
    )
    refuses(path, "a", "numpy does not write")


def test_flipped_byte_is_found(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, a=np.zeros(1000))
    data = bytearray(path.read_bytes())
    data[4000] ^= 0xFF
    path.write_bytes(data)
    with ArrayFile(path) as file, pytest.raises(GoldenError, match="CRC"):
        file.open("a").read(1000)


@pytest.mark.parametrize("keep", [0, 10, 200])
def test_truncated_archive(tmp_path, keep):
    np.savez(tmp_path / "a.npz", a=np.zeros(100))
    cut = tmp_path / "cut.npz"
    cut.write_bytes((tmp_path / "a.npz").read_bytes()[:keep])
    with pytest.raises(GoldenError, match=r"cut\.npz"):
        ArrayFile(cut)


def test_member_that_is_no_array(tmp_path):
    write_zip(tmp_path / "a.npz", {"a.npy": b"not an array at all"})
    refuses(tmp_path / "a.npz", "a", "cannot be read")


def test_unknown_array_names_the_known_ones(tmp_path):
    write_npz(tmp_path / "a.npz", {"x": np.ones(2), "y": np.ones(2)})
    refuses(tmp_path / "a.npz", "z", "(?s)'z'.*x, y")


def test_missing_file():
    with pytest.raises(MissingGoldenError, match=r"nowhere\.npz"):
        ArrayFile(Path("nowhere.npz"))
