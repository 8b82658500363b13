"""Recorded outputs: folders of recordings and numpy's own files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.backends.forms.form import Evidence, Form

if TYPE_CHECKING:
    from harness.backends.forms.look import Look


def _is_recording(look: Look) -> bool:
    return look.is_folder and "recording.json" in look.names


def _is_npy(look: Look) -> bool:
    return look.head.startswith(b"\x93NUMPY")


def _is_npz(look: Look) -> bool:
    if look.is_folder or not look.names:
        return False
    return all(name.endswith(".npy") for name in look.names)


FORMS = (
    Form(
        name="recording",
        title="a folder of recorded outputs",
        suffixes=(),
        evidence=Evidence.MAGIC,
        recognise=_is_recording,
        backend="replay",
    ),
    Form(
        name="npy",
        title="a numpy array",
        suffixes=(".npy",),
        evidence=Evidence.MAGIC,
        recognise=_is_npy,
        backend="replay",
    ),
    Form(
        name="npz",
        title="an npz archive of arrays",
        suffixes=(".npz",),
        evidence=Evidence.STRUCTURE,
        recognise=_is_npz,
        backend="replay",
    ),
)
