"""Functions inside of a model: how many nodes there are once each call is unfolded.

A function that calls another twice, and so on, doubles at each level: a file of some KB
asks a runtime for more nodes than any memory holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from harness.formats.malformed import OutOfBounds

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    K = TypeVar("K", bound=Hashable)

MAX_UNFOLDED = 10_000_000
"""Nodes: a hundred times what the largest networks have."""
_MAX_CHAIN = 500


def unfolded(main: Mapping[K, int], functions: Mapping[K, Mapping[K, int]]) -> int:
    """Nodes of a graph, the functions that it calls unfolded.

    Args:
        main: What its nodes are of -> how many of them.
        functions: Function -> the same of its body. What is no function is an operator
            and counts as one node.

    Raises:
        OutOfBounds: A function calls itself, or a chain of calls is longer than 500.
    """
    known: dict[K, tuple[int, int]] = {}
    for start in functions:
        if start not in known:
            _measure(start, functions, known)
    return _total(main, known)


def readable(count: int) -> str:
    """A count for a message, also where it has hundreds of digits."""
    return f"{count:,}" if count < 10**15 else f"10^{len(str(count)) - 1}"


def _measure(
    start: K, functions: Mapping[K, Mapping[K, int]], known: dict[K, tuple[int, int]]
) -> None:
    """Nodes of a function, and the longest chain of calls below it."""
    waiting = [start]
    while waiting:
        name = waiting[-1]
        calls = functions[name]
        unknown = next((c for c in calls if c in functions and c not in known), None)
        if unknown is None:
            chain = 1 + max((known[c][1] for c in calls if c in known), default=0)
            known[name] = _total(calls, known), chain
            waiting.pop()
        elif unknown in waiting:
            raise OutOfBounds(f"the local function {_shown(unknown)} calls itself")
        else:
            waiting.append(unknown)
        if len(waiting) > _MAX_CHAIN or known.get(name, (0, 0))[1] > _MAX_CHAIN:
            raise OutOfBounds(f"the local function {_shown(name)} calls too deep")


def _total(calls: Mapping[K, int], known: Mapping[K, tuple[int, int]]) -> int:
    return sum(count * known.get(call, (1, 0))[0] for call, count in calls.items())


def _shown(name: object) -> str:
    """A function's own name, of a key that also has its domain."""
    return str(name[1] if isinstance(name, tuple) else name)[:80]
