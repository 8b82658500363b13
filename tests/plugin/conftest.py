"""Inner pytest runs over suites whose answers are scripted."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CONFTEST = f"""\
import sys
sys.path.insert(0, {str(HERE)!r})
import scripted
sys.modules["harness.pipeline"] = scripted
"""


@pytest.fixture(autouse=True)
def terminal(monkeypatch):
    """80 columns, and none of the long lines that pytest writes in CI."""
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("CI", "BUILD_NUMBER"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def scripted(monkeypatch):
    """The scripted pipeline, in place of the real one in this process."""
    monkeypatch.syspath_prepend(HERE)
    import scripted as module

    monkeypatch.setitem(sys.modules, "harness.pipeline", module)
    return module


@pytest.fixture
def project(pytester, scripted):
    """An inner project with one suite a call: ``project(variant_text(...))``."""
    pytester.makeconftest(CONFTEST)

    def write(*variants, folder="golden", file="quality.toml", **head):
        path = pytester.path / folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(scripted.suite_text(*variants, **head), encoding="utf-8")
        return path

    write.path = pytester.path
    write.variant = scripted.variant_text
    return write


@pytest.fixture
def asked(scripted, monkeypatch):
    """The options of each run, as it was asked for."""
    seen = []
    original = scripted.evaluate

    def watched(suite, options, progress=None):
        seen.append(options)
        return original(suite, options, progress)

    monkeypatch.setattr(scripted, "evaluate", watched)
    return seen


@pytest.fixture
def passing(project):
    """A suite of one candidate, which passes."""
    project(project.variant("onnx", "converted", accuracy="passed"))
