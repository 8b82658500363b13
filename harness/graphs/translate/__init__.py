"""Graphs of other forms as ONNX, so that one engine looks into all of them.

`translate` asks the form's own translator, which is imported when it is wanted.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from harness.core.errors import UnsupportedFormatError
from harness.graphs.translate.translation import Translation, as_exported

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Translation", "as_exported", "is_translated", "translate"]

# Form -> module and function that answer for it.
_TRANSLATORS = {
    "graphdef": ("tf", "translate_frozen"),
    "hdf5": ("keras", "translate"),
    "keras": ("keras", "translate"),
    "litert": ("lite", "translate"),
    "openvino": ("openvino_ir", "translate"),
    "savedmodel": ("tf", "translate_saved"),
}


def is_translated(form: str) -> bool:
    """Whether there is a translator for a form."""
    return form in _TRANSLATORS


def translate(path: Path, form: str) -> Translation:
    """A model file as ONNX.

    Args:
        path: The file or folder.
        form: What it is, as `harness.backends.detect` names it.

    Raises:
        ModelLoadError: It is missing, cut short or damaged.
        UnsupportedFormatError: There is no translator for its form, or it has
            operators that are not translated, which the message names.
    """
    if form not in _TRANSLATORS:
        raise UnsupportedFormatError(
            f"{path}: graphs of the form {form} are not translated to ONNX",
            hint=f"those of {', '.join(sorted(_TRANSLATORS))} are",
        )
    module, function = _TRANSLATORS[form]
    known = getattr(import_module(f"{__name__}.{module}"), function)
    translation: Translation = known(path)
    return translation
