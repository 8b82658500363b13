"""What ``[golden.options]`` says of a form of data, read key by key."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, cast, get_args

from harness.core.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.core.vouched import Vouched


class Options:
    """Options of one form; what nobody has asked for is refused at the end.

    Args:
        values: As the suite has them.
        vouched: What another process has made sure of; no option, but what an opener
            may build on.
    """

    def __init__(
        self, values: Mapping[str, object], vouched: Vouched | None = None
    ) -> None:
        self.values = dict(values)
        self.vouched = vouched
        self._known: set[str] = set()

    def text(self, key: str) -> str | None:
        """A string, None when absent."""
        value = self._take(key)
        if value is not None and not (isinstance(value, str) and value):
            self._refuse(key, value, "a string that is not empty")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings, each once; empty when absent."""
        value = self._take(key)
        items = [] if value is None else value
        fit = isinstance(items, list) and all(isinstance(i, str) and i for i in items)
        if not fit or len({*cast("list[str]", items)}) < len(cast("list[str]", items)):
            self._refuse(key, value, "a list of different names")
        return tuple(cast("list[str]", items))

    def choice(self, key: str, literal: object, default: str) -> str:
        """One of the strings of a ``Literal`` type."""
        value = self._take(key)
        if value is None:
            return default
        if value not in get_args(literal):
            self._refuse(key, value, f"one of {', '.join(get_args(literal))}")
        return cast("str", value)

    def counts(self, key: str, most: int) -> tuple[int, ...] | None:
        """A list of up to 32 whole numbers from 1 to `most`, None when absent."""
        value = self._take(key)
        if value is None:
            return None
        if not _are_counts(value, most):
            self._refuse(key, value, f"a list of whole numbers from 1 to {most}")
        return tuple(cast("list[int]", value))

    def shapes(self, key: str) -> dict[str, tuple[int, ...]]:
        """A table of names and lists of whole numbers; empty when absent."""
        value = self._take(key)
        table = {} if value is None else value
        if not isinstance(table, dict):
            self._refuse(key, value, "a table: { column = [height, width] }")
        for name, shape in table.items():
            if not _are_counts(shape, _LARGEST):
                self._refuse(f"{key}.{name}", shape, "a list of whole numbers from 1")
        return {name: tuple(shape) for name, shape in table.items()}

    def done(self) -> None:
        """Complain of what nobody has asked for.

        Raises:
            SuiteError: An option is left.
        """
        for key in sorted(set(self.values) - self._known):
            known = ", ".join(sorted(self._known)) or "none"
            raise SuiteError(
                f"golden.options has no key {key!r} for this form of data",
                hint=f"known here: {known}",
            )

    def _take(self, key: str) -> object:
        self._known.add(key)
        return self.values.get(key)

    def _refuse(self, key: str, found: object, allowed: str) -> NoReturn:
        raise SuiteError(
            f"golden.options.{key} is {found!r}", hint=f"allowed is {allowed}"
        )


_LARGEST = 1 << 31


def _are_counts(value: object, most: int) -> bool:
    if not isinstance(value, list) or not 1 <= len(value) <= 32:
        return False
    return all(type(item) is int and 1 <= item <= most for item in value)
