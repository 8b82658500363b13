"""onnxruntime through the contract, on each ONNX form of the digits model."""

from types import MappingProxyType

import onnxruntime
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


class TestOddModels(LiveBackendContract):
    """Odd interfaces, from real exporters; those whose samples lie on axis 0."""

    backend = "onnxruntime"

    @pytest.fixture(
        params=[
            *("two_by_two", "fixed_batch_1", "tokens", "any_size", "json_names"),
            *("half", "brain_half", "flags", "frames"),
            *("zipmap_numbers", "zipmap_words"),
        ]
    )
    def case(self, request, zoo):
        return zoo(request.param)

    @pytest.fixture
    def model(self, case):
        return case.model

    @pytest.fixture
    def feeds(self, case):
        return dict(case.golden)


class TestOrtFormat(TestOddModels):
    """The runtime's own format, written by the runtime."""

    @pytest.fixture(params=["two_by_two", "tokens", "zipmap_words"])
    def case(self, request, zoo):
        return zoo(request.param)

    @pytest.fixture
    def model(self, case, tmp_path):
        options = onnxruntime.SessionOptions()
        options.add_session_config_entry("session.save_model_format", "ORT")
        path = tmp_path / "model.ort"
        options.optimized_model_filepath = str(path)
        onnxruntime.InferenceSession(case.model, options)
        return path
