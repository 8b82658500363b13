"""Files that coremltools wrote, against what coremltools reads out of them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from harness.core.errors import ModelLoadError, UnsafeModelError
from harness.weights import reader_for

FILES = Path(__file__).parents[3] / "fixtures" / "coreml"
NETS = sorted(path.name for path in FILES.glob("net*"))
BLOB = Path("Data", "com.apple.CoreML", "weights", "weight.bin")
# Roles and layouts of the network, in the words of either kind of file.
LAYERS = {
    "conv.weights": ("kernel", "OIHW"),
    "conv.bias": ("bias", "O"),
    "norm.gamma": ("gamma", "O"),
    "norm.beta": ("beta", "O"),
    "norm.mean": ("running_mean", "O"),
    "norm.variance": ("running_variance", "O"),
    "depthwise.weights": ("depthwise_kernel", "OIHW"),
    "dense.weights": ("kernel", "OI"),
    "dense.bias": ("bias", "O"),
}


@pytest.fixture(scope="module")
def truth():
    with np.load(FILES / "truth.npz") as file:
        return dict(file)


def read(path):
    form = "coreml-package" if path.suffix == ".mlpackage" else "coreml"
    return {tensor.name: tensor for tensor in reader_for(form)(path)}


@pytest.fixture
def package(tmp_path):
    return Path(shutil.copytree(FILES / "net.mlpackage", tmp_path / "m.mlpackage"))


@pytest.mark.parametrize("name", NETS)
def test_numbers_bit_for_bit(truth, name):
    found = read(FILES / name)
    expected = {
        key.partition(":")[2]: values
        for key, values in truth.items()
        if key.startswith(f"{name}:")
    }
    assert set(found) == set(expected)
    for key, values in expected.items():
        loaded = found[key].load()
        assert loaded.dtype == np.float32
        assert loaded.shape == found[key].shape
        np.testing.assert_array_equal(loaded.ravel(), values.ravel())


@pytest.mark.parametrize("name", NETS)
def test_roles_and_layouts(name):
    found = read(FILES / name)
    parts = sorted((t.role, t.layout) for t in found.values())
    assert parts == sorted(LAYERS.values())
    nodes = {t.node.removesuffix("_cast_fp16") for t in found.values()}
    assert nodes == {"conv", "norm", "depthwise", "dense"}
    if name == "net.mlmodel":
        assert {n: (t.role, t.layout) for n, t in found.items()} == LAYERS


@pytest.mark.parametrize(
    ("name", "dtype", "has_codes"),
    [
        ("net.mlmodel", "float32", False),
        ("net-half.mlmodel", "float16", False),
        # Its zero lies between two codes.
        ("net-linear.mlmodel", "uint8", False),
        ("net-symmetric.mlmodel", "uint8", True),
        ("net-table.mlmodel", "uint4", False),
        ("net-half.mlpackage", "float16", False),
        ("net-affine.mlpackage", "int8", True),
        ("net-channels.mlpackage", "int8", True),
        # Scales by groups of inputs.
        ("net-blocks.mlpackage", "int4", False),
        ("net-table.mlpackage", "uint4", False),
        ("net-tables.mlpackage", "uint4", False),
        ("net-sparse.mlpackage", "float32", False),
    ],
)
def test_how_they_are_stored(truth, name, dtype, has_codes):
    dense = next(t for t in read(FILES / name).values() if t.shape == (10, 128))
    assert dense.dtype == dtype
    assert (dense.codes is not None) is has_codes
    if dense.codes is not None:
        codes = dense.codes
        assert codes.axis == 0
        scale, zero = codes.scale[:, None], codes.zero_point[:, None]
        floats = (codes.codes().astype(np.float32) - zero) * scale
        np.testing.assert_allclose(floats, dense.load(), rtol=1e-4, atol=1e-6)
        assert codes.codes().min() >= codes.low
        assert codes.codes().max() <= codes.high


def test_the_whole_numbers_are_those_of_the_network(truth):
    found = read(FILES / "net.mlmodel")
    for name, key in (("conv.weights", "conv"), ("dense.weights", "dense")):
        np.testing.assert_array_equal(found[name].load(), truth[f"array:{key}"])


def test_parts_of_a_pipeline_are_read(tmp_path):
    model = (FILES / "dense.mlmodel").read_bytes()

    def field(number, data):
        key, size = number << 3 | 2, len(data)
        return b"".join(bytes(varint(n)) for n in (key, size)) + data

    def varint(n):
        while n > 0x7F:
            yield n & 0x7F | 0x80
            n >>= 7
        yield n

    path = tmp_path / "m.mlmodel"
    parts = field(1, model) + field(1, model)
    path.write_bytes(b"\x08\x04" + field(200, field(1, parts)))
    found = read(path)
    names = ("0.dense.weights", "0.dense.bias", "1.dense.weights", "1.dense.bias")
    assert tuple(found) == names


def edited(path, edit):
    path.write_bytes(edit(path.read_bytes()))


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda data: data[:-600], "which has"),
        (lambda data: data[:70], "beyond its end"),
        (lambda data: data.replace(b"\xef\xbe\xad\xde", bytes(4)), "no record begins"),
        (lambda data: b"\1" + data[1:4] + bytes(4) + data[8:], "no blob file of ver"),
        (lambda data: data[:0], "no blob file of version"),
    ],
)
def test_damaged_blobs(package, edit, says):
    edited(package / BLOB, edit)
    with pytest.raises(ModelLoadError, match=says) as caught:
        read(package)
    assert "model.mlmodel: tensor '" in caught.value.message


def test_a_missing_blob_file(package):
    (package / BLOB).unlink()
    with pytest.raises(ModelLoadError, match="No such file"):
        read(package)


def test_swapped_numbers_are_told(package):
    numbers = read(package)["dense_weight_0"].load()
    swapped = numbers.byteswap().tobytes()
    edited(package / BLOB, lambda data: data.replace(numbers.tobytes(), swapped))
    with pytest.raises(ModelLoadError, match=r"'dense_weight_0': .*look big-endian"):
        read(package)["dense_weight_0"].load()


def test_a_blob_file_outside_of_the_package_is_refused(package):
    model = package / BLOB.parent.parent / "model.mlmodel"
    name, other = b"@model_path/weights/weight.bin", b"@model_path/../../../../../etc"
    assert len(name) == len(other)
    edited(model, lambda data: data.replace(name, other))
    with pytest.raises(UnsafeModelError, match="etc"):
        read(package)


@pytest.mark.parametrize(
    ("manifest", "error", "says"),
    [
        ("{", ModelLoadError, "no JSON"),
        ('{"itemInfoEntries": {}}', ModelLoadError, "names no model"),
        ({"path": "none.mlmodel"}, ModelLoadError, "none.mlmodel"),
        ({"path": "../../x.mlmodel"}, UnsafeModelError, "x.mlmodel"),
    ],
)
def test_damaged_manifests(package, manifest, error, says):
    whole = manifest
    if not isinstance(manifest, str):
        whole = json.dumps({"itemInfoEntries": {"a": manifest}})
    (package / "Manifest.json").write_text(whole)
    with pytest.raises(error, match=says):
        read(package)


def test_other_kinds_of_model_have_no_tensors(tmp_path):
    path = tmp_path / "trees.mlmodel"
    # TreeEnsembleClassifier is field 402.
    path.write_bytes(b"\x08\x04\x92\x19\x00")
    with pytest.raises(ModelLoadError, match="no network, program or pipeline"):
        read(path)
