"""Variants that are endpoints: a URL where others have a path."""

from __future__ import annotations

import pytest

from harness.core.errors import SuiteError
from harness.suite import load_suite

PATH = 'path = "models/m.int8.onnx"'
URL = "http://127.0.0.1:8501/v1/models/m"


@pytest.fixture
def remote(edited):
    def written(url, backend='backend = "tfserving"'):
        return edited(PATH, f'url = "{url}"\n{backend}')

    return written


@pytest.mark.parametrize(
    "url",
    [URL, "https://h/v2/models/m", "grpc://[::1]:8001/v2/models/m", "grpcs://h/x"],
)
def test_a_url_stands_in_the_place_of_a_path(remote, tmp_path, url):
    variant = load_suite(remote(url)).variant("int8")
    assert variant.url == variant.target == url
    assert variant.backend == "tfserving"
    assert variant.path.is_relative_to(tmp_path)
    assert not variant.path.exists()


@pytest.mark.parametrize("name", ["tls/ca.pem", "/etc/ssl/ca.pem"])
def test_certificates_lie_beside_the_suite(remote, tmp_path, name):
    backend = f'backend = "tfserving"\noptions = {{ ca_file = "{name}", retries = 1 }}'
    options = load_suite(remote(URL, backend)).variant("int8").options
    assert options == {"ca_file": str(tmp_path / name), "retries": 1}


def test_options_of_a_file_are_its_backends(edited):
    text = f'{PATH}\noptions = {{ ca_file = "a" }}'
    assert load_suite(edited(PATH, text)).variant("int8").options == {"ca_file": "a"}


def test_a_path_is_what_is_opened_where_no_url_is(write, plain):
    variant = load_suite(write(plain)).variant("int8")
    assert variant.url is None
    assert variant.target == variant.path


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("ftp://h/x", "ftp://h/x"),
        ("file:///etc/passwd", "file:///etc/passwd"),
        ("127.0.0.1:8501/v1", "127.0.0.1:8501/v1"),
        ("http:///v1/models/m", "http:///v1"),
        ("http://h:port/x", "http://h:port/x"),
        ("http://h:0/x", "http://h:0/x"),
        ("http://h:99999/x", "http://h:99999/x"),
        ("http://[::1/x", "http://[::1/x"),
        ("http://h/ü", "http://h/"),
        ("http://h/a b", "http://h/a b"),
        ("http://user:s3cret@h/x", r"\*\*\*@h/x"),
        ("http://s3cret@h/x", r"\*\*\*@h/x"),
        ("user:s3cret@h", r"\*\*\*"),
        ("http://h/x?key=s3cret", r"http://h/x\?\*\*\*"),
        ("http://h/x#s3cret", r"http://h/x#\*\*\*"),
    ],
)
def test_other_urls_are_refused_without_their_secrets(remote, url, shown):
    with pytest.raises(SuiteError, match=r"variant\[int8\].url") as caught:
        load_suite(remote(url))
    assert "s3cret" not in str(caught.value)
    caught.match(shown.replace("[", r"\["))


@pytest.mark.parametrize(
    "backend", ["", 'backend = "onnxruntime"', 'backend = "replay"', "backend = 3"]
)
def test_the_backend_has_to_be_named(remote, backend):
    with pytest.raises(SuiteError, match="backend") as caught:
        load_suite(remote(URL, backend))
    assert caught.value.hint == "allowed is one of kserve, tfserving"


def test_a_url_and_a_path_are_one_too_many(remote):
    both = f'backend = "kserve"\n{PATH}'
    with pytest.raises(SuiteError, match=r"variant\[int8\].path"):
        load_suite(remote(URL, both))
