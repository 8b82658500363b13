def test_one_item_a_candidate_and_check(project, pytester):
    project(
        project.variant("int8", accuracy="passed", per_class_recall="passed"),
        project.variant("fp16", "optimized", accuracy="passed"),
    )
    result = pytester.runpytest("--collect-only", "-q")
    ids = [line for line in result.outlines if "::" in line]
    assert ids == [
        "golden/quality.toml::int8::accuracy",
        "golden/quality.toml::int8::per_class_recall",
        "golden/quality.toml::fp16::accuracy",
    ]


def test_collecting_alone_runs_and_writes_nothing(project, pytester):
    suite = project(project.variant(accuracy="passed"))
    pytester.runpytest("--collect-only").assert_outcomes()
    assert not (suite.parent / "evaluations.log").exists()
    assert not (pytester.path / "reports").exists()


def test_named_suite_files_are_collected_and_other_toml_is_not(project, pytester):
    project(project.variant(accuracy="passed"), file="release.quality.toml")
    project(project.variant(accuracy="passed"), file="inequality.toml")
    result = pytester.runpytest("--collect-only", "-q")
    result.stdout.fnmatch_lines(["golden/release.quality.toml::int8::accuracy"])
    result.stdout.no_fnmatch_line("*inequality*")


def test_selection_by_keyword_marker_and_node_id(project, pytester):
    project(
        project.variant("onnx-int8", accuracy="passed"),
        project.variant("fp16", "optimized", accuracy="passed"),
    )
    int8 = "golden/quality.toml::onnx-int8::accuracy"
    for arguments in (["-k", "int8"], ["-m", "quantized"], [int8]):
        result = pytester.runpytest(
            "--collect-only", "-q", "--strict-markers", *arguments
        )
        assert [line for line in result.outlines if "::" in line] == [int8]


def test_every_item_carries_the_quality_marker(project, pytester):
    project(project.variant(accuracy="passed"))
    pytester.runpytest("-m", "not quality").assert_outcomes(deselected=1)


def test_all_kinds_are_registered_markers(pytester):
    result = pytester.runpytest("--markers")
    for kind in ("quality", "original", "converted", "frozen", "optimized"):
        result.stdout.fnmatch_lines([f"@pytest.mark.{kind}: *"])


def test_only_the_selected_candidates_are_evaluated(project, pytester):
    suite = project(
        project.variant("int8", accuracy="passed"),
        project.variant("fp16", "optimized", accuracy="passed"),
    )
    pytester.runpytest("-k", "int8").assert_outcomes(passed=1, deselected=1)
    pytester.runpytest().assert_outcomes(passed=2)
    log = (suite.parent / "evaluations.log").read_text()
    assert log == "digits int8\ndigits \n"


def test_last_failed_runs_the_failed_item_alone(project, pytester):
    project(project.variant(accuracy="failed", outputs_close="passed"))
    pytester.runpytest("-p", "cacheprovider").assert_outcomes(failed=1, passed=1)
    again = pytester.runpytest("--lf")
    again.assert_outcomes(failed=1, deselected=1)


def test_a_broken_suite_is_a_collection_error_without_a_traceback(project, pytester):
    project(project.variant() + "colour = 'red'\n")
    result = pytester.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*unknown key 'variant[[]int8].colour'*", "Hint: *"])
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*.py:*")


def test_a_suite_that_judges_nothing_is_an_error(project, pytester):
    project()
    result = pytester.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*no variant but its reference 'original'", "Hint: *"])


def test_the_plugin_can_be_turned_off(project, pytester):
    project(project.variant(accuracy="failed"))
    result = pytester.runpytest("-p", "no:quality")
    result.stdout.fnmatch_lines(["*no tests ran*"])
