"""A session in a process of its own holds the contract of the one inside."""

from types import MappingProxyType

import pytest

from harness.backends.table import BACKENDS
from harness.core.protocols import WindowSession
from harness.run.isolation import Launch, start
from harness.testing import LiveBackendContract


class Isolated:
    """Opens as the contract opens, in a process of its own."""

    @pytest.fixture(autouse=True)
    def opened(self):
        """Tests of the contract leave some sessions open: their processes end here."""
        self.sessions = []
        yield
        for session in self.sessions:
            session.close()

    def open(self, model, **more):
        backend = (self.backend, BACKENDS.entry(self.backend))
        options = {**self.options, **more}
        session = start(Launch("isolated"), backend, model, options).session()
        self.sessions.append(session)
        return session

    def test_answers_windows(self, session):
        assert isinstance(session, WindowSession)


class TestOnnx(Isolated, LiveBackendContract):
    backend = "onnxruntime"

    @pytest.fixture
    def model(self, models):
        return models / "digits.onnx"

    @pytest.fixture
    def feeds(self, images):
        return {"image": images}


class TestLitertInt8(Isolated, LiveBackendContract):
    backend = "litert"
    options = MappingProxyType({"num_threads": 1})
    rtol, atol = 0, 0

    @pytest.fixture
    def model(self, models):
        return models / "digits-int8.tflite"

    @pytest.fixture
    def feeds(self, images):
        return {"image": images}
