"""What other tools read: held to its published form, rendered from saved JSON alone."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest

from harness.report.annotations import render_annotations
from harness.report.attestation import render_attestation
from harness.report.code_quality import render_codequality
from harness.report.files import RENDERERS, write_report
from harness.report.frames import report_frames, write_frames
from harness.report.json_ import read_report, render_json
from harness.report.sarif import render_sarif
from harness.report.schema import report_schema

SCHEMAS = Path(__file__).parents[2] / "fixtures" / "schemas"
# GitLab's documentation of the format, as a schema: the required keys and severities.
CODE_QUALITY = {
    "type": "array",
    "items": {
        "type": "object",
        "required": [
            "description",
            "check_name",
            "fingerprint",
            "severity",
            "location",
        ],
        "properties": {
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "fingerprint": {"type": "string", "minLength": 1},
            "location": {
                "required": ["path", "lines"],
                "properties": {
                    "lines": {
                        "required": ["begin"],
                        "properties": {"begin": {"type": "integer", "minimum": 1}},
                    }
                },
            },
        },
    },
}


@pytest.fixture(scope="session")
def sarif_schema():
    return json.loads((SCHEMAS / "sarif-schema-2.1.0.json").read_text("utf-8"))


def unmet(report):
    return [
        (variant.name, check)
        for variant in report.candidates
        for check in variant.checks
        if check.status != "passed"
    ]


def test_the_report_is_valid_by_its_own_schema(report):
    schema = report_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(render_json(report)), schema)


def test_the_schema_refuses_what_is_no_report(make):
    broken = json.loads(render_json(make("failing")))
    broken["variants"][1]["status"] = "sleeping"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, report_schema())


def test_sarif_is_valid_and_tells_each_trouble(report, sarif_schema):
    log = json.loads(render_sarif(report))
    jsonschema.Draft4Validator(sarif_schema).validate(log)
    (run,) = log["runs"]
    results = run["results"]
    told = [r for r in results if r["ruleId"] in {c.name for _, c in unmet(report)}]
    assert len(told) >= len(unmet(report))  # a hostile finding goes by a check's name
    assert len({r["partialFingerprints"]["check/v1"] for r in results}) == len(results)
    rules = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert rules == {result["ruleId"] for result in results}


def test_sarif_points_at_the_line_of_the_suite(make):
    report = make("failing")
    results = json.loads(render_sarif(report))["runs"][0]["results"]
    lines = {variant.name: variant.line for variant in report.candidates}
    for result in results:
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == report.suite.path
        name = result["message"]["text"].partition(":")[0]
        if name in lines:
            assert place["region"]["startLine"] == lines[name]
    finding = next(r for r in results if r["ruleId"] == report.findings[0].code)
    assert finding["locations"][0]["logicalLocations"][0]["name"]


def test_gitlab_reads_it(report):
    issues = json.loads(render_codequality(report))
    jsonschema.validate(issues, CODE_QUALITY)
    assert len({issue["fingerprint"] for issue in issues}) == len(issues)
    assert bool(issues) or not unmet(report)


def test_github_reads_it(report):
    lines = render_annotations(report).splitlines()
    command = re.compile(
        r"::(error|warning|notice) file=[^:,]+,line=\d+,title=[^:,]*::.+"
    )
    assert all(command.fullmatch(line) for line in lines)
    assert bool(lines) or not unmet(report)
    for kind in ("error", "warning", "notice"):
        assert sum(line.startswith(f"::{kind} ") for line in lines) <= 10


def test_an_attestation_names_what_was_judged(report):
    statement = json.loads(render_attestation(report))
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    predicate = statement["predicate"]
    expected = {"passed": "PASSED", "undecided": "WARNED"}
    assert predicate["result"] == expected.get(report.verdict, "FAILED")
    names = [f"{v.name}::{c.name}" for v in report.candidates for c in v.checks]
    lists = ("passedTests", "warnedTests", "failedTests")
    assert sorted(name for key in lists for name in predicate[key]) == sorted(names)
    digests = [subject["digest"]["sha256"] for subject in statement["subject"]]
    judged = {v.sha256 for v in report.candidates if v.sha256 and v.checks}
    assert set(digests) == judged | {report.golden.digest}
    assert len(digests) == len(set(digests))


def test_frames_hold_a_row_a_record(report):
    frames = report_frames(report)
    assert len(frames["variants"]) == len(report.variants)
    assert len(frames.get("checks", ())) == sum(len(v.checks) for v in report.variants)
    for frame in frames.values():
        assert {"suite", "variant"} <= set(frame.columns)


def test_frames_are_written_as_csv(make, tmp_path):
    files = write_frames(make("failing"), tmp_path / "tables")
    assert {"checks.csv", "variants.csv"} <= {file.name for file in files}
    head = (tmp_path / "tables" / "checks.csv").read_text("utf-8").partition("\n")[0]
    assert head.startswith("suite,variant,name,status,observed,limit,message")


@pytest.mark.parametrize("name", list(RENDERERS))
def test_each_is_rendered_from_saved_json_alone(make, tmp_path, name):
    report = make("failing")
    write_report(report, "json", tmp_path / "r.json")
    render = RENDERERS.get(name)
    assert render(read_report(tmp_path / "r.json")) == render(report)
