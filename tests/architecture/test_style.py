"""Formatting, lint and types are part of the tests: one command tells all."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "command",
    [["ruff", "format", "--check", "."], ["ruff", "check", "."], ["mypy"]],
    ids=["ruff-format", "ruff-check", "mypy-strict"],
)
def test_the_tree_is_clean(command, tmp_path):
    """Tools are called as a developer would; caches stay out of the tree."""
    caches = {
        "ruff": ["--cache-dir", str(tmp_path)],
        "mypy": ["--cache-dir", str(tmp_path)],
    }
    done = subprocess.run(
        [sys.executable, "-m", *command, *caches[command[0]]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"\n{done.stdout}{done.stderr}"
