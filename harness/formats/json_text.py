"""JSON out of model files: nested only so deep."""

from __future__ import annotations

import json
from typing import Any

from harness.formats.malformed import Malformed
from harness.formats.nesting import JSON, check_nesting


def parse_json(data: bytes | str, what: str) -> Any:
    """A JSON value.

    Args:
        data: The text.
        what: What it is, for the message.

    Raises:
        OutOfBounds: It is nested more than 200 deep.
        Malformed: It is no JSON, or no UTF-8.
    """
    try:
        text = (
            data if isinstance(data, str) else data.decode(json.detect_encoding(data))
        )
        check_nesting(text, JSON, what)
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{what} is no JSON that can be read: {error}") from error
