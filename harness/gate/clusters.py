"""Samples that depend on each other: views of one photo, frames of one film."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

_EXACT = 16
_ROUNDS = 100_000
_BLOCK = 2_000
_SEED = 20_240_229


def group_p_value(losses: Iterable[tuple[int, int]]) -> float:
    """`sign_flip_p_value` of (net loss, groups that have it)."""
    nets = [np.full(count, net, np.int64) for net, count in losses]
    return sign_flip_p_value(np.concatenate(nets)) if nets else 1.0


def sign_flip_p_value(net_losses: NDArray[np.int64]) -> float:
    """One-sided p-value of the total loss where whole groups may have lost or won.

    Without a change, a group's net loss is as likely as the same net win, whatever
    happens inside of it: the total is compared with all totals that come about by
    changing signs. Exact up to 16 groups that moved; beyond, 100,000 seeded draws, the
    one seen counted among them (Phipson and Smyth 2010, "Permutation p-values should
    never be zero", SAGMB 9). With one sample a group it is McNemar's test.

    Args:
        net_losses: Lost less won of each group, shape (g,); zeros say nothing.
    """
    moved = net_losses[net_losses != 0].astype(np.int64)
    seen = int(moved.sum())
    if seen <= 0:
        return 1.0
    sizes = np.abs(moved)
    if len(sizes) <= _EXACT:
        return _exact(sizes, seen)
    return _drawn(sizes, seen)


def _exact(sizes: NDArray[np.int64], seen: int) -> float:
    """All sums at once: the distribution of one more group is two shifted copies."""
    total = int(sizes.sum())
    chances = np.zeros(2 * total + 1)
    chances[total] = 1.0
    for size in sizes:
        chances = (np.roll(chances, size) + np.roll(chances, -size)) / 2
    return float(min(1.0, chances[total + seen :].sum()))


def _drawn(sizes: NDArray[np.int64], seen: int) -> float:
    random = np.random.default_rng(_SEED)
    as_large = 1
    for start in range(0, _ROUNDS, _BLOCK):
        rounds = min(_BLOCK, _ROUNDS - start)
        signs = random.integers(0, 2, (rounds, len(sizes)), dtype=np.int8)
        totals = 2 * (signs @ sizes) - sizes.sum()
        as_large += int(np.count_nonzero(totals >= seen))
    return as_large / (_ROUNDS + 1)
