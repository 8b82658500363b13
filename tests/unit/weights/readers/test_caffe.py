import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from harness.core.errors import ModelLoadError
from harness.weights import reader_for

DEPLOY = """
input: "data"
input_shape { dim: 1 dim: 2 dim: 4 dim: 4 }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
        convolution_param { num_output: 4 kernel_size: 3 pad: 1 } }
layer { name: "bn" type: "BatchNorm" bottom: "conv" top: "bn"
        batch_norm_param { use_global_stats: true } }
layer { name: "scale" type: "Scale" bottom: "bn" top: "scale"
        scale_param { bias_term: true } }
layer { name: "fc" type: "InnerProduct" bottom: "scale" top: "fc"
        inner_product_param { num_output: 5 } }
"""
FACTOR = np.float32(3)


@pytest.fixture(scope="session")
def files():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parent)
        import caffe_files

        yield caffe_files
    sys.modules.pop("caffe_files")


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    shapes = {"kernel": (4, 2, 3, 3), "bias": (4,), "mean": (4,), "var": (4,)}
    shapes |= {"gamma": (4,), "beta": (4,), "fc": (5, 64), "fc_bias": (5,)}
    made = {k: rng.normal(size=s).astype(np.float32) for k, s in shapes.items()}
    return made | {"var": np.abs(made["var"])}


def layers(arrays, kind=np.float32):
    """The network of `DEPLOY`; names and types, weights, parameters."""
    a = {name: array.astype(kind) for name, array in arrays.items()}
    factor = np.array([FACTOR], kind)
    return [
        ("conv", "Convolution", [a["kernel"], a["bias"]], {}),
        ("bn", "BatchNorm", [a["mean"] * FACTOR, a["var"] * FACTOR, factor], {}),
        ("scale", "Scale", [a["gamma"], a["beta"]], {}),
        ("fc", "InnerProduct", [a["fc"], a["fc_bias"]], {}),
    ]


def read(path, form="caffemodel"):
    return {tensor.name: tensor for tensor in reader_for(form)(path)}


def test_names_roles_and_layouts(files, arrays, tmp_path):
    found = read(files.write(tmp_path / "m.caffemodel", layers(arrays)))
    assert {n: (t.role, t.layout, t.op_type, t.node) for n, t in found.items()} == {
        "conv.weight": ("kernel", "OIHW", "Convolution", "conv"),
        "conv.bias": ("bias", "O", "Convolution", "conv"),
        "bn.running_mean": ("running_mean", "O", "BatchNorm", "bn"),
        "bn.running_variance": ("running_variance", "O", "BatchNorm", "bn"),
        "bn.scale_factor": ("scale", None, "BatchNorm", "bn"),
        "scale.weight": ("gamma", "O", "Scale", "scale"),
        "scale.bias": ("beta", "O", "Scale", "scale"),
        "fc.weight": ("kernel", "OI", "InnerProduct", "fc"),
        "fc.bias": ("bias", "O", "InnerProduct", "fc"),
    }


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_numbers_are_those_that_were_written(files, arrays, tmp_path, packed, kind):
    path = files.write(tmp_path / "m.caffemodel", layers(arrays, kind), packed)
    found = read(path)
    assert found["conv.weight"].dtype == np.dtype(kind).name
    for name, key in (("conv.weight", "kernel"), ("fc.weight", "fc")):
        np.testing.assert_array_equal(found[name].load(), arrays[key])
    for name, key in (("bn.running_mean", "mean"), ("bn.running_variance", "var")):
        np.testing.assert_allclose(found[name].load(), arrays[key], rtol=3e-7)
    assert found["bn.scale_factor"].load() == [FACTOR]


def test_opencv_reads_the_same_numbers(files, arrays, tmp_path):
    """The one program that runs these files; it divides by the factor too."""
    path = files.write(tmp_path / "m.caffemodel", layers(arrays))
    (tmp_path / "m.prototxt").write_text(DEPLOY)
    net = cv2.dnn.readNetFromCaffe(str(tmp_path / "m.prototxt"), str(path))
    net.enableFusion(False)
    found = read(path)
    for layer in ("conv", "fc"):
        for index, part in enumerate(("weight", "bias")):
            ours, theirs = found[f"{layer}.{part}"].load(), net.getParam(layer, index)
            np.testing.assert_array_equal(ours.ravel(), theirs.ravel())
    image = np.random.default_rng(1).normal(size=(1, 2, 4, 4)).astype(np.float32)
    net.setInput(image)
    before, after = net.forward("conv"), net.forward("bn")
    mean, variance = (found[f"bn.running_{k}"].load() for k in ("mean", "variance"))
    expected = (before - mean.reshape(4, 1, 1)) / np.sqrt(
        variance.reshape(4, 1, 1) + 1e-5
    )
    np.testing.assert_allclose(after, expected, rtol=1e-4, atol=1e-5)


def test_a_factor_of_zero_means_nothing_was_summed(files, tmp_path):
    blobs = [np.ones(2, np.float32), np.ones(2, np.float32), np.zeros(1, np.float32)]
    path = files.write(tmp_path / "m.caffemodel", [("bn", "BatchNorm", blobs, {})])
    np.testing.assert_array_equal(read(path)["bn.running_mean"].load(), [0, 0])


def test_files_of_the_first_version(files, arrays, tmp_path):
    old = [
        ("conv", 4, [arrays["kernel"], arrays["bias"]]),
        ("fc", 14, [arrays["fc"], arrays["fc_bias"]]),
        ("odd", 999, [arrays["bias"]]),
    ]
    found = read(files.write_old(tmp_path / "m.caffemodel", old))
    shapes = {name: (t.shape, t.role, t.layout) for name, t in found.items()}
    assert shapes == {
        "conv.weight": ((4, 2, 3, 3), "kernel", "OIHW"),
        "conv.bias": ((4,), "bias", "O"),
        "fc.weight": ((5, 64), "kernel", "OI"),
        "fc.bias": ((5,), "bias", "O"),
        "odd.0": ((1, 1, 1, 4), "constant", None),
    }
    np.testing.assert_array_equal(found["fc.weight"].load(), arrays["fc"])


def test_groups_transposition_and_deconvolution(files, tmp_path):
    ones = np.ones
    path = files.write(
        tmp_path / "m.caffemodel",
        [
            ("depth", "Convolution", [ones((4, 1, 3, 3))], {"group": 4}),
            ("up", "Deconvolution", [ones((4, 2, 2, 2))], {}),
            ("fc", "InnerProduct", [ones((3, 4))], {"transpose": True}),
            ("embed", "Embed", [ones((9, 4))], {}),
            ("act", "PReLU", [ones(4)], {}),
            ("lstm", "LSTM", [ones((8, 3)), ones(8), ones((8, 2))], {}),
        ],
    )
    assert {n: (t.role, t.layout) for n, t in read(path).items()} == {
        "depth.weight": ("depthwise_kernel", "OIHW"),
        "up.weight": ("kernel", "IOHW"),
        "fc.weight": ("kernel", "IO"),
        "embed.weight": ("embedding", "IO"),
        "act.slope": ("slope", "O"),
        "lstm.weight": ("gate_kernel", "GI"),
        "lstm.bias": ("gate_bias", "G"),
        "lstm.recurrent_weight": ("gate_recurrent_kernel", "GI"),
    }


def test_the_text_leads_to_the_weights_beside_it(files, arrays, tmp_path):
    files.write(tmp_path / "epoch.caffemodel", layers(arrays))
    (tmp_path / "deploy.prototxt").write_text(DEPLOY)
    assert len(read(tmp_path / "deploy.prototxt", "caffe")) == 9
    files.write(tmp_path / "other.caffemodel", layers(arrays))
    with pytest.raises(ModelLoadError, match=r"any of epoch.caffemodel, other"):
        read(tmp_path / "deploy.prototxt", "caffe")


def test_a_text_without_weights(tmp_path):
    (tmp_path / "deploy.prototxt").write_text(DEPLOY)
    with pytest.raises(
        ModelLoadError, match=r"no .caffemodel lies beside it"
    ) as caught:
        read(tmp_path / "deploy.prototxt", "caffe")
    assert caught.value.hint == "call it deploy.caffemodel"


def test_a_blob_of_another_size_than_its_shape(files, tmp_path):
    net = files.net_class(packed=True)()
    blob = net.layer.add(name="fc", type="InnerProduct").blobs.add()
    blob.shape.dim.extend([2, 3])
    blob.data.extend([1, 2, 3, 4, 5])
    path = tmp_path / "m.caffemodel"
    path.write_bytes(net.SerializeToString())
    with pytest.raises(ModelLoadError, match=r"'fc.0': it has 20 bytes.* takes 24"):
        read(path)


def test_swapped_numbers_are_told_and_nan_is_read(files, tmp_path):
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(5, 4)).astype(np.float32)
    kernel[1, 2] = np.nan
    path = files.write(tmp_path / "m.caffemodel", [("a", "InnerProduct", [kernel], {})])
    np.testing.assert_array_equal(read(path)["a.weight"].load(), kernel)
    whole = path.read_bytes()
    assert whole.count(kernel.tobytes()) == 1
    path.write_bytes(whole.replace(kernel.tobytes(), kernel.byteswap().tobytes()))
    with pytest.raises(
        ModelLoadError, match=r"'a.weight': its numbers look big-endian"
    ):
        read(path)["a.weight"].load()
