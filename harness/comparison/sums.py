"""What a comparison of numbers adds up, and the panel of metrics made from it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.comparison.histogram import DecadeCounter

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(slots=True)
class ErrorSums:
    """Counts and sums over pairs (r, c) of reference and candidate, e = c - r.

    Attributes:
        n_elements: Pairs, finite or not.
        n_unpaired: Pairs of which one side at least is not finite; they enter no sum.
        n_mismatched: As in `OutputComparison`.
        n_nonfinite: As in `OutputComparison`.
        n_nonfinite_new: As in `OutputComparison`.
        max_abs: max |e|.
        required_atol: max (|e| - rtol |r|), at least 0.
        e1: sum |e|.
        ee: sum e^2.
        rr: sum r^2.
        cc: sum c^2.
        rc: sum r c.
        re: sum r e; from r c it would lose what a small e is about.
        decades: Counts of |e|.
    """

    n_elements: int = 0
    n_unpaired: int = 0
    n_mismatched: int = 0
    n_nonfinite: int = 0
    n_nonfinite_new: int = 0
    max_abs: float = 0.0
    required_atol: float = 0.0
    e1: float = 0.0
    ee: float = 0.0
    rr: float = 0.0
    cc: float = 0.0
    rc: float = 0.0
    re: float = 0.0
    decades: DecadeCounter = field(default_factory=DecadeCounter)

    def add(self, products: Sequence[float]) -> None:
        """Add the sums of one block, in the order of the fields."""
        e1, ee, rr, cc, rc, re = products
        self.e1 += e1
        self.ee += ee
        self.rr += rr
        self.cc += cc
        self.rc += rc
        self.re += re

    def merge(self, other: ErrorSums) -> None:
        """Take in all that another instance has seen."""
        self.add((other.e1, other.ee, other.rr, other.cc, other.rc, other.re))
        self.n_elements += other.n_elements
        self.n_unpaired += other.n_unpaired
        self.n_mismatched += other.n_mismatched
        self.n_nonfinite += other.n_nonfinite
        self.n_nonfinite_new += other.n_nonfinite_new
        self.max_abs = max(self.max_abs, other.max_abs)
        self.required_atol = max(self.required_atol, other.required_atol)
        self.decades.merge(other.decades)


@dataclass(frozen=True, slots=True)
class Panel:
    """The metrics of `OutputComparison` that sums alone give, and its ``unscored``."""

    values: dict[str, float | None]
    unscored: dict[str, str]


_FIELDS = (
    *("max_abs_error", "mean_abs_error", "rmse", "required_atol"),
    *("sqnr_db", "cosine_similarity", "best_gain", "gain_residual"),
)


def panel(sums: ErrorSums) -> Panel:
    """The metrics that follow from the sums; None, with a reason, where one cannot.

    The residual of the best gain is min_a mean (c - a r)^2, which is both
    ee - re^2/rr and cc - rc^2/rr (least squares through the origin).
    """
    n = sums.n_elements - sums.n_unpaired
    if n == 0:
        reason = "no pair of finite values" if sums.n_elements else "no elements"
        return unscored_panel(reason)
    values: dict[str, float | None] = {
        "max_abs_error": sums.max_abs,
        "mean_abs_error": sums.e1 / n,
        "rmse": math.sqrt(sums.ee / n),
        "required_atol": sums.required_atol,
    }
    unscored: dict[str, str] = {}
    _score_signal(sums, n, values, unscored)
    for name, value in values.items():
        if value is not None and not math.isfinite(value):
            values[name] = None
            unscored[name] = "squares of the values overflow float64"
    return Panel(values, unscored)


def unscored_panel(reason: str) -> Panel:
    """A panel without a single number."""
    return Panel(dict.fromkeys(_FIELDS), dict.fromkeys(_FIELDS, reason))


def _score_signal(
    sums: ErrorSums, n: int, values: dict[str, float | None], unscored: dict[str, str]
) -> None:
    if sums.rr == 0:
        for name in ("sqnr_db", "cosine_similarity", "best_gain", "gain_residual"):
            values[name] = None
            unscored[name] = "the reference is 0 everywhere"
        return
    values["sqnr_db"] = _decibel(sums.rr, sums.ee)
    if sums.ee == 0:
        values["sqnr_db"] = None
        unscored["sqnr_db"] = "no error: the outputs are equal"
    values["cosine_similarity"] = _cosine(sums.rc, sums.rr, sums.cc)
    if sums.cc == 0:
        unscored["cosine_similarity"] = "the candidate is 0 everywhere"
    values["best_gain"] = sums.rc / sums.rr
    values["gain_residual"] = math.sqrt(_residual(sums) / n)


def _decibel(signal: float, noise: float) -> float:
    # A quotient of extremes may leave float64; a difference of logarithms does not.
    return 10 * (math.log10(signal) - math.log10(noise)) if noise else math.inf


def _cosine(product: float, rr: float, cc: float) -> float | None:
    if cc == 0:
        return None
    # The geometric mean; roots may not give it back where both are equal.
    size = rr if rr == cc else math.sqrt(rr) * math.sqrt(cc)
    return max(-1.0, min(1.0, product / size))


def _residual(sums: ErrorSums) -> float:
    """min_a sum (c - a r)^2, from the smaller of e and c: less of it cancels."""
    if sums.ee <= sums.cc:
        rest = sums.ee - sums.re * (sums.re / sums.rr)
    else:
        rest = sums.cc - sums.rc * (sums.rc / sums.rr)
    return max(rest, 0.0)
