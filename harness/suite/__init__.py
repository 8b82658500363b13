"""``quality.toml`` -> `Suite`: what was asked, checked before anything runs."""

from harness.suite.loading import FILE_PATTERNS, find_suite, load_suite

__all__ = ["FILE_PATTERNS", "find_suite", "load_suite"]
