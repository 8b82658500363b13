"""What an HDF5 file holds, told by a process that may crash on it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from harness.formats.malformed import Malformed
from harness.inspection.tally import Weights

if TYPE_CHECKING:
    from pathlib import Path

NOT_INSTALLED = (
    "weights: h5py is not installed (pip install 'model-quality-harness[tensorflow]')"
)
_CHILD = ("-P", "-m", "harness.inspection.hdf5_child")
_PATIENCE = 60.0


@dataclass(slots=True)
class Hdf5:
    """What a file holds.

    Attributes:
        weights: All of its arrays.
        texts: Attributes of the file as a whole that are texts.
        safety: Where it reads from other files.
    """

    weights: Weights = field(default_factory=Weights)
    texts: dict[str, str] = field(default_factory=dict)
    safety: tuple[str, ...] = ()


def read_hdf5(path: Path, entry: str = "") -> Hdf5 | None:
    """What an HDF5 file holds; None without h5py.

    Args:
        path: The file, or an archive.
        entry: Which entry of the archive it is.

    Raises:
        Malformed: It is cut short or damaged, has more than 100,000 objects, or the
            HDF5 library crashes or hangs on it.
    """
    if find_spec("h5py") is None:
        return None
    arguments = [str(path), entry] if entry else [str(path)]
    try:
        done = subprocess.run(
            [sys.executable, *_CHILD, *arguments],
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Malformed(f"its HDF5 was not read within {_PATIENCE:.0f} s") from error
    if done.returncode:
        raise Malformed(f"the HDF5 library {_ending(done.returncode)} on it")
    return _held(json.loads(done.stdout))


def _ending(code: int) -> str:
    if code > 0:
        return f"ended with the code {code}"
    return f"crashed ({signal.Signals(-code).name})"


def _held(answer: dict[str, Any]) -> Hdf5:
    if "error" in answer:
        raise Malformed(f"its HDF5 cannot be read: {answer['error']}")
    found = Hdf5()
    found.texts, found.safety = answer["texts"], tuple(answer["safety"])
    for where, dtype, shape in answer["arrays"]:
        # Momentum and the like of the training are no parameters of the model.
        counts = not where.startswith("/optimizer")
        found.weights.add(dtype, shape, is_parameter=counts)
    return found
