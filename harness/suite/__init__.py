"""``quality.toml`` -> `Suite`: what was asked, checked before anything runs."""

from harness.suite.files import FILE_PATTERNS, find_suite
from harness.suite.loading import load_suite
from harness.suite.tolerances import (
    load_tolerances,
    lock_path,
    render_tolerances,
    write_tolerances,
)
from harness.suite.waivers import load_waivers

__all__ = [
    "FILE_PATTERNS",
    "find_suite",
    "load_suite",
    "load_tolerances",
    "load_waivers",
    "lock_path",
    "render_tolerances",
    "write_tolerances",
]
