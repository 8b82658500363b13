import pytest

from harness.core.errors import HarnessError, QualityRegression
from harness.verdicts import raise_for_status


def test_evaluate_returns_the_report(project, pytester):
    project(project.variant(accuracy="undecided"))
    pytester.makepyfile("""
        def test_it(quality):
            assert quality.evaluate("golden/quality.toml").verdict == "undecided"
    """)
    pytester.runpytest("test_evaluate_returns_the_report.py").assert_outcomes(passed=1)


def test_compare_raises_with_the_whole_message(project, pytester):
    project(project.variant("pads", "converted", accuracy="failed"))
    pytester.makepyfile("""
        def test_it(quality):
            files = "a.onnx", "b.onnx", "golden", "y.npy"
            result = quality.compare(*files, kind="frozen")
            assert result.report.notices == ("a.onnx b.onnx y.npy frozen",)
            result.raise_for_status()
    """)
    result = pytester.runpytest("test_compare_raises_with_the_whole_message.py")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*QualityRegression*", "*FAILED pads: class one lost*"]
    )
    result.stdout.fnmatch_lines(["*PAD001 Conv 'conv1'*"])
    result.stdout.no_fnmatch_line("*fixtures.py*")


@pytest.fixture
def report(project, scripted):
    def evaluate(answer):
        return scripted.evaluate(project(project.variant(accuracy=answer)))

    return evaluate


@pytest.mark.parametrize("answer", ["passed", "undecided"])
def test_what_passed_or_is_undecided_does_not_raise(report, answer):
    assert raise_for_status(report(answer)) is None


def test_what_failed_is_a_regression_and_what_broke_is_not(report):
    with pytest.raises(QualityRegression, match="FAILED int8"):
        raise_for_status(report("failed"))
    with pytest.raises(HarnessError, match="ERROR int8"):
        raise_for_status(report("error"))
