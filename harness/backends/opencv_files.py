"""The two files of a Caffe or Darknet model: the network as text, and its weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.backends.sessions import require_file
from harness.core.containment import path_inside
from harness.core.errors import UnsupportedFormatError
from harness.formats.beside import beside

if TYPE_CHECKING:
    from pathlib import Path

# Suffix -> (kind of model, option that names the other file, the other file's suffix).
_SUFFIXES = {
    ".prototxt": ("caffe", "weights", ".caffemodel"),
    ".caffemodel": ("caffe", "network", ".prototxt"),
    ".cfg": ("darknet", "weights", ".weights"),
    ".weights": ("darknet", "network", ".cfg"),
}


@dataclass(frozen=True, slots=True)
class Pair:
    """A model's two files.

    Attributes:
        kind: "caffe" or "darknet".
        network: Its text.
        weights: Its numbers.
    """

    kind: str
    network: Path
    weights: Path


def find_pair(path: Path, named: dict[str, str]) -> Pair:
    """Both files of a model, from either one.

    The other file is the one that an option names; else the one beside it of the same
    name; else the only one of its suffix, or the only one with "deploy" in its name.

    Args:
        path: Either file.
        named: The options ``weights`` and ``network``, where given: paths relative to
            the folder of `path`.

    Raises:
        ModelLoadError: The other file is not there, or could be one of several.
        UnsafeModelError: An option leads out of the folder.
        UnsupportedFormatError: `path` has none of the suffixes of these forms.
    """
    if path.suffix.lower() not in _SUFFIXES:
        raise UnsupportedFormatError(
            f"{path} has none of the suffixes {', '.join(_SUFFIXES)}",
            hint="name a file of a Caffe or Darknet model; what else OpenCV reads runs"
            " through its own runtime, when backend is left out",
        )
    kind, option, suffix = _SUFFIXES[path.suffix.lower()]
    if option in named:
        other = path_inside(path.parent, named[option], f"option {option}")
        require_file(other)
    else:
        instead = f'say options = {{ {option} = "<file>" }}, or '
        other = beside(path, suffix, "the model's other file", instead)
    return Pair(kind, path, other) if option == "weights" else Pair(kind, other, path)
