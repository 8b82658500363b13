import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from harness.core.errors import ModelLoadError
from harness.weights import reader_for

DARKNET = Path(__file__).parents[3] / "fixtures" / "darknet"
HEADER = np.array([0, 2, 0, 0, 0], "<i4").tobytes()


@pytest.fixture
def darknet(tmp_path):
    """Folder with the network that Darknet trained."""
    for name in ("digits.cfg", "digits.weights"):
        shutil.copy(DARKNET / name, tmp_path)
    return tmp_path


@pytest.fixture
def made(tmp_path):
    """Text, numbers -> path of the weights."""

    def make(cfg, n, header=HEADER):
        (tmp_path / "m.cfg").write_text(cfg)
        numbers = np.arange(1, n + 1, dtype="<f4")
        (tmp_path / "m.weights").write_bytes(header + numbers.tobytes())
        return tmp_path / "m.weights"

    return make


def read(path, form="darknet-weights"):
    return {tensor.name: tensor for tensor in reader_for(form)(path)}


def test_opencv_reads_the_same_numbers(darknet):
    """Out of the file that the real tool wrote."""
    weights = darknet / "digits.weights"
    net = cv2.dnn.readNetFromDarknet(str(darknet / "digits.cfg"), str(weights))
    found = read(weights)
    for place in (0, 2):
        kernel = found[f"convolutional_{place}.weights"].load()
        np.testing.assert_array_equal(kernel, net.getParam(f"conv_{place}", 0))
        # OpenCV numbers them as ONNX does: mean, variance, gamma, beta.
        words = ("rolling_mean", "rolling_variance", "scales", "biases")
        for index, word in enumerate(words):
            ours = found[f"convolutional_{place}.{word}"].load()
            theirs = net.getParam(f"bn_{place}", index)
            np.testing.assert_array_equal(ours, theirs.ravel())
    for name, index in (("weights", 0), ("biases", 1)):
        theirs = net.getParam("fullyConnected_5", index)
        ours = found[f"connected_5.{name}"].load()
        np.testing.assert_array_equal(ours.ravel(), theirs.ravel())


def test_roles_and_layouts(darknet):
    found = read(darknet / "digits.cfg", "darknet")
    parts = {n: (t.shape, t.role, t.layout) for n, t in found.items()}
    assert parts["convolutional_0.biases"] == ((8,), "beta", "O")
    assert parts["convolutional_0.scales"] == ((8,), "gamma", "O")
    assert parts["convolutional_4.biases"] == ((16,), "bias", "O")
    assert parts["convolutional_4.weights"] == ((16, 20, 3, 3), "kernel", "OIHW")
    assert parts["connected_5.weights"] == ((10, 64), "kernel", "OI")
    assert found["connected_5.weights"].op_type == "connected"
    assert sum(np.prod(shape) for shape, _, _ in parts.values()) == 4706


POOLS = """
[maxpool]
size=2
[upsample]
[reorg]
stride=2
[route]
layers=-1
groups=2
[avgpool]
[connected]
output=2
"""
NET = "[net]\nchannels=4\nheight=8\nwidth=8\n"


@pytest.mark.parametrize(
    ("cfg", "expected"),
    [
        (
            "[deconvolutional]\nfilters=2\nsize=2\nstride=2\n[connected]\noutput=1\n",
            {"weights": (4, 2, 2, 2), "connected_1.weights": (1, 2 * 16 * 16)},
        ),
        (
            "[convolutional]\nfilters=4\ngroups=4\nsize=3\npad=1\n",
            {"convolutional_0.weights": (4, 1, 3, 3)},
        ),
        (
            "[connected]\noutput=3\nbatch_normalize=1\n",
            {"weights": (3, 256), "connected_0.rolling_variance": (3,)},
        ),
        (
            "[local]\nfilters=2\nsize=3\nstride=1\npad=0\n",
            {"weights": (36, 2, 4, 3, 3)},
        ),
        ("[batchnorm]\n[softmax]\n", {"batchnorm_0.scales": (4,)}),
        (
            POOLS,
            {"connected_5.weights": (2, 8)},
        ),
        (
            "[crop]\ncrop_height=4\ncrop_width=4\n[dropout]\n[connected]\noutput=2\n",
            {"connected_2.weights": (2, 64)},
        ),
    ],
)
def test_layers_of_all_kinds(made, cfg, expected):
    path = made(NET + cfg, 0)
    with pytest.raises(ModelLoadError, match=r"holds 0 numbers, .* asks for") as caught:
        read(path)
    asked = caught.value.message.rpartition(" ")[2].replace(",", "")
    found = read(made(NET + cfg, int(asked)))
    for name, shape in expected.items():
        matching = [t for n, t in found.items() if n.endswith(name)]
        assert matching[0].shape == shape
    order = np.concatenate([tensor.load().ravel() for tensor in found.values()])
    np.testing.assert_array_equal(order, np.arange(1, int(asked) + 1))


def test_a_normalisation_with_terms_of_its_own(made):
    assert "batchnorm_0.biases" not in read(made(NET + "[batchnorm]\n", 12))
    found = read(made(NET + "[batchnorm]\n", 16))
    np.testing.assert_array_equal(found["batchnorm_0.biases"].load(), [1, 2, 3, 4])


@pytest.mark.parametrize(
    ("version", "words", "layout"),
    [((0, 1), 1, "OI"), ((0, 2), 2, "OI"), ((1001, 0), 1, "IO")],
)
def test_headers_of_all_ages(made, version, words, layout):
    header = np.array([*version, 0, *[7] * words], "<i4").tobytes()
    tensor = read(made(NET + "[connected]\noutput=3\n", 771, header))
    assert tensor["connected_0.weights"].layout == layout
    assert tensor["connected_0.biases"].load().tolist() == [1, 2, 3]


def fault(name, edit):
    def spoil(folder):
        path = folder / name
        path.write_bytes(edit(path.read_bytes()))

    return spoil


def swapped(data):
    return np.frombuffer(data, "<i4").byteswap().tobytes()


FAULTS = {
    "no-cfg": (
        lambda folder: (folder / "digits.cfg").unlink(),
        r"digits.weights: what its numbers belong to is not known: no .cfg",
    ),
    "cut": (fault("digits.weights", lambda d: d[:-6]), r"holds 4,704.5 .* 4,706"),
    "header": (fault("digits.weights", lambda d: d[:15]), "header is cut short"),
    "big-endian": (fault("digits.weights", swapped), "version .* looks big-endian"),
    "other-net": (
        fault("digits.cfg", lambda d: d.replace(b"filters=12", b"filters=4")),
        "holds 4,706 numbers, .* asks for",
    ),
    "no-net": (
        fault("digits.cfg", lambda d: d.replace(b"[net]", b"[x]")),
        "begin with a .net.",
    ),
    "unknown-layer": (
        fault("digits.cfg", lambda d: d.replace(b"[softmax]", b"[mystery]")),
        r"what \[mystery\] takes from the file is not known",
    ),
    "route-to-nowhere": (
        fault("digits.cfg", lambda d: d.replace(b"layers=-1,-2", b"layers=-9")),
        r"route_3 takes from layers \[-9\]",
    ),
    "huge": (
        fault("digits.cfg", lambda d: d.replace(b"filters=12", b"filters=999999999")),
        "out of all bounds",
    ),
}


@pytest.mark.parametrize(("spoil", "says"), FAULTS.values(), ids=FAULTS)
def test_broken_files(darknet, spoil, says):
    spoil(darknet)
    with pytest.raises(ModelLoadError, match=says) as caught:
        read(darknet / "digits.weights")
    assert caught.value.hint


def test_swapped_numbers_behind_a_sound_header(darknet):
    fault("digits.weights", lambda d: d[:20] + swapped(d[20:]))(darknet)
    found = read(darknet / "digits.weights")
    with pytest.raises(ModelLoadError, match=r"'connected_5.weights': .*big-endian"):
        found["connected_5.weights"].load()
