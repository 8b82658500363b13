"""Starts the servers of this folder on loopback, once a session, and ends them."""

import json
import os
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, suppress
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import pytest
from filelock import FileLock

HERE = Path(__file__).parent
MODELS = HERE.parents[1] / "golden" / "digits" / "models"
# A fresh environment compiles what it imports, and may share a machine with builds.
STARTS_WITHIN = 120


class Servers:
    """Servers that run until the session ends, each started when first asked for.

    Args:
        cache: Folder that keeps virtual environments from one session to the next.
        scratch: Folder for logs and settings.
    """

    def __init__(self, cache, scratch):
        self._cache = cache
        self._scratch = scratch
        self._stack = ExitStack()

    def close(self):
        self._stack.close()

    def tf_serving(self, **folders):
        """Base URL of a server of these SavedModels, by name; ends with the session."""
        models = [f"{name}={folder}" for name, folder in folders.items()]
        script = [sys.executable, str(HERE / "tf_serving.py"), *models]
        return f"http://127.0.0.1:{self._start(script)['http']}/v1/models"

    @cached_property
    def mlserver(self):
        """Scheme -> base URL of an MLServer."""
        python = self._environment(HERE / "mlserver.txt")
        ports = {"http": free_port(), "grpc": free_port()}
        folder = self._scratch / "mlserver"
        folder.mkdir()
        settings = {
            "host": "127.0.0.1",
            "http_port": ports["http"],
            "grpc_port": ports["grpc"],
            "metrics_port": free_port(),
            "parallel_workers": 0,
            "debug": False,
        }
        (folder / "settings.json").write_text(json.dumps(settings))
        (folder / "model-settings.json").write_text(json.dumps(digits_settings()))
        command = [str(python.with_name("mlserver")), "start", str(folder)]
        process, log = self._spawn(command, {"PYTHONPATH": str(HERE)})
        wait_for(f"http://127.0.0.1:{ports['http']}/v2/health/ready", process, log)
        return {name: f"{name}://127.0.0.1:{p}/v2/models" for name, p in ports.items()}

    @cached_property
    def triton(self):
        """Scheme -> base URL of a Triton."""
        base = Path(sysconfig.get_config_var("LIBDIR"))
        folders = (base, base / (sysconfig.get_config_var("MULTIARCH") or ""))
        library = next((f for f in folders if [*f.glob("libpython3.*.so*")]), None)
        if library is None:
            pytest.skip("Triton's Python backend needs a Python with a shared library")
        python = self._environment(HERE / "triton.txt")
        ports = {"http": free_port(), "grpc": free_port()}
        command = [
            *(str(python), str(HERE / "triton.py"), *map(str, ports.values())),
            f"digits={MODELS / 'digits.onnx'}",
        ]
        home = {"PYTRITON_HOME": str(self._scratch / "triton")}
        self._start(command, {"LD_LIBRARY_PATH": str(library), **home})
        return {name: f"{name}://127.0.0.1:{p}/v2/models" for name, p in ports.items()}

    @cached_property
    def mlflow(self):
        """Base URL of MLflow's tracking server."""
        python = self._environment(HERE / "mlflow.txt")
        port = free_port()
        folder = self._scratch / "mlflow"
        folder.mkdir()
        store = ["--backend-store-uri", f"sqlite:///{folder / 'runs.sqlite'}"]
        address = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
        command = [str(python), "-m", "mlflow", "server", *store, *address]
        # It leaves files beside where it was started, and names itself to nobody.
        more = {"MLFLOW_DISABLE_TELEMETRY": "true"}
        process, log = self._spawn(command, more, folder)
        wait_for(f"http://127.0.0.1:{port}/health", process, log)
        return f"http://127.0.0.1:{port}"

    def _environment(self, requirements):
        """Python of a virtual environment with exactly these packages."""
        key = f"{sys.version}{requirements.read_text()}"
        folder = self._cache / sha256(key.encode()).hexdigest()[:16]
        python = folder / "bin" / "python"
        with FileLock(f"{folder}.lock"):
            if not (folder / "complete").exists():
                run = [sys.executable, "-m"]
                make = [*run, "venv", "--clear", "--without-pip", str(folder)]
                subprocess.run(make, check=True)
                # The list is complete, so nothing is left to resolve.
                install = ["install", "-q", "--no-deps", "--no-compile", "-r"]
                pip = [*run, "pip", "--python", str(python), *install]
                subprocess.run([*pip, str(requirements)], check=True)
                (folder / "complete").touch()
        return python

    def _start(self, command, more=None):
        """Start a script that prints its ports as one line of JSON when it serves."""
        process, log = self._spawn(command, more or {})
        end = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < end:
            for line in log.read_text(errors="replace").splitlines():
                if line.startswith('{"http": '):
                    return json.loads(line)
            still_runs(process, log)
            time.sleep(0.05)
        raise AssertionError(f"{command} does not serve: {log.read_text()[-2000:]}")

    def _spawn(self, command, more, folder=None):
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        log = self._scratch / f"{len([*self._scratch.iterdir()])}.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=stream,
                stderr=stream,
                env={**inherited, "TF_CPP_MIN_LOG_LEVEL": "3", **more},
                cwd=folder,
                start_new_session=True,
            )
        self._stack.callback(end, process)
        return process, log


def end(process):
    """End a server and all that it started."""
    process.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(10)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)


def wait_for(url, process, log):
    end = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            still_runs(process, log)
            time.sleep(0.1)
    raise AssertionError(f"{url} does not answer: {log.read_text()[-2000:]}")


def still_runs(process, log):
    if process.poll() is not None:
        raise AssertionError(
            f"{process.args[0]} ended with {process.returncode}:"
            f" {log.read_text(errors='replace')[-2000:]}"
        )


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def digits_settings():
    """MLServer's description of the digits model."""
    return {
        "name": "digits",
        "implementation": "mlserver_runtime.OnnxRuntime",
        "platform": "onnx",
        "inputs": [{"name": "image", "datatype": "FP32", "shape": [-1, 8, 8, 1]}],
        "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 10]}],
        "parameters": {"uri": str(MODELS / "digits.onnx"), "version": "7"},
    }
