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
from harness.diagnose.differences import best_step
from harness.diagnose.probes import causes, probes, table
from harness.diagnose.probes.output_order import column_order
from harness.diagnose.prove import prove

ROOT = Path(__file__).resolve().parents[3]


def test_every_code_has_its_page_and_every_page_its_code():
    pages = {path.stem for path in (ROOT / "docs/drift").glob("[A-Z]*[0-9].md")}
    assert pages == set(causes())
    for cause in causes().values():
        text = (ROOT / cause.page).read_text()
        assert cause.slug in text
        assert len(text.splitlines()) <= 60


def test_every_probe_is_one_and_codes_are_given_once():
    known: tuple[Probe, ...] = probes()
    codes = [probe.cause.code for probe in known]
    assert len(codes) == len(set(codes))
    assert all(causes()[probe.cause.code] is probe.cause for probe in known)


def test_the_table_of_causes_is_complete():
    shown = (ROOT / "docs/drift/README.md").read_text()
    rows = [line for line in shown.splitlines() if line.startswith("| [")]
    assert sorted(rows) == sorted(table().splitlines())


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
    question = DriftQuestion("v", *paths, *outputs, rerun=rerun)
    (found,) = diagnose(question).findings
    assert (found.code, found.severity, found.proof) == ("PAD001", "warning", None)


def test_a_swap_proves_itself_without_any_graph():
    reference = np.random.default_rng(3).normal(size=(16, 4))
    swapped = reference[:, [0, 2, 1, 3]]
    question = DriftQuestion("v", None, None, {"y": reference}, {"y": swapped})
    (found,) = diagnose(question).findings
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
