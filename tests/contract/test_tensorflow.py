"""TensorFlow through the contract, on both of its forms."""

import pytest

from harness.testing import LiveBackendContract

pytest.importorskip("tensorflow", reason="needs the tensorflow extra")


class TensorFlowContract(LiveBackendContract):
    backend = "tensorflow"
    file = ""

    @pytest.fixture
    def model(self, models):
        return models / self.file

    @pytest.fixture
    def feeds(self, images):
        return {"image": images}


class TestSavedModel(TensorFlowContract):
    file = "savedmodel"


class TestFrozenGraph(TensorFlowContract):
    file = "frozen.pb"
