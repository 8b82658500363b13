from __future__ import annotations

from math import inf
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core.errors import InferenceError, ModelLoadError, ShapeMismatchError
from harness.core.protocols import Probe, RerunError
from harness.diagnose import DriftQuestion, diagnose
from harness.diagnose.align import align
from harness.diagnose.catalogue import CAUSES
from harness.diagnose.differences import best_step
from harness.diagnose.probes import PROBES
from harness.diagnose.probes.output_order import column_order
from harness.diagnose.prove import prove
from harness.graphs.onnx_graph import read_graph

ROOT = Path(__file__).resolve().parents[3]


def test_every_code_has_its_page_and_every_page_its_code():
    pages = {path.stem for path in (ROOT / "docs/drift").glob("[A-Z]*[0-9].md")}
    assert pages == set(CAUSES)
    for cause in CAUSES.values():
        text = (ROOT / cause.page).read_text()
        assert cause.slug in text
        assert len(text.splitlines()) <= 60


def test_every_probe_names_a_cause_of_the_catalogue():
    probes: tuple[Probe, ...] = PROBES
    assert {p.cause for p in probes} == {c.slug for c in CAUSES.values()}


def test_alignment_needs_no_names(net):
    reference = read_graph(net().model())
    candidate = read_graph(
        net(named=False, norms="folded", pad_node=True, gemm=False).model()
    )
    found = align(reference, candidate)
    ops = [(p.reference.node.op_type, p.candidate.node.op_type) for p in found.layers]
    assert ops == [
        ("Conv", "Conv"),
        ("BatchNormalization", "Mul"),
        ("Conv", "Conv"),
        ("Gemm", "MatMul"),
        ("Gemm", "Gemm"),
    ]
    assert [(a.op_type, b.op_type) for a, b in found.nodes] == [
        ("MaxPool", "MaxPool"),
        ("Softmax", "Softmax"),
    ]
    assert found.unmatched_reference == found.unmatched_candidate == ()


def test_alignment_says_what_stays_unmatched(net):
    shorter = net().model()
    shorter.graph.node.pop()
    shorter.graph.output[0].name = "z"
    found = align(read_graph(net().model()), read_graph(shorter))
    assert [n.op_type for n in found.unmatched_reference] == ["Softmax"]
    assert found.unmatched_candidate == ()


def test_a_layer_with_unrelated_weights_is_aligned_by_its_place(net):
    other = net().with_weight(
        "w2", np.random.default_rng(77).normal(size=(10, 8, 3, 3))
    )
    found = align(read_graph(net().model()), read_graph(other.model()))
    places = [(p.reference.node.label, p.candidate.node.label) for p in found.layers]
    assert ("conv2", "conv2") in places
    assert found.unmatched_reference == found.unmatched_candidate == ()


@settings(max_examples=100, deadline=None)
@given(st.permutations(range(6)), st.integers(0, 2**31))
def test_column_order_undoes_any_permutation(moved, seed):
    reference = np.random.default_rng(seed).normal(size=(20, 6))
    candidate = np.empty_like(reference)
    candidate[:, moved] = reference
    order = column_order(reference, candidate)
    if list(moved) == list(range(6)):
        assert order is None
    else:
        np.testing.assert_array_equal(candidate[:, order], reference)


def test_column_order_leaves_columns_that_only_noise_moves():
    rng = np.random.default_rng(1)
    reference = np.concatenate([rng.normal(size=(30, 3)), np.zeros((30, 20))], axis=1)
    candidate = reference[:, [1, 0, *range(2, 23)]] + rng.normal(0, 1e-3, (30, 23))
    order = column_order(reference, candidate)
    np.testing.assert_array_equal(order, [1, 0, *range(2, 23)])


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**31), st.floats(1e-4, 10), st.integers(2, 200))
def test_best_step_explains_every_code(seed, step, n):
    rng = np.random.default_rng(seed)
    values = rng.uniform(-127 * step, 127 * step, n)
    codes = np.round(values / step)
    found = best_step(values, codes, None)
    assert (np.abs(values - codes * found) <= 0.5001 * found + 1e-12).all()


def error(size, n_flipped=None):
    return RerunError(size, size, 4, n_flipped)


@pytest.mark.parametrize(
    ("before", "after", "removed"),
    [
        (2.0, 0.5, 0.75),
        (2.0, 4.0, -1.0),
        (0.0, 0.0, 0.0),
        (inf, 1.0, 1.0),
        (inf, inf, 0.0),
    ],
)
def test_share_of_error_removed(before, after, removed):
    proof = prove("edit", error(before, 3), error(after, 1))
    assert proof.error_removed == removed
    assert np.isfinite([proof.error_before, proof.error_after]).all()
    assert (proof.n_flipped_before, proof.n_flipped_after) == (3, 1)


@pytest.mark.parametrize("failure", [InferenceError, ShapeMismatchError])
def test_an_edit_that_does_not_run_proves_nothing(net, ask, tmp_path: Path, failure):
    paths = tmp_path / "r.onnx", tmp_path / "c.onnx"
    onnx.save(net().model(), paths[0])
    onnx.save(net(pads=(1, 1, 1, 1)).model(), paths[1])

    def rerun(model):
        if model != paths[1].read_bytes():
            raise failure("it fails", hint="none")
        return error(1.0)

    outputs = {"scores": np.zeros((2, 5))}, {"scores": np.ones((2, 5))}
    (found,) = diagnose(DriftQuestion("v", *paths, *outputs, rerun=rerun))
    assert (found.code, found.severity, found.proof) == ("PAD001", "warning", None)


def test_a_swap_proves_itself_without_any_graph():
    reference = np.random.default_rng(3).normal(size=(16, 4))
    swapped = reference[:, [0, 2, 1, 3]]
    question = DriftQuestion("v", None, None, {"y": reference}, {"y": swapped})
    (found,) = diagnose(question)
    assert (found.code, found.severity) == ("OUT001", "error")
    assert "columns 1 and 2 are swapped" in found.explanation
    assert found.proof.error_removed == 1.0


def test_a_broken_candidate_is_a_load_error(tmp_path: Path):
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"\xff" * 9)
    outputs = {"y": np.zeros((2, 2))}, {"y": np.ones((2, 2))}
    with pytest.raises(ModelLoadError, match=r"broken\.onnx"):
        diagnose(DriftQuestion("v", None, path, *outputs))


def test_same_question_same_answer(net, ask):
    candidate = net(pads=(1, 1, 1, 1), epsilon=1e-5).model()
    assert ask(net().model(), candidate) == ask(net().model(), candidate)
