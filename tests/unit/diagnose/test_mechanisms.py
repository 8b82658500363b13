"""Alignment, teacher forcing, the budget, repair: through the public door."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from harness.backends.onnx_pieces import run_graph
from harness.comparison import distance
from harness.diagnose import Budget, DriftQuestion, diagnose
from harness.diagnose.forcing import apart
from harness.diagnose.layouts import layouts

node = helper.make_node
RNG = np.random.default_rng(3)


@pytest.fixture(params=["values"])
def mode(request):
    return request.param


def answer(model, feeds):
    """The outputs of a model."""
    names = [item.name for item in model.graph.output]
    return run_graph(model.SerializeToString(), feeds, names)


def built(nodes, arrays, inputs, outputs, opset=20):
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info(k, TensorProto.FLOAT, s) for k, s in inputs],
        [helper.make_tensor_value_info(k, TensorProto.FLOAT, None) for k in outputs],
        [numpy_helper.from_array(np.asarray(a), k) for k, a in arrays.items()],
    )
    imports = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=imports, ir_version=10)


def question(reference, candidate, feeds, theirs=None, **more):
    """What the pipeline would ask of two models."""
    theirs = theirs or feeds
    ours = answer(reference, feeds)
    other = dict(zip(ours, answer(candidate, theirs).values(), strict=True))

    def rerun(model):
        edited = onnx.load_model_from_string(model)
        answers = answer(edited, theirs).values()
        return distance(ours, dict(zip(ours, answers, strict=True)))

    return DriftQuestion(
        variant="candidate",
        reference_model=reference.SerializeToString(),
        candidate_model=candidate.SerializeToString(),
        reference_outputs=ours,
        candidate_outputs=other,
        rerun=rerun,
        reference_feeds=feeds,
        candidate_feeds=theirs,
        run_graph=run_graph,
        **more,
    )


def normal(*shape, scale=0.3):
    return RNG.normal(0, scale, shape).astype(np.float32)


CONVS = {f"w{i}": normal(6, 6 if i else 3, 3, 3) for i in range(4)}
IMAGES = {"x": normal(8, 3, 12, 12, scale=1.0)}


def chain(*, slope=0.1, axes=False, name="n", drop=None):
    """Four convolutions with LeakyRelu between; NHWC at the ends with `axes`."""
    nodes, value = [], "x"
    if axes:
        nodes.append(node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]))
        value = "t"
    for i in range(4):
        made = f"{name}{i}"
        nodes.append(
            node("Conv", [value, f"w{i}"], [made], name=made, pads=[1, 1, 1, 1])
        )
        value = made
        if i != drop:
            alpha = slope if i == 2 else 0.1
            value = f"{name}r{i}"
            nodes.append(node("LeakyRelu", [made], [value], name=value, alpha=alpha))
    if axes:
        nodes.append(node("Transpose", [value], ["back"], perm=[0, 2, 3, 1]))
        value = "back"
    nodes.append(node("Identity", [value], ["y"]))
    shape = ["n", 12, 12, 3] if axes else ["n", 3, 12, 12]
    return built(nodes, CONVS, [("x", shape)], ["y"])


def test_the_guilty_step_injects_and_what_follows_inherits():
    found = diagnose(question(chain(), chain(slope=0.3, name="k"), IMAGES))
    steps = {step.candidate_node: step for step in found.profile.steps}
    assert [name for name, step in steps.items() if step.guilty] == ["kr2"]
    assert steps["kr2"].reference_node == "nr2"
    assert steps["kr2"].injected > 0.05
    assert steps["k3"].injected < 1e-6 < steps["k3"].inherited
    assert steps["kr1"].inherited < 1e-6
    assert found.unmatched == ((), ())
    assert found.profile.n_samples == 8


def test_a_layout_is_found_by_values():
    theirs = {"x": IMAGES["x"].transpose(0, 2, 3, 1)}
    candidate = chain(slope=0.3, axes=True, name="k")
    asked = question(chain(), candidate, IMAGES, theirs)
    asked = replace(
        asked,
        candidate_outputs={
            "y": asked.candidate_outputs["y"].transpose(0, 3, 1, 2).copy()
        },
        rerun=None,
    )
    found = diagnose(asked)
    assert [s.candidate_node for s in found.profile.steps if s.guilty] == ["kr2"]
    (finding,) = found.findings
    assert finding.proof is None
    assert finding.severity == "warning"


def test_an_operator_left_out_is_said_to_have_no_partner():
    found = diagnose(question(chain(), chain(drop=1, name="k"), IMAGES))
    assert found.unmatched[0] == ("nr1",)
    (finding,) = found.findings
    assert finding.where.candidate_node in {"k1", "k2"}
    assert finding.proof.error_removed > 0.999


def test_the_repaired_model_answers_as_the_reference_does():
    reference = chain()
    found = diagnose(question(reference, chain(slope=0.3, name="k"), IMAGES))
    repaired = onnx.load_model_from_string(found.repaired)
    expected, got = answer(reference, IMAGES)["y"], answer(repaired, IMAGES)["y"]
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_a_small_budget_looks_at_fewer_samples_in_smaller_pieces():
    seen = []

    def watched(model, feeds, fetches):
        answers = run_graph(model, feeds, fetches)
        seen.append(sum(array.nbytes for array in answers.values()))
        return answers

    asked = question(chain(), chain(slope=0.3, name="k"), IMAGES)
    budget = 400_000
    small = diagnose(replace(asked, run_graph=watched, budget=Budget(budget)))
    assert small.findings[0].where == diagnose(asked).findings[0].where
    assert small.profile.n_samples == 4
    # One node's values may exceed a piece's share; nothing else does.
    assert max(seen) <= max(budget / 8, 4 * 6 * 12 * 12 * 4)


def test_time_that_is_over_ends_the_search_and_is_told():
    asked = question(chain(), chain(slope=0.3, name="k"), IMAGES)
    late = diagnose(replace(asked, budget=Budget(seconds=0)))
    assert late.findings == ()
    (notice,) = late.notices
    assert "stopped looking after 0 s" in notice
    in_time = diagnose(replace(asked, budget=Budget(seconds=600)))
    assert in_time.findings == diagnose(asked).findings
    assert in_time.notices == ()


def gelu(written, epsilon=1e-5):
    """x through a layer norm, GELU as one node or written out, and a matrix."""
    arrays = {
        "gamma": np.full(16, 1.5, np.float32),
        "beta": np.full(16, 0.1, np.float32),
        "w": GELU_W,
        "half": np.float32(0.5),
        "root": np.float32(np.sqrt(2)),
        "one": np.float32(1),
    }
    norm = node(
        "LayerNormalization", ["x", "gamma", "beta"], ["h"], "norm", epsilon=epsilon
    )
    spelled = [
        node("Div", ["h", "root"], ["a"]),
        node("Erf", ["a"], ["b"]),
        node("Add", ["b", "one"], ["c"]),
        node("Mul", ["h", "c"], ["d"]),
        node("Mul", ["d", "half"], ["g"], "last_of_gelu"),
    ]
    whole = [node("Gelu", ["h"], ["g"], "gelu", approximate=written)]
    nodes = [norm, *(spelled if written == "out" else whole)]
    nodes.append(node("MatMul", ["g", "w"], ["y"], "head"))
    read = {k for item in nodes for k in item.input}
    arrays = {k: a for k, a in arrays.items() if k in read}
    return built(nodes, arrays, [("x", ["n", 16])], ["y"])


GELU_W = normal(16, 4)
ROWS = {"x": normal(32, 16, scale=2.0)}


def test_a_written_out_function_is_the_operator():
    found = diagnose(question(gelu("none"), gelu("out", epsilon=0.1), ROWS))
    (finding,) = found.findings
    assert (finding.code, finding.where.candidate_node) == ("NRM001", "norm")
    assert finding.proof.error_after < 1e-5


def test_an_approximation_is_set_back():
    found = diagnose(question(gelu("none"), gelu("tanh"), ROWS))
    (finding,) = found.findings
    assert finding.where.candidate_node == "gelu"
    assert finding.proof.error_removed > 0.99


def test_where_no_cause_is_known_the_place_is_proven():
    wrong = gelu("out")
    erf = next(n for n in wrong.graph.node if n.op_type == "Erf")
    erf.op_type = "Sin"
    erf.name = "not_erf"
    found = diagnose(question(gelu("none"), wrong, ROWS))
    (finding,) = found.findings
    assert finding.code == "SEG001"
    assert finding.severity == "error"
    assert finding.proof.error_removed > 0.999
    assert found.repaired is not None


def test_pieces_that_do_not_run_are_said_and_files_are_looked_at(net):
    def refuses(model, feeds, fetches):
        return run_graph(b"", feeds, fetches)

    images = {"image": normal(8, 1, 8, 8, scale=1.0)}
    candidate = net(pads=(1, 1, 1, 1)).model()
    asked = question(net().model(), candidate, images)
    found = diagnose(replace(asked, run_graph=refuses))
    assert [f.code for f in found.findings] == ["PAD001"]
    assert found.findings[0].severity == "error"
    assert "looked at the files alone" in found.notices[0]


@pytest.mark.parametrize(
    ("ours", "theirs", "first"),
    [
        ((2, 3, 4, 5), (2, 4, 5, 3), (0, 2, 3, 1)),
        ((2, 4, 5, 3), (2, 3, 4, 5), (0, 3, 1, 2)),
        ((2, 3, 4, 5), (2, 3, 4, 5), None),
        ((2, 3, 1, 1), (2, 3), None),
        ((7, 2, 3), (2, 7, 3), (1, 0, 2)),
    ],
)
def test_layouts_bring_one_tensor_to_the_other(ours, theirs, first):
    option = next(layouts(ours, theirs))
    assert option.perm == first
    array = np.arange(np.prod(ours)).reshape(ours)
    moved = option.apply(array)
    assert moved.shape == theirs
    expected = array if first is None else array.transpose(first)
    np.testing.assert_array_equal(moved.ravel(), expected.ravel())


def test_how_far_two_arrays_are():
    mine = np.array([3.0, 4.0, np.nan])
    assert apart(mine, mine).relative == 0
    assert apart(mine, np.array([3.0, 4.5, np.nan])).relative == pytest.approx(0.1)
    assert apart(mine, np.array([3.0, 4.5, np.nan])).peak == pytest.approx(0.125)
    assert np.isinf(apart(mine, np.array([3.0, np.nan, np.nan])).peak)
    assert np.isinf(apart(mine, mine[:2]).relative)
    infinite = np.array([np.inf, 3.0, 4.0], np.float32)
    assert apart(infinite, infinite + np.float32(1)).peak == 0.25
    assert np.isinf(apart(infinite, -infinite).peak)
    large = np.full(4, 1e30, np.float32)
    assert apart(large, 2 * large).relative == pytest.approx(1.0)


def test_a_fault_that_one_sample_shows_is_looked_at_on_that_sample():
    rows = {"x": normal(40, 16)}
    rows["x"][39] *= 100
    arrays = {"w": GELU_W, "low": np.float32(0), "high": np.float32(6)}

    def bounded(*bounds):
        clip = node("Clip", ["h", *bounds], ["y"], "bounded")
        nodes = [node("MatMul", ["x", "w"], ["h"], "head"), clip]
        read = {k: a for k, a in arrays.items() if k in {"w", *bounds}}
        return built(nodes, read, [("x", ["n", 16])], ["y"])

    found = diagnose(question(bounded("low"), bounded("low", "high"), rows))
    (finding,) = found.findings
    assert finding.where.candidate_node == "bounded"
    assert finding.proof.error_removed > 0.999
    assert found.profile.n_samples == 16
