"""Real files of single tools, cut or changed anywhere: numbers, or an error of ours."""

import random
import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import openvino
import pytest

from harness.core.errors import HarnessError
from harness.weights import reader_for

FIXTURES = Path(__file__).parents[3] / "fixtures"
MODELS = Path(__file__).parents[4] / "golden" / "digits" / "models"
DATA = Path("Data", "com.apple.CoreML")
PACKAGES = ("net", "net-affine", "net-blocks", "net-table", "net-tables", "net-sparse")
# What is named, of which form, and the file of it that is changed.
CASES = {
    "openvino-text": ("m.xml", "openvino", "m.xml"),
    "openvino-numbers": ("m.xml", "openvino", "m.bin"),
    "ort": ("m.ort", "ort", "m.ort"),
    "caffe": ("m.caffemodel", "caffemodel", "m.caffemodel"),
    "darknet-text": ("digits.weights", "darknet-weights", "digits.cfg"),
    "darknet-numbers": ("digits.cfg", "darknet", "digits.weights"),
    "tensorrt": ("m.wts", "tensorrt-weights", "m.wts"),
    "oneflow-meta": ("snapshot", "oneflow", "snapshot/0.weight/meta"),
    "oneflow-numbers": ("snapshot", "oneflow", "snapshot/0.weight/out"),
    **{
        f"coreml-{name}": (f"{name}.mlmodel", "coreml", f"{name}.mlmodel")
        for name in ("net", "net-half", "net-symmetric", "net-table")
    },
    **{
        f"coreml-program-{name}": (
            f"{name}.mlpackage",
            "coreml-package",
            f"{name}.mlpackage/{DATA}/model.mlmodel",
        )
        for name in PACKAGES
    },
    "coreml-blobs": (
        "net.mlpackage",
        "coreml-package",
        f"net.mlpackage/{DATA}/weights/weight.bin",
    ),
}


def dump(path):
    numbers = np.random.default_rng(0).normal(size=(3, 40)).astype(">f4")
    rows = (f"w{i} 40 {row.tobytes().hex(' ', 4)}\n" for i, row in enumerate(numbers))
    path.write_text("3\n" + "".join(rows))


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """A folder with a sound file of each form."""
    folder = tmp_path_factory.mktemp("real")
    for name in ("coreml", "darknet", "oneflow"):
        shutil.copytree(FIXTURES / name, folder, dirs_exist_ok=True)
    model = openvino.convert_model(MODELS / "digits-int8-static.onnx")
    openvino.save_model(model, folder / "m.xml")
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "m.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    source = MODELS / "digits-int8-static.onnx"
    onnxruntime.InferenceSession(source, options, ["CPUExecutionProvider"])
    dump(folder / "m.wts")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parent)
        import caffe_files

        ones = np.ones((4, 1, 3, 3), np.float32)
        kernels = [("a", "Convolution", [ones, ones[:, 0, 0, 0]], {"group": 4})]
        norm = [("b", "BatchNorm", [np.ones(4), np.ones(4), np.ones(1)], {})]
        caffe_files.write(folder / "m.caffemodel", kernels + norm)
    return folder


def attempt(path, form):
    """Read all: how many numbers there are, or the error."""
    try:
        return sum(weight.load().size for weight in reader_for(form)(path))
    except HarnessError as error:
        return error


@pytest.mark.parametrize(("target", "form", "file"), CASES.values(), ids=CASES)
def test_changed_files(real, tmp_path, target, form, file):
    """Nothing but numbers or an error of ours, and never many more numbers."""
    folder = Path(shutil.copytree(real, tmp_path / "copy"))
    size = attempt(folder / target, form)
    assert size > 0
    path = folder / file
    whole = path.read_bytes()
    generator = random.Random(0)
    found = []
    for _ in range(40):
        path.write_bytes(whole[: generator.randrange(len(whole))])
        found.append(attempt(folder / target, form))
        changed = bytearray(whole)
        for _ in range(generator.choice((1, 4))):
            changed[generator.randrange(len(whole))] = generator.randrange(256)
        path.write_bytes(changed)
        found.append(attempt(folder / target, form))
    assert all(isinstance(f, HarnessError) or f <= 2 * size for f in found)
    assert any(isinstance(f, HarnessError) for f in found)
    path.write_bytes(b"")
    assert isinstance(attempt(folder / target, form), HarnessError)
