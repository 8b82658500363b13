"""Slips planted into copies of the digits model: `harness weights` names each of them.

A copy is edited in place: a tensor's bytes, as its form stores them, are found in the
file and replaced. So each slip is planted into forms of different tools.
"""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import h5py
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

from harness.backends.detect import detect_form
from harness.weights import reader_for

GOLDEN = Path(__file__).parents[2] / "golden"
DIGITS = GOLDEN / "digits" / "models"
KERAS = DIGITS / "digits.keras"
TORCH = GOLDEN / "digits-regressed" / "models" / "torch.onnx"
NORM = "layers/batch_normalization/vars/"
HIDDEN, INPUTS = 8, 5


def arrays(path):
    """Name -> numbers as the file stores them."""
    return {t.name: t.load() for t in reader_for(detect_form(path).name)(path)}


def original(name):
    return arrays(KERAS)[f"layers/{name}"]


def plant(source, folder, changes):
    """A copy of the file whose tensors of these endings are changed.

    Args:
        source: A form that stores float32 as they are.
        folder: Where the copy lies.
        changes: End of a name -> function of its numbers.
    """
    data = source.read_bytes()
    found = arrays(source)
    for ending, change in changes.items():
        (name,) = [name for name in found if name.endswith(ending)]
        old = found[name].astype("<f4").tobytes()
        assert data.count(old) == 1, name
        new = np.asarray(change(found[name]), "<f4").tobytes()
        assert len(new) == len(old)
        data = data.replace(old, new)
    path = folder / source.name
    path.write_bytes(data)
    return path


def weights_file(folder):
    """What lies in the .keras archive, as a file of its own."""
    path = folder / "model.weights.h5"
    with zipfile.ZipFile(KERAS) as archive:
        path.write_bytes(archive.read("model.weights.h5"))
    return path


def state(folder, without=()):
    """The network of PyTorch as safetensors."""
    path = folder / "model.safetensors"
    kept = {k: v.copy() for k, v in arrays(TORCH).items() if k not in without}
    save_file(kept, path)
    return path


def folded(epsilon):
    """Scale and shift of the batch norm."""
    gamma, beta, mean, variance = (original(f"{NORM}{k}"[7:]) for k in range(4))
    scale = gamma / np.sqrt(variance + epsilon)
    return scale, beta - mean * scale


def small_epsilon(source, scale, shift):
    def make(folder):
        made = dict(zip((scale, shift), folded(1e-5), strict=True))
        changes = {end: lambda _, new=new: new for end, new in made.items()}
        return KERAS, plant(source, folder, changes)

    return make


def stated_epsilon(_folder):
    return KERAS, GOLDEN / "digits-regressed/models/torch-bn-epsilon.onnx"


def reshaped_dense(folder):
    """384 x 10 becomes 10 x 384, and its numbers stay where they are."""
    model = onnx.load(DIGITS / "digits.onnx")
    (kernel,) = [i for i in model.graph.initializer if list(i.dims) == [384, 10]]
    kernel.dims[:] = [10, 384]
    path = folder / "reshaped.onnx"
    path.write_bytes(model.SerializeToString())
    return KERAS, path


def reshaped_convolution(folder):
    kernel = original("conv2d_1/vars/0")
    return KERAS, plant(TORCH, folder, {"conv2.weight": lambda _: kernel.ravel()})


def one_channel(source, ending, axis):
    def change(kernel):
        wrong = kernel.copy()
        np.moveaxis(wrong, axis, 0)[3] *= 8
        return wrong

    return lambda folder: (KERAS, plant(source, folder, {ending: change}))


def one_scale(folder):
    """The scale of one channel of a convolution in whole numbers."""
    source = DIGITS / "digits-int8.tflite"
    tensors = {t.name: t.codes for t in reader_for("litert")(source)}
    codes = tensors["digits_1/conv2_1/convolution"]
    old = np.asarray(codes.scale, "<f4").tobytes()
    scale = np.frombuffer(old, "<f4").copy()
    scale[3] *= 8
    data = source.read_bytes()
    assert data.count(old) == 1
    path = folder / source.name
    path.write_bytes(data.replace(old, scale.tobytes()))
    return KERAS, path


def recurrent(order):
    """An LSTM as PyTorch keeps it and as ONNX does, gates taken in an order."""
    rng = np.random.default_rng(5)

    def gates(*tail):
        return rng.normal(0, 0.3, (4, HIDDEN, *tail)).astype(np.float32)

    kernel, state_, bias, other = gates(INPUTS), gates(HIDDEN), gates(), gates()
    torch = {
        "lstm.weight_ih_l0": kernel.reshape(-1, INPUTS),
        "lstm.weight_hh_l0": state_.reshape(-1, HIDDEN),
        "lstm.bias_ih_l0": bias.reshape(-1),
        "lstm.bias_hh_l0": other.reshape(-1),
        "head.weight": rng.normal(0, 0.3, (6, HIDDEN)).astype(np.float32),
    }
    taken = [each[list(order)] for each in (kernel, state_, bias, other)]
    both = np.concatenate([taken[2].reshape(-1), taken[3].reshape(-1)])[None]
    constants = {
        "W": taken[0].reshape(1, -1, INPUTS),
        "R": taken[1].reshape(1, -1, HIDDEN),
        "B": both,
        "head": torch["head.weight"].T.copy(),
    }
    return torch, lstm(constants)


def lstm(constants):
    shape = [None, 1, INPUTS]
    graph = helper.make_graph(
        [
            helper.make_node(
                "LSTM", ["x", "W", "R", "B"], ["", "h"], hidden_size=HIDDEN
            ),
            helper.make_node("MatMul", ["h", "head"], ["y"]),
        ],
        "lstm",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(v, k) for k, v in constants.items()],
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8
    )


# PyTorch keeps input, forget, cell, output; ONNX input, output, forget, cell.
TO_ONNX = (0, 3, 1, 2)


def gates(order, *, backwards=False):
    def make(folder):
        torch, model = recurrent(order)
        save_file(torch, folder / "lstm.safetensors")
        (folder / "lstm.onnx").write_bytes(model.SerializeToString())
        sides = folder / "lstm.safetensors", folder / "lstm.onnx"
        return sides[::-1] if backwards else sides

    return make


def variance_dropped_from_state(folder):
    return KERAS, state(folder, without=("bn1.running_var",))


def variance_dropped_from_hdf5(folder):
    path = weights_file(folder)
    with h5py.File(path, "r+") as file:
        del file[f"{NORM}3"]
    return TORCH, path


def stale_bias(source, ending):
    rng = np.random.default_rng(2)

    def change(bias):
        return bias + rng.normal(0, 0.05, bias.shape)

    return lambda folder: (KERAS, plant(source, folder, {ending: change}))


def later(array):
    """The same weights some steps of training later."""
    rng = np.random.default_rng(array.size)
    return array + rng.normal(0, 0.2 * array.std() + 1e-3, array.shape)


def other_epoch(source, *endings):
    changes = dict.fromkeys(endings, later)
    return lambda folder: (KERAS, plant(source, folder, changes))


def other_epoch_of_hdf5(folder):
    path = weights_file(folder)
    with h5py.File(path, "r+") as file:
        for name in arrays(KERAS):
            file[name][...] = later(file[name][...])
    return TORCH, path


ONNX, TFLITE, FROZEN = (
    DIGITS / name for name in ("digits.onnx", "digits.tflite", "frozen.pb")
)
PLANTED = [
    (
        "norm.epsilon",
        small_epsilon(ONNX, "batchnorm/mul:0", "batchnorm/add_1/input_1"),
    ),
    ("norm.epsilon", small_epsilon(TFLITE, "batchnorm/mul", "batchnorm/sub")),
    ("norm.epsilon", stated_epsilon),
    ("weights.transposed", reshaped_dense),
    ("weights.transposed", reshaped_convolution),
    ("quant.scale", one_channel(ONNX, "conv2_1/convolution/ReadVariableOp:0", 0)),
    ("quant.scale", one_channel(TORCH, "conv2.weight", 0)),
    ("quant.scale", one_scale),
    ("rnn.gate_order", gates((1, 0, 3, 2))),
    ("rnn.gate_order", gates((1, 0, 3, 2), backwards=True)),
    ("weights.missing", variance_dropped_from_state),
    ("weights.missing", variance_dropped_from_hdf5),
    ("weights.stale", stale_bias(ONNX, "probabilities_1/BiasAdd/ReadVariableOp:0")),
    ("weights.stale", stale_bias(TORCH, "conv2.bias")),
    (
        "weights.other_epoch",
        other_epoch(
            TORCH,
            *(f"{n}.weight" for n in ("conv1", "conv2", "dense")),
            *(f"{n}.bias" for n in ("conv1", "conv2", "dense")),
            *(f"bn1.{n}" for n in ("weight", "running_mean")),
        ),
    ),
    ("weights.other_epoch", other_epoch_of_hdf5),
]


@pytest.mark.parametrize(
    ("cause", "make"), PLANTED, ids=[f"{c}-{k}" for k, (c, _) in enumerate(PLANTED)]
)
def test_a_slip_is_found_and_named(small, tmp_path, cause, make):
    result = small.invoke("weights", *make(tmp_path))
    assert result.exit_code == 1, result.output
    faults = [line for line in result.output.splitlines() if line.startswith("FAULT")]
    assert faults, result.output
    assert {line.split(": ")[1] for line in faults} == {cause}


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: (KERAS, shutil.copy(ONNX, folder)),
        lambda folder: (KERAS, shutil.copy(TFLITE, folder)),
        lambda folder: (KERAS, state(folder)),
        lambda folder: (TORCH, weights_file(folder)),
        lambda folder: (FROZEN, state(folder)),
        gates(TO_ONNX),
        gates(TO_ONNX, backwards=True),
    ],
)
def test_what_the_slips_are_planted_into_is_sound(small, tmp_path, make):
    result = small.invoke("weights", *make(tmp_path))
    assert result.exit_code == 0, result.output
    assert "FAULT" not in result.output
    assert " 0 drifted" in result.output
