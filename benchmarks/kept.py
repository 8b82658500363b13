"""Figures as they are kept: one JSON file a part, with where they come from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from benchmarks.fresh import ROOT
from harness.core.codec import from_json, to_json
from harness.core.files import write_text
from harness.core.provenance import environment, versions_of

if TYPE_CHECKING:
    from pathlib import Path

F = TypeVar("F")

FIGURES = ROOT / "benchmarks" / "figures"
_PACKAGES = ("distributed", "numpy", "onnx", "onnxruntime", "polygraphy")


@dataclass(frozen=True)
class Measured:
    """When and where figures were taken.

    Attributes:
        date: Of their day, in UTC.
        machine: Architecture, as Python tells it.
        cores: Cores of the machine.
        features: Instruction sets that runtimes choose by.
        python: Its version.
        packages: Versions of what was measured, and measured with.
        sizes: How much was measured.
        seconds: That measuring took; not a number where nobody looked.
    """

    date: str
    machine: str
    cores: int
    features: tuple[str, ...]
    python: str
    packages: dict[str, str]
    sizes: dict[str, int]
    seconds: float


@dataclass(frozen=True)
class Kept:
    """What a file holds: figures as JSON, and where they come from."""

    measured: Measured
    figures: Any


def here(sizes: dict[str, int], seconds: float) -> Measured:
    """This day and this machine."""
    found: dict[str, Any] = dict(environment(ROOT))
    return Measured(
        datetime.now(UTC).date().isoformat(),
        found["machine"],
        found["cpu_count"],
        tuple(found["cpu_flags"]),
        found["python"],
        versions_of(_PACKAGES),
        sizes,
        seconds,
    )


def keep(
    folder: Path, part: str, sizes: object, figures: object, seconds: float
) -> None:
    """Write what was measured just now, which took so many seconds."""
    kept = to_json(Kept(here(to_json(sizes), seconds), to_json(figures)))
    write_text(folder / f"{part}.json", json.dumps(kept, indent=1) + "\n")


def kept_in(folder: Path, part: str, kind: type[F]) -> tuple[Measured, F]:
    """The figures of a part, and where they come from.

    Raises:
        OSError: They were never measured.
        ReportError: They were kept by another version of that part.
    """
    value = json.loads((folder / f"{part}.json").read_text(encoding="utf-8"))
    kept = from_json(Kept, value)
    return kept.measured, from_json(kind, kept.figures, f"{part}.figures")
