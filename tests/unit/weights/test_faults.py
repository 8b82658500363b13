"""Faults planted into a small network: each is found and named, and nothing else."""

import json

import numpy as np
import pytest
from ml_dtypes import bfloat16

from harness.core.codec import from_json, to_json
from harness.core.protocols import WeightTensor
from harness.core.tensors import WeightComparison
from harness.weights import compare_weights

RNG = np.random.default_rng(23)


def tensor(name, values, role="constant", dtype="float32", epsilon=None):
    values = np.asarray(values, np.float32)
    return WeightTensor(
        name, values.shape, dtype, role, None, lambda: values, epsilon=epsilon
    )


def norm(name, size, epsilon=1e-3):
    return {
        f"{name}/gamma": tensor(f"{name}/gamma", RNG.normal(1, 0.2, size), "gamma"),
        f"{name}/beta": tensor(f"{name}/beta", RNG.normal(0, 0.2, size), "beta"),
        f"{name}/mean": tensor(
            f"{name}/mean", RNG.normal(0, 0.2, size), "running_mean"
        ),
        f"{name}/variance": tensor(
            f"{name}/variance",
            RNG.gamma(2, 0.5, size),
            "running_variance",
            epsilon=epsilon,
        ),
    }


def kernel(name, *shape):
    return {name: tensor(name, RNG.normal(0, 0.2, shape), "kernel")}


def bias(name, size):
    return {name: tensor(name, RNG.normal(0, 0.2, size), "bias")}


NETWORK = {
    **kernel("c1/kernel", 3, 3, 4, 16),
    **bias("c1/bias", 16),
    **norm("n1", 16),
    **kernel("c2/kernel", 3, 3, 16, 16),
    **bias("c2/bias", 16),
    **kernel("d/kernel", 144, 10),
    **bias("d/bias", 10),
}


def planted(**changes):
    """The network with some tensors replaced; None drops one."""
    found = dict(NETWORK)
    for key, values in changes.items():
        name = key.replace("__", "/")
        if values is None:
            del found[name]
        else:
            role = found[name].role
            found[name] = tensor(name, values, role, epsilon=found[name].epsilon)
    return found


def faults(candidate, reference=None):
    sides = ((reference or NETWORK).values(), candidate.values())
    return compare_weights(*sides, "r").faults


def values(name):
    return NETWORK[name].load()


def only(candidate, cause, *tensors):
    (fault,) = faults(candidate)
    assert (fault.cause, fault.tensors) == (cause, tensors)
    return fault.explanation


def test_the_network_itself_has_no_fault():
    assert faults(planted()) == ()


def test_a_kernel_reshaped_instead_of_transposed():
    wrong = values("c1/kernel").reshape(16, 4, 3, 3)
    only(planted(c1__kernel=wrong), "weights.transposed", "c1/kernel")


@pytest.mark.parametrize("factor", [8, 0.125])
def test_one_channel_of_another_scale(factor):
    wrong = values("c1/kernel").copy()
    wrong[..., 5] *= factor
    text = only(planted(c1__kernel=wrong), "quant.scale", "c1/kernel")
    assert f"index 5 of axis 3 is {factor:.3g} times as large" in text


def test_one_channel_of_another_scale_among_int8_codes():
    wrong = values("c2/kernel").copy()
    scale = np.abs(wrong).max(axis=(0, 1, 2)) / 127
    wrong = np.round(wrong / scale) * scale
    wrong[..., 7] *= 8
    candidate = planted()
    candidate["c2/kernel"] = tensor("c2/kernel", wrong, "kernel", "int8")
    text = only(candidate, "quant.scale", "c2/kernel")
    assert "index 7 of axis 3 is 7.99 times as large" in text


def test_a_running_variance_that_was_dropped():
    text = only(planted(n1__variance=None), "weights.missing", "n1/variance")
    assert "running variance of the reference is not in the candidate" in text


def test_a_bias_that_was_dropped_or_zeroed():
    only(planted(d__bias=None), "weights.bias_missing", "d/bias")
    only(planted(d__bias=np.zeros(10)), "weights.bias_missing", "d/bias")


def test_a_bias_of_an_older_step():
    older = values("d/bias") + RNG.normal(0, 0.05, 10)
    text = only(planted(d__bias=older), "weights.stale", "d/bias")
    assert "of an older step" in text


def test_a_bias_of_another_layer():
    wrong = planted(c2__bias=values("c1/bias"))
    text = only(wrong, "weights.stale", "c2/bias")
    assert "holds the numbers of the reference's c1/bias" in text


def test_two_biases_under_each_others_names():
    wrong = planted(c1__bias=values("c2/bias"), c2__bias=values("c1/bias"))
    assert {f.cause for f in faults(wrong)} == {"weights.swapped"}
    assert {f.tensors[0] for f in faults(wrong)} == {"c1/bias", "c2/bias"}


def test_weights_of_another_epoch():
    moved = {
        name.replace("/", "__"): t.load() + RNG.normal(0, 0.05, t.shape)
        for name, t in NETWORK.items()
    }
    (fault,) = faults(planted(**moved))
    assert fault.cause == "weights.other_epoch"
    assert set(fault.tensors) == set(NETWORK)
    assert "another step of the training" in fault.explanation


def test_weights_of_another_training():
    moved = {
        name.replace("/", "__"): np.random.default_rng(1).normal(0, 0.2, t.shape)
        for name, t in NETWORK.items()
    }
    (fault,) = faults(planted(**moved))
    assert fault.cause == "weights.other_epoch"
    assert "another training" in fault.explanation


@pytest.mark.parametrize("kind", [np.float16, bfloat16])
def test_values_that_were_cast_on_the_way_are_no_fault(kind):
    cast = {
        name.replace("/", "__"): t.load().astype(kind).astype(np.float32)
        for name, t in NETWORK.items()
    }
    sides = NETWORK.values(), planted(**cast).values()
    found = compare_weights(*sides, "r")
    assert found.faults == ()
    assert {d.cause for d in found.drift} == {"cast.rounding"}
    assert f"values rounded to {np.dtype(kind).name}" in found.notes[0]


def test_values_of_few_levels_are_of_no_other_epoch():
    coarse = {
        name.replace("/", "__"): np.round(t.load() * 8) / 8
        for name, t in NETWORK.items()
        if t.role == "kernel"
    }
    assert {f.cause for f in faults(planted(**coarse))} == {"weights.changed"}


def test_holes_of_nan():
    wrong = values("d/kernel").copy()
    wrong[3:5, 2] = np.nan
    text = only(planted(d__kernel=wrong), "weights.nonfinite", "d/kernel")
    assert "2 of 1440 elements are NaN or infinite" in text


def test_another_stated_epsilon():
    candidate = planted()
    stated = tensor("n1/variance", values("n1/variance"), "running_variance")
    candidate["n1/variance"] = WeightTensor(
        stated.name,
        stated.shape,
        stated.dtype,
        stated.role,
        None,
        stated.load,
        epsilon=1e-5,
    )
    text = only(candidate, "norm.epsilon", "n1/variance")
    assert "epsilon 1e-05, where the reference has 0.001" in text


def test_a_single_changed_tensor():
    wrong = values("c2/kernel") + RNG.normal(0, 0.01, (3, 3, 16, 16))
    text = only(planted(c2__kernel=wrong), "weights.changed", "c2/kernel")
    assert "times what rounding may leave" in text


def test_the_record_is_json_and_back():
    wrong = planted(d__bias=np.zeros(10), c1__bias=None)
    found = compare_weights(NETWORK.values(), wrong.values(), "r")
    text = json.dumps(to_json(found), allow_nan=False)
    assert from_json(WeightComparison, json.loads(text)) == found
