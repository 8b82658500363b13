"""Rewrites that change no number: they must stay silent, and dress mutants up."""

from benchmarks.drift.rewrites import constants, filing, operators, runtime, wiring
from benchmarks.drift.rewrites.registry import REWRITES, Rewritten, rewrite

__all__ = [
    "REWRITES",
    "Rewritten",
    "constants",
    "filing",
    "operators",
    "rewrite",
    "runtime",
    "wiring",
]
