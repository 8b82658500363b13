"""Shards in WebDataset's form: a few small files a sample, sample after sample."""

from __future__ import annotations

import io
import json
import tarfile
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np
from numpy.lib import format as npy

from harness.core.errors import GoldenError
from harness.core.files import replacing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.core.protocols import Array, Arrays

# What JSON gives back as it was.
_PLAIN = (np.dtype(bool), np.dtype(np.int64), np.dtype(np.float64))
_LABEL = "label"


def write_tar(path: Path, arrays: Arrays) -> None:
    """Write a shard: ``.cls`` of labels, ``.json`` of single values, else ``.npy``.

    Without dates and owners: same arrays, same bytes.

    Raises:
        GoldenError: An array holds Python objects.
        ReportError: The file cannot be written.
    """
    rows = len(next(iter(arrays.values())))
    with (
        replacing(path) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as archive,
    ):
        for row in range(rows):
            sample = {name: array[row] for name, array in arrays.items()}
            for kind, content in _files(sample):
                info = tarfile.TarInfo(f"{path.stem}/{row:06}.{kind}")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))


def _files(sample: dict[str, Array]) -> Iterator[tuple[str, bytes]]:
    single = {name: value for name, value in sample.items() if _is_single(value)}
    if _LABEL in single:
        yield "cls", str(single.pop(_LABEL)).encode()
    if single:
        plain = {name: value.item() for name, value in single.items()}
        yield "json", json.dumps(plain, sort_keys=True).encode()
    for name, value in sample.items():
        if name != _LABEL and name not in single:
            yield f"{quote(name, safe=':')}.npy", _npy(name, np.asarray(value))


def _is_single(value: Array) -> bool:
    return value.ndim == 0 and (value.dtype in _PLAIN or value.dtype.kind == "U")


def _npy(name: str, value: Array) -> bytes:
    if value.dtype.hasobject:
        raise GoldenError(
            f"array {name!r} holds Python objects, which could only be pickled",
            hint="save it as numbers or as text: array.astype(str)",
        )
    stream = io.BytesIO()
    npy.write_array(stream, np.asarray(value, order="C"), allow_pickle=False)
    return stream.getvalue()
