"""Pages of the documentation, or parts of them, written from the kept figures."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2

from benchmarks import (
    aims,
    cache,
    early_answers,
    killed,
    many_classes,
    overhead,
    peers,
    scaling,
)
from benchmarks.plan import plan
from benchmarks.tables import table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from benchmarks.book import Book
    from benchmarks.kept import Measured

PICTURES = "images/benchmarks"
# The most telling first.
_FEATURES = ("avx512_vnni", "avx_vnni", "avx2", "i8mm", "asimddp")
_WORDS = {1: "one core", 2: "two cores", 4: "four cores", 8: "eight cores"}


def pages(book: Book, docs: Path) -> dict[str, str]:
    """Name of a page -> its text; those that are written by hand are read in `docs`.

    Raises:
        ValueError: A page lost the comments that mark what is written here.
    """
    plan_text = _rendered("plan.md.j2", plan=plan(book))
    early = early_answers.tables(book.early_answers)
    return {
        "performance.md": performance(book),
        "scaling.md": _with_block(docs / "scaling.md", "plan", plan_text),
        "gate.md": _with_block(docs / "gate.md", "early answers", early),
    }


def performance(book: Book) -> str:
    """The page of figures."""
    return _rendered(
        "performance.md.j2",
        picture=_picture,
        aims=aims.tables(book),
        machine=_machine(book.measured["overhead"]),
        gates=overhead.ratios(overhead.Figures(book.gates)),
        peaks=overhead.peaks(book.overhead),
        peers=peers.tables(book.peers),
        scaling=book.scaling,
        by_workers=scaling.by_workers(book.scaling),
        by_samples=scaling.by_samples(book.scaling),
        by_classes=scaling.by_classes(book.scaling),
        by_variants=scaling.by_variants(book.scaling),
        many_classes=many_classes.tables(book.many_classes),
        cache=book.cache,
        cached=cache.tables(book.cache),
        killed=book.killed,
        kills=killed.tables(book.killed),
        sources=table(_SOURCES, _sources(book)),
        **_once(book),
    )


def _once(book: Book) -> dict[str, float]:
    """Seconds that are spent once a run, as the shortest loop shows them."""
    row = min(book.gates, key=lambda row: row.bare)
    changed, bare = (book.cache.row(what) for what in (cache.CANDIDATE, cache.BARE))
    return {
        "short_loop": row.bare,
        "once": (row.alone - row.passed) * row.bare,
        "once_isolated": (row.gated - row.passed) * row.bare,
        "beyond": changed.processors - bare.processors,
    }


def _rendered(name: str, **told: Any) -> str:
    # Markdown: there is nothing to escape.
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
    )
    text: str = environment.get_template(name).render(told)
    return text


def _picture(name: str, told: str) -> str:
    """A plot in the colours of the reader's theme."""
    dark, light = (f"{PICTURES}/{name}-{theme}.svg" for theme in ("dark", "light"))
    return (
        "<picture>\n"
        f'  <source media="(prefers-color-scheme: dark)" srcset="{dark}">\n'
        f'  <img alt="{told}" src="{light}">\n'
        "</picture>"
    )


def _with_block(page: Path, name: str, text: str) -> str:
    """The page with other text between the comments that mark it."""
    whole = page.read_text(encoding="utf-8")
    first = f"<!-- {name}: written by python -m benchmarks -->\n"
    last = f"<!-- end of {name} -->\n"
    before, found, rest = whole.partition(first)
    _, ended, after = rest.partition(last)
    if not (found and ended):
        raise ValueError(f"{page} has no {first.strip()} with {last.strip()} behind it")
    return f"{before}{first}\n{text.strip()}\n\n{last}{after}"


_SOURCES = ("<part", "date", "s", "<machine")


def _sources(book: Book) -> Iterator[tuple[str, ...]]:
    for part, measured in book.measured.items():
        took = "" if math.isnan(measured.seconds) else f"{measured.seconds:,.0f}"
        yield f"`benchmarks.{part}`", measured.date, took, _machine(measured)


def _machine(measured: Measured) -> str:
    cores = _WORDS.get(measured.cores, f"{measured.cores} cores")
    features = [name for name in _FEATURES if name in measured.features]
    known = ", ".join([measured.machine, *features[:1]])
    runtime = measured.packages["onnxruntime"]
    return f"{cores} ({known}), onnxruntime {runtime}, Python {measured.python}"
