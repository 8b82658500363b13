"""Two small networks of the drift bench, made once a session."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Tools beside the package are no part of what is installed.
sys.path.insert(0, str(ROOT))

from benchmarks.drift.pairs import Maker, plans  # noqa: E402 - needs the path
from benchmarks.drift.topologies import built  # noqa: E402

SMALL = ("digits", "signal")


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("drift-bench")


@pytest.fixture(scope="session")
def makers(cache):
    return {name: Maker(built(name, cache)) for name in SMALL}


@pytest.fixture(scope="session")
def planned(makers):
    return {name: plans(m, m.built.path.parent) for name, m in makers.items()}
