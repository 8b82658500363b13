"""Backend options out of ``quality.toml``: what is unknown or wrong is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from harness.core.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

T = TypeVar("T")


class Options:
    """Reads one backend's options.

    Args:
        backend: Name of the backend, for messages.
        given: As the suite declares them.
        allowed: Names that the backend knows.

    Raises:
        SuiteError: A name is not known.
    """

    def __init__(
        self, backend: str, given: Mapping[str, object], allowed: Collection[str]
    ) -> None:
        self._backend = backend
        self._given = given
        for name in given:
            if name not in allowed:
                raise SuiteError(
                    f"backend {backend!r} has no option {name!r}",
                    hint=f"its options are: {', '.join(sorted(allowed))}",
                )

    def get(self, name: str, kind: type[T], default: T) -> T:
        """The option's value.

        Raises:
            SuiteError: It is of another type.
        """
        value = self._given.get(name, default)
        # bool is an int to Python, and no number of threads to anyone.
        if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
            return value
        raise self.wrong(name, value, f"a value of type {kind.__name__}")

    def choice(self, name: str, allowed: Collection[str], default: str) -> str:
        """The option's value, one of `allowed`.

        Raises:
            SuiteError: It is something else.
        """
        value = self.get(name, str, default)
        if value not in allowed:
            raise self.wrong(name, value, f"one of {', '.join(allowed)}")
        return value

    def count(self, name: str, default: int) -> int:
        """The option's value, a whole number from 0; 0 leaves it to the runtime.

        Raises:
            SuiteError: It is something else.
        """
        value = self.get(name, int, default)
        if value < 0:
            raise self.wrong(name, value, "a whole number from 0")
        return value

    def items(self, name: str) -> list[object]:
        """The option's value, a list; empty when it is not given.

        Raises:
            SuiteError: It is something else.
        """
        value = self._given.get(name, [])
        if not isinstance(value, (list, tuple)):
            raise self.wrong(name, value, "a list")
        return list(value)

    def names(self, name: str) -> list[str]:
        """The option's value, a list of names; empty when it is not given.

        Raises:
            SuiteError: It is something else.
        """
        names = [item for item in self.items(name) if isinstance(item, str)]
        if len(names) != len(self.items(name)):
            raise self.wrong(name, self._given[name], "a list of names")
        return names

    def wrong(self, name: str, value: object, expected: str) -> SuiteError:
        """The error for a value that is not what was expected."""
        return SuiteError(
            f"backend {self._backend!r}: option {name} = {value!r} is not allowed",
            hint=f"{name} takes {expected}",
        )
