"""Messages between the harness and a variant's process: JSON, each after its length."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from harness.core import errors

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

_PREFIX = 4
# Messages name tensors and carry none.
_MOST = 64 << 20


class Channel:
    """One end of a stream of messages.

    Args:
        end: A connected stream socket, ours to close.
    """

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def send(self, message: Mapping[str, object]) -> None:
        """Send one message.

        Raises:
            OSError: Nobody listens any more.
        """
        # What TOML knows and JSON does not, dates, backends refuse in their own words.
        body = json.dumps(message, default=str).encode()
        self._end.sendall(len(body).to_bytes(_PREFIX, "big") + body)

    def receive(self) -> dict[str, Any] | None:
        """Wait for one message; None when the other end is gone.

        Raises:
            ValueError: What came is no message.
        """
        prefix = self._read(_PREFIX)
        if prefix is None:
            return None
        length = int.from_bytes(prefix, "big")
        if length > _MOST:
            raise ValueError(f"a message of {length} bytes")
        body = self._read(length)
        message = None if body is None else json.loads(body)
        if message is not None and not isinstance(message, dict):
            raise ValueError(f"a message that is a {type(message).__name__}")
        return message

    def close(self) -> None:
        """Close this end."""
        self._end.close()

    def _read(self, length: int) -> bytes | None:
        parts = bytearray()
        while len(parts) < length:
            try:
                part = self._end.recv(length - len(parts))
            except ConnectionError:
                return None
            if not part:
                return None
            parts += part
        return bytes(parts)


def error_message(error: errors.HarnessError) -> dict[str, object]:
    """An error of ours as a message."""
    return {
        "error": {
            "kind": type(error).__name__,
            "message": error.message,
            "hint": error.hint,
        }
    }


def error_of(message: Mapping[str, Any]) -> errors.HarnessError | None:
    """The error that a message carries, None when it carries none.

    Raises:
        ValueError: It is not one of ours.
    """
    told = message.get("error")
    if told is None:
        return None
    try:
        kind = getattr(errors, told["kind"])
        if issubclass(kind, errors.HarnessError):
            error: errors.HarnessError = kind(told["message"], hint=told["hint"])
            return error
    except (AttributeError, KeyError, TypeError):
        pass  # as are kinds that are none of ours
    raise ValueError(f"an error of no kind that we know: {told!r}")
