"""Weights of PyTorch's files against PyTorch itself, bit for bit."""

import os
import pickle
import warnings
import zipfile

import numpy as np
import pytest
import torch

from harness.backends.detect import detect_form
from harness.core.errors import ModelLoadError, UnsafeModelError
from harness.core.roles import ROLES
from harness.weights import reader_for

NAMED = (
    *("state.pth", "old.pth", "whole.pt", "checkpoint.pth", "scripted.pt"),
    *("traced.pt", "program.pt2", "program-old.pt2", "program-between.pt2"),
)
# Name -> role and layout, by what the network is made of.
EXPECTED = {
    "embed.weight": ("embedding", "IO"),
    "conv.weight": ("kernel", "OIHW"),
    "conv.bias": ("bias", "O"),
    "depthwise.weight": ("kernel", "OIHW"),
    "bn.weight": ("gamma", "O"),
    "bn.bias": ("beta", "O"),
    "bn.running_mean": ("running_mean", "O"),
    "bn.running_var": ("running_variance", "O"),
    "bn.num_batches_tracked": ("n_batches", None),
    "up.weight": ("kernel", "IOHW"),
    "up.bias": ("bias", "O"),
    "line_up.weight": ("kernel", "IOW"),
    "lstm.weight_ih_l0": ("gate_kernel", "GI"),
    "lstm.weight_hh_l0": ("gate_recurrent_kernel", "GI"),
    "lstm.bias_hh_l0_reverse": ("gate_bias", "G"),
    "gru.weight_ih_l0": ("gate_kernel", "GI"),
    "gru.bias_ih_l0": ("gate_bias", "G"),
    "attention.in_proj_weight": ("kernel", "OI"),
    "attention.in_proj_bias": ("bias", "O"),
    "attention.out_proj.weight": ("kernel", "OI"),
    "norm.weight": ("gamma", "O"),
    "norm.bias": ("beta", "O"),
    "prelu.weight": ("slope", "O"),
    "dense.weight": ("kernel", "OI"),
    "dense.bias": ("bias", "O"),
}


def read(path):
    return {w.name: w for w in reader_for(detect_form(path).name)(path)}


def plain(tensor):
    """The numbers as the widest float that holds them."""
    if tensor.dtype in {torch.int64, torch.float64}:
        return tensor.detach().double().numpy()
    return tensor.detach().float().numpy()


@pytest.mark.parametrize("name", NAMED)
def test_every_form_holds_the_same_numbers(torch_folder, name):
    folder, state = torch_folder
    found = read(folder / name)
    assert set(found) == set(state)
    for key, tensor in state.items():
        weight = found[key]
        assert weight.shape == tuple(tensor.shape)
        assert f"torch.{weight.dtype}" == str(tensor.dtype)
        np.testing.assert_array_equal(weight.load(), plain(tensor), strict=True)


@pytest.mark.parametrize("name", NAMED)
def test_every_form_tells_what_its_tensors_are_for(torch_folder, name):
    found = read(torch_folder[0] / name)
    told = {key: (found[key].role, found[key].layout) for key in EXPECTED}
    assert told == EXPECTED
    assert {weight.role for weight in found.values()} <= set(ROLES)
    assert found["attention.out_proj.weight"].node == "attention.out_proj"


@pytest.mark.parametrize(
    ("name", "operator", "epsilon"),
    [
        ("state.pth", None, None),
        ("scripted.pt", "BatchNorm2d", 1e-3),
        ("traced.pt", "BatchNorm2d", 1e-3),
        ("program.pt2", "batch_norm", 1e-3),
    ],
)
def test_graphs_tell_operators_and_epsilon(torch_folder, name, operator, epsilon):
    found = read(torch_folder[0] / name)["bn.running_var"]
    assert (found.op_type, found.epsilon) == (operator, epsilon)


def test_constants_of_a_frozen_module_are_told_by_its_code(torch_folder):
    folder, state = torch_folder
    found = read(folder / "frozen.pt").values()
    by_values = {weight.load().tobytes(): weight for weight in found}
    for key in ("conv.weight", "up.weight", "lstm.weight_hh_l0", "dense.weight"):
        weight = by_values[plain(state[key]).tobytes()]
        assert (weight.role, weight.layout) == EXPECTED[key]
    assert by_values[plain(state["conv.weight"]).tobytes()].op_type == "conv2d"


def test_narrow_floats_and_views(tmp_path):
    torch.manual_seed(0)
    whole = torch.randn(4, 3, 5)
    state = {
        "bfloat16": whole.bfloat16(),
        "half": whole.half(),
        "double": whole.double(),
        "e4m3": whole.to(torch.float8_e4m3fn),
        "e5m2": whole.to(torch.float8_e5m2),
        "turned": whole.permute(2, 0, 1),
        "second": whole[1],
        "every_other": whole[:, ::2],
        "spread": torch.tensor([[2.0]]).expand(3, 4),
        "holes": torch.tensor([1.0, float("nan"), float("inf"), -0.0]),
        "bytes": torch.arange(5, dtype=torch.uint8),
        "flags": torch.tensor([True, False]),
        "complex": torch.zeros(2, dtype=torch.complex64),
        "empty": torch.zeros(0, 3),
        "scalar": torch.tensor(3.5),
    }
    torch.save(state, tmp_path / "m.pth")
    old = {k: v for k, v in state.items() if k not in {"e4m3", "e5m2"}}
    torch.save(old, tmp_path / "o.pth", _use_new_zipfile_serialization=False)
    for path, held in ((tmp_path / "m.pth", state), (tmp_path / "o.pth", old)):
        found = read(path)
        assert set(found) == set(held) - {"complex", "empty", "bytes", "flags"}
        for key, weight in found.items():
            np.testing.assert_array_equal(weight.load(), plain(held[key]), strict=True)


def test_tied_weights_are_listed_by_each_name(torch_folder):
    found = read(torch_folder[0] / "state.pth")
    tied = found["embed.weight"].load(), found["head.weight"].load()
    assert np.shares_memory(*tied) or np.array_equal(*tied)


def test_numbers_are_mapped_and_not_copied(torch_folder):
    values = read(torch_folder[0] / "state.pth")["conv.weight"].load()
    assert not values.flags.owndata
    assert not values.flags.writeable


@pytest.mark.parametrize("form", ["zip", "old"])
@pytest.mark.parametrize("scheme", ["tensor", "channel"])
def test_quantized_tensors_are_read_as_what_they_mean(tmp_path, form, scheme):
    torch.manual_seed(0)
    values = torch.randn(4, 3, 2)
    with warnings.catch_warnings():
        # Quantized tensors are deprecated; people have files of them.
        warnings.simplefilter("ignore")
        if scheme == "tensor":
            tensor = torch.quantize_per_tensor(values, 0.03, 7, torch.quint8)
        else:
            zeros = torch.tensor([0, 1, -3, 5])
            scales = torch.rand(4) * 0.05 + 0.01
            tensor = torch.quantize_per_channel(values, scales, zeros, 0, torch.qint8)
        path = tmp_path / "m.pth"
        torch.save({"w": tensor}, path, _use_new_zipfile_serialization=form == "zip")
        wanted = tensor.dequantize().numpy()
    weight = read(path)["w"]
    np.testing.assert_allclose(weight.load(), wanted, rtol=1e-6)
    codes = weight.codes
    np.testing.assert_array_equal(codes.codes(), tensor.int_repr().numpy())
    assert codes.axis == (None if scheme == "tensor" else 0)
    assert (codes.low, codes.high) == ((0, 255) if scheme == "tensor" else (-128, 127))
    assert codes.scale.shape == codes.zero_point.shape


@pytest.mark.parametrize("name", ["quantized.pth", "quantized.pt"])
def test_a_quantized_network(quantized_torch, name):
    folder, model = quantized_torch
    found = read(folder / name)
    for module, layer in (("conv", model.conv), ("dense", model.dense)):
        kernel = found[f"{module}.weight"]
        np.testing.assert_allclose(
            kernel.load(), layer.weight().dequantize().numpy(), rtol=1e-6
        )
        assert (kernel.role, kernel.dtype, kernel.codes.axis) == ("kernel", "int8", 0)
        bias = found[f"{module}.bias"]
        np.testing.assert_array_equal(bias.load(), layer.bias().detach().numpy())
        assert bias.role == "bias"
    assert found["stub.scale"].role == "scale"
    assert found["stub.zero_point"].role == "zero_point"


def test_integers_that_a_graph_decodes(decoding):
    path, module = decoding
    found = read(path)
    codes = module.codes.float() - module.zeros[:, None]
    wanted = (codes * module.scales[:, None]).numpy()
    np.testing.assert_array_equal(found["codes"].load(), wanted)
    np.testing.assert_array_equal(
        found["table"].load(), (module.table.float().numpy() - 3) * 0.25
    )
    assert found["codes"].codes.axis == 0
    assert found["table"].codes.axis is None
    roles = {name: (weight.role, weight.layout) for name, weight in found.items()}
    assert roles["codes"] == roles["table"] == ("kernel", "OI")
    assert roles["scales"][0] == "scale"
    assert roles["zeros"][0] == "zero_point"


def test_big_endian_files_are_read_as_they_say(torch_folder, tmp_path):
    """As a machine of that order would have written it."""
    folder, state = torch_folder
    path = tmp_path / "big.pth"
    with (
        zipfile.ZipFile(folder / "state.pth") as source,
        zipfile.ZipFile(path, "w") as target,
    ):
        for name in source.namelist():
            data = source.read(name)
            if name.endswith("/byteorder"):
                data = b"big"
            elif name.partition("/")[2].startswith("data/"):
                data = np.frombuffer(data, np.uint32).byteswap().tobytes()
            target.writestr(name, data)
    found = read(path)["conv.weight"].load()
    np.testing.assert_array_equal(found, state["conv.weight"].numpy())


def test_numbers_in_the_wrong_byte_order_are_an_error(torch_folder, tmp_path):
    path = tmp_path / "swapped.pth"
    with (
        zipfile.ZipFile(torch_folder[0] / "state.pth") as source,
        zipfile.ZipFile(path, "w") as target,
    ):
        for name in source.namelist():
            data = source.read(name)
            target.writestr(name, b"big" if name.endswith("/byteorder") else data)
    with pytest.raises(ModelLoadError, match=r"'conv\.weight': its numbers look"):
        read(path)["conv.weight"].load()


def test_changed_numbers_do_not_have_their_checksum(torch_folder, tmp_path):
    whole = bytearray((torch_folder[0] / "state.pth").read_bytes())
    place = whole.index(torch_folder[1]["dense.weight"].numpy().tobytes())
    whole[place] ^= 1
    path = tmp_path / "m.pth"
    path.write_bytes(whole)
    found = read(path)
    found["conv.weight"].load()
    with pytest.raises(ModelLoadError, match=r"m\.pth: tensor 'dense\.weight'.*check"):
        found["dense.weight"].load()


def test_sparse_tensors_are_refused_by_name(tmp_path):
    torch.save({"a.w": torch.eye(3).to_sparse()}, tmp_path / "m.pth")
    with pytest.raises(ModelLoadError, match=r"'a\.w' is a sparse tensor") as caught:
        read(tmp_path / "m.pth")
    assert "to_dense" in caught.value.hint


class Bomb:
    def __reduce__(self):
        return (os.system, ("exit 1",))


def test_a_pickle_that_calls_the_machine_is_refused(torch_folder, tmp_path):
    path = tmp_path / "m.pth"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("m/data.pkl", pickle.dumps({"w": Bomb()}))
        file.writestr("m/version", "3")
    with pytest.raises(UnsafeModelError, match=r"\.system"):
        list(reader_for("state-dict")(path))


def test_a_tensor_beyond_its_storage_is_an_error(tmp_path):
    path = tmp_path / "m.pth"
    torch.save({"w": torch.zeros(4)}, path)
    short = tmp_path / "short.pth"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(short, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            target.writestr(name, data[:8] if name.endswith("data/0") else data)
    with pytest.raises(ModelLoadError, match=r"'w': of shape \[4\].*needs 16 bytes"):
        read(short)


def test_a_missing_storage_is_an_error(tmp_path):
    path = tmp_path / "m.pth"
    torch.save({"w": torch.zeros(4)}, path)
    short = tmp_path / "short.pth"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(short, "w") as target:
        for name in source.namelist():
            if not name.endswith("data/0"):
                target.writestr(name, source.read(name))
    with pytest.raises(ModelLoadError, match=r"'m/data/0' is missing"):
        read(short)


def test_tied_weights_of_a_graph_have_the_use_that_their_name_tells(torch_folder):
    found = read(torch_folder[0] / "program.pt2")
    head = found["head.weight"]
    assert (head.role, head.layout, head.op_type) == ("kernel", "OI", "linear")
