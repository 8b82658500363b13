"""How numbers and names read, in every renderer alike. Plain ASCII where it can be."""

from __future__ import annotations

import math
import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MISSING = "-"
_SIZES = ("B", "kB", "MB", "GB", "TB")
_TIMES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "\u00b5s"), (1e-9, "ns"))
_SECONDS_A_MINUTE = 60.0
# Columns that a table's last cell is left, however long its first one is.
_LEAST_LAST = 16
# Bidirectional controls reorder what a reader sees; surrogates cannot be written.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
    "\ufeff\ufffe\uffff]"
)


def clean(text: str) -> str:
    """Names and messages of others, without what hides or cannot be printed."""
    return _HIDDEN.sub("\ufffd", text)


def one_line(text: str) -> str:
    """Cleaned text on one line, runs of white space as one space."""
    return " ".join(clean(text.replace("\r", "\n")).split())


def columns(text: str) -> int:
    """Terminal columns that a text takes: wide characters take two."""
    if text.isascii():
        return len(text)
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def shorten(text: str, width: int) -> str:
    """The text within `width` columns, its middle left out where it is longer."""
    if columns(text) <= width:
        return text
    room = max(width - 3, 2)
    tail = room // 2
    return f"{_fit(text, room - tail)}...{_fit(text[::-1], tail)[::-1]}"


def bounded(text: str, most: int = 300) -> str:
    """The text, or its beginning and how much more there is."""
    if len(text) <= most:
        return text
    return f"{text[: most - 20]}... ({len(text) - most + 20:,} more)"


def _fit(text: str, width: int) -> str:
    taken = 0
    for index, char in enumerate(text):
        taken += _columns(char)
        if taken > width:
            return text[:index]
    return text


def padded(text: str, width: int) -> str:
    """The text in exactly `width` columns: shortened in its middle, or filled up."""
    shown = shorten(text, width)
    return shown + " " * (width - columns(shown))


def wrap(text: str, width: int, first: str, rest: str) -> list[str]:
    """Lines within `width` columns, broken between words where that is possible.

    Args:
        text: Words between white space.
        width: Columns, the indents among them.
        first: Indent of the first line.
        rest: Indent of the others.
    """
    lines = [first]
    empty = True
    for word in text.split():
        if not empty and columns(f"{lines[-1]} {word}") > width:
            lines.append(rest)
            empty = True
        left = word if empty else f" {word}"
        while columns(lines[-1] + left) > width:
            head = _fit(left, width - columns(lines[-1]))
            lines[-1] += head
            lines.append(rest)
            left = left[len(head) :]
        lines[-1] += left
        empty = False
    return lines


def aligned(rows: Sequence[Sequence[str]], width: int, indent: str) -> list[str]:
    """Rows of one table: the first cell shortened to fit, the last one as it may be.

    Cells between these stand to the right, as numbers do.

    Args:
        rows: Alike in length, two cells or more.
        width: Columns, the indent among them.
        indent: Before each row.
    """
    sizes = [max(map(columns, column)) for column in zip(*rows, strict=True)]
    between = sum(sizes[1:-1]) + 2 * (len(sizes) - 1)
    room = width - columns(indent) - between
    last = min(sizes[-1], max(room - sizes[0], _LEAST_LAST))
    sizes[0] = min(sizes[0], room - last)
    return [_aligned(row, sizes, last, indent) for row in rows]


def _aligned(row: Sequence[str], sizes: Sequence[int], last: int, indent: str) -> str:
    cells = [padded(row[0], sizes[0])]
    pairs = zip(row[1:-1], sizes[1:-1], strict=True)
    cells += [" " * (size - columns(cell)) + cell for cell, size in pairs]
    return (indent + "  ".join([*cells, shorten(row[-1], last)])).rstrip()


def percent(share: float | None) -> str:
    """A share in [0, 1] with one decimal; only what is exact reads 0 or 100 %."""
    if share is None:
        return MISSING
    if share in (0.0, 1.0):
        return f"{share:.0%}".replace("%", " %")
    return percent_cell(share)


def percent_cell(share: float | None) -> str:
    """As `percent`, with its decimal also where exact, so that columns align."""
    if share is None:
        return MISSING
    if 0.0 < share < 5e-4:
        return "<0.1 %"
    if 0.9995 <= share < 1.0:
        return ">99.9 %"
    return f"{100 * share:.1f} %"


def points(difference: float | None) -> str:
    """A difference of two shares in percentage points, with its sign."""
    if difference is None:
        return MISSING
    return signed(100 * difference)


def signed(value: float) -> str:
    """One decimal and a sign; no sign for what rounds to zero."""
    shown = f"{value:+.1f}"
    return "0.0" if shown in ("+0.0", "-0.0") else shown


def scientific(value: float | None) -> str:
    """An error: two digits in scientific notation, 0 where it is exactly that."""
    if value is None:
        return MISSING
    return "0" if value == 0 else f"{value:.1e}"


def decibel(value: float | None) -> str:
    """A ratio in dB with one decimal."""
    return MISSING if value is None else f"{value:.1f} dB"


def probability(value: float | None) -> str:
    """A p-value: three decimals, scientific where these would read 0.000."""
    if value is None:
        return MISSING
    return f"{value:.3f}" if value >= 1e-3 else f"{value:.0e}"


def number(value: float | None) -> str:
    """A number of no special unit: four digits, integers whole."""
    if value is None:
        return MISSING
    whole = math.isfinite(value) and value == int(value) and abs(value) < 1e15
    return f"{int(value):,}" if whole else f"{value:.4g}"


def count(value: int | None) -> str:
    """A whole number with separators."""
    return MISSING if value is None else f"{value:,}"


def quantity(value: int, noun: str, plural: str | None = None) -> str:
    """A count and its noun: ``1 sample``, ``360 samples``."""
    return f"{value:,} {noun if value == 1 else plural or noun + 's'}"


def duration(seconds: float | None) -> str:
    """A time in the unit that gives one to three digits before the point."""
    if seconds is None:
        return MISSING
    if seconds >= _SECONDS_A_MINUTE:
        return f"{seconds / _SECONDS_A_MINUTE:.1f} min"
    for unit, name in _TIMES:
        if seconds >= unit:
            return f"{_three(seconds / unit)} {name}"
    return "0 s"


def size(n_bytes: int | None) -> str:
    """Bytes in decimal units, three digits."""
    if n_bytes is None:
        return MISSING
    power = min((len(str(n_bytes)) - 1) // 3, len(_SIZES) - 1)
    return f"{_three(n_bytes / 1000**power)} {_SIZES[power]}"


def _three(value: float) -> str:
    """Three digits, without an exponent and without zeros that say nothing."""
    decimals = 0 if value >= 100 else 1 if value >= 10 else 2
    shown = f"{value:.{decimals}f}"
    return shown.rstrip("0").rstrip(".") if decimals else shown


def digest(value: str | None, length: int = 12) -> str:
    """The start of a hex digest."""
    return MISSING if value is None else clean(value)[:length]


def listing(names: tuple[str, ...], limit: int = 4) -> str:
    """``a, b and c``; beyond `limit` the rest is counted."""
    shown = names if len(names) <= limit else names[: limit - 1]
    rest = len(names) - len(shown)
    parts = [*shown, f"{rest} more"] if rest else list(shown)
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def slug(text: str) -> str:
    """An id of small letters, digits and dashes; never empty."""
    plain = re.sub(r"[^a-z0-9_]+", "-", text.lower()).strip("-")
    return plain[:60] or "x"
