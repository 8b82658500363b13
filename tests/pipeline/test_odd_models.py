"""Models of odd interfaces, end to end: held against the originals' own answers."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

ODD = [
    *(
        "two_by_two",
        "external",
        "recurrent",
        "time_major",
        "fixed_batch_1",
        "fixed_batch_3",
    ),
    *("fixed_time_major", "tokens", "any_size", "json_names", "scalar", "unbatched"),
    *("half", "brain_half", "flags", "notes", "frames"),
    *("zipmap_numbers", "zipmap_words"),
]
# Roundings of float16 and bfloat16 near 1.
CLASSES = {
    "zipmap_numbers": [10, 20, 30],
    "zipmap_words": ["cold", "cold as the sea", "fresh", "warm"],
}
ATOL = {"half": 2e-3, "brain_half": 0}

SUITE = """\
[suite]
name = "odd"
task = "tensor"
reference = "original"
allow_outside = true

[golden]
data = "golden.npz"

[[variant]]
name = "original"
kind = "original"
path = "answers.npz"

[[variant]]
name = "exported"
kind = "converted"
path = {path}
"""


@pytest.fixture
def run(tmp_path, small):
    """Write a suite about a case, run it, and give the saved report."""

    def run(case, *lines, atol=2e-6, expected=0, suite=None):
        np.savez(tmp_path / "golden.npz", **case.golden)
        np.savez(tmp_path / "answers.npz", **case.answers)
        text = SUITE.format(path=json.dumps(str(case.model)))
        for old, new in (suite or {}).items():
            text = text.replace(old, new)
        if case.batch_axis is not None:
            text += f"batch_axis = {toml(case.batch_axis)}\n"
        text += "\n".join([*lines, f"gate = {{ atol = {atol}, rtol = 0.0 }}\n"])
        (tmp_path / "quality.toml").write_text(text, encoding="utf-8")
        written = tmp_path / "report.json"
        reports = ["--json", written, "--html", tmp_path / "report.html"]
        result = small.invoke("run", tmp_path, *reports)
        assert result.exit_code == expected, result.output
        if expected == 2:
            return result.output
        return json.loads(written.read_text(encoding="utf-8"))

    return run


def toml(axes):
    if not isinstance(axes, dict):
        return json.dumps(axes)
    pairs = ", ".join(f"{json.dumps(k)} = {json.dumps(v)}" for k, v in axes.items())
    return f"{{ {pairs} }}"


def refused(run, case, *words, lines=()):
    output = " ".join(run(case, *lines, expected=2).split())
    for word in (*words, "Hint"):
        assert word in output


def mean():
    """One number, whatever the number of samples."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["x"], ["y"], keepdims=0)],
        "mean",
        [value("x", TensorProto.FLOAT, ["n", 2])],
        [value("y", TensorProto.FLOAT, [])],
    )
    opsets = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def exported(report):
    return next(v for v in report["variants"] if v["name"] == "exported")


@pytest.mark.parametrize("name", ODD)
def test_an_odd_model_answers_as_its_original(zoo, run, name):
    case = zoo(name)
    found = exported(run(case, atol=ATOL.get(name, 2e-6)))
    assert found["status"] == "ran"
    assert [output["name"] for output in found["outputs"]] == [*case.answers]
    assert all(output["n_mismatched"] == 0 for output in found["outputs"])
    expected = [array.size for array in case.answers.values()]
    assert [output["n_elements"] for output in found["outputs"]] == expected


def test_outputs_of_equal_shape_meet_by_value(zoo, run, tmp_path):
    """Other names, another order: what they say is what they are."""
    theirs, ours = zoo("frames"), zoo("notes")
    found = exported(run(replace(ours, model=theirs.model)))
    pairs = {o["name"]: o["candidate_name"] for o in found["outputs"]}
    assert pairs == {"note": "Identity_1:0", "onset": "Identity:0"}
    assert [output["n_mismatched"] for output in found["outputs"]] == [0, 0]


def test_names_that_are_json_text_can_be_declared(zoo, run):
    first, second = zoo("json_names").answers
    pairs = f"outputs = {{ '{first}' = '{second}', '{second}' = '{first}' }}"
    crossed = exported(run(zoo("json_names"), pairs, expected=1))
    assert all(output["n_mismatched"] for output in crossed["outputs"])


def test_ort_file(zoo, run, tmp_path):
    case = zoo("external")
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.save_model_format", "ORT")
    options.optimized_model_filepath = str(tmp_path / "model.ort")
    onnxruntime.InferenceSession(case.model, options)
    found = exported(run(replace(case, model=tmp_path / "model.ort")))
    assert found["status"] == "ran"
    assert all(output["n_mismatched"] == 0 for output in found["outputs"])


@pytest.mark.parametrize("name", ["zipmap_words", "zipmap_numbers"])
def test_a_classifier_with_zipmap_is_judged_by_its_classes(zoo, run, tmp_path, name):
    case = zoo(name)
    label = case.answers["output_label"]
    classes = CLASSES[name]
    true = np.searchsorted(classes, label)
    golden = {
        **case.golden,
        "label": true,
        "label_names": np.array(classes).astype(str),
    }
    suite = {'task = "tensor"': 'task = "classification"'}
    report = run(replace(case, golden=golden), suite=suite)
    found = exported(report)
    assert found["labels"]["accuracy"] == found["labels"]["top1_agreement"] == 1
    assert report["golden"]["class_names"] == [str(c) for c in classes]
    columns = found["runtime"]["output_probability.columns"]
    assert columns == ", ".join(map(str, classes))


def test_text_is_recorded_and_replayed(zoo, run, tmp_path, small):
    case = zoo("zipmap_words")
    (tmp_path / "recorded").mkdir()
    run(case, suite={'"golden.npz"': '"golden.npz"\nrecorded = "recorded"'})
    done = small.invoke("record", tmp_path, "--variant", "exported")
    assert done.exit_code == 0, done.output
    recorded = tmp_path / "recorded" / "exported"
    found = exported(run(replace(case, model=recorded)))
    assert found["status"] == "replayed"
    assert [output["n_mismatched"] for output in found["outputs"]] == [0, 0]


class TestWhereSamplesLie:
    def test_states_whose_samples_lie_elsewhere_are_told(self, zoo, run):
        case = replace(zoo("recurrent"), batch_axis=None)
        refused(run, case, "which axis counts samples", "'h0' (2, batch, 4)")

    def test_an_axis_that_is_called_the_batch_is_not_passed_over(self, zoo, run):
        case = replace(zoo("time_major"), batch_axis=None)
        refused(run, case, "which axis counts samples", "'x' (5, batch, 3)")

    def test_a_tensor_that_the_model_has_not(self, zoo, run):
        case = replace(zoo("recurrent"), batch_axis={"h": 1})
        refused(run, case, "variant 'exported'", "no tensor 'h'", "h0")

    def test_an_axis_that_the_tensor_has_not(self, zoo, run):
        refused(run, replace(zoo("tokens"), batch_axis=2), "batch_axis is 2", "ids")

    def test_the_declared_axes_are_on_record(self, zoo, run):
        runtime = exported(run(zoo("recurrent")))["runtime"]
        axes = {k: v for k, v in runtime.items() if k.startswith("batch_axis")}
        assert axes == dict.fromkeys(
            [f"batch_axis.{n}" for n in ("c0", "cn", "h0", "hn")], 1
        )


def test_flattened_samples_keep_their_axis(zoo, run):
    """(n, 2, 2) becomes (n, 4), of the rank that one sample had before."""
    case = zoo("half")
    golden = {"x": case.golden["x"].reshape(-1, 2, 2)}
    lines = "preprocess = { flatten = true }"
    found = exported(run(replace(case, golden=golden), lines, atol=2e-3))
    assert found["batch_size"] == 32


class TestOneSampleAsItStands:
    """A sequence and its initial state: arrays whose first axes differ."""

    @pytest.fixture
    def case(self, zoo):
        case = zoo("recurrent")
        whole = {
            n: a[:3].swapaxes(0, case.batch_axis.get(n, 0))
            for n, a in case.golden.items()
        }
        answers = {
            n: a[:3].swapaxes(0, case.batch_axis.get(n, 0))[None]
            for n, a in case.answers.items()
        }
        return replace(case, golden=whole, answers=answers, batch_axis=None)

    def test_is_fed_as_it_stands(self, case, run):
        report = run(case)
        assert report["golden"]["n_samples"] == 1
        assert "one sample as it stands" in " ".join(report["notices"])
        found = exported(report)
        assert found["batch_size"] == 1
        assert all(output["n_mismatched"] == 0 for output in found["outputs"])


def test_one_number_for_a_whole_batch_is_no_answer(zoo, run, tmp_path):
    """The same for each sample alone is one."""
    x = np.arange(8, dtype=np.float32).reshape(4, 2)
    path = tmp_path / "mean.onnx"
    path.write_bytes(mean().SerializeToString())
    case = SimpleNamespace(
        model=path, golden={"x": x}, answers={"y": x.mean(axis=1)}, batch_axis=None
    )
    found = exported(run(case, expected=3))
    assert "has shape () for 4 samples" in found["reason"]
    assert "batch_size = 1" in found["reason"]
    alone = exported(run(case, "batch_size = 1"))
    assert alone["outputs"][0]["n_mismatched"] == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ('providers = [["CPUExecutionProvider", { arena = 1 }]]', ["'arena'", "none"]),
        ('config = { "" = "1" }', ["config"]),
    ],
)
def test_what_a_provider_does_not_know_is_told(zoo, run, options, words):
    refused(run, zoo("tokens"), *words, lines=[f"options = {{ {options} }}"])


@pytest.mark.parametrize("name", ["recurrent", "scalar", "unbatched", "zipmap_words"])
def test_the_same_in_a_process_of_its_own(zoo, run, name):
    found = exported(run(zoo(name), 'isolation = "process"'))
    assert found["runtime"]["isolation"] == "process"
    assert all(output["n_mismatched"] == 0 for output in found["outputs"])
