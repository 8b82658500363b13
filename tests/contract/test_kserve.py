"""The Open Inference Protocol through the contract, against two real servers.

MLServer answers JSON over HTTP and raw bytes over gRPC; Triton knows binary tensors.
"""

import numpy as np
import pytest

from harness.backends.table import BACKENDS
from harness.core.errors import ModelLoadError
from harness.testing import LiveBackendContract

pytest.importorskip("grpc", reason="needs the remote extra")


def opened(url, **options):
    return BACKENDS.get("kserve")(url, options)


class Contract(LiveBackendContract):
    backend = "kserve"
    server = "mlserver"
    scheme = "http"
    tensors = "binary"
    # An endpoint has no file: what is asked of files is asked of its URL below.
    test_form_is_detected = test_missing_file = test_truncated_file = None

    @pytest.fixture
    def base(self, servers):
        return getattr(servers, self.server)[self.scheme]

    @pytest.fixture
    def model(self, base):
        return f"{base}/digits"

    @pytest.fixture
    def feeds(self, images):
        return {"image": images}

    def test_agrees_with_the_original(self, session, golden_images, recorded):
        found = session.run({"image": golden_images}, slice(0, 360))
        np.testing.assert_allclose(found["probabilities"], recorded, rtol=0, atol=2e-6)

    def test_how_tensors_go_is_recorded(self, session):
        assert session.runtime["tensors"] == self.tensors

    def test_unknown_model(self, base):
        with pytest.raises(ModelLoadError, match="nowhere") as caught:
            self.open(f"{base}/nowhere")
        assert caught.value.hint


class TestMLServerOverHttp(Contract):
    tensors = "JSON"

    def test_server_and_version_are_recorded(self, base):
        session = self.open(f"{base}/digits/versions/7")
        assert session.runtime["version"] == "mlserver 1.7.1"
        assert session.runtime["model_version"] == "7"
        session.close()


class TestMLServerOverGrpc(Contract):
    scheme = "grpc"


class TestTritonOverHttp(Contract):
    server = "triton"

    @pytest.mark.parametrize(
        ("binary", "tensors"), [("never", "JSON"), ("always", "binary")]
    )
    def test_both_ways_say_the_same(self, session, model, images, binary, tensors):
        other = self.open(model, binary=binary)
        assert other.runtime["tensors"] == tensors
        one, two = (s.run({"image": images}, slice(0, 8)) for s in (session, other))
        np.testing.assert_array_equal(one["probabilities"], two["probabilities"])
        other.close()

    def test_the_version_is_recorded(self, base):
        session = self.open(f"{base}/digits/versions/1")
        assert session.runtime["model_version"] == "1"
        assert session.runtime["version"].startswith("triton ")
        session.close()

    def test_a_refused_batch_is_told_in_the_servers_words(self, session, images):
        many = np.repeat(images, 65, axis=0)
        with pytest.raises(Exception, match=r"answers 400: .*512") as caught:
            session.run({"image": many}, slice(0, len(many)))
        assert caught.value.hint


class TestTritonOverGrpc(Contract):
    server = "triton"
    scheme = "grpc"
