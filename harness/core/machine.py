"""What of this machine is ours to use: its cores, and memory where it is limited."""

from __future__ import annotations

import math
import os
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")
# Version 2 of control groups has one tree; version 1 has one a controller.
_CPU = ("", "cpu", "cpu,cpuacct")
_MEMORY = ("", "memory")


def cores() -> tuple[int, ...]:
    """The cores that this process may run on, by number; none where no system tells."""
    affinity = getattr(os, "sched_getaffinity", None)
    return tuple(sorted(affinity(0))) if affinity else ()


def n_cores() -> float:
    """Cores' worth of time that this process may use: a container may have less."""
    return min(float(len(cores()) or os.cpu_count() or 1), quota())


def quota(cgroups: Path = _CGROUPS, own: Path = _OWN) -> float:
    """Cores' worth of time that a container may take; infinite where nothing says.

    Args:
        cgroups: Where the control groups are mounted.
        own: Tells which ones this process is in.
    """
    folders = _folders(cgroups, own, _CPU)
    return min(map(_quota_of, folders), default=math.inf)


def memory_left(cgroups: Path = _CGROUPS, own: Path = _OWN) -> float:
    """Bytes until a container's limit; infinite where there is none.

    Args:
        cgroups: Where the control groups are mounted.
        own: Tells which ones this process is in.
    """
    folders = _folders(cgroups, own, _MEMORY)
    return max(0.0, min(map(_room_of, folders), default=math.inf))


def _quota_of(group: Path) -> float:
    period = _numbers(group / "cpu.cfs_period_us")
    told = _numbers(group / "cpu.max")
    told = told or [*_numbers(group / "cpu.cfs_quota_us"), *period]
    given = len(told) == 2 and min(told) > 0
    return told[0] / told[1] if given else math.inf


def _room_of(group: Path) -> float:
    most, used = (
        _numbers(group / ours) or _numbers(group / older)
        for ours, older in (
            ("memory.max", "memory.limit_in_bytes"),
            ("memory.current", "memory.usage_in_bytes"),
        )
    )
    if not (most and used):
        return math.inf
    return most[0] - used[0] + _cached(group / "memory.stat")


def _cached(stat: Path) -> float:
    """Bytes of files that are kept for as long as nobody needs the room."""
    told = dict(line.split(" ", 1) for line in _lines(stat) if " " in line)
    return float(told.get("total_inactive_file", told.get("inactive_file", 0)))


def _folders(cgroups: Path, own: Path, trees: tuple[str, ...]) -> list[Path]:
    """Of the control groups of this process, and of those around them."""
    found = []
    for line in _lines(own):
        _, controllers, place = line.split(":", 2)
        if controllers in trees:
            inner = cgroups / controllers / place.strip("/")
            # In a container, the path may be that of the host.
            found += [inner, *inner.parents]
    return [folder for folder in found if folder.is_relative_to(cgroups)]


def _numbers(path: Path) -> list[float]:
    """None at all where the file is missing, or says ``max``."""
    words = " ".join(_lines(path)).split()
    numbers = [word for word in words if word.lstrip("-").isdecimal()]
    return [float(word) for word in numbers] if len(numbers) == len(words) else []


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except (OSError, ValueError):
        return []
