"""What each form of model file tells of itself: one inspector a form, by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from harness.core.errors import ModelLoadError, UnsafeModelError
from harness.core.model_facts import ModelFacts
from harness.core.provenance import sha256_of, size_of
from harness.core.registry import LazyEntry, Registry
from harness.formats.malformed import Malformed, OutOfBounds
from harness.inspection.ranges.table import declared_ranges

Inspector: TypeAlias = Callable[[Path, ModelFacts], ModelFacts]
"""``inspect(path, facts)``: the facts, with what the form tells filled in."""

_UNREAD = "operators, inputs, outputs and weights: this form is not read"
# Form -> what it is called, and its inspector inside of this package.
_FORMS = {
    "caffe": ("Caffe network", "caffe_:inspect_prototxt"),
    "caffemodel": ("Caffe weights", "caffe_:inspect_caffemodel"),
    "checkpoint": ("TensorFlow checkpoint", "checkpoint_:inspect_checkpoint"),
    "coreml": ("Core ML", "coreml_:inspect_model"),
    "coreml-package": ("Core ML package", "coreml_:inspect_package"),
    "darknet": ("Darknet network", "darknet_:inspect_cfg"),
    "darknet-weights": ("Darknet weights", "darknet_:inspect_weights"),
    "exported-program": ("PyTorch exported program", "exported_:inspect_exported"),
    "graphdef": ("GraphDef", "graphdef_:inspect_graphdef"),
    "graphdef-text": ("GraphDef as text", "graphdef_:inspect_text"),
    "hdf5": ("HDF5", "keras_:inspect_hdf5"),
    "keras": ("Keras archive", "keras_:inspect_archive"),
    "keras-json": ("Keras configuration", "keras_:inspect_json"),
    "litert": ("LiteRT", "litert_:inspect_litert"),
    "metagraph": ("TensorFlow MetaGraph", "savedmodel_:inspect_metagraph"),
    "npy": ("numpy array", "arrays_:inspect_npy"),
    "npz": ("numpy arrays", "arrays_:inspect_npz"),
    "oneflow": ("OneFlow snapshot", "weight_dumps:inspect_oneflow"),
    "onnx": ("ONNX", "onnx_:inspect_onnx"),
    "openvino": ("OpenVINO", "openvino_:inspect_openvino"),
    "ort": ("ORT", "ort_:inspect_ort"),
    "pickle": ("pickle", "skops_:inspect_pickle"),
    "recording": ("recorded outputs", "arrays_:inspect_recording"),
    "safetensors": ("safetensors", "safetensors_:inspect_safetensors"),
    "savedmodel": ("SavedModel", "savedmodel_:inspect_savedmodel"),
    "skops": ("skops archive", "skops_:inspect_skops"),
    "state-dict": ("PyTorch state", "torch_:inspect_state"),
    "state-dict-old": ("PyTorch state before 1.6", "torch_:inspect_old_state"),
    "tensorrt-engine": ("TensorRT engine", "weight_dumps:inspect_engine"),
    "tensorrt-weights": ("TensorRT weight dump", "weight_dumps:inspect_dump"),
    "torchscript": ("TorchScript", "torchscript_:inspect_torchscript"),
}
INSPECTORS: Registry[Inspector] = Registry(
    "inspector",
    {
        form: LazyEntry(f"harness.inspection.{target}")
        for form, (_, target) in _FORMS.items()
    },
)


def inspect_model(path: Path, form: str) -> ModelFacts:
    """Facts of a model's file or folder; none of it is run.

    Args:
        path: The file or folder, or the prefix of a checkpoint.
        form: Name of its form, as it was detected.

    Raises:
        ModelLoadError: It is missing, cut short or damaged.
        UnsafeModelError: It is out of all bounds.
    """
    title = _FORMS[form][0] if form in _FORMS else form
    try:
        whole = path if path.exists() else path.with_name(f"{path.name}.index")
        facts = ModelFacts(str(path), title, size_of(whole), sha256_of(whole))
        if form not in INSPECTORS:
            return replace(facts, not_read=(_UNREAD,))
        facts = INSPECTORS.get(form)(path, facts)
        # What an inspector tells itself is more than the range.
        told = map(str, () if facts.value_hints else declared_ranges(path, form))
        return replace(facts, value_hints=(*facts.value_hints, *told))
    except OutOfBounds as error:
        raise UnsafeModelError(
            f"{path}: {error}",
            hint="export the model again; no exporter writes such a file",
        ) from error
    except Malformed as error:
        raise ModelLoadError(
            f"{path} is no whole {title}: {error}",
            hint="export or copy the model again; it may have been cut short",
        ) from error
    except OSError as error:
        raise ModelLoadError(
            f"cannot read {path}: {error.strerror or error}",
            hint="check the path of the model",
        ) from error
