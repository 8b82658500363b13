"""Files of a sample -> values of its columns, by the ends of their names."""

from __future__ import annotations

import io
import json
import tokenize
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import unquote

import numpy as np

from harness.core.errors import GoldenError
from harness.golden.forms import IMAGES, require_form
from harness.golden.npz import read_array

if TYPE_CHECKING:
    from pathlib import Path

    from harness.core.protocols import Array
    from harness.golden.images import Rules

Decode: TypeAlias = Callable[[bytes, str, str], "dict[str, Array]"]
"""``decode(content, column, where)``: column -> value of the sample; GoldenError."""

_BROKEN = (
    *(ValueError, EOFError, OverflowError, MemoryError, RecursionError),
    *(SyntaxError, tokenize.TokenError),
)
_PICTURES = tuple(suffix.removeprefix(".") for suffix in IMAGES)
# Suffix -> name of the column where the file has no other.
_USUAL = {
    **dict.fromkeys(_PICTURES, "image"),
    "cls": "label",
    "json": "",
    "npy": "array",
    "txt": "text",
}
_HINT = "write the file again: .npy, .cls (a number), .txt, .json or an image"


class Decoder:
    """Makes arrays of a sample's files.

    Args:
        rules: How pictures become arrays; None until one is met.
    """

    def __init__(self, rules: Rules | None) -> None:
        self.rules = rules

    def column(self, kind: str) -> str | None:
        """Column that a file is for, "" where it says itself; None for other files.

        Args:
            kind: What its name says behind the first dot.
        """
        name, _, suffix = kind.rpartition(".")
        usual = _USUAL.get(suffix.lower())
        # Names of inputs may hold what names of files may not.
        return usual if usual is None or not name else unquote(name)

    def values(self, content: bytes, kind: str, where: str) -> dict[str, Array]:
        """What one file says of its sample: column -> array of the sample's shape.

        Raises:
            GoldenError: It cannot be read.
        """
        column = self.column(kind)
        assert column is not None  # the caller looked
        suffix = kind.rpartition(".")[2].lower()
        try:
            if suffix in _PICTURES:
                return {column: self._pixels(content, where)}
            return _DECODERS[suffix](content, column, where)
        except _BROKEN as error:
            raise GoldenError(
                f"{where} cannot be read ({error})", hint=_HINT
            ) from error

    def _pixels(self, content: bytes, where: str) -> Array:
        from harness.golden.images import pixels

        assert self.rules is not None  # or no picture was met
        return pixels(self.rules, io.BytesIO(content), where)


def is_about(kind: str) -> bool:
    """Whether a file tells of a sample rather than being it, by its name."""
    return kind.rpartition(".")[2].lower() in {"json", "txt"}


def is_picture(kind: str) -> bool:
    """Whether a file is an image, by its name."""
    return kind.rpartition(".")[2].lower() in _PICTURES


def require_pictures(path: Path) -> None:
    """Make sure that images can be read.

    Raises:
        GoldenError: Pillow is not installed.
    """
    require_form("images", path)


def _npy(content: bytes, column: str, where: str) -> dict[str, Array]:
    return {column: read_array(content, where)}


def _class(content: bytes, column: str, _where: str) -> dict[str, Array]:
    """A class's index, or its name."""
    text = content.decode("utf-8").strip()
    try:
        return {column: np.array(int(text), np.int64)}
    except ValueError:
        return {column: np.array(text)}


def _text(content: bytes, column: str, _where: str) -> dict[str, Array]:
    # numpy drops zeros at the end of a text.
    return {column: np.array(content.decode("utf-8").rstrip("\0\r\n"))}


def _json(content: bytes, column: str, where: str) -> dict[str, Array]:
    """A table's values by their keys; anything else under the file's own name."""
    value = json.loads(content)
    if not isinstance(value, dict):
        value = {column or "json": value}
    return {str(k): _value(v, f"{where}: {k!r}") for k, v in value.items()}


def _value(value: Any, where: str) -> Array:
    array = np.array(value)
    if array.dtype.kind not in "biufU" or array.dtype.kind == "U" != _kind(value):
        raise GoldenError(
            f"{where} is {str(value)[:40]!r}: no number, text, or list of numbers of"
            " one shape",
            hint="leave it out, or write it as numbers",
        )
    return array


def _kind(value: Any) -> str:
    """Lists of numbers and texts would all become texts."""
    while isinstance(value, list):
        value = value[0] if value else 0
    return "U" if isinstance(value, str) else "n"


_DECODERS: dict[str, Decode] = {
    "cls": _class,
    "json": _json,
    "npy": _npy,
    "txt": _text,
}
