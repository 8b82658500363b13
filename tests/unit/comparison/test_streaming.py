"""OutputMetric against plain float64 numpy, in every order and split."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from harness.comparison.kernel import BLOCK
from harness.comparison.streaming import OutputMetric
from harness.core.errors import ComparisonError, ShapeMismatchError

ODD = [float("nan"), float("inf"), -float("inf")]
FIELDS = (
    *("max_abs_error", "mean_abs_error", "rmse", "required_atol"),
    *("sqnr_db", "cosine_similarity", "best_gain", "gain_residual"),
)


def compare(r, c, atol=1e-3, rtol=1e-2, cuts=()):
    metric = OutputMetric("r", "c", atol, rtol)
    edges = [0, *sorted(cuts), len(r)]
    for start, stop in pairwise(edges):
        metric.update(r[start:stop], c[start:stop], slice(start, stop))
    return metric.result()


def oracle(r, c, atol=1e-3, rtol=1e-2):
    """The metrics as their definitions read."""
    r, c = r.astype(np.float64).ravel(), c.astype(np.float64).ravel()
    both = np.isfinite(r) & np.isfinite(c)
    close = np.isclose(c, r, rtol=rtol, atol=atol, equal_nan=True)
    r, c = r[both], c[both]
    e = c - r
    gain = (r @ c) / (r @ r)
    return {
        "n_mismatched": int((~close).sum()),
        "max_abs_error": np.abs(e).max(),
        "mean_abs_error": np.abs(e).mean(),
        "rmse": np.sqrt((e**2).mean()),
        "required_atol": max((np.abs(e) - rtol * np.abs(r)).max(), 0.0),
        "sqnr_db": 10 * np.log10((r @ r) / (e @ e)) if e.any() else None,
        "cosine_similarity": (r @ c) / np.sqrt((r @ r) * (c @ c)),
        "best_gain": gain,
        "gain_residual": np.sqrt(((c - gain * r) ** 2).mean()),
    }


def agree(found, expected, rel=2e-6):
    for name in FIELDS:
        value, wanted = getattr(found, name), expected[name]
        if wanted is None:
            assert value is None, name
        else:
            assert value == pytest.approx(wanted, rel=rel, abs=1e-9), name


def pair(seed, shape, error=1e-2, dtype=np.float32):
    rng = np.random.default_rng(seed)
    r = rng.standard_normal(shape)
    return r.astype(dtype), (r + error * rng.standard_normal(shape)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(7,), (40, 10), (3, BLOCK + 17), (5, 2, 9, 3)])
@pytest.mark.parametrize("error", [1e-6, 1e-2, 3.0])
def test_panel_is_what_numpy_says(shape, error, dtype):
    r, c = pair(1, shape, error, dtype)
    found, expected = compare(r, c), oracle(r, c)
    agree(found, expected)
    assert found.n_mismatched == expected["n_mismatched"]
    assert found.n_elements == r.size


def test_small_gain_error_is_exact():
    r, _ = pair(3, (64, 100))
    c = r * np.float32(1 + 1e-4)
    found = compare(r, c)
    assert found.best_gain == pytest.approx(np.float32(1.0001), abs=1e-8)
    assert found.gain_residual < 1e-7


def test_tiny_candidate_keeps_its_cosine_and_residual():
    r, noise = pair(4, (64, 100), 1.0)
    c = (r * 1e-4 + noise * 1e-6).astype(np.float32)
    found, expected = compare(r, c), oracle(r, c)
    assert found.cosine_similarity == pytest.approx(expected["cosine_similarity"])
    assert found.best_gain == pytest.approx(expected["best_gain"])
    residual = expected["gain_residual"]
    assert found.gain_residual == pytest.approx(residual, rel=1e-3)


@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 12), st.integers(1, 5)),
        elements=st.floats(-100, 100, width=32),
    ),
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(0, 12), max_size=4),
    st.floats(0, 1),
)
@settings(max_examples=80, deadline=None)
def test_neither_split_nor_order_of_merging_matters(r, seed, cuts, share):
    rng = np.random.default_rng(seed)
    c = r + rng.standard_normal(r.shape).astype(np.float32)
    c = np.where(rng.random(r.shape) < share, r, c)
    c[rng.random(r.shape) < 0.05] = np.nan
    whole = compare(r, c)
    same(whole, compare(r, c, cuts=[min(cut, len(r)) for cut in cuts]))
    parts = []
    for row in rng.permutation(len(r)):
        metric = OutputMetric("r", "c", 1e-3, 1e-2)
        metric.update(r[row : row + 1], c[row : row + 1], slice(row, row + 1))
        parts.append(metric)
    for other in parts[1:]:
        parts[0].merge(other)
    same(whole, parts[0].result())


def same(one, other):
    """Equal but for the last bits of sums."""
    plain = dict.fromkeys((*FIELDS, "border_share"))
    assert replace(one, **plain) == replace(other, **plain)
    for name in plain:
        first, second = getattr(one, name), getattr(other, name)
        assert (first is None) == (second is None), name
        if first is not None:
            assert first == pytest.approx(second, rel=1e-4, abs=1e-4), name


def test_an_order_of_samples_moves_only_the_worst():
    r, c = pair(5, (50, 30))
    order = np.random.default_rng(0).permutation(50)
    one, other = asdict(compare(r, c)), asdict(compare(r[order], c[order]))
    back = [order[w["sample"]] for w in other.pop("worst")]
    assert back == [w["sample"] for w in one.pop("worst")]
    for name in FIELDS:
        assert one[name] == pytest.approx(other[name], rel=1e-6)
    assert one["error_histogram"] == other["error_histogram"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 1.5, *ODD]), st.sampled_from([0.0, 1.5, 2.5, *ODD])
        ),
        min_size=1,
    )
)
@example([(float("nan"), float("nan"))])
@settings(max_examples=100, deadline=None)
def test_what_is_not_finite(pairs):
    r, c = np.array(pairs, dtype=np.float32).T
    found = compare(r, c)
    known, answered = np.isfinite(r), np.isfinite(c)
    alike = np.isclose(c, r, rtol=1e-2, atol=1e-3, equal_nan=True)
    assert found.n_mismatched == (~alike).sum()
    assert found.n_nonfinite == (~answered).sum()
    assert found.n_nonfinite_new == (known & ~answered).sum()
    new = np.flatnonzero(known & ~answered)
    assert found.first_nonfinite == (new[0] if new.size else None)
    assert sum(found.error_histogram.counts) == (known & answered).sum()
    finite = known & answered
    if finite.any():
        assert found.max_abs_error == np.abs(c[finite] - r[finite]).max()
    else:
        assert found.max_abs_error is None
        assert found.unscored["max_abs_error"] == "no pair of finite values"


def test_a_nan_deep_in_a_large_output_is_found_at_its_sample():
    r, c = pair(6, (4, 2 * BLOCK))
    c[2, BLOCK + 5] = np.nan
    found = compare(r, c, cuts=[1])
    assert (found.n_nonfinite, found.n_nonfinite_new) == (1, 1)
    assert found.first_nonfinite == 2
    kept = np.isfinite(c)
    agree(found, oracle(r[kept], c[kept]))


@pytest.mark.parametrize("scale", [1e-30, 1e-14, 1e25])
def test_float32_squares_that_leave_float32(scale):
    r, c = pair(7, (20, 50))
    r, c = r * np.float32(scale), c * np.float32(scale)
    found, expected = compare(r, c, 0, 0), oracle(r, c, 0, 0)
    for name in FIELDS:
        assert getattr(found, name) == pytest.approx(expected[name], rel=1e-5), name


def test_float64_squares_that_overflow_are_unscored():
    found = compare(np.full((2, 3), 1e200), np.full((2, 3), -1e200))
    assert found.max_abs_error == 2e200
    assert found.rmse is None
    assert "overflow" in found.unscored["rmse"]


def test_equal_outputs():
    r, _ = pair(8, (30, 11))
    found = compare(r, r.copy())
    assert (found.n_mismatched, found.max_abs_error, found.required_atol) == (0, 0, 0)
    assert found.sqnr_db is None
    assert found.unscored["sqnr_db"] == "no error: the outputs are equal"
    assert found.cosine_similarity == 1.0
    assert found.worst == ()
    assert found.error_histogram.counts == (330,)


def test_a_reference_of_zeros_has_no_signal():
    found = compare(np.zeros((5, 4), np.float32), np.ones((5, 4), np.float32))
    assert found.rmse == 1.0
    for name in ("sqnr_db", "cosine_similarity", "best_gain", "gain_residual"):
        assert getattr(found, name) is None
        assert found.unscored[name] == "the reference is 0 everywhere"


def test_a_candidate_of_zeros_has_no_direction():
    found = compare(np.ones((5, 4), np.float32), np.zeros((5, 4), np.float32))
    assert found.cosine_similarity is None
    assert (found.sqnr_db, found.best_gain) == (0.0, 0.0)


def test_every_number_that_is_none_has_a_reason():
    r, c = pair(9, (4, 6))
    odd = [(r, r), (r * 0, c), (r * np.nan, c), (r[:, :0], c[:, :0]), (r[:0], c[:0])]
    text = np.array([["a"], ["b"]])
    for one, other in [*odd, (text, text)]:
        found = compare(one, other)
        nones = {
            name
            for name, value in asdict(found).items()
            if value is None and name != "first_nonfinite"
        }
        assert nones == set(found.unscored)


def test_required_atol_is_the_least_that_holds():
    r, c = pair(10, (40, 25))
    needed = compare(r, c, 0.0, 1e-3).required_atol
    assert compare(r, c, needed, 1e-3).n_mismatched == 0
    assert (
        compare(
            r, c, np.nextafter(np.float32(needed), np.float32(0)), 1e-3
        ).n_mismatched
        > 0
    )


def test_integers_and_booleans_are_numbers():
    r = np.array([[0, 5], [200, 7]], dtype=np.uint8)
    c = np.array([[0, 4], [100, 7]], dtype=np.int64)
    found = compare(r, c, 0, 0)
    assert (found.max_abs_error, found.n_mismatched) == (100.0, 2)
    flags = np.array([True, False, True])
    assert compare(flags, ~flags, 0, 0).n_mismatched == 3


def test_text_is_held_to_equality():
    r = np.array(["yes", "no", "no"], dtype=object)
    found = compare(r, np.array(["yes", "no", "yes"]))
    assert (found.n_elements, found.n_mismatched) == (3, 1)
    assert found.unscored["rmse"] == "text is compared for equality only"
    assert found.unscored["best_shift"] == "text is compared for equality only"


@pytest.mark.parametrize("other", [np.array(["1.0"]), np.array([1j])])
def test_text_and_numbers_do_not_meet(other):
    with pytest.raises(ComparisonError, match=r"'r' is float64 in the reference"):
        compare(np.array([1.0]), other)


@pytest.mark.parametrize(
    ("shape", "hint"),
    [
        ((6, 1, 10), "only axes of length 1"),
        ((10, 6), "another order"),
        ((5, 10), "numbers of samples"),
        ((6, 11), "belongs together"),
    ],
)
def test_shapes_that_differ_are_refused(shape, hint):
    with pytest.raises(ShapeMismatchError) as caught:
        OutputMetric("r", "c").update(np.zeros((6, 10)), np.zeros(shape), slice(0, 6))
    assert "'r'" in caught.value.message
    assert str(shape) in caught.value.message
    assert hint in caught.value.hint


@given(
    st.lists(st.floats(0, 1e6, width=32), min_size=1, max_size=60),
    st.integers(-20, 4),
)
@example([1e-7, 1e-6, 9.999999e-7, 0.0], 0)
@settings(max_examples=100, deadline=None)
def test_histogram_is_numpys(errors, power):
    c = np.array(errors, dtype=np.float32) * np.float32(10.0**power)
    histogram = compare(np.zeros_like(c), c).error_histogram
    assert list(histogram.edges) == sorted(histogram.edges)
    assert histogram.edges[0] == 0
    counts, _ = np.histogram(c.astype(np.float64), histogram.edges)
    assert histogram.counts == tuple(counts)
    assert sum(histogram.counts) == c.size


@given(st.integers(1, 40), st.integers(1, 6), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_worst_samples_are_those_of_a_sort(n, width, seed):
    rng = np.random.default_rng(seed)
    c = rng.integers(0, 5, (n, width)).astype(np.float32)
    ids = np.array([f"id-{i}" for i in range(n)])
    metric = OutputMetric("r", "c")
    for row in rng.permutation(n):
        rows = slice(row, row + 1)
        metric.update(np.zeros_like(c[rows]), c[rows], rows, ids[rows])
    peaks = c.max(axis=1)
    order = [i for i in np.lexsort((np.arange(n), -peaks)) if peaks[i] > 0][:10]
    found = metric.result().worst
    assert [(w.sample, w.max_abs_error) for w in found] == [
        (i, peaks[i]) for i in order
    ]
    assert [w.sample_id for w in found] == [f"id-{i}" for i in order]


def test_worst_samples_across_blocks():
    rng = np.random.default_rng(11)
    c = rng.random((25, BLOCK // 3 + 7)).astype(np.float32)
    found = compare(np.zeros_like(c), c, cuts=[9]).worst
    order = np.lexsort((np.arange(25), -c.max(axis=1)))[:10]
    assert [w.sample for w in found] == order.tolist()


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
@settings(max_examples=30, deadline=None)
def test_equal_directions_have_a_cosine_of_one(seed, n):
    r = np.random.default_rng(seed).standard_normal((n, 7)).astype(np.float32)
    assert compare(r, r.copy()).cosine_similarity == 1.0
    assert compare(r, -r).cosine_similarity == -1.0


def test_many_outputs_are_measured_in_the_same_memory():
    r = np.ones((1, BLOCK), np.float32)
    OutputMetric("r", "c").update(r, r + 1, slice(0, 1))
    tracemalloc.start()
    metrics = [OutputMetric(f"r{i}", "c") for i in range(20)]
    for metric in metrics:
        metric.update(r, r + 1, slice(0, 1))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * r.nbytes


def test_threads_measure_beside_each_other():
    r = np.random.default_rng(0).random((200, BLOCK // 8), np.float32)
    sides = [(r, r + np.float32(k)) for k in (1, 3)]
    alone = [compare(*side) for side in sides]
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda side: compare(*side), sides)) == alone
