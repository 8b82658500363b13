"""What a run was made of, fact by fact, and what differs between two runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.trends import Difference

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.core.results import QualityReport, VariantResult

_CPU_FLAGS = "CPU flags"
_COMMIT = "git commit"
# The likeliest cause first; what is not named here stands where the dots are.
_ORDER = (
    *("model", "reference model", "golden data", "samples", "preprocessing"),
    *("backend", "runtime", "batch size", "limit", "...", "package", _CPU_FLAGS),
    *("CPU count", "python", "platform", "machine", _COMMIT),
)
_HOST = {
    "CPU count": "cpu_count",
    "python": "python",
    "platform": "platform",
    "machine": "machine",
    _COMMIT: "git_commit",
}


def run_facts(report: QualityReport) -> dict[str, str]:
    """What holds for all variants of a run."""
    told = report.provenance
    facts = {
        "golden data": report.golden.digest,
        "samples": str(report.golden.n_samples),
        "preprocessing": report.golden.preprocess_digest,
        **{what: str(told[key]) for what, key in _HOST.items() if told.get(key)},
    }
    flags = told.get("cpu_flags")
    if isinstance(flags, (list, tuple)) and flags:
        facts[_CPU_FLAGS] = " ".join(sorted(map(str, flags)))
    packages = told.get("packages")
    for name, version in packages.items() if isinstance(packages, dict) else ():
        facts[f"package {name}"] = str(version)
    if report.reference.sha256:
        facts["reference model"] = report.reference.sha256
    return facts


def variant_facts(variant: VariantResult) -> dict[str, str]:
    """What holds for one variant of a run."""
    known = {
        "model": variant.sha256,
        "backend": variant.backend,
        "batch size": variant.batch_size,
        **{f"runtime {key}": value for key, value in variant.runtime.items()},
        **{f"limit {check.name}": check.limit for check in variant.checks},
    }
    return {what: str(value) for what, value in known.items() if value is not None}


def differences(
    before: Mapping[str, str], after: Mapping[str, str]
) -> tuple[Difference, ...]:
    """Facts that differ, the likeliest cause of a moved number first."""
    found = [
        _difference(what, before.get(what), after.get(what))
        for what in before.keys() | after.keys()
        if before.get(what) != after.get(what)
    ]
    return tuple(sorted(found, key=lambda each: (_rank(each.what), each.what)))


def _difference(what: str, before: str | None, after: str | None) -> Difference:
    if what != _CPU_FLAGS or before is None or after is None:
        return Difference(what, before, after)
    # A dozen flags are the same: what left and what came is the news.
    then, now = set(before.split()), set(after.split())
    lost, gained = sorted(then - now), sorted(now - then)
    return Difference(what, " ".join(lost) or None, " ".join(gained) or None)


def _rank(what: str) -> int:
    kind = what if what in _ORDER else what.partition(" ")[0]
    return _ORDER.index(kind if kind in _ORDER else "...")
