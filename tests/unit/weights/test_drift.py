import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from ml_dtypes import bfloat16

from harness.core.protocols import WeightTensor
from harness.weights import compare_weights, reader_for
from harness.weights.difference import Difference, difference

RNG = np.random.default_rng(7)
CONV = RNG.standard_normal((8, 4, 3, 3)).astype(np.float32)
DENSE = RNG.standard_normal((48, 10)).astype(np.float32)
BIAS = RNG.standard_normal(10).astype(np.float32)


def tensor(name, values, role="kernel", dtype=None):
    values = np.asarray(values, dtype=np.float32)
    return WeightTensor(
        name, values.shape, dtype or "float32", role, None, lambda: values
    )


def one(reference, candidate, names=("w", "w"), dtype=None):
    """The drift of a single pair."""
    found = compare_weights(
        [tensor(names[0], reference)], [tensor(names[1], candidate, dtype=dtype)], "r"
    )
    assert (found.unmatched_reference, found.unmatched_candidate) == ((), ())
    (drift,) = found.drift
    return drift


def edited(values, *edits):
    changed = values.copy()
    for at, value in edits:
        changed[at] = value
    return changed


def test_equal_tensors_match_exactly_under_any_name():
    drift = one(CONV, CONV.copy(), ("conv/kernel", "onnx::Conv_17"))
    assert drift.matched_by == "exact"
    assert drift.n_changed == 0
    assert drift.sqnr_db is None
    assert drift.cosine_similarity == 1
    assert drift.note is None


@pytest.mark.parametrize("axes", [(3, 2, 0, 1), (2, 3, 1, 0), (0, 2, 3, 1)])
def test_other_layouts_match_without_error(axes):
    drift = one(CONV, CONV.transpose(axes), ("a", "b"))
    assert drift.matched_by == "transposed"
    assert (drift.n_changed, drift.max_abs_error, drift.sqnr_db) == (0, 0, None)
    assert drift.note == f"axes in the order {', '.join(map(str, axes))}"


def test_a_transposed_matrix_says_so():
    assert one(DENSE, DENSE.T, ("a", "b")).note == "transposed"


def test_a_square_matrix_is_recognised_when_transposed():
    square = DENSE[:10]
    drift = one(square, square.T, ("a", "b"))
    assert (drift.matched_by, drift.n_changed) == ("transposed", 0)


def test_axes_of_length_one_do_not_matter():
    assert one(BIAS, BIAS.reshape(1, 10, 1)).matched_by == "exact"


def test_a_reshaped_tensor_says_so():
    drift = one(CONV, CONV.reshape(8, 36), ("a", "b"))
    assert drift.matched_by == "exact"
    assert drift.note == "reshaped from [8, 4, 3, 3] to [8, 36]"


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("w", "w_quantized"),
        ("d/MatMul/ReadVariableOp:0", "d/MatMul"),
        ("w", "w_DequantizeLinear"),
    ],
)
def test_names_are_known_without_what_tools_append(name, other):
    noisy = np.random.default_rng(0).standard_normal(DENSE.shape)
    assert one(DENSE, noisy, (name, other)).matched_by == "name"


def test_one_edited_element_is_named_with_both_values():
    drift = one(BIAS, edited(BIAS, (8, BIAS[8] - 2)), ("bias", "renamed"))
    assert drift.matched_by == "similar"
    assert drift.n_changed == 1
    old, new = BIAS[8], BIAS[8] - np.float32(2)
    assert drift.note == f"1 of 10 elements changed: [8] {old:.4g} -> {new:.4g}"
    assert drift.max_abs_error == pytest.approx(2)


def test_swapped_columns_are_named():
    order = [0, 1, 2, 5, 4, 3, 6, 7, 8, 9]
    drift = one(DENSE, DENSE[:, order])
    assert drift.matched_by == "permuted"
    assert drift.note == "columns 3 and 5 swapped"
    assert drift.n_changed == 2 * 48


def test_swapped_elements_of_a_vector_are_named():
    swapped = edited(BIAS, (3, BIAS[5]), (5, BIAS[3]))
    assert one(BIAS, swapped).note == "elements 3 and 5 swapped"


def test_reversed_channels_are_named():
    channels = CONV[:, ::-1]
    drift = one(CONV, channels, ("a", "b"))
    assert drift.note == "indices of axis 1 in reverse order"


def test_moved_rows_are_counted():
    drift = one(DENSE, np.roll(DENSE, 1, axis=0))
    assert drift.note == "48 of 48 rows in another order"


def test_shuffled_values_are_recognised():
    shuffled = np.random.default_rng(1).permutation(DENSE.ravel()).reshape(DENSE.shape)
    drift = one(DENSE, shuffled, ("a", "b"))
    assert drift.matched_by == "permuted"
    assert drift.note == "the same values in another order"


def test_rounding_to_three_bits_is_named():
    scale = np.abs(DENSE).max() / 4
    rounded = np.clip(np.round(DENSE / scale), -4, 3) * scale
    drift = one(DENSE, rounded, ("a", "b"))
    assert drift.matched_by == "similar"
    assert drift.note == "8 distinct values (3 bits)"


def test_rounding_by_channel_is_named():
    scale = np.abs(DENSE).max(axis=0) / 1.5
    rounded = (np.clip(np.round(DENSE / scale - 0.5), -2, 1) + 0.5) * scale
    note = one(DENSE, rounded).note
    assert note == "at most 4 distinct values at each index of axis 1 (2 bits)"


@pytest.mark.parametrize("transposed", [False, True])
def test_quantized_weights_are_found_under_other_names(transposed):
    scale = np.abs(DENSE).max() / 127
    values = np.round(DENSE / scale) * scale
    candidate = values.T if transposed else values
    drift = one(DENSE, candidate, ("a", "b"), dtype="int8")
    assert drift.matched_by == "similar"
    assert 30 < drift.sqnr_db < 50
    assert drift.note == "stored as int8" + ("; transposed" if transposed else "")


def test_stored_and_rounded_types_are_named():
    half = DENSE.astype(np.float16)
    assert one(DENSE, half, dtype="float16").note == "stored as float16"
    assert one(DENSE, half).note == "values rounded to float16"
    bits = DENSE.view(np.uint32) & np.uint32(0xFFFF0000)
    assert one(DENSE, bits.view(np.float32)).note == "values rounded to bfloat16"


@pytest.mark.parametrize(
    ("change", "note"),
    [
        (lambda w: w * np.float32(0.97), "constant gain 0.97 on every element"),
        (lambda w: w + np.float32(0.5), "constant offset +0.5 on every element"),
        (
            lambda w: edited(w, (np.s_[:, 8], w[:, 8] + 1)),
            "changed only at index 8 of axis 1",
        ),
        (
            lambda w: w * np.linspace(0.5, 1.5, 10, dtype=np.float32),
            "a gain for each index of axis 1, 0.5 to 1.5",
        ),
        (
            lambda w: np.where(np.abs(w) < 0.5, 0, w),
            (
                f"{np.sum(np.abs(DENSE) < 0.5)} of 480 elements set to 0,"
                " the rest unchanged"
            ),
        ),
        (
            lambda w: edited(w, (np.s_[:5, 0], np.nan)),
            "5 of 480 elements are NaN or infinite",
        ),
        (lambda w: w + 0.01 * np.random.default_rng(0).random(w.shape), None),
    ],
)
def test_what_changed_is_named(change, note):
    assert one(DENSE, change(DENSE)).note == note


def test_a_reference_of_zeros_leaves_no_signal():
    drift = one(np.zeros(10), BIAS)
    assert drift.sqnr_db is None
    assert drift.verdict == "drifted"
    assert drift.cosine_similarity is None
    assert drift.note == "the reference is zero everywhere"


def test_positive_vectors_are_not_alike_because_they_are_positive():
    rng = np.random.default_rng(0)
    gamma, variance = 1 + 0.1 * rng.random(32), 1 + 0.1 * rng.random(32)
    found = compare_weights([tensor("a", gamma)], [tensor("b", variance)], "r")
    assert found.unmatched_reference == ("a",)
    assert found.unmatched_candidate == ("b",)


def test_tensors_of_unlike_roles_are_not_similar():
    noisy = BIAS + np.float32(1e-3)
    reference = [tensor("a", BIAS, "beta")]
    candidate = [tensor("b", noisy, "running_mean")]
    assert compare_weights(reference, candidate, "r").drift == ()


def test_equal_tensors_pair_by_name_then_by_order():
    zeros = np.zeros(4)
    reference = [tensor(n, zeros) for n in ("a", "b", "c")]
    candidate = [tensor(n, zeros) for n in ("x", "c", "a")]
    found = compare_weights(reference, candidate, "r")
    pairs = {d.name: d.reference_name for d in found.drift}
    assert pairs == {"x": "b", "c": "c", "a": "a"}


def test_each_tensor_is_matched_once():
    reference = [tensor("a", DENSE)]
    candidate = [tensor("b", DENSE + np.float32(1e-3)), tensor("c", DENSE)]
    found = compare_weights(reference, candidate, "r")
    assert [d.name for d in found.drift] == ["c"]
    assert found.unmatched_candidate == ("b",)


def test_the_most_alike_pair_is_taken_first():
    near, far = (
        DENSE + np.float32(1e-3),
        DENSE + np.random.default_rng(0).normal(0, 0.2, DENSE.shape),
    )
    reference = [tensor("r1", DENSE), tensor("r2", far + np.float32(1e-3))]
    found = compare_weights(reference, [tensor("c1", far), tensor("c2", near)], "r")
    assert {d.name: d.reference_name for d in found.drift} == {"c1": "r2", "c2": "r1"}


def test_scales_zero_points_and_single_constants_are_no_weights():
    extra = [
        tensor("s", DENSE[0], "scale"),
        tensor("z", DENSE[1], "zero_point"),
        tensor("k", [0.5], "constant"),
    ]
    found = compare_weights([tensor("w", DENSE), *extra], [tensor("w", DENSE)], "r")
    assert found.unmatched_reference == ()


def test_worst_comes_first_and_equal_last():
    reference = [tensor("a", DENSE), tensor("b", CONV), tensor("c", BIAS)]
    candidate = [
        tensor("a", DENSE * np.float32(1.001)),
        tensor("b", CONV),
        tensor("c", BIAS * np.float32(1.1)),
    ]
    found = compare_weights(reference, candidate, "keras")
    assert found.reference == "keras"
    assert [d.name for d in found.drift] == ["c", "a", "b"]


def read(path):
    reader = reader_for("onnx")
    assert reader is not None
    return reader(path)


@pytest.mark.parametrize("setting", ["qdq", "qoperator-channel", "dynamic", "fp16"])
@pytest.mark.parametrize("renamed", [False, True])
def test_real_quantized_models_match_in_full(network, quantized, setting, renamed):
    reference = list(read(network.path))
    if renamed:
        reference = [
            WeightTensor(f"v{i}", t.shape, t.dtype, t.role, t.op_type, t.load)
            for i, t in enumerate(reference)
        ]
    found = compare_weights(reference, read(quantized[setting]), "float")
    assert len(found.drift) == 4
    assert found.unmatched_reference == found.unmatched_candidate == ()
    assert all(d.sqnr_db is None or d.sqnr_db > 25 for d in found.drift)
    if not renamed:
        assert all(d.name.startswith(d.reference_name) for d in found.drift)


def test_two_readings_give_the_same_record(network, quantized):
    records = [
        compare_weights(read(network.path), read(quantized["qdq"]), "float")
        for _ in range(2)
    ]
    assert records[0] == records[1]


PAIRS = st.integers(1, 80).flatmap(
    lambda n: st.tuples(
        *[hnp.arrays(np.float32, n, elements=st.floats(-99, 99, width=32))] * 2
    )
)


@given(PAIRS, st.integers(0, 80))
def test_difference_is_that_of_numpy_however_it_is_cut(pair, cut):
    r, c = pair
    merged, rest = Difference(), Difference()
    merged.update(r[:cut], c[:cut])
    rest.update(r[cut:], c[cut:])
    merged.merge(rest)
    wide_r, wide_c = r.astype(np.float64), c.astype(np.float64)
    error = np.abs(wide_c - wide_r)
    for found in (difference(r, c), merged):
        assert found.n_changed == np.sum(r != c)
        assert found.max_abs_error == error.max()
        assert found.mean_abs_error == pytest.approx(error.mean())
        assert found.squared_error == pytest.approx(np.sum(error**2))
        if found.cosine_similarity is not None:
            norms = np.linalg.norm(wide_r) * np.linalg.norm(wide_c)
            assert found.cosine_similarity == pytest.approx(
                wide_r @ wide_c / norms, abs=1e-9
            )


def test_difference_of_views_that_are_not_contiguous():
    found = difference(CONV.transpose(3, 2, 0, 1), CONV.transpose(3, 2, 0, 1).copy())
    assert (found.n, found.n_changed) == (CONV.size, 0)


def test_nan_on_both_sides_is_no_change():
    r = np.array([1, math.nan, math.inf], np.float32)
    found = difference(r, r.copy())
    assert (found.n_changed, found.n_nonfinite) == (0, 2)
    assert difference(r, np.zeros(3, np.float32)).n_changed == 3


def test_sign_flips_are_counted_and_zeros_are_none():
    drift = one(np.array([1, -1, 0, 2, 3, 4, 5, 6]), [-1, -2, 1, 0, 3, 4, 5, 6])
    assert drift.n_sign_flips == 1
    assert drift.share_sign_flips == 1 / 8


@pytest.mark.parametrize(
    ("change", "dtype", "verdict"),
    [
        (lambda w: w, "float32", "same"),
        (lambda w: np.nextafter(w, np.float32(9)), "float32", "rounding"),
        (lambda w: w * np.float32(1 + 2e-6), "float32", "drifted"),
        (np.float16, "float16", "rounding"),
        (lambda w: np.float16(w) * np.float16(1.002), "float16", "drifted"),
        (lambda w: w.astype(bfloat16), "bfloat16", "rounding"),
        (lambda w: w.astype(bfloat16), "float16", "drifted"),
        (np.float16, "float32", "drifted"),
        (lambda w: codes(w, 127), "int8", "rounding"),
        (lambda w: codes(w, 40), "int8", "drifted"),
        (lambda w: codes(w, 7), "int4", "rounding"),
    ],
)
def test_verdicts_depend_on_what_the_types_can_hold(change, dtype, verdict):
    drift = one(CONV, np.float32(change(CONV)), dtype=dtype)
    assert drift.verdict == verdict
    assert (drift.error_ratio or 0) <= 1 or verdict == "drifted"
    if dtype != "float32":
        assert dtype in drift.tolerance


def codes(values, high):
    scale = np.abs(values).max() / high
    return np.round(values / scale) * scale
