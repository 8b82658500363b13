"""Reports to render."""

import importlib.util
import sys
from functools import cache
from pathlib import Path

import pytest

NAMES = (
    *("passing", "failing", "undecided", "no_labels", "broken"),
    *("many_classes", "hostile", "slipped", "pictured"),
)


@pytest.fixture(scope="session")
def samples():
    """The package of sample reports, which lies beside this file."""
    folder = Path(__file__).with_name("samples")
    spec = importlib.util.spec_from_file_location(
        "report_samples",
        folder / "__init__.py",
        submodule_search_locations=[str(folder)],
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def make(samples):
    """A sample report by its name, built once."""
    return cache(lambda name: getattr(samples, name)())


@pytest.fixture(params=NAMES)
def report(request, make):
    """Each kind of report in turn."""
    return make(request.param)
