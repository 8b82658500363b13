import shutil
from pathlib import Path

import numpy as np
import pytest

from harness.core.errors import ModelLoadError
from harness.weights import reader_for

ONEFLOW = Path(__file__).parents[3] / "fixtures" / "oneflow"


def read(path):
    return {tensor.name: tensor for tensor in reader_for("oneflow")(path)}


@pytest.fixture
def snapshot(tmp_path):
    return Path(shutil.copytree(ONEFLOW / "snapshot", tmp_path / "snapshot"))


def test_numbers_of_the_real_tool():
    found = read(ONEFLOW / "snapshot")
    with np.load(ONEFLOW / "truth.npz") as truth:
        assert set(found) == set(truth.files)
        for name in truth.files:
            assert found[name].shape == truth[name].shape
            assert found[name].dtype == truth[name].dtype.name
            np.testing.assert_array_equal(found[name].load(), truth[name])


def test_roles_and_layouts():
    found = read(ONEFLOW / "snapshot")
    assert {name: (t.role, t.layout) for name, t in found.items()} == {
        "0.weight": ("kernel", "OIHW"),
        "0.bias": ("bias", "O"),
        "1.weight": ("gamma", "O"),
        "1.bias": ("beta", "O"),
        "1.running_mean": ("running_mean", "O"),
        "1.running_var": ("running_variance", "O"),
        "1.num_batches_tracked": ("n_batches", None),
        "4.weight": ("kernel", "OI"),
        "4.bias": ("bias", "O"),
    }


def test_an_unfinished_snapshot_is_refused(snapshot):
    (snapshot / "snapshot_done").unlink()
    with pytest.raises(ModelLoadError, match="no snapshot_done") as caught:
        read(snapshot)
    assert caught.value.hint == "save the snapshot again, or name an earlier one"


def rewrite(name, edit):
    def spoil(folder):
        (folder / name).write_bytes(edit((folder / name).read_bytes()))

    return spoil


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (rewrite("0.weight/out", lambda d: d[:-3]), "'0.weight': it has 141 bytes"),
        (rewrite("0.weight/meta", lambda d: d[:20]), "'0.weight': field 'd' has"),
        (rewrite("0.weight/meta", lambda d: b"\xff" + d), "'0.weight': it is no UTF-8"),
        (rewrite("0.weight/meta", lambda d: d.replace(b"kF", b"kX")), "kXloat"),
        (rewrite("0.weight/meta", lambda d: d.replace(b"4", b"-4")), "shape is"),
        (lambda f: (f / "0.weight" / "out").unlink(), "'0.weight': .*No such file"),
        (lambda f: [shutil.rmtree(p) for p in f.glob("*.*")], "no folder in it"),
    ],
)
def test_damaged_variables(snapshot, spoil, says):
    spoil(snapshot)
    with pytest.raises(ModelLoadError, match=says) as caught:
        read(snapshot)
    assert str(snapshot) in caught.value.message


def test_swapped_numbers_are_told(snapshot):
    out = snapshot / "4.weight" / "out"
    out.write_bytes(np.fromfile(out, "<f4").byteswap().tobytes())
    with pytest.raises(ModelLoadError, match=r"'4.weight': .*look big-endian"):
        read(snapshot)["4.weight"].load()
