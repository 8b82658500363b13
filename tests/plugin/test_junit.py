import xml.etree.ElementTree as ET

import pytest


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_items_carry_what_was_measured(project, pytester, workers):
    project(project.variant(accuracy="failed", outputs_close="undecided"))
    pytester.runpytest_subprocess("--junitxml=junit.xml", *workers)
    cases = {
        case.get("name"): case
        for case in ET.parse(pytester.path / "junit.xml").iter("testcase")
    }
    case = cases["accuracy"]
    assert case.get("classname") == "golden.quality.toml.int8"
    facts = {p.get("name"): p.get("value") for p in case.iter("property")}
    assert facts["quality_verdict"] == "failed"
    assert facts["quality_observed"] == "0.125"
    assert facts["quality_limit"] == "0.02"
    assert facts["quality_variant_sha256"] == "ab" * 32
    failure = case.find("failure")
    assert failure.get("message") == "class one lost 12.5 points (accuracy)"
    assert "PAD001" in failure.text
    undecided = {
        p.get("name"): p.get("value") for p in cases["outputs_close"].iter("property")
    }
    assert undecided["quality_verdict"] == "undecided"
