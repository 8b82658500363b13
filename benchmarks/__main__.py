"""The command that measures, keeps figures, and writes pages and plots from them."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from benchmarks.aims import aims
from benchmarks.book import PARTS, Book, measure, read
from benchmarks.fresh import ROOT
from benchmarks.kept import FIGURES
from benchmarks.pages import PICTURES, pages
from benchmarks.plots import plots
from benchmarks.progress import teller
from harness.core.files import replacing, write_text

DOCS = ROOT / "docs"
QUICK = ROOT / "build" / "benchmarks"


def main() -> None:
    arguments = _arguments()
    figures, docs = FIGURES, DOCS
    if arguments.into is not None:
        figures, docs = arguments.into / "figures", arguments.into / "docs"
        shutil.copytree(FIGURES, figures, dirs_exist_ok=True)
    for part in () if arguments.render else arguments.only:
        print(measure(part, figures, teller(part), quick=arguments.quick), end="\n\n")
    book = read(figures)
    write(book, docs)
    # Tiny sizes say nothing of how fast it is.
    for aim in () if arguments.quick else aims(book):
        mark = "met   " if aim.met else "MISSED"
        print(f"{mark} {aim.what}: {aim.found} ({aim.asked})")
    sys.stderr.write(f"written: {docs / 'performance.md'}\n")


def write(book: Book, docs: Path) -> None:
    """Pages and plots; what a page holds beside figures is taken from the docs."""
    for name, text in pages(book, DOCS).items():
        write_text(docs / name, text)
    for name, drawn in plots(book).items():
        with replacing(docs / PICTURES / name) as stream:
            stream.write(drawn)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measures, keeps figures, and writes pages and plots from them.",
    )
    parser.add_argument(
        "--only",
        type=_parts,
        default=PARTS,
        metavar="PART,...",
        help=f"measure these, take others as they were kept: {', '.join(PARTS)}",
    )
    parser.add_argument("--render", action="store_true", help="measure nothing")
    parser.add_argument(
        "--quick", action="store_true", help="tiny sizes: does all of it work?"
    )
    parser.add_argument(
        "--into",
        type=Path,
        help="write figures and docs there; the repository, or with --quick"
        f" {QUICK.relative_to(ROOT)}",
    )
    arguments = parser.parse_args()
    if arguments.quick and arguments.into is None:
        arguments.into = QUICK
    return arguments


def _parts(text: str) -> tuple[str, ...]:
    asked = tuple(text.split(","))
    if unknown := sorted({*asked} - {*PARTS}):
        raise argparse.ArgumentTypeError(f"no part is called {', '.join(unknown)}")
    return asked


if __name__ == "__main__":
    main()
