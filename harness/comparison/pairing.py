"""Which output of the candidate answers which output of the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.core.errors import OutputNameError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.core.protocols import Array, Arrays, FloatArray

# Another pairing must be this many times as far before values alone decide.
_CLEARLY = 2.0
_IMPOSSIBLE = 1e6


def pair_outputs(
    reference: Arrays, candidate: Arrays, declared: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Pair outputs by what a few samples say; never by position.

    First as declared, then one output with one output, then equal names, and what is
    left by value: the assignment with the least mean absolute difference among outputs
    of equal shape, taken only when every other assignment is clearly worse. Outputs
    that only the candidate has are left out.

    Args:
        reference: Output name -> its answers on a few samples.
        candidate: Likewise, on the same samples.
        declared: Reference output name -> candidate output name.

    Returns:
        Reference name -> candidate name, in the reference's order.

    Raises:
        OutputNameError: A declared name is unknown, or an output of the reference
            cannot be paired; lists both sides with shapes.
    """
    pairs = dict(declared or {})
    _check_declared(pairs, reference, candidate)
    if len(reference) == 1 and len(candidate) == 1 and not pairs:
        return {next(iter(reference)): next(iter(candidate))}
    taken = set(pairs.values())
    for name in reference:
        if name not in pairs and name in candidate and name not in taken:
            pairs[name] = name
            taken.add(name)
    left = [name for name in reference if name not in pairs]
    if left:
        free = [name for name in candidate if name not in taken]
        pairs |= _pair_by_value(reference, candidate, left, free)
    return {name: pairs[name] for name in reference}


def _check_declared(
    declared: Mapping[str, str], reference: Arrays, candidate: Arrays
) -> None:
    for ours, theirs in declared.items():
        unknown = ours if ours not in reference else theirs
        if ours not in reference or theirs not in candidate:
            raise _error(
                f"no output {unknown!r}, which 'outputs' names", reference, candidate
            )
    if len(set(declared.values())) < len(declared):
        raise _error("'outputs' names one output twice", reference, candidate)


def _pair_by_value(
    reference: Arrays, candidate: Arrays, left: list[str], free: list[str]
) -> dict[str, str]:
    costs = np.array(
        [[_distance(reference[r], candidate[c]) for c in free] for r in left]
    ).reshape(len(left), len(free))
    best = _assign(costs)
    if best is None:
        names = ", ".join(map(repr, left))
        raise _error(f"nothing to pair {names} with", reference, candidate)
    if _has_rival(costs, best):
        names = ", ".join(map(repr, left))
        raise _error(f"values do not tell what {names} is", reference, candidate)
    return {left[row]: free[column] for row, column in enumerate(best)}


def _distance(reference: Array, candidate: Array) -> float:
    """Error relative to size, in [0, 1]; _IMPOSSIBLE where shapes differ."""
    if reference.shape != candidate.shape:
        return _IMPOSSIBLE
    if not {reference.dtype.kind, candidate.dtype.kind} <= set("biuf"):
        alike = reference.dtype.kind == candidate.dtype.kind
        return float(np.mean(reference != candidate)) if alike else _IMPOSSIBLE
    r, c = reference.astype(np.float64), candidate.astype(np.float64)
    finite = np.isfinite(r) & np.isfinite(c)
    size = float(np.abs(r[finite]).sum() + np.abs(c[finite]).sum())
    return float(np.abs(c[finite] - r[finite]).sum()) / size if size else 0.0


def _assign(costs: FloatArray) -> tuple[int, ...] | None:
    """The column of each row in the cheapest assignment; None where there is none."""
    # scipy.optimize takes a while to import, and most models pair by name.
    from scipy.optimize import linear_sum_assignment

    n_rows, n_columns = costs.shape
    if n_rows > n_columns:
        return None
    rows, columns = linear_sum_assignment(costs)
    if costs[rows, columns].max() >= _IMPOSSIBLE:
        return None
    return tuple(columns.tolist())


def _has_rival(costs: FloatArray, best: tuple[int, ...]) -> bool:
    """Whether an assignment without one of the best's pairs comes nearly as close."""
    rows = np.arange(len(best))
    least = costs[rows, best].sum()
    for row, column in enumerate(best):
        without = costs.copy()
        without[row, column] = _IMPOSSIBLE
        other = _assign(without)
        if other is not None and without[rows, other].sum() <= _CLEARLY * least:
            return True
    return False


def _error(problem: str, reference: Arrays, candidate: Arrays) -> OutputNameError:
    return OutputNameError(
        f"{problem}; the reference answers {_listed(reference)}, the candidate "
        f"answers {_listed(candidate)}",
        hint='declare the pairs in the variant: outputs = { "reference name" = '
        '"candidate name" }',
    )


def _listed(arrays: Arrays) -> str:
    return ", ".join(f"{name!r} {array.shape}" for name, array in arrays.items())
