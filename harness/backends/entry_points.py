"""Backends of other people's packages: entry points of the group ``harness.backends``.

A package declares them in its pyproject.toml, and a suite names them::

    [project.entry-points."harness.backends"]
    my-runtime = "my_package.backend:open_session"

Nothing of the package is imported before its backend is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.entry_points import offered

if TYPE_CHECKING:
    from collections.abc import Container

    from harness.core.registry import LazyEntry

GROUP = "harness.backends"


def third_party(taken: Container[str]) -> tuple[dict[str, LazyEntry], tuple[str, ...]]:
    """Backends that installed packages offer.

    Args:
        taken: Names of our own, which nobody replaces.

    Returns:
        Name -> entry, and what a reader should know of those that are left out.
    """
    return offered(GROUP, "backend", taken)
