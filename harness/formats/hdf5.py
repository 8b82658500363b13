"""HDF5 files, opened by a process that may crash on them.

A process of its own lists what a file holds. Arrays that lie in one piece, as Keras
writes them, are then mapped here at their place, and the HDF5 library never sees them
again; packed ones cost one more process each (a few tenths of a second).
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.formats.malformed import Malformed

if TYPE_CHECKING:
    from pathlib import Path

    from harness.core.protocols import Array
    from harness.formats.regions import Region

_CHILD = ("-P", "-m", "harness.formats.hdf5_child")
_PATIENCE = 60.0
_PATIENCE_OF_VALUES = 600.0


@dataclass(frozen=True, slots=True)
class Hdf5Array:
    """One array.

    Attributes:
        name: Its path in the file, from "/" on.
        dtype: Name of its type; "str" for texts.
        stored: numpy's code of what lies in the file (">f4").
        shape: Its lengths.
        offset: Its first byte in the file; None where it does not lie in one piece.
    """

    name: str
    dtype: str
    stored: str
    shape: tuple[int, ...]
    offset: int | None


@dataclass(slots=True)
class Hdf5:
    """What a file holds.

    Attributes:
        arrays: All of them.
        texts: Attributes of the file as a whole that are texts.
        names: Group -> its attribute "name".
        safety: Where it reads from other files.
    """

    arrays: tuple[Hdf5Array, ...] = ()
    texts: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
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
    answer: dict[str, Any] = json.loads(_asked([str(path), entry], _PATIENCE))
    arrays = tuple(
        Hdf5Array(a["name"], a["dtype"], a["stored"], tuple(a["shape"]), a["offset"])
        for a in answer["arrays"]
    )
    return Hdf5(arrays, answer["texts"], answer["names"], tuple(answer["safety"]))


def values_of(array: Hdf5Array, region: Region, path: Path, entry: str) -> Array:
    """An array's numbers as stored: mapped, or read by a process of its own.

    Args:
        array: Which.
        region: Where the HDF5 file lies: all of a file, or an entry of an archive.
        path: The file, or the archive.
        entry: Which entry of the archive it is, "" for a file.

    Raises:
        Malformed: It reaches beyond the file's end, or cannot be unpacked.
        OSError: The file cannot be read.
    """
    dtype = np.dtype(array.stored)
    if dtype.kind == "V":
        dtype = np.dtype(f"u{dtype.itemsize}")
    n_bytes = int(np.prod(array.shape, dtype=object)) * dtype.itemsize
    if array.offset is not None:
        block = region.strided(np.dtype(np.uint8), array.offset, (n_bytes,), (1,))
    else:
        data = _asked([str(path), entry, array.name], _PATIENCE_OF_VALUES)
        block = np.frombuffer(data, np.uint8)
    if block.size != n_bytes:
        raise Malformed(f"it has {block.size:,} bytes instead of {n_bytes:,}")
    values = np.require(block, requirements="A").view(dtype)
    return values.reshape(array.shape)


def _asked(arguments: list[str], patience: float) -> bytes:
    try:
        done = subprocess.run(
            [sys.executable, *_CHILD, *arguments],
            capture_output=True,
            timeout=patience,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Malformed(f"its HDF5 was not read within {patience:.0f} s") from error
    if done.returncode:
        raise Malformed(_failure(done))
    return done.stdout


def _failure(done: subprocess.CompletedProcess[bytes]) -> str:
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        return f"the HDF5 library crashed ({name}) on it"
    try:
        return f"its HDF5 cannot be read: {json.loads(done.stdout)['error']}"
    except (ValueError, TypeError, KeyError):
        return f"the HDF5 library ended with the code {done.returncode} on it"
