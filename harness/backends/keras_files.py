"""Files of a Keras model: where its configuration is, and what must not be in them."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

from harness.backends.parts import reading
from harness.core.archives import open_archive, read_entry
from harness.core.containment import path_inside
from harness.core.errors import ModelLoadError, SuiteError, UnsafeModelError
from harness.formats.json_text import parse_json

if TYPE_CHECKING:
    from pathlib import Path

_MAX_CONFIG = 64 << 20
_HDF5 = b"\x89HDF\r\n\x1a\n"
_SUFFIXES = {"archive": (".keras",), "hdf5": (".h5", ".hdf5"), "json": (".json",)}
_WEIGHTS = ".weights.h5"
# Deflate packs at most 1032 to 1. Up to the size, data may be packed as it likes.
_MAX_RATIO = 200
_ANY_RATIO = 1 << 30


def form_of(path: Path) -> str:
    """Which of archive, hdf5 and json a file is, told by its bytes.

    Raises:
        ModelLoadError: The file has not the suffix by which Keras tells its forms.
    """
    with path.open("rb") as stream:
        is_hdf5 = stream.read(len(_HDF5)) == _HDF5
    form = "json"
    if is_hdf5:
        form = "hdf5"
    elif zipfile.is_zipfile(path) or path.suffix == ".keras":
        form = "archive"
    if path.suffix not in _SUFFIXES[form]:
        raise ModelLoadError(
            f"{path}: Keras tells its forms by suffix, and this one's is {form}",
            hint=f"rename the file to {path.stem}{_SUFFIXES[form][0]}",
        )
    return form


def archive_config(path: Path) -> Any:
    """Configuration of a ``.keras`` archive, whose arrays stay inside of it.

    Raises:
        ModelLoadError: The archive is damaged or holds no configuration.
        UnsafeModelError: It is a bomb, or its arrays lie in other files.
    """
    with open_archive(path) as archive:
        config = read_entry(archive, "config.json", _MAX_CONFIG)
        if config is None:
            raise _no_config(path, "config.json")
        for name in archive.namelist():
            if name.endswith(".h5"):
                with archive.open(name) as stream:
                    _check_arrays(stream, path)
    return _parsed(config, path)


def hdf5_config(path: Path) -> Any:
    """Configuration of a whole model in one HDF5 file.

    Raises:
        ModelLoadError: The file holds weights alone.
        UnsafeModelError: Its arrays lie in other files.
    """
    import h5py

    check_hdf5(path)
    with h5py.File(path) as file:
        if "model_config" in file.attrs:
            size = file.attrs.get_id("model_config").get_storage_size()
            if size > _MAX_CONFIG:
                raise _no_config(path, "configuration")
        config: str | bytes | None = file.attrs.get("model_config")
    if config is None:
        raise ModelLoadError(
            f"{path} holds weights and no model",
            hint="save the whole model: model.save(...), not save_weights(...); or"
            " name its JSON, with options = { weights = ... }",
        )
    return _parsed(config, path)


def json_config(path: Path) -> Any:
    """Configuration that `to_json` wrote.

    Raises:
        ModelLoadError: It is too long, or no JSON object.
    """
    if path.stat().st_size > _MAX_CONFIG:
        raise _no_config(path, "configuration")
    config = _parsed(path.read_bytes(), path)
    if not isinstance(config, dict) or "class_name" not in config:
        raise ModelLoadError(
            f"{path} is no Keras configuration: it names no class",
            hint="write it by model.to_json()",
        )
    return config


def weights_of(path: Path, name: str) -> Path:
    """The weights file of a JSON configuration, in the same folder or under it.

    Args:
        path: The JSON file.
        name: Of the option; without it, the JSON's name with ``.weights.h5``.

    Raises:
        SuiteError: No name is given, and there is no file of the usual name.
        ModelLoadError: The file does not exist.
        UnsafeModelError: The name leads out of the folder, or its arrays do.
    """
    found = path_inside(path.parent, name or path.stem + _WEIGHTS, "option weights")
    if not found.is_file():
        if not name:
            raise SuiteError(
                f"{path} is a configuration, and there is no {found.name} beside it",
                hint='say options = { weights = "..." }, a file in the same folder',
            )
        raise ModelLoadError(
            f"weights {found} of {path.name} do not exist",
            hint=f"the option is relative to {path.parent}",
        )
    check_hdf5(found)
    return found


def check_hdf5(path: Path) -> None:
    """Let an HDF5 file pass whose arrays lie in it, and are as long as it says.

    Raises:
        UnsafeModelError: One lies in another file, or unpacks out of all bounds.
        ModelLoadError: The file is cut short, or none of HDF5's.
    """
    with path.open("rb") as stream:
        _check_arrays(stream, path)


def _check_arrays(stream: Any, path: Path) -> None:
    import h5py

    links: list[tuple[str, Any]] = []
    items: list[tuple[str, Any]] = []
    try:
        with h5py.File(stream, "r") as file:
            # Collected first: an error of ours would not get through HDF5's walk.
            file.visititems_links(lambda *link: links.append(link))
            file.visititems(lambda *item: items.append(item))
            for name, link in links:
                if isinstance(link, h5py.ExternalLink):
                    raise _outside(path, name, link.filename)
            for name, item in items:
                if isinstance(item, h5py.Dataset):
                    _check_array(item, name, path)
    except (OSError, KeyError, RuntimeError) as error:
        raise ModelLoadError(
            f"{path} is no whole HDF5 file: {' '.join(str(error).split())}",
            hint="the file may be cut short; copy or save it again",
        ) from error


def _check_array(array: Any, name: str, path: Path) -> None:
    if array.external:
        raise _outside(path, name, array.external[0][0])
    if array.is_virtual:
        raise _outside(path, name, array.virtual_sources()[0].file_name)
    stored = max(1, array.id.get_storage_size())
    if array.nbytes > _ANY_RATIO and array.nbytes > _MAX_RATIO * stored:
        raise UnsafeModelError(
            f"{path}: array {name!r} would unpack to {array.nbytes:,} bytes from"
            f" {stored:,}, as a decompression bomb does",
            hint="do not open it; ask who made it",
        )


def _outside(path: Path, name: str, target: object) -> UnsafeModelError:
    return UnsafeModelError(
        f"{path}: array {name!r} lies in another file, {target!r}",
        hint="save the model again by Keras, which keeps its arrays in one file",
    )


def _no_config(path: Path, what: str) -> ModelLoadError:
    return ModelLoadError(
        f"{path} holds no {what} of at most {_MAX_CONFIG >> 20} MiB",
        hint="save the model again: model.save(...)",
    )


def _parsed(config: str | bytes, path: Path) -> Any:
    with reading(path, "Keras model"):
        return parse_json(config, "its configuration")
