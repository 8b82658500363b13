"""Backends by name; each is imported when it is first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.backends.entry_points import third_party
from harness.core.registry import LazyEntry, Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import onnx

    from harness.core.protocols import Arrays, Backend

    # Samples -> what the model itself is fed for the first of them.
    Feeds = Callable[[int], Arrays]
    Exporter = Callable[[Path, Mapping[str, object], Feeds], onnx.ModelProto]

# Recorded outputs are golden data: writer and reader of their format live together
# in harness.golden, and only this table's text knows that one of them is a backend.
_OURS = {
    "keras": LazyEntry(
        "harness.backends.keras_:open_session",
        requires=("keras", "tensorflow"),
        extra="tensorflow",
    ),
    "kserve": LazyEntry(
        "harness.backends.kserve_:open_session",
        requires=("grpc", "urllib3"),
        extra="remote",
    ),
    "litert": LazyEntry(
        "harness.backends.litert_:open_session",
        requires=("ai_edge_litert",),
        extra="litert",
    ),
    "onnx-reference": LazyEntry(
        "harness.backends.onnx_reference_:open_session", requires=("onnx",)
    ),
    "onnxruntime": LazyEntry(
        "harness.backends.onnxruntime_:open_session", requires=("onnxruntime",)
    ),
    "opencv": LazyEntry(
        "harness.backends.opencv_:open_session", requires=("cv2",), extra="opencv"
    ),
    "openvino": LazyEntry(
        "harness.backends.openvino_:open_session",
        requires=("openvino",),
        extra="openvino",
    ),
    "replay": LazyEntry("harness.golden.replay:open_session"),
    "sklearn": LazyEntry(
        "harness.backends.sklearn_:open_session",
        requires=("sklearn", "skops"),
        extra="sklearn",
    ),
    "tensorflow": LazyEntry(
        "harness.backends.tensorflow_:open_session",
        requires=("tensorflow",),
        extra="tensorflow",
    ),
    "tfserving": LazyEntry(
        "harness.backends.tfserving_:open_session",
        requires=("urllib3",),
        extra="remote",
    ),
    "torch": LazyEntry(
        "harness.backends.torch_:open_session", requires=("torch",), extra="torch"
    ),
}
_THEIRS, NOTICES = third_party(_OURS)
BACKENDS: Registry[Backend] = Registry("backend", {**_THEIRS, **_OURS})
_STATE = LazyEntry(
    "harness.backends.torch_module_to_onnx:state_to_onnx",
    requires=("torch", "onnxscript"),
    extra="torch",
)
# Forms whose own framework writes ONNX: `export(path, options, feeds)`.
EXPORTERS: Registry[Exporter] = Registry(
    "exporter to ONNX",
    {
        "exported-program": LazyEntry(
            "harness.backends.torch_to_onnx:program_to_onnx",
            requires=("torch", "onnxscript"),
            extra="torch",
        ),
        "safetensors": _STATE,
        "state-dict": _STATE,
        "state-dict-old": _STATE,
        "torchscript": LazyEntry(
            "harness.backends.torch_module_to_onnx:script_to_onnx",
            requires=("torch", "onnxscript"),
            extra="torch",
        ),
    },
)
