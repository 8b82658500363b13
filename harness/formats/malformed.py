"""What readers of bytes say when the bytes are not what they should be."""

from __future__ import annotations

import json
from typing import Any


class Malformed(Exception):
    """The bytes are cut short or damaged; the message says what, not in which file."""


def parse_json(data: bytes | str, what: str) -> Any:
    """A JSON value.

    Args:
        data: The text.
        what: What it is, for the message.

    Raises:
        Malformed: It is no JSON, no UTF-8, or nested too deep.
    """
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{what} is no JSON that can be read: {error}") from error
