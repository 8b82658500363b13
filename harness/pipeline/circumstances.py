"""What numbers depend on beside models and data: versions, machine, environment."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from harness.core import machine
from harness.core.provenance import cpu_flags
from harness.core.registry import DISTRIBUTION

if TYPE_CHECKING:
    from harness.core.registry import LazyEntry

# Variables by which runtimes are told how to compute.
_VARIABLES = (
    *("BLIS_", "CUDA_", "DNNL_", "GOTO_", "KERAS_", "KMP_", "MKL_", "NPY_", "NUMBA_"),
    *("OMP_", "ONEDNN_", "ONNX", "OPENBLAS_", "OPENCV_", "OPENVINO_", "ORT_", "OV_"),
    *("PYTORCH_", "TF_", "TFLITE_", "TORCH_", "VECLIB_", "XLA_", "XNNPACK_"),
)
# Import name -> the packages that it may come from, where it is not their name.
_PACKAGES = {
    "cv2": ("opencv-python-headless", "opencv-python"),
    "grpc": ("grpcio",),
    "sklearn": ("scikit-learn",),
    "tensorflow": ("tensorflow", "tensorflow-cpu"),
}
_METADATA = (".dist-info", ".egg-info")


def circumstances(*, cores: bool = True) -> dict[str, object]:
    """What every number of a run may depend on.

    Args:
        cores: Whether on how many there are: not where threads are counted out.
    """
    return {
        "harness": own_code(),
        "python": platform.python_version(),
        "numpy": version_of("numpy"),
        "machine": [platform.system(), platform.machine(), cpu_flags()],
        "cores": len(machine.cores()) or os.cpu_count() if cores else None,
        "variables": {
            name: value
            for name, value in sorted(os.environ.items())
            if name.startswith(_VARIABLES)
        },
    }


@cache
def own_code() -> str:
    """Digest of our own source: an edit of it may change any number."""
    folder = Path(__file__).parents[1]
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        found.update(f"{path.relative_to(folder).as_posix()}\0".encode())
        found.update(path.read_bytes())
    return found.hexdigest()


def backend_versions(entry: LazyEntry) -> dict[str, str | None]:
    """Versions of the packages that a backend runs with; None of what is missing."""
    names = [name for need in entry.requires for name in _PACKAGES.get(need, (need,))]
    if entry.distribution != DISTRIBUTION:
        names.append(entry.distribution)
    return {name: version_of(name) for name in names}


@cache
def version_of(package: str) -> str | None:
    """Version of an installed package."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@cache
def installed() -> tuple[str, ...]:
    """All packages that can be imported, with their versions."""
    found: set[str] = set()
    for place in sys.path:
        try:
            names = [path.name for path in Path(place or ".").iterdir()]
        except OSError:
            continue  # no folder: an archive, or not there
        found.update(name for name in names if name.endswith(_METADATA))
    return tuple(sorted(found))
