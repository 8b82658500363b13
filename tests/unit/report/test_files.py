import pytest

from harness.core.errors import ReportError
from harness.report.files import RENDERERS, write_report
from harness.report.json_ import read_report


@pytest.mark.parametrize(
    ("format_", "start"),
    [
        ("html", "<!DOCTYPE html>"),
        ("json", '{\n "schema_version"'),
        ("junit", "<?xml"),
        ("markdown", "### "),
    ],
)
def test_each_format_by_its_name(make, tmp_path, format_, start):
    path = tmp_path / "deep" / "report"
    write_report(make("failing"), format_, path)
    assert path.read_text(encoding="utf-8").startswith(start)


def test_hostile_texts_can_be_written_and_read_again(make, tmp_path):
    for format_ in RENDERERS:
        write_report(make("hostile"), format_, tmp_path / format_)
    assert read_report(tmp_path / "json").suite == make("hostile").suite


def test_an_unknown_format_is_told_with_those_there_are(make, tmp_path):
    with pytest.raises(ReportError, match="'pdf'") as caught:
        write_report(make("failing"), "pdf", tmp_path / "x")
    assert caught.value.hint == (
        "use one of annotations, attestation, codequality, html, json, junit, markdown,"
        " sarif"
    )


def test_a_folder_that_cannot_be_written(make, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match="cannot write"):
        write_report(make("failing"), "json", tmp_path / "file" / "r.json")
