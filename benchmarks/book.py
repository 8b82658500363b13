"""All figures together, as pages and plots are written from them."""

from __future__ import annotations

import importlib
import time
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from benchmarks.kept import Measured, keep, kept_in

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.cache import Figures as Cached
    from benchmarks.early_answers import Figures as Early
    from benchmarks.killed import Figures as Killed
    from benchmarks.many_classes import Figures as Classes
    from benchmarks.overhead import Figures as Gates
    from benchmarks.overhead import Row
    from benchmarks.peers import Figures as Peers
    from benchmarks.progress import Say
    from benchmarks.scaling import Figures as Scaling


@dataclass(frozen=True)
class Book:
    """The figures of every part, by the name of its module."""

    overhead: Gates
    large_outputs: Gates
    peers: Peers
    scaling: Scaling
    many_classes: Classes
    cache: Cached
    killed: Killed
    early_answers: Early
    measured: dict[str, Measured]

    @property
    def gates(self) -> tuple[Row, ...]:
        """All cases that are held to the bare loop."""
        return *self.overhead.rows, *self.large_outputs.rows


PARTS = tuple(field.name for field in fields(Book) if field.name != "measured")


def read(folder: Path) -> Book:
    """Every part as it is kept.

    Raises:
        OSError: A part was never measured.
        ReportError: A part was kept by another version of it.
    """
    found: dict[str, Any] = {}
    measured = {}
    for part in PARTS:
        kind = _module(part).Figures
        measured[part], found[part] = kept_in(folder, part, kind)
    return Book(**found, measured=measured)


def measure(part: str, folder: Path, say: Say, *, quick: bool) -> str:
    """Measure a part and keep its figures.

    Returns:
        Its tables.
    """
    module = _module(part)
    sizes = module.QUICK if quick else module.Sizes()
    started = time.perf_counter()
    figures = module.measure(sizes, say)
    seconds = round(time.perf_counter() - started, 1)
    keep(folder, part, sizes, figures, seconds)
    told: str = module.tables(figures)
    return told


def _module(part: str) -> Any:
    return importlib.import_module(f"benchmarks.{part}")
