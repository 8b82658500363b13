"""Which backend runs a file, told by its bytes and held against its suffix.

Reads a few hundred bytes, whatever the size of the file, and imports no runtime.
"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from harness.backends.wire import top_level_fields
from harness.core.errors import ModelLoadError, UnsupportedFormatError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

# suffix -> (backend, what such a file is)
_SUFFIXES = {
    ".onnx": ("onnxruntime", "an ONNX model"),
    ".ort": ("onnxruntime", "an ORT model"),
    ".keras": ("keras", "a Keras archive"),
    ".h5": ("keras", "a Keras HDF5 file"),
    ".hdf5": ("keras", "a Keras HDF5 file"),
    ".pb": ("tensorflow", "a frozen GraphDef"),
    ".tflite": ("litert", "a LiteRT model"),
    ".npz": ("replay", "recorded outputs"),
    ".npy": ("replay", "recorded outputs"),
}
# (offset, magic) -> (backend, what it is)
_MAGIC = {
    (4, b"TFL3"): ("litert", "a LiteRT model"),
    (4, b"ORTM"): ("onnxruntime", "an ORT model"),
    (0, b"\x89HDF\r\n\x1a\n"): ("keras", "an HDF5 file"),
    (0, b"\x93NUMPY"): ("replay", "a numpy array"),
}
_ZIP = b"PK\x03\x04"
_GIT_LFS = b"version https://git-lfs"


def detect(path: Path) -> str:
    """Name of the backend that runs `path`.

    Raises:
        ModelLoadError: The path does not exist or cannot be read.
        UnsupportedFormatError: No backend knows the form, or the file's suffix
            promises another form than its bytes hold.
    """
    if path.is_dir():
        return _detect_folder(path)
    try:
        with path.open("rb") as stream:
            found = _detect_stream(stream, path)
    except OSError as error:
        raise _unreadable(path, error) from error
    return _agreed(path, found)


def _detect_folder(path: Path) -> str:
    if (path / "recording.json").is_file():
        return "replay"
    if (path / "saved_model.pb").is_file():
        return "tensorflow"
    names = ", ".join(sorted(p.name for p in path.iterdir())[:5]) or "nothing"
    raise UnsupportedFormatError(
        f"{path} is a folder with neither saved_model.pb nor recording.json;"
        f" it holds {names}",
        hint="name the folder that saved_model.pb lies in, or a model file",
    )


def _detect_stream(stream: BinaryIO, path: Path) -> tuple[str, str] | None:
    head = stream.read(64)
    if not head:
        raise UnsupportedFormatError(
            f"{path} is empty", hint="copy or export the model again"
        )
    if head.startswith(_GIT_LFS):
        raise UnsupportedFormatError(
            f"{path} is a Git LFS pointer, not the model itself",
            hint="fetch the file itself: git lfs pull",
        )
    for (offset, magic), found in _MAGIC.items():
        if head[offset : offset + len(magic)] == magic:
            return found
    if head.startswith(_ZIP):
        return _detect_zip(stream, path)
    return _detect_protobuf(stream)


def _detect_zip(stream: BinaryIO, path: Path) -> tuple[str, str] | None:
    try:
        with zipfile.ZipFile(stream) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        raise UnsupportedFormatError(
            f"{path} is a zip archive that was cut short or changed: {error}",
            hint="copy or export it again",
        ) from error
    if "config.json" in names:
        return ("keras", "a Keras archive")
    if names and all(name.endswith(".npy") for name in names):
        return ("replay", "an npz archive of arrays")
    return None


def _detect_protobuf(stream: BinaryIO) -> tuple[str, str] | None:
    """ModelProto has a graph (7) and opset_import (8); GraphDef begins with nodes (1).

    A node begins with its name, field 1. A SavedModel message begins with a varint,
    as ModelProto does, and has no field 7 or 8.
    """
    for field, value in top_level_fields(stream):
        if isinstance(value, bytes) and field in (7, 8):
            return ("onnxruntime", "an ONNX model")
        if isinstance(value, bytes) and field == 1:
            return ("tensorflow", "a frozen GraphDef") if value == b"\n" else None
    return None


def _agreed(path: Path, found: tuple[str, str] | None) -> str:
    promised = _SUFFIXES.get(path.suffix.lower())
    if found is not None and (promised is None or promised[0] == found[0]):
        return found[0]
    if path.name == "saved_model.pb":
        raise UnsupportedFormatError(
            f"{path} is one file of a SavedModel",
            hint=f"name the folder instead: {path.parent}",
        )
    says = f"has the suffix {path.suffix}" if path.suffix else "has no suffix"
    says += f" of {promised[1]}" if promised else ""
    if found is None:
        raise UnsupportedFormatError(
            f"{path} {says}, and its bytes are of no form that a backend knows",
            hint="export the model again, or copy it whole; known suffixes are "
            + ", ".join(_SUFFIXES),
        )
    raise UnsupportedFormatError(
        f"{path} {says}, but its bytes are those of {found[1]}",
        hint=f'rename the file, or say backend = "{found[0]}" in the variant',
    )


def _unreadable(path: Path, error: OSError) -> ModelLoadError:
    return ModelLoadError(
        f"cannot read model {path}: {error.strerror or error}",
        hint="check the path; it is relative to the suite file",
    )
