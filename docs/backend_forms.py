"""The digits model in every form that can be made here, each by its runtime's own tool.

Makers take the folder of committed models and an empty one, and give a path.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from harness.core.specs import GoldenSpec, Preprocess
from harness.golden.preprocess import prepare
from harness.golden.source import open_golden

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "golden"
MODELS = GOLDEN / "digits" / "models"
RECORDED = GOLDEN / "digits" / "recorded" / "keras"
Floats: TypeAlias = "NDArray[np.floating]"
Make: TypeAlias = Callable[[Path], Path]


def channels_last(images: Floats) -> Floats:
    return images


def channels_first(images: Floats) -> Floats:
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def flat(images: Floats) -> Floats:
    return images.reshape(len(images), -1).astype(np.float64)


@dataclass(frozen=True)
class Made:
    """One file of the digits model.

    Attributes:
        label: What tells it from others of its form; empty where nothing need.
        backend: Runs it.
        make: Writes it into a folder, or names a committed one.
        options: For the backend.
        feed: Golden images, samples x rows x columns x channels -> what it takes.
        batch_size: Samples a call; 0 for all at once.
        original: Answers to the same feed; None for the recorded ones, of Keras.
    """

    label: str
    backend: str
    make: Make
    options: Mapping[str, Any] = field(default_factory=dict)
    feed: Callable[[Floats], Floats] = channels_last
    batch_size: int = 0
    original: Callable[[Floats], Floats] | None = None


def committed(name: str) -> Make:
    return lambda _: MODELS / name


def ort(folder: Path) -> Path:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.save_model_format", "ORT")
    options.optimized_model_filepath = str(folder / "digits.ort")
    options.log_severity_level = 3  # that it fits this machine alone is no news
    onnxruntime.InferenceSession(MODELS / "digits.onnx", options)
    return folder / "digits.ort"


def external_data(folder: Path) -> Path:
    import onnx

    model = onnx.load(MODELS / "digits.onnx")
    path = folder / "digits.onnx"
    onnx.save(model, path, save_as_external_data=True)
    return path


def hdf5(folder: Path) -> Path:
    _keras_digits().save(folder / "digits.h5")
    return folder / "digits.h5"


def keras_json(folder: Path) -> Path:
    model, path = _keras_digits(), folder / "digits.json"
    path.write_text(model.to_json(), encoding="utf-8")
    model.save_weights(folder / "digits.weights.h5")
    return path


def graph_text(folder: Path) -> Path:
    import tensorflow as tf

    graph = tf.compat.v1.GraphDef.FromString((MODELS / "frozen.pb").read_bytes())
    tf.io.write_graph(graph, str(folder), "frozen.pbtxt", as_text=True)
    return folder / "frozen.pbtxt"


def checkpoint(folder: Path) -> Path:
    import tensorflow as tf

    saved = tf.train.Checkpoint(model=_keras_digits()).save(str(folder / "digits"))
    return Path(f"{saved}.index")


def keras_network() -> Any:
    """The Keras model, without its weights: what ``factory`` names."""
    import keras

    return keras.models.model_from_json(_keras_digits().to_json())


def openvino_ir(folder: Path, *, half: bool = False) -> Path:
    import openvino

    path = folder / "digits.xml"
    model = openvino.convert_model(str(MODELS / "digits.onnx"))
    openvino.save_model(model, str(path), compress_to_fp16=half)
    return path


def openvino_half(folder: Path) -> Path:
    return openvino_ir(folder, half=True)


def torchscript(folder: Path) -> Path:
    import torch

    with _unwarned():
        torch.jit.trace(torch_digits(), _example()).save(folder / "digits.pt")
    return folder / "digits.pt"


def exported_program(folder: Path) -> Path:
    import torch

    free = {"image": {0: torch.export.Dim("n", min=1)}}
    with _unwarned():
        program = torch.export.export(
            torch_digits(), (_example(),), dynamic_shapes=free
        )
    torch.export.save(program, folder / "digits.pt2")
    return folder / "digits.pt2"


def state_dict(folder: Path) -> Path:
    import torch

    torch.save(torch_digits().state_dict(), folder / "digits.pth")
    return folder / "digits.pth"


def old_state_dict(folder: Path) -> Path:
    import torch

    state, path = torch_digits().state_dict(), folder / "digits.pth"
    torch.save(state, path, _use_new_zipfile_serialization=False)
    return path


def safetensors(folder: Path) -> Path:
    from safetensors.torch import save_file

    save_file(torch_digits().state_dict(), folder / "digits.safetensors")
    return folder / "digits.safetensors"


def skops(folder: Path) -> Path:
    from skops.io import dump

    dump(classifier(), folder / "digits.skops")
    return folder / "digits.skops"


def pickled(folder: Path) -> Path:
    import joblib

    joblib.dump(classifier(), folder / "digits.joblib")
    return folder / "digits.joblib"


@cache
def classifier() -> Any:
    """A model of scikit-learn's own, on the golden images: it holds no CNN."""
    from sklearn.linear_model import LogisticRegression

    source = open_golden(GoldenSpec(GOLDEN / "digits" / "data"))
    (chunk,) = source.chunks(source.n_samples)
    images = flat(prepare(chunk.inputs["image"], Preprocess(scale=0.0625)))
    return LogisticRegression(max_iter=1000).fit(images, chunk.labels)


def classified(images: Floats) -> Floats:
    scores: Floats = classifier().predict_proba(images)
    return scores


def npz(folder: Path) -> Path:
    return Path(shutil.copy(RECORDED / "shard-000.npz", folder / "answers.npz"))


def npy(folder: Path) -> Path:
    path = folder / "answers.npy"
    np.save(path, np.load(RECORDED / "shard-000.npz")["probabilities"])
    return path


def torch_network() -> torch.nn.Module:
    """The hand-written port, without weights: what ``factory`` names."""
    file = GOLDEN / "digits-regressed" / "_port.py"
    spec = importlib.util.spec_from_file_location("digits_port", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    network: torch.nn.Module = module.Digits(module.Slip())
    return network


def torch_digits() -> torch.nn.Module:
    """The port with the weights that its ONNX export in the golden suite holds."""
    import onnx
    import torch

    network = torch_network()
    path = GOLDEN / "digits-regressed" / "models" / "torch.onnx"
    arrays = onnx.load(path).graph.initializer
    known = {a.name: torch.tensor(onnx.numpy_helper.to_array(a)) for a in arrays}
    own = network.state_dict()
    network.load_state_dict({name: known.get(name, own[name]) for name in own})
    return network.eval()


def _example() -> torch.Tensor:
    import torch

    # Any count but 0 and 1, which an export takes for constants.
    return torch.zeros(2, 1, 8, 8)


def _keras_digits() -> Any:
    import keras

    return keras.saving.load_model(MODELS / "digits.keras")


def _unwarned() -> warnings.catch_warnings:
    return warnings.catch_warnings(action="ignore")


_IMAGE = {"inputs": {"image": {"dtype": "float32", "shape": ["n", 1, 8, 8]}}}
_FACTORY = {**_IMAGE, "factory": "backend_forms:torch_network"}
_FREE = {"shapes": {"image": [-1, 8, 8, 1]}}

# Name of a form -> what of it is made and measured.
FORMS: Mapping[str, tuple[Made, ...]] = {
    "onnx": (
        Made("", "onnxruntime", committed("digits.onnx")),
        Made("external data", "onnxruntime", external_data),
        Made("optimized", "onnxruntime", committed("digits-optimized.onnx")),
        Made("float16", "onnxruntime", committed("digits-fp16.onnx")),
        Made("int8, QDQ", "onnxruntime", committed("digits-int8-static.onnx")),
        Made(
            "int8, dynamic",
            "onnxruntime",
            committed("digits-int8-dynamic.onnx"),
            batch_size=1,
        ),
        Made("", "onnx-reference", committed("digits.onnx")),
    ),
    "ort": (Made("", "onnxruntime", ort),),
    "keras": (Made("", "keras", committed("digits.keras")),),
    "hdf5": (Made("", "keras", hdf5),),
    "keras-json": (Made("with its weights", "keras", keras_json),),
    "checkpoint": (
        Made(
            "with a factory",
            "tensorflow",
            checkpoint,
            {"factory": "backend_forms:keras_network"},
        ),
    ),
    "savedmodel": (Made("", "tensorflow", committed("savedmodel")),),
    "graphdef": (Made("", "tensorflow", committed("frozen.pb")),),
    "graphdef-text": (Made("", "tensorflow", graph_text),),
    "litert": (
        Made("", "litert", committed("digits.tflite")),
        Made("full int8", "litert", committed("digits-int8.tflite")),
        Made(
            "full int8, reference kernels",
            "litert",
            committed("digits-int8.tflite"),
            {"kernels": "reference"},
        ),
    ),
    "openvino": (
        Made("", "openvino", openvino_ir, _FREE),
        Made("float16 weights", "openvino", openvino_half, _FREE),
    ),
    "torchscript": (Made("", "torch", torchscript, _IMAGE, channels_first),),
    "exported-program": (Made("", "torch", exported_program, {}, channels_first),),
    "state-dict": (
        Made("with a factory", "torch", state_dict, _FACTORY, channels_first),
    ),
    "safetensors": (
        Made("with a factory", "torch", safetensors, _FACTORY, channels_first),
    ),
    "state-dict-old": (
        Made("with a factory", "torch", old_state_dict, _FACTORY, channels_first),
    ),
    "skops": (Made("", "sklearn", skops, {}, flat, original=classified),),
    "pickle": (
        Made(
            "where the suite allows it",
            "sklearn",
            pickled,
            {"allow_pickle": True},
            flat,
            original=classified,
        ),
    ),
    "npz": (Made("", "replay", npz),),
    "npy": (Made("", "replay", npy),),
    "recording": (Made("", "replay", lambda _: RECORDED),),
}
# Forms that are not made here -> the tests that hold them to the same limits.
ELSEWHERE: Mapping[str, str] = {
    "caffe": "tests/contract/test_opencv_caffe.py",
    "caffemodel": "tests/contract/test_opencv_caffe.py",
    "darknet": "tests/contract/test_opencv_darknet.py",
    "darknet-weights": "tests/contract/test_opencv_darknet.py",
}
