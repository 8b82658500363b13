"""Weights in the gate: every form is held against the original's, by its own file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from harness.core.registry import LazyEntry
from harness.core.results import VariantResult
from harness.core.specs import VariantSpec
from harness.gate import judge, limits_for
from harness.pipeline.evaluation import planned_checks
from harness.pipeline.weighing import standard, weigh, weigh_all
from harness.suite import load_suite

GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.fixture(scope="module")
def suite():
    return load_suite(GOLDEN / "digits")


@pytest.fixture(scope="module")
def weighed(suite):
    return weigh_all(suite.variants, standard(suite, {}))


def drift_check(spec, found):
    """The gate's answer to the weights alone."""
    facts = (spec.name, spec.kind, "ran", None, None, str(spec.path), spec.line)
    blank = VariantResult(*facts, None, None, "x", 1, {}, None)
    result = replace(blank, weights=found.statistics, weight_drift=found.drift)
    judged = judge(result, limits_for(spec), [])
    return next(c for c in judged.checks if c.name == "weight_drift")


class TestDigits:
    def test_the_original_is_the_standard_although_it_is_only_replayed(self, suite):
        assert standard(suite, {}).spec.name == "keras"

    def test_every_variant_is_held_against_it_and_passes(self, suite, weighed):
        assert weighed["keras"].reason == "its weights speak for the reference"
        for spec in suite.candidates:
            found = weighed[spec.name]
            assert found.reason is None, spec.name
            assert found.drift.reference == "keras"
            assert found.drift.unmatched_reference == ()
            assert found.drift.unmatched_candidate == ()
            assert found.drift.faults == ()
            assert drift_check(spec, found).status == "passed", spec.name

    def test_all_of_them_are_asked_for_their_weights(self, suite):
        for spec in suite.candidates:
            assert "weight_drift" in planned_checks(suite, spec)
        assert "weight_drift" not in planned_checks(suite, suite.variant("keras"))

    def test_formats_are_tried_once_on_the_original(self, weighed):
        formats = {risk.format for risk in weighed["keras"].statistics[0].risks}
        assert formats == {"float16", "int8", "int8-channel"}
        assert {harm.format for harm in weighed["keras"].harm} == formats
        assert all(not t.risks for t in weighed["frozen"].statistics)

    def test_quantized_variants_are_audited(self, weighed):
        for name in ("onnx-int8-static", "tflite-int8"):
            assert weighed[name].audit.n_weights == 8
            assert weighed[name].audit.findings == ()
        assert weighed["onnx"].audit is None

    def test_without_a_reader_another_variant_is_the_standard(self, suite, monkeypatch):
        def missing(entry):
            return entry.requires if entry.extra else ()

        monkeypatch.setattr(LazyEntry, "missing", missing)
        spec = suite.variant("keras")
        assert "weight_drift" not in planned_checks(suite, suite.variant("savedmodel"))
        assert "pip install 'model-quality-harness[h5]'" in weigh(spec, None).reason


def test_the_mistakes_of_the_other_suite_are_named(suite):
    regressed = load_suite(GOLDEN / "digits-regressed")
    held_to = standard(regressed, {})
    messages = {}
    for spec in regressed.candidates:
        check = drift_check(spec, weigh(spec, held_to))
        if check.status == "failed":
            messages[spec.name] = check.message
    assert messages.keys() == {
        *("torch-bn-epsilon", "bias-lowered", "labels-swapped", "weights-3bit")
    }
    assert messages["torch-bn-epsilon"].startswith("norm.epsilon: bn1.running_var")
    assert messages["bias-lowered"].endswith("weights.stale")
    assert "elements 3 and 5 swapped" in messages["labels-swapped"]
    assert "less than 20.0 dB" in messages["weights-3bit"]


def test_a_broken_file_is_a_reason_and_no_crash(suite, tmp_path):
    path = tmp_path / "digits.onnx"
    whole = (GOLDEN / "digits/models/digits.onnx").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    spec = replace(suite.variant("onnx"), path=path)
    found = weigh(spec, standard(suite, {}))
    assert found.drift is None
    assert found.reason.startswith("its weights cannot be read: ")
    gone = replace(spec, path=tmp_path / "gone.onnx")
    assert "gone.onnx" in weigh(gone, None).reason


@pytest.fixture
def large(tmp_path):
    """Two variants of 1,000 tensors each, the last of which differs."""

    def write(name, change=0.0):
        rng = np.random.default_rng(0)
        weights = {
            f"layer{k}.weight": rng.normal(0, 0.1, (6, 4)).astype(np.float32)
            for k in range(1000)
        }
        weights["layer999.weight"] += np.float32(change)
        path = tmp_path / f"{name}.safetensors"
        save_file(weights, path)
        return VariantSpec(name, "converted", path, 1)

    return write("reference"), write("candidate", 0.5)


def test_a_thousand_tensors_keep_pictures_for_those_that_are_drawn(large, suite):
    suite = replace(suite, reference="reference", variants=large)
    weighed = weigh_all(large, standard(suite, {}))
    ours = {t.name: t for t in weighed["candidate"].statistics}
    theirs = {t.name: t for t in weighed["reference"].statistics}
    assert len(ours) == len(theirs) == 1000
    assert ours["layer999.weight"].histogram is not None
    assert theirs["layer999.weight"].histogram is not None
    for side in (ours, theirs):
        drawn = [t for t in side.values() if t.histogram]
        assert len(drawn) <= 48
        plain = next(t for t in side.values() if not t.histogram)
        assert plain.std is not None
        assert plain.octaves is None
        assert plain.channels.ratio is not None
        assert plain.channels.low == ()
