import dataclasses
import json

import pytest

from harness.core.errors import ReportError
from harness.report.json_ import read_report, render_json


@pytest.fixture
def saved(make, tmp_path):
    path = tmp_path / "report.json"
    path.write_text(render_json(make("failing")), encoding="utf-8")
    return path


def edited(path, **changes):
    record = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**record, **changes}), encoding="utf-8")
    return path


def refused(path):
    with pytest.raises(ReportError) as caught:
        read_report(path)
    assert str(path) in caught.value.message
    assert caught.value.hint
    return caught.value


def test_a_report_comes_back_as_it_was(report, tmp_path):
    text = render_json(report)
    path = tmp_path / "r.json"
    path.write_text(text, encoding="utf-8")
    assert read_report(path) == dataclasses.replace(
        report, provenance=json.loads(text)["provenance"]
    )
    assert render_json(read_report(path)) == text


def test_it_is_ascii_with_one_newline_at_the_end(report):
    text = render_json(report)
    assert text.isascii()
    assert text.endswith("}\n")
    assert next(iter(json.loads(text))) == "schema_version"


def test_a_matrix_reads_as_its_rows(make):
    text = render_json(make("passing"))
    rows = make("passing").variant("onnx").labels.confusion.reference
    assert all(f"{list(row)}" in text for row in rows)


def test_what_json_cannot_hold_is_named(make):
    bad = dataclasses.replace(make("passing"), provenance={"when": object()})
    with pytest.raises(ReportError, match="cannot write object as JSON"):
        render_json(bad)


def test_a_missing_file(tmp_path):
    assert "cannot read" in refused(tmp_path / "none.json").message


def test_a_file_that_was_cut_short(saved):
    saved.write_text(saved.read_text()[:5000])
    assert "was cut short" in refused(saved).message


@pytest.mark.parametrize("text", ["", "not json", "{'a': 1}"])
def test_a_file_that_is_no_json(saved, text):
    saved.write_text(text)
    assert "line 1 column" in refused(saved).message


def test_bytes_that_are_no_text(saved):
    saved.write_bytes(b"\xff\xfe{}")
    assert "is not JSON" in refused(saved).message


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", "[" * 100_000, "9" * 5000])
def test_json_that_nothing_should_read(saved, text):
    saved.write_text(text)
    refused(saved)


@pytest.mark.parametrize("text", ["[]", "3", "null"])
def test_json_that_is_no_record(saved, text):
    saved.write_text(text)
    assert "not a report" in refused(saved).message


@pytest.mark.parametrize(
    ("version", "hint"),
    [(99, "--upgrade"), (0, "again"), (None, "again"), ("1", "again")],
)
def test_another_schema_version(saved, version, hint):
    error = refused(edited(saved, schema_version=version))
    assert f"schema_version {version!r}" in error.message
    assert hint in error.hint


def test_a_value_of_the_wrong_type_is_named_with_its_place(saved):
    assert "$.verdict holds 'maybe'" in refused(edited(saved, verdict="maybe")).message


def test_a_key_that_is_gone(saved):
    record = json.loads(saved.read_text())
    del record["golden"]["digest"]
    saved.write_text(json.dumps(record))
    assert "$.golden has no 'digest'" in refused(saved).message


def test_a_reference_that_no_variant_has(saved):
    suite = {**json.loads(saved.read_text())["suite"], "reference": "torch"}
    assert "variant 'torch'" in refused(edited(saved, suite=suite)).message


def test_a_variant_named_twice(saved):
    variants = json.loads(saved.read_text())["variants"]
    error = refused(edited(saved, variants=[*variants, variants[1]]))
    assert "names a variant twice" in error.message


def test_a_confusion_matrix_of_the_wrong_shape(saved):
    variants = json.loads(saved.read_text())["variants"]
    variants[1]["labels"]["confusion"]["candidate"].pop()
    error = refused(edited(saved, variants=variants))
    assert "confusion matrix of 'onnx' is not 10 by 10" in error.message


def test_keys_of_a_newer_writer_are_ignored(saved, make):
    report = read_report(edited(saved, mood="fine"))
    assert report.suite == make("failing").suite
