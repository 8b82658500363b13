"""What every test here shares."""

import hashlib
import importlib.util
import subprocess
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

# The same examples in every run, and no clock: a shared machine may be slow.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.load_profile("ci")


@pytest.fixture(scope="session")
def zoo(tmp_path_factory):
    """Name of an odd model -> its case, made once; the makers lie in ``zoo/``."""
    folder = Path(__file__).with_name("zoo")
    spec = importlib.util.spec_from_file_location(
        "odd_models",
        folder / "__init__.py",
        submodule_search_locations=[str(folder)],
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return cache(lambda name: module.MAKERS[name](tmp_path_factory.mktemp(name)))


@pytest.fixture(scope="session")
def framework_models(pytestconfig):
    """Folder of what ``fixtures/framework_models.py`` makes, once by one process."""
    script = Path(__file__).with_name("fixtures") / "framework_models.py"
    digits = Path(__file__).parents[1] / "golden" / "digits" / "models" / "digits.keras"
    known = hashlib.sha256(script.read_bytes() + digits.read_bytes())
    known.update(version("tensorflow-cpu").encode() + version("keras").encode())
    folder = pytestconfig.cache.mkdir(f"framework-models-{known.hexdigest()[:12]}")
    with FileLock(folder / "lock"):
        if not (folder / "made").exists():
            command = [sys.executable, script, folder, digits]
            done = subprocess.run(command, capture_output=True, check=False, text=True)
            assert done.returncode == 0, done.stderr[-2000:]
            (folder / "made").touch()
    return folder


@pytest.fixture(scope="session")
def openvino_models(pytestconfig, framework_models):
    """Folder of what ``fixtures/openvino_models.py`` makes, once by one process."""
    script = Path(__file__).with_name("fixtures") / "openvino_models.py"
    digits = Path(__file__).parents[1] / "golden" / "digits" / "models"
    known = hashlib.sha256(script.read_bytes() + framework_models.name.encode())
    known.update(version("openvino").encode() + version("torch").encode())
    folder = pytestconfig.cache.mkdir(f"openvino-models-{known.hexdigest()[:12]}")
    with FileLock(folder / "lock"):
        if not (folder / "made").exists():
            command = [sys.executable, script, folder, digits, framework_models]
            done = subprocess.run(command, capture_output=True, check=False, text=True)
            assert done.returncode == 0, done.stderr[-2000:]
            (folder / "made").touch()
    return folder


@pytest.fixture(scope="session")
def servers(pytestconfig, tmp_path_factory):
    """Real servers of models on loopback, see ``servers/running.py``."""
    file = Path(__file__).with_name("servers") / "running.py"
    spec = importlib.util.spec_from_file_location("servers_running", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    cache = pytestconfig.cache.mkdir("environments")
    running = module.Servers(cache, tmp_path_factory.mktemp("servers"))
    yield running
    running.close()
