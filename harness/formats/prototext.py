"""Protobuf's text form (``.prototxt``, ``.pbtxt``) read without its schema.

Language: https://protobuf.dev/reference/protobuf/textformat-spec/
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from harness.formats.malformed import Malformed, OutOfBounds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_TEXT = 256 << 20
MAX_DEPTH = 64
_TOKEN = re.compile(
    r"""(?:[\s,;]|\#[^\n]*+)*+
    (?P<piece>[{}<>\[\]:] | "(?:[^"\\\n]|\\.)*+" | '(?:[^'\\\n]|\\.)*+'
      | [^\s{}<>\[\]:,;"'#]++ | (?P<end>\Z) | (?P<odd>.))""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(rb"\\([xX][0-9a-fA-F]{1,2}|[0-7]{1,3}|.)", re.DOTALL)
_CONTROL = dict(zip(b"abfnrtv", b"\a\b\f\n\r\t\v", strict=True))
_OPEN = {"{": "}", "<": ">"}


class TextMessage:
    """A message by its field names; a field that is not there reads as empty."""

    __slots__ = ("_messages", "_scalars")

    def __init__(self) -> None:
        self._scalars: dict[str, list[str]] = defaultdict(list)
        self._messages: dict[str, list[TextMessage]] = defaultdict(list)

    def put(self, name: str, value: str | TextMessage) -> None:
        """One more value of a field."""
        if isinstance(value, str):
            self._scalars[name].append(value)
        else:
            self._messages[name].append(value)

    def text(self, name: str, default: str = "") -> str:
        """The last scalar of a field, without quotes."""
        return self._scalars.get(name, [default])[-1]

    def texts(self, name: str) -> list[str]:
        """All scalars of a field."""
        return self._scalars.get(name, [])

    def integers(self, name: str) -> list[int]:
        """All scalars of a field that are whole numbers."""
        return [int(v) for v in self.texts(name) if re.fullmatch(r"-?[0-9]{1,18}", v)]

    def message(self, name: str) -> TextMessage:
        """The last message of a field, an empty one where there is none."""
        return self._messages.get(name, [TextMessage()])[-1]

    def messages(self, name: str) -> list[TextMessage]:
        """All messages of a field."""
        return self._messages.get(name, [])


def read_text(path: Path) -> str:
    """A file's text.

    Raises:
        Malformed: It is no UTF-8, or larger than 256 MiB.
        OSError: It cannot be read.
    """
    if path.stat().st_size > MAX_TEXT:
        raise OutOfBounds(f"it is larger than {MAX_TEXT >> 20} MiB")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise Malformed(f"it is no UTF-8 text: {error}") from error


def unescaped(text: str) -> bytes:
    """The bytes that a quoted text stands for, without its quotes."""
    return _ESCAPE.sub(_byte, text.encode())


def _byte(match: re.Match[bytes]) -> bytes:
    digits = match[1]
    if digits[:1] in b"xX":
        return bytes([int(digits[1:], 16)])
    if digits[:1].isdigit():
        return bytes([int(digits, 8) & 0xFF])
    return bytes([_CONTROL.get(digits[0], digits[0])])


def parse_prototext(text: str) -> TextMessage:
    """The message that a text describes.

    Raises:
        Malformed: It is cut short, nested more than 64 deep, or no such text.
    """
    return _message(_pieces(text), closing="", depth=0)


def _pieces(text: str) -> Iterator[str]:
    at = 0
    while match := _TOKEN.match(text, at):
        at = match.end()
        if match["odd"]:
            line = text.count("\n", 0, at) + 1
            raise Malformed(
                f"line {line}: {match['odd']!r} begins nothing that is known"
            )
        yield match["piece"]
        if match["end"] is not None:
            return


def _message(pieces: Iterator[str], closing: str, depth: int) -> TextMessage:
    if depth > MAX_DEPTH:
        raise OutOfBounds(f"it is nested more than {MAX_DEPTH} deep")
    message = TextMessage()
    for piece in pieces:
        if piece == closing:
            return message
        if piece == "":
            raise Malformed(f"it ends where {closing!r} should come")
        name = _extension(pieces) if piece == "[" else piece
        _field(message, name, pieces, depth)
    return message


def _field(message: TextMessage, name: str, pieces: Iterator[str], depth: int) -> None:
    piece = next(pieces, "")
    if piece == ":":
        piece = next(pieces, "")
    values = _list(pieces) if piece == "[" else iter([piece])
    for value in values:
        if value in _OPEN:
            message.put(name, _message(pieces, _OPEN[value], depth + 1))
        elif value in {"", ":", "}", ">", "]"}:
            raise Malformed(f"field {name[:40]!r} has no value")
        else:
            message.put(name, value[1:-1] if value[0] in "\"'" else value)


def _list(pieces: Iterator[str]) -> Iterator[str]:
    """Items of a list; one that opens a message leaves its rest to the caller."""
    for piece in pieces:
        if piece == "]":
            return
        yield piece
    raise Malformed("a list does not end")


def _extension(pieces: Iterator[str]) -> str:
    name = next(pieces, "")
    if next(pieces, "") != "]":
        raise Malformed(f"the name of the extension {name[:40]!r} does not end")
    return name
