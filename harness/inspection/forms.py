"""Forms of model files, told by their bytes, and what each tells of itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.core.errors import ModelLoadError, UnsupportedFormatError
from harness.core.model_facts import ModelFacts
from harness.core.provenance import sha256_of, size_of
from harness.inspection.archives import inspect_archive

if TYPE_CHECKING:
    from pathlib import Path

_NOT_READ = "operators, inputs, outputs and weights: this form is not read yet"
_PICKLE = (
    "it is a pickle, which can run any code when it is loaded: load it with"
    " weights_only=True, or convert it where you trust it"
)
# (offset, magic) -> form
_MAGIC = {
    (4, b"TFL3"): "TFLite",
    (4, b"ORTM"): "ORT",
    (0, b"\x89HDF\r\n\x1a\n"): "HDF5",
    (0, b"PK\x03\x04"): "archive",
    (0, b"\x80\x02"): "pickle",
    (0, b"\x80\x04"): "pickle",
}
# Suffix -> forms that it promises, the first one for files without a mark.
_SUFFIXES = {
    ".h5": ("HDF5",),
    ".hdf5": ("HDF5",),
    ".keras": ("archive",),
    ".onnx": ("ONNX",),
    ".ort": ("ORT",),
    ".pb": ("GraphDef", "ONNX"),
    ".pt": ("archive", "pickle"),
    ".pt2": ("archive",),
    ".pth": ("archive", "pickle"),
    ".tflite": ("TFLite",),
}
_UNMARKED = frozenset({"GraphDef", "ONNX"})


def inspect_model(path: Path) -> ModelFacts:
    """Facts of a model file or SavedModel folder.

    An ONNX model is read in full but for its data files; of other forms only what a
    look without their framework tells: `ModelFacts.not_read` says what is missing.

    Raises:
        ModelLoadError: The file is missing or cut short, or its bytes are not of the
            form that its suffix promises.
        UnsupportedFormatError: No form of model is recognised.
    """
    try:
        form = _form_of(path)
        facts = ModelFacts(str(path), form, size_of(path), sha256_of(path))
    except OSError as error:
        raise ModelLoadError(
            f"cannot read {path}: {error.strerror or error}",
            hint="check the path of the model",
        ) from error
    if form == "ONNX":
        # onnx is slow to import, and no other form needs it.
        from harness.inspection.onnx_ import inspect_onnx

        return inspect_onnx(path, facts)
    if form == "archive":
        return inspect_archive(path, facts)
    safety = (_PICKLE,) if form == "pickle" else ()
    return replace(facts, safety=safety, not_read=(_NOT_READ,))


def _form_of(path: Path) -> str:
    if path.is_dir():
        return _form_of_folder(path)
    with path.open("rb") as stream:
        head = stream.read(16)
    marked = [form for (at, mark), form in _MAGIC.items() if head[at:].startswith(mark)]
    promised = _SUFFIXES.get(path.suffix.lower(), ())
    if not marked and promised and promised[0] in _UNMARKED:
        return promised[0]
    if not marked:
        raise _unknown(path, promised)
    if promised and marked[0] not in promised:
        raise ModelLoadError(
            f"{path} has the suffix {path.suffix}, but its bytes are of another"
            f" form: {marked[0]}",
            hint="give the file the suffix of what it is",
        )
    return marked[0]


def _form_of_folder(path: Path) -> str:
    if (path / "saved_model.pb").is_file():
        return "SavedModel"
    raise UnsupportedFormatError(
        f"{path} is a folder without saved_model.pb",
        hint="name a model file, or the folder of a TensorFlow SavedModel",
    )


def _unknown(path: Path, promised: tuple[str, ...]) -> Exception:
    if promised:
        return ModelLoadError(
            f"{path} has the suffix {path.suffix}, but its first bytes are not those of"
            f" such a file",
            hint="export or copy the model again; it may have been cut short",
        )
    return UnsupportedFormatError(
        f"{path} is of no form that is known here",
        hint=f"known suffixes are {', '.join(sorted(_SUFFIXES))}",
    )
