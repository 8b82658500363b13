"""How deep a text is nested, told before anything that calls itself reads it."""

from __future__ import annotations

import re

from harness.formats.malformed import OutOfBounds

MAX_DEPTH = 200
_OPENING, _CLOSING = "([{<", ")]}>"
# Possessive (*+): a text that does not end must not be walked over and over.
_DOUBLE, _SINGLE = r'"(?:[^"\\]|\\.)*+', r"'(?:[^'\\]|\\.)*+"
_LONG = r'"{3}.*?(?:"{3}|\Z) | ' + r"'{3}.*?(?:'{3}|\Z)"
_COMMENT = r"\#[^\n]*+"
JSON = re.compile(rf'{_DOUBLE}"? | (?P<bracket>[\[\]{{}}])', re.VERBOSE | re.DOTALL)
PROTOTEXT = re.compile(
    rf"{_COMMENT} | {_DOUBLE}\"? | {_SINGLE}'? | (?P<bracket>[{{}}<>])",
    re.VERBOSE | re.DOTALL,
)
CODE = re.compile(
    rf"{_COMMENT} | {_LONG} | {_DOUBLE}\"? | {_SINGLE}'? | (?P<bracket>[()\[\]{{}}])",
    re.VERBOSE | re.DOTALL,
)


def check_nesting(
    text: str, grammar: re.Pattern[str], what: str, limit: int = MAX_DEPTH
) -> None:
    """Let a text pass whose brackets are at most `limit` deep.

    Args:
        text: All of it.
        grammar: `JSON`, `PROTOTEXT` or `CODE`: what a bracket is there, and what hides
            one (strings, comments).
        what: What it is, for the message.
        limit: Brackets inside of brackets.

    Raises:
        OutOfBounds: They are deeper.
    """
    depth = 0
    for found in grammar.finditer(text):
        bracket = found["bracket"]
        if bracket is None:
            continue
        depth += 1 if bracket in _OPENING else -1
        if depth > limit:
            raise OutOfBounds(f"{what} is nested more than {limit} deep")
