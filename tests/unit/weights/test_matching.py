"""One network in many layouts, split, merged and renamed, by numpy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core.protocols import WeightTensor
from harness.weights import compare_weights


def tensor(name, values, role="constant", op_type=None, layout=None):
    values = np.asarray(values, np.float32)
    return WeightTensor(
        name, values.shape, "float32", role, op_type, lambda: values, layout
    )


def rounded(values, bits=8):
    """To codes of one scale."""
    scale = np.abs(values).max() / (2 ** (bits - 1) - 1)
    return np.round(values / scale) * scale


def fresh(shape):
    """The same numbers whichever tests ran before."""
    return np.random.default_rng(17).normal(0, 1, shape)


def compare(reference, candidate):
    """Two mappings of name to values or tensor."""
    sides = [
        [v if isinstance(v, WeightTensor) else tensor(n, v) for n, v in side.items()]
        for side in (reference, candidate)
    ]
    return compare_weights(*sides, "r")


def named(found):
    """Causes but for what rounding a float32 tensor looks like."""
    return [f.cause for f in found.faults if f.cause not in ROUNDED]


def matched(found):
    assert (found.unmatched_reference, found.unmatched_candidate) == ((), ())
    return {d.name: d for d in found.drift}


ROUNDED = {"weights.changed", "weights.other_epoch", "weights.stale"}
RNG = np.random.default_rng(11)
CONV = RNG.normal(0, 1, (3, 3, 6, 8))
DEPTHWISE = RNG.normal(0, 1, (3, 3, 40, 2))
DENSE = RNG.normal(0, 1, (96, 20))


@pytest.mark.parametrize("change", [np.asarray, rounded, np.float16])
@pytest.mark.parametrize(
    ("values", "form"),
    [
        (CONV, CONV.transpose(3, 2, 0, 1)),
        (CONV, CONV.transpose(3, 0, 1, 2)),
        (CONV, CONV.transpose(0, 1, 3, 2)),
        (CONV, CONV.reshape(54, 8)),
        (CONV, CONV.reshape(54, 8).T),
        (DEPTHWISE, DEPTHWISE.reshape(1, 3, 3, 80)),
        (DEPTHWISE, DEPTHWISE.transpose(2, 3, 0, 1).reshape(80, 1, 3, 3)),
        (DEPTHWISE[..., :1], DEPTHWISE[..., :1].transpose(3, 0, 1, 2)),
        (DEPTHWISE[..., :1], DEPTHWISE[..., :1].transpose(2, 3, 0, 1)),
        (DENSE, DENSE.T),
        (DENSE, DENSE.reshape(4, 4, 6, 20).transpose(2, 0, 1, 3).reshape(96, 20)),
        (DENSE, DENSE.reshape(4, 4, 6, 20).transpose(3, 2, 0, 1).reshape(20, 96)),
    ],
    ids=[
        *("OIHW", "OHWI", "HWOI", "im2col", "im2col-turned", "1HWM", "O1HW"),
        *("1HWC", "C1HW", "OI", "flattened", "flattened-turned"),
    ],
)
@pytest.mark.parametrize("backwards", [False, True])
def test_layouts_of_every_form(values, form, change, backwards):
    sides = [{"a": values}, {"b": change(form)}]
    drift = matched(compare(*(reversed(sides) if backwards else sides)))
    (only,) = drift.values()
    assert only.sqnr_db is None or only.sqnr_db > 35
    assert only.cause in (None, "cast.rounding")


def test_a_kernel_that_was_reshaped_instead_of_transposed_is_named():
    for values in (CONV, rounded(CONV)):
        found = compare({"k": CONV}, {"k": values.reshape(8, 6, 3, 3)})
        (fault,) = found.faults
        assert fault.cause == "weights.transposed"
        assert "reshaped where it should have been transposed" in fault.explanation


def test_of_a_square_matrix_the_layout_tells_that_it_was_not_transposed():
    square = fresh((9, 9))
    reference = {"k": tensor("k", square, "kernel", layout="IO")}
    wrong = {"k": tensor("k", square, "kernel", layout="OI")}
    right = {"k": tensor("k", square.T, "kernel", layout="OI")}
    assert [f.cause for f in compare(reference, wrong).faults] == ["weights.transposed"]
    assert compare(reference, right).faults == ()


UNITS, INPUTS = 6, 5
KERNEL = RNG.normal(0, 1, (INPUTS, 4 * UNITS))
RECURRENT = RNG.normal(0, 1, (UNITS, 4 * UNITS))
BIAS = RNG.normal(0, 1, 4 * UNITS)
KERAS_LSTM = {
    "lstm/kernel": tensor("lstm/kernel", KERNEL, "gate_kernel", "LSTM", "IG"),
    "lstm/recurrent_kernel": tensor(
        "lstm/recurrent_kernel", RECURRENT, "gate_recurrent_kernel", "LSTM", "IG"
    ),
    "lstm/bias": tensor("lstm/bias", BIAS, "gate_bias", "LSTM", "G"),
}


def gates(values, letters, of="ifgo"):
    """Blocks of the last axis in another order."""
    parts = dict(zip(of, np.split(values, len(of), axis=-1), strict=True))
    return np.concatenate([parts[gate] for gate in letters], axis=-1)


def onnx_lstm(change=np.asarray, letters="iofg"):
    kernel, recurrent, bias = (
        gates(change(v), letters) for v in (KERNEL, RECURRENT, BIAS)
    )
    both = np.concatenate([bias, np.zeros_like(bias)])
    return {
        "W": tensor("W", kernel.T[None], "gate_kernel", "LSTM", "DGI"),
        "R": tensor("R", recurrent.T[None], "gate_recurrent_kernel", "LSTM", "DGI"),
        "B": tensor("B", both[None], "gate_bias", "LSTM", "DG"),
    }


@pytest.mark.parametrize("change", [np.asarray, rounded, np.float16])
def test_gates_of_onnx_are_those_of_keras(change):
    found = compare(KERAS_LSTM, onnx_lstm(change))
    drift = matched(found)
    assert named(found) == []
    assert {d.reference_name for d in drift.values()} == set(KERAS_LSTM)
    assert "Keras's order ifgo to ONNX's iofg" in drift["W"].note
    assert all(d.sqnr_db is None or d.sqnr_db > 30 for d in drift.values())


@pytest.mark.parametrize("change", [np.asarray, rounded])
def test_gates_reordered_in_place_are_named(change):
    reordered = {
        n: tensor(n, gates(change(t.load()), "fgio"), t.role, t.op_type, t.layout)
        for n, t in KERAS_LSTM.items()
    }
    found = compare(KERAS_LSTM, reordered)
    matched(found)
    assert [f.cause for f in found.faults] == ["rnn.gate_order"] * 3


def test_gates_of_a_bias_alone_are_named():
    bias = tensor("lstm/bias", gates(BIAS, "iofg"), "gate_bias", "LSTM")
    found = compare(KERAS_LSTM, KERAS_LSTM | {"lstm/bias": bias})
    (fault,) = found.faults
    assert (fault.cause, fault.tensors) == ("rnn.gate_order", ("lstm/bias",))


def test_gates_copied_as_they_lie_into_a_tool_of_another_order_are_named():
    found = compare(KERAS_LSTM, onnx_lstm(letters="ifgo"))
    assert matched(found)["R"].n_changed == 0
    (fault,) = found.faults
    assert (fault.cause, fault.tensors) == ("rnn.gate_order", ("R",))
    assert "in Keras's order ifgo, and ONNX's LSTM reads iofg" in fault.explanation


def torch_lstm(letters="ifgo"):
    kernels = {"weight_ih": KERNEL, "weight_hh": RECURRENT}
    roles = {"weight_ih": "gate_kernel", "weight_hh": "gate_recurrent_kernel"}
    return {
        f"rnn.{n}_l0": tensor(f"rnn.{n}_l0", gates(v, letters).T, roles[n], None, "GI")
        for n, v in kernels.items()
    }


KERNELS_ALONE = {n: t for n, t in KERAS_LSTM.items() if not n.endswith("bias")}


def test_gates_of_pytorch_lie_as_those_of_keras_do():
    assert compare(KERNELS_ALONE, torch_lstm()).faults == ()
    copied = onnx_lstm(letters="ifgo")
    del copied["B"]
    found = compare(torch_lstm(), copied)
    assert [f.cause for f in found.faults] == ["rnn.gate_order"]


def test_gates_that_something_reorders_on_the_way_are_no_fault():
    """Without constant folding, an exporter slices PyTorch's kernels in the graph."""
    sliced = {
        n: tensor(n, t.load(), t.role, "Slice", "GI") for n, t in torch_lstm().items()
    }
    assert compare(KERNELS_ALONE, sliced).faults == ()


def test_equal_gates_have_no_order():
    gate = RNG.normal(0, 1, (UNITS, UNITS))
    kernel = np.tile(gate, 4)
    role = "gate_recurrent_kernel"
    reference = {"k": tensor("k", kernel, role, "LSTM", "IG")}
    candidate = {"R": tensor("R", kernel.T[None], role, "LSTM", "DGI")}
    assert compare(reference, candidate).faults == ()


def test_gates_in_an_order_of_no_tool_are_named():
    found = compare(KERAS_LSTM, onnx_lstm(letters="ogfi"))
    matched(found)
    assert {f.cause for f in found.faults} == {"rnn.gate_order"}


@pytest.mark.parametrize("change", [np.asarray, rounded])
def test_a_kernel_on_top_of_its_recurrent_kernel(change):
    stacked = np.concatenate([KERNEL, RECURRENT])
    candidate = {"cell/kernel": change(stacked), "lstm/bias": BIAS}
    found = compare(KERAS_LSTM, candidate)
    assert (found.unmatched_reference, found.unmatched_candidate) == ((), ())
    merged = [d for d in found.drift if d.matched_by == "merged"]
    assert {d.reference_name for d in merged} == {
        "lstm/kernel",
        "lstm/recurrent_kernel",
    }


def test_gates_as_tensors_of_their_own():
    candidate = {
        f"{gate}_{what}": part.T
        for what, values in (("x", KERNEL), ("h", RECURRENT), ("b", BIAS))
        for gate, part in zip("ifgo", np.split(values, 4, axis=-1), strict=True)
    }
    found = compare(KERAS_LSTM, candidate)
    assert (found.unmatched_reference, found.unmatched_candidate) == ((), ())
    assert {d.matched_by for d in found.drift} == {"split"}
    assert {d.verdict for d in found.drift} == {"same"}


def test_two_biases_of_pytorch_are_the_sum_that_keras_has():
    first = np.float32(fresh(4 * UNITS))
    second = np.float32(BIAS) - first
    torch = {
        "weight_ih_l0": tensor("weight_ih_l0", KERNEL.T, "gate_kernel", "LSTM", "GI"),
        "weight_hh_l0": RECURRENT.T,
        "bias_ih_l0": tensor("bias_ih_l0", first, "gate_bias", "LSTM"),
        "bias_hh_l0": tensor("bias_hh_l0", second, "gate_bias", "LSTM"),
    }
    for sides in ((torch, KERAS_LSTM), (KERAS_LSTM, torch)):
        found = compare(*sides)
        assert (found.unmatched_reference, found.unmatched_candidate) == ((), ())
        (total,) = [d for d in found.drift if d.matched_by == "summed"]
        assert "bias_ih_l0 + bias_hh_l0" in (total.name, total.reference_name)
        assert total.verdict in {"same", "rounding"}
        assert found.faults == ()


def test_gru_biases_of_pytorch_in_one_tensor_of_onnx():
    first, second = fresh((2, 3 * UNITS))
    torch = {
        "bias_ih_l0": tensor("bias_ih_l0", first, "gate_bias", "GRU"),
        "bias_hh_l0": tensor("bias_hh_l0", second, "gate_bias", "GRU"),
    }
    keras = np.stack([gates(b, "zrh", of="rzh") for b in (first, second)])
    for form in (keras, keras.reshape(1, -1)):
        found = compare(torch, {"b": tensor("b", form, "gate_bias", "GRU")})
        assert len(found.drift) == 2
        assert (found.unmatched_reference, found.unmatched_candidate) == ((), ())
        assert found.faults == ()


@pytest.mark.parametrize("change", [np.asarray, rounded])
@pytest.mark.parametrize("turned", [False, True])
def test_query_key_and_value_in_one_matrix(change, turned):
    parts = dict(zip("qkvo", fresh((4, 24, 24)), strict=True))
    biases = dict(zip(("qb", "kb", "vb"), fresh((3, 24)), strict=True))
    whole = np.concatenate([parts[n] for n in "qkv"], axis=1)
    merged = {
        "in_proj": change(whole.T if turned else whole),
        "in_bias": np.concatenate(list(biases.values())),
        "out": parts["o"],
    }
    for sides, word in (
        ((parts | biases, merged), "merged"),
        ((merged, parts | biases), "split"),
    ):
        found = compare(*sides)
        assert (found.unmatched_reference, found.unmatched_candidate) == ((), ())
        assert sum(d.matched_by == word for d in found.drift) == 6
        assert all(d.sqnr_db is None or d.sqnr_db > 30 for d in found.drift)


def test_tied_tensors_are_counted_once():
    table = fresh((50, 8))
    found = compare({"emb": table, "head": table.T}, {"emb": table})
    assert matched(found)
    (tied,) = found.accounted
    assert (tied.name, tied.side, tied.how) == ("head", "reference", "tied")


def test_a_new_layer_is_listed_and_no_fault():
    reference = {"body": CONV, "head/kernel": DENSE}
    candidate = {"body": CONV, "head/kernel": fresh((96, 3)), "new": BIAS}
    found = compare(reference, candidate)
    assert found.unmatched_reference == ("head/kernel",)
    assert found.unmatched_candidate == ("head/kernel", "new")
    assert found.faults == ()
    assert "where the reference has [96, 20]" in found.notes[0]


def test_what_changes_nothing_may_be_dropped():
    reference = {
        "w": CONV,
        "b": tensor("b", np.zeros(8), "bias"),
        "g": tensor("g", np.ones(8), "gamma"),
        "n": tensor("n", [3.0], "n_batches"),
    }
    found = compare(reference, {"w": CONV})
    assert matched(found)
    assert found.faults == ()
    assert [a.how for a in found.accounted] == ["neutral", "neutral", "counter"]


def test_a_tensor_between_two_known_neighbours_is_known_by_its_place():
    middle, other = fresh((2, 40))
    reference = {"a": CONV, "b": tensor("b", middle, "bias"), "c": DENSE}
    candidate = {"x": CONV, "y": tensor("y", other, "bias"), "z": DENSE}
    drift = matched(compare(reference, candidate))
    assert (drift["y"].matched_by, drift["y"].reference_name) == ("position", "b")


LAYERS = {
    "a/kernel": RNG.normal(0, 1, (3, 3, 4, 12)),
    "a/bias": RNG.normal(0, 1, 12),
    "b/kernel": RNG.normal(0, 1, (3, 3, 12, 7)),
    "b/bias": RNG.normal(0, 1, 7),
    "d/kernel": RNG.normal(0, 1, (63, 5)),
    "e/kernel": RNG.normal(0, 1, (63, 5)),
}


@settings(deadline=None, max_examples=40)
@given(
    st.permutations(range(6)), st.permutations(range(6)), st.sampled_from([0, 8, 16])
)
def test_order_and_names_do_not_matter(order, other, bits):
    names = list(LAYERS)
    candidate = {
        f"v{i}": rounded(LAYERS[names[i]], bits) if bits else LAYERS[names[i]]
        for i in order
    }
    reference = {names[i]: LAYERS[names[i]] for i in other}
    drift = matched(compare(reference, candidate))
    assert {n: d.reference_name for n, d in drift.items()} == {
        f"v{i}": name for i, name in enumerate(names)
    }


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_any_transposition_and_any_order_of_channels_is_found(data):
    shape = data.draw(
        st.lists(st.integers(2, 6), min_size=2, max_size=4).filter(
            lambda s: np.prod(s) >= 12
        )
    )
    values = np.random.default_rng(data.draw(st.integers(0, 99))).normal(0, 1, shape)
    axes = data.draw(st.permutations(range(len(shape))))
    drift = matched(compare({"a": values}, {"b": values.transpose(axes)}))
    assert drift["b"].n_changed == 0
    axis = data.draw(st.integers(0, len(shape) - 1))
    order = data.draw(st.permutations(range(shape[axis])))
    moved = matched(compare({"a": values}, {"a": values.take(order, axis)}))["a"]
    assert (moved.cause == "layout.permutation") is (moved.n_changed > 0)
    assert (moved.wasserstein, moved.ks_distance, moved.psi) == (0, 0, 0)


ROLES = ["kernel", "bias", "constant", "gamma", "running_variance", "running_mean"]
NUMBERS = [0.0, 1.0, -1.0, 0.5, np.nan, np.inf, 1e-30, 1e30]


@st.composite
def files(draw):
    """A few tensors of any numbers, NaN and infinities among them."""
    found = []
    for i in range(draw(st.integers(0, 5))):
        shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
        values = np.random.default_rng(draw(st.integers(0, 5))).normal(0, 1, shape)
        for place in draw(st.lists(st.integers(0, values.size - 1), max_size=3)):
            values.flat[place] = draw(st.sampled_from(NUMBERS))
        if draw(st.booleans()):
            values[...] = draw(st.sampled_from(NUMBERS))
        name = f"{draw(st.sampled_from(['n', 'lstm']))}/{i}"
        found.append(tensor(name, values, draw(st.sampled_from(ROLES))))
    return found


@settings(deadline=None, max_examples=150)
@given(files(), files())
def test_every_weight_is_named_exactly_once_or_in_pieces(reference, candidate):
    found = compare_weights(reference, candidate, "r")
    accounted = [(a.side, a.name) for a in found.accounted]
    assert len(set(accounted)) == len(accounted)
    for side, tensors, unmatched in (
        ("reference", reference, found.unmatched_reference),
        ("candidate", candidate, found.unmatched_candidate),
    ):
        one = [d for d in found.drift if d.matched_by not in ("merged", "split")]
        names = [
            part.split(",")[0]
            for d in one
            for part in (d.reference_name if side == "reference" else d.name).split(
                " + "
            )
        ]
        names += list(unmatched) + [n for s, n in accounted if s == side]
        pieces = {
            d.reference_name if side == "reference" else d.name
            for d in found.drift
            if d.matched_by in ("merged", "split")
        }
        worthy = {t.name for t in tensors if np.prod(t.shape) > 1}
        assert worthy <= set(names) | pieces
    assert compare_weights(reference, reference, "r").faults == ()


def test_what_is_the_only_one_left_of_its_kind_is_a_pair():
    rng = np.random.default_rng(3)
    old, new = rng.normal(0, 1, (2, 20))
    reference = {
        "dense/kernel": tensor("dense/kernel", DENSE, "kernel"),
        "dense/bias": tensor("dense/bias", old, "bias"),
    }
    candidate = {
        "b_7": tensor("b_7", new, "bias"),
        "w_3": tensor("w_3", DENSE.T, "kernel"),
    }
    drift = matched(compare(reference, candidate))
    assert drift["b_7"].reference_name == "dense/bias"
    assert drift["b_7"].verdict == "drifted"
    # Of two of a kind nothing tells which is which.
    more = {"b_8": tensor("b_8", rng.normal(0, 1, 20), "bias"), **candidate}
    assert compare(reference, more).unmatched_reference == ("dense/bias",)
