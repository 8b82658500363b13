"""What other tools read: held to its published form, rendered from saved JSON alone."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import jsonschema
import pandas as pd
import pytest
from google.protobuf import json_format
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2
from in_toto_attestation.v1 import statement_pb2

from harness.report.annotations import render_annotations
from harness.report.attestation import render_attestation
from harness.report.code_quality import render_codequality
from harness.report.frames import report_frames, write_frames
from harness.report.json_ import render_json
from harness.report.sarif import render_sarif
from harness.report.schema import report_schema

SCHEMAS = Path(__file__).parents[2] / "fixtures" / "schemas"
DOCS = Path(__file__).parents[3] / "docs"
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


def test_the_published_schema_is_that_of_this_version():
    """Mended by: harness report schema > docs/report.schema.json."""
    published = json.loads((DOCS / "report.schema.json").read_text("utf-8"))
    assert published == report_schema()


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


def test_lines_are_those_of_the_file_in_its_checkout(make):
    """A suite in a folder: a name alone would link to nothing."""
    report = make("failing")
    place = {"suite_file": "golden/d\u00efgits/quality.toml"}
    deep = replace(report, provenance={**report.provenance, **place})
    (run,) = json.loads(render_sarif(deep))["runs"]
    locations = [r["locations"][0]["physicalLocation"] for r in run["results"]]
    assert {found["artifactLocation"]["uri"] for found in locations} == {
        "golden/d%C3%AFgits/quality.toml"
    }
    issues = json.loads(render_codequality(deep))
    assert {i["location"]["path"] for i in issues} == {place["suite_file"]}
    lines = render_annotations(deep).splitlines()
    assert all(f" file={place['suite_file']},line=" in line for line in lines)


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


def test_an_attestation_is_a_statement_as_in_toto_publishes_it(report):
    text = render_attestation(report)
    # Keys that the published messages do not have are refused.
    statement = json_format.Parse(text, statement_pb2.Statement())
    predicate = json.loads(text)["predicate"]
    result = json_format.ParseDict(predicate, test_result_pb2.TestResult())
    assert statement.type == "https://in-toto.io/Statement/v1"
    assert statement.predicate_type == "https://in-toto.io/attestation/test-result/v0.1"
    assert all(subject.digest["sha256"] for subject in statement.subject)
    assert result.configuration
    with pytest.raises(json_format.ParseError):
        json_format.ParseDict({**predicate, "mood": 1}, test_result_pb2.TestResult())


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


def test_frames_come_back_from_parquet_as_they_were(report, tmp_path):
    frames = report_frames(report)
    write_frames(report, tmp_path, "parquet")
    for name, frame in frames.items():
        pd.testing.assert_frame_equal(
            pd.read_parquet(tmp_path / f"{name}.parquet"), frame, check_dtype=False
        )


def test_frames_are_written_as_csv(make, tmp_path):
    files = write_frames(make("failing"), tmp_path / "tables")
    assert {"checks.csv", "variants.csv"} <= {file.name for file in files}
    head = (tmp_path / "tables" / "checks.csv").read_text("utf-8").partition("\n")[0]
    assert head.startswith("suite,variant,name,status,observed,limit,message")
