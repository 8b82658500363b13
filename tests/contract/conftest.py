"""The committed digits models and a few golden images for them."""

from pathlib import Path

import pytest

from harness.core.specs import GoldenSpec, Preprocess
from harness.golden.preprocess import prepare
from harness.golden.source import open_golden

DIGITS = Path(__file__).parents[2] / "golden" / "digits"


@pytest.fixture
def models():
    return DIGITS / "models"


@pytest.fixture(scope="session")
def images():
    source = open_golden(GoldenSpec(DIGITS / "data"))
    chunk = next(source.chunks(8))
    return prepare(chunk.inputs["image"], Preprocess(scale=0.0625))
