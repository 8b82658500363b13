"""Endpoints that misbehave: slow, cut short, too long, wrong, busy, elsewhere."""

import gzip
import json
import socket
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from harness.backends.kserve_ import open_session as open_kserve
from harness.backends.tfserving_ import open_session as open_tfserving
from harness.core.errors import BackendError, InferenceError, ModelLoadError, SuiteError

FEED = {"x": np.ones((2, 2), np.float32)}
ROWS = slice(0, 2)
PREDICT = "/v1/models/m/versions/3:predict"
INFER = "/v2/models/m/infer"


def reply(body, status=200, kind="application/json", **headers):
    """A whole HTTP answer, as bytes."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = {"Content-Type": kind, "Content-Length": len(data)}
    head |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{k}: {v}" for k, v in head.items() if v is not None]
    text = "\r\n".join([f"HTTP/1.1 {status} Words", *lines])
    return text.encode() + b"\r\n\r\n" + data


def tensor(dtype, shape):
    dims = [{"size": str(size), "name": ""} for size in shape]
    return {"dtype": dtype, "tensor_shape": {"dim": dims, "unknown_rank": False}}


SIGNATURE = {
    "inputs": {"x": tensor("DT_FLOAT", (-1, 2))},
    "outputs": {"y": tensor("DT_FLOAT", (-1, 2))},
}
METADATA = {
    "model_spec": {"name": "m", "version": "3"},
    "metadata": {"signature_def": {"signature_def": {"serving_default": SIGNATURE}}},
}
GOOD = reply({"outputs": [[1.5, 2], [3, 4]]})
TRITON = {"name": "triton", "version": "2", "extensions": ["binary_tensor_data"]}
JSON_ONLY = {"name": "plain", "version": "1", "extensions": []}
MODEL = {
    "name": "m",
    "versions": ["1"],
    "platform": "onnx",
    "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}],
    "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 2]}],
}


class Scripted(ThreadingHTTPServer):
    """Answers each path with the next of its lines; the last is said over and over."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.lines = {
            "/v1/models/m/metadata": [reply(METADATA)],
            PREDICT: [GOOD],
            "/v2": [reply(TRITON)],
            "/v2/models/m/ready": [reply(b"")],
            "/v2/models/m": [reply(MODEL)],
        }
        self.asked = []
        self.connections = 0
        self.done = threading.Event()

    def count(self, path):
        return [found for found, _, _ in self.asked].count(path)

    def process_request(self, request, client_address):
        self.connections += 1
        super().process_request(request, client_address)

    def handle_error(self, request, client_address):
        """A client that hangs up is what these tests are about."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        self.answer()

    def do_POST(self):
        self.answer()

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append((self.path, dict(self.headers), body))
        lines = self.server.lines.get(self.path) or [reply({"error": "lost"}, 404)]
        line = lines.pop(0) if len(lines) > 1 else lines[0]
        if callable(line):
            line(self)
            self.close_connection = True
        else:
            self.wfile.write(line)

    def log_message(self, *_):
        """Quiet."""


@pytest.fixture
def server():
    scripted = Scripted()
    thread = threading.Thread(target=scripted.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield scripted
    scripted.done.set()
    scripted.shutdown()
    scripted.server_close()


@pytest.fixture
def tfserving(server):
    """Opens the scripted model as TensorFlow Serving's."""
    sessions = []

    def opened(scheme="http", **options):
        url = f"{scheme}://127.0.0.1:{server.server_port}/v1/models/m"
        sessions.append(open_tfserving(url, {"timeout": 5, **options}))
        return sessions[-1]

    yield opened
    for session in sessions:
        session.close()


@pytest.fixture
def kserve(server):
    """Opens the scripted model by the Open Inference Protocol."""
    sessions = []

    def opened(**options):
        url = f"http://127.0.0.1:{server.server_port}/v2/models/m"
        sessions.append(open_kserve(url, {"timeout": 5, **options}))
        return sessions[-1]

    yield opened
    for session in sessions:
        session.close()


def drip(handler):
    """A byte at a time, for ever."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
    handler.wfile.write(b"Content-Length: 100000\r\n\r\n")
    while not handler.server.done.wait(0.05):
        handler.wfile.write(b" ")


def silence(handler):
    handler.server.done.wait(5)


def hang_up(handler):
    handler.connection.shutdown(socket.SHUT_RDWR)


def cut_short(handler):
    handler.wfile.write(reply(b"{", Content_Length=50))


def chunked(*chunks, end=True):
    def answer(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
        handler.wfile.write(b"Transfer-Encoding: chunked\r\n\r\n")
        for chunk in chunks:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        if end:
            handler.wfile.write(b"0\r\n\r\n")

    return answer


def flood(handler):
    """More than anybody asked for, in pieces, without saying how much."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
    handler.wfile.write(b"Transfer-Encoding: chunked\r\n\r\n")
    for _ in range(200):
        handler.wfile.write(b"10000\r\n" + bytes(0x10000) + b"\r\n")


def refused(session, match):
    with pytest.raises(InferenceError, match=match) as caught:
        session.run(FEED, ROWS)
    assert caught.value.hint
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 500
    return caught.value


class TestTime:
    @pytest.mark.parametrize("line", [drip, silence])
    def test_an_answer_that_does_not_end_is_cut_off(self, server, tfserving, line):
        session = tfserving(timeout=0.3)
        server.lines[PREDICT] = [line]
        started = time.monotonic()
        refused(session, "has not answered within 0.3 s")
        assert time.monotonic() - started < 3
        assert server.count(PREDICT) == 1

    def test_the_session_goes_on_after_it(self, server, tfserving):
        session = tfserving(timeout=0.3)
        server.lines[PREDICT] = [drip, GOOD]
        refused(session, "has not answered")
        assert session.run(FEED, ROWS)["y"].tolist() == [[1.5, 2], [3, 4]]


class TestRetries:
    @pytest.mark.parametrize("status", [502, 503, 504])
    def test_a_busy_server_is_asked_again(self, server, tfserving, status):
        session = tfserving()
        server.lines[PREDICT] = [reply({"error": "busy"}, status), GOOD]
        assert session.run(FEED, ROWS)["y"].shape == (2, 2)
        assert server.count(PREDICT) == 2

    @pytest.mark.parametrize("retries", [0, 1])
    def test_but_not_for_ever(self, server, tfserving, retries):
        session = tfserving(retries=retries)
        server.lines[PREDICT] = [reply({"error": "busy"}, 503)]
        refused(session, "answers 503: busy")
        assert server.count(PREDICT) == retries + 1

    @pytest.mark.parametrize("line", [hang_up, cut_short])
    def test_a_lost_connection_is_made_again(self, server, tfserving, line):
        session = tfserving()
        server.lines[PREDICT] = [line, GOOD]
        assert session.run(FEED, ROWS)["y"].shape == (2, 2)

    @pytest.mark.parametrize("status", [400, 429, 500, 501])
    def test_a_failure_is_final(self, server, tfserving, status):
        session = tfserving()
        server.lines[PREDICT] = [reply({"error": "no"}, status)]
        refused(session, f"answers {status}: no")
        assert server.count(PREDICT) == 1

    def test_connections_are_kept(self, server, tfserving):
        session = tfserving()
        for _ in range(5):
            session.run(FEED, ROWS)
        assert server.connections == 1


class TestSize:
    def test_a_length_beyond_the_limit_is_not_read(self, server, tfserving):
        session = tfserving()
        server.lines[PREDICT] = [reply(b" ", Content_Length=10**12)]
        error = refused(session, "answers 1000000000000 bytes, where .* are the most")
        assert "max_response_mb" in error.hint

    def test_a_flood_is_cut_off(self, server, tfserving):
        session = tfserving()
        server.lines[PREDICT] = [flood]
        refused(session, "answers more, where .* bytes are the most")

    def test_the_limit_can_be_set(self, tfserving):
        session = tfserving(max_response_mb=0.00001)
        refused(session, "where 11 bytes are the most")

    @pytest.mark.parametrize("line", [chunked(b'{"outputs": [[1.5, ', b"2], [3, 4]]}")])
    def test_pieces_are_put_together(self, server, tfserving, line):
        session = tfserving()
        server.lines[PREDICT] = [line]
        assert session.run(FEED, ROWS)["y"].tolist() == [[1.5, 2], [3, 4]]

    @pytest.mark.parametrize("line", [cut_short, chunked(b'{"out', end=False)])
    def test_an_answer_cut_short_is_told(self, server, tfserving, line):
        session = tfserving(retries=1)
        server.lines[PREDICT] = [line]
        refused(session, "breaks off")
        assert server.count(PREDICT) == 2


class TestContent:
    @pytest.mark.parametrize(
        ("line", "message"),
        [
            (reply(b"<h1>Hi</h1>", kind="text/html"), "answers text/html where JSON"),
            (reply(b'{"outputs": [['), "answers what is no JSON"),
            (reply(b"[" * 100_000), "answers what is no JSON"),
            (reply(b"\xff\xfe{"), "answers what is no JSON"),
            (reply([1, 2]), "answers JSON that is no object"),
            (reply({"predictions": []}), "answers without 'outputs'"),
            (reply({"outputs": [[1, 2], [3]]}), "'y' cannot be read as float32"),
            (reply({"outputs": [["1", "2"]]}), "'y' cannot be read as float32"),
            (reply({"outputs": [[None, 2]]}), "'y' cannot be read as float32"),
            (
                reply({"outputs": [[1, 2, 3]]}),
                r"told as \(\?, 2\), answered as \(1, 3\)",
            ),
            (reply({"outputs": [1, 2]}), r"told as \(\?, 2\), answered as \(2,\)"),
            (
                reply(gzip.compress(b'{"outputs": [[1, 2]]}'), Content_Encoding="gzip"),
                "answers compressed",
            ),
        ],
    )
    def test_what_is_no_answer_is_told(self, server, tfserving, line, message):
        session = tfserving()
        server.lines[PREDICT] = [line]
        refused(session, message)

    def test_a_redirect_is_told_and_not_followed(self, server, tfserving):
        session = tfserving()
        server.lines[PREDICT] = [reply(b"", 307, Location="http://elsewhere.test/x")]
        refused(session, "redirects to http://elsewhere.test/x")

    def test_a_servers_words_are_cleaned_and_shortened(self, server, tfserving):
        session = tfserving()
        words = "\x1b[31mred\x00\n\tand   long " + "x" * 10_000
        server.lines[PREDICT] = [reply({"error": words}, 500)]
        error = refused(session, r"answers 500: \[31mred and long x+\.\.\.\n")
        assert "\x1b" not in str(error)

    @pytest.mark.parametrize("line", [reply(b"\x00" * 10**6, 500), reply(b"", 500)])
    def test_errors_need_not_be_json(self, server, tfserving, line):
        session = tfserving()
        server.lines[PREDICT] = [line]
        refused(session, "answers 500: nothing")

    @pytest.mark.parametrize(
        ("metadata", "message"),
        [
            ({}, "without 'metadata'|tells no version|without 'model_spec'"),
            ({**METADATA, "model_spec": {"version": "../x"}}, "tells no version"),
            ({**METADATA, "metadata": []}, "without 'signature_def'"),
        ],
    )
    def test_a_description_that_is_none(self, server, tfserving, metadata, message):
        server.lines["/v1/models/m/metadata"] = [reply(metadata)]
        with pytest.raises(ModelLoadError, match=message):
            tfserving()


class TestTokens:
    def test_a_token_is_sent_and_never_shown(self, server, tfserving, monkeypatch):
        monkeypatch.setenv("SERVING_TOKEN", "s3cret")
        session = tfserving(token_env="SERVING_TOKEN")
        server.lines[PREDICT] = [reply({"error": "no such user: s3cret"}, 401)]
        error = refused(session, r"answers 401: no such user: \*\*\*")
        assert "token_env" in error.hint
        assert "s3cret" not in repr(session.runtime)
        assert {h["Authorization"] for _, h, _ in server.asked} == {"Bearer s3cret"}

    @pytest.mark.parametrize("value", [None, "", "two words", "line\nbreak", "ü"])
    def test_a_variable_without_one_is_named(self, tfserving, monkeypatch, value):
        monkeypatch.delenv("SERVING_TOKEN", raising=False)
        if value is not None:
            monkeypatch.setenv("SERVING_TOKEN", value)
        with pytest.raises(SuiteError, match="SERVING_TOKEN") as caught:
            tfserving(token_env="SERVING_TOKEN")
        assert not value or value not in str(caught.value)

    @pytest.mark.parametrize("open_session", [open_tfserving, open_kserve])
    @pytest.mark.parametrize(
        "url",
        [
            "http://user:s3cret@127.0.0.1/v1/models/m",
            "http://user:s3cret@127.0.0.1/v2/models/m",
            "http://127.0.0.1/v1/models/m?key=s3cret",
            "ftp://127.0.0.1/v1/models/m",
            "/models/m.onnx",
        ],
    )
    def test_other_urls_are_refused(self, open_session, url):
        with pytest.raises(SuiteError, match="no URL of this backend") as caught:
            open_session(url, {})
        assert "s3cret" not in str(caught.value)


class TestOptions:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("timeout", 0),
            ("timeout", True),
            ("connect_timeout", "5"),
            ("retries", -1),
            ("retries", 11),
            ("max_response_mb", -1),
            ("ca_file", "/nowhere.pem"),
            ("verify", "no"),
            ("form", "both"),
        ],
    )
    def test_wrong_values_are_named(self, tfserving, name, value):
        with pytest.raises(SuiteError, match=name):
            tfserving(**{name: value})


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(cert)]
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command = [
        "openssl",
        "req",
        "-x509",
        "-nodes",
        "-days",
        "2",
        *kind,
        *subject,
        *files,
    ]
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


@pytest.fixture
def tls(server, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return certificate[0]


class TestTls:
    @pytest.mark.usefixtures("tls")
    def test_an_unknown_certificate_is_refused(self, tfserving):
        with pytest.raises(ModelLoadError, match="is not trusted") as caught:
            tfserving("https")
        assert "ca_file" in caught.value.hint

    def test_its_authority_can_be_named(self, tls, tfserving):
        session = tfserving("https", ca_file=str(tls))
        assert session.runtime["tls"] == "verified"
        assert session.run(FEED, ROWS)["y"].shape == (2, 2)

    @pytest.mark.usefixtures("tls")
    def test_what_is_not_verified_is_on_record(self, tfserving):
        session = tfserving("https", verify=False)
        assert "NOT verified" in session.runtime["tls"]
        assert session.run(FEED, ROWS)["y"].shape == (2, 2)


def binary(values=(1.0, 2.0, 3.0, 4.0), size=None, length=None, **more):
    raw = np.array(values, "<f4").tobytes()
    size = len(raw) if size is None else size
    output = {"name": "y", "datatype": "FP32", "shape": [2, 2]} | more
    output |= {"parameters": {"binary_data_size": size}}
    head = json.dumps({"model_version": "1", "outputs": [output]}).encode()
    length = len(head) if length is None else length
    kind = "application/octet-stream"
    return reply(head + raw, kind=kind, Inference_Header_Content_Length=length)


class TestKServe:
    def test_binary_tensors(self, server, kserve):
        session = kserve()
        server.lines[INFER] = [binary()]
        assert session.run(FEED, ROWS)["y"].tolist() == [[1, 2], [3, 4]]
        _, headers, body = server.asked[-1]
        length = int(headers["Inference-Header-Content-Length"])
        assert json.loads(body[:length]) == {
            "inputs": [
                {
                    "name": "x",
                    "shape": [2, 2],
                    "datatype": "FP32",
                    "parameters": {"binary_data_size": 16},
                }
            ],
            "outputs": [{"name": "y", "parameters": {"binary_data": True}}],
        }
        assert body[length:] == FEED["x"].tobytes()

    def test_json_where_the_server_knows_no_better(self, server, kserve):
        server.lines["/v2"] = [reply(JSON_ONLY)]
        session = kserve()
        data = [1, None, 3.5, 4]
        output = {"name": "y", "datatype": "FP32", "shape": [2, 2], "data": data}
        server.lines[INFER] = [reply({"outputs": [output]})]
        found = session.run(FEED, ROWS)["y"]
        np.testing.assert_array_equal(found, np.float32([[1, np.nan], [3.5, 4]]))
        assert session.runtime["tensors"] == "JSON"

    def test_json_has_no_nan(self, server, kserve):
        server.lines["/v2"] = [reply(JSON_ONLY)]
        session = kserve()
        with pytest.raises(InferenceError, match="no NaN and no infinity"):
            session.run({"x": np.full((2, 2), np.nan, np.float32)}, ROWS)

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            (binary(size=12), "comes with 12 bytes"),
            (binary(size=10**9), "says there are more"),
            (binary(size=-4), "says there are more"),
            (binary(length=10**9), "says Inference-Header-Content-Length"),
            (binary(length="x"), "says Inference-Header-Content-Length"),
            (binary(length=3), "answers what is no JSON"),
            (binary(shape=[2, 3]), "comes with 16 bytes"),
            (binary(shape=[-2, -2]), "has shape"),
            (binary(shape=["2", 2]), "has shape"),
            (binary(shape=[4]), "answered as"),
            (binary(datatype="FP64"), "described as FP32, answered as FP64"),
            (binary(name="z"), "answers without output 'y'"),
            (reply({"outputs": 3}), "answers without outputs"),
            (reply({"outputs": [3]}), "answers without outputs"),
            (reply({}), "answers without outputs"),
        ],
    )
    def test_what_is_no_answer_is_told(self, server, kserve, line, message):
        session = kserve()
        server.lines[INFER] = [line]
        refused(session, message)

    def test_one_version_answers_a_run(self, server, kserve):
        session = kserve()
        other = binary().replace(b'"model_version": "1"', b'"model_version": "2"')
        server.lines[INFER] = [binary(), other]
        session.run(FEED, ROWS)
        refused(session, "from version '1' of the model to '2'")

    @pytest.mark.parametrize(
        ("path", "line", "message"),
        [
            ("/v2/models/m/ready", reply(b"", 400), r"not ready \(status 400\)"),
            ("/v2/models/m", reply({**MODEL, "inputs": []}), "without inputs"),
            ("/v2/models/m", reply({**MODEL, "outputs": 3}), "describes its outputs"),
            (
                "/v2/models/m",
                reply({**MODEL, "outputs": [{"name": "y", "datatype": "BF16"}]}),
                "tensor 'y' of type 'BF16'",
            ),
            ("/v2", reply({"error": "gone"}, 404), "answers 404: gone"),
        ],
    )
    def test_a_model_that_cannot_be_opened(self, server, kserve, path, line, message):
        server.lines[path] = [line]
        with pytest.raises(BackendError, match=message) as caught:
            kserve()
        assert caught.value.hint
