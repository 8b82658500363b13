"""What form a model file has, told by its bytes and held against its suffix.

Reads a bounded part of it, whatever its size, and imports no runtime.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.backends.admission import refuse_no_model
from harness.backends.forms.form import Evidence
from harness.backends.forms.look import ZIP, Look
from harness.backends.forms.table import FORMS
from harness.core.errors import ModelLoadError, UnsupportedFormatError

if TYPE_CHECKING:
    from pathlib import Path

    from harness.backends.forms.form import Form

# Backend -> forms that it runs, or refuses in words of its own, beside those that are
# detected as its own.
_ALSO = {
    "onnx-reference": frozenset({"onnx"}),
    "openvino": frozenset(
        {"graphdef", "graphdef-text", "litert", "metagraph", "onnx", "savedmodel"}
    ),
    "torch": frozenset({"pickle"}),
}
_OURS = frozenset({*_ALSO, *(form.backend for form in FORMS if form.backend)})


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


def backend_for(path: Path, named: str | None) -> str:
    """Name of the backend that runs `path`: the one that is named, else detected.

    What is refused of a file whatever runs it is refused either way. A named backend
    is the user's choice: the suffix says nothing then, and what the bytes are not known
    to be is the backend's to judge.

    Args:
        path: The file or folder, or a checkpoint's prefix.
        named: The variant's ``backend``; None detects it.

    Raises:
        ModelLoadError: The path cannot be read; without a name, it does not exist.
        UnsupportedFormatError: It is no model, or plainly one of a form that the
            backend does not run.
        UnsafeModelError: It is out of all bounds.
    """
    if named is None:
        return detect(path)
    look = Look(path)
    if not (look.is_prefix or path.exists()):
        return named
    try:
        refuse_no_model(look)
        form = _recognised(look)
    except OSError as error:
        raise _unreadable(path, error) from error
    if form and form.evidence < Evidence.LIKENESS and not _runs(named, form):
        raise UnsupportedFormatError(
            f"{path} is {form.title}, which backend {named!r} does not run",
            hint=f"leave backend out: {form.backend} runs it"
            if form.backend
            else form.reason,
        )
    return named


def _runs(backend: str, form: Form) -> bool:
    """Whether a backend may run a form; what others' backends run, they know."""
    own = form.backend == backend or form.name in _ALSO.get(backend, ())
    return own or backend not in _OURS


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
        refuse_no_model(look)
        form = _recognised(look)
        if form is None:
            raise _unknown(look)
    except OSError as error:
        raise _unreadable(path, error) from error
    if not look.is_folder:
        _check_suffix(look, form)
    return form


def _recognised(look: Look) -> Form | None:
    return next(filter(lambda form: form.recognise(look), FORMS), None)


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
