"""What other people's packages add to the harness, by the entry points they declare."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from harness.core.registry import LazyEntry

if TYPE_CHECKING:
    from collections.abc import Container
    from importlib.metadata import EntryPoint

_TARGET = re.compile(r"[\w.]+:\w+")


def offered(
    group: str, noun: str, taken: Container[str]
) -> tuple[dict[str, LazyEntry], tuple[str, ...]]:
    """What installed packages offer; nothing of them is imported.

    Args:
        group: Of the entry points ("harness.tasks").
        noun: What each of them is, for messages ("task").
        taken: Names of our own, which nobody replaces.

    Returns:
        Name -> entry, and what a reader should know of those that are left out: a
        name is ours or, among packages in their order, another's already; or an entry
        names no function.
    """
    entries: dict[str, LazyEntry] = {}
    notices = []
    # A package that is found twice on the path offers its things once.
    offers = {(_distribution(p), p.name, p.value) for p in entry_points(group=group)}
    for distribution, name, target in sorted(offers):
        offer = f"{distribution} offers a {noun} {name!r}, which is left out"
        if name in taken:
            notices.append(f"{offer}: the harness has one of this name")
        elif name in entries:
            theirs = entries[name].distribution
            notices.append(f"{offer}: {theirs} has one of this name")
        elif not _TARGET.fullmatch(target):
            notices.append(f"{offer}: {target!r} is not package.module:function")
        else:
            entries[name] = LazyEntry(target, distribution=distribution)
    return entries, tuple(notices)


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "an unknown package"
