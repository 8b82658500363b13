"""Weights of safetensors files against the library that writes them."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from harness.core.errors import ModelLoadError, UnsafeModelError
from harness.weights import reader_for


def read(path):
    return {w.name: w for w in reader_for("safetensors")(path)}


def write(path, header, data=b""):
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def entry(shape, start, stop, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    torch.manual_seed(0)
    state = {
        "conv.weight": torch.randn(4, 2, 3, 3),
        "conv.bias": torch.randn(4),
        "bn.weight": torch.rand(4),
        "bn.running_mean": torch.rand(4),
        "bn.num_batches_tracked": torch.tensor(7),
        "wte.weight": torch.randn(9, 3).bfloat16(),
        "half": torch.randn(3, 3).half(),
        "e4m3": torch.randn(16, 16).to(torch.float8_e4m3fn),
        "e5m2": torch.randn(16, 16).to(torch.float8_e5m2),
        "double": torch.randn(3).double(),
        "flags": torch.tensor([True, False]),
        "holes": torch.tensor([float("nan"), float("inf"), 1.0]),
        "empty": torch.zeros(0, 2),
        "complex": torch.zeros(2, dtype=torch.complex64),
    }
    path = tmp_path_factory.mktemp("safetensors") / "m.safetensors"
    save_file(state, path, metadata={"format": "pt"})
    return path, state


def test_values_are_those_that_were_saved(saved):
    path, state = saved
    found = read(path)
    assert set(found) == set(state) - {"complex", "empty", "flags"}
    for name, weight in found.items():
        wide = state[name].dtype in {torch.int64, torch.float64}
        wanted = state[name].double() if wide else state[name].float()
        np.testing.assert_array_equal(weight.load(), wanted.numpy(), strict=True)
        assert f"torch.{weight.dtype}" == str(state[name].dtype)


def test_names_tell_roles(saved):
    found = read(saved[0])
    told = {name: (w.role, w.layout, w.node) for name, w in found.items()}
    assert told["conv.weight"] == ("kernel", "OIHW", "conv")
    assert told["bn.weight"] == ("gamma", "O", "bn")
    assert told["bn.num_batches_tracked"] == ("n_batches", None, "bn")
    assert told["wte.weight"] == ("embedding", "IO", "wte")
    assert told["half"] == ("constant", None, None)


def test_shards_are_read_as_one(saved, tmp_path):
    state = {k: v for k, v in saved[1].items() if k.startswith(("conv", "bn"))}
    parts = {"one.safetensors": {}, "two.safetensors": {}}
    for number, name in enumerate(state):
        parts[sorted(parts)[number % 2]][name] = state[name]
    for file, part in parts.items():
        save_file(part, tmp_path / file)
    index = tmp_path / "model.safetensors.index.json"
    listed = {name: file for file, part in parts.items() for name in part}
    index.write_text(json.dumps({"metadata": {}, "weight_map": listed}))
    found = read(index)
    assert set(found) == set(state)
    assert found["bn.weight"].role == "gamma"
    np.testing.assert_array_equal(found["conv.bias"].load(), state["conv.bias"])


@pytest.mark.parametrize(
    ("listed", "error", "says"),
    [
        ({"w": "../x.safetensors"}, UnsafeModelError, "no file inside"),
        ({"w": "none.safetensors"}, ModelLoadError, "cannot read"),
        ({"v": "one.safetensors"}, ModelLoadError, "which lacks it"),
        ([], ModelLoadError, "no weight_map"),
    ],
)
def test_damaged_indices_are_errors(tmp_path, listed, error, says):
    save_file({"w": torch.zeros(2)}, tmp_path / "one.safetensors")
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": listed}))
    with pytest.raises(error, match=says):
        read(index)


@pytest.mark.parametrize(
    ("header", "size", "says"),
    [
        ({"w": entry([2], 0, 8)}, 4, "tells of"),
        ({"w": entry([2], 0, 8), "v": entry([2], 4, 12)}, 12, "'v' begins at byte"),
        ({"w": entry([2], 0, 8), "v": entry([2], 12, 20)}, 20, "'v' begins at byte"),
        ({"w": entry([2], 4, 12)}, 12, "belong to none"),
        ({"w": entry([3], 0, 8)}, 8, r"'w': has 8 bytes for shape \[3\]"),
        ({"w": entry([1 << 62, 4], 0, 8)}, 8, "'w': has 8 bytes"),
        ({"w": entry([-2], 0, 8)}, 8, "'w' lacks a part"),
        ({"w": entry([2], 8, 0)}, 8, "tells of"),
        ({"w": entry([2.5], 0, 8)}, 8, "'w' lacks a part"),
    ],
)
def test_damaged_headers_are_errors(tmp_path, header, size, says):
    path = write(tmp_path / "m.safetensors", header, bytes(size))
    with pytest.raises(ModelLoadError, match=says):
        read(path)


def test_wrong_byte_order_is_an_error(tmp_path):
    values = np.random.default_rng(0).standard_normal(64).astype(">f4")
    path = write(tmp_path / "m.safetensors", {"w": entry([64], 0, 256)}, bytes(values))
    with pytest.raises(ModelLoadError, match="'w': its numbers look big-endian"):
        read(path)["w"].load()


def test_numbers_closer_than_a_byte_are_refused_by_name(tmp_path):
    header = {"w": entry([4], 0, 2, "F4")}
    path = write(tmp_path / "m.safetensors", header, bytes(2))
    with pytest.raises(ModelLoadError, match="'w' is of type f4, which is not read"):
        read(path)
