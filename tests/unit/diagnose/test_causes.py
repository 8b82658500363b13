"""One planted fault, one finding: named, placed, proven."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnxruntime.quantization import quantize_dynamic

if TYPE_CHECKING:
    from pathlib import Path


def only(findings):
    assert len(findings) == 1, [f.explanation for f in findings]
    return findings[0]


def proven(finding):
    assert finding.severity == "error"
    assert finding.proof.error_removed > 0.999
    assert finding.proof.error_after < 1e-5 < finding.proof.error_before
    assert finding.proof.n_samples == 32
    assert finding.proof.n_flipped_after == 0
    return finding


@pytest.mark.parametrize("pad_node", [False, True], ids=["pads", "pad node"])
def test_symmetric_padding(net, ask, pad_node):
    candidate = net(pads=(1, 1, 1, 1), pad_node=pad_node).model()
    found = proven(only(ask(net().model(), candidate)))
    assert (found.code, found.cause) == ("PAD001", "padding.same_split")
    assert (found.where.candidate_node, found.where.op_type) == ("conv2", "Conv")
    assert "pads (1,1,1,1) [top, left, bottom, right]" in found.explanation
    assert "the reference pads (0,0,1,1)" in found.explanation


def test_same_lower_against_same_upper(net, ask):
    candidate = net(pads="SAME_LOWER").model()
    found = proven(only(ask(net(pads="SAME_UPPER").model(), candidate)))
    assert found.code == "PAD001"
    assert "pads (1,1,0,0)" in found.explanation


REWRITES = ["nodes", "affine", "folded"]


@pytest.mark.parametrize("norms", REWRITES)
@pytest.mark.parametrize("reference_norms", REWRITES)
def test_epsilon_however_the_norm_is_written(net, ask, norms, reference_norms):
    reference = net(norms=reference_norms).model()
    found = proven(only(ask(reference, net(epsilon=1e-5, norms=norms).model())))
    assert (found.code, found.cause) == ("NRM001", "norm.epsilon")
    assert found.where.candidate_node == "norm1"
    assert "; likewise '" in found.explanation
    if "nodes" in {norms, reference_norms}:
        assert "uses epsilon 1e-05; the reference uses 0.001" in found.explanation


def test_larger_epsilon_is_found_as_well(net, ask):
    found = proven(only(ask(net(epsilon=1e-5).model(), net(epsilon=1e-3).model())))
    assert "uses epsilon 0.001; the reference uses 1e-05" in found.explanation


@pytest.mark.parametrize("gemm", [False, True])
@pytest.mark.parametrize("last", [False, True])
def test_flatten_order(net, ask, last, gemm):
    reference = net(channels_last=last).model()
    candidate = net(channels_last=not last, gemm=gemm).model()
    found = proven(only(ask(reference, candidate)))
    assert (found.code, found.cause) == ("LAY001", "layout.permutation")
    assert found.where.op_type == ("Gemm" if gemm else "MatMul")
    now, wanted = ("CHW", "HWC") if last else ("HWC", "CHW")
    assert f"flattened as {now}" in found.explanation
    assert f"expect {wanted}" in found.explanation


def test_swapped_labels_are_named_not_the_weights_that_carry_them(net, ask):
    order = [0, 3, 2, 1, 4]
    candidate = net()
    candidate.with_weight("w4", candidate.weights["w4"][:, order])
    candidate.with_weight("b4", candidate.weights["b4"][order])
    found = proven(only(ask(net().model(), candidate.model())))
    assert (found.code, found.cause) == ("OUT001", "outputs.order")
    assert "classes 'bee' and 'dog' are swapped" in found.explanation
    assert found.where.tensor == "scores"


def test_rotated_labels(net, ask):
    order = [1, 2, 0, 3, 4]
    candidate = net()
    candidate.with_weight("w4", candidate.weights["w4"][:, order])
    candidate.with_weight("b4", candidate.weights["b4"][order])
    found = proven(only(ask(net().model(), candidate.model())))
    assert "classes are rotated" in found.explanation


@pytest.mark.parametrize("part", ["b1", "b2", "b3", "b4"])
def test_a_bias_is_named_with_its_channel(net, ask, part):
    candidate = net(gemm=False)
    changed = candidate.weights[part].copy()
    changed[2] -= 1.5
    found = proven(
        only(ask(net().model(), candidate.with_weight(part, changed).model()))
    )
    assert (found.code, found.cause) == ("WGT001", "weights.changed")
    assert found.where.tensor == part
    place = "class 'cat'" if part == "b4" else "channel 2"
    assert place in found.explanation


@pytest.mark.parametrize("norms", REWRITES)
@pytest.mark.parametrize("part", ["w1", "w2", "w3"])
def test_a_kernel_is_named_and_restored_across_rewrites(net, ask, part, norms):
    candidate = net(norms=norms)
    changed = candidate.weights[part].copy()
    changed[1] *= 1.4
    found = proven(
        only(ask(net().model(), candidate.with_weight(part, changed).model()))
    )
    assert found.code == "WGT001"
    assert found.where.tensor == part


def test_a_retouched_gamma_is_a_changed_weight(net, ask):
    candidate = net()
    gamma = candidate.weights["n1_gamma"].copy()
    gamma[3] *= 1.3
    found = proven(
        only(ask(net().model(), candidate.with_weight("n1_gamma", gamma).model()))
    )
    assert (found.code, found.where.tensor) == ("WGT001", "n1_gamma")


def test_rounded_weights_are_one_finding(net, ask):
    candidate = net()
    for name in ("w1", "w2", "w3", "w4"):
        weight = candidate.weights[name]
        step = np.abs(weight).max() / 3
        candidate.with_weight(name, np.round(weight / step) * step)
    found = proven(only(ask(net().model(), candidate.model())))
    assert found.code == "WGT001"
    assert "levels (3 bits)" in found.explanation
    assert "likewise" in found.explanation


def test_several_faults_are_told_apart_and_proven_together(net, ask):
    candidate = net(pads=(1, 1, 1, 1), epsilon=1e-5, channels_last=False)
    findings = ask(net().model(), candidate.model())
    assert {f.code for f in findings} == {"PAD001", "NRM001", "LAY001"}
    for finding in findings:
        assert finding.severity == "error"
        assert finding.proof.error_after < 1e-5
        assert "2 other findings" in finding.proof.edit


def test_fault_in_a_half_precision_file(net, ask):
    found = only(ask(net().model(), net(pads=(1, 1, 1, 1), fp16=True).model()))
    assert found.code == "PAD001"
    assert found.proof.error_removed > 0.95


def test_without_a_rerun_a_static_difference_is_a_lead(net, ask):
    candidate = net(pads=(1, 1, 1, 1)).model()
    found = only(ask(net().model(), candidate, provable=False))
    assert (found.code, found.severity, found.proof) == ("PAD001", "warning", None)


def test_a_changed_weight_in_a_quantized_file(net, ask, tmp_path: Path):
    """The bias that a quantizer left alone is restored; its rounding is no fault."""
    source, target = tmp_path / "float.onnx", tmp_path / "int8.onnx"
    candidate = net()
    candidate.with_weight("b4", candidate.weights["b4"] + np.array([0, 0, 0, 0, -2]))
    onnx.save(candidate.model(), source)
    quantize_dynamic(source, target)
    found = only(ask(net().model(), onnx.load(target)))
    assert (found.code, found.severity) == ("WGT001", "error")
    assert "class 'eel'" in found.explanation
    assert 0.9 < found.proof.error_removed < 1


@pytest.mark.parametrize("op", ["InstanceNormalization", "LayerNormalization"])
def test_epsilon_of_a_norm_over_each_sample(net, ask, op):
    def with_norm(epsilon):
        model = net().model()
        shape = (2, 2, 10) if op == "LayerNormalization" else (10,)
        ones = onnx.numpy_helper.from_array(np.ones(shape, np.float32), "ones")
        zeros = onnx.numpy_helper.from_array(np.zeros(shape, np.float32), "zeros")
        model.graph.initializer.extend([ones, zeros])
        source = "t" if op == "LayerNormalization" else "p"
        made = onnx.helper.make_node(
            op, [source, "ones", "zeros"], ["normed"], name="norm3", epsilon=epsilon
        )
        if op == "LayerNormalization":
            made.attribute.append(onnx.helper.make_attribute("axis", 1))
        at = next(i for i, n in enumerate(model.graph.node) if source in n.input)
        model.graph.node[at].input[0] = "normed"
        model.graph.node.insert(at, made)
        return model

    found = proven(only(ask(with_norm(1e-3), with_norm(0.1))))
    assert (found.code, found.where.candidate_node) == ("NRM001", "norm3")
    assert "uses epsilon 0.1; the reference uses 0.001" in found.explanation
