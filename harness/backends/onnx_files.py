"""What an ONNX model asks of its runtime: only so much, and data in its own folder."""

from __future__ import annotations

import json
import mmap
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from harness.backends.admission import MAX_MESSAGE, check_size
from harness.backends.parts import reading
from harness.core.containment import path_inside
from harness.core.errors import ModelLoadError, UnsafeModelError
from harness.core.remembered import remembered
from harness.formats.calls import MAX_UNFOLDED, readable, unfolded
from harness.formats.malformed import Malformed, OutOfBounds
from harness.formats.onnx_parts import OnnxParts, onnx_parts
from harness.formats.wire import mapped

if TYPE_CHECKING:
    from collections.abc import Iterator

# Key of the one entry that every external tensor has (onnx.proto, external_data).
_MARK = b"location"
_MEMORY = "model in memory"


def check_onnx(model: Path | bytes, folder: Path | None) -> None:
    """Let a model pass that a runtime may be given.

    Its structure is read, and none of its numbers: no runtime's parser comes first.

    Args:
        model: A file, or a serialized ModelProto.
        folder: Where its data files must lie; None where it came without one.

    Raises:
        UnsafeModelError: It is larger than a protobuf message can be, its graphs are
            nested too deep, its functions unfold without end, or its data lie outside
            of the folder.
        ModelLoadError: It is damaged, or a data file does not exist.
    """
    where = _MEMORY if isinstance(model, bytes) else str(model)
    parts = _parts(model)
    with reading(where, "ONNX model"):
        count = unfolded(parts.main, parts.functions)
    if count > MAX_UNFOLDED:
        raise UnsafeModelError(
            f"{where}: its local functions unfold to {readable(count)} nodes;"
            f" {MAX_UNFOLDED:,} is the most that is run",
            hint="export the model again; no exporter writes such functions",
        )
    for location, tensor in sorted(parts.locations.items()):
        _check_location(location, folder, f"{where}: tensor {tensor!r}")


def data_files(model: Path) -> tuple[str, ...]:
    """Locations of a model's external data inside its folder, sorted.

    A model that holds all of its data is only searched for the entry's key, at the
    speed of memory. One that is damaged, which the runtime tells of, has none.
    """
    found = remembered("data files", model, lambda: json.dumps(_data_files(model)))
    return tuple(json.loads(found))


def _data_files(model: Path) -> tuple[str, ...]:
    if not _mentions_external_data(model):
        return ()
    try:
        locations = _parts(model).locations
    except (ModelLoadError, UnsafeModelError):
        return ()
    return tuple(sorted(filter(_is_inside, locations)))


def _parts(model: Path | bytes) -> OnnxParts:
    where = _MEMORY if isinstance(model, bytes) else model
    with reading(where, "ONNX model"), _opened(model) as data:
        check_size(Path(where), len(data), MAX_MESSAGE)
        try:
            return onnx_parts(data)
        except OutOfBounds:
            raise
        except Malformed as error:
            text = f"its {len(data):,} bytes do not parse: {error}"
            raise Malformed(text) from error


@contextmanager
def _opened(model: Path | bytes) -> Iterator[memoryview]:
    if isinstance(model, bytes):
        yield memoryview(model)
        return
    with mapped(model) as data:
        yield data


def _is_inside(location: str) -> bool:
    # Told from the text alone: a link inside the folder is the user's own doing (so
    # model caches are built), a path that leaves it is the file's.
    try:
        path_inside(Path(), location, "a tensor")
    except UnsafeModelError:
        return False
    return True


def _check_location(location: str, folder: Path | None, what: str) -> None:
    where = f"{what} keeps its data in {location!r}"
    if folder is None:
        raise ModelLoadError(
            f"{where}, and the model came without a folder",
            hint="open the model from its file, or name its folder",
        )
    inside = Path(os.path.normpath(location))
    if not _is_inside(location):
        raise UnsafeModelError(
            f"{where}, outside the model's folder {folder}",
            hint="a model may read data beside itself only; save it again with"
            " onnx.save(..., save_as_external_data=True)",
        )
    if not (folder / inside).is_file():
        raise ModelLoadError(
            f"{where}, and {folder / inside} does not exist",
            hint="copy the data file beside the model, under the name it had",
        )


def _mentions_external_data(model: Path) -> bool:
    with model.open("rb") as stream:
        if os.fstat(stream.fileno()).st_size == 0:
            return False
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as view:
            return view.find(_MARK) >= 0
