"""What readers of bytes say when the bytes are not what they should be."""

from __future__ import annotations


class Malformed(Exception):
    """The bytes are cut short or damaged; the message says what, not in which file."""


class OutOfBounds(Malformed):
    """They ask for more than is read of any model: too many, too large or too deep."""
