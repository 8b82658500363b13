"""Every file that a model is made of: what a digest and a size must cover."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.backends.onnx_files import data_files
from harness.backends.tensorflow_checkpoint_files import prefix_of
from harness.core.provenance import digest_of, sha256_of, size_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

# Half of a model that lies beside the other half, under the same stem.
_PARTNERS = {
    ".caffemodel": ".prototxt",
    ".cfg": ".weights",
    ".json": ".weights.h5",
    ".prototxt": ".caffemodel",
    ".weights": ".cfg",
    ".xml": ".bin",
}
# Options that name a file of the model, relative to its folder.
_NAMING = ("network", "weights")


def model_files(path: Path, options: Mapping[str, object]) -> tuple[Path, ...]:
    """The files and folders of a model that are there, `path` first where it is one.

    Args:
        path: As the suite names it: a file, a folder, or a checkpoint's prefix.
        options: The variant's; some name a second file.
    """
    found = dict.fromkeys(file for file in _files(path, options) if file.exists())
    return tuple(found)


def model_digest(path: Path, options: Mapping[str, object]) -> str:
    """Hex sha256 of all that the model is made of; that of the file where it is one.

    Raises:
        OSError: A file cannot be read, or none is there.
    """
    files = model_files(path, options)
    if files in ((), (path,)):
        return sha256_of(path)
    return digest_of(sorted((file.name, sha256_of(file)) for file in files))


def model_size(path: Path, options: Mapping[str, object]) -> int:
    """Bytes of all that the model is made of.

    Raises:
        OSError: A file cannot be read, or none is there.
    """
    files = model_files(path, options)
    return sum(size_of(file) for file in files or (path,))


def _files(path: Path, options: Mapping[str, object]) -> Iterator[Path]:
    yield path
    yield from _checkpoint(path)
    named = [options[key] for key in _NAMING if isinstance(options.get(key), str)]
    yield from (path.parent / str(name) for name in named)
    partner = _PARTNERS.get(path.suffix.lower())
    if partner is not None and not named:
        yield path.with_suffix(partner)
    if path.suffix.lower() == ".onnx" and path.is_file():
        yield from (path.parent / location for location in data_files(path))


def _checkpoint(path: Path) -> Iterator[Path]:
    prefix = None if path.is_dir() else prefix_of(path)
    if prefix is not None:
        beside = sorted(prefix.parent.iterdir())
        yield from (f for f in beside if f.name.startswith(f"{prefix.name}."))
