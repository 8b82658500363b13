def test_the_verdict_and_the_report_are_printed(project, pytester):
    project(project.variant("pads", "converted", accuracy="failed"))
    result = pytester.runpytest()
    result.stdout.fnmatch_lines(
        [
            "*= model quality =*",
            "digits  360 golden samples, 2 classes  reference original",
            "*pads*converted*FAILED",
            "FAILED pads: class one lost 12.5 points (accuracy)*",
            "1 failed",
            "report: reports/digits.html",
        ]
    )


def test_quiet_prints_one_line_and_quieter_nothing(project, pytester):
    project(project.variant(accuracy="failed"))
    result = pytester.runpytest("-q")
    result.stdout.fnmatch_lines(["digits: Not releasable: *", "report: *digits.html"])
    result.stdout.no_fnmatch_line("*model quality*")
    pytester.runpytest("-qq").stdout.no_fnmatch_line("report: *")


def test_lines_stay_within_the_terminal(project, pytester):
    project(project.variant("a-name-that-is-rather-long", accuracy="failed"))
    lines = pytester.runpytest().outlines
    # pytest's own line names the folder, however long that is.
    assert max(len(line) for line in lines if not line.startswith("rootdir:")) <= 80


def test_silent_where_no_suite_is_collected(pytester):
    pytester.makepyfile("def test_it():\n    pass\n")
    result = pytester.runpytest()
    result.assert_outcomes(passed=1)
    shown = [line for line in result.outlines if not line.startswith("plugins:")]
    assert not [line for line in shown if "quality" in line]
    assert not (pytester.path / "reports").exists()
