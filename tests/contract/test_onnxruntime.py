"""onnxruntime through the contract, on each ONNX form of the digits model."""

from types import MappingProxyType

import pytest

from harness.testing import LiveBackendContract


class OnnxContract(LiveBackendContract):
    backend = "onnxruntime"
    file = "digits.onnx"

    @pytest.fixture
    def model(self, models):
        return models / self.file

    @pytest.fixture
    def feeds(self, images):
        return {"image": images}


class TestOnnx(OnnxContract):
    pass


class TestUnoptimized(OnnxContract):
    options = MappingProxyType({"graph_optimization_level": "disable"})


class TestOptimizedFile(OnnxContract):
    file = "digits-optimized.onnx"


class TestFp16(OnnxContract):
    file = "digits-fp16.onnx"
    # One rounding of float16 near 1.
    rtol, atol = 0, 2**-10


class TestInt8Static(OnnxContract):
    file = "digits-int8-static.onnx"


class TestInt8Dynamic(OnnxContract):
    file = "digits-int8-dynamic.onnx"
    # Its scales are taken from the whole batch: answers depend on the neighbours.
    rtol, atol = 0, 0.1
