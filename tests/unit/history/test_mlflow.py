"""Exports to MLflow, against a server that keeps the published REST contract."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.core.errors import ReportError
from harness.history.database import History
from harness.history.mlflow import Tracking

# Keys, and how much one request may hold, as MLflow's own validation has it.
KEY = re.compile(r"[\w\-. :/]{1,250}", re.ASCII)
LIMITS = {"metrics": 1000, "params": 100, "tags": 100}
MILLISECONDS = 1_600_000_000_000


class Server:
    """What a tracking server keeps."""

    def __init__(self):
        self.experiments, self.runs, self.tokens = {}, {}, []
        self.page = 2

    def answer(self, path, query, body):
        if path == "experiments/get-by-name":
            name = query["experiment_name"][0]
            if name not in self.experiments:
                return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST"}
            return 200, {"experiment": {"experiment_id": self.experiments[name]}}
        return getattr(self, path.replace("/", "_").replace("-", "_"))(body)

    def experiments_create(self, body):
        self.experiments[body["name"]] = str(len(self.experiments) + 1)
        return 200, {"experiment_id": self.experiments[body["name"]]}

    def runs_create(self, body):
        assert body["experiment_id"] in self.experiments.values()
        assert body["start_time"] > MILLISECONDS
        name = f"{len(self.runs):032x}"
        self.runs[name] = {"tags": body["tags"], "metrics": [], "params": []}
        return 200, {"run": {"info": {"run_id": name}}}

    def runs_log_batch(self, body):
        run = self.runs[body.pop("run_id")]
        for kind, items in body.items():
            assert len(items) <= LIMITS[kind]
            for item in items:
                assert KEY.fullmatch(item["key"])
                assert isinstance(item["value"], float if kind == "metrics" else str)
            run[kind] += items
        return 200, {}

    def runs_search(self, body):
        assert body["max_results"] <= 50_000
        start = int(body.get("page_token", 0))
        names = list(self.runs)[start : start + self.page]
        more = start + self.page < len(self.runs)
        token = {"next_page_token": str(start + self.page)} if more else {}
        found = [{"data": {"tags": self.runs[name]["tags"]}} for name in names]
        return 200, {"runs": found, **token}

    def runs_update(self, body):
        self.runs[body["run_id"]]["status"] = body["status"]
        return 200, {"run_info": {}}


@pytest.fixture
def server():
    """On loopback, on a port of its own; ``server.uri`` is its address."""
    kept = Server()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            self.reply({})

        def do_POST(self):
            length = int(self.headers["Content-Length"])
            self.reply(json.loads(self.rfile.read(length)))

        def reply(self, body):
            kept.tokens.append(self.headers.get("Authorization"))
            asked = urlsplit(self.path)
            path = asked.path.removeprefix("/api/2.0/mlflow/")
            code, answer = kept.answer(path, parse_qs(asked.query), body)
            text = json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.uri = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    yield kept
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture
def file(tmp_path, nights):
    path = tmp_path / "history.sqlite"
    with History(path, create=True) as history:
        for index in range(5):
            history.add(nights.report(nights.Night(), index, np.random.default_rng(0)))
    return path


def export(file, server):
    arguments = ["history", "export", "digits", "--db", file, "--mlflow", server.uri]
    return CliRunner().invoke(main, list(map(str, arguments)))


def test_every_run_is_sent_once(file, server):
    assert export(file, server).output.startswith("exported: 5 of 5 runs")
    assert export(file, server).output.startswith("exported: 0 of 5 runs")
    assert list(server.experiments) == ["digits"]
    assert len(server.runs) == 5
    run = server.runs[f"{0:032x}"]
    assert run["status"] == "FINISHED"
    metrics = {metric["key"]: metric["value"] for metric in run["metrics"]}
    assert metrics["onnx-int8/accuracy"] == 0.967
    assert {metric["step"] for metric in run["metrics"]} == {1}
    params = {param["key"]: param["value"] for param in run["params"]}
    assert params["package onnxruntime"] == "1.30.0"
    assert len(params["onnx-int8/model"]) == 64


def test_a_token_of_the_environment_is_sent_along(file, server, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "open sesame")
    export(file, server)
    assert set(server.tokens) == {"Bearer open sesame"}


def test_a_server_that_refuses_is_an_error_with_its_words(file, server):
    server.runs_create = lambda _: (403, {"message": "read only"})
    result = export(file, server)
    assert result.exit_code == 2
    assert "403" in result.stderr
    assert "read only" in result.stderr


def test_no_server_is_an_error(file, server):
    uri = server.uri.replace("127.0.0.1", "127.0.0.1:1/")
    with History(file) as history, pytest.raises(ReportError, match="MLflow at"):
        Tracking(uri).export("digits", history.runs("digits", 5))


@pytest.mark.parametrize("uri", ["file:///etc", "mlruns", "ftp://host"])
def test_only_web_addresses_are_taken(uri):
    with pytest.raises(ReportError, match="no address of a tracking server"):
        Tracking(uri)
