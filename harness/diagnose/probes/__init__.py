"""One cause a file: a module with a `PROBE` is a probe, found by being here."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from harness.diagnose.run_causes import RUN_CAUSES
from harness.diagnose.transplant import CAUSE as UNKNOWN

if TYPE_CHECKING:
    from harness.diagnose.cause import Cause, CauseProbe


@cache
def probes() -> tuple[CauseProbe, ...]:
    """All probes, in the order in which they are asked.

    Imported at the first call: a run in which nothing parts pays nothing for them.
    """
    names = sorted(item.name for item in iter_modules(__path__))
    modules = [import_module(f"{__name__}.{name}") for name in names]
    found: list[CauseProbe] = [m.PROBE for m in modules if hasattr(m, "PROBE")]
    return tuple(sorted(found, key=lambda p: (p.cause.rank, p.cause.code)))


@cache
def causes() -> dict[str, Cause]:
    """All causes by code, those without a probe among them."""
    known = (*(probe.cause for probe in probes()), UNKNOWN, *RUN_CAUSES)
    return {cause.code: cause for cause in known}


def table() -> str:
    """All causes as rows of a Markdown table, by slug."""
    rows = sorted(causes().values(), key=lambda cause: (cause.slug, cause.code))
    return "".join(
        f"| [{c.code}]({c.code}.md) | `{c.slug}` | {c.line} |\n" for c in rows
    )
