"""onnx.reference through the contract, and against onnxruntime."""

import numpy as np
import pytest

from harness.backends.onnx_reference_ import open_session
from harness.backends.onnxruntime_ import open_session as open_onnxruntime
from harness.testing import LiveBackendContract, answers


class ReferenceContract(LiveBackendContract):
    backend = "onnx-reference"
    file = "digits.onnx"

    @pytest.fixture
    def model(self, models):
        return models / self.file

    @pytest.fixture
    def feeds(self, images):
        return {"image": images}

    # A suite names the oracle; what the bytes of an ONNX file name is onnxruntime.
    test_form_is_detected = None

    def test_agrees_with_onnxruntime(self, model, feeds):
        found = answers(open_session(model, {}), feeds, 8)
        expected = answers(open_onnxruntime(model, {}), feeds, 8)
        assert list(found) == list(expected)
        for name, answer in found.items():
            np.testing.assert_allclose(answer, expected[name], rtol=0, atol=2e-6)


class TestReference(ReferenceContract):
    pass


class TestQuantized(ReferenceContract):
    file = "digits-int8-dynamic.onnx"
    # Its scales are taken from the whole batch: answers depend on the neighbours.
    rtol, atol = 0, 0.1
