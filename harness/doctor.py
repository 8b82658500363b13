"""What runs here: backends and their versions, CPU features, runtime canaries.

Canaries are small models whose answers are known (`harness.canaries`): they tell which
known drift *this* installed runtime shows, whatever a table says.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.backends.table import BACKENDS, NOTICES
from harness.comparison import TASK_NOTICES
from harness.core.provenance import cpu_flags, package_versions
from harness.pipeline.canaries import canaries

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.canaries import Canary

_WIDTH = 80


@dataclass(frozen=True, slots=True)
class BackendHealth:
    """One backend: whether it can run here, and how to get it if not."""

    name: str
    missing: tuple[str, ...]
    hint: str | None


@dataclass(frozen=True, slots=True)
class Health:
    """Everything `examine` looked at."""

    backends: tuple[BackendHealth, ...]
    versions: dict[str, str]
    cpu_flags: tuple[str, ...]
    canaries: tuple[Canary, ...]

    @property
    def sound(self) -> bool:
        """Whether the backends of the base install are all there."""
        return all(b.hint is None for b in self.backends if b.name in _BASE)


_BASE = ("onnxruntime", "replay")


def examine() -> Health:
    """Look at this machine; loads nothing but onnxruntime."""
    return Health(
        backends=tuple(_backend(name) for name in BACKENDS),
        versions=package_versions(),
        cpu_flags=tuple(cpu_flags()),
        canaries=canaries(),
    )


def render_health(health: Health) -> str:
    """Plain text for a terminal of 80 columns."""
    lines = ["Backends"]
    for backend in health.backends:
        state = f"not installed: {backend.hint}" if backend.hint else "runs here"
        lines.append(f"  {backend.name:<14} {state}")
    lines += [f"  {notice}" for notice in (*NOTICES, *TASK_NOTICES)]
    lines.append("Versions")
    lines += [f"  {name:<24} {number}" for name, number in health.versions.items()]
    lines.append("CPU features that change numbers")
    lines.append(f"  {' '.join(health.cpu_flags) or 'unknown'}")
    lines += ["Runtime canaries", *_canaries(health.canaries)]
    return "\n".join(lines) + "\n"


def _backend(name: str) -> BackendHealth:
    entry = BACKENDS.entry(name)
    missing = entry.missing()
    return BackendHealth(name, missing, entry.install_hint() if missing else None)


def _canaries(canaries: Sequence[Canary]) -> Iterator[str]:
    """One line each; what drifts is told in full, and first."""
    told = [canary for canary in canaries if canary.state != "sound"]
    for canary in sorted(told, key=lambda canary: not canary.drifts):
        yield f"  {canary.name}: {canary.state.upper()}{_size(canary)}"
        for text in (canary.tells, canary.detail):
            yield from _indented(text)
    names = [canary.name for canary in canaries if canary.state == "sound"]
    yield f"  {len(names)} sound:"
    yield from _indented("; ".join(names))


def _indented(text: str) -> list[str]:
    indent = " " * 4
    return textwrap.wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=indent)


def _size(canary: Canary) -> str:
    if canary.max_abs_error is None:
        return ""
    return f" (max error {canary.max_abs_error:.2g})"
