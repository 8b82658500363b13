"""Reports of simulated nights."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def nights():
    """The module that makes them, which lies beside this file."""
    file = Path(__file__).with_name("nights.py")
    spec = importlib.util.spec_from_file_location("history_nights", file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
