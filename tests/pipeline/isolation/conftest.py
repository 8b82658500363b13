"""A backend that misbehaves, and environments that hold little."""

from __future__ import annotations

import json
import venv
from importlib.util import find_spec
from pathlib import Path

import pytest

from harness.backends.table import BACKENDS
from harness.core.registry import LazyEntry

HERE = Path(__file__).with_name("backends")
BATCH = 5  # of 60 samples: twelve batches
MOMENTS = {
    0: "while it loaded the model",
    1: "on samples 0 to 4",
    7: "on samples 30 to 34",
}


@pytest.fixture(scope="session")
def backends():
    """The folder of modules that are backends."""
    return HERE


@pytest.fixture(scope="session")
def moments():
    """Moments of a misdeed: 0 is at load, n in batch n; and how they are told."""
    return MOMENTS


@pytest.fixture
def offered(monkeypatch):
    """Offers a backend of the folder, as an installed package would."""
    monkeypatch.syspath_prepend(HERE)

    def offer(name):
        entry = LazyEntry(f"{name}_backend:open_session")
        monkeypatch.setitem(BACKENDS._entries, name, entry)

    return offer


@pytest.fixture
def misbehaving(offered):
    """The backend of that name."""
    offered("misbehaving")


@pytest.fixture
def misdeeds(release):
    """Adds a misbehaving variant a moment, beside the sound candidate."""
    release.add(f'batch_size = {BATCH}\nisolation = "process"')

    def add(deed, moments=MOMENTS, **keys):
        for moment in moments:
            release.add(
                f"""
[[variant]]
name = "{deed}-{moment}"
kind = "converted"
path = "candidate.onnx"
backend = "misbehaving"
batch_size = {BATCH}
isolation = "process"
options = {{ deed = "{deed}", moment = {moment} }}"""
            )
            for key, value in keys.items():
                release.add(f"{key} = {json.dumps(value)}")

    return add


@pytest.fixture(scope="session")
def make_environment():
    """Makes a virtual environment with links to packages that are installed here."""

    def make(folder: Path, *packages: str) -> Path:
        venv.create(folder, symlinks=True, with_pip=False)
        (site,) = folder.glob("lib/python*/site-packages")
        for name in packages:
            here = Path(find_spec(name).origin).parents[1]
            for found in (here / name, here / f"{name}.libs"):
                if found.exists():
                    (site / found.name).symlink_to(found)
        return folder / "bin" / "python"

    return make
