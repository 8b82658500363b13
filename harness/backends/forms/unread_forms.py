"""Forms that are known by their marks and not read: named, so that nobody guesses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.backends.forms.form import Evidence, Form

if TYPE_CHECKING:
    from harness.backends.forms.look import Look

_REASON = "give the model's ONNX form, or a recording of its outputs"


def _is_gguf(look: Look) -> bool:
    return look.head.startswith(b"GGUF")


def _is_executorch(look: Look) -> bool:
    return look.head[4:6] == b"ET" and look.head[6:8].isdigit()


FORMS = (
    Form(
        name="gguf",
        title="a GGUF model",
        suffixes=(".gguf",),
        evidence=Evidence.MAGIC,
        recognise=_is_gguf,
        reason=_REASON,
    ),
    Form(
        name="executorch",
        title="an ExecuTorch program",
        suffixes=(".pte",),
        evidence=Evidence.MAGIC,
        recognise=_is_executorch,
        reason=_REASON,
    ),
)
