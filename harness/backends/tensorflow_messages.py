"""Protobuf messages of TensorFlow in either encoding: binary, or text."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from google.protobuf import text_format
from google.protobuf.message import DecodeError, Message

from harness.backends.admission import MAX_MESSAGE, check_size
from harness.backends.parts import reading
from harness.core.errors import ModelLoadError
from harness.formats.nesting import PROTOTEXT, check_nesting
from harness.formats.prototext import MAX_DEPTH, MAX_TEXT

if TYPE_CHECKING:
    from pathlib import Path

M = TypeVar("M", bound=Message)
_HEAD = 1024


def read_message(path: Path, message: M, what: str) -> M:
    """Fill `message` from a file, whichever encoding it is in.

    Args:
        path: The file.
        message: An empty message of the kind that the file holds.
        what: That kind, for the error.

    Raises:
        ModelLoadError: The file is neither encoding of it, or cut short.
        UnsafeModelError: It is too large, or nested too deep.
    """
    check_size(path, path.stat().st_size, MAX_MESSAGE)
    data = path.read_bytes()
    try:
        if _is_text(data):
            check_size(path, len(data), MAX_TEXT)
            with reading(path, what):
                check_nesting(text := data.decode(), PROTOTEXT, "it", MAX_DEPTH)
            text_format.Parse(text, message)
        else:
            message.ParseFromString(data)
    except (DecodeError, text_format.ParseError, UnicodeDecodeError) as error:
        text = " ".join(str(error).split())
        raise ModelLoadError(
            f"{path} is no whole {what}: {text}",
            hint="the file may be cut short; copy or export it again",
        ) from error
    return message


def _is_text(data: bytes) -> bool:
    """Whether no control character is near its start.

    A binary message has some soon: the key of a second field is 0x12.
    """
    return all(byte >= 0x20 or byte in b"\t\r\n" for byte in data[:_HEAD])
