"""Core ML models and packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.backends.forms.form import Evidence, Form

if TYPE_CHECKING:
    from harness.backends.forms.look import Look

_FIRST_KIND = 200
_REASON = (
    "Core ML runs on macOS only: name the model's ONNX form, or a recording of what it"
    " answered there; harness inspect reads it anywhere"
)


def _is_model(look: Look) -> bool:
    """Model: a version (1), a description (2), and one kind of model (from 200 on)."""
    kinds = [number for number in look.messages if number >= _FIRST_KIND]
    return 1 in look.numbers and 2 in look.messages and bool(kinds)


def _is_package(look: Look) -> bool:
    return look.is_folder and {"Manifest.json", "Data"} <= look.names


FORMS = (
    Form(
        name="coreml",
        title="a Core ML model",
        suffixes=(".mlmodel",),
        evidence=Evidence.STRUCTURE,
        recognise=_is_model,
        reason=_REASON,
    ),
    Form(
        name="coreml-package",
        title="a Core ML package",
        suffixes=(".mlpackage",),
        evidence=Evidence.MAGIC,
        recognise=_is_package,
        reason=_REASON,
    ),
)
