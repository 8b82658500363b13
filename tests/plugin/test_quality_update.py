"""Recordings live like snapshots: missing, unused and tainted ones fail."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

# Compiled modules cannot be imported anew by each inner run.
from harness.backends import onnxruntime_
from harness.pipeline import survey

assert survey
assert onnxruntime_

SUITE = """\
[suite]
name = "small"
task = "tensor"
reference = "original"
isolation = "none"

[golden]
data = "data.npz"
recorded = "recorded"

[[variant]]
name = "original"
kind = "original"
path = "original.onnx"

[[variant]]
name = "other"
kind = "converted"
path = "other.onnx"
"""
WHY = "--quality-reason=a new release"


def model(scale):
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "scale"], ["y"], "mul")],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(np.full(3, scale, np.float32), "scale")],
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9
    )


@pytest.fixture
def suite(pytester):
    for name in ("original", "other"):
        onnx.save(model(2.0), pytester.path / f"{name}.onnx")
    np.savez(pytester.path / "data.npz", x=np.eye(3, dtype=np.float32))
    pytester.path.joinpath("quality.toml").write_text(SUITE)
    return pytester.path


@pytest.fixture
def recordings(pytester, suite):
    """Runs the item of the recordings alone."""

    def run(*arguments):
        return pytester.runpytest("quality.toml::recordings", *arguments)

    return run


def record_of(suite, name="original"):
    return json.loads((suite / "recorded" / name / "recording.json").read_text())


def test_a_missing_recording_fails_with_the_command_that_mends_it(recordings):
    result = recordings()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["missing: the reference 'original' has no recording", "*harness record *"]
    )
    result.stdout.no_fnmatch_line("*Traceback*")


def test_new_only_records_what_is_missing(recordings, suite):
    recordings("--quality-update-new-only").assert_outcomes(passed=1)
    recordings().assert_outcomes(passed=1)
    assert record_of(suite)["history"] == []


def test_an_update_of_what_has_not_changed_needs_no_reason(recordings, suite):
    recordings("--quality-update").assert_outcomes(passed=1)
    before = (suite / "recorded/original/recording.json").read_bytes()
    recordings("--quality-update").assert_outcomes(passed=1)
    assert (suite / "recorded/original/recording.json").read_bytes() == before


def test_another_model_taints_and_an_update_asks_why(recordings, suite):
    recordings("--quality-update")
    onnx.save(model(2.5), suite / "original.onnx")
    result = recordings()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["tainted: *model_sha256*"])

    result = recordings("--quality-update")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*would change: another model; y: 3 samples differ, by 0.5 at most; *"]
    )
    assert record_of(suite)["history"] == []

    recordings("--quality-update", WHY).assert_outcomes(passed=1)
    (update,) = record_of(suite)["history"]
    assert update["reason"] == "a new release"
    assert "differ, by 0.5" in update["summary"]


def test_new_only_leaves_a_tainted_one_and_fails(recordings, suite):
    recordings("--quality-update")
    before = record_of(suite)
    onnx.save(model(2.5), suite / "original.onnx")
    recordings("--quality-update-new-only", WHY).assert_outcomes(failed=1)
    assert record_of(suite) == before


def test_an_unused_one_fails_and_an_update_removes_it(recordings, suite):
    recordings("--quality-update")
    (suite / "recorded/original").rename(suite / "recorded/gone")
    result = recordings("--quality-update-new-only")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["unused: *gone is of no variant*", "*rm -r *gone*"])
    recordings("--quality-update").assert_outcomes(passed=1)
    assert [path.name for path in (suite / "recorded").iterdir()] == ["original"]


def test_a_damaged_one_is_replaced(recordings, suite):
    recordings("--quality-update")
    (suite / "recorded/original/recording.json").write_text("{")
    recordings().assert_outcomes(failed=1)
    recordings("--quality-update", WHY).assert_outcomes(passed=1)
    recordings().assert_outcomes(passed=1)


def test_the_update_says_what_became_of_each(pytester, suite):
    result = pytester.runpytest("--quality-update", "-rA")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*original: recorded*"])


def test_a_suite_that_keeps_none_has_no_such_item(pytester, suite):
    text = (suite / "quality.toml").read_text().replace('recorded = "recorded"', "")
    (suite / "quality.toml").write_text(text)
    result = pytester.runpytest("--collect-only", "-q")
    result.stdout.no_fnmatch_line("*::recordings")


SLOWLY = """
import time
from harness.pipeline import recordings
renew = recordings.renew

def slow(*arguments):
    with open("renewals.log", "a") as log:
        log.write("renewed\\n")
    time.sleep(1)
    return renew(*arguments)

recordings.renew = slow
"""


def test_workers_wait_for_one_update_and_judge_by_it(pytester, suite):
    """Two suites share one recording; the answers are those of the new model."""
    pytester.runpytest("--quality-update")
    for name in ("original", "other"):
        onnx.save(model(2.5), suite / f"{name}.onnx")
    text = SUITE.replace('name = "small"', 'name = "second"')
    (suite / "second.quality.toml").write_text(text)
    pytester.makeconftest(SLOWLY)
    result = pytester.runpytest_subprocess("-n", "3", "--quality-update", WHY)
    assert result.ret == 0, str(result.stdout)
    # Once a suite: nobody renews what another worker has renewed.
    assert (suite / "renewals.log").read_text().split() == ["renewed"] * 2
    (update,) = record_of(suite)["history"]
    assert update["reason"] == "a new release"
    for name in ("small", "second"):
        saved = json.loads((suite / "reports" / f"{name}.json").read_text())
        assert saved["verdict"] == "passed"
        assert not [n for n in saved["notices"] if "recording" in n.lower()]


def test_a_fault_of_an_update_is_told_under_xdist_too(pytester, suite):
    pytester.runpytest("--quality-update")
    onnx.save(model(2.5), suite / "original.onnx")
    result = pytester.runpytest_subprocess("-n", "2", "--quality-update")
    result.stdout.fnmatch_lines(["*would change: another model; y: 3 samples differ*"])
    assert record_of(suite)["history"] == []
