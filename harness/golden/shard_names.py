"""Shards by one name: a folder of them, or a number to count in braces."""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING

from harness.core.errors import GoldenError, MissingGoldenError
from harness.golden.forms import TAR

if TYPE_CHECKING:
    from pathlib import Path

_BRACES = re.compile(r"\{(\d+)\.\.(\d+)\}")
_MOST_SHARDS = 100_000


def shard_files(path: Path) -> list[Path]:
    """The tar files that a path means, in their order.

    Raises:
        MissingGoldenError: One of them is not there.
        GoldenError: Braces count more than 100,000.
    """
    if path.is_dir():
        files = sorted(path.glob(f"*{TAR}"))
    else:
        files = [path.with_name(name) for name in expanded(path.name)]
    for file in files:
        if not file.is_file():
            raise MissingGoldenError(
                f"{file} does not exist", hint="check the path, or create the data"
            )
    return files


def expanded(name: str) -> list[str]:
    """Names with every ``{000..009}`` counted; as many digits as the first has.

    Raises:
        GoldenError: They are more than 100,000.
    """
    parts = _BRACES.split(name)
    ranges = list(zip(parts[1::3], parts[2::3], strict=True))
    n_names = 1
    for low, high in ranges:
        n_names *= max(0, int(high) - int(low) + 1)
    if not 0 < n_names <= _MOST_SHARDS:
        raise GoldenError(
            f"{name} counts {n_names:,} shards, allowed are 1 to {_MOST_SHARDS:,}",
            hint="write the first and the last number: {000..009}",
        )
    counted = [
        [str(n).zfill(len(low)) for n in range(int(low), int(high) + 1)]
        for low, high in ranges
    ]
    return [
        "".join(a + b for a, b in zip(parts[::3], (*numbers, ""), strict=True))
        for numbers in product(*counted)
    ]
