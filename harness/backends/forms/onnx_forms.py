"""ONNX and ORT models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.backends.forms.form import Evidence, Form

if TYPE_CHECKING:
    from harness.backends.forms.look import Look

_CAFFE_LAYER = 100


def _is_ort(look: Look) -> bool:
    return look.head[4:8] == b"ORTM"


def _is_onnx(look: Look) -> bool:
    """ModelProto: a version (1), and a graph (7) or opset_import (8).

    Caffe's NetParameter has a text in field 1 and may have messages in 8.
    """
    if _CAFFE_LAYER in look.messages or 1 in look.messages:
        return False
    return 7 in look.messages or 8 in look.messages


FORMS = (
    Form(
        name="onnx",
        title="an ONNX model",
        suffixes=(".onnx",),
        evidence=Evidence.STRUCTURE,
        recognise=_is_onnx,
        backend="onnxruntime",
    ),
    Form(
        name="ort",
        title="an ORT model",
        suffixes=(".ort",),
        evidence=Evidence.MAGIC,
        recognise=_is_ort,
        backend="onnxruntime",
    ),
)
