"""docs/backends.md is what its script measures, today."""

import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_what_its_script_writes(tmp_path):
    """In a process of its own: it imports every runtime that there is."""
    written = tmp_path / "backends.md"
    script = [sys.executable, DOCS / "build_backends.py", "--out", written]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    page = (DOCS / "backends.md").read_text(encoding="utf-8")
    assert written.read_text(encoding="utf-8") == page, "run docs/build_backends.py"


def test_every_form_that_is_made_agrees():
    page = (DOCS / "backends.md").read_text(encoding="utf-8")
    assert "not measured" not in page
    assert "**not:" not in page
