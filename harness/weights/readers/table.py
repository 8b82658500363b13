"""Readers of weights by the form of the file; each is imported when first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.registry import LazyEntry, Registry

if TYPE_CHECKING:
    from harness.core.protocols import WeightReader

_HERE = "harness.weights.readers"
# Form, as detection names it -> reader, what must be installed, and the extra.
_READERS: dict[str, tuple[str, tuple[str, ...], str | None]] = {
    "caffe": ("caffe_:read_network", (), None),
    "caffemodel": ("caffe_:read_weights", (), None),
    "checkpoint": ("checkpoint_:read_weights", (), None),
    "coreml": ("coreml_:read_weights", (), None),
    "coreml-package": ("coreml_:read_package", (), None),
    "darknet": ("darknet_:read_network", (), None),
    "darknet-weights": ("darknet_:read_weights", (), None),
    "exported-program": ("torch_exported:read_exported", (), None),
    "graphdef": ("graphdef_:read_weights", (), None),
    "graphdef-text": ("graphdef_:read_text_weights", (), None),
    "hdf5": ("keras_:read_hdf5_weights", ("h5py",), "h5"),
    "keras": ("keras_:read_archive", ("h5py",), "h5"),
    "keras-json": ("keras_:read_json_weights", ("h5py",), "h5"),
    "litert": ("litert_:read_weights", (), None),
    "metagraph": ("checkpoint_:read_metagraph_weights", (), None),
    "npy": ("arrays_:read_npy", (), None),
    "npz": ("arrays_:read_npz", (), None),
    "oneflow": ("oneflow_:read_weights", (), None),
    "onnx": ("onnx_:read_weights", ("onnx",), None),
    "openvino": ("openvino_:read_weights", (), None),
    "ort": ("ort_:read_weights", ("onnx",), None),
    "safetensors": ("safetensors_:read_weights", (), None),
    "savedmodel": ("savedmodel_:read_weights", (), None),
    "skops": ("skops_:read_weights", (), None),
    "state-dict": ("torch_state:read_state", (), None),
    "state-dict-old": ("torch_state:read_old_state", (), None),
    "tensorrt-weights": ("tensorrt_:read_weights", (), None),
    "torchscript": ("torch_script:read_torchscript", (), None),
}
READERS: Registry[WeightReader] = Registry(
    "weight reader",
    {
        form: LazyEntry(f"{_HERE}.{target}", requires=requires, extra=extra)
        for form, (target, requires, extra) in _READERS.items()
    },
)


def reader_for(form: str) -> WeightReader | None:
    """The reader of a form, as detection names it.

    Returns:
        None where weights of this form are not read.

    Raises:
        MissingDependencyError: The library that reads this form is not installed.
    """
    return READERS.get(form) if form in READERS else None
