"""The error along a graph and the matrix of runs, in the terminal and in Markdown."""

import dataclasses

import pytest

from harness.core.results import ErrorProfile, ErrorStep, MatrixCell, RunMatrix
from harness.report import evidence_text
from harness.report.markdown import render_markdown
from harness.report.terminal import render_terminal
from harness.report.text import aligned, columns


def profile(*guilty, n_steps=6):
    steps = (
        ErrorStep(f"n{k}", f"r{k}", "Conv", 0.5 * (k in guilty), 0.7, 1e-6, k in guilty)
        for k in range(n_steps)
    )
    return ErrorProfile("candidate", tuple(steps), 16)


def said(found, most=5):
    rows = evidence_text.profile_rows(found, most)
    return [(row[0], row[-1]) for row in rows]


def test_the_first_injecting_node_is_marked_after_the_last_clean_one():
    assert said(profile(2, 4)) == [
        *(("Conv 'n1'", "clean"), ("Conv 'n2'", "FIRST"), ("Conv 'n4'", "injects")),
    ]
    title = evidence_text.profile_title(profile(2, 4))
    assert title == (
        "error along the graph: 2 of 6 steps inject more than rounding, on 16 samples"
    )


def test_nothing_stands_before_the_first_node_of_a_graph():
    assert said(profile(0)) == [("Conv 'n0'", "FIRST")]


def test_too_many_are_counted():
    assert said(profile(*range(1, 9), n_steps=9), most=2) == [
        *(("Conv 'n0'", "clean"), ("Conv 'n1'", "FIRST"), ("Conv 'n2'", "injects")),
        ("6 more", ""),
    ]


def test_where_none_injects_there_is_no_table():
    assert said(profile()) == []
    assert evidence_text.entry(profile()) == ""
    assert "none of 6 steps injects" in evidence_text.profile_title(profile())


def test_a_proven_cause_leaves_a_line_and_no_table(make):
    text = render_terminal(make("failing"), colour=False)
    assert " ".join(text.split()).count("error enters at Conv 'conv2': 1.3e+00") == 1
    assert "FIRST" not in text


def test_without_a_cause_the_terminal_shows_the_steps(make):
    report = dataclasses.replace(make("failing"), findings=())
    lines = render_terminal(report, colour=False).splitlines()
    at = next(i for i, line in enumerate(lines) if "error along the graph" in line)
    table = [line.split() for line in lines[at + 1 : at + 5] if "'" in line]
    assert [row[-1] for row in table] == ["clean", "FIRST", "injects"]


def test_the_terminal_shows_the_ways_that_part(make):
    lines = render_terminal(make("failing"), colour=False).splitlines()
    at = next(i for i, line in enumerate(lines) if "run in 3 other ways" in line)
    assert lines[at : at + 5] == [
        "  run in 3 other ways, on 64 samples: 1 parts from it as it is deployed",
        "    way            max error  rounding  moved",
        "    level disable    2.0e-07   1.0e-05      0  alike",
        "    batch size 1     3.1e-01   1.0e-05      4  PARTS",
        "    provider CUDA          -         -      -  not run: it is not installed",
    ]


def test_markdown_opens_both(make):
    text = render_markdown(make("failing"))
    assert (
        "| <code>Conv 'conv2'</code> | 1.3e+00 | 1.4e+00 | 1.1e-06 | **FIRST** |"
        in (text)
    )
    assert "| <code>batch size 1</code> | 3.1e-01 | 1.0e-05 | 4 | **PARTS** |" in text


def test_a_matrix_that_is_alike_says_so():
    cells = (MatrixCell("deployed", "", 0.0, 0.0), MatrixCell("threads", "2", 0.0, 0.0))
    title = evidence_text.matrix_title(RunMatrix("int8", 64, cells))
    assert title == (
        "run in 1 other way, on 64 samples: all that ran are alike to it as it is"
        " deployed"
    )


@pytest.mark.parametrize("width", [72, 80, 120])
def test_rows_fit_whatever_their_names(width):
    rows = [
        ("way", "max error", "moved", ""),
        ("\u6570\u5b57" * 40, "1.0e-03", "12", "not run: " + "a reason " * 20),
        ("plain", "0", "1,000", "alike"),
    ]
    lines = aligned(rows, width, "    ")
    assert max(map(columns, lines)) <= width
    ends = {columns(line[: line.index(" 12 ")]) for line in lines if " 12 " in line}
    assert len(ends) == 1
