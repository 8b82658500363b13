"""LiteRT and ORT files, looked through before their runtimes open them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.backends.parts import reading
from harness.core.containment import path_inside
from harness.core.errors import ModelLoadError
from harness.formats.litert_parts import data_files
from harness.formats.ort_parts import graphs_in, main_graph
from harness.formats.wire import mapped

if TYPE_CHECKING:
    from pathlib import Path


def check_litert(path: Path) -> None:
    """Let a ``.tflite`` file pass whose graphs end and whose data lie beside it.

    Raises:
        UnsafeModelError: A graph runs itself, or weights lie outside of the folder.
        ModelLoadError: It is damaged, or a data file does not exist.
    """
    with reading(path, "LiteRT model"), mapped(path) as data:
        names = data_files(data)
    for name in names:
        file = path_inside(path.parent, name, f"{path}: a group of weights")
        if not file.is_file():
            raise ModelLoadError(
                f"{path} keeps weights in {name!r}, and {file} does not exist",
                hint="copy the data file beside the model, under the name it had",
            )


def check_ort(path: Path) -> None:
    """Let an ``.ort`` file pass whose graphs are nested only so deep.

    Raises:
        UnsafeModelError: They are nested deeper, or have too many parts.
        ModelLoadError: It is damaged.
    """
    with reading(path, "ORT model"), mapped(path) as data:
        for _ in graphs_in(main_graph(data)[2]):
            pass


def is_ort(model: Path | bytes) -> bool:
    """Whether a model is in onnxruntime's own format, told by its bytes."""
    if isinstance(model, bytes):
        return model[4:8] == b"ORTM"
    with model.open("rb") as stream:
        return stream.read(8)[4:] == b"ORTM"
