"""Names and shapes in an HDF5 file, as one line of JSON: a process of its own.

The HDF5 library is native code that damaged files can crash or hang, so that nothing
else may live in the process that opens one. No values are read but the file's own
attributes, and no links are followed.

Run as ``python -P -m harness.inspection.hdf5_child FILE [ENTRY OF AN ARCHIVE]``.
"""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import h5py

from harness.core.archives import open_archive, open_entry
from harness.core.errors import HarnessError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

_MAX_OBJECTS = 100_000
# A configuration is text of some MB at most.
_MAX_ATTRIBUTE = 64 << 20
# Keras does not pack its weights; who does gets them unpacked up to here.
_MAX_PACKED = 1 << 30


def main(path: str, entry: str = "") -> None:
    """Print what the file, or an entry of the archive, holds."""
    found: dict[str, Any] = {"texts": {}, "arrays": [], "safety": []}
    try:
        with _source(Path(path), entry) as source, h5py.File(source, "r") as file:
            _texts(file, found)
            _walk(file, found)
    except HarnessError as error:
        found = {"error": error.message}
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        found = {"error": str(error)}
    sys.stdout.write(json.dumps(found))


def _source(path: Path, entry: str) -> AbstractContextManager[Path | IO[bytes]]:
    if not entry:
        return nullcontext(path)
    with open_archive(path) as archive:
        stream = open_entry(path, archive, entry, _MAX_PACKED)
    if stream is None:
        raise ValueError(f"{entry} is packed, and larger than {_MAX_PACKED >> 30} GiB")
    return stream


def _texts(file: Any, found: dict[str, Any]) -> None:
    for name in sorted(file.attrs):
        if file.attrs.get_id(name).get_storage_size() > _MAX_ATTRIBUTE:
            raise ValueError(f"attribute {name!r} is larger than 64 MiB")
        value = file.attrs[name]
        if isinstance(value, bytes):
            value = value.decode(errors="replace")
        if isinstance(value, str):
            found["texts"][name] = value


def _walk(file: Any, found: dict[str, Any]) -> None:
    """Each object once, whatever links lead to it; links to other files not at all."""
    waiting, seen = [("", file)], set()
    while waiting:
        prefix, group = waiting.pop()
        for name in group:
            where = f"{prefix}/{name}"
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                found["safety"].append(f"{where} links into the file {link.filename!r}")
            if not isinstance(link, h5py.HardLink):
                continue
            item = group[name]
            address = h5py.h5o.get_info(item.id).addr
            if address in seen:
                continue
            seen.add(address)
            if len(seen) > _MAX_OBJECTS:
                raise ValueError(f"it has more than {_MAX_OBJECTS:,} objects")
            if isinstance(item, h5py.Group):
                waiting.append((where, item))
            elif isinstance(item, h5py.Dataset):
                _array(where, item, found)


def _array(where: str, item: Any, found: dict[str, Any]) -> None:
    for name, *_ in item.external or ():
        found["safety"].append(f"{where} keeps its values in the file {name!r}")
    if item.is_virtual:
        found["safety"].append(f"{where} is put together from other files")
    if item.shape is not None:
        dtype = "str" if item.dtype.kind in "OSU" else item.dtype.name
        found["arrays"].append([where, dtype, [int(length) for length in item.shape]])


if __name__ == "__main__":
    main(*sys.argv[1:])
