"""Canaries of recurrent operators: where the reset gate stands, which gate is which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.canaries.specimen import Specimen, Trial, node, trial

if TYPE_CHECKING:
    from harness.core.protocols import Array

_STEPS, _UNITS = 3, 2


def _drawn(*shape: int, seed: int) -> Array:
    values = np.random.default_rng(seed).normal(0, 1, shape)
    return values.astype(np.float32)


def _sigmoid(values: Array) -> Array:
    return 1 / (1 + np.exp(-values))


def _gru(*, after: bool) -> Trial:
    """Gates z, r, h; the reset gate before or after the recurrent product."""
    fed = _drawn(_STEPS, 1, 2, seed=1)
    w, r = _drawn(1, 6, 2, seed=2), _drawn(1, 6, 2, seed=3)
    b = _drawn(1, 12, seed=4)
    wz, wr, wh = np.split(w[0], 3)
    rz, rr, rh = np.split(r[0], 3)
    bz, br, bh, cz, cr, ch = np.split(b[0], 6)
    state = np.zeros((1, _UNITS), np.float32)
    for x in fed:
        z = _sigmoid(x @ wz.T + state @ rz.T + bz + cz)
        reset = _sigmoid(x @ wr.T + state @ rr.T + br + cr)
        before = (reset * state) @ rh.T + ch
        hidden = reset * (state @ rh.T + ch) if after else before
        state = (1 - z) * np.tanh(x @ wh.T + hidden + bh) + z * state
    nodes = [
        node(
            "GRU", "x w r b", "all", hidden_size=_UNITS, linear_before_reset=int(after)
        ),
        node("Identity", "last"),
    ]
    nodes[0].output.append("last")
    expected = state.astype(np.float32)[None]
    return trial(nodes, {"x": fed}, expected, {"w": w, "r": r, "b": b})


def _lstm() -> Trial:
    """Gates i, o, f, c."""
    fed = _drawn(_STEPS, 1, 2, seed=5)
    w, r = _drawn(1, 8, 2, seed=6), _drawn(1, 8, 2, seed=7)
    state = np.zeros((1, _UNITS), np.float32)
    cell = np.zeros((1, _UNITS), np.float32)
    for x in fed:
        i, o, f, c = np.split(x @ w[0].T + state @ r[0].T, 4, axis=1)
        cell = _sigmoid(f) * cell + _sigmoid(i) * np.tanh(c)
        state = _sigmoid(o) * np.tanh(cell)
    nodes = [node("LSTM", "x w r", "all", hidden_size=_UNITS), node("Identity", "last")]
    nodes[0].output.append("last")
    expected = state.astype(np.float32)[None]
    return trial(nodes, {"x": fed}, expected, {"w": w, "r": r})


RECURRENT = (
    Specimen(
        "GRU, reset before the product",
        "the reset gate is applied after it: errors grow over time",
        lambda: _gru(after=False),
    ),
    Specimen(
        "GRU, reset after the product",
        "the reset gate is applied before it: errors grow over time",
        lambda: _gru(after=True),
    ),
    Specimen("LSTM", "gates stand in another order", _lstm),
)
