import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import xmlschema

from harness.report.junit import render_junit

SCHEMA = Path(__file__).parents[2] / "fixtures" / "schemas" / "junit-10.xsd"


@pytest.fixture(scope="session")
def schema():
    """What Jenkins' xUnit plugin refuses a file by."""
    return xmlschema.XMLSchema(SCHEMA)


@pytest.fixture
def root_of(make):
    return lambda name: ET.fromstring(render_junit(make(name)))


def cases(root):
    return {(c.get("classname"), c.get("name")): c for c in root.iter("testcase")}


def properties(root, name):
    (suite,) = (s for s in root if s.get("name") == name)
    found = suite.iterfind("properties/property")
    return {p.get("name"): p.get("value") for p in found}


def told(case):
    """What a check says in its output: name -> value."""
    lines = (case.findtext("system-out") or "").splitlines()
    return dict(line.split(": ", 1) for line in lines)


def test_it_is_valid_by_the_published_schema(report, schema):
    schema.validate(render_junit(report))


def test_the_schema_refuses_properties_of_a_case(make, schema):
    text = render_junit(make("passing"))
    broken = text.replace("<system-out>", "<properties /><system-out>", 1)
    with pytest.raises(xmlschema.XMLSchemaValidationError):
        schema.validate(broken)


def test_a_suite_a_variant_and_a_case_a_check(root_of, make):
    root = root_of("failing")
    assert root.get("name") == "digits-cnn"
    names = [f"digits-cnn.{v.name}" for v in make("failing").candidates]
    assert [suite.get("name") for suite in root] == names
    failed = cases(root)["digits-cnn.onnx-pads", "accuracy"].find("failure")
    assert failed.get("message") == "Accuracy falls by 87.8%."
    assert "PAD001 (padding.same_split) Conv 'conv1': Pads" in failed.text
    assert "proven: pads = [0, 0, 1, 1]; this removes 100 % of the error" in failed.text
    assert not list(cases(root)["digits-cnn.onnx", "accuracy"].iter("failure"))


def test_totals_count_the_outcomes(report):
    root = ET.fromstring(render_junit(report))
    tags = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    for part in (root, *root):
        assert int(part.get("tests")) == len(list(part.iter("testcase")))
        for attribute, tag in tags.items():
            if (part, attribute) != (root, "skipped"):
                assert int(part.get(attribute)) == len(list(part.iter(tag)))


def test_properties_tell_the_run_and_the_model(root_of):
    found = properties(root_of("failing"), "digits-cnn.onnx-pads")
    assert found["verdict"] == "failed"
    assert found["kind"] == "converted"
    assert len(found["sha256"]) == 64
    assert found["backend"] == "onnxruntime"


def test_a_check_tells_its_numbers(root_of):
    found = told(cases(root_of("failing"))["digits-cnn.onnx-pads", "top1_agreement"])
    assert found["limit"] == "0.999"
    assert float(found["observed"]) == pytest.approx(35 / 360)


def test_what_was_not_run_is_skipped_and_what_broke_is_an_error(root_of):
    found = cases(root_of("broken"))
    skipped = found["digits-cnn.tflite", "run"].find("skipped")
    assert "pip install" in skipped.get("message")
    broke = found["digits-cnn.onnx-opt", "run"].find("error")
    assert broke.get("type") == "crashed"
    assert "SIGSEGV" in broke.get("message")


def test_undecided_and_unasked_checks_are_skipped_with_their_reason(root_of):
    found = cases(root_of("undecided"))
    undecided = found["digits-cnn.onnx-int8", "per_class_recall"].find("skipped")
    assert undecided.get("type") == "undecided"
    assert "n = 12 cannot show" in undecided.get("message")
    unasked = found["digits-cnn.onnx-int8", "operator_semantics"].find("skipped")
    assert unasked.get("type") == "not asked"


def test_a_value_that_is_not_known_is_left_out(root_of):
    found = cases(root_of("failing"))["digits-cnn.onnx-pads", "weight_drift"]
    assert "observed" not in told(found)


def test_texts_of_others_stay_text(root_of):
    root = root_of("hostile")
    assert {element.tag for element in root.iter()} <= {
        *("testsuites", "testsuite", "testcase", "properties", "property"),
        *("failure", "error", "skipped", "system-out"),
    }
    assert "<script>alert(1)</script>" in root.get("name")
    assert "\x00" not in root.get("name")


def test_the_same_report_gives_the_same_bytes(report):
    assert render_junit(report) == render_junit(report)
