"""What is asked of the harness, and whether the figures hold it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import cache, scaling
from benchmarks.tables import marked, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.book import Book


@dataclass(frozen=True)
class Aim:
    """What is asked, what was found, and whether that is enough."""

    what: str
    asked: str
    found: str
    met: bool


def aims(book: Book) -> tuple[Aim, ...]:
    """In the order of the page."""
    return *_gates(book), *_growth(book), *_cache(book), _killed(book)


def _gates(book: Book) -> Iterator[Aim]:
    for row in book.gates:
        if row.is_aimed:
            what = f"gate to the bare loop: {row.case}, {row.samples:,} samples"
            yield Aim(what, f"≤ {row.aim}", f"{row.gated:.2f}", row.gated <= row.aim)


def _growth(book: Book) -> Iterator[Aim]:
    figures = book.scaling
    for one in figures.shared:
        if one.aim is not None:
            found = figures.faster(one)
            what = f"{one.name} to one process"
            yield Aim(what, f"≥ {one.aim} x", f"{found:.2f} x", found >= one.aim)
    most = figures.samples[-1].n
    what = f"peak memory, {scaling.FLAT_FROM:,} to {most:,} samples"
    asked, swing = f"± {scaling.FLAT_MB} MB", figures.swing
    yield Aim(what, asked, f"{swing:.0f} MB", swing <= scaling.FLAT_MB)


def _cache(book: Book) -> Iterator[Aim]:
    figures = book.cache
    what = "nothing changed, past the interpreter's start"
    most, found = cache.AIM_UNCHANGED, figures.unchanged
    yield Aim(what, f"≤ {most:.0f} s", f"{found:.1f} s", found <= most)
    what = "one candidate changed, to its bare loop, by the clock"
    most, found = cache.AIM_CHANGED, figures.changed
    yield Aim(what, f"≤ {most} x", f"{found:.2f} x", found <= most)


def _killed(book: Book) -> Aim:
    figures = book.killed
    what = f"runs killed with SIGKILL, {figures.kills} of them: the same report after"
    return Aim(what, "all", str(figures.same), figures.is_sound)


def tables(book: Book) -> str:
    """Aims and what was found; bold is what misses."""
    columns = "<what is asked", "aim", "measured", "<"
    return table(columns, map(_cells, aims(book)))


def _cells(aim: Aim) -> tuple[str, ...]:
    met = "met" if aim.met else "missed"
    return aim.what, aim.asked, marked(aim.found, aim.met), met
