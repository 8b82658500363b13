"""The example's own tests: the contract of every backend, run where it is installed."""

import numpy as np
import pytest

from harness.testing import LiveBackendContract


class TestLinear(LiveBackendContract):
    backend = "linear"

    @pytest.fixture
    def model(self, tmp_path):
        path = tmp_path / "model.linear"
        path.write_text("1 2 3\n4 5 6.25")
        return path

    @pytest.fixture
    def feeds(self):
        return {"x": np.arange(6, dtype=np.float32).reshape(3, 2)}

    # Only the harness's own forms are told by their bytes: a suite names this one.
    test_form_is_detected = None
