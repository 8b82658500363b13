"""The committed digits models and a few golden images for them."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from harness.core.specs import GoldenSpec, Preprocess
from harness.golden.preprocess import prepare
from harness.golden.replay import open_session as open_recording
from harness.golden.source import open_golden

DIGITS = Path(__file__).parents[2] / "golden" / "digits"


@pytest.fixture
def models():
    return DIGITS / "models"


@pytest.fixture(scope="session")
def images():
    source = open_golden(GoldenSpec(DIGITS / "data"))
    chunk = next(source.chunks(8))
    return prepare(chunk.inputs["image"], Preprocess(scale=0.0625))


@pytest.fixture(scope="session")
def golden_images():
    """All golden images, prepared as the suite declares."""
    chunk = next(open_golden(GoldenSpec(DIGITS / "data")).chunks(360))
    return prepare(chunk.inputs["image"], Preprocess(scale=0.0625))


@pytest.fixture(scope="session")
def recorded():
    """What the original, in Keras, answered to them."""
    recording = open_recording(DIGITS / "recorded" / "keras", {})
    answers = recording.run({}, slice(0, 360))["probabilities"]
    recording.close()
    return answers


@pytest.fixture(scope="session")
def savedmodel():
    return DIGITS / "models" / "savedmodel"


class Site:
    """A folder that packages are installed in, as pip leaves them there."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()

    def install(self, package):
        """The package, and what its pyproject declares."""
        project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
        module = project["name"].replace("-", "_")
        shutil.copytree(package / module, self.folder / module)
        self.declare(project["name"], project["entry-points"])

    def declare(self, name, groups):
        """The metadata of an installed distribution with these entry points."""
        info = self.folder / f"{name.replace('-', '_')}-0.1.0.dist-info"
        info.mkdir(parents=True)
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.0\n"
        (info / "METADATA").write_text(metadata)
        lines = []
        for group, entries in groups.items():
            lines += [f"[{group}]", *(f"{key} = {to}" for key, to in entries.items())]
        (info / "entry_points.txt").write_text("\n".join(lines))


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path / "site")


@pytest.fixture
def run(site):
    """Runs a Python module where `site` is installed."""

    def started(*arguments, cwd):
        path = [str(site.folder), *filter(None, [os.environ.get("PYTHONPATH")])]
        return subprocess.run(
            [sys.executable, "-m", *map(str, arguments)],
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
            capture_output=True,
            text=True,
            check=False,
        )

    return started
