"""What [golden] says: where data lie, how they are read, what columns are for."""

import pytest

from harness.core.errors import SuiteError
from harness.suite import load_suite

DATA = 'data = "data"'


def golden(path):
    return load_suite(path).golden


def test_columns_options_and_calibration(edited, tmp_path):
    lines = 'metadata = ["city"]\ngroup = "photo"\ncalibration = "seen.txt"'
    lines += "\nhide_inputs = true"
    options = 'options = { label = "klass", size = [4, 4] }'
    spec = golden(edited(DATA, f"{DATA}\n{lines}\n{options}"))
    assert spec.metadata == ("city",)
    assert spec.group == "photo"
    assert spec.calibration == tmp_path / "seen.txt"
    assert spec.hide_inputs
    assert spec.options == {"label": "klass", "size": [4, 4]}


@pytest.mark.parametrize(
    "url",
    [
        "s3://bucket/set",
        "memory://set",
        "github://owner:repo@main/golden.npz",
        "zip://set/data.npz::https://host/sets.zip",
        "simplecache::s3://bucket/set",
    ],
)
def test_data_behind_a_url(edited, tmp_path, url):
    spec = golden(edited(DATA, f'data = "{url}"'))
    assert spec.url == url
    assert spec.data.is_relative_to(tmp_path)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "local:///etc/passwd",
        "zip://set::file:///tmp/sets.zip",
        "zip://set::../sets.zip",
    ],
)
def test_a_url_that_leads_to_files_of_this_machine(edited, write, url):
    path = edited(DATA, f'data = "{url}"')
    with pytest.raises(SuiteError, match=r"golden\.data.*") as caught:
        load_suite(path)
    assert "allow_outside" in caught.value.hint
    text = path.read_text().replace("[golden]", "allow_outside = true\n[golden]")
    assert golden(write(text)).url == url


def test_a_password_is_refused_and_not_shown(edited):
    path = edited(DATA, 'data = "ftp://me:hunter2@host/set"')
    with pytest.raises(SuiteError) as caught:
        load_suite(path)
    assert "hunter2" not in str(caught.value)


def test_the_url_has_no_key_of_its_own(edited):
    with pytest.raises(SuiteError, match=r"unknown key 'golden\.url'"):
        load_suite(edited(DATA, f'{DATA}\nurl = "s3://b/s"'))
