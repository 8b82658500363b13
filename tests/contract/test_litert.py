"""LiteRT through the contract, in floats and in integers."""

from types import MappingProxyType

import pytest

from harness.testing import LiveBackendContract

pytest.importorskip("ai_edge_litert", reason="needs the litert extra")


class LiteRtContract(LiveBackendContract):
    backend = "litert"
    file = "digits.tflite"

    @pytest.fixture
    def model(self, models):
        return models / self.file

    @pytest.fixture
    def feeds(self, images):
        return {"image": images}


class TestFloat(LiteRtContract):
    pass


class TestInt8(LiteRtContract):
    file = "digits-int8.tflite"


class TestReferenceKernels(LiteRtContract):
    file = "digits-int8.tflite"
    options = MappingProxyType({"kernels": "reference"})
