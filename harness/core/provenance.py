"""Where a result comes from: digests, versions, the machine. Standard library only."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from harness.core.remembered import remembered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_BLOCK = 1 << 20
_PACKAGES = (
    "model-quality-harness",
    "ai-edge-litert",
    "keras",
    "numpy",
    "onnx",
    "onnxruntime",
    "opencv-python-headless",
    "openvino",
    "scikit-learn",
    "skops",
    "tensorflow",
    "tensorflow-cpu",
    "torch",
)
# Instruction sets that decide which kernels a runtime picks, and so its last bits.
_CPU_FLAGS = frozenset(
    {
        *("amx_bf16", "amx_int8", "avx", "avx2", "avx512_bf16", "avx512_fp16"),
        *("avx512_vnni", "avx512bw", "avx512f", "avx_vnni", "f16c", "fma", "sse4_1"),
        *("asimd", "asimddp", "bf16", "fphp", "i8mm", "sve"),
    }
)


def sha256_of(path: Path) -> str:
    """Hex digest of a file, or of a folder's files with their relative names.

    Raises:
        OSError: The path cannot be read.
    """
    return remembered("sha256", path, lambda: _sha256_of(path))


def _sha256_of(path: Path) -> str:
    if path.is_file():
        return _digest_file(path)
    digest = hashlib.sha256()
    for file in _files(path):
        line = f"{file.relative_to(path).as_posix()}\0{_digest_file(file)}\n"
        digest.update(line.encode())
    return digest.hexdigest()


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder.

    Raises:
        OSError: The path cannot be read.
    """
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in _files(path))


def digest_of(value: object) -> str:
    """Hex sha256 of a JSON value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def environment(folder: Path) -> dict[str, object]:
    """Versions, machine, and the git commit of `folder`, None outside a checkout."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpu_count": os.cpu_count(),
        "cpu_flags": cpu_flags(),
        "packages": package_versions(),
        "git_commit": git_commit(folder),
    }


def package_versions() -> dict[str, str]:
    """Versions of ours and of the runtimes that are installed."""
    return versions_of(_PACKAGES)


def versions_of(packages: Iterable[str]) -> dict[str, str]:
    """Package -> version, of those that are installed."""
    found = {}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def cpu_flags() -> list[str]:
    """CPU features that change numbers, sorted; empty where the system hides them."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return []
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip().lower() in {"flags", "features"}:
            return sorted(_CPU_FLAGS.intersection(value.split()))
    return []


def git_commit(folder: Path) -> str | None:
    """HEAD of the checkout that holds `folder`, with ``+dirty`` where it has edits."""
    head = _git(folder, "rev-parse", "HEAD")
    if head is None:
        return None
    return f"{head}+dirty" if _git(folder, "status", "--porcelain") else head


def place_in_checkout(file: Path) -> str:
    """Path of a file as code hosts know it, with plain slashes.

    From the root of the checkout that holds it; outside of any from the working folder,
    where it lies below that; else its name. Looks for ``.git`` alone: images of CI have
    checkouts and may lack git.
    """
    whole = file.resolve()
    root = next((p for p in whole.parents if (p / ".git").exists()), Path.cwd())
    inside = whole.is_relative_to(root)
    return whole.relative_to(root).as_posix() if inside else whole.name


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _files(folder: Path) -> Iterator[Path]:
    folder.stat()  # rglob takes a missing folder for an empty one
    return (p for p in sorted(folder.rglob("*")) if p.is_file())


def _digest_file(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
