"""What form a model file has, told by its bytes and held against its suffix.

Reads a bounded part of it, whatever its size, and imports no runtime.
"""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from harness.backends.forms.look import ZIP, Look
from harness.backends.forms.table import FORMS
from harness.core.errors import ModelLoadError, UnsupportedFormatError

if TYPE_CHECKING:
    from pathlib import Path

    from harness.backends.forms.form import Form

_GIT_LFS = b"version https://git-lfs"


def detect(path: Path) -> str:
    """Name of the backend that runs `path`.

    Raises:
        ModelLoadError: The path does not exist or cannot be read.
        UnsupportedFormatError: The form is not known, no backend runs it, or the
            file's suffix promises another form than its bytes hold.
        UnsafeModelError: It is an archive out of all bounds.
    """
    form = detect_form(path)
    if form.backend is None:
        raise UnsupportedFormatError(
            f"{path} is {form.title}, which no backend runs", hint=form.reason
        )
    return form.backend


def detect_form(path: Path) -> Form:
    """Form of the file or folder, or of the checkpoint that the path begins.

    Raises:
        ModelLoadError: The path does not exist or cannot be read.
        UnsupportedFormatError: The form is not known, or the file's suffix promises
            another form than its bytes hold.
        UnsafeModelError: It is an archive out of all bounds.
    """
    try:
        look = Look(path)
        _refuse_no_model(look)
        form: Form | None = next(filter(lambda f: f.recognise(look), FORMS), None)
        if form is None:
            raise _unknown(look)
    except OSError as error:
        raise _unreadable(path, error) from error
    if not look.is_folder:
        _check_suffix(look, form)
    return form


def _refuse_no_model(look: Look) -> None:
    if look.is_folder or look.is_prefix:
        return
    if not stat.S_ISREG(look.path.stat().st_mode):
        # A pipe would be waited for, and a device has no end.
        raise UnsupportedFormatError(
            f"{look.path} is neither a file nor a folder",
            hint="name a model's file or folder",
        )
    if not look.head:
        raise UnsupportedFormatError(
            f"{look.path} is empty", hint="copy or export the model again"
        )
    if look.head.startswith(_GIT_LFS):
        raise UnsupportedFormatError(
            f"{look.path} is a Git LFS pointer, not the model itself",
            hint="fetch the file itself: git lfs pull",
        )


def _check_suffix(look: Look, form: Form) -> None:
    """Forms of one backend may go by each other's suffixes: it tells them apart."""
    promised = _promised(look.suffix)
    if not promised or form in promised:
        return
    if form.backend and form.backend in {other.backend for other in promised}:
        return
    hint = "give the file the suffix of what it is"
    if form.backend:
        hint = f'rename the file, or say backend = "{form.backend}" in the variant'
    raise UnsupportedFormatError(
        f"{look.path} {_suffix(look)}, but its bytes are those of {form.title}",
        hint=hint,
    )


def _unknown(look: Look) -> UnsupportedFormatError:
    if look.is_folder:
        names = ", ".join(sorted(look.names)[:5]) or "nothing"
        return UnsupportedFormatError(
            f"{look.path} is a folder of no form of model that is known here, with"
            f" neither saved_model.pb nor recording.json; it holds {names}",
            hint="name the folder that saved_model.pb lies in, or a model file",
        )
    if look.head.startswith(ZIP) and look.damage:
        return UnsupportedFormatError(look.damage, hint="copy or export it again")
    if look.suffix == ".bin" and look.path.with_suffix(".xml").is_file():
        return UnsupportedFormatError(
            f"{look.path} holds the weights of an OpenVINO model",
            hint=f"name the model instead: {look.path.with_suffix('.xml')}",
        )
    known = sorted({suffix for form in FORMS for suffix in form.suffixes})
    return UnsupportedFormatError(
        f"{look.path} {_suffix(look)}, and its bytes are of no form that is known here",
        hint="export the model again, or copy it whole; known suffixes are "
        + ", ".join(known),
    )


def _suffix(look: Look) -> str:
    if not look.suffix:
        return "has no suffix"
    titles = " or ".join(form.title for form in _promised(look.suffix))
    return f"has the suffix {look.path.suffix}" + (f" of {titles}" if titles else "")


def _promised(suffix: str) -> list[Form]:
    return [form for form in FORMS if suffix in form.suffixes]


def _unreadable(path: Path, error: OSError) -> ModelLoadError:
    return ModelLoadError(
        f"cannot read model {path}: {error.strerror or error}",
        hint="check the path; it is relative to the suite file",
    )
