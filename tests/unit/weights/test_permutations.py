"""Channels in another order: through the whole network, or in one layer alone."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from harness.core.protocols import WeightTensor
from harness.weights import compare_weights

RNG = np.random.default_rng(3)
LAYERS = {
    "a/kernel": RNG.normal(0, 1, (3, 3, 4, 12)),
    "a/bias": RNG.normal(0, 1, 12),
    "b/kernel": RNG.normal(0, 1, (3, 3, 12, 7)),
    "b/bias": RNG.normal(0, 1, 7),
    "d/kernel": RNG.normal(0, 1, (63, 5)),
    "e/kernel": RNG.normal(0, 1, (63, 5)),
}


def tensor(name, values):
    values = np.asarray(values, np.float32)
    return WeightTensor(name, values.shape, "float32", "constant", None, lambda: values)


def compare(reference, candidate):
    """Two mappings of name to values; all are matched."""
    sides = [
        [tensor(*item) for item in side.items()] for side in (reference, candidate)
    ]
    found = compare_weights(*sides, "r")
    assert (found.unmatched_reference, found.unmatched_candidate) == ((), ())
    return found


def permuted_network(order, then=None):
    """Channels of layer a in another order, and of what reads them likewise."""
    then = order if then is None else then
    return LAYERS | {
        "a/kernel": LAYERS["a/kernel"][..., order],
        "a/bias": LAYERS["a/bias"][list(order)],
        "b/kernel": LAYERS["b/kernel"][:, :, list(then)],
    }


@given(st.permutations(range(12)).filter(lambda order: order != list(range(12))))
def test_channels_in_another_order_all_the_way_are_no_fault(order):
    found = compare(LAYERS, permuted_network(order))
    assert found.faults == ()
    assert "in another order in" in found.notes[0]
    assert "the same function" in found.notes[0]


def test_channels_in_another_order_in_one_layer_are_a_fault():
    order = list(np.random.default_rng(1).permutation(12))
    found = compare(LAYERS, permuted_network(order, range(12)))
    assert {f.cause for f in found.faults} == {"layout.permutation"}
    assert {t for f in found.faults for t in f.tensors} == {"a/kernel", "a/bias"}


def test_channels_in_another_order_behind_a_flatten():
    order = np.random.default_rng(2).permutation(7)
    rows = LAYERS["d/kernel"].reshape(9, 7, 5)[:, order].reshape(63, 5)
    reference = {n: LAYERS[n] for n in ("b/kernel", "b/bias", "d/kernel")}
    candidate = {
        "b/kernel": LAYERS["b/kernel"][..., order],
        "b/bias": LAYERS["b/bias"][order],
        "d/kernel": rows,
    }
    found = compare(reference, candidate)
    assert found.faults == ()
    assert len(found.notes) == 1
