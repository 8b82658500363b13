from __future__ import annotations

import importlib
import inspect
import pkgutil

import pytest

import harness


def test_the_public_names_are_sorted_and_listed():
    assert harness.__all__ == sorted(harness.__all__)
    assert dir(harness) == harness.__all__


@pytest.mark.parametrize("name", harness.__all__)
def test_every_public_name_is_documented_at_its_home(name):
    thing = getattr(harness, name)
    assert inspect.getdoc(thing)
    home = importlib.import_module(thing.__module__)
    assert getattr(home, name) is thing


@pytest.mark.parametrize("name", harness.__all__)
def test_a_public_name_is_looked_up_once(name):
    getattr(harness, name)
    assert name in vars(harness)


def test_an_unknown_name_is_told():
    with pytest.raises(AttributeError, match="'harness' has no attribute 'evalute'"):
        harness.evalute  # noqa: B018 - looking it up is the test


def test_no_public_name_is_hidden_by_a_module():
    """``from harness import x`` gives the module once anything has imported it."""
    modules = {module.name for module in pkgutil.iter_modules(harness.__path__)}
    assert not modules & set(harness.__all__)
