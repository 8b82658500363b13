"""Caffe through the contract, and what is wrong with a Caffe model in plain words.

No Caffe can be installed: the .caffemodel is written here as its schema says, with the
weights of the digits model.
"""

import io
import shutil
import zipfile
from pathlib import Path
from types import MappingProxyType

import cv2
import h5py
import numpy as np
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from harness.backends.opencv_ import open_session
from harness.core.errors import (
    MissingDependencyError,
    ModelLoadError,
    SuiteError,
    UnsafeModelError,
    UnsupportedFormatError,
)
from harness.testing import LiveBackendContract, answers

DIGITS = Path(__file__).parents[2] / "golden" / "digits" / "models"
FREE = MappingProxyType({"shapes": {"data": [-1, 1, 8, 8]}})

# The second convolution pads as TensorFlow does, below and to the right alone. Caffe
# pads alike on all sides: a row and a column of zeros before the kernel make up for it.
DEPLOY = """
name: "digits"
layer {
  name: "data"
  type: "Input"
  top: "data"
  input_param { shape { dim: 1 dim: 1 dim: 8 dim: 8 } }
}
layer {
  name: "conv1"
  type: "Convolution"
  bottom: "data"
  top: "conv1"
  convolution_param { num_output: 16 kernel_size: 3 pad: 1 }
}
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer {
  name: "bn1"
  type: "BatchNorm"
  bottom: "conv1"
  top: "bn1"
  batch_norm_param { use_global_stats: true eps: 0.001 }
}
layer {
  name: "scale1"
  type: "Scale"
  bottom: "bn1"
  top: "bn1"
  scale_param { bias_term: true }
}
layer {
  name: "conv2"
  type: "Convolution"
  bottom: "bn1"
  top: "conv2"
  convolution_param { num_output: 24 kernel_size: 4 pad: 1 stride: 2 }
}
layer { name: "relu2" type: "ReLU" bottom: "conv2" top: "conv2" }
layer {
  name: "fc"
  type: "InnerProduct"
  bottom: "conv2"
  top: "fc"
  inner_product_param { num_output: 10 }
}
layer { name: "softmax" type: "Softmax" bottom: "fc" top: "prob" }
"""
INPUT_LAYER = DEPLOY[DEPLOY.index("layer {") : DEPLOY.index('layer {\n  name: "conv1"')]
DATA_LAYER = """
layer {
  name: "digits_train"
  type: "Data"
  top: "data"
  top: "label"
  include { phase: TRAIN }
  data_param { source: "digits_lmdb" batch_size: 64 }
}
"""


def caffe_net():
    """NetParameter, as far as weights go (caffe.proto of BVLC/caffe)."""
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="caffe.proto", package="caffe", syntax="proto2"
    )

    def message(name, *fields):
        added = file.message_type.add(name=name)
        for field, number, kind, label in fields:
            made = added.field.add(name=field, number=number, label=label)
            if isinstance(kind, str):
                made.type, made.type_name = kinds.TYPE_MESSAGE, f".caffe.{kind}"
            else:
                made.type = kind
                made.options.packed = label == many and kind != kinds.TYPE_STRING

    one, many = kinds.LABEL_OPTIONAL, kinds.LABEL_REPEATED
    message("BlobShape", ("dim", 1, kinds.TYPE_INT64, many))
    message(
        "BlobProto",
        ("data", 5, kinds.TYPE_FLOAT, many),
        ("shape", 7, "BlobShape", one),
    )
    message(
        "LayerParameter",
        ("name", 1, kinds.TYPE_STRING, one),
        ("type", 2, kinds.TYPE_STRING, one),
        ("blobs", 7, "BlobProto", many),
    )
    message(
        "NetParameter",
        ("name", 1, kinds.TYPE_STRING, one),
        ("layer", 100, "LayerParameter", many),
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    kind = pool.FindMessageTypeByName("caffe.NetParameter")
    return message_factory.GetMessageClass(kind)(name="digits")


def caffemodel(layers):
    net = caffe_net()
    for name, kind, blobs in layers:
        layer = net.layer.add(name=name, type=kind)
        for array in blobs:
            blob = layer.blobs.add()
            blob.shape.dim.extend(array.shape)
            blob.data.extend(np.float32(array).ravel().tolist())
    return net.SerializeToString()


def digits_layers():
    """The digits model's weights, each where and how Caffe keeps it."""
    data = zipfile.ZipFile(DIGITS / "digits.keras").read("model.weights.h5")
    with h5py.File(io.BytesIO(data)) as file:

        def weights(layer):
            held = file["layers"][layer]["vars"]
            return [held[key][...] for key in sorted(held)]

        kernel1, bias1 = weights("conv2d")
        gamma, beta, mean, variance = weights("batch_normalization")
        kernel2, bias2 = weights("conv2d_1")
        dense, bias3 = weights("dense")
    kernel2 = np.pad(kernel2.transpose(3, 2, 0, 1), ((0, 0), (0, 0), (1, 0), (1, 0)))
    dense = dense.reshape(4, 4, 24, 10).transpose(3, 2, 0, 1).reshape(10, -1)
    return [
        ("conv1", "Convolution", [kernel1.transpose(3, 2, 0, 1), bias1]),
        ("bn1", "BatchNorm", [mean, variance, np.ones(1)]),
        ("scale1", "Scale", [gamma, beta]),
        ("conv2", "Convolution", [kernel2, bias2]),
        ("fc", "InnerProduct", [dense, bias3]),
    ]


@pytest.fixture(scope="module")
def weights():
    return caffemodel(digits_layers())


@pytest.fixture
def caffe(tmp_path, weights):
    """Folder with deploy.prototxt and digits.caffemodel."""
    (tmp_path / "deploy.prototxt").write_text(DEPLOY, encoding="utf-8")
    (tmp_path / "digits.caffemodel").write_bytes(weights)
    return tmp_path


def by_channel(images):
    """Channels before rows and columns, as Caffe takes them."""
    return images.transpose(0, 3, 1, 2)


class CaffeContract(LiveBackendContract):
    backend = "opencv"
    file = "deploy.prototxt"

    @pytest.fixture
    def model(self, caffe):
        return caffe / self.file

    @pytest.fixture
    def feeds(self, images):
        return {"data": by_channel(images)}

    def test_agrees_with_the_original(self, model, golden_images, recorded):
        images = by_channel(golden_images)
        session = self.open(model)
        size = session.batch_size or len(images)
        found = answers(session, {"data": images}, size)["prob"]
        assert np.abs(found - recorded).max() <= 2e-6
        np.testing.assert_array_equal(found.argmax(1), recorded.argmax(1))


class TestCaffe(CaffeContract):
    def test_the_text_fixes_the_batch(self, session):
        assert session.batch_size == 1


class TestCaffeByItsWeights(CaffeContract):
    file = "digits.caffemodel"


class TestCaffeWithFreeBatch(CaffeContract):
    options = FREE

    def test_the_batch_is_free(self, session):
        assert session.batch_size is None


def test_two_inputs_and_outputs_by_their_blobs(caffe):
    text = """
input: "a"
input: "b"
input_shape { dim: 2 dim: 3 }
input_shape { dim: 2 dim: 3 }
layer { name: "add" type: "Eltwise" bottom: "a" bottom: "b" top: "sum" }
layer {
  name: "split"
  type: "Slice"
  bottom: "sum"
  top: "head"
  top: "tail"
  slice_param { axis: 1 slice_point: 1 }
}
layer { name: "in_place" type: "ReLU" bottom: "tail" top: "tail" }
"""
    (caffe / "deploy.prototxt").write_text(text, encoding="utf-8")
    a, b = np.random.default_rng(0).normal(size=(2, 2, 3)).astype(np.float32)
    with open_session(caffe / "deploy.prototxt", {}) as session:
        assert [spec.shape for spec in session.outputs] == [(2, 1), (2, 2)]
        found = session.run({"b": b, "a": a}, slice(0, 2))
    assert list(found) == ["head", "tail"]
    np.testing.assert_array_equal(found["head"], (a + b)[:, :1])
    np.testing.assert_array_equal(found["tail"], np.maximum(a + b, 0)[:, 1:])


def test_layers_and_inputs_of_the_first_version(caffe):
    """Upper-case types, ``layers``, and four ``input_dim``."""
    text = """
input: "data"
input_dim: 2
input_dim: 1
input_dim: 8
input_dim: 8
layers { name: "grow" type: POWER bottom: "data" top: "big" power_param { scale: 3 } }
layers { name: "mean" type: POOLING bottom: "big" top: "mean"
         pooling_param { pool: AVE kernel_size: 8 } }
"""
    (caffe / "deploy.prototxt").write_text(text, encoding="utf-8")
    images = np.random.default_rng(0).random((2, 1, 8, 8), dtype=np.float32)
    with open_session(caffe / "deploy.prototxt", {}) as session:
        assert session.inputs[0].shape == (2, 1, 8, 8)
        found = session.run({"data": images}, slice(0, 2))
    expected = 3 * images.mean(axis=(2, 3), keepdims=True)
    np.testing.assert_allclose(found["mean"], expected, rtol=1e-6)


def test_an_input_that_tells_no_shape(caffe):
    """Caffe lets its caller reshape: what is fed decides."""
    text = 'input: "data"\nlayer { name: "r" type: "ReLU" bottom: "data" top: "r" }\n'
    (caffe / "deploy.prototxt").write_text(text, encoding="utf-8")
    with open_session(caffe / "deploy.prototxt", {}) as session:
        assert [spec.shape for spec in session.inputs] == [None]
        for shape in ((1, 2, 3, 4), (5, 2)):
            found = session.run({"data": -np.ones(shape, np.float32)}, slice(0, 1))
            assert found["r"].shape == shape


def test_layers_to_read_may_be_named(caffe):
    options = {"outputs": ["prob", "fc"]}
    with open_session(caffe / "deploy.prototxt", options) as session:
        assert [(s.name, s.shape) for s in session.outputs] == [
            ("prob", (1, 10)),
            ("fc", (1, 10)),
        ]
        image = {"data": np.ones((1, 1, 8, 8), np.float32)}
        found = session.run(image, slice(0, 1))
    exponents = np.exp(found["fc"] - found["fc"].max())
    np.testing.assert_allclose(exponents / exponents.sum(), found["prob"], atol=1e-6)


def replaced(old, new):
    def spoil(folder):
        text = DEPLOY.replace(old, new)
        assert text != DEPLOY
        (folder / "deploy.prototxt").write_text(text, encoding="utf-8")

    return spoil


def cut(name, share):
    def spoil(folder):
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: int(len(data) * share)])

    return spoil


def deleted(name):
    return lambda folder: (folder / name).unlink()


def other_weights(folder):
    layers = [layer for layer in digits_layers() if layer[0] != "conv2"]
    (folder / "digits.caffemodel").write_bytes(caffemodel(layers))


CAFFE_FAULTS = {
    "weights-missing": (deleted("digits.caffemodel"), "no .caffemodel lies beside it"),
    "weights-cut": (cut("digits.caffemodel", 0.9), "is no whole file of them"),
    "weights-of-another-net": (other_weights, "no weights for layer 'conv2'"),
    "weights-of-another-shape": (
        replaced("output: 24", "output: 25"),
        "opencv refuses",
    ),
    "text-cut": (cut("deploy.prototxt", 0.5), "no whole Caffe network"),
    "training": (replaced(INPUT_LAYER, DATA_LAYER), "training: .*'digits_train'"),
    "unknown-layer": (replaced('"Softmax"', '"NoSuchLayer"'), "NoSuchLayer"),
    "solver": (
        lambda folder: (folder / "deploy.prototxt").write_text("base_lr: 0.01\n"),
        "0 layers and no input",
    ),
}


@pytest.mark.parametrize(("spoil", "says"), CAFFE_FAULTS.values(), ids=CAFFE_FAULTS)
def test_broken_caffe_files(caffe, capfd, spoil, says):
    spoil(caffe)
    with pytest.raises(ModelLoadError, match=says) as caught:
        open_session(caffe / "deploy.prototxt", {})
    assert "deploy.prototxt" in caught.value.message
    assert "/io/opencv" not in caught.value.message
    assert caught.value.hint
    assert capfd.readouterr().err == ""


def test_the_other_file_may_be_named(caffe):
    (caffe / "epochs").mkdir()
    for epoch in (1, 2):
        shutil.copy(caffe / "digits.caffemodel", caffe / f"epoch{epoch}.caffemodel")
    (caffe / "digits.caffemodel").unlink()
    with pytest.raises(ModelLoadError, match=r"epoch1\.caffemodel, epoch2"):
        open_session(caffe / "deploy.prototxt", {})
    options = {"weights": "epoch2.caffemodel"}
    with open_session(caffe / "deploy.prototxt", options) as session:
        assert session.runtime["weights"] == "epoch2.caffemodel"
    with pytest.raises(ModelLoadError, match=r"epoch3\.caffemodel does not exist"):
        open_session(caffe / "deploy.prototxt", {"weights": "epoch3.caffemodel"})
    with pytest.raises(UnsafeModelError, match="outside"):
        open_session(caffe / "deploy.prototxt", {"weights": "../outside.caffemodel"})


def test_a_network_for_training_is_not_taken_for_the_other_file(caffe):
    text = DEPLOY.replace(INPUT_LAYER, DATA_LAYER)
    (caffe / "train_val.prototxt").write_text(text, encoding="utf-8")
    with open_session(caffe / "digits.caffemodel", {}) as session:
        assert session.runtime["network"] == "deploy.prototxt"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"outputs": ["no_such_layer"]}, "'no_such_layer'"),
        ({"outputs": "fc"}, "outputs = 'fc'"),
        ({"shapes": {"image": [1, 1, 8, 8]}}, "'image', which is no input"),
        ({"num_threads": "all"}, "num_threads"),
        ({"weights": 3}, "weights = 3"),
    ],
)
def test_wrong_options(caffe, options, says):
    with pytest.raises(SuiteError, match=says) as caught:
        open_session(caffe / "deploy.prototxt", options)
    assert caught.value.hint


def test_other_forms_are_left_to_their_own_runtimes(models):
    with pytest.raises(UnsupportedFormatError, match=r"digits\.onnx"):
        open_session(models / "digits.onnx", {})


def test_opencv_5_does_not_read_caffe(caffe, monkeypatch):
    monkeypatch.delattr(cv2.dnn, "readNetFromCaffe")
    with pytest.raises(MissingDependencyError, match="OpenCV 5 dropped") as caught:
        open_session(caffe / "digits.caffemodel", {})
    assert "opencv-python-headless<5" in caught.value.hint
