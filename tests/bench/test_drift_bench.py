"""The bench itself: faults are faults, rewrites are none, and the engine is asked."""

import json

import onnx
import pytest

from benchmarks.drift.bench import answer
from benchmarks.drift.engine import Answer
from benchmarks.drift.faults import MUTATORS, Truth
from benchmarks.drift.pairs import Plan
from benchmarks.drift.score import as_json, figures, judge, missed, table
from harness.core.results import Finding, Proof, Where

SMALL = ("digits", "signal")
# Named, placed and proven in both networks, in whatever dress.
ASKED = [
    ("digits", "padding.same_split"),
    ("digits", "layout.permutation"),
    ("digits", "outputs.order"),
    ("digits", "weights.changed/channel"),
    ("digits", "weights.changed/shuffled"),
    ("signal", "padding.same_split"),
    ("signal", "norm.epsilon"),
    ("signal", "outputs.order"),
    ("signal", "weights.changed/channel"),
    ("signal", "weights.changed/coarse"),
]


@pytest.mark.parametrize("name", SMALL)
def test_every_mutant_differs_and_its_place_is_in_the_file(makers, planned, name):
    mutants = [plan for plan in planned[name] if plan.mutator]
    assert len(mutants) > 15
    for plan in mutants:
        made = makers[name].make(plan)
        nodes = {node.name for node in made.model.graph.node}
        assert makers[name].drifts(made.model), plan
        assert made.truth.nodes, plan
        assert made.truth.nodes <= nodes, plan
        assert made.truth.causes[0] == plan.cause


@pytest.mark.parametrize("name", SMALL)
def test_every_rewrite_answers_the_same(makers, planned, name):
    rewrites = [plan for plan in planned[name] if not plan.mutator]
    assert len(rewrites) > 15
    for plan in rewrites:
        made = makers[name].make(plan)
        assert made.truth is None
        assert makers[name].agrees(made.model), plan


def test_a_plan_makes_the_same_file_again(makers, planned):
    for plan in planned["signal"][:5]:
        one, other = (makers["signal"].make(plan).model for _ in range(2))
        assert one.SerializeToString(deterministic=True) == other.SerializeToString(
            deterministic=True
        )


def test_the_truth_follows_a_renamed_node(makers):
    bare = makers["digits"].make(Plan("digits", "padding.same_split"))
    dressed = makers["digits"].make(Plan("digits", "padding.same_split", 0, "renamed"))
    assert not bare.truth.nodes & dressed.truth.nodes
    convolutions = {n.name for n in dressed.model.graph.node if n.op_type == "Conv"}
    assert dressed.truth.nodes & convolutions


def test_the_truth_follows_a_node_that_the_runtime_fused(makers):
    plan = Plan("digits", "activation.clip/added", 0, "ort_extended")
    made = makers["digits"].make(plan)
    assert "Clip" not in {node.op_type for node in made.model.graph.node}
    assert made.truth.nodes <= {node.name for node in made.model.graph.node}
    assert made.truth.nodes


def test_the_models_of_the_bench_are_valid(makers):
    for maker in makers.values():
        onnx.checker.check_model(maker.model)


def test_enough_causes_can_be_injected():
    assert len({name.partition("/")[0] for name in MUTATORS}) >= 30


@pytest.mark.parametrize(("network", "mutator"), ASKED)
def test_the_engine_finds_names_and_proves(cache, planned, network, mutator):
    plan = next(plan for plan in planned[network] if plan.mutator == mutator)
    (record,) = answer([plan], cache)
    assert record.right, missed([record])


def test_the_engine_is_silent_on_rewrites(cache, planned):
    clean = [plan for plan in planned["digits"] if not plan.mutator]
    assert [record.name for record in answer(clean, cache) if record.detected] == []


def finding(cause, node, removed):
    proof = Proof("edit", 1.0, 1.0 - removed, removed, 32)
    where = Where(candidate_node=node)
    return Finding("X001", "error", cause, "candidate", where, "why", proof=proof)


def judged(*findings, truth):
    return judge("net:fault", truth, Answer(tuple(findings), 1.0, 0.1))


def test_figures_count_what_was_right():
    truth = Truth(("conv.dilation",), frozenset({"conv"}))
    records = [
        judged(finding("conv.dilation", "conv", 1.0), truth=truth),
        judged(finding("weights.changed", "conv", 0.5), truth=truth),
        judged(finding("conv.dilation", "other", 1.0), truth=truth),
        judged(truth=truth),
        judged(truth=None),
        judged(finding("conv.dilation", "conv", 1.0), truth=None),
    ]
    found = figures(records)
    shares = {key: found["all"][key] for key in ("detected", "top1", "named", "proven")}
    assert shares == {"detected": 0.75, "top1": 0.5, "named": 0.5, "proven": 0.5}
    assert found["clean"] == {"pairs": 2, "false_alarms": 1}
    assert "false alarms: 1 of 2" in table(found)
    assert json.loads(json.dumps(as_json(records)))["figures"] == found
    assert missed(records).count("net:fault") == 4
