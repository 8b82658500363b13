"""``quality.toml`` -> `Suite`: what was asked, checked before anything runs."""

from harness.suite.files import FILE_PATTERNS, find_suite
from harness.suite.loading import load_suite

__all__ = ["FILE_PATTERNS", "find_suite", "load_suite"]
