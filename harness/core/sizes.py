"""Sizes and lengths of time as people write them: ``10GB``, ``500 MiB``, ``30d``."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")
_BYTES = {
    "": 1,
    "b": 1,
    **{f"{letter}b": 1000**power for power, letter in enumerate("kmgt", 1)},
    **{f"{letter}ib": 1024**power for power, letter in enumerate("kmgt", 1)},
}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def parse_bytes(text: str) -> int:
    """A number of bytes.

    Raises:
        ValueError: It is none.
    """
    return int(_parsed(text, _BYTES, "a size like 500MB, 10GB or 2GiB"))


def parse_seconds(text: str) -> float:
    """A length of time in seconds.

    Raises:
        ValueError: It is none.
    """
    return _parsed(text, _SECONDS, "a time like 90s, 5m, 12h, 30d or 2w")


def parse_budget(text: str) -> float:
    """Seconds that a run may take: ``5m``, ``90s``, or a bare number of seconds.

    Raises:
        ValueError: It is no such time, or not above zero.
    """
    seconds = float(text) if text.strip().isdecimal() else parse_seconds(text)
    if seconds <= 0:
        raise ValueError(f"{text!r} is no time to run in")
    return seconds


def show_bytes(size: int) -> str:
    """A number of bytes with three digits."""
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:,.3g} TB"


def _parsed(text: str, units: dict[str, int], what: str) -> float:
    found = _NUMBER.fullmatch(text)
    unit = None if found is None else units.get(found[2].lower())
    if found is None or unit is None:
        raise ValueError(f"{text!r} is not {what}")
    return float(found[1]) * unit
