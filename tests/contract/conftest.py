"""The committed digits models and a few golden images for them."""

from pathlib import Path

import pytest

from harness.core.specs import GoldenSpec, Preprocess
from harness.golden.preprocess import prepare
from harness.golden.replay import open_session as open_recording
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


@pytest.fixture(scope="session")
def golden_images():
    """All golden images, prepared as the suite declares."""
    chunk = next(open_golden(GoldenSpec(DIGITS / "data")).chunks(360))
    return prepare(chunk.inputs["image"], Preprocess(scale=0.0625))


@pytest.fixture(scope="session")
def recorded():
    """What the original, in Keras, answered to them."""
    recording = open_recording(DIGITS / "recorded" / "keras", {})
    answers = recording.run({}, slice(0, 360))["probabilities"]
    recording.close()
    return answers


@pytest.fixture(scope="session")
def savedmodel():
    return DIGITS / "models" / "savedmodel"
