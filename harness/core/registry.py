"""Names to things that are imported when first used: the only late import we have."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from harness.core.errors import MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

T = TypeVar("T")
DISTRIBUTION = "model-quality-harness"


@dataclass(frozen=True, slots=True)
class LazyEntry:
    """Where a thing lives and what it needs.

    Attributes:
        target: ``package.module:attribute``.
        requires: Import names that must be installed.
        extra: Extra of the distribution that installs them; None for its core.
        distribution: Where it comes from, ours unless somebody else's is named.
    """

    target: str
    requires: tuple[str, ...] = ()
    extra: str | None = None
    distribution: str = DISTRIBUTION

    def missing(self) -> tuple[str, ...]:
        """Required import names that are not installed; imports nothing."""
        return tuple(name for name in self.requires if not _installed(name))

    def install_hint(self) -> str:
        """The command that installs what is missing."""
        extra = f"[{self.extra}]" if self.extra else ""
        return f"pip install '{self.distribution}{extra}'"

    @property
    def broken(self) -> tuple[type[Exception], ...]:
        """What loading it may raise: of other packages, anything."""
        ours = self.distribution == DISTRIBUTION
        return (ImportError, AttributeError) if ours else (Exception,)

    def load(self) -> object:
        """Import the target and return it."""
        module, _, attribute = self.target.partition(":")
        return getattr(import_module(module), attribute)


def _installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        # find_spec("a.b") imports a, which may be what is missing.
        return False


class Registry(Generic[T]):
    """A sorted table of lazily imported things of one type.

    Args:
        noun: What the entries are, for messages ("backend").
        entries: Name -> entry.
    """

    def __init__(self, noun: str, entries: Mapping[str, LazyEntry]) -> None:
        self._noun = noun
        self._entries = dict(sorted(entries.items()))

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def entry(self, name: str) -> LazyEntry:
        """The entry of that name.

        Raises:
            KeyError: There is none; the message lists the names.
        """
        try:
            return self._entries[name]
        except KeyError:
            known = ", ".join(self._entries)
            raise KeyError(f"no {self._noun} {name!r}; known are {known}") from None

    def require(self, name: str) -> LazyEntry:
        """The entry of that name, once it is sure that what it requires is here.

        Raises:
            KeyError: There is none.
            MissingDependencyError: Something is not installed.
        """
        entry = self.entry(name)
        if missing := entry.missing():
            raise MissingDependencyError(
                f"{self._noun} {name!r} needs {', '.join(missing)}, not installed",
                hint=entry.install_hint(),
            )
        return entry

    def get(self, name: str) -> T:
        """Import and return the thing of that name.

        Raises:
            KeyError: There is none.
            MissingDependencyError: What it requires is not installed, or cannot be
                imported. What another package raises when it is imported is its own.
        """
        entry = self.require(name)
        try:
            return cast("T", entry.load())
        except entry.broken as error:
            raise MissingDependencyError(
                f"{self._noun} {name!r} cannot be imported: {error}",
                hint=f"mend the installation: {entry.install_hint()}",
            ) from error
