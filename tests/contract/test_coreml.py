"""Core ML files that coremltools wrote: known for what they are, and not run here."""

from pathlib import Path

import pytest

from harness.backends.detect import detect
from harness.core.errors import BackendError

FILES = Path(__file__).parents[1] / "fixtures" / "coreml"


@pytest.mark.parametrize("name", ["dense.mlmodel", "dense.mlpackage"])
def test_it_runs_on_macos_only(name):
    with pytest.raises(BackendError, match="Core ML") as caught:
        detect(FILES / name)
    assert name in caught.value.message
    assert "macOS only" in caught.value.hint
