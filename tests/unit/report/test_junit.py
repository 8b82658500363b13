import xml.etree.ElementTree as ET

import pytest

from harness.report.junit import render_junit


@pytest.fixture
def suite_of(make):
    return lambda name: ET.fromstring(render_junit(make(name))).find("testsuite")


def cases(suite):
    return {(c.get("classname"), c.get("name")): c for c in suite.iter("testcase")}


def properties(element):
    found = element.iterfind("properties/property")
    return {p.get("name"): p.get("value") for p in found}


def test_a_case_a_variant_and_check(suite_of):
    suite = suite_of("failing")
    assert suite.get("name") == "digits-cnn"
    failed = cases(suite)["digits-cnn.onnx-pads", "accuracy"].find("failure")
    assert failed.get("message") == "Accuracy falls by 87.8%."
    assert "PAD001 (padding.same_split) at 'conv1'" in failed.text
    assert not list(cases(suite)["digits-cnn.onnx", "accuracy"].iter("failure"))


def test_totals_count_the_outcomes(report):
    suite = ET.fromstring(render_junit(report)).find("testsuite")
    tags = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    assert int(suite.get("tests")) == len(list(suite.iter("testcase")))
    for attribute, tag in tags.items():
        assert int(suite.get(attribute)) == len(list(suite.iter(tag)))


def test_properties_tell_the_numbers_and_the_model(suite_of):
    suite = suite_of("failing")
    assert properties(suite)["verdict"] == "failed"
    found = properties(cases(suite)["digits-cnn.onnx-pads", "top1_agreement"])
    assert found["limit"] == "0.999"
    assert float(found["observed"]) == pytest.approx(35 / 360)
    assert len(found["sha256"]) == 64
    assert found["backend"] == "onnxruntime"


def test_what_was_not_run_is_skipped_and_what_broke_is_an_error(suite_of):
    found = cases(suite_of("broken"))
    skipped = found["digits-cnn.tflite", "run"].find("skipped")
    assert "pip install" in skipped.get("message")
    broke = found["digits-cnn.onnx-opt", "run"].find("error")
    assert broke.get("type") == "crashed"
    assert "SIGSEGV" in broke.get("message")


def test_undecided_and_unasked_checks_are_skipped_with_their_reason(suite_of):
    found = cases(suite_of("undecided"))
    undecided = found["digits-cnn.onnx-int8", "per_class_recall"].find("skipped")
    assert undecided.get("type") == "undecided"
    assert "n = 12 cannot show" in undecided.get("message")
    unasked = found["digits-cnn.onnx-int8", "operator_semantics"].find("skipped")
    assert unasked.get("type") == "not asked"


def test_a_value_that_is_not_known_has_no_property(suite_of):
    found = cases(suite_of("failing"))["digits-cnn.onnx-pads", "weight_drift"]
    assert "observed" not in properties(found)


def test_texts_of_others_stay_text(suite_of):
    suite = suite_of("hostile")
    assert {element.tag for element in suite.iter()} <= {
        *("testsuite", "testcase", "properties", "property"),
        *("failure", "error", "skipped"),
    }
    assert "<script>alert(1)</script>" in suite.get("name")
    assert "\x00" not in suite.get("name")


def test_the_same_report_gives_the_same_bytes(report):
    assert render_junit(report) == render_junit(report)
