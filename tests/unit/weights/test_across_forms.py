"""The same network in all forms: every tensor is matched or accounted for."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from onnxruntime import quantization
from torch import nn

from harness.backends.detect import detect_form
from harness.weights import compare_weights, reader_for

DIGITS = Path(__file__).parents[3] / "golden/digits/models"
FORMS = [
    "digits.onnx",
    "digits-optimized.onnx",
    "digits-fp16.onnx",
    "digits-int8-dynamic.onnx",
    "digits-int8-static.onnx",
    "digits.tflite",
    "digits-int8.tflite",
    "frozen.pb",
    "savedmodel",
]


def read(path):
    reader = reader_for(detect_form(path).name)
    assert reader is not None
    return list(reader(path))


def compare(reference, candidate):
    """All of both are accounted for, without a fault."""
    sides = read(reference), read(candidate)
    found = compare_weights(*sides, "reference")
    assert (found.unmatched_reference, found.unmatched_candidate) == ((), ())
    assert found.faults == ()
    assert {d.verdict for d in found.drift} <= {"same", "rounding"}
    return found


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("backwards", [False, True])
def test_digits_in_every_form(form, backwards):
    sides = [DIGITS / "digits.keras", DIGITS / form]
    found = compare(*(reversed(sides) if backwards else sides))
    if form in ("frozen.pb", "savedmodel"):
        assert {d.verdict for d in found.drift} == {"same"}
        assert found.foldings == ()
    else:
        (folding,) = found.foldings
        assert (folding.into, folding.verdict) == ("scale and shift", "agrees")
        assert folding.customary == (1e-3,)


@pytest.mark.parametrize("one", FORMS)
def test_digits_of_one_form_against_int8_of_onnx(one):
    compare(DIGITS / one, DIGITS / "digits-int8-static.onnx")


class Convolutions(nn.Module):
    """Norms that exporters fold, a depthwise and a transposed convolution."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 12, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(12)
        self.depthwise = nn.Conv2d(12, 24, 3, padding=1, groups=12)
        self.other = nn.BatchNorm2d(24, eps=1e-3)
        self.up = nn.ConvTranspose2d(24, 6, 2, 2)
        self.head = nn.Linear(6 * 64, 7)

    def forward(self, x):
        x = torch.relu(self.norm(self.first(x)))
        x = torch.relu(self.other(self.depthwise(x)))
        return self.head(self.up(x).flatten(1))


class Recurrent(nn.Module):
    """Both directions of an LSTM, and a GRU."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(5, 8, bidirectional=True, batch_first=True)
        self.gru = nn.GRU(16, 6, batch_first=True)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        return self.head(self.gru(self.lstm(x)[0])[0])


def trained(kind):
    """A module whose norms have seen data."""
    torch.manual_seed(0)
    module = kind().eval()
    for name, value in [*module.named_parameters(), *module.named_buffers()]:
        if name.endswith("running_var"):
            value.copy_(torch.rand_like(value) + 0.01)
        elif name.endswith("running_mean"):
            value.copy_(torch.randn_like(value) * 0.3)
        elif "norm.weight" in name or "other.weight" in name:
            value.data = torch.randn_like(value) * 0.3 + 1
    return module


@pytest.fixture(scope="module", params=[Convolutions, Recurrent])
def torch_forms(request, tmp_path_factory):
    """Form -> path of one network, by PyTorch's and onnxruntime's own tools."""
    folder = tmp_path_factory.mktemp(request.param.__name__)
    module = trained(request.param)
    x = (
        torch.zeros(1, 3, 4, 4)
        if request.param is Convolutions
        else torch.zeros(1, 9, 5)
    )
    with warnings.catch_warnings():
        # Of tools about their own future.
        warnings.simplefilter("ignore")
        torch.save(module.state_dict(), folder / "state.pth")
        torch.onnx.export(module, x, str(folder / "float.onnx"), dynamo=False)
        torch.jit.save(torch.jit.trace(module, x), str(folder / "traced.pt"))
        torch.export.save(torch.export.export(module, (x,)), folder / "exported.pt2")
        quantization.quantize_dynamic(folder / "float.onnx", folder / "int8.onnx")
        quantization.quantize_dynamic(
            folder / "float.onnx", folder / "channels.onnx", per_channel=True
        )
    return folder


@pytest.mark.parametrize(
    "form", ["float.onnx", "int8.onnx", "channels.onnx", "traced.pt", "exported.pt2"]
)
def test_a_network_of_pytorch_in_every_form(torch_forms, form):
    found = compare(torch_forms / "state.pth", torch_forms / form)
    compare(torch_forms / form, torch_forms / "state.pth")
    epsilons = {f.into: f.customary for f in found.foldings}
    assert set(epsilons) <= {"kernel"}
    if form.endswith("onnx") and torch_forms.name.startswith("Conv"):
        assert [f.customary for f in found.foldings] == [(1e-5,), (1e-3,)]


@pytest.fixture(scope="module")
def keras_forms(tmp_path_factory):
    """Form -> path of one network, by Keras's and TensorFlow's own tools."""
    import keras
    import tensorflow as tf

    folder = tmp_path_factory.mktemp("keras")
    with warnings.catch_warnings():
        # Of tools about their own future.
        warnings.simplefilter("ignore")
        _write_keras_forms(folder, _keras_network(keras), tf)
    return folder


def _write_keras_forms(folder, model, tf):
    model.save(folder / "model.keras")
    module = tf.Module()
    module.held = [variable.value for variable in model.variables]
    shape = tf.TensorSpec((1, 8, 8, 3), tf.float32)
    module.serve = tf.function(lambda x: model(x, training=False), [shape])
    saved = str(folder / "saved")
    tf.saved_model.save(module, saved, module.serve.get_concrete_function())
    converter = tf.lite.TFLiteConverter.from_saved_model(saved)
    (folder / "float.tflite").write_bytes(converter.convert())
    converter = tf.lite.TFLiteConverter.from_saved_model(saved)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    data = np.random.default_rng(0).normal(0, 1, (8, 1, 8, 8, 3)).astype(np.float32)
    converter.representative_dataset = lambda: ([x] for x in data)
    (folder / "int8.tflite").write_bytes(converter.convert())


def _keras_network(keras):
    rng = np.random.default_rng(2)
    layers = keras.layers
    image = layers.Input((8, 8, 3))
    x = layers.Conv2D(8, 3, padding="same", use_bias=False)(image)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.DepthwiseConv2D(3, depth_multiplier=2)(x)
    x = layers.ReLU()(layers.BatchNormalization(epsilon=1e-5)(x))
    x = layers.Flatten()(layers.Conv2DTranspose(4, 2, 2)(x))
    model = keras.Model(image, layers.Dense(5)(x))
    for variable in model.variables:
        if "variance" in variable.name:
            variable.assign(rng.gamma(2, 0.2, variable.shape) + 0.005)
        else:
            size = 0.3 if len(variable.shape) == 1 else 0.1
            middle = 1 if variable.name == "gamma" else 0
            variable.assign(rng.normal(middle, size, variable.shape))
    return model


@pytest.mark.parametrize("form", ["saved", "float.tflite", "int8.tflite"])
def test_a_network_of_keras_in_every_form(keras_forms, form):
    found = compare(keras_forms / "model.keras", keras_forms / form)
    if form.endswith("tflite"):
        assert {f.into for f in found.foldings} == {"kernel"}
        assert {f.declared for f in found.foldings} == {1e-3, 1e-5}
        assert {f.verdict for f in found.foldings} <= {"agrees", "undecided"}
    if form == "float.tflite":
        assert {f.verdict for f in found.foldings} == {"agrees"}
