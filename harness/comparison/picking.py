"""Which output, target or column a task means: by name, else by what alone fits."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.core.errors import ComparisonError

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.core.protocols import Array, Arrays


def pick(
    arrays: Arrays,
    wanted: str | None,
    fits: Callable[[Array], bool],
    usual: str,
    what: str,
) -> str:
    """The name of the array that is meant.

    Args:
        arrays: Name -> array.
        wanted: Its name, where the suite says it.
        fits: Whether an array could be it.
        usual: Regular expression of usual names, to tell between several.
        what: For messages: "output with the boxes".

    Raises:
        ComparisonError: There is none, or nothing tells which of several.
    """
    if wanted is not None:
        if wanted in arrays:
            return wanted
        raise ComparisonError(
            f"no {what} {wanted!r}: there are {shapes(arrays)}",
            hint="mend its name in [task] of the suite",
        )
    fitting = [name for name, array in arrays.items() if fits(array)]
    named = [name for name in fitting if re.search(usual, name, re.IGNORECASE)]
    exact = [name for name in named if re.fullmatch(usual, name, re.IGNORECASE)]
    for found in (fitting, named, exact):
        if len(found) == 1:
            return found[0]
    count = "several could be the" if fitting else "nothing could be the"
    raise ComparisonError(
        f"{count} {what}: {shapes(arrays)}", hint="name it in [task] of the suite"
    )


def pick_target(
    targets: Arrays, wanted: str | None, usual: str, what: str
) -> Array | None:
    """The truth: of its usual name, or the only one; None where there is none.

    Raises:
        ComparisonError: The one that is wanted is not there, or nothing tells which.
    """
    if wanted is None and not targets:
        return None
    return targets[pick(targets, wanted, lambda _: True, usual, f"target of {what}")]


def shapes(arrays: Arrays) -> str:
    """``'boxes' (8, 100, 4), 'scores' (8, 100)``."""
    shown = [f"{name!r} {array.shape}" for name, array in arrays.items()]
    return ", ".join(shown) or "none"
