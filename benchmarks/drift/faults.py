"""What a mutator is, and what is known of a fault that was injected."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.drift.editor import Editor


@dataclass(frozen=True, slots=True)
class Fault:
    """One injected fault.

    Attributes:
        nodes: Names of the nodes of the edited file that carry it.
        edit: What was done, for people.
        values: Further names that tell its place: a graph input or output.
    """

    nodes: tuple[str, ...]
    edit: str
    values: tuple[str, ...] = ()


# Makes the edit that it stands for.
Site = Callable[[], Fault]
Sites = Callable[["Editor"], Iterator[Site]]


@dataclass(frozen=True, slots=True)
class Mutator:
    """Injects faults of one cause.

    Attributes:
        name: ``family.cause`` of the fault, and a word where a cause has several.
        causes: Names by which the fault is rightly called, the best first.
        sites: The places of a file where it can be injected, in the file's order.
        repairable: Whether an edit of the candidate's file alone can undo it.
    """

    name: str
    causes: tuple[str, ...]
    sites: Sites
    repairable: bool


MUTATORS: dict[str, Mutator] = {}


@dataclass(frozen=True, slots=True)
class Truth:
    """What a finding on a mutant must say.

    Attributes:
        causes: Slugs that name it rightly.
        nodes: Nodes of the candidate's file, any of which places it rightly.
        values: Tensors that do.
        words: Parts of names that do, where files of several formats are meant.
        repairable: Whether it can be proven by an edit.
        edit: What was done.
    """

    causes: tuple[str, ...]
    nodes: frozenset[str] = field(default_factory=frozenset)
    values: frozenset[str] = field(default_factory=frozenset)
    words: tuple[str, ...] = ()
    repairable: bool = True
    edit: str = ""


def mutator(name: str, *also: str, repairable: bool = True) -> Callable[[Sites], Sites]:
    """Register a function that yields sites.

    Args:
        name: ``family.cause`` or ``family.cause/word``.
        also: Other causes that name the fault as well.
        repairable: See `Mutator`.
    """

    def register(sites: Sites) -> Sites:
        cause = name.partition("/")[0]
        MUTATORS[name] = Mutator(name, (cause, *also), sites, repairable)
        return sites

    return register
