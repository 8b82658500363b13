"""Shards as Parquet: a column an array, tensors of a fixed shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from harness.core.errors import GoldenError
from harness.core.files import replacing

if TYPE_CHECKING:
    from pathlib import Path

    from harness.core.protocols import Array, Arrays

# A span of samples unpacks whole groups: small enough for that to cost little.
_GROUP_BYTES = 8 << 20


def write_parquet(path: Path, arrays: Arrays) -> None:
    """Write a shard; with one release of Arrow, same arrays, same bytes.

    Raises:
        GoldenError: An array is of a kind that Parquet does not know.
        ReportError: The file cannot be written.
    """
    table = pa.table({name: _column(name, array) for name, array in arrays.items()})
    rows = max(1, len(table))
    group = max(1, _GROUP_BYTES * rows // max(1, table.nbytes))
    with replacing(path) as stream:
        pq.write_table(table, stream, row_group_size=group)


def _column(name: str, array: Array) -> Any:
    try:
        if array.dtype.kind == "U":
            return pa.array(array.tolist())
        if array.ndim == 1:
            return pa.array(array)
        return _tensors(np.ascontiguousarray(array))
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise GoldenError(
            f"{array.dtype} array {name!r} {array.shape} is none for Parquet: {error}",
            hint="write the set as npz: --format npz",
        ) from error


def _tensors(array: Array) -> Any:
    shape = array.shape[1:]
    size = int(np.prod(shape, dtype=object))
    if size == 0:
        raise ValueError("its samples hold nothing")
    flat = pa.array(array.reshape(-1))
    kind = pa.fixed_shape_tensor(flat.type, shape)
    storage = pa.FixedSizeListArray.from_arrays(flat, size)
    return pa.ExtensionArray.from_storage(kind, storage)
