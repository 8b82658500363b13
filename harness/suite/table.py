"""A TOML table that is read key by key and complains by name.

Every complaint says file, key, what was found and what is allowed.
"""

from __future__ import annotations

import difflib
import math
from typing import TYPE_CHECKING, TypeVar, cast, get_args

from harness.core.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from typing import NoReturn

L = TypeVar("L", bound=str)

# What a message shows of a value or a name; the rest is in the file.
_SHOWN = 80


class Table:
    """One table of a suite file.

    Args:
        file: The suite file, for messages.
        name: Dotted name of the table, "" for the whole file.
        values: What TOML holds there.
    """

    def __init__(self, file: Path, name: str, values: Mapping[str, object]) -> None:
        self._file = file
        self._name = name
        self._values = values

    def allow(self, keys: Iterable[str]) -> None:
        """Refuse every key that is not among `keys`."""
        allowed = sorted(keys)
        for key in self._values:
            if key not in allowed:
                near = difflib.get_close_matches(key[:_SHOWN], allowed, n=1)
                hint = f"did you mean {near[0]!r}? " if near else ""
                self._raise(
                    f"unknown key {_shown(self.key(key))}",
                    f"{hint}allowed here: {', '.join(allowed)}",
                )

    def key(self, key: str) -> str:
        """The dotted name of a key of this table."""
        return f"{self._name}.{key}" if self._name else key

    def table(self, key: str, *, required: bool = False) -> Table:
        """A sub-table; an empty one when absent and not required."""
        if required and key not in self._values:
            self.missing(key, f"a table: [{self.key(key)}]")
        value = self._values.get(key, {})
        if not isinstance(value, dict):
            self.refuse(key, value, f"a table: [{self.key(key)}]")
        return Table(self._file, self.key(key), cast("dict[str, object]", value))

    def tables(self, key: str) -> list[Table]:
        """One table or more, called ``key[name]``, or ``key[n]`` without a name."""
        allowed = f"one table or more: [[{self.key(key)}]]"
        if key not in self._values:
            self.missing(key, allowed)
        value = self._values[key]
        is_list = isinstance(value, list) and bool(value)
        if not is_list or not all(
            isinstance(v, dict) for v in cast("list[object]", value)
        ):
            self.refuse(key, value, allowed)
        items = cast("list[dict[str, object]]", value)
        return [
            Table(self._file, f"{self.key(key)}[{_label(item, index)}]", item)
            for index, item in enumerate(items)
        ]

    def text(self, key: str) -> str:
        """A string that must be there and not be empty."""
        if key not in self._values:
            self.missing(key, "a string")
        value = self._values[key]
        if not isinstance(value, str) or not value.strip():
            self.refuse(key, value, "a string that is not empty")
        return value

    def label(self, key: str, *, without: str = "") -> str:
        """A string fit for a line of a report and for a file name.

        Args:
            key: Must be there.
            without: Characters it may not hold.
        """
        text = self.text(key)
        clean = text.isprintable() and text == text.strip() and len(text) <= _SHOWN
        if not clean or text in {".", ".."} or any(mark in text for mark in without):
            marks = f" and none of {' '.join(without)}" if without else ""
            allowed = (
                f"up to {_SHOWN} printable characters, no space around them{marks}"
            )
            self.refuse(key, text, allowed)
        return text

    def optional_text(self, key: str) -> str | None:
        """A string, None when absent."""
        return self.text(key) if key in self._values else None

    def choice(self, key: str, literal: object, default: L | None = None) -> L:
        """One of the strings of a ``Literal`` type."""
        allowed = f"one of {', '.join(get_args(literal))}"
        if key not in self._values:
            if default is None:
                self.missing(key, allowed)
            return default
        value = self._values[key]
        if value not in get_args(literal):
            self.refuse(key, value, allowed)
        return cast("L", value)

    def number(self, key: str) -> float | None:
        """A finite number, None when absent."""
        value = self._values.get(key)
        if value is None:
            return None
        number = _as_float(value)
        if number is None:
            self.refuse(key, value, "a finite number")
        return number

    def count(self, key: str) -> int | None:
        """A whole number from 1 that 31 bits hold, None when absent."""
        value = self._values.get(key)
        if value is None:
            return None
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or not 1 <= cast("int", value) < 1 << 31:
            self.refuse(key, value, "a whole number from 1 to 2147483647")
        return cast("int", value)

    def flag(self, key: str) -> bool:
        """A boolean, False when absent."""
        value = self._values.get(key, False)
        if not isinstance(value, bool):
            self.refuse(key, value, "true or false")
        return value

    def axes(self, key: str) -> tuple[int, ...] | None:
        """An axis order that leaves axis 0 in place, None when absent."""
        value = self._values.get(key)
        if value is None:
            return None
        axes = value if isinstance(value, list) else []
        whole = all(type(axis) is int for axis in axes)
        if not axes or not whole or sorted(axes) != [*range(len(axes))] or axes[0]:
            allowed = "an order of all axes, the sample axis first: [0, 3, 1, 2]"
            self.refuse(key, value, allowed)
        return tuple(axes)

    def labels(self, key: str) -> tuple[str, ...]:
        """A list of strings, each there once; empty when absent."""
        value = self._values.get(key, [])
        items = value if isinstance(value, list) else [None]
        texts = all(isinstance(item, str) and item for item in items)
        if not texts or len({*items}) < len(items):
            self.refuse(key, value, "a list of different names")
        return tuple(items)

    def names_to_names(self, key: str) -> dict[str, str]:
        """A table of strings, no two of them the same; empty when absent."""
        table = self.table(key)
        pairs: dict[str, str] = {}
        for name in table.names():
            target = table.text(name)
            if target in pairs.values():
                table.refuse(name, target, "a name that no other key here has")
            pairs[name] = target
        return pairs

    def free(self, key: str) -> dict[str, object]:
        """A table whose keys somebody else checks, empty when absent."""
        table = self.table(key)
        return {name: table.value(name) for name in table.names()}

    def names(self) -> tuple[str, ...]:
        """The keys, in the order of the file."""
        return tuple(self._values)

    def value(self, key: str) -> object:
        """The bare value of a key that is there."""
        return self._values[key]

    def refuse(self, key: str, found: object, allowed: str) -> NoReturn:
        """Complain that `key` holds `found` where `allowed` is expected."""
        self._raise(
            f"{_shown(self.key(key))} is {_shown(found)}", f"allowed is {allowed}"
        )

    def missing(self, key: str, allowed: str) -> NoReturn:
        """Complain that `key` is not there."""
        self._raise(f"{_shown(self.key(key))} is missing", f"allowed is {allowed}")

    def _raise(self, message: str, hint: str) -> NoReturn:
        raise SuiteError(f"{self._file}: {message}", hint=hint)


def _as_float(value: object) -> float | None:
    """A finite float; None for what is no number, or none that a float can hold."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def _label(item: Mapping[str, object], index: int) -> str | int:
    """What messages call a table of an array: its name, where that can be shown."""
    name = item.get("name")
    fit = isinstance(name, str) and name.isprintable() and 0 < len(name) <= _SHOWN
    return cast("str", name) if fit else index


def _shown(value: object) -> str:
    """Escaped, so that no control character reaches a terminal; cut where long."""
    try:
        text = repr(value)
    except (RecursionError, ValueError):
        # A tower of tables, or an integer of thousands of digits.
        return f"an unprintable {type(value).__name__}"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
