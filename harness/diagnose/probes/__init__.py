"""One cause a file: a module with a `PROBE` is a probe, found by being here."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from harness.diagnose.run_causes import RUN_CAUSES
from harness.diagnose.transplant import CAUSE as UNKNOWN

if TYPE_CHECKING:
    from harness.diagnose.cause import Cause, CauseProbe


def _found() -> tuple[CauseProbe, ...]:
    names = sorted(item.name for item in iter_modules(__path__))
    modules = [import_module(f"{__name__}.{name}") for name in names]
    probes: list[CauseProbe] = [m.PROBE for m in modules if hasattr(m, "PROBE")]
    return tuple(sorted(probes, key=lambda p: (p.cause.rank, p.cause.code)))


PROBES = _found()
CAUSES: dict[str, Cause] = {
    cause.code: cause
    for cause in (*(probe.cause for probe in PROBES), UNKNOWN, *RUN_CAUSES)
}


def table() -> str:
    """All causes as rows of a Markdown table, by slug."""
    rows = sorted(CAUSES.values(), key=lambda cause: (cause.slug, cause.code))
    return "".join(
        f"| [{c.code}]({c.code}.md) | `{c.slug}` | {c.line} |\n" for c in rows
    )
