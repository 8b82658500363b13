"""Batch norms that one file keeps and the other has folded, by numpy in float64."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core.protocols import StoredCodes, WeightTensor
from harness.weights import compare_weights


def tensor(name, values, role="constant", dtype="float32", codes=None, epsilon=None):
    values = np.asarray(values, np.float32)
    return WeightTensor(
        name,
        values.shape,
        dtype,
        role,
        None,
        lambda: values,
        codes=codes,
        epsilon=epsilon,
    )


class Network:
    """Two convolutions with norms behind them and a dense layer, NHWC as in Keras."""

    def __init__(self, seed=0):
        rng = np.random.default_rng(seed)
        self.w = {
            "c1/kernel": rng.normal(0, 0.3, (3, 3, 3, 16)),
            "c2/kernel": rng.normal(0, 0.1, (3, 3, 16, 24)),
            "c2/bias": rng.normal(0, 0.1, 24),
            "fc/kernel": rng.normal(0, 0.1, (96, 10)),
            "fc/bias": rng.normal(0, 0.1, 10),
        }
        for norm, size in (("n1", 16), ("n2", 24)):
            variance = rng.gamma(2, 0.3, size)
            variance[: size // 3] *= 0.01
            self.w |= {
                f"{norm}/gamma": rng.normal(1, 0.3, size),
                f"{norm}/beta": rng.normal(0, 0.3, size),
                f"{norm}/moving_mean": rng.normal(0, 0.3, size),
                f"{norm}/moving_variance": variance,
            }
        # As a file would hold them.
        self.w = {n: v.astype(np.float32).astype(float) for n, v in self.w.items()}

    def tensors(self, epsilon=None):
        """As the original file has them."""
        roles = {
            "gamma": "gamma",
            "beta": "beta",
            "moving_mean": "running_mean",
            "moving_variance": "running_variance",
            "kernel": "kernel",
            "bias": "bias",
        }
        return [
            tensor(name, values, role, epsilon=epsilon if name[0] == "n" else None)
            for name, values in self.w.items()
            for role in [roles[name.split("/")[1]]]
        ]

    def scale(self, norm, epsilon):
        return self.w[f"{norm}/gamma"] / np.sqrt(
            self.w[f"{norm}/moving_variance"] + epsilon
        )

    def folded(self, layer, norm, epsilon):
        """Kernel as OIHW, and bias."""
        scale = self.scale(norm, epsilon)
        kernel = (self.w[f"{layer}/kernel"] * scale).transpose(3, 2, 0, 1)
        before = self.w.get(f"{layer}/bias", 0.0)
        mean = self.w[f"{norm}/moving_mean"]
        return kernel, self.w[f"{norm}/beta"] + (before - mean) * scale

    def folded_tensors(self, epsilons=(1e-3, 1e-3), store=tensor):
        """As an exporter writes them: anonymous, transposed, without norms."""
        found = []
        for i, epsilon in enumerate(epsilons, 1):
            kernel, bias = self.folded(f"c{i}", f"n{i}", epsilon)
            found.append(store(f"onnx::Conv_{2 * i}", kernel, "kernel"))
            found.append(tensor(f"onnx::Conv_{2 * i + 1}", bias, "bias"))
        found.append(tensor("d", self.w["fc/kernel"].T, "kernel"))
        found.append(tensor("e", self.w["fc/bias"], "bias"))
        return found


def codes_of(values, axis, bits=8):
    """Symmetric codes; per channel of an axis or, for None, per tensor."""
    high = (1 << (bits - 1)) - 1
    others = tuple(a for a in range(values.ndim) if a != axis)
    scale = np.abs(values).max(axis=others if axis is not None else None)
    scale = np.atleast_1d(scale / high)
    shape = [1] * values.ndim
    if axis is not None:
        shape[axis] = -1
    wide = scale.reshape(shape)
    integers = np.round(values / wide).astype(np.int64)
    zero = np.zeros(scale.size, np.int64)
    codes = StoredCodes(scale, zero, axis, -high, high, lambda: integers)
    return integers * wide, codes


def per_channel(name, values, role):
    rounded, codes = codes_of(values, 0)
    return tensor(name, rounded, role, "int8", codes)


def per_tensor(name, values, role):
    rounded, codes = codes_of(values, None)
    return tensor(name, rounded, role, "int8", codes)


def half(name, values, role):
    return tensor(name, np.float16(values), role, "float16")


NETWORK = Network()
STORES = {"float32": tensor, "float16": half, "int8": per_tensor, "int8c": per_channel}


@pytest.mark.parametrize("store", STORES.values(), ids=STORES)
@pytest.mark.parametrize("backwards", [False, True])
def test_every_tensor_is_accounted_for_after_folding(store, backwards):
    sides = [NETWORK.tensors(1e-3), NETWORK.folded_tensors(store=store)]
    found = compare_weights(*(reversed(sides) if backwards else sides), "r")
    assert (found.unmatched_reference, found.unmatched_candidate) == ((), ())
    assert found.faults == ()
    assert {d.verdict for d in found.drift} <= {"same", "rounding"}
    assert len(found.drift) == 6
    assert len(found.accounted) == 8
    assert {f.verdict for f in found.foldings} == {"agrees"}
    assert {f.into for f in found.foldings} == {"kernel"}
    assert {f.folded_in for f in found.foldings} == {
        "reference" if backwards else "candidate"
    }


@pytest.mark.parametrize("epsilon", [1e-2, 1e-3, 1e-4, 1e-5, 1e-6])
def test_the_epsilon_is_solved_for(epsilon):
    found = compare_weights(
        NETWORK.tensors(), NETWORK.folded_tensors((epsilon, epsilon)), "r"
    )
    for folding in found.foldings:
        assert folding.epsilon == pytest.approx(epsilon, rel=1e-2)
        assert folding.epsilon_low <= epsilon <= folding.epsilon_high
        assert folding.customary == (epsilon,)
        assert folding.verdict == "unknown"
    assert found.faults == ()


@pytest.mark.parametrize("store", STORES.values(), ids=STORES)
def test_an_epsilon_changed_before_folding_is_named(store):
    candidate = NETWORK.folded_tensors((1e-3, 1e-5), store)
    found = compare_weights(NETWORK.tensors(1e-3), candidate, "r")
    (fault,) = found.faults
    assert fault.cause == "norm.epsilon"
    assert fault.tensors == ("onnx::Conv_4", "onnx::Conv_5")
    assert "epsilon 1e-05, where 0.001 is declared" in fault.explanation


def test_numbers_too_coarse_for_an_epsilon_are_undecided():
    network = Network()
    for norm in ("n1", "n2"):
        network.w[f"{norm}/moving_variance"] += 3
    candidate = [
        per_tensor(t.name, t.load(), t.role)
        for t in network.folded_tensors((1e-5, 1e-5))
    ]
    found = compare_weights(network.tensors(1e-3), candidate, "r")
    assert {f.verdict for f in found.foldings} == {"undecided"}
    assert {1e-5, 1e-3} <= set(found.foldings[0].customary)
    assert "too coarse to tell epsilon" in found.foldings[0].note
    assert found.faults == ()


def scale_and_shift(network, epsilon, dtype=np.float32):
    found = [t for t in network.tensors() if not t.name.startswith("n")]
    for norm in ("n1", "n2"):
        scale = network.scale(norm, epsilon)
        shift = network.w[f"{norm}/beta"] - network.w[f"{norm}/moving_mean"] * scale
        for what, values in (("mul", scale), ("add", shift)):
            stored = dtype(values).reshape(1, -1, 1, 1)
            found.append(tensor(f"x/{norm}{what}", stored, dtype=dtype.__name__))
    return found


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_a_norm_as_scale_and_shift(dtype):
    candidate = scale_and_shift(NETWORK, 1e-3, dtype)
    found = compare_weights(NETWORK.tensors(1e-3), candidate, "r")
    assert (found.unmatched_reference, found.unmatched_candidate) == ((), ())
    assert found.faults == ()
    assert {f.into for f in found.foldings} == {"scale and shift"}
    assert {f.verdict for f in found.foldings} == {"agrees"}


def test_a_scale_and_shift_with_another_epsilon_is_named():
    found = compare_weights(NETWORK.tensors(1e-3), scale_and_shift(NETWORK, 1e-5), "r")
    assert {f.cause for f in found.faults} == {"norm.epsilon"}
    assert len(found.faults) == 2


@pytest.mark.parametrize("channels_last", [True, False])
def test_a_norm_folded_into_the_dense_layer_behind_a_flatten(channels_last):
    rng = np.random.default_rng(1)
    scale = NETWORK.scale("n2", 1e-3)
    shift = NETWORK.w["n2/beta"] - NETWORK.w["n2/moving_mean"] * scale
    kernel, bias = rng.normal(0, 0.1, (96, 10)), rng.normal(0, 0.1, 10)
    wide = np.tile if channels_last else np.repeat
    reference = [t for t in NETWORK.tensors(1e-3) if t.name.startswith("n2")]
    reference += [tensor("k/kernel", kernel, "kernel"), tensor("k/bias", bias, "bias")]
    candidate = [
        tensor("k/kernel", kernel * wide(scale, 4)[:, None], "kernel"),
        tensor("k/bias", bias + wide(shift, 4) @ kernel, "bias"),
    ]
    found = compare_weights(reference, candidate, "r")
    assert (found.unmatched_reference, found.unmatched_candidate) == ((), ())
    (folding,) = found.foldings
    assert (folding.into, folding.verdict) == ("next kernel", "agrees")
    assert {d.verdict for d in found.drift} == {"rounding"}


def test_one_folded_channel_of_another_scale_is_named():
    candidate = NETWORK.folded_tensors()
    kernel = candidate[2].load().copy()
    kernel[5] *= 8
    candidate[2] = tensor(candidate[2].name, kernel, "kernel")
    found = compare_weights(NETWORK.tensors(1e-3), candidate, "r")
    (fault,) = found.faults
    assert fault.cause == "quant.scale"
    assert "index 5 of axis 0 is 8 times as large" in fault.explanation


def test_a_folded_bias_of_an_older_step_is_named():
    candidate = NETWORK.folded_tensors()
    stale = candidate[3].load() + np.random.default_rng(5).normal(0, 0.5, 24)
    candidate[3] = tensor("onnx::Conv_5", stale, "bias")
    found = compare_weights(NETWORK.tensors(1e-3), candidate, "r")
    assert [f.cause for f in found.faults] == ["weights.stale"]
    assert found.faults[0].tensors == ("onnx::Conv_5",)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6), st.sampled_from([1e-3, 1e-4, 1e-5]))
def test_folding_is_found_whatever_the_numbers(seed, epsilon):
    network = Network(seed)
    found = compare_weights(
        network.tensors(epsilon), network.folded_tensors((epsilon, epsilon)), "r"
    )
    assert (found.unmatched_reference, found.unmatched_candidate) == ((), ())
    assert found.faults == ()
    assert [f.verdict for f in found.foldings] == ["agrees"] * 2
