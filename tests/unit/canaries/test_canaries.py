"""Canaries: their answers are right, and a wrong runtime is told by them."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from harness.canaries import SPECIMENS, examine
from harness.core.errors import InferenceError
from harness.pipeline.canaries import canaries, drifting_canaries, fusing_canaries

# Where ONNX's own evaluator is wrong (as of onnx 1.23): coercion to two axes before
# opset 13, sums of LayerNormalization in float16, channels after the first of LRN; and
# it has no DequantizeLinear before opset 19.
_WRONG_REFERENCE = {
    *("Softmax before opset 13", "LayerNormalization in float16", "LRN"),
    *("u8 by s8 between Q/DQ pairs", "MaxPool between Q/DQ pairs"),
}


def by_name(name):
    return next(s for s in SPECIMENS if s.name == name)


def test_names_are_given_once():
    names = [specimen.name for specimen in SPECIMENS]
    assert len(names) == len(set(names))
    assert len(names) >= 50
    assert set(names) >= _WRONG_REFERENCE


@pytest.mark.parametrize(
    "name", [s.name for s in SPECIMENS if s.name not in _WRONG_REFERENCE]
)
def test_answers_are_those_of_the_specification(name):
    specimen = by_name(name)
    trial = specimen.build()
    model = onnx.load_model_from_string(trial.model)
    onnx.checker.check_model(model)
    with np.errstate(all="ignore"):
        (answer,) = ReferenceEvaluator(model).run(None, dict(trial.feeds))
    assert answer.dtype == trial.expected.dtype
    expected = trial.expected.astype(np.float64)
    np.testing.assert_allclose(answer, expected, atol=specimen.tolerance, rtol=0)


def test_a_runtime_that_answers_rightly_is_sound():
    answers = {s.build().model: s.build().expected for s in SPECIMENS}
    found = examine(lambda model, _feeds, _options: {"y": answers[model]})
    assert {canary.state for canary in found} == {"sound"}


def test_a_runtime_that_answers_otherwise_drifts():
    answers = {s.build().model: s.build().expected for s in SPECIMENS}

    def run(model, _feeds, options):
        right = answers[model]
        return {"y": right if options else (right + 1).astype(right.dtype)}

    found = examine(run)
    # Where 1 is lost in an infinity or in not-a-number nothing was changed.
    kept = {"NaN in ReduceMax"}
    assert {c.name for c in found if not c.drifts} == kept
    assert all(c.by_optimization for c in found if c.drifts)


def test_other_shapes_and_refusals_are_told():
    def run(model, _feeds, _options):
        if model == SPECIMENS[0].build().model:
            return {"y": np.zeros(99, np.float32)}
        raise InferenceError("no such operator\nmore", hint="another runtime")

    first, *others = examine(run)
    assert first.drifts
    assert first.max_abs_error is None
    assert {c.state for c in others} == {"not supported"}
    assert others[0].detail == "no such operator"


def test_the_installed_runtime_folds_padding_into_max_pooling():
    assert "Pad folded into MaxPool" in fusing_canaries()
    assert set(fusing_canaries()) <= set(drifting_canaries())
    assert not any(canary.state == "not supported" for canary in canaries())


def test_saturation_is_told_by_exact_integers():
    states = {canary.name: canary for canary in canaries()}
    assert states["u8 by s8 saturation"].max_abs_error is not None
