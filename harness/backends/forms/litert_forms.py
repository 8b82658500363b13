"""LiteRT (TensorFlow Lite) models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.backends.forms.form import Evidence, Form

if TYPE_CHECKING:
    from harness.backends.forms.look import Look


def _is_litert(look: Look) -> bool:
    return look.head[4:8] == b"TFL3"


FORMS = (
    Form(
        name="litert",
        title="a LiteRT model",
        suffixes=(".tflite", ".lite"),
        evidence=Evidence.MAGIC,
        recognise=_is_litert,
        backend="litert",
    ),
)
