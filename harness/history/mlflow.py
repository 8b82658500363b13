"""Runs of a history -> a tracking server of MLflow, over its REST API.

The API is MLflow's public one (``/api/2.0/mlflow``), so that neither side needs the
other's packages: https://mlflow.org/docs/latest/rest-api.html. One run there is one run
here; a run that is there already is left as it is.
"""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

from harness.core.errors import ReportError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from harness.history.database import StoredRun

_TAG = "model_quality.run"
_SECONDS = 30.0
# What one request may hold, and how long keys and values of it may be.
_BATCH = 100
_MOST_KEY, _MOST_VALUE = 250, 500
_NO_KEY = re.compile(r"[^\w\-. :/]", re.ASCII)


class Tracking:
    """A tracking server.

    Args:
        uri: Its address, http or https; ``MLFLOW_TRACKING_TOKEN`` is sent along where
            the environment has one.

    Raises:
        ReportError: The address is no such one.
    """

    def __init__(self, uri: str) -> None:
        if urlsplit(uri).scheme not in {"http", "https"}:
            raise ReportError(
                f"{uri!r} is no address of a tracking server",
                hint="name one such as http://127.0.0.1:5000",
            )
        self._base = f"{uri.rstrip('/')}/api/2.0/mlflow"

    def export(self, suite: str, runs: Sequence[StoredRun]) -> int:
        """Send runs to the experiment called after the suite.

        Args:
            suite: Name of the suite; the experiment is made where it is missing.
            runs: Runs of it.

        Returns:
            How many of them were new there.

        Raises:
            ReportError: The server cannot be reached, or refuses.
        """
        experiment = self._experiment(suite)
        known = set(self._known(experiment))
        new = [run for run in runs if _identity(run) not in known]
        for run in new:
            self._send(experiment, run)
        return len(new)

    def _experiment(self, name: str) -> str:
        query = urlencode({"experiment_name": name})
        found = self._ask(f"experiments/get-by-name?{query}", missing=True)
        if found is None:
            return str(self._ask("experiments/create", {"name": name})["experiment_id"])
        return str(found["experiment"]["experiment_id"])

    def _known(self, experiment: str) -> Iterator[str]:
        """Identities of the runs that were sent before."""
        asked: dict[str, object] = {
            "experiment_ids": [experiment],
            "max_results": 1000,
        }
        while True:
            page = self._ask("runs/search", asked)
            for run in page.get("runs", ()):
                for tag in run["data"].get("tags", ()):
                    if tag["key"] == _TAG:
                        yield str(tag["value"])
            if not page.get("next_page_token"):
                return
            asked["page_token"] = page["next_page_token"]

    def _send(self, experiment: str, run: StoredRun) -> None:
        when = _milliseconds(run.run.started)
        tags = {_TAG: _identity(run), "verdict": run.run.verdict}
        created = self._ask(
            "runs/create",
            {
                "experiment_id": experiment,
                "run_name": f"run {run.run.id}",
                "start_time": when,
                "tags": _pairs(tags),
            },
        )
        name = created["run"]["info"]["run_id"]
        metrics = [
            {"key": _key(key), "value": value, "timestamp": when, "step": run.run.id}
            for key, value in _metrics(run)
        ]
        for some in _batches(metrics):
            self._ask("runs/log-batch", {"run_id": name, "metrics": some})
        for some in _batches(_pairs(_facts(run))):
            self._ask("runs/log-batch", {"run_id": name, "params": some})
        ended = {"run_id": name, "status": "FINISHED", "end_time": when}
        self._ask("runs/update", ended)

    def _ask(
        self,
        call: str,
        body: Mapping[str, object] | None = None,
        *,
        missing: bool = False,
    ) -> Any:
        """One call; None where what is asked for is not there and need not be."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
            headers["Authorization"] = f"Bearer {token}"
        address = f"{self._base}/{call}"
        request = Request(address, data, headers)  # noqa: S310 (http, see above)
        try:
            with urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 (likewise)
                return json.load(answer)
        except HTTPError as error:
            with error:
                if missing and error.code == 404:
                    return None
                said = error.read(_MOST_VALUE).decode("utf-8", "replace")
            raise _refused(address, f"{error.code}: {said}") from error
        except (URLError, OSError, ValueError) as error:
            raise _refused(address, str(error)) from error


def _identity(run: StoredRun) -> str:
    return f"{run.run.id} {run.run.started}"


def _metrics(run: StoredRun) -> Iterator[tuple[str, float]]:
    for name, variant in run.variants.items():
        for metric, value in variant.metrics.items():
            yield f"{name}/{metric}", value


def _facts(run: StoredRun) -> dict[str, str]:
    """Facts of the run, and of its variants under their names."""
    facts = dict(run.facts)
    for name, variant in run.variants.items():
        facts |= {f"{name}/{what}": value for what, value in variant.facts.items()}
    return facts


def _pairs(told: Mapping[str, str]) -> list[dict[str, str]]:
    """Keys and values; of keys that become one, the first stays."""
    pairs: dict[str, str] = {}
    for key, value in told.items():
        pairs.setdefault(_key(key), value[:_MOST_VALUE])
    return [{"key": key, "value": value} for key, value in pairs.items()]


def _key(text: str) -> str:
    return _NO_KEY.sub("_", text)[:_MOST_KEY]


def _batches(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (items[at : at + _BATCH] for at in range(0, len(items), _BATCH))


def _milliseconds(started: str) -> int:
    """Since 1970; 0 where the run does not say when it began."""
    try:
        when = datetime.fromisoformat(started)
    except ValueError:
        return 0
    whole = when if when.tzinfo else when.replace(tzinfo=UTC)
    return int(whole.timestamp() * 1000)


def _refused(address: str, said: str) -> ReportError:
    return ReportError(
        f"MLflow at {address}: {said}",
        hint="check the address, and MLFLOW_TRACKING_TOKEN where it wants one",
    )
