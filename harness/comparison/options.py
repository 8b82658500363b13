"""A task's options from ``[task]`` of a suite: read by type, or refused by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

from harness.core.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Options:
    """The options of one task.

    Args:
        task: Name of the task, for messages.
        given: What the suite says.
        known: Names that the task has.

    Raises:
        SuiteError: One is not known.
    """

    def __init__(
        self, task: str, given: Mapping[str, object], known: Iterable[str]
    ) -> None:
        self._task, self._given = task, given
        names = sorted(known)
        for name in given:
            if name not in names:
                have = ", ".join(names) or "none"
                raise SuiteError(
                    f"[task]: no option {name!r} of task {task!r}",
                    hint=f"its options are: {have}; see docs/tasks.md",
                )

    def __contains__(self, name: str) -> bool:
        return name in self._given

    def text(self, name: str) -> str | None:
        """A text that is not empty; None where it is not given."""
        value = self._given.get(name)
        if value is None or (isinstance(value, str) and value):
            return value
        raise self.refused(name, "a text that is not empty")

    def choice(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        """One of some words."""
        value = self._given.get(name, default)
        if isinstance(value, str) and value in allowed:
            return value
        raise self.refused(name, f"one of {', '.join(allowed)}")

    def flag(self, name: str, default: bool = False) -> bool:
        """True or false."""
        value = self._given.get(name, default)
        if isinstance(value, bool):
            return value
        raise self.refused(name, "true or false")

    def whole(self, name: str, least: int = 0) -> int | None:
        """A whole number from `least`; None where it is not given."""
        value = self._given.get(name)
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and value >= least:
            return value
        raise self.refused(name, f"a whole number from {least}")

    def number(self, name: str, default: float, between: tuple[float, float]) -> float:
        """A number within limits, these among them."""
        value = self._given.get(name, default)
        if _is_number(value) and between[0] <= value <= between[1]:
            return float(value)
        raise self.refused(name, f"a number from {between[0]:g} to {between[1]:g}")

    def numbers(self, name: str, default: float) -> tuple[float, ...]:
        """One number, or a list of them."""
        value = self._given.get(name, default)
        given = value if isinstance(value, (list, tuple)) else [value]
        found = [float(one) for one in given if _is_number(one)]
        if found and len(found) == len(given):
            return tuple(found)
        raise self.refused(name, "a number, or a list with one a class")

    def wholes(self, name: str, default: tuple[int, ...]) -> tuple[int, ...]:
        """One whole number from 1, or a list of them."""
        value = self._given.get(name, list(default))
        found = value if isinstance(value, (list, tuple)) else [value]
        if all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in found):
            return tuple(found)
        raise self.refused(name, "a whole number from 1, or a list of them")

    def refused(self, name: str, allowed: str) -> SuiteError:
        """The error that says what an option may be."""
        return SuiteError(
            f"[task] {name} = {self._given.get(name)!r} of task {self._task!r}",
            hint=f"allowed is {allowed}",
        )


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
