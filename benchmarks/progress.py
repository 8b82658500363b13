"""Runs one benchmark from the command line, and tells how far it is."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeAlias, TypeVar

from benchmarks.fresh import module_name

S = TypeVar("S")
F = TypeVar("F")

Say: TypeAlias = Callable[[str], None]
"""Told what is measured next."""


def teller(part: str) -> Say:
    """Lines on standard error, each with the seconds that have passed."""
    started = time.perf_counter()

    def say(what: str) -> None:
        passed = time.perf_counter() - started
        sys.stderr.write(f"{passed:6.0f} s  {part}: {what}\n")
        sys.stderr.flush()

    return say


def alone(
    sizes: type[S], measure: Callable[[S, Say], F], tell: Callable[[F], str]
) -> F:
    """Measure in the sizes that the command line asks for, and print the tables."""
    module = sys.modules[measure.__module__]
    parser = argparse.ArgumentParser(description=(module.__doc__ or "").split("\n")[0])
    told: Any = sizes
    for field in fields(told):
        name, kept = field.name.replace("_", "-"), field.default
        parser.add_argument(f"--{name}", type=int, default=kept, help=f"{kept}")
    asked = sizes(**vars(parser.parse_args()))
    found = measure(asked, teller(module_name(module).rpartition(".")[2]))
    print(tell(found))
    return found
