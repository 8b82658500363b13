"""TensorFlow Serving's REST API through the contract, over the real SavedModel."""

import socket

import numpy as np
import pytest

from harness.backends.table import BACKENDS
from harness.core.errors import InferenceError, ModelLoadError, SuiteError
from harness.testing import LiveBackendContract

tf = pytest.importorskip("tensorflow", reason="needs the tensorflow extra")


class Mixed(tf.Module):
    """Two inputs, four outputs: text, bytes, whole numbers, and floats of all kinds."""

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.int64, "count"),
            tf.TensorSpec([None], tf.string, "text"),
        ]
    )
    def mixed(self, count, text):
        ratio = (tf.cast(count, tf.float32) - 2.0) / tf.zeros_like(count, tf.float32)
        return {
            "doubled": count * 2,
            "ratio": ratio,
            "upper": tf.strings.upper(text),
            "raw_bytes": tf.strings.join([text, tf.constant(b"\xff")]),
        }

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, "x")])
    def total(self, x):
        return {"total": tf.reduce_sum(x), "rows": tf.reduce_sum(x, axis=1)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "image_bytes")])
    def tag(self, image_bytes):
        return {"tagged_bytes": tf.strings.join([image_bytes, tf.constant(b"\xff")])}

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, "x")])
    def half(self, x):
        return {"half": tf.cast(x, tf.float16)}


@pytest.fixture(scope="session")
def served(servers, tmp_path_factory, savedmodel):
    folder = tmp_path_factory.mktemp("mixed")
    module = Mixed()
    names = ("half", "mixed", "tag", "total")
    signatures = {name: getattr(module, name) for name in names}
    tf.saved_model.save(module, str(folder), signatures=signatures)
    return servers.tf_serving(digits=savedmodel, mixed=folder)


def opened(url, **options):
    return BACKENDS.get("tfserving")(url, options)


class Contract(LiveBackendContract):
    backend = "tfserving"
    # An endpoint has no file: what is asked of files is asked of its URL below.
    test_form_is_detected = test_missing_file = test_truncated_file = None

    @pytest.fixture
    def model(self, served):
        return f"{served}/digits"

    @pytest.fixture
    def feeds(self, images):
        return {"image": images}

    def test_agrees_with_the_original(self, session, golden_images, recorded):
        found = session.run({"image": golden_images}, slice(0, 360))
        np.testing.assert_allclose(found["probabilities"], recorded, rtol=0, atol=2e-6)


class TestColumns(Contract):
    pass


class TestRows(Contract):
    options = {"form": "row"}  # noqa: RUF012 - as the contract declares it


@pytest.mark.parametrize(
    ("suffix", "version"),
    [
        ("", "7"),
        ("/", "7"),
        (":predict", "7"),
        ("/versions/3", "3"),
        ("/versions/3:predict", "3"),
        ("/labels/stable", "3"),
    ],
)
def test_the_version_that_answers_is_recorded(served, images, suffix, version):
    session = opened(f"{served}/digits{suffix}")
    assert session.runtime["model_version"] == version
    assert session.run({"image": images}, slice(0, 8))["probabilities"].shape == (8, 10)
    session.close()


FEEDS = {
    "count": np.array([1, 2, 3, 2**40], np.int64),
    "text": np.array(["a", "grüße", "", "d"], dtype=object),
}


@pytest.mark.parametrize("form", ["column", "row"])
def test_types_come_through(served, form):
    session = opened(f"{served}/mixed", form=form, signature="mixed")
    assert [(s.name, s.dtype) for s in session.outputs] == [
        ("doubled", "int64"),
        ("ratio", "float32"),
        ("raw_bytes", "str"),
        ("upper", "str"),
    ]
    found = session.run(FEEDS, slice(0, 4))
    session.close()
    assert found["doubled"].tolist() == [2, 4, 6, 2**41]
    assert found["doubled"].dtype == np.int64
    assert found["ratio"].dtype == np.float32
    np.testing.assert_array_equal(found["ratio"], [-np.inf, np.nan, np.inf, np.inf])
    assert found["upper"].tolist() == ["A", "GRüßE", "", "D"]
    assert found["raw_bytes"].tolist() == [
        text.encode() + b"\xff" for text in FEEDS["text"]
    ]


@pytest.mark.parametrize("form", ["column", "row"])
def test_bytes_are_fed_as_they_are(served, form):
    session = opened(f"{served}/mixed", form=form, signature="tag")
    odd = np.array([b"\x00\xfe", b""], dtype=object)
    found = session.run({"image_bytes": odd}, slice(0, 2))
    session.close()
    assert found["tagged_bytes"].tolist() == [b"\x00\xfe\xff", b"\xff"]


def test_numbers_come_through_exactly(served):
    values = np.float32([[0.1, 1 / 3], [3.4e38, 1e-45], [np.inf, -0.0], [2**24 + 2, 7]])
    session = opened(f"{served}/mixed", signature="total")
    found = session.run({"x": values}, slice(0, 4))
    session.close()
    np.testing.assert_array_equal(found["rows"], values.sum(axis=1))
    assert found["total"].shape == ()


def test_a_scalar_output_needs_columns(served):
    session = opened(f"{served}/mixed", signature="total", form="row")
    with pytest.raises(InferenceError, match=r"400.*0-th dimension"):
        session.run({"x": np.ones((2, 2), np.float32)}, slice(0, 2))
    session.close()


def test_a_type_that_the_api_lacks_is_named(served):
    with pytest.raises(ModelLoadError, match="'half' is DT_HALF"):
        opened(f"{served}/mixed", signature="half")


def test_an_unknown_signature_is_named_with_the_known_ones(served):
    with pytest.raises(SuiteError, match="no signature 'serve'") as caught:
        opened(f"{served}/mixed", signature="serve")
    assert "half, mixed, tag, total" in caught.value.hint


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/nowhere", "404: Servable not found for request: Latest"),
        ("/digits/versions/9", "404: Servable not found for request: Specific"),
        ("/digits/labels/canary", "400: Unrecognized servable version label"),
    ],
)
def test_the_servers_refusal_is_told(served, path, message):
    with pytest.raises(ModelLoadError, match=message) as caught:
        opened(f"{served}{path}")
    assert path in caught.value.message
    assert caught.value.hint


def test_nobody_listens():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1/models/digits"
        with pytest.raises(ModelLoadError, match=r"cannot be reached.*refused"):
            opened(url, retries=0)
