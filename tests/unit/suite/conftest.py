"""Suite files in a folder of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = """\
[suite]
name = "digits"
task = "classification"
reference = "keras"

[golden]
data = "data"

[[variant]]
name = "keras"
kind = "original"
path = "models/m.keras"

[[variant]]
name = "int8"
kind = "quantized"
path = "models/m.int8.onnx"
"""


@pytest.fixture
def plain() -> str:
    """A suite with nothing but what must be there."""
    return PLAIN


@pytest.fixture
def write(tmp_path):
    """Writes a suite file and tells its path."""

    def write_suite(text: str | bytes, name: str = "quality.toml") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write_suite


@pytest.fixture
def edited(write, plain):
    """Writes the plain suite with one passage put in another's place."""

    def write_edited(old: str, new: str) -> Path:
        assert plain.count(old) == 1
        return write(plain.replace(old, new))

    return write_edited
