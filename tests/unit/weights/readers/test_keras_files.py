import shutil
import sys
import zipfile

import h5py
import numpy as np
import pytest

from harness.core.errors import MissingDependencyError, ModelLoadError, UnsafeModelError

FORMS = [
    ("keras", "model.keras"),
    ("hdf5", "whole.h5"),
    ("hdf5", "model.weights.h5"),
    ("keras-json", "model.json"),
]
# Keras' path of a variable -> role, layer's class, layout.
USES = {
    "first/kernel": ("kernel", "Conv2D", "HWIO"),
    "first/bias": ("bias", "Conv2D", "O"),
    "norm/gamma": ("gamma", "BatchNormalization", "O"),
    "norm/beta": ("beta", "BatchNormalization", "O"),
    "norm/moving_mean": ("running_mean", "BatchNormalization", "O"),
    "norm/moving_variance": ("running_variance", "BatchNormalization", "O"),
    "slope/alpha": ("slope", "PReLU", None),
    "wide/kernel": ("depthwise_kernel", "DepthwiseConv2D", "HWIM"),
    "wide/bias": ("bias", "DepthwiseConv2D", "O"),
    "up/kernel": ("kernel", "Conv2DTranspose", "HWOI"),
    "up/bias": ("bias", "Conv2DTranspose", "O"),
    "line/kernel": ("kernel", "Conv1D", "WIO"),
    "memory/lstm_cell/kernel": ("gate_kernel", "LSTMCell", "IG"),
    "memory/lstm_cell/recurrent_kernel": ("gate_recurrent_kernel", "LSTMCell", "IG"),
    "memory/lstm_cell/bias": ("gate_bias", "LSTMCell", "G"),
    "last/kernel": ("kernel", "Dense", "IO"),
    "last/bias": ("bias", "Dense", "O"),
}


@pytest.mark.parametrize(("form", "name"), FORMS)
def test_every_variable_is_what_keras_says(tensorflow, read_form, form, name):
    found = read_form(form, tensorflow.folder / name)
    truth = tensorflow.of("keras")
    by_use = {(w.node, w.role): w for w in found.values()}
    assert len(by_use) == len(found) == len(USES)
    for path, (role, kind, layout) in USES.items():
        weight = by_use[path.rpartition("/")[0], role]
        assert (weight.op_type, weight.layout) == (kind, layout)
        np.testing.assert_array_equal(weight.load(), truth[path])
        assert (weight.dtype, weight.shape) == ("float32", truth[path].shape)


@pytest.mark.parametrize(("form", "name"), [FORMS[0], FORMS[1], FORMS[3]])
def test_a_configuration_tells_epsilon_and_the_order_of_layers(
    tensorflow, read_form, form, name
):
    found = read_form(form, tensorflow.folder / name)
    norms = {w.epsilon for w in found.values() if w.node == "norm"}
    assert norms == {1e-3}
    nodes = list(dict.fromkeys(w.node for w in found.values()))
    assert nodes == [
        *("first", "norm", "slope", "wide", "up", "line", "memory/lstm_cell", "last")
    ]


ROLES = {
    "attention": {"kernel": "kernel", "bias": "bias"},
    "norm": {"beta": "beta", "moving_mean": "running_mean"},
    "rows": {"gamma": "gamma", "beta": "beta"},
    "apart": {"depthwise_kernel": "depthwise_kernel", "pointwise_kernel": "kernel"},
    "both": {"kernel": "gate_kernel", "recurrent_kernel": "gate_recurrent_kernel"},
    "gates": {"kernel": "gate_kernel", "bias": "gate_bias"},
    "inner": {"kernel": "kernel"},
    "each": {"kernel": "kernel"},
    "table": {"embeddings": "embedding"},
}


@pytest.mark.parametrize(("form", "suffix"), [("keras", "keras"), ("hdf5", "h5")])
def test_layers_inside_of_layers(tensorflow, read_form, form, suffix):
    found = read_form(form, tensorflow.folder / f"nested.{suffix}")
    truth = tensorflow.of("nested")
    assert len(found) == len([v for v in truth.values() if v.dtype == np.float32])
    by_use = {(w.node, w.role): w for w in found.values()}
    assert len(by_use) == len(found)
    seen = 0
    for path, values in truth.items():
        node, _, word = path.rpartition("/")
        role = ROLES[path.partition("/")[0]].get(word) if values.ndim else None
        if role is not None:
            np.testing.assert_array_equal(by_use[node, role].load(), values)
            seen += 1
    assert seen == 23
    kernels = {w.node: w.layout for w in found.values() if w.role == "kernel"}
    assert kernels["attention/key"] is None
    assert kernels["inner/deep"] == "HWIO"


def is_mapped(values):
    while values is not None:
        if isinstance(values, np.memmap):
            return True
        values = getattr(values, "base", None)
    return False


def test_arrays_that_lie_in_one_piece_are_mapped(tensorflow, read_form):
    for form, name in FORMS[:2]:
        found = read_form(form, tensorflow.folder / name)
        for weight in found.values():
            # Of what the child process sends, the bytes would be a copy.
            assert is_mapped(weight.load())


def test_packed_arrays_are_unpacked(tensorflow, read_form):
    packed = read_form("hdf5", tensorflow.folder / "packed.weights.h5")
    plain = read_form("hdf5", tensorflow.folder / "model.weights.h5")
    assert len(packed) == 4
    for name in packed:
        np.testing.assert_array_equal(packed[name].load(), plain[name].load())


def test_a_packed_archive_is_unpacked(tensorflow, read_form, tmp_path):
    path = tmp_path / "packed.keras"
    with (
        zipfile.ZipFile(tensorflow.folder / "model.keras") as old,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, old.read(name))
    found = read_form("keras", path)
    kernel = found["layers/conv2d/vars/0"].load()
    np.testing.assert_array_equal(kernel, tensorflow.of("keras")["first/kernel"])


def test_big_endian_arrays_are_read_as_such(tensorflow, read_form):
    (weight,) = read_form("hdf5", tensorflow.folder / "big.h5").values()
    assert weight.name == "dense/kernel"
    np.testing.assert_array_equal(weight.load(), np.arange(6).reshape(2, 3))
    assert weight.load().dtype.isnative


def test_names_of_keras_2(tmp_path, read_form):
    path = tmp_path / "weights.h5"
    with h5py.File(path, "w") as file:
        file["dense_1/dense_1/kernel:0"] = np.ones((3, 2), np.float32)
        file["dense_1/dense_1/bias:0"] = np.ones(2, np.float16)
        file["optimizer_weights/Adam/m/kernel:0"] = np.ones((3, 2), np.float32)
        file["count"] = np.arange(3)
    found = read_form("hdf5", path)
    uses = {n: (w.role, w.node, w.op_type, w.dtype) for n, w in found.items()}
    assert uses == {
        "dense_1/dense_1/kernel:0": ("kernel", "dense_1", "Dense", "float32"),
        "dense_1/dense_1/bias:0": ("bias", "dense_1", "Dense", "float16"),
    }


def test_bfloat16_as_keras_stores_it(tmp_path, read_form):
    path = tmp_path / "m.weights.h5"
    values = np.array([1.0, -0.5], np.float32)
    with h5py.File(path, "w") as file:
        bits = (values.view(np.uint32) >> 16).astype(np.uint16)
        file["layers/dense/vars/0"] = bits.view("V2")
        file["layers/dense/vars/0"].attrs["dtype"] = "bfloat16"
    (weight,) = read_form("hdf5", path).values()
    assert weight.dtype == "bfloat16"
    np.testing.assert_array_equal(weight.load(), values)


def test_a_configuration_without_weights_says_where_they_should_be(
    tensorflow, read_form
):
    with pytest.raises(ModelLoadError, match=r"no alone\.weights\.h5 and no alone\.h5"):
        read_form("keras-json", tensorflow.folder / "alone.json")


def test_arrays_outside_of_the_file_are_refused(tmp_path, read_form):
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["secret"] = np.ones(4)
    linked, virtual, raw = (tmp_path / f"{n}.h5" for n in ("linked", "virtual", "raw"))
    with h5py.File(linked, "w") as file:
        file["link"] = h5py.ExternalLink("other.h5", "/secret")
    with h5py.File(virtual, "w") as file:
        layout = h5py.VirtualLayout((4,), np.float64)
        layout[:] = h5py.VirtualSource(str(other), "secret", (4,))
        file.create_virtual_dataset("w", layout)
    with h5py.File(raw, "w") as file:
        file.create_dataset("w", (4,), np.float64, external=[("/etc/passwd", 0, 32)])
    for path in (linked, virtual, raw):
        with pytest.raises(UnsafeModelError, match=path.name):
            read_form("hdf5", path)


def test_a_flipped_byte_in_an_archive_is_an_error(tensorflow, read_form, tmp_path):
    path = tmp_path / "m.keras"
    shutil.copy(tensorflow.folder / "model.keras", path)
    kernel = tensorflow.of("keras")["first/kernel"].tobytes()
    data = path.read_bytes()
    at = data.index(kernel)
    path.write_bytes(data[: at + 8] + b"\xff" + data[at + 9 :])
    found = read_form("keras", path)
    with pytest.raises(ModelLoadError, match=r"conv2d/vars/0.*checksum"):
        found["layers/conv2d/vars/0"].load()


def test_a_bomb_is_not_unpacked(tmp_path, read_form):
    path = tmp_path / "bomb.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset(
            "w", (1 << 29,), np.float32, chunks=(1 << 20,), compression=9
        )
    found = read_form("hdf5", path)
    with pytest.raises(ModelLoadError, match="bomb"):
        found["w"].load()


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("import os; os.abort()", r"crashed \(SIGABRT\)"),
        ("import time; time.sleep(9)", "not read within 1 s"),
        ("raise SystemExit(3)", "the code 3"),
    ],
)
def test_the_library_may_crash_or_hang(tensorflow, read_form, monkeypatch, code, says):
    monkeypatch.setattr("harness.formats.hdf5._CHILD", ("-c", code))
    monkeypatch.setattr("harness.formats.hdf5._PATIENCE", 1.0)
    with pytest.raises(ModelLoadError, match=says):
        read_form("hdf5", tensorflow.folder / "whole.h5")


def test_without_h5py_the_extra_is_named(tensorflow, read_form, monkeypatch):
    read_form("hdf5", tensorflow.folder / "big.h5")
    monkeypatch.setattr("harness.formats.hdf5.find_spec", lambda _: None)
    with pytest.raises(MissingDependencyError) as caught:
        read_form("hdf5", tensorflow.folder / "whole.h5")
    assert "model-quality-harness[h5]" in caught.value.hint
    assert "h5py" in sys.modules


def test_an_archive_without_weights_is_an_error(tmp_path, read_form):
    path = tmp_path / "m.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(ModelLoadError, match=r"holds no model\.weights\.h5"):
        read_form("keras", path)
