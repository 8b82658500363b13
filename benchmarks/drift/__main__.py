"""The command line of the bench."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.drift.bench import Wish, run_bench
from benchmarks.drift.score import as_json, figures, missed, table
from benchmarks.drift.topologies import DEFAULT_CACHE, TOPOLOGIES

if TYPE_CHECKING:
    from benchmarks.drift.score import Record


def main() -> None:
    arguments = _arguments()
    wish = Wish(
        arguments.cache.expanduser(),
        tuple(arguments.cause),
        tuple(arguments.topology),
        arguments.limit,
    )
    start = time.perf_counter()
    records = run_bench(wish, arguments.jobs, _progress)
    sys.stderr.write("\n")
    if arguments.show_missed:
        print(missed(records), end="\n\n")
    print(table(figures(records)))
    print(f"{len(records)} pairs in {time.perf_counter() - start:.0f} s")
    if arguments.json:
        arguments.json.write_text(json.dumps(as_json(records), indent=1))


def _progress(record: Record) -> None:
    mark = "." if record.right else "x"
    sys.stderr.write(mark)
    sys.stderr.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.drift",
        description="Injected faults and clean rewrites, put to the drift engine.",
    )
    more: dict[str, Any] = {"action": "append", "default": []}
    parser.add_argument("--cause", help="slug, its beginning, or 'clean'", **more)
    parser.add_argument("--topology", choices=sorted([*TOPOLOGIES, "formats"]), **more)
    parser.add_argument("--limit", type=int, default=0, help="pairs a topology")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE)
    parser.add_argument("--json", type=Path, help="figures and every pair")
    parser.add_argument("--show-missed", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
