"""What every test here shares."""

import importlib.util
import sys
from functools import cache
from pathlib import Path

import pytest
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
