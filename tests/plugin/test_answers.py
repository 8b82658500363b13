import pytest


def test_passed_checks_pass_on_one_evaluation(project, pytester):
    suite = project(
        project.variant("int8", accuracy="passed", outputs_close="passed"),
        project.variant("fp16", "optimized", accuracy="passed"),
    )
    pytester.runpytest().assert_outcomes(passed=3)
    assert len((suite.parent / "evaluations.log").read_text().splitlines()) == 1


def test_a_failed_check_says_what_where_and_what_next(project, pytester):
    project(project.variant("pads", "converted", accuracy="failed"))
    result = pytester.runpytest("-rf")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*_ pads: accuracy _*",
            "class one lost 12.5 points (accuracy)",
            "  PAD001 Conv 'conv1': pads differ from what SAME asks for",
            "    reference: pads (0, 0, 1, 1)",
            "    candidate: pads (1, 1, 1, 1)",
            "    proven: pads = [[]0, 0, 1, 1]; this removes 100 % of the error on 64*",
            '  next: export again with padding="same"',
            "FAILED golden/quality.toml::pads::accuracy - class one lost *",
        ],
        consecutive=False,
    )
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*.py:*")


def test_undecided_passes_visibly_where_the_suite_only_warns(project, pytester):
    project(project.variant(per_class_recall="undecided", accuracy="passed"))
    result = pytester.runpytest("-v", "-W", "error")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*::per_class_recall UNDECIDED*"])
    result.stdout.fnmatch_lines(["undecided int8: class one lost*"])
    result.stdout.fnmatch_lines(["*1 passed, 1 undecided*"])


def test_undecided_fails_where_the_suite_says_so(project, pytester):
    project(project.variant(per_class_recall="undecided"), undecided="fail")
    pytester.runpytest().assert_outcomes(failed=1)


def test_a_check_that_broke_fails_with_its_reason(project, pytester):
    project(project.variant(accuracy="error"))
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["int8: accuracy: class one lost *", "Hint: *"])


@pytest.mark.parametrize("status", ["error", "crashed", "timeout"])
def test_a_variant_that_broke_fails_every_check(project, pytester, status):
    reason = "opset 28 is newer than the runtime\nHint: convert to opset 21"
    checks = {"accuracy": "passed", "outputs_close": "passed"}
    project(project.variant(status=status, reason=reason, **checks))
    result = pytester.runpytest()
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        ["int8: opset 28 is newer than the runtime", "Hint: convert to opset 21"]
    )


def test_a_check_that_cannot_be_asked_is_skipped_with_its_reason(project, pytester):
    project(project.variant(accuracy="unasked", outputs_close="passed"))
    result = pytester.runpytest("-rs")
    result.assert_outcomes(skipped=1, passed=1)
    place = "SKIPPED [[]1] golden/quality.toml:15"
    result.stdout.fnmatch_lines([f"{place}: int8, accuracy not asked: no labels"])


def test_a_fault_of_the_golden_data_fails_every_item_once_evaluated(project, pytester):
    suite = project(
        project.variant(broken="golden", accuracy="passed", outputs_close="passed")
    )
    result = pytester.runpytest()
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["data.npz holds no samples", "Hint: record some"])
    result.stdout.fnmatch_lines(["golden/quality.toml: not evaluated*"])
    result.stdout.no_fnmatch_line("*Traceback*")
    assert len((suite.parent / "evaluations.log").read_text().splitlines()) == 1


def test_a_fault_of_ours_shows_its_traceback_once(project, pytester):
    project(
        project.variant(broken="harness", accuracy="passed", outputs_close="passed")
    )
    result = pytester.runpytest()
    result.assert_outcomes(failed=2)
    assert str(result.stdout).count("raise ZeroDivisionError(") == 1
    result.stdout.fnmatch_lines(["*broke: ZeroDivisionError: a fault of ours"])


def test_a_runtime_that_warns_is_no_failure_under_w_error(project, pytester):
    project(project.variant(broken="runtime", accuracy="passed"))
    result = pytester.runpytest("-W", "error")
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*DeprecationWarning: an old runtime*"])
