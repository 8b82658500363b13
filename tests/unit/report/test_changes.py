from __future__ import annotations

from dataclasses import replace

import pytest

from harness.report.changes import changes, render_changes, troubled
from harness.report.text import columns


@pytest.fixture
def told():
    return lambda before, after: [
        (c.word, c.variant, c.text) for c in changes(before, after)
    ]


def with_check(report, index, **fields):
    """The report with one field of the first candidate's check changed."""
    variant = report.candidates[0]
    checks = list(variant.checks)
    checks[index] = replace(checks[index], **fields)
    changed = replace(variant, checks=tuple(checks))
    variants = [changed if v.name == variant.name else v for v in report.variants]
    return replace(report, variants=tuple(variants))


def test_a_run_does_not_differ_from_itself(report):
    assert changes(report, report) == ()
    assert render_changes(report, report) == "no difference\n"


def test_a_check_that_fails_now_is_new(make, told):
    before = make("passing")
    after = with_check(before, 0, status="failed", message="12 elements are NaN")
    name = before.candidates[0].name
    (found,) = told(before, after)
    assert found[:2] == ("new", name)
    assert "12 elements are NaN" in found[2]
    assert troubled(changes(before, after))
    (fixed,) = told(after, before)
    assert fixed[:2] == ("fixed", name)
    assert not troubled(changes(after, before))


def test_trouble_that_became_graver_is_worse(make, told):
    before = with_check(make("passing"), 0, status="undecided")
    after = with_check(before, 0, status="failed")
    assert [word for word, _, _ in told(before, after)] == ["worse"]
    assert [word for word, _, _ in told(after, before)] == ["better"]


def test_another_verdict_model_and_data_are_said(make, told):
    before = make("passing")
    variant = replace(before.candidates[0], sha256="0" * 64)
    variants = [variant if v.name == variant.name else v for v in before.variants]
    golden = replace(before.golden, digest="1" * 64, n_samples=7)
    after = replace(
        before, variants=tuple(variants), golden=golden, verdict="undecided"
    )
    found = told(before, after)
    assert ("worse", "", "verdict passed -> undecided") in found
    assert ("changed", variant.name, "its model file is another one") in found
    assert any("golden data:" in text for _, _, text in found)


def test_findings_come_and_go(make, told):
    before = make("failing")
    after = replace(before, findings=before.findings[1:])
    gone = before.findings[0]
    assert ("fixed", gone.variant) in [found[:2] for found in told(before, after)]
    assert ("new", gone.variant) in [found[:2] for found in told(after, before)]


def test_variants_come_and_go(make, told):
    before = make("passing")
    after = replace(before, variants=before.variants[:-1])
    name = before.variants[-1].name
    assert told(before, after) == [("changed", name, "is not in the later run")]
    assert told(after, before) == [("changed", name, "is new in the later run")]


def test_the_text_has_a_line_a_change_and_a_count(make):
    before = make("passing")
    after = with_check(before, 0, status="failed")
    lines = render_changes(before, after).splitlines()
    assert lines[0].startswith("new ")
    assert lines[-1] == "1 new"
    assert max(map(columns, lines)) <= 80
