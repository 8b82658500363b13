"""A runtime that computes something else than its file: named, placed, proven."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from harness.backends.onnx_optimizers import OPTIMIZERS, optimized_graph
from harness.backends.onnxruntime_ import open_bytes
from harness.core.errors import ModelLoadError
from harness.diagnose import FusionQuestion, find_fusion, with_outputs
from harness.diagnose.bisect import needed

node = helper.make_node
IMAGES = np.random.default_rng(0).uniform(0, 1, (16, 1, 12, 12)).astype(np.float32)
PADS = np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64)


def stem(bias=-0.5, *, relu=False, pools=1, dtype=np.float32):
    """Convolution, zero padding, max pooling: as ResNet50V2 begins."""
    kernel = np.random.default_rng(1).normal(0, 0.2, (3, 1, 3, 3))
    arrays = {
        "kernel": kernel.astype(dtype),
        "bias": np.full(3, bias, dtype),
        "pads": PADS,
    }
    nodes = [node("Conv", ["image", "kernel", "bias"], ["c"], "conv")]
    if dtype == np.float16:
        nodes.insert(0, node("Cast", ["image"], ["half"], "half", to=10))
        nodes[1].input[0] = "half"
    last = "c"
    if relu:
        nodes.append(node("Relu", ["c"], ["r"], "relu"))
        last = "r"
    for i in range(pools):
        nodes.append(node("Pad", [last, "pads"], [f"p{i}"], f"pad{i}"))
        steps = {"kernel_shape": [3, 3], "strides": [2, 2]}
        nodes.append(node("MaxPool", [f"p{i}"], [f"m{i}"], f"pool{i}", **steps))
        last = f"m{i}"
    nodes.append(node("ReduceMean", [last], ["mean"], "mean", keepdims=0, axes=[2, 3]))
    nodes.append(node("Cast", ["mean"], ["y"], "float", to=TensorProto.FLOAT))
    graph = helper.make_graph(
        nodes,
        "stem",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 1, 12, 12])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    opset = helper.make_opsetid("", 17)
    return helper.make_model(graph, opset_imports=[opset], ir_version=8)


class Runner:
    """Runs one file, and counts how often."""

    def __init__(self, path, deployed):
        self.path, self.deployed, self.runs = path, deployed, 0

    def __call__(self, options, batch_size=None, nudge=0.0, taps=()):
        assert batch_size is None
        self.runs += 1
        model = self.path.read_bytes()
        if taps:
            model = with_outputs(model, taps)
        session = open_bytes(model, {**self.deployed, **options})
        try:
            fed = IMAGES * np.float32(1 + nudge)
            return {"y": session.run({"image": fed}, slice(0, len(IMAGES)))["y"]}
        finally:
            session.close()

    def optimized(self, options):
        return optimized_graph(self.path, {**self.deployed, **options})


@pytest.fixture
def hunt(tmp_path):
    """Look for a fusion fault in a model; the reference is the file as it stands."""

    def hunted(model, reference=None, *, deployed=None, **changed):
        path = tmp_path / "candidate.onnx"
        onnx.save(model, path)
        run = Runner(path, deployed or {})
        right = run({"graph_optimization_level": "disable"})
        question = FusionQuestion(
            variant="candidate",
            model=path,
            reference_outputs=right if reference is None else reference(right),
            candidate_outputs=run({}),
            run=run,
            options=run.deployed,
            **{"optimizers": OPTIMIZERS, "optimized": run.optimized, **changed},
        )
        hunted.runs = run
        return find_fusion(question)

    return hunted


def weight_only():
    """Weights as 8-bit codes, read back to float; runtimes multiply in integers."""
    weights = np.random.default_rng(1).integers(-127, 128, (144, 3), np.int8)
    arrays = {"codes": weights, "scale": np.float32(0.01), "zero": np.int8(0)}
    nodes = [
        node("Flatten", ["image"], ["flat"], "flatten"),
        node("DequantizeLinear", ["codes", "scale", "zero"], ["weights"], "read"),
        node("MatMul", ["flat", "weights"], ["y"], "product"),
    ]
    graph = helper.make_graph(
        nodes,
        "weights",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 1, 12, 12])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(np.asarray(a), n) for n, a in arrays.items()],
    )
    opset = helper.make_opsetid("", 21)
    return helper.make_model(graph, opset_imports=[opset], ir_version=10)


def test_integer_kernels_are_worth_a_word_and_no_error(hunt):
    noise = np.random.default_rng(2).normal(0, 0.1, (len(IMAGES), 3))
    found = hunt(weight_only(), lambda right: {"y": right["y"] + noise})
    assert "QDQSelectorActionTransformer" in found.finding.explanation
    assert found.finding.severity == "warning"


def test_integer_kernels_that_are_all_of_the_error_are_one(hunt):
    assert hunt(weight_only()).finding.severity == "error"


def test_the_fault_is_named_placed_and_proven(hunt):
    found = hunt(stem(), canaries=("Pad folded into MaxPool", "Integer Div then Mul"))
    finding = found.finding
    assert (finding.code, finding.cause) == ("FUS001", "runtime.fusion")
    assert finding.severity == "error"
    assert (finding.where.candidate_node, finding.where.tensor) == ("pool0", "p0")
    assert "from level 'basic' on; it is Pad_Fusion" in finding.explanation
    assert "Pad 'pad0'" in finding.explanation
    assert "Pad folded into MaxPool" in finding.explanation
    assert "Integer Div" not in finding.explanation
    assert finding.reference_semantics == "Pad 'pad0', then MaxPool 'pool0'"
    assert finding.candidate_semantics.endswith("with pads [1, 1, 1, 1]")
    assert finding.proof.edit == "set disabled_optimizers to Pad_Fusion"
    assert finding.proof.error_before > 0.01
    assert finding.proof.error_after < 1e-6
    assert found.options == {"disabled_optimizers": ["Pad_Fusion"]}
    assert hunt.runs.runs < 40


def test_looking_at_the_value_hides_the_fault(hunt):
    hunt(stem())
    run = hunt.runs
    right = run({"graph_optimization_level": "disable"})["y"]
    assert np.abs(run({})["y"] - right).max() > 0.01
    np.testing.assert_allclose(run({}, taps=["p0"])["y"], right, atol=1e-6)


def test_of_two_places_the_one_that_changes_numbers_is_named(hunt):
    """The second pooling reads nothing below 0."""
    model = stem(pools=2)
    model.graph.node[3].input[0] = "clipped"
    model.graph.node.insert(3, node("Abs", ["m0"], ["clipped"], "abs"))
    found = hunt(model)
    assert found.finding.where.tensor == "p0"
    assert "pad1" not in found.finding.explanation


def test_what_the_suite_disables_already_stays_disabled(hunt):
    found = hunt(stem(), deployed={"disabled_optimizers": ["ConstantFolding"]})
    names = found.options["disabled_optimizers"]
    assert names == ["ConstantFolding", "Pad_Fusion"]


@pytest.mark.parametrize(
    "deployed",
    [
        {"graph_optimization_level": "disable"},
        {"disabled_optimizers": ["Pad_Fusion"]},
    ],
)
def test_a_sound_run_is_silent(hunt, deployed):
    assert hunt(stem(), deployed=deployed) is None


@pytest.mark.parametrize(
    "model",
    [stem(relu=True), stem(bias=5.0), stem(relu=True, dtype=np.float16)],
    ids=["relu", "positive", "float16"],
)
def test_a_fusion_that_changes_no_number_is_silent(hunt, model):
    """Two runs beyond the first comparison would mean that it was not even close."""
    assert hunt(model) is None
    assert hunt.runs.runs <= 4


def test_where_other_faults_hide_it_the_file_itself_is_the_witness(hunt):
    found = hunt(stem(), lambda right: {"y": right["y"] + 100})
    assert "held against the run without optimization" in found.finding.proof.edit
    assert found.finding.proof.error_removed > 0.99


def test_an_optimizer_without_a_name_leaves_the_level(hunt):
    found = hunt(stem(), optimizers=("ConstantFolding",))
    assert found.options == {"graph_optimization_level": "disable"}
    assert found.finding.where.candidate_node is None
    assert "'basic'" in found.finding.explanation
    assert found.finding.proof.error_removed > 0.99


def test_without_a_view_of_the_graph_the_optimizer_is_named_all_the_same(hunt):
    found = hunt(stem(), optimized=None)
    assert "Pad_Fusion" in found.finding.explanation
    assert found.finding.where.tensor is None


def test_the_list_holds_what_the_installed_runtime_runs(tmp_path):
    """onnxruntime logs every transformer it applies; those without effect on numbers
    are left out of the list on purpose."""
    path = tmp_path / "m.onnx"
    onnx.save(stem(), path)
    program = (
        "import onnxruntime as o, sys\n"
        "s = o.SessionOptions(); s.log_severity_level = 1\n"
        f"o.InferenceSession({str(path)!r}, s, ['CPUExecutionProvider'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    told = set(re.findall(r"GraphTransformer (\w+) modified", done.stderr))
    assert "ConstantFolding" in told
    harmless = {
        *("Level1_RuleBasedTransformer", "Level2_RuleBasedTransformer"),
        *("MemcpyTransformer", "CastFloat16Transformer"),
        *("RemoveDuplicateCastTransformer", "FuseFp16InitializerToFp32NodeTransformer"),
    }
    assert told - harmless <= set(OPTIMIZERS)


def test_the_optimized_graph_is_what_is_run(tmp_path):
    path = tmp_path / "m.onnx"
    onnx.save(stem(), path)
    seen = onnx.load_model_from_string(optimized_graph(path, {}))
    assert "Pad" not in {n.op_type for n in seen.graph.node}
    plain = {"graph_optimization_level": "disable"}
    seen = onnx.load_model_from_string(optimized_graph(path, plain))
    assert "Pad" in {n.op_type for n in seen.graph.node}


def test_an_optimized_graph_of_no_model_is_an_error(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"no model")
    with pytest.raises(ModelLoadError):
        optimized_graph(tmp_path / "m.onnx", {})


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 60), st.sets(st.integers(0, 59), max_size=4))
def test_bisection_finds_exactly_what_is_needed(n, culprits):
    items = list(range(n))
    culprits = {c for c in culprits if c < n}
    asked = []

    def works(some):
        asked.append(some)
        return culprits <= set(some)

    assert needed(items, works) == tuple(sorted(culprits))
    assert len(asked) <= 3 + len(culprits) * 8


def test_bisection_gives_up_where_nothing_helps_or_too_much_is_needed():
    assert needed([1, 2, 3], lambda some: 4 in some) is None
    assert needed(range(9), lambda some: len(some) == 9) is None
