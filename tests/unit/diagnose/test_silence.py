"""What changes no number is no finding, also where the outputs drift otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnxruntime
import pytest
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    quantize_dynamic,
    quantize_static,
)

from harness.diagnose import DriftQuestion, diagnose

if TYPE_CHECKING:
    from pathlib import Path

REWRITES = {
    "as it is": {},
    "mul and add": {"norms": "affine"},
    "folded norm": {"norms": "folded"},
    "same upper": {"pads": "SAME_UPPER"},
    "pad node": {"pad_node": True},
    "matmul and add": {"gemm": False},
    "no names": {"named": False},
    "half precision": {"fp16": True},
    "all at once": {"norms": "folded", "pad_node": True, "gemm": False, "named": False},
}


@pytest.mark.parametrize("rewrite", sorted(REWRITES))
@pytest.mark.parametrize("provable", [True, False])
def test_rewrites(net, ask, rewrite, provable):
    """Outputs that are off by a constant open the question; no file answers it."""
    candidate = net(**REWRITES[rewrite]).model()
    assert ask(net().model(), candidate, provable=provable, noise=0.25) == ()
    assert ask(candidate, net().model(), provable=provable, noise=0.25) == ()


def test_rows_permuted_for_another_flattening(net, ask):
    candidate = net(channels_last=False)
    moved = candidate.weights["w3"].reshape(2, 2, 10, 12).transpose(2, 0, 1, 3)
    candidate.with_weight("w3", moved.reshape(40, 12))
    assert ask(net().model(), candidate.model(), provable=False, noise=0.25) == ()


@pytest.mark.parametrize("level", ["BASIC", "EXTENDED", "ALL"])
def test_optimized_offline(net, ask, tmp_path: Path, level):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = getattr(
        onnxruntime.GraphOptimizationLevel, f"ORT_ENABLE_{level}"
    )
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    onnxruntime.InferenceSession(net().model().SerializeToString(), options)
    optimized = onnx.load(tmp_path / "optimized.onnx")
    assert ask(net().model(), optimized, provable=False, noise=0.25) == ()


class Images(CalibrationDataReader):
    def __init__(self):
        images = np.random.default_rng(5).normal(size=(16, 1, 8, 8))
        self._left = [{"image": images.astype(np.float32)}]

    def get_next(self):
        return self._left.pop() if self._left else None


@pytest.mark.parametrize("form", ["dynamic", "QDQ", "QOperator", "QDQ by channel"])
@pytest.mark.parametrize("norms", ["affine", "folded"])
def test_quantized(net, ask, tmp_path: Path, form, norms):
    """Real drift, and no weight that moved by more than half a step."""
    source, target = tmp_path / "float.onnx", tmp_path / "int8.onnx"
    onnx.save(net(norms=norms).model(), source)
    if form == "dynamic":
        quantize_dynamic(source, target)
    else:
        kind = QuantFormat[form.split()[0]]
        by_channel = form.endswith("channel")
        quantize_static(
            source, target, Images(), quant_format=kind, per_channel=by_channel
        )
    assert ask(net().model(), onnx.load(target)) == ()


def test_agreement_within_the_floor_silences_what_differs_statically(net, ask):
    """A changed row that meets no feature: dead weights drift nothing."""
    dead = net().with_weight("b3", np.full(12, -1e4))
    candidate = net().with_weight("b3", np.full(12, -1e4))
    candidate.with_weight("w3", 3 * candidate.weights["w3"])
    assert ask(dead.model(), candidate.model()) == ()


def test_what_contributes_nothing_is_dropped_from_real_findings(net, ask):
    """The same dead weights beside a real fault."""
    dead = net().with_weight("b3", np.full(12, -1e4))
    candidate = net().with_weight("b3", np.full(12, -1e4))
    candidate.with_weight("w3", 3 * candidate.weights["w3"])
    bias = candidate.weights["b4"] + np.array([0, 0, 2, 0, 0])
    candidate.with_weight("b4", bias)
    (found,) = ask(dead.model(), candidate.model())
    assert found.where.tensor == "b4"


def test_noisy_columns_are_no_permutation():
    """Unrelated outputs: some order always fits a little better."""
    rng = np.random.default_rng(0)
    question = DriftQuestion(
        variant="noise",
        reference_model=None,
        candidate_model=None,
        reference_outputs={"scores": rng.normal(size=(64, 10))},
        candidate_outputs={"scores": rng.normal(size=(64, 10))},
    )
    assert diagnose(question).findings == ()


def test_outputs_that_are_not_finite_or_no_table_name_no_order():
    reference = {"a": np.eye(4), "b": np.ones((4, 2, 2)), "c": np.arange(4)}
    candidate = {
        "a": np.full((4, 4), np.nan),
        "b": np.zeros((4, 2, 2)),
        "c": reference["c"],
    }
    question = DriftQuestion("v", None, None, reference, candidate)
    assert diagnose(question).findings == ()
