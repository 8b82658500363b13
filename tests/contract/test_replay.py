"""Recorded outputs through the contract: a recording, and plain arrays."""

import numpy as np
import pytest

from harness.golden.record import RecordingWriter
from harness.golden.schema import Recording
from harness.golden.write import write_npz
from harness.testing import BackendContract

OUTPUTS = {
    "scores": np.arange(24, dtype=np.float32).reshape(8, 3),
    "note": np.arange(8, dtype=np.float64),
    "label": np.array([*"abcdefg", "the last"]),
}


class ReplayContract(BackendContract):
    backend = "replay"
    rtol = atol = 0

    @pytest.fixture
    def feeds(self):
        # A recording is fed nothing; these count the samples.
        return {"rows": np.arange(8)}


class TestRecording(ReplayContract):
    @pytest.fixture
    def model(self, tmp_path):
        about = Recording("keras", "0" * 64, "1" * 64, "2" * 64, 4)
        folder = tmp_path / "recorded"
        with RecordingWriter(folder, about) as writer:
            for start in (0, 4):
                part = slice(start, start + 4)
                writer.append({name: array[part] for name, array in OUTPUTS.items()})
        return folder


class TestPlainArrays(ReplayContract):
    @pytest.fixture
    def model(self, tmp_path):
        write_npz(tmp_path / "outputs.npz", OUTPUTS)
        return tmp_path / "outputs.npz"


class TestOneArray(ReplayContract):
    @pytest.fixture
    def model(self, tmp_path):
        np.save(tmp_path / "scores.npy", OUTPUTS["scores"])
        return tmp_path / "scores.npy"
