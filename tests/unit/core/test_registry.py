from __future__ import annotations

import sys

import pytest

from harness.core.errors import MissingDependencyError
from harness.core.registry import LazyEntry, Registry


@pytest.fixture
def registry() -> Registry:
    return Registry(
        "backend",
        {
            "here": LazyEntry("json:loads", ("json",)),
            "absent": LazyEntry("json:dumps", ("json", "no_such_runtime"), "absent"),
            "bare": LazyEntry("json:dump", ("no_such_runtime.part",)),
            "broken": LazyEntry("broken_runtime:run", (), "broken"),
        },
    )


def test_names_are_sorted(registry):
    assert list(registry) == ["absent", "bare", "broken", "here"]
    assert "here" in registry
    assert "there" not in registry


def test_a_thing_is_imported_when_it_is_got(tmp_path, monkeypatch):
    (tmp_path / "late_runtime.py").write_text("def run(): return 7\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry = Registry("backend", {"late": LazyEntry("late_runtime:run")})
    assert registry.entry("late").missing() == ()
    assert "late_runtime" not in sys.modules
    assert registry.get("late")() == 7
    del sys.modules["late_runtime"]


def test_what_is_not_installed_comes_with_the_command_that_installs_it(registry):
    with pytest.raises(MissingDependencyError) as caught:
        registry.get("absent")
    assert caught.value.message == (
        "backend 'absent' needs no_such_runtime, not installed"
    )
    assert caught.value.hint == "pip install 'model-quality-harness[absent]'"


def test_a_part_of_what_is_not_installed_is_missing_too(registry):
    assert registry.entry("bare").missing() == ("no_such_runtime.part",)
    with pytest.raises(MissingDependencyError) as caught:
        registry.get("bare")
    assert caught.value.hint == "pip install 'model-quality-harness'"


def test_what_is_installed_but_broken_is_told_with_its_reason(
    registry, tmp_path, monkeypatch
):
    (tmp_path / "broken_runtime.py").write_text("raise ImportError('libGL is gone')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingDependencyError) as caught:
        registry.get("broken")
    assert "backend 'broken' cannot be imported: libGL is gone" in str(caught.value)
    assert "model-quality-harness[broken]" in caught.value.hint


@pytest.mark.parametrize("ask", [Registry.entry, Registry.get])
def test_an_unknown_name_lists_the_known_ones(registry, ask):
    with pytest.raises(KeyError, match="no backend 'there'; known are absent, bare"):
        ask(registry, "there")
