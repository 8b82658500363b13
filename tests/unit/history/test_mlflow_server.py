"""Exports to a real tracking server of MLflow, on loopback."""

import json
from datetime import datetime
from urllib.request import Request, urlopen

import numpy as np
import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.core.errors import ReportError
from harness.history.database import History
from harness.history.mlflow import Tracking


@pytest.fixture
def kept(nights, tmp_path):
    """A history of three nights."""
    file = tmp_path / "history.sqlite"
    rng = np.random.default_rng(0)
    with History(file, create=True) as history:
        for index in range(3):
            history.add(nights.report(nights.Night(), index, rng))
    return file


def sent(server, experiment):
    """Runs that the server tells of an experiment, earliest first."""
    base = f"{server}/api/2.0/mlflow"
    name = f"{base}/experiments/get-by-name?experiment_name={experiment}"
    with urlopen(name) as answer:
        number = json.load(answer)["experiment"]["experiment_id"]
    order = ["attributes.start_time ASC"]
    body = json.dumps({"experiment_ids": [number], "order_by": order}).encode()
    kind = {"Content-Type": "application/json"}
    with urlopen(Request(f"{base}/runs/search", body, kind)) as answer:
        return json.load(answer).get("runs", [])


def pairs(run, kind):
    return {item["key"]: item["value"] for item in run["data"].get(kind, ())}


def test_a_real_server_keeps_runs_numbers_and_facts(servers, kept):
    words = ["history", "export", "digits", "--db", str(kept)]
    first = CliRunner().invoke(main, [*words, "--mlflow", servers.mlflow])
    assert first.output == "exported: 3 of 3 runs, the others were there\n"
    again = CliRunner().invoke(main, [*words, "--mlflow", servers.mlflow])
    assert again.output == "exported: 0 of 3 runs, the others were there\n"
    with History(kept) as history:
        stored = history.runs("digits", 3)
    runs = sent(servers.mlflow, "digits")
    assert [run["info"]["run_name"] for run in runs] == ["run 1", "run 2", "run 3"]
    for run, ours in zip(runs, stored, strict=True):
        started = datetime.fromisoformat(ours.run.started).timestamp()
        assert run["info"]["start_time"] == int(started * 1000)
        assert run["info"]["status"] == "FINISHED"
        assert pairs(run, "tags")["verdict"] == ours.run.verdict
        for name, variant in ours.variants.items():
            for metric, value in variant.metrics.items():
                assert pairs(run, "metrics")[f"{name}/{metric}"] == value
        assert pairs(run, "params")["onnx-int8/runtime version"] == "1.30.0"


def test_names_of_others_are_made_to_fit(servers, nights, tmp_path):
    """Keys and values that the server would refuse, and more than a request holds."""
    from dataclasses import replace

    report = nights.report(nights.Night(), 0, np.random.default_rng(0))
    odd = replace(report.candidates[0], name='a"b\u00e9' + "x" * 300)
    many = [replace(report.candidates[0], name=f"v{i}") for i in range(40)]
    suite = replace(report.suite, name="caf\u00e9 & co")
    crowded = (report.reference, odd, *many)
    with History(tmp_path / "h.sqlite", create=True) as history:
        history.add(replace(report, suite=suite, variants=crowded))
        runs = history.runs(suite.name, 1)
    tracking = Tracking(servers.mlflow)
    assert tracking.export(suite.name, runs) == 1
    assert tracking.export(suite.name, runs) == 0
    (run,) = sent(servers.mlflow, "caf%C3%A9%20%26%20co")
    metrics = pairs(run, "metrics")
    assert metrics["v39/accuracy"] == runs[0].variants["v39"].metrics["accuracy"]
    assert sum(key.endswith("/accuracy") for key in metrics) == 40


def test_an_address_that_is_another_servers_is_told(servers):
    with pytest.raises(ReportError, match="404"):
        Tracking(f"{servers.mlflow}/elsewhere").export("digits", ())
