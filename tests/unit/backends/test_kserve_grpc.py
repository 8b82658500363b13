"""gRPC servers that misbehave, and those that answer in the protocol's other way."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest

from harness.backends.kserve_ import open_session
from harness.backends.kserve_messages import SERVICE, message
from harness.core.errors import InferenceError, ModelLoadError, SuiteError

FEED = {"x": np.float32([[1, 2], [3, 4]])}
ROWS = slice(0, 2)


def tensor(name, datatype="FP32", shape=(-1, 2)):
    return message("TensorMetadata", name=name, datatype=datatype, shape=shape)


def answer(raw=None, version="1", **values):
    """One output y; its bytes as `raw`, or its values as ``contents``."""
    output = {"name": "y", "datatype": "FP32", "shape": (2, 2)} | values
    return message(
        "ModelInferResponse",
        model_version=version,
        outputs=[message("Tensor", **output)],
        raw_output_contents=[] if raw is None else [raw],
    )


class Failure(Exception):
    """A status that the server answers with."""

    def __init__(self, code, details):
        super().__init__(details)
        self.code = code


class Scripted(grpc.GenericRpcHandler):
    """Answers each method with the next of its lines, the last one over and over."""

    def __init__(self):
        named = {"name": "m", "versions": ["1"], "platform": "onnx"}
        tensors = {"inputs": [tensor("x")], "outputs": [tensor("y")]}
        self.lines = {
            "ServerMetadata": [
                message("ServerMetadataResponse", name="tiny", version="1")
            ],
            "ModelReady": [message("ModelReadyResponse", ready=True)],
            "ModelMetadata": [message("ModelMetadataResponse", **named, **tensors)],
            "ModelInfer": [answer(FEED["x"].tobytes())],
        }
        self.asked = []
        self.metadata = []

    def service(self, details):
        method = details.method.removeprefix(f"{SERVICE}/")
        self.metadata.append(dict(details.invocation_metadata))
        return grpc.unary_unary_rpc_method_handler(
            lambda question, context: self.answer(method, question, context)
        )

    def answer(self, method, question, context):
        self.asked.append((method, question))
        lines = self.lines[method]
        line = lines.pop(0) if len(lines) > 1 else lines[0]
        if isinstance(line, Failure):
            context.abort(line.code, str(line))
        if isinstance(line, float):
            time.sleep(line)
            return b""
        return line if isinstance(line, bytes) else line.SerializeToString()

    def count(self, method):
        return [name for name, _ in self.asked].count(method)


@pytest.fixture
def script():
    return Scripted()


@pytest.fixture
def opened(script):
    server = grpc.server(ThreadPoolExecutor(2), handlers=[script])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sessions = []

    def open_it(path="/v2/models/m", **options):
        url = f"grpc://127.0.0.1:{port}{path}"
        sessions.append(open_session(url, {"timeout": 5, **options}))
        return sessions[-1]

    yield open_it
    for session in sessions:
        session.close()
    server.stop(None).wait()


def refused(session, match):
    with pytest.raises(InferenceError, match=match) as caught:
        session.run(FEED, ROWS)
    assert caught.value.hint
    return caught.value


def test_raw_bytes(script, opened):
    session = opened("/v2/models/m/versions/1")
    assert session.run(FEED, ROWS)["y"].tolist() == FEED["x"].tolist()
    question = message("ModelInferRequest")
    question.ParseFromString(script.asked[-1][1])
    assert (question.model_name, question.model_version) == ("m", "1")
    assert question.raw_input_contents[0] == FEED["x"].tobytes()
    assert [*question.inputs[0].shape] == [2, 2]
    assert session.runtime["version"] == "tiny 1"
    assert session.runtime["protocol"] == "gRPC"


@pytest.mark.parametrize(
    ("dtype", "datatype", "field", "values"),
    [
        ("float32", "FP32", "fp32_contents", [0.1, 2, 3, 4]),
        ("float64", "FP64", "fp64_contents", [0.1, 2, 3, 4]),
        ("int8", "INT8", "int_contents", [-128, 0, 1, 127]),
        ("int64", "INT64", "int64_contents", [-(2**63), 0, 1, 2**63 - 1]),
        ("uint8", "UINT8", "uint_contents", [0, 1, 2, 255]),
        ("uint64", "UINT64", "uint64_contents", [0, 1, 2, 2**64 - 1]),
        ("bool", "BOOL", "bool_contents", [True, False, True, True]),
        ("object", "BYTES", "bytes_contents", [b"a", "grüße".encode(), b"", b"d"]),
    ],
)
def test_typed_contents(script, opened, dtype, datatype, field, values):
    script.lines["ModelMetadata"][0].outputs[0].datatype = datatype
    contents = message("Contents", **{field: values})
    script.lines["ModelInfer"] = [answer(contents=contents, datatype=datatype)]
    found = opened().run(FEED, ROWS)["y"]
    assert found.dtype == dtype
    texts = [v.decode() if isinstance(v, bytes) else v for v in values]
    np.testing.assert_array_equal(found, np.array(texts, dtype=dtype).reshape(2, 2))


@pytest.mark.parametrize(
    ("line", "message_"),
    [
        (answer(b"1234"), "comes with 4 bytes"),
        (answer(b""), "comes with 0 bytes"),
        (answer(b"", shape=(-1, 2)), "has shape"),
        (answer(FEED["x"].tobytes(), name="z"), "answers without output 'y'"),
        (answer(FEED["x"].tobytes(), datatype="INT32"), "answered as INT32"),
        (answer(FEED["x"].tobytes(), shape=(4,)), "answered as \\(4,\\)"),
        (answer(), "comes with 0 elements"),
        (
            message("ModelInferResponse", raw_output_contents=[b""]),
            "answers 0 outputs and bytes of 1",
        ),
        (b"\xff\xff\xff", "what is no such message"),
        (
            Failure(grpc.StatusCode.INTERNAL, "\x1b[31m" + "bad " * 500),
            r"answers INTERNAL: \[31mbad bad .*\.\.\.",
        ),
        (Failure(grpc.StatusCode.NOT_FOUND, "m"), "answers NOT_FOUND: m"),
    ],
)
def test_what_is_no_answer_is_told(script, opened, line, message_):
    session = opened()
    script.lines["ModelInfer"] = [line]
    refused(session, message_)
    assert script.count("ModelInfer") == 1


def test_a_busy_server_is_asked_again(script, opened):
    session = opened()
    busy = Failure(grpc.StatusCode.UNAVAILABLE, "busy")
    script.lines["ModelInfer"].insert(0, busy)
    assert session.run(FEED, ROWS)["y"].shape == (2, 2)
    assert script.count("ModelInfer") == 2


@pytest.mark.parametrize("retries", [0, 1])
def test_but_not_for_ever(script, opened, retries):
    session = opened(retries=retries)
    script.lines["ModelInfer"] = [Failure(grpc.StatusCode.UNAVAILABLE, "busy")]
    refused(session, "cannot be reached: busy")
    assert script.count("ModelInfer") == retries + 1


def test_an_answer_that_does_not_come_is_cut_off(script, opened):
    session = opened(timeout=0.3)
    script.lines["ModelInfer"] = [0.8]
    refused(session, "has not answered within 0.3 s")
    assert script.count("ModelInfer") == 1


def test_a_long_answer_is_refused(script, opened):
    session = opened(max_response_mb=0.001)
    script.lines["ModelInfer"] = [answer(bytes(100_000))]
    assert "max_response_mb" in refused(session, "RESOURCE_EXHAUSTED").hint


def test_one_version_answers_a_run(script, opened):
    session = opened()
    raw = FEED["x"].tobytes()
    script.lines["ModelInfer"] = [answer(raw), answer(raw, version="2")]
    session.run(FEED, ROWS)
    refused(session, "from version '1' of the model to '2'")


def test_a_token_is_sent_and_never_shown(script, opened, monkeypatch):
    monkeypatch.setenv("SERVING_TOKEN", "s3cret")
    session = opened(token_env="SERVING_TOKEN")
    denied = Failure(grpc.StatusCode.UNAUTHENTICATED, "s3cret is nobody")
    script.lines["ModelInfer"] = [denied]
    assert "token_env" in refused(session, r"\*\*\* is nobody").hint
    assert {m["authorization"] for m in script.metadata} == {"Bearer s3cret"}


@pytest.mark.parametrize(
    ("path", "options", "message_"),
    [
        ("/prefix/v2/models/m", {}, "no paths such as '/prefix'"),
        ("/v2/models/m", {"verify": False}, "verify"),
        ("/v2/models/m", {"binary": "never"}, "binary"),
    ],
)
def test_what_grpc_has_not_is_refused(opened, path, options, message_):
    with pytest.raises(SuiteError, match=message_):
        opened(path, **options)


def test_a_model_that_is_not_ready(script, opened):
    script.lines["ModelReady"] = [message("ModelReadyResponse", ready=False)]
    with pytest.raises(ModelLoadError, match="'m' is not ready"):
        opened()


def test_nobody_listens():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"grpc://127.0.0.1:{free.getsockname()[1]}/v2/models/m"
        with pytest.raises(ModelLoadError, match="cannot be reached"):
            open_session(url, {"retries": 0})


def test_a_certificate_is_verified(opened):
    del opened  # a plain server is no TLS server
    with pytest.raises(SuiteError, match="ca_file"):
        open_session("grpcs://127.0.0.1:1/v2/models/m", {"ca_file": "/nowhere.pem"})
