"""Multiplications that one file keeps and the other has taken into its kernels."""

import numpy as np
import pytest

from harness.core.protocols import StoredCodes, WeightTensor
from harness.weights import compare_weights

RNG = np.random.default_rng(0)
KERNEL = RNG.normal(0, 0.2, (3, 3, 8, 16))
DEPTHWISE = RNG.normal(0, 0.2, (3, 3, 16, 1))
GAINS = {"mul:0": RNG.uniform(0.2, 5, 16), "mul_1:0": RNG.uniform(-3, 3, 16)}
SHIFT = RNG.normal(0, 1, 16)


def tensor(name, values, role="kernel", dtype="float32", codes=None):
    values = np.asarray(values, np.float32)
    return WeightTensor(
        name, values.shape, dtype, role, None, lambda: values, codes=codes
    )


def int8(name, values):
    scale = np.abs(values).max(axis=(1, 2, 3)) / 127
    codes = np.round(values / scale[:, None, None, None])
    stored = StoredCodes(
        scale, np.zeros(16), 0, -127, 127, lambda: codes.astype(np.int64)
    )
    values = codes * scale[:, None, None, None]
    return tensor(name, values, "kernel", "int8", stored)


def half(name, values):
    return tensor(name, np.float16(values), "kernel", "float16")


def kept():
    vectors = [tensor(name, gains, "constant") for name, gains in GAINS.items()]
    kernels = [tensor("a", KERNEL), tensor("b", DEPTHWISE, "depthwise_kernel")]
    return [*kernels, *vectors, tensor("add", SHIFT, "bias")]


def folded(store=tensor, wrong=1.0):
    first = (KERNEL * GAINS["mul:0"]).transpose(3, 2, 0, 1)
    second = (DEPTHWISE * GAINS["mul_1:0"][:, None]).transpose(2, 3, 0, 1).copy()
    second[5] *= wrong
    kernels = [store("ConvMulFusion_a", first), store("ConvMulFusion_b", second)]
    return [*kernels, tensor("bias", SHIFT, "bias")]


@pytest.mark.parametrize("store", [tensor, half, int8])
@pytest.mark.parametrize("backwards", [False, True])
def test_what_optimizers_multiply_into_kernels_is_no_drift(store, backwards):
    sides = [kept(), folded(store)]
    found = compare_weights(*(reversed(sides) if backwards else sides), "r")
    assert (found.unmatched_reference, found.unmatched_candidate) == ((), ())
    assert found.faults == ()
    assert {drift.verdict for drift in found.drift} <= {"same", "rounding"}
    assert sorted(drift.matched_by for drift in found.drift) == [
        "exact",
        "folded",
        "folded",
    ]
    assert {one.name: one.note for one in found.accounted} == {
        "mul:0": "folded into ConvMulFusion_a",
        "mul_1:0": "folded into ConvMulFusion_b",
    }


def test_a_channel_that_was_multiplied_by_another_number_is_named():
    found = compare_weights(kept(), folded(wrong=8.0), "r")
    (drift,) = (d for d in found.drift if d.name == "ConvMulFusion_b")
    assert (drift.verdict, drift.cause) == ("drifted", "quant.scale")
    assert drift.note.endswith("index 5 of axis 0 is 8 times as large")


def test_gains_that_no_vector_explains_are_drift():
    without = [t for t in kept() if not t.name.startswith("mul")]
    other = [*without, tensor("mul:0", GAINS["mul:0"][::-1], "constant")]
    for reference in (without, other):
        found = compare_weights(reference, folded(), "r")
        assert "folded" not in {drift.matched_by for drift in found.drift}
        assert found.faults
