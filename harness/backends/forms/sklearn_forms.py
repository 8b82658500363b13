"""scikit-learn: skops archives and plain pickles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.backends.forms.form import Evidence, Form

if TYPE_CHECKING:
    from harness.backends.forms.look import Look

_PROTOCOLS = (2, 3, 4, 5)


def _is_skops(look: Look) -> bool:
    return not look.is_folder and "schema.json" in look.names


def _is_pickle(look: Look) -> bool:
    """PROTO and a number, then what begins a pickled object, and STOP at its end."""
    return look.head[:1] == b"\x80" and look.head[1:2] in map(_byte, _PROTOCOLS)


def _byte(number: int) -> bytes:
    return bytes([number])


FORMS = (
    Form(
        name="skops",
        title="a skops archive",
        suffixes=(".skops",),
        evidence=Evidence.STRUCTURE,
        recognise=_is_skops,
        backend="sklearn",
    ),
    Form(
        name="pickle",
        title="a pickle",
        suffixes=(".pkl", ".pickle", ".joblib"),
        evidence=Evidence.LIKENESS,
        recognise=_is_pickle,
        backend="sklearn",
    ),
)
