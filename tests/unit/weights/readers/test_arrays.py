"""Weights of numpy's files against numpy."""

import numpy as np
import pytest

from harness.core.errors import ModelLoadError, UnsafeModelError
from harness.weights import reader_for

ARRAYS = {
    "conv.weight": np.arange(54, dtype=np.float32).reshape(3, 2, 3, 3),
    "conv.bias": np.array([1, np.nan, -0.0], np.float32),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "big": np.arange(4, dtype=">f8"),
    "half": np.array([1, 6e-8], np.float16),
    "dense.weight": np.arange(-2, 4, dtype=np.int8).reshape(2, 3),
    "scalar": np.array(2.5),
}


def read(path, form="npz"):
    return {w.name: w for w in reader_for(form)(path)}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_values_are_those_that_were_saved(tmp_path, save):
    others = {"text": np.array(["a"]), "none": np.zeros((0, 2)), "shape": np.arange(3)}
    save(tmp_path / "m.npz", **others, **ARRAYS)
    found = read(tmp_path / "m.npz")
    assert set(found) == set(ARRAYS)
    for name, weight in found.items():
        assert weight.dtype == ARRAYS[name].dtype.name
        np.testing.assert_array_equal(weight.load(), ARRAYS[name])
        assert weight.load().dtype in (np.float32, np.float64)
    assert (found["conv.weight"].role, found["conv.weight"].layout) == (
        "kernel",
        "OIHW",
    )


def test_a_single_array(tmp_path):
    np.save(tmp_path / "w.npy", ARRAYS["fortran"])
    (weight,) = read(tmp_path / "w.npy", "npy").values()
    assert (weight.name, weight.shape) == ("w", (2, 3))
    np.testing.assert_array_equal(weight.load(), ARRAYS["fortran"])


@pytest.mark.parametrize("form", ["npz", "npy"])
def test_objects_are_never_unpickled(tmp_path, form):
    path = tmp_path / f"w.{form}"
    objects = np.array([print], object)
    np.savez(path, w=objects) if form == "npz" else np.save(path, objects)
    with pytest.raises(UnsafeModelError, match="'w' holds Python objects"):
        read(path, form)


def test_a_short_array_is_an_error(tmp_path):
    path = tmp_path / "w.npy"
    np.save(path, np.zeros(100))
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(ModelLoadError, match=r"'w': of shape \[100\].*needs 800"):
        read(path, "npy")


def test_changed_numbers_do_not_have_their_checksum(tmp_path):
    path = tmp_path / "m.npz"
    np.savez(path, w=np.full(100, 3.0))
    whole = bytearray(path.read_bytes())
    whole[whole.index(np.full(9, 3.0).tobytes()) + 1] ^= 1
    path.write_bytes(whole)
    with pytest.raises(ModelLoadError, match=r"checksum|CRC-32"):
        read(path)["w"].load()
