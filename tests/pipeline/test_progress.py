"""How far a command is: told on a terminal, and nowhere else."""

import sys

import pytest
from terminals import seen_on_a_terminal

from harness.cli import base
from harness.report import meter

PROGRAM = """
import sys
from harness.cli import main
from harness.report import meter
meter._EVERY = 0
main(sys.argv[1:])
"""
PAIR = ["reference.onnx", "candidate.onnx", "--data", "golden.npz"]
COUNTS = "golden samples  [########################] 100 %  "
COMMANDS = {
    "run": (
        ["run", "quality.toml"],
        ["opening models", COUNTS, "looking for causes in candidate"],
    ),
    "compare": (["compare", *PAIR], [COUNTS, "looking for causes in candidate"]),
    "diagnose": (["diagnose", *PAIR], [COUNTS, "looking for causes"]),
    "record": (["record", "quality.toml"], [COUNTS]),
    "calibrate": (["calibrate", "quality.toml"], ["candidates  [####", " 1 of 1"]),
}


@pytest.fixture
def ready(release, small):
    release.edit("[golden]", '[golden]\nrecorded = "recorded"')
    release.model("candidate.onnx", small.classifier(-small.weights()))
    return release


@pytest.fixture
def at_once(monkeypatch):
    """Every stage of a short run is shown, however soon it ends."""
    monkeypatch.setattr(meter, "_EVERY", 0)


@pytest.mark.parametrize("name", COMMANDS)
def test_who_watches_sees_how_far_a_command_is(
    ready, small, name, at_once, monkeypatch
):
    monkeypatch.setattr(base, "_is_watched", lambda: True)
    monkeypatch.chdir(ready.folder)
    words, expected = COMMANDS[name]
    told = small.invoke(*words).stderr
    for part in expected:
        assert part in told


@pytest.mark.parametrize("name", COMMANDS)
def test_a_pipe_hears_nothing(ready, small, name, at_once, monkeypatch):
    monkeypatch.chdir(ready.folder)
    result = small.invoke(*COMMANDS[name][0])
    assert result.stderr == ""
    assert "\x1b" not in result.stdout


def on_a_terminal(folder, **environment):
    """What a run tells a terminal beside its output, and its output."""
    command = [sys.executable, "-c", PROGRAM, "run", "quality.toml"]
    told, out, _ = seen_on_a_terminal(command, folder, environment, "stderr")
    return told, out


def test_a_terminal_is_left_as_it_was(ready):
    told, out = on_a_terminal(ready.folder, TERM="xterm", NO_COLOR="1")
    assert COUNTS in told
    # The line is gone before the verdict comes.
    assert told.endswith("\r")
    assert told.split("\r")[-2].strip() == ""
    assert "\x1b" not in told + out


def test_a_dumb_terminal_hears_nothing(ready):
    told, out = on_a_terminal(ready.folder, TERM="dumb")
    assert told == ""
    assert "FAILED candidate" in out
